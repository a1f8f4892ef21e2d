//! What has to come by the time: answers, Error Reports, notifies and ends.

use super::super::record::ModelSet;
use super::super::served_sets::ServedSets;
use super::{ConnectionModel, NOTIFY_INTERVAL, Owed};
use rtrcast_proto::Moment;
use std::time::Duration;

/// Time within which a query is answered: 25 s without data, 30 s until the answer is made, and some.
const ANSWER_TIME: Duration = Duration::from_secs(70);

/// Time within which an Error Report is sent: the rest of a PDU that is wrong is waited for, for a second.
const REPORT_TIME: Duration = Duration::from_secs(5);

/// Time within which a connection ends once it has to: 30 s for the last octets, and some.
const END_TIME: Duration = Duration::from_secs(35);

impl ConnectionModel {
    /// Returns whether the router has this set, or was told that there is another one.
    pub(crate) fn knows(&self, session: u16, serial: u32, line: &ServedSets) -> bool {
        let served = line.get(session, serial);
        let named = self.notified.and_then(|notified| line.get(session, notified));
        self.holds.as_ref().is_some_and(|(_, set)| Some(set) == served || (named.is_some() && named == served))
    }

    /// Checks that a router whose data are not the ones that are served, since that moment, is notified in its time.
    pub(crate) fn check_notify(
        &self,
        now: Moment,
        (session, serial): (u16, u32),
        changed: Moment,
        line: &ServedSets,
    ) -> Result<(), String> {
        if !self.is_idle() || self.excuse.is_some() || self.is_final || self.has_ended {
            return Ok(());
        }
        let served = line.get(session, serial);
        let is_same = |known: Option<&ModelSet>| known == served;
        let is_known = match &self.holds {
            Some((held, set)) => held.session != session || is_same(Some(set)),
            // A router that was told of no data is told of the first ones.
            None => !self.has_no_data,
        };
        if is_known || self.notified.is_some_and(|notified| is_same(line.get(session, notified))) {
            return Ok(());
        }
        let may = self.last_notify.map_or(changed, |last| last.after(NOTIFY_INTERVAL));
        let due = may.max(changed).max(self.answered).max(self.progress_since).after(Duration::from_secs(5));
        if now > due {
            let held = self.holds.as_ref().map(|(held, _)| held.serial);
            return Err(format!("no Serial Notify of serial {serial} to a router with serial {held:?}"));
        }
        Ok(())
    }

    /// Checks that what is owed comes in its time.
    pub(crate) fn check_time(&self, now: Moment) -> Result<(), String> {
        if self.has_ended {
            return Ok(());
        }
        let since = self.ends_since.filter(|_| self.owed.is_empty() || self.excuse.is_some() || self.is_final);
        if let Some(since) = since {
            let due = match self.response {
                Some(_) => self.progress_since.max(since).after(ANSWER_TIME + END_TIME),
                None => self.progress_since.max(self.answered).max(since).after(END_TIME),
            };
            return if now > due { Err(format!("no end, which is due for {} ms", now.0 - since.0)) } else { Ok(()) };
        }
        let (what, asked, time) = match self.owed.front() {
            Some(Owed::Answer { asked, .. }) => ("answer to a query", *asked, ANSWER_TIME),
            Some(Owed::Report { asked, .. }) => ("Error Report for a PDU", (*asked).max(self.answered), REPORT_TIME),
            None => return Ok(()),
        };
        if now > asked.max(self.progress_since).after(time) && self.excuse.is_none() {
            return Err(format!("no {what} of {} ms ago", now.0 - asked.0));
        }
        Ok(())
    }
}
