//! Loops over all elements: activations and their derivatives, sums of columns.

use crate::level::for_each_level;
use crate::real::Real;

for_each_level! {
    /// tanh of every element, in place.
    pub(crate) fn tanh<T: Real>(values: &mut [T]) = tanh_body
}

#[inline(always)]
fn tanh_body<T: Real, const FUSED: bool>(values: &mut [T]) {
    for value in values {
        *value = value.tangent::<FUSED>();
    }
}

for_each_level! {
    /// eˣ of every element, from one slice to another.
    pub(crate) fn exp<T: Real>(from: &[T], to: &mut [T]) = exp_body
}

#[inline(always)]
fn exp_body<T: Real, const FUSED: bool>(from: &[T], to: &mut [T]) {
    for (from, to) in from.iter().zip(to) {
        *to = from.exponential::<FUSED>();
    }
}

for_each_level! {
    /// `gradient × (1 − y²)`: backward through y = tanh(x), in place.
    pub(crate) fn tanh_backward<T: Real>(activations: &[T], gradient: &mut [T]) = tanh_backward_body
}

#[inline(always)]
fn tanh_backward_body<T: Real, const FUSED: bool>(activations: &[T], gradient: &mut [T]) {
    for (y, gradient) in activations.iter().zip(gradient) {
        *gradient = *gradient * (-*y).multiply_add::<FUSED>(*y, T::ONE);
    }
}

for_each_level! {
    /// max(x, 0) of every element, in place.
    pub(crate) fn relu<T: Real>(values: &mut [T]) = relu_body
}

#[inline(always)]
fn relu_body<T: Real, const FUSED: bool>(values: &mut [T]) {
    for value in values {
        // Written so that NaN stays NaN.
        *value = if *value < T::ZERO { T::ZERO } else { *value };
    }
}

for_each_level! {
    /// The gradient where the unit was active, else 0: backward through y = max(x, 0), in place.
    pub(crate) fn relu_backward<T: Real>(activations: &[T], gradient: &mut [T]) = relu_backward_body
}

#[inline(always)]
fn relu_backward_body<T: Real, const FUSED: bool>(activations: &[T], gradient: &mut [T]) {
    for (y, gradient) in activations.iter().zip(gradient) {
        *gradient = if *y > T::ZERO { *gradient } else { T::ZERO };
    }
}

for_each_level! {
    /// Sum of each column of a matrix stored row by row.
    pub(crate) fn column_sums<T: Real>(matrix: &[T], sums: &mut [T]) = column_sums_body
}

#[inline(always)]
fn column_sums_body<T: Real, const FUSED: bool>(matrix: &[T], sums: &mut [T]) {
    sums.fill(T::ZERO);
    for row in matrix.chunks_exact(sums.len()) {
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += *value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bits of an element do not depend on where it stands: vector body and scalar tail are the same operations.
    #[test]
    fn an_element_is_the_same_alone_and_in_any_slice() {
        let values: Vec<f32> = (0..103).map(|i| (i as f32 * 0.37).sin() * 6.0).collect();
        let mut tangents = values.clone();
        tanh(&mut tangents);
        let mut exponentials = vec![0.0; values.len()];
        exp(&values, &mut exponentials);
        for (index, value) in values.iter().enumerate() {
            let mut alone = [*value];
            tanh(&mut alone);
            assert_eq!(alone[0].to_bits(), tangents[index].to_bits());
            exp(&[*value], &mut alone);
            assert_eq!(alone[0].to_bits(), exponentials[index].to_bits());
        }
    }
}
