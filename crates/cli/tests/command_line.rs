//! The interface for people and programs: exit status, one JSON document, clear errors.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use binary::{json, projects, setpoint, stderr, text, trained};

mod binary;

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_new_project_is_whole_but_its_charter_must_be_answered() {
    let root = tempfile::tempdir().unwrap();
    for kind in ["assembly-line", "assembly-setup", "job-shop", "flexible-job-shop"] {
        let project = root.path().join(kind);
        assert_eq!(setpoint(&["new", text(&project), "--process", kind]).status.code(), Some(0));
        let output = setpoint(&["check", text(&project), "--json"]);
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        let findings = json(&output)["findings"].clone();
        let failed: Vec<&Value> =
            findings.as_array().unwrap().iter().filter(|finding| finding["passed"] == false).collect();
        assert_eq!(failed.len(), 5, "only the charter is not answered: {failed:?}");
        // Every option in a comment of the template exists, with its default.
        let file = project.join("setpoint.toml");
        let template = std::fs::read_to_string(&file).unwrap();
        let start = template.find("[train.ppo]").unwrap();
        let uncommented = template[start..].replace("\n# ", "\n").replace("required_lift_percent = 10", "");
        std::fs::write(&file, format!("{}{uncommented}", &template[..start])).unwrap();
        let output = setpoint(&["check", text(&file)]);
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        // An existing project is never overwritten.
        assert_eq!(setpoint(&["new", text(&project), "--process", kind]).status.code(), Some(2));
    }
}

/// The start of a project is the ready project with its process: the same parameters, and the options that are measured.
#[test]
fn a_new_project_begins_with_the_options_of_the_ready_project() {
    let root = tempfile::tempdir().unwrap();
    let read = |file: &Path| std::fs::read_to_string(file).unwrap().parse::<toml::Table>().unwrap();
    for kind in ["assembly-line", "flexible-job-shop", "inventory", "mountain-car", "pendulum"] {
        let project = root.path().join(kind);
        setpoint(&["new", text(&project), "--process", kind]);
        let (new, ready) =
            (read(&project.join("setpoint.toml")), read(&projects().join(kind).join("setpoint.toml")));
        assert_eq!(new["process"]["kind"].as_str(), Some(kind));
        for (key, value) in ready["process"].as_table().unwrap() {
            assert_eq!(&new["process"][key], value, "{kind}: {key}");
        }
        let (new, ready) = (&new["train"], &ready["train"]);
        assert_eq!((&new["algorithm"], &new["total_steps"]), (&ready["algorithm"], &ready["total_steps"]));
        let algorithm = new["algorithm"].as_str().unwrap();
        assert_eq!(new[algorithm], ready[algorithm], "{kind}");
    }
}

#[test]
fn ready_projects_pass_their_checks() {
    let names = [
        "assembly-setup",
        "assembly-line",
        "assembly-line-reinforce",
        "assembly-line-robust",
        "condition-monitoring",
        "job-shop",
        "job-shop-ft06",
        "flexible-job-shop",
        "filler",
        "ph-reactor",
        "cstr",
        "cstr-runaway",
        "quadruple-tank",
    ];
    for name in names {
        let output = setpoint(&["check", text(&projects().join(name))]);
        assert_eq!(output.status.code(), Some(0), "{name}: {}", String::from_utf8_lossy(&output.stdout));
    }
}

/// The reward that everybody writes first. (Throughput alone, which only a training finds out about, is probed in
/// `learn/tests/probes.rs`.)
#[test]
fn a_reward_that_pays_for_alarms_fails_its_check() {
    let project = projects().join("condition-monitoring");
    let mut arguments = vec!["check", text(&project)];
    for paid in ["reward.alarms=1", "reward.downtime=0", "reward.false_alarms=0", "reward.breakdowns=0"] {
        arguments.extend(["--set", paid]);
    }
    let output = setpoint(&arguments);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("\"crying wolf does not pay\" does not hold, the reward prefers raise_alarm"),
        "{said}"
    );
}

