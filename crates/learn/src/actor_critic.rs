//! An actor with its critics: the common part of SAC, its form for choices, and TD3.

use serde::Serialize;
use serde::de::DeserializeOwned;
use setpoint_nn::encoder::Encoder;
use setpoint_nn::inputs::Inputs;
use setpoint_nn::mlp::Activation;
use setpoint_nn::network::{Cores, Network, Trained};
use setpoint_nn::shape::Shape;
use setpoint_policy::head::Head;
use setpoint_process::StateError;
use setpoint_random::Stream;

use crate::algorithm::{Critics, Snapshot, from_bytes, to_bytes};
use crate::critics::{self, Critic, each, least};
use crate::hidden_layers::NetArch;

/// Inputs and outputs of the two kinds of network.
#[derive(Clone, Copy)]
pub struct Widths {
    /// Features of an observation.
    pub features: usize,
    /// Outputs of the actor.
    pub actor_outputs: usize,
    /// Inputs of a critic: the features, and the axes of the action if the critic values one action.
    pub critic_inputs: usize,
    /// Outputs of a critic: 1, or the choices.
    pub critic_outputs: usize,
}

/// An actor with `N` critics.
pub struct ActorCritic<C> {
    /// π
    pub actor: Network,
    /// Q, with their targets.
    pub critics: C,
    /// The cores of the present gradient step.
    pub cores: Cores,
}

/// The part of a checkpoint with them.
type Saved = (Trained, Vec<critics::Saved>);

impl<C: AsRef<[Critic]> + AsMut<[Critic]>> ActorCritic<C> {
    /// Fresh networks for batches of up to `rows`, each with these encoders. Weights are drawn from the streams of `purpose`: the first is the
    /// actor's, the others are the critics'. `collect` makes the list of critics of a function from their number.
    pub fn new(
        widths: Widths,
        (net_arch, activation): (&NetArch, Activation),
        encoders: &[Encoder],
        rows: usize,
        (seed, purpose): (u64, &'static str),
        collect: impl FnOnce(&dyn Fn(usize) -> Critic) -> C,
    ) -> Self {
        let network = |index: usize, input, hidden: &[usize], output| {
            let shape = Shape::new(input, encoders.to_vec(), None, hidden.to_vec(), output, activation);
            Network::new(shape, rows, &mut Stream::new(seed, purpose, index as u64))
        };
        let critic = |index: usize| {
            let network = network(1 + index, widths.critic_inputs, &net_arch.vf, widths.critic_outputs);
            Critic::new(network, rows)
        };
        Self {
            actor: network(0, widths.features, &net_arch.pi, widths.actor_outputs),
            critics: collect(&critic),
            cores: Cores::One,
        }
    }

    /// Every target's values, into the critics' `values`.
    pub fn estimate_by_targets<'a>(&mut self, inputs: impl Into<Inputs<'a, f32>>, rows: usize) {
        let inputs = inputs.into();
        each(self.critics.as_mut(), self.cores, |critic| critic.estimate_by_target(inputs, rows));
    }

    /// The least of the critics' values at an index.
    pub fn least(&self, index: usize) -> f32 {
        least(self.critics.as_ref(), index)
    }

    /// Each critic takes a step towards the targets, then does what `after` says: all work that a critic does alone, so
    /// that two critics on two cores synchronise only once. Returns the sum of their losses; see [`Critic::regress`].
    pub fn regress(
        &mut self,
        (inputs, choices, targets): (Inputs<'_, f32>, &[u32], &[f32]),
        weight: f32,
        learning_rate: f64,
        after: impl Fn(&mut Critic) + Sync,
    ) -> f64 {
        each(self.critics.as_mut(), self.cores, |critic| {
            critic.regress(inputs, choices, targets, weight, learning_rate);
            after(critic);
        });
        self.critics.as_ref().iter().map(|critic| critic.loss).sum()
    }

    /// Every target moves by τ towards its critic.
    pub fn follow(&mut self, tau: f64) {
        each(self.critics.as_mut(), self.cores, |critic| critic.follow(tau));
    }

    /// The actor as a policy.
    pub fn snapshot(&self, head: Head) -> Snapshot {
        Snapshot::of_network(self.actor.shape.clone(), self.actor.trained.parameters.clone(), head)
    }

    /// Takes over a policy's parameters, and the critics of the checkpoint of a learner with the state `S`.
    pub fn adopt<S: DeserializeOwned>(
        &mut self,
        parameters: Vec<f32>,
        saved: Option<&[u8]>,
    ) -> Result<Critics, StateError> {
        self.actor.adopt(parameters).map_err(StateError::new)?;
        let Some(saved) = saved else { return Ok(Critics::Random) };
        let ((_, critics), _): (Saved, S) = from_bytes(saved)?;
        let kept = critics::adopt(self.critics.as_mut(), critics);
        Ok(if kept { Critics::Kept } else { Critics::Random })
    }

    /// A checkpoint of the networks and of the learner's other state.
    pub fn save(&self, state: &impl Serialize) -> Result<Vec<u8>, StateError> {
        to_bytes(&(&self.actor.trained, critics::saved(self.critics.as_ref()), state))
    }

    /// Restores the networks of a checkpoint and returns the other state.
    pub fn load<S: DeserializeOwned>(&mut self, bytes: &[u8]) -> Result<S, StateError> {
        let ((actor, critics), state): (Saved, S) = from_bytes(bytes)?;
        self.actor.restore(actor).map_err(StateError::new)?;
        critics::restore(self.critics.as_mut(), critics)?;
        Ok(state)
    }
}
