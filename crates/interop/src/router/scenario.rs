//! What every peer goes through, a step after the other. Each step ends when the peer says that it holds exactly what
//! is served, in the version that is expected, or when the time is up.

use super::{Asks, Held, Peer, Root, Router, Start, Step};
use crate::Outcome;
use crate::cache::{Cache, Listen};
use crate::process::Folder;
use crate::report::Row;
use crate::transport::Way;
use crate::world::{Aspa, Records, World};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Everything here takes seconds; a slow machine gets more.
pub(super) const PATIENCE: Duration = Duration::from_secs(90);
/// For what is not expected to come.
const PATIENCE_WITH_DEVIATION: Duration = Duration::from_secs(8);
/// How often a peer is asked what it holds.
const ASK: Duration = Duration::from_millis(250);
/// Nobody waits for these in a step that is passed.
const REFRESH_S: u32 = 3_600;
pub(super) const RETRY_LONG_S: u32 = 600;
/// After a restart of the cache, peers have to try again.
pub(super) const RETRY_SHORT_S: u32 = 2;

/// Puts one peer through all steps.
pub(crate) fn run(peer: &Peer, root: &Root, version: String, program: &Path) -> Row {
    let row = Row::new(peer.name, version, peer.exceptions, peer.notes);
    let mut run = Run { peer, root, program, link: Link::default(), row };
    run.load_notify_restart();
    if run.has_cache_restart() && run.row.applies(Step::CacheRestart) {
        run.cache_restart();
    }
    if run.row.applies(Step::Crash) {
        run.crash();
    }
    if run.row.applies(Step::ColdStart) {
        run.cold_start();
    }
    if peer.speaks[0] >= 2 && run.row.applies(Step::AspaWithdrawal) {
        run.aspa_withdrawal();
    }
    for &version in &peer.speaks[1..] {
        if peer.asks == Asks::Any {
            run.one_version(Step::Versions, version);
        }
        run.one_version(Step::Downgrade, version);
    }
    run.row
}

/// Puts one peer through a load, an update, a restart and the end, over a transport that protects.
pub(crate) fn run_over(peer: &Peer, root: &Root, program: &Path, link: Link, row: Row) -> Row {
    let mut run = Run { peer, root, program, link, row };
    run.load_notify_restart();
    run.row
}

/// What lies between a cache and its peer, on both sides.
#[derive(Clone)]
pub(crate) struct Link {
    pub(crate) way: Way,
    pub(crate) listen: Listen,
    /// What the cache is told for it.
    pub(crate) flags: Vec<String>,
}

impl Default for Link {
    fn default() -> Link {
        Link { way: Way::Tcp, listen: Listen::default(), flags: Vec::new() }
    }
}

impl Link {
    /// A cache at its one side.
    pub(crate) fn cache(&self, program: &Path, flags: &[&str], served: &Records) -> Outcome<Cache> {
        let own: Vec<&str> = self.flags.iter().map(String::as_str).collect();
        Cache::start(program, self.listen.clone(), &[&own, flags].concat(), served)
    }

    /// A file of known hosts for that cache, if it has keys.
    pub(crate) fn known_hosts(&self, cache: &Cache, folder: &Path) -> Outcome<PathBuf> {
        match &self.way {
            Way::Ssh(files, _) => files.known_hosts(cache.address(), folder),
            Way::Tcp | Way::Tls { .. } | Way::Md5(_) => Ok(PathBuf::new()),
        }
    }

    pub(super) fn protects(&self) -> bool {
        !matches!(self.way, Way::Tcp)
    }
}

pub(super) struct Run<'a> {
    pub(super) peer: &'a Peer,
    root: &'a Root,
    program: &'a Path,
    pub(super) link: Link,
    pub(super) row: Row,
}

