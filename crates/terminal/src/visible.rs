//! Control characters as symbols: `␛` for the escape character.
//!
//! Each character becomes exactly one character, so the columns of a table keep their widths.

use std::borrow::Cow;

/// A text of several lines. Its line breaks stay.
pub fn visible(text: &str) -> Cow<'_, str> {
    replaced(text, |character| character != '\n')
}

/// A text inside of a line: its line breaks become symbols too.
pub fn visible_in_line(text: &str) -> Cow<'_, str> {
    replaced(text, |_| true)
}

/// A text of several lines that we coloured ourselves: its colours (`ESC [ … m`) and line breaks stay.
///
/// A name must be made visible before it is put into such a text, or it could have colours.
pub fn visible_beside_colour(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\u{1b}') {
        shown.push_str(&visible(&rest[..at]));
        let length = colour(&rest[at..]);
        if length == 0 {
            shown.push('␛');
            rest = &rest[at + 1..];
        } else {
            shown.push_str(&rest[at..at + length]);
            rest = &rest[at + length..];
        }
    }
    shown.push_str(&visible(rest));
    shown
}

/// Bytes of the colour at the start of `text`; 0 if there is none.
fn colour(text: &str) -> usize {
    let Some(parameters) = text.strip_prefix("\u{1b}[") else { return 0 };
    let end = parameters.find(|character: char| !character.is_ascii_digit() && character != ';');
    end.filter(|end| parameters[*end..].starts_with('m')).map_or(0, |end| "\u{1b}[m".len() + end)
}

fn replaced(text: &str, is_replaced: impl Fn(char) -> bool) -> Cow<'_, str> {
    let symbol = |character| symbol(character).filter(|_| is_replaced(character));
    if text.chars().all(|character| symbol(character).is_none()) {
        return Cow::Borrowed(text);
    }
    text.chars().map(|character| symbol(character).unwrap_or(character)).collect()
}

/// The symbol of a character that commands the terminal, or that changes the direction of the text behind it.
fn symbol(character: char) -> Option<char> {
    match character {
        // Unicode has a picture for each control character of ASCII.
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(character)),
        '\u{7f}' => Some('␡'),
        // It has none for these: the controls of ISO 6429, and the overrides and isolates of directions.
        '\u{80}'..='\u{9f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => Some('\u{fffd}'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_stands_for_each_control_character() {
        assert_eq!(visible("a\u{1b}[2Jb\tc\r\n\u{0}\u{7f}"), "a␛[2Jb␉c␍\n␀␡");
        assert_eq!(
            visible("\u{9b}31m \u{85} \u{202e}abc\u{2069}"),
            "\u{fffd}31m \u{fffd} \u{fffd}abc\u{fffd}"
        );
        assert_eq!(visible_in_line("two\nlines"), "two␊lines");
        assert!(matches!(visible("µ → ␛ “ünïcode” 日本\n"), Cow::Borrowed(_)));
    }

    #[test]
    fn of_our_own_text_colours_stay_and_nothing_else() {
        let coloured = "\u{1b}[1m\u{1b}[38;5;9merror\u{1b}[0m: x\n\u{1b}[m";
        assert_eq!(visible_beside_colour(coloured), coloured);
        for (command, shown) in [
            ("\u{1b}]0;title\u{7}", "␛]0;title␇"),
            ("\u{1b}[2J", "␛[2J"),
            ("\u{1b}[1;1H", "␛[1;1H"),
            ("\u{1b}[?25l", "␛[?25l"),
            ("\u{1b}[31", "␛[31"),
            ("\u{1b}\u{1b}[31m\u{9b}2J", "␛\u{1b}[31m\u{fffd}2J"),
            ("end\u{1b}", "end␛"),
        ] {
            assert_eq!(visible_beside_colour(command), shown);
        }
    }

    #[test]
    fn every_character_keeps_its_place() {
        for character in (0..0x3000).filter_map(char::from_u32) {
            let text: String = ['a', character, 'b'].iter().collect();
            let shown: Vec<char> = visible_in_line(&text).chars().collect();
            assert_eq!((shown.len(), shown[0], shown[2]), (3, 'a', 'b'), "{character:?}");
            assert!(!shown[1].is_control(), "{character:?}");
            assert!(shown[1] == character || symbol(character).is_some(), "{character:?}");
        }
    }
}
