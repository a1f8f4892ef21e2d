//! `rtrcast check`: says what is wrong with configuration, SLURM and data files, and what SLURM would do.

use crate::cli::{CheckArguments, DialOptions};
use crate::config::CommandLine;
use crate::entrance::{Loaded, Loader};
use crate::exit::Failure;
use crate::plan::{Followed, Plan};
use crate::source::{self, Content, FetchOptions, Habits, Read, Source, unix_now};
use crate::words::{
    Told, age, count, describe, describe_assessment, describe_conflict, describe_masked, describe_over,
    describe_refused, describe_remedy, plain, span,
};
use rtrcast_feed::curator::{
    Choice, Curation, Curator, Freshness, Guard, Now, Output, Report, SourceId, contradicts_clock,
};
use rtrcast_feed::write::utc;
use rtrcast_feed::{Overlaps, ReadError, Reason, Slurm, SlurmDialect, SlurmFile, Table};
use rtrcast_proto::{Image, Moment, Profile, ServerPolicy, Version, VersionRange};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How much of a file is looked at to see whether it is meant as SLURM.
const START_OCTETS: usize = 64 * 1024;

/// How long a transfer may take.
const TRANSFER_MAX: Duration = Duration::from_secs(300);

pub(crate) fn check(arguments: &CheckArguments) -> Result<(), Failure> {
    let mut checker = Checker {
        dialect: if arguments.slurm_lenient { SlurmDialect::Lenient } else { SlurmDialect::Strict },
        overlaps: if arguments.slurm_allow_overlaps { Overlaps::Allow } else { Overlaps::Refuse },
        freshness: arguments.freshness.freshness(),
        slurm: Vec::new(),
        complaints: 0,
    };
    for path in &arguments.files {
        checker.file(path);
    }
    checker.together(&arguments.source);
    match checker.complaints {
        0 => Ok(()),
        1 => Err(Failure::Config("1 complaint".to_owned())),
        more => Err(Failure::Config(format!("{more} complaints"))),
    }
}

struct Checker {
    dialect: SlurmDialect,
    overlaps: Overlaps,
    /// By which data are judged that no configuration names.
    freshness: Freshness,
    /// SLURM files that are fine by themselves.
    slurm: Vec<(Arc<str>, Arc<SlurmFile>)>,
    complaints: usize,
}

impl Checker {
    /// Says a line. Whoever asked may not want to read it.
    fn say(line: &str) {
        let _ = writeln!(std::io::stdout(), "{line}");
    }

    fn complain(&mut self, line: &str) {
        self.complaints += 1;
        Checker::say(line);
    }

    fn file(&mut self, path: &Path) {
        if path.extension().is_some_and(|extension| extension == "toml") {
            return self.configuration(path);
        }
        match is_slurm(path) {
            Ok(true) => self.slurm_file(path),
            Ok(false) => self.data(path),
            Err(error) => self.complain(&format!("{}: {}", path.display(), plain(&error))),
        }
    }

    fn configuration(&mut self, path: &Path) {
        let outcome = CommandLine::of_file(path).settle().and_then(|settings| {
            let plan = Plan::new(&settings)?;
            let within = |failure: Failure| Failure::Config(format!("{}: {failure}", path.display()));
            plan.read_slurm().map_err(within)?;
            let listeners = Loader::new().load(&plan.listen).map_err(within)?;
            Ok((plan, listeners))
        });
        match outcome {
            Ok((plan, listeners)) => {
                let (sources, slurm) = (count(plan.sources.len(), "source"), count(plan.slurm.len(), "SLURM file"));
                let before = self.complaints;
                for remark in listeners.iter().flat_map(Loaded::remarks) {
                    self.complain(&format!("{}: {remark}", path.display()));
                }
                self.surroundings(path, &plan);
                let verdict = if self.complaints == before { ", all well" } else { "" };
                Checker::say(&format!("{}: a configuration with {sources} and {slurm}{verdict}", path.display()));
            }
            Err(failure) => self.complain(&failure.to_string()),
        }
    }

