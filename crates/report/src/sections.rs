//! The page's sections, each a function from the report to HTML; empty without content.

use std::fmt::Write;

use crate::Report;
use setpoint_decision::spec::behind_number;
use setpoint_evidence::Decision;
use setpoint_evidence::evaluate::{Compared, Evaluation, Subject, breaks};
use setpoint_evidence::gate;
use setpoint_evidence::wording::unit_behind_name;
use setpoint_guard::drivers::DriverKind;
use setpoint_guard::recommendation::{RankedAction, Recommendation};
use setpoint_learn::train::Ending;
use setpoint_page::chart::{bar, diverging, dots, learning_curve};
use setpoint_page::escape;
use setpoint_page::{maybe_with_interval, section, table, with_interval};
use setpoint_statistics::mean;
use setpoint_statistics::versus::Estimate;
use setpoint_statistics::{grouped, number};

pub fn charter(report: &Report) -> String {
    let answers = report.problem.decision.project.charter.answers();
    let mut body = String::from("<dl>\n");
    for (question, answer) in answers {
        let answer = answer.unwrap_or_else(|| "not answered".to_owned());
        let _ = writeln!(body, "<dt>{question}</dt><dd>{}</dd>", escape(&answer));
    }
    for constraint in &report.problem.decision.project.constraints {
        let _ = writeln!(body, "<dt>Constraint</dt><dd>{}</dd>", escape(&constraint.to_string()));
    }
    section("The decision", &(body + "</dl>\n"))
}

pub fn seeds(report: &Report) -> String {
    let Some(seeds) = &report.seeds else { return String::new() };
    let (measure, unit, over_seeds) = seeds.measure(&report.problem.decision);
    let unit = if unit == measure { "1" } else { unit };
    let values = seeds.values(&report.problem.decision);
    let mut rows = vec![
        ("return per episode".to_owned(), &seeds.episode_return),
        ("reward per step".to_owned(), &seeds.reward_per_step),
    ];
    rows.extend(seeds.signals.iter().map(|signal| {
        (
            format!(
                "{} <span class=\"unit\">{}</span>",
                escape(&signal.name),
                escape(unit_behind_name(&signal.name, &signal.unit))
            ),
            &signal.over_seeds,
        )
    }));
    let rows: Vec<Vec<String>> = rows
        .into_iter()
        .map(|(name, summary)| {
            vec![
                name,
                with_interval(summary.mean, summary.interval),
                number(summary.sd),
                number(summary.interquartile_mean),
                number(summary.median),
                number(summary.min),
                number(summary.max),
            ]
        })
        .collect();
    let header = ["", "mean", "sd", "IQM", "median", "worst", "best"].map(str::to_owned);
    let body = format!(
        "<p>Each dot is the {} of one independent training, evaluated on the same episodes; the line is the mean, the band \
         its 95 % interval. The result is the mean, not the best seed.</p>\n{}{}",
        escape(&format!("{measure}{}", behind_number(unit).replacen(' ', " in ", 1))),
        dots(&values, over_seeds, &format!("{measure} of each seed")),
        table(&header, &rows)
    );
    section(&format!("Over {} seeds", values.len()), &body)
}

