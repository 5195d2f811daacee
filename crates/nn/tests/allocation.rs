//! A training step allocates nothing: forward, loss, backward, clipping and Adam, counted by the allocator itself.
//!
//! Each thread counts its own allocations: the test harness allocates on its own thread at any time.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use setpoint_nn::convolution::{Convolution, Filters};
use setpoint_nn::inputs::{Inputs, Sequences, Tensor};
use setpoint_nn::mlp::{Activation, Mlp};
use setpoint_nn::network::Network;
use setpoint_nn::optimizer::Adam;
use setpoint_nn::point_set::PointSet;
use setpoint_nn::shape::Shape;
use setpoint_nn::{categorical, gradient};
use setpoint_random::Stream;

struct Counting;
thread_local! {
    // Without a destructor and set up at compile time: reading it allocates nothing itself.
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call passes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's guarantee is the guarantee that the system allocator needs.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from the system allocator above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_training_step_allocates_nothing() {
    let network = Mlp { input: 8, hidden: vec![64, 64], output: 15, activation: Activation::Tanh };
    let mut parameters: Vec<f32> = (0..network.parameters()).map(|i| (i as f32).sin() * 0.1).collect();
    let input: Vec<f32> = (0..64 * 8).map(|i| (i as f32).cos()).collect();
    let mut gradient = vec![0.0; parameters.len()];
    let mut workspace = network.workspace(64);
    let mut outputs = vec![0.0; 64 * 15];
    let mut output_gradient = vec![0.0; 64 * 15];
    let weights = [0.1_f32; 64];
    let mut adam = Adam::new(parameters.len(), 1e-5);
    let mut step = || {
        outputs.copy_from_slice(network.forward(&parameters, &input, 64, &mut workspace));
        categorical::log_probabilities(&mut outputs, 15, None);
        let chosen = (0..64).map(|row| row % 15);
        categorical::logits_gradient(&outputs, 15, chosen, &weights, 0.01, &mut output_gradient);
        network.backward(&parameters, &input, 64, &mut workspace, &output_gradient, &mut gradient);
        let scale = gradient::clip_scale(gradient::squared_norm(&gradient), 0.5);
        adam.step(&mut parameters, &gradient, 3e-4, scale as f32);
    };
    step();
    let before = ALLOCATIONS.get();
    assert_ne!(before, 0, "the allocator counts");
    for _ in 0..100 {
        step();
    }
    assert_eq!(ALLOCATIONS.get() - before, 0);
}

#[test]
fn a_training_step_with_encoders_and_a_memory_allocates_nothing() {
    let filters = vec![Filters::square(8, 4, 2), Filters::square(16, 3, 1)];
    let images = Convolution::new([20, 20, 3], filters, Some(32)).unwrap();
    let points = PointSet::new(30, 3, vec![16, 32]).unwrap();
    let encoders = vec![images.into(), points.into()];
    let shape = Shape::new(5, encoders, Some(24), vec![32], 2, Activation::Tanh);
    let (rows, count) = (24, 4);
    let mut network = Network::new(shape, rows, &mut Stream::new(1, "test", 0));
    let (features, image) = (vec![0.3; rows * 5], vec![117; rows * 1200]);
    let (numbers, counts) = (vec![0.7; rows * 90], vec![20; rows]);
    let (starts, mut state) = ([false, true, false].repeat(rows / 3), vec![0.0; count * 24]);
    let above = vec![0.1; rows * 2];
    let mut to_features = vec![0.0; rows * 5];
    let mut step = || {
        let tensors = [Tensor::Bytes(&image), Tensor::Points { numbers: &numbers, counts: &counts }];
        let sequences = Sequences { count, starts: &starts, state: &state };
        let inputs = Inputs::new(&features, &tensors).in_sequences(sequences);
        network.forward(inputs, rows);
        network.learn(inputs, rows, &above, 1e-4, Some(0.5));
        network.input_gradient(rows, &above, &mut to_features);
        state.copy_from_slice(network.state());
    };
    step();
    let before = ALLOCATIONS.get();
    assert_ne!(before, 0, "the allocator counts");
    for _ in 0..10 {
        step();
    }
    assert_eq!(ALLOCATIONS.get() - before, 0);
}
