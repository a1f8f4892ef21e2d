//! What a router does while its cache is away: over a planned stop, and before the first data are there.

use super::Step;
use super::scenario::{PATIENCE, Pair, RETRY_LONG_S, RETRY_SHORT_S, Run};
use crate::Outcome;
use crate::world::{Records, World};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// How long the cache is away at a planned stop.
const AWAY: Duration = Duration::from_secs(1);
/// How long a router's query waits for the first data. The cache holds it for 8 s, and longer below version 2.
const COLD: Duration = Duration::from_secs(5);
/// Who gets there by another change does so if it does not until then.
const PATIENCE_BEFORE_CHANGE: Duration = Duration::from_secs(20);
/// How often a peer is asked what it holds.
const ASK: Duration = Duration::from_millis(250);
/// Of a version in which codes 12 and 13 exist.
const HIGHEST: u8 = 2;

impl Run<'_> {
    /// The cache stops, is away for a second, and comes back with other data. The peer holds the former ones so long, and
    /// what is in both sets all the time. Over a transport that protects, only the new ones are of interest.
    pub(super) fn restart(&mut self, pair: &mut Pair, world: &mut World) {
        let before = world.records().clone();
        let watched = self.row.applies(Step::PlannedStop) && !self.link.protects();
        let started = Instant::now();
        let kept = watched.then(|| pair.cache.stop().and_then(|_| pair.keeps(&before)));
        change(world);
        self.tolerate_former_aspas(pair, &before, world.records());
        let restarted = Instant::now();
        let back = pair.cache.restart(world.records());
        // One that gets there otherwise is known to lose something on the way.
        let loses = self.row.goes_otherwise(Step::PlannedStop);
        if let Some(kept) = kept {
            let patience = self.patience(Step::PlannedStop);
            let lost =
                if loses || kept.is_err() { Ok(()) } else { pair.loses_nothing(&before, world.records(), patience) };
            self.row.judge(Step::PlannedStop, kept.and_then(|kept| lost.map(|()| kept)), started);
        }
        let back = back.and_then(|()| self.wait_after_restart(Step::Restart, pair, world));
        self.row.judge(Step::Restart, back, restarted);
        if !pair.tolerated.is_empty() && !self.link.protects() {
            pair.tolerated.clear();
            let patience = self.patience(Step::FormerAspas);
            self.row.step(Step::FormerAspas, || pair.wait_for(world.records(), patience));
        }
    }

    /// The same with Cache Restart (code 12), at which a peer keeps its data too. If it does not, it has to have the new
    /// ones after its retry interval.
    pub(super) fn cache_restart(&mut self) {
        let started = Instant::now();
        let mut world = World::new();
        let mut pair = match self.loaded(&["--send-cache-restart"], &world) {
            Ok(pair) => pair,
            // No deviation there excuses that.
            Err(error) => return self.row.judge(Step::FullLoad, Err(error), started),
        };
        let before = world.records().clone();
        let kept = pair.cache.stop().and_then(|_| pair.keeps(&before));
        self.row.judge(Step::CacheRestart, kept, started);
        change(&mut world);
        let started = Instant::now();
        let back = pair.cache.restart(world.records());
        self.tolerate_former_aspas(&mut pair, &before, world.records());
        let back = back.and_then(|()| self.wait_after_restart(Step::Restart, &mut pair, &mut world));
        self.row.judge(Step::Restart, back, started);
    }

    /// The cache has a state directory and is killed. It comes back with other data in the same session, and the peer's
    /// first query is answered with what it asks for.
    pub(super) fn crash(&mut self) {
        let started = Instant::now();
        let mut world = World::new();
        let outcome = self.loaded(&["--state", "state"], &world).and_then(|mut pair| {
            let before = world.records().clone();
            pair.cache.wait_for_file("state/snapshot")?;
            pair.cache.kill();
            world.change(3_000, 2_000);
            // A peer that can't take that as a change could not here either.
            if !self.row.deviates(Step::AspaWithdrawal) {
                world.withdraw_aspas(5);
            }
            self.tolerate_former_aspas(&mut pair, &before, world.records());
            pair.cache.restart(world.records())?;
            let counts = self.wait_after_restart(Step::Crash, &mut pair, &mut world)?;
            let (wanted, answer) = (self.peer.after_crash.name(), pair.cache.first_answer());
            match answer.as_deref() == Some(wanted) {
                true => Ok(format!("{counts}, by a {wanted} response")),
                false => Err(format!("its first answer is {answer:?} instead of a {wanted} response")),
            }
        });
        self.row.after_crash = self.peer.after_crash.name();
        self.row.judge(Step::Crash, outcome, started);
    }

    /// A router asks before there are data, and has them all without waiting for its retry interval.
    pub(super) fn cold_start(&mut self) {
        let started = Instant::now();
        let world = World::new();
        let highest = self.peer.speaks[0];
        let patience = self.patience(Step::ColdStart);
        let outcome = self.cold_pair(highest, RETRY_LONG_S).and_then(|mut pair| {
            pair.cache.wait_for(" speaks version ")?;
            std::thread::sleep(COLD);
            let before = pair.cache.connections();
            pair.cache.put(world.records())?;
            let counts = pair.wait_for(world.records(), patience)?;
            match pair.cache.connections() - before {
                0 => Ok(counts),
                more => Err(format!("it has the records after {more} more connections")),
            }
        });
        self.row.judge(Step::ColdStart, outcome, started);
    }

    fn loaded(&self, flags: &[&str], world: &World) -> Outcome<Pair> {
        let highest = self.peer.speaks[0];
        let mut pair = self.pair(flags, highest, highest, RETRY_SHORT_S, world.records())?;
        pair.wait_for(world.records(), self.patience(Step::FullLoad))?;
        Ok(pair)
    }

    /// Whether codes 12 and 13 are for this peer.
    pub(super) fn has_cache_restart(&self) -> bool {
        self.peer.speaks[0] >= HIGHEST
    }

    /// Waits until the peer holds what is served after a start. One that is known to need it gets another change.
    pub(super) fn wait_after_restart(&self, step: Step, pair: &mut Pair, world: &mut World) -> Outcome<String> {
        match pair.wait_for(world.records(), self.patience_before_change(step)) {
            Err(_) if self.row.goes_otherwise(step) => {
                world.change(5, 7);
                pair.cache.put(world.records())?;
                pair.wait_for(world.records(), PATIENCE)
            }
            outcome => outcome,
        }
    }

    fn patience_before_change(&self, step: Step) -> Duration {
        if self.row.goes_otherwise(step) { PATIENCE_BEFORE_CHANGE } else { self.patience(step) }
    }

    /// Where a peer is known to keep them, ASPAs of a former session are no difference, unless their customers have
    /// others now.
    pub(super) fn tolerate_former_aspas(&self, pair: &mut Pair, before: &Records, served: &Records) {
        let keeps_them = self.peer.exceptions.iter().any(|exception| exception.step == Step::FormerAspas);
        let customers: BTreeSet<u32> = served.aspas.iter().map(|aspa| aspa.customer).collect();
        let former = before.aspas.iter().filter(|aspa| keeps_them && !customers.contains(&aspa.customer));
        pair.tolerated = former.cloned().collect();
    }
}

