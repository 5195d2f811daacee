//! The project file: one TOML file that is the whole decision.

use std::path::{Path, PathBuf};

use crate::charter::{Charter, Finding, Mode, RewardDelay};
use crate::constraint::{Condition, Constraint, Effect, Subject};
use crate::curriculum::{self, Curriculum};
use crate::data::{self, Data};
use crate::diagnostic::Diagnostic;
use crate::disturbance::{self, Disturbance};
use crate::document::Document;
use crate::preference::Preference;
use crate::safety::{self, Safety};
use crate::section::{Range, Section};
use crate::spec::Spec;
use crate::tuning::{self, Ranges};

/// Baselines that every policy can be compared with; a process may offer more by name.
pub const BASELINES: &[&str] = &["random", "heuristic"];
/// Name of the file in a project's folder.
pub const FILE_NAME: &str = "setpoint.toml";
/// A larger project file is refused before it is read.
const BYTES_MAX: u64 = 1 << 20;

/// A project file, read and checked as far as that is possible without its process.
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
    /// `[[constraint]]`
    pub constraints: Vec<Constraint>,
    /// `[[scenario]]` that sets a state.
    pub scenarios: Vec<Scenario>,
    /// `[[scenario]]` that says what the reward must prefer.
    pub preferences: Vec<Preference>,
    /// `[[disturbance]]`
    pub disturbances: Vec<Disturbance>,
    /// `[curriculum]`
    pub curriculum: Option<Curriculum>,
    /// `[data]`, where the project has a log.
    pub data: Option<Data>,
    /// `[train]`
    pub train: Train,
    /// `[evaluate]`
    pub evaluate: Evaluate,
    /// `[tune.ranges]`
    pub tuning: Ranges,
    pub(crate) document: Document,
}

/// `[process]`, as far as every process has it; its own keys are read by the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessChoice {
    /// Which one; `setpoint list processes`.
    pub kind: String,
    /// Steps after which an episode is truncated; the process's own limit where absent.
    pub max_steps: Option<u32>,
}

/// `[reward]`: signals × weights, and one-off amounts on events.
#[derive(Clone, Debug, PartialEq)]
pub struct Reward {
    /// Signal and weight per unit of the signal, in the order of the file.
    pub terms: Vec<(String, f64)>,
    /// Added once when an episode terminates.
    pub on_terminated: f64,
    /// Added once when an episode is truncated.
    pub on_truncated: f64,
}

/// `[[scenario]]` with `set`: a named state for `setpoint recommend` and the report.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// What it stands for.
    pub description: Option<String>,
    /// Features and their values as the policy sees them; the others stand at their reference values.
    pub values: Vec<(String, f64)>,
}

/// `[train]`
#[derive(Clone, Debug, PartialEq)]
pub struct Train {
    /// Name of the algorithm. The crate with the algorithms knows them, and reads the tables `[train.<algorithm>]`.
    pub algorithm: String,
    /// Environment steps; a lower bound, since updates are not cut.
    pub total_steps: u64,
    /// Ends the training after so many episodes, if that comes first.
    pub total_episodes: Option<u64>,
    /// Seed of everything random in training.
    pub seed: u64,
    /// Ends the training once the mean return of the last 100 episodes reaches this.
    pub target_return: Option<f64>,
    /// Updates between checkpoints.
    pub checkpoint_every_updates: u64,
    /// Updates between lines of `metrics.jsonl`.
    pub log_every_updates: u64,
}

/// `[evaluate]`
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluate {
    /// Episodes a seed.
    pub episodes: u32,
    /// First seed; policy and baselines meet the same ones, training never does.
    pub seed: u64,
    /// What the policy is compared with.
    pub baselines: Vec<String>,
    /// The baseline that the gate and the verdict speak of; one of `baselines`, by default the last.
    pub against: Option<String>,
    /// The gate of `run` and `eval`: the lift's 95 % interval must lie above this, in percent of reward per step.
    pub required_lift_percent: Option<f64>,
    /// Whether the policy takes its most probable action (or draws from its distribution).
    pub deterministic: bool,
    /// The level of the curriculum whose disturbances are met; the last one where absent.
    pub level: Option<String>,
    /// Whether disturbances are met at all.
    pub disturbed: bool,
}

