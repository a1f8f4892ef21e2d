//! The hub, which alone has the serial advance. Reports of sources go to the curator, and its choice to the publisher,
//! which also makes what sessions want; both run off the threads that serve sessions.

mod decide;
mod handover;
mod keep;
pub(crate) mod message;
mod recorder;
mod reports;
mod resume;
mod status;

pub(crate) use recorder::Recorder;
pub(crate) use resume::{ResumedFrom, ResumedLine};

use crate::blocking::blocking;
use crate::changes::ChangeRecord;
use crate::clock::unix_now;
use crate::observe::describe::{AgeFormat, describe_conflict, describe_delta, describe_not_in_effect, vrps};
use crate::observe::log::Log;
use crate::observe::log::event::data::{DataChange, DataEvent};
use crate::observe::metrics::Metrics;
use crate::observe::routers::Routers;
use crate::observe::sources::Sources;
use crate::observe::status::RecordsByType;
use crate::source::content::Purpose;
use crate::state::{SourceAddresses, StateKeeping, written};
use decide::{Decider, Decision, HubChange};
use message::{Health, Input, News, Reconfiguration};
use reports::TableReport;
use rtrcast_feed::curator::{Cause, Curation, Curator, CuratorEvent, Report, SourceId, Status};
use rtrcast_feed::state::SourceRevision;
use rtrcast_feed::{Overlaps, Slurm, Tally};
use rtrcast_net::{Clock, Publisher, PublisherHandle, Wanted};
use rtrcast_proto::{Delta, Moment, Prepared, Profile, Publication, Section, View};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// The task that owns the curator and the publisher.
pub(crate) struct Hub {
    /// None only while a blocking thread has it.
    decider: Option<Decider>,
    sources: Sources,
    overlaps: Overlaps,
    clock: Clock,
    /// Time of the curator's next step.
    wait: Option<Moment>,
    publisher: PublisherHandle,
    health: watch::Sender<Health>,
    metrics: Arc<Metrics>,
    routers: Arc<Routers>,
    /// Time at which the serial last advanced, in seconds since 1970.
    changed: u32,
    /// The most that any router is sent: other records are read and not served.
    served: Profile,
    curation: Curation,
    /// SLURM, once it is known.
    slurm: Option<Arc<Slurm>>,
    addresses: SourceAddresses,
    /// What is known of the newest tables of sources.
    revisions: BTreeMap<SourceId, SourceRevision>,
    /// None without a state directory.
    state: Option<StateKeeping>,
    changes: Arc<ChangeRecord>,
    /// Requests of sessions.
    wants: mpsc::Receiver<Wanted>,
    /// True if the data that are served are those of the SLURM files: as they were restored.
    is_slurm_applied: bool,
    /// Digest of the SLURM files that what was restored was made by, until those of now are known.
    resumed_slurm: Option<[u8; 16]>,
}

/// What a hub is made of.
pub(crate) struct HubParts {
    pub(crate) publisher: Publisher,
    pub(crate) routers: Arc<Routers>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) first: Reconfiguration,
    pub(crate) wants: mpsc::Receiver<Wanted>,
    pub(crate) recorder: Recorder,
    /// What is known of the tables that sources had in an earlier run.
    pub(crate) revisions: BTreeMap<SourceId, SourceRevision>,
    /// The set that was served by an earlier run, if it goes on.
    pub(crate) resumed: Option<ResumedLine>,
    /// None without a state directory.
    pub(crate) state: Option<StateKeeping>,
    pub(crate) changes: Arc<ChangeRecord>,
}

/// The outcome of a change.
#[derive(Default)]
struct ChangeOutcome {
    /// Descriptions of data that were released.
    released: Vec<String>,
    /// True if the served set is the same as before.
    is_same: bool,
    /// True if no record of a new table is in effect.
    is_old: bool,
}

impl Hub {
    pub(crate) fn new(parts: HubParts) -> Hub {
        let HubParts { publisher, routers, metrics, first, wants, recorder, revisions, resumed, state, changes } =
            parts;
        let handle = publisher.handle();
        let mut hub = Hub {
            decider: Some(Decider { curator: Curator::new(first.curation.clone()), recorder, publisher }),
            sources: Sources::new(Arc::clone(&metrics), &first),
            overlaps: first.overlaps,
            clock: routers.clock(),
            wait: None,
            publisher: handle,
            health: watch::Sender::new(Health::NoData),
            metrics,
            routers,
            changed: 0,
            served: first.served,
            curation: first.curation,
            slurm: None,
            addresses: first.addresses,
            revisions,
            state,
            changes,
            wants,
            is_slurm_applied: false,
            resumed_slurm: None,
        };
        hub.show_names();
        if let Some(resumed) = resumed {
            hub.resume(resumed);
        }
        hub
    }

