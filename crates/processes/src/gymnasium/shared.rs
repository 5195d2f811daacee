//! A file in memory that a worker maps and this program reads and writes: actions go to the worker in it, and all results
//! come back.
//!
//! This program does not map the file, so no code here is unsafe: a read or write at an offset is one call into the kernel,
//! which copies memory. This program reads a worker's numbers only after its answer, and writes actions before its request,
//! so neither side ever sees half of a step.

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Deserialize;

use setpoint_decision::spec::TensorPart;
use setpoint_process::process::Outcome;
use setpoint_process::tensors::ImagesMut;
use setpoint_process::vectorized::{Actions, Transition};

/// The layout of the arrays in the file, as the host defines it.
#[derive(Clone, Debug, Deserialize)]
pub struct Layout {
    bytes: u64,
    arrays: Vec<Array>,
}

#[derive(Clone, Debug, Deserialize)]
struct Array {
    name: String,
    shape: Vec<usize>,
    offset: u64,
}

impl Layout {
    fn array(&self, name: &str) -> Option<&Array> {
        self.arrays.iter().find(|array| array.name == name)
    }

    fn offset(&self, name: &str) -> io::Result<u64> {
        let missing = || io::Error::other(format!("the worker's layout has no `{name}`"));
        Ok(self.array(name).ok_or_else(missing)?.offset)
    }
}

/// Where the arrays of one image begin.
struct TensorArrays {
    now: u64,
    last: u64,
}

/// The file of one worker.
pub struct SharedArrays {
    file: File,
    /// Until it is unlinked.
    path: Option<PathBuf>,
    actions: u64,
    stepping: u64,
    /// The results of a step are contiguous from here, and are read at once.
    results: u64,
    signals: usize,
    current_signals: usize,
    outcomes: usize,
    allowed: Option<usize>,
    final_observations: u64,
    lane: u64,
    tensors: Vec<TensorArrays>,
    /// The buffer for reads and writes.
    bytes: Vec<u8>,
}

impl SharedArrays {
    /// Makes the file, all zeros, readable only by its owner.
    pub fn new(layout: &Layout) -> io::Result<Self> {
        let (file, path) = create()?;
        // Written in full, so that missing memory is an error now, and not for the worker in the middle of a step.
        let zeros = vec![0; layout.bytes as usize];
        if let Err(error) = file.write_all_at(&zeros, 0) {
            let _ = std::fs::remove_file(&path);
            let what = format!("{} bytes of shared memory in {}: {error}", layout.bytes, path.display());
            return Err(io::Error::new(error.kind(), what));
        }
        let results = layout.offset("observations")?;
        let tensor = |index: usize| {
            let now = layout.array(&format!("tensor_{index}"))?.offset;
            Some(TensorArrays { now, last: layout.array(&format!("final_tensor_{index}"))?.offset })
        };
        let within = |name: &str| layout.offset(name).map(|offset| offset.saturating_sub(results) as usize);
        Ok(Self {
            file,
            path: Some(path),
            actions: layout.offset("actions")?,
            stepping: layout.offset("stepping")?,
            results,
            signals: within("signals")?,
            current_signals: within("current_signals")?,
            outcomes: within("outcomes")?,
            allowed: layout.array("allowed").map(|array| array.offset.saturating_sub(results) as usize),
            final_observations: layout.offset("final_observations")?,
            lane: layout.offset("lane")?,
            tensors: (0..).map_while(tensor).collect(),
            bytes: Vec::new(),
        })
    }

    /// The path for the worker; `None` after the worker has opened it.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Removes the file's name: it now exists as long as a process has it open.
    pub fn unlink(&mut self) {
        if let Some(path) = self.path.take() {
            let _ = std::fs::remove_file(path);
        }
    }

    /// Writes the actions of the worker's lanes.
    pub fn write_actions(&mut self, actions: Actions<'_>) -> io::Result<()> {
        self.bytes.clear();
        self.bytes.extend(actions.choices.iter().flat_map(|choice| choice.to_ne_bytes()));
        self.bytes.extend(actions.settings.iter().flat_map(|value| value.to_ne_bytes()));
        self.file.write_all_at(&self.bytes, self.actions)
    }

