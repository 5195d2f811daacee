//! The trait that every simulator implements.

use serde::{Serialize, de::DeserializeOwned};

use crate::gantt::Bar;
use crate::heuristic::Heuristic;
use crate::parameter::Parameter;
use setpoint_decision::spec::Spec;
use setpoint_random::Stream;

/// What is done in one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Action<'a> {
    /// Index of a choice of a discrete space.
    Discrete(usize),
    /// One value an axis of a continuous space, within its bounds.
    Continuous(&'a [f32]),
}

impl<'a> Action<'a> {
    /// The index of the choice, for a process whose spec has choices.
    ///
    /// # Panics
    /// If the action is made of settings: the spec says which of both a process is given.
    #[inline(always)]
    pub fn choice(self) -> usize {
        match self {
            Self::Discrete(choice) => choice,
            Self::Continuous(_) => unreachable!("the spec has choices"),
        }
    }

    /// One value an axis, for a process whose spec has settings.
    ///
    /// # Panics
    /// If the action is a choice: the spec says which of both a process is given.
    #[inline(always)]
    pub fn settings(self) -> &'a [f32] {
        match self {
            Self::Continuous(values) => values,
            Self::Discrete(_) => unreachable!("the spec has settings"),
        }
    }
}

/// How a step ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
pub enum Outcome {
    /// The episode goes on.
    #[default]
    Running,
    /// The process reached an end of its own: there is no future to value.
    Terminated,
    /// The episode was cut off (time limit): the future has a value and is bootstrapped.
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
/// Three functions make a process: `spec`, `reset` and `step`. The serde bounds are what makes a killed training resume bit
/// for bit: a checkpoint holds every process mid-episode.
pub trait Process: Clone + Send + Sync + Serialize + DeserializeOwned + 'static {
    /// Numbers of its dynamics that a project may set, randomise, or change by an event.
    const PARAMETERS: &'static [Parameter<Self>] = &[];

    /// Observations, actions and signals: names, units, bounds. Its `kind` may stay empty: it is the name under which the
    /// registry knows the process.
    fn spec(&self) -> Spec;

    /// Hand-written policies that an experienced person would recognise, the customary one first.
    fn heuristics(&self) -> Vec<Heuristic> {
        Vec::new()
    }

    /// Recomputes what follows from the parameters. Called after each change of a parameter.
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

    /// Writes which choices the present state allows, `true` = allowed, at least one of them. Asked for after every
    /// reset and step where [`Spec::masked`] says so.
    fn mask(&self, allowed: &mut [bool]) {
        allowed.fill(true);
    }

    /// What ran where and when in the episode so far; empty where the process schedules nothing. Asked for at the end
    /// of an episode that somebody wants to draw, never while training: it may allocate.
    fn schedule(&self) -> Vec<Bar> {
        Vec::new()
    }
}
