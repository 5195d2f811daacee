//! `report.html`: one self-contained page that a process engineer can read, on paper and on a phone.

use std::path::Path;

use serde::de::DeserializeOwned;
use setpoint_decision::preference::Preference;
use setpoint_guard::given_state::GivenState;
use setpoint_guard::recommend;
use setpoint_guard::recommendation::Recommendation;
use setpoint_policy::Policy;
use setpoint_process::gantt::Bar;

use setpoint_evidence::environments::Environments;
use setpoint_evidence::evaluate::Evaluation;
use setpoint_evidence::evidence_file;
use setpoint_evidence::faults::FaultMatrix;
use setpoint_evidence::preferences::{Trial, try_out};
use setpoint_files::FileError;
use setpoint_files::atomic;
use setpoint_files::run_folder::RunFolder;
use setpoint_learn::error::TrainError;
use setpoint_learn::metrics::{TrainingEvaluation, read_episodes, read_evaluations};
use setpoint_learn::problem::Problem;
use setpoint_learn::train::{StoredSummary, Summary};
use setpoint_study::probes::Probed;
use setpoint_study::seeds::{Seeds, Stored};
use setpoint_study::validate::{EVIDENCE, Validation};

mod actions;
mod comparison;
mod faults;
mod gantt;
mod page;
mod reward_tests;
mod search;
mod sections;
mod validation;

pub use comparison::write_comparison;
pub use page::render;
pub use search::write_search;

/// Reset states over which action probabilities are averaged.
const RESET_STATES: usize = 500;

/// The content of the page.
pub struct Report {
    /// The problem with its charter, as the run resolved it.
    pub problem: Problem,
    /// The summary of the training (of the first seed, if there are several).
    pub training: Option<Summary>,
    /// Learning curves: environment steps and return of each episode, one curve per seed.
    pub curves: Vec<Vec<(u64, f64)>>,
    /// Evaluations during the training, of a run of one seed.
    pub training_evaluations: Vec<TrainingEvaluation>,
    /// The policy against its baselines.
    pub evaluation: Option<Evaluation>,
    /// Policies under noise, delay and loss of samples.
    pub faults: Option<FaultMatrix>,
    /// The simulator against a log of the plant.
    pub validation: Option<Validation>,
    /// The distribution over seeds.
    pub seeds: Option<Seeds>,
    /// Mean probability of each choice over reset states, before and after training.
    pub probabilities: Option<(Vec<f64>, Vec<f64>)>,
    /// Schedules of one evaluation episode: of the best baseline and of the policy, if the process schedules.
    pub schedules: Vec<(String, Vec<Bar>)>,
    /// The results of the reward tests.
    pub trials: Vec<(Preference, Trial)>,
    /// The results of the probes, if there are any.
    pub probed: Option<Probed>,
    /// The recommendation of the policy in each scenario.
    pub scenarios: Vec<(String, GivenState, Recommendation)>,
    /// The trained policy.
    pub policy: Option<Policy>,
    /// Evidence of other policies than the run's: named, never quoted.
    pub foreign: Vec<String>,
}

/// The evidence of a run, bound to its policies by their hashes.
struct Evidence<'a> {
    folder: &'a RunFolder,
    foreign: Vec<String>,
}

impl Evidence<'_> {
    /// A measurement of the run's policy; `None` if there is none, or if it was measured on another policy.
    fn of_policy<T: DeserializeOwned>(
        &mut self,
        folder: &RunFolder,
        name: &str,
        policy: Option<&Policy>,
    ) -> Result<Option<T>, FileError> {
        let path = folder.evidence(name);
        let hashes = evidence_file::hashes(&path)?;
        let is_own = policy.is_some_and(|policy| {
            let hash = policy.hash();
            hashes.is_some_and(|hashes| hashes.policies.iter().any(|named| named.hash == hash))
        });
        if is_own { evidence_file::read(&path) } else { Ok(self.leave_out(&path)) }
    }

    /// The distribution over seeds, if every seed still has the policy that was measured.
    fn of_seeds(&mut self) -> Result<Option<Seeds>, FileError> {
        match Seeds::load(self.folder)? {
            Stored::Absent => Ok(None),
            Stored::Own(seeds) => Ok(Some(*seeds)),
            Stored::OfOtherPolicies => Ok(self.leave_out(&self.folder.evidence("seeds"))),
        }
    }

    fn leave_out<T>(&mut self, path: &Path) -> Option<T> {
        if path.is_file() {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            self.foreign.push(name);
        }
        None
    }
}

impl Report {
    /// The seed whose policy stands for a run of several.
    pub fn median_seed(&self) -> Option<u64> {
        let headline = &self.problem.decision.project.evaluate.headline;
        self.seeds.as_ref().map(|seeds| seeds.median(headline).seed)
    }

