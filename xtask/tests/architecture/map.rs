//! The map of the crates: as ARCHITECTURE.md draws it, and as the manifests have it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::circles::Uses;

/// The line above the drawing.
const TITLE: &str = "Crates, and which may use which";
/// They may use every crate and are not drawn.
const FREE: [&str; 2] = ["benches", "xtask"];

/// The arrows of the drawing: the fenced block under its title, lines such as `a, b → c, d` (`–` for no arrow).
pub fn drawn(text: &str) -> Result<Uses, String> {
    let mut lines = text.lines().skip_while(|line| !line.contains(TITLE));
    let inside = lines.by_ref().skip_while(|line| !line.starts_with("```text")).skip(1);
    let mut uses = Uses::new();
    for line in inside.take_while(|line| !line.starts_with("```")) {
        let (from, to) = line.split_once('→').ok_or_else(|| format!("no arrow in the line `{line}`"))?;
        let names = |list: &str| -> Vec<String> {
            list.split(',').map(|name| name.trim().to_owned()).filter(|name| name != "–").collect()
        };
        for from in names(from) {
            if uses.insert(from.clone(), names(to).into_iter().collect()).is_some() {
                return Err(format!("{from} is drawn twice"));
            }
        }
    }
    if uses.is_empty() { Err(format!("there is no drawing under the line `{TITLE}`")) } else { Ok(uses) }
}

/// Folders of all crates that are drawn.
pub fn crates(root: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(root.join("crates"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|folder| folder.join("Cargo.toml").is_file())
        .collect();
    folders.push(root.join("python"));
    folders.sort();
    folders
}

/// The arrows of the manifests: dependencies on crates of the workspace, without those of tests.
pub fn manifests(root: &Path) -> Uses {
    crates(root)
        .iter()
        .map(|folder| {
            let text = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
            let table: toml::Table = text.parse().unwrap();
            let name = drawn_name(table["package"]["name"].as_str().unwrap()).unwrap();
            let dependencies = table.get("dependencies").and_then(toml::Value::as_table);
            let uses = dependencies.into_iter().flatten().filter_map(|(package, _)| drawn_name(package));
            (name, uses.collect())
        })
        .collect()
}

/// A package's name in the drawing; `None` for a crate of others.
fn drawn_name(package: &str) -> Option<String> {
    match package {
        "setpoint" => Some("cli".to_owned()),
        _ => package.strip_prefix("setpoint-").map(str::to_owned),
    }
}

/// What is in one of the two and not in the other.
pub fn differences(drawn: &Uses, manifests: &Uses) -> Vec<String> {
    let none = BTreeSet::new();
    let names: BTreeSet<&String> = drawn.keys().chain(manifests.keys()).collect();
    let mut wrong = Vec::new();
    for name in names.into_iter().filter(|name| !FREE.contains(&name.as_str())) {
        let (drawn, found) = (drawn.get(name).unwrap_or(&none), manifests.get(name).unwrap_or(&none));
        if !manifests.contains_key(name) {
            wrong.push(format!("{name} is drawn, and there is no such crate"));
        }
        wrong.extend(
            found.difference(drawn).map(|to| {
                format!("{name} → {to} is in the manifest of {name}, and the map does not allow it")
            }),
        );
        wrong.extend(
            drawn.difference(found).map(|to| format!("{name} → {to} is drawn, and the manifest lacks it")),
        );
    }
    wrong
}

#[test]
fn a_forbidden_arrow_a_missing_arrow_and_a_missing_crate_are_found() {
    let text = format!(
        "# Title\n## {TITLE}\nwords\n```text\na    → b, c\nb, c → –\nd → b\n```\n```text\nx → y\n```\n"
    );
    let drawn = drawn(&text).unwrap();
    assert_eq!(drawn.len(), 4, "{drawn:?}");
    assert!(differences(&drawn, &drawn).is_empty());
    let mut manifests = drawn.clone();
    manifests.get_mut("b").unwrap().insert("a".to_owned());
    manifests.get_mut("a").unwrap().remove("c");
    manifests.remove("d");
    let wrong = differences(&drawn, &manifests);
    assert_eq!(wrong.len(), 4, "{wrong:?}");
    assert!(wrong.iter().any(|line| line.starts_with("b → a is in the manifest")));
    assert!(wrong.iter().any(|line| line.starts_with("a → c is drawn")));
    assert!(wrong.iter().any(|line| line.starts_with("d is drawn")));
    assert!(self::drawn("# Title\n").is_err());
}
