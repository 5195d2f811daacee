//! The paths, imports and items of a Rust file.

use std::collections::BTreeSet;

use crate::text::{bare, split_tests};

/// A path that begins with `crate`, `self` or `super`. A path of a child module begins with `self`.
#[derive(Debug, PartialEq, Eq)]
pub struct Reference {
    pub path: Vec<String>,
    /// The name that a `use` at the top of the file gives to the item.
    pub name: Option<String>,
    /// Whether that `use` is public, also to the crate alone.
    pub is_public: bool,
    pub line: usize,
}

/// A file without its tests.
#[derive(Debug, Default)]
pub struct Source {
    pub references: Vec<Reference>,
    /// Names of the items at the top of the file.
    pub items: BTreeSet<String>,
    /// Child modules that only tests have.
    pub tests: BTreeSet<String>,
}

impl Source {
    pub fn read(text: &str) -> Self {
        let (program, tests) = split_tests(&bare(text));
        let tokens = tokens(&program);
        let mut reader = Reader { children: children(&tokens), tokens, ..Reader::default() };
        while reader.at < reader.tokens.len() {
            reader.step();
        }
        Self { tests: children(&self::tokens(&tests)), ..reader.source }
    }
}

/// Names of the modules that a file declares, `mod name;`.
fn children(tokens: &[(String, usize)]) -> BTreeSet<String> {
    let declared = |three: &&[(String, usize)]| three[0].0 == "mod" && three[2].0 == ";";
    tokens.windows(3).filter(declared).map(|three| three[1].0.clone()).collect()
}

#[derive(Default)]
struct Reader {
    tokens: Vec<(String, usize)>,
    children: BTreeSet<String>,
    at: usize,
    /// Open braces.
    depth: usize,
    /// Depths of the open modules that the file holds itself, `mod name { … }`.
    inline: Vec<usize>,
    source: Source,
}

impl Reader {
    fn token(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| token.0.as_str())
    }

    fn step(&mut self) {
        let (at, token) = (self.at, self.token(self.at).to_owned());
        match token.as_str() {
            "{" => self.depth += 1,
            "}" => {
                self.depth = self.depth.saturating_sub(1);
                self.inline.retain(|depth| *depth <= self.depth);
            }
            "mod" if self.token(at + 2) == "{" => self.inline.push(self.depth + 1),
            "fn" | "struct" | "enum" | "trait" | "type" | "const" | "static" | "union" | "mod"
                if self.depth == 0 =>
            {
                let name = self.token(at + 1).to_owned();
                self.source.items.insert(name);
            }
            "use" if self.starts_path(at + 1) || self.token(at + 1) == "{" => {
                let is_public = at > 0 && matches!(self.token(at - 1), "pub" | ")");
                self.at = at + 1;
                return self.path(&[], Some(is_public));
            }
            _ if self.token(at + 1) == "::" && self.starts_path(at) => return self.path(&[], None),
            _ => {}
        }
        self.at += 1;
    }

    /// Whether a path of this crate begins here, not in the middle of another path.
    fn starts_path(&self, at: usize) -> bool {
        let token = self.token(at);
        let is_child = self.inline.is_empty() && self.children.contains(token);
        (is_start(token) || is_child) && (at == 0 || self.token(at - 1) != "::")
    }

    /// Reads a path and the groups in it; `import` tells that a `use` stands before it and whether it is public.
    fn path(&mut self, before: &[String], import: Option<bool>) {
        let line = self.tokens[self.at].1;
        let mut path = before.to_vec();
        loop {
            match self.token(self.at) {
                "{" => {
                    self.at += 1;
                    while !matches!(self.token(self.at), "}" | "") {
                        match self.token(self.at) {
                            "," | "::" => self.at += 1,
                            _ => self.path(&path, import),
                        }
                    }
                    self.at += 1;
                    return;
                }
                name if name == "*" || is_name(name) => path.push(name.to_owned()),
                // The sign is no part of a path.
                _ => break,
            }
            self.at += 1;
            if self.token(self.at) != "::" {
                break;
            }
            self.at += 1;
        }
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        let mut name = path.last().cloned();
        if self.token(self.at) == "as" && import.is_some() {
            name = Some(self.token(self.at + 1).to_owned());
            self.at += 2;
        }
        if path.len() == before.len() {
            self.at += 1;
        }
        self.add(path, name.filter(|_| import.is_some() && self.depth == 0), import == Some(true), line);
    }

    fn add(&mut self, mut path: Vec<String>, name: Option<String>, is_public: bool, line: usize) {
        if path.first().is_some_and(|first| self.children.contains(first) && self.inline.is_empty()) {
            path.insert(0, "self".to_owned());
        }
        // A group may begin with names of other crates.
        if !path.first().is_some_and(|first| is_start(first)) {
            return;
        }
        if let Some(path) = out_of_inline(path, self.inline.len()) {
            self.source.references.push(Reference { path, name, is_public, line });
        }
    }
}

