//! The configuration: the command line joined with a file (`file.rs`, over `toml_file.rs`), the checked plan of both
//! (`plan.rs`), and the permissions of files with secrets (`secrets.rs`).

mod access;
pub(crate) mod address;
pub(crate) mod fetch;
mod file;
pub(crate) mod plan;
pub(crate) mod scheme;
pub(crate) mod secrets;
mod text;
mod toml_file;

#[cfg(any(test, fuzzing))]
pub(crate) use file::read_text_of_file;
pub(crate) use file::{CommandLine, Settings};