pub fn comparison(report: &Report) -> String {
    let Some(evaluation) = &report.evaluation else { return String::new() };
    let decision = &report.problem.decision;
    // The policy and the gate's baseline first: on a phone these columns are on the screen.
    let subjects = gate::subjects(evaluation, decision);
    let header: Vec<String> =
        std::iter::once(String::new()).chain(subjects.iter().map(|s| escape(&s.name))).collect();
    let row = |name: &str, unit: &str, cell: &dyn Fn(&Subject) -> String| {
        let name = format!("{} <span class=\"unit\">{}</span>", escape(name), escape(unit));
        std::iter::once(name).chain(subjects.iter().map(|s| cell(s))).collect::<Vec<String>>()
    };
    let mut rows = vec![
        row("return per episode", "", &|s| with_interval(s.episode_return.mean, s.episode_return.interval)),
        row("reward per step", "", &|s| with_interval(s.reward_per_step.mean, s.reward_per_step.interval)),
    ];
    for index in gate::signals(evaluation, decision) {
        let signal = &evaluation.policy.signals[index];
        rows.push(row(&signal.name, unit_behind_name(&signal.name, &signal.unit), &|s| {
            with_interval(s.signals[index].mean, s.signals[index].interval)
        }));
    }
    rows.push(row("steps per episode", "", &|s| number(s.episode_steps.mean)));
    rows.push(row("episodes that terminated", "%", &|s| {
        let Estimate { mean, interval } = s.terminated();
        with_interval(mean, interval)
    }));
    for (index, constraint) in evaluation.policy.constraints.iter().enumerate() {
        rows.push(row(&format!("limited the choice: {}", constraint.constraint), "% of decisions", &|s| {
            number(s.constraints[index].decisions_percent)
        }));
        if breaks(evaluation, index) {
            rows.push(row(&format!("broken: {}", constraint.constraint), "% of decisions", &|s| {
                s.constraints[index].broken_percent.map_or("–".to_owned(), number)
            }));
        }
    }
    let mut body = format!(
        "<p>{} episodes{}, the same for all; small figures are 95 % intervals: score intervals for shares of episodes, otherwise \
         bootstraps over whole episodes.</p>\n",
        evaluation.episodes_per_seed,
        if evaluation.seeds.len() > 1 {
            format!(" × {} seeds", evaluation.seeds.len())
        } else {
            String::new()
        }
    );
    body += &table(&header, &rows);
    body += "<ul class=\"quiet\">\n";
    for subject in &subjects {
        let _ = writeln!(
            body,
            "<li><b>{}</b>: {}</li>",
            escape(&subject.name),
            escape(subject.description_alone())
        );
    }
    body += "</ul>\n";
    body += &differences(evaluation, decision);
    let title = match report.median_seed() {
        Some(seed) => format!("Before and after, seed {seed} (the median)"),
        None => "Before and after".to_owned(),
    };
    section(&title, &body)
}

/// The policy against each baseline, the gate's first; empty without baselines.
fn differences(evaluation: &Evaluation, decision: &Decision) -> String {
    let found = gate::comparisons(evaluation, decision);
    let estimate =
        |found: Option<Estimate>| maybe_with_interval(found.map(|f| f.mean), found.map(|f| f.interval));
    let of = |headline: Option<&Compared>| {
        [headline.and_then(|f| f.difference), headline.and_then(|f| f.lift_percent)]
    };
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|c| {
            let [difference, lift] = of(c.headline.as_ref());
            vec![
                format!("against {}", escape(&c.baseline)),
                estimate(difference),
                estimate(lift),
                with_interval(c.difference_per_step, c.difference_interval),
                estimate(c.better_share.map(|share| share.scaled(100.0))),
            ]
        })
        .collect();
    let Some(headline) = found.first().map(|first| first.headline.as_ref()) else { return String::new() };
    let name = headline.map_or("headline", |found| &found.name);
    let header = ["policy".to_owned(), format!("{}, difference", escape(name))].into_iter();
    let rest = ["better by %", "reward per step", "better episodes %"].map(str::to_owned);
    table(&header.chain(rest).collect::<Vec<_>>(), &rows)
}

