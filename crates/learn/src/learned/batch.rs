//! Environments that step in a learnt process, all evaluated by the networks at once.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use setpoint_decision::spec::Spec;
use setpoint_process::process::Outcome;
use setpoint_process::vectorized::{Actions, Batch, Transition};
use setpoint_process::{ProcessError, StateError};
use setpoint_random::Stream;

use super::ends::Ends;
use super::model::{Ensemble, Model};

/// A batch in one learnt process.
pub struct LearnedBatch {
    model: Arc<Model>,
    ensemble: Ensemble,
    state: State,
    max_steps: u32,
    ends: Ends,
    /// `[lanes, width]` the numbers of the present actions.
    numbers: Vec<f32>,
}

/// The part that a checkpoint holds. The present observations are the transition's.
#[derive(Serialize, Deserialize)]
struct State {
    randoms: Vec<Stream>,
    steps: Vec<u32>,
    transition: Transition,
}

impl LearnedBatch {
    /// `lanes` environments; lane `i` draws from the stream (seed, purpose, i). Only `ends` and the limit of
    /// steps end an episode.
    pub fn new(model: Arc<Model>, spec: &Spec, ends: Ends, lanes: usize, seed: u64, purpose: &str) -> Self {
        let mut batch = Self {
            ensemble: model.ensemble(lanes),
            state: State {
                randoms: (0..lanes).map(|lane| Stream::new(seed, purpose, lane as u64)).collect(),
                steps: vec![0; lanes],
                transition: Transition::new(spec, lanes),
            },
            max_steps: spec.max_steps.unwrap_or(u32::MAX),
            numbers: Vec::new(),
            ends,
            model,
        };
        (0..lanes).for_each(|lane| batch.begin(lane));
        batch
    }

    /// Begins an episode with the first observation of a logged episode, and the signals nearest to it.
    fn begin(&mut self, lane: usize) {
        self.draw_start(lane);
        let signals = self.model.spec.signals.len();
        let own = lane * signals..(lane + 1) * signals;
        let Transition { signals, current_signals, outcomes, .. } = &mut self.state.transition;
        signals[own.clone()].copy_from_slice(&current_signals[own]);
        outcomes[lane] = Outcome::Running;
    }

    fn draw_start(&mut self, lane: usize) {
        let Self { model, state, .. } = self;
        let (features, signals) = (model.layout.features, model.spec.signals.len());
        let start = state.randoms[lane].below((model.starts.len() / features) as u32) as usize;
        let observation = &mut state.transition.observations[lane * features..(lane + 1) * features];
        observation.copy_from_slice(&model.starts[start * features..(start + 1) * features]);
        model.hold(observation);
        let measured = model.layout.measured.len();
        let known = model.start_signals[start * measured..(start + 1) * measured].iter().copied();
        let to = &mut state.transition.current_signals[lane * signals..(lane + 1) * signals];
        write_signals(model, observation, known, 0.0, to);
        state.steps[lane] = 0;
    }

    fn step_lane(&mut self, lane: usize, action: &[f32]) {
        let Self { model, ensemble, state, max_steps, ends, .. } = self;
        let (features, signals) = (model.layout.features, model.spec.signals.len());
        let random = &mut state.randoms[lane];
        let member = random.below(model.members.len() as u32) as usize;
        let error = model.draw_error(action, random);
        let draw = random.unit();
        let transition = &mut state.transition;
        let observation = &mut transition.observations[lane * features..(lane + 1) * features];
        let outputs = &ensemble.of_member(model, member, lane)[..model.layout.predicted()];
        let drawn = |index: usize| error.get(index).copied().unwrap_or(0.0);
        let mut predicted = model.natural(outputs).enumerate().map(|(index, value)| value + drawn(index));
        for (value, change) in observation.iter_mut().zip(predicted.by_ref()) {
            *value += change;
        }
        let is_beyond = model.limits.iter().any(|limit| limit.is_passed(observation));
        model.hold(observation);
        let own = lane * signals..(lane + 1) * signals;
        let to = &mut transition.signals[own.clone()];
        write_signals(model, observation, predicted, ensemble.uncertainty(model, lane), to);
        transition.current_signals[own.clone()].copy_from_slice(&transition.signals[own.clone()]);
        let has_ended = match ends {
            Ends::Stated(ends) => ends.iter().any(|end| end.holds(&transition.signals[own.clone()])),
            Ends::Learnt => draw < ensemble.termination(model, lane),
            Ends::Beyond => is_beyond,
        };
        state.steps[lane] += 1;
        let outcome = match (has_ended, state.steps[lane] >= *max_steps) {
            (true, _) => Outcome::Terminated,
            (false, true) => Outcome::Truncated,
            (false, false) => Outcome::Running,
        };
        transition.outcomes[lane] = outcome;
        if outcome.is_over() {
            transition.final_observations[lane * features..(lane + 1) * features]
                .copy_from_slice(observation);
            self.draw_start(lane);
        }
    }
}

