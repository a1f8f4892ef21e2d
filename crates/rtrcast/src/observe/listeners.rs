//! Listeners as metrics and status show them.

use crate::clock::unix_now;
use std::sync::{Arc, Mutex, PoisonError};

/// A listener that is open.
#[derive(Clone)]
pub(crate) struct OpenListener {
    /// Its URL: `tls://192.0.2.1:8283`.
    pub(crate) name: String,
    /// The address alone, which metrics have.
    pub(crate) address: String,
    /// Its certificates, keys and users, if it has files of such.
    pub(crate) credentials: Option<Arc<CredentialsState>>,
}

/// State of a listener's certificates, keys or users, which lie in files.
pub(crate) struct CredentialsState {
    pub(crate) listener: String,
    /// The reason for which the files as they are now are not in effect, and since when, in seconds since 1970.
    refused: Mutex<Option<(String, u32)>>,
    /// Time when the certificate in use expires, in seconds since 1970, if there is one.
    expiry: Mutex<Option<i64>>,
}

impl CredentialsState {
    pub(crate) fn new(listener: String) -> CredentialsState {
        CredentialsState { listener, refused: Mutex::default(), expiry: Mutex::default() }
    }

    /// True if they are in effect as the files are now.
    pub(crate) fn is_in_effect(&self) -> bool {
        self.refused().is_none()
    }

    /// The reason for which they are not, and since when, in seconds since 1970.
    pub(crate) fn refused(&self) -> Option<(String, u32)> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes note that the files are in effect, or of the reason for which they are not.
    pub(crate) fn set(&self, refused: Option<&str>) {
        let mut state = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        *state = refused.map(|reason| (reason.to_owned(), state.as_ref().map_or_else(unix_now, |(_, since)| *since)));
    }

    /// Time when the certificate in use expires, in seconds since 1970.
    pub(crate) fn expiry(&self) -> Option<i64> {
        *self.expiry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of another certificate, or of none whose end is known.
    pub(crate) fn expires(&self, at: Option<i64>) {
        *self.expiry.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }
}
