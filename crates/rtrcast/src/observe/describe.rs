//! Phrases for people, of data sets, errors, times and sizes.

use rtrcast_feed::curator::{Assessment, Loss, NotInEffect, TooOld};
use rtrcast_feed::write::utc;
use rtrcast_feed::{SlurmConflict, SlurmErrors, SlurmFile, Tally};
use rtrcast_proto::{Asn, Delta, Layout, Profile, Section};
use std::io::{self, ErrorKind};
use std::time::Duration;

pub(crate) fn vrps(layout: &Layout) -> usize {
    layout.count(Section::Ipv4Prefix) + layout.count(Section::Ipv6Prefix)
}

/// A number of things.
pub(crate) fn count(number: usize, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

/// The part of a change that routers are sent.
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

/// Records that are missing.
pub(crate) fn describe_losses(losses: &[Loss]) -> String {
    losses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// The action on a set that is too old.
pub(crate) fn describe_too_old(then: TooOld, records: usize) -> String {
    match then {
        TooOld::Withdraw | TooOld::Close if records == 0 => "its payloads stay until they expire one by one".to_owned(),
        TooOld::Withdraw | TooOld::Close => {
            format!("its {} without an expiry are withdrawn; --too-old keep keeps them", count(records, "payload"))
        }
        TooOld::WithdrawAll => {
            format!("its {} are withdrawn, as --too-old withdraw-all says", count(records, "payload"))
        }
        TooOld::Keep => "it stays served, as --too-old keep says".to_owned(),
    }
}

/// A form of times in the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AgeFormat {
    /// With their age at this time, in seconds since 1970.
    RelativeTo(u32),
    /// Without their age, which would change while the text is shown.
    Absolute,
}

/// A time in the past.
fn past(at: u32, format: AgeFormat) -> String {
    match format {
        AgeFormat::RelativeTo(now) => format!("{} ({})", utc(at), age(at, now)),
        AgeFormat::Absolute => utc(at),
    }
}

/// Reason that nothing of a set is in effect.
pub(crate) fn describe_not_in_effect(reason: &NotInEffect, format: AgeFormat) -> String {
    match reason {
        NotInEffect::NotValid { until } => format!("its metadata.valid was {}", past(*until, format)),
        NotInEffect::TooOld { made, age_seconds_max } => {
            let limit = span(Duration::from_secs((*age_seconds_max).into()));
            format!("it was made {}, and --max-age is {limit}", past(*made, format))
        }
        NotInEffect::Expired { records: 1, last } => format!("its only record expired {}", past(*last, format)),
        NotInEffect::Expired { records, last } => {
            format!("all its {records} records have expired, the last one {}", past(*last, format))
        }
        NotInEffect::NotRenewed => "the cache could not be reached within its Expire interval".to_owned(),
        NotInEffect::Withdrawn => "the cache has shut down and taken its data back (code 13)".to_owned(),
    }
}

/// The part of a set that would be served now, and until when.
pub(crate) fn describe_assessment(assessment: &Assessment, records: usize, now: u32) -> String {
    let Assessment { expired, last_expiry, aged, set_not_in_effect, first_end, last_end, .. } = *assessment;
    let ended = expired + aged;
    let served = match (records, ended) {
        (1, 0) => "its only record would be served now".to_owned(),
        (_, 0) => format!("all {records} records would be served now"),
        (_, _) => {
            let last = last_expiry
                .map_or(String::new(), |at| format!(", the last of them {}", past(at, AgeFormat::RelativeTo(now))));
            let expired = (expired > 0).then(|| format!("{} expired{last}", has_or_have(expired)));
            let aged = set_not_in_effect.filter(|_| aged > 0).map(|over| {
                let (why, remedy) = (describe_not_in_effect(&over, AgeFormat::RelativeTo(now)), describe_remedy(&over));
                format!("{} no expiry and {} too old: {why} (what helps: {remedy})", has_or_have(aged), is_or_are(aged))
            });
            let why: Vec<String> = expired.into_iter().chain(aged).collect();
            format!("{} of {records} records would be served now: {}", records - ended, why.join("; "))
        }
    };
    let ahead = |at: u32| format!("{} (in {})", utc(at), span(Duration::from_secs(at.saturating_sub(now).into())));
    let rest = if ended == 0 { "" } else { " of the rest" };
    let ends = match (first_end, last_end) {
        (Some(first), Some(last)) if first == last && ended == 0 => format!(", until {}", ahead(first)),
        (Some(first), Some(last)) if first == last => format!("; the rest ends {}", ahead(first)),
        (Some(first), Some(last)) => format!("; the first{rest} ends {}, the last {}", ahead(first), ahead(last)),
        (Some(first), None) => format!("; the first{rest} ends {}, and some never do", ahead(first)),
        (None, _) if ended == 0 => ", without an end".to_owned(),
        (None, _) => "; the rest has no end".to_owned(),
    };
    served + &ends
}

fn has_or_have(number: usize) -> String {
    if number == 1 { "1 has".to_owned() } else { format!("{number} have") }
}

fn is_or_are(number: usize) -> &'static str {
    if number == 1 { "is" } else { "are" }
}

