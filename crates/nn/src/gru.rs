//! A memory: a gated recurrent unit (Cho et al. 2014), as PyTorch's `nn.GRU` with one layer.
//!
//! ```text
//! r = σ(W_ir x + b_ir + W_hr h + b_hr)
//! z = σ(W_iz x + b_iz + W_hz h + b_hz)
//! n = tanh(W_in x + b_in + r ∘ (W_hn h + b_hn))
//! h' = (1 − z) ∘ n + z ∘ h
//! ```
//!
//! Rows are `[time, sequences]`. The products with the inputs are one product over all times; only those with h run
//! time by time.

use std::ops::Range;

use crate::elementwise;
use crate::initialize;
use crate::inputs::Sequences;
use crate::layer::{Activation, Layer};
use crate::level::for_each_level;
use crate::matmul::Finish;
use crate::real::Real;

/// The shape of a memory. Its part of the parameter slice has the input weights `[inputs, 3 · hidden]`, the input bias
/// `[3 · hidden]`, the recurrent weights `[hidden, 3 · hidden]` and the recurrent bias `[3 · hidden]`, each with the
/// columns of r, z and n side by side. There are two biases as in PyTorch, since r multiplies that of n.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gru {
    /// Numbers of an input.
    pub inputs: usize,
    /// Numbers of the memory, which are its output too.
    pub hidden: usize,
}

/// Buffers of a memory for up to a number of rows (times × sequences), allocated once.
#[derive(Clone, Debug)]
pub(crate) struct Workspace<T> {
    /// r, z and n of each row, `[rows, 3 · hidden]`.
    gates: Vec<T>,
    /// The sums with h of each row, `[rows, 3 · hidden]`.
    recurrent: Vec<T>,
    /// h before each row, after a reset, `[rows, hidden]`.
    before: Vec<T>,
    /// h after each row, `[rows, hidden]`.
    after: Vec<T>,
    /// dL / d (sums with x), `[rows, 3 · hidden]`.
    input_delta: Vec<T>,
    /// dL / d (sums with h), `[rows, 3 · hidden]`.
    recurrent_delta: Vec<T>,
    /// dL/dh of one time, from the times after it and then from the outputs too, `[sequences, hidden]`.
    carry: Vec<T>,
    /// The part of `carry` that comes through the sums with h, `[sequences, hidden]`.
    through_sums: Vec<T>,
    transposed: Vec<T>,
    /// Rows that began an episode in the last forward pass.
    starts: Vec<bool>,
    /// Sequences of the last forward pass.
    count: usize,
    /// Where its final state lies in `after`.
    last: Range<usize>,
}

impl<T> Workspace<T> {
    /// The memory after the last time of the last forward pass, `[sequences, hidden]`.
    pub fn state(&self) -> &[T] {
        &self.after[self.last.clone()]
    }

    /// The outputs of the last forward pass, and whatever the buffer holds after them.
    pub fn outputs(&self) -> &[T] {
        &self.after
    }
}

impl Gru {
    /// Length of its part of the parameter slice.
    pub fn parameters(&self) -> usize {
        (self.inputs + 1 + self.hidden + 1) * 3 * self.hidden
    }

    /// The maps from the input and from the memory to the sums of the gates.
    pub(crate) fn layers(&self) -> [Layer; 2] {
        let input = Layer::at(0, self.inputs, 3 * self.hidden, Activation::Linear);
        let recurrent = Layer::at(input.bias.end, self.hidden, 3 * self.hidden, Activation::Linear);
        [input, recurrent]
    }

    /// Each gate's weights orthogonal, with a gain; all biases 0.
    pub(crate) fn initialize_orthogonal<T: Real>(
        &self,
        parameters: &mut [T],
        gain: f64,
        normal: &mut impl FnMut() -> f64,
    ) {
        for layer in self.layers() {
            let mut gate = vec![T::ZERO; layer.inputs * self.hidden];
            for start in [0, self.hidden, 2 * self.hidden] {
                initialize::orthogonal(&mut gate, layer.inputs, self.hidden, gain, normal);
                let rows = parameters[layer.weights.clone()].chunks_exact_mut(3 * self.hidden);
                for (row, gate) in rows.zip(gate.chunks_exact(self.hidden)) {
                    row[start..start + self.hidden].copy_from_slice(gate);
                }
            }
            initialize::zero(&mut parameters[layer.bias]);
        }
    }

    /// Weights and biases uniform in ±1/√hidden (PyTorch's default).
    pub(crate) fn initialize_uniform<T: Real>(&self, parameters: &mut [T], unit: &mut impl FnMut() -> f64) {
        initialize::uniform(parameters, 1.0 / (self.hidden as f64).sqrt(), unit);
    }

