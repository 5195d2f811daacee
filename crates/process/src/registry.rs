//! The registry of kinds: from a project's `kind` to a process.
//!
//! It is a value. A program names the kinds that it offers, so your own crate can add a process and get every command.

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;

use setpoint_decision::diagnostic::nearest;
use setpoint_decision::section::Section;
use setpoint_decision::{Diagnostic, Project};

use crate::factory::{Factory, Simulator};
use crate::hidden;
use crate::preparation::{OnProgress, Preparation};
use crate::process::Process;

/// The request to open a process.
pub struct Request<'a> {
    /// `[process]`, from which it reads its own keys.
    pub section: Section<'a>,
    /// The project's folder, against which file names are resolved.
    pub folder: &'a Path,
    /// Steps after which an episode is truncated, if the project sets them.
    pub max_steps: Option<u32>,
    /// The whole project, for processes that read more than `[process]`.
    pub project: &'a Project,
    /// All kinds of the program, for processes that are like another process.
    pub registry: &'a Registry,
    /// Receives the progress of slow preparations.
    pub progress: &'a dyn Fn(Preparation),
}

/// Makes a process from its part of the project file.
pub type Open = fn(&Request<'_>) -> Result<Arc<dyn Factory>, Box<Diagnostic>>;

/// A kind of process: its name in a project file and the function that makes it.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Name in a project file, in kebab case.
    pub name: &'static str,
    /// Makes the process.
    pub open: Open,
    /// The description of a kind that needs its own keys; absent if the defaults make a complete process.
    pub needs_keys: Option<&'static str>,
    /// Whether the project may declare its spaces: `[[feature]]`, `[[choice]]`, `[[setting]]`, `[[signal]]`.
    pub takes_spaces: bool,
}

impl Kind {
    /// The kind of a process type. Its keys of `[process]` are the type's parameters.
    pub const fn of<P: Process + Default>(name: &'static str) -> Self {
        Self::new(name, open::<P>)
    }

    /// A kind whose defaults make a complete process.
    pub const fn new(name: &'static str, open: Open) -> Self {
        Self { name, open, needs_keys: None, takes_spaces: false }
    }

    /// A kind that needs its own keys; `summary` is its description in a sentence.
    pub const fn with_keys(name: &'static str, summary: &'static str, open: Open) -> Self {
        Self { name, open, needs_keys: Some(summary), takes_spaces: false }
    }

    /// The same kind, if the project may declare its spaces.
    pub const fn with_declared_spaces(self) -> Self {
        Self { takes_spaces: true, ..self }
    }
}

fn open<P: Process + Default>(request: &Request<'_>) -> Result<Arc<dyn Factory>, Box<Diagnostic>> {
    let kind = &request.project.process.kind;
    Ok(Arc::new(Simulator::open(P::default(), kind, request.max_steps, &request.section)?))
}

/// The kinds of process that a program offers, in the order in which it lists them.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    kinds: Vec<Kind>,
}

impl Registry {
    /// Without any kind.
    pub const fn new() -> Self {
        Self { kinds: Vec::new() }
    }

    /// Adds kinds. A later kind replaces an earlier kind of the same name.
    pub fn with(mut self, kinds: impl IntoIterator<Item = Kind>) -> Self {
        for kind in kinds {
            match self.kinds.iter_mut().find(|known| known.name == kind.name) {
                Some(known) => *known = kind,
                None => self.kinds.push(kind),
            }
        }
        self
    }

    /// Every kind.
    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// A kind by name.
    pub fn find(&self, name: &str) -> Option<&Kind> {
        self.kinds.iter().find(|kind| kind.name == name)
    }

    /// Names of the kinds whose defaults make a complete process.
    pub fn complete(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.kinds.iter().filter(|kind| kind.needs_keys.is_none()).map(|kind| kind.name)
    }

    /// The process that a project names. Unknown kinds and unknown keys of `[process]` are refused.
    pub fn open(
        &self,
        project: &Project,
        progress: OnProgress<'_>,
    ) -> Result<Arc<dyn Factory>, Box<Diagnostic>> {
        let section = project.section("process");
        section.allow("kind");
        section.allow("max_steps");
        section.allow("hide");
        let name = project.process.kind.as_str();
        let Some(kind) = self.find(name) else {
            let names: Vec<&str> = self.kinds.iter().map(|kind| kind.name).collect();
            let label = match nearest(name, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("expected one of {}", names.join(", ")),
            };
            let help = format!("processes: {}; `setpoint list processes` describes them", names.join(", "));
            return Err(section.error("kind", &format!("there is no process `{name}`"), &label, &help));
        };
        if !kind.takes_spaces && !project.spaces.is_empty() {
            return Err(own_spaces(name, &section));
        }
        let progress = RefCell::new(progress);
        let request = Request {
            section,
            folder: &project.folder,
            max_steps: project.process.max_steps,
            project,
            registry: self,
            progress: &|preparation| (progress.borrow_mut())(preparation),
        };
        let factory = (kind.open)(&request)?;
        request.section.finish()?;
        hidden::hide(factory, &project.process.hide, &request.section)
    }

    /// A process with its defaults, by name; `None` if there is no such kind, or if it needs its own keys.
    pub fn open_default(&self, name: &str, max_steps: Option<u32>) -> Option<Arc<dyn Factory>> {
        let kind = self.find(name).filter(|kind| kind.needs_keys.is_none())?;
        let project = Project::of_kind(name);
        let request = Request {
            section: project.section("process"),
            folder: Path::new(""),
            max_steps,
            project: &project,
            registry: self,
            progress: &|_| {},
        };
        Some((kind.open)(&request).expect("the defaults of a process are valid"))
    }
}