    /// Returns the health of the cache.
    pub(crate) fn health(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }

    /// Publishes what has to be before the first router connects: what was restored may be over in part.
    pub(crate) async fn prepare(&mut self) {
        let now = self.clock.now();
        if self.decider_ref().curator.is_due(now) {
            self.apply(HubChange::Tick, None).await;
        }
    }

    /// Runs until the channel of inputs closes, which it never does while the program runs.
    pub(crate) async fn run(mut self, mut inputs: mpsc::Receiver<Input>) {
        self.write_due();
        if !self.is_slurm_applied {
            self.apply_slurm().await;
        }
        loop {
            let now = self.clock.now();
            let next = self.wait.into_iter().chain(self.state_wait()).min();
            let pause = next.map(|wait| Duration::from_millis(wait.0.saturating_sub(now.0)));
            tokio::select! {
                input = inputs.recv() => match input {
                    Some(input) => self.handle(input).await,
                    None => return,
                },
                Some(wanted) = self.wants.recv() => self.fulfil(wanted).await,
                report = written(&mut self.state) => self.take_report(report),
                () = tokio::time::sleep(pause.unwrap_or_default()), if pause.is_some() => self.time_passed().await,
            }
        }
    }

    async fn time_passed(&mut self) {
        self.write_due();
        if self.wait.is_some_and(|wait| wait <= self.clock.now()) {
            self.apply(HubChange::Tick, None).await;
        }
    }

    async fn handle(&mut self, input: Input) {
        match input {
            Input::From(purpose, News::Loading) => {
                self.sources.set_loading(purpose);
            }
            Input::From(purpose, News::Loaded { read, took }) => self.loaded(purpose, read, took).await,
            Input::From(purpose, News::Unchanged) => {
                self.sources.unchanged(purpose);
                if let Purpose::Data(source) = purpose {
                    self.apply(HubChange::Report(source, Report::Unchanged), None).await;
                    self.source_confirmed(source);
                }
            }
            Input::From(Purpose::Data(source), News::Synchronised { table, valid_for, took, revision }) => {
                let report = Report::Synchronised { table: Arc::clone(&table), valid_for };
                let report = TableReport { report, revision, valid_for: Some(valid_for) };
                self.table_loaded(source, &table, &Tally::default(), report, took).await;
            }
            Input::From(Purpose::Data(source), News::Renewed { valid_for, revision }) => {
                self.sources.unchanged(Purpose::Data(source));
                self.apply(HubChange::Report(source, Report::Renewed { valid_for }), None).await;
                self.source_changed(source, revision, Some(valid_for));
            }
            Input::From(Purpose::Slurm(_), News::Synchronised { .. } | News::Renewed { .. }) => {}
            Input::From(purpose, News::Withdrawn(why)) => {
                self.sources.withdrawn(purpose, &why);
                if let Purpose::Data(source) = purpose {
                    self.apply(HubChange::Report(source, Report::Withdrawn), None).await;
                    self.source_changed(source, SourceRevision::Unknown, None);
                }
            }
            Input::From(purpose, News::Failed(failure)) => self.failed(purpose, &failure).await,
            Input::LogNextOutcomes => self.sources.log_next_outcome(),
            Input::Reconfigure(reconfiguration, reply) => {
                self.reconfigure(*reconfiguration).await;
                let _ = reply.send(());
            }
            Input::Release(source, reply) => {
                let outcome = self.release(source.as_deref()).await;
                // The receiver may be gone.
                let _ = reply.send(outcome);
            }
            Input::HandOver(request) => self.hand_over(request).await,
            Input::Finish(reply) => {
                self.finish_state().await;
                let _ = reply.send(());
            }
            Input::Status(reply) => {
                let _ = reply.send(self.status());
            }
        }
    }

    fn view(&self) -> Arc<View> {
        self.publisher.view()
    }

    fn decider(&mut self) -> &mut Decider {
        self.decider.as_mut().expect("it is back whenever the hub goes on")
    }

