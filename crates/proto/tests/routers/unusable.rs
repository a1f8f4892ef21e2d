//! PDUs that a cache may send, and no router should use: invalid ASPAs, endless notifies, and what is left of an
//! earlier connection.

use crate::story::{check, check_synced};
use expect_test::expect;
use rtrcast_proto::{ClientEvent, ClientOutput, ClientPolicy, ClientSession, Moment, Version, wire};

#[test]
fn an_aspa_of_as_0_or_of_its_own_provider_is_left_out() {
    check(
        "connect\n> v2 cache-response session=7\n> v2 aspa + AS0 AS5\n> v2 aspa + AS4 AS4,AS5\n> v2 aspa + AS6 AS5\n\
         > v2 end-of-data session=7 serial=5 refresh=3600 retry=600 expire=7200",
        expect![[r#"
            = connect
            connect
            < v2 reset-query
            = waits 60000
            > v2 cache-response session=7
            ! speaks v2
            > v2 aspa + AS0 AS5
            > v2 aspa + AS4 AS4,AS5
            > v2 aspa + AS6 AS5
            > v2 end-of-data session=7 serial=5 refresh=3600 retry=600 expire=7200
            ! updated by the whole set
            = data v2 7 5 aspa AS6 AS5 until 7200000
            = waits 3600000
        "#]],
    );
}

#[test]
fn beside_a_good_one_of_the_same_customer_it_is_one_too_many() {
    let end = "> v2 end-of-data session=7 serial=5 refresh=3600 retry=600 expire=7200";
    let story = format!("connect\n> v2 cache-response session=7\n> v2 aspa + AS5 AS4\n> v2 aspa + AS5 AS5\n{end}");
    check(
        &story,
        expect![[r#"
        = connect
        connect
        < v2 reset-query
        = waits 60000
        > v2 cache-response session=7
        ! speaks v2
        > v2 aspa + AS5 AS4
        > v2 aspa + AS5 AS5
        > v2 end-of-data session=7 serial=5 refresh=3600 retry=600 expire=7200
        ! reported 7 (Duplicate Announcement Received): the record was announced before
        ! ended: the cache broke the protocol: the record was announced before; again at 652998
        < v2 error 7 "the record was announced before" copy=020b0100000000100000000500000004
        = close
        = waits 652998
    "#]],
    );
}

#[test]
fn its_withdrawal_and_its_correction_are_no_errors() {
    check_synced(
        Version::V2,
        "refresh\n>= v2 7 6 aspa + AS4 AS4; aspa + AS6 AS5\n\
         refresh\n>= v2 7 7 aspa - AS4; aspa + AS6 AS6\n\
         refresh\n>= v2 7 8 aspa + AS6 AS5; aspa + AS4 AS4\n\
         refresh\n>= v2 7 9 aspa + AS4 AS5\n\
         refresh\n>= v2 7 10 aspa - AS4; aspa - AS6",
        expect![[r#"
            refresh
            < v2 serial-query session=7 serial=5
            = waits 60000
            >= v2 7 6 aspa + AS4 AS4; aspa + AS6 AS5
            ! updated by a delta: + aspa AS6 AS5
            = data v2 7 6 ipv4 10.0.0.0/8-24 AS64496; aspa AS6 AS5 until 7200000
            = waits 3600000
            refresh
            < v2 serial-query session=7 serial=6
            = waits 60000
            >= v2 7 7 aspa - AS4; aspa + AS6 AS6
            ! updated by a delta: - aspa AS6 AS5
            = data v2 7 7 ipv4 10.0.0.0/8-24 AS64496 until 7200000
            = waits 3600000
            refresh
            < v2 serial-query session=7 serial=7
            = waits 60000
            >= v2 7 8 aspa + AS6 AS5; aspa + AS4 AS4
            ! updated by a delta: + aspa AS6 AS5
            = data v2 7 8 ipv4 10.0.0.0/8-24 AS64496; aspa AS6 AS5 until 7200000
            = waits 3600000
            refresh
            < v2 serial-query session=7 serial=8
            = waits 60000
            >= v2 7 9 aspa + AS4 AS5
            ! updated by a delta: + aspa AS4 AS5
            = data v2 7 9 ipv4 10.0.0.0/8-24 AS64496; aspa AS4 AS5; aspa AS6 AS5 until 7200000
            = waits 3600000
            refresh
            < v2 serial-query session=7 serial=9
            = waits 60000
            >= v2 7 10 aspa - AS4; aspa - AS6
            ! updated by a delta: - aspa AS4 AS5; - aspa AS6 AS5
            = data v2 7 10 ipv4 10.0.0.0/8-24 AS64496 until 7200000
            = waits 3600000
        "#]],
    );
    // Only once, though.
    check_synced(
        Version::V2,
        "refresh\n>= v2 7 6 aspa + AS4 AS4\nrefresh\n>= v2 7 7 aspa - AS4; aspa - AS4",
        expect![[r#"
            refresh
            < v2 serial-query session=7 serial=5
            = waits 60000
            >= v2 7 6 aspa + AS4 AS4
            ! updated by a delta, the same as before
            = data v2 7 6 ipv4 10.0.0.0/8-24 AS64496 until 7200000
            = waits 3600000
            refresh
            < v2 serial-query session=7 serial=6
            = waits 60000
            >= v2 7 7 aspa - AS4; aspa - AS4
            ! reported 6 (Withdrawal of Unknown Record): the withdrawn record is not there
            ! flushed: the cache broke the protocol: the withdrawn record is not there
            = data none
            ! ended: the cache broke the protocol: the withdrawn record is not there; again at 652998
            < v2 error 6 "the withdrawn record is not there" copy=020b00000000000c00000004
            = close
            = waits 652998
        "#]],
    );
}

#[test]
fn a_cache_that_notifies_of_what_it_does_not_have_is_asked_once_a_second() {
    check_synced(
        Version::V2,
        "> v2 serial-notify session=7 serial=9\n>= v2 7 5\n> v2 serial-notify session=7 serial=9\n\
         > v2 serial-notify session=7 serial=10\nwait\n>= v2 7 5",
        expect![[r#"
            > v2 serial-notify session=7 serial=9
            ! notified of 9
            < v2 serial-query session=7 serial=5
            = waits 60000
            >= v2 7 5
            ! updated by a delta, the same as before
            = data v2 7 5 ipv4 10.0.0.0/8-24 AS64496 until 7200000
            = waits 3600000
            > v2 serial-notify session=7 serial=9
            ! notified of 9
            = waits 1000
            > v2 serial-notify session=7 serial=10
            ! notified of 10
            wait
            < v2 serial-query session=7 serial=5
            = waits 61000
            >= v2 7 5
            ! updated by a delta, the same as before
            = data v2 7 5 ipv4 10.0.0.0/8-24 AS64496 until 7201000
            = waits 3601000
        "#]],
    );
}

/// Carries out the session's outputs until it waits; returns what was written, and the response to apply.
fn step(session: &mut ClientSession, now: Moment) -> (Vec<u8>, Option<Box<rtrcast_proto::Changes>>) {
    let (mut written, mut held) = (Vec::new(), None);
    loop {
        match session.next(now) {
            ClientOutput::Write(chunk) => written.extend_from_slice(chunk.octets()),
            ClientOutput::Apply(changes) => held = Some(changes),
            ClientOutput::Connect => session.connected(now),
            ClientOutput::Event(_) | ClientOutput::Close => {}
            ClientOutput::Wait(_) => return (written, held),
        }
    }
}

fn response(session: u16, asn: u32) -> Vec<u8> {
    let line = |line: &str| wire::parse_line(line).unwrap();
    [
        line(&format!("v2 cache-response session={session}")),
        line(&format!("v2 ipv4 + 10.0.0.0/8-8 AS{asn}")),
        line(&format!("v2 end-of-data session={session} serial=5 refresh=3600 retry=600 expire=7200")),
    ]
    .concat()
}

#[test]
fn what_was_made_of_an_earlier_connection_s_response_is_not_taken() {
    let mut session = ClientSession::new(Moment(0), ClientPolicy::default(), 1);
    step(&mut session, Moment(0));
    session.receive(Moment(0), &response(7, 1));
    let (_, earlier) = step(&mut session, Moment(0));
    // The connection is given up before that is applied, and the next one brings another session.
    session.stalled(Moment(0));
    let (_, _) = step(&mut session, Moment(60_000));
    session.receive(Moment(60_000), &response(8, 2));
    let (_, later) = step(&mut session, Moment(60_000));
    session.applied(Moment(60_000), earlier.unwrap().apply(Vec::new()).unwrap());
    assert!(session.data().is_none(), "nothing of this connection has been applied");
    session.applied(Moment(60_000), later.unwrap().apply(Vec::new()).unwrap());
    assert!(matches!(session.next(Moment(60_000)), ClientOutput::Event(ClientEvent::Updated(_))));
    let data = session.data().unwrap();
    let record = data.image.records(rtrcast_proto::Section::Ipv4Prefix).next().unwrap();
    assert_eq!((data.session.0, record[19]), (8, 2));
}
