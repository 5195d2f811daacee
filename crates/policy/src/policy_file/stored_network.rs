//! The network in the manifest of a policy file.
//!
//! A file of others may claim any numbers, so they are compared with bounds before anything is computed from them.

use serde::{Deserialize, Serialize};
use setpoint_nn::convolution::{Convolution, Filters};
use setpoint_nn::encoder::Encoder;
use setpoint_nn::mlp::{Activation, Mlp};
use setpoint_nn::point_set::PointSet;
use setpoint_nn::shape::Shape;

use super::BYTES_MAX;

/// Greatest width of a layer, and number of points.
const WIDTH_MAX: usize = 1 << 24;
/// Greatest number of filters, and of pixels of a kernel's and a stride's side.
const FILTERS_MAX: usize = 1 << 12;
/// Greatest number of a memory's numbers.
const MEMORY_MAX: usize = 1 << 16;
/// Greatest number of hidden layers, and of layers of an encoder.
const LAYERS_MAX: usize = 64;

/// `input` counts features.
#[derive(Serialize, Deserialize)]
pub struct StoredNetwork {
    pub input: usize,
    pub hidden: Vec<usize>,
    pub output: usize,
    pub activation: StoredActivation,
    /// Files from format 4 on have it: the encoder of each tensor part.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub encoders: Vec<StoredEncoder>,
    /// Files from format 4 on have it: numbers of the gated recurrent unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<usize>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoredActivation {
    Linear,
    Tanh,
    Relu,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoredEncoder {
    Convolution { image: [usize; 3], filters: Vec<StoredFilters>, linear: Option<usize> },
    PointSet { points: usize, dimensions: usize, layers: Vec<usize> },
}

#[derive(Serialize, Deserialize)]
pub struct StoredFilters {
    pub count: usize,
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
}

impl From<&Shape> for StoredNetwork {
    fn from(network: &Shape) -> Self {
        let Mlp { hidden, output, activation, .. } = network.trunk().clone();
        let activation = match activation {
            Activation::Linear => StoredActivation::Linear,
            Activation::Tanh => StoredActivation::Tanh,
            Activation::Relu => StoredActivation::Relu,
        };
        let encoders = network.encoders().iter().map(StoredEncoder::from).collect();
        let memory = network.memory().map(|memory| memory.hidden);
        Self { input: network.input(), hidden, output, activation, encoders, memory }
    }
}

impl From<&Encoder> for StoredEncoder {
    fn from(encoder: &Encoder) -> Self {
        match encoder {
            Encoder::Convolution(encoder) => {
                let filters = encoder.filters().iter().copied();
                let filters =
                    filters.map(|Filters { count, kernel, stride }| StoredFilters { count, kernel, stride });
                Self::Convolution {
                    image: encoder.image(),
                    filters: filters.collect(),
                    linear: encoder.linear(),
                }
            }
            Encoder::PointSet(encoder) => {
                let [points, dimensions] = encoder.shape();
                Self::PointSet { points, dimensions, layers: encoder.outputs().to_vec() }
            }
        }
    }
}

impl TryFrom<StoredNetwork> for Shape {
    type Error = String;

    fn try_from(stored: StoredNetwork) -> Result<Self, String> {
        let StoredNetwork { input, hidden, output, activation, encoders, memory } = stored;
        let activation = match activation {
            StoredActivation::Linear => Activation::Linear,
            StoredActivation::Tanh => Activation::Tanh,
            StoredActivation::Relu => Activation::Relu,
        };
        if hidden.len() > LAYERS_MAX {
            return Err("its network is larger than the largest policy file".to_owned());
        }
        let encoders = encoders.into_iter().map(Encoder::try_from).collect::<Result<Vec<_>, _>>()?;
        let widths = hidden.iter().chain([&output]).copied();
        // Without features and encoders a network has no input.
        let inputs = (input > 0 || encoders.is_empty()).then_some(input);
        inputs
            .into_iter()
            .chain(widths.clone())
            .try_for_each(|width| between(width, WIDTH_MAX, "a layer's width"))?;
        let joined = encoders.iter().map(Encoder::output).fold(input, usize::saturating_add);
        if let Some(size) = memory {
            between(size, MEMORY_MAX, "the size of its memory")?;
        }
        let of_memory = memory.map(|size| joined.saturating_add(size).saturating_mul(3 * size));
        let pairs = std::iter::once(memory.unwrap_or(joined)).chain(widths.clone()).zip(widths);
        let trunk = pairs.map(|(inputs, outputs)| inputs.saturating_mul(outputs));
        let numbers = encoders
            .iter()
            .map(Encoder::parameters)
            .chain(of_memory)
            .chain(trunk)
            .fold(0_usize, usize::saturating_add);
        if numbers as u64 > BYTES_MAX / 4 {
            return Err("its network is larger than the largest policy file".to_owned());
        }
        Ok(Self::new(input, encoders, memory, hidden, output, activation))
    }
}

impl TryFrom<StoredEncoder> for Encoder {
    type Error = String;

