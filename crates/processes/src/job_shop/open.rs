//! From `[process]` to a job shop: its instance or instances, built in or from files.

use std::path::Path;
use std::sync::Arc;

use setpoint_decision::Diagnostic;
use setpoint_decision::diagnostic::nearest;
use setpoint_process::Factory;
use setpoint_process::factory::Simulator;
use setpoint_process::registry::Request;

use super::instance::{Instance, InstanceFile, names};
use super::{JobShop, rules};
use crate::instance_keys::{Given, Known, Names, Refuse, existing};

const DEFAULT_INSTANCE: &str = "ft06";

const KNOWN: Known<Instance> = Known {
    names: || names().collect(),
    built_in: Instance::named,
    others: "any other name is a file, relative to the project's folder; `file` names a file of several instances",
    one_size: "one policy has one choice per job: instances of another size need another project",
};

/// From `[process]`: `instance`, a built-in name or a file, or `instances`, several of one size. With `file`, a file of
/// several instances, these are names in the file.
pub fn open(request: &Request<'_>) -> Result<Arc<dyn Factory>, Box<Diagnostic>> {
    let section = &request.section;
    let file = section.string("file", "a file of several named instances")?;
    let meaning = "the shop to schedule: a built-in name, a file, or a name in `file`";
    let names = Names::read(section, meaning)?;
    let mut given = Given::default();
    let source = match file {
        Some(file) => Source::of_several(&file, request, &mut given)?,
        None => Source::Separate { folder: request.folder },
    };
    let refuse = |title: &str, label: &str, help: &str| section.error("instance", title, label, help);
    match (names, &source) {
        (Names::Several(names), source) => {
            given
                .take_all(&names, &KNOWN, section, |given, name, refuse| source.take(name, given, refuse))?;
        }
        // A file of one instance needs no name.
        (Names::None, Source::File(file)) => {
            let (instance, description) = read(None, file, "", &refuse)?;
            given.add(instance, description);
        }
        (names, source) => {
            let name = if let Names::One(name) = &names { name } else { DEFAULT_INSTANCE };
            let name = source.take(name, &mut given, &refuse)?;
            given.parameters.insert("instance".to_owned(), name.into());
        }
    }
    let instances = std::mem::take(&mut given.instances);
    let jobs = instances[0].jobs;
    Ok(given.kept_by(Simulator::new(JobShop::new(instances), request.max_steps, rules::rules(jobs))))
}

/// The meaning of a name.
enum Source<'a> {
    /// A built-in instance, or a file below this folder.
    Separate { folder: &'a Path },
    /// An instance of this file.
    File(InstanceFile),
}

impl<'a> Source<'a> {
    fn of_several(
        name: &str,
        request: &Request<'a>,
        given: &mut Given<Instance>,
    ) -> Result<Self, Box<Diagnostic>> {
        let Some(path) = existing(name, request.folder) else {
            let title = format!("there is no file `{name}`");
            let help = "`file` is a file of several instances, relative to the project's folder";
            return Err(request.section.error("file", &title, "expected a file", help));
        };
        given.parameters.insert("file".to_owned(), path.display().to_string().into());
        let file = InstanceFile::read(&path)?;
        given.files.push(path);
        Ok(Self::File(file))
    }

    /// Adds the instance of a name; returns its name in a run.
    fn take(
        &self,
        name: &str,
        given: &mut Given<Instance>,
        refuse: &Refuse<'_>,
    ) -> Result<String, Box<Diagnostic>> {
        match self {
            Source::Separate { folder } => given.take(name, &KNOWN, folder, refuse, |path| {
                read(None, &InstanceFile::read(path)?, &format!("file = \"{name}\" and "), refuse)
            }),
            Source::File(file) => {
                let (instance, description) = read(Some(name), file, "", refuse)?;
                given.add(instance, description);
                Ok(name.to_owned())
            }
        }
    }
}

/// An instance of a file and its description; `file_key` is what a choice of an instance needs besides the key `instance`.
fn read(
    name: Option<&str>,
    file: &InstanceFile,
    file_key: &str,
    refuse: &Refuse<'_>,
) -> Result<(Instance, String), Box<Diagnostic>> {
    let Some(reading) = file.instance(name)? else {
        return Err(not_in_file(name, file, file_key, refuse));
    };
    let description = reading.description();
    Ok((reading.instance, description))
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
