//! The mistakes of one file, as they are met: the first ones with their places, of the others the number.

use super::error::{SlurmError, SlurmErrors, SlurmReason};

/// Mistakes that are told each; more are counted.
const MISTAKES_LISTED_MAX: usize = 1_000;

/// What has been noted of a file.
#[derive(Default)]
pub(super) struct Mistakes {
    /// By the octet where they stand.
    listed: Vec<(usize, SlurmError)>,
    more: usize,
}

impl Mistakes {
    /// Takes note of a mistake at an octet of the file, and works out its place if it is one of those that are told.
    pub(super) fn note(&mut self, at: usize, reason: SlurmReason, error: impl FnOnce(SlurmReason) -> SlurmError) {
        // What ends the search is told in any case: what stands behind it was not read.
        if self.listed.len() < MISTAKES_LISTED_MAX || reason.is_of_grammar() {
            self.listed.push((at, error(reason)));
        } else {
            self.more += 1;
        }
    }

    pub(super) fn count(&self) -> usize {
        self.listed.len() + self.more
    }

    /// All of them, in the order of the file: that something is missing shows only behind what is there.
    pub(super) fn into_errors(mut self) -> Option<SlurmErrors> {
        if let Some(error) = self.validator_output() {
            return Some(SlurmErrors::new(error, std::iter::empty(), 0));
        }
        self.listed.sort_by_key(|(at, _)| *at);
        let mut listed = self.listed.into_iter().map(|(_, error)| error);
        let first = listed.next()?;
        Some(SlurmErrors::new(first, listed, self.more))
    }

    /// That the file is a validator's output explains all that is wrong with it.
    fn validator_output(&self) -> Option<SlurmError> {
        let is_vrps = |error: &&SlurmError| match &error.reason {
            SlurmReason::UnknownMember { name, .. } => name == "roas" && error.path.is_empty(),
            _ => false,
        };
        let error = self.listed.iter().map(|(_, error)| error).find(is_vrps)?;
        Some(SlurmError { reason: SlurmReason::ValidatorOutput, ..error.clone() })
    }
}
