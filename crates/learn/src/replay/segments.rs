//! A replay buffer on disk: the new steps since the last checkpoint are appended, so that a checkpoint costs only the new
//! steps, not the whole buffer.
//!
//! The folder contains segments, named by their first step. A segment is a row of blocks, each with the identity of its run, its
//! length and a BLAKE3 hash of all that. A checkpoint records the number of steps; a resume cuts off later blocks, whose updates
//! it repeats, after everything else was found good. Segments that no kept checkpoint needs are deleted.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use super::block::{Written, append, is_of_another_format, split_block};
use super::rows::Rows;
use super::{Replay, ReplayState, Shape};
use crate::error::TrainError;
use setpoint_files::identity::Identity;
use setpoint_files::run::Marker;
use setpoint_files::run_folder::is_segment;
use setpoint_files::storage::{self, Writer};
use setpoint_files::{FileError, atomic};

/// A new segment begins once the present one is this long.
const SEGMENT_BYTES: u64 = 16 << 20;
/// A longer file is no segment: one block more than a segment's length, of the largest buffer.
const BYTES_MAX: u64 = 64 << 30;
/// Number of older checkpoints whose data is kept: more than the number of kept checkpoints.
const KEPT: usize = 4;

/// Where a buffer is written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segments {
    run: Identity,
    /// The segment that is appended to, and its length.
    current: Option<(PathBuf, u64)>,
    /// Steps that are on disk.
    synced: u64,
    /// Steps on disk at the last checkpoints, oldest first.
    checkpoints: VecDeque<u64>,
}

/// Changes of the folder that a resume makes once everything was found good.
#[derive(Debug, Default)]
#[must_use]
pub struct Changes {
    delete: Vec<PathBuf>,
    cut: Vec<(PathBuf, u64)>,
}

impl Changes {
    /// Whether nothing came after the checkpoint.
    pub fn is_empty(&self) -> bool {
        self.delete.is_empty() && self.cut.is_empty()
    }

    /// Deletes and cuts off what came after the checkpoint.
    pub fn make(self, folder: &Path) -> Result<(), FileError> {
        if self.is_empty() {
            return Ok(());
        }
        for path in &self.delete {
            storage::remove(path).map_err(FileError::on("delete", path))?;
        }
        for (path, length) in &self.cut {
            Writer::open_at(path, *length)
                .and_then(|file| file.sync())
                .map_err(FileError::on("cut off", path))?;
        }
        storage::sync_folder(folder).map_err(FileError::on("sync", folder))
    }

    /// Deletes all segments: no checkpoint relies on them.
    pub fn delete_all(folder: &Path) -> Result<Self, FileError> {
        Ok(Self { delete: list(folder)?, cut: Vec::new() })
    }
}

impl Segments {
    /// No segments yet, of a run.
    pub fn of(run: Identity) -> Self {
        Self { run, current: None, synced: 0, checkpoints: VecDeque::new() }
    }

    /// Appends what was added since the last call, durably.
    pub fn sync(&mut self, replay: &Replay, folder: &Path) -> Result<(), TrainError> {
        let held_from = replay.steps.saturating_sub(replay.capacity_steps as u64);
        let first = self.synced.max(held_from);
        if first < replay.steps {
            atomic::create_folder(folder)?;
            let block = replay.rows_from(first);
            let payload = block.to_bytes(replay.shape);
            let (path, length) = match self.current.take() {
                Some((path, length)) if length < SEGMENT_BYTES => (path, length),
                _ => (folder.join(format!("{first:014}.replay")), 0),
            };
            let written = append(&path, length, self.run, &payload).map_err(FileError::on("write", &path))?;
            self.current = Some((path, written));
            self.synced = replay.steps;
        }
        self.checkpoints.push_back(replay.steps);
        if self.checkpoints.len() > KEPT {
            let oldest = self.checkpoints.pop_front().unwrap_or(0);
            self.delete_before(folder, oldest.saturating_sub(replay.capacity_steps as u64))?;
        }
        Ok(())
    }

    /// Deletes segments that hold nothing from `step` on.
    fn delete_before(&self, folder: &Path, step: u64) -> Result<(), TrainError> {
        let all = list(folder)?;
        for pair in all.windows(2) {
            if first_step(&pair[1]).is_some_and(|next| next <= step) {
                storage::remove(&pair[0]).map_err(FileError::on("delete the old segment", &pair[0]))?;
            }
        }
        Ok(())
    }

