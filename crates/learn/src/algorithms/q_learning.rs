//! Tabular Q-learning (Watkins 1989; Sutton & Barto 2018, section 6.5) on a grid over the observation: the reference for
//! the gain from a network.
//!
//! Each feature's range is divided into equal bins. A feature without a finite range gets the range that the first
//! `range_steps` uniform steps show.

use serde::{Deserialize, Serialize};
use setpoint_decision::Diagnostic;
use setpoint_decision::charter::Finding;
use setpoint_decision::section::{Range, Section};
use setpoint_decision::spec::{Feature, Spec};
use setpoint_evidence::Decision;
use setpoint_evidence::environments::Environments;
use setpoint_nn::mlp::{Activation, Mlp};
use setpoint_policy::Policy;
use setpoint_policy::head::{Discretization, Head};
use setpoint_process::StateError;
use setpoint_process::process::Outcome;
use setpoint_process::vectorized::Actions;
use setpoint_random::Stream;

use crate::algorithm::{Algorithm, Critics, Horizon, Snapshot, from_bytes, to_bytes};
use crate::bounds;
use crate::error::TrainError;
use crate::exploration::{DiscreteExploration, DiscreteExplorer, ExplorationCount, any_allowed, greatest};
use crate::figures::{Figures, Means};
use crate::learning_rate::{Schedule, read_schedule};
use crate::recipe::{LearnerOptions, Learns, Recipe};
use crate::request::Request;
use crate::usual_ranges::{self, logarithmic};
use crate::warnings::early_end;

/// The recipe.
pub const RECIPE: Recipe = Recipe {
    name: "q-learning",
    class: "QLearning",
    summary: "tabular Q-learning on a grid over the observation",
    on_policy: false,
    actions: Learns::Choices,
    reads_tensors: false,
    sample_efficiency: "low: every cell learns separately",
    pick_when: "there are few features, and people should read and check the table; as a reference",
    source: "Watkins 1989; Sutton & Barto 2018, section 6.5",
    is_first_choice: false,
    tuning: || vec![logarithmic("learning_rate", 1e-2, 5e-1), usual_ranges::gamma()],
    read: |section| Ok(Box::new(Options::read(section)?)),
};

/// Greatest number of table entries.
const ENTRIES_MAX: usize = 1 << 24;
/// Environment steps of an update.
const UPDATE_STEPS: u64 = 1_000;
/// A value learnt from fewer visits than this is mostly its initial value.
const VISITS_FEW: f64 = 10.0;
/// A range wider than this counts as infinite.
const FINITE: f32 = 1e6;

/// `[train.q-learning]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// Share of the temporal-difference error in each update.
    pub learning_rate: Schedule,
    /// Discount per step, in [0, 1].
    pub gamma: f64,
    /// Bins of every feature, or of each in turn.
    pub bins: Vec<u64>,
    /// Number of uniform steps that find the range of features without a finite range.
    pub range_steps: u64,
    /// The initial value of every entry; optimistic values explore.
    pub initial_value: f64,
    /// Its exploration.
    #[serde(flatten)]
    pub exploration: DiscreteExploration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            learning_rate: Schedule::Constant(0.1),
            gamma: 0.99,
            bins: vec![10],
            range_steps: 2_000,
            initial_value: 0.0,
            exploration: DiscreteExploration { exploration_fraction: 0.5, ..DiscreteExploration::default() },
        }
    }
}

impl Options {
    /// Reads the section; absent keys take their defaults.
    pub fn read(section: &Section<'_>) -> Result<Self, Box<Diagnostic>> {
        let default = Self::default();
        let options = Self {
            learning_rate: read_schedule(
                section,
                "learning_rate",
                bounds::positive(),
                "share of the error in each update",
            )?
            .unwrap_or(default.learning_rate),
            gamma: section
                .number("gamma", Range::between(0.0, 1.0), "discount per step")?
                .unwrap_or(default.gamma),
            bins: section
                .integers("bins", Range::between(1.0, 1000.0), "bins of all features, or of each in turn")?
                .unwrap_or(default.bins),
            range_steps: section
                .integer("range_steps", Range::between(1.0, 1e9), "uniform steps that find infinite ranges")?
                .unwrap_or(default.range_steps),
            initial_value: section
                .number("initial_value", bounds::real(), "initial value of every entry")?
                .unwrap_or(default.initial_value),
            exploration: DiscreteExploration::read(section, default.exploration)?,
        };
        Ok(options)
    }

    /// Bins of each of `features` features; `None` if the list has neither one entry nor one per feature.
    fn bins_of(&self, features: usize) -> Option<Vec<u32>> {
        match self.bins.as_slice() {
            [bins] => Some(vec![*bins as u32; features]),
            bins if bins.len() == features => Some(bins.iter().map(|bins| *bins as u32).collect()),
            _ => None,
        }
    }

