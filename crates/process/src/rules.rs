//! The rules of a project (`[[rule]]`) as a baseline of its process.

use std::path::PathBuf;
use std::sync::Arc;

use setpoint_decision::Project;
use setpoint_decision::charter::Finding;
use setpoint_decision::constraint::{Condition, Variable};
use setpoint_decision::rule::{self, NAME};
use setpoint_decision::spec::Spec;

use crate::factory::Factory;
use crate::heuristic::{Heuristic, State};
use crate::vectorized::{Batch, ProcessError};

/// Its description, in a sentence.
const DESCRIPTION: &str = "the [[rule]] tables of the project: the first rule whose conditions hold decides";

/// A process whose first heuristic is the rules of a project; the process itself if the project has none, or if it has them
/// already. The rules were checked against the process ([`Project::bind`]).
pub fn with_rules(inner: Arc<dyn Factory>, project: &Project) -> Arc<dyn Factory> {
    let has_them = inner.heuristics().iter().any(|heuristic| heuristic.name == NAME);
    if project.rules.is_empty() || has_them {
        return inner;
    }
    let mut heuristics = vec![heuristic(project, inner.spec())];
    heuristics.extend(inner.heuristics().iter().cloned());
    let names = heuristics.iter().map(|heuristic| heuristic.name.to_owned()).collect();
    let spec = Spec { heuristics: names, ..inner.spec().clone() };
    Arc::new(Ruled { inner, spec, heuristics })
}

/// A rule for one process.
struct Resolved {
    when: Vec<(Condition, Option<Variable>)>,
    action: Vec<f32>,
}

fn heuristic(project: &Project, spec: &Spec) -> Heuristic {
    let resolve = |condition: &Condition| {
        (condition.clone(), condition.subject.resolve(&spec.observation, &spec.signals))
    };
    let rules: Vec<Resolved> = project
        .rules
        .iter()
        .zip(rule::actions(&project.rules, spec))
        .map(|(rule, action)| Resolved { when: rule.when.iter().map(resolve).collect(), action })
        .collect();
    let features = spec.observation.clone();
    let groups: Vec<_> = spec.action.placed_groups().map(|(_, places)| places).collect();
    Heuristic::new(NAME, DESCRIPTION, move |state: &State<'_>, action: &mut [f32]| {
        let value = |variable: &Option<Variable>| match variable {
            Some(Variable::Feature(index)) => f64::from(features[*index].natural(state.observation[*index])),
            Some(Variable::Signal(index)) => f64::from(state.signals[*index]),
            None => f64::NAN,
        };
        let holds =
            |rule: &&Resolved| rule.when.iter().all(|(condition, variable)| condition.holds(value(variable)));
        // The last rule always holds.
        let Some(rule) = rules.iter().find(holds).or(rules.last()) else { return };
        action.copy_from_slice(&rule.action);
        // Where a constraint forbids the choice of the rule, the choice of the last rule is next.
        let usual = rules.last().map_or(rule.action.as_slice(), |last| &last.action);
        for (part, group) in groups.iter().enumerate() {
            let preferred = [rule.action[part] as usize, usual[part] as usize];
            action[part] = state.first_allowed_of(group.clone(), &preferred) as f32;
        }
    })
}

/// A process with the rules of a project.
struct Ruled {
    inner: Arc<dyn Factory>,
    spec: Spec,
    heuristics: Vec<Heuristic>,
}

impl Factory for Ruled {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn batch(&self, lanes: usize, seed: u64, purpose: &str) -> Result<Box<dyn Batch>, Box<ProcessError>> {
        self.inner.batch(lanes, seed, purpose)
    }

    fn heuristics(&self) -> &[Heuristic] {
        &self.heuristics
    }

    fn parameters(&self) -> toml::Table {
        self.inner.parameters()
    }

    fn findings(&self) -> Vec<Finding> {
        self.inner.findings()
    }

    fn incidental_keys(&self) -> &[&'static str] {
        self.inner.incidental_keys()
    }

    fn files(&self) -> &[PathBuf] {
        self.inner.files()
    }

    fn resumes_exactly(&self) -> bool {
        self.inner.resumes_exactly()
    }

