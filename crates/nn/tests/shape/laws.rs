//! What networks with encoders and a memory promise: rows, sequences and points that do not depend on each other, and
//! features alone as a plain perceptron.

use super::networks::{bytes, pseudo, to_f32};
use setpoint_nn::convolution::{Convolution, Filters};
use setpoint_nn::inputs::{Inputs, Sequences, Tensor};
use setpoint_nn::mlp::{Activation, Mlp};
use setpoint_nn::network::{Cores, Halves, Network, Target};
use setpoint_nn::point_set::PointSet;
use setpoint_nn::shape::Shape;
use setpoint_random::Stream;

const PIXELS: usize = 10 * 11 * 3;
const POINTS: usize = 40;

/// Three features, an image of 10 × 11 × 3, a set of 40 points in the plane.
fn network(memory: Option<usize>) -> Shape {
    let filters = vec![Filters::square(16, 3, 2), Filters::square(20, 2, 1)];
    let images = Convolution::new([10, 11, 3], filters, Some(33)).unwrap();
    let points = PointSet::new(POINTS, 2, vec![16, 31]).unwrap();
    Shape::new(3, vec![images.into(), points.into()], memory, vec![32], 4, Activation::Relu)
}

struct Numbers {
    features: Vec<f32>,
    image: Vec<u8>,
    points: Vec<f32>,
    counts: Vec<u32>,
}

impl Numbers {
    fn new(rows: usize) -> Self {
        Self {
            features: to_f32(&pseudo(rows * 3, 0.613)),
            image: bytes(rows * PIXELS, 3),
            points: to_f32(&pseudo(rows * POINTS * 2, 1.137)),
            counts: (0..rows as u32).map(|row| row * 7 % (POINTS as u32 + 1)).collect(),
        }
    }

    fn tensors(&self) -> [Tensor<'_, f32>; 2] {
        [Tensor::Bytes(&self.image), Tensor::Points { numbers: &self.points, counts: &self.counts }]
    }
}

fn parameters(shape: &Shape) -> Vec<f32> {
    let (mut parameters, mut weights) = (vec![0.0; shape.parameters()], Stream::new(5, "test", 0));
    shape.initialize_uniform(&mut parameters, &mut || f64::from(weights.unit()));
    parameters
}

#[test]
fn a_row_has_the_same_bits_in_any_batch() {
    let (shape, numbers) = (network(None), Numbers::new(64));
    let (parameters, tensors) = (parameters(&shape), numbers.tensors());
    let inputs = Inputs::new(&numbers.features, &tensors);
    let mut workspace = shape.workspace(64);
    let whole = shape.forward(&parameters, inputs, 64, &mut workspace).to_vec();
    assert!(whole.iter().all(|value| value.is_finite()));
    for rows in [1, 4, 7, 33] {
        for first in [0, 3, 64 - rows] {
            let mut own = shape.workspace(rows);
            for workspace in [&mut workspace, &mut own] {
                let part = shape.forward(&parameters, inputs.skip(first), rows, workspace);
                assert_eq!(part, &whole[first * 4..(first + rows) * 4], "{rows} rows from {first}");
            }
        }
    }
}

/// Acting is one time at a time, with the state in hand; learning is all times at once.
#[test]
fn a_memory_step_by_step_has_the_bits_of_all_times_at_once() {
    let (times, count, hidden) = (6, 5, 24);
    let (shape, numbers) = (network(Some(hidden)), Numbers::new(times * count));
    let (parameters, tensors) = (parameters(&shape), numbers.tensors());
    let inputs = Inputs::new(&numbers.features, &tensors);
    let starts: Vec<bool> = (0..times * count).map(|row| row % 11 == 8).collect();
    let first_state = to_f32(&pseudo(count * hidden, 0.77));
    let mut workspace = shape.workspace(times * count);
    let sequences = Sequences { count, starts: &starts, state: &first_state };
    let rows = times * count;
    let whole = shape.forward(&parameters, inputs.in_sequences(sequences), rows, &mut workspace).to_vec();
    let last = workspace.state().to_vec();
    // One sequence by itself, one time at a time.
    for sequence in 0..count {
        let mut state = first_state[sequence * hidden..][..hidden].to_vec();
        let mut workspace = shape.workspace(1);
        for time in 0..times {
            let row = time * count + sequence;
            let own: [Tensor<'_, f32>; 2] = [
                Tensor::Bytes(&numbers.image[row * PIXELS..]),
                Tensor::Points {
                    numbers: &numbers.points[row * POINTS * 2..],
                    counts: &numbers.counts[row..],
                },
            ];
            let sequences = Sequences { count: 1, starts: &starts[row..=row], state: &state };
            let inputs = Inputs::new(&numbers.features[row * 3..], &own).in_sequences(sequences);
            let found = shape.forward(&parameters, inputs, 1, &mut workspace);
            assert_eq!(found, &whole[row * 4..][..4], "sequence {sequence}, time {time}");
            state.copy_from_slice(workspace.state());
        }
        assert_eq!(state, last[sequence * hidden..][..hidden]);
    }
}

