//! The modules of a crate, a file each, and the modules that each module uses.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::circles::{Uses, circles, part, shortest};
use crate::source::{Reference, Source};

/// Greatest number of re-exports to follow.
const EXPORTS_MAX: usize = 8;

/// Files by their module path: `""` for the root, `a::b` for `a/b.rs` and `a/b/mod.rs`.
pub struct Modules {
    sources: BTreeMap<String, Source>,
    /// Paths of the files, for messages.
    files: BTreeMap<String, String>,
}

/// Files that use each other, and the shortest circle among them.
#[derive(Debug)]
pub struct Circle {
    group: BTreeSet<String>,
    way: Vec<String>,
}

impl Modules {
    /// Reads every file under `src`; messages name the files relative to `root`. Programs next to a library are separate crates
    /// and stay out.
    pub fn read(root: &Path, src: &Path) -> Self {
        let has_library = src.join("lib.rs").is_file();
        let mut texts = BTreeMap::new();
        let mut open = vec![src.to_owned()];
        while let Some(folder) = open.pop() {
            for entry in std::fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                let is_program = folder == src && (path.ends_with("bin") || path.ends_with("main.rs"));
                if is_program && has_library {
                    continue;
                } else if path.is_dir() {
                    open.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let file = path.strip_prefix(root).unwrap_or(&path).display().to_string();
                    let name = module(path.strip_prefix(src).unwrap());
                    texts.insert(name, (file, std::fs::read_to_string(&path).unwrap()));
                }
            }
        }
        Self::of(texts)
    }

    /// Modules from their files and texts; modules of tests are not part of the program.
    fn of(texts: BTreeMap<String, (String, String)>) -> Self {
        let (mut sources, mut files) = (BTreeMap::new(), BTreeMap::new());
        for (name, (file, text)) in texts {
            sources.insert(name.clone(), Source::read(&text));
            files.insert(name, file);
        }
        let child = |parent: &String, name: &String| [parts(parent), vec![name]].concat().join("::");
        let tests: Vec<String> = sources
            .iter()
            .flat_map(|(parent, source)| source.tests.iter().map(move |name| child(parent, name)))
            .collect();
        sources.retain(|name, _| !tests.iter().any(|test| is_within(name, test)));
        Self { sources, files }
    }

    /// The modules that each module uses. A parent that only re-exports an item of a child does not use the child.
    fn uses(&self) -> Uses {
        let uses = |(name, source): (&String, &Source)| {
            let used = source.references.iter().filter_map(|reference| self.used(name, reference));
            (name.clone(), used.collect())
        };
        self.sources.iter().map(uses).collect()
    }

    /// The other module that a reference uses.
    fn used(&self, from: &str, reference: &Reference) -> Option<String> {
        let target = self.target(from, &reference.path, 0)?;
        let is_shown = reference.is_public && is_within(&target, from);
        (target != from && !is_shown).then_some(target)
    }

    /// The circles. A parent and the modules below it may use each other.
    pub fn circles(&self) -> Vec<Circle> {
        let mut found = Vec::new();
        forbidden(&self.uses(), &mut found);
        found
    }

    /// The files of a circle with the lines that make it.
    pub fn explain(&self, circle: &Circle) -> String {
        let file = |name: &String| self.files[name].as_str();
        let way: Vec<&str> = circle.way.iter().map(file).collect();
        let mut text = way.join(" → ");
        for pair in circle.way.windows(2) {
            for reference in &self.sources[&pair[0]].references {
                if self.used(&pair[0], reference).as_ref() == Some(&pair[1]) {
                    let (line, path) = (reference.line, reference.path.join("::"));
                    text.push_str(&format!(
                        "\n    {}:{line} uses {path} of {}",
                        file(&pair[0]),
                        file(&pair[1])
                    ));
                }
            }
        }
        if circle.group.len() + 1 > circle.way.len() {
            let files: Vec<&str> = circle.group.iter().map(file).collect();
            text.push_str(&format!(
                "\n    these {} files reach each other: {}",
                files.len(),
                files.join(", ")
            ));
        }
        text
    }

    /// The module that defines the item of a path. A name that a module imports leads to the module behind it.
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
                    let deeper = [at.as_slice(), &[name]].concat();
                    if !self.sources.contains_key(&deeper.join("::")) {
                        break;
                    }
                    at = deeper;
                }
            }
            rest = more;
        }
        let module = at.join("::");
        let source = self.sources.get(&module)?;
        if let [name, more @ ..] = rest
            && depth < EXPORTS_MAX
            && !source.items.contains(name)
        {
            let behind = |path: &[String]| self.target(&module, &[path, more].concat(), depth + 1);
            if let Some(import) = source.references.iter().find(|import| import.name.as_ref() == Some(name)) {
                return behind(&import.path);
            }
            let mut globs = source.references.iter().filter(|import| import.name.as_deref() == Some("*"));
            if let Some(path) = globs.find_map(|glob| self.in_glob(&module, glob, name, depth)) {
                return behind(&path);
            }
        }
        Some(module)
    }

    /// The path of an item that `use path::*` brings, where the module of that path has the item.
    fn in_glob(&self, module: &str, glob: &Reference, name: &String, depth: usize) -> Option<Vec<String>> {
        let path = glob.path.split_last()?.1;
        let target = self.target(module, path, depth + 1).filter(|target| target != module)?;
        let source = &self.sources[&target];
        let has = source.items.contains(name)
            || source.references.iter().any(|import| import.is_public && import.name.as_ref() == Some(name));
        has.then(|| [path, std::slice::from_ref(name)].concat())
    }
}

