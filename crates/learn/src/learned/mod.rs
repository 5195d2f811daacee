//! `kind = "learned"`: a process that is learned from a log of another process, for policies without a simulator.
//!
//! An ensemble of small networks predicts the changes of observation and signals, and whether the episode ends (Chua et al.
//! 2018, arXiv 1805.12114). The rest is drawn from the errors of the networks on held-out episodes. The disagreement of the
//! networks is the signal `model_uncertainty`: with a negative weight in the reward it is the penalty of MOPO (Yu et al.
//! 2020, arXiv 2005.13239), which keeps a policy in the states of the log.
//!
//! The networks also learn when an episode ends by itself, but a log with few such ends teaches little: `[[process.ends]]`
//! states the condition. Without it, an episode ends when a feature that was extreme before the log's few ends leaves the
//! range of the log.
//!
//! * [`model`] – the ensemble; [`fit`] – its training; [`ends`] – when an episode ends by itself; [`mod@file`] – its file;
//!   `place` – where that file may be; `like` – its spaces; [`batch`] – environments that step in it

use std::path::{Path, PathBuf};
use std::sync::Arc;

use setpoint_decision::charter::Finding;
use setpoint_decision::section::Section;
use setpoint_decision::spec::{self, Signal, Spec};
use setpoint_decision::{Diagnostic, Project};
use setpoint_log::log::Log;
use setpoint_process::registry::Request;
use setpoint_process::vectorized::Batch;
use setpoint_process::{Factory, Heuristic, ProcessError, State};

use setpoint_evidence::logs;

pub mod batch;
pub mod ends;
pub mod file;
pub mod fit;
pub(crate) mod like;
pub mod model;
mod place;
mod stored;

use batch::LearnedBatch;
use ends::{ENDED_MIN, End, Ends};
use model::Model;
use place::Place;

/// Its name in the project file.
pub const KIND: &str = "learned";
/// Its description, in a sentence.
pub const SUMMARY: &str =
    "learned from a log: log = \"…\", and like = \"assembly-line\" or declared spaces ([[feature]] …)";
/// The signal with the disagreement of the networks.
pub const UNCERTAINTY: &str = spec::MODEL_UNCERTAINTY;
/// The default file of the model.
const FILE: &str = "learned-process.safetensors";
/// Greatest disagreement that is reported.
pub const UNCERTAINTY_MAX: f32 = 100.0;

/// The process of a project whose kind is [`KIND`]. Its model is learned from the log once and stored in the project's
/// folder; it is learned again if the log, or the process like it, has changed. A file that is no learned process is refused.
pub fn open(request: &Request<'_>) -> Result<Arc<dyn Factory>, Box<Diagnostic>> {
    let project = request.project;
    let keys = Keys::read(&request.section, request.folder, project)?;
    let place = if project.is_from_code { Place::Named } else { Place::of(&keys.model, request.folder) };
    if place == Place::Elsewhere {
        let title = format!("`model` leads out of the project's folder, to {}", keys.model.display());
        let help = "a learned process is stored below the folder of its project file";
        return Err(request.section.error("model", &title, "a file outside of the project", help));
    }
    // This check comes before the log is read, which takes longer.
    request.section.finish()?;
    let factory = like::open(request, keys.like.as_deref(), "it cannot be learned from a log")?;
    let hash =
        file::hash(&keys.log, project.data.as_ref(), &like::identity(&*factory, keys.like.as_deref()))?;
    let unusable = |error: file::Unusable| {
        project.section("process").error(
            "model",
            &error.to_string(),
            "Setpoint does not replace it",
            error.advice(),
        )
    };
    if let Some(model) = file::load(&keys.model, &hash).map_err(unusable)? {
        return Ok(Arc::new(Learned::new(project, model, &*factory, keys)?));
    }
    let progress = &mut |preparation| (request.progress)(preparation);
    let log = logs::load(project, factory.spec(), &keys.log, progress)?;
    let spec = spec_of(factory.spec(), &log);
    let model = fit::fit(&spec, factory.spec(), &log, progress).map_err(|what| {
        let title = format!("no process can be learned from {}: {what}", keys.log.display());
        project.section("process").error("log", &title, "too little data", "log more episodes")
    })?;
    if matches!(place, Place::Below | Place::Named) {
        file::store(&keys.model, &model, &hash).map_err(unusable)?;
    }
    Ok(Arc::new(Learned::new(project, model, &*factory, keys)?))
}

/// `[process]`
#[derive(Clone, Debug, PartialEq, Eq)]
struct Keys {
    log: PathBuf,
    like: Option<String>,
    model: PathBuf,
    ends: usize,
}

impl Keys {
    fn read(section: &Section<'_>, folder: &Path, project: &Project) -> Result<Self, Box<Diagnostic>> {
        // Absolute, so that a run's own project file finds them too.
        let resolve = |name: String| {
            let path = folder.join(name);
            std::path::absolute(&path).unwrap_or(path)
        };
        Ok(Self {
            log: resolve(like::log(section, project, "a learned process")?),
            like: section.string("like", like::MEANING)?,
            // Read after the signals are known.
            ends: section.tables("ends")?.len(),
            model: resolve(
                section.string("model", "file of the learned model")?.unwrap_or_else(|| FILE.to_owned()),
            ),
        })
    }
}