    /// Entries of its table, cells × choices; `None` if `bins` do not fit or the count overflows.
    pub fn entries(&self, spec: &Spec) -> Option<usize> {
        entries(&self.bins_of(spec.observation.len())?, spec)
    }
}

impl LearnerOptions for Options {
    fn learner(&self, request: &Request<'_>) -> Box<dyn Algorithm> {
        Box::new(QLearning::new(self.clone(), request.spec, request.seed))
    }

    fn gamma(&self) -> Option<f64> {
        Some(self.gamma)
    }

    fn mismatch(&self, spec: &Spec) -> Option<String> {
        let features = spec.observation.len();
        let Some(bins) = self.bins_of(features) else {
            let given = self.bins.len();
            return Some(format!(
                "q-learning has {given} numbers of bins for {features} features: give one number, or one per feature"
            ));
        };
        let entries = entries(&bins, spec);
        entries.is_none_or(|entries| entries > ENTRIES_MAX).then(|| {
            format!(
                "a table over {features} features has too many entries (more than {ENTRIES_MAX}): lower `bins`, or use \
                 dqn or ppo"
            )
        })
    }

    fn warnings(&self, decision: &Decision) -> Vec<Finding> {
        let spec = decision.spec();
        let total_steps = decision.project.train.total_steps;
        let starts = if has_open_range(spec) { self.range_steps } else { 0 };
        let mut findings: Vec<Finding> =
            early_end(RECIPE.name, decision, &self.exploration, starts).into_iter().collect();
        if starts >= total_steps {
            findings.push(Finding::warn(
                "learning starts",
                format!(
                    "range_steps = {starts} of total_steps = {total_steps}: all of them are used to find the features' ranges; \
                     lower range_steps in [train.q-learning]"
                ),
            ));
        }
        let entries = self.entries(spec).unwrap_or(usize::MAX);
        let visits = total_steps as f64 / entries as f64;
        if visits < VISITS_FEW {
            findings.push(Finding::warn(
                "table",
                format!(
                    "{total_steps} steps for {entries} entries (cells × choices) give {visits:.1} visits of each: most \
                     entries never learn; lower `bins` in [train.q-learning], train for longer, or use dqn, which learns \
                     across cells"
                ),
            ));
        }
        findings
    }
}

fn entries(bins: &[u32], spec: &Spec) -> Option<usize> {
    bins.iter().try_fold(spec.action.len(), |cells, bins| cells.checked_mul(*bins as usize))
}

/// Whether a feature's range must be found by uniform steps.
fn is_open(feature: &Feature) -> bool {
    feature.high - feature.low > FINITE
}

/// Whether the range of some feature must be found by `range_steps` uniform steps.
fn has_open_range(spec: &Spec) -> bool {
    spec.observation.iter().any(is_open)
}

/// The learner.
pub struct QLearning {
    options: Options,
    choices: usize,
    /// Features whose range is found by uniform steps.
    open: Vec<bool>,
    /// `[cells, choices]`
    values: Vec<f32>,
    state: State,
}

#[derive(Serialize, Deserialize)]
struct State {
    grid: Discretization,
    /// Remaining uniform steps for the ranges.
    range_steps_left: u64,
    explorer: DiscreteExplorer,
    counted: ExplorationCount,
    random: Stream,
    means: Means,
}

impl QLearning {
    /// A fresh learner; [`Options::mismatch`] has found nothing.
    pub fn new(options: Options, spec: &Spec, seed: u64) -> Self {
        let choices = spec.action.len();
        let features = &spec.observation;
        let bins = options.bins_of(features.len()).expect("`mismatch` refuses lists of another length");
        let open: Vec<bool> = features.iter().map(is_open).collect();
        // An open range begins at a point and grows with the observations.
        let limit =
            |(feature, open): (&Feature, &bool), limit: f32| if *open { feature.reference } else { limit };
        let grid = Discretization {
            low: features.iter().zip(&open).map(|pair| limit(pair, pair.0.low)).collect(),
            high: features.iter().zip(&open).map(|pair| limit(pair, pair.0.high)).collect(),
            bins,
        };
        Self {
            values: vec![options.initial_value as f32; grid.cells() * choices],
            state: State {
                grid,
                range_steps_left: if open.contains(&true) { options.range_steps } else { 0 },
                explorer: DiscreteExplorer::new(options.exploration, choices, seed),
                counted: ExplorationCount::default(),
                random: Stream::new(seed, "range steps", 0),
                means: Means::default(),
            },
            open,
            choices,
            options,
        }
    }

