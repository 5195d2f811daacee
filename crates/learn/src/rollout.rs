//! The rollout buffer of on-policy algorithms and generalised advantage estimation.

use setpoint_decision::spec::TensorPart;
use setpoint_process::tensors::TensorRows;

use crate::mask_bits;

/// `steps` steps of `lanes` environments; step-major, all buffers allocated once.
pub struct Rollout {
    /// Environment steps per lane.
    pub steps: usize,
    /// Environments.
    pub lanes: usize,
    features: usize,
    groups: usize,
    axes: usize,
    mask_width: usize,
    /// `[steps, lanes, features]`, as the networks saw them.
    pub observations: Vec<f32>,
    /// `[steps · lanes]` rows of each tensor part of the observations.
    pub tensors: Vec<TensorRows>,
    /// `[steps, lanes]` whether the observation begins an episode; empty where no memory needs it.
    pub starts: Vec<bool>,
    /// `[steps, lanes, groups]` the index of the choice in each group.
    pub choices: Vec<u32>,
    /// `[steps, lanes, axes]` settings on [−1, 1], unclipped.
    pub controls: Vec<f32>,
    /// `[steps, lanes]` masks, packed; empty without constraints.
    allowed: Vec<u8>,
    /// `[steps, lanes]` log π(a|s) at collection.
    pub log_probabilities: Vec<f32>,
    /// `[steps, lanes]` for the learner (normalised, with the value of truncated futures added).
    pub rewards: Vec<f32>,
    /// `[steps, lanes]` 1 where the episode ended in this step, else 0.
    pub over: Vec<f32>,
    /// `[steps + 1, lanes]` V(s); the last row has the values of the states after the last step.
    pub values: Vec<f32>,
    /// `[steps, lanes]` Â.
    pub advantages: Vec<f32>,
    /// `[steps, lanes]` Â + V: the value targets.
    pub returns: Vec<f32>,
}

impl Rollout {
    /// Allocates for the given sizes; an action has a choice of each of `groups`, and `axes` settings; `choices_masked` is 0
    /// without constraints.
    pub fn new(
        steps: usize,
        lanes: usize,
        features: usize,
        (groups, axes): (usize, usize),
        choices_masked: usize,
    ) -> Self {
        let n = steps * lanes;
        Self {
            steps,
            lanes,
            features,
            groups,
            axes,
            mask_width: choices_masked,
            observations: vec![0.0; n * features],
            tensors: Vec::new(),
            starts: Vec::new(),
            choices: vec![0; n * groups],
            controls: vec![0.0; n * axes],
            allowed: vec![0; n * mask_bits::bytes(choices_masked)],
            log_probabilities: vec![0.0; n],
            rewards: vec![0.0; n],
            over: vec![0.0; n],
            values: vec![0.0; n + lanes],
            advantages: vec![0.0; n],
            returns: vec![0.0; n],
        }
    }

    /// With the tensor parts of an observation.
    #[must_use]
    pub fn with_tensors(self, parts: &[TensorPart]) -> Self {
        Self { tensors: TensorRows::of_parts(parts, self.len()), ..self }
    }

