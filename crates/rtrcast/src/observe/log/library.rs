//! Events of libraries, which log by `tracing`: hyper tells at level `trace` and `debug` what its connections do.

use super::Log;
use super::event::log::LibraryEvent;
use super::level::Level;
use std::fmt::{self, Write};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Has events of libraries logged from now on.
pub(super) fn start(level: Level) {
    // There is one log in a process.
    let _ = tracing::subscriber::set_global_default(LibraryEvents(level));
}

/// Logs what libraries tell, without their spans.
struct LibraryEvents(Level);

impl Subscriber for LibraryEvents {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && level(*metadata.level()) <= self.0
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(match self.0 {
            Level::Error => LevelFilter::ERROR,
            Level::Warn => LevelFilter::WARN,
            Level::Info => LevelFilter::INFO,
            Level::Debug => LevelFilter::DEBUG,
            Level::Trace => LevelFilter::TRACE,
        })
    }

    fn event(&self, event: &Event<'_>) {
        let mut message = EventText(String::new());
        event.record(&mut message);
        let metadata = event.metadata();
        let (level, library) = (level(*metadata.level()), metadata.target());
        LibraryEvent { level, library, message: &message.0 }.log();
    }

    // Spans are not logged, and need not be told apart.

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

fn level(level: tracing::Level) -> Level {
    match level {
        tracing::Level::ERROR => Level::Error,
        tracing::Level::WARN => Level::Warn,
        tracing::Level::INFO => Level::Info,
        tracing::Level::DEBUG => Level::Debug,
        _ => Level::Trace,
    }
}

/// Message and fields of an event in one line: `message field=value`.
struct EventText(String);

impl Visit for EventText {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let gap = if self.0.is_empty() { "" } else { " " };
        let _ = match field.name() {
            "message" => write!(self.0, "{gap}{value:?}"),
            name => write!(self.0, "{gap}{name}={value:?}"),
        };
    }
}
