//! The environments for learning: a batch of processes with the project's reward and constraints, and the records of
//! episodes that logs and reports read.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use setpoint_decision::Project;
use setpoint_decision::curriculum::Curriculum;
use setpoint_guard::constraints::ConstraintSet;
use setpoint_process::disturbed::{Difficulty, Disturbed};
use setpoint_process::process::Outcome;
use setpoint_process::reward::RewardFunction;
use setpoint_process::rows::rows;
use setpoint_process::vectorized::{Actions, Batch, Transition};
use setpoint_process::{Factory, StateError};

use crate::error::PlayError;
use crate::player;
use crate::progression::{Progression, Standing};
use crate::tensor_views::TensorViews;

/// A finished episode.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Episode {
    /// Sum of its rewards, undiscounted.
    pub episode_return: f64,
    /// Its length in steps.
    pub steps: u32,
    /// Environment steps of the whole training, over all lanes, when it ended.
    pub ended_at: u64,
}

/// Sums since the last log line; the means of the next line come from them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// Environment steps.
    pub steps: u64,
    /// Sum of each reward term.
    pub terms: Vec<f64>,
    /// Number of decisions for each choice, then the sum of each setting, rounded as the process does.
    pub actions: Vec<f64>,
    /// Steps on which each constraint was active at the decision.
    pub constraints: Vec<u64>,
}

/// The part of the environments that a checkpoint holds.
#[derive(Serialize, Deserialize)]
struct Saved {
    batch: Vec<u8>,
    returns: Vec<f64>,
    lengths: Vec<u32>,
    steps: u64,
    tally: Tally,
    finished: Vec<Episode>,
    progression: Option<Progression>,
}

/// `lanes` environments that step together.
pub struct Environments {
    batch: Box<dyn Batch>,
    reward: RewardFunction,
    constraints: ConstraintSet,
    features: usize,
    signals: usize,
    /// Number of choices of all groups: the width of a mask.
    choices: usize,
    /// For each group the place of its first choice among all.
    offsets: Vec<usize>,
    axes: usize,
    allowed: Vec<bool>,
    rewards: Vec<f32>,
    terms: Vec<f64>,
    controls: Vec<f32>,
    returns: Vec<f64>,
    lengths: Vec<u32>,
    steps: u64,
    tally: Tally,
    finished: Vec<Episode>,
    /// Whether a restored batch continues its episodes instead of beginning new ones.
    resumes_exactly: bool,
    /// The curriculum and the training's position in it.
    curriculum: Option<(Curriculum, Progression)>,
}

impl Environments {
    /// Starts `lanes` environments of the project's process, with the disturbances of its evaluation; lane `i` draws from the
    /// stream (seed, purpose, i).
    pub fn new(
        project: &Project,
        factory: &Arc<dyn Factory>,
        lanes: usize,
        seed: u64,
        purpose: &str,
    ) -> Result<Self, PlayError> {
        let batch = player::batch(project, factory.as_ref(), lanes, seed, purpose)?;
        Self::around(project, factory.as_ref(), batch)
    }

    /// The same for learning: through the levels of the project's curriculum, if it has one.
    pub fn for_training(
        project: &Project,
        factory: &Arc<dyn Factory>,
        lanes: usize,
        seed: u64,
        purpose: &str,
    ) -> Result<Self, PlayError> {
        let difficulty = project.curriculum.as_ref().map_or(Difficulty::Fixed(0), |curriculum| {
            Difficulty::Rising { rehearsal: curriculum.rehearsal }
        });
        let batch = Disturbed::batch(project, factory.as_ref(), lanes, seed, purpose, difficulty)?;
        let mut environments = Self::around(project, factory.as_ref(), batch)?;
        let begin = |curriculum: &Curriculum| (curriculum.clone(), Progression::new(curriculum));
        environments.curriculum = project.curriculum.as_ref().map(begin);
        Ok(environments)
    }

