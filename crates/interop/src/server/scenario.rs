//! What our client goes through with every cache, a step after the other. Each ends when it holds exactly what is
//! served, in the version that is expected, or when the time is up; and whatever it held meanwhile was a whole set.

use super::client::{AGAIN_AT_ONCE, CACHE_RESET, Client, FLUSHED, GOT_REPORT, NO_DATA, NOTIFIED, STEPPED_DOWN, WAITED};
use super::reader::read_all;
use super::{Peer, Root, Server, Start};
use crate::Outcome;
use crate::cache::Cache;
use crate::process::Folder;
use crate::report::Row;
use crate::router::Held;
use crate::step::Step;
use crate::world::{Records, World};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

/// The version that our client begins with, and that our program is read in.
const HIGHEST: u8 = 2;
/// Everything here takes seconds; a slow machine gets more.
const PATIENCE: Duration = Duration::from_secs(90);
/// For what is not expected to come.
const PATIENCE_WITH_DEVIATION: Duration = Duration::from_secs(8);
/// How often our client is asked what it holds.
const ASK: Duration = Duration::from_millis(250);
/// Nobody waits for it in a step that is passed.
const RETRY_LONG_S: u32 = 600;
/// After a restart of the cache, our client has to try again.
const RETRY_SHORT_S: u32 = 2;
/// How often a downgrade is repeated, since some caches lose an Error Report now and then.
const DOWNGRADES: usize = 100;
/// The same for restarts. Each takes a second or two, since our client gives a lost cache that long.
const RESTARTS: usize = 10;
/// So few that a hundred loads take seconds.
const FEW_VRPS: usize = 300;
const DOWNGRADE_ASK: Duration = Duration::from_millis(5);

/// What may happen on the way to a new session.
const RESTART_WAYS: [&str; 4] = [CACHE_RESET, AGAIN_AT_ONCE, GOT_REPORT, NO_DATA];

/// Puts our client through all steps with one cache.
pub(crate) fn run(peer: &Peer, root: &Root, version: String, program: &Path) -> Row {
    let mut run = Run { peer, root, program, row: Row::new(peer.name, version, peer.exceptions, peer.notes) };
    run.load_notify_restart();
    if peer.speaks.contains(&HIGHEST) && (peer.serves)(World::new().records()).aspas.is_empty() {
        run.aspas();
    }
    run.restarts();
    for &version in &peer.speaks[1..] {
        run.one_version(Step::Versions, version);
    }
    for &version in peer.can_be_held_to {
        run.one_version(Step::Downgrade, version);
        run.downgrades(version);
    }
    run.row
}

struct Run<'a> {
    peer: &'a Peer,
    root: &'a Root,
    program: &'a Path,
    row: Row,
}

/// A cache, and who follows it.
struct Pair {
    server: Box<dyn Server>,
    /// Our client within this program.
    client: Client,
    /// Our program as a router of the cache.
    follower: Option<Cache>,
    /// Of the cache; gone after it.
    folder: Folder,
    /// The version that the session has to have.
    version: u8,
}

/// Who follows a cache.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Followers {
    Both,
    ClientOnly,
}

