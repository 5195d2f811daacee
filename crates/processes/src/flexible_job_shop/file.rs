//! The `.fjs` form of a flexible job shop (Brandimarte 1993): a line `jobs machines average`, of which the average number of
//! machines per operation may be left out, then one row per job: the number of its operations, and for each operation the
//! number of its machines and pairs `machine duration`. Machines are counted from 1, in some collections from 0.

use std::path::Path;

use setpoint_decision::Diagnostic;

use super::instance::{Instance, built_in};
use crate::instance_text::{self, InstanceText, Line, WORK_MAX, Word};

type Refusal = Box<Diagnostic>;

/// Greatest number of pairs of operation and machine of an instance.
pub const CELLS_MAX: usize = 1_000_000;
/// Greatest number of choices, jobs × machines.
pub const CHOICES_MAX: usize = 10_000;

const FORMAT: &str = "a line `jobs machines` (then perhaps the average number of machines per operation), then one row per job: the number of \
     its operations, and for each operation the number of its machines and pairs `machine duration`. Machines are counted \
     from 1 or from 0; lines that begin with # are comments. A job shop without a choice of machines is kind = \"job-shop\"";

/// An instance as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// Its machines are counted from 0.
    pub instance: Instance,
    /// 0 or 1: the number of the file's first machine.
    pub first_machine: u32,
}

impl Reading {
    /// Its size and its form in a sentence, for `setpoint check` and the report.
    pub fn description(&self) -> String {
        let instance = &self.instance;
        format!(
            "{}: {} jobs with {} operations on {} machines, in the form .fjs, machines counted from {}",
            instance.name,
            instance.jobs(),
            instance.operations(),
            instance.machines,
            self.first_machine
        )
    }
}

/// A built-in instance.
pub fn named(name: &str) -> Option<Instance> {
    let (text, optimum) = built_in(name)?;
    let mut instance = parse(name, text).expect("the built-in instances are well formed").instance;
    instance.optimum = Some(optimum);
    Some(instance)
}

/// Reads a file; errors name it by the given path.
pub fn read(path: &Path) -> Result<Reading, Refusal> {
    let shown = path.display().to_string();
    let mut reading = parse(&shown, &instance_text::read(path, FORMAT)?)?;
    reading.instance.name = instance_text::stem(path);
    Ok(reading)
}

/// Parses a text; errors call the text `name`.
pub fn parse(name: &str, text: &str) -> Result<Reading, Refusal> {
    let text = InstanceText::new(name, text, FORMAT);
    let lines = text.lines();
    let first = text.first_numbers(&lines)?;
    let (jobs, machines) = sizes(&text, &lines[first])?;
    let rows = &lines[first + 1..];
    text.check_end(rows.get(jobs..).unwrap_or_default())?;
    if rows.len() < jobs {
        return Err(text.missing_row(&lines, rows.len(), jobs, &format!("the row of job_{}", rows.len())));
    }
    let mut entries = Vec::with_capacity(jobs);
    for (job, row) in rows.iter().enumerate() {
        entries.push(Row { text: &text, words: &row.0, job, machines, at: 0 }.operations()?);
    }
    let reading = assemble(&text, &entries, machines)?;
    text.check_work(reading.instance.most_work(), text.end(&lines))?;
    Ok(reading)
}

fn sizes(text: &InstanceText<'_>, line: &Line<'_>) -> Result<(usize, usize), Refusal> {
    let ([jobs, machines] | [jobs, machines, _]) = &line.0[..] else {
        let title = format!("the line of sizes has {} numbers", line.0.len());
        let label = "expected the number of jobs, the number of machines, and perhaps the average number of machines per \
                     operation";
        return Err(text.error(line.span(), title, label));
    };
    if let Some((word, span)) = line.0.get(2)
        && !word.parse::<f64>().is_ok_and(|average| average.is_finite() && average >= 0.0)
    {
        let title = format!("the average number of machines per operation cannot be `{word}`");
        return Err(text.error(span.clone(), title, "expected a number, or nothing"));
    }
    let (jobs_word, machines_word) = (jobs, machines);
    let jobs = text.count(jobs_word, "the number of jobs")?;
    let machines = text.count(machines_word, "the number of machines")?;
    if jobs.saturating_mul(machines) > CHOICES_MAX {
        let title = format!("{jobs} jobs on {machines} machines are too many");
        let label = format!("expected at most {CHOICES_MAX} pairs of job and machine");
        return Err(text.error(jobs_word.1.start..machines_word.1.end, title, label));
    }
    Ok((jobs, machines))
}

