//! Why each record of a change was announced or withdrawn.

use super::change::{Change, ChangeCause, ChangeReason, ChangedRecord, OmittedRecords};
use super::snapshot::SetName;
use crate::curator::{Cause, RESTORED, Recipe, RecipePart, SourceId};
use crate::table::{NEVER, Row};
use rtrcast_proto::{Delta, Section, Version};

/// The most records of a change that are listed. With more a snapshot is written sooner than they are.
const RECORDS_MAX: usize = 100_000;

impl Change {
    /// Describes a change between two sets: the first has this name, and so has the second, which the recipe made.
    /// `version` is that of the second set's records. `time` is in seconds since 1970. `source_name` is for messages.
    pub fn explain(
        (before, after): (SetName, SetName),
        time: u32,
        cause: Cause,
        delta: &Delta,
        version: Version,
        recipe: &Recipe,
        source_name: impl Fn(SourceId) -> String,
    ) -> Change {
        let mut names = Names { names: Vec::new(), source_name };
        let mut records = Vec::new();
        let sum = |count: fn(&Delta, Section) -> usize| Section::ALL.map(|section| count(delta, section)).iter().sum();
        let counts: [usize; 2] = [sum(Delta::announced), sum(Delta::withdrawn)];
        let [announced, withdrawn] = counts.map(|count| u32::try_from(count).unwrap_or(u32::MAX));
        let is_long = counts.iter().sum::<usize>() > RECORDS_MAX;
        let omitted = is_long.then_some(OmittedRecords { announced, withdrawn });
        let listed = if omitted.is_some() { [].as_slice() } else { &Section::ALL };
        for section in listed.iter().copied() {
            records.extend(
                delta.removed(section).map(|record| describe_withdrawn(recipe, cause, section, record, &mut names)),
            );
        }
        for section in listed.iter().copied() {
            records.extend(
                delta.added(section).map(|record| describe_announced(recipe, cause, section, record, &mut names)),
            );
        }
        for record in &mut records {
            // Each side may come in another version.
            if let Some(first) = record.octets.first_mut() {
                *first = version.octet();
            }
        }
        let cause = match cause {
            Cause::Source(_) => ChangeCause::Source,
            Cause::Time => ChangeCause::Time,
            Cause::Release(_) => ChangeCause::Release,
            Cause::Slurm => ChangeCause::Slurm,
            Cause::Configuration => ChangeCause::Configuration,
            Cause::Resumed => ChangeCause::Resumed,
        };
        let (names, timestamps) = (names.names, recipe.timestamps());
        Change { before, after, time, timestamps, cause, version, names, records, omitted }
    }
}

/// Names of sources and trust anchors, each once.
struct Names<F> {
    names: Vec<String>,
    source_name: F,
}

impl<F: Fn(SourceId) -> String> Names<F> {
    fn index_of(&mut self, name: &str) -> Option<u8> {
        let known = self.names.iter().position(|known| known == name);
        let index = known.unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        });
        u8::try_from(index).ok().filter(|index| *index != u8::MAX && !name.is_empty())
    }

    fn source(&mut self, source: SourceId) -> Option<u8> {
        if source == RESTORED {
            return None;
        }
        let name = (self.source_name)(source);
        self.index_of(&name)
    }

    fn trust_anchor(&mut self, part: &RecipePart, row: &Row<'_>) -> Option<u8> {
        self.index_of(part.table.trust_anchors().get(usize::from(row.anchor))?)
    }
}

fn describe_withdrawn<F: Fn(SourceId) -> String>(
    recipe: &Recipe,
    cause: Cause,
    section: Section,
    record: &[u8],
    names: &mut Names<F>,
) -> ChangedRecord {
    let found = recipe.parts.iter().find_map(|part| Some((part, part.table.find(section, record)?)));
    let (reason, source) = match (&found, cause) {
        (Some((part, row)), _) if part.horizon.has_expired(row.expires) => (ChangeReason::Expired, Some(part.source)),
        (Some((part, row)), _) if !part.horizon.is_in_effect(row.expires) => (ChangeReason::Age, Some(part.source)),
        (Some((part, _)), _) if recipe.slurm.filters().removes(section, record) => {
            (ChangeReason::Slurm, Some(part.source))
        }
        // An ASPA with other providers.
        (Some((part, _)), _) => (ChangeReason::Source, Some(part.source)),
        (None, Cause::Source(source)) => (ChangeReason::Source, Some(source)),
        (None, Cause::Release(source)) => (ChangeReason::Guard, Some(source)),
        (None, Cause::Slurm) => (ChangeReason::Slurm, None),
        // Which of several sources had it is not known.
        (None, Cause::Resumed) => (ChangeReason::Source, None),
        (None, Cause::Time | Cause::Configuration) => (ChangeReason::Choice, None),
    };
    let expires = found.as_ref().map(|(_, row)| row.expires).filter(|expires| *expires != NEVER);
    let trust_anchor = found.as_ref().and_then(|(part, row)| names.trust_anchor(part, row));
    let source = source.and_then(|source| names.source(source));
    ChangedRecord { section, is_announced: false, reason, source, trust_anchor, expires, octets: record.to_vec() }
}

fn describe_announced<F: Fn(SourceId) -> String>(
    recipe: &Recipe,
    cause: Cause,
    section: Section,
    record: &[u8],
    names: &mut Names<F>,
) -> ChangedRecord {
    let rows = recipe.parts.iter().filter_map(|part| Some((part, part.table.find(section, record)?)));
    let found: Vec<_> = rows.filter(|(part, row)| part.horizon.is_in_effect(row.expires)).collect();
    let first = found.first();
    let reason = match (first, cause) {
        (None, _) | (Some(_), Cause::Slurm) => ChangeReason::Slurm,
        (Some(_), Cause::Configuration) => ChangeReason::Choice,
        (Some(_), Cause::Source(_) | Cause::Release(_) | Cause::Time | Cause::Resumed) => ChangeReason::Source,
    };
    let expires = found.iter().map(|(_, row)| row.expires).max().filter(|expires| *expires != NEVER);
    let trust_anchor = first.and_then(|(part, row)| names.trust_anchor(part, row));
    let source = first.and_then(|(part, _)| names.source(part.source));
    ChangedRecord { section, is_announced: true, reason, source, trust_anchor, expires, octets: record.to_vec() }
}
