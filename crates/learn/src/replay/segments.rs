//! A replay buffer on disk: the new steps since the last checkpoint are appended, so that a checkpoint costs only the new
//! steps, not the whole buffer.
//!
//! The folder contains segments, named by their first step. A segment is a row of blocks, each with its length and a BLAKE3
//! hash. A checkpoint records the number of steps; a resume cuts off later blocks, whose updates it repeats. Segments that
//! no kept checkpoint needs are deleted.

use std::collections::VecDeque;
use std::fs::{self, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Replay, ReplayState, Shape};
use crate::error::TrainError;
use setpoint_files::FileError;
use setpoint_files::atomic;

/// Every block begins with this; the number is that of the layout.
const MAGIC: &[u8] = b"setpoint replay v1\n";
/// What the blocks of every layout begin with.
const MAGIC_OF_ALL: &[u8] = b"setpoint replay v";
/// A new segment begins once the present one is this long.
const SEGMENT_BYTES: u64 = 16 << 20;
/// Number of older checkpoints whose data is kept: more than the number of kept checkpoints.
const KEPT: usize = 4;

/// Some steps of every lane.
#[derive(Serialize, Deserialize)]
struct Block {
    first_step: u64,
    observations: Vec<f32>,
    choices: Vec<u32>,
    controls: Vec<f32>,
    rewards: Vec<f32>,
    outcomes: Vec<u8>,
    allowed: Vec<u8>,
    finals: Vec<(u64, Vec<f32>)>,
}

/// Where a buffer is written to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Segments {
    /// The segment that is appended to, and its length.
    current: Option<(PathBuf, u64)>,
    /// Steps that are on disk.
    synced: u64,
    /// Steps on disk at the last checkpoints, oldest first.
    checkpoints: VecDeque<u64>,
}

impl Segments {
    /// Appends what was added since the last call, durably.
    pub fn sync(&mut self, replay: &Replay, folder: &Path) -> Result<(), TrainError> {
        let held_from = replay.steps.saturating_sub(replay.capacity_steps as u64);
        let first = self.synced.max(held_from);
        if first < replay.steps {
            atomic::create_folder(folder)?;
            let block = replay.block(first);
            let payload = postcard::to_stdvec(&block).expect("plain data of known length serialises");
            let (path, length) = match self.current.take() {
                Some((path, length)) if length < SEGMENT_BYTES => (path, length),
                _ => (folder.join(format!("{first:014}.replay")), 0),
            };
            let written = append(&path, length, &payload).map_err(FileError::on("write", &path))?;
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
                fs::remove_file(&pair[0]).map_err(FileError::on("delete the old segment", &pair[0]))?;
            }
        }
        Ok(())
    }

    /// Fills an empty buffer with what a checkpoint's state speaks of, and cuts off what came later.
    pub fn restore(
        &mut self,
        replay: &mut Replay,
        state: ReplayState,
        folder: &Path,
    ) -> Result<(), TrainError> {
        let lanes = replay.shape.lanes as u64;
        let slots = replay.capacity_steps as u64 * lanes;
        let held = (state.steps * lanes).saturating_sub(slots)..state.steps * lanes;
        let features = replay.shape.features;
        let cuts_fit = state.cuts.iter().all(|(place, last)| held.contains(place) && last.len() == features);
        if state.head.observations.len() != replay.shape.lanes * features || !cuts_fit {
            return Err(refuse(folder, "its replay buffer has another shape than this project's".into()));
        }
        let from = state.steps.saturating_sub(replay.capacity_steps as u64);
        let mut wanted = Wanted { from, to: state.steps, reached: from };
        *self = Self::default();
        for path in list(folder)? {
            if first_step(&path).is_none_or(|first| first >= state.steps) {
                fs::remove_file(&path).map_err(FileError::on("delete", &path))?;
                continue;
            }
            let bytes = fs::read(&path).map_err(FileError::on("read", &path))?;
            let good = read_blocks(&path, &bytes, replay, &mut wanted)?;
            if good < bytes.len() {
                let file = OpenOptions::new().write(true).open(&path);
                let cut = file.and_then(|file| file.set_len(good as u64));
                cut.map_err(FileError::on("cut off", &path))?;
            }
            self.current = Some((path, good as u64));
        }
        if wanted.reached < state.steps {
            let (reached, expected) = (wanted.reached, state.steps);
            let missing = format!("its replay buffer ends at step {reached}, expected {expected}");
            return Err(refuse(folder, missing));
        }
        replay.steps = state.steps;
        replay.head = state.head;
        replay.cut_again(state.cuts);
        self.synced = state.steps;
        self.checkpoints.push_back(state.steps);
        Ok(())
    }
}

/// The steps that a restored buffer holds, and how far it has them.
struct Wanted {
    from: u64,
    to: u64,
    reached: u64,
}

