//! `rtrcast changes`: the record of changes in a state directory.

use super::{indented, print};
use crate::changes::{of_directory, text};
use crate::cli::ChangesArguments;
use crate::exit::Failure;
use crate::state::DirectoryError;

pub(crate) fn changes(arguments: &ChangesArguments) -> Result<(), Failure> {
    let ChangesArguments { query: asked, state: path } = arguments;
    let query = asked.query();
    let list = of_directory(path, &query).map_err(|error| Failure::State {
        path: path.clone(),
        error: DirectoryError::Io { doing: "read it", error },
    })?;
    let json = || serde_json::to_string(&list).map_err(|error| Failure::Internal(error.to_string()));
    print(&if asked.json { indented(&json()?)? } else { text(&list, &query) })
}
