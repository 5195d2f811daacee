//! Hand-written policies: baselines that an experienced person would recognise.

use std::sync::Arc;

/// Writes an action: the index of a choice, or one value per axis.
pub type Decide = dyn Fn(&State<'_>, &mut [f32]) + Send + Sync;

/// A hand-written policy.
#[derive(Clone)]
pub struct Heuristic {
    /// Its name in a project file, in kebab case.
    pub name: &'static str,
    /// Its rule, in a sentence.
    pub description: &'static str,
    /// Its action in a state.
    pub decide: Arc<Decide>,
}

impl Heuristic {
    /// From a function of the state.
    pub fn new(
        name: &'static str,
        description: &'static str,
        decide: impl Fn(&State<'_>, &mut [f32]) + Send + Sync + 'static,
    ) -> Self {
        Self { name, description, decide: Arc::new(decide) }
    }
}

/// The state for a heuristic.
#[derive(Clone, Copy, Debug)]
pub struct State<'a> {
    /// The observation, as a policy sees it.
    pub observation: &'a [f32],
    /// The signals of the present state.
    pub signals: &'a [f32],
    /// The choices that the constraints allow; empty if all are allowed.
    pub allowed: &'a [bool],
}

impl State<'_> {
    /// The first of `preferred` choices that is allowed; any allowed choice if none of them is.
    pub fn first_allowed(&self, preferred: &[usize]) -> usize {
        let is_allowed = |choice: &usize| self.allowed.is_empty() || self.allowed[*choice];
        let any = || self.allowed.iter().position(|allowed| *allowed);
        preferred.iter().copied().find(is_allowed).or_else(any).unwrap_or(0)
    }
}
