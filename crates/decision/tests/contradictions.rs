//! Constraints that leave no action in some state are refused, and no others: against a search over a grid of states.

use setpoint_decision::Project;
use setpoint_decision::constraint::contradiction::{Activity, activities, contradiction};
use setpoint_decision::constraint::{Condition, Constraint, Effect, Subject};
use setpoint_decision::spec::{ActionForm, ActionSpace, Axis, Feature, Signal, Spec};

/// Limits and bounds are multiples of a half, so a grid of quarters meets every range between two of them.
const GRID: f64 = 0.25;

struct Random(u64);

impl Random {
    fn below(&mut self, count: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % count
    }

    /// A multiple of a half from `low` to `high`.
    fn half(&mut self, low: i64, high: i64) -> f64 {
        (2 * low + self.below((2 * (high - low) + 1) as u64) as i64) as f64 / 2.0
    }
}

/// Two features, of which one is seen upside down and in another scale, and two signals; one signal is a feature's.
fn spec(action: ActionSpace) -> Spec {
    Spec {
        kind: "kiln".to_owned(),
        observation: vec![
            Feature::new("draft", "Pa", -3.0, 3.0, ""),
            Feature::new("level", "m", 0.0, 1.0, "").seen_as(-4.0, 2.0),
        ],
        action,
        signals: vec![
            Signal::new("level", "m", -9.0, 9.0, ""),
            Signal::new("heat", "K", -2.5, 3.0, ""),
            Signal::new("smoke", "1", 0.0, 0.0, ""),
        ],
        max_steps: Some(10),
        ..Spec::default()
    }
}

const NAMES: [(&str, f64, f64); 4] =
    [("draft", -3.0, 3.0), ("level", -2.0, 2.0), ("heat", -2.5, 3.0), ("smoke", 0.0, 0.0)];

fn subject(random: &mut Random) -> Subject {
    match random.below(5) {
        0 => Subject::Feature("draft".to_owned()),
        1 => Subject::Feature("level".to_owned()),
        2 => Subject::Signal("level".to_owned()),
        3 => Subject::Signal("heat".to_owned()),
        _ => Subject::Signal("smoke".to_owned()),
    }
}

fn condition(random: &mut Random) -> Condition {
    loop {
        let above = (random.below(3) > 0).then(|| random.half(-4, 4));
        let below = (random.below(3) > 0).then(|| random.half(-4, 4));
        let is_valid = match (above, below) {
            (None, None) => false,
            (Some(above), Some(below)) => above < below,
            _ => true,
        };
        if is_valid {
            return Condition { subject: subject(random), above, below };
        }
    }
}

fn clip(random: &mut Random) -> Effect {
    let action = ["fan", "damper"][random.below(2) as usize].to_owned();
    let (a, b) = (random.half(-2, 2), random.half(-2, 2));
    match random.below(3) {
        0 => Effect::Clip { action, low: Some(a), high: None },
        1 => Effect::Clip { action, low: None, high: Some(a) },
        _ => Effect::Clip { action, low: Some(a.min(b)), high: Some(a.max(b)) },
    }
}

fn forbid(random: &mut Random) -> Effect {
    let names = ["open", "hold", "close"];
    let first = random.below(3) as usize;
    let mut chosen = vec![names[first].to_owned()];
    if random.below(2) == 0 {
        chosen.push(names[(first + 1) % 3].to_owned());
    }
    Effect::Forbid(chosen)
}

fn is_active(constraint: &Constraint, state: &dyn Fn(&str) -> f64) -> bool {
    let value = state(constraint.when.subject.name());
    constraint.when.above.is_none_or(|above| value > above)
        && constraint.when.below.is_none_or(|below| value < below)
}

/// Whether some action of the space keeps all active rules; an axis has multiples of its step, or of the grid.
fn leaves_an_action(active: &[&Constraint], space: &ActionSpace) -> bool {
    match space.form() {
        ActionForm::Several => unreachable!("the processes here have one choice, or settings"),
        ActionForm::Choices(choices) => choices.iter().any(|choice| {
            active
                .iter()
                .all(|rule| !matches!(&rule.effect, Effect::Forbid(names) if names.contains(&choice.name)))
        }),
        ActionForm::Settings(axes) => axes.iter().all(|axis| {
            let step = axis.step.map_or(GRID, f64::from);
            let values = (-100..=100).map(|count| f64::from(count) * step);
            let within = |value: &f64| (f64::from(axis.low)..=f64::from(axis.high)).contains(value);
            values.filter(within).any(|value| {
                active.iter().all(|rule| match &rule.effect {
                    Effect::Clip { action, low, high } if *action == axis.name => {
                        low.is_none_or(|low| value >= low) && high.is_none_or(|high| value <= high)
                    }
                    _ => true,
                })
            })
        }),
    }
}

/// A state of the grid in which no action is left.
fn search(constraints: &[Constraint], space: &ActionSpace) -> Option<[f64; 4]> {
    let values = |(_, low, high): (&str, f64, f64)| -> Vec<f64> {
        let count = ((high - low) / GRID) as i32;
        (0..=count).map(|index| low + GRID * f64::from(index)).collect()
    };
    let reads = |name: &str| constraints.iter().any(|rule| rule.when.subject.name() == name);
    let axis = |index: usize| if reads(NAMES[index].0) { values(NAMES[index]) } else { vec![NAMES[index].1] };
    for draft in axis(0) {
        for level in axis(1) {
            for heat in axis(2) {
                for smoke in axis(3) {
                    let state = [draft, level, heat, smoke];
                    let active = active_in(constraints, &state);
                    if !leaves_an_action(&active, space) {
                        return Some(state);
                    }
                }
            }
        }
    }
    None
}

