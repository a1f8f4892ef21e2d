//! Handler of a client before its session: authentication, and the requests of its channel.
//!
//! Any request other than that of the subsystem gets the protocol's failure message: shells, commands, terminals,
//! forwarding, second channels and subsystems.

use super::channel_stream::SharedChannel;
use super::describe;
use super::key::fingerprint;
use super::logins::{KEY_OFFERS_MAX, LOGIN_ATTEMPTS_MAX, Logins};
use super::names::{SUBSYSTEM, printable};
use super::user::check_user;
use crate::stream::WakeUps;
use russh::keys::{Algorithm, PublicKey};
use russh::server::{Auth, ChannelOpenHandle, Handler, Msg, PublicKeyOffer, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId, Disconnect, MethodKind, MethodSet, Pty};
use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;
use tokio::sync::oneshot;

/// Refusals that the log names; further ones are counted.
const REFUSALS_LOGGED_MAX: usize = 3;

/// The subsystem is open.
pub(super) struct OpenedSubsystem {
    pub(super) channel: ChannelId,
    pub(super) user: String,
    pub(super) wake_ups: Option<Box<WakeUps>>,
}

/// Start of libssh's identification. Other libraries buffer nothing, so they get no wake-ups.
pub(super) const LIBSSH: &[u8] = b"SSH-2.0-libssh";

/// Record of a login, for the log.
#[derive(Default)]
pub(super) struct LoginRecord {
    /// The first refusals.
    refusals: Vec<String>,
    /// The number of further refusals.
    further_refusals: usize,
    /// True after a login.
    is_logged_in: bool,
    /// The request that came instead of that of the subsystem.
    asked: Option<String>,
}

impl LoginRecord {
    pub(super) fn reason(&self, error: Option<&russh::Error>) -> String {
        let what = match (&self.asked, self.is_logged_in, self.refusals.as_slice()) {
            (Some(asked), ..) => Some(format!("the client asked for {asked}, not for the subsystem {SUBSYSTEM}")),
            (None, true, _) => Some(format!("the client did not ask for the subsystem {SUBSYSTEM}")),
            (None, false, []) => None,
            (None, false, refusals) => {
                let further = match self.further_refusals {
                    0 => String::new(),
                    number => format!("; and {number} more"),
                };
                Some(format!("no login: {}{further}", refusals.join("; ")))
            }
        };
        match (what, error) {
            (Some(what), _) => what,
            (None, Some(russh::Error::IO(error))) if error.kind() == io::ErrorKind::UnexpectedEof => {
                "the client left before it logged in".to_owned()
            }
            (None, Some(error)) => format!("no SSH session: {}", describe::error(error)),
            (None, None) => "the client left before it logged in".to_owned(),
        }
    }
}

/// The handler of one connection.
pub(super) struct ServerHandler {
    logins: Arc<Logins>,
    peer: Option<IpAddr>,
    shared: Arc<SharedChannel>,
    record: Arc<Mutex<LoginRecord>>,
    /// Keys that were offered, and attempts that were begun.
    offers: usize,
    attempts: usize,
    user: String,
    channel: Option<ChannelId>,
    opened: Option<oneshot::Sender<OpenedSubsystem>>,
}

impl ServerHandler {
    pub(super) fn new(
        logins: Arc<Logins>,
        peer: Option<IpAddr>,
        shared: Arc<SharedChannel>,
        record: Arc<Mutex<LoginRecord>>,
        opened: oneshot::Sender<OpenedSubsystem>,
    ) -> ServerHandler {
        let user = String::new();
        ServerHandler {
            logins,
            peer,
            shared,
            record,
            offers: 0,
            attempts: 0,
            user,
            channel: None,
            opened: Some(opened),
        }
    }