    fn simulates(&self) -> bool {
        self.inner.simulates()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plant;
    use crate::registry::{Kind, Registry};
    use crate::vectorized::Actions;

    const PROJECT: &str = "[process]\nkind = \"plant\"\n[reward]\nlevel = 1.0\n\
        [[feature]]\nname = \"level\"\nlow = 0\nhigh = 4\nscale = 2\noffset = 1\n\
        [[choice]]\nname = \"open\"\ngroup = \"inlet\"\n[[choice]]\nname = \"close\"\ngroup = \"inlet\"\n\
        [[choice]]\nname = \"drain\"\ngroup = \"outlet\"\n[[choice]]\nname = \"keep\"\ngroup = \"outlet\"\n\
        [[setting]]\nname = \"heat\"\nlow = 0\nhigh = 9\n\
        [[signal]]\nname = \"level\"\n[[signal]]\nname = \"spilled\"\n\
        [[rule]]\nwhen = { feature = \"level\", above = 3.0 }\ndo = { inlet = \"close\", outlet = \"drain\" }\n\
        [[rule]]\nwhen = [{ signal = \"spilled\", above = 1 }, { feature = \"level\", above = 2, below = 2.5 }]\ndo = \"drain\"\n\
        [[rule]]\ndo = { inlet = \"open\", outlet = \"keep\", heat = 2.5 }\n";

    fn opened(text: &str) -> (Project, Arc<dyn Factory>) {
        let project = Project::from_text("test", text, &[]).unwrap();
        let kinds = [Kind::with_keys(plant::KIND, plant::SUMMARY, plant::open).with_declared_spaces()];
        let factory = Registry::new().with(kinds).open(&project, &mut |_| {}).unwrap();
        project.bind(factory.spec()).unwrap();
        (project, factory)
    }

    #[test]
    fn the_first_rule_that_holds_decides_in_natural_units() {
        let (project, factory) = opened(PROJECT);
        let ruled = with_rules(factory, &project);
        assert_eq!(ruled.spec().heuristics, [NAME]);
        let decide = |level: f32, spilled: f32, allowed: &[bool]| {
            let mut action = [f32::NAN; 3];
            let observation = [(level - 1.0) / 2.0];
            let state = State { observation: &observation, signals: &[level, spilled], allowed };
            (ruled.heuristics()[0].decide)(&state, &mut action);
            action
        };
        assert_eq!(decide(3.5, 0.0, &[]), [1.0, 0.0, 2.5]);
        assert_eq!(decide(2.25, 1.5, &[]), [0.0, 0.0, 2.5]);
        // The limits are excluded, and an unknown value satisfies no condition.
        assert_eq!(decide(2.5, 1.5, &[]), [0.0, 1.0, 2.5]);
        assert_eq!(decide(2.25, f32::NAN, &[]), [0.0, 1.0, 2.5]);
        // Where the rule's choice is forbidden, that of the last rule is next.
        assert_eq!(decide(3.5, 0.0, &[true, true, false, true]), [1.0, 1.0, 2.5]);
        // A process that has the rules gets them once.
        let again = with_rules(Arc::clone(&ruled), &project);
        assert_eq!(again.heuristics().len(), 1);
    }

    #[test]
    fn a_plant_shows_its_reference_values_and_does_not_step() {
        let (_, factory) = opened(PROJECT);
        assert!(!factory.simulates());
        let mut batch = factory.batch(2, 0, "test").unwrap();
        let transition = batch.transition();
        assert_eq!((transition.observations.as_slice(), transition.signals[0]), (&[0.5, 0.5][..], 2.0));
        assert!(transition.signals[1].is_nan());
        let refused =
            batch.step(Actions { choices: &[0, 0, 0, 0], settings: &[0.0, 0.0] }).unwrap_err().to_string();
        assert!(refused.contains("no simulator") && refused.contains("setpoint ope"), "{refused}");
        let kinds = [Kind::with_keys(plant::KIND, plant::SUMMARY, plant::open)];
        let project = Project::from_text("test", PROJECT, &[]).unwrap();
        let refused = Registry::new().with(kinds).open(&project, &mut |_| {}).err().unwrap().to_string();
        assert!(refused.contains("features, actions and signals of its own"), "{refused}");
    }
}
