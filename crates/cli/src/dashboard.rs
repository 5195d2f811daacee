//! A training on a terminal while it runs: return, reward terms, actions, throughput, the learner's own figures.
//!
//! It reads only the run's `metrics.jsonl`, so it can show a run that another terminal trains (`setpoint watch`).

mod panel;
mod run_metrics;

use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar};
use setpoint_files::run_folder::RunFolder;
use setpoint_learn::problem::Problem;

use self::panel::{HEIGHT, Panel};
use self::run_metrics::RunMetrics;
use crate::screen;

/// Time between two drawings.
const EVERY: Duration = Duration::from_millis(250);
/// A smaller terminal shows a bar.
const WIDTH_MIN: usize = 72;

/// Lines on the terminal that are drawn four times a second.
pub struct Dashboard {
    metrics: RunMetrics,
    panel: Panel,
    /// Keeps the lines together.
    _screen: MultiProgress,
    lines: Vec<ProgressBar>,
    drawn: Instant,
}

impl Dashboard {
    /// For a run; `None` if standard error is no terminal, or a terminal that is too small.
    pub fn new(problem: &Problem, folder: &RunFolder) -> Option<Self> {
        let (rows, columns) = screen::size()?;
        if columns < WIDTH_MIN || rows < HEIGHT + 2 {
            return None;
        }
        let (screen, lines) = screen::lines(HEIGHT)?;
        let panel = Panel::new(problem, folder);
        Some(Self { metrics: RunMetrics::new(folder), panel, _screen: screen, lines, drawn: Instant::now() })
    }

    /// Reads new log lines; draws them after an interval.
    pub fn update(&mut self) {
        if self.drawn.elapsed() >= EVERY {
            self.draw();
        }
    }

    /// Draws it now.
    pub fn draw(&mut self) {
        self.metrics.read();
        let columns = screen::size().map_or(WIDTH_MIN, |(_, columns)| columns);
        // One column stays free, or the terminal would wrap.
        let text = self.panel.lines(&self.metrics, columns.saturating_sub(1));
        for (line, text) in self.lines.iter().zip(text) {
            line.set_message(text);
        }
        self.drawn = Instant::now();
    }

    /// A line that stays, above the rest.
    pub fn note(&self, text: &str) {
        if let Some(line) = self.lines.first() {
            line.println(text);
        }
    }

    /// Draws the end state, which stays on the terminal.
    pub fn finish(&mut self) {
        self.draw();
        for line in &self.lines {
            line.abandon();
        }
    }
}
