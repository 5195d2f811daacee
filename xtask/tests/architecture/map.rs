//! The map of the crates: as ARCHITECTURE.md draws it, and as the manifests have it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::circles::Uses;

/// The line above the drawing.
const TITLE: &str = "Crates, and which may use which";
/// The line of the page that names the crates which are not drawn.
const FREE: &str = "may use every crate";

/// The drawing of the page.
#[derive(Debug)]
pub struct Map {
    /// The arrows.
    pub uses: Uses,
    /// Crates that may use every crate and are not drawn.
    free: BTreeSet<String>,
}

impl Map {
    /// Reads the fenced block under its title, lines such as `a, b → c, d` (`–` for no arrow). A note in parentheses
    /// is not part of a name.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut map = Self { uses: Uses::new(), free: free(text) };
        let below = text.lines().skip_while(|line| !line.contains(TITLE));
        let inside = below.skip_while(|line| !line.starts_with("```text")).skip(1);
        for line in inside.take_while(|line| !line.starts_with("```")) {
            let (from, to) = line.split_once('→').ok_or_else(|| format!("no arrow in the line `{line}`"))?;
            for from in names(from) {
                if map.uses.insert(from.clone(), names(to).into_iter().collect()).is_some() {
                    return Err(format!("{from} is drawn twice"));
                }
            }
        }
        if map.uses.is_empty() {
            Err(format!("there is no drawing under the line `{TITLE}`"))
        } else {
            Ok(map)
        }
    }
}

fn names(list: &str) -> Vec<String> {
    let name = |text: &str| text.split('(').next().unwrap_or_default().trim().to_owned();
    list.split(',').map(name).filter(|name| !name.is_empty() && name != "–").collect()
}

