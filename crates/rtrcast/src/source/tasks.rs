//! The tasks of sources: one for each source of the configuration.

use crate::config::plan::{ConfiguredSource, Plan};
use crate::hub::message::Input;
use crate::observe::metrics::Metrics;
use crate::observe::routers::Routers;
use crate::source::content::{Purpose, SlurmId};
use crate::source::{self, ResumedSource, SourceContext};
use crate::state::{SourceAddress, SourceAddresses, SourceHash};
use rtrcast_feed::curator::SourceId;
use rtrcast_feed::state::source_hash;
use rtrcast_proto::Version;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::{Notify, mpsc};
use tokio::task::{AbortHandle, JoinSet};

/// The kinds of sources, each with ids of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SourceKind {
    Data,
    Slurm,
}

/// Sources by id, each with its name.
type SourceNames<Id> = Vec<(Id, Arc<str>)>;

/// All sources, and their tasks.
pub(crate) struct SourceTasks {
    hub: mpsc::Sender<Input>,
    metrics: Arc<Metrics>,
    routers: Arc<Routers>,
    version: Version,
    tasks: Vec<SourceTask>,
    next: u32,
    /// What is known of sources from an earlier run, until their first task is started.
    resumed: BTreeMap<SourceId, Arc<ResumedSource>>,
    /// True once tasks were started.
    is_running: bool,
}

struct SourceTask {
    purpose: Purpose,
    configured: ConfiguredSource,
    /// Its unique name.
    name: Arc<str>,
    refresh: Arc<Notify>,
    handle: Option<AbortHandle>,
    /// True if a reload has just started its task, which reads anyway.
    is_fresh: bool,
}

impl SourceTask {
    fn kind(&self) -> SourceKind {
        match self.purpose {
            Purpose::Data(_) => SourceKind::Data,
            Purpose::Slurm(_) => SourceKind::Slurm,
        }
    }

    fn stop(&mut self) {
        if let Some(handle) = self.handle.take() {
            handle.abort();
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
        SourceTasks {
            hub,
            metrics,
            routers,
            version,
            tasks: Vec::new(),
            next: 1,
            resumed: BTreeMap::new(),
            is_running: false,
        }
    }

    /// Applies the sources of a plan. Those that stay keep their ids; tasks of those that are removed, or whose options
    /// change, end. The hub has to have the ids before [`SourceTasks::start`].
    pub(crate) fn assign(&mut self, plan: &Plan) -> (SourceNames<SourceId>, SourceNames<SlurmId>) {
        let mut before = std::mem::take(&mut self.tasks);
        let data = plan.sources.iter().map(|configured| (SourceKind::Data, configured));
        for (kind, configured) in data.chain(plan.slurm.iter().map(|configured| (SourceKind::Slurm, configured))) {
            let is_same =
                |task: &SourceTask| task.kind() == kind && task.configured.source.is_at_place_of(&configured.source);
            let task = match before.iter().position(is_same) {
                Some(at) => {
                    let mut task = before.remove(at);
                    if !task.configured.is_read_like(configured) {
                        task.stop();
                    }
                    task.configured = configured.clone();
                    task
                }
                None => self.new_task(kind, configured, &before),
            };
            self.tasks.push(task);
        }
        before.iter_mut().for_each(SourceTask::stop);
        let (mut sources, mut slurm) = (Vec::new(), Vec::new());
        for task in &self.tasks {
            let name = Arc::clone(&task.name);
            match task.purpose {
                Purpose::Data(source) => sources.push((source, name)),
                Purpose::Slurm(id) => slurm.push((id, name)),
            }
        }
        (sources, slurm)
    }

    fn new_task(&mut self, kind: SourceKind, configured: &ConfiguredSource, before: &[SourceTask]) -> SourceTask {
        let purpose = match kind {
            SourceKind::Data => Purpose::Data(SourceId(self.next)),
            SourceKind::Slurm => Purpose::Slurm(SlurmId(self.next)),
        };
        self.next += 1;
        // The hidden secret of a URL may be the only difference between two of them.
        let plain = configured.source.to_string();
        let numbered = (2..).map(|number| format!("{plain} ({number})"));
        let is_taken = |name: &String| self.tasks.iter().chain(before).any(|task| *task.name == **name);
        let name = std::iter::once(plain.clone()).chain(numbered).find(|name| !is_taken(name)).unwrap_or(plain);
        let (refresh, configured) = (Arc::default(), configured.clone());
        SourceTask { purpose, configured, name: name.into(), refresh, handle: None, is_fresh: false }
    }

    /// Starts the tasks that do not run.
    pub(crate) fn start(&mut self, tasks: &mut JoinSet<&'static str>) {
        for task in self.tasks.iter_mut().filter(|task| task.handle.is_none()) {
            let context = SourceContext {
                purpose: task.purpose,
                name: Arc::clone(&task.name),
                hub: self.hub.clone(),
                metrics: Arc::clone(&self.metrics),
                routers: Arc::clone(&self.routers),
                refresh: Arc::clone(&task.refresh),
                options: task.configured.options.clone(),
                version: self.version,
                resumed: match task.purpose {
                    Purpose::Data(source) => self.resumed.remove(&source),
                    Purpose::Slurm(_) => None,
                },
            };
            let follow = source::follow(task.configured.source.clone(), context);
            task.is_fresh = self.is_running;
            task.handle = Some(tasks.spawn(async move {
                follow.await;
                "source"
            }));
        }
        self.is_running = true;
    }

    /// Returns the sources as files of the state name them.
    pub(crate) fn addresses(&self) -> SourceAddresses {
        let address = |task: &SourceTask| {
            let Purpose::Data(source) = task.purpose else { return None };
            let hash = SourceHash(source_hash(&task.configured.source.identity()));
            Some((source, SourceAddress { hash, name: task.name.to_string() }))
        };
        self.tasks.iter().filter_map(address).collect()
    }

    /// Has the first tasks of sources begin with what an earlier run knew of them.
    pub(crate) fn resume(&mut self, resumed: BTreeMap<SourceId, Arc<ResumedSource>>) {
        self.resumed = resumed;
    }

    /// Refreshes all sources.
    pub(crate) fn refresh(&mut self) {
        for task in &mut self.tasks {
            if !std::mem::take(&mut task.is_fresh) {
                task.refresh.notify_one();
            }
        }
    }
}