impl Project {
    /// Reads a project file, or the one in a folder, with overrides such as `train.seed=3` laid over it.
    pub fn load(path: &Path, overrides: &[String]) -> Result<Self, Box<Diagnostic>> {
        let file = if path.is_dir() { path.join(FILE_NAME) } else { path.to_owned() };
        let unreadable = |what: String| {
            let help = format!(
                "give a folder that holds a {FILE_NAME}, or the file; `setpoint new NAME --process KIND` writes one"
            );
            Diagnostic::without_origin(
                format!("cannot read the project file {}: {what}", file.display()),
                help,
            )
        };
        let length = std::fs::metadata(&file).map_err(|error| unreadable(error.to_string()))?.len();
        if length > BYTES_MAX {
            return Err(unreadable(format!("it has {length} bytes, more than any project file needs")));
        }
        let bytes = std::fs::read(&file).map_err(|error| unreadable(error.to_string()))?;
        let text = String::from_utf8(bytes).map_err(|_| unreadable("it is not UTF-8 text".into()))?;
        let folder = file.parent().unwrap_or(Path::new("")).to_owned();
        let absolute = std::path::absolute(&folder).unwrap_or_else(|_| folder.clone());
        let folder_name = absolute.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = file.display().to_string();
        let mut project = Self::read(&name, &text, overrides, folder_name.as_deref().unwrap_or("project"))?;
        project.folder = folder;
        Ok(project)
    }

    /// Reads a project from a text; `name` is what errors call it.
    pub fn from_text(name: &str, text: &str, overrides: &[String]) -> Result<Self, Box<Diagnostic>> {
        Self::read(name, text, overrides, "project")
    }

    /// The least project of a kind of process: no more than its name, for defaults that need a project around them.
    pub fn of_kind(kind: &str) -> Self {
        let kind = toml::Value::String(kind.to_owned());
        let text = format!("[process]\nkind = {kind}\n[reward]\nnone = 1");
        Self::from_text("defaults", &text, &[]).expect("a project needs no more than a kind and a reward")
    }

    fn read(name: &str, text: &str, overrides: &[String], fallback: &str) -> Result<Self, Box<Diagnostic>> {
        let mut document = Document::parse(name, text)?;
        for assignment in overrides {
            document.set(assignment)?;
        }
        let top = document.top();
        let charter = read_charter(top.table("decision")?, fallback)?;
        let process = read_process(&top.table("process")?)?;
        let reward = read_reward(top.table("reward")?, &process.kind)?;
        let safety = safety::read(&top.table("safety")?)?;
        let constraints =
            top.tables("constraint")?.into_iter().map(read_constraint).collect::<Result<Vec<_>, _>>()?;
        let (scenarios, preferences) = read_scenarios(top.tables("scenario")?)?;
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
        let data = data::read(top.table("data")?)?;
        let train = read_train(top.table("train")?)?;
        let evaluate = read_evaluate(top.table("evaluate")?, curriculum.as_ref())?;
        let tuning = tuning::read(&top.table("tune")?)?;
        top.finish()?;
        let folder = PathBuf::new();
        Ok(Self {
            folder,
            charter,
            process,
            reward,
            safety,
            constraints,
            scenarios,
            preferences,
            disturbances,
            curriculum,
            data,
            train,
            evaluate,
            tuning,
            document,
        })
    }

    /// A table of the file, for parts that read their own.
    pub fn section(&self, path: &str) -> Section<'_> {
        self.document.section(path)
    }

    /// Whether the charter holds.
    pub fn check_charter(&self, spec: &Spec) -> Vec<Finding> {
        self.charter.check(self.constraints.len(), spec.max_steps)
    }

    /// The file with every default written out. Parts that read their own tables insert them.
    pub fn to_toml(&self) -> toml::Table {
        crate::resolved::resolve(self)
    }
}

