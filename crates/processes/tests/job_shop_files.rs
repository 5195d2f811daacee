//! Files of job shops: every form in which people write an instance is read as the same instance, and every fault is shown
//! where it stands.

mod opened;

use std::fmt::Write;
use std::path::Path;

use opened::shown;
use setpoint_processes::job_shop::instance::{Form, Instance, InstanceFile, Operation, Reading};
use setpoint_random::Stream;

/// A random instance in which every machine number occurs, as it does in a file.
fn random_instance(random: &mut Stream) -> Instance {
    let (jobs, machines) = (1 + random.below(6) as usize, 1 + random.below(6) as usize);
    let mut operations = Vec::new();
    for _ in 0..jobs {
        let mut order: Vec<u32> = (0..machines as u32).collect();
        random.shuffle(&mut order);
        operations
            .extend(order.iter().map(|machine| Operation { machine: *machine, duration: random.below(120) }));
    }
    Instance { name: "shop.txt".to_owned(), jobs, machines, operations, optimum: None }
}

/// The way a file is written.
struct Dialect {
    form: Form,
    first_machine: u32,
    bounds: u32,
    headings: bool,
    machines_first: bool,
    line_end: &'static str,
    comments: bool,
}

fn one_of<T: Copy>(random: &mut Stream, options: &[T]) -> T {
    options[random.below(options.len() as u32) as usize]
}

impl Dialect {
    fn any(random: &mut Stream) -> Self {
        let mut flag = || random.below(2) == 1;
        let (headings, machines_first, comments) = (flag(), flag(), flag());
        Self {
            form: one_of(random, &[Form::Standard, Form::Taillard]),
            first_machine: random.below(2),
            bounds: random.below(4),
            headings,
            machines_first: headings && machines_first,
            line_end: one_of(random, &["\n", "\r\n", "\r"]),
            comments,
        }
    }

    fn write(&self, instance: &Instance, random: &mut Stream) -> String {
        let Instance { jobs, machines, .. } = *instance;
        let upper = instance.work();
        let mut lines = Vec::new();
        if self.form == Form::Taillard && self.headings {
            let names = "Nb of jobs, Nb of Machines, Time seed, Machine seed, Upper bound, Lower bound";
            lines.push(names.to_owned());
            lines.push(format!(" {jobs} {machines} 77 78 {} {}", self.upper(upper), self.lower()));
        } else {
            lines.push(match self.bounds {
                0 => format!("{jobs} {machines}"),
                1 => format!("{jobs}\t{machines}  {upper}"),
                2 => format!("{jobs} {machines} {upper} 0"),
                _ => format!("{jobs} {machines} {upper} 1"),
            });
        }
        let row = |job: usize, word: &dyn Fn(&Operation) -> String| {
            instance.job(job).iter().map(word).collect::<Vec<_>>().join(" ")
        };
        let machine = |operation: &Operation| (operation.machine + self.first_machine).to_string();
        let time = |operation: &Operation| format!("{:3}", operation.duration);
        match self.form {
            Form::Standard => {
                let pair = |operation: &Operation| machine(operation) + " " + &time(operation);
                lines.extend((0..jobs).map(|job| row(job, &pair)));
            }
            Form::Taillard => {
                let matrix = |heading: &str, word: &dyn Fn(&Operation) -> String| {
                    let heading = self.headings.then(|| heading.to_owned());
                    heading.into_iter().chain((0..jobs).map(|job| row(job, word))).collect::<Vec<_>>()
                };
                let (times, places) = (matrix("Times", &time), matrix("MACHINES:", &machine));
                let (first, second) = if self.machines_first { (places, times) } else { (times, places) };
                lines.extend(first.into_iter().chain(second));
            }
        }
        self.decorated(lines, random)
    }

    fn upper(&self, upper: u32) -> u32 {
        if self.bounds == 0 { 0 } else { upper }
    }

    fn lower(&self) -> u32 {
        u32::from(self.bounds == 3)
    }

