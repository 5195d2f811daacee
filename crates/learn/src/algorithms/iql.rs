//! Implicit Q-learning (Kostrikov, Nair & Levine 2021, arXiv 2110.06169): learns from a log alone and never asks for the
//! value of an action that the log does not contain.
//!
//! V is the upper expectile of the critics' targets over the logged actions. The critics regress on r + γ V. The policy
//! imitates the log where its actions were better than V. Defaults are the paper's (τ 0.7, β 3, weights up to 100, Polyak
//! 0.005); rewards are divided by their standard deviation in the log, so that β means the same in every decision.

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use setpoint_decision::Diagnostic;
use setpoint_decision::section::{Range, Section};
use setpoint_decision::spec::{ActionForm, ActionSpace, Spec};
use setpoint_nn::mlp::{Activation, Mlp};
use setpoint_nn::network::{Cores, Network, Trained};
use setpoint_process::StateError;
use setpoint_random::Stream;

use super::bc::{Actor, SavedActor};
use crate::algorithm::{Algorithm, Snapshot, from_bytes, to_bytes};
use crate::bounds;
use crate::critics::{self, Critic, beside, each, least};
use crate::figures::{Figures, Means};
use crate::hidden_layers::{NetArch, read_activation, read_net_arch};
use crate::learning_rate::{Schedule, read_schedule};
use crate::memory::Need;
use crate::offline::{Offline, OfflineLearner, Source, Transitions};
use crate::recipe::{LearnerOptions, Learns, Recipe};
use crate::replay::Batch;
use crate::request::Request;

/// The recipe.
pub const RECIPE: Recipe = Recipe {
    name: "iql",
    class: "IQL",
    summary: "implicit Q-learning: better than the log's controller, from its log alone",
    on_policy: false,
    actions: Learns::Logged,
    reads_tensors: false,
    sample_efficiency: "needs a log and no steps",
    pick_when: "there is a log and no simulator, and the log contains different actions in similar states",
    source: "Kostrikov et al. 2021, arXiv 2110.06169",
    is_first_choice: false,
    tuning: Vec::new,
    read: |section| Ok(Box::new(Options::read(section)?)),
};

/// `[train.iql]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// The log.
    #[serde(flatten)]
    pub source: Source,
    /// Adam's step size, for all networks.
    pub learning_rate: Schedule,
    /// Rows of a gradient step.
    pub batch_size: usize,
    /// Discount per step.
    pub gamma: f64,
    /// Share by which the target networks move.
    pub tau: f64,
    /// Expectile of the values, from 0.5 (the log's mean) towards 1 (its best actions).
    pub expectile: f64,
    /// β: how much more the policy imitates better actions.
    pub beta: f64,
    /// Greatest weight of a row.
    pub weight_max: f64,
    /// Widths of the hidden layers: `pi` of the policy, `vf` of values and critics.
    pub net_arch: NetArch,
    /// Activation of the hidden layers.
    pub activation_fn: Activation,
}

impl Options {
    /// Reads the section; absent keys take their defaults.
    pub fn read(section: &Section<'_>) -> Result<Self, Box<Diagnostic>> {
        let default = NetArch { pi: vec![256, 256], vf: vec![256, 256] };
        let number = |key, range, default: f64, meaning| -> Result<f64, Box<Diagnostic>> {
            Ok(section.number(key, range, meaning)?.unwrap_or(default))
        };
        let share = || Range::between(0.0, 1.0);
        let options = Self {
            source: Source::read(section)?,
            learning_rate: read_schedule(section, "learning_rate", bounds::positive(), "Adam's step size")?
                .unwrap_or(Schedule::Constant(3e-4)),
            batch_size: section
                .integer("batch_size", Range::between(1.0, 1e6), "rows of a gradient step")?
                .unwrap_or(256) as usize,
            gamma: number("gamma", share(), 0.99, "discount per step")?,
            tau: number("tau", share(), 0.005, "share by which the target networks move")?,
            expectile: number("expectile", share(), 0.7, "expectile of the values: 0.5 is the log's mean")?,
            beta: number(
                "beta",
                bounds::not_negative(),
                3.0,
                "how much more the policy imitates better actions",
            )?,
            weight_max: number("weight_max", bounds::positive(), 100.0, "greatest weight of a row")?,
            net_arch: read_net_arch(section, &default)?.unwrap_or(default),
            activation_fn: read_activation(section)?.unwrap_or(Activation::Relu),
        };
        Ok(options)
    }
}

impl LearnerOptions for Options {
    fn learner(&self, request: &Request<'_>) -> Box<dyn Algorithm> {
        Box::new(Iql::on(self, request.spec, request.log(), request.seed, request.threads))
    }