    fn around(
        project: &Project,
        factory: &dyn Factory,
        mut batch: Box<dyn Batch>,
    ) -> Result<Self, PlayError> {
        let spec = factory.spec();
        let lanes = batch.lanes();
        let constraints =
            ConstraintSet::new(&project.constraints, &spec.observation, &spec.signals, &spec.action)?;
        batch.reset()?;
        let reward = RewardFunction::new(&project.reward, spec);
        let term_count = reward.names().len();
        let mut environments = Self {
            features: spec.observation.len(),
            signals: spec.signals.len(),
            choices: spec.action.choice_count(),
            offsets: spec.action.offsets().collect(),
            axes: spec.action.axes.len(),
            allowed: vec![
                true;
                if constraints.is_empty() && !spec.masked {
                    0
                } else {
                    lanes * spec.action.choice_count()
                }
            ],
            rewards: vec![0.0; lanes],
            terms: vec![0.0; term_count],
            controls: Vec::new(),
            returns: vec![0.0; lanes],
            lengths: vec![0; lanes],
            steps: 0,
            tally: Tally {
                terms: vec![0.0; term_count],
                actions: vec![0.0; spec.action.len()],
                constraints: vec![0; constraints.len()],
                steps: 0,
            },
            finished: Vec::new(),
            resumes_exactly: factory.resumes_exactly(),
            curriculum: None,
            batch,
            reward,
            constraints,
        };
        environments.refresh_masks()?;
        Ok(environments)
    }

    /// Allows so many threads for a step, where they are faster. No result depends on it.
    pub fn use_threads(&mut self, threads: usize) {
        self.batch.use_threads(threads);
    }

    /// Number of environments.
    pub fn lanes(&self) -> usize {
        self.rewards.len()
    }

    /// Environment steps taken, over all lanes.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Observations, signals and outcomes of the last step.
    pub fn transition(&self) -> &Transition {
        self.batch.transition()
    }

