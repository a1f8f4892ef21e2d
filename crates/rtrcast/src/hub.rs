//! The hub: it alone advances the serial. Tables come in from sources, views go out to all sessions at once, and what
//! sessions want made is made here, off the threads that serve them.

use crate::metrics::{FailureLabels, Metrics, PathLabel, TypeLabel, VrpLabels};
use crate::source::Failure;
use rtrcast_feed::{Table, Tally};
use rtrcast_net::{DataSink, Published, Wanted};
use rtrcast_proto::limits::PINNED_IMAGES_MAX;
use rtrcast_proto::{
    Absent, Delta, History, Image, Layout, Octets, Profile, Publication, Section, Serial, ServerPolicy, Version, View,
    Want,
};
use std::collections::VecDeque;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_blocking;
use tracing::{debug, error, info, warn};

/// What a source tells the hub.
pub(crate) enum Input {
    /// It begins to load.
    Loading,
    /// It has a table.
    Loaded(Box<Loaded>),
    /// It has the same as before, and did not need to read it.
    Unchanged { source: Arc<str> },
    /// It has nothing new, for this reason.
    Failed { source: Arc<str>, failure: Failure },
}

/// A table that was read well.
pub(crate) struct Loaded {
    pub(crate) source: Arc<str>,
    pub(crate) table: Table,
    pub(crate) tally: Tally,
    pub(crate) took: Duration,
}

/// The data set's line of serials, and everybody who sees it.
pub(crate) struct Hub {
    /// Always there but while a blocking thread has it.
    history: Option<History>,
    absent: Absent,
    published: Arc<watch::Sender<Published>>,
    metrics: Arc<Metrics>,
    /// Images that were current once and that slow readers may still hold, the oldest first.
    superseded: VecDeque<Superseded>,
    oldest_readable: u64,
    /// What routers can be sent at most: other records are read and not served.
    served: Profile,
    /// The last line about a failing source; the same one again is not news.
    last_failure: String,
}

struct Superseded {
    generation: u64,
    images: Vec<Weak<dyn Octets>>,
}

impl Superseded {
    fn is_held(&self) -> bool {
        self.images.iter().any(|image| image.strong_count() > 0)
    }
}

/// What a blocking thread gives back.
struct Advanced {
    history: History,
    publication: Publication,
    /// None if nothing changed.
    view: Option<io::Result<View>>,
}

impl Hub {
    pub(crate) fn new(
        mut history: History,
        policy: ServerPolicy,
        metrics: Arc<Metrics>,
    ) -> (Hub, watch::Receiver<Published>) {
        let absent = Absent::Loading;
        let view = Arc::new(history.view(absent, 0));
        let (published, receiver) = watch::channel(Published { view, stop: None });
        let published = Arc::new(published);
        let superseded = VecDeque::new();
        let hub = Hub {
            history: Some(history),
            absent,
            published,
            metrics,
            superseded,
            oldest_readable: 0,
            served: policy.most(),
            last_failure: String::new(),
        };
        (hub, receiver)
    }

    /// Where to say that the cache stops.
    pub(crate) fn stopper(&self) -> Arc<watch::Sender<Published>> {
        Arc::clone(&self.published)
    }

    /// Runs until both lines end, which they never do while the program runs.
    pub(crate) async fn run(mut self, mut inputs: mpsc::Receiver<Input>, mut wants: mpsc::Receiver<Wanted>) {
        loop {
            tokio::select! {
                input = inputs.recv() => match input {
                    Some(Input::Loading) => self.say_absent(Absent::Loading),
                    Some(Input::Loaded(loaded)) => self.loaded(*loaded).await,
                    Some(Input::Unchanged { source }) => {
                        let is_news = self.count_success(&source);
                        self.say_same(is_news, format!("{source}: unchanged"));
                    }
                    Some(Input::Failed { source, failure }) => self.failed(&source, &failure),
                    None => return,
                },
                wanted = wants.recv() => match wanted {
                    Some(wanted) => self.fulfil(wanted).await,
                    None => return,
                },
            }
        }
    }

    fn view(&self) -> Arc<View> {
        Arc::clone(&self.published.borrow().view)
    }

    fn history(&mut self) -> &mut History {
        self.history.as_mut().expect("the history is back whenever the hub goes on")
    }

    /// Tells sessions what to say while there are no data.
    fn say_absent(&mut self, absent: Absent) {
        if self.view().serial().is_some() || self.absent == absent {
            return;
        }
        self.absent = absent;
        let view = Arc::new(self.history().view(absent, 0));
        self.published.send_modify(|published| published.view = view);
    }

