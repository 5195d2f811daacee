//! From `[process]` to a flexible job shop: instances that are built in or from files, or the ranges of random shops.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use setpoint_decision::Diagnostic;
use setpoint_decision::charter::Finding;
use setpoint_decision::diagnostic::nearest;
use setpoint_decision::section::{Range, Section};
use setpoint_process::Factory;
use setpoint_process::factory::Simulator;
use setpoint_process::registry::Request;

use super::file::{self, CELLS_MAX, CHOICES_MAX};
use super::generator::Generator;
use super::instance::{Instance, names};
use super::{FlexibleJobShop, Shops, rules};
use crate::instance_text::WORK_MAX;

/// From `[process]`: `instance`, a built-in name or a file in the form `.fjs`; or `instances`, several of one size; or the
/// keys of random shops.
pub fn open(request: &Request<'_>) -> Result<Arc<dyn Factory>, Box<Diagnostic>> {
    let section = &request.section;
    let one = section.string("instance", "the shop to schedule: a built-in name or a file")?;
    let several = section.strings("instances", "shops of one size; each episode draws one of them")?;
    let keys = RandomKeys::read(section)?;
    let mut given = Given::default();
    let shops = match (one, several) {
        (Some(_), Some(_)) => {
            return Err(section.error_at_key(
                "instance",
                "`instance` and `instances` cannot both be given",
                "expected one of the two",
                "`instance` is one shop; `instances` are several shops, and each episode draws one of them",
            ));
        }
        (None, None) => {
            let generator = keys.generator(section)?;
            given.parameters = parameters(&generator);
            Shops::Random(generator)
        }
        (one, several) => {
            keys.refuse(section)?;
            if let Some(name) = one {
                let refuse =
                    |title: &str, label: &str, help: &str| section.error("instance", title, label, help);
                let name = given.take(&name, request.folder, &refuse)?;
                given.parameters.insert("instance".to_owned(), name.into());
            }
            if let Some(names) = several {
                given.take_all(&names, request)?;
            }
            Shops::Given(std::mem::take(&mut given.instances))
        }
    };
    let process = FlexibleJobShop::new(shops);
    let rules = rules::rules(process.layout());
    let simulator = Simulator::new(process, request.max_steps, rules);
    let Given { parameters, files, findings, .. } = given;
    Ok(Arc::new(simulator.with_files(files).with_parameters(parameters).with_findings(findings)))
}

/// Makes an error about a name from its title, its label and its help.
type Refuse<'a> = dyn Fn(&str, &str, &str) -> Box<Diagnostic> + 'a;

/// The instances of a project and what a run keeps of them.
#[derive(Default)]
struct Given {
    instances: Vec<Instance>,
    parameters: toml::Table,
    files: Vec<PathBuf>,
    findings: Vec<Finding>,
}

impl Given {
    /// Adds the instance of a name; returns its name in a run.
    fn take(&mut self, name: &str, folder: &Path, refuse: &Refuse<'_>) -> Result<String, Box<Diagnostic>> {
        if let Some(instance) = file::named(name) {
            self.instances.push(instance);
            return Ok(name.to_owned());
        }
        let path = folder.join(name);
        if !path.is_file() {
            return Err(unknown(name, refuse));
        }
        let path = std::path::absolute(&path).unwrap_or(path);
        let reading = file::read(&path)?;
        self.findings.push(Finding::pass("instance", reading.description()));
        self.instances.push(reading.instance);
        let shown = path.display().to_string();
        self.files.push(path);
        Ok(shown)
    }

    fn take_all(&mut self, names: &[String], request: &Request<'_>) -> Result<(), Box<Diagnostic>> {
        let mut resolved = Vec::with_capacity(names.len());
        for (index, name) in names.iter().enumerate() {
            let refuse = |title: &str, label: &str, help: &str| {
                request.section.error_in_list("instances", index, title, label, help)
            };
            resolved.push(self.take(name, request.folder, &refuse)?);
            let (first, instance) = (&self.instances[0], &self.instances[index]);
            if (first.jobs(), first.machines) != (instance.jobs(), instance.machines) {
                return Err(refuse(
                    &format!(
                        "{} has {} jobs on {} machines",
                        instance.name,
                        instance.jobs(),
                        instance.machines
                    ),
                    &format!("expected {} on {}, as {} has", first.jobs(), first.machines, first.name),
                    "one policy has one choice per pair of job and machine: instances of another size need another \
                     project",
                ));
            }
        }
        if self.instances.is_empty() {
            let (title, label) = ("there is no instance to schedule", "expected at least one");
            return Err(request.section.error("instances", title, label, &help()));
        }
        self.parameters.insert("instances".to_owned(), resolved.into());
        Ok(())
    }
}

fn help() -> String {
    let names: Vec<&str> = names().collect();
    format!(
        "built-in instances: {}; any other name is a file in the form .fjs, relative to the project's folder; without \
         `instance`, each episode has a random shop",
        names.join(", ")
    )
}

fn unknown(name: &str, refuse: &Refuse<'_>) -> Box<Diagnostic> {
    let looks_like_a_file = name.contains(['/', '\\', '.']);
    match nearest(name, names()).filter(|_| !looks_like_a_file) {
        Some(near) => {
            refuse(&format!("there is no instance `{name}`"), &format!("did you mean `{near}`?"), &help())
        }
        None => {
            let title = format!("there is no instance file `{name}`");
            refuse(&title, "neither a built-in name nor a file", &help())
        }
    }
}

