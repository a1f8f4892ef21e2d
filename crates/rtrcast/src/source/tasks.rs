//! Which places are followed: a task for each, that comes and goes with the configuration.

use crate::config::plan::{Followed, Plan};
use crate::hub::message::Input;
use crate::observe::metrics::Metrics;
use crate::observe::routers::Routers;
use crate::source::content::{Purpose, SlurmId};
use crate::source::{self, Context};
use rtrcast_feed::curator::SourceId;
use rtrcast_proto::Version;
use std::sync::Arc;
use tokio::sync::{Notify, mpsc};
use tokio::task::{AbortHandle, JoinSet};

/// What a kind of place is numbered by.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Data,
    Slurm,
}

/// Places by their numbers, each with its name.
type Named<Id> = Vec<(Id, Arc<str>)>;

/// All places, and their tasks.
pub(crate) struct Roster {
    hub: mpsc::Sender<Input>,
    metrics: Arc<Metrics>,
    routers: Arc<Routers>,
    version: Version,
    entries: Vec<Entry>,
    next: u32,
    /// Whether tasks were started before.
    is_running: bool,
}

struct Entry {
    purpose: Purpose,
    followed: Followed,
    /// What it is called: no two are called the same.
    name: Arc<str>,
    bell: Arc<Notify>,
    task: Option<AbortHandle>,
    /// Whether its task was only just started by a reload, and reads anyway.
    is_fresh: bool,
}

impl Entry {
    fn kind(&self) -> Kind {
        match self.purpose {
            Purpose::Data(_) => Kind::Data,
            Purpose::Slurm(_) => Kind::Slurm,
        }
    }

    fn stop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}

impl Roster {
    pub(crate) fn new(
        hub: mpsc::Sender<Input>,
        metrics: Arc<Metrics>,
        routers: Arc<Routers>,
        version: Version,
    ) -> Roster {
        Roster { hub, metrics, routers, version, entries: Vec::new(), next: 1, is_running: false }
    }

    /// Takes over the places of a plan. Those that stay keep their numbers; tasks of those that go, or are to be read in
    /// another way, end. The hub has to know of the numbers before [`Roster::start`].
    pub(crate) fn assign(&mut self, plan: &Plan) -> (Named<SourceId>, Named<SlurmId>) {
        let mut before = std::mem::take(&mut self.entries);
        let data = plan.sources.iter().map(|followed| (Kind::Data, followed));
        for (kind, followed) in data.chain(plan.slurm.iter().map(|followed| (Kind::Slurm, followed))) {
            let is_it = |entry: &Entry| entry.kind() == kind && entry.followed.place.is_at_place_of(&followed.place);
            let entry = match before.iter().position(is_it) {
                Some(at) => {
                    let mut entry = before.remove(at);
                    if !entry.followed.is_read_like(followed) {
                        entry.stop();
                    }
                    entry.followed = followed.clone();
                    entry
                }
                None => self.new_entry(kind, followed, &before),
            };
            self.entries.push(entry);
        }
        before.iter_mut().for_each(Entry::stop);
        let (mut sources, mut slurm) = (Vec::new(), Vec::new());
        for entry in &self.entries {
            let name = Arc::clone(&entry.name);
            match entry.purpose {
                Purpose::Data(source) => sources.push((source, name)),
                Purpose::Slurm(id) => slurm.push((id, name)),
            }
        }
        (sources, slurm)
    }

    fn new_entry(&mut self, kind: Kind, followed: &Followed, before: &[Entry]) -> Entry {
        let purpose = match kind {
            Kind::Data => Purpose::Data(SourceId(self.next)),
            Kind::Slurm => Purpose::Slurm(SlurmId(self.next)),
        };
        self.next += 1;
        // What is secret of a URL is not shown, and may be all that tells two of them apart.
        let plain = followed.place.to_string();
        let numbered = (2..).map(|number| format!("{plain} ({number})"));
        let is_taken = |name: &String| self.entries.iter().chain(before).any(|entry| *entry.name == **name);
        let name = std::iter::once(plain.clone()).chain(numbered).find(|name| !is_taken(name)).unwrap_or(plain);
        let (bell, followed) = (Arc::default(), followed.clone());
        Entry { purpose, followed, name: name.into(), bell, task: None, is_fresh: false }
    }

    /// Starts the tasks that do not run.
    pub(crate) fn start(&mut self, tasks: &mut JoinSet<&'static str>) {
        for entry in self.entries.iter_mut().filter(|entry| entry.task.is_none()) {
            let context = Context {
                purpose: entry.purpose,
                name: Arc::clone(&entry.name),
                hub: self.hub.clone(),
                metrics: Arc::clone(&self.metrics),
                routers: Arc::clone(&self.routers),
                bell: Arc::clone(&entry.bell),
                habits: entry.followed.habits.clone(),
                version: self.version,
            };
            let follow = source::follow(entry.followed.place.clone(), context);
            entry.is_fresh = self.is_running;
            entry.task = Some(tasks.spawn(async move {
                follow.await;
                "source"
            }));
        }
        self.is_running = true;
    }

    /// Has all places read now.
    pub(crate) fn ring(&mut self) {
        for entry in &mut self.entries {
            if !std::mem::take(&mut entry.is_fresh) {
                entry.bell.notify_one();
            }
        }
    }
}
