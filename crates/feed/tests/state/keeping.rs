//! What of the state is written, and when.

use crate::{change, name, table};
use rtrcast_feed::curator::SourceId;
use rtrcast_feed::state::{Change, Keeper, KeeperLimits, Keeping, OmittedRecords, StateWrite};
use rtrcast_proto::Moment;
use std::time::Duration;

/// A change of one record, and its octets.
fn one(position: u64) -> Change {
    let (before, after) = (table(&[1], &[]), table(&[1, 2], &[]));
    let names = |n: u64, table| name(100 + n as u32, n, table);
    change((names(position, before.image()), &before), (names(position + 1, after.image()), &after), 7)
}

fn limits() -> KeeperLimits {
    KeeperLimits { log_octets_max: one(0).encode().len() * 2, ..KeeperLimits::default() }
}

const START: Moment = Moment(1_000_000);

fn after(seconds: u64) -> Moment {
    START.after(Duration::from_secs(seconds))
}

/// Returns what is written now, each with success; a line each.
fn written(keeper: &mut Keeper, now: Moment) -> Vec<String> {
    let mut lines = Vec::new();
    while let Some(line) = next(keeper, now) {
        keeper.written(now, Ok(()));
        lines.push(line);
    }
    lines
}

fn next(keeper: &mut Keeper, now: Moment) -> Option<String> {
    Some(match keeper.next(now, true)? {
        StateWrite::BeginLog(log) => format!("begin log {log}"),
        StateWrite::Append { log, octets, is_awaited } => {
            let change = Change::decode(octets).expect("a change").0;
            let awaited = if *is_awaited { ", awaited" } else { "" };
            format!("append {} to log {log}{awaited}", change.after.position)
        }
        StateWrite::Source(source) => format!("source {}", source.0),
        StateWrite::Snapshot { log } => format!("snapshot before log {log}"),
    })
}

/// A keeper of a set that is kept already, with its log begun.
fn kept() -> Keeper {
    let mut keeper = Keeper::new(limits(), 5, Some(one(0).before));
    assert_eq!(written(&mut keeper, START), ["begin log 5"]);
    keeper
}

#[test]
fn the_first_set_of_a_line_is_kept_at_once() {
    let mut keeper = Keeper::new(limits(), 0, None);
    assert_eq!(written(&mut keeper, START), Vec::<String>::new());
    keeper.begun(START, one(0).before);
    assert_eq!(written(&mut keeper, START), ["begin log 0", "snapshot before log 0"]);
    assert_eq!(keeper.wait(), None);
}

#[test]
fn a_start_begins_a_new_log_whose_first_change_is_awaited() {
    let mut keeper = kept();
    assert_eq!(keeper.wait(), None);
    keeper.changed(START, &one(0), true);
    assert!(keeper.is_behind());
    assert_eq!(written(&mut keeper, START), ["append 1 to log 5, awaited"]);
    assert!(!keeper.is_behind());
    keeper.changed(START, &one(1), false);
    assert_eq!(written(&mut keeper, START), ["append 2 to log 5"]);
}

#[test]
fn a_log_that_has_grown_is_followed_by_a_snapshot_and_another_log() {
    let mut keeper = kept();
    for n in 0..3 {
        keeper.changed(START, &one(n), false);
    }
    assert_eq!(
        written(&mut keeper, START),
        [
            "append 1 to log 5",
            "append 2 to log 5",
            "append 3 to log 5",
            "snapshot before log 6",
            // The next change need not wait for it.
            "begin log 6"
        ]
    );
    keeper.changed(START, &one(3), false);
    assert_eq!(written(&mut keeper, START), ["append 4 to log 6"]);
}

#[test]
fn moved_expiries_cost_one_snapshot_in_30_minutes() {
    let mut keeper = kept();
    for n in 0..17 {
        keeper.source_changed(after(n * 100), SourceId(1), false, None);
        assert_eq!(written(&mut keeper, after(n * 100)), Vec::<String>::new());
    }
    assert_eq!(keeper.wait(), Some(after(1_800)));
    assert_eq!(written(&mut keeper, after(1_800)), ["source 1", "snapshot before log 5"]);
    keeper.source_changed(after(1_900), SourceId(1), false, None);
    assert_eq!(keeper.wait(), Some(after(3_700)));
}

#[test]
fn a_table_that_is_held_is_kept_at_once() {
    let mut keeper = kept();
    keeper.source_changed(START, SourceId(2), true, None);
    assert_eq!(written(&mut keeper, START), ["source 2"]);
    assert_eq!(keeper.wait(), Some(after(1_800)));
}

