//! Levels of log lines, which are the values of `--log-level` as well.

use clap::ValueEnum;

/// A level, the most urgent one first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Level {
    /// An operator must act now
    Error,
    /// Look today
    Warn,
    /// A session or the data changed
    Info,
    /// Reasons for decisions
    Debug,
    /// Everything
    Trace,
}

impl Level {
    /// The name in text: `WARN`.
    pub(super) fn text_name(self) -> &'static str {
        match self {
            Level::Error => "ERROR",
            Level::Warn => "WARN",
            Level::Info => "INFO",
            Level::Debug => "DEBUG",
            Level::Trace => "TRACE",
        }
    }

    /// The name in JSON, which `--log-level` has too: `warn`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warn => "warn",
            Level::Info => "info",
            Level::Debug => "debug",
            Level::Trace => "trace",
        }
    }

    /// The severity by syslog(3), as sd-daemon(3) wants it.
    pub(super) fn severity(self) -> u8 {
        match self {
            Level::Error => 3,
            Level::Warn => 4,
            Level::Info => 6,
            Level::Debug | Level::Trace => 7,
        }
    }
}
