//! The text of a configuration file, and texts about its mistakes.

use crate::observe::describe::with_plain_ranges;
use std::fmt;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The largest file that is read: configurations have a few hundred lines.
const CONFIG_OCTETS_MAX: u64 = 1024 * 1024;

/// A mistake in a file, and its line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ConfigError {
    pub(super) file: PathBuf,
    pub(super) line: Option<usize>,
    pub(super) reason: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file.display(), self.reason),
            None => write!(f, "{}: {}", self.file.display(), self.reason),
        }
    }
}

/// Reads a regular file: opening a FIFO would wait for a writer.
pub(super) fn read_text(path: &Path) -> io::Result<String> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut text = String::new();
    fs::File::open(path)?.take(CONFIG_OCTETS_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > CONFIG_OCTETS_MAX {
        return Err(io::Error::other(format!("larger than {CONFIG_OCTETS_MAX} bytes: not a configuration")));
    }
    Ok(text)
}

/// Returns a hint where a text was written without its quotes, the usual mistake.
pub(super) fn hint_of_quotes(text: &str, at: usize) -> &'static str {
    let start = text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1);
    let line = text.get(start..).unwrap_or_default().lines().next().unwrap_or_default();
    let value = line.split_once('=').map_or("", |(_, value)| value.trim_start());
    let is_number = value.trim_end().chars().all(|c| c.is_ascii_digit() || c == '_');
    match value.chars().next() {
        None | Some('"' | '\'' | '[' | '{') => "",
        Some(_) if is_number => "",
        Some(_) => "; a text is written in quotes, as in listen = \"127.0.0.1:8282\"",
    }
}

/// Returns the message of clap, without the hint to its help.
pub(super) fn first_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let lines = text.lines().take_while(|line| !line.trim().is_empty());
    let line = without_secrets(lines.map(str::trim).collect::<Vec<_>>().join(" ").trim_start_matches("error: "));
    with_plain_ranges(&line)
}

/// Returns a text in which URLs show neither user and password nor the query.
fn without_secrets(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        let end = after.find([' ', '\'', '"']).unwrap_or(after.len());
        let (url, behind) = after.split_at(end);
        let url = url.rsplit_once('@').map_or(url, |(_, host)| host);
        let (url, query) = url.split_once('?').map_or((url, ""), |(url, _)| (url, "?..."));
        shown += &format!("{before}://{url}{query}");
        rest = behind;
    }
    shown + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_in_messages_have_no_secrets() {
        assert_eq!(
            without_secrets("invalid value 'https://me:se/c@ret@host/x?key=1' for '--x': no http://u@h"),
            "invalid value 'https://host/x?...' for '--x': no http://h"
        );
        assert_eq!(without_secrets("nothing"), "nothing");
    }
}