/// Signals that features show, measured signals (clipped to their bounds), and the disagreement.
fn write_signals(
    model: &Model,
    observation: &[f32],
    measured: impl Iterator<Item = f32>,
    uncertainty: f32,
    signals: &mut [f32],
) {
    let bounds = &model.spec.signals;
    for (place, feature) in &model.layout.shown {
        signals[*place] = model.spec.observation[*feature].natural(observation[*feature]);
    }
    for (place, value) in model.layout.measured.iter().zip(measured) {
        signals[*place] = value.clamp(bounds[*place].low, bounds[*place].high);
    }
    if let Some(last) = signals.last_mut() {
        *last = uncertainty;
    }
}

impl Batch for LearnedBatch {
    fn lanes(&self) -> usize {
        self.state.steps.len()
    }

    fn reset(&mut self) -> Result<(), Box<ProcessError>> {
        (0..self.lanes()).for_each(|lane| self.begin(lane));
        Ok(())
    }

    fn reset_lane(&mut self, lane: usize, random: Option<Stream>) -> Result<(), Box<ProcessError>> {
        if let Some(random) = random {
            self.state.randoms[lane] = random;
        }
        self.begin(lane);
        Ok(())
    }

    fn step_where(&mut self, actions: Actions<'_>, steps: &[bool]) -> Result<(), Box<ProcessError>> {
        let lanes = self.lanes();
        assert!(steps.is_empty() || steps.len() == lanes, "one flag per lane, or none");
        let space = &self.model.spec.action;
        actions.check(lanes, space.groups.len(), space.axes.len());
        let width = space.width();
        let mut numbers = std::mem::take(&mut self.numbers);
        numbers.clear();
        (0..lanes).for_each(|lane| numbers.extend(actions.of_lane(lane, lanes).row()));
        let action_of = |lane: usize| &numbers[lane * width..(lane + 1) * width];
        let (features, inputs) = (self.model.layout.features, self.model.layout.inputs());
        let observations = self.state.transition.observations.chunks_exact(features);
        for (lane, (input, observation)) in
            self.ensemble.inputs().chunks_exact_mut(inputs).zip(observations).enumerate()
        {
            self.model.input(observation, action_of(lane), input);
        }
        self.ensemble.predict(&self.model, lanes);
        for lane in 0..lanes {
            if steps.is_empty() || steps[lane] {
                self.step_lane(lane, action_of(lane));
            } else {
                self.state.transition.outcomes[lane] = Outcome::Running;
            }
        }
        self.numbers = numbers;
        Ok(())
    }

    fn transition(&self) -> &Transition {
        &self.state.transition
    }

    fn save_lane(&self, lane: usize) -> Result<Vec<u8>, StateError> {
        let (features, signals) = (self.model.layout.features, self.model.spec.signals.len());
        let State { steps, transition, .. } = &self.state;
        let observation = &transition.observations[lane * features..(lane + 1) * features];
        let current = &transition.current_signals[lane * signals..(lane + 1) * signals];
        postcard::to_stdvec(&(steps[lane], observation, current))
            .map_err(|error| StateError::new(error.to_string()))
    }

    fn continue_all(
        &mut self,
        state: &[u8],
        random: &mut dyn FnMut(usize) -> Stream,
    ) -> Result<(), StateError> {
        let (steps, observation, current): (u32, Vec<f32>, Vec<f32>) =
            postcard::from_bytes(state).map_err(|error| StateError::new(error.to_string()))?;
        let (features, signals) = (self.model.layout.features, self.model.spec.signals.len());
        if (observation.len(), current.len()) != (features, signals) {
            return Err(StateError::new("it has other features or signals"));
        }
        for lane in 0..self.lanes() {
            self.state.randoms[lane] = random(lane);
            self.state.steps[lane] = steps;
            let transition = &mut self.state.transition;
            transition.observations[lane * features..(lane + 1) * features].copy_from_slice(&observation);
            let own = lane * signals..(lane + 1) * signals;
            transition.signals[own.clone()].copy_from_slice(&current);
            transition.current_signals[own].copy_from_slice(&current);
            transition.outcomes[lane] = Outcome::Running;
        }
        Ok(())
    }

    fn save(&self) -> Result<Vec<u8>, StateError> {
        postcard::to_stdvec(&self.state).map_err(|error| StateError::new(error.to_string()))
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        let state: State = postcard::from_bytes(bytes).map_err(|error| StateError::new(error.to_string()))?;
        let sizes = |state: &State| {
            let Transition { observations, signals, current_signals, outcomes, final_observations, .. } =
                &state.transition;
            let lengths =
                [observations.len(), signals.len(), current_signals.len(), final_observations.len()];
            (state.randoms.len(), state.steps.len(), outcomes.len(), lengths)
        };
        if sizes(&state) != sizes(&self.state) {
            let (found, expected) = (state.steps.len(), self.lanes());
            return Err(StateError::new(format!(
                "it holds {found} environments of another learned process, expected {expected}"
            )));
        }
        self.state = state;
        Ok(())
    }
}
