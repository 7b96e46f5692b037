//! From a label for each token to spans: tagging schemes (IOB1, IOB2, IOE, BIOES, BILOU, and bare labels).

use std::ops::Range;

use redact::Found;
use tokenizer::Encoded;

/// How probable a word has to be part of a name for a span to hold it; the profile decides what becomes of the span.
const WORD_MIN: f32 = 0.3;

/// What a label says of a word's place in a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    First,
    Within,
    Last,
    Only,
}

/// A model's labels, taken apart.
#[derive(Debug)]
pub(crate) struct Scheme {
    /// What can be found, without prefixes.
    entities: Vec<String>,
    /// For each label of the model: which entity, and where in it; `None` for O.
    labels: Vec<Option<(usize, Part)>>,
}

/// A word and what the model said of its first token.
struct Word {
    bytes: Range<usize>,
    /// The entity it is most probably part of, and how probably.
    entity: usize,
    probability: f32,
    part: Part,
}

impl Scheme {
    /// Takes labels apart.
    ///
    /// # Errors
    /// When there is no O, or more than one, or nothing else.
    pub(crate) fn new(labels: &[String]) -> Result<Self, String> {
        let mut scheme = Self { entities: Vec::new(), labels: Vec::new() };
        for label in labels {
            if label == "O" {
                scheme.labels.push(None);
                continue;
            }
            let (part, entity) = match label.split_once('-') {
                Some(("B", entity)) => (Part::First, entity),
                Some(("I" | "M", entity)) => (Part::Within, entity),
                Some(("E" | "L", entity)) => (Part::Last, entity),
                Some(("S" | "U", entity)) => (Part::Only, entity),
                _ => (Part::Within, label.as_str()),
            };
            let known = scheme.entities.iter().position(|known| known == entity);
            let entity = known.unwrap_or_else(|| {
                scheme.entities.push(entity.to_owned());
                scheme.entities.len().saturating_sub(1)
            });
            scheme.labels.push(Some((entity, part)));
        }
        let outside = scheme.labels.iter().filter(|label| label.is_none()).count();
        if outside != 1 || scheme.entities.is_empty() {
            return Err(
                "id2label of config.json must have O once, and labels of what is to be found".to_owned()
            );
        }
        Ok(scheme)
    }

    pub(crate) fn entities(&self) -> &[String] {
        &self.entities
    }

    /// The spans of a text; `rows` has the probability of each label for each of its tokens.
    ///
    /// # Errors
    /// When `rows` are not those of these tokens and labels.
    pub(crate) fn spans(&self, text: &Encoded, rows: &[Vec<f32>]) -> Result<Vec<Found>, String> {
        if rows.len() != text.ids.len() || rows.iter().any(|row| row.len() != self.labels.len()) {
            return Err("it gave another number of labels than it was asked for".to_owned());
        }
        // What is no number compares with nothing, and would be taken for no label.
        if rows.iter().flatten().any(|probability| !(0.0..=1.001).contains(probability)) {
            return Err("it gave probabilities that are no numbers from 0 to 1".to_owned());
        }
        let mut spans: Vec<Found> = Vec::new();
        // Whether the last span may go on with the next word.
        let mut open = false;
        for word in self.words(text, rows) {
            let Some(word) = word else {
                open = false;
                continue;
            };
            let begins = matches!(word.part, Part::First | Part::Only);
            match spans.last_mut().filter(|span| open && !begins && span.label == word.entity) {
                Some(span) => {
                    span.end = word.bytes.end;
                    span.probability = span.probability.max(word.probability);
                }
                None => spans.push(Found {
                    start: word.bytes.start,
                    end: word.bytes.end,
                    label: word.entity,
                    probability: word.probability,
                }),
            }
            open = !matches!(word.part, Part::Last | Part::Only);
        }
        Ok(spans)
    }

    /// Each word of the text, or `None` for one that is part of nothing. A word is what its first token is: models are
    /// trained so.
    fn words(&self, text: &Encoded, rows: &[Vec<f32>]) -> Vec<Option<Word>> {
        let mut words: Vec<Option<Word>> = Vec::new();
        let mut last = None;
        for ((number, bytes), row) in text.words.iter().zip(&text.offsets).zip(rows) {
            if last.replace(*number) == Some(*number) {
                if let Some(Some(word)) = words.last_mut() {
                    word.bytes.end = word.bytes.end.max(bytes.end);
                }
                continue;
            }
            words.push(self.word(bytes.clone(), row).filter(|word| !word.bytes.is_empty()));
        }
        words
    }

