//! A run: octets to actions, one after another, and then all is made well.

use crate::action::{Action, OCTETS};
use crate::world::World;
use std::any::Any;
use std::panic::{self, AssertUnwindSafe};

/// Actions of a run by a seed.
pub const RUN_ACTIONS: usize = 150;

/// Octets of one action in the octets of a run. The first octet of a run chooses the options of the cache.
pub const ACTION_OCTETS: usize = OCTETS;

/// A run that went as it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Number of its actions.
    pub steps: usize,
}

/// What went wrong in a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Number of the actions before it.
    pub steps: usize,
    /// Description of the failure.
    pub what: String,
}

/// Runs the simulated world by these octets.
pub fn run(octets: &[u8]) -> Result<Outcome, Failure> {
    run_in(octets, false).0
}

/// Runs it, and returns what happens, a line each, in the text form of PDUs.
pub fn trace(octets: &[u8]) -> (Result<Outcome, Failure>, Vec<String>) {
    run_in(octets, true)
}

fn run_in(octets: &[u8], is_traced: bool) -> (Result<Outcome, Failure>, Vec<String>) {
    let (options, actions) = octets.split_first().map_or((0, octets), |(options, rest)| (*options, rest));
    let mut world = World::new(options, is_traced);
    let mut steps = 0;
    let mut go = || -> Result<(), String> {
        world.start()?;
        for action in actions.chunks(OCTETS) {
            steps += 1;
            world.apply(Action::read(action))?;
        }
        world.restore()
    };
    // An assertion of the code is a failure like any other; its place is printed as it happens.
    let outcome = panic::catch_unwind(AssertUnwindSafe(&mut go)).unwrap_or_else(|panic| Err(message_of(&*panic)));
    let result = match outcome {
        Ok(()) => Ok(Outcome { steps }),
        Err(what) => Err(Failure { steps, what }),
    };
    (result, world.trace())
}

fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    format!("panic: {}", text.unwrap_or("without a message"))
}

/// Leaves out actions for as long as the run fails; the failure may become another one.
pub fn shrink(octets: &[u8]) -> Vec<u8> {
    let Some((options, actions)) = octets.split_first() else { return Vec::new() };
    let joined = |actions: &[&[u8]]| [&[*options][..], &actions.concat()].concat();
    let mut actions: Vec<&[u8]> = actions.chunks(OCTETS).collect();
    if let Err(failure) = run(octets) {
        actions.truncate(failure.steps);
    }
    let mut length = actions.len().div_ceil(2);
    while length > 0 {
        let mut at = 0;
        while at < actions.len() {
            let mut fewer = actions.clone();
            fewer.drain(at..(at + length).min(actions.len()));
            if run(&joined(&fewer)).is_err() {
                actions = fewer;
            } else {
                at += length;
            }
        }
        length = if length == 1 { 0 } else { length.div_ceil(2) };
    }
    joined(&actions)
}
