//! Failures of a dump: the message with the way out, and the exit code.

use super::DumpRequest;
use super::progress::DumpStage;
use crate::cli::DialOptions;
use crate::exit::Failure;
use crate::observe::describe::{count, plain};
use crate::source::dialer::{self, Spelling};
use rtrcast_proto::{ConnectionEnd, Serial, SessionId, VersionRange};
use std::io::{self, ErrorKind};

/// The failure where the cache has no data.
pub(super) fn no_data(url: &str) -> Failure {
    Failure::NoData(format!("{url}: the cache has no data yet (code 2); try again in a minute"))
}

/// The failure where the cache does not know the serial.
pub(super) fn reset(url: &str, session: SessionId, serial: Serial) -> Failure {
    Failure::NoData(format!(
        "{url}: the cache does not have the changes since serial {serial} of session {session} (Cache Reset); without \
         --serial and --session it sends everything"
    ))
}

/// The failure after `--timeout`. With keys for TCP, a wrong key looks like a firewall that drops packets.
pub(super) fn timed_out(url: &str, stage: DumpStage, request: &DumpRequest, dial: &DialOptions) -> Failure {
    let (seconds, has_keys) = (request.timeout.as_secs(), dial.tcp_md5.is_some() || dial.tcp_ao.is_some());
    let silent = if has_keys { "is the key the cache's?" } else { "is a firewall between?" };
    Failure::TimedOut(match stage {
        DumpStage::Connecting => format!("{url}: can't connect: no answer within {seconds} s; {silent}"),
        DumpStage::Asked => {
            let hint = if request.versions == VersionRange::ALL { "; --version 1 or 0 may get one" } else { "" };
            format!("{url}: connected, but no answer within {seconds} s{hint}")
        }
        DumpStage::Receiving(records) => format!(
            "{url}: the data are not complete after {seconds} s ({} came); --timeout gives them longer",
            count(records, "record")
        ),
        DumpStage::Complete => format!("{url}: not done within {seconds} s"),
    })
}

/// State of a connection that ended.
pub(super) struct EndedConnection<'a> {
    pub(super) url: &'a str,
    pub(super) why: ConnectionEnd,
    /// Error of connecting, where there was no connection.
    pub(super) error: Option<&'a io::Error>,
    /// Text and PDU of the cache's Error Report, as a part of a message.
    pub(super) report: &'a str,
    /// Versions of the query.
    pub(super) versions: VersionRange,
    /// True if the cache ever answered as one.
    pub(super) has_answered: bool,
    /// Records of a response that is not complete.
    pub(super) records: usize,
}

/// The failure where the connection ended, or there was none.
pub(super) fn ended(ended: &EndedConnection<'_>) -> Failure {
    let EndedConnection { url, why, error, report, versions, has_answered, records } = *ended;
    if let Some(reason) = error.and_then(|error| dialer::authentication_failure(error, Spelling::Flag)) {
        return Failure::Authentication(format!("{url}: {reason}"));
    }
    match why {
        ConnectionEnd::NotConnected => match error {
            Some(error) if error.kind() == ErrorKind::TimedOut => {
                Failure::TimedOut(format!("{url}: can't connect: {error}"))
            }
            Some(error) if dialer::is_protocol_error(error) => {
                Failure::Protocol(format!("{url}: can't connect: {error}"))
            }
            Some(error) => {
                let hint = match error.kind() {
                    ErrorKind::ConnectionRefused => "; does a cache listen there?",
                    ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable => "; is there a route to it?",
                    _ => "",
                };
                Failure::Unreachable(format!("{url}: {}{hint}", no_connection(error)))
            }
            None => Failure::Unreachable(format!("{url}: can't connect")),
        },
        ConnectionEnd::Unanswered => Failure::Unreachable(format!(
            "{url}: {why}, asked in {}; does it admit this address{}?",
            versions_text(versions),
            if url.starts_with("tcp://") { ", and RTR without TLS" } else { "" }
        )),
        ConnectionEnd::Lost => Failure::Protocol(format!("{url}: {why} before it sent its data{report}")),
        ConnectionEnd::CutShort => {
            Failure::Protocol(format!("{url}: {why}, after {}; try again", count(records, "record")))
        }
        ConnectionEnd::Silent => Failure::TimedOut(format!("{url}: {why}; try again")),
        ConnectionEnd::VersionRefused if has_answered => {
            Failure::Protocol(format!("{url}: the cache refused the version that it had answered in{report}"))
        }
        ConnectionEnd::VersionRefused => {
            let hint = if versions == VersionRange::ALL { "" } else { "; without --version and --max-version it may" };
            Failure::Protocol(format!("{url}: the cache does not speak {}{report}{hint}", versions_text(versions)))
        }
        ConnectionEnd::PeerReported(_) | ConnectionEnd::SessionForgotten => {
            Failure::Protocol(format!("{url}: {why}{report}; --pdus shows what led to it"))
        }
        ConnectionEnd::Restarting | ConnectionEnd::ShutDown => {
            Failure::Protocol(format!("{url}: {why}{report}; try again later"))
        }
        ConnectionEnd::Violation(_) => {
            let hint = if has_answered { "" } else { "is it a cache? " };
            Failure::Protocol(format!("{url}: {why}; {hint}--pdus shows what it sends"))
        }
        ConnectionEnd::NoMemory => Failure::Internal(format!("{url}: {why}")),
        ConnectionEnd::Stopped => Failure::Internal(format!("{url}: stopped")),
    }
}

/// Returns the reason that a connection ended, or that there is none, in a few words.
pub(super) fn reason(why: ConnectionEnd, error: Option<&io::Error>) -> String {
    let untrusted = error.and_then(|error| dialer::authentication_failure(error, Spelling::Flag));
    match (untrusted, error) {
        (Some(reason), _) => reason,
        (None, Some(error)) if why == ConnectionEnd::NotConnected => no_connection(error),
        (None, _) => why.to_string(),
    }
}

fn no_connection(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::ConnectionRefused => "can't connect: connection refused".to_owned(),
        ErrorKind::NetworkUnreachable => "can't connect: network unreachable".to_owned(),
        ErrorKind::HostUnreachable => "can't connect: host unreachable".to_owned(),
        _ => format!("can't connect: {}", plain(error)),
    }
}

fn versions_text(versions: VersionRange) -> String {
    let (min, max) = (versions.min(), versions.max());
    if min == max { format!("version {min}") } else { format!("versions {max} to {min}") }
}
