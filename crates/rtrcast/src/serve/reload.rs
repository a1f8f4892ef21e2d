//! Reload: the configuration is read again on a thread of its own, and applied as a whole or not at all.

use super::capacity::connection_capacity;
use super::startup::reconfiguration;
use super::{PlannedSlurm, RunningCache};
use crate::blocking::file_call;
use crate::config::CommandLine;
use crate::config::plan::{ConfiguredSource, Plan};
use crate::config::secrets;
use crate::exit::Failure;
use crate::hub::message::Input;
use crate::listener::{ListenerLoader, LoadedListener};
use crate::observe::describe::first_lines;
use crate::observe::log::Log;
use crate::observe::log::event::service::ServiceEvent;
use crate::observe::metrics::OutcomeLabel;
use crate::observe::status::{ConfigurationStatus, Timestamp};
use crate::reloadable;
use std::sync::PoisonError;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A configuration, and the content of the files that it names, except for the data.
pub(super) struct Configuration {
    plan: Plan,
    slurm: PlannedSlurm,
    listen: Vec<LoadedListener>,
}

impl Configuration {
    /// Reads the file that the command line names, and the files that both name.
    fn read(
        command_line: &CommandLine,
        before: &[ConfiguredSource],
        loader: &ListenerLoader,
    ) -> Result<Configuration, Failure> {
        let plan = Plan::new(&command_line.resolve()?)?;
        let slurm = plan.read_slurm()?;
        plan.try_dialing(before)?;
        let listen = loader.load(&plan.listen)?;
        secrets::warn_of_readers(&plan);
        Ok(Configuration { plan, slurm, listen })
    }
}

/// The reading of a configuration on a blocking thread.
pub(super) type ReadTask = JoinHandle<Result<Configuration, Failure>>;

/// Returns the configuration once it is read; without a reading never.
pub(super) async fn finished(reading: &mut Option<ReadTask>) -> Result<Configuration, Failure> {
    match reading {
        None => std::future::pending().await,
        Some(reading) => reading.await.unwrap_or_else(|error| Err(Failure::Internal(error.to_string()))),
    }
}

impl RunningCache {
    /// Starts to read the configuration and its files on a blocking thread, since file systems may be slow.
    pub(super) fn read_in_background(&self, command_line: &CommandLine) -> ReadTask {
        let (command_line, before) = (command_line.clone(), self.plan.sources.clone());
        let loader = self.listeners.loader();
        tokio::spawn(file_call(move || Configuration::read(&command_line, &before, &loader)))
    }

    /// Applies a configuration, and refreshes all sources. One that is invalid changes nothing.
    pub(super) async fn reload(&mut self, read: Result<Configuration, Failure>) {
        let outcome = match read {
            Ok(Configuration { plan, slurm, listen }) => match self.listeners.open(listen) {
                Ok(()) => {
                    self.apply(plan, slurm).await;
                    "applied"
                }
                Err(failure) => self.reject(&failure),
            },
            Err(failure) => self.reject(&failure),
        };
        self.metrics.reloads.get_or_create(&OutcomeLabel { outcome }).inc();
        self.refresh("SIGHUP").await;
    }

    /// Logs the reason that a configuration is refused, and shows it in the status. Returns the outcome for the metric.
    fn reject(&self, failure: &Failure) -> &'static str {
        let lines = first_lines(failure.lines());
        self.update_status(|status| {
            status.refused = Some(Timestamp::now());
            status.errors.clone_from(&lines);
        });
        for line in lines {
            ServiceEvent::ReloadRefused { reason: &line }.log();
        }
        "refused"
    }

    fn update_status(&self, update: impl FnOnce(&mut ConfigurationStatus)) {
        update(&mut self.configuration.lock().unwrap_or_else(PoisonError::into_inner));
    }

    async fn apply(&mut self, plan: Plan, slurm: PlannedSlurm) {
        let fixed = plan.needs_restart_for(&self.plan);
        if !fixed.is_empty() {
            ServiceEvent::RestartNeeded { options: &fixed }.log();
        }
        self.plan.keep_restart_only(plan);
        let capacity = connection_capacity(self.plan.connections_max);
        let policy = capacity.service_policy(&self.plan);
        self.sessions.set_limit(capacity.description);
        self.limiter.set_limits(policy.limits);
        self.publisher.set_policy(policy);
        self.routers.set_names(&self.plan.peer_names);
        let reconfiguration = reconfiguration(&self.plan, &mut self.source_tasks, slurm);
        let (reply, in_effect) = oneshot::channel();
        self.send(Input::Reconfigure(Box::new(reconfiguration), reply)).await;
        self.source_tasks.start(&mut self.tasks);
        // If the hub is gone, the program is ending.
        let _ = in_effect.await;
        self.update_status(|status| {
            let restart_needed = fixed.iter().map(ToString::to_string).collect();
            *status =
                ConfigurationStatus { applied: Timestamp::now(), restart_needed, ..ConfigurationStatus::default() };
        });
        ServiceEvent::ReloadApplied {}.log();
    }

    pub(super) async fn refresh(&mut self, asked_by: &str) {
        ServiceEvent::Refreshing { asked_by }.log();
        reloadable::recheck_now(&self.listeners.rechecks());
        self.send(Input::LogNextOutcomes).await;
        self.source_tasks.refresh();
    }

    async fn send(&self, input: Input) {
        // If the hub is gone, the program is ending.
        let _ = self.hub.send(input).await;
    }
}
