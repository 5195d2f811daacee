//! Exploration: how learners without a stochastic policy try other actions than their best.

use serde::{Deserialize, Serialize};
use setpoint_decision::Diagnostic;
use setpoint_decision::section::{Range, Section};
use setpoint_random::Stream;

use crate::bounds;

mod stored;

/// The decay of a rate from its initial to its final value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decay {
    /// No decay: always the initial value.
    Constant,
    /// In equal amounts.
    #[default]
    Linear,
    /// In equal factors.
    Exponential,
}

/// ε (or a temperature) over the training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// The form of the decay.
    pub decay: Decay,
    /// Share of the training, in (0, 1], after which the final value is reached.
    pub fraction: f64,
    /// Value at the start.
    pub initial: f64,
    /// Value after that.
    pub last: f64,
}

impl Rate {
    /// The value when `progress_remaining` (1 at the start, 0 at the end) is the remaining share of the training.
    pub fn at(self, progress_remaining: f64) -> f64 {
        let share = ((1.0 - progress_remaining) / self.fraction).clamp(0.0, 1.0);
        match self.decay {
            Decay::Constant => self.initial,
            Decay::Linear => self.initial + share * (self.last - self.initial),
            // From or to 0 there are no equal factors; the smallest relevant rate replaces 0.
            Decay::Exponential => {
                let (initial, last) = (self.initial.max(1e-6), self.last.max(1e-6));
                initial * (last / initial).powf(share)
            }
        }
    }
}

/// The strategy of a discrete explorer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// With probability ε a uniformly random allowed choice.
    #[default]
    Epsilon,
    /// Choices in proportion to exp(value / temperature) (Sutton & Barto 2018, section 2.8's soft-max over values).
    Boltzmann,
    /// The greatest of value + c √(ln t / n) (Auer, Cesa-Bianchi & Fischer 2002), counts over all states.
    Ucb,
}

/// Options of discrete exploration, as in an algorithm's table.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DiscreteExploration {
    /// `exploration`: ε-greedy, Boltzmann or UCB.
    pub exploration: Strategy,
    /// `exploration_decay`: the decay of ε or of the temperature.
    pub exploration_decay: Decay,
    /// Share of the training over which it falls.
    pub exploration_fraction: f64,
    /// ε (or the temperature, in units of value) at the start.
    pub exploration_initial_eps: f64,
    /// ε (or the temperature) at the end.
    pub exploration_final_eps: f64,
    /// c of the UCB bonus, in units of value.
    pub exploration_ucb_c: f64,
}

impl DiscreteExploration {
    /// Reads its keys from an algorithm's table; absent ones take the given defaults.
    pub fn read(section: &Section<'_>, default: Self) -> Result<Self, Box<Diagnostic>> {
        section.refuse_removed("exploration_production_eps", "no version of Setpoint read it")?;
        let strategies =
            [("epsilon", Strategy::Epsilon), ("boltzmann", Strategy::Boltzmann), ("ucb", Strategy::Ucb)];
        let decays =
            [("linear", Decay::Linear), ("exponential", Decay::Exponential), ("constant", Decay::Constant)];
        let exploration = section.one_of("exploration", &strategies, "the exploration strategy")?;
        let decay = section.one_of("exploration_decay", &decays, "the decay of ε or of the temperature")?;
        let exploration = exploration.unwrap_or(default.exploration);
        let number = |key, range, default: f64, meaning| -> Result<f64, Box<Diagnostic>> {
            Ok(section.number(key, range, meaning)?.unwrap_or(default))
        };
        let rate = || {
            if exploration == Strategy::Epsilon { Range::between(0.0, 1.0) } else { bounds::not_negative() }
        };
        Ok(Self {
            exploration,
            exploration_decay: decay.unwrap_or(default.exploration_decay),
            exploration_fraction: number(
                "exploration_fraction",
                Range::between(1e-6, 1.0),
                default.exploration_fraction,
                "share of the training over which exploration falls",
            )?,
            exploration_initial_eps: number(
                "exploration_initial_eps",
                rate(),
                default.exploration_initial_eps,
                "ε (or temperature) at the start",
            )?,
            exploration_final_eps: number(
                "exploration_final_eps",
                rate(),
                default.exploration_final_eps,
                "ε (or temperature) at the end",
            )?,
            exploration_ucb_c: number(
                "exploration_ucb_c",
                bounds::not_negative(),
                default.exploration_ucb_c,
                "weight of the UCB bonus",
            )?,
        })
    }

