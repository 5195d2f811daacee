//! The whole page: the order of the sections.

use crate::faults::faults;
use crate::reward_tests::{probes, reward_tests};
use crate::validation::validation;
use crate::{Report, gantt, sections};
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
        sections::foreign(report),
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
            "<p class=\"headline\">Over {} seeds, {} gets {:.1} ± {:.1} reward per step (mean ± standard deviation; 95 % \
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
            "<p class=\"gate {class}\">{word}: the whole interval of the lift must lie at or above {required_lift_percent} \
             %.</p>\n"
        );
    }
    html
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// A new section is a function in a file of its own, its module in `lib.rs`, and a line in [`super::render`].
    #[test]
    fn every_section_stands_on_the_page_once() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let read = |path: &Path| std::fs::read_to_string(path).unwrap();
        let page = read(&folder.join("page.rs"));
        let list = page.split_once("= [").unwrap().1.split_once(']').unwrap().0;
        let mut sections = 0;
        for file in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            let stem = file.file_stem().unwrap().to_string_lossy().into_owned();
            for declared in read(&file).split("\npub fn ").skip(1).filter(|_| stem != "page") {
                let Some((name, _)) = declared.split_once("(report: &Report) -> String") else { continue };
                // The text before belongs to another function.
                let Some(name) = Some(name).filter(|name| !name.contains('(')) else { continue };
                let line = |call: &str| list.lines().filter(|line| line.trim() == call).count();
                let calls = line(&format!("{name}(report),")) + line(&format!("{stem}::{name}(report),"));
                assert_eq!(calls, 1, "{name} of {stem}.rs");
                sections += 1;
            }
        }
        assert_eq!(sections, list.matches("(report)").count());
    }
}
