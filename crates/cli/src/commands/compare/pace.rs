//! How long the trainings of a comparison take: each algorithm has a pace of its own, so the pace of the first says nothing about
//! the others.

use crate::screen::duration;

/// Seconds of a first training after which its whole time can be told.
const SEEN_SECONDS: f64 = 3.0;
/// Shorter trainings need no announcement.
const LONG_SECONDS: f64 = 10.0;

/// The pace of each algorithm.
pub struct Pace {
    /// Steps of each training.
    steps: u64,
    at_once: usize,
    algorithms: Vec<Algorithm>,
}

struct Algorithm {
    name: String,
    trainings: Vec<Training>,
    is_announced: bool,
}

/// The state of a training.
#[derive(Clone, Copy, Default)]
pub struct Training {
    /// Steps, with those of earlier sittings.
    pub steps: u64,
    /// Steps of this sitting.
    pub steps_now: u64,
    /// Time of this sitting.
    pub seconds: f64,
}

impl Pace {
    /// Of `seeds` trainings of each algorithm, `at_once` at a time.
    pub fn new(algorithms: &[String], seeds: usize, steps: u64, at_once: usize) -> Self {
        let algorithm = |name: &String| Algorithm {
            name: name.clone(),
            trainings: vec![Training::default(); seeds],
            is_announced: false,
        };
        let algorithms: Vec<Algorithm> = algorithms.iter().map(algorithm).collect();
        let at_once = at_once.min(seeds * algorithms.len()).max(1);
        Self { steps, at_once, algorithms }
    }

    /// Takes note of a training's state, and tells once how long each training of its algorithm will take.
    pub fn note(&mut self, algorithm: usize, seed: usize, training: Training) -> Option<String> {
        let total = self.steps;
        let found = &mut self.algorithms[algorithm];
        found.trainings[seed] = training;
        let whole = total as f64 / found.steps_per_second()?;
        let is_due = !found.is_announced && training.seconds >= SEEN_SECONDS && whole >= LONG_SECONDS;
        found.is_announced |= is_due;
        is_due.then(|| format!("{}: about {} for each training", found.name, duration(whole)))
    }

    /// The time that is left, in words; algorithms that have not begun are named, not guessed. Empty once all steps are taken.
    pub fn left(&self) -> String {
        let mut seconds = 0.0;
        let mut unknown = Vec::new();
        for algorithm in &self.algorithms {
            let taken = |training: &Training| self.steps.saturating_sub(training.steps);
            let steps: u64 = algorithm.trainings.iter().map(taken).sum();
            match algorithm.steps_per_second() {
                Some(pace) => seconds += steps as f64 / pace,
                None => unknown.push(algorithm.name.as_str()),
            }
        }
        let known = duration(seconds / self.at_once as f64);
        match unknown.as_slice() {
            [] if seconds == 0.0 => String::new(),
            [] => known,
            names => format!("{known} without {}", names.join(", ")),
        }
    }
}

impl Algorithm {
    /// `None` before its first step.
    fn steps_per_second(&self) -> Option<f64> {
        let (steps, seconds) = self.trainings.iter().fold((0, 0.0), |(steps, seconds), training| {
            (steps + training.steps_now, seconds + training.seconds)
        });
        (steps > 0).then(|| steps as f64 / seconds.max(1e-9))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_algorithm_has_its_own_pace() {
        let names = ["ppo", "sac"].map(str::to_owned);
        let mut whole = Pace::new(&names, 2, 1000, 2);
        let pace = &mut whole;
        let note = |pace: &mut Pace, algorithm, seed, steps, seconds| {
            pace.note(algorithm, seed, Training { steps, steps_now: steps, seconds })
        };
        assert_eq!(pace.left(), "0 s without ppo, sac");
        // 100 steps a second: 15 s of work are left, on two cores.
        assert_eq!(note(pace, 0, 0, 500, 5.0).as_deref(), Some("ppo: about 10 s for each training"));
        assert_eq!(pace.left(), "8 s without sac");
        assert_eq!(note(pace, 0, 0, 1000, 10.0), None, "it is told once");
        assert_eq!(note(pace, 0, 1, 1000, 10.0), None);
        // One step a second.
        assert_eq!(note(pace, 1, 0, 1, 1.0), None, "one second is too little to tell");
        assert_eq!(note(pace, 1, 0, 4, 4.0).as_deref(), Some("sac: about 16 min 40 s for each training"));
        assert_eq!(pace.left(), "16 min 38 s");
        assert_eq!(note(pace, 1, 1, 1000, 1000.0), None);
        note(pace, 1, 0, 1000, 1000.0);
        assert_eq!(pace.left(), "");
        // A training that goes on: its first 900 steps took none of this time.
        let mut resumed = Pace::new(&names[..1], 1, 1000, 1);
        resumed.note(0, 0, Training { steps: 950, steps_now: 50, seconds: 5.0 });
        assert_eq!(resumed.left(), "5 s");
    }
}
