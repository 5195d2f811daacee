//! An algorithm from outside of the crate: its file and one call are enough, and no other file knows it.
//!
//! The algorithm is hill climbing on a table with a value for each choice: it plays an episode with one choice and keeps the
//! choice with the best return.

use std::sync::atomic::AtomicBool;

use serde::{Deserialize, Serialize};
use setpoint_decision::section::{Range, Section};
use setpoint_decision::{Diagnostic, Project};
use setpoint_evidence::Decision;
use setpoint_evidence::environments::Environments;
use setpoint_learn::algorithm::{Algorithm, Horizon, Snapshot};
use setpoint_learn::algorithms::RECIPES;
use setpoint_learn::error::TrainError;
use setpoint_learn::figures::Figures;
use setpoint_learn::problem::Problem;
use setpoint_learn::recipe::{LearnerOptions, Learns, Recipe};
use setpoint_learn::recipes::Recipes;
use setpoint_learn::request::Request;
use setpoint_learn::train::{Start, TrainOptions, train};
use setpoint_learn::usual_ranges::numbers;
use setpoint_nn::mlp::{Activation, Mlp};
use setpoint_policy::head::Head;
use setpoint_process::StateError;
use setpoint_process::vectorized::Actions;

/// The recipe.
const RECIPE: Recipe = Recipe {
    name: "best-choice",
    class: "BestChoice",
    summary: "always the choice whose last episode returned most",
    on_policy: true,
    actions: Learns::Choices,
    reads_tensors: false,
    sample_efficiency: "low",
    pick_when: "never, but in tests",
    source: "this file",
    is_first_choice: false,
    tuning: || vec![numbers("initial_value", &[0.0, 10.0])],
    read: |section| Ok(Box::new(Options::read(section)?)),
};

/// `[train.best-choice]`
#[derive(Clone, Debug, Serialize)]
struct Options {
    initial_value: f64,
}

impl Options {
    fn read(section: &Section<'_>) -> Result<Self, Box<Diagnostic>> {
        let meaning = "value of a choice before its first episode";
        Ok(Self { initial_value: section.number("initial_value", Range::any(), meaning)?.unwrap_or(100.0) })
    }
}

impl LearnerOptions for Options {
    fn learner(&self, request: &Request<'_>) -> Box<dyn Algorithm> {
        let values = vec![self.initial_value as f32; request.spec.action.len()];
        Box::new(BestChoice { features: request.spec.observation.len(), values })
    }
}

#[derive(Serialize, Deserialize)]
struct BestChoice {
    features: usize,
    values: Vec<f32>,
}

impl Algorithm for BestChoice {
    fn lanes(&self) -> usize {
        1
    }

    fn begin(&mut self, _environments: &Environments, _adopted: bool) {}

    fn update(
        &mut self,
        environments: &mut Environments,
        horizon: Horizon<'_>,
    ) -> Result<Figures, TrainError> {
        let best = self.values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let choice = self.values.iter().position(|value| *value == best).unwrap_or(0);
        let mut total = 0.0;
        loop {
            horizon.check_stop()?;
            environments.step(Actions::of_choices(&[choice as u32]))?;
            total += environments.rewards()[0];
            if environments.transition().outcomes[0].is_over() {
                break;
            }
        }
        self.values[choice] = total;
        Ok(Figures::from([("best", f64::from(best))]))
    }

    fn snapshot(&self) -> Snapshot {
        // No weights; the values are the biases.
        let mut parameters = vec![0.0; self.features * self.values.len()];
        parameters.extend_from_slice(&self.values);
        let network = Mlp {
            input: self.features,
            hidden: Vec::new(),
            output: self.values.len(),
            activation: Activation::Linear,
        };
        Snapshot::of_network(network, parameters, Head::Values)
    }

    fn save(&self) -> Result<Vec<u8>, StateError> {
        serde_json::to_vec(self).map_err(|error| StateError::new(error.to_string()))
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        *self = serde_json::from_slice(bytes).map_err(|error| StateError::new(error.to_string()))?;
        Ok(())
    }
}

fn problem(kind: &str, reward: &str, lines: &str) -> Result<Problem, String> {
    let text = format!(
        "[process]\nkind = \"{kind}\"\n[reward]\n{reward}\n[train]\nalgorithm = \"best-choice\"\n{lines}"
    );
    let project = Project::from_text("setpoint.toml", &text, &[]).unwrap();
    let decision = Decision::open(project, &setpoint_processes::registry(), &mut |_| {}).unwrap();
    let recipes = Recipes::new().with(RECIPES.iter().copied()).with([RECIPE]);
    Problem::with_recipes(decision, &recipes, &mut |_| {}).map_err(|error| error.to_string())
}

#[test]
fn a_recipe_of_ones_own_is_read_trained_and_saved_like_any_other() {
    let lines = "total_steps = 2000\n[train.best-choice]\ninitial_value = 500.0";
    let problem = problem("cart-pole", "upright = 1", lines).unwrap();
    assert!(problem.resolved().contains("[train.best-choice]\ninitial_value = 500.0"));
    let stop = AtomicBool::new(false);
    let options =
        TrainOptions { folder: None, start: Start::New, threads: 1, stop: &stop, progress: &mut |_| {} };
    let policy = train(&problem, options).unwrap().policy;
    assert_eq!(policy.manifest.algorithm, "best-choice");
    // Both choices were tried: each topples the pole within a dozen steps.
    assert!(policy.parameters.iter().all(|value| *value < 20.0), "{:?}", policy.parameters);
}

#[test]
fn its_mistakes_are_told_like_those_of_any_other() {
    let refused = |kind, reward, lines| problem(kind, reward, lines).err().unwrap();
    let message = refused("cart-pole", "upright = 1", "[train.best-choice]\ninitial_valu = 1");
    assert!(message.contains("did you mean `initial_value`?"), "{message}");
    let message = refused("pendulum", "cost = -1", "");
    assert!(
        message.contains("best-choice learns choices; this process has settings: use ppo, sac, td3 or ddpg"),
        "{message}"
    );
    let options = RECIPE.describe_options();
    assert_eq!(
        (options[0].name, options[0].default.clone()),
        ("initial_value", Some(toml::Value::Float(100.0)))
    );
}
