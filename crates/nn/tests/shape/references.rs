//! Encoders and memory against the definition, in plain loops.

use super::networks::{bare, bytes, pseudo, to_f32};
use setpoint_nn::convolution::{Convolution, Filters};
use setpoint_nn::gru::Gru;
use setpoint_nn::inputs::{Inputs, Sequences, Tensor};
use setpoint_nn::point_set::PointSet;

/// One convolution with ReLU of an image `[height, width, channels]`.
fn convolve(image: &[f64], [height, width, channels]: [usize; 3], filters: Filters, own: &[f64]) -> Vec<f64> {
    let Filters { count, kernel, stride } = filters;
    let places = |size: usize, axis: usize| (size - kernel[axis]) / stride[axis] + 1;
    let bias = &own[kernel[0] * kernel[1] * channels * count..];
    let mut output = Vec::new();
    for y in 0..places(height, 0) {
        for x in 0..places(width, 1) {
            for (filter, bias) in bias.iter().enumerate().take(count) {
                let mut sum = *bias;
                for (i, weights) in own.chunks_exact(channels * count).enumerate().take(kernel[0] * kernel[1])
                {
                    let (down, across) = (y * stride[0] + i / kernel[1], x * stride[1] + i % kernel[1]);
                    for channel in 0..channels {
                        let pixel = image[(down * width + across) * channels + channel];
                        sum += pixel * weights[channel * count + filter];
                    }
                }
                output.push(sum.max(0.0));
            }
        }
    }
    output
}

#[test]
fn convolutions_equal_their_definition() {
    let of = |count, kernel, stride| Filters { count, kernel, stride };
    for (image, filters) in [
        ([1, 1, 1], of(1, [1, 1], [1, 1])),
        ([7, 5, 3], of(5, [3, 2], [2, 1])),
        ([10, 10, 1], of(17, [4, 4], [3, 3])),
        ([6, 13, 2], of(33, [6, 1], [1, 4])),
        // More lines than the encoder has in hand at a time.
        ([40, 41, 4], of(3, [8, 8], [1, 1])),
    ] {
        let rows = 3;
        let encoder = Convolution::new(image, vec![filters], None).unwrap();
        let (own, pixels) = (pseudo(encoder.parameters(), 0.37), bytes(rows * encoder.input(), 5));
        let (shape, parameters) = bare(0, Some(encoder.clone().into()), None, &own);
        let tensors = [Tensor::Bytes(&pixels)];
        let mut workspace = shape.workspace(rows);
        let inputs = Inputs::new(&[], &tensors);
        let found = shape.forward(&parameters, inputs, rows, &mut workspace).to_vec();
        let numbers: Vec<f64> = pixels.iter().map(|byte| f64::from(*byte) / 255.0).collect();
        let expected: Vec<f64> = numbers
            .chunks_exact(encoder.input())
            .flat_map(|row| convolve(row, image, filters, &own))
            .collect();
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-11, "{image:?} {filters:?}: {found} {expected}");
        }
        // The same in f32, and from numbers.
        let (numbers, parameters) = (to_f32(&numbers), to_f32(&parameters));
        let mut workspace = shape.workspace(rows);
        for tensor in [Tensor::Bytes(&pixels), Tensor::Numbers(&numbers)] {
            let tensors = [tensor];
            let found = shape.forward(&parameters, Inputs::new(&[], &tensors), rows, &mut workspace);
            for (found, expected) in found.iter().zip(&expected) {
                assert!((f64::from(*found) - expected).abs() < 1e-4, "{image:?}: {found} {expected}");
            }
        }
    }
}

#[test]
fn a_second_convolution_and_a_linear_layer_read_the_one_before() {
    let (image, first, second) = ([9, 8, 2], Filters::square(3, 2, 2), Filters::square(5, 3, 1));
    let encoder = Convolution::new(image, vec![first, second], Some(4)).unwrap();
    let own = pseudo(encoder.parameters(), 0.37);
    let (shape, parameters) = bare(0, Some(encoder.into()), None, &own);
    let numbers = pseudo(9 * 8 * 2, 0.7);
    let tensors = [Tensor::Numbers(&numbers)];
    let mut workspace = shape.workspace(1);
    let found = shape.forward(&parameters, Inputs::new(&[], &tensors), 1, &mut workspace);
    let (of_first, of_second) = ((2 * 2 * 2 + 1) * 3, (3 * 3 * 3 + 1) * 5);
    let hidden = convolve(&numbers, image, first, &own);
    let flat = convolve(&hidden, [4, 4, 3], second, &own[of_first..]);
    // A linear layer is a convolution of a kernel as large as its input.
    let linear = Filters { count: 4, kernel: [1, 1], stride: [1, 1] };
    let expected = convolve(&flat, [1, 1, flat.len()], linear, &own[of_first + of_second..]);
    for (found, expected) in found.iter().zip(&expected) {
        assert!((found - expected).abs() < 1e-12, "{found} {expected}");
    }
}

