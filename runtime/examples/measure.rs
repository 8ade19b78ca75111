//! How long the hot paths take in Rust alone, without Python around them. `bench/runtime.py` says what is read from
//! standard input, a line each: a kind, a tab, and fields parted by tabs.

use std::hint::black_box;
use std::io::{stdin, BufRead};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use chimera_runtime::lexicon::{Concept, Cut, Lexicon, Model};
use chimera_runtime::literals::{Runs, Signs};
use chimera_runtime::plain::{Limits, Reader};
use chimera_runtime::ring::Ring;
use chimera_runtime::words::sketch;

const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_millis(60);
const WORDS: u64 = 100_000;

#[derive(Default)]
struct Given {
    terms: Vec<(String, u64)>,
    features: Vec<(String, i64)>,
    concepts: Vec<Concept>,
    bias: i64,
    signs: Vec<String>,
    folds: Vec<u8>,
    limits: Vec<usize>,
    secrets: Vec<String>,
    runs: Vec<String>,
    texts: Vec<String>,
}

impl Given {
    fn take(&mut self, line: &str) {
        let (kind, rest) = line.split_once('\t').expect("a kind and its fields");
        match kind {
            "term" => self.terms.push(pair(rest)),
            "feature" => self.features.push(pair(rest)),
            "concept" => self.concepts.push(concept(rest)),
            "bias" => self.bias = rest.parse().expect("a number"),
            "sign" => self.signs.push(rest.into()),
            "folds" => self.folds = numbers(rest),
            "limits" => self.limits = numbers(rest),
            "secret" => self.secrets.push(rest.into()),
            "run" => self.runs.push(rest.into()),
            _ => self.texts.push(rest.into()),
        }
    }

    fn lexicon(&mut self) -> Lexicon {
        let [text_chars_max, garble_chars_max, long_token_chars, spaced_letters_min, chars_min, chars_max] =
            self.limits[..].try_into().expect("six limits");
        let limits = Limits { text_chars_max, garble_chars_max, long_token_chars, spaced_letters_min };
        let folds = std::mem::take(&mut self.folds).try_into().expect("256 folds");
        let model = Model {
            terms: std::mem::take(&mut self.terms),
            features: std::mem::take(&mut self.features),
            concepts: std::mem::take(&mut self.concepts),
            bias: self.bias,
        };
        let reader = Reader::new(&self.signs, folds, limits).expect("signs");
        Lexicon::new(model, reader, Cut { chars_min, chars_max }).expect("terms")
    }
}

fn pair<T: std::str::FromStr>(rest: &str) -> (String, T) {
    let (word, number) = rest.rsplit_once('\t').expect("a word and a number");
    (word.into(), number.parse().ok().expect("a number"))
}

fn numbers<T: std::str::FromStr>(rest: &str) -> Vec<T> {
    rest.split('\t').filter(|one| !one.is_empty()).map(|one| one.parse().ok().expect("a number")).collect()
}

fn concept(rest: &str) -> Concept {
    let all: Vec<i64> = numbers(rest);
    let rules = all[1..].chunks(2).map(|rule| (u64::try_from(rule[0]).expect("bits"), rule[1])).collect();
    Concept { weight: all[0], rules }
}

/// Nanoseconds for one call, the least of several rounds.
fn least_ns(mut work: impl FnMut()) -> u128 {
    let round = |work: &mut dyn FnMut()| {
        let (since, mut calls) = (Instant::now(), 0);
        while since.elapsed() < ROUND {
            (0..16).for_each(|_| work());
            calls += 16;
        }
        since.elapsed().as_nanos() / calls
    };
    (0..ROUNDS).map(|_| round(&mut work)).min().expect("rounds")
}

/// Texts in a second with so many threads, each over the same lexicon.
fn per_second(lexicon: &Arc<Lexicon>, text: &str, threads: usize) -> u128 {
    let since = Instant::now();
    let each = 2_000;
    let running: Vec<_> = (0..threads)
        .map(|_| {
            let (lexicon, text) = (Arc::clone(lexicon), text.to_string());
            thread::spawn(move || {
                for _ in 0..each {
                    black_box(lexicon.score(&text));
                }
            })
        })
        .collect();
    for one in running {
        one.join().expect("no panic");
    }
    (threads * each) as u128 * 1_000_000_000 / since.elapsed().as_nanos()
}

fn ring_ns() -> u128 {
    let (ring, topics) = (Ring::new(10_000), ["granted".to_string()]);
    let (since, mut place) = (Instant::now(), 0);
    for number in 1..=WORDS {
        ring.push(("granted".into(), b"id".to_vec()));
        if number % 100 == 0 {
            place = black_box(ring.read(place, &topics)).place;
        }
    }
    since.elapsed().as_nanos() / u128::from(WORDS)
}

fn main() {
    let mut given = Given::default();
    stdin().lock().lines().for_each(|line| given.take(&line.expect("text")));
    let (signs, runs) = (Signs::new(&given.secrets).expect("signs"), Runs::new(&given.runs).expect("runs"));
    let lexicon = Arc::new(given.lexicon());
    for text in &given.texts {
        let scan = least_ns(|| {
            black_box(lexicon.score(black_box(text)));
        });
        let sound = least_ns(|| {
            black_box(signs.may_be_in(text) || runs.may_be_said_in(text));
        });
        let sketched = least_ns(|| {
            black_box(sketch(black_box(text), 400, 12));
        });
        println!("{}\t{scan}\t{sound}\t{sketched}", text.len());
    }
    let text = &given.texts[given.texts.len() / 2];
    println!("threads\t{}\t{}", per_second(&lexicon, text, 1), per_second(&lexicon, text, 2));
    println!("ring\t{}", ring_ns());
}
