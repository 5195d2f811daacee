//! The training of the ensemble: squared errors of standardised changes and signals, cross-entropy of termination, by Adam.
//! One fifth of the episodes is held out to measure the model, and to collect the errors that are drawn later.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use setpoint_decision::spec::Spec;
use setpoint_log::log::Log;
use setpoint_random::Stream;

use super::ends;
use super::model::{Fit, Layout, MEMBERS, Model, Scale};
use setpoint_evidence::logs::{self, ended};
use setpoint_nn::network::Network;
use setpoint_process::preparation::{OnProgress, Preparation};

/// Rows of a gradient step.
const BATCH: usize = 256;
/// Passes over the rows.
const PASSES: usize = 60;
/// First step size of Adam; it falls to 0.
const LEARNING_RATE: f64 = 1e-3;
/// Least number of transitions.
const ROWS_MIN: usize = 100;
/// One episode of this number is held out.
const HELD_OUT: usize = 5;

/// The content of one step of the log.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// The next state: changes and signals are known.
    Next,
    /// That the episode ended.
    End,
}

/// Rows for the networks.
struct Rows {
    /// `[rows, inputs]`
    inputs: Vec<f32>,
    /// `[rows, predicted]`, standardised; 0 where the episode ended.
    targets: Vec<f32>,
    ends: Vec<bool>,
    /// The indices of these rows in the log.
    of_log: Vec<usize>,
}

/// Learns a process from a log; `like` is the spec that the log was read with. The error names the missing data.
pub fn fit(spec: &Spec, like: &Spec, log: &Log, progress: OnProgress<'_>) -> Result<Model, String> {
    let layout = Layout::of(spec);
    let (seen, unseen) = split(log);
    if unseen.is_empty() {
        let episodes = log.of_one_episode().len();
        return Err(format!("it has {episodes} episodes, at least {HELD_OUT} are needed"));
    }
    if log.episodes.iter().all(|episode| episode.continued) {
        return Err("every episode lacks its first row: no start is known".to_owned());
    }
    // Indices of the measured signals in the log.
    let measured: Vec<usize> = layout
        .measured
        .iter()
        .map(|place| like.signals.iter().position(|signal| signal.name == spec.signals[*place].name))
        .map(|place| place.expect("a learnt spec has its process's signals"))
        .collect();
    let transitions = transitions(log, &seen);
    if transitions.len() < ROWS_MIN {
        return Err(format!(
            "it has {} steps with a next state, at least {ROWS_MIN} are needed",
            transitions.len()
        ));
    }
    let mut changes = Vec::new();
    for (row, _) in transitions.iter().filter(|(_, shown)| *shown == Shown::Next) {
        changes.extend(changes_of(log, &measured, *row));
    }
    let mut model = Model {
        inputs: Scale::of(&log.observations, layout.features),
        outputs: Scale::of(&changes, layout.predicted()),
        spec: spec.clone(),
        members: Vec::new(),
        errors: Vec::new(),
        errors_by_choice: Vec::new(),
        starts: log
            .episodes
            .iter()
            .filter(|episode| !episode.continued)
            .flat_map(|episode| log.observation(episode.rows.start))
            .copied()
            .collect(),
        start_signals: log
            .episodes
            .iter()
            .filter(|episode| !episode.continued)
            .flat_map(|episode| measured.iter().map(move |place| log.signals(episode.rows.start)[*place]))
            .collect(),
        limits: ends::pointed_at(log),
        fit: Fit {
            rows: transitions.len() as u64,
            ended: ended(log).into_iter().filter(|ended| *ended).count() as u64,
            held_out_episodes: unseen.len() as u64,
            explained: Vec::new(),
            left_out: logs::left_out(log),
        },
        layout,
    };
    let rows = gather(&model, log, &measured, &transitions);
    model.members = learn_all(&model, &rows, progress);
    judge(&mut model, log, &measured, &unseen);
    Ok(model)
}

/// Episodes to learn from, and held-out episodes; the pieces of an episode stay together.
fn split(log: &Log) -> (Vec<usize>, Vec<usize>) {
    let mut whole = log.of_one_episode();
    Stream::new(0, "learned process held out", 0).shuffle(&mut whole);
    let unseen = whole.split_off(whole.len() - whole.len() / HELD_OUT);
    (whole.into_iter().flatten().collect(), unseen.into_iter().flatten().collect())
}

