//! Gradients of whole networks against central differences in f64, on the code that trains in f32.

use setpoint_nn::initialize;
use setpoint_nn::mlp::{Activation, Mlp};

fn pseudo(n: usize, salt: f64) -> Vec<f64> {
    (0..n).map(|i| ((i as f64 + 1.0) * 78.233 * salt).sin()).collect()
}

#[test]
fn backward_agrees_with_finite_differences() {
    for activation in [Activation::Tanh, Activation::Relu, Activation::Linear] {
        for hidden in [vec![], vec![5], vec![7, 4], vec![3, 6, 5]] {
            for rows in [1, 2, 9] {
                let network = Mlp { input: 4, hidden: hidden.clone(), output: 3, activation };
                let mut parameters = pseudo(network.parameters(), 0.731);
                let input = pseudo(rows * 4, 1.317);
                let weights = pseudo(rows * 3, 0.517);
                let mut workspace = network.workspace::<f64>(rows);
                // L = Σ w y + ½ Σ y²
                let mut loss = |parameters: &[f64]| -> f64 {
                    let output = network.forward(parameters, &input, rows, &mut workspace);
                    output.iter().zip(&weights).map(|(y, w)| w * y + 0.5 * y * y).sum()
                };
                let numeric: Vec<f64> = (0..parameters.len())
                    .map(|index| {
                        let (h, kept) = (1e-6, parameters[index]);
                        parameters[index] = kept + h;
                        let above = loss(&parameters);
                        parameters[index] = kept - h;
                        let below = loss(&parameters);
                        parameters[index] = kept;
                        (above - below) / (2.0 * h)
                    })
                    .collect();
                let output_gradient: Vec<f64> = network
                    .forward(&parameters, &input, rows, &mut workspace)
                    .iter()
                    .zip(&weights)
                    .map(|(y, w)| w + y)
                    .collect();
                let mut gradient = vec![f64::NAN; parameters.len()];
                network.backward(&parameters, &input, rows, &mut workspace, &output_gradient, &mut gradient);
                for (index, (exact, numeric)) in gradient.iter().zip(&numeric).enumerate() {
                    assert!(
                        (exact - numeric).abs() < 1e-6 * (1.0 + numeric.abs()),
                        "{activation:?} {hidden:?}, {rows} rows, parameter {index}: {exact} against {numeric}"
                    );
                }
            }
        }
    }
}

#[test]
fn input_gradient_agrees_with_finite_differences() {
    for (activation, hidden) in
        [(Activation::Tanh, vec![6, 5]), (Activation::Relu, vec![7]), (Activation::Linear, vec![])]
    {
        let (rows, network) = (3, Mlp { input: 4, hidden, output: 2, activation });
        let parameters = pseudo(network.parameters(), 0.731);
        let mut input = pseudo(rows * 4, 1.317);
        let weights = pseudo(rows * 2, 0.517);
        let mut workspace = network.workspace::<f64>(rows);
        let mut loss = |input: &[f64]| -> f64 {
            let output = network.forward(&parameters, input, rows, &mut workspace);
            output.iter().zip(&weights).map(|(y, w)| w * y).sum()
        };
        let numeric: Vec<f64> = (0..input.len())
            .map(|index| {
                let (h, kept) = (1e-6, input[index]);
                input[index] = kept + h;
                let above = loss(&input);
                input[index] = kept - h;
                let below = loss(&input);
                input[index] = kept;
                (above - below) / (2.0 * h)
            })
            .collect();
        network.forward(&parameters, &input, rows, &mut workspace);
        let mut gradient = vec![f64::NAN; input.len()];
        network.input_gradient(&parameters, rows, &mut workspace, &weights, &mut gradient);
        for (exact, numeric) in gradient.iter().zip(&numeric) {
            assert!(
                (exact - numeric).abs() < 1e-7 * (1.0 + numeric.abs()),
                "{activation:?}: {exact} {numeric}"
            );
        }
    }
}

