//! Hand-written policies: baselines that an experienced person would recognise.

use std::ops::Range;
use std::sync::Arc;

/// Writes an action: the index of a choice of each group, then the value of each setting.
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
    /// The choices of all groups that the constraints allow; empty if all are allowed.
    pub allowed: &'a [bool],
}

impl State<'_> {
    /// The first of `preferred` choices that is allowed; any allowed choice if none of them is. For a process with one group
    /// of choices.
    pub fn first_allowed(&self, preferred: &[usize]) -> usize {
        self.first_allowed_of(0..self.allowed.len(), preferred)
    }

    /// The same in a group of choices, which has these places among the choices of all groups; counted from the first of the
    /// group.
    pub fn first_allowed_of(&self, group: Range<usize>, preferred: &[usize]) -> usize {
        let allowed = self.allowed.get(group).unwrap_or(&[]);
        let is_allowed = |choice: &usize| allowed.is_empty() || allowed[*choice];
        let any = || allowed.iter().position(|allowed| *allowed);
        preferred.iter().copied().find(is_allowed).or_else(any).unwrap_or(0)
    }
}
