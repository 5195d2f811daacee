//! The effect of an action from one step to the next, its delay, and how well a model of the simulator predicts the log.
//!
//! Most processes cannot be put into a logged state, so means over steps are compared: the change of every feature given
//! the action (standardised mean difference; Cohen 1988, chapter 2), the share of the changes' variance that the action of
//! 0 to 3 steps before explains, and a linear one-step predictor. The predictor is fitted on half of the simulator's
//! pieces, tested on the log's other half, and compared with a predictor that was fitted on the log itself.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use setpoint_decision::spec::{Feature, Spec};
use setpoint_log::Log;

use super::linear::{Sums, predict};
use super::pieces::Both;
use super::play::design;
use setpoint_statistics::{mean, quantile};

/// Delays to test, in steps.
pub const LAGS: usize = 4;
/// Least number of steps to judge an action.
const STEPS_MIN: usize = 30;
/// Least number of rows to judge a delay or a predictor.
const ROWS_MIN: usize = 200;

/// A feature's change in the step of one action, on both sides: log, simulator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The choice; for settings, the axis and the third of its logged values.
    pub action: String,
    /// The feature.
    pub feature: String,
    /// Its unit.
    pub unit: String,
    /// Steps.
    pub steps: [u64; 2],
    /// Mean change.
    #[serde(deserialize_with = "setpoint_statistics::stored::figures")]
    pub means: [f64; 2],
    /// Standard deviation of the change.
    #[serde(deserialize_with = "setpoint_statistics::stored::figures")]
    pub deviations: [f64; 2],
    /// Simulator minus log, in standard deviations of this feature's changes in the log over all actions.
    #[serde(deserialize_with = "setpoint_statistics::stored::figures")]
    pub difference: f64,
    /// Difference of the means in their standard errors.
    #[serde(deserialize_with = "setpoint_statistics::stored::figures")]
    pub standard_errors: f64,
}

/// The delay at which actions explain the changes, on both sides: log, simulator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lags {
    /// Delay of the action that explains most, in steps; 0 is the same step.
    pub best: [usize; 2],
    /// Share of variance that the action of 0, 1, 2, 3 steps before explains, averaged over features, in [0, 1].
    #[serde(deserialize_with = "setpoint_statistics::stored::figures")]
    pub explained: [[f64; LAGS]; 2],
    /// Whether one delay stands out on both sides.
    pub clear: bool,
}

/// A one-step predictor's R² for a feature's change, on held-out pieces.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// The feature.
    pub feature: String,
    /// Fitted on the simulator, tested on the simulator.
    #[serde(deserialize_with = "setpoint_statistics::stored::figures")]
    pub simulator: f64,
    /// Fitted on the simulator, tested on the log.
    #[serde(deserialize_with = "setpoint_statistics::stored::figures")]
    pub transferred: f64,
    /// Fitted on the log, tested on the log: the attainable value.
    #[serde(deserialize_with = "setpoint_statistics::stored::figures")]
    pub log: f64,
}

/// Steps within a piece, by their first row.
fn steps(rows: &Range<usize>) -> Range<usize> {
    rows.start..rows.end.saturating_sub(1).max(rows.start)
}

/// Change of a feature as the policy sees it.
fn change(log: &Log, row: usize, feature: usize) -> f64 {
    f64::from(log.observation(row + 1)[feature]) - f64::from(log.observation(row)[feature])
}

fn is_known(log: &Log, row: usize) -> bool {
    log.observation(row).iter().all(|value| value.is_finite())
}

/// Count, mean and sum of squared deviations of a stream (Welford 1962).
#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    fn add(&mut self, value: f64) {
        if !value.is_finite() {
            return;
        }
        self.count += 1.0;
        let off = value - self.mean;
        self.mean += off / self.count;
        self.squares += off * (value - self.mean);
    }

    fn deviation(&self) -> f64 {
        if self.count < 2.0 { 0.0 } else { (self.squares / (self.count - 1.0)).sqrt() }
    }
}

