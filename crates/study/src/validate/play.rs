//! The simulator beside the log: from its own first states, under the log's own actions or under a clone of who took them.

use setpoint_decision::spec::{ActionSpace, Spec};
use setpoint_log::log::Resolution;
use setpoint_log::{Log, LoggedEpisode};
use setpoint_policy::Policy;
use setpoint_policy::policy::Runner;
use setpoint_process::disturbed::{Difficulty, Disturbed};
use setpoint_process::process::Outcome;
use setpoint_process::reward::RewardFunction;
use setpoint_random::Stream;

use setpoint_evidence::Decision;
use setpoint_evidence::PlayError;
use setpoint_evidence::evaluate::{Decisions, Draws};
use setpoint_evidence::logs::ended;

/// What its random streams are for.
const PURPOSE: &str = "validation";
/// Environments that step together.
const LANES: usize = 256;

/// Plays an episode beside every logged one: its actions, or those of `clone`. It is shorter where the simulator came to an end
/// of its own before, or does not allow what was logged; beside an episode that ended by itself a clone may go on for as long as
/// the longest one. Constraints are left aside: what was done was done.
pub fn play(decision: &Decision, logged: &Log, clone: Option<&Policy>, seed: u64) -> Result<Log, PlayError> {
    let spec = decision.spec();
    let reward = RewardFunction::new(&decision.project.reward, spec);
    let lanes = LANES.min(logged.episodes.len()).max(1);
    let (project, factory) = (&decision.project, decision.factory.as_ref());
    let mut batch = if project.evaluate.disturbed {
        let level = Difficulty::Fixed(project.evaluation_level());
        Disturbed::batch(project, factory, lanes, seed, PURPOSE, level)?
    } else {
        factory.batch(lanes, seed, PURPOSE)?
    };
    let mut simulated = Log::new(spec);
    let mut decisions = Decisions::new(&spec.action, lanes);
    let mut terms = vec![0.0; reward.names().len()];
    let mut clone = clone.map(|policy| policy.runner(1));
    let mut draws = Draws(Stream::new(seed, "validation draws", 0));
    let lengths = match &clone {
        None => logged.episodes.iter().map(|episode| episode.rows.len()).collect(),
        Some(_) => lengths_of(logged),
    };
    for (chunk, episodes) in logged.episodes.chunks(lanes).enumerate() {
        for lane in 0..episodes.len() {
            let random = Stream::new(seed, PURPOSE, (chunk * lanes + lane) as u64);
            batch.reset_lane(lane, Some(random))?;
        }
        let mut played: Vec<Log> = episodes.iter().map(|_| Log::new(spec)).collect();
        let mut ended: Vec<Option<bool>> = vec![None; episodes.len()];
        let mut steps = vec![false; lanes];
        let mut action = vec![0.0; logged.width];
        loop {
            steps.fill(false);
            let transition = batch.transition();
            for (lane, episode) in episodes.iter().enumerate() {
                let own = &mut played[lane];
                if ended[lane].is_some() || own.rows() == lengths[chunk * lanes + lane] {
                    continue;
                }
                let features = logged.features;
                let seen = &transition.observations[lane * features..(lane + 1) * features];
                match &mut clone {
                    None => action.copy_from_slice(logged.action(episode.rows.start + own.rows())),
                    Some(runner) => {
                        decide(
                            runner,
                            &spec.action,
                            seen,
                            lane,
                            &transition.allowed,
                            &mut draws,
                            &mut action,
                        );
                    }
                }
                if !write(&action, &spec.action, lane, &transition.allowed, &mut decisions) {
                    ended[lane] = Some(false);
                    continue;
                }
                own.observations.extend_from_slice(seen);
                own.actions.extend_from_slice(&action);
                steps[lane] = true;
            }
            if !steps.contains(&true) {
                break;
            }
            batch.step_where(decisions.actions(), &steps)?;
            let transition = batch.transition();
            for lane in (0..episodes.len()).filter(|lane| steps[*lane]) {
                let own = &mut played[lane];
                let width = logged.signals_per_row;
                let signals = &transition.signals[lane * width..(lane + 1) * width];
                // The time limit is the log's end, which is paid nothing here.
                let outcome = match transition.outcomes[lane] {
                    Outcome::Truncated => Outcome::Running,
                    outcome => outcome,
                };
                own.signals.extend_from_slice(signals);
                own.rewards.push(reward.evaluate(signals, outcome, &mut terms));
                own.probabilities.push(f64::NAN);
                own.lines.push(0);
                if transition.outcomes[lane].is_over() {
                    ended[lane] = Some(outcome == Outcome::Terminated);
                }
            }
        }
        for (own, ended) in played.iter().zip(ended) {
            let episode = LoggedEpisode { rows: 0..own.rows(), terminated: ended };
            simulated.append_episode(own, &episode);
        }
    }
    Ok(simulated)
}

