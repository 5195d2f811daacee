//! The shape of a network: features and encoders side by side, then a memory, then a trunk, over one flat parameter
//! slice.

use crate::encoder::{self, Encoder};
use crate::gru::{self, Gru};
use crate::inputs::Inputs;
use crate::layer::Layer;
use crate::mlp::{self, Activation, Mlp};
use crate::real::Real;

/// The shape of a network. Its numbers are a flat slice that the caller owns: those of each encoder in turn, of the
/// memory and of the trunk. A network of features alone is its trunk: the same work, the same result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    features: usize,
    encoders: Vec<Encoder>,
    memory: Option<Gru>,
    trunk: Mlp,
}

/// Buffers of one network for up to a number of rows, allocated once.
#[derive(Clone, Debug)]
pub struct Workspace<T> {
    rows_max: usize,
    encoders: Vec<encoder::Workspace<T>>,
    memory: Option<gru::Workspace<T>>,
    trunk: mlp::Workspace<T>,
    /// The features, then the output of each encoder, `[rows, joined]`.
    joined: Vec<T>,
    /// dL / d joined.
    joined_gradient: Vec<T>,
    /// dL / d (the memory's output), `[rows, hidden]`.
    memory_gradient: Vec<T>,
    /// dL / d (an encoder's output), `[rows, output]`.
    encoder_gradient: Vec<T>,
}

/// The owner of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerOf {
    /// A layer of an encoder.
    Encoder {
        /// The encoder's place.
        encoder: usize,
        /// The layer's place in it.
        index: usize,
    },
    /// The map from the memory's input to its gates.
    MemoryOfInput,
    /// The map from the memory to its gates.
    MemoryOfState,
    /// A layer of the trunk.
    Trunk {
        /// Its place.
        index: usize,
    },
}

impl<T> Workspace<T> {
    /// The memory after each row of the last forward pass, `[rows, hidden]`, and whatever the buffer holds behind them; empty
    /// without a memory.
    pub fn states(&self) -> &[T] {
        self.memory.as_ref().map_or(&[], gru::Workspace::outputs)
    }

    /// The memory after the last time of the last forward pass, `[sequences, hidden]`; empty without a memory.
    pub fn state(&self) -> &[T] {
        self.memory.as_ref().map_or(&[], gru::Workspace::state)
    }
}

impl From<Mlp> for Shape {
    fn from(trunk: Mlp) -> Self {
        Self { features: trunk.input, encoders: Vec::new(), memory: None, trunk }
    }
}

impl Shape {
    /// A network over `features` numbers and one tensor for each encoder, with a memory of so many numbers, if any, and
    /// a trunk with these hidden layers.
    ///
    /// # Panics
    /// If it has neither features nor encoders.
    pub fn new(
        features: usize,
        encoders: Vec<Encoder>,
        memory: Option<usize>,
        hidden: Vec<usize>,
        output: usize,
        activation: Activation,
    ) -> Self {
        let inputs = features + encoders.iter().map(Encoder::output).sum::<usize>();
        assert!(inputs > 0, "a network needs features or an encoder");
        let memory = memory.map(|hidden| Gru { inputs, hidden });
        let input = memory.map_or(inputs, |memory| memory.hidden);
        Self { features, encoders, memory, trunk: Mlp { input, hidden, output, activation } }
    }

    /// Numbers of a row's features: the width of [`Shape::input_gradient`].
    pub fn input(&self) -> usize {
        self.features
    }

    /// Numbers of an output.
    pub fn output(&self) -> usize {
        self.trunk.output
    }

    /// The encoders in order.
    pub fn encoders(&self) -> &[Encoder] {
        &self.encoders
    }

    /// The memory, if there is one.
    pub fn memory(&self) -> Option<&Gru> {
        self.memory.as_ref()
    }

    /// The layers behind the features, the encoders and the memory.
    pub fn trunk(&self) -> &Mlp {
        &self.trunk
    }

    /// Whether an output is a sum of weight × feature and a bias, and nothing else.
    pub fn is_linear(&self) -> bool {
        self.is_mlp() && self.trunk.hidden.is_empty()
    }

    fn is_mlp(&self) -> bool {
        self.encoders.is_empty() && self.memory.is_none()
    }

    /// The same network with another number of outputs.
    #[must_use]
    pub fn with_output(self, output: usize) -> Self {
        Self { trunk: Mlp { output, ..self.trunk }, ..self }
    }

