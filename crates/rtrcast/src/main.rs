//! `rtrcast`: an RPKI-to-Router (RTR) cache.
//!
//! `cli.rs` is what a person types; `app.rs` puts the parts together and stops them; `source/` fetches and reads the
//! validators' output; `hub.rs` turns it into serials and views; `rtrcast-net` serves those to routers; `watch.rs`
//! turns what happens on connections into log lines and metrics; `http/` shows them.

mod app;
mod cli;
mod exit;
mod http;
mod hub;
mod log;
mod metrics;
mod source;
mod watch;

use clap::Parser;
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let outcome = match cli::Arguments::parse().command {
        cli::Command::Serve(arguments) => app::serve(arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Whoever started it may have closed standard error.
            let _ = writeln!(std::io::stderr(), "rtrcast: {failure}");
            failure.exit_code()
        }
    }
}
