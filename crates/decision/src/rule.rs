//! `[[rule]]`: the rule of an operator as a table, a baseline without code.
//!
//! The first rule whose conditions all hold decides. The last rule has no condition and gives every part of the action; a rule
//! before it may give some parts, and the last rule gives the others.

use toml::{Table, Value};

use crate::Diagnostic;
use crate::constraint::{Condition, bind_subject, condition, condition_to_toml};
use crate::diagnostic::suggestion;
use crate::section::Section;
use crate::spec::Spec;
use crate::table::{tables, text};

/// The name of the baseline that the rules of a project are; `heuristic` means it too.
pub const NAME: &str = "rules";
const EXAMPLE: &str = "for example: when = { feature = \"level\", above = 3.2 }, do = \"slow_down\"";

/// One `[[rule]]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// The conditions, which must all hold; none for the last rule.
    pub when: Vec<Condition>,
    /// The parts of the action that it gives.
    pub parts: Vec<Part>,
}

/// A part of an action.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// A choice by its name, in the group that has it.
    Choice {
        /// The group, if the rule names it.
        group: Option<String>,
        /// The choice.
        choice: String,
    },
    /// A setting and its value, in its unit.
    Setting {
        /// The setting.
        name: String,
        /// The value.
        value: f64,
    },
}

pub(crate) fn read(section: Section<'_>) -> Result<Rule, Box<Diagnostic>> {
    let refuse = |title: &str, label: &str, help: &str| section.error("when", title, label, help);
    let when = if section.is_list("when") {
        let all = section.tables("when")?;
        all.iter().map(|when| condition(when, "rule", EXAMPLE, &refuse)).collect::<Result<_, _>>()?
    } else {
        let when = section.table("when")?;
        let one = when.is_present().then(|| condition(&when, "rule", EXAMPLE, &refuse)).transpose()?;
        one.into_iter().collect()
    };
    let parts = read_parts(&section)?;
    section.finish()?;
    Ok(Rule { when, parts })
}

fn read_parts(section: &Section<'_>) -> Result<Vec<Part>, Box<Diagnostic>> {
    if section.is_string("do") {
        let choice = section.string("do", "the choice that the rule takes")?;
        return Ok(choice.into_iter().map(|choice| Part::Choice { group: None, choice }).collect());
    }
    let table = section.table("do")?;
    let part = |(name, value): (String, Value)| match value {
        Value::String(choice) => Ok(Part::Choice { group: Some(name), choice }),
        Value::Float(value) => Ok(Part::Setting { name, value }),
        Value::Integer(value) => Ok(Part::Setting { name, value: value as f64 }),
        value => {
            let title = format!("a rule cannot give `{name}` the value {value}");
            let label = "expected the name of a choice in quotes, or the value of a setting";
            Err(table.error(&name, &title, label, "for example: do = { nozzle = \"wide\", speed = 30.0 }"))
        }
    };
    let parts = table.contents()?.into_iter().map(part).collect::<Result<Vec<_>, _>>()?;
    if parts.is_empty() {
        return Err(section.error(
            "do",
            "a rule does nothing",
            "expected do = \"CHOICE\" or do = { … }",
            EXAMPLE,
        ));
    }
    Ok(parts)
}

