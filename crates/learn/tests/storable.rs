//! A training begins only where its policy can be stored.

use std::sync::Arc;

use setpoint_decision::Project;
use setpoint_decision::spec::Spec;
use setpoint_learn::problem::Problem;
use setpoint_process::vectorized::{Batch, ProcessError};
use setpoint_process::{Factory, Heuristic};
use setpoint_processes::open_kind;

const SETUP: &str = include_str!("../../../projects/assembly-setup/setpoint.toml");

/// A process with another spec.
struct Altered {
    inner: Arc<dyn Factory>,
    spec: Spec,
}

impl Factory for Altered {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn batch(&self, lanes: usize, seed: u64, purpose: &str) -> Result<Box<dyn Batch>, Box<ProcessError>> {
        self.inner.batch(lanes, seed, purpose)
    }

    fn heuristics(&self) -> &[Heuristic] {
        self.inner.heuristics()
    }
}

fn problem(change: impl FnOnce(&mut Spec)) -> Result<Problem, String> {
    let inner = open_kind("assembly-setup", None).unwrap();
    let mut spec = inner.spec().clone();
    change(&mut spec);
    let project = Project::from_text("test", SETUP, &[]).unwrap();
    Problem::with(project, Arc::new(Altered { inner, spec })).map_err(|refused| refused.to_string())
}

#[test]
fn a_process_with_a_bound_that_no_policy_file_holds_is_refused_before_training() {
    assert!(problem(|_| {}).is_ok());
    // The greatest numbers are bounds like any other.
    assert!(problem(|spec| spec.observation[0].high = f32::MAX).is_ok());
    for (bound, words) in [(f32::INFINITY, "high is inf"), (f32::NAN, "high is NaN")] {
        let refused = problem(|spec| spec.observation[0].high = bound).err().unwrap();
        let name = open_kind("assembly-setup", None).unwrap().spec().observation[0].name.clone();
        assert!(refused.contains("no policy file can store"), "{refused}");
        assert!(refused.contains(&format!("feature `{name}`: {words}")), "{refused}");
    }
    let refused = problem(|spec| spec.signals[0].low = f32::NEG_INFINITY).err().unwrap();
    assert!(refused.contains("low is -inf"), "{refused}");
}
