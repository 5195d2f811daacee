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

    /// Dashed lines with names.
    pub fn baselines(&self, baselines: &[(String, f64)]) -> String {
        let mut svg = String::new();
        for (index, (name, value)) in baselines.iter().enumerate() {
            let _ = write!(
                svg,
                "<line class=\"baseline b{index}\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
                 <text class=\"label b{index}\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                WIDTH - RIGHT,
                WIDTH - RIGHT - 4.0,
                self.y(*value) - 5.0,
                escape(name),
                at = self.y(*value),
            );
        }
        svg
    }
}
