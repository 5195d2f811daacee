//! The frame of a learning curve: axes, grid, baselines, and the positions of values in it.

use std::fmt::Write;

use setpoint_statistics::quantile;

use crate::axis::{short, shortened, ticks, width};
use crate::escape;

const WIDTH: f64 = 720.0;
const BOTTOM: f64 = 46.0;
const TOP: f64 = 14.0;
/// Least height of the area between the axes.
const PLOT: f64 = 240.0;
/// Height of a line of text, as a phone shows it.
const LABEL: f64 = 22.0;
/// Room for the line from a baseline to its name.
const LEADER: f64 = 18.0;
/// Greatest width of a baseline's name: a longer name loses its end, so that the curve keeps two thirds of the chart.
const NAME_MAX: f64 = 200.0;
/// Least share of the height for the values of the curve: a baseline so far away that they get less is only named in the caption.
const CURVE_SHARE: f64 = 0.1;
/// Name of the area between the axes; a page has one learning curve.
const PLOT_ID: &str = "learning-plot";

/// A baseline: its name and its return.
type Baseline<'b> = (&'b str, f64);

/// Environment steps to the right, returns upwards, names of baselines to the right of it.
pub struct Frame<'b> {
    low: f64,
    high: f64,
    steps_max: f64,
    left: f64,
    right: f64,
    height: f64,
    /// Round numbers of steps.
    steps: Vec<f64>,
    shown: Vec<Baseline<'b>>,
    far: Vec<Baseline<'b>>,
}

impl<'b> Frame<'b> {
    /// For at least one value of the curve. A few bad first episodes must not flatten the rest, so the least hundredth of the
    /// values may lie outside; a baseline lies inside, unless it alone would flatten the curve.
    pub fn around(values: &[f64], baselines: &'b [(String, f64)], steps_max: f64) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (mut low, mut high) = (quantile(&sorted, 0.01), sorted[sorted.len() - 1]);
        let span = high - low;
        let is_level = span <= 1e-9 * high.abs().max(low.abs());
        let mut nearest: Vec<Baseline<'_>> = baselines
            .iter()
            .filter(|(_, value)| value.is_finite())
            .map(|(name, value)| (name.as_str(), *value))
            .collect();
        let distance = |value: f64| (low - value).max(value - high);
        nearest.sort_by(|(_, a), (_, b)| distance(*a).total_cmp(&distance(*b)));
        let (mut shown, mut far) = (Vec::new(), Vec::new());
        for baseline in nearest {
            let (least, greatest) = (low.min(baseline.1), high.max(baseline.1));
            if is_level || span >= CURVE_SHARE * (greatest - least) {
                (low, high) = (least, greatest);
                shown.push(baseline);
            } else {
                far.push(baseline);
            }
        }
        shown.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        let margin = 0.05 * (high - low).max(1e-9);
        let (low, high) = (low - margin, high + margin);
        let (left, right, steps) = sides(&ticks(low, high, 5), steps_max, &shown);
        let height = TOP + BOTTOM + PLOT.max(LABEL * shown.len() as f64);
        Self { low, high, steps_max, left, right, height, steps, shown, far }
    }

    /// The position of a number of environment steps, from the left.
    pub fn x(&self, steps: f64) -> f64 {
        self.left + (WIDTH - self.left - self.right) * steps / self.steps_max
    }

    /// The position of a return, from the top; below the frame for a return that [`Self::is_outside`].
    pub fn y(&self, value: f64) -> f64 {
        TOP + (self.height - TOP - BOTTOM) * (self.high - value) / (self.high - self.low)
    }

    /// Whether a return lies below the frame; none lies above it.
    pub fn is_outside(&self, value: f64) -> bool {
        value < self.low
    }

    /// A small triangle at the lower edge, for a value that lies below it.
    pub fn mark(&self, steps: f64) -> String {
        format!("M{:.1} {:.1}m-4 -6h8l-4 6z", self.x(steps), self.height - BOTTOM)
    }

    /// The baselines that are too far from the curve to be drawn, with `true` for those above it.
    pub fn far(&self) -> impl Iterator<Item = (&str, f64, bool)> {
        self.far.iter().map(|(name, value)| (*name, *value, *value > self.high))
    }