/// Whether the workers' Python can make an environment; says so where it cannot.
fn gymnasium_makes(id: &str) -> bool {
    let python = std::env::var("SETPOINT_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let there = std::process::Command::new(&python)
        .args(["-c", &format!("import gymnasium; gymnasium.make('{id}')")])
        .stderr(std::process::Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !there {
        println!("skipped: {python} cannot make {id} (SETPOINT_PYTHON names another Python)");
    }
    there
}

#[test]
fn a_new_project_on_an_environment_of_gymnasium_knows_its_spaces() {
    let root = tempfile::tempdir().unwrap();
    let project = root.path().join("pole");
    let refused = setpoint(&["new", text(&project), "--process", "gymnasium"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("--id LunarLander-v3"), "{}", stderr(&refused));
    let elsewhere = setpoint(&["new", text(&project), "--process", "pendulum", "--id", "CartPole-v1"]);
    assert!(stderr(&elsewhere).contains("--id belongs to --process gymnasium"), "{}", stderr(&elsewhere));
    if !gymnasium_makes("CartPole-v1") {
        return;
    }
    let made = setpoint(&["new", text(&project), "--process", "gymnasium", "--id", "CartPole-v1"]);
    assert_eq!(made.status.code(), Some(0), "{}", stderr(&made));
    let output = setpoint(&["check", text(&project), "--json"]);
    let document = json(&output);
    assert_eq!(document["spec"]["max_steps"], 500, "{}", stderr(&output));
    let findings = document["findings"].as_array().unwrap();
    let failed = findings.iter().filter(|finding| finding["passed"] == false);
    assert_eq!(failed.count(), 5, "only the charter is not answered: {findings:?}");
}

/// The check finds a reward that prefers forbidden behaviour before any training; the corrected reward passes.
#[test]
fn a_reward_that_prefers_the_wrong_thing_fails_the_check() {
    let project = projects().join("assembly-line");
    let wrong = [
        "check",
        text(&project),
        "--json",
        "--set",
        "reward.throughput_uph=0",
        "--set",
        "reward.micro_stops=4",
        "--set",
        "reward.on_terminated=0",
    ];
    let output = setpoint(&wrong);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let failed = |document: &Value| -> Vec<String> {
        let findings = document["findings"].as_array().unwrap().iter();
        let failed = findings.filter(|finding| finding["passed"] == false);
        failed.map(|finding| finding["message"].as_str().unwrap().to_owned()).collect()
    };
    let failed_then = failed(&json(&output));
    assert_eq!(failed_then.len(), 2, "both reward tests of the project: {failed_then:?}");
    assert!(
        failed_then[0].contains("\"speeding does not pay\" does not hold, the reward prefers increase_speed")
    );
    assert!(failed_then[1].contains("\"watching does not pay\" does not hold, the reward prefers no_action"));
    assert!(failed_then[1].contains("micro_stops −"), "the message names each term's share: {failed_then:?}");
    let right = setpoint(&["check", text(&project), "--json"]);
    assert_eq!((right.status.code(), failed(&json(&right))), (Some(0), Vec::new()));
}

/// Needs the packages that the project's first lines name; skips with a message without them.
#[test]
fn the_lunar_lander_passes_its_checks_and_learns_a_little() {
    if !gymnasium_makes("LunarLander-v3") {
        return;
    }
    let project = projects().join("lunar-lander");
    let output = setpoint(&["check", text(&project), "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
    let document = json(&output);
    assert_eq!(document["spec"]["max_steps"], 1000);
    assert!(document["findings"].to_string().contains("begins new episodes"), "{document}");
    let root = tempfile::tempdir().unwrap();
    let run = root.path().join("run");
    let train = |more: &[&str]| {
        let mut arguments =
            vec!["train", text(&project), "--json", "--steps", "4096", "--run-dir", text(&run)];
        arguments.extend(["--set", "train.ppo.n_steps=64", "--set", "train.checkpoint_every_updates=1"]);
        arguments.extend(more);
        let output = setpoint(&arguments);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert_eq!(json(&output)["training"]["steps"], 4096);
    };
    train(&[]);
    // As if it had been killed before the last checkpoint; continues with a longer timeout.
    let checkpoints = std::fs::read_dir(run.join("checkpoints")).unwrap();
    let newest = checkpoints.map(|entry| entry.unwrap().path()).max().unwrap();
    std::fs::remove_file(newest).unwrap();
    train(&["--resume", "--set", "process.timeout_s=90", "--set", "process.workers=1"]);
    // The run's folder is enough to evaluate it.
    let output = setpoint(&["eval", text(&run), "--json"]);
    assert!(matches!(output.status.code(), Some(0 | 1)), "{}", stderr(&output));
}

#[test]
fn bad_input_exits_2_with_one_error_document() {
    let project = projects().join("assembly-line");
    for (arguments, expected) in [
        (vec!["check", "/nowhere"], "cannot read the project file"),
        (vec!["check", text(&project), "--set", "train.ppo.gama=0.9"], "unknown key `gama` in [train.ppo]"),
        (
            vec!["check", text(&project), "--set", "train.ppo.gamma=1.5"],
            "`gamma` of [train.ppo] cannot be 1.5",
        ),
        (vec!["check", text(&project), "--set", "train.ppo.batch_size=100000"], "larger than the rollout"),
        (vec!["check", text(&project), "--set", "train.ppo.learning_rate=linear_x"], "is not a schedule"),
        (
            vec!["check", text(&project), "--set", "process.kind=assembly-lin"],
            "there is no process `assembly-lin`",
        ),
        (vec!["check", text(&project), "--set", "process.stations=6"], "unknown key `stations`"),
        (vec!["list", "processes", "assembly"], "there is no process `assembly`"),
        (vec!["list", "processes", "gymnasium"], "depend on the environment that a project names"),
        (vec!["new", "/nowhere/lander", "--process", "gymnasium"], "`gymnasium` needs an environment"),
        (vec!["list", "algorithms", "pop"], "there is no algorithm `pop`; did you mean `ppo`?"),
        (
            vec!["compare", text(&project), "--algorithms", "ppo,td3"],
            "td3 cannot be compared here: td3 learns settings; this process has choices",
        ),
        (vec!["eval", text(&project), "--runs", "/nowhere"], "has no run"),
    ] {
        let output = setpoint(&[&["--json"], arguments.as_slice()].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let document = json(&output);
        assert_eq!(document["status"], 2);
        let message = document["error"]["message"].as_str().unwrap();
        assert!(message.contains(expected), "{arguments:?}: {message}");
    }
    assert_eq!(setpoint(&["frobnicate"]).status.code(), Some(2));
}

#[test]
fn every_command_prints_one_json_document() {
    let root = tempfile::tempdir().unwrap();
    let run = trained(root.path());
    let line = projects().join("assembly-line");
    for arguments in [
        vec!["list", "processes"],
        vec!["list", "algorithms"],
        vec!["list", "algorithms", "sac"],
        vec!["eval", &run, "--episodes", "20", "--seeds", "2"],
        vec!["recommend", &run, "--scenario", "B"],
        vec!["recommend", &run, "--all-scenarios"],
        vec!["recommend", &run, "--set", "wip=30parts", "--set", "failure_prob=0.05"],
        vec!["recommend", &run, "--state", "{\"wip\": 0.75}", "--assume-reference"],
        vec!["report", &run],
        vec!["check", text(&line), "--probe", "--probe-steps", "4000"],
    ] {
        let output = setpoint(&[&["--json"], arguments.as_slice()].concat());
        // A training this short may miss the gate; the evaluation itself works.
        assert!(matches!(output.status.code(), Some(0 | 1)), "{arguments:?}: {}", stderr(&output));
        assert_eq!(json(&output)["command"].as_str().unwrap().split(' ').next(), Some(arguments[0]));
    }
    let output = setpoint(&["--json", "eval", &run, "--episodes", "20", "--seeds", "3"]);
    let evaluation = json(&output)["evaluation"].clone();
    assert_eq!(evaluation["policy"]["reward_per_step_by_seed"].as_array().unwrap().len(), 3);
    assert_eq!(evaluation["policy"]["signals"][0]["unit"], "1/h");
    assert_eq!(evaluation["baselines"].as_array().unwrap().len(), 2);
}

#[test]
fn a_diagnosis_needs_some_log_lines_and_names_what_it_sees() {
    let root = tempfile::tempdir().unwrap();
    let few = setpoint(&["diagnose", &trained(root.path())]);
    assert_eq!(few.status.code(), Some(2));
    assert!(stderr(&few).contains("4 log lines, too few to tell"), "{}", stderr(&few));
    let run = root.path().join("broken");
    let project = projects().join("assembly-line");
    let mut train = vec!["train", text(&project), "--steps", "16384", "--run-dir", text(&run)];
    for forgetful in ["train.ppo.n_steps=128", "train.ppo.gamma=0.5", "decision.reward_delay=\"50 steps\""] {
        train.extend(["--set", forgetful]);
    }
    assert_eq!(setpoint(&train).status.code(), Some(0));
    let output = setpoint(&["diagnose", text(&run), "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let symptoms = json(&output)["symptoms"].to_string();
    assert!(symptoms.contains("discount too short") && symptoms.contains("gamma = 0.98"), "{symptoms}");
}

#[test]
fn recommend_honours_constraints_and_refuses_impossible_states() {
    let root = tempfile::tempdir().unwrap();
    let run = trained(root.path());
    let output = setpoint(&["--json", "recommend", &run, "--set", "failure_prob=0.19"]);
    let recommendation = json(&output)["recommendations"][0]["recommendation"].clone();
    let actions = recommendation["actions"].as_array().unwrap();
    let speed = actions.iter().find(|action| action["name"] == "increase_speed").unwrap();
    assert_eq!((speed["allowed"].as_bool(), speed["probability"].as_f64()), (Some(false), Some(0.0)));
    let sum: f64 = actions.iter().map(|action| action["probability"].as_f64().unwrap()).sum();
    assert!((sum - 1.0).abs() < 1e-6);
    assert_eq!(recommendation["active_constraints"].as_array().unwrap().len(), 1);
    for (state, expected) in [
        ("wip=41parts", "cannot be"),
        ("wip=1.2", "expected 0 to 1"),
        ("wpi=0.3", "did you mean `wip`?"),
        ("wip=many", "expected a number"),
    ] {
        let output = setpoint(&["recommend", &run, "--set", state]);
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains(expected), "{state}: {}", stderr(&output));
    }
    assert!(stderr(&setpoint(&["recommend", &run, "--scenario", "Z"])).contains("scenarios: A, B, C"));

    // The command takes the choices that the process forbids; without any choice left it has nothing to recommend.
    let all = ["reassign_operator", "decrease_speed", "quick_maintenance", "redirect_flow"];
    let impossible = |names: &[&str]| {
        let mut arguments = ["--json", "recommend", &run, "--assume-reference"].map(str::to_owned).to_vec();
        arguments.extend(names.iter().flat_map(|name| ["--impossible".to_owned(), (*name).to_owned()]));
        setpoint(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let actions = json(&impossible(&all))["recommendations"][0]["recommendation"]["actions"].clone();
    assert_eq!(
        (actions[0]["name"].as_str(), actions[0]["probability"].as_f64()),
        (Some("no_action"), Some(1.0))
    );
    // `increase_speed` is forbidden, for the constraint's value is unknown.
    let nothing = impossible(&[&all[..], &["no_action"]].concat());
    assert_eq!(nothing.status.code(), Some(2));
    for part in ["no choice is left", "their value is unknown: forbid increase_speed"] {
        assert!(stderr(&nothing).contains(part), "{}", stderr(&nothing));
    }
    assert!(stderr(&impossible(&["no_acton"])).contains("did you mean `no_action`?"));
}

#[test]
fn several_seeds_are_reported_as_a_distribution() {
    let root = tempfile::tempdir().unwrap();
    let run = root.path().join("seeds");
    let project = projects().join("assembly-line-reinforce");
    let output = setpoint(&[
        "--json",
        "run",
        text(&project),
        "--seeds",
        "3",
        "--seed",
        "5",
        "--run-dir",
        text(&run),
        "--set",
        "train.total_episodes=20",
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let seeds = json(&output)["seeds"].clone();
    assert_eq!(seeds["runs"].as_array().unwrap().len(), 3);
    assert_eq!(seeds["reward_per_step"]["n"], 3);
    assert_eq!(seeds["runs"][2]["seed"], 7);
    let page = std::fs::read_to_string(run.join("report.html")).unwrap();
    assert!(page.contains("Over 3 seeds") && page.contains("one seed (42), and a lucky one"));
}

#[test]
fn warnings_do_not_fail_a_check() {
    let project = projects().join("assembly-line");
    let output =
        setpoint(&["check", text(&project), "--steps", "100", "--set", "train.algorithm=ucb1", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).contains("  ! consequences: ") && stderr(&output).contains("with 1 warning"));
    let findings = json(&output)["findings"].clone();
    let warned: Vec<&Value> =
        findings.as_array().unwrap().iter().filter(|finding| finding["warning"] == true).collect();
    assert_eq!((warned.len(), &warned[0]["passed"]), (1, &Value::Bool(true)));
}

#[test]
fn the_list_of_algorithms_fits_a_terminal() {
    let names = setpoint_learn::algorithms::RECIPES.iter().map(|recipe| recipe.name);
    for name in [None].into_iter().chain(names.map(Some)) {
        let arguments: Vec<&str> = ["list", "algorithms"].into_iter().chain(name).collect();
        let listed = String::from_utf8(setpoint(&arguments).stdout).unwrap();
        let longest = listed.lines().map(|line| line.chars().count()).max();
        assert!(longest <= Some(100), "{name:?} has lines of {longest:?} characters:\n{listed}");
    }
}

/// As with a build tool: in a project's folder the commands need no name, neither of the project nor of its newest run.
#[test]
fn in_its_folder_a_project_need_not_be_named() {
    let root = tempfile::tempdir().unwrap();
    std::fs::copy(projects().join("cart-pole/setpoint.toml"), root.path().join("setpoint.toml")).unwrap();
    let here = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_setpoint"));
        command.args(arguments).arg("--json").current_dir(root.path()).output().unwrap()
    };
    for arguments in [
        &["check", "--steps", "100"][..],
        &["train", "--steps", "4096"],
        &["eval", "--episodes", "2"],
        &["diagnose"],
        &["report"],
    ] {
        let output = here(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", stderr(&output));
        assert_eq!(json(&output)["command"], arguments[0]);
    }
    std::fs::remove_file(root.path().join("setpoint.toml")).unwrap();
    for command in ["check", "train", "run", "compare", "validate"] {
        let output = here(&[command]);
        assert_eq!(output.status.code(), Some(2), "{command}");
        let message = json(&output)["error"].to_string();
        assert!(
            message.contains("setpoint.toml") && message.contains("setpoint new"),
            "{command}: {message}"
        );
    }
}

/// A feature without a value is unknown to the constraints: nothing is recommended behind their back.
#[test]
fn a_state_without_the_value_of_a_constraint_needs_consent() {
    let root = tempfile::tempdir().unwrap();
    let run = trained(root.path());
    let refused = setpoint(&["recommend", &run, "--set", "wip=0.5"]);
    assert_eq!(refused.status.code(), Some(2));
    for part in
        ["the constraints read failure_prob, which has no value", "--set failure_prob=", "--assume-reference"]
    {
        assert!(stderr(&refused).contains(part), "{}", stderr(&refused));
    }
    let assumed = setpoint(&["recommend", &run, "--set", "wip=0.5", "--assume-reference"]);
    let shown = stdout(&assumed);
    let line = shown.lines().find(|line| line.starts_with("  no value was given for")).unwrap();
    assert!(line.contains("failure_prob") && !line.contains("wip"), "{line}");
    assert!(shown.contains("when failure_prob > 0.18 (its value is unknown)"), "{shown}");
    let document = json(&setpoint(&["--json", "recommend", &run, "--set", "wip=0.5", "--assume-reference"]));
    let answer = &document["recommendations"][0];
    let names: Vec<&str> =
        answer["assumed"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    assert!(names.contains(&"failure_prob") && !names.contains(&"wip"), "{names:?}");
    let recommendation = &answer["recommendation"];
    assert_eq!(recommendation["unknown_constraints"], recommendation["active_constraints"]);
    // A scenario is a whole state.
    assert!(!stdout(&setpoint(&["recommend", &run, "--scenario", "B"])).contains("no value was given"));
}

#[test]
fn a_policy_file_is_taken_for_its_run_and_decides_alone_elsewhere() {
    let root = tempfile::tempdir().unwrap();
    let run = trained(root.path());
    let file = PathBuf::from(&run).join("policy.safetensors");
    assert_eq!(json(&setpoint(&["--json", "recommend", text(&file), "--scenario", "B"]))["run"], run);
    assert_eq!(json(&setpoint(&["--json", "eval", text(&file), "--episodes", "3"]))["run"], run);
    let elsewhere = root.path().join("a policy.safetensors");
    std::fs::copy(&file, &elsewhere).unwrap();
    let alone = json(&setpoint(&["--json", "recommend", text(&elsewhere), "--set", "failure_prob=0.1"]));
    assert_eq!(alone["policy"], text(&elsewhere));
    assert_eq!(alone.get("source"), Some(&Value::Null));
    let shown = stdout(&setpoint(&["recommend", text(&elsewhere), "--set", "failure_prob=0.1"]));
    let caution = "the constraints are those of its training, and were not compared with a project";
    assert!(shown.contains(caution), "{shown}");
    assert!(alone["recommendations"][0]["recommendation"]["actions"].as_array().unwrap().len() > 1);
    let eval = setpoint(&["eval", text(&elsewhere)]);
    assert_eq!(eval.status.code(), Some(2));
    let command = format!("setpoint-edge eval --policy '{}' PROJECT", elsewhere.display());
    assert!(
        stderr(&eval).contains("outside of its run") && stderr(&eval).contains(&command),
        "{}",
        stderr(&eval)
    );
}

#[test]
fn a_new_project_with_a_blank_in_its_name_shows_commands_to_paste() {
    let root = tempfile::tempdir().unwrap();
    let name = root.path().join("my \"line\"");
    let shown = stdout(&setpoint(&["new", text(&name), "--process", "cart-pole"]));
    assert!(shown.contains(&format!("`setpoint check '{}'`", name.display())), "{shown}");
    assert_eq!(setpoint(&["check", text(&name)]).status.code(), Some(1), "five questions are open");
}

#[test]
fn steps_that_become_more_are_announced() {
    let root = tempfile::tempdir().unwrap();
    let train = |steps: &str, run: &str| {
        let (project, run) = (projects().join("assembly-setup"), root.path().join(run));
        let output =
            setpoint(&["train", text(&project), "--steps", steps, "--plain", "--run-dir", text(&run)]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        stdout(&output)
    };
    // The project has rollouts of 4 × 2048 steps.
    let shown = train("9000", "more");
    assert!(shown.contains("! 9,000 steps become 16,384: ppo learns from complete rollouts"), "{shown}");
    assert!(!train("8192", "even").contains("become"));
}
