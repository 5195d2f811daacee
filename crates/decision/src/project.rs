//! The project file: one TOML file with the whole decision.

use std::path::{Path, PathBuf};

use setpoint_files::storage;
use toml::{Table, Value};

use crate::charter::{self, Charter, Finding};
use crate::constraint::{self, Constraint};
use crate::curriculum::{self, Curriculum};
use crate::data::{self, Data};
use crate::diagnostic::Diagnostic;
use crate::disturbance::{self, Disturbance};
use crate::document::{self, Document};
use crate::planning::{self, MPC, Planning};
use crate::preference::{self, Preference};
use crate::rule::{self, Rule};
use crate::safety::{self, Safety};
use crate::section::Section;
use crate::spaces::{self, Spaces};
use crate::spec::Spec;
use crate::table::tables;
use crate::tuning::{self, Ranges};
use crate::{evaluate, process_choice, reward, scenario, train};

pub use crate::evaluate::{BASELINES, Evaluate};
pub use crate::process_choice::ProcessChoice;
pub use crate::reward::Reward;
pub use crate::scenario::Scenario;
pub use crate::train::Train;

/// Name of the file in a project's folder.
pub const FILE_NAME: &str = "setpoint.toml";
/// A larger project file is refused without reading it.
const BYTES_MAX: u64 = 1 << 20;

/// A project file, with all checks that do not need its process.
#[derive(Clone, Debug)]
pub struct Project {
    /// The folder of the file.
    pub folder: PathBuf,
    /// `[decision]`
    pub charter: Charter,
    /// `[process]`
    pub process: ProcessChoice,
    /// `[reward]`
    pub reward: Reward,
    /// `[safety]`
    pub safety: Safety,
    /// `[[feature]]`, `[[choice]]`, `[[setting]]` and `[[signal]]`, for a process that has no spec of its own.
    pub spaces: Spaces,
    /// `[[rule]]`
    pub rules: Vec<Rule>,
    /// `[[constraint]]`
    pub constraints: Vec<Constraint>,
    /// `[[scenario]]` tables that set a state.
    pub scenarios: Vec<Scenario>,
    /// `[[scenario]]` tables that state a preference of the reward.
    pub preferences: Vec<Preference>,
    /// `[[disturbance]]`
    pub disturbances: Vec<Disturbance>,
    /// `[curriculum]`
    pub curriculum: Option<Curriculum>,
    /// `[data]`, if the project has a log; with the columns that the declared spaces name.
    pub data: Option<Data>,
    /// `[train]`
    pub train: Train,
    /// `[evaluate]`
    pub evaluate: Evaluate,
    /// `[planning]`
    pub planning: Planning,
    /// `[tune.ranges]`
    pub tuning: Ranges,
    /// Whether a program of the user wrote it. Such a project may name files anywhere; a project file, which may come from
    /// elsewhere, writes only below its folder.
    pub is_from_code: bool,
    pub(crate) document: Document,
}

impl Project {
    /// Reads a project file, or the one in a folder, and applies overrides such as `train.seed=3`.
    pub fn load(path: &Path, overrides: &[String]) -> Result<Self, Box<Diagnostic>> {
        let file = if path.is_dir() { path.join(FILE_NAME) } else { path.to_owned() };
        let unreadable = |what: String| {
            let help = format!(
                "give a folder that contains a {FILE_NAME}, or the file; `setpoint new NAME --process KIND` writes one"
            );
            Diagnostic::without_origin(
                format!("cannot read the project file {}: {what}", file.display()),
                help,
            )
        };
        let text = storage::read_text(&file, BYTES_MAX).map_err(|error| unreadable(error.to_string()))?;
        let folder = file.parent().unwrap_or(Path::new("")).to_owned();
        let absolute = std::path::absolute(&folder).unwrap_or_else(|_| folder.clone());
        let folder_name = absolute.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = file.display().to_string();
        let mut project = Self::read(&name, &text, overrides, folder_name.as_deref().unwrap_or("project"))?;
        project.folder = folder;
        Ok(project)
    }

