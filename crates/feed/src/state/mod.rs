//! What outlives the program: the formats of the files of a state directory, as pure code over octets.
//!
//! A *line* ([`Lineage`](rtrcast_proto::Lineage)) is what routers know data sets by: session ids and serials. In a line a
//! serial names one set for ever, whatever is lost, copied or restored from a backup; see [`recover`].
//!
//! * [`SnapshotHeader`], [`SnapshotReader`]: the set that is served;
//! * [`Change`], [`ChangeLog`]: what changed since, one change behind the other, and the record of changes;
//! * [`recover`]: both together, when the program starts;
//! * [`Keeper`]: what of all that is written, and when;
//! * [`StoredSource`], [`SourceReader`]: a source's tables, and the revision of the newest.
//!
//! All files begin with their kind, the format number [`FORMAT`] and a header. Whatever is read is covered by a checksum
//! (XXH3), tables by one for each 64 KiB; and octets become an [`Image`](rtrcast_proto::Image) only through
//! [`Image::from_octets`](rtrcast_proto::Image::from_octets), which checks each record.

mod change;
mod error;
mod explain;
mod file;
mod filter;
mod keeper;
mod log;
mod octets;
mod recovery;
mod set_hash;
mod snapshot;
mod source;
mod tables;

pub use change::{Change, ChangeCause, ChangeReason, ChangedRecord, OmittedRecords};
pub use error::{FORMAT, StateError};
pub use file::FileKind;
pub use filter::ChangeFilter;
pub use keeper::{HANGING_MIN, Keeper, KeeperLimits, Keeping, StateWrite};
pub use log::{ChangeLog, LogHeader};
pub use recovery::{Recovered, recover};
pub use set_hash::SetHash;
pub use snapshot::{MachineId, SetName, Snapshot, SnapshotHeader, SnapshotReader, digest_of};
pub use source::{SourceReader, SourceRevision, StoredSource, source_hash};
pub use tables::ReadStateError;