    fn word(&self, bytes: Range<usize>, row: &[f32]) -> Option<Word> {
        let mut sums = vec![0.0_f32; self.entities.len()];
        for (label, probability) in self.labels.iter().zip(row) {
            if let Some(sum) = label.and_then(|(entity, _)| sums.get_mut(entity)) {
                *sum += probability;
            }
        }
        let best = sums.into_iter().enumerate().max_by(|(_, a), (_, b)| a.total_cmp(b));
        let (entity, probability) = best.filter(|(_, probability)| *probability >= WORD_MIN)?;
        let parts = self.labels.iter().zip(row).filter_map(|(label, probability)| {
            label.filter(|(own, _)| *own == entity).map(|(_, part)| (part, *probability))
        });
        let (part, _) = parts.max_by(|(_, a), (_, b)| a.total_cmp(b))?;
        // Sums of rounded numbers may come to a little more.
        Some(Word { bytes, entity, probability: probability.clamp(0.0, 1.0), part })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spans as `start..end entity probability`, of words of two tokens of a byte each, where each word is given the
    /// probabilities of its labels.
    fn spans(labels: &[&str], words: &[&[f32]]) -> Vec<String> {
        let labels: Vec<String> = labels.iter().map(|&label| label.to_owned()).collect();
        let scheme = Scheme::new(&labels).unwrap();
        let tokens = words.len() * 2;
        let text = Encoded {
            ids: vec![0; tokens].into(),
            offsets: (0..tokens).map(|at| at..at + 1).collect(),
            words: (0..tokens).map(|at| u32::try_from(at / 2).unwrap()).collect(),
        };
        // What is said of a word's second token does not count.
        let noise = vec![1.0 / labels.len() as f32; labels.len()];
        let rows: Vec<Vec<f32>> = words.iter().flat_map(|row| [row.to_vec(), noise.clone()]).collect();
        let found = scheme.spans(&text, &rows).unwrap();
        let show =
            |f: &Found| format!("{}..{} {} {:.2}", f.start, f.end, scheme.entities()[f.label], f.probability);
        found.iter().map(show).collect()
    }

    #[test]
    fn begin_and_inside() {
        let labels = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"];
        let (o, b, i) = (
            &[0.9, 0.1, 0.0, 0.0, 0.0_f32][..],
            &[0.1, 0.8, 0.1, 0.0, 0.0_f32][..],
            &[0.5, 0.1, 0.4, 0.0, 0.0_f32][..],
        );
        let place = &[0.1, 0.0, 0.0, 0.2, 0.7_f32][..];
        assert_eq!(spans(&labels, &[o, b, i, o]), ["2..6 PER 0.90"]);
        assert_eq!(spans(&labels, &[b, b]), ["0..2 PER 0.90", "2..4 PER 0.90"]);
        assert_eq!(spans(&labels, &[b, place, place]), ["0..2 PER 0.90", "2..6 LOC 0.90"]);
        assert_eq!(spans(&labels, &[i, o, i]), ["0..2 PER 0.50", "4..6 PER 0.50"]);
        assert_eq!(spans(&labels, &[o, o]), [""; 0]);
    }

    #[test]
    fn inside_and_end_and_single_and_bare() {
        let ioe = ["O", "I-PER", "E-PER"];
        let (within, last) = (&[0.1, 0.8, 0.1_f32][..], &[0.0, 0.1, 0.9_f32][..]);
        assert_eq!(spans(&ioe, &[within, last, within]), ["0..4 PER 1.00", "4..6 PER 0.90"]);
        let bare = ["GIVENNAME", "O"];
        assert_eq!(spans(&bare, &[&[0.9, 0.1], &[0.9, 0.1]]), ["0..4 GIVENNAME 0.90"]);
        let bioes = ["O", "B-X", "I-X", "E-X", "S-X"];
        let single = &[0.0, 0.0, 0.0, 0.0, 1.0_f32][..];
        assert_eq!(spans(&bioes, &[single, single]), ["0..2 X 1.00", "2..4 X 1.00"]);
    }

    #[test]
    fn labels_without_an_outside_and_rows_of_something_else_are_errors() {
        for labels in [&["B-PER", "I-PER"][..], &["O"], &["O", "O", "PER"], &[]] {
            let labels: Vec<String> = labels.iter().map(|&label| label.to_owned()).collect();
            assert!(Scheme::new(&labels).is_err(), "{labels:?}");
        }
        let scheme = Scheme::new(&["O".to_owned(), "PER".to_owned()]).unwrap();
        let text = Encoded { ids: vec![7, 8].into(), offsets: vec![0..1, 1..2], words: vec![0, 1] };
        let twice = |row: &[f32]| scheme.spans(&text, &[row.to_vec(), row.to_vec()]);
        assert!(scheme.spans(&text, &[]).is_err());
        assert!(scheme.spans(&text, &[vec![0.1, 0.9]]).is_err());
        assert!(twice(&[0.1, 0.2, 0.7]).is_err());
        assert!(twice(&[f32::NAN, 0.2]).is_err());
        assert!(twice(&[0.1, 0.9]).is_ok());
    }
}
