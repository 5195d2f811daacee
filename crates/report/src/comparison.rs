//! `compare.html`: several algorithms on one decision, in the report's style.

use std::fmt::Write;

use setpoint_files::FileError;
use setpoint_files::atomic;
use setpoint_files::run_folder::RunFolder;
use setpoint_learn::problem::Problem;
use setpoint_page::chart::{Band, learning_bands};
use setpoint_page::document;
use setpoint_page::escape;
use setpoint_page::{section, table, with_interval};
use setpoint_statistics::{grouped, number};
use setpoint_study::compare::{AlgorithmComparison, AlgorithmResult};

/// Writes the page of a comparison into its folder; `problems` are those of its algorithms, for their options.
pub fn write_comparison(
    comparison: &AlgorithmComparison,
    problems: &[Problem],
    folder: &RunFolder,
) -> Result<(), FileError> {
    atomic::replace(&folder.comparison_page(), page(comparison, problems).as_bytes())
}

fn page(comparison: &AlgorithmComparison, problems: &[Problem]) -> String {
    let headline = format!("<p class=\"headline\">{}</p>\n", escape(&comparison.recommendation.text()));
    let sections =
        [returns(comparison), learning(comparison), notes(comparison), provenance(comparison, problems)]
            .concat();
    document(&comparison.settings.project, "Setpoint comparison", &headline, &sections)
}

/// A line in the colour of a curve, before its name.
fn named(series: usize, result: &AlgorithmResult) -> String {
    format!("<span class=\"swatch s{series}\"></span>{}", escape(&result.algorithm))
}

fn returns(comparison: &AlgorithmComparison) -> String {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for (series, result) in comparison.results.iter().enumerate() {
        let over_seeds = &result.episode_return;
        rows.push(vec![
            named(series, result),
            with_interval(over_seeds.mean, over_seeds.interval),
            number(over_seeds.sd),
            number(over_seeds.interquartile_mean),
            result
                .probability_of_improvement
                .map_or("–".to_owned(), |share| format!("{:.0}", 100.0 * share)),
            grouped(result.steps_per_second),
            format!("{:.1}", result.wall_seconds),
        ]);
    }
    for baseline in &comparison.baselines {
        let mut row = vec![format!("<span class=\"unit\">{}</span>", escape(&baseline.name))];
        row.push(number(baseline.episode_return));
        row.resize(7, String::new());
        rows.push(row);
    }
    let header =
        ["algorithm", "return per episode", "sd", "IQM", "beats the next %", "steps/s", "training s"];
    let seeds = comparison.settings.seeds;
    let few = if seeds < 5 { " With so few seeds it is close to the range from worst to best." } else { "" };
    let body = format!(
        "<p>Mean over {seeds} seed{}, each trained on {} environment steps and evaluated on the same {} episodes; the \
         small figures are the 95 % bootstrap interval of the mean.{few} “Beats the next”: the share of pairs of seeds in \
         which an algorithm returns more than the algorithm below it. Steps per second and seconds refer to one training \
         on one core.</p>\n{}",
        if seeds == 1 { "" } else { "s" },
        grouped(comparison.settings.steps as f64),
        comparison.episodes_per_seed,
        table(&header.map(str::to_owned), &rows)
    );
    section("Returns", &body)
}

fn learning(comparison: &AlgorithmComparison) -> String {
    let baselines: Vec<(String, f64)> =
        comparison.baselines.iter().map(|found| (found.name.clone(), found.episode_return)).collect();
    let mut bands = Vec::new();
    let mut legend = String::new();
    for (series, result) in comparison.results.iter().enumerate() {
        let points = result.curve.iter().map(|point| (point.steps as f64, point.mean, point.interval));
        bands.push(Band { series, points: points.collect() });
        let _ = write!(legend, "<li>{}</li>", named(series, result));
    }
    let chart = learning_bands(&bands, &baselines);
    let body = format!(
        "<figure><ul class=\"legend\">{legend}</ul>{}<figcaption>Mean return of the last 100 training episodes at equal \
         environment steps: the line is the mean over seeds, the band its 95 % bootstrap interval, dashed lines are the \
         baselines. Algorithms explore while they train, so their policies usually return more in the evaluation.{}\
         </figcaption></figure>\n",
        chart.html, chart.outside
    );
    section("Learning", &body)
}

fn notes(comparison: &AlgorithmComparison) -> String {
    let mut items = String::new();
    for result in &comparison.results {
        for warning in &result.warnings {
            let _ = writeln!(items, "<li><b>{}</b>: {}</li>", escape(&result.algorithm), escape(warning));
        }
    }
    for left_out in &comparison.left_out {
        let (name, reason) = (escape(&left_out.algorithm), escape(&left_out.reason));
        let _ = writeln!(items, "<li><b>{name}</b> was left out: {reason}</li>");
    }
    if items.is_empty() {
        items
    } else {
        section("Notes on the algorithms", &format!("<ul>\n{items}</ul>\n"))
    }
}

fn provenance(comparison: &AlgorithmComparison, problems: &[Problem]) -> String {
    let settings = &comparison.settings;
    let share = format!(
        "{:.3} of the project's {} environment steps",
        settings.share,
        grouped(settings.project_steps as f64)
    );
    let seeds = match settings.seeds {
        1 => settings.seed.to_string(),
        count => format!("{} to {}", settings.seed, settings.seed + count - 1),
    };
    let rows = [
        ("process", comparison.process.clone()),
        ("share", share),
        ("seeds", seeds),
        ("Setpoint", env!("CARGO_PKG_VERSION").to_owned()),
    ];
    let mut body = String::from("<dl>\n");
    for (name, value) in rows {
        let _ = writeln!(body, "<dt>{name}</dt><dd>{}</dd>", escape(&value));
    }
    body += "</dl>\n";
    for problem in problems {
        let name = problem.options.name();
        let options =
            toml::to_string(&problem.options).expect("options are numbers, texts and lists of them");
        let _ = write!(
            body,
            "<details><summary>Options of {name}, with every default</summary>\n<pre>[train.{name}]\n{}</pre></details>\n",
            escape(&options)
        );
    }
    section("How this result was obtained", &body)
}