    fn rate(&self) -> Rate {
        Rate {
            decay: self.exploration_decay,
            fraction: self.exploration_fraction,
            initial: self.exploration_initial_eps,
            last: self.exploration_final_eps,
        }
    }
}

impl Default for DiscreteExploration {
    /// Stable-Baselines3's: ε from 1 to 0.05 over the first tenth.
    fn default() -> Self {
        Self {
            exploration: Strategy::Epsilon,
            exploration_decay: Decay::Linear,
            exploration_fraction: 0.1,
            exploration_initial_eps: 1.0,
            exploration_final_eps: 0.05,
            exploration_ucb_c: 1.0,
        }
    }
}

/// Explores among choices and counts its decisions.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "stored::StoredExplorer", into = "stored::StoredExplorer")]
pub struct DiscreteExplorer {
    options: DiscreteExploration,
    random: Stream,
    /// Number of decisions for each choice, for the UCB bonus.
    counts: Vec<u64>,
    decisions: u64,
    explored: u64,
    not_greedy: u64,
}

impl DiscreteExplorer {
    /// For this number of choices.
    pub fn new(options: DiscreteExploration, choices: usize, seed: u64) -> Self {
        let random = Stream::new(seed, "exploration", 0);
        Self { options, random, counts: vec![0; choices], decisions: 0, explored: 0, not_greedy: 0 }
    }

    /// Takes one choice by the values of all; `allowed` may be empty if no choice is forbidden.
    pub fn choose(&mut self, values: &[f32], allowed: &[bool], progress_remaining: f64) -> usize {
        let is_allowed = |choice: usize| allowed.is_empty() || allowed[choice];
        let greedy = greatest(values.iter().map(|value| f64::from(*value)), is_allowed);
        let rate = self.options.rate().at(progress_remaining);
        let mut exploring = false;
        let choice = match self.options.exploration {
            Strategy::Epsilon => {
                exploring = f64::from(self.random.unit()) < rate;
                if exploring { any_allowed(&mut self.random, values.len(), allowed) } else { greedy }
            }
            Strategy::Boltzmann if rate <= 1e-9 => greedy,
            Strategy::Boltzmann => {
                let best = f64::from(values[greedy]);
                let share = |choice: usize| {
                    if is_allowed(choice) { ((f64::from(values[choice]) - best) / rate).exp() } else { 0.0 }
                };
                let total: f64 = (0..values.len()).map(share).sum();
                let mut left = f64::from(self.random.unit()) * total;
                let drawn = (0..values.len()).find(|choice| {
                    left -= share(*choice);
                    left < 0.0 && is_allowed(*choice)
                });
                drawn.unwrap_or(greedy)
            }
            Strategy::Ucb => {
                let (c, t) = (self.options.exploration_ucb_c, self.decisions + 1);
                let optimistic = values.iter().zip(&self.counts);
                greatest(optimistic.map(|(value, n)| f64::from(*value) + ucb_bonus(c, t, *n)), is_allowed)
            }
        };
        self.decisions += 1;
        self.counts[choice] += 1;
        self.explored += u64::from(exploring || choice != greedy);
        self.not_greedy += u64::from(choice != greedy);
        choice
    }

    /// Shares since the last call, in percent: decisions with exploration, and decisions that differed from the greedy
    /// choice.
    pub fn take_shares(&mut self, since: &mut ExplorationCount) -> (f64, f64) {
        let n = (self.decisions - since.decisions).max(1) as f64;
        let shares = (
            100.0 * (self.explored - since.explored) as f64 / n,
            100.0 * (self.not_greedy - since.not_greedy) as f64 / n,
        );
        *since = ExplorationCount {
            decisions: self.decisions,
            explored: self.explored,
            not_greedy: self.not_greedy,
        };
        shares
    }

    /// ε or the temperature at this point of the training.
    pub fn rate(&self, progress_remaining: f64) -> f64 {
        self.options.rate().at(progress_remaining)
    }
}

/// An explorer's counts at the last log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ExplorationCount {
    decisions: u64,
    explored: u64,
    not_greedy: u64,
}

/// c √(ln t / n), infinite for a choice that was never tried (Auer, Cesa-Bianchi & Fischer 2002, figure 1; t counts from 1).
pub fn ucb_bonus(c: f64, t: u64, n: u64) -> f64 {
    if n == 0 { f64::INFINITY } else { c * ((t as f64).ln() / n as f64).sqrt() }
}

