//! The section "Action probabilities": what the policy prefers before and after its training, and what it takes.

use setpoint_decision::spec::ChoiceGroup;
use setpoint_page::chart::bar;
use setpoint_page::{escape, table};

use crate::Report;

pub fn section(report: &Report) -> String {
    let Some((before, after)) = &report.probabilities else { return String::new() };
    let space = &report.problem.spec().action;
    let named = |group: &ChoiceGroup| {
        // Where an action is more than one choice, the group stands before its choices.
        let prefix = if space.width() > 1 { format!("{}: ", group.name) } else { String::new() };
        group.choices.iter().map(|choice| format!("{prefix}{}", choice.name)).collect::<Vec<_>>()
    };
    let names: Vec<String> = space.groups.iter().flat_map(named).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let taken: Vec<Option<f64>> = match &report.evaluation {
        Some(evaluation) => evaluation.policy.actions.iter().map(|action| action.percent).collect(),
        None => vec![None; names.len()],
    };
    table_of_actions(&names, before, after, &taken)
}

/// The section on actions: probabilities in initial states, and the share of each action in the evaluation, in percent. Where all
/// shares are the same, as of the jobs of a shop, a sentence says so instead of a column.
fn table_of_actions(names: &[&str], before: &[f64], after: &[f64], taken: &[Option<f64>]) -> String {
    let share = |value: f64| format!("{:.1}\u{a0}%", 100.0 * value);
    let percent = |taken: Option<f64>| taken.map_or("–".to_owned(), |taken| format!("{taken:.1}\u{a0}%"));
    let first = percent(taken[0]);
    let is_even = names.len() > 1 && taken.iter().all(|taken| taken.is_some() && percent(*taken) == first);
    let rows: Vec<Vec<String>> = names
        .iter()
        .enumerate()
        .map(|(index, name)| {
            let mut row = vec![
                escape(name),
                share(before[index]),
                share(after[index]),
                format!("{}{}", bar(before[index], "before"), bar(after[index], "after")),
            ];
            if !is_even {
                row.push(percent(taken[index]));
            }
            row
        })
        .collect();
    let mut header = ["action", "before", "after", ""].map(str::to_owned).to_vec();
    let in_episodes = if is_even {
        format!(". In whole evaluation episodes each action has the same share, {first}.")
    } else {
        header.push("taken in evaluation".to_owned());
        "; and the share of the action in whole evaluation episodes.".to_owned()
    };
    let body = format!(
        "<p>Mean probability over 500 initial states, before and after training{in_episodes}</p>\n{}",
        table(&header, &rows)
    );
    setpoint_page::section("Action probabilities", &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each job of a shop has the same number of operations, so a column of equal shares tells nothing.
    #[test]
    fn equal_shares_of_actions_are_a_sentence() {
        let names = ["job_0", "job_1", "job_2", "job_3"];
        let (before, after) = ([0.25; 4], [0.7, 0.1, 0.1, 0.1]);
        let even = table_of_actions(&names, &before, &after, &[Some(25.0); 4]);
        assert!(
            even.contains("each action has the same share, 25.0\u{a0}%") && even.contains("70.0\u{a0}%"),
            "{even}"
        );
        assert!(!even.contains("taken in evaluation"), "{even}");
        let shares = [Some(97.0), Some(1.0), Some(1.0), Some(1.0)];
        let uneven = table_of_actions(&names, &before, &after, &shares);
        assert!(uneven.contains("taken in evaluation") && uneven.contains("97.0\u{a0}%"), "{uneven}");
        let unknown = table_of_actions(&names, &before, &after, &[None; 4]);
        assert!(unknown.contains("taken in evaluation") && unknown.contains("–"), "{unknown}");
    }
}
