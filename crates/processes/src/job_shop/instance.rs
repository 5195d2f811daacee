//! Job-shop instances: their type, the built-in classical instances, and files of instances in the forms of `forms`.

use std::path::Path;

use serde::{Deserialize, Serialize};
use setpoint_decision::Diagnostic;

use crate::instance_text::{self, InstanceText};
use crate::shop::Shop;
pub use forms::{Form, Reading};

mod forms;
mod sections;

/// Greatest number of operations (jobs × machines) of an instance: five times Taillard's (1993) largest, 100 jobs on 20
/// machines.
pub const OPERATIONS_MAX: usize = 10_000;

/// The forms of a file, for people.
pub const FORMAT: &str = "a line `jobs machines` (then perhaps an upper bound on the makespan), then one row per job: pairs `machine duration` \
     in the job's order; or Taillard's form: the matrix of times, then the matrix of machines. Machines are counted from 0 \
     or from 1; lines that begin with # are comments. A shop with a choice of machines (.fjs) is kind = \
     \"flexible-job-shop\"";

/// The classical instances: name, text, proven optimal makespan.
const BUILTIN: [(&str, &str, u32); 8] = [
    ("ft06", include_str!("instances/ft06.txt"), 55),
    ("ft10", include_str!("instances/ft10.txt"), 930),
    ("ft20", include_str!("instances/ft20.txt"), 1165),
    ("la01", include_str!("instances/la01.txt"), 666),
    ("la02", include_str!("instances/la02.txt"), 655),
    ("la03", include_str!("instances/la03.txt"), 597),
    ("la04", include_str!("instances/la04.txt"), 590),
    ("la05", include_str!("instances/la05.txt"), 593),
];

/// One operation of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// The machine that it needs, from 0.
    pub machine: u32,
    /// Its duration, in the instance's unit of time.
    pub duration: u32,
}

/// The jobs, and the operations of each job in their order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Its name, or that of its file.
    pub name: String,
    /// Number of jobs, at least 1.
    pub jobs: usize,
    /// Number of machines, at least 1; every job has one operation on each.
    pub machines: usize,
    /// `[jobs, machines]`: the operations of each job in its own order.
    pub operations: Vec<Operation>,
    /// The least possible makespan, if it is proven.
    pub optimum: Option<u32>,
}

/// Names of the built-in instances.
pub fn names() -> impl Iterator<Item = &'static str> {
    BUILTIN.iter().map(|(name, ..)| *name)
}

impl Instance {
    /// A built-in instance.
    pub fn named(name: &str) -> Option<Self> {
        let (name, text, optimum) = BUILTIN.iter().find(|(known, ..)| *known == name)?;
        let instance = Self::parse(name, text).expect("the built-in instances are well formed");
        Some(Self { optimum: Some(*optimum), ..instance })
    }

    /// The operations of a job in its order.
    pub fn job(&self, job: usize) -> &[Operation] {
        &self.operations[job * self.machines..(job + 1) * self.machines]
    }

    /// Sum of all durations: no active schedule takes longer.
    pub fn work(&self) -> u32 {
        self.operations.iter().map(|operation| operation.duration).sum()
    }

    /// The longest job or the busiest machine, and its time: no schedule is shorter.
    fn longest_part(&self) -> (String, u32) {
        let mut loads = vec![0; self.machines];
        self.operations.iter().for_each(|operation| loads[operation.machine as usize] += operation.duration);
        let jobs = (0..self.jobs).map(|job| {
            let work = self.job(job).iter().map(|operation| operation.duration).sum();
            (format!("job_{job}"), work)
        });
        let machines = loads.iter().enumerate().map(|(machine, load)| (format!("machine_{machine}"), *load));
        jobs.chain(machines).max_by_key(|(_, time)| *time).unwrap_or_default()
    }

    /// Parses the text of one instance; errors call the text `name`.
    pub fn parse(name: &str, text: &str) -> Result<Self, Box<Diagnostic>> {
        Reading::parse(name, text).map(|reading| reading.instance)
    }
}

impl Shop for Instance {
    fn name(&self) -> &str {
        &self.name
    }

    fn size(&self) -> (usize, usize) {
        (self.jobs, self.machines)
    }

    fn optimum(&self) -> Option<u32> {
        self.optimum
    }
}

/// A file with one instance, or with several named instances.
pub struct InstanceFile {
    shown: String,
    /// The name of an instance that has no name of its own: the file's name without its ending.
    stem: String,
    text: String,
}

impl InstanceFile {
    /// Reads the text of a file; errors name the file by the given path.
    pub fn read(path: &Path) -> Result<Self, Box<Diagnostic>> {
        let (shown, text) = (path.display().to_string(), instance_text::read(path, FORMAT)?);
        Ok(Self { shown, stem: instance_text::stem(path), text })
    }

    fn text(&self) -> InstanceText<'_> {
        InstanceText::new(&self.shown, &self.text, FORMAT)
    }

    /// Its path, as errors show it.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Names of its instances in their order; empty for a file of one instance without a name.
    pub fn names(&self) -> Vec<String> {
        sections::split(&self.text()).into_iter().filter_map(|section| section.name).collect()
    }

    /// The instance of a name, or the file's only instance; `None` if there is no such instance.
    ///
    /// Faults of the text are errors that show their place.
    pub fn instance(&self, name: Option<&str>) -> Result<Option<Reading>, Box<Diagnostic>> {
        let text = self.text();
        let sections = sections::split(&text);
        let mut named = sections.iter().filter(|section| name.is_none() || section.name.as_deref() == name);
        let Some(section) = named.next() else { return Ok(None) };
        if let Some(second) = named.next() {
            let Some(name) = name else { return Ok(None) };
            let title = format!("the file has two instances of the name `{name}`");
            return Err(text.error(second.heading.clone(), title, "expected another name"));
        }
        let mut reading = Reading::of(&text, &section.lines)?;
        reading.instance.name = section.name.clone().unwrap_or_else(|| self.stem.clone());
        Ok(Some(reading))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_classical_instances_are_whole() {
        // Sums of durations of the published tables; ft20 has the durations of ft10 in another order.
        let published = [197, 5109, 5109, 2849, 2643, 2383, 2507, 2283];
        for (name, work) in names().zip(published) {
            let instance = Instance::named(name).unwrap();
            assert_eq!((instance.work(), instance.name.as_str()), (work, name));
        }
        assert_eq!(names().count(), published.len());
        assert_eq!(Instance::named("ft6"), None);
    }
}
