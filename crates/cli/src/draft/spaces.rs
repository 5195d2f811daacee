//! Features, actions and signals of a drafted project, as text.

use setpoint_decision::data::Values;
use setpoint_log::profile::column::Content;
use setpoint_log::profile::names::name;
use setpoint_log::profile::roles::Part;
use setpoint_log::profile::units::unit;

use super::bounds::{self, two_digits};
use super::{Draft, key, plain, quoted};

/// The name of the choice of an empty cell.
const NOTHING: &str = "no_action";
/// The signal of a column of rewards.
const REWARD: &str = "reward";

/// The names of the columns in the project.
pub struct Spaces {
    /// One per column; `None` for columns without a name of their own in the project.
    names: Vec<Option<String>>,
    /// The choices of each column: name, word of the log, number of rows.
    choices: Vec<Vec<(String, String, u64)>>,
    /// Whether the only action is one choice.
    is_one_choice: bool,
}

impl Spaces {
    pub fn of(draft: &Draft) -> Self {
        let header = &draft.profile.header;
        let actions: Vec<usize> =
            draft.columns(|part| matches!(part, Part::Choice | Part::Setting)).collect();
        let is_one_choice = matches!(actions.as_slice(), [only] if draft.roles[*only].part == Part::Choice);
        let mut names: Vec<Option<String>> = vec![None; header.len()];
        // Names with a meaning of their own.
        let mut taken =
            ["on_terminated", "on_truncated", "model_uncertainty", REWARD].map(str::to_owned).to_vec();
        let has_name =
            |part: &Part| matches!(part, Part::Feature | Part::Outcome { .. } | Part::Choice | Part::Setting);
        for index in draft.columns(has_name) {
            let own = name(&header[index], &taken);
            taken.push(own.clone());
            names[index] = Some(own);
        }
        let mut choices = vec![Vec::new(); header.len()];
        for index in draft.columns(|part| *part == Part::Choice) {
            let group = names[index].clone().unwrap_or_default();
            choices[index] = of_column(&draft.profile.columns[index], &group, &mut taken);
        }
        Self { names, choices, is_one_choice }
    }

    /// The name of a column in the project, for the columns of quality.
    pub fn name(&self, column: usize) -> Option<&str> {
        match self.is_one_choice && !self.choices[column].is_empty() {
            true => Some("action"),
            false => self.names[column].as_deref(),
        }
    }

    pub fn first_feature(&self, draft: &Draft) -> String {
        let first = draft.columns(|part| matches!(part, Part::Feature | Part::Outcome { .. })).next();
        first.and_then(|index| self.names[index].clone()).unwrap_or_default()
    }

    /// `[[feature]]`, `[[choice]]`, `[[setting]]` and `[[signal]]`.
    pub fn text(&self, draft: &Draft) -> String {
        let mut text = format!(
            "# What a policy sees. Bounds and units stand in the numbers of the log (values = \"{}\").\n",
            Values::Natural.word()
        );
        for index in draft.columns(|part| matches!(part, Part::Feature | Part::Outcome { .. })) {
            text += &self.feature(draft, index);
        }
        text += "# What a policy decides.\n";
        for index in draft.columns(|part| *part == Part::Choice) {
            text += &self.choice(draft, index);
        }
        for index in draft.columns(|part| *part == Part::Setting) {
            text += &self.setting(draft, index);
        }
        text += "# What the reward weighs. A signal with the name of a feature is its value in the next row: the result of the action.\n";
        for index in draft.columns(|part| matches!(part, Part::Outcome { .. })) {
            text += &format!(
                "[[signal]]\nname = {}\n\n",
                quoted(self.names[index].as_deref().unwrap_or_default())
            );
        }
        if let Some(index) = draft.columns(|part| *part == Part::Reward).next() {
            text += &format!(
                "[[signal]]\nname = \"{REWARD}\"\ncolumn = {}\n\n",
                quoted(&draft.profile.header[index])
            );
        }
        text.trim_end().to_owned()
    }

    fn feature(&self, draft: &Draft, index: usize) -> String {
        let column = &draft.profile.columns[index];
        let unit = unit(&draft.profile.header[index], &draft.profile.units[index], column.range);
        let found = bounds::of_measurement(column, &unit.unit);
        let sorted = column.sorted();
        let middle = sorted.get(sorted.len() / 2).copied().unwrap_or(0.0);
        let reference = bounds::written(middle, 0.1_f64.powi(column.decimals as i32));
        format!(
            "{}unit = {}    # {}\nlow  = {}    # {}\nhigh = {}\nreference = {reference}    # the value in the middle of all\n\n",
            self.begin("feature", draft, index),
            quoted(&unit.unit),
            plain(&unit.reason),
            found.low,
            found.reason,
            found.high,
        )
    }

