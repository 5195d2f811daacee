//! Warnings that several algorithms share: missing noise, exploration that ends too early, targets that never move.

use setpoint_decision::charter::Finding;
use setpoint_evidence::Decision;

use crate::exploration::{ActionNoise, Decay, DiscreteExploration, NoiseKind, Strategy};

/// A deterministic policy does not explore by itself.
pub fn missing_noise(name: &str, noise: &ActionNoise) -> Option<Finding> {
    (noise.action_noise == NoiseKind::None || noise.noise_sigma == 0.0).then(|| {
        Finding::warn(
            "exploration",
            format!(
                "{name} is deterministic and adds no noise to its actions: after learning_starts it hardly tries anything \
                 new; write action_noise = \"normal\" and noise_sigma = 0.1 in [train.{name}]"
            ),
        )
    })
}

/// Exploration that ends before the first gradient step.
pub fn early_end(
    name: &str,
    decision: &Decision,
    exploration: &DiscreteExploration,
    starts: u64,
) -> Option<Finding> {
    let DiscreteExploration { exploration: strategy, exploration_decay, exploration_fraction, .. } =
        exploration;
    let falls = *exploration_decay != Decay::Constant && *strategy != Strategy::Ucb;
    let total_steps = decision.project.train.total_steps;
    let end = exploration_fraction * total_steps as f64;
    // Another warning covers a training that never starts to learn.
    (falls && end < starts as f64 && starts < total_steps).then(|| {
        Finding::warn(
            "exploration",
            format!(
                "exploration has fallen to its last value after {end:.0} steps, but the learning starts only at step {starts}: \
                 the learner then acts greedily on values that it has not learned; raise exploration_fraction above {:.2} \
                 in [train.{name}], or lower the step at which the learning starts",
                starts as f64 / total_steps as f64
            ),
        )
    })
}

/// Targets that never move. `moves` is the length of the training in the unit of the interval.
pub fn still_target(interval: u64, moves: u64, unit: &str) -> Option<Finding> {
    (interval > moves && moves > 0).then(|| {
        Finding::warn(
            "target network",
            format!(
                "target_update_interval = {interval} {unit}, and there are only {moves}: the target network keeps its \
                 first random weights and values never cover more than one step; lower target_update_interval to a \
                 hundredth of that number"
            ),
        )
    })
}
