//! Gradients of whole networks with encoders and a memory, against central differences in f64.

use super::networks::{Batch, bytes, pseudo};
use setpoint_nn::convolution::{Convolution, Filters};
use setpoint_nn::inputs::{Inputs, Sequences, Tensor};
use setpoint_nn::mlp::Activation;
use setpoint_nn::point_set::PointSet;
use setpoint_nn::shape::Shape;

const IMAGE: [usize; 3] = [9, 8, 2];
const POINTS: (usize, usize) = (6, 3);

fn image_encoder(linear: Option<usize>) -> Convolution {
    let wide = Filters { count: 3, kernel: [3, 2], stride: [2, 1] };
    Convolution::new(IMAGE, vec![wide, Filters::square(4, 2, 2)], linear).unwrap()
}

/// Features, an image, a set of points, a trunk of two layers; a memory if wanted.
fn network(features: usize, linear: Option<usize>, memory: Option<usize>) -> Shape {
    let points = PointSet::new(POINTS.0, POINTS.1, vec![7, 5]).unwrap();
    let encoders = vec![image_encoder(linear).into(), points.into()];
    Shape::new(features, encoders, memory, vec![6], 2, Activation::Tanh)
}

/// Twelve rows: without a memory by themselves, otherwise four times of three sequences with episodes that begin within.
fn batch(features: usize, memory: Option<usize>) -> Batch {
    let rows = 12;
    let sequences = memory.map_or(0, |_| 3);
    Batch {
        rows,
        features: pseudo(rows * features, 0.613),
        image: bytes(rows * IMAGE.iter().product::<usize>(), 3),
        points: pseudo(rows * POINTS.0 * POINTS.1, 1.137),
        counts: vec![6, 0, 1, 3, 5, 6, 2, 6, 4, 1, 0, 6],
        sequences,
        starts: (0..rows).map(|row| [0, 4, 10, 11].contains(&row)).collect(),
        state: pseudo(sequences * memory.unwrap_or(0), 0.377),
    }
}

/// Σ w y + ½ Σ y² of the network's outputs, and its derivative by each output.
fn loss(output: &[f64]) -> (f64, Vec<f64>) {
    let weights = pseudo(output.len(), 0.517);
    let terms = output.iter().zip(&weights);
    (terms.clone().map(|(y, w)| w * y + 0.5 * y * y).sum(), terms.map(|(y, w)| w + y).collect())
}

/// dL/d values by central differences.
fn differences(values: &mut [f64], mut loss: impl FnMut(&[f64]) -> f64) -> Vec<f64> {
    (0..values.len())
        .map(|index| {
            let (h, kept) = (1e-6, values[index]);
            values[index] = kept + h;
            let above = loss(values);
            values[index] = kept - h;
            let below = loss(values);
            values[index] = kept;
            (above - below) / (2.0 * h)
        })
        .collect()
}

fn assert_close(exact: &[f64], numeric: &[f64], of: &str) {
    assert_eq!(exact.len(), numeric.len());
    for (index, (exact, numeric)) in exact.iter().zip(numeric).enumerate() {
        let error = (exact - numeric).abs();
        assert!(error < 1e-6 * (1.0 + numeric.abs()), "{of}, number {index}: {exact} against {numeric}");
    }
}

#[test]
fn every_parameter_of_a_network_of_all_parts() {
    for (features, linear, memory) in [
        (3, Some(5), Some(4)),
        (3, None, Some(4)),
        (0, Some(5), Some(1)),
        (3, Some(5), None),
        (0, None, None),
    ] {
        let of = format!("{features} features, linear {linear:?}, memory {memory:?}");
        let (shape, batch) = (network(features, linear, memory), batch(features, memory));
        let mut parameters = pseudo(shape.parameters(), 0.731);
        let mut workspace = shape.workspace(batch.rows);
        let numeric = batch.lend(|inputs| {
            differences(&mut parameters, |parameters| {
                loss(shape.forward(parameters, inputs, batch.rows, &mut workspace)).0
            })
        });
        let mut gradient = vec![f64::NAN; parameters.len()];
        batch.lend(|inputs| {
            let above = loss(shape.forward(&parameters, inputs, batch.rows, &mut workspace)).1;
            shape.backward(&parameters, inputs, batch.rows, &mut workspace, &above, &mut gradient);
        });
        let moves = |range: std::ops::Range<usize>| gradient[range].iter().filter(|g| **g != 0.0).count();
        let encoders: usize = shape.encoders().iter().map(|encoder| encoder.parameters()).sum();
        assert!(moves(0..encoders) > encoders / 2, "{of}: most of the encoders' parameters matter");
        assert_close(&gradient, &numeric, &of);
    }
}

