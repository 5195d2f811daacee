//! `report.html`: one self-contained page that a process engineer can read, on paper and on a phone.

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
use setpoint_learn::metrics::read_episodes;
use setpoint_learn::problem::Problem;
use setpoint_learn::train::Summary;
use setpoint_study::many_seeds::Seeds;
use setpoint_study::probes::Probed;
use setpoint_study::validate::{EVIDENCE, Validation};

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
}

impl Report {
    /// Reads the content of a run folder. For a folder of several seeds it takes the first seed's policy and all curves.
    pub fn load(problem: &Problem, folder: &RunFolder) -> Result<Self, TrainError> {
        let seeds: Option<Seeds> = read_evidence(folder, "seeds")?;
        let members: Vec<RunFolder> = match &seeds {
            None => vec![folder.clone()],
            Some(seeds) => seeds.runs.iter().map(|run| folder.of_seed(run.seed)).collect(),
        };
        let policy = members.first().and_then(|member| Policy::load(&member.policy()).ok());
        let curves = members
            .iter()
            .filter(|member| member.episodes().is_file())
            .map(|member| read_episodes(&member.episodes()))
            .collect::<Result<Vec<_>, FileError>>()?;
        let evaluation = match &seeds {
            None => read_evidence(folder, "evaluation")?,
            Some(seeds) => seeds.runs.first().map(|run| run.evaluation.clone()),
        };
        let validation = read_evidence(folder, EVIDENCE)?;
        let training = match &seeds {
            Some(seeds) => seeds.runs.first().map(|run| run.training.clone()),
            None if folder.summary().is_file() => {
                serde_json::from_str(&RunFolder::read(&folder.summary())?).ok()
            }
            None => None,
        };
        let scenarios = policy.as_ref().map_or(Ok(Vec::new()), |policy| ask(problem, policy))?;
        let probabilities = match &policy {
            Some(policy) if policy.manifest.action.is_discrete() => {
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
            evaluation,
            faults: read_evidence(folder, "faults")?,
            validation,
            seeds,
            probabilities,
            schedules,
            trials,
            probed,
            scenarios,
            policy,
        })
    }
}

fn read_evidence<T: DeserializeOwned>(folder: &RunFolder, name: &str) -> Result<Option<T>, FileError> {
    evidence_file::read(&folder.evidence(name))
}

/// The policy's recommendation in each scenario of the project.
fn ask(problem: &Problem, policy: &Policy) -> Result<Vec<(String, GivenState, Recommendation)>, TrainError> {
    let mut answers = Vec::new();
    for scenario in &problem.decision.project.scenarios {
        let mut state = GivenState::at_reference(&policy.manifest);
        for (name, value) in &scenario.values {
            // `bind` has checked names and bounds; a policy of another project was refused before.
            if state.set(&policy.manifest, name, *value).is_err() {
                continue;
            }
        }
        let recommendation = recommend(policy, &state.observation, &state.signals, &[])?;
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
    let rows = runner.probabilities(&environments.transition().observations, environments.allowed());
    let choices = policy.manifest.action.len();
    let mut means = vec![0.0; choices];
    for row in rows.chunks_exact(choices) {
        means.iter_mut().zip(row).for_each(|(mean, share)| *mean += f64::from(*share) / RESET_STATES as f64);
    }
    Ok(means)
}

/// Writes the page of a run into its folder.
pub fn write(problem: &Problem, folder: &RunFolder) -> Result<(), TrainError> {
    let report = Report::load(problem, folder)?;
    Ok(atomic::replace(&folder.report(), render(&report).as_bytes())?)
}
