//! What came of it: a table at the end of a run, and INTEROP.md.
//!
//! The document says nothing of time or place, so that a run with the same peers leaves it as it is.

use crate::Outcome;
use crate::step::{Exception, Kind, Step, Verdict};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Instant;

/// Peers of one kind.
pub(crate) struct Group {
    pub(crate) title: &'static str,
    /// What they are, and what was done with them.
    pub(crate) introduction: &'static str,
    pub(crate) rows: Vec<Row>,
    pub(crate) columns: Columns,
}

/// What its table shows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Columns {
    Routers,
    Caches,
    Transports,
}

impl Columns {
    fn steps(self) -> &'static [Step] {
        match self {
            Columns::Routers => &Step::COLUMNS_OF_ROUTERS,
            Columns::Caches => &Step::COLUMNS_OF_CACHES,
            Columns::Transports => &Step::COLUMNS_OVER,
        }
    }

    fn titles(self) -> &'static str {
        match self {
            Columns::Routers => {
                "Peer | Version | Speaks | Full load | Notify | Restart | Planned stop | Cache Restart | Crash | Cold start | \
                    Downgrade | Held and compared"
            }
            Columns::Caches => "Peer | Version | Speaks | Full load | Notify | Restart | Downgrade | Held and compared",
            Columns::Transports => {
                "Transport | Client | Version | Presents | Full load | Update | Restart | End | Final report | \
                    Refused | Held and compared"
            }
        }
    }
}

/// What stands in front in the table of transports.
pub(crate) struct Cells {
    pub(crate) transport: &'static str,
    pub(crate) client: &'static str,
    pub(crate) shows: &'static str,
}

/// A peer and how it fared.
pub(crate) struct Row {
    name: String,
    over: Option<Cells>,
    version: String,
    spoken: Vec<u8>,
    verdicts: BTreeMap<Step, Verdict>,
    exceptions: &'static [Exception],
    /// What was compared.
    pub(crate) records: String,
    /// What its first query after a crash was answered with.
    pub(crate) after_crash: &'static str,
    notes: &'static [&'static str],
}

