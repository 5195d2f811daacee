//! A mark in a replay buffer: the buffer remembers the rows that later steps overwrite, so that it can go back to the mark.

use super::rows::Rows;
use super::{Replay, ReplayState};

/// The rows since a mark that the ring has overwritten.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Overwritten {
    /// Steps at the mark.
    steps: u64,
    rows: Rows,
}

impl Replay {
    /// Marks the present steps for [`Replay::go_back`]. A later mark replaces an earlier mark.
    pub fn mark(&mut self) {
        let mark = self.overwritten.get_or_insert_default();
        mark.steps = self.steps;
        mark.rows.clear();
    }

    /// Remembers the row that the next step overwrites, if the mark needs it.
    pub(super) fn remember_oldest(&mut self) {
        let Some(oldest) = self.steps.checked_sub(self.capacity_steps as u64) else { return };
        let Some(mut mark) = self.overwritten.take_if(|mark| oldest < mark.steps) else { return };
        if mark.rows.is_empty() {
            mark.rows.first_step = oldest;
        }
        self.copy_step(oldest, &mut mark.rows);
        self.overwritten = Some(mark);
    }

    /// Goes back to the mark, at which the buffer had this state. `false` if there is no such mark.
    pub fn go_back(&mut self, state: ReplayState) -> bool {
        let Some(mark) = self.overwritten.take().filter(|mark| mark.steps == state.steps) else {
            return false;
        };
        self.finals.split_off(&(state.steps * self.shape.lanes as u64));
        self.put(&mark.rows, 0);
        self.cuts.clear();
        self.steps = state.steps;
        self.head = state.head;
        self.cut_again(state.cuts, state.cut_tensors);
        true
    }
}

#[cfg(test)]
mod tests {
    use setpoint_process::process::Outcome;

    use super::super::{Shape, Step};
    use super::*;

    const SHAPE: Shape = Shape { lanes: 2, features: 1, axes: 1, masked_choices: 0, tensor_bytes: 0 };

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
            tensors: &[],
            final_tensors: &[],
        });
    }

    /// Fewer steps than the ring holds, as many, and several rounds of the ring after the mark.
    #[test]
    fn the_buffer_goes_back_to_its_mark_whatever_was_overwritten() {
        for before in [0, 3, 5, 9, 14] {
            for after in [0, 1, 4, 5, 13] {
                let mut replay = Replay::new(SHAPE, 10);
                replay.begin(&[0.0, 50.0], &[], &[]);
                (0..before).for_each(|t| add(&mut replay, t));
                if before == 9 {
                    replay.cut_off(&[7.0, 57.0], &[], &[]);
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
        replay.begin(&[0.0, 50.0], &[], &[]);
        let state = replay.state();
        assert!(!replay.go_back(state.clone()), "no mark");
        add(&mut replay, 0);
        replay.mark();
        assert!(!replay.go_back(state), "the mark is later");
    }
}