    /// Reads a project from a text; errors call the text `name`.
    pub fn from_text(name: &str, text: &str, overrides: &[String]) -> Result<Self, Box<Diagnostic>> {
        Self::read(name, text, overrides, "project")
    }

    /// The smallest project of a kind of process: only its name, for defaults that need a project.
    pub fn of_kind(kind: &str) -> Self {
        let kind = toml::Value::String(kind.to_owned());
        let text = format!("[process]\nkind = {kind}\n[reward]\nnone = 1");
        Self::from_text("defaults", &text, &[]).expect("a project needs no more than a kind and a reward")
    }

    /// The project of the same text with more overrides. Its file is not read again.
    pub fn with_overrides(&self, overrides: &[String]) -> Result<Self, Box<Diagnostic>> {
        let mut project = Self::of(self.document.clone(), overrides, &self.charter.name)?;
        project.folder.clone_from(&self.folder);
        project.is_from_code = self.is_from_code;
        Ok(project)
    }

    fn read(name: &str, text: &str, overrides: &[String], fallback: &str) -> Result<Self, Box<Diagnostic>> {
        Self::of(Document::parse(name, text)?, overrides, fallback)
    }

    fn of(mut document: Document, overrides: &[String], fallback: &str) -> Result<Self, Box<Diagnostic>> {
        for assignment in overrides {
            document.set(assignment)?;
        }
        let top = document.top();
        let charter = charter::read(&top.table("decision")?, fallback)?;
        let process = process_choice::read(&top.table("process")?)?;
        let reward = reward::read(&top.table("reward")?, &process.kind)?;
        let safety = safety::read(&top.table("safety")?)?;
        let spaces = spaces::read(&top)?;
        let rules = top.tables("rule")?.into_iter().map(rule::read).collect::<Result<Vec<_>, _>>()?;
        let constraints =
            top.tables("constraint")?.into_iter().map(constraint::read).collect::<Result<Vec<_>, _>>()?;
        let (scenarios, preferences) = scenario::read(top.tables("scenario")?)?;
        let curriculum = curriculum::read(&top.table("curriculum")?)?;
        let levels = curriculum.as_ref().map_or(1, |curriculum| curriculum.levels.len());
        let disturbances = top.tables("disturbance")?;
        let disturbances = disturbances
            .iter()
            .map(|section| disturbance::read(section, levels))
            .collect::<Result<Vec<_>, _>>()?;
        if curriculum.is_some() && disturbances.is_empty() {
            let title = "a curriculum without disturbances has nothing to make harder";
            let label = "expected [[disturbance]] tables";
            let help = "for example: [[disturbance]] kind = \"noise\", sd = [0.0, 0.02]";
            return Err(top.error("curriculum", title, label, help));
        }
        let data = spaces.complete(data::read(&top.table("data")?)?, &top)?;
        let train = train::read(&top.table("train")?)?;
        let evaluate = evaluate::read(&top.table("evaluate")?, curriculum.as_ref(), &safety)?;
        let planning = planning::read(&top.table("planning")?)?;
        let tuning = tuning::read(&top.table("tune")?)?;
        top.finish()?;
        let folder = PathBuf::new();
        Ok(Self {
            is_from_code: false,
            folder,
            charter,
            process,
            reward,
            safety,
            spaces,
            rules,
            constraints,
            scenarios,
            preferences,
            disturbances,
            curriculum,
            data,
            train,
            evaluate,
            planning,
            tuning,
            document,
        })
    }

