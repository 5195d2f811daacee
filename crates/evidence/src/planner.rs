//! `mpc`: a decider that plans ahead in copies of the process (model predictive control), and takes the first action of the best
//! plan.
//!
//! In each decision it copies the process of its lane, with everything that the process knows, but without its random numbers: the
//! copies draw from streams of the planner, so a plan knows the dynamics and not the chance of its episode. Plans are tried in
//! copies over a horizon, by the reward and under the constraints of the project. The search is random shooting (the best of random
//! plans), or the cross-entropy method (Rubinstein 1999; Chua et al. 2018, arXiv 1805.12114), which begins with the plan of the last
//! decision. In a learned process it plans with the learned networks, whose disagreement may cost something.
//!
//! * `plans` – plans and distributions over them; `trial` – their trial in copies

use std::panic;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use setpoint_decision::planning::{Planning, Search};
use setpoint_decision::spec::ActionSpace;
use setpoint_guard::decider::{ActionBuffer, Decider, States};
use setpoint_random::Stream;

use crate::decision::Decision;
use crate::error::PlayError;

mod plans;
mod trial;

use plans::{Distribution, Plans};
use trial::{Start, Trial};

/// A decider that plans ahead in copies of the process.
pub struct Planner {
    seed: u64,
    lanes: Vec<Lane>,
    /// One for each thread.
    searchers: Vec<Searcher>,
}

/// The memory of a lane.
#[derive(Clone, Default)]
struct Lane {
    /// Decisions so far, in all episodes: each has random numbers of its own.
    decisions: u64,
    /// The distribution with which the next search begins.
    next: Option<Distribution>,
}

/// One decision to plan.
struct Task<'a> {
    start: Option<Vec<u8>>,
    allowed: &'a [bool],
    lane: &'a Lane,
    random: Stream,
}

/// A planned decision: the numbers of its action, and the distribution for the next one.
struct Planned {
    action: Vec<f32>,
    next: Option<Distribution>,
}

impl Planner {
    /// For this number of lanes; refused if the process cannot be copied. It uses the threads of the decision; the result is the same
    /// for any number of threads.
    pub fn new(decision: &Decision, seed: u64, lanes: usize) -> Result<Self, PlayError> {
        if decision.factory.batch(1, seed, "copies")?.save_lane(0).is_err() {
            return Err(PlayError::NoCopies { process: decision.spec().kind.clone() });
        }
        let threads = decision.threads.clamp(1, lanes.max(1));
        let searchers = (0..threads).map(|_| Searcher::new(decision)).collect::<Result<_, _>>()?;
        Ok(Self { seed, lanes: vec![Lane::default(); lanes], searchers })
    }

    /// The search in a sentence.
    pub fn description(decision: &Decision) -> String {
        let Planning { search, horizon, plans, rounds, copies, .. } = &decision.project.planning;
        let how = match search {
            Search::CrossEntropy => format!("{rounds} rounds of {plans} plans (cross-entropy method)"),
            Search::RandomShooting => format!("{plans} random plans"),
        };
        format!("plans {horizon} steps ahead in {copies} copies of the process for each plan: {how}")
    }
}

impl Decider for Planner {
    fn begin(&mut self, lane: usize) {
        self.lanes[lane].next = None;
    }

    fn decide(&mut self, states: &States<'_>, actions: &mut ActionBuffer) {
        let task = |(row, lane): (usize, &usize)| {
            let memory = &self.lanes[*lane];
            let purpose = format!("plans of lane {lane}");
            Task {
                start: states.processes.and_then(|processes| processes.saved(*lane)),
                allowed: states.allowed(row),
                random: Stream::new(self.seed, &purpose, memory.decisions),
                lane: memory,
            }
        };
        let tasks: Vec<Task<'_>> = states.lanes.iter().enumerate().map(task).collect();
        let planned = search_all(&mut self.searchers, &tasks);
        for (row, planned) in planned {
            let lane = &mut self.lanes[states.lanes[row]];
            lane.decisions += 1;
            match planned {
                Some(Planned { action, next }) => {
                    actions.set(row, &action);
                    lane.next = next;
                }
                None => actions.declined[row] = true,
            }
        }
    }
}

