//! Serial Notify: at most one a minute, newest serial only, and never inside a response.
//!
//! Before a router has been answered it gets none: some take its version octet as the negotiated one. [C-NEG-12] A
//! notify that was owed during a response is dropped if that response brought the serial. [C-NOT-04]

use super::{Phase, RouterState, ServerEvent, ServerSession, SessionSerial};
use crate::limits::NOTIFY_INTERVAL_MIN;
use crate::profile::Profile;
use crate::time::Moment;
use crate::wire;

impl ServerSession {
    /// Returns when a Serial Notify is due; none if none is owed.
    pub(super) fn notify_at(&self) -> Option<Moment> {
        self.owed_notify()?;
        Some(self.last_notify.map_or(self.now, |last| last.after(NOTIFY_INTERVAL_MIN)))
    }

    /// Returns the profile, session and serial of the Serial Notify that is owed, if one is.
    fn owed_notify(&self) -> Option<(Profile, SessionSerial)> {
        let Phase::Open { profile, router } = self.phase else { return None };
        let current = SessionSerial { session: self.view.session(profile), serial: self.view.serial()? };
        match router {
            RouterState::Nothing => return None,
            RouterState::NoData => {}
            // [C-SID-08] A router that was sent another id would have to drop the session.
            RouterState::Data(known) if known.session != current.session => return None,
            RouterState::Data(known) if known == current => return None,
            RouterState::Data(known) if !self.view.has_news(profile, known.serial) => return None,
            RouterState::Data(_) => {}
        }
        match self.notified {
            Some(last) if last.session == current.session && !self.view.has_news(profile, last.serial) => None,
            Some(_) | None => Some((profile, current)),
        }
    }

    pub(super) fn notify(&mut self) {
        let Some((profile, current)) = self.owed_notify() else { return };
        self.outbox.extend_from_slice(&wire::serial_notify(profile.version(), current.session, current.serial));
        self.notified = Some(current);
        self.last_notify = Some(self.now);
        self.events.push(ServerEvent::Notified(current.serial));
    }
}
