//! Constraints that cannot hold together: states of the process in which the active rules leave no action.
//!
//! A condition is an interval of one variable, and the spec bounds each variable, so the states in which some rules are
//! active together are a box. Intervals have a number in common if each two of them do, so no states are searched.
//!
//! Clips are decided exactly: one clip, or two of them, leave no value. For choices, sets of rules are searched, and the search
//! has a budget (`WORK_MAX`). Rules that need more of it are accepted as if they left a choice in every state. If they
//! leave none in a state, training, evaluation and `recommend` say so in that state, and take no action there.

use crate::constraint::{Condition, Constraint, Effect, Variable};
use crate::spec::{Axis, Spec, behind_number};

/// Rules that are active together in a state and leave no action there.
#[derive(Clone, Debug, PartialEq)]
pub struct Contradiction {
    /// Indices of the rules in the project file, ascending; at least one.
    pub rules: Vec<usize>,
    /// The group whose choices they all forbid, where a process has several; `None` for settings.
    pub group: Option<String>,
    /// A state in which all of them are active: name, value and unit of each variable that they read.
    pub state: Vec<(String, f32, String)>,
}

impl Contradiction {
    /// The state as text, such as `wip = 30 parts and speed = 1.1`.
    pub fn state_text(&self) -> String {
        let value =
            |(name, value, unit): &(String, f32, String)| format!("{name} = {value}{}", behind_number(unit));
        self.state.iter().map(value).collect::<Vec<_>>().join(" and ")
    }
}

/// How often a rule can be active, by the bounds of the process alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// In no state: its limits lie outside of the bounds.
    Never,
    /// In some states.
    Sometimes,
    /// In each state: the bounds lie between its limits.
    Always,
}

/// The activity of each rule in the states of a process, in the order of the project file.
pub fn activities(constraints: &[Constraint], spec: &Spec) -> Vec<Activity> {
    let activity = |constraint: &Constraint| {
        let Some(variable) = constraint.when.subject.resolve(&spec.observation, &spec.signals) else {
            return Activity::Sometimes;
        };
        let bounds = bounds(variable, spec);
        match conditioned(bounds, &constraint.when) {
            active if active.is_empty() => Activity::Never,
            active if active == bounds => Activity::Always,
            _ => Activity::Sometimes,
        }
    };
    constraints.iter().map(activity).collect()
}

/// Rules that leave no action in some state, if there are any. Rules that name something unknown are left out.
pub fn contradiction(constraints: &[Constraint], spec: &Spec) -> Option<Contradiction> {
    let rules: Vec<Rule<'_>> = constraints
        .iter()
        .enumerate()
        .filter_map(|(index, constraint)| {
            let variable = constraint.when.subject.resolve(&spec.observation, &spec.signals)?;
            let active = conditioned(bounds(variable, spec), &constraint.when);
            (!active.is_empty()).then_some(Rule { index, variable, active, effect: &constraint.effect })
        })
        .collect();
    let groups = &spec.action.groups;
    let (mut found, group) = clips(&rules, &spec.action.axes).map(|found| (found, None)).or_else(|| {
        groups.iter().find_map(|group| {
            let names: Vec<&str> = group.choices.iter().map(|choice| choice.name.as_str()).collect();
            let name = (groups.len() > 1).then(|| group.name.clone());
            choices(&rules, &names, WORK_MAX).map(|found| (found, name))
        })
    })?;
    found.sort_by_key(|rule| rule.index);
    let rules = found.iter().map(|rule| rule.index).collect();
    Some(Contradiction { rules, group, state: state(&found, spec) })
}

/// The bounds of the value that a rule reads, in its natural unit.
pub fn bounds_of(variable: Variable, spec: &Spec) -> (f32, f32) {
    let Span { low, high } = bounds(variable, spec);
    (low, high)
}

/// A rule that some state activates.
#[derive(Clone, Copy)]
struct Rule<'a> {
    index: usize,
    variable: Variable,
    /// The values that activate it, in the natural unit.
    active: Span,
    effect: &'a Effect,
}

/// The numbers from `low` to `high`, both included; empty if `low` is above `high`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Span {
    low: f32,
    high: f32,
}

impl Span {
    fn is_empty(self) -> bool {
        self.low > self.high
    }

    fn with(self, other: Self) -> Self {
        Self { low: self.low.max(other.low), high: self.high.min(other.high) }
    }

    /// A number of it: a round number near the middle, or without bounds on a side the number nearest to 0.
    fn example(self) -> f32 {
        let width = self.high - self.low;
        if !width.is_finite() {
            return 0.0_f32.max(self.low).min(self.high);
        }
        let middle = 0.5 * self.low + 0.5 * self.high;
        let unit = 10.0_f64.powf((f64::from(width) / 4.0).log10().floor());
        let round = ((f64::from(middle) / unit).round() * unit) as f32;
        if round >= self.low && round <= self.high { round } else { middle.max(self.low).min(self.high) }
    }
}

/// The bounds of a variable in its natural unit.
fn bounds(variable: Variable, spec: &Spec) -> Span {
    let (a, b) = match variable {
        Variable::Feature(index) => {
            let feature = &spec.observation[index];
            (feature.natural(feature.low), feature.natural(feature.high))
        }
        Variable::Signal(index) => (spec.signals[index].low, spec.signals[index].high),
    };
    Span { low: a.min(b), high: a.max(b) }
}

