//! A response as it is collected, and what it makes of the set that the router holds.
//!
//! Nothing of a response counts before its End of Data [R-SYN-03]. Then it is judged as a whole: sorting and merging a
//! million records takes a while, so [`Changes::apply`] is called by whoever drives the session, on a thread that may
//! block, and the session is given the outcome.

use super::Complete;
use crate::builder::Unsorted;
use crate::delta::Delta;
use crate::image::{Image, ImageSink, ImageWriter, Records, Section};
use crate::limits::RESPONSE_OCTETS_MAX;
use crate::payload::Action;
use crate::serial::{Serial, SessionId};
use crate::server::Answer;
use crate::time::Timing;
use crate::version::Version;
use crate::violation::Violation;
use crate::wire::{Pdu, record};
use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

/// What a response changes.
#[derive(Clone, Debug)]
pub(super) enum Base {
    /// It is the whole set; the one before it, if there was any, is replaced. [R-SYN-04]
    Replace(Option<Image>),
    /// It changes this set.
    Change(Image),
    /// It changes a set that nobody here has.
    ChangeUnknown,
}

/// A complete response, still to be applied.
#[derive(Debug)]
pub struct Changes {
    base: Base,
    version: Version,
    sections: [Collected; 4],
    octets: usize,
}

/// The payload of one section.
#[derive(Debug, Default)]
struct Collected {
    records: Unsorted,
    /// Where the records lie, and what they do; empty for a whole set, which only announces.
    steps: Vec<(Action, Range<usize>)>,
}

/// What a response made of the set.
#[derive(Debug)]
pub struct Applied {
    pub(super) outcome: Result<Made, Refusal>,
}

/// The same, if it can be applied.
#[derive(Debug)]
pub(super) struct Made {
    answer: Answer,
    pub(super) image: Option<Image>,
    delta: Option<Arc<Delta>>,
}

/// A response that was applied. It says all of itself: the session may have gone on since.
#[derive(Clone, Debug)]
pub struct Update {
    /// The version that it came in.
    pub version: Version,
    /// The cache's session in that version.
    pub session: SessionId,
    /// The serial of the set.
    pub serial: Serial,
    /// The timers that count from here on.
    pub timing: Timing,
    /// Whether the cache sent everything, or what changed.
    pub answer: Answer,
    /// The set as it is now; none where only the changes were asked for.
    pub image: Option<Image>,
    /// What changed since the set before; none if there was no set before.
    pub delta: Option<Arc<Delta>>,
}

/// A response that can't be applied, and the PDU that says so.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) violation: Violation,
    pub(super) copy: Vec<u8>,
}

impl Changes {
    pub(super) fn new(base: Base, version: Version) -> Changes {
        Changes { base, version, sections: Default::default(), octets: 0 }
    }

    /// How many payload PDUs there are.
    pub fn records(&self) -> usize {
        let of = |(section, collected): (Section, &Collected)| match self.base {
            Base::Replace(_) => collected.records.count(section),
            Base::Change(_) | Base::ChangeUnknown => collected.steps.len(),
        };
        Section::ALL.into_iter().zip(&self.sections).map(of).sum()
    }

    /// Takes a payload PDU.
    pub(super) fn push(&mut self, pdu: &Pdu<'_>) -> Result<(), Violation> {
        let (section, action) = match pdu {
            Pdu::Prefix { action, origin } if origin.prefix().addr().is_ipv4() => (Section::Ipv4Prefix, *action),
            Pdu::Prefix { action, .. } => (Section::Ipv6Prefix, *action),
            Pdu::RouterKey { action, .. } => (Section::RouterKey, *action),
            Pdu::Aspa { action, .. } => (Section::Aspa, *action),
            Pdu::SerialNotify { .. }
            | Pdu::SerialQuery { .. }
            | Pdu::ResetQuery
            | Pdu::CacheResponse { .. }
            | Pdu::EndOfData { .. }
            | Pdu::CacheReset
            | Pdu::ErrorReport(_) => unreachable!("it was asked whether this is payload"),
        };
        let is_whole = matches!(self.base, Base::Replace(_));
        if is_whole && action == Action::Withdraw {
            // [R-SYN-04] Nothing of a whole set can be withdrawn.
            return Err(Violation::UnknownWithdrawal);
        }
        let collected = &mut self.sections[section.index()];
        let octets = collected.records.push(section, |out| write_record(self.version, pdu, out));
        self.octets += octets;
        if self.octets > RESPONSE_OCTETS_MAX {
            return Err(Violation::ResponseTooLarge);
        }
        if !is_whole {
            let end = collected.records.octets().len();
            collected.steps.push((action, end - octets..end));
        }
        Ok(())
    }