    /// Looks at what the configuration names on this machine. A source that is not there yet may come.
    fn surroundings(&mut self, path: &Path, plan: &Plan) {
        let path = path.display();
        for followed in plan.sources.iter().chain(&plan.slurm) {
            if let Err(failure) = followed.habits.fetch.try_out(&followed.place, TRANSFER_MAX) {
                self.complain(&format!("{path}: {}: {failure}", followed.place));
            }
            if let Err(reason) = followed.try_dialing() {
                self.complain(&format!("{path}: {}: {reason}", followed.place));
            }
            match &followed.place {
                Source::File(file) if !file.exists() => {
                    Checker::say(&format!("{path}: note: {} is not there yet", followed.place));
                }
                Source::File(_) | Source::Http(_) | Source::Rtr(_) => {}
            }
        }
        // What lies elsewhere is not fetched: a check is quick, and asks nobody.
        let is_there = |source: &&Followed| matches!(&source.place, Source::File(file) if file.is_file());
        for source in plan.sources.iter().filter(is_there) {
            self.load(&source.place, &plan.freshness);
        }
        let folder = plan.control.as_deref().and_then(Path::parent).filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
            self.complain(&format!(
                "{path}: control: there is no directory {}; make it, or name another path",
                folder.display()
            ));
        }
    }

    fn slurm_file(&mut self, path: &Path) {
        match source::read_slurm(path, self.dialect) {
            Ok(file) => {
                let (filters, assertions) = (file.filters().len(), file.assertions().len());
                let (filters, assertions) = (count(filters, "filter"), count(assertions, "assertion"));
                Checker::say(&format!("{}: SLURM with {filters} and {assertions}, all well", path.display()));
                self.slurm.push((path.display().to_string().into(), file));
            }
            Err(failure) => self.complain(&format!("{}: {failure}", path.display())),
        }
    }

    fn data(&mut self, path: &Path) {
        let freshness = self.freshness;
        self.load(&Source::File(path.to_owned()), &freshness);
    }

    /// Reads data, and says what they have and what of it would be served now.
    fn load(&mut self, place: &Source, freshness: &Freshness) -> Option<Data> {
        let habits = Habits {
            refresh: Duration::MAX,
            timeout: TRANSFER_MAX,
            fetch: FetchOptions::default(),
            dial: DialOptions::default(),
            dialect: self.dialect,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let read = match runtime {
            Ok(runtime) => runtime.block_on(source::read_once(place, &habits)),
            Err(error) => Err(source::Failure::Memory(error)),
        };
        match read {
            Ok(Read { content: Content::Table(table, tally), written }) => {
                let made = table.stamp().made.or(written);
                let made = made.map_or(String::new(), |made| format!(", made {}", age(made, unix_now())));
                Checker::say(&format!("{place}: {}{made}", describe(table.image().layout(), everything())));
                if let Some(line) = describe_refused(&tally) {
                    self.complain(&format!("{place}: {line}"));
                }
                if let Some(line) = describe_masked(&tally) {
                    Checker::say(&format!("{place}: {line}"));
                }
                let data = Data { table, written };
                data.say_what_is_in_effect(place, freshness);
                Some(data)
            }
            Ok(Read { content: Content::Slurm(_), .. }) => None,
            Err(failure @ source::Failure::Content(ReadError { reason: Reason::NothingKnown, .. })) => {
                self.complain(&format!("{place}: {failure}, and no SLURM (\"slurmVersion\")"));
                None
            }
            Err(failure) => {
                self.complain(&format!("{place}: {failure}"));
                None
            }
        }
    }

    /// Sees whether all SLURM files go together, and what they would do to the data.
    fn together(&mut self, sources: &[Source]) {
        let slurm = match Slurm::merge(&self.slurm, self.overlaps) {
            Ok(slurm) => slurm,
            Err(conflict) => return self.complain(&describe_conflict(&conflict)),
        };
        let freshness = self.freshness;
        let data: Vec<Data> = sources.iter().filter_map(|source| self.load(source, &freshness)).collect();
        if data.is_empty() {
            return;
        }
        for effect in slurm.effects(&union(data, freshness)) {
            Checker::say(&effect.to_string());
        }
    }
}

fn everything() -> Profile {
    ServerPolicy::new(VersionRange::new(Version::V0, Version::V2).expect("0 is not above 2")).most()
}

/// Whether a file is meant as SLURM: it has one of the members that only SLURM has, or is no validator's output at all.
fn is_slurm(path: &Path) -> std::io::Result<bool> {
    use std::io::Read;
    if !std::fs::metadata(path)?.is_file() {
        // What else it is, reading it as data will say.
        return Ok(false);
    }
    let mut start = Vec::new();
    std::fs::File::open(path)?.take(START_OCTETS as u64).read_to_end(&mut start)?;
    let start = String::from_utf8_lossy(&start);
    let members = ["slurmVersion", "validationOutputFilters", "locallyAddedAssertions"];
    Ok(members.iter().any(|member| start.contains(member)) || path.extension().is_some_and(|kind| kind == "slurm"))
}

/// A set that was read.
struct Data {
    table: Arc<Table>,
    /// When its file was written, in seconds since 1970.
    written: Option<u32>,
}

impl Data {
    fn say_what_is_in_effect(&self, place: &Source, freshness: &Freshness) {
        let now = unix_now();
        let (made, records) = (self.table.stamp().made.or(self.written), self.table.image().layout().records());
        let assessment = freshness.assess(&self.table, self.written, now);
        if let Some(made) = made.filter(|made| contradicts_clock(*made, now)) {
            let behind = span(Duration::from_secs(made.saturating_sub(now).into()));
            Checker::say(&format!(
                "{place}: warning: made {}, which is {behind} later than this machine's clock says; set the clock",
                utc(made)
            ));
        }
        match &assessment.over {
            Some(over) => {
                let (why, remedy) = (describe_over(over, Told::At(now)), describe_remedy(over));
                Checker::say(&format!(
                    "{place}: warning: nothing of it would be served now: {why}. What helps: {remedy}"
                ));
            }
            None if records == 0 => Checker::say(&format!("{place}: an empty set would be served")),
            None => Checker::say(&format!("{place}: {}", describe_assessment(&assessment, records, now))),
        }
    }
}

/// What all sources have together that is in effect now.
fn union(data: Vec<Data>, freshness: Freshness) -> Image {
    let now = Now { moment: Moment(0), unix: unix_now() };
    let sources: Vec<SourceId> = (0..).map(SourceId).take(data.len()).collect();
    let guard = Guard { hold: None, ..Guard::default() };
    let curation = Curation { sources: sources.clone(), choice: Choice::Union, freshness, guard };
    let mut curator = Curator::new(curation);
    curator.slurm(now, Arc::default());
    for (source, Data { table, written }) in sources.into_iter().zip(data) {
        curator.source(now, source, Report::Loaded { table, written });
    }
    loop {
        match curator.next() {
            Output::Publish(recipe, _) => {
                let Ok(composed) = recipe.compose(Version::V2, Vec::new());
                return composed.image;
            }
            Output::Event(_) | Output::Withhold => {}
            Output::Wait(_) => return Image::empty(Version::V2),
        }
    }
}