    fn decider_ref(&self) -> &Decider {
        self.decider.as_ref().expect("it is back whenever the hub goes on")
    }

    /// Applies the SLURM files as they are now.
    async fn apply_slurm(&mut self) {
        let Some(slurm) = self.join_slurm() else { return };
        let change = match self.resumed_slurm.take() {
            Some(digest) => HubChange::SlurmKnown(Arc::clone(&slurm), digest == slurm.digest()),
            None => HubChange::Slurm(slurm),
        };
        self.apply(change, None).await;
        self.configuration_changed();
    }

    /// Joins the SLURM files if all are known and without conflict; else the last valid ones stay. [SL-06] [SL-11]
    fn join_slurm(&mut self) -> Option<Arc<Slurm>> {
        let serial = self.view().serial();
        let Some(files) = self.sources.slurm_files() else {
            self.sources.slurm_waits(serial);
            return None;
        };
        match Slurm::merge(&files, self.overlaps) {
            Ok(slurm) => {
                self.sources.slurm_applied(&slurm);
                let slurm = Arc::new(slurm);
                self.slurm = Some(Arc::clone(&slurm));
                Some(slurm)
            }
            Err(conflict) => {
                self.sources.slurm_refused(&describe_conflict(&conflict), serial);
                None
            }
        }
    }

    async fn reconfigure(&mut self, new: Reconfiguration) {
        self.overlaps = new.overlaps;
        self.served = new.served;
        self.sources.reconfigure(&new);
        self.curation.clone_from(&new.curation);
        self.addresses = new.addresses;
        self.show_names();
        let slurm = self.join_slurm();
        self.apply(HubChange::Reconfigure(new.curation, new.timing, slurm), None).await;
        self.configuration_changed();
    }

    async fn release(&mut self, name: Option<&str>) -> Result<String, String> {
        let source = match name {
            None => None,
            Some(name) => Some(self.sources.named(name).ok_or_else(|| {
                format!("there is no source \"{name}\"; there are: {}", self.sources.source_names().join(", "))
            })?),
        };
        let released = self.apply(HubChange::Confirm(source), None).await.released;
        if released.is_empty() { Ok("nothing was held back".to_owned()) } else { Ok(released.join("\n")) }
    }

    /// Applies a change, and logs the results. `took` is the time that the change took to read.
    async fn apply(&mut self, change: HubChange, took: Option<Duration>) -> ChangeOutcome {
        let mut outcome = ChangeOutcome::default();
        let now = self.current_time();
        let (in_use, version) = (self.routers.in_use(), self.served.version());
        let (decisions, wait) = self.with_decider(move |decider| decider.apply(now, change, &in_use, version)).await;
        self.wait = wait;
        // Shown before anything is logged, so that a reader of the log finds it true.
        self.sources.show(&self.decider_ref().curator.status(), self.routers.day_time());
        let nothing_in_effect = self.decider_ref().curator.nothing_in_effect().is_some();
        if nothing_in_effect {
            // Readiness is shown with the publication.
            self.show_health();
        }
        for decision in decisions {
            match decision {
                Decision::Event(event) => {
                    let text = self.sources.log_curation(&event, self.view().serial());
                    if let CuratorEvent::Released { source, .. } = event {
                        self.source_released(source);
                    }
                    match event {
                        CuratorEvent::Released { .. } | CuratorEvent::ClockAccepted { .. } => {
                            outcome.released.push(text)
                        }
                        CuratorEvent::NothingInEffect { .. } => outcome.is_old = true,
                        _ => {}
                    }
                }
                Decision::Publish { cause, prepared, left_out, recorded } => {
                    outcome.is_same = matches!(prepared.publication, Publication::Same);
                    self.sources.log_left_out(&left_out);
                    if let Some(recorded) = recorded {
                        self.record(recorded).await;
                    }
                    self.show(cause, prepared, took);
                }
                Decision::Withhold(view) => {
                    self.decider().publisher.commit(view);
                    self.metrics.show_nothing_served();
                    self.show_health();
                    DataEvent::Withheld {}.log();
                }
                Decision::NoMemory(error) => DataEvent::NotStored { error: &error }.log(),
            }
        }
        self.show_health();
        outcome
    }