    fn decorated(&self, lines: Vec<String>, random: &mut Stream) -> String {
        let mut text = String::new();
        if self.comments {
            let preface = [
                "A shop of 3 halls, see chapter 2",
                "# 7 7",
                "// 4 1 1",
                "! 9",
                "+++++++",
                "-- part 1 --",
                "hall 5",
            ];
            let count = random.below(4);
            (0..count).for_each(|_| text += &(one_of(random, &preface).to_owned() + self.line_end));
        }
        for line in lines {
            text += &line;
            if self.comments {
                text += one_of(random, &["", " ", "\t# 1 2 3", " // job", self.line_end]);
            }
            text += self.line_end;
        }
        if self.comments {
            text += one_of(random, &["", "-----", "# end", "\n\n", "+++ EOF +++", "eof"]);
        }
        text
    }
}

#[test]
fn an_instance_reads_back_from_every_way_of_writing_it() {
    let mut random = Stream::new(5, "ways of writing a shop", 0);
    for round in 0..4_000 {
        let instance = random_instance(&mut random);
        let dialect = Dialect::any(&mut random);
        let text = dialect.write(&instance, &mut random);
        let reading =
            Reading::parse("shop.txt", &text).unwrap_or_else(|error| panic!("{round}: {error}\n{text:?}"));
        assert_eq!(reading.instance, instance, "{round}: {text:?}");
        assert_eq!(reading.form, dialect.form, "{round}: {text:?}");
        assert_eq!(reading.first_machine, dialect.first_machine, "{round}: {text:?}");
        let upper = (dialect.bounds > 0).then(|| instance.work()).filter(|upper| *upper > 0);
        assert_eq!(reading.upper_bound, upper, "{round}: {text:?}");
    }
}

/// A text whose rows count machines from 0 and from 1 has no meaning; no such file may be read.
#[test]
fn rows_that_count_machines_in_two_ways_are_refused() {
    let mut random = Stream::new(6, "mixed rows", 0);
    for _ in 0..1_000 {
        let mut instance = random_instance(&mut random);
        let (jobs, machines) = (instance.jobs, instance.machines);
        if jobs < 2 {
            continue;
        }
        let shifted = random.below(jobs as u32 - 1) as usize + 1;
        instance.operations[shifted * machines..].iter_mut().for_each(|operation| operation.machine += 1);
        let mut text = format!("{jobs} {machines}\n");
        for job in 0..jobs {
            let pairs = instance.job(job).iter().map(|pair| format!("{} {}", pair.machine, pair.duration));
            writeln!(text, "{}", pairs.collect::<Vec<_>>().join(" ")).unwrap();
        }
        let error = Reading::parse("shop.txt", &text).unwrap_err();
        let expected =
            format!("machine 0 and machine {machines} both occur, but there are {machines} machines");
        assert_eq!(error.title, expected, "{text}");
        assert_eq!(error.line_column().unwrap().0, shifted + 2, "{text}");
    }
}

/// `line:column title | label` of the error in a text.
fn error(text: &str) -> String {
    shown(&Instance::parse("shop.txt", text).unwrap_err())
}

