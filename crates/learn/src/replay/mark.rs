//! A mark in a replay buffer: the buffer remembers the rows that later steps overwrite, so that it can go back to the mark.

use super::{Replay, ReplayState, Shape};

/// The rows since a mark that the ring has overwritten, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Overwritten {
    /// Steps at the mark.
    steps: u64,
    observations: Vec<f32>,
    choices: Vec<u32>,
    controls: Vec<f32>,
    rewards: Vec<f32>,
    outcomes: Vec<u8>,
    allowed: Vec<u8>,
    /// Last observations that were dropped with these rows.
    finals: Vec<(u64, Box<[f32]>)>,
}

impl Replay {
    /// Marks the present steps for [`Replay::go_back`]. A later mark replaces an earlier mark.
    pub fn mark(&mut self) {
        let mut mark = self.overwritten.take().unwrap_or_default();
        mark.steps = self.steps;
        mark.observations.clear();
        mark.choices.clear();
        mark.controls.clear();
        mark.rewards.clear();
        mark.outcomes.clear();
        mark.allowed.clear();
        mark.finals.clear();
        self.overwritten = Some(mark);
    }

    /// Remembers the row that the next step overwrites, if the mark needs it.
    pub(super) fn remember_oldest(&mut self) {
        let capacity = self.capacity_steps as u64;
        let Some(mark) = self.overwritten.as_mut() else { return };
        let Some(oldest) = self.steps.checked_sub(capacity).filter(|oldest| *oldest < mark.steps) else {
            return;
        };
        let Shape { lanes, features, axes, .. } = self.shape;
        let slot = (oldest % capacity) as usize;
        let row = |width: usize| slot * lanes * width..(slot + 1) * lanes * width;
        mark.observations.extend_from_slice(&self.observations[row(features)]);
        mark.choices.extend_from_slice(&self.choices[row(usize::from(axes == 0))]);
        mark.controls.extend_from_slice(&self.controls[row(axes)]);
        mark.rewards.extend_from_slice(&self.rewards[row(1)]);
        mark.outcomes.extend_from_slice(&self.outcomes[row(1)]);
        mark.allowed.extend_from_slice(&self.allowed[row(self.shape.mask_bytes())]);
        let places = oldest * lanes as u64..(oldest + 1) * lanes as u64;
        mark.finals.extend(self.finals.range(places).map(|(place, last)| (*place, last.clone())));
    }

    /// Goes back to the mark, at which the buffer had this state. `false` if there is no such mark.
    pub fn go_back(&mut self, state: ReplayState) -> bool {
        let Some(mark) = self.overwritten.take().filter(|mark| mark.steps == state.steps) else {
            return false;
        };
        let Shape { lanes, features, axes, .. } = self.shape;
        let (capacity, bytes) = (self.capacity_steps as u64, self.shape.mask_bytes());
        let oldest = mark.steps.saturating_sub(capacity);
        for index in 0..mark.rewards.len() / lanes {
            let slot = ((oldest + index as u64) % capacity) as usize;
            let to = |width: usize| slot * lanes * width..(slot + 1) * lanes * width;
            let from = |width: usize| index * lanes * width..(index + 1) * lanes * width;
            let choice = usize::from(axes == 0);
            self.observations[to(features)].copy_from_slice(&mark.observations[from(features)]);
            self.choices[to(choice)].copy_from_slice(&mark.choices[from(choice)]);
            self.controls[to(axes)].copy_from_slice(&mark.controls[from(axes)]);
            self.rewards[to(1)].copy_from_slice(&mark.rewards[from(1)]);
            self.outcomes[to(1)].copy_from_slice(&mark.outcomes[from(1)]);
            self.allowed[to(bytes)].copy_from_slice(&mark.allowed[from(bytes)]);
        }
        let end = state.steps * lanes as u64;
        self.finals.split_off(&end);
        self.finals.extend(mark.finals);
        self.cuts.clear();
        self.steps = state.steps;
        self.head = state.head;
        self.cut_again(state.cuts);
        true
    }
}

#[cfg(test)]
mod tests {
    use setpoint_process::process::Outcome;

    use super::super::Step;
    use super::*;

    const SHAPE: Shape = Shape { lanes: 2, features: 1, axes: 1, masked_choices: 0 };

    fn add(replay: &mut Replay, t: u64) {
        let number = t as f32;
        let over = if t % 3 == 1 { Outcome::Truncated } else { Outcome::Running };
        replay.add(Step {
            choices: &[],
            controls: &[0.5 * number, -number],
            rewards: &[number, 2.0 * number],
            outcomes: &[Outcome::Running, over],
            observations: &[number + 1.0, number + 51.0],
            final_observations: &[0.0, number + 900.0],
            allowed: &[],
        });
    }

    /// Fewer steps than the ring holds, as many, and several rounds of the ring after the mark.
    #[test]
    fn the_buffer_goes_back_to_its_mark_whatever_was_overwritten() {
        for before in [0, 3, 5, 9, 14] {
            for after in [0, 1, 4, 5, 13] {
                let mut replay = Replay::new(SHAPE, 10);
                replay.begin(&[0.0, 50.0], &[]);
                (0..before).for_each(|t| add(&mut replay, t));
                if before == 9 {
                    replay.cut_off(&[7.0, 57.0], &[]);
                }
                let (expected, state) = (replay.clone(), replay.state());
                replay.mark();
                (before..before + after).for_each(|t| add(&mut replay, 100 + t));
                assert!(replay.go_back(state));
                let held = expected.len();
                assert_eq!(
                    (replay.steps, &replay.head, &replay.finals, &replay.cuts),
                    (expected.steps, &expected.head, &expected.finals, &expected.cuts)
                );
                // Slots that the mark did not hold keep later rows; nothing reads them.
                assert_eq!(replay.rewards[..held], expected.rewards[..held], "{before} {after}");
                assert_eq!(replay.controls[..held], expected.controls[..held]);
                assert_eq!(replay.observations[..held], expected.observations[..held]);
                assert_eq!(replay.outcomes[..held], expected.outcomes[..held]);
            }
        }
    }

    #[test]
    fn another_state_is_no_mark() {
        let mut replay = Replay::new(SHAPE, 10);
        replay.begin(&[0.0, 50.0], &[]);
        let state = replay.state();
        assert!(!replay.go_back(state.clone()), "no mark");
        add(&mut replay, 0);
        replay.mark();
        assert!(!replay.go_back(state), "the mark is later");
    }
}
