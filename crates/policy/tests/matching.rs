//! A policy is matched to a process by names, units and bounds; a person may reword every description.

mod sample;

use setpoint_decision::constraint::{Condition, Constraint, Effect, Subject};
use setpoint_decision::spec::{ActionSpace, Axis, Feature, Signal, Spec, TensorForm};
use setpoint_policy::Policy;
use setpoint_policy::stored_spaces::StoredAction;

fn policy(name: &str) -> Policy {
    sample::policies().into_iter().find(|(found, _)| *found == name).unwrap().1
}

/// The process that a policy was trained for.
fn spec(policy: &Policy) -> Spec {
    let manifest = &policy.manifest;
    Spec {
        kind: manifest.process.clone(),
        observation: manifest.observation.clone(),
        tensors: manifest.tensors.clone(),
        action: manifest.action.clone(),
        signals: manifest.signals.clone(),
        ..Spec::default()
    }
}

fn axes(spec: &mut Spec) -> &mut Vec<Axis> {
    &mut spec.action.axes
}

#[test]
fn a_reworded_process_still_fits() {
    for (_, policy) in sample::policies() {
        let mut spec = spec(&policy);
        assert_eq!(policy.mismatch(&spec), None);
        spec.summary = "reworded".into();
        spec.observation.iter_mut().for_each(|feature| feature.description = "reworded".into());
        spec.signals.iter_mut().for_each(|signal| signal.description = "reworded".into());
        spec.tensors.iter_mut().for_each(|part| part.description = "reworded".into());
        let choices = spec.action.groups.iter_mut().flat_map(|group| &mut group.choices);
        choices.for_each(|choice| choice.description = "reworded".into());
        spec.action.axes.iter_mut().for_each(|axis| axis.description = "reworded".into());
        // The ordinary value only affects the drivers of a choice.
        spec.observation.iter_mut().for_each(|feature| feature.reference = 0.5);
        assert_eq!(policy.mismatch(&spec), None);
    }
}

#[test]
fn other_signals_are_no_matter_unless_a_constraint_reads_them() {
    let policy = policy("gaussian");
    let mut wider = spec(&policy);
    wider.signals.insert(0, Signal::new("model_uncertainty", "1", 0.0, 100.0, ""));
    assert_eq!(policy.mismatch(&wider), None);
    let mut fewer = spec(&policy);
    fewer.signals.retain(|signal| signal.name == "throughput");
    assert_eq!(policy.mismatch(&fewer), None);
    fewer.signals.clear();
    let reason = policy.mismatch(&fewer).unwrap();
    assert!(reason.contains("`throughput`") && reason.contains("constraint"), "{reason}");
}

