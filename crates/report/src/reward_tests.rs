//! The reward tests, and the reward-hacking probes.

use setpoint_decision::preference::Preference;

use crate::Report;
use setpoint_evidence::preferences::Trial;
use setpoint_page::escape;
use setpoint_page::{section, table, with_interval};
use setpoint_statistics::{grouped, number};
use setpoint_study::probes::{Flag, SAFETY};

/// One row per preference; empty without preferences.
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
    let header = ["reward test", "preferred", "over", "difference", "in"].map(str::to_owned);
    let body = format!(
        "<p>Two behaviours from the same initial states, without constraints: the first must get more reward.</p>\n{}",
        table(&header, &rows)
    );
    section("Reward tests", &body)
}

/// The symptoms that the probes found, one sentence each; empty without probes.
pub fn probes(report: &Report) -> String {
    let Some(probed) = &report.probed else { return String::new() };
    let steps = grouped(probed.steps as f64);
    if probed.flags.is_empty() {
        let body = format!(
            "<p>Trainings of {steps} steps on the whole reward and on each of its terms alone showed no symptom.</p>\n"
        );
        return section("Reward-hacking probes", &body);
    }
    let row = |flag: &Flag| {
        let fails = flag.by_the_whole_reward && flag.name == SAFETY;
        let mark = if fails { "✗" } else { "!" };
        let asked = if flag.by_the_whole_reward { "the whole reward" } else { "one term alone" };
        vec![format!("{mark} {}<br><small>{asked}</small>", escape(&flag.name)), escape(&flag.sentence)]
    };
    let rows: Vec<Vec<String>> = probed.flags.iter().map(row).collect();
    let body = format!(
        "<p>Trainings of {steps} steps, without constraints, on the whole reward and on each of its terms alone, and the \
         symptoms of their policies. ✗ marks a fault of the reward; look at the other symptoms.</p>\n<div \
         class=\"prose\">{}</div>",
        table(&["symptom", "behaviour"].map(str::to_owned), &rows)
    );
    section("Reward-hacking probes", &body)
}
