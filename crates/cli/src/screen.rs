//! The terminal on standard error: bars, and lines that change.
//!
//! Every bar of a command is made here, so that its lines pass [`Screen`]: it keeps our colours and shows all other control
//! characters as symbols, and a terminal that cannot be written any more stops nothing.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use console::Term;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};
use setpoint_terminal::{standard_error, visible_beside_colour};

/// Drawings in a second, at most.
const HERTZ: u8 = 20;

/// Rows and columns of the terminal; `None` without a terminal there, or with one that takes no escape codes.
pub fn size() -> Option<(usize, usize)> {
    let (rows, columns) = Term::stderr().size_checked()?;
    standard_error::takes_escape_codes().then_some((rows.into(), columns.into()))
}

/// A bar with a template of indicatif's, such as `{prefix} {bar:28.cyan/dim} {pos}/{len}`.
pub fn bar(total: u64, template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(Some(total), target()).with_style(style.progress_chars("━━╌"))
}

/// A sign that turns, with a message.
pub fn spinner() -> ProgressBar {
    let spinner = ProgressBar::with_draw_target(None, target()).with_style(ProgressStyle::default_spinner());
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

/// Lines for any text, and the screen that keeps them together.
pub fn lines(count: usize) -> Option<(MultiProgress, Vec<ProgressBar>)> {
    let style = ProgressStyle::with_template("{msg}").ok()?;
    let screen = MultiProgress::with_draw_target(target());
    let line = |_| screen.add(ProgressBar::no_length().with_style(style.clone()));
    let lines = (0..count).map(line).collect();
    Some((screen, lines))
}

/// The screen, or nothing if standard error is no terminal, or one that takes no escape codes.
fn target() -> ProgressDrawTarget {
    if !standard_error::takes_escape_codes() {
        return ProgressDrawTarget::hidden();
    }
    // Everything that `console` colours here is drawn on standard error, wherever standard output goes.
    console::set_colors_enabled(console::colors_enabled_stderr());
    ProgressDrawTarget::term_like_with_hz(Box::<Screen>::default(), HERTZ)
}

/// The text since the last drawing.
#[derive(Debug, Default)]
struct Screen {
    text: Mutex<String>,
}

impl Screen {
    fn add(&self, text: &str) -> io::Result<()> {
        self.text.lock().unwrap_or_else(PoisonError::into_inner).push_str(text);
        Ok(())
    }

    fn move_cursor(&self, count: usize, direction: char) -> io::Result<()> {
        if count == 0 { Ok(()) } else { self.add(&format!("\u{1b}[{count}{direction}")) }
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        Term::stderr().size().1
    }

    fn height(&self) -> u16 {
        Term::stderr().size().0
    }

    fn move_cursor_up(&self, count: usize) -> io::Result<()> {
        self.move_cursor(count, 'A')
    }

    fn move_cursor_down(&self, count: usize) -> io::Result<()> {
        self.move_cursor(count, 'B')
    }

    fn move_cursor_right(&self, count: usize) -> io::Result<()> {
        self.move_cursor(count, 'C')
    }

    fn move_cursor_left(&self, count: usize) -> io::Result<()> {
        self.move_cursor(count, 'D')
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.write_str(text)?;
        self.add("\n")
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        // indicatif itself goes to the start of the line by a text of this one character.
        if text == "\r" { self.add(text) } else { self.add(&visible_beside_colour(text)) }
    }

    fn clear_line(&self) -> io::Result<()> {
        self.add("\r\u{1b}[2K")
    }

    fn flush(&self) -> io::Result<()> {
        let mut text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        standard_error::draw(&text);
        text.clear();
        Ok(())
    }
}

/// Seconds as text.
pub fn duration(seconds: f64) -> String {
    match seconds {
        s if !s.is_finite() || s > 3.6e8 => "–".to_owned(),
        s if s >= 3600.0 => format!("{:.0} h {:02.0} min", (s / 3600.0).floor(), (s % 3600.0 / 60.0).floor()),
        s if s >= 60.0 => format!("{:.0} min {:02.0} s", (s / 60.0).floor(), (s % 60.0).floor()),
        s => format!("{s:.0} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_our_colours_and_no_commands_of_a_name() {
        let screen = Screen::default();
        screen.move_cursor_up(2).unwrap();
        screen.move_cursor_up(0).unwrap();
        screen.write_str("\r").unwrap();
        screen.write_line("\u{1b}[36m━━\u{1b}[0m press\u{1b}[2J\u{9b}H\r").unwrap();
        screen.clear_line().unwrap();
        let expected = "\u{1b}[2A\r\u{1b}[36m━━\u{1b}[0m press␛[2J\u{fffd}H␍\n\r\u{1b}[2K";
        assert_eq!(*screen.text.lock().unwrap(), expected);
    }

    #[test]
    fn durations_are_words() {
        let words = [(4.4, "4 s"), (75.0, "1 min 15 s"), (7384.0, "2 h 03 min"), (f64::INFINITY, "–")];
        for (seconds, expected) in words {
            assert_eq!(duration(seconds), expected);
        }
    }
}
