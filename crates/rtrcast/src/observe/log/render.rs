//! A log line: the only place that makes one of an event.

use super::event::LogEvent;
use super::format::LogFormat;
use super::level::Level;
use crate::clock::unix_of;
use rtrcast_feed::write::utc;
use serde_json::{Map, Value};
use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

/// An event as it is logged now.
pub(super) struct LogRecord<'a> {
    pub(super) event: &'a dyn LogEvent,
    pub(super) level: Level,
    /// The same was logged before, and is no news.
    pub(super) is_repeated: bool,
    /// Events like this one that were not logged before it.
    pub(super) left_out: u64,
}

/// The line, with its end.
pub(super) fn line(record: &LogRecord<'_>, format: LogFormat, time: SystemTime) -> Vec<u8> {
    let message = message(record);
    let mut line = match format {
        LogFormat::Text => {
            format!("{} {:>5} {}", timestamp(time), record.level.text_name(), without_controls(&message))
        }
        LogFormat::Journal => format!("<{}>{}", record.level.severity(), without_controls(&message)),
        LogFormat::Json => json(record, message, time),
    };
    line.push('\n');
    line.into_bytes()
}

fn json(record: &LogRecord<'_>, message: String, time: SystemTime) -> String {
    let mut members = Map::new();
    members.insert("time".to_owned(), timestamp(time).into());
    members.insert("level".to_owned(), record.level.name().into());
    members.insert("event".to_owned(), record.event.name().into());
    members.insert("message".to_owned(), message.into());
    record.event.add_fields(&mut members);
    if record.is_repeated {
        members.insert("repeated".to_owned(), true.into());
    }
    if record.left_out > 0 {
        members.insert("left_out".to_owned(), record.left_out.into());
    }
    Value::Object(members).to_string()
}

fn message(record: &LogRecord<'_>) -> String {
    let still = if record.is_repeated { "still: " } else { "" };
    let mut message = format!("{still}{}", record.event);
    if record.left_out > 0 {
        let _ = write!(message, " ({} lines like this were left out)", record.left_out);
    }
    message
}

/// The time by RFC 3339, in UTC, with microseconds.
fn timestamp(time: SystemTime) -> String {
    let micros = time.duration_since(UNIX_EPOCH).unwrap_or_default().subsec_micros();
    let seconds = utc(unix_of(time).unwrap_or(0));
    format!("{}.{micros:06}Z", seconds.trim_end_matches('Z'))
}

/// Escapes what a terminal would act on, and ends of lines, so that an event stays one line.
fn without_controls(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() { shown.extend(character.escape_debug()) } else { shown.push(character) }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::log::event::control::ControlEvent;
    use std::time::Duration;

    fn rendered(record: &LogRecord<'_>, format: LogFormat) -> String {
        let time = UNIX_EPOCH + Duration::from_micros(1_796_014_979_000_042);
        String::from_utf8(line(record, format, time)).unwrap()
    }

    #[test]
    fn an_event_in_each_format() {
        let event = ControlEvent::Close { router: "edge\u{1b}1" };
        let record = LogRecord { event: &event, level: Level::Info, is_repeated: false, left_out: 0 };
        let text = rendered(&record, LogFormat::Text);
        assert_eq!(text, "2026-11-30T05:02:59.000042Z  INFO control: close \"edge\\u{1b}1\"\n");
        assert_eq!(rendered(&record, LogFormat::Journal), "<6>control: close \"edge\\u{1b}1\"\n");
        let json = concat!(
            r#"{"time":"2026-11-30T05:02:59.000042Z","level":"info","event":"control_close","#,
            r#""message":"control: close \"edge\\u{1b}1\"","router":"edge\u001b1"}"#,
            "\n"
        );
        assert_eq!(rendered(&record, LogFormat::Json), json);
    }

    #[test]
    fn events_that_were_logged_before_or_left_out_say_so() {
        let event = ControlEvent::Refresh {};
        let record = LogRecord { event: &event, level: Level::Debug, is_repeated: true, left_out: 7 };
        let message = "still: control: refresh (7 lines like this were left out)";
        assert_eq!(rendered(&record, LogFormat::Journal), format!("<7>{message}\n"));
        let json: Value = serde_json::from_str(&rendered(&record, LogFormat::Json)).unwrap();
        assert_eq!((&json["message"], &json["level"]), (&message.into(), &"debug".into()));
        assert_eq!((&json["repeated"], &json["left_out"]), (&true.into(), &7.into()));
    }

    #[test]
    fn an_event_is_one_line() {
        let event = ControlEvent::Release { source: Some("a\nb") };
        let record = LogRecord { event: &event, level: Level::Info, is_repeated: false, left_out: 0 };
        for format in [LogFormat::Text, LogFormat::Json, LogFormat::Journal] {
            assert_eq!(rendered(&record, format).lines().count(), 1, "{format:?}");
        }
    }
}
