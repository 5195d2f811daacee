//! Job shops: schedules that can be worked, signals that add up, rules and bounds against known figures, and refusals.

mod episode;
mod opened;

use std::path::Path;

use episode::{any_allowed, by, play};
use opened::{opened, shown};
use setpoint_process::Factory;
use setpoint_process::conformance::conformance;
use setpoint_process::factory::Simulator;
use setpoint_process::gantt::Bar;
use setpoint_process::process::Outcome;
use setpoint_process::vectorized::Actions;
use setpoint_processes::job_shop::JobShop;
use setpoint_processes::job_shop::dispatch::{PartialSchedule, Scheduled};
use setpoint_processes::job_shop::instance::{Instance, InstanceFile, names};
use setpoint_processes::job_shop::rules::rules;
use setpoint_processes::open_kind;
use setpoint_random::Stream;

/// A random instance; durations of 0 and many ties are likely.
fn random_instance(random: &mut Stream) -> Instance {
    let (jobs, machines) = (1 + random.below(8), 1 + random.below(6));
    let longest = 1 + random.below(30);
    let mut text = format!("{jobs} {machines}\n");
    for _ in 0..jobs {
        let mut order: Vec<u32> = (0..machines).collect();
        random.shuffle(&mut order);
        for machine in order {
            text += &format!("{machine} {} ", random.below(longest));
        }
        text += "\n";
    }
    Instance::parse("random", &text).unwrap()
}

/// Panics unless the schedule can be worked: every operation once, no job and no machine in two places at once, and
/// none of them idle for no reason (an operation starts when its job or its machine has just become free, or at 0).
fn assert_feasible(instance: &Instance, schedule: &[Scheduled]) {
    assert_eq!(schedule.len(), instance.operations.len());
    let mut by_machine = schedule.to_vec();
    by_machine.sort_by_key(|s| (s.machine, s.start, s.end));
    for pair in by_machine.windows(2).filter(|pair| pair[0].machine == pair[1].machine) {
        assert!(pair[0].end <= pair[1].start, "machine {} has two jobs at once: {pair:?}", pair[0].machine);
    }
    let mut by_job = schedule.to_vec();
    by_job.sort_by_key(|s| (s.job, s.operation));
    for pair in by_job.windows(2).filter(|pair| pair[0].job == pair[1].job) {
        assert_eq!(pair[0].operation + 1, pair[1].operation);
        assert!(pair[0].end <= pair[1].start, "job {} is in two places: {pair:?}", pair[0].job);
    }
    for scheduled in schedule {
        let wanted = instance.job(scheduled.job)[scheduled.operation];
        assert_eq!(scheduled.machine as u32, wanted.machine);
        assert_eq!(scheduled.end - scheduled.start, wanted.duration);
        let freed = schedule.iter().any(|other| {
            other.end == scheduled.start && (other.job == scheduled.job || other.machine == scheduled.machine)
        });
        assert!(scheduled.start == 0 || freed, "{scheduled:?} starts later than it could");
    }
}

#[test]
fn every_schedule_can_be_worked_and_its_signals_add_up() {
    let mut random = Stream::new(1, "random shops", 0);
    for _ in 0..400 {
        let instance = random_instance(&mut random);
        let mut first = PartialSchedule::default();
        first.begin(&instance);
        let mut shop = JobShop::new(vec![instance.clone()]);
        for _ in 0..5 {
            let (sums, schedule) = play(&mut shop, &mut random, any_allowed);
            assert_feasible(&instance, &schedule);
            let makespan = schedule.iter().map(|s| s.end).max().unwrap();
            assert_eq!(sums[0], f64::from(makespan), "makespan");
            assert_eq!(
                sums[1],
                f64::from(makespan - first.bound),
                "growth of the bound: it ends as the makespan"
            );
            // A job's time is its work and its waiting, a machine's (up to its last job) its work and its idleness.
            let ends = |of: &dyn Fn(&Scheduled) -> usize, n: usize| -> u32 {
                let end = |i: usize| schedule.iter().filter(|s| of(s) == i).map(|s| s.end).max().unwrap();
                (0..n).map(end).sum()
            };
            assert_eq!(sums[2], f64::from(ends(&|s| s.job, instance.jobs) - instance.work()), "waiting");
            assert_eq!(sums[3], f64::from(ends(&|s| s.machine, instance.machines) - instance.work()), "idle");
        }
    }
}

