//! Dutch postcodes, with the house number before or after.

use super::{Candidate, Group, Recognizer, Scan, because};
use crate::Kind;
use crate::finding::Reason;
use crate::vault::Secret;

/// Letter pairs that are units, words or currencies more often than postcode letters.
const UNITS: &[&str] = &[
    "AD", "AM", "BC", "CC", "CM", "DB", "DE", "EN", "EU", "GB", "HA", "HP", "HZ", "IN", "IS", "KB", "KG",
    "KM", "KW", "MB", "ML", "MM", "MW", "NA", "NC", "OF", "OM", "OP", "PK", "PM", "PX", "TB", "TE", "TL",
    "UR", "US", "VC",
];
/// Characters of a house number with its addition.
const HOUSE_CHARS_MAX: usize = 12;

/// Finds postcodes. The house number, which together with the postcode names one address, is cut with it.
pub(crate) struct Postcode;

impl Recognizer for Postcode {
    fn kinds(&self) -> Vec<Kind> {
        vec![Kind::Postcode]
    }

    fn version(&self) -> u32 {
        3
    }

    fn candidates(&self, scan: &Scan<'_>, sink: &mut dyn FnMut(Candidate)) {
        for (i, group) in scan.groups().iter().enumerate() {
            scan.step();
            if let Some(candidate) = read(scan, i, *group) {
                sink(candidate);
            }
        }
    }
}

fn read(scan: &Scan<'_>, i: usize, group: Group) -> Option<Candidate> {
    let four = scan.slice(group.start, group.end);
    if four.len() != 4 || four.starts_with('0') || scan.attached_before(group.start) {
        return None;
    }
    let rest = scan.text.get(group.end..)?;
    let gap = rest.bytes().take(2).take_while(|&b| b == b' ').count();
    let letters_start = group.end.saturating_add(gap);
    let end = letters_start.saturating_add(2);
    let letters = scan.slice(letters_start, end);
    if letters.len() != 2 || !letters.bytes().all(|b| b.is_ascii_alphabetic()) || scan.attached_after(end) {
        return None;
    }
    let upper = letters.to_ascii_uppercase();
    if matches!(upper.as_str(), "SA" | "SD" | "SS") {
        return None;
    }
    let yearly = matches!(four.get(..2), Some("19" | "20"));
    if yearly && letters != upper && UNITS.binary_search(&upper.as_str()).is_ok() {
        return None;
    }
    let mut reasons = vec![shape(letters, gap, &upper)];
    let before = house_before(scan, i, group.start);
    let after = house_after(scan, end);
    if before.is_some() || after.is_some() {
        reasons.push(because("house number beside it", 25));
    }
    if place_follows(scan, end) {
        reasons.push(because("a place name follows", 15));
    }
    // `In 2015 AZ verslaan`: a year before a word in capitals.
    let opens_line = scan.byte_before(group.start).is_none_or(|b| b == b'\n');
    let address_line = opens_line && letters == upper && place_follows(scan, end);
    if yearly && before.is_none() && after.is_none() && !address_line {
        reasons.push(because("may be a year", -20));
    }
    if scan.came_on(group.start) {
        reasons.push(because("part of a longer number", -30));
    }
    let (start, stop) = (before.unwrap_or(group.start), after.unwrap_or(end));
    let house = format!("{} {}", scan.slice(start, group.start), scan.slice(end, stop));
    let house: String = house.chars().filter(|c| c.is_alphanumeric() || *c == '-').collect();
    let canonical = Secret::new(&format!("{four}{upper} {}", house.to_lowercase()));
    Some(Candidate { kind: Kind::Postcode, start, end: stop, canonical, reasons, judged: false })
}

fn shape(letters: &str, gap: usize, upper: &str) -> Reason {
    let is_upper = letters == upper;
    if UNITS.binary_search(&upper).is_ok() {
        because("four digits and two letters that are often a word or unit", if is_upper { 30 } else { 0 })
    } else if is_upper {
        because("four digits and two capitals", if gap < 2 { 50 } else { 40 })
    } else {
        because("four digits and two letters", if gap == 0 { 35 } else { 25 })
    }
}

