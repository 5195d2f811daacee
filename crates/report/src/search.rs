//! `tune.html`: a search's trials as parallel coordinates, the importance of options, and the proof of the best trial.

use std::fmt::Write;

use setpoint_decision::tuning::{Ranges, Values};

use setpoint_files::FileError;
use setpoint_files::atomic;
use setpoint_files::run_folder::RunFolder;
use setpoint_learn::problem::Problem;
use setpoint_page::document;
use setpoint_page::escape;
use setpoint_page::{section, table};
use setpoint_statistics::number;
use setpoint_study::tune::importance::importance;
use setpoint_study::tune::sampler::encode;
use setpoint_study::tune::{Proof, Trial, by_merit};

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 330.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 30.0;
const SIDE: f64 = 56.0;
/// Trials in the table.
const SHOWN: usize = 15;

/// Writes the page of a search into its folder. Without a proof, the project's own options were the best.
pub fn write_search(
    problem: &Problem,
    ranges: &Ranges,
    trials: &[Trial],
    proof: Option<&Proof>,
    folder: &RunFolder,
) -> Result<(), FileError> {
    let verdict = proof.map_or_else(
        || format!("Of {} trials the project's own options were the best: keep them.", trials.len()),
        Proof::verdict,
    );
    let headline = format!("<p class=\"headline\">{}</p>\n", escape(&verdict));
    let search = Search::new(problem, ranges, trials);
    let sections =
        [search.settings(proof.is_some()), search.coordinates(), search.mattered(), search.table()].concat();
    let page = document(&problem.decision.project.charter.name, "Setpoint search", &headline, &sections);
    atomic::replace(&folder.search_page(), page.as_bytes())
}

struct Search<'a> {
    algorithm: &'a str,
    ranges: &'a Ranges,
    order: Vec<&'a Trial>,
    /// For each trial in the order of merit: one encoded value per range.
    encoded: Vec<Vec<Option<f64>>>,
    /// For each trial: its score at the first share of the steps, which every trained trial has.
    scores: Vec<Option<f64>>,
}

impl<'a> Search<'a> {
    fn new(problem: &'a Problem, ranges: &'a Ranges, trials: &'a [Trial]) -> Self {
        let order = by_merit(trials);
        let own = problem.options.written();
        let of = |trial: &&Trial| -> Vec<Option<f64>> {
            ranges
                .iter()
                .map(|range| {
                    let set = trial.settings.iter().find(|(option, _)| *option == range.option);
                    encode(&range.values, set.map(|(_, value)| value).or_else(|| own.get(&range.option))?)
                })
                .collect()
        };
        Self {
            algorithm: problem.options.name(),
            ranges,
            encoded: order.iter().map(of).collect(),
            scores: order.iter().map(|trial| trial.scores.first().copied()).collect(),
            order,
        }
    }

    fn settings(&self, better: bool) -> String {
        if !better {
            return String::new();
        }
        let mut text = format!("[train.{}]\n", self.algorithm);
        for (option, value) in &self.order[0].settings {
            let _ = writeln!(text, "{option} = {value}");
        }
        section("The best options", &format!("<pre>{}</pre>\n", escape(&text)))
    }

