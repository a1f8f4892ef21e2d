//! `rtrcast-sim`: runs the simulator over seeds, or prints what happens by one.

use rtrcast_sim::{ACTION_OCTETS, RUN_ACTIONS, octets_of_seed, run, shrink, trace};
use std::process::ExitCode;
use std::time::{Duration, Instant};

const HELP: &str = "\
Runs the simulated world of rtrcast over seeds, one after another, and stops at the first failure.

Usage: rtrcast-sim MINUTES [FIRST-SEED]
       rtrcast-sim --seed SEED
       rtrcast-sim --file FILE

MINUTES        How long to run; a fraction is allowed
FIRST-SEED     The first seed; 0 without it
--seed SEED    Run one seed, and print what happens, shrunk to the actions that are needed if it fails
--file FILE    The same of the octets of a file, such as a finding of the fuzz target `world`
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["--seed", seed] => match seed.parse() {
            Ok(seed) => replay(&octets(seed)),
            Err(_) => usage(),
        },
        ["--file", file] => match std::fs::read(file) {
            Ok(octets) => replay(&octets),
            Err(error) => {
                eprintln!("{file}: {error}");
                ExitCode::FAILURE
            }
        },
        [minutes] => sweep_from(minutes, "0"),
        [minutes, first] => sweep_from(minutes, first),
        _ => usage(),
    }
}

fn usage() -> ExitCode {
    eprint!("{HELP}");
    ExitCode::from(2)
}

fn sweep_from(minutes: &str, first: &str) -> ExitCode {
    let (Ok(minutes), Ok(first)) = (minutes.parse::<f64>(), first.parse()) else { return usage() };
    let Ok(time) = Duration::try_from_secs_f64(minutes * 60.0) else { return usage() };
    sweep(time, first)
}

fn octets(seed: u64) -> Vec<u8> {
    octets_of_seed(seed, 1 + RUN_ACTIONS * ACTION_OCTETS)
}

/// Runs seeds until the time is over, or one fails.
fn sweep(time: Duration, first: u64) -> ExitCode {
    let (began, mut steps, mut told) = (Instant::now(), 0, Instant::now());
    let mut seed = first;
    while began.elapsed() < time {
        match run(&octets(seed)) {
            Ok(outcome) => steps += outcome.steps,
            Err(failure) => {
                println!("seed {seed} fails after {} actions: {}", failure.steps, failure.what);
                println!("rtrcast-sim --seed {seed} prints what happens");
                return ExitCode::FAILURE;
            }
        }
        seed += 1;
        if told.elapsed() > Duration::from_secs(10) {
            println!("{} seeds, {steps} actions, {} s", seed - first, began.elapsed().as_secs());
            told = Instant::now();
        }
    }
    println!("{} seeds, {steps} actions, {:.1} s: no failure", seed - first, began.elapsed().as_secs_f64());
    ExitCode::SUCCESS
}

/// Prints what happens by these octets.
fn replay(octets: &[u8]) -> ExitCode {
    let failed = run(octets).is_err();
    let octets = if failed { shrink_quietly(octets) } else { octets.to_vec() };
    let (outcome, lines) = trace(&octets);
    lines.iter().for_each(|line| println!("{line}"));
    match outcome {
        Ok(outcome) => {
            println!("{} actions: no failure", outcome.steps);
            ExitCode::SUCCESS
        }
        Err(failure) => {
            println!("FAILURE after {} actions: {}", failure.steps, failure.what);
            ExitCode::FAILURE
        }
    }
}

/// Shrinks a run that fails; a panic in it is printed once, by the last run.
fn shrink_quietly(octets: &[u8]) -> Vec<u8> {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let shrunk = shrink(octets);
    std::panic::set_hook(hook);
    shrunk
}
