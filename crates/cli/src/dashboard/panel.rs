//! The dashboard's text: one line per row of the terminal, for any width.

use console::{measure_text_width, style, truncate_str};
use setpoint_files::run_folder::RunFolder;
use setpoint_learn::metrics::MetricsLine;
use setpoint_learn::problem::Problem;
use setpoint_terminal::visible_in_line;

use super::run_metrics::RunMetrics;
use crate::output::{number, thousands};
use crate::screen::duration;

/// Rows of the return's chart.
const CHART: usize = 6;
/// Rows of the bars below it.
const BARS: usize = 7;
/// All rows.
pub const HEIGHT: usize = 3 + 1 + CHART + 1 + 1 + BARS + 2;
/// Columns of the chart's axis.
const AXIS: usize = 10;
/// Eighths of a character, upwards and to the right.
const UP: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const RIGHT: [char; 9] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];
/// The most important figures of learners; the panel shows the figures that a learner reports.
const FIGURES: &[(&str, &str)] = &[
    ("entropy", "entropy"),
    ("approximate_kl", "KL"),
    ("clip_fraction", "clipped"),
    ("explained_variance", "explained variance"),
    ("value_loss", "value loss"),
    ("critic_loss", "critic loss"),
    ("loss", "loss"),
    ("entropy_coefficient", "α"),
    ("exploration_rate", "ε"),
    ("exploration_percent", "exploring %"),
    ("regret", "regret"),
    ("gradient_norm", "gradient"),
];

/// The constants of a run.
pub struct Panel {
    title: String,
    total_steps: u64,
    actions: Vec<String>,
    /// Number of choices; the other actions are settings.
    choices: usize,
    constraints: Vec<String>,
    levels: Vec<String>,
}

impl Panel {
    pub fn new(problem: &Problem, folder: &RunFolder) -> Self {
        let project = &problem.decision.project;
        let space = &problem.spec().action;
        let title = format!(
            "{} · {} · seed {} · {}",
            project.charter.name,
            problem.options.name(),
            project.train.seed,
            folder.path.display()
        );
        let levels = project.curriculum.iter().flat_map(|curriculum| &curriculum.levels);
        // Colours are added to these texts, so their own control characters become symbols here.
        Self {
            title: shown(&title),
            total_steps: project.train.total_steps,
            actions: space.names().into_iter().map(shown).collect(),
            choices: space.choice_count(),
            constraints: project
                .constraints
                .iter()
                .map(|constraint| shown(&constraint.to_string()))
                .collect(),
            levels: levels.map(|level| shown(level)).collect(),
        }
    }

    /// [`HEIGHT`] lines of at most `width` columns.
    pub fn lines(&self, metrics: &RunMetrics, width: usize) -> Vec<String> {
        let mut lines = vec![style(&self.title).bold().to_string()];
        let empty = MetricsLine::default();
        let last = metrics.last.as_ref().unwrap_or(&empty);
        lines.push(self.progress(last, width));
        lines.push(String::new());
        lines.extend(returns(metrics, width));
        lines.push(String::new());
        lines.extend(self.bars(last, width));
        lines.push(String::new());
        lines.push(self.figures(last));
        lines.resize(HEIGHT, String::new());
        // Empty lines are not drawn.
        let shown = |line: String| if line.is_empty() { " ".to_owned() } else { line };
        lines.into_iter().map(|line| shown(truncate_str(&line, width, "…").into_owned())).collect()
    }

    fn progress(&self, last: &MetricsLine, width: usize) -> String {
        let share = (last.steps as f64 / self.total_steps.max(1) as f64).min(1.0);
        let rate = last.steps_per_second;
        let left = self.total_steps.saturating_sub(last.steps) as f64 / rate.max(1e-9);
        let level = last.learner.get("curriculum_level").and_then(|level| self.levels.get(*level as usize));
        let level = level.map_or(String::new(), |level| format!(" · level {level}"));
        let text = if last.steps == 0 {
            "waiting for the first update".to_owned()
        } else {
            format!(
                "{} of {} steps · {} steps/s · {} left{level}",
                thousands(last.steps as f64),
                thousands(self.total_steps as f64),
                thousands(rate),
                duration(left)
            )
        };
        let columns = width.saturating_sub(measure_text_width(&text) + 2).min(40);
        let filled = (share * columns as f64).round() as usize;
        format!("{}{}  {text}", style("━".repeat(filled)).cyan(), style("╌".repeat(columns - filled)).dim())
    }

