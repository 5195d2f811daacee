//! Some neighbouring lanes of a batch with their rows of its transition.

use super::{Environment, Transition};
use crate::gantt::Bar;
use crate::process::{Action, Outcome, Process};
use crate::tensors::{Parts, front};

/// Numbers per lane, and the limit of steps.
#[derive(Clone, Copy)]
pub(super) struct Widths {
    pub features: usize,
    pub signals: usize,
    /// Number of choices, if the process masks them; otherwise 0.
    pub masked: usize,
    pub max_steps: u32,
}

/// Lanes `first..`: everything that a step of them reads and writes. Each slice is one row per lane; there are no schedules if
/// none are kept.
pub(super) struct Chunk<'a, P> {
    widths: Widths,
    first: usize,
    lanes: &'a mut [Environment<P>],
    observations: &'a mut [f32],
    signals: &'a mut [f32],
    current_signals: &'a mut [f32],
    outcomes: &'a mut [Outcome],
    final_observations: &'a mut [f32],
    allowed: &'a mut [bool],
    tensors: Parts<'a>,
    final_tensors: Parts<'a>,
    schedules: &'a mut [Vec<Bar>],
}

impl<'a, P: Process> Chunk<'a, P> {
    /// All lanes of a batch.
    pub fn whole(
        widths: Widths,
        lanes: &'a mut [Environment<P>],
        transition: &'a mut Transition,
        schedules: &'a mut [Vec<Bar>],
    ) -> Self {
        Self {
            widths,
            first: 0,
            lanes,
            observations: &mut transition.observations,
            signals: &mut transition.signals,
            current_signals: &mut transition.current_signals,
            outcomes: &mut transition.outcomes,
            final_observations: &mut transition.final_observations,
            allowed: &mut transition.allowed,
            tensors: Parts::of(&mut transition.tensors),
            final_tensors: Parts::of(&mut transition.final_tensors),
            schedules,
        }
    }

    /// Takes up to `lanes` lanes off the front; `None` if none is left.
    pub fn take(&mut self, lanes: usize) -> Option<Self> {
        let lanes = lanes.min(self.lanes.len());
        if lanes == 0 {
            return None;
        }
        let Widths { features, signals, masked, .. } = self.widths;
        let first = self.first;
        self.first += lanes;
        Some(Self {
            widths: self.widths,
            first,
            lanes: front(&mut self.lanes, lanes),
            observations: front(&mut self.observations, lanes * features),
            signals: front(&mut self.signals, lanes * signals),
            current_signals: front(&mut self.current_signals, lanes * signals),
            outcomes: front(&mut self.outcomes, lanes),
            final_observations: front(&mut self.final_observations, lanes * features),
            allowed: front(&mut self.allowed, lanes * masked),
            tensors: self.tensors.take(lanes),
            final_tensors: self.final_tensors.take(lanes),
            schedules: front(&mut self.schedules, lanes),
        })
    }

    /// Steps every lane in `steps` with its action from `action_of`; both count the batch's lanes. Then refreshes all masks: a
    /// lane that does not step may have a new parameter.
    ///
    /// Not inlined: one copy of each process's loop serves one core and several.
    #[inline(never)]
    pub fn step<'b>(mut self, action_of: &impl Fn(usize) -> Action<'b>, steps: &impl Fn(usize) -> bool) {
        let observations = std::mem::take(&mut self.observations);
        // An observation of tensors alone has no row. Rows that can have no width cost the other processes 5 % of a step.
        match self.widths.features {
            0 => self.step_rows(std::iter::repeat_with(Default::default), action_of, steps),
            features => self.step_rows(observations.chunks_exact_mut(features), action_of, steps),
        }
    }

    /// Steps the lanes; each writes its features into its row.
    fn step_rows<'b, 'o>(
        self,
        rows: impl Iterator<Item = &'o mut [f32]>,
        action_of: &impl Fn(usize) -> Action<'b>,
        steps: &impl Fn(usize) -> bool,
    ) {
        let Self {
            widths,
            first,
            lanes,
            observations: _,
            signals,
            current_signals,
            outcomes,
            final_observations,
            allowed,
            mut tensors,
            mut final_tensors,
            schedules,
        } = self;
        let Widths { features, signals: signals_wide, masked, max_steps } = widths;
        let rows = rows
            .zip(signals.chunks_exact_mut(signals_wide))
            .zip(current_signals.chunks_exact_mut(signals_wide))
            .zip(outcomes.iter_mut());
        for (row, (lane, (((observation, signals), current), outcome))) in
            lanes.iter_mut().zip(rows).enumerate()
        {
            let index = first + row;
            if !steps(index) {
                *outcome = Outcome::Running;
                continue;
            }
            *outcome = lane.process.step(action_of(index), &mut lane.random, observation, signals);
            lane.steps += 1;
            if *outcome == Outcome::Running && lane.steps >= max_steps {
                *outcome = Outcome::Truncated;
            }
            current.copy_from_slice(signals);
            if outcome.is_over() {
                final_observations[row * features..(row + 1) * features].copy_from_slice(observation);
                show(&lane.process, &mut final_tensors, row);
                if let Some(kept) = schedules.get_mut(row) {
                    *kept = lane.process.schedule();
                }
                lane.process.reset(&mut lane.random, observation, current);
                lane.steps = 0;
            }
        }
        if !tensors.is_empty() {
            // Apart from the steps, whose loop is short where a process has no tensors.
            for (row, lane) in lanes.iter().enumerate().filter(|(row, _)| steps(first + row)) {
                show(&lane.process, &mut tensors, row);
            }
        }
        if masked > 0 {
            for (lane, allowed) in lanes.iter().zip(allowed.chunks_exact_mut(masked)) {
                lane.process.mask(allowed);
            }
        }
    }
}

/// Writes the tensor parts of a process's present observation.
#[inline(always)]
fn show<P: Process>(process: &P, tensors: &mut Parts<'_>, row: usize) {
    for (part, tensor) in tensors.row(row).enumerate() {
        process.tensor(part, tensor);
    }
}
