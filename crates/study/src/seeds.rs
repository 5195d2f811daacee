//! All seeds of one training: their distribution, their gates, and the one in the middle.

use serde::{Deserialize, Serialize};
use setpoint_random::Stream;

use setpoint_decision::evaluate::Headline;
use setpoint_decision::safety::Better;
use setpoint_evidence::Decision;
use setpoint_evidence::evaluate::{Evaluation, Subject};
use setpoint_evidence::evidence_file::{self, Hashes};
use setpoint_evidence::gate::{self, Gate};
use setpoint_evidence::wording::{amount, baseline, ends, unit_behind_name};
use setpoint_files::FileError;
use setpoint_files::run_folder::RunFolder;
use setpoint_learn::problem::Problem;
use setpoint_learn::train;
use setpoint_statistics::Summary;

/// All seeds of one training: `evidence/seeds.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Seeds {
    /// Each seed, in order.
    pub runs: Vec<SeedRun>,
    /// Reward per step over seeds, with one number per seed.
    pub reward_per_step: Summary,
    /// Return of an episode over seeds.
    pub episode_return: Summary,
    /// Each signal's mean over seeds: name, unit, mean ± sd.
    pub signals: Vec<SignalOverSeeds>,
}

impl Seeds {
    /// Summarizes trained and evaluated seeds; at least one.
    pub fn of(runs: Vec<SeedRun>) -> Self {
        let mut random = Stream::new(runs[0].seed, "bootstrap seeds", 0);
        let mut over = |value: &dyn Fn(&SeedRun) -> f64| {
            let values: Vec<f64> = runs.iter().map(value).collect();
            Summary::of(&values, &mut random)
        };
        let reward_per_step = over(&|run| run.evaluation.policy.reward_per_step.mean);
        let episode_return = over(&|run| run.evaluation.policy.episode_return.mean);
        let signals = (0..runs[0].evaluation.policy.signals.len())
            .map(|index| SignalOverSeeds {
                name: runs[0].evaluation.policy.signals[index].name.clone(),
                unit: runs[0].evaluation.policy.signals[index].unit.clone(),
                over_seeds: over(&|run| run.evaluation.policy.signals[index].mean),
            })
            .collect();
        Self { reward_per_step, episode_return, signals, runs }
    }

    /// Stores the evidence in the run that contains the folders of the seeds.
    pub fn keep(&self, problem: &Problem, folder: &RunFolder) -> Result<(), FileError> {
        let mut hashes = Hashes::of(&problem.decision, &problem.resolved())?;
        for run in &self.runs {
            let policy = folder.of_seed(run.seed).policy();
            hashes = hashes.policy_file(&name_of(run.seed), &policy)?;
        }
        evidence_file::write(&folder.evidence("seeds"), &hashes, self)
    }

    /// The evidence of a run, if every seed still has the policy that was measured.
    pub fn load(folder: &RunFolder) -> Result<Stored, FileError> {
        let path = folder.evidence("seeds");
        let Some(seeds) = evidence_file::read::<Self>(&path)? else { return Ok(Stored::Absent) };
        let hashes = evidence_file::hashes(&path)?.unwrap_or_default();
        // The hash is of the file as it is stored: a damaged file has another one, and none has to be parsed.
        let is_measured = |run: &SeedRun| {
            let name = name_of(run.seed);
            let found = Hashes::default().policy_file(&name, &folder.of_seed(run.seed).policy());
            found.is_ok_and(|found| hashes.policies.contains(&found.policies[0]))
        };
        let is_own = seeds.runs.iter().all(is_measured);
        Ok(if is_own { Stored::Own(Box::new(seeds)) } else { Stored::OfOtherPolicies })
    }

    /// The seed in the middle by the figure of the headline, the worse of the two for an even number of seeds: what one may
    /// expect of a training. Seeds of one figure are in the order of their numbers.
    pub fn median(&self, headline: &Headline) -> &SeedRun {
        let sign = match headline {
            Headline::Signal { better: Better::Lower, .. } => -1.0,
            _ => 1.0,
        };
        let mut order: Vec<&SeedRun> = self.runs.iter().collect();
        order.sort_by(|a, b| {
            let of = |run: &SeedRun| sign * figure(&run.evaluation.policy, headline);
            of(a).total_cmp(&of(b)).then(a.seed.cmp(&b.seed))
        });
        order[(order.len() - 1) / 2]
    }