#[test]
fn a_two_layer_network_by_hand() {
    // y = tanh(1·x₀ − 2·x₁ + 0.5) · 3 + 1 at x = (0.4, 0.2): tanh(0.5) · 3 + 1
    let network = Mlp { input: 2, hidden: vec![1], output: 1, activation: Activation::Tanh };
    let parameters = [1.0, -2.0, 0.5, 3.0, 1.0];
    let mut workspace = network.workspace::<f64>(1);
    let output = network.forward(&parameters, &[0.4, 0.2], 1, &mut workspace)[0];
    let hidden = 0.5_f64.tanh();
    assert!((output - (3.0 * hidden + 1.0)).abs() < 1e-15);
    let mut gradient = [0.0; 5];
    network.backward(&parameters, &[0.4, 0.2], 1, &mut workspace, &[2.0], &mut gradient);
    let slope = 2.0 * 3.0 * (1.0 - hidden * hidden);
    for (found, expected) in gradient.iter().zip([slope * 0.4, slope * 0.2, slope, 2.0 * hidden, 2.0]) {
        assert!((found - expected).abs() < 1e-14);
    }
}

/// Because of this, PPO's ratio is exactly 1 at first: four rows during collection, sixty-four during learning.
#[test]
fn a_row_has_the_same_bits_in_any_batch() {
    let network = Mlp { input: 8, hidden: vec![64, 64], output: 15, activation: Activation::Tanh };
    let cast = |values: Vec<f64>| values.into_iter().map(|value| value as f32).collect::<Vec<f32>>();
    let parameters = cast(pseudo(network.parameters(), 0.37));
    let input = cast(pseudo(64 * 8, 0.91));
    let mut workspace = network.workspace::<f32>(64);
    let whole = network.forward(&parameters, &input, 64, &mut workspace).to_vec();
    for rows in [1, 4, 7, 33] {
        for first in [0, 3, 64 - rows] {
            let part = network.forward(&parameters, &input[first * 8..], rows, &mut workspace);
            assert_eq!(part, &whole[first * 15..(first + rows) * 15], "{rows} rows from {first}");
        }
    }
}

/// SAC needs each critic's gradient only for the rows in which it has the smaller value.
#[test]
fn the_input_gradient_of_kept_rows_is_that_of_all_rows() {
    for activation in [Activation::Relu, Activation::Tanh] {
        let network = Mlp { input: 3, hidden: vec![64, 48], output: 2, activation };
        let parameters = pseudo(network.parameters(), 0.37);
        let (input, output_gradient) = (pseudo(40 * 3, 0.91), pseudo(40 * 2, 0.13));
        let mut workspace = network.workspace::<f64>(40);
        let (mut whole, mut part) = (vec![0.0; 40 * 3], vec![0.0; 40 * 3]);
        network.forward(&parameters, &input, 40, &mut workspace);
        network.input_gradient(&parameters, 40, &mut workspace, &output_gradient, &mut whole);
        for kept in [vec![], vec![39], vec![0, 1, 7, 20, 21, 38], (0..40).collect()] {
            network.forward(&parameters, &input, 40, &mut workspace);
            network.keep_rows(&kept, &mut workspace);
            let row = |row: &u32| *row as usize;
            let own: Vec<f64> = kept
                .iter()
                .map(row)
                .flat_map(|row| [output_gradient[row * 2], output_gradient[row * 2 + 1]])
                .collect();
            network.input_gradient(&parameters, kept.len(), &mut workspace, &own, &mut part);
            for (index, row) in kept.iter().map(row).enumerate() {
                assert_eq!(part[index * 3..][..3], whole[row * 3..][..3], "row {row} of {kept:?}");
            }
        }
    }
}

#[test]
fn orthogonal_weights_are_orthogonal() {
    let mut state = 0.1_f64;
    let mut normal = || {
        state = (state * 997.13 + 0.1234).fract();
        state * 2.0 - 1.0
    };
    for (inputs, outputs) in [(8, 64), (64, 64), (64, 15), (5, 1)] {
        let mut weights = vec![0.0_f64; inputs * outputs];
        initialize::orthogonal(&mut weights, inputs, outputs, 1.5, &mut normal);
        let at = |input: usize, output: usize| weights[input * outputs + output];
        let (few, many) = (inputs.min(outputs), inputs.max(outputs));
        for a in 0..few {
            for b in 0..few {
                let along =
                    |k: usize| if inputs >= outputs { at(k, a) * at(k, b) } else { at(a, k) * at(b, k) };
                let dot: f64 = (0..many).map(along).sum();
                let expected = if a == b { 1.5 * 1.5 } else { 0.0 };
                assert!((dot - expected).abs() < 1e-12, "{inputs}×{outputs}: {a}·{b} = {dot}");
            }
        }
    }
}