/// Every feature's change under every action that both sides took often enough.
pub fn changes(spec: &Spec, both: &Both) -> Vec<Change> {
    let groups = Groups::new(spec, &both.logged);
    let features = spec.observation.len();
    let names = groups.names(spec);
    let tables = both.sides().map(|(log, pieces)| {
        let mut table = vec![Moments::default(); (names.len() + 1) * features];
        for row in pieces.iter().flat_map(steps) {
            for feature in 0..features {
                let value = change(log, row, feature);
                // The last group holds every step.
                table[names.len() * features + feature].add(value);
                groups.of(log.action(row), |group| table[group * features + feature].add(value));
            }
        }
        table
    });
    let mut changes = Vec::new();
    for (group, name) in names.iter().enumerate() {
        for (index, feature) in spec.observation.iter().enumerate() {
            let pair = [tables[0][group * features + index], tables[1][group * features + index]];
            let spread = tables[0][names.len() * features + index].deviation();
            if pair.iter().any(|side| side.count < STEPS_MIN as f64) {
                continue;
            }
            let scale = f64::from(feature.scale);
            let off = pair[1].mean - pair[0].mean;
            let error: f64 =
                pair.iter().map(|side| side.deviation().powi(2) / side.count).sum::<f64>().sqrt();
            // A feature that never changes on both sides is no difference.
            let in_units_of = |unit: f64| if off == 0.0 { 0.0 } else { off / unit.max(1e-9) };
            changes.push(Change {
                action: name.clone(),
                feature: feature.name.clone(),
                unit: feature.unit.clone(),
                steps: pair.map(|side| side.count as u64),
                means: pair.map(|side| side.mean * scale),
                deviations: pair.map(|side| side.deviation() * scale.abs()),
                difference: in_units_of(spread),
                standard_errors: in_units_of(error),
            });
        }
    }
    changes
}

/// The group of a step: the choice, or for each axis the third of its logged values.
struct Groups {
    /// For each group of choices the place of its first choice.
    offsets: Vec<usize>,
    /// Number of choices of all groups.
    choices: usize,
    /// Two limits per setting.
    thirds: Vec<[f32; 2]>,
}

impl Groups {
    fn new(spec: &Spec, log: &Log) -> Self {
        let third = |axis: usize| {
            let mut values: Vec<f64> = (0..log.rows())
                .map(|row| f64::from(log.settings(row)[axis]))
                .filter(|value| value.is_finite())
                .collect();
            values.sort_by(f64::total_cmp);
            [quantile(&values, 1.0 / 3.0) as f32, quantile(&values, 2.0 / 3.0) as f32]
        };
        Self {
            offsets: spec.action.offsets().collect(),
            choices: spec.action.choice_count(),
            thirds: (0..spec.action.axes.len()).map(third).collect(),
        }
    }

    fn names(&self, spec: &Spec) -> Vec<String> {
        let choices = spec.action.choice_names().into_iter().map(str::to_owned);
        let of_axis = |name: &str| ["low", "middle", "high"].map(|part| format!("{name} {part}"));
        choices.chain(spec.action.axis_names().into_iter().flat_map(of_axis)).collect()
    }

    fn of(&self, action: &[f32], mut tell: impl FnMut(usize)) {
        let (choices, settings) = action.split_at(self.offsets.len());
        choices.iter().zip(&self.offsets).for_each(|(choice, offset)| tell(offset + *choice as usize));
        for (axis, (value, [low, high])) in settings.iter().zip(&self.thirds).enumerate() {
            tell(self.choices + 3 * axis + usize::from(value > low) + usize::from(value > high));
        }
    }
}