    /// Writes which of the worker's lanes step.
    pub fn write_stepping(&mut self, steps: &[bool]) -> io::Result<()> {
        self.bytes.clear();
        self.bytes.extend(steps.iter().map(|steps| u8::from(*steps)));
        self.file.write_all_at(&self.bytes, self.stepping)
    }

    /// Reads the results of a step or a reset into the rows of a transition from `first` on.
    pub fn read_results(&mut self, sizes: &Sizes, first: usize, into: &mut Transition) -> io::Result<()> {
        let Sizes { lanes, features, signals, masked } = *sizes;
        self.bytes.resize((self.final_observations - self.results) as usize, 0);
        self.file.read_exact_at(&mut self.bytes, self.results)?;
        let rows = |width: usize| first * width..(first + lanes) * width;
        numbers(&self.bytes, &mut into.observations[rows(features)]);
        numbers(&self.bytes[self.signals..], &mut into.signals[rows(signals)]);
        numbers(&self.bytes[self.current_signals..], &mut into.current_signals[rows(signals)]);
        let outcomes = &mut into.outcomes[rows(1)];
        for (outcome, byte) in outcomes.iter_mut().zip(&self.bytes[self.outcomes..]) {
            *outcome = match byte {
                0 => Outcome::Running,
                1 => Outcome::Terminated,
                _ => Outcome::Truncated,
            };
        }
        let is_over = outcomes.iter().any(|outcome| outcome.is_over());
        if let Some(offset) = self.allowed {
            let allowed = into.allowed[rows(masked)].iter_mut().zip(&self.bytes[offset..]);
            allowed.for_each(|(allowed, byte)| *allowed = *byte != 0);
        }
        if is_over {
            let finals = &mut into.final_observations[rows(features)];
            self.bytes.resize(finals.len() * 4, 0);
            self.file.read_exact_at(&mut self.bytes, self.final_observations)?;
            numbers(&self.bytes, finals);
        }
        self.read_images(first..first + lanes, into)
    }

    /// Reads the images into their rows, and the last ones of the episodes that are over.
    fn read_images(&mut self, lanes: Range<usize>, into: &mut Transition) -> io::Result<()> {
        let Self { file, tensors: arrays, bytes, .. } = self;
        let Transition { tensors, final_tensors, outcomes, .. } = into;
        let images = tensors.iter_mut().zip(final_tensors);
        for (TensorArrays { now, last }, (image, final_image)) in arrays.iter().zip(images) {
            read_image(file, *now, image.images_mut(lanes.clone()), bytes)?;
            let mut at = *last;
            for lane in lanes.clone() {
                let into = final_image.images_mut(lane..lane + 1);
                let size = into.bytes() as u64;
                if outcomes[lane].is_over() {
                    read_image(file, at, into, bytes)?;
                }
                at += size;
            }
        }
        Ok(())
    }

    /// The lane that the worker steps or resets: its position, if it does not answer.
    pub fn present_lane(&self) -> Option<usize> {
        let mut bytes = [0; 4];
        self.file.read_exact_at(&mut bytes, self.lane).ok()?;
        usize::try_from(i32::from_ne_bytes(bytes)).ok()
    }
}

impl Drop for SharedArrays {
    fn drop(&mut self) {
        self.unlink();
    }
}

/// The sizes of a worker's arrays.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Environments.
    pub lanes: usize,
    /// Features of an observation.
    pub features: usize,
    /// Signals.
    pub signals: usize,
    /// Number of choices, if they are masked; otherwise 0.
    pub masked: usize,
}