impl Row {
    /// A peer that has not done anything yet.
    pub(crate) fn new(
        name: impl Into<String>,
        version: String,
        exceptions: &'static [Exception],
        notes: &'static [&'static str],
    ) -> Row {
        let beside = exceptions.iter().filter(|exception| exception.kind == Kind::NotApplicable);
        let verdicts = beside.map(|exception| (exception.step, Verdict::NotApplicable(exception.reason))).collect();
        let name = name.into();
        Row {
            name,
            over: None,
            version,
            spoken: Vec::new(),
            verdicts,
            exceptions,
            records: String::new(),
            after_crash: "",
            notes,
        }
    }

    /// With what stands in front in the table of transports.
    pub(crate) fn over(self, cells: Cells) -> Row {
        Row { over: Some(cells), ..self }
    }

    /// That of a peer that could not begin.
    pub(crate) fn failed_before(mut self, error: String) -> Row {
        self.judge(Step::FullLoad, Err(error), Instant::now());
        self
    }

    /// Does a step that says what it did.
    pub(crate) fn step(&mut self, step: Step, work: impl FnOnce() -> Outcome<String>) {
        let started = Instant::now();
        self.judge(step, work(), started);
    }

    /// Whether a step is to be tried.
    pub(crate) fn applies(&self, step: Step) -> bool {
        !matches!(self.exception(step), Some(Exception { kind: Kind::NotApplicable, .. }))
    }

    /// Whether the peer is not expected to get through a step.
    pub(crate) fn deviates(&self, step: Step) -> bool {
        matches!(self.exception(step), Some(Exception { kind: Kind::Deviates, .. }))
    }

    /// Says how a step ended, and notes it.
    pub(crate) fn judge(&mut self, step: Step, outcome: Outcome<String>, started: Instant) {
        let seconds = started.elapsed().as_secs_f32();
        let (name, title) = (&self.name, step.title());
        let verdict = match (outcome, self.exception(step)) {
            (Ok(counts), exception) => {
                println!("{name}: {title}: {counts} after {seconds:.1} s");
                match exception {
                    Some(Exception { kind: Kind::Otherwise, reason, .. }) => Verdict::Otherwise(reason),
                    _ => Verdict::Works,
                }
            }
            (Err(error), Some(Exception { kind: Kind::Deviates, reason, .. })) => {
                println!("{name}: {title}: deviates, as is known: {}", error.lines().next().unwrap_or_default());
                Verdict::Deviates(reason)
            }
            (Err(error), _) => {
                println!("{name}: {title}: FAILED after {seconds:.1} s: {error}");
                Verdict::Failed
            }
        };
        self.add(step, verdict);
    }

    /// Whether the peer is known to get through a step by another way.
    pub(crate) fn goes_otherwise(&self, step: Step) -> bool {
        matches!(self.exception(step), Some(Exception { kind: Kind::Otherwise, .. }))
    }

    fn exception(&self, step: Step) -> Option<&'static Exception> {
        self.exceptions.iter().find(|exception| exception.step == step)
    }

    /// The peer had a session of this version.
    pub(crate) fn spoken(&mut self, version: u8) {
        self.spoken.push(version);
        self.spoken.sort_unstable_by(|one, other| other.cmp(one));
        self.spoken.dedup();
    }

    /// Notes how a step ended. Of several times, a failure counts, or else what is not as usual.
    fn add(&mut self, step: Step, verdict: Verdict) {
        let worst = self.verdicts.entry(step).or_insert(verdict);
        let worse = verdict == Verdict::Failed || *worst == Verdict::Works;
        if worse {
            *worst = verdict;
        }
    }

    pub(crate) fn failed(&self) -> bool {
        self.verdicts.values().any(|verdict| *verdict == Verdict::Failed)
    }

    fn cells(&self, columns: Columns) -> Vec<String> {
        let spoken: Vec<String> = self.spoken.iter().map(u8::to_string).collect();
        let version = self.version.clone();
        let mut cells = match &self.over {
            None => vec![self.name.clone(), version, spoken.join(", ")],
            Some(Cells { transport, client, shows }) => {
                vec![(*transport).to_owned(), (*client).to_owned(), version, (*shows).to_owned()]
            }
        };
        cells.extend(columns.steps().iter().map(|step| self.cell(*step).to_owned()));
        cells.push(self.records.clone());
        cells
    }

    fn cell(&self, step: Step) -> &'static str {
        match self.verdicts.get(&step) {
            Some(Verdict::Works) if step == Step::Crash => self.after_crash,
            Some(Verdict::Works) => "yes",
            Some(Verdict::Deviates(_)) => "deviates",
            Some(Verdict::Otherwise(_)) => "otherwise",
            Some(Verdict::NotApplicable(_)) => "–",
            Some(Verdict::Failed) => "**no**",
            // It is for version 2 only.
            None if self.over.is_some() || step == Step::CacheRestart => "–",
            None => "not run",
        }
    }

    fn remarks(&self) -> Vec<String> {
        let said = self.verdicts.iter().filter_map(|(step, verdict)| match verdict {
            Verdict::Deviates(reason) => Some(format!("{}, deviates: {reason}", step.title())),
            Verdict::Otherwise(reason) => Some(format!("{}, otherwise: {reason}", step.title())),
            Verdict::NotApplicable(reason) => Some(format!("{}, not applicable: {reason}", step.title())),
            Verdict::Failed => Some(format!("{}: failed", step.title())),
            Verdict::Works => None,
        });
        said.chain(self.notes.iter().map(|note| (*note).to_owned())).collect()
    }
}

impl Group {
    /// The group as Markdown.
    fn text(&self) -> String {
        format!("## {}\n\n{}\n\n{}", self.title, self.introduction, self.table())
    }

    /// The table, and what is to be said of its cells.
    pub(crate) fn table(&self) -> String {
        let titles = self.columns.titles();
        let rule = "---|".repeat(titles.split(" | ").count());
        let mut text = format!("| {titles} |\n|{rule}\n");
        for row in &self.rows {
            let _ = writeln!(text, "| {} |", row.cells(self.columns).join(" | "));
        }
        text.push('\n');
        for row in &self.rows {
            for remark in row.remarks() {
                let _ = writeln!(text, "* **{}**: {remark}", row.name);
            }
        }
        text
    }
}

/// INTEROP.md.
pub(crate) fn document(groups: &[Group]) -> String {
    let groups: Vec<String> = groups.iter().map(Group::text).collect();
    format!("{INTRODUCTION}\n{}", groups.join("\n"))
}

const INTRODUCTION: &str = "\
# Interoperability

Written by `cargo xtask test --peers`, which installs the peers from Debian's packages where it may, runs rtrcast with
each of them on the loopback, and fails if one differs from this document. Do not edit it: its texts are in
`crates/interop`.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_not_made_good_by_what_comes_after() {
        let mut row = Row::new("peer", "1".to_owned(), &[], &[]);
        for verdict in [Verdict::Works, Verdict::Failed, Verdict::Works, Verdict::Deviates("late")] {
            row.add(Step::Downgrade, verdict);
        }
        assert!(row.failed());
        assert_eq!(row.cell(Step::Downgrade), "**no**");
        assert_eq!(row.cell(Step::Notify), "not run");
    }
}
