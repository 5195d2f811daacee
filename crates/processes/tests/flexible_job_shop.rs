//! Flexible job shops: schedules that can be worked, conflict sets that lose no optimum, signals that add up, random shops.

mod episode;

use episode::{any_allowed, by, play};
use setpoint_process::conformance::conformance;
use setpoint_process::factory::Simulator;
use setpoint_processes::flexible_job_shop::dispatch::{PartialSchedule, Scheduled};
use setpoint_processes::flexible_job_shop::generator::Generator;
use setpoint_processes::flexible_job_shop::instance::Instance;
use setpoint_processes::flexible_job_shop::rules::rules;
use setpoint_processes::flexible_job_shop::{FlexibleJobShop, Shops, file};
use setpoint_processes::job_shop;
use setpoint_processes::open_kind;
use setpoint_random::Stream;

/// A random instance; durations of 0 and many ties are likely.
fn random_instance(random: &mut Stream, jobs_max: u32, operations_max: u32, machines_max: u32) -> Instance {
    let (jobs, machines) = (1 + random.below(jobs_max), 1 + random.below(machines_max));
    let longest = 1 + random.below(12);
    let mut instance = Instance::empty("random", machines as usize);
    for _ in 0..jobs {
        for _ in 0..=random.below(operations_max) {
            let mut order: Vec<usize> = (0..machines as usize).collect();
            random.shuffle(&mut order);
            order.truncate(1 + random.below(machines) as usize);
            let pairs: Vec<_> = order.into_iter().map(|machine| (machine, random.below(longest))).collect();
            instance.add_operation(pairs);
        }
        instance.end_job();
    }
    instance
}

fn shop_of(instance: &Instance) -> FlexibleJobShop {
    FlexibleJobShop::new(Shops::Given(vec![instance.clone()]))
}

/// Panics unless the schedule can be worked: every operation once, on a machine that can do it and for its duration there,
/// in the order of its job, and no machine with two jobs at once.
fn assert_feasible(instance: &Instance, schedule: &[Scheduled]) {
    assert_eq!(schedule.len(), instance.operations());
    for job in 0..instance.jobs() {
        let of_job: Vec<_> = schedule.iter().filter(|scheduled| scheduled.job == job).collect();
        let mut ready = 0;
        for (position, (scheduled, operation)) in of_job.iter().zip(instance.job(job)).enumerate() {
            assert_eq!(scheduled.operation, position);
            let duration = instance.duration(operation, scheduled.machine).expect("a machine that can do it");
            assert_eq!(scheduled.end, scheduled.start + duration);
            assert!(scheduled.start >= ready, "job {job} is in two places: {scheduled:?}");
            ready = scheduled.end;
        }
        assert_eq!(of_job.len(), instance.job(job).len());
    }
    for machine in 0..instance.machines {
        let mut spans: Vec<_> =
            schedule.iter().filter(|s| s.machine == machine).map(|s| (s.start, s.end)).collect();
        spans.sort_unstable();
        assert!(spans.windows(2).all(|pair| pair[0].1 <= pair[1].0), "machine {machine}: {spans:?}");
    }
}

#[test]
fn every_schedule_can_be_worked_and_its_signals_add_up() {
    let mut random = Stream::new(1, "random flexible shops", 0);
    for _ in 0..400 {
        let instance = random_instance(&mut random, 7, 5, 5);
        let mut first = PartialSchedule::default();
        first.begin(&instance);
        let mut shop = shop_of(&instance);
        for _ in 0..5 {
            let (sums, schedule) = play(&mut shop, &mut random, any_allowed);
            assert_feasible(&instance, &schedule);
            let makespan = schedule.iter().map(|s| s.end).max().unwrap();
            assert_eq!(sums[0], f64::from(makespan), "makespan");
            assert_eq!(sums[1], f64::from(makespan - first.bound), "the bound ends as the makespan");
            // A job's time is its work and its waiting, a machine's (up to its last job) its work and its idleness.
            let ends = |of: &dyn Fn(&Scheduled) -> usize, n: usize| -> u32 {
                let end = |i| schedule.iter().filter(|s| of(s) == i).map(|s| s.end).max().unwrap_or(0);
                (0..n).map(end).sum()
            };
            let work: u32 = schedule.iter().map(|s| s.end - s.start).sum();
            let shortest: u32 =
                (0..instance.operations()).map(|operation| instance.shortest(operation)).sum();
            assert_eq!(sums[2], f64::from(ends(&|s| s.job, instance.jobs()) - work), "waiting");
            assert_eq!(sums[3], f64::from(ends(&|s| s.machine, instance.machines) - work), "idle");
            assert_eq!(sums[4], f64::from(work - shortest), "extra duration");
        }
    }
}

