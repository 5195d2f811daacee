//! The text of a Rust file without comments, strings and tests; the lines keep their numbers.

/// The attribute in front of an item of tests.
const TEST: &str = "#[cfg(test)]";

/// Without comments, strings and characters; line breaks stay.
pub fn bare(text: &str) -> String {
    let signs: Vec<char> = text.chars().collect();
    let mut bare = String::new();
    let mut at = 0;
    let keep_breaks =
        |bare: &mut String, part: &[char]| bare.extend(part.iter().filter(|sign| **sign == '\n'));
    while at < signs.len() {
        let rest = &signs[at..];
        let length = match rest {
            ['/', '/', ..] => rest.iter().position(|sign| *sign == '\n').unwrap_or(rest.len()),
            ['/', '*', ..] => comment(rest),
            ['r', '"' | '#', ..] if !is_name_before(&signs, at) => raw_string(rest),
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

/// Whether a letter of a name stands before the place; the `b` and `c` of `br""` and `cr""` do not count.
fn is_name_before(signs: &[char], at: usize) -> bool {
    let is_letter = |at: Option<usize>| at.is_some_and(|at| signs[at].is_alphanumeric() || signs[at] == '_');
    let is_prefix = at > 0 && matches!(signs[at - 1], 'b' | 'c') && !is_letter(at.checked_sub(2));
    !is_prefix && is_letter(at.checked_sub(1))
}

/// Length of the comment at the start of `rest`; a comment may hold comments.
fn comment(rest: &[char]) -> usize {
    let (mut at, mut depth) = (0, 0);
    while at < rest.len() {
        match rest[at..] {
            ['/', '*', ..] => (at, depth) = (at + 2, depth + 1),
            ['*', '/', ..] if depth == 1 => return at + 2,
            ['*', '/', ..] => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
    }
    rest.len()
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

/// The text without the items of tests, and those items. An item ends with its closing brace or its semicolon.
pub fn split_tests(text: &str) -> (String, String) {
    let (mut program, mut tests) = (String::new(), String::new());
    let mut rest = text;
    while let Some(at) = rest.find(TEST) {
        program.push_str(&rest[..at]);
        let behind = &rest[at + TEST.len()..];
        let (mut braces, mut others) = (0, 0);
        let end = behind.char_indices().find_map(|(index, sign)| {
            match sign {
                '{' => braces += 1,
                '}' => braces -= 1,
                '(' | '[' => others += 1,
                ')' | ']' => others -= 1,
                _ => {}
            }
            (braces == 0 && others == 0 && matches!(sign, '}' | ';')).then_some(index + 1)
        });
        let end = end.unwrap_or(behind.len());
        program.extend(behind[..end].chars().filter(|sign| *sign == '\n'));
        tests.push_str(&behind[..end]);
        rest = &behind[end..];
    }
    (program + rest, tests)
}

#[test]
fn comments_strings_and_characters_are_left_out() {
    let text =
        "a // b\n/* c /* d */\n e */ f \"g \\\" h\" i '\"' j '\\'' k r#\"l \" m\"# n br\"\\\" o <'p> q";
    let bare = bare(text);
    let left: Vec<&str> = bare.split_whitespace().collect();
    assert_eq!(left, ["a", "f", "i", "j", "k", "n", "b", "o", "<'p>", "q"]);
    assert_eq!(bare.lines().count(), text.lines().count());
}

#[test]
fn items_of_tests_are_split_off() {
    let text = "a;\n#[cfg(test)]\nfn b(c: [u8; 3]) { d; }\ne;\n#[cfg(test)]\nmod f;\ng";
    let (program, tests) = split_tests(text);
    assert_eq!(program.split_whitespace().collect::<Vec<_>>(), ["a;", "e;", "g"]);
    assert_eq!(program.lines().count(), text.lines().count());
    assert!(tests.contains("fn b(c: [u8; 3]) { d; }") && tests.contains("mod f;"), "{tests}");
}
