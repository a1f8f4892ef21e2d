//! Lines of data sets that are taken up: jumps of the serial, and answers to routers that know earlier serials.

use rtrcast_proto::limits::{HISTORY_JUMPS_MAX, SERIAL_JUMP_MAX, SERIAL_JUMP_MIN};
use rtrcast_proto::{
    Asn, Delta, History, HistoryLimits, Image, ImageBuilder, Moment, Prefix, Profile, Publication, RouteOrigin, Serial,
    ServerOutput, ServerPolicy, ServerSession, SessionId, SessionIds, Timing, Version, View,
};
use std::sync::Arc;

/// A set of VRPs, one for each AS.
fn image(asns: &[u32]) -> Image {
    let mut builder = ImageBuilder::new();
    for asn in asns {
        let prefix = Prefix::new([192, 0, 2, 0].into(), 24).expect("a prefix");
        builder.origin(&RouteOrigin::new(prefix, 24, Asn(*asn)).expect("a VRP"));
    }
    let Ok(image) = builder.finish(Version::V2, Vec::new());
    image
}

fn history(serial: u32) -> History {
    History::new(HistoryLimits::default(), SessionIds::new(1), Timing::default(), Serial(serial))
}

const V2: Profile = Profile::full(Version::V2);

/// Returns the serials from which a view has changes, of these.
fn known(view: &View, serials: &[Serial]) -> Vec<u32> {
    let is_known = |serial: &&Serial| {
        let mut session = ServerSession::new(Moment(0), ServerPolicy::default(), Arc::new(view.clone()));
        let query = [&[2, 1], &view.session(V2).0.to_be_bytes()[..], &12_u32.to_be_bytes(), &serial.0.to_be_bytes()];
        session.receive(Moment(0), &query.concat());
        loop {
            match session.next(Moment(0)) {
                ServerOutput::Write(chunk) => break chunk.octets()[1] != 8,
                ServerOutput::Want(_) => break true,
                ServerOutput::Event(_) => {}
                other => panic!("{other:?}"),
            }
        }
    };
    serials.iter().filter(is_known).map(|serial| serial.0).collect()
}

#[test]
fn c_ser_01_the_first_change_after_a_jump_has_a_serial_far_ahead_and_the_next_one_follows_it() {
    let mut history = history(10);
    history.publish(image(&[1]));
    history.jump(Serial(15), 5);
    assert!(matches!(history.publish(image(&[1])), Publication::Same));
    assert_eq!(history.serial(), Serial(10));
    history.publish(image(&[1, 2]));
    assert_eq!(history.serial(), Serial(15 + SERIAL_JUMP_MIN + 5));
    history.publish(image(&[2]));
    assert_eq!(history.serial(), Serial(15 + SERIAL_JUMP_MIN + 6));
    let serials = [Serial(10), Serial(11), Serial(15), Serial(15 + SERIAL_JUMP_MIN + 5)];
    assert_eq!(known(&history.view(0), &serials), [10, 15 + SERIAL_JUMP_MIN + 5]);
}

#[test]
fn c_ser_01_a_jump_past_the_end_wraps_without_zero() {
    assert_eq!(Serial(u32::MAX).jumped(0), Serial(SERIAL_JUMP_MIN - 1));
    assert_eq!(Serial(0_u32.wrapping_sub(SERIAL_JUMP_MIN)).jumped(0), Serial(1));
    assert!(Serial(7).jumped(u32::MAX).0 - 7 < SERIAL_JUMP_MAX);
}

#[test]
fn c_ser_01_the_history_keeps_seven_jumps_at_most() {
    let mut history = history(1);
    history.publish(image(&[1]));
    let mut serials = vec![history.serial()];
    for n in 0..20 {
        if n % 2 == 0 {
            history.jump(history.serial(), u32::MAX);
        }
        history.publish(image(&[1, 100 + n]));
        serials.push(history.serial());
    }
    let view = history.view(0);
    let known = known(&view, &serials);
    // Each second change is a jump: seven of them, those between and around, and the current set.
    assert_eq!(known.len(), 2 * HISTORY_JUMPS_MAX + 2);
    let oldest = Serial(known[0]);
    assert!(oldest.is_before(history.serial()), "{oldest} is before {}", history.serial());
}

#[test]
fn c_not_01_news_is_what_comes_later_in_the_history_whatever_the_numbers_are() {
    let mut history = history(1_000);
    history.publish(image(&[1]));
    let first = history.serial();
    history.publish(image(&[1, 2]));
    let second = history.serial();
    let view = history.view(0);
    assert!(view.has_news(V2, first));
    assert!(!view.has_news(V2, second));
    // A later number, of a line that went on elsewhere, is another set.
    assert!(view.has_news(V2, Serial(second.0 + 5)));
    assert!(view.has_news(V2, Serial(first.0 - 1)));
}

#[test]
fn c_ser_02_a_history_that_goes_on_answers_from_the_serials_before() {
    let images = [image(&[1]), image(&[1, 2]), image(&[2])];
    let deltas =
        [(Serial(5), Delta::between(&images[0], &images[1])), (Serial(900), Delta::between(&images[1], &images[2]))];
    let ids = SessionIds::new(77);
    let mut history =
        History::resume(HistoryLimits::default(), ids, Timing::default(), (Serial(901), images[2].clone()), deltas);
    assert_eq!(history.serial(), Serial(901));
    assert_eq!(known(&history.view(0), &[Serial(4), Serial(5), Serial(900), Serial(901)]), [5, 900, 901]);
    history.jump(Serial(950), 0);
    history.publish(image(&[2, 3]));
    assert_eq!(history.serial(), Serial(950 + SERIAL_JUMP_MIN));
    assert_eq!(known(&history.view(0), &[Serial(5), Serial(900), Serial(901), Serial(902)]), [5, 900, 901]);
}

#[test]
fn c_sid_03_an_id_that_is_renewed_is_none_of_the_others() {
    let ids = SessionIds::new(10);
    let v0 = Profile::full(Version::V0);
    for base in 9..18 {
        let renewed = ids.renewed(v0, base);
        let id = renewed.of(v0);
        assert!(Profile::ALL.iter().all(|profile| ids.of(*profile) != id), "{id} is new");
        assert!(Profile::ALL.iter().skip(1).all(|profile| renewed.of(*profile) == ids.of(*profile)));
    }
    assert_eq!(SessionIds::new(65_530).renewed(v0, 65_535).of(v0), SessionId(2));
}

#[test]
fn c_sid_03_ids_that_are_there_twice_or_zero_are_none() {
    let ids = SessionIds::new(10);
    assert_eq!(SessionIds::of_each(|profile| Some(ids.of(profile))), Some(ids));
    assert_eq!(SessionIds::of_each(|_| Some(SessionId(5))), None);
    assert_eq!(SessionIds::of_each(|profile| Some(SessionId(profile.index() as u16))), None);
}
