//! Images of environments in Python workers: what they draw arrives byte for byte (`environments/images.py`).
//!
//! Needs a Python with gymnasium (`SETPOINT_PYTHON`, else `python3`); without one every test says that it was skipped.

use std::sync::Arc;

use setpoint_decision::spec::{TensorForm, TensorPart};
use setpoint_process::Factory;
use setpoint_process::process::Outcome;
use setpoint_process::tensors::{TensorRef, TensorRows};
use setpoint_process::vectorized::{Actions, Transition};
use setpoint_processes::registry;
use setpoint_random::Stream;

mod workers;

use workers::{is_there, project, run};

/// The camera of the environments is `[channels, height, width]` there.
const CAMERA: (usize, usize, usize) = (20, 30, 3);
const DEPTH: (usize, usize, usize) = (20, 25, 2);

fn entry(class: &str, more: &str) -> String {
    format!("entry = \"images:{class}\"\n{more}")
}

fn factory(class: &str, more: &str) -> Arc<dyn Factory> {
    workers::factory(&entry(class, more))
}

/// The camera of a state as native code has it: the channels last.
fn camera(start: usize, steps: usize) -> Vec<u8> {
    let (height, width, channels) = CAMERA;
    let at = |index: usize| {
        let (pixel, channel) = (index / channels, index % channels);
        (channel * height * width + pixel + start + 7 * steps) as u8
    };
    (0..height * width * channels).map(at).collect()
}

fn depth(start: usize, steps: usize) -> Vec<f32> {
    let (height, width, channels) = DEPTH;
    (0..height * width * channels).map(|index| start as f32 + 0.5 * steps as f32 - index as f32).collect()
}

/// Checks the images of a lane against its features.
fn assert_drawn(observations: &[f32], images: &[TensorRows], lane: usize) {
    let [start, steps] = [0, 1].map(|feature| observations[lane * 2 + feature] as usize);
    let expected = camera(start, steps);
    let TensorRef::Bytes(bytes) = images[0].all() else { panic!("the camera has bytes") };
    assert!(bytes[lane * expected.len()..][..expected.len()] == expected, "camera of lane {lane}");
    let expected = depth(start, steps);
    let TensorRef::Numbers(numbers) = images[1].all() else { panic!("the depth has numbers") };
    assert!(numbers[lane * expected.len()..][..expected.len()] == expected, "depth of lane {lane}");
}

fn assert_all_drawn(transition: &Transition) {
    for (lane, outcome) in transition.outcomes.iter().enumerate() {
        assert_drawn(&transition.observations, &transition.tensors, lane);
        if outcome.is_over() {
            assert_drawn(&transition.final_observations, &transition.final_tensors, lane);
        }
    }
}

#[test]
fn images_are_tensors_next_to_features() {
    if !is_there() {
        return;
    }
    let image = |(height, width, channels)| TensorForm::Image { height, width, channels };
    let spec = factory("Images", "").spec().clone();
    let features: Vec<&str> = spec.observation.iter().map(|feature| feature.name.as_str()).collect();
    assert_eq!(features, ["start_0", "steps_0"]);
    let (height, width, channels) = DEPTH;
    let parts = [
        TensorPart::new("camera", image(CAMERA), "`camera` of the observation as an image"),
        TensorPart::new(
            "depth",
            TensorForm::NumberImage { height, width, channels },
            "`depth` of the observation as an image",
        ),
    ];
    assert_eq!(spec.tensors, parts);
    let alone = factory("Camera", "").spec().clone();
    assert_eq!(alone.observation, []);
    let part = TensorPart::new("observation", image(CAMERA), "the observation as an image");
    assert_eq!(alone.tensors, [part]);
}

#[test]
fn every_byte_arrives_whatever_the_workers() {
    if !is_there() {
        return;
    }
    let mut seen = Vec::new();
    for workers in 1..=3 {
        let factory = factory("Images", &format!("workers = {workers}"));
        let mut batch = factory.batch(5, 1, "test").unwrap();
        let mut starts = Vec::new();
        for step in 1..=10 {
            assert_all_drawn(batch.transition());
            starts.extend(batch.transition().observations.iter().step_by(2).map(|start| *start as u32));
            run(batch.as_mut(), 1).unwrap();
            let over = batch.transition().outcomes.iter().filter(|outcome| outcome.is_over()).count();
            assert_eq!(over, if step % 3 == 0 { 5 } else { 0 });
        }
        seen.push(starts);
    }
    assert!(seen[0] == seen[1] && seen[1] == seen[2]);
    assert!(seen[0].windows(2).any(|pair| pair[0] != pair[1]), "each environment draws its own");
}

