//! A response as it is collected, and how it changes the set that the router holds.
//!
//! Nothing of a response is in effect before its End of Data [R-SYN-03]. Then it is applied as a whole: sorting and
//! merging a million records takes a while, so the caller runs [`Changes::apply`] on a thread that may block, and
//! passes the result to the session.

use super::Complete;
use crate::builder::Unsorted;
use crate::delta::Delta;
use crate::image::{Image, ImageSink, ImageWriter, Records, Section};
use crate::limits::RESPONSE_OCTETS_MAX;
use crate::payload::{Action, Asn, Aspa};
use crate::record::customer_of;
use crate::serial::{Serial, SessionId};
use crate::server::Answer;
use crate::time::Timing;
use crate::version::Version;
use crate::violation::Violation;
use crate::wire::{Pdu, record};
use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::ops::Range;

/// Set that a response changes.
#[derive(Clone, Debug)]
pub(super) enum Base {
    /// It is the whole set; the one before it, if there was any, is replaced. [R-SYN-04]
    Replace(Option<Image>),
    /// It changes this set.
    Change(Image),
    /// It changes a set that is not held.
    ChangeUnknown,
}

/// A complete response, still to be applied.
#[derive(Debug)]
pub struct Changes {
    base: Base,
    version: Version,
    /// The connection that they came on.
    connection: u64,
    sections: [Collected; 4],
    count: usize,
    /// The octets of memory that they take.
    octets: usize,
    /// Customers that were announced with an invalid ASPA.
    refused: Arc<BTreeSet<Asn>>,
}

/// Effect of a payload PDU on its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RecordChange {
    Announce,
    Withdraw,
    /// It announces an invalid ASPA: of AS 0, of a customer that is its own provider, or with too many providers. The
    /// customer has none then, as with a cache that leaves it out. [C-ASP-06] [C-ASP-07]
    Refuse,
}

impl From<&Action> for RecordChange {
    fn from(action: &Action) -> RecordChange {
        match action {
            Action::Announce => RecordChange::Announce,
            Action::Withdraw => RecordChange::Withdraw,
        }
    }
}

/// The payload of one section.
#[derive(Debug, Default)]
struct Collected {
    records: Unsorted,
    /// Ranges of the records, and their effects; empty for a whole set, which only announces.
    steps: Vec<(RecordChange, Range<usize>)>,
}

/// Result of applying a response.
#[derive(Debug)]
pub struct Applied {
    pub(super) connection: u64,
    pub(super) outcome: Result<AppliedSet, ResponseError>,
}

/// The set after a response that could be applied.
#[derive(Debug)]
pub(super) struct AppliedSet {
    answer: Answer,
    pub(super) image: Option<Image>,
    delta: Option<Arc<Delta>>,
    pub(super) refused: Arc<BTreeSet<Asn>>,
}

/// A response that was applied. It is complete by itself: the session may have changed since.
#[derive(Clone, Debug)]
pub struct Update {
    /// The version that it came in.
    pub version: Version,
    /// The cache's session in that version.
    pub session: SessionId,
    /// The serial of the set.
    pub serial: Serial,
    /// The timers in effect from here on.
    pub timing: Timing,
    /// Kind of response: the whole set, or what changed.
    pub answer: Answer,
    /// The set as it is now; none where only the changes were asked for.
    pub image: Option<Image>,
    /// Changes since the set before; none if there was no set before.
    pub delta: Option<Arc<Delta>>,
    /// Customers that the cache announces with an invalid ASPA: AS 0, its own provider, or more providers than
    /// [`ASPA_PROVIDERS_MAX`](crate::ASPA_PROVIDERS_MAX). The set has nothing of them.
    pub refused: Arc<BTreeSet<Asn>>,
}

/// A response that can't be applied, and the PDU that shows it.
#[derive(Debug)]
pub(super) struct ResponseError {
    pub(super) violation: Violation,
    pub(super) copy: Vec<u8>,
}

