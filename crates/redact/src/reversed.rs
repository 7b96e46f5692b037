//! Texts that are written backwards, where the text itself says so: `9876543-60 (achterstevoren)`, `nesnaJ teiP`.

use crate::deep::edit;
use crate::number_words::TURNED;
use crate::recognizers::Scan;
use crate::view::Edit;

/// Digits of a number at least, and letters of a word.
const DIGITS_MIN: usize = 5;
const LETTERS_MIN: usize = 3;
/// Longest thing that is turned round, in bytes.
const BYTES_MAX: usize = 64;

/// The numbers and the words that begin small and end in a capital, each turned round; none where no word says so.
pub(crate) fn edits(scan: &Scan<'_>) -> Vec<Edit> {
    if !scan.spoken.numerals().any(|(_, _, word)| word == TURNED) {
        return Vec::new();
    }
    let mut edits: Vec<Edit> = numbers(scan).chain(words(scan)).collect();
    edits.sort_by_key(|edit| edit.start);
    let mut end = 0;
    edits.retain(|edit| {
        let free = edit.start >= end;
        end = if free { edit.end } else { end };
        free
    });
    edits
}

/// The rows of digits with single signs and spaces between them.
fn numbers<'s>(scan: &'s Scan<'_>) -> impl Iterator<Item = Edit> + 's {
    let groups = scan.groups();
    let joined = |one: usize, two: usize| {
        let gap = scan.slice(one, two);
        gap.len() <= 3 && gap.bytes().all(|b| matches!(b, b' ' | b'-' | b'.' | b'/'))
    };
    let mut at = 0_usize;
    std::iter::from_fn(move || {
        while let Some(first) = groups.get(at) {
            let (mut end, mut digits) = (first.end, first.len());
            at = at.saturating_add(1);
            while let Some(next) = groups.get(at).filter(|next| joined(end, next.start)) {
                scan.step();
                (end, digits) = (next.end, digits.saturating_add(next.len()));
                at = at.saturating_add(1);
            }
            if digits >= DIGITS_MIN && end.saturating_sub(first.start) <= BYTES_MAX {
                return Some(turned(scan, first.start, end));
            }
        }
        None
    })
}

/// The words that end in their only capital.
fn words<'s>(scan: &'s Scan<'_>) -> impl Iterator<Item = Edit> + 's {
    let mut at = 0_usize;
    scan.text.split(|c: char| !c.is_alphabetic()).filter_map(move |word| {
        scan.step();
        let rest = scan.text.get(at..).unwrap_or_default();
        let start = at;
        let sign = rest.get(word.len()..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        at = at.saturating_add(word.len()).saturating_add(sign);
        let mut letters = word.chars().rev();
        let backwards = letters.next().is_some_and(char::is_uppercase) && letters.all(char::is_lowercase);
        let fits = (LETTERS_MIN..=BYTES_MAX).contains(&word.len());
        (backwards && fits).then(|| turned(scan, start, start.saturating_add(word.len())))
    })
}

fn turned(scan: &Scan<'_>, start: usize, end: usize) -> Edit {
    let with = zeroize::Zeroizing::new(scan.slice(start, end).chars().rev().collect::<String>());
    edit(start, end, &with)
}

#[cfg(test)]
mod tests {
    use crate::Kind;
    use crate::recognizers::tests::{all_found, found, named};

    #[test]
    fn what_is_said_to_be_backwards_is_turned_round() {
        assert_eq!(found(Kind::Phone, "bel 87654321-60 (achterstevoren)"), ["87654321-60"]);
        assert_eq!(found(Kind::Bsn, "BSN omgekeerd: 333222111"), ["333222111"]);
        let text = "Omgedraaid staat hier nesnaJ melliW, bel hem maar.";
        assert!(named(text).iter().any(|(kind, _)| *kind == Kind::Person), "{:?}", named(text));
        assert_eq!(all_found("het nummer 87654321-60 werkt niet"), vec![]);
    }
}
