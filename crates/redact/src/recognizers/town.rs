//! Towns by where they stand: behind a house number or a postcode, or alone in a field. There small letters do as well.

use super::{Candidate, Scan, because, is_street_word};
use crate::Kind;
use crate::names::Tagger;
use crate::vault::Secret;

/// Letters of a town's name at least, where nothing but the list says that it is one.
const LETTERS_MIN: usize = 4;
/// Longest name of a town.
const NAME_BYTES_MAX: usize = 40;
/// Longest addition to a house number: `12 hs`, `12 3hoog`.
const ADDITION_BYTES_MAX: usize = 8;

/// The towns of a text, in order.
pub(super) fn towns(scan: &Scan<'_>, tagger: &Tagger) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for (n, group) in scan.groups().iter().enumerate() {
        scan.step();
        if let Some(end) = postcode_end(scan, group.start, group.end) {
            found.extend(capitalised(scan, end).or_else(|| listed_after(scan, tagger, end)));
            continue;
        }
        let street = scan.byte_before(group.start) == Some(b' ') && group.len() <= 4;
        if street && is_street_word(word_before(scan, group.start.saturating_sub(1))) {
            let next = scan.groups().get(n.saturating_add(1)).map_or(scan.text.len(), |g| g.start);
            let ends = house_ends(scan, group.end, next);
            found.extend(ends.into_iter().find_map(|end| listed_after(scan, tagger, end)));
        }
    }
    found.extend(lived_in(scan, tagger));
    found
}

/// What is said before a town, in small letters, that somebody lives in or comes from; the list decides then, whatever else the
/// word may mean.
const LIVING: &[&str] = &[
    "woont in ",
    "woon in ",
    "woonde in ",
    "wonen in ",
    "wonend in ",
    "wonende te ",
    "woonachtig te ",
    "woonachtig in ",
    "wnd te ",
    "woont te ",
    "geboren te ",
    "geboren in ",
    "geb te ",
    "geb. te ",
    "verblijft in ",
    "verhuist naar ",
    "verhuisd naar ",
    "afkomstig uit ",
    "woon nu in ",
];

/// The towns behind words for living there: `hij woont in dieren`.
fn lived_in(scan: &Scan<'_>, tagger: &Tagger) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for said in LIVING {
        for (at, _) in scan.text.match_indices(said) {
            scan.step();
            let start = at.saturating_add(said.len());
            let rest = scan.text.get(start..).unwrap_or_default();
            let letters = |c: &char| c.is_alphabetic() || matches!(c, '-' | '\'');
            let length: usize =
                rest.chars().take(NAME_BYTES_MAX).take_while(letters).map(char::len_utf8).sum();
            let word = rest.get(..length).unwrap_or_default();
            if word.chars().count() >= LETTERS_MIN && tagger.is_listed_place(word) {
                found.push((start, start.saturating_add(length)));
            }
        }
    }
    found
}

pub(super) fn town(scan: &Scan<'_>, start: usize, end: usize) -> Candidate {
    let canonical = Secret::new(&scan.slice(start, end).to_lowercase());
    let reasons = vec![because("a town, by where it stands", 62)];
    Candidate { kind: Kind::Place, start, end, canonical, reasons, judged: true }
}

/// Where a postcode ends whose digits are `start..end`.
fn postcode_end(scan: &Scan<'_>, start: usize, end: usize) -> Option<usize> {
    let four =
        end.saturating_sub(start) == 4 && scan.byte(start) != Some(b'0') && !scan.attached_before(start);
    let letters = end.saturating_add(usize::from(scan.byte(end) == Some(b' ')));
    let stop = letters.saturating_add(2);
    let right = scan.slice(letters, stop).bytes().filter(u8::is_ascii_uppercase).count() == 2;
    (four && right && !scan.attached_after(stop)).then_some(stop)
}

/// Where a house number may end, with its addition and without.
fn house_ends(scan: &Scan<'_>, end: usize, next: usize) -> Vec<usize> {
    let mut ends = vec![end];
    let rest = scan.slice(end, next.min(end.saturating_add(ADDITION_BYTES_MAX).min(scan.text.len())));
    let addition = rest.trim_start_matches([' ', '-', '/']);
    let length = addition.bytes().take_while(u8::is_ascii_alphanumeric).count();
    if (1..=6).contains(&length) {
        ends.push(end.saturating_add(rest.len().saturating_sub(addition.len())).saturating_add(length));
    }
    ends
}

