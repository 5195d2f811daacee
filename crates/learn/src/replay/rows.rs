//! Some steps of a replay buffer, copied out of its ring: for a segment on disk, and for a mark to go back to.

use serde::{Deserialize, Serialize};

use super::{Last, Replay, Shape};

/// Some steps of every lane, oldest first, as the columns of the ring. Segments store the fields in this order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Rows {
    pub first_step: u64,
    observations: Vec<f32>,
    choices: Vec<u32>,
    controls: Vec<f32>,
    rewards: Vec<f32>,
    outcomes: Vec<u8>,
    allowed: Vec<u8>,
    /// Last observations of the episodes that ended in these steps, by `step × lanes + lane`.
    finals: Vec<(u64, Vec<f32>)>,
    /// The tensor parts of the observations, and of the last ones. They follow the other columns in a segment, where
    /// observations have some: so a segment of others is as it was before there were tensors.
    #[serde(skip)]
    tensors: Tensors,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Tensors {
    all: Vec<u8>,
    /// In the order of the last observations.
    finals: Vec<Vec<u8>>,
}

impl Rows {
    /// No steps; memory is kept for the next ones.
    pub fn clear(&mut self) {
        self.observations.clear();
        self.choices.clear();
        self.controls.clear();
        self.rewards.clear();
        self.outcomes.clear();
        self.allowed.clear();
        self.finals.clear();
        self.tensors.all.clear();
        self.tensors.finals.clear();
    }

    /// The payload of a block.
    pub fn to_bytes(&self, shape: Shape) -> Vec<u8> {
        let serialises = "plain data of known length serialises";
        let mut bytes = postcard::to_stdvec(self).expect(serialises);
        if shape.tensor_bytes > 0 {
            bytes = postcard::to_extend(&self.tensors, bytes).expect(serialises);
        }
        bytes
    }

    /// The payload that [`Rows::to_bytes`] wrote; `None` if it is another.
    pub fn from_bytes(bytes: &[u8], shape: Shape) -> Option<Self> {
        let (mut rows, rest) = postcard::take_from_bytes::<Self>(bytes).ok()?;
        if shape.tensor_bytes > 0 {
            rows.tensors = postcard::from_bytes(rest).ok()?;
        }
        Some(rows)
    }

    /// Whether there are no steps.
    pub fn is_empty(&self) -> bool {
        self.rewards.is_empty()
    }

    /// Number of steps.
    pub fn steps(&self, shape: Shape) -> u64 {
        (self.rewards.len() / shape.lanes) as u64
    }

    /// Whether every column has the length that a buffer of this shape needs.
    pub fn fits(&self, shape: Shape) -> bool {
        let n = self.rewards.len();
        n.is_multiple_of(shape.lanes)
            && self.observations.len() == n * shape.features
            && self.choices.len() == if shape.axes == 0 { n } else { 0 }
            && self.controls.len() == n * shape.axes
            && self.outcomes.len() == n
            && self.allowed.len() == n * shape.mask_bytes()
            && self.finals.iter().all(|(_, last)| last.len() == shape.features)
            && self.tensors.all.len() == n * shape.tensor_bytes
            && (shape.tensor_bytes == 0 || self.tensors.finals.len() == self.finals.len())
            && self.tensors.finals.iter().all(|last| last.len() == shape.tensor_bytes)
    }
}

impl Replay {
    /// The steps from `first` on.
    pub(super) fn rows_from(&self, first: u64) -> Rows {
        let mut rows = Rows { first_step: first, ..Rows::default() };
        (first..self.steps).for_each(|step| self.copy_step(step, &mut rows));
        rows
    }

    /// Appends a step that the ring holds.
    pub(super) fn copy_step(&self, step: u64, rows: &mut Rows) {
        let Shape { lanes, features, axes, tensor_bytes, .. } = self.shape;
        let slot = (step % self.capacity_steps as u64) as usize;
        let row = |width: usize| slot * lanes * width..(slot + 1) * lanes * width;
        rows.tensors.all.extend_from_slice(&self.tensors[row(tensor_bytes)]);
        rows.observations.extend_from_slice(&self.observations[row(features)]);
        rows.choices.extend_from_slice(&self.choices[row(usize::from(axes == 0))]);
        rows.controls.extend_from_slice(&self.controls[row(axes)]);
        rows.rewards.extend_from_slice(&self.rewards[row(1)]);
        rows.outcomes.extend_from_slice(&self.outcomes[row(1)]);
        rows.allowed.extend_from_slice(&self.allowed[row(self.shape.mask_bytes())]);
        let places = step * lanes as u64..(step + 1) * lanes as u64;
        for (place, Last { features, tensors }) in self.finals.range(places) {
            rows.finals.push((*place, features.to_vec()));
            rows.tensors.finals.push(tensors.to_vec());
        }
    }

    /// Puts steps from `wanted_from` on where they belong in the ring.
    pub(super) fn put(&mut self, rows: &Rows, wanted_from: u64) {
        let Shape { lanes, features, axes, tensor_bytes, .. } = self.shape;
        let bytes = self.shape.mask_bytes();
        for offset in 0..rows.rewards.len() / lanes {
            let step = rows.first_step + offset as u64;
            if step < wanted_from {
                continue;
            }
            let slot = (step % self.capacity_steps as u64) as usize;
            let to = |width: usize| slot * lanes * width..(slot + 1) * lanes * width;
            let from = |width: usize| offset * lanes * width..(offset + 1) * lanes * width;
            let choice = usize::from(axes == 0);
            self.observations[to(features)].copy_from_slice(&rows.observations[from(features)]);
            self.tensors[to(tensor_bytes)].copy_from_slice(&rows.tensors.all[from(tensor_bytes)]);
            self.choices[to(choice)].copy_from_slice(&rows.choices[from(choice)]);
            self.controls[to(axes)].copy_from_slice(&rows.controls[from(axes)]);
            self.rewards[to(1)].copy_from_slice(&rows.rewards[from(1)]);
            self.outcomes[to(1)].copy_from_slice(&rows.outcomes[from(1)]);
            self.allowed[to(bytes)].copy_from_slice(&rows.allowed[from(bytes)]);
        }
        for (index, (place, last)) in rows.finals.iter().enumerate() {
            if *place >= wanted_from * lanes as u64 {
                let tensors = rows.tensors.finals.get(index).map(|tensors| tensors.as_slice().into());
                let last = Last { features: last.as_slice().into(), tensors: tensors.unwrap_or_default() };
                self.finals.insert(*place, last);
            }
        }
    }
}