/// The error about declared spaces of a process that has a spec of its own.
fn own_spaces(kind: &str, section: &Section<'_>) -> Box<Diagnostic> {
    let title = format!(
        "the process {kind} has features, actions and signals of its own, and the project declares others"
    );
    let help = format!(
        "delete the tables [[feature]], [[choice]], [[setting]] and [[signal]] (`setpoint list processes {kind}` shows its own), \
         or choose a kind that has none: kind = \"plant\", kind = \"learned\""
    );
    section.error("kind", &title, "its spaces are known", &help)
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};
    use setpoint_decision::spec::{ActionSpace, Feature, Signal, Spec};
    use setpoint_random::Stream;

    use super::*;
    use crate::parameter::{Field, Parameter};
    use crate::process::{Action, Outcome};

    /// A tank that loses a litre per step; `LITRES` distinguishes the types.
    #[derive(Clone, Serialize, Deserialize)]
    struct Tank<const LITRES: u32> {
        litres: f32,
        halved: f32,
    }

    impl<const LITRES: u32> Default for Tank<LITRES> {
        fn default() -> Self {
            Self { litres: LITRES as f32 + 0.1, halved: 0.0 }
        }
    }

    impl<const LITRES: u32> Process for Tank<LITRES> {
        const PARAMETERS: &'static [Parameter<Self>] =
            &[Parameter::new("litres", "l", (1.0, 900.0), "at the beginning", |tank| {
                Field::F32(&mut tank.litres)
            })];

        fn parameters_changed(&mut self) {
            self.halved = self.litres / 2.0;
        }

        fn spec(&self) -> Spec {
            Spec {
                observation: vec![Feature::new("half", "l", 0.0, 450.0, "half of the litres")],
                action: ActionSpace::choices(&[("wait", "waits")]),
                signals: vec![Signal::new("litres", "l", 0.0, 900.0, "litres in the tank")],
                ..Spec::default()
            }
        }

        fn reset(&mut self, _: &mut Stream, observation: &mut [f32], signals: &mut [f32]) {
            observation[0] = self.halved;
            signals[0] = self.litres;
        }

        fn step(&mut self, _: Action<'_>, _: &mut Stream, _: &mut [f32], _: &mut [f32]) -> Outcome {
            Outcome::Running
        }
    }

    fn registry() -> Registry {
        Registry::new().with([Kind::of::<Tank<300>>("tank"), Kind::of::<Tank<500>>("large-tank")])
    }

    fn project(process: &str) -> Project {
        Project::from_text("test", &format!("[process]\n{process}\n[reward]\nlitres = 1.0\n"), &[]).unwrap()
    }

    fn opened(process: &str) -> Arc<dyn Factory> {
        registry().open(&project(process), &mut |_| {}).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn a_later_kind_replaces_an_earlier_one_of_its_name_in_its_place() {
        let names = |registry: &Registry| registry.kinds().iter().map(|kind| kind.name).collect::<Vec<_>>();
        let litres = |registry: &Registry| {
            registry.open_default("tank", None).map(|factory| factory.spec().parameters[0].default)
        };
        let replaced = registry().with([Kind::of::<Tank<700>>("tank"), Kind::of::<Tank<1>>("cup")]);
        assert_eq!((names(&registry()), litres(&registry())), (vec!["tank", "large-tank"], Some(300.1)));
        assert_eq!((names(&replaced), litres(&replaced)), (vec!["tank", "large-tank", "cup"], Some(700.1)));
    }

    #[test]
    fn an_unknown_kind_is_told_the_nearest_or_all() {
        let refused = |name: &str| {
            let project = project(&format!("kind = \"{name}\""));
            registry().open(&project, &mut |_| {}).err().expect("an unknown kind").to_string()
        };
        let near = refused("lage-tank");
        assert!(
            near.contains("no process `lage-tank`") && near.contains("did you mean `large-tank`?"),
            "{near}"
        );
        let far = refused("oven");
        assert!(far.contains("expected one of tank, large-tank"), "{far}");
    }

    #[test]
    fn a_process_is_called_what_the_registry_calls_it() {
        assert_eq!(opened("kind = \"large-tank\"").spec().kind, "large-tank");
        assert_eq!(registry().open_default("tank", None).unwrap().spec().kind, "tank");
    }

    /// The default is the decimal number of the source, the project's value is set, and the derived values
    /// are recomputed: at once and after a change of a running process.
    #[test]
    fn a_parameter_is_read_where_the_process_keeps_it() {
        let factory = opened("kind = \"tank\"\nlitres = 40.5");
        assert_eq!(factory.spec().parameters[0].default, 300.1);
        assert_eq!(factory.parameters()["litres"].as_float(), Some(40.5));
        assert_eq!(opened("kind = \"tank\"").parameters()["litres"].as_float(), Some(300.1));
        let mut batch = factory.batch(2, 0, "test").unwrap();
        assert_eq!(batch.transition().observations, [20.25, 20.25]);
        batch.set_parameter(1, 0, 8.0);
        batch.reset().unwrap();
        assert_eq!(batch.transition().observations, [20.25, 4.0]);
    }

    #[test]
    fn a_key_that_is_no_parameter_is_refused() {
        let refused = registry().open(&project("kind = \"tank\"\nliters = 3.0"), &mut |_| {}).err();
        let refused = refused.expect("an unknown key").to_string();
        assert!(refused.contains("did you mean `litres`?"), "{refused}");
    }
}
