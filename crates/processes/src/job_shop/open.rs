//! From `[process]` to a job shop: its instance or instances, built in or from files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use setpoint_decision::Diagnostic;
use setpoint_decision::charter::Finding;
use setpoint_decision::diagnostic::nearest;
use setpoint_process::Factory;
use setpoint_process::factory::Simulator;
use setpoint_process::registry::Request;

use super::instance::{Instance, InstanceFile, names};
use super::{JobShop, rules};

const DEFAULT_INSTANCE: &str = "ft06";

/// Makes an error about a name from its title, its label and its help.
type Refuse<'a> = dyn Fn(&str, &str, &str) -> Box<Diagnostic> + 'a;

/// From `[process]`: `instance`, a built-in name or a file, or `instances`, several of one size. With `file`, a file of
/// several instances, these are names in the file.
pub fn open(request: &Request<'_>) -> Result<Arc<dyn Factory>, Box<Diagnostic>> {
    let section = &request.section;
    let file = section.string("file", "a file of several named instances")?;
    let one =
        section.string("instance", "the shop to schedule: a built-in name, a file, or a name in `file`")?;
    let several = section.strings("instances", "shops of one size; each episode draws one of them")?;
    if let (Some(_), Some(_)) = (&one, &several) {
        return Err(section.error_at_key(
            "instance",
            "`instance` and `instances` cannot both be given",
            "expected one of the two",
            "`instance` is one shop; `instances` are several shops, and each episode draws one of them",
        ));
    }
    let mut shops = Shops::default();
    let source = match file {
        Some(file) => Source::of_several(&file, request, &mut shops)?,
        None => Source::Separate { folder: request.folder },
    };
    let refuse = |title: &str, label: &str, help: &str| section.error("instance", title, label, help);
    match several {
        None => {
            let name = shops.take(one.as_deref(), &source, &refuse)?;
            shops.parameters.extend(name.map(|name| ("instance".to_owned(), name.into())));
        }
        Some(names) => {
            let names = shops.take_all(&names, &source, request)?;
            shops.parameters.insert("instances".to_owned(), names.into());
        }
    }
    let Shops { instances, parameters, files, findings } = shops;
    let jobs = instances[0].jobs;
    let simulator = Simulator::new(JobShop::new(instances), request.max_steps, rules::rules(jobs));
    Ok(Arc::new(simulator.with_files(files).with_parameters(parameters).with_findings(findings)))
}

/// The meaning of a name.
enum Source<'a> {
    /// A built-in instance, or a file below this folder.
    Separate { folder: &'a Path },
    /// An instance of this file.
    File(InstanceFile),
}

impl<'a> Source<'a> {
    fn of_several(name: &str, request: &Request<'a>, shops: &mut Shops) -> Result<Self, Box<Diagnostic>> {
        let Some(path) = existing(name, request.folder) else {
            let title = format!("there is no file `{name}`");
            let help = "`file` is a file of several instances, relative to the project's folder";
            return Err(request.section.error("file", &title, "expected a file", help));
        };
        shops.parameters.insert("file".to_owned(), path.display().to_string().into());
        let file = InstanceFile::read(&path)?;
        shops.files.push(path);
        Ok(Self::File(file))
    }
}

/// The absolute path of a file below a folder.
fn existing(name: &str, folder: &Path) -> Option<PathBuf> {
    let path = folder.join(name);
    path.is_file().then(|| std::path::absolute(&path).unwrap_or(path))
}

/// The instances of a project and what a run keeps of them.
#[derive(Default)]
struct Shops {
    instances: Vec<Instance>,
    parameters: toml::Table,
    files: Vec<PathBuf>,
    findings: Vec<Finding>,
}