pub fn learning(report: &Report) -> String {
    let baselines: Vec<(String, f64)> = report.evaluation.as_ref().map_or(Vec::new(), |evaluation| {
        let subjects = gate::subjects(evaluation, &report.problem.decision);
        subjects[1..].iter().map(|b| (b.name.clone(), b.episode_return.mean)).collect()
    });
    let Some(first) = report.curves.first().filter(|curve| !curve.is_empty()) else { return String::new() };
    let caption = if report.curves.len() == 1 {
        "Return per episode: dots are single episodes, the line is the mean of the last 100, dashed lines are the \
         baselines."
    } else {
        "Mean return of the last 100 episodes, one line per seed; dashed lines are the baselines."
    };
    // An eighth, three quarters in three parts, an eighth: for 400 episodes these are the phases of the source.
    let n = first.len();
    let ends = [n / 8, n * 3 / 8, n * 5 / 8, n * 7 / 8, n];
    let mut start = 0;
    let mut rows = Vec::new();
    for end in ends {
        if end > start {
            let name = format!("episodes {} to {}", grouped((start + 1) as f64), grouped(end as f64));
            let means: Vec<f64> = report
                .curves
                .iter()
                .map(|curve| {
                    let (from, to) = (start * curve.len() / n, end * curve.len() / n);
                    mean(curve[from..to].iter().map(|(_, value)| *value))
                })
                .filter(|value| value.is_finite())
                .collect();
            rows.push(vec![name, number(mean(means.into_iter()))]);
        }
        start = end;
    }
    let evaluations: Vec<(u64, f64)> =
        report.training_evaluations.iter().map(|found| (found.steps, found.return_mean)).collect();
    let caption = match evaluations.is_empty() {
        true => caption.to_owned(),
        false => format!("{caption} Diamonds are evaluations during the training, on episodes of their own."),
    };
    let chart = learning_curve(&report.curves, &baselines, &evaluations);
    let body = format!(
        "<figure>{}<figcaption>{caption}{}</figcaption></figure>\n{}{}",
        chart.html,
        chart.outside,
        table(&["phase".to_owned(), "mean return".to_owned()], &rows),
        origins(report)
    );
    section("Learning", &body)
}

/// The policy that the training began with, and the policy that it kept.
fn origins(report: &Report) -> String {
    let Some(training) = &report.training else { return String::new() };
    let from = training.from.as_ref().map(|from| {
        let (policy, path) = (from.policy.get(..8).unwrap_or(&from.policy), from.path.display().to_string());
        format!("<p>The training began with policy {} of {}.</p>", escape(policy), escape(&path))
    });
    let kept = training.kept.as_ref().map(|kept| {
        format!(
            "<p>The policy is the best of {} evaluations during the training: that after {} steps, with {}. The \
             best of several numbers flatters; the evaluation in this report plays fresh episodes, which chose nothing.</p>",
            kept.evaluations,
            grouped(kept.steps as f64),
            escape(&kept.figures())
        )
    });
    from.into_iter().chain(kept).collect()
}

pub fn reward_terms(report: &Report) -> String {
    let Some(evaluation) = &report.evaluation else { return String::new() };
    let before = gate::baseline_of(evaluation, &report.problem.decision);
    let subjects: Vec<(&Subject, &str)> =
        [Some(&evaluation.policy), before].into_iter().flatten().zip(["after", "before"]).collect();
    let greatest = subjects
        .iter()
        .flat_map(|(subject, _)| &subject.reward_terms)
        .map(|term| term.per_step.abs())
        .fold(1e-12, f64::max);
    let mut rows = Vec::new();
    for (index, term) in evaluation.policy.reward_terms.iter().enumerate() {
        for (position, (subject, class)) in subjects.iter().enumerate() {
            let value = subject.reward_terms[index].per_step;
            let name = if position == 0 {
                format!("{} <span class=\"unit\">× {}</span>", escape(&term.name), number(term.weight))
            } else {
                String::new()
            };
            rows.push(vec![name, escape(&subject.name), number(value), diverging(value / greatest, class)]);
        }
    }
    let header = ["term", "", "per step", ""].map(str::to_owned);
    section("Reward by term", &table(&header, &rows))
}