fn read_charter(section: Section<'_>, fallback: &str) -> Result<Charter, Box<Diagnostic>> {
    let mode = section.choice("mode", &["advisory", "automatic"], "who acts")?;
    let reward_delay = match section.string("reward_delay", "how soon the reward of an action shows")? {
        None => None,
        Some(text) => Some(RewardDelay::parse(&text).ok_or_else(|| {
            section.error(
                "reward_delay",
                &format!("`{text}` is not a reward delay"),
                &format!("expected {}", RewardDelay::EXPECTED),
                "a delay is counted in decision steps",
            )
        })?),
    };
    let charter = Charter {
        name: section.string("name", "name of the decision")?.unwrap_or_else(|| fallback.to_owned()),
        controls: section.string("controls", "what exactly is controlled")?,
        mode: mode.map(|mode| if mode == "automatic" { Mode::Automatic } else { Mode::Advisory }),
        reward_delay,
        deployment: section.string("deployment", "how it is deployed without re-architecting the plant")?,
        success: section.string("success", "what lift on one process proves it")?,
    };
    section.finish()?;
    Ok(charter)
}

fn read_process(section: &Section<'_>) -> Result<ProcessChoice, Box<Diagnostic>> {
    let steps = Range::between(1.0, f64::from(u32::MAX));
    let max_steps = section.integer("max_steps", steps, "steps after which an episode is cut off")?;
    let kind = section.string("kind", "the process that is controlled")?.ok_or_else(|| {
        section.error(
            "kind",
            "the project file names no process",
            "expected kind = \"…\" in [process]",
            "`setpoint list processes` shows what there is",
        )
    })?;
    Ok(ProcessChoice { kind, max_steps: max_steps.map(|steps| steps as u32) })
}

fn read_reward(section: Section<'_>, kind: &str) -> Result<Reward, Box<Diagnostic>> {
    let event = |key, meaning| -> Result<f64, Box<Diagnostic>> {
        Ok(section.number(key, Range::any(), meaning)?.unwrap_or(0.0))
    };
    let reward = Reward {
        on_terminated: event("on_terminated", "added once when an episode terminates")?,
        on_truncated: event("on_truncated", "added once when an episode is truncated")?,
        terms: section.numbers(
            &["on_terminated", "on_truncated"],
            "weight: reward per unit of the signal; `setpoint list processes` shows signals and units",
        )?,
    };
    if reward.terms.is_empty() && reward.on_terminated == 0.0 && reward.on_truncated == 0.0 {
        return Err(section.error(
            "reward",
            "the project file pays for nothing",
            "expected signals and weights in [reward]",
            &format!("`setpoint list processes {kind}` shows the signals that a weight can be given to"),
        ));
    }
    Ok(reward)
}