    fn try_from(stored: StoredEncoder) -> Result<Self, String> {
        match stored {
            StoredEncoder::Convolution { image, filters, linear } => {
                let [height, width, channels] = image;
                for (number, most) in [(height, 1 << 16), (width, 1 << 16), (channels, FILTERS_MAX)] {
                    between(number, most, "a side of its image")?;
                }
                between(height * width * channels, WIDTH_MAX, "the size of its image")?;
                many(filters.len())?;
                let sides = |filters: &StoredFilters| {
                    let StoredFilters { count, kernel: [down, across], stride } = *filters;
                    [count, down, across, stride[0], stride[1]]
                };
                let numbers = filters.iter().flat_map(sides).chain(linear);
                for number in numbers {
                    between(number, FILTERS_MAX, "a number of its filters")?;
                }
                let filters = filters.into_iter().map(|StoredFilters { count, kernel, stride }| Filters {
                    count,
                    kernel,
                    stride,
                });
                let encoder = Convolution::new(image, filters.collect(), linear);
                encoder.map(Self::from).map_err(|unfit| format!("its image encoder is not possible: {unfit}"))
            }
            StoredEncoder::PointSet { points, dimensions, layers } => {
                many(layers.len())?;
                for number in layers.iter().copied().chain([points, dimensions]) {
                    between(number, 1 << 16, "a number of its point encoder")?;
                }
                between(points * dimensions, WIDTH_MAX, "the size of its point set")?;
                let encoder = PointSet::new(points, dimensions, layers);
                encoder.map(Self::from).map_err(|unfit| format!("its point encoder is not possible: {unfit}"))
            }
        }
    }
}

fn between(number: usize, most: usize, what: &str) -> Result<(), String> {
    if (1..=most).contains(&number) {
        Ok(())
    } else {
        Err(format!("{what} is {number}; 1 to {most} is possible"))
    }
}

fn many(layers: usize) -> Result<(), String> {
    between(layers, LAYERS_MAX, "the number of an encoder's layers")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(encoders: Vec<StoredEncoder>) -> Result<Shape, String> {
        let activation = StoredActivation::Relu;
        Shape::try_from(StoredNetwork {
            input: 2,
            hidden: vec![3],
            output: 4,
            activation,
            encoders,
            memory: None,
        })
    }

    fn convolution(image: [usize; 3], numbers: [usize; 5], linear: Option<usize>) -> StoredEncoder {
        let [count, kernel, kernel_across, stride, stride_across] = numbers;
        let filters =
            vec![StoredFilters { count, kernel: [kernel, kernel_across], stride: [stride, stride_across] }];
        StoredEncoder::Convolution { image, filters, linear }
    }

    #[test]
    fn a_network_comes_back() {
        let points = StoredEncoder::PointSet { points: 4, dimensions: 3, layers: vec![8, 5] };
        let shape = network(vec![convolution([6, 5, 2], [3, 2, 3, 2, 1], Some(4)), points]).unwrap();
        assert_eq!((shape.input(), shape.encoders().len(), shape.output()), (2, 2, 4));
        assert_eq!(Shape::try_from(StoredNetwork::from(&shape)).unwrap(), shape);
        let remembering = StoredNetwork { memory: Some(7), ..StoredNetwork::from(&shape) };
        let shape = Shape::try_from(remembering).unwrap();
        assert_eq!(Shape::try_from(StoredNetwork::from(&shape)).unwrap(), shape);
        for wrong in [0, usize::MAX] {
            let stored = StoredNetwork { memory: Some(wrong), ..StoredNetwork::from(&shape) };
            assert!(Shape::try_from(stored).unwrap_err().contains("the size of its memory"));
        }
    }

    /// Every number of an encoder at 0 and at the greatest integer: an error, and no overflow.
    #[test]
    fn numbers_without_meaning_are_refused_before_they_are_multiplied() {
        let (image, numbers) = ([6, 5, 2], [3, 2, 3, 2, 1]);
        for wrong in [0, usize::MAX, 1 << 40] {
            for place in 0..9 {
                let (mut image, mut numbers, mut linear) = (image, numbers, 4);
                match place {
                    0..3 => image[place] = wrong,
                    3..8 => numbers[place - 3] = wrong,
                    _ => linear = wrong,
                }
                let refused = network(vec![convolution(image, numbers, Some(linear))]).unwrap_err();
                assert!(refused.contains("possible"), "{refused}");
            }
            for place in 0..4 {
                let mut of = [4, 3, 8, 5];
                of[place] = wrong;
                let [points, dimensions, first, last] = of;
                let layers = vec![first, last];
                let refused =
                    network(vec![StoredEncoder::PointSet { points, dimensions, layers }]).unwrap_err();
                assert!(refused.contains("possible"), "{refused}");
            }
        }
        let wide = convolution([2048, 2048, 4], [4096, 4096, 1, 1, 1], Some(4096));
        assert!(network(vec![wide]).unwrap_err().contains("larger than its input"));
        let large = convolution([2048, 2048, 4], [4096, 1, 1, 1, 1], Some(4096));
        assert!(network(vec![large]).unwrap_err().contains("larger than the largest policy file"));
        let deep = StoredEncoder::PointSet { points: 4, dimensions: 3, layers: vec![8; 65] };
        assert!(network(vec![deep]).unwrap_err().contains("65; 1 to 64 is possible"));
    }
}