pub fn weights(report: &Report) -> String {
    let Some(policy) = report.policy.as_ref().filter(|policy| policy.manifest.network.is_linear()) else {
        return String::new();
    };
    let manifest = &policy.manifest;
    let (features, choices) = (manifest.observation.len(), manifest.action.len());
    let (weights, bias) = policy.parameters.split_at(features * choices);
    let greatest = policy.parameters.iter().fold(1e-12_f32, |greatest, value| greatest.max(value.abs()));
    let cell = |value: f32| {
        let share = f64::from(value / greatest);
        let class = if share < 0.0 { "cold" } else { "warm" };
        format!(
            "<span class=\"heat {class}\" style=\"--share:{:.2}\">{}</span>",
            share.abs(),
            number(value.into())
        )
    };
    let header: Vec<String> = std::iter::once(String::new())
        .chain(manifest.observation.iter().map(|feature| escape(&feature.name)))
        .chain(["bias".to_owned()])
        .collect();
    let rows: Vec<Vec<String>> = manifest
        .action
        .names()
        .iter()
        .enumerate()
        .map(|(choice, name)| {
            let own = (0..features).map(|feature| cell(weights[feature * choices + choice]));
            std::iter::once(escape(name)).chain(own).chain([cell(bias[choice])]).collect()
        })
        .collect();
    let body = format!(
        "<p>A linear policy: each action's score is the sum of weight × feature. Warm colours favour the action, cold \
         colours oppose it.</p>\n{}",
        table(&header, &rows)
    );
    section("Weights", &body)
}

/// A name with a bar under it, in the first column of a card: all cards give that column the same width, so all bars of the page have
/// one scale.
fn under(name: &str, share: f64) -> String {
    format!("{}{}", escape(name), bar(share, "after"))
}

pub fn scenarios(report: &Report) -> String {
    let Some(policy) = &report.policy else { return String::new() };
    let mut body = String::new();
    for (name, state, recommendation) in &report.scenarios {
        let features = policy.manifest.observation.iter().zip(&state.observation);
        let values: String = features
            .map(|(feature, value)| {
                let unit = if feature.unit == "1" { "" } else { feature.unit.as_str() };
                format!(
                    "<li>{} <b>{}</b> {}</li>",
                    escape(&feature.name),
                    number(feature.natural(*value).into()),
                    escape(unit)
                )
            })
            .collect();
        // A table for each group of choices.
        let groups = recommendation.actions.chunk_by(|a, b| a.group == b.group).map(choices);
        let settings: Vec<Vec<String>> = recommendation
            .settings
            .iter()
            .map(|setting| {
                let share = (setting.value - setting.low) / (setting.high - setting.low);
                // A rounded value is written as it is.
                let value = setting.step.map_or_else(|| number(setting.value), |_| setting.value.to_string());
                let value = format!("{value} ± {} {}", number(setting.deviation), setting.unit);
                vec![under(&setting.name, share), escape(&value)]
            })
            .collect();
        let mut answer: String = groups.collect();
        if !settings.is_empty() {
            answer += &table(&["set", "to"].map(str::to_owned), &settings);
        }
        let remarks = remarks(recommendation);
        let _ = write!(
            body,
            "<article>\n<h3>{}</h3>\n<ul class=\"state\">{values}</ul>\n{answer}{remarks}</article>\n",
            escape(name)
        );
    }
    if body.is_empty() { body } else { section("Scenarios", &format!("<div class=\"cards\">{body}</div>\n")) }
}

/// The choices of one group with their probabilities.
fn choices(actions: &[RankedAction]) -> String {
    let row = |action: &RankedAction| {
        let share = if action.allowed {
            format!("{:.1} %", 100.0 * action.probability)
        } else {
            "forbidden".to_owned()
        };
        vec![under(&action.name, action.probability), share]
    };
    let what = actions[0].group.as_deref().unwrap_or("action");
    table(&[escape(what), "probability".to_owned()], &actions.iter().map(row).collect::<Vec<_>>())
}

