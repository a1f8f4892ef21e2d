//! Events of a session, and what each prints.

use super::failure::{self, EndedConnection};
use super::output::Output;
use super::pdus::{PduFramer, print};
use super::progress::Progress;
use super::{DumpContent, DumpRequest};
use crate::cli::DumpFormat;
use crate::clock::unix_now;
use crate::exit::Failure;
use crate::observe::describe::{count, name_customers, vrps};
use rtrcast_feed::write::{
    JsonLayout, Provenance, SetChange, write_csv, write_json, write_json_changes, write_text, write_text_changes,
};
use rtrcast_net::{Clock, Direction, Follower};
use rtrcast_proto::{
    Asn, ClientEvent, ClientSession, ConnectionEnd, ErrorCode, FlushReason, Reconnect, Section, Serial, Update, Version,
};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, ErrorKind, Write as _};
use std::ops::ControlFlow;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Prints what a cache sends.
pub(super) struct Dump {
    request: DumpRequest,
    output: Output,
    clock: Clock,
    progress: Arc<Progress>,
    /// Sender of the outcome; none once it is sent.
    outcome_sender: Option<oneshot::Sender<Result<(), Failure>>>,
    sent: PduFramer,
    received: PduFramer,
    /// The serial that was printed last; none if no printed data are valid.
    printed: Option<Serial>,
    /// Error of connecting, where there was no connection.
    error: Option<io::Error>,
    /// Customers whose ASPAs were left out at the last update.
    refused: Option<Arc<BTreeSet<Asn>>>,
    /// Text and PDU of the cache's last Error Report.
    report: String,
    /// True if the cache ever answered as one.
    has_answered: bool,
    /// True if the connection was lost, and a note of that was printed.
    is_lost: bool,
}

impl Dump {
    pub(super) fn new(
        request: DumpRequest,
        output: Output,
        clock: Clock,
        progress: Arc<Progress>,
        outcome_sender: oneshot::Sender<Result<(), Failure>>,
    ) -> Dump {
        let printed = request.since.map(|(_, serial)| serial);
        Dump {
            request,
            output,
            clock,
            progress,
            outcome_sender: Some(outcome_sender),
            sent: PduFramer::default(),
            received: PduFramer::default(),
            printed,
            error: None,
            refused: None,
            report: String::new(),
            has_answered: false,
            is_lost: false,
        }
    }

    /// Ends the dump.
    fn end(&mut self, outcome: Result<(), Failure>) -> ControlFlow<()> {
        if let Some(outcome_sender) = self.outcome_sender.take() {
            // The receiver is gone if a signal came first.
            let _ = outcome_sender.send(outcome);
        }
        ControlFlow::Break(())
    }

    /// Ends the dump if something could not be written. A closed pipe is no failure.
    fn wrote(&mut self, written: io::Result<()>) -> ControlFlow<()> {
        match written {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => self.end(Ok(())),
            Err(error) => {
                let name = self.output.name();
                self.end(Err(Failure::Output { name, error }))
            }
        }
    }

    /// Handles a complete response.
    fn updated(&mut self, update: &Update) -> ControlFlow<()> {
        let is_first = !self.progress.is_complete();
        self.progress.complete();
        if self.refused.as_ref() != Some(&update.refused) && !update.refused.is_empty() {
            let customers = name_customers(update.refused.iter());
            self.progress.note(&format!("left out, no ASPAs that a router could use: {customers}"));
        }
        self.refused = Some(Arc::clone(&update.refused));
        let is_news = is_first || update.is_change() || self.printed != Some(update.serial);
        let origin = Provenance {
            source: self.progress.url(),
            version: update.version,
            session: update.session,
            serial: update.serial,
            timing: (update.version != Version::V0).then_some(update.timing),
            received: unix_now(),
        };
        let written = match self.request.print {
            DumpContent::Data(format) if is_news => {
                print_update(format, &self.request, &mut self.output, origin, self.printed, update)
            }
            DumpContent::Data(_) | DumpContent::Pdus => Ok(()),
        };
        self.wrote(written)?;
        if is_first || (is_news && self.output.replaces()) {
            self.sum_up(update);
        }
        self.printed = Some(update.serial);
        if self.request.follow { ControlFlow::Continue(()) } else { self.end(Ok(())) }
    }

