//! What is said of data sets, for the log and for `rtrcast ctl`.

use rtrcast_feed::curator::{Loss, TooOld};
use rtrcast_feed::{SlurmErrors, SlurmFile, Tally};
use rtrcast_proto::{Asn, Delta, Layout, Profile, Section};
use std::time::Duration;

pub(crate) fn vrps(layout: &Layout) -> usize {
    layout.count(Section::Ipv4Prefix) + layout.count(Section::Ipv6Prefix)
}

/// A number of things.
pub(crate) fn count(number: usize, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

/// What is served of a set.
pub(crate) fn describe(layout: &Layout, served: Profile) -> String {
    let count = |section| if served.has(section) { layout.count(section) } else { 0 };
    let (ipv4, ipv6) = (count(Section::Ipv4Prefix), count(Section::Ipv6Prefix));
    format!(
        "{} VRPs ({ipv4} IPv4, {ipv6} IPv6), {} router keys, {} ASPAs",
        ipv4 + ipv6,
        count(Section::RouterKey),
        count(Section::Aspa)
    )
}

/// What routers are told of a change.
pub(crate) fn describe_delta(delta: &Delta, served: Profile) -> String {
    let parts = [
        ("VRPs", [Section::Ipv4Prefix, Section::Ipv6Prefix].as_slice()),
        ("router keys", &[Section::RouterKey]),
        ("ASPAs", &[Section::Aspa]),
    ];
    let changed: Vec<String> = parts
        .into_iter()
        .map(|(name, sections)| {
            let served = || sections.iter().filter(|section| served.has(**section));
            let announced: usize = served().map(|section| delta.announced(*section)).sum();
            let withdrawn: usize = served().map(|section| delta.withdrawn(*section)).sum();
            (name, announced, withdrawn)
        })
        .filter(|(_, announced, withdrawn)| announced + withdrawn > 0)
        .map(|(name, announced, withdrawn)| format!("+{announced} -{withdrawn} {name}"))
        .collect();
    if changed.is_empty() { "nothing that is served has changed".to_owned() } else { changed.join(", ") }
}

/// What is gone.
pub(crate) fn describe_losses(losses: &[Loss]) -> String {
    losses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// What is done about a set that is too old.
pub(crate) fn describe_too_old(then: TooOld, records: usize) -> String {
    match then {
        TooOld::Withdraw if records == 0 => "its payloads stay until they expire one by one".to_owned(),
        TooOld::Withdraw => format!("its {records} payloads without an expiry of their own do not count any more"),
        TooOld::WithdrawAll => format!("none of its {records} payloads counts any more"),
        TooOld::Keep => "it stays served, as --too-old keep says".to_owned(),
    }
}

/// Which entries of a file were left out, if any were.
pub(crate) fn describe_refused(tally: &Tally) -> Option<String> {
    let named: Vec<String> = tally.refused_first.iter().map(ToString::to_string).collect();
    let more = tally.refused.saturating_sub(named.len());
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    let line = format!("{} of {} entries left out: {}{more}", tally.refused, tally.entries, named.join("; "));
    (tally.refused > 0).then_some(line)
}

/// How many VRPs of a file had to be corrected, if any had.
pub(crate) fn describe_masked(tally: &Tally) -> Option<String> {
    (tally.masked > 0)
        .then(|| format!("{} VRPs had bits beyond their prefix length, which were set to zero", tally.masked))
}

/// What is wrong with a SLURM file, a line for each mistake, with what can be done.
pub(crate) fn describe_mistakes(errors: &SlurmErrors) -> Vec<String> {
    let way_out = |lenient| if lenient { ", or use --slurm-lenient, which reads it as empty" } else { "" };
    let lines = errors.iter().map(|error| format!("{error}{}", way_out(error.reason.is_lenient())));
    let more = (errors.more() > 0).then(|| format!("and {}", count_more(errors.more())));
    lines.chain(more).collect()
}

fn count_more(mistakes: usize) -> String {
    if mistakes == 1 { "1 more mistake".to_owned() } else { format!("{mistakes} more mistakes") }
}

/// What a SLURM file lacks, and should have for whoever reads it strictly.
pub(crate) fn describe_read_as_empty(file: &SlurmFile) -> Option<String> {
    let remedies: Vec<String> = file.read_as_empty().iter().map(ToString::to_string).collect();
    (!remedies.is_empty()).then(|| {
        format!(
            "a list that is missing or null is read as empty (--slurm-lenient); for a file that every program reads, {}",
            remedies.join(", ")
        )
    })
}

/// Customers that are named in a line; more are only counted.
const CUSTOMERS_NAMED_MAX: usize = 10;

/// The first few customers by name.
pub(crate) fn name_customers<'a>(customers: impl IntoIterator<Item = &'a Asn>) -> String {
    let mut customers = customers.into_iter();
    let named: Vec<String> = customers.by_ref().take(CUSTOMERS_NAMED_MAX).map(ToString::to_string).collect();
    match customers.count() {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// A time span as people say it, in its two largest units.
pub(crate) fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, 0) => format!("{hours} h"),
        (0, ..) => format!("{hours} h {minutes} min"),
        (1, 0, _) => "1 day".to_owned(),
        (1, ..) => format!("1 day {hours} h"),
        (_, 0, _) => format!("{days} days"),
        (..) => format!("{days} days {hours} h"),
    }
}

/// How long ago something was made.
pub(crate) fn age(made: u32, now: u32) -> String {
    format!("{} ago", span(Duration::from_secs(now.saturating_sub(made).into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans() {
        for (seconds, words) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3_600, "1 h"),
            (3_660, "1 h 1 min"),
            (86_400, "1 day"),
            (90_000, "1 day 1 h"),
            (864_061, "10 days"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), words);
        }
    }
}
