//! `bin-picking`: point a suction gripper at the highest of several parts, which a scanner sees as a set of points (source: a
//! small problem of this project, in the form of the picking point of Zeng et al. 2018, "Robotic pick-and-place of novel objects
//! in clutter"; the numbers are round ones).
//!
//! A bin of 2 × 2 m holds 2 to 5 parts at random places in [−0.8, 0.8]². Each has a height hᵢ in U(0.3, 1) m and a width wᵢ in
//! U(0.15, 0.3) m, and the surface is the highest of hᵢ · exp(−dᵢ²/(2 wᵢ²)), where dᵢ is the distance to the part. The scanner
//! measures 48 to 96 points (x, y, z) of the surface at random places, with an error of 0.01 m in z. The policy sets x and y of
//! the gripper. In every step the next bin comes; an episode has 8 bins. The reward is the height at the gripper's place as a share
//! of the highest part's.
//!
//! The observation is the set of points. There are no features. The baseline `highest-point` takes the highest measured point.
//!
//! Reference figures (mean return ± standard error, 10,000 episodes): `highest-point` 6.97 ± 0.003, uniform random 1.33 ± 0.007;
//! 8 is a gripper on the highest part of each bin.

use serde::{Deserialize, Serialize};
use setpoint_decision::spec::{ActionSpace, Axis, Signal, Spec, TensorForm, TensorPart};
use setpoint_process::process::{Action, Outcome, Process};
use setpoint_process::tensors::TensorMut;
use setpoint_process::{Heuristic, State};
use setpoint_random::Stream;

/// Its name in a project file.
pub const KIND: &str = "bin-picking";

/// Numbers of a point.
const DIMENSIONS: usize = 3;
const POINTS_MIN: u32 = 48;
const POINTS_MAX: usize = 96;
const PARTS_MIN: u32 = 2;
const PARTS_MAX: usize = 5;
/// Half of the bin's side.
const HALF_M: f32 = 1.0;
/// The greatest distance of a part from the bin's middle, along each side.
const PLACED_M: f32 = 0.8;
const HEIGHT_M: (f32, f32) = (0.3, 1.0);
const WIDTH_M: (f32, f32) = (0.15, 0.3);
/// Standard deviation of a measured height.
const ERROR_M: f32 = 0.01;
/// Bins of an episode.
const BINS: u32 = 8;

/// Places of the signals.
const HIGHEST_X: usize = 1;
const HIGHEST_Y: usize = 2;

/// A part in the bin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Part {
    x: f32,
    y: f32,
    height: f32,
    width: f32,
}

/// The bin with its scan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BinPicking {
    parts: [Part; PARTS_MAX],
    count: u32,
    /// `[points, dimensions]`, of which the first `measured` points are there.
    points: Vec<f32>,
    measured: u32,
}

impl Default for BinPicking {
    fn default() -> Self {
        let points = vec![0.0; POINTS_MAX * DIMENSIONS];
        Self { parts: [Part::default(); PARTS_MAX], count: 0, points, measured: 0 }
    }
}

impl BinPicking {
    /// The height of the surface.
    fn height(&self, x: f32, y: f32) -> f32 {
        let of_part = |part: &Part| {
            let squared = (part.x - x).powi(2) + (part.y - y).powi(2);
            part.height * (-0.5 * squared / part.width.powi(2)).exp()
        };
        self.parts[..self.count as usize].iter().map(of_part).fold(0.0, f32::max)
    }

    /// The next bin and its scan.
    fn fill(&mut self, random: &mut Stream) {
        self.count = PARTS_MIN + random.below(PARTS_MAX as u32 - PARTS_MIN + 1);
        for part in &mut self.parts[..self.count as usize] {
            *part = Part {
                x: random.uniform(-PLACED_M, PLACED_M),
                y: random.uniform(-PLACED_M, PLACED_M),
                height: random.uniform(HEIGHT_M.0, HEIGHT_M.1),
                width: random.uniform(WIDTH_M.0, WIDTH_M.1),
            };
        }
        self.measured = POINTS_MIN + random.below(POINTS_MAX as u32 - POINTS_MIN + 1);
        self.points.fill(0.0);
        for point in 0..self.measured as usize {
            let (x, y) = (random.uniform(-HALF_M, HALF_M), random.uniform(-HALF_M, HALF_M));
            let z = self.height(x, y) + ERROR_M * random.normal();
            self.points[point * DIMENSIONS..(point + 1) * DIMENSIONS].copy_from_slice(&[x, y, z]);
        }
    }

