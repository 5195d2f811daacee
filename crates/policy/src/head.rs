//! The meaning of a network's outputs: the step to an action.

use serde::{Deserialize, Serialize};
use setpoint_decision::spec::{ActionForm, ActionSpace};

/// The step from outputs to an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Head {
    /// Logits of a categorical distribution over the choices of each group.
    Categorical,
    /// The choices' values; the policy takes the greatest.
    Values,
    /// Means of a diagonal Gaussian on [−1, 1]^axes, clipped; its log standard deviations are not outputs of the network.
    Gaussian,
    /// Logits as for [`Head::Categorical`], then means as for [`Head::Gaussian`]: choices and settings together.
    CategoricalGaussian,
    /// Means, then log standard deviations, of a Gaussian whose draws go through tanh.
    SquashedGaussian,
    /// One number per axis, through tanh, without randomness.
    Deterministic,
}

impl Head {
    /// The head of a policy that draws each choice from logits, and the settings around means.
    pub fn stochastic(action: &ActionSpace) -> Self {
        match (action.groups.is_empty(), action.axes.is_empty()) {
            (_, true) => Self::Categorical,
            (true, false) => Self::Gaussian,
            (false, false) => Self::CategoricalGaussian,
        }
    }

    /// Outputs that the network must have for an action space.
    pub fn outputs(self, action: &ActionSpace) -> usize {
        match self {
            Self::SquashedGaussian => 2 * action.len(),
            Self::Categorical
            | Self::Values
            | Self::Gaussian
            | Self::CategoricalGaussian
            | Self::Deterministic => action.len(),
        }
    }

    /// Log standard deviations next to the network: one for each setting of a Gaussian.
    pub fn log_stds(self, action: &ActionSpace) -> usize {
        match self {
            Self::Gaussian | Self::CategoricalGaussian => action.axes.len(),
            Self::Categorical | Self::Values | Self::SquashedGaussian | Self::Deterministic => 0,
        }
    }

    /// Whether it fits the kind of actions.
    pub fn fits(self, action: &ActionSpace) -> bool {
        match (self, action.form()) {
            (Self::Values, ActionForm::Choices(_)) => true,
            (Self::Categorical, ActionForm::Choices(_) | ActionForm::Several) => action.axes.is_empty(),
            (Self::Gaussian | Self::SquashedGaussian | Self::Deterministic, ActionForm::Settings(_)) => true,
            (Self::CategoricalGaussian, ActionForm::Several) => !action.axes.is_empty(),
            _ => false,
        }
    }
}

/// Splits each feature's range into equal bins and numbers the cells, for tabular methods.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Discretization {
    /// Bins of each feature, at least 1.
    pub bins: Vec<u32>,
    /// The lower end of each feature's first bin; smaller values also belong to it.
    pub low: Vec<f32>,
    /// The upper end of each feature's last bin; greater values also belong to it.
    pub high: Vec<f32>,
}

impl Discretization {
    /// Number of cells.
    pub fn cells(&self) -> usize {
        self.bins.iter().map(|bins| *bins as usize).product()
    }

    /// The cell of one observation, row-major in the features' order. NaN falls into the first bin.
    pub fn cell(&self, observation: &[f32]) -> usize {
        let features = observation.iter().zip(&self.bins).zip(self.low.iter().zip(&self.high));
        features.fold(0, |cell, ((value, bins), (low, high))| {
            let share = (value - low) / (high - low);
            let bin = ((share * *bins as f32).max(0.0) as u32).min(bins - 1);
            cell * *bins as usize + bin as usize
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_by_hand() {
        let grid =
            Discretization { bins: vec![3, 1, 4], low: vec![0.0, -1.0, -2.0], high: vec![3.0, 1.0, 2.0] };
        assert_eq!(grid.cells(), 12);
        assert_eq!(grid.cell(&[0.0, 0.0, -2.0]), 0);
        assert_eq!(grid.cell(&[1.0, 5.0, -0.1]), 4 + 1);
        assert_eq!(grid.cell(&[9.0, 0.0, 9.0]), 2 * 4 + 3);
        assert_eq!(grid.cell(&[-9.0, 0.0, f32::NAN]), 0);
        assert_eq!(grid.cell(&[2.999, f32::INFINITY, 1.0]), 2 * 4 + 3);
    }
}
