//! Caches of others, followed by our client. A new one is a file here and a line in `ALL`.
//!
//! `client.rs` is our client within this program; the program itself follows the same cache as `serve tcp://...`, and
//! `reader.rs` reads what it serves. `scenario.rs` says what they go through.

mod carrier;
mod client;
mod fort;
mod payload;
mod reader;
pub(crate) mod rpki_rs;
mod scenario;
mod stayrtr;
mod trust_anchor;

use crate::Outcome;
pub(crate) use crate::root::{Release, Root};
use crate::step::Exception;
use crate::world::Records;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

pub(crate) use client::Client;
pub(crate) use reader::read_all;
pub(crate) use scenario::run;

/// In the order of the table.
pub(crate) const ALL: &[&Peer] = &[&stayrtr::PEER, &stayrtr::DEBIAN_13, &fort::PEER, &rpki_rs::PEER];

/// What is known of a cache before it runs.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    /// Debian's packages, with spaces between them, or nothing where the peer is a library that this program is built with.
    pub(crate) package: &'static str,
    /// Its version, or none where it is not installed.
    pub(crate) release: Release,
    pub(crate) version: fn(&Root) -> Option<String>,
    /// The protocol versions that it speaks, the highest first.
    pub(crate) speaks: &'static [u8],
    /// The versions below its highest that it can be held to.
    pub(crate) can_be_held_to: &'static [u8],
    /// What it serves of what it is given, in all versions together.
    pub(crate) serves: fn(&Records) -> Records,
    /// How long it may take to see that its input changed, and to read it.
    pub(crate) reads_within: Duration,
    pub(crate) start: fn(&Start) -> Outcome<Box<dyn Server>>,
    /// Steps that it can't pass, and why.
    pub(crate) exceptions: &'static [Exception],
    /// What else a reader has to know.
    pub(crate) notes: &'static [&'static str],
}

/// How a cache is to be started.
pub(crate) struct Start<'a> {
    /// The highest version that it may speak.
    pub(crate) version: u8,
    /// Seconds that routers are told to wait after a failure.
    pub(crate) retry_s: u32,
    /// Where its programs are.
    pub(crate) root: &'a Root,
    /// For its input, configuration and logs; `root` says how its programs name what is there. The end of `peer.log` is shown after a failure.
    pub(crate) folder: &'a Path,
    /// What it serves at first.
    pub(crate) records: &'a Records,
    /// Whether ASPAs are among its input, although the peer deviates there.
    pub(crate) with_aspas: bool,
}

/// A cache that runs. It stops when the value is dropped.
pub(crate) trait Server {
    /// Where routers connect, also after a restart.
    fn address(&self) -> SocketAddr;

    /// Gives it other data.
    fn put(&mut self, records: &Records) -> Outcome;

    /// Stops it, and starts it with other data.
    fn restart(&mut self, records: &Records) -> Outcome;
}
