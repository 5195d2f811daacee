//! The entropy coefficient: its form in the project file, and its tuning to a target entropy.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use setpoint_decision::Diagnostic;
use setpoint_decision::section::Section;

use crate::bounds;

/// `ent_coef`: fixed, or tuned from an initial value (`"auto"`, `"auto_0.1"`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum EntropyCoefficient {
    /// Always the same.
    Fixed(f64),
    /// Tuned, starting at this value.
    Auto(f64),
}

impl EntropyCoefficient {
    fn parse(text: &str) -> Option<Self> {
        let initial = match text.strip_prefix("auto")? {
            "" => 1.0,
            rest => rest.strip_prefix('_')?.parse().ok()?,
        };
        (f64::is_finite(initial) && initial > 0.0).then_some(Self::Auto(initial))
    }

    pub(super) fn read(section: &Section<'_>) -> Result<Option<Self>, Box<Diagnostic>> {
        const MEANING: &str = "weight of the policy's entropy, or \"auto\"";
        if !section.is_string("ent_coef") {
            return Ok(section.number("ent_coef", bounds::not_negative(), MEANING)?.map(Self::Fixed));
        }
        let Some(text) = section.string("ent_coef", MEANING)? else { return Ok(None) };
        Self::parse(&text).map(Some).ok_or_else(|| {
            let help = "\"auto\" tunes it to the target entropy, \"auto_0.1\" starts at 0.1";
            section.error(
                "ent_coef",
                &format!("`{text}` is not an entropy coefficient"),
                "expected a number or \"auto\"",
                help,
            )
        })
    }
}

impl Serialize for EntropyCoefficient {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Fixed(value) => serializer.serialize_f64(*value),
            Self::Auto(initial) => serializer.serialize_str(&format!("auto_{initial}")),
        }
    }
}

impl<'de> Deserialize<'de> for EntropyCoefficient {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(f64),
            Text(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Number(value) => Ok(Self::Fixed(value)),
            Written::Text(text) => Self::parse(&text)
                .ok_or_else(|| serde::de::Error::custom(format!("`{text}` is not an entropy coefficient"))),
        }
    }
}

/// α, the entropy coefficient, and its tuning: log α down −log α · (log π + H̄) (Haarnoja et al. 2018, equation 18,
/// in the form of the authors' code, which Stable-Baselines3 follows).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Temperature {
    log_alpha: f64,
    tuned: bool,
    target_entropy: f64,
    first: f64,
    second: f64,
    steps: i32,
}

impl Temperature {
    /// With the entropy to aim at.
    pub fn new(coefficient: EntropyCoefficient, target_entropy: f64) -> Self {
        let (alpha, tuned) = match coefficient {
            EntropyCoefficient::Fixed(alpha) => (alpha, false),
            EntropyCoefficient::Auto(alpha) => (alpha, true),
        };
        Self { log_alpha: alpha.ln(), tuned, target_entropy, first: 0.0, second: 0.0, steps: 0 }
    }

    /// α
    pub fn alpha(&self) -> f64 {
        self.log_alpha.exp()
    }

    /// One step of Adam; `mean_log_probability` belongs to the present policy. Returns α before the step.
    pub fn step(&mut self, mean_log_probability: f64, learning_rate: f64) -> f64 {
        let alpha = self.alpha();
        if self.tuned {
            // d/d log α: positive, so that α falls, while the policy is more random than its target.
            let gradient = -(mean_log_probability + self.target_entropy);
            self.steps += 1;
            self.first = 0.9 * self.first + 0.1 * gradient;
            self.second = 0.999 * self.second + 0.001 * gradient * gradient;
            let first = self.first / (1.0 - 0.9_f64.powi(self.steps));
            let second = self.second / (1.0 - 0.999_f64.powi(self.steps));
            self.log_alpha -= learning_rate * first / (second.sqrt() + 1e-8);
        }
        alpha
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Implementations often have the wrong sign: a policy that is more random than its target lowers the coefficient.
    #[test]
    fn the_coefficient_falls_while_entropy_is_above_the_target_and_rises_below_it() {
        let mut high = Temperature::new(EntropyCoefficient::Auto(0.5), -1.0);
        let mut low = high.clone();
        let mut fixed = Temperature::new(EntropyCoefficient::Fixed(0.2), -1.0);
        for _ in 0..10 {
            // log π = −2: entropy 2 nats, far above −1. log π = 3: entropy −3, below.
            assert!(high.step(-2.0, 1e-2) <= 0.5);
            low.step(3.0, 1e-2);
            fixed.step(-2.0, 1e-2);
        }
        assert!(high.alpha() < 0.46 && low.alpha() > 0.54 && (fixed.alpha() - 0.2).abs() < 1e-12);
        // Adam's first step has the size of the learning rate.
        let mut one = Temperature::new(EntropyCoefficient::Auto(1.0), -1.0);
        assert_eq!(one.step(-5.0, 0.01), 1.0);
        assert!((one.alpha().ln() + 0.01).abs() < 1e-9);
    }

    #[test]
    fn coefficients_are_read_as_stable_baselines3_writes_them() {
        assert_eq!(EntropyCoefficient::parse("auto"), Some(EntropyCoefficient::Auto(1.0)));
        assert_eq!(EntropyCoefficient::parse("auto_0.1"), Some(EntropyCoefficient::Auto(0.1)));
        for text in ["automatic", "auto_", "auto_-1", "auto_nan", "0.1"] {
            assert_eq!(EntropyCoefficient::parse(text), None, "{text}");
        }
    }
}