/// A text and the message about it.
const FAULTS: &[(&str, &str)] = &[
    ("", "1:1 there is no instance in this file | expected a line `jobs machines`"),
    ("# only\n", "1:7 there is no instance in this file | expected a line `jobs machines`"),
    ("two 2\n", "1:6 there is no instance in this file | expected a line `jobs machines`"),
    (
        "2\n",
        "1:1 the line of sizes has 1 numbers | expected the number of jobs, the number of machines, and perhaps an upper \
         bound on the makespan",
    ),
    (
        "2 2 9 8 7\n",
        "1:1 the line of sizes has 5 numbers | expected the number of jobs, the number of machines, and perhaps an upper \
         bound on the makespan",
    ),
    (
        "nb of jobs, nb of machines, upper bound\n2 2 9 8\n",
        "2:1 the line of sizes has 4 numbers | expected 3 numbers, as the line before says",
    ),
    ("0 2\n", "1:1 the number of jobs cannot be 0 | expected at least 1"),
    ("2 0\n", "1:3 the number of machines cannot be 0 | expected at least 1"),
    (
        "2 x\n",
        "1:3 the number of machines cannot be `x` | expected the number of machines, a whole number from 0 to 4294967295",
    ),
    (
        "5001 2\n",
        "1:1 5001 jobs on 2 machines are too many | expected at most 10000 operations (jobs × machines)",
    ),
    (
        "4000000000 4000000000\n",
        "1:1 4000000000 jobs on 4000000000 machines are too many | expected at most 10000 operations (jobs × machines)",
    ),
    ("2 2\n0 3 1 2\n", "2:8 only 1 of the 2 jobs have a row | expected the row of job_1"),
    (
        "2 2\n0 3 1 2\nnext 0 1\n",
        "3:1 the row of job_1 cannot begin with `next` | expected numbers; a comment begins with #",
    ),
    (
        "1 2\n0 3\n",
        "2:4 the row of job_0 has 2 numbers, not 4 | expected more: 2 pairs of machine and duration",
    ),
    (
        "1 2\n0 3 1 2 7\n",
        "2:9 the row of job_0 has 5 numbers, not 4 | expected the end of the row: 2 pairs of machine and duration",
    ),
    ("1 2\n0 3 0 2\n", "2:5 job_0 visits machine 0 twice | expected a machine that it has not visited yet"),
    (
        "1 2\n0 3 3 2\n",
        "2:5 the machine cannot be `3` | expected a machine, a whole number from 0 to 1 or from 1 to 2",
    ),
    (
        "1 2\n0 3 2 2\n",
        "2:5 machine 0 and machine 2 both occur, but there are 2 machines | count every machine from 0 to 1, or every \
         machine from 1 to 2",
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
        "2:15 all durations together are 16777217 | expected at most 16777216, so that times are exact: use a coarser unit of \
         time",
    ),
    (
        "1 1\n0 3\nthank you\n",
        "3:1 there is text after the last job's row | expected the end of the file; a comment begins with #",
    ),
    (
        "2 2 8\n0 3 1 2\n0 4 1 5\n",
        "1:5 the upper bound on the makespan cannot be 8 | job_1 alone needs 9: expected at least 9, or no number",
    ),
    (
        "2 2 9 12\n0 3 1 2\n0 4 1 5\n",
        "1:7 the lower bound on the makespan cannot be 12 | expected at most the upper bound, 9",
    ),
    (
        "2 2\nTimes\n3 2\n4 5\nMachines\n1 2\n",
        "6:4 only 1 of the 2 jobs have a row | expected the row of job_1 in the matrix of machines",
    ),
    (
        "2 2\nTimes\n3 2\n4 5 1\nMachines\n1 2\n2 1\n",
        "4:5 the row of job_1 in the matrix of times has 3 numbers, not 2 | expected the end of the row: 2 times",
    ),
    (
        "2 2\nTimes\n3 2\n4 5\n",
        "4:4 only 0 of the 2 jobs have a row | expected the row of job_0 in the matrix of machines",
    ),
    (
        "1 2\n0 3 1 2\nTimes\n3 2\nMachines\n1 2\n",
        "2:1 this line belongs to neither matrix | expected the matrix `Times` and the matrix `Machines`, once each",
    ),
    (
        "1 2\nTimes\n3 2\nMachines\n1 2\nTimes\n9 9\n",
        "6:1 this line belongs to neither matrix | expected the matrix `Times` and the matrix `Machines`, once each",
    ),
    (
        "2 2\n3 2\n4 5\n1 2\n2 2\n",
        "5:3 job_1 visits machine 2 twice | expected a machine that it has not visited yet",
    ),
];

#[test]
fn each_fault_is_named_where_it_stands() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("shop.txt");
    for (text, expected) in FAULTS {
        assert_eq!(error(text), *expected, "{text:?}");
        std::fs::write(&path, format!("\u{feff}{text}")).unwrap();
        let marked = InstanceFile::read(&path).unwrap().instance(None).unwrap_err();
        assert_eq!(shown(&marked), *expected, "with a byte order mark: {text:?}");
    }
    std::fs::write(&path, b"\xef\xbb\xbf1 1\n0 \xff\n").unwrap();
    let bytes = InstanceFile::read(&path).err().unwrap();
    assert_eq!(shown(&bytes), "2:3 this is not a text file (UTF-8) | these bytes are no character");
}

