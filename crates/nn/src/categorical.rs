//! The categorical distribution over named choices, with masks.

use crate::elementwise;
use crate::real::Real;

/// log p of a forbidden choice: its probability underflows to exactly 0, and 0 × this stays 0.
const FORBIDDEN: f64 = -1e9;
/// Elements whose exponentials are taken at once, on the stack.
const BLOCK: usize = 512;
/// The same for a single short row.
const SMALL: usize = 32;

/// Turns rows of logits `[rows, choices]` into log-probabilities, in place. `mask`, if given, has the same shape;
/// `false` forbids a choice.
///
/// # Panics
/// If a mask leaves a row nothing.
pub fn log_probabilities<T: Real>(logits: &mut [T], choices: usize, mask: Option<&[bool]>) {
    forbid(logits, choices, mask);
    if logits.len() <= SMALL {
        // One decision: clearing a whole block would cost more than the rest.
        return normalize(logits, choices, &mut [T::ZERO; SMALL]);
    }
    if choices <= BLOCK {
        return normalize(logits, choices, &mut [T::ZERO; BLOCK]);
    }
    normalize(logits, choices, &mut vec![T::ZERO; choices]);
}

/// Turns rows of logits into probabilities, in place; masks as for [`log_probabilities`].
pub fn probabilities<T: Real>(logits: &mut [T], choices: usize, mask: Option<&[bool]>) {
    forbid(logits, choices, mask);
    for row in logits.chunks_exact_mut(choices) {
        subtract_greatest(row);
        elementwise::exp_in_place(row);
        let inverse = T::ONE / row.iter().copied().sum::<T>();
        row.iter_mut().for_each(|probability| *probability = *probability * inverse);
    }
}

/// Takes forbidden choices out of rows of logits.
fn forbid<T: Real>(logits: &mut [T], choices: usize, mask: Option<&[bool]>) {
    let Some(mask) = mask else { return };
    assert_eq!(mask.len(), logits.len(), "a mask has the logits' shape");
    for (row, mask) in logits.chunks_exact_mut(choices).zip(mask.chunks_exact(choices)) {
        assert!(mask.contains(&true), "a mask must leave at least one choice");
        for (logit, allowed) in row.iter_mut().zip(mask) {
            *logit = if *allowed { *logit } else { T::from_f64(FORBIDDEN) };
        }
    }
}

/// Keeps exponentials within range.
fn subtract_greatest<T: Real>(row: &mut [T]) {
    let greatest = row.iter().fold(row[0], |greatest, logit| greatest.max(*logit));
    row.iter_mut().for_each(|logit| *logit = *logit - greatest);
}

/// Subtracts the logarithm of each row's sum of exponentials, as many rows at once as the buffer holds.
fn normalize<T: Real>(logits: &mut [T], choices: usize, exponentials: &mut [T]) {
    let rows_at_once = exponentials.len() / choices;
    for block in logits.chunks_mut(rows_at_once * choices) {
        block.chunks_exact_mut(choices).for_each(subtract_greatest);
        let exponentials = &mut exponentials[..block.len()];
        elementwise::exp(block, exponentials);
        for (row, exponentials) in block.chunks_exact_mut(choices).zip(exponentials.chunks_exact(choices)) {
            let log_sum = exponentials.iter().copied().sum::<T>().ln();
            row.iter_mut().for_each(|logit| *logit = *logit - log_sum);
        }
    }
}

/// H = −Σ p log p of one row of log-probabilities, in nats.
pub fn entropy<T: Real>(row: &[T]) -> T {
    -row.iter().map(|log| log.exp() * *log).sum::<T>()
}

/// The choice whose share of [0, 1) a uniform number falls into, of one row of log-probabilities. A forbidden choice has
/// no share, whatever the number.
pub fn sample<T: Real>(row: &[T], uniform: T) -> usize {
    sample_shares(row.iter().map(|log| log.exp()), uniform)
}

/// As [`sample`], of one row of probabilities.
pub fn sample_probability<T: Real>(row: &[T], uniform: T) -> usize {
    sample_shares(row.iter().copied(), uniform)
}

fn sample_shares<T: Real>(shares: impl Iterator<Item = T>, uniform: T) -> usize {
    let mut sum = T::ZERO;
    let mut last = 0;
    for (choice, probability) in shares.enumerate() {
        if probability > T::ZERO {
            last = choice;
            sum += probability;
            if uniform < sum {
                return choice;
            }
        }
    }
    // The shares may sum to a little less than 1.
    last
}

/// The most probable choice; the first of several.
pub fn mode<T: Real>(row: &[T]) -> usize {
    let mut best = 0;
    for (choice, log) in row.iter().enumerate() {
        if *log > row[best] {
            best = choice;
        }
    }
    best
}

