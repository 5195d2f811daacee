//! A recipe: everything that the program knows about an algorithm, in one value.
//!
//! An algorithm's file ends in a constant of type [`Recipe`]. Lists, checks, comparisons, searches and the classes of the
//! Python package follow from it.

use std::cell::RefCell;
use std::fmt;
use std::path::Path;

use serde::{Serialize, Serializer};
use setpoint_decision::charter::Finding;
use setpoint_decision::section::{Key, Section};
use setpoint_decision::spec::{ActionForm, ActionSpace, Spec};
use setpoint_decision::tuning::Ranges;
use setpoint_decision::{Diagnostic, Project};
use setpoint_evidence::Decision;

use crate::algorithm::Algorithm;
use crate::memory::Need;
use crate::off_policy::Collection;
use crate::offline::Source;
use crate::request::Request;

/// The description of an algorithm, its use, and the step from its table in the project file to a learner.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Recipe {
    /// Its name in the project file, in kebab case.
    pub name: &'static str,
    /// Name of its class in the Python package.
    pub class: &'static str,
    /// Its description.
    pub summary: &'static str,
    /// Whether it learns only from the data of its present policy.
    pub on_policy: bool,
    /// Actions that it learns.
    pub actions: Learns,
    /// Whether it reads images and sets of points, not features alone.
    pub reads_tensors: bool,
    /// How much it learns from each step of the process.
    pub sample_efficiency: &'static str,
    /// When to use it, as the rest of a sentence "use it if …".
    pub pick_when: &'static str,
    /// Its publication.
    pub source: &'static str,
    /// Whether `setpoint compare` trains it if no algorithm is named. References and special cases are trained only if they
    /// are named.
    #[serde(skip)]
    pub is_first_choice: bool,
    /// Ranges of the options that usually matter, for `setpoint tune`; empty if there are none.
    #[serde(skip)]
    pub tuning: fn() -> Ranges,
    /// Reads its table. [`Recipe::options`] refuses unknown keys afterwards.
    #[serde(skip)]
    pub read: Read,
}

/// Reads the options of an algorithm from its table; absent keys take their defaults.
pub type Read = fn(&Section<'_>) -> Result<Box<dyn LearnerOptions>, Box<Diagnostic>>;

/// Actions that an algorithm learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learns {
    /// Choices; constraints may forbid some of them.
    Choices,
    /// Settings.
    Settings,
    /// Choices, of which constraints may forbid some, or settings.
    Both,
    /// Several groups of choices, of which constraints may forbid some, and settings, all at once.
    Together,
    /// Choices and settings as a log contains them, alone or together.
    Logged,
}

impl Learns {
    /// Whether it learns the actions of this space.
    pub fn include(self, space: &ActionSpace) -> bool {
        match self {
            Self::Choices => matches!(space.form(), ActionForm::Choices(_)),
            Self::Settings => matches!(space.form(), ActionForm::Settings(_)),
            Self::Both => space.form() != ActionForm::Several,
            Self::Together | Self::Logged => true,
        }
    }
}

impl fmt::Display for Learns {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Choices => "discrete, masked",
            Self::Settings => "continuous",
            Self::Both => "discrete, continuous, masked",
            Self::Together => "discrete, continuous, both together, masked",
            Self::Logged => "discrete, continuous, both together",
        })
    }
}

impl Serialize for Learns {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Options as a table of a project file. Every serialisable type implements it.
pub trait Written {
    /// Every option with its value.
    fn written(&self) -> toml::Table;
}

impl<T: Serialize> Written for T {
    fn written(&self) -> toml::Table {
        toml::Table::try_from(self).expect("options are numbers, texts and lists of them")
    }
}

/// The options of an algorithm, every default filled in.
pub trait LearnerOptions: Written + fmt::Debug + Send + Sync {
    /// A fresh learner.
    fn learner(&self, request: &Request<'_>) -> Box<dyn Algorithm>;

    /// The reason why these options cannot learn this decision, if so. Kinds of actions are compared before.
    fn mismatch(&self, spec: &Spec) -> Option<String> {
        let _ = spec;
        None
    }

    /// Environment steps that a training of `total_steps` takes: more, for an algorithm that learns from complete rollouts.
    fn steps_taken(&self, total_steps: u64) -> u64 {
        total_steps
    }

    /// The discount per step; `None` for an algorithm without a discount: a bandit, a clone.
    fn gamma(&self) -> Option<f64> {
        self.collection().map(|collection| collection.gamma)
    }

    /// The options of its replay buffer, if it has one.
    fn collection(&self) -> Option<&Collection> {
        None
    }

    /// The parts of its training that take memory, on this decision.
    fn needs(&self, spec: &Spec, masked: bool) -> Vec<Need> {
        self.collection().map(|collection| collection.need(spec, masked)).into_iter().collect()
    }

    /// Whether observations are normalised; `None` if their scale does not matter, or if they are always normalised.
    fn normalizes_observations(&self) -> Option<bool> {
        self.collection().map(|collection| collection.normalize_observation)
    }

    /// The source of its log, if it learns from a log.
    fn source(&self) -> Option<&Source> {
        None
    }

    /// Whether the policy should decide like its log.
    fn imitates(&self) -> bool {
        false
    }

    /// Makes file names independent of the folder of the project file.
    fn resolve(&mut self, folder: &Path) {
        let _ = folder;
    }

    /// Whether rewards are normalised; `None` for an algorithm without this option.
    fn normalizes_rewards(&self) -> Option<bool> {
        None
    }

    /// Warnings about options that are allowed, but with which it hardly learns this decision.
    fn warnings(&self, decision: &Decision) -> Vec<Finding> {
        let _ = decision;
        Vec::new()
    }
}

/// An option of an algorithm, as `setpoint list algorithms NAME` shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OptionDescription {
    /// Its key in `[train.<algorithm>]`.
    pub name: &'static str,
    /// Its default; `None` if the option is off by default.
    pub default: Option<toml::Value>,
    /// Its possible values, as text.
    pub expected: String,
    /// Its meaning.
    pub meaning: &'static str,
}

impl Recipe {
    /// Reads its table of a project.
    pub fn options(&self, project: &Project) -> Result<Box<dyn LearnerOptions>, Box<Diagnostic>> {
        let section = project.section(&format!("train.{}", self.name));
        let options = (self.read)(&section)?;
        section.finish()?;
        Ok(options)
    }

    /// Every option with its default, in the order of its reader.
    pub fn describe_options(&self) -> Vec<OptionDescription> {
        let project = Project::of_kind("none");
        let asked = RefCell::new(Vec::new());
        let section = project.section(&format!("train.{}", self.name)).noting(&asked);
        let options = (self.read)(&section).expect("defaults are within their ranges");
        let defaults = options.written();
        let describe = |Key { name, expected, meaning }: Key| OptionDescription {
            default: defaults.get(name).cloned(),
            name,
            expected,
            meaning,
        };
        asked.into_inner().into_iter().map(describe).collect()
    }
}