/// Outputs and gradient, bit for bit.
#[test]
fn the_order_of_points_does_not_matter() {
    let (shape, mut numbers) = (network(None), Numbers::new(20));
    let parameters = parameters(&shape);
    let above = to_f32(&pseudo(20 * 4, 0.3));
    let mut workspace = shape.workspace(20);
    let mut run = |numbers: &Numbers| {
        let (tensors, mut gradient) = (numbers.tensors(), vec![f32::NAN; parameters.len()]);
        let inputs = Inputs::new(&numbers.features, &tensors);
        let outputs = shape.forward(&parameters, inputs, 20, &mut workspace).to_vec();
        shape.backward(&parameters, inputs, 20, &mut workspace, &above, &mut gradient);
        (outputs, gradient)
    };
    let before = run(&numbers);
    let mut draws = Stream::new(1, "order", 0);
    for (points, count) in numbers.points.chunks_exact_mut(POINTS * 2).zip(&numbers.counts) {
        for last in (1..*count as usize).rev() {
            let other = (draws.unit() * (last + 1) as f32) as usize;
            (0..2).for_each(|axis| points.swap(last * 2 + axis, other.min(last) * 2 + axis));
        }
    }
    assert_eq!(run(&numbers), before);
    // What lies beyond a row's count is not read.
    for (points, count) in numbers.points.chunks_exact_mut(POINTS * 2).zip(&numbers.counts) {
        points[*count as usize * 2..].fill(f32::NAN);
    }
    assert_eq!(run(&numbers), before);
}

/// SAC learns through the smaller critic of each row.
#[test]
fn the_feature_gradient_of_kept_rows_is_that_of_all_rows() {
    let (shape, numbers) = (network(None), Numbers::new(12));
    let (tensors, above) = (numbers.tensors(), to_f32(&pseudo(12 * 4, 0.3)));
    let inputs = Inputs::new(&numbers.features, &tensors);
    let mut network = Network::new(shape, 12, &mut Stream::new(2, "test", 0));
    let (mut whole, mut part) = (vec![f32::NAN; 12 * 3], vec![f32::NAN; 12 * 3]);
    network.forward(inputs, 12);
    network.input_gradient(12, &above, &mut whole);
    assert!(whole.iter().any(|value| *value != 0.0));
    let kept = [1_u32, 2, 7, 11];
    let own: Vec<f32> = kept.iter().flat_map(|row| above[*row as usize * 4..][..4].to_vec()).collect();
    network.forward(inputs, 12);
    network.input_gradient_of(&kept, &own, &mut part);
    for (index, row) in kept.iter().enumerate() {
        assert_eq!(part[index * 3..][..3], whole[*row as usize * 3..][..3], "row {row}");
    }
}

#[test]
fn halves_and_targets_read_tensors_too() {
    let (rows, numbers) = (9, Numbers::new(9));
    let (tensors, above) = (numbers.tensors(), to_f32(&pseudo(rows * 4, 0.3)));
    let inputs = Inputs::new(&numbers.features, &tensors);
    let mut network = Network::new(self::network(None), rows, &mut Stream::new(2, "test", 0));
    let whole = network.forward(inputs, rows).to_vec();
    assert_eq!(Target::of(&network, rows).forward(inputs, rows), whole);
    let (shape, parameters) = (&network.shape, &network.trained.parameters);
    let mut gradient = vec![0.0; parameters.len()];
    let mut workspace = shape.workspace(rows);
    shape.forward(parameters, inputs, rows, &mut workspace);
    shape.backward(parameters, inputs, rows, &mut workspace, &above, &mut gradient);
    let mut halves = Halves::new(shape, rows);
    for cores in [Cores::One, Cores::Two] {
        let mut outputs = vec![0.0; rows * 4];
        halves.forward(shape, parameters, inputs, rows, cores, &mut outputs);
        assert_eq!(outputs, whole);
        halves.backward(shape, parameters, inputs, rows, cores, &above);
        for (found, expected) in halves.gradient().iter().zip(&gradient) {
            assert!((found - expected).abs() < 1e-4 * (1.0 + expected.abs()), "{found} {expected}");
        }
    }
}

