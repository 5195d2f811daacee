//! The faster way of a product on this machine, found by measurement.
//!
//! A product can run at the machine's level or at a lower one, and read B as it lies or packed. Which is faster depends on caches and
//! clocks that no feature flag names. Sums add in the same order in every way, so the results are the same to the bit, and a
//! measurement that other work disturbs costs time alone.

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use super::operands::{Path, Problem, Sums, View};
use super::run_at;
use crate::level::{Level, level};

/// Level and path of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) level: Level,
    pub(super) path: Path,
}

/// Sides of the cubes that are measured. A product takes the way of the largest that fits into it; a smaller product and one of few
/// rows take the plain path at the machine's level.
const SIDES: [usize; 5] = [64, 96, 128, 192, 256];

/// Rows below which packing B costs more than it saves.
const ROWS: usize = 16;

/// The place of a side's way in [`all`], from 1; 0 before the first product of this size.
static CHOSEN: [AtomicU8; SIDES.len()] = [const { AtomicU8::new(0) }; SIDES.len()];

/// Another way must be so much faster than the usual one: less is the noise of a measurement.
const MARGIN: f64 = 1.05;

/// The largest side that fits into a product. Its inner dimension may be a third shorter.
pub(super) fn side(m: usize, n: usize, k: usize) -> Option<usize> {
    if m < ROWS {
        return None;
    }
    SIDES.iter().rposition(|side| n >= *side && 3 * k >= 2 * side)
}

/// The way of an f32 product, measured when the first product of its size comes.
pub(super) fn faster(m: usize, n: usize, k: usize) -> Way {
    let Some(side) = side(m, n, k) else { return Way { level: level(), path: Path::Plain } };
    match CHOSEN[side].load(Ordering::Relaxed) {
        0 => measure(side),
        place => all(place),
    }
}

/// The way that is faster on most machines.
pub(super) fn usual(m: usize, n: usize, k: usize) -> Way {
    let packs = side(m, n, k).is_some_and(|side| SIDES[side] >= level().packs_from());
    Way { level: level(), path: if packs { Path::Packed } else { Path::Plain } }
}

/// The places of the ways whose results are those of the machine's level. Without fused multiply-adds sums round otherwise, so where
/// the machine has them the baseline is left out.
fn places() -> std::ops::RangeInclusive<u8> {
    let last = level().place() as u8;
    2 * last.min(1) + 1..=2 * last + 2
}

/// Ways by their places.
fn all(place: u8) -> Way {
    let path = if place % 2 == 1 { Path::Plain } else { Path::Packed };
    Way { level: Level::at(usize::from(place - 1) / 2), path }
}

/// Measures every way at one size, and remembers the fastest.
#[cold]
fn measure(side: usize) -> Way {
    let size = SIDES[side];
    let (a, b, mut c) = (vec![0.5_f32; size * size], vec![0.25; size * size], vec![0.0; size * size]);
    let places = places();
    let mut seconds = [f64::INFINITY; 7];
    // In turn, so that other work on the machine meets all of them; the least time is the one that it disturbed least.
    let calls = 1 + 1_000_000 / size.pow(3);
    for _ in 0..if size > 128 { 8 } else { 20 } {
        for place in places.clone() {
            let Way { level, path } = all(place);
            let started = Instant::now();
            for _ in 0..calls {
                let a = View::rows(&a, size);
                let path = Some(path);
                let (b, sums) = (&b[..], Sums::PLAIN);
                let problem = Problem { path, m: size, n: size, k: size, a, b, turned: false, sums };
                run_at(level, problem, std::hint::black_box(&mut c));
            }
            let least = &mut seconds[usize::from(place)];
            *least = least.min(started.elapsed().max(Duration::from_nanos(1)).as_secs_f64());
        }
    }
    let usual = usual(size, size, size);
    let usual_place = places.clone().find(|place| all(*place) == usual).unwrap_or(*places.start());
    let fastest = places.min_by(|a, b| seconds[usize::from(*a)].total_cmp(&seconds[usize::from(*b)]));
    let place = match fastest {
        Some(place) if seconds[usize::from(place)] * MARGIN < seconds[usize::from(usual_place)] => place,
        _ => usual_place,
    };
    CHOSEN[side].store(place, Ordering::Relaxed);
    all(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_takes_the_way_of_the_largest_side_inside_it() {
        assert_eq!(side(15, 512, 512), None);
        assert_eq!(side(16, 63, 64), None);
        assert_eq!(side(64, 64, 43), Some(0));
        assert_eq!(side(64, 256, 100), Some(2));
        assert_eq!(side(256, 1024, 1024), Some(4));
    }

    #[test]
    fn a_measured_way_is_one_that_the_machine_has_and_stays() {
        for size in [64, 96, 128, 200, 300] {
            let first = faster(size, size, size);
            assert!(first.level <= level());
            assert_eq!(faster(size, size, size), first);
        }
        assert_eq!(faster(1, 512, 512), Way { level: level(), path: Path::Plain });
    }

    #[test]
    fn each_level_and_path_has_a_place() {
        assert!(places().any(|place| all(place).level == level()));
        for place in places() {
            let way = all(place);
            assert_eq!(2 * way.level.place() as u8 + u8::from(way.path == Path::Packed) + 1, place);
        }
    }
}