    /// Number of transitions.
    pub fn len(&self) -> usize {
        self.steps * self.lanes
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Observations of one step, `[lanes, features]`.
    pub fn observations_at(&mut self, step: usize) -> &mut [f32] {
        let width = self.lanes * self.features;
        &mut self.observations[step * width..(step + 1) * width]
    }

    /// Stores the tensor parts of the observations of one step, a row per lane.
    pub fn set_tensors(&mut self, step: usize, tensors: &[TensorRows]) {
        for (kept, rows) in self.tensors.iter_mut().zip(tensors) {
            kept.copy_rows(step * self.lanes, rows, 0, self.lanes);
        }
    }

    /// The observation of a sample.
    pub fn observation_of(&self, sample: usize) -> &[f32] {
        &self.observations[sample * self.features..(sample + 1) * self.features]
    }

    /// One value per lane, of one step.
    pub fn lane_range(&self, step: usize) -> std::ops::Range<usize> {
        step * self.lanes..(step + 1) * self.lanes
    }

    /// Choices of one step, `[lanes, groups]`.
    pub fn choice_range(&self, step: usize) -> std::ops::Range<usize> {
        let width = self.lanes * self.groups;
        step * width..(step + 1) * width
    }

    /// The choices and the settings of a sample, for writing.
    pub fn action_mut(&mut self, sample: usize) -> (&mut [u32], &mut [f32]) {
        let Self { choices, controls, groups, axes, .. } = self;
        (
            &mut choices[sample * *groups..(sample + 1) * *groups],
            &mut controls[sample * *axes..(sample + 1) * *axes],
        )
    }

    /// The choices of a sample, one of each group.
    pub fn choices_of(&self, sample: usize) -> &[u32] {
        &self.choices[sample * self.groups..(sample + 1) * self.groups]
    }

    /// The settings of a sample.
    pub fn controls_of(&self, sample: usize) -> &[f32] {
        &self.controls[sample * self.axes..(sample + 1) * self.axes]
    }

    /// Stores the masks of one step, `[lanes, choices]`.
    pub fn set_allowed(&mut self, step: usize, allowed: &[bool]) {
        let width = self.lanes * mask_bits::bytes(self.mask_width);
        mask_bits::pack(allowed, self.mask_width, &mut self.allowed[step * width..(step + 1) * width]);
    }

    /// Writes the mask of a sample, `[choices]`; nothing without constraints.
    pub fn allowed_of(&self, sample: usize, allowed: &mut [bool]) {
        let bytes = mask_bits::bytes(self.mask_width);
        mask_bits::unpack(&self.allowed[sample * bytes..(sample + 1) * bytes], allowed);
    }

    /// Settings of one step, `[lanes, axes]`.
    pub fn control_range(&self, step: usize) -> std::ops::Range<usize> {
        let width = self.lanes * self.axes;
        step * width..(step + 1) * width
    }

    /// Generalised advantage estimation (Schulman et al. 2016, equation 16), all lanes of a step together:
    /// δ_t = r_t + γ V(s_{t+1}) (1 − over_t) − V(s_t),  Â_t = δ_t + γ λ (1 − over_t) Â_{t+1}.
    ///
    /// `over` covers truncations too: their future is in the reward already (γ V(final observation)).
    pub fn estimate_advantages(&mut self, gamma: f32, lambda: f32) {
        let lanes = self.lanes;
        for step in (0..self.steps).rev() {
            let (present, later) = self.advantages[step * lanes..].split_at_mut(lanes);
            let values = &self.values[step * lanes..(step + 2) * lanes];
            let rewards = &self.rewards[step * lanes..(step + 1) * lanes];
            let over = &self.over[step * lanes..(step + 1) * lanes];
            for lane in 0..lanes {
                let goes_on = 1.0 - over[lane];
                let following = later.get(lane).copied().unwrap_or(0.0);
                let delta = rewards[lane] + gamma * values[lanes + lane] * goes_on - values[lane];
                present[lane] = delta + gamma * lambda * goes_on * following;
            }
        }
        for ((target, advantage), value) in self.returns.iter_mut().zip(&self.advantages).zip(&self.values) {
            *target = advantage + value;
        }
    }
}

/// One lane's advantages, in the form of the paper: the reference for [`Rollout::estimate_advantages`].
pub fn advantages_of_lane(
    rewards: &[f32],
    values: &[f32],
    over: &[bool],
    gamma: f32,
    lambda: f32,
) -> Vec<f32> {
    assert_eq!(values.len(), rewards.len() + 1, "one value more than rewards: the value of the last state");
    let mut advantages = vec![0.0; rewards.len()];
    let mut following = 0.0;
    for t in (0..rewards.len()).rev() {
        let goes_on = if over[t] { 0.0 } else { 1.0 };
        let delta = rewards[t] + gamma * values[t + 1] * goes_on - values[t];
        following = delta + gamma * lambda * goes_on * following;
        advantages[t] = following;
    }
    advantages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hand_computed_case() {
        // γ = 0.5, λ = 0.5; the second step ends the episode.
        let advantages =
            advantages_of_lane(&[1.0, 2.0, 3.0], &[0.5, 1.0, 1.5, 2.0], &[false, true, false], 0.5, 0.5);
        // δ = [1 + 0.5·1 − 0.5, 2 − 1, 3 + 0.5·2 − 1.5] = [1, 1, 2.5]
        assert_eq!(advantages, [1.0 + 0.25 * 1.0, 1.0, 2.5]);
    }

    #[test]
    fn vector_and_scalar_code_agree_for_any_number_of_steps_and_lanes() {
        for (steps, lanes) in [(1, 1), (1, 7), (5, 3), (64, 8), (33, 17)] {
            let mut rollout = Rollout::new(steps, lanes, 1, (1, 0), 0);
            let pseudo = |i: usize, k: f32| ((i as f32 + 0.37) * k).sin() * 2.0;
            for i in 0..steps * lanes {
                rollout.rewards[i] = pseudo(i, 1.7);
                rollout.over[i] = if i % 5 == 3 { 1.0 } else { 0.0 };
            }
            for i in 0..(steps + 1) * lanes {
                rollout.values[i] = pseudo(i, 0.9);
            }
            rollout.estimate_advantages(0.99, 0.95);
            for lane in 0..lanes {
                let column =
                    |values: &[f32]| values[lane..].iter().step_by(lanes).copied().collect::<Vec<_>>();
                let over: Vec<bool> = column(&rollout.over).iter().map(|over| *over == 1.0).collect();
                let expected = advantages_of_lane(
                    &column(&rollout.rewards),
                    &column(&rollout.values),
                    &over,
                    0.99,
                    0.95,
                );
                assert_eq!(
                    column(&rollout.advantages),
                    expected,
                    "{steps} steps, {lanes} lanes, lane {lane}"
                );
            }
        }
    }
}
