//! The fault matrix: the return of a policy with noisy, late and lossy sensors, in every combination of sizes.
//!
//! All cells use the same seeds, so a cell differs from its neighbour only by the fault. The project's own disturbances do
//! not apply: the matrix measures the limit of the policy.

use serde::{Deserialize, Serialize};
use setpoint_decision::disturbance::{Disturbance, Levels};
use setpoint_policy::Policy;
use setpoint_random::Stream;

use crate::decision::Decision;
use crate::error::PlayError;
use crate::evaluate::returns;
use crate::evidence_file::{self, Hashes};
use setpoint_files::FileError;
use setpoint_files::run_folder::RunFolder;
use setpoint_statistics::{Interval, bootstrap, mean, number};

mod noise;

pub use noise::{DEVIATIONS, NoScale, NoiseScale, noise_scales};

/// Sizes of the three faults; a cell is one of each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grid {
    /// Standard deviations of the sensors' noise, as shares of the features' scales ([`NoiseScale`]).
    pub noise: Vec<f64>,
    /// Delays of the observation, in decision steps.
    pub delay: Vec<u32>,
    /// Shares of samples that are lost.
    pub dropout: Vec<f64>,
}

impl Default for Grid {
    fn default() -> Self {
        Self { noise: vec![0.0, 0.02, 0.05, 0.1], delay: vec![0, 1, 2, 4], dropout: vec![0.0, 0.2, 0.5] }
    }
}

/// One combination of faults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// See [`Grid::noise`].
    pub noise: f64,
    /// See [`Grid::delay`].
    pub delay: u32,
    /// See [`Grid::dropout`].
    pub dropout: f64,
    /// Mean return of an episode.
    #[serde(deserialize_with = "setpoint_statistics::stored::figures")]
    pub episode_return: f64,
    /// Its 95 % interval.
    pub interval: Interval,
}

/// A policy under all faults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tolerance {
    /// Its name in the matrix.
    pub policy: String,
    /// The disturbances of its training, as text.
    pub trained: String,
    /// The cells, ordered by dropout, then by delay, then by noise.
    pub cells: Vec<Cell>,
}

/// Policies under all faults: `evidence/faults.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaultMatrix {
    /// `decision.name`
    pub project: String,
    /// The sizes.
    pub grid: Grid,
    /// Episodes of each cell, with the same seeds in all cells.
    pub episodes: u32,
    /// Their seed.
    pub seed: u64,
    /// Features that get no noise in any cell: the user named others, or the feature never changes. Empty if no cell has noise.
    pub without_noise: Vec<String>,
    /// What 100 % of noise is for the other features; empty in files from before it was stored, and if no cell has noise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub noise_scales: Vec<NoiseScale>,
    /// The policies.
    pub policies: Vec<Tolerance>,
}

impl Tolerance {
    /// The return without any fault, which is the first cell of every grid that begins with zeros.
    pub fn clean(&self) -> Option<&Cell> {
        self.cells.iter().find(|cell| cell.noise == 0.0 && cell.delay == 0 && cell.dropout == 0.0)
    }

    /// The cell with the lowest return.
    pub fn worst(&self) -> Option<&Cell> {
        self.cells.iter().min_by(|a, b| a.episode_return.total_cmp(&b.episode_return))
    }

    /// What the worst cell costs, as text: in percent of the return without faults where its interval stays away from 0,
    /// otherwise as the difference of the returns. `None` without a cell without faults.
    pub fn cost(&self) -> Option<String> {
        let (clean, worst) = (self.clean()?, self.worst()?);
        let lost = clean.episode_return - worst.episode_return;
        if lost == 0.0 {
            return Some("no less than without faults".to_owned());
        }
        Some(if clean.interval.low > 0.0 || clean.interval.high < 0.0 {
            format!("{:.0}\u{a0}% less than without faults", 100.0 * lost / clean.episode_return.abs())
        } else {
            format!("{} less than without faults", number(lost))
        })
    }
}

