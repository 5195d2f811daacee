//! Loops over all elements: activations and their derivatives, sums of columns.

use crate::level::for_each_level;
use crate::real::Real;

for_each_level! {
    /// tanh of every element, in place.
    pub(crate) fn tanh<T: Real>(values: &mut [T]) = tanh_body
}

/// Elements that are worked on at once: one AVX-512 vector of f32.
const AT_ONCE: usize = 16;

#[inline(always)]
fn tanh_body<T: Real, const FUSED: bool>(values: &mut [T]) {
    map_at_once(values, |value| value.tangent::<FUSED>());
}

for_each_level! {
    /// eˣ of every element, from one slice to another.
    pub(crate) fn exp<T: Real>(from: &[T], to: &mut [T]) = exp_body
}

#[inline(always)]
fn exp_body<T: Real, const FUSED: bool>(from: &[T], to: &mut [T]) {
    let to = &mut to[..from.len()];
    to.copy_from_slice(from);
    map_at_once(to, |value| value.exponential::<FUSED>());
}

for_each_level! {
    /// eˣ of every element, in place.
    pub(crate) fn exp_in_place<T: Real>(values: &mut [T]) = exp_in_place_body
}

#[inline(always)]
fn exp_in_place_body<T: Real, const FUSED: bool>(values: &mut [T]) {
    map_at_once(values, |value| value.exponential::<FUSED>());
}

/// Applies a function to every element, a whole vector at a time; the rest through a padded vector too, since a scalar
/// tail would take as long as many vectors.
#[inline(always)]
fn map_at_once<T: Real>(values: &mut [T], function: impl Fn(T) -> T) {
    let mut chunks = values.chunks_exact_mut(AT_ONCE);
    for chunk in &mut chunks {
        chunk.iter_mut().for_each(|value| *value = function(*value));
    }
    let rest = chunks.into_remainder();
    if !rest.is_empty() {
        let mut padded = [T::ZERO; AT_ONCE];
        padded.iter_mut().zip(rest.iter()).for_each(|(to, from)| *to = *from);
        padded.iter_mut().for_each(|value| *value = function(*value));
        rest.iter_mut().zip(padded).for_each(|(to, from)| *to = from);
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
    /// Sum of each column of a matrix stored row by row.
    pub(crate) fn column_sums<T: Real>(matrix: &[T], sums: &mut [T]) = column_sums_body
}

#[inline(always)]
fn column_sums_body<T: Real, const FUSED: bool>(matrix: &[T], sums: &mut [T]) {
    sums.fill(T::ZERO);
    add_column_sums_body::<T, FUSED>(matrix, sums);
}

for_each_level! {
    /// Adds the sum of each column of a matrix stored row by row.
    pub(crate) fn add_column_sums<T: Real>(matrix: &[T], sums: &mut [T]) = add_column_sums_body
}

#[inline(always)]
fn add_column_sums_body<T: Real, const FUSED: bool>(matrix: &[T], sums: &mut [T]) {
    for row in matrix.chunks_exact(sums.len()) {
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += *value;
        }
    }
}

for_each_level! {
    /// Adds one slice to another.
    pub(crate) fn add<T: Real>(values: &[T], sums: &mut [T]) = add_body
}

#[inline(always)]
fn add_body<T: Real, const FUSED: bool>(values: &[T], sums: &mut [T]) {
    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += *value);
}

for_each_level! {
    /// The gradient where `activations` are positive, else 0: backward through the ReLU that made them, in place.
    pub(crate) fn relu_backward<T: Real>(activations: &[T], gradient: &mut [T]) = relu_backward_body
}

#[inline(always)]
fn relu_backward_body<T: Real, const FUSED: bool>(activations: &[T], gradient: &mut [T]) {
    for (y, gradient) in activations.iter().zip(gradient) {
        *gradient = if *y > T::ZERO { *gradient } else { T::ZERO };
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
