//! `rtrcast ctl`: tells a running cache something, and shows its answer.

use super::print;
use crate::cli::CtlArguments;
use crate::control::spell;
use crate::exit::Failure;
use crate::observe::describe::plain;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// How long the cache may take: it answers at once unless it is merging.
const ANSWER_MAX: Duration = Duration::from_secs(30);

pub(crate) fn ctl(arguments: &CtlArguments) -> Result<(), Failure> {
    let Some(path) = &arguments.control else {
        let hint = "which cache? name its socket: --control PATH (its own --control), or RTRCAST_CONTROL";
        return Err(Failure::Usage(hint.to_owned()));
    };
    let answer = ask(path, &spell(&arguments.order)).map_err(|error| {
        let why = match error.kind() {
            ErrorKind::NotFound => "there is no such socket; was the cache started with --control?".to_owned(),
            ErrorKind::ConnectionRefused => "no cache listens there any more".to_owned(),
            ErrorKind::PermissionDenied => "permission denied; the socket is for the cache's own user".to_owned(),
            ErrorKind::WouldBlock | ErrorKind::TimedOut => "the cache does not answer".to_owned(),
            _ => plain(&error),
        };
        Failure::Unreachable(format!("{}: {why}", path.display()))
    })?;
    match answer.split_once('\n') {
        Some(("ok", text)) => print(&format!("{}\n", text.trim_end())),
        Some(("error", text)) => Err(Failure::Usage(text.trim_end().to_owned())),
        _ => Err(Failure::Unreachable(format!("{}: the answer makes no sense", path.display()))),
    }
}

fn ask(path: &std::path::Path, order: &str) -> io::Result<String> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    stream.set_write_timeout(Some(ANSWER_MAX))?;
    stream.write_all(order.as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
