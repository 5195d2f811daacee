//! Job-shop instances: the standard text format, and the built-in classical instances.
//!
//! The format (Beasley's OR-Library, JSPLIB): lines that begin with `#` are comments; the first other line gives the number
//! of jobs and of machines; then follows one row per job, with one pair `machine duration` per operation, in the job's own
//! order. Machines are counted from 0, and each job visits each of them once.

use std::io::ErrorKind;
use std::ops::Range;
use std::path::Path;

use serde::{Deserialize, Serialize};
use setpoint_decision::Diagnostic;
use setpoint_decision::diagnostic::Origin;
use setpoint_files::{storage, text};

/// Greatest number of operations (jobs × machines) of an instance: five times Taillard's (1993) largest, 100 jobs on 20
/// machines.
pub const OPERATIONS_MAX: usize = 10_000;
/// Greatest sum of all durations of an instance: up to 2²⁴, every time of every schedule is exact in an `f32`.
pub const WORK_MAX: u32 = 1 << 24;
/// Greatest size of a file: far more than [`OPERATIONS_MAX`] operations need.
const FILE_BYTES_MAX: u64 = 1 << 20;

const FORMAT: &str = "a line `jobs machines`, then one row per job: pairs `machine duration` in the job's order, machines \
                      counted from 0; lines that begin with # are comments";

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

    /// Reads a file; errors name it by the given path.
    pub fn read(path: &Path) -> Result<Self, Box<Diagnostic>> {
        let shown = path.display().to_string();
        let unreadable = |error: std::io::Error| {
            Diagnostic::without_origin(
                format!("the instance file {shown} cannot be read: {error}"),
                format!(
                    "give a built-in instance ({}) or a file: {FORMAT}",
                    names().collect::<Vec<_>>().join(", ")
                ),
            )
        };
        let bytes = storage::read(path, FILE_BYTES_MAX).map_err(|error| match error.kind() {
            ErrorKind::FileTooLarge => Diagnostic::without_origin(
                format!("the instance file {shown} is larger than {FILE_BYTES_MAX} bytes"),
                format!("an instance may have at most {OPERATIONS_MAX} operations; expected {FORMAT}"),
            ),
            _ => unreadable(error),
        })?;
        let text = text::decode(bytes.clone()).map_err(|error| {
            // The bytes before are valid, so the replacement character has the same position.
            let span = error.byte..error.byte + char::REPLACEMENT_CHARACTER.len_utf8();
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let span = if text.is_char_boundary(span.start) { span } else { 0..0 };
            let title = "this is not a text file (UTF-8)".to_owned();
            refuse(&shown, &text, span, title, "these bytes are no character".to_owned())
        })?;
        let instance = Self::parse(&shown, &text)?;
        let name = path.file_stem().map_or(shown, |stem| stem.to_string_lossy().into_owned());
        Ok(Self { name, ..instance })
    }

    /// Parses a text; errors call the text `name`.
    pub fn parse(name: &str, text: &str) -> Result<Self, Box<Diagnostic>> {
        Parser { name, text }.instance()
    }
}

fn refuse(name: &str, text: &str, span: Range<usize>, title: String, label: String) -> Box<Diagnostic> {
    let origin = Origin { name: name.to_owned(), text: text.to_owned(), span };
    Box::new(Diagnostic { title, origin: Some(origin), label, help: Some(format!("the format: {FORMAT}")) })
}

struct Parser<'a> {
    name: &'a str,
    text: &'a str,
}

/// A word and its byte range.
type Word<'a> = (&'a str, Range<usize>);

impl<'a> Parser<'a> {
    fn error(
        &self,
        span: Range<usize>,
        title: impl Into<String>,
        label: impl Into<String>,
    ) -> Box<Diagnostic> {
        refuse(self.name, self.text, span, title.into(), label.into())
    }

