//! TensorBoard event files: the figures of `metrics.jsonl` for users of TensorBoard.
//!
//! A file is a row of records (`tensorflow/core/lib/io/record_writer.h`): length, masked CRC-32C of the length, payload, masked
//! CRC-32C of the payload. A payload is an `Event` (`tensorflow/core/util/event.proto`) in Protocol Buffers' wire format, of
//! which four fields are needed. Tags are Stable-Baselines3's where it has the same figure.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::metrics::MetricsLine;
use setpoint_files::run_folder::{EVENTS_NAME, is_events};
use setpoint_files::storage::{self, Writer};
use setpoint_files::{FileError, atomic};

/// The wire types in use.
const VARINT: u8 = 0;
const FIXED_64: u8 = 1;
const BYTES: u8 = 2;
const FIXED_32: u8 = 5;

/// One event file, with one record per log line.
pub struct EventFile {
    path: PathBuf,
    file: BufWriter<Writer>,
    action_names: Vec<String>,
}

impl EventFile {
    /// Begins a file in a folder. If the training continues from `step`, readers drop the records of older files about
    /// later steps.
    pub fn create(folder: &Path, action_names: Vec<String>, step: u64) -> Result<Self, FileError> {
        atomic::create_folder(folder)?;
        let seconds = now();
        let (whole, rest) = (seconds as u64, (1e6 * seconds.fract()) as u64);
        let (begin, end) = EVENTS_NAME;
        let name = format!("{begin}{whole:010}.{rest:06}.{}{end}", std::process::id());
        let path = folder.join(name);
        let file = Writer::create(&path).map_err(FileError::on("write", &path))?;
        let mut events = Self { path, file: BufWriter::new(file), action_names };
        events.record(&event(seconds, 0, 3, b"brain.Event:2"))?;
        if step > 0 {
            let mut start = Vec::new();
            field(&mut start, 1, VARINT, &[1]);
            events.record(&event(seconds, step, 7, &start))?;
        }
        events.flush()?;
        Ok(events)
    }

    /// Adds a log line.
    pub fn add(&mut self, line: &MetricsLine) -> Result<(), FileError> {
        let mut summary = Vec::new();
        for (tag, value) in scalars(line, &self.action_names) {
            let mut entry = Vec::new();
            field(&mut entry, 1, BYTES, tag.as_bytes());
            field(&mut entry, 2, FIXED_32, &(value as f32).to_le_bytes());
            field(&mut summary, 1, BYTES, &entry);
        }
        self.record(&event(now(), line.steps, 5, &summary))?;
        self.flush()
    }

    fn flush(&mut self) -> Result<(), FileError> {
        self.file.flush().map_err(FileError::on("write", &self.path))
    }

    fn record(&mut self, payload: &[u8]) -> Result<(), FileError> {
        let length = (payload.len() as u64).to_le_bytes();
        let parts =
            [&length[..], &masked_crc(&length).to_le_bytes(), payload, &masked_crc(payload).to_le_bytes()];
        parts
            .iter()
            .try_for_each(|part| self.file.write_all(part))
            .map_err(FileError::on("write", &self.path))
    }
}

/// Deletes the event files of a folder: they are about updates that are repeated. Files of other writers stay.
pub fn delete_events(folder: &Path) -> Result<(), FileError> {
    for path in storage::list(folder).map_err(FileError::on("list", folder))? {
        if is_events(&path) {
            storage::remove(&path).map_err(FileError::on("delete", &path))?;
        }
    }
    Ok(())
}