/// Whether no other choice is greater than this one, by the order of a row.
pub fn is_greedy(row: &[f32], choice: usize) -> bool {
    row.iter().all(|other| *other <= row[choice])
}

/// The greatest allowed choice; of equal choices the first.
pub fn greatest(values: impl Iterator<Item = f64>, is_allowed: impl Fn(usize) -> bool) -> usize {
    let mut best: Option<(usize, f64)> = None;
    for (choice, value) in values.enumerate() {
        if is_allowed(choice) && best.is_none_or(|(_, most)| value > most) {
            best = Some((choice, value));
        }
    }
    best.map_or(0, |(choice, _)| choice)
}

/// A uniformly random allowed choice.
pub fn any_allowed(random: &mut Stream, choices: usize, allowed: &[bool]) -> usize {
    loop {
        let choice = random.below(choices as u32) as usize;
        if allowed.is_empty() || allowed[choice] {
            return choice;
        }
    }
}

/// The kind of noise on continuous actions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoiseKind {
    /// No noise: Stable-Baselines3's default, with which DDPG and TD3 hardly explore.
    #[default]
    None,
    /// Independent normal draws.
    Normal,
    /// Ornstein–Uhlenbeck (Uhlenbeck & Ornstein 1930): x ← x − θ x dt + σ √dt ε, reset with each episode.
    OrnsteinUhlenbeck,
}

/// Noise added to continuous actions, on the scale [−1, 1].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionNoise {
    /// `action_noise`: the kind.
    pub action_noise: NoiseKind,
    /// σ
    pub noise_sigma: f64,
    /// θ of Ornstein–Uhlenbeck noise.
    pub noise_theta: f64,
    /// dt of Ornstein–Uhlenbeck noise.
    pub noise_dt: f64,
}

impl Default for ActionNoise {
    fn default() -> Self {
        Self { action_noise: NoiseKind::None, noise_sigma: 0.1, noise_theta: 0.15, noise_dt: 0.01 }
    }
}

impl ActionNoise {
    /// Reads its keys from an algorithm's table.
    pub fn read(section: &Section<'_>) -> Result<Self, Box<Diagnostic>> {
        let default = Self::default();
        let kinds = [
            ("none", NoiseKind::None),
            ("normal", NoiseKind::Normal),
            ("ornstein-uhlenbeck", NoiseKind::OrnsteinUhlenbeck),
        ];
        let kind = section.one_of("action_noise", &kinds, "noise added to actions while training")?;
        let number = |key, default: f64, meaning| -> Result<f64, Box<Diagnostic>> {
            Ok(section.number(key, bounds::not_negative(), meaning)?.unwrap_or(default))
        };
        Ok(Self {
            action_noise: kind.unwrap_or(default.action_noise),
            noise_sigma: number("noise_sigma", default.noise_sigma, "scale of the action noise, on [−1, 1]")?,
            noise_theta: number("noise_theta", default.noise_theta, "pull of the noise towards 0")?,
            noise_dt: number("noise_dt", default.noise_dt, "time step of the noise")?,
        })
    }
}

/// Draws action noise for every lane.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NoiseSource {
    noise: ActionNoise,
    random: Stream,
    /// `[lanes, axes]` of the Ornstein–Uhlenbeck process.
    state: Vec<f32>,
}

impl NoiseSource {
    /// For `lanes × axes` numbers.
    pub fn new(noise: ActionNoise, numbers: usize, seed: u64) -> Self {
        Self { noise, random: Stream::new(seed, "action noise", 0), state: vec![0.0; numbers] }
    }

    /// Adds noise to actions `[lanes, axes]` and clips them to [−1, 1].
    pub fn add(&mut self, actions: &mut [f32]) {
        let ActionNoise { action_noise, noise_sigma: sigma, noise_theta: theta, noise_dt: dt } = self.noise;
        match action_noise {
            NoiseKind::None => {}
            NoiseKind::Normal => {
                for action in actions {
                    *action = (*action + sigma as f32 * self.random.normal()).clamp(-1.0, 1.0);
                }
            }
            NoiseKind::OrnsteinUhlenbeck => {
                let (pull, push) = ((theta * dt) as f32, (sigma * dt.sqrt()) as f32);
                for (action, x) in actions.iter_mut().zip(&mut self.state) {
                    *x += push * self.random.normal() - pull * *x;
                    *action = (*action + *x).clamp(-1.0, 1.0);
                }
            }
        }
    }

