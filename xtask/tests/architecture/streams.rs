//! Code that writes to standard output or standard error past the crate `terminal`.

use std::path::{Path, PathBuf};

use crate::text::{bare, split_tests};

/// Macros and calls that write to a stream, or that give one. indicatif's own constructors draw on standard error.
const WRITERS: [&str; 15] = [
    "print!",
    "println!",
    "eprint!",
    "eprintln!",
    "dbg!",
    "stdout()",
    "stderr()",
    "buffered_stdout()",
    "buffered_stderr()",
    ".print()",
    ".print_help()",
    ".print_long_help()",
    "ProgressBar::new",
    "MultiProgress::new",
    "ProgressDrawTarget::std",
];

/// Files that may write: the crate of the streams, and the screen that draws through it.
const ALLOWED: [&str; 2] = ["crates/terminal/src", "crates/cli/src/screen.rs"];

/// The other places under `src` that write, as `file:line: call`. Tests may print.
pub fn writing_places(root: &Path, src: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for path in files(src) {
        let file = path.strip_prefix(root).unwrap_or(&path);
        let is_test = path.file_name().is_some_and(|name| name.to_string_lossy().ends_with("tests.rs"));
        if is_test || ALLOWED.iter().any(|allowed| file.starts_with(allowed)) {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let place = |(line, writer)| format!("{}:{line}: {writer}", file.display());
        found.extend(writers(&text).into_iter().map(place));
    }
    found
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Lines, from 1, that write, and their calls.
fn writers(text: &str) -> Vec<(usize, &'static str)> {
    let (program, _) = split_tests(&bare(text));
    let is_in =
        |line: &str, writer: &str| line.match_indices(writer).any(|(at, _)| is_whole(&line[..at], writer));
    let in_line = |(index, line): (usize, &str)| {
        let line = line.to_owned();
        WRITERS.iter().filter(move |writer| is_in(&line, writer)).map(move |writer| (index + 1, *writer))
    };
    program.lines().enumerate().flat_map(in_line).collect()
}

/// Whether the call begins here: `eprint!` is not `print!`, and a child process has a field and a method `stdout`.
fn is_whole(before: &str, writer: &str) -> bool {
    writer.starts_with('.')
        || !before.ends_with(|sign: char| sign.is_alphanumeric() || sign == '_' || sign == '.')
}

#[test]
fn calls_that_write_are_found_and_others_are_not() {
    let text = "println!(\"a\");\nlet s = \"eprintln!()\"; // dbg!(x)\nstd::eprint!();\nio::stdout().lock();\n\
                child.stdout(Stdio::piped()).stderr();\nerror.print()?;\nwriteln!(file);\nlet b = ProgressBar::new(1);\n\
                #[cfg(test)]\nmod tests { fn f() { println!(); } }\nTerm::buffered_stderr(); blueprint!();";
    let expected = [
        (1, "println!"),
        (3, "eprint!"),
        (4, "stdout()"),
        (6, ".print()"),
        (8, "ProgressBar::new"),
        (11, "buffered_stderr()"),
    ];
    assert_eq!(writers(text), expected);
}
