//! Commands that do not serve.

pub(crate) mod changes;
pub(crate) mod check;
pub(crate) mod ctl;
pub(crate) mod dump;
pub(crate) mod ssh;
pub(crate) mod state;

use crate::exit::Failure;
use std::io::{ErrorKind, Write, stdout};

/// Prints text on standard output. A closed pipe, as of `head`, is no error.
fn print(text: &str) -> Result<(), Failure> {
    match stdout().write_all(text.as_bytes()).and_then(|()| stdout().flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::Output { name: "standard output".to_owned(), error })
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Formats JSON of any schema in lines, with the members in the order in which the cache sent them. Control characters,
/// of which JSON leaves some as they are, are escaped.
fn indented(json: &str) -> Result<String, Failure> {
    let failure = |error: serde_json::Error| Failure::Unreachable(format!("the answer is not JSON: {error}"));
    let value: serde_json::Value = serde_json::from_str(json).map_err(failure)?;
    let pretty = serde_json::to_string_pretty(&value).map_err(failure)?;
    let mut text = String::with_capacity(pretty.len() + 1);
    for character in pretty.chars() {
        match character {
            '\n' => text.push('\n'),
            character if character.is_control() => text += &format!("\\u{:04x}", u32::from(character)),
            character => text.push(character),
        }
    }
    text.push('\n');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_no_control_characters() {
        let text = indented("{\"a\":\"\\u001b[31m\u{9b}1m\u{7f}\"}").unwrap();
        assert_eq!(text, "{\n  \"a\": \"\\u001b[31m\\u009b1m\\u007f\"\n}\n");
    }
}
