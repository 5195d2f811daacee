//! The recipes of a program, and the choice of a project among them.
//!
//! The list is a value: a program can add its own recipe ([`Recipes::with`]) and learn with it
//! ([`Problem::with_recipes`](crate::problem::Problem::with_recipes)).

use std::ops::Deref;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use setpoint_decision::diagnostic::nearest;
use setpoint_decision::spec::{ActionForm, Spec};
use setpoint_decision::{Diagnostic, Project};

use crate::recipe::{LearnerOptions, Recipe};

/// Recipes, in the order in which they are listed.
#[derive(Clone, Debug, Default)]
pub struct Recipes {
    list: Vec<Recipe>,
}

impl Recipes {
    /// Without any recipe.
    pub const fn new() -> Self {
        Self { list: Vec::new() }
    }

    /// Adds recipes. A later recipe replaces an earlier recipe of the same name.
    pub fn with(mut self, recipes: impl IntoIterator<Item = Recipe>) -> Self {
        for recipe in recipes {
            match self.list.iter_mut().find(|known| known.name == recipe.name) {
                Some(known) => *known = recipe,
                None => self.list.push(recipe),
            }
        }
        self
    }

    /// Every recipe.
    pub fn list(&self) -> &[Recipe] {
        &self.list
    }

    /// Names of the algorithms.
    pub fn names(&self) -> Vec<&'static str> {
        self.list.iter().map(|recipe| recipe.name).collect()
    }

    /// A recipe by name; `Err` names the known algorithms.
    pub fn find(&self, name: &str) -> Result<&Recipe, UnknownAlgorithm> {
        let found = self.list.iter().find(|recipe| recipe.name == name);
        found.ok_or_else(|| UnknownAlgorithm {
            name: name.to_owned(),
            near: nearest(name, self.names()).map(str::to_owned),
            names: self.names().join(", "),
        })
    }

    /// The algorithm that a project names, with its options. Tables of other algorithms are read too, so that their
    /// mistakes are found early.
    pub fn choose(&self, project: &Project) -> Result<ChosenOptions, Box<Diagnostic>> {
        let (train, names) = (project.section("train"), self.names());
        train.choice("algorithm", &names, "name of the algorithm")?;
        if let Some(unknown) = train.table_names().into_iter().find(|table| !names.contains(table)) {
            let label = match nearest(unknown, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "not the name of an algorithm".to_owned(),
            };
            let title = format!("unknown key `{unknown}` in [train]");
            let help = format!("algorithms: {}", names.join(", "));
            return Err(train.error_at_key(unknown, &title, &label, &help));
        }
        let name = project.train.algorithm.as_str();
        let recipe = self
            .find(name)
            .map_err(|error| train.error("algorithm", &error.to_string(), "not an algorithm", ""))?;
        let mut chosen = None;
        for other in &self.list {
            let mut options = other.options(project)?;
            if other.name == name {
                options.resolve(&project.folder);
                chosen = Some(options);
            }
        }
        let options = chosen.expect("the list holds the recipe that it found");
        Ok(ChosenOptions { recipe: *recipe, options: options.into() })
    }

    /// The reason why an algorithm cannot learn this decision, and the algorithms that can.
    pub fn mismatch(&self, chosen: &ChosenOptions, spec: &Spec) -> Option<String> {
        let Recipe { name, actions, reads_tensors, .. } = chosen.recipe;
        if let Some(part) = spec.tensors.first().filter(|_| !reads_tensors) {
            let readers =
                self.list.iter().filter(|other| other.reads_tensors && other.actions.include(&spec.action));
            let readers: Vec<&str> = readers.map(|other| other.name).collect();
            return Some(format!(
                "{name} reads features alone; this process has `{}` ({}): use {}",
                part.name,
                part.form,
                readers.join(" or ")
            ));
        }
        if actions.include(&spec.action) {
            return chosen.mismatch(spec);
        }
        let others =
            self.list.iter().filter(|other| other.is_first_choice && other.actions.include(&spec.action));
        let others: Vec<&str> = others.map(|other| other.name).collect();
        let instead = match others.split_last() {
            Some((last, [])) => format!(": use {last}"),
            Some((last, first)) => format!(": use {} or {last}", first.join(", ")),
            None => String::new(),
        };
        Some(match spec.action.form() {
            ActionForm::Choices(_) => format!("{name} learns settings; this process has choices{instead}"),
            ActionForm::Settings(_) => format!("{name} learns choices; this process has settings{instead}"),
            ActionForm::Several if spec.action.axes.is_empty() => {
                format!("{name} learns one choice a step; this process has several at once{instead}")
            }
            ActionForm::Several => {
                format!("{name} learns choices or settings; this process has both at once{instead}")
            }
        })
    }
}

/// A name without a recipe.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no algorithm `{name}`; {}", match near {
    Some(near) => format!("did you mean `{near}`?"),
    None => format!("algorithms: {names}"),
})]
pub struct UnknownAlgorithm {
    name: String,
    near: Option<String>,
    names: String,
}

/// The options of the algorithm that a project names.
#[derive(Clone, Debug)]
pub struct ChosenOptions {
    recipe: Recipe,
    options: Arc<dyn LearnerOptions>,
}

impl ChosenOptions {
    /// The algorithm.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// Name of the algorithm.
    pub fn name(&self) -> &'static str {
        self.recipe.name
    }
}

impl Deref for ChosenOptions {
    type Target = dyn LearnerOptions;

    fn deref(&self) -> &Self::Target {
        &*self.options
    }
}

impl Serialize for ChosenOptions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.options.written().serialize(serializer)
    }
}
