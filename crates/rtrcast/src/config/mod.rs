//! The configuration: the command line joined with a file (`file.rs`, over `toml_file.rs`), what both mean, checked
//! (`plan.rs`), and who else may read the secrets that it names (`secrets.rs`).

mod access;
pub(crate) mod address;
pub(crate) mod fetch;
mod file;
pub(crate) mod plan;
pub(crate) mod scheme;
pub(crate) mod secrets;
mod text;
mod toml_file;

pub(crate) use file::{CommandLine, Settings};
