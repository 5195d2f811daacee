//! Columns proposed by the words and the units of their headings.

/// A feature, signal or setting, and its unit.
pub(super) type Named<'a> = (&'a str, &'a str);
/// Name and column.
type Columns = Vec<(String, String)>;

/// Words without information about the content of a column.
const EMPTY_WORDS: &[&str] =
    &["norm", "normalized", "normalised", "value", "val", "raw", "pv", "actual", "mean", "avg"];
/// Least similarity of a proposal.
const SIMILAR: f64 = 0.8;
/// Least similarity of two words that count as the same.
const SAME_WORD: f64 = 0.85;
/// Similarity that an equal unit adds.
const UNIT: f64 = 0.1;

/// The headings of a table.
pub(super) struct Headings<'a> {
    pub names: &'a [String],
    units: Vec<String>,
}

impl<'a> Headings<'a> {
    /// Units stand in brackets after a name, or in a row of their own.
    pub(super) fn new(names: &'a [String], below: &[String]) -> Self {
        let unit = |(index, name): (usize, &String)| match split(name).1 {
            "" => below.get(index).cloned().unwrap_or_default(),
            unit => unit.to_owned(),
        };
        Self { names, units: names.iter().enumerate().map(unit).collect() }
    }

    /// The most similar pairs of names first, with each column once; and the names without a similar column.
    pub(super) fn propose(
        &self,
        wanted: &[Named<'_>],
        written: &[(String, String)],
        taken: &[String],
        reasons: &mut Vec<String>,
    ) -> (Columns, Vec<String>) {
        let mut chosen: Columns =
            written.iter().filter(|(name, _)| wanted.iter().any(|(own, _)| own == name)).cloned().collect();
        let mut pairs: Vec<(f64, Named<'_>, usize)> = Vec::new();
        for named in wanted {
            for (index, column) in self.names.iter().enumerate() {
                let score = similarity(*named, split(column).0, &self.units[index]);
                if score >= SIMILAR && !taken.contains(column) {
                    pairs.push((score, *named, index));
                }
            }
        }
        pairs.sort_by(|(a, ..), (b, ..)| b.total_cmp(a));
        for (_, (name, unit), index) in pairs {
            let column = &self.names[index];
            if chosen.iter().all(|(own, other)| own != name && other != column) {
                chosen.push((name.to_owned(), column.clone()));
                reasons.extend(reason((name, unit), column, &self.units[index]));
            }
        }
        let position = |name: &String| wanted.iter().position(|(other, _)| other == name);
        chosen.sort_by_key(|(name, _)| position(name));
        let missing = wanted.iter().filter(|(name, _)| chosen.iter().all(|(own, _)| own != name));
        let missing = missing.map(|(name, _)| (*name).to_owned()).collect();
        (chosen, missing)
    }

    /// The only column with a word for actions among its words.
    pub(super) fn of_the_action(&self, taken: &[String], reasons: &mut Vec<String>) -> Option<String> {
        const WORDS: &[&str] =
            &["action", "choice", "decision", "command", "aktion", "entscheidung", "handlung", "eingriff"];
        let is_action = |name: &&String| {
            !taken.contains(name) && words(name).0.iter().any(|word| WORDS.contains(&word.as_str()))
        };
        let mut found = self.names.iter().filter(is_action);
        let column = found.next().filter(|_| found.next().is_none())?;
        reasons.push(format!("action = \"{column}\": the only heading with a word for an action"));
        Some(column.clone())
    }
}

/// Why a column is proposed; nothing if it has the name itself.
fn reason((name, unit): Named<'_>, column: &str, written: &str) -> Option<String> {
    if name == column {
        return None;
    }
    let (same, known) = (same_unit(unit, written), !written.is_empty() && !unit.is_empty());
    let unit = match (known, same) {
        (true, true) => format!(", and the unit {written} too"),
        (true, false) => format!(", but its unit is {written}, not {unit}: convert it"),
        (false, _) => String::new(),
    };
    let (wanted, _) = words(name);
    let common: Vec<String> = words(split(column).0)
        .0
        .into_iter()
        .filter(|word| wanted.iter().any(|own| is_same(own, word)))
        .collect();
    Some(format!("{name} = \"{column}\": the words agree ({}){unit}", common.join(", ")))
}

/// A heading without its unit, and the unit: `Pressure [bar]`, `Pressure (bar)`.
fn split(name: &str) -> (&str, &str) {
    let name = name.trim();
    for (open, close) in [('[', ']'), ('(', ')')] {
        if let Some((base, rest)) = name.split_once(open)
            && let Some((unit, "")) = rest.split_once(close)
            && !base.trim().is_empty()
        {
            return (base.trim(), unit.trim());
        }
    }
    (name, "")
}

fn same_unit(unit: &str, written: &str) -> bool {
    let short = |unit: &str| unit.trim().to_lowercase().replace("deg", "").replace(['°', ' '], "");
    !unit.is_empty() && short(unit) == short(written)
}

/// Letters and digits alone, in lower case.
pub(crate) fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The words of a name in lower case, and its digits. `OperatorEfficiency` has two words.
fn words(name: &str) -> (Vec<String>, String) {
    let mut spaced = String::new();
    let mut last = ' ';
    for c in name.chars() {
        if last.is_lowercase() && c.is_uppercase() {
            spaced.push(' ');
        }
        spaced.push(c);
        last = c;
    }
    let lower = spaced.to_lowercase();
    let all = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !EMPTY_WORDS.contains(word));
    let digits = lower.chars().filter(char::is_ascii_digit).collect();
    // A single letter before a number means station, sensor or line: ct_s1 is ct_1.
    let words = all.map(|word| word.chars().filter(|c| !c.is_ascii_digit()).collect::<String>());
    (words.filter(|word| word.chars().count() > 1).collect(), digits)
}

fn is_same(word: &str, other: &str) -> bool {
    strsim::jaro_winkler(word, other) >= SAME_WORD
}

/// The similarity of a name and a heading, in [0, 1]: the share of their words that the other has too; numbers must be the same.
fn similarity((name, unit): Named<'_>, column: &str, written: &str) -> f64 {
    let ((name, number), (column, other)) = (words(name), words(column));
    if number != other || name.is_empty() || column.is_empty() {
        return 0.0;
    }
    let share = |all: &[String], others: &[String]| {
        let found = all.iter().filter(|word| others.iter().any(|other| is_same(word, other))).count();
        found as f64 / all.len() as f64
    };
    let mut score = 0.5 * (share(&name, &column) + share(&column, &name));
    if strsim::jaro_winkler(&name.concat(), &column.concat()) >= 0.95 {
        score = 1.0;
    }
    // A unit alone is no reason.
    let bonus = if score > 0.0 && same_unit(unit, written) { UNIT } else { 0.0 };
    (score + bonus).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_units_decide() {
        let score = |name, unit, heading: &str| {
            let (column, written) = split(heading);
            similarity((name, unit), column, written)
        };
        for (name, unit, column) in [
            ("ct_1", "s", "ct_norm_s1"),
            ("wip", "parts", "WIP_norm"),
            ("micro_stops", "1", "micro_stops_norm"),
            ("throughput_uph", "1/h", "throughput uph"),
            ("operator_efficiency", "1", "OperatorEfficiency"),
            ("pressure", "bar", "Filler pressure [bar]"),
            ("filler_pressure", "bar", "Pressure filler (bar)"),
            ("failure_prob", "1", "Failure probability"),
            ("wip", "parts", "wipp"),
        ] {
            assert!(score(name, unit, column) >= SIMILAR, "{name} {column}: {}", score(name, unit, column));
        }
        for (name, unit, column) in [
            ("ct_1", "s", "ct_norm_s2"),
            ("wip", "parts", "speed_norm"),
            ("failure_prob", "1", "throughput_uph"),
            ("operator_efficiency", "1", "Operator action"),
            ("pressure", "bar", "Filler pressure [°C]"),
            ("pressure", "bar", "Level [bar]"),
        ] {
            assert!(score(name, unit, column) < SIMILAR, "{name} {column}: {}", score(name, unit, column));
        }
    }

    #[test]
    fn proposals_have_reasons() {
        let names = ["Filler pressure [bar]", "Operator action", "Level [cm]"].map(str::to_owned);
        let headings = Headings::new(&names, &[]);
        let mut reasons = Vec::new();
        let (columns, open) = headings.propose(
            &[("pressure", "bar"), ("level", "m"), ("operator_efficiency", "1")],
            &[],
            &[],
            &mut reasons,
        );
        assert_eq!(
            columns.iter().map(|(_, column)| column.as_str()).collect::<Vec<_>>(),
            [&names[0], &names[2]]
        );
        assert_eq!(open, ["operator_efficiency"]);
        assert_eq!(headings.of_the_action(&[], &mut reasons).as_deref(), Some("Operator action"));
        assert!(
            reasons.iter().any(|reason| reason.contains("(pressure), and the unit bar too")),
            "{reasons:?}"
        );
        assert!(
            reasons.iter().any(|reason| reason.contains("its unit is cm, not m: convert it")),
            "{reasons:?}"
        );
    }
}