fn transitions(log: &Log, episodes: &[usize]) -> Vec<(usize, Shown)> {
    let mut transitions = Vec::new();
    let ended = ended(log);
    for episode in episodes {
        let rows = &log.episodes[*episode].rows;
        let last = rows.end - 1;
        transitions.extend((rows.start..last).map(|row| (row, Shown::Next)));
        if ended[*episode] {
            transitions.push((last, Shown::End));
        }
    }
    transitions
}

/// Changes of the features, then the measured signals, of a row with a next row.
fn changes_of(log: &Log, measured: &[usize], row: usize) -> impl Iterator<Item = f32> {
    let (before, after) = (log.observation(row), log.observation(row + 1));
    let changes = after.iter().zip(before).map(|(after, before)| after - before);
    changes.chain(measured.iter().map(move |place| log.signals(row)[*place]))
}

fn gather(model: &Model, log: &Log, measured: &[usize], transitions: &[(usize, Shown)]) -> Rows {
    let (width, predicted) = (model.layout.inputs(), model.layout.predicted());
    let mut rows = Rows {
        inputs: vec![0.0; transitions.len() * width],
        targets: vec![0.0; transitions.len() * predicted],
        ends: Vec::new(),
        of_log: Vec::new(),
    };
    for (index, (row, shown)) in transitions.iter().enumerate() {
        let input = &mut rows.inputs[index * width..(index + 1) * width];
        model.input(log.observation(*row), log.action(*row), input);
        if *shown == Shown::Next {
            let targets = &mut rows.targets[index * predicted..(index + 1) * predicted];
            let scale = model.outputs.mean.iter().zip(&model.outputs.deviation);
            for ((target, change), (mean, deviation)) in
                targets.iter_mut().zip(changes_of(log, measured, *row)).zip(scale)
            {
                *target = (change - mean) / deviation;
            }
        }
        rows.ends.push(*shown == Shown::End);
        rows.of_log.push(*row);
    }
    rows
}

/// All networks, in parallel: each has its own random numbers, so the result is the same on any number of cores.
fn learn_all(model: &Model, rows: &Rows, progress: OnProgress<'_>) -> Vec<Vec<f32>> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MEMBERS);
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    let mut members = vec![Vec::new(); MEMBERS];
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let (next, sender) = (&next, sender.clone());
            scope.spawn(move || {
                loop {
                    let member = next.fetch_add(1, Ordering::Relaxed);
                    if member >= MEMBERS {
                        return;
                    }
                    let tell = || drop(sender.send(None));
                    let parameters = learn(model, rows, member, &tell);
                    drop(sender.send(Some((member, parameters))));
                }
            });
        }
        // The loop ends with the last thread.
        drop(sender);
        let (mut passes, of) = (0, (MEMBERS * PASSES) as u64);
        for learnt in receiver {
            match learnt {
                Some((member, parameters)) => members[member] = parameters,
                None => {
                    passes += 1;
                    progress(Preparation::Learning { passes, of });
                }
            }
        }
    });
    members
}

/// One network, from its own bootstrap sample of the rows and its own first weights.
fn learn(model: &Model, rows: &Rows, member: usize, passed: &dyn Fn()) -> Vec<f32> {
    let shape = model.layout.shape();
    let (width, predicted, outputs) = (shape.input, model.layout.predicted(), shape.output);
    let mut random = Stream::new(0, "learned process", member as u64);
    let mut network = Network::new(shape, BATCH, &mut random);
    let n = rows.ends.len();
    let mut order: Vec<usize> = (0..n).map(|_| random.below(n as u32) as usize).collect();
    let mut inputs = vec![0.0; BATCH * width];
    let mut gradient = vec![0.0; BATCH * outputs];
    for pass in 0..PASSES {
        random.shuffle(&mut order);
        let learning_rate = LEARNING_RATE * (1.0 - pass as f64 / PASSES as f64);
        for batch in order.chunks(BATCH) {
            for (input, row) in inputs.chunks_exact_mut(width).zip(batch) {
                input.copy_from_slice(&rows.inputs[row * width..(row + 1) * width]);
            }
            let found = network.forward(&inputs, batch.len());
            let both = found.chunks_exact(outputs).zip(gradient.chunks_exact_mut(outputs));
            for ((found, gradient), row) in both.zip(batch) {
                let target = &rows.targets[row * predicted..(row + 1) * predicted];
                loss_gradient(found, target, rows.ends[*row], batch.len(), gradient);
            }
            network.learn(&inputs, batch.len(), &gradient[..batch.len() * outputs], learning_rate, None);
        }
        passed();
    }
    network.trained.parameters
}

