//! Several algorithms on one decision: which algorithm learns it best from the same number of steps, and a recommendation.
//!
//! Each algorithm is trained on the same share of the project's steps, over the same seeds, with the project's options for
//! it; every policy is evaluated on the project's evaluation episodes. Means and intervals are over seeds: an evaluation
//! counts as one number (Agarwal et al. 2021, arXiv 2108.13264).

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use setpoint_random::Stream;

use crate::many_seeds::{Event, Member, SideBySide, train_members};
use crate::seeds::SeedRun;
use crate::suitability::suitability;
use setpoint_evidence::Decision;
use setpoint_evidence::evidence_file::{self, Hashes};
use setpoint_files::FileError;
use setpoint_files::atomic;
use setpoint_files::run::Run;
use setpoint_files::run_folder::RunFolder;
use setpoint_learn::error::TrainError;
use setpoint_learn::metrics::read_episodes;
use setpoint_learn::problem::Problem;
use setpoint_learn::recipe::Recipe;
use setpoint_statistics::{Summary, probability_of_improvement};

mod curve;
mod recommendation;

pub use curve::{Curve, CurvePoint};
pub use recommendation::Recommendation;

/// The settings of a comparison: `compare.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// The project's name.
    pub project: String,
    /// Algorithms, in the order of `--algorithms` or of the list.
    pub algorithms: Vec<String>,
    /// Share of the project's steps, in (0, 1].
    pub share: f64,
    /// Environment steps of each training: the share, rounded up to the complete rollouts of the algorithm with the longest.
    pub steps: u64,
    /// Environment steps of the whole project.
    pub project_steps: u64,
    /// First seed.
    pub seed: u64,
    /// Seeds of each algorithm.
    pub seeds: u64,
}

/// A share of a project's steps, at least one.
fn share_of(project_steps: u64, share: f64) -> u64 {
    ((project_steps as f64 * share).round() as u64).max(1)
}

impl Settings {
    /// Whether the trainings take more steps than the share, because one of the algorithms learns from complete rollouts.
    pub fn is_rounded(&self) -> bool {
        self.steps > share_of(self.project_steps, self.share)
    }
}

/// An algorithm that is not compared, and the reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{algorithm} cannot be compared here: {reason}")]
pub struct LeftOut {
    /// Its name.
    pub algorithm: String,
    /// Why it does not fit, or how its training failed.
    pub reason: String,
}

/// A comparison that is ready to begin.
pub struct Plan {
    /// The settings.
    pub settings: Settings,
    /// The problem of each algorithm, in the same order.
    pub problems: Vec<Problem>,
    /// The algorithms that were not named and do not fit.
    pub left_out: Vec<LeftOut>,
}

/// A comparison: `evidence/compare.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlgorithmComparison {
    /// The settings.
    #[serde(flatten)]
    pub settings: Settings,
    /// The process.
    pub process: String,
    /// Evaluation episodes of each seed.
    pub episodes_per_seed: u64,
    /// The recommendation.
    pub recommendation: Recommendation,
    /// The algorithms, best mean return first.
    pub results: Vec<AlgorithmResult>,
    /// The algorithms that do not fit, and the algorithms whose training failed.
    pub left_out: Vec<LeftOut>,
    /// Mean return per episode of the project's baselines.
    pub baselines: Vec<BaselineReturn>,
}

impl AlgorithmComparison {
    /// Stores the evidence in the folder of the comparison, with the hashes of each algorithm's project and of each seed's
    /// policy.
    pub fn keep(&self, plan: &Plan, folder: &RunFolder) -> Result<(), FileError> {
        // All algorithms learn in one process: its files are read once.
        let mut hashes = match plan.problems.first() {
            Some(problem) => Hashes::default().files_of(&*problem.decision.factory)?,
            None => Hashes::default(),
        };
        for (algorithm, problem) in self.settings.algorithms.iter().zip(&plan.problems) {
            hashes = hashes.project(algorithm, &problem.resolved());
            let runs = RunFolder::at(folder.path.join(algorithm));
            for seed in self.settings.seed..self.settings.seed + self.settings.seeds {
                let policy = runs.of_seed(seed).policy();
                // A failed training has no policy.
                if policy.is_file() {
                    hashes = hashes.policy_file(&format!("{algorithm}/seed-{seed}"), &policy)?;
                }
            }
        }
        evidence_file::write(&folder.evidence("compare"), &hashes, self)
    }
}

