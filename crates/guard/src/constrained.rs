//! A decider with constraints: it never takes forbidden choices, and its settings are limited.

use setpoint_decision::spec::ActionSpace;

use crate::constraints::{ConstraintSet, NothingLeft};
use crate::decider::{ActionBuffer, Decider, States};

/// A decider whose actions keep the constraints. It declines if the constraints and the
/// process together leave no choice.
pub struct Constrained<D> {
    decider: D,
    constraints: ConstraintSet,
    /// Number of choices of all groups.
    choices: usize,
    /// Number of settings.
    axes: usize,
    /// `[rows, choices]` the choices that process and constraints allow.
    allowed: Vec<bool>,
    /// `[rows, axes]` the settings before the limits of the constraints.
    wanted: Vec<f32>,
    /// Rows without an allowed choice, with the reason.
    stuck: Vec<(usize, NothingLeft)>,
}

impl<D: Decider> Constrained<D> {
    /// Wraps a decider of up to `lanes` lanes with constraints.
    pub fn new(decider: D, constraints: ConstraintSet, space: &ActionSpace, lanes: usize) -> Self {
        let (choices, axes) = (space.choice_count(), space.axes.len());
        Self {
            decider,
            constraints,
            choices,
            axes,
            allowed: Vec::with_capacity(lanes * choices),
            wanted: Vec::with_capacity(lanes * axes),
            stuck: Vec::with_capacity(lanes),
        }
    }

    /// `[rows, axes]` the settings of the last decisions before the limits of the constraints, rounded as the process does;
    /// empty without settings.
    pub fn wanted(&self) -> &[f32] {
        &self.wanted
    }

    /// Rows of the last decisions in which process and constraints allowed no choice, with the reason.
    pub fn stuck(&self) -> &[(usize, NothingLeft)] {
        &self.stuck
    }

    /// The choices that process and constraints allow together.
    fn mask(&mut self, states: &States<'_>) {
        self.allowed.clear();
        self.stuck.clear();
        if self.choices == 0 || (self.constraints.is_empty() && states.allowed.is_empty()) {
            return;
        }
        self.allowed.resize(states.rows() * self.choices, true);
        for (row, allowed) in self.allowed.chunks_exact_mut(self.choices).enumerate() {
            let (observation, signals) = (states.observation(row), states.signals(row));
            if let Some(reason) = self.constraints.allow(observation, signals, states.allowed(row), allowed) {
                // The decider decides in any case, because its other rows count.
                allowed.fill(true);
                self.stuck.push((row, reason));
            }
        }
    }
}

impl<D: Decider> Decider for Constrained<D> {
    fn begin(&mut self, lane: usize) {
        self.decider.begin(lane);
    }

    fn decide(&mut self, states: &States<'_>, actions: &mut ActionBuffer) {
        self.mask(states);
        self.decider.decide(&States { allowed: &self.allowed, ..*states }, actions);
        self.stuck.iter().for_each(|(row, _)| actions.declined[*row] = true);
        let limits = self.axes > 0 && self.constraints.changes_settings();
        if limits {
            (0..states.rows()).for_each(|row| self.constraints.round(actions.settings_mut(row)));
        }
        self.wanted.clear();
        self.wanted.extend_from_slice(&actions.settings);
        if limits {
            for row in 0..states.rows() {
                let (observation, signals) = (states.observation(row), states.signals(row));
                self.constraints.limit(observation, signals, actions.settings_mut(row));
            }
        }
    }
}