    /// A table of the file, for the parts that read their own tables.
    pub fn section(&self, path: &str) -> Section<'_> {
        self.document.section(path)
    }

    /// Checks the charter.
    pub fn check_charter(&self, spec: &Spec) -> Vec<Finding> {
        self.charter.check(self.constraints.len(), spec.max_steps)
    }

    /// Checks every name of the file against a process: its settings have bounds; reward terms are signals; constraints name existing signals,
    /// features and actions, and leave at least one action; scenarios set features within their bounds.
    pub fn bind(&self, spec: &Spec) -> Result<(), Box<Diagnostic>> {
        let top = self.document.top();
        process_choice::bind(&top.table("process")?, spec)?;
        reward::bind(&self.reward, &top.table("reward")?, spec)?;
        safety::bind(&self.safety, &top.table("safety")?, spec)?;
        self.bind_rules(spec)?;
        constraint::bind(&self.constraints, &top.tables("constraint")?, spec)?;
        let (mut scenarios, mut preferences) = (self.scenarios.iter(), self.preferences.iter());
        for section in top.tables("scenario")? {
            if section.is_table("prefer") {
                preferences.next().map_or(Ok(()), |preference| preference.bind(&section, spec))?;
            } else if let Some(scenario) = scenarios.next() {
                scenario::bind(scenario, &section, spec)?;
            }
        }
        for (section, disturbance) in top.tables("disturbance")?.iter().zip(&self.disturbances) {
            disturbance::bind(disturbance, section, spec)?;
        }
        if let Some(data) = &self.data {
            data::bind(data, &top.table("data")?, spec)?;
        }
        evaluate::bind(&self.evaluate, &top.table("evaluate")?, spec)
    }

    /// Checks `[data]` against the declared spaces, for a log that is read before any process.
    pub fn bind_declared(&self, spec: &Spec) -> Result<(), Box<Diagnostic>> {
        match &self.data {
            Some(data) => data::bind(data, &self.document.top().table("data")?, spec),
            None => Ok(()),
        }
    }

    /// Checks the names of the rules against a process.
    pub fn bind_rules(&self, spec: &Spec) -> Result<(), Box<Diagnostic>> {
        rule::bind(&self.rules, &self.document.top().tables("rule")?, spec)
    }

    /// The file with every default written out, as a run stores it. Parts that read their own tables insert them.
    pub fn to_toml(&self) -> Table {
        let mut top = Table::new();
        let mut insert = |key: &str, value: Value| {
            top.insert(key.to_owned(), value);
        };
        let written = document::to_toml(self.document.root.get("process"));
        insert("decision", charter::to_toml(&self.charter).into());
        insert("process", process_choice::to_toml(&self.process, written).into());
        insert("reward", reward::to_toml(&self.reward).into());
        insert("train", train::to_toml(&self.train).into());
        insert("evaluate", evaluate::to_toml(&self.evaluate).into());
        if !self.safety.is_empty() {
            insert("safety", safety::to_toml(&self.safety).into());
        }
        if let Some(data) = &self.data {
            insert("data", data::to_toml(&self.spaces.without_own(data), &self.folder).into());
        }
        for (key, list) in self.spaces.to_toml() {
            if let Some(list) = list {
                insert(key, list);
            }
        }
        if !self.rules.is_empty() {
            insert("rule", tables(self.rules.iter().map(rule::to_toml)));
        }
        if !self.constraints.is_empty() {
            insert("constraint", tables(self.constraints.iter().map(constraint::to_toml)));
        }
        if !self.scenarios.is_empty() || !self.preferences.is_empty() {
            let scenarios = self.scenarios.iter().map(scenario::to_toml);
            insert("scenario", tables(scenarios.chain(self.preferences.iter().map(preference::to_toml))));
        }
        if !self.disturbances.is_empty() {
            insert("disturbance", tables(self.disturbances.iter().map(disturbance::to_toml)));
        }
        let plans = self.evaluate.baselines.iter().any(|name| name == MPC) || self.train.algorithm == MPC;
        if plans || self.planning != Planning::default() {
            insert("planning", planning::to_toml(&self.planning).into());
        }
        if !self.tuning.is_empty() {
            insert("tune", tuning::to_toml(&self.tuning).into());
        }
        if let Some(curriculum) = &self.curriculum {
            insert("curriculum", curriculum::to_toml(curriculum).into());
        }
        top
    }

    /// The level of evaluations, counted from 0.
    pub fn evaluation_level(&self) -> usize {
        let levels = self.curriculum.as_ref().map_or(&[] as &[String], |curriculum| &curriculum.levels);
        match &self.evaluate.level {
            Some(name) => levels.iter().position(|level| level == name).unwrap_or(0),
            None => levels.len().saturating_sub(1),
        }
    }
}
