//! Episodes that are cut where time jumps, or after a number of rows.

use crate::log::LoggedEpisode;

/// Episodes cut before the given rows, in ascending order; the part before a cut has no known end. If `are_pieces`, the
/// part after a cut is no episode of its own.
pub fn cut(episodes: &[LoggedEpisode], rows: &[usize], are_pieces: bool) -> Vec<LoggedEpisode> {
    let mut pieces = Vec::with_capacity(episodes.len());
    let mut next = rows.iter().copied().peekable();
    for episode in episodes {
        let mut start = episode.rows.start;
        let mut continued = episode.continued;
        while let Some(row) = next.next_if(|row| *row < episode.rows.end) {
            if row > start {
                pieces.push(LoggedEpisode { rows: start..row, terminated: None, continued, cut: true });
                start = row;
                continued = are_pieces;
            }
        }
        pieces.push(LoggedEpisode { rows: start..episode.rows.end, continued, ..episode.clone() });
    }
    pieces
}

/// Episodes of at most so many rows. A part that is followed by another was truncated there, as an episode at its limit of steps.
pub fn cut_after(episodes: &[LoggedEpisode], most: usize) -> Vec<LoggedEpisode> {
    let mut parts = Vec::new();
    for episode in episodes {
        let mut start = episode.rows.start;
        let mut continued = episode.continued;
        while episode.rows.end - start > most {
            let rows = start..start + most;
            parts.push(LoggedEpisode { rows, terminated: Some(false), continued, cut: false });
            (start, continued) = (start + most, false);
        }
        parts.push(LoggedEpisode { rows: start..episode.rows.end, continued, ..episode.clone() });
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_episode_becomes_truncated_ones_and_its_end_stays() {
        let whole = [LoggedEpisode { rows: 3..10, terminated: Some(true), continued: true, cut: false }];
        let part = |rows, terminated, continued| LoggedEpisode { rows, terminated, continued, cut: false };
        let parts =
            [part(3..6, Some(false), true), part(6..9, Some(false), false), part(9..10, Some(true), false)];
        assert_eq!(cut_after(&whole, 3), parts);
        assert_eq!(cut_after(&whole, 7), whole);
    }
}
