//! Questions about a log that only a person can answer.

use setpoint_log::profile::roles::Part;
use setpoint_log::profile::units::unit;

use super::Draft;
use super::bounds::written;

/// The share of moving rows on the line between their neighbours from which a column was probably interpolated.
const INTERPOLATED: f64 = 0.5;
/// An action that stays for more rows than this was probably decided less often than it was stored.
const ROWS_PER_DECISION: f64 = 20.0;
/// Names in a question.
const NAMES: usize = 6;

/// The pause between two rows, in words.
pub fn period(draft: &Draft) -> Option<String> {
    let time = draft.columns(|part| *part == Part::Time).next()?;
    let column = &draft.profile.columns[time];
    let seconds = column.usual_pause().filter(|pause| *pause > 0.0)?;
    (column.timestamps > 0).then(|| match seconds {
        seconds if seconds >= 7_200.0 => format!("every {} hours", short(seconds / 3_600.0)),
        seconds if seconds >= 120.0 => format!("every {} minutes", short(seconds / 60.0)),
        seconds => format!("every {} s", short(seconds)),
    })
}

/// A number with at most two decimals.
fn short(value: f64) -> String {
    let text = written(value, 0.01);
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// The questions, the most important first.
pub fn of(draft: &Draft) -> Vec<String> {
    let header = &draft.profile.header;
    let listed = |columns: Vec<usize>| {
        let shown: Vec<&str> = columns.iter().take(NAMES).map(|index| header[*index].as_str()).collect();
        let rest = columns.len().saturating_sub(NAMES);
        if rest > 0 { format!("{} and {rest} more", shown.join(", ")) } else { shown.join(", ") }
    };
    let mut questions = Vec::new();
    questions.extend(about_outcomes(draft, &listed));
    questions.extend(about_actions(draft, &listed));
    let interpolated: Vec<usize> = draft
        .columns(|part| matches!(part, Part::Feature | Part::Outcome { .. }))
        .filter(|index| {
            draft.profile.columns[*index].on_line_share().is_some_and(|share| share > INTERPOLATED)
        })
        .collect();
    if !interpolated.is_empty() {
        questions.push(format!(
            "Was the log interpolated? Values of {} lie on the line between their neighbours. Such a value knows the next \
             measurement, which a policy at the plant does not: export stored values (\"raw\", \"last known\") instead.",
            listed(interpolated)
        ));
    }
    if draft.episode_rows().is_some() {
        questions.push(
            "Does a batch, an order or a shift begin and end? Name its column with `episode` of [data]. Otherwise the log is cut into \
             pieces, which is right for a process that never ends."
                .to_owned(),
        );
    }
    let is_guess = |index: &usize| {
        let column = &draft.profile.columns[*index];
        !unit(&header[*index], &draft.profile.units[*index], column.range).is_stated
    };
    let unknown: Vec<usize> = draft
        .columns(|part| matches!(part, Part::Feature | Part::Outcome { .. } | Part::Setting))
        .filter(is_guess)
        .collect();
    if !unknown.is_empty() {
        questions.push(format!("Which unit has each of these: {}? The log does not say.", listed(unknown)));
    }
    questions.push(
        "Which action may never be taken in which state? A [[constraint]] holds in training, in evaluation and at the plant."
            .to_owned(),
    );
    questions
}

fn about_outcomes(draft: &Draft, listed: &dyn Fn(Vec<usize>) -> String) -> Option<String> {
    let outcomes: Vec<usize> = draft.columns(|part| matches!(part, Part::Outcome { .. })).collect();
    let is_named = |index: &usize| matches!(draft.roles[*index].part, Part::Outcome { is_named: true, .. });
    if outcomes.is_empty() {
        return None;
    }
    Some(match outcomes.iter().all(is_named) {
        true => format!(
            "What is a unit of {} worth? The weights of [reward] let each count alike, which is hardly right.",
            listed(outcomes)
        ),
        false => format!(
            "What is the decision about? No name tells a result, so {} stands in [reward]: put the right signals and weights there.",
            listed(outcomes)
        ),
    })
}

fn about_actions(draft: &Draft, listed: &dyn Fn(Vec<usize>) -> String) -> Option<String> {
    let actions: Vec<usize> = draft.columns(|part| matches!(part, Part::Choice | Part::Setting)).collect();
    let fewest = actions.iter().map(|index| 1.0 / draft.profile.columns[*index].change_share().max(1e-9));
    let rows = fewest.fold(f64::INFINITY, f64::min);
    let often = period(draft).map_or(String::new(), |period| format!(" ({period})"));
    let seldom = match rows > ROWS_PER_DECISION {
        true => format!(
            " The action stays for about {} rows: if it is decided less often than it is stored, thin the log.",
            short(rows.round())
        ),
        false => String::new(),
    };
    Some(format!(
        "Is {} what a person or a controller decides, in every row{often}, after seeing the row's measurements?{seldom}",
        listed(actions)
    ))
}
