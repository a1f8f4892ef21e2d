//! The program `rtrcast`, an RPKI-to-Router (RTR) cache. Other programs use the crates `rtrcast-net`, `rtrcast-feed` and
//! `rtrcast-proto`; this one has no interface but [`main`].
//!
//! `cli/` has the command line, `config/` joins it with a file and checks both; `serve/` starts the parts, reloads and
//! stops them; `source/` fetches and reads; `hub/` turns data into serials and views; `listener/` opens the listeners,
//! where `rtrcast-net` serves the views to routers; `reloadable.rs` reads their files again when these change;
//! `observe/` turns events into log lines, metrics and status; `http/` serves these, `control/` receives commands;
//! `command/` has the commands that do not serve.

mod blocking;
mod changes;
mod cli;
mod clock;
mod command;
mod config;
mod control;
mod credentials;
mod exit;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod handover;
mod http;
mod hub;
mod listener;
mod observe;
mod reloadable;
mod serve;
mod source;
mod state;

use crate::observe::log::event::service::ServiceEvent;
use crate::observe::log::{self, Log};
use clap::{CommandFactory, FromArgMatches};
use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

/// Runs the program, by the arguments of the process.
pub fn main() -> ExitCode {
    let mut words: Vec<OsString> = std::env::args_os().collect();
    handover::WayBack::arm(&words);
    let is_rehearsal = handover::rehearsal(&mut words);
    let exit_code = run(words, is_rehearsal);
    // If the program before this one can go on, this ends here.
    handover::WayBack::go("it ends before it has taken over");
    exit_code
}

fn run(words: Vec<OsString>, is_rehearsal: bool) -> ExitCode {
    let matches = match cli::Arguments::command().try_get_matches_from(&words) {
        Ok(matches) => matches,
        Err(error) => return print_parser_message(&error),
    };
    let arguments = match cli::Arguments::from_arg_matches(&matches) {
        Ok(arguments) => arguments,
        Err(error) => return print_parser_message(&error),
    };
    let outcome = match (arguments.command, matches.subcommand()) {
        (cli::Command::Serve(serve), Some((_, matches))) => {
            let command_line = config::CommandLine::new(words, matches, &serve);
            if is_rehearsal { serve::rehearse(&command_line) } else { serve::serve(&command_line) }
        }
        (cli::Command::Serve(_), None) => unreachable!("it was understood from these matches"),
        (cli::Command::Check(check), _) => command::check::check(&check),
        (cli::Command::Changes(changes), _) => command::changes::changes(&changes),
        (cli::Command::State(state), _) => command::state::state(&state),
        (cli::Command::Ctl(ctl), _) => command::ctl::ctl(&ctl),
        (cli::Command::Dump(dump), _) => command::dump::dump(&dump),
        (cli::Command::Ssh(ssh), _) => command::ssh::ssh(&ssh),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let lines = failure.lines();
            handover::WayBack::go(&lines.join("; "));
            if log::is_for_programs() {
                lines.iter().for_each(|reason| ServiceEvent::Failed { reason }.log());
                log::finish();
            } else {
                // Lines of the log that were before come before.
                log::finish();
                // Mistakes at the start are found before the format of the log is known.
                let prefix = log::error_prefix();
                // Standard error may be closed.
                lines.iter().for_each(|line| drop(writeln!(std::io::stderr(), "{prefix}rtrcast: {line}")));
            }
            failure.exit_code()
        }
    }
}

/// Prints help, the version, or a mistake in the command line.
fn print_parser_message(error: &clap::Error) -> ExitCode {
    let text = error.render().to_string();
    // The output may be closed.
    let _ = if error.use_stderr() {
        let lines = observe::describe::with_plain_ranges(&text);
        let lines = lines.lines().map(|line| format!("{}{line}\n", log::error_prefix()));
        std::io::stderr().write_all(lines.collect::<String>().as_bytes())
    } else {
        std::io::stdout().write_all(text.as_bytes())
    };
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}
