//! Reload: the configuration is read again on a thread of its own, and taken over as a whole or not at all.

use super::capacity::room;
use super::startup::reconfiguration;
use super::{Parts, SlurmPlaces};
use crate::config::CommandLine;
use crate::config::plan::{ConfiguredSource, Plan};
use crate::config::secrets;
use crate::exit::Failure;
use crate::hub::message::Input;
use crate::listener::{Loaded, Loader};
use crate::observe::describe::first_lines;
use crate::observe::metrics::OutcomeLabel;
use crate::reloadable;
use tokio::task::{JoinHandle, spawn_blocking};
use tracing::{error, info, warn};

/// All that a configuration says, and all files that it names but for the data.
pub(super) struct Configuration {
    plan: Plan,
    slurm: SlurmPlaces,
    listen: Vec<Loaded>,
}

impl Configuration {
    /// What the command line, the file that it names, and the files that both name say now.
    fn read(
        command_line: &CommandLine,
        before: &[ConfiguredSource],
        loader: &Loader,
    ) -> Result<Configuration, Failure> {
        let plan = Plan::new(&command_line.settle()?)?;
        let slurm = plan.read_slurm()?;
        plan.try_dialing(before)?;
        let listen = loader.load(&plan.listen)?;
        secrets::warn_of_readers(&plan);
        Ok(Configuration { plan, slurm, listen })
    }
}

/// A configuration that is being read on a thread of its own.
pub(super) type Aside = JoinHandle<Result<Configuration, Failure>>;

/// What was read, once it is; without a reading never.
pub(super) async fn finished(reading: &mut Option<Aside>) -> Result<Configuration, Failure> {
    match reading {
        None => std::future::pending().await,
        Some(reading) => reading.await.unwrap_or_else(|error| Err(Failure::Internal(error.to_string()))),
    }
}

impl Parts {
    /// Reads the configuration and what it names, which may take as long as a file system likes: aside.
    pub(super) fn read_aside(&self, command_line: &CommandLine) -> Aside {
        let (command_line, before) = (command_line.clone(), self.plan.sources.clone());
        let loader = self.listeners.loader();
        spawn_blocking(move || Configuration::read(&command_line, &before, &loader))
    }

    /// Takes over a configuration, and reads all sources. What is wrong changes nothing.
    pub(super) async fn reload(&mut self, read: Result<Configuration, Failure>) {
        let outcome = match read {
            Ok(Configuration { plan, slurm, listen }) => match self.listeners.open(listen) {
                Ok(()) => {
                    self.apply(plan, slurm).await;
                    "applied"
                }
                Err(failure) => Parts::refuse(&failure),
            },
            Err(failure) => Parts::refuse(&failure),
        };
        self.metrics.reloads.get_or_create(&OutcomeLabel { outcome }).inc();
        self.refresh("SIGHUP").await;
    }

    /// Says why a configuration is refused; in a word what became of it.
    fn refuse(failure: &Failure) -> &'static str {
        for line in first_lines(failure.lines()) {
            error!("SIGHUP: the configuration stays as it is: {line}");
        }
        "refused"
    }

    async fn apply(&mut self, plan: Plan, slurm: SlurmPlaces) {
        let fixed = plan.needs_restart_for(&self.plan);
        if !fixed.is_empty() {
            warn!("a restart is needed for what changed of: {}", fixed.join(", "));
        }
        self.plan.keep_fixed(plan);
        let room = room(self.plan.connections_max);
        let terms = room.terms(&self.plan);
        self.sessions.set_limit(room.words);
        self.door.set_limits(terms.limits);
        self.publisher.set_terms(terms);
        self.routers.set_names(&self.plan.peer_names);
        let reconfiguration = reconfiguration(&self.plan, &mut self.source_tasks, slurm);
        self.tell(Input::Reconfigure(Box::new(reconfiguration))).await;
        self.source_tasks.start(&mut self.tasks);
    }

    pub(super) async fn refresh(&mut self, asked_by: &str) {
        info!("{asked_by}: reading all sources again");
        reloadable::recheck_now(&self.listeners.rechecks());
        self.tell(Input::AnswerAloud).await;
        self.source_tasks.refresh();
    }

    async fn tell(&self, input: Input) {
        // Should the hub be gone, the program is ending.
        let _ = self.hub.send(input).await;
    }
}
