//! The command `eval`: the tables of an evaluation, and its gate.

use clap::Args;
use setpoint_evidence::Decision;
use setpoint_evidence::evaluate::{Evaluation, Subject, breaks};
use setpoint_evidence::gate::{self, Gate};
use setpoint_evidence::headline::headline;
use setpoint_evidence::headroom::headroom;
use setpoint_statistics::versus::Estimate;
use setpoint_statistics::{Interval, Summary};

use crate::output::{Output, Status, number, table};

/// The size of the evaluation.
#[derive(Args)]
pub struct EvaluationArguments {
    /// Evaluation seeds; each plays evaluate.episodes episodes
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub seeds: u64,
    /// Episodes of each seed (overrides evaluate.episodes)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=1_000_000))]
    pub episodes: Option<u32>,
    /// Override a key of the project file for this evaluation, for example evaluate.disturbed=false (repeatable)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

impl EvaluationArguments {
    /// Keys of the project file that it overrides.
    pub fn overrides(&self) -> Vec<String> {
        let episodes = self.episodes.map(|episodes| format!("evaluate.episodes={episodes}"));
        self.set.iter().cloned().chain(episodes).collect()
    }

    /// Those that make it an evaluation of something else than the run's own project: all but the number of episodes.
    pub fn changed(&self) -> Vec<String> {
        let key = |text: &String| text.split('=').next().unwrap_or_default().trim().to_owned();
        self.set.iter().filter(|text| key(text) != "evaluate.episodes").cloned().collect()
    }
}

/// The result of an evaluation.
pub struct Verdict {
    /// Policy and gate's baseline in sentences; absent without a baseline.
    pub headline: Option<String>,
    /// Every requirement of the project; absent if it requires nothing.
    pub gate: Option<Gate>,
}

impl Verdict {
    /// Of an evaluation; prints it.
    fn show(evaluation: &Evaluation, decision: &Decision, output: &Output) -> Self {
        let verdict =
            Self { headline: headline(evaluation, decision), gate: gate::gate(evaluation, decision) };
        if let Some(headline) = &verdict.headline {
            output.line(format!("\n{headline}"));
        }
        if let Some(headroom) = headroom(evaluation, decision) {
            output.line(headroom);
        }
        if let Some(Gate { passed, findings }) = &verdict.gate {
            let mark = |passed: bool| if passed { "✓" } else { "✗" };
            output.line(format!("{} gate {}", mark(*passed), if *passed { "passed" } else { "failed" }));
            for finding in findings {
                output.line(format!("  {} {}", mark(finding.passed), finding.sentence));
            }
        }
        verdict
    }

    /// The exit status of the command.
    pub fn status(&self) -> Status {
        status_of(self.gate.as_ref())
    }
}

/// The exit status of a command that judges a gate.
pub fn status_of(gate: Option<&Gate>) -> Status {
    if gate.is_none_or(|gate| gate.passed) { Status::Done } else { Status::GateFailed }
}

/// Prints the tables of an evaluation, then its headline and its gate.
pub fn show(evaluation: &Evaluation, decision: &Decision, output: &Output) -> Verdict {
    show_tables(evaluation, decision, output);
    Verdict::show(evaluation, decision, output)
}

fn show_tables(evaluation: &Evaluation, decision: &Decision, output: &Output) {
    let columns = Columns { subjects: gate::subjects(evaluation, decision) };
    output.line(format!(
        "{} episodes × {} seed(s), the same for all; 95 % intervals: score intervals for shares of episodes, otherwise bootstraps",
        evaluation.episodes_per_seed,
        evaluation.seeds.len()
    ));
    for subject in &columns.subjects {
        output.line(format!("  {}: {}", subject.name, subject.description_alone()));
    }
    for table in
        [columns.figures(evaluation, decision), columns.reward_terms(evaluation), columns.actions(evaluation)]
    {
        output.line(format!("\n{table}"));
    }
    if !evaluation.comparisons.is_empty() {
        output.line(format!("\n{}", comparisons(evaluation, decision)));
    }
    if evaluation.seeds.len() > 1 {
        output.line(format!("\n{}", columns.seeds(evaluation)));
    }
}

/// The policy, the gate's baseline, and the other baselines: one column each.
struct Columns<'e> {
    subjects: Vec<&'e Subject>,
}

impl<'e> Columns<'e> {
    fn row(&self, name: impl Into<String>, cell: impl Fn(&Subject) -> String) -> Vec<String> {
        std::iter::once(name.into()).chain(self.subjects.iter().map(|subject| cell(subject))).collect()
    }

