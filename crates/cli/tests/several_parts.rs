//! A decision of two choices and a setting on the command line: from `new` to the report, with constraints, scenarios, a log,
//! a clone of it, a learned process and a validation.

use std::path::Path;

use binary::{done_in as done, json, refused_in as refused, setpoint_in as setpoint};

mod binary;

const SMALL: [&str; 4] = ["--set", "train.total_steps=9216", "--set", "evaluate.episodes=20"];

/// A project that `new` has written, with two constraints, scenarios, and little training.
fn new_project(root: &Path) {
    done(root, &["new", "line", "--process", "filler"]);
    let file = root.join("line/setpoint.toml");
    let written = std::fs::read_to_string(&file).unwrap();
    let rules = "
[[constraint]]
when   = { feature = \"thickness\", below = 0.5 }
forbid = [\"wide\"]

[[constraint]]
when = { feature = \"thickness\", above = 2.7 }
clip = { action = \"speed\", high = 220 }

[[scenario]]
name = \"water\"
set  = { thickness = 0.05, deposit = 0.5, wide_nozzles = 1.0 }

[[scenario]]
name = \"syrup\"
set  = { thickness = 0.99, deposit = 0.1, wide_nozzles = 0.0 }

[[scenario]]
name     = \"cleaning costs time\"
prefer   = { policy = \"recipe\" }
over     = { choices = { cleaning = \"clean\" }, settings = { speed = 150 } }
episodes = 20
";
    std::fs::write(&file, written + rules).unwrap();
}

#[test]
fn a_decision_of_two_choices_and_a_setting_runs_from_new_to_the_report() {
    let root = tempfile::tempdir().unwrap();
    new_project(root.path());
    // The charter of a new project is not answered, so the check as a whole does not pass.
    let checked = setpoint(root.path(), &["check", "line"]);
    let checked = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(checked.contains("3 features, 2 groups of 4 choices and 1 setting, 5 signals"), "{checked}");
    assert!(checked.contains("the reward of recipe is"), "{checked}");
    done(root.path(), &[&["train", "line", "--run-dir", "run"][..], &SMALL].concat());
    let evaluated = done(root.path(), &["eval", "run", "--episodes", "20"]);
    for part in ["narrow", "wide", "keep", "clean", "speed"] {
        assert!(evaluated.contains(part), "{part}: {evaluated}");
    }

    // The constraints hold in the recommendation, each for its part.
    let asked = setpoint(root.path(), &["recommend", "run", "--all-scenarios", "--json"]);
    let answers = json(&asked);
    let answers = answers["recommendations"].as_array().unwrap();
    let actions = answers[0]["recommendation"]["actions"].as_array().unwrap();
    let of_group = |group: &str| -> Vec<&str> {
        let own = actions.iter().filter(|action| action["group"] == group);
        own.map(|action| action["name"].as_str().unwrap()).collect()
    };
    assert_eq!(of_group("nozzle"), ["narrow", "wide"], "wide is forbidden with water");
    assert_eq!(of_group("cleaning").len(), 2);
    let speed = &answers[1]["recommendation"]["settings"][0];
    assert!(speed["name"] == "speed" && speed["value"].as_f64().unwrap() <= 220.0, "{speed}");
    let shown = done(root.path(), &["recommend", "run", "--scenario", "water"]);
    assert!(shown.contains("nozzle") && shown.contains("forbidden"), "{shown}");
    let shown = done(root.path(), &["recommend", "run", "--scenario", "syrup"]);
    assert!(shown.contains("what drives this setting"), "{shown}");

    done(
        root.path(),
        &["faults", "run", "--noise", "0,0.1", "--delay", "0", "--dropout", "0", "--episodes", "5"],
    );
    done(root.path(), &["report", "run"]);
    let page = std::fs::read_to_string(root.path().join("run/report.html")).unwrap();
    for words in ["nozzle", "cleaning", "speed", "narrow", "recipe"] {
        assert!(page.contains(words), "{words}");
    }
}

/// Writes a log in which thick products are filled slowly with wide nozzles.
fn log(path: &Path) {
    let mut text = "Order,Step,Product,Soil,Wide,NozzleSet,CIP,Speed,Good,Bad,Gain\n".to_owned();
    let mut state = 7_u64;
    let mut unit = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / (1_u64 << 31) as f64
    };
    for order in 0..30 {
        let (mut soil, mut wide) = (0.1, 0);
        let mut product = unit();
        for step in 0..40 {
            let (nozzle, clean) = (if product > 0.6 { "wide" } else { "narrow" }, soil > 0.5);
            let speed = if product > 0.6 { 90.0 } else { 160.0 } + 20.0 * unit();
            let good = (speed * if clean { 4.8 } else { 9.6 }).round();
            let cip = if clean { "yes" } else { "no" };
            text += &format!(
                "{order},{step},{product:.4},{soil:.4},{wide},{nozzle},{cip},{speed:.1},{good},{:.0},{:.4}\n",
                good * 0.03,
                good * 0.0009
            );
            soil = if clean { 0.05 } else { soil + 0.04 };
            wide = i32::from(nozzle == "wide");
            if unit() < 0.1 {
                product = unit();
            }
        }
    }
    std::fs::write(path, text).unwrap();
}

const DATA: &str = "
[data]
file    = \"line.csv\"
episode = \"Order\"
time    = \"Step\"
reward  = \"Gain\"

[data.action]
nozzle   = \"NozzleSet\"
cleaning = \"CIP\"
speed    = \"Speed\"

[data.actions]
yes = \"clean\"
no  = \"keep\"

[data.features]
thickness    = \"Product\"
deposit      = \"Soil\"
wide_nozzles = \"Wide\"

[data.signals]
good_bottles = \"Good\"
rejects      = \"Bad\"
";

#[test]
fn a_log_of_two_choices_and_a_setting_is_validated_cloned_and_learned() {
    let root = tempfile::tempdir().unwrap();
    let line = root.path().join("line");
    std::fs::create_dir(&line).unwrap();
    log(&line.join("line.csv"));
    let project = |train: &str| {
        format!(
            "[process]\nkind = \"filler\"\n[reward]\ngood_bottles = 0.001\nrejects = -0.003\n{DATA}\n[train]\n{train}\n\
             [evaluate]\nepisodes = 10\nbaselines = [\"random\", \"recipe\"]\n"
        )
    };
    let write = |text: &str| std::fs::write(line.join("setpoint.toml"), text).unwrap();
    write(&project(
        "algorithm = \"bc\"\ntotal_steps = 60000\n[train.bc]\nlog = \"line.csv\"\nnet_arch = [32]",
    ));
    // The simulator differs from this plant, and validate says so for each part of an action.
    let validated = setpoint(root.path(), &["validate", "line", "--json"]);
    let found = json(&validated).to_string();
    assert!(found.contains("narrow") && found.contains("speed middle"), "{found}");

    done(root.path(), &["train", "line", "--run-dir", "clone"]);
    let asked = setpoint(
        root.path(),
        &[
            "recommend",
            "clone",
            "--state",
            "{\"thickness\": 0.9, \"deposit\": 0.8, \"wide_nozzles\": 1}",
            "--json",
        ],
    );
    let answer = json(&asked)["recommendations"][0]["recommendation"].clone();
    let first = |group: &str| {
        let actions = answer["actions"].as_array().unwrap();
        actions.iter().find(|action| action["group"] == group).unwrap()["name"].clone()
    };
    assert_eq!((first("nozzle"), first("cleaning")), ("wide".into(), "clean".into()), "{answer}");
    let speed = answer["settings"][0]["value"].as_f64().unwrap();
    assert!((80.0..130.0).contains(&speed), "the log has 90 to 110 of thick products: {speed}");

    // A process that is learned from the log has the same actions.
    let learned = project("algorithm = \"ppo\"\ntotal_steps = 2048\n[train.ppo]\nn_envs = 4\nn_steps = 128")
        .replace(
            "kind = \"filler\"",
            "kind = \"learned\"\nlike = \"filler\"\nlog = \"line.csv\"\nmax_steps = 20",
        );
    write(&learned);
    done(root.path(), &["train", "line", "--run-dir", "of-the-log"]);
    done(root.path(), &["eval", "of-the-log", "--episodes", "10"]);
}

#[test]
fn a_log_and_a_scenario_say_which_part_is_missing() {
    let root = tempfile::tempdir().unwrap();
    let line = root.path().join("line");
    std::fs::create_dir(&line).unwrap();
    let start = "[process]\nkind = \"filler\"\n[reward]\ngood_bottles = 1\n";
    for (more, words) in [
        ("[data]\naction = \"A\"\n", vec!["more than one choice or setting", "action = { nozzle"]),
        ("[data.action]\nnozle = \"N\"\n", vec!["no action `nozle`", "nozzle"]),
        (
            "[[constraint]]\nwhen = { feature = \"deposit\", above = 0.5 }\nforbid = [\"speed\"]\n",
            vec!["no action `speed`"],
        ),
        (
            "[[constraint]]\nwhen = { feature = \"deposit\", above = 0.5 }\nforbid = [\"keep\", \"clean\"]\n",
            vec!["forbids every choice of `cleaning`"],
        ),
        (
            "[[scenario]]\nname = \"a\"\nprefer = { actions = [\"wide\"] }\nover = { policy = \"random\" }\n",
            vec!["more than one choice", "choices = { nozzle"],
        ),
        (
            "[[scenario]]\nname = \"a\"\nprefer = { choices = { nozzle = \"big\" } }\nover = { policy = \"random\" }\n",
            vec!["`nozzle` has no choice `big`"],
        ),
        (
            "[[disturbance]]\nkind = \"actuation-delay\"\nsteps = 1\n",
            vec!["the choice of `nozzle` while no action arrives is not clear"],
        ),
        ("[train]\nalgorithm = \"sac\"\n", vec!["this process has both at once", "use ppo"]),
    ] {
        std::fs::write(line.join("setpoint.toml"), format!("{start}{more}")).unwrap();
        refused(root.path(), &["check", "line"], &words);
    }
    let delayed = "[[disturbance]]\nkind = \"actuation-delay\"\nsteps = 1\nidle = [\"narrow\", \"keep\"]\n";
    std::fs::write(line.join("setpoint.toml"), format!("{start}{delayed}")).unwrap();
    let checked = setpoint(root.path(), &["check", "line"]);
    assert!(String::from_utf8_lossy(&checked.stdout).contains("✓ disturbances: actuation-delay"));
}