/// A remedy that an operator has.
pub(crate) fn describe_remedy(over: &NotInEffect) -> &'static str {
    match over {
        NotInEffect::NotValid { .. } => "a newer file, or --too-old keep to serve it all the same",
        NotInEffect::TooOld { .. } => "a newer file, or a larger --max-age, or --too-old keep to serve it all the same",
        NotInEffect::Expired { .. } => "a newer file, or --expired keep to serve it all the same",
        NotInEffect::NotRenewed => {
            "a connection to the cache, or --too-old keep to serve what it sent last all the same"
        }
        NotInEffect::Withdrawn => "another source",
    }
}

/// Entries of a file that were left out.
pub(crate) fn describe_refused(tally: &Tally) -> String {
    let named: Vec<String> = tally.refused_first.iter().map(ToString::to_string).collect();
    let more = tally.refused.saturating_sub(named.len());
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    format!("{} of {} entries left out: {}{more}", tally.refused, tally.entries, named.join("; "))
}

/// VRPs of a file that had to be corrected.
pub(crate) fn describe_masked(vrps: usize) -> String {
    format!("{} had bits beyond the prefix length, which were set to zero", count(vrps, "VRP"))
}

/// Mistakes of a SLURM file, a line each, with a remedy.
///
/// All of them: a log gets [`LINES_LOGGED_MAX`].
pub(crate) fn describe_mistakes(errors: &SlurmErrors) -> Vec<String> {
    let remedy = |lenient| if lenient { ", or use --slurm-lenient, which reads it as empty" } else { "" };
    let lines = errors.iter().map(|error| format!("{error}{}", remedy(error.reason.is_lenient())));
    let more = (errors.more() > 0).then(|| format!("and {}", count_more(errors.more())));
    lines.chain(more).collect()
}

/// Lines about one file that go into a log or a status; `rtrcast check` prints all.
const LINES_LOGGED_MAX: usize = 20;

/// The first of many lines, and how many there are more.
pub(crate) fn first_lines(lines: Vec<String>) -> Vec<String> {
    let more = lines.len().saturating_sub(LINES_LOGGED_MAX);
    let rest = (more > 1).then(|| format!("and {}; `rtrcast check` prints all", count_more(more)));
    let shown = if rest.is_some() { LINES_LOGGED_MAX } else { lines.len() };
    lines.into_iter().take(shown).chain(rest).collect()
}

fn count_more(mistakes: usize) -> String {
    if mistakes == 1 { "1 more mistake".to_owned() } else { format!("{mistakes} more mistakes") }
}

/// Lists that a SLURM file lacks, and should have for whoever reads it strictly.
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

/// An error of a file, a socket or a connection, without numbers that only programmers know.
pub(crate) fn plain(error: &io::Error) -> String {
    match error.kind() {
        _ if error.raw_os_error().is_none() => error.to_string(),
        ErrorKind::NotFound => "there is no such file or directory".to_owned(),
        ErrorKind::PermissionDenied => "permission denied for the user that rtrcast runs as".to_owned(),
        ErrorKind::IsADirectory => "it is a directory".to_owned(),
        ErrorKind::NotADirectory => "a part of its path is not a directory".to_owned(),
        ErrorKind::AlreadyExists => "it exists already".to_owned(),
        ErrorKind::StorageFull => "no space left on the device".to_owned(),
        ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        _ => without_os_errors(&error.to_string()),
    }
}

/// A text without the numbers of system errors: `Connection refused (os error 111)`.
pub(crate) fn without_os_errors(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(" (os error ") {
        let Some((_, behind)) = after.split_once(')') else { break };
        shown += before;
        rest = behind;
    }
    shown + rest
}

