//! Formats of log lines.

use rustix::fs::fstat;

/// A format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// Time, level and message, for people.
    Text,
    /// A JSON object.
    Json,
    /// The level as the prefix of sd-daemon(3), and the message. The journal has the time.
    Journal,
}

impl LogFormat {
    /// The format for whoever reads standard error.
    pub(crate) fn detect() -> LogFormat {
        let is_journal = std::env::var("JOURNAL_STREAM").is_ok_and(|stream| is_standard_error(&stream));
        if is_journal { LogFormat::Journal } else { LogFormat::Text }
    }
}

/// Returns true if standard error has this device and inode: `DEVICE:INODE`, as systemd.exec(5) gives the stream that it
/// connects to the journal. Whoever redirected standard error since then has another one.
fn is_standard_error(stream: &str) -> bool {
    fstat(std::io::stderr()).is_ok_and(|stat| stream == format!("{}:{}", stat.st_dev, stat.st_ino))
}
