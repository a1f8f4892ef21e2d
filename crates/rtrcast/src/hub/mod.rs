//! The hub: it alone advances the serial. What sources say goes to the desk, views go out to all sessions at once, and
//! what sessions want made is made here, off the threads that serve them.

mod decide;
pub(crate) mod message;

use crate::blocking::blocking;
use crate::clock::unix_now;
use crate::observe::describe::{
    Told, describe, describe_conflict, describe_delta, describe_losses, describe_over, vrps,
};
use crate::observe::metrics::Metrics;
use crate::observe::sources::Places;
use crate::source::content::{Content, Purpose, Read, SourceError};
use decide::{Act, Audience, Desk, Happened};
use message::{Health, Input, News, Reconfiguration};
use rtrcast_feed::curator::{Cause, Curator, Event, Now, Report, SourceId, Status};
use rtrcast_feed::{Overlaps, Slurm, Table, Tally};
use rtrcast_net::{Clock, DataSink, Published, Terms, Wanted};
use rtrcast_proto::limits::PINNED_IMAGES_MAX;
use rtrcast_proto::{History, Image, Moment, Octets, Profile, Publication, View, Want};
use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tracing::{debug, error, info, warn};

/// The data set's line of serials, and everybody who sees it.
pub(crate) struct Hub {
    /// Always there but while a blocking thread has it.
    desk: Option<Desk>,
    places: Places,
    overlaps: Overlaps,
    clock: Clock,
    /// When the desk wants to be asked again.
    wait: Option<Moment>,
    published: Arc<watch::Sender<Published>>,
    health: watch::Sender<Health>,
    metrics: Arc<Metrics>,
    /// Images that were current once and that slow readers may still hold, the oldest first.
    superseded: VecDeque<Superseded>,
    oldest_readable: u64,
    /// What routers can be sent at most: other records are read and not served.
    served: Profile,
}

/// What came of something that the desk did.
#[derive(Default)]
struct Acted {
    /// What was released, in words.
    released: Vec<String>,
    /// Whether what is served is the same as before.
    is_same: bool,
    /// Whether nothing of a new table counts.
    is_old: bool,
}

struct Superseded {
    generation: u64,
    images: Vec<Weak<dyn Octets>>,
}

impl Superseded {
    /// Whether a reader may still hold it, and nobody else does.
    fn is_pinned(&self, curator: &Curator) -> bool {
        let mut held = self.images.iter().filter_map(Weak::upgrade);
        held.any(|octets| !curator.keeps(&octets))
    }

    fn is_gone(&self) -> bool {
        self.images.iter().all(|image| image.strong_count() == 0)
    }
}

impl Hub {
    pub(crate) fn new(
        mut history: History,
        terms: Arc<Terms>,
        clock: Clock,
        metrics: Arc<Metrics>,
        first: Reconfiguration,
    ) -> (Hub, watch::Receiver<Published>) {
        let view = Arc::new(history.view(0));
        let (published, receiver) = watch::channel(Published { view, stop: None, terms });
        let desk = Desk { curator: Curator::new(first.curation.clone()), history };
        let hub = Hub {
            desk: Some(desk),
            places: Places::new(Arc::clone(&metrics), &first),
            overlaps: first.overlaps,
            clock,
            wait: None,
            published: Arc::new(published),
            health: watch::Sender::new(Health::NoData),
            metrics,
            superseded: VecDeque::new(),
            oldest_readable: 0,
            served: first.served,
        };
        (hub, receiver)
    }

    /// Where to say that the cache stops, and on what terms it serves.
    pub(crate) fn publisher(&self) -> Arc<watch::Sender<Published>> {
        Arc::clone(&self.published)
    }

    /// Whether what is served is in effect.
    pub(crate) fn health(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }

    /// Runs until both lines end, which they never do while the program runs.
    pub(crate) async fn run(mut self, mut inputs: mpsc::Receiver<Input>, mut wants: mpsc::Receiver<Wanted>) {
        self.apply_slurm().await;
        loop {
            let now = self.clock.now();
            let pause = self.wait.map(|wait| Duration::from_millis(wait.0.saturating_sub(now.0)));
            tokio::select! {
                input = inputs.recv() => match input {
                    Some(input) => self.take(input).await,
                    None => return,
                },
                wanted = wants.recv() => match wanted {
                    Some(wanted) => self.fulfil(wanted).await,
                    None => return,
                },
                () = tokio::time::sleep(pause.unwrap_or_default()), if pause.is_some() => {
                    self.act(Act::Tick, "").await;
                }
            }
        }
    }