fn active_in<'a>(constraints: &'a [Constraint], state: &[f64; 4]) -> Vec<&'a Constraint> {
    let value = |name: &str| state[NAMES.iter().position(|known| known.0 == name).unwrap()];
    constraints.iter().filter(|rule| is_active(rule, &value)).collect()
}

fn as_text(constraints: &[Constraint]) -> String {
    let mut text = "[process]\nkind = \"kiln\"\n[reward]\nheat = 1\n".to_owned();
    for Constraint { when, effect } in constraints {
        let limit = |key: &str, value: Option<f64>| {
            value.map_or(String::new(), |value| format!(", {key} = {value:?}"))
        };
        let (subject, above, below) = (&when.subject, limit("above", when.above), limit("below", when.below));
        text += &format!(
            "[[constraint]]\nwhen = {{ {} = \"{}\"{above}{below} }}\n",
            subject.key(),
            subject.name()
        );
        text += &match effect {
            Effect::Forbid(names) => format!("forbid = {names:?}\n"),
            Effect::Clip { action, low, high } => {
                format!("clip = {{ action = \"{action}\"{}{} }}\n", limit("low", *low), limit("high", *high))
            }
        };
    }
    text
}

/// Rules are refused exactly if the grid has a state without an action; the refusal names such a state and its rules.
#[test]
fn what_is_refused_has_a_state_without_an_action_and_the_rest_has_none() {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let spaces = [
        ActionSpace::choices(&[("open", ""), ("hold", ""), ("close", "")]),
        ActionSpace::settings(vec![
            Axis::new("fan", "1", -2.0, 2.0, ""),
            Axis::new("damper", "notches", -2.0, 2.0, "").rounded_to(1.0),
        ]),
    ];
    let (mut refused, mut accepted) = ([0, 0], [0, 0]);
    for round in 0..4_000 {
        let kind = round % 2;
        let spec = spec(spaces[kind].clone());
        let count = 1 + random.below(4);
        let constraints: Vec<Constraint> = (0..count)
            .map(|_| {
                let when = condition(&mut random);
                let effect = if kind == 0 { forbid(&mut random) } else { clip(&mut random) };
                Constraint { when, effect }
            })
            .collect();
        let text = as_text(&constraints);
        let state = search(&constraints, &spec.action);
        let project = Project::from_text("setpoint.toml", &text, &[]).unwrap();
        assert_eq!(project.bind(&spec).is_err(), state.is_some(), "{text}\n{state:?}");
        let Some(found) = contradiction(&constraints, &spec) else {
            accepted[kind] += 1;
            continue;
        };
        refused[kind] += 1;
        let value = |name: &str| {
            let named = found.state.iter().find(|(known, _, _)| known == name);
            f64::from(named.unwrap_or_else(|| panic!("{name} is not in {found:?}")).1)
        };
        let named: Vec<&Constraint> = found.rules.iter().map(|rule| &constraints[*rule]).collect();
        assert!(named.iter().all(|rule| is_active(rule, &value)), "{text}\n{found:?}");
        assert!(!leaves_an_action(&named, &spec.action), "{text}\n{found:?}");
        for (name, value, _) in &found.state {
            let (_, low, high) = NAMES.into_iter().find(|known| known.0 == name).unwrap();
            assert!((low..=high).contains(&f64::from(*value)), "{found:?}");
        }
    }
    assert!(refused.into_iter().chain(accepted).all(|count| count > 300), "{refused:?} {accepted:?}");
}

#[test]
fn a_refusal_says_which_rules_and_where() {
    let rule = |above: f64, low: Option<f64>, high: Option<f64>| Constraint {
        when: Condition { subject: Subject::Feature("draft".to_owned()), above: Some(above), below: None },
        effect: Effect::Clip { action: "fan".to_owned(), low, high },
    };
    let axes = vec![Axis::new("fan", "1", -2.0, 2.0, ""), Axis::new("damper", "1", -2.0, 2.0, "")];
    let spec = spec(ActionSpace::settings(axes));
    let constraints = [rule(-1.0, None, Some(0.5)), rule(0.0, Some(-1.5), None), rule(2.0, Some(1.5), None)];
    let project = Project::from_text("setpoint.toml", &as_text(&constraints), &[]).unwrap();
    let error = project.bind(&spec).unwrap_err();
    for part in [
        "constraints 1 and 3 leave no value of `fan` when both are active, for example at draft = 2.5 Pa",
        "keep fan at or below 0.5 when draft > -1",
        "let one end where the other begins",
    ] {
        assert!(error.to_string().contains(part), "{error}");
    }
    assert_eq!(error.line_column().map(|place| place.0), Some(13), "it points at the last of them: {error}");
}

#[test]
fn rules_that_no_state_or_each_state_activates_are_found() {
    let rule = |name: &str, above: Option<f64>, below: Option<f64>| Constraint {
        when: Condition { subject: Subject::Signal(name.to_owned()), above, below },
        effect: Effect::Forbid(vec!["open".to_owned()]),
    };
    let constraints = [
        rule("level", Some(2.0), None),
        rule("level", Some(1.9), None),
        rule("heat", Some(-2.6), Some(3.1)),
        rule("heat", Some(-2.5), None),
        rule("smoke", Some(0.0), None),
        rule("smoke", Some(-0.1), None),
    ];
    let spec = spec(ActionSpace::choices(&[("open", ""), ("hold", "")]));
    use Activity::{Always, Never, Sometimes};
    assert_eq!(activities(&constraints, &spec), [Never, Sometimes, Always, Sometimes, Never, Always]);
}
