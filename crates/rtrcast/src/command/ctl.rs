//! `rtrcast ctl`: sends a request to a running cache's control socket, and prints the answer.

use super::{indented, print};
use crate::changes;
use crate::cli::{CtlArguments, CtlCommand};
use crate::control::client::ControlClient;
use crate::exit::Failure;
use crate::http::api::{
    self, ActionResponse, CloseRequest, RefreshRequest, ReleaseRequest, StopRequest, UpgradeRequest, UpgradeState,
    UpgradeStatus,
};
use crate::observe::describe::printable_lines;
use crate::observe::status::{self, CacheStatus, RouterList};
use rustix::termios::tcgetwinsize;
use std::io;
use std::time::{Duration, Instant};

pub(crate) fn ctl(arguments: &CtlArguments) -> Result<(), Failure> {
    let Some(path) = &arguments.control else {
        let hint = "which cache? name its socket: --control PATH (its own --control), or RTRCAST_CONTROL";
        return Err(Failure::Usage(hint.to_owned()));
    };
    let client = ControlClient::new(path)?;
    let done = |json: String| -> Result<String, Failure> {
        let ActionResponse { message, .. } = client.read(&json)?;
        Ok(format!("{}\n", printable_lines(message.trim_end())))
    };
    let text = match &arguments.command {
        CtlCommand::Status { json: true } => indented(&client.get(api::STATUS)?)?,
        CtlCommand::Status { json: false } => {
            let status: CacheStatus = client.read(&client.get(api::STATUS)?)?;
            status::text(&status, &path.display().to_string())
        }
        CtlCommand::Routers { json: true, .. } => indented(&client.get(api::ROUTERS)?)?,
        CtlCommand::Routers { json: false, sort } => {
            let list: RouterList = client.read(&client.get(api::ROUTERS)?)?;
            status::table(list, *sort, terminal_width())
        }
        CtlCommand::Changes(asked) => {
            let query = asked.query();
            let answer = client.get(&api::changes_path(&query))?;
            if asked.json { indented(&answer)? } else { changes::text(&client.read(&answer)?, &query) }
        }
        CtlCommand::Close { router } => done(client.post(api::CLOSE, &CloseRequest { router: router.clone() })?)?,
        CtlCommand::Release { source } => done(client.post(api::RELEASE, &ReleaseRequest { source: source.clone() })?)?,
        CtlCommand::Refresh => done(client.post(api::REFRESH, &RefreshRequest {})?)?,
        CtlCommand::Upgrade => upgrade(&client)?,
        CtlCommand::Stop { flush } => done(client.post(api::STOP, &StopRequest { flush: *flush })?)?,
    };
    print(&text)
}

/// Time for which the outcome of an upgrade is waited for: longer than all of its limits.
const UPGRADE_MAX: Duration = Duration::from_secs(60);

/// Pause between two questions for the outcome.
const UPGRADE_PAUSE: Duration = Duration::from_millis(50);

/// Begins an upgrade, and waits for its outcome, which the program says that goes on.
fn upgrade(client: &ControlClient) -> Result<String, Failure> {
    let begun: UpgradeStatus = client.read(&client.post(api::UPGRADE, &UpgradeRequest {})?)?;
    let started = Instant::now();
    loop {
        // A request may be cut off in the moment in which the program is replaced.
        let answer = client.get(api::UPGRADE).and_then(|answer| client.read::<UpgradeStatus>(&answer));
        match answer {
            Ok(UpgradeStatus { number, state, message, .. }) if number >= begun.number => match state {
                UpgradeState::Done => return Ok(format!("{}\n", printable_lines(&message))),
                UpgradeState::Failed => return Err(Failure::Usage(format!("the upgrade failed: {message}"))),
                UpgradeState::Running | UpgradeState::None => {}
            },
            Ok(_) => return Err(Failure::Usage("the cache was started anew meanwhile".to_owned())),
            Err(failure) if started.elapsed() > UPGRADE_MAX => return Err(failure),
            Err(_) => {}
        }
        if started.elapsed() > UPGRADE_MAX {
            return Err(Failure::TimedOut(format!("no outcome within {} s; the log has it", UPGRADE_MAX.as_secs())));
        }
        std::thread::sleep(UPGRADE_PAUSE);
    }
}

/// Returns the characters of a line, if the output is a terminal.
fn terminal_width() -> Option<usize> {
    tcgetwinsize(io::stdout()).ok().map(|size| size.ws_col.into()).filter(|width| *width > 0)
}
