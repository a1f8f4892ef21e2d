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

pub(crate) use event::LogEvent;
pub(crate) use format::LogFormat;
pub(crate) use level::Level;
pub(crate) use throttle::Throttle;

use render::LogRecord;
use std::sync::OnceLock;
use std::time::SystemTime;
use writer::LogQueue;

static LOG: OnceLock<Log> = OnceLock::new();

/// The log of the process.
struct Log {
    level: Level,
    format: LogFormat,
    queue: LogQueue,
}

/// Starts the log. Without it events go nowhere.
pub(crate) fn start(level: Level, format: LogFormat) {
    LOG.get_or_init(|| Log { level, format, queue: LogQueue::start(format) });
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

/// Returns true if the log is for programs to read, and not for people.
pub(crate) fn is_for_programs() -> bool {
    LOG.get().is_some_and(|log| log.format != LogFormat::Text)
}

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
