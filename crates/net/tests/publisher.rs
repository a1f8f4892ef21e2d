//! The publisher: what is made before a set is shown, what when it is wanted, and who is cut off.

#![expect(clippy::unwrap_used, reason = "a helper of tests that fails should fail the test")]

use rtrcast_net::{Publisher, ServicePolicy};
use rtrcast_proto::limits::PINNED_IMAGES_MAX;
use rtrcast_proto::{
    Absent, Asn, CloseReason, History, HistoryLimits, Image, ImageBuilder, ImageKeeper, InUse, Moment, Octets, Prefix,
    Prepared, Profile, Publication, RouteOrigin, Serial, ServerEvent, ServerOutput, ServerPolicy, ServerSession,
    SessionIds, Stop, Timing, Version, View, Want, wire,
};
use std::net::Ipv6Addr;
use std::sync::Arc;
use std::time::Duration;

const NOW: Moment = Moment(0);

fn history() -> History {
    History::new(HistoryLimits::default(), SessionIds::new(1), Timing::default(), Serial(7))
}

fn publisher() -> Publisher {
    Publisher::new(history(), ServicePolicy::default())
}

/// A set that no other number has, and of more octets than go out at once.
fn image(number: u32) -> Image {
    let mut builder = ImageBuilder::new();
    for n in 0..10_000_u128 {
        let prefix = Prefix::new(Ipv6Addr::from_bits(n << 80).into(), 48).unwrap();
        builder.origin(&RouteOrigin::new(prefix, 48, Asn(64_496 + if n == 0 { number } else { 0 })).unwrap());
    }
    builder.finish(Version::V2, Vec::new()).unwrap()
}

fn speaking(profiles: &[Profile]) -> InUse {
    InUse::count(|profile| profiles.iter().filter(|spoken| **spoken == profile).count())
}

fn v2() -> InUse {
    speaking(&[Profile::full(Version::V2)])
}

/// Publishes and shows.
fn publish(publisher: &mut Publisher, image: Image, keeper: &mut impl ImageKeeper) {
    let prepared = publisher.publish(image, &v2(), keeper);
    publisher.commit(prepared.view.expect("another set"));
}

/// A router in the middle of a data set.
struct Reader {
    session: ServerSession,
    /// What it has not taken yet.
    _unread: rtrcast_proto::Chunk,
}

impl Reader {
    fn new(view: Arc<View>) -> Reader {
        let mut session = ServerSession::new(NOW, ServerPolicy::default(), view);
        session.receive(NOW, &wire::parse_line("v2 reset-query").unwrap());
        loop {
            match session.next(NOW) {
                ServerOutput::Write(chunk) => return Reader { session, _unread: chunk },
                ServerOutput::Event(_) => {}
                ServerOutput::Want(_) | ServerOutput::Close | ServerOutput::Wait(_) => panic!("the data set is there"),
            }
        }
    }

    /// Shows it what all see; whether it may read on.
    fn reads_on(&mut self, publisher: &Publisher) -> bool {
        self.session.data_changed(NOW, publisher.handle().view());
        let mut reads_on = true;
        while let Some(event) = self.session.event() {
            reads_on &= !matches!(event, ServerEvent::Closing(CloseReason::Overtaken));
        }
        reads_on
    }
}

#[test]
fn the_readers_of_the_oldest_set_are_cut_off_when_one_too_many_is_pinned() {
    let mut publisher = publisher();
    let mut readers = Vec::new();
    for number in 0..=u32::try_from(PINNED_IMAGES_MAX).unwrap() {
        publish(&mut publisher, image(number), &mut ());
        assert!(readers.iter_mut().all(|reader: &mut Reader| reader.reads_on(&publisher)), "{number}");
        readers.push(Reader::new(publisher.handle().view()));
    }
    publish(&mut publisher, image(99), &mut ());
    let read_on: Vec<bool> = readers.iter_mut().map(|reader| reader.reads_on(&publisher)).collect();
    assert_eq!(read_on, [false, true, true, true]);
}

#[test]
fn unread_sets_cut_off_no_reader() {
    let mut publisher = publisher();
    publish(&mut publisher, image(0), &mut ());
    let mut reader = Reader::new(publisher.handle().view());
    for number in 1..20 {
        publish(&mut publisher, image(number), &mut ());
        assert!(reader.reads_on(&publisher), "{number}");
    }
}

/// Keeps all images, as sources do, and notes what it shall keep instead.
#[derive(Default)]
struct Sources(Vec<Image>);

impl ImageKeeper for Sources {
    fn keeps(&self, octets: &Arc<dyn Octets>) -> bool {
        self.0.iter().any(|image| Arc::ptr_eq(image.shared(), octets))
    }

