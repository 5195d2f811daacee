//! Deep deterministic policy gradient (Lillicrap et al. 2016, arXiv 1509.02971): [`super::td3`] with one critic, an actor
//! that learns in every step, and targets without smoothing, as in Stable-Baselines3.

use serde::{Deserialize, Serialize};
use setpoint_decision::Diagnostic;
use setpoint_decision::charter::Finding;
use setpoint_decision::section::Section;
use setpoint_decision::spec::Spec;
use setpoint_evidence::Decision;
use setpoint_nn::mlp::Activation;

use super::td3;
use crate::algorithm::Algorithm;
use crate::exploration::ActionNoise;
use crate::hidden_layers::NetArch;
use crate::learning_rate::Schedule;
use crate::memory::Need;
use crate::off_policy::Collection;
use crate::recipe::{LearnerOptions, Learns, Recipe};
use crate::request::Request;
use crate::warnings::missing_noise;

/// The recipe.
pub const RECIPE: Recipe = Recipe {
    name: "ddpg",
    class: "DDPG",
    summary: "deep deterministic policy gradient: a deterministic policy that maximises a learned value",
    on_policy: false,
    actions: Learns::Settings,
    reads_tensors: false,
    sample_efficiency: "high: it learns from each step many times",
    pick_when: "to compare with published DDPG figures; td3 is the same algorithm without its known faults",
    source: "Lillicrap et al. 2016, arXiv 1509.02971",
    is_first_choice: true,
    tuning: td3::usual_ranges,
    read: |section| Ok(Box::new(Options::read(section)?)),
};

/// `[train.ddpg]`: TD3's options that DDPG also has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// Adam's step size, for all networks.
    pub learning_rate: Schedule,
    /// Options of the replay buffer and of its batches.
    #[serde(flatten)]
    pub collection: Collection,
    /// Share by which the target networks move.
    pub tau: f64,
    /// Noise added to actions while training.
    #[serde(flatten)]
    pub noise: ActionNoise,
    /// Widths of the hidden layers: `pi` of the actor, `vf` of the critic.
    pub net_arch: NetArch,
    /// Activation of the hidden layers.
    pub activation_fn: Activation,
}

impl Options {
    /// Reads the section; absent keys take their defaults.
    pub fn read(section: &Section<'_>) -> Result<Self, Box<Diagnostic>> {
        let td3::Options { learning_rate, collection, tau, noise, net_arch, activation_fn, .. } =
            td3::Options::read_shared(section)?;
        Ok(Self { learning_rate, collection, tau, noise, net_arch, activation_fn })
    }

    /// TD3 with one critic, no delay and no smoothing.
    pub fn as_td3(&self) -> td3::Options {
        let Self { learning_rate, collection, tau, noise, net_arch, activation_fn } = self.clone();
        td3::Options {
            learning_rate,
            collection,
            tau,
            noise,
            net_arch,
            activation_fn,
            policy_delay: 1,
            target_policy_noise: 0.0,
            target_noise_clip: 0.0,
            n_critics: 1,
        }
    }
}

impl LearnerOptions for Options {
    fn learner(&self, request: &Request<'_>) -> Box<dyn Algorithm> {
        self.as_td3().learner(request)
    }

    fn needs(&self, spec: &Spec, masked: bool) -> Vec<Need> {
        self.as_td3().needs(spec, masked)
    }

    fn collection(&self) -> Option<&Collection> {
        Some(&self.collection)
    }

    fn warnings(&self, _decision: &Decision) -> Vec<Finding> {
        missing_noise(RECIPE.name, &self.noise).into_iter().collect()
    }
}
