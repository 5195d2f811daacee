//! The guarantees of a policy file: every policy is restored bit for bit, and every change of its bytes is detected.

mod sample;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use setpoint_decision::constraint::{Condition, Constraint, Effect, Subject};
use setpoint_decision::spec::{ActionForm, ActionSpace, Axis, Choice, Feature, Signal};
use setpoint_policy::Policy;
use setpoint_policy::policy_file::Refusal;
use setpoint_random::Stream;

/// Any finite number, each exponent as likely as any other: subnormals and the greatest ones are common.
fn float64(random: &mut Stream) -> f64 {
    const EXTREMES: [f64; 8] =
        [0.0, -0.0, f64::MAX, f64::MIN, f64::MIN_POSITIVE, 5e-324, f64::EPSILON, 0.192_371_686_846_861_62];
    match random.below(8) {
        0 => EXTREMES[random.below(8) as usize],
        1 => f64::from(float32(random)),
        _ => loop {
            let value = f64::from_bits(random.next_u64());
            if value.is_finite() {
                break value;
            }
        },
    }
}

fn float32(random: &mut Stream) -> f32 {
    const EXTREMES: [f32; 8] =
        [0.0, -0.0, f32::MAX, f32::MIN, f32::MIN_POSITIVE, 1e-45, -1e-45, 16_777_216.0];
    if random.below(8) == 0 {
        return EXTREMES[random.below(8) as usize];
    }
    loop {
        let value = f32::from_bits(random.next_u64() as u32);
        if value.is_finite() {
            return value;
        }
    }
}

/// Any text: control characters, quotes, escapes, right-to-left marks, emoji, private and unassigned characters.
fn text(random: &mut Stream) -> String {
    const HARD: [&str; 16] = [
        "\0",
        "\u{1}",
        "\u{1f}",
        "\u{7f}",
        "\"",
        "\\",
        "\\u0000",
        "\n",
        "\r\n",
        "\u{202e}",
        "\u{200f}",
        "\u{2028}",
        "👩‍🏭",
        "\u{feff}",
        "\u{10ffff}",
        "0000000000000000000000000000000000000000000000000000000000000000",
    ];
    let mut text = String::new();
    for _ in 0..random.below(12) {
        match random.below(3) {
            0 => text.push_str(HARD[random.below(16) as usize]),
            1 => text.push(char::from(random.below(128) as u8)),
            // Surrogates are no characters.
            _ => text.extend(char::from_u32(random.below(0x11_0000))),
        }
    }
    text
}

fn optional(random: &mut Stream) -> Option<f64> {
    (random.below(2) == 0).then(|| float64(random))
}

fn constraint(random: &mut Stream) -> Constraint {
    let subject = match random.below(2) {
        0 => Subject::Feature(text(random)),
        _ => Subject::Signal(text(random)),
    };
    let effect = match random.below(2) {
        0 => Effect::Forbid((0..random.below(3)).map(|_| text(random)).collect()),
        _ => Effect::Clip { action: text(random), low: optional(random), high: optional(random) },
    };
    Constraint { when: Condition { subject, above: optional(random), below: optional(random) }, effect }
}

/// Draws every text and number of a space. Where it has several groups, names of choices and settings must differ.
fn rename(space: &mut ActionSpace, random: &mut Stream) {
    let is_one_group = matches!(space.stored_form(), ActionForm::Choices(_));
    let mut count = 0;
    let mut name = |random: &mut Stream| {
        count += 1;
        if is_one_group { text(random) } else { format!("{}{count}", text(random)) }
    };
    for group in &mut space.groups {
        if !is_one_group {
            (group.name, group.description) = (name(random), text(random));
        }
        for choice in &mut group.choices {
            *choice = Choice { name: name(random), description: text(random) };
        }
    }
    for axis in &mut space.axes {
        let name = if space.groups.is_empty() { text(random) } else { name(random) };
        *axis = Axis::new(&name, &text(random), float32(random), float32(random), &text(random));
    }
}

