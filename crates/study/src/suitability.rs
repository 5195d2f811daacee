//! Whether an algorithm suits its decision: options that are allowed, but with which it hardly learns.
//!
//! Each finding is a warning with the effect and a better value; nothing is refused here. A [`Problem`] refuses options
//! that cannot work at all. This file has the checks for all algorithms; the checks of one algorithm are in its file
//! ([`warnings`](setpoint_learn::recipe::LearnerOptions::warnings)).

use setpoint_decision::charter::Finding;
use setpoint_decision::spec::{Feature, is_bounded};

use setpoint_learn::memory::available_bytes;
use setpoint_learn::off_policy::Collection;
use setpoint_learn::problem::Problem;

/// Features beyond this value saturate a network without normalisation.
const MAGNITUDE_LARGE: f32 = 100.0;

/// All warnings.
pub fn suitability(problem: &Problem) -> Vec<Finding> {
    with_memory(problem, available_bytes())
}

/// The same with the free memory in bytes, `None` if the system does not report it.
fn with_memory(problem: &Problem, free_bytes: Option<u64>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(collection) = problem.options.collection() {
        findings.extend(replay(problem, collection, free_bytes));
    }
    findings.extend(scale(problem));
    findings.extend(problem.options.warnings(&problem.decision));
    findings
}

fn replay(problem: &Problem, collection: &Collection, free_bytes: Option<u64>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let name = problem.options.name();
    let Collection { buffer_size, learning_starts, .. } = collection;
    let total_steps = problem.decision.project.train.total_steps;
    let bytes = collection.buffer_bytes(problem.spec(), problem.decision.is_masked());
    if let Some(free) = free_bytes.filter(|free| bytes > free / 4) {
        findings.push(Finding::warn(
            "replay buffer",
            format!(
                "buffer_size = {buffer_size} takes {:.1} GB when it is full, more than a quarter of the {:.1} GB that are \
                 free here, and each seed has its own; lower it in [train.{name}]: {total_steps} steps fill only \
                 as many places",
                bytes as f64 / 1e9,
                free as f64 / 1e9
            ),
        ));
    }
    if *learning_starts >= total_steps {
        findings.push(Finding::warn(
            "learning starts",
            format!(
                "learning_starts = {learning_starts} of total_steps = {total_steps}: actions stay uniform to the end and \
                 nothing is learnt; lower learning_starts in [train.{name}] to about a hundredth of the steps"
            ),
        ));
    }
    findings
}

/// Networks want inputs of about one.
fn scale(problem: &Problem) -> Option<Finding> {
    let normalized = problem.options.normalizes_observations()?;
    // Features without a finite range say nothing about their usual values.
    let reach = |feature: &Feature| {
        if is_bounded(feature.low, feature.high) { feature.low.abs().max(feature.high.abs()) } else { 0.0 }
    };
    let far = problem.spec().observation.iter().find(|feature| reach(feature) > MAGNITUDE_LARGE)?;
    (!normalized).then(|| {
        Finding::warn(
            "scale of features",
            format!(
                "`{}` reaches {} as the policy sees it, and networks learn slowly from numbers far from 1; write \
                 normalize_observation = true in [train.{}]",
                far.name,
                reach(far),
                problem.options.name()
            ),
        )
    })
}

#[cfg(test)]
mod tests {
    use setpoint_decision::Project;

    use super::*;

    /// Subjects and messages of the warnings of `check` for a process and some lines of a project file.
    fn warnings(process: &str, lines: &str) -> Vec<(String, String)> {
        let signal = match process {
            "cart-pole" => "upright",
            "inventory" => "holding_cost",
            _ => "cost",
        };
        let text = format!("[reward]\n{signal} = 1\n[process]\nkind = \"{process}\"\n{lines}");
        let problem =
            Problem::new(Project::from_text("test", &text, &[]).unwrap(), &setpoint_processes::registry())
                .unwrap();
        let findings = with_memory(&problem, Some(8_000_000_000));
        assert!(findings.iter().all(|finding| finding.passed && finding.warning));
        findings.into_iter().map(|finding| (finding.subject, finding.message)).collect()
    }

    /// One warning with this subject and these words, and none once the fix is made.
    fn warns_until_fixed(process: &str, wrong: &str, fixed: &str, subject: &str, words: &str) {
        let found = warnings(process, wrong);
        assert_eq!(found.len(), 1, "{wrong}: {found:?}");
        assert_eq!(found[0].0, subject);
        assert!(found[0].1.contains(words), "{}", found[0].1);
        assert_eq!(warnings(process, fixed), [], "{fixed}");
    }

    #[test]
    fn deterministic_policies_need_noise() {
        for name in ["td3", "ddpg"] {
            let train = format!("[train]\nalgorithm = \"{name}\"\n[train.{name}]\nbuffer_size = 100_000\n");
            let fixed = format!("{train}action_noise = \"normal\"");
            warns_until_fixed("pendulum", &train, &fixed, "exploration", "action_noise = \"normal\"");
            let silent = format!("{fixed}\nnoise_sigma = 0.0");
            assert_eq!(warnings("pendulum", &silent).len(), 1);
        }
    }

