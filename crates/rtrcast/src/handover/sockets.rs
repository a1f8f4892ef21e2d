//! The sockets that listen, and the lock of the state directory.

use crate::cli::ListenAddr;
use rtrcast_net::{Descriptors, PassedDescriptors, SocketName, TcpKeys, V6Only};
use rtrcast_proto::{FieldDecoder, FieldEncoder};
use std::ffi::OsString;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// A listener of routers.
#[derive(Debug)]
pub(crate) struct HandedListener {
    pub(crate) addr: ListenAddr,
    /// Permissions of a Unix socket, if they were given.
    pub(crate) unix_mode: Option<u32>,
    pub(crate) v6_only: V6Only,
    /// The keys that the kernel has.
    pub(crate) keys: TcpKeys,
    pub(crate) sockets: Vec<OwnedFd>,
    pub(crate) name: Option<SocketName>,
}

/// A Unix socket with its name.
#[derive(Debug)]
pub(crate) struct HandedUnixSocket {
    pub(crate) socket: OwnedFd,
    pub(crate) name: SocketName,
}

/// All listeners of routers.
#[derive(Debug, Default)]
pub(crate) struct HandedListeners {
    /// What systemd passed at the start of the process, by name.
    pub(crate) passed: Vec<(String, OwnedFd)>,
    /// The keys that the kernel has for these, by name.
    pub(crate) passed_keys: Vec<(String, TcpKeys)>,
    pub(crate) listeners: Vec<HandedListener>,
}

/// All sockets that listen.
#[derive(Debug, Default)]
pub(crate) struct HandedSockets {
    pub(crate) routers: HandedListeners,
    pub(crate) http: Option<(SocketAddr, OwnedFd)>,
    pub(crate) control: Option<HandedUnixSocket>,
    /// The lock of a state directory, with its path.
    pub(crate) lock: Option<(PathBuf, OwnedFd)>,
}

/// Writes sockets.
#[derive(Debug)]
pub(crate) struct SocketWriter<'e, 'a> {
    pub(crate) encoder: &'e mut FieldEncoder,
    pub(crate) descriptors: &'e mut Descriptors<'a>,
}

impl<'a> SocketWriter<'_, 'a> {
    pub(crate) fn descriptor(&mut self, descriptor: &'a impl std::os::fd::AsFd) {
        self.encoder.u32(self.descriptors.add(descriptor));
    }

    pub(crate) fn name(&mut self, name: &SocketName) {
        self.path(name.path());
        self.encoder.u64(name.inode());
    }

    pub(crate) fn path(&mut self, path: &Path) {
        self.encoder.octets(path.as_os_str().as_bytes());
    }
}

impl HandedSockets {
    /// Reads them; none if the octets are not such. Names of sockets are not removed before `is_ready` is true.
    pub(crate) fn read(
        octets: &[u8],
        descriptors: &PassedDescriptors,
        is_ready: &Arc<AtomicBool>,
    ) -> Option<HandedSockets> {
        let mut decoder = FieldDecoder::new(octets);
        let descriptor = |decoder: &mut FieldDecoder<'_>| descriptors.duplicate(decoder.u32()?);
        let name = |decoder: &mut FieldDecoder<'_>| {
            let path = path(decoder)?;
            Some(SocketName::handed_over(path, decoder.u64()?, Arc::clone(is_ready)))
        };
        let routers = HandedListeners {
            passed: decoder.list(|decoder| Some((decoder.text()?.to_owned(), descriptor(decoder)?)))?,
            passed_keys: decoder.list(|decoder| Some((decoder.text()?.to_owned(), TcpKeys::decode(decoder)?)))?,
            listeners: decoder.list(|decoder| {
                Some(HandedListener {
                    addr: decoder.text()?.parse().ok()?,
                    unix_mode: decoder.option(FieldDecoder::u32)?,
                    v6_only: if decoder.bool()? { V6Only::Yes } else { V6Only::No },
                    keys: TcpKeys::decode(decoder)?,
                    sockets: decoder.list(descriptor)?,
                    name: decoder.option(name)?,
                })
            })?,
        };
        let sockets = HandedSockets {
            routers,
            http: decoder.option(|decoder| Some((decoder.text()?.parse().ok()?, descriptor(decoder)?)))?,
            control: decoder
                .option(|decoder| Some(HandedUnixSocket { name: name(decoder)?, socket: descriptor(decoder)? }))?,
            lock: decoder.option(|decoder| Some((path(decoder)?, descriptor(decoder)?)))?,
        };
        decoder.is_empty().then_some(sockets)
    }
}

fn path(decoder: &mut FieldDecoder<'_>) -> Option<PathBuf> {
    Some(OsString::from_vec(decoder.octets()?.to_vec()).into())
}
