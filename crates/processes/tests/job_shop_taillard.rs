//! The first instance of Taillard (1993), "Benchmarks for basic scheduling problems", made by his generator from the seeds that he
//! published, and read from a file as he distributes it.

use std::fmt::Write as _;

use setpoint_processes::job_shop::instance::{Form, Instance, InstanceFile, Operation};

const JOBS: usize = 15;
const MACHINES: usize = 15;
/// Published: the seeds of times and machines, the optimal makespan, and the bound of [`lower_bound`].
const TIME_SEED: u64 = 840_612_802;
const MACHINE_SEED: u64 = 398_197_754;
const OPTIMUM: u32 = 1_231;
const LOWER_BOUND: u32 = 1_005;

/// Lehmer's generator of his paper: uniform whole numbers from `low` to `high`.
struct Lehmer(u64);

impl Lehmer {
    fn uniform(&mut self, low: u64, high: u64) -> u64 {
        const MODULUS: u64 = 2_147_483_647;
        self.0 = 16_807 * self.0 % MODULUS;
        low + (self.0 as f64 / MODULUS as f64 * (high - low + 1) as f64) as u64
    }
}

fn file() -> String {
    let (mut times, mut machines) = (Lehmer(TIME_SEED), Lehmer(MACHINE_SEED));
    let mut text = format!(
        "Nb of jobs, Nb of Machines, Time seed, Machine seed, Upper bound, Lower bound\n{JOBS:10}{MACHINES:10}{TIME_SEED:11}\
         {MACHINE_SEED:11}{OPTIMUM:10}{LOWER_BOUND:10}\nTimes\n"
    );
    for _ in 0..JOBS {
        (0..MACHINES).for_each(|_| write!(text, " {:2}", times.uniform(1, 99)).unwrap());
        text.push('\n');
    }
    text += "Machines\n";
    for _ in 0..JOBS {
        let mut order: Vec<usize> = (1..=MACHINES).collect();
        for place in 0..MACHINES {
            order.swap(place, machines.uniform(place as u64, MACHINES as u64 - 1) as usize);
        }
        order.iter().for_each(|machine| write!(text, " {machine:2}").unwrap());
        text.push('\n');
    }
    text
}

/// The greatest of every machine's work with the least time before and after it, and of every job's length.
fn lower_bound(instance: &Instance) -> u32 {
    let jobs = || (0..instance.jobs).map(|job| instance.job(job));
    let lengths = jobs().map(|job| job.iter().map(|operation| operation.duration).sum());
    let machines = (0..instance.machines as u32).map(|machine| {
        let (mut work, mut before, mut after) = (0, u32::MAX, u32::MAX);
        for job in jobs() {
            let place = job.iter().position(|operation| operation.machine == machine).unwrap();
            let sum = |part: &[Operation]| part.iter().map(|operation| operation.duration).sum::<u32>();
            work += job[place].duration;
            before = before.min(sum(&job[..place]));
            after = after.min(sum(&job[place + 1..]));
        }
        before + work + after
    });
    machines.chain(lengths).max().unwrap()
}

#[test]
fn the_first_instance_of_taillard_is_read_from_his_file() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("tai15_15.txt");
    std::fs::write(&path, file()).unwrap();
    let reading = InstanceFile::read(&path).unwrap().instance(None).unwrap().unwrap();
    let instance = reading.instance;
    assert_eq!((instance.jobs, instance.machines, reading.form), (JOBS, MACHINES, Form::Taillard));
    // The first numbers of his table.
    let first: Vec<_> =
        instance.job(0)[..4].iter().map(|operation| (operation.machine + 1, operation.duration)).collect();
    assert_eq!(first, [(7, 94), (13, 66), (5, 10), (8, 53)]);
    assert_eq!(lower_bound(&instance), LOWER_BOUND);
}