    #[test]
    fn a_rollout_must_fit_into_the_training_several_times() {
        let train = "[train]\ntotal_steps = 20_000\n[train.ppo]\nn_envs = 1\n";
        let wrong = format!("{train}n_steps = 16384");
        let fixed = format!("{train}n_steps = 1000\nbatch_size = 100");
        warns_until_fixed("pendulum", &wrong, &fixed, "rollout", "n_steps in [train.ppo] to 1000 or less");
        let odd = format!("{train}n_steps = 1000\nbatch_size = 64");
        warns_until_fixed("pendulum", &odd, &fixed, "minibatches", "has 40 samples");
        let single = format!("{train}n_steps = 1000\nbatch_size = 1");
        let kept = format!("{single}\nnormalize_advantage = false");
        warns_until_fixed("pendulum", &single, &kept, "minibatches", "normalize_advantage = false");
    }

    #[test]
    fn reinforce_needs_ends_and_something_to_compare_returns_with() {
        let train = "[train]\nalgorithm = \"reinforce\"\n[train.reinforce]\n";
        let wrong = format!("{train}normalize_returns = false");
        let fixed = format!("{wrong}\nbaseline = true");
        warns_until_fixed("cart-pole", &wrong, &fixed, "variance", "baseline = true");
        let short = "[train]\nalgorithm = \"reinforce\"\ntotal_steps = 400";
        let long = "[train]\nalgorithm = \"reinforce\"\ntotal_steps = 500";
        warns_until_fixed("cart-pole", short, long, "episodes", "one may last 500 of the 400 steps");
    }

    #[test]
    fn networks_want_features_of_about_one() {
        let train = |normalize: bool| {
            format!("[train]\n[train.ppo]\nn_envs = 1\nnormalize_observation = {normalize}")
        };
        let words = "reaches 250 as the policy sees it";
        warns_until_fixed("inventory", &train(false), &train(true), "scale of features", words);
    }

    #[test]
    fn a_buffer_leaves_memory_to_others() {
        let train = |size: u64| format!("[train]\nalgorithm = \"dqn\"\n[train.dqn]\nbuffer_size = {size}");
        // Cart-pole: 4 features, a choice, a reward and a byte are 25 bytes.
        warns_until_fixed(
            "cart-pole",
            &train(100_000_000),
            &train(70_000_000),
            "replay buffer",
            "takes 2.5 GB",
        );
    }

    #[test]
    fn learning_must_start_and_exploration_outlast_it() {
        let train =
            |keys: &str| format!("[train]\nalgorithm = \"dqn\"\ntotal_steps = 20_000\n[train.dqn]\n{keys}");
        warns_until_fixed(
            "cart-pole",
            &train("learning_starts = 20_000"),
            &train("learning_starts = 200"),
            "learning starts",
            "nothing is learnt",
        );
        warns_until_fixed(
            "cart-pole",
            &train("learning_starts = 5_000"),
            &train("learning_starts = 5_000\nexploration_fraction = 0.3"),
            "exploration",
            "raise exploration_fraction above 0.25",
        );
        assert_eq!(
            warnings("cart-pole", &train("learning_starts = 5_000\nexploration_decay = \"constant\"")),
            []
        );
    }

    #[test]
    fn target_networks_must_move() {
        let dqn = |steps: u64| format!("[train]\nalgorithm = \"dqn\"\ntotal_steps = {steps}");
        warns_until_fixed(
            "cart-pole",
            &dqn(9_000),
            &dqn(10_000),
            "target network",
            "10000 environment steps",
        );
        let sac = |every: u64| {
            format!(
                "[train]\nalgorithm = \"sac\"\ntotal_steps = 10_100\n[train.sac]\nbuffer_size = 10_000\n\
                 train_freq = 10\ntarget_update_interval = {every}"
            )
        };
        warns_until_fixed("pendulum", &sac(1_001), &sac(1_000), "target network", "1001 gradient steps");
    }

    #[test]
    fn bandits_know_no_consequences() {
        let lines = |delay: &str, steps: u64| {
            format!(
                "max_steps = {steps}\n[decision]\nreward_delay = \"{delay}\"\n[train]\nalgorithm = \"lin-ucb\""
            )
        };
        let good = lines("same step", 1);
        warns_until_fixed("cart-pole", &lines("same step", 2), &good, "consequences", "up to 2 steps");
        warns_until_fixed(
            "cart-pole",
            &lines("3 steps", 1),
            &good,
            "consequences",
            "reward_delay is \"3 steps\"",
        );
    }

    #[test]
    fn a_table_needs_visits_and_ranges() {
        let train = |steps: u64, keys: &str| {
            format!(
                "[train]\nalgorithm = \"q-learning\"\ntotal_steps = {steps}\n[train.q-learning]\nexploration_fraction = \
                 1.0\n{keys}"
            )
        };
        // 4 features and 2 choices: 2 × 6⁴ = 2592 entries.
        let (wrong, fixed) = (train(20_000, "bins = [6]"), train(30_000, "bins = [6]"));
        warns_until_fixed("cart-pole", &wrong, &fixed, "table", "20000 steps for 2592 entries");
        let (wrong, fixed) = (train(2_000, "bins = [2]"), train(2_000, "bins = [2]\nrange_steps = 1_000"));
        warns_until_fixed("cart-pole", &wrong, &fixed, "learning starts", "range_steps = 2000");
        let early = "bins = [2]\nrange_steps = 1_500\nexploration_decay = ";
        let falling = train(2_000, &format!("{early}\"linear\"")).replace("fraction = 1.0", "fraction = 0.5");
        let constant =
            train(2_000, &format!("{early}\"constant\"")).replace("fraction = 1.0", "fraction = 0.5");
        warns_until_fixed("cart-pole", &falling, &constant, "exploration", "acts greedily");
    }
}