#[test]
fn every_difference_is_named() {
    type Change = fn(&mut Spec);
    let cases: [(&str, Change, &[&str]); 19] = [
        ("tensors", |spec| spec.tensors.truncate(1), &["no tensor part `scan`"]),
        ("tensors", |spec| spec.tensors.swap(0, 1), &["tensor part 1", "`camera`", "`scan`"]),
        (
            "tensors",
            |spec| spec.tensors[0].form = TensorForm::NumberImage { height: 6, width: 5, channels: 2 },
            &["`camera`", "6 × 5 × 2 bytes", "6 × 5 × 2 numbers"],
        ),
        ("categorical", |spec| spec.kind = "press".into(), &["press", "golden-process"]),
        ("categorical", |spec| spec.observation[0].unit = "K".into(), &["`temperature`", "unit °C", "K"]),
        ("categorical", |spec| spec.observation[1].high = 5.0, &["`torque`", "upper bound", "5"]),
        ("categorical", |spec| spec.observation[2].low = -1.0, &["`parts`", "lower bound", "-1"]),
        ("categorical", |spec| spec.observation[2].scale = 2.0, &["`parts`", "scale"]),
        ("categorical", |spec| spec.observation[2].offset = 2.0, &["`parts`", "offset"]),
        ("categorical", |spec| spec.observation[2].name = "pieces".into(), &["no feature `parts`"]),
        (
            "categorical",
            |spec| spec.observation.push(Feature::new("wear", "1", 0.0, 1.0, "")),
            &["has the feature `wear`"],
        ),
        ("categorical", |spec| spec.observation.swap(0, 1), &["feature 1", "`temperature`", "`torque`"]),
        (
            "categorical",
            |spec| {
                let [group] = spec.action.groups.as_mut_slice() else { return };
                let choices = &mut group.choices;
                choices[1].name = "fill".into();
            },
            &["no choice `refill`"],
        ),
        (
            "table",
            |spec| {
                let [group] = spec.action.groups.as_mut_slice() else { return };
                let choices = &mut group.choices;
                choices.swap(1, 2);
            },
            &["choice 2", "`refill`", "`stop`"],
        ),
        ("gaussian", |spec| axes(spec)[0].unit = "m/s".into(), &["setting `feed`", "mm/s", "m/s"]),
        ("gaussian", |spec| axes(spec)[1].high = 9.0, &["setting `pressure`", "upper bound", "9"]),
        ("gaussian", |spec| axes(spec).swap(0, 1), &["setting 1", "`feed`", "`pressure`"]),
        ("gaussian", |spec| spec.signals[0].unit = "1/min".into(), &["signal `throughput`", "1/min"]),
        ("gaussian", |spec| spec.signals[1].high = 2.0, &["signal `stopped`", "upper bound", "2"]),
    ];
    for (name, change, words) in cases {
        let policy = policy(name);
        let mut spec = spec(&policy);
        change(&mut spec);
        let reason = policy.mismatch(&spec).unwrap_or_else(|| panic!("{words:?} fits"));
        for word in words {
            assert!(reason.contains(word), "{word}: {reason}");
        }
    }
    let policy = policy("gaussian");
    let mut spec = spec(&policy);
    spec.action = ActionSpace::choices(&[("hold", "")]);
    assert!(policy.mismatch(&spec).unwrap().contains("settings"));
}

#[test]
fn a_stored_axis_is_rounded_to_a_step_above_0_or_refused() {
    let read = |step: Option<f32>| {
        let axis = Axis { step, ..Axis::new("valve", "mm", -4.0, 4.0, "") };
        ActionSpace::try_from(StoredAction::from(&ActionSpace::settings(vec![axis])))
    };
    for step in [0.0, -0.0, -0.25, f32::INFINITY, f32::NEG_INFINITY, f32::NAN] {
        let reason = format!("action `valve`: step is {step}; a step is finite and above 0");
        assert_eq!(read(Some(step)), Err(reason));
    }
    assert!(read(Some(0.25)).is_ok() && read(None).is_ok());
}

#[test]
fn a_process_that_no_policy_file_can_hold_is_found() {
    let policy = policy("gaussian");
    let manifest = &policy.manifest;
    let good = spec(&policy);
    assert_eq!(Policy::unstorable(&good, &manifest.constraints), None);
    type Change = fn(&mut Spec);
    let cases: [(Change, &str); 6] = [
        (|spec| spec.observation[1].high = f32::INFINITY, "feature `torque`: high is inf"),
        (|spec| spec.observation[0].scale = f32::NAN, "feature `temperature`: scale is NaN"),
        (|spec| axes(spec)[1].low = f32::NEG_INFINITY, "action `pressure`: low is -inf"),
        (|spec| spec.signals[0].high = f32::INFINITY, "signal `throughput`: high is inf"),
        (|spec| axes(spec)[0].step = Some(0.0), "action `feed`: step is 0; a step is finite and above 0"),
        (
            |spec| axes(spec)[1].step = Some(f32::NAN),
            "action `pressure`: step is NaN; a step is finite and above 0",
        ),
    ];
    for (change, words) in cases {
        let mut spec = good.clone();
        change(&mut spec);
        assert_eq!(Policy::unstorable(&spec, &manifest.constraints).as_deref(), Some(words));
    }
    let endless = Constraint {
        when: Condition {
            subject: Subject::Feature("torque".into()),
            above: Some(f64::INFINITY),
            below: None,
        },
        effect: Effect::Clip { action: "feed".into(), low: None, high: Some(1.0) },
    };
    let found = Policy::unstorable(&good, &[endless]).unwrap();
    assert_eq!(found, "a constraint on `torque`: above is inf");
}