    /// Runs a step with the decider on a blocking thread. A panic there loses the history: the program can't go on.
    async fn with_decider<T: Send + 'static>(&mut self, step: impl FnOnce(&mut Decider) -> T + Send + 'static) -> T {
        let mut decider = self.decider.take().expect("it is back whenever the hub goes on");
        let (decider, done) = blocking(move || {
            let done = step(&mut decider);
            (decider, done)
        })
        .await;
        self.decider = Some(decider);
        done
    }

    /// Updates the published health of the cache.
    fn show_health(&self) {
        let Decider { curator, publisher, .. } = self.decider_ref();
        let history = publisher.history();
        let serial = history.current().filter(|_| !history.is_withheld()).map(|_| history.serial());
        let health = match (curator.nothing_in_effect(), serial) {
            (Some((source, reason)), _) => Health::NothingInEffect(format!(
                "{}: {}",
                self.sources.name(source),
                describe_not_in_effect(&reason, AgeFormat::Absolute)
            )),
            (None, None) => Health::NoData,
            (None, Some(serial)) => Health::Ready(serial),
        };
        self.health.send_if_modified(|shown| {
            let is_news = *shown != health;
            *shown = health;
            is_news
        });
    }

    /// Publishes a set to all sessions, and logs it.
    fn show(&mut self, cause: Cause, prepared: Prepared<io::Error>, took: Option<Duration>) {
        let Prepared { publication, is_news, view, incomplete } = prepared;
        let Some(view) = view else { return };
        if let Some(error) = incomplete {
            // Images of further versions are requested again one by one.
            DataEvent::Incomplete { error: &error }.log();
        }
        let before_vrps = self.view().images().next().map_or(0, |image| vrps(image.layout()));
        // Shown first, so that a router with the data finds the cache ready.
        self.show_health();
        self.decider().publisher.commit(view);
        if !is_news {
            return;
        }
        self.changed = unix_now();
        let view = self.view();
        let Some((serial, layout)) = view.serial().zip(view.images().next().map(|image| *image.layout())) else {
            return;
        };
        let retained = self.decider_ref().publisher.history().retained();
        self.metrics.show_served(&layout, self.served, serial, retained);
        let expired: usize = statuses_served(&self.decider_ref().curator.status()).map(|status| status.ended).sum();
        let origin = match cause {
            Cause::Source(source) | Cause::Release(source) => {
                // The cause may be a source that was waited for, and not the one that is served.
                let statuses = self.decider().curator.status();
                let is_served = |status: &&Status| status.is_served && status.source == source;
                let served = statuses.iter().find(is_served).or(statuses.iter().find(|status| status.is_served));
                let source = served.map_or(source, |status| status.source);
                self.sources.changed(source);
                self.sources.name(source)
            }
            Cause::Time if matches!(publication, Publication::First) => {
                self.sources.first_served(&self.decider_ref().curator.status())
            }
            Cause::Time => "expiry".into(),
            Cause::Slurm => "SLURM".into(),
            Cause::Configuration => "configuration".into(),
            Cause::Resumed => "start".into(),
        };
        if vrps(&layout) == 0 && before_vrps > 0 {
            DataEvent::VrpsGone { origin: &origin, withdrawn: before_vrps }.log();
        }
        let change = match &publication {
            Publication::Changed(delta) => Some(data_change(delta, self.served)),
            Publication::Same | Publication::First => None,
        };
        // Logged last, so that a reader of the log finds it true.
        DataEvent::Published {
            origin: &origin,
            serial,
            records: RecordsByType::of(&layout).sent_in(self.served),
            expired_records: expired,
            change,
            read_seconds: took,
        }
        .log();
    }

    /// Makes what a session wants, and adds it to the view of all sessions.
    async fn fulfil(&mut self, wanted: Wanted) {
        let Wanted { want, reply } = wanted;
        let in_use = self.routers.in_use();
        match self.with_decider(move |decider| decider.fulfil(want, &in_use)).await {
            // The session may have ended meanwhile.
            Ok(view) => drop(reply.send(view)),
            Err(error) => DataEvent::ResponseFailed { response: &want, error: &error }.log(),
        }
    }
}

fn statuses_served(statuses: &[Status]) -> impl Iterator<Item = &Status> {
    statuses.iter().filter(|status| status.is_served)
}

fn data_change(delta: &Delta, served: Profile) -> DataChange {
    let sum = |of: fn(&Delta, Section) -> usize| served.sections().map(|section| of(delta, section)).sum();
    let text = describe_delta(delta, served);
    DataChange { announced: sum(Delta::announced), withdrawn: sum(Delta::withdrawn), text }
}