    async fn take(&mut self, input: Input) {
        match input {
            Input::From(purpose, News::Loading) => {
                self.places.set_loading(purpose);
            }
            Input::From(purpose, News::Loaded { read, took }) => self.loaded(purpose, read, took).await,
            Input::From(purpose, News::Unchanged) => {
                self.places.unchanged(purpose);
                if let Purpose::Data(source) = purpose {
                    self.act(Act::Report(source, Report::Unchanged), "").await;
                }
            }
            Input::From(Purpose::Data(source), News::Synchronised { table, valid_for, took }) => {
                let report = Report::Synchronised { table: Arc::clone(&table), valid_for };
                self.table_loaded(source, &table, &Tally::default(), report, took).await;
            }
            Input::From(Purpose::Data(source), News::Renewed { valid_for }) => {
                self.places.unchanged(Purpose::Data(source));
                self.act(Act::Report(source, Report::Renewed { valid_for }), "").await;
            }
            Input::From(Purpose::Slurm(_), News::Synchronised { .. } | News::Renewed { .. }) => {}
            Input::From(purpose, News::Withdrawn(why)) => {
                self.places.withdrawn(purpose, &why);
                if let Purpose::Data(source) = purpose {
                    self.act(Act::Report(source, Report::Withdrawn), "").await;
                }
            }
            Input::From(purpose, News::Failed(failure)) => self.failed(purpose, &failure).await,
            Input::AnswerAloud => self.places.answer_aloud(),
            Input::Reconfigure(reconfiguration) => self.reconfigure(*reconfiguration).await,
            Input::Release(source, reply) => {
                let outcome = self.release(source.as_deref()).await;
                // Whoever asked may be gone.
                let _ = reply.send(outcome);
            }
            Input::Status(reply) => {
                let _ = reply.send(self.status());
            }
        }
    }

    fn view(&self) -> Arc<View> {
        Arc::clone(&self.published.borrow().view)
    }

    fn desk(&mut self) -> &mut Desk {
        self.desk.as_mut().expect("the desk is back whenever the hub goes on")
    }

    fn desk_ref(&self) -> &Desk {
        self.desk.as_ref().expect("the desk is back whenever the hub goes on")
    }

    async fn failed(&mut self, purpose: Purpose, failure: &SourceError) {
        let serial = self.view().serial();
        self.places.failed(purpose, failure, serial);
        if let Purpose::Data(source) = purpose {
            self.act(Act::Report(source, Report::Failed), "").await;
        }
    }

    async fn loaded(&mut self, purpose: Purpose, read: Read, took: Duration) {
        let Read { content, written } = read;
        match (purpose, content) {
            (Purpose::Data(source), Content::Table(table, tally)) => {
                let report = Report::Loaded { table: Arc::clone(&table), written };
                self.table_loaded(source, &table, &tally, report, took).await;
            }
            (Purpose::Slurm(id), Content::Slurm(file)) => {
                if self.places.slurm_loaded(id, file) {
                    self.apply_slurm().await;
                }
            }
            (Purpose::Slurm(id), Content::SlurmDirectory(files)) => {
                if self.places.slurm_directory_loaded(id, files) {
                    self.apply_slurm().await;
                }
            }
            (Purpose::Data(_), Content::Slurm(_) | Content::SlurmDirectory(_))
            | (Purpose::Slurm(_), Content::Table(..)) => {}
        }
    }

    /// A source has a table, which the report gives to the curator.
    async fn table_loaded(&mut self, source: SourceId, table: &Table, tally: &Tally, report: Report, took: Duration) {
        let Some(name) = self.places.loaded(source, table, tally) else { return };
        let serial = self.view().serial();
        let took = format!("read in {:.2} s", took.as_secs_f32());
        let acted = self.act(Act::Report(source, report), &took).await;
        if acted.is_old {
            return;
        }
        let is_news = self.places.counts(source);
        let statuses = self.desk().curator.status();
        let held = statuses.into_iter().find(|status| status.source == source).and_then(|status| status.held);
        match (held, serial) {
            (Some(held), _) => {
                let losses = describe_losses(&held.losses);
                say_same(is_news, &format!("{name}: {took}, and held back: {losses} are gone"));
            }
            (None, Some(serial)) if acted.is_same => {
                say_same(is_news, &format!("{name}: {took}, the same set as serial {serial}"));
            }
            (None, _) => {}
        }
    }

