//! A router that only asks what changed, and one that is stopped: their queries and events.

#![expect(clippy::unwrap_used, reason = "a helper of tests that fails should fail the test")]

use rtrcast_proto::{
    ClientEvent, ClientOutput, ClientPolicy, ClientSession, Moment, Pdu, Section, Serial, SessionId, Update, Version,
    wire,
};

fn probe() -> ClientSession {
    ClientSession::probe(Moment(0), ClientPolicy::default(), 1, SessionId(7), Serial(8))
}

fn receive(session: &mut ClientSession, lines: &[&str]) {
    let octets: Vec<u8> = lines.iter().flat_map(|line| wire::parse_line(line).unwrap()).collect();
    session.receive(Moment(0), &octets);
}

/// Carries out the session's outputs; returns the PDUs that it sends and its update.
fn drive(session: &mut ClientSession) -> (Vec<String>, Option<Update>) {
    let (mut sent, mut updated) = (Vec::new(), None);
    loop {
        match session.next(Moment(0)) {
            ClientOutput::Connect => session.connected(Moment(0)),
            ClientOutput::Write(chunk) => {
                let version = Version::from_octet(chunk.octets()[0]).unwrap();
                sent.push(Pdu::decode(chunk.octets()).unwrap().line(version));
            }
            ClientOutput::Close => sent.push("close".to_owned()),
            ClientOutput::Apply(changes) => {
                let Ok(applied) = changes.apply(Vec::new());
                session.applied(Moment(0), applied);
            }
            ClientOutput::Event(ClientEvent::Updated(update)) => updated = Some(update),
            ClientOutput::Event(_) => {}
            ClientOutput::Wait(_) => return (sent, updated),
        }
    }
}

const CHANGES_V1: [&str; 3] = [
    "v1 cache-response session=7",
    "v1 ipv4 - 192.0.2.0/24-24 AS64496",
    "v1 end-of-data session=7 serial=9 refresh=3600 retry=600 expire=7200",
];

fn assert_changes(update: &Update) {
    assert_eq!((update.version, update.session, update.serial), (Version::V1, SessionId(7), Serial(9)));
    assert!(update.image.is_none());
    assert_eq!(update.delta.as_ref().unwrap().withdrawn(Section::Ipv4Prefix), 1);
}

#[test]
fn what_changed_is_asked_again_in_the_version_that_is_named() {
    let mut session = probe();
    assert_eq!(drive(&mut session).0, ["v2 serial-query session=7 serial=8"]);
    receive(&mut session, &["v1 error 4 \"supported versions 0-1\" copy="]);
    assert_eq!(drive(&mut session).0, ["v1 serial-query session=7 serial=8"]);
    receive(&mut session, &CHANGES_V1);
    let (sent, update) = drive(&mut session);
    assert!(sent.is_empty(), "{sent:?}");
    assert_changes(&update.unwrap());
}

#[test]
fn what_changed_may_be_answered_in_a_lower_version() {
    let mut session = probe();
    drive(&mut session);
    receive(&mut session, &CHANGES_V1);
    assert_changes(&drive(&mut session).1.unwrap());
}

#[test]
fn what_changed_is_asked_lower_when_the_cache_closes_without_a_word() {
    let mut session = probe();
    drive(&mut session);
    session.input_ended(Moment(0));
    assert_eq!(drive(&mut session).0, ["close", "v1 serial-query session=7 serial=8"]);
}

#[test]
fn a_session_that_is_stopped_asks_nothing_more() {
    let mut session = probe();
    drive(&mut session);
    receive(&mut session, &["v2 cache-reset"]);
    // The Reset Query that would follow is not out yet.
    session.stop(Moment(0));
    assert_eq!(drive(&mut session).0, ["close"]);
    assert!(session.is_stopped());
}

#[test]
fn an_update_is_complete_by_itself_though_a_violation_follows() {
    let mut session = ClientSession::new(Moment(0), ClientPolicy::default(), 1);
    drive(&mut session);
    receive(
        &mut session,
        &[
            "v2 cache-response session=7",
            "v2 ipv4 + 192.0.2.0/24-24 AS64496",
            "v2 end-of-data session=7 serial=9 refresh=3600 retry=600 expire=7200",
            "v2 cache-response session=7",
        ],
    );
    let update = drive(&mut session).1.unwrap();
    assert!(session.data().is_none());
    assert_eq!((update.version, update.session, update.serial), (Version::V2, SessionId(7), Serial(9)));
    assert_eq!(update.timing.refresh(), 3_600);
    assert_eq!(update.image.unwrap().layout().records(), 1);
}
