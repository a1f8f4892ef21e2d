//! All events that are logged, by subject. `docs/LOG.md` lists them; a test below proves that list.
//!
//! To add one: a variant in the file of its subject, and its text in the `Display` below it. `field.rs` says what a field
//! may be.

pub(crate) mod connections;
pub(crate) mod control;
pub(crate) mod curation;
pub(crate) mod data;
pub(crate) mod field;
pub(crate) mod handover;
pub(crate) mod listeners;
pub(crate) mod log;
pub(crate) mod service;
pub(crate) mod slurm;
pub(crate) mod sources;
pub(crate) mod state;
pub(crate) mod upstream;

use super::level::Level;
use serde_json::{Map, Value};
use std::fmt;

/// An event. Its `Display` is its text.
pub(crate) trait LogEvent: fmt::Display {
    /// Its name, which stays the same for ever.
    fn name(&self) -> &'static str;

    fn level(&self) -> Level;

    /// Adds its fields, by their names.
    fn add_fields(&self, to: &mut Map<String, Value>);
}

/// A row of the list of events.
#[cfg(test)]
pub(crate) struct EventDescription {
    pub(crate) name: &'static str,
    pub(crate) level: Level,
    pub(crate) fields: Vec<&'static str>,
    pub(crate) meaning: &'static str,
}

