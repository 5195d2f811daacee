//! Requests and answers as lines of JSON: the grammar of `docs/program.md`.

use std::fmt::Write;

use serde::Deserialize;
use serde_json::value::RawValue;

use setpoint_process::vectorized::Actions;

use super::results::{Results, Widths};
use crate::workers::child::excerpt;

/// The version of the grammar.
pub const PROTOCOL: u32 = 1;

/// An answer to `reset` or `step`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    lane: Option<usize>,
    observation: Option<Vec<Option<f64>>>,
    signals: Option<Vec<Option<f64>>>,
    terminated: Option<bool>,
    truncated: Option<bool>,
    allowed: Option<Vec<bool>>,
    error: Option<String>,
}

/// An answer to `batch`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answers<'a> {
    #[serde(borrow)]
    answers: Option<Vec<&'a RawValue>>,
    error: Option<String>,
}

/// An answer to `save`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved<'a> {
    lane: Option<usize>,
    #[serde(borrow)]
    state: Option<&'a RawValue>,
    error: Option<String>,
}

/// An answer that only reports success.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Done {
    lane: Option<usize>,
    ok: Option<bool>,
    error: Option<String>,
}

/// Writes a request to begin an episode.
pub fn write_reset(line: &mut String, lane: usize, seed: u32) {
    let _ = write!(line, r#"{{"request":"reset","lane":{lane},"seed":{seed}}}"#);
}

/// Writes a request to take the action of the only lane in `action`.
pub fn write_step(line: &mut String, lane: usize, action: Actions<'_>) {
    let _ = write!(line, r#"{{"request":"step","lane":{lane}"#);
    if !action.choices.is_empty() {
        line.push_str(r#","choices":["#);
        join(line, action.choices.iter());
    }
    if !action.settings.is_empty() {
        line.push_str(r#","settings":["#);
        // As numbers of 64 bits, so that a program that computes with 64 bits gets the same numbers as by frames.
        join(line, action.settings.iter().copied().map(f64::from));
    }
    line.push('}');
}

/// Writes a request to save the state of an environment.
pub fn write_save(line: &mut String, lane: usize) {
    let _ = write!(line, r#"{{"request":"save","lane":{lane}}}"#);
}

/// Writes a request to restore a state.
pub fn write_load(line: &mut String, lane: usize, state: &str) {
    let _ = write!(line, r#"{{"request":"load","lane":{lane},"state":{state}}}"#);
}

fn join<T: std::fmt::Display>(line: &mut String, values: impl Iterator<Item = T>) {
    for (index, value) in values.enumerate() {
        let _ = if index == 0 { write!(line, "{value}") } else { write!(line, ",{value}") };
    }
    line.push(']');
}

/// Reads the answer to a request about `lane` as the next row of the results. `is_step` tells which request it was.
pub fn read_row(
    text: &[u8],
    lane: usize,
    is_step: bool,
    widths: &Widths,
    into: &mut Results,
) -> Result<(), String> {
    let Answer { lane: own, observation, signals, terminated, truncated, allowed, error } =
        parsed(text, |text| serde_json::from_slice::<Answer>(text).map_err(|error| error.to_string()))?;
    refused(error)?;
    match own {
        Some(own) if own == lane => {}
        Some(own) => {
            return Err(format!(
                "it answered for lane {own}, expected lane {lane}: every request has one answer, in the order of the requests"
            ));
        }
        None => return Err(missing("lane", text)),
    }
    let observation = observation.ok_or_else(|| missing("observation", text))?;
    let signals = signals.ok_or_else(|| missing("signals", text))?;
    widths.check_counts(observation.len(), signals.len())?;
    let numbers = |values: Vec<Option<f64>>| {
        values.into_iter().map(|value| value.map_or(f32::NAN, |value| value as f32))
    };
    into.observations.extend(numbers(observation));
    into.signals.extend(numbers(signals));
    let terminated = match (terminated, is_step) {
        (Some(terminated), true) => terminated,
        (None, true) => return Err(missing("terminated", text)),
        // An episode that is over when it begins has no step.
        (Some(true), false) => return Err("its answer to `reset` has `terminated` true".to_owned()),
        (_, false) => false,
    };
    into.outcomes.push(if terminated { 1 } else { 2 * u8::from(truncated == Some(true)) });
    match (allowed, widths.masked) {
        (Some(allowed), 1..) if allowed.len() == widths.masked => {
            into.allowed.extend(allowed.into_iter().map(u8::from));
        }
        (Some(allowed), 1..) => {
            return Err(format!(
                "`allowed` has {} values, expected {}, one for each choice",
                allowed.len(),
                widths.masked
            ));
        }
        (None, 1..) => return Err(missing("allowed", text)),
        (Some(_), 0) => {
            return Err(
                "its answer has `allowed`, but its description does not have \"masked\": true".to_owned()
            );
        }
        (None, 0) => {}
    }
    Ok(())
}

/// Reads the answers to a `batch` about these lanes; the error names its lane.
pub fn read_rows(
    text: &[u8],
    lanes: &[usize],
    is_step: bool,
    widths: &Widths,
    into: &mut Results,
) -> Result<(), (Option<usize>, String)> {
    let whole = |reason: String| (None, reason);
    // A batch with a NaN is read again with a text of its own.
    let mended = if serde_json::from_slice::<Answers<'_>>(text).is_ok() { None } else { mend(text) };
    let text = mended.as_deref().unwrap_or(text);
    let answers = serde_json::from_slice::<Answers<'_>>(text);
    let Answers { answers, error } = answers.map_err(|error| whole(unreadable(text, &error.to_string())))?;
    refused(error).map_err(whole)?;
    let answers = answers.ok_or_else(|| whole(missing("answers", text)))?;
    if answers.len() != lanes.len() {
        let found = answers.len();
        return Err(whole(format!("its answer to `batch` has {found} answers, expected {}", lanes.len())));
    }
    for (answer, lane) in answers.iter().zip(lanes) {
        read_row(answer.get().as_bytes(), *lane, is_step, widths, into)
            .map_err(|reason| (Some(*lane), reason))?;
    }
    Ok(())
}

/// Reads the answer to `save`.
pub fn read_saved(text: &[u8], lane: usize) -> Result<String, String> {
    let Saved { lane: own, state, error } =
        serde_json::from_slice(text).map_err(|error| unreadable(text, &error.to_string()))?;
    refused(error)?;
    match (own == Some(lane), state) {
        (true, Some(state)) => Ok(state.get().to_owned()),
        (true, None) => Err(missing("state", text)),
        (false, _) => Err(format!("its answer to `save` must have \"lane\": {lane}: `{}`", excerpt(text))),
    }
}

/// Reads an answer that only reports success: to `load`, about a lane, or to `binary`.
pub fn read_done(text: &[u8], lane: Option<usize>) -> Result<(), String> {
    let Done { lane: own, ok, error } =
        serde_json::from_slice(text).map_err(|error| unreadable(text, &error.to_string()))?;
    refused(error)?;
    if own != lane || ok != Some(true) {
        let lane = lane.map(|lane| format!(" and \"lane\": {lane}")).unwrap_or_default();
        return Err(format!("it answered `{}`, expected \"ok\": true{lane}", excerpt(text)));
    }
    Ok(())
}

/// The program's own error.
pub fn refused(error: Option<String>) -> Result<(), String> {
    error.map_or(Ok(()), |error| Err(format!("it answered with the error: {error}")))
}

fn missing(key: &str, text: &[u8]) -> String {
    format!("its answer has no `{key}`: `{}`", excerpt(text))
}

/// An answer, also one with numbers that JSON does not have: `NaN` and `Infinity`, which Python writes.
fn parsed<T>(text: &[u8], read: impl Fn(&[u8]) -> Result<T, String>) -> Result<T, String> {
    read(text).or_else(|error| match mend(text).and_then(|mended| read(&mended).ok()) {
        Some(answer) => Ok(answer),
        None => Err(unreadable(text, &error)),
    })
}

/// The reason why an answer is no answer.
pub fn unreadable(text: &[u8], error: &str) -> String {
    if let Err(error) = std::str::from_utf8(text) {
        return format!("its answer is not UTF-8 from byte {} on: `{}`", error.valid_up_to(), excerpt(text));
    }
    if text.trim_ascii().is_empty() {
        return "it answered with an empty line".to_owned();
    }
    if text.trim_ascii().starts_with(b"{") {
        return format!("its answer cannot be read: {error}: `{}`", excerpt(text));
    }
    format!(
        "it wrote `{}`, which is no answer. Its standard output is for answers alone: let it print to standard error",
        excerpt(text)
    )
}

/// The same text with `null` for `NaN`, and with a number that is too large for `Infinity`; `None` if there is nothing to mend.
fn mend(text: &[u8]) -> Option<Vec<u8>> {
    let (mut mended, mut rest, mut in_text, mut has_changed) = (Vec::new(), text, false, false);
    while let Some((&byte, after)) = rest.split_first() {
        if !in_text && let Some(after) = rest.strip_prefix(b"NaN") {
            mended.extend_from_slice(b"null");
            (rest, has_changed) = (after, true);
            continue;
        }
        if !in_text && let Some(after) = rest.strip_prefix(b"Infinity") {
            mended.extend_from_slice(b"1e300");
            (rest, has_changed) = (after, true);
            continue;
        }
        mended.push(byte);
        rest = after;
        match (byte, in_text) {
            (b'"', _) => in_text = !in_text,
            (b'\\', true) => {
                if let Some((&escaped, after)) = rest.split_first() {
                    mended.push(escaped);
                    rest = after;
                }
            }
            _ => {}
        }
    }
    has_changed.then_some(mended)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_json_does_not_have_are_mended_outside_of_texts_alone() {
        let mended = |text: &str| mend(text.as_bytes()).map(|mended| String::from_utf8(mended).unwrap());
        assert_eq!(mended(r#"{"a": [NaN, -Infinity, 1]}"#).unwrap(), r#"{"a": [null, -1e300, 1]}"#);
        assert_eq!(
            mended(r#"{"a": "NaN \" Infinity \\", "b": NaN}"#).unwrap(),
            r#"{"a": "NaN \" Infinity \\", "b": null}"#
        );
        assert_eq!(mended(r#"{"a": "NaN"}"#), None);
    }

    #[test]
    fn an_action_has_its_choices_and_its_settings_as_numbers_of_64_bits() {
        let mut line = String::new();
        write_step(&mut line, 3, Actions { choices: &[1, 0], settings: &[0.1, -2.0] });
        assert_eq!(
            line,
            r#"{"request":"step","lane":3,"choices":[1,0],"settings":[0.10000000149011612,-2]}"#
        );
    }
}
