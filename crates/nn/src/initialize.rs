//! Initial weights.

use crate::real::Real;

/// All zero.
pub fn zero<T: Real>(values: &mut [T]) {
    values.fill(T::ZERO);
}

/// Uniform in ±`bound`. `unit` is uniform in [0, 1).
pub fn uniform<T: Real>(values: &mut [T], bound: f64, unit: &mut impl FnMut() -> f64) {
    for value in values {
        *value = T::from_f64((2.0 * unit() - 1.0) * bound);
    }
}

/// A matrix `[inputs, outputs]` whose rows or columns, whichever are fewer, are orthonormal, times `gain` (Saxe et al.
/// 2014): the Q of a normal matrix, made by modified Gram–Schmidt, which keeps its distribution uniform (Haar).
pub fn orthogonal<T: Real>(
    weights: &mut [T],
    inputs: usize,
    outputs: usize,
    gain: f64,
    normal: &mut impl FnMut() -> f64,
) {
    assert_eq!(weights.len(), inputs * outputs, "a weight for each input and output");
    let (count, length) = (inputs.min(outputs), inputs.max(outputs));
    let mut vectors: Vec<Vec<f64>> = Vec::with_capacity(count);
    while vectors.len() < count {
        let mut vector: Vec<f64> = (0..length).map(|_| normal()).collect();
        // Twice is enough (Kahan, in Parlett 1980): the second pass removes what rounding left.
        for _ in 0..2 {
            for other in &vectors {
                let dot: f64 = vector.iter().zip(other).map(|(a, b)| a * b).sum();
                vector.iter_mut().zip(other).for_each(|(a, b)| *a -= dot * b);
            }
        }
        let norm = vector.iter().map(|value| value * value).sum::<f64>().sqrt();
        // A vector that lies among the others has no direction of its own; the next draw will.
        if norm > 1e-9 {
            vector.iter_mut().for_each(|value| *value /= norm);
            vectors.push(vector);
        }
    }
    for (index, weight) in weights.iter_mut().enumerate() {
        let (input, output) = (index / outputs, index % outputs);
        let value = if inputs >= outputs { vectors[output][input] } else { vectors[input][output] };
        *weight = T::from_f64(gain * value);
    }
}