    /// Resets the noise of one lane.
    pub fn reset(&mut self, lane: usize, axes: usize) {
        self.state[lane * axes..(lane + 1) * axes].fill(0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_by_hand() {
        let rate = |decay| Rate { decay, fraction: 0.5, initial: 0.3, last: 0.003 };
        let at = |decay| [1.0, 0.75, 0.5, 0.0].map(|left| rate(decay).at(left));
        assert_eq!(at(Decay::Constant), [0.3; 4]);
        for (found, expected) in at(Decay::Linear).into_iter().zip([0.3, 0.1515, 0.003, 0.003]) {
            assert!((found - expected).abs() < 1e-12);
        }
        for (found, expected) in at(Decay::Exponential).into_iter().zip([0.3, 0.03, 0.003, 0.003]) {
            assert!((found - expected).abs() < 1e-12);
        }
    }

    /// Frequencies of 200,000 decisions; the limits are five standard errors.
    #[test]
    fn strategies_choose_as_often_as_they_say_and_never_what_is_forbidden() {
        let n = 200_000;
        let values = [1.0_f32, 2.0, 0.5, 9.0];
        let allowed = [true, true, true, false];
        let frequencies = |exploration, eps| {
            let options = DiscreteExploration {
                exploration,
                exploration_decay: Decay::Constant,
                exploration_initial_eps: eps,
                ..DiscreteExploration::default()
            };
            let mut explorer = DiscreteExplorer::new(options, 4, 1);
            let mut counts = [0.0; 4];
            for _ in 0..n {
                counts[explorer.choose(&values, &allowed, 0.5)] += 1.0 / f64::from(n);
            }
            (counts, explorer.take_shares(&mut ExplorationCount::default()))
        };
        let near = |found: f64, expected: f64| (found - expected).abs() < 5.0 * 0.5 / f64::from(n).sqrt();
        let (counts, (explored, not_greedy)) = frequencies(Strategy::Epsilon, 0.3);
        assert!(near(counts[0], 0.1) && near(counts[1], 0.8) && near(counts[2], 0.1) && counts[3] == 0.0);
        assert!(near(explored / 100.0, 0.3) && near(not_greedy / 100.0, 0.2));
        let (counts, _) = frequencies(Strategy::Boltzmann, 0.5);
        let shares = [(-2.0_f64).exp(), 1.0, (-3.0_f64).exp()];
        let total: f64 = shares.iter().sum();
        assert!((0..3).all(|choice| near(counts[choice], shares[choice] / total)) && counts[3] == 0.0);
        let (counts, _) = frequencies(Strategy::Ucb, 0.0);
        assert!(counts[1] > 0.99 && counts[0] > 0.0 && counts[2] > 0.0 && counts[3] == 0.0);
    }

    #[test]
    fn noise_has_its_moments() {
        let normal = ActionNoise { action_noise: NoiseKind::Normal, ..ActionNoise::default() };
        let mut source = NoiseSource::new(normal, 1, 3);
        let draws: Vec<f64> = (0..100_000)
            .map(|_| {
                let mut action = [0.0];
                source.add(&mut action);
                f64::from(action[0])
            })
            .collect();
        let mean = draws.iter().sum::<f64>() / 1e5;
        let variance = draws.iter().map(|x| x * x).sum::<f64>() / 1e5;
        assert!(mean.abs() < 5.0 * 0.1 / 1e5_f64.sqrt() && (variance.sqrt() - 0.1).abs() < 0.002);
        // The stationary deviation of x ← (1 − θdt) x + σ√dt ε is σ √(dt / (1 − (1 − θdt)²)).
        let (sigma, theta, dt) = (0.02, 1.5, 0.1);
        let noise = ActionNoise {
            action_noise: NoiseKind::OrnsteinUhlenbeck,
            noise_sigma: sigma,
            noise_theta: theta,
            noise_dt: dt,
        };
        let mut source = NoiseSource::new(noise, 1, 4);
        let mut squares = 0.0;
        for _ in 0..100_000 {
            let mut action = [0.0];
            source.add(&mut action);
            squares += f64::from(action[0]).powi(2);
        }
        let kept: f64 = 1.0 - theta * dt;
        let expected = sigma * (dt / (1.0 - kept * kept)).sqrt();
        assert!(((squares / 1e5).sqrt() / expected - 1.0).abs() < 0.03);
    }
}
