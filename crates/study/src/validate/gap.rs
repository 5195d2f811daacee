//! The sim-to-data gap: the difference of reward and signals between simulator and log, for the same actions or for a clone
//! of the controller.

use serde::{Deserialize, Serialize};
use setpoint_decision::spec::Spec;
use setpoint_log::Log;
use setpoint_process::process::Outcome;
use setpoint_process::reward::RewardFunction;
use setpoint_random::Stream;

use super::pieces::Both;
use setpoint_evidence::Decision;
use setpoint_statistics::{Interval, bootstrap, ratio};

/// A mean on both sides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gap {
    /// Name of the quantity.
    pub name: String,
    /// Unit of the means.
    pub unit: String,
    /// Mean per step in the log.
    #[serde(deserialize_with = "setpoint_statistics::stored::figures")]
    pub logged: f64,
    /// Mean per step in the simulator.
    #[serde(deserialize_with = "setpoint_statistics::stored::figures")]
    pub simulated: f64,
    /// Simulator minus log, in percent of the log's magnitude; absent if the log's mean is 0.
    pub percent: Option<f64>,
    /// Its 95 % interval; whole pieces of episodes are resampled.
    pub interval_percent: Option<Interval>,
}

/// A log without rewards gets the rewards of the project's weights from its signals, if it has them.
pub fn with_rewards(mut log: Log, decision: &Decision) -> Log {
    if log.rewards.iter().any(|reward| reward.is_finite()) {
        return log;
    }
    let function = RewardFunction::new(&decision.project.reward, decision.spec());
    let mut terms = vec![0.0; function.names().len()];
    for episode in log.episodes.clone() {
        for row in episode.rows.clone() {
            let ended = row + 1 == episode.rows.end && episode.terminated == Some(true);
            let outcome = if ended { Outcome::Terminated } else { Outcome::Running };
            log.rewards[row] = function.evaluate(log.signals(row), outcome, &mut terms);
        }
    }
    log
}

/// The gap of the reward per step; `None` if the log has no reward.
pub fn reward(both: &Both, random: &mut Stream) -> Option<Gap> {
    one("reward per step", "", both, random, |log, row| log.rewards[row])
}

/// The gap of every signal in the log.
pub fn signals(spec: &Spec, both: &Both, random: &mut Stream) -> Vec<Gap> {
    let signals = spec.signals.iter().enumerate();
    let gap = |(index, signal): (usize, &setpoint_decision::spec::Signal)| {
        one(&signal.name, &signal.unit, both, random, |log, row| f64::from(log.signals(row)[index]))
    };
    signals.filter_map(gap).collect()
}

fn one(
    name: &str,
    unit: &str,
    both: &Both,
    random: &mut Stream,
    value: impl Fn(&Log, usize) -> f64,
) -> Option<Gap> {
    // Sum and number of each piece on both sides.
    let [logged, simulated] = both.sides().map(|(log, pieces)| -> (Vec<f64>, Vec<f64>) {
        let sums = pieces.into_iter().map(|rows| {
            let values = rows.map(|row| value(log, row)).filter(|value| value.is_finite());
            values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0))
        });
        sums.unzip()
    });
    let all: Vec<usize> = (0..both.len()).collect();
    let own = |indices: &[usize]| ratio(&logged.0, &logged.1, indices);
    let other = |indices: &[usize]| ratio(&simulated.0, &simulated.1, indices);
    let percent = |indices: &[usize]| 100.0 * (other(indices) - own(indices)) / own(indices).abs();
    let (mean, simulated_mean) = (own(&all), other(&all));
    if !mean.is_finite() || !simulated_mean.is_finite() {
        return None;
    }
    let interval = bootstrap(both.len(), random, percent);
    let percent = Some(percent(&all)).filter(|percent| percent.is_finite());
    Some(Gap {
        name: name.to_owned(),
        unit: unit.to_owned(),
        logged: mean,
        simulated: simulated_mean,
        percent,
        interval_percent: percent.map(|_| interval),
    })
}