    fn failed(&mut self, source: &str, failure: &Failure) {
        let labels = FailureLabels { path: source.to_owned(), reason: failure.label() };
        self.metrics.failures.get_or_create(&labels).inc();
        self.metrics.healthy.get_or_create(&PathLabel { path: source.to_owned() }).set(0);
        let line = match self.view().serial() {
            Some(serial) => format!("{source}: {failure}; serial {serial} stays served"),
            None => {
                format!("{source}: {failure}; waiting for it, and routers are told that there are no data yet (code 2)")
            }
        };
        let aloud = self.metrics.answer_aloud.swap(false, Ordering::Relaxed);
        if line == self.last_failure && !aloud {
            debug!("still: {line}");
        } else {
            warn!("{line}");
            self.last_failure = line;
        }
        self.say_absent(Absent::Failed);
    }

    /// Whether it is news that the source was read well: after a failure it is, and if the operator asked.
    fn count_success(&mut self, source: &str) -> bool {
        let aloud = self.metrics.answer_aloud.swap(false, Ordering::Relaxed);
        let is_news = aloud || !self.last_failure.is_empty();
        self.last_failure.clear();
        let path = PathLabel { path: source.to_owned() };
        self.metrics.healthy.get_or_create(&path).set(1);
        self.metrics.refresh.get_or_create(&path).set(unix_now());
        is_news
    }

    fn say_same(&self, is_news: bool, line: String) {
        if is_news { info!("{line}") } else { debug!("{line}") }
    }

    async fn loaded(&mut self, loaded: Loaded) {
        let Loaded { source, table, tally, took } = loaded;
        let is_news = self.count_success(&source);
        report_refused(&source, &tally, &self.metrics);
        let image = table.into_image();
        let layout = *image.layout();
        let before = self.view();
        let before_vrps = before.images().next().map_or(0, |image| vrps(image.layout()));
        let Some(advanced) = self.advance(image).await else { return };
        self.history = Some(advanced.history);
        let serial = self.history().serial();
        let took = took.as_secs_f32();
        let change = match &advanced.publication {
            Publication::Same | Publication::First => String::new(),
            Publication::Changed(delta) => format!(": {}", describe_delta(delta, self.served)),
        };
        let Some(view) = advanced.view else {
            self.say_same(is_news, format!("{source}: read in {took:.2} s, the same set as serial {serial}"));
            return;
        };
        let view = view.unwrap_or_else(|error| {
            // The images of further versions could not be made; they are asked for again one by one.
            error!("no memory for the data in all versions: {error}");
            let (absent, oldest_readable) = (self.absent, self.oldest_readable);
            self.history().view(absent, oldest_readable)
        });
        self.publish(before, view);
        self.show(&source, &layout, serial);
        if vrps(&layout) == 0 && before_vrps > 0 {
            warn!("{source}: there are no VRPs any more; routers were told to withdraw all {before_vrps}");
        }
        // Said last: whoever reads it finds it true.
        info!("{source}: serial {serial} is {}{change}, read in {took:.2} s", describe(&layout, self.served));
    }

