//! Constraints that are never active, or always: such a rule is probably not the one that its author meant.
//!
//! The bounds of the process decide it, where the value of a rule has bounds; otherwise random play shows it.

use setpoint_decision::charter::Finding;
use setpoint_decision::constraint::Subject;
use setpoint_decision::constraint::contradiction::{Activity, activities, bounds_of};
use setpoint_decision::spec::{behind_number, is_bounded};
use setpoint_evidence::Decision;
use setpoint_evidence::deciders::{RANDOM, baseline};
use setpoint_evidence::player::{Player, Step};

/// Environments of the random play.
const LANES: usize = 8;
const SEED: u64 = 1;

/// Warnings about rules that no state activates, or each state; random play takes `steps` steps in 8 environments.
pub fn rule_activity(decision: &Decision, steps: usize) -> Vec<Finding> {
    let constraints = &decision.project.constraints;
    let spec = decision.spec();
    let by_bounds = activities(constraints, spec);
    let is_open =
        |subject: &Subject| bounds_of(subject, spec).is_some_and(|(low, high)| !is_bounded(low, high));
    let needs_play = constraints
        .iter()
        .zip(&by_bounds)
        .any(|(constraint, activity)| *activity == Activity::Sometimes && is_open(&constraint.when.subject));
    let seen = if needs_play { random_play(decision, steps) } else { None };
    let mut findings = Vec::new();
    for (index, (constraint, activity)) in constraints.iter().zip(by_bounds).enumerate() {
        let subject = &constraint.when.subject;
        let Some((low, high)) = bounds_of(subject, spec) else { continue };
        let range = |low: f32, high: f32| {
            format!("{} goes from {low} to {high}{}", subject.name(), behind_number(unit(decision, subject)))
        };
        let message = match (activity, &seen) {
            (Activity::Never, _) => format!("is active in no state: {}", range(low, high)),
            (Activity::Always, _) => format!("is active in every state: {}", range(low, high)),
            (Activity::Sometimes, Some(Seen { steps, rules })) if is_open(subject) => {
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

fn unit<'d>(decision: &'d Decision, subject: &Subject) -> &'d str {
    let spec = decision.spec();
    let feature = spec.observation.iter().find(|feature| feature.name == subject.name());
    let signal = spec.signals.iter().find(|signal| signal.name == subject.name());
    feature.map(|feature| &feature.unit).or(signal.map(|signal| &signal.unit)).map_or("1", String::as_str)
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

/// `None` if the process fails in it; the checks of the process report that.
fn random_play(decision: &Decision, steps: usize) -> Option<Seen> {
    let spec = decision.spec();
    let constraints = decision.constraints();
    let value = |step: &Step<'_>, subject: &Subject| -> f32 {
        if let Some(index) = spec.observation.iter().position(|feature| feature.name == subject.name()) {
            return spec.observation[index].natural(step.state.observation[index]);
        }
        let index = spec.signals.iter().position(|signal| signal.name == subject.name());
        index.map_or(f32::NAN, |index| step.state.signals[index])
    };
    let unseen = Range { active: 0, low: f32::INFINITY, high: f32::NEG_INFINITY };
    let mut seen = Seen { steps: 0, rules: vec![unseen; constraints.len()] };
    let mut decider = baseline(RANDOM, decision, SEED, LANES)?;
    let observe = &mut |step: &Step<'_>| {
        seen.steps += 1;
        let active = constraints.active(step.state.observation, step.state.signals);
        for ((range, constraint), active) in
            seen.rules.iter_mut().zip(&decision.project.constraints).zip(active)
        {
            let value = value(step, &constraint.when.subject);
            range.active += u64::from(active);
            (range.low, range.high) = (range.low.min(value), range.high.max(value));
        }
        (step.count as usize) < steps
    };
    let mut player = Player::new(decision, LANES, SEED, "constraints").ok()?;
    player.play(&mut decider, observe).ok()?;
    (seen.steps > 0).then_some(seen)
}

#[cfg(test)]
mod tests {
    use setpoint_decision::Project;

    use super::*;

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
