//! Floating-point numbers and their arithmetic: `f32` to train with, `f64` to check gradients on the very same code.

use std::fmt::Debug;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};

/// A floating-point number and its arithmetic.
pub trait Number:
    Copy
    + Send
    + Sync
    + Default
    + Debug
    + PartialOrd
    + Neg<Output = Self>
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + AddAssign
    + Sum
    + 'static
{
    /// 0
    const ZERO: Self;
    /// 1
    const ONE: Self;

    /// Rounded from f64.
    fn from_f64(value: f64) -> Self;
    /// Exactly from a byte.
    fn from_byte(value: u8) -> Self;
    /// Exactly as f64.
    fn to_f64(self) -> f64;
    /// `self × a + b`, in one rounding where `FUSED`, else in two. Never calls the mathematics library.
    fn multiply_add<const FUSED: bool>(self, a: Self, b: Self) -> Self;
    /// √
    fn sqrt(self) -> Self;
    /// eˣ, to 2 units in the last place for f32; the same bits alone and in a vector.
    fn exponential<const FUSED: bool>(self) -> Self;
    /// eˣ
    fn exp(self) -> Self {
        self.exponential::<false>()
    }
    /// Natural logarithm.
    fn ln(self) -> Self;
    /// Hyperbolic tangent, to 8 units in the last place for f32; the same bits alone and in a vector.
    fn tangent<const FUSED: bool>(self) -> Self;
    /// The greater number; `other` if `self` is not a number.
    fn max(self, other: Self) -> Self;
    /// The smaller number; `other` if `self` is not a number.
    fn min(self, other: Self) -> Self;
    /// Whether it is neither infinite nor NaN.
    fn is_finite(self) -> bool;
    /// 0 where it is subnormal, otherwise itself. Processors compute with subnormal numbers a hundred times more slowly.
    fn without_subnormal(self) -> Self;
}

impl Number for f32 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;

    #[inline(always)]
    fn from_f64(value: f64) -> Self {
        value as f32
    }
    #[inline(always)]
    fn from_byte(value: u8) -> Self {
        f32::from(value)
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
    #[inline(always)]
    fn multiply_add<const FUSED: bool>(self, a: Self, b: Self) -> Self {
        if FUSED { self.mul_add(a, b) } else { self * a + b }
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        self.sqrt()
    }
    #[inline(always)]
    fn exponential<const FUSED: bool>(self) -> Self {
        exponential::<FUSED>(self)
    }
    #[inline(always)]
    fn ln(self) -> Self {
        self.ln()
    }
    #[inline(always)]
    fn tangent<const FUSED: bool>(self) -> Self {
        tangent::<FUSED>(self)
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.max(other)
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        self.min(other)
    }
    #[inline(always)]
    fn is_finite(self) -> bool {
        self.is_finite()
    }
    #[inline(always)]
    fn without_subnormal(self) -> Self {
        if self.abs() < f32::MIN_POSITIVE { 0.0 } else { self }
    }
}

impl Number for f64 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;

    #[inline(always)]
    fn from_f64(value: f64) -> Self {
        value
    }
    #[inline(always)]
    fn from_byte(value: u8) -> Self {
        f64::from(value)
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        self
    }
    #[inline(always)]
    fn multiply_add<const FUSED: bool>(self, a: Self, b: Self) -> Self {
        self * a + b
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        self.sqrt()
    }
    #[inline(always)]
    fn exponential<const FUSED: bool>(self) -> Self {
        self.exp()
    }
    #[inline(always)]
    fn ln(self) -> Self {
        self.ln()
    }
    #[inline(always)]
    fn tangent<const FUSED: bool>(self) -> Self {
        self.tanh()
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.max(other)
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        self.min(other)
    }
    #[inline(always)]
    fn is_finite(self) -> bool {
        self.is_finite()
    }
    #[inline(always)]
    fn without_subnormal(self) -> Self {
        if self.abs() < f64::MIN_POSITIVE { 0.0 } else { self }
    }
}