    /// Reads the content of a run folder. Of several seeds it takes the curves of all, and the policy of the median seed.
    pub fn load(problem: &Problem, folder: &RunFolder) -> Result<Self, TrainError> {
        let mut evidence = Evidence { folder, foreign: Vec::new() };
        let seeds: Option<Seeds> = evidence.of_seeds()?;
        let median = seeds.as_ref().map(|seeds| seeds.median(&problem.decision.project.evaluate.headline));
        let members: Vec<RunFolder> = match &seeds {
            None => vec![folder.clone()],
            Some(seeds) => seeds.runs.iter().map(|run| folder.of_seed(run.seed)).collect(),
        };
        let shown = median.map_or(folder.clone(), |run| folder.of_seed(run.seed));
        let policy = Policy::load(&shown.policy()).ok();
        let curves = members
            .iter()
            .filter(|member| member.episodes().is_file())
            .map(|member| read_episodes(&member.episodes()))
            .collect::<Result<Vec<_>, FileError>>()?;
        let training_evaluations = match &seeds {
            None if folder.metrics().is_file() => read_evaluations(&folder.metrics())?,
            _ => Vec::new(),
        };
        let (evaluation, training) = match median {
            Some(run) => (Some(run.evaluation.clone()), Some(run.training.clone())),
            None => (
                evidence.of_policy(&shown, "evaluation", policy.as_ref())?,
                StoredSummary::of(folder)?.map(|stored| stored.summary),
            ),
        };
        let faults = evidence.of_policy(&shown, "faults", policy.as_ref())?;
        let validation = evidence_file::read(&folder.evidence(EVIDENCE))?;
        let scenarios = policy.as_ref().map_or(Ok(Vec::new()), |policy| ask(problem, policy))?;
        let probabilities = match &policy {
            Some(policy) if !policy.manifest.action.groups.is_empty() => {
                let untrained = problem.learner(policy.manifest.seed, 1).snapshot();
                let untrained = problem.policy(untrained, policy.manifest.seed, 0);
                Some((mean_probabilities(problem, &untrained)?, mean_probabilities(problem, policy)?))
            }
            _ => None,
        };
        let schedules = match (&policy, &evaluation) {
            (Some(policy), Some(evaluation)) => gantt::replay(problem, policy, evaluation)?,
            _ => Vec::new(),
        };
        let tried =
            |preference: &Preference| Ok((preference.clone(), try_out(&problem.decision, preference)?));
        let trials =
            problem.decision.project.preferences.iter().map(tried).collect::<Result<_, TrainError>>()?;
        let probed = Probed::of_run(problem, folder)?;
        let problem = problem.clone();
        Ok(Self {
            problem,
            training,
            curves,
            training_evaluations,
            evaluation,
            faults,
            validation,
            seeds,
            probabilities,
            schedules,
            trials,
            probed,
            scenarios,
            policy,
            foreign: evidence.foreign,
        })
    }
}

/// The policy's recommendation in each scenario of the project.
fn ask(problem: &Problem, policy: &Policy) -> Result<Vec<(String, GivenState, Recommendation)>, TrainError> {
    let mut answers = Vec::new();
    if policy.manifest.network.memory().is_some() {
        // Its decision follows from an episode, not from one state.
        return Ok(answers);
    }
    for scenario in &problem.decision.project.scenarios {
        let state = GivenState::of_scenario(&policy.manifest, scenario)?;
        let recommendation = recommend(policy, &state, &[])?;
        let title = match &scenario.description {
            Some(description) => format!("{}: {description}", scenario.name),
            None => scenario.name.clone(),
        };
        answers.push((title, state, recommendation));
    }
    Ok(answers)
}

fn mean_probabilities(problem: &Problem, policy: &Policy) -> Result<Vec<f64>, TrainError> {
    let environments = Environments::new(
        &problem.decision.project,
        &problem.decision.factory,
        RESET_STATES,
        problem.decision.project.evaluate.seed,
        "report",
    )?;
    let mut runner = policy.runner(RESET_STATES);
    let tensors = environments.tensors();
    let observations = tensors.with_features(&environments.transition().observations);
    let rows = runner.probabilities(observations, RESET_STATES, environments.allowed());
    let mut means = vec![0.0; policy.manifest.action.choice_count()];
    for row in rows.chunks_exact(policy.manifest.network.output()) {
        means.iter_mut().zip(row).for_each(|(mean, share)| *mean += f64::from(*share) / RESET_STATES as f64);
    }
    Ok(means)
}

/// Writes the page of a run into its folder.
pub fn write(problem: &Problem, folder: &RunFolder) -> Result<(), TrainError> {
    let report = Report::load(problem, folder)?;
    Ok(atomic::replace(&folder.report(), render(&report).as_bytes())?)
}
