//! Runs a story against a [`ClientSession`] and writes down what it does.
//!
//! A line of a story is one of
//!
//! ```text
//! connect | refuse                           the connection that the router asks for is established, or fails
//! > v1 cache-reset                           the cache sends a PDU
//! >> 01 08 0000 00000008                     ... or octets
//! >= v1 7 5 ipv4 + 10.0.0.0/8-24 AS1; ...    ... or a whole response: session 7, serial 5, and payload
//! drip v1 cache-reset                        ... or a PDU one octet at a time
//! end                                        the cache ends its side, or the connection breaks
//! stalled | refresh | stop
//! at 60000                                   it is so many milliseconds after the start, and `tick` is called
//! later 60000                                ... and `tick` is not called: its next input or output has the time
//! wait                                       it is the moment that the router waits for, and `tick` is called
//! hold                                       from here on complete responses are not applied ...
//! go                                         ... and from here on they are again
//! no-memory                                  ... or the one that is held can't be
//! ```
//!
//! What happens is written down as `< v1 ...` for a PDU, `= connect`, `= close`, `= apply` for a response that is held,
//! `= waits 60000` (the moment, where it changes), `! ...` for an event, and `= data ...` behind one that concerns them.

use expect_test::Expect;
use rtrcast_proto::{
    Answer, Changes, ClientData, ClientEvent, ClientOutput, ClientPolicy, ClientSession, Delta, Header, Image, Moment,
    Pdu, PduType, Reconnect, Section, Serial, SessionId, Timing, Update, Version, VersionRange, wire,
};
use std::fmt::Write as _;

pub(crate) struct Story {
    session: ClientSession,
    now: Moment,
    log: String,
    waits: Option<u64>,
    holding: bool,
    held: Option<Box<Changes>>,
    wanted: bool,
    connected: bool,
    /// True if the cache sent an Error Report on this connection that is not of the kinds that leave it open.
    was_reported: bool,
}

/// Runs a story of a router that speaks all versions and holds nothing.
pub(crate) fn check(story: &str, expect: Expect) {
    check_up_to(Version::V2, story, expect);
}

/// The same for a router that speaks versions up to `max`.
pub(crate) fn check_up_to(max: Version, story: &str, expect: Expect) {
    Story::new(up_to(max)).run(story, expect);
}

/// Runs a story of a router that speaks versions up to `max`, is connected, and holds `10.0.0.0/8-24 AS64496` as serial
/// 5 of session 7 in that version.
pub(crate) fn check_synced(max: Version, story: &str, expect: Expect) {
    Story::synced(max).run(story, expect);
}

/// Runs a story of a router that holds these data, and whose connection was lost a second ago, so that it is
/// connecting again.
pub(crate) fn check_again(max: Version, story: &str, expect: Expect) {
    Story::again(max).run(story, expect);
}

pub(crate) fn up_to(max: Version) -> VersionRange {
    VersionRange::new(Version::V0, max).expect("a range from 0")
}

impl Story {
    pub(crate) fn new(versions: VersionRange) -> Story {
        Story::with_policy(ClientPolicy { versions, ..ClientPolicy::default() })
    }

    pub(crate) fn with_policy(policy: ClientPolicy) -> Story {
        Story::of(ClientSession::new(Moment(0), policy, 0))
    }

    pub(crate) fn of(session: ClientSession) -> Story {
        let mut story = Story {
            session,
            now: Moment(0),
            log: String::new(),
            waits: None,
            holding: false,
            held: None,
            wanted: false,
            connected: false,
            was_reported: false,
        };
        story.drain();
        story
    }

    pub(crate) fn synced(max: Version) -> Story {
        Story::new(up_to(max)).tell(&format!("connect\n>= v{max} 7 5 ipv4 + 10.0.0.0/8-24 AS64496"))
    }

    pub(crate) fn again(max: Version) -> Story {
        Story::synced(max).tell("end\nwait")
    }

    /// Runs lines without writing down what they do.
    pub(crate) fn tell(mut self, lines: &str) -> Story {
        for line in lines.lines() {
            self.line(line.trim());
        }
        self.log.clear();
        self
    }

    /// Octets come from the cache.
    pub(crate) fn receive(&mut self, octets: &[u8]) {
        self.session.receive(self.now, octets);
        self.drain();
    }

    pub(crate) fn session(&self) -> &ClientSession {
        &self.session
    }

    pub(crate) fn log(&self) -> &str {
        &self.log
    }

    pub(crate) fn run(self, story: &str, expect: Expect) {
        expect.assert_eq(&self.log_of(story));
    }

