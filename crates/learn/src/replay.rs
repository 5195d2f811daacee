//! The replay buffer of off-policy algorithms (Lin 1992): a ring over the last steps of every environment.
//!
//! Each observation is stored once: the next observation of a step is the observation of the following step. Only the last
//! observation of an episode is stored separately, so truncation is bootstrapped from the true final state. A transition
//! costs one observation, one action, one reward and one byte.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use setpoint_decision::spec::{TensorForm, TensorPart};
use setpoint_process::process::Outcome;
use setpoint_process::tensors::TensorRows;

use crate::mask_bits::{self, pack};

mod batch;
mod block;
mod mark;
pub mod priorities;
mod rows;
pub mod segments;

pub use batch::Batch;

/// What a buffer is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// Environments.
    pub lanes: usize,
    /// Numbers of an observation.
    pub features: usize,
    /// Axes of a continuous action; 0 for choices.
    pub axes: usize,
    /// Choices, where some may be forbidden; else 0.
    pub masked_choices: usize,
    /// Bytes of the tensor parts of an observation.
    pub tensor_bytes: usize,
}

impl Shape {
    /// Bytes of one transition.
    pub fn bytes_per_transition(&self) -> usize {
        let action = if self.axes == 0 { 4 } else { 4 * self.axes };
        4 * self.features + action + 4 + 1 + self.mask_bytes() + self.tensor_bytes
    }

    fn mask_bytes(&self) -> usize {
        mask_bits::bytes(self.masked_choices)
    }
}

/// What one step of every environment did.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// `[lanes]` indices, for discrete actions.
    pub choices: &'a [u32],
    /// `[lanes, axes]` on [−1, 1], for continuous ones.
    pub controls: &'a [f32],
    /// `[lanes]`
    pub rewards: &'a [f32],
    /// `[lanes]`
    pub outcomes: &'a [Outcome],
    /// `[lanes, features]`: what the next decision sees.
    pub observations: &'a [f32],
    /// `[lanes, features]`: last observations of the episodes that ended.
    pub final_observations: &'a [f32],
    /// `[lanes, choices]`: what the next decision may do; empty when nothing is forbidden.
    pub allowed: &'a [bool],
    /// The tensor parts of `observations`, a row per lane.
    pub tensors: &'a [TensorRows],
    /// The tensor parts of `final_observations`.
    pub final_tensors: &'a [TensorRows],
}

/// The ring. Slot `step % capacity` of every array holds that step of all lanes.
#[derive(Clone, Debug, PartialEq)]
pub struct Replay {
    shape: Shape,
    /// The tensor parts of an observation.
    forms: Vec<TensorForm>,
    capacity_steps: usize,
    /// Steps of all lanes that were ever added.
    steps: u64,
    observations: Vec<f32>,
    /// The tensor parts of each observation, one after another, as bytes.
    tensors: Vec<u8>,
    choices: Vec<u32>,
    controls: Vec<f32>,
    rewards: Vec<f32>,
    /// 0 running, 1 terminated, 2 truncated.
    outcomes: Vec<u8>,
    /// Bits: what each decision could do.
    allowed: Vec<u8>,
    /// Last observations of episodes, by `step × lanes + lane`.
    finals: BTreeMap<u64, Last>,
    /// Which of them were cut off after they may have been written: [`segments`] are not written again.
    cuts: BTreeSet<u64>,
    /// The newest observations and masks, which no action has followed yet.
    head: Head,
    /// The rows that the ring has overwritten since a mark.
    overwritten: Option<mark::Overwritten>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Head {
    observations: Vec<f32>,
    allowed: Vec<u8>,
    /// See [`ReplayState::tensors`].
    #[serde(skip)]
    tensors: Vec<u8>,
}

/// The last observation of an episode.
#[derive(Clone, Debug, Default, PartialEq)]
struct Last {
    features: Box<[f32]>,
    tensors: Box<[u8]>,
}

/// The small part that stands in a checkpoint; the rest is in the [`segments`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReplayState {
    steps: u64,
    head: Head,
    /// Last observations of the episodes that were cut off, by `step × lanes + lane`.
    cuts: Vec<(u64, Vec<f32>)>,
    /// The tensor parts of `cuts`. They and those of the head follow the state in a checkpoint, where observations have some:
    /// so a checkpoint of others is as it was before there were tensors.
    #[serde(skip)]
    cut_tensors: Vec<Vec<u8>>,
}

