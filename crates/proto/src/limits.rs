//! The bounds of sessions and history, and what happens at each. A bound has its unit in its name, unless its type is
//! `Duration`.

use core::time::Duration;

/// Time from connecting to the first query; then the router is disconnected. After its first query it may be idle for
/// ever. A policy may set another limit.
pub const FIRST_QUERY_WAIT_MAX: Duration = Duration::from_secs(60);

/// Time from refusing a query for its version to the next query. [C-NEG-04]
pub const NEXT_QUERY_WAIT_MAX: Duration = Duration::from_secs(30);

/// Queries above our versions that get an Error Report on one connection; the next one closes it. [C-NEG-04]
pub const UNSUPPORTED_QUERIES_MAX: u8 = 3;

/// Time for which a query of version 0, 1 or 2 is held while there are no data yet; then it gets code 2, after which
/// BIRD and FRRouting wait for 600 s. It is a little less than the strictest client of the version waits for an answer:
/// IOS-XR 30 s and rtrlib 60 s in versions 0 and 1, the `rpki` crate 10 s in version 2. A policy may set another one.
pub const QUERY_HOLD_MAX: [Duration; 3] = [Duration::from_secs(25), Duration::from_secs(25), Duration::from_secs(8)];

/// Octets that are read behind a query that is held, so that the router's end of the connection is noticed. Beyond it
/// the TCP receive window fills up.
pub const HELD_INPUT_OCTETS_MAX: usize = 4 * 1024;

/// Time for which a query waits until its response has been built; then it gets code 1. Building takes milliseconds.
pub const RESPONSE_WAIT_MAX: Duration = Duration::from_secs(30);

/// Time for which an erroneous PDU's remaining octets are waited for, to be copied into the Error Report.
pub const COPY_WAIT_MAX: Duration = Duration::from_secs(1);

/// Interval between two Serial Notify PDUs on one connection (RFC 8210 section 8.2). [C-NOT-02]
pub const NOTIFY_INTERVAL_MIN: Duration = Duration::from_secs(60);

/// The most octets of one chunk of output. A chunk ends where a PDU ends, so an Error Report can be sent behind it.
pub const CHUNK_OCTETS_MAX: usize = 256 * 1024;

/// Responses up to this size are copied into one chunk with their Cache Response and End of Data.
pub const SMALL_RESPONSE_OCTETS_MAX: usize = 4 * 1024;

/// Deltas that a [`History`](crate::History) keeps; the oldest is dropped.
pub const HISTORY_DELTAS_MAX: usize = 256;

/// Octets that the deltas of a [`History`](crate::History) may take; the oldest are dropped.
pub const HISTORY_OCTETS_MAX: usize = 8 * 1024 * 1024;

/// Jumps of the serial among the deltas of a [`History`](crate::History); the oldest is dropped with all before it. Each is
/// of at most [`SERIAL_JUMP_MAX`], so that the newest serial is later than all of them by RFC 1982.
pub const HISTORY_JUMPS_MAX: usize = 7;

/// The shortest jump of the serial. No tail of a log that a crash loses has so many data sets.
pub const SERIAL_JUMP_MIN: u32 = 1 << 20;

/// The longest jump of the serial.
pub const SERIAL_JUMP_MAX: u32 = 1 << 28;

/// Octets of folded answers that a [`View`](crate::View) keeps; beyond it they are dropped, and folded again when
/// needed.
pub const ANSWERS_OCTETS_MAX: usize = 16 * 1024 * 1024;

/// Octets up to which a delta is always sent; a larger one becomes a Cache Reset if it has more than half of the octets
/// of the whole set.
pub const DELTA_ALWAYS_SENT_OCTETS_MAX: usize = 64 * 1024;

/// Superseded images that slow readers may pin; beyond it the sessions that send the oldest are closed.
pub const PINNED_IMAGES_MAX: usize = 3;

/// Time for which a router waits for a cache that owes it an answer and sends nothing. Responses take milliseconds; a
/// cache that is still loading may hold a query for some seconds.
pub const SILENCE_MAX: Duration = Duration::from_secs(60);

/// Time for a query and its whole response, however much keeps coming. [R-SYN-03]
pub const RESPONSE_TIME_MAX: Duration = Duration::from_secs(3_600);

/// Retry intervals after which a cache that owes an answer has stalled, for which version 2 has a code. [R-TMO-01]
pub const STALL_RETRY_INTERVALS: u32 = 3;

/// The most seconds between two queries of version 0, which has no timers (RFC 6810 section 8.1). [R-SYN-07]
pub const POLL_V0_SECONDS_MAX: u32 = 3_600;

/// Time before which a cache has not stalled in version 0, 1 or 2, however short the Retry interval is: a cache may
/// hold a query while it has no data, as [`QUERY_HOLD_MAX`] has it. [R-TMO-01]
pub const STALL_MIN: [Duration; 3] = [Duration::from_secs(30), Duration::from_secs(30), Duration::from_secs(10)];

/// Interval between two queries on one connection that Serial Notify PDUs cause. A cache that follows the
/// specifications sends one a minute.
pub const NOTIFIED_QUERY_INTERVAL_MIN: Duration = Duration::from_secs(1);

/// Interval between two queries of version 2 to a cache without data (8210bis section 8.4), if Retry is not shorter.
/// [R-SYN-06]
pub const NO_DATA_QUERY_INTERVAL_MAX: Duration = Duration::from_secs(60);

/// Pause before the first attempt to reconnect; it doubles with each further one. [R-TMO-02]
pub const RECONNECT_PAUSE_MIN: Duration = Duration::from_secs(1);

/// The longest pause between the first [`RECONNECT_EARLY_ATTEMPTS_MAX`] attempts that fail to connect: a cache that
/// restarts is back within seconds.
pub const RECONNECT_EARLY_PAUSE_MAX: Duration = Duration::from_secs(3);

/// Attempts with these short pauses; they take about half a minute. After them the pause doubles again.
pub const RECONNECT_EARLY_ATTEMPTS_MAX: u32 = 10;

/// The longest pause between any two attempts.
pub const RECONNECT_PAUSE_MAX: Duration = Duration::from_secs(60);

/// Time from the first update of a connection after which its loss starts the pauses again from the shortest. A
/// connection that is lost earlier counts as a failed attempt, so that a cache that closes behind each response is not
/// asked each second. [R-TMO-02]
pub const STABLE_CONNECTION_MIN: Duration = Duration::from_secs(60);

/// The most octets of memory that a router collects of a response: the world has 23 MB.
pub const RESPONSE_OCTETS_MAX: usize = 256 * 1024 * 1024;
