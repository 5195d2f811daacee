use super::*;
use setpoint_decision::constraint::{Condition as When, Subject};
use setpoint_decision::spec::{Aggregate, Axis, Choice};

fn feature(name: &str, scale: f32, offset: f32) -> Feature {
    Feature {
        name: name.into(),
        unit: "1".into(),
        description: String::new(),
        low: 0.0,
        high: 1.0,
        scale,
        offset,
        reference: 0.5,
    }
}

fn signal(name: &str) -> Signal {
    Signal {
        name: name.into(),
        unit: "1".into(),
        description: String::new(),
        low: 0.0,
        high: 1e3,
        aggregate: Aggregate::Mean,
    }
}

fn choices(names: &[&str]) -> ActionSpace {
    let choice = |name: &&str| Choice { name: (*name).into(), description: String::new() };
    ActionSpace::one_of(names.iter().map(choice).collect())
}

fn forbid(subject: Subject, above: Option<f64>, below: Option<f64>, what: &str) -> Constraint {
    Constraint { when: When { subject, above, below }, effect: Effect::Forbid(vec![what.into()]) }
}

#[test]
fn a_signal_shown_by_a_feature_is_read_in_natural_units() {
    let rule = forbid(Subject::Signal("wip".into()), Some(30.0), None, "push");
    let set = ConstraintSet::new(
        &[rule],
        &[feature("wip", 40.0, 0.0)],
        &[signal("wip")],
        &choices(&["push", "wait"]),
    )
    .unwrap();
    let mut allowed = [false; 2];
    set.mask(&[0.75], &[], &mut allowed);
    assert_eq!(allowed, [true, true], "30 parts is not above 30");
    set.mask(&[0.80], &[], &mut allowed);
    assert_eq!(allowed, [false, true]);
}

#[test]
fn an_unknown_signal_and_a_nan_keep_the_guard_closed() {
    let rules = [
        forbid(Subject::Signal("vibration".into()), Some(5.0), None, "push"),
        forbid(Subject::Feature("wip".into()), None, Some(0.0), "wait"),
    ];
    let spaces = choices(&["push", "wait", "stop"]);
    let set =
        ConstraintSet::new(&rules, &[feature("wip", 1.0, 0.0)], &[signal("vibration")], &spaces).unwrap();
    let mut allowed = [false; 3];
    set.mask(&[0.5], &[1.0], &mut allowed);
    assert_eq!(allowed, [true, true, true]);
    set.mask(&[0.5], &[], &mut allowed);
    assert_eq!(allowed, [false, true, true]);
    set.mask(&[f32::NAN], &[f32::NAN], &mut allowed);
    assert_eq!(allowed, [false, false, true]);
}

#[test]
fn a_choice_is_left_if_rules_and_process_allow_it() {
    let rule = forbid(Subject::Signal("vibration".into()), Some(5.0), None, "push");
    let (signals, spaces) = ([signal("vibration")], choices(&["push", "wait", "stop"]));
    let set = ConstraintSet::new(&[rule], &[], &signals, &spaces).unwrap();
    let allow = |process: &[bool]| {
        let mut allowed = [false; 3];
        let nothing_left = set.allow(&[], &[6.0], process, &mut allowed);
        (nothing_left, allowed)
    };
    assert_eq!(allow(&[]), (None, [false, true, true]));
    assert_eq!(allow(&[true, false, true]), (None, [false, false, true]));
    assert_eq!(allow(&[true, false, false]), (Some(NothingLeft::Both), [false; 3]));
    assert_eq!(allow(&[false; 3]), (Some(NothingLeft::Process), [false; 3]));
}

#[test]
fn unknown_names_are_refused() {
    let rule = forbid(Subject::Signal("wpi".into()), Some(1.0), None, "push");
    let error = ConstraintSet::new(&[rule], &[], &[signal("wip")], &choices(&["push"])).unwrap_err();
    assert_eq!(error.name, "wpi");
}

fn clip(name: &str, above: f64, low: Option<f64>, high: Option<f64>) -> Constraint {
    Constraint {
        when: When { subject: Subject::Signal(name.into()), above: Some(above), below: None },
        effect: Effect::Clip { action: "dose".into(), low, high },
    }
}

fn dose(step: Option<f32>) -> ActionSpace {
    ActionSpace::settings(vec![Axis { step, ..Axis::new("dose", "g", 0.0, 9.0, "") }])
}

#[test]
fn of_rules_that_exclude_each_other_the_later_is_broken_and_says_so() {
    let rules = [
        clip("unseen", 5.0, Some(8.0), None),
        clip("wip", 0.5, None, Some(3.0)),
        clip("wip", 0.5, Some(4.0), None),
        clip("wip", 0.9, Some(1.0), Some(2.0)),
    ];
    let signals = [signal("unseen"), signal("wip")];
    let set = ConstraintSet::new(&rules, &[], &signals, &dose(None)).unwrap();
    let standings = |signals: &[f32], dose: f32| {
        let mut action = [dose];
        set.clip(&[], signals, &mut action);
        (
            action[0],
            set.standings(&[], signals, Taken { choices: &[], settings: &action }).collect::<Vec<_>>(),
        )
    };
    use Standing::{Broken, Idle, Kept};
    assert_eq!(standings(&[0.0, 0.7], 6.0), (3.0, vec![Idle, Kept, Broken, Idle]));
    assert_eq!(standings(&[0.0, 1.0], 6.0), (2.0, vec![Idle, Kept, Broken, Kept]));
    // A rule with an unknown value comes last, wherever it stands in the file.
    assert_eq!(standings(&[f32::NAN, 0.7], 6.0), (3.0, vec![Broken, Kept, Broken, Idle]));
    assert_eq!(standings(&[f32::NAN, 0.0], 6.0), (8.0, vec![Kept, Idle, Idle, Idle]));
    assert_eq!(set.unknown(&[], &[f32::NAN, 0.7]).collect::<Vec<_>>(), [true, false, false, false]);
}

#[test]
fn settings_are_rounded_as_the_process_does_and_stay_within_the_rules() {
    let rules = [clip("wip", 0.5, Some(1.5), Some(6.5))];
    let set = ConstraintSet::new(&rules, &[], &[signal("wip")], &dose(Some(1.0))).unwrap();
    let rounded_and_clipped = |wip: f32, dose: f32| {
        let (mut rounded, mut clipped) = ([dose], [dose]);
        set.round(&mut rounded);
        set.clip(&[], &[wip], &mut clipped);
        let mut limited = rounded;
        set.limit(&[], &[wip], &mut limited);
        assert_eq!(limited, clipped, "a limit keeps a rounded setting rounded");
        (rounded[0], clipped[0])
    };
    assert_eq!(rounded_and_clipped(0.0, 7.14), (7.0, 7.0));
    assert_eq!(rounded_and_clipped(0.0, 2.5), (3.0, 3.0));
    assert_eq!(rounded_and_clipped(1.0, 8.8), (9.0, 6.0));
    assert_eq!(rounded_and_clipped(1.0, 0.2), (0.0, 2.0));
    assert_eq!(rounded_and_clipped(1.0, 4.4), (4.0, 4.0));
    let without = ConstraintSet::new(&[], &[], &[], &dose(Some(1.0))).unwrap();
    assert!(without.changes_settings() && without.is_empty());
    assert!(!ConstraintSet::new(&[], &[], &[], &dose(None)).unwrap().changes_settings());
}