impl Sizes {
    /// Whether a worker's layout has arrays of these sizes and of these images.
    pub fn fit(&self, layout: &Layout, tensors: &[TensorPart]) -> bool {
        let has = |name: &str, columns: usize| {
            layout.array(name).is_some_and(|array| array.shape == [self.lanes, columns])
        };
        has("observations", self.features)
            && has("final_observations", self.features)
            && has("signals", self.signals)
            && has("current_signals", self.signals)
            && (self.masked == 0 || has("allowed", self.masked))
            && tensors.iter().enumerate().all(|(index, part)| {
                let shape: Vec<usize> = [self.lanes].into_iter().chain(part.form.shape()).collect();
                let has = |name: String| layout.array(&name).is_some_and(|array| array.shape == shape);
                has(format!("tensor_{index}")) && has(format!("final_tensor_{index}"))
            })
    }
}

/// Reads bytes to where they belong, and numbers by way of the buffer.
fn read_image(file: &File, offset: u64, into: ImagesMut<'_>, buffer: &mut Vec<u8>) -> io::Result<()> {
    match into {
        ImagesMut::Bytes(bytes) => file.read_exact_at(bytes, offset),
        ImagesMut::Numbers(values) => {
            buffer.resize(values.len() * 4, 0);
            file.read_exact_at(buffer, offset)?;
            numbers(buffer, values);
            Ok(())
        }
    }
}

fn numbers(bytes: &[u8], into: &mut [f32]) {
    let (numbers, _) = bytes.as_chunks::<4>();
    into.iter_mut().zip(numbers).for_each(|(value, bytes)| *value = f32::from_ne_bytes(*bytes));
}