    /// Every layer with its owner, in the order of the parameter slice.
    pub fn layers(&self) -> Vec<(LayerOf, Layer)> {
        let [encoders, memory] = self.lengths();
        let mut start = 0;
        let mut layers = Vec::new();
        for (encoder, shape) in self.encoders.iter().enumerate() {
            let own = shape.layers().into_iter().enumerate();
            layers
                .extend(own.map(|(index, layer)| (LayerOf::Encoder { encoder, index }, layer.behind(start))));
            start += shape.parameters();
        }
        if let Some(gru) = &self.memory {
            let owners = [LayerOf::MemoryOfInput, LayerOf::MemoryOfState];
            layers.extend(owners.into_iter().zip(gru.layers().map(|layer| layer.behind(encoders))));
        }
        let of_trunk = self.trunk.layers().into_iter().enumerate();
        layers.extend(
            of_trunk.map(|(index, layer)| (LayerOf::Trunk { index }, layer.behind(encoders + memory))),
        );
        layers
    }

    /// Numbers of the features and the encoders' outputs together.
    fn joined(&self) -> usize {
        self.features + self.encoders.iter().map(Encoder::output).sum::<usize>()
    }

    /// Lengths of the parts of the encoders and of the memory in the parameter slice.
    fn lengths(&self) -> [usize; 2] {
        let encoders = self.encoders.iter().map(Encoder::parameters).sum();
        [encoders, self.memory.as_ref().map_or(0, Gru::parameters)]
    }

