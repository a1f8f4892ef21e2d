//! What a developer and CI run: `cargo xtask test`, `cargo xtask check`, `cargo xtask api`, `cargo xtask bench`,
//! `cargo xtask count`, `cargo xtask crashes`, `cargo xtask sim`, `cargo xtask fuzz`,
//! `cargo xtask gen`.

mod api;
mod architecture;
mod bench;
mod chroot;
mod conformance;
mod count;
mod crashes;
mod fuzz;
mod generate;
mod imports;
mod modules;
mod names;
mod peers;
mod run;
mod sim;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "cargo xtask", about)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Run all tests and the interop matrix, and check that CONFORMANCE.md and the tests agree
    Test(run::TestArguments),
    /// Check formatting, lints, documentation, the fuzz targets, the dependency fences, that no imports form a circle, the
    /// names of types, functions and modules, that the public APIs are those of docs/api, and that ARCHITECTURE.md names
    /// what is there
    Check,
    /// Compare the public APIs of the libraries with their lists in docs/api
    Api(api::Arguments),
    /// Measure speed and size beside bare programs and other caches
    Bench(bench::Arguments),
    /// Count the instructions of the kernels in crates/bench, and compare them with its instructions.txt
    Count(count::Arguments),
    /// Kill the program very many times under constant updates, and check what routers are told
    Crashes(crashes::Arguments),
    /// Run the simulator: a world of sources, caches, routers and networks, checked after each step
    Sim(sim::Arguments),
    /// Run the fuzz targets of fuzz/, two at a time
    Fuzz(fuzz::Arguments),
    /// Write a rpki-client JSON with the shape of the global RPKI
    Gen(generate::Arguments),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().task {
        Task::Test(arguments) => run::test(&arguments),
        Task::Check => run::check(),
        Task::Api(arguments) => api::run(&arguments),
        Task::Bench(arguments) => bench::run(&arguments),
        Task::Count(arguments) => count::run(&arguments),
        Task::Crashes(arguments) => crashes::run(&arguments),
        Task::Sim(arguments) => sim::run(&arguments),
        Task::Fuzz(arguments) => fuzz::run(&arguments),
        Task::Gen(arguments) => generate::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}
