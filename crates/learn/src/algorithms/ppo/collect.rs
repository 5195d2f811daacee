//! Collecting a rollout: a choice or settings (or both) of every environment, and what follows.

use setpoint_evidence::environments::Environments;
use setpoint_nn::inputs::Sequences;
use setpoint_nn::{categorical, gaussian};
use setpoint_process::process::Outcome;
use setpoint_process::vectorized::{Actions, Transition};

use super::memory::Memories;
use super::{Ppo, State};
use crate::algorithm::Horizon;
use crate::error::TrainError;
use crate::exploration::is_greedy;

impl Ppo {
    /// Adds new rows of observations: statistics first, then normalisation, as `VecNormalize` does.
    pub(super) fn observe(state: &mut State, observations: &[f32]) {
        match &mut state.observation_normalizer {
            None => state.observations.copy_from_slice(observations),
            Some(normalizer) => {
                normalizer.update(observations);
                normalizer.apply(observations, &mut state.observations);
            }
        }
    }

    /// Fills the rollout with `n_steps` steps of every environment.
    pub fn collect(
        &mut self,
        environments: &mut Environments,
        horizon: Horizon<'_>,
    ) -> Result<(), TrainError> {
        self.cut_off.clear();
        self.final_observations.clear();
        self.final_tensors.iter_mut().for_each(|rows| rows.resize(0));
        self.not_greedy = 0;
        for step in 0..self.rollout.steps {
            horizon.check_stop()?;
            self.rollout.observations_at(step).copy_from_slice(&self.state.observations);
            self.rollout.set_tensors(step, &environments.transition().tensors);
            self.look(step, environments);
            match (self.joint.groups.len(), self.axes.len()) {
                (1, 0) => self.choose(step, environments)?,
                _ => self.act(step, environments)?,
            }
            self.record(step, environments);
        }
        for (present, rows) in self.present_tensors.iter_mut().zip(&environments.transition().tensors) {
            present.copy_rows(0, rows, 0, self.rollout.lanes);
        }
        Ok(())
    }

    /// Runs the actor on the present observations.
    fn look(&mut self, step: usize, environments: &Environments) {
        let Self { rollout, state, actor, memories, sight, shown, .. } = self;
        let (tensors, lanes) = (environments.tensors(), rollout.lanes);
        let observations = tensors.with_features(sight.shown(&state.observations, lanes, shown));
        let Some(Memories { actor: memory, starts, .. }) = memories else {
            return actor.look(observations, lanes);
        };
        let range = rollout.lane_range(step);
        rollout.starts[range].copy_from_slice(starts);
        if let Some(recall) = &mut actor.recall {
            recall.keep(step, memory);
        }
        let sequences = Sequences { count: lanes, starts, state: memory };
        actor.look(observations.in_sequences(sequences), lanes);
        memory.copy_from_slice(actor.network.state());
    }

    /// Draws a choice for every environment, where an action is one choice and nothing else: all rows at once.
    fn choose(&mut self, step: usize, environments: &mut Environments) -> Result<(), TrainError> {
        let Self { rollout, state, actor, .. } = self;
        let (range, choices) = (rollout.lane_range(step), actor.network.shape.output());
        let logits = &mut actor.outputs[..rollout.lanes * choices];
        let mask = if self.masked {
            rollout.set_allowed(step, environments.allowed());
            Some(environments.allowed())
        } else {
            None
        };
        categorical::log_probabilities(logits, choices, mask);
        for (row, index) in logits.chunks_exact(choices).zip(range.clone()) {
            let choice = categorical::sample(row, state.actions.unit());
            self.not_greedy += usize::from(!is_greedy(row, choice));
            rollout.choices[index] = choice as u32;
            rollout.log_probabilities[index] = row[choice];
        }
        environments.step(Actions::of_choices(&rollout.choices[range]))?;
        Ok(())
    }

    /// Draws the choices and the settings (one of them may be absent) for every environment, and takes the step.
    fn act(&mut self, step: usize, environments: &mut Environments) -> Result<(), TrainError> {
        let Self { rollout, state, actor, joint, .. } = self;
        let (range, width) = (rollout.lane_range(step), actor.network.shape.output());
        if self.masked {
            rollout.set_allowed(step, environments.allowed());
        }
        let masks = if self.masked { environments.allowed() } else { &[] };
        let mut masks = masks.chunks_exact(joint.choices().max(1));
        for (index, row) in range.zip(actor.outputs.chunks_exact_mut(width)) {
            joint.normalize(row, masks.next().unwrap_or(&[]));
            let (log_std, _) = actor.network.beside();
            let (choices, controls) = rollout.action_mut(index);
            joint.draw(row, log_std, &mut state.actions, choices, controls);
            self.not_greedy += usize::from(!joint.is_greedy(row, choices));
            rollout.log_probabilities[index] =
                joint.log_probability(row, log_std, rollout.choices_of(index), rollout.controls_of(index));
        }
        let drawn = rollout.controls[rollout.control_range(step)].iter();
        for ((control, drawn), axis) in self.controls.iter_mut().zip(drawn).zip(self.axes.iter().cycle()) {
            *control = gaussian::to_bounds(*drawn, axis.low, axis.high);
        }
        let choices = &rollout.choices[rollout.choice_range(step)];
        environments.step(Actions { choices, settings: &self.controls })?;
        Ok(())
    }

    /// Stores the results of a step: observations, rewards, ends, and the last observations of truncated episodes.
    fn record(&mut self, step: usize, environments: &Environments) {
        let Self { rollout, state, sight, joined, .. } = self;
        let (range, transition) = (rollout.lane_range(step), environments.transition());
        let Transition { observations, hidden, final_observations, final_hidden, .. } = transition;
        Self::observe(state, sight.join(observations, hidden, rollout.lanes, joined));
        let rewards = &mut rollout.rewards[range.clone()];
        rewards.copy_from_slice(environments.rewards());
        let over = transition.outcomes.iter().map(|outcome| outcome.is_over());
        if let Some(normalizer) = &mut state.reward_normalizer {
            normalizer.scale(rewards, over);
        }
        let any_is_cut_off = transition.outcomes.contains(&Outcome::Truncated);
        let last_rows = if any_is_cut_off {
            sight.join(final_observations, final_hidden, rollout.lanes, joined)
        } else {
            &[]
        };
        let width = sight.width();
        if let Some(Memories { starts, .. }) = &mut self.memories {
            let over = transition.outcomes.iter().map(|outcome| outcome.is_over());
            starts.iter_mut().zip(over).for_each(|(starts, over)| *starts = over);
        }
        for (lane, outcome) in transition.outcomes.iter().enumerate() {
            rollout.over[range.start + lane] = f32::from(u8::from(outcome.is_over()));
            if *outcome == Outcome::Truncated {
                let last = &last_rows[lane * width..(lane + 1) * width];
                let start = self.final_observations.len();
                self.final_observations.extend_from_slice(last);
                for (kept, rows) in self.final_tensors.iter_mut().zip(&transition.final_tensors) {
                    kept.push(rows, lane);
                }
                if let Some(normalizer) = &state.observation_normalizer {
                    normalizer.apply(last, &mut self.final_observations[start..]);
                }
                self.cut_off.push(range.start + lane);
            }
        }
    }
}
