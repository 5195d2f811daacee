//! Constraints that are never active, or always: such a rule is probably not the one that its author meant.
//!
//! The bounds of the process decide it, where the value of a rule has bounds; otherwise random play shows it.

use setpoint_decision::charter::Finding;
use setpoint_decision::constraint::contradiction::{Activity, activities, bounds_of};
use setpoint_decision::constraint::{Constraint, Variable};
use setpoint_decision::spec::{behind_number, is_bounded};
use setpoint_evidence::Decision;
use setpoint_evidence::player::Step;

use crate::random_play;

/// Warnings about rules that no state activates, or each state; random play takes `steps` steps in 8 environments.
pub fn rule_activity(decision: &Decision, steps: usize) -> Vec<Finding> {
    let constraints = &decision.project.constraints;
    let spec = decision.spec();
    let resolve = |rule: &Constraint| rule.when.subject.resolve(&spec.observation, &spec.signals);
    // The project was read, so each of its rules has a value.
    let Some(variables) = constraints.iter().map(resolve).collect::<Option<Vec<Variable>>>() else {
        return Vec::new();
    };
    let by_bounds = activities(constraints, spec);
    let is_open = |variable: Variable| {
        let (low, high) = bounds_of(variable, spec);
        !is_bounded(low, high)
    };
    let mut rules = variables.iter().zip(&by_bounds);
    let needs_play = rules.any(|(variable, activity)| *activity == Activity::Sometimes && is_open(*variable));
    let seen = if needs_play { random_play(decision, &variables, steps) } else { None };
    let mut findings = Vec::new();
    for (index, (constraint, activity)) in constraints.iter().zip(by_bounds).enumerate() {
        let variable = variables[index];
        let (low, high) = bounds_of(variable, spec);
        let range = |low: f32, high: f32| {
            let (name, unit) = match variable {
                Variable::Feature(index) => (&spec.observation[index].name, &spec.observation[index].unit),
                Variable::Signal(index) => (&spec.signals[index].name, &spec.signals[index].unit),
            };
            format!("{name} goes from {low} to {high}{}", behind_number(unit))
        };
        let message = match (activity, &seen) {
            (Activity::Never, _) => format!("is active in no state: {}", range(low, high)),
            (Activity::Always, _) => format!("is active in every state: {}", range(low, high)),
            (Activity::Sometimes, Some(Seen { steps, rules })) if is_open(variable) => {
                let Range { active, low, high } = rules[index];
                match active {
                    0 => format!("was active in none of {steps} random steps, in which {}", range(low, high)),
                    all if all == *steps => {
                        format!("was active in each of {steps} random steps, in which {}", range(low, high))
                    }
                    _ => continue,
                }
            }
            _ => continue,
        };
        findings.push(Finding::warn(
            "constraint",
            format!("\"{constraint}\" {message}; check its limits and their unit"),
        ));
    }
    findings
}

/// The rules in a random play.
struct Seen {
    /// Steps of all environments.
    steps: u64,
    rules: Vec<Range>,
}

/// The steps in which a rule was active, and the range of its value in its natural unit.
#[derive(Clone, Copy)]
struct Range {
    active: u64,
    low: f32,
    high: f32,
}

/// `None` if the process fails before its first step.
fn random_play(decision: &Decision, variables: &[Variable], steps: usize) -> Option<Seen> {
    let spec = decision.spec();
    let constraints = decision.constraints();
    let value = |step: &Step<'_>, variable: Variable| match variable {
        Variable::Feature(index) => spec.observation[index].natural(step.state.observation[index]),
        Variable::Signal(index) => step.state.signals[index],
    };
    let unseen = Range { active: 0, low: f32::INFINITY, high: f32::NEG_INFINITY };
    let mut rules = vec![unseen; variables.len()];
    let steps = random_play::random_play(decision, "constraints", steps, &mut |step| {
        let active = constraints.active(step.state.observation, step.state.signals);
        for ((range, variable), active) in rules.iter_mut().zip(variables).zip(active) {
            let value = value(step, *variable);
            range.active += u64::from(active);
            (range.low, range.high) = (range.low.min(value), range.high.max(value));
        }
    });
    (steps > 0).then_some(Seen { steps, rules })
}

#[cfg(test)]
mod tests {
    use setpoint_decision::Project;

    use super::*;

    #[test]
    fn steps_before_a_failure_of_the_random_play_count() {
        // The third step of the first environment is the first that an episode may not have.
        let short = format!("{}[evaluate]\nmax_steps = 3\n", rule("cart_velocity", "above = 800.0"));
        let found = warnings(&short).join("");
        assert!(found.contains("was active in none of 17 random steps"), "{found}");
    }

    fn warnings(rules: &str) -> Vec<String> {
        let text = format!("[process]\nkind = \"cart-pole\"\n[reward]\nupright = 1\n{rules}");
        let project = Project::from_text("test", &text, &[]).unwrap();
        let decision = Decision::open(project, &setpoint_processes::registry(), &mut |_| {}).unwrap();
        rule_activity(&decision, 300).into_iter().map(|finding| finding.message).collect()
    }

    fn rule(feature: &str, limit: &str) -> String {
        format!("[[constraint]]\nwhen = {{ feature = \"{feature}\", {limit} }}\nforbid = [\"push_left\"]\n")
    }

    #[test]
    fn bounds_decide_where_there_are_bounds_and_random_play_elsewhere() {
        let one = |feature: &str, limit: &str| warnings(&rule(feature, limit)).join("");
        assert!(
            one("cart_position", "above = 6.0")
                .contains("is active in no state: cart_position goes from -4.8 to 4.8 m")
        );
        assert!(one("cart_position", "below = 5.0").contains("is active in every state"));
        // A rare state within the bounds is no mistake.
        assert_eq!(one("cart_position", "above = 4.7"), "");
        // The velocity has no bounds.
        assert!(one("cart_velocity", "above = 900.0").contains("was active in none of 2400 random steps"));
        assert!(one("cart_velocity", "above = -900.0").contains("was active in each of 2400 random steps"));
        assert_eq!(one("cart_velocity", "above = 0.1"), "");
    }
}
