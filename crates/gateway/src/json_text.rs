//! JSON stays JSON when something in it was masked: a number that was personal data becomes a string.
//!
//! The model cannot write a placeholder outside a string, so one that stands there was put there by the screen.

use zeroize::Zeroizing;

/// What opens every placeholder.
const OPEN: char = '⟦';

/// Reads JSON in a stream that may be cut anywhere, and quotes what stands outside strings and holds a placeholder.
#[derive(Default)]
pub(crate) struct JsonText {
    in_string: bool,
    escaped: bool,
    /// A number or a word that has not ended.
    bare: Zeroizing<String>,
}

impl JsonText {
    /// Takes the next piece; gives what is certain.
    pub(crate) fn push(&mut self, piece: &str) -> String {
        let mut out = String::with_capacity(piece.len());
        for letter in piece.chars() {
            match letter {
                _ if self.escaped => self.escaped = false,
                '\\' if self.in_string => self.escaped = true,
                '"' => {
                    self.in_string = !self.in_string;
                    out.push_str(&self.finish());
                }
                _ if self.in_string => {}
                '{' | '}' | '[' | ']' | ',' | ':' | ' ' | '\n' | '\r' | '\t' => out.push_str(&self.finish()),
                _ => {
                    self.bare.push(letter);
                    continue;
                }
            }
            out.push(letter);
        }
        out
    }

    /// Bytes held back, where all of them are as the model wrote them.
    pub(crate) fn held_as_written(&self) -> Option<usize> {
        (!self.bare.contains(OPEN)).then_some(self.bare.len())
    }

    /// What was held back.
    pub(crate) fn finish(&mut self) -> String {
        let bare = std::mem::take(&mut self.bare);
        match bare.contains(OPEN) {
            true => format!("\"{}\"", bare.as_str()),
            false => bare.as_str().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_pieces(text: &str, len: usize) -> String {
        let letters: Vec<char> = text.chars().collect();
        let mut json = JsonText::default();
        let pieces = letters.chunks(len).map(|piece| piece.iter().collect::<String>());
        let mut out: String = pieces.map(|piece| json.push(&piece)).collect();
        out.push_str(&json.finish());
        out
    }

    #[test]
    fn a_masked_number_becomes_a_string_wherever_the_stream_is_cut() {
        for (text, whole) in [
            (r#"{"bsn": ⟦BSN⟧, "n": [1, -⟦BSN⟧.5,true]}"#, r#"{"bsn": "⟦BSN⟧", "n": [1, "-⟦BSN⟧.5",true]}"#),
            (r#"{"a \" : 1": "⟦BSN⟧ \\\\", "b": 12}"#, r#"{"a \" : 1": "⟦BSN⟧ \\\\", "b": 12}"#),
            ("⟦BSN⟧", "\"⟦BSN⟧\""),
            ("-12.5e3", "-12.5e3"),
            ("", ""),
        ] {
            for len in 1..9 {
                assert_eq!(in_pieces(text, len), whole);
            }
        }
    }
}
