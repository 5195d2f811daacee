//! The start of a new project: a process with options that are known to learn it.

use setpoint_decision::spec::Spec;
use setpoint_learn::algorithms::RECIPES;
use setpoint_learn::recipes::Recipes;
use toml::{Table, Value};

use crate::output::thousands;

/// The ready project of each built-in process. Its parameters and its training are the start of every project with that
/// process, so that there is one place for options that are measured (`cargo xtask proofs`).
const READY: [(&str, &str); 18] = [
    ("acrobot", include_str!("../../../../../projects/acrobot/setpoint.toml")),
    ("assembly-line", include_str!("../../../../../projects/assembly-line/setpoint.toml")),
    ("assembly-setup", include_str!("../../../../../projects/assembly-setup/setpoint.toml")),
    ("bin-picking", include_str!("../../../../../projects/bin-picking/setpoint.toml")),
    ("cart-pole", include_str!("../../../../../projects/cart-pole/setpoint.toml")),
    ("catch", include_str!("../../../../../projects/catch/setpoint.toml")),
    ("condition-monitoring", include_str!("../../../../../projects/condition-monitoring/setpoint.toml")),
    ("cstr", include_str!("../../../../../projects/cstr/setpoint.toml")),
    ("filler", include_str!("../../../../../projects/filler/setpoint.toml")),
    ("flexible-job-shop", include_str!("../../../../../projects/flexible-job-shop/setpoint.toml")),
    ("inventory", include_str!("../../../../../projects/inventory/setpoint.toml")),
    ("job-shop", include_str!("../../../../../projects/job-shop/setpoint.toml")),
    ("mountain-car", include_str!("../../../../../projects/mountain-car/setpoint.toml")),
    (
        "mountain-car-continuous",
        include_str!("../../../../../projects/mountain-car-continuous/setpoint.toml"),
    ),
    ("pendulum", include_str!("../../../../../projects/pendulum/setpoint.toml")),
    ("ph-reactor", include_str!("../../../../../projects/ph-reactor/setpoint.toml")),
    ("quadruple-tank", include_str!("../../../../../projects/quadruple-tank/setpoint.toml")),
    ("warehouse-picking", include_str!("../../../../../projects/warehouse-picking/setpoint.toml")),
];

/// For a process of which nothing is known: PPO learns all actions, and normalisation makes it independent of the scales of
/// features and rewards.
const ANY: &str = "[train]\nalgorithm = \"ppo\"\ntotal_steps = 200_000\n\
                   [train.ppo]\nnormalize_observation = true\nnormalize_reward = true\n";

/// Processes whose training can lose what it found before its last step, and the steps between two evaluations that keep the best
/// policy. The ready projects keep the last one, as the published results that they are compared with do.
const UNSTEADY: [(&str, u64); 2] = [("mountain-car", 5_000), ("mountain-car-continuous", 2_500)];

/// The lines of `[evaluate]` about evaluations during the training; comments where the last policy is known to do.
pub fn evaluations(spec: &Spec) -> String {
    let unsteady = UNSTEADY.iter().find(|(kind, _)| *kind == spec.kind);
    let (comment, steps) = unsteady.map_or(("# ", 20_000), |(_, steps)| ("", *steps));
    let line = |text: String, meaning: &str| {
        format!("{comment}{text:width$}# {meaning}", width = 31 - comment.len())
    };
    [
        line(format!("every_steps = {}", grouped(steps)), "evaluates the policy during the training too"),
        line("keep = \"best\"".to_owned(), "keeps the best of these policies, not the last one"),
    ]
    .join("\n")
}

fn ready(spec: &Spec) -> Table {
    let text = READY.iter().find(|(kind, _)| *kind == spec.kind).map_or(ANY, |(_, text)| text);
    text.parse().expect("a ready project is TOML")
}

/// The keys of `[process]` but for its kind, in their order.
pub fn process(spec: &Spec) -> Table {
    let mut process = ready(spec).get("process").and_then(Value::as_table).cloned().unwrap_or_default();
    process.remove("kind");
    process
}

/// The text of `[train]` and of the options of its algorithm.
pub fn training(spec: &Spec) -> String {
    let project = ready(spec);
    let train = project["train"].as_table().expect("a ready project has [train]");
    let algorithm = train["algorithm"].as_str().expect("a ready project names its algorithm");
    let steps = train["total_steps"].as_integer().expect("a ready project states its steps");
    let mut text = format!(
        r#"[train]
algorithm   = "{algorithm}"{space}# `setpoint list algorithms` shows the use of each
total_steps = {steps}
seed        = 0
# target_return = 0.0          # stop once the mean return of 100 episodes reaches this
# checkpoint_every_updates = 10  # a checkpoint is due after so many updates,
# checkpoint_every_seconds = 60  # or after the first update that ends so many seconds after the last checkpoint
# log_every_updates = 1

[train.{algorithm}]                    # names of Stable-Baselines3; an option in a comment has its default"#,
        space = " ".repeat(15_usize.saturating_sub(algorithm.len())),
        steps = grouped(steps as u64),
    );
    let none = Table::new();
    let given = train.get(algorithm).and_then(Value::as_table).unwrap_or(&none);
    for (key, value) in given {
        text += &format!("\n{key} = {value}");
    }
    for (key, value) in defaults(algorithm).iter().filter(|(key, _)| !given.contains_key(key)) {
        text += &format!("\n# {key} = {value}");
    }
    text
}

/// 300000 as TOML groups it: `300_000`.
fn grouped(steps: u64) -> String {
    thousands(steps as f64).replace(',', "_")
}

/// The options of an algorithm with a default, in their order.
fn defaults(algorithm: &str) -> Vec<(String, Value)> {
    let recipes = Recipes::new().with(RECIPES.iter().copied());
    let found = recipes.find(algorithm).expect("the algorithm of a ready project exists");
    let options = found.describe_options().into_iter();
    options.filter_map(|option| Some((option.name.to_owned(), option.default?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_process_has_a_ready_project_of_its_own_kind() {
        let registry = setpoint_processes::registry();
        // A process that needs an environment or a log of the user's has no ready project.
        for kind in registry.complete().filter(|kind| registry.open_default(kind, None).is_some()) {
            let (_, text) = READY.iter().find(|(name, _)| *name == kind).unwrap_or_else(|| panic!("{kind}"));
            let project: Table = text.parse().unwrap();
            assert_eq!(project["process"]["kind"].as_str(), Some(kind));
        }
    }
}