impl Shops {
    /// Adds the instance of a name; returns its name in a run.
    fn take(
        &mut self,
        name: Option<&str>,
        source: &Source<'_>,
        refuse: &Refuse<'_>,
    ) -> Result<Option<String>, Box<Diagnostic>> {
        match source {
            Source::Separate { folder } => {
                let name = name.unwrap_or(DEFAULT_INSTANCE);
                if let Some(instance) = Instance::named(name) {
                    self.instances.push(instance);
                    return Ok(Some(name.to_owned()));
                }
                let path = existing(name, folder).ok_or_else(|| unknown(name, refuse))?;
                let shown = path.display().to_string();
                self.read(None, &InstanceFile::read(&path)?, &format!("file = \"{name}\" and "), refuse)?;
                self.files.push(path);
                Ok(Some(shown))
            }
            Source::File(file) => {
                self.read(name, file, "", refuse)?;
                Ok(name.map(str::to_owned))
            }
        }
    }

    /// Adds an instance of a file; `file_key` is what a choice of an instance needs besides the key `instance`.
    fn read(
        &mut self,
        name: Option<&str>,
        file: &InstanceFile,
        file_key: &str,
        refuse: &Refuse<'_>,
    ) -> Result<(), Box<Diagnostic>> {
        let Some(reading) = file.instance(name)? else {
            return Err(not_in_file(name, file, file_key, refuse));
        };
        self.findings.push(Finding::pass("instance", reading.description()));
        self.instances.push(reading.instance);
        Ok(())
    }

    /// The instances of a list and their names in a run; all have the first one's size.
    fn take_all(
        &mut self,
        names: &[String],
        source: &Source<'_>,
        request: &Request<'_>,
    ) -> Result<Vec<String>, Box<Diagnostic>> {
        let mut resolved = Vec::with_capacity(names.len());
        for (index, name) in names.iter().enumerate() {
            let refuse = |title: &str, label: &str, help: &str| {
                request.section.error_in_list("instances", index, title, label, help)
            };
            resolved.extend(self.take(Some(name), source, &refuse)?);
            let (first, instance) = (&self.instances[0], &self.instances[index]);
            if (first.jobs, first.machines) != (instance.jobs, instance.machines) {
                return Err(refuse(
                    &format!(
                        "{} has {} jobs on {} machines",
                        instance.name, instance.jobs, instance.machines
                    ),
                    &format!("expected {} on {}, as {} has", first.jobs, first.machines, first.name),
                    "one policy has one choice per job: instances of another size need another project",
                ));
            }
        }
        if self.instances.is_empty() {
            let help = format!("built-in instances: {}", known());
            let (title, label) = ("there is no instance to schedule", "expected at least one");
            return Err(request.section.error("instances", title, label, &help));
        }
        Ok(resolved)
    }
}

fn known() -> String {
    names().collect::<Vec<_>>().join(", ")
}

/// The error about a name that is neither a built-in instance nor a file.
fn unknown(name: &str, refuse: &Refuse<'_>) -> Box<Diagnostic> {
    let help = format!(
        "built-in instances: {}; any other name is a file, relative to the project's folder; `file` names a file of several \
         instances",
        known()
    );
    let looks_like_a_file = name.contains(['/', '\\', '.']);
    match nearest(name, names()).filter(|_| !looks_like_a_file) {
        Some(near) => {
            refuse(&format!("there is no instance `{name}`"), &format!("did you mean `{near}`?"), &help)
        }
        None => {
            let title = format!("there is no instance file `{name}`");
            refuse(&title, "neither a built-in name nor a file", &help)
        }
    }
}

/// The error about a name that a file lacks, or about a file of several instances without a name.
fn not_in_file(
    name: Option<&str>,
    file: &InstanceFile,
    file_key: &str,
    refuse: &Refuse<'_>,
) -> Box<Diagnostic> {
    let (shown, names) = (file.shown(), file.names());
    let help = match &names[..] {
        [] => "the file has one instance without a name: leave the key `instance` out".to_owned(),
        names => format!("instances of the file: {}", names.join(", ")),
    };
    match (name, names.first()) {
        (None, Some(first)) => {
            let title = format!("{shown} has {} instances", names.len());
            refuse(&title, &format!("choose an instance: {file_key}instance = \"{first}\""), &help)
        }
        (name, _) => {
            let name = name.unwrap_or_default();
            let label = match nearest(name, names.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "not in the file".to_owned(),
            };
            refuse(&format!("{shown} has no instance `{name}`"), &label, &help)
        }
    }
}
