//! The values of a rollout, after its collection.

use setpoint_evidence::tensor_views::TensorViews;
use setpoint_nn::inputs::{Inputs, Sequences};
use setpoint_process::tensors::TensorRows;

use super::memory::Memories;
use super::{MinibatchNetwork, Ppo, VALUE_ROWS};
use crate::algorithm::Horizon;
use crate::error::TrainError;

impl Ppo {
    /// V of every state of the rollout, of the states after it, and of the final states of truncated episodes; then the
    /// advantages.
    pub fn value(&mut self, horizon: Horizon<'_>) -> Result<(), TrainError> {
        let mut futures = vec![0.0; self.cut_off.len()];
        if self.memories.is_some() {
            self.value_in_sequences(horizon, &mut futures)?;
        } else {
            self.value_rows(horizon, &mut futures)?;
        }
        // A truncated episode has a future: r + γ V(final observation) (Pardo et al. 2018, arXiv 1712.00378).
        let rollout = &mut self.rollout;
        for (index, future) in self.cut_off.iter().zip(futures) {
            rollout.rewards[*index] += self.options.gamma as f32 * future;
        }
        rollout.estimate_advantages(self.options.gamma as f32, self.options.gae_lambda as f32);
        Ok(())
    }

    /// Row by row, for a critic without a memory.
    fn value_rows(&mut self, horizon: Horizon<'_>, futures: &mut [f32]) -> Result<(), TrainError> {
        let Self { rollout, critic, state, .. } = self;
        let n = rollout.len();
        let mut value = |features: &[f32], tensors: &[TensorRows], values: &mut [f32]| {
            let tensors = TensorViews::of(tensors);
            let mut inputs = tensors.with_features(features);
            for values in values.chunks_mut(VALUE_ROWS) {
                horizon.check_stop()?;
                values.copy_from_slice(critic.network.forward(inputs, values.len()));
                inputs = inputs.skip(values.len());
            }
            Ok::<_, TrainError>(())
        };
        value(&rollout.observations, &rollout.tensors, &mut rollout.values[..n])?;
        value(&state.observations, &self.present_tensors, &mut rollout.values[n..])?;
        value(&self.final_observations, &self.final_tensors, futures)
    }

    /// Sequence by sequence of all environments, with the critic's memory. The present observations do not enter the memory:
    /// the next rollout begins with them.
    fn value_in_sequences(&mut self, horizon: Horizon<'_>, futures: &mut [f32]) -> Result<(), TrainError> {
        let Self { rollout, critic, state, memories, cut_off, .. } = self;
        let Some(Memories { critic: memory, starts, .. }) = memories else { return Ok(()) };
        let (lanes, n) = (rollout.lanes, rollout.len());
        let steps = critic.recall.as_ref().map_or(1, |recall| recall.steps());
        let size = memory.len() / lanes;
        // The memory at the end of each episode that was cut off.
        let mut last_memories = Vec::with_capacity(cut_off.len() * size);
        let mut cut_off = cut_off.iter().peekable();
        let tensors = TensorViews::of(&rollout.tensors);
        let all = tensors.with_features(&rollout.observations);
        for first in (0..n).step_by(steps * lanes) {
            horizon.check_stop()?;
            if let Some(recall) = &mut critic.recall {
                recall.keep(first / lanes, memory);
            }
            let end = first + steps * lanes;
            let sequences = Sequences { count: lanes, starts: &rollout.starts[first..end], state: memory };
            let inputs = all.skip(first).in_sequences(sequences);
            rollout.values[first..end].copy_from_slice(critic.network.forward(inputs, end - first));
            while let Some(index) = cut_off.next_if(|index| **index < end) {
                let row = (index - first) * size..(index - first + 1) * size;
                last_memories.extend_from_slice(&critic.network.states()[row]);
            }
            memory.copy_from_slice(critic.network.state());
        }
        let tensors = TensorViews::of(&self.present_tensors);
        let sequences = Sequences { count: lanes, starts, state: memory };
        let inputs = tensors.with_features(&state.observations).in_sequences(sequences);
        rollout.values[n..].copy_from_slice(critic.network.forward(inputs, lanes));
        let tensors = TensorViews::of(&self.final_tensors);
        value_last(critic, tensors.with_features(&self.final_observations), &last_memories, size, futures);
        Ok(())
    }
}

/// V of the last observations of episodes, each with the memory before it.
fn value_last(
    critic: &mut MinibatchNetwork,
    mut inputs: Inputs<'_, f32>,
    memories: &[f32],
    size: usize,
    values: &mut [f32],
) {
    for (values, state) in values.chunks_mut(VALUE_ROWS).zip(memories.chunks(VALUE_ROWS * size)) {
        let rows = values.len();
        let sequences = Sequences { count: rows, starts: &[], state };
        values.copy_from_slice(critic.network.forward(inputs.in_sequences(sequences), rows));
        inputs = inputs.skip(rows);
    }
}