    /// One axis per option, one line per trial.
    fn coordinates(&self) -> String {
        let known: Vec<f64> = self.scores.iter().flatten().copied().collect();
        let (low, high) = known.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), score| {
            (low.min(*score), high.max(*score))
        });
        if known.len() < 2 || high <= low {
            return String::new();
        }
        let axes = self.ranges.len() + 1;
        let x = |axis: usize| SIDE + (WIDTH - 2.0 * SIDE) * axis as f64 / (axes - 1) as f64;
        let y = |share: f64| HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share;
        let mut svg = format!(
            "<svg class=\"trials\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"Trials as lines over their \
             options\">"
        );
        // The best trial is drawn last, over the others.
        for (place, (encoded, score)) in self.encoded.iter().zip(&self.scores).enumerate().rev() {
            let Some(score) = score else { continue };
            let merit = (score - low) / (high - low);
            let values =
                self.ranges.iter().zip(encoded).map(|(range, value)| Some(share(&range.values, (*value)?)));
            let points: String = values
                .chain([Some(merit)])
                .enumerate()
                .filter_map(|(axis, share)| Some(format!("{:.1},{:.1} ", x(axis), y(share?))))
                .collect();
            let class = if place == 0 { " class=\"best\"" } else { "" };
            let _ = write!(
                svg,
                "<polyline{class} points=\"{}\" style=\"--share:{merit:.3}\"><title>trial {}: {}</title></polyline>",
                points.trim_end(),
                self.order[place].index,
                escape(&self.order[place].words())
            );
        }
        for axis in 0..axes {
            let (name, bottom, top) = match self.ranges.get(axis) {
                Some(range) => {
                    let (bottom, top) = ends(&range.values);
                    (escape(&range.option), bottom, top)
                }
                None => ("return".to_owned(), number(low), number(high)),
            };
            let at = x(axis);
            let _ = write!(
                svg,
                "<line class=\"axis\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{:.1}\"/>\
                 <text class=\"title\" x=\"{at:.1}\" y=\"14\" text-anchor=\"middle\">{name}</text>\
                 <text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\
                 <text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                HEIGHT - BOTTOM,
                TOP - 8.0,
                escape(&top),
                HEIGHT - BOTTOM + 16.0,
                escape(&bottom)
            );
        }
        svg += "</svg>";
        let body = format!(
            "<p>Each line is a trial; darker is better. The right axis shows its mean return after a ninth of the steps, \
             which all trials reached. The thick line is the trial that was best in the end.</p>\n<div \
             class=\"scroll\">{svg}</div>\n"
        );
        section("Trials", &body)
    }

    fn mattered(&self) -> String {
        let mut shares: Vec<(&str, f64)> = Vec::new();
        for (index, range) in self.ranges.iter().enumerate() {
            let pairs = self.encoded.iter().zip(&self.scores);
            let (values, scores): (Vec<f64>, Vec<f64>) =
                pairs.filter_map(|(encoded, score)| Some((encoded[index]?, (*score)?))).unzip();
            shares.extend(importance(&values, &scores).map(|share| (range.option.as_str(), share)));
        }
        if shares.is_empty() {
            return String::new();
        }
        shares.sort_by(|a, b| b.1.total_cmp(&a.1));
        let row = |(name, share): &(&str, f64)| {
            let percent = 100.0 * share;
            vec![
                escape(name),
                format!("{percent:.0} %"),
                format!(
                    "<span class=\"bar\"><span class=\"after\" style=\"width:{percent:.1}%\"></span></span>"
                ),
            ]
        };
        let rows: Vec<Vec<String>> = shares.iter().map(row).collect();
        let body = format!(
            "<p>Share of the variance of the return (after a ninth of the steps) that lies between an option's values, \
             minus the share of chance. The figure does not show effects of combinations.</p>\n{}",
            table(&["option", "share", ""].map(str::to_owned), &rows)
        );
        section("Importance of the options", &body)
    }

    fn table(&self) -> String {
        let rows: Vec<Vec<String>> = self
            .order
            .iter()
            .take(SHOWN)
            .map(|trial| {
                let score =
                    |rung: usize| trial.scores.get(rung).map_or(String::new(), |score| number(*score));
                let words = trial.failed.clone().unwrap_or_else(|| trial.words());
                vec![escape(&words), trial.index.to_string(), score(0), score(1), score(2)]
            })
            .collect();
        let header = ["options", "trial", "at 1/9", "at 1/3", "at the end"].map(str::to_owned);
        let more = self.order.len().saturating_sub(SHOWN);
        let note = if more > 0 { format!("<p class=\"quiet\">and {more} more</p>\n") } else { String::new() };
        section("The best trials", &format!("{}{note}", table(&header, &rows)))
    }
}

/// The position of a value on its axis, from 0 at the bottom to 1.
fn share(values: &Values, encoded: f64) -> f64 {
    match values {
        Values::OneOf(all) => encoded / (all.len() - 1) as f64,
        Values::Between { low, high, log: true, .. } => (encoded - low.ln()) / (high.ln() - low.ln()),
        Values::Between { low, high, .. } => (encoded - low) / (high - low),
    }
}

fn ends(values: &Values) -> (String, String) {
    match values {
        Values::OneOf(all) => (all[0].to_string(), all[all.len() - 1].to_string()),
        Values::Between { low, high, .. } => (low.to_string(), high.to_string()),
    }
}
