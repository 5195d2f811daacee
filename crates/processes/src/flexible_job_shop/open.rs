//! From `[process]` to a flexible job shop: instances that are built in or from files, or the ranges of random shops.

use std::sync::Arc;

use setpoint_decision::Diagnostic;
use setpoint_decision::section::{Range, Section};
use setpoint_process::Factory;
use setpoint_process::factory::Simulator;
use setpoint_process::registry::Request;

use super::file::{self, CELLS_MAX, CHOICES_MAX};
use super::generator::Generator;
use super::instance::{Instance, names};
use super::{FlexibleJobShop, Shops, rules};
use crate::instance_keys::{Given, Known, Names, Refuse};
use crate::instance_text::WORK_MAX;

const KNOWN: Known<Instance> = Known {
    names: || names().collect(),
    built_in: file::named,
    others: "any other name is a file in the form .fjs, relative to the project's folder; without `instance`, each episode \
             has a random shop",
    one_size: "one policy has one choice per pair of job and machine: instances of another size need another project",
};

/// From `[process]`: `instance`, a built-in name or a file in the form `.fjs`; or `instances`, several of one size; or the
/// keys of random shops.
pub fn open(request: &Request<'_>) -> Result<Arc<dyn Factory>, Box<Diagnostic>> {
    let section = &request.section;
    let names = Names::read(section, "the shop to schedule: a built-in name or a file")?;
    let keys = RandomKeys::read(section)?;
    let mut given = Given::default();
    let take = |given: &mut Given<Instance>, name: &str, refuse: &Refuse<'_>| {
        given.take(name, &KNOWN, request.folder, refuse, |path| {
            let reading = file::read(path)?;
            let description = reading.description();
            Ok((reading.instance, description))
        })
    };
    let shops = match names {
        Names::None => {
            let generator = keys.generator(section)?;
            given.parameters = parameters(&generator);
            Shops::Random(generator)
        }
        Names::One(name) => {
            keys.refuse(section)?;
            let refuse = |title: &str, label: &str, help: &str| section.error("instance", title, label, help);
            let name = take(&mut given, &name, &refuse)?;
            given.parameters.insert("instance".to_owned(), name.into());
            Shops::Given(std::mem::take(&mut given.instances))
        }
        Names::Several(names) => {
            keys.refuse(section)?;
            given.take_all(&names, &KNOWN, section, take)?;
            Shops::Given(std::mem::take(&mut given.instances))
        }
    };
    let process = FlexibleJobShop::new(shops);
    let rules = rules::rules(process.layout());
    Ok(given.kept_by(Simulator::new(process, request.max_steps, rules)))
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
