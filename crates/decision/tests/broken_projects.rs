//! Broken project files and the exact error of each: `broken/NAME.toml` with its `NAME.stderr`. A first line `# set:
//! key=value` gives an override. Run with UPDATE_EXPECT=1 to write the current errors, then read them.

use std::path::{Path, PathBuf};

use setpoint_decision::Project;
use setpoint_decision::spec::{
    ActionSpace, Aggregate, Axis, Choice, Feature, Parameter, Signal, Spec, Termination,
};

fn features() -> Vec<Feature> {
    let feature = |(name, unit, scale, offset): (String, &str, f32, f32)| Feature {
        name,
        unit: unit.into(),
        description: String::new(),
        low: 0.0,
        high: 1.0,
        scale,
        offset,
        reference: 0.5,
    };
    let mut features: Vec<(String, &str, f32, f32)> =
        (1..=6).map(|station| (format!("ct_{station}"), "s", 25.0, 20.0)).collect();
    for (name, unit, scale) in [
        ("wip", "parts", 40.0),
        ("speed", "1", 1.2),
        ("failure_prob", "1", 1.0),
        ("micro_stops", "stops", 15.0),
        ("operator_efficiency", "1", 1.0),
    ] {
        features.push((name.into(), unit, scale, 0.0));
    }
    features.into_iter().map(feature).collect()
}

/// The assembly line's names, units and bounds.
fn spec() -> Spec {
    let choice = |name: &str| Choice { name: name.into(), description: String::new() };
    let signal = |(name, unit): (&str, &str)| Signal {
        name: name.into(),
        unit: unit.into(),
        description: String::new(),
        low: 0.0,
        high: 216.0,
        aggregate: Aggregate::Mean,
    };
    Spec {
        kind: "assembly-line".into(),
        summary: String::new(),
        source: String::new(),
        observation: features(),
        hidden: Vec::new(),
        tensors: Vec::new(),
        masked: false,
        deterministic: false,
        action: ActionSpace::one_of(
            [
                "reassign_operator",
                "increase_speed",
                "decrease_speed",
                "quick_maintenance",
                "redirect_flow",
                "no_action",
            ]
            .map(choice)
            .to_vec(),
        ),
        signals: [
            ("throughput_uph", "1/h"),
            ("micro_stops", "stops"),
            ("wip", "parts"),
            ("failure_prob", "1"),
        ]
        .map(signal)
        .to_vec(),
        termination: Termination::Failure,
        max_steps: Some(100),
        reward: vec![],
        on_terminated: 0.0,
        on_truncated: 0.0,
        notes: vec![],
        heuristics: vec!["line-manager".into()],
        parameters: vec![Parameter {
            name: "efficiency_gain".into(),
            unit: "1".into(),
            description: "greatest gain in efficiency by a reassignment of operators".into(),
            default: 0.05,
            low: 0.0,
            high: 0.4,
        }],
    }
}

fn read(text: &str) -> Result<Project, String> {
    let overrides: Vec<String> = text
        .lines()
        .next()
        .and_then(|line| line.strip_prefix("# set: "))
        .map(str::to_owned)
        .into_iter()
        .collect();
    let project = Project::from_text("setpoint.toml", text, &overrides).map_err(|error| error.to_string())?;
    project.bind(&spec()).map_err(|error| error.to_string())?;
    Ok(project)
}

