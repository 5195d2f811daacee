//! Two halves of one gradient step on two cores: actor and critic are separate networks that share only the norm of their
//! joint gradient, one number in each direction per minibatch.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Spins before the waiting side gives its core away: about 20 µs at the 140 cycles of a pause on current x86-64. The other
/// side has nearly always arrived by then. If not, the machine is busy, and another thread, perhaps the other side itself,
/// needs the core more.
const SPINS: u32 = 400;

/// One number from one side. Its own cache line, so that waiting does not slow the other side's writes.
#[derive(Default)]
#[repr(align(128))]
struct Slot {
    round: AtomicU64,
    value: AtomicU64,
}

/// The point at which the two sides exchange a number once per round.
///
/// Two slots per side, used in turn: a side may write round n + 1 while the other still reads round n, but not
/// round n + 2, since it has then read the other side's round n + 1.
#[derive(Default)]
pub struct Exchange {
    slots: [[Slot; 2]; 2],
    broken: AtomicBool,
}

/// Which half of the step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The policy network.
    Actor = 0,
    /// The value network.
    Critic = 1,
}

impl Exchange {
    /// Writes `value` and waits for the other side's value; rounds count from 1. `None` if the other side stopped.
    pub fn meet(&self, side: Side, round: u64, value: f64) -> Option<f64> {
        let parity = (round % 2) as usize;
        let own = &self.slots[side as usize][parity];
        own.value.store(value.to_bits(), Ordering::Relaxed);
        own.round.store(round, Ordering::Release);
        let other = &self.slots[1 - side as usize][parity];
        let mut spins = 0;
        while other.round.load(Ordering::Acquire) < round {
            if self.broken.load(Ordering::Relaxed) {
                return None;
            }
            spins += 1;
            if spins < SPINS {
                std::hint::spin_loop();
            } else {
                std::thread::yield_now();
            }
        }
        Some(f64::from_bits(other.value.load(Ordering::Relaxed)))
    }

    /// Releases the other side if this side unwinds before the last exchange.
    pub fn guard(&self) -> impl Drop + '_ {
        struct Guard<'a>(&'a Exchange);
        impl Drop for Guard<'_> {
            fn drop(&mut self) {
                if std::thread::panicking() {
                    self.0.broken.store(true, Ordering::Relaxed);
                }
            }
        }
        Guard(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_see_every_value_in_order() {
        let exchange = Exchange::default();
        let run = |side: Side| {
            (1..=50_000_u64)
                .map(|round| exchange.meet(side, round, round as f64 * (1.0 + side as u8 as f64)))
                .sum()
        };
        let (actor, critic): (Option<f64>, Option<f64>) = std::thread::scope(|scope| {
            let critic = scope.spawn(|| run(Side::Critic));
            (run(Side::Actor), critic.join().unwrap())
        });
        let sum = 50_000.0 * 50_001.0 / 2.0;
        assert_eq!((actor, critic), (Some(2.0 * sum), Some(sum)));
    }

    #[test]
    fn a_side_that_panics_releases_the_other() {
        let exchange = Exchange::default();
        std::thread::scope(|scope| {
            let broken = scope.spawn(|| {
                let _guard = exchange.guard();
                panic!("for the test");
            });
            assert_eq!(exchange.meet(Side::Actor, 1, 0.0), None);
            assert!(broken.join().is_err());
        });
    }
}