    /// Prints a summary of the response on standard error.
    fn sum_up(&self, update: &Update) {
        let Update { version, session, serial, .. } = update;
        let mut line = format!("version {version}, session {session}, serial {serial}: ");
        match (&update.image, &update.delta) {
            (Some(image), _) => {
                let layout = image.layout();
                line += &count(vrps(layout), "VRP");
                let (keys, aspas) = (layout.count(Section::RouterKey), layout.count(Section::Aspa));
                if *version >= Version::V1 {
                    let _ = write!(line, ", {}", count(keys, "router key"));
                }
                if *version >= Version::V2 {
                    let _ = write!(line, ", {}", count(aspas, "ASPA"));
                }
                if self.request.print == DumpContent::Data(DumpFormat::Csv) && keys + aspas > 0 {
                    line += " (CSV has the VRPs only)";
                }
            }
            (None, Some(delta)) => {
                let change = SetChange::Delta(delta);
                let _ = write!(line, "{} announced, {} withdrawn", change.announced(), change.withdrawn());
                if let Some(since) = self.printed {
                    let _ = write!(line, " since serial {since}");
                }
            }
            (None, None) => {}
        }
        self.progress.sum_up(&line);
    }

    /// Handles data that may not be used any more.
    fn flushed(&mut self, reason: FlushReason) -> ControlFlow<()> {
        self.printed = None;
        self.progress.note(&format!("the data may not be used any more: {reason}"));
        if self.output.replaces() {
            return ControlFlow::Continue(());
        }
        let line = match self.request.print {
            DumpContent::Data(DumpFormat::Json) => {
                format!("{{ \"flushed\": {:?} }}\n", reason.to_string())
            }
            DumpContent::Data(DumpFormat::Text | DumpFormat::Csv) | DumpContent::Pdus => {
                format!("= flushed: {reason}\n")
            }
        };
        let written = self.output.stream().and_then(|stream| stream.write_all(line.as_bytes()));
        self.wrote(written)
    }

    /// Handles the end of a connection, or that there was none.
    fn ended(&mut self, why: ConnectionEnd, reconnect: Reconnect) -> ControlFlow<()> {
        let error = self.error.take();
        if self.request.print == DumpContent::Pdus {
            let mut text = String::new();
            let (sent, received) = (std::mem::take(&mut self.sent), std::mem::take(&mut self.received));
            sent.end(|frame| print(&mut text, Direction::Sent, frame));
            received.end(|frame| print(&mut text, Direction::Received, frame));
            let _ = writeln!(text, "= {}", failure::reason(why, error.as_ref()));
            let written = self.output.stream().and_then(|stream| stream.write_all(text.as_bytes()));
            self.wrote(written)?;
        }
        let report = std::mem::take(&mut self.report);
        let at = match reconnect {
            Reconnect::AtOnce => return ControlFlow::Continue(()),
            Reconnect::At(at) => at,
            // The outcome was sent before.
            Reconnect::Never => return ControlFlow::Break(()),
        };
        if !self.progress.is_complete() {
            let failure = failure::ended(&EndedConnection {
                url: self.progress.url(),
                why,
                error: error.as_ref(),
                report: &report,
                versions: self.request.versions,
                has_answered: self.has_answered,
                records: self.progress.records(),
            });
            return self.end(Err(failure));
        }
        let why = failure::reason(why, error.as_ref());
        let seconds = at.0.saturating_sub(self.clock.now().0).div_ceil(1_000);
        self.progress.note(&format!("{why}{report}; trying again in {seconds} s"));
        self.is_lost = true;
        ControlFlow::Continue(())
    }
}

