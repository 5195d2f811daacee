//! The threads of a batch: whether its lanes step on one core or on several, and how several share them.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rayon::ThreadPool;

use super::chunk::Chunk;
use crate::process::Process;
use crate::ways::{Way, WayChoice};

/// Seconds that a step of all lanes must take on one core before it is shared: to wake another thread takes 5 to 20 µs.
const WORTH: f64 = 50e-6;
/// Cheap steps between two measurements. A measurement costs about 50 ns.
const UNMEASURED: u32 = 253;
/// Steps of a measurement, of which the fastest one counts: the others may have met other work.
const MEASURED: u32 = 3;
/// The share of a measured step in the known cost.
const NEWEST: f64 = 0.5;
/// Steps of a trial of the other way.
const TRIAL_STEPS: usize = 8;
/// Chunks of lanes for each thread: so many that threads of different speeds end together.
const CHUNKS: usize = 8;

/// Decides before each step, by measurement, how the lanes step. No result depends on it.
pub(super) struct Threads {
    /// Threads that step lanes, the caller included.
    count: usize,
    /// The threads besides the caller; made when a step is first worth it.
    pool: Option<ThreadPool>,
    /// Seconds of a lane's step on one core.
    cost: f64,
    /// Of a measurement that has begun: its steps so far, and the fastest one in seconds per lane.
    measurement: (u32, f64),
    /// Cheap steps until the next measurement.
    unmeasured: u32,
    /// `None`: always several cores.
    choice: Option<WayChoice>,
    /// [`WORTH`], unless a test wants to share cheap steps.
    worth: f64,
}

impl Threads {
    /// The caller alone.
    pub fn one() -> Self {
        Self::new(1, 1)
    }

    /// So many threads for so many lanes, if a step is worth it.
    pub fn new(count: usize, lanes: usize) -> Self {
        Self {
            count: count.min(lanes),
            pool: None,
            cost: 0.0,
            measurement: (0, f64::INFINITY),
            unmeasured: 0,
            choice: Some(WayChoice::new((TRIAL_STEPS * lanes) as u64)),
            worth: WORTH,
        }
    }

    /// So many threads for each step, however cheap it is.
    #[cfg(test)]
    pub fn always(count: usize) -> Self {
        Self { worth: 0.0, choice: None, ..Self::new(count, count) }
    }

    /// Whether there is a choice at all.
    #[inline(always)]
    pub fn are_several(&self) -> bool {
        self.count > 1
    }

    /// How the next step of so many lanes is done, and whether [`Self::took`] wants to know its time.
    pub fn plan(&mut self, lanes: usize) -> (Way, bool) {
        if self.cost * (lanes as f64) < self.worth {
            if self.unmeasured > 0 {
                self.unmeasured -= 1;
                return (Way::One, false);
            }
            return (Way::One, true);
        }
        let is_alone = self.choice.as_ref().is_some_and(|choice| choice.next(1).0 == Way::One);
        if is_alone {
            (Way::One, true)
        } else if self.has_pool() {
            (Way::Several, true)
        } else {
            (Way::One, false)
        }
    }

    /// Takes note of the time of a step of so many lanes.
    pub fn took(&mut self, way: Way, lanes: usize, time: Duration) {
        if lanes == 0 {
            return;
        }
        let seconds = time.as_secs_f64() / lanes as f64;
        if self.cost * (lanes as f64) < self.worth {
            let (steps, fastest) = &mut self.measurement;
            (*steps, *fastest) = (*steps + 1, fastest.min(seconds));
            if *steps == MEASURED {
                self.cost = *fastest;
                (self.measurement, self.unmeasured) = ((0, f64::INFINITY), UNMEASURED);
            }
            return;
        }
        if way == Way::One {
            self.cost += NEWEST * (seconds - self.cost);
        }
        if let Some(choice) = &mut self.choice {
            choice.took(lanes as u64, time);
        }
    }

    /// Makes the pool at the first call. A system may refuse threads; the caller then steps alone from now on.
    fn has_pool(&mut self) -> bool {
        if self.pool.is_none() {
            self.pool = rayon::ThreadPoolBuilder::new().num_threads(self.count - 1).build().ok();
            if self.pool.is_none() {
                self.count = 1;
            }
        }
        self.pool.is_some()
    }

    /// Steps all lanes on all threads: each takes the next chunk until none is left, the caller too, so that a thread that
    /// gets no core delays nothing but its own chunk.
    pub fn share<'a, P: Process>(
        &self,
        whole: Chunk<'a, P>,
        lanes: usize,
        step: impl Fn(Chunk<'a, P>) + Sync,
    ) {
        let size = lanes.div_ceil(CHUNKS * self.count);
        let left = Mutex::new(whole);
        let work = || {
            loop {
                let next = left.lock().unwrap_or_else(PoisonError::into_inner).take(size);
                let Some(chunk) = next else { break };
                step(chunk);
            }
        };
        match &self.pool {
            Some(pool) => pool.in_place_scope(|scope| {
                (1..self.count).for_each(|_| scope.spawn(|_| work()));
                work();
            }),
            None => work(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LANES: usize = 100;

    /// Plans so many steps of `lanes` lanes, each of which takes so many microseconds a lane, with the same time on both ways;
    /// returns how many were shared, and how many were measured.
    fn steps(threads: &mut Threads, count: usize, lanes: usize, each: f64) -> (usize, usize) {
        let (mut shared, mut measured) = (0, 0);
        for _ in 0..count {
            let (way, is_measured) = threads.plan(lanes);
            shared += usize::from(way == Way::Several);
            measured += usize::from(is_measured);
            if is_measured {
                threads.took(way, lanes, Duration::from_secs_f64(each * 1e-6 * lanes as f64));
            }
        }
        (shared, measured)
    }

    #[test]
    fn cheap_steps_are_never_shared_and_hardly_measured() {
        let mut threads = Threads::new(4, LANES);
        let (shared, measured) = steps(&mut threads, 2_560, LANES, 0.4);
        assert_eq!((shared, measured), (0, 30));
        assert!(threads.pool.is_none(), "no thread is made for them");
    }

    #[test]
    fn expensive_steps_are_shared_unless_few_lanes_step() {
        let mut threads = Threads::new(4, LANES);
        let (shared, measured) = steps(&mut threads, 1_003, LANES, 2.0);
        assert_eq!(measured, 1_003);
        assert!(shared > 950, "{shared}");
        // Twenty lanes take 40 µs.
        assert_eq!(steps(&mut threads, 500, 20, 2.0).0, 0);
        assert!(steps(&mut threads, 500, 30, 2.0).0 > 400);
    }

    #[test]
    fn steps_that_become_cheap_or_expensive_are_noticed() {
        let mut threads = Threads::new(2, LANES);
        steps(&mut threads, 2_000, LANES, 0.1);
        assert!(steps(&mut threads, 2_000, LANES, 5.0).0 > 1_500);
        steps(&mut threads, 3_000, LANES, 0.1);
        assert_eq!(steps(&mut threads, 2_000, LANES, 0.1).0, 0);
    }

    #[test]
    fn a_step_that_meets_other_work_makes_no_process_expensive() {
        let mut threads = Threads::new(2, LANES);
        for slow in 0..50 {
            steps(&mut threads, 40, LANES, 0.1);
            assert_eq!(steps(&mut threads, 1, LANES, 500.0).0, 0, "{slow}");
        }
    }

    #[test]
    fn one_thread_or_one_lane_has_no_choice() {
        assert!(!Threads::new(1, LANES).are_several());
        assert!(!Threads::new(8, 1).are_several());
        assert!(!Threads::new(0, LANES).are_several());
    }
}
