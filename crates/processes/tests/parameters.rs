//! Numbers of the dynamics: of every built-in process, each at its default is the process of its source, each other value
//! makes another one, and the whole range of it runs.

use setpoint_decision::Project;
use setpoint_decision::spec::{ActionSpace, Axis};
use setpoint_process::Factory;
use setpoint_process::vectorized::{Actions, Batch};
use setpoint_processes::registry;
use setpoint_processes::{kinds, open_kind};
use setpoint_random::Stream;

const LANES: usize = 4;
const STEPS: usize = 300;

/// Everything that random actions, the same at every call, make of a batch.
fn course(batch: &mut dyn Batch, action: &ActionSpace) -> Vec<u32> {
    let mut random = Stream::new(3, "actions", 0);
    let mut seen = Vec::new();
    batch.reset().unwrap();
    for _ in 0..STEPS {
        let allowed = batch.transition().allowed.clone();
        let (mut chosen, mut set) = (Vec::new(), Vec::new());
        for lane in 0..LANES {
            for (_, places) in action.placed_groups() {
                let count = places.len();
                let first = random.below(count as u32) as usize;
                let mut candidates = (0..count).map(|step| (first + step) % count);
                let place = lane * action.choice_count() + places.start;
                let is_allowed = |choice: &usize| allowed.is_empty() || allowed[place + choice];
                chosen.push(candidates.find(is_allowed).unwrap() as u32);
            }
            // Rather little: who always orders much never runs out.
            let draw = |axis: &Axis| random.uniform(axis.low, 0.4 * axis.low + 0.6 * axis.high);
            set.extend(action.axes.iter().map(draw));
        }
        batch.step(Actions { choices: &chosen, settings: &set }).unwrap();
        let transition = batch.transition();
        let values = transition.observations.iter().chain(&transition.signals);
        for value in values {
            assert!(value.is_finite(), "{value}");
            seen.push(value.to_bits());
        }
    }
    seen
}

fn opened(kind: &str, key: &str, value: f64) -> std::sync::Arc<dyn Factory> {
    let signal = &open_kind(kind, None).unwrap().spec().signals[0].name.clone();
    let text = format!("[process]\nkind = \"{kind}\"\n{key} = {value}\n[reward]\n{signal} = 1.0\n");
    let project = Project::from_text("test.toml", &text, &[]).unwrap_or_else(|error| panic!("{error}"));
    registry().open(&project, &mut |_| {}).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn defaults_change_nothing_and_other_values_do() {
    let mut tried = 0;
    for factory in kinds() {
        let spec = factory.spec();
        let plain = course(factory.batch(LANES, 7, "test").unwrap().as_mut(), &spec.action);
        for (index, parameter) in spec.parameters.iter().enumerate() {
            let name = format!("{}: {}", spec.kind, parameter.name);
            let given = opened(&spec.kind, &parameter.name, parameter.default);
            let mut batch = given.batch(LANES, 7, "test").unwrap();
            assert!(course(batch.as_mut(), &spec.action) == plain, "{name} at its default");
            // Set in a running process, as randomisation and events do; from the next reset on for some.
            let mut differs = false;
            let halves = [parameter.default / 2.0, parameter.default * 2.0];
            for value in halves.into_iter().chain([parameter.low, parameter.high]) {
                let mut batch = factory.batch(LANES, 7, "test").unwrap();
                let value = value.clamp(parameter.low, parameter.high);
                (0..LANES).for_each(|lane| batch.set_parameter(lane, index, value));
                differs |= course(batch.as_mut(), &spec.action) != plain;
            }
            assert!(differs, "{name} does nothing");
            tried += 1;
        }
    }
    assert!(tried > 25, "{tried}");
}

#[test]
fn values_out_of_range_are_refused_by_name() {
    for factory in kinds() {
        let spec = factory.spec();
        for parameter in &spec.parameters {
            let signal = &spec.signals[0].name;
            let text = format!(
                "[process]\nkind = \"{}\"\n{} = {:?}\n[reward]\n{signal} = 1.0\n",
                spec.kind,
                parameter.name,
                parameter.high * 1.5
            );
            let project = Project::from_text("test.toml", &text, &[]).unwrap();
            let error =
                registry().open(&project, &mut |_| {}).err().unwrap_or_else(|| panic!("{text}")).to_string();
            assert!(error.contains(&parameter.name), "{error}");
        }
    }
}
