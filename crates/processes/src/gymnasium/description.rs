//! The description of environments (`python/setpoint/_host.py`), and the process that follows from it.

use serde::Deserialize;
use setpoint_decision::spec::{
    ActionSpace, Aggregate, Axis, Choice, ChoiceGroup, Feature, Signal, Spec, TENSORS_MAX, TensorForm,
    TensorPart, wrong_step,
};

use super::KIND;

/// The description of environments from their host.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Description {
    /// Their name: an id or an entry point.
    pub name: String,
    /// A description in one sentence.
    pub summary: String,
    /// The numbers of an observation, in order.
    pub observation: Vec<Number>,
    /// The images of an observation, in order.
    #[serde(default)]
    pub tensors: Vec<TensorPart>,
    /// The actions.
    pub action: Action,
    /// Whether choices are forbidden in some states.
    pub masked: bool,
    /// The signals of each step, the environment's own reward first.
    pub signals: Vec<Measured>,
    /// Steps after which the environment itself truncates an episode, if known.
    pub max_steps: Option<u32>,
}

/// A bounded number of an observation or an action. A missing bound is the greatest number of its sign.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Number {
    /// Its name in snake case.
    pub name: String,
    /// Least value.
    pub low: f32,
    /// Greatest value.
    pub high: f32,
    /// Its meaning.
    pub description: String,
    /// Its unit. Gymnasium's spaces have none; a process in Python may have them.
    #[serde(default = "pure")]
    pub unit: String,
    /// Of an action: the environment rounds it to the nearest multiple of this.
    #[serde(default)]
    pub step: Option<f32>,
}

/// A signal. Missing parts are unknown.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Measured {
    /// Its name.
    pub name: String,
    /// Its meaning.
    pub description: String,
    /// Its unit.
    #[serde(default = "pure")]
    pub unit: String,
    /// Least value.
    pub low: Option<f32>,
    /// Greatest value.
    pub high: Option<f32>,
    /// Its summary over steps.
    pub aggregate: Option<Aggregate>,
}

/// The unit of pure numbers.
fn pure() -> String {
    "1".to_owned()
}

/// A choice.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Named {
    /// Its name.
    pub name: String,
    /// Its meaning.
    pub description: String,
}

/// The actions.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Action {
    /// One of several choices.
    Discrete {
        /// The choices, by index.
        choices: Vec<Named>,
    },
    /// Several numbers at once.
    Continuous {
        /// One entry per number.
        axes: Vec<Number>,
    },
    /// One choice of each group, and numbers.
    Several {
        /// The groups.
        groups: Vec<Group>,
        /// One entry per number.
        axes: Vec<Number>,
    },
}

impl Action {
    /// Its numbers.
    fn axes(&self) -> &[Number] {
        match self {
            Self::Discrete { .. } => &[],
            Self::Continuous { axes } | Self::Several { axes, .. } => axes,
        }
    }
}

/// Choices of which an action takes one.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Group {
    /// Its name in snake case.
    pub name: String,
    /// Its meaning.
    pub description: String,
    /// The choices, by index.
    pub choices: Vec<Named>,
}

impl Description {
    /// From the host's `description` as JSON. Refused if an action cannot be rounded to its step, and if a tensor part is no
    /// image, or one too many.
    pub fn from_json(text: &str) -> Result<Self, String> {
        let description: Self =
            serde_json::from_str(text).map_err(|error| format!("the description cannot be read: {error}"))?;
        let refused = |axis: &Number| wrong_step(axis.step).map(|reason| (axis.name.clone(), reason));
        if let Some((name, reason)) = description.action.axes().iter().find_map(refused) {
            return Err(format!("the description cannot be used: action `{name}`: {reason}"));
        }
        let is_points = |part: &&TensorPart| matches!(part.form, TensorForm::Points { .. });
        if let Some(TensorPart { name, form, .. }) = description.tensors.iter().find(is_points) {
            return Err(format!("the description cannot be used: `{name}` is {form}, expected an image"));
        }
        let count = description.tensors.len();
        if count > TENSORS_MAX {
            return Err(format!(
                "the description cannot be used: it has {count} images, at most {TENSORS_MAX}"
            ));
        }
        Ok(description)
    }
}

