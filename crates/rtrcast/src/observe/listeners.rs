//! Listeners as metrics and status show them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A listener that is open.
#[derive(Clone)]
pub(crate) struct OpenListener {
    /// As a router names it: `tls://192.0.2.1:8283`.
    pub(crate) name: String,
    /// The address alone, which metrics have.
    pub(crate) address: String,
    /// Its certificates, keys and users, if it has files of such.
    pub(crate) credentials: Option<Arc<InForce>>,
}

/// State of a listener's certificates, keys or users, which lie in files.
pub(crate) struct InForce {
    pub(crate) listener: String,
    is: AtomicBool,
    /// When the certificate that is shown expires, in seconds since 1970, if there is one.
    expiry: Mutex<Option<i64>>,
}

impl InForce {
    pub(crate) fn new(listener: String) -> InForce {
        InForce { listener, is: AtomicBool::new(true), expiry: Mutex::default() }
    }

    /// True if they are in effect as they lie in the files now.
    pub(crate) fn is_in_force(&self) -> bool {
        self.is.load(Ordering::Relaxed)
    }

    pub(crate) fn set(&self, is: bool) {
        self.is.store(is, Ordering::Relaxed);
    }

    /// When the certificate that is shown expires, in seconds since 1970.
    pub(crate) fn expiry(&self) -> Option<i64> {
        *self.expiry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another certificate is shown, or none whose end is known.
    pub(crate) fn expires(&self, at: Option<i64>) {
        *self.expiry.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }
}