/// The word right before `end`.
fn word_before<'v>(scan: &Scan<'v>, end: usize) -> &'v str {
    let from = scan.text.ceil_char_boundary(end.saturating_sub(NAME_BYTES_MAX));
    let head = scan.slice(from, end);
    head.rsplit(|c: char| !c.is_alphabetic() && !matches!(c, '-' | '.' | '\'')).next().unwrap_or_default()
}

/// What may stand between an address and its town.
fn gap(rest: &str) -> Option<usize> {
    [", te ", ", in ", " te ", " in ", ", ", "  ", " , ", "\n", " ", ";"]
        .iter()
        .find(|gap| rest.starts_with(**gap))
        .map(|gap| gap.len())
}

/// Words with capitals after a postcode.
fn capitalised(scan: &Scan<'_>, end: usize) -> Option<(usize, usize)> {
    let rest = scan.text.get(end..)?;
    let gap = gap(rest)?;
    let name = rest.get(gap..)?;
    let start = end.saturating_add(gap);
    let part = |c: char| c.is_alphabetic() || matches!(c, '-' | '\'');
    let mut length = 0;
    // `Den Haag`, `Bergen op Zoom`, `'s-Hertogenbosch`.
    for word in name.split(' ').take(4) {
        let bare: usize = word.chars().take_while(|c| part(*c)).map(char::len_utf8).sum();
        let named = word.trim_start_matches("'s-").trim_start_matches("'t").starts_with(char::is_uppercase);
        let small = length > 0 && matches!(word, "aan" | "op" | "de" | "den" | "der" | "bij" | "en" | "van");
        if bare == 0 || !(named || small) || length > NAME_BYTES_MAX {
            break;
        }
        let space = usize::from(length > 0);
        if named {
            length = name.get(..).map_or(0, |_| length.saturating_add(space).saturating_add(bare));
        } else if name
            .get(length.saturating_add(space).saturating_add(bare).saturating_add(1)..)?
            .starts_with(char::is_uppercase)
        {
            length = length.saturating_add(space).saturating_add(bare);
        } else {
            break;
        }
        if bare < word.len() {
            break;
        }
    }
    // The next line of a form begins with what it asks for: `Telefoon: …`.
    let label = name
        .get(length..)
        .is_some_and(|rest| rest.trim_start_matches([' ', '\t', '.']).starts_with([':', '=']));
    (length >= 2 && !label).then(|| (start, start.saturating_add(length)))
}

/// A listed town behind an address, in small letters too.
fn listed_after(scan: &Scan<'_>, tagger: &Tagger, end: usize) -> Option<(usize, usize)> {
    let rest = scan.text.get(end..)?;
    let gap = gap(rest)?;
    let start = end.saturating_add(gap);
    let name = rest.get(gap..)?;
    let length: usize = name
        .chars()
        .take(NAME_BYTES_MAX)
        .take_while(|c| c.is_alphabetic() || matches!(c, '-' | '\''))
        .map(char::len_utf8)
        .sum();
    let word = name.get(..length)?;
    (word.chars().count() >= LETTERS_MIN && tagger.is_town(word))
        .then(|| (start, start.saturating_add(length)))
}

#[cfg(test)]
mod tests {
    use super::super::tests::named;
    use crate::Kind;

    #[test]
    fn towns_behind_addresses() {
        for (text, want) in [
            ("mw dekker woont kerkstraat 12 hoogeveen", "hoogeveen"),
            ("mw dekker woont in dieren vlakbij", "dieren"),
            ("dhr dekker, lindenlaan 3 bov, meppel .", "meppel"),
            ("Dhr. Dekker, Lindenlaan 3, 7943AB Bergen op Zoom", "Bergen op Zoom"),
        ] {
            let found = named(text);
            assert!(found.iter().any(|f| f.1.ends_with(want)), "{text}: {found:?}");
        }
        for text in
            ["mw dekker woont kerkstraat 12 alleen", "Dekker, postcode: 7943 AB\nTelefoon: 06-12345678"]
        {
            let found = named(text);
            assert!(found.iter().all(|f| f.0 != Kind::Place), "{found:?}");
        }
    }
}