    fn with_record(&self, with_record: impl FnOnce(&mut LoginRecord)) {
        with_record(&mut self.record.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn refuse(&mut self, text: String) -> Auth {
        self.with_record(|record| {
            if record.refusals.len() >= REFUSALS_LOGGED_MAX {
                record.further_refusals += 1;
            } else if !record.refusals.contains(&text) {
                record.refusals.push(text);
            }
        });
        self.rejected()
    }

    fn rejected(&self) -> Auth {
        Auth::Reject { proceed_with_methods: Some(self.methods()), partial_success: false }
    }

    /// Returns the methods that are left. russh removes a method after a failure unless it is given them.
    fn methods(&self) -> MethodSet {
        if self.attempts >= LOGIN_ATTEMPTS_MAX {
            return MethodSet::empty();
        }
        let mut methods = self.logins.methods();
        if self.offers >= KEY_OFFERS_MAX {
            methods.remove(MethodKind::PublicKey);
        }
        methods
    }

    /// Begins an attempt. A client that has no method left, and tries on, is disconnected.
    fn begin_attempt(&mut self) -> Result<(), russh::Error> {
        if self.attempts >= LOGIN_ATTEMPTS_MAX {
            return Err(russh::Error::Disconnect);
        }
        self.attempts += 1;
        Ok(())
    }

    fn accepted(&mut self, user: &str) -> Auth {
        user.clone_into(&mut self.user);
        self.with_record(|record| record.is_logged_in = true);
        Auth::Accept
    }

    /// Checks a login by a key; the error is the reason of a refusal.
    fn permit(&self, user: &str, key: &PublicKey, algorithm: &Algorithm) -> Result<(), String> {
        let refused =
            |reason: &str| Err(format!("publickey of user {} {} {reason}", printable(user), fingerprint(key)));
        let Some(keys) = &self.logins.keys else { return refused("is of a method that is not offered") };
        if *algorithm == (Algorithm::Rsa { hash: None }) {
            return refused("would sign with SHA-1 (ssh-rsa), which is not accepted");
        }
        if let Err(what) = check_user(user) {
            return refused(&format!("comes with a user name that {what}"));
        }
        if !self.logins.has_user(user) {
            return refused("has a user name that is not in the list");
        }
        keys.permit(key, self.peer, SystemTime::now()).or_else(refused)
    }

    fn is_serving(&self) -> bool {
        self.opened.is_none()
    }

    /// Refuses a request that is not served.
    fn not_served(&self, what: &str, channel: ChannelId, session: &mut Session) -> Result<(), russh::Error> {
        if !self.is_serving() {
            self.with_record(|record| {
                record.asked.get_or_insert_with(|| what.to_owned());
            });
        }
        session.channel_failure(channel)
    }
}

impl Handler for ServerHandler {
    type Error = russh::Error;

    async fn auth_none(&mut self, user: &str) -> Result<Auth, russh::Error> {
        if !self.logins.anyone {
            return Ok(self.rejected());
        }
        let what = match check_user(user) {
            Ok(()) if self.logins.has_user(user) => return Ok(self.accepted(user)),
            Ok(()) => "is not in the list",
            Err(what) => what,
        };
        Ok(self.refuse(format!("user {} {what}", printable(user))))
    }

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, russh::Error> {
        self.begin_attempt()?;
        if let Err(what) = check_user(user) {
            return Ok(self.refuse(format!("password of user {} comes with a name that {what}", printable(user))));
        }
        let is_right = match self.logins.passwords.clone() {
            None => false,
            Some(passwords) => tokio::select! {
                is_right = passwords.verify(user, password, self.peer) => is_right,
                () = poll_fn(|context| self.shared.poll_dropped(context)) => return Err(russh::Error::Disconnect),
            },
        };
        // The list is checked last, so that it does not affect the time.
        match is_right && self.logins.has_user(user) {
            true => Ok(self.accepted(user)),
            false => Ok(self.refuse(format!("password of user {} is wrong or not accepted", printable(user)))),
        }
    }

    /// Called before each signature, at the latest with it. So a key that is accepted begins an attempt, and wrong
    /// signatures, which russh refuses by itself, are attempts as well.
    async fn auth_publickey_offered(&mut self, user: &str, offer: PublicKeyOffer<'_>) -> Result<Auth, russh::Error> {
        self.offers += 1;
        let permitted = match self.offers > KEY_OFFERS_MAX {
            true => Err(format!("publickey of user {} comes after too many others", printable(user))),
            false => self.permit(user, offer.public_key, offer.algorithm),
        };
        if let Err(text) = permitted {
            return Ok(self.refuse(text));
        }
        self.begin_attempt()?;
        Ok(Auth::Accept)
    }

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, russh::Error> {
        Ok(match self.permit(user, key.public_key, key.algorithm) {
            Ok(()) => self.accepted(user),
            Err(text) => self.refuse(text),
        })
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        // Dropping the reply refuses the channel. The reading half is dropped as well: data go to the channel stream.
        if self.channel.is_none() {
            self.channel = Some(channel.id());
            reply.accept().await;
        }
        Ok(())
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        name: &str,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        match self.opened.take() {
            Some(opened) if name == SUBSYSTEM => {
                session.channel_success(channel)?;
                // If the receiver is dropped the connection is at its end.
                let wake_ups = session.remote_sshid().starts_with(LIBSSH).then(Box::default);
                let _ = opened.send(OpenedSubsystem { channel, user: self.user.clone(), wake_ups });
                Ok(())
            }
            opened => {
                self.opened = opened;
                self.not_served(&format!("subsystem {}", printable(name)), channel, session)
            }
        }
    }

    async fn data(&mut self, _: ChannelId, data: &[u8], _: &mut Session) -> Result<(), russh::Error> {
        if self.is_serving() {
            self.shared.received(data);
        }
        Ok(())
    }

    async fn channel_eof(&mut self, _: ChannelId, _: &mut Session) -> Result<(), russh::Error> {
        self.shared.peer_ended();
        Ok(())
    }

    async fn channel_close(&mut self, _: ChannelId, session: &mut Session) -> Result<(), russh::Error> {
        self.shared.peer_closed();
        if self.is_serving() {
            return Ok(());
        }
        // There is no second channel, so nothing can come of it.
        session.disconnect(Disconnect::ByApplication, "the channel was closed without a subsystem", "")
    }

    async fn shell_request(&mut self, channel: ChannelId, session: &mut Session) -> Result<(), russh::Error> {
        self.not_served("a shell", channel, session)
    }

    async fn exec_request(&mut self, channel: ChannelId, _: &[u8], session: &mut Session) -> Result<(), russh::Error> {
        self.not_served("a command", channel, session)
    }

    async fn pty_request(
        &mut self,
        channel: ChannelId,
        _: &str,
        _: u32,
        _: u32,
        _: u32,
        _: u32,
        _: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_failure(channel)
    }

    async fn x11_request(
        &mut self,
        channel: ChannelId,
        _: bool,
        _: &str,
        _: &str,
        _: u32,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_failure(channel)
    }

    async fn env_request(
        &mut self,
        channel: ChannelId,
        _: &str,
        _: &str,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_failure(channel)
    }
}
