//! The configuration: the command line joined with a file (`file.rs`), what both mean, checked (`plan.rs`), and who else may
//! read the secrets that it names (`secrets.rs`).

pub(crate) mod address;
mod file;
pub(crate) mod options;
pub(crate) mod plan;
pub(crate) mod secrets;

pub(crate) use file::{CommandLine, PlaceOptions, Settings};