/// Collects the circles that are not a family: a family is a module with the modules below it. Within a family a child may
/// use the module on top; without those uses the rest must have no circle.
fn forbidden(uses: &Uses, found: &mut Vec<Circle>) {
    for group in circles(uses) {
        let inside = part(uses, |from, to| group.contains(from) && group.contains(to));
        match group.iter().find(|top| group.iter().all(|name| is_within(name, top))) {
            Some(top) => forbidden(&part(&inside, |_, to| to != top), found),
            None => {
                let ways = inside.iter().flat_map(|(from, to)| to.iter().map(move |to| (from, to)));
                let strangers = ways.filter(|(from, to)| !is_within(from, to) && !is_within(to, from));
                let back = strangers.filter_map(|(from, to)| {
                    let way = shortest(&inside, to, from)?;
                    Some(std::iter::once(from.clone()).chain(way).collect::<Vec<String>>())
                });
                let way = back.min_by_key(Vec::len).expect("a group without a top has strangers");
                found.push(Circle { group, way });
            }
        }
    }
}

fn parts(module: &str) -> Vec<&str> {
    module.split("::").filter(|part| !part.is_empty()).collect()
}

/// Whether a module is another one or lies below it.
fn is_within(module: &str, parent: &str) -> bool {
    parts(module).starts_with(&parts(parent))
}

fn module(path: &Path) -> String {
    let path = path.with_extension("");
    let mut parts: Vec<&str> = path.iter().map(|part| part.to_str().unwrap()).collect();
    if parts.last() == Some(&"mod") || matches!(parts[..], ["lib" | "main"]) {
        parts.pop();
    }
    parts.join("::")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(files: &[(&str, &str)]) -> Vec<String> {
        let file = |name: &str| (format!("src/{name}.rs"), String::new()).0;
        let texts = files.iter().map(|(name, text)| ((*name).to_owned(), (file(name), (*text).to_owned())));
        let modules = Modules::of(texts.collect());
        modules.circles().iter().map(|circle| modules.explain(circle)).collect()
    }

    #[test]
    fn two_files_that_use_each_other_are_a_circle() {
        let files = [
            ("", "mod a; mod b; mod c;"),
            ("a", "use crate::b::B;"),
            ("b", "\nfn f() { crate::a::g() }"),
            ("c", "use crate::a::A;"),
        ];
        let expected = "src/a.rs → src/b.rs → src/a.rs\n    src/a.rs:1 uses crate::b::B of src/b.rs\n    \
                        src/b.rs:2 uses crate::a::g of src/a.rs";
        assert_eq!(explained(&files), [expected]);
    }

    #[test]
    fn a_family_is_no_circle() {
        // `a::c` uses `a::b` and both use `a`, which uses both; all use the root.
        let files = [
            ("", "mod a; pub use a::A; struct Root;"),
            ("a", "mod b; mod c; use b::B; fn f() { c::g() } struct A;"),
            ("a::b", "use super::A; use crate::Root;"),
            ("a::c", "use super::{A, b::B}; use crate::Root;"),
        ];
        assert_eq!(explained(&files), [""; 0]);
        // Brothers that use each other are a circle within the family.
        let mut brothers = files;
        brothers[2].1 = "use super::c::C;";
        let found = explained(&brothers);
        assert!(
            found.len() == 1 && found[0].starts_with("src/a::b.rs → src/a::c.rs → src/a::b.rs"),
            "{found:?}"
        );
    }

    #[test]
    fn a_circle_over_a_child_is_a_circle() {
        let files = [
            ("", ""),
            ("a", "mod b; fn f() { b::g() } struct A;"),
            ("a::b", "use crate::c::C;"),
            ("c", "use crate::a::A;"),
        ];
        let found = explained(&files);
        assert!(
            found.len() == 1 && found[0].contains("src/a.rs:1 uses self::b::g of src/a::b.rs"),
            "{found:?}"
        );
    }

    #[test]
    fn a_name_leads_to_the_file_that_defines_it() {
        // `c` uses items of `a::b` by names that `a` gives; `a` uses `c`. It would be a circle if `a` had the items.
        let circle = |text: &str, used: &str| {
            let parent = format!("mod b; {text} use crate::c::C;");
            let user = format!("use crate::a::{used};");
            let files = [("", ""), ("a", parent.as_str()), ("a::b", "pub struct B;"), ("c", user.as_str())];
            !explained(&files).is_empty()
        };
        assert!(!circle("pub use b::B;", "B"));
        assert!(!circle("pub use b::B as D;", "D"));
        assert!(!circle("pub use b::*;", "B"));
        assert!(!circle("pub(crate) use self::b;", "b::B"));
        assert!(circle("pub use b::B; pub struct A;", "A"));
        assert!(circle("pub use b::*;", "A"));
    }

    #[test]
    fn modules_of_tests_are_no_part_of_the_program() {
        let files = [
            ("", "mod a; mod b;"),
            ("a", "#[cfg(test)] mod fixtures; use crate::b::B;"),
            ("a::fixtures", "use crate::b::B;"),
            ("b", "#[cfg(test)] mod tests { use crate::a::A; }"),
        ];
        assert_eq!(explained(&files), [""; 0]);
    }

    #[test]
    fn paths_of_files_are_paths_of_modules() {
        let name = |path: &str| module(Path::new(path));
        assert_eq!(
            (name("lib.rs"), name("a/mod.rs"), name("a/b.rs")),
            (String::new(), "a".into(), "a::b".into())
        );
        assert_eq!(name("a/main.rs"), "a::main");
    }
}