/// One of the sample policies with every number and every text drawn.
fn policy(random: &mut Stream) -> Policy {
    let samples = sample::policies();
    let mut policy = samples[random.below(samples.len() as u32) as usize].1.clone();
    let manifest = &mut policy.manifest;
    for name in [&mut manifest.project, &mut manifest.process, &mut manifest.algorithm] {
        *name = text(random);
    }
    (manifest.seed, manifest.steps) = (random.next_u64(), random.next_u64());
    for feature in &mut manifest.observation {
        *feature = Feature {
            name: text(random),
            unit: text(random),
            description: text(random),
            low: float32(random),
            high: float32(random),
            scale: float32(random),
            offset: float32(random),
            reference: float32(random),
        };
    }
    rename(&mut manifest.action, random);
    for signal in &mut manifest.signals {
        *signal = Signal::new(&text(random), &text(random), float32(random), float32(random), &text(random))
            .summarised_by(signal.aggregate);
    }
    manifest.constraints = (0..random.below(4)).map(|_| constraint(random)).collect();
    manifest.normalization_epsilon = float64(random);
    if let Some(table) = &mut manifest.discretization {
        table.low.iter_mut().chain(&mut table.high).for_each(|edge| *edge = float32(random));
    }
    policy.parameters.iter_mut().chain(&mut policy.log_std).for_each(|number| *number = float32(random));
    if let Some(normalizer) = &mut policy.normalizer {
        normalizer
            .mean
            .iter_mut()
            .chain(&mut normalizer.variance)
            .for_each(|number| *number = float64(random));
        normalizer.epsilon = manifest.normalization_epsilon;
        normalizer.clip = float64(random);
        manifest.clip_observation = Some(normalizer.clip);
    }
    policy
}

#[test]
fn any_policy_comes_back_bit_for_bit() {
    let mut random = Stream::new(1, "policy files", 0);
    for round in 0..500 {
        let written = policy(&mut random);
        let bytes = written.to_bytes();
        let read =
            Policy::from_bytes(&bytes).unwrap_or_else(|refusal| panic!("{round}: {refusal}: {written:?}"));
        assert_eq!(read, written, "{round}");
        assert_eq!(read.to_bytes(), bytes, "{round}");
        assert_eq!(read.hash(), written.hash(), "{round}");
        assert_eq!(read.hash(), blake3::hash(&bytes).to_hex().as_str(), "{round}");
    }
}

#[test]
fn any_changed_byte_is_refused() {
    let mut random = Stream::new(2, "policy files", 0);
    let bytes = policy(&mut random).to_bytes_with(&[("learner", b"state"), ("model", b"{}")]);
    assert_eq!(Policy::extra(&bytes, "learner"), Some(b"state".as_slice()));
    assert!(Policy::from_bytes(&bytes).is_ok());
    for position in 0..bytes.len() {
        let mut broken = bytes.clone();
        // Each bit alone at every eighth byte, a random change at the others.
        let changes = if position % 8 == 0 {
            (0..8).map(|bit| 1 << bit).collect()
        } else {
            vec![1 + random.below(255) as u8]
        };
        for change in changes {
            broken[position] = bytes[position] ^ change;
            assert!(Policy::from_bytes(&broken).is_err(), "byte {position} of {} ^ {change}", bytes.len());
        }
    }
}

#[test]
fn a_file_that_is_cut_short_or_too_long_is_refused() {
    let mut random = Stream::new(3, "policy files", 0);
    let bytes = policy(&mut random).to_bytes();
    for length in 0..bytes.len() {
        assert!(Policy::from_bytes(&bytes[..length]).is_err(), "{length} of {} bytes", bytes.len());
    }
    let longer: Vec<u8> = bytes.iter().copied().chain([0]).collect();
    assert!(Policy::from_bytes(&longer).is_err());
}

#[test]
fn a_policy_has_the_hash_of_its_file_until_it_is_changed() {
    let (_, mut policy) = sample::policies().swap_remove(0);
    let alone = policy.hash();
    let bytes = policy.to_bytes_with(&[("learner", b"state")]);
    let mut read = Policy::from_bytes(&bytes).unwrap();
    assert_eq!(read.hash(), blake3::hash(&bytes).to_hex().as_str());
    assert_ne!(read.hash(), alone);
    read.parameters[0] += 1.0;
    policy.parameters[0] += 1.0;
    assert_eq!(read.hash(), policy.hash());
}

/// The file of a later version, with the part that every version can read.
#[test]
fn a_newer_format_is_called_newer_and_names_the_version_that_reads_it() {
    let (_, policy) = sample::policies().swap_remove(0);
    let bytes = policy.to_bytes();
    let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
    let header = metadata.metadata().as_ref().unwrap()["setpoint"].clone();
    let header = header.replacen("\"format\":2", "\"format\":5", 1).replacen("0.1.0", "7.3.1", 1);
    let metadata = [("setpoint".to_owned(), header)].into();
    let tensor = TensorView::new(Dtype::U8, vec![1], &[0]).unwrap();
    let bytes = safetensors::serialize([("of format 5", tensor)], Some(metadata)).unwrap();
    let refusal = Policy::from_bytes(&bytes).unwrap_err();
    assert_eq!(refusal, Refusal::Newer { format: 5, written_by: "7.3.1".into() });
    let sentence = refusal.to_string();
    assert!(sentence.contains("format 5") && sentence.contains("Use Setpoint 7.3.1 or newer"), "{sentence}");
}