/// An error of the command line's parser with ranges as people write them: "is not from 1 to 86400" for
/// "is not in 1..=86400".
pub(crate) fn with_plain_ranges(text: &str) -> String {
    const IN: &str = " is not in ";
    let text = &text.replace("invalid digit found in string", "not a whole number");
    let Some((before, after)) = text.split_once(IN) else { return text.to_owned() };
    let end = after.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '=').unwrap_or(after.len());
    let (range, behind) = after.split_at(end);
    let Some((from, to)) = range.split_once("..") else { return text.to_owned() };
    let range = match (from, to.trim_start_matches('=')) {
        ("", to) => format!(" is above {to}"),
        (from, "") => format!(" is below {from}"),
        (from, to) => format!(" is not from {from} to {to}"),
    };
    format!("{before}{range}{behind}")
}

/// A conflict of SLURM files, and the remedies.
pub(crate) fn describe_conflict(conflict: &SlurmConflict) -> String {
    format!("{conflict}; put both entries into one file, or allow it by --slurm-allow-overlaps")
}

/// A time span in its two largest units.
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

/// A number of octets in a unit that keeps it short.
pub(crate) fn octets(octets: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if octets < 1_000 {
        return format!("{octets} B");
    }
    let mut tenths = octets / 100;
    let mut units = UNITS.iter();
    let mut unit = units.next();
    while tenths >= 10_000
        && let Some(larger) = units.next()
    {
        tenths /= 1_000;
        unit = Some(larger);
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, unit.unwrap_or(&""))
}

/// Text of others without what a terminal would act on.
pub(crate) fn printable(text: &str) -> String {
    if text.chars().any(char::is_control) { text.escape_debug().to_string() } else { text.to_owned() }
}

/// Returns lines of text without what a terminal would act on.
pub(crate) fn printable_lines(text: &str) -> String {
    text.lines().map(printable).collect::<Vec<_>>().join("\n")
}

/// An argument as a shell takes it.
pub(crate) fn quoted(argument: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "_./:@%+=,-".contains(character);
    if !argument.is_empty() && argument.chars().all(is_plain) {
        argument.to_owned()
    } else {
        format!("'{}'", argument.replace('\'', r"'\''"))
    }
}

/// The age of something that was made then; its time, if that is later than now.
pub(crate) fn age(made: u32, now: u32) -> String {
    if made > now {
        return utc(made);
    }
    format!("{} ago", span(Duration::from_secs(now.saturating_sub(made).into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_system_are_plain() {
        let of = |number| plain(&io::Error::from_raw_os_error(number));
        assert_eq!(of(2), "there is no such file or directory");
        assert_eq!(of(111), "connection refused");
        assert_eq!(of(5), "Input/output error");
        assert_eq!(plain(&io::Error::other("not a regular file")), "not a regular file");
        assert_eq!(without_os_errors("a (os error 1): b (os error 22)"), "a: b");
        assert_eq!(without_os_errors("a (os error"), "a (os error");
    }

    #[test]
    fn ranges_are_plain() {
        assert_eq!(with_plain_ranges("x: 0 is not in 1..=86400"), "x: 0 is not from 1 to 86400");
        assert_eq!(with_plain_ranges("x: 1 is not in 60.. [a]"), "x: 1 is below 60 [a]");
        assert_eq!(with_plain_ranges("x: 9 is not in ..=8"), "x: 9 is above 8");
        assert_eq!(with_plain_ranges("x is not in a list"), "x is not in a list");
        assert_eq!(with_plain_ranges("x: invalid digit found in string"), "x: not a whole number");
    }

    #[test]
    fn arguments_are_quoted_for_a_shell() {
        assert_eq!(quoted("/var/db/rpki-client/json"), "/var/db/rpki-client/json");
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted("https://x/y?..."), "'https://x/y?...'");
    }

    #[test]
    fn octets_are_short() {
        let shown = [0, 999, 1_000, 1_999, 999_999, 1_000_000, 20_102_832, 5_000_000_000_000_000].map(octets);
        assert_eq!(shown, ["0 B", "999 B", "1.0 kB", "1.9 kB", "999.9 kB", "1.0 MB", "20.1 MB", "5.0 PB"]);
    }

    #[test]
    fn what_a_terminal_would_act_on_is_escaped() {
        assert_eq!(printable("edge1 é"), "edge1 é");
        assert_eq!(printable("a\u{1b}[2Jb\n"), r"a\u{1b}[2Jb\n");
    }

    #[test]
    fn spans() {
        for (seconds, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3_600, "1 h"),
            (3_660, "1 h 1 min"),
            (86_400, "1 day"),
            (90_000, "1 day 1 h"),
            (864_061, "10 days"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
    }
}
