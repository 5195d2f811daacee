//! Commands to paste: a name or a path as one argument of a shell.

use std::borrow::Cow;
use std::path::Path;

/// A text as one argument of a POSIX shell: quoted, if the shell would read it as something else.
pub fn quoted(text: &str) -> Cow<'_, str> {
    let is_plain = |character: char| character.is_alphanumeric() || "_-./:,+@%".contains(character);
    if !text.is_empty() && text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    // Between single quotes every character is itself, except a single quote.
    Cow::Owned(format!("'{}'", text.replace('\'', r"'\''")))
}

/// A path as one argument of a POSIX shell. A path that begins like an option gets `./` before it.
pub fn quoted_path(path: &Path) -> String {
    let text = path.display().to_string();
    quoted(&if text.starts_with('-') { format!("./{text}") } else { text }).into_owned()
}

#[cfg(all(test, unix))]
mod tests {
    use std::process::Command;

    use super::*;

    /// The arguments as a shell gives them to a program.
    fn read_back(arguments: &[String]) -> Vec<String> {
        let command: Vec<_> = arguments.iter().map(|argument| quoted(argument)).collect();
        let script = format!("printf '%s\\0' {}", command.join(" "));
        let output = Command::new("sh").args(["-c", &script]).output().unwrap();
        assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        text.split_terminator('\0').map(str::to_owned).collect()
    }

    #[test]
    fn a_shell_reads_each_quoted_name_as_it_was() {
        const PARTS: [&str; 26] = [
            " ", "'", "\"", "$", "$(date)", "`", "\\", "!", "*", "?", "[a]", "{a,b}", "~", "#", "&", ";",
            "|", "<", ">", "(", "=", "\n", "ofen", "Straße", "炉", "-",
        ];
        let mut state = 0x2545_F491_4F6C_DD1D_u64;
        let mut random = |count: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % count as u64) as usize
        };
        let mut names: Vec<String> =
            (0..400).map(|_| (0..1 + random(5)).map(|_| PARTS[random(PARTS.len())]).collect()).collect();
        names.extend(PARTS.map(str::to_owned));
        names.push(String::new());
        assert_eq!(read_back(&names), names);
    }

    #[test]
    fn plain_names_stay_as_they_are() {
        for plain in ["my-line", "runs/ofen_2/2026-11-29-ppo-s0", "Straße", "a.b:c,d+e@f%"] {
            assert_eq!(quoted(plain), plain);
        }
        assert_eq!(quoted_path(Path::new("-o/my line")), "'./-o/my line'");
    }
}
