//! The forms in which job shops are written.
//!
//! * the standard form (Beasley's OR-Library, JSPLIB): a line `jobs machines`, then one row per job with one pair
//!   `machine duration` per operation, in the job's own order;
//! * Taillard's form (1993): the sizes, then a matrix of times and a matrix of machines, one row per job each.
//!
//! Machines are counted from 0 or from 1: a file that uses machine 0 counts from 0, a file that uses the machine of the
//! highest number counts from 1. Bounds on the makespan may follow the sizes.

use std::ops::Range;

use setpoint_decision::Diagnostic;

use super::sections::is_header_of_sizes;
use super::{FORMAT, Instance, OPERATIONS_MAX, Operation};
use crate::instance_text::{InstanceText, Line, WORK_MAX, Word};

type Refusal = Box<Diagnostic>;

/// A form of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Pairs of machine and duration.
    Standard,
    /// A matrix of times and a matrix of machines.
    Taillard,
}

/// An instance as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// Its machines are counted from 0.
    pub instance: Instance,
    /// The form of its rows.
    pub form: Form,
    /// 0 or 1: the number of the file's first machine.
    pub first_machine: u32,
    /// An upper bound on the makespan that the file states.
    pub upper_bound: Option<u32>,
    /// A lower bound on the makespan that the file states.
    pub lower_bound: Option<u32>,
}

impl Reading {
    /// Parses the text of one instance; errors call the text `name`.
    pub fn parse(name: &str, text: &str) -> Result<Self, Refusal> {
        let text = InstanceText::new(name, text, FORMAT);
        Self::of(&text, &text.lines())
    }

    /// Parses some lines of a text.
    pub fn of(text: &InstanceText<'_>, lines: &[Line<'_>]) -> Result<Self, Refusal> {
        let first = text.first_numbers(lines)?;
        let header = lines[..first].last().filter(|line| is_header_of_sizes(line));
        let sizes = Sizes::read(text, &lines[first], header)?;
        let rows = &lines[first + 1..];
        let (form, table) = match Matrices::find(rows, &sizes) {
            Some(matrices) => (Form::Taillard, matrices.table(text, &sizes)?),
            None => (Form::Standard, pairs(text, rows, &sizes)?),
        };
        let (operations, first_machine) = operations(text, &table, sizes.machines)?;
        let work = operations.iter().map(|operation| u64::from(operation.duration)).sum();
        text.check_work(work, text.end(lines))?;
        let Sizes { jobs, machines, .. } = sizes;
        let name = text.name().to_owned();
        let instance = Instance { name, jobs, machines, operations, optimum: None };
        let (upper_bound, lower_bound) = sizes.bounds(text, &instance)?;
        Ok(Self { instance, form, first_machine, upper_bound, lower_bound })
    }

    /// Its size and its form in a sentence, for `setpoint check` and the report.
    pub fn description(&self) -> String {
        let Instance { name, jobs, machines, .. } = &self.instance;
        let form = match self.form {
            Form::Standard => "the standard form",
            Form::Taillard => "Taillard's form",
        };
        let mut bounds = Vec::new();
        bounds.extend(self.upper_bound.map(|bound| format!("the upper bound {bound}")));
        bounds.extend(self.lower_bound.map(|bound| format!("the lower bound {bound}")));
        let bounds = match &bounds[..] {
            [] => String::new(),
            bounds => format!("; the file states {} on the makespan", bounds.join(" and ")),
        };
        let first = self.first_machine;
        format!(
            "{name}: {jobs} jobs on {machines} machines, in {form}, machines counted from {first}{bounds}"
        )
    }
}

/// The numbers of the first line.
struct Sizes<'a> {
    jobs: usize,
    machines: usize,
    upper: Option<Word<'a>>,
    lower: Option<Word<'a>>,
}

