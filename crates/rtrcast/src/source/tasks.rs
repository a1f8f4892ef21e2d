//! The tasks of sources: one for each, that comes and goes with the configuration.

use crate::config::plan::{ConfiguredSource, Plan};
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

/// The kinds of sources, of which each has numbers of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Data,
    Slurm,
}

/// Sources by their numbers, each with its name.
type Named<Id> = Vec<(Id, Arc<str>)>;

/// All sources, and their tasks.
pub(crate) struct SourceTasks {
    hub: mpsc::Sender<Input>,
    metrics: Arc<Metrics>,
    routers: Arc<Routers>,
    version: Version,
    entries: Vec<Entry>,
    next: u32,
    /// True once tasks were started.
    is_running: bool,
}

struct Entry {
    purpose: Purpose,
    configured: ConfiguredSource,
    /// Its name, which no other has.
    name: Arc<str>,
    refresh: Arc<Notify>,
    task: Option<AbortHandle>,
    /// True if a reload only just started its task, which reads anyway.
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

impl SourceTasks {
    pub(crate) fn new(
        hub: mpsc::Sender<Input>,
        metrics: Arc<Metrics>,
        routers: Arc<Routers>,
        version: Version,
    ) -> SourceTasks {
        SourceTasks { hub, metrics, routers, version, entries: Vec::new(), next: 1, is_running: false }
    }

    /// Takes over the places of a plan. Those that stay keep their numbers; tasks of those that go, or are to be read in
    /// another way, end. The hub has to know of the numbers before [`SourceTasks::start`].
    pub(crate) fn assign(&mut self, plan: &Plan) -> (Named<SourceId>, Named<SlurmId>) {
        let mut before = std::mem::take(&mut self.entries);
        let data = plan.sources.iter().map(|configured| (Kind::Data, configured));
        for (kind, configured) in data.chain(plan.slurm.iter().map(|configured| (Kind::Slurm, configured))) {
            let is_it =
                |entry: &Entry| entry.kind() == kind && entry.configured.source.is_at_place_of(&configured.source);
            let entry = match before.iter().position(is_it) {
                Some(at) => {
                    let mut entry = before.remove(at);
                    if !entry.configured.is_read_like(configured) {
                        entry.stop();
                    }
                    entry.configured = configured.clone();
                    entry
                }
                None => self.new_entry(kind, configured, &before),
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

    fn new_entry(&mut self, kind: Kind, configured: &ConfiguredSource, before: &[Entry]) -> Entry {
        let purpose = match kind {
            Kind::Data => Purpose::Data(SourceId(self.next)),
            Kind::Slurm => Purpose::Slurm(SlurmId(self.next)),
        };
        self.next += 1;
        // What is secret of a URL is not shown, and may be all that tells two of them apart.
        let plain = configured.source.to_string();
        let numbered = (2..).map(|number| format!("{plain} ({number})"));
        let is_taken = |name: &String| self.entries.iter().chain(before).any(|entry| *entry.name == **name);
        let name = std::iter::once(plain.clone()).chain(numbered).find(|name| !is_taken(name)).unwrap_or(plain);
        let (refresh, configured) = (Arc::default(), configured.clone());
        Entry { purpose, configured, name: name.into(), refresh, task: None, is_fresh: false }
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
                refresh: Arc::clone(&entry.refresh),
                options: entry.configured.options.clone(),
                version: self.version,
            };
            let follow = source::follow(entry.configured.source.clone(), context);
            entry.is_fresh = self.is_running;
            entry.task = Some(tasks.spawn(async move {
                follow.await;
                "source"
            }));
        }
        self.is_running = true;
    }

    /// Has all sources read now.
    pub(crate) fn refresh(&mut self) {
        for entry in &mut self.entries {
            if !std::mem::take(&mut entry.is_fresh) {
                entry.refresh.notify_one();
            }
        }
    }
}
