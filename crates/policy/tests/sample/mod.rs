//! Policies made by hand, one for each kind of head and table; the golden files of `tests/golden` contain them.

use setpoint_decision::constraint::{Condition, Constraint, Effect, Subject};
use setpoint_decision::spec::{
    ActionSpace, Aggregate, Axis, Choice, ChoiceGroup, Feature, Signal, TensorForm, TensorPart,
};
use setpoint_nn::convolution::{Convolution, Filters};
use setpoint_nn::mlp::{Activation, Mlp};
use setpoint_nn::point_set::PointSet;
use setpoint_nn::shape::Shape;
use setpoint_policy::Policy;
use setpoint_policy::head::{Discretization, Head};
use setpoint_policy::manifest::Manifest;
use setpoint_policy::normalizer::Normalizer;

/// A number with many digits from an index: the same on every machine, without any rounding of a library's function.
pub fn awkward(index: u32) -> f32 {
    (index.wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 24) as f32 - 0.5
}

/// A sensor feature, a count and a feature at the bounds of `f32`, with text that JSON must escape.
fn observation() -> Vec<Feature> {
    vec![
        Feature::new("temperature", "°C", 0.1, 1.0 / 3.0, "a \"quoted\" name, a \\ and a line\nbreak")
            .seen_as(0.7, -0.0)
            .ordinarily(f32::MIN_POSITIVE),
        Feature::new("torque", "N·m", f32::MIN, f32::MAX, "Drehmoment ±, 扭矩").ordinarily(1e-45),
        Feature::new("parts", "parts", 0.0, 16_777_216.0, "buffer"),
    ]
}

fn signals() -> Vec<Signal> {
    vec![
        Signal::new("throughput", "1/h", 0.0, 1_234.567_9, "good parts"),
        Signal::new("stopped", "1", 0.0, 1.0, "whether the line stood").summarised_by(Aggregate::Share),
    ]
}

fn choices() -> ActionSpace {
    let choice = |name: &str| Choice { name: name.into(), description: format!("does {name}") };
    ActionSpace::one_of(vec![choice("hold"), choice("refill"), choice("stop")])
}

fn axes() -> ActionSpace {
    ActionSpace::settings(vec![
        Axis::new("feed", "mm/s", 0.1, 0.3, "speed of the feed"),
        Axis::new("pressure", "bar", -3.4e38, 3.4e38, "pressure of the clamp"),
    ])
}

/// Two groups of choices; with the settings of [`axes`], if asked.
fn several(with_settings: bool) -> ActionSpace {
    let choice = |name: &str| Choice { name: name.into(), description: format!("does {name}") };
    let groups = vec![
        ChoiceGroup::new("nozzle", "the \"nozzle\" set", vec![choice("small"), choice("wide")]),
        ChoiceGroup::new("valve", "", vec![choice("refill"), choice("shut"), choice("ventiler é")]),
    ];
    ActionSpace { groups, axes: if with_settings { axes().axes } else { Vec::new() } }
}

fn forbids(above: f64) -> Constraint {
    Constraint {
        when: Condition { subject: Subject::Feature("temperature".into()), above: Some(above), below: None },
        effect: Effect::Forbid(vec!["refill".into()]),
    }
}

fn clips() -> Constraint {
    Constraint {
        when: Condition {
            subject: Subject::Signal("throughput".into()),
            above: Some(5e-324),
            below: Some(1.797_693_134_862_315_7e308),
        },
        effect: Effect::Clip { action: "feed".into(), low: None, high: Some(0.25) },
    }
}

struct Parts {
    action: ActionSpace,
    constraints: Vec<Constraint>,
    head: Head,
    hidden: Vec<usize>,
    discretization: Option<Discretization>,
    normalizer: bool,
}

