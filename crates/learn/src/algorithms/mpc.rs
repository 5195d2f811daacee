//! A policy from plans: the planner (`[planning]`, `setpoint_evidence::planner`) plays in the process, and the policy learns to
//! decide like it (expert iteration with one iteration; Anthony et al. 2017, arXiv 1705.08439).
//!
//! A plan needs copies of the process and thousands of their steps for each decision; the policy needs one pass of a network, and
//! runs at the plant. The training is behaviour cloning of the planner's decisions ([`super::bc`]).

use serde::{Deserialize, Serialize};
use setpoint_decision::Diagnostic;
use setpoint_decision::planning::MPC;
use setpoint_decision::section::Section;
use setpoint_decision::spec::Spec;

use crate::algorithm::Algorithm;
use crate::algorithms::bc;
use crate::memory::Need;
use crate::offline::Source;
use crate::recipe::{LearnerOptions, Learns, Recipe};
use crate::request::Request;

/// The recipe.
pub const RECIPE: Recipe = Recipe {
    name: MPC,
    class: "MPC",
    summary: "plans ahead in copies of the process, and learns a policy that decides like the plans",
    on_policy: false,
    actions: Learns::Logged,
    reads_tensors: false,
    sample_efficiency: "needs thousands of steps of copies for each recorded decision",
    pick_when: "the process can be copied and a few steps ahead decide, or as a check of what other algorithms leave undone",
    source: "Rubinstein 1999; Anthony et al. 2017, arXiv 1705.08439",
    is_first_choice: false,
    tuning: Vec::new,
    read: |section| Ok(Box::new(Options::read(section)?)),
};

/// `[train.mpc]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Options {
    #[serde(flatten)]
    clone: bc::Options,
}

impl Options {
    /// Reads the section; absent keys take their defaults.
    pub fn read(section: &Section<'_>) -> Result<Self, Box<Diagnostic>> {
        let source = Source::of_plans(section)?;
        Ok(Self { clone: bc::Options::read_with(section, source)? })
    }
}

impl LearnerOptions for Options {
    fn learner(&self, request: &Request<'_>) -> Box<dyn Algorithm> {
        self.clone.learner(request)
    }

    fn needs(&self, spec: &Spec, masked: bool) -> Vec<Need> {
        self.clone.needs(spec, masked)
    }

    fn source(&self) -> Option<&Source> {
        self.clone.source()
    }

    fn imitates(&self) -> bool {
        true
    }
}