/// Without features every array of them is empty.
#[test]
fn an_image_alone_arrives_too() {
    if !is_there() {
        return;
    }
    let mut batch = factory("Camera", "workers = 2").batch(3, 1, "test").unwrap();
    for step in 0..7 {
        let TensorRef::Bytes(bytes) = batch.transition().tensors[0].all() else { panic!("bytes") };
        for image in bytes.chunks_exact(camera(0, 0).len()) {
            // The first pixel tells the start.
            let start = usize::from(image[0].wrapping_sub(7 * (step % 3) as u8));
            assert!(image == camera(start, step % 3));
        }
        run(batch.as_mut(), 1).unwrap();
    }
}

#[test]
fn lanes_that_stand_or_are_reset_alone_keep_their_images() {
    if !is_there() {
        return;
    }
    let mut batch = factory("Images", "workers = 2").batch(4, 0, "test").unwrap();
    let stepping = [true, false, false, true];
    batch.step_where(Actions::of_choices(&[0; 4]), &stepping).unwrap();
    assert_all_drawn(batch.transition());
    batch.reset_lane(3, Some(Stream::new(9, "test", 0))).unwrap();
    assert_all_drawn(batch.transition());
    let steps: Vec<f32> = batch.transition().observations.iter().skip(1).step_by(2).copied().collect();
    assert_eq!(steps, [1.0, 0.0, 0.0, 0.0]);
}

#[test]
fn a_loaded_batch_shows_the_images_of_its_new_episodes() {
    if !is_there() {
        return;
    }
    let factory = factory("Images", "workers = 1");
    let mut batch = factory.batch(2, 0, "test").unwrap();
    run(batch.as_mut(), 2).unwrap();
    let state = batch.save().unwrap();
    let mut again = factory.batch(2, 5, "test").unwrap();
    again.load(&state).unwrap();
    assert_all_drawn(again.transition());
    assert_eq!(again.transition().observations[1], 0.0, "a new episode");
}

#[test]
fn the_last_images_of_a_worker_that_died_are_kept() {
    if !is_there() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let more = format!("kwargs = {{ file = \"{}\" }}\nworkers = 1", folder.path().join("died").display());
    let mut batch = factory("DiesOnce", &more).batch(2, 0, "test").unwrap();
    run(batch.as_mut(), 1).unwrap();
    let before = batch.transition().clone();
    run(batch.as_mut(), 1).unwrap();
    let transition = batch.transition();
    assert_eq!(transition.outcomes, [Outcome::Truncated; 2]);
    assert!(transition.final_tensors == before.tensors);
    assert_all_drawn(transition);
}

#[test]
fn another_image_names_its_part_and_what_was_expected() {
    if !is_there() {
        return;
    }
    for (fault, expected) in [
        ("nan", "`depth` of the observation held nan; expected an image of finite numbers"),
        ("shape", "`camera` of the observation had shape (20, 30, 3); expected (3, 20, 30)"),
        ("type", "`camera` of the observation had type int64; its space has uint8"),
        ("list", "`camera` of the observation was a list; expected an array of uint8 with shape (3, 20, 30)"),
    ] {
        let more = format!("kwargs = {{ fault = \"{fault}\" }}\nworkers = 1");
        let mut batch = factory("Faulty", &more).batch(2, 0, "test").unwrap();
        run(batch.as_mut(), 1).unwrap();
        let error = run(batch.as_mut(), 1).unwrap_err();
        assert_eq!((error.lane, error.step), (Some(0), Some(1)), "{error}");
        assert!(error.reason.contains(expected), "{error}");
    }
}

#[test]
fn a_fifth_image_is_refused() {
    if !is_there() {
        return;
    }
    let error = registry().open(&project(&entry("TooMany", "")), &mut |_| {}).err().unwrap().to_string();
    assert!(error.contains("5 images (`camera_0`, ") && error.contains("more than 4"), "{error}");
}
