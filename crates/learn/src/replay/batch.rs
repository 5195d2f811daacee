//! Transitions drawn from a replay buffer, each over one or several steps.

use setpoint_evidence::tensor_views::TensorViews;
use setpoint_process::tensors::TensorRows;
use setpoint_random::Stream;

use super::{RUNNING, Replay, Shape, TERMINATED, TRUNCATED};
use crate::mask_bits::unpack;

/// Transitions drawn from a buffer, one a row; buffers are kept between draws.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Rows.
    pub rows: usize,
    /// `[rows]` where each came from: `step × lanes + lane`.
    pub places: Vec<u64>,
    /// `[rows, features]`
    pub observations: Vec<f32>,
    /// The tensor parts of `observations`, and of `next_observations`.
    pub tensors: Vec<TensorRows>,
    /// See `tensors`.
    pub next_tensors: Vec<TensorRows>,
    /// `[rows, groups]` a choice of each group.
    pub choices: Vec<u32>,
    /// `[rows, axes]` settings on [−1, 1].
    pub controls: Vec<f32>,
    /// `[rows]` Σ γᵏ r over up to n steps.
    pub rewards: Vec<f32>,
    /// `[rows, features]` after these steps.
    pub next_observations: Vec<f32>,
    /// `[rows]` what the value of that state counts: γᵏ, or 0 after a termination.
    pub discounts: Vec<f32>,
    /// `[rows, choices]` what could be done at first; empty when nothing is ever forbidden.
    pub allowed: Vec<bool>,
    /// `[rows, choices]` what may be done there; empty when nothing is ever forbidden. After an episode was cut off
    /// everything counts as allowed: the environment has moved on, so its mask is not known any more.
    pub next_allowed: Vec<bool>,
    /// `[rows]` importance weights; 1 unless the draw is prioritised.
    pub weights: Vec<f32>,
}

/// Views of the tensor parts of a batch.
pub struct Views<'a> {
    /// Of `observations`.
    pub now: TensorViews<'a>,
    /// Of `next_observations`.
    pub next: TensorViews<'a>,
}

impl Batch {
    /// Its tensor parts, as a network reads them.
    pub fn views(&self) -> Views<'_> {
        Views { now: TensorViews::of(&self.tensors), next: TensorViews::of(&self.next_tensors) }
    }
}

#[cfg(test)]
impl Batch {
    /// Random numbers in the shape of a process with continuous actions.
    pub(crate) fn for_tests(rows: usize, spec: &setpoint_decision::spec::Spec) -> Self {
        let mut random = Stream::new(0, "test batch", 0);
        let mut drawn =
            |n: usize, scale: f32| -> Vec<f32> { (0..n).map(|_| scale * random.normal()).collect() };
        let (features, axes) = (spec.observation.len(), spec.action.len());
        Self {
            rows,
            observations: drawn(rows * features, 1.0),
            controls: drawn(rows * axes, 0.5).into_iter().map(f32::tanh).collect(),
            rewards: drawn(rows, 1.0),
            next_observations: drawn(rows * features, 1.0),
            discounts: vec![0.9; rows],
            weights: vec![1.0; rows],
            ..Self::default()
        }
    }
}

impl Replay {
    /// Draws `rows` transitions evenly, with replacement, each over up to `n_steps` steps.
    pub fn sample(&self, rows: usize, n_steps: usize, gamma: f64, random: &mut Stream, batch: &mut Batch) {
        let held = (self.steps as usize).min(self.capacity_steps) * self.shape.lanes;
        let oldest = (self.steps as usize * self.shape.lanes - held) as u64;
        batch.places.clear();
        batch.places.extend((0..rows).map(|_| oldest + u64::from(random.below(held as u32))));
        batch.weights.clear();
        batch.weights.resize(rows, 1.0);
        self.gather(n_steps, gamma, batch);
    }

