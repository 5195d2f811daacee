//! One core or several, whichever is faster at present.
//!
//! Where several cores do some work, one core does it with the same result. On a quiet machine several are faster. If other work
//! needs a second core, its part waits for that core and the first part waits for the second: several are then slower than one.
//! So both ways are measured during the work.

use std::time::Duration;

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

/// A way to do work; the result is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// On the caller's core.
    One,
    /// On several cores.
    Several,
}

impl Way {
    fn other(self) -> Self {
        match self {
            Self::One => Self::Several,
            Self::Several => Self::One,
        }
    }
}

/// Chooses the way for work that consists of units of about the same size. It begins with several cores.
#[derive(Clone, Debug)]
pub struct WayChoice {
    /// Units that a trial takes.
    trial_units: u64,
    present: Way,
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

impl WayChoice {
    /// With trials of so many units (at least 1): so many that their mean is steady where units of two kinds alternate.
    pub fn new(trial_units: u64) -> Self {
        let trial_units = trial_units.max(1);
        let left = WARM_UP * trial_units;
        Self { trial_units, present: Way::Several, pace: 0.0, usual: 0.0, left, apart: 0, trial: None }
    }

    /// Sets the units that a trial takes.
    pub fn set_trial_units(&mut self, units: u64) {
        self.trial_units = units.max(1);
        if self.pace == 0.0 {
            self.left = WARM_UP * self.trial_units;
        }
    }

    /// The way for the next units, and for how many of the `available` ones (at least 1).
    pub fn next(&self, available: u64) -> (Way, u64) {
        let (way, units) = match self.trial {
            Some(trial) => (self.present.other(), self.trial_units.saturating_sub(trial.units)),
            None => (self.present, self.left),
        };
        (way, units.clamp(1, available.max(1)))
    }

    /// Takes note of the time that the units of [`Self::next`] took.
    pub fn took(&mut self, units: u64, time: Duration) {
        if units == 0 {
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

    /// Ends a trial whose units took so many seconds each.
    fn judge(&mut self, pace: f64) {
        self.trial = None;
        let (min, max) = (APART_MIN * self.trial_units, APART_MAX * self.trial_units);
        if pace * FASTER < self.pace {
            (self.present, self.pace, self.apart) = (self.present.other(), pace, min);
        } else {
            self.apart = (2 * self.apart).clamp(min, max);
        }
        self.left = self.apart;
        self.usual = self.pace;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Does `units` units where one core takes `one` and several take `several` microseconds for each; returns the time and
    /// the units that several cores did.
    fn work(choice: &mut WayChoice, units: u64, one: u64, several: u64) -> (u64, u64) {
        let (mut left, mut time, mut with_several) = (units, 0, 0);
        while left > 0 {
            let (way, count) = choice.next(left.min(50));
            assert!((1..=left).contains(&count));
            let each = if way == Way::Several { several } else { one };
            choice.took(count, Duration::from_micros(count * each));
            time += count * each;
            with_several += if way == Way::Several { count } else { 0 };
            left -= count;
        }
        (time, with_several)
    }

    #[test]
    fn the_faster_way_does_nearly_all_of_the_work() {
        for trial in [1, 4, 16, 100] {
            let units = 1_000 * trial;
            let (time, with_several) = work(&mut WayChoice::new(trial), units, 1_500, 1_000);
            assert!(with_several > units * 95 / 100, "{trial}: {with_several} of {units}");
            assert!(time < units * 1_000 * 102 / 100);
            // A second core that is never there: at most 10 % slower than one.
            let (time, _) = work(&mut WayChoice::new(trial), units, 1_000, 3_000);
            assert!(time < units * 1_000 * 105 / 100, "{trial}: {time}");
        }
    }

    #[test]
    fn work_of_others_that_begins_and_ends_is_followed() {
        let mut choice = WayChoice::new(8);
        work(&mut choice, 4_000, 1_500, 1_000);
        let (time, _) = work(&mut choice, 4_000, 1_600, 4_000);
        assert!(time < 4_000 * 1_600 * 110 / 100, "{time}");
        let (_, with_several) = work(&mut choice, 4_000, 1_500, 1_000);
        assert!(with_several > 2_500, "{with_several}");
    }

    #[test]
    fn ways_of_one_speed_do_not_alternate() {
        let mut choice = WayChoice::new(8);
        let (_, with_several) = work(&mut choice, 10_000, 1_000, 1_000);
        assert!(with_several > 9_500, "{with_several}");
    }
}
