//! The state of a training before an update, in memory. A request to stop interrupts an update; the training then goes back
//! to this state, and a resume repeats the update.

use std::time::{Duration, Instant};

use setpoint_evidence::environments::Environments;
use setpoint_process::StateError;

use crate::algorithm::Algorithm;
use crate::episodes::EpisodeStatistics;
use crate::figures::Figures;
use crate::run_files::Marks;
use crate::selection::Selection;

/// The state is kept again after this time: an interruption loses little more than the present update.
const EVERY: Duration = Duration::from_millis(300);
/// Between two keepings a training takes at least this many times the duration of a keeping.
const RARITY: u32 = 20;

/// The parts of a trainer that an update changes, besides learner and environments.
#[derive(Clone, Debug)]
pub(crate) struct Records {
    pub statistics: EpisodeStatistics,
    pub updates: u64,
    pub figures: Figures,
    pub selection: Option<Selection>,
    /// Steps and time of the last line of metrics.
    pub last_line: (u64, f64),
    /// The run's files that grow, if the training has files.
    pub marks: Option<Marks>,
}

/// The state of a training between two updates.
pub(crate) struct KeptState {
    learner: Vec<u8>,
    environments: Vec<u8>,
    records: Records,
    at: Instant,
    took: Duration,
}

impl KeptState {
    /// The present state. A replay buffer is marked, not copied.
    pub fn of(
        learner: &mut dyn Algorithm,
        environments: &Environments,
        records: Records,
    ) -> Result<Self, StateError> {
        let began = Instant::now();
        let (learner_state, environments) = (learner.save()?, environments.save()?);
        if let Some(replay) = learner.replay_to_mark() {
            replay.mark();
        }
        let at = Instant::now();
        Ok(Self { learner: learner_state, environments, records, at, took: at - began })
    }

    /// Whether it is recent enough: going back to it loses little.
    pub fn is_recent(&self) -> bool {
        self.at.elapsed() < EVERY.max(RARITY * self.took)
    }

    /// Goes back to it. The flag tells whether the environments went back too; otherwise they must begin new episodes
    /// before the next step.
    pub fn restore(
        self,
        learner: &mut dyn Algorithm,
        environments: &mut Environments,
    ) -> Result<(Records, bool), StateError> {
        learner.load(&self.learner)?;
        if let Some((replay, state)) = learner.replay_to_restore()
            && !replay.go_back(state)
        {
            return Err(StateError::new("the replay buffer has no mark to go back to"));
        }
        let went_back = environments.go_back(&self.environments)?;
        Ok((self.records, went_back))
    }
}