    /// Fills a batch for the places that it names.
    pub fn gather(&self, n_steps: usize, gamma: f64, batch: &mut Batch) {
        let Shape { features, axes, masked_choices, tensor_bytes, .. } = self.shape;
        let rows = batch.places.len();
        batch.rows = rows;
        self.make_room_for_tensors(batch);
        batch.observations.resize(rows * features, 0.0);
        batch.next_observations.resize(rows * features, 0.0);
        batch.choices.resize(if axes == 0 { rows } else { 0 }, 0);
        batch.controls.resize(rows * axes, 0.0);
        batch.rewards.resize(rows, 0.0);
        batch.discounts.resize(rows, 0.0);
        batch.next_allowed.resize(rows * masked_choices, true);
        batch.allowed.resize(rows * masked_choices, true);
        let bytes = self.shape.mask_bytes();
        for row in 0..rows {
            let place = batch.places[row];
            let index = self.index(place);
            let to = row * features..(row + 1) * features;
            batch.observations[to.clone()]
                .copy_from_slice(&self.observations[index * features..(index + 1) * features]);
            if axes == 0 {
                batch.choices[row] = self.choices[index];
            } else {
                batch.controls[row * axes..(row + 1) * axes]
                    .copy_from_slice(&self.controls[index * axes..(index + 1) * axes]);
            }
            let (reward, discount, last) = self.follow(place, n_steps, gamma);
            batch.rewards[row] = reward;
            batch.discounts[row] = discount;
            let (next, next_tensors, allowed) = self.after(last);
            batch.next_observations[to].copy_from_slice(next);
            let own = &self.tensors[index * tensor_bytes..(index + 1) * tensor_bytes];
            unpack_row(own, row, &mut batch.tensors);
            unpack_row(next_tensors, row, &mut batch.next_tensors);
            let mask = &mut batch.allowed[row * masked_choices..(row + 1) * masked_choices];
            unpack(&self.allowed[index * bytes..(index + 1) * bytes], mask);
            let mask = &mut batch.next_allowed[row * masked_choices..(row + 1) * masked_choices];
            match allowed {
                Some(bits) => unpack(bits, mask),
                None => mask.fill(true),
            }
        }
    }

    /// Discounted rewards over up to `n_steps` steps, what the state after them counts, and the last of them.
    fn follow(&self, first: u64, n_steps: usize, gamma: f64) -> (f32, f32, u64) {
        let lanes = self.shape.lanes as u64;
        let (mut sum, mut discount, mut place) = (0.0, 1.0, first);
        for taken in 1..=n_steps {
            let index = self.index(place);
            sum += discount * f64::from(self.rewards[index]);
            discount *= gamma;
            match self.outcomes[index] {
                TERMINATED => return (sum as f32, 0.0, place),
                TRUNCATED => break,
                _ if taken == n_steps || place + lanes >= self.steps * lanes => break,
                _ => place += lanes,
            }
        }
        (sum as f32, discount as f32, place)
    }

    /// Buffers for the tensor parts of a batch's rows.
    fn make_room_for_tensors(&self, batch: &mut Batch) {
        for parts in [&mut batch.tensors, &mut batch.next_tensors] {
            if parts.len() != self.forms.len() {
                *parts = self.forms.iter().map(|form| TensorRows::new(*form, 0)).collect();
            }
            parts.iter_mut().for_each(|rows| rows.resize(batch.rows));
        }
    }

    /// The observation after a step, its tensor parts, and its mask where that is known.
    fn after(&self, place: u64) -> (&[f32], &[u8], Option<&[u8]>) {
        let Shape { lanes, features, tensor_bytes, .. } = self.shape;
        let bytes = self.shape.mask_bytes();
        // Most steps end no episode: the map is asked only for those that do.
        if self.outcomes[self.index(place)] != RUNNING
            && let Some(last) = self.finals.get(&place)
        {
            return (&last.features, &last.tensors, None);
        }
        let next = place + lanes as u64;
        if next >= self.steps * lanes as u64 {
            let lane = (place % lanes as u64) as usize;
            let observation = &self.head.observations[lane * features..(lane + 1) * features];
            let tensors = &self.head.tensors[lane * tensor_bytes..(lane + 1) * tensor_bytes];
            return (observation, tensors, Some(&self.head.allowed[lane * bytes..(lane + 1) * bytes]));
        }
        let index = self.index(next);
        let observation = &self.observations[index * features..(index + 1) * features];
        let tensors = &self.tensors[index * tensor_bytes..(index + 1) * tensor_bytes];
        (observation, tensors, Some(&self.allowed[index * bytes..(index + 1) * bytes]))
    }
}

/// Reads the tensor parts of one row, one after another.
fn unpack_row(mut bytes: &[u8], row: usize, parts: &mut [TensorRows]) {
    for part in parts {
        let (own, rest) = bytes.split_at(part.bytes());
        part.read_bytes(row, own);
        bytes = rest;
    }
}