    fn replace(&mut self, before: &Image, now: &Image) {
        let same = |image: &&mut Image| Arc::ptr_eq(image.shared(), before.shared());
        self.0.iter_mut().filter(same).for_each(|image| *image = now.clone());
    }
}

#[test]
fn a_set_that_a_source_keeps_may_be_read_for_ever() {
    let mut publisher = publisher();
    let mut sources = Sources((0..8).map(image).collect());
    let mut readers = Vec::new();
    for number in 0..8 {
        let image = sources.0[number].clone();
        publish(&mut publisher, image, &mut sources);
        readers.push(Reader::new(publisher.handle().view()));
    }
    assert!(readers.iter_mut().all(|reader| reader.reads_on(&publisher)));
    // Without the sources it is all the readers'.
    sources.0.clear();
    publish(&mut publisher, image(9), &mut sources);
    let read_on = readers.iter_mut().filter_map(|reader| reader.reads_on(&publisher).then_some(())).count();
    assert_eq!(read_on, PINNED_IMAGES_MAX);
}

#[test]
fn a_set_that_is_current_again_is_not_pinned() {
    let mut publisher = publisher();
    let (one, other) = (image(1), image(2));
    publish(&mut publisher, one.clone(), &mut ());
    let mut reader = Reader::new(publisher.handle().view());
    for _ in 0..2 * PINNED_IMAGES_MAX {
        publish(&mut publisher, other.clone(), &mut ());
        publish(&mut publisher, one.clone(), &mut ());
        assert!(reader.reads_on(&publisher));
    }
}

#[test]
fn versions_in_use_are_ready_when_a_set_is_committed() {
    let mut publisher = publisher();
    publish(&mut publisher, image(1), &mut ());
    let profiles = [Profile::full(Version::V1), Profile::full(Version::V1), Profile::full(Version::V0)];
    let prepared = publisher.publish(image(2), &speaking(&profiles), &mut ());
    let view = prepared.view.unwrap();
    let made: Vec<Version> = view.view().images().map(Image::version).collect();
    assert_eq!(made, [Version::V0, Version::V1]);
    assert_eq!(publisher.history().current().map(Image::version), Some(Version::V1), "the most spoken one");
    publisher.commit(view);
    // A router that has the set before gets the change at once.
    let mut session = ServerSession::new(NOW, ServerPolicy::default(), publisher.handle().view());
    let query = format!("v1 serial-query session={} serial=7", publisher.handle().view().session(profiles[0]).0);
    session.receive(NOW, &wire::parse_line(&query).unwrap());
    let wants = std::iter::from_fn(|| match session.next(NOW) {
        ServerOutput::Want(want) => Some(Some(want)),
        ServerOutput::Wait(_) => None,
        ServerOutput::Write(_) | ServerOutput::Event(_) | ServerOutput::Close => Some(None),
    });
    assert_eq!(wants.flatten().next(), None);
}

#[test]
fn a_fulfilled_request_is_added_for_all_and_wakes_no_session() {
    let mut publisher = publisher();
    publish(&mut publisher, image(1), &mut ());
    let mut sessions = publisher.handle().subscribe();
    let before = sessions.borrow_and_update().view.revision();
    let made = publisher.fulfil(Want::Image(Version::V0), &v2(), &mut ()).unwrap();
    assert!(made.image(Version::V0).is_some() && made.image(Version::V2).is_some());
    assert!(made.revision() > before);
    assert!(!sessions.has_changed().unwrap());
    assert_eq!(sessions.borrow().view.revision(), made.revision());
}

#[test]
fn a_version_out_of_use_is_dropped_when_another_is_requested() {
    let mut publisher = publisher();
    let mut sources = Sources(vec![image(1)]);
    let first = sources.0[0].clone();
    publish(&mut publisher, first, &mut sources);
    let made = publisher.fulfil(Want::Image(Version::V1), &InUse::default(), &mut sources).unwrap();
    assert_eq!(made.images().map(Image::version).collect::<Vec<_>>(), [Version::V1]);
    assert_eq!(publisher.history().current().map(Image::version), Some(Version::V1));
    assert_eq!(sources.0[0].version(), Version::V1, "the set is in memory once");
}

#[test]
fn the_same_set_is_kept_once_and_not_committed() {
    let mut publisher = publisher();
    publish(&mut publisher, image(1), &mut ());
    let mut sessions = publisher.handle().subscribe();
    sessions.mark_unchanged();
    let mut sources = Sources(vec![image(1)]);
    let Prepared { publication, is_news, view, .. } = publisher.publish(sources.0[0].clone(), &v2(), &mut sources);
    assert!(matches!(publication, Publication::Same) && !is_news && view.is_none());
    assert!(!sessions.has_changed().unwrap());
    assert!(Arc::ptr_eq(sources.0[0].shared(), publisher.history().current().unwrap().shared()));
}

