//! The bounds of sessions and history, in one place. What happens at each is said beside it.

use core::time::Duration;

/// A router that has asked nothing for this long is closed; after its first query it may be idle for ever. A policy may
/// set another limit.
pub const FIRST_QUERY_WAIT_MAX: Duration = Duration::from_secs(60);

/// The same once a query was refused for its version, counted from the refusal. [C-NEG-04]
pub const NEXT_QUERY_WAIT_MAX: Duration = Duration::from_secs(30);

/// Queries above our versions that get an Error Report on one connection; the next one closes it. [C-NEG-04]
pub const UNSUPPORTED_QUERIES_MAX: u8 = 3;

/// How long a query of version 0, 1 or 2 is held while there are no data yet; then it gets code 2, after which BIRD and
/// FRRouting wait for 600 s. It is a little less than the strictest client of the version waits for an answer: IOS-XR 30 s
/// and rtrlib 60 s in versions 0 and 1, the `rpki` crate 10 s in version 2. A policy may set another one.
pub const QUERY_HOLD_MAX: [Duration; 3] = [Duration::from_secs(25), Duration::from_secs(25), Duration::from_secs(8)];

/// The octets that are read behind a query that is held, so that the peer's end is noticed. Beyond it the router's window
/// fills up.
pub const HELD_INPUT_OCTETS_MAX: usize = 4 * 1024;

/// How long a query waits for a response that is being made; then it gets code 1. The making takes milliseconds.
pub const RESPONSE_WAIT_MAX: Duration = Duration::from_secs(30);

/// How long an erroneous PDU's remaining octets are waited for, to be copied into the Error Report.
pub const COPY_WAIT_MAX: Duration = Duration::from_secs(1);

/// Between two Serial Notify PDUs on one connection (RFC 8210 section 8.2). [C-NOT-02]
pub const NOTIFY_INTERVAL_MIN: Duration = Duration::from_secs(60);

/// The most octets of one chunk of output. A chunk ends where a PDU ends, so a report can cut in behind it.
pub const CHUNK_OCTETS_MAX: usize = 256 * 1024;

/// Responses up to this size are copied into one chunk with their Cache Response and End of Data.
pub const SMALL_RESPONSE_OCTETS_MAX: usize = 4 * 1024;

/// Deltas that a [`History`](crate::History) keeps; the oldest is dropped.
pub const HISTORY_DELTAS_MAX: usize = 256;

/// Octets that the deltas of a [`History`](crate::History) may take; the oldest are dropped.
pub const HISTORY_OCTETS_MAX: usize = 8 * 1024 * 1024;

/// Octets of folded answers that a [`View`](crate::View) keeps; beyond it they are forgotten, and made anew when
/// asked for.
pub const ANSWERS_OCTETS_MAX: usize = 16 * 1024 * 1024;

/// A delta up to this size is always sent; a larger one becomes a Cache Reset if it is more than half of what the
/// whole set has.
pub const DELTA_ALWAYS_SENT_OCTETS_MAX: usize = 64 * 1024;

/// Superseded images that slow readers may pin; beyond it the readers of the oldest are cut off.
pub const PINNED_IMAGES_MAX: usize = 3;

/// How long a router waits for a cache that owes it an answer and sends nothing. Responses take milliseconds; a cache
/// that is still loading may hold a query for some seconds.
pub const SILENCE_MAX: Duration = Duration::from_secs(60);

/// How long a query and its response may take in all, however much keeps coming. [R-SYN-03]
pub const RESPONSE_TIME_MAX: Duration = Duration::from_secs(3_600);

/// A cache that owes an answer for so many Retry intervals has stalled, which version 2 has a code for. [R-TMO-01]
pub const STALL_RETRY_INTERVALS: u32 = 3;

/// The most seconds between two queries of version 0, which has no timers (RFC 6810 section 8.1). [R-SYN-07]
pub const POLL_V0_SECONDS_MAX: u32 = 3_600;

/// But not before this in version 0, 1 or 2, however short its Retry interval is: a cache may hold a query while it has no
/// data, as [`QUERY_HOLD_MAX`] has it. [R-TMO-01]
pub const STALL_MIN: [Duration; 3] = [Duration::from_secs(30), Duration::from_secs(30), Duration::from_secs(10)];

/// Between two queries that notifies bring about on one connection. A cache that follows the texts sends one a minute.
pub const NOTIFIED_QUERY_INTERVAL_MIN: Duration = Duration::from_secs(1);

/// Between two queries of version 2 to a cache without data (8210bis section 8.4). [R-SYN-06]
pub const NO_DATA_QUERY_INTERVAL_MAX: Duration = Duration::from_secs(60);

/// How soon a lost connection is tried again; twice as long each time. [R-TMO-02]
pub const RECONNECT_PAUSE_MIN: Duration = Duration::from_secs(1);

/// The longest pause between the first [`RECONNECT_EARLY_ATTEMPTS_MAX`] attempts at which there is no connection to be had: a
/// cache that restarts is back within seconds.
pub const RECONNECT_EARLY_PAUSE_MAX: Duration = Duration::from_secs(3);

/// Attempts that are so close to each other, which are those of about half a minute. After them the pause doubles again.
pub const RECONNECT_EARLY_ATTEMPTS_MAX: u32 = 10;

/// The longest pause between any two attempts.
pub const RECONNECT_PAUSE_MAX: Duration = Duration::from_secs(60);

/// A connection that is lost so long after its first update is tried again soon, and one that is lost earlier after as
/// long as if there had been none: a cache that closes behind each response is not asked each second. [R-TMO-02]
pub const STABLE_CONNECTION_MIN: Duration = Duration::from_secs(60);

/// The most octets of memory that a router collects of a response: the world has 23 MB.
pub const RESPONSE_OCTETS_MAX: usize = 256 * 1024 * 1024;