/// Declares the events of a subject: for each its meaning, level, name, and fields.
macro_rules! events {
    ($(#[$attribute:meta])* pub(crate) enum $subject:ident $(<$lifetime:lifetime>)? { $(
        $(#[doc = $meaning:literal])+
        $level:ident $name:literal $variant:ident { $($field:ident: $type:ty),* $(,)? }
    )* }) => {
        $(#[$attribute])*
        pub(crate) enum $subject $(<$lifetime>)? { $(
            $(#[doc = $meaning])+
            $variant { $($field: $type),* },
        )* }

        impl $(<$lifetime>)? $crate::observe::log::event::LogEvent for $subject $(<$lifetime>)? {
            fn name(&self) -> &'static str {
                match self { $( $subject::$variant { .. } => $name, )* }
            }

            fn level(&self) -> $crate::observe::log::level::Level {
                match self { $( $subject::$variant { .. } => $crate::observe::log::level::Level::$level, )* }
            }

            fn add_fields(&self, _to: &mut serde_json::Map<String, serde_json::Value>) {
                match self { $(
                    $subject::$variant { $($field),* } => {
                        $( $crate::observe::log::event::field::EventField::add($field, stringify!($field), _to); )*
                    }
                )* }
            }
        }

        #[cfg(test)]
        impl $(<$lifetime>)? $subject $(<$lifetime>)? {
            /// One of each event, with all of its fields.
            pub(super) fn examples() -> Vec<$subject $(<$lifetime>)?> {
                vec![ $(
                    $subject::$variant {
                        $( $field: <$type as $crate::observe::log::event::field::EventField>::example() ),*
                    },
                )* ]
            }

            pub(super) fn descriptions() -> Vec<$crate::observe::log::event::EventDescription> {
                vec![ $(
                    $crate::observe::log::event::EventDescription {
                        name: $name,
                        level: $crate::observe::log::level::Level::$level,
                        fields: <[Vec<&'static str>]>::concat(&[
                            $( <$type as $crate::observe::log::event::field::EventField>::names(stringify!($field)) ),*
                        ]),
                        meaning: concat!($($meaning),+),
                    },
                )* ]
            }
        }
    };
}
use events;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::log::LogFormat;
    use crate::observe::log::render::{LogRecord, line};
    use expect_test::expect_file;
    use serde_json::Value;
    use std::collections::BTreeSet;
    use std::time::UNIX_EPOCH;

    /// A subject's events, and one of each.
    type Subject = (&'static str, Vec<EventDescription>, Vec<Box<dyn LogEvent>>);

    fn subjects() -> Vec<Subject> {
        macro_rules! subject {
            ($heading:literal, $subject:path) => {{
                use $subject as Events;
                let examples = Events::examples().into_iter().map(|event| Box::new(event) as Box<dyn LogEvent>);
                ($heading, Events::descriptions(), examples.collect())
            }};
        }
        let mut all: Vec<Subject> = vec![
            subject!("Sources", sources::SourceEvent),
            subject!("Other caches as sources", upstream::UpstreamEvent),
            subject!("Losses, age and clock", curation::CurationEvent),
            subject!("SLURM", slurm::SlurmEvent),
            subject!("Data served", data::DataEvent),
            subject!("State directory", state::StateEvent),
            subject!("Connections and routers", connections::ConnectionEvent),
            subject!("Listeners, certificates and keys", listeners::ListenerEvent),
            subject!("Start, reload and stop", service::ServiceEvent),
            subject!("Upgrade", handover::HandoverEvent),
            subject!("Control and HTTP", control::ControlEvent),
            subject!("The log", log::LogLossEvent),
        ];
        let library = log::LibraryEvent { level: Level::Debug, library: "hyper", message: "text" };
        let (_, descriptions, examples) = all.last_mut().unwrap();
        descriptions.push(EventDescription {
            name: library.name(),
            level: library.level(),
            fields: vec!["library"],
            meaning: " A library logs something; its level varies",
        });
        examples.push(Box::new(library));
        all
    }

    #[test]
    fn each_event_has_a_name_of_its_own_and_json_with_its_fields() {
        let mut names = BTreeSet::new();
        for (_, descriptions, examples) in subjects() {
            assert_eq!(descriptions.len(), examples.len());
            for (description, event) in descriptions.iter().zip(examples) {
                let EventDescription { name, level, fields, .. } = description;
                assert_eq!((event.name(), event.level()), (*name, *level));
                assert!(names.insert(event.name()), "{name} twice");
                assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{name}");
                let record = LogRecord { event: &*event, level: *level, is_repeated: false, left_out: 0 };
                let json = String::from_utf8(line(&record, LogFormat::Json, UNIX_EPOCH)).unwrap();
                let Value::Object(members) = serde_json::from_str(json.trim_end()).unwrap() else { panic!("{json}") };
                let wanted = ["time", "level", "event", "message"].iter().chain(fields);
                assert!(members.keys().eq(wanted.copied()), "{json}");
                assert_eq!(members["message"], event.to_string());
                assert!(!event.to_string().is_empty());
            }
        }
    }

    #[test]
    fn the_list_of_events_is_complete() {
        let mut text = INTRODUCTION.to_owned();
        for (heading, descriptions, _) in subjects() {
            text += &format!("\n## {heading}\n\n| Event | Level | Fields | Meaning |\n|---|---|---|---|\n");
            for EventDescription { name, level, fields, meaning } in descriptions {
                let fields: Vec<String> = fields.iter().map(|field| format!("`{field}`")).collect();
                text += &format!("| `{name}` | {} | {} | {} |\n", level.name(), fields.join(", "), meaning.trim());
            }
        }
        expect_file!["../../../../../../docs/LOG.md"].assert_eq(&text);
    }

    const INTRODUCTION: &str = "\
# Log

rtrcast logs to standard error, one line an event. [CONTROL.md](CONTROL.md#log) has the levels. This list is written by
the test `the_list_of_events_is_complete` of `crates/rtrcast/src/observe/log/event/`.

`--log-format` says how a line is written:

| Value | A line |
|---|---|
| `text` | time, level and message, for people |
| `json` | a JSON object, for programs |
| `journal` | the level as a prefix, as sd-daemon(3) says (`<4>` is `warn`), and the message; the journal adds the time |
| `auto` | `journal` if standard error is connected to systemd's journal, else `text`; this is the default |

The option takes effect at a start. A mistake in the options or the configuration file is reported before the log
starts, as text; where the journal reads, with the prefix of an error.

## JSON

    {\"time\":\"2026-11-30T05:02:59.000042Z\",\"level\":\"info\",\"event\":\"control_release\",\"message\":\"control: release\"}

Each line has these members, in this order, and then those of its event:

| Member | Meaning |
|---|---|
| `time` | RFC 3339, in UTC, with microseconds |
| `level` | `error`, `warn`, `info`, `debug` or `trace` |
| `event` | the name of the event |
| `message` | the text, as `text` has it; text of peers is escaped in it |
| `repeated` | true if the same was logged before and is no news; the level is `debug` |
| `left_out` | number of lines like this one that were not logged before it, because there were too many |

Names of events and members do not change. New ones may be added. A member without a value is left out. Members that
several events have:

| Member | Meaning |
|---|---|
| `source` | a source, as `rtrcast ctl status` names it |
| `file` | a SLURM file, directory or URL |
| `serial` | the serial that is served or, for another cache, its own |
| `router`, `address`, `listener`, `transport` | a router, as `rtrcast ctl routers --json` has it; a connection that is refused may be from somebody else |
| `connection` | number of a connection since the start: the `id` of `rtrcast ctl routers --json` |
| `protocol_version` | version of RTR: 0, 1 or 2 |
| `code` | code of an Error Report |
| `reason`, `error` | why |
| `losses` | records that are missing: `of` what, how many there were (`had`), how many are missing (`lost`) |
| `..._seconds` | a time span in seconds |
";
}
