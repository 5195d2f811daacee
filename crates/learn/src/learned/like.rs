//! The spaces of a process that is known by its log: those of a process that it is like, or those that the project declares.

use std::sync::Arc;

use setpoint_decision::section::Section;
use setpoint_decision::spec::Spec;
use setpoint_decision::{Diagnostic, Project};
use setpoint_process::registry::Request;
use setpoint_process::{Factory, plant};

/// The meaning of `like` of `[process]`.
pub const MEANING: &str =
    "the process whose names, units and bounds it takes, where the project declares none";

/// The log: `log` of `[process]`, or the log of `[data]`. `what` needs it.
pub fn log(section: &Section<'_>, project: &Project, what: &str) -> Result<String, Box<Diagnostic>> {
    let of_data = || project.data.as_ref().and_then(|data| data.file.clone());
    section.string("log", "the log of the process")?.or_else(of_data).ok_or_else(|| {
        let title = format!("{what} needs `log`");
        section.error("log", &title, "expected log = \"…\"", "for example: log = \"line.csv\"")
    })
}

/// The process with these spaces; `masked` says why a process that forbids choices is refused.
pub fn open(
    request: &Request<'_>,
    like: Option<&str>,
    masked: &str,
) -> Result<Arc<dyn Factory>, Box<Diagnostic>> {
    let section = request.project.section("process");
    let is_declared = !request.project.spaces.is_empty();
    let like = match (like, is_declared) {
        (Some(like), false) => like,
        (None, true) => return plant::open(request),
        (Some(like), true) => {
            let title = format!("the spaces are those of {like}, and the project declares others");
            let help = "delete `like`, or the tables [[feature]], [[choice]], [[setting]] and [[signal]]";
            return Err(section.error("like", &title, "the project declares its spaces", help));
        }
        (None, false) => {
            let kind = &request.project.process.kind;
            let title = format!("a process of the kind \"{kind}\" needs its spaces");
            let help = "declare them with [[feature]], [[choice]] or [[setting]], and [[signal]] tables (`setpoint new NAME --data LOG` \
                        writes them), or take those of a built-in process: like = \"assembly-line\"";
            return Err(section.error("like", &title, "expected like = \"…\", or declared spaces", help));
        }
    };
    let factory = request.registry.open_default(like, request.max_steps).ok_or_else(|| {
        let names: Vec<&str> = request.registry.complete().collect();
        let help = format!("it gives the names, units and bounds; built-in processes: {}", names.join(", "));
        section.error("like", &format!("there is no process `{like}`"), "not a built-in process", &help)
    })?;
    if factory.spec().masked {
        let title = format!("{like} forbids choices in some states, which a log does not show");
        return Err(section.error("like", &title, masked, ""));
    }
    Ok(factory)
}

/// The spaces as a text: a model that was learned with other spaces is another model.
pub fn identity(factory: &dyn Factory, like: Option<&str>) -> String {
    like.map_or_else(
        || {
            let spaces = Spec { max_steps: None, ..factory.spec().clone() };
            serde_json::to_string(&spaces).expect("a spec has only text keys, and its numbers are finite")
        },
        str::to_owned,
    )
}