fn read_constraint(section: Section<'_>) -> Result<Constraint, Box<Diagnostic>> {
    const EXAMPLE: &str = "for example: when = { signal = \"failure_prob\", above = 0.18 }";
    let when = section.table("when")?;
    if !when.is_present() {
        let label = "expected when = { … }";
        return Err(section.error("when", "a constraint does not say when it holds", label, EXAMPLE));
    }
    let signal = when.string("signal", "name of a signal")?;
    let feature = when.string("feature", "name of a feature")?;
    let above = when.number("above", Range::any(), "it holds above this, in the signal's unit")?;
    let below = when.number("below", Range::any(), "it holds below this, in the signal's unit")?;
    let subject = match (signal, feature) {
        (Some(name), None) => Subject::Signal(name),
        (None, Some(name)) => Subject::Feature(name),
        (None, None) => {
            let title = "a constraint does not say what it looks at";
            return Err(section.error("when", title, "expected a signal or a feature", EXAMPLE));
        }
        (Some(_), Some(_)) => {
            let title = "a constraint looks at one thing";
            return Err(section.error("when", title, "expected a signal or a feature, not both", EXAMPLE));
        }
    };
    match (above, below) {
        (None, None) => {
            let title = "a constraint without a limit never holds";
            return Err(section.error("when", title, "expected above = … or below = …", EXAMPLE));
        }
        (Some(above), Some(below)) if above >= below => {
            let title = "a constraint whose limits exclude each other never holds";
            let label = format!("nothing is above {above} and below {below}");
            let help = "write two constraints for two separate ranges";
            return Err(section.error("when", title, &label, help));
        }
        _ => {}
    }
    when.finish()?;

    let forbid = section.strings("forbid", "names of actions that may not be taken")?;
    let clip = section.table("clip")?;
    let effect = match (forbid, clip.is_present()) {
        (Some(names), false) if !names.is_empty() => Effect::Forbid(names),
        (None, true) => {
            let axis = clip.string("action", "name of a continuous action")?;
            let low = clip.number("low", Range::any(), "least value, in the action's unit")?;
            let high = clip.number("high", Range::any(), "greatest value, in the action's unit")?;
            let limits = low.is_some() || high.is_some();
            let (Some(action), true) = (axis, limits) else {
                let help = "for example: clip = { action = \"dose\", high = 0.5 }";
                let title = "a clip needs an action and a limit";
                return Err(section.error("clip", title, "expected action, and low or high", help));
            };
            if low.zip(high).is_some_and(|(low, high)| low > high) {
                let title = "a clip's limits exclude each other";
                return Err(section.error("clip", title, "low must not be above high", ""));
            }
            clip.finish()?;
            Effect::Clip { action, low, high }
        }
        (Some(_), true) => {
            let title = "a constraint has one effect";
            return Err(section.error(
                "clip",
                title,
                "expected forbid or clip, not both",
                "write two constraints",
            ));
        }
        _ => {
            let title = "a constraint does nothing";
            let help = "for example: forbid = [\"increase_speed\"]";
            return Err(section.error("forbid", title, "expected forbid = [names] or clip = { … }", help));
        }
    };
    section.finish()?;
    Ok(Constraint { when: Condition { subject, above, below }, effect })
}

fn read_scenarios(sections: Vec<Section<'_>>) -> Result<(Vec<Scenario>, Vec<Preference>), Box<Diagnostic>> {
    let (mut scenarios, mut preferences): (Vec<Scenario>, Vec<Preference>) = Default::default();
    for section in sections {
        let name = section.string("name", "name of the scenario")?.ok_or_else(|| {
            section.error(
                "name",
                "a scenario has no name",
                "expected name = \"…\"",
                "`recommend` asks for it by name",
            )
        })?;
        let mut taken = scenarios
            .iter()
            .map(|scenario| &scenario.name)
            .chain(preferences.iter().map(|preference| &preference.name));
        if taken.any(|other| *other == name) {
            let title = format!("there are two scenarios named \"{name}\"");
            return Err(section.error("name", &title, "already taken", "give each its own name"));
        }
        let description = section.string("description", "what it stands for")?;
        if section.is_table("prefer") || section.is_table("over") {
            preferences.push(Preference::read(&section, name, description)?);
            section.finish()?;
            continue;
        }
        let set = section.table("set")?;
        let values = set.numbers(&[], "value as the policy sees it")?;
        if values.is_empty() {
            let title = "a scenario sets nothing and prefers nothing";
            return Err(section.error(
                "set",
                title,
                "expected set = { feature = value, … }",
                "set = { wip = 0.75 } for a state, or prefer = { … } and over = { … } for what the reward must like \
                 better",
            ));
        }
        section.finish()?;
        scenarios.push(Scenario { name, description, values });
    }
    Ok((scenarios, preferences))
}