impl<'a> Sizes<'a> {
    /// The numbers are what the header says; without a header: jobs, machines, (seeds), upper bound, lower bound.
    fn read(text: &InstanceText<'a>, line: &Line<'a>, header: Option<&Line<'_>>) -> Result<Self, Refusal> {
        let words = &line.0;
        let usual: &[&str] = match words.len() {
            6 => &["jobs", "machines", "time seed", "machine seed", "upper bound", "lower bound"],
            _ => &["jobs", "machines", "upper bound", "lower bound"],
        };
        let header = header.map(Line::lower_case);
        let named: Option<Vec<&str>> = header.as_ref().map(|header| header.split(',').collect());
        let names = named.as_deref().unwrap_or(usual);
        let fits = if named.is_some() { words.len() == names.len() } else { words.len() >= 2 };
        if !fits || words.len() > names.len() {
            let title = format!("the line of sizes has {} numbers", words.len());
            let label = match named {
                Some(names) => format!("expected {} numbers, as the line before says", names.len()),
                None => {
                    "expected the number of jobs, the number of machines, and perhaps an upper bound on the \
                         makespan"
                        .to_owned()
                }
            };
            return Err(text.error(line.span(), title, label));
        }
        let of =
            |part: &str| names.iter().zip(words).find(|(name, _)| name.contains(part)).map(|(_, word)| word);
        let (jobs_word, machines_word) =
            (of("jobs").unwrap_or(&words[0]), of("machines").unwrap_or(&words[1]));
        let jobs = text.count(jobs_word, "the number of jobs")?;
        let machines = text.count(machines_word, "the number of machines")?;
        if jobs.saturating_mul(machines) > OPERATIONS_MAX {
            let title = format!("{jobs} jobs on {machines} machines are too many");
            let label = format!("expected at most {OPERATIONS_MAX} operations (jobs × machines)");
            let (a, b) = (&jobs_word.1, &machines_word.1);
            return Err(text.error(a.start.min(b.start)..a.end.max(b.end), title, label));
        }
        Ok(Self { jobs, machines, upper: of("upper").cloned(), lower: of("lower").cloned() })
    }

    /// The stated bounds; 0 means that no bound is known. A number that cannot be a bound means something else.
    fn bounds(
        &self,
        text: &InstanceText<'_>,
        instance: &Instance,
    ) -> Result<(Option<u32>, Option<u32>), Refusal> {
        let bound = |word: &Option<Word<'_>>, what: &str| -> Result<Option<u32>, Refusal> {
            let Some(word) = word else { return Ok(None) };
            Ok(Some(text.number(word, 0, u32::MAX, what)?).filter(|bound| *bound > 0))
        };
        let upper = bound(&self.upper, "the upper bound on the makespan")?;
        let lower = bound(&self.lower, "the lower bound on the makespan")?;
        let (part, time) = instance.longest_part();
        if let (Some(upper), Some((_, span))) = (upper, &self.upper)
            && upper < time
        {
            let title = format!("the upper bound on the makespan cannot be {upper}");
            let label = format!("{part} alone needs {time}: expected at least {time}, or no number");
            return Err(text.error(span.clone(), title, label));
        }
        if let (Some(upper), Some(lower), Some((_, span))) = (upper, lower, &self.lower)
            && lower > upper
        {
            let title = format!("the lower bound on the makespan cannot be {lower}");
            return Err(text.error(
                span.clone(),
                title,
                format!("expected at most the upper bound, {upper}"),
            ));
        }
        Ok((upper, lower))
    }
}

/// One operation as the file counts machines, with the place of the machine.
struct Entry {
    machine: u32,
    duration: u32,
    place: Range<usize>,
}

/// The operations with machines from 0, and the number of the file's first machine.
fn operations(
    text: &InstanceText<'_>,
    table: &[Entry],
    machines: usize,
) -> Result<(Vec<Operation>, u32), Refusal> {
    let numbers = table.iter().map(|entry| (entry.machine, entry.place.clone()));
    let first = text.first_machine(numbers, machines)?.unwrap_or(0);
    let mut visited = vec![false; machines];
    for (job, row) in table.chunks(machines).enumerate() {
        visited.fill(false);
        for entry in row {
            if std::mem::replace(&mut visited[(entry.machine - first) as usize], true) {
                let title = format!("job_{job} visits machine {} twice", entry.machine);
                let label = "expected a machine that it has not visited yet";
                return Err(text.error(entry.place.clone(), title, label));
            }
        }
    }
    let operation = |entry: &Entry| Operation { machine: entry.machine - first, duration: entry.duration };
    Ok((table.iter().map(operation).collect(), first))
}

fn duration(text: &InstanceText<'_>, word: &Word<'_>) -> Result<u32, Refusal> {
    text.number(word, 0, WORK_MAX, "the duration")
}

/// The rows of the standard form.
fn pairs(text: &InstanceText<'_>, rows: &[Line<'_>], sizes: &Sizes<'_>) -> Result<Vec<Entry>, Refusal> {
    let mut table = Vec::with_capacity(sizes.jobs * sizes.machines);
    for job in 0..sizes.jobs {
        let what = format!("the row of job_{job}");
        let row = row(text, rows, job, sizes.jobs, &what)?;
        for pair in row.0.chunks(2).take(sizes.machines) {
            let machine = text.machine(&pair[0], sizes.machines)?;
            let Some(time) = pair.get(1) else { break };
            table.push(Entry { machine, duration: duration(text, time)?, place: pair[0].1.clone() });
        }
        let expected = format!("{} pairs of machine and duration", sizes.machines);
        check_length(text, row, 2 * sizes.machines, &what, &expected)?;
    }
    text.check_end(&rows[sizes.jobs..])?;
    Ok(table)
}

