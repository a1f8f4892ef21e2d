//! Changes as a list: JSON for programs, a line each for people.

use crate::observe::describe::{count, printable};
use crate::observe::status::{SCHEMA, Timestamp};
use rtrcast_feed::state::{Change, ChangeFilter, ChangeReason, ChangedRecord, OmittedRecords, SetName};
use rtrcast_proto::Record;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::fmt::Write as _;

/// What is asked of the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChangeQuery {
    pub(crate) filter: ChangeFilter,
    /// The most entries; the newest stay.
    pub(crate) limit: usize,
}

impl ChangeQuery {
    /// Returns what is asked about, in English with a space before it.
    fn subject(&self) -> String {
        let prefix = self.filter.prefix.map(|prefix| format!(" of {prefix}"));
        let asn = self.filter.asn.map(|asn| format!(" of {asn}"));
        prefix.into_iter().chain(asn).collect()
    }
}

/// Changes, the oldest first.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ChangeList {
    pub(crate) schema: u32,
    /// Time of the first change that the record could have; none if there is no record yet.
    pub(crate) record_begins: Option<Timestamp>,
    /// Number of older entries that are left out.
    pub(crate) left_out: usize,
    /// How many times changes in between are not recorded: the disk was full or failed, or lost them with a crash.
    pub(crate) gaps: usize,
    pub(crate) changes: Vec<ChangeEntry>,
}

