//! The memories of actor and critic (`memory = "gru"`), and the sequences in which they learn.
//!
//! A rollout is cut into sequences of `memory_steps` steps of one environment. A network begins each of them with the memory
//! that it had there when it met it, and learns through the steps of the sequence (the stored state of Kapturowski et al. 2019,
//! "Recurrent experience replay in distributed reinforcement learning"). A minibatch has whole sequences, `[time, sequences]`.

use serde::{Deserialize, Serialize};
use setpoint_nn::inputs::Sequences;

use crate::rollout::Rollout;

/// The memories before the present observations: part of a checkpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Memories {
    /// `[lanes, size]`
    pub actor: Vec<f32>,
    /// `[lanes, size]`
    pub critic: Vec<f32>,
    /// `[lanes]` whether the present observation begins an episode: the memories are zero before it.
    pub starts: Vec<bool>,
}

impl Memories {
    /// At the beginning of an episode in every lane.
    pub fn new(lanes: usize, size: usize) -> Self {
        let zeros = vec![0.0; lanes * size];
        Self { actor: zeros.clone(), critic: zeros, starts: vec![true; lanes] }
    }

    /// Whether it is that of another number of lanes, or of another size.
    pub fn has_shape_of(&self, other: &Self) -> bool {
        let lengths = |memories: &Self| (memories.actor.len(), memories.critic.len(), memories.starts.len());
        lengths(self) == lengths(other)
    }
}

/// The memory of one network at the beginning of each sequence of a rollout, with the buffers of a minibatch.
pub(super) struct Recall {
    /// Steps of a sequence.
    steps: usize,
    size: usize,
    lanes: usize,
    /// `[sequences of a lane, lanes, size]`
    begun: Vec<f32>,
    /// `[sequences of the minibatch, size]`
    gathered: Vec<f32>,
    /// `[rows of the minibatch]`
    starts: Vec<bool>,
}

impl Recall {
    /// For rollouts of `rollout_steps` steps, and minibatches of up to `rows_max` rows.
    pub fn new(steps: usize, size: usize, lanes: usize, rollout_steps: usize, rows_max: usize) -> Self {
        Self {
            steps,
            size,
            lanes,
            begun: vec![0.0; rollout_steps / steps * lanes * size],
            gathered: vec![0.0; rows_max / steps * size],
            starts: vec![false; rows_max],
        }
    }

    /// Steps of a sequence.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Keeps the memory of every lane before a step of the rollout, if a sequence begins there.
    pub fn keep(&mut self, step: usize, memory: &[f32]) {
        if step.is_multiple_of(self.steps) {
            let first = step / self.steps * memory.len();
            self.begun[first..first + memory.len()].copy_from_slice(memory);
        }
    }

    /// The sequences of a minibatch, whose samples are in the order of [`arrange`].
    pub fn gather(&mut self, rollout: &Rollout, indices: &[u32]) -> Sequences<'_, f32> {
        let count = indices.len() / self.steps;
        for (index, memory) in indices.iter().zip(self.gathered.chunks_exact_mut(self.size)).take(count) {
            let (step, lane) = (*index as usize / self.lanes, *index as usize % self.lanes);
            let place = (step / self.steps * self.lanes + lane) * self.size;
            memory.copy_from_slice(&self.begun[place..place + self.size]);
        }
        for (starts, index) in self.starts.iter_mut().zip(indices) {
            *starts = rollout.starts[*index as usize];
        }
        Sequences { count, starts: &self.starts, state: &self.gathered }
    }
}

/// Puts the samples of shuffled sequences in order: minibatch by minibatch, each `[time, sequences]`. `sequences` counts those of
/// the first `steps` steps lane by lane, then those of the next.
pub(super) fn arrange(
    sequences: &[u32],
    steps: usize,
    lanes: usize,
    batch_size: usize,
    order: &mut Vec<u32>,
) {
    let (steps, lanes) = (steps as u32, lanes as u32);
    for minibatch in sequences.chunks(batch_size / steps as usize) {
        for time in 0..steps {
            order.extend(minibatch.iter().map(|sequence| {
                let (block, lane) = (sequence / lanes, sequence % lanes);
                (block * steps + time) * lanes + lane
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two lanes, four steps, sequences of two steps: samples 0 to 7 are (step, lane) one step after another.
    #[test]
    fn a_minibatch_has_the_steps_of_its_sequences_in_order() {
        let mut order = Vec::new();
        arrange(&[3, 0, 1, 2], 2, 2, 4, &mut order);
        // Sequence 3 is lane 1 from step 2 on: samples 5 and 7; sequence 0 is lane 0 from the beginning: 0 and 2.
        assert_eq!(order, [5, 0, 7, 2, 1, 4, 3, 6]);
    }

    #[test]
    fn a_sequence_begins_with_the_memory_of_its_lane_and_step() {
        let mut rollout = Rollout::new(4, 2, 1, (1, 0), 0);
        rollout.starts = vec![false, true, false, false, true, false, false, false];
        let mut recall = Recall::new(2, 3, 2, 4, 4);
        for step in 0..4 {
            let memory: Vec<f32> = (0..6).map(|place| (10 * step + place) as f32).collect();
            recall.keep(step, &memory);
        }
        let Sequences { count, starts, state } = recall.gather(&rollout, &[5, 0, 7, 2]);
        assert_eq!((count, starts), (2, &[false, false, false, false][..]));
        assert_eq!(state, [23.0, 24.0, 25.0, 0.0, 1.0, 2.0]);
        let Sequences { starts, .. } = recall.gather(&rollout, &[1, 4, 3, 6]);
        assert_eq!(starts, [true, true, false, false]);
    }
}
