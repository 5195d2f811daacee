//! One core or two, whichever is faster at present: the learners' view of [`setpoint_process::ways`].

use std::time::{Duration, Instant};

use setpoint_nn::network::Cores;
use setpoint_process::ways::{Way, WayChoice};

/// Gradient steps of a trial, if nothing else is set: so many that their mean is steady where steps of two kinds alternate.
const TRIAL_UNITS: u64 = 8;

/// Chooses the cores for work that consists of units of about the same size.
#[derive(Clone, Debug)]
pub struct CoresChoice {
    /// `None`: there is no choice, one core does the work.
    ways: Option<WayChoice>,
}

impl CoresChoice {
    /// For so many threads.
    pub fn new(threads: usize) -> Self {
        Self { ways: (threads > 1).then(|| WayChoice::new(TRIAL_UNITS)) }
    }

    /// Sets the units that a trial takes.
    pub fn set_trial_units(&mut self, units: u64) {
        if let Some(ways) = &mut self.ways {
            ways.set_trial_units(units);
        }
    }

    /// The cores for the next units, and for how many of the `available` ones (at least 1).
    pub fn next(&self, available: u64) -> (Cores, u64) {
        let Some(ways) = &self.ways else { return (Cores::One, available) };
        let (way, units) = ways.next(available);
        (if way == Way::Several { Cores::Two } else { Cores::One }, units)
    }

    /// Takes note of the time that the units of [`Self::next`] took.
    pub fn took(&mut self, units: u64, time: Duration) {
        if let Some(ways) = &mut self.ways {
            ways.took(units, time);
        }
    }

    /// Does one unit of work on the cores of [`Self::next`].
    pub fn measured<R>(&mut self, work: impl FnOnce(Cores) -> R) -> R {
        let (cores, started) = (self.next(1).0, Instant::now());
        let result = work(cores);
        self.took(1, started.elapsed());
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thread_leaves_no_choice() {
        let mut choice = CoresChoice::new(1);
        for _ in 0..1_000 {
            assert_eq!(choice.next(50), (Cores::One, 50));
            choice.took(50, Duration::from_millis(1));
        }
        assert_eq!(CoresChoice::new(2).next(50).0, Cores::Two);
    }
}