    /// The place of the highest measured point.
    fn highest_point(&self) -> [f32; 2] {
        let points = self.points.chunks_exact(DIMENSIONS).take(self.measured as usize);
        let highest = points.max_by(|a, b| a[2].total_cmp(&b[2]));
        highest.map_or([0.0; 2], |point| [point[0], point[1]])
    }

    fn measure(&self, height: f32, signals: &mut [f32]) {
        let [x, y] = self.highest_point();
        signals.copy_from_slice(&[height, x, y]);
    }
}

impl Process for BinPicking {
    fn heuristics(&self) -> Vec<Heuristic> {
        vec![highest_point()]
    }

    fn spec(&self) -> Spec {
        Spec {
            summary: "point a gripper at the highest of several parts, which a scanner sees as points".into(),
            source: "this project; the picking point of Zeng et al. 2018, \"Robotic pick-and-place of novel objects in \
                     clutter\""
                .into(),
            tensors: vec![TensorPart::new(
                "scan",
                TensorForm::Points { points: POINTS_MAX, dimensions: DIMENSIONS },
                "measured points (x, y, z) of the surface, in m",
            )],
            action: ActionSpace::settings(vec![
                Axis::new("x", "m", -HALF_M, HALF_M, "the gripper's place"),
                Axis::new("y", "m", -HALF_M, HALF_M, "the gripper's place"),
            ]),
            signals: vec![
                Signal::new("height", "1", 0.0, 1.0, "height at the gripper, as a share of the highest part's"),
                Signal::new("highest_x", "m", -HALF_M, HALF_M, "place of the highest measured point"),
                Signal::new("highest_y", "m", -HALF_M, HALF_M, "place of the highest measured point"),
            ],
            max_steps: Some(BINS),
            reward: vec![("height".into(), 1.0)],
            ..Spec::default()
        }
    }

    fn reset(&mut self, random: &mut Stream, _observation: &mut [f32], signals: &mut [f32]) {
        self.fill(random);
        self.measure(0.0, signals);
    }

    fn step(
        &mut self,
        action: Action<'_>,
        random: &mut Stream,
        _observation: &mut [f32],
        signals: &mut [f32],
    ) -> Outcome {
        let tops = self.parts[..self.count as usize].iter().map(|part| part.height);
        let share = self.height(action.settings[0], action.settings[1]) / tops.fold(0.0, f32::max);
        self.fill(random);
        self.measure(share, signals);
        Outcome::Running
    }

    fn tensor(&self, _part: usize, tensor: TensorMut<'_>) {
        let (numbers, count) = tensor.points();
        numbers.copy_from_slice(&self.points);
        *count = self.measured;
    }
}

fn highest_point() -> Heuristic {
    Heuristic::new("highest-point", "goes to the highest measured point", |state: &State<'_>, action| {
        action.copy_from_slice(&[state.signals[HIGHEST_X], state.signals[HIGHEST_Y]]);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reward_is_the_height_at_the_gripper_by_hand() {
        let mut process = BinPicking { count: 2, ..BinPicking::default() };
        process.parts[0] = Part { x: 0.0, y: 0.0, height: 0.8, width: 0.2 };
        process.parts[1] = Part { x: 0.6, y: 0.0, height: 0.4, width: 0.2 };
        let mut signals = [0.0; 3];
        for (place, expected) in [([0.0, 0.0], 1.0), ([0.6, 0.0], 0.5), ([0.0, 0.2], (-0.5_f32).exp())] {
            let mut bin = process.clone();
            bin.step(Action::of_settings(&place), &mut Stream::new(0, "test", 0), &mut [], &mut signals);
            assert!((signals[0] - expected).abs() < 1e-6, "{place:?}: {}", signals[0]);
        }
    }

    /// A scan is of the surface: no point lies farther above it than its error, and the highest point is one of them.
    #[test]
    fn the_scan_is_of_the_surface() {
        let (mut process, mut random) = (BinPicking::default(), Stream::new(1, "test", 0));
        let mut seen = [u32::MAX, 0];
        for _ in 0..200 {
            process.fill(&mut random);
            seen = [seen[0].min(process.measured), seen[1].max(process.measured)];
            let points = process.points.chunks_exact(DIMENSIONS);
            for point in points.clone().take(process.measured as usize) {
                assert!((point[2] - process.height(point[0], point[1])).abs() < 6.0 * ERROR_M);
            }
            assert!(points.skip(process.measured as usize).all(|padding| padding == [0.0; 3]));
            let [x, y] = process.highest_point();
            assert!(process.height(x, y) > 0.0);
        }
        assert_eq!(seen, [48, 96]);
    }
}