impl Changes {
    pub(super) fn new(base: Base, version: Version, connection: u64, refused: Arc<BTreeSet<Asn>>) -> Changes {
        let refused = if matches!(base, Base::Replace(_)) { Arc::default() } else { refused };
        Changes { base, version, connection, sections: Default::default(), count: 0, octets: 0, refused }
    }

    /// Returns how many payload PDUs there are.
    pub fn records(&self) -> usize {
        self.count
    }

    /// Takes a payload PDU.
    pub(super) fn push(&mut self, pdu: &Pdu<'_>) -> Result<(), Violation> {
        let (section, step) = match pdu {
            Pdu::Prefix { action, origin } if origin.prefix().addr().is_ipv4() => (Section::Ipv4Prefix, action.into()),
            Pdu::Prefix { action, .. } => (Section::Ipv6Prefix, action.into()),
            Pdu::RouterKey { action, .. } => (Section::RouterKey, action.into()),
            Pdu::Aspa { action: Action::Announce, customer, providers } if Aspa::new(*customer, providers).is_err() => {
                (Section::Aspa, RecordChange::Refuse)
            }
            Pdu::Aspa { action, .. } => (Section::Aspa, action.into()),
            Pdu::SerialNotify { .. }
            | Pdu::SerialQuery { .. }
            | Pdu::ResetQuery
            | Pdu::CacheResponse { .. }
            | Pdu::EndOfData { .. }
            | Pdu::CacheReset
            | Pdu::ErrorReport(_) => unreachable!("it was asked whether this is payload"),
        };
        self.count += 1;
        let is_whole = matches!(self.base, Base::Replace(_));
        match (is_whole, step) {
            // [R-SYN-04] Nothing of a whole set can be withdrawn.
            (true, RecordChange::Withdraw) => return Err(Violation::UnknownWithdrawal),
            (true, RecordChange::Refuse) => {
                self.octets += size_of::<Asn>();
                let is_new = Arc::make_mut(&mut self.refused).insert(customer_of_pdu(pdu));
                return if is_new { self.check_size() } else { Err(Violation::DuplicateAnnouncement) };
            }
            (true, RecordChange::Announce) | (false, _) => {}
        }
        let collected = &mut self.sections[section.index()];
        let octets = collected.records.push(section, |out| match step {
            RecordChange::Announce | RecordChange::Withdraw => write_record(self.version, pdu, out),
            RecordChange::Refuse => record::aspa_withdrawal(self.version, customer_of_pdu(pdu), out),
        });
        self.octets += octets;
        if !is_whole {
            let end = collected.records.octets().len();
            collected.steps.push((step, end - octets..end));
            // They are held once more when they are put in order.
            self.octets += 2 * size_of::<(RecordChange, Range<usize>)>();
        }
        self.check_size()
    }

    fn check_size(&self) -> Result<(), Violation> {
        if self.octets > RESPONSE_OCTETS_MAX { Err(Violation::ResponseTooLarge) } else { Ok(()) }
    }

    /// Makes the set as it is after this response. What is wrong with it, a record that is announced twice or one
    /// that is withdrawn and was not there, is an outcome too; only the sink can fail.
    pub fn apply<S: ImageSink>(mut self, sink: S) -> Result<Applied, S::Error> {
        let base = core::mem::replace(&mut self.base, Base::ChangeUnknown);
        let connection = self.connection;
        let outcome = match base {
            Base::Replace(old) => self.replace(old.as_ref(), sink)?,
            Base::Change(old) => match self.difference(Some(&old)) {
                Ok(delta) if delta.is_empty() => Ok(self.changed(Some(old), delta)),
                Ok(delta) => {
                    let image = match delta.apply(&old, sink) {
                        Ok(image) => image,
                        Err(crate::ApplyError::Sink(error)) => return Err(error),
                        Err(crate::ApplyError::UnknownRecord(_) | crate::ApplyError::DuplicateRecord(_)) => {
                            unreachable!("the difference was made for this set")
                        }
                    };
                    Ok(self.changed(Some(image), delta))
                }
                Err(refusal) => Err(refusal),
            },
            Base::ChangeUnknown => self.difference(None).map(|delta| self.changed(None, delta)),
        };
        Ok(Applied { connection, outcome })
    }

