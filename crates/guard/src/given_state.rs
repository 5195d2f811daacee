//! A state given by people or programs: named values. The policy sees the other features at their reference values; the
//! constraints do not: to them a feature without a value is unknown.

use setpoint_decision::diagnostic::nearest;
use setpoint_decision::project::Scenario;
use setpoint_policy::manifest::Manifest;

/// A state for a recommendation.
#[derive(Clone, Debug, PartialEq)]
pub struct GivenState {
    /// The observation as the policy sees it.
    pub observation: Vec<f32>,
    /// The given signals, NaN for the others; empty if none was given.
    pub signals: Vec<f32>,
    /// Whether each feature has a given value; the others have their reference values.
    given: Vec<bool>,
}

/// A value could not be understood.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0}")]
pub struct GivenError(String);

impl GivenState {
    /// No value is given: every feature has its reference value.
    pub fn at_reference(manifest: &Manifest) -> Self {
        let observation = manifest.observation.iter().map(|feature| feature.reference).collect();
        Self { observation, signals: Vec::new(), given: vec![false; manifest.observation.len()] }
    }

    /// Every feature has its value of this observation, one value for each feature.
    pub fn of_observation(observation: &[f32]) -> Self {
        Self { observation: observation.to_vec(), signals: Vec::new(), given: vec![true; observation.len()] }
    }

    /// The values of a scenario of a project. A scenario is a whole state: the reference values of its other features count
    /// as given.
    pub fn of_scenario(manifest: &Manifest, scenario: &Scenario) -> Result<Self, GivenError> {
        let mut state = Self::at_reference(manifest);
        for (name, value) in &scenario.values {
            state.set(manifest, name, *value)?;
        }
        state.given.fill(true);
        Ok(state)
    }

    /// Indices of the features without a given value.
    pub fn assumed(&self) -> impl Iterator<Item = usize> {
        self.given.iter().enumerate().filter(|(_, given)| !**given).map(|(index, _)| index)
    }

    /// The observation for the constraints: NaN for each feature without a given value.
    pub fn known(&self) -> Vec<f32> {
        let value = |(value, given): (&f32, &bool)| if *given { *value } else { f32::NAN };
        self.observation.iter().zip(&self.given).map(value).collect()
    }

    /// Sets a feature (as the policy sees it) or a signal (in its unit).
    pub fn set(&mut self, manifest: &Manifest, name: &str, value: f64) -> Result<(), GivenError> {
        if let Some(index) = manifest.observation.iter().position(|feature| feature.name == name) {
            let feature = &manifest.observation[index];
            if !(f64::from(feature.low)..=f64::from(feature.high)).contains(&value) {
                return Err(GivenError(format!(
                    "`{name}` cannot be {value}: expected {} to {} as the policy sees it, which is {} to {} {}",
                    feature.low,
                    feature.high,
                    feature.natural(feature.low),
                    feature.natural(feature.high),
                    feature.unit
                )));
            }
            self.observation[index] = value as f32;
            self.given[index] = true;
            return Ok(());
        }
        if let Some(index) = manifest.signals.iter().position(|signal| signal.name == name) {
            if !value.is_finite() {
                return Err(GivenError(format!("`{name}` must be a finite number")));
            }
            self.signals.resize(manifest.signals.len(), f32::NAN);
            self.signals[index] = value as f32;
            return Ok(());
        }
        let names = || manifest.observation.iter().map(|feature| feature.name.as_str());
        let hint = match nearest(name, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("features: {}", names().collect::<Vec<_>>().join(", ")),
        };
        Err(GivenError(format!("there is no feature `{name}`; {hint}")))
    }

    /// Sets a feature or a signal from a number with its unit; without a unit a feature's number is as the policy sees it.
    pub fn set_in_unit(
        &mut self,
        manifest: &Manifest,
        name: &str,
        value: f64,
        unit: &str,
    ) -> Result<(), GivenError> {
        if ["", "1", "-"].contains(&unit) {
            return self.set(manifest, name, value);
        }
        let own = if let Some(feature) = manifest.observation.iter().find(|feature| feature.name == name) {
            if unit == feature.unit {
                return self.set(manifest, name, f64::from(feature.scaled(value as f32)));
            }
            &feature.unit
        } else if let Some(signal) = manifest.signals.iter().find(|signal| signal.name == name) {
            if unit == signal.unit {
                return self.set(manifest, name, value);
            }
            &signal.unit
        } else {
            // The name is wrong; `set` gives the error.
            return self.set(manifest, name, value);
        };
        Err(GivenError(format!("`{name}` is given in {unit}: expected a number, or a number in {own}")))
    }

    /// Sets from `name=value`, the value as the policy sees it, or with the feature's unit after it (`wip=30parts`).
    pub fn assign(&mut self, manifest: &Manifest, assignment: &str) -> Result<(), GivenError> {
        let refuse = |what: &str| GivenError(format!("`{assignment}`: {what}, for example wip=0.75"));
        let (name, text) = assignment.split_once('=').ok_or_else(|| refuse("expected feature=value"))?;
        let (name, text) = (name.trim(), text.trim());
        if let Ok(value) = text.parse() {
            return self.set(manifest, name, value);
        }
        let units = manifest.observation.iter().map(|feature| (&feature.name, &feature.unit));
        let mut units = units.chain(manifest.signals.iter().map(|signal| (&signal.name, &signal.unit)));
        if let Some((_, unit)) = units.find(|(found, _)| *found == name) {
            let number = text.strip_suffix(unit.as_str()).and_then(|text| text.trim().parse().ok());
            return match number {
                Some(number) => self.set_in_unit(manifest, name, number, unit),
                None => Err(refuse(&format!("expected a number, or a number in {unit}"))),
            };
        }
        // The name is wrong; `set` gives the error.
        self.set(manifest, name, f64::NAN)?;
        Err(refuse("expected a number"))
    }
}
