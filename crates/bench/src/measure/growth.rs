//! How time and memory grow with VRPs, ASPAs, sources and routers.

use super::memory::{next, settled};
use super::served::Served;
use super::{Bench, Measure};
use crate::Outcome;
use crate::data::{ASPAS, FEW_ASPAS, FOUR_MILLION, FULL, HUNDRED_THOUSAND, SOURCES, Set, TEN_THOUSAND};
use crate::figure::{Figure, Goal, Rounds, Summary, Unit};
use crate::load::plain::Clients;
use crate::load::router::Response;
use std::path::Path;
use std::time::Instant;

pub(super) const MEASURE: Measure = Measure {
    name: "growth",
    text: "Start, update (until a router that asks every 5 ms has the 2,000 changes), one synchronisation of one router \
        and memory after it, with sets of different sizes, ASPAs beside 10,000 VRPs; start and update with 1, 2, 4 and 8 \
        sources of 100,000 VRPs, which are merged; synchronisation of 50 to 400 routers at once with 100,000 VRPs. Each \
        is divided by n log n. The figure is the most that this is at a larger n, as a multiple of what it is at the \
        smallest n at which the fixed cost no longer rules: with VRPs, where the whole is at least three times that of \
        the smallest n measured; with ASPAs and routers the smallest n; with sources the smallest n that is merged",
    run,
};

/// Where the fixed cost is less than a third, it no longer rules.
const FIXED_PART: f64 = 3.0;
/// What noise and the processor's caches may add to n log n.
const GROWTH_GOAL: f64 = 1.25;
/// In one round, of which the median counts: the smallest ones take less than a millisecond.
const SYNCHRONISATIONS: usize = 9;
const SOURCE_COUNTS: [usize; 4] = [1, 2, 4, 8];
/// The place of the first number of sources that are merged.
const MERGED: usize = 1;
const ROUTER_COUNTS: [usize; 4] = [50, 100, 200, 400];

/// What one run with some data came to.
const WHAT: [(&str, Unit); 4] = [
    ("start", Unit::Seconds),
    ("update", Unit::Seconds),
    ("one synchronisation", Unit::Milliseconds),
    ("memory", Unit::Megabytes),
];

/// Measurements at sizes that grow: for each size its name, its n, and the values of all rounds.
type Series = Vec<(String, f64, [Rounds; 4])>;

fn run(bench: &Bench) -> Outcome<Vec<Figure>> {
    let vrps = [TEN_THOUSAND, HUNDRED_THOUSAND, FULL, FOUR_MILLION].map(|set| (vec![set], records(set)));
    let vrps = series(bench, &vrps)?;
    let mut figures: Vec<Figure> =
        (0..WHAT.len()).map(|place| growth("VRPs", place, &vrps, past_fixed(&vrps, place))).collect();
    let aspas = series(bench, &[FEW_ASPAS, ASPAS].map(|set| (vec![set], records(set))))?;
    figures.extend((0..WHAT.len()).map(|place| growth("ASPAs", place, &aspas, 0)));
    let sources = SOURCE_COUNTS.map(|count| (SOURCES[..count].to_vec(), count as f64 * records(SOURCES[0])));
    let sources = series(bench, &sources)?;
    figures.extend((0..2).map(|place| growth("sources", place, &sources, MERGED)));
    figures.push(growth("routers at once", 2, &routers(bench)?, 0));
    Ok(figures)
}

fn records(set: Set) -> f64 {
    (set.vrps + set.aspas) as f64
}

/// Runs with each of some data, in turns.
fn series(bench: &Bench, sizes: &[(Vec<Set>, f64)]) -> Outcome<Series> {
    let mut series: Series = sizes.iter().map(|(sets, n)| (name(sets), *n, Default::default())).collect();
    for round in 0..bench.rounds {
        for ((sets, _), (name, _, values)) in sizes.iter().zip(&mut series) {
            let one = one(bench, sets)?;
            let said: Vec<String> =
                WHAT.iter().zip(one).map(|((what, unit), value)| format!("{what} {}", unit.text(value))).collect();
            println!("  {}/{}: {name}: {}", round + 1, bench.rounds, said.join(", "));
            values.iter_mut().zip(one).for_each(|(all, value)| all.push(value));
        }
    }
    Ok(series)
}

/// What some data are called: by their size, or by the number of sources.
fn name(sets: &[Set]) -> String {
    match sets {
        [one] => one.title(),
        several => format!("{} sources", several.len()),
    }
}

fn one(bench: &Bench, sets: &[Set]) -> Outcome<[f64; 4]> {
    let mut served = Vec::new();
    for set in sets {
        served.push(Served::new(&bench.data, *set, bench.folder.path())?);
    }
    let files: Vec<&Path> = served.iter().map(Served::path).collect();
    let subject = bench.serve(&files)?;
    let has_aspas = sets.iter().any(|set| set.aspas > 0);
    let (mut router, first) = subject.first(if has_aspas { 2 } else { 1 })?;
    let start = subject.started.elapsed().as_secs_f64();
    check(&first, sets)?;
    let mut synchronisations = Rounds::default();
    for _ in 0..SYNCHRONISATIONS {
        let asked = Instant::now();
        check(&router.reset()?, sets)?;
        synchronisations.push(asked.elapsed().as_secs_f64() * 1e3);
    }
    let replaced = served.first_mut().ok_or("no source")?.replace()?;
    next(&mut router, first.state)?;
    let update = replaced.elapsed().as_secs_f64();
    Ok([start, update, synchronisations.median(), settled(&subject)? as f64 / 1e6])
}

