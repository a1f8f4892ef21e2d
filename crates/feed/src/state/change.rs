//! One change of the set that is served: what was announced and withdrawn, when and why.

use super::error::StateError;
use super::snapshot::{SetName, read_set, write_set};
use crate::table::{NEVER, Timestamps};
use rtrcast_proto::{Delta, Section, Version};
use rtrcast_proto::{FieldDecoder, FieldEncoder};

/// A change, as it is kept in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The set before.
    pub before: SetName,
    /// The set that it leads to.
    pub after: SetName,
    /// When it was made, by the clock that expiries are compared with, in seconds since 1970.
    pub time: u32,
    /// When the second set was made, and the end of its validity.
    pub timestamps: Timestamps,
    /// What caused it.
    pub cause: ChangeCause,
    /// The version in the first octet of each record.
    pub version: Version,
    /// Names of sources and of trust anchors, to which records refer.
    pub names: Vec<String>,
    /// What was withdrawn and then what was announced, each in the order of an image. A customer whose providers changed
    /// is among both.
    pub records: Vec<ChangedRecord>,
    /// Numbers of records, if they are too many to be listed: then `records` is empty, and the change does not lead to its
    /// second set.
    pub omitted: Option<OmittedRecords>,
}

/// Numbers of records of a change that are not listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OmittedRecords {
    /// Records that were announced.
    pub announced: u32,
    /// Records that were withdrawn.
    pub withdrawn: u32,
}

/// Cause of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeCause {
    /// A new table of a source, or its failure.
    Source,
    /// Time passed.
    Time,
    /// A table that was held was taken.
    Release,
    /// SLURM files changed.
    Slurm,
    /// The configuration changed.
    Configuration,
    /// The sources were read after a start.
    Resumed,
}

/// A record that was announced or withdrawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedRecord {
    /// Its section.
    pub section: Section,
    /// True if it was announced.
    pub is_announced: bool,
    /// Why.
    pub reason: ChangeReason,
    /// The source that has it now, or had it; an index of the names.
    pub source: Option<u8>,
    /// Its trust anchor; an index of the names.
    pub trust_anchor: Option<u8>,
    /// When it expires, in seconds since 1970, if it does.
    pub expires: Option<u32>,
    /// The record as an announcement.
    pub octets: Vec<u8>,
}

/// Reason of a change of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeReason {
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
    /// Its source is not served any more, or is served now: by a choice among several, or by the configuration.
    Choice,
}

const CAUSES: [ChangeCause; 6] = [
    ChangeCause::Source,
    ChangeCause::Time,
    ChangeCause::Release,
    ChangeCause::Slurm,
    ChangeCause::Configuration,
    ChangeCause::Resumed,
];

const REASONS: [ChangeReason; 6] = [
    ChangeReason::Source,
    ChangeReason::Expired,
    ChangeReason::Age,
    ChangeReason::Slurm,
    ChangeReason::Guard,
    ChangeReason::Choice,
];

/// The octet of no name.
const NO_NAME: u8 = u8::MAX;

impl Change {
    pub(super) fn write(&self, encoder: &mut FieldEncoder) {
        write_set(encoder, &self.before);
        write_set(encoder, &self.after);
        encoder.u32(self.time);
        encoder.option(self.timestamps.made, FieldEncoder::u32);
        encoder.option(self.timestamps.valid_until, FieldEncoder::u32);
        encoder.u8(index_of(&CAUSES, self.cause));
        encoder.u8(self.version.octet());
        encoder.list(&self.names, |encoder, name| encoder.text(name));
        encoder.list(&self.records, |encoder, record| {
            encoder.u8(index_of(&Section::ALL, record.section));
            encoder.u8(u8::from(record.is_announced));
            encoder.u8(index_of(&REASONS, record.reason));
            encoder.u8(record.source.unwrap_or(NO_NAME));
            encoder.u8(record.trust_anchor.unwrap_or(NO_NAME));
            encoder.u32(record.expires.unwrap_or(NEVER));
            encoder.octets(&record.octets);
        });
        encoder.option(self.omitted, |encoder, OmittedRecords { announced, withdrawn }| {
            encoder.u32(announced);
            encoder.u32(withdrawn);
        });
    }

    pub(super) fn read(decoder: &mut FieldDecoder<'_>) -> Option<Change> {
        Some(Change {
            before: read_set(decoder)?,
            after: read_set(decoder)?,
            time: decoder.u32()?,
            timestamps: Timestamps {
                made: decoder.option(FieldDecoder::u32)?,
                valid_until: decoder.option(FieldDecoder::u32)?,
            },
            cause: *CAUSES.get(usize::from(decoder.u8()?))?,
            version: Version::from_octet(decoder.u8()?)?,
            names: decoder.list(|decoder| decoder.text().map(str::to_owned))?,
            records: decoder.list(ChangedRecord::read)?,
            omitted: decoder
                .option(|decoder| Some(OmittedRecords { announced: decoder.u32()?, withdrawn: decoder.u32()? }))?,
        })
    }

    /// Returns whether other tables of sources led to it: SLURM, expiry and a choice among sources change no table.
    pub fn is_of_tables(&self) -> bool {
        let is_of_table = |record: &ChangedRecord| matches!(record.reason, ChangeReason::Source | ChangeReason::Guard);
        self.omitted.is_some() || self.records.iter().any(is_of_table)
    }

    /// Returns the change as one between two sets; an error if it is none.
    pub fn delta(&self) -> Result<Delta, StateError> {
        let side = |is_announced: bool| {
            let records = self.records.iter().filter(move |record| record.is_announced == is_announced);
            records.map(|record| (record.section, record.octets.as_slice()))
        };
        Delta::from_records(self.version, side(false), side(true)).map_err(StateError::Record)
    }

    /// Returns a name that a record refers to.
    pub fn name(&self, name: Option<u8>) -> Option<&str> {
        self.names.get(usize::from(name?)).map(String::as_str)
    }
}

impl ChangedRecord {
    fn read(decoder: &mut FieldDecoder<'_>) -> Option<ChangedRecord> {
        Some(ChangedRecord {
            section: *Section::ALL.get(usize::from(decoder.u8()?))?,
            is_announced: decoder.bool()?,
            reason: *REASONS.get(usize::from(decoder.u8()?))?,
            source: Some(decoder.u8()?).filter(|name| *name != NO_NAME),
            trust_anchor: Some(decoder.u8()?).filter(|name| *name != NO_NAME),
            expires: Some(decoder.u32()?).filter(|expires| *expires != NEVER),
            octets: decoder.octets()?.to_vec(),
        })
    }
}

fn index_of<T: PartialEq>(all: &[T], value: T) -> u8 {
    let index = all.iter().position(|other| *other == value).expect("all are listed");
    u8::try_from(index).expect("there are few")
}