/// The least makespan of all schedules in which operations are placed one after another, each at its earliest start. It
/// knows nothing of conflict sets: every next operation, on every machine.
fn least_of_all(instance: &Instance, done: &mut [usize], ready: &mut [u32], free: &mut [u32]) -> u32 {
    let mut least = None;
    for job in 0..instance.jobs() {
        let Some(operation) = instance.job(job).nth(done[job]) else { continue };
        for (machine, duration) in instance.alternatives(operation) {
            let before = (ready[job], free[machine]);
            let end = before.0.max(before.1) + duration;
            done[job] += 1;
            (ready[job], free[machine]) = (end, end);
            let found = least_of_all(instance, done, ready, free);
            done[job] -= 1;
            (ready[job], free[machine]) = before;
            least = Some(least.map_or(found, |least: u32| least.min(found)));
        }
    }
    least.unwrap_or_else(|| ready.iter().copied().max().unwrap_or(0))
}

/// The least makespan of all schedules that the conflict sets leave; the bound must hold at every node.
fn least_by_conflict_sets(instance: &Instance, schedule: &PartialSchedule) -> u32 {
    if schedule.is_complete(instance) {
        assert_eq!(schedule.bound, schedule.makespan);
        return schedule.makespan;
    }
    let pairs = (0..schedule.in_conflict.len()).filter(|pair| schedule.in_conflict[*pair]);
    let found = pairs.map(|pair| {
        let mut next = schedule.clone();
        next.take(instance, pair / instance.machines, pair % instance.machines);
        least_by_conflict_sets(instance, &next)
    });
    let least = found.min().expect("an unfinished schedule has a pair to choose");
    assert!(schedule.bound <= least, "the bound {} is above {least}", schedule.bound);
    least
}

#[test]
fn the_conflict_sets_lose_no_optimum_of_small_shops() {
    let mut random = Stream::new(2, "small flexible shops", 0);
    let mut checked = 0;
    while checked < 300 {
        let instance = random_instance(&mut random, 4, 3, 3);
        let alternatives: usize = (0..instance.operations()).map(|o| instance.alternatives(o).count()).sum();
        if instance.operations() > 6 || alternatives > 13 {
            continue;
        }
        let (mut done, mut ready) = (vec![0; instance.jobs()], vec![0; instance.jobs()]);
        let of_all = least_of_all(&instance, &mut done, &mut ready, &mut vec![0; instance.machines]);
        let mut schedule = PartialSchedule::default();
        schedule.begin(&instance);
        assert_eq!(least_by_conflict_sets(&instance, &schedule), of_all, "{instance:?}");
        checked += 1;
    }
}