#[test]
fn no_text_of_these_pieces_does_harm() {
    let pieces = [
        "0",
        "1",
        "2",
        " ",
        "\n",
        "\r",
        "#",
        "-1",
        "é",
        "18446744073709551616",
        "\t",
        "Times\n",
        "machines\n",
        "jobs, ",
    ];
    let mut random = Stream::new(1, "hostile instances", 0);
    for _ in 0..40_000 {
        let count = random.below(20);
        let text: String = (0..count).map(|_| one_of(&mut random, &pieces)).collect();
        if let Err(diagnostic) = Instance::parse("shop.txt", &text) {
            assert!(!diagnostic.render(false).is_empty());
        }
    }
}

#[test]
fn an_error_is_shown_in_its_line_with_the_forms() {
    let shown = Instance::parse("shop.txt", "1 2\n0 3 2 x\n").unwrap_err().render(false);
    assert!(shown.starts_with("error: the duration cannot be `x`\n --> shop.txt:2:7\n"), "{shown}");
    assert!(
        shown.contains("the format: a line `jobs machines`") && shown.contains("Taillard's form"),
        "{shown}"
    );
}

/// Bounds of the file's own header, in the order that the header names.
#[test]
fn a_reading_says_how_the_file_was_read() {
    let text = "Nb of machines, Nb of jobs, Lower bound, Upper bound\n3 2 11 19\nmachines:\n3 1 2\n2 3 1\ntimes:\n1 2 3\n4 5 6\n";
    let reading = Reading::parse("hall", text).unwrap();
    assert_eq!(
        reading.description(),
        "hall: 2 jobs on 3 machines, in Taillard's form, machines counted from 1; the file states the upper bound 19 and the \
         lower bound 11 on the makespan"
    );
    let operation = |machine, duration| Operation { machine, duration };
    assert_eq!(reading.instance.job(0), [operation(2, 1), operation(0, 2), operation(1, 3)]);
    let plain = Reading::parse("hall", "1 1\n0 5\n").unwrap();
    assert_eq!(
        plain.description(),
        "hall: 1 jobs on 1 machines, in the standard form, machines counted from 0"
    );
}

/// Two shops in one file, as OR-Library writes them.
const SEVERAL: &str = " This text has 2 shops.\n ++++\n\n instance east\n\n ++++\n A small hall (Table 1)\n 2 2\n 0 3 1 2\n 1 4 0 1\n \
                       ++++\n\n instance west\n ++++\n 2 2\n 2 6 1 2\n 1 4 2 1\n ++++\n";

/// A project with these keys of `[process]`, or its error with the help.
fn opened(folder: &Path, keys: &str) -> Result<(toml::Table, Vec<String>), String> {
    opened::opened("job-shop", folder, keys)
        .map_err(|error| format!("{} | {}", shown(&error), error.help.as_deref().unwrap_or("")))
}

