//! The sweep over seeds that each test run makes. `SIM_SEED=n` prints what happens by one seed.

use rtrcast_sim::{ACTION_OCTETS, RUN_ACTIONS, octets_of_seed, run, shrink, trace};
use std::fmt::Write as _;

/// Seeds of a test run.
const SEEDS: u64 = 256;

fn octets(seed: u64) -> Vec<u8> {
    octets_of_seed(seed, 1 + RUN_ACTIONS * ACTION_OCTETS)
}

/// The message of a failure: what happened by the actions that are needed for it.
fn described(seed: u64) -> String {
    let (outcome, lines) = trace(&shrink(&octets(seed)));
    let what = outcome.map_or_else(|failure| failure.what, |_| "no failure once it is shrunk".to_owned());
    let mut text = String::new();
    lines.iter().for_each(|line| _ = writeln!(text, "{line}"));
    format!("{text}seed {seed}: {what}; SIM_SEED={seed} runs it alone")
}

#[test]
fn all_holds_for_each_seed() {
    let only: Option<u64> = std::env::var("SIM_SEED").ok().map(|seed| seed.parse().expect("SIM_SEED is a number"));
    let seeds = only.map_or(0..SEEDS, |seed| seed..seed + 1);
    for seed in seeds {
        if run(&octets(seed)).is_err() {
            panic!("{}", described(seed));
        }
    }
    if let Some(seed) = only {
        trace(&octets(seed)).1.iter().for_each(|line| println!("{line}"));
    }
}

#[test]
fn a_run_is_a_function_of_its_octets() {
    let octets = octets(7);
    let (outcome, lines) = trace(&octets);
    assert_eq!((outcome, &lines), (run(&octets), &trace(&octets).1));
    assert!(lines.iter().any(|line| line.contains("< v1 end-of-data")), "a router of version 1 was answered");
}