impl Run<'_> {
    /// One session: all records, changes of them, and the cache gone and back with others.
    fn load_notify_restart(&mut self) {
        let mut world = World::new();
        let highest = self.peer.speaks[0];
        let started = Instant::now();
        let served = self.served(&world);
        let start = self.pair(HIGHEST, highest, highest, Followers::Both, RETRY_SHORT_S, world.records());
        let mut pair = match start {
            Ok(pair) => pair,
            Err(error) => return self.row.judge(Step::FullLoad, Err(error), started),
        };
        let loaded = pair.wait_for(None, &served, PATIENCE).and_then(|counts| pair.has_not_waited().map(|()| counts));
        if let Ok(counts) = &loaded {
            self.row.spoken(highest);
            self.row.records.clone_from(counts);
        }
        self.row.judge(Step::FullLoad, loaded, started);

        world.change(500, 700);
        let updated = self.update(&mut pair, Step::Notify, served, &world);
        if !self.peer.serves_aspas(&updated) {
            self.restart(&mut pair, updated, &mut world);
            return;
        }
        world.withdraw_aspas(5);
        let updated = self.update(&mut pair, Step::AspaWithdrawal, updated, &world);
        self.restart(&mut pair, updated, &mut world);
    }

    /// The cache gets other data, and tells of them; returns what is served then.
    fn update(&mut self, pair: &mut Pair, step: Step, before: Records, world: &World) -> Records {
        let started = Instant::now();
        let served = self.served(world);
        let (asked, patience) = (pair.client.count(NOTIFIED), PATIENCE + self.peer.reads_within);
        let updated = pair.server.put(world.records()).and_then(|()| pair.wait_for(Some(&before), &served, patience));
        let updated = updated.and_then(|counts| match pair.client.count(NOTIFIED) > asked {
            true => Ok(counts),
            false => Err(format!("our client has the update, but no notify told it: {}", pair.client.story())),
        });
        self.row.judge(step, updated, started);
        served
    }

    fn restart(&mut self, pair: &mut Pair, before: Records, world: &mut World) {
        world.change(3_000, 2_000);
        let started = Instant::now();
        let served = self.served(world);
        let patience = PATIENCE + self.peer.reads_within;
        let back = pair.server.restart(world.records());
        let back = back.and_then(|()| pair.wait_for(Some(&before), &served, patience));
        println!("{}: our client, in all: {}", self.peer.name, pair.client.story());
        self.row.judge(Step::Restart, back, started);
    }

    /// Many restarts in a row, by whatever way our client comes to ask for everything.
    fn restarts(&mut self) {
        let started = Instant::now();
        let outcome = self.ways_of_restart().map(|ways| format!("{RESTARTS} times in a row: {}", told(&ways)));
        self.row.judge(Step::Restart, outcome, started);
    }

    fn ways_of_restart(&self) -> Outcome<BTreeMap<String, usize>> {
        let mut records = few_records();
        let highest = self.peer.speaks[0];
        let mut pair = self.pair(HIGHEST, highest, highest, Followers::ClientOnly, RETRY_SHORT_S, &records)?;
        let mut served = (self.peer.serves)(&records);
        pair.wait_for(None, &served, PATIENCE)?;
        let mut ways = BTreeMap::new();
        for _ in 0..RESTARTS {
            let before = served;
            records.vrps.pop_last();
            served = (self.peer.serves)(&records);
            let counts = |pair: &Pair| RESTART_WAYS.map(|way| pair.client.count(way));
            let earlier = counts(&pair);
            pair.server.restart(&records)?;
            pair.wait_for(Some(&before), &served, PATIENCE)?;
            let now = counts(&pair);
            let way: Vec<String> = (0..now.len())
                .filter(|way| now[*way] > earlier[*way])
                .map(|way| format!("{} {}", RESTART_WAYS[way], now[way] - earlier[way]))
                .collect();
            *ways.entry(way.join(", ")).or_default() += 1;
        }
        Ok(ways)
    }

    /// ASPAs, where the cache has them and the other steps go without.
    fn aspas(&mut self) {
        let started = Instant::now();
        let world = World::new();
        let outcome = self.pair_with_aspas(&world).and_then(|mut pair| {
            let mut served = self.served(&world);
            served.aspas.clone_from(&world.records().aspas);
            let patience = if self.row.deviates(Step::Aspas) { PATIENCE_WITH_DEVIATION } else { PATIENCE };
            pair.wait_for(None, &served, patience)
        });
        self.row.judge(Step::Aspas, outcome, started);
    }

    /// All records in a version below the highest: since our client begins with that, or since the cache speaks none
    /// that is higher. The retry interval is longer than the patience, and nobody waits for it.
    fn one_version(&mut self, step: Step, version: u8) {
        let world = World::new();
        let (begins, highest) = match step {
            Step::Downgrade => (HIGHEST, version),
            _ => (version, self.peer.speaks[0]),
        };
        let started = Instant::now();
        let pair = self.pair(begins, highest, version, Followers::ClientOnly, RETRY_LONG_S, world.records());
        let outcome = pair.and_then(|mut pair| {
            let counts = pair.wait_for(None, &self.served(&world), PATIENCE)?;
            pair.has_not_waited().map(|()| counts)
        });
        if outcome.is_ok() {
            self.row.spoken(version);
        }
        self.row.judge(step, outcome, started);
    }

    /// The same downgrade many times in a row, by whatever way it goes.
    fn downgrades(&mut self, version: u8) {
        let started = Instant::now();
        let outcome = self
            .ways_of_downgrade(version)
            .map(|ways| format!("version {version}, {DOWNGRADES} times in a row: {}", told(&ways)));
        self.row.judge(Step::Downgrade, outcome, started);
    }

    fn ways_of_downgrade(&self, version: u8) -> Outcome<BTreeMap<String, usize>> {
        let records = few_records();
        let (served, folder) = ((self.peer.serves)(&records), self.root.folder()?);
        let server = (self.peer.start)(&Start {
            version,
            retry_s: RETRY_LONG_S,
            root: self.root,
            folder: folder.path(),
            records: &records,
            with_aspas: false,
        })?;
        let mut ways = BTreeMap::new();
        for _ in 0..DOWNGRADES {
            let client = Client::start(server.address(), HIGHEST)?;
            let deadline = Instant::now() + PATIENCE;
            while !client.held().is_ok_and(|(held, _)| held.difference(&served, version).is_none()) {
                if Instant::now() > deadline || client.count(WAITED) > 0 {
                    return Err(format!("our client does not get there: {}", client.story()));
                }
                std::thread::sleep(DOWNGRADE_ASK);
            }
            let way = match [STEPPED_DOWN, GOT_REPORT, AGAIN_AT_ONCE].map(|what| client.count(what)) {
                [0, 0, 0] => "by an answer in the lower version".to_owned(),
                [steps, reports, again] => {
                    format!("by {steps} steps after {reports} Error Reports over {again} more connections")
                }
            };
            *ways.entry(way).or_default() += 1;
        }
        Ok(ways)
    }

    fn served(&self, world: &World) -> Records {
        (self.peer.serves)(world.records())
    }

    fn pair_with_aspas(&self, world: &World) -> Outcome<Pair> {
        let folder = self.root.folder()?;
        let server = (self.peer.start)(&Start {
            version: HIGHEST,
            retry_s: RETRY_SHORT_S,
            root: self.root,
            folder: folder.path(),
            records: world.records(),
            with_aspas: true,
        })?;
        let client = Client::start(server.address(), HIGHEST)?;
        Ok(Pair { server, client, follower: None, folder, version: HIGHEST })
    }

    fn pair(
        &self,
        begins: u8,
        highest: u8,
        version: u8,
        followers: Followers,
        retry_s: u32,
        records: &Records,
    ) -> Outcome<Pair> {
        let folder = self.root.folder()?;
        let server = (self.peer.start)(&Start {
            version: highest,
            retry_s,
            root: self.root,
            folder: folder.path(),
            records,
            with_aspas: false,
        })?;
        let client = Client::start(server.address(), begins)?;
        let follower = match followers {
            Followers::Both => Some(Cache::follow(self.program, &[], server.address())?),
            Followers::ClientOnly => None,
        };
        Ok(Pair { server, client, follower, folder, version })
    }
}

