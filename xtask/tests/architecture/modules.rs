//! The modules of a crate, a file each, and which uses which.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::circles::Uses;
use crate::source::{Reference, references};

/// Files by their module path: `""` for the root, `a::b` for `a/b.rs` and `a/b/mod.rs`.
pub struct Modules {
    files: BTreeMap<String, Vec<Reference>>,
}

impl Modules {
    /// Reads every file under `src`.
    pub fn read(src: &Path) -> Self {
        let mut files = BTreeMap::new();
        let mut open = vec![src.to_owned()];
        while let Some(folder) = open.pop() {
            for entry in std::fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let name = module(path.strip_prefix(src).unwrap());
                    files.insert(name, std::fs::read_to_string(&path).unwrap());
                }
            }
        }
        Self::of(&files)
    }

    /// Of texts by module path.
    pub fn of(texts: &BTreeMap<String, String>) -> Self {
        // Files of tests are no part of the program.
        let is_test = |name: &String| name.rsplit("::").next() == Some("tests");
        let files = texts.iter().filter(|(name, _)| !is_test(name));
        Self { files: files.map(|(name, text)| (name.clone(), references(text))).collect() }
    }

    /// Who uses whom; a parent and its child may use each other.
    pub fn uses(&self) -> Uses {
        let mut uses = Uses::new();
        for (name, references) in &self.files {
            let targets: BTreeSet<String> = references
                .iter()
                .filter_map(|reference| self.target(name, &reference.path, 0))
                .filter(|target| !is_family(name, target))
                .collect();
            uses.insert(name.clone(), targets);
        }
        uses
    }

    /// A circle with the lines that make it.
    pub fn explain(&self, circle: &BTreeSet<String>) -> String {
        let mut text = circle.iter().cloned().collect::<Vec<_>>().join(" ↔ ");
        for name in circle {
            for reference in &self.files[name] {
                let target = self.target(name, &reference.path, 0);
                if let Some(target) =
                    target.filter(|target| circle.contains(target) && !is_family(name, target))
                {
                    let path = reference.path.join("::");
                    text.push_str(&format!("\n    {name}, line {}: {path} (in {target})", reference.line));
                }
            }
        }
        text
    }

    /// The file that holds what a path names; a re-export leads to the file behind it.
    fn target(&self, from: &str, path: &[String], depth: usize) -> Option<String> {
        let mut at: Vec<&str> = match path.first()?.as_str() {
            "crate" => Vec::new(),
            "self" => parts(from),
            _ => parts(from).split_last()?.1.to_vec(),
        };
        let mut rest = &path[1..];
        while let [first, more @ ..] = rest {
            match first.as_str() {
                "super" => drop(at.pop()),
                name => {
                    let mut deeper = at.clone();
                    deeper.push(name);
                    if !self.files.contains_key(&deeper.join("::")) {
                        break;
                    }
                    at = deeper;
                }
            }
            rest = more;
        }
        let module = at.join("::");
        let exported = rest.first().and_then(|name| {
            let same = |reference: &&Reference| reference.exported && reference.path.last() == Some(name);
            self.files.get(&module)?.iter().find(same)
        });
        match exported {
            Some(reference) if depth < 5 => self.target(&module, &reference.path, depth + 1),
            _ => self.files.contains_key(&module).then_some(module),
        }
    }
}

fn parts(module: &str) -> Vec<&str> {
    module.split("::").filter(|part| !part.is_empty()).collect()
}

/// Whether one is the other, or holds it.
fn is_family(one: &str, other: &str) -> bool {
    let (one, other) = (parts(one), parts(other));
    one.starts_with(&other) || other.starts_with(&one)
}

fn module(path: &Path) -> String {
    let path = path.with_extension("");
    let mut parts: Vec<&str> = path.iter().map(|part| part.to_str().unwrap()).collect();
    if matches!(parts.last(), Some(&("mod" | "lib" | "main"))) {
        parts.pop();
    }
    parts.join("::")
}

#[cfg(test)]
fn crate_of(files: &[(&str, &str)]) -> Modules {
    Modules::of(&files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect())
}

#[test]
fn two_files_that_need_each_other_are_a_circle_and_a_parent_with_its_child_is_none() {
    use crate::circles::circles;
    let family = crate_of(&[
        ("", "pub mod a;"),
        ("a", "use crate::a::b::B;"),
        ("a::b", "use super::A; use crate::Root;"),
    ]);
    assert!(circles(&family.uses()).is_empty());
    let circle = crate_of(&[
        ("", ""),
        ("a", "use crate::b::B;"),
        ("b", "fn f() { crate::a::g() }"),
        ("c", "use crate::a::A;"),
    ]);
    let found = circles(&circle.uses());
    assert_eq!(found.len(), 1);
    let text = circle.explain(&found[0]);
    assert!(text.starts_with("a ↔ b") && text.contains("b, line 1: crate::a::g (in a)"), "{text}");
}

#[test]
fn a_re_export_leads_to_the_file_behind_it() {
    use crate::circles::circles;
    // `c` uses a type of `a::b` by the name of its parent; `a` itself uses `c`. Only through `a` it would be a circle.
    let modules = crate_of(&[
        ("", ""),
        ("a", "pub use b::B; use crate::c::C;"),
        ("a::b", ""),
        ("c", "use crate::a::B;"),
    ]);
    assert!(circles(&modules.uses()).is_empty());
}
