//! The RPKI-to-Router protocol: versions 0 (RFC 6810), 1 (RFC 8210) and 2 (draft-ietf-sidrops-8210bis-27).
//!
//! This crate is pure: it has no I/O, no clock, no randomness and no dependency. It holds
//!
//! * the codec: [`Pdu`], [`Header`], [`wire::error_report`], and a line of text for each PDU;
//! * the payload types, whose wrong values cannot be built: [`RouteOrigin`], [`RouterKey`], [`Aspa`];
//! * the data set as the sorted records that a router is sent, [`Image`], and what differs between two, [`Delta`];
//! * [`History`], which alone advances the [`Serial`], and [`View`], the immutable value of it that sessions share;
//! * [`ViewPublisher`], which publishes data sets: the rules of what is made when, and of which readers are cut off;
//! * [`ServerSession`], the cache's side of one connection, as a plain value: octets and times go in, and out come what
//!   to write, when to call it next, and when to close;
//! * [`AdmissionLedger`], which connections are admitted within limits, and which give way;
//! * [`ClientSession`], the router's side of one cache over all connections to it, as a plain value likewise: it
//!   negotiates the version, applies responses as a whole, keeps the timers, and decides when to connect again;
//! * [`Caches`], the router's side of several caches: whose data are in effect, and their [`Union`].
//!
//! `rtrcast-net` drives both over real connections; a program with its own event loop needs this crate alone.
//!
//! # A tour: answering a Reset Query by hand
//!
//! ```
//! use rtrcast_proto::*;
//! use std::sync::Arc;
//!
//! // A data set of one VRP.
//! let mut writer = ImageWriter::new(Version::V1, Vec::new());
//! let prefix = Prefix::new("192.0.2.0".parse().unwrap(), 24).unwrap();
//! writer.origin(&RouteOrigin::new(prefix, 24, Asn(64496)).unwrap()).unwrap();
//! let image = writer.finish().unwrap();
//!
//! // It becomes serial 7 of a history, and sessions see a view of that.
//! let mut history = History::new(HistoryLimits::default(), SessionIds::new(4660), Timing::default(), Serial(7));
//! history.publish(image);
//! let view = Arc::new(history.view(0));
//!
//! // A router connects and sends a Reset Query of version 1.
//! let mut session = ServerSession::new(Moment(0), ServerPolicy::default(), view);
//! session.receive(Moment(0), &wire::parse_hex("01 02 0000 00000008").unwrap());
//! let mut sent = Vec::new();
//! loop {
//!     match session.next(Moment(0)) {
//!         ServerOutput::Write(chunk) => sent.extend_from_slice(chunk.octets()),
//!         ServerOutput::Event(_) => {}
//!         ServerOutput::Want(_) | ServerOutput::Close => unreachable!("the image of version 1 is there"),
//!         ServerOutput::Wait(_) => break,
//!     }
//! }
//! let (cache_response, rest) = sent.split_at(8);
//! let (prefix, end_of_data) = rest.split_at(20);
//! assert_eq!(Pdu::decode(cache_response).unwrap().line(Version::V1), "v1 cache-response session=4661");
//! assert_eq!(Pdu::decode(prefix).unwrap().line(Version::V1), "v1 ipv4 + 192.0.2.0/24-24 AS64496");
//! assert_eq!(
//!     Pdu::decode(end_of_data).unwrap().line(Version::V1),
//!     "v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200",
//! );
//! ```
//!
//! # The other side: a router that reads this
//!
//! ```
//! use rtrcast_proto::*;
//!
//! let mut router = ClientSession::new(Moment(0), ClientPolicy::default(), 0x5EED);
//! let mut sent = Vec::new();
//! let mut step = |router: &mut ClientSession| loop {
//!     match router.next(Moment(0)) {
//!         ClientOutput::Connect => router.connected(Moment(0)),
//!         ClientOutput::Write(chunk) => sent.extend_from_slice(chunk.octets()),
//!         // A large response takes a while: a program would do this on another thread.
//!         ClientOutput::Apply(changes) => {
//!             let applied = changes.apply(Vec::new()).unwrap();
//!             router.applied(Moment(0), applied);
//!         }
//!         ClientOutput::Event(_) => {}
//!         ClientOutput::Close => unreachable!("all is well"),
//!         ClientOutput::Wait(until) => break until,
//!     }
//! };
//! step(&mut router);
//! router.receive(Moment(0), &wire::parse_hex(
//!     "02 03 1234 00000008
//!      02 04 0000 00000014 01 18 18 00 C0000200 0000FBF0
//!      02 07 1234 00000018 00000007 00000E10 00000258 00001C20",
//! ).unwrap());
//! let until = step(&mut router);
//! assert_eq!(sent, [2, 2, 0, 0, 0, 0, 0, 8], "it asked for everything, in version 2");
//! let data = router.data().expect("a complete response");
//! let first = data.image.records(Section::Ipv4Prefix).next().unwrap();
//! assert_eq!(Record::read(Section::Ipv4Prefix, first).unwrap().to_string(), "192.0.2.0/24-24 AS64496");
//! assert_eq!(until, Some(Moment(3_600_000)), "it asks again after an hour");
//! ```

#![no_std]

extern crate alloc;

mod admission;
mod apply;
mod builder;
mod caches;
mod client;
mod delta;
mod fields;
mod history;
mod image;
pub mod limits;
mod lineage;
mod payload;
mod profile;
mod publish;
mod record;
mod response;
mod serial;
mod server;
mod stored;
mod time;
mod union;
mod version;
mod view;
mod violation;
pub mod wire;

pub use admission::{
    AdmissionLedger, CapacityCheck, ConnectionCounts, ConnectionLimits, LimitExceeded, NEWCOMER_TIME_MIN, PermitId,
};
pub use apply::{AppliedPart, ApplyError};
pub use builder::ImageBuilder;
pub use caches::{CacheId, Caches, Preference};
pub use client::{
    Applied, Changes, ClientData, ClientEvent, ClientOutput, ClientPolicy, ClientSession, ConnectionEnd, FlushReason,
    Reconnect, Update,
};
pub use delta::Delta;
pub use fields::{FieldDecoder, FieldEncoder};
pub use history::{History, HistoryLimits, Publication};
pub use image::{Image, ImageSink, ImageWriter, Layout, Octets, Records, Section};
pub use lineage::{Epoch, Lineage};
pub use payload::{
    ASPA_PROVIDERS_MAX, Action, Asn, Aspa, AspaError, NotDer, OriginError, Prefix, PrefixError, ProviderAsn, Providers,
    RouteOrigin, RouterKey,
};
pub use profile::{Profile, SessionIds};
pub use publish::{ImageKeeper, InUse, Prepared, PreparedView, ViewPublisher};
pub use record::Record;
pub use response::Chunk;
pub use serial::{Serial, SessionId};
pub use server::{Answer, CloseReason, Dismissal, ServerEvent, ServerOutput, ServerPolicy, ServerSession, Stop};
pub use stored::InvalidRecord;
pub use time::{Moment, Timing, TimingError};
pub use union::Union;
pub use version::{HEADER_OCTETS, PDU_OCTETS_MAX, PduType, Version, VersionRange};
pub use view::{Absent, Revision, View, Want};
pub use violation::{ErrorCode, Violation};
pub use wire::{ErrorReport, Header, Pdu, PeerReport};
