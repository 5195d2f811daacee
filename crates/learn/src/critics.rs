//! The critics of off-policy actor–critic methods: each with a slowly following target, trained by regression, and two of
//! them on two cores.

use setpoint_nn::inputs::Inputs;
use setpoint_nn::network::{Cores, Network, Target, Trained};
use setpoint_process::{StateError, rows as matrix};

/// A critic with its target and its buffers for a gradient step.
pub struct Critic {
    /// Q
    pub network: Network,
    /// Q'
    pub target: Target,
    /// Outputs of the critic or of its target, `[rows, outputs]`.
    pub values: Vec<f32>,
    /// dL/d outputs, `[rows, outputs]`
    pub gradient: Vec<f32>,
    /// The inputs of its last regression.
    pub loss: f64,
}

/// The part of a checkpoint with a critic: its network, and the parameters of its target.
pub type Saved = (Trained, Vec<f32>);

impl Critic {
    /// A critic with a copy as its target; for batches of up to `rows_max`.
    pub fn new(network: Network, rows_max: usize) -> Self {
        let outputs = rows_max * network.shape.output();
        Self {
            target: Target::of(&network, rows_max),
            values: vec![0.0; outputs],
            gradient: vec![0.0; outputs],
            loss: 0.0,
            network,
        }
    }

    /// The network's outputs, into `values`.
    pub fn estimate<'a>(&mut self, inputs: impl Into<Inputs<'a, f32>>, rows: usize) {
        let outputs = self.network.forward(inputs, rows);
        self.values[..outputs.len()].copy_from_slice(outputs);
    }

    /// The target's outputs, into `values`.
    pub fn estimate_by_target<'a>(&mut self, inputs: impl Into<Inputs<'a, f32>>, rows: usize) {
        let outputs = self.target.forward(inputs, rows);
        self.values[..outputs.len()].copy_from_slice(outputs);
    }

    /// One step of Adam down `weight` · mean (Q − y)², with y from `targets`. With several outputs the choice in `choices`
    /// selects the output of each row; with one output that output counts.
    pub fn regress<'a>(
        &mut self,
        inputs: impl Into<Inputs<'a, f32>>,
        choices: &[u32],
        targets: &[f32],
        weight: f32,
        learning_rate: f64,
    ) {
        let (inputs, rows) = (inputs.into(), targets.len());
        let outputs = self.network.shape.output();
        let estimates = self.network.forward(inputs, rows);
        let gradient = &mut self.gradient[..rows * outputs];
        gradient.fill(0.0);
        self.loss = 0.0;
        for (row, target) in targets.iter().enumerate() {
            let index = row * outputs + choices.get(row).map_or(0, |choice| *choice as usize);
            let error = estimates[index] - target;
            self.loss += f64::from(weight) * f64::from(error * error) / rows as f64;
            gradient[index] = 2.0 * weight * error / rows as f32;
        }
        self.network.learn(inputs, rows, gradient, learning_rate, None);
    }

    /// The target moves by τ towards the network.
    pub fn follow(&mut self, tau: f64) {
        self.target.follow(&self.network, tau);
    }
}

/// Calls the function with every critic, two at a time on two cores.
pub fn each(critics: &mut [Critic], cores: Cores, work: impl Fn(&mut Critic) + Sync) {
    match critics {
        [first, second] => {
            cores.join(|| work(first), || work(second));
        }
        critics => critics.iter_mut().for_each(work),
    }
}

/// `[rows, features + axes]` from observations and actions.
pub fn beside(observations: &[f32], actions: &[f32], axes: usize, rows: usize, inputs: &mut [f32]) {
    let features = observations.len() / rows;
    let of_observations =
        inputs.chunks_exact_mut(features + axes).zip(matrix::rows(observations, features, rows));
    for ((input, observation), action) in of_observations.zip(actions.chunks_exact(axes)) {
        input[..features].copy_from_slice(observation);
        input[features..].copy_from_slice(action);
    }
}

/// The smallest of all critics' values at an index.
pub fn least(critics: &[Critic], index: usize) -> f32 {
    critics.iter().map(|critic| critic.values[index]).fold(f32::INFINITY, f32::min)
}