fn read_train(section: Section<'_>) -> Result<Train, Box<Diagnostic>> {
    let count = || Range::between(1.0, 1e15);
    let or = |key, default, meaning| -> Result<u64, Box<Diagnostic>> {
        Ok(section.integer(key, count(), meaning)?.unwrap_or(default))
    };
    let train = Train {
        algorithm: section.string("algorithm", "what learns")?.unwrap_or_else(|| "ppo".to_owned()),
        total_steps: or("total_steps", 100_000, "environment steps to learn from")?,
        total_episodes: section.integer("total_episodes", count(), "episodes to learn from")?,
        seed: section.integer("seed", Range::between(0.0, 9e15), "seed of everything random")?.unwrap_or(0),
        target_return: section.number(
            "target_return",
            Range::any(),
            "training ends once the mean return of the last 100 episodes reaches this",
        )?,
        checkpoint_every_updates: or("checkpoint_every_updates", 10, "updates between checkpoints")?,
        log_every_updates: or("log_every_updates", 1, "updates between lines of metrics.jsonl")?,
    };
    section.finish_but_tables()?;
    Ok(train)
}

fn read_evaluate(section: Section<'_>, curriculum: Option<&Curriculum>) -> Result<Evaluate, Box<Diagnostic>> {
    let episodes = Range::between(2.0, 1e6);
    let baselines = section.strings("baselines", "what the policy is compared with")?;
    let baselines =
        baselines.unwrap_or_else(|| BASELINES.iter().map(|baseline| (*baseline).to_owned()).collect());
    for (index, name) in baselines.iter().enumerate() {
        if baselines[..index].contains(name) {
            let title = format!("`{name}` is listed twice");
            return Err(section.error_in_list("baselines", index, &title, "once is enough", ""));
        }
    }
    let against = section.string("against", "the baseline that the verdict speaks of")?;
    if let Some(name) = against.as_ref().filter(|name| !baselines.contains(name)) {
        let title = format!("`{name}` is not among the baselines of this project");
        let label = format!("expected one of {}", baselines.join(", "));
        return Err(section.error("against", &title, &label, "add it to `baselines`"));
    }
    let level = section.string("level", "the level of the curriculum that it is evaluated on")?;
    if let Some(name) = &level {
        let levels: Vec<&str> =
            curriculum.iter().flat_map(|curriculum| &curriculum.levels).map(String::as_str).collect();
        if !levels.contains(&name.as_str()) {
            let title = format!("there is no level `{name}`");
            let label = crate::diagnostic::suggestion(name, &levels, "levels");
            return Err(section.error("level", &title, &label, "levels are named in [curriculum]"));
        }
    }
    let evaluate = Evaluate {
        level,
        disturbed: section.boolean("disturbed", "whether [[disturbance]]s are met")?.unwrap_or(true),
        episodes: section.integer("episodes", episodes, "episodes a seed")?.unwrap_or(100) as u32,
        seed: section
            .integer("seed", Range::between(0.0, 9e15), "first evaluation seed")?
            .unwrap_or(1_000_000),
        against,
        required_lift_percent: section.number(
            "required_lift_percent",
            Range::between(-100.0, 1e6),
            "least lift over the baseline, in percent of reward per step",
        )?,
        deterministic: section
            .boolean("deterministic", "take the most probable action instead of drawing one")?
            .unwrap_or(true),
        baselines,
    };
    if evaluate.required_lift_percent.is_some() && evaluate.baselines.is_empty() {
        let title = "a required lift needs a baseline";
        let help = "baselines = [\"heuristic\"]";
        return Err(section.error("required_lift_percent", title, "there is nothing to compare with", help));
    }
    section.finish()?;
    Ok(evaluate)
}

impl Project {
    /// The level that evaluations meet, counted from 0.
    pub fn evaluation_level(&self) -> usize {
        let levels = self.curriculum.as_ref().map_or(&[] as &[String], |curriculum| &curriculum.levels);
        match &self.evaluate.level {
            Some(name) => levels.iter().position(|level| level == name).unwrap_or(0),
            None => levels.len().saturating_sub(1),
        }
    }
}

impl Evaluate {
    /// The baseline that the verdict speaks of.
    pub fn against(&self) -> Option<&str> {
        self.against.as_deref().or_else(|| self.baselines.last().map(String::as_str))
    }
}
