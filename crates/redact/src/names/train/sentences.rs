//! Tagged sentences, and the file format they come in.

use super::{Gold, Label};

/// A text with its names, in bytes.
#[derive(Clone, Debug)]
pub struct Sentence {
    /// The text.
    pub text: String,
    /// Start, end and kind of each name.
    pub spans: Vec<(usize, usize, Gold)>,
    /// The key it stands under.
    pub label: Option<String>,
}

/// Reads `index TAB word TAB tag` lines with IOB2 tags PER, LOC and ORG; an empty line ends a sentence. Words are joined as they
/// would be written.
#[must_use]
pub fn conllu(text: &str) -> Vec<Sentence> {
    let mut sentences = Vec::new();
    let mut sentence = Sentence { text: String::new(), spans: Vec::new(), label: None };
    for line in text.lines() {
        let mut fields = line.split('\t');
        let (Some(_), Some(word), Some(tag)) = (fields.next(), fields.next(), fields.next()) else {
            if !sentence.text.is_empty() {
                sentences.push(std::mem::replace(
                    &mut sentence,
                    Sentence { text: String::new(), spans: Vec::new(), label: None },
                ));
            }
            continue;
        };
        let closes = matches!(word, "." | "," | ")" | ":" | ";" | "!" | "?" | "''");
        if !sentence.text.is_empty() && !closes && !sentence.text.ends_with('(') {
            sentence.text.push(' ');
        }
        let start = sentence.text.len();
        sentence.text.push_str(word);
        let end = sentence.text.len();
        let gold = match tag.get(2..) {
            Some("PER") => Gold::Name(Label::Person),
            Some("LOC") => Gold::Name(Label::Place),
            Some("ORG") => Gold::Organisation,
            _ => continue,
        };
        match sentence.spans.last_mut() {
            Some(last) if tag.starts_with('I') && last.2 == gold => last.1 = end,
            _ => sentence.spans.push((start, end, gold)),
        }
    }
    sentences
}