    /// Has the SLURM files as they are now applied.
    async fn apply_slurm(&mut self) {
        if let Some(slurm) = self.join_slurm() {
            self.act(Act::Slurm(slurm), "").await;
        }
    }

    /// Joins the SLURM files if all are known and go together; else the last good ones stay. [SL-06] [SL-11]
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
        self.act(Act::Reconfigure(new.curation, new.timing, slurm), "").await;
    }

    async fn release(&mut self, name: Option<&str>) -> Result<String, String> {
        let source = match name {
            None => None,
            Some(name) => Some(self.places.named(name).ok_or_else(|| {
                format!("there is no source \"{name}\"; there are: {}", self.places.source_names().join(", "))
            })?),
        };
        let released = self.act(Act::Confirm(source), "").await.released;
        if released.is_empty() { Ok("nothing was held back".to_owned()) } else { Ok(released.join("\n")) }
    }

    fn status(&mut self) -> String {
        let now = self.clock.now();
        let (serial, statuses) = (self.view().serial(), self.desk().curator.status());
        let head = match (serial, self.view().images().next()) {
            (Some(serial), Some(image)) => format!("serial {serial}: {}", describe(image.layout(), self.served)),
            _ if self.desk_ref().history.is_withheld() => "nothing is served: all data are too old".to_owned(),
            _ => "no data yet".to_owned(),
        };
        let head = match &*self.health.borrow() {
            Health::NothingInEffect(why) => format!("{head}\nnothing of any source is in effect: {why}"),
            Health::NoData | Health::Ready(_) => head,
        };
        format!("{head}\n{}", self.places.describe(&statuses, now))
    }

    /// Has the desk do something, and says what came of it. `took` says how long it took to come to that.
    async fn act(&mut self, act: Act, took: &str) -> Acted {
        let mut acted = Acted::default();
        let oldest_readable = self.limit_pins();
        let Some(mut desk) = self.desk.take() else { return acted };
        let now = Now { moment: self.clock.now(), unix: unix_now() };
        let audience = Audience {
            oldest_readable,
            versions: self.metrics.versions_in_use(),
            profiles: self.metrics.profiles_in_use(),
            version: self.served.version(),
        };
        // A panic there has lost the history: nothing sensible is left to do.
        let (desk, happened, wait) = blocking(move || {
            let (happened, wait) = desk.act(now, act, &audience);
            (desk, happened, wait)
        })
        .await;
        self.wait = wait;
        // Before anything is logged: whoever reads that finds it true.
        self.places.show(&desk.curator.status(), self.clock.now());
        let nothing_in_effect = desk.curator.nothing_in_effect().is_some();
        self.desk = Some(desk);
        if nothing_in_effect {
            // That it is ready again is shown with what is published.
            self.show_health();
        }
        for happened in happened {
            match happened {
                Happened::Event(event) => {
                    let words = self.places.tell(&event, self.view().serial());
                    match event {
                        Event::Released { .. } | Event::ClockAccepted { .. } => acted.released.push(words),
                        Event::OldNews { .. } => acted.is_old = true,
                        _ => {}
                    }
                }
                Happened::Published(published) => {
                    acted.is_same = matches!(published.publication, Publication::Same);
                    self.publish(*published, took);
                }
                Happened::Withheld(view) => {
                    self.published.send_modify(|published| published.view = view);
                    self.metrics.show_nothing_served();
                    self.show_health();
                    warn!(
                        "nothing of any source is fresh any more: connections end, and routers are told that there are no \
                         data (code 2) until there are fresh ones, as --too-old close says"
                    );
                }
                Happened::NoMemory(error) => error!("no memory for the data, the last ones stay served: {error}"),
            }
        }
        self.show_health();
        acted
    }

    /// Tells whoever asks for the cache's health whether what is served is in effect.
    fn show_health(&self) {
        let nothing = self.desk_ref().curator.nothing_in_effect();
        let health = match (nothing, self.view().serial()) {
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

    /// Shows all what is new, and says so.
    fn publish(&mut self, published: decide::Published, took: &str) {
        let decide::Published { cause, publication, is_news, view, left_out } = published;
        self.places.tell_left_out(&left_out);
        let Some(view) = view else { return };
        let before = self.view();
        let before_vrps = before.images().next().map_or(0, |image| vrps(image.layout()));
        let view = view.unwrap_or_else(|error| {
            // The images of further versions could not be made; they are asked for again one by one.
            error!("no memory for the data in all versions: {error}");
            let oldest_readable = self.oldest_readable;
            self.desk().history.view(oldest_readable)
        });
        if !before.images().any(|old| view.images().any(|new| Arc::ptr_eq(old.shared(), new.shared()))) {
            self.supersede(&before);
        }
        drop(before);
        let Some((serial, layout)) = view.serial().zip(view.images().next().map(|image| *image.layout())) else {
            return;
        };
        self.published.send_modify(|published| published.view = Arc::new(view));
        self.show_health();
        if !is_news {
            return;
        }
        let retained = self.desk().history.retained();
        self.metrics.show_served(&layout, self.served, serial, retained);
        let ended: usize = statuses_served(&self.desk_ref().curator.status()).map(|status| status.ended).sum();
        let origin = match cause {
            Cause::Source(source) | Cause::Release(source) => {
                // It may have been what was waited for, and not what is served.
                let statuses = self.desk().curator.status();
                let is_served = |status: &&Status| status.is_served && status.source == source;
                let served = statuses.iter().find(is_served).or(statuses.iter().find(|status| status.is_served));
                let source = served.map_or(source, |status| status.source);
                self.places.changed(source);
                self.places.name(source)
            }
            Cause::Time if matches!(publication, Publication::First) => {
                self.places.first_served(&self.desk_ref().curator.status())
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
        // Said last: whoever reads it finds it true.
        let ended = if ended > 0 { format!(", {ended} left out as expired or too old") } else { String::new() };
        info!("{origin}: serial {serial} is {}{ended}{change}{took}", describe(&layout, self.served));
    }

    fn supersede(&mut self, before: &View) {
        let images: Vec<Weak<dyn Octets>> = before.images().map(|image| Arc::downgrade(image.shared())).collect();
        // A source that takes turns with another is superseded more than once.
        self.superseded.retain(|old| !old.images.iter().any(|old| images.iter().any(|new| old.ptr_eq(new))));
        if !images.is_empty() {
            let generation = self.desk().history.generation() - 1;
            self.superseded.push_back(Superseded { generation, images });
        }
    }

    /// Lets the readers of at most so many superseded images go on; those of older ones are cut off. What the curator
    /// keeps anyway costs nothing more while it is read.
    fn limit_pins(&mut self) -> u64 {
        self.superseded.retain(|superseded| !superseded.is_gone());
        let Some(desk) = &self.desk else { return self.oldest_readable };
        let is_pinned = |superseded: &&Superseded| superseded.is_pinned(&desk.curator);
        let pinned: Vec<u64> = self.superseded.iter().filter(is_pinned).map(|pinned| pinned.generation).collect();
        // The current one is about to join them.
        let excess = pinned.len().saturating_sub(PINNED_IMAGES_MAX - 1);
        if let Some(last) = excess.checked_sub(1).and_then(|last| pinned.get(last)) {
            self.oldest_readable = self.oldest_readable.max(last + 1);
        }
        self.oldest_readable
    }

    /// Makes what a session wants, and adds it to the view that all see.
    async fn fulfil(&mut self, wanted: Wanted) {
        let Wanted { want, reply } = wanted;
        let view = self.view();
        match blocking(move || view.with(want, DataSink::new)).await {
            Ok(view) => {
                let view = Arc::new(self.drop_unused(want, view));
                // Only who asked has to look again: sessions that wait for new data are not woken.
                self.published.send_if_modified(|published| {
                    published.view = Arc::clone(&view);
                    false
                });
                // It may have gone away meanwhile.
                let _ = reply.send(view);
            }
            Err(error) => error!("can't make {want}: {error}"),
        }
    }

    /// If the set is held in a version that nobody speaks, the version that was just made takes its place.
    fn drop_unused(&mut self, want: Want, view: View) -> View {
        let Want::Image(version) = want else { return view };
        let mut used = self.metrics.versions_in_use();
        used.push(version);
        let held = self.desk().history.current().map(Image::version);
        if held.is_some_and(|held| !used.contains(&held))
            && let Some(image) = view.image(version).cloned()
        {
            self.desk().hold(image);
        }
        view.keep_images(&used)
    }
}

fn statuses_served(statuses: &[Status]) -> impl Iterator<Item = &Status> {
    statuses.iter().filter(|status| status.is_served)
}

fn say_same(is_news: bool, line: &str) {
    if is_news { info!("{line}") } else { debug!("{line}") }
}
