//! RTR sessions over real connections.
//!
//! [`rtrcast_proto`] says what to do; this crate does it. [`Service`] holds what all connections share, [`listen()`]
//! accepts them, and each runs in a task of its own through one drive loop until the ordered close. Data sets written
//! through [`DataSink`] lie in sealed memory files that the kernel sends by itself.
//!
//! The one `unsafe` module is `sys.rs`: it maps those files.

mod cache;
mod clock;
mod close;
mod connect;
mod drive;
mod listen;
mod memfd;
mod service;
mod sys;
mod target;
mod transport;

pub use cache::{Cache, CacheOptions};
pub use clock::Clock;
pub use close::{DRAIN_MAX, DRAIN_OCTETS_MAX};
pub use connect::{CONNECT_MAX, Direction, Follower, follow};
pub use drive::{End, LAST_WORDS_MAX};
pub use listen::{BACKLOG, Ipv4Beside, Listener, listen};
pub use memfd::DataSink;
pub use service::{Observer, Peer, Published, Service, Trouble, Wanted};
pub use sys::give_memory_back;
pub use target::{Target, TargetError};
