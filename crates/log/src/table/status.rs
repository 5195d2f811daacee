//! Words that historians, OPC servers, databases and spreadsheets write in place of a value.

/// Of any program, in lower case.
const WORDS: &[&str] = &[
    "na",
    "n/a",
    "n.a.",
    "<na>",
    "nan",
    "null",
    "(null)",
    "<null>",
    "\\n",
    "none",
    "nil",
    "-",
    "--",
    "---",
    "?",
    "missing",
    "empty",
    "blank",
    "unavailable",
    "not available",
    "invalid",
    "error",
    "failed",
    "fault",
    "timeout",
    "offline",
    "stale",
    "unknown",
];

/// Digital states of the PI system and of its relatives, in lower case.
const STATES: &[&str] = &[
    "access denied",
    "arc off-line",
    "arc offline",
    "calc crash",
    "calc failed",
    "calc off",
    "calc overflow",
    "calc timeout",
    "coercion failed",
    "comm error",
    "comm fail",
    "comm failed",
    "comm failure",
    "config error",
    "configure",
    "configured",
    "dcs failed",
    "device failure",
    "digital state",
    "doubtful",
    "equip fail",
    "error data",
    "filter fail",
    "filtered",
    "i/o error",
    "i/o timeout",
    "inp failed",
    "input failed",
    "intf shut",
    "interface shut",
    "invalid data",
    "invalid float",
    "isolated",
    "last known value",
    "no alarm data",
    "no answer",
    "no comm",
    "no connection",
    "no data",
    "no good data",
    "no input",
    "no lab data",
    "no result",
    "no sample",
    "no snapshot",
    "no value",
    "not connect",
    "not connected",
    "not converge",
    "not ready",
    "not responding",
    "off-line",
    "offscan",
    "out of range",
    "out of serv",
    "out of service",
    "over range",
    "overrange",
    "over flow",
    "overflow",
    "point created",
    "pt created",
    "pt deleted",
    "questionable",
    "read error",
    "scan off",
    "scan timeout",
    "sensor fail",
    "sensor failure",
    "set to bad",
    "shutdown",
    "snapfix",
    "start point",
    "starved",
    "substituted",
    "trace off-line",
    "under range",
    "underrange",
    "unit down",
    "waiting for initial data",
    "write failed",
];

/// Of spreadsheets in English and German, in lower case; others begin with `#` and end with `!` or `?`.
const SPREADSHEET: &[&str] = &["#n/a", "#nv", "#getting_data"];

/// Whether a cell says that there is no value; `text` is trimmed and not empty.
pub fn is_status(text: &str) -> bool {
    let lower = text.to_lowercase();
    let lower = lower.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(&lower).trim();
    WORDS.contains(&lower)
        || STATES.contains(&lower)
        || SPREADSHEET.contains(&lower)
        || (lower.len() > 2 && lower.starts_with('#') && lower.ends_with(['!', '?']))
        // Too narrow a column of a spreadsheet, or of a printer.
        || lower.bytes().all(|byte| byte == b'#')
        || lower.bytes().all(|byte| byte == b'*')
        || begins_with_quality(text)
}

/// OPC: `Bad`, `Bad, Not Connected`, `BAD [Comm Failure]`, `Bad_NoCommunication`, and OPC UA's `BadNoCommunication`.
fn begins_with_quality(text: &str) -> bool {
    ["bad", "uncertain"].into_iter().any(|quality| {
        let Some(beginning) = text.get(..quality.len()) else { return false };
        let next = text[quality.len()..].chars().next();
        beginning.eq_ignore_ascii_case(quality)
            && next.is_none_or(|next| {
                !next.is_alphanumeric() || (next.is_uppercase() && beginning != quality.to_uppercase())
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_no_values_and_other_words_are_not_states() {
        for text in [
            "No Data",
            "I/O Timeout",
            "pt created",
            "[Shutdown]",
            "Bad",
            "BAD",
            "Bad, Out of Service",
            "BadNotConnected",
            "Bad_Input",
            "Uncertain [Last Usable]",
            "#WERT!",
            "#NAME?",
            "#NV",
            "####",
            "NaN",
            "None",
            "-",
            "n/a",
            "<null>",
        ] {
            assert!(is_status(text), "{text}");
        }
        for text in ["heat", "Badger", "badly", "increase speed", "#17", "good", "0", "1 bar", "auto"] {
            assert!(!is_status(text), "{text}");
        }
    }
}