    fn table(&self, title: &str, rows: &[Vec<String>]) -> String {
        let mut header = vec![title];
        header.extend(self.subjects.iter().map(|subject| subject.name.as_str()));
        table(&header, rows)
    }

    /// Rewards, lengths, signals, constraints.
    fn figures(&self, evaluation: &Evaluation, decision: &Decision) -> String {
        const SPREAD: &str = "  sd · median · IQM";
        let mut rows = vec![
            self.row("return per episode", |s| mean(&s.episode_return)),
            self.row(SPREAD, |s| spread(&s.episode_return)),
            self.row("reward per step", |s| mean(&s.reward_per_step)),
            self.row(SPREAD, |s| spread(&s.reward_per_step)),
            self.row("steps per episode", |s| number(s.episode_steps.mean)),
            self.row("terminated (% of episodes)", |s| {
                let Estimate { mean, interval } = s.terminated();
                with_interval(mean, interval)
            }),
        ];
        for index in gate::signals(evaluation, decision) {
            let signal = &evaluation.policy.signals[index];
            let name = match signal.unit == signal.name {
                true => signal.name.clone(),
                false => format!("{} ({})", signal.name, signal.unit),
            };
            rows.push(self.row(name, |s| with_interval(s.signals[index].mean, s.signals[index].interval)));
        }
        for (index, constraint) in evaluation.policy.constraints.iter().enumerate() {
            let name = format!("limited the choice: {} (% of decisions)", constraint.constraint);
            rows.push(self.row(name, |s| number(s.constraints[index].decisions_percent)));
            if breaks(evaluation, index) {
                let broken = |s: &Subject| s.constraints[index].broken_percent.map_or("–".into(), number);
                rows.push(self.row("  broken (% of decisions)", broken));
            }
        }
        self.table("", &rows)
    }

    fn reward_terms(&self, evaluation: &Evaluation) -> String {
        let terms = evaluation.policy.reward_terms.iter().enumerate();
        let rows: Vec<Vec<String>> = terms
            .map(|(index, term)| {
                let name = format!("{} × {}", term.weight, term.name);
                self.row(name, |s| number(s.reward_terms[index].per_step))
            })
            .collect();
        self.table("reward term, per step", &rows)
    }

    fn actions(&self, evaluation: &Evaluation) -> String {
        let actions = evaluation.policy.actions.iter().enumerate();
        let rows: Vec<Vec<String>> = actions
            .map(|(index, action)| {
                self.row(&action.name, |s| match (s.actions[index].percent, s.actions[index].mean) {
                    (Some(percent), _) => format!("{percent:.1} %"),
                    (None, Some(mean)) => number(mean),
                    (None, None) => "–".to_owned(),
                })
            })
            .collect();
        self.table("action", &rows)
    }

    fn seeds(&self, evaluation: &Evaluation) -> String {
        let seeds = evaluation.seeds.iter().enumerate();
        let rows: Vec<Vec<String>> = seeds
            .map(|(index, seed)| self.row(seed.to_string(), |s| number(s.reward_per_step_by_seed[index])))
            .collect();
        self.table("evaluation seed: reward per step", &rows)
    }
}

/// The policy against each baseline, the gate's first: the headline's figure, then reward per step.
fn comparisons(evaluation: &Evaluation, decision: &Decision) -> String {
    let found = gate::comparisons(evaluation, decision);
    let name =
        found.first().and_then(|found| found.headline.as_ref()).map_or("headline", |found| &found.name);
    let estimate = |estimate: Option<Estimate>, unit: &str| match estimate {
        Some(found) => format!("{}{unit}", with_interval(found.mean, found.interval)),
        None => number(f64::NAN),
    };
    let rows: Vec<Vec<String>> = found
        .into_iter()
        .map(|c| {
            let headline = c.headline.as_ref();
            vec![
                format!("policy against {}", c.baseline),
                estimate(headline.and_then(|found| found.difference), ""),
                estimate(headline.and_then(|found| found.lift_percent), " %"),
                with_interval(c.difference_per_step, c.difference_interval),
                estimate(c.better_share.map(|share| share.scaled(100.0)), " %"),
            ]
        })
        .collect();
    table(&["", &format!("{name}, difference"), "lift", "reward per step", "better episodes"], &rows)
}

fn mean(summary: &Summary) -> String {
    with_interval(summary.mean, summary.interval)
}

fn spread(summary: &Summary) -> String {
    format!("{} · {} · {}", number(summary.sd), number(summary.median), number(summary.interquartile_mean))
}

fn with_interval(mean: f64, interval: Interval) -> String {
    format!("{} [{}, {}]", number(mean), number(interval.low), number(interval.high))
}
