//! Descriptions of the SSH library's errors. Some of its own texts have names of Rust types and variants in them, and
//! lists in Rust's notation.

use russh::{AlgorithmKind, ChannelOpenFailure, Error, keys};

/// Longer texts are cut. Both sides' lists of algorithms have room.
const CHARS_MAX: usize = 1024;

/// Describes an error, which may have parts of a peer's message in it, fit for a log line.
pub(super) fn error(error: &Error) -> String {
    printable(&text(error))
}

fn text(error: &Error) -> String {
    match error {
        Error::NoCommonAlgo { kind, ours, theirs } => {
            let what = match kind {
                AlgorithmKind::Kex => "key exchange",
                AlgorithmKind::Key => "host key",
                AlgorithmKind::Cipher => "cipher",
                AlgorithmKind::Compression => "compression",
                AlgorithmKind::Mac => "MAC",
            };
            let list = |names: &[String]| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            format!("no {what} algorithm in common; ours are {}, theirs are {}", list(ours), list(theirs))
        }
        Error::ChannelOpenFailure(failure) => format!("the other side opens no channel ({})", channel(failure)),
        Error::Keys(error) => key(error),
        Error::SshKey(error) => format!("a key can't be read: {error}"),
        Error::SshEncoding(error) => format!("a packet can't be read: {error}"),
        Error::Signature(_) => "a signature is wrong".to_owned(),
        Error::Utf8(_) => "a text is not UTF-8".to_owned(),
        Error::HUP => "the other side ended the connection".to_owned(),
        Error::KexInit => "the key exchange can't begin".to_owned(),
        Error::Kex => "the key exchange failed".to_owned(),
        Error::Version => "the other side does not begin as SSH 2.0 does: is it the right port?".to_owned(),
        Error::StrictKeyExchangeViolation { message_type, .. } => {
            format!("message {message_type} came out of order during the key exchange")
        }
        Error::Join(_) => "the task of the connection failed".to_owned(),
        // Those are in English, but for the first letter.
        error => uncapitalised(&error.to_string()),
    }
}

fn key(error: &keys::Error) -> String {
    match error {
        keys::Error::SshKey(error) => format!("a key can't be read: {error}"),
        keys::Error::SshEncoding(error) => format!("a key can't be read: {error}"),
        keys::Error::Der(_)
        | keys::Error::Spki(_)
        | keys::Error::Pkcs1(_)
        | keys::Error::Pkcs8(_)
        | keys::Error::Sec1(_)
        | keys::Error::Rsa(_)
        | keys::Error::Pad(_)
        | keys::Error::Unpad(_)
        | keys::Error::Decode(_) => "a key can't be read: its encoding is wrong".to_owned(),
        error => uncapitalised(&error.to_string()),
    }
}

fn channel(failure: &ChannelOpenFailure) -> String {
    match failure {
        ChannelOpenFailure::AdministrativelyProhibited => "administratively prohibited".to_owned(),
        ChannelOpenFailure::ConnectFailed => "connect failed".to_owned(),
        ChannelOpenFailure::UnknownChannelType => "unknown channel type".to_owned(),
        ChannelOpenFailure::ResourceShortage => "resource shortage".to_owned(),
        ChannelOpenFailure::Other { code, reason } => format!("reason {code}: {reason}"),
    }
}

/// As a part of a sentence. What begins with an abbreviation stays.
fn uncapitalised(text: &str) -> String {
    let mut characters = text.chars();
    match (characters.next(), characters.clone().next()) {
        (Some(first), Some(second)) if second.is_lowercase() || second == ' ' => {
            first.to_lowercase().chain(characters).collect()
        }
        _ => text.to_owned(),
    }
}

fn printable(text: &str) -> String {
    let mut printable = String::new();
    for character in text.chars().take(CHARS_MAX) {
        match character {
            '"' | '\'' => printable.push(character),
            character => printable.extend(character.escape_debug()),
        }
    }
    printable
}