/// The process of environments, with the project's limit of steps, if it has one.
pub fn spec(description: &Description, max_steps: Option<u32>) -> Spec {
    let Description {
        name,
        summary,
        observation,
        tensors,
        action,
        masked,
        signals,
        max_steps: own_max_steps,
    } = description;
    let feature = |number: &Number| {
        Feature::new(&number.name, &number.unit, number.low, number.high, &number.description)
            .ordinarily(ordinary(number.low, number.high))
    };
    let choice = |named: &Named| Choice { name: named.name.clone(), description: named.description.clone() };
    let group = |group: &Group| {
        let choices = group.choices.iter().map(choice).collect();
        ChoiceGroup::new(&group.name, &group.description, choices)
    };
    let axis = |number: &Number| Axis {
        step: number.step,
        ..Axis::new(&number.name, &number.unit, number.low, number.high, &number.description)
    };
    let signal = |(index, measured): (usize, &Measured)| {
        let Measured { name, description, unit, low, high, aggregate } = measured;
        // The reward is summed over an episode, like in Gymnasium's own statistics.
        let usual = if index == 0 { Aggregate::Total } else { Aggregate::Mean };
        let (low, high) = (low.unwrap_or(f32::MIN), high.unwrap_or(f32::MAX));
        Signal::new(name, unit, low, high, description).summarised_by(aggregate.unwrap_or(usual))
    };
    Spec {
        kind: KIND.to_owned(),
        summary: summary.clone(),
        source: format!("{name}, through Gymnasium"),
        observation: observation.iter().map(feature).collect(),
        tensors: tensors.clone(),
        action: match action {
            Action::Discrete { choices } => ActionSpace::one_of(choices.iter().map(choice).collect()),
            Action::Continuous { axes } => ActionSpace::settings(axes.iter().map(axis).collect()),
            Action::Several { groups, axes } => ActionSpace {
                groups: groups.iter().map(group).collect(),
                axes: axes.iter().map(axis).collect(),
            },
        },
        masked: *masked,
        signals: signals.iter().enumerate().map(signal).collect(),
        max_steps: max_steps.or(*own_max_steps),
        reward: vec![("reward".to_owned(), 1.0)],
        notes: vec![
            "Its environments run outside of this program: their state is not part of a checkpoint, and a resumed training \
             begins new episodes."
                .to_owned(),
        ],
        ..Spec::default()
    }
}

/// An ordinary value: the middle of a range; in an infinite range the value nearest to 0.
fn ordinary(low: f32, high: f32) -> f32 {
    if low > f32::MIN && high < f32::MAX { 0.5 * low + 0.5 * high } else { 0.0_f32.clamp(low, high) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CART_POLE: &str = r#"{
        "name": "CartPole-v1", "summary": "the Gymnasium environment CartPole-v1",
        "observation": [
            {"name": "observation_0", "low": -4.800000190734863, "high": 4.800000190734863, "description": "a number"},
            {"name": "observation_1", "low": -3.4028234663852886e+38, "high": 3.4028234663852886e+38, "description": ""},
            {"name": "observation_2", "low": 2.0, "high": 3.4028234663852886e+38, "description": ""}
        ],
        "action": {"type": "discrete", "choices": [{"name": "action_0", "description": "left"}]},
        "masked": false, "signals": [{"name": "reward", "description": "the environment's own reward"}],
        "max_steps": 500, "layout": {"bytes": 0, "arrays": []}
    }"#;

    #[test]
    fn bounds_arrive_exactly_and_open_ranges_have_ordinary_values() {
        let description = Description::from_json(CART_POLE).unwrap();
        let spec_of = |max_steps| spec(&description, max_steps);
        let found = spec_of(None);
        let bounds: Vec<_> = found.observation.iter().map(|f| (f.low, f.high, f.reference)).collect();
        assert_eq!(bounds, [(-4.8, 4.8, 0.0), (f32::MIN, f32::MAX, 0.0), (2.0, f32::MAX, 2.0)]);
        assert_eq!((found.max_steps, spec_of(Some(80)).max_steps), (Some(500), Some(80)));
        assert_eq!(found.action.names(), ["action_0"]);
    }

    #[test]
    fn an_action_without_a_step_above_0_is_refused() {
        let with_step = |step: &str| {
            let axis =
                format!(r#"{{"name": "angle", "low": -9, "high": 9, "description": "", "step": {step}}}"#);
            Description::from_json(&format!(
                r#"{{"name": "mirror", "summary": "", "observation": [], "masked": false, "signals": [],
                    "max_steps": null, "action": {{"type": "continuous", "axes": [{axis}]}}}}"#
            ))
        };
        assert!(with_step("0.5").is_ok() && with_step("null").is_ok());
        for step in ["0", "-0.5", "4e38"] {
            let error = with_step(step).unwrap_err();
            assert!(error.contains("action `angle`: step is"), "{error}");
        }
    }

    #[test]
    fn images_are_tensors_and_points_and_a_fifth_image_are_refused() {
        let with = |tensors: &[&str]| {
            Description::from_json(&format!(
                r#"{{"name": "camera", "summary": "", "observation": [], "masked": false, "signals": [], "max_steps": null,
                    "action": {{"type": "discrete", "choices": []}}, "tensors": [{}]}}"#,
                tensors.join(", ")
            ))
        };
        let part = |form: &str| format!(r#"{{"name": "front", "description": "", "form": {form}}}"#);
        let image = part(r#"{"image": {"height": 40, "width": 30, "channels": 3}}"#);
        let found = spec(&with(&[&image]).unwrap(), None).tensors;
        let form = TensorForm::Image { height: 40, width: 30, channels: 3 };
        assert_eq!(found, [TensorPart::new("front", form, "")]);
        let error = with(&[&part(r#"{"points": {"points": 4, "dimensions": 2}}"#)]).unwrap_err();
        assert!(error.contains("`front` is up to 4 points of 2 numbers, expected an image"), "{error}");
        let error = with(&[image.as_str(); 5]).unwrap_err();
        assert!(error.contains("5 images, at most 4"), "{error}");
    }

    #[test]
    fn what_is_no_description_says_why() {
        let error = Description::from_json("{\"name\": 3}").unwrap_err();
        assert!(error.contains("cannot be read") && error.contains("expected a string"), "{error}");
    }
}
