//! What a Rust file refers to: its text without comments, strings and tests, as tokens, and the paths in it.

/// A path that begins with `crate`, `self` or `super`, and whether a `pub use` re-exports it.
#[derive(Debug, PartialEq, Eq)]
pub struct Reference {
    pub path: Vec<String>,
    pub exported: bool,
    pub line: usize,
}

/// Every path of a file, the groups of `use` unfolded.
pub fn references(text: &str) -> Vec<Reference> {
    let tokens = tokens(&without_tests(&bare(text)));
    let mut found = Vec::new();
    let mut exported = false;
    let mut at = 0;
    while at < tokens.len() {
        let (token, line) = &tokens[at];
        match token.as_str() {
            "use" => {
                exported = at > 0 && matches!(tokens[at - 1].0.as_str(), "pub" | ")");
                at += 1;
                // A path of a child: `pub use child::Item`.
                let first = tokens.get(at).map_or("", |token| token.0.as_str());
                if exported && first.starts_with(char::is_alphabetic) && !is_start(first) {
                    at = unfold(&tokens, at, &["self".to_owned()], exported, *line, &mut found);
                }
            }
            ";" => {
                exported = false;
                at += 1;
            }
            start if is_start(start) && tokens.get(at + 1).is_some_and(|next| next.0 == "::") => {
                at = unfold(&tokens, at, &[], exported, *line, &mut found);
            }
            _ => at += 1,
        }
    }
    found
}

fn is_start(token: &str) -> bool {
    matches!(token, "crate" | "self" | "super")
}

/// Reads a path and the groups in it; gives the place behind.
fn unfold(
    tokens: &[(String, usize)],
    mut at: usize,
    before: &[String],
    exported: bool,
    line: usize,
    found: &mut Vec<Reference>,
) -> usize {
    let mut path = before.to_vec();
    loop {
        match tokens.get(at).map(|token| token.0.as_str()) {
            Some("{") => {
                at += 1;
                while tokens.get(at).is_some_and(|token| token.0 != "}") {
                    at = match tokens[at].0.as_str() {
                        "," => at + 1,
                        _ => unfold(tokens, at, &path, exported, line, found),
                    };
                }
                return at + 1;
            }
            Some(name)
                if name == "*" || name.starts_with(|first: char| first.is_alphabetic() || first == '_') =>
            {
                path.push(name.to_owned());
                at += 1;
            }
            _ => break,
        }
        if tokens.get(at).is_none_or(|token| token.0 != "::") {
            break;
        }
        at += 1;
    }
    // `as name` renames what was read.
    if tokens.get(at).is_some_and(|token| token.0 == "as") {
        at += 2;
    }
    found.push(Reference { path, exported, line });
    at.max(1)
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

/// Without comments, strings and characters; line breaks stay.
fn bare(text: &str) -> String {
    let signs: Vec<char> = text.chars().collect();
    let mut bare = String::new();
    let mut at = 0;
    let keep_breaks =
        |bare: &mut String, part: &[char]| bare.extend(part.iter().filter(|sign| **sign == '\n'));
    while at < signs.len() {
        let rest = &signs[at..];
        let length = match rest {
            ['/', '/', ..] => rest.iter().position(|sign| *sign == '\n').unwrap_or(rest.len()),
            ['/', '*', ..] => {
                rest.windows(2).position(|pair| pair == ['*', '/']).map_or(rest.len(), |end| end + 2)
            }
            ['r', '"', ..] | ['r', '#', ..] if !is_name_before(&signs, at) => raw_string(rest),
            ['"', ..] => string(rest),
            ['\'', '\\', ..] => {
                2 + rest[2..].iter().skip(1).position(|sign| *sign == '\'').map_or(0, |end| end + 2)
            }
            ['\'', _, '\'', ..] => 3,
            _ => 0,
        };
        if length == 0 {
            bare.push(signs[at]);
            at += 1;
        } else {
            keep_breaks(&mut bare, &rest[..length.min(rest.len())]);
            bare.push(' ');
            at += length;
        }
    }
    bare
}

fn is_name_before(signs: &[char], at: usize) -> bool {
    at > 0 && (signs[at - 1].is_alphanumeric() || signs[at - 1] == '_')
}

/// Length of the string at the start of `rest`.
fn string(rest: &[char]) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// Length of the raw string at the start of `rest`, 0 where none begins.
fn raw_string(rest: &[char]) -> usize {
    let fences = rest[1..].iter().take_while(|sign| **sign == '#').count();
    if rest.get(1 + fences) != Some(&'"') {
        return 0;
    }
    let mut end = vec!['"'];
    end.extend(std::iter::repeat_n('#', fences));
    let begin = 2 + fences;
    rest[begin..]
        .windows(end.len())
        .position(|part| part == end)
        .map_or(rest.len(), |at| begin + at + end.len())
}

/// Without what stands behind `#[cfg(test)]`: an item, to its closing brace or semicolon.
fn without_tests(text: &str) -> String {
    let mut left = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("#[cfg(test)]") {
        left.push_str(&rest[..at]);
        let behind = &rest[at..];
        let mut depth = 0;
        let end = behind.char_indices().find_map(|(index, sign)| {
            match sign {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            (depth == 0 && matches!(sign, '}' | ';')).then_some(index + 1)
        });
        let end = end.unwrap_or(behind.len());
        left.extend(behind[..end].chars().filter(|sign| *sign == '\n'));
        rest = &behind[end..];
    }
    left + rest
}

#[test]
fn paths_are_found_and_comments_strings_and_tests_are_not() {
    let text = "use crate::a::{B, c::{D, E as F}, *};\n// crate::comment::X\nlet s = \"crate::string::X\"; let c = '\"';\n\
                let r = r#\"crate::raw::\"X\"#;\nfn f() { super::g::h(); $crate::m!() }\npub use child::Item;\n\
                #[cfg(test)]\nmod tests { use crate::test::X; }\npub(crate) use crate::z::Y;";
    let found: Vec<(String, bool, usize)> = references(text)
        .into_iter()
        .map(|found| (found.path.join("::"), found.exported, found.line))
        .collect();
    let expected = [
        ("crate::a::B", false, 1),
        ("crate::a::c::D", false, 1),
        ("crate::a::c::E", false, 1),
        ("crate::a::*", false, 1),
        ("super::g::h", false, 5),
        ("crate::m", false, 5),
        ("self::child::Item", true, 6),
        ("crate::z::Y", true, 9),
    ];
    let expected: Vec<(String, bool, usize)> =
        expected.iter().map(|(path, exported, line)| ((*path).to_owned(), *exported, *line)).collect();
    assert_eq!(found, expected);
}