/// 2,000 random schedules of each classical instance; the optima are proven. The bound before anything is scheduled
/// must not be above them either, and is the heaviest machine's load where that is known to be the optimum.
#[test]
fn no_schedule_is_better_than_the_proven_optimum() {
    let mut random = Stream::new(2, "random schedules", 0);
    for name in names() {
        let instance = Instance::named(name).unwrap();
        let optimum = instance.optimum.unwrap();
        let mut first = PartialSchedule::default();
        first.begin(&instance);
        assert!(first.bound <= optimum, "{name}: bound {}", first.bound);
        if name == "la01" || name == "la05" {
            assert_eq!(first.bound, optimum, "{name}");
        }
        let mut shop = JobShop::new(vec![instance]);
        for _ in 0..2_000 {
            let (sums, _) = play(&mut shop, &mut random, any_allowed);
            assert!(sums[0] >= f64::from(optimum), "{name}: {}", sums[0]);
        }
    }
}

/// The tree of all active schedules, cut where the bound shows that nothing better can follow. Its size shows that the
/// bound cuts; that it ends at 55 shows that neither the bound nor the conflict sets lose the optimum.
#[test]
fn branch_and_bound_finds_the_optimum_of_ft06() {
    fn best(instance: &Instance, schedule: &PartialSchedule, least: &mut u32, nodes: &mut u64) {
        *nodes += 1;
        if schedule.bound >= *least {
            return;
        }
        if schedule.is_complete(instance) {
            *least = schedule.makespan;
            return;
        }
        // Jobs with most work first find good schedules early.
        let mut jobs: Vec<usize> = (0..instance.jobs).filter(|job| schedule.in_conflict[*job]).collect();
        jobs.sort_by_key(|job| std::cmp::Reverse(schedule.remaining[*job]));
        for job in jobs {
            let mut next = schedule.clone();
            next.take(instance, job);
            best(instance, &next, least, nodes);
        }
    }
    let instance = Instance::named("ft06").unwrap();
    let mut schedule = PartialSchedule::default();
    schedule.begin(&instance);
    let (mut least, mut nodes) = (u32::MAX, 0);
    best(&instance, &schedule, &mut least, &mut nodes);
    println!("{nodes} nodes");
    assert_eq!(least, 55);
}

/// Makespans of the rules on the classical instances, by a separate implementation in Python (ties to the lowest job,
/// equal completions to the lowest machine): mwkr, spt, lpt, mopnr, fifo.
#[test]
fn the_rules_have_their_makespans() {
    for (name, expected) in [
        ("ft06", [67, 94, 86, 60, 65]),
        ("ft10", [1178, 1429, 1355, 1215, 1184]),
        ("ft20", [1556, 1675, 1661, 1611, 1645]),
        ("la01", [735, 1185, 927, 846, 772]),
        ("la02", [860, 1055, 1025, 904, 830]),
        ("la03", [713, 795, 894, 747, 755]),
        ("la04", [817, 842, 899, 716, 695]),
        ("la05", [621, 977, 720, 610, 610]),
    ] {
        let instance = Instance::named(name).unwrap();
        let rules = rules(instance.jobs);
        assert_eq!(
            rules.iter().map(|rule| rule.name).collect::<Vec<_>>(),
            ["mwkr", "spt", "lpt", "mopnr", "fifo"]
        );
        let mut shop = JobShop::new(vec![instance]);
        let mut random = Stream::new(3, "rules", 0);
        let found = rules.iter().map(|rule| {
            let (sums, _) = play(&mut shop, &mut random, by(rule));
            sums[0] as u32
        });
        assert_eq!(found.collect::<Vec<_>>(), expected, "{name}");
    }
}