/// Steps that a clone may take beside each episode: as many as were logged, or, where the episode ended by itself, as the
/// longest has.
fn lengths_of(logged: &Log) -> Vec<usize> {
    let longest = logged.episodes.iter().map(|episode| episode.rows.len()).max().unwrap_or(0);
    let length = |(episode, ended): (&LoggedEpisode, bool)| if ended { longest } else { episode.rows.len() };
    logged.episodes.iter().zip(ended(logged)).map(length).collect()
}

/// A draw of the clone's, in the numbers of a log.
fn decide(
    runner: &mut Runner<'_>,
    space: &ActionSpace,
    seen: &[f32],
    lane: usize,
    allowed: &[bool],
    draws: &mut Draws,
    action: &mut [f32],
) {
    match space {
        ActionSpace::Discrete { choices } => {
            let own = if allowed.is_empty() {
                allowed
            } else {
                &allowed[lane * choices.len()..(lane + 1) * choices.len()]
            };
            let mut choice = [0];
            runner.choose(seen, own, Some(draws), &mut choice);
            action[0] = choice[0] as f32;
        }
        ActionSpace::Continuous { .. } => runner.control(seen, Some(draws), action),
    }
}

/// Writes a logged action for one environment; `false` where the process does not allow it now.
fn write(
    action: &[f32],
    space: &ActionSpace,
    lane: usize,
    allowed: &[bool],
    Decisions { choices, values }: &mut Decisions,
) -> bool {
    match space {
        ActionSpace::Discrete { choices: all } => {
            let choice = action[0] as usize;
            choices[lane] = choice as u32;
            allowed.is_empty() || allowed[lane * all.len() + choice]
        }
        ActionSpace::Continuous { axes } => {
            let row = &mut values[lane * axes.len()..(lane + 1) * axes.len()];
            for ((value, logged), axis) in row.iter_mut().zip(action).zip(axes) {
                *value = logged.clamp(axis.low, axis.high);
            }
            true
        }
    }
}

/// The simulator's log with its numbers rounded as the plant's are: rounding alone makes steps of its own.
pub fn rounded(simulated: &Log, resolution: &Resolution) -> Log {
    let mut rounded = simulated.clone();
    for row in rounded.observations.chunks_exact_mut(simulated.features.max(1)) {
        for (value, step) in row.iter_mut().zip(&resolution.features).filter(|(_, step)| **step > 0.0) {
            *value = ((f64::from(*value) / step).round() * step) as f32;
        }
    }
    rounded
}

/// Leaves out of the simulator's log what the plant's cannot know: a signal that is read off the next row is missing where
/// there is none.
pub fn forget_unknown(simulated: &mut Log, logged: &Log) {
    let width = simulated.signals_per_row;
    let last: Vec<usize> = simulated
        .episodes
        .iter()
        .filter(|episode| !episode.rows.is_empty())
        .map(|episode| episode.rows.end - 1)
        .collect();
    for signal in 0..simulated.signals_per_row {
        if misses_last_rows(logged, |row| logged.signals(row)[signal].is_finite()) {
            last.iter().for_each(|row| simulated.signals[row * width + signal] = f32::NAN);
        }
    }
    if misses_last_rows(logged, |row| logged.rewards[row].is_finite()) {
        last.iter().for_each(|row| simulated.rewards[*row] = f64::NAN);
    }
}

/// Whether something is known in the log, and in the last row of no episode.
fn misses_last_rows(log: &Log, known: impl Fn(usize) -> bool) -> bool {
    log.episodes.iter().all(|episode| !known(episode.rows.end - 1))
        && log.episodes.iter().any(|episode| known(episode.rows.start))
}

/// Columns of a regression that an action becomes: a choice is one of several flags (the last is none of them), a setting its
/// place between the axis' bounds, in [−1, 1], and the square of that.
pub fn design(spec: &Spec, action: &[f32], row: &mut Vec<f64>) {
    match &spec.action {
        ActionSpace::Discrete { choices } => {
            row.extend(
                (0..choices.len() - 1).map(|choice| f64::from(u8::from(action[0] as usize == choice))),
            );
        }
        ActionSpace::Continuous { axes } => {
            for (value, axis) in action.iter().zip(axes) {
                let place = 2.0 * f64::from((value - axis.low) / (axis.high - axis.low)) - 1.0;
                row.extend([place, place * place]);
            }
        }
    }
}