/// e^x = 2^n · e^r with n = round(x / ln 2) and |r| ≤ ln 2 / 2; e^r by its Taylor polynomial to degree 7, whose
/// remainder there is below 2⁻²⁷. Straight-line code, so that loops over it vectorise.
#[inline(always)]
fn exponential<const FUSED: bool>(x: f32) -> f32 {
    // Below −87.3 the result is not a normal number any more; we say 0. Above 88.7 it is infinite.
    const LOWEST: f32 = -87.336_54;
    const HIGHEST: f32 = 88.722_84;
    // ln 2 in two parts, the first with trailing zeros, so that n · LN2_HIGH is exact.
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    // Adding 1.5 · 2²³ rounds to an integer, which then stands in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let held = if x > HIGHEST { HIGHEST } else { x };
    let held = if held < LOWEST { LOWEST } else { held };
    let shifted = held.multiply_add::<FUSED>(std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = n.multiply_add::<FUSED>(-LN2_HIGH, held);
    let r = n.multiply_add::<FUSED>(-LN2_LOW, r);
    let mut polynomial = 1.0 / 5040.0;
    for coefficient in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        polynomial = r.multiply_add::<FUSED>(polynomial, coefficient);
    }
    // 2^n in two factors, since 2^128 does not fit one.
    let half = |n: u32| f32::from_bits(n.wrapping_add(127) << 23);
    let n = shifted.to_bits().wrapping_sub(ROUND.to_bits()) as i32;
    let (first, second) = (n >> 1, n - (n >> 1));
    let value = polynomial * half(first as u32) * half(second as u32);
    let value = if x < LOWEST { 0.0 } else { value };
    let value = if x > HIGHEST { f32::INFINITY } else { value };
    if x.is_nan() { x } else { value }
}

/// tanh as a quotient of an odd polynomial of degree 13 and an even one of degree 6, minimax-fitted on ±7.9, beyond
/// which it is ±1 in f32 (coefficients as published with Eigen's `generic_fast_tanh`).
#[inline(always)]
fn tangent<const FUSED: bool>(x: f32) -> f32 {
    const LIMIT: f32 = 7.905_311;
    let held = if x > LIMIT { LIMIT } else { x };
    let held = if held < -LIMIT { -LIMIT } else { held };
    let square = held * held;
    let mut odd = -2.760_768_5e-16;
    for coefficient in
        [2.000_188e-13, -8.604_672e-11, 5.122_297e-8, 1.485_722_4e-5, 6.372_619_3e-4, 4.893_524_6e-3]
    {
        odd = square.multiply_add::<FUSED>(odd, coefficient);
    }
    let mut even = 1.198_258_4e-6;
    for coefficient in [1.185_347_1e-4, 2.268_434_6e-3, 4.893_525e-3] {
        even = square.multiply_add::<FUSED>(even, coefficient);
    }
    let value = held * odd / even;
    let value = if value > 1.0 { 1.0 } else { value };
    if value < -1.0 { -1.0 } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Units in the last place between two numbers of like sign.
    fn ulps(a: f32, b: f32) -> u32 {
        (a.to_bits() as i32).abs_diff(b.to_bits() as i32)
    }

    #[test]
    fn exponential_and_tangent_are_accurate_to_a_few_units_in_the_last_place() {
        let (mut worst_exp, mut worst_tanh) = (0, 0);
        for step in -1_000_000..=1_000_000 {
            let x = step as f32 * 8.73e-5;
            for value in [exponential::<true>(x), exponential::<false>(x)] {
                worst_exp = worst_exp.max(ulps(value, f64::from(x).exp() as f32));
            }
            let x = step as f32 * 1e-5;
            for value in [tangent::<true>(x), tangent::<false>(x)] {
                worst_tanh = worst_tanh.max(ulps(value, f64::from(x).tanh() as f32));
            }
        }
        assert!(worst_exp <= 2, "exp is {worst_exp} units off");
        assert!(worst_tanh <= 8, "tanh is {worst_tanh} units off");
    }

    #[test]
    fn limits_and_not_a_number() {
        assert_eq!((exponential::<true>(0.0), tangent::<true>(0.0)), (1.0, 0.0));
        assert_eq!((exponential::<true>(-1e9), exponential::<false>(f32::NEG_INFINITY)), (0.0, 0.0));
        assert_eq!(
            (exponential::<true>(1e9), exponential::<true>(f32::INFINITY)),
            (f32::INFINITY, f32::INFINITY)
        );
        assert!(
            (tangent::<true>(f32::INFINITY) - 1.0).abs() < 1e-6 && (tangent::<true>(-1e9) + 1.0).abs() < 1e-6
        );
        assert!(exponential::<true>(f32::NAN).is_nan() && tangent::<true>(f32::NAN).is_nan());
        for step in 0..1000 {
            assert!(tangent::<true>(step as f32 * 0.02).abs() <= 1.0);
        }
    }
}