#[test]
fn after_a_failure_the_log_is_left_and_a_snapshot_is_tried_again_later_and_later() {
    let mut keeper = Keeper::new(limits(), 5, Some(one(0).before));
    keeper.changed(START, &one(0), false);
    assert_eq!(next(&mut keeper, START).as_deref(), Some("begin log 5"));
    keeper.written(START, Err(()));
    assert_eq!(keeper.keeping(START), Keeping::Failing { since: START, again: after(10) });
    // What changes meanwhile is in the next snapshot.
    keeper.changed(after(5), &one(1), false);
    assert_eq!(written(&mut keeper, after(9)), Vec::<String>::new());
    assert!(!keeper.is_behind());
    assert_eq!(next(&mut keeper, after(10)).as_deref(), Some("snapshot before log 6"));
    keeper.written(after(10), Err(()));
    assert_eq!(keeper.keeping(START), Keeping::Failing { since: START, again: after(30) });
    assert_eq!(keeper.wait(), Some(after(30)));
    assert_eq!(written(&mut keeper, after(30)), ["snapshot before log 6", "begin log 6"]);
    assert_eq!(keeper.keeping(START), Keeping::Kept);
    keeper.changed(after(31), &one(2), false);
    assert_eq!(written(&mut keeper, after(31)), ["append 3 to log 6"]);
}

#[test]
fn a_failed_append_is_not_followed_by_another_one_to_the_same_log() {
    let mut keeper = kept();
    keeper.changed(START, &one(0), false);
    assert_eq!(written(&mut keeper, START), ["append 1 to log 5"]);
    keeper.changed(START, &one(1), false);
    keeper.changed(START, &one(2), false);
    assert_eq!(next(&mut keeper, START).as_deref(), Some("append 2 to log 5"));
    keeper.written(START, Err(()));
    assert_eq!(written(&mut keeper, after(10)), ["snapshot before log 6", "begin log 6"]);
    keeper.changed(after(11), &one(3), false);
    assert_eq!(written(&mut keeper, after(11)), ["append 4 to log 6"]);
}

#[test]
fn what_is_lost_behind_its_report_is_in_a_snapshot() {
    let mut keeper = kept();
    keeper.changed(START, &one(0), false);
    assert_eq!(written(&mut keeper, START), ["append 1 to log 5"]);
    keeper.lost(after(1));
    assert_eq!(keeper.keeping(START), Keeping::Failing { since: after(1), again: after(11) });
    assert_eq!(written(&mut keeper, after(11)), ["snapshot before log 6", "begin log 6"]);
    assert_eq!(keeper.keeping(START), Keeping::Kept);
}

#[test]
fn a_change_whose_records_are_not_listed_is_followed_by_a_snapshot() {
    let mut keeper = kept();
    let omitted = Some(OmittedRecords { announced: 1, withdrawn: 0 });
    keeper.changed(START, &Change { records: Vec::new(), omitted, ..one(0) }, false);
    assert_eq!(written(&mut keeper, START), ["append 1 to log 5", "snapshot before log 6", "begin log 6"]);
}

#[test]
fn pauses_end_at_10_minutes() {
    let mut keeper = kept();
    keeper.stop(START);
    keeper.changed(START, &one(0), false);
    let mut now = START;
    for _ in 0..12 {
        assert!(next(&mut keeper, now).is_some());
        keeper.written(now, Err(()));
        let Keeping::Failing { again, .. } = keeper.keeping(START) else { panic!("it fails") };
        assert!(again.0 - now.0 <= 600_000);
        now = again;
    }
    assert_eq!(keeper.wait().map(|again| again.0), Some(now.0));
}

#[test]
fn a_disk_that_hangs_is_not_waited_for_without_bound() {
    let mut keeper = Keeper::new(KeeperLimits { waiting_octets_max: one(0).encode().len() * 3, ..limits() }, 5, None);
    keeper.begun(START, one(0).before);
    assert_eq!(next(&mut keeper, START).as_deref(), Some("begin log 5"));
    keeper.written(START, Ok(()));
    assert_eq!(next(&mut keeper, START).as_deref(), Some("snapshot before log 5"));
    for n in 0..4 {
        keeper.changed(START, &one(n), false);
    }
    // Four are too many: they are left out, and the next snapshot has them.
    assert_eq!(keeper.next(START, true), None);
    keeper.written(START, Ok(()));
    assert_eq!(written(&mut keeper, START), ["snapshot before log 6", "begin log 6"]);
}

#[test]
fn at_a_stop_in_order_all_is_written_that_is_not() {
    let mut keeper = kept();
    keeper.stop(START);
    assert_eq!(written(&mut keeper, START), Vec::<String>::new());
    keeper.source_changed(START, SourceId(1), false, None);
    keeper.changed(START, &one(0), false);
    keeper.stop(START);
    assert_eq!(written(&mut keeper, START), ["append 1 to log 5", "source 1", "snapshot before log 6", "begin log 6"]);
}

