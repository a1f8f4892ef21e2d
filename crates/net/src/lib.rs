//! RTR sessions over real connections.
//!
//! [`rtrcast_proto`] says what to do; this crate does it. [`Service`] holds what all connections share, [`listen()`]
//! accepts them, and each runs in a task of its own through one drive loop until the ordered close. Data sets written
//! through [`DataSink`] lie in sealed memory files that the kernel sends by itself.
//!
//! # A cache
//!
//! ```no_run
//! use rtrcast_net::{Cache, CacheOptions, DataSink, Ipv4Beside, Listener};
//! use rtrcast_proto::{Asn, ImageBuilder, Prefix, RouteOrigin, Version};
//! use std::sync::Arc;
//!
//! # async fn run(random: u64) -> Result<(), Box<dyn std::error::Error>> {
//! let mut builder = ImageBuilder::new();
//! builder.origin(&RouteOrigin::new(Prefix::new("192.0.2.0".parse()?, 24)?, 24, Asn(64496))?);
//! let cache = Cache::new(CacheOptions::default(), random);
//! cache.publish(builder.finish(Version::V2, DataSink::new())?);
//! let listener = Listener::bind("127.0.0.1:8282".parse()?, Ipv4Beside::No)?;
//! cache.serve(vec![listener], Arc::new(())).await;
//! # Ok(()) }
//! ```
//!
//! # A router
//!
//! ```no_run
//! use rtrcast_net::{Clock, follow};
//! use rtrcast_proto::{ClientEvent, ClientPolicy, ClientSession};
//! use std::ops::ControlFlow;
//! use tokio::sync::Notify;
//!
//! # async fn run(random: u64) -> Result<(), Box<dyn std::error::Error>> {
//! let clock = Clock::start();
//! let session = ClientSession::new(clock.now(), ClientPolicy::default(), random);
//! let mut on_event = |session: &ClientSession, event| {
//!     if let (ClientEvent::Updated(update), Some(data)) = (event, session.data()) {
//!         println!("serial {}: {} records", data.serial, data.image.layout().records());
//!     }
//!     ControlFlow::Continue(())
//! };
//! follow(&"tcp://127.0.0.1:8282".parse()?, clock, session, &Notify::new(), &mut on_event).await;
//! # Ok(()) }
//! ```
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

pub use cache::{Cache, CacheOptions, STOP_GRACE_MAX};
pub use clock::Clock;
pub use close::{DRAIN_MAX, DRAIN_OCTETS_MAX, DRAIN_RESPONSE_OCTETS_MAX};
pub use connect::{CONNECT_MAX, Direction, Follower, follow};
pub use drive::{End, LAST_WORDS_MAX};
pub use listen::{BACKLOG, Ipv4Beside, Listener, listen};
pub use memfd::DataSink;
pub use service::{Observer, Peer, Published, Service, Trouble, Wanted};
pub use sys::give_memory_back;
pub use target::{Target, TargetError};
