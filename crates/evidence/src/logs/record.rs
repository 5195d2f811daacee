//! A log made by playing, with a known decider and known probabilities.

use setpoint_guard::decider::Decider;
use setpoint_log::log::{Log, LoggedEpisode};
use setpoint_process::process::Outcome;
use setpoint_random::Stream;

use crate::action_distribution::{ActionDistribution, Drawn};
use crate::decision::Decision;
use crate::error::PlayError;
use crate::player::{Player, Step};

/// Plays this number of episodes of at most `steps_max` steps, with choices from a distribution, and records them; a longer
/// episode is cut off there.
pub fn record(
    decision: &Decision,
    distribution: &mut ActionDistribution<'_>,
    episodes: usize,
    steps_max: usize,
    seed: u64,
) -> Result<Log, PlayError> {
    let choices = decision.spec().action.len();
    let mut decider = Drawn::new(distribution, choices, episodes, Stream::new(seed, "record", 0));
    record_decider(decision, &mut decider, episodes, steps_max, seed)
}

/// The same of any decider, which serves this number of lanes. The log has the probabilities that the decider gives.
pub fn record_decider(
    decision: &Decision,
    decider: &mut dyn Decider,
    episodes: usize,
    steps_max: usize,
    seed: u64,
) -> Result<Log, PlayError> {
    let spec = decision.spec();
    let mut player = Player::new(decision, episodes, seed, "record")?;
    let mut parts = vec![Log::new(spec); episodes];
    let mut terminated = vec![false; episodes];
    player.play(decider, &mut |step: &Step<'_>| {
        let part = &mut parts[step.lane];
        part.observations.extend_from_slice(step.state.observation);
        part.actions.extend(step.action.row());
        part.probabilities.push(step.probability);
        part.lines.push(0);
        part.rewards.push(step.reward);
        part.signals.extend_from_slice(step.signals);
        terminated[step.lane] = step.outcome == Outcome::Terminated;
        !step.outcome.is_over() && (step.count as usize) < steps_max
    })?;
    let mut log = Log::new(spec);
    for (part, terminated) in parts.iter().zip(terminated) {
        log.append_episode(
            part,
            &LoggedEpisode { rows: 0..part.rows(), terminated: Some(terminated), ..LoggedEpisode::default() },
        );
    }
    Ok(log)
}
