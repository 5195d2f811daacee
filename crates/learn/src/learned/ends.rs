//! When an episode of a learnt process ends by itself: stated, learned, or guessed from the few ends of a log.
//!
//! A guess needs a feature that was near its greatest (or least) value each time an episode was about to end. If the
//! feature has nothing to do with the ends, the share of rows that are at least as extreme is uniform, and minus twice the
//! sum of the logarithms of k such shares has a χ² distribution with 2k degrees of freedom (Fisher 1925, section 21.1).

use serde::{Deserialize, Serialize};
use setpoint_decision::Diagnostic;
use setpoint_decision::section::{Range, Section};
use setpoint_decision::spec::Spec;
use setpoint_log::log::Log;

use setpoint_evidence::logs::ended;

/// Least number of episodes that ended by themselves to learn the ends.
pub const ENDED_MIN: usize = 30;
/// Greatest p-value of a guess, over all features and both sides together.
const P_VALUE: f64 = 1e-3;

/// When an episode ends by itself.
#[derive(Clone, Debug, PartialEq)]
pub enum Ends {
    /// As the project states it.
    Stated(Vec<End>),
    /// As the networks have learned it.
    Learnt,
    /// Where a feature that is extreme before the log's ends leaves the range of the log.
    Beyond,
}

/// A feature that is extreme before the log's ends, and its limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limit {
    /// Its index.
    pub feature: usize,
    /// Whether episodes end at its high values.
    pub above: bool,
    /// Its most extreme value in the log, as the policy sees it.
    pub value: f32,
    /// The probability that chance gives an equally clear feature.
    pub p_value: f64,
}

impl Limit {
    /// Whether an observation is beyond it.
    pub fn is_passed(&self, observation: &[f32]) -> bool {
        let value = observation[self.feature];
        if self.above { value > self.value } else { value < self.value }
    }

    /// The rule, as text.
    pub fn sentence(&self, spec: &Spec) -> String {
        let feature = &spec.observation[self.feature];
        let (extreme, side) = if self.above { ("high", "above") } else { ("low", "below") };
        format!(
            "before their ends, {} was close to its {extreme}est value (p = {:.0e}), so episodes end {side} {}, where the \
             log has no data",
            feature.name,
            self.p_value,
            feature.natural(self.value)
        )
    }
}

/// The features that are extreme before a log's ends, for logs with too few ends to learn from.
pub fn pointed_at(log: &Log) -> Vec<Limit> {
    let last: Vec<usize> = log
        .episodes
        .iter()
        .zip(ended(log))
        .filter(|(_, ended)| *ended)
        .map(|(e, _)| e.rows.end - 1)
        .collect();
    if last.is_empty() || last.len() >= ENDED_MIN {
        return Vec::new();
    }
    let sides = (2 * log.features) as f64;
    let mut limits = Vec::new();
    for feature in 0..log.features {
        let value = |row: usize| log.observation(row)[feature];
        let mut sorted: Vec<f32> = (0..log.rows()).map(value).filter(|value| value.is_finite()).collect();
        sorted.sort_by(f32::total_cmp);
        let rows = sorted.len() as f64;
        for above in [true, false] {
            let share = |row: &usize| {
                let value = value(*row);
                let extreme = if above {
                    sorted.len() - sorted.partition_point(|other| *other < value)
                } else {
                    sorted.partition_point(|other| *other <= value)
                };
                // A missing value gives no information.
                if value.is_finite() { extreme as f64 / rows } else { 1.0 }
            };
            let statistic: f64 = last.iter().map(|row| -2.0 * share(row).ln()).sum();
            let p_value = sides * chi_square_survival(statistic, last.len());
            if p_value < P_VALUE {
                let value = if above { sorted.last() } else { sorted.first() };
                limits.push(Limit { feature, above, value: *value.expect("a row ended"), p_value });
            }
        }
    }
    limits
}

/// P(χ² > x) with 2k degrees of freedom: e^(−x/2) Σ_{j<k} (x/2)^j / j!.
fn chi_square_survival(x: f64, k: usize) -> f64 {
    let half = x / 2.0;
    let (mut term, mut sum) = ((-half).exp(), 0.0);
    for j in 1..=k {
        sum += term;
        term *= half / j as f64;
    }
    sum.min(1.0)
}