    fn changed(self, image: Option<Image>, delta: Delta) -> AppliedSet {
        AppliedSet { answer: Answer::Delta, image, delta: Some(Arc::new(delta)), refused: self.refused }
    }

    fn replace<S: ImageSink>(
        self,
        old: Option<&Image>,
        sink: S,
    ) -> Result<Result<AppliedSet, ResponseError>, S::Error> {
        let mut writer = ImageWriter::new(self.version, sink);
        for (section, mut collected) in Section::ALL.into_iter().zip(self.sections) {
            if let Err(refusal) = collected.write(section, &self.refused, &mut writer)? {
                return Ok(Err(refusal));
            }
        }
        let image = writer.finish()?;
        let delta = old.map(|old| Arc::new(Delta::between(old, &image)));
        Ok(Ok(AppliedSet { answer: Answer::Full, image: Some(image), delta, refused: self.refused }))
    }

    /// Returns the changes that the steps, one after another, make to a set, or to one that is not held.
    fn difference(&mut self, old: Option<&Image>) -> Result<Delta, ResponseError> {
        let mut delta = Delta::default();
        for (section, collected) in Section::ALL.into_iter().zip(&self.sections) {
            let record = |range: &Range<usize>| collected.records.octets().get(range.clone()).unwrap_or_default();
            let mut steps: Vec<(RecordChange, &[u8])> =
                collected.steps.iter().map(|(step, range)| (*step, record(range))).collect();
            // Stable: the steps of one record stay in order.
            steps.sort_by(|(_, a), (_, b)| key_order(section, a, b));
            let mut records = old.map(|old| old.records(section).peekable());
            for same in steps.chunk_by(|(_, a), (_, b)| is_same_key(section, a, b)) {
                let Some((step, record)) = same.first() else { continue };
                let before = match &mut records {
                    Some(records) => {
                        while records.next_if(|other| key_order(section, other, record).is_lt()).is_some() {}
                        records.next_if(|other| is_same_key(section, other, record))
                    }
                    // Without the set this can't be checked; the cache is taken to be right.
                    None => (*step == RecordChange::Withdraw).then_some(*record),
                };
                let customer = (section == Section::Aspa).then(|| customer_of(record));
                let was_refused = customer.is_some_and(|customer| self.refused.contains(&customer));
                let state = match before {
                    Some(record) => RecordState::Present(record),
                    None if was_refused => RecordState::Refused,
                    None => RecordState::Absent,
                };
                let state = follow(section, state, same)?;
                let (after, is_refused) = (state.record(), matches!(state, RecordState::Refused));
                if let Some(customer) = customer.filter(|_| was_refused != is_refused) {
                    let refused = Arc::make_mut(&mut self.refused);
                    if is_refused {
                        refused.insert(customer)
                    } else {
                        refused.remove(&customer)
                    };
                }
                if before != after {
                    delta.change(section, before, after);
                }
            }
        }
        Ok(delta)
    }
}

/// State of one record in a set.
#[derive(Clone, Copy)]
enum RecordState<'a> {
    Absent,
    Present(&'a [u8]),
    /// The customer of an ASPA that was announced, and is invalid.
    Refused,
}

impl<'a> RecordState<'a> {
    fn record(self) -> Option<&'a [u8]> {
        match self {
            RecordState::Present(record) => Some(record),
            RecordState::Absent | RecordState::Refused => None,
        }
    }
}

