//! `rtrcast check`: mistakes in configuration, SLURM and data files, and the effect that SLURM would have.

use super::print;
use crate::cli::{CheckArguments, DialOptions, FetchOptions};
use crate::clock::unix_now;
use crate::config::CommandLine;
use crate::config::address::Source;
use crate::config::plan::{ConfiguredSource, Plan};
use crate::exit::Failure;
use crate::listener::{ListenerLoader, LoadedListener};
use crate::observe::describe::{
    AgeFormat, age, count, describe_assessment, describe_conflict, describe_masked, describe_not_in_effect,
    describe_read_as_empty, describe_refused, describe_remedy, plain, span,
};
use crate::observe::status::{RecordsByType, describe_records};
use crate::source::content::{Read, SlurmFiles, SlurmOutcome, SourceContent, SourceError};
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

/// The octets of a file that are searched for members of SLURM.
const START_OCTETS: usize = 64 * 1024;

/// Files of a directory that are named though they are not read; more are only counted.
const OTHERS_NAMED_MAX: usize = 5;

/// The longest time of a transfer.
const TRANSFER_MAX: Duration = Duration::from_secs(300);

pub(crate) fn check(arguments: &CheckArguments) -> Result<(), Failure> {
    let mut checker = Checker {
        dialect: if arguments.slurm_lenient { SlurmDialect::Lenient } else { SlurmDialect::Strict },
        overlaps: if arguments.slurm_allow_overlaps { Overlaps::Allow } else { Overlaps::Refuse },
        freshness: arguments.freshness.freshness(),
        slurm: Vec::new(),
        mistakes: 0,
        warnings: 0,
        printed: Ok(()),
    };
    for path in &arguments.files {
        checker.file(path);
    }
    checker.check_combined(&arguments.source);
    checker.printed?;
    match checker.mistakes {
        0 => Ok(()),
        1 => Err(Failure::Config("1 mistake".to_owned())),
        more => Err(Failure::Config(format!("{more} mistakes"))),
    }
}

struct Checker {
    dialect: SlurmDialect,
    overlaps: Overlaps,
    /// Limits of age for data that no configuration names.
    freshness: Freshness,
    /// SLURM files without mistakes.
    slurm: SlurmFiles,
    mistakes: usize,
    /// Warnings: no mistake of a file, but an effect that an operator may not expect.
    warnings: usize,
    /// The first error of writing to standard output.
    printed: Result<(), Failure>,
}

impl Checker {
    /// Prints a line.
    fn print_line(&mut self, line: &str) {
        if self.printed.is_ok() {
            self.printed = print(&format!("{line}\n"));
        }
    }

    fn report(&mut self, line: &str) {
        self.mistakes += 1;
        self.print_line(line);
    }

