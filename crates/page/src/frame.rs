//! The frame of a learning curve: axes, grid, baselines, and the positions of values in it.

use std::fmt::Write;

use setpoint_statistics::quantile;

use crate::axis::{short, ticks};
use crate::escape;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 64.0;
const BOTTOM: f64 = 40.0;
const TOP: f64 = 14.0;
const RIGHT: f64 = 12.0;
/// Height of a line of text, as a phone shows it.
const LABEL: f64 = 22.0;

/// Environment steps to the right, returns upwards.
pub struct Frame {
    low: f64,
    high: f64,
    steps_max: f64,
}

impl Frame {
    /// For at least one value. A few bad first episodes must not flatten the rest, so the least hundredth is cut off.
    pub fn around(values: &[f64], steps_max: f64) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (low, high) = (quantile(&sorted, 0.01), sorted[sorted.len() - 1]);
        let margin = 0.05 * (high - low).max(1e-9);
        Self { low: low - margin, high: high + margin, steps_max }
    }

    /// The position of a number of environment steps, from the left.
    pub fn x(&self, steps: f64) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * steps / self.steps_max
    }

    /// The position of a return, from the top.
    pub fn y(&self, value: f64) -> f64 {
        TOP + (HEIGHT - TOP - BOTTOM) * (self.high - value.clamp(self.low, self.high))
            / (self.high - self.low)
    }

    /// The beginning of the picture: axes and grid. The caller closes it.
    pub fn open(&self) -> String {
        let mut svg = format!(
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"Learning curve: return per episode over \
             environment steps\"><g class=\"axis\">"
        );
        for tick in ticks(self.low, self.high, 5) {
            let at = self.y(tick);
            let _ = write!(
                svg,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/><text x=\"{}\" y=\"{:.1}\" \
                 text-anchor=\"end\">{}</text>",
                WIDTH - RIGHT,
                LEFT - 8.0,
                at + 4.0,
                short(tick)
            );
        }
        for tick in ticks(0.0, self.steps_max, 6) {
            let _ = write!(
                svg,
                "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                self.x(tick),
                HEIGHT - BOTTOM + 18.0,
                short(tick)
            );
        }
        let _ = write!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">environment steps</text></g>",
            (LEFT + WIDTH) / 2.0,
            HEIGHT - 4.0
        );
        svg
    }

    /// Dashed lines with names. Lines that lie so close that their names would overlap share a label.
    pub fn baselines(&self, baselines: &[(String, f64)]) -> String {
        let mut svg = String::new();
        let mut labels: Vec<(f64, Vec<&str>)> = Vec::new();
        let mut sorted: Vec<(f64, &str)> =
            baselines.iter().map(|(name, value)| (self.y(*value), name.as_str())).collect();
        sorted.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        for (at, name) in sorted {
            let _ = write!(
                svg,
                "<line class=\"baseline\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>",
                WIDTH - RIGHT,
            );
            match labels.last_mut() {
                Some((above, names)) if at - *above < LABEL => names.push(name),
                _ => labels.push((at, vec![name])),
            }
        }
        for (at, names) in labels {
            let _ = write!(
                svg,
                "<text class=\"label\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                WIDTH - RIGHT - 4.0,
                at - 5.0,
                escape(&names.join(", ")),
            );
        }
        svg
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Labels of any baselines keep the height of a line of text between them, and each name stands in one label.
    #[test]
    fn labels_of_baselines_never_overlap() {
        for spread in [0.0, 0.3, 3.0, 40.0, 200.0] {
            let baselines: Vec<(String, f64)> =
                (0..7).map(|index| (format!("rule-{index}"), f64::from(index * index) * spread)).collect();
            let values: Vec<f64> =
                baselines.iter().map(|(_, value)| *value).chain([-500.0, 9_000.0]).collect();
            let svg = Frame::around(&values, 100.0).baselines(&baselines);
            let heights: Vec<f64> = svg
                .split("<text class=\"label\"")
                .skip(1)
                .map(|text| text.split("y=\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap())
                .collect();
            assert!(heights.windows(2).all(|pair| pair[1] - pair[0] >= 21.9), "{heights:?}");
            assert!((0..7).all(|index| svg.matches(&format!("rule-{index}")).count() == 1), "{svg}");
        }
    }
}
