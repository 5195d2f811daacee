//! The options of the next trial: tree-structured Parzen estimators (Bergstra et al. 2011), one per option, over the
//! options of earlier trials.

use setpoint_decision::tuning::{Range, Ranges, Values};
use setpoint_random::Stream;
use toml::Value;
use tpe::{TpeOptimizerBuilder, categorical_range, histogram_estimator, parzen_estimator, range};

/// Number of uniformly drawn trials before the estimators start.
const EVEN_TRIALS: usize = 8;
/// Share of the trials that count as good.
const GOOD_SHARE: f64 = 0.25;

/// A value for the estimators: its number (or logarithm), or its position in the list.
pub fn encode(values: &Values, value: &Value) -> Option<f64> {
    let number = match value {
        Value::Integer(value) => Some(*value as f64),
        Value::Float(value) => Some(*value),
        _ => None,
    };
    match values {
        Values::OneOf(all) => {
            let same = |other: &Value| other == value || (number.is_some() && other.as_float() == number);
            all.iter().position(same).map(|place| place as f64)
        }
        Values::Between { low, high, log, .. } => {
            let number = number.filter(|number| (*low..=*high).contains(number))?;
            Some(if *log { number.ln() } else { number })
        }
    }
}

fn decode(values: &Values, encoded: f64) -> Value {
    match values {
        Values::OneOf(all) => all[(encoded as usize).min(all.len() - 1)].clone(),
        Values::Between { low, high, log, whole } => {
            let number = if *log { encoded.exp() } else { encoded };
            let number = number.clamp(*low, *high);
            // Four digits are enough.
            if *whole { Value::Integer(number.round() as i64) } else { Value::Float(rounded(number)) }
        }
    }
}

fn rounded(number: f64) -> f64 {
    format!("{number:.3e}").parse().unwrap_or(number)
}

/// Ends of a range for the estimators.
fn ends(low: f64, high: f64, log: bool) -> (f64, f64) {
    if log { (low.ln(), high.ln()) } else { (low, high) }
}

/// The options of the next trial. `tried` holds the trials so far: one encoded value per range (NaN if it lies outside of
/// it), and a rank, where less is better. The same history always gives the same options.
pub fn suggest(ranges: &Ranges, tried: &[(Vec<f64>, f64)], seed: u64, trial: usize) -> Vec<Value> {
    let mut random = Stream::new(seed, "tune", trial as u64);
    let one = |(index, range_of): (usize, &Range)| {
        let encoded = if tried.len() < EVEN_TRIALS {
            evenly(&range_of.values, &mut random)
        } else {
            estimated(&range_of.values, index, tried, &mut random)
        };
        decode(&range_of.values, encoded)
    };
    ranges.iter().enumerate().map(one).collect()
}

fn evenly(values: &Values, random: &mut Stream) -> f64 {
    match values {
        Values::OneOf(all) => f64::from(random.below(all.len() as u32)),
        Values::Between { low, high, log, .. } => {
            let (low, high) = ends(*low, *high, *log);
            low + (high - low) * f64::from(random.unit())
        }
    }
}

fn estimated(values: &Values, index: usize, tried: &[(Vec<f64>, f64)], random: &mut Stream) -> f64 {
    let (estimator, bounds) = match values {
        Values::OneOf(all) => (histogram_estimator(), categorical_range(all.len())),
        Values::Between { low, high, log, .. } => {
            let (low, high) = ends(*low, *high, *log);
            (parzen_estimator(), range(low, high))
        }
    };
    let bounds = bounds.expect("`[tune.ranges]` was read with low below high");
    let mut optimizer = TpeOptimizerBuilder::new()
        .gamma(GOOD_SHARE)
        .build(estimator, bounds)
        .expect("a share between 0 and 1, and the default number of candidates");
    for (encoded, rank) in tried {
        // The estimator treats a value at the end of its range as outside; it is left out.
        let _ = optimizer.tell(encoded[index], *rank);
    }
    optimizer.ask(random.generator()).unwrap_or_else(|_| evenly(values, random))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges() -> Ranges {
        vec![
            Range {
                option: "rate".into(),
                values: Values::Between { low: 1e-4, high: 1e-1, log: true, whole: false },
            },
            Range {
                option: "steps".into(),
                values: Values::OneOf([8, 16, 32, 64].map(Value::Integer).to_vec()),
            },
            Range {
                option: "n".into(),
                values: Values::Between { low: 1.0, high: 9.0, log: false, whole: true },
            },
        ]
    }

    /// Best at a rate of 10⁻², 32 steps, n = 3; without unbounded noise.
    fn loss(settings: &[Value]) -> f64 {
        let rate = settings[0].as_float().unwrap().log10() + 2.0;
        let steps = (settings[1].as_integer().unwrap() as f64).log2() - 5.0;
        let n = settings[2].as_integer().unwrap() as f64 - 3.0;
        rate * rate + 0.5 * steps * steps + 0.1 * n * n
    }

    fn search(seed: u64, trials: usize, informed: bool) -> f64 {
        let ranges = ranges();
        let (mut tried, mut best): (Vec<(Vec<f64>, f64)>, f64) = (Vec::new(), f64::INFINITY);
        for trial in 0..trials {
            let settings = suggest(&ranges, if informed { &tried } else { &[] }, seed, trial);
            let found = loss(&settings);
            best = best.min(found);
            let encoded = ranges.iter().zip(&settings);
            let encoded = encoded.map(|(range, value)| encode(&range.values, value).unwrap()).collect();
            tried.push((encoded, found));
        }
        best
    }

    /// 40 searches of 40 trials: a fair coin would let the informed one win 28 times or more in one of 120 test runs (the seeds
    /// are fixed).
    #[test]
    fn what_was_tried_helps() {
        let wins = (0..40).filter(|seed| search(*seed, 40, true) < search(*seed, 40, false)).count();
        assert!(wins >= 28, "{wins} of 40");
    }

    #[test]
    fn the_same_history_gives_the_same_settings_within_their_ranges() {
        assert_eq!(search(3, 30, true), search(3, 30, true));
        for trial in 0..500 {
            let settings = suggest(&ranges(), &[], 1, trial);
            for (range, value) in ranges().iter().zip(&settings) {
                assert!(encode(&range.values, value).is_some(), "{} = {value}", range.option);
            }
        }
    }

    #[test]
    fn what_lies_outside_of_a_range_is_not_encoded() {
        let ranges = ranges();
        assert_eq!(encode(&ranges[0].values, &Value::Float(0.5)), None);
        assert_eq!(encode(&ranges[1].values, &Value::Integer(48)), None);
        assert_eq!(encode(&ranges[1].values, &Value::Integer(64)), Some(3.0));
        assert_eq!(encode(&ranges[0].values, &Value::String("linear_1e-3".into())), None);
    }
}
