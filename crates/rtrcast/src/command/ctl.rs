//! `rtrcast ctl`: sends a request to a running cache's control socket, and prints the answer.

use super::print;
use crate::cli::{CtlArguments, CtlCommand};
use crate::control::client::ControlClient;
use crate::exit::Failure;
use crate::http::api::{self, ActionResponse, CloseRequest, ReleaseRequest, StopRequest};
use crate::observe::status::{self, CacheStatus, RouterList};

pub(crate) fn ctl(arguments: &CtlArguments) -> Result<(), Failure> {
    let Some(path) = &arguments.control else {
        let hint = "which cache? name its socket: --control PATH (its own --control), or RTRCAST_CONTROL";
        return Err(Failure::Usage(hint.to_owned()));
    };
    let client = ControlClient::new(path)?;
    let done = |json: String| -> Result<String, Failure> {
        let ActionResponse { message, .. } = client.read(&json)?;
        Ok(format!("{}\n", message.trim_end()))
    };
    let text = match &arguments.command {
        CtlCommand::Status { json: true } => indented(&client, &client.get(api::STATUS)?)?,
        CtlCommand::Status { json: false } => {
            let status: CacheStatus = client.read(&client.get(api::STATUS)?)?;
            status::text(&status, &path.display().to_string())
        }
        CtlCommand::Routers { json: true, .. } => indented(&client, &client.get(api::ROUTERS)?)?,
        CtlCommand::Routers { json: false, sort } => {
            let list: RouterList = client.read(&client.get(api::ROUTERS)?)?;
            status::table(list, *sort)
        }
        CtlCommand::Close { router } => done(client.post(api::CLOSE, &CloseRequest { router: router.clone() })?)?,
        CtlCommand::Release { source } => done(client.post(api::RELEASE, &ReleaseRequest { source: source.clone() })?)?,
        CtlCommand::Refresh => done(client.post(api::REFRESH, &())?)?,
        CtlCommand::Stop { flush } => done(client.post(api::STOP, &StopRequest { flush: *flush })?)?,
    };
    print(&text)
}

/// Formats JSON in lines, with the members in the order in which the cache sent them.
fn indented(client: &ControlClient, json: &str) -> Result<String, Failure> {
    let value: serde_json::Value = client.read(json)?;
    let text = serde_json::to_string_pretty(&value).map_err(|error| Failure::Internal(error.to_string()))?;
    Ok(text + "\n")
}
