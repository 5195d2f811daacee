//! Options of the encoders of images and points, for every algorithm that reads them.

use serde::{Deserialize, Serialize};
use setpoint_decision::Diagnostic;
use setpoint_decision::section::{Range, Section};
use setpoint_decision::spec::{TensorForm, TensorPart};
use setpoint_nn::convolution::{Convolution, Filters};
use setpoint_nn::encoder::Encoder;
use setpoint_nn::point_set::PointSet;

/// Features of an encoded image, as in Stable-Baselines3.
const FEATURES_DIM: usize = 512;
/// Widths of the shared layers over points.
const POINT_LAYERS: [usize; 2] = [64, 128];
/// The side from which on an image gets the convolutions of Stable-Baselines3's `NatureCNN`.
const NATURE_SIDE: usize = 36;

/// Keys of `[train.<algorithm>]`; absent ones take their defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncoderOptions {
    /// Filters of each convolution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cnn_filters: Option<Vec<usize>>,
    /// Side of the kernel of each convolution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cnn_kernels: Option<Vec<usize>>,
    /// Stride of each convolution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cnn_strides: Option<Vec<usize>>,
    /// Features of an encoded image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features_dim: Option<usize>,
    /// Widths of the shared layers over points; the last one is the number of features.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub point_layers: Option<Vec<usize>>,
}

impl EncoderOptions {
    /// Reads the keys.
    pub fn read(section: &Section<'_>) -> Result<Self, Box<Diagnostic>> {
        let widths = |key, most: f64, meaning| -> Result<Option<Vec<usize>>, Box<Diagnostic>> {
            let widths = section.integers(key, Range::between(1.0, most), meaning)?;
            Ok(widths.map(|widths| widths.into_iter().map(|width| width as usize).collect()))
        };
        let filters = "filters of each convolution over an image; by default [32, 64, 64], or [16, 32, 64] below 36 pixels";
        let kernels = "side of each convolution's kernel; by default [8, 4, 3], or [2, 2, 2] below 36 pixels";
        let strides = "stride of each convolution; by default [4, 2, 1], or [1, 1, 1] below 36 pixels";
        let features = "features that the encoder makes of an image; by default 512";
        let layers = "widths of the shared layers over a set of points; by default [64, 128]";
        let options = Self {
            cnn_filters: widths("cnn_filters", 4096.0, filters)?,
            cnn_kernels: widths("cnn_kernels", 1024.0, kernels)?,
            cnn_strides: widths("cnn_strides", 1024.0, strides)?,
            features_dim: section
                .integer("features_dim", Range::between(1.0, 4096.0), features)?
                .map(|features| features as usize),
            point_layers: widths("point_layers", 4096.0, layers)?,
        };
        options.check(section)?;
        Ok(options)
    }

    /// Refuses lists of different lengths, and empty ones.
    fn check(&self, section: &Section<'_>) -> Result<(), Box<Diagnostic>> {
        let lists = [
            ("cnn_filters", &self.cnn_filters),
            ("cnn_kernels", &self.cnn_kernels),
            ("cnn_strides", &self.cnn_strides),
        ];
        let given = lists.iter().filter_map(|(key, list)| Some((*key, list.as_ref()?.len())));
        let given: Vec<(&str, usize)> = given.collect();
        if let Some((key, length)) = given.first().copied()
            && (given.len() < lists.len() || length == 0 || given.iter().any(|(_, other)| *other != length))
        {
            let found: Vec<String> =
                given.iter().map(|(key, length)| format!("{key} has {length}")).collect();
            return Err(section.error(
                key,
                &format!("the convolutions are not complete: {}", found.join(", ")),
                "one number for each convolution",
                "write cnn_filters, cnn_kernels and cnn_strides with the same number of convolutions, at least one",
            ));
        }
        match &self.point_layers {
            Some(layers) if layers.is_empty() => Err(section.error(
                "point_layers",
                "there is no layer over the points",
                "at least one width",
                "the default is [64, 128]",
            )),
            _ => Ok(()),
        }
    }

    /// The encoder of each part; the reason if one does not fit.
    pub fn of(&self, parts: &[TensorPart]) -> Result<Vec<Encoder>, String> {
        parts.iter().map(|part| self.of_part(part)).collect()
    }

    /// The encoder of each part of a process that a check has accepted.
    ///
    /// # Panics
    /// If one does not fit: an algorithm's `mismatch` refuses such options before a training.
    pub fn fitting(&self, parts: &[TensorPart]) -> Vec<Encoder> {
        self.of(parts).expect("`mismatch` refuses encoders that do not fit")
    }

    fn of_part(&self, part: &TensorPart) -> Result<Encoder, String> {
        match part.form {
            TensorForm::Image { height, width, channels }
            | TensorForm::NumberImage { height, width, channels } => {
                let filters = self.filters(height.min(width));
                let features = self.features_dim.unwrap_or(FEATURES_DIM);
                let encoder = Convolution::new([height, width, channels], filters, Some(features));
                encoder.map(Encoder::from).map_err(|unfit| {
                    format!(
                        "the convolutions do not fit `{}` ({}): {unfit}; set cnn_filters, cnn_kernels and cnn_strides",
                        part.name, part.form
                    )
                })
            }
            TensorForm::Points { points, dimensions } => {
                let layers = self.point_layers.clone().unwrap_or(POINT_LAYERS.to_vec());
                let encoder = PointSet::new(points, dimensions, layers);
                encoder.map(Encoder::from).map_err(|unfit| format!("`{}`: {unfit}", part.name))
            }
        }
    }

    /// The convolutions for an image whose smaller side has so many pixels.
    fn filters(&self, side: usize) -> Vec<Filters> {
        if let (Some(counts), Some(kernels), Some(strides)) =
            (&self.cnn_filters, &self.cnn_kernels, &self.cnn_strides)
        {
            let sides = kernels.iter().zip(strides);
            return counts
                .iter()
                .zip(sides)
                .map(|(count, (kernel, stride))| Filters::square(*count, *kernel, *stride))
                .collect();
        }
        if side >= NATURE_SIDE {
            return vec![Filters::square(32, 8, 4), Filters::square(64, 4, 2), Filters::square(64, 3, 1)];
        }
        // The convolutions that MiniGrid's documentation shows for its views of 7 × 7.
        vec![Filters::square(16, 2, 1), Filters::square(32, 2, 1), Filters::square(64, 2, 1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(height: usize, width: usize) -> TensorPart {
        TensorPart::new("camera", TensorForm::Image { height, width, channels: 1 }, "")
    }

    #[test]
    fn the_convolutions_follow_the_size_of_the_image() {
        let options = EncoderOptions::default();
        assert_eq!(options.of(&[image(84, 84)]).unwrap(), [Convolution::nature([84, 84, 1]).unwrap().into()]);
        let [Encoder::Convolution(small)] = &options.of(&[image(35, 60)]).unwrap()[..] else { panic!() };
        assert_eq!((small.filters().len(), small.filters()[0].kernel), (3, [2, 2]));
        let refused = options.of(&[image(3, 60)]).unwrap_err();
        assert!(refused.contains("`camera` (image of 3 × 60 × 1 bytes)"), "{refused}");
        assert!(refused.contains("layer 3") && refused.contains("cnn_kernels"), "{refused}");
    }
}
