//! A sitting of a training: its goal, its clock, and the time of its next checkpoint.

use std::time::Instant;

use setpoint_decision::train::Train;

/// The conditions for the end of a sitting.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Goal {
    /// Environment steps of the present environments, including earlier sittings.
    pub total_steps: u64,
    /// Episodes finished.
    pub total_episodes: Option<u64>,
    /// Mean return of the last 100 episodes, on the last level of the curriculum.
    pub target_return: Option<f64>,
    /// Environment steps at which the sitting pauses before the end of the training.
    pub pause_at: u64,
}

/// The state of one sitting.
pub(super) struct Sitting {
    pub goal: Goal,
    /// Environment steps at its beginning.
    pub steps_before: u64,
    /// Training time of earlier sittings, in s.
    wall_seconds_before: f64,
    started: Instant,
    /// Steps and time of the last line of metrics.
    pub last_line: (u64, f64),
    /// Updates at the last checkpoint.
    pub updates_at_checkpoint: u64,
    /// Time of the last checkpoint of the sitting; before it, the beginning of the sitting.
    checkpoint_at: Instant,
    /// Duration of the sitting, in s, after its end.
    took_seconds: Option<f64>,
}

impl Sitting {
    pub fn new(goal: Goal, steps: u64, wall_seconds: f64, updates: u64) -> Self {
        let started = Instant::now();
        Self {
            goal,
            steps_before: steps,
            wall_seconds_before: wall_seconds,
            started,
            last_line: (steps, wall_seconds),
            updates_at_checkpoint: updates,
            checkpoint_at: started,
            took_seconds: None,
        }
    }

    /// Training time, in s, over all sittings.
    pub fn wall_seconds(&self) -> f64 {
        self.wall_seconds_before + self.took_seconds.unwrap_or_else(|| self.started.elapsed().as_secs_f64())
    }

    /// Whether a checkpoint is due after this number of updates.
    pub fn is_checkpoint_due(&self, settings: &Train, updates: u64) -> bool {
        updates - self.updates_at_checkpoint >= settings.checkpoint_every_updates
            || self.checkpoint_at.elapsed().as_secs() >= settings.checkpoint_every_seconds
    }

    /// A checkpoint was written after this number of updates.
    pub fn add_checkpoint(&mut self, updates: u64) {
        self.updates_at_checkpoint = updates;
        self.checkpoint_at = Instant::now();
    }

    /// Stops the clock of the sitting.
    pub fn end(&mut self) {
        self.took_seconds = Some(self.started.elapsed().as_secs_f64());
    }
}