/// Sets that were made apart may have a few VRPs in common.
fn check(response: &Response, sets: &[Set]) -> Outcome {
    let (vrps, aspas) = (response.tally.vrps, response.tally.aspas);
    let wanted: u64 = sets.iter().map(|set| set.vrps).sum();
    let in_common = if sets.len() > 1 { wanted / 10_000 } else { 0 };
    let wanted_aspas = sets.iter().map(|set| set.aspas).max().unwrap_or_default();
    let aspas_fit = aspas == wanted_aspas || (aspas == 0 && wanted_aspas < ASPAS.aspas);
    if (wanted - in_common..=wanted).contains(&vrps) && aspas_fit {
        return Ok(());
    }
    Err(format!("{vrps} VRPs and {aspas} ASPAs instead of {wanted} and {wanted_aspas}"))
}

fn routers(bench: &Bench) -> Outcome<Series> {
    let file = bench.data.file(HUNDRED_THOUSAND, 0, "json")?;
    let subject = bench.serve(&[&file])?;
    let (_router, first) = subject.first(1)?;
    check(&first, &[HUNDRED_THOUSAND])?;
    let mut series: Series =
        ROUTER_COUNTS.map(|count| (format!("{count} routers"), count as f64, Default::default())).into();
    for round in 0..bench.rounds {
        let mut said = Vec::new();
        for (count, (name, _, values)) in ROUTER_COUNTS.into_iter().zip(&mut series) {
            let time = Clients::connect(subject.addr, count)?.synchronise(first.tally.octets)?.as_secs_f64();
            values[2].push(time * 1e3);
            said.push((name.as_str(), format!("{time:.3} s")));
        }
        bench.say(round, &said);
    }
    Ok(series)
}

fn growth(of: &str, place: usize, series: &Series, base: usize) -> Figure {
    let (what, unit) = WHAT[place];
    let each: Vec<Rounds> = series.iter().map(|(_, n, values)| values[place].scaled(1.0 / (n * n.ln()))).collect();
    let (up_to, larger) = each.split_at((base + 1).min(each.len()));
    let most = larger.iter().max_by(|one, other| one.median().total_cmp(&other.median()));
    let growth = most.zip(up_to.last()).map(|(most, base)| Summary::ratio(most, base));
    let growth = growth.unwrap_or(Rounds::default().summary());
    let sizes: Vec<String> =
        series.iter().map(|(name, _, values)| format!("{name}: {}", values[place].summary().text(unit))).collect();
    let from = series.get(base).map(|(name, ..)| name.as_str()).unwrap_or_default();
    let name = format!("{what}: growth with {of} over n log n, from {from}");
    let mut figure = Figure::new(name, Unit::Times, growth).goal(Goal::AtMost(GROWTH_GOAL));
    figure.remark = sizes.join("; ");
    figure
}

/// The place of the smallest size at which the fixed cost no longer rules: the first that takes three times what the
/// smallest does, or else the last but one.
fn past_fixed(series: &Series, place: usize) -> usize {
    let values: Vec<f64> = series.iter().map(|(_, _, values)| values[place].median()).collect();
    let smallest = values.first().copied().unwrap_or(f64::NAN);
    let last_but_one = values.len().saturating_sub(2);
    let first = values.iter().position(|value| *value >= FIXED_PART * smallest);
    first.map_or(last_but_one, |at| at.min(last_but_one))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of what takes so long at 10, 100, 1,000 and 10,000.
    fn series(values: [f64; 4]) -> Series {
        let sizes = [10.0, 100.0, 1_000.0, 10_000.0];
        let of = |(n, value): (f64, f64)| (n.to_string(), n, std::array::from_fn(|_| Rounds::from_iter([value])));
        sizes.into_iter().zip(values).map(of).collect()
    }

    #[test]
    fn n_log_n_does_not_grow_over_itself() {
        let series = series([10.0, 100.0, 1_000.0, 10_000.0].map(|n: f64| n * n.ln()));
        assert!((growth("it", 0, &series, 0).measured.median - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_square_grows_however_much_is_fixed() {
        let series = series([10.0, 100.0, 1_000.0, 10_000.0].map(|n: f64| 1e4 + n * n));
        assert_eq!(past_fixed(&series, 0), 2);
        assert!(growth("it", 0, &series, 2).measured.median > 5.0);
    }

    #[test]
    fn what_grows_in_between_is_seen() {
        let series = series([10.0, 100.0, 50_000.0, 10_000.0]);
        assert!(growth("it", 0, &series, 0).measured.median > 10.0);
    }

    #[test]
    fn a_fixed_cost_alone_is_counted_from_the_last_but_one() {
        let series = series([5.0; 4]);
        assert_eq!(past_fixed(&series, 0), 2);
        assert!(growth("it", 0, &series, 2).measured.median < 1.0);
    }
}