/// job_0: m0 3, m1 2, m2 2 · job_1: m0 2, m2 1, m1 5 · job_2: m1 4, m2 3, m0 1. Work 7, 8 and 8.
///
/// At 0 machine 0 chooses between job_0 (3) and job_1 (2). MWKR and SPT take job_1 (0–2), which then has m2 for itself
/// (2–3). On m1 job_2 could end first, at 4, and job_1 start at 3: SPT takes job_2 (4 against 5),
/// MWKR too (8 against 5): 0–4; job_0 has m0 from 2 to 5. Now job_0 could end on m1 at 7 (5–7), and job_1 could start
/// there at 4. SPT takes job_0 (2 against 5), job_2 takes m2 4–7 and m0 7–8, job_0 on m2 7–9, job_1 last on m1
/// 7–12: 12. MWKR takes job_1 (5 against 4) 4–9, job_2 m2 4–7, m0 7–8, job_0 m1 9–11, m2 11–13: 13. LPT takes job_0
/// (0–3) first, job_2 on m1 0–4, job_1 on m0 3–5, job_0 on m1 4–6; on m2 job_1 could end at 6 and job_2 start at 4:
/// LPT takes job_2 (4–7), then m0 7–8; job_0 (2) before job_1 (1) on m2, 7–9 and 9–10, and job_1 on m1 10–15: 15.
#[test]
fn three_rules_by_hand_on_three_jobs() {
    let text = "3 3\n0 3 1 2 2 2\n0 2 2 1 1 5\n1 4 2 3 0 1\n";
    let mut shop = JobShop::new(vec![Instance::parse("hand", text).unwrap()]);
    for (rule, expected) in [(0, 13.0), (1, 12.0), (2, 15.0)] {
        let rule = &rules(3)[rule];
        let (sums, _) = play(&mut shop, &mut Stream::new(0, "hand", 0), by(rule));
        assert_eq!(sums[0], expected, "{}", rule.name);
    }
}

#[test]
fn job_shops_keep_what_every_process_keeps() {
    let several = JobShop::new(["la01", "la02"].map(|name| Instance::named(name).unwrap()).to_vec());
    let several = Simulator::new(several, None, rules(10));
    assert!(!several.spec().deterministic);
    let one = open_kind("job-shop", None).unwrap();
    assert!(one.spec().deterministic && one.spec().masked);
    for factory in [one.as_ref(), &several as &dyn Factory] {
        let findings = conformance(factory, 1_000);
        assert!(findings.iter().all(|finding| finding.passed), "{findings:?}");
    }
}

#[test]
fn a_schedule_outlives_the_reset_that_follows_it() {
    let factory = open_kind("job-shop", None).unwrap();
    let mut batch = factory.batch(2, 0, "test").unwrap();
    let first_allowed = |allowed: &[bool]| allowed.iter().position(|allowed| *allowed).unwrap() as u32;
    let mut episode = |keep: bool| {
        if keep {
            batch.keep_schedules();
        }
        for _ in 0..36 {
            let choices: Vec<u32> = batch.transition().allowed.chunks(6).map(first_allowed).collect();
            batch.step(Actions::of_choices(&choices)).unwrap();
        }
        assert_eq!(batch.transition().outcomes, [Outcome::Terminated; 2]);
        batch.schedule(1).to_vec()
    };
    assert_eq!(episode(false), [], "nothing is kept unless somebody asks");
    let bars = episode(true);
    assert_eq!(bars.len(), 36);
    let first = Bar { row: "machine_2".into(), label: "job_0".into(), start: 0.0, end: 1.0 };
    assert_eq!(bars[0], first);
}

/// The keys that a run of a project with these keys of `[process]` keeps.
fn kept(folder: &Path, keys: &str) -> Result<toml::Table, String> {
    opened("job-shop", folder, keys).map(|(kept, _)| kept).map_err(|error| shown(&error))
}

