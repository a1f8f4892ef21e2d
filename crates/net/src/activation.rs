//! Socket activation: listeners that the service manager opened before the program began (sd_listen_fds(3)).
//!
//! So a cache without privileges has a port below 1024, and routers that come while it starts anew wait in the backlog.

use crate::sys;
use rustix::net::sockopt::socket_type;
use rustix::net::{AddressFamily, SocketType, getsockname};
use std::fmt;
use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::{env, process};

/// The most listeners that are taken over; with more none are.
pub const ACTIVATED_LISTENERS_MAX: usize = 256;

/// The first descriptor that the manager passes.
const FIRST_DESCRIPTOR: usize = 3;

/// The name of what an earlier process of the service has stored.
pub const STORED_NAME: &str = "rtrcast-handover";

/// Name of a descriptor when the manager gives no names.
const DEFAULT_NAME: &str = "unknown";

/// The listeners that the service manager passed, by the names that it gives them (`FileDescriptorName=`).
#[derive(Debug, Default)]
pub struct Activated {
    listeners: Vec<(String, ActivatedListener)>,
    /// What an earlier process of the service has put into the manager's store.
    stored: Vec<OwnedFd>,
}

impl Activated {
    /// Takes the listeners that were passed to this process, none unless the environment has them. A second call
    /// returns none.
    pub fn take() -> Result<Activated, ActivationError> {
        let environment = |name: &str| Some(env::var_os(name)?.to_string_lossy().into_owned());
        let names = passed(environment, process::id())?;
        let descriptors = sys::take_descriptors(FIRST_DESCRIPTOR, names.len());
        Activated::of(names.into_iter().zip(descriptors))
    }

    /// The listeners that the program before this one has handed over, with their names.
    pub fn handed_over(passed: Vec<(String, OwnedFd)>) -> Result<Activated, ActivationError> {
        Activated::of(passed.into_iter().map(|(name, descriptor)| (name, Ok(descriptor))))
    }

    /// Takes what an earlier process of the service has put into the manager's store: the ends of a
    /// [`DescriptorQueue`](crate::DescriptorQueue), or nothing.
    pub fn take_stored(&mut self) -> Vec<OwnedFd> {
        std::mem::take(&mut self.stored)
    }

    /// Returns whether both have the same sockets by the same names.
    pub fn is_same(&self, other: &Activated) -> bool {
        let sockets = |activated: &Activated| -> Vec<(String, Option<u64>)> {
            let mut sockets: Vec<_> = activated
                .iter()
                .map(|(name, socket)| (name.to_owned(), rustix::fs::fstat(socket).ok().map(|stat| stat.st_ino)))
                .collect();
            sockets.sort();
            sockets
        };
        sockets(self) == sockets(other)
    }

    /// All listeners, with their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ActivatedListener)> {
        self.listeners.iter().map(|(name, listener)| (name.as_str(), listener))
    }

    fn of(passed: impl Iterator<Item = (String, io::Result<OwnedFd>)>) -> Result<Activated, ActivationError> {
        let mut activated = Activated::default();
        for ((name, descriptor), number) in passed.zip(FIRST_DESCRIPTOR..) {
            match descriptor {
                Ok(descriptor) if name == STORED_NAME => activated.stored.push(descriptor),
                descriptor => match descriptor.and_then(ActivatedListener::new) {
                    Ok(listener) => activated.listeners.push((name, listener)),
                    Err(error) => return Err(ActivationError::Descriptor { number, name, error }),
                },
            }
        }
        Ok(activated)
    }

    /// Returns true if there are no listeners.
    pub fn is_empty(&self) -> bool {
        self.listeners.is_empty()
    }

    /// Their names, in the manager's order; several may have the same.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.listeners.iter().map(|(name, _)| name.as_str())
    }

    /// All of a name, to use besides these: closing them leaves these open, so that a reload gets them again.
    pub fn sockets(&self, name: &str) -> io::Result<Vec<OwnedFd>> {
        self.named(name).map(|listener| listener.as_fd().try_clone_to_owned()).collect()
    }

    /// All of a name.
    pub fn named(&self, name: &str) -> impl Iterator<Item = &ActivatedListener> {
        self.listeners.iter().filter(move |(other, _)| other == name).map(|(_, listener)| listener)
    }
}