/// A cache, a peer of it, and what goes between them.
pub(super) struct Pair {
    pub(super) cache: Cache,
    pub(super) router: Box<dyn Router>,
    /// Of the peer; gone after it.
    folder: Folder,
    /// The version that the session has to have.
    pub(super) version: u8,
    /// What the peer may hold beside what is served.
    pub(super) tolerated: BTreeSet<Aspa>,
}

impl Run<'_> {
    /// One session: all records, a change of them, and the cache gone and back with others.
    fn load_notify_restart(&mut self) {
        let mut world = World::new();
        let highest = self.peer.speaks[0];
        let started = Instant::now();
        let mut pair = match self.pair(&[], highest, highest, RETRY_SHORT_S, world.records()) {
            Ok(pair) => pair,
            Err(error) => return self.row.judge(Step::FullLoad, Err(error), started),
        };
        let loaded = pair.wait_for(world.records(), self.patience(Step::FullLoad));
        if let Ok(counts) = &loaded {
            self.row.spoken(highest);
            self.row.records.clone_from(counts);
        }
        let has_loaded = loaded.is_ok();
        self.row.judge(Step::FullLoad, loaded, started);
        if !has_loaded && self.row.deviates(Step::FullLoad) {
            return;
        }
        if !self.row.applies(Step::Notify) && !self.row.applies(Step::Restart) {
            return;
        }

        world.change(500, 700);
        let started = Instant::now();
        if self.row.applies(Step::Notify) {
            let patience = self.patience(Step::Notify);
            let updated = pair.update(world.records(), patience);
            self.row.judge(Step::Notify, updated, started);
        }

        if self.row.applies(Step::Restart) {
            self.restart(&mut pair, &mut world);
        }
        if self.link.protects() && self.row.applies(Step::End) {
            self.row.step(Step::End, || pair.end());
        }
    }

    /// A change that takes ASPAs away.
    fn aspa_withdrawal(&mut self) {
        let mut world = World::new();
        let highest = self.peer.speaks[0];
        let patience = self.patience(Step::AspaWithdrawal);
        let started = Instant::now();
        let outcome = self.pair(&[], highest, highest, RETRY_SHORT_S, world.records()).and_then(|mut pair| {
            pair.wait_for(world.records(), PATIENCE)?;
            world.withdraw_aspas(5);
            pair.update(world.records(), patience)
        });
        self.row.judge(Step::AspaWithdrawal, outcome, started);
    }

    /// All records in a version below the peer's highest: since it begins with that, or since the cache speaks none
    /// that is higher. The retry interval is longer than the patience, so who waits for it fails.
    fn one_version(&mut self, step: Step, version: u8) {
        if !self.row.applies(step) {
            return;
        }
        let world = World::new();
        let text = version.to_string();
        let (flags, begins) = match step {
            Step::Downgrade => (&["--max-version", text.as_str()][..], self.peer.speaks[0]),
            _ => (&[][..], version),
        };
        let patience = self.patience(step);
        let started = Instant::now();
        let outcome = self
            .pair(flags, begins, version, RETRY_LONG_S, world.records())
            .and_then(|mut pair| pair.wait_for(world.records(), patience));
        if outcome.is_ok() {
            self.row.spoken(version);
        }
        self.row.judge(step, outcome, started);
    }

    pub(super) fn pair(
        &self,
        flags: &[&str],
        begins: u8,
        version: u8,
        retry_s: u32,
        served: &Records,
    ) -> Outcome<Pair> {
        let cache = self.with_flags(flags, retry_s, |flags| self.link.cache(self.program, flags, served))?;
        self.join(cache, begins, version, retry_s, served)
    }

    /// The same with a cache that has nothing to serve yet.
    pub(super) fn cold_pair(&self, version: u8, retry_s: u32) -> Outcome<Pair> {
        let listen = self.link.listen.clone();
        let cache = self.with_flags(&[], retry_s, |flags| Cache::start_without_data(self.program, listen, flags))?;
        self.join(cache, version, version, retry_s, &Records::default())
    }

    fn with_flags(
        &self,
        flags: &[&str],
        retry_s: u32,
        start: impl FnOnce(&[&str]) -> Outcome<Cache>,
    ) -> Outcome<Cache> {
        let (retry, refresh) = (retry_s.to_string(), REFRESH_S.to_string());
        let timers = ["--rtr-retry", &retry, "--rtr-refresh", &refresh];
        start(&[&timers, flags, self.peer.cache_flags].concat())
    }

    /// Starts the peer of a cache.
    fn join(&self, cache: Cache, begins: u8, version: u8, retry_s: u32, served: &Records) -> Outcome<Pair> {
        let folder = self.root.folder()?;
        let start = Start {
            cache: cache.address(),
            way: &self.link.way,
            version: begins,
            retry_s,
            refresh_s: REFRESH_S,
            root: self.root,
            folder: folder.path(),
            served,
        };
        let router = (self.peer.start)(&start)?;
        Ok(Pair { cache, router, folder, version, tolerated: BTreeSet::new() })
    }

    pub(super) fn patience(&self, step: Step) -> Duration {
        if self.row.deviates(step) { PATIENCE_WITH_DEVIATION } else { PATIENCE }
    }
}