#[test]
fn every_feature_of_a_network_of_all_parts() {
    for memory in [Some(4), None] {
        let (shape, mut batch) = (network(3, Some(5), memory), batch(3, memory));
        let parameters = pseudo(shape.parameters(), 0.731);
        let mut workspace = shape.workspace(batch.rows);
        let mut features = batch.features.clone();
        let numeric = differences(&mut features, |features| {
            batch.features.copy_from_slice(features);
            batch.lend(|inputs| loss(shape.forward(&parameters, inputs, batch.rows, &mut workspace)).0)
        });
        batch.features = features;
        let above =
            batch.lend(|inputs| loss(shape.forward(&parameters, inputs, batch.rows, &mut workspace)).1);
        let mut gradient = vec![f64::NAN; batch.features.len()];
        shape.input_gradient(&parameters, batch.rows, &mut workspace, &above, &mut gradient);
        assert_close(&gradient, &numeric, &format!("memory {memory:?}"));
    }
}

/// The memory alone over features, where no row begins an episode and the memory is empty at first.
#[test]
fn a_memory_over_features() {
    let shape = Shape::new(2, vec![], Some(3), vec![], 3, Activation::Linear);
    let (mut parameters, features) = (pseudo(shape.parameters(), 0.731), pseudo(10 * 2, 0.41));
    let mut workspace = shape.workspace(10);
    let sequences = Sequences { count: 2, starts: &[], state: &[] };
    let inputs = Inputs::from(&features).in_sequences(sequences);
    let numeric = differences(&mut parameters, |parameters| {
        loss(shape.forward(parameters, inputs, 10, &mut workspace)).0
    });
    let above = loss(shape.forward(&parameters, inputs, 10, &mut workspace)).1;
    let mut gradient = vec![f64::NAN; parameters.len()];
    shape.backward(&parameters, inputs, 10, &mut workspace, &above, &mut gradient);
    assert_close(&gradient, &numeric, "a memory");
}

/// More images and points than the encoders have in hand at a time.
#[test]
fn the_gradient_of_a_large_batch_is_the_sum_of_its_rows() {
    let image = [41, 40, 1];
    let filters = vec![Filters::square(16, 5, 1), Filters::square(5, 4, 3)];
    let images = Convolution::new(image, filters, Some(3)).unwrap();
    let points = PointSet::new(300, 2, vec![9, 64]).unwrap();
    let shape = Shape::new(1, vec![images.into(), points.into()], None, vec![4], 2, Activation::Relu);
    let parameters = pseudo(shape.parameters(), 0.731);
    let rows = 17;
    let (features, image) = (pseudo(rows, 0.3), bytes(rows * 41 * 40, 1));
    let numbers = pseudo(rows * 600, 1.7);
    let counts: Vec<u32> = (0..rows as u32).map(|row| [300, 211, 0, 299][row as usize % 4]).collect();
    let tensors = [Tensor::Bytes(&image), Tensor::Points { numbers: &numbers, counts: &counts }];
    let inputs = Inputs::new(&features, &tensors);
    let above = pseudo(rows * 2, 0.9);
    let gradient = |inputs: Inputs<'_, f64>, rows, above: &[f64]| {
        let (mut workspace, mut gradient) = (shape.workspace(rows), vec![f64::NAN; parameters.len()]);
        shape.forward(&parameters, inputs, rows, &mut workspace);
        shape.backward(&parameters, inputs, rows, &mut workspace, above, &mut gradient);
        gradient
    };
    let whole = gradient(inputs, rows, &above);
    let mut sum = vec![0.0; parameters.len()];
    for row in 0..rows {
        let part = gradient(inputs.skip(row), 1, &above[row * 2..row * 2 + 2]);
        sum.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
    }
    for (index, (whole, sum)) in whole.iter().zip(&sum).enumerate() {
        assert!((whole - sum).abs() < 1e-9 * (1.0 + sum.abs()), "parameter {index}: {whole} against {sum}");
    }
}
