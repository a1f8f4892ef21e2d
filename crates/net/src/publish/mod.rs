//! Publication of data sets to all sessions.
//!
//! [`Publisher`] is the one way in which a set comes to routers, for [`Cache`](crate::Cache) and for programs with a
//! hub of their own: it advances the serial, makes views, and decides which readers of older sets are cut off.

mod in_use;
mod pinned;
mod published;
mod publisher;

pub use in_use::InUse;
pub use pinned::ImageKeeper;
pub use published::{Published, PublisherHandle, Wanted};
pub use publisher::{Prepared, PreparedView, Publisher};
