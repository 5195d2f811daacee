//! Reading `[[feature]]`, `[[choice]]`, `[[setting]]` and `[[signal]]`.

use super::{
    DeclaredChoice, DeclaredFeature, DeclaredSetting, DeclaredSignal, ONLY_GROUP, Quantity, SUMMARIES, Spaces,
};
use crate::Diagnostic;
use crate::section::{Range, Section};
use crate::spec::{Aggregate, UNBOUNDED_FROM};

/// Keys of `[reward]` that are no signals.
const EVENTS: [&str; 2] = ["on_terminated", "on_truncated"];
/// Numbers and their bounds lie within this: beyond it a bound counts as none.
const GREATEST: f64 = 1e29;

pub(crate) fn read(top: &Section<'_>) -> Result<Spaces, Box<Diagnostic>> {
    let features = top.tables("feature")?.iter().map(feature).collect::<Result<Vec<_>, _>>()?;
    let choices = top.tables("choice")?.iter().map(choice).collect::<Result<Vec<_>, _>>()?;
    let settings = top.tables("setting")?.iter().map(setting).collect::<Result<Vec<_>, _>>()?;
    let signals = top.tables("signal")?;
    let signals = signals.iter().map(|section| signal(section, &features)).collect::<Result<Vec<_>, _>>()?;
    let spaces = Spaces { features, choices, settings, signals };
    if !spaces.is_empty() {
        check_whole(&spaces, top)?;
        check_distinct(&spaces, top)?;
        check_columns(&spaces, top)?;
    }
    Ok(spaces)
}

/// The name of a table's subject. It is also a key of `[reward]`, and the left side of `--set name=value`.
fn name(section: &Section<'_>, what: &str) -> Result<String, Box<Diagnostic>> {
    let Some(name) = section.string("name", "its name, which other tables use")? else {
        let title = format!("a {what} has no name");
        return Err(section.error("name", &title, "expected name = \"…\"", "for example: name = \"level\""));
    };
    if name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-') {
        return Ok(name);
    }
    let title = format!("\"{name}\" cannot be the name of a {what}");
    let help = "column = \"…\" names the column or tag of the log, which may have any characters";
    Err(section.error("name", &title, "expected letters, digits and `_` alone", help))
}

/// What another table already says of a name.
type Known<'a> = &'a dyn Fn(&str) -> Option<Quantity>;

/// Name, unit, bounds, column. `known` gives unit and bounds that the table does not state; without it a bound is needed.
fn quantity(
    section: &Section<'_>,
    what: &str,
    known: Option<Known<'_>>,
) -> Result<Quantity, Box<Diagnostic>> {
    let name = name(section, what)?;
    let bounds = Range::between(-GREATEST, GREATEST);
    let unit = section.string("unit", "unit of the value; \"1\" for a pure number")?;
    let low = section.number("low", bounds.clone(), "least value, in the unit")?;
    let high = section.number("high", bounds, "greatest value, in the unit")?;
    let same = known.and_then(|known| known(&name));
    let bound = |key: &str, stated: Option<f64>, same: Option<f64>, open: f64| match (stated.or(same), known)
    {
        (Some(bound), _) => Ok(bound),
        (None, Some(_)) => Ok(open),
        (None, None) => {
            let title = format!("the {what} `{name}` has no bounds");
            let help = "low and high are the least and the greatest value that it can have, in its unit";
            Err(section.error(key, &title, "expected low = … and high = …", help))
        }
    };
    let open = f64::from(f32::MAX);
    let low = bound("low", low, same.as_ref().map(|same| same.low), -open)?;
    let high = bound("high", high, same.as_ref().map(|same| same.high), open)?;
    // Both are stored with 32 bits.
    if (low as f32) >= (high as f32) {
        let title = format!("the bounds of `{name}` exclude each other: {low} to {high}");
        return Err(section.error("low", &title, "low must be below high", ""));
    }
    let unit = unit.or(same.map(|same| same.unit)).unwrap_or_else(|| "1".to_owned());
    let description = section.string("description", "its meaning, in a few words")?.unwrap_or_default();
    let column = section.string("column", "its column or tag in the log")?;
    Ok(Quantity { name, unit, description, low, high, column })
}