/// dL/d logits of rows of log-probabilities `[rows, choices]`, where L depends on each row through log p(chosen)
/// (`d_log_probability`, one a row) and, in all rows alike, through its entropy H (`d_entropy`). Gives Σ H.
///
/// With p = softmax(z): ∂ log p_a / ∂z_i = 1[i = a] − p_i and ∂H / ∂z_i = −p_i (log p_i + H).
pub fn logits_gradient<T: Real>(
    log_probabilities: &[T],
    choices: usize,
    chosen: impl Iterator<Item = usize>,
    d_log_probability: &[T],
    d_entropy: T,
    gradient: &mut [T],
) -> T {
    let gradient = &mut gradient[..log_probabilities.len()];
    elementwise::exp(log_probabilities, gradient);
    let rows = log_probabilities.chunks_exact(choices).zip(gradient.chunks_exact_mut(choices));
    let mut entropies = T::ZERO;
    for (((row, gradient), chosen), weight) in rows.zip(chosen).zip(d_log_probability) {
        let entropy = -row.iter().zip(gradient.iter()).map(|(log, p)| *p * *log).sum::<T>();
        entropies += entropy;
        for (log, slot) in row.iter().zip(gradient.iter_mut()) {
            let p = *slot;
            *slot = -p * (*weight + d_entropy * (*log + entropy));
        }
        gradient[chosen] += *weight;
    }
    entropies
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_by_hand() {
        let mut row = [0.0_f64, 2.0_f64.ln(), 5.0_f64.ln()];
        log_probabilities(&mut row, 3, None);
        for (log, p) in row.iter().zip([1.0 / 8.0, 2.0 / 8.0, 5.0 / 8.0]) {
            assert!((log.exp() - p).abs() < 1e-12);
        }
        assert_eq!(mode(&row), 2);
        let samples = [0.0, 0.124, 0.126, 0.374, 0.376, 0.999_999].map(|uniform| sample(&row, uniform));
        assert_eq!(samples, [0, 0, 1, 1, 2, 2]);
        let expected = -(0.125 * 0.125_f64.ln() + 0.25 * 0.25_f64.ln() + 0.625 * 0.625_f64.ln());
        assert!((entropy(&row) - expected).abs() < 1e-12);
    }

    #[test]
    fn a_masked_choice_has_probability_zero_and_is_never_taken() {
        let mut salt = 0.3_f32;
        for round in 0..2_000 {
            let mut logits: Vec<f32> = (0..7)
                .map(|i| {
                    salt = (salt * 91.7 + i as f32).sin();
                    salt * 40.0
                })
                .collect();
            let mask: Vec<bool> = (0..7).map(|i| (round >> i) & 1 == 1 || i == round % 7).collect();
            let mut shares = logits.clone();
            log_probabilities(&mut logits, 7, Some(&mask));
            probabilities(&mut shares, 7, Some(&mask));
            for (log, share) in logits.iter().zip(&shares) {
                assert!((log.exp() - share).abs() < 1e-6);
            }
            for uniform in [0.0, 0.1, 0.5, 0.9, 0.999_999_94, 1.0] {
                assert!(mask[sample(&logits, uniform)], "{uniform} {mask:?}");
                assert!(mask[sample_probability(&shares, uniform)], "{uniform} {mask:?}");
            }
            assert!(mask[mode(&logits)]);
            for (log, allowed) in logits.iter().zip(&mask) {
                assert!(*allowed || log.exp() == 0.0);
            }
        }
    }

    #[test]
    #[should_panic(expected = "at least one choice")]
    fn a_mask_that_forbids_all_is_a_broken_invariant() {
        log_probabilities(&mut [0.0_f32; 2], 2, Some(&[false; 2]));
    }

    /// Against central differences of w log p(chosen) + v H.
    #[test]
    fn gradient_agrees_with_finite_differences() {
        let logits = [0.3_f64, -1.2, 0.8, 0.1, 2.0, -0.4, 0.5, 0.9];
        let masks = [[true; 8], [true, false, true, true, false, true, true, true]];
        let (chosen, weights, v) = ([2, 1], [0.7, -1.1], 0.4);
        for mask in masks {
            let loss = |logits: &[f64]| {
                let mut rows = logits.to_vec();
                log_probabilities(&mut rows, 4, Some(&mask));
                rows.chunks(4)
                    .zip(chosen)
                    .zip(weights)
                    .map(|((row, chosen), weight)| weight * row[chosen] + v * entropy(row))
                    .sum::<f64>()
            };
            let mut rows = logits.to_vec();
            log_probabilities(&mut rows, 4, Some(&mask));
            let mut gradient = [0.0; 8];
            let entropies = logits_gradient(&rows, 4, chosen.into_iter(), &weights, v, &mut gradient);
            assert!((entropies - rows.chunks(4).map(entropy).sum::<f64>()).abs() < 1e-12);
            for index in 0..8 {
                let shifted = |by: f64| {
                    let mut logits = logits;
                    logits[index] += by;
                    loss(&logits)
                };
                let numeric = (shifted(1e-6) - shifted(-1e-6)) / 2e-6;
                assert!((numeric - gradient[index]).abs() < 1e-8, "{index} {mask:?}");
            }
        }
    }
}
