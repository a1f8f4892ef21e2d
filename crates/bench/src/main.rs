//! Speed and size: rtrcast beside bare programs and the caches of others, in one run. `cargo xtask bench` runs it.
//!
//! `measure/` has a file for each thing that is measured, `load/` the routers that do it, `floor/` the bare programs,
//! `subject.rs` what is measured, `process.rs` what it takes, and `report.rs` and `plot.rs` say what came of it.

mod credentials;
mod data;
mod figure;
mod floor;
mod load;
mod machine;
mod measure;
mod plot;
mod process;
mod report;
mod subject;

use clap::{Parser, Subcommand};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fmt::Display;
use std::process::ExitCode;

type Outcome<T = ()> = Result<T, String>;

/// Measures rtrcast
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure, and say what came of it
    Run(measure::Arguments),
    /// Be a bare program to compare with
    #[command(hide = true)]
    Floor(floor::Arguments),
}

fn main() -> ExitCode {
    let outcome = raise_descriptor_limit().and_then(|()| match Arguments::parse().command {
        Command::Run(arguments) => measure::run(&arguments),
        Command::Floor(arguments) => floor::run(&arguments),
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Ten thousand connections take as many descriptors; what is started from here has the same limit.
fn raise_descriptor_limit() -> Outcome {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).map_err(context("the limit of descriptors"))
}

/// Puts in front of an error what it is about.
fn context<E: Display>(what: &str) -> impl Fn(E) -> String {
    move |error| format!("{what}: {error}")
}