    /// The lines that are neither empty nor comments, each as its words; never an empty list of words.
    fn rows(&self) -> impl Iterator<Item = Vec<Word<'a>>> {
        let base = self.text.as_ptr() as usize;
        let word = move |word: &'a str| {
            let start = word.as_ptr() as usize - base;
            (word, start..start + word.len())
        };
        let lines = self.text.lines().filter(|line| !line.trim_start().starts_with('#'));
        lines
            .map(move |line| line.split_whitespace().map(word).collect::<Vec<_>>())
            .filter(|row| !row.is_empty())
    }

    /// A whole number of at most `max`.
    fn number(&self, (word, span): &Word<'_>, max: u64, what: &str) -> Result<u32, Box<Diagnostic>> {
        let fits = |number: &u32| u64::from(*number) <= max;
        // `parse` accepts a leading +, which is not part of the format.
        let number = word.parse().ok().filter(|number| fits(number) && !word.starts_with('+'));
        number.ok_or_else(|| {
            let label = format!("expected {what}, a whole number from 0 to {max}");
            self.error(span.clone(), format!("{what} cannot be `{word}`"), label)
        })
    }

    fn instance(&self) -> Result<Instance, Box<Diagnostic>> {
        let mut rows = self.rows();
        let (jobs, machines) = self.sizes(rows.next())?;
        let mut operations = Vec::with_capacity(jobs * machines);
        for job in 0..jobs {
            let Some(row) = rows.next() else {
                let title = format!("only {job} of the {jobs} jobs have a row");
                return Err(self.error(self.end(), title, format!("expected the row of job_{job}")));
            };
            self.job(&row, job, machines, &mut operations)?;
        }
        if let Some(row) = rows.next() {
            let title = "there is text after the last job's row";
            return Err(self.error(row[0].1.clone(), title, "expected the end of the file"));
        }
        let work: u64 = operations.iter().map(|operation| u64::from(operation.duration)).sum();
        if work > u64::from(WORK_MAX) {
            let label =
                format!("expected at most {WORK_MAX}, so that times are exact: use a coarser unit of time");
            return Err(self.error(self.end(), format!("all durations together are {work}"), label));
        }
        Ok(Instance { name: self.name.to_owned(), jobs, machines, operations, optimum: None })
    }

    /// The end of the text's last word.
    fn end(&self) -> Range<usize> {
        let end = self.text.trim_end().len();
        end..end
    }

    fn sizes(&self, row: Option<Vec<Word<'_>>>) -> Result<(usize, usize), Box<Diagnostic>> {
        let Some(row) = row else {
            return Err(self.error(
                self.end(),
                "there is no instance in this file",
                "expected a line `jobs machines`",
            ));
        };
        let [jobs, machines] = &row[..] else {
            let span = row[0].1.start..row[row.len() - 1].1.end;
            let title = format!("the first line has {} words, not two", row.len());
            return Err(self.error(span, title, "expected the number of jobs and the number of machines"));
        };
        let count = |word: &Word<'_>, what: &str| {
            let count = self.number(word, u64::from(u32::MAX), what)? as usize;
            if count == 0 {
                return Err(self.error(word.1.clone(), format!("{what} cannot be 0"), "expected at least 1"));
            }
            Ok(count)
        };
        let sizes = (count(jobs, "the number of jobs")?, count(machines, "the number of machines")?);
        if sizes.0.saturating_mul(sizes.1) > OPERATIONS_MAX {
            let title = format!("{} jobs on {} machines are too many", sizes.0, sizes.1);
            let label = format!("expected at most {OPERATIONS_MAX} operations (jobs × machines)");
            return Err(self.error(jobs.1.start..machines.1.end, title, label));
        }
        Ok(sizes)
    }

    fn job(
        &self,
        row: &[Word<'_>],
        job: usize,
        machines: usize,
        operations: &mut Vec<Operation>,
    ) -> Result<(), Box<Diagnostic>> {
        let expected = 2 * machines;
        let first = operations.len();
        for pair in row.chunks(2).take(machines) {
            let machine = self.number(&pair[0], machines as u64 - 1, "the machine")?;
            if operations[first..].iter().any(|operation| operation.machine == machine) {
                let title = format!("job_{job} visits machine {machine} twice");
                return Err(self.error(
                    pair[0].1.clone(),
                    title,
                    "expected a machine that it has not visited yet",
                ));
            }
            let Some(duration) = pair.get(1) else { break };
            let duration = self.number(duration, u64::from(WORK_MAX), "the duration")?;
            operations.push(Operation { machine, duration });
        }
        if row.len() == expected {
            return Ok(());
        }
        let title = format!("the row of job_{job} has {} numbers, not {expected}", row.len());
        let span = row.get(expected).map_or_else(
            || {
                let end = row[row.len() - 1].1.end;
                end..end
            },
            |(_, span)| span.clone(),
        );
        let what = if row.len() < expected { "more" } else { "the end of the row" };
        Err(self.error(span, title, format!("expected {what}: {machines} pairs of machine and duration")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `line:column title | label` of the error in a text.
    fn error(text: &str) -> String {
        let diagnostic = Instance::parse("shop.txt", text).unwrap_err();
        let (line, column) = diagnostic.line_column().unwrap();
        format!("{line}:{column} {} | {}", diagnostic.title, diagnostic.label)
    }

    #[test]
    fn comments_blank_lines_and_any_white_space_are_read() {
        let instance =
            Instance::parse("shop.txt", "# two jobs\n\n 2\t2\n0 3  1 2\r\n# second\n1 4 0 0").unwrap();
        let operation = |machine, duration| Operation { machine, duration };
        assert_eq!((instance.jobs, instance.machines, instance.work()), (2, 2, 9));
        assert_eq!(instance.job(0), [operation(0, 3), operation(1, 2)]);
        assert_eq!(instance.job(1), [operation(1, 4), operation(0, 0)]);
    }

    /// A text and the message about it.
    const FAULTS: &[(&str, &str)] = &[
        ("", "1:1 there is no instance in this file | expected a line `jobs machines`"),
        ("# only\n", "1:7 there is no instance in this file | expected a line `jobs machines`"),
        (
            "2 2 2\n",
            "1:1 the first line has 3 words, not two | expected the number of jobs and the number of machines",
        ),
        ("0 2\n", "1:1 the number of jobs cannot be 0 | expected at least 1"),
        ("2 0\n", "1:3 the number of machines cannot be 0 | expected at least 1"),
        (
            "two 2\n",
            "1:1 the number of jobs cannot be `two` | expected the number of jobs, a whole number from 0 to \
             4294967295",
        ),
        (
            "5001 2\n",
            "1:1 5001 jobs on 2 machines are too many | expected at most 10000 operations (jobs × machines)",
        ),
        (
            "4000000000 4000000000\n",
            "1:1 4000000000 jobs on 4000000000 machines are too many | expected at most 10000 operations (jobs × \
             machines)",
        ),
        ("2 2\n0 3 1 2\n", "2:8 only 1 of the 2 jobs have a row | expected the row of job_1"),
        (
            "1 2\n0 3\n",
            "2:4 the row of job_0 has 2 numbers, not 4 | expected more: 2 pairs of machine and duration",
        ),
        (
            "1 2\n0 3 1 2 7\n",
            "2:9 the row of job_0 has 5 numbers, not 4 | expected the end of the row: 2 pairs of machine and \
             duration",
        ),
        (
            "1 2\n0 3 0 2\n",
            "2:5 job_0 visits machine 0 twice | expected a machine that it has not visited yet",
        ),
        (
            "1 2\n0 3 2 2\n",
            "2:5 the machine cannot be `2` | expected the machine, a whole number from 0 to 1",
        ),
        (
            "1 2\n0 -3 1 2\n",
            "2:3 the duration cannot be `-3` | expected the duration, a whole number from 0 to 16777216",
        ),
        (
            "1 2\n0 2.5 1 2\n",
            "2:3 the duration cannot be `2.5` | expected the duration, a whole number from 0 to 16777216",
        ),
        (
            "1 2\n0 16777216 1 1\n",
            "2:15 all durations together are 16777217 | expected at most 16777216, so that times are exact: use \
             a coarser unit of time",
        ),
        (
            "1 1\n0 3\nthank you\n",
            "3:1 there is text after the last job's row | expected the end of the file",
        ),
    ];

    #[test]
    fn each_fault_is_named_where_it_stands() {
        for (text, expected) in FAULTS {
            assert_eq!(error(text), *expected, "{text:?}");
        }
    }

    #[test]
    fn no_text_of_these_pieces_does_harm() {
        let pieces = ["0", "1", "2", " ", "\n", "#", "-1", "é", "18446744073709551616", "\t"];
        let mut random = setpoint_random::Stream::new(1, "hostile instances", 0);
        for _ in 0..20_000 {
            let count = random.below(20);
            let text: String =
                (0..count).map(|_| pieces[random.below(pieces.len() as u32) as usize]).collect();
            if let Err(diagnostic) = Instance::parse("shop.txt", &text) {
                assert!(!diagnostic.render(false).is_empty());
            }
        }
    }

    #[test]
    fn an_error_is_shown_in_its_line() {
        let diagnostic = Instance::parse("shop.txt", "1 2\n0 3 2 2\n").unwrap_err();
        let expected = "error: the machine cannot be `2`
 --> shop.txt:2:5
  |
2 | 0 3 2 2
  |     ^ expected the machine, a whole number from 0 to 1
  |
  = help: the format: a line `jobs machines`, then one row per job: pairs `machine duration` in the job's order, machines \
                        counted from 0; lines that begin with # are comments";
        assert_eq!(diagnostic.render(false), expected);
    }

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
