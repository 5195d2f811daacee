//! Dispatching rules: a rule of the shop floor chooses the job (surveyed by Panwalkar & Iskander 1977), and the job takes
//! the machine on which its operation ends first, as in the literature on flexible job shops. Each rule sees only the
//! observation; of equal pairs, the lowest job and then the lowest machine counts.

use std::cmp::Ordering;

use setpoint_process::Heuristic;
use setpoint_process::State;

use super::observation::{Layout, PER_JOB, PER_MACHINE, PER_PAIR, job, pair};
use crate::shop::{least, most};

/// A pair that may be chosen: the features of its job, and its own.
#[derive(Clone, Copy)]
struct Pair<'a> {
    job: &'a [f32],
    pair: &'a [f32],
}

/// All rules, the usual rule first.
pub fn rules(layout: &Layout) -> Vec<Heuristic> {
    vec![
        rule(
            "mwkr",
            "takes the job with most work remaining, on the machine that ends it first",
            layout,
            |a, b| most(job::REMAINING_WORK, a.job, b.job).then(ends_first(a, b)),
        ),
        rule("spt", "takes the pair of job and machine with the shortest operation", layout, |a, b| {
            least(pair::DURATION, a.pair, b.pair).then(ends_first(a, b))
        }),
        rule(
            "mopnr",
            "takes the job with most operations remaining, on the machine that ends it first",
            layout,
            |a, b| most(job::REMAINING_OPERATIONS, a.job, b.job).then(ends_first(a, b)),
        ),
        // A job that has not arrived yet has waited for 0; of these jobs, the first to arrive counts.
        rule(
            "fifo",
            "takes the job that has been waiting longest, on the machine that ends it first",
            layout,
            |a, b| {
                most(job::WAITED, a.job, b.job)
                    .then(least(job::STARTS_IN, a.job, b.job))
                    .then(ends_first(a, b))
            },
        ),
        rule("eft", "takes the pair of job and machine that ends first", layout, ends_first),
    ]
}

fn ends_first(a: Pair<'_>, b: Pair<'_>) -> Ordering {
    least(pair::ENDS_IN, a.pair, b.pair)
}

/// The rule that takes the first pair of an order.
fn rule(
    name: &'static str,
    description: &'static str,
    layout: &Layout,
    order: impl Fn(Pair<'_>, Pair<'_>) -> Ordering + Send + Sync + 'static,
) -> Heuristic {
    let (jobs, machines) = (layout.jobs, layout.machines);
    let first_pair = jobs * PER_JOB + machines * PER_MACHINE;
    Heuristic::new(name, description, move |state: &State<'_>, action: &mut [f32]| {
        let pair = |choice: usize| {
            let (job, pair) = (choice / machines * PER_JOB, first_pair + choice * PER_PAIR);
            Pair {
                job: &state.observation[job..job + PER_JOB],
                pair: &state.observation[pair..pair + PER_PAIR],
            }
        };
        let is_allowed = |choice: &usize| state.allowed.is_empty() || state.allowed[*choice];
        let can_be_chosen =
            |choice: &usize| pair(*choice).pair[pair::IN_CONFLICT] > 0.5 && is_allowed(choice);
        let first = (0..jobs * machines).filter(can_be_chosen).min_by(|a, b| order(pair(*a), pair(*b)));
        action[0] = first.unwrap_or_else(|| state.first_allowed(&[])) as f32;
    })
}
