//! Runs a story against a [`ServerSession`] and writes down what it does.
//!
//! A line of a story is one of
//!
//! ```text
//! set ipv4 10.0.0.0/8-24 AS1; aspa AS1 AS2   publish this data set (nothing after "set": an empty one)
//! withhold                                   no data are served until the next set, since they are too old
//! ids 1000                                   another line of session ids, with the same data
//! cut                                        all images but the current one are too old to be read
//! > v1 reset-query                           the router sends a PDU
//! >> 01 02 0000 00000008                     ... or octets
//! drip v1 reset-query                        ... one octet at a time
//! end | stop restart | stop shutdown | stalled | dismiss not-admitted | dismiss displaced
//! at 60000                                   it is so many milliseconds after the start, and `tick` is called
//! later 60000                                ... and `tick` is not called: its next input or output has the time
//! hold                                       from here on, writes are not completed and wants not fulfilled ...
//! next                                       ... but this many steps are: one
//! go                                         ... and from here on all are again
//! ```
//!
//! What happens is written down as `< v1 ...` for a PDU, `= close`, `= wants ...`, `= waits 60000` (the moment), and with
//! [`Story::events`] also `! ...` for an event.

use expect_test::Expect;
use rtrcast_proto::{
    Action, Aspa, Dismissal, Header, History, HistoryLimits, Image, ImageWriter, Moment, Pdu, Publication, RouteOrigin,
    RouterKey, Section, Serial, ServerEvent, ServerOutput, ServerPolicy, ServerSession, SessionIds, Stop, Timing,
    Version, VersionRange, View, wire,
};
use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

/// The first session id: version 0 has it, version 1 the next one, version 2 the one three further on.
pub(crate) const IDS: u16 = 0x1234;

pub(crate) struct Story {
    session: ServerSession,
    history: History,
    view: Arc<View>,
    now: Moment,
    log: String,
    pending: Vec<u8>,
    holding: bool,
    steps: usize,
    show_events: bool,
    /// True if a set was so large that its prefixes are only counted.
    large: bool,
    run_of_prefixes: usize,
    closed: bool,
}

/// Runs a story from a cache of all versions that serves `10.0.0.0/8-24 AS64496` as serial 7.
pub(crate) fn check(story: &str, expect: Expect) {
    Story::new(VersionRange::ALL).tell("set ipv4 10.0.0.0/8-24 AS64496").run(story, expect);
}

/// The same for a cache that sends code 12 to routers of version 2 when it restarts.
pub(crate) fn check_telling_restarts(story: &str, expect: Expect) {
    let policy = ServerPolicy::default().sending_cache_restart();
    Story::with_policy(policy, 7).tell("set ipv4 10.0.0.0/8-24 AS64496").run(story, expect);
}

/// A cache that answers at once that there are no data, rather than hold a query.
pub(crate) fn holding_nothing() -> Story {
    Story::with_policy(ServerPolicy::default().with_hold(Duration::ZERO), 7)
}

/// The same for a cache that serves versions up to `max`.
pub(crate) fn check_up_to(max: Version, story: &str, expect: Expect) {
    let versions = VersionRange::new(Version::V0, max).expect("a range from 0");
    Story::new(versions).tell("set ipv4 10.0.0.0/8-24 AS64496").run(story, expect);
}

impl Story {
    pub(crate) fn new(versions: VersionRange) -> Story {
        Story::starting_at(versions, 7)
    }

    pub(crate) fn starting_at(versions: VersionRange, serial: u32) -> Story {
        Story::with_policy(ServerPolicy::new(versions), serial)
    }

    pub(crate) fn with_policy(policy: ServerPolicy, serial: u32) -> Story {
        let mut history =
            History::new(HistoryLimits::default(), SessionIds::new(IDS), Timing::default(), Serial(serial));
        let view = Arc::new(history.view(0));
        Story {
            session: ServerSession::new(Moment(0), policy, Arc::clone(&view)),
            history,
            view,
            now: Moment(0),
            log: String::new(),
            pending: Vec::new(),
            holding: false,
            steps: 0,
            show_events: false,
            large: false,
            run_of_prefixes: 0,
            closed: false,
        }
    }

    /// Writes down events as well.
    pub(crate) fn events(mut self) -> Story {
        self.show_events = true;
        self
    }

    /// Runs lines without writing down what they do.
    pub(crate) fn tell(mut self, lines: &str) -> Story {
        for line in lines.lines() {
            self.line(line.trim());
        }
        self.log.clear();
        self
    }

    pub(crate) fn run(mut self, story: &str, expect: Expect) {
        self.log.clear();
        for line in story.lines().map(str::trim).filter(|line| !line.is_empty()) {
            writeln!(self.log, "{line}").unwrap();
            self.line(line);
        }
        assert!(self.pending.is_empty(), "what is written ends where a PDU ends");
        expect.assert_eq(&self.log);
    }