    /// Makes the set as it is after this response. What is wrong with it, a record that is announced twice or one
    /// that is withdrawn and was not there, is an outcome too; only the sink can fail.
    pub fn apply<S: ImageSink>(mut self, sink: S) -> Result<Applied, S::Error> {
        let base = std::mem::replace(&mut self.base, Base::ChangeUnknown);
        let outcome = match base {
            Base::Replace(old) => self.replace(old.as_ref(), sink)?,
            Base::Change(old) => match self.difference(Some(&old)) {
                Ok(delta) if delta.is_empty() => {
                    Ok(Made { answer: Answer::Delta, image: Some(old), delta: Some(Arc::new(delta)) })
                }
                Ok(delta) => {
                    let image = match delta.apply(&old, sink) {
                        Ok(image) => image,
                        Err(crate::ApplyError::Sink(error)) => return Err(error),
                        Err(crate::ApplyError::UnknownRecord(_) | crate::ApplyError::DuplicateRecord(_)) => {
                            unreachable!("the difference was made for this set")
                        }
                    };
                    Ok(Made { answer: Answer::Delta, image: Some(image), delta: Some(Arc::new(delta)) })
                }
                Err(refusal) => Err(refusal),
            },
            Base::ChangeUnknown => self.difference(None).map(|delta| Made {
                answer: Answer::Delta,
                image: None,
                delta: Some(Arc::new(delta)),
            }),
        };
        Ok(Applied { outcome })
    }

    fn replace<S: ImageSink>(self, old: Option<&Image>, sink: S) -> Result<Result<Made, Refusal>, S::Error> {
        let mut writer = ImageWriter::new(self.version, sink);
        for (section, mut collected) in Section::ALL.into_iter().zip(self.sections) {
            if let Err(refusal) = collected.write(section, &mut writer)? {
                return Ok(Err(refusal));
            }
        }
        let image = writer.finish()?;
        let delta = old.map(|old| Arc::new(Delta::between(old, &image)));
        Ok(Ok(Made { answer: Answer::Full, image: Some(image), delta }))
    }

    /// What the steps, one after another, make of a set, or of one that nobody has.
    fn difference(&self, old: Option<&Image>) -> Result<Delta, Refusal> {
        let mut delta = Delta::default();
        for (section, collected) in Section::ALL.into_iter().zip(&self.sections) {
            let record = |range: &Range<usize>| collected.records.octets().get(range.clone()).unwrap_or_default();
            let mut steps: Vec<(Action, &[u8])> =
                collected.steps.iter().map(|(action, range)| (*action, record(range))).collect();
            // Stable: what happens to one record stays in its order.
            steps.sort_by(|(_, a), (_, b)| key_order(section, a, b));
            let mut records = old.map(|old| old.records(section).peekable());
            for same in steps.chunk_by(|(_, a), (_, b)| is_same_key(section, a, b)) {
                let Some((action, record)) = same.first() else { continue };
                let before = match &mut records {
                    Some(records) => {
                        while records.next_if(|other| key_order(section, other, record).is_lt()).is_some() {}
                        records.next_if(|other| is_same_key(section, other, record))
                    }
                    // Whoever has the set would know; what the cache says is taken to be right.
                    None => (*action == Action::Withdraw).then_some(*record),
                };
                let after = follow(section, before, same)?;
                if before != after {
                    delta.change(section, before, after);
                }
            }
        }
        Ok(delta)
    }
}

