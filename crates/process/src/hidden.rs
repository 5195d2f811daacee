//! A process with features that its policy does not see: `hide` of `[process]`.
//!
//! A plant often measures less than a simulator knows. Hidden features are no part of the observation: policies, baselines,
//! constraints, logs and disturbances know only the others. They stay in [`Transition::hidden`], for critics, which exist
//! in the training alone (Pinto et al. 2018, arXiv 1710.06542).

use std::path::PathBuf;
use std::sync::Arc;

use setpoint_decision::Diagnostic;
use setpoint_decision::charter::Finding;
use setpoint_decision::diagnostic::suggestion;
use setpoint_decision::section::Section;
use setpoint_decision::spec::Spec;
use setpoint_random::Stream;

use crate::Factory;
use crate::gantt::Bar;
use crate::heuristic::Heuristic;
use crate::rows::{rows, rows_mut};
use crate::vectorized::{Actions, Batch, ProcessError, StateError, Transition};

/// A factory around another one.
struct Hiding {
    inner: Arc<dyn Factory>,
    spec: Spec,
    columns: Columns,
}

/// Places of features in the observation of the process.
#[derive(Clone)]
struct Columns {
    shown: Vec<usize>,
    hidden: Vec<usize>,
}

/// A process without some features; the process itself if there are none to hide.
pub fn hide(
    inner: Arc<dyn Factory>,
    names: &[String],
    section: &Section<'_>,
) -> Result<Arc<dyn Factory>, Box<Diagnostic>> {
    if names.is_empty() {
        return Ok(inner);
    }
    let spec = inner.spec();
    let known: Vec<&str> = spec.observation.iter().map(|feature| feature.name.as_str()).collect();
    for (index, name) in names.iter().enumerate() {
        if !known.contains(&name.as_str()) {
            let title = format!("process {} has no feature `{name}`", spec.kind);
            let help = format!("features of {}: {}", spec.kind, known.join(", "));
            let label = suggestion(name, &known, "features");
            return Err(section.error_in_list("hide", index, &title, &label, &help));
        }
        if names[..index].contains(name) {
            let title = format!("`{name}` is hidden twice");
            return Err(section.error_in_list(
                "hide",
                index,
                &title,
                "named before",
                "name each feature once",
            ));
        }
    }
    let is_hidden = |index: &usize| names.contains(&spec.observation[*index].name);
    let (hidden, shown): (Vec<usize>, Vec<usize>) = (0..known.len()).partition(is_hidden);
    if shown.is_empty() && spec.tensors.is_empty() {
        let title = "a policy needs at least one feature";
        return Err(section.error("hide", title, "every feature is hidden", "leave one of them out"));
    }
    let of = |columns: &[usize]| columns.iter().map(|column| spec.observation[*column].clone()).collect();
    // The baselines of the process read its whole observation.
    let spec = Spec { observation: of(&shown), hidden: of(&hidden), heuristics: Vec::new(), ..spec.clone() };
    Ok(Arc::new(Hiding { spec, columns: Columns { shown, hidden }, inner }))
}

impl Factory for Hiding {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn batch(&self, lanes: usize, seed: u64, purpose: &str) -> Result<Box<dyn Batch>, Box<ProcessError>> {
        let inner = self.inner.batch(lanes, seed, purpose)?;
        let (transition, columns) = (Transition::new(&self.spec, lanes), self.columns.clone());
        let mut batch = HidingBatch { inner, transition, columns };
        batch.look();
        Ok(Box::new(batch))
    }

    fn heuristics(&self) -> &[Heuristic] {
        &[]
    }

    fn parameters(&self) -> toml::Table {
        self.inner.parameters()
    }

    fn findings(&self) -> Vec<Finding> {
        self.inner.findings()
    }

    fn incidental_keys(&self) -> &[&'static str] {
        self.inner.incidental_keys()
    }

    fn files(&self) -> &[PathBuf] {
        self.inner.files()
    }

    fn resumes_exactly(&self) -> bool {
        self.inner.resumes_exactly()
    }

