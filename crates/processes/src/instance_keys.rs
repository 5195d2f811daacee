//! The keys of `[process]` that name a shop's instances: `instance`, one, or `instances`, several of one size. A name is a
//! built-in instance or a file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use setpoint_decision::Diagnostic;
use setpoint_decision::charter::Finding;
use setpoint_decision::diagnostic::nearest;
use setpoint_decision::section::Section;
use setpoint_process::Factory;
use setpoint_process::factory::Simulator;
use setpoint_process::process::Process;

use crate::shop::{Shop, are_of_one_size};

/// Makes an error about a name from its title, its label and its help.
pub type Refuse<'a> = dyn Fn(&str, &str, &str) -> Box<Diagnostic> + 'a;

/// What a project names.
pub enum Names {
    /// Neither key is given.
    None,
    /// `instance`.
    One(String),
    /// `instances`.
    Several(Vec<String>),
}

impl Names {
    /// Reads both keys; `meaning` is that of `instance`. An error if both are given.
    pub fn read(section: &Section<'_>, meaning: &'static str) -> Result<Self, Box<Diagnostic>> {
        let one = section.string("instance", meaning)?;
        let several = section.strings("instances", "shops of one size; each episode draws one of them")?;
        match (one, several) {
            (None, None) => Ok(Self::None),
            (Some(name), None) => Ok(Self::One(name)),
            (None, Some(names)) => Ok(Self::Several(names)),
            (Some(_), Some(_)) => Err(section.error_at_key(
                "instance",
                "`instance` and `instances` cannot both be given",
                "expected one of the two",
                "`instance` is one shop; `instances` are several shops, and each episode draws one of them",
            )),
        }
    }
}

/// The built-in instances of a kind, and what its errors say.
pub struct Known<I> {
    /// Names of the built-in instances.
    pub names: fn() -> Vec<&'static str>,
    /// A built-in instance.
    pub built_in: fn(&str) -> Option<I>,
    /// The meaning of any other name, in a sentence.
    pub others: &'static str,
    /// The reason why all instances have one size, in a sentence.
    pub one_size: &'static str,
}

impl<I> Known<I> {
    fn help(&self) -> String {
        format!("built-in instances: {}; {}", (self.names)().join(", "), self.others)
    }

    /// The error about a name that is neither a built-in instance nor a file.
    fn unknown(&self, name: &str, refuse: &Refuse<'_>) -> Box<Diagnostic> {
        let looks_like_a_file = name.contains(['/', '\\', '.']);
        match nearest(name, (self.names)()).filter(|_| !looks_like_a_file) {
            Some(near) => {
                let title = format!("there is no instance `{name}`");
                refuse(&title, &format!("did you mean `{near}`?"), &self.help())
            }
            None => {
                let title = format!("there is no instance file `{name}`");
                refuse(&title, "neither a built-in name nor a file", &self.help())
            }
        }
    }
}

/// The absolute path of a file below a folder.
pub fn existing(name: &str, folder: &Path) -> Option<PathBuf> {
    let path = folder.join(name);
    path.is_file().then(|| std::path::absolute(&path).unwrap_or(path))
}

/// The instances of a project and what a run keeps of them.
pub struct Given<I> {
    /// In the order of the project.
    pub instances: Vec<I>,
    /// Keys that open the same shops from any folder.
    pub parameters: toml::Table,
    /// The files that were read.
    pub files: Vec<PathBuf>,
    findings: Vec<Finding>,
}

impl<I> Default for Given<I> {
    fn default() -> Self {
        Self {
            instances: Vec::new(),
            parameters: toml::Table::new(),
            files: Vec::new(),
            findings: Vec::new(),
        }
    }
}

impl<I: Shop> Given<I> {
    /// Adds an instance of a file; `description` says how it was read.
    pub fn add(&mut self, instance: I, description: String) {
        self.findings.push(Finding::pass("instance", description));
        self.instances.push(instance);
    }

    /// Adds a built-in instance, or the instance and the description that `read` makes of a file. Returns its name in a run.
    pub fn take(
        &mut self,
        name: &str,
        known: &Known<I>,
        folder: &Path,
        refuse: &Refuse<'_>,
        read: impl FnOnce(&Path) -> Result<(I, String), Box<Diagnostic>>,
    ) -> Result<String, Box<Diagnostic>> {
        if let Some(instance) = (known.built_in)(name) {
            self.instances.push(instance);
            return Ok(name.to_owned());
        }
        let path = existing(name, folder).ok_or_else(|| known.unknown(name, refuse))?;
        let (instance, description) = read(&path)?;
        self.add(instance, description);
        let shown = path.display().to_string();
        self.files.push(path);
        Ok(shown)
    }

    /// Adds the instances of the list `instances`, each by `take`; all have the first one's size, and there is at least one.
    pub fn take_all(
        &mut self,
        names: &[String],
        known: &Known<I>,
        section: &Section<'_>,
        take: impl Fn(&mut Self, &str, &Refuse<'_>) -> Result<String, Box<Diagnostic>>,
    ) -> Result<(), Box<Diagnostic>> {
        let mut resolved = Vec::with_capacity(names.len());
        for (index, name) in names.iter().enumerate() {
            let refuse = |title: &str, label: &str, help: &str| {
                section.error_in_list("instances", index, title, label, help)
            };
            resolved.push(take(self, name, &refuse)?);
            if !are_of_one_size(&self.instances) {
                let (first, instance) = (&self.instances[0], &self.instances[index]);
                let ((jobs, machines), (expected_jobs, expected_machines)) = (instance.size(), first.size());
                let title = format!("{} has {jobs} jobs on {machines} machines", instance.name());
                let label =
                    format!("expected {expected_jobs} on {expected_machines}, as {} has", first.name());
                return Err(refuse(&title, &label, known.one_size));
            }
        }
        if names.is_empty() {
            let (title, label) = ("there is no instance to schedule", "expected at least one");
            return Err(section.error("instances", title, label, &known.help()));
        }
        self.parameters.insert("instances".to_owned(), resolved.into());
        Ok(())
    }

    /// The simulator, with what a run keeps.
    pub fn kept_by<P: Process + 'static>(self, simulator: Simulator<P>) -> Arc<dyn Factory> {
        let Self { parameters, files, findings, .. } = self;
        Arc::new(simulator.with_files(files).with_parameters(parameters).with_findings(findings))
    }
}
