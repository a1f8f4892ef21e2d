//! Serial Notify: at most one a minute, newest serial only, and never inside a response.
//!
//! Before a router has been answered it gets none: some take its version octet for the negotiated one. [C-NEG-12]
//! A notify that was owed during a response is dropped if that response brought the serial. [C-NOT-04]

use super::{Event, Knowledge, Phase, ServerSession, Told};
use crate::limits::NOTIFY_INTERVAL;
use crate::profile::Profile;
use crate::time::Moment;
use crate::wire;

impl ServerSession {
    /// When a Serial Notify is due: now or before, later, or never as things are.
    pub(super) fn notify_at(&self) -> Option<Moment> {
        self.owed_notify()?;
        Some(self.last_notify.map_or(self.now, |last| last.after(NOTIFY_INTERVAL)))
    }

    /// What a notify would say, if the router does not know it yet.
    fn owed_notify(&self) -> Option<(Profile, Told)> {
        let Phase::Open { profile, knows } = self.phase else { return None };
        let current = Told { session: self.view.session(profile), serial: self.view.serial()? };
        match knows {
            Knowledge::Nothing => return None,
            Knowledge::NoData => {}
            // [C-SID-08] A router that was told another id would have to drop the session.
            Knowledge::Data(told) if told.session != current.session => return None,
            Knowledge::Data(told) if told == current => return None,
            Knowledge::Data(told) if !self.view.has_news(profile, told.serial) => return None,
            Knowledge::Data(_) => {}
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
