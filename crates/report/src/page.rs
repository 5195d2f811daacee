//! The page as a whole: what comes in which order.

use crate::faults::faults;
use crate::reward_tests::{probes, reward_tests};
use crate::validation::validation;
use crate::{Report, gantt, sections, verdict};
use setpoint_page::{document, escape};

/// The whole page.
pub fn render(report: &Report) -> String {
    let charter = &report.problem.decision.project.charter;
    let sections: String = [
        sections::charter(report),
        sections::seeds(report),
        sections::comparison(report),
        validation(report),
        gantt::section(report),
        sections::learning(report),
        sections::reward_terms(report),
        reward_tests(report),
        probes(report),
        faults(report),
        sections::actions(report),
        sections::weights(report),
        sections::scenarios(report),
        sections::notes(report),
        sections::provenance(report),
    ]
    .concat();
    document(&charter.name, "Setpoint report", &headline(report), &sections)
}

/// The verdict, and whether the gate was passed.
fn headline(report: &Report) -> String {
    let problem = &report.problem;
    let mut html = String::new();
    if let Some(seeds) = &report.seeds {
        let reward = &seeds.reward_per_step;
        html += &format!(
            "<p class=\"verdict\">Over {} seeds, {} makes {:.1} ± {:.1} reward per step (mean ± standard deviation; 95 % \
             interval of the mean {:.1} to {:.1}).</p>\n",
            seeds.runs.len(),
            escape(&problem.options.name().to_uppercase()),
            reward.mean,
            reward.sd,
            reward.interval.low,
            reward.interval.high
        );
    } else if let Some(sentence) = report.evaluation.as_ref().and_then(|found| verdict(found, problem)) {
        html += &format!("<p class=\"verdict\">{}</p>\n", escape(&sentence));
    } else {
        html += "<p class=\"verdict\">This policy has not been compared with a baseline yet.</p>\n";
    }
    let gate = report
        .evaluation
        .as_ref()
        .filter(|_| report.seeds.is_none())
        .and_then(|found| found.gate(&problem.decision));
    if let (Some(passed), Some(required)) = (gate, problem.decision.project.evaluate.required_lift_percent) {
        let (class, word) = if passed { ("pass", "✓ Gate passed") } else { ("fail", "✗ Gate failed") };
        html += &format!(
            "<p class=\"gate {class}\">{word}: the whole interval must lie at or above a lift of {required} %.</p>\n"
        );
    }
    html
}