    fn needs(&self, spec: &Spec, masked: bool) -> Vec<Need> {
        let _ = masked;
        let NetArch { pi, vf } = &self.net_arch;
        vec![Need::networks(spec, &[pi, vf, vf, vf, vf, vf], &[], self.batch_size)]
    }

    fn source(&self) -> Option<&Source> {
        Some(&self.source)
    }

    fn gamma(&self) -> Option<f64> {
        Some(self.gamma)
    }

    fn resolve(&mut self, folder: &Path) {
        self.source.resolve(folder);
    }
}

/// L²_τ(u) = |τ − 1(u < 0)| u², u = q − v (equation 5), and dL/dv = −2 |τ − 1(u < 0)| u.
pub fn expectile_loss(q: f32, v: f32, expectile: f32) -> (f32, f32) {
    let u = q - v;
    let weight = if u < 0.0 { 1.0 - expectile } else { expectile };
    (weight * u * u, -2.0 * weight * u)
}

/// min(exp(β (q − v)), clip) (equation 7).
pub fn imitation_weight(advantage: f32, beta: f32, weight_max: f32) -> f32 {
    (beta * advantage).exp().min(weight_max)
}

/// The learner.
pub struct Iql {
    options: Options,
    /// Numbers of an action among the inputs of a critic; 0 where it gives the value of each choice.
    given: usize,
    actions: ActionSpace,
    /// 1 / the standard deviation of the log's rewards.
    reward_scale: f32,
    actor: Actor,
    value: Network,
    critics: [Critic; 2],
    means: Means,
    targets: Vec<f32>,
    weights: Vec<f32>,
    value_gradient: Vec<f32>,
    /// `[rows, features + given]`
    inputs: Vec<f32>,
}

impl Iql {
    /// A fresh learner whose weights follow from `seed`, with the log that it learns from.
    pub fn on(
        options: &Options,
        spec: &Spec,
        transitions: Arc<Transitions>,
        seed: u64,
        threads: usize,
    ) -> Offline<Self> {
        let rows = options.batch_size;
        let features = spec.observation.len();
        // A critic gives the value of each choice, or of the action that is among its inputs.
        let (given, outputs) = match spec.action.form() {
            ActionForm::Choices(choices) => (0, choices.len()),
            ActionForm::Settings(_) | ActionForm::Several => (spec.action.len(), 1),
        };
        let weights = |index| Stream::new(seed, "iql weights", index);
        let shape = |input, output| Mlp {
            input,
            hidden: options.net_arch.vf.clone(),
            output,
            activation: options.activation_fn,
        };
        let critic = |index: usize| {
            let network =
                Network::new(shape(features + given, outputs), rows, &mut weights(2 + index as u64));
            Critic::new(network, rows)
        };
        let learner = Self {
            actor: Actor::new(&options.net_arch.pi, options.activation_fn, spec, rows, &mut weights(0)),
            value: Network::new(shape(features, 1), rows, &mut weights(1)),
            critics: std::array::from_fn(critic),
            means: Means::default(),
            targets: vec![0.0; rows],
            weights: vec![0.0; rows],
            value_gradient: vec![0.0; rows],
            inputs: vec![0.0; rows * (features + given)],
            reward_scale: (1.0 / transitions.reward_deviation()) as f32,
            options: options.clone(),
            actions: spec.action.clone(),
            given,
        };
        Offline::new(learner, transitions, rows, options.gamma, seed, threads)
    }
}

impl Iql {
    /// Writes the inputs of the critics: observations, then a flag for each choice and the settings.
    fn give_actions(&mut self, batch: &Batch) {
        let Self { given, actions, inputs, .. } = self;
        if *given == 0 {
            return;
        }
        let (rows, groups, axes) = (batch.rows, actions.groups.len(), actions.axes.len());
        if groups == 0 {
            return beside(&batch.observations, &batch.controls, axes, rows, inputs);
        }
        let features = batch.observations.len() / rows;
        for (row, input) in inputs.chunks_exact_mut(features + *given).take(rows).enumerate() {
            let (observation, action) = input.split_at_mut(features);
            observation.copy_from_slice(&batch.observations[row * features..(row + 1) * features]);
            let (flags, settings) = action.split_at_mut(actions.choice_count());
            flags.fill(0.0);
            let taken = &batch.choices[row * groups..(row + 1) * groups];
            actions.places(taken).for_each(|place| flags[place] = 1.0);
            settings.copy_from_slice(&batch.controls[row * axes..(row + 1) * axes]);
        }
    }
}

impl OfflineLearner for Iql {
    fn needs_successors(&self) -> bool {
        true
    }

    fn learn(&mut self, batch: &Batch, progress_remaining: f64, cores: Cores) -> Result<(), &'static str> {
        self.give_actions(batch);
        let Self { options, given, critics, value, .. } = self;
        let (rows, learning_rate) = (batch.rows, options.learning_rate.at(progress_remaining));
        let inputs = if *given > 0 { &self.inputs[..] } else { &batch.observations[..] };
        let outputs = critics[0].network.shape.output();

