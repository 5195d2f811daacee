//! Policies made by hand, for tests.

use setpoint_decision::spec::{ActionSpace, Feature};
use setpoint_nn::shape::Shape;
use setpoint_policy::Policy;
use setpoint_policy::head::Head;
use setpoint_policy::manifest::Manifest;
use setpoint_policy::normalizer::Normalizer;

/// A policy of two choices over these features.
pub fn two_choices(
    observation: Vec<Feature>,
    network: impl Into<Shape>,
    parameters: Vec<f32>,
    normalizer: Option<Normalizer>,
) -> Policy {
    let manifest = Manifest {
        setpoint_version: "0.1.0".into(),
        project: "line".into(),
        process: "line".into(),
        algorithm: "ppo".into(),
        seed: 0,
        steps: 0,
        network: network.into(),
        observation,
        tensors: Vec::new(),
        action: ActionSpace::choices(&[("wait", "wait"), ("go", "go")]),
        signals: Vec::new(),
        constraints: Vec::new(),
        head: Head::Categorical,
        discretization: None,
        clip_observation: normalizer.as_ref().map(|normalizer| normalizer.clip),
        normalization_epsilon: 1e-8,
    };
    Policy::new(manifest, parameters, Vec::new(), normalizer)
}