/// "90 times this; 10 times that".
fn told(ways: &BTreeMap<String, usize>) -> String {
    let ways: Vec<String> = ways.iter().map(|(way, count)| format!("{count} times {way}")).collect();
    ways.join("; ")
}

fn few_records() -> Records {
    let mut records = World::new().records().clone();
    records.vrps = records.vrps.into_iter().rev().take(FEW_VRPS).collect();
    records
}

impl Peer {
    fn serves_aspas(&self, records: &Records) -> bool {
        self.speaks.contains(&HIGHEST) && !records.aspas.is_empty()
    }
}

impl Pair {
    /// Waits until our client and our program hold what is served, and says how much that is. Before that they hold
    /// what was served before, and nothing between.
    fn wait_for(&mut self, before: Option<&Records>, served: &Records, patience: Duration) -> Outcome<String> {
        let deadline = Instant::now() + patience;
        let sets = self.client.sets().len();
        loop {
            let wrong = match self.held(before, served) {
                Ok(Ok(counts)) => {
                    self.check_sets(sets, before, served)?;
                    return Ok(counts);
                }
                Ok(Err(not_yet)) => not_yet,
                Err(wrong) => return Err(format!("{wrong}\n{}", self.last_words())),
            };
            if Instant::now() > deadline {
                return Err(format!("{wrong}\n{}", self.last_words()));
            }
            std::thread::sleep(ASK);
        }
    }

