//! Episodes of both kinds of job shops.

use setpoint_process::process::{Action, Outcome, Process};
use setpoint_process::{Heuristic, State};
use setpoint_processes::flexible_job_shop::FlexibleJobShop;
use setpoint_processes::job_shop::JobShop;
use setpoint_processes::job_shop::dispatch::Scheduled;
use setpoint_random::Stream;

/// A shop whose schedule can be looked at.
pub trait Shop: Process {
    fn scheduled(&self) -> Vec<Scheduled>;
}

impl Shop for JobShop {
    fn scheduled(&self) -> Vec<Scheduled> {
        self.partial_schedule().scheduled(self.instance()).collect()
    }
}

impl Shop for FlexibleJobShop {
    fn scheduled(&self) -> Vec<Scheduled> {
        self.partial_schedule().scheduled(self.instance()).collect()
    }
}

/// One episode by any way of choosing: sums of the signals, and the schedule.
pub fn play(
    shop: &mut impl Shop,
    random: &mut Stream,
    mut choose: impl FnMut(&State<'_>, &mut Stream) -> usize,
) -> (Vec<f64>, Vec<Scheduled>) {
    let spec = shop.spec();
    let mut observation = vec![0.0; spec.observation.len()];
    let (mut signals, mut sums) = (vec![0.0; spec.signals.len()], vec![0.0; spec.signals.len()]);
    let mut allowed = vec![true; spec.action.len()];
    shop.reset(random, &mut observation, &mut signals);
    loop {
        shop.mask(&mut allowed);
        let state = State { observation: &observation, signals: &signals, allowed: &allowed };
        let choice = choose(&state, random);
        let outcome = shop.step(Action::of_choices(&[choice as u32]), random, &mut observation, &mut signals);
        for ((sum, signal), limits) in sums.iter_mut().zip(&signals).zip(&spec.signals) {
            assert!(*signal >= limits.low && *signal <= limits.high, "{} was {signal}", limits.name);
            *sum += f64::from(*signal);
        }
        if outcome == Outcome::Terminated {
            return (sums, shop.scheduled());
        }
    }
}

/// Chooses by chance.
pub fn any_allowed(state: &State<'_>, random: &mut Stream) -> usize {
    let allowed: Vec<usize> = (0..state.allowed.len()).filter(|choice| state.allowed[*choice]).collect();
    allowed[random.below(allowed.len() as u32) as usize]
}

/// Chooses by a rule.
pub fn by(rule: &Heuristic) -> impl FnMut(&State<'_>, &mut Stream) -> usize {
    |state, _| {
        let mut action = [0.0];
        (rule.decide)(state, &mut action);
        action[0] as usize
    }
}