fn refuse(path: &Path, reason: String) -> TrainError {
    TrainError::Checkpoint { path: path.to_owned(), reason, last_good: None }
}

/// Puts the blocks of a segment into the buffer; returns the length of those that the checkpoint knows.
fn read_blocks(
    path: &Path,
    bytes: &[u8],
    replay: &mut Replay,
    wanted: &mut Wanted,
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
        // A block that a kill cut short lies behind the checkpoint, or the checkpoint would not have been written.
        let Some(Written { hash, payload, after }) = split_block(rest) else { break };
        let whole = blake3::hash(payload).as_bytes() == hash;
        let block: Option<Block> = if whole { postcard::from_bytes(payload).ok() } else { None };
        let Some(block) = block.filter(|block| block.fits(replay.shape)) else {
            return Err(refuse(path, format!("its block at byte {before} does not match its checksum")));
        };
        let end = block.first_step + (block.rewards.len() / replay.shape.lanes) as u64;
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
        rest = after;
    }
    Ok(bytes.len() - rest.len())
}

impl Replay {
    fn block(&self, first: u64) -> Block {
        let Shape { lanes, features, axes, .. } = self.shape;
        let bytes = self.shape.mask_bytes();
        let mut block = Block {
            first_step: first,
            observations: Vec::new(),
            choices: Vec::new(),
            controls: Vec::new(),
            rewards: Vec::new(),
            outcomes: Vec::new(),
            allowed: Vec::new(),
            finals: Vec::new(),
        };
        for step in first..self.steps {
            let slot = (step % self.capacity_steps as u64) as usize;
            let row = |width: usize| slot * lanes * width..(slot + 1) * lanes * width;
            block.observations.extend_from_slice(&self.observations[row(features)]);
            block.choices.extend_from_slice(&self.choices[row(usize::from(axes == 0))]);
            block.controls.extend_from_slice(&self.controls[row(axes)]);
            block.rewards.extend_from_slice(&self.rewards[row(1)]);
            block.outcomes.extend_from_slice(&self.outcomes[row(1)]);
            block.allowed.extend_from_slice(&self.allowed[row(bytes)]);
        }
        let places = first * lanes as u64..;
        block.finals = self.finals.range(places).map(|(place, last)| (*place, last.to_vec())).collect();
        block
    }

    /// Puts a block's steps from `wanted_from` on where they belong.
    fn put(&mut self, block: &Block, wanted_from: u64) {
        let Shape { lanes, features, axes, .. } = self.shape;
        let bytes = self.shape.mask_bytes();
        for offset in 0..block.rewards.len() / lanes {
            let step = block.first_step + offset as u64;
            if step < wanted_from {
                continue;
            }
            let slot = (step % self.capacity_steps as u64) as usize;
            let to = |width: usize| slot * lanes * width..(slot + 1) * lanes * width;
            let from = |width: usize| offset * lanes * width..(offset + 1) * lanes * width;
            let choice = usize::from(axes == 0);
            self.observations[to(features)].copy_from_slice(&block.observations[from(features)]);
            self.choices[to(choice)].copy_from_slice(&block.choices[from(choice)]);
            self.controls[to(axes)].copy_from_slice(&block.controls[from(axes)]);
            self.rewards[to(1)].copy_from_slice(&block.rewards[from(1)]);
            self.outcomes[to(1)].copy_from_slice(&block.outcomes[from(1)]);
            self.allowed[to(bytes)].copy_from_slice(&block.allowed[from(bytes)]);
        }
        for (place, last) in &block.finals {
            if *place >= wanted_from * lanes as u64 {
                self.finals.insert(*place, last.clone().into_boxed_slice());
            }
        }
    }
}

impl Block {
    fn fits(&self, shape: Shape) -> bool {
        let n = self.rewards.len();
        n.is_multiple_of(shape.lanes)
            && self.observations.len() == n * shape.features
            && self.choices.len() == if shape.axes == 0 { n } else { 0 }
            && self.controls.len() == n * shape.axes
            && self.outcomes.len() == n
            && self.allowed.len() == n * shape.mask_bytes()
            && self.finals.iter().all(|(_, last)| last.len() == shape.features)
    }
}

fn append(path: &Path, length: u64, payload: &[u8]) -> std::io::Result<u64> {
    let mut file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
    file.set_len(length)?;
    file.seek(SeekFrom::Start(length))?;
    file.write_all(MAGIC)?;
    file.write_all(&(payload.len() as u64).to_le_bytes())?;
    file.write_all(blake3::hash(payload).as_bytes())?;
    file.write_all(payload)?;
    file.sync_all()?;
    Ok(length + (MAGIC.len() + 8 + 32 + payload.len()) as u64)
}

/// A block as it lies in a segment.
struct Written<'a> {
    hash: &'a [u8],
    payload: &'a [u8],
    /// What follows.
    after: &'a [u8],
}