    fn setting(&self, draft: &Draft, index: usize) -> String {
        let column = &draft.profile.columns[index];
        let unit = unit(&draft.profile.header[index], &draft.profile.units[index], column.range);
        let found = bounds::of_setting(column);
        let step = bounds::step(column).map_or(String::new(), |step| {
            format!("step = {step}    # all values of the log are multiples\n")
        });
        format!(
            "{}unit = {}    # {}\nlow  = {}    # {}\nhigh = {}\n{step}\n",
            self.begin("setting", draft, index),
            quoted(&unit.unit),
            plain(&unit.reason),
            found.low,
            found.reason,
            found.high,
        )
    }

    /// The first lines of a table: its subject, its column, and the reason of its part.
    fn begin(&self, table: &str, draft: &Draft, index: usize) -> String {
        let heading = &draft.profile.header[index];
        let own = self.names[index].as_deref().unwrap_or_default();
        let column = if heading == own { String::new() } else { format!("column = {}\n", quoted(heading)) };
        format!("[[{table}]]    # {}\nname = {}\n{column}", plain(&draft.roles[index].reason), quoted(own))
    }

    fn choice(&self, draft: &Draft, index: usize) -> String {
        let heading = quoted(&draft.profile.header[index]);
        let group = match self.is_one_choice {
            true => String::new(),
            false => format!("group = {}\n", quoted(self.names[index].as_deref().unwrap_or_default())),
        };
        let mut text = format!("# {}: {}\n", plain(&heading), plain(&draft.roles[index].reason));
        for (name, word, rows) in &self.choices[index] {
            let value = if word == name { String::new() } else { format!("value = {}\n", quoted(word)) };
            let rows = crate::output::thousands(*rows as f64);
            text += &format!(
                "[[choice]]    # in {rows} rows\nname = {}\n{group}column = {heading}\n{value}\n",
                quoted(name)
            );
        }
        text
    }

    /// The action that the log takes most often, as a rule writes it.
    pub fn usual_action(&self, draft: &Draft) -> String {
        let most = |index: usize| {
            let choices = self.choices[index].iter().max_by_key(|(_, _, rows)| *rows);
            quoted(choices.map_or("", |(name, ..)| name.as_str()))
        };
        let choices: Vec<usize> = draft.columns(|part| *part == Part::Choice).collect();
        if let ([only], true) = (choices.as_slice(), self.is_one_choice) {
            return most(*only);
        }
        let own = |index: usize| self.names[index].clone().unwrap_or_default();
        let middle = |index: usize| {
            let column = &draft.profile.columns[index];
            let sorted = column.sorted();
            let value = sorted.get(sorted.len() / 2).copied().unwrap_or(0.0);
            bounds::written(value, 0.1_f64.powi(column.decimals as i32))
        };
        let mut parts: Vec<String> =
            choices.iter().map(|index| format!("{} = {}", key(&own(*index)), most(*index))).collect();
        parts.extend(
            draft
                .columns(|part| *part == Part::Setting)
                .map(|index| format!("{} = {}", key(&own(index)), middle(index))),
        );
        format!("{{ {} }}", parts.join(", "))
    }

    /// The terms of the reward.
    pub fn weights(&self, draft: &Draft) -> String {
        let mut text = String::new();
        for index in draft.columns(|part| matches!(part, Part::Outcome { .. })) {
            let Part::Outcome { more, .. } = draft.roles[index].part else { continue };
            let deviation = draft.profile.columns[index].deviation();
            let size = if deviation > 0.0 { 1.0 / deviation } else { 1.0 };
            let weight = two_digits(if more { size } else { -size });
            let own = key(self.names[index].as_deref().unwrap_or_default());
            text += &format!(
                "{own} = {weight}    # {}; the size is 1 / its standard deviation\n",
                plain(&draft.roles[index].reason)
            );
        }
        if draft.columns(|part| *part == Part::Reward).next().is_some() {
            text += &format!("{REWARD} = 1.0    # the log's own reward\n");
        }
        text
    }
}

/// The choices of a column, the most frequent first.
fn of_column(column: &Content, group: &str, taken: &mut Vec<String>) -> Vec<(String, String, u64)> {
    let mut words = column.values.clone();
    let is_numeric = column.is_numeric();
    // Text in a column of codes is a fault, no choice.
    words.retain(|(word, _)| !is_numeric || word.parse::<f64>().is_ok());
    match is_numeric {
        true => words.sort_by(|(one, _), (other, _)| {
            let value = |word: &str| word.parse::<f64>().unwrap_or(f64::NAN);
            value(one).total_cmp(&value(other))
        }),
        false => words.sort_by_key(|(_, rows)| std::cmp::Reverse(*rows)),
    }
    let mut choices = Vec::new();
    for (word, rows) in words {
        let own = if is_numeric { name(&format!("{group}_{word}"), taken) } else { name(&word, taken) };
        taken.push(own.clone());
        choices.push((own, word, rows));
    }
    if !is_numeric {
        for (word, rows) in column.nothing() {
            let own = name(if word.chars().any(char::is_alphabetic) { word } else { NOTHING }, taken);
            taken.push(own.clone());
            choices.push((own, word.clone(), *rows));
        }
    }
    choices
}
