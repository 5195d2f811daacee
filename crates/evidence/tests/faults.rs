//! Noise is of the size that it says, or it is refused: random bounds, random statistics of a training.

use setpoint_decision::Project;
use setpoint_evidence::Decision;
use setpoint_evidence::faults::{DEVIATIONS, Grid, NoScale, fault_matrix, noise_scales};
use setpoint_policy::normalizer::Normalizer;
use setpoint_random::Stream;

mod sample;

fn pole() -> Decision {
    let text = "[process]\nkind = \"cart-pole\"\n[reward]\nupright = 1.0\n";
    let project = Project::from_text("test", text, &[]).unwrap();
    Decision::open(project, &setpoint_processes::registry(), &mut |_| {}).unwrap()
}

/// 2,000 decisions with random bounds and statistics: a feature with bounds has its span as scale, one without has that of the
/// training, and one without either is named in a refusal. One that never changed in training is left out.
#[test]
fn a_scale_is_a_span_or_was_seen_or_is_refused() {
    let decision = pole();
    let mut random = Stream::new(7, "bounds", 0);
    let (mut refused, mut from_training) = (0, 0);
    for _ in 0..2_000 {
        let mut policy = sample::policy(&decision);
        let features = policy.manifest.observation.len();
        let mut bounded = Vec::new();
        for feature in &mut policy.manifest.observation {
            let width = 10.0_f32.powi(random.below(9) as i32 - 4);
            let kinds = [(-width, width), (f32::MIN, f32::MAX), (f32::NEG_INFINITY, 1.0), (0.0, 3e30)];
            let kind = random.below(4) as usize;
            (feature.low, feature.high) = kinds[kind];
            feature.scale = width;
            bounded.push(kind == 0);
        }
        let variance: Vec<f64> = (0..features)
            .map(|_| if random.below(5) == 0 { 0.0 } else { f64::from(random.unit()) })
            .collect();
        let has_statistics = random.below(2) == 1;
        policy.normalizer = has_statistics.then(|| Normalizer {
            mean: vec![0.0; features],
            variance: variance.clone(),
            clip: 10.0,
            epsilon: 1e-8,
        });
        let has_scale = |index: usize| bounded[index] || has_statistics;
        let never_changes = |index: usize| !bounded[index] && has_statistics && variance[index] == 0.0;
        match noise_scales(&policy, &[]) {
            Ok(scales) => {
                for (index, feature) in policy.manifest.observation.iter().enumerate() {
                    let scale = scales.iter().find(|scale| scale.feature == feature.name);
                    assert_eq!(scale.is_none(), never_changes(index), "{}", feature.name);
                    let Some(scale) = scale else { continue };
                    assert!(has_scale(index) && scale.size > 0.0 && scale.from_training != bounded[index]);
                    let natural = f64::from(feature.scale);
                    let expected = match bounded[index] {
                        true => f64::from(feature.high - feature.low) * natural,
                        false => DEVIATIONS * variance[index].sqrt() * natural,
                    };
                    assert!((scale.size - expected).abs() <= 1e-9 * expected);
                    from_training += usize::from(scale.from_training);
                }
            }
            Err(NoScale::Features { without, .. }) => {
                let named: Vec<&str> = without.split(", ").collect();
                for (index, feature) in policy.manifest.observation.iter().enumerate() {
                    assert_eq!(named.contains(&feature.name.as_str()), !has_scale(index), "{}", feature.name);
                }
                refused += 1;
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert!(refused > 500 && from_training > 100, "{refused} {from_training}");
}

/// A pole that a policy with statistics balances at random: noise on its velocities alone, which have no bounds, changes the
/// returns.
#[test]
fn noise_on_a_feature_without_bounds_is_felt() {
    let decision = pole();
    let mut policy = sample::policy(&decision);
    let features = policy.manifest.observation.len();
    let seen =
        Normalizer { mean: vec![0.0; features], variance: vec![0.5; features], clip: 10.0, epsilon: 1e-8 };
    policy.normalizer = Some(seen);
    let names = ["cart_velocity".to_owned(), "pole_angular_velocity".to_owned()];
    let scales = noise_scales(&policy, &names).unwrap();
    let grid = Grid { noise: vec![0.0, 5.0], delay: vec![0], dropout: vec![0.0] };
    let policies = [("policy".to_owned(), decision, policy)];
    let matrix = fault_matrix(&policies, &grid, &scales, 50, &mut |_, _| {}).unwrap();
    let cells = &matrix.policies[0].cells;
    assert_ne!(cells[0].episode_return, cells[1].episode_return);
    assert_eq!(matrix.without_noise, ["cart_position", "pole_angle"]);
    let unknown = noise_scales(&policies[0].2, &["speed".to_owned()]).unwrap_err();
    assert!(unknown.to_string().contains("cart_position"), "{unknown}");
}
