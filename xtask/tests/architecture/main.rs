//! ARCHITECTURE.md holds: the map of the crates equals their manifests and has no circle, no files of a crate form a circle,
//! and one crate alone writes to standard output and standard error.

use std::path::Path;

mod circles;
mod map;
mod modules;
mod source;
mod streams;
mod text;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace")
}

fn page() -> String {
    std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap()
}

#[test]
fn the_drawn_map_of_the_crates_equals_their_manifests() {
    let map = map::Map::read(&page()).unwrap();
    let wrong = map::differences(&map, &map::crates(root()));
    assert!(wrong.is_empty(), "ARCHITECTURE.md and the manifests differ:\n{}", wrong.join("\n"));
}

#[test]
fn the_drawn_map_of_the_crates_has_no_circle() {
    let map = map::Map::read(&page()).unwrap();
    let circles = circles::circles(&map.uses);
    assert!(circles.is_empty(), "these crates of ARCHITECTURE.md use each other: {circles:?}");
}

#[test]
fn no_files_of_a_crate_form_a_circle() {
    let mut wrong = Vec::new();
    for found in map::crates(root()) {
        let modules = modules::Modules::read(root(), &found.folder.join("src"));
        wrong.extend(modules.circles().iter().map(|circle| modules.explain(circle)));
    }
    assert!(wrong.is_empty(), "{} circles of files:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn one_crate_alone_writes_to_standard_output_and_standard_error() {
    // The chores and the benchmarks print for us; no user runs them.
    let shipped =
        map::crates(root()).into_iter().filter(|found| !matches!(&*found.name, "xtask" | "benches"));
    let wrong: Vec<String> =
        shipped.flat_map(|found| streams::writing_places(root(), &found.folder.join("src"))).collect();
    assert!(wrong.is_empty(), "write through the crate `terminal`:\n{}", wrong.join("\n"));
}
