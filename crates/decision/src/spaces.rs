//! `[[feature]]`, `[[choice]]`, `[[setting]]`, `[[signal]]`: the spaces of a process that has no spec of its own.
//!
//! A plant, a log or a program has values with names; only its owner knows their units, bounds and columns. All numbers stand in
//! natural units. `scale` and `offset` of a feature say how the policy sees it: natural = seen × scale + offset.

use toml::{Table, Value};

use crate::Diagnostic;
use crate::data::{ActionColumns, Data, Values};
use crate::section::Section;
use crate::spec::{ActionSpace, Aggregate, Axis, Choice, ChoiceGroup, Feature, Signal, Spec};
use crate::table::{table, tables, text};

mod read;

pub(crate) use read::read;

/// The name of the group of choices that name none.
const ONLY_GROUP: &str = "action";

/// The declared spaces of a process.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spaces {
    /// `[[feature]]`
    pub features: Vec<DeclaredFeature>,
    /// `[[choice]]`
    pub choices: Vec<DeclaredChoice>,
    /// `[[setting]]`
    pub settings: Vec<DeclaredSetting>,
    /// `[[signal]]`
    pub signals: Vec<DeclaredSignal>,
}

/// Name, unit, bounds and column of a declared number.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantity {
    /// Its name.
    pub name: String,
    /// Its unit; `1` for a pure number.
    pub unit: String,
    /// Its meaning, in a few words; may be empty.
    pub description: String,
    /// Least value.
    pub low: f64,
    /// Greatest value.
    pub high: f64,
    /// Its column or tag in the log; its name if absent.
    pub column: Option<String>,
}

/// One `[[feature]]`.
#[derive(Clone, Debug, PartialEq)]
pub struct DeclaredFeature {
    /// Its bounds stand in its unit.
    pub quantity: Quantity,
    /// An ordinary value, in its unit; the middle of its bounds if absent.
    pub reference: Option<f64>,
    /// Its unit per number that the policy sees.
    pub scale: f64,
    /// Its value where the policy sees 0, in its unit.
    pub offset: f64,
}

/// One `[[choice]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredChoice {
    /// Its name.
    pub name: String,
    /// Its effect, in a few words; may be empty.
    pub description: String,
    /// The group of which an action takes one choice.
    pub group: String,
    /// The column or tag of its group in the log.
    pub column: Option<String>,
    /// The word or number of the log that means it; its name, if absent.
    pub value: Option<String>,
}

/// One `[[setting]]`.
#[derive(Clone, Debug, PartialEq)]
pub struct DeclaredSetting {
    /// Its bounds stand in its unit.
    pub quantity: Quantity,
    /// The process rounds it to multiples of this, in its unit.
    pub step: Option<f64>,
}

/// One `[[signal]]`.
#[derive(Clone, Debug, PartialEq)]
pub struct DeclaredSignal {
    /// Unit and bounds are those of the feature of its name, if there is one and the table gives none.
    pub quantity: Quantity,
    /// Its summary over steps.
    pub summary: Aggregate,
}

/// The summaries of a signal, by their words.
const SUMMARIES: &[(&str, Aggregate)] =
    &[("mean", Aggregate::Mean), ("share", Aggregate::Share), ("total", Aggregate::Total)];

impl Spaces {
    /// Whether the project declares none.
    pub fn is_empty(&self) -> bool {
        self.features.is_empty()
            && self.choices.is_empty()
            && self.settings.is_empty()
            && self.signals.is_empty()
    }

    /// The spec of a process with these spaces, and nothing else in it.
    pub fn spec(&self) -> Spec {
        Spec {
            observation: self.features.iter().map(DeclaredFeature::spec).collect(),
            action: ActionSpace { groups: self.groups(), axes: self.axes() },
            signals: self.signals.iter().map(DeclaredSignal::spec).collect(),
            ..Spec::default()
        }
    }

    /// The groups in the order of their first choices.
    fn groups(&self) -> Vec<ChoiceGroup> {
        let mut groups: Vec<ChoiceGroup> = Vec::new();
        for declared in &self.choices {
            let choice = Choice { name: declared.name.clone(), description: declared.description.clone() };
            match groups.iter_mut().find(|group| group.name == declared.group) {
                Some(group) => group.choices.push(choice),
                None => groups.push(ChoiceGroup::new(&declared.group, "", vec![choice])),
            }
        }
        groups
    }

