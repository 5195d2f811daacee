//! Words and codes for the quality of a value.

use super::status::is_status;

/// Good in OPC, in the PI system, and in words of many historians.
const GOOD: &[&str] = &["good", "g", "ok", "valid", "normal", "gut", "true"];
/// Not good.
const BAD: &[&str] = &[
    "bad",
    "b",
    "uncertain",
    "u",
    "questionable",
    "substituted",
    "invalid",
    "stale",
    "schlecht",
    "unsicher",
    "false",
    "error",
    "offline",
    "timeout",
    "not connected",
    "comm fail",
    "",
];

/// Whether a cell of quality says that a value is good; `None` if the word is unknown. OPC's codes are good from 192, OPC UA's
/// below 0x40000000 (except for the codes of OPC, which they exceed).
pub fn is_good(text: &str, good_too: &[String]) -> Option<bool> {
    let text = text.trim();
    if good_too.iter().any(|word| word.trim().eq_ignore_ascii_case(text)) {
        return Some(true);
    }
    if let Some(code) = code(text) {
        return Some((192..0x4000_0000).contains(&code));
    }
    let lower = text.to_lowercase();
    let word = lower.split([',', '[', '(', '_', '-', ':']).next().unwrap_or("").trim();
    if GOOD.contains(&word) || (text.starts_with("Good") && !text.starts_with("Goods")) {
        return Some(true);
    }
    let is_state = !text.is_empty() && is_status(text);
    (BAD.contains(&word) || is_state).then_some(false)
}

fn code(text: &str) -> Option<u64> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quality_of_opc_and_of_words() {
        for good in ["Good", "GOOD", "192", "0xC0", "216", "Good, Non-specific", "GoodLocalOverride", "ok"] {
            assert_eq!(is_good(good, &[]), Some(true), "{good}");
        }
        for bad in
            ["Bad", "bad [comm failure]", "0", "24", "64", "Uncertain", "0x80000000", "I/O Timeout", ""]
        {
            assert_eq!(is_good(bad, &[]), Some(false), "{bad}");
        }
        assert_eq!(is_good("frisch", &[]), None);
        assert_eq!(
            [is_good("frisch", &["Frisch".to_owned()]), is_good("0", &["0".to_owned()])],
            [Some(true); 2]
        );
    }
}
