//! The memory that a training takes, before it takes it: buffers that do not fit are refused with their sizes.

use setpoint_decision::spec::Spec;
use setpoint_nn::encoder::Encoder;

/// Numbers of a network for each parameter: parameter, gradient, two moments of Adam, transposed weights.
const NUMBERS_PER_PARAMETER: f64 = 5.0;
/// Bytes of a number.
pub const NUMBER: f64 = 4.0;

/// A part of a training that takes memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Need {
    /// The option that makes it large.
    pub key: &'static str,
    /// Its name and its size, for people.
    pub what: String,
    /// Its bytes, at least. A real number: sizes may exceed every integer.
    pub bytes: f64,
}

impl Need {
    /// Networks of these hidden layers from the observation to the action, with their buffers for batches of `rows`; each has
    /// these encoders.
    pub fn networks(spec: &Spec, hidden: &[&[usize]], encoders: &[Encoder], rows: usize) -> Self {
        let sum = |of: fn(&Encoder) -> usize| encoders.iter().map(of).sum::<usize>() as f64;
        let of_row = sum(Encoder::kept) + sum(Encoder::input);
        let mut numbers = 0.0;
        for widths in hidden {
            let ends = [spec.observation.len() as f64 + sum(Encoder::output), spec.action.len() as f64];
            let widths: Vec<f64> =
                [&ends[..1], &widths.iter().map(|width| *width as f64).collect::<Vec<_>>(), &ends[1..]]
                    .concat();
            let trunk: f64 = widths.windows(2).map(|pair| (pair[0] + 1.0) * pair[1]).sum();
            numbers += NUMBERS_PER_PARAMETER * (trunk + sum(Encoder::parameters));
            numbers += rows as f64 * (widths.iter().sum::<f64>() + of_row);
        }
        let count = hidden.len();
        let what = format!("{count} network(s) with the hidden layers {:?} and batches of {rows}", hidden[0]);
        Self { key: "net_arch", what, bytes: NUMBER * numbers }
    }
}

/// The reason why the needs together do not fit in this memory, at the option that takes most; `None` if they fit.
pub fn refusal(needs: &[Need], available: u64) -> Option<(&'static str, String)> {
    let total: f64 = needs.iter().map(|need| need.bytes).sum();
    if total <= available as f64 {
        return None;
    }
    let largest = needs.iter().max_by(|a, b| a.bytes.total_cmp(&b.bytes))?;
    let reason = format!(
        "{} takes {:.1} GB; this machine has {:.1} GB free",
        largest.what,
        largest.bytes / 1e9,
        available as f64 / 1e9
    );
    Some((largest.key, reason))
}

/// Memory that is free without swapping, in bytes, if the system reports it.
pub fn available_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_part_is_named_where_all_parts_together_do_not_fit() {
        let need = |key, bytes| Need { key, what: format!("the {key}"), bytes };
        let needs = [need("a", 2e9), need("b", 3e9)];
        assert_eq!(refusal(&needs, 5_000_000_000), None);
        let expected = "the b takes 3.0 GB; this machine has 4.9 GB free".to_owned();
        assert_eq!(refusal(&needs, 4_900_000_000), Some(("b", expected)));
        assert_eq!(refusal(&[], 0), None);
    }
}