impl Pair {
    /// Other records for the same connection: who connects again has not followed the notify.
    fn update(&mut self, served: &Records, patience: Duration) -> Outcome<String> {
        let before = self.cache.connections();
        self.cache.put(served)?;
        let counts = self.wait_for(served, patience)?;
        match self.cache.connections() - before {
            0 => Ok(counts),
            _ if self.router.asks_anew() => Ok(counts),
            more => Err(format!("it has the records after {more} more connections\n{}", self.last_words())),
        }
    }

    /// Waits until the peer holds what is served, and says how much that is.
    pub(super) fn wait_for(&mut self, served: &Records, patience: Duration) -> Outcome<String> {
        let deadline = Instant::now() + patience;
        self.router.expect(served);
        loop {
            let wrong = match self.held_now(served) {
                Err(error) => error,
                Ok((held, difference)) => match (difference, self.cache.session_version()) {
                    (None, Some(version)) if version == self.version => {
                        return Ok(format!("{} at version {version}", held.counts()));
                    }
                    (None, version) => format!("the session has version {version:?} instead of {}", self.version),
                    (Some(difference), _) => difference,
                },
            };
            if Instant::now() > deadline {
                return Err(format!("{wrong}\n{}", self.last_words()));
            }
            std::thread::sleep(ASK);
        }
    }

    /// What it holds, but for what is tolerated, and how that differs from what is served.
    pub(super) fn held_now(&mut self, served: &Records) -> Outcome<(Held, Option<String>)> {
        let mut held = self.router.held()?;
        if let Some(aspas) = &mut held.aspas {
            aspas.retain(|aspa| !self.tolerated.contains(aspa));
        }
        let difference = held.difference(served, self.version);
        Ok((held, difference))
    }

    /// Stops the cache. Both sides have to see each session end in order.
    fn end(&mut self) -> Outcome<String> {
        let ends = self.cache.stop()?;
        if ends.is_empty() {
            return Err("the cache knows of no session that ended".to_owned());
        }
        if let Some(end) = ends.iter().find(|end| *end != "in order") {
            return Err(format!("the cache says that a session ended {end}\n{}", self.last_words()));
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.router.saw_end() {
                Some(end) => return end.map(|()| "in order".to_owned()),
                None if Instant::now() > deadline => return Err("the peer saw no end of the session".to_owned()),
                None => std::thread::sleep(ASK),
            }
        }
    }

    pub(super) fn last_words(&self) -> String {
        let log = std::fs::read(self.folder.path().join("peer.log")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        let peer = lines[lines.len().saturating_sub(8)..].join("\n    ");
        format!("  the cache:\n    {}\n  the peer:\n    {peer}", self.cache.tail().join("\n    "))
    }
}
