//! Logins that a listener over SSH accepts, and how many attempts a connection has.

use super::{AuthorizedKeys, Passwords};
use russh::{MethodKind, MethodSet};

/// Login attempts of a connection: passwords and signatures. Then no method is left. Neither the request for the
/// methods (`none`) nor the offer of a key that may not log in is an attempt.
pub const LOGIN_ATTEMPTS_MAX: usize = 3;

/// Keys that a connection may offer, as an agent does that holds several. Then the method is no longer offered.
pub const KEY_OFFERS_MAX: usize = 20;

/// Users that may log in, and their credentials. The methods that a client is offered are those that are here.
#[derive(Clone, Debug, Default)]
pub struct Logins {
    /// By public key.
    pub keys: Option<AuthorizedKeys>,
    /// By password.
    pub passwords: Option<Passwords>,
    /// Any user without authentication. RFC 8210 section 9.1 requires authentication, so only if the operator
    /// configures it.
    pub anyone: bool,
    /// The names that may log in; with none, all may.
    pub users: Vec<String>,
}

impl Logins {
    pub(super) fn methods(&self) -> MethodSet {
        let mut methods = MethodSet::empty();
        if self.keys.is_some() {
            methods.push(MethodKind::PublicKey);
        }
        if self.passwords.is_some() {
            methods.push(MethodKind::Password);
        }
        methods
    }

    pub(super) fn has_user(&self, user: &str) -> bool {
        self.users.is_empty() || self.users.iter().any(|known| known == user)
    }
}
