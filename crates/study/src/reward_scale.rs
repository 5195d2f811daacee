//! Returns far from 1, which a network of values reaches slowly: the learner spends its steps on the scale, not on the decision.

use setpoint_decision::charter::Finding;
use setpoint_learn::problem::Problem;
use setpoint_statistics::number;

use crate::random_play::{self, LANES};

/// Returns of the classical control problems reach some hundreds, and every algorithm learns them as they are.
const RETURN_LARGE: f64 = 2_000.0;

/// A warning if the algorithm learns values of an unsuited scale. Random play takes `steps` steps in 8 environments.
pub fn reward_scale(problem: &Problem, steps: usize) -> Option<Finding> {
    let options = &problem.options;
    // Of algorithms without a value network or with normalised rewards the scale does not matter.
    let can_normalise = match options.normalizes_rewards() {
        Some(true) => return None,
        Some(false) => true,
        None if options.collection().is_some() => false,
        None => return None,
    };
    let gamma = options.gamma()?;
    let seen = random_play(problem, steps)?;
    // Without a discount and without an end nobody knows the horizon.
    let horizon = Some((1.0 / (1.0 - gamma)).min(seen.longest)).filter(|horizon| horizon.is_finite())?;
    let value = seen.reward_size * horizon;
    (value > RETURN_LARGE).then(|| {
        let name = options.name();
        let remedy = if can_normalise {
            format!("write normalize_reward = true in [train.{name}]")
        } else {
            format!("divide the weights of [reward] by about {}", power_of_ten(value))
        };
        Finding::warn(
            "scale of the reward",
            format!(
                "rewards of random play are about {} in size, over {horizon:.0} steps about {}, and networks learn slowly \
                 to predict numbers far from 1; {remedy}",
                number(seen.reward_size),
                number(value)
            ),
        )
    })
}

struct Seen {
    /// Mean magnitude of the reward of a step.
    reward_size: f64,
    /// Steps of the longest episode; without an end that was seen those of the limit, infinite without a limit.
    longest: f64,
}

/// `None` if the process fails before its first step.
fn random_play(problem: &Problem, steps: usize) -> Option<Seen> {
    let mut sum = 0.0;
    let (mut length, mut longest) = ([0_u32; LANES], None);
    let count = random_play::random_play(&problem.decision, "scale of the reward", steps, &mut |step| {
        sum += step.reward.abs();
        length[step.lane] += 1;
        if step.outcome.is_over() {
            longest = longest.max(Some(length[step.lane]));
            length[step.lane] = 0;
        }
    });
    let longest = longest.or(problem.spec().max_steps).map_or(f64::INFINITY, f64::from);
    (count > 0).then(|| Seen { reward_size: sum / count as f64, longest })
}

fn power_of_ten(value: f64) -> String {
    format!("{:.0}", 10_f64.powf(value.log10().round()))
}

#[cfg(test)]
mod tests {
    use setpoint_decision::Project;

    use super::*;

    fn found(process: &str, reward: &str, train: &str) -> Option<String> {
        let text = format!("[process]\nkind = \"{process}\"\n[reward]\n{reward}\n{train}");
        let project = Project::from_text("test", &text, &[]).unwrap();
        let problem = Problem::new(project, &setpoint_processes::registry()).unwrap();
        reward_scale(&problem, 200).map(|finding| finding.message)
    }

    #[test]
    fn a_large_reward_is_named_with_the_remedy_of_the_algorithm() {
        let line = |train: &str| found("assembly-line", "throughput_uph = 1.2", train);
        let plain = line("").expect("PPO without normalisation");
        assert!(plain.contains("normalize_reward = true in [train.ppo]"), "{plain}");
        assert_eq!(line("[train.ppo]\nnormalize_reward = true"), None);
        let dqn = line("[train]\nalgorithm = \"dqn\"\n[train.dqn]\nbuffer_size = 1000").unwrap();
        assert!(dqn.contains("divide the weights of [reward] by about 10000"), "{dqn}");
        assert_eq!(
            line("[train]\nalgorithm = \"q-learning\"\n[train.q-learning]\nbins = [2]"),
            None,
            "a table has no scale"
        );
    }

    #[test]
    fn rewards_of_published_problems_need_no_advice() {
        assert_eq!(found("cart-pole", "upright = 1.0", ""), None);
        let sac = "[train]\nalgorithm = \"sac\"\n[train.sac]\nbuffer_size = 1000";
        assert_eq!(found("pendulum", "cost = -1.0", sac), None);
        assert!(found("pendulum", "cost = -100.0", sac).is_some());
    }
}