    /// Fills an empty buffer with what a checkpoint's state speaks of. Changes nothing in the folder: the changes that cut off
    /// what came later are returned.
    pub fn restore(
        replay: &mut Replay,
        state: ReplayState,
        folder: &Path,
        marker: &Marker,
    ) -> Result<(Self, Changes), TrainError> {
        let lanes = replay.shape.lanes as u64;
        let slots = replay.capacity_steps as u64 * lanes;
        let held = (state.steps * lanes).saturating_sub(slots)..state.steps * lanes;
        let Shape { lanes: rows, features, tensor_bytes, .. } = replay.shape;
        let cuts_fit = state.cuts.iter().all(|(place, last)| held.contains(place) && last.len() == features)
            && (tensor_bytes == 0 || state.cut_tensors.len() == state.cuts.len())
            && state.cut_tensors.iter().all(|tensors| tensors.len() == tensor_bytes);
        let head_fits = state.head.observations.len() == rows * features
            && state.head.tensors.len() == rows * tensor_bytes;
        if !head_fits || !cuts_fit {
            return Err(refuse(folder, "its replay buffer has another shape than this project's".into()));
        }
        let from = state.steps.saturating_sub(replay.capacity_steps as u64);
        let mut wanted = Wanted { from, to: state.steps, reached: from };
        let (mut segments, mut changes) = (Self::of(marker.identity), Changes::default());
        for path in list(folder)? {
            if first_step(&path).is_none_or(|first| first >= state.steps) {
                changes.delete.push(path);
                continue;
            }
            let bytes = storage::read(&path, BYTES_MAX).map_err(FileError::on("read", &path))?;
            let good = read_blocks(&path, &bytes, replay, &mut wanted, marker)?;
            if good < bytes.len() {
                changes.cut.push((path.clone(), good as u64));
            }
            segments.current = Some((path, good as u64));
        }
        if wanted.reached < state.steps {
            let (reached, expected) = (wanted.reached, state.steps);
            let missing = format!("its replay buffer ends at step {reached}, expected {expected}");
            return Err(refuse(folder, missing));
        }
        replay.steps = state.steps;
        replay.head = state.head;
        replay.cut_again(state.cuts, state.cut_tensors);
        segments.synced = state.steps;
        segments.checkpoints.push_back(state.steps);
        Ok((segments, changes))
    }
}

/// The steps that a restored buffer holds, and how far it has them.
struct Wanted {
    from: u64,
    to: u64,
    reached: u64,
}

fn refuse(path: &Path, reason: String) -> TrainError {
    TrainError::Replay { path: path.to_owned(), reason }
}

/// Puts the blocks of a segment into the buffer; returns the length of those that the checkpoint knows.
fn read_blocks(
    path: &Path,
    bytes: &[u8],
    replay: &mut Replay,
    wanted: &mut Wanted,
    marker: &Marker,
) -> Result<usize, TrainError> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let before = bytes.len() - rest.len();
        if is_of_another_format(rest) {
            let reason = format!(
                "its block at byte {before} has another format than this Setpoint ({}) reads; resume with the Setpoint \
                 that wrote it",
                env!("CARGO_PKG_VERSION")
            );
            return Err(refuse(path, reason));
        }
        // The checkpoint was written after all of its blocks: what is damaged behind them a kill cut short.
        let is_behind = wanted.reached >= wanted.to;
        let written = split_block(rest).filter(Written::is_whole);
        let block = written.as_ref().and_then(|written| Rows::from_bytes(written.payload, replay.shape));
        let fitting = block.filter(|block| block.fits(replay.shape));
        let (Some(block), Some(written)) = (fitting, written) else {
            if is_behind {
                break;
            }
            return Err(refuse(path, format!("its block at byte {before} does not match its checksum")));
        };
        if !marker.owns(written.run) {
            let found = written.run.map_or("an older run".to_owned(), |run| format!("run {}", run.short()));
            let run = marker.identity.short();
            return Err(TrainError::OtherRun { path: path.to_owned(), found, run });
        }
        let end = block.first_step + block.steps(replay.shape);
        if end > wanted.to {
            break;
        }
        if end > wanted.from {
            if block.first_step > wanted.reached {
                let (reached, found) = (wanted.reached, block.first_step);
                return Err(refuse(path, format!("steps {reached} to {found} are missing before it")));
            }
            replay.put(&block, wanted.from);
            wanted.reached = end;
        }
        rest = written.after;
    }
    Ok(bytes.len() - rest.len())
}

fn first_step(path: &Path) -> Option<u64> {
    path.file_stem()?.to_str()?.parse().ok()
}

