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

/// Several trainings side by side as one progress. A training that continues, or that has ended in an earlier sitting, begins with
/// the steps that it had: they count, but not for the rate.
pub struct Together {
    /// Steps of each training.
    steps: Vec<u64>,
    /// Steps of each training before this sitting; `None` before its first news.
    before: Vec<Option<u64>>,
    total_steps: u64,
}

impl Together {
    /// Of so many trainings, with the steps of all.
    pub fn new(trainings: usize, total_steps: u64) -> Self {
        Self { steps: vec![0; trainings], before: vec![None; trainings], total_steps }
    }

    /// The progress of all, after news of one; the other figures are those of that one.
    pub fn progress(&mut self, index: usize, progress: Progress) -> Progress {
        self.steps[index] = progress.steps;
        self.before[index].get_or_insert(progress.steps_before);
        Progress {
            steps: self.steps.iter().sum(),
            total_steps: self.total_steps,
            steps_before: self.before.iter().flatten().sum(),
            ..progress
        }
    }

    /// A training has ended and counts as so many steps.
    pub fn finished(&mut self, index: usize, steps: u64) {
        self.steps[index] = steps;
        // Without news it took no step in this sitting.
        self.before[index].get_or_insert(steps);
    }
}

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
        let to_take = progress.total_steps.saturating_sub(progress.steps) as f64;
        let left = match (to_take > 0.0, self.rate(progress)) {
            (false, _) => String::new(),
            // A training that continues has taken no step yet.
            (true, 0.0) => "–".to_owned(),
            (true, rate) => duration(to_take / rate.max(1e-9)),
        };
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

#[cfg(test)]
mod tests {
    use super::*;

    fn news(steps: u64, steps_before: u64) -> Progress {
        Progress {
            steps,
            total_steps: 1_000,
            updates: 0,
            episodes: 0,
            moving_return: Some(1.5),
            best_return: None,
            steps_before,
            level: None,
            evaluation: None,
        }
    }

    /// Four trainings of 1,000 steps after a resume: one had 600 steps, one had ended, two begin.
    #[test]
    fn several_trainings_begin_with_the_steps_that_they_had() {
        let mut all = Together::new(4, 4_000);
        let figures = |progress: &Progress| (progress.steps, progress.steps_before, progress.total_steps);
        assert_eq!(figures(&all.progress(0, news(600, 600))), (600, 600, 4_000));
        all.finished(1, 1_000);
        assert_eq!(figures(&all.progress(2, news(100, 0))), (1_700, 1_600, 4_000));
        let found = all.progress(0, news(900, 600));
        assert_eq!((figures(&found), found.moving_return), ((2_000, 1_600, 4_000), Some(1.5)));
        // The end of one that took steps in this sitting does not change where it began.
        all.finished(0, 1_000);
        assert_eq!(figures(&all.progress(2, news(200, 0))), (2_200, 1_600, 4_000));
        // Sums of all never run backwards, and never below the beginning.
        let mut shown = ProgressDisplay::new(4_000, "four");
        assert_eq!(shown.rate(&news(600, 600)), 0.0);
        shown.update(&news(600, 600));
    }
}