    /// Buffers for up to `rows_max` rows.
    pub(crate) fn workspace<T: Real>(&self, rows_max: usize) -> Workspace<T> {
        let zeros = |n: usize| vec![T::ZERO; n];
        let (gates, states) = (rows_max * 3 * self.hidden, rows_max * self.hidden);
        Workspace {
            gates: zeros(gates),
            recurrent: zeros(gates),
            before: zeros(states),
            after: zeros(states),
            input_delta: zeros(gates),
            recurrent_delta: zeros(gates),
            carry: zeros(states),
            through_sums: zeros(states),
            transposed: zeros(self.inputs.max(self.hidden) * 3 * self.hidden),
            starts: vec![false; rows_max],
            count: 0,
            last: 0..0,
        }
    }

    /// Runs `rows` inputs `[time, sequences, inputs]` through the memory; the workspace keeps the outputs
    /// `[time, sequences, hidden]`. `parameters` is the memory's part of the slice.
    ///
    /// # Panics
    /// If the state is shorter than `[sequences, hidden]`.
    pub(crate) fn forward<T: Real>(
        &self,
        parameters: &[T],
        input: &[T],
        sequences: Sequences<'_, T>,
        rows: usize,
        workspace: &mut Workspace<T>,
    ) {
        let Sequences { count, starts: begun, state } = sequences;
        let [input_layer, recurrent_layer] = self.layers();
        let (hidden, states) = (self.hidden, count * self.hidden);
        let Workspace { gates, recurrent, before, after, starts, last, .. } = workspace;
        let starts = &mut starts[..rows];
        if begun.is_empty() {
            starts.fill(false);
        } else {
            starts.copy_from_slice(&begun[..rows]);
        }
        workspace.count = count;
        *last = (rows * hidden).saturating_sub(states)..rows * hidden;
        input_layer.forward(parameters, input, rows, &mut gates[..rows * 3 * hidden]);
        for first in (0..rows).step_by(count) {
            let (past, after) = after.split_at_mut(first * hidden);
            let before = &mut before[first * hidden..][..states];
            match first.checked_sub(count) {
                Some(previous) => before.copy_from_slice(&past[previous * hidden..]),
                None if state.is_empty() => before.fill(T::ZERO),
                None => before.copy_from_slice(&state[..states]),
            }
            reset(&starts[first..first + count], hidden, before);
            let recurrent = &mut recurrent[first * 3 * hidden..][..3 * states];
            recurrent_layer.forward(parameters, before, count, recurrent);
            let gates = &mut gates[first * 3 * hidden..][..3 * states];
            open(hidden, recurrent, before, gates, &mut after[..states]);
        }
    }

    /// From dL/d output `[time, sequences, hidden]` of the last [`Gru::forward`] to dL/d parameters, which overwrites
    /// `gradient`, and to dL/d input, which overwrites `input_gradient`, for those that are wanted.
    #[expect(clippy::too_many_arguments, reason = "one argument for each block of numbers")]
    pub(crate) fn backward<T: Real>(
        &self,
        parameters: &[T],
        input: &[T],
        rows: usize,
        workspace: &mut Workspace<T>,
        output_gradient: &[T],
        gradient: Option<&mut [T]>,
        input_gradient: Option<&mut [T]>,
    ) {
        let [input_layer, recurrent_layer] = self.layers();
        self.through_time(parameters, rows, workspace, output_gradient);
        let Workspace { before, input_delta, recurrent_delta, transposed, .. } = workspace;
        let sums = rows * 3 * self.hidden;
        if let Some(gradient) = gradient {
            input_layer.gradient(input, rows, &input_delta[..sums], gradient);
            recurrent_layer.gradient(before, rows, &recurrent_delta[..sums], gradient);
        }
        if let Some(input_gradient) = input_gradient {
            input_layer.transpose(parameters, transposed);
            input_layer.below(transposed, rows, &input_delta[..sums], Finish::Plain, input_gradient);
        }
    }

    /// dL / d (sums with x and with h) of every row, the last time first.
    fn through_time<T: Real>(
        &self,
        parameters: &[T],
        rows: usize,
        workspace: &mut Workspace<T>,
        output_gradient: &[T],
    ) {
        let (hidden, count) = (self.hidden, workspace.count);
        let states = count * hidden;
        let [_, layer] = self.layers();
        let Workspace { gates, recurrent, before, input_delta, recurrent_delta, .. } = workspace;
        let Workspace { carry, through_sums, transposed, starts, .. } = workspace;
        layer.transpose(parameters, transposed);
        let (carry, through_sums) = (&mut carry[..states], &mut through_sums[..states]);
        carry.fill(T::ZERO);
        for first in (0..rows).step_by(count).rev() {
            let (at, of_gates) = (first * hidden, first * 3 * hidden..(first + count) * 3 * hidden);
            elementwise::add(&output_gradient[at..at + states], carry);
            let recurrent_delta = &mut recurrent_delta[of_gates.clone()];
            open_backward(
                hidden,
                &gates[of_gates.clone()],
                &recurrent[of_gates.clone()],
                &before[at..at + states],
                carry,
                &mut input_delta[of_gates],
                recurrent_delta,
            );
            layer.below(transposed, count, recurrent_delta, Finish::Plain, through_sums);
            elementwise::add(through_sums, carry);
            reset(&starts[first..first + count], hidden, carry);
        }
    }
}