/// A record that was announced or withdrawn.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ChangeEntry {
    pub(crate) time: Timestamp,
    /// The serial of the set behind the change.
    pub(crate) serial: u32,
    pub(crate) action: ChangeAction,
    /// `vrp`, `router_key` or `aspa`; none for a change whose records are too many to be listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) r#type: Option<RecordType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) prefix: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_length: Option<u8>,
    /// The AS of a VRP or router key, the customer of an ASPA.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) asn: Option<u32>,
    /// The subject key identifier of a router key, in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ski: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) providers: Option<Vec<u32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trust_anchor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<ReasonCode>,
    /// When the record expires, or did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires: Option<Timestamp>,
    /// Numbers of records, if they are too many to be listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) announced: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) withdrawn: Option<u32>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ChangeAction {
    Announced,
    Withdrawn,
    /// Records of both kinds, too many to be listed.
    Many,
    /// An action of a newer version of the program.
    #[default]
    #[serde(other)]
    Unknown,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RecordType {
    Vrp,
    RouterKey,
    Aspa,
    /// A type of a newer version of the program.
    #[default]
    #[serde(other)]
    Unknown,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReasonCode {
    /// The source has it now, or has it no more.
    Source,
    /// It has expired.
    Expired,
    /// The set of its source is too old.
    Age,
    /// SLURM adds or removes it.
    Slurm,
    /// It was missing in a table that was held, and that is served now.
    Guard,
    /// Its source is not served any more, or is served now.
    Choice,
    /// A reason of a newer version of the program.
    #[default]
    #[serde(other)]
    Unknown,
}

/// Collects the newest entries.
pub(super) struct ListBuilder {
    filter: ChangeFilter,
    limit: usize,
    left_out: usize,
    entries: VecDeque<ChangeEntry>,
    /// The time of each change, and the sets between which it lies.
    links: Vec<(u32, SetName, SetName)>,
}

impl ListBuilder {
    pub(super) fn new(query: &ChangeQuery) -> ListBuilder {
        ListBuilder {
            filter: query.filter,
            limit: query.limit,
            left_out: 0,
            entries: VecDeque::new(),
            links: Vec::new(),
        }
    }

    /// Adds what is wanted of a change. Changes come in their order.
    pub(super) fn add(&mut self, change: &Change) {
        if !self.filter.has_time(change.time) {
            return;
        }
        self.links.push((change.time, change.before, change.after));
        if let Some(omitted) = change.omitted {
            self.push(ChangeEntry::omitted(change, omitted));
        }
        let filter = self.filter;
        for record in change.records.iter().filter(|record| filter.has_record(record)) {
            self.push(ChangeEntry::of(change, record));
        }
    }

    /// Puts changes in their order that were added behind others, such as those in memory behind those of files.
    pub(super) fn sort(&mut self) {
        self.entries.make_contiguous().sort_by_key(|entry| entry.time);
        self.links.sort_by_key(|(time, ..)| *time);
    }

    /// Returns how many changes do not begin where the one before ends.
    fn gaps(&self) -> usize {
        let pairs = self.links.iter().zip(self.links.iter().skip(1));
        // A line begins with position 0.
        pairs.filter(|((.., last), (_, before, _))| last != before && before.position > 0).count()
    }

    fn push(&mut self, entry: ChangeEntry) {
        self.entries.push_back(entry);
        if self.entries.len() > self.limit {
            self.entries.pop_front();
            self.left_out += 1;
        }
    }

    pub(super) fn finish(self, record_begins: Option<u32>) -> ChangeList {
        ChangeList {
            schema: SCHEMA,
            record_begins: record_begins.map(Timestamp),
            left_out: self.left_out,
            gaps: self.gaps(),
            changes: self.entries.into(),
        }
    }
}

impl ChangeEntry {
    fn omitted(change: &Change, OmittedRecords { announced, withdrawn }: OmittedRecords) -> ChangeEntry {
        ChangeEntry {
            time: Timestamp(change.time),
            serial: change.after.serial.0,
            action: ChangeAction::Many,
            announced: Some(announced),
            withdrawn: Some(withdrawn),
            ..ChangeEntry::default()
        }
    }

    fn of(change: &Change, record: &ChangedRecord) -> ChangeEntry {
        let name = |name| change.name(name).map(str::to_owned);
        let entry = ChangeEntry {
            time: Timestamp(change.time),
            serial: change.after.serial.0,
            action: if record.is_announced { ChangeAction::Announced } else { ChangeAction::Withdrawn },
            trust_anchor: name(record.trust_anchor),
            source: name(record.source),
            reason: Some(match record.reason {
                ChangeReason::Source => ReasonCode::Source,
                ChangeReason::Expired => ReasonCode::Expired,
                ChangeReason::Age => ReasonCode::Age,
                ChangeReason::Slurm => ReasonCode::Slurm,
                ChangeReason::Guard => ReasonCode::Guard,
                ChangeReason::Choice => ReasonCode::Choice,
            }),
            expires: record.expires.map(Timestamp),
            ..ChangeEntry::default()
        };
        match Record::read(record.section, &record.octets) {
            Some(Record::Origin(origin)) => ChangeEntry {
                r#type: Some(RecordType::Vrp),
                prefix: Some(origin.prefix().to_string()),
                max_length: Some(origin.max_len()),
                asn: Some(origin.asn().0),
                ..entry
            },
            Some(Record::RouterKey(key)) => ChangeEntry {
                r#type: Some(RecordType::RouterKey),
                asn: Some(key.asn().0),
                ski: Some(key.ski().iter().map(|octet| format!("{octet:02x}")).collect()),
                ..entry
            },
            Some(Record::Aspa(aspa)) => ChangeEntry {
                r#type: Some(RecordType::Aspa),
                asn: Some(aspa.customer().0),
                providers: Some(aspa.providers().iter().copied().map(u32::from_be_bytes).collect()),
                ..entry
            },
            None => entry,
        }
    }

    /// Returns what it is about.
    fn subject(&self) -> String {
        let asn = self.asn.map_or_else(String::new, |asn| format!("AS{asn}"));
        match (&self.prefix, self.max_length, &self.ski, &self.providers) {
            (Some(prefix), Some(max_length), ..) => format!("{prefix}-{max_length} {asn}"),
            (_, _, Some(ski), _) => format!("router key {asn} {ski}"),
            (.., Some(providers)) => {
                let providers: Vec<String> = providers.iter().map(|provider| format!("AS{provider}")).collect();
                format!("ASPA {asn} with {}", providers.join(", "))
            }
            _ => asn,
        }
    }

    /// Returns why, in English.
    fn why(&self) -> String {
        let source = self.source.as_deref().map_or_else(|| "its source".to_owned(), printable);
        let expires = self.expires.map_or_else(String::new, |expires| format!(" {expires}"));
        match (self.reason, self.action) {
            (Some(ReasonCode::Source), ChangeAction::Announced) => format!("{source} has it now"),
            (Some(ReasonCode::Source), _) => format!("{source} has it no more"),
            (Some(ReasonCode::Expired), _) => format!("it expires{expires}, by {source}"),
            (Some(ReasonCode::Age), _) => format!("the data of {source} are too old"),
            (Some(ReasonCode::Slurm), ChangeAction::Announced) => "by SLURM".to_owned(),
            (Some(ReasonCode::Slurm), _) => "SLURM removes it, or adds it no more".to_owned(),
            (Some(ReasonCode::Guard), _) => format!("{source} has it no more, which was held back before"),
            (Some(ReasonCode::Choice), ChangeAction::Announced) => format!("{source} is served now"),
            (Some(ReasonCode::Choice), _) => "its source is served no more".to_owned(),
            (Some(ReasonCode::Unknown) | None, _) => "for a reason that this version does not know".to_owned(),
        }
    }
}

/// The list in lines.
pub(crate) fn text(list: &ChangeList, query: &ChangeQuery) -> String {
    let mut text = String::new();
    for entry in &list.changes {
        let ChangeEntry { time, serial, .. } = entry;
        let action = match entry.action {
            ChangeAction::Announced => "announced",
            ChangeAction::Withdrawn => "withdrawn",
            ChangeAction::Many => {
                let (announced, withdrawn) = (entry.announced.unwrap_or(0), entry.withdrawn.unwrap_or(0));
                let _ = writeln!(
                    text,
                    "{time}  serial {serial}  {announced} announced, {withdrawn} withdrawn: too many to be listed"
                );
                continue;
            }
            ChangeAction::Unknown => "changed",
        };
        let anchor = entry.trust_anchor.as_deref().map_or_else(String::new, |name| format!(" ({})", printable(name)));
        let _ = writeln!(text, "{time}  serial {serial}  {action}  {}{anchor}: {}", entry.subject(), entry.why());
    }
    let of = query.subject();
    let Some(begins) = list.record_begins else { return "there is no record of changes yet\n".to_owned() };
    let from = query.filter.since.map_or(begins, |since| Timestamp(since).max(begins));
    let cut = match list.left_out {
        0 => String::new(),
        left_out => format!("; {} left out, --limit shows more", count(left_out, "older change")),
    };
    let gaps = match list.gaps {
        0 => String::new(),
        gaps => format!("; changes are missing in {}", count(gaps, "place")),
    };
    let number = match list.changes.len() {
        0 => format!("no change{of}"),
        number => format!("{}{of}", count(number, "change")),
    };
    text + &format!("{number} since {from}; the record begins {begins}{gaps}{cut}\n")
}
