//! `rtrcast ctl`: sends a request to a running cache's control socket, and prints the answer.

use super::print;
use crate::cli::{CtlArguments, CtlCommand};
use crate::control::client::ControlClient;
use crate::exit::Failure;
use crate::http::api::{self, ActionResponse, CloseRequest, RefreshRequest, ReleaseRequest, StopRequest};
use crate::observe::describe::printable_lines;
use crate::observe::status::{self, CacheStatus, RouterList};
use rustix::termios::tcgetwinsize;
use std::io;

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
        CtlCommand::Close { router } => done(client.post(api::CLOSE, &CloseRequest { router: router.clone() })?)?,
        CtlCommand::Release { source } => done(client.post(api::RELEASE, &ReleaseRequest { source: source.clone() })?)?,
        CtlCommand::Refresh => done(client.post(api::REFRESH, &RefreshRequest {})?)?,
        CtlCommand::Stop { flush } => done(client.post(api::STOP, &StopRequest { flush: *flush })?)?,
    };
    print(&text)
}

/// Returns the characters of a line, if the output is a terminal.
fn terminal_width() -> Option<usize> {
    tcgetwinsize(io::stdout()).ok().map(|size| size.ws_col.into()).filter(|width| *width > 0)
}

/// Formats JSON of any schema in lines, with the members in the order in which the cache sent them. Control characters,
/// of which JSON leaves some as they are, are escaped.
fn indented(json: &str) -> Result<String, Failure> {
    let failure = |error: serde_json::Error| Failure::Unreachable(format!("the answer is not JSON: {error}"));
    let value: serde_json::Value = serde_json::from_str(json).map_err(failure)?;
    let pretty = serde_json::to_string_pretty(&value).map_err(failure)?;
    let mut text = String::with_capacity(pretty.len() + 1);
    for character in pretty.chars() {
        match character {
            '\n' => text.push('\n'),
            character if character.is_control() => text += &format!("\\u{:04x}", u32::from(character)),
            character => text.push(character),
        }
    }
    text.push('\n');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_no_control_characters() {
        let text = indented("{\"a\":\"\\u001b[31m\u{9b}1m\u{7f}\"}").unwrap();
        assert_eq!(text, "{\n  \"a\": \"\\u001b[31m\\u009b1m\\u007f\"\n}\n");
    }
}
