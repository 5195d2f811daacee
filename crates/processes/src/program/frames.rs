//! Requests and answers as frames of bytes, for speed; `docs/program.md` describes them. All numbers are little-endian.
//!
//! A frame begins with the number of the bytes that follow, its kind, and the number of environments, each of 32 bits.

use std::time::Duration;

use setpoint_process::vectorized::Actions;

use super::results::{Results, Widths};
use crate::workers::WorkerError;
use crate::workers::child::{Child, Clock};

/// A request to begin episodes: lanes, then seeds.
const RESET: u32 = 1;
/// A request to take actions: lanes, then choices, then settings.
const STEP: u32 = 2;
/// A request or an answer as a text of JSON.
const TEXT: u32 = 3;
/// Results: observations, signals, outcomes, allowed choices.
const RESULTS: u32 = 4;

/// Bytes of a frame's kind and count.
const HEAD: usize = 8;
/// Bytes of a text of JSON in the place of results at most: an error.
const ERROR_MOST: usize = 1 << 16;

fn write(bytes: &mut Vec<u8>, kind: u32, count: usize, content: usize) {
    for number in [(HEAD + content) as u32, kind, count as u32] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
}

/// Writes a request to begin episodes.
pub fn write_reset(bytes: &mut Vec<u8>, lanes: &[usize], seeds: &[u32]) {
    write(bytes, RESET, lanes.len(), 8 * lanes.len());
    bytes.extend(lanes.iter().flat_map(|lane| (*lane as u32).to_le_bytes()));
    bytes.extend(seeds.iter().flat_map(|seed| seed.to_le_bytes()));
}

/// Writes a request to take the actions of these lanes, of all lanes of a worker.
pub fn write_step(bytes: &mut Vec<u8>, lanes: &[usize], actions: Actions<'_>, all: usize) {
    let width = (actions.choices.len() + actions.settings.len()) / all.max(1);
    write(bytes, STEP, lanes.len(), 4 * lanes.len() * (1 + width));
    bytes.extend(lanes.iter().flat_map(|lane| (*lane as u32).to_le_bytes()));
    for lane in lanes {
        let choices = actions.of_lanes(*lane..lane + 1, all).choices;
        bytes.extend(choices.iter().flat_map(|choice| choice.to_le_bytes()));
    }
    for lane in lanes {
        let settings = actions.of_lanes(*lane..lane + 1, all).settings;
        bytes.extend(settings.iter().flat_map(|value| value.to_le_bytes()));
    }
}

/// Writes a request as a text of JSON.
pub fn write_text(bytes: &mut Vec<u8>, text: &str) {
    write(bytes, TEXT, 0, text.len());
    bytes.extend_from_slice(text.as_bytes());
}

/// Reads a frame of at most `most` bytes after its head; returns its kind and its count.
fn read(
    child: &mut Child,
    content: &mut Vec<u8>,
    most: usize,
    limit: Duration,
) -> Result<(u32, usize), WorkerError> {
    let mut head = [0; 4 + HEAD];
    child.read_exact(&mut head, Clock::new(limit, &|| None))?;
    let [length, kind, count] =
        [0, 4, 8].map(|at| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]));
    let length = length as usize;
    if length < HEAD || length - HEAD > most || !(TEXT..=RESULTS).contains(&kind) {
        let text = crate::workers::child::excerpt(&head);
        return Err(WorkerError::failed(format!(
            "it answered with a frame of {length} bytes of kind {kind}, which is none: it begins with `{text}`. Its standard \
             output is for frames alone after `binary`: let it print to standard error"
        )));
    }
    content.resize(length - HEAD, 0);
    child.read_exact(content, Clock::new(limit, &|| None))?;
    Ok((kind, count as usize))
}

/// Reads an answer as a text of JSON.
pub fn read_text(
    child: &mut Child,
    text: &mut Vec<u8>,
    most: usize,
    limit: Duration,
) -> Result<(), WorkerError> {
    let (kind, _) = read(child, text, most, limit)?;
    if kind == TEXT {
        Ok(())
    } else {
        Err(WorkerError::failed(format!(
            "it answered with a frame of kind {kind}, expected {TEXT}: a text of JSON"
        )))
    }
}

/// Reads the results of `rows` environments.
pub fn read_results(
    child: &mut Child,
    content: &mut Vec<u8>,
    rows: usize,
    limit: Duration,
    widths: &Widths,
    into: &mut Results,
) -> Result<(), WorkerError> {
    let Widths { features, signals, masked, .. } = widths;
    let expected = rows * (4 * (features + signals) + 1 + masked);
    let (kind, count) = read(child, content, expected.max(ERROR_MOST), limit)?;
    if kind == TEXT {
        #[derive(serde::Deserialize)]
        struct Refused {
            error: String,
        }
        let reason = match serde_json::from_slice::<Refused>(content) {
            Ok(Refused { error }) => format!("it answered with the error: {error}"),
            Err(error) => super::messages::unreadable(content, &error.to_string()),
        };
        return Err(WorkerError::failed(reason));
    }
    if count != rows || content.len() != expected {
        return Err(WorkerError::failed(format!(
            "it answered with the results of {count} environments in {} bytes; expected {rows} environments in {expected} bytes",
            content.len()
        )));
    }
    let (observations, rest) = content.split_at(4 * rows * features);
    let (measured, rest) = rest.split_at(4 * rows * signals);
    let (outcomes, allowed) = rest.split_at(rows);
    let numbers = |bytes: &[u8], into: &mut Vec<f32>| {
        into.extend(bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)));
    };
    numbers(observations, &mut into.observations);
    numbers(measured, &mut into.signals);
    if let Some(other) = outcomes.iter().find(|outcome| **outcome > 2) {
        return Err(WorkerError::failed(format!(
            "an outcome was {other}; expected 0 (running), 1 (terminated) or 2 (truncated)"
        )));
    }
    into.outcomes.extend_from_slice(outcomes);
    into.allowed.extend_from_slice(allowed);
    Ok(())
}