#[test]
fn each_broken_file_gives_its_exact_error() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    assert!(files.len() >= 25, "the suite has {} files", files.len());
    let mut wrong = Vec::new();
    for file in files {
        let found = match read(&std::fs::read_to_string(&file).unwrap()) {
            Ok(_) => "(accepted)".to_owned(),
            Err(error) => error,
        };
        let expected_file = file.with_extension("stderr");
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(&expected_file, format!("{found}\n")).unwrap();
        }
        let expected = std::fs::read_to_string(&expected_file).unwrap_or_default();
        if expected.trim_end() != found.trim_end() || found == "(accepted)" {
            wrong.push(format!("{}:\n{found}\n-- expected:\n{expected}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// An evaluation leaves out a heuristic that the process does not have; a reward test cannot be left out.
#[test]
fn a_preference_for_a_heuristic_needs_one() {
    let text = "[process]\nkind = \"assembly-line\"\n[reward]\nwip = -1\n[[scenario]]\nname = \"A\"\n\
                prefer = { policy = \"heuristic\" }\nover = { policy = \"random\" }\n";
    let project = Project::from_text("setpoint.toml", text, &[]).unwrap();
    assert!(project.bind(&spec()).is_ok());
    let without = Spec { heuristics: vec![], ..spec() };
    let error = project.bind(&without).unwrap_err().to_string();
    assert!(error.contains("has no baseline `heuristic`") && error.contains("random"), "{error}");
}

#[test]
fn settings_need_bounds_that_are_bounds() {
    let text = "[process]\nkind = \"kiln\"\n[reward]\nwip = -1\n";
    let project = Project::from_text("setpoint.toml", text, &[]).unwrap();
    let with = |low: f32, high: f32| {
        let axes = vec![Axis::new("draft", "Pa", 0.0, 1.0, ""), Axis::new("heat", "W", low, high, "")];
        project.bind(&Spec { action: ActionSpace::settings(axes), ..spec() })
    };
    assert!(with(-9e29, 9e29).is_ok());
    for (low, high) in [(f32::MIN, f32::MAX), (0.0, 1e30), (f32::NEG_INFINITY, 0.0), (0.0, f32::NAN)] {
        let error = with(low, high).unwrap_err().to_string();
        assert!(error.contains("the setting `heat` of process assembly-line has no bounds"), "{error}");
        assert!(error.contains("setpoint.toml:2"), "{error}");
    }
}

const WHOLE: &str = include_str!("../../../projects/assembly-line/setpoint.toml");

#[test]
fn a_resolved_file_reads_back_as_the_same_project() {
    let others = ["assembly-setup", "assembly-line-reinforce", "assembly-line-robust"].map(|name| {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../projects").join(name).join("setpoint.toml");
        std::fs::read_to_string(path).unwrap()
    });
    let minimal = "[process]\nkind = \"assembly-line\"\n[reward]\nwip = -1\n".to_owned();
    let rest = "[[disturbance]]\nkind = \"actuation-delay\"\nsteps = 2\nidle = \"no_action\"\n[[disturbance]]\nkind = \"drift\"\n\
                per_step = 0.1\nunit = \"natural\"\nfeatures = [\"wip\"]\n[[disturbance]]\nkind = \"quantisation\"\nstep = 0.1\n\
                [[disturbance]]\nkind = \"randomisation\"\nparameter = \"x\"\ndistribution = \"normal\"\nmean = 1\nsd = 2\n\
                [evaluate]\ndisturbed = false\n";
    let rest = format!("{minimal}{rest}");
    for text in others.into_iter().chain([WHOLE.to_owned(), minimal, rest]) {
        let project = Project::from_text("setpoint.toml", &text, &[]).unwrap();
        let resolved = toml::to_string_pretty(&project.to_toml()).unwrap();
        let again = Project::from_text("resolved", &resolved, &[]).unwrap();
        assert_eq!(toml::to_string_pretty(&again.to_toml()).unwrap(), resolved);
        assert_eq!(
            (&again.charter, &again.reward, &again.constraints),
            (&project.charter, &project.reward, &project.constraints)
        );
        assert_eq!((&again.scenarios, &again.train), (&project.scenarios, &project.train));
        assert_eq!((&again.preferences, &again.safety), (&project.preferences, &project.safety));
        assert_eq!((&again.disturbances, &again.curriculum), (&project.disturbances, &project.curriculum));
        assert_eq!(again.evaluation_level(), project.evaluation_level());
        assert_eq!(again.evaluate.against(), project.evaluate.against());
    }
}

#[test]
fn overrides_lie_over_the_file_and_over_each_other() {
    let overrides =
        ["train.seed=7", "reward.wip=-3", "train.algorithm=reinforce", "train.seed=8"].map(String::from);
    let project = Project::from_text("setpoint.toml", WHOLE, &overrides).unwrap();
    assert_eq!((project.train.seed, project.train.algorithm.as_str()), (8, "reinforce"));
    assert_eq!(project.reward.terms.iter().find(|(name, _)| name == "wip"), Some(&("wip".to_owned(), -3.0)));
    assert_eq!(project.reward.terms.len(), 4);
}

#[test]
fn the_charter_is_judged() {
    let failed = |overrides: &[&str], text: &str| -> Vec<String> {
        let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
        let project = Project::from_text("setpoint.toml", text, &overrides).unwrap();
        let findings = project.check_charter(&spec());
        findings.into_iter().filter(|finding| !finding.passed).map(|finding| finding.subject).collect()
    };
    assert_eq!(failed(&[], WHOLE), Vec::<String>::new());
    assert_eq!(failed(&[], "[process]\nkind = \"x\"\n[reward]\nwip = 1\n").len(), 5);
    let (start, end) = (WHOLE.find("[[constraint]]").unwrap(), WHOLE.find("[[scenario]]").unwrap());
    let without_constraint = format!("{}{}", &WHOLE[..start], &WHOLE[end..]);
    assert_eq!(failed(&["decision.mode=automatic"], &without_constraint), ["automatic mode"]);
    assert_eq!(failed(&["decision.mode=automatic"], WHOLE), Vec::<String>::new());
    assert_eq!(failed(&["decision.reward_delay=\"101 steps\""], WHOLE), ["reward delay"]);
    assert_eq!(failed(&["decision.reward_delay=\"100 steps\""], WHOLE), Vec::<String>::new());
}

/// 5,000 damaged copies of a whole file: each is read or refused with a message, without a panic.
#[test]
fn hostile_text_is_read_or_refused() {
    let mut state = 88_172_645_463_325_252_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize
    };
    for _ in 0..5_000 {
        let mut bytes = WHOLE.as_bytes().to_vec();
        for _ in 0..1 + random() % 4 {
            let position = random() % bytes.len();
            match random() % 3 {
                0 => bytes[position] = b"\"[]{}=.#\n'019eE_-\\"[random() % 18],
                1 => drop(bytes.drain(position..(position + random() % 30).min(bytes.len()))),
                _ => bytes.insert(position, random() as u8 & 0x7F),
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        if let Err(message) = read(&text) {
            assert!(message.starts_with("error"), "{message}");
        }
    }
}
