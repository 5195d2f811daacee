//! The player: steps processes under a decider, episode by episode, and shows every step to an observer.
//!
//! Evaluations, fault matrices, preferences, probes, recorded logs, validations and schedules are observers of this one
//! loop. A lane whose episode has ended waits until all lanes have ended.

use std::fmt;

use setpoint_decision::Project;
use setpoint_decision::spec::ActionSpace;
use setpoint_guard::constrained::Constrained;
use setpoint_guard::constraints::ConstraintSet;
use setpoint_guard::decider::{ActionBuffer, Decider, SavedProcesses, States};
use setpoint_process::disturbed::{Difficulty, Disturbed};
use setpoint_process::gantt::Bar;
use setpoint_process::process::{Action, Outcome};
use setpoint_process::reward::RewardFunction;
use setpoint_process::tensors::TensorRows;
use setpoint_process::vectorized::{Actions, Batch};
use setpoint_process::{Factory, State};
use setpoint_random::Stream;

use crate::decision::Decision;
use crate::error::PlayError;
use crate::tensor_views::TensorViews;

/// One step of one lane.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// The lane.
    pub lane: usize,
    /// Steps that the lane took since [`Player::play`] was called, with this one.
    pub count: u32,
    /// The state in which the decider decided; `allowed` is what the process allowed, without the constraints.
    pub state: State<'a>,
    /// The action that was taken, after the constraints.
    pub action: Action<'a>,
    /// The settings of the decider, rounded as the process does, before the constraints; empty if the action is a choice.
    pub wanted: &'a [f32],
    /// The probability of the drawn choice; NaN if the decider does not give it.
    pub probability: f64,
    /// The reward.
    pub reward: f64,
    /// Each term of the reward.
    pub terms: &'a [f64],
    /// How the step ended.
    pub outcome: Outcome,
    /// The signals that the process measured in this step.
    pub signals: &'a [f32],
}

/// An observer of the steps of a play.
pub trait Observer {
    /// Looks at a step, lane by lane in every round; returns whether the lane continues. A lane that continues after the
    /// end of its episode begins its next episode.
    fn observe(&mut self, step: &Step<'_>) -> bool;

    /// The decider has no action for the present state of a lane: the lane stops without a step.
    fn declined(&mut self, _lane: usize) {}
}

impl<F: FnMut(&Step<'_>) -> bool> Observer for F {
    fn observe(&mut self, step: &Step<'_>) -> bool {
        self(step)
    }
}

/// Processes that step together, with the reward and the constraints of their project.
pub struct Player {
    batch: Box<dyn Batch>,
    reward: RewardFunction,
    constraints: ConstraintSet,
    space: ActionSpace,
    features: usize,
    signals: usize,
    /// Lanes with an open episode.
    open: Vec<bool>,
    /// Steps of each lane in this play.
    counts: Vec<u32>,
    /// Steps of each lane in its present episode.
    lengths: Vec<u32>,
    /// An episode with more steps than this is an error.
    steps_max: u32,
    asked: Asked,
    actions: ActionBuffer,
    /// One action for every lane, as the batch takes them.
    all: ActionBuffer,
    terms: Vec<f64>,
}

/// The states for the decider, one row for each open lane.
#[derive(Default)]
struct Asked {
    lanes: Vec<usize>,
    observations: Vec<f32>,
    signals: Vec<f32>,
    allowed: Vec<bool>,
    tensors: Vec<TensorRows>,
}

impl Asked {
    fn states<'a>(&'a self, tensors: &'a TensorViews<'a>) -> States<'a> {
        let Self { lanes, observations, signals, allowed, .. } = self;
        States { lanes, observations, tensors: tensors.as_slice(), signals, allowed, processes: None }
    }
}

/// The processes of a player, which a planner copies.
struct Processes<'a>(&'a dyn Batch);

impl fmt::Debug for Processes<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} processes", self.0.lanes())
    }
}

impl SavedProcesses for Processes<'_> {
    fn saved(&self, lane: usize) -> Option<Vec<u8>> {
        self.0.save_lane(lane).ok()
    }
}

