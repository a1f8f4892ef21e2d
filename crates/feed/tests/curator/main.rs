//! The curator as stories with a simulated clock: publications, events, and waits.

#![expect(clippy::unwrap_used, reason = "a helper of tests that fails should fail the test")]

mod clock;
mod freshness;
mod guard;
mod model;
mod resume;
mod sources;
mod upstream;

use expect_test::Expect;
use rtrcast_feed::curator::{
    Cause, Curation, Curator, CuratorEvent, CuratorOutput, CurrentTime, Freshness, Guard, NotInEffect, Report, SourceId,
};
use rtrcast_feed::{Overlaps, Reader, Slurm, SlurmDialect, SlurmFile, Table};
use rtrcast_proto::{Image, Moment, Pdu, Section, Version};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

/// When the stories begin: a round number of seconds since 1970.
pub(crate) const START: u32 = 1_800_000_000;

pub(crate) fn table(document: &str) -> Arc<Table> {
    let mut reader = Reader::new();
    reader.push(document.as_bytes()).unwrap();
    Arc::new(reader.finish().unwrap().into_table(Version::V2, Vec::new()).unwrap())
}

/// VRPs `10.<a>.<b>.0/24` of AS 64496, in so many, of one trust anchor, that never expire by themselves.
pub(crate) fn vrps(anchor: &str, first_octet: u8, count: usize) -> Vec<String> {
    let vrp = |n: usize| {
        let (a, b) = (n / 256, n % 256);
        format!(r#"{{"asn":64496,"prefix":"{first_octet}.{a}.{b}.0/24","ta":"{anchor}"}}"#)
    };
    (0..count).map(vrp).collect()
}

pub(crate) fn document(roas: &[String], aspas: &[String]) -> String {
    format!(r#"{{"roas":[{}],"aspas":[{}]}}"#, roas.join(","), aspas.join(","))
}

pub(crate) fn slurm(document: &str) -> Arc<Slurm> {
    let file = SlurmFile::parse(document.as_bytes(), SlurmDialect::Strict).unwrap();
    Arc::new(Slurm::merge(&[("slurm.json".into(), Arc::new(file))], Overlaps::Refuse).unwrap())
}

/// The records of an image, each as a line without the version.
pub(crate) fn lines(image: &Image) -> BTreeSet<String> {
    let records = Section::ALL.into_iter().flat_map(|section| image.records(section));
    records.map(|record| Pdu::decode(record).unwrap().line(Version::V2)[3..].to_owned()).collect()
}

/// A curator and its time.
pub(crate) struct World {
    pub(crate) curator: Curator,
    pub(crate) moment: Moment,
    /// Error of the system's clock, in seconds.
    pub(crate) clock_error: i64,
    /// The last publication.
    pub(crate) served: Option<BTreeSet<String>>,
    /// True if that is withheld.
    pub(crate) is_withheld: bool,
    pub(crate) wait: Option<Moment>,
    /// Number of calls to the curator.
    pub(crate) ticks: usize,
    pub(crate) story: String,
}

pub(crate) fn curation(sources: u32) -> Curation {
    Curation {
        sources: (1..=sources).map(SourceId).collect(),
        choice: Default::default(),
        freshness: Freshness::default(),
        guard: Guard::default(),
    }
}

impl World {
    /// With no SLURM.
    pub(crate) fn new(curation: Curation) -> World {
        let mut world = World::without_slurm(curation);
        world.curator.slurm(world.now(), Arc::new(Slurm::default()));
        world.drain();
        world
    }

    pub(crate) fn without_slurm(curation: Curation) -> World {
        World {
            curator: Curator::new(curation),
            moment: Moment(0),
            clock_error: 0,
            served: None,
            is_withheld: false,
            wait: None,
            ticks: 0,
            story: String::new(),
        }
    }

    pub(crate) fn now(&self) -> CurrentTime {
        let unix = i64::from(START) + i64::try_from(self.moment.0 / 1_000).unwrap() + self.clock_error;
        CurrentTime { moment: self.moment, unix: u32::try_from(unix).unwrap() }
    }

    /// Seconds since the story began.
    pub(crate) fn at(&self) -> u64 {
        self.moment.0 / 1_000
    }

    pub(crate) fn load(&mut self, source: u32, document: &str) {
        self.load_written(source, document, Some(self.now().unix));
    }

    pub(crate) fn load_written(&mut self, source: u32, document: &str, written: Option<u32>) {
        let report = Report::Loaded { table: table(document), written };
        self.curator.source(self.now(), SourceId(source), report);
        self.drain();
    }

    pub(crate) fn fail(&mut self, source: u32) {
        self.curator.source(self.now(), SourceId(source), Report::Failed);
        self.drain();
    }

    /// Lets time pass, calling the curator whenever a wait ends.
    pub(crate) fn pass(&mut self, seconds: u64) {
        let end = self.moment.after(Duration::from_secs(seconds));
        while let Some(wait) = self.wait.filter(|wait| *wait <= end) {
            assert!(wait > self.moment, "it wants to be asked again at once, for ever");
            self.moment = wait;
            self.ticks += 1;
            self.curator.tick(self.now());
            self.drain();
        }
        self.moment = end;
    }

    /// Writes the curator's outputs into the story.
    pub(crate) fn drain(&mut self) {
        loop {
            let at = self.at();
            match self.curator.next() {
                CuratorOutput::Wait(wait) => {
                    self.wait = wait;
                    return;
                }
                CuratorOutput::Withhold => {
                    writeln!(self.story, "{at}: serve nothing until there are fresh data").unwrap();
                    self.is_withheld = true;
                }
                CuratorOutput::Event(event) => writeln!(self.story, "{at}: {}", shown(&event)).unwrap(),
                CuratorOutput::Publish(recipe, cause) => {
                    let composed = recipe.compose(Version::V2, Vec::new()).unwrap();
                    let set = lines(&composed.image);
                    writeln!(self.story, "{at}: {}", self.shown_set(&set, cause)).unwrap();
                    for customer in composed.left_out {
                        writeln!(self.story, "{at}: {customer} left out").unwrap();
                    }
                    self.served = Some(set);
                    self.is_withheld = false;
                }
            }
        }
    }

    fn shown_set(&self, set: &BTreeSet<String>, cause: Cause) -> String {
        let empty = BTreeSet::new();
        let before = self.served.as_ref().unwrap_or(&empty);
        let mut text = format!("serve {} by {cause:?}", set.len());
        let changes =
            set.difference(before).map(|line| ('+', line)).chain(before.difference(set).map(|line| ('-', line)));
        let changes: Vec<(char, &String)> = changes.collect();
        if changes.len() > 8 {
            write!(text, ", {} changes", changes.len()).unwrap();
        } else {
            for (sign, line) in changes {
                write!(text, "\n    {sign} {line}").unwrap();
            }
        }
        text
    }

    pub(crate) fn check(&mut self, expect: Expect) {
        expect.assert_eq(&std::mem::take(&mut self.story));
    }
}

fn shown(event: &CuratorEvent) -> String {
    match event {
        CuratorEvent::Held { source, losses, wait } => {
            let losses: Vec<String> = losses.iter().map(ToString::to_string).collect();
            format!("{source:?} held for {} s: {}", wait.as_secs(), losses.join(", "))
        }
        CuratorEvent::TooOld { source, made, then, records, valid_until } => {
            let valid = valid_until.map_or(String::new(), |until| format!(", valid until {}", from_start(until)));
            format!("{source:?} too old, made at {}{valid}: {then:?} {records}", from_start(*made))
        }
        CuratorEvent::NothingInEffect { source, why } => {
            format!("{source:?} has nothing in effect: {}", shown_why(why))
        }
        CuratorEvent::ClockBehind { source, made, clock } => {
            format!("{source:?} was made at {}, and the clock says {}", from_start(*made), from_start(*clock))
        }
        CuratorEvent::Reduced { source, losses } => {
            let losses: Vec<String> = losses.iter().map(ToString::to_string).collect();
            format!("{source:?} reduced: {}", losses.join(", "))
        }
        other => format!("{other:?}"),
    }
}

fn shown_why(why: &NotInEffect) -> String {
    match why {
        NotInEffect::NotValid { until } => format!("valid until {}", from_start(*until)),
        NotInEffect::TooOld { age_seconds_max, .. } => format!("older than {age_seconds_max} s"),
        NotInEffect::Expired { records, last } => {
            format!("all {records} expired, the last one at {}", from_start(*last))
        }
        NotInEffect::NotRenewed | NotInEffect::Withdrawn => format!("{why:?}"),
    }
}

fn from_start(unix: u32) -> i64 {
    i64::from(unix) - i64::from(START)
}
