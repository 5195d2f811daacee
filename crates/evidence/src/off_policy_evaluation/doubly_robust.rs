//! The weighted doubly robust estimator (Jiang & Li 2016, arXiv 1511.03722; weighted: Thomas & Brunskill 2016,
//! arXiv 1604.00923, equation 6): a learnt Q, whose errors importance sampling corrects.

use setpoint_log::log::Log;

use super::fitted_q::{Features, FittedQ};
use super::importance::weighted_mean;
use super::trajectories::Trajectories;
use super::{Estimate, bootstrap_stream};
use setpoint_statistics::bootstrap;

/// Σₜ γᵗ [Σᵢ wᵢₜ (rᵢₜ − Q(sᵢₜ, aᵢₜ)) + Σᵢ wᵢ,ₜ₋₁ V(sᵢₜ)], with weights that sum to 1 in each step. Q is the Q of the
/// remaining steps. It is learnt from the other half of the episodes, so that no Q judges an episode of its own data. The
/// interval resamples episodes and keeps Q.
pub fn weighted(trajectories: &Trajectories, log: &Log, seed: u64) -> Estimate {
    let n = trajectories.episodes.len();
    let features = Features::of(log);
    let halves = [0, 1].map(|half| {
        let others: Vec<usize> = (0..n).filter(|episode| episode % 2 != half).collect();
        FittedQ::fit(trajectories, log, &features, &others)
    });
    let weights = trajectories.weights();
    let mut weights_before = vec![1.0; n];
    weights_before.extend_from_slice(&weights[..(trajectories.horizon - 1) * n]);
    // `[horizon, episodes]` γᵗ (r − Q) and γᵗ V, 0 once an episode is over.
    let (mut errors, mut values) = (vec![0.0; weights.len()], vec![0.0; weights.len()]);
    for (index, rows) in trajectories.episodes.iter().enumerate() {
        let fitted = &halves[index % 2];
        let mut discount = 1.0;
        for (step, row) in rows.clone().enumerate() {
            let left = trajectories.horizon - step;
            let q = |choice| fitted.q(&features, left, row, choice);
            errors[step * n + index] = discount * (trajectories.rewards[row] - q(log.choice(row)));
            values[step * n + index] = discount * trajectories.expect(row, q);
            discount *= trajectories.gamma;
        }
    }
    let value = |indices: &[usize]| -> f64 {
        let step = |step: usize| {
            let own = step * n..(step + 1) * n;
            weighted_mean(&weights[own.clone()], &errors[own.clone()], indices)
                + weighted_mean(&weights_before[own.clone()], &values[own], indices)
        };
        (0..trajectories.horizon).map(step).sum()
    };
    let all: Vec<usize> = (0..n).collect();
    Estimate {
        estimator: "weighted doubly robust",
        value: value(&all),
        interval: bootstrap(n, &mut bootstrap_stream(seed), value),
    }
}