    fn simulates(&self) -> bool {
        self.inner.simulates()
    }
}

struct HidingBatch {
    inner: Box<dyn Batch>,
    transition: Transition,
    columns: Columns,
}

impl HidingBatch {
    /// Takes the last result of the process, with its features apart.
    fn look(&mut self) {
        let Self { inner, transition, columns } = self;
        let (truth, lanes) = (inner.transition(), inner.lanes());
        columns.split(&truth.observations, lanes, &mut transition.observations, &mut transition.hidden);
        columns.split(
            &truth.final_observations,
            lanes,
            &mut transition.final_observations,
            &mut transition.final_hidden,
        );
        transition.signals.copy_from_slice(&truth.signals);
        transition.current_signals.copy_from_slice(&truth.current_signals);
        transition.outcomes.copy_from_slice(&truth.outcomes);
        transition.allowed.copy_from_slice(&truth.allowed);
        for (own, truth) in transition.tensors.iter_mut().zip(&truth.tensors) {
            own.copy_rows(0, truth, 0, lanes);
        }
        for (own, truth) in transition.final_tensors.iter_mut().zip(&truth.final_tensors) {
            own.copy_rows(0, truth, 0, lanes);
        }
    }
}

impl Columns {
    /// Copies each row of `whole` to a row of shown features and a row of hidden ones.
    fn split(&self, whole: &[f32], lanes: usize, shown: &mut [f32], hidden: &mut [f32]) {
        let width = self.shown.len() + self.hidden.len();
        let parts = rows_mut(shown, self.shown.len(), lanes).zip(rows_mut(hidden, self.hidden.len(), lanes));
        for (row, (shown, hidden)) in rows(whole, width, lanes).zip(parts) {
            shown.iter_mut().zip(&self.shown).for_each(|(to, column)| *to = row[*column]);
            hidden.iter_mut().zip(&self.hidden).for_each(|(to, column)| *to = row[*column]);
        }
    }
}

impl Batch for HidingBatch {
    fn lanes(&self) -> usize {
        self.inner.lanes()
    }

    fn reset(&mut self) -> Result<(), Box<ProcessError>> {
        self.inner.reset()?;
        self.look();
        Ok(())
    }

    fn reset_lane(&mut self, lane: usize, random: Option<Stream>) -> Result<(), Box<ProcessError>> {
        self.inner.reset_lane(lane, random)?;
        self.look();
        Ok(())
    }

    fn step_where(&mut self, actions: Actions<'_>, steps: &[bool]) -> Result<(), Box<ProcessError>> {
        self.inner.step_where(actions, steps)?;
        self.look();
        Ok(())
    }

    fn set_parameter(&mut self, lane: usize, index: usize, value: f64) {
        self.inner.set_parameter(lane, index, value);
    }

    fn use_threads(&mut self, threads: usize) {
        self.inner.use_threads(threads);
    }

    fn set_level(&mut self, level: usize) {
        self.inner.set_level(level);
    }

    fn finished_level(&self, lane: usize) -> usize {
        self.inner.finished_level(lane)
    }

    fn keep_schedules(&mut self) {
        self.inner.keep_schedules();
    }

    fn schedule(&self, lane: usize) -> &[Bar] {
        self.inner.schedule(lane)
    }

    fn transition(&self) -> &Transition {
        &self.transition
    }

    fn save(&self) -> Result<Vec<u8>, StateError> {
        self.inner.save()
    }

    fn load(&mut self, state: &[u8]) -> Result<(), StateError> {
        self.inner.load(state)?;
        self.look();
        Ok(())
    }

    fn save_lane(&self, lane: usize) -> Result<Vec<u8>, StateError> {
        self.inner.save_lane(lane)
    }

    fn continue_all(
        &mut self,
        state: &[u8],
        random: &mut dyn FnMut(usize) -> Stream,
    ) -> Result<(), StateError> {
        self.inner.continue_all(state, random)?;
        self.look();
        Ok(())
    }
}