    /// Name, unit and distribution over seeds of the figure of the headline.
    pub fn measure<'s>(&'s self, decision: &'s Decision) -> (&'s str, &'s str, &'s Summary) {
        if let Headline::Signal { name, .. } = &decision.project.evaluate.headline
            && let Some(found) = self.signals.iter().find(|signal| signal.name == *name)
        {
            return (name, &found.unit, &found.over_seeds);
        }
        ("return", "1", &self.episode_return)
    }

    /// The figure of the headline of each seed.
    pub fn values(&self, decision: &Decision) -> Vec<f64> {
        self.runs
            .iter()
            .map(|run| figure(&run.evaluation.policy, &decision.project.evaluate.headline))
            .collect()
    }

    /// Policies and gate's baseline in sentences, with the seeds that fail each requirement of the gate.
    pub fn headline(&self, decision: &Decision) -> String {
        let (name, unit, found) = self.measure(decision);
        let unit = unit_behind_name(name, unit);
        let mut text = format!(
            "Over {} seeds, {} has a mean {name} of {} (standard deviation {}, 95\u{a0}% interval of the mean {})",
            self.runs.len(),
            decision.project.train.algorithm.to_uppercase(),
            amount(found.mean, unit),
            amount(found.sd, unit),
            ends(found.interval, unit)
        );
        let first = self.runs.first().map(|run| &run.evaluation);
        if let Some(against) = first.and_then(|found| gate::baseline_of(found, decision)) {
            text += &format!(
                "; {} has {}",
                baseline(&against.name),
                amount(figure(against, &decision.project.evaluate.headline), unit)
            );
        }
        text + "." + &self.gates_as_text(decision)
    }

    /// The gate of the [median](Self::median) seed: that of the whole training; `None` without a gate.
    pub fn gate(&self, decision: &Decision) -> Option<GateOfMedian> {
        let median = self.median(&decision.project.evaluate.headline);
        let gates = self.gates(decision);
        Some(GateOfMedian {
            seed: median.seed,
            gate: gate::gate(&median.evaluation, decision)?,
            passed: gates.iter().filter(|gate| gate.passed).count(),
            seeds: gates.len(),
        })
    }

    /// The gate of each seed; empty if the project has none.
    fn gates(&self, decision: &Decision) -> Vec<Gate> {
        self.runs.iter().filter_map(|run| gate::gate(&run.evaluation, decision)).collect()
    }

    /// How many seeds pass the gate, and which requirements fail how often; empty without a gate.
    fn gates_as_text(&self, decision: &Decision) -> String {
        let gates = self.gates(decision);
        if gates.is_empty() {
            return String::new();
        }
        let passed = gates.iter().filter(|gate| gate.passed).count();
        let mut text = format!(" {passed} of {} seeds pass the gate", gates.len());
        let mut failed: Vec<(&str, usize)> = Vec::new();
        for finding in gates.iter().flat_map(|gate| &gate.findings).filter(|finding| !finding.passed) {
            match failed.iter_mut().find(|(name, _)| *name == finding.name) {
                Some((_, count)) => *count += 1,
                None => failed.push((&finding.name, 1)),
            }
        }
        for (index, (name, count)) in failed.iter().enumerate() {
            text += &format!("{} {name} fails in {count}", if index == 0 { ":" } else { "," });
        }
        text + "."
    }
}

/// The gate of the median seed, and how many seeds pass their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateOfMedian {
    /// The median seed.
    pub seed: u64,
    /// Its gate.
    pub gate: Gate,
    /// How many seeds pass.
    pub passed: usize,
    /// How many seeds there are.
    pub seeds: usize,
}

impl GateOfMedian {
    /// The verdict in a sentence.
    pub fn sentence(&self) -> String {
        let Self { seed, gate, passed, seeds } = self;
        let verdict = if gate.passed { "passes" } else { "fails" };
        format!("the median seed ({seed}) {verdict} the gate; {passed} of {seeds} seeds pass")
    }
}

/// What a run has of the evidence over its seeds.
#[derive(Debug)]
pub enum Stored {
    /// None: the trainings have not ended.
    Absent,
    /// It was measured on other policies than the run's.
    OfOtherPolicies,
    /// Of the policies of the run.
    Own(Box<Seeds>),
}

/// A signal over seeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SignalOverSeeds {
    /// Its name.
    pub name: String,
    /// Its unit; `%` for shares.
    pub unit: String,
    /// Its summary over seeds, with one number per seed.
    pub over_seeds: Summary,
}

/// One seed's training and evaluation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeedRun {
    /// The seed.
    pub seed: u64,
    /// The summary of its training.
    pub training: train::Summary,
    /// The evaluation of its policy.
    pub evaluation: Evaluation,
}

/// The name of a seed's policy in the evidence.
fn name_of(seed: u64) -> String {
    format!("seed-{seed}")
}

/// The figure of the headline.
fn figure(subject: &Subject, headline: &Headline) -> f64 {
    match headline {
        Headline::Return => subject.episode_return.mean,
        Headline::Signal { name, .. } => {
            let found = subject.signals.iter().find(|signal| signal.name == *name);
            found.map_or(f64::NAN, |signal| signal.mean)
        }
    }
}