/// Enough of each kind for a difference.
fn change(world: &mut World) {
    world.change(3_000, 2_000);
    world.withdraw_aspas(5);
}

impl Pair {
    /// Asks the peer for as long as the cache is away: each time it has to hold everything.
    fn keeps(&mut self, served: &Records) -> Outcome<String> {
        let deadline = Instant::now() + AWAY;
        let mut times = 0;
        loop {
            let held = self.router.held()?;
            if let Some(difference) = held.difference(served, self.version) {
                return Err(format!("without its cache it holds {difference}\n{}", self.last_words()));
            }
            times += 1;
            if Instant::now() > deadline {
                return Ok(format!("{} without the cache, as asked {times} times", held.counts()));
            }
            std::thread::sleep(ASK);
        }
    }

    /// Asks the peer until it holds what is served now, or the time is up. What was served before as well is never missing.
    fn loses_nothing(&mut self, before: &Records, served: &Records, patience: Duration) -> Outcome {
        let lasting = before.in_both(served);
        let deadline = Instant::now() + patience;
        self.router.expect(served);
        while Instant::now() < deadline {
            // Who gives no answer can't tell now.
            if let Ok((held, difference)) = self.held_now(served) {
                if difference.is_none() {
                    break;
                }
                if let Some(missing) = held.lacks(&lasting, self.version) {
                    return Err(format!("{missing}, though served before and now\n{}", self.last_words()));
                }
            }
            std::thread::sleep(ASK);
        }
        Ok(())
    }
}
