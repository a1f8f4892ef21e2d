//! `rtrcast check`: says what is wrong with configuration, SLURM and data files, and what SLURM would do.

use super::print;
use crate::cli::{CheckArguments, DialOptions, FetchOptions};
use crate::clock::unix_now;
use crate::config::CommandLine;
use crate::config::address::Source;
use crate::config::plan::{ConfiguredSource, Plan};
use crate::exit::Failure;
use crate::listener::{Loaded, Loader};
use crate::observe::describe::{
    AgeFormat, age, count, describe_assessment, describe_conflict, describe_masked, describe_not_in_effect,
    describe_read_as_empty, describe_refused, describe_remedy, plain, span,
};
use crate::observe::status::{RecordsByType, describe_records};
use crate::source::content::{Content, Read, SlurmFiles, SlurmOutcome, SourceError};
use crate::source::{self, SourceOptions, is_slurm_name};
use rtrcast_feed::curator::{
    Assessment, Choice, Curation, Curator, CuratorOutput, CurrentTime, Freshness, Guard, Report, SourceId,
    contradicts_clock,
};
use rtrcast_feed::write::utc;
use rtrcast_feed::{Overlaps, ReadError, Reason, Slurm, SlurmDialect, Table};
use rtrcast_proto::{Image, Moment, Version};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The octets of a file in which signs of SLURM are looked for.
const START_OCTETS: usize = 64 * 1024;

/// Files of a directory that are not read and named; more are only counted.
const OTHERS_NAMED_MAX: usize = 5;

/// The longest time of a transfer.
const TRANSFER_MAX: Duration = Duration::from_secs(300);

pub(crate) fn check(arguments: &CheckArguments) -> Result<(), Failure> {
    let mut checker = Checker {
        dialect: if arguments.slurm_lenient { SlurmDialect::Lenient } else { SlurmDialect::Strict },
        overlaps: if arguments.slurm_allow_overlaps { Overlaps::Allow } else { Overlaps::Refuse },
        freshness: arguments.freshness.freshness(),
        slurm: Vec::new(),
        complaints: 0,
        warnings: 0,
        printed: Ok(()),
    };
    for path in &arguments.files {
        checker.file(path);
    }
    checker.together(&arguments.source);
    checker.printed?;
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
    slurm: SlurmFiles,
    complaints: usize,
    /// Remarks that are no mistake of a file, but not what was expected.
    warnings: usize,
    /// The first error of printing.
    printed: Result<(), Failure>,
}

impl Checker {
    /// Prints a line.
    fn say(&mut self, line: &str) {
        if self.printed.is_ok() {
            self.printed = print(&format!("{line}\n"));
        }
    }

    fn complain(&mut self, line: &str) {
        self.complaints += 1;
        self.say(line);
    }

    /// The same in lines: of many mistakes not each has one.
    fn complain_in_lines(&mut self, lines: &[String], mistakes: usize) {
        self.complaints += mistakes;
        lines.iter().for_each(|line| self.say(line));
    }