#[test]
fn a_file_of_several_instances_wants_a_choice() {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("halls.txt"), SEVERAL).unwrap();
    let open = |keys: &str| opened(root.path(), keys);
    let path = std::path::absolute(root.path().join("halls.txt")).unwrap().display().to_string();
    let west = "west: 2 jobs on 2 machines, in the standard form, machines counted from 1".to_owned();
    let east = "east: 2 jobs on 2 machines, in the standard form, machines counted from 0".to_owned();

    let (kept, messages) = open("file = \"halls.txt\"\ninstance = \"west\"").unwrap();
    assert_eq!(messages, std::slice::from_ref(&west));
    assert_eq!((kept["file"].as_str(), kept["instance"].as_str()), (Some(path.as_str()), Some("west")));
    // A run opens the same shop from any folder.
    let again = opened(Path::new("/"), &toml::to_string(&kept).unwrap()).unwrap();
    assert_eq!(again, (kept, messages));
    let (_, both) = open("file = \"halls.txt\"\ninstances = [\"west\", \"east\"]").unwrap();
    assert_eq!(both, [west, east]);

    let refused = |keys: &str| open(keys).unwrap_err();
    assert_eq!(
        refused("instance = \"halls.txt\""),
        format!(
            "5:12 {path} has 2 instances | choose an instance: file = \"halls.txt\" and instance = \"east\" | instances of the \
             file: east, west"
        )
    );
    assert_eq!(
        refused("file = \"halls.txt\""),
        format!(
            "3:2 {path} has 2 instances | choose an instance: instance = \"east\" | instances of the file: east, west"
        )
    );
    assert_eq!(
        refused("file = \"halls.txt\"\ninstance = \"wst\""),
        format!(
            "6:12 {path} has no instance `wst` | did you mean `west`? | instances of the file: east, west"
        )
    );
    assert_eq!(
        refused("file = \"hall.txt\"\ninstance = \"west\""),
        "5:8 there is no file `hall.txt` | expected a file | `file` is a file of several instances, relative to the project's \
         folder"
    );
}

#[test]
fn tables_of_taillard_one_after_another_are_numbered() {
    let table = |time: u32| format!("Nb of jobs, Nb of Machines\n1 2\nTimes\n{time} 2\nMachines\n2 1\n");
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("tables.txt");
    std::fs::write(&path, table(5) + &table(6) + &table(7)).unwrap();
    let file = InstanceFile::read(&path).unwrap();
    assert_eq!(file.names(), ["1", "2", "3"]);
    let second = file.instance(Some("2")).unwrap().unwrap();
    assert_eq!(
        second.instance.job(0),
        [Operation { machine: 1, duration: 6 }, Operation { machine: 0, duration: 2 }]
    );
    assert!(file.instance(None).unwrap().is_none() && file.instance(Some("4")).unwrap().is_none());

    std::fs::write(&path, "instance a\n1 1\n0 5\ninstance a\n1 1\n0 6\n").unwrap();
    let error = InstanceFile::read(&path).unwrap().instance(Some("a")).unwrap_err();
    assert_eq!(
        (error.title.as_str(), error.line_column()),
        ("the file has two instances of the name `a`", Some((4, 1)))
    );
}

#[test]
fn half_a_character_of_utf_16_is_refused_with_the_fix() {
    let root = tempfile::tempdir().unwrap();
    // An odd byte at the end; half a surrogate after é, of which every byte would be wrong in UTF-8 too.
    for (bytes, wrong) in
        [(&b"\xff\xfe1\0 \x001\0\n\x000\0 \x005"[..], 14), (b"\xff\xfe\xe9\0#\0\0\xd8#\0", 6)]
    {
        std::fs::write(root.path().join("shop.txt"), bytes).unwrap();
        let error = opened(root.path(), "instance = \"shop.txt\"").unwrap_err();
        let expected = format!("it is not UTF-16 text (byte {wrong}); save it as UTF-8");
        assert!(error.contains(&expected), "{error}");
    }
}

#[test]
fn a_fault_is_in_the_line_that_an_editor_shows_whatever_ends_the_lines() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("shop.txt");
    for end in ["\n", "\r\n", "\r"] {
        let text = ["# Halle", "2 2", "1 7 0 8", "0 9 1 x", ""].join(end);
        std::fs::write(&path, &text).unwrap();
        let error = InstanceFile::read(&path).unwrap().instance(None).unwrap_err();
        assert_eq!((error.title.as_str(), error.line_column()), ("the duration cannot be `x`", Some((4, 7))));
        // The same place with a byte that is no text.
        let bytes: Vec<u8> = text.bytes().map(|byte| if byte == b'x' { 0xE4 } else { byte }).collect();
        std::fs::write(&path, bytes).unwrap();
        let error = InstanceFile::read(&path).err().unwrap();
        assert_eq!(
            (error.title.as_str(), error.line_column()),
            ("this is not a text file (UTF-8)", Some((4, 7)))
        );
    }
}