    /// Compares, advances the serial, and makes what the sessions that are there will ask for.
    async fn advance(&mut self, image: Image) -> Option<Advanced> {
        let mut history = self.history.take()?;
        let (absent, oldest_readable) = (self.absent, self.limit_pins());
        let (versions, profiles) = (self.metrics.versions_in_use(), self.metrics.profiles_in_use());
        let advanced = spawn_blocking(move || {
            let previous = history.current().map(|_| history.serial());
            let publication = history.publish(image);
            let view = match &publication {
                Publication::Same => None,
                Publication::First | Publication::Changed(_) => {
                    let view = history.view(absent, oldest_readable);
                    Some(with_all(view, &versions, &profiles, previous))
                }
            };
            Advanced { history, publication, view }
        });
        match advanced.await {
            Ok(advanced) => Some(advanced),
            // A panic there has lost the history: nothing sensible is left to do.
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    fn publish(&mut self, before: Arc<View>, view: View) {
        let images: Vec<Weak<dyn Octets>> = before.images().map(|image| Arc::downgrade(image.shared())).collect();
        if !images.is_empty() {
            let generation = self.history().generation() - 1;
            self.superseded.push_back(Superseded { generation, images });
        }
        drop(before);
        let view = Arc::new(view);
        self.published.send_modify(|published| published.view = view);
    }

    /// Lets the readers of at most so many superseded images go on; those of older ones are cut off.
    fn limit_pins(&mut self) -> u64 {
        self.superseded.retain(Superseded::is_held);
        // The current one is about to join them.
        let kept = PINNED_IMAGES_MAX - 1;
        if let Some(excess) = self.superseded.len().checked_sub(kept).filter(|excess| *excess > 0)
            && let Some(last) = self.superseded.get(excess - 1)
        {
            self.oldest_readable = last.generation + 1;
        }
        self.oldest_readable
    }

    /// Makes what a session wants, and adds it to the view that all see.
    async fn fulfil(&mut self, wanted: Wanted) {
        let Wanted { want, reply } = wanted;
        let view = self.view();
        let made = spawn_blocking(move || view.with(want, DataSink::new)).await;
        match made {
            Ok(Ok(view)) => {
                let view = Arc::new(self.drop_unused(want, view));
                // Only who asked has to look again: sessions that wait for new data are not woken.
                self.published.send_if_modified(|published| {
                    published.view = Arc::clone(&view);
                    false
                });
                // It may have gone away meanwhile.
                let _ = reply.send(view);
            }
            Ok(Err(error)) => error!("can't make {want:?}: {error}"),
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    /// If the set is held in a version that nobody speaks, the version that was just made takes its place.
    fn drop_unused(&mut self, want: Want, view: View) -> View {
        let Want::Image(version) = want else { return view };
        let mut used = self.metrics.versions_in_use();
        used.push(version);
        let held = self.history().current().map(Image::version);
        if held.is_some_and(|held| !used.contains(&held))
            && let Some(image) = view.image(version).cloned()
        {
            self.history().hold(image);
        }
        view.keep_images(&used)
    }

    fn show(&mut self, source: &str, layout: &Layout, serial: Serial) {
        let gauge = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let metrics = Arc::clone(&self.metrics);
        let count = |section| if self.served.has(section) { layout.count(section) } else { 0 };
        let vrps = vrps(layout);
        for (ip_version, section) in [("ipv4", Section::Ipv4Prefix), ("ipv6", Section::Ipv6Prefix)] {
            let labels = VrpLabels { ip_version, filtered: "filtered", path: source.to_owned() };
            metrics.vrps.get_or_create(&labels).set(gauge(layout.count(section)));
        }
        let objects = [
            ("vrps", vrps),
            ("effective_vrps", vrps),
            ("bgpsec_pubkeys", count(Section::RouterKey)),
            ("aspas", count(Section::Aspa)),
        ];
        for (name, count) in objects {
            metrics.objects.get_or_create(&TypeLabel { r#type: name.to_owned() }).set(gauge(count));
        }
        metrics.change.get_or_create(&PathLabel { path: source.to_owned() }).set(unix_now());
        metrics.serial.set(serial.0);
        let (deltas, octets) = self.history().retained();
        metrics.history_deltas.set(gauge(deltas));
        metrics.history_octets.set(gauge(octets));
    }
}

/// Adds the images of all versions in use, and the deltas from the serial before.
fn with_all(mut view: View, versions: &[Version], profiles: &[Profile], previous: Option<Serial>) -> io::Result<View> {
    for version in versions {
        view = view.with(Want::Image(*version), DataSink::new)?;
    }
    for profile in profiles {
        if let Some(since) = previous {
            view = view.with(Want::Delta { profile: *profile, since }, DataSink::new)?;
        }
    }
    Ok(view)
}

fn report_refused(source: &str, tally: &Tally, metrics: &Metrics) {
    let refused = i64::try_from(tally.refused).unwrap_or(i64::MAX);
    metrics.refused_entries.get_or_create(&PathLabel { path: source.to_owned() }).set(refused);
    if tally.refused > 0 {
        let named: Vec<String> = tally.refused_first.iter().map(ToString::to_string).collect();
        let more = tally.refused - named.len();
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        warn!("{source}: {} of {} entries left out: {}{more}", tally.refused, tally.entries, named.join("; "));
    }
    if tally.masked > 0 {
        warn!("{source}: {} VRPs had bits beyond their prefix length, which were set to zero", tally.masked);
    }
}

fn vrps(layout: &Layout) -> usize {
    layout.count(Section::Ipv4Prefix) + layout.count(Section::Ipv6Prefix)
}

/// What is served of a set, in words.
fn describe(layout: &Layout, served: Profile) -> String {
    let count = |section| if served.has(section) { layout.count(section) } else { 0 };
    let (ipv4, ipv6) = (count(Section::Ipv4Prefix), count(Section::Ipv6Prefix));
    format!(
        "{} VRPs ({ipv4} IPv4, {ipv6} IPv6), {} router keys, {} ASPAs",
        ipv4 + ipv6,
        count(Section::RouterKey),
        count(Section::Aspa)
    )
}

/// What routers are told of a change, in words.
fn describe_delta(delta: &Delta, served: Profile) -> String {
    let parts = [
        ("VRPs", [Section::Ipv4Prefix, Section::Ipv6Prefix].as_slice()),
        ("router keys", &[Section::RouterKey]),
        ("ASPAs", &[Section::Aspa]),
    ];
    let changed: Vec<String> = parts
        .into_iter()
        .map(|(name, sections)| {
            let served = || sections.iter().filter(|section| served.has(**section));
            let announced: usize = served().map(|section| delta.announced(*section)).sum();
            let withdrawn: usize = served().map(|section| delta.withdrawn(*section)).sum();
            (name, announced, withdrawn)
        })
        .filter(|(_, announced, withdrawn)| announced + withdrawn > 0)
        .map(|(name, announced, withdrawn)| format!("+{announced} -{withdrawn} {name}"))
        .collect();
    if changed.is_empty() { "nothing that is served has changed".to_owned() } else { changed.join(", ") }
}

fn unix_now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}