    fn axes(&self) -> Vec<Axis> {
        let axis = |DeclaredSetting { quantity, step }: &DeclaredSetting| {
            let Quantity { name, unit, low, high, description, .. } = quantity;
            let axis = Axis::new(name, unit, *low as f32, *high as f32, description);
            step.map_or(axis.clone(), |step| axis.rounded_to(step as f32))
        };
        self.settings.iter().map(axis).collect()
    }

    /// The columns of the log that these tables name, added to `[data]`. A name that both give must have one column.
    pub(crate) fn complete(
        &self,
        written: Option<Data>,
        top: &Section<'_>,
    ) -> Result<Option<Data>, Box<Diagnostic>> {
        if self.is_empty() {
            return Ok(written);
        }
        let mut data = written.unwrap_or_default();
        if !top.table("data")?.is_string("values") {
            data.values = Values::Natural;
        }
        let of = |quantity: &Quantity| Some((quantity.name.clone(), quantity.column.clone()?));
        let features: Vec<_> = self.features.iter().map(|feature| of(&feature.quantity)).collect();
        let signals: Vec<_> = self.signals.iter().map(|signal| of(&signal.quantity)).collect();
        add(&mut data.features, features, &top.tables("feature")?)?;
        add(&mut data.signals, signals, &top.tables("signal")?)?;
        self.complete_action(&mut data, top)?;
        data.actions.extend(self.words());
        Ok(Some(data))
    }

    fn complete_action(&self, data: &mut Data, top: &Section<'_>) -> Result<(), Box<Diagnostic>> {
        if data.action.is_some() {
            let mut sections = top.tables("choice")?;
            sections.extend(top.tables("setting")?);
            return match sections.iter().find(|section| section.is_string("column")) {
                None => Ok(()),
                Some(section) => {
                    let title = "the column of an action is stated twice";
                    let help = "delete `action` of [data], or this line";
                    Err(section.error("column", title, "[data] has `action`", help))
                }
            };
        }
        data.action = self.action_columns();
        Ok(())
    }

    /// The columns of the parts of an action, as `[data]` would name them.
    fn action_columns(&self) -> Option<ActionColumns> {
        let groups = self.groups();
        let of_group = |name: &str| {
            let mut choices = self.choices.iter().filter(|choice| choice.group == name);
            choices.find_map(|choice| choice.column.clone())
        };
        if let ([group], []) = (groups.as_slice(), self.settings.as_slice()) {
            return Some(ActionColumns::One(of_group(&group.name).unwrap_or_else(|| group.name.clone())));
        }
        let groups = groups.iter().filter_map(|group| Some((group.name.clone(), of_group(&group.name)?)));
        let settings = self.settings.iter().map(|setting| &setting.quantity);
        let settings =
            settings.filter_map(|quantity| Some((quantity.name.clone(), quantity.column.clone()?)));
        let columns: Vec<_> = groups.chain(settings).collect();
        (!columns.is_empty()).then_some(ActionColumns::Axes(columns))
    }

    /// The words of the log, each with the choice that it means.
    fn words(&self) -> impl Iterator<Item = (String, String)> + '_ {
        self.choices.iter().filter_map(|choice| Some((choice.value.clone()?, choice.name.clone())))
    }

    /// `[data]` without the columns that these tables name, for the resolved file: each column stands in one place.
    pub(crate) fn without_own(&self, data: &Data) -> Data {
        let mut data = data.clone();
        let is_own = |own: &Quantity, (name, column): &(String, String)| {
            own.name == *name && own.column.as_ref() == Some(column)
        };
        data.features.retain(|pair| !self.features.iter().any(|own| is_own(&own.quantity, pair)));
        data.signals.retain(|pair| !self.signals.iter().any(|own| is_own(&own.quantity, pair)));
        let words: Vec<_> = self.words().collect();
        data.actions.retain(|pair| !words.contains(pair));
        if data.action == self.action_columns() {
            data.action = None;
        }
        data
    }

    /// The tables as the project file writes them: key and list of tables.
    pub(crate) fn to_toml(&self) -> [(&'static str, Option<Value>); 4] {
        let list = |all: Vec<Table>| (!all.is_empty()).then(|| tables(all.into_iter()));
        [
            ("feature", list(self.features.iter().map(DeclaredFeature::to_toml).collect())),
            ("choice", list(self.choices.iter().map(DeclaredChoice::to_toml).collect())),
            ("setting", list(self.settings.iter().map(DeclaredSetting::to_toml).collect())),
            ("signal", list(self.signals.iter().map(DeclaredSignal::to_toml).collect())),
        ]
    }
}