    /// The beginning of the picture: axes and grid. The caller closes it.
    pub fn open(&self) -> String {
        let (height, right) = (self.height, WIDTH - self.right);
        let mut svg = format!(
            "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"Learning curve: return per episode over \
             environment steps\"><clipPath id=\"{PLOT_ID}\"><rect x=\"{:.1}\" y=\"{TOP}\" width=\"{:.1}\" \
             height=\"{:.1}\"/></clipPath><g class=\"axis\">",
            self.left,
            right - self.left,
            height - TOP - BOTTOM
        );
        for tick in ticks(self.low, self.high, 5) {
            let at = self.y(tick);
            let _ = write!(
                svg,
                "<line class=\"grid\" x1=\"{:.1}\" x2=\"{right:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/><text x=\"{:.1}\" \
                 y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                self.left,
                self.left - 8.0,
                at + 5.0,
                short(tick)
            );
        }
        for tick in &self.steps {
            let _ = write!(
                svg,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                self.x(*tick),
                height - BOTTOM + 20.0,
                short(*tick)
            );
        }
        let _ = write!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">environment steps</text></g>",
            (self.left + right) / 2.0,
            height - 6.0
        );
        svg
    }

    /// Lines and areas, without their parts outside of the frame.
    pub fn clipped(&self, content: &str) -> String {
        format!("<g clip-path=\"url(#{PLOT_ID})\">{content}</g>")
    }

    /// Dashed lines with their names to the right of the frame, where no curve runs. Names of close lines stand apart, and a thin line
    /// leads from each baseline to its name.
    pub fn baselines(&self) -> String {
        let mut svg = String::new();
        let (edge, lines) = (WIDTH - self.right, self.shown.iter().map(|(_, value)| self.y(*value)));
        let lines: Vec<f64> = lines.collect();
        let labels = apart(&lines, TOP, self.height - BOTTOM);
        for ((at, label), (name, _)) in lines.iter().zip(labels).zip(&self.shown) {
            let _ = write!(
                svg,
                "<line class=\"baseline\" x1=\"{:.1}\" x2=\"{edge:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
                 <line class=\"leader\" x1=\"{edge:.1}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{label:.1}\"/>\
                 <text class=\"label\" x=\"{:.1}\" y=\"{:.1}\">{}<title>{}</title></text>",
                self.left,
                edge + LEADER - 4.0,
                edge + LEADER,
                label + 5.0,
                escape(&shortened(name, NAME_MAX)),
                escape(name)
            );
        }
        svg
    }
}

/// Room on the left for the returns, on the right for the names and half of the last number of steps; and as many numbers of steps as
/// fit next to each other.
fn sides(returns: &[f64], steps_max: f64, shown: &[Baseline<'_>]) -> (f64, f64, Vec<f64>) {
    let widest = |numbers: &[f64]| numbers.iter().map(|number| width(&short(*number))).fold(0.0, f64::max);
    let left = widest(returns) + 10.0;
    let names = shown.iter().map(|(name, _)| LEADER + width(name).min(NAME_MAX)).fold(10.0, f64::max);
    for count in (2..=6).rev() {
        let steps = ticks(0.0, steps_max, count);
        let widest = widest(&steps);
        let right = names.max(0.5 * widest) + 2.0;
        if (WIDTH - left - right) / (steps.len() as f64) > widest + 8.0 || count == 2 {
            return (left.max(0.5 * widest), right, steps);
        }
    }
    unreachable!("the last count always fits")
}

/// Positions as near to the wanted ones as possible, in the same order, with a line of text between neighbours, between `top` and
/// `bottom`; `wanted` ascends.
fn apart(wanted: &[f64], top: f64, bottom: f64) -> Vec<f64> {
    // Groups of labels that touch: their middle, and how many they are. A group that touches the one above joins it.
    let mut groups: Vec<(f64, f64)> = Vec::new();
    let inside = |middle: f64, count: f64| {
        let half = 0.5 * LABEL * (count - 1.0);
        middle.min(bottom - half).max(top + half)
    };
    for at in wanted {
        let mut group = (inside(*at, 1.0), 1.0);
        while let Some((middle, count)) = groups.last().copied() {
            if group.0 - middle >= 0.5 * LABEL * (count + group.1) {
                break;
            }
            groups.pop();
            let sum = count + group.1;
            group = (inside((middle * count + group.0 * group.1) / sum, sum), sum);
        }
        groups.push(group);
    }
    let place = |(middle, count): (f64, f64)| {
        (0..count as usize).map(move |index| middle + LABEL * (index as f64 - 0.5 * (count - 1.0)))
    };
    groups.into_iter().flat_map(place).collect()
}
