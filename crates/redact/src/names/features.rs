//! What the model sees of a word: itself, its parts, how it is written, the lists, and its neighbours. Each feature is a
//! hash into the table of weights (Weinberger et al. 2009, feature hashing).

use super::gazetteer::{COMMON, GIVEN, Gazetteer, PARTICLE, PLACE, SURNAME, TITLE, hash_lower, mix};
use super::tokens::{Shape, Token};

/// Bits of a feature's place in the table.
pub(crate) const TABLE_BITS: u32 = 18;
/// Features of a word.
pub(crate) const FEATURES: usize = 30;

/// The features of one word.
pub(crate) type Word = [u32; FEATURES];

/// What is known of one token, before its neighbours are looked at.
#[derive(Clone, Copy)]
struct Seen {
    word: u64,
    shape: Shape,
    flags: u8,
    prefix: [u64; 2],
    suffix: [u64; 3],
    /// The word before the last colon on its line: what a form asks for.
    field: u64,
}

const EDGE: Seen = Seen { word: 1, shape: Shape::Line, flags: 0, prefix: [0; 2], suffix: [0; 3], field: 0 };

/// The hash that a key or a column heading counts as: its last word, split at signs and at capitals inside.
pub(crate) fn field_of_label(label: &str) -> u64 {
    let mut last = "";
    let mut start = 0;
    let mut lower_before = false;
    for (at, c) in label.char_indices() {
        if !c.is_alphabetic() || (c.is_uppercase() && lower_before) {
            if let Some(part) = label.get(start..at).filter(|part| part.chars().any(char::is_alphabetic)) {
                last = part;
            }
            start = if c.is_alphabetic() { at } else { at.saturating_add(c.len_utf8()) };
        }
        lower_before = c.is_lowercase();
    }
    let rest = label.get(start..).unwrap_or_default();
    hash_lower(if rest.is_empty() { last } else { rest })
}

/// What was seen of the words of one text so far: most words of a text come again.
pub(crate) struct Looks<'g> {
    gazetteer: &'g Gazetteer,
    /// By the low bits of a word's hash; a later word takes an earlier one's place.
    slots: Vec<Seen>,
}

/// Most words that are remembered; they fit the nearest cache.
const LOOKS_MAX: usize = 512;

impl<'g> Looks<'g> {
    /// For a text of so many bytes.
    pub(crate) fn new(gazetteer: &'g Gazetteer, bytes: usize) -> Self {
        let slots = (bytes / 8).clamp(1, LOOKS_MAX).next_power_of_two();
        Self { gazetteer, slots: vec![EDGE; slots] }
    }

    fn at(&mut self, word: &str, shape: Shape) -> Seen {
        match shape {
            // Numbers count by their length, lines and initials as such.
            Shape::Digit1
            | Shape::Digit2
            | Shape::Digit3
            | Shape::Digit4
            | Shape::Digits
            | Shape::Alphanumeric
            | Shape::Line
            | Shape::Initials
            | Shape::Letter => Seen { word: mix(2_u64.wrapping_add(shape as u64)), shape, ..EDGE },
            _ => {
                let hash = hash_lower(word);
                let slot = usize::try_from(hash).unwrap_or_default() & self.slots.len().wrapping_sub(1);
                match self.slots.get(slot) {
                    Some(seen) if seen.word == hash => Seen { shape, ..*seen },
                    _ => {
                        let seen = look(word, hash, shape, self.gazetteer);
                        if let Some(slot) = self.slots.get_mut(slot) {
                            *slot = seen;
                        }
                        seen
                    }
                }
            }
        }
    }
}

/// Whether words can hold a name: ordinary ones alone cannot, but for those behind "mevrouw" and the like.
fn can_name(seen: &[Seen]) -> bool {
    seen.iter().enumerate().any(|(at, word)| match word.shape {
        // The first word has a capital whatever it is.
        Shape::Capital if at == 0 => word.flags & (COMMON | GIVEN | SURNAME | PLACE) != COMMON,
        Shape::Capital | Shape::Upper | Shape::Mixed | Shape::Initials | Shape::Letter => true,
        Shape::Lower => word.flags & (COMMON | PARTICLE) == 0 || word.flags & (TITLE | GIVEN) != 0,
        _ => false,
    })
}