impl ReplayState {
    /// The tensor parts of its observations: of the newest ones, and of each that was cut off.
    pub fn tensors(&self) -> (&Vec<u8>, &Vec<Vec<u8>>) {
        (&self.head.tensors, &self.cut_tensors)
    }

    /// With the tensor parts that [`ReplayState::tensors`] gave.
    #[must_use]
    pub fn with_tensors(mut self, (head, cuts): (Vec<u8>, Vec<Vec<u8>>)) -> Self {
        self.head.tensors = head;
        self.cut_tensors = cuts;
        self
    }
}

impl Replay {
    /// For `buffer_size` transitions over all lanes (divided among them, as Stable-Baselines3 does).
    pub fn new(shape: Shape, buffer_size: usize) -> Self {
        let capacity_steps = (buffer_size / shape.lanes).max(1);
        let n = capacity_steps * shape.lanes;
        Self {
            capacity_steps,
            steps: 0,
            observations: vec![0.0; n * shape.features],
            forms: Vec::new(),
            tensors: vec![0; n * shape.tensor_bytes],
            choices: vec![0; if shape.axes == 0 { n } else { 0 }],
            controls: vec![0.0; n * shape.axes],
            rewards: vec![0.0; n],
            outcomes: vec![0; n],
            allowed: vec![0; n * shape.mask_bytes()],
            finals: BTreeMap::new(),
            cuts: BTreeSet::new(),
            head: Head {
                observations: vec![0.0; shape.lanes * shape.features],
                allowed: vec![0; shape.lanes * shape.mask_bytes()],
                tensors: vec![0; shape.lanes * shape.tensor_bytes],
            },
            overwritten: None,
            shape,
        }
    }

    /// With these tensor parts of an observation.
    ///
    /// # Panics
    /// If they have another number of bytes than the shape tells.
    #[must_use]
    pub fn with_tensors(self, parts: &[TensorPart]) -> Self {
        let forms: Vec<TensorForm> = parts.iter().map(|part| part.form).collect();
        let bytes: usize = forms.iter().map(|form| form.bytes()).sum();
        assert_eq!(bytes, self.shape.tensor_bytes, "the shape counts the bytes of these parts");
        Self { forms, ..self }
    }

    /// Transitions held.
    pub fn len(&self) -> usize {
        (self.steps as usize).min(self.capacity_steps) * self.shape.lanes
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.steps == 0
    }

    /// Transitions that it can hold.
    pub fn capacity(&self) -> usize {
        self.capacity_steps * self.shape.lanes
    }

    /// The newest place that a slot of the ring stands for.
    pub fn place_of(&self, slot: usize) -> u64 {
        let (capacity, end) = (self.capacity() as u64, self.steps * self.shape.lanes as u64);
        let round = (end.saturating_sub(slot as u64 + 1)) / capacity;
        slot as u64 + round * capacity
    }

    /// What it was made for.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Steps of all lanes that were ever added.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Begins with the first observations `[lanes, features]` and what they allow.
    pub fn begin(&mut self, observations: &[f32], tensors: &[TensorRows], allowed: &[bool]) {
        self.head.observations.copy_from_slice(observations);
        pack_tensors(tensors, &mut self.head.tensors);
        pack(allowed, self.shape.masked_choices, &mut self.head.allowed);
    }

