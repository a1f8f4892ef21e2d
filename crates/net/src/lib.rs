//! RTR sessions over real connections.
//!
//! [`rtrcast_proto`] decides; this crate has the sockets. [`Service`] is the state that all connections share, [`listen()`]
//! accepts them, and each runs in a task of its own through one drive loop until the ordered close. Data sets written
//! through [`DataSink`] are sealed memory files that the kernel sends by itself.
//!
//! # A cache
//!
//! ```no_run
//! use rtrcast_net::{Cache, CacheOptions, V6Only, Listener};
//! use rtrcast_proto::{Asn, Prefix, RouteOrigin};
//! use std::sync::Arc;
//!
//! # async fn run(random: u64) -> Result<(), Box<dyn std::error::Error>> {
//! let cache = Cache::new(CacheOptions::default(), random);
//! cache.publish([RouteOrigin::new(Prefix::new("192.0.2.0".parse()?, 24)?, 24, Asn(64496))?])?;
//! let listener = Listener::bind("127.0.0.1:8282".parse()?, V6Only::No)?;
//! cache.serve(vec![listener], Arc::new(())).await;
//! # Ok(()) }
//! ```
//!
//! # A router
//!
//! ```no_run
//! use rtrcast_net::{Clock, Dialer, Target, follow};
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
//! let cache: Target = "tcp://127.0.0.1:8282".parse()?;
//! follow(&Dialer::from(cache), clock, session, &Notify::new(), &mut on_event).await;
//! # Ok(()) }
//! ```
//!
//! The one `unsafe` module is `sys.rs`: it maps those files, and sets options of sockets that no safe interface has.

mod activation;
mod admission;
mod cache;
mod clock;
mod close;
mod connect;
mod connection;
mod connection_setup;
#[cfg(all(test, any(feature = "ssh", feature = "tls")))]
mod describe;
#[cfg(target_os = "linux")]
mod descriptor_store;
mod dial;
mod drain;
mod drive;
#[cfg(test)]
mod end_recorder;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod handover;
mod ip_prefix;
mod listen;
mod memfd;
mod observe;
mod peer;
mod proxy;
mod publish;
mod sd_notify;
mod service;
mod service_policy;
mod signals;
#[cfg(feature = "ssh")]
mod ssh;
mod stream;
mod suspended;
mod sys;
mod target;
mod tcp_keys;
#[cfg(feature = "tls")]
mod tls;
mod transfer;
mod transport;
mod unix_socket;

pub use activation::{ACTIVATED_LISTENERS_MAX, Activated, ActivatedListener, ActivationError, STORED_NAME};
pub use admission::{AccessLists, Capacity, ConnectionLimiter, Permit};
pub use cache::{Cache, CacheOptions, PublishError, STOP_GRACE_MAX};
pub use clock::Clock;
pub use connect::{Direction, Follower, follow};
pub use connection::{Answers, Connection, ConnectionStats, QueryKind, ReportCounts, Traffic};
pub use connection_setup::{ConnectionSetup, Handshake, Reloadable};
#[cfg(target_os = "linux")]
pub use descriptor_store::DescriptorQueue;
pub use dial::{CONNECT_TIME_MAX, Dialer};
pub use drain::{DRAIN_OCTETS_MAX, DRAIN_RESPONSE_OCTETS_MAX, DRAIN_TIME_MAX};
pub use drive::FINAL_REPORT_TIME_MAX;
pub use handover::{
    Descriptors, PassedDescriptors, SharedOctets, SharedOctetsError, SuspendedConnections, inherit_again,
    next_connection_id, set_inherited,
};
pub use ip_prefix::{IpPrefix, IpPrefixError, PrefixMap};
pub use listen::{BACKLOG_CONNECTIONS_MAX, Listener, V6Only, listen};
pub use memfd::DataSink;
pub use observe::{AcceptEvent, End, Observer, RefusalReason};
pub use peer::{Endpoint, Peer};
pub use proxy::ProxyError;
pub use publish::{Published, Publisher, PublisherHandle, Wanted};
pub use sd_notify::{sd_notify, sd_reloading};
pub use service::Service;
pub use service_policy::ServicePolicy;
pub use signals::SignalQueue;
#[cfg(feature = "ssh")]
pub use ssh::{
    AuthorizedKeys, HASH_MEMORY_KIB_MAX, HASH_PASSES_MAX, KEY_OFFERS_MAX, KeyError, KnownHosts, LOGIN_ATTEMPTS_MAX,
    LineError, Logins, PASSWORD_VERIFICATIONS_MAX, Passwords, SUBSYSTEM, SshClient, SshFailure, SshKey, SshKeyKind,
    SshServer, SshServerError, hash_password,
};
pub use suspended::{SuspendedConnection, WaitingConnection};
pub use sys::give_memory_back;
pub use target::{Target, TargetError};
pub use tcp_keys::{
    AO_KEYS_MAX, KEY_OCTETS_MAX, KeyFileError, KeyFileReason, MD5_KEYS_MAX, TcpAuth, TcpKeys, TcpKeysError,
};
#[cfg(feature = "tls")]
pub use tls::{
    AddressCheck, ClientCertificates, ClientCheck, CrlOrigin, TlsClient, TlsError, TlsFailure, TlsIdentity, TlsMinimum,
    TlsPart, TlsServer, Validity,
};
pub use transport::Transport;
pub use unix_socket::{SocketName, UnixSocket};
