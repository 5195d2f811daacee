//! The exponential function in f64, inlined.
//!
//! Simulators of reactions need it in every step. Like [`crate::trigonometry`], it gives the same bits on every platform, unlike
//! a library, and a loop around it waits for no call.

use std::f64::consts::LOG2_E;

/// ln 2 as a sum whose first term has 33 significant bits: multiples of it below 2²⁰ are exact.
const LN_2_PARTS: [f64; 2] = [0.693_147_180_369_123_8, 1.908_214_929_270_587_7e-10];

/// Exponents beyond this are left to the platform's library; there the result is no normal number, or nearly none.
const REDUCED_UP_TO: f64 = 700.0;

/// e to the power of `x`, within 3 × 10⁻¹⁶ of its value.
#[inline(always)]
pub fn exp(x: f64) -> f64 {
    if x.abs() <= REDUCED_UP_TO { within_range(x) } else { x.exp() }
}

/// x = n ln 2 + r: e^x is 2ⁿ · e^r.
#[inline(always)]
fn within_range(x: f64) -> f64 {
    // Adding 1.5 × 2⁵² rounds to a whole number and leaves it in the lowest bits, without a call.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let shifted = x * LOG2_E + ROUND;
    let (halvings, bits) = (shifted - ROUND, shifted.to_bits());
    let rest = (x - halvings * LN_2_PARTS[0]) - halvings * LN_2_PARTS[1];
    let scale = f64::from_bits((bits.wrapping_add(1023)) << 52);
    near_zero(rest) * scale
}

/// Taylor series to r¹³, whose remainder within ±ln 2/2 is below 5 × 10⁻¹⁸; summed in pairs (Estrin), so that the processor
/// does not wait for one product after the other.
#[inline(always)]
fn near_zero(r: f64) -> f64 {
    let r2 = r * r;
    let r4 = r2 * r2;
    let pair = |n: usize| C[n] + C[n + 1] * r;
    let low = (0.5 + C[3] * r) + pair(4) * r2;
    let high = (pair(6) + pair(8) * r2) + (pair(10) + pair(12) * r2) * r4;
    1.0 + (r + r2 * (low + high * r4))
}

/// 1/n!
const C: [f64; 14] = reciprocal_factorials();

const fn reciprocal_factorials() -> [f64; 14] {
    let mut coefficients = [1.0; 14];
    let (mut n, mut factorial) = (1, 1_u64);
    while n < 14 {
        factorial *= n as u64;
        coefficients[n] = 1.0 / factorial as f64;
        n += 1;
    }
    coefficients
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The platform's library is itself within one unit in the last place.
    #[test]
    fn it_agrees_with_the_platforms_library() {
        for (range, steps) in [(0.4, 400_000), (40.0, 400_000), (700.0, 400_000), (800.0, 1_000)] {
            let mut worst = 0.0_f64;
            for step in -steps..=steps {
                let x = range * f64::from(step) / f64::from(steps);
                let (found, expected) = (exp(x), x.exp());
                if expected.is_normal() {
                    worst = worst.max((found / expected - 1.0).abs());
                } else {
                    assert_eq!(found, expected, "{x}");
                }
            }
            println!("up to {range}: {worst:e}");
            assert!(worst < 4.5e-16, "up to {range}: {worst:e}");
        }
    }

    #[test]
    fn special_numbers() {
        assert_eq!((exp(0.0), exp(f64::NEG_INFINITY), exp(f64::INFINITY)), (1.0, 0.0, f64::INFINITY));
        assert!(exp(f64::NAN).is_nan());
    }
}
