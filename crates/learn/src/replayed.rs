//! `kind = "replay"`: a log of the plant as a process, with small variations.
//!
//! Every episode is a random episode of the log. Each step shows the next logged observation, with a normal error of a
//! share of each feature's standard deviation, and the logged signals, **independent of the actions**. So nothing can be
//! learned about the effects of actions. The process tests the parts around a policy: does `recommend` read the plant's
//! data, how often would the constraints have held, do guards and monitors detect what they should, what would the policy
//! have shown to people in that week? To learn from a log, see [`learned`](crate::learned) and [`offline`](crate::offline).

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use setpoint_decision::Diagnostic;
use setpoint_decision::charter::Finding;
use setpoint_decision::section::Range;
use setpoint_decision::spec::Spec;
use setpoint_log::Log;
use setpoint_process::process::Outcome;
use setpoint_process::registry::Request;
use setpoint_process::vectorized::{Actions, Batch, Transition};
use setpoint_process::{Factory, Heuristic, ProcessError, StateError};
use setpoint_random::Stream;

use crate::learned::{heuristics_of, like, logged_spec};
use setpoint_evidence::logs;
use setpoint_statistics::sample_deviation;

/// Its name in a project file.
pub const KIND: &str = "replay";
/// Its description, in a sentence.
pub const SUMMARY: &str = "a log of the plant, independent of the actions: to test the parts around a policy";

/// A log with its description.
struct Replayed {
    log: Arc<Log>,
    spec: Spec,
    heuristics: Vec<Heuristic>,
    file: PathBuf,
    like: Option<String>,
    variation: f64,
}

/// From `[process]`: `log`, `like`, `variation`. The reading also depends on `[data]`.
pub fn open(request: &Request<'_>) -> Result<Arc<dyn Factory>, Box<Diagnostic>> {
    let (project, section) = (request.project, &request.section);
    let file = request.folder.join(like::log(section, project, "a replayed log")?);
    let file = std::path::absolute(&file).unwrap_or(file);
    let like = section.string("like", like::MEANING)?;
    let variation = section
        .number(
            "variation",
            Range::between(0.0, 1.0),
            "error of a feature, as a share of its standard deviation",
        )?
        .unwrap_or(0.02);
    section.finish()?;
    let factory = like::open(request, like.as_deref(), "its log cannot be replayed")?;
    let log = logs::load(project, factory.spec(), &file, &mut |preparation| (request.progress)(preparation))?;
    if log.episodes.iter().all(|episode| episode.rows.len() < 2) {
        let title = format!("no episode of {} has two decisions", file.display());
        return Err(section.error(
            "log",
            &title,
            "there is no step to replay",
            "name the column of the episode in [data]",
        ));
    }
    let mut spec = logged_spec(factory.spec(), &log);
    spec.summary = format!("{}, as a replayed log", factory.spec().summary);
    let heuristics = heuristics_of(&*factory, &spec);
    // The log's signals in the order of the remaining spec.
    let log = Arc::new(with_signals_of(&log, factory.spec(), &spec));
    Ok(Arc::new(Replayed { log, spec, heuristics, file, like, variation }))
}

fn with_signals_of(log: &Log, like: &Spec, spec: &Spec) -> Log {
    let places: Vec<usize> = spec
        .signals
        .iter()
        .filter_map(|signal| like.signals.iter().position(|found| found.name == signal.name))
        .collect();
    let signals =
        (0..log.rows()).flat_map(|row| places.iter().map(move |place| log.signals(row)[*place])).collect();
    Log { signals, signals_per_row: places.len(), ..log.clone() }
}

impl Factory for Replayed {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn batch(&self, lanes: usize, seed: u64, purpose: &str) -> Result<Box<dyn Batch>, Box<ProcessError>> {
        Ok(Box::new(Playing::new(self, lanes, seed, purpose)))
    }

    fn heuristics(&self) -> &[Heuristic] {
        &self.heuristics
    }

    fn parameters(&self) -> toml::Table {
        let mut keys = toml::Table::from_iter([
            ("log".to_owned(), toml::Value::String(self.file.display().to_string())),
            ("variation".to_owned(), toml::Value::Float(self.variation)),
        ]);
        keys.extend(self.like.clone().map(|like| ("like".to_owned(), toml::Value::String(like))));
        keys
    }

    fn files(&self) -> &[PathBuf] {
        std::slice::from_ref(&self.file)
    }

    fn findings(&self) -> Vec<Finding> {
        let message = format!(
            "{} decisions in {} episodes; actions have no effect: use it to test the parts around a policy, not to learn a \
             policy",
            self.log.rows(),
            self.log.episodes.len()
        );
        let left_out = logs::left_out(&self.log);
        std::iter::once(message)
            .chain(left_out)
            .map(|message| Finding::warn("replayed log", message))
            .collect()
    }
}

/// Environments that replay a log.
struct Playing {
    log: Arc<Log>,
    spec: Spec,
    /// Standard deviation of the error of each feature.
    errors: Vec<f32>,
    /// For each signal: the feature with the same natural value.
    shown: Vec<Option<usize>>,
    /// Episodes that have two decisions or more.
    playable: Vec<usize>,
    max_steps: usize,
    state: State,
}

/// The part that a checkpoint holds.
#[derive(Serialize, Deserialize)]
struct State {
    randoms: Vec<Stream>,
    /// The episode of each environment, and its present row.
    episodes: Vec<usize>,
    rows: Vec<usize>,
    transition: Transition,
}

