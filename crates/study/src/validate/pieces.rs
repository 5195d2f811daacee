//! The pairs of the comparison: episodes of the log and of the simulator, cut into the same pieces.

use std::ops::Range;

use setpoint_log::{Log, LoggedEpisode};

/// Greatest number of rows to compare; of more rows, every second, third … episode.
const ROWS_MAX: usize = 200_000;
/// Greatest number of rows of one episode to compare.
const EPISODE_ROWS_MAX: usize = 50_000;
/// With fewer episodes they are cut into shorter pieces.
const PIECES_MIN: usize = 20;
/// Pieces into which a log of few episodes is cut.
const PIECES: usize = 40;
/// Least number of rows of a piece, if episodes are cut.
const PIECE_ROWS_MIN: usize = 20;

/// The episodes to compare, spread over the whole log, each with at most this number of steps.
pub fn chosen(log: &Log, steps_max: Option<u32>) -> Log {
    let rows_max = steps_max.map_or(EPISODE_ROWS_MAX, |steps| EPISODE_ROWS_MAX.min(steps as usize));
    let capped = |episode: &LoggedEpisode| {
        let length = episode.rows.len().min(rows_max);
        let terminated = if length < episode.rows.len() { None } else { episode.terminated };
        LoggedEpisode { rows: episode.rows.start..episode.rows.start + length, terminated, ..episode.clone() }
    };
    // The simulator begins where an episode begins, so a piece from within an episode has no counterpart.
    let begun = log.episodes.iter().filter(|episode| !episode.continued).map(capped);
    let all: Vec<LoggedEpisode> = begun.collect();
    let all = if all.is_empty() { log.episodes.iter().map(capped).collect() } else { all };
    let rows: usize = all.iter().map(|episode| episode.rows.len()).sum();
    let every = rows.div_ceil(ROWS_MAX).max(1);
    let mut chosen = Log {
        features: log.features,
        groups: log.groups,
        width: log.width,
        signals_per_row: log.signals_per_row,
        ..Log::default()
    };
    all.iter().step_by(every).for_each(|episode| chosen.append_episode(log, episode));
    chosen
}

/// The log and the simulator in pairs.
#[derive(Clone, Debug)]
pub struct Both {
    /// The log of the plant.
    pub logged: Log,
    /// The log of the simulator.
    pub simulated: Log,
    /// Rows of each piece in the log and in the simulator; the latter may have none.
    pub pieces: Vec<(Range<usize>, Range<usize>)>,
}

impl Both {
    /// Cuts both in the same way. Episode i of one side belongs to episode i of the other.
    pub fn cut(logged: Log, simulated: Log) -> Self {
        let few = logged.episodes.len() < PIECES_MIN;
        let length = if few { logged.rows().div_ceil(PIECES).max(PIECE_ROWS_MIN) } else { usize::MAX };
        let mut pieces = Vec::new();
        for (own, other) in logged.episodes.iter().zip(&simulated.episodes) {
            let count = own.rows.len().div_ceil(length).max(1);
            for piece in 0..count {
                let part = |rows: &Range<usize>| {
                    let begin = rows.end.min(rows.start.saturating_add(piece.saturating_mul(length)));
                    begin..rows.end.min(begin.saturating_add(length))
                };
                pieces.push((part(&own.rows), part(&other.rows)));
            }
        }
        Self { logged, simulated, pieces }
    }

    /// Number of pieces.
    pub fn len(&self) -> usize {
        self.pieces.len()
    }

    /// Whether there is no piece.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// A side with its pieces: first the log, then the simulator.
    pub fn sides(&self) -> [(&Log, Vec<Range<usize>>); 2] {
        [
            (&self.logged, self.pieces.iter().map(|(own, _)| own.clone()).collect()),
            (&self.simulated, self.pieces.iter().map(|(_, other)| other.clone()).collect()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(lengths: &[usize]) -> Log {
        let mut log = Log { features: 1, width: 1, signals_per_row: 1, ..Log::default() };
        for length in lengths {
            let begin = log.rows();
            for row in begin..begin + length {
                log.observations.push(row as f32);
                log.actions.push(0.0);
                log.signals.push(0.0);
                log.rewards.push(0.0);
                log.probabilities.push(f64::NAN);
                log.lines.push(row as u64 + 2);
            }
            log.episodes.push(LoggedEpisode { rows: begin..begin + length, ..LoggedEpisode::default() });
        }
        log
    }

    #[test]
    fn pieces_are_the_same_parts_of_both_sides() {
        let both = Both::cut(log(&[50, 30]), log(&[50, 5]));
        // 80 rows in pieces of 20: three of the first episode, two of the second.
        let expected =
            [(0..20, 0..20), (20..40, 20..40), (40..50, 40..50), (50..70, 50..55), (70..80, 55..55)];
        assert_eq!(both.pieces, expected);
        let many = Both::cut(log(&[3; 30]), log(&[2; 30]));
        assert_eq!((many.len(), many.pieces[1].clone()), (30, (3..6, 2..4)));
    }

    #[test]
    fn long_logs_are_thinned_by_whole_episodes() {
        let long = log(&[60_000, 100_000, 100_000, 100_000, 100_000, 10]);
        let lengths =
            |chosen: &Log| chosen.episodes.iter().map(|episode| episode.rows.len()).collect::<Vec<usize>>();
        let found = chosen(&long, None);
        assert_eq!(lengths(&found), [50_000, 50_000, 50_000]);
        assert_eq!(found.observation(50_000)[0], 160_000.0);
        assert_eq!(lengths(&chosen(&long, Some(30))), [30, 30, 30, 30, 30, 10]);
    }
}