/// The delay at which actions explain the changes best. Every delay uses the same steps.
pub fn lags(spec: &Spec, both: &Both) -> Option<Lags> {
    let features = spec.observation.len();
    let explained = both.sides().map(|(log, pieces)| {
        let mut totals = vec![Moments::default(); features];
        let rows: Vec<usize> = pieces
            .iter()
            .flat_map(|rows| {
                let steps = steps(rows);
                (steps.start + LAGS - 1).min(steps.end)..steps.end
            })
            .filter(|row| is_known(log, *row) && is_known(log, row + 1))
            .collect();
        if rows.len() < ROWS_MIN {
            return None;
        }
        for row in &rows {
            totals.iter_mut().enumerate().for_each(|(feature, total)| total.add(change(log, *row, feature)));
        }
        Some(std::array::from_fn(|lag| {
            let input = |row: usize, x: &mut Vec<f64>| {
                x.push(1.0);
                design(spec, log.action(row - lag), x);
            };
            let model = fit(log, &rows, features, input);
            let shares = r_squared(log, &rows, features, &model, input);
            let moving = shares.iter().zip(&totals).filter(|(_, total)| total.squares > 0.0);
            mean(moving.map(|(share, _)| share.max(0.0)))
        }))
    });
    let [Some(logged), Some(simulated)] = explained else { return None };
    let explained: [[f64; LAGS]; 2] = [logged, simulated];
    let best = explained
        .map(|shares| (0..LAGS).fold(0, |best, lag| if shares[lag] > shares[best] { lag } else { best }));
    let stands_out = |(shares, best): (&[f64; LAGS], usize)| {
        let others = (0..LAGS).filter(|lag| *lag != best).map(|lag| shares[lag]);
        let second = others.fold(0.0, f64::max);
        shares[best] > 0.01 && shares[best] > 1.5 * second
    };
    Some(Lags { best, explained, clear: explained.iter().zip(best).all(stands_out) })
}

/// Predictors of each feature's change from the observation and the action.
pub fn predictions(spec: &Spec, both: &Both) -> Vec<Prediction> {
    let features = spec.observation.len();
    // Every second piece is held out as a whole.
    let [logged, simulated] = both.sides().map(|(log, pieces)| {
        [0, 1].map(|half| -> Vec<usize> {
            let rows = pieces.iter().skip(half).step_by(2).flat_map(steps);
            rows.filter(|row| is_known(log, *row) && is_known(log, row + 1)).collect()
        })
    });
    if logged.iter().chain(&simulated).any(|rows| rows.len() < ROWS_MIN) {
        return Vec::new();
    }
    let input = |log: &Log, row: usize, x: &mut Vec<f64>| {
        x.push(1.0);
        x.extend(log.observation(row).iter().map(|value| f64::from(*value)));
        design(spec, log.action(row), x);
    };
    let fit = |log: &Log, rows: &[usize]| fit(log, rows, features, |row, x| input(log, row, x));
    let test = |log: &Log, rows: &[usize], model: &[f64]| {
        r_squared(log, rows, features, model, |row, x| input(log, row, x))
    };
    let of_simulator = fit(&both.simulated, &simulated[0]);
    let of_log = fit(&both.logged, &logged[0]);
    let own = test(&both.simulated, &simulated[1], &of_simulator);
    let transferred = test(&both.logged, &logged[1], &of_simulator);
    let reached = test(&both.logged, &logged[1], &of_log);
    let prediction = |(index, feature): (usize, &Feature)| Prediction {
        feature: feature.name.clone(),
        simulator: own[index],
        transferred: transferred[index],
        log: reached[index],
    };
    spec.observation.iter().enumerate().map(prediction).collect()
}

/// Coefficients `[inputs, features]` of the changes of all features.
fn fit(log: &Log, rows: &[usize], features: usize, input: impl Fn(usize, &mut Vec<f64>)) -> Vec<f64> {
    let (mut x, mut y) = (Vec::new(), vec![0.0; features]);
    let mut sums: Option<Sums> = None;
    for row in rows {
        x.clear();
        input(*row, &mut x);
        y.iter_mut().enumerate().for_each(|(feature, target)| *target = change(log, *row, feature));
        sums.get_or_insert_with(|| Sums::new(x.len(), features)).add(&x, &y);
    }
    sums.map_or(Vec::new(), |sums| sums.solve())
}

/// Share of each feature's variance of changes that a model explains; 0 for a feature that never changes.
fn r_squared(
    log: &Log,
    rows: &[usize],
    features: usize,
    model: &[f64],
    input: impl Fn(usize, &mut Vec<f64>),
) -> Vec<f64> {
    let mut totals = vec![Moments::default(); features];
    let mut errors = vec![0.0; features];
    let mut x = Vec::new();
    for row in rows {
        x.clear();
        input(*row, &mut x);
        for feature in 0..features {
            let found = change(log, *row, feature);
            totals[feature].add(found);
            errors[feature] += (found - predict(model, features, &x, feature)).powi(2);
        }
    }
    let share = |(total, error): (&Moments, &f64)| {
        if total.squares > 0.0 { 1.0 - error / total.squares } else { 0.0 }
    };
    totals.iter().zip(&errors).map(share).collect()
}