/// The row of a job in a block of rows.
fn row<'l, 'a>(
    text: &InstanceText<'_>,
    block: &'l [Line<'a>],
    job: usize,
    jobs: usize,
    what: &str,
) -> Result<&'l Line<'a>, Refusal> {
    let Some(line) = block.get(job) else {
        return Err(text.missing_row(block, job, jobs, what));
    };
    if !line.has_numbers() {
        let title = format!("{what} cannot begin with `{}`", line.0[0].0);
        return Err(text.error(line.span(), title, "expected numbers; a comment begins with #"));
    }
    Ok(line)
}

fn check_length(
    text: &InstanceText<'_>,
    row: &Line<'_>,
    expected: usize,
    what: &str,
    parts: &str,
) -> Result<(), Refusal> {
    let found = row.0.len();
    if found == expected {
        return Ok(());
    }
    let end = row.span().end;
    let span = row.0.get(expected).map_or(end..end, |(_, span)| span.clone());
    let wanted = if found < expected { "more" } else { "the end of the row" };
    let title = format!("{what} has {found} numbers, not {expected}");
    Err(text.error(span, title, format!("expected {wanted}: {parts}")))
}

/// The two matrices of Taillard's form.
struct Matrices<'l, 'a> {
    times: &'l [Line<'a>],
    machines: &'l [Line<'a>],
    /// The first line that belongs to neither matrix.
    stray: Option<&'l Line<'a>>,
}

impl<'l, 'a> Matrices<'l, 'a> {
    /// By their headings, in any order; without headings by their size, the times first. `None` for the standard form.
    fn find(rows: &'l [Line<'a>], sizes: &Sizes<'_>) -> Option<Self> {
        let heading = |line: &Line<'_>| match line.lower_case().trim_end_matches(':') {
            "times" | "time" | "processing times" | "durations" => Some(false),
            "machines" | "machine" | "machine order" | "orders" => Some(true),
            _ => None,
        };
        let block = |is_machines: bool| {
            let start = rows.iter().position(|line| heading(line) == Some(is_machines))? + 1;
            let end = rows[start..].iter().position(|line| heading(line).is_some());
            Some(&rows[start..end.map_or(rows.len(), |end| start + end)])
        };
        let (times, machines) = (block(false), block(true));
        if times.is_some() || machines.is_some() {
            // A matrix begins at the first row and at one other heading; every other line would be lost.
            let headings: Vec<_> = rows.iter().filter(|line| heading(line).is_some()).collect();
            let stray = match &headings[..] {
                _ if heading(&rows[0]).is_none() => Some(&rows[0]),
                [first, second, ..] if heading(first) == heading(second) => Some(*second),
                [_, _, third, ..] => Some(*third),
                _ => None,
            };
            return Some(Self { times: times.unwrap_or(&[]), machines: machines.unwrap_or(&[]), stray });
        }
        let is_of_matrices = rows.len() == 2 * sizes.jobs
            && rows.iter().all(|line| line.has_numbers() && line.0.len() == sizes.machines);
        is_of_matrices.then(|| Self {
            times: &rows[..sizes.jobs],
            machines: &rows[sizes.jobs..],
            stray: None,
        })
    }

    fn table(&self, text: &InstanceText<'_>, sizes: &Sizes<'_>) -> Result<Vec<Entry>, Refusal> {
        let Sizes { jobs, machines, .. } = *sizes;
        if let Some(line) = self.stray {
            let label = "expected the matrix `Times` and the matrix `Machines`, once each";
            return Err(text.error(line.span(), "this line belongs to neither matrix", label));
        }
        for (block, name) in [(self.times, "times"), (self.machines, "machines")] {
            for job in 0..jobs {
                let what = format!("the row of job_{job} in the matrix of {name}");
                let row = row(text, block, job, jobs, &what)?;
                check_length(text, row, machines, &what, &format!("{machines} {name}"))?;
            }
            text.check_end(&block[jobs..])?;
        }
        let mut table = Vec::with_capacity(jobs * machines);
        for (times, places) in self.times.iter().zip(self.machines) {
            for (time, machine) in times.0.iter().zip(&places.0) {
                let (duration, place) = (duration(text, time)?, machine.1.clone());
                table.push(Entry { machine: text.machine(machine, machines)?, duration, place });
            }
        }
        Ok(table)
    }
}
