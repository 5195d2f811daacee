//! A policy with random weights, for decisions of either kind.

use setpoint_evidence::Decision;
use setpoint_nn::mlp::{Activation, Mlp};
use setpoint_policy::Policy;
use setpoint_policy::head::Head;
use setpoint_policy::manifest::Manifest;
use setpoint_policy::normalizer::EPSILON;
use setpoint_random::Stream;

/// Small logits: near random, and different in every state.
pub fn policy(decision: &Decision) -> Policy {
    let spec = decision.spec();
    let (input, output) = (spec.observation.len(), spec.action.len());
    let network = Mlp { input, hidden: vec![16], output, activation: Activation::Tanh };
    let mut parameters = vec![0.0; network.parameters()];
    let mut random = Stream::new(5, "soft policy", 0);
    network.initialize_orthogonal(&mut parameters, 1.5, 0.6, &mut || f64::from(random.normal()));
    let is_discrete = spec.action.is_discrete();
    let manifest = Manifest {
        setpoint_version: env!("CARGO_PKG_VERSION").to_owned(),
        project: decision.project.charter.name.clone(),
        process: spec.kind.clone(),
        algorithm: "none".to_owned(),
        seed: 0,
        steps: 0,
        observation: spec.observation.clone(),
        action: spec.action.clone(),
        signals: spec.signals.clone(),
        constraints: decision.project.constraints.clone(),
        tensors: Vec::new(),
        network: network.into(),
        head: if is_discrete { Head::Categorical } else { Head::Gaussian },
        discretization: None,
        clip_observation: None,
        normalization_epsilon: EPSILON,
    };
    let log_std = vec![-0.5; if is_discrete { 0 } else { output }];
    Policy::new(manifest, parameters, log_std, None)
}
