//! The rows of a learner whose critic sees features that its policy does not see: the observation, then the hidden features
//! that the critic reads. A policy reads the beginning of a row, a critic all of it (Pinto et al. 2018, arXiv 1710.06542).

use setpoint_decision::Diagnostic;
use setpoint_decision::section::Section;
use setpoint_decision::spec::Spec;
use setpoint_process::rows::{rows, rows_mut};

/// Columns of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sight {
    features: usize,
    /// Number of hidden features.
    all_hidden: usize,
    /// The hidden features that the critic sees.
    columns: Vec<usize>,
}

/// Reads `critic_sees`.
pub fn read(section: &Section<'_>) -> Result<Vec<String>, Box<Diagnostic>> {
    let meaning = "features of `hide` in [process] that the critic sees, in the training alone";
    Ok(section.strings("critic_sees", meaning)?.unwrap_or_default())
}

/// The reason why a critic cannot see these features of a process, if so.
pub fn mismatch(names: &[String], spec: &Spec) -> Option<String> {
    let hidden: Vec<&str> = spec.hidden.iter().map(|feature| feature.name.as_str()).collect();
    let name = names.iter().find(|name| !hidden.contains(&name.as_str()))?;
    if spec.observation.iter().any(|feature| feature.name == *name) {
        return Some(format!(
            "critic_sees names `{name}`, which the policy sees too: write it in `hide` of [process], or leave it out"
        ));
    }
    let known = if hidden.is_empty() { "none".to_owned() } else { hidden.join(", ") };
    Some(format!("critic_sees names `{name}`, which is no hidden feature; hidden in [process]: {known}"))
}

impl Sight {
    /// With these hidden features for the critic; [`mismatch`] has checked them.
    pub fn new(spec: &Spec, names: &[String]) -> Self {
        let place = |name: &String| spec.hidden.iter().position(|feature| feature.name == *name);
        Self {
            features: spec.observation.len(),
            all_hidden: spec.hidden.len(),
            columns: names.iter().filter_map(place).collect(),
        }
    }

    /// Numbers of a policy's row.
    pub fn features(&self) -> usize {
        self.features
    }

    /// Numbers of a critic's row.
    pub fn width(&self) -> usize {
        self.features + self.columns.len()
    }

    /// The rows of a policy, of `count` rows of a critic: the beginning of each, into `shown`; the rows themselves where a
    /// critic sees nothing more.
    pub fn shown<'a>(&self, whole: &'a [f32], count: usize, shown: &'a mut Vec<f32>) -> &'a [f32] {
        if self.columns.is_empty() {
            return whole;
        }
        shown.resize(count * self.features, 0.0);
        for (to, row) in rows_mut(shown, self.features, count).zip(rows(whole, self.width(), count)) {
            to.copy_from_slice(&row[..self.features]);
        }
        shown
    }

    /// Writes the row of each lane into `joined`; gives the observations themselves where a critic sees nothing more.
    pub fn join<'a>(
        &self,
        observations: &'a [f32],
        hidden: &[f32],
        lanes: usize,
        joined: &'a mut Vec<f32>,
    ) -> &'a [f32] {
        if self.columns.is_empty() {
            return observations;
        }
        joined.resize(lanes * self.width(), 0.0);
        let sources = rows(observations, self.features, lanes).zip(rows(hidden, self.all_hidden, lanes));
        for (to, (observation, hidden)) in rows_mut(joined, self.width(), lanes).zip(sources) {
            let (to_observation, to_hidden) = to.split_at_mut(self.features);
            to_observation.copy_from_slice(observation);
            to_hidden.iter_mut().zip(&self.columns).for_each(|(to, column)| *to = hidden[*column]);
        }
        joined
    }
}

#[cfg(test)]
mod tests {
    use setpoint_decision::spec::Feature;

    use super::*;

    #[test]
    fn a_critic_s_row_has_the_named_features_behind_the_observation() {
        let feature = |name: &str| Feature::new(name, "1", 0.0, 1.0, "");
        let spec = Spec {
            observation: vec![feature("a"), feature("b")],
            hidden: vec![feature("c"), feature("d"), feature("e")],
            ..Spec::default()
        };
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let sight = Sight::new(&spec, &names(&["e", "c"]));
        let (observations, hidden) = ([1.0, 2.0, 11.0, 12.0], [3.0, 4.0, 5.0, 13.0, 14.0, 15.0]);
        let mut joined = Vec::new();
        let rows = sight.join(&observations, &hidden, 2, &mut joined);
        assert_eq!(rows, [1.0, 2.0, 5.0, 3.0, 11.0, 12.0, 15.0, 13.0]);
        assert_eq!(sight.shown(rows, 2, &mut Vec::new()), observations);
        let alike = Sight::new(&spec, &[]);
        assert_eq!(alike.join(&observations, &hidden, 2, &mut Vec::new()), observations);
        assert_eq!(mismatch(&names(&["d"]), &spec), None);
        assert!(mismatch(&names(&["d", "b"]), &spec).unwrap().contains("`b`, which the policy sees too"));
        assert!(mismatch(&names(&["f"]), &spec).unwrap().contains("c, d, e"));
    }
}