#[test]
fn keys_are_resolved_or_refused_where_they_stand() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("shop.txt");
    std::fs::write(&file, "2 2\n0 3 1 2\n0 2 1 4\n").unwrap();
    let open = |keys: &str| kept(root.path(), keys);
    let resolved = |key: &str, value: toml::Value| Ok(toml::Table::from_iter([(key.to_owned(), value)]));
    assert_eq!(open(""), resolved("instance", "ft06".into()));
    assert_eq!(open("instance = \"la03\""), resolved("instance", "la03".into()));
    assert_eq!(open("instances = [\"la03\", \"la01\"]"), resolved("instances", vec!["la03", "la01"].into()));
    let absolute = std::path::absolute(&file).unwrap().display().to_string();
    assert_eq!(open("instance = \"shop.txt\""), resolved("instance", absolute.clone().into()));
    // What a run keeps opens the same shop from any folder.
    assert_eq!(
        kept(Path::new("/"), &format!("instance = {absolute:?}")),
        resolved("instance", absolute.into())
    );

    let refused = |keys: &str| open(keys).unwrap_err();
    assert_eq!(refused("instance = \"la1\""), "5:12 there is no instance `la1` | did you mean `la01`?");
    assert_eq!(
        refused("instance = \"shop2.txt\""),
        "5:12 there is no instance file `shop2.txt` | neither a built-in name nor a file"
    );
    assert_eq!(
        refused("instances = [\"la01\", \"ft6\"]"),
        "5:22 there is no instance `ft6` | did you mean `ft06`?"
    );
    assert_eq!(
        refused("instances = [\"la01\", \"ft06\"]"),
        "5:22 ft06 has 6 jobs on 6 machines | expected 10 on 5, as la01 has"
    );
    assert_eq!(refused("instances = []"), "5:13 there is no instance to schedule | expected at least one");
    assert_eq!(
        refused("instance = \"la01\"\ninstances = [\"la02\"]"),
        "5:1 `instance` and `instances` cannot both be given | expected one of the two"
    );
    assert_eq!(
        refused("instances = \"la01\""),
        "5:13 `instances` of [process] cannot be the text \"la01\" | expected a list of texts"
    );
    assert_eq!(refused("jobs = 6"), "5:1 unknown key `jobs` in [process] | not a key of this table");

    // Faults inside a file are shown in that file.
    std::fs::write(&file, "2 2\n0 3 1 2\n0 2 0 4\n").unwrap();
    assert_eq!(
        refused("instance = \"shop.txt\""),
        "3:5 job_1 visits machine 0 twice | expected a machine that it has not visited yet"
    );
    std::fs::write(&file, b"2 2\n0 3 1 \xff\n0 2 0 4\n").unwrap();
    assert_eq!(
        refused("instance = \"shop.txt\""),
        "2:7 this is not a text file (UTF-8) | these bytes are no character"
    );
    std::fs::write(&file, vec![b'#'; (1 << 20) + 1]).unwrap();
    assert_eq!(
        refused("instance = \"shop.txt\""),
        format!("the instance file {} is larger than 1048576 bytes | ", file.display())
    );
}

/// Editors of Windows begin a file with a byte order mark, or save it in UTF-16.
#[test]
fn an_instance_with_a_byte_order_mark_is_the_instance() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("three.txt");
    let text = "3 2\n0 4 1 9\n1 5 0 2\n0 8 1 1\n";
    let utf_16 = |unit: fn(u16) -> [u8; 2]| {
        "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(unit).collect()
    };
    for bytes in [
        text.as_bytes().to_vec(),
        format!("\u{feff}{text}").into_bytes(),
        utf_16(u16::to_le_bytes),
        utf_16(u16::to_be_bytes),
    ] {
        std::fs::write(&path, bytes).unwrap();
        let read = InstanceFile::read(&path).unwrap().instance(None).unwrap().unwrap();
        assert_eq!(read.instance, Instance { name: "three".into(), ..Instance::parse("", text).unwrap() });
    }
}