    /// The tensor parts of the present observations, as a network reads them.
    pub fn tensors(&self) -> TensorViews<'_> {
        TensorViews::of(&self.batch.transition().tensors)
    }

    /// The allowed choices of the next decisions, `[lanes, choices]`; empty if no choice is ever forbidden.
    pub fn allowed(&self) -> &[bool] {
        &self.allowed
    }

    /// The allowed choices of the next decision of one environment; empty if no choice is ever forbidden.
    pub fn allowed_in(&self, lane: usize) -> &[bool] {
        let allowed = self.allowed();
        if allowed.is_empty() { allowed } else { &allowed[lane * self.choices..(lane + 1) * self.choices] }
    }

    /// Whether the environments need masks.
    pub fn is_masked(&self) -> bool {
        !self.allowed.is_empty()
    }

    /// Rewards of the last step, one per lane.
    pub fn rewards(&self) -> &[f32] {
        &self.rewards
    }

    /// Names of the reward's terms.
    pub fn term_names(&self) -> &[String] {
        self.reward.names()
    }

    /// Episodes that ended since [`Environments::take_finished`], in the order they ended.
    pub fn finished(&self) -> &[Episode] {
        &self.finished
    }

    /// Empties the list of finished episodes into `episodes`.
    pub fn take_finished(&mut self, episodes: &mut Vec<Episode>) {
        episodes.append(&mut self.finished);
    }

    /// Whether the present level is the last.
    pub fn is_at_the_last_level(&self) -> bool {
        self.curriculum
            .as_ref()
            .is_none_or(|(curriculum, progression)| progression.level + 1 == curriculum.levels.len())
    }

    /// The state of each level played so far; empty without a curriculum.
    pub fn standings(&self) -> Vec<Standing<'_>> {
        self.curriculum
            .iter()
            .flat_map(|(curriculum, progression)| progression.standings(curriculum))
            .collect()
    }

    /// Sums since the last [`Environments::clear_tally`].
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Begins new sums.
    pub fn clear_tally(&mut self) {
        self.tally.steps = 0;
        self.tally.terms.fill(0.0);
        self.tally.actions.fill(0.0);
        self.tally.constraints.fill(0);
    }

    /// Takes one action in every lane. Settings are limited by the constraints first.
    pub fn step(&mut self, actions: Actions<'_>) -> Result<(), PlayError> {
        let Actions { choices, settings } = actions;
        for chosen in choices.chunks_exact(self.offsets.len().max(1)) {
            for (choice, offset) in chosen.iter().zip(&self.offsets) {
                self.tally.actions[offset + *choice as usize] += 1.0;
            }
        }
        if self.axes == 0 {
            self.batch.step(actions)?;
        } else if self.constraints.is_empty() {
            // The process rounds settings itself.
            let constraints = &self.constraints;
            let sums = &mut self.tally.actions[self.choices..];
            count(sums, settings, |axis, value| constraints.rounded(axis, value));
            self.batch.step(actions)?;
        } else {
            let mut controls = std::mem::take(&mut self.controls);
            controls.clear();
            controls.extend_from_slice(settings);
            let transition = self.batch.transition();
            let observations = rows(&transition.observations, self.features, self.rewards.len());
            let signals = transition.current_signals.chunks_exact(self.signals);
            let rows = controls.chunks_exact_mut(self.axes);
            for ((control, observation), signals) in rows.zip(observations).zip(signals) {
                self.constraints.clip(observation, signals, control);
            }
            count(&mut self.tally.actions[self.choices..], &controls, |_, value| value);
            self.batch.step(Actions { choices, settings: &controls })?;
            self.controls = controls;
        }
        self.account()
    }

    /// Counts steps that were learnt from a log, without stepping the environments.
    pub fn pass(&mut self, steps: u64) {
        self.steps += steps;
    }

    /// Rewards, episode sums and masks after a step.
    fn account(&mut self) -> Result<(), PlayError> {
        let mut rises = false;
        let transition = self.batch.transition();
        for (lane, outcome) in transition.outcomes.iter().enumerate() {
            let signals = &transition.signals[lane * self.signals..(lane + 1) * self.signals];
            let reward = self.reward.evaluate(signals, *outcome, &mut self.terms);
            let observation = &transition.observations[lane * self.features..(lane + 1) * self.features];
            // A sum is finite only if every part is (or the sum overflows, which is an error too).
            if !(reward + f64::from(observation.iter().sum::<f32>())).is_finite() {
                let step = self.steps / self.rewards.len() as u64;
                return Err(PlayError::NotFinite { what: "an observation or a reward", lane, step });
            }
            self.rewards[lane] = reward as f32;
            self.returns[lane] += reward;
            self.lengths[lane] += 1;
            for (sum, term) in self.tally.terms.iter_mut().zip(&self.terms) {
                *sum += term;
            }
            if *outcome != Outcome::Running {
                self.finished.push(Episode {
                    episode_return: self.returns[lane],
                    steps: self.lengths[lane],
                    ended_at: self.steps + self.rewards.len() as u64,
                });
                if let Some((curriculum, progression)) = &mut self.curriculum {
                    let level = self.batch.finished_level(lane);
                    rises |= progression.count(curriculum, level, self.returns[lane], self.steps);
                }
                self.returns[lane] = 0.0;
                self.lengths[lane] = 0;
            }
        }
        if let (true, Some((_, progression))) = (rises, &self.curriculum) {
            self.batch.set_level(progression.level);
        }
        self.steps += self.rewards.len() as u64;
        self.tally.steps += self.rewards.len() as u64;
        self.refresh_masks()
    }

    /// Updates the choices that the constraints and the process allow for the next decisions.
    fn refresh_masks(&mut self) -> Result<(), PlayError> {
        if self.allowed.is_empty() && self.constraints.is_empty() {
            return Ok(());
        }
        let transition = self.batch.transition();
        let observations = rows(&transition.observations, self.features, self.rewards.len());
        let signals = transition.current_signals.chunks_exact(self.signals);
        for (lane, (observation, signals)) in observations.zip(signals).enumerate() {
            if self.choices > 0 {
                let row = lane * self.choices..(lane + 1) * self.choices;
                let allowed = &mut self.allowed[row.clone()];
                let own = transition.allowed.get(row).unwrap_or(&[]);
                if let Some(reason) = self.constraints.allow(observation, signals, own, allowed) {
                    let step = self.steps / self.rewards.len() as u64;
                    return Err(PlayError::NothingAllowed { lane, step, reason });
                }
            }
            let active = self.constraints.active(observation, signals);
            for (count, active) in self.tally.constraints.iter_mut().zip(active) {
                *count += u64::from(active);
            }
        }
        Ok(())
    }

    /// Everything that a bit-identical continuation needs.
    pub fn save(&self) -> Result<Vec<u8>, StateError> {
        let saved = Saved {
            batch: self.batch.save()?,
            returns: self.returns.clone(),
            lengths: self.lengths.clone(),
            steps: self.steps,
            tally: self.tally.clone(),
            finished: self.finished.clone(),
            progression: self.curriculum.as_ref().map(|(_, progression)| progression.clone()),
        };
        postcard::to_stdvec(&saved).map_err(|error| StateError::new(error.to_string()))
    }

    /// Restores the state that [`Environments::save`] wrote.
    pub fn load(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        let saved = self.read(bytes)?;
        self.batch.load(&saved.batch)?;
        self.take_over(saved);
        if self.resumes_exactly { self.refresh_restored() } else { self.begin_new_episodes() }
    }

    /// Goes back to a state of these environments that [`Environments::save`] wrote. `false` if the processes cannot go
    /// back: then they wait, and must begin new episodes before the next step ([`Environments::begin_new_episodes`]).
    pub fn go_back(&mut self, bytes: &[u8]) -> Result<bool, StateError> {
        let saved = self.read(bytes)?;
        if self.resumes_exactly {
            self.batch.load(&saved.batch)?;
            self.take_over(saved);
            self.refresh_restored()?;
        } else {
            self.take_over(saved);
        }
        Ok(self.resumes_exactly)
    }

    /// Begins new episodes in all environments, with their random streams where they are.
    pub fn begin_new_episodes(&mut self) -> Result<(), StateError> {
        // Their sensors and delays also start again.
        self.batch.reset().map_err(|error| StateError::new(error.to_string()))?;
        self.returns.fill(0.0);
        self.lengths.fill(0);
        self.refresh_restored()
    }

    /// A saved state that fits these environments.
    fn read(&self, bytes: &[u8]) -> Result<Saved, StateError> {
        let saved: Saved = postcard::from_bytes(bytes).map_err(|error| StateError::new(error.to_string()))?;
        let lanes = self.rewards.len();
        if saved.returns.len() != lanes || saved.lengths.len() != lanes {
            let found = saved.returns.len();
            return Err(StateError::new(format!("it contains {found} environments, expected {lanes}")));
        }
        match (&self.curriculum, &saved.progression) {
            (None, None) => Ok(saved),
            (Some((curriculum, _)), Some(progression)) if progression.fits(curriculum) => Ok(saved),
            _ => Err(StateError::new("it belongs to a different curriculum")),
        }
    }

    /// Everything but the batch.
    fn take_over(&mut self, saved: Saved) {
        if let (Some((_, own)), Some(progression)) = (&mut self.curriculum, saved.progression) {
            *own = progression;
        }
        self.returns = saved.returns;
        self.lengths = saved.lengths;
        self.steps = saved.steps;
        self.finished = saved.finished;
        self.tally = saved.tally;
    }

    /// Masks of a restored state. Refreshing counts active constraints; the saved tally has counted this state already.
    fn refresh_restored(&mut self) -> Result<(), StateError> {
        let tally = self.tally.clone();
        self.refresh_masks().map_err(|error| StateError::new(error.to_string()))?;
        self.tally = tally;
        Ok(())
    }
}

/// Adds the settings of each row to the sum of their axis, as they are `taken` by the process.
fn count(sums: &mut [f64], settings: &[f32], taken: impl Fn(usize, f32) -> f32) {
    for row in settings.chunks_exact(sums.len()) {
        for (axis, (sum, value)) in sums.iter_mut().zip(row).enumerate() {
            *sum += f64::from(taken(axis, *value));
        }
    }
}
