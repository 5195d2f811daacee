//! `setpoint faults` and `setpoint watch` on a real run.

use std::path::Path;

use serde_json::Value;

use binary::setpoint_in as setpoint;

mod binary;

fn trained(folder: &Path, project: &str, run: &str, more: &[&str]) {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../projects").join(project);
    let arguments = ["train", project.to_str().unwrap(), "--steps", "4096", "--run-dir", run];
    let output = setpoint(folder, &[&arguments[..], more].concat());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

const GRID: [&str; 10] =
    ["--noise", "0,0.1", "--delay", "0,2", "--dropout", "0", "--episodes", "20", "--json", "--runs=runs"];

#[test]
fn two_policies_stand_side_by_side_in_the_report() {
    let folder = tempfile::tempdir().unwrap();
    trained(folder.path(), "assembly-line", "clean", &[]);
    trained(
        folder.path(),
        "assembly-line-robust",
        "robust",
        &["--set", "curriculum.advance_after=[1000,2000]"],
    );
    let output = setpoint(folder.path(), &[&["faults", "clean", "--against", "robust"][..], &GRID].concat());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let policies = document["faults"]["policies"].as_array().unwrap();
    assert_eq!(policies.len(), 2);
    assert_eq!(policies[0]["trained"], "trained without disturbances");
    assert!(
        policies[1]["trained"].as_str().unwrap().ends_with("through 3 levels"),
        "{}",
        policies[1]["trained"]
    );
    for policy in policies {
        let cells = policy["cells"].as_array().unwrap();
        let sizes: Vec<_> =
            cells.iter().map(|cell| (cell["delay"].as_u64(), cell["noise"].as_f64())).collect();
        assert_eq!(sizes.len(), 4);
        assert_eq!(sizes[1], (Some(0), Some(0.1)));
    }
    assert!(folder.path().join("clean/evidence/faults.json").is_file());
    let page = std::fs::read_to_string(folder.path().join("clean/report.html")).unwrap();
    assert!(page.contains("<h2>Faults</h2>") && page.contains("<b>robust</b>"));

    trained(folder.path(), "cart-pole", "pole", &[]);
    let output = setpoint(folder.path(), &[&["faults", "clean", "--against", "pole"][..], &GRID].concat());
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && error.contains("cannot be compared with it"), "{error}");
    // Velocities have no bounds, and this policy has no statistics: noise without a scale is refused.
    let output = setpoint(folder.path(), &[&["faults", "pole"][..], &GRID].concat());
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.code() == Some(2) && error.contains("noise has no scale for cart_velocity"),
        "{error}"
    );
    assert!(error.contains("--features cart_position,pole_angle"), "{error}");
    let named = [&["faults", "pole", "--features", "cart_position,pole_angle"][..], &GRID].concat();
    let output = setpoint(folder.path(), &named);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let without = document["faults"]["without_noise"].as_array().unwrap();
    assert_eq!(without, &["cart_velocity", "pole_angular_velocity"]);
    assert_eq!(document["faults"]["noise_scales"].as_array().unwrap().len(), 2);
    // With statistics of the training they have a scale, which is told.
    trained(folder.path(), "cart-pole", "seen", &["--set", "train.ppo.normalize_observation=true"]);
    let output = setpoint(folder.path(), &[&["faults", "seen"][..], &GRID].concat());
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let from_training =
        |scale: &&Value| scale["from_training"] == true && scale["size"].as_f64().unwrap() > 0.0;
    let scales = document["faults"]["noise_scales"].as_array().unwrap();
    assert_eq!((scales.len(), scales.iter().filter(from_training).count()), (4, 2));
    let page = std::fs::read_to_string(folder.path().join("seen/report.html")).unwrap();
    assert!(page.contains("standard deviations of what the policy saw"), "the page says what the scale is");

    let output = setpoint(folder.path(), &["watch", "clean"]);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && error.contains("needs a terminal"), "{error}");
}