    /// Reward terms on the left, actions on the right.
    fn bars(&self, last: &MetricsLine, width: usize) -> Vec<String> {
        let half = (width - 2) / 2;
        let names: Vec<String> = last.reward_terms.keys().map(|name| shown(name)).collect();
        let terms: Vec<(&str, f64)> =
            names.iter().map(String::as_str).zip(last.reward_terms.values().copied()).collect();
        let actions: Vec<(&str, f64)> =
            self.actions.iter().map(String::as_str).zip(last.action_distribution.iter().copied()).collect();
        let (choices, settings) = actions.split_at(self.choices.min(actions.len()));
        let percent = |value: f64| format!("{:.1} %", 100.0 * value);
        let mut left = vec![style("reward terms, mean per step").dim().to_string()];
        left.extend(bar_rows(&terms, half, &number));
        let mut right = Vec::new();
        if !choices.is_empty() {
            right.push(style("actions, share of decisions").dim().to_string());
            right.extend(bar_rows(choices, half, &percent));
        }
        if !settings.is_empty() {
            right.push(style("actions, mean").dim().to_string());
            right.extend(bar_rows(settings, half, &number));
        }
        (0..=BARS)
            .map(|row| {
                let cell = |rows: &[String]| rows.get(row).cloned().unwrap_or_default();
                let left = cell(&left);
                let gap = " ".repeat((half + 2).saturating_sub(measure_text_width(&left)));
                format!("{left}{gap}{}", cell(&right))
            })
            .collect()
    }

    fn figures(&self, last: &MetricsLine) -> String {
        let mut parts: Vec<String> = FIGURES
            .iter()
            .filter_map(|(key, name)| Some(format!("{name} {}", number(*last.learner.get(*key)?))))
            .collect();
        parts
            .extend(last.evaluations.last().map(|found| format!("evaluation {}", number(found.return_mean))));
        for (constraint, hits) in self.constraints.iter().zip(&last.constraint_hits_percent) {
            parts.push(format!("{constraint}: {hits:.1} %"));
        }
        style(parts.join(" · ")).dim().to_string()
    }
}

/// A name as a part of a line.
fn shown(name: &str) -> String {
    visible_in_line(name).into_owned()
}

/// A title and [`CHART`] rows: the mean return of the last 100 episodes over the steps.
fn returns(metrics: &RunMetrics, width: usize) -> Vec<String> {
    let values: Vec<f64> =
        metrics.returns.iter().map(|(_, value)| *value).filter(|value| value.is_finite()).collect();
    let (Some(now), Some(best)) = (values.last(), values.iter().copied().reduce(f64::max)) else {
        let mut lines = vec![style("return: no episode has ended yet").dim().to_string()];
        lines.resize(1 + CHART, String::new());
        return lines;
    };
    let title = format!(
        "{}  now {}  best {}",
        style("return, mean of 100 episodes").dim(),
        style(number(*now)).bold(),
        number(best)
    );
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let columns = resample(&values, width.saturating_sub(AXIS + 2).max(1));
    let span = (best - least).max(1e-12);
    let height = |value: f64| (1.0 + (CHART * 8 - 1) as f64 * (value - least) / span).round() as usize;
    let mut lines = vec![title];
    for row in (0..CHART).rev() {
        let label = match row {
            row if row + 1 == CHART => number(best),
            0 => number(least),
            _ => String::new(),
        };
        let cells: String =
            columns.iter().map(|value| UP[height(*value).saturating_sub(8 * row).min(8)]).collect();
        let tick = if label.is_empty() { '│' } else { '┤' };
        lines.push(format!("{label:>AXIS$} {}{}", style(tick).dim(), style(cells).cyan()));
    }
    lines
}

/// Means of equal parts; unchanged if there are fewer values than columns.
fn resample(values: &[f64], columns: usize) -> Vec<f64> {
    if values.len() <= columns {
        return values.to_vec();
    }
    (0..columns)
        .map(|column| {
            let (from, to) = (column * values.len() / columns, (column + 1) * values.len() / columns);
            values[from..to].iter().sum::<f64>() / (to - from) as f64
        })
        .collect()
}