/// The keys of random shops, as far as the project gives them.
struct RandomKeys {
    jobs: Option<u64>,
    machines: Option<u64>,
    operations: Option<Vec<u64>>,
    machines_per_operation: Option<Vec<u64>>,
    durations: Option<Vec<u64>>,
    spread_percent: Option<u64>,
}

impl RandomKeys {
    fn read(section: &Section<'_>) -> Result<Self, Box<Diagnostic>> {
        let to = |most: f64| Range::between(1.0, most);
        Ok(Self {
            jobs: section.integer("jobs", to(1_000.0), "jobs of a random shop")?,
            machines: section.integer("machines", to(1_000.0), "machines of a random shop")?,
            operations: section.integers("operations", to(1_000.0), "least and most operations of a job")?,
            machines_per_operation: section.integers(
                "machines_per_operation",
                to(1_000.0),
                "least and most machines that can do an operation",
            )?,
            durations: section.integers(
                "durations",
                to(10_000.0),
                "least and greatest mean duration of an operation",
            )?,
            spread_percent: section.integer(
                "spread_percent",
                Range::between(0.0, 99.0),
                "greatest difference between a machine's duration and the mean, in percent",
            )?,
        })
    }

    /// Refuses them next to an instance, on which they would have no effect.
    fn refuse(&self, section: &Section<'_>) -> Result<(), Box<Diagnostic>> {
        let given = [
            ("jobs", self.jobs.is_some()),
            ("machines", self.machines.is_some()),
            ("operations", self.operations.is_some()),
            ("machines_per_operation", self.machines_per_operation.is_some()),
            ("durations", self.durations.is_some()),
            ("spread_percent", self.spread_percent.is_some()),
        ];
        let Some((key, _)) = given.into_iter().find(|(_, given)| *given) else { return Ok(()) };
        let title = format!("`{key}` has no effect on a shop that is given");
        let help = "`jobs`, `machines` and the ranges describe random shops; an instance has its own numbers";
        Err(section.error_at_key(key, &title, "delete this line, or delete the instance", help))
    }

    fn generator(self, section: &Section<'_>) -> Result<Generator, Box<Diagnostic>> {
        let usual = Generator::default();
        let jobs = self.jobs.map_or(usual.jobs, |jobs| jobs as usize);
        let machines = self.machines.map_or(usual.machines, |machines| machines as usize);
        let usual_most = usual.machines_per_operation[1].min(machines as u32);
        let generator = Generator {
            jobs,
            machines,
            operations: range(section, "operations", self.operations, usual.operations)?,
            machines_per_operation: range(
                section,
                "machines_per_operation",
                self.machines_per_operation,
                [usual.machines_per_operation[0], usual_most],
            )?,
            durations: range(section, "durations", self.durations, usual.durations)?,
            spread_percent: self.spread_percent.map_or(usual.spread_percent, |spread| spread as u32),
        };
        let most = generator.machines_per_operation[1];
        if most as usize > machines {
            let title = format!("{most} machines cannot do an operation of a shop with {machines} machines");
            let label = format!("expected at most {machines}");
            return Err(section.error("machines_per_operation", &title, &label, ""));
        }
        if jobs * machines > CHOICES_MAX {
            let title = format!("{jobs} jobs on {machines} machines are too many");
            let label = format!("expected at most {CHOICES_MAX} pairs of job and machine");
            return Err(section.error("jobs", &title, &label, ""));
        }
        let cells = jobs * generator.operations[1] as usize * machines;
        if cells > CELLS_MAX {
            let title = format!("operations × machines could be {cells}");
            let label = format!("expected at most {CELLS_MAX}");
            return Err(section.error("operations", &title, &label, ""));
        }
        if generator.most_work() > u64::from(WORK_MAX) {
            let title = format!("all durations together could be {}", generator.most_work());
            let label = format!("expected at most {WORK_MAX}, so that times are exact");
            return Err(section.error("durations", &title, &label, "use a coarser unit of time"));
        }
        Ok(generator)
    }
}

/// The two ends of a range.
fn range(
    section: &Section<'_>,
    key: &str,
    given: Option<Vec<u64>>,
    usual: [u32; 2],
) -> Result<[u32; 2], Box<Diagnostic>> {
    match given.as_deref() {
        None => Ok(usual),
        Some([low, high]) if low <= high => Ok([*low as u32, *high as u32]),
        Some(_) => {
            let title = format!("`{key}` is no range");
            Err(section.error(key, &title, "expected two numbers, the least and the greatest", ""))
        }
    }
}

/// Every key of random shops with its value.
fn parameters(generator: &Generator) -> toml::Table {
    let number = |number: usize| toml::Value::from(number as i64);
    let range = |range: [u32; 2]| toml::Value::from(range.map(i64::from).to_vec());
    toml::Table::from_iter(
        [
            ("jobs", number(generator.jobs)),
            ("machines", number(generator.machines)),
            ("operations", range(generator.operations)),
            ("machines_per_operation", range(generator.machines_per_operation)),
            ("durations", range(generator.durations)),
            ("spread_percent", number(generator.spread_percent as usize)),
        ]
        .map(|(key, value)| (key.to_owned(), value)),
    )
}
