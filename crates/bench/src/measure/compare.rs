//! Two builds of rtrcast side by side: each round measures one and then the other.

use super::{Bench, Measure};
use crate::Outcome;
use crate::figure::{Figure, Rounds, Summary, Unit};
use std::path::Path;

/// A figure of both builds.
struct Pair {
    what: String,
    unit: Unit,
    before: Rounds,
    now: Rounds,
}

/// Measures both, and returns the figures as a table.
pub(super) fn compare(bench: &mut Bench, before: &Path, measure: &Measure) -> Outcome<String> {
    let (now, rounds) = (bench.rtrcast.clone(), std::mem::replace(&mut bench.rounds, 1));
    let mut pairs: Vec<Pair> = Vec::new();
    for _ in 0..rounds {
        bench.rtrcast = before.to_owned();
        let figures_before = (measure.run)(bench)?;
        bench.rtrcast.clone_from(&now);
        let figures_now = (measure.run)(bench)?;
        add(&mut pairs, &figures_before, &figures_now);
    }
    bench.rounds = rounds;
    Ok(table(&pairs))
}

fn add(pairs: &mut Vec<Pair>, before: &[Figure], now: &[Figure]) {
    for (before, now) in before.iter().zip(now) {
        let at = pairs.iter().position(|pair| pair.what == now.what).unwrap_or_else(|| {
            let (before, now_rounds) = (Rounds::default(), Rounds::default());
            pairs.push(Pair { what: now.what.clone(), unit: now.unit, before, now: now_rounds });
            pairs.len() - 1
        });
        pairs[at].before.push(before.measured.median);
        pairs[at].now.push(now.measured.median);
    }
}

fn table(pairs: &[Pair]) -> String {
    let mut text = "| | before | now | times |\n|---|---|---|---|\n".to_owned();
    for Pair { what, unit, before, now } in pairs {
        let ratio = Summary::ratio(now, before);
        let (before, now) = (before.summary().text(*unit), now.summary().text(*unit));
        text += &format!("| {what} | {before} | {now} | {} |\n", ratio.text(Unit::Times));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(what: &str, value: f64) -> Figure {
        Figure::new(what, Unit::Seconds, Rounds::from_iter([value]).summary())
    }

    #[test]
    fn rounds_of_both_are_kept_by_figure() {
        let mut pairs = Vec::new();
        add(&mut pairs, &[figure("start", 1.0), figure("stop", 2.0)], &[figure("start", 2.0), figure("stop", 2.0)]);
        add(&mut pairs, &[figure("start", 1.0), figure("stop", 2.0)], &[figure("start", 4.0), figure("stop", 1.0)]);
        let expected = "| | before | now | times |\n|---|---|---|---|\n\
            | start | 1.000 s (1.000 to 1.000) | 3.000 s (2.000 to 4.000) | 3.00 (2.00 to 4.00) |\n\
            | stop | 2.000 s (2.000 to 2.000) | 1.500 s (1.000 to 2.000) | 0.75 (0.50 to 1.00) |\n";
        assert_eq!(table(&pairs), expected);
    }
}
