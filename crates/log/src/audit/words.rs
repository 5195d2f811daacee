//! The words of a column's cells, counted.

/// Greatest number of different words; further ones are not counted.
const WORDS: usize = 8;
/// Greatest number of characters of a word; it is cut there, before it is compared.
const CHARACTERS: usize = 40;

/// Different words, each with its number of cells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    counts: Vec<(String, u64)>,
    empty: u64,
}

impl Words {
    /// Counts a word; of an empty cell, the empty text.
    pub fn take(&mut self, word: &str) {
        if word.is_empty() {
            self.empty += 1;
            return;
        }
        let end = word.char_indices().nth(CHARACTERS).map_or(word.len(), |(end, _)| end);
        let word = &word[..end];
        let has_room = self.counts.len() < WORDS;
        match self.counts.iter_mut().find(|(known, _)| known == word) {
            Some((_, count)) => *count += 1,
            None if has_room => self.counts.push((word.to_owned(), 1)),
            None => {}
        }
    }

    /// Whether all cells are empty, or there are none.
    pub fn are_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// The words with their counts, the most frequent first; empty cells last.
    pub fn text(&self) -> String {
        let mut counts = self.counts.clone();
        // A stable sort: words of equal counts stay in the order of the file.
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let mut parts: Vec<String> =
            counts.iter().map(|(word, count)| format!("{count} × \"{word}\"")).collect();
        if self.empty > 0 {
            parts.push(format!("{} × empty", self.empty));
        }
        parts.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_words_are_one_word_if_their_beginnings_agree() {
        let mut words = Words::default();
        assert!(words.are_empty() && words.text().is_empty());
        let long = "ü".repeat(40);
        for word in ["", "off", &format!("{long} 17"), &format!("{long} 18"), ""] {
            words.take(word);
        }
        assert_eq!(words.text(), format!("2 × \"{long}\", 1 × \"off\", 2 × empty"));
    }

    #[test]
    fn eight_different_words_are_counted() {
        let mut words = Words::default();
        for number in (0..11).chain(7..11) {
            words.take(&format!("code {number}"));
        }
        let expected = [7, 0, 1, 2, 3, 4, 5, 6].map(|number| {
            let count = if number == 7 { 2 } else { 1 };
            format!("{count} × \"code {number}\"")
        });
        assert_eq!(words.text(), expected.join(", "));
    }
}