/// Processes of a project, with the disturbances of its evaluation; lane `i` draws from the stream (seed, purpose, i).
pub(crate) fn batch(
    project: &Project,
    factory: &dyn Factory,
    lanes: usize,
    seed: u64,
    purpose: &str,
) -> Result<Box<dyn Batch>, PlayError> {
    Ok(if project.evaluate.disturbed {
        let level = Difficulty::Fixed(project.evaluation_level());
        Disturbed::batch(project, factory, lanes, seed, purpose, level)?
    } else {
        factory.batch(lanes, seed, purpose)?
    })
}

/// An episode has at most this number of steps, unless the project or the process has a greater limit: a play that waits for
/// an end that never comes must stop.
const EPISODE_STEPS_MAX: u32 = 50_000;

/// Steps after which an episode without an end is an error: `max_steps` of `[evaluate]`, or the limit of the process, but at
/// least 50,000.
pub fn steps_max(decision: &Decision) -> u32 {
    let of_process = decision.spec().max_steps.unwrap_or(0).max(EPISODE_STEPS_MAX);
    decision.project.evaluate.max_steps.unwrap_or(of_process)
}

impl Player {
    /// Prepares `lanes` processes of a decision, with the disturbances of its evaluation; lane `i` draws from the stream
    /// (seed, purpose, i).
    pub fn new(decision: &Decision, lanes: usize, seed: u64, purpose: &str) -> Result<Self, PlayError> {
        let spec = decision.spec();
        let reward = RewardFunction::new(&decision.project.reward, spec);
        let mut batch = batch(&decision.project, decision.factory.as_ref(), lanes, seed, purpose)?;
        batch.use_threads(decision.threads);
        Ok(Self {
            batch,
            constraints: decision.constraints(),
            space: spec.action.clone(),
            features: spec.observation.len(),
            signals: spec.signals.len(),
            open: vec![false; lanes],
            counts: vec![0; lanes],
            lengths: vec![0; lanes],
            steps_max: steps_max(decision),
            asked: Asked { tensors: TensorRows::of_parts(&spec.tensors, lanes), ..Asked::default() },
            actions: ActionBuffer::new(&spec.action, lanes),
            all: ActionBuffer::new(&spec.action, lanes),
            terms: vec![0.0; reward.names().len()],
            reward,
        })
    }

    /// Names of the reward's terms.
    pub fn term_names(&self) -> &[String] {
        self.reward.names()
    }

    /// Begins an episode in one lane, which draws from `random` from now on. The next [`Player::play`] steps only the lanes
    /// in which an episode was begun.
    pub fn begin(&mut self, lane: usize, random: Stream) -> Result<(), PlayError> {
        self.batch.reset_lane(lane, Some(random))?;
        self.open[lane] = true;
        self.lengths[lane] = 0;
        Ok(())
    }

    /// From now on keeps the schedule of each lane's last finished episode.
    pub fn keep_schedules(&mut self) {
        self.batch.keep_schedules();
    }

    /// The schedule of a lane's last finished episode; empty if none was kept or the process has none.
    pub fn schedule(&self, lane: usize) -> &[Bar] {
        self.batch.schedule(lane)
    }

    /// Steps every lane until the observer stops it. If [`Player::begin`] began no episode, an episode begins in every
    /// lane.
    pub fn play(&mut self, decider: &mut dyn Decider, observer: &mut dyn Observer) -> Result<(), PlayError> {
        if !self.open.contains(&true) {
            self.batch.reset()?;
            self.open.fill(true);
            self.lengths.fill(0);
        }
        self.counts.fill(0);
        let mut decider = Constrained::new(decider, self.constraints.clone(), &self.space, self.open.len());
        let open = self.open.iter().enumerate().filter(|(_, open)| **open);
        open.for_each(|(lane, _)| decider.begin(lane));
        for round in 0.. {
            self.look();
            if self.asked.lanes.is_empty() {
                break;
            }
            self.actions.clear(self.asked.lanes.len());
            let tensors = TensorViews::of(&self.asked.tensors);
            let processes = Processes(self.batch.as_ref());
            let states = States { processes: Some(&processes), ..self.asked.states(&tensors) };
            decider.decide(&states, &mut self.actions);
            if let Some((row, reason)) = decider.stuck().first().copied() {
                return Err(PlayError::NothingAllowed { lane: self.asked.lanes[row], step: round, reason });
            }
            self.step(observer)?;
            self.show(&mut decider, observer, round)?;
        }
        Ok(())
    }

