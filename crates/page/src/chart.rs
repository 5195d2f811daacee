//! Pictures as SVG text: they follow the page's colours, light or dark, and can be printed.

use std::fmt::Write;

use setpoint_statistics::{Interval, Summary, WINDOW, number};

use crate::axis::{short, ticks, width};
use crate::escape;
use crate::frame::Frame;

/// A learning curve, and what its caption must say about it.
pub struct LearningChart {
    /// The picture, or a sentence where there is nothing to draw.
    pub html: String,
    /// Sentences on what lies outside of the picture, already HTML, each with a space before it; empty if all lies inside.
    pub outside: String,
}

impl LearningChart {
    fn empty() -> Self {
        let html = "<p class=\"quiet\">No episode finished during training.</p>".to_owned();
        Self { html, outside: String::new() }
    }
}

/// Greatest number of episodes that a curve shows as dots.
const DOTS_MAX: usize = 600;

/// A learning curve: faint dots for episodes (one curve only), a line for each moving average, dashed baselines, diamonds for
/// evaluations (steps and mean return).
pub fn learning_curve(
    curves: &[Vec<(u64, f64)>],
    baselines: &[(String, f64)],
    evaluations: &[(u64, f64)],
) -> LearningChart {
    let averages: Vec<Vec<(f64, f64)>> = curves.iter().map(|curve| moving_average(curve)).collect();
    let dots: Vec<(f64, f64)> = match curves {
        [only] => thinned(only, DOTS_MAX).collect(),
        _ => Vec::new(),
    };
    let diamonds: Vec<(f64, f64)> =
        evaluations.iter().map(|(steps, value)| (*steps as f64, *value)).collect();
    let points = || averages.iter().flatten().chain(&dots).chain(&diamonds);
    if points().next().is_none() {
        return LearningChart::empty();
    }
    let steps_max = points().map(|(steps, _)| *steps).fold(1.0, f64::max);
    let values: Vec<f64> = points().map(|(_, value)| *value).collect();
    let frame = Frame::around(&values, baselines, steps_max);
    let mut html = frame.open();
    html += "<g class=\"dots\">";
    let dots_outside = draw(&mut html, &frame, &dots, "outside", |x, y| {
        format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"1.6\"/>")
    });
    html += "</g>";
    html += &frame.baselines();
    let class = if curves.len() == 1 { "curve" } else { "curve many" };
    let mut lines = String::new();
    for average in &averages {
        let points: Vec<String> = average
            .iter()
            .map(|(steps, value)| format!("{:.1},{:.1}", frame.x(*steps), frame.y(*value)))
            .collect();
        let _ = write!(lines, "<polyline class=\"{class}\" points=\"{}\"/>", points.join(" "));
    }
    html += &frame.clipped(&lines);
    let diamonds_outside = draw(&mut html, &frame, &diamonds, "evaluation", |x, y| {
        format!("<path class=\"evaluation\" d=\"M{x:.1} {y:.1}m0 -4l4 4l-4 4l-4 -4z\"/>")
    });
    html += "</svg>";
    let mut outside =
        marked(dots_outside, dots.len(), "dots") + &marked(diamonds_outside, diamonds.len(), "evaluations");
    if averages.iter().flatten().any(|(_, value)| frame.is_outside(*value)) {
        outside += " A part of the line lies below the chart.";
    }
    outside += &far(&frame);
    LearningChart { html, outside }
}

/// Draws points that lie in the frame with `inside`, the others as marks at its edge; returns how many the others are.
fn draw(
    svg: &mut String,
    frame: &Frame<'_>,
    points: &[(f64, f64)],
    class: &str,
    inside: impl Fn(f64, f64) -> String,
) -> usize {
    let mut count = 0;
    for (steps, value) in points {
        if frame.is_outside(*value) {
            count += 1;
            let _ = write!(svg, "<path class=\"{class}\" d=\"{}\"/>", frame.mark(*steps));
        } else {
            *svg += &inside(frame.x(*steps), frame.y(*value));
        }
    }
    count
}

fn marked(outside: usize, all: usize, what: &str) -> String {
    match outside {
        0 => String::new(),
        1 => format!(" 1 of the {all} {what} lies below the chart: a triangle at its edge marks it."),
        _ => format!(" {outside} of the {all} {what} lie below the chart: triangles at its edge mark them."),
    }
}

/// The baselines that the frame leaves out, with their returns.
fn far(frame: &Frame<'_>) -> String {
    let named = |is_above: bool, side: &str| {
        let names = frame
            .far()
            .filter(|(_, _, above)| *above == is_above)
            .map(|(name, value, _)| format!("{} ({})", escape(name), number(value)));
        let names: Vec<String> = names.collect();
        if names.is_empty() { String::new() } else { format!(" Far {side} the chart: {}.", names.join(", ")) }
    };
    named(true, "above") + &named(false, "below")
}

/// One algorithm's learning curve over seeds.
pub struct Band {
    /// Index of its colour.
    pub series: usize,
    /// Environment steps, mean, and its interval.
    pub points: Vec<(f64, f64, Interval)>,
}

/// Learning curves of several algorithms: a line for each mean, a band for its interval, dashed baselines.
pub fn learning_bands(bands: &[Band], baselines: &[(String, f64)]) -> LearningChart {
    let points = || bands.iter().flat_map(|band| &band.points);
    if points().next().is_none() {
        return LearningChart::empty();
    }
    let steps_max = points().map(|(steps, ..)| *steps).fold(1.0, f64::max);
    let values: Vec<f64> = points().flat_map(|(_, mean, band)| [*mean, band.low, band.high]).collect();
    let frame = Frame::around(&values, baselines, steps_max);
    let mut html = frame.open();
    html += &frame.baselines();
    let at = |steps: f64, value: f64| format!("{:.1},{:.1}", frame.x(steps), frame.y(value));
    let mut curves = String::new();
    for Band { series, points } in bands {
        let above = points.iter().map(|(steps, _, band)| at(*steps, band.high));
        let below = points.iter().rev().map(|(steps, _, band)| at(*steps, band.low));
        let outline: Vec<String> = above.chain(below).collect();
        let _ = write!(curves, "<polygon class=\"band s{series}\" points=\"{}\"/>", outline.join(" "));
    }
    // Lines come last, so that no band covers a line.
    for Band { series, points } in bands {
        let line: Vec<String> = points.iter().map(|(steps, mean, _)| at(*steps, *mean)).collect();
        let _ = write!(curves, "<polyline class=\"series s{series}\" points=\"{}\"/>", line.join(" "));
    }
    html += &frame.clipped(&curves);
    html += "</svg>";
    let mut outside = String::new();
    if values.iter().any(|value| frame.is_outside(*value)) {
        outside += " A part of the lines or bands lies below the chart.";
    }
    outside += &far(&frame);
    LearningChart { html, outside }
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
    let numbers = ticks(least, greatest, 6);
    // A number at an end of the axis has half of its width beyond it.
    let side = numbers.iter().map(|tick| 0.5 * width(&short(*tick))).fold(10.0, f64::max);
    let x = |value: f64| side + (720.0 - 2.0 * side) * (value - least) / (greatest - least);
    let mut svg = format!(
        "<svg viewBox=\"0 0 720 84\" role=\"img\" aria-label=\"{}\"><g class=\"axis\">",
        escape(label)
    );
    for tick in numbers {
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
