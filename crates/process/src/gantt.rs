//! The bars of a Gantt chart.

use serde::{Deserialize, Serialize};

/// One operation of a schedule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bar {
    /// Its machine, in snake case.
    pub row: String,
    /// Its job, in snake case. Bars of one label have one colour.
    pub label: String,
    /// From the episode's beginning, in the process's unit of time.
    pub start: f32,
    /// At least `start`.
    pub end: f32,
}