/// A listener that does not block.
#[derive(Debug)]
pub enum ActivatedListener {
    /// Of TCP.
    Tcp(TcpListener),
    /// Of a Unix socket.
    Unix(UnixListener),
}

impl ActivatedListener {
    fn new(descriptor: OwnedFd) -> io::Result<ActivatedListener> {
        let wrong = |what: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        if socket_type(&descriptor)? != SocketType::STREAM || !listens(&descriptor)? {
            return wrong("it is no socket that listens for streams");
        }
        match getsockname(&descriptor)?.address_family() {
            AddressFamily::INET | AddressFamily::INET6 => {
                let listener = TcpListener::from(descriptor);
                listener.set_nonblocking(true)?;
                Ok(ActivatedListener::Tcp(listener))
            }
            AddressFamily::UNIX => {
                let listener = UnixListener::from(descriptor);
                listener.set_nonblocking(true)?;
                Ok(ActivatedListener::Unix(listener))
            }
            _ => wrong("it is a socket of neither TCP nor Unix"),
        }
    }
}

#[cfg(not(target_vendor = "apple"))]
fn listens(socket: &OwnedFd) -> io::Result<bool> {
    Ok(rustix::net::sockopt::socket_acceptconn(socket)?)
}

/// These systems have no such option.
#[cfg(target_vendor = "apple")]
fn listens(_: &OwnedFd) -> io::Result<bool> {
    Ok(true)
}

impl AsFd for ActivatedListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            ActivatedListener::Tcp(listener) => listener.as_fd(),
            ActivatedListener::Unix(listener) => listener.as_fd(),
        }
    }
}

/// The names of what was passed to a process, in order.
fn passed(environment: impl Fn(&str) -> Option<String>, process: u32) -> Result<Vec<String>, ActivationError> {
    let number = |variable: &'static str| match environment(variable) {
        Some(value) => match value.parse::<u32>() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(ActivationError::Variable { variable, value }),
        },
        None => Ok(None),
    };
    // The variables of a process are those of its children too, which were passed nothing.
    if number("LISTEN_PID")? != Some(process) {
        return Ok(Vec::new());
    }
    let descriptors = number("LISTEN_FDS")?.unwrap_or(0);
    let descriptors = usize::try_from(descriptors).unwrap_or(usize::MAX);
    if descriptors > ACTIVATED_LISTENERS_MAX {
        return Err(ActivationError::TooMany(descriptors));
    }
    let names: Vec<_> = match environment("LISTEN_FDNAMES") {
        Some(names) if descriptors > 0 => names.split(':').map(str::to_owned).collect(),
        _ => vec![DEFAULT_NAME.to_owned(); descriptors],
    };
    match names.len() == descriptors {
        true => Ok(names),
        false => Err(ActivationError::Names { names: names.len(), descriptors }),
    }
}

/// Reason that listeners could not be taken over.
#[derive(Debug)]
#[non_exhaustive]
pub enum ActivationError {
    /// A variable of the environment that is no number.
    Variable {
        /// The variable.
        variable: &'static str,
        /// Its value.
        value: String,
    },
    /// More than [`ACTIVATED_LISTENERS_MAX`].
    TooMany(usize),
    /// Not one name for each descriptor.
    Names {
        /// Number of names.
        names: usize,
        /// Number of descriptors.
        descriptors: usize,
    },
    /// A descriptor that is no listener.
    Descriptor {
        /// Its number.
        number: usize,
        /// Its name.
        name: String,
        /// The error.
        error: io::Error,
    },
}

impl fmt::Display for ActivationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("socket activation: ")?;
        match self {
            ActivationError::Variable { variable, value } => write!(f, "{variable}=\"{value}\" is no number"),
            ActivationError::TooMany(descriptors) => {
                write!(f, "LISTEN_FDS has {descriptors} descriptors; at most {ACTIVATED_LISTENERS_MAX} are taken")
            }
            ActivationError::Names { names, descriptors } => {
                write!(f, "LISTEN_FDNAMES has {names} names for {descriptors} descriptors")
            }
            ActivationError::Descriptor { number, name, error } => {
                write!(f, "descriptor {number}, \"{name}\": {error}")
            }
        }
    }
}

