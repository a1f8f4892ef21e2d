//! Publication of data sets to all sessions.
//!
//! [`Publisher`] is the one way in which a set comes to routers, for [`Cache`](crate::Cache) and for programs with a
//! hub of their own: the rules of [`ViewPublisher`](rtrcast_proto::ViewPublisher), and the channel to the sessions.

mod published;
mod publisher;

pub use published::{Published, PublisherHandle, Wanted};
pub use publisher::Publisher;
