//! A replayed log: it shows the logged observations, independent of the actions.

use std::fmt::Write;
use std::path::Path;

use setpoint_decision::Project;
use setpoint_learn::problem::Problem;
use setpoint_process::conformance::conformance;
use setpoint_process::process::Outcome;
use setpoint_process::vectorized::Actions;

fn registry() -> setpoint_process::Registry {
    setpoint_processes::registry().with(setpoint_learn::KINDS)
}

/// Three episodes of 12 rows; WIP counts the rows, so it shows the position. The last episode ended by itself.
fn log(folder: &Path) {
    let mut text =
        "ct_1,ct_2,ct_3,ct_4,ct_5,ct_6,wip,speed,failure_prob,micro_stops,operator_efficiency,action,reward,\
                    throughput_uph,episode,terminated\n"
            .to_owned();
    for row in 0..36_u32 {
        let value = |index: u32| 0.3 + f64::from((row * 7 + index * 5) % 11) / 40.0;
        let cells: Vec<String> = (0..6).map(|index| format!("{:.3}", value(index))).collect();
        let (wip, failure) = (f64::from(row) * 0.025, 0.05 + f64::from(row % 5) / 100.0);
        let stops = f64::from(row * 3 % 4) / 15.0;
        let efficiency = 0.7 + f64::from(row % 7) / 50.0;
        writeln!(
            text,
            "{},{wip:.3},{:.3},{failure:.2},{stops:.3},{efficiency:.2},{},{},{},{},{}",
            cells.join(","),
            0.6 + f64::from(row % 6) / 50.0,
            row % 6,
            80 + row % 9,
            90 + row,
            row / 12,
            u32::from(row == 35)
        )
        .unwrap();
    }
    std::fs::write(folder.join("line.csv"), text).unwrap();
}

fn problem(folder: &Path, process: &str) -> Result<Problem, String> {
    let text = format!(
        "[process]\nkind = \"replay\"\n{process}\n[reward]\nthroughput_uph = 1.0\n[train]\ntotal_steps = 256\n\
         [train.ppo]\nn_envs = 2\nn_steps = 64\n"
    );
    let file = folder.join("setpoint.toml");
    std::fs::write(&file, text).unwrap();
    Problem::load(&file, &[], &registry(), &mut |_| {}).map_err(|error| error.to_string())
}

const PROCESS: &str = "log = \"line.csv\"\nlike = \"assembly-line\"\n";

#[test]
fn rows_come_in_their_order_whatever_is_done() {
    let folder = tempfile::tempdir().unwrap();
    log(folder.path());
    let problem = problem(folder.path(), &format!("{PROCESS}variation = 0.0\n")).unwrap();
    let names: Vec<&str> = problem.spec().signals.iter().map(|signal| signal.name.as_str()).collect();
    assert!(
        names.contains(&"throughput_uph") && names.contains(&"wip") && !names.contains(&"mean_cycle_time")
    );
    let throughput = names.iter().position(|name| *name == "throughput_uph").unwrap();
    let wip = names.iter().position(|name| *name == "wip").unwrap();
    let mut batch = problem.decision.factory.batch(4, 1, "test").unwrap();
    let (mut ended, mut seen) = ([0, 0], std::collections::BTreeSet::new());
    for step in 0..200_u32 {
        let before: Vec<f32> = (0..4).map(|lane| batch.transition().observations[lane * 11 + 6]).collect();
        batch.step(Actions::of_choices(&[step % 6, 0, 5, (step / 3) % 6])).unwrap();
        let transition = batch.transition();
        for (lane, before) in before.into_iter().enumerate() {
            let row = (before / 0.025).round() as u32;
            seen.insert(row);
            let signals = &transition.signals[lane * names.len()..(lane + 1) * names.len()];
            assert_eq!(signals[throughput], (90 + row) as f32, "what row {row} led to");
            match transition.outcomes[lane] {
                Outcome::Running => {
                    assert!((signals[wip] - (row + 1) as f32).abs() < 1e-3, "the next row's WIP, in parts");
                    assert!((transition.observations[lane * 11 + 6] - (row + 1) as f32 * 0.025).abs() < 1e-6);
                }
                // The last row of a truncated episode has no result; the last row of a terminated episode has a result.
                Outcome::Truncated => {
                    assert!([10, 22].contains(&row), "cut at row {row}");
                    ended[0] += 1;
                }
                Outcome::Terminated => {
                    assert_eq!(row, 35);
                    ended[1] += 1;
                }
            }
        }
    }
    assert!(ended[0] > 10 && ended[1] > 5, "{ended:?}");
    assert_eq!(seen.len(), 34, "all rows but the last of the two that were cut");
}

#[test]
fn it_keeps_what_every_process_must_and_says_what_it_is_for() {
    let folder = tempfile::tempdir().unwrap();
    log(folder.path());
    let problem = problem(folder.path(), PROCESS).unwrap();
    for finding in conformance(problem.decision.factory.as_ref(), 400) {
        assert!(finding.passed, "{}: {}", finding.subject, finding.message);
    }
    assert!(problem.decision.factory.findings()[0].message.contains("actions have no effect"));
    assert_eq!(problem.decision.factory.heuristics()[0].name, "line-manager");
    // The run's own project file finds the log from anywhere.
    let resolved = Project::from_text("resolved", &problem.resolved(), &[]).unwrap();
    assert_eq!(Problem::new(resolved, &registry()).unwrap().spec(), problem.spec());
}

#[test]
fn what_is_missing_is_named() {
    let folder = tempfile::tempdir().unwrap();
    log(folder.path());
    for (process, expected) in [
        ("like = \"assembly-line\"", "needs `log`"),
        ("log = \"line.csv\"", "needs its spaces"),
        ("log = \"absent.csv\"\nlike = \"assembly-line\"", "absent.csv"),
        ("log = \"line.csv\"\nlike = \"assembly\"", "there is no process `assembly`"),
        ("log = \"line.csv\"\nlike = \"job-shop\"", "its log cannot be replayed"),
        ("log = \"line.csv\"\nlike = \"pendulum\"", "[data]"),
        ("log = \"line.csv\"\nlike = \"assembly-line\"\nvariation = 2", "from 0 to 1"),
        ("log = \"line.csv\"\nlike = \"assembly-line\"\nvariations = 0.1", "did you mean `variation`?"),
    ] {
        let error = problem(folder.path(), process).err().unwrap();
        assert!(error.contains(expected), "{process}: {error}");
    }
}

/// Plans in a replayed log would find that no action has an effect.
#[test]
fn a_replayed_log_cannot_be_planned_in() {
    let folder = tempfile::tempdir().unwrap();
    log(folder.path());
    let problem = problem(folder.path(), PROCESS).unwrap();
    let refused = setpoint_evidence::deciders::baseline("mpc", &problem.decision, 0, 2).err().unwrap();
    assert!(refused.to_string().contains("environments of assembly-line cannot be copied"), "{refused}");
}
