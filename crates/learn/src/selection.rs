//! Evaluations during a training, and the best policy by them: by the figure of the project's headline.

use serde::{Deserialize, Serialize};
use setpoint_decision::evaluate::{Evaluate, Headline, Keep};
use setpoint_decision::safety::Better;
use setpoint_decision::spec::Spec;
use setpoint_evidence::wording::amount;
use setpoint_policy::Policy;
use setpoint_policy::policy_file::Refusal;
use setpoint_statistics::number;

use crate::metrics::TrainingEvaluation;

/// The evaluations of a training so far.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection {
    every_steps: u64,
    keep: Keep,
    headline: Headline,
    /// What a checkpoint keeps.
    pub state: SelectionState,
    /// Evaluations for the next line of metrics.
    pub pending: Vec<TrainingEvaluation>,
    /// The last evaluation of this process.
    pub last: Option<TrainingEvaluation>,
}

/// The part of a checkpoint: the order of the fields is the format.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SelectionState {
    /// Evaluations at multiples of `every_steps`, and of the first policy.
    evaluations: u64,
    /// The best of them, with its policy file; absent unless the project keeps the best.
    best: Option<Best>,
    /// Mean return of an evaluation at the end of the training. It counts only there: a training that continues forgets it, so that
    /// it ends as if it had never stopped.
    at_end: Option<f64>,
    /// The same two of the headline's signal, which then decides; `None` where the return decides. A checkpoint keeps them behind
    /// these fields, in a format of its own.
    #[serde(skip)]
    signal: Option<SignalFigures>,
}

/// The headline's signal in the two evaluations that decide; NaN is worse than any number.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SignalFigures {
    /// Of the best one.
    best: Option<f64>,
    /// Of that at the end of the training.
    at_end: Option<f64>,
}

/// The best policy so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Best {
    return_mean: f64,
    policy: Vec<u8>,
}

/// The policy that a training kept: the best by the evaluations during the training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeptBest {
    /// Environment steps after which the training had it.
    pub steps: u64,
    /// Mean return in its evaluation. Without `headline` it is the greatest of all and flatters, for it chose the policy.
    #[serde(deserialize_with = "setpoint_statistics::stored::figures")]
    pub return_mean: f64,
    /// Number of evaluations among which it is the best.
    pub evaluations: u64,
    /// The signal by which it is the best; `None` for the return, and in files from before 2026-11-30.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headline: Option<KeptSignal>,
}

impl KeptBest {
    /// The figure that chose the policy, and the return, in words.
    pub fn figures(&self) -> String {
        let returns = format!("a mean return of {}", number(self.return_mean));
        match &self.headline {
            None => returns,
            Some(KeptSignal { name, unit, better, figure }) => {
                format!("{name} at {} ({} is better) and {returns}", amount(*figure, unit), better.word())
            }
        }
    }
}

/// The signal that chose a policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeptSignal {
    /// Its name.
    pub name: String,
    /// Its unit; `%` for shares.
    pub unit: String,
    /// The better direction.
    pub better: Better,
    /// Its figure in the evaluation of the kept policy, the best of all: it flatters.
    #[serde(deserialize_with = "setpoint_statistics::stored::figures")]
    pub figure: f64,
}

impl Selection {
    /// Of a project that evaluates during its training.
    pub fn of(settings: &Evaluate) -> Option<Self> {
        let every_steps = settings.every_steps?;
        let (keep, headline) = (settings.keep, settings.headline.clone());
        let state = Self::fresh(keep, &headline);
        Some(Self { every_steps, keep, headline, state, pending: Vec::new(), last: None })
    }

    fn fresh(keep: Keep, headline: &Headline) -> SelectionState {
        let by_signal = keep == Keep::Best && matches!(headline, Headline::Signal { .. });
        SelectionState { signal: by_signal.then(SignalFigures::default), ..SelectionState::default() }
    }

    /// Forgets all evaluations.
    pub fn begin_again(&mut self) {
        self.state = Self::fresh(self.keep, &self.headline);
        self.pending.clear();
    }

    /// Whether an evaluation is due after an update that led from some steps to others.
    pub fn is_due(&self, before: u64, now: u64) -> bool {
        now / self.every_steps > before / self.every_steps
    }