/// Tags and values of a log line.
fn scalars(line: &MetricsLine, action_names: &[String]) -> Vec<(String, f64)> {
    let mut scalars = vec![
        ("time/fps".to_owned(), line.steps_per_second),
        ("time/episodes".to_owned(), line.episodes as f64),
    ];
    let returns = [
        ("rollout/ep_rew_mean", line.return_mean_100.or(line.return_mean)),
        ("rollout/ep_len_mean", line.episode_steps_mean),
        ("rollout/return_best", line.return_best),
        ("rollout/action_entropy", line.action_entropy),
    ];
    scalars.extend(returns.into_iter().filter_map(|(tag, value)| Some((tag.to_owned(), value?))));
    scalars.extend(line.evaluations.last().map(|found| ("eval/mean_reward".to_owned(), found.return_mean)));
    scalars.extend(line.reward_terms.iter().map(|(name, value)| (format!("reward_terms/{name}"), *value)));
    let actions = action_names.iter().zip(&line.action_distribution);
    scalars.extend(actions.map(|(name, share)| (format!("actions/{name}"), *share)));
    scalars.extend(line.learner.iter().map(|(name, value)| (format!("train/{name}"), *value)));
    scalars
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// An `Event` whose content is one message or text.
fn event(wall_time: f64, step: u64, what: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    field(&mut bytes, 1, FIXED_64, &wall_time.to_le_bytes());
    bytes.push(2 << 3 | VARINT);
    varint(&mut bytes, step);
    field(&mut bytes, what, BYTES, content);
    bytes
}

fn field(into: &mut Vec<u8>, number: u8, wire_type: u8, content: &[u8]) {
    into.push(number << 3 | wire_type);
    if wire_type == BYTES {
        varint(into, content.len() as u64);
    }
    into.extend_from_slice(content);
}

fn varint(into: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        into.push(value as u8 | 0x80);
        value >>= 7;
    }
    into.push(value as u8);
}

/// CRC-32C (Castagnoli), in the masked form of the record format: a plain checksum would be unsafe for data that contains
/// checksums.
fn masked_crc(bytes: &[u8]) -> u32 {
    crc(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

fn crc(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = table();
    !bytes.iter().fold(!0, |sum, byte| TABLE[usize::from(sum as u8 ^ byte)] ^ sum >> 8)
}

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut sum, mut bit) = (byte as u32, 0);
        while bit < 8 {
            sum = if sum & 1 == 1 { sum >> 1 ^ 0x82f6_3b78 } else { sum >> 1 };
            bit += 1;
        }
        table[byte] = sum;
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_castagnolis() {
        // RFC 3720, appendix B.4, and the usual check value.
        assert_eq!(crc(b"123456789"), 0xe306_9283);
        assert_eq!(crc(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc(&[0xff; 32]), 0x62a8_ab43);
    }

    #[test]
    fn an_event_by_hand() {
        let mut value = Vec::new();
        field(&mut value, 1, BYTES, b"a");
        field(&mut value, 2, FIXED_32, &1.5_f32.to_le_bytes());
        let mut summary = Vec::new();
        field(&mut summary, 1, BYTES, &value);
        let expected = [
            &[0x09][..],
            &2.0_f64.to_le_bytes(),
            &[0x10, 0xac, 0x02],
            &[0x2a, 10, 0x0a, 8, 0x0a, 1, b'a', 0x15, 0, 0, 0xc0, 0x3f],
        ];
        assert_eq!(event(2.0, 300, 5, &summary), expected.concat());
    }

    /// Lengths and checksums of every record are correct, and the tags exist.
    #[test]
    fn a_file_is_a_row_of_whole_records() {
        let folder = tempfile::tempdir().unwrap();
        let mut events =
            EventFile::create(folder.path(), vec!["left".to_owned(), "right".to_owned()], 40).unwrap();
        let line = MetricsLine {
            steps: 50,
            return_mean_100: Some(7.0),
            action_distribution: vec![0.25, 0.75],
            learner: [("entropy".to_owned(), 0.5)].into(),
            ..MetricsLine::default()
        };
        events.add(&line).unwrap();
        let bytes = std::fs::read(&events.path).unwrap();
        let (mut rest, mut payloads) = (&bytes[..], Vec::new());
        while !rest.is_empty() {
            let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
            let sum = |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().unwrap());
            let payload = &rest[12..12 + length];
            assert_eq!((sum(8), sum(12 + length)), (masked_crc(&rest[..8]), masked_crc(payload)));
            payloads.push(payload);
            rest = &rest[16 + length..];
        }
        assert_eq!(payloads.len(), 3, "version, start step, one log line");
        let holds = |words: &str| payloads[2].windows(words.len()).any(|part| part == words.as_bytes());
        for tag in ["rollout/ep_rew_mean", "actions/right", "train/entropy", "time/fps"] {
            assert!(holds(tag), "{tag}");
        }
    }
}