    /// Gathers the states of the open lanes.
    fn look(&mut self) {
        let Self { asked, batch, open, features, signals, .. } = self;
        let transition = batch.transition();
        let choices = transition.allowed.len() / open.len().max(1);
        asked.lanes.clear();
        asked.observations.clear();
        asked.signals.clear();
        asked.allowed.clear();
        for lane in (0..open.len()).filter(|lane| open[*lane]) {
            let row = |width: usize| lane * width..(lane + 1) * width;
            for (asked_rows, rows) in asked.tensors.iter_mut().zip(&transition.tensors) {
                asked_rows.copy_rows(asked.lanes.len(), rows, lane, 1);
            }
            asked.lanes.push(lane);
            asked.observations.extend_from_slice(&transition.observations[row(*features)]);
            asked.signals.extend_from_slice(&transition.current_signals[row(*signals)]);
            asked.allowed.extend_from_slice(&transition.allowed[row(choices)]);
        }
    }

    /// Takes the actions in their lanes.
    fn step(&mut self, observer: &mut dyn Observer) -> Result<(), PlayError> {
        let Self { asked, actions, all, open, batch, .. } = self;
        for (row, lane) in asked.lanes.iter().enumerate() {
            if actions.declined[row] {
                open[*lane] = false;
                observer.declined(*lane);
            } else {
                all.choices_mut(*lane).copy_from_slice(actions.choices(row));
                all.settings_mut(*lane).copy_from_slice(actions.settings(row));
            }
        }
        let taken = Actions { choices: &all.choices, settings: &all.settings };
        if open.contains(&true) {
            batch.step_where(taken, if open.contains(&false) { open } else { &[] })?;
        }
        Ok(())
    }

    /// Shows the steps to the observer.
    fn show(
        &mut self,
        decider: &mut Constrained<&mut dyn Decider>,
        observer: &mut dyn Observer,
        round: u64,
    ) -> Result<(), PlayError> {
        let Self { asked, actions, open, counts, lengths, batch, reward, terms, .. } = self;
        let (features, signals, axes) = (self.features, self.signals, self.space.axes.len());
        let transition = batch.transition();
        let tensors = TensorViews::of(&asked.tensors);
        let states = asked.states(&tensors);
        for (row, lane) in asked.lanes.iter().copied().enumerate() {
            if !open[lane] {
                continue;
            }
            let outcome = transition.outcomes[lane];
            let measured = &transition.signals[lane * signals..(lane + 1) * signals];
            let next = &transition.observations[lane * features..(lane + 1) * features];
            let reward = reward.evaluate(measured, outcome, terms);
            // A sum is finite only if every part is (or the sum overflows, which is an error too).
            if !(reward + f64::from(next.iter().sum::<f32>())).is_finite() {
                return Err(PlayError::NotFinite { what: "an observation or a reward", lane, step: round });
            }
            counts[lane] += 1;
            lengths[lane] = if outcome.is_over() { 0 } else { lengths[lane] + 1 };
            let goes_on = observer.observe(&Step {
                lane,
                count: counts[lane],
                state: State {
                    observation: states.observation(row),
                    signals: states.signals(row),
                    allowed: states.allowed(row),
                },
                action: Action { choices: actions.choices(row), settings: actions.settings(row) },
                wanted: &decider.wanted()[row * axes..(row + 1) * axes],
                probability: actions.probabilities[row],
                reward,
                terms,
                outcome,
                signals: measured,
            });
            open[lane] = goes_on;
            if goes_on && lengths[lane] >= self.steps_max {
                return Err(PlayError::NoEnd { lane, steps: lengths[lane] });
            }
            if goes_on && outcome.is_over() {
                decider.begin(lane);
            }
        }
        Ok(())
    }
}