    fn line(&mut self, line: &str) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "set" => self.publish(rest),
            "withhold" => {
                self.history.withhold();
                self.show_view(0);
            }
            "ids" => self.change_ids(rest.parse().unwrap()),
            "cut" => self.show_view(self.history.generation()),
            ">" => self.session.receive(self.now, &wire::parse_line(rest).unwrap()),
            ">>" => self.session.receive(self.now, &wire::parse_hex(rest).unwrap()),
            "drip" => {
                for octet in wire::parse_line(rest).unwrap() {
                    self.session.receive(self.now, &[octet]);
                    self.drain();
                }
            }
            "end" => self.session.input_ended(self.now),
            "stop" => {
                let stop = if rest == "restart" { Stop::Restart } else { Stop::Shutdown };
                self.session.stop(self.now, stop);
            }
            "dismiss" => {
                let dismissal = match rest {
                    "displaced" => Dismissal::Displaced,
                    "requested" => Dismissal::Requested,
                    "not-admitted" => Dismissal::NotAdmitted,
                    other => panic!("no dismissal is called {other:?}"),
                };
                self.session.dismiss(self.now, dismissal);
            }
            "stalled" => self.session.stalled(self.now),
            "at" => {
                self.now = Moment(rest.parse().unwrap());
                self.session.tick(self.now);
            }
            "later" => self.now = Moment(rest.parse().unwrap()),
            "hold" => self.holding = true,
            "next" => self.steps = 1,
            "go" => self.holding = false,
            _ => panic!("not a line of a story: {line}"),
        }
        self.drain();
    }

    fn publish(&mut self, records: &str) {
        let image = image(Version::V1, records);
        self.large |= image.layout().records() > 100;
        match self.history.publish(image) {
            Publication::First | Publication::Same | Publication::Changed(_) => {}
        }
        self.show_view(0);
    }

    fn show_view(&mut self, oldest_readable: u64) {
        self.view = Arc::new(self.history.view(oldest_readable));
        self.session.data_changed(self.now, Arc::clone(&self.view));
    }

    /// A cache that lost its history, under open connections.
    fn change_ids(&mut self, base: u16) {
        let mut history =
            History::new(HistoryLimits::default(), SessionIds::new(base), Timing::default(), Serial(1_000));
        history.publish(self.history.current().expect("there are data").clone());
        // Sessions take no older view for a newer one.
        while history.view(0).revision() <= self.view.revision() {}
        self.history = history;
        self.show_view(0);
    }

    fn drain(&mut self) {
        while !self.holding || self.steps > 0 {
            match self.session.next(self.now) {
                ServerOutput::Write(chunk) => {
                    self.steps = self.steps.saturating_sub(1);
                    self.pending.extend_from_slice(chunk.octets());
                    self.write_down();
                    assert!(self.pending.is_empty(), "a chunk ends where a PDU ends");
                    assert_eq!(chunk.pdus(), pdus(chunk.octets()), "PDUs in {chunk:?}");
                }
                ServerOutput::Event(event) if self.show_events => writeln!(self.log, "! {}", shown(&event)).unwrap(),
                ServerOutput::Event(_) => {}
                ServerOutput::Want(want) => {
                    self.steps = self.steps.saturating_sub(1);
                    writeln!(self.log, "= wants {want:?}").unwrap();
                    if !self.holding {
                        let view: Result<View, Infallible> = self.view.with(want, Vec::new);
                        self.view = Arc::new(view.unwrap());
                        self.session.data_changed(self.now, Arc::clone(&self.view));
                    }
                }
                ServerOutput::Close => {
                    self.log.push_str("= close\n");
                    assert!(
                        matches!(self.session.next(self.now), ServerOutput::Wait(None)),
                        "nothing comes after the close"
                    );
                    return;
                }
                ServerOutput::Wait(until) => {
                    assert_eq!(until, self.session.deadline());
                    if let Some(Moment(until)) = until {
                        assert!(until > self.now.0, "waits for what is past");
                        writeln!(self.log, "= waits {until}").unwrap();
                    }
                    self.steps = 0;
                    return;
                }
            }
        }
    }

    fn write_down(&mut self) {
        while let Some(header) = Header::parse(&self.pending) {
            let pdu: Vec<u8> = self.pending.drain(..header.length as usize).collect();
            let version = Version::from_octet(header.version).expect("a version of ours");
            let pdu = Pdu::decode(&pdu).expect("a PDU");
            if self.large && matches!(pdu, Pdu::Prefix { .. }) {
                self.run_of_prefixes += 1;
                continue;
            }
            self.write_down_run();
            writeln!(self.log, "< {}", pdu.line(version)).unwrap();
        }
        self.write_down_run();
    }

    /// Large sets are counted, chunk by chunk.
    fn write_down_run(&mut self) {
        let count = std::mem::take(&mut self.run_of_prefixes);
        if count > 0 {
            writeln!(self.log, "< {count} prefixes").unwrap();
        }
    }

    /// Octets come; what the session does about it waits.
    pub(crate) fn receive(&mut self, hex: &str) {
        self.session.receive(self.now, &wire::parse_hex(hex).unwrap());
    }

    pub(crate) fn wants_input(&self) -> bool {
        self.session.wants_input()
    }

    /// Octets come: the octets that the session sends.
    pub(crate) fn sent_for(&mut self, hex: &str) -> Vec<u8> {
        self.receive(hex);
        self.sent()
    }

    /// It is later: how many octets the session sends.
    pub(crate) fn at(&mut self, now: u64) -> usize {
        self.now = Moment(now);
        self.session.tick(self.now);
        self.sent().len()
    }

    pub(crate) fn has_asked(&self) -> bool {
        self.session.has_asked()
    }

    pub(crate) fn deadline(&self) -> Option<u64> {
        self.session.deadline().map(|moment| moment.0)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    fn sent(&mut self) -> Vec<u8> {
        let mut sent = Vec::new();
        loop {
            match self.session.next(self.now) {
                ServerOutput::Write(chunk) => {
                    assert_eq!(chunk.pdus(), pdus(chunk.octets()), "PDUs in {chunk:?}");
                    sent.extend_from_slice(chunk.octets());
                }
                ServerOutput::Event(_) => {}
                ServerOutput::Want(want) => {
                    let view: Result<View, Infallible> = self.view.with(want, Vec::new);
                    self.session.data_changed(self.now, Arc::new(view.unwrap()));
                }
                ServerOutput::Close => self.closed = true,
                ServerOutput::Wait(_) => return sent,
            }
        }
    }
}