    /// What both hold if it is what is served; within, why it is not so yet; and without, what must not be.
    fn held(&self, before: Option<&Records>, served: &Records) -> Outcome<Outcome<String>> {
        let mut wrong = None;
        if let Some(follower) = &self.follower {
            match (read_all(follower.address(), HIGHEST), before) {
                (Ok(held), before) => {
                    wrong =
                        held.difference(served, self.version).map(|difference| format!("our program: {difference}"));
                    if let (Some(wrong), Some(before)) = (&wrong, before)
                        && let Some(difference) = held.difference(before, self.version)
                    {
                        return Err(format!("a set in between; {wrong}; to the one before: {difference}"));
                    }
                }
                // It may have none yet, but it does not lose what it had.
                (Err(error), None) => wrong = Some(format!("our program: {error}")),
                (Err(error), Some(_)) => return Err(format!("our program: {error}")),
            }
        }
        let client = self.client.held().and_then(|(held, version)| match held.difference(served, self.version) {
            None if version == self.version => Ok(held.counts()),
            None => Err(format!("the session has version {version} instead of {}", self.version)),
            Some(difference) => Err(format!("our client: {difference}")),
        });
        Ok(match (client, wrong) {
            (Ok(counts), None) => Ok(format!("{counts} at version {}", self.version)),
            (Ok(_), Some(wrong)) | (Err(wrong), _) => Err(wrong),
        })
    }

    /// Every set since then has to be one of the two.
    fn check_sets(&self, from: usize, before: Option<&Records>, served: &Records) -> Outcome {
        let is_one = |held: &Held| {
            let mut sets = [before, Some(served)].into_iter().flatten();
            sets.any(|records| held.difference(records, self.version).is_none())
        };
        for held in self.client.sets().into_iter().skip(from) {
            let held = held?;
            if !is_one(&held) {
                return Err(format!("our client held a set in between, with {}", held.counts()));
            }
        }
        match self.client.count(FLUSHED) {
            0 => Ok(()),
            _ => Err(format!("our client let go of what it held: {}", self.client.story())),
        }
    }

    fn has_not_waited(&self) -> Outcome {
        match self.client.count(WAITED) {
            0 => Ok(()),
            _ => Err(format!("our client had to wait: {}", self.client.story())),
        }
    }

    fn last_words(&self) -> String {
        let log = std::fs::read(self.folder.path().join("peer.log")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        let peer = lines[lines.len().saturating_sub(8)..].join("\n    ");
        let follower = self.follower.as_ref().map(|follower| follower.tail().join("\n    ")).unwrap_or_default();
        format!("  our client: {}\n  our program:\n    {follower}\n  the peer:\n    {peer}", self.client.story())
    }
}