/// Segments of a folder, oldest first.
fn list(folder: &Path) -> Result<Vec<PathBuf>, FileError> {
    let mut paths = storage::list(folder).map_err(FileError::on("list", folder))?;
    paths.retain(|path| is_segment(path));
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::replay::Step;
    use crate::replay::block::MAGIC_OF_ALL;
    use setpoint_process::process::Outcome;

    const SHAPE: Shape = Shape { lanes: 2, features: 3, axes: 1, masked_choices: 0, tensor_bytes: 0 };

    fn marker() -> Marker {
        crate::checkpoint::tests::marker()
    }

    fn add(replay: &mut Replay, count: u64) {
        for _ in 0..count {
            let t = replay.steps as f32;
            let over = if replay.steps % 5 == 4 { Outcome::Truncated } else { Outcome::Running };
            replay.add(Step {
                choices: &[],
                controls: &[t * 0.01, -t * 0.01],
                rewards: &[t, -t],
                outcomes: &[over, Outcome::Running],
                observations: &[t; 6],
                final_observations: &[t + 0.5; 6],
                allowed: &[],
                tensors: &[],
                final_tensors: &[],
            });
        }
    }

    /// Whatever was added between checkpoints, and whatever was written after one, the restored buffer is the buffer.
    #[test]
    fn restoring_gives_the_buffer_back_and_cuts_off_what_came_later() {
        let folder = tempfile::tempdir().unwrap();
        let mut replay = Replay::new(SHAPE, 2 * 50);
        let mut segments = Segments::of(marker().identity);
        for added in [3, 20, 0, 1, 40, 70, 7] {
            add(&mut replay, added);
            segments.sync(&replay, folder.path()).unwrap();
            let kept = replay.clone();
            // Work that no checkpoint remembers: a whole block and a torn one.
            let mut beyond = segments.clone();
            let mut later = replay.clone();
            add(&mut later, 11);
            beyond.sync(&later, folder.path()).unwrap();
            let (path, length) = beyond.current.clone().unwrap();
            std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"setpoint rep").unwrap();
            let mut again = Replay::new(SHAPE, 2 * 50);
            let (restored, changes) =
                Segments::restore(&mut again, kept.state(), folder.path(), &marker()).unwrap();
            changes.make(folder.path()).unwrap();
            segments = restored;
            assert_eq!(again, kept);
            assert!(std::fs::metadata(&path).map_or(true, |data| data.len() < length));
            replay = again;
        }
    }

    /// A training that is resumed twice on a process that begins new episodes: what the first resume cut off was already
    /// written as running.
    #[test]
    fn what_was_cut_off_stays_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let mut replay = Replay::new(SHAPE, 2 * 50);
        let mut segments = Segments::of(marker().identity);
        add(&mut replay, 12);
        segments.sync(&replay, folder.path()).unwrap();
        for added in [3, 5, 60] {
            replay.cut_off(&[100.0; 6], &[], &[]);
            add(&mut replay, added);
            segments.sync(&replay, folder.path()).unwrap();
            let mut again = Replay::new(SHAPE, 2 * 50);
            drop(Segments::restore(&mut again, replay.state(), folder.path(), &marker()).unwrap());
            assert_eq!(again, replay);
        }
        assert!(replay.cuts.is_empty(), "60 steps later the ring holds none of them");
        let mut beyond = replay.state();
        beyond.cuts.push((1 << 40, vec![0.0; 3]));
        let refused = Segments::restore(&mut Replay::new(SHAPE, 2 * 50), beyond, folder.path(), &marker());
        assert!(refused.is_err());
    }

    #[test]
    fn a_damaged_or_missing_segment_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let mut replay = Replay::new(SHAPE, 2 * 50);
        add(&mut replay, 30);
        Segments::of(marker().identity).sync(&replay, folder.path()).unwrap();
        let path = list(folder.path()).unwrap().remove(0);
        let bytes = std::fs::read(&path).unwrap();
        let mut broken = bytes.clone();
        broken[200] ^= 1;
        std::fs::write(&path, &broken).unwrap();
        let restore = || {
            let mut again = Replay::new(SHAPE, 2 * 50);
            Segments::restore(&mut again, replay.state(), folder.path(), &marker()).unwrap_err().to_string()
        };
        let error = restore();
        assert!(error.contains("00000000000000.replay") && error.contains("checksum"), "{error}");
        // A newer version's blocks are not taken for a torn one, which would be cut off.
        let mut newer = bytes.clone();
        newer[MAGIC_OF_ALL.len()] = b'3';
        std::fs::write(&path, &newer).unwrap();
        let error = restore();
        assert!(error.contains("00000000000000.replay") && error.contains("another format"), "{error}");
        assert!(std::fs::read(&path).unwrap() == newer);
        std::fs::remove_file(&path).unwrap();
        let error = restore();
        assert!(error.contains("ends at step 0, expected 30"), "{error}");
    }

    #[test]
    fn old_segments_are_deleted_and_a_checkpoint_writes_what_is_new() {
        let folder = tempfile::tempdir().unwrap();
        let mut replay = Replay::new(SHAPE, 2 * 100);
        let mut segments = Segments::of(marker().identity);
        let mut largest = 0;
        for _ in 0..40 {
            add(&mut replay, 25);
            let before = segments.current.as_ref().map_or(0, |(_, length)| *length);
            segments.sync(&replay, folder.path()).unwrap();
            largest = largest.max(segments.current.as_ref().unwrap().1 - before);
            // Segments as short as can be, so that there are many.
            segments.current = None;
        }
        // 25 steps of two lanes, 21 bytes a transition and a little more for the ends of episodes.
        assert!(largest < 2_000, "{largest}");
        assert!(list(folder.path()).unwrap().len() <= 4 + KEPT + 2);
        let mut again = Replay::new(SHAPE, 2 * 100);
        drop(Segments::restore(&mut again, replay.state(), folder.path(), &marker()).unwrap());
        assert_eq!(again, replay);
    }
}
