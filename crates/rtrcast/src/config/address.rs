//! Addresses of data and SLURM on the command line and in the file.

use crate::config::scheme::Scheme;
use rtrcast_net::{Target, TargetError};
use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Schemes of other caches.
const CACHES: [&str; 4] = ["tcp", "tls", "ssh", "unix"];

/// A source on the command line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    File(PathBuf),
    /// A directory of SLURM files.
    Directory(PathBuf),
    Http(reqwest::Url),
    /// Another cache.
    Rtr(Target),
}

impl Source {
    /// Returns the address of SLURM, which may be a directory: an existing one, or one with a slash at the end.
    pub(crate) fn of_slurm(self) -> Source {
        match self {
            Source::File(path) if path.as_os_str().as_encoded_bytes().ends_with(b"/") || path.is_dir() => {
                Source::Directory(path)
            }
            other => other,
        }
    }

    /// Returns the scheme of its URL; a file has none.
    pub(crate) fn scheme(&self) -> Option<Scheme> {
        match self {
            Source::File(_) | Source::Directory(_) => None,
            Source::Http(_) => Some(Scheme::Http),
            Source::Rtr(target) => Some(Scheme::of_cache(target)),
        }
    }

    /// Returns octets that no other address has, with the secrets of a URL.
    pub(crate) fn identity(&self) -> Vec<u8> {
        match self {
            Source::File(path) | Source::Directory(path) => path.as_os_str().as_encoded_bytes().to_vec(),
            Source::Http(url) => url.as_str().as_bytes().to_vec(),
            Source::Rtr(target) => target.to_string().into_bytes(),
        }
    }

    /// Returns true if both have the same address: a former file may be a directory now.
    pub(crate) fn is_at_place_of(&self, other: &Source) -> bool {
        match (self, other) {
            (Source::File(path) | Source::Directory(path), Source::File(other) | Source::Directory(other)) => {
                path == other
            }
            _ => self == other,
        }
    }

    /// Parses an address. A path need not be UTF-8; a URL has to be.
    pub(crate) fn parse(text: OsString) -> Result<Source, String> {
        let Some(words) = text.to_str() else { return Ok(Source::File(PathBuf::from(text))) };
        match words.split_once("://") {
            Some((scheme, _)) if ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) => {
                words.parse().map(Source::Http).map_err(|error| format!("not a URL: {error}"))
            }
            Some((scheme, _)) if CACHES.iter().any(|known| scheme.eq_ignore_ascii_case(known)) => {
                words.parse().map(Source::Rtr).map_err(|error: TargetError| error.to_string())
            }
            Some((scheme, _)) => Err(format!(
                "{scheme}:// is not a source of this version; it reads files, http://, https://, and follows caches at tcp://, \
                 tls://, ssh:// and unix://"
            )),
            None if words.parse::<SocketAddr>().is_ok() && !Path::new(words).exists() => {
                Err(format!("there is no such file; another cache is named tcp://{words}"))
            }
            None if words.is_empty() => {
                Err("a source is a file, an http(s) URL or a cache's: tcp://host:port".to_owned())
            }
            None => Ok(Source::File(PathBuf::from(text))),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::File(path) | Source::Directory(path) => write!(f, "{}", path.display()),
            Source::Rtr(target) => write!(f, "{target}"),
            // User, password and query may be secrets, and the text is for logs and metrics.
            Source::Http(url) => {
                let mut url = url.clone();
                let _ = url.set_username("");
                let _ = url.set_password(None);
                if url.query().is_some() {
                    url.set_query(Some("..."));
                }
                write!(f, "{url}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_recognised_and_shown_without_secrets() {
        assert_eq!(Source::parse("a/b.json".into()), Ok(Source::File("a/b.json".into())));
        let source = Source::parse("https://me:secret@validator.example/rpki.json?token=secret".into()).unwrap();
        assert_eq!(source.to_string(), "https://validator.example/rpki.json?...");
        assert!(Source::parse("rsync://x/y".into()).unwrap_err().starts_with("rsync:// is not a source"));
    }
}
