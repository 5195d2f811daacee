//! What the reward must prefer, and whether it does.

use setpoint_decision::preference::Preference;

use super::Report;
use super::chart::{escape, number};
use super::sections::{section, table, with_interval};
use crate::preferences::Trial;

/// A row a preference; nothing where the project has none.
pub fn reward_tests(report: &Report) -> String {
    if report.trials.is_empty() {
        return String::new();
    }
    let row = |(preference, trial): &(Preference, Trial)| {
        let Preference { name, description, prefer, over, steps, .. } = preference;
        let why =
            description.as_ref().map_or(String::new(), |text| format!("<br><small>{}</small>", escape(text)));
        let [preferred, other] = trial.returns;
        let window = steps.map_or("whole episodes".to_owned(), |steps| format!("{steps} steps"));
        vec![
            format!("{} {}{why}", if trial.holds() { "✓" } else { "✗" }, escape(name)),
            format!("<b>{}</b><small>{}</small>", number(preferred), escape(&prefer.words())),
            format!("<b>{}</b><small>{}</small>", number(other), escape(&over.words())),
            with_interval(trial.difference.mean, trial.difference.interval),
            window,
        ]
    };
    let rows: Vec<Vec<String>> = report.trials.iter().map(row).collect();
    let header = ["must be so", "preferred", "over", "difference", "in"].map(str::to_owned);
    let body = format!(
        "<p>Two ways to behave from the same beginnings, without constraints: the reward must pay the first one more.</p>\n{}",
        table(&header, &rows)
    );
    section("Reward tests", &body)
}