/// The plan of each task, with the task's index. A thread takes the next task when it has done one; a task's result depends on no
/// other task.
fn search_all(searchers: &mut [Searcher], tasks: &[Task<'_>]) -> Vec<(usize, Option<Planned>)> {
    let next = AtomicUsize::new(0);
    let work = |searcher: &mut Searcher| {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(task) = tasks.get(index) else { return done };
            done.push((index, searcher.search(task)));
        }
    };
    match searchers {
        [searcher] => work(searcher),
        searchers => thread::scope(|scope| {
            let threads: Vec<_> =
                searchers.iter_mut().map(|searcher| scope.spawn(|| work(searcher))).collect();
            let done = threads
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|panic| panic::resume_unwind(panic)));
            done.flatten().collect()
        }),
    }
}

/// The search of one thread.
struct Searcher {
    settings: Planning,
    space: ActionSpace,
    even: Distribution,
    plans: Plans,
    trial: Trial,
}

impl Searcher {
    fn new(decision: &Decision) -> Result<Self, PlayError> {
        let (space, settings) = (decision.spec().action.clone(), decision.project.planning.clone());
        Ok(Self {
            even: Distribution::even(&space, settings.horizon),
            plans: Plans::new(&space, settings.horizon),
            trial: Trial::new(decision)?,
            settings,
            space,
        })
    }

    /// The best plan's first action; `None` if the process could not be copied or failed.
    fn search(&mut self, task: &Task<'_>) -> Option<Planned> {
        let start = Start { process: task.start.as_deref()?, allowed: task.allowed };
        match self.settings.search {
            Search::RandomShooting => self.shoot(&start, task.random.clone()),
            Search::CrossEntropy => self.cross_entropy(&start, task),
        }
    }

    fn shoot(&mut self, start: &Start<'_>, mut random: Stream) -> Option<Planned> {
        let mut distribution = self.even.clone();
        distribution.allow_first(start.allowed);
        let order = self.round(&distribution, start, true, &mut random)?;
        Some(Planned { action: self.first_action(order[0]), next: None })
    }

    fn cross_entropy(&mut self, start: &Start<'_>, task: &Task<'_>) -> Option<Planned> {
        let mut random = task.random.clone();
        let mut distribution = task.lane.next.clone().unwrap_or_else(|| self.even.clone());
        distribution.allow_first(start.allowed);
        let elite = ((self.settings.elite_share * self.settings.plans as f64).ceil() as usize).max(1);
        let mut best = 0;
        for _ in 0..self.settings.rounds {
            let order = self.round(&distribution, start, false, &mut random)?;
            best = order[0];
            distribution.learn(&self.plans, &order[..elite.min(order.len())]);
        }
        let action = self.first_action(best);
        Some(Planned { action, next: Some(distribution.later(&self.even)) })
    }

    /// Draws plans and tries them; their indices, the best first. The first plan is the most probable plan of the distribution.
    fn round(
        &mut self,
        distribution: &Distribution,
        start: &Start<'_>,
        evenly: bool,
        random: &mut Stream,
    ) -> Option<Vec<usize>> {
        let Planning { plans: count, copies, .. } = self.settings;
        self.plans.clear();
        if !evenly {
            distribution.push_mode(&mut self.plans);
        }
        distribution.draw(count - usize::from(!evenly), evenly, random, &mut self.plans);
        let seed = random.next_u64();
        let randoms: Vec<Stream> = (0..copies).map(|copy| Stream::new(seed, "copy", copy as u64)).collect();
        let returns = self.trial.mean_returns(&self.plans, start, &randoms).ok()?;
        let mut order: Vec<usize> = (0..count).collect();
        order.sort_by(|left, right| returns[*right].total_cmp(&returns[*left]));
        Some(order)
    }

    fn first_action(&self, plan: usize) -> Vec<f32> {
        debug_assert_eq!(self.plans.action(plan, 0).row().count(), self.space.width());
        self.plans.action(plan, 0).row().collect()
    }
}