/// Returns the state of one record after steps that all concern it.
fn follow<'a>(
    section: Section,
    before: RecordState<'a>,
    steps: &[(RecordChange, &'a [u8])],
) -> Result<RecordState<'a>, ResponseError> {
    let (mut current, mut announced) = (before, false);
    for (step, record) in steps {
        let error = |violation| ResponseError { violation, copy: as_sent(section, *step, record) };
        current = match (step, current) {
            // [R-DAT-01] A new list of providers replaces the one before; twice in one response is one too many.
            (RecordChange::Announce | RecordChange::Refuse, RecordState::Present(_) | RecordState::Refused)
                if section != Section::Aspa || announced =>
            {
                return Err(error(Violation::DuplicateAnnouncement));
            }
            (RecordChange::Withdraw, RecordState::Absent) => return Err(error(Violation::UnknownWithdrawal)), // [R-DAT-02]
            (RecordChange::Announce, _) => RecordState::Present(record),
            (RecordChange::Refuse, _) => RecordState::Refused,
            // [R-DAT-06]
            (RecordChange::Withdraw, RecordState::Present(_) | RecordState::Refused) => RecordState::Absent,
        };
        announced |= *step != RecordChange::Withdraw;
    }
    // Records of different versions may be the same.
    let is_same = |a: &[u8], b: &[u8]| a.get(1..) == b.get(1..);
    Ok(match (before, current) {
        (RecordState::Present(old), RecordState::Present(new)) if is_same(old, new) => before,
        _ => current,
    })
}

/// Compares the keys of records: of an ASPA that is the customer, whatever its providers are.
fn key_order(section: Section, a: &[u8], b: &[u8]) -> Ordering {
    match section {
        Section::Ipv4Prefix | Section::Ipv6Prefix | Section::RouterKey => section.announcement_order(a, b),
        Section::Aspa => a.get(8..12).cmp(&b.get(8..12)),
    }
}

fn is_same_key(section: Section, a: &[u8], b: &[u8]) -> bool {
    key_order(section, a, b).is_eq()
}

fn customer_of_pdu(pdu: &Pdu<'_>) -> Asn {
    match pdu {
        Pdu::Aspa { customer, .. } => *customer,
        _ => unreachable!("only ASPAs are refused"),
    }
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

/// The PDU that a record came in; nothing if it was not kept.
fn as_sent(section: Section, step: RecordChange, record: &[u8]) -> Vec<u8> {
    if step == RecordChange::Refuse {
        // Of an invalid ASPA nothing but the customer was kept.
        return Vec::new();
    }
    let mut pdu = record.to_vec();
    let flags = match section {
        Section::Ipv4Prefix | Section::Ipv6Prefix => 8,
        Section::RouterKey | Section::Aspa => 2,
    };
    if let Some(octet) = pdu.get_mut(flags) {
        *octet = if step == RecordChange::Withdraw { Action::Withdraw } else { Action::Announce }.flags();
    }
    pdu
}

impl Collected {
    /// Writes all records of a whole set, each of which may be there once, and not among the refused ones as well.
    fn write<S: ImageSink>(
        &mut self,
        section: Section,
        refused: &BTreeSet<Asn>,
        writer: &mut ImageWriter<S>,
    ) -> Result<Result<(), ResponseError>, S::Error> {
        let mut last: Option<&[u8]> = None;
        for record in self.records.sorted(section) {
            let is_refused = section == Section::Aspa && refused.contains(&customer_of(record));
            if is_refused || last.is_some_and(|last| is_same_key(section, last, record)) {
                return Ok(Err(ResponseError { violation: Violation::DuplicateAnnouncement, copy: record.to_vec() }));
            }
            last = Some(record);
            writer.push(section, record)?;
        }
        Ok(Ok(()))
    }
}

impl AppliedSet {
    /// Makes the event's value.
    pub(super) fn into_update(self, version: Version, complete: Complete) -> Update {
        let (AppliedSet { answer, image, delta, refused }, Complete { session, serial, timing, .. }) = (self, complete);
        Update { version, session, serial, timing, answer, image, delta, refused }
    }
}

impl Update {
    /// Returns whether the set differs from the one before.
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

    /// The records of a section that are gone, as they were announced; a customer whose providers changed is among
    /// both.
    pub fn removed(&self, section: Section) -> Records<'_> {
        self.delta.as_ref().map_or(Records::new(section, &[]), |delta| delta.removed(section))
    }

    /// Returns whether the cache sent everything.
    pub fn is_full(&self) -> bool {
        self.answer == Answer::Full
    }
}
