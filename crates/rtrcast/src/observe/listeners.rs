//! Listeners as metrics and status show them.

use std::sync::atomic::{AtomicBool, Ordering};
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
    is_in_effect: AtomicBool,
    /// Time when the certificate in use expires, in seconds since 1970, if there is one.
    expiry: Mutex<Option<i64>>,
}

impl CredentialsState {
    pub(crate) fn new(listener: String) -> CredentialsState {
        CredentialsState { listener, is_in_effect: AtomicBool::new(true), expiry: Mutex::default() }
    }

    /// True if they are in effect as the files are now.
    pub(crate) fn is_in_effect(&self) -> bool {
        self.is_in_effect.load(Ordering::Relaxed)
    }

    pub(crate) fn set(&self, is_in_effect: bool) {
        self.is_in_effect.store(is_in_effect, Ordering::Relaxed);
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