    /// Takes a uniform step and widens the open ranges to its observation.
    fn look(&mut self, environments: &mut Environments) -> Result<(), TrainError> {
        let choice = any_allowed(&mut self.state.random, self.choices, environments.allowed()) as u32;
        environments.step(Actions::of_choices(&[choice]))?;
        let Discretization { low, high, .. } = &mut self.state.grid;
        let seen = environments.transition().observations.iter().zip(&self.open);
        for ((value, open), (low, high)) in seen.zip(low.iter_mut().zip(high)) {
            if *open {
                *low = low.min(*value);
                // A feature that never moves still needs a width.
                *high = high.max(*value).max(*low + 1e-6);
            }
        }
        self.state.range_steps_left -= 1;
        Ok(())
    }

    /// Q(s, a) ← Q(s, a) + α (r + γ max Q(s', ·) − Q(s, a)); a termination has no s', a truncation has one.
    fn step(&mut self, environments: &mut Environments, progress_remaining: f64) -> Result<(), TrainError> {
        let choices = self.choices;
        let cell = self.state.grid.cell(&environments.transition().observations);
        let row = &self.values[cell * choices..(cell + 1) * choices];
        let choice = self.state.explorer.choose(row, environments.allowed(), progress_remaining);
        environments.step(Actions::of_choices(&[choice as u32]))?;
        let transition = environments.transition();
        let next = match transition.outcomes[0] {
            Outcome::Running => &transition.observations,
            Outcome::Terminated | Outcome::Truncated => &transition.final_observations,
        };
        let next_cell = self.state.grid.cell(next);
        let next_row = &self.values[next_cell * choices..(next_cell + 1) * choices];
        // After a truncation the mask belongs to the next episode, not to the final state.
        let allowed = if transition.outcomes[0] == Outcome::Running { environments.allowed() } else { &[] };
        let is_allowed = |choice: usize| allowed.is_empty() || allowed[choice];
        let best = next_row[greatest(next_row.iter().map(|value| f64::from(*value)), is_allowed)];
        let future = if transition.outcomes[0] == Outcome::Terminated {
            0.0
        } else {
            self.options.gamma as f32 * best
        };
        let value = &mut self.values[cell * choices + choice];
        let error = environments.rewards()[0] + future - *value;
        *value += self.options.learning_rate.at(progress_remaining) as f32 * error;
        self.state.means.add(&[f64::from(error.abs()), f64::from(*value)]);
        Ok(())
    }
}

impl Algorithm for QLearning {
    fn lanes(&self) -> usize {
        1
    }

    fn adopt(&mut self, policy: &Policy, _saved: Option<&[u8]>) -> Result<Critics, StateError> {
        let grid = policy.manifest.discretization.as_ref();
        let Some(grid) = grid.filter(|grid| grid.bins == self.state.grid.bins) else {
            return Err(StateError::new("its table has other bins than this project's table"));
        };
        self.state.grid = grid.clone();
        // The ranges of its features are known.
        self.state.range_steps_left = 0;
        let entries = self.values.len();
        self.values.copy_from_slice(&policy.parameters[..entries]);
        Ok(Critics::Absent)
    }

    fn begin(&mut self, _environments: &Environments, _adopted: bool) {}

    fn update(
        &mut self,
        environments: &mut Environments,
        horizon: Horizon<'_>,
    ) -> Result<Figures, TrainError> {
        let end = (environments.steps() + UPDATE_STEPS).min(horizon.total_steps);
        while environments.steps() < end {
            horizon.check_stop()?;
            if self.state.range_steps_left > 0 {
                self.look(environments)?;
            } else {
                self.step(environments, horizon.remaining_at(environments.steps()))?;
            }
        }
        let remaining = horizon.remaining_at(environments.steps());
        let State { explorer, counted, means, .. } = &mut self.state;
        let mut figures = means.take(&["temporal_difference", "mean_value"]);
        let (explored, not_greedy) = explorer.take_shares(counted);
        figures.insert("exploration_rate", explorer.rate(remaining));
        figures.insert("exploration_percent", explored);
        figures.insert("exploitation_percent", 100.0 - explored);
        figures.insert("not_greedy_percent", not_greedy);
        figures.insert("learning_rate", self.options.learning_rate.at(remaining));
        Ok(figures)
    }

    fn snapshot(&self) -> Snapshot {
        let cells = self.state.grid.cells();
        // One row per cell, and no bias.
        let mut parameters = self.values.clone();
        parameters.resize((cells + 1) * self.choices, 0.0);
        let network =
            Mlp { input: cells, hidden: Vec::new(), output: self.choices, activation: Activation::Linear };
        Snapshot {
            discretization: Some(self.state.grid.clone()),
            ..Snapshot::of_network(network, parameters, Head::Values)
        }
    }

    fn save(&self) -> Result<Vec<u8>, StateError> {
        to_bytes(&(&self.values, &self.state))
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        let (values, state): (Vec<f32>, State) = from_bytes(bytes)?;
        if values.len() != self.values.len() || state.grid.bins != self.state.grid.bins {
            return Err(StateError::new("its table has a different size than this project's table"));
        }
        self.values = values;
        self.state = state;
        Ok(())
    }
}
