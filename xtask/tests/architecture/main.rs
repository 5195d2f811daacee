//! ARCHITECTURE.md holds: the map of the crates equals their manifests, and no two files of a crate need each other.

use std::path::Path;

mod circles;
mod map;
mod modules;
mod source;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace")
}

#[test]
fn the_drawn_map_of_the_crates_equals_their_manifests() {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let drawn = map::drawn(&text).unwrap();
    let manifests = map::manifests(root());
    let wrong = map::differences(&drawn, &manifests);
    assert!(wrong.is_empty(), "ARCHITECTURE.md and the manifests differ:\n{}", wrong.join("\n"));
}

#[test]
fn the_map_of_the_crates_has_no_circle() {
    let circles = circles::circles(&map::manifests(root()));
    assert!(circles.is_empty(), "{circles:?}");
}

#[test]
fn no_two_files_of_a_crate_need_each_other() {
    let mut wrong = Vec::new();
    for folder in map::crates(root()) {
        let modules = modules::Modules::read(&folder.join("src"));
        for circle in circles::circles(&modules.uses()) {
            wrong.push(format!("{}: {}", folder.display(), modules.explain(&circle)));
        }
    }
    assert!(wrong.is_empty(), "{} circles of files:\n{}", wrong.len(), wrong.join("\n"));
}
