//! The whole page: the order of the sections.

use crate::faults::faults;
use crate::reward_tests::{probes, reward_tests};
use crate::validation::validation;
use crate::{Report, actions, gantt, sections};
use setpoint_evidence::gate::{Gate, gate};
use setpoint_evidence::headline::headline;
use setpoint_evidence::headroom::headroom;
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
        actions::section(report),
        sections::weights(report),
        sections::scenarios(report),
        sections::notes(report),
        sections::foreign(report),
        sections::provenance(report),
    ]
    .concat();
    document(&charter.name, "Setpoint report", &summary(report), &sections)
}

/// The result in sentences: the headline's figure, every trade, and every requirement of the gate with its figures.
fn summary(report: &Report) -> String {
    let decision = &report.problem.decision;
    if let Some(seeds) = &report.seeds {
        return format!("<p class=\"headline\">{}</p>\n", escape(&seeds.headline(decision)));
    }
    let found = report.evaluation.as_ref();
    let sentence = found.and_then(|found| headline(found, decision));
    let sentence =
        sentence.unwrap_or_else(|| "This policy has not been compared with a baseline yet.".to_owned());
    let mut html = format!("<p class=\"headline\">{}</p>\n", escape(&sentence));
    if let Some(sentence) = found.and_then(|found| headroom(found, decision)) {
        html += &format!("<p>{}</p>\n", escape(&sentence));
    }
    if let Some(Gate { passed, findings }) = found.and_then(|found| gate(found, decision)) {
        let (class, word) = if passed { ("pass", "✓ Gate passed") } else { ("fail", "✗ Gate failed") };
        html += &format!("<p class=\"gate {class}\">{word}</p>\n<ul class=\"findings\">\n");
        for finding in findings {
            let (class, mark) = if finding.passed { ("pass", "✓") } else { ("fail", "✗") };
            html += &format!("<li><span class=\"{class}\">{mark}</span>{}</li>\n", escape(&finding.sentence));
        }
        html += "</ul>\n";
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