/// The return of a baseline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BaselineReturn {
    /// Its name in the project file.
    pub name: String,
    /// Mean return per evaluation episode.
    #[serde(deserialize_with = "setpoint_statistics::stored::figures")]
    pub episode_return: f64,
}

/// The result of one algorithm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlgorithmResult {
    /// Its name.
    pub algorithm: String,
    /// Whether it learns only from the data of its present policy.
    pub on_policy: bool,
    /// Return per episode over seeds, each seed's evaluation one number.
    pub episode_return: Summary,
    /// Reward per step over seeds.
    pub reward_per_step: Summary,
    /// Return per episode of each seed.
    #[serde(deserialize_with = "setpoint_statistics::stored::figures")]
    pub returns: Vec<f64>,
    /// Environment steps of one training, mean over seeds.
    #[serde(deserialize_with = "setpoint_statistics::stored::figures")]
    pub steps: f64,
    /// Environment steps per second of a training on one core.
    #[serde(deserialize_with = "setpoint_statistics::stored::figures")]
    pub steps_per_second: f64,
    /// Time of one training in s, mean over seeds.
    #[serde(deserialize_with = "setpoint_statistics::stored::figures")]
    pub wall_seconds: f64,
    /// Probability that a seed of it returns more than a seed of the next best algorithm, in [0, 1]; `None` for the last.
    pub probability_of_improvement: Option<f64>,
    /// Warnings about its options in this project.
    pub warnings: Vec<String>,
    /// Its learning curve; empty if no episode ended.
    pub curve: Curve,
}

impl Plan {
    /// For the named algorithms, or for all that fit if none is named (always with the project's own algorithm). Refuses a
    /// named algorithm that does not fit.
    pub fn new(problem: &Problem, named: &[String], share: f64, seeds: u64) -> Result<Self, LeftOut> {
        let own = problem.options.name();
        let is_default = |recipe: &&Recipe| recipe.name == own || recipe.is_first_choice;
        let names: Vec<&str> = match named {
            [] => problem.recipes.list().iter().filter(is_default).map(|recipe| recipe.name).collect(),
            named => named.iter().map(String::as_str).collect(),
        };
        let mut problems: Vec<Problem> = Vec::new();
        let mut left_out = Vec::new();
        let project_steps = problem.decision.project.train.total_steps;
        let asked = share_of(project_steps, share);
        for name in names {
            match Self::problem(problem, name, asked) {
                Ok(problem) if problems.iter().any(|found| found.options.name() == name) => drop(problem),
                Ok(problem) => problems.push(problem),
                Err(refusal) if named.is_empty() => left_out.push(refusal),
                Err(refusal) => return Err(refusal),
            }
        }
        // One algorithm that takes more steps than the others would look better than it is.
        let steps = problems.iter().map(|problem| problem.options.steps_taken(asked)).max().unwrap_or(asked);
        problems.iter_mut().for_each(|problem| problem.decision.project.train.total_steps = steps);
        let settings = Settings {
            project: problem.decision.project.charter.name.clone(),
            algorithms: problems.iter().map(|problem| problem.options.name().to_owned()).collect(),
            share,
            steps,
            project_steps,
            seed: problem.decision.project.train.seed,
            seeds,
        };
        Ok(Self { settings, problems, left_out })
    }

    /// The project with another algorithm and its share of steps. Removes the conditions that would end a training earlier,
    /// so that all algorithms learn from equally many steps.
    fn problem(problem: &Problem, name: &str, steps: u64) -> Result<Problem, LeftOut> {
        let refuse = |reason: String| LeftOut { algorithm: name.to_owned(), reason };
        problem.recipes.find(name).map_err(|error| refuse(error.to_string()))?;
        let mut project = problem.decision.project.clone();
        project.train.algorithm = name.to_owned();
        project.train.total_steps = steps;
        project.train.total_episodes = None;
        project.train.target_return = None;
        Decision::new(project, Arc::clone(&problem.decision.factory))
            .and_then(|decision| Problem::with_recipes(decision, &problem.recipes, &mut |_| {}))
            .map_err(|diagnostic| refuse(diagnostic.title.clone()))
    }