/// The PDUs in these octets, counted one by one.
fn pdus(mut octets: &[u8]) -> u32 {
    let mut pdus = 0;
    while let Some([_, _, _, _, a, b, c, d]) = octets.first_chunk::<8>() {
        octets = &octets[u32::from_be_bytes([*a, *b, *c, *d]) as usize..];
        pdus += 1;
    }
    pdus
}

fn shown(event: &ServerEvent) -> String {
    match event {
        ServerEvent::Negotiated(profile) => format!("negotiated {profile}"),
        ServerEvent::Reported { code, violation: Some(violation) } => format!("reported {code}: {violation}"),
        ServerEvent::Reported { code, violation: None } => format!("reported {code}"),
        ServerEvent::PeerReported(report) => format!("the router {report}"),
        ServerEvent::Closing(reason) => format!("closing: {reason}"),
        other => format!("{other:?}"),
    }
}

/// An image of records in the text form of PDUs, without version and sign, divided by semicolons.
pub(crate) fn image(version: Version, records: &str) -> Image {
    let mut pdus: Vec<Vec<u8>> = records
        .split(';')
        .map(str::trim)
        .filter(|record| !record.is_empty())
        .map(|record| {
            let (name, rest) = record.split_once(' ').unwrap();
            wire::parse_line(&format!("v2 {name} + {rest}")).unwrap()
        })
        .collect();
    pdus.sort_by(|a, b| section_of(a).cmp(&section_of(b)).then_with(|| order(a, b)));
    let mut writer = ImageWriter::new(version, Vec::new());
    for pdu in &pdus {
        match Pdu::decode(pdu).unwrap() {
            Pdu::Prefix { action: Action::Announce, origin } => writer.origin(&origin),
            Pdu::RouterKey { action: Action::Announce, key } => writer.router_key(&key),
            Pdu::Aspa { action: Action::Announce, customer, providers } => {
                writer.aspa(&Aspa::new(customer, providers).unwrap())
            }
            other => panic!("no record: {other:?}"),
        }
        .unwrap_or_else(|never| match never {});
    }
    writer.finish().unwrap()
}

fn section_of(pdu: &[u8]) -> Section {
    Section::ALL.into_iter().find(|section| section.pdu_type().octet() == pdu[1]).unwrap()
}

/// The order of 8210bis section 11.2 for announcements, written from the text and apart from the crate's own.
pub(crate) fn order(a: &[u8], b: &[u8]) -> std::cmp::Ordering {
    let prefix = |origin: RouteOrigin| {
        let addr = match origin.prefix().addr() {
            std::net::IpAddr::V4(addr) => u128::from(addr.to_bits()),
            std::net::IpAddr::V6(addr) => addr.to_bits(),
        };
        (addr, origin.max_len(), origin.prefix().len(), origin.asn())
    };
    let key = |key: RouterKey<'_>| (key.ski(), key.spki().len(), key.spki().to_vec(), key.asn());
    match (Pdu::decode(a).unwrap(), Pdu::decode(b).unwrap()) {
        (Pdu::Prefix { origin: a, .. }, Pdu::Prefix { origin: b, .. }) => prefix(b).cmp(&prefix(a)),
        (Pdu::RouterKey { key: a, .. }, Pdu::RouterKey { key: b, .. }) => key(a).cmp(&key(b)),
        (Pdu::Aspa { customer: a, .. }, Pdu::Aspa { customer: b, .. }) => a.cmp(&b),
        (a, b) => panic!("not of one type: {a:?} {b:?}"),
    }
}
