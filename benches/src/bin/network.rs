//! The parts of an update, on one core. `products` measures the matrix products.

use setpoint_benches::{median_seconds, print};
use setpoint_nn::categorical;
use setpoint_nn::convolution::Convolution;
use setpoint_nn::inputs::{Inputs, Tensor};
use setpoint_nn::level;
use setpoint_nn::mlp::{Activation, Mlp};
use setpoint_nn::optimizer::Adam;
use setpoint_nn::shape::Shape;
use setpoint_nn::transpose::transpose;

fn main() -> Result<(), level::UnknownLevel> {
    level::check()?;
    loops();
    actor_and_value();
    off_policy_critic();
    convolution();
    Ok(())
}

fn repeat(name: &str, work: &mut dyn FnMut()) {
    let seconds = median_seconds(31, || (0..1000).for_each(|_| work()));
    print(name, seconds * 1e3, "us");
}

/// Element-wise work of an update.
fn loops() {
    let (from, mut to) = (vec![0.5_f32; 4096], vec![0.0_f32; 4096]);
    repeat("transpose 64x64", &mut || transpose(64, 64, &from, std::hint::black_box(&mut to)));
    let (large, mut turned) = (vec![0.5_f32; 256 * 256], vec![0.0_f32; 256 * 256]);
    repeat("transpose 256x256", &mut || transpose(256, 256, &large, std::hint::black_box(&mut turned)));
    let parameters_count = 5_700;
    let mut adam = Adam::<f32>::new(parameters_count, 1e-5);
    let (mut parameters, gradient) = (vec![0.1_f32; parameters_count], vec![0.01_f32; parameters_count]);
    repeat("adam 5700", &mut || adam.step(&mut parameters, &gradient, 1e-9, 1.0));
    let logits: Vec<f32> = (0..960).map(|i| (i as f32).sin()).collect();
    let mut rows = logits.clone();
    repeat("log-probabilities 64x15", &mut || {
        rows.copy_from_slice(&logits);
        categorical::log_probabilities(&mut rows, 15, None);
    });
}

/// The networks of PPO, at its batch and at its four environments.
fn actor_and_value() {
    for output in [15, 1] {
        let network = Mlp { input: 8, hidden: vec![64, 64], output, activation: Activation::Tanh };
        let parameters: Vec<f32> = (0..network.parameters()).map(|i| (i as f32 * 0.7).sin() * 0.1).collect();
        let input: Vec<f32> = (0..64 * 8).map(|i| (i as f32 * 0.3).sin()).collect();
        let output_gradient = vec![0.01_f32; 64 * output];
        let mut gradient = vec![0.0; parameters.len()];
        let mut workspace = network.workspace(64);
        repeat(&format!("forward 8-64-64-{output}, 64 rows"), &mut || {
            std::hint::black_box(network.forward(&parameters, &input, 64, &mut workspace));
        });
        repeat(&format!("backward 8-64-64-{output}, 64 rows"), &mut || {
            network.backward(&parameters, &input, 64, &mut workspace, &output_gradient, &mut gradient);
        });
        repeat(&format!("forward 8-64-64-{output}, 4 rows"), &mut || {
            std::hint::black_box(network.forward(&parameters, &input, 4, &mut workspace));
        });
    }
}

/// The main work of SAC and TD3.
fn off_policy_critic() {
    let critic = Mlp { input: 4, hidden: vec![256, 256], output: 1, activation: Activation::Relu };
    let parameters: Vec<f32> = (0..critic.parameters()).map(|i| (i as f32 * 0.7).sin() * 0.1).collect();
    let (rows, multiply_adds) = (256, (4 * 256 + 256 * 256 + 256) as f64);
    let input: Vec<f32> = (0..rows * 4).map(|i| (i as f32 * 0.3).sin()).collect();
    let output_gradient = vec![0.01_f32; rows];
    let (mut gradient, mut input_gradient) = (vec![0.0; parameters.len()], vec![0.0; rows * 4]);
    let mut workspace = critic.workspace(rows);
    let rate = |name: &str, products: f64, work: &mut dyn FnMut()| {
        let seconds = median_seconds(31, || (0..10).for_each(|_| work())) / 10.0;
        let flops = 2.0 * multiply_adds * rows as f64 * products;
        print(&format!("{name} 4-256-256-1, {rows} rows"), flops / seconds * 1e-9, "GFLOP/s");
    };
    rate("forward", 1.0, &mut || {
        std::hint::black_box(critic.forward(&parameters, &input, rows, &mut workspace));
    });
    rate("backward", 2.0, &mut || {
        critic.backward(&parameters, &input, rows, &mut workspace, &output_gradient, &mut gradient);
    });
    rate("input gradient", 1.0, &mut || {
        critic.input_gradient(&parameters, rows, &mut workspace, &output_gradient, &mut input_gradient);
    });
}

/// The encoder of Atari's images, alone: its first layer needs no gradient of its input.
fn convolution() {
    let encoder = Convolution::nature([84, 84, 4]).expect("the image is large enough");
    let forward_pairs = encoder.multiply_adds() as f64;
    let first_layer = (20 * 20 * 256 * 32) as f64;
    let pixels = encoder.input();
    let shape = Shape::new(0, vec![encoder.into()], None, vec![], 1, Activation::Linear);
    let parameters: Vec<f32> = (0..shape.parameters()).map(|i| (i as f32 * 0.7).sin() * 0.05).collect();
    let mut gradient = vec![0.0; parameters.len()];
    for rows in [32, 256] {
        let images: Vec<u8> = (0..rows * pixels).map(|i| (i * 31 % 251) as u8).collect();
        let tensors = [Tensor::Bytes(&images)];
        let inputs = Inputs::new(&[], &tensors);
        let output_gradient = vec![0.01_f32; rows];
        let mut workspace = shape.workspace(rows);
        let rate = |name: &str, pairs: f64, work: &mut dyn FnMut()| {
            let seconds = median_seconds(7, &mut *work);
            print(&format!("{name} nature 84x84x4, {rows} rows"), rows as f64 / seconds, "images/s");
            let flops = 2.0 * pairs * rows as f64;
            print(&format!("{name} nature 84x84x4, {rows} rows"), flops / seconds * 1e-9, "GFLOP/s");
        };
        rate("forward", forward_pairs, &mut || {
            std::hint::black_box(shape.forward(&parameters, inputs, rows, &mut workspace));
        });
        rate("forward and backward", 3.0 * forward_pairs - first_layer, &mut || {
            shape.forward(&parameters, inputs, rows, &mut workspace);
            shape.backward(&parameters, inputs, rows, &mut workspace, &output_gradient, &mut gradient);
        });
    }
}
