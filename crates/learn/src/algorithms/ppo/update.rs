//! The gradient steps of an update. Actor and critic share only the norm of their joint gradient: they process the
//! minibatches in turn on one core, or in parallel on two cores, with the same result.

use std::time::Instant;

use setpoint_nn::gradient;
use setpoint_nn::network::Cores;

use super::MinibatchNetwork;
use super::losses::{ActorFigures, ActorLoss, CriticLoss};
use crate::actor_critic_exchange::{Exchange, Side};
use crate::algorithm::Horizon;
use crate::cores::CoresChoice;
use crate::rollout::Rollout;

/// The actor's half gives this instead of a squared norm after the target KL is passed, and after a request to stop.
const STOP: f64 = -1.0;

/// The losses of one update, summed over its minibatches.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    pub actor: ActorFigures,
    pub value_loss: f64,
    pub gradient_norm: f64,
    pub minibatches: f64,
    pub epochs: usize,
}

/// Adam's step size, and the greatest norm of the joint gradient.
#[derive(Clone, Copy)]
pub(super) struct StepSize {
    pub learning_rate: f64,
    pub max_grad_norm: f64,
}

impl StepSize {
    /// Steps down the gradient; `squared_norm` is the norm of both halves together.
    fn step(self, network: &mut MinibatchNetwork, squared_norm: f64) {
        let scale = gradient::clip_scale(squared_norm, self.max_grad_norm);
        network.network.step(self.learning_rate, scale);
    }
}

/// The samples of a rollout in shuffled minibatches, epoch by epoch.
#[derive(Clone, Copy)]
pub(super) struct Minibatches<'a> {
    /// The order of the samples of every epoch, epoch after epoch.
    pub order: &'a [u32],
    pub samples: usize,
    pub batch_size: usize,
    /// The first of the minibatches, counted from 0.
    pub first: usize,
    /// Their number.
    pub count: usize,
}

/// Samples of one gradient step.
#[derive(Clone, Copy)]
struct Minibatch<'a> {
    epoch: usize,
    /// Its number in the update, from 1.
    round: u64,
    indices: &'a [u32],
}

impl<'a> Minibatches<'a> {
    /// All minibatches of an update.
    pub fn all(order: &'a [u32], samples: usize, batch_size: usize) -> Self {
        let count = order.chunks(samples).map(|epoch| epoch.len().div_ceil(batch_size)).sum();
        Self { order, samples, batch_size, first: 0, count }
    }

    fn each(self) -> impl Iterator<Item = Minibatch<'a>> {
        let epochs = self.order.chunks(self.samples).enumerate();
        let minibatches = epochs.flat_map(move |(epoch, order)| {
            order.chunks(self.batch_size).map(move |indices| (epoch, indices))
        });
        let numbered = minibatches.zip(1..).skip(self.first).take(self.count);
        numbered.map(|((epoch, indices), round)| Minibatch { epoch, round, indices })
    }
}

/// One of the two networks during the minibatches.
trait Half {
    /// Computes the gradient of a minibatch; returns its squared norm, or [`STOP`].
    fn find_gradient(&mut self, indices: &[u32]) -> f64;

    /// Steps down the gradient, clipped by the squared norm of both halves.
    fn step(&mut self, epoch: usize, squared_norm: f64);
}

/// Runs a half through the minibatches. `meet` returns the other half's squared norm for this half's; `None` if the other
/// half stopped. Returns whether no half stopped.
fn descend(
    half: &mut impl Half,
    minibatches: Minibatches<'_>,
    mut meet: impl FnMut(Minibatch<'_>, f64) -> Option<f64>,
) -> bool {
    for minibatch in minibatches.each() {
        let own = half.find_gradient(minibatch.indices);
        let Some(other) = meet(minibatch, own) else { return false };
        if own == STOP || other == STOP {
            return false;
        }
        half.step(minibatch.epoch, own + other);
    }
    true
}

/// The reasons to end the minibatches early. The actor's half finds them and tells the critic's half, so that both end at
/// the same minibatch.
#[derive(Clone, Copy)]
pub(super) struct ActorEnd<'a> {
    /// The update ends when the approximate KL divergence passes this.
    pub kl_max: f64,
    /// The update ends after a request to stop.
    pub horizon: Horizon<'a>,
}

/// The policy's half.
pub(super) struct ActorHalf<'a> {
    network: &'a mut MinibatchNetwork,
    loss: ActorLoss<'a>,
    end: ActorEnd<'a>,
    rollout: &'a Rollout,
    advantages: &'a mut [f32],
    size: StepSize,
    /// Figures of the present minibatch.
    present: ActorFigures,
    sums: Sums,
}

