//! The errors of one file, as they are found: the first ones with their positions, of the others the number.

use super::error::{SlurmError, SlurmErrors, SlurmReason};
use crate::json::is_list_of_vrps;

/// Errors that are listed; more are counted.
const ERRORS_LISTED_MAX: usize = 1_000;

/// Errors of a file.
#[derive(Default)]
pub(super) struct ErrorList {
    /// With the offset of each.
    listed: Vec<(usize, SlurmError)>,
    more: usize,
}

impl ErrorList {
    /// Adds an error at an octet of the file, and works out its position if it is listed.
    pub(super) fn note(&mut self, at: usize, reason: SlurmReason, error: impl FnOnce(SlurmReason) -> SlurmError) {
        // An error that ends reading is always listed: the rest of the file was not read.
        if self.listed.len() < ERRORS_LISTED_MAX || reason.is_of_grammar() {
            self.listed.push((at, error(reason)));
        } else {
            self.more += 1;
        }
    }

    pub(super) fn count(&self) -> usize {
        self.listed.len() + self.more
    }

    /// All of them, in the order of the file: missing members are found only at the end of their object.
    pub(super) fn into_errors(mut self) -> Option<SlurmErrors> {
        if let Some(error) = self.validator_output() {
            return Some(SlurmErrors::new(error, std::iter::empty(), 0));
        }
        self.listed.sort_by_key(|(at, _)| *at);
        let mut listed = self.listed.into_iter().map(|(_, error)| error);
        let first = listed.next()?;
        Some(SlurmErrors::new(first, listed, self.more))
    }

    /// If the file is a validator's output, that is the only error.
    fn validator_output(&self) -> Option<SlurmError> {
        let is_vrps = |error: &&SlurmError| match &error.reason {
            SlurmReason::UnknownMember { name, .. } => is_list_of_vrps(name) && error.path.is_empty(),
            _ => false,
        };
        let error = self.listed.iter().map(|(_, error)| error).find(is_vrps)?;
        Some(SlurmError { reason: SlurmReason::ValidatorOutput, ..error.clone() })
    }
}
