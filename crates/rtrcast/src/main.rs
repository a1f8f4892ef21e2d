//! `rtrcast`: an RPKI-to-Router (RTR) cache.
//!
//! `cli/` is what a person types, `config/` joins it with a file and says what both mean; `serve/` puts the parts
//! together, reloads and stops them; `source/` fetches and reads; `hub/` turns what was read into serials and views;
//! `listener/` opens the listeners, where `rtrcast-net` serves the views to routers; `credentials.rs` keeps up with their
//! files; `observe/` turns what happens into log lines and metrics; `http/` shows them, `control/` takes commands;
//! `command/` has the commands that do not serve.

mod blocking;
mod cli;
mod clock;
mod command;
mod config;
mod control;
mod credentials;
mod exit;
mod http;
mod hub;
mod listener;
mod observe;
mod serve;
mod source;

use crate::observe::log::event::service::ServiceEvent;
use crate::observe::log::{self, Log};
use clap::{CommandFactory, FromArgMatches};
use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    let matches = match cli::Arguments::command().try_get_matches_from(&words) {
        Ok(matches) => matches,
        Err(error) => return told_by_parser(&error),
    };
    let arguments = match cli::Arguments::from_arg_matches(&matches) {
        Ok(arguments) => arguments,
        Err(error) => return told_by_parser(&error),
    };
    let outcome = match (arguments.command, matches.subcommand()) {
        (cli::Command::Serve(serve), Some((_, matches))) => {
            serve::serve(&config::CommandLine::new(words, matches, &serve))
        }
        (cli::Command::Serve(_), None) => unreachable!("it was understood from these matches"),
        (cli::Command::Check(check), _) => command::check::check(&check),
        (cli::Command::Ctl(ctl), _) => command::ctl::ctl(&ctl),
        (cli::Command::Dump(dump), _) => command::dump::dump(&dump),
        (cli::Command::Ssh(ssh), _) => command::ssh::ssh(&ssh),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let lines = failure.lines();
            if log::is_for_programs() {
                lines.iter().for_each(|reason| ServiceEvent::Failed { reason }.log());
                log::finish();
            } else {
                // Whoever started it may have closed standard error.
                lines.iter().for_each(|line| drop(writeln!(std::io::stderr(), "rtrcast: {line}")));
            }
            failure.exit_code()
        }
    }
}

/// Help, the version, or what is wrong with the command line.
fn told_by_parser(error: &clap::Error) -> ExitCode {
    let text = error.render().to_string();
    // Whoever asked may not want to read it.
    let _ = if error.use_stderr() {
        std::io::stderr().write_all(observe::describe::with_plain_ranges(&text).as_bytes())
    } else {
        std::io::stdout().write_all(text.as_bytes())
    };
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}