    pub(crate) fn log_of(mut self, story: &str) -> String {
        for line in story.lines().map(str::trim).filter(|line| !line.is_empty()) {
            writeln!(self.log, "{}", shortened(line)).unwrap();
            self.line(line);
        }
        self.log
    }

    fn line(&mut self, line: &str) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "connect" => {
                assert!(self.wanted, "it is only connected when it asks for that");
                self.wanted = false;
                self.connected = true;
                self.was_reported = false;
                self.session.connected(self.now);
            }
            "refuse" => {
                assert!(self.wanted, "it asked for a connection");
                self.wanted = false;
                self.session.not_connected(self.now);
            }
            ">" => self.session.receive(self.now, &wire::parse_line(rest).unwrap()),
            ">>" => self.session.receive(self.now, &wire::parse_hex(rest).unwrap()),
            ">=" => self.session.receive(self.now, &response(rest)),
            "drip" => {
                for octet in wire::parse_line(rest).unwrap() {
                    self.session.receive(self.now, &[octet]);
                    self.drain();
                }
            }
            "end" => self.session.input_ended(self.now),
            "not-accepted" => self.session.not_accepted(self.now),
            "stalled" => self.session.stalled(self.now),
            "refresh" => self.session.refresh(self.now),
            "stop" => self.session.stop(self.now),
            "at" => self.tick_at(rest.parse().unwrap()),
            "wait" => {
                let at = self.waits.expect("it waits for a moment");
                self.tick_at(at);
            }
            "later" => self.now = Moment(rest.parse().unwrap()),
            "hold" => self.holding = true,
            "go" => {
                self.holding = false;
                if let Some(changes) = self.held.take() {
                    let applied = changes.apply(Vec::new()).unwrap();
                    self.session.applied(self.now, applied);
                }
            }
            "no-memory" => {
                self.held = None;
                self.session.not_applied(self.now);
            }
            _ => panic!("not a line of a story: {line}"),
        }
        self.drain();
    }

    fn tick_at(&mut self, now: u64) {
        self.now = Moment(now);
        self.session.tick(self.now);
    }

    fn drain(&mut self) {
        loop {
            match self.session.next(self.now) {
                ClientOutput::Connect => {
                    assert!(!self.connected && !self.wanted, "one connection at a time");
                    self.wanted = true;
                    self.log.push_str("= connect\n");
                }
                ClientOutput::Write(chunk) => self.write_down(chunk.octets()),
                ClientOutput::Close => {
                    assert!(self.connected, "what is closed is there");
                    self.connected = false;
                    self.held = None;
                    self.log.push_str("= close\n");
                }
                ClientOutput::Apply(changes) if self.holding => {
                    self.log.push_str("= apply\n");
                    self.held = Some(changes);
                }
                ClientOutput::Apply(changes) => {
                    let applied = changes.apply(Vec::new()).unwrap();
                    self.session.applied(self.now, applied);
                }
                ClientOutput::Event(event) => self.write_down_event(&event),
                ClientOutput::Wait(until) => {
                    assert_eq!(until, self.session.deadline());
                    assert!(until.is_none_or(|until| until > self.now), "waits for what is past");
                    if until.map(|until| until.0) != self.waits {
                        self.waits = until.map(|until| until.0);
                        match until {
                            Some(Moment(until)) => writeln!(self.log, "= waits {until}").unwrap(),
                            None => self.log.push_str("= waits\n"),
                        }
                    }
                    return;
                }
            }
        }
    }

    fn write_down(&mut self, mut octets: &[u8]) {
        assert!(self.connected, "nothing is written without a connection");
        while let Some(header) = Header::parse(octets) {
            let (pdu, rest) = octets.split_at(header.length as usize);
            let version = Version::from_octet(header.version).expect("a version of ours");
            let is_report = header.pdu_type == PduType::ErrorReport.octet();
            assert!(!(is_report && self.was_reported), "an Error Report is never answered");
            writeln!(self.log, "< {}", Pdu::decode(pdu).expect("a PDU").line(version)).unwrap();
            octets = rest;
        }
        assert!(octets.is_empty(), "what is written ends where a PDU ends");
    }

    fn write_down_event(&mut self, event: &ClientEvent) {
        let line = match event {
            // The PDU behind it shows the same.
            ClientEvent::Asked { .. } => return,
            ClientEvent::SteppedDown(version) => format!("steps down to v{version}"),
            ClientEvent::Negotiated(version) => {
                assert_eq!(self.session.version().unwrap_or(*version), *version);
                format!("speaks v{version}")
            }
            ClientEvent::Notified(serial) => format!("notified of {serial}"),
            ClientEvent::Updated(update) => format!("updated by {}", shown_update(update)),
            ClientEvent::CacheReset => "cache reset".to_owned(),
            ClientEvent::NoData => "no data".to_owned(),
            ClientEvent::TimersAdjusted { got: [refresh, retry, expire], used } => {
                format!("timers {refresh} {retry} {expire} used as {}", shown_timing(*used))
            }
            ClientEvent::PeerReported(report) => {
                self.was_reported = ![Some(2), Some(4)].contains(&report.code);
                match report.code {
                    Some(code) => format!("received error {code} \"{}\"", shortened(&report.text)),
                    None => format!("received an error \"{}\"", shortened(&report.text)),
                }
            }
            ClientEvent::Reported { code, violation: Some(violation) } => format!("reported {code}: {violation}"),
            ClientEvent::Reported { code, violation: None } => format!("reported {code}"),
            ClientEvent::Flushed(reason) => format!("flushed: {reason}"),
            ClientEvent::Ended { why, reconnect } => {
                let again = match reconnect {
                    Reconnect::AtOnce => "again at once".to_owned(),
                    Reconnect::At(at) => format!("again at {}", at.0),
                    Reconnect::Never => "never again".to_owned(),
                };
                format!("ended: {why}; {again}")
            }
        };
        writeln!(self.log, "! {line}").unwrap();
        if let ClientEvent::Updated(_) | ClientEvent::Flushed(_) = event {
            writeln!(self.log, "= data {}", self.session.data().map_or("none".to_owned(), shown_data)).unwrap();
        }
    }
}

