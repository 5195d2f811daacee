//! Files of flexible job shops and the keys of `[process]`: instances read back, faults are shown where they stand.

mod opened;

use opened::{opened, shown};
use setpoint_processes::flexible_job_shop::file::parse;
use setpoint_processes::flexible_job_shop::generator::Generator;
use setpoint_processes::flexible_job_shop::instance::Instance;
use setpoint_random::Stream;

fn one_of<T: Copy>(random: &mut Stream, options: &[T]) -> T {
    options[random.below(options.len() as u32) as usize]
}

fn random_instance(random: &mut Stream) -> Instance {
    let machines = 1 + random.below(5);
    let generator = Generator {
        jobs: 1 + random.below(5) as usize,
        machines: machines as usize,
        operations: [1, 1 + random.below(4)],
        machines_per_operation: [1, machines],
        durations: [1, 40],
        spread_percent: 60,
    };
    let mut instance = Instance::empty("hall.fjs", machines as usize);
    generator.generate(random, &mut Vec::new(), &mut instance);
    instance
}

/// A text of the instance, with machines counted from `first`.
fn written(instance: &Instance, first: usize, random: &mut Stream) -> String {
    let line_end = one_of(random, &["\n", "\r\n", "\r", " \n\n", " // hall\n"]);
    let average = one_of(random, &["", " 2", "\t1.5"]);
    let mut text = one_of(random, &["", "\n", "A hall of machines\n", "# 1 1\n\n"]).to_owned();
    text += &format!("{} {}{average}{line_end}", instance.jobs(), instance.machines);
    for job in 0..instance.jobs() {
        text += &format!(" {}", instance.job(job).len());
        for operation in instance.job(job) {
            text += &format!("  {}", instance.alternatives(operation).count());
            for (machine, duration) in instance.alternatives(operation) {
                text += &format!(" {} {duration}", machine + first);
            }
        }
        text += line_end;
    }
    text
}

#[test]
fn an_instance_reads_back_from_every_way_of_writing_it() {
    let mut random = Stream::new(8, "ways of writing a flexible shop", 0);
    let mut from_0 = 0;
    for round in 0..3_000 {
        let instance = random_instance(&mut random);
        let uses =
            |machine: usize| (0..instance.operations()).any(|o| instance.duration(o, machine).is_some());
        // A file can count from 0 only if it uses machine 0: otherwise its highest number would look like the last of 1, 2, ….
        let first = usize::from(!uses(0) || random.below(2) == 1);
        // From 1, its last machine must occur, or no machine 0 and no last machine: then 1 is the rule.
        let text = written(&instance, first, &mut random);
        let reading = parse("hall.fjs", &text).unwrap_or_else(|error| panic!("{round}: {error}\n{text:?}"));
        assert_eq!(
            (reading.first_machine as usize, &reading.instance),
            (first, &instance),
            "{round}: {text:?}"
        );
        from_0 += usize::from(first == 0);
    }
    assert!(from_0 > 1_000);
}

/// `line:column title | label` of the error in a text.
fn error(text: &str) -> String {
    shown(&parse("hall.fjs", text).unwrap_err())
}

