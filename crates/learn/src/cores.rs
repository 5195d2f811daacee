//! One core or two, whichever is faster at present.
//!
//! Where two cores do the work of a training, one core does it with the same result. On a quiet machine two are faster. If other
//! work needs the second core, its half waits for that core and the first half waits for the second: two are then slower than
//! one. So both are measured during the work.

use std::time::{Duration, Instant};

use setpoint_nn::network::Cores;

/// Trials of the slower way are at first so many times their length apart. The distance doubles with each trial that is lost.
const APART_MIN: u64 = 16;
/// Their greatest distance: a trial that takes three times as long costs less than 2 % then.
const APART_MAX: u64 = 128;
/// The other way must be faster by this factor, so that equal ways do not alternate.
const FASTER: f64 = 1.03;
/// If work takes so many times as long as usual, something else needs the cores: the other way is tried at once.
const SLOWER: f64 = 1.3;
/// Lengths of a trial before the first one. The first units find cold caches, and are no measure.
const WARM_UP: u64 = 4;
/// Lengths of a trial over which the usual time of a unit is averaged.
const USUAL: f64 = 16.0;

/// Gradient steps of a trial, if nothing else is set: so many that their mean is steady where steps of two kinds alternate.
const TRIAL_UNITS: u64 = 8;

/// Chooses the cores for work that consists of units of about the same size.
#[derive(Clone, Debug)]
pub struct CoresChoice {
    /// Whether there is a choice.
    allowed: bool,
    /// Units that a trial takes.
    trial_units: u64,
    present: Cores,
    /// Seconds per unit of the present way, of about the last [`Self::trial_units`] units; 0 before the first measurement.
    pace: f64,
    /// The same, of many more units.
    usual: f64,
    /// Units until the next trial.
    left: u64,
    /// Units between the last trial and the next.
    apart: u64,
    trial: Option<Trial>,
}

/// The other way, while it is tried.
#[derive(Clone, Copy, Debug, Default)]
struct Trial {
    units: u64,
    seconds: f64,
}

impl CoresChoice {
    /// For so many threads.
    pub fn new(threads: usize) -> Self {
        Self {
            allowed: threads > 1,
            trial_units: TRIAL_UNITS,
            present: if threads > 1 { Cores::Two } else { Cores::One },
            pace: 0.0,
            usual: 0.0,
            left: WARM_UP * TRIAL_UNITS,
            apart: 0,
            trial: None,
        }
    }

    /// Sets the units that a trial takes.
    pub fn set_trial_units(&mut self, units: u64) {
        self.trial_units = units.max(1);
        if self.pace == 0.0 {
            self.left = WARM_UP * self.trial_units;
        }
    }

    /// The cores for the next units, and for how many of the `available` ones (at least 1).
    pub fn next(&self, available: u64) -> (Cores, u64) {
        if !self.allowed {
            return (Cores::One, available);
        }
        let (cores, units) = match self.trial {
            Some(trial) => (other(self.present), self.trial_units.saturating_sub(trial.units)),
            None => (self.present, self.left),
        };
        (cores, units.clamp(1, available.max(1)))
    }

    /// Takes note of the time that the units of [`Self::next`] took.
    pub fn took(&mut self, units: u64, time: Duration) {
        if !self.allowed || units == 0 {
            return;
        }
        let seconds = time.as_secs_f64();
        if let Some(trial) = &mut self.trial {
            trial.units += units;
            trial.seconds += seconds;
            let trial = *trial;
            if trial.units >= self.trial_units {
                self.judge(trial.seconds / trial.units as f64);
            }
            return;
        }
        let pace = seconds / units as f64;
        let share = (units as f64 / self.trial_units as f64).min(1.0);
        if self.pace > 0.0 {
            self.pace += share * (pace - self.pace);
            self.usual += share / USUAL * (self.pace - self.usual);
        } else {
            (self.pace, self.usual) = (pace, pace);
        }
        self.left = self.left.saturating_sub(units);
        if self.pace > SLOWER * self.usual {
            (self.left, self.apart) = (0, 0);
        }
        if self.left == 0 {
            self.trial = Some(Trial::default());
        }
    }

    /// Does one unit of work on the cores of [`Self::next`].
    pub fn measured<R>(&mut self, work: impl FnOnce(Cores) -> R) -> R {
        let (cores, started) = (self.next(1).0, Instant::now());
        let result = work(cores);
        self.took(1, started.elapsed());
        result
    }

    /// Ends a trial whose units took so many seconds each.
    fn judge(&mut self, pace: f64) {
        self.trial = None;
        let (min, max) = (APART_MIN * self.trial_units, APART_MAX * self.trial_units);
        if pace * FASTER < self.pace {
            (self.present, self.pace, self.apart) = (other(self.present), pace, min);
        } else {
            self.apart = (2 * self.apart).clamp(min, max);
        }
        self.left = self.apart;
        self.usual = self.pace;
    }
}

fn other(cores: Cores) -> Cores {
    match cores {
        Cores::One => Cores::Two,
        Cores::Two => Cores::One,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Does `units` units where one core takes `one` and two cores take `two` microseconds for each; returns the time and the
    /// units that two cores did.
    fn work(choice: &mut CoresChoice, units: u64, one: u64, two: u64) -> (u64, u64) {
        let (mut left, mut time, mut with_two) = (units, 0, 0);
        while left > 0 {
            let (cores, count) = choice.next(left.min(50));
            assert!((1..=left).contains(&count));
            let each = if cores == Cores::Two { two } else { one };
            choice.took(count, Duration::from_micros(count * each));
            time += count * each;
            with_two += if cores == Cores::Two { count } else { 0 };
            left -= count;
        }
        (time, with_two)
    }

    fn choice(trial_units: u64) -> CoresChoice {
        let mut choice = CoresChoice::new(2);
        choice.set_trial_units(trial_units);
        choice
    }

    #[test]
    fn the_faster_way_does_nearly_all_of_the_work() {
        for trial in [1, 4, 16, 100] {
            let units = 1_000 * trial;
            let (time, with_two) = work(&mut choice(trial), units, 1_500, 1_000);
            assert!(with_two > units * 95 / 100, "{trial}: {with_two} of {units}");
            assert!(time < units * 1_000 * 102 / 100);
            // A second core that is never there: at most 10 % slower than one.
            let (time, _) = work(&mut choice(trial), units, 1_000, 3_000);
            assert!(time < units * 1_000 * 105 / 100, "{trial}: {time}");
        }
    }

    #[test]
    fn work_of_others_that_begins_and_ends_is_followed() {
        let mut choice = choice(8);
        work(&mut choice, 4_000, 1_500, 1_000);
        let (time, _) = work(&mut choice, 4_000, 1_600, 4_000);
        assert!(time < 4_000 * 1_600 * 110 / 100, "{time}");
        let (_, with_two) = work(&mut choice, 4_000, 1_500, 1_000);
        assert!(with_two > 2_500, "{with_two}");
    }

    #[test]
    fn one_thread_leaves_no_choice() {
        let (time, with_two) = work(&mut CoresChoice::new(1), 1_000, 1_000, 1);
        assert_eq!((time, with_two), (1_000_000, 0));
    }

    #[test]
    fn ways_of_one_speed_do_not_alternate() {
        let mut choice = choice(8);
        let (_, with_two) = work(&mut choice, 10_000, 1_000, 1_000);
        assert!(with_two > 9_500, "{with_two}");
    }
}
