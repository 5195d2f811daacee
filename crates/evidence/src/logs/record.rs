//! A log made by playing: who acts is known, and so is every probability.

use setpoint_log::log::{Log, LoggedEpisode};
use setpoint_nn::categorical;
use setpoint_process::State;
use setpoint_process::process::Outcome;
use setpoint_process::vectorized::Actions;
use setpoint_random::Stream;

use crate::action_distribution::ActionDistribution;
use crate::decision::Decision;
use crate::environments::Environments;
use crate::error::PlayError;

/// Plays so many episodes of at most `steps_max` steps with choices drawn from a distribution, and writes them down; an
/// episode that is not over by then is cut off there.
pub fn record(
    decision: &Decision,
    distribution: &mut ActionDistribution<'_>,
    episodes: usize,
    steps_max: usize,
    seed: u64,
) -> Result<Log, PlayError> {
    let spec = decision.spec();
    let (features, signals) = (spec.observation.len(), spec.signals.len());
    let mut environments = Environments::new(&decision.project, &decision.factory, episodes, seed, "record")?;
    let mut random = Stream::new(seed, "record", 0);
    let mut probabilities = vec![0.0; spec.action.len()];
    let mut unseen = vec![0.0; environments.term_names().len()];
    let mut parts = vec![Log::new(spec); episodes];
    let mut ends: Vec<Option<bool>> = vec![None; episodes];
    let mut choices = vec![0; episodes];
    for _ in 0..steps_max {
        let transition = environments.transition();
        for (lane, choice) in choices.iter_mut().enumerate() {
            let state = State {
                observation: &transition.observations[lane * features..(lane + 1) * features],
                signals: &transition.current_signals[lane * signals..(lane + 1) * signals],
                allowed: environments.allowed_in(lane),
            };
            distribution.probabilities(&state, &mut probabilities);
            *choice = categorical::sample_probability(&probabilities, f64::from(random.unit())) as u32;
            if ends[lane].is_none() {
                let part = &mut parts[lane];
                part.observations.extend_from_slice(state.observation);
                part.actions.push(*choice as f32);
                part.probabilities.push(probabilities[*choice as usize]);
                part.lines.push(0);
            }
        }
        environments.step(Actions::Discrete(&choices))?;
        for (lane, (part, end)) in parts.iter_mut().zip(&mut ends).enumerate() {
            if end.is_none() {
                let record = environments.record(lane, &mut unseen);
                part.rewards.push(record.reward);
                part.signals.extend_from_slice(record.signals);
                *end = record.outcome.is_over().then_some(record.outcome == Outcome::Terminated);
            }
        }
        if ends.iter().all(Option::is_some) {
            break;
        }
    }
    let mut log = Log::new(spec);
    for (part, end) in parts.iter().zip(ends) {
        log.append_episode(
            part,
            &LoggedEpisode { rows: 0..part.rows(), terminated: Some(end.unwrap_or(false)) },
        );
    }
    Ok(log)
}