#[test]
fn features_alone_are_a_perceptron() {
    let mlp = Mlp { input: 5, hidden: vec![64, 16], output: 3, activation: Activation::Tanh };
    let shape = Shape::new(5, vec![], None, vec![64, 16], 3, Activation::Tanh);
    assert_eq!((shape.clone(), shape.trunk()), (Shape::from(mlp.clone()), &mlp));
    let (mut of_shape, mut of_mlp) = (vec![0.0_f32; shape.parameters()], vec![0.0; mlp.parameters()]);
    let normal = |weights: &mut Stream| f64::from(weights.normal());
    let (mut first, mut second) = (Stream::new(3, "test", 0), Stream::new(3, "test", 0));
    shape.initialize_orthogonal(&mut of_shape, 1.4, 0.01, &mut || normal(&mut first));
    mlp.initialize_orthogonal(&mut of_mlp, 1.4, 0.01, &mut || normal(&mut second));
    assert_eq!(of_shape, of_mlp);
    let (features, above) = (to_f32(&pseudo(8 * 5, 0.7)), to_f32(&pseudo(8 * 3, 0.3)));
    let (mut workspace, mut own) = (shape.workspace(8), mlp.workspace(8));
    assert_eq!(
        shape.forward(&of_shape, &features, 8, &mut workspace),
        mlp.forward(&of_mlp, &features, 8, &mut own)
    );
    let (mut found, mut expected) = (vec![0.0; of_mlp.len()], vec![1.0; of_mlp.len()]);
    shape.backward(&of_shape, &features, 8, &mut workspace, &above, &mut found);
    mlp.backward(&of_mlp, &features, 8, &mut own, &above, &mut expected);
    assert_eq!(found, expected);
}

/// Orthogonal with the hidden gain in every layer but the last, each gate of a memory by itself; all biases 0.
#[test]
fn initial_weights_of_all_parts() {
    let shape = network(Some(8));
    let mut parameters = vec![f32::NAN; shape.parameters()];
    let mut weights = Stream::new(3, "test", 0);
    shape.initialize_orthogonal(&mut parameters, 2.0, 0.5, &mut || f64::from(weights.normal()));
    assert!(parameters.iter().all(|value| value.is_finite()));
    // The first convolution: 27 inputs, 16 filters of norm 2 without bias.
    let (first, rest) = parameters.split_at(27 * 16);
    for filter in 0..16 {
        let norm: f32 = first.iter().skip(filter).step_by(16).map(|weight| weight * weight).sum();
        assert!((norm - 4.0).abs() < 1e-4, "filter {filter}: {norm}");
    }
    assert_eq!(rest[..16], [0.0; 16]);
    // The memory's input weights: 67 inputs, columns of norm 2, and those of one gate at right angles.
    let encoders: usize = shape.encoders().iter().map(|encoder| encoder.parameters()).sum();
    let memory = &parameters[encoders..];
    let column = |column: usize| memory[..67 * 24].iter().skip(column).step_by(24);
    let dot = |a: usize, b: usize| column(a).zip(column(b)).map(|(a, b)| a * b).sum::<f32>();
    for (a, b, expected) in [(0, 0, 4.0), (23, 23, 4.0), (8, 15, 0.0), (16, 17, 0.0)] {
        assert!((dot(a, b) - expected).abs() < 1e-4, "{a}·{b}: {}", dot(a, b));
    }
    // PyTorch's defaults.
    shape.initialize_uniform(&mut parameters, &mut || f64::from(weights.unit()));
    let greatest = |slice: &[f32]| slice.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
    let within = |slice: &[f32], bound: f32| greatest(slice) <= bound && greatest(slice) > 0.9 * bound;
    assert!(within(&parameters[..28 * 16], 1.0 / 27.0_f32.sqrt()));
    let memory = shape.memory().unwrap().parameters();
    assert!(within(&parameters[encoders..encoders + memory], 1.0 / 8.0_f32.sqrt()));
}

#[test]
#[should_panic(expected = "no tensor for encoder 2")]
fn a_missing_tensor_is_refused() {
    let (shape, numbers) = (network(None), Numbers::new(1));
    let tensors = &numbers.tensors()[..1];
    let inputs = Inputs::new(&numbers.features, tensors);
    shape.forward(&parameters(&shape), inputs, 1, &mut shape.workspace(1));
}

#[test]
#[should_panic(expected = "needs the sequences of its rows")]
fn a_memory_without_sequences_is_refused() {
    let shape = Shape::new(2, vec![], Some(3), vec![], 1, Activation::Linear);
    shape.forward(&parameters(&shape), &[0.5, 0.1], 1, &mut shape.workspace(1));
}
