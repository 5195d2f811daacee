//! Pictures as SVG text: they follow the page's colours, light or dark, and can be printed.

use std::fmt::Write;

use setpoint_statistics::{Interval, Summary, WINDOW};

use crate::axis::{short, ticks};
use crate::escape;
use crate::frame::Frame;

/// A learning curve: faint dots for episodes (one curve only), a line for each moving average, dashed baselines, diamonds for
/// evaluations (steps and mean return).
pub fn learning_curve(
    curves: &[Vec<(u64, f64)>],
    baselines: &[(String, f64)],
    evaluations: &[(u64, f64)],
) -> String {
    let averages: Vec<Vec<(f64, f64)>> = curves.iter().map(|curve| moving_average(curve)).collect();
    let steps_max = curves.iter().flatten().map(|(steps, _)| *steps).max().unwrap_or(1) as f64;
    let mut values: Vec<f64> = averages.iter().flatten().map(|(_, value)| *value).collect();
    if curves.len() == 1 {
        values.extend(thinned(&curves[0], 600).map(|(_, value)| value));
    }
    values.extend(baselines.iter().map(|(_, value)| *value));
    values.extend(evaluations.iter().map(|(_, value)| *value));
    if values.is_empty() {
        return "<p class=\"quiet\">No episode finished during training.</p>".to_owned();
    }
    let frame = Frame::around(&values, steps_max);
    let mut svg = frame.open();
    if curves.len() == 1 {
        svg.push_str("<g class=\"dots\">");
        for (steps, value) in thinned(&curves[0], 600) {
            let _ =
                write!(svg, "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"1.6\"/>", frame.x(steps), frame.y(value));
        }
        svg.push_str("</g>");
    }
    svg += &frame.baselines(baselines);
    let class = if curves.len() == 1 { "curve" } else { "curve many" };
    for average in &averages {
        let points: Vec<String> = average
            .iter()
            .map(|(steps, value)| format!("{:.1},{:.1}", frame.x(*steps), frame.y(*value)))
            .collect();
        let _ = write!(svg, "<polyline class=\"{class}\" points=\"{}\"/>", points.join(" "));
    }
    for (steps, value) in evaluations {
        let (x, y) = (frame.x(*steps as f64), frame.y(*value));
        let _ = write!(svg, "<path class=\"evaluation\" d=\"M{x:.1} {y:.1}m0 -4l4 4l-4 4l-4 -4z\"/>");
    }
    svg.push_str("</svg>");
    svg
}

/// One algorithm's learning curve over seeds.
pub struct Band {
    /// Index of its colour.
    pub series: usize,
    /// Environment steps, mean, and its interval.
    pub points: Vec<(f64, f64, Interval)>,
}

/// Learning curves of several algorithms: a line for each mean, a band for its interval, dashed baselines.
pub fn learning_bands(bands: &[Band], baselines: &[(String, f64)]) -> String {
    let points = || bands.iter().flat_map(|band| &band.points);
    if points().next().is_none() {
        return "<p class=\"quiet\">No episode finished during training.</p>".to_owned();
    }
    let steps_max = points().map(|(steps, ..)| *steps).fold(1.0, f64::max);
    let mut values: Vec<f64> = points().flat_map(|(_, mean, band)| [*mean, band.low, band.high]).collect();
    values.extend(baselines.iter().map(|(_, value)| *value));
    let frame = Frame::around(&values, steps_max);
    let mut svg = frame.open();
    svg += &frame.baselines(baselines);
    let at = |steps: f64, value: f64| format!("{:.1},{:.1}", frame.x(steps), frame.y(value));
    for Band { series, points } in bands {
        let above = points.iter().map(|(steps, _, band)| at(*steps, band.high));
        let below = points.iter().rev().map(|(steps, _, band)| at(*steps, band.low));
        let outline: Vec<String> = above.chain(below).collect();
        let _ = write!(svg, "<polygon class=\"band s{series}\" points=\"{}\"/>", outline.join(" "));
    }
    // Lines come last, so that no band covers a line.
    for Band { series, points } in bands {
        let line: Vec<String> = points.iter().map(|(steps, mean, _)| at(*steps, *mean)).collect();
        let _ = write!(svg, "<polyline class=\"series s{series}\" points=\"{}\"/>", line.join(" "));
    }
    svg.push_str("</svg>");
    svg
}

/// Mean return of the last 100 episodes after each episode, with as many points as a line can show.
fn moving_average(curve: &[(u64, f64)]) -> Vec<(f64, f64)> {
    let window = WINDOW;
    let mut sum = 0.0;
    let mut points = Vec::with_capacity(curve.len());
    for (index, (steps, value)) in curve.iter().enumerate() {
        sum += value;
        if index >= window {
            sum -= curve[index - window].1;
        }
        points.push((*steps as f64, sum / (index + 1).min(window) as f64));
    }
    let skip = points.len() / 500 + 1;
    let last = points.last().copied();
    let mut thin: Vec<_> = points.into_iter().skip(9).step_by(skip).collect();
    thin.extend(last);
    thin
}

fn thinned(curve: &[(u64, f64)], count: usize) -> impl Iterator<Item = (f64, f64)> + '_ {
    let skip = curve.len() / count + 1;
    curve.iter().step_by(skip).map(|(steps, value)| (*steps as f64, *value))
}

/// A horizontal bar from 0 to a share of 1, in percent of its cell.
pub fn bar(share: f64, class: &str) -> String {
    let width = (100.0 * share.clamp(0.0, 1.0)).max(0.4);
    format!("<span class=\"bar\"><span class=\"{class}\" style=\"width:{width:.1}%\"></span></span>")
}

/// A bar from the middle to the left or to the right; `share` in [−1, 1].
pub fn diverging(share: f64, class: &str) -> String {
    let width = (50.0 * share.abs().min(1.0)).max(0.4);
    let left = if share < 0.0 { 50.0 - width } else { 50.0 };
    format!(
        "<span class=\"bar split\"><span class=\"{class}\" style=\"margin-left:{left:.1}%;width:{width:.1}%\"></span></span>"
    )
}

/// One dot per value on a line, with the mean and its interval; `label` tells the values to a screen reader.
pub fn dots(values: &[f64], summary: &Summary, label: &str) -> String {
    let (mean, Interval { low, high }) = (summary.mean, summary.interval);
    let least = values.iter().copied().fold(low, f64::min);
    let greatest = values.iter().copied().fold(high, f64::max);
    let margin = 0.06 * (greatest - least).max(1e-9);
    let (least, greatest) = (least - margin, greatest + margin);
    let x = |value: f64| 10.0 + 700.0 * (value - least) / (greatest - least);
    let mut svg = format!(
        "<svg viewBox=\"0 0 720 84\" role=\"img\" aria-label=\"{}\"><g class=\"axis\">",
        escape(label)
    );
    for tick in ticks(least, greatest, 6) {
        let at = x(tick);
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"8\" y2=\"60\"/><text x=\"{at:.1}\" y=\"78\" \
             text-anchor=\"middle\">{}</text>",
            short(tick)
        );
    }
    let _ = write!(
        svg,
        "</g><rect class=\"interval\" x=\"{:.1}\" y=\"18\" width=\"{:.1}\" height=\"32\"/>",
        x(low),
        (x(high) - x(low)).max(1.0)
    );
    for value in values {
        let _ = write!(svg, "<circle class=\"seed\" cx=\"{:.1}\" cy=\"34\" r=\"5\"/>", x(*value));
    }
    let _ =
        write!(svg, "<line class=\"mean\" x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"12\" y2=\"56\"/></svg>", x(mean));
    svg
}