/// Sets the rows `[sequences, hidden]` of sequences that start an episode to 0.
fn reset<T: Real>(starts: &[bool], hidden: usize, rows: &mut [T]) {
    for (row, _) in rows.chunks_exact_mut(hidden).zip(starts).filter(|(_, starts)| **starts) {
        row.fill(T::ZERO);
    }
}

#[inline(always)]
fn sigmoid<T: Real, const FUSED: bool>(x: T) -> T {
    T::ONE / (T::ONE + (-x).exponential::<FUSED>())
}

for_each_level! {
    /// The sums with x in `gates` become r, z and n; h before them becomes h after them.
    fn open<T: Real>(hidden: usize, recurrent: &[T], before: &[T], gates: &mut [T], after: &mut [T]) = open_body
}

#[inline(always)]
fn open_body<T: Real, const FUSED: bool>(
    hidden: usize,
    recurrent: &[T],
    before: &[T],
    gates: &mut [T],
    after: &mut [T],
) {
    let rows = gates.chunks_exact_mut(3 * hidden).zip(recurrent.chunks_exact(3 * hidden));
    let states = before.chunks_exact(hidden).zip(after.chunks_exact_mut(hidden));
    for ((gates, recurrent), (before, after)) in rows.zip(states) {
        let (r_and_z, n) = gates.split_at_mut(2 * hidden);
        let (of_r_and_z, of_n) = recurrent.split_at(2 * hidden);
        for (gate, recurrent) in r_and_z.iter_mut().zip(of_r_and_z) {
            *gate = sigmoid::<T, FUSED>(*gate + *recurrent);
        }
        let (r, z) = r_and_z.split_at(hidden);
        for ((n, r), recurrent) in n.iter_mut().zip(r).zip(of_n) {
            *n = r.multiply_add::<FUSED>(*recurrent, *n).tangent::<FUSED>();
        }
        for (((after, before), z), n) in after.iter_mut().zip(before).zip(z).zip(n) {
            *after = z.multiply_add::<FUSED>(*before - *n, *n);
        }
    }
}

for_each_level! {
    /// dL / d (sums with x and with h) from dL/dh in `carry`, which becomes dL / d (h before) without the part through
    /// the sums with h.
    fn open_backward<T: Real>(
        hidden: usize,
        gates: &[T],
        recurrent: &[T],
        before: &[T],
        carry: &mut [T],
        input_delta: &mut [T],
        recurrent_delta: &mut [T],
    ) = open_backward_body
}

#[inline(always)]
fn open_backward_body<T: Real, const FUSED: bool>(
    hidden: usize,
    gates: &[T],
    recurrent: &[T],
    before: &[T],
    carry: &mut [T],
    input_delta: &mut [T],
    recurrent_delta: &mut [T],
) {
    for (row, carry) in carry.chunks_exact_mut(hidden).enumerate() {
        let at = row * 3 * hidden..(row + 1) * 3 * hidden;
        let (gates, input_delta) = (&gates[at.clone()], &mut input_delta[at.clone()]);
        let of_n = &recurrent[at.clone()][2 * hidden..];
        let before = &before[row * hidden..][..hidden];
        let (r, z, n) = thirds(gates);
        let (to_r, rest) = input_delta.split_at_mut(hidden);
        let (to_z, to_n) = rest.split_at_mut(hidden);
        for ((((to_z, to_n), carry), before), (z, n)) in
            to_z.iter_mut().zip(&mut *to_n).zip(&mut *carry).zip(before).zip(z.iter().zip(n))
        {
            let stays = T::ONE - *z;
            *to_z = *carry * (*before - *n) * *z * stays;
            *to_n = *carry * stays * (T::ONE - *n * *n);
            *carry = *carry * *z;
        }
        for (((to_r, to_n), r), of_n) in to_r.iter_mut().zip(&*to_n).zip(r).zip(of_n) {
            *to_r = *to_n * *of_n * *r * (T::ONE - *r);
        }
        // The sums of r and z are shared; r multiplies the sum of n with h.
        let recurrent_delta = &mut recurrent_delta[at];
        recurrent_delta.copy_from_slice(input_delta);
        for (to_n, r) in recurrent_delta[2 * hidden..].iter_mut().zip(r) {
            *to_n = *to_n * *r;
        }
    }
}

/// The parts of r, z and n.
fn thirds<T>(row: &[T]) -> (&[T], &[T], &[T]) {
    let (r, rest) = row.split_at(row.len() / 3);
    let (z, n) = rest.split_at(row.len() / 3);
    (r, z, n)
}
