//! Numbers that are told in numbered parts: `deel 1: 111 222, deel 2: 333`.

use crate::deep::edit;
use crate::recognizers::Scan;
use crate::view::Edit;

/// What a part is called.
const PARTS: &[&str] = &[
    "deel",
    "deeltje",
    "bericht",
    "berichtje",
    "stuk",
    "stukje",
    "brokje",
    "briefje",
    "regel",
    "blok",
    "blokje",
    "part",
    "piece",
    "groepje",
    "reeks",
    "rij",
    "helft",
];
/// What numbers it.
const ORDINALS: &[&str] = &[
    "1", "2", "3", "4", "5", "een", "één", "twee", "drie", "vier", "vijf", "a", "b", "c", "d", "i", "ii",
    "iii", "iv", "one", "two", "three", "four",
];
/// Longest name of a part with its number, and what may stand between a part and the next one's name.
const LABEL_BYTES_MAX: usize = 24;
const BETWEEN_BYTES_MAX: usize = 16;
const BETWEEN_LETTERS_MAX: usize = 3;
/// Digits of the whole number at least.
const DIGITS_MIN: usize = 7;

/// One part: where its name begins, its digits, and how many.
struct Part {
    label: usize,
    start: usize,
    end: usize,
    digits: usize,
}

/// Closes up the parts of a number: what stands between them becomes a space.
pub(crate) fn joined(scan: &Scan<'_>, edits: &mut Vec<Edit>) {
    let parts = parts(scan);
    // "en", or who speaks in a chat; no sentence.
    let near = |one: &Part, two: &Part| {
        let between = scan.slice(one.end, two.label);
        let letters = between.chars().filter(|c| c.is_alphabetic()).count();
        between.len() <= BETWEEN_BYTES_MAX && letters <= BETWEEN_LETTERS_MAX
    };
    let mut from = 0_usize;
    while let Some(rest) = parts.get(from..).filter(|rest| !rest.is_empty()) {
        let more = rest.windows(2).take_while(|pair| matches!(pair, [one, two] if near(one, two))).count();
        let row = rest.get(..=more).unwrap_or_default();
        let digits: usize = row.iter().map(|part| part.digits).sum();
        if digits >= DIGITS_MIN {
            for pair in row.windows(2) {
                let [one, two] = pair else { continue };
                edits.push(edit(one.end, two.start, " "));
            }
        }
        from = from.saturating_add(row.len());
    }
}

/// The parts of a text, in order.
fn parts(scan: &Scan<'_>) -> Vec<Part> {
    let groups = scan.groups();
    let mut found: Vec<Part> = Vec::new();
    let mut at = 0_usize;
    while let Some(first) = groups.get(at) {
        scan.step();
        at = at.saturating_add(1);
        let Some(label) = label_before(scan, first.start) else { continue };
        let (mut end, mut digits) = (first.end, first.len());
        while let Some(next) = groups.get(at).filter(|g| matches!(scan.slice(end, g.start), " " | "-" | "."))
        {
            (end, digits) = (next.end, digits.saturating_add(next.len()));
            at = at.saturating_add(1);
        }
        found.push(Part { label, start: first.start, end, digits });
    }
    found
}

/// Where the name of a part before the digits at `start` begins: `bericht twee: `.
fn label_before(scan: &Scan<'_>, start: usize) -> Option<usize> {
    let from = scan.text.ceil_char_boundary(start.saturating_sub(LABEL_BYTES_MAX));
    let head = scan.slice(from, start);
    let named = head.trim_end_matches([' ', '"']).strip_suffix([':', '='])?.trim_end_matches(' ');
    let (before, ordinal) = named.rsplit_once(' ')?;
    let name = before.rsplit(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
    let is = |list: &[&str], word: &str| list.contains(&word.to_lowercase().as_str());
    let right = is(ORDINALS, ordinal) && is(PARTS, name);
    right.then(|| from.saturating_add(before.len()).saturating_sub(name.len()))
}

#[cfg(test)]
mod tests {
    use crate::Kind;
    use crate::recognizers::tests::{all_found, found};

    #[test]
    fn a_number_in_numbered_parts_is_one() {
        assert_eq!(found(Kind::Bsn, "BSN deel 1: 111 222, deel 2: 333."), ["111 222, deel 2: 333"]);
        let chat = "K: bericht een: 111\nK: bericht twee: 222\nK: bericht drie: 333\n";
        assert_eq!(found(Kind::Bsn, chat).len(), 1);
        assert_eq!(all_found("Deel 1: 120 pagina's. Deel 2: 240 pagina's. Deel 3: 99."), vec![]);
    }
}
