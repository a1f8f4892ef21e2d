//! The counts that are accepted: lines of `name = count` behind the name of the compiler.

use crate::run::Outcome;
use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::path::Path;

/// How many percent a count may be above or below the table's.
const TOLERANCE_PERCENT: u64 = 5;

/// The same with another compiler than the table was made with: what is twice as slow still shows.
const OTHER_COMPILER_PERCENT: u64 = 25;

const INTRODUCTION: &str =
    "# Instructions of the kernels in crates/bench/src/counted, as `cargo xtask count` counts them.
# `cargo xtask count --accept` writes this file; counts hold for one compiler.
";

/// Counts, and with which compiler they were made.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) compiler: String,
    pub(super) counts: BTreeMap<String, u64>,
}

/// What is to be said of a count.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It fails.
    Above { kernel: String, count: u64, accepted: u64, percent: u64 },
    /// The table allows more than it needs to.
    Below { kernel: String, count: u64, accepted: u64 },
    /// The table does not have it.
    Unknown { kernel: String, count: u64 },
    /// The table has what is no kernel.
    Gone { kernel: String },
}

impl Table {
    pub(super) fn read(path: &Path) -> Result<Table, String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Table::parse(&text).map_err(|error| format!("{}:{error}", path.display()))
    }

    fn parse(text: &str) -> Result<Table, String> {
        let mut table = Table { compiler: String::new(), counts: BTreeMap::new() };
        for (line, number) in text.lines().zip(1..).filter(|(line, _)| !line.is_empty() && !line.starts_with('#')) {
            let (name, value) = line.split_once(" = ").ok_or_else(|| format!("{number}: this is no NAME = COUNT"))?;
            if name == "compiler" {
                value.clone_into(&mut table.compiler);
            } else {
                let count = value.parse().map_err(|error| format!("{number}: {value}: {error}"))?;
                table.counts.insert(name.to_owned(), count);
            }
        }
        Ok(table)
    }

    pub(super) fn write(&self, path: &Path) -> Outcome {
        std::fs::write(path, self.text()).map_err(|error| format!("{}: {error}", path.display()))?;
        println!("{}: {} counts", path.display(), self.counts.len());
        Ok(())
    }

    fn text(&self) -> String {
        let mut text = format!("{INTRODUCTION}compiler = {}\n\n", self.compiler);
        for (kernel, count) in &self.counts {
            writeln!(text, "{kernel} = {count}").expect("a String takes everything");
        }
        text
    }

    /// How many percent counts may differ from the table's.
    pub(super) fn tolerance(&self, counts: &Table) -> u64 {
        if self.compiler == counts.compiler { TOLERANCE_PERCENT } else { OTHER_COMPILER_PERCENT }
    }

    /// What differs by more than is tolerated; of kernels that are gone, only if all were counted.
    pub(super) fn compare(&self, counts: &Table, is_complete: bool) -> Vec<Verdict> {
        let percent = self.tolerance(counts);
        let limit = |accepted: u64| accepted + accepted * percent / 100;
        let judged = counts.counts.iter().filter_map(|(kernel, &count)| {
            let kernel = kernel.clone();
            match self.counts.get(&kernel) {
                None => Some(Verdict::Unknown { kernel, count }),
                Some(&accepted) if count > limit(accepted) => Some(Verdict::Above { kernel, count, accepted, percent }),
                Some(&accepted) if accepted > limit(count) => Some(Verdict::Below { kernel, count, accepted }),
                Some(_) => None,
            }
        });
        let gone = self.counts.keys().filter(|kernel| is_complete && !counts.counts.contains_key(*kernel));
        judged.chain(gone.map(|kernel| Verdict::Gone { kernel: kernel.clone() })).collect()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const ACCEPT: &str = "`cargo xtask count --accept` takes it";
        match self {
            Verdict::Above { kernel, count, accepted, percent } => write!(
                f,
                "{kernel} takes {count} instructions, more than {accepted} and {percent} percent of it; {ACCEPT}"
            ),
            Verdict::Below { kernel, count, accepted } => write!(
                f,
                "{kernel} takes {count} instructions, and crates/bench/instructions.txt has {accepted}: tighten it, \
                 {ACCEPT}"
            ),
            Verdict::Unknown { kernel, count } => {
                write!(
                    f,
                    "{kernel} takes {count} instructions, and crates/bench/instructions.txt has no limit; {ACCEPT}"
                )
            }
            Verdict::Gone { kernel } => {
                write!(f, "{kernel} is in crates/bench/instructions.txt and is no kernel; {ACCEPT}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(counts: &[(&str, u64)]) -> Table {
        let counts = counts.iter().map(|(kernel, count)| ((*kernel).to_owned(), *count)).collect();
        Table { compiler: "rustc 1.95.0".to_owned(), counts }
    }

    #[test]
    fn what_is_written_is_read() {
        let table = table(&[("decode", 100), ("read-json", 2_000)]);
        assert_eq!(Table::parse(&table.text()), Ok(table));
        assert_eq!(Table::parse("\ndecode: 5\n"), Err("2: this is no NAME = COUNT".to_owned()));
        assert_eq!(Table::parse("decode = five\n"), Err("1: five: invalid digit found in string".to_owned()));
    }

    #[test]
    fn five_percent_are_tolerated_either_way() {
        let accepted = table(&[("decode", 1_000)]);
        let verdict = |count| accepted.compare(&table(&[("decode", count)]), true).pop();
        let kernel = || "decode".to_owned();
        assert_eq!(verdict(1_050), None);
        assert_eq!(
            verdict(1_051),
            Some(Verdict::Above { kernel: kernel(), count: 1_051, accepted: 1_000, percent: 5 })
        );
        assert_eq!(verdict(953), None);
        assert_eq!(verdict(900), Some(Verdict::Below { kernel: kernel(), count: 900, accepted: 1_000 }));
    }

    #[test]
    fn another_compiler_is_given_more_room_and_no_more() {
        let accepted = table(&[("decode", 1_000)]);
        let verdict = |count| {
            let counts = Table { compiler: "rustc 2.0.0".to_owned(), ..table(&[("decode", count)]) };
            accepted.compare(&counts, true).pop()
        };
        assert_eq!(verdict(1_250), None);
        let above = verdict(1_251).expect("it is above");
        let words = "decode takes 1251 instructions, more than 1000 and 25 percent of it; `cargo xtask count --accept` takes it";
        assert_eq!(above.to_string(), words);
    }

    #[test]
    fn kernels_that_only_one_side_has_are_named() {
        let (accepted, counts) = (table(&[("decode", 1)]), table(&[("encode", 1)]));
        let verdicts: Vec<String> = accepted.compare(&counts, true).iter().map(Verdict::to_string).collect();
        let expected = [
            "encode takes 1 instructions, and crates/bench/instructions.txt has no limit; \
             `cargo xtask count --accept` takes it",
            "decode is in crates/bench/instructions.txt and is no kernel; `cargo xtask count --accept` takes it",
        ];
        assert_eq!(verdicts, expected);
        assert_eq!(accepted.compare(&counts, false).len(), 1, "only some were counted");
    }
}
