//! Sine and cosine of one angle in f64, inlined.
//!
//! Simulators of moving bodies need both in every step; two calls into the platform's mathematical library would cost
//! more than the rest of the step. These functions also give the same bits on every platform, unlike a library.

use std::f64::consts::{FRAC_2_PI, FRAC_PI_4};

/// π/2 as a sum whose first two terms have 33 significant bits each: multiples of them below 2²⁰ are exact.
const FRAC_PI_2_PARTS: [f64; 3] =
    [1.570_796_326_734_125_6, 6.077_100_506_303_966e-11, 2.022_266_248_795_950_6e-21];

/// Angles beyond this are left to the platform's library; no simulator here makes so many turns.
const REDUCED_UP_TO: f64 = 1e5;

/// Sine and cosine of an angle in rad, each within 2.3 × 10⁻¹⁶.
#[inline(always)]
pub fn sin_cos(angle: f64) -> (f64, f64) {
    if angle.abs() <= FRAC_PI_4 { near_zero(angle) } else { any_quadrant(angle) }
}

/// Removes the nearest multiple of π/2 (Cody & Waite 1980), then puts sine and cosine in their quadrant's places.
#[inline]
fn any_quadrant(angle: f64) -> (f64, f64) {
    if angle.is_nan() || angle.abs() > REDUCED_UP_TO {
        return angle.sin_cos();
    }
    // Adding 1.5 × 2⁵² rounds to a whole number and leaves it in the lowest bits, without a call.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let shifted = angle * FRAC_2_PI + ROUND;
    let (quarters, quadrant) = (shifted - ROUND, shifted.to_bits());
    let rest = FRAC_PI_2_PARTS.iter().fold(angle, |rest, part| rest - quarters * part);
    let (sin, cos) = near_zero(rest);
    let (sin, cos) = if quadrant & 1 == 0 { (sin, cos) } else { (cos, sin) };
    let negate_if = |value: f64, negative: u64| f64::from_bits(value.to_bits() ^ (negative << 63));
    (negate_if(sin, (quadrant >> 1) & 1), negate_if(cos, ((quadrant + 1) >> 1) & 1))
}

/// Taylor series to x¹⁵ and x¹⁶, whose remainders within ±π/4 are below 5 × 10⁻¹⁷; summed in pairs (Estrin), so that
/// the processor does not wait for one product after the other.
#[inline(always)]
fn near_zero(x: f64) -> (f64, f64) {
    let x2 = x * x;
    let x4 = x2 * x2;
    let x8 = x4 * x4;
    let sin =
        (SIN[0] + SIN[1] * x2) + (SIN[2] + SIN[3] * x2) * x4 + ((SIN[4] + SIN[5] * x2) + SIN[6] * x4) * x8;
    let cos =
        (COS[0] + COS[1] * x2) + (COS[2] + COS[3] * x2) * x4 + ((COS[4] + COS[5] * x2) + COS[6] * x4) * x8;
    (x + x * x2 * sin, 1.0 - 0.5 * x2 + x4 * cos)
}

/// −1/3!, 1/5!, …, −1/15!
const SIN: [f64; 7] = reciprocal_factorials(3);
/// 1/4!, −1/6!, …, 1/16!
const COS: [f64; 7] = reciprocal_factorials(4);

/// 1/n! for every second n from `first`, with the signs of the two series.
const fn reciprocal_factorials(first: u64) -> [f64; 7] {
    let mut coefficients = [0.0; 7];
    let (mut n, mut factorial) = (1, 1_u64);
    while n <= first + 12 {
        factorial *= n;
        if n >= first && (n - first).is_multiple_of(2) {
            let sign = if n / 2 % 2 == 0 { 1.0 } else { -1.0 };
            coefficients[((n - first) / 2) as usize] = sign / factorial as f64;
        }
        n += 1;
    }
    coefficients
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The platform's library is itself within one unit in the last place, 1.1 × 10⁻¹⁶ near 1.
    #[test]
    fn it_agrees_with_the_platforms_library() {
        for (range, steps) in [(0.8, 400_000), (10.0, 400_000), (1e3, 400_000), (1e5, 400_000), (1e9, 1_000)]
        {
            let mut worst = 0.0_f64;
            for step in -steps..=steps {
                let angle = range * f64::from(step) / f64::from(steps);
                let (found, expected) = (sin_cos(angle), angle.sin_cos());
                worst = worst.max((found.0 - expected.0).abs()).max((found.1 - expected.1).abs());
            }
            println!("up to {range} rad: {worst:e}");
            assert!(worst < 3.4e-16, "up to {range} rad: {worst:e}");
        }
    }

    #[test]
    fn odd_even_and_special_angles() {
        assert_eq!(sin_cos(0.0), (0.0, 1.0));
        for angle in [0.3, 0.9, 2.0, 3.5, 5.0, 40.0] {
            let ((sin, cos), (minus_sin, plus_cos)) = (sin_cos(angle), sin_cos(-angle));
            assert_eq!((sin, cos), (-minus_sin, plus_cos));
            assert!((sin * sin + cos * cos - 1.0).abs() < 1e-15);
        }
        assert!(sin_cos(f64::NAN).0.is_nan() && sin_cos(f64::INFINITY).1.is_nan());
    }
}