    fn file(&mut self, path: &Path) {
        if path.extension().is_some_and(|extension| extension == "toml") {
            return self.configuration(path);
        }
        if path.is_dir() {
            return self.directory(path);
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
            let within = |failure: Failure| failure.within(path);
            let slurm = plan.read_slurm().map_err(within)?;
            let listeners = Loader::new().load(&plan.listen).map_err(within)?;
            Ok((plan, slurm, listeners))
        });
        match outcome {
            Ok((plan, files, listeners)) => {
                for (name, file) in files.iter().flatten().flatten() {
                    if let Some(note) = describe_read_as_empty(file) {
                        self.say(&format!("{}: note: {name}: {note}", path.display()));
                    }
                }
                // A directory is as many files as it has.
                let slurm = files.iter().map(|files| files.as_ref().map_or(1, Vec::len)).sum();
                let (sources, slurm) = (count(plan.sources.len(), "source"), count(slurm, "SLURM file"));
                let before = (self.complaints, self.warnings);
                for (listener, reason) in listeners.iter().flat_map(Loaded::remarks) {
                    self.complain(&format!("{}: --listen {listener}: {reason}", path.display()));
                }
                self.surroundings(path, &plan);
                let verdict = match (self.complaints - before.0, self.warnings - before.1) {
                    (0, 0) => ", all well".to_owned(),
                    (0, warnings) => format!(", {}", count(warnings, "warning")),
                    (_, _) => String::new(),
                };
                self.say(&format!("{}: a configuration with {sources} and {slurm}{verdict}", path.display()));
            }
            Err(Failure::Slurm { lines, mistakes }) => self.complain_in_lines(&lines, mistakes),
            Err(failure) => self.complain(&failure.to_string()),
        }
    }

    /// Looks at what the configuration names on this machine. A source that is not there yet may come.
    fn surroundings(&mut self, path: &Path, plan: &Plan) {
        let path = path.display();
        for configured in plan.sources.iter().chain(&plan.slurm) {
            if let Err(failure) = source::try_fetching(&configured.options.fetch, &configured.source, TRANSFER_MAX) {
                self.complain(&format!("{path}: {}: {failure}", configured.source));
            }
            if let Err(reason) = configured.try_dialing() {
                self.complain(&format!("{path}: {}: {reason}", configured.source));
            }
            if let Source::File(file) = &configured.source
                && !file.exists()
            {
                self.say(&format!("{path}: note: {} is not there yet", configured.source));
            }
        }
        // What lies elsewhere is not fetched: a check is quick, and asks nobody.
        let is_there =
            |configured: &&ConfiguredSource| matches!(&configured.source, Source::File(file) if file.is_file());
        for configured in plan.sources.iter().filter(is_there) {
            self.load(&configured.source, &plan.freshness);
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
        let outcome = source::read_slurm(path, self.dialect);
        self.slurm(SlurmOutcome { name: path.display().to_string().into(), outcome });
    }

    fn slurm(&mut self, file: SlurmOutcome) {
        let SlurmOutcome { name, outcome } = file;
        match outcome {
            Ok(file) => {
                let (filters, assertions) = (file.filters().len(), file.assertions().len());
                let (filters, assertions) = (count(filters, "filter"), count(assertions, "assertion"));
                let note = describe_read_as_empty(&file);
                let verdict = if note.is_none() { ", all well" } else { "" };
                self.say(&format!("{name}: SLURM with {filters} and {assertions}{verdict}"));
                if let Some(note) = note {
                    self.say(&format!("{name}: note: {note}"));
                }
                self.slurm.push((name, file));
            }
            Err(failure) => {
                let lines: Vec<String> = failure.lines().iter().map(|line| format!("{name}: {line}")).collect();
                self.complain_in_lines(&lines, failure.mistakes());
            }
        }
    }

    /// A directory is one of SLURM files.
    fn directory(&mut self, path: &Path) {
        let read = source::names(path).and_then(|names| Ok((names, source::read_slurm_directory(path, self.dialect)?)));
        let (names, files) = match read {
            Ok(read) => read,
            Err(failure) => return self.complain(&format!("{}: {failure}", path.display())),
        };
        let name = path.display();
        if files.is_empty() {
            let words =
                "there is no file in it whose name ends in .slurm or .json, so nothing of it would be in effect";
            self.say(&format!("{name}: note: {words}"));
        }
        files.into_iter().for_each(|file| self.slurm(file));
        // What begins with a dot is not meant to be read by anybody.
        let is_shown = |name: &OsStr| !name.as_encoded_bytes().starts_with(b".");
        let is_other = |path: &&PathBuf| path.file_name().is_some_and(|name| is_shown(name) && !is_slurm_name(name));
        let others: Vec<String> =
            names.iter().filter(is_other).filter_map(|path| Some(path.file_name()?.display().to_string())).collect();
        if !others.is_empty() {
            let named: Vec<&str> = others.iter().take(OTHERS_NAMED_MAX).map(String::as_str).collect();
            let more = if others.len() > named.len() { ", ..." } else { "" };
            let named = named.join(", ");
            self.say(&format!("{name}: note: not read, as the name does not end in .slurm or .json: {named}{more}"));
        }
    }

    fn data(&mut self, path: &Path) {
        let freshness = self.freshness;
        self.load(&Source::File(path.to_owned()), &freshness);
    }

    /// Reads data, and says what they have and what of it would be served now.
    fn load(&mut self, place: &Source, freshness: &Freshness) -> Option<Data> {
        let options = SourceOptions {
            refresh: Duration::MAX,
            timeout: TRANSFER_MAX,
            fetch: FetchOptions::default(),
            dial: DialOptions::default(),
            dialect: self.dialect,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let read = match runtime {
            Ok(runtime) => runtime.block_on(source::read_once(place, &options)),
            Err(error) => Err(SourceError::Memory(error)),
        };
        match read {
            Ok(Read { content: Content::Table(table, tally), written }) => {
                let made = table.timestamps().made.or(written);
                let made = made.map_or(String::new(), |made| format!(", made {}", age(made, unix_now())));
                self.say(&format!("{place}: {}{made}", describe_records(RecordsByType::of(table.image().layout()))));
                if tally.refused > 0 {
                    self.complain(&format!("{place}: {}", describe_refused(&tally)));
                }
                if tally.masked > 0 {
                    self.say(&format!("{place}: {}", describe_masked(tally.masked)));
                }
                let data = Data { table, written };
                let (lines, warnings) = data.in_effect(freshness);
                lines.iter().for_each(|line| self.say(&format!("{place}: {line}")));
                self.warnings += warnings;
                Some(data)
            }
            Ok(Read { content: Content::Slurm(_) | Content::SlurmDirectory(_), .. }) => None,
            Err(failure @ SourceError::Content(ReadError { reason: Reason::NothingKnown, .. })) => {
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
            self.say(&effect.to_string());
        }
    }
}

/// True if a file is meant as SLURM: it has one of the members that only SLURM has, or is no validator's output at all.
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
    /// The part of it that would be served now, in lines, and the number of warnings among them.
    fn in_effect(&self, freshness: &Freshness) -> (Vec<String>, usize) {
        let now = unix_now();
        let (made, records) = (self.table.timestamps().made.or(self.written), self.table.image().layout().records());
        let assessment = Assessment::of(&self.table, self.written, now, freshness);
        let mut warnings = Vec::new();
        if let Some(made) = made.filter(|made| contradicts_clock(*made, now)) {
            let behind = span(Duration::from_secs(made.saturating_sub(now).into()));
            let made = utc(made);
            warnings.push(format!(
                "warning: made {made}, which is {behind} later than this machine's clock says; set the clock"
            ));
        }
        let line = match &assessment.nothing_in_effect {
            Some(over) => {
                let (why, remedy) = (describe_not_in_effect(over, AgeFormat::RelativeTo(now)), describe_remedy(over));
                warnings.push(format!("warning: nothing of it would be served now: {why}. What helps: {remedy}"));
                None
            }
            None if records == 0 => Some("an empty set would be served".to_owned()),
            None => Some(describe_assessment(&assessment, records, now)),
        };
        let count = warnings.len();
        (warnings.into_iter().chain(line).collect(), count)
    }
}

/// The payloads of all sources together that are in effect now.
fn union(data: Vec<Data>, freshness: Freshness) -> Image {
    let now = CurrentTime { moment: Moment(0), unix: unix_now() };
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
            CuratorOutput::Publish(recipe, _) => {
                let Ok(composed) = recipe.compose(Version::V2, Vec::new());
                return composed.image;
            }
            CuratorOutput::Event(_) | CuratorOutput::Withhold => {}
            CuratorOutput::Wait(_) => return Image::empty(Version::V2),
        }
    }
}