    /// Adds a due evaluation.
    pub fn add(&mut self, found: TrainingEvaluation, policy: &Policy) {
        self.show(found);
        self.state.evaluations += 1;
        // Of equal ones the first stays.
        let is_better = self.best_merit().is_none_or(|best| self.merit(&found) > best);
        if self.keep == Keep::Best && is_better {
            self.state.best = Some(Best { return_mean: found.return_mean, policy: policy.to_bytes() });
            if let Some(signal) = &mut self.state.signal {
                signal.best = Some(found.headline.unwrap_or(f64::NAN));
            }
        }
    }

    /// Adds an evaluation of the last policy that was not due.
    pub fn add_at_end(&mut self, found: TrainingEvaluation) {
        self.show(found);
        self.state.at_end = Some(found.return_mean);
        if let Some(signal) = &mut self.state.signal {
            signal.at_end = Some(found.headline.unwrap_or(f64::NAN));
        }
    }

    /// The training continues.
    pub fn go_on(&mut self) {
        self.state.at_end = None;
        if let Some(signal) = &mut self.state.signal {
            signal.at_end = None;
        }
    }

    /// The number of which the greatest chooses the policy.
    fn merit(&self, found: &TrainingEvaluation) -> f64 {
        match &self.state.signal {
            None => found.return_mean,
            Some(_) => self.merit_of_signal(found.headline),
        }
    }

    fn merit_of_signal(&self, figure: Option<f64>) -> f64 {
        let is_lower_better = matches!(self.headline, Headline::Signal { better: Better::Lower, .. });
        let merit = figure.map_or(f64::NAN, |figure| if is_lower_better { -figure } else { figure });
        if merit.is_nan() { f64::NEG_INFINITY } else { merit }
    }

    fn best_merit(&self) -> Option<f64> {
        let best = self.state.best.as_ref()?;
        Some(match &self.state.signal {
            None => best.return_mean,
            Some(signal) => self.merit_of_signal(signal.best),
        })
    }

    fn merit_at_end(&self) -> Option<f64> {
        let at_end = self.state.at_end?;
        Some(match &self.state.signal {
            None => at_end,
            Some(signal) => self.merit_of_signal(signal.at_end),
        })
    }

    fn show(&mut self, found: TrainingEvaluation) {
        self.pending.push(found);
        self.last = Some(found);
    }

    /// The evaluation of the policy to keep, if that is not the present one.
    fn earlier(&self) -> Option<&Best> {
        let best = self.state.best.as_ref()?;
        let is_surpassed = self.merit_at_end() > self.best_merit();
        (!is_surpassed).then_some(best)
    }

    /// The policy file to keep, if it is not that of the present policy.
    pub fn earlier_file(&self) -> Option<&[u8]> {
        self.earlier().map(|best| best.policy.as_slice())
    }

    /// What is known of the kept policy, of this number of environment steps; `None` unless the project keeps the best.
    pub fn kept(&self, steps: u64, spec: &Spec) -> Option<KeptBest> {
        if self.keep != Keep::Best {
            return None;
        }
        let SelectionState { evaluations, at_end, signal, .. } = &self.state;
        let earlier = self.earlier();
        let return_mean = earlier.map(|best| best.return_mean).or(*at_end)?;
        let evaluations = evaluations + u64::from(at_end.is_some());
        let figures = signal.as_ref();
        let figure = figures.and_then(|found| if earlier.is_some() { found.best } else { found.at_end });
        let headline = match (&self.headline, figure) {
            (Headline::Signal { name, better }, Some(figure)) => {
                let signal = spec.signals.iter().find(|signal| signal.name == *name);
                let unit = signal.map_or("", |signal| signal.summary_unit()).to_owned();
                Some(KeptSignal { name: name.clone(), unit, better: *better, figure })
            }
            _ => None,
        };
        Some(KeptBest { steps, return_mean, evaluations, headline })
    }
}

impl SelectionState {
    /// The signal's figures, if a signal decides.
    pub fn signal(&self) -> Option<&SignalFigures> {
        self.signal.as_ref()
    }

    /// With the signal's figures, which a checkpoint keeps apart.
    pub fn with_signal(self, signal: SignalFigures) -> Self {
        Self { signal: Some(signal), ..self }
    }

    /// Refuses a policy that this Setpoint cannot read, before anything relies on it.
    pub fn check(&self) -> Result<(), Refusal> {
        self.best.as_ref().map_or(Ok(()), |best| Policy::from_bytes(&best.policy).map(drop))
    }
}
