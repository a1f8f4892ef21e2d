//! Figures: what was measured of whom, and whether it is what the goal says.

use std::fmt;

/// How a figure is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Seconds,
    Milliseconds,
    Microseconds,
    /// 10^6 octets.
    Megabytes,
    Octets,
    ASecond,
    Times,
}

impl Unit {
    /// A value with its unit.
    pub(crate) fn text(self, value: f64) -> String {
        match self {
            Unit::Seconds if value < 9.995 => format!("{value:.3} s"),
            Unit::Seconds => format!("{value:.1} s"),
            Unit::Milliseconds => format!("{value:.2} ms"),
            Unit::Microseconds => format!("{value:.0} µs"),
            Unit::Megabytes => format!("{value:.1} MB"),
            Unit::Octets => format!("{value:.0} octets"),
            Unit::ASecond => format!("{value:.0} a second"),
            Unit::Times => format!("{value:.2}"),
        }
    }
}

/// One value of each round.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Rounds(Vec<f64>);

impl Rounds {
    pub(crate) fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    /// The median. Of an even number it is the mean of the two in the middle.
    pub(crate) fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        match (sorted.get(middle.wrapping_sub(1)), sorted.get(middle)) {
            (Some(lower), Some(upper)) if sorted.len().is_multiple_of(2) => f64::midpoint(*lower, *upper),
            (_, Some(median)) => *median,
            (_, None) => f64::NAN,
        }
    }

    /// Each value as a multiple.
    pub(crate) fn scaled(&self, factor: f64) -> Rounds {
        self.0.iter().map(|value| value * factor).collect()
    }

    pub(crate) fn summary(&self) -> Summary {
        let min = self.0.iter().copied().fold(f64::NAN, f64::min);
        let max = self.0.iter().copied().fold(f64::NAN, f64::max);
        Summary { median: self.median(), min, max, rounds: self.0.len() }
    }
}

impl FromIterator<f64> for Rounds {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Rounds {
        Rounds(values.into_iter().collect())
    }
}

/// What is kept of the rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Summary {
    pub(crate) median: f64,
    min: f64,
    max: f64,
    pub(crate) rounds: usize,
}

impl Summary {
    /// How many times one thing is another: of the medians, and with the range of the rounds.
    pub(crate) fn ratio(of: &Rounds, to: &Rounds) -> Summary {
        let each: Rounds = of.0.iter().zip(&to.0).map(|(of, to)| of / to).collect();
        Summary { median: of.median() / to.median(), ..each.summary() }
    }

    /// The median with its range, where there is one.
    pub(crate) fn text(&self, unit: Unit) -> String {
        let median = unit.text(self.median);
        if self.rounds < 2 {
            return median;
        }
        format!("{median} ({} to {})", number(unit, self.min), number(unit, self.max))
    }
}

/// A value without its unit.
fn number(unit: Unit, value: f64) -> String {
    unit.text(value).split(' ').next().unwrap_or_default().to_owned()
}

/// What a figure has to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Goal {
    AtMost(f64),
    AtLeast(f64),
}

impl Goal {
    fn is_met(self, value: f64) -> bool {
        match self {
            Goal::AtMost(bound) => value <= bound,
            Goal::AtLeast(bound) => value >= bound,
        }
    }

    /// As it stands in the table.
    pub(crate) fn text(self, unit: Unit) -> String {
        let (relation, bound) = match self {
            Goal::AtMost(bound) => ("≤", bound),
            Goal::AtLeast(bound) => ("≥", bound),
        };
        // A goal is written as short as it was set.
        let value = unit.text(bound);
        let (number, unit) = value.split_once(' ').unwrap_or((&value, ""));
        let number = if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number };
        format!("{relation} {number} {unit}").trim_end().to_owned()
    }
}

/// How a figure compares with its goal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Met,
    Missed,
    /// Nothing was set for it: it is there to be known.
    NoGoal,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Verdict::Met => "met",
            Verdict::Missed => "missed",
            Verdict::NoGoal => "",
        })
    }
}

/// One line of the table.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    pub(crate) what: String,
    pub(crate) unit: Unit,
    pub(crate) goal: Option<Goal>,
    pub(crate) measured: Summary,
    /// Bare programs, and other caches.
    pub(crate) beside: Vec<(String, Summary)>,
    /// What else is to be said, in place of others' figures.
    pub(crate) remark: String,
    /// Whether the plot shows it.
    pub(crate) is_plotted: bool,
}

impl Figure {
    pub(crate) fn new(what: impl Into<String>, unit: Unit, measured: Summary) -> Figure {
        let what = what.into();
        Figure { what, unit, goal: None, measured, beside: Vec::new(), remark: String::new(), is_plotted: false }
    }

    pub(crate) fn goal(mut self, goal: Goal) -> Figure {
        self.goal = Some(goal);
        self
    }

    pub(crate) fn beside(mut self, others: impl IntoIterator<Item = (String, Summary)>) -> Figure {
        self.beside.extend(others);
        self
    }

    pub(crate) fn plotted(mut self) -> Figure {
        self.is_plotted = true;
        self
    }

    pub(crate) fn verdict(&self) -> Verdict {
        match self.goal {
            None => Verdict::NoGoal,
            Some(goal) if goal.is_met(self.measured.median) => Verdict::Met,
            Some(_) => Verdict::Missed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds(values: &[f64]) -> Rounds {
        values.iter().copied().collect()
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(rounds(&[3.0, 1.0, 2.0]).median(), 2.0);
        assert_eq!(rounds(&[4.0, 1.0, 3.0, 2.0]).median(), 2.5);
        assert_eq!(rounds(&[7.0]).median(), 7.0);
        assert!(rounds(&[]).median().is_nan());
    }

    #[test]
    fn a_ratio_is_that_of_the_medians_with_the_range_of_the_rounds() {
        let ratio = Summary::ratio(&rounds(&[2.0, 6.0, 3.0]), &rounds(&[1.0, 2.0, 2.0]));
        assert_eq!((ratio.median, ratio.min, ratio.max), (1.5, 1.5, 3.0));
        assert_eq!(ratio.text(Unit::Times), "1.50 (1.50 to 3.00)");
    }

    #[test]
    fn the_median_decides() {
        let figure = |values: &[f64]| Figure::new("it", Unit::Seconds, rounds(values).summary());
        assert_eq!(figure(&[0.4, 0.5, 0.9]).goal(Goal::AtMost(0.5)).verdict(), Verdict::Met);
        assert_eq!(figure(&[0.4, 0.51, 0.6]).goal(Goal::AtMost(0.5)).verdict(), Verdict::Missed);
        assert_eq!(figure(&[0.7, 0.8, 0.9]).goal(Goal::AtLeast(0.8)).verdict(), Verdict::Met);
        assert_eq!(figure(&[0.7]).goal(Goal::AtLeast(0.8)).verdict(), Verdict::Missed);
        assert_eq!(figure(&[0.7]).verdict(), Verdict::NoGoal);
        // Nothing measured meets nothing.
        assert_eq!(figure(&[]).goal(Goal::AtMost(1.0)).verdict(), Verdict::Missed);
    }

    #[test]
    fn goals_are_written_as_they_were_set() {
        assert_eq!(Goal::AtMost(0.5).text(Unit::Seconds), "≤ 0.5 s");
        assert_eq!(Goal::AtMost(1.15).text(Unit::Times), "≤ 1.15");
        assert_eq!(Goal::AtMost(10.0).text(Unit::Milliseconds), "≤ 10 ms");
        assert_eq!(Goal::AtLeast(20_000.0).text(Unit::ASecond), "≥ 20000 a second");
    }
}
