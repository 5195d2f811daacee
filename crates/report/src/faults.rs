//! The fault matrix as heat maps: noise to the right, delay downwards, one map per share of lost samples.

use std::fmt::Write;

use crate::Report;
use setpoint_decision::spec::behind_number;
use setpoint_evidence::faults::{Cell, DEVIATIONS, FaultMatrix, Tolerance};
use setpoint_page::escape;
use setpoint_page::section;
use setpoint_statistics::{grouped, number};

const CELL_WIDTH: f64 = 74.0;
const CELL_HEIGHT: f64 = 34.0;
const LEFT: f64 = 46.0;
const TOP: f64 = 40.0;
const GAP: f64 = 22.0;

/// A row of maps for each policy; empty without a matrix.
pub fn faults(report: &Report) -> String {
    let Some(matrix) = &report.faults else { return String::new() };
    let values = || matrix.policies.iter().flat_map(|policy| &policy.cells).map(|cell| cell.episode_return);
    let (low, high) = values()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    let mut body = format!(
        "<p>Mean return over {} episodes, with the same seeds in every cell, when the policy's sensors have errors (noise \
         as a share of each feature's span or scale), when the policy sees the state of some steps before, and when samples are \
         lost and it sees the last sample again. The darker, the better; all maps share one scale.</p>\n",
        matrix.episodes
    );
    if !matrix.without_noise.is_empty() {
        let names = matrix.without_noise.iter().map(|name| escape(name)).collect::<Vec<_>>().join(", ");
        let _ = writeln!(body, "<p class=\"quiet\">Features without noise in these maps: {names}.</p>");
    }
    let seen: Vec<String> = matrix
        .noise_scales
        .iter()
        .filter(|scale| scale.from_training)
        .map(|scale| {
            format!(
                "{} {}{}",
                escape(&scale.feature),
                number(scale.size),
                escape(&behind_number(&scale.unit))
            )
        })
        .collect();
    if !seen.is_empty() {
        let _ = writeln!(
            body,
            "<p class=\"quiet\">Features without bounds have the scale of the training, {DEVIATIONS:.0} standard deviations of \
             what the policy saw; 100\u{a0}% is: {}.</p>",
            seen.join(", ")
        );
    }
    for policy in &matrix.policies {
        let _ = write!(
            body,
            "<figure class=\"faults\"><figcaption><b>{}</b>, {}{}</figcaption>\n<div class=\"scroll\">{}</div></figure>\n",
            escape(&policy.policy),
            escape(&policy.trained),
            cost(policy),
            maps(matrix, policy, low, high)
        );
    }
    section("Faults", &body)
}

/// The cost of the worst combination, after the caption.
fn cost(policy: &Tolerance) -> String {
    match (policy.clean(), policy.cost()) {
        (Some(clean), Some(cost)) => {
            format!(": {} without faults, the worst combination gets {cost}", number(clean.episode_return))
        }
        _ => String::new(),
    }
}

fn maps(matrix: &FaultMatrix, policy: &Tolerance, low: f64, high: f64) -> String {
    let (columns, rows) = (matrix.grid.noise.len(), matrix.grid.delay.len());
    let map_width = LEFT + columns as f64 * CELL_WIDTH + GAP;
    let width = map_width * matrix.grid.dropout.len() as f64 - GAP;
    let height = TOP + rows as f64 * CELL_HEIGHT + 24.0;
    let mut svg = format!(
        "<svg class=\"map\" viewBox=\"0 0 {width} {height}\" style=\"min-width:{:.0}px\" role=\"img\" \
         aria-label=\"Return of {} under noise, delay and loss of samples\">",
        0.62 * width,
        escape(&policy.policy)
    );
    for (index, cells) in policy.cells.chunks(columns * rows).enumerate() {
        let left = index as f64 * map_width + LEFT;
        let middle = left + columns as f64 * CELL_WIDTH / 2.0;
        let lost = 100.0 * matrix.grid.dropout[index];
        let _ = write!(
            svg,
            "<text class=\"title\" x=\"{middle}\" y=\"13\" text-anchor=\"middle\">{lost:.0} % lost</text>"
        );
        for (column, noise) in matrix.grid.noise.iter().enumerate() {
            let x = left + (column as f64 + 0.5) * CELL_WIDTH;
            let _ = write!(
                svg,
                "<text x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                TOP - 8.0,
                percent(*noise)
            );
        }
        for (row, delay) in matrix.grid.delay.iter().enumerate() {
            let y = TOP + (row as f64 + 0.5) * CELL_HEIGHT + 4.0;
            let late = if row == 0 && index == 0 { format!("{delay} late") } else { delay.to_string() };
            let _ = write!(svg, "<text x=\"{}\" y=\"{y}\" text-anchor=\"end\">{late}</text>", left - 7.0);
        }
        for (place, cell) in cells.iter().enumerate() {
            svg += &square(
                cell,
                left + (place % columns) as f64 * CELL_WIDTH,
                TOP + (place / columns) as f64 * CELL_HEIGHT,
                low,
                high,
            );
        }
        let _ = write!(
            svg,
            "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">noise, share of span</text>",
            TOP + rows as f64 * CELL_HEIGHT + 17.0
        );
    }
    svg + "</svg>"
}

fn square(cell: &Cell, x: f64, y: f64, low: f64, high: f64) -> String {
    let share = if high > low { (cell.episode_return - low) / (high - low) } else { 1.0 };
    let class = if share > 0.6 { " class=\"strong\"" } else { "" };
    format!(
        "<g{class}><rect x=\"{x}\" y=\"{y}\" width=\"{CELL_WIDTH}\" height=\"{CELL_HEIGHT}\" style=\"--share:{share:.3}\"/>\
         <text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text><title>{} to {}</title></g>",
        x + CELL_WIDTH / 2.0,
        y + CELL_HEIGHT / 2.0 + 4.0,
        short(cell.episode_return),
        number(cell.interval.low),
        number(cell.interval.high)
    )
}

/// A cell has no room for unimportant decimals.
fn short(value: f64) -> String {
    let whole = grouped(value.abs());
    if value.abs() < 1000.0 {
        number(value)
    } else if value < 0.0 {
        format!("−{whole}")
    } else {
        whole
    }
}

fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    if percent.fract() == 0.0 { format!("{percent:.0} %") } else { format!("{percent:.1} %") }
}
