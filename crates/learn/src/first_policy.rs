//! The policy that a training begins with, instead of random weights: of another run, or of a policy file.

use std::path::Path;

use setpoint_evidence::Decision;
use setpoint_files::beginning::Beginning;
use setpoint_files::run::{Marker, Run};
use setpoint_files::run_folder::RunFolder;
use setpoint_nn::shape::Shape;
use setpoint_policy::Policy;
use setpoint_policy::head::Head;
use setpoint_process::StateError;

use crate::algorithm::{Algorithm, Critics, Snapshot};
use crate::checkpoint;
use crate::error::TrainError;

/// A policy, and the state of its learner if there is one.
#[derive(Clone, Debug)]
pub struct FirstPolicy {
    /// The policy.
    pub policy: Policy,
    /// The state of the learner in the newest checkpoint of its run.
    learner: Option<Vec<u8>>,
    /// Its hashes and its place.
    pub beginning: Beginning,
    /// The critics that the training begins with.
    pub critics: Critics,
}

impl FirstPolicy {
    /// A policy file alone.
    pub fn of_file(path: &Path) -> Result<Self, TrainError> {
        let policy = Policy::load(path)?;
        let beginning = Beginning { policy: policy.hash(), learner: None, run: None, path: path.to_owned() };
        Ok(Self { policy, learner: None, beginning, critics: Critics::Random })
    }

    /// The policy of a run, with the learner of its newest complete checkpoint.
    pub fn of_run(folder: &RunFolder) -> Result<Self, TrainError> {
        if !folder.policy().is_file() {
            return Err(TrainError::FirstPolicy {
                path: folder.path.clone(),
                reason: "it has no policy yet: a training writes its policy at its end, or after Ctrl-C"
                    .to_owned(),
            });
        }
        let found = Self::of_file(&folder.policy())?;
        let marker = Marker::of(&folder.path)?;
        let newest = checkpoint::read_last_good(&folder.checkpoints());
        if let (Some(marker), Some((path, saved))) = (&marker, &newest) {
            saved.refuse_of_another(path, marker)?;
        }
        let learner = newest.map(|(_, saved)| saved.learner);
        let beginning = Beginning {
            learner: learner.as_ref().map(|bytes| blake3::hash(bytes).to_hex().to_string()),
            run: marker.map(|marker| marker.identity),
            path: folder.path.clone(),
            ..found.beginning
        };
        Ok(Self { learner, beginning, ..found })
    }

    /// Hands the policy to a fresh learner that it fits; see [`Algorithm::adopt`].
    pub fn hand_to(&self, learner: &mut dyn Algorithm, algorithm: &str) -> Result<Critics, StateError> {
        // Another algorithm's state has another form.
        let saved = self.learner.as_deref().filter(|_| self.policy.manifest.algorithm == algorithm);
        learner.adopt(&self.policy, saved)
    }

    /// Why the policy does not fit a project and its learner; `None` if it fits.
    pub fn refusal(&self, decision: &Decision, algorithm: &str, learner: &Snapshot) -> Option<String> {
        decision.refuses(&self.policy).or_else(|| other_form(&self.policy, algorithm, learner))
    }

    /// What a training takes from it, in a sentence.
    pub fn sentence(&self) -> String {
        let Policy { manifest, .. } = &self.policy;
        let critics = match self.critics {
            Critics::Absent => "",
            Critics::Kept => ", with the critics of its newest checkpoint",
            Critics::Random => ", with critics of random weights",
        };
        format!(
            "begins with policy {} of {} ({} after {} steps){critics}; optimisers, replay buffer, exploration and the count of steps \
             begin fresh",
            self.beginning.short(),
            self.beginning.path.display(),
            manifest.algorithm,
            manifest.steps,
        )
    }
}

