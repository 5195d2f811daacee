//! The page as a whole: what comes in which order.

use super::chart::escape;
use super::faults::faults;
use super::reward_tests::{probes, reward_tests};
use super::validation::validation;
use super::{Report, schedule, sections, verdict};

const STYLE: &str = include_str!("style.css");

/// The whole page.
pub fn render(report: &Report) -> String {
    let charter = &report.problem.project.charter;
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

/// A whole self-contained page: a title (not yet HTML), what kind of page it is, what stands below the title, the sections.
pub fn document(title: &str, kind: &str, headline: &str, sections: &str) -> String {
    let title = escape(title);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"icon\" href=\"data:,\">\n\
         <title>{title} – {kind}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <header>\n<p class=\"kicker\">{kind}</p>\n<h1>{title}</h1>\n{headline}</header>\n{sections}</main>\n</body>\n</html>\n"
    )
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
    let gate =
        report.evaluation.as_ref().filter(|_| report.seeds.is_none()).and_then(|found| found.gate(problem));
    if let (Some(passed), Some(required)) = (gate, problem.project.evaluate.required_lift_percent) {
        let (class, word) = if passed { ("pass", "✓ Gate passed") } else { ("fail", "✗ Gate failed") };
        html += &format!(
            "<p class=\"gate {class}\">{word}: the whole interval must lie at or above a lift of {required} %.</p>\n"
        );
    }
    html
}
