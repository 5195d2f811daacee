//! The simulator against a log of the plant, if there is a validation.

use crate::Report;
use setpoint_page::escape;
use setpoint_page::{maybe_with_interval, section, table};
use setpoint_statistics::{grouped, number};
use setpoint_study::validate::distribution::Distribution;
use setpoint_study::validate::gap::Gap;
use setpoint_study::validate::verdict::{Reason, Verdict};

/// Verdict, gaps, distributions and the faults of the log; empty without evidence.
pub fn validation(report: &Report) -> String {
    let Some(found) = &report.validation else { return String::new() };
    let mark = if found.verdict == Verdict::Inconsistent { "fail" } else { "pass" };
    let mut body = format!("<p class=\"gate {mark}\">{}</p>\n", escape(&found.sentence));
    if let Some(controller) = &found.controller {
        body += &format!(
            "<p>The logged actions depend on the state, so a clone of the controller decided in the simulator: it {}.</p>\n",
            controller.quality()
        );
    }
    let what = if found.controller.is_some() { "the clone in" } else { "the actions of" };
    body += &format!(
        "<p>The simulator played {what} {} logged episodes ({} rows); small figures are 95 % bootstrap intervals over \
         pieces of episodes.</p>\n",
        grouped(found.episodes as f64),
        grouped(found.rows as f64)
    );
    let unit = |unit: &str| match unit {
        "1" | "" => String::new(),
        unit => format!(" <span class=\"unit\">{}</span>", escape(unit)),
    };
    let gap = |gap: &Gap| {
        vec![
            format!("{}{}", escape(&gap.name), unit(&gap.unit)),
            number(gap.logged),
            number(gap.simulated),
            maybe_with_interval(gap.percent, gap.interval_percent),
        ]
    };
    let rows: Vec<Vec<String>> = found.reward.iter().chain(&found.signals).map(gap).collect();
    body += &table(&["mean per step", "log", "simulator", "gap in %"].map(str::to_owned), &rows);
    if let Some(note) = found.without_percent() {
        body += &format!("<p class=\"quiet\">{}</p>\n", escape(&note));
    }
    let distribution = |found: &Distribution| {
        vec![
            format!("{}{}", escape(&found.name), unit(&found.unit)),
            format!("{} ± {}", number(found.means[0]), number(found.deviations[0])),
            format!("{} ± {}", number(found.means[1]), number(found.deviations[1])),
            match found.wasserstein_share {
                Some(share) => format!("{} ({} sd)", number(found.wasserstein), number(share)),
                None => number(found.wasserstein),
            },
            number(found.ks_distance),
        ]
    };
    let rows: Vec<Vec<String>> = found.distributions.iter().map(distribution).collect();
    let header = ["distribution", "log", "simulator", "Wasserstein distance", "KS distance"];
    body += &table(&header.map(str::to_owned), &rows);
    let reasons = found.reasons.iter().map(|Reason { verdict, sentence }| (verdict.word(), sentence));
    let findings = found.audit.findings.iter();
    let findings =
        findings.map(|finding| (if finding.accepted { "log, accepted" } else { "log" }, &finding.sentence));
    let left_out = found.audit.left_out.sentence(found.audit.format.row_word());
    let items: String = reasons
        .chain(findings)
        .chain(left_out.iter().map(|sentence| ("log", sentence)))
        .map(|(word, sentence)| format!("<li><b>{word}</b>: {}</li>\n", escape(sentence)))
        .collect();
    if !items.is_empty() {
        body += &format!("<ul class=\"quiet\">\n{items}</ul>\n");
    }
    section("Simulator against plant", &body)
}
