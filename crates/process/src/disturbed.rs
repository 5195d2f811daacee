//! A batch with imperfect sensors and imperfect actuators: a project's `[[disturbance]]` tables around any process.
//!
//! The order of the disturbances of one observation: errors of the sensors (noise, bias, drift and quantisation, in the
//! order of the file), a clip to the features' bounds, the delay of the sample, its possible loss (dropout: the last sample
//! that arrived is seen again). Constraints and heuristics read signals with a feature's name, so these signals follow the
//! observation; the *reward* uses the true values. Actions also have delays, and events can make them ineffective.
//!
//! Every environment has its own random streams, so a disturbed batch is as reproducible as a clean batch, and everything
//! is part of the saved state.

mod plan;
mod sensors_and_actuators;

use serde::{Deserialize, Serialize};
use setpoint_decision::Project;
use setpoint_decision::spec::Spec;

pub use self::plan::Plan;
use self::sensors_and_actuators::SensorsAndActuators;
use crate::Factory;
use crate::process::Outcome;
use crate::vectorized::{Actions, Batch, ProcessError, StateError, Transition};
use setpoint_random::Stream;

/// The levels of the episodes of a batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Difficulty {
    /// All at one level.
    Fixed(usize),
    /// At the present level, with a share of them at one of the earlier levels.
    Rising {
        /// Share of episodes on earlier levels, in [0, 1).
        rehearsal: f64,
    },
}

/// A process's environments with a project's disturbances around them.
pub struct Disturbed {
    inner: Box<dyn Batch>,
    plan: Plan,
    difficulty: Difficulty,
    level: usize,
    lanes: Vec<SensorsAndActuators>,
    /// Levels of the last finished episodes, one per lane.
    finished_levels: Vec<usize>,
    transition: Transition,
    choices: Vec<u32>,
    settings: Vec<f32>,
    /// The action of one lane.
    action: Vec<f32>,
    signals: usize,
}

#[derive(Serialize, Deserialize)]
struct Saved {
    inner: Vec<u8>,
    level: usize,
    lanes: Vec<SensorsAndActuators>,
    finished_levels: Vec<usize>,
    transition: Transition,
}

impl Disturbed {
    /// Environments of a factory with the project's disturbances; clean environments if the project has none, or if its
    /// evaluation excludes them.
    pub fn batch(
        project: &Project,
        factory: &dyn Factory,
        lanes: usize,
        seed: u64,
        purpose: &str,
        difficulty: Difficulty,
    ) -> Result<Box<dyn Batch>, Box<ProcessError>> {
        let inner = factory.batch(lanes, seed, purpose)?;
        let plan = Plan::new(&project.disturbances, factory);
        if plan.is_empty() {
            return Ok(inner);
        }
        Ok(Box::new(Self::around(inner, plan, factory.spec(), seed, purpose, difficulty)))
    }

    fn around(
        inner: Box<dyn Batch>,
        plan: Plan,
        spec: &Spec,
        seed: u64,
        purpose: &str,
        difficulty: Difficulty,
    ) -> Self {
        let lanes = inner.lanes();
        let stream = |lane: usize| Stream::new(seed, &format!("{purpose} disturbances"), lane as u64);
        Self {
            level: match difficulty {
                Difficulty::Fixed(level) => level,
                Difficulty::Rising { .. } => 0,
            },
            lanes: (0..lanes).map(|lane| SensorsAndActuators::new(&plan, stream(lane))).collect(),
            finished_levels: vec![0; lanes],
            transition: Transition::new(spec, lanes),
            choices: vec![0; lanes * spec.action.groups.len()],
            settings: vec![0.0; lanes * spec.action.axes.len()],
            action: vec![0.0; spec.action.width()],
            signals: spec.signals.len(),
            inner,
            plan,
            difficulty,
        }
    }

    /// Draws a lane's level and dynamics and begins an episode with them.
    fn begin(&mut self, lane: usize) -> Result<(), Box<ProcessError>> {
        let level = match self.difficulty {
            Difficulty::Rising { rehearsal } if self.level > 0 => {
                let random = &mut self.lanes[lane].random;
                let earlier = f64::from(random.unit()) < rehearsal;
                if earlier { random.below(self.level as u32) as usize } else { self.level }
            }
            _ => self.level,
        };
        self.lanes[lane].begin(&self.plan, level);
        if self.plan.draws_parameters() {
            for (index, value) in self.lanes[lane].draw_parameters(&self.plan) {
                self.inner.set_parameter(lane, index, value);
            }
            // The episode's first state may depend on them, so it is drawn after them.
            self.inner.reset_lane(lane, None)?;
        }
        self.look(lane, true);
        Ok(())
    }

    /// Measures the next observation of a lane.
    fn look(&mut self, lane: usize, first: bool) {
        let features = self.plan.features();
        let seen = &mut self.transition.observations[lane * features..(lane + 1) * features];
        let current = &mut self.transition.current_signals[lane * self.signals..(lane + 1) * self.signals];
        let truth = self.inner.transition();
        current.copy_from_slice(&truth.current_signals[lane * self.signals..(lane + 1) * self.signals]);
        let observation = &truth.observations[lane * features..(lane + 1) * features];
        self.lanes[lane].measure(&self.plan, observation, first, seen);
        self.plan.show_in_signals(seen, current);
        for (seen, truth) in self.transition.tensors.iter_mut().zip(&truth.tensors) {
            seen.copy_rows(lane, truth, lane, 1);
        }
    }