/// Prints the set, or the changes, as requested.
fn print_update(
    format: DumpFormat,
    request: &DumpRequest,
    output: &mut Output,
    origin: Provenance<'_>,
    printed: Option<Serial>,
    update: &Update,
) -> io::Result<()> {
    // Without --follow, and to a file that is kept current, the whole set is written.
    if let Some(image) = &update.image
        && (!request.follow || output.replaces())
    {
        return output.document(|out| match format {
            DumpFormat::Json => write_json(out, &origin, image),
            DumpFormat::Csv => write_csv(out, image),
            DumpFormat::Text => write_text(out, &origin, image),
        });
    }
    let (change, since) = match (&update.delta, &update.image) {
        (Some(delta), _) => (SetChange::Delta(delta), printed),
        (None, Some(image)) => (SetChange::Whole(image), None),
        (None, None) => return Ok(()),
    };
    let lines = if request.follow { JsonLayout::SingleLine } else { JsonLayout::RecordPerLine };
    output.document(|out| match format {
        DumpFormat::Json => write_json_changes(out, &origin, since, change, lines),
        DumpFormat::Text | DumpFormat::Csv => write_text_changes(out, &origin, change),
    })
}

impl Follower for Dump {
    fn event(&mut self, _session: &ClientSession, event: ClientEvent) -> ControlFlow<()> {
        if self.outcome_sender.is_none() {
            // A line could not be written.
            return ControlFlow::Break(());
        }
        match event {
            ClientEvent::Asked { .. } => self.progress.asked(),
            ClientEvent::Updated(update) => return self.updated(&update),
            ClientEvent::NoData if !self.progress.is_complete() => {
                let failure = failure::no_data(self.progress.url());
                return self.end(Err(failure));
            }
            ClientEvent::NoData => self.progress.note("the cache has no data any more; it is asked again"),
            ClientEvent::CacheReset => {
                if let Some((session, serial)) = self.request.since
                    && !self.progress.is_complete()
                {
                    let failure = failure::reset(self.progress.url(), session, serial);
                    return self.end(Err(failure));
                }
            }
            ClientEvent::PeerReported(report) => {
                let part = |what: &str, text: &str| match text {
                    "" => String::new(),
                    text => format!(", {what} \"{text}\""),
                };
                // A refused version comes with the query, whose octets are of no interest.
                let is_of_version = report.code == Some(ErrorCode::UnsupportedProtocolVersion.number());
                let about = if is_of_version { "" } else { &report.about };
                self.report = part("about", about) + &part("saying", &report.text);
            }
            ClientEvent::TimersAdjusted { got: [refresh, retry, expire], used } => {
                let (r, y, e) = (used.refresh(), used.retry(), used.expire());
                self.progress.note(&format!(
                    "the cache's timers break the rules: refresh {refresh}, retry {retry} and expire {expire} s \
                     count as {r}, {y} and {e}"
                ));
            }
            ClientEvent::Flushed(reason) => return self.flushed(reason),
            ClientEvent::Ended { why, reconnect } => return self.ended(why, reconnect),
            ClientEvent::Negotiated(version) => {
                self.has_answered = true;
                self.progress.answered();
                if std::mem::take(&mut self.is_lost) {
                    self.progress.note(&format!("connected again, version {version}"));
                }
            }
            ClientEvent::SteppedDown(_) | ClientEvent::Notified(_) | ClientEvent::Reported { .. } => {}
        }
        ControlFlow::Continue(())
    }

    fn not_connected(&mut self, error: io::Error) {
        self.error = Some(error);
    }

    fn octets(&mut self, direction: Direction, octets: &[u8]) {
        if self.request.print == DumpContent::Pdus {
            let mut text = String::new();
            let framer = match direction {
                Direction::Sent => &mut self.sent,
                Direction::Received => &mut self.received,
            };
            framer.push(octets, |frame| print(&mut text, direction, frame));
            let written = self.output.stream().and_then(|stream| stream.write_all(text.as_bytes()));
            // The loop that calls this runs until it is dropped.
            let _ = self.wrote(written);
        }
        if direction == Direction::Received && !self.progress.is_complete() {
            self.progress.received(octets);
        }
    }
}