/// A new file in shared memory, or, without it, in the folder of temporary files.
fn create() -> io::Result<(File, PathBuf)> {
    static FILES: AtomicU64 = AtomicU64::new(0);
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    loop {
        let number = FILES.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!("setpoint-{}-{number}", std::process::id()));
        match OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path) {
            Ok(file) => return Ok((file, path)),
            // A leftover of an earlier process with this number.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                let what = format!("shared memory in {}: {error}", folder.display());
                return Err(io::Error::new(error.kind(), what));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use setpoint_decision::spec::TensorForm;
    use setpoint_process::tensors::TensorRows;

    use super::*;

    const LAYOUT: &str = r#"{"bytes": 448, "arrays": [
        {"name": "actions", "dtype": "uint32", "shape": [2], "offset": 0},
        {"name": "stepping", "dtype": "uint8", "shape": [2], "offset": 64},
        {"name": "observations", "dtype": "float32", "shape": [2, 2], "offset": 128},
        {"name": "signals", "dtype": "float32", "shape": [2, 1], "offset": 192},
        {"name": "current_signals", "dtype": "float32", "shape": [2, 1], "offset": 256},
        {"name": "outcomes", "dtype": "uint8", "shape": [2], "offset": 320},
        {"name": "final_observations", "dtype": "float32", "shape": [2, 2], "offset": 336},
        {"name": "lane", "dtype": "int32", "shape": [1], "offset": 400}]}"#;

    #[test]
    fn what_a_worker_writes_is_read_into_its_rows_alone() {
        let layout: Layout = serde_json::from_str(LAYOUT).unwrap();
        let sizes = Sizes { lanes: 2, features: 2, signals: 1, masked: 0 };
        assert!(sizes.fit(&layout, &[]) && !Sizes { features: 3, ..sizes }.fit(&layout, &[]));
        let mut shared = SharedArrays::new(&layout).unwrap();
        let worker = OpenOptions::new().read(true).write(true).open(shared.path().unwrap()).unwrap();
        shared.unlink();
        assert!(shared.path().is_none());
        shared.write_actions(Actions::of_choices(&[7, 9])).unwrap();
        let mut actions = [0; 8];
        worker.read_exact_at(&mut actions, 0).unwrap();
        assert_eq!(actions[4..], 9_u32.to_ne_bytes());
        worker.write_all_at(&1.5_f32.to_ne_bytes(), 128 + 12).unwrap();
        worker.write_all_at(&[0, 2], 320).unwrap();
        worker.write_all_at(&2.5_f32.to_ne_bytes(), 336 + 8).unwrap();
        worker.write_all_at(&1_i32.to_ne_bytes(), 400).unwrap();
        let mut transition = Transition {
            observations: vec![9.0; 6],
            signals: vec![9.0; 3],
            current_signals: vec![9.0; 3],
            outcomes: vec![Outcome::Terminated; 3],
            final_observations: vec![9.0; 6],
            ..Transition::default()
        };
        shared.read_results(&sizes, 1, &mut transition).unwrap();
        assert_eq!(transition.observations, [9.0, 9.0, 0.0, 0.0, 0.0, 1.5]);
        assert_eq!(transition.signals, [9.0, 0.0, 0.0]);
        assert_eq!(transition.outcomes, [Outcome::Terminated, Outcome::Running, Outcome::Truncated]);
        assert_eq!(transition.final_observations[4], 2.5);
        assert_eq!(shared.present_lane(), Some(1));
    }

    /// Two lanes, each with an image of two bytes and one of a number, behind the other arrays.
    const IMAGES: &str = r#"
        {"name": "tensor_0", "dtype": "uint8", "shape": [2, 1, 2, 1], "offset": 448},
        {"name": "final_tensor_0", "dtype": "uint8", "shape": [2, 1, 2, 1], "offset": 512},
        {"name": "tensor_1", "dtype": "float32", "shape": [2, 1, 1, 1], "offset": 576},
        {"name": "final_tensor_1", "dtype": "float32", "shape": [2, 1, 1, 1], "offset": 640}]}"#;

    #[test]
    fn images_are_read_into_their_rows_and_last_ones_where_an_episode_is_over() {
        let text = LAYOUT.replace("448", "704").replace("\"offset\": 400}]}", "\"offset\": 400},");
        let layout: Layout = serde_json::from_str(&(text + IMAGES)).unwrap();
        let form = |width| TensorForm::Image { height: 1, width, channels: 1 };
        let parts = [
            TensorPart::new("camera", form(2), ""),
            TensorPart::new("depth", TensorForm::NumberImage { height: 1, width: 1, channels: 1 }, ""),
        ];
        let sizes = Sizes { lanes: 2, features: 2, signals: 1, masked: 0 };
        assert!(sizes.fit(&layout, &parts) && !sizes.fit(&layout, &[parts[0].clone(), parts[0].clone()]));
        let mut shared = SharedArrays::new(&layout).unwrap();
        let worker = OpenOptions::new().write(true).open(shared.path().unwrap()).unwrap();
        worker.write_all_at(&[1, 2, 3, 4], 448).unwrap();
        worker.write_all_at(&[5, 6, 7, 8], 512).unwrap();
        worker.write_all_at(&2.5_f32.to_ne_bytes(), 576 + 4).unwrap();
        worker.write_all_at(&4.5_f32.to_ne_bytes(), 640 + 4).unwrap();
        // Only the second lane's episode is over.
        worker.write_all_at(&[0, 2], 320).unwrap();
        let rows = || TensorRows::of_parts(&parts, 3);
        let mut transition = Transition {
            observations: vec![0.0; 6],
            signals: vec![0.0; 3],
            current_signals: vec![0.0; 3],
            outcomes: vec![Outcome::Running; 3],
            final_observations: vec![0.0; 6],
            tensors: rows(),
            final_tensors: rows(),
            ..Transition::default()
        };
        shared.read_results(&sizes, 1, &mut transition).unwrap();
        let all = |tensors: &[TensorRows]| {
            tensors.iter().map(|rows| format!("{:?}", rows.all())).collect::<Vec<_>>()
        };
        assert_eq!(all(&transition.tensors), ["Bytes([0, 0, 1, 2, 3, 4])", "Numbers([0.0, 0.0, 2.5])"]);
        assert_eq!(all(&transition.final_tensors), ["Bytes([0, 0, 0, 0, 7, 8])", "Numbers([0.0, 0.0, 4.5])"]);
    }
}
