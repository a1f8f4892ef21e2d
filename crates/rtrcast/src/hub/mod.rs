//! The hub, which alone has the serial advance. Reports of sources go to the curator, and its choice to the publisher,
//! which also makes what sessions want; both run off the threads that serve sessions.

mod decide;
pub(crate) mod message;

use crate::blocking::blocking;
use crate::clock::unix_now;
use crate::observe::describe::{
    Told, describe, describe_conflict, describe_delta, describe_losses, describe_over, vrps,
};
use crate::observe::metrics::Metrics;
use crate::observe::routers::Routers;
use crate::observe::sources::{Places, records};
use crate::observe::status::{
    DataStatus, HealthState, HealthStatus, HistoryStatus, HubStatus, RecordCounts, Timers, Timestamp,
};
use crate::source::content::{Purpose, Read, SourceContent, SourceError};
use decide::{Decider, Decision, HubChange};
use message::{Health, Input, News, Reconfiguration};
use rtrcast_feed::curator::{Cause, Curator, CuratorEvent as Event, CurrentTime, Report, SourceId, Status};
use rtrcast_feed::{Overlaps, Slurm, Table, Tally};
use rtrcast_net::{Clock, Prepared, Publisher, PublisherHandle, Wanted};
use rtrcast_proto::{Moment, Profile, Publication, Section, Version, View};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tracing::{debug, error, info, warn};

/// The task that owns the curator and the publisher.
pub(crate) struct Hub {
    /// None only while a blocking thread has it.
    decider: Option<Decider>,
    places: Places,
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
    pub(crate) fn new(
        publisher: Publisher,
        routers: Arc<Routers>,
        metrics: Arc<Metrics>,
        first: Reconfiguration,
    ) -> Hub {
        let handle = publisher.handle();
        Hub {
            decider: Some(Decider { curator: Curator::new(first.curation.clone()), publisher }),
            places: Places::new(Arc::clone(&metrics), &first),
            overlaps: first.overlaps,
            clock: routers.clock(),
            wait: None,
            publisher: handle,
            health: watch::Sender::new(Health::NoData),
            metrics,
            routers,
            changed: 0,
            served: first.served,
        }
    }

    /// Returns the health of the cache.
    pub(crate) fn health(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }

    /// Runs until both channels close, which they never do while the program runs.
    pub(crate) async fn run(mut self, mut inputs: mpsc::Receiver<Input>, mut wants: mpsc::Receiver<Wanted>) {
        self.apply_slurm().await;
        loop {
            let now = self.clock.now();
            let pause = self.wait.map(|wait| Duration::from_millis(wait.0.saturating_sub(now.0)));
            tokio::select! {
                input = inputs.recv() => match input {
                    Some(input) => self.handle(input).await,
                    None => return,
                },
                wanted = wants.recv() => match wanted {
                    Some(wanted) => self.fulfil(wanted).await,
                    None => return,
                },
                () = tokio::time::sleep(pause.unwrap_or_default()), if pause.is_some() => {
                    self.apply(HubChange::Tick, "").await;
                }
            }
        }
    }