fn policy(parts: Parts) -> Policy {
    let Parts { action, constraints, head, hidden, discretization, normalizer } = parts;
    let input = discretization.as_ref().map_or(3, Discretization::cells);
    let activation = if hidden.is_empty() { Activation::Linear } else { Activation::Tanh };
    let network = Mlp { input, hidden, output: head.outputs(&action), activation };
    let normalizer = normalizer.then(|| Normalizer {
        mean: vec![0.1, 1e300, -5e-324],
        variance: vec![2.0 / 3.0, 1e-300, 1.0],
        clip: 10.0,
        epsilon: 1e-8,
    });
    let parameters = (0..network.parameters() as u32).map(awkward).collect();
    let log_std = [-0.7, 0.3][..head.log_stds(&action)].to_vec();
    let manifest = Manifest {
        setpoint_version: "0.1.0".into(),
        project: "golden".into(),
        process: "golden-process".into(),
        algorithm: "ppo".into(),
        seed: 9_007_199_254_740_993,
        steps: 4_096,
        observation: observation(),
        tensors: Vec::new(),
        action,
        signals: signals(),
        constraints,
        network: network.into(),
        head,
        discretization,
        clip_observation: normalizer.as_ref().map(|normalizer| normalizer.clip),
        normalization_epsilon: 1e-8,
    };
    Policy::new(manifest, parameters, log_std, normalizer)
}

/// The policies by name.
pub fn policies() -> Vec<(&'static str, Policy)> {
    let discrete = |above: f64| Parts {
        action: choices(),
        constraints: vec![forbids(above)],
        head: Head::Categorical,
        hidden: vec![4],
        discretization: None,
        normalizer: true,
    };
    let gaussian = Parts {
        action: axes(),
        constraints: vec![clips()],
        head: Head::Gaussian,
        hidden: vec![2, 2],
        discretization: None,
        normalizer: false,
    };
    let table = Parts {
        action: choices(),
        constraints: Vec::new(),
        head: Head::Values,
        hidden: Vec::new(),
        discretization: Some(Discretization {
            bins: vec![2, 1, 3],
            low: vec![0.1, -0.0, 1e-45],
            high: vec![1.0 / 3.0, 1.0, f32::MAX],
        }),
        normalizer: false,
    };
    let together = |with_settings: bool| Parts {
        action: several(with_settings),
        constraints: if with_settings { vec![forbids(0.1), clips()] } else { vec![forbids(0.1)] },
        head: if with_settings { Head::CategoricalGaussian } else { Head::Categorical },
        hidden: vec![3],
        discretization: None,
        normalizer: with_settings,
    };
    vec![
        ("categorical", policy(discrete(0.300_000_000_000_000_04))),
        // The old reader refused its own file with this number.
        ("constraint", policy(discrete(0.192_371_686_846_861_62))),
        ("gaussian", policy(gaussian)),
        ("table", policy(table)),
        ("groups", policy(together(false))),
        ("together", policy(together(true))),
        ("tensors", seeing(policy(discrete(0.1)))),
        ("memory", remembering(policy(discrete(0.1)))),
    ]
}

/// The same policy with an image and a set of points in its observation.
fn seeing(mut policy: Policy) -> Policy {
    let filters = vec![Filters { count: 3, kernel: [2, 3], stride: [2, 1] }];
    let image = Convolution::new([6, 5, 2], filters, Some(4)).unwrap();
    let points = PointSet::new(3, 2, vec![4, 3]).unwrap();
    let trunk = policy.manifest.network.trunk().clone();
    let encoders = vec![image.into(), points.into()];
    let network = Shape::new(3, encoders, None, trunk.hidden, trunk.output, trunk.activation);
    policy.parameters = (0..network.parameters() as u32).map(awkward).collect();
    policy.manifest.network = network;
    policy.manifest.tensors = vec![
        TensorPart::new("camera", TensorForm::Image { height: 6, width: 5, channels: 2 }, "the camera"),
        TensorPart::new("scan", TensorForm::Points { points: 3, dimensions: 2 }, "the scanner’s points"),
    ];
    policy
}

/// The same policy with a memory.
fn remembering(mut policy: Policy) -> Policy {
    let trunk = policy.manifest.network.trunk().clone();
    let network = Shape::new(3, Vec::new(), Some(2), trunk.hidden, trunk.output, trunk.activation);
    policy.parameters = (0..network.parameters() as u32).map(awkward).collect();
    policy.manifest.network = network;
    policy
}