/// The features of each token of a segment; `None` where none can be a name. `label` is the key that the text stands under, which
/// makes a name of any word.
pub(crate) fn words(
    text: &str,
    segment: &[Token],
    looks: &mut Looks<'_>,
    label: Option<u64>,
) -> Option<Vec<Word>> {
    let mut seen = Vec::with_capacity(segment.len());
    let mut field = label.unwrap_or_default();
    let mut last_word = 0;
    for token in segment {
        let word = text.get(token.start..token.end).unwrap_or_default();
        let mut now = looks.at(word, token.shape);
        match (token.shape, word) {
            (Shape::Line, _) => field = label.unwrap_or_default(),
            (Shape::Sign, ":" | "=" | "|" | ";" | "\t") if last_word != 0 => field = last_word,
            (Shape::Lower | Shape::Capital | Shape::Upper | Shape::Mixed, _) => last_word = now.word,
            _ => {}
        }
        now.field = field;
        seen.push(now);
    }
    if label.is_none() && !can_name(&seen) {
        return None;
    }
    let at = |index: usize, by: isize| {
        index.checked_add_signed(by).and_then(|index| seen.get(index)).unwrap_or(&EDGE)
    };
    let words = (0..seen.len())
        .map(|i| combine([at(i, -3), at(i, -2), at(i, -1), at(i, 0), at(i, 1), at(i, 2), at(i, 3)]));
    Some(words.collect())
}

fn look(word: &str, hash: u64, shape: Shape, gazetteer: &Gazetteer) -> Seen {
    let flags = if shape == Shape::Sign { 0 } else { gazetteer.flags(word, hash) };
    let (prefix, suffix) = ([head(word, 2), head(word, 3)], [tail(word, 2), tail(word, 3), tail(word, 4)]);
    Seen { word: hash, shape, flags, prefix, suffix, field: 0 }
}

/// Hash of the first `n` characters, or of the word.
fn head(word: &str, n: usize) -> u64 {
    let end = word.char_indices().nth(n).map_or(word.len(), |(at, _)| at);
    hash_lower(word.get(..end).unwrap_or_default())
}

/// Hash of the last `n` characters, or of the word.
fn tail(word: &str, n: usize) -> u64 {
    let start = word.char_indices().rev().nth(n.saturating_sub(1)).map_or(0, |(at, _)| at);
    hash_lower(word.get(start..).unwrap_or_default())
}

fn combine(seen: [&Seen; 7]) -> Word {
    let [far_left, left2, left, here, right, right2, far_right] = seen;
    let shape = |seen: &Seen| seen.shape as u64;
    let flags = |seen: &Seen| u64::from(seen.flags);
    let mut word = [0_u32; FEATURES];
    let mut slots = word.iter_mut().zip(1_u64..);
    let mut add = |a: u64, b: u64, c: u64| {
        if let Some((slot, template)) = slots.next() {
            // Words are mixed already; one multiplication spreads the rest to the high bits (Knuth 1973, 6.4).
            let hash =
                (a ^ b.rotate_left(21) ^ c.rotate_left(42) ^ template.wrapping_mul(0x9e37_79b9_7f4a_7c15))
                    .wrapping_mul(0xd6e8_feb8_6659_fd93);
            *slot = u32::try_from(hash >> (64 - TABLE_BITS)).unwrap_or_default();
        }
    };
    add(0, 0, 0);
    add(here.word, 0, 0);
    add(left.word, 0, 0);
    add(right.word, 0, 0);
    add(left2.word, 0, 0);
    add(right2.word, 0, 0);
    add(left.word, here.word, 0);
    add(here.word, right.word, 0);
    add(shape(here), 0, 0);
    add(shape(left), shape(here), 0);
    add(shape(here), shape(right), 0);
    add(shape(left), shape(here), shape(right));
    add(here.prefix[0], shape(here), 0);
    add(here.prefix[1], 0, 0);
    add(here.suffix[0], shape(here), 0);
    add(here.suffix[1], 0, 0);
    add(here.suffix[2], 0, 0);
    add(flags(here), shape(here), 0);
    add(flags(left), flags(here), shape(here));
    add(flags(here), flags(right), shape(here));
    add(flags(left), flags(here), flags(right));
    add(flags(left2), flags(left), flags(here));
    add(flags(here), flags(right), flags(right2));
    add(left.word, shape(here), flags(here));
    add(right.word, shape(here), flags(here));
    add(left2.word, left.word, shape(here));
    add(here.field, shape(here), 0);
    add(here.field, flags(here), shape(left));
    add(right.word, right2.word, shape(here));
    add(far_left.word ^ far_right.word.rotate_left(7), shape(here), 0);
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_of_a_key_counts() {
        for label in ["naam", "clientNaam", "client_naam", "client naam:", "NAAM", "naam_1"] {
            assert_eq!(field_of_label(label), hash_lower("naam"), "{label}");
        }
    }
}