    async fn handle(&mut self, input: Input) {
        match input {
            Input::From(purpose, News::Loading) => {
                self.places.set_loading(purpose);
            }
            Input::From(purpose, News::Loaded { read, took }) => self.loaded(purpose, read, took).await,
            Input::From(purpose, News::Unchanged) => {
                self.places.unchanged(purpose);
                if let Purpose::Data(source) = purpose {
                    self.apply(HubChange::Report(source, Report::Unchanged), "").await;
                }
            }
            Input::From(Purpose::Data(source), News::Synchronised { table, valid_for, took }) => {
                let report = Report::Synchronised { table: Arc::clone(&table), valid_for };
                self.table_loaded(source, &table, &Tally::default(), report, took).await;
            }
            Input::From(Purpose::Data(source), News::Renewed { valid_for }) => {
                self.places.unchanged(Purpose::Data(source));
                self.apply(HubChange::Report(source, Report::Renewed { valid_for }), "").await;
            }
            Input::From(Purpose::Slurm(_), News::Synchronised { .. } | News::Renewed { .. }) => {}
            Input::From(purpose, News::Withdrawn(why)) => {
                self.places.withdrawn(purpose, &why);
                if let Purpose::Data(source) = purpose {
                    self.apply(HubChange::Report(source, Report::Withdrawn), "").await;
                }
            }
            Input::From(purpose, News::Failed(failure)) => self.failed(purpose, &failure).await,
            Input::LogNextOutcomes => self.places.answer_aloud(),
            Input::Reconfigure(reconfiguration) => self.reconfigure(*reconfiguration).await,
            Input::Release(source, reply) => {
                let outcome = self.release(source.as_deref()).await;
                // The receiver may be gone.
                let _ = reply.send(outcome);
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

    async fn failed(&mut self, purpose: Purpose, failure: &SourceError) {
        let serial = self.view().serial();
        self.places.failed(purpose, failure, serial);
        if let Purpose::Data(source) = purpose {
            self.apply(HubChange::Report(source, Report::Failed), "").await;
        }
    }

    async fn loaded(&mut self, purpose: Purpose, read: Read, took: Duration) {
        let Read { content, written } = read;
        match (purpose, content) {
            (Purpose::Data(source), SourceContent::Table(table, tally)) => {
                let report = Report::Loaded { table: Arc::clone(&table), written };
                self.table_loaded(source, &table, &tally, report, took).await;
            }
            (Purpose::Slurm(id), SourceContent::Slurm(file)) => {
                if self.places.slurm_loaded(id, file) {
                    self.apply_slurm().await;
                }
            }
            (Purpose::Slurm(id), SourceContent::SlurmDirectory(files)) => {
                if self.places.slurm_directory_loaded(id, files) {
                    self.apply_slurm().await;
                }
            }
            (Purpose::Data(_), SourceContent::Slurm(_) | SourceContent::SlurmDirectory(_))
            | (Purpose::Slurm(_), SourceContent::Table(..)) => {}
        }
    }

    /// Handles a table of a source, which the report gives to the curator.
    async fn table_loaded(&mut self, source: SourceId, table: &Table, tally: &Tally, report: Report, took: Duration) {
        let Some(name) = self.places.loaded(source, table, tally) else { return };
        let serial = self.view().serial();
        let took = format!("read in {:.2} s", took.as_secs_f32());
        let outcome = self.apply(HubChange::Report(source, report), &took).await;
        if outcome.is_old {
            return;
        }
        let is_news = self.places.counts(source);
        let statuses = self.decider().curator.status();
        let held = statuses.into_iter().find(|status| status.source == source).and_then(|status| status.held);
        match (held, serial) {
            (Some(held), _) => {
                let losses = describe_losses(&held.losses);
                log_unchanged(is_news, &format!("{name}: {took}, and held back: {losses} are gone"));
            }
            (None, Some(serial)) if outcome.is_same => {
                log_unchanged(is_news, &format!("{name}: {took}, the same set as serial {serial}"));
            }
            (None, _) => {}
        }
    }

    /// Applies the SLURM files as they are now.
    async fn apply_slurm(&mut self) {
        if let Some(slurm) = self.join_slurm() {
            self.apply(HubChange::Slurm(slurm), "").await;
        }
    }

    /// Joins the SLURM files if all are known and without conflict; else the last valid ones stay. [SL-06] [SL-11]
    fn join_slurm(&mut self) -> Option<Arc<Slurm>> {
        let serial = self.view().serial();
        let Some(files) = self.places.slurm_files() else {
            self.places.slurm_waits(serial);
            return None;
        };
        match Slurm::merge(&files, self.overlaps) {
            Ok(slurm) => {
                self.places.slurm_applied(&slurm);
                Some(Arc::new(slurm))
            }
            Err(conflict) => {
                self.places.slurm_refused(&describe_conflict(&conflict), serial);
                None
            }
        }
    }

    async fn reconfigure(&mut self, new: Reconfiguration) {
        self.overlaps = new.overlaps;
        self.served = new.served;
        self.places.reconfigure(&new);
        let slurm = self.join_slurm();
        self.apply(HubChange::Reconfigure(new.curation, new.timing, slurm), "").await;
    }

    async fn release(&mut self, name: Option<&str>) -> Result<String, String> {
        let source = match name {
            None => None,
            Some(name) => Some(self.places.named(name).ok_or_else(|| {
                format!("there is no source \"{name}\"; there are: {}", self.places.source_names().join(", "))
            })?),
        };
        let released = self.apply(HubChange::Confirm(source), "").await.released;
        if released.is_empty() { Ok("nothing was held back".to_owned()) } else { Ok(released.join("\n")) }
    }

    fn status(&mut self) -> HubStatus {
        let (now, view) = (self.clock.now(), self.view());
        let statuses = self.decider().curator.status();
        let served = self.served;
        let data = view.serial().zip(view.images().next()).map(|(serial, image)| {
            let all = records(image.layout());
            let session = |version: Version| (version.octet(), view.session(Profile::full(version)).0);
            DataStatus {
                serial: serial.0,
                changed: Timestamp(self.changed),
                records: RecordCounts {
                    router_keys: if served.has(Section::RouterKey) { all.router_keys } else { 0 },
                    aspas: if served.has(Section::Aspa) { all.aspas } else { 0 },
                    ..all
                },
                session_ids: Version::ALL.into_iter().map(session).collect(),
            }
        });
        let (deltas, octets) = self.decider_ref().publisher.history().retained();
        let timing = view.timing();
        HubStatus {
            health: match &*self.health.borrow() {
                Health::Ready(_) => HealthStatus { state: HealthState::Ready, reason: None },
                Health::NoData => HealthStatus { state: HealthState::NoData, reason: None },
                Health::NothingInEffect(why) => {
                    HealthStatus { state: HealthState::NothingInEffect, reason: Some(why.clone()) }
                }
            },
            data,
            timers: Timers { refresh: timing.refresh(), retry: timing.retry(), expire: timing.expire() },
            history: HistoryStatus { deltas, octets },
            sources: self.places.source_statuses(&statuses, now),
            slurm: self.places.slurm_status(),
            problems: self.places.problems(),
        }
    }

    /// Applies a change, and logs the results. `took` is a text of the time that the change took to read.
    async fn apply(&mut self, change: HubChange, took: &str) -> ChangeOutcome {
        let mut outcome = ChangeOutcome::default();
        let now = CurrentTime { moment: self.clock.now(), unix: unix_now() };
        let (in_use, version) = (self.routers.in_use(), self.served.version());
        let (decisions, wait) = self.with_decider(move |decider| decider.apply(now, change, &in_use, version)).await;
        self.wait = wait;
        // Shown before anything is logged, so that a reader of the log finds it true.
        self.places.show(&self.decider_ref().curator.status(), self.clock.now());
        let nothing_in_effect = self.decider_ref().curator.nothing_in_effect().is_some();
        if nothing_in_effect {
            // Readiness is shown with the publication.
            self.show_health();
        }
        for decision in decisions {
            match decision {
                Decision::Event(event) => {
                    let words = self.places.tell(&event, self.view().serial());
                    match event {
                        Event::Released { .. } | Event::ClockAccepted { .. } => outcome.released.push(words),
                        Event::NothingInEffect { .. } => outcome.is_old = true,
                        _ => {}
                    }
                }
                Decision::Publish { cause, prepared, left_out } => {
                    outcome.is_same = matches!(prepared.publication, Publication::Same);
                    self.places.tell_left_out(&left_out);
                    self.show(cause, prepared, took);
                }
                Decision::Withhold(view) => {
                    self.decider().publisher.commit(view);
                    self.metrics.show_nothing_served();
                    self.show_health();
                    warn!(
                        "nothing of any source is fresh any more: connections end, and routers are told that there are no \
                         data (code 2) until there are fresh ones, as --too-old close says"
                    );
                }
                Decision::NoMemory(error) => error!("no memory for the data, the last ones stay served: {error}"),
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
        let Decider { curator, publisher } = self.decider_ref();
        let history = publisher.history();
        let serial = history.current().filter(|_| !history.is_withheld()).map(|_| history.serial());
        let health = match (curator.nothing_in_effect(), serial) {
            (Some((source, over)), _) => Health::NothingInEffect(format!(
                "{}: {}",
                self.places.name(source),
                describe_over(&over, Told::OnceForAll)
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
    fn show(&mut self, cause: Cause, prepared: Prepared, took: &str) {
        let Prepared { publication, is_news, view, incomplete } = prepared;
        let Some(view) = view else { return };
        if let Some(error) = incomplete {
            // Images of further versions are requested again one by one.
            error!("no memory for the data in all versions: {error}");
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
        let ended: usize = statuses_served(&self.decider_ref().curator.status()).map(|status| status.ended).sum();
        let origin = match cause {
            Cause::Source(source) | Cause::Release(source) => {
                // The cause may be a source that was waited for, and not the one that is served.
                let statuses = self.decider().curator.status();
                let is_served = |status: &&Status| status.is_served && status.source == source;
                let served = statuses.iter().find(is_served).or(statuses.iter().find(|status| status.is_served));
                let source = served.map_or(source, |status| status.source);
                self.places.changed(source);
                self.places.name(source)
            }
            Cause::Time if matches!(publication, Publication::First) => {
                self.places.first_served(&self.decider_ref().curator.status())
            }
            Cause::Time => "expiry".into(),
            Cause::Slurm => "SLURM".into(),
            Cause::Configuration => "configuration".into(),
        };
        let change = match &publication {
            Publication::Changed(delta) => format!(": {}", describe_delta(delta, self.served)),
            Publication::Same | Publication::First => String::new(),
        };
        if vrps(&layout) == 0 && before_vrps > 0 {
            warn!("{origin}: there are no VRPs any more; routers were told to withdraw all {before_vrps}");
        }
        let took = if took.is_empty() { String::new() } else { format!(", {took}") };
        // Logged last, so that a reader of the log finds it true.
        let ended = if ended > 0 { format!(", {ended} left out as expired or too old") } else { String::new() };
        info!("{origin}: serial {serial} is {}{ended}{change}{took}", describe(&layout, self.served));
    }

    /// Makes what a session wants, and adds it to the view of all sessions.
    async fn fulfil(&mut self, wanted: Wanted) {
        let Wanted { want, reply } = wanted;
        let in_use = self.routers.in_use();
        match self.with_decider(move |decider| decider.fulfil(want, &in_use)).await {
            // The session may have ended meanwhile.
            Ok(view) => drop(reply.send(view)),
            Err(error) => error!("can't make {want}: {error}"),
        }
    }
}

fn statuses_served(statuses: &[Status]) -> impl Iterator<Item = &Status> {
    statuses.iter().filter(|status| status.is_served)
}

fn log_unchanged(is_news: bool, line: &str) {
    if is_news { info!("{line}") } else { debug!("{line}") }
}