/// What becomes of one record, which may be there, by steps that all concern it.
fn follow<'a>(
    section: Section,
    before: Option<&'a [u8]>,
    steps: &[(Action, &'a [u8])],
) -> Result<Option<&'a [u8]>, Refusal> {
    let mut current = before;
    let mut announced = false;
    for (action, record) in steps {
        let refusal = |violation| Refusal { violation, copy: as_sent(section, *action, record) };
        current = match (action, current) {
            // [R-DAT-01] A new list of providers replaces the one before; twice in one response is one too many.
            (Action::Announce, Some(_)) if section == Section::Aspa && !announced => Some(record),
            (Action::Announce, Some(_)) => return Err(refusal(Violation::DuplicateAnnouncement)),
            (Action::Announce, None) => Some(record),
            (Action::Withdraw, Some(_)) => None, // [R-DAT-06]
            (Action::Withdraw, None) => return Err(refusal(Violation::UnknownWithdrawal)), // [R-DAT-02]
        };
        announced |= *action == Action::Announce;
    }
    // Said in other versions, it is still the same.
    let is_same = |a: &[u8], b: &[u8]| a.get(1..) == b.get(1..);
    Ok(match (before, current) {
        (Some(before), Some(current)) if is_same(before, current) => Some(before),
        _ => current,
    })
}

/// The order of what tells records apart: of an ASPA that is the customer, whoever its providers are.
fn key_order(section: Section, a: &[u8], b: &[u8]) -> Ordering {
    match section {
        Section::Ipv4Prefix | Section::Ipv6Prefix | Section::RouterKey => section.announcement_order(a, b),
        Section::Aspa => a.get(8..12).cmp(&b.get(8..12)),
    }
}

fn is_same_key(section: Section, a: &[u8], b: &[u8]) -> bool {
    key_order(section, a, b).is_eq()
}

/// Writes a payload PDU as an announcement, whatever it does.
fn write_record(version: Version, pdu: &Pdu<'_>, out: &mut Vec<u8>) {
    match *pdu {
        Pdu::Prefix { origin, .. } => record::origin(version, Action::Announce, &origin, out),
        Pdu::RouterKey { key, .. } => record::router_key(version, Action::Announce, &key, out),
        Pdu::Aspa { customer, providers, .. } => {
            record::aspa_parts(version, Action::Announce, customer, providers, out);
        }
        Pdu::SerialNotify { .. }
        | Pdu::SerialQuery { .. }
        | Pdu::ResetQuery
        | Pdu::CacheResponse { .. }
        | Pdu::EndOfData { .. }
        | Pdu::CacheReset
        | Pdu::ErrorReport(_) => {}
    }
}

/// The PDU that a record came in.
fn as_sent(section: Section, action: Action, record: &[u8]) -> Vec<u8> {
    let mut pdu = record.to_vec();
    let flags = match section {
        Section::Ipv4Prefix | Section::Ipv6Prefix => 8,
        Section::RouterKey | Section::Aspa => 2,
    };
    if let Some(octet) = pdu.get_mut(flags) {
        *octet = action.flags();
    }
    pdu
}

impl Collected {
    /// Writes all records of a whole set, each of which may be there once.
    fn write<S: ImageSink>(
        &mut self,
        section: Section,
        writer: &mut ImageWriter<S>,
    ) -> Result<Result<(), Refusal>, S::Error> {
        let mut last: Option<&[u8]> = None;
        for record in self.records.sorted(section) {
            if last.is_some_and(|last| is_same_key(section, last, record)) {
                return Ok(Err(Refusal { violation: Violation::DuplicateAnnouncement, copy: record.to_vec() }));
            }
            last = Some(record);
            writer.push(section, record)?;
        }
        Ok(Ok(()))
    }
}

impl Made {
    /// The response as it is told.
    pub(super) fn told(self, version: Version, complete: Complete) -> Update {
        let (Made { answer, image, delta }, Complete { session, serial, timing, .. }) = (self, complete);
        Update { version, session, serial, timing, answer, image, delta }
    }
}

impl Update {
    /// Whether the set is another one than before.
    pub fn is_change(&self) -> bool {
        self.delta.as_ref().is_none_or(|delta| !delta.is_empty())
    }

    /// The records of a section that are new, as announcements, in the order of an image.
    pub fn added(&self, section: Section) -> Records<'_> {
        match (&self.delta, &self.image) {
            (Some(delta), _) => delta.added(section),
            (None, Some(image)) => image.records(section),
            (None, None) => Records::new(section, &[]),
        }
    }

    /// The records of a section that are gone, as they were announced; a customer whose providers changed is among both.
    pub fn removed(&self, section: Section) -> Records<'_> {
        self.delta.as_ref().map_or(Records::new(section, &[]), |delta| delta.removed(section))
    }

    /// Whether the cache sent everything.
    pub fn is_full(&self) -> bool {
        self.answer == Answer::Full
    }
}
