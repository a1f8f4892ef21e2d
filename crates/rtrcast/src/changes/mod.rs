//! The record of changes: what was announced and withdrawn, when, at which serial, and why. `list.rs` is its form for
//! programs and people, `memory.rs` the part in memory, `subject.rs` what can be asked for.

mod list;
mod memory;
mod subject;

pub(crate) use list::{ChangeQuery, text};
pub(crate) use memory::{ChangeRecord, of_directory};
pub(crate) use subject::{SinceArgument, SubjectArgument};