/// Two presses and a slow mill. job_0: 4 on a press, then 3 on press 1; job_1: 4 on a press, then 2 on press 0 or 6 on the
/// mill; job_2: 9 on the mill, or 5 on press 0. In 9, job_2 has the mill, job_1 press 0 (0–4–6) and job_0 press 1 (0–4–7). In
/// 8 or less, press 0 would do job_2 and the end of job_1 (5 + 2), so press 1 would do everything else (4 + 4 + 3).
#[test]
fn a_shop_with_a_known_optimum() {
    let text = "3 3 2\n2 2 1 4 2 4 1 2 3\n2 2 1 4 2 4 2 1 2 3 6\n1 2 3 9 1 5\n";
    let instance = file::parse("hall", text).unwrap().instance;
    let mut schedule = PartialSchedule::default();
    schedule.begin(&instance);
    let mut of_all = (vec![0; 3], vec![0; 3], vec![0; 3]);
    assert_eq!(least_of_all(&instance, &mut of_all.0, &mut of_all.1, &mut of_all.2), 9);
    assert_eq!(least_by_conflict_sets(&instance, &schedule), 9);
}

/// With one machine for each operation, the process is `job-shop`: same decisions, same times.
#[test]
fn a_shop_without_a_choice_of_machines_is_a_job_shop() {
    let mut random = Stream::new(3, "both shops", 0);
    for name in ["ft06", "la01", "la04"] {
        let plain = job_shop::instance::Instance::named(name).unwrap();
        let mut flexible = Instance::empty(name, plain.machines);
        for job in 0..plain.jobs {
            let pairs =
                plain.job(job).iter().map(|operation| (operation.machine as usize, operation.duration));
            pairs.for_each(|pair| flexible.add_operation([pair]));
            flexible.end_job();
        }
        let (mut a, mut b) = (job_shop::dispatch::PartialSchedule::default(), PartialSchedule::default());
        for _ in 0..20 {
            a.begin(&plain);
            b.begin(&flexible);
            while !a.is_complete(&plain) {
                let jobs: Vec<usize> = (0..plain.jobs).filter(|job| a.in_conflict[*job]).collect();
                let pairs: Vec<usize> = jobs.iter().map(|job| job * plain.machines + a.machine).collect();
                let found: Vec<usize> =
                    (0..b.in_conflict.len()).filter(|pair| b.in_conflict[*pair]).collect();
                assert_eq!(found, pairs);
                assert_eq!((a.now, a.makespan), (b.now, b.makespan));
                let job = jobs[random.below(jobs.len() as u32) as usize];
                let (expected, found) =
                    (a.take(&plain, job), b.take(&flexible, job, a_machine(&plain, &b, job)));
                assert_eq!(
                    (expected.machine, expected.start, expected.end),
                    (found.machine, found.start, found.end)
                );
            }
            assert!(b.is_complete(&flexible));
        }
    }
}

/// The only machine of a job's next operation.
fn a_machine(plain: &job_shop::instance::Instance, schedule: &PartialSchedule, job: usize) -> usize {
    plain.job(job)[schedule.done[job] as usize].machine as usize
}

#[test]
fn no_schedule_of_mk01_is_better_than_its_optimum() {
    let mut random = Stream::new(4, "schedules of mk01", 0);
    let instance = file::named("mk01").unwrap();
    assert_eq!((instance.jobs(), instance.machines, instance.operations()), (10, 6, 55));
    let mut shop = shop_of(&instance);
    let layout = shop.layout().clone();
    let mut least = f64::INFINITY;
    for _ in 0..2_000 {
        let (sums, _) = play(&mut shop, &mut random, any_allowed);
        least = least.min(sums[0]);
    }
    assert!(least >= 40.0, "{least}");
    for rule in rules(&layout) {
        let (sums, schedule) = play(&mut shop, &mut random, by(&rule));
        assert_feasible(&instance, &schedule);
        assert!(sums[0] >= 40.0 && sums[0] < 80.0, "{}: {}", rule.name, sums[0]);
    }
}

