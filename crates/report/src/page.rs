//! The page as a whole: what comes in which order.

use crate::faults::faults;
use crate::reward_tests::{probes, reward_tests};
use crate::validation::validation;
use crate::{Report, schedule, sections};
use setpoint_evidence::gate::{self, Gate, gate};
use setpoint_page::{document, escape};

/// The whole page.
pub fn render(report: &Report) -> String {
    let charter = &report.problem.decision.project.charter;
    let sections: String = [
        sections::charter(report),
        sections::seeds(report),
        sections::comparison(report),
        validation(report),
        schedule::section(report),
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

/// The result in one sentence, and whether the gate was passed.
fn headline(report: &Report) -> String {
    let problem = &report.problem;
    let mut html = String::new();
    if let Some(seeds) = &report.seeds {
        let reward = &seeds.reward_per_step;
        html += &format!(
            "<p class=\"headline\">Over {} seeds, {} makes {:.1} ± {:.1} reward per step (mean ± standard deviation; 95 % \
             interval of the mean {:.1} to {:.1}).</p>\n",
            seeds.runs.len(),
            escape(&problem.options.name().to_uppercase()),
            reward.mean,
            reward.sd,
            reward.interval.low,
            reward.interval.high
        );
    } else if let Some(sentence) =
        report.evaluation.as_ref().and_then(|found| gate::sentence(found, &problem.decision))
    {
        html += &format!("<p class=\"headline\">{}</p>\n", escape(&sentence));
    } else {
        html += "<p class=\"headline\">This policy has not been compared with a baseline yet.</p>\n";
    }
    let found = report
        .evaluation
        .as_ref()
        .filter(|_| report.seeds.is_none())
        .and_then(|found| gate(found, &problem.decision));
    if let Some(Gate { required_lift_percent, passed }) = found {
        let (class, word) = if passed { ("pass", "✓ Gate passed") } else { ("fail", "✗ Gate failed") };
        html += &format!(
            "<p class=\"gate {class}\">{word}: the whole interval must lie at or above a lift of {required_lift_percent} %.</p>\n"
        );
    }
    html
}