/// The spec of a learned process: its observations and actions, the signals of the log, and the disagreement of the
/// networks.
pub fn spec_of(like: &Spec, log: &Log) -> Spec {
    let mut spec = logged_spec(like, log);
    let description = "disagreement of the learned networks, in standard deviations of the change in a step";
    spec.signals.push(Signal::new(UNCERTAINTY, "1", 0.0, UNCERTAINTY_MAX, description));
    spec.summary = format!("{}, learned from a log", like.summary);
    // Without any limit an episode of a continuous process would never end.
    let longest = log.episodes.iter().map(|episode| episode.rows.len() as u32).max();
    spec.max_steps = spec.max_steps.or(longest);
    spec
}

/// The part of a process that a log contains: all of its observations and actions, the logged signals, and no parameters of
/// the dynamics.
pub(crate) fn logged_spec(like: &Spec, log: &Log) -> Spec {
    let is_known = |index: usize, signal: &Signal| {
        let is_shown = like.observation.iter().any(|feature| feature.name == signal.name);
        is_shown || (0..log.rows()).all(|row| log.signals(row)[index].is_finite())
    };
    let signals: Vec<Signal> = (0..)
        .zip(&like.signals)
        .filter(|(index, signal)| is_known(*index, signal))
        .map(|(_, s)| s.clone())
        .collect();
    let known = |name: &str| signals.iter().any(|signal| signal.name == name);
    Spec {
        reward: like.reward.iter().filter(|(name, _)| known(name)).cloned().collect(),
        deterministic: false,
        notes: Vec::new(),
        parameters: Vec::new(),
        signals,
        ..like.clone()
    }
}

/// A learned process with its description.
struct Learned {
    model: Arc<Model>,
    spec: Spec,
    heuristics: Vec<Heuristic>,
    keys: Keys,
    ends: Ends,
}

impl Learned {
    fn new(project: &Project, model: Model, like: &dyn Factory, keys: Keys) -> Result<Self, Box<Diagnostic>> {
        let mut ends = Vec::with_capacity(keys.ends);
        for section in project.section("process").tables("ends")? {
            ends.push(End::read(&section, &model.spec)?);
            section.finish()?;
        }
        let ends = if !ends.is_empty() {
            Ends::Stated(ends)
        } else if !model.limits.is_empty() {
            Ends::Beyond
        } else {
            Ends::Learnt
        };
        let mut spec = model.spec.clone();
        spec.max_steps = like.spec().max_steps.or(spec.max_steps);
        let heuristics = heuristics_of(like, &spec);
        Ok(Self { heuristics, model: Arc::new(model), spec, keys, ends })
    }
}

/// The heuristics of a process for a process that has some of its signals: each heuristic reads signals by their index in
/// its own process.
pub(crate) fn heuristics_of(like: &dyn Factory, spec: &Spec) -> Vec<Heuristic> {
    let places: Vec<Option<usize>> = like
        .spec()
        .signals
        .iter()
        .map(|signal| spec.signals.iter().position(|found| found.name == signal.name))
        .collect();
    let adapt = |heuristic: &Heuristic| {
        let (decide, places) = (heuristic.decide.clone(), places.clone());
        Heuristic::new(heuristic.name, heuristic.description, move |state: &State<'_>, action: &mut [f32]| {
            let signals: Vec<f32> =
                places.iter().map(|place| place.map_or(f32::NAN, |place| state.signals[place])).collect();
            decide(&State { signals: &signals, ..*state }, action);
        })
    };
    like.heuristics().iter().map(adapt).collect()
}

impl Factory for Learned {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn batch(&self, lanes: usize, seed: u64, purpose: &str) -> Result<Box<dyn Batch>, Box<ProcessError>> {
        Ok(Box::new(LearnedBatch::new(
            self.model.clone(),
            &self.spec,
            self.ends.clone(),
            lanes,
            seed,
            purpose,
        )))
    }

    fn heuristics(&self) -> &[Heuristic] {
        &self.heuristics
    }

    fn parameters(&self) -> toml::Table {
        let Keys { log, like, model, .. } = &self.keys;
        let entries = [
            ("log", Some(log.display().to_string())),
            ("like", like.clone()),
            ("model", Some(model.display().to_string())),
        ];
        let entry =
            |(key, value): (&str, Option<String>)| Some((key.to_owned(), toml::Value::String(value?)));
        entries.into_iter().filter_map(entry).collect()
    }

    fn files(&self) -> &[PathBuf] {
        std::slice::from_ref(&self.keys.log)
    }

    fn findings(&self) -> Vec<Finding> {
        let Model { fit, .. } = &*self.model;
        let worst = fit.explained.iter().map(|(_, share)| *share).fold(f64::INFINITY, f64::min);
        let all: Vec<String> =
            fit.explained.iter().map(|(name, share)| format!("{name} {share:.3}")).collect();
        let message = format!(
            "from {} decisions; share of the next step explained in {} held-out episodes (R²): {}",
            fit.rows,
            fit.held_out_episodes,
            all.join(", ")
        );
        let subject = "learned process";
        let mut findings =
            vec![if worst < 0.5 { Finding::warn(subject, message) } else { Finding::pass(subject, message) }];
        findings.extend(fit.left_out.iter().map(|left_out| Finding::warn(subject, left_out.clone())));
        if !matches!(self.ends, Ends::Stated(_)) && fit.ended < ENDED_MIN as u64 {
            let limits: Vec<String> =
                self.model.limits.iter().map(|limit| limit.sentence(&self.spec)).collect();
            let guess = limits.iter().map(|limit| format!("; {limit}")).collect::<String>();
            let message = format!(
                "{} episodes of the log ended by themselves, too few to learn the condition{guess}; state it if you know it: \
                 [[process.ends]] signal = \"…\", above = …",
                fit.ended
            );
            findings.push(Finding::warn(subject, message));
        }
        findings
    }
}