    /// Number of trainings.
    pub fn trainings(&self) -> usize {
        self.problems.len() * self.settings.seeds as usize
    }

    /// Algorithm and seed of a training.
    pub fn member(&self, index: usize) -> (&str, u64) {
        let seeds = self.settings.seeds as usize;
        (&self.settings.algorithms[index / seeds], self.settings.seed + (index % seeds) as u64)
    }

    /// Trains and evaluates everything in the run `whole`, each training as a part of it. Gives `None` if it was stopped;
    /// finished trainings are kept, and a resume does not repeat them. Leaves out an algorithm whose numbers leave the
    /// finite range; any other failure ends the comparison.
    pub fn carry_out(
        &self,
        whole: &Run,
        how: &SideBySide<'_>,
        observe: &mut dyn FnMut(Event),
    ) -> Result<Option<AlgorithmComparison>, TrainError> {
        let folder = &whole.folder;
        let text = toml::to_string_pretty(&self.settings).expect("settings are numbers and texts");
        atomic::replace(&folder.comparison_file(), text.as_bytes())?;
        let seeds = self.settings.seeds as usize;
        let member = |index: usize| {
            let (algorithm, seed) = self.member(index);
            let folder = RunFolder::at(folder.path.join(algorithm)).of_seed(seed);
            Member { problem: &self.problems[index / seeds], seed, folder: Some(folder) }
        };
        let members: Vec<Member<'_>> = (0..self.trainings()).map(member).collect();
        let mut runs: Vec<Vec<SeedRun>> = Vec::new();
        let mut failures: Vec<Option<String>> = vec![None; self.problems.len()];
        runs.resize_with(self.problems.len(), Vec::new);
        let mut stopped = false;
        for (index, end) in train_members(&members, how, observe).into_iter().enumerate() {
            match end {
                None => stopped = true,
                Some(Ok(run)) => runs[index / seeds].push(run),
                Some(Err(error)) if error.is_divergence() => {
                    failures[index / seeds].get_or_insert(error.to_string());
                }
                Some(Err(error)) => return Err(error),
            }
        }
        if stopped {
            return Ok(None);
        }
        let mut left_out = self.left_out.clone();
        let mut results = Vec::new();
        for ((problem, runs), failure) in self.problems.iter().zip(&runs).zip(failures) {
            match failure {
                None => results.push(AlgorithmResult::of(problem, runs, folder)?),
                Some(reason) => {
                    left_out.push(LeftOut { algorithm: problem.options.name().to_owned(), reason });
                }
            }
        }
        Ok(Some(self.compare(results, left_out, runs.iter().flatten().next())))
    }

    /// Ranks the results; Any run gives the returns of the baselines, because all runs evaluate them on the same episodes.
    fn compare(
        &self,
        mut results: Vec<AlgorithmResult>,
        left_out: Vec<LeftOut>,
        any: Option<&SeedRun>,
    ) -> AlgorithmComparison {
        results.sort_by(|a, b| b.episode_return.mean.total_cmp(&a.episode_return.mean));
        for index in 1..results.len() {
            let (better, rest) = results.split_at_mut(index);
            better[index - 1].probability_of_improvement =
                Some(probability_of_improvement(&better[index - 1].returns, &rest[0].returns));
        }
        let baselines = any.map_or(&[][..], |run| &run.evaluation.baselines);
        let baseline = |subject: &setpoint_evidence::evaluate::Subject| BaselineReturn {
            name: subject.name.clone(),
            episode_return: subject.episode_return.mean,
        };
        let baselines: Vec<BaselineReturn> = baselines.iter().map(baseline).collect();
        AlgorithmComparison {
            process: self.problems.first().map_or(String::new(), |problem| problem.spec().kind.clone()),
            episodes_per_seed: any.map_or(0, |run| run.evaluation.episodes_per_seed),
            recommendation: Recommendation::of(&results, &baselines, self.settings.share),
            settings: self.settings.clone(),
            baselines,
            results,
            left_out,
        }
    }
}

