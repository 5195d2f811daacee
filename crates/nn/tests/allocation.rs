//! A training step allocates nothing: forward, loss, backward, clipping and Adam, counted by the allocator itself.
//!
//! Each thread counts its own allocations: the test harness allocates on its own thread at any time.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use setpoint_nn::mlp::{Activation, Mlp};
use setpoint_nn::optimizer::Adam;
use setpoint_nn::{categorical, gradient};

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