fn feature(section: &Section<'_>) -> Result<DeclaredFeature, Box<Diagnostic>> {
    let quantity = quantity(section, "feature", None)?;
    let within = Range::between(quantity.low, quantity.high);
    let reference = section.number("reference", within, "an ordinary value, in the unit")?;
    let scale = section.number(
        "scale",
        Range::positive_up_to(GREATEST),
        "its unit per number that the policy sees",
    )?;
    let offset = section.number(
        "offset",
        Range::between(-GREATEST, GREATEST),
        "its value where the policy sees 0, in the unit",
    )?;
    section.finish()?;
    let (scale, offset) = (scale.unwrap_or(1.0), offset.unwrap_or(0.0));
    let seen = [quantity.low, quantity.high].map(|bound| ((bound - offset) / scale) as f32);
    if !(seen[0] < seen[1] && seen.iter().all(|bound| bound.abs() < UNBOUNDED_FROM)) {
        let title =
            format!("with this scale the policy sees `{}` from {} to {}", quantity.name, seen[0], seen[1]);
        let help =
            "natural = seen × scale + offset; both numbers that the policy sees must differ and be moderate";
        return Err(section.error("scale", &title, "the numbers are too great, or equal", help));
    }
    Ok(DeclaredFeature { quantity, reference, scale, offset })
}

fn signal(section: &Section<'_>, features: &[DeclaredFeature]) -> Result<DeclaredSignal, Box<Diagnostic>> {
    let of_feature = |name: &str| {
        let mut quantities = features.iter().map(|feature| &feature.quantity);
        quantities.find(|quantity| quantity.name == name).cloned()
    };
    let quantity = quantity(section, "signal", Some(&of_feature))?;
    if EVENTS.contains(&quantity.name.as_str()) {
        let title = format!("a signal cannot have the name `{}`", quantity.name);
        return Err(section.error("name", &title, "[reward] gives this name another meaning", "rename it"));
    }
    let summary =
        section.one_of("summary", SUMMARIES, "its summary over steps: mean, share of steps at 1, or sum")?;
    section.finish()?;
    Ok(DeclaredSignal { quantity, summary: summary.unwrap_or(Aggregate::Mean) })
}

fn setting(section: &Section<'_>) -> Result<DeclaredSetting, Box<Diagnostic>> {
    let quantity = quantity(section, "setting", None)?;
    let width = Range::positive_up_to(quantity.high - quantity.low);
    let step = section.number("step", width, "the process rounds it to multiples of this, in the unit")?;
    section.finish()?;
    Ok(DeclaredSetting { quantity, step })
}

fn choice(section: &Section<'_>) -> Result<DeclaredChoice, Box<Diagnostic>> {
    let name = name(section, "choice")?;
    const MEANING: &str =
        "the word or the number of the log that means this choice; an empty text for an empty cell";
    let value = if section.is_string("value") {
        section.any_string("value", MEANING)?.map(|word| word.trim().to_owned())
    } else {
        section.number("value", Range::any(), MEANING)?.map(|number| number.to_string())
    };
    let declared = DeclaredChoice {
        name,
        description: section.string("description", "its effect, in a few words")?.unwrap_or_default(),
        group: section
            .string("group", "the group of which an action takes one choice")?
            .unwrap_or_else(|| ONLY_GROUP.to_owned()),
        column: section.string("column", "the column or tag of the choice in the log")?,
        value,
    };
    section.finish()?;
    Ok(declared)
}

/// Each process has something to see, to do and to measure.
fn check_whole(spaces: &Spaces, top: &Section<'_>) -> Result<(), Box<Diagnostic>> {
    let refuse = |key: &str, title: &str, help: &str| {
        Err(top.error(key, title, "expected a table of this kind", help))
    };
    if spaces.features.is_empty() {
        return refuse(
            "feature",
            "the declared process has no features",
            "[[feature]] name = \"level\", unit = \"m\", low = 0, high = 4",
        );
    }
    if spaces.choices.is_empty() && spaces.settings.is_empty() {
        return refuse(
            "choice",
            "the declared process has no actions",
            "[[choice]] name = \"slow_down\" for each alternative, or [[setting]] name = \"speed\", low = 0, high = 40",
        );
    }
    if spaces.signals.is_empty() {
        return refuse(
            "signal",
            "the declared process has no signals",
            "[[signal]] name = \"good_bottles\", unit = \"1/min\": a result that [reward] weighs",
        );
    }
    Ok(())
}