impl std::error::Error for ActivationError {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    fn names(environment: &[(&str, &str)]) -> Result<Vec<String>, String> {
        let value = |name: &str| {
            let found = environment.iter().find(|(other, _)| *other == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        passed(value, 42).map_err(|error| error.to_string())
    }

    #[test]
    fn names_are_read_from_the_environment() {
        let none: [&str; 0] = [];
        assert_eq!(names(&[]).unwrap(), none);
        assert_eq!(names(&[("LISTEN_FDS", "1"), ("LISTEN_FDNAMES", "rtr")]).unwrap(), none);
        assert_eq!(names(&[("LISTEN_PID", "41"), ("LISTEN_FDS", "many")]).unwrap(), none);
        assert_eq!(names(&[("LISTEN_PID", "42")]).unwrap(), none);
        assert_eq!(names(&[("LISTEN_PID", "42"), ("LISTEN_FDS", "0"), ("LISTEN_FDNAMES", "")]).unwrap(), none);
        assert_eq!(names(&[("LISTEN_PID", "42"), ("LISTEN_FDS", "2")]).unwrap(), ["unknown", "unknown"]);
        assert_eq!(
            names(&[("LISTEN_PID", "42"), ("LISTEN_FDS", "3"), ("LISTEN_FDNAMES", "rtr:http:rtr")]).unwrap(),
            ["rtr", "http", "rtr"]
        );
    }

    #[test]
    fn an_invalid_environment_is_an_error() {
        for (environment, expected) in [
            (&[("LISTEN_PID", "me")][..], "LISTEN_PID=\"me\" is no number"),
            (&[("LISTEN_PID", "42"), ("LISTEN_FDS", "-1")], "LISTEN_FDS=\"-1\" is no number"),
            (&[("LISTEN_PID", "42"), ("LISTEN_FDS", "257")], "LISTEN_FDS has 257 descriptors; at most 256 are taken"),
            (
                &[("LISTEN_PID", "42"), ("LISTEN_FDS", "2"), ("LISTEN_FDNAMES", "rtr")],
                "LISTEN_FDNAMES has 1 names for 2 descriptors",
            ),
        ] {
            assert_eq!(names(environment).unwrap_err(), format!("socket activation: {expected}"));
        }
    }

    fn of(passed: Vec<(&str, io::Result<OwnedFd>)>) -> Result<Activated, String> {
        let passed = passed.into_iter().map(|(name, descriptor)| (name.to_owned(), descriptor));
        Activated::of(passed).map_err(|error| error.to_string())
    }

    fn tcp(address: &str) -> io::Result<OwnedFd> {
        Ok(TcpListener::bind(address)?.into())
    }

    #[test]
    fn listeners_are_handed_over_by_name() {
        let passed = vec![("rtr", tcp("127.0.0.1:0")), ("http", tcp("127.0.0.1:0")), ("rtr", tcp("127.0.0.1:0"))];
        let activated = of(passed).unwrap();
        assert_eq!(activated.names().collect::<Vec<_>>(), ["rtr", "http", "rtr"]);
        assert_eq!((activated.named("rtr").count(), activated.named("http").count()), (2, 1));
        for listener in activated.named("rtr") {
            let ActivatedListener::Tcp(listener) = listener else { panic!("{listener:?}") };
            assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
        }
        let (first, again) = (activated.sockets("rtr").unwrap(), activated.sockets("rtr").unwrap());
        let local = |socket: &OwnedFd| getsockname(socket).unwrap();
        assert_eq!(first.iter().map(local).collect::<Vec<_>>(), again.iter().map(local).collect::<Vec<_>>());
        assert_eq!(activated.sockets("https").unwrap().len(), 0);
    }

    #[test]
    fn a_descriptor_that_is_no_listener_is_named() {
        let wrong =
            |descriptor: io::Result<OwnedFd>| of(vec![("rtr", tcp("127.0.0.1:0")), ("odd", descriptor)]).unwrap_err();
        let expected = "socket activation: descriptor 4, \"odd\": it is no socket that listens for streams";
        assert_eq!(wrong(Ok(UdpSocket::bind("127.0.0.1:0").unwrap().into())), expected);
        let unconnected = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        assert_eq!(wrong(Ok(unconnected.into())), expected);
        let file = std::fs::File::open("/dev/null").unwrap();
        assert!(wrong(Ok(file.into())).starts_with("socket activation: descriptor 4, \"odd\": "));
        let closed = io::Error::from(io::ErrorKind::NotFound);
        assert_eq!(wrong(Err(closed)), "socket activation: descriptor 4, \"odd\": entity not found");
    }
}