/// The octets of a response: version, session, serial, and payload divided by semicolons. Its timers are the defaults.
pub(crate) fn response(line: &str) -> Vec<u8> {
    let mut words = line.splitn(4, ' ');
    let [version, session, serial] = [(); 3].map(|()| words.next().unwrap());
    let pdu = |line: &str| wire::parse_line(&format!("{version} {line}")).unwrap();
    let mut octets = pdu(&format!("cache-response session={session}"));
    for record in words.next().unwrap_or("").split(';').map(str::trim).filter(|record| !record.is_empty()) {
        octets.extend(pdu(record));
    }
    octets.extend(pdu(&format!("end-of-data session={session} serial={serial} refresh=3600 retry=600 expire=7200")));
    octets
}

/// The records of a set in the text form of PDUs, without version and sign.
pub(crate) fn shown_image(image: &Image) -> String {
    let records: Vec<String> =
        Section::ALL.into_iter().flat_map(|section| image.records(section).map(shown_record)).collect();
    records.join("; ")
}

fn shown_record(record: &[u8]) -> String {
    match Pdu::decode(record) {
        Ok(pdu) => pdu.line(Version::V2).trim_start_matches("v2 ").replacen(" + ", " ", 1),
        // Of an ASPA that was not held, only the customer is known.
        Err(_) => wire::hex(record),
    }
}

fn shown_data(data: &ClientData) -> String {
    let ClientData { image, session, serial, timing, received } = data;
    let (SessionId(session), Serial(serial), version) = (session, serial, image.version());
    let image = shown_image(image);
    let mut line = format!("v{version} {session} {serial} {image}").trim_end().to_owned();
    if *timing != Timing::default() {
        write!(line, " ({})", shown_timing(*timing)).unwrap();
    }
    write!(line, " until {}", data.expires().0).unwrap();
    assert!(data.expires() > *received);
    line
}

fn shown_timing(timing: Timing) -> String {
    format!("{} {} {}", timing.refresh(), timing.retry(), timing.expire())
}

fn shown_update(update: &Update) -> String {
    let answer = match update.answer {
        Answer::Full => "the whole set",
        Answer::Delta => "a delta",
        Answer::CacheReset => "a reset",
    };
    match &update.delta {
        None => answer.to_owned(),
        Some(delta) if delta.is_empty() => format!("{answer}, the same as before"),
        Some(delta) => format!("{answer}: {}", shown_delta(delta)),
    }
}

fn shown_delta(delta: &Delta) -> String {
    let mut changes = Vec::new();
    for section in Section::ALL {
        changes.extend(delta.removed(section).map(|record| format!("- {}", shown_record(record))));
        changes.extend(delta.added(section).map(|record| format!("+ {}", shown_record(record))));
    }
    changes.join("; ")
}

fn shortened(line: &str) -> String {
    match line.char_indices().nth(200) {
        Some((at, _)) => format!("{}... ({} octets)", line.get(..at).unwrap_or_default(), line.len()),
        None => line.to_owned(),
    }
}
