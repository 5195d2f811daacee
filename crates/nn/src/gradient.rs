//! Norms of gradients and their clipping.

use crate::level::for_each_level;
use crate::real::Real;

for_each_level! {
    /// Σ g², in one fixed order.
    pub fn squared_norm<T: Real>(gradient: &[T]) -> f64 = squared_norm_body
}

#[inline(always)]
fn squared_norm_body<T: Real, const FUSED: bool>(gradient: &[T]) -> f64 {
    // Sixteen sums side by side make it a vector loop, and keep its order whatever the vectors' width.
    let mut sums = [T::ZERO; 16];
    let chunks = gradient.chunks_exact(16);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (sum, value) in sums.iter_mut().zip(chunk) {
            *sum = value.multiply_add::<FUSED>(*value, *sum);
        }
    }
    for (sum, value) in sums.iter_mut().zip(rest) {
        *sum = value.multiply_add::<FUSED>(*value, *sum);
    }
    sums.iter().map(|sum| sum.to_f64()).sum()
}

/// The factor that brings a gradient's norm down to `max_norm`, at most 1 (PyTorch's `clip_grad_norm_`).
pub fn clip_scale(squared_norm: f64, max_norm: f64) -> f64 {
    (max_norm / (squared_norm.sqrt() + 1e-6)).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn norm_and_clip_by_hand() {
        let gradient: Vec<f32> = (1..=37).map(|i| i as f32).collect();
        assert_eq!(squared_norm(&gradient), (1..=37).map(|i| f64::from(i * i)).sum::<f64>());
        assert_eq!(clip_scale(0.01, 0.5), 1.0);
        assert!((clip_scale(25.0, 0.5) - 0.1).abs() < 1e-6);
        assert_eq!(clip_scale(f64::INFINITY, 0.5), 0.0);
    }
}