impl Playing {
    fn new(process: &Replayed, lanes: usize, seed: u64, purpose: &str) -> Self {
        let Replayed { log, spec, variation, .. } = process;
        let feature = |index: usize| {
            let values: Vec<f64> =
                (0..log.rows()).map(|row| f64::from(log.observation(row)[index])).collect();
            (variation * sample_deviation(&values)) as f32
        };
        let shown = |name: &str| spec.observation.iter().position(|feature| feature.name == name);
        let mut playing = Self {
            errors: (0..log.features).map(feature).collect(),
            shown: spec.signals.iter().map(|signal| shown(&signal.name)).collect(),
            playable: (0..log.episodes.len()).filter(|index| log.episodes[*index].rows.len() >= 2).collect(),
            max_steps: spec.max_steps.map_or(usize::MAX, |steps| steps as usize),
            state: State {
                randoms: (0..lanes).map(|lane| Stream::new(seed, purpose, lane as u64)).collect(),
                episodes: vec![0; lanes],
                rows: vec![0; lanes],
                transition: Transition::new(spec, lanes),
            },
            log: log.clone(),
            spec: spec.clone(),
        };
        (0..lanes).for_each(|lane| playing.begin(lane));
        playing
    }

    fn begin(&mut self, lane: usize) {
        self.draw(lane);
        let own = lane * self.shown.len()..(lane + 1) * self.shown.len();
        let Transition { signals, current_signals, outcomes, .. } = &mut self.state.transition;
        signals[own.clone()].copy_from_slice(&current_signals[own]);
        outcomes[lane] = Outcome::Running;
    }

    /// Draws an episode and shows its first row.
    fn draw(&mut self, lane: usize) {
        let place = self.state.randoms[lane].below(self.playable.len() as u32) as usize;
        let episode = self.playable[place];
        let row = self.log.episodes[episode].rows.start;
        self.state.episodes[lane] = episode;
        self.state.rows[lane] = row;
        self.show(lane, row);
        // The signals before the first decision are not logged: the signals of its result are nearest.
        self.measure(lane, row);
    }

    /// Shows a row's observation in a lane.
    fn show(&mut self, lane: usize, row: usize) {
        let features = self.log.features;
        let to = &mut self.state.transition.observations[lane * features..(lane + 1) * features];
        let logged = self.log.observation(row).iter().zip(&self.errors).zip(&self.spec.observation);
        for (to, ((logged, error), feature)) in to.iter_mut().zip(logged) {
            let error = if *error > 0.0 { error * self.state.randoms[lane].normal() } else { 0.0 };
            *to = (logged + error).clamp(feature.low, feature.high);
        }
    }

    /// Writes a row's signals as those of the present state; signals that a feature shows follow the observation.
    fn measure(&mut self, lane: usize, row: usize) {
        let (features, width) = (self.log.features, self.shown.len());
        let Transition { observations, current_signals, .. } = &mut self.state.transition;
        let seen = &observations[lane * features..(lane + 1) * features];
        let to = &mut current_signals[lane * width..(lane + 1) * width];
        for ((to, logged), shown) in to.iter_mut().zip(self.log.signals(row)).zip(&self.shown) {
            *to = match shown {
                Some(feature) => self.spec.observation[*feature].natural(seen[*feature]),
                None => *logged,
            };
        }
    }

    fn step_lane(&mut self, lane: usize) {
        let episode = self.log.episodes[self.state.episodes[lane]].clone();
        let row = self.state.rows[lane];
        let last = episode.rows.end - 1;
        let outcome = if row < last {
            self.state.rows[lane] = row + 1;
            self.show(lane, row + 1);
            // The result of the last decision is known only for an episode that ended by itself.
            let is_cut = row + 1 == last && episode.terminated != Some(true);
            let steps = row + 1 - episode.rows.start;
            if is_cut || steps >= self.max_steps { Outcome::Truncated } else { Outcome::Running }
        } else {
            Outcome::Terminated
        };
        self.measure(lane, row);
        let (features, width) = (self.log.features, self.shown.len());
        let Transition { observations, signals, current_signals, outcomes, final_observations, .. } =
            &mut self.state.transition;
        let own = lane * width..(lane + 1) * width;
        signals[own.clone()].copy_from_slice(&current_signals[own]);
        outcomes[lane] = outcome;
        if outcome.is_over() {
            let own = lane * features..(lane + 1) * features;
            final_observations[own.clone()].copy_from_slice(&observations[own]);
            self.draw(lane);
        }
    }
}

impl Batch for Playing {
    fn lanes(&self) -> usize {
        self.state.rows.len()
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
        actions.check(lanes, self.spec.action.groups.len(), self.spec.action.axes.len());
        for lane in 0..lanes {
            if steps.is_empty() || steps[lane] {
                self.step_lane(lane);
            } else {
                self.state.transition.outcomes[lane] = Outcome::Running;
            }
        }
        Ok(())
    }

    fn transition(&self) -> &Transition {
        &self.state.transition
    }

    fn save(&self) -> Result<Vec<u8>, StateError> {
        postcard::to_stdvec(&self.state).map_err(|error| StateError::new(error.to_string()))
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        let state: State = postcard::from_bytes(bytes).map_err(|error| StateError::new(error.to_string()))?;
        let episodes = &self.log.episodes;
        let plays = |(episode, row): (&usize, &usize)| {
            episodes.get(*episode).is_some_and(|episode| episode.rows.contains(row))
        };
        let fits = state.rows.len() == self.lanes()
            && state.transition.observations.len() == self.state.transition.observations.len()
            && state.transition.signals.len() == self.state.transition.signals.len()
            && state.episodes.iter().zip(&state.rows).all(plays);
        if !fits {
            return Err(StateError::new("it has a different log, or a different number of environments"));
        }
        self.state = state;
        Ok(())
    }
}
