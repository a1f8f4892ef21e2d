//! Serial Notify: at most one a minute, newest serial only, and never inside a response.
//!
//! Before a router has been answered it gets none: some take its version octet for the negotiated one. [C-NEG-12]
//! A notify that was owed during a response is dropped if that response brought the serial. [C-NOT-04]

use super::{Event, Phase, RouterState, ServerSession, SessionSerial};
use crate::limits::NOTIFY_INTERVAL_MIN;
use crate::profile::Profile;
use crate::time::Moment;
use crate::wire;

impl ServerSession {
    /// When a Serial Notify is due: now or before, later, or never as things are.
    pub(super) fn notify_at(&self) -> Option<Moment> {
        self.owed_notify()?;
        Some(self.last_notify.map_or(self.now, |last| last.after(NOTIFY_INTERVAL_MIN)))
    }

    /// What a notify would say, if the router does not know it yet.
    fn owed_notify(&self) -> Option<(Profile, SessionSerial)> {
        let Phase::Open { profile, router } = self.phase else { return None };
        let current = SessionSerial { session: self.view.session(profile), serial: self.view.serial()? };
        match router {
            RouterState::Nothing => return None,
            RouterState::NoData => {}
            // [C-SID-08] A router that was told another id would have to drop the session.
            RouterState::Data(known) if known.session != current.session => return None,
            RouterState::Data(known) if known == current => return None,
            RouterState::Data(known) if !self.view.has_news(profile, known.serial) => return None,
            RouterState::Data(_) => {}
        }
        match self.notified {
            Some(said) if said.session == current.session && !self.view.has_news(profile, said.serial) => None,
            Some(_) | None => Some((profile, current)),
        }
    }

    pub(super) fn notify(&mut self) {
        let Some((profile, current)) = self.owed_notify() else { return };
        self.outbox.extend_from_slice(&wire::serial_notify(profile.version(), current.session, current.serial));
        self.notified = Some(current);
        self.last_notify = Some(self.now);
        self.events.push(Event::Notified(current.serial));
    }
}
