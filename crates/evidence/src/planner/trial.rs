//! Trials of plans: each plan is played in copies of the process, and its figure is the mean return.

use std::ops::Range;

use setpoint_decision::planning::Planning;
use setpoint_decision::spec::MODEL_UNCERTAINTY;
use setpoint_guard::constraints::ConstraintSet;
use setpoint_guard::decider::ActionBuffer;
use setpoint_process::process::Outcome;
use setpoint_process::reward::RewardFunction;
use setpoint_process::vectorized::{Actions, Batch};
use setpoint_random::Stream;

use super::plans::Plans;
use crate::decision::Decision;
use crate::error::PlayError;

/// The state in which plans begin.
pub struct Start<'a> {
    /// The saved process.
    pub process: &'a [u8],
    /// The choices that process and constraints allow in the first step; empty if all are allowed.
    pub allowed: &'a [bool],
}

/// Copies of the process, some for each plan of a round.
pub struct Trial {
    batch: Box<dyn Batch>,
    reward: RewardFunction,
    constraints: ConstraintSet,
    settings: Planning,
    groups: Vec<Range<usize>>,
    /// The signal of the penalty, if the process has it and the project wants it.
    uncertainty: Option<usize>,
    features: usize,
    signals: usize,
    is_masked: bool,
    terms: Vec<f64>,
    open: Vec<bool>,
    returns: Vec<f64>,
    allowed: Vec<bool>,
    actions: ActionBuffer,
}

impl Trial {
    /// Prepares the copies: processes of the decision without its disturbances.
    pub fn new(decision: &Decision) -> Result<Self, PlayError> {
        let (spec, settings) = (decision.spec(), decision.project.planning.clone());
        let lanes = settings.plans * settings.copies;
        let reward = RewardFunction::new(&decision.project.reward, spec);
        let uncertainty = spec.signals.iter().position(|signal| signal.name == MODEL_UNCERTAINTY);
        Ok(Self {
            // Their first episodes are never played.
            batch: decision.factory.batch(lanes, 0, "copies")?,
            terms: vec![0.0; reward.names().len()],
            reward,
            constraints: decision.constraints(),
            groups: spec.action.placed_groups().map(|(_, places)| places).collect(),
            uncertainty: uncertainty.filter(|_| settings.uncertainty_penalty > 0.0),
            features: spec.observation.len(),
            signals: spec.signals.len(),
            is_masked: decision.is_masked() && spec.action.choice_count() > 0,
            open: vec![true; lanes],
            returns: vec![0.0; lanes],
            allowed: vec![true; spec.action.choice_count()],
            actions: ActionBuffer::new(&spec.action, lanes),
            settings,
        })
    }

    /// The mean return of each plan over its copies. Copy `i` of every plan draws from `randoms[i]`, so plans differ by their actions
    /// alone. A plan that leads to a state without an allowed choice is worse than any other.
    pub fn mean_returns(
        &mut self,
        plans: &Plans,
        start: &Start<'_>,
        randoms: &[Stream],
    ) -> Result<Vec<f64>, PlayError> {
        let copies = self.settings.copies;
        self.batch.continue_all(start.process, &mut |lane| randoms[lane % copies].clone())?;
        self.open.fill(true);
        self.returns.fill(0.0);
        let mut weight = 1.0;
        for step in 0..self.settings.horizon {
            self.choose(plans, step, if step == 0 { start.allowed } else { &[] });
            if !self.open.contains(&true) {
                break;
            }
            let taken = Actions { choices: &self.actions.choices, settings: &self.actions.settings };
            let are_all_open = !self.open.contains(&false);
            self.batch.step_where(taken, if are_all_open { &[] } else { &self.open })?;
            self.reap(weight);
            weight *= self.settings.discount;
        }
        let mean = |returns: &[f64]| returns.iter().sum::<f64>() / copies as f64;
        Ok(self.returns.chunks_exact(copies).map(mean).collect())
    }

    /// Writes the actions of a step, changed where the constraints forbid them.
    fn choose(&mut self, plans: &Plans, step: usize, first_allowed: &[bool]) {
        let Self { batch, constraints, actions, open, features, signals, groups, allowed, returns, .. } =
            self;
        let transition = batch.transition();
        let clips = constraints.changes_settings();
        for lane in (0..open.len()).filter(|lane| open[*lane]).collect::<Vec<_>>() {
            let planned = plans.action(lane / self.settings.copies, step);
            actions.choices_mut(lane).copy_from_slice(planned.choices);
            actions.settings_mut(lane).copy_from_slice(planned.settings);
            if !clips && !self.is_masked {
                continue;
            }
            let seen = &transition.observations[lane * *features..(lane + 1) * *features];
            let current = &transition.current_signals[lane * *signals..(lane + 1) * *signals];
            if self.is_masked {
                let width = transition.allowed.len() / open.len();
                let by_process = &transition.allowed[lane * width..(lane + 1) * width];
                if !first_allowed.is_empty() {
                    allowed.copy_from_slice(first_allowed);
                } else if constraints.allow(seen, current, by_process, allowed).is_some() {
                    (open[lane], returns[lane]) = (false, f64::NEG_INFINITY);
                    continue;
                }
                for (choice, places) in actions.choices_mut(lane).iter_mut().zip(&*groups) {
                    *choice = allowed_from(*choice, &allowed[places.clone()]);
                }
            }
            if clips {
                constraints.clip(seen, current, actions.settings_mut(lane));
            }
        }
    }

    /// Adds the rewards of a step.
    fn reap(&mut self, weight: f64) {
        let Self { batch, reward, open, returns, signals, terms, uncertainty, .. } = self;
        let transition = batch.transition();
        for lane in (0..open.len()).filter(|lane| open[*lane]).collect::<Vec<_>>() {
            let (measured, outcome) =
                (&transition.signals[lane * *signals..(lane + 1) * *signals], transition.outcomes[lane]);
            let mut found = reward.evaluate(measured, outcome, terms);
            if let Some(signal) = uncertainty {
                found -= self.settings.uncertainty_penalty * f64::from(measured[*signal]);
            }
            // A number that is not finite is an error of the process, which its own episode shows.
            returns[lane] += if found.is_finite() { weight * found } else { f64::NEG_INFINITY };
            open[lane] = outcome == Outcome::Running;
        }
    }
}

/// The choice, or the next one that is allowed.
fn allowed_from(choice: u32, allowed: &[bool]) -> u32 {
    let count = allowed.len() as u32;
    (0..count)
        .map(|later| (choice + later) % count)
        .find(|choice| allowed[*choice as usize])
        .unwrap_or(choice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forbidden_choice_becomes_the_next_allowed_one() {
        let allowed = [false, true, false, false];
        assert_eq!([0, 1, 2, 3].map(|choice| allowed_from(choice, &allowed)), [1, 1, 1, 1]);
        assert_eq!(allowed_from(2, &[false; 4]), 2);
    }
}