    /// Continues with other episodes, at these first observations: the open episodes are truncated.
    pub fn cut_off(&mut self, observations: &[f32], tensors: &[TensorRows], allowed: &[bool]) {
        let lanes = self.shape.lanes;
        if self.steps > 0 {
            let first = (self.steps - 1) * lanes as u64;
            for lane in 0..lanes {
                let last = self.head_of(lane);
                let place = first + lane as u64;
                let outcome = &mut self.outcomes[(place % (self.capacity_steps * lanes) as u64) as usize];
                if *outcome == RUNNING {
                    *outcome = TRUNCATED;
                    self.finals.insert(place, last);
                    self.cuts.insert(place);
                }
            }
        }
        self.begin(observations, tensors, allowed);
    }

    /// The newest observation of a lane.
    fn head_of(&self, lane: usize) -> Last {
        let Shape { features, tensor_bytes, .. } = self.shape;
        Last {
            features: self.head.observations[lane * features..(lane + 1) * features].into(),
            tensors: self.head.tensors[lane * tensor_bytes..(lane + 1) * tensor_bytes].into(),
        }
    }

    /// Cuts off again what was cut off before a checkpoint.
    fn cut_again(&mut self, cuts: Vec<(u64, Vec<f32>)>, tensors: Vec<Vec<u8>>) {
        let slots = (self.capacity_steps * self.shape.lanes) as u64;
        let tensors =
            tensors.into_iter().map(Vec::into_boxed_slice).chain(std::iter::repeat_with(Box::default));
        for ((place, last), tensors) in cuts.into_iter().zip(tensors) {
            self.outcomes[(place % slots) as usize] = TRUNCATED;
            self.finals.insert(place, Last { features: last.into_boxed_slice(), tensors });
            self.cuts.insert(place);
        }
    }

    /// Adds a step of every lane; the oldest one makes room.
    pub fn add(&mut self, step: Step<'_>) {
        let Shape { lanes, features, axes, masked_choices, tensor_bytes } = self.shape;
        let slot = (self.steps % self.capacity_steps as u64) as usize;
        self.remember_oldest();
        if self.steps >= self.capacity_steps as u64 {
            let gone = (self.steps - self.capacity_steps as u64) * lanes as u64;
            while self.finals.first_key_value().is_some_and(|(place, _)| *place < gone + lanes as u64) {
                self.finals.pop_first();
            }
            while self.cuts.first().is_some_and(|place| *place < gone + lanes as u64) {
                self.cuts.pop_first();
            }
        }
        let row = |width: usize| slot * lanes * width..(slot + 1) * lanes * width;
        self.observations[row(features)].copy_from_slice(&self.head.observations);
        self.tensors[row(tensor_bytes)].copy_from_slice(&self.head.tensors);
        self.allowed[row(self.shape.mask_bytes())].copy_from_slice(&self.head.allowed);
        if axes == 0 {
            self.choices[row(1)].copy_from_slice(step.choices);
        } else {
            self.controls[row(axes)].copy_from_slice(step.controls);
        }
        self.rewards[row(1)].copy_from_slice(step.rewards);
        for (lane, outcome) in step.outcomes.iter().enumerate() {
            self.outcomes[slot * lanes + lane] = *outcome as u8;
            if outcome.is_over() {
                let features = &step.final_observations[lane * features..(lane + 1) * features];
                let mut tensors = vec![0; tensor_bytes].into_boxed_slice();
                pack_row(step.final_tensors, lane, &mut tensors);
                let last = Last { features: features.into(), tensors };
                self.finals.insert(self.steps * lanes as u64 + lane as u64, last);
            }
        }
        self.head.observations.copy_from_slice(step.observations);
        pack_tensors(step.tensors, &mut self.head.tensors);
        pack(step.allowed, masked_choices, &mut self.head.allowed);
        self.steps += 1;
    }

    fn index(&self, place: u64) -> usize {
        (place % self.capacity() as u64) as usize
    }

    /// The part for a checkpoint.
    pub fn state(&self) -> ReplayState {
        let cut = |place: &u64| (*place, self.finals[place].features.to_vec());
        ReplayState {
            steps: self.steps,
            head: self.head.clone(),
            cuts: self.cuts.iter().map(cut).collect(),
            cut_tensors: self.cuts.iter().map(|place| self.finals[place].tensors.to_vec()).collect(),
        }
    }
}

