//! Keys that protect TCP itself: TCP-MD5 (RFC 2385) and TCP-AO (RFC 5925). [T-MD5-01] [T-AO-01]
//!
//! The kernel signs and verifies; this sets its keys by peer. A peer with another key, or without one, gets no answer
//! at all: to both sides a wrong key looks like a timeout. Connections keep the keys with which they began: with
//! TCP-MD5, of which Linux has one key a peer, a router changes its key by connecting anew (RFC 4808 asks for several);
//! with TCP-AO a peer has several keys, and both sides change from one to the next. Only Linux has these options here;
//! elsewhere setting a key is an error.
//!
//! `file.rs` reads the files of keys, `plan.rs` orders the changes of a socket's keys, `option.rs` sets them, and
//! `handover.rs` writes them for another program.

mod file;
mod handover;
#[cfg(target_os = "linux")]
mod option;
mod plan;

use crate::ip_prefix::{IpPrefix, PrefixMap};
pub use file::{AO_KEYS_MAX, KEY_OCTETS_MAX, KeyFileError, KeyFileReason, MD5_KEYS_MAX};
use plan::{KeyChange, changes, to_dial};
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;

/// The keys of all peers, by prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TcpKeys {
    md5: PrefixMap<Secret>,
    /// In the order of the file; a peer that is connected to is signed to with the first.
    ao: PrefixMap<Vec<AoKey>>,
}

impl TcpKeys {
    /// Returns true if there are no keys.
    pub fn is_empty(&self) -> bool {
        self.md5.is_empty() && self.ao.is_empty()
    }

    /// Returns the authentication of a peer, and the longest prefix that has a key for it.
    pub fn key_for(&self, remote: IpAddr) -> Option<(IpPrefix, TcpAuth)> {
        // No address has both: their prefixes do not overlap.
        let md5 = self.md5.longest_match(remote).map(|(prefix, _)| (*prefix, TcpAuth::Md5));
        md5.or_else(|| self.ao.longest_match(remote).map(|(prefix, _)| (*prefix, TcpAuth::Ao)))
    }

    /// Sets these keys on a listener, and removes those of `before`, the keys that were set last, that are not among
    /// them. A peer that had a key and still has one is never without, unless it changes from TCP-MD5 to TCP-AO or
    /// back, which the kernel allows only one after the other. An error leaves the listener with the keys of `before`,
    /// as far as the kernel allows.
    ///
    /// Keys of the family that the socket does not have are left out. With TCP-MD5 the key of the longest prefix is in
    /// effect; with TCP-AO all keys of prefixes with the peer are, distinguished by their ids.
    pub fn apply_to_listener(&self, socket: &impl AsFd, before: Option<&TcpKeys>) -> Result<(), TcpKeysError> {
        let none = TcpKeys::default();
        apply(socket, changes(before.unwrap_or(&none), self))
    }

    /// Gives a socket that is not connected yet the keys of the peer that it will be connected to, if that has any.
    pub fn apply_to_dialer(&self, socket: &impl AsFd, remote: SocketAddr) -> Result<(), TcpKeysError> {
        apply(socket, to_dial(self, remote.ip()))
    }
}

/// Does the steps, or undoes those that were done.
fn do_all(steps: &[KeyChange], mut does: impl FnMut(&KeyChange) -> io::Result<()>) -> Result<(), TcpKeysError> {
    for (done, step) in steps.iter().enumerate() {
        match does(step) {
            Ok(()) => {}
            // A key that is to be removed is not there.
            Err(error) if step.removes() && error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                for step in steps.iter().take(done).rev() {
                    // The first error is the cause.
                    let _ = does(&step.undone());
                }
                return Err(TcpKeysError { prefix: step.prefix(), auth: step.auth(), error });
            }
        }
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn apply(socket: &impl AsFd, mut steps: Vec<KeyChange>) -> Result<(), TcpKeysError> {
    let Some(first) = steps.first() else { return Ok(()) };
    let family = match option::SocketFamily::of(socket) {
        Ok(family) => family,
        Err(error) => return Err(TcpKeysError { prefix: first.prefix(), auth: first.auth(), error }),
    };
    steps.retain(|step| family.has(step.prefix()));
    do_all(&steps, |step| option::set(socket, family, step))
}

#[cfg(not(target_os = "linux"))]
fn apply(_: &impl AsFd, steps: Vec<KeyChange>) -> Result<(), TcpKeysError> {
    do_all(&steps, |_| Err(io::Error::new(io::ErrorKind::Unsupported, "this needs Linux")))
}

/// Authentication of TCP segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TcpAuth {
    /// RFC 2385.
    Md5,
    /// RFC 5925.
    Ao,
}

impl fmt::Display for TcpAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TcpAuth::Md5 => "TCP-MD5",
            TcpAuth::Ao => "TCP-AO",
        })
    }
}

/// A key's octets, which `Debug` leaves out.
#[derive(Clone, PartialEq, Eq)]
struct Secret(Box<[u8]>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// A Master Key Tuple (RFC 5925 section 3.1).
#[derive(Clone, Debug, PartialEq, Eq)]
struct AoKey {
    prefix: IpPrefix,
    send_id: u8,
    recv_id: u8,
    algorithm: AoAlgorithm,
    secret: Secret,
}

impl AoKey {
    /// Returns true if both cannot be on one socket, since the kernel could not distinguish them.
    fn conflicts(&self, other: &AoKey) -> bool {
        (self.send_id == other.send_id || self.recv_id == other.recv_id) && self.prefix.overlaps(&other.prefix)
    }
}

/// Algorithm of TCP-AO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AoAlgorithm {
    /// RFC 5926 section 3.2.1.
    HmacSha1,
    /// RFC 5926 section 3.2.2.
    Aes128Cmac,
    /// draft-ietf-tcpm-tcp-ao-algs.
    HmacSha256,
}

impl AoAlgorithm {
    const ALL: [AoAlgorithm; 3] = [AoAlgorithm::HmacSha1, AoAlgorithm::Aes128Cmac, AoAlgorithm::HmacSha256];

    /// As it is written in a file of keys.
    fn name(self) -> &'static str {
        match self {
            AoAlgorithm::HmacSha1 => "hmac-sha1-96",
            AoAlgorithm::Aes128Cmac => "aes-128-cmac-96",
            AoAlgorithm::HmacSha256 => "hmac-sha256-128",
        }
    }
}

/// Reason that keys could not be set on a socket.
#[derive(Debug)]
pub struct TcpKeysError {
    /// The prefix of the key.
    pub prefix: IpPrefix,
    /// The kind of the key.
    pub auth: TcpAuth,
    /// The error of the kernel.
    pub error: io::Error,
}

impl fmt::Display for TcpKeysError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the {} key of {}: ", self.auth, self.prefix)?;
        #[cfg(target_os = "linux")]
        if let Some(meaning) = option::meaning(self) {
            return f.write_str(meaning);
        }
        write!(f, "{}", self.error)
    }
}

impl std::error::Error for TcpKeysError {}