impl AlgorithmResult {
    fn of(problem: &Problem, runs: &[SeedRun], folder: &RunFolder) -> Result<Self, FileError> {
        let Recipe { name, on_policy, .. } = problem.options.recipe();
        let returns: Vec<f64> = runs.iter().map(|run| run.evaluation.policy.episode_return.mean).collect();
        let rewards: Vec<f64> = runs.iter().map(|run| run.evaluation.policy.reward_per_step.mean).collect();
        let mut random =
            Stream::new(problem.decision.project.train.seed, "bootstrap comparison of algorithms", 0);
        let (steps, seconds) = runs.iter().fold((0.0, 0.0), |(steps, seconds), run| {
            (steps + run.training.steps as f64, seconds + run.training.wall_seconds)
        });
        let episodes = runs
            .iter()
            .map(|run| read_episodes(&RunFolder::at(folder.path.join(name)).of_seed(run.seed).episodes()))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            algorithm: (*name).to_owned(),
            on_policy: *on_policy,
            episode_return: Summary::of(&returns, &mut random),
            reward_per_step: Summary::of(&rewards, &mut random),
            returns,
            steps: steps / runs.len() as f64,
            steps_per_second: steps / seconds.max(1e-9),
            wall_seconds: seconds / runs.len() as f64,
            probability_of_improvement: None,
            warnings: suitability(problem).into_iter().map(|finding| finding.message).collect(),
            curve: curve::over_seeds(&episodes, &random),
        })
    }
}

#[cfg(test)]
mod tests {
    use setpoint_decision::Project;

    use super::*;

    fn plan(process: &str, algorithm: &str, named: &[&str]) -> Result<Plan, LeftOut> {
        let signal = if process == "cart-pole" { "upright" } else { "cost" };
        let text = format!(
            "[reward]\n{signal} = 1\n[process]\nkind = \"{process}\"\n[train]\nalgorithm = \"{algorithm}\"\ntotal_episodes \
             = 5\n[train.dqn]\ngamma = 0.5\nbuffer_size = 1000\n[train.sac]\nbuffer_size = 1000\n[train.td3]\nbuffer_size \
             = 1000\n[train.ddpg]\nbuffer_size = 1000"
        );
        let problem =
            Problem::new(Project::from_text("test", &text, &[]).unwrap(), &setpoint_processes::registry())
                .unwrap();
        let named: Vec<String> = named.iter().map(|name| (*name).to_owned()).collect();
        Plan::new(&problem, &named, 0.25, 3)
    }

    #[test]
    fn what_fits_is_compared_and_what_is_named_must_fit() {
        let names = |plan: Plan| plan.settings.algorithms;
        assert_eq!(names(plan("cart-pole", "ppo", &[]).unwrap()), ["ppo", "dqn", "sac"]);
        assert_eq!(names(plan("cart-pole", "reinforce", &[]).unwrap()), ["ppo", "dqn", "sac", "reinforce"]);
        assert_eq!(names(plan("pendulum", "ppo", &[]).unwrap()), ["ppo", "sac", "td3", "ddpg"]);
        let choices = plan("cart-pole", "ppo", &["thompson", "dqn", "dqn"]).unwrap();
        assert_eq!(choices.settings.algorithms, ["thompson", "dqn"]);
        assert_eq!((choices.trainings(), choices.member(4)), (6, ("dqn", 1)));
        let refused = |process, name| plan(process, "ppo", &["ppo", name]).err().unwrap().to_string();
        assert_eq!(
            refused("cart-pole", "td3"),
            "td3 cannot be compared here: td3 learns settings; this process has choices: use ppo, dqn or sac"
        );
        assert!(refused("pendulum", "ucb1").contains("this process has settings: use ppo, sac, td3 or ddpg"));
        assert!(refused("pendulum", "pop").contains("there is no algorithm `pop`; did you mean `ppo`?"));
    }

    #[test]
    fn all_learn_from_as_many_steps_with_their_own_options() {
        let plan = plan("cart-pole", "ppo", &[]).unwrap();
        for problem in &plan.problems {
            let train = &problem.decision.project.train;
            // Two rollouts of PPO, 2 × 8 × 2048, cover a quarter of the steps; the others take as many.
            assert_eq!((train.total_steps, train.total_episodes), (32_768, None));
        }
        assert_eq!(plan.problems[1].options.collection().unwrap().gamma, 0.5);
        assert_eq!(plan.left_out.len(), 2, "td3 and ddpg");
    }
}