    /// Prints lines, and counts mistakes, of which not each has a line.
    fn report_lines(&mut self, lines: &[String], mistakes: usize) {
        self.mistakes += mistakes;
        lines.iter().for_each(|line| self.print_line(line));
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
            Err(error) => self.report(&format!("{}: {}", path.display(), plain(&error))),
        }
    }

    fn configuration(&mut self, path: &Path) {
        let outcome = CommandLine::of_file(path).resolve().and_then(|settings| {
            let plan = Plan::new(&settings)?;
            let within = |failure: Failure| failure.within(path);
            let slurm = plan.read_slurm().map_err(within)?;
            let listeners = ListenerLoader::new().load(&plan.listen).map_err(within)?;
            Ok((plan, slurm, listeners))
        });
        match outcome {
            Ok((plan, files, listeners)) => {
                for (name, file) in files.iter().flatten().flatten() {
                    if let Some(note) = describe_read_as_empty(file) {
                        self.print_line(&format!("{}: note: {name}: {note}", path.display()));
                    }
                }
                // A directory counts as the files in it.
                let slurm = files.iter().map(|files| files.as_ref().map_or(1, Vec::len)).sum();
                let (sources, slurm) = (count(plan.sources.len(), "source"), count(slurm, "SLURM file"));
                let before = (self.mistakes, self.warnings);
                for (listener, reason) in listeners.iter().flat_map(LoadedListener::remarks) {
                    self.report(&format!("{}: --listen {listener}: {reason}", path.display()));
                }
                self.check_referenced_files(path, &plan);
                let verdict = match (self.mistakes - before.0, self.warnings - before.1) {
                    (0, 0) => ", all well".to_owned(),
                    (0, warnings) => format!(", {}", count(warnings, "warning")),
                    (_, _) => String::new(),
                };
                self.print_line(&format!("{}: a configuration with {sources} and {slurm}{verdict}", path.display()));
            }
            Err(Failure::Slurm { lines, mistakes }) => self.report_lines(&lines, mistakes),
            Err(failure) => self.report(&failure.to_string()),
        }
    }

    /// Checks the files that the configuration names. A source that is missing gets a note, since it may come later.
    fn check_referenced_files(&mut self, path: &Path, plan: &Plan) {
        let path = path.display();
        for configured in plan.sources.iter().chain(&plan.slurm) {
            if let Err(failure) = source::try_fetching(&configured.options.fetch, &configured.source, TRANSFER_MAX) {
                self.report(&format!("{path}: {}: {failure}", configured.source));
            }
            if let Err(reason) = configured.try_dialing() {
                self.report(&format!("{path}: {}: {reason}", configured.source));
            }
            if let Source::File(file) = &configured.source
                && !file.exists()
            {
                self.print_line(&format!("{path}: note: {} is not there yet", configured.source));
            }
        }
        // Data at URLs and caches are not fetched: a check is quick, and needs no network.
        let is_there =
            |configured: &&ConfiguredSource| matches!(&configured.source, Source::File(file) if file.is_file());
        for configured in plan.sources.iter().filter(is_there) {
            self.load(&configured.source, &plan.freshness);
        }
        let folder = plan.control.as_deref().and_then(Path::parent).filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
            self.report(&format!(
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
                self.print_line(&format!("{name}: SLURM with {filters} and {assertions}{verdict}"));
                if let Some(note) = note {
                    self.print_line(&format!("{name}: note: {note}"));
                }
                self.slurm.push((name, file));
            }
            Err(failure) => {
                let lines: Vec<String> = failure.lines().iter().map(|line| format!("{name}: {line}")).collect();
                self.report_lines(&lines, failure.mistakes());
            }
        }
    }

    /// Checks a directory, which is one of SLURM files.
    fn directory(&mut self, path: &Path) {
        let read = source::names(path).and_then(|names| Ok((names, source::read_slurm_directory(path, self.dialect)?)));
        let (names, files) = match read {
            Ok(read) => read,
            Err(failure) => return self.report(&format!("{}: {failure}", path.display())),
        };
        let name = path.display();
        if files.is_empty() {
            let words =
                "there is no file in it whose name ends in .slurm or .json, so nothing of it would be in effect";
            self.print_line(&format!("{name}: note: {words}"));
        }
        files.into_iter().for_each(|file| self.slurm(file));
        // Files whose names begin with a dot are never meant to be read.
        let is_shown = |name: &OsStr| !name.as_encoded_bytes().starts_with(b".");
        let is_other = |path: &&PathBuf| path.file_name().is_some_and(|name| is_shown(name) && !is_slurm_name(name));
        let others: Vec<String> =
            names.iter().filter(is_other).filter_map(|path| Some(path.file_name()?.display().to_string())).collect();
        if !others.is_empty() {
            let named: Vec<&str> = others.iter().take(OTHERS_NAMED_MAX).map(String::as_str).collect();
            let more = if others.len() > named.len() { ", ..." } else { "" };
            let named = named.join(", ");
            self.print_line(&format!(
                "{name}: note: not read, as the name does not end in .slurm or .json: {named}{more}"
            ));
        }
    }

    fn data(&mut self, path: &Path) {
        let freshness = self.freshness;
        self.load(&Source::File(path.to_owned()), &freshness);
    }

    /// Reads data, and prints their records and what of them would be served now.
    fn load(&mut self, source: &Source, freshness: &Freshness) -> Option<CheckedData> {
        let options = SourceOptions {
            refresh: Duration::MAX,
            timeout: TRANSFER_MAX,
            fetch: FetchOptions::default(),
            dial: DialOptions::default(),
            dialect: self.dialect,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let read = match runtime {
            Ok(runtime) => runtime.block_on(source::read_once(source, &options)),
            Err(error) => Err(SourceError::Memory(error)),
        };
        match read {
            Ok(Read { content: SourceContent::Table(table, tally), written, .. }) => {
                let made = table.timestamps().made.or(written);
                let made = made.map_or(String::new(), |made| format!(", made {}", age(made, unix_now())));
                self.print_line(&format!(
                    "{source}: {}{made}",
                    describe_records(RecordsByType::of(table.image().layout()))
                ));
                if tally.refused > 0 {
                    self.report(&format!("{source}: {}", describe_refused(&tally)));
                }
                if tally.masked > 0 {
                    self.print_line(&format!("{source}: {}", describe_masked(tally.masked)));
                }
                let data = CheckedData { table, written };
                let (lines, warnings) = data.in_effect(freshness);
                lines.iter().for_each(|line| self.print_line(&format!("{source}: {line}")));
                self.warnings += warnings;
                Some(data)
            }
            Ok(Read { content: SourceContent::Slurm(_) | SourceContent::SlurmDirectory(_), .. }) => None,
            Err(failure @ SourceError::Content(ReadError { reason: Reason::NothingKnown, .. })) => {
                self.report(&format!("{source}: {failure}, and no SLURM (\"slurmVersion\")"));
                None
            }
            Err(failure) => {
                self.report(&format!("{source}: {failure}"));
                None
            }
        }
    }

    /// Checks that the SLURM files do not conflict, and prints their effect on the data.
    fn check_combined(&mut self, sources: &[Source]) {
        let slurm = match Slurm::merge(&self.slurm, self.overlaps) {
            Ok(slurm) => slurm,
            Err(conflict) => return self.report(&describe_conflict(&conflict)),
        };
        let freshness = self.freshness;
        let data: Vec<CheckedData> = sources.iter().filter_map(|source| self.load(source, &freshness)).collect();
        if data.is_empty() {
            return;
        }
        for effect in slurm.effects(&union(data, freshness)) {
            self.print_line(&effect.to_string());
        }
    }
}

