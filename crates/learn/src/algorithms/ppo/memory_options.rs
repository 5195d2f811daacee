//! Options of the memory of actor and critic.

use serde::{Deserialize, Serialize};
use setpoint_decision::Diagnostic;
use setpoint_decision::section::{Range, Section};

use crate::bounds;

/// Numbers of a memory, and the most steps of its sequences, by default.
const SIZE: usize = 64;
const SEQUENCE_STEPS: usize = 32;

/// The memory of actor and critic, one each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Memory {
    /// A decision follows from the present observation.
    #[default]
    None,
    /// A gated recurrent unit: a decision follows from the observations of the episode.
    Gru,
}

/// Keys of `[train.ppo]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryOptions {
    /// Its kind.
    pub memory: Memory,
    /// Its numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_size: Option<usize>,
    /// Steps of a sequence through which it learns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_steps: Option<usize>,
}

impl MemoryOptions {
    /// Reads the keys; absent ones take their defaults.
    pub fn read(section: &Section<'_>) -> Result<Self, Box<Diagnostic>> {
        let kinds = [("none", Memory::None), ("gru", Memory::Gru)];
        let memory = section.one_of("memory", &kinds, "memory of actor and critic")?;
        let count = |key, range, meaning| -> Result<Option<usize>, Box<Diagnostic>> {
            Ok(section.integer(key, range, meaning)?.map(|count| count as usize))
        };
        let sizes = Range::between(1.0, 4096.0);
        let steps = "steps of a sequence through which the memory learns; by default up to 32";
        Ok(Self {
            memory: memory.unwrap_or_default(),
            memory_size: count("memory_size", sizes, "numbers of the memory; by default 64")?,
            memory_steps: count("memory_steps", bounds::count_from(1.0), steps)?,
        })
    }

    /// Its numbers, if there is a memory.
    pub fn size(&self) -> Option<usize> {
        (self.memory == Memory::Gru).then(|| self.memory_size.unwrap_or(SIZE))
    }

    /// Steps of a sequence: of those that divide rollout and minibatch the most, up to a limit. 1 without a memory.
    pub fn sequence_steps(&self, n_steps: usize, batch_size: usize) -> usize {
        if self.memory == Memory::None {
            return 1;
        }
        let divides = |steps: &usize| n_steps.is_multiple_of(*steps) && batch_size.is_multiple_of(*steps);
        self.memory_steps.unwrap_or_else(|| (1..=SEQUENCE_STEPS).rev().find(divides).unwrap_or(1))
    }

    /// Refuses options of a memory that is not there, and sequences that do not fit.
    pub fn check(
        &self,
        section: &Section<'_>,
        n_steps: usize,
        batch_size: usize,
    ) -> Result<(), Box<Diagnostic>> {
        let given = [("memory_size", self.memory_size), ("memory_steps", self.memory_steps)];
        if let (Memory::None, Some((key, _))) = (self.memory, given.iter().find(|(_, value)| value.is_some()))
        {
            return Err(section.error(
                key,
                "there is no memory",
                "for memory = \"gru\" alone",
                "write memory = \"gru\", or leave this out",
            ));
        }
        let steps = self.sequence_steps(n_steps, batch_size);
        for (name, number) in [("n_steps", n_steps), ("batch_size", batch_size)] {
            if !number.is_multiple_of(steps) {
                return Err(section.error(
                    "memory_steps",
                    &format!("sequences of {steps} steps do not divide {name} = {number}"),
                    "a divisor of n_steps and of batch_size",
                    "a rollout and a minibatch consist of whole sequences",
                ));
            }
        }
        Ok(())
    }
}
