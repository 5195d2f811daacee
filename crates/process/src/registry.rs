//! The registry of kinds: from a project's `kind` to a process.
//!
//! It is a value. A program names the kinds that it offers, so that a crate of your own adds a process and gets every command.

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;

use setpoint_decision::diagnostic::nearest;
use setpoint_decision::section::Section;
use setpoint_decision::{Diagnostic, Project};

use crate::factory::Factory;
use crate::preparation::{OnProgress, Preparation};

/// What a process is opened with.
pub struct Request<'a> {
    /// `[process]`, from which it reads its own keys.
    pub section: Section<'a>,
    /// The project's folder, against which file names are resolved.
    pub folder: &'a Path,
    /// Steps after which an episode is truncated, where the project says so.
    pub max_steps: Option<u32>,
    /// The whole project, for processes that read more than `[process]`.
    pub project: &'a Project,
    /// All kinds of the program, for processes that are like another one.
    pub registry: &'a Registry,
    /// Receives the progress of slow preparations.
    pub progress: &'a dyn Fn(Preparation),
}

/// Makes a process from its part of the project file.
pub type Open = fn(&Request<'_>) -> Result<Arc<dyn Factory>, Box<Diagnostic>>;

/// A kind of process: its name in a project file and the function that makes it.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Name in a project file, in kebab case.
    pub name: &'static str,
    /// Makes the process.
    pub open: Open,
    /// A sentence about a kind that needs keys of its own; absent where the defaults make a whole process.
    pub needs_keys: Option<&'static str>,
}

impl Kind {
    /// A kind whose defaults make a whole process.
    pub const fn new(name: &'static str, open: Open) -> Self {
        Self { name, open, needs_keys: None }
    }

    /// A kind that needs keys of its own; `summary` is a sentence for people.
    pub const fn with_keys(name: &'static str, summary: &'static str, open: Open) -> Self {
        Self { name, open, needs_keys: Some(summary) }
    }
}

/// The kinds of process that a program offers, in the order in which it lists them.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    kinds: Vec<Kind>,
}

impl Registry {
    /// Without any kind.
    pub const fn new() -> Self {
        Self { kinds: Vec::new() }
    }

    /// Adds kinds. A later kind replaces an earlier kind of the same name.
    pub fn with(mut self, kinds: impl IntoIterator<Item = Kind>) -> Self {
        for kind in kinds {
            match self.kinds.iter_mut().find(|known| known.name == kind.name) {
                Some(known) => *known = kind,
                None => self.kinds.push(kind),
            }
        }
        self
    }

    /// Every kind.
    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// A kind by name.
    pub fn find(&self, name: &str) -> Option<&Kind> {
        self.kinds.iter().find(|kind| kind.name == name)
    }

    /// Names of the kinds whose defaults make a whole process.
    pub fn complete(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.kinds.iter().filter(|kind| kind.needs_keys.is_none()).map(|kind| kind.name)
    }

    /// The process that a project names. Unknown kinds and unknown keys of `[process]` are refused.
    pub fn open(
        &self,
        project: &Project,
        progress: OnProgress<'_>,
    ) -> Result<Arc<dyn Factory>, Box<Diagnostic>> {
        let section = project.section("process");
        section.allow("kind");
        section.allow("max_steps");
        let name = project.process.kind.as_str();
        let Some(kind) = self.find(name) else {
            let names: Vec<&str> = self.kinds.iter().map(|kind| kind.name).collect();
            let label = match nearest(name, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("expected one of {}", names.join(", ")),
            };
            let help = format!("processes: {}; `setpoint list processes` describes them", names.join(", "));
            return Err(section.error("kind", &format!("there is no process `{name}`"), &label, &help));
        };
        let progress = RefCell::new(progress);
        let request = Request {
            section,
            folder: &project.folder,
            max_steps: project.process.max_steps,
            project,
            registry: self,
            progress: &|preparation| (progress.borrow_mut())(preparation),
        };
        let factory = (kind.open)(&request)?;
        request.section.finish()?;
        Ok(factory)
    }

    /// A process with its defaults, by name; `None` where there is no such kind, or where it needs keys of its own.
    pub fn open_default(&self, name: &str, max_steps: Option<u32>) -> Option<Arc<dyn Factory>> {
        let kind = self.find(name).filter(|kind| kind.needs_keys.is_none())?;
        let project = Project::of_kind(name);
        let request = Request {
            section: project.section("process"),
            folder: Path::new(""),
            max_steps,
            project: &project,
            registry: self,
            progress: &|_| {},
        };
        Some((kind.open)(&request).expect("the defaults of a process are valid"))
    }
}
