//! The model: a weight for each feature and tag, and for each pair of tags that follow one another.
//!
//! Tags are O, then begin and inside of person, place and address, then organisation, which is known so that it is not
//! taken for a person, and dropped.

use super::Label;
use super::features::{TABLE_BITS, Word};

/// Number of tags.
pub(crate) const TAGS: usize = 8;
/// Part of an organisation's name.
#[cfg(feature = "train")]
pub(crate) const ORGANISATION: u8 = 7;

/// The first bytes of a model file: its name, and the version of features and layout.
pub(crate) const MAGIC: &[u8; 8] = b"ptnames1";
pub(crate) const ROWS: usize = 1 << TABLE_BITS;

/// What a tag stands for: which name, and whether it begins there.
pub(crate) fn meaning(tag: u8) -> Option<(Label, bool)> {
    match tag {
        1 => Some((Label::Person, true)),
        2 => Some((Label::Person, false)),
        3 => Some((Label::Place, true)),
        4 => Some((Label::Place, false)),
        5 => Some((Label::Address, true)),
        6 => Some((Label::Address, false)),
        _ => None,
    }
}

/// A score for each tag.
pub(crate) type Scores = [f32; TAGS];

/// Weights, as they are trained and as they are used.
pub(crate) struct Model {
    /// One row for each place in the table, in steps of `scale`.
    rows: Vec<[i8; TAGS]>,
    scale: f32,
    /// Exponentials of the weights of the first tag and of `[from][to]`.
    start_onward: (Scores, [Scores; TAGS]),
}

/// What is computed for one segment; kept between segments so that memory is taken once.
#[derive(Default)]
pub(crate) struct Scratch {
    emissions: Vec<Scores>,
    forward: Vec<Scores>,
    /// The probability of each tag of each word.
    pub(crate) sure: Vec<Scores>,
}

impl Model {
    /// Reads `data/names.model`: magic, scale, start and transition weights as little-endian `f32`, then the rows.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(MAGIC)?;
        let mut number = || {
            let (head, tail) = rest.split_first_chunk::<4>()?;
            rest = tail;
            Some(f32::from_le_bytes(*head)).filter(|n| n.is_finite())
        };
        let scale = number()?;
        let mut start = [0.0; TAGS];
        let mut transitions = [[0.0; TAGS]; TAGS];
        for weight in start.iter_mut().chain(transitions.iter_mut().flatten()) {
            *weight = number()?;
        }
        let (rows, over) = rest.as_chunks::<TAGS>();
        if rows.len() != ROWS || !over.is_empty() {
            return None;
        }
        let rows = rows.iter().map(|row| row.map(|byte| i8::from_le_bytes([byte]))).collect();
        let start_onward = (start.map(f32::exp), transitions.map(|row| row.map(f32::exp)));
        Some(Self { rows, scale, start_onward })
    }

    /// How probable each tag of each word of a segment is.
    pub(crate) fn tag(&self, words: &[Word], scratch: &mut Scratch) {
        scratch.emissions.clear();
        scratch.emissions.extend(words.iter().map(|word| self.emission(word)));
        probabilities(&self.start_onward.0, &self.start_onward.1, scratch);
    }

    fn emission(&self, word: &Word) -> Scores {
        let mut sums = [0_i32; TAGS];
        for &feature in word {
            if let Some(row) = self.rows.get(feature as usize) {
                for (sum, &weight) in sums.iter_mut().zip(row) {
                    *sum = sum.wrapping_add(i32::from(weight));
                }
            }
        }
        sums.map(|sum| sum as f32 * self.scale)
    }
}

/// Forward–backward (Rabiner 1989), scaled so that the ways to each word and from it sum to one: the probability of each tag of
/// each word. `start` and `onward` are exponentials of the weights.
fn probabilities(start: &Scores, onward: &[Scores; TAGS], scratch: &mut Scratch) {
    let Scratch { emissions, forward, sure, .. } = scratch;
    for emission in emissions.iter_mut() {
        let highest = emission.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        *emission = emission.map(|score| (score - highest).exp());
    }
    forward.clear();
    for emission in emissions.iter() {
        let ways = match forward.last() {
            None => *start,
            Some(before) => before
                .iter()
                .zip(onward)
                .fold([0.0; TAGS], |ways, (&way, row)| sum(&ways, &row.map(|step| way * step))),
        };
        forward.push(scaled(product(&ways, emission)));
    }
    sure.clear();
    sure.resize(emissions.len(), [0.0; TAGS]);
    let mut backward = [1.0; TAGS];
    for ((sure, ahead), emission) in sure.iter_mut().zip(forward.iter()).zip(emissions.iter()).rev() {
        *sure = scaled(product(ahead, &backward));
        let later = product(emission, &backward);
        backward = scaled(onward.map(|row| product(&row, &later).iter().sum()));
    }
}

fn product(a: &Scores, b: &Scores) -> Scores {
    let mut out = *a;
    for (out, b) in out.iter_mut().zip(b) {
        *out *= b;
    }
    out
}

/// To a sum of one.
fn scaled(scores: Scores) -> Scores {
    let total: f32 = scores.iter().sum();
    if total > 0.0 { scores.map(|score| score / total) } else { scores }
}

/// Tag by tag.
pub(crate) fn sum(a: &Scores, b: &Scores) -> Scores {
    let mut out = *a;
    for (out, b) in out.iter_mut().zip(b) {
        *out += b;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probabilities_are_those_of_trying_all() {
        let mut state = 7_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 40) as f32 / 16_777_216.0 - 0.5) * 4.0
        };
        let mut scores = || std::array::from_fn(|_| random());
        let (onward, start): ([Scores; TAGS], Scores) = (std::array::from_fn(|_| scores()), scores());
        let emissions: Vec<Scores> = (0..4).map(|_| scores()).collect();
        let ways = (0..TAGS.pow(4)).map(|n| [n % 8, n / 8 % 8, n / 64 % 8, n / 512]);
        let score = |way: &[usize; 4]| {
            let mut score = start[way[0]];
            for i in 0..4 {
                score += emissions[i][way[i]] + if i > 0 { onward[way[i - 1]][way[i]] } else { 0.0 };
            }
            score
        };
        let all: Vec<([usize; 4], f32)> = ways.map(|way| (way, score(&way))).collect();
        let total: f32 = all.iter().map(|(_, score)| score.exp()).sum();
        let mut scratch = Scratch { emissions, ..Scratch::default() };
        probabilities(&start.map(f32::exp), &onward.map(|row| row.map(f32::exp)), &mut scratch);
        for (i, sure) in scratch.sure.iter().enumerate() {
            for (tag, sure) in sure.iter().enumerate() {
                let through = all.iter().filter(|(way, _)| way[i] == tag).map(|(_, s)| s.exp()).sum::<f32>();
                assert!((sure - through / total).abs() < 1e-4);
            }
        }
    }
}