        // V moves towards the expectile of the smaller target; its excess over V is the weight of the row in the imitation.
        each(critics, cores, |critic| critic.estimate_by_target(inputs, rows));
        let values = value.forward(&batch.observations, rows);
        let (mut value_loss, mut advantage) = (0.0, 0.0);
        for (row, v) in values.iter().enumerate() {
            let choice = if outputs > 1 { batch.choices[row] as usize } else { 0 };
            let place = row * outputs + choice;
            let q = least(critics, place);
            let (loss, slope) = expectile_loss(q, *v, options.expectile as f32);
            value_loss += f64::from(loss) / rows as f64;
            advantage += f64::from(q - v) / rows as f64;
            self.value_gradient[row] = slope / rows as f32;
            let weight = imitation_weight(q - v, options.beta as f32, options.weight_max as f32);
            self.weights[row] = weight / rows as f32;
        }
        value.learn(&batch.observations, rows, &self.value_gradient[..rows], learning_rate, None);

        let policy_loss = self.actor.imitate(batch, &self.weights[..rows], learning_rate);

        // Q towards r + γ V(s') (equation 6).
        let next = value.forward(&batch.next_observations, rows);
        for (row, (target, next)) in self.targets.iter_mut().zip(next).enumerate() {
            *target = batch.rewards[row] * self.reward_scale + batch.discounts[row] * next;
        }
        let (targets, tau) = (&self.targets[..rows], options.tau);
        let choices = if outputs > 1 { &batch.choices[..] } else { &[] };
        each(critics, cores, |critic| {
            critic.regress(inputs, choices, targets, 1.0, learning_rate);
            critic.follow(tau);
        });
        let critic_loss: f64 = critics.iter().map(|critic| critic.loss).sum();
        let mean_target = targets.iter().map(|target| f64::from(*target)).sum::<f64>() / rows as f64;
        self.means.add(&[value_loss, critic_loss, policy_loss, advantage, mean_target]);
        if (value_loss + critic_loss + policy_loss).is_finite() { Ok(()) } else { Err("value loss") }
    }

    fn take_figures(&mut self, held_out: &Batch) -> Figures {
        let names = ["expectile_loss", "value_loss", "policy_loss", "mean_advantage", "mean_target"];
        let mut figures = self.means.take(&names);
        figures.extend([self.actor.held_out_figure(held_out)]);
        figures
    }

    fn snapshot(&self) -> Snapshot {
        self.actor.snapshot()
    }

    fn save(&self) -> Result<Vec<u8>, StateError> {
        to_bytes(&(self.actor.saved(), &self.value.trained, critics::saved(&self.critics), &self.means))
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        let (actor, value, critics, means): (SavedActor, Trained, Vec<critics::Saved>, Means) =
            from_bytes(bytes)?;
        self.actor.restore(actor)?;
        self.value.restore(value).map_err(StateError::new)?;
        critics::restore(&mut self.critics, critics)?;
        self.means = means;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expectile_loss_by_hand_and_by_finite_differences() {
        assert_eq!(expectile_loss(3.0, 1.0, 0.75), (3.0, -3.0));
        assert_eq!(expectile_loss(1.0, 3.0, 0.75), (1.0, 1.0));
        for (q, v) in [(0.4, -0.3), (-1.2, 0.9), (2.0, 1.5)] {
            let loss = |v: f32| f64::from(expectile_loss(q, v, 0.7).0);
            let numeric = (loss(v + 1e-3) - loss(v - 1e-3)) / 2e-3;
            assert!((numeric - f64::from(expectile_loss(q, v, 0.7).1)).abs() < 1e-3, "{q} {v}: {numeric}");
        }
    }

    /// Of the numbers 0 and 1, evenly, the τ-expectile is τ: (1 − τ) m = τ (1 − m).
    #[test]
    fn descending_the_loss_ends_at_the_expectile() {
        for expectile in [0.5_f32, 0.7, 0.9] {
            let mut v = 0.0;
            for _ in 0..2_000 {
                v -= 0.05 * (expectile_loss(0.0, v, expectile).1 + expectile_loss(1.0, v, expectile).1);
            }
            assert!((v - expectile).abs() < 1e-3, "{v} {expectile}");
        }
    }

    #[test]
    fn weights_grow_with_the_advantage_up_to_the_clip() {
        assert_eq!(imitation_weight(0.0, 3.0, 100.0), 1.0);
        assert!((imitation_weight(1.0, 3.0, 100.0) - 3.0_f32.exp()).abs() < 1e-4);
        assert_eq!(imitation_weight(9.0, 3.0, 100.0), 100.0);
    }
}
