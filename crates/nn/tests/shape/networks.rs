//! Networks and numbers that several tests use.

use setpoint_nn::encoder::Encoder;
use setpoint_nn::inputs::{Inputs, Sequences, Tensor};
use setpoint_nn::mlp::Activation;
use setpoint_nn::shape::Shape;

/// Numbers between −1 and 1 without a pattern.
pub fn pseudo(n: usize, salt: f64) -> Vec<f64> {
    (0..n).map(|i| ((i as f64 + 1.0) * 78.233 * salt).sin()).collect()
}

pub fn bytes(n: usize, salt: usize) -> Vec<u8> {
    (0..n).map(|i| ((i * 193 + salt * 71) ^ (i >> 3)) as u8).collect()
}

pub fn to_f32(values: &[f64]) -> Vec<f32> {
    values.iter().map(|value| *value as f32).collect()
}

/// A network that gives the output of its encoder, or of its memory over `features`, as it is, and its parameters
/// from those of the encoder or the memory.
pub fn bare(
    features: usize,
    encoder: Option<Encoder>,
    memory: Option<usize>,
    own: &[f64],
) -> (Shape, Vec<f64>) {
    let width = memory.unwrap_or_else(|| features + encoder.as_ref().map_or(0, Encoder::output));
    let encoders = encoder.into_iter().collect();
    let shape = Shape::new(features, encoders, memory, vec![], width, Activation::Linear);
    let mut parameters = own.to_vec();
    parameters.extend((0..width * width).map(|index| f64::from(u8::from(index % (width + 1) == 0))));
    parameters.resize(shape.parameters(), 0.0);
    (shape, parameters)
}

/// All inputs of a batch, to lend.
#[derive(Clone)]
pub struct Batch {
    pub rows: usize,
    pub features: Vec<f64>,
    pub image: Vec<u8>,
    pub points: Vec<f64>,
    pub counts: Vec<u32>,
    pub sequences: usize,
    pub starts: Vec<bool>,
    pub state: Vec<f64>,
}

impl Batch {
    /// Calls `work` with the inputs: an image of bytes, a set of points, and features, in sequences if there are any.
    pub fn lend<R>(&self, work: impl FnOnce(Inputs<'_, f64>) -> R) -> R {
        let points = Tensor::Points { numbers: &self.points, counts: &self.counts };
        let tensors = [Tensor::Bytes(&self.image), points];
        let inputs = Inputs::new(&self.features, &tensors);
        if self.sequences == 0 {
            return work(inputs);
        }
        let (starts, state) = (&self.starts, &self.state);
        work(inputs.in_sequences(Sequences { count: self.sequences, starts, state }))
    }
}
