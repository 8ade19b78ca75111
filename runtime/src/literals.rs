//! Whether certain words stand in a text. Yes means "they may": where a text is not ASCII that is always the answer.

use aho_corasick::{AhoCorasick, BuildError};

use crate::words::is_word;

/// Signs in small letters, searched for wherever they stand.
pub struct Signs(AhoCorasick);

impl Signs {
    /// # Errors
    /// Where there are more of them than an automaton holds.
    pub fn new(signs: &[String]) -> Result<Self, BuildError> {
        AhoCorasick::new(signs).map(Self)
    }

    #[must_use]
    pub fn may_be_in(&self, text: &str) -> bool {
        !text.is_ascii() || self.0.is_match(&text.to_ascii_lowercase())
    }
}

/// Runs of words, each padded with a space on both sides.
pub struct Runs(AhoCorasick);

impl Runs {
    /// # Errors
    /// Where there are more of them than an automaton holds.
    pub fn new(runs: &[String]) -> Result<Self, BuildError> {
        AhoCorasick::new(runs).map(Self)
    }

    #[must_use]
    pub fn may_be_said_in(&self, text: &str) -> bool {
        !text.is_ascii() || self.0.is_match(&said(text.as_bytes()))
    }
}

/// The words in small letters with one space around each: `\w+(?:'\w+)?`.
fn said(text: &[u8]) -> Vec<u8> {
    let mut row = Vec::with_capacity(text.len() + 2);
    let mut at = 0;
    row.push(b' ');
    while at < text.len() {
        if !is_word(text[at]) {
            at += 1;
            continue;
        }
        let mut end = word_end(text, at);
        if text[end..].starts_with(b"'") && text.get(end + 1).is_some_and(|sign| is_word(*sign)) {
            end = word_end(text, end + 1);
        }
        row.extend(text[at..end].iter().map(u8::to_ascii_lowercase));
        row.push(b' ');
        at = end;
    }
    row
}

fn word_end(text: &[u8], from: usize) -> usize {
    text[from..].iter().position(|sign| !is_word(*sign)).map_or(text.len(), |length| from + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_apostrophe_joins_two_words_once() {
        assert_eq!(said(b"Don't  rock'n'roll, 'he' said'"), b" don't rock'n roll he said ");
        assert_eq!(said(b"..."), b" ");
    }

    #[test]
    fn what_is_not_ascii_may_hold_anything() {
        let signs = Signs::new(&["key".into()]).unwrap();
        assert!(signs.may_be_in("caf\u{e9}") && signs.may_be_in("a KEY") && !signs.may_be_in("a lock"));
    }
}
