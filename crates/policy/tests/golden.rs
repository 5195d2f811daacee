//! Golden policy files: every released format stays readable and decides bit for bit as at its writing.
//!
//! The files of format 1 were written by the version before format 2; nothing can write them again. Those of format 2 are
//! compared byte for byte with a file written now: a change of the layout needs a new format, not a new golden file.

mod sample;

use std::path::PathBuf;

use setpoint_nn::inputs::{Inputs, Tensor};
use setpoint_policy::Policy;
use setpoint_policy::policy::Runner;
use setpoint_policy::policy_file::FORMAT;

fn golden(format: u32, name: &str) -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.join(format!("tests/golden/policy-v{format}-{name}.safetensors"))
}

/// Every output of a policy over a grid of observations, as bits.
fn decisions(policy: &Policy) -> Vec<u32> {
    let observations: Vec<f32> = (0..60).map(|index| sample::awkward(index) * 3.0).collect();
    let features = policy.manifest.observation.len();
    let bytes: Vec<u8> = (0..20 * 60).map(|index| (index * 7 % 256) as u8).collect();
    let points: Vec<f32> = (0..20 * 6).map(|index| sample::awkward(index + 60)).collect();
    let counts: Vec<u32> = (0..20).map(|row| row % 4).collect();
    let tensors = [Tensor::Bytes(&bytes), Tensor::Points { numbers: &points, counts: &counts }];
    let observations = Inputs::new(&observations[..20 * features], &tensors[..policy.manifest.tensors.len()]);
    let mut runner: Runner<&Policy> = policy.runner(20);
    let mut found = Vec::new();
    let action = &policy.manifest.action;
    if !action.groups.is_empty() {
        found.extend(runner.scores(observations, 20, &[]).iter().map(|score| score.to_bits()));
    }
    let mut chosen = vec![0; 20 * action.groups.len()];
    let mut values = vec![0.0_f32; 20 * action.axes.len()];
    runner.decide(observations, 20, &[], None, &mut chosen, &mut values);
    found.extend(chosen);
    found.extend(values.iter().map(|value| value.to_bits()));
    found
}

/// The formats in which a policy has been written.
fn formats(policy: &Policy) -> std::ops::RangeInclusive<u32> {
    if !policy.manifest.tensors.is_empty() || policy.manifest.network.memory().is_some() {
        4..=FORMAT
    } else if policy.manifest.action.width() > 1 && !policy.manifest.action.groups.is_empty() {
        3..=3
    } else {
        1..=2
    }
}

#[test]
fn files_of_every_format_hold_the_policy_that_was_written() {
    for (name, policy) in sample::policies() {
        for format in formats(&policy) {
            let path = golden(format, name);
            let bytes = std::fs::read(&path).unwrap();
            let loaded = Policy::load(&path).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(loaded, policy, "{}", path.display());
            // Equality does not distinguish 0 and −0, but the bytes do.
            assert_eq!(loaded.to_bytes(), policy.to_bytes(), "{}", path.display());
            assert_eq!(decisions(&loaded), decisions(&policy), "{}", path.display());
            assert_eq!(loaded.hash(), blake3::hash(&bytes).to_hex().as_str(), "{}", path.display());
        }
    }
}

#[test]
fn files_are_written_as_they_were() {
    for (name, policy) in sample::policies() {
        let path = golden(*formats(&policy).end(), name);
        if !path.exists() {
            std::fs::write(&path, policy.to_bytes()).unwrap();
            panic!("{} was missing and was written; commit it", path.display());
        }
        assert_eq!(policy.to_bytes(), std::fs::read(&path).unwrap(), "{}", path.display());
    }
}

/// The old reader did not read the number of this constraint back exactly.
#[test]
fn a_file_of_format_1_is_refused_where_a_byte_of_policy_or_manifest_changed() {
    let bytes = std::fs::read(golden(1, "constraint")).unwrap();
    let end_of_header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    for position in end_of_header..bytes.len() {
        let mut broken = bytes.clone();
        broken[position] ^= 0x01;
        let refusal = Policy::from_bytes(&broken).unwrap_err();
        assert!(refusal.to_string().contains("checksum"), "{position}: {refusal}");
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let number = text.find("0.19237168684686162").unwrap();
    let position = bytes.windows(19).position(|window| window == b"0.19237168684686162").unwrap();
    assert_eq!(number, position, "the text before the number is UTF-8");
    let mut broken = bytes;
    broken[position + 18] ^= 0x01;
    let refusal = Policy::from_bytes(&broken).unwrap_err();
    assert!(refusal.to_string().contains("checksum"), "{refusal}");
}