/// The tensor parts of every row, one after another.
fn pack_tensors(parts: &[TensorRows], bytes: &mut [u8]) {
    let of_row: usize = parts.iter().map(TensorRows::bytes).sum();
    for (row, bytes) in bytes.chunks_exact_mut(of_row.max(1)).enumerate() {
        pack_row(parts, row, bytes);
    }
}

/// The tensor parts of one row, one after another.
fn pack_row(parts: &[TensorRows], row: usize, mut bytes: &mut [u8]) {
    for part in parts {
        let (own, rest) = bytes.split_at_mut(part.bytes());
        part.write_bytes(row, own);
        bytes = rest;
    }
}

const RUNNING: u8 = Outcome::Running as u8;
const TERMINATED: u8 = Outcome::Terminated as u8;
const TRUNCATED: u8 = Outcome::Truncated as u8;

#[cfg(test)]
mod tests {
    use super::*;
    use setpoint_random::Stream;

    const SHAPE: Shape = Shape { lanes: 2, features: 1, axes: 0, masked_choices: 3, tensor_bytes: 0 };

    /// Lane 0 counts 0, 1, 2 …; lane 1 counts 100, 101 …; episodes of lane 1 end every three steps, in turn truncated
    /// and terminated, and continue at the next number.
    fn filled(capacity: usize, steps: u64) -> Replay {
        let mut replay = Replay::new(SHAPE, capacity);
        replay.begin(&[0.0, 100.0], &[], &[true; 6]);
        for t in 0..steps {
            let ends = t % 3 == 2;
            let outcome = match (ends, t % 6 == 2) {
                (false, _) => Outcome::Running,
                (true, true) => Outcome::Truncated,
                (true, false) => Outcome::Terminated,
            };
            let next = t as f32 + 1.0;
            let odd = (t + 1) % 2 == 1;
            replay.add(Step {
                choices: &[(t % 3) as u32, 1],
                controls: &[],
                rewards: &[t as f32, 10.0],
                outcomes: &[Outcome::Running, outcome],
                observations: &[next, 100.0 + next],
                final_observations: &[0.0, 1000.0 + next],
                allowed: &[true, odd, !odd, true, true, true],
                tensors: &[],
                final_tensors: &[],
            });
        }
        replay
    }

    fn at(replay: &Replay, place: u64, n_steps: usize) -> Batch {
        let mut batch = Batch { places: vec![place], ..Batch::default() };
        replay.gather(n_steps, 0.5, &mut batch);
        batch
    }

    #[test]
    fn a_transition_has_the_next_observation_of_its_own_lane() {
        let replay = filled(20, 7);
        let batch = at(&replay, 2 * 3, 1);
        assert_eq!((batch.observations[0], batch.next_observations[0], batch.rewards[0]), (3.0, 4.0, 3.0));
        assert_eq!((batch.discounts[0], batch.choices[0]), (0.5, 0));
        assert_eq!(batch.next_allowed, [true, false, true]);
        // The newest one leads to the head.
        let batch = at(&replay, 2 * 6, 1);
        assert_eq!((batch.observations[0], batch.next_observations[0]), (6.0, 7.0));
        assert_eq!(batch.next_allowed, [true, true, false]);
    }

    #[test]
    fn episodes_that_are_cut_off_end_at_their_last_observation() {
        let mut replay = filled(20, 7);
        replay.cut_off(&[50.0, 150.0], &[], &[true; 6]);
        let batch = at(&replay, 2 * 6, 3);
        assert_eq!((batch.next_observations[0], batch.discounts[0], batch.rewards[0]), (7.0, 0.5, 6.0));
        let step = Step {
            choices: &[1, 1],
            controls: &[],
            rewards: &[1.0, 1.0],
            outcomes: &[Outcome::Running; 2],
            observations: &[51.0, 151.0],
            final_observations: &[0.0; 2],
            allowed: &[true; 6],
            tensors: &[],
            final_tensors: &[],
        };
        replay.add(step);
        let batch = at(&replay, 2 * 6, 3);
        assert_eq!((batch.next_observations[0], batch.discounts[0]), (7.0, 0.5));
        let batch = at(&replay, 2 * 7, 1);
        assert_eq!((batch.observations[0], batch.next_observations[0]), (50.0, 51.0));
    }