    /// The parts of the encoders, of the memory and of the trunk.
    fn split<'a, T>(&self, parameters: &'a [T]) -> [&'a [T]; 3] {
        let [encoders, memory] = self.lengths();
        let (encoders, rest) = parameters.split_at(encoders);
        let (memory, trunk) = rest.split_at(memory);
        [encoders, memory, trunk]
    }

    /// [`Shape::split`] to write.
    fn split_mut<'a, T>(&self, parameters: &'a mut [T]) -> [&'a mut [T]; 3] {
        let [encoders, memory] = self.lengths();
        let (encoders, rest) = parameters.split_at_mut(encoders);
        let (memory, trunk) = rest.split_at_mut(memory);
        [encoders, memory, trunk]
    }

    /// The part of each encoder in the part of them all.
    fn of_encoders<'a, T>(&'a self, mut part: &'a [T]) -> impl Iterator<Item = &'a [T]> {
        self.encoders.iter().map(move |encoder| {
            let (own, rest) = part.split_at(encoder.parameters());
            part = rest;
            own
        })
    }

    /// [`Shape::of_encoders`] to write.
    fn encoders_mut<'a, T>(&'a self, mut part: &'a mut [T]) -> impl Iterator<Item = &'a mut [T]> {
        self.encoders.iter().map(move |encoder| {
            let (own, rest) = std::mem::take(&mut part).split_at_mut(encoder.parameters());
            part = rest;
            own
        })
    }

    /// Length of the parameter slice.
    pub fn parameters(&self) -> usize {
        self.lengths().iter().sum::<usize>() + self.trunk.parameters()
    }

    /// Buffers for up to `rows_max` rows; with a memory these are times × sequences.
    pub fn workspace<T: Real>(&self, rows_max: usize) -> Workspace<T> {
        let zeros = |width: usize| vec![T::ZERO; if self.is_mlp() { 0 } else { rows_max * width }];
        let joined = self.joined();
        Workspace {
            rows_max,
            encoders: self.encoders.iter().map(|encoder| encoder.workspace(rows_max)).collect(),
            memory: self.memory.as_ref().map(|memory| memory.workspace(rows_max)),
            trunk: self.trunk.workspace(rows_max),
            joined: zeros(joined),
            joined_gradient: zeros(joined),
            memory_gradient: zeros(self.memory.as_ref().map_or(0, |memory| memory.hidden)),
            encoder_gradient: zeros(self.encoders.iter().map(Encoder::output).max().unwrap_or(0)),
        }
    }

    /// Orthogonal weights (Saxe et al. 2014) with one gain for encoders, memory (each gate by itself) and hidden layers,
    /// and another for the output layer; bias 0. `normal` gives standard normal numbers.
    pub fn initialize_orthogonal<T: Real>(
        &self,
        parameters: &mut [T],
        hidden_gain: f64,
        output_gain: f64,
        normal: &mut impl FnMut() -> f64,
    ) {
        let [encoders, memory, trunk] = self.split_mut(parameters);
        for (encoder, own) in self.encoders.iter().zip(self.encoders_mut(encoders)) {
            encoder.layers().iter().for_each(|layer| layer.initialize_orthogonal(own, hidden_gain, normal));
        }
        if let Some(gru) = &self.memory {
            gru.initialize_orthogonal(memory, hidden_gain, normal);
        }
        self.trunk.initialize_orthogonal(trunk, hidden_gain, output_gain, normal);
    }

    /// Weights and biases as PyTorch's defaults: uniform in ±1/√inputs, of a memory in ±1/√hidden. `unit` is uniform in
    /// [0, 1).
    pub fn initialize_uniform<T: Real>(&self, parameters: &mut [T], unit: &mut impl FnMut() -> f64) {
        let [encoders, memory, trunk] = self.split_mut(parameters);
        for (encoder, own) in self.encoders.iter().zip(self.encoders_mut(encoders)) {
            encoder.layers().iter().for_each(|layer| layer.initialize_uniform(own, unit));
        }
        if let Some(gru) = &self.memory {
            gru.initialize_uniform(memory, unit);
        }
        self.trunk.initialize_uniform(trunk, unit);
    }

    /// Runs `rows` inputs through the network; gives the outputs `[rows, output]`. The workspace keeps what
    /// [`Shape::backward`] needs, and the memory's state.
    ///
    /// # Panics
    /// If an input is too short or of another kind than its encoder reads, there are more rows than the workspace holds,
    /// or the network has a memory and the inputs have no sequences.
    pub fn forward<'w, 'a, T: Real>(
        &self,
        parameters: &[T],
        inputs: impl Into<Inputs<'a, T>>,
        rows: usize,
        workspace: &'w mut Workspace<T>,
    ) -> &'w [T] {
        let inputs = inputs.into();
        let Workspace { rows_max, encoders, memory, trunk, joined, .. } = workspace;
        assert!(rows <= *rows_max, "{rows} rows, the workspace was made for {rows_max}");
        let features = inputs.features(rows, self.features);
        if self.is_mlp() {
            return self.trunk.forward(parameters, features, rows, trunk);
        }
        let [of_encoders, of_memory, of_trunk] = self.split(parameters);
        let width = self.joined();
        let joined = &mut joined[..rows * width];
        put_columns(features, self.features, joined, width, 0);
        let mut column = self.features;
        let parts = self.encoders.iter().zip(self.of_encoders(of_encoders));
        for (index, ((encoder, own), workspace)) in parts.zip(encoders).enumerate() {
            let tensor = inputs.tensor(index, rows, encoder.input());
            let found = encoder.forward(own, tensor, rows, workspace);
            put_columns(found, encoder.output(), joined, width, column);
            column += encoder.output();
        }
        let input = match (&self.memory, memory) {
            (Some(gru), Some(workspace)) => {
                gru.forward(of_memory, joined, inputs.sequences(rows), rows, workspace);
                workspace.outputs()
            }
            _ => joined,
        };
        self.trunk.forward(of_trunk, input, rows, trunk)
    }

    /// From dL/d output `[rows, output]` to dL/d parameters, which overwrites `gradient`. `inputs` and `rows` are those
    /// of the last [`Shape::forward`] with this workspace.
    ///
    /// # Panics
    /// As [`Shape::forward`].
    pub fn backward<'a, T: Real>(
        &self,
        parameters: &[T],
        inputs: impl Into<Inputs<'a, T>>,
        rows: usize,
        workspace: &mut Workspace<T>,
        output_gradient: &[T],
        gradient: &mut [T],
    ) {
        let inputs = inputs.into();
        assert_eq!(gradient.len(), self.parameters(), "one gradient a parameter");
        if self.is_mlp() {
            let features = inputs.features(rows, self.features);
            let trunk = &mut workspace.trunk;
            return self.trunk.backward(parameters, features, rows, trunk, output_gradient, gradient);
        }
        self.to_joined(parameters, rows, workspace, output_gradient, Some(&mut *gradient));
        let ([of_encoders, ..], [gradients, ..]) = (self.split(parameters), self.split_mut(gradient));
        let parts = self.of_encoders(of_encoders).zip(self.encoders_mut(gradients));
        let Workspace { encoders, joined_gradient, encoder_gradient, .. } = workspace;
        let (width, mut column) = (self.joined(), self.features);
        let encoders = self.encoders.iter().zip(encoders).zip(parts);
        for (index, ((encoder, workspace), (own, own_gradient))) in encoders.enumerate() {
            let output_gradient = &mut encoder_gradient[..rows * encoder.output()];
            take_columns(joined_gradient, width, column, output_gradient, encoder.output());
            let tensor = inputs.tensor(index, rows, encoder.input());
            encoder.backward(own, tensor, rows, workspace, output_gradient, own_gradient);
            column += encoder.output();
        }
    }

    /// From dL/d output `[rows, output]` to dL / d features `[rows, features]`, which overwrites `input_gradient`; the
    /// parameters' gradient is not computed. For actors that learn through a critic. `rows` are those of the last
    /// [`Shape::forward`].
    ///
    /// # Panics
    /// If a slice is too short.
    pub fn input_gradient<T: Real>(
        &self,
        parameters: &[T],
        rows: usize,
        workspace: &mut Workspace<T>,
        output_gradient: &[T],
        input_gradient: &mut [T],
    ) {
        if self.is_mlp() {
            let trunk = &mut workspace.trunk;
            return self.trunk.input_gradient(parameters, rows, trunk, output_gradient, input_gradient);
        }
        assert!(input_gradient.len() >= rows * self.features, "the input gradient is too short");
        self.to_joined(parameters, rows, workspace, output_gradient, None);
        let input_gradient = &mut input_gradient[..rows * self.features];
        take_columns(&workspace.joined_gradient, self.joined(), 0, input_gradient, self.features);
    }

    /// Keeps some rows of the last [`Shape::forward`] alone, in their order, so that a following
    /// [`Shape::input_gradient`] is that of those rows and costs no more than they do.
    ///
    /// # Panics
    /// If the network has a memory, the row numbers do not rise, or one was not in the last forward pass.
    pub fn keep_rows<T: Real>(&self, kept: &[u32], workspace: &mut Workspace<T>) {
        assert!(self.memory.is_none(), "the rows of a network with a memory depend on each other");
        self.trunk.keep_rows(kept, &mut workspace.trunk);
    }

    /// dL / d (features and encoders' outputs) into the workspace, and, if wanted, dL / d parameters of the trunk and of
    /// the memory.
    fn to_joined<T: Real>(
        &self,
        parameters: &[T],
        rows: usize,
        workspace: &mut Workspace<T>,
        output_gradient: &[T],
        gradient: Option<&mut [T]>,
    ) {
        let is_read = gradient.is_none() || !self.encoders.is_empty();
        let [_, of_memory, of_trunk] = self.split(parameters);
        let (to_memory, to_trunk) = match gradient.map(|gradient| self.split_mut(gradient)) {
            Some([_, memory, trunk]) => (Some(memory), Some(trunk)),
            None => (None, None),
        };
        let Workspace { memory, trunk, joined, joined_gradient, memory_gradient, .. } = workspace;
        let (Some(gru), Some(memory)) = (&self.memory, memory) else {
            let below = Some(&mut joined_gradient[..]);
            self.trunk.backward_to(of_trunk, joined, rows, trunk, output_gradient, to_trunk, below);
            return;
        };
        let below = Some(&mut memory_gradient[..]);
        self.trunk.backward_to(of_trunk, memory.outputs(), rows, trunk, output_gradient, to_trunk, below);
        let below = is_read.then_some(&mut joined_gradient[..]);
        gru.backward(of_memory, joined, rows, memory, memory_gradient, to_memory, below);
    }
}

/// Copies a matrix of `columns` columns to the columns from `first` on of a matrix of `width` columns.
fn put_columns<T: Copy>(from: &[T], columns: usize, to: &mut [T], width: usize, first: usize) {
    if columns > 0 {
        for (to, from) in to.chunks_exact_mut(width).zip(from.chunks_exact(columns)) {
            to[first..first + columns].copy_from_slice(from);
        }
    }
}

/// Copies the columns from `first` on of a matrix of `width` columns to a matrix of `columns` columns.
fn take_columns<T: Copy>(from: &[T], width: usize, first: usize, to: &mut [T], columns: usize) {
    if columns > 0 {
        for (to, from) in to.chunks_exact_mut(columns).zip(from.chunks_exact(width)) {
            to.copy_from_slice(&from[first..first + columns]);
        }
    }
}
