//! Small, fast neural networks over one flat parameter slice: the arithmetic of learning.
//!
//! * [`shape`] – a network: features and encoders, a memory, a trunk; explicit forward and backward, workspace
//!   allocated once; [`inputs`] – what it reads
//! * [`mlp`] – the trunk, a multi-layer perceptron; [`layer`] – one layer of any part
//! * [`encoder`] – [`convolution`] of images, [`point_set`] of points; [`gru`] – the memory
//! * [`categorical`], [`gaussian`] – log-probabilities, entropies and their gradients
//! * [`joint`] – several choices and settings at once
//! * [`optimizer`], [`gradient`] – Adam, plain descent, Polyak averages; norms and clipping
//! * [`network`] – a network with its optimiser and buffers, its halves on two cores, its target
//! * [`initialize`] – orthogonal and zero weights
//! * [`matmul`] – products of small matrices; [`number`] – f32 to train with, f64 to check gradients;
//!   [`real`], [`vector`] – the registers of each machine level
//!
//! Hot loops are compiled for several machine levels and chosen at run time, so that a plain release build is as fast
//! as one for the machine at hand. A row's result never depends on the other rows of its batch, bit for bit.

pub mod categorical;
pub mod convolution;
mod elementwise;
pub mod encoder;
pub mod gaussian;
pub mod gradient;
pub mod gru;
pub mod initialize;
pub mod inputs;
pub mod joint;
pub mod layer;
pub mod level;
pub mod matmul;
pub mod mlp;
pub mod network;
pub mod number;
pub mod optimizer;
mod patches;
pub mod point_set;
pub mod real;
pub mod shape;
pub mod transpose;
pub mod vector;
