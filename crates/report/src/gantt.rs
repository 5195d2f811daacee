//! The section "Schedule": one evaluation episode as Gantt charts, one for the best baseline and one for the policy.

use std::fmt::Write;

use setpoint_policy::Policy;
use setpoint_process::gantt::Bar;

use crate::Report;
use setpoint_evidence::deciders::{self, POLICY};
use setpoint_evidence::evaluate::Evaluation;
use setpoint_evidence::player::{Player, Step};
use setpoint_learn::error::TrainError;
use setpoint_learn::problem::Problem;
use setpoint_page::axis::{short, ticks};
use setpoint_page::escape;
use setpoint_statistics::number;

/// Greatest number of operations: with more, a chart would show only outlines.
const BARS_MAX: usize = 1_000;

/// Plays the first evaluation episode again, with the baseline of the highest return and with the policy; empty if the
/// process schedules nothing. A decider that draws its actions gets the same initial state, but other draws.
pub fn replay(
    problem: &Problem,
    policy: &Policy,
    evaluation: &Evaluation,
) -> Result<Vec<(String, Vec<Bar>)>, TrainError> {
    let best =
        evaluation.baselines.iter().max_by(|a, b| a.episode_return.mean.total_cmp(&b.episode_return.mean));
    let mut schedules = Vec::new();
    for name in std::iter::once(POLICY).chain(best.map(|baseline| baseline.name.as_str())) {
        let bars = play(problem, policy, name)?;
        if bars.is_empty() || bars.len() > BARS_MAX {
            return Ok(Vec::new());
        }
        schedules.insert(0, (name.to_owned(), bars));
    }
    Ok(schedules)
}

fn play(problem: &Problem, policy: &Policy, name: &str) -> Result<Vec<Bar>, TrainError> {
    let (decision, seed) = (&problem.decision, problem.decision.project.evaluate.seed);
    let Some(mut decider) = deciders::named(name, decision, policy, seed, 1)? else {
        return Ok(Vec::new());
    };
    let mut player = Player::new(decision, 1, seed, "evaluation")?;
    player.keep_schedules();
    player.play(&mut decider, &mut |step: &Step<'_>| !step.outcome.is_over())?;
    Ok(player.schedule(0).to_vec())
}

/// The section; empty without a schedule.
pub fn section(report: &Report) -> String {
    let ends = report.schedules.iter().map(|(_, bars)| length(bars));
    let longest = ends.fold(0.0, f64::max);
    let mut body = String::new();
    for (name, bars) in &report.schedules {
        let end = time(length(bars));
        let name = escape(name);
        let _ = writeln!(
            body,
            "<figure class=\"gantt\"><figcaption><b>{name}</b>: all jobs end at {end}.</figcaption>{}</figure>",
            gantt(&name, bars, longest)
        );
    }
    if body.is_empty() {
        return body;
    }
    let lead = "<p>The first evaluation episode: each row is a machine, each colour and number a job.</p>\n";
    setpoint_page::section("Schedule", &format!("{lead}{body}"))
}

fn length(bars: &[Bar]) -> f64 {
    bars.iter().map(|bar| f64::from(bar.end)).fold(0.0, f64::max)
}

/// Whole times, which job shops have, without decimals.
fn time(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { number(value) }
}

const WIDTH: f64 = 720.0;
/// Room for the rows' names at the size that letters have on a phone.
const LEFT: f64 = 126.0;
/// Room for half of the last number of the axis.
const RIGHT: f64 = 36.0;
const ROW: f64 = 40.0;
const AXIS: f64 = 28.0;
/// Width of a digit on a phone, in the chart's units.
const DIGIT: f64 = 12.0;

/// A Gantt chart; `name` is HTML already, `end` is the end of the axis, the same for all charts of a comparison.
fn gantt(name: &str, bars: &[Bar], end: f64) -> String {
    let mut rows: Vec<&str> = bars.iter().map(|bar| bar.row.as_str()).collect();
    let mut labels: Vec<&str> = bars.iter().map(|bar| bar.label.as_str()).collect();
    for names in [&mut rows, &mut labels] {
        // `machine_10` comes after `machine_9`.
        names.sort_by_key(|name| (name.len(), *name));
        names.dedup();
    }
    let position = |names: &[&str], name: &str| names.iter().position(|known| *known == name).unwrap_or(0);
    let height = rows.len() as f64 * ROW;
    let x = |time: f64| LEFT + (WIDTH - LEFT - RIGHT) * time / end.max(1e-9);
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {}\" role=\"img\" aria-label=\"Schedule of {name}\"><g class=\"axis\">",
        height + AXIS
    );
    for tick in ticks(0.0, end, 5) {
        let at = x(tick);
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"0\" y2=\"{height}\"/><text x=\"{at:.1}\" y=\"{}\" \
             text-anchor=\"middle\">{}</text>",
            height + AXIS - 6.0,
            short(tick)
        );
    }
    for (index, row) in rows.iter().enumerate() {
        let middle = (index as f64 + 0.5) * ROW + 6.0;
        let (left, row) = (LEFT - 8.0, escape(row).replace('_', " "));
        let _ = write!(svg, "<text x=\"{left}\" y=\"{middle}\" text-anchor=\"end\">{row}</text>");
    }
    svg.push_str("</g>");
    for bar in bars {
        let (left, right) = (x(bar.start.into()), x(bar.end.into()));
        let top = position(&rows, &bar.row) as f64 * ROW + 3.0;
        let label = escape(&bar.label);
        let short_label = label.rsplit('_').next().unwrap_or_default();
        let _ = write!(
            svg,
            "<g class=\"job\" style=\"--hue:{:.0}\"><title>{label}: {} to {}</title><rect x=\"{left:.1}\" y=\"{top}\" \
             width=\"{:.1}\" height=\"{}\"/>",
            hue(position(&labels, &bar.label)),
            time(bar.start.into()),
            time(bar.end.into()),
            right - left,
            ROW - 6.0
        );
        if right - left > DIGIT * short_label.chars().count() as f64 + 2.0 {
            let _ = write!(
                svg,
                "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{short_label}</text>",
                0.5 * (left + right),
                top + 0.5 * ROW + 3.0
            );
        }
        svg.push_str("</g>");
    }
    svg.push_str("</svg>");
    svg
}

/// Hues of neighbours lie far apart: multiples of the golden angle never repeat.
fn hue(index: usize) -> f64 {
    (index as f64 * 137.508) % 360.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_stand_where_they_ran_and_hostile_names_are_harmless() {
        let bar =
            |row: &str, label: &str, start, end| Bar { row: row.into(), label: label.into(), start, end };
        let bars = [
            bar("machine_10", "job_0", 0.0, 50.0),
            bar("machine_9", "job_<b>", 50.0, 100.0),
            bar("machine_9", "job_0", 0.0, 1.0),
        ];
        let svg = gantt("policy", &bars, 100.0);
        // The axis has 720 − 126 − 36 = 558 units; machine 9 is the first row.
        assert!(svg.contains("<rect x=\"126.0\" y=\"43\" width=\"279.0\" height=\"34\"/>"), "{svg}");
        assert!(svg.contains("<rect x=\"405.0\" y=\"3\" width=\"279.0\" height=\"34\"/>"), "{svg}");
        assert!(!svg.contains("<b>") && svg.contains(">machine 10</text>"));
        assert_eq!(svg.matches("class=\"job\"").count(), 3);
        // The shortest bar has no room for its number.
        assert_eq!(svg.matches(">0</text>").count(), 1 + 1, "one bar's number and the axis' zero: {svg}");
    }
}
