//! The plain words of a text that hides nothing; of any other text, nothing.

use aho_corasick::{AhoCorasick, BuildError};

/// Deleted, and not made a space: "don't" is one word.
const DROPPED: &[u8] = b"'`";
const BRACKETS: &[(u8, u8)] = &[(b'(', b')'), (b'[', b']'), (b'{', b'}')];
const QUOTES: &[u8] = b"`\"";
/// The end of a sentence, as a word.
pub const PAD: &[u8] = b" . ";

/// The limits of the reference, by their names there.
pub struct Limits {
    pub text_chars_max: usize,
    pub garble_chars_max: usize,
    pub long_token_chars: usize,
    pub spaced_letters_min: usize,
}

/// Reads texts that carry no sign of a look-in.
pub struct Reader {
    signs: AhoCorasick,
    folds: [u8; 256],
    limits: Limits,
}

impl Reader {
    /// What each byte is folded to, and the signs in small letters of which none may be there.
    ///
    /// # Errors
    /// Where there are more signs than an automaton holds.
    pub fn new(signs: &[String], folds: [u8; 256], limits: Limits) -> Result<Self, BuildError> {
        Ok(Self { signs: AhoCorasick::new(signs)?, folds, limits })
    }

    /// In small letters, with one space between words and `.` between sentences.
    #[must_use]
    pub fn words(&self, text: &[u8]) -> Option<Vec<u8>> {
        if self.may_hide_something(text) {
            return None;
        }
        let folded = self.fold(&unwrapped(text));
        let words: Vec<&[u8]> = folded.split(|sign| *sign == b' ').filter(|word| !word.is_empty()).collect();
        (!self.may_be_spelt_out(&words)).then(|| words.join(&b' '))
    }

    fn may_hide_something(&self, text: &[u8]) -> bool {
        !text.is_ascii()
            || text.len() > self.limits.text_chars_max
            || (text.len() <= self.limits.garble_chars_max && is_unbalanced(text))
            || self.signs.is_match(&text.to_ascii_lowercase())
    }

    /// Long words may be encoded, many pairs may be bytes in hex, and letters side by side a word.
    fn may_be_spelt_out(&self, words: &[&[u8]]) -> bool {
        let is_letter = |word: &&[u8]| word.len() == 1;
        words.iter().filter(|word| word.len() == 2).count() * 2 > words.len()
            || words.iter().any(|word| word.len() >= self.limits.long_token_chars)
            || words.windows(self.limits.spaced_letters_min).any(|run| run.iter().all(is_letter))
    }

    fn fold(&self, text: &[u8]) -> Vec<u8> {
        let mut folded = Vec::with_capacity(text.len() + text.len() / 8);
        for sign in text.iter().filter(|sign| !DROPPED.contains(sign)) {
            match self.folds[*sign as usize] {
                b'.' => folded.extend_from_slice(PAD),
                other => folded.push(other),
            }
        }
        folded
    }
}

/// A line that goes on in the next one with a small letter or a bracket: its break is a space.
fn unwrapped(text: &[u8]) -> Vec<u8> {
    let mut found = text.to_vec();
    let mut goes_on = false;
    for sign in found.iter_mut().rev() {
        match *sign {
            b'\n' if goes_on => (*sign, goes_on) = (b' ', false),
            b' ' | b'\t' => {}
            other => goes_on = other.is_ascii_lowercase() || other == b'(',
        }
    }
    found
}

fn is_unbalanced(text: &[u8]) -> bool {
    let mut counts = [0_usize; 256];
    for sign in text {
        counts[usize::from(*sign)] += 1;
    }
    let count = |sign: u8| counts[usize::from(sign)];
    BRACKETS.iter().any(|(open, close)| count(*open) != count(*close))
        || QUOTES.iter().any(|sign| count(*sign) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader() -> Reader {
        let limits = Limits { text_chars_max: 99, garble_chars_max: 99, long_token_chars: 16, spaced_letters_min: 5 };
        let fold = |sign: u8| if sign.is_ascii_alphanumeric() { sign.to_ascii_lowercase() } else { b' ' };
        let mut folds: [u8; 256] = std::array::from_fn(|sign| fold(u8::try_from(sign).unwrap()));
        folds[usize::from(b'\n')] = b'.';
        Reader::new(&["%".into()], folds, limits).unwrap()
    }

    #[test]
    fn a_line_that_goes_on_is_no_sentences_end() {
        assert_eq!(reader().words(b"Don't\n  stop\n\n(now)\nWell").unwrap(), b"dont stop . now . well");
    }

    #[test]
    fn what_may_hide_something_is_left_to_the_reference() {
        for text in ["caf\u{e9}", "50%", "(open", "a b c d e", "aGVsbG8gdGhlcmUhIQ", "4f 6b 21 no"] {
            assert_eq!(reader().words(text.as_bytes()), None, "{text}");
        }
    }
}