/// Where the house number starts that ends right before the postcode: `Dorpsstraat 12a, 1234 AB`.
fn house_before(scan: &Scan<'_>, i: usize, postcode: usize) -> Option<usize> {
    let number = *scan.groups().get(i.checked_sub(1)?)?;
    let between = scan.slice(number.end, postcode);
    let addition = between.trim_end_matches([' ', ',', '\n', '\r', ';']);
    let separators = between.len().saturating_sub(addition.len());
    let short =
        addition.len() <= 7 && addition.chars().all(|c| c.is_alphanumeric() || matches!(c, ' ' | '-'));
    if number.len() > 5 || separators == 0 || separators > 3 || !short {
        return None;
    }
    // In `12-3` the group is the addition of the number before it.
    let start = if matches!(scan.byte_before(number.start), Some(b'-' | b'/')) {
        let base = *scan.groups().get(i.checked_sub(2)?)?;
        if base.end.saturating_add(1) != number.start || base.len() > 5 {
            return None;
        }
        base.start
    } else {
        number.start
    };
    // A street precedes: a letter (or the point of an abbreviation), then a space.
    let street = scan.slice(0, start).strip_suffix(' ')?;
    street.ends_with(|c: char| c.is_alphabetic() || c == '.').then_some(start)
}

/// Where the house number ends that begins right after the postcode: `1234 AB 12-3`, `1234AB, huisnummer 12`.
fn house_after(scan: &Scan<'_>, end: usize) -> Option<usize> {
    let rest = scan.text.get(end..)?;
    let trimmed = rest.trim_start_matches([' ', ',', '/']);
    let skipped = rest.len().saturating_sub(trimmed.len());
    if skipped == 0 || skipped > 3 {
        return None;
    }
    let word = ["huisnummer ", "huisnr. ", "huisnr ", "nummer ", "nr. ", "nr "]
        .iter()
        .find(|w| trimmed.starts_with(**w));
    let number = word.and_then(|w| trimmed.strip_prefix(w)).unwrap_or(trimmed);
    let digits = number.bytes().take_while(u8::is_ascii_digit).count();
    if !(1..=5).contains(&digits) {
        return None;
    }
    let tail = number.get(digits..)?;
    let addition = tail
        .bytes()
        .take(HOUSE_CHARS_MAX.saturating_sub(digits))
        .take_while(|&b| b.is_ascii_alphanumeric() || b == b'-')
        .count();
    let addition = tail.get(..addition)?.trim_end_matches('-').len();
    let kept = digits.saturating_add(addition);
    let lead = rest.len().saturating_sub(number.len());
    Some(end.saturating_add(lead).saturating_add(kept))
}

/// Whether a capitalised word follows: `1234 AB Utrecht`.
fn place_follows(scan: &Scan<'_>, end: usize) -> bool {
    let rest = scan.text.get(end..).unwrap_or_default();
    let word = rest.trim_start_matches([' ', ',', '\'', '\u{2019}', 's', '-']);
    word.len() < rest.len()
        && rest.len().saturating_sub(word.len()) <= 6
        && word.chars().next().is_some_and(char::is_uppercase)
        && word.chars().nth(1).is_some_and(char::is_lowercase)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{best, seen};
    use super::*;

    #[test]
    fn the_units_are_sorted_for_search() {
        assert!(UNITS.is_sorted());
    }

    #[test]
    fn the_house_number_goes_with_it() {
        for (text, want) in [
            ("Dorpsstraat 12a, 1234 AB Utrecht", "12a, 1234 AB"),
            ("Dorpsstraat 12-3, 1234AB Utrecht", "12-3, 1234AB"),
            ("Dorpsstraat 23 bis, 1234AB Utrecht", "23 bis, 1234AB"),
            ("postcode 1234AB, huisnummer 12", "1234AB, huisnummer 12"),
            ("1234 AB 12-b", "1234 AB 12-b"),
            ("postcode: 1234 ab", "1234 ab"),
            ("1234 AB Utrecht", "1234 AB"),
            ("5223 XZ 's-Hertogenbosch", "5223 XZ"),
        ] {
            assert_eq!(seen(Kind::Postcode, text), vec![want.to_owned()], "{text}");
        }
    }

    #[test]
    fn what_is_no_postcode() {
        for text in [
            "0123 AB",
            "1234 SS Utrecht",
            "12345 AB",
            "1234 ABC",
            "in 2024 de Staat",
            "2000 MB geheugen",
            "1500 KM",
            "x1234 AB",
            "sinds 2019 is er",
        ] {
            assert!(best(Kind::Postcode, text) < 60, "{text}");
        }
    }
}