/// job_0: 3 on m0 or 5 on m1, then 1 on m0; job_1: 4 on m0 or 9 on m1; job_2: 2 on m1, then 2 on m0.
///
/// At 0 job_2 could end first, on m1 at 2, and job_0 and job_1 could start there. Every rule takes job_2 (MWKR because all
/// works are 4, and job_2 ends first). Then job_0 could end first, on m0 at 3; job_1 and job_2 could start there, and job_0
/// could start on m1 at 2.
///  * MWKR: job_0 and job_1 have 4, and job_0 ends first: m0 0–3. Job_1 (4) has most work of those that wait for m0: 3–7. Then
///    job_2 (2) 7–9 and job_0 (1) 9–10.
///  * SPT: job_2 is shortest (2): m0 2–4; then job_0 on m0 4–7 and 7–8. Job_1 could take m1 2–11 or m0: 4 is shorter: 8–12.
///  * EFT: job_0 0–3 and 3–4, job_2 4–6, job_1 on m0 6–10 rather than on m1 2–11.
#[test]
fn three_rules_by_hand() {
    let text = "3 2\n2 2 1 3 2 5 1 1 1\n1 2 1 4 2 9\n2 1 2 2 1 1 2\n";
    let mut shop = shop_of(&file::parse("hand", text).unwrap().instance);
    let rules = rules(&shop.layout().clone());
    let names: Vec<&str> = rules.iter().map(|rule| rule.name).collect();
    assert_eq!(names, ["mwkr", "spt", "mopnr", "fifo", "eft"]);
    // The makespan, and the start of the last operation of each job.
    for (name, makespan, starts) in
        [("mwkr", 10.0, [9, 3, 7]), ("spt", 12.0, [7, 8, 2]), ("eft", 10.0, [3, 6, 4])]
    {
        let rule = rules.iter().find(|rule| rule.name == name).unwrap();
        let (sums, schedule) = play(&mut shop, &mut Stream::new(0, "hand", 0), by(rule));
        let last = |job: usize| schedule.iter().rfind(|s| s.job == job).unwrap().start;
        assert_eq!((sums[0], [last(0), last(1), last(2)]), (makespan, starts), "{name}");
    }
}

#[test]
fn flexible_job_shops_keep_what_every_process_keeps() {
    let two = [5, 6].map(|seed| {
        let mut instance = Instance::empty("two", 5);
        Generator::default().generate(&mut Stream::new(seed, "two", 0), &mut Vec::new(), &mut instance);
        instance
    });
    let several = FlexibleJobShop::new(Shops::Given(two.to_vec()));
    let rules = rules(several.layout());
    let several = Simulator::new(several, None, rules);
    let random = open_kind("flexible-job-shop", None).unwrap();
    assert!(!random.spec().deterministic && random.spec().masked);
    for factory in [random.as_ref(), &several] {
        let findings = conformance(factory, 1_000);
        assert!(findings.iter().all(|finding| finding.passed), "{findings:?}");
    }
}

#[test]
fn random_shops_keep_their_ranges_and_differ() {
    let generator = Generator {
        jobs: 4,
        machines: 6,
        operations: [2, 5],
        machines_per_operation: [2, 4],
        durations: [3, 11],
        spread_percent: 50,
    };
    let mut random = Stream::new(7, "ranges", 0);
    let (mut instance, mut before) = (Instance::empty("random", 6), Instance::default());
    let (mut operations, mut machines, mut durations) = ([9, 0], [9, 0], [99, 0]);
    let widen = |range: &mut [u32; 2], value: u32| *range = [range[0].min(value), range[1].max(value)];
    for _ in 0..500 {
        generator.generate(&mut random, &mut Vec::new(), &mut instance);
        assert_ne!(instance, before);
        assert_eq!(instance.jobs(), 4);
        for job in 0..4 {
            widen(&mut operations, instance.job(job).len() as u32);
        }
        for operation in 0..instance.operations() {
            widen(&mut machines, instance.alternatives(operation).count() as u32);
            instance.alternatives(operation).for_each(|(_, duration)| widen(&mut durations, duration));
        }
        assert!(instance.most_work() <= generator.most_work());
        before.clone_from(&instance);
    }
    // Half of 3 is 1.5, and half more than 11 is 16.5: both ends are rounded up.
    assert_eq!((operations, machines, durations), ([2, 5], [2, 4], [2, 17]));
}
