//! The one place that knows Python. Turns what comes in into what the others take, and back.

use aho_corasick::BuildError;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyFrozenSet};

use crate::{lexicon, literals, plain, ring, words};

#[pymodule]
fn chimera_runtime(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("VERSION", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<Lexicon>()?;
    module.add_class::<Runs>()?;
    module.add_class::<Signs>()?;
    module.add_class::<Ring>()?;
    module.add_function(wrap_pyfunction!(sketch, module)?)
}

#[pyfunction]
fn sketch(text: &str, words_max: usize, size: usize) -> Option<Vec<u32>> {
    words::sketch(text, words_max, size)
}

#[pyclass(frozen, module = "chimera_runtime")]
struct Signs(literals::Signs);

#[pymethods]
impl Signs {
    #[new]
    #[allow(clippy::needless_pass_by_value)]
    fn new(signs: Vec<String>) -> PyResult<Self> {
        literals::Signs::new(&signs).map(Self).map_err(refused)
    }

    fn may_be_in(&self, text: &str) -> bool {
        self.0.may_be_in(text)
    }
}

#[pyclass(frozen, module = "chimera_runtime")]
struct Runs(literals::Runs);

#[pymethods]
impl Runs {
    #[new]
    #[allow(clippy::needless_pass_by_value)]
    fn new(runs: Vec<String>) -> PyResult<Self> {
        literals::Runs::new(&runs).map(Self).map_err(refused)
    }

    fn may_be_said_in(&self, text: &str) -> bool {
        self.0.may_be_said_in(text)
    }
}

#[pyclass(frozen, module = "chimera_runtime")]
struct Ring(ring::Ring);

#[pymethods]
impl Ring {
    #[new]
    fn new(words_max: usize) -> Self {
        Self(ring::Ring::new(words_max))
    }

    #[getter]
    fn end(&self) -> u64 {
        self.0.end()
    }

    fn push(&self, topic: String, body: Vec<u8>) {
        self.0.push((topic, body));
    }

    #[allow(clippy::needless_pass_by_value)]
    fn read<'py>(
        &self,
        python: Python<'py>,
        place: u64,
        topics: Vec<String>,
    ) -> (Vec<(String, Bound<'py, PyBytes>)>, u64, bool) {
        let heard = self.0.read(place, &topics);
        let words = heard.words.into_iter().map(|(topic, body)| (topic, PyBytes::new(python, &body)));
        (words.collect(), heard.place, heard.has_gap)
    }
}

/// The limits of the reference, read from an object that has them by these names.
#[derive(FromPyObject)]
struct Limits {
    text_chars_max: usize,
    garble_chars_max: usize,
    long_token_chars: usize,
    spaced_letters_min: usize,
    unit_chars_min: usize,
    unit_chars_max: usize,
}

#[derive(FromPyObject)]
struct Model {
    terms: Vec<(String, u64)>,
    features: Vec<(String, i64)>,
    concepts: Vec<(i64, Vec<(u64, i64)>)>,
    bias: i64,
}

#[pyclass(frozen, module = "chimera_runtime")]
struct Lexicon(lexicon::Lexicon);

#[pymethods]
impl Lexicon {
    #[new]
    #[allow(clippy::needless_pass_by_value)]
    fn new(model: Model, signs: Vec<String>, folds: Vec<u8>, limits: Limits) -> PyResult<Self> {
        let folds = folds.try_into().map_err(|_| PyValueError::new_err("a fold for each of 256 bytes"))?;
        let reader = plain::Reader::new(&signs, folds, limits.of_reading()).map_err(refused)?;
        lexicon::Lexicon::new(model.into(), reader, limits.of_cutting()).map(Self).map_err(refused)
    }

    fn score(&self, text: &str) -> Option<i64> {
        self.0.score(text)
    }

    fn unit<'py>(&self, python: Python<'py>, padded: &str) -> PyResult<(u64, Bound<'py, PyFrozenSet>)> {
        let features = PyFrozenSet::new(python, self.0.features_in(padded.as_bytes()))?;
        Ok((self.0.concepts_in(padded.as_bytes()), features))
    }

    /// Python counts letters, not bytes.
    fn said(&self, padded: &str) -> Vec<(u64, usize, usize)> {
        let place = |byte: usize| padded[..byte].chars().count();
        self.0.said_in(padded.as_bytes()).map(|(bits, from, to)| (bits, place(from), place(to))).collect()
    }
}

impl Limits {
    fn of_reading(&self) -> plain::Limits {
        plain::Limits {
            text_chars_max: self.text_chars_max,
            garble_chars_max: self.garble_chars_max,
            long_token_chars: self.long_token_chars,
            spaced_letters_min: self.spaced_letters_min,
        }
    }

    fn of_cutting(&self) -> lexicon::Cut {
        lexicon::Cut { chars_min: self.unit_chars_min, chars_max: self.unit_chars_max }
    }
}

impl From<Model> for lexicon::Model {
    fn from(model: Model) -> Self {
        let concepts = model.concepts.into_iter().map(|(weight, rules)| lexicon::Concept { weight, rules });
        Self { terms: model.terms, features: model.features, concepts: concepts.collect(), bias: model.bias }
    }
}

#[allow(clippy::needless_pass_by_value)] // It is what `map_err` gives.
fn refused(error: BuildError) -> PyErr {
    PyValueError::new_err(error.to_string())
}