    #[test]
    fn truncation_is_bootstrapped_from_the_final_observation_and_termination_is_not() {
        let replay = filled(20, 7);
        let truncated = at(&replay, 2 * 2 + 1, 1);
        assert_eq!((truncated.next_observations[0], truncated.discounts[0]), (1003.0, 0.5));
        assert_eq!(truncated.next_allowed, [true; 3]);
        let terminated = at(&replay, 2 * 5 + 1, 1);
        assert_eq!(terminated.discounts[0], 0.0);
    }

    #[test]
    fn several_steps_stop_at_the_end_of_an_episode_and_at_the_newest() {
        let replay = filled(20, 7);
        // Lane 0 from t = 3: 3 + 4/2 + 5/4, then the value of 6 at 1/8.
        let batch = at(&replay, 2 * 3, 3);
        assert_eq!((batch.rewards[0], batch.discounts[0], batch.next_observations[0]), (6.25, 0.125, 6.0));
        // Lane 1 from t = 1 is truncated after two steps.
        let batch = at(&replay, 2 + 1, 3);
        assert_eq!((batch.rewards[0], batch.discounts[0], batch.next_observations[0]), (15.0, 0.25, 1003.0));
        // Lane 1 from t = 4 terminates after two steps.
        let batch = at(&replay, 2 * 4 + 1, 3);
        assert_eq!((batch.rewards[0], batch.discounts[0]), (15.0, 0.0));
        // Lane 0 from t = 6, the newest: one step is all there is.
        let batch = at(&replay, 2 * 6, 3);
        assert_eq!((batch.rewards[0], batch.discounts[0], batch.next_observations[0]), (6.0, 0.5, 7.0));
    }

    #[test]
    fn the_ring_forgets_the_oldest_and_draws_only_what_it_holds() {
        let replay = filled(8, 41);
        assert_eq!((replay.len(), replay.capacity()), (8, 8));
        assert!(replay.finals.keys().all(|place| *place >= 2 * 37));
        let mut batch = Batch::default();
        let mut random = Stream::new(1, "test", 0);
        let mut seen = [0; 4];
        replay.sample(4_000, 1, 0.9, &mut random, &mut batch);
        for row in 0..batch.rows {
            let t = (batch.places[row] / 2) as f32;
            let expected = if batch.places[row] % 2 == 0 { t } else { 100.0 + t };
            assert_eq!(batch.observations[row], expected);
            seen[(batch.places[row] / 2 - 37) as usize] += 1;
        }
        // Each of four steps in 1,000 ± 5 standard errors.
        assert!(seen.iter().all(|n| (860..=1_140).contains(n)), "{seen:?}");
    }

    #[test]
    fn a_slot_stands_for_its_newest_place() {
        let replay = filled(8, 41);
        for place in 2 * 37..2 * 41 {
            assert_eq!(replay.place_of((place % 8) as usize), place);
        }
        let replay = filled(20, 3);
        assert_eq!((0..6).map(|slot| replay.place_of(slot)).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn a_transition_is_compact() {
        let pendulum = Shape { lanes: 1, features: 3, axes: 1, masked_choices: 0, tensor_bytes: 0 };
        assert_eq!(pendulum.bytes_per_transition(), 12 + 4 + 4 + 1);
        assert_eq!(SHAPE.bytes_per_transition(), 4 + 4 + 4 + 1 + 1);
        // Frames are shared between neighbours: an image costs its own bytes, once.
        let image = TensorForm::Image { height: 84, width: 84, channels: 4 }.bytes();
        let shape = Shape { lanes: 1, features: 0, axes: 0, masked_choices: 0, tensor_bytes: image };
        assert_eq!(shape.bytes_per_transition(), 84 * 84 * 4 + 4 + 4 + 1);
    }
}
