//! What is measured, in a file each, and in which order.
//!
//! Subjects take turns (A B C, A B C, ...), since a machine that others use is slower at one time than at another.

mod compare;
mod delta;
mod growth;
mod idle;
mod memory;
mod peers;
mod restart;
mod secured;
mod served;
mod start;
mod sync;
mod update;

use crate::Outcome;
use crate::data::Data;
use crate::figure::{Figure, Rounds, Summary, Verdict};
use crate::floor::Kind;
use crate::report;
use crate::subject::{Folder, Subject};
pub(crate) use peers::{Peer, Refresh};
use std::path::{Path, PathBuf};

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The program [default: the one beside this]
    #[arg(long, value_name = "PATH")]
    rtrcast: Option<PathBuf>,
    /// An older build of the program, to be measured in turns with the program
    #[arg(long, value_name = "PATH", conflicts_with = "write")]
    before: Option<PathBuf>,
    /// Folder with the data sets
    #[arg(long, value_name = "FOLDER")]
    data: PathBuf,
    /// Only these lines, separated by commas
    #[arg(long, value_name = "NAME", value_delimiter = ',', conflicts_with = "write")]
    only: Vec<String>,
    /// Rounds of rtrcast and the bare programs
    #[arg(long, value_name = "NUMBER", default_value_t = 9)]
    rounds: u32,
    /// Rounds of other caches, each of which takes minutes; 0 leaves them out
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    peer_rounds: u32,
    /// Write BENCH.md and bench.svg to this folder
    #[arg(long, value_name = "FOLDER")]
    write: Option<PathBuf>,
}

/// What every measure needs.
pub(crate) struct Bench {
    rtrcast: PathBuf,
    pub(crate) data: Data,
    pub(crate) rounds: u32,
    pub(crate) peer_rounds: u32,
    /// For files that are made on the way.
    pub(crate) folder: Folder,
}

impl Bench {
    /// Starts rtrcast on some sources. What it says goes into a file beside the data.
    pub(crate) fn serve(&self, sources: &[&Path]) -> Outcome<Subject> {
        self.serve_at(sources, &[])
    }

    /// The same, and it listens elsewhere too.
    pub(crate) fn serve_at(&self, sources: &[&Path], listen: &[&str]) -> Outcome<Subject> {
        Subject::rtrcast(&self.rtrcast, sources, listen, &self.data.folder().join("rtrcast.log"))
    }

    /// The same with other arguments.
    pub(crate) fn serve_with(&self, sources: &[&Path], arguments: &[&str]) -> Outcome<Subject> {
        Subject::rtrcast_with(&self.rtrcast, sources, arguments, &self.data.folder().join("rtrcast.log"))
    }

    /// Starts a bare program that answers with a file of [`Bench::folder`].
    pub(crate) fn floor(&self, kind: Kind, response: &Path) -> Outcome<Subject> {
        Subject::floor(kind, response, self.folder.path())
    }

    /// Says what a round came to.
    pub(crate) fn say(&self, round: u32, values: &[(&str, String)]) {
        let values: Vec<String> = values.iter().map(|(name, value)| format!("{name} {value}")).collect();
        println!("  {}/{}: {}", round + 1, self.rounds, values.join(", "));
    }

    /// Does something with each of the other caches that is here.
    pub(crate) fn peers(&self, mut work: impl FnMut(Peer) -> Outcome<f64>) -> Outcome<Vec<(String, Summary)>> {
        let mut all = Vec::new();
        for peer in Peer::ALL.into_iter().filter(|peer| peer.is_here()) {
            let mut rounds = Rounds::default();
            for _ in 0..self.peer_rounds {
                rounds.push(work(peer).map_err(|error| format!("{}: {error}", peer.name()))?);
            }
            if self.peer_rounds > 0 {
                all.push((peer.name().to_owned(), rounds.summary()));
            }
        }
        Ok(all)
    }
}

/// One line of measurements.
pub(crate) struct Measure {
    pub(crate) name: &'static str,
    /// What is done, for who reads the report.
    pub(crate) text: &'static str,
    run: fn(&Bench) -> Outcome<Vec<Figure>>,
}

const ALL: [&Measure; 9] = [
    &sync::MEASURE,
    &start::MEASURE,
    &restart::MEASURE,
    &memory::MEASURE,
    &update::MEASURE,
    &idle::MEASURE,
    &delta::MEASURE,
    &secured::MEASURE,
    &growth::MEASURE,
];

/// Measures, and says what came of it.
pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let beside = || std::env::current_exe().map(|path| path.with_file_name("rtrcast"));
    let rtrcast = arguments.rtrcast.clone().map_or_else(beside, Ok);
    let rtrcast = rtrcast.and_then(|path| path.canonicalize()).map_err(|error| format!("no rtrcast: {error}"))?;
    let measures = measures(&arguments.only)?;
    if arguments.rounds == 0 {
        return Err("no rounds".to_owned());
    }
    let data = arguments.data.canonicalize();
    let data = Data::new(data.map_err(|error| format!("{}: {error}", arguments.data.display()))?);
    let folder = Folder::new(data.folder())?;
    let mut bench = Bench { rtrcast, data, rounds: arguments.rounds, peer_rounds: arguments.peer_rounds, folder };
    for peer in Peer::ALL.iter().filter(|peer| !peer.is_here()) {
        println!("{} is left out: it is not installed", peer.name());
    }
    let mut sections = Vec::new();
    for measure in measures {
        println!("{}: {}", measure.name, measure.text);
        if let Some(before) = &arguments.before {
            let table =
                compare::compare(&mut bench, before, measure).map_err(|error| format!("{}: {error}", measure.name))?;
            println!("\n{table}");
            continue;
        }
        let figures = (measure.run)(&bench).map_err(|error| format!("{}: {error}", measure.name))?;
        println!("\n{}", report::table(&figures));
        sections.push((measure, figures));
    }
    if let Some(folder) = &arguments.write {
        report::write(folder, &bench, &sections)?;
    }
    let missed = sections.iter().flat_map(|(_, figures)| figures);
    let missed: Vec<&str> =
        missed.filter(|figure| figure.verdict() == Verdict::Missed).map(|figure| figure.what.as_str()).collect();
    if sections.is_empty() {
        // Two builds were compared, by no goal.
    } else if missed.is_empty() {
        println!("All goals are met.");
    } else {
        println!("Missed: {}", missed.join("; "));
    }
    Ok(())
}

fn measures(only: &[String]) -> Outcome<Vec<&'static Measure>> {
    let names: Vec<&str> = ALL.iter().map(|measure| measure.name).collect();
    if let Some(unknown) = only.iter().find(|name| !names.contains(&name.as_str())) {
        return Err(format!("--only {unknown}: there are {}", names.join(", ")));
    }
    let is_wanted = |measure: &&Measure| only.is_empty() || only.iter().any(|name| name == measure.name);
    Ok(ALL.into_iter().filter(is_wanted).collect())
}
