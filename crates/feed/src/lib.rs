//! The files that RPKI validators write, read into sorted tables of RTR payload.
//!
//! This crate is pure: octets go in, values come out, with no I/O and no clock. A [`Reader`] is pushed a file in pieces
//! of any size and recognises by its content what it is: JSON or CSV, of which it holds no more than a window, or a
//! Canonical Cache Representation, whose hashes cover all of it; each plain, or compressed by gzip, zstd or xz. The
//! accepted entries are [`Rows`], and those become a [`Table`]: the image that routers are sent, with expiry and trust
//! anchors. An operator's exceptions to that are [`SlurmFile`]s, read whole, and together one [`Slurm`]. The
//! [`curator`] decides which of these data are in effect at a time.
//!
//! ```
//! use rtrcast_proto::{Section, Version};
//!
//! let mut reader = rtrcast_feed::Reader::new();
//! reader.push(br#"{"roas": [{"asn": 64496, "prefix": "192.0.2.0/24", "#)?;
//! reader.push(br#""maxLength": 24, "ta": "example", "expires": 1893456000}]}"#)?;
//! let rows = reader.finish()?;
//! let table = rows.into_table(Version::V1, Vec::new()).unwrap();
//! assert_eq!(table.image().layout().count(Section::Ipv4Prefix), 1);
//! assert_eq!(table.facts(Section::Ipv4Prefix, 0).unwrap().expires, Some(1_893_456_000));
//! # Ok::<(), rtrcast_feed::ReadError>(())
//! ```

mod ccr;
mod compressed;
mod csv;
pub mod curator;
mod document;
mod error;
mod json;
mod reader;
mod rows;
mod scalar;
mod slurm;
mod start;
pub mod state;
mod table;
pub mod write;

pub use error::{OffsetBase, ReadError, Reason};
pub use reader::{Prefetch, Reader, Speculated};
pub use rows::{RefusedEntry, Rows, Tally};
pub use slurm::{
    Absence, AspaAssertion, Assertion, BgpsecAssertion, BgpsecFilter, ConflictKind, Effect, EffectKind, Filter,
    Filters, Mention, Overlaps, PrefixFilter, ReadAsEmpty, Slurm, SlurmConflict, SlurmDialect, SlurmEntry, SlurmError,
    SlurmErrors, SlurmFile, SlurmList, SlurmReason, SlurmVersion, closest_name,
};
pub use start::OtherKind;
pub use table::{Facts, Table, Timestamps};
