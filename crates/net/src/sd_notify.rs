//! Notifications to the service manager: `READY=1` and the like (sd_notify(3)), a datagram to the socket that it names.

use rustix::time::{ClockId, clock_gettime};
use std::env;
use std::ffi::OsStr;
use std::io;
#[cfg(target_os = "linux")]
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Time for the manager to take a message with descriptors.
#[cfg(target_os = "linux")]
const MANAGER_WAIT_MAX: std::time::Duration = std::time::Duration::from_secs(5);

/// Sends the manager `READY=1`, `STOPPING=1` or lines of such; nothing if there is no manager that has asked for it. It
/// never waits. An error may be ignored: the manager has its own limits.
pub fn sd_notify(state: &str) -> io::Result<()> {
    match env::var_os("NOTIFY_SOCKET") {
        Some(socket) => report_event(&socket, state),
        None => Ok(()),
    }
}

/// The lines that begin a reload (`Type=notify-reload`); `READY=1` ends it.
pub fn sd_reloading() -> String {
    let now = clock_gettime(ClockId::Monotonic);
    format!("RELOADING=1\nMONOTONIC_USEC={}", now.tv_sec * 1_000_000 + now.tv_nsec / 1_000)
}

/// Sends the manager lines with descriptors. It waits for the manager, for a while. Without a manager it is an error.
#[cfg(target_os = "linux")]
pub(crate) fn sd_notify_with(state: &str, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    use rustix::net::{
        AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType,
    };
    let no_manager = || io::Error::new(io::ErrorKind::NotFound, "no service manager has started this program");
    let socket = env::var_os("NOTIFY_SOCKET").ok_or_else(no_manager)?;
    let address = match socket.as_bytes() {
        [b'@', name @ ..] => SocketAddrUnix::new_abstract_name(name)?,
        path => SocketAddrUnix::new(path)?,
    };
    let datagram = rustix::net::socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    let timeout = rustix::net::sockopt::Timeout::Send;
    rustix::net::sockopt::set_socket_timeout(&datagram, timeout, Some(MANAGER_WAIT_MAX))?;
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut message = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() {
        message.push(SendAncillaryMessage::ScmRights(descriptors));
    }
    let octets = [io::IoSlice::new(state.as_bytes())];
    rustix::net::sendmsg_addr(&datagram, &address, &octets, &mut message, SendFlags::NOSIGNAL)?;
    Ok(())
}

fn report_event(socket: &OsStr, state: &str) -> io::Result<()> {
    let address = match socket.as_bytes() {
        [b'/', ..] => SocketAddr::from_pathname(socket)?,
        [b'@', name @ ..] => abstract_name(name)?,
        _ => return Err(io::Error::new(io::ErrorKind::Unsupported, "NOTIFY_SOCKET is no Unix socket")),
    };
    let datagram = UnixDatagram::unbound()?;
    datagram.set_nonblocking(true)?;
    datagram.send_to_addr(state.as_bytes(), &address).map(|_| ())
}

#[cfg(target_os = "linux")]
fn abstract_name(name: &[u8]) -> io::Result<SocketAddr> {
    use std::os::linux::net::SocketAddrExt;
    SocketAddr::from_abstract_name(name)
}

#[cfg(not(target_os = "linux"))]
fn abstract_name(_: &[u8]) -> io::Result<SocketAddr> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "only Linux has abstract names"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The message that arrives at the manager of this address.
    fn told(manager: &UnixDatagram, socket: &str, state: &str) -> String {
        report_event(OsStr::new(socket), state).unwrap();
        let mut octets = [0; 256];
        let octets_told = manager.recv(&mut octets).unwrap();
        String::from_utf8(octets[..octets_told].to_vec()).unwrap()
    }

    #[test]
    fn a_manager_at_a_path_is_notified() {
        let directory = env::temp_dir().join(format!("rtrcast-notify-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        assert_eq!(told(&manager, path.to_str().unwrap(), "READY=1\nSTATUS=here"), "READY=1\nSTATUS=here");
        std::fs::remove_dir_all(&directory).unwrap();
        assert!(report_event(path.as_os_str(), "READY=1").is_err());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_manager_at_an_abstract_name_is_notified() {
        let name = format!("rtrcast-notify-{}", std::process::id());
        let manager = UnixDatagram::bind_addr(&abstract_name(name.as_bytes()).unwrap()).unwrap();
        assert_eq!(told(&manager, &format!("@{name}"), "STOPPING=1"), "STOPPING=1");
    }

    #[test]
    fn a_reload_has_the_time_of_its_start() {
        let usec = || -> u64 { sd_reloading().strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap().parse().unwrap() };
        let before = usec();
        assert!(before > 0 && usec() >= before);
    }

    #[test]
    fn other_addresses_are_refused() {
        for socket in ["", "vsock:2:1234", "relative"] {
            assert_eq!(report_event(OsStr::new(socket), "READY=1").unwrap_err().kind(), io::ErrorKind::Unsupported);
        }
    }
}
