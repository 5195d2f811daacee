//! The progress of a training: a dashboard or a bar on a terminal, otherwise a line at intervals.

use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use setpoint_files::run_folder::RunFolder;
use setpoint_learn::problem::Problem;
use setpoint_learn::train::Progress;
use setpoint_terminal::{note, standard_error, visible, visible_in_line};

use crate::dashboard::Dashboard;
use crate::output::thousands;
use crate::screen::{self, duration};

/// Time between two lines without a terminal.
pub const LINE_EVERY: Duration = Duration::from_secs(5);

/// One training's progress on standard error.
pub struct ProgressDisplay {
    dashboard: Option<Dashboard>,
    bar: Option<ProgressBar>,
    started: Instant,
    last_line: Instant,
    label: String,
}

impl ProgressDisplay {
    pub fn new(total_steps: u64, label: &str) -> Self {
        let bar = standard_error::takes_escape_codes().then(|| {
            let template = "{prefix} {bar:28.cyan/dim} {pos}/{len} steps  {msg}";
            screen::bar(total_steps, template).with_prefix(visible_in_line(label).into_owned())
        });
        let now = Instant::now();
        Self { dashboard: None, bar, started: now, last_line: now, label: label.to_owned() }
    }

    /// With a dashboard of one run, if the terminal is large enough.
    pub fn of_run(problem: &Problem, folder: &RunFolder, label: &str) -> Self {
        match Dashboard::new(problem, folder) {
            None => Self::new(problem.decision.project.train.total_steps, label),
            Some(dashboard) => {
                let now = Instant::now();
                let label = label.to_owned();
                Self { dashboard: Some(dashboard), bar: None, started: now, last_line: now, label }
            }
        }
    }

    pub fn update(&mut self, progress: &Progress) {
        let rate = self.rate(progress);
        let left = progress.total_steps.saturating_sub(progress.steps) as f64 / rate.max(1e-9);
        let left = if progress.steps < progress.total_steps { duration(left) } else { String::new() };
        self.update_with(progress, &left);
    }

    fn rate(&self, progress: &Progress) -> f64 {
        (progress.steps - progress.steps_before) as f64 / self.started.elapsed().as_secs_f64().max(1e-9)
    }

    /// With the time that is left in words: steps that differ in cost are no measure of it. Empty: only evaluations are left.
    pub fn update_with(&mut self, progress: &Progress, left: &str) {
        if let Some(dashboard) = &mut self.dashboard {
            return dashboard.update();
        }
        let rate = self.rate(progress);
        let left = if left.is_empty() { "evaluating".to_owned() } else { format!("{left} left") };
        let show = |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.1}"));
        let returns = match progress.moving_return {
            None => String::new(),
            moving => format!(", return {} (best {})", show(moving), show(progress.best_return)),
        };
        let returns = match progress.level {
            None => returns,
            Some((level, of)) => format!(", level {level} of {of}{returns}"),
        };
        let returns = match progress.evaluation {
            None => returns,
            Some(found) => format!("{returns}, evaluation {:.1}", found.return_mean),
        };
        match &self.bar {
            Some(bar) => {
                bar.set_position(progress.steps.min(progress.total_steps));
                bar.set_message(format!("{} steps/s{returns}, {left}", thousands(rate)));
            }
            None if self.last_line.elapsed() >= LINE_EVERY => {
                self.last_line = Instant::now();
                note(format!(
                    "{}: {} of {} steps, {} steps/s{returns}, {left}",
                    self.label,
                    thousands(progress.steps as f64),
                    thousands(progress.total_steps as f64),
                    thousands(rate)
                ));
            }
            None => {}
        }
    }

    /// A line that stays, above the bar.
    pub fn note(&self, line: &str) {
        match (&self.dashboard, &self.bar) {
            (Some(dashboard), _) => dashboard.note(&visible(line)),
            (None, Some(bar)) => bar.println(visible(line)),
            (None, None) => note(line),
        }
    }

    pub fn finish(&mut self) {
        if let Some(dashboard) = &mut self.dashboard {
            dashboard.finish();
        }
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
