//! The log: one line an event, to standard error.
//!
//! `event/` has all events, each with its name, level, fields and text. `render.rs` makes a line of one, as text, JSON or
//! for the journal; `writer.rs` writes lines on a thread of its own; `throttle.rs` limits events that peers can cause
//! without end; `library.rs` takes over what libraries log by `tracing`.

pub(crate) mod event;
mod format;
mod level;
mod library;
mod render;
mod throttle;
mod writer;

pub(crate) use format::LogFormat;
pub(crate) use level::Level;
pub(crate) use throttle::Throttle;

use event::LogEvent;
use render::LogRecord;
use std::sync::OnceLock;
use std::time::{Instant, SystemTime};
use throttle::ThrottleDecision;
use writer::LogQueue;

static LOG: OnceLock<ProcessLog> = OnceLock::new();

/// The log of the process.
struct ProcessLog {
    level: Level,
    format: LogFormat,
    queue: LogQueue,
}

/// Starts the log. Without it events go nowhere.
pub(crate) fn start(level: Level, format: LogFormat) {
    LOG.get_or_init(|| ProcessLog { level, format, queue: LogQueue::start(format) });
    library::start(level);
}

/// Waits until the lines so far are written, at most for a second.
pub(crate) fn finish() {
    if let Some(log) = LOG.get() {
        log.queue.finish();
    }
}

/// Log lines that were lost since the start.
pub(crate) fn lines_lost() -> u64 {
    LOG.get().map_or(0, |log| log.queue.lost_total())
}

/// Returns the prefix of an error that is printed before the log is configured: the journal takes it as the level.
pub(crate) fn error_prefix() -> &'static str {
    if LOG.get().is_none() && LogFormat::detect() == LogFormat::Journal { "<3>" } else { "" }
}

/// Returns true if the log is for programs to read, and not for people.
pub(crate) fn is_for_programs() -> bool {
    LOG.get().is_some_and(|log| log.format != LogFormat::Text)
}

/// Ways to log an event.
pub(crate) trait Log: LogEvent + Sized {
    /// Logs it.
    fn log(&self) {
        write(&LogRecord { event: self, level: self.level(), is_repeated: false, left_out: 0 });
    }

    /// Logs it at level `debug`: it is no news.
    fn log_quietly(&self) {
        write(&LogRecord { event: self, level: Level::Debug, is_repeated: false, left_out: 0 });
    }

    /// Logs it at level `debug`, and that the same was logged before.
    fn log_repeated(&self) {
        write(&LogRecord { event: self, level: Level::Debug, is_repeated: true, left_out: 0 });
    }

    /// Logs it unless there are too many like it.
    fn log_limited(&self, throttle: &Throttle) {
        if !is_logged(self.level()) {
            return;
        }
        if let ThrottleDecision::Log { left_out } = throttle.decide(Instant::now()) {
            write(&LogRecord { event: self, level: self.level(), is_repeated: false, left_out });
        }
    }
}

impl<Event: LogEvent> Log for Event {}

/// Returns true if events of a level are logged.
fn is_logged(level: Level) -> bool {
    LOG.get().is_some_and(|log| level <= log.level)
}

fn write(record: &LogRecord<'_>) {
    if let Some(log) = LOG.get()
        && record.level <= log.level
    {
        log.queue.write(render::line(record, log.format, SystemTime::now()));
    }
}