#[test]
fn points_equal_their_definition() {
    let (points, rows) = (5, 4);
    let encoder = PointSet::new(points, 2, vec![3, 9]).unwrap();
    let own = pseudo(encoder.parameters(), 0.53);
    let (shape, parameters) = bare(0, Some(encoder.into()), None, &own);
    let (numbers, counts) = (pseudo(rows * points * 2, 0.7), [5, 2, 0, 1]);
    let layer = |input: &[f64], outputs: usize, own: &[f64]| -> Vec<f64> {
        let bias = &own[input.len() * outputs..][..outputs];
        let sum = |output: usize| {
            let products = input.iter().enumerate().map(|(i, x)| x * own[i * outputs + output]);
            (bias[output] + products.sum::<f64>()).max(0.0)
        };
        (0..outputs).map(sum).collect()
    };
    let mut workspace = shape.workspace(rows);
    for all in [true, false] {
        let tensors = [if all {
            Tensor::Numbers(&numbers)
        } else {
            Tensor::Points { numbers: &numbers, counts: &counts }
        }];
        let found = shape.forward(&parameters, Inputs::new(&[], &tensors), rows, &mut workspace);
        for (row, found) in found.chunks_exact(9).enumerate() {
            let mut expected = vec![0.0_f64; 9];
            let count = if all { points } else { counts[row] as usize };
            for point in numbers[row * points * 2..].chunks_exact(2).take(count) {
                let features = layer(&layer(point, 3, &own), 9, &own[9..]);
                expected.iter_mut().zip(features).for_each(|(most, value)| *most = most.max(value));
            }
            for (found, expected) in found.iter().zip(&expected) {
                assert!((found - expected).abs() < 1e-12, "row {row}: {found} {expected}");
            }
        }
    }
}

/// One step of a memory, number by number.
fn remember(gru: Gru, own: &[f64], x: &[f64], h: &[f64]) -> Vec<f64> {
    let Gru { inputs, hidden } = gru;
    let (of_x, of_h) = own.split_at((inputs + 1) * 3 * hidden);
    let sum = |own: &[f64], values: &[f64], column: usize| {
        let products = values.iter().enumerate().map(|(i, value)| value * own[i * 3 * hidden + column]);
        products.sum::<f64>() + own[values.len() * 3 * hidden + column]
    };
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    (0..hidden)
        .map(|unit| {
            let gate = |gate: usize| (sum(of_x, x, gate * hidden + unit), sum(of_h, h, gate * hidden + unit));
            let [r, z] = [gate(0), gate(1)].map(|(x, h)| sigmoid(x + h));
            let (from_x, from_h) = gate(2);
            let n = (from_x + r * from_h).tanh();
            (1.0 - z) * n + z * h[unit]
        })
        .collect()
}

#[test]
fn a_memory_equals_its_definition() {
    for (inputs, hidden, count) in [(1, 1, 1), (3, 5, 2), (9, 17, 5)] {
        let (times, gru) = (4, Gru { inputs, hidden });
        let rows = times * count;
        let own = pseudo(gru.parameters(), 0.53);
        let (shape, parameters) = bare(inputs, None, Some(hidden), &own);
        let (features, state) = (pseudo(rows * inputs, 1.3), pseudo(count * hidden, 0.9));
        let starts: Vec<bool> = (0..rows).map(|row| row % 7 == 3).collect();
        let sequences = Sequences { count, starts: &starts, state: &state };
        let mut workspace = shape.workspace(rows);
        let inputs_of = Inputs::from(&features).in_sequences(sequences);
        let found = shape.forward(&parameters, inputs_of, rows, &mut workspace).to_vec();
        let mut memory = state.clone();
        for row in 0..rows {
            let own_memory = &mut memory[row % count * hidden..][..hidden];
            if starts[row] {
                own_memory.fill(0.0);
            }
            let next = remember(gru, &own, &features[row * inputs..][..inputs], own_memory);
            own_memory.copy_from_slice(&next);
            for (found, next) in found[row * hidden..].iter().zip(&next) {
                assert!((found - next).abs() < 1e-13, "{inputs} × {hidden}, row {row}: {found} {next}");
            }
        }
        assert_eq!(workspace.state(), &found[(times - 1) * count * hidden..]);
        let (features, state) = (to_f32(&features), to_f32(&state));
        let sequences = Sequences { count, starts: &starts, state: &state };
        let inputs_of = Inputs::from(&features).in_sequences(sequences);
        let mut workspace = shape.workspace(rows);
        let in_f32 = shape.forward(&to_f32(&parameters), inputs_of, rows, &mut workspace);
        for (in_f32, found) in in_f32.iter().zip(&found) {
            assert!((f64::from(*in_f32) - found).abs() < 1e-5, "{in_f32} {found}");
        }
    }
}