#[test]
fn other_timers_are_published_with_the_same_set_and_once() {
    let mut publisher = publisher();
    publish(&mut publisher, image(1), &mut ());
    let timing = Timing::new(60, 60, 600).unwrap();
    publisher.set_timing(timing);
    let prepared = publisher.publish(image(1), &v2(), &mut ());
    assert!(!prepared.is_news);
    publisher.commit(prepared.view.expect("other timers"));
    let view = publisher.handle().view();
    assert_eq!((view.timing(), view.serial()), (timing, Some(Serial(7))));
    publisher.set_timing(timing);
    assert!(publisher.publish(image(1), &v2(), &mut ()).view.is_none());
}

#[test]
fn with_other_timers_routers_read_the_same_images() {
    let mut publisher = publisher();
    publish(&mut publisher, image(1), &mut ());
    let both = speaking(&[Profile::full(Version::V2), Profile::full(Version::V1)]);
    let before = publisher.fulfil(Want::Image(Version::V1), &both, &mut ()).unwrap();
    publisher.set_timing(Timing::new(60, 60, 600).unwrap());
    let prepared = publisher.publish(image(1), &both, &mut ());
    publisher.commit(prepared.view.expect("other timers"));
    let after = publisher.handle().view();
    for version in [Version::V1, Version::V2] {
        let images = [&before, &after].map(|view| view.image(version).expect("an image in use"));
        assert!(Arc::ptr_eq(images[0].shared(), images[1].shared()), "{version}");
    }
}

#[test]
fn a_withheld_set_returns_under_its_serial() {
    let mut publisher = publisher();
    publish(&mut publisher, image(1), &mut ());
    let withheld = publisher.withhold();
    publisher.commit(withheld);
    let view = publisher.handle().view();
    assert_eq!((view.serial(), view.absent()), (None, Some(Absent::TooOld)));
    let prepared = publisher.publish(image(1), &v2(), &mut ());
    assert!(matches!(prepared.publication, Publication::Same) && prepared.is_news);
    publisher.commit(prepared.view.expect("there are data again"));
    assert_eq!(publisher.handle().view().serial(), Some(Serial(7)));
}

#[test]
fn no_session_has_a_set_before_its_commit_nor_an_older_one_after() {
    let mut publisher = publisher();
    let older = publisher.publish(image(1), &v2(), &mut ()).view.unwrap();
    assert_eq!(publisher.handle().view().serial(), None);
    let newer = publisher.publish(image(2), &v2(), &mut ()).view.unwrap();
    // Something is wanted meanwhile: that goes into what is shown now.
    let made = publisher.fulfil(Want::Image(Version::V1), &v2(), &mut ()).unwrap();
    assert_eq!(made.serial(), None);
    publisher.commit(newer);
    publisher.commit(older);
    assert_eq!(publisher.handle().view().serial(), Some(Serial(8)));
}

#[test]
fn something_wanted_of_the_set_before_does_not_replace_the_one_that_waits() {
    let mut publisher = publisher();
    publish(&mut publisher, image(1), &mut ());
    let prepared = publisher.publish(image(2), &InUse::default(), &mut ());
    let made = publisher.fulfil(Want::Image(Version::V1), &InUse::default(), &mut ()).unwrap();
    assert_eq!(made.serial(), Some(Serial(7)));
    assert!(publisher.history().current() == Some(&image(2)));
    publisher.commit(prepared.view.unwrap());
    assert_eq!(publisher.handle().view().serial(), Some(Serial(8)));
}

#[test]
fn a_history_with_a_set_is_served_from_the_start() {
    let mut restored = history();
    restored.publish(image(1));
    let mut publisher = Publisher::new(restored, ServicePolicy::default());
    let mut reader = Reader::new(publisher.handle().view());
    publish(&mut publisher, image(2), &mut ());
    assert!(reader.reads_on(&publisher));
    assert_eq!(publisher.handle().view().serial(), Some(Serial(8)));
}

#[test]
fn the_first_stop_is_in_effect_and_the_policy_changes_without_the_publisher() {
    let publisher = publisher();
    let (handle, sessions) = (publisher.handle(), publisher.handle().subscribe());
    handle.set_policy(ServicePolicy { stall_max: Duration::from_secs(1), ..ServicePolicy::default() });
    handle.stop(Stop::Restart);
    handle.stop(Stop::Shutdown);
    assert!(matches!(sessions.borrow().stop, Some(Stop::Restart)));
    assert_eq!(sessions.borrow().policy.stall_max, Duration::from_secs(1));
}