/// dL/d outputs of one row of `rows`, with L = (1/rows) Σ [½ Σⱼ (yⱼ − tⱼ)², if a next state is known, + BCE(σ(z), ended)].
/// With σ = 1 / (1 + e⁻ᶻ): dBCE/dz = σ − ended.
fn loss_gradient(outputs: &[f32], targets: &[f32], ended: bool, rows: usize, gradient: &mut [f32]) {
    let scale = 1.0 / rows as f32;
    let (values, logit) = outputs.split_at(targets.len());
    for ((gradient, value), target) in gradient.iter_mut().zip(values).zip(targets) {
        *gradient = if ended { 0.0 } else { scale * (value - target) };
    }
    let probability = 1.0 / (1.0 + (-logit[0]).exp());
    gradient[targets.len()] = scale * (probability - f32::from(u8::from(ended)));
}

/// The share of variance that the mean prediction explains in held-out episodes, and its errors there.
fn judge(model: &mut Model, log: &Log, measured: &[usize], unseen: &[usize]) {
    let (features, predicted) = (model.layout.features, model.layout.predicted());
    let held_out: Vec<(usize, Shown)> =
        transitions(log, unseen).into_iter().filter(|(_, shown)| *shown == Shown::Next).collect();
    let rows = gather(model, log, measured, &held_out);
    let mut ensemble = model.ensemble(BATCH);
    // Truth and prediction of next values and signals, and the errors, each `[rows, predicted]`.
    let (mut truths, mut errors): (Vec<f32>, Vec<f32>) = (Vec::new(), Vec::new());
    for (block, of_log) in rows.inputs.chunks(BATCH * model.layout.inputs()).zip(rows.of_log.chunks(BATCH)) {
        ensemble.inputs()[..block.len()].copy_from_slice(block);
        ensemble.predict(model, of_log.len());
        for (index, row) in of_log.iter().enumerate() {
            let mean: Vec<f32> = (0..predicted).map(|output| ensemble.mean(model, index, output)).collect();
            let natural: Vec<f32> = model.natural(&mean).collect();
            let before = log.observation(*row);
            for (output, (change, natural)) in changes_of(log, measured, *row).zip(natural).enumerate() {
                truths.push(if output < features { before[output] + change } else { change });
                errors.push(change - natural);
            }
        }
    }
    let names: Vec<String> = model
        .spec
        .observation
        .iter()
        .map(|feature| feature.name.clone())
        .chain(model.layout.measured.iter().map(|place| model.spec.signals[*place].name.clone()))
        .collect();
    let explained = |output: usize| {
        let truth = || truths[output..].iter().step_by(predicted).map(|value| f64::from(*value));
        let n = truth().count() as f64;
        let mean = truth().sum::<f64>() / n;
        let total: f64 = truth().map(|value| (value - mean).powi(2)).sum();
        let left: f64 =
            errors[output..].iter().step_by(predicted).map(|error| f64::from(*error).powi(2)).sum();
        1.0 - left / total.max(1e-12)
    };
    model.fit.explained =
        names.into_iter().enumerate().map(|(output, name)| (name, explained(output))).collect();
    let pools = if model.spec.action.is_discrete() { model.spec.action.len() } else { 1 };
    for pool in 0..pools {
        let begin = model.errors.len() / predicted;
        for (error, row) in errors.chunks_exact(predicted).zip(&rows.of_log) {
            if pools == 1 || log.choice(*row) == pool {
                model.errors.extend_from_slice(error);
            }
        }
        model.errors_by_choice.push(begin..model.errors.len() / predicted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loss_s_gradient_agrees_with_finite_differences() {
        let (outputs, targets) = ([0.3_f32, -1.2, 0.7], [0.5_f32, -1.0]);
        for ended in [false, true] {
            let loss = |outputs: &[f32]| -> f64 {
                let error = |index: usize| f64::from(outputs[index]) - f64::from(targets[index]);
                let squares = if ended { 0.0 } else { 0.5 * (error(0).powi(2) + error(1).powi(2)) };
                let probability = 1.0 / (1.0 + (-f64::from(outputs[2])).exp());
                let entropy = if ended { -probability.ln() } else { -(1.0 - probability).ln() };
                (squares + entropy) / 4.0
            };
            let mut gradient = [9.0; 3];
            loss_gradient(&outputs, &targets, ended, 4, &mut gradient);
            for index in 0..3 {
                let shifted = |by: f32| {
                    let mut outputs = outputs;
                    outputs[index] += by;
                    loss(&outputs)
                };
                let numeric = (shifted(1e-2) - shifted(-1e-2)) / 2e-2;
                assert!((numeric - f64::from(gradient[index])).abs() < 1e-4, "{ended} {index}: {numeric}");
            }
        }
    }
}