    /// Copies the parts that no sensor measures: masks and hidden features.
    fn copy_unmeasured(&mut self) {
        let truth = self.inner.transition();
        self.transition.allowed.copy_from_slice(&truth.allowed);
        self.transition.hidden.copy_from_slice(&truth.hidden);
        self.transition.final_hidden.copy_from_slice(&truth.final_hidden);
    }
}

impl Batch for Disturbed {
    fn lanes(&self) -> usize {
        self.lanes.len()
    }

    fn reset(&mut self) -> Result<(), Box<ProcessError>> {
        self.inner.reset()?;
        for lane in 0..self.lanes.len() {
            self.begin(lane)?;
        }
        self.transition.signals.copy_from_slice(&self.inner.transition().signals);
        self.transition.outcomes.fill(Outcome::Running);
        self.copy_unmeasured();
        Ok(())
    }

    fn reset_lane(&mut self, lane: usize, random: Option<Stream>) -> Result<(), Box<ProcessError>> {
        self.inner.reset_lane(lane, random)?;
        self.begin(lane)?;
        let own = lane * self.signals..(lane + 1) * self.signals;
        self.transition.signals[own.clone()].copy_from_slice(&self.inner.transition().signals[own]);
        self.transition.outcomes[lane] = Outcome::Running;
        self.copy_unmeasured();
        Ok(())
    }

    fn step_where(&mut self, actions: Actions<'_>, steps: &[bool]) -> Result<(), Box<ProcessError>> {
        let moves = |lane: usize| steps.is_empty() || steps[lane];
        for index in 0..self.lanes.len() {
            let lane = &mut self.lanes[index];
            if moves(index) {
                for (parameter, value) in lane.events(&self.plan) {
                    self.inner.set_parameter(index, parameter, value);
                }
            }
            let chosen = actions.of_lane(index, self.finished_levels.len());
            self.action.iter_mut().zip(chosen.row()).for_each(|(number, chosen)| *number = chosen);
            if moves(index) {
                lane.act(&self.plan, &mut self.action);
            }
            let (choices, settings) = self.action.split_at(chosen.choices.len());
            let (groups, axes) = (choices.len(), settings.len());
            let arriving = self.choices[index * groups..(index + 1) * groups].iter_mut();
            arriving.zip(choices).for_each(|(arriving, choice)| *arriving = *choice as u32);
            self.settings[index * axes..(index + 1) * axes].copy_from_slice(settings);
        }
        let arriving = Actions { choices: &self.choices, settings: &self.settings };
        self.inner.step_where(arriving, steps)?;
        self.transition.signals.copy_from_slice(&self.inner.transition().signals);
        self.transition.outcomes.copy_from_slice(&self.inner.transition().outcomes);
        let features = self.plan.features();
        for lane in 0..self.lanes.len() {
            if !moves(lane) {
                continue;
            }
            if self.transition.outcomes[lane].is_over() {
                let own = lane * features..(lane + 1) * features;
                let seen = &mut self.transition.final_observations[own.clone()];
                let last = &self.inner.transition().final_observations[own];
                self.lanes[lane].measure(&self.plan, last, false, seen);
                let truth = self.inner.transition();
                for (seen, truth) in self.transition.final_tensors.iter_mut().zip(&truth.final_tensors) {
                    seen.copy_rows(lane, truth, lane, 1);
                }
                self.finished_levels[lane] = self.lanes[lane].level();
                self.begin(lane)?;
            } else {
                self.look(lane, false);
            }
        }
        self.copy_unmeasured();
        Ok(())
    }

    fn set_level(&mut self, level: usize) {
        self.level = level;
    }

    fn finished_level(&self, lane: usize) -> usize {
        self.finished_levels[lane]
    }

    fn use_threads(&mut self, threads: usize) {
        self.inner.use_threads(threads);
    }

    fn keep_schedules(&mut self) {
        self.inner.keep_schedules();
    }

    fn schedule(&self, lane: usize) -> &[crate::gantt::Bar] {
        self.inner.schedule(lane)
    }

    fn transition(&self) -> &Transition {
        &self.transition
    }

    fn save_lane(&self, lane: usize) -> Result<Vec<u8>, StateError> {
        self.inner.save_lane(lane)
    }

    fn save(&self) -> Result<Vec<u8>, StateError> {
        let saved = Saved {
            inner: self.inner.save()?,
            level: self.level,
            lanes: self.lanes.clone(),
            finished_levels: self.finished_levels.clone(),
            transition: self.transition.clone(),
        };
        postcard::to_stdvec(&saved).map_err(|error| StateError::new(error.to_string()))
    }

    fn load(&mut self, state: &[u8]) -> Result<(), StateError> {
        let saved: Saved = postcard::from_bytes(state).map_err(|error| StateError::new(error.to_string()))?;
        let fits = saved.lanes.len() == self.lanes.len()
            && saved.finished_levels.len() == self.lanes.len()
            && saved.lanes.iter().zip(&self.lanes).all(|(found, own)| found.fits(own))
            && saved.transition.observations.len() == self.transition.observations.len();
        if !fits {
            return Err(StateError::new(
                "it has different disturbances, or a different number of environments",
            ));
        }
        self.inner.load(&saved.inner)?;
        self.level = saved.level;
        self.lanes = saved.lanes;
        self.finished_levels = saved.finished_levels;
        self.transition = saved.transition;
        self.transition.tensors.clone_from(&self.inner.transition().tensors);
        self.transition.final_tensors.clone_from(&self.inner.transition().final_tensors);
        self.transition.hidden.clone_from(&self.inner.transition().hidden);
        self.transition.final_hidden.clone_from(&self.inner.transition().final_hidden);
        // Environments outside of this program cannot be restored: they have begun new episodes.
        Ok(())
    }
}