/// Checks names and values against a process, that the last rule alone always holds, and that it gives a whole action.
pub(crate) fn bind(rules: &[Rule], sections: &[Section<'_>], spec: &Spec) -> Result<(), Box<Diagnostic>> {
    for (index, (rule, section)) in rules.iter().zip(sections).enumerate() {
        let whens =
            if section.is_list("when") { section.tables("when")? } else { vec![section.table("when")?] };
        for (condition, when) in rule.when.iter().zip(&whens) {
            bind_subject(&condition.subject, when, spec)?;
        }
        for part in &rule.parts {
            bind_part(part, section, spec)?;
        }
        let is_last = index + 1 == rules.len();
        if rule.when.is_empty() && !is_last {
            let title = format!("rule {} always decides, so no rule after it ever does", index + 1);
            let help = "the first rule whose conditions hold decides: move this rule to the end, or give it a condition";
            return Err(section.error("when", &title, "expected when = { … }", help));
        }
        if is_last && !rule.when.is_empty() {
            let title = "no rule decides where no condition holds";
            let help = "write a last [[rule]] without `when`: the action in every other state";
            return Err(section.error("when", title, "the last rule has a condition", help));
        }
    }
    match (rules.last(), sections.last()) {
        (Some(last), Some(section)) => whole(last, section, spec),
        _ => Ok(()),
    }
}

/// The last rule gives each part of an action.
fn whole(last: &Rule, section: &Section<'_>, spec: &Spec) -> Result<(), Box<Diagnostic>> {
    let given: Vec<usize> =
        last.parts.iter().filter_map(|part| place(part, spec)).map(|(part, _)| part).collect();
    let names = spec.action.part_names();
    let Some(missing) = (0..names.len()).find(|part| !given.contains(part)) else { return Ok(()) };
    let title = format!("the last rule does not give `{}`", names[missing]);
    let help = format!(
        "an action of {} has the parts {}; the last rule gives all of them",
        spec.kind,
        names.join(", ")
    );
    Err(section.error("do", &title, "expected every part of the action", &help))
}

fn bind_part(part: &Part, section: &Section<'_>, spec: &Spec) -> Result<(), Box<Diagnostic>> {
    let table = section.is_table("do").then(|| section.table("do")).transpose()?;
    let refuse = |key: &str, title: &str, label: &str, help: &str| match &table {
        Some(table) => Err(table.error(key, title, label, help)),
        None => Err(section.error("do", title, label, help)),
    };
    if place(part, spec).is_none() {
        let known = spec.action.names();
        let (key, name, what) = match part {
            Part::Choice { group: Some(group), .. }
                if !spec.action.groups.iter().any(|own| own.name == *group) =>
            {
                let groups: Vec<&str> = spec.action.groups.iter().map(|group| group.name.as_str()).collect();
                let title = format!("process {} has no group of choices `{group}`", spec.kind);
                return refuse(
                    group,
                    &title,
                    &suggestion(group, &groups, "groups"),
                    "do = \"CHOICE\" needs no group",
                );
            }
            Part::Choice { group, choice } => (group.as_deref().unwrap_or(""), choice, "choice"),
            Part::Setting { name, .. } => (name.as_str(), name, "setting"),
        };
        let title = format!("process {} has no {what} `{name}`", spec.kind);
        let help = format!("actions of {}: {}", spec.kind, known.join(", "));
        return refuse(key, &title, &suggestion(name, &known, "actions"), &help);
    }
    if let Part::Setting { name, value } = part
        && let Some(axis) = spec.action.axes.iter().find(|axis| axis.name == *name)
        && !(f64::from(axis.low)..=f64::from(axis.high)).contains(value)
    {
        let title = format!("the value {value} lies outside the range of `{name}`");
        return refuse(name, &title, &format!("expected {} to {} {}", axis.low, axis.high, axis.unit), "");
    }
    Ok(())
}

/// The number of an action that a part gives, and its value: the index of the choice in its group, or the value of the setting.
fn place(part: &Part, spec: &Spec) -> Option<(usize, f32)> {
    match part {
        Part::Choice { group, choice } => {
            let groups = spec.action.groups.iter().enumerate();
            let mut named = groups.filter(|(_, own)| group.as_ref().is_none_or(|group| own.name == *group));
            named.find_map(|(place, own)| {
                let index = own.choices.iter().position(|own| own.name == *choice)?;
                Some((place, index as f32))
            })
        }
        Part::Setting { name, value } => {
            let axis = spec.action.axes.iter().position(|axis| axis.name == *name)?;
            Some((spec.action.groups.len() + axis, *value as f32))
        }
    }
}

/// The whole action of each rule: the index of a choice for each group, then the value of each setting. The rules were checked
/// against the process.
pub fn actions(rules: &[Rule], spec: &Spec) -> Vec<Vec<f32>> {
    let mut usual = vec![0.0; spec.action.width()];
    let take = |action: &mut [f32], rule: &Rule| {
        for (part, value) in rule.parts.iter().filter_map(|part| place(part, spec)) {
            action[part] = value;
        }
    };
    if let Some(last) = rules.last() {
        take(&mut usual, last);
    }
    let whole = |rule: &Rule| {
        let mut action = usual.clone();
        take(&mut action, rule);
        action
    };
    rules.iter().map(whole).collect()
}

pub(crate) fn to_toml(rule: &Rule) -> Table {
    let mut written = Table::new();
    match rule.when.as_slice() {
        [] => {}
        [one] => drop(written.insert("when".to_owned(), condition_to_toml(one).into())),
        all => drop(written.insert("when".to_owned(), tables(all.iter().map(condition_to_toml)))),
    }
    let mut parts = Table::new();
    for part in &rule.parts {
        match part {
            Part::Choice { group: None, choice } => {
                written.extend(text(choice).map(|choice| ("do".to_owned(), choice)));
            }
            Part::Choice { group: Some(group), choice } => {
                parts.extend(text(choice).map(|choice| (group.clone(), choice)));
            }
            Part::Setting { name, value } => drop(parts.insert(name.clone(), Value::Float(*value))),
        }
    }
    if !parts.is_empty() {
        written.insert("do".to_owned(), parts.into());
    }
    written
}