/// The names in backticks before the words of the exemption.
fn free(text: &str) -> BTreeSet<String> {
    let line = text.lines().find_map(|line| line.split_once(FREE));
    let sentence = line.map_or("", |(before, _)| before.rsplit(". ").next().unwrap_or_default());
    sentence.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// A crate of the workspace.
#[derive(Clone, Debug)]
pub struct Crate {
    /// The name in the drawing.
    pub name: String,
    pub folder: PathBuf,
    /// Crates of the workspace in its `[dependencies]`; those of tests do not count.
    pub uses: BTreeSet<String>,
}

/// The crates of the workspace: its members, a `*` at the end of a path included.
pub fn crates(root: &Path) -> Vec<Crate> {
    let workspace = manifest(root);
    let members = workspace["workspace"]["members"].as_array().unwrap();
    let mut folders: Vec<PathBuf> = Vec::new();
    for member in members.iter().map(|member| member.as_str().unwrap()) {
        match member.strip_suffix("/*") {
            Some(parent) => folders.extend(
                std::fs::read_dir(root.join(parent))
                    .unwrap()
                    .map(|entry| entry.unwrap().path())
                    .filter(|folder| folder.join("Cargo.toml").is_file()),
            ),
            None => folders.push(root.join(member)),
        }
    }
    folders.sort();
    let manifests: Vec<(PathBuf, toml::Table)> =
        folders.into_iter().map(|folder| (folder.clone(), manifest(&folder))).collect();
    let own: BTreeSet<String> = manifests
        .iter()
        .map(|(_, manifest)| manifest["package"]["name"].as_str().unwrap().to_owned())
        .collect();
    let read = |(folder, manifest): (PathBuf, toml::Table)| Crate {
        name: drawn_name(manifest["package"]["name"].as_str().unwrap()),
        folder,
        uses: packages(&manifest)
            .filter(|package| own.contains(package))
            .map(|package| drawn_name(&package))
            .collect(),
    };
    manifests.into_iter().map(read).collect()
}

fn manifest(folder: &Path) -> toml::Table {
    let path = folder.join("Cargo.toml");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Packages of the sections `[dependencies]`, for every machine and for one kind of machine.
fn packages(manifest: &toml::Table) -> impl Iterator<Item = String> {
    let machines = manifest.get("target").and_then(toml::Value::as_table);
    let tables = machines
        .into_iter()
        .flat_map(|machines| machines.values().map(|machine| machine.get("dependencies")));
    let tables = std::iter::once(manifest.get("dependencies")).chain(tables);
    tables
        .flatten()
        .filter_map(toml::Value::as_table)
        .flatten()
        .map(|(name, value)| value.get("package").and_then(toml::Value::as_str).unwrap_or(name).to_owned())
}

/// A package's name in the drawing.
fn drawn_name(package: &str) -> String {
    match package {
        "setpoint" => "cli".to_owned(),
        _ => package.strip_prefix("setpoint-").unwrap_or(package).to_owned(),
    }
}

/// The arrows and the crates that only the drawing has, or only the manifests, each with its file.
pub fn differences(map: &Map, crates: &[Crate]) -> Vec<String> {
    let none = BTreeSet::new();
    let mut wrong = Vec::new();
    for found in crates.iter().filter(|found| !map.free.contains(&found.name)) {
        let (name, file) = (&found.name, found.folder.join("Cargo.toml"));
        let file = file.display();
        let drawn = map.uses.get(name).unwrap_or_else(|| {
            wrong.push(format!("{name} has a manifest, {file}, and ARCHITECTURE.md does not draw it"));
            &none
        });
        let more = found.uses.difference(drawn);
        wrong.extend(more.map(|to| format!("{name} → {to} is in {file}, and ARCHITECTURE.md forbids it")));
        let fewer = drawn.difference(&found.uses);
        wrong.extend(fewer.map(|to| format!("{name} → {to} is in ARCHITECTURE.md, and {file} lacks it")));
    }
    let lost = map.uses.keys().filter(|name| !crates.iter().any(|found| found.name == **name));
    wrong.extend(lost.map(|name| format!("{name} is in ARCHITECTURE.md, and there is no such crate")));
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::circles::circles;

    fn example(arrows: &str) -> Map {
        let text = format!(
            "# Title\n## {TITLE}\nwords\n```text\n{arrows}```\nAn arrow. `x` and `y` {FREE}; `z` not.\n"
        );
        Map::read(&(text + "```text\nx → y\n```\n")).unwrap()
    }

    fn built(crates: &[(&str, &[&str])]) -> Vec<Crate> {
        let built = |(name, uses): &(&str, &[&str])| Crate {
            name: (*name).to_owned(),
            folder: Path::new("crates").join(name),
            uses: uses.iter().map(|name| (*name).to_owned()).collect(),
        };
        crates.iter().map(built).collect()
    }

    #[test]
    fn a_forbidden_arrow_a_missing_arrow_and_a_missing_crate_are_found() {
        let map = example("a (door)    → b, c\nb, c → –\n");
        let same = [("a", ["b", "c"].as_slice()), ("b", &[]), ("c", &[]), ("x", &["a"]), ("y", &[])];
        assert_eq!(differences(&map, &built(&same)), [""; 0]);
        let wrong = differences(&map, &built(&[("a", &["b"]), ("b", &["a"]), ("e", &[])]));
        let expected = [
            "a → c is in ARCHITECTURE.md, and crates/a/Cargo.toml lacks it",
            "b → a is in crates/b/Cargo.toml, and ARCHITECTURE.md forbids it",
            "e has a manifest, crates/e/Cargo.toml, and ARCHITECTURE.md does not draw it",
            "c is in ARCHITECTURE.md, and there is no such crate",
        ];
        assert_eq!(wrong, expected);
    }

    #[test]
    fn a_circle_and_a_broken_drawing_are_found() {
        assert!(circles(&example("a → b\nb → c\nc → –\n").uses).is_empty());
        assert_eq!(circles(&example("a → b\nb, c → a\n").uses).len(), 1);
        assert!(Map::read("# Title\n").is_err());
        assert!(Map::read(&format!("{TITLE}\n```text\na, b\n```\n")).is_err());
        assert!(Map::read(&format!("{TITLE}\n```text\na → –\na → –\n```\n")).is_err());
    }

    #[test]
    fn packages_of_tests_do_not_count() {
        let text = "[dependencies]\nsetpoint-a.workspace = true\nb = { package = \"setpoint-b\", path = \"b\" }\n\
                    [dev-dependencies]\nsetpoint-c = \"1\"\n[target.'cfg(unix)'.dependencies]\nsetpoint-d = \"1\"\n";
        let found: Vec<String> =
            packages(&text.parse().unwrap()).map(|package| drawn_name(&package)).collect();
        assert_eq!(found, ["a", "b", "d"]);
    }
}