/// A machine as the file counts and a duration, with the word of the machine.
type Alternative<'w, 'a> = (u32, u32, &'w Word<'a>);

/// The words of a job's row and the place of the reader.
struct Row<'w, 'a> {
    text: &'w InstanceText<'a>,
    words: &'w [Word<'a>],
    job: usize,
    machines: usize,
    at: usize,
}

impl<'w, 'a> Row<'w, 'a> {
    fn next(&mut self, what: &str) -> Result<&'w Word<'a>, Refusal> {
        let Some(word) = self.words.get(self.at) else {
            let end = self.words[self.words.len() - 1].1.end;
            let title = format!("the row of job_{} ends too early", self.job);
            return Err(self.text.error(end..end, title, format!("expected {what}")));
        };
        self.at += 1;
        Ok(word)
    }

    /// The alternatives of each operation.
    fn operations(mut self) -> Result<Vec<Vec<Alternative<'w, 'a>>>, Refusal> {
        let text = self.text;
        let word = self.next("the number of operations")?;
        let count = text.number(word, 1, (CELLS_MAX / self.machines) as u32, "the number of operations")?;
        let mut operations = Vec::new();
        for operation in 0..count {
            let what = format!("the number of machines of operation {}", operation + 1);
            let word = self.next(&what)?;
            let alternatives = text.number(word, 1, self.machines as u32, &what)?;
            let mut list = Vec::<Alternative<'w, 'a>>::new();
            for _ in 0..alternatives {
                let word = self.next("a machine")?;
                let machine = text.machine(word, self.machines)?;
                if list.iter().any(|(other, ..)| *other == machine) {
                    let title = format!(
                        "operation {} of job_{} names machine {machine} twice",
                        operation + 1,
                        self.job
                    );
                    return Err(text.error(word.1.clone(), title, "expected another machine"));
                }
                let duration = self.next("the duration on this machine")?;
                list.push((machine, text.number(duration, 0, WORK_MAX, "the duration")?, word));
            }
            operations.push(list);
        }
        if let Some((_, span)) = self.words.get(self.at) {
            let title = format!("the row of job_{} has numbers after its {count} operations", self.job);
            return Err(text.error(span.clone(), title, "expected the end of the row"));
        }
        Ok(operations)
    }
}

/// The instance with machines from 0. A file that uses neither the first number nor the last one counts from 1, as
/// Brandimarte's files do.
fn assemble(
    text: &InstanceText<'_>,
    jobs: &[Vec<Vec<Alternative<'_, '_>>>],
    machines: usize,
) -> Result<Reading, Refusal> {
    let all = jobs.iter().flatten().flatten();
    let numbers = all.map(|(machine, _, (_, span))| (*machine, span.clone()));
    let first_machine = text.first_machine(numbers, machines)?.unwrap_or(1);
    let cells = jobs.iter().map(Vec::len).sum::<usize>() * machines;
    if cells > CELLS_MAX {
        let title = format!("operations × machines are {cells}");
        return Err(text.error(text.end(&[]), title, format!("expected at most {CELLS_MAX}")));
    }
    let mut instance = Instance::empty(text.name(), machines);
    for job in jobs {
        for operation in job {
            let alternative = |(machine, duration, _): &Alternative<'_, '_>| {
                ((*machine - first_machine) as usize, *duration)
            };
            instance.add_operation(operation.iter().map(alternative));
        }
        instance.end_job();
    }
    Ok(Reading { instance, first_machine })
}