/// A text and the message about it.
const FAULTS: &[(&str, &str)] = &[
    ("# only\n", "1:7 there is no instance in this file | expected a line `jobs machines`"),
    (
        "3\n",
        "1:1 the line of sizes has 1 numbers | expected the number of jobs, the number of machines, and perhaps the average \
         number of machines per operation",
    ),
    (
        "1 2 x\n",
        "1:5 the average number of machines per operation cannot be `x` | expected a number, or nothing",
    ),
    ("0 2\n", "1:1 the number of jobs cannot be 0 | expected at least 1"),
    ("2 2\n1 1 1 5\n", "2:8 only 1 of the 2 jobs have a row | expected the row of job_1"),
    (
        "1 2\n1 1 1 5\n1 1 1 5\n",
        "3:1 there is text after the last job's row | expected the end of the file; a comment begins with #",
    ),
    (
        "1 2\n0\n",
        "2:1 the number of operations cannot be `0` | expected the number of operations, a whole number from 1 to 500000",
    ),
    (
        "1 2\n1 0\n",
        "2:3 the number of machines of operation 1 cannot be `0` | expected the number of machines of operation 1, a whole \
         number from 1 to 2",
    ),
    (
        "1 2\n1 3 1 5 2 5 1 5\n",
        "2:3 the number of machines of operation 1 cannot be `3` | expected the number of machines of operation 1, a whole \
         number from 1 to 2",
    ),
    (
        "1 2\n2 1 2 5\n",
        "2:8 the row of job_0 ends too early | expected the number of machines of operation 2",
    ),
    ("1 2\n1 1 2\n", "2:6 the row of job_0 ends too early | expected the duration on this machine"),
    (
        "1 2\n1 1 2 5 1\n",
        "2:9 the row of job_0 has numbers after its 1 operations | expected the end of the row",
    ),
    ("1 2\n1 2 1 5 1 6\n", "2:9 operation 1 of job_0 names machine 1 twice | expected another machine"),
    (
        "1 2\n1 1 3 5\n",
        "2:5 the machine cannot be `3` | expected a machine, a whole number from 0 to 1 or from 1 to 2",
    ),
    (
        "2 2\n1 1 2 5\n1 1 0 5\n",
        "3:5 machine 0 and machine 2 both occur, but there are 2 machines | count every machine from 0 to 1, or every machine \
         from 1 to 2",
    ),
    (
        "1 1\n1 1 1 1.5\n",
        "2:7 the duration cannot be `1.5` | expected the duration, a whole number from 0 to 16777216",
    ),
    (
        "2 1\n1 1 1 16777216\n1 1 1 1\n",
        "3:8 all durations together are 16777217 | expected at most 16777216, so that times are exact: use a coarser unit of \
         time",
    ),
    (
        "200 51\n",
        "1:1 200 jobs on 51 machines are too many | expected at most 10000 pairs of job and machine",
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
    let pieces = ["0", "1", "2", "1 1 1", " ", "\n", "\r", "#", "-1", "é", "4294967295", "\t"];
    let mut random = Stream::new(9, "hostile flexible shops", 0);
    for _ in 0..40_000 {
        let count = random.below(24);
        let text: String = (0..count).map(|_| one_of(&mut random, &pieces)).collect();
        if let Err(diagnostic) = parse("hall.fjs", &text) {
            assert!(!diagnostic.render(false).is_empty());
        }
    }
}

#[test]
fn keys_are_resolved_or_refused_where_they_stand() {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("hall.fjs"), "1 2\n2 2 1 5 2 6 1 2 3\n").unwrap();
    let open = |keys: &str| opened("flexible-job-shop", root.path(), keys).map_err(|error| shown(&error));
    let (kept, messages) = open("instance = \"hall.fjs\"").unwrap();
    let path = std::path::absolute(root.path().join("hall.fjs")).unwrap().display().to_string();
    assert_eq!(kept["instance"].as_str(), Some(path.as_str()));
    let expected = "hall: 1 jobs with 2 operations on 2 machines, in the form .fjs, machines counted from 1";
    assert_eq!(messages, [expected]);
    assert_eq!(open("instance = \"mk01\"").unwrap().1, Vec::<String>::new());
    // A run opens the same random shops with the keys that it keeps.
    let (random, _) = open("jobs = 3\nmachines = 2").unwrap();
    assert_eq!(random["machines_per_operation"].as_array().unwrap().len(), 2);
    assert_eq!(open(&toml::to_string(&random).unwrap()).unwrap().0, random);

    let refused = |keys: &str| open(keys).unwrap_err();
    for (keys, expected) in [
        ("instance = \"mk1\"", "5:12 there is no instance `mk1` | did you mean `mk01`?"),
        (
            "instance = \"halls.fjs\"",
            "5:12 there is no instance file `halls.fjs` | neither a built-in name nor a file",
        ),
        ("instances = []", "5:13 there is no instance to schedule | expected at least one"),
        (
            "instances = [\"mk01\", \"hall.fjs\"]",
            "5:22 hall has 1 jobs on 2 machines | expected 10 on 6, as mk01 has",
        ),
        (
            "instance = \"mk01\"\ninstances = [\"mk01\"]",
            "5:1 `instance` and `instances` cannot both be given | expected one of the two",
        ),
        (
            "instance = \"mk01\"\njobs = 4",
            "6:1 `jobs` has no effect on a shop that is given | delete this line, or delete the instance",
        ),
        (
            "operations = [5, 3]",
            "5:14 `operations` is no range | expected two numbers, the least and the greatest",
        ),
        (
            "machines = 2\nmachines_per_operation = [1, 3]",
            "6:26 3 machines cannot do an operation of a shop with 2 machines | expected at most 2",
        ),
        (
            "jobs = 400\nmachines = 40",
            "5:8 400 jobs on 40 machines are too many | expected at most 10000 pairs of job and machine",
        ),
        (
            "jobs = 50\nmachines = 40\noperations = [1, 501]",
            "7:14 operations × machines could be 1002000 | expected at most 1000000",
        ),
        (
            "operations = [900, 1000]\ndurations = [9000, 10000]",
            "6:13 all durations together could be 96000000 | expected at most 16777216, so that times are exact",
        ),
    ] {
        assert_eq!(refused(keys), expected, "{keys}");
    }
}
