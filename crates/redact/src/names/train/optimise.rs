//! Gradient steps.

use super::Tagged;
use crate::names::crf::{MAGIC, ROWS, Scores, TAGS, sum};
use crate::names::features::Word;

const STEP: f32 = 0.08;
/// Weights shrink by this share after each epoch.
const DECAY: f32 = 0.03;

/// Weights in `f32`, with the squares of the gradients so far.
pub(super) struct Optimiser {
    rows: Vec<Scores>,
    row_squares: Vec<Scores>,
    transitions: [Scores; TAGS],
    transition_squares: [Scores; TAGS],
    start: Scores,
    start_squares: Scores,
}

fn step(weights: &mut Scores, squares: &mut Scores, gradient: &Scores) {
    for ((weight, square), gradient) in weights.iter_mut().zip(squares).zip(gradient) {
        *square += gradient * gradient;
        *weight -= STEP * gradient / (square.sqrt() + 1e-6);
    }
}

impl Optimiser {
    pub(super) fn new() -> Self {
        Self {
            rows: vec![[0.0; TAGS]; ROWS],
            row_squares: vec![[0.0; TAGS]; ROWS],
            transitions: [[0.0; TAGS]; TAGS],
            transition_squares: [[0.0; TAGS]; TAGS],
            start: [0.0; TAGS],
            start_squares: [0.0; TAGS],
        }
    }

    /// One pass over all sentences; the mean negative log-likelihood of a word.
    pub(super) fn epoch(&mut self, tagged: &[Tagged]) -> f32 {
        let (mut loss, mut words) = (0.0_f64, 0_usize);
        for sentence in tagged {
            loss += f64::from(self.sentence(sentence));
            words += sentence.words.len();
        }
        for weight in self.rows.iter_mut().flatten() {
            *weight *= 1.0 - DECAY;
        }
        (loss / words.max(1) as f64) as f32
    }

    fn emission(&self, word: &Word) -> Scores {
        word.iter()
            .filter_map(|&feature| self.rows.get(feature as usize))
            .fold([0.0; TAGS], |sum, row| crate::names::crf::sum(&sum, row))
    }

    fn sentence(&mut self, sentence: &Tagged) -> f32 {
        let emissions: Vec<Scores> = sentence.words.iter().map(|word| self.emission(word)).collect();
        let mut forward = Vec::new();
        forward_pass(self, &emissions, &mut forward);
        let Some(total) = forward.last().map(log_sum) else { return 0.0 };
        let mut transition_gradient = [[0.0; TAGS]; TAGS];
        let mut backward = [0.0; TAGS];
        let mut gold_score = 0.0;
        for i in (0..emissions.len()).rev() {
            let tag = usize::from(sentence.tags[i]);
            let mut gradient = [0.0; TAGS];
            for t in 0..TAGS {
                gradient[t] = (forward[i][t] + backward[t] - total).exp();
            }
            gradient[tag] -= 1.0;
            gold_score += emissions[i][tag];
            if i > 0 {
                let from_tag = usize::from(sentence.tags[i - 1]);
                for from in 0..TAGS {
                    for to in 0..TAGS {
                        let way = forward[i - 1][from]
                            + self.transitions[from][to]
                            + emissions[i][to]
                            + backward[to];
                        transition_gradient[from][to] += (way - total).exp();
                    }
                }
                transition_gradient[from_tag][tag] -= 1.0;
                gold_score += self.transitions[from_tag][tag];
            } else {
                gold_score += self.start[tag];
                step(&mut self.start, &mut self.start_squares, &gradient);
            }
            backward = step_back(self, &emissions[i], &backward);
            for &feature in &sentence.words[i] {
                step(&mut self.rows[feature as usize], &mut self.row_squares[feature as usize], &gradient);
            }
        }
        for ((row, squares), gradient) in
            self.transitions.iter_mut().zip(&mut self.transition_squares).zip(&transition_gradient)
        {
            step(row, squares, gradient);
        }
        total - gold_score
    }

    /// The model file: see [`crate::names::crf::Model::parse`].
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let highest = self.rows.iter().flatten().fold(0.0_f32, |highest, weight| highest.max(weight.abs()));
        // The few heaviest weights are clipped, so that the many light ones keep their differences.
        let scale = (highest / 127.0).min(0.04);
        let mut bytes = MAGIC.to_vec();
        bytes.extend(scale.to_le_bytes());
        for weight in self.start.iter().chain(self.transitions.iter().flatten()) {
            bytes.extend(weight.to_le_bytes());
        }
        for weight in self.rows.iter().flatten() {
            bytes.push(((weight / scale).round().clamp(-127.0, 127.0) as i8) as u8);
        }
        bytes
    }
}

/// Log-sums of all ways to each word and tag.
fn forward_pass(model: &Optimiser, emissions: &[Scores], forward: &mut Vec<Scores>) {
    forward.clear();
    let Some((first, later)) = emissions.split_first() else { return };
    let mut scores = sum(&model.start, first);
    forward.push(scores);
    for emission in later {
        let mut next = [0.0; TAGS];
        for (to, slot) in next.iter_mut().enumerate() {
            let mut ways = [0.0; TAGS];
            for ((way, score), row) in ways.iter_mut().zip(&scores).zip(&model.transitions) {
                *way = score + row.get(to).copied().unwrap_or_default();
            }
            *slot = log_sum(&ways);
        }
        scores = sum(&next, emission);
        forward.push(scores);
    }
}

/// Log-sums of all ways on from the word before, given those on from this one.
fn step_back(model: &Optimiser, emission: &Scores, backward: &Scores) -> Scores {
    let onward = sum(emission, backward);
    let mut before = [0.0; TAGS];
    for (slot, row) in before.iter_mut().zip(&model.transitions) {
        *slot = log_sum(&sum(row, &onward));
    }
    before
}

fn log_sum(values: &Scores) -> f32 {
    let highest = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    highest + values.iter().map(|value| (value - highest).exp()).sum::<f32>().ln()
}