/// A row for each of the largest values: name, value, bar. If some do not fit, the last row counts them.
fn bar_rows(values: &[(&str, f64)], width: usize, show: &dyn Fn(f64) -> String) -> Vec<String> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    if values.len() > BARS {
        order.sort_by(|a, b| values[*b].1.abs().total_cmp(&values[*a].1.abs()));
        order.truncate(BARS - 1);
    }
    let most = values.iter().map(|(_, value)| value.abs()).fold(0.0, f64::max).max(1e-12);
    let names = order.iter().map(|index| values[*index].0.chars().count()).max().unwrap_or(0).min(width / 2);
    let numbers = order.iter().map(|index| show(values[*index].1).chars().count()).max().unwrap_or(0);
    let room = width.saturating_sub(names + numbers + 3).max(1);
    let mut rows: Vec<String> = order
        .iter()
        .map(|index| {
            let (name, value) = values[*index];
            let name = truncate_str(name, names, "…");
            let eighths = (value.abs() / most * (room * 8) as f64).round() as usize;
            let mut bar: String = RIGHT[8].to_string().repeat(eighths / 8);
            bar.extend((!eighths.is_multiple_of(8)).then_some(RIGHT[eighths % 8]));
            let bar = if value < 0.0 { style(bar).yellow() } else { style(bar).cyan() };
            format!("{name:<names$} {:>numbers$} {bar}", show(value))
        })
        .collect();
    if values.len() > order.len() {
        rows.push(style(format!("and {} more", values.len() - order.len())).dim().to_string());
    }
    rows
}

#[cfg(test)]
mod tests {
    use setpoint_decision::Project;

    use super::*;

    const LINE: &str = include_str!("../../../../projects/assembly-line/setpoint.toml");

    fn panel() -> Panel {
        let problem =
            Problem::new(Project::from_text("test", LINE, &[]).unwrap(), &crate::registry()).unwrap();
        Panel::new(&problem, &RunFolder::at("runs/x"))
    }

    fn plain(metrics: &RunMetrics, width: usize) -> Vec<String> {
        let lines = panel().lines(metrics, width);
        assert_eq!(lines.len(), HEIGHT);
        assert!(lines.iter().all(|line| measure_text_width(line) <= width), "{lines:#?}");
        lines.iter().map(|line| console::strip_ansi_codes(line).trim_end().to_owned()).collect()
    }

    #[test]
    fn it_shows_where_a_training_stands_at_any_width() {
        let mut metrics = RunMetrics::default();
        assert!(plain(&metrics, 80)[1].contains("waiting for the first update"));
        metrics.returns = (0..300).map(|index| (index, f64::from(index as u32))).collect();
        let terms = [("throughput_uph", 170.0), ("wip", -17.0)].map(|(name, value)| (name.to_owned(), value));
        metrics.last = Some(MetricsLine {
            steps: 150_000,
            steps_per_second: 45_000.0,
            reward_terms: terms.into(),
            action_distribution: vec![0.5, 0.25, 0.25, 0.0, 0.0, 0.0],
            constraint_hits_percent: vec![1.5],
            learner: [("entropy".to_owned(), 1.25)].into(),
            ..MetricsLine::default()
        });
        for width in [72, 80, 119, 240] {
            let lines = plain(&metrics, width);
            assert!(
                lines[1].ends_with("150,000 of 600,000 steps · 45,000 steps/s · 10 s left"),
                "{}",
                lines[1]
            );
            assert!(lines[3].ends_with("now 299.0  best 299.0"), "{}", lines[3]);
            assert!(lines[4].starts_with("     299.0 ┤") && lines[4].ends_with('█'), "{}", lines[4]);
            assert!(lines[3 + CHART].starts_with("     0.000 ┤▁"), "{}", lines[3 + CHART]);
            assert!(lines.iter().any(|line| line.starts_with("throughput_uph  170.0 █")), "{lines:#?}");
            assert!(lines.iter().any(|line| line.contains("reassign_operator") && line.contains("50.0 % █")));
        }
        assert!(plain(&metrics, 120)[HEIGHT - 1].starts_with("entropy 1.25 · forbid increase_speed"));
        // A curve rises: no column is lower than the one before it.
        let top = plain(&metrics, 80);
        let heights: Vec<usize> = (AXIS + 2..79)
            .map(|column| {
                let filled = |row: usize| top[4 + row].chars().nth(column).is_some_and(|cell| cell != ' ');
                (0..CHART).filter(|row| filled(*row)).count()
            })
            .collect();
        assert!(heights.is_sorted() && heights.last() == Some(&CHART), "{heights:?}");
    }

    #[test]
    fn long_lists_end_with_how_many_more_there_are() {
        let values: Vec<(&str, f64)> = (0..12).map(|index| ("job", f64::from(index))).collect();
        let rows = bar_rows(&values, 30, &number);
        assert_eq!(rows.len(), BARS);
        assert!(console::strip_ansi_codes(&rows[0]).contains("11.00"));
        assert!(rows[BARS - 1].contains("and 6 more"));
    }
}
