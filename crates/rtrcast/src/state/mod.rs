//! The state directory: what outlives the program, so that a restart is no new session for routers.
//!
//! What is written and when is decided by [`Keeper`](rtrcast_feed::state::Keeper), which touches no disk, and the formats
//! are those of `rtrcast_feed::state`. Here are the files (`directory.rs`, `files.rs`), reading them at a start
//! (`load.rs`) and for a look (`inspect.rs`), and a thread that writes (`writer.rs`), so that a disk that hangs delays
//! nothing; `keeping.rs` joins them.

mod directory;
mod files;
mod inspect;
mod keeping;
mod load;
mod options;
mod writer;

pub(crate) use directory::{DirectoryError, SourceHash, StateDirectory};
pub(crate) use inspect::{
    FoundContent, FoundFile, inspect, is_named_rightly, is_of_other_machine, read_changes, take_up,
};
pub(crate) use keeping::{
    KeptFiles, KeptLine, SYNC_WAIT_MAX, StateKeeping, WRITE_WAIT_MAX, WriteContext, WriteReport, written,
};
pub(crate) use load::{LoadedState, load, load_nothing};
pub(crate) use options::{SourceAddress, SourceAddresses, StateOptions};
