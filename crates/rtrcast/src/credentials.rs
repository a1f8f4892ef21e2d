//! Files of certificates, keys and users: read whole, and refused where they were cut short.

use crate::observe::describe::plain;
use rtrcast_net::TcpKeys;
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

/// The largest file that is read: bundles of all the world's authorities have 250 KB.
const FILE_OCTETS_MAX: u64 = 8 * 1024 * 1024;

/// Reads a small file whole.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, String> {
    let name = path.display();
    let read = || {
        let metadata = fs::metadata(path)?;
        if !metadata.is_file() {
            return Err(io::Error::other("not a regular file"));
        }
        if metadata.len() > FILE_OCTETS_MAX {
            return Err(io::Error::other(format!("larger than {FILE_OCTETS_MAX} bytes")));
        }
        fs::read(path)
    };
    read().map_err(|error| format!("{name}: {}", plain(&error)))
}

/// Reads a small text file.
pub(crate) fn read_text(path: &Path) -> Result<String, String> {
    String::from_utf8(read(path)?).map_err(|_| format!("{}: not text", path.display()))
}

/// Returns an error's text behind the name of its file; a line's number follows the name.
pub(crate) fn in_file(path: &Path, error: &impl fmt::Display) -> String {
    format!("{}: {error}", path.display())
}

/// Reads keys for TCP-MD5 and TCP-AO.
pub(crate) fn tcp_keys(md5: Option<&Path>, ao: Option<&Path>) -> Result<TcpKeys, String> {
    let mut keys = TcpKeys::default();
    if let Some(path) = md5 {
        keys = keys.with_md5(&read_keys(path)?).map_err(|error| in_file(path, &error))?;
    }
    if let Some(path) = ao {
        keys = keys.with_ao(&read_keys(path)?).map_err(|error| in_file(path, &error))?;
    }
    Ok(keys)
}

/// Reads a file of keys for TCP. One without any key is refused: it was cut short, and all peers would connect without
/// keys.
fn read_keys(path: &Path) -> Result<String, String> {
    let text = read_text(path)?;
    if has_entries(&text) {
        return Ok(text);
    }
    Err(format!("{}: there is no key in it; to use none, leave the option out", path.display()))
}

/// Reads a list of users. An empty one is refused, since it was cut short; one that admits nobody has a comment.
pub(crate) fn read_users(path: &Path) -> Result<String, String> {
    let text = read_text(path)?;
    if text.trim().is_empty() {
        let name = path.display();
        return Err(format!("{name}: it is empty; a file that admits nobody has a comment at least (# nobody)"));
    }
    Ok(text)
}

fn has_entries(text: &str) -> bool {
    text.lines().map(str::trim).any(|line| !line.is_empty() && !line.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_list_is_refused() {
        let path = std::env::temp_dir().join(format!("rtrcast-cut-{}", std::process::id()));
        let name = path.display();
        let with = |text: &str| fs::write(&path, text).unwrap();
        with("");
        let users = read_users(&path).unwrap_err();
        assert_eq!(users, format!("{name}: it is empty; a file that admits nobody has a comment at least (# nobody)"));
        with("# nobody\n");
        assert_eq!(read_users(&path).as_deref(), Ok("# nobody\n"));
        let keys = tcp_keys(Some(&path), None).map(|_| ()).unwrap_err();
        assert_eq!(keys, format!("{name}: there is no key in it; to use none, leave the option out"));
        with("192.0.2.1 key\n");
        assert!(!tcp_keys(Some(&path), None).unwrap().is_empty());
        fs::remove_file(path).unwrap();
    }
}