/// Returns true if a file is meant as SLURM: it has a member that only SLURM has, or the name of a SLURM file.
fn is_slurm(path: &Path) -> std::io::Result<bool> {
    use std::io::Read;
    if !std::fs::metadata(path)?.is_file() {
        // Reading it as data reports what else it is.
        return Ok(false);
    }
    let mut start = Vec::new();
    std::fs::File::open(path)?.take(START_OCTETS as u64).read_to_end(&mut start)?;
    let start = String::from_utf8_lossy(&start);
    let members = ["slurmVersion", "validationOutputFilters", "locallyAddedAssertions"];
    Ok(members.iter().any(|member| start.contains(member)) || path.extension().is_some_and(|kind| kind == "slurm"))
}

/// A data set that was read.
struct CheckedData {
    table: Arc<Table>,
    /// Time at which its file was written, in seconds since 1970.
    written: Option<u32>,
}

impl CheckedData {
    /// Returns what of it would be served now, in lines, and the number of warnings among them.
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

/// Returns the payloads of all sources together that are in effect now.
fn union(data: Vec<CheckedData>, freshness: Freshness) -> Image {
    let now = CurrentTime { moment: Moment(0), unix: unix_now() };
    let sources: Vec<SourceId> = (0..).map(SourceId).take(data.len()).collect();
    let guard = Guard { hold: None, ..Guard::default() };
    let curation = Curation { sources: sources.clone(), choice: Choice::Union, freshness, guard };
    let mut curator = Curator::new(curation);
    curator.slurm(now, Arc::default());
    for (source, CheckedData { table, written }) in sources.into_iter().zip(data) {
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
