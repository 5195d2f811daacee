//! Small, fast neural networks over one flat parameter slice: the arithmetic of learning.
//!
//! * [`mlp`] – the multi-layer perceptron: shape, explicit forward and backward, workspace allocated once
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
mod elementwise;
pub mod gaussian;
pub mod gradient;
pub mod initialize;
pub mod joint;
pub mod level;
pub mod matmul;
pub mod mlp;
pub mod network;
pub mod number;
pub mod optimizer;
pub mod real;
pub mod transpose;
pub mod vector;
