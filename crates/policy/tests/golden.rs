//! Golden policy files: every released format stays readable and decides bit for bit as at its writing.
//!
//! The files of format 1 were written by the version before format 2; nothing can write them again. Those of format 2 are
//! compared byte for byte with a file written now: a change of the layout needs a new format, not a new golden file.

mod sample;

use std::path::PathBuf;

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
    let mut runner: Runner<&Policy> = policy.runner(20);
    let mut found = Vec::new();
    if policy.manifest.action.is_discrete() {
        found.extend(runner.scores(&observations, &[]).iter().map(|score| score.to_bits()));
        let mut chosen = vec![0; 20];
        runner.choose(&observations, &[], None, &mut chosen);
        found.extend(chosen);
    } else {
        let mut values = vec![0.0; 20 * policy.manifest.action.len()];
        runner.control(&observations, None, &mut values);
        found.extend(values.iter().map(|value| value.to_bits()));
    }
    found
}

#[test]
fn files_of_every_format_hold_the_policy_that_was_written() {
    for (name, policy) in sample::policies() {
        for format in 1..=FORMAT {
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
fn files_of_format_2_are_written_as_they_were() {
    for (name, policy) in sample::policies() {
        let path = golden(2, name);
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
