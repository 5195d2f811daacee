//! The echelon base-stock policy, optimal for the serial system with backlog (Clark & Scarf 1960): each stage's order
//! brings its echelon position up to its own level. A simulation finds the levels.

use super::demand::poisson_quantile;
use super::{ECHELONS_MAX, Inventory, Period};
use setpoint_process::Heuristic;
use setpoint_process::State;
use setpoint_random::Stream;

/// Number of periods to test a candidate, after the first periods, in which the chain settles.
const PERIODS: usize = 6_000;
const SETTLING: usize = 100;

/// Orders up to `levels`, one per stage, from the customers up.
pub fn heuristic(process: &Inventory, levels: Vec<f32>) -> Heuristic {
    // The indices of the echelon positions in the observation: after the backlog, with the other features of each stage
    // between them.
    let mut positions = [0; ECHELONS_MAX];
    let mut next = 1;
    for (position, stage) in positions.iter_mut().zip(&process.stages) {
        *position = next;
        next += 2 + stage.in_transit.len();
    }
    let order_max = process.order_max;
    Heuristic::new(
        "base-stock",
        "brings each echelon's position up to its base-stock level",
        move |state: &State<'_>, action: &mut [f32]| {
            for ((order, level), position) in action.iter_mut().zip(&levels).zip(positions) {
                *order = (level - state.observation[position]).clamp(0.0, order_max);
            }
        },
    )
}

/// The best levels: coordinate descent on common random numbers, from the newsvendor levels of Shang & Song (2003).
/// The same process gives the same levels, within the accuracy of 6,000 periods.
pub fn search(process: &Inventory) -> Vec<f32> {
    let mut random = Stream::new(0, "base-stock search", 0);
    let demand: Vec<f32> = (0..SETTLING + PERIODS).map(|_| process.demand.draw(&mut random) as f32).collect();
    let mut chain = process.clone();
    let mut levels = newsvendor(process);
    let mut best = mean_cost(&mut chain, &levels, &demand);
    let mut stride = (process.demand.mean.sqrt() / 2.0).floor().max(1.0) as f32;
    loop {
        let mut has_improved = false;
        for direction in directions(levels.len()) {
            for sign in [stride, -stride] {
                // Continues in a direction while the cost falls.
                loop {
                    let moved = |(level, part): (&f32, &f32)| (level + sign * part).max(0.0);
                    let candidate: Vec<f32> = levels.iter().zip(&direction).map(moved).collect();
                    let cost = mean_cost(&mut chain, &candidate, &demand);
                    if candidate == levels || cost >= best {
                        break;
                    }
                    (levels, best, has_improved) = (candidate, cost, true);
                }
            }
        }
        if !has_improved && stride == 1.0 {
            return levels;
        }
        if !has_improved {
            stride = (stride / 2.0).floor();
        }
    }
}

/// Each level alone, and each level together with all above it, which moves stock without a change upstream.
fn directions(stages: usize) -> Vec<Vec<f32>> {
    let part = |from: usize, to: usize| {
        (0..stages).map(|stage| f32::from(u8::from((from..to).contains(&stage)))).collect()
    };
    let mut directions: Vec<Vec<f32>> = (0..stages).map(|stage| part(stage, stage + 1)).collect();
    directions.extend((0..stages.saturating_sub(1)).map(|stage| part(stage, stages)));
    directions
}

/// The mean of Shang & Song's lower and upper bound for each stage, newsvendor levels for the demand of all lead times from
/// the stage down to the customers.
fn newsvendor(process: &Inventory) -> Vec<f32> {
    let stages = &process.stages;
    let shortage = f64::from(process.backlog_cost);
    let holding = |stage: usize| stages.get(stage).map_or(0.0, |stage| f64::from(stage.holding_cost));
    let mut periods = 1;
    (0..stages.len())
        .map(|stage| {
            periods += stages[stage].in_transit.len();
            let mean = process.demand.mean * periods as f64;
            let above = holding(stage + 1);
            let fractile = |cost: f64| ((shortage + above) / (shortage + cost).max(1e-9)).clamp(0.01, 0.999);
            let lower = poisson_quantile(mean, fractile(holding(0).max(above)));
            let upper = poisson_quantile(mean, fractile(holding(stage).max(above)));
            (0.5 * f64::from(lower + upper)).round() as f32
        })
        .collect()
}

/// Cost per period of a base-stock policy.
pub fn mean_cost(chain: &mut Inventory, levels: &[f32], demand: &[f32]) -> f64 {
    chain.fill();
    let mut sum = 0.0;
    for (index, demand) in demand.iter().enumerate() {
        let order = |chain: &Inventory, stage: usize| levels[stage] - chain.echelon_position(stage);
        let Period { holding_cost, shortage_cost, .. } = chain.period(order, *demand);
        if index >= SETTLING {
            sum += f64::from(holding_cost + shortage_cost);
        }
    }
    sum / (demand.len() - SETTLING) as f64
}
