//! The lexicon's terms and the model's features, searched for in folded words; and what a plain text weighs by them.

use aho_corasick::{AhoCorasick, BuildError};

use crate::plain::{Reader, PAD};

/// What a concept weighs by itself, and the rules whose rarest concept it is: which concepts they need, what they add.
pub struct Concept {
    pub weight: i64,
    pub rules: Vec<(u64, i64)>,
}

/// What was learnt, in thousandths of a logit. A concept's place is its bit.
pub struct Model {
    pub terms: Vec<(String, u64)>,
    pub features: Vec<(String, i64)>,
    pub concepts: Vec<Concept>,
    pub bias: i64,
}

/// How long a unit is at least and at most.
pub struct Cut {
    pub chars_min: usize,
    pub chars_max: usize,
}

/// Searches folded texts, and weighs plain ones.
pub struct Lexicon {
    reader: Reader,
    terms: AhoCorasick,
    bits: Vec<u64>,
    features: AhoCorasick,
    words: Vec<String>,
    weights: Vec<i64>,
    concepts: Vec<Concept>,
    bias: i64,
    cut: Cut,
}

/// One stretch of text: the concepts said in it, and which features were found, each once, in order.
struct Unit {
    concepts: u64,
    features: Vec<usize>,
}

impl Lexicon {
    /// # Errors
    /// Where there are more terms than an automaton holds.
    pub fn new(model: Model, reader: Reader, cut: Cut) -> Result<Self, BuildError> {
        let (terms, bits): (Vec<_>, Vec<_>) = model.terms.into_iter().unzip();
        let (words, weights): (Vec<_>, Vec<_>) = model.features.into_iter().unzip();
        let (terms, features) = (AhoCorasick::new(terms)?, AhoCorasick::new(&words)?);
        Ok(Self { reader, terms, bits, features, words, weights, concepts: model.concepts, bias: model.bias, cut })
    }

    /// The score of the worst window. `None` where there may be more to read in the text than its plain words.
    #[must_use]
    pub fn score(&self, text: &str) -> Option<i64> {
        let folded = self.reader.words(text.as_bytes())?;
        let units: Vec<Unit> = self.cuts(&folded).into_iter().map(|(from, to)| self.unit(&folded[from..to])).collect();
        Some(self.bias + self.worst(&units))
    }

    /// The concepts said in a padded unit, as bits.
    #[must_use]
    pub fn concepts_in(&self, padded: &[u8]) -> u64 {
        self.terms.find_overlapping_iter(padded).fold(0, |all, one| all | self.bits[one.pattern().as_usize()])
    }

    /// The features found in a padded unit, each once.
    pub fn features_in<'a>(&'a self, padded: &[u8]) -> impl Iterator<Item = &'a str> {
        self.found_in(padded).into_iter().map(|one| self.words[one].as_str())
    }

    /// Each term said in a padded unit: its concepts, and from which byte to which.
    pub fn said_in<'a>(&'a self, padded: &'a [u8]) -> impl Iterator<Item = (u64, usize, usize)> + 'a {
        let found = self.terms.find_overlapping_iter(padded);
        found.map(|one| (self.bits[one.pattern().as_usize()], one.start(), one.end()))
    }

    fn unit(&self, words: &[u8]) -> Unit {
        let padded = [PAD, words, PAD].concat();
        Unit { concepts: self.concepts_in(&padded), features: self.found_in(&padded) }
    }

    fn found_in(&self, padded: &[u8]) -> Vec<usize> {
        let mut found: Vec<usize> =
            self.features.find_overlapping_iter(padded).map(|one| one.pattern().as_usize()).collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// At a sentence's end after enough text, or at a space where a sentence does not end.
    fn cuts(&self, folded: &[u8]) -> Vec<(usize, usize)> {
        let Cut { chars_min, chars_max } = self.cut;
        let (mut cuts, mut start, length) = (Vec::new(), 0, folded.len());
        while length - start > chars_min {
            let reach = &folded[start..(start + chars_max).min(length)];
            if let Some(place) = find(&reach[chars_min.min(reach.len())..], PAD) {
                let stop = start + chars_min + place;
                cuts.push((start, stop));
                start = stop + PAD.len();
            } else if length - start <= chars_max {
                break;
            } else {
                let space = reach.iter().rposition(|sign| *sign == b' ').filter(|place| *place > 0);
                let stop = start + space.unwrap_or(chars_max);
                cuts.push((start, stop));
                start = if folded[stop..].starts_with(PAD) { stop + PAD.len() } else { stop };
            }
        }
        if start < length || length == 0 {
            cuts.push((start, length));
        }
        cuts
    }

    /// Two neighbouring units are a window: an order may take two sentences. What both say counts once.
    fn worst(&self, units: &[Unit]) -> i64 {
        let mut own = self.weigh(units[0].features.iter());
        let mut worst = own + self.concept_score(units[0].concepts);
        for pair in units.windows(2) {
            let (before, unit) = (&pair[0], &pair[1]);
            let following = self.weigh(unit.features.iter());
            let twice = unit.features.iter().filter(|one| before.features.binary_search(one).is_ok());
            let both = self.concept_score(before.concepts | unit.concepts);
            worst = worst.max(own + following + both - self.weigh(twice));
            own = following;
        }
        worst
    }

    fn weigh<'a>(&self, features: impl Iterator<Item = &'a usize>) -> i64 {
        features.map(|one| self.weights[*one]).sum()
    }

    fn concept_score(&self, concepts: u64) -> i64 {
        let said = self.concepts.iter().enumerate().filter(|(bit, _)| (concepts >> bit) & 1 == 1);
        said.map(|(_, concept)| concept.score(concepts)).sum()
    }
}

impl Concept {
    fn score(&self, concepts: u64) -> i64 {
        let fulfilled = self.rules.iter().filter(|(needed, _)| concepts & needed == *needed);
        self.weight + fulfilled.map(|(_, extra)| extra).sum::<i64>()
    }
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}