/// Adds the columns of tables to the pairs of `[data]`.
fn add(
    pairs: &mut Vec<(String, String)>,
    declared: Vec<Option<(String, String)>>,
    sections: &[Section<'_>],
) -> Result<(), Box<Diagnostic>> {
    for (pair, section) in declared.into_iter().zip(sections) {
        let Some((name, column)) = pair else { continue };
        match pairs.iter().find(|(own, _)| *own == name) {
            None => pairs.push((name, column)),
            Some((_, other)) if *other == column => {}
            Some((_, other)) => {
                let title = format!("`{name}` has two columns, `{column}` and `{other}`");
                let label = format!("[data] says `{other}`");
                return Err(section.error("column", &title, &label, "delete one of the two lines"));
            }
        }
    }
    Ok(())
}

impl DeclaredFeature {
    fn spec(&self) -> Feature {
        let Quantity { name, unit, description, low, high, .. } = &self.quantity;
        let seen = |natural: f64| ((natural - self.offset) / self.scale) as f32;
        let feature = Feature::new(name, unit, seen(*low), seen(*high), description)
            .seen_as(self.scale as f32, self.offset as f32);
        match self.reference {
            Some(reference) => feature.ordinarily(seen(reference)),
            None => feature,
        }
    }

    fn to_toml(&self) -> Table {
        let mut table = self.quantity.to_toml();
        table.extend(self.reference.map(|value| ("reference".to_owned(), Value::Float(value))));
        if (self.scale, self.offset) != (1.0, 0.0) {
            table.insert("scale".to_owned(), Value::Float(self.scale));
            table.insert("offset".to_owned(), Value::Float(self.offset));
        }
        table
    }
}

impl DeclaredSignal {
    fn spec(&self) -> Signal {
        let Quantity { name, unit, description, low, high, .. } = &self.quantity;
        Signal::new(name, unit, *low as f32, *high as f32, description).summarised_by(self.summary)
    }

    fn to_toml(&self) -> Table {
        let mut table = self.quantity.to_toml();
        let word = SUMMARIES.iter().find(|(_, summary)| *summary == self.summary);
        table.extend(word.and_then(|(word, _)| Some(("summary".to_owned(), text(word)?))));
        table
    }
}

impl DeclaredSetting {
    fn to_toml(&self) -> Table {
        let mut table = self.quantity.to_toml();
        table.extend(self.step.map(|step| ("step".to_owned(), Value::Float(step))));
        table
    }
}

impl DeclaredChoice {
    fn to_toml(&self) -> Table {
        table([
            ("name", text(&self.name)),
            ("group", text(&self.group).filter(|_| self.group != ONLY_GROUP)),
            ("description", text(&self.description).filter(|_| !self.description.is_empty())),
            ("column", self.column.as_deref().and_then(text)),
            ("value", self.value.as_deref().and_then(text)),
        ])
    }
}

impl Quantity {
    fn to_toml(&self) -> Table {
        // A bound that is none is left out.
        let bound = |value: f64| Some(Value::Float(value)).filter(|_| value.abs() < f64::from(f32::MAX));
        table([
            ("name", text(&self.name)),
            ("unit", text(&self.unit)),
            ("description", text(&self.description).filter(|_| !self.description.is_empty())),
            ("low", bound(self.low)),
            ("high", bound(self.high)),
            ("column", self.column.as_deref().and_then(text)),
        ])
    }
}