/// What a person should know about a recommendation, a paragraph each.
fn remarks(recommendation: &Recommendation) -> String {
    let active = recommendation.active_constraints.iter().map(|text| format!("Active: {}", escape(text)));
    let broken = recommendation.broken_constraints.iter().map(|text| format!("Broken: {}", escape(text)));
    let undecided = recommendation.undecided().map(|(first, rivals)| {
        let (first, rivals) = (escape(first), escape(&rivals.join(", ")));
        format!("No clear preference: {first} and {rivals} are about as probable")
    });
    let has_groups = recommendation.actions.iter().any(|action| action.group.is_some());
    let unlike = recommendation.unlike_training.iter().map(|unlike| {
        let unit = behind_number(&unlike.unit);
        let (value, mean, deviation) = (number(unlike.value), number(unlike.mean), number(unlike.deviation));
        format!(
            "Unlike the training: {} {value}{unit}, there {mean} ± {deviation}{unit}",
            escape(&unlike.feature)
        )
    });
    let drivers: Vec<String> = recommendation
        .drivers
        .iter()
        .filter(|driver| driver.is_noticeable())
        .take(3)
        .map(|driver| {
            // Of several parts the choice is named; a setting is named in any case.
            let is_choice = has_groups && driver.kind != DriverKind::SettingChange;
            let of = if is_choice { format!(" {}", driver.of) } else { String::new() };
            format!("{} <b>{}{}</b>", escape(&driver.feature), escape(&driver.effect_text()), escape(&of))
        })
        .collect();
    let drivers = (!drivers.is_empty()).then(|| format!("Strongest drivers: {}", drivers.join(", ")));
    let quiet = |text: String| format!("<p class=\"quiet\">{text}</p>\n");
    let plain = |text: String| format!("<p>{text}</p>\n");
    active
        .map(quiet)
        .chain(broken.chain(unlike).map(plain))
        .chain(undecided.chain(drivers).map(quiet))
        .collect()
}

pub fn notes(report: &Report) -> String {
    let notes = &report.problem.spec().notes;
    if notes.is_empty() {
        return String::new();
    }
    let items: String = notes.iter().map(|note| format!("<li>{}</li>\n", escape(note))).collect();
    section("Value of published figures", &format!("<ul>\n{items}</ul>\n"))
}

/// Evidence that the page does not quote, because it was measured on other policies.
pub fn foreign(report: &Report) -> String {
    if report.foreign.is_empty() {
        return String::new();
    }
    let items: String = report
        .foreign
        .iter()
        .map(|name| {
            let name = escape(name);
            format!("<li><code>{name}</code> was measured on another policy than this run's. Measure again to see it here.</li>\n")
        })
        .collect();
    section("Evidence of other policies", &format!("<ul>\n{items}</ul>\n"))
}

pub fn provenance(report: &Report) -> String {
    let project = &report.problem.decision.project;
    let mut rows: Vec<(&str, String)> = vec![
        ("process", format!("{} ({})", report.problem.spec().kind, report.problem.spec().source)),
        ("algorithm", report.problem.options.name().to_owned()),
        (
            "seed",
            match &report.seeds {
                Some(seeds) => {
                    format!("{} to {}", project.train.seed, project.train.seed + seeds.runs.len() as u64 - 1)
                }
                None => project.train.seed.to_string(),
            },
        ),
    ];
    if let Some(training) = &report.training {
        let ending = match training.ending {
            Ending::Completed => "all steps taken",
            Ending::TargetReached => "target return reached",
            Ending::Interrupted | Ending::Paused => "stopped early",
        };
        rows.push(("ending", ending.to_owned()));
        rows.push(("environment steps", grouped(training.steps as f64)));
        rows.push(("episodes", grouped(training.episodes as f64)));
        rows.push(("training time", format!("{:.2} s", training.wall_seconds)));
        rows.push(("Setpoint", training.setpoint_version.clone()));
    }
    let mut body = String::from("<dl>\n");
    for (name, value) in rows {
        let _ = writeln!(body, "<dt>{name}</dt><dd>{}</dd>", escape(&value));
    }
    let _ = write!(
        body,
        "</dl>\n<details><summary>The whole project file, with every default</summary>\n<pre>{}</pre></details>\n",
        escape(&report.problem.resolved())
    );
    section("How this result was obtained", &body)
}
