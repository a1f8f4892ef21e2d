//! Ten thousand routers that wait.

use super::memory::settled;
use super::served::Served;
use super::sync::check;
use super::{Bench, Measure};
use crate::Outcome;
use crate::data::{CHANGES, FULL};
use crate::figure::{Figure, Goal, Rounds, Unit};
use crate::load::flock::Flock;

pub(super) const MEASURE: Measure = Measure {
    name: "idle",
    text: "10,000 routers of version 1 are connected and hold everything; anonymous pages for each of them, and an update \
        of 2,000 changes that reaches them all",
    run,
};

const ROUTERS: usize = 10_000;
const MEMORY_GOAL: f64 = 2_048.0;
const SECONDS_GOAL: f64 = 2.0;

fn run(bench: &Bench) -> Outcome<Vec<Figure>> {
    let [mut each, mut reached] = [const { Vec::new() }; 2];
    for round in 0..bench.rounds {
        let mut served = Served::new(&bench.data, FULL, bench.folder.path())?;
        let subject = bench.serve(&[served.path()])?;
        let (_router, first) = subject.first(1)?;
        check(&first, FULL)?;
        settled(&subject)?;
        let without = subject.anonymous()?;
        let mut flock = Flock::connect(subject.addr, ROUTERS, first.state)?;
        settled(&subject)?;
        let octets = subject.anonymous()?.saturating_sub(without) as f64 / ROUTERS as f64;
        let replaced = served.replace()?;
        let update = flock.update(CHANGES)?;
        let seconds = update.all.duration_since(update.first_notify).as_secs_f64();
        let notify = update.first_notify.duration_since(replaced).as_secs_f64();
        let said = [
            ("each", format!("{octets:.0} octets")),
            ("first notify", format!("{notify:.3} s")),
            ("all", format!("{seconds:.3} s later")),
        ];
        bench.say(round, &said);
        each.push(octets);
        reached.push(seconds);
    }
    let [each, reached] = [each, reached].map(|values| Rounds::from_iter(values).summary());
    Ok(vec![
        Figure::new("user memory of an idle connection", Unit::Octets, each).goal(Goal::AtMost(MEMORY_GOAL)),
        Figure::new("from the first notify until 10,000 routers have their delta", Unit::Seconds, reached)
            .goal(Goal::AtMost(SECONDS_GOAL))
            .plotted(),
    ])
}
