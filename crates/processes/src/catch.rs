//! `catch`: move a tray under a falling part that only a camera sees (source: the Catch task of Mnih et al. 2014, "Recurrent
//! models of visual attention", in the form of bsuite, Osband et al. 2020).
//!
//! The field has 12 × 12 places. A part falls from a random place of the top row, one row a step; the tray begins at a random
//! place of the bottom row and moves one place to the left or to the right, or holds. The episode ends in the bottom row, after
//! 11 steps, which are enough for every distance. The reward is 1 for a caught part and −1 for a missed part.
//!
//! The observation is an image of 36 × 36 pixels, 3 × 3 for a place: part and tray are white. There are no features.
//!
//! Reference figures (10,000 episodes): the heuristic 1, which is the greatest possible; uniform random −0.83 ± 0.01.

use serde::{Deserialize, Serialize};
use setpoint_decision::spec::{ActionSpace, Aggregate, Choice, Signal, Spec, TensorForm, TensorPart};
use setpoint_process::process::{Action, Outcome, Process};
use setpoint_process::tensors::TensorMut;
use setpoint_process::{Heuristic, State};
use setpoint_random::Stream;

/// Its name in a project file.
pub const KIND: &str = "catch";

/// Places of a row, and rows.
const PLACES: u8 = 12;
/// Pixels of a place's side.
const PIXELS: usize = 3;
/// Pixels of the image's side.
const SIDE: usize = PLACES as usize * PIXELS;

const LEFT: usize = 0;
const HOLD: usize = 1;
const RIGHT: usize = 2;

/// Places of the signals.
const OFFSET: usize = 2;

/// The field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catch {
    row: u8,
    part: u8,
    tray: u8,
}

impl Catch {
    fn measure(&self, signals: &mut [f32]) {
        let is_over = self.row + 1 == PLACES;
        let is_under = self.part == self.tray;
        let flag = |is_so: bool| f32::from(u8::from(is_so));
        signals.copy_from_slice(&[
            flag(is_over && is_under),
            flag(is_over && !is_under),
            f32::from(self.part) - f32::from(self.tray),
        ]);
    }
}

impl Process for Catch {
    fn heuristics(&self) -> Vec<Heuristic> {
        vec![under_the_part()]
    }

    fn spec(&self) -> Spec {
        let total = |name: &str, description: &str| {
            Signal::new(name, "parts", 0.0, 1.0, description).summarised_by(Aggregate::Total)
        };
        let most = f32::from(PLACES - 1);
        let choice = |name: &str, description: &str| Choice {
            name: name.to_owned(),
            description: description.to_owned(),
        };
        Spec {
            summary: "move a tray under a falling part that only a camera sees".into(),
            source: "Mnih et al. 2014, \"Recurrent models of visual attention\"; Osband et al. 2020, bsuite"
                .into(),
            tensors: vec![TensorPart::new(
                "camera",
                TensorForm::Image { height: SIDE, width: SIDE, channels: 1 },
                "the field from the front: part and tray are white",
            )],
            action: ActionSpace::one_of(vec![
                choice("left", "one place to the left"),
                choice("hold", "stay"),
                choice("right", "one place to the right"),
            ]),
            signals: vec![
                total("caught", "caught parts"),
                total("missed", "missed parts"),
                Signal::new("offset", "places", -most, most, "the part's place, counted from the tray"),
            ],
            reward: vec![("caught".into(), 1.0), ("missed".into(), -1.0)],
            ..Spec::default()
        }
    }

    fn reset(&mut self, random: &mut Stream, _observation: &mut [f32], signals: &mut [f32]) {
        let mut place = || random.below(u32::from(PLACES)) as u8;
        *self = Self { row: 0, part: place(), tray: place() };
        self.measure(signals);
    }

    fn step(
        &mut self,
        action: Action<'_>,
        _random: &mut Stream,
        _observation: &mut [f32],
        signals: &mut [f32],
    ) -> Outcome {
        self.tray = match action.choice() {
            LEFT => self.tray.saturating_sub(1),
            RIGHT => (self.tray + 1).min(PLACES - 1),
            _ => self.tray,
        };
        self.row += 1;
        self.measure(signals);
        if self.row + 1 == PLACES { Outcome::Terminated } else { Outcome::Running }
    }

    fn tensor(&self, _part: usize, tensor: TensorMut<'_>) {
        let image = tensor.bytes();
        image.fill(0);
        for (row, place) in [(self.row, self.part), (PLACES - 1, self.tray)] {
            let (top, left) = (usize::from(row) * PIXELS, usize::from(place) * PIXELS);
            for line in image.chunks_exact_mut(SIDE).skip(top).take(PIXELS) {
                line[left..left + PIXELS].fill(u8::MAX);
            }
        }
    }
}

fn under_the_part() -> Heuristic {
    Heuristic::new(
        "under-the-part",
        "moves towards the part, whose place it knows",
        |state: &State<'_>, action| {
            let offset = state.signals[OFFSET];
            let towards = if offset < 0.0 {
                LEFT
            } else if offset > 0.0 {
                RIGHT
            } else {
                HOLD
            };
            action[0] = state.first_allowed(&[towards]) as f32;
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A part at place 2 of row 5 and a tray at place 11, pixel by pixel.
    #[test]
    fn the_camera_shows_part_and_tray() {
        let mut image = vec![9; SIDE * SIDE];
        Catch { row: 5, part: 2, tray: 11 }.tensor(0, TensorMut::Bytes(&mut image));
        let white = |row: usize, column: usize| {
            let (is_part, is_tray) =
                ((15..18).contains(&row) && (6..9).contains(&column), row >= 33 && column >= 33);
            is_part || is_tray
        };
        for (index, pixel) in image.iter().enumerate() {
            let (row, column) = (index / SIDE, index % SIDE);
            assert_eq!(*pixel, if white(row, column) { 255 } else { 0 }, "row {row}, column {column}");
        }
    }

    #[test]
    fn every_distance_can_be_covered() {
        let heuristic = under_the_part();
        let mut random = Stream::new(0, "test", 0);
        for (part, tray) in (0..PLACES).flat_map(|part| (0..PLACES).map(move |tray| (part, tray))) {
            let (mut field, mut signals) = (Catch { row: 0, part, tray }, [0.0; 3]);
            field.measure(&mut signals);
            let steps = (1..).find(|_| {
                let mut action = [0.0];
                let state = State { observation: &[], signals: &signals, allowed: &[] };
                (heuristic.decide)(&state, &mut action);
                let choices = [action[0] as u32];
                field.step(Action::of_choices(&choices), &mut random, &mut [], &mut signals).is_over()
            });
            assert_eq!((steps, signals), (Some(11), [1.0, 0.0, 0.0]), "{part} {tray}");
        }
    }
}