/// The disturbances of a project, as text.
pub fn trained_with(decision: &Decision) -> String {
    let mut kinds: Vec<&str> = decision.project.disturbances.iter().map(Disturbance::kind).collect();
    kinds.dedup();
    match (kinds.is_empty(), &decision.project.curriculum) {
        (true, _) => "trained without disturbances".to_owned(),
        (false, None) => format!("trained with {}", kinds.join(", ")),
        (false, Some(curriculum)) => {
            format!("trained with {} through {} levels", kinds.join(", "), curriculum.levels.len())
        }
    }
}

/// Measures policies in every cell; `done` is called after each cell. All policies must fit the first one's decision. The
/// noise has the same scales for all of them.
pub fn fault_matrix(
    policies: &[(String, Decision, Policy)],
    grid: &Grid,
    scales: &[NoiseScale],
    episodes: u32,
    done: &mut dyn FnMut(usize, usize),
) -> Result<FaultMatrix, PlayError> {
    let (_, first, _) = policies.first().expect("there is a policy to measure");
    let has_noise = grid.noise.iter().any(|noise| *noise > 0.0);
    let without_noise = first
        .spec()
        .observation
        .iter()
        .filter(|feature| has_noise && scales.iter().all(|scale| scale.feature != feature.name))
        .map(|feature| feature.name.clone())
        .collect();
    let seed = first.project.evaluate.seed;
    let cells = grid.noise.len() * grid.delay.len() * grid.dropout.len();
    let mut measured = 0;
    let mut found = Vec::new();
    for (name, decision, policy) in policies {
        let mut tolerance = Tolerance {
            policy: name.clone(),
            trained: trained_with(decision),
            cells: Vec::with_capacity(cells),
        };
        for dropout in &grid.dropout {
            for delay in &grid.delay {
                for noise in &grid.noise {
                    let faults = faults(*noise, *delay, *dropout, scales);
                    tolerance.cells.push(cell(
                        decision,
                        policy,
                        (*noise, *delay, *dropout),
                        faults,
                        episodes,
                        seed,
                    )?);
                    measured += 1;
                    done(measured, cells * policies.len());
                }
            }
        }
        found.push(tolerance);
    }
    Ok(FaultMatrix {
        project: first.project.charter.name.clone(),
        grid: grid.clone(),
        episodes,
        seed,
        without_noise,
        noise_scales: scales.to_vec(),
        policies: found,
    })
}

fn faults(noise: f64, delay: u32, dropout: f64, scales: &[NoiseScale]) -> Vec<Disturbance> {
    let mut faults = if noise > 0.0 { noise::sensors(noise, scales) } else { Vec::new() };
    if delay > 0 {
        faults.push(Disturbance::ObservationDelay { steps: Levels(vec![f64::from(delay)]) });
    }
    if dropout > 0.0 {
        faults.push(Disturbance::Dropout {
            probability: Levels(vec![dropout]),
            mean_steps: 1.0,
            together: false,
            features: Vec::new(),
        });
    }
    faults
}

fn cell(
    decision: &Decision,
    policy: &Policy,
    (noise, delay, dropout): (f64, u32, f64),
    faults: Vec<Disturbance>,
    episodes: u32,
    seed: u64,
) -> Result<Cell, PlayError> {
    let mut faulty = decision.clone();
    faulty.project.disturbances = faults;
    faulty.project.curriculum = None;
    faulty.project.evaluate.level = None;
    faulty.project.evaluate.disturbed = true;
    let returns = returns(&faulty, policy, seed, episodes as usize, None)?;
    let mut random = Stream::new(seed, "bootstrap faults", 0);
    Ok(Cell {
        noise,
        delay,
        dropout,
        episode_return: mean(returns.iter().copied()),
        interval: bootstrap(returns.len(), &mut random, |indices| {
            mean(indices.iter().map(|index| returns[*index]))
        }),
    })
}

/// Stores the matrix in a run.
pub fn keep(matrix: &FaultMatrix, hashes: &Hashes, folder: &RunFolder) -> Result<(), FileError> {
    evidence_file::write(&folder.evidence("faults"), hashes, matrix)
}
