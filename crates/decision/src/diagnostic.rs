//! One error of one input: what, where, the text found, the text expected, and the fix.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// An error in a text that a person wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What is wrong, in one line.
    pub title: String,
    /// The text with the error; absent if there is no text (a missing file).
    pub origin: Option<Origin>,
    /// The label under the marked text: the expected text.
    pub label: String,
    /// The fix.
    pub help: Option<String>,
}

/// A place in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The file, or `--set` for an override.
    pub name: String,
    /// The whole text.
    pub text: String,
    /// The offending bytes of it.
    pub span: Range<usize>,
}

impl Diagnostic {
    /// An error without a text.
    pub fn without_origin(title: impl Into<String>, help: impl Into<String>) -> Box<Self> {
        Box::new(Self { title: title.into(), origin: None, label: String::new(), help: Some(help.into()) })
    }

    /// Line and column, from 1, of the offending text.
    pub fn line_column(&self) -> Option<(usize, usize)> {
        let origin = self.origin.as_ref()?;
        let before = origin.text.get(..origin.span.start)?;
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Some((before.matches('\n').count() + 1, before[line_start..].chars().count() + 1))
    }

    /// The error as `rustc` would print it.
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let mut group = Group::with_title(Level::ERROR.primary_title(&self.title));
        if let Some(origin) = &self.origin {
            let annotation = AnnotationKind::Primary.span(origin.span.clone());
            let annotation =
                if self.label.is_empty() { annotation } else { annotation.label(self.label.as_str()) };
            group = group.element(Snippet::source(&origin.text).path(&origin.name).annotation(annotation));
        }
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help));
        }
        renderer.render(&[group])
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.render(false))
    }
}

impl std::error::Error for Diagnostic {}

/// The known word that a misspelt word most likely means.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| {
            let length = lower.chars().count().max(candidate.chars().count());
            *distance <= (length / 3).max(1)
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// "did you mean `x`?", or the list of known words.
pub fn suggestion(word: &str, known: &[&str], what: &str) -> String {
    match nearest(word, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => format!("there are no {what} here"),
        None => format!("{what}: {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let known = ["learning_rate", "gamma", "gae_lambda", "wip"];
        assert_eq!(nearest("learning_rat", known), Some("learning_rate"));
        assert_eq!(nearest("Gama", known), Some("gamma"));
        assert_eq!(nearest("wpi", known), Some("wip"));
        assert_eq!(nearest("temperature", known), None);
    }

    #[test]
    fn columns_count_characters() {
        let text = "a = 1\nµß = 2\n".to_owned();
        let origin = Origin { name: "f".into(), span: 11..12, text };
        let diagnostic =
            Diagnostic { title: "t".into(), origin: Some(origin), label: String::new(), help: None };
        assert_eq!(diagnostic.line_column(), Some((2, 4)));
    }
}