/// The first block; `None` when it is cut short.
fn split_block(bytes: &[u8]) -> Option<Written<'_>> {
    let rest = bytes.strip_prefix(MAGIC)?;
    let (length, rest) = rest.split_at_checked(8)?;
    let length = u64::from_le_bytes(length.try_into().ok()?);
    let (hash, rest) = rest.split_at_checked(32)?;
    let (payload, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    Some(Written { hash, payload, after })
}

/// Whether a block is one of another layout. Of a block that a kill cut off in its first line nobody can say: it is not.
fn is_of_another_format(bytes: &[u8]) -> bool {
    let first_line = &bytes[..bytes.len().min(MAGIC.len())];
    first_line.starts_with(MAGIC_OF_ALL) && !MAGIC.starts_with(first_line)
}

fn first_step(path: &Path) -> Option<u64> {
    path.file_stem()?.to_str()?.parse().ok()
}

/// Segments of a folder, oldest first.
fn list(folder: &Path) -> Result<Vec<PathBuf>, FileError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(FileError::on("read the folder", folder)(error)),
    };
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "replay"))
        .collect();
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::Step;
    use setpoint_process::process::Outcome;

    const SHAPE: Shape = Shape { lanes: 2, features: 3, axes: 1, masked_choices: 0 };

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
            });
        }
    }

    /// Whatever was added between checkpoints, and whatever was written after one, the restored buffer is the buffer.
    #[test]
    fn restoring_gives_the_buffer_back_and_cuts_off_what_came_later() {
        let folder = tempfile::tempdir().unwrap();
        let mut replay = Replay::new(SHAPE, 2 * 50);
        let mut segments = Segments::default();
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
            fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"setpoint rep").unwrap();
            let mut again = Replay::new(SHAPE, 2 * 50);
            segments.restore(&mut again, kept.state(), folder.path()).unwrap();
            assert_eq!(again, kept);
            assert!(fs::metadata(&path).map_or(true, |data| data.len() < length));
            replay = again;
        }
    }

    /// A training that is resumed twice on a process that begins new episodes: what the first resume cut off was already
    /// written as running.
    #[test]
    fn what_was_cut_off_stays_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let mut replay = Replay::new(SHAPE, 2 * 50);
        let mut segments = Segments::default();
        add(&mut replay, 12);
        segments.sync(&replay, folder.path()).unwrap();
        for added in [3, 5, 60] {
            replay.cut_off(&[100.0; 6], &[]);
            add(&mut replay, added);
            segments.sync(&replay, folder.path()).unwrap();
            let mut again = Replay::new(SHAPE, 2 * 50);
            Segments::default().restore(&mut again, replay.state(), folder.path()).unwrap();
            assert_eq!(again, replay);
        }
        assert!(replay.cuts.is_empty(), "60 steps later the ring holds none of them");
        let mut beyond = replay.state();
        beyond.cuts.push((1 << 40, vec![0.0; 3]));
        let refused = Segments::default().restore(&mut Replay::new(SHAPE, 2 * 50), beyond, folder.path());
        assert!(refused.is_err());
    }

    #[test]
    fn a_damaged_or_missing_segment_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let mut replay = Replay::new(SHAPE, 2 * 50);
        add(&mut replay, 30);
        Segments::default().sync(&replay, folder.path()).unwrap();
        let path = list(folder.path()).unwrap().remove(0);
        let bytes = fs::read(&path).unwrap();
        let mut broken = bytes.clone();
        broken[200] ^= 1;
        fs::write(&path, &broken).unwrap();
        let restore = || {
            let mut again = Replay::new(SHAPE, 2 * 50);
            Segments::default().restore(&mut again, replay.state(), folder.path()).unwrap_err().to_string()
        };
        let error = restore();
        assert!(error.contains("00000000000000.replay") && error.contains("checksum"), "{error}");
        // A newer version's blocks are not taken for a torn one, which would be cut off.
        let mut newer = bytes.clone();
        newer[MAGIC_OF_ALL.len()] = b'2';
        fs::write(&path, &newer).unwrap();
        let error = restore();
        assert!(error.contains("00000000000000.replay") && error.contains("another format"), "{error}");
        assert!(fs::read(&path).unwrap() == newer);
        fs::remove_file(&path).unwrap();
        let error = restore();
        assert!(error.contains("ends at step 0, expected 30"), "{error}");
    }

    #[test]
    fn old_segments_are_deleted_and_a_checkpoint_writes_what_is_new() {
        let folder = tempfile::tempdir().unwrap();
        let mut replay = Replay::new(SHAPE, 2 * 100);
        let mut segments = Segments::default();
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
        Segments::default().restore(&mut again, replay.state(), folder.path()).unwrap();
        assert_eq!(again, replay);
    }
}