#[test]
fn changes_during_the_snapshot_that_ends_a_failure_are_in_the_next_log() {
    let mut keeper = kept();
    keeper.lost(START);
    assert_eq!(next(&mut keeper, after(10)).as_deref(), Some("snapshot before log 6"));
    keeper.changed(after(10), &one(1), false);
    keeper.written(after(11), Ok(()));
    assert_eq!(written(&mut keeper, after(11)), ["begin log 6", "append 2 to log 6"]);
    assert_eq!(keeper.keeping(after(11)), Keeping::Kept);
    // If that snapshot fails, they are in the next one.
    keeper.lost(after(20));
    assert_eq!(next(&mut keeper, after(30)).as_deref(), Some("snapshot before log 7"));
    keeper.changed(after(30), &one(2), false);
    keeper.written(after(31), Err(()));
    assert!(!keeper.is_behind());
    assert_eq!(written(&mut keeper, after(60)), ["snapshot before log 7", "begin log 7"]);
}

#[test]
fn a_source_that_can_not_be_written_does_not_keep_changes_from_being_written() {
    let mut keeper = kept();
    keeper.source_changed(START, SourceId(1), false, None);
    assert_eq!(next(&mut keeper, after(1_800)).as_deref(), Some("source 1"));
    keeper.written(after(1_800), Err(()));
    assert_eq!(keeper.keeping(after(1_800)), Keeping::Failing { since: after(1_800), again: after(1_810) });
    keeper.changed(after(1_801), &one(0), false);
    assert_eq!(written(&mut keeper, after(1_801)), ["append 1 to log 5"]);
    keeper.lost(after(1_802));
    // The set comes first then.
    assert_eq!(next(&mut keeper, after(1_822)).as_deref(), Some("snapshot before log 6"));
    keeper.written(after(1_822), Ok(()));
    assert_eq!(next(&mut keeper, after(1_822)).as_deref(), Some("begin log 6"));
    keeper.written(after(1_822), Ok(()));
    assert_eq!(next(&mut keeper, after(1_822)).as_deref(), Some("source 1"));
    keeper.written(after(1_822), Err(()));
    assert!(matches!(keeper.keeping(after(1_822)), Keeping::Failing { .. }));
    assert_eq!(written(&mut keeper, after(1_900)), ["source 1"]);
    assert_eq!(keeper.keeping(after(1_900)), Keeping::Kept);
}

#[test]
fn a_stop_tries_once_more_what_failed() {
    let mut keeper = kept();
    keeper.lost(START);
    keeper.changed(START, &one(0), false);
    keeper.stop(after(1));
    assert_eq!(next(&mut keeper, after(1)).as_deref(), Some("snapshot before log 6"));
    keeper.written(after(1), Err(()));
    assert_eq!(next(&mut keeper, after(1)), None);
}

#[test]
fn what_is_written_for_long_hangs() {
    let mut keeper = kept();
    keeper.changed(START, &one(0), false);
    assert!(next(&mut keeper, START).is_some());
    assert_eq!(keeper.wait(), Some(after(10)));
    assert_eq!(keeper.keeping(after(9)), Keeping::Kept);
    assert_eq!(keeper.keeping(after(10)), Keeping::Hanging { since: START });
    keeper.written(after(40), Ok(()));
    assert_eq!(keeper.keeping(after(40)), Keeping::Kept);
}

#[test]
fn a_snapshot_that_can_not_be_made_yet_is_due_later() {
    let mut keeper = kept();
    keeper.configuration_changed(START);
    assert_eq!(keeper.next(START, false), None);
    assert_eq!(keeper.wait(), Some(after(10)));
    assert_eq!(written(&mut keeper, after(10)), ["snapshot before log 5"]);
}

#[test]
fn without_a_set_there_is_nothing_to_wait_for() {
    let mut keeper = Keeper::new(limits(), 0, None);
    keeper.source_changed(START, SourceId(1), true, None);
    assert_eq!(next(&mut keeper, START).as_deref(), Some("source 1"));
    keeper.written(START, Err(()));
    // It is tried again, and not before.
    assert_eq!(keeper.wait(), Some(after(10)));
    assert_eq!(written(&mut keeper, after(10)), ["source 1"]);
    assert_eq!(keeper.wait(), None);
}

#[test]
fn tables_that_are_valid_for_a_short_time_are_written_sooner() {
    let mut keeper = kept();
    keeper.source_changed(START, SourceId(1), false, Some(Duration::from_secs(300)));
    assert_eq!(keeper.wait(), Some(after(300)));
}