impl<'a> ActorHalf<'a> {
    pub fn new(
        network: &'a mut MinibatchNetwork,
        loss: ActorLoss<'a>,
        end: ActorEnd<'a>,
        rollout: &'a Rollout,
        advantages: &'a mut [f32],
        size: StepSize,
    ) -> Self {
        let (present, sums) = (ActorFigures::default(), Sums::default());
        Self { network, loss, end, rollout, advantages, size, present, sums }
    }
}

impl Half for ActorHalf<'_> {
    fn find_gradient(&mut self, indices: &[u32]) -> f64 {
        if self.end.horizon.is_stopped() {
            return STOP;
        }
        self.present = self.loss.gradient(self.network, self.rollout, indices, self.advantages);
        if self.present.approximate_kl > self.end.kl_max {
            STOP
        } else {
            self.network.backward(indices.len())
        }
    }

    fn step(&mut self, epoch: usize, squared_norm: f64) {
        self.size.step(self.network, squared_norm);
        self.sums.actor.accumulate(&self.present);
        self.sums.gradient_norm += squared_norm.sqrt();
        self.sums.minibatches += 1.0;
        self.sums.epochs = epoch + 1;
    }
}

/// The values' half.
pub(super) struct CriticHalf<'a> {
    network: &'a mut MinibatchNetwork,
    loss: CriticLoss,
    rollout: &'a Rollout,
    size: StepSize,
    /// Loss of the present minibatch.
    present: f64,
    sum: f64,
}

impl<'a> CriticHalf<'a> {
    pub fn new(
        network: &'a mut MinibatchNetwork,
        loss: CriticLoss,
        rollout: &'a Rollout,
        size: StepSize,
    ) -> Self {
        Self { network, loss, rollout, size, present: 0.0, sum: 0.0 }
    }
}

impl Half for CriticHalf<'_> {
    fn find_gradient(&mut self, indices: &[u32]) -> f64 {
        self.present = self.loss.gradient(self.network, self.rollout, indices);
        self.network.backward(indices.len())
    }

    fn step(&mut self, _epoch: usize, squared_norm: f64) {
        self.size.step(self.network, squared_norm);
        self.sum += self.present;
    }
}

/// Runs both halves through the minibatches, on the cores that `choice` finds the faster ones.
pub(super) fn update(
    mut actor: ActorHalf<'_>,
    mut critic: CriticHalf<'_>,
    minibatches: Minibatches<'_>,
    choice: &mut CoresChoice,
) -> Sums {
    choice.set_trial_units((minibatches.count as u64 / 4).max(8));
    let mut first = 0;
    while first < minibatches.count {
        let (cores, count) = choice.next((minibatches.count - first) as u64);
        let part = Minibatches { first, count: count as usize, ..minibatches };
        let started = Instant::now();
        // Without a second thread (a system may refuse one) the halves run in turn, with the same result.
        let together = (cores == Cores::Two).then(|| side_by_side(&mut actor, &mut critic, part)).flatten();
        if !together.unwrap_or_else(|| in_turn(&mut actor, &mut critic, part)) {
            break;
        }
        choice.took(count, started.elapsed());
        first += part.count;
    }
    Sums { value_loss: critic.sum, ..actor.sums }
}

/// The critic takes its whole step when the actor passes its norm.
fn in_turn(actor: &mut ActorHalf<'_>, critic: &mut CriticHalf<'_>, minibatches: Minibatches<'_>) -> bool {
    descend(actor, minibatches, |Minibatch { epoch, indices, .. }, norm| {
        if norm == STOP {
            return None;
        }
        let own = critic.find_gradient(indices);
        critic.step(epoch, norm + own);
        Some(own)
    })
}

/// `None`, with nothing done, if the system gives no thread.
fn side_by_side(
    actor: &mut ActorHalf<'_>,
    critic: &mut CriticHalf<'_>,
    minibatches: Minibatches<'_>,
) -> Option<bool> {
    let exchange = Exchange::default();
    std::thread::scope(|scope| {
        let critic_side = std::thread::Builder::new().spawn_scoped(scope, || {
            let _guard = exchange.guard();
            descend(critic, minibatches, |minibatch, norm| exchange.meet(Side::Critic, minibatch.round, norm))
        });
        let critic_side = critic_side.ok()?;
        let goes_on = {
            let _guard = exchange.guard();
            descend(actor, minibatches, |minibatch, norm| exchange.meet(Side::Actor, minibatch.round, norm))
        };
        match critic_side.join() {
            // Both stop at the same minibatch.
            Ok(_) => Some(goes_on),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}