/// The part of a checkpoint with them.
pub fn saved(critics: &[Critic]) -> Vec<(&Trained, &Vec<f32>)> {
    critics.iter().map(|critic| (&critic.network.trained, &critic.target.parameters)).collect()
}

/// Restores the part of a checkpoint.
pub fn restore(critics: &mut [Critic], saved: Vec<Saved>) -> Result<(), StateError> {
    if critics.len() != saved.len() {
        return Err(StateError::new("it has a different number of critics than this project"));
    }
    for (critic, (trained, target)) in critics.iter_mut().zip(saved) {
        critic.network.restore(trained).map_err(StateError::new)?;
        critic.target.restore(target).map_err(StateError::new)?;
    }
    Ok(())
}

/// Takes over the weights of critics and targets; `false` if they have other sizes. All critics of a learner have one size, so
/// either all are taken or none.
pub fn adopt(critics: &mut [Critic], saved: Vec<Saved>) -> bool {
    let take = |(critic, (trained, target)): (&mut Critic, Saved)| {
        critic.network.adopt(trained.parameters).is_ok() && critic.target.restore(target).is_ok()
    };
    critics.len() == saved.len() && critics.iter_mut().zip(saved).all(take)
}

#[cfg(test)]
mod tests {
    use setpoint_nn::mlp::{Activation, Mlp};
    use setpoint_random::Stream;

    use super::*;

    fn critic(output: usize) -> Critic {
        let shape = Mlp { input: 2, hidden: vec![8], output, activation: Activation::Tanh };
        Critic::new(Network::new(shape, 3, &mut Stream::new(0, "test", 0)), 3)
    }

    #[test]
    fn the_regression_s_gradient_agrees_with_finite_differences() {
        let inputs = [0.3, -0.2, 0.9, 0.1, -0.7, 0.5];
        let targets = [0.4, -1.0, 2.0];
        for (outputs, choices) in [(1, &[][..]), (4, &[2, 0, 3][..])] {
            for weight in [0.5, 1.0] {
                let mut critic = critic(outputs);
                critic.estimate(&inputs, 3);
                let values = critic.values.clone();
                critic.regress(&inputs, choices, &targets, weight, 1e-3);
                let loss = |values: &[f32]| {
                    let error = |row: usize| {
                        let choice = choices.get(row).map_or(0, |choice| *choice as usize);
                        f64::from(values[row * outputs + choice]) - f64::from(targets[row])
                    };
                    (0..3).map(|row| f64::from(weight) * error(row).powi(2)).sum::<f64>() / 3.0
                };
                assert!((critic.loss - loss(&values)).abs() < 1e-6);
                for index in 0..3 * outputs {
                    let shifted = |by: f32| {
                        let mut values = values.clone();
                        values[index] += by;
                        loss(&values)
                    };
                    let numeric = (shifted(1e-2) - shifted(-1e-2)) / 2e-2;
                    assert!((numeric - f64::from(critic.gradient[index])).abs() < 1e-4, "{index}: {numeric}");
                }
            }
        }
    }

    #[test]
    fn a_regression_goes_down_and_its_target_follows() {
        let mut critic = critic(1);
        let (inputs, targets) = ([0.3, -0.2, 0.9, 0.1, -0.7, 0.5], [0.4, -1.0, 2.0]);
        critic.regress(&inputs, &[], &targets, 0.5, 1e-2);
        let first = critic.loss;
        for _ in 0..500 {
            critic.regress(&inputs, &[], &targets, 0.5, 1e-2);
            critic.follow(0.1);
        }
        assert!(critic.loss < 0.01 * first);
        critic.estimate_by_target(&inputs, 3);
        for (value, target) in critic.values.iter().zip(targets) {
            assert!((value - target).abs() < 0.1, "{value} {target}");
        }
    }

    #[test]
    fn what_another_number_of_critics_left_is_refused() {
        let one = [critic(1)];
        let kept: Vec<Saved> = saved(&one).into_iter().map(|(a, b)| (a.clone(), b.clone())).collect();
        assert!(restore(&mut [critic(1), critic(1)], kept.clone()).is_err());
        assert!(restore(&mut [critic(2)], kept.clone()).is_err());
        assert!(restore(&mut [critic(1)], kept).is_ok());
    }
}
