//! Commands that do not serve.

pub(crate) mod check;
pub(crate) mod ctl;
pub(crate) mod dump;
pub(crate) mod ssh;

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