/// No two subjects of a kind have one name; choices and settings share one list of names.
fn check_distinct(spaces: &Spaces, top: &Section<'_>) -> Result<(), Box<Diagnostic>> {
    let features: Vec<&str> = spaces.features.iter().map(|own| own.quantity.name.as_str()).collect();
    let signals: Vec<&str> = spaces.signals.iter().map(|own| own.quantity.name.as_str()).collect();
    let choices = spaces.choices.iter().map(|own| own.name.as_str());
    let actions: Vec<&str> =
        choices.chain(spaces.settings.iter().map(|own| own.quantity.name.as_str())).collect();
    let mut of_actions = top.tables("choice")?;
    of_actions.extend(top.tables("setting")?);
    for (names, sections, what) in [
        (features, top.tables("feature")?, "features"),
        (signals, top.tables("signal")?, "signals"),
        (actions, of_actions, "choices or settings"),
    ] {
        for (index, name) in names.iter().enumerate() {
            if names[..index].contains(name) {
                let title = format!("two {what} have the name `{name}`");
                return Err(sections[index].error("name", &title, "named before", "give each its own name"));
            }
        }
    }
    let groups: Vec<&str> = spaces.choices.iter().map(|choice| choice.group.as_str()).collect();
    let settings = top.tables("setting")?;
    for (setting, section) in spaces.settings.iter().zip(&settings) {
        if groups.contains(&setting.quantity.name.as_str()) {
            let title = format!("a setting and a group of choices have the name `{}`", setting.quantity.name);
            return Err(section.error("name", &title, "named before", "give each its own name"));
        }
    }
    Ok(())
}

/// A column has one meaning among features, among signals, and among the parts of an action; a group of choices has one column,
/// and a word of the log one choice of it.
fn check_columns(spaces: &Spaces, top: &Section<'_>) -> Result<(), Box<Diagnostic>> {
    let of = |quantity: &Quantity| (quantity.name.clone(), quantity.column.clone());
    for (key, columns) in [
        ("feature", spaces.features.iter().map(|own| of(&own.quantity)).collect::<Vec<_>>()),
        ("signal", spaces.signals.iter().map(|own| of(&own.quantity)).collect()),
        ("setting", spaces.settings.iter().map(|own| of(&own.quantity)).collect()),
    ] {
        let sections = top.tables(key)?;
        for (index, (name, column)) in columns.iter().enumerate() {
            let same = columns[..index].iter().find(|(_, other)| column.is_some() && other == column);
            if let (Some((first, _)), Some(column)) = (same, column) {
                let title = format!("`{first}` and `{name}` have one column, `{column}`");
                let help = "give each its own column of the log";
                return Err(sections[index].error("column", &title, "expected another column", help));
            }
        }
    }
    let sections = top.tables("choice")?;
    for (index, choice) in spaces.choices.iter().enumerate() {
        let mut before = spaces.choices[..index].iter().filter(|other| other.group == choice.group);
        let other = before.clone().find_map(|other| other.column.as_ref());
        if let (Some(other), Some(own)) = (other, &choice.column)
            && other != own
        {
            let title = format!("the group `{}` has two columns, `{other}` and `{own}`", choice.group);
            let help = "one column says which choice of a group was taken; choices of several columns are several groups";
            return Err(sections[index].error("column", &title, "expected one column for each group", help));
        }
        if let Some(other) = before.find(|other| other.value.is_some() && other.value == choice.value) {
            let title = format!("`{}` and `{}` have one word of the log", other.name, choice.name);
            return Err(sections[index].error(
                "value",
                &title,
                "expected another word",
                "a word means one choice",
            ));
        }
    }
    Ok(())
}
