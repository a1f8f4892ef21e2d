//! docs/bench.svg: a bar for each subject of a figure, and the goal as a line.
//!
//! Written by hand: it is rectangles and text, and a crate that plots brings axes, fonts and back ends.

use crate::figure::{Figure, Goal};
use std::fmt::Write as _;

const WIDTH: f64 = 860.0;
/// Where bars begin, and the longest one.
const LEFT: f64 = 120.0;
const BAR_MAX: f64 = 560.0;
/// From one bar to the next, and its height.
const STEP: f64 = 22.0;
const BAR: f64 = 16.0;
/// Above the bars of a figure, for what it is.
const TITLE: f64 = 30.0;
const MARGIN: f64 = 16.0;

const OURS: &str = "#1f6f8b";
const OTHERS: &str = "#b8bfc6";
const GOAL: &str = "#b03a2e";

/// All figures that are to be shown, one below the other, each with a scale of its own.
pub(crate) fn svg<'a>(figures: impl Iterator<Item = &'a Figure>) -> String {
    let mut body = String::new();
    let mut y = MARGIN;
    for figure in figures.filter(|figure| figure.is_plotted) {
        y = panel(&mut body, figure, y);
    }
    let height = y + MARGIN;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" \
         font-size=\"13\">\n<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n{body}</svg>\n"
    )
}

/// One figure; returns where the next one may begin.
fn panel(body: &mut String, figure: &Figure, top: f64) -> f64 {
    let ours = ("rtrcast".to_owned(), figure.measured);
    let bars: Vec<(&str, f64)> =
        [&ours].into_iter().chain(&figure.beside).map(|(name, summary)| (name.as_str(), summary.median)).collect();
    let goal = figure.goal.map(|(Goal::AtMost(bound) | Goal::AtLeast(bound))| bound);
    let longest = bars.iter().map(|(_, value)| *value).chain(goal).fold(f64::MIN_POSITIVE, f64::max);
    text(body, MARGIN, top + BAR, "font-weight=\"bold\"", &figure.what);
    let mut y = top + TITLE;
    for (place, (name, value)) in bars.into_iter().enumerate() {
        let (length, colour) = (value / longest * BAR_MAX, if place == 0 { OURS } else { OTHERS });
        text(body, LEFT - 8.0, y + 13.0, "text-anchor=\"end\"", name);
        let _ = writeln!(
            body,
            "<rect x=\"{LEFT}\" y=\"{y:.1}\" width=\"{length:.1}\" height=\"{BAR}\" fill=\"{colour}\"/>"
        );
        text(body, LEFT + length + 8.0, y + 13.0, "", &figure.unit.text(value));
        y += STEP;
    }
    if let Some(goal) = goal {
        line(body, LEFT + goal / longest * BAR_MAX, top + TITLE, y);
    }
    y + STEP / 2.0
}

fn line(body: &mut String, x: f64, top: f64, bottom: f64) {
    let _ = writeln!(
        body,
        "<line x1=\"{x:.1}\" y1=\"{:.1}\" x2=\"{x:.1}\" y2=\"{:.1}\" stroke=\"{GOAL}\" stroke-dasharray=\"4 3\"/>",
        top - 4.0,
        bottom
    );
}

fn text(body: &mut String, x: f64, y: f64, attributes: &str, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(body, "<text x=\"{x:.1}\" y=\"{y:.1}\" {attributes}>{text}</text>");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::{Rounds, Unit};

    #[test]
    fn the_longest_bar_fills_its_room_and_the_goal_has_its_place() {
        let summary = |value: f64| Rounds::from_iter([value]).summary();
        let figure = Figure::new("a < b", Unit::Seconds, summary(1.0))
            .goal(Goal::AtMost(2.0))
            .beside([("floor".to_owned(), summary(4.0))])
            .plotted();
        let hidden = Figure::new("hidden", Unit::Seconds, summary(9.0));
        let svg = svg([figure, hidden].iter());
        assert!(svg.contains("width=\"140.0\"") && svg.contains("width=\"560.0\""), "{svg}");
        assert!(svg.contains("x1=\"400.0\""), "{svg}");
        assert!(svg.contains("a &lt; b") && !svg.contains("hidden"), "{svg}");
    }
}
