//! The trait that every simulator implements.

use serde::{Serialize, de::DeserializeOwned};

use crate::gantt::Bar;
use crate::heuristic::Heuristic;
use crate::parameter::Parameter;
use crate::tensors::TensorMut;
use setpoint_decision::spec::Spec;
use setpoint_random::Stream;

/// The action of one step: one choice of each group, and a value of each setting.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Action<'a> {
    /// `[groups]` the index of a choice in each group.
    pub choices: &'a [u32],
    /// `[axes]` the values of the settings, within their bounds.
    pub settings: &'a [f32],
}

impl<'a> Action<'a> {
    /// Choices alone.
    #[inline(always)]
    pub fn of_choices(choices: &'a [u32]) -> Self {
        Self { choices, settings: &[] }
    }

    /// Settings alone.
    #[inline(always)]
    pub fn of_settings(settings: &'a [f32]) -> Self {
        Self { choices: &[], settings }
    }

    /// The index of the choice, for a process with one group of choices.
    ///
    /// # Panics
    /// If the process has no choices: its spec says which action it gets.
    #[inline(always)]
    pub fn choice(self) -> usize {
        self.choices[0] as usize
    }

    /// Its numbers: the indices of the choices, then the values of the settings.
    pub fn row(self) -> impl Iterator<Item = f32> + 'a {
        self.choices.iter().map(|choice| *choice as f32).chain(self.settings.iter().copied())
    }
}

/// How a step ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
pub enum Outcome {
    /// The episode continues.
    #[default]
    Running,
    /// The process ended the episode: there is no future value.
    Terminated,
    /// The episode was truncated (time limit): the future has a value and is bootstrapped.
    Truncated,
}

impl Outcome {
    /// Whether the episode is over.
    pub fn is_over(self) -> bool {
        self != Self::Running
    }
}

/// A simulator of one episode at a time: no allocation, no reward, all randomness from the given stream.
///
/// Three functions make a process: `spec`, `reset` and `step`. The serde bounds let a killed training resume bit
/// for bit: a checkpoint contains every process in the middle of its episode.
pub trait Process: Clone + Send + Sync + Serialize + DeserializeOwned + 'static {
    /// Numbers of its dynamics that a project may set, randomise, or change by an event.
    const PARAMETERS: &'static [Parameter<Self>] = &[];

    /// Observations, actions and signals: names, units, bounds. Its `kind` may stay empty: it is the name in the
    /// registry.
    fn spec(&self) -> Spec;

    /// Hand-written policies that an experienced person would recognise, the usual policy first.
    fn heuristics(&self) -> Vec<Heuristic> {
        Vec::new()
    }

    /// Recomputes the values that follow from the parameters. Called after each change of a parameter.
    fn parameters_changed(&mut self) {}

    /// Sets one of [`Process::PARAMETERS`], from the next step on; within its range.
    fn set_parameter(&mut self, index: usize, value: f64) {
        Self::PARAMETERS[index].set(self, value);
        self.parameters_changed();
    }

    /// Begins an episode; writes its first observation and the signals of the state that the first decision sees
    /// (constraints look at them before the first action).
    fn reset(&mut self, random: &mut Stream, observation: &mut [f32], signals: &mut [f32]);

    /// Takes one action; writes the next observation and this step's signals.
    fn step(
        &mut self,
        action: Action<'_>,
        random: &mut Stream,
        observation: &mut [f32],
        signals: &mut [f32],
    ) -> Outcome;

    /// Writes one tensor part of the present observation; `part` counts [`Spec::tensors`]. Called for each part after every
    /// reset and step.
    fn tensor(&self, part: usize, tensor: TensorMut<'_>) {
        unreachable!("this process has no tensor part {part} for {tensor:?}")
    }

    /// Writes which choices the present state allows, `true` = allowed, at least one of them. Called after every
    /// reset and step if [`Spec::masked`] is true.
    fn mask(&self, allowed: &mut [bool]) {
        allowed.fill(true);
    }

    /// The schedule of the episode so far; empty if the process schedules nothing. Called only at the end of an episode for
    /// a chart, never during a training, so it may allocate.
    fn schedule(&self) -> Vec<Bar> {
        Vec::new()
    }
}