/// The first difference in form between a policy and the policy of a learner, with its fix.
fn other_form(policy: &Policy, algorithm: &str, learner: &Snapshot) -> Option<String> {
    let manifest = &policy.manifest;
    if manifest.head != learner.head || manifest.discretization.is_some() != learner.discretization.is_some()
    {
        let of = |head: Head, is_table: bool| match head {
            _ if is_table => "a table of values",
            Head::Categorical => "probabilities of choices",
            Head::Values => "values of choices",
            Head::Gaussian => "means to clip",
            Head::CategoricalGaussian => "probabilities of choices, and means to clip",
            Head::SquashedGaussian => "means and deviations to squash",
            Head::Deterministic => "settings to squash",
        };
        return Some(format!(
            "the policy of {} gives {}, {algorithm} learns {}: choose another algorithm in [train], for example \"{}\"",
            manifest.algorithm,
            of(manifest.head, manifest.discretization.is_some()),
            of(learner.head, learner.discretization.is_some()),
            manifest.algorithm
        ));
    }
    if manifest.network.encoders() != learner.network.encoders() {
        return Some(format!(
            "its encoders of images and points are others than those of [train.{algorithm}]: set encoder"
        ));
    }
    if manifest.network.memory() != learner.network.memory() {
        let words = |network: &Shape| match network.memory() {
            None => "no memory".to_owned(),
            Some(memory) => format!("a memory of {} numbers", memory.hidden),
        };
        return Some(format!(
            "it has {}, the policy of [train.{algorithm}] has {}: set memory and memory_size",
            words(&manifest.network),
            words(&learner.network)
        ));
    }
    let (own, here) = (manifest.network.trunk(), learner.network.trunk());
    if learner.discretization.is_none() && (&own.hidden, own.activation) != (&here.hidden, here.activation) {
        return Some(format!(
            "its hidden layers are {:?} with {:?}, those of [train.{algorithm}] are {:?} with {:?}: set net_arch and activation_fn",
            own.hidden, own.activation, here.hidden, here.activation
        ));
    }
    if let (Some(own), Some(here)) = (&manifest.discretization, &learner.discretization)
        && own.bins != here.bins
    {
        return Some(format!(
            "its table has the bins {:?}, that of [train.{algorithm}] has {:?}: set bins",
            own.bins, here.bins
        ));
    }
    let clip = |normalizer: &Option<setpoint_policy::normalizer::Normalizer>| {
        normalizer.as_ref().map(|normalizer| normalizer.clip)
    };
    match (clip(&policy.normalizer), clip(&learner.normalizer)) {
        (None, None) => None,
        (Some(own), Some(here)) if own == here => None,
        (Some(own), Some(here)) => Some(format!(
            "its normalised observations are clipped at {own}, those of [train.{algorithm}] at {here}: set clip_observation"
        )),
        (Some(_), None) => Some(format!(
            "it normalises its observations: set normalize_observation = true in [train.{algorithm}]"
        )),
        (None, Some(_)) => Some(format!(
            "it does not normalise its observations: set normalize_observation = false in [train.{algorithm}]"
        )),
    }
}

/// Refuses to resume a run with another first policy than its own. Without a checkpoint the run needs that policy again.
pub fn same_beginning(
    given: Option<&FirstPolicy>,
    run: &Run,
    has_checkpoint: bool,
) -> Result<(), TrainError> {
    let given = given.map(|first| &first.beginning);
    let reason = match (&run.marker.from, given) {
        (Some(own), None) if !has_checkpoint => format!(
            "needs its first policy {} of {} once more: resume it with --from",
            own.short(),
            own.path.display()
        ),
        (None, Some(given)) => {
            format!("began with random weights, not with policy {}: begin a new run", given.short())
        }
        (Some(own), Some(given)) if !own.is_same(given) => format!(
            "began with policy {} of {}, and this is policy {} or another checkpoint of it: resume without --from, or begin a new \
             run",
            own.short(),
            own.path.display(),
            given.short()
        ),
        _ => return Ok(()),
    };
    Err(TrainError::OtherBeginning { folder: run.folder.path.clone(), reason })
}