/// `[[process.ends]]`: an episode ends by itself when a signal leaves its limits.
#[derive(Clone, Debug, PartialEq)]
pub struct End {
    /// Index of the signal in the learned spec.
    pub signal: usize,
    /// It ends above this.
    pub above: f32,
    /// It ends below this.
    pub below: f32,
}

impl End {
    /// From one `[[process.ends]]`.
    pub fn read(section: &Section<'_>, spec: &Spec) -> Result<Self, Box<Diagnostic>> {
        const EXAMPLE: &str = "for example: signal = \"failure_prob\", above = 0.2";
        let name = section.string("signal", "name of a signal")?;
        let above = section.number("above", Range::any(), "the episode ends above this")?;
        let below = section.number("below", Range::any(), "the episode ends below this")?;
        let (Some(name), true) = (name, above.or(below).is_some()) else {
            let title = "an end needs a signal and a limit";
            return Err(section.error("signal", title, "expected signal, and above or below", EXAMPLE));
        };
        let Some(signal) = spec.signals.iter().position(|signal| signal.name == name) else {
            let known: Vec<&str> = spec.signals.iter().map(|signal| signal.name.as_str()).collect();
            let title = format!("the learned process has no signal `{name}`");
            let help = format!("signals of the log: {}", known.join(", "));
            return Err(section.error("signal", &title, "not a signal of this log", &help));
        };
        let (above, below) =
            (above.unwrap_or(f64::INFINITY) as f32, below.unwrap_or(f64::NEG_INFINITY) as f32);
        Ok(Self { signal, above, below })
    }

    /// Whether the episode is over.
    pub fn holds(&self, signals: &[f32]) -> bool {
        signals[self.signal] > self.above || signals[self.signal] < self.below
    }
}

#[cfg(test)]
mod tests {
    use setpoint_log::LoggedEpisode;
    use setpoint_random::Stream;

    use super::*;

    #[test]
    fn the_tail_of_chi_square_is_that_of_tables() {
        // 5 % points of 2, 4 and 10 degrees of freedom.
        for (x, k) in [(5.991_465, 1), (9.487_729, 2), (18.307_038, 5)] {
            assert!((chi_square_survival(x, k) - 0.05).abs() < 1e-7, "{x}");
        }
        assert_eq!(chi_square_survival(0.0, 3), 1.0);
    }

    /// Episodes of 50 rows, two walks seen; one ends early where the first walk passes a height, or anywhere.
    fn log(seed: u64, by_height: bool) -> Log {
        let mut random = Stream::new(seed, "walks", 0);
        let mut log = Log { features: 2, width: 1, ..Log::default() };
        for _ in 0..200 {
            let begin = log.rows();
            let mut walks = [0.0_f32; 2];
            let mut over = false;
            while !over && log.rows() - begin < 50 {
                log.observations.extend_from_slice(&walks);
                log.actions.push(0.0);
                log.rewards.push(0.0);
                walks.iter_mut().for_each(|walk| *walk = 0.9 * *walk + random.normal());
                over = if by_height { walks[0] > 7.0 } else { random.unit() < 4e-4 };
            }
            log.episodes.push(LoggedEpisode {
                rows: begin..log.rows(),
                terminated: Some(over),
                ..LoggedEpisode::default()
            });
        }
        log
    }

    /// One log in a thousand would point at something by chance; the seeds are fixed.
    #[test]
    fn ends_point_at_what_made_them_and_at_nothing_else() {
        let mut found = 0;
        for seed in 0..40 {
            let own = log(seed, true);
            let limits = pointed_at(&own);
            assert!(
                limits.iter().all(|limit| limit.feature == 0 && limit.above && limit.value <= 7.0),
                "{limits:?}"
            );
            let ends = ended(&own).into_iter().filter(|ended| *ended).count();
            // Two or more ends are distinguished from chance.
            found += usize::from(ends >= 2 && limits.len() == 1);
            assert!(ends < 3 || limits.len() == 1, "{ends} ends, {limits:?}");
            assert_eq!(pointed_at(&log(seed, false)), [], "{seed}");
        }
        assert!(found > 10, "{found}");
    }
}