/// A path in a module that the file holds itself, seen from the file; `None` where the path stays in that module.
fn out_of_inline(path: Vec<String>, depth: usize) -> Option<Vec<String>> {
    if depth == 0 || path[0] == "crate" {
        return Some(path);
    }
    let supers = path.iter().take_while(|part| *part == "super").count();
    match supers.checked_sub(depth)? {
        0 => Some(std::iter::once("self".to_owned()).chain(path[supers..].iter().cloned()).collect()),
        _ => Some(path[depth..].to_vec()),
    }
}

fn is_start(token: &str) -> bool {
    matches!(token, "crate" | "self" | "super")
}

fn is_name(token: &str) -> bool {
    token.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// Names, `::` and single signs, each with its line.
fn tokens(text: &str) -> Vec<(String, usize)> {
    let mut tokens: Vec<(String, usize)> = Vec::new();
    let mut line = 1;
    let mut signs = text.chars().peekable();
    while let Some(sign) = signs.next() {
        if sign == '\n' {
            line += 1;
        } else if sign.is_alphanumeric() || sign == '_' {
            let mut name = sign.to_string();
            while let Some(more) = signs.next_if(|more| more.is_alphanumeric() || *more == '_') {
                name.push(more);
            }
            tokens.push((name, line));
        } else if sign == ':' && signs.next_if_eq(&':').is_some() {
            tokens.push(("::".to_owned(), line));
        } else if !sign.is_whitespace() {
            tokens.push((sign.to_string(), line));
        }
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(String, Option<String>, bool, usize)> {
        let references = Source::read(text).references.into_iter();
        references.map(|found| (found.path.join("::"), found.name, found.is_public, found.line)).collect()
    }

    fn expected(list: &[(&str, Option<&str>, bool, usize)]) -> Vec<(String, Option<String>, bool, usize)> {
        let own = |name: &Option<&str>| name.map(str::to_owned);
        list.iter()
            .map(|(path, name, public, line)| ((*path).to_owned(), own(name), *public, *line))
            .collect()
    }

    #[test]
    fn paths_are_found_and_comments_strings_and_tests_are_not() {
        let text = "use crate::a::{self, B, c::{D, E as F}, *};\n// crate::comment::X\nlet s = \"crate::string::X\";\n\
                    fn f() { use crate::i::J; super::g::h::<T>(); $crate::m!() }\nuse {crate::k::L, std::fmt};\n\
                    #[cfg(test)]\nmod tests { use crate::test::X; }\npub(crate) use crate::z::Y;";
        let paths = [
            ("crate::a", Some("a"), false, 1),
            ("crate::a::B", Some("B"), false, 1),
            ("crate::a::c::D", Some("D"), false, 1),
            ("crate::a::c::E", Some("F"), false, 1),
            ("crate::a::*", Some("*"), false, 1),
            ("crate::i::J", None, false, 4),
            ("super::g::h", None, false, 4),
            ("crate::m", None, false, 4),
            ("crate::k::L", Some("L"), false, 5),
            ("crate::z::Y", Some("Y"), true, 8),
        ];
        assert_eq!(found(text), expected(&paths));
    }

    #[test]
    fn paths_of_children_and_of_modules_in_the_file_are_seen_from_the_file() {
        let text = "mod child;\npub use child::Item;\nfn f() { child::g(); other::child::g() }\nmod inline {\n\
                    use super::{A, super::B};\nuse self::C;\nmod deeper { use super::D; use super::super::E; }\n}\n\
                    use super::F;";
        let paths = [
            ("self::child::Item", Some("Item"), true, 2),
            ("self::child::g", None, false, 3),
            ("self::A", None, false, 5),
            ("super::B", None, false, 5),
            ("self::E", None, false, 7),
            ("super::F", Some("F"), false, 9),
        ];
        assert_eq!(found(text), expected(&paths));
    }

    #[test]
    fn items_and_modules_of_tests_are_found() {
        let source = Source::read(
            "struct A;\nimpl A { fn b() {} }\npub const fn c() {}\n#[cfg(test)]\nmod d;\nmod e {}",
        );
        assert!(source.items.contains("A") && source.items.contains("c") && !source.items.contains("b"));
        assert_eq!(source.tests, BTreeSet::from(["d".to_owned()]));
    }
}