/// The values within `bounds` that are above the one limit and below the other; the limits are excluded.
fn conditioned(bounds: Span, when: &Condition) -> Span {
    let low = when.above.map_or(f32::NEG_INFINITY, |above| (above as f32).next_up());
    let high = when.below.map_or(f32::INFINITY, |below| (below as f32).next_down());
    bounds.with(Span { low, high })
}

/// Whether two rules are active together in some state.
fn meet(a: &Rule<'_>, b: &Rule<'_>) -> bool {
    a.variable != b.variable || !a.active.with(b.active).is_empty()
}

/// A clip that leaves nothing of its axis, or two clips that are active together and exclude each other. Intervals of one
/// axis that have nothing in common contain two that exclude each other.
fn clips<'a>(rules: &[Rule<'a>], axes: &[Axis]) -> Option<Vec<Rule<'a>>> {
    let limits = |rule: &Rule<'_>| match rule.effect {
        Effect::Clip { action, low, high } => {
            let index = axes.iter().position(|axis| axis.name == *action)?;
            let span = |low, high| {
                let (low, high) = axes[index].limits(low, high);
                Span { low, high }
            };
            let own = span(low.map(|low| low as f32), high.map(|high| high as f32));
            Some((index, own.with(span(Some(axes[index].low), Some(axes[index].high)))))
        }
        Effect::Forbid(_) => None,
    };
    for (later, rule) in rules.iter().enumerate() {
        let Some((axis, own)) = limits(rule) else { continue };
        if own.is_empty() {
            return Some(vec![*rule]);
        }
        for earlier in &rules[..later] {
            if let Some((_, other)) = limits(earlier).filter(|(of, _)| *of == axis)
                && own.with(other).is_empty()
                && meet(rule, earlier)
            {
                return Some(vec![*earlier, *rule]);
            }
        }
    }
    None
}

/// The search for rules that forbid every choice ends after this number of comparisons of two rules, which last less than
/// a second; no project written by people needs as many.
const WORK_MAX: usize = 100_000_000;

/// Rules that are active together and forbid every choice, if at most `work` comparisons of two rules find them.
fn choices<'a>(rules: &[Rule<'a>], names: &[&str], mut work: usize) -> Option<Vec<Rule<'a>>> {
    let forbids = |rule: &Rule<'_>, name: &str| match rule.effect {
        Effect::Forbid(forbidden) => forbidden.iter().any(|forbidden| forbidden == name),
        Effect::Clip { .. } => false,
    };
    // For each choice the rules that forbid it, by their place in `rules`.
    let against: Vec<Vec<usize>> = names
        .iter()
        .map(|name| (0..rules.len()).filter(|rule| forbids(&rules[*rule], name)).collect())
        .collect();
    if against.is_empty() {
        return None;
    }
    let mut chosen = Vec::new();
    cover(rules, &against, &mut chosen, &mut work)
        .then(|| chosen.into_iter().map(|rule| rules[rule]).collect())
}

/// Extends `chosen`, which are active together, until they forbid every choice; `false` if they cannot.
fn cover(rules: &[Rule<'_>], against: &[Vec<usize>], chosen: &mut Vec<usize>, work: &mut usize) -> bool {
    // Each rule of each choice is compared with each chosen rule.
    let comparisons = against.iter().map(Vec::len).sum::<usize>().max(1) * (chosen.len() + 1);
    let Some(left) = work.checked_sub(comparisons) else {
        *work = 0;
        return false;
    };
    *work = left;
    // The choice for which the fewest rules are left comes first, so that a dead end shows early.
    let mut next: Option<Vec<usize>> = None;
    for rules_against in against {
        if rules_against.iter().any(|rule| chosen.contains(rule)) {
            continue;
        }
        let fits = |rule: &usize| chosen.iter().all(|other| meet(&rules[*rule], &rules[*other]));
        let fitting: Vec<usize> = rules_against.iter().copied().filter(fits).collect();
        if next.as_ref().is_none_or(|next| fitting.len() < next.len()) {
            next = Some(fitting);
        }
    }
    let Some(next) = next else { return true };
    for rule in next {
        chosen.push(rule);
        if cover(rules, against, chosen, work) {
            return true;
        }
        chosen.pop();
    }
    false
}

/// A state in which all of these rules are active.
fn state(rules: &[Rule<'_>], spec: &Spec) -> Vec<(String, f32, String)> {
    let mut variables: Vec<(Variable, Span)> = Vec::new();
    for rule in rules {
        match variables.iter_mut().find(|(variable, _)| *variable == rule.variable) {
            Some((_, span)) => *span = span.with(rule.active),
            None => variables.push((rule.variable, rule.active)),
        }
    }
    let named = |(variable, span): (Variable, Span)| {
        let (name, unit) = match variable {
            Variable::Feature(index) => (&spec.observation[index].name, &spec.observation[index].unit),
            Variable::Signal(index) => (&spec.signals[index].name, &spec.signals[index].unit),
        };
        (name.clone(), span.example(), unit.clone())
    };
    variables.into_iter().map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_search_among_choices_ends_with_its_budget() {
        let forbids = ["open", "shut"].map(|name| Effect::Forbid(vec![name.to_owned()]));
        let active = Span { low: 0.0, high: 1.0 };
        let rule =
            |index: usize| Rule { index, variable: Variable::Signal(0), active, effect: &forbids[index] };
        let rules = [rule(0), rule(1)];
        // Two rules, compared with none, one and two chosen rules: 2 + 4 + 6.
        let found = |work: usize| choices(&rules, &["open", "shut"], work).map(|found| found.len());
        assert_eq!((found(12), found(11), found(0)), (Some(2), None, None));
    }
}
