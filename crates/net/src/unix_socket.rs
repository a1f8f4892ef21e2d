//! Listening at a path: a stale name is replaced, and our name is removed at the end.

use rustix::fs::Mode;
use socket2::{Domain, SockAddr, Socket, Type};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::net::UnixListener;

/// A listening Unix socket. Its name is removed when it is dropped.
pub struct UnixSocket {
    pub(crate) listener: UnixListener,
    name: SocketName,
}

/// The name of a socket, which is removed when this is dropped.
#[derive(Debug)]
pub struct SocketName {
    path: PathBuf,
    /// The number of the socket's file.
    inode: u64,
    /// False while the name may still be that of the program before this one.
    is_removed: Arc<AtomicBool>,
}

impl SocketName {
    /// The name of a socket that the program before this one has handed over. Before `is_removed` is true it is not
    /// removed: the socket may be handed back.
    pub fn handed_over(path: PathBuf, inode: u64, is_removed: Arc<AtomicBool>) -> SocketName {
        SocketName { path, inode, is_removed }
    }

    /// The path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The number of the socket's file.
    pub fn inode(&self) -> u64 {
        self.inode
    }

    /// Gives it other permissions. False is that it is ours no more.
    pub fn set_mode(&self, mode: u32) -> io::Result<bool> {
        if self.is_ours() {
            std::fs::set_permissions(&self.path, PermissionsExt::from_mode(mode))?;
            return Ok(true);
        }
        Ok(false)
    }

    /// The name may have been removed, and another program may have taken it.
    fn is_ours(&self) -> bool {
        std::fs::symlink_metadata(&self.path).is_ok_and(|metadata| metadata.ino() == self.inode)
    }
}

impl Drop for SocketName {
    fn drop(&mut self) {
        if self.is_removed.load(Ordering::Relaxed) && self.is_ours() {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl UnixSocket {
    /// Creates the socket with these permissions and backlog. `AddrInUse` is another program that listens there,
    /// `AlreadyExists` a file that is no socket or another kind of socket.
    pub fn bind(path: &Path, mode: u32, backlog: i32) -> io::Result<UnixSocket> {
        if let Ok(metadata) = std::fs::symlink_metadata(path) {
            if !metadata.file_type().is_socket() {
                return Err(io::Error::new(
                    io::ErrorKind::AlreadyExists,
                    "there is a file that is no socket, which is left alone; name another path",
                ));
            }
            if is_served(path)? {
                return Err(io::ErrorKind::AddrInUse.into());
            }
            std::fs::remove_file(path)?;
        }
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        // Set before the name exists, so that no other user can ever open it.
        rustix::fs::fchmod(&socket, Mode::from_raw_mode(mode))?;
        socket.bind(&SockAddr::unix(path)?)?;
        let inode = std::fs::symlink_metadata(path)?.ino();
        let name = SocketName { path: path.to_owned(), inode, is_removed: Arc::new(AtomicBool::new(true)) };
        // Elsewhere than on Linux the socket's own mode has no effect.
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode))?;
        socket.listen(backlog)?;
        socket.set_nonblocking(true)?;
        let listener = UnixListener::from_std(std::os::fd::OwnedFd::from(socket).into())?;
        Ok(UnixSocket { listener, name })
    }

    /// The listener, and the name that has to live as long.
    pub fn into_parts(self) -> (UnixListener, SocketName) {
        (self.listener, self.name)
    }
}

/// Returns true if a program listens at a socket, however busy. Only a refused connection proves that none does: any
/// other error is no reason to remove the name.
fn is_served(path: &Path) -> io::Result<bool> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    match socket.connect(&SockAddr::unix(path)?) {
        Ok(()) => Ok(true),
        Err(error) => judge(error),
    }
}

fn judge(error: io::Error) -> io::Result<bool> {
    let there_is = |what: &str| Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("there is {what}")));
    match (error.kind(), rustix::io::Errno::from_io_error(&error)) {
        (io::ErrorKind::ConnectionRefused, _) => Ok(false),
        (io::ErrorKind::WouldBlock, _) => Ok(true),
        (_, Some(rustix::io::Errno::PROTOTYPE)) => there_is("a socket of another kind than for streams"),
        (io::ErrorKind::PermissionDenied, _) => {
            there_is("a socket that we may not connect to, so that it is unknown whether it is in use")
        }
        _ => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixDatagram;

    /// A path in a directory of the test's own.
    fn path(name: &str) -> PathBuf {
        let directory = std::env::temp_dir().join(format!("rtrcast-unix-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        directory.join("rtr")
    }

    fn remove(path: &Path) {
        std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }

    fn mode(path: &Path) -> u32 {
        std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[tokio::test]
    async fn a_stale_socket_is_replaced_and_one_in_use_is_not() {
        let path = path("left");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let socket = UnixSocket::bind(&path, 0o600, 1).unwrap();
        let error = UnixSocket::bind(&path, 0o600, 1).err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        drop(socket);
        assert!(!path.exists());
        remove(&path);
    }

    #[tokio::test]
    async fn a_socket_of_another_kind_stays() {
        let path = path("datagrams");
        let other = UnixDatagram::bind(&path).unwrap();
        let error = UnixSocket::bind(&path, 0o600, 1).err().unwrap();
        assert_eq!(error.to_string(), "there is a socket of another kind than for streams");
        let sender = UnixDatagram::unbound().unwrap();
        assert_eq!(sender.send_to(b"it is there", &path).unwrap(), 11);
        drop(other);
        remove(&path);
    }

    #[test]
    fn a_socket_without_access_is_treated_as_in_use() {
        let error = judge(io::ErrorKind::PermissionDenied.into()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "there is a socket that we may not connect to, so that it is unknown whether it is in use"
        );
        assert!(judge(io::ErrorKind::NotFound.into()).is_err());
    }

    #[tokio::test]
    async fn permissions_change_while_the_name_is_ours() {
        let path = path("mode");
        let (_listener, name) = UnixSocket::bind(&path, 0o600, 1).unwrap().into_parts();
        assert!(name.set_mode(0o666).unwrap());
        assert_eq!(mode(&path), 0o666);
        std::fs::rename(&path, path.with_extension("moved")).unwrap();
        assert!(!name.set_mode(0o600).unwrap());
        std::fs::write(&path, "").unwrap();
        let before = mode(&path);
        assert!(!name.set_mode(0o777).unwrap());
        assert_eq!(mode(&path), before);
        remove(&path);
    }
}
