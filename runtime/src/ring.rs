//! The in-process event ring: what was said last, in order. Whoever reads too slowly is told that something is gone.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A topic, and what was said under it.
pub type Word = (String, Vec<u8>);

#[derive(Default)]
struct Kept {
    words: VecDeque<Word>,
    /// The number of the first that is still kept.
    first: u64,
}

/// Keeps so many words for everybody; each reader knows its own place.
pub struct Ring {
    kept: Mutex<Kept>,
    words_max: usize,
}

/// What a reader finds: the words it wants, where to go on, and whether something that stood there is gone.
pub struct Heard {
    pub words: Vec<Word>,
    pub place: u64,
    pub has_gap: bool,
}

impl Ring {
    #[must_use]
    pub fn new(words_max: usize) -> Self {
        Self { kept: Mutex::default(), words_max: words_max.max(1) }
    }

    /// The place after the newest word: whoever begins here hears what is said from now on.
    #[must_use]
    pub fn end(&self) -> u64 {
        let kept = self.kept();
        kept.first + kept.words.len() as u64
    }

    /// Says a word; the oldest goes when there are too many.
    pub fn push(&self, word: Word) {
        let mut kept = self.kept();
        if kept.words.len() == self.words_max {
            kept.words.pop_front();
            kept.first += 1;
        }
        kept.words.push_back(word);
    }

    /// What was said from a place on under these topics; one that ends with `*` stands for all that begin like it.
    #[must_use]
    pub fn read(&self, place: u64, topics: &[String]) -> Heard {
        let kept = self.kept();
        let passed = usize::try_from(place.saturating_sub(kept.first)).unwrap_or(usize::MAX);
        let wanted = kept.words.iter().skip(passed).filter(|(topic, _)| is_wanted(topic, topics));
        let end = kept.first + kept.words.len() as u64;
        Heard { words: wanted.cloned().collect(), place: end, has_gap: place < kept.first }
    }

    /// Nobody leaves it half written: whoever panicked while holding it had nothing to undo.
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_wanted(topic: &str, topics: &[String]) -> bool {
    topics.iter().any(|wanted| match wanted.strip_suffix('*') {
        Some(beginning) => topic.starts_with(beginning),
        None => topic == wanted,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_too_slow_is_told() {
        let ring = Ring::new(2);
        for word in ["a", "b", "c"] {
            ring.push((word.into(), vec![]));
        }
        let all = ["*".to_string()];
        let late = ring.read(0, &all);
        assert!(late.has_gap && late.place == 3 && late.words.len() == 2);
        assert!(!ring.read(late.place, &all).has_gap && ring.read(1, &["c".into()]).words.len() == 1);
    }
}
