//! Dispatching rules: the rules by which shop floors choose the next job by hand (surveyed by Panwalkar & Iskander 1977, "A
//! survey of scheduling rules", Operations Research 25(1)). Each rule sees only the observation; of equal jobs, the lowest
//! counts.

use std::cmp::Ordering;

use setpoint_process::Heuristic;
use setpoint_process::State;

use super::observation::{PER_JOB, job};
use crate::shop::{least, most};

/// One job's features.
type Job<'a> = &'a [f32];

/// All rules for a shop with this number of jobs, the usual rule first.
pub fn rules(jobs: usize) -> Vec<Heuristic> {
    vec![
        rule("mwkr", "takes the waiting job with most work remaining", jobs, |a, b| {
            most(job::REMAINING_WORK, a, b)
        }),
        rule("spt", "takes the waiting job with the shortest next operation", jobs, |a, b| {
            least(job::NEXT_DURATION, a, b)
        }),
        rule("lpt", "takes the waiting job with the longest next operation", jobs, |a, b| {
            most(job::NEXT_DURATION, a, b)
        }),
        rule("mopnr", "takes the waiting job with most operations remaining", jobs, |a, b| {
            most(job::REMAINING_OPERATIONS, a, b)
        }),
        // A job that has not arrived yet has waited for 0; of these jobs, the first to arrive counts.
        rule("fifo", "takes the job that has been waiting longest", jobs, |a, b| {
            most(job::WAITED, a, b).then(least(job::STARTS_IN, a, b))
        }),
    ]
}

/// The rule that takes the first job of an order.
fn rule(
    name: &'static str,
    description: &'static str,
    jobs: usize,
    order: impl Fn(Job<'_>, Job<'_>) -> Ordering + Send + Sync + 'static,
) -> Heuristic {
    Heuristic::new(name, description, move |state: &State<'_>, action: &mut [f32]| {
        let job = |index: usize| &state.observation[index * PER_JOB..(index + 1) * PER_JOB];
        let is_allowed = |index: &usize| state.allowed.is_empty() || state.allowed[*index];
        let waits = |index: &usize| job(*index)[job::IN_CONFLICT] > 0.5 && is_allowed(index);
        let first = (0..jobs).filter(waits).min_by(|a, b| order(job(*a), job(*b)));
        action[0] = first.unwrap_or_else(|| state.first_allowed(&[])) as f32;
    })
}
