//! The logging policy's probabilities: from the log's column, declared uniform, or estimated.

use serde::{Deserialize, Serialize};
use setpoint_decision::Diagnostic;
use setpoint_decision::spec::Spec;
use setpoint_log::log::Log;
use setpoint_nn::categorical;
use setpoint_nn::mlp::{Activation, Mlp};
use setpoint_random::Stream;

use crate::logs::place;
use setpoint_nn::network::Network;
use setpoint_policy::normalizer::{EPSILON, Normalizer};
use setpoint_statistics::moments::RunningMoments;

/// The source of the logging policy's probabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Behaviour {
    /// The log's `probability` column.
    Logged,
    /// Uniform over the choices in every state, as the user declares.
    Uniform,
    /// A multinomial logistic regression on the features, learnt from the log (Hanna, Niekum & Stone 2019).
    Estimated,
}

/// Whether the log contains its probabilities.
pub fn is_logged(log: &Log) -> bool {
    log.probabilities.len() == log.rows() && log.probabilities.iter().any(|probability| !probability.is_nan())
}

/// `[rows]` the probability with which the logging policy took its action.
pub fn probabilities(behaviour: Behaviour, spec: &Spec, log: &Log) -> Result<Vec<f64>, Box<Diagnostic>> {
    match behaviour {
        Behaviour::Uniform => Ok(vec![1.0 / spec.action.len() as f64; log.rows()]),
        Behaviour::Estimated => Ok(estimated(spec, log)),
        Behaviour::Logged => {
            let is_wrong = |probability: &f64| !(*probability > 0.0 && *probability <= 1.0);
            let Some(row) = log.probabilities.iter().position(is_wrong) else {
                return Ok(log.probabilities.clone());
            };
            Err(Diagnostic::without_origin(
                format!(
                    "{} was taken with probability {}, expected more than 0 and at most 1",
                    place(log, row),
                    log.probabilities[row]
                ),
                "correct the column, or estimate it: --behaviour estimated",
            ))
        }
    }
}

/// Full passes of gradient descent.
const PASSES: usize = 300;

/// Linear logits on standardised features, by Adam on the whole log. A model of the other half of the episodes judges every
/// row, so that no action explains itself.
fn estimated(spec: &Spec, log: &Log) -> Vec<f64> {
    let (features, choices) = (log.features, spec.action.len());
    let mut moments = RunningMoments::new(features);
    moments.update(&log.observations);
    let normalizer =
        Normalizer { mean: moments.mean, variance: moments.variance, clip: 10.0, epsilon: EPSILON };
    let mut inputs = vec![0.0; log.observations.len()];
    normalizer.apply(&log.observations, &mut inputs);
    let mut probabilities = vec![0.0; log.rows()];
    for half in 0..2 {
        let rows_where = |own: bool| -> Vec<usize> {
            let episodes = log.episodes.iter().enumerate().filter(|(index, _)| (index % 2 == half) == own);
            episodes.flat_map(|(_, episode)| episode.rows.clone()).collect()
        };
        let gather = |rows: &[usize]| -> Vec<f32> {
            rows.iter().flat_map(|row| &inputs[row * features..(row + 1) * features]).copied().collect()
        };
        let (others, own) = (rows_where(false), rows_where(true));
        let shape =
            Mlp { input: features, hidden: Vec::new(), output: choices, activation: Activation::Linear };
        let rows_max = others.len().max(own.len());
        let mut network = Network::new(shape, rows_max, &mut Stream::new(half as u64, "behaviour", 0));
        network.trained.parameters.fill(0.0);
        let learnt_from = gather(&others);
        let n = others.len();
        let (mut logits, mut gradient) = (vec![0.0; n * choices], vec![0.0; n * choices]);
        let weights = vec![-1.0 / n as f32; n];
        for pass in 0..PASSES {
            logits.copy_from_slice(network.forward(&learnt_from, n));
            categorical::log_probabilities(&mut logits, choices, None);
            let chosen = others.iter().map(|row| log.choice(*row));
            categorical::logits_gradient(&logits, choices, chosen, &weights, 0.0, &mut gradient);
            let learning_rate = 0.05 * (1.0 - pass as f64 / PASSES as f64);
            network.learn(&learnt_from, n, &gradient, learning_rate, None);
        }
        let mut logits = network.forward(&gather(&own), own.len()).to_vec();
        categorical::probabilities(&mut logits, choices, None);
        for (row, estimates) in own.iter().zip(logits.chunks_exact(choices)) {
            probabilities[*row] = f64::from(estimates[log.choice(*row)]).max(EPSILON);
        }
    }
    probabilities
}
