//! Episodes that are cut where time jumps.

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
