//! ARCHITECTURE.md holds: the map of the crates equals their manifests and has no circle, and no files of a crate form a
//! circle.

use std::path::Path;

mod circles;
mod map;
mod modules;
mod source;
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
