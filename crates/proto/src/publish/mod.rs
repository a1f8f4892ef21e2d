//! Publication of data sets, by one set of rules for each cache.
//!
//! `publisher.rs` makes views and decides when, `in_use.rs` has what is made before a set is published, and `pinned.rs`
//! decides which readers of older sets are cut off.

mod in_use;
mod pinned;
mod publisher;

pub use in_use::InUse;
pub use pinned::ImageKeeper;
pub use publisher::{Prepared, PreparedView, ViewPublisher};
