//! Street and house number.

use super::street_words::{NO_STREET, OPENERS, PARTICLES, SMALL, STRONG, WEAK};
use super::{Candidate, Group, Recognizer, Scan, because};
use crate::Kind;
use crate::finding::Reason;
use crate::vault::Secret;

/// Words of a street name at most, and their bytes.
const WORDS_MAX: usize = 6;
const NAME_BYTES_MAX: usize = 64;
/// The shortest street that is believed without a capital.
const SMALL_STREET_BYTES_MIN: usize = 6;

/// Finds streets with a house number: by the street's ending, a postcode after it, or words before it.
pub(crate) struct Address;

impl Recognizer for Address {
    fn kinds(&self) -> Vec<Kind> {
        vec![Kind::Address]
    }

    fn version(&self) -> u32 {
        2
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
    let number = scan.slice(group.start, group.end);
    if number.len() > 5 || number.starts_with('0') || scan.byte_before(group.start) != Some(b' ') {
        return None;
    }
    let (street_start, word) = street_before(scan, i, group.start)?;
    let capital = word.chars().any(|c| c.is_uppercase() || c.is_ascii_digit());
    // Most numbers follow a small word: that is no street.
    if !capital && word.len() < SMALL_STREET_BYTES_MIN {
        return None;
    }
    let lower = word.to_lowercase();
    if NO_STREET.contains(&lower.as_str()) {
        return None;
    }
    let end = house_end(scan, group);
    let ending =
        |list: &[&str]| list.iter().any(|s| lower.ends_with(s) && lower.len() > s.len().saturating_add(1));
    let strong = ending(STRONG);
    let as_streets = strong || ending(WEAK);
    if !capital && !as_streets {
        return None;
    }
    let street_start = run_start(scan.text, street_start);
    let postcode = postcode_after(scan, end);
    let reason: Reason = if postcode && (capital || as_streets) {
        because("a number and a postcode after it", 70)
    } else if capital && (strong || is_street(word) || opens_as_street(scan.slice(street_start, group.start)))
    {
        because("ends as streets do, with a number", 62)
    } else if capital && as_streets && number.len() <= 4 && place_after(scan, end) {
        because("may end as streets do, with a number and a place", 62)
    } else if !capital && ending(SMALL) && number.len() <= 3 {
        because("ends as streets do, in small letters, with a number", 60)
    } else {
        let points = scan.around(street_start, end).points(Kind::Address);
        if points <= 0 || number.len() > 4 {
            return None;
        }
        match (as_streets, capital) {
            (true, _) => because("may end as streets do, with a number", 30),
            (false, true) => because("a name and a number", 30),
            (false, false) => return None,
        }
    };
    let mut reasons = vec![reason];
    if scan.goes_on(end)
        || scan
            .text
            .get(end..)
            .is_some_and(|t| t.starts_with('%') || t.starts_with(" %") || t.starts_with(" euro"))
    {
        reasons.push(because("part of a longer number", -40));
    }
    let canonical: String = scan.slice(street_start, end).chars().filter(|c| c.is_alphanumeric()).collect();
    let canonical = Secret::new(&canonical.to_lowercase());
    Some(Candidate { kind: Kind::Address, start: street_start, end, canonical, reasons, judged: false })
}

/// Whether a word with a capital stands after a comma or on the next line: `Noordeinde 21, Ede`.
fn place_after(scan: &Scan<'_>, end: usize) -> bool {
    let rest = scan.text.get(end..).unwrap_or_default();
    let after =
        rest.strip_prefix(", ").or_else(|| rest.strip_prefix('\n')).or_else(|| rest.strip_prefix(" te "));
    let word =
        after.unwrap_or_default().split(|c: char| !c.is_alphabetic() && !matches!(c, '-' | '\'')).next();
    let word = word.unwrap_or_default().trim_start_matches("'s-").trim_start_matches("'t ");
    word.len() >= 3 && word.starts_with(char::is_uppercase) && word.chars().skip(1).any(char::is_lowercase)
}

/// Whether a word ends as streets do, and few others.
pub(crate) fn is_street_word(word: &str) -> bool {
    let lower = word.to_lowercase();
    let ends = |list: &[&str]| {
        list.iter().any(|end| lower.ends_with(end) && lower.len() > end.len().saturating_add(1))
    };
    (ends(STRONG) || ends(WEAK) && word.starts_with(char::is_uppercase))
        && !NO_STREET.contains(&lower.as_str())
}

/// `Laan`, in `Laan van Meerdervoort` or alone.
fn is_street(word: &str) -> bool {
    STRONG.contains(&word.to_lowercase().as_str())
}

fn opens_as_street(name: &str) -> bool {
    name.split(' ').next().is_some_and(|first| first.starts_with(char::is_uppercase) && is_street(first))
}

/// At most the last bytes before `at`, on a character boundary.
fn tail(text: &str, at: usize) -> &str {
    let from = text.ceil_char_boundary(at.saturating_sub(NAME_BYTES_MAX + 16));
    text.get(from..at).unwrap_or_default()
}

/// Where the street's name before the number begins, and its last word.
fn street_before<'v>(scan: &Scan<'v>, i: usize, number: usize) -> Option<(usize, &'v str)> {
    let gap = number.checked_sub(1)?;
    let (mut start, mut word) = word_before(scan.text, gap)?;
    // `Dorpsstraat nr. 12`.
    if matches!(word, "nr." | "nr" | "nummer" | "no." | "huisnummer" | "huisnr.") {
        (start, word) = word_before(scan.text, start.checked_sub(1)?)?;
    }
    // `Plein 1944 12`: a year belongs to the name.
    let previous = i.checked_sub(1).and_then(|p| scan.groups().get(p));
    if previous.is_some_and(|p| p.len() == 4 && p.start == start && p.end == gap) {
        (start, word) = word_before(scan.text, start.checked_sub(1)?)?;
    }
    let has_letters = word.chars().filter(|c| c.is_alphabetic()).count() >= 2;
    has_letters.then_some((start, word))
}

/// The word that ends at `end`, without marks around it; `None` when a line or sentence ends there.
fn word_before(text: &str, end: usize) -> Option<(usize, &str)> {
    let head = tail(text, end);
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '-' | '\'' | '.');
    let length: usize = head.chars().rev().take_while(|&c| is_word(c)).map(char::len_utf8).sum();
    let start = end.checked_sub(length)?;
    let word = text.get(start..end)?;
    (!word.is_empty() && !word.starts_with(['-', '.'])).then_some((start, word))
}

/// Where what may be a street's name begins, if a house number stands at `number`.
pub(crate) fn street_start(text: &str, number: usize) -> usize {
    let word = number.checked_sub(1).and_then(|gap| word_before(text, gap));
    word.map_or(number, |(start, _)| run_start(text, start))
}

/// Where a run of capitalised and small linking words before `at` begins, with the word at `at` its last.
///
/// A stream is held back from here on, since a number may follow.
pub(crate) fn run_start(text: &str, at: usize) -> usize {
    let mut start = at;
    let mut next = at;
    for _ in 0..WORDS_MAX {
        let Some(end) = next.checked_sub(1) else { break };
        if text.as_bytes().get(end) != Some(&b' ') {
            break;
        }
        let Some((from, word)) = word_before(text, end) else { break };
        if word.ends_with('.') && word.len() > 4
            || at.saturating_sub(from) > NAME_BYTES_MAX
            || OPENERS.contains(&word)
        {
            break;
        }
        let ordinal =
            word.len() <= 4 && word.starts_with(|c: char| c.is_ascii_digit()) && word.ends_with('e');
        let capital = word.chars().find(|c| c.is_alphabetic()).is_some_and(char::is_uppercase);
        if capital || ordinal || matches!(word, "'t" | "'s") {
            start = from;
        } else if !PARTICLES.contains(&word) {
            break;
        }
        next = from;
    }
    start
}

/// Where a house number with its addition ends: `12a`, `12-3`, `12 bis`, `12 II`.
fn house_end(scan: &Scan<'_>, group: Group) -> usize {
    let rest = scan.slice(group.end, group.end.saturating_add(10).min(scan.text.len()));
    let rest = if rest.is_empty() { scan.text.get(group.end..).unwrap_or_default() } else { rest };
    // `423 - 1`.
    if let Some(after) = rest.strip_prefix(" - ") {
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        let alone = !after.get(digits..).is_some_and(|t| t.starts_with(char::is_alphanumeric));
        let length = if (1..=3).contains(&digits) && alone { digits.saturating_add(3) } else { 0 };
        return group.end.saturating_add(length);
    }
    if let Some(length) = part_of_house(scan.text.get(group.end..).unwrap_or_default()) {
        return group.end.saturating_add(length);
    }
    let (mark, after) = match rest.as_bytes().first() {
        Some(b'-' | b'/' | b' ') => (1, rest.get(1..).unwrap_or_default()),
        _ => (0, rest),
    };
    let length = after.bytes().take(9).take_while(u8::is_ascii_alphanumeric).count();
    let addition = after.get(..length).unwrap_or_default();
    let known = [
        "bis", "hs", "ter", "huis", "hoog", "boven", "bov", "zw", "zwart", "zwrt", "rd", "rood", "wit",
        "bel", "beneden", "bg", "kelder", "1hoog", "2hoog", "3hoog", "1R", "1L", "2R", "2L", "3R", "3L", "I",
        "II", "III", "IV",
    ];
    let follows = after.get(length..).and_then(|t| t.chars().next()).is_some_and(char::is_alphanumeric);
    let fits = !addition.is_empty()
        && !follows
        && match rest.as_bytes().first() {
            Some(b' ') => {
                known.contains(&addition)
                    || (addition.len() == 1
                        && addition.bytes().all(|b| b.is_ascii_alphabetic())
                        && !after.get(1..).is_some_and(|t| t.starts_with(' ')))
            }
            Some(b'-' | b'/') => addition.len() <= 4,
            _ => addition.len() <= 3,
        };
    if fits { group.end.saturating_add(mark).saturating_add(length) } else { group.end }
}

/// ` unit 14`, ` kamer 6`: how long a part of the house with its number is.
fn part_of_house(rest: &str) -> Option<usize> {
    const PARTS: &[&str] =
        &["unit", "kamer", "app.", "app", "appartement", "k.", "bus", "etage", "verdieping", "kmr"];
    let words = rest.strip_prefix(' ').or_else(|| rest.strip_prefix(", "))?;
    let lead = rest.len().saturating_sub(words.len());
    let part = PARTS.iter().find(|part| words.strip_prefix(**part).is_some_and(|r| r.starts_with(' ')))?;
    let number = words.get(part.len().saturating_add(1)..)?;
    let length = number.bytes().take(5).take_while(u8::is_ascii_alphanumeric).count();
    let numbered = number.bytes().take(length).any(|b| b.is_ascii_digit()) && length <= 4;
    numbered.then(|| lead.saturating_add(part.len()).saturating_add(1).saturating_add(length))
}

/// Whether a postcode stands right after.
fn postcode_after(scan: &Scan<'_>, end: usize) -> bool {
    let Some(rest) = scan.text.get(end..) else { return false };
    let trimmed = rest.trim_start_matches([' ', ',', ';', '\n', '\r']);
    let skipped = rest.len().saturating_sub(trimmed.len());
    let bytes = trimmed.as_bytes();
    let digits = bytes.iter().take(5).take_while(|b| b.is_ascii_digit()).count();
    let letters = bytes.get(4..).unwrap_or_default();
    let letters = if letters.first() == Some(&b' ') { letters.get(1..).unwrap_or_default() } else { letters };
    (1..=4).contains(&skipped)
        && digits == 4
        && bytes.first() != Some(&b'0')
        && letters.iter().take(3).take_while(|b| b.is_ascii_uppercase()).count() == 2
        && !letters.get(2).is_some_and(u8::is_ascii_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{all_found, found, seen};
    use super::*;

    #[test]
    fn streets_with_a_number() {
        for (text, want) in [
            ("ik woon op Nieuwe Binnenweg 185-2 in Ede", "Nieuwe Binnenweg 185-2"),
            ("wonende aan de Meent 433 bis te Ede", "Meent 433 bis"),
            ("woont aan de Burgemeester de Raadtsingel 252a te Almere", "Burgemeester de Raadtsingel 252a"),
            ("Adres: Plein 1944 202 bis", "Plein 1944 202 bis"),
            ("ik woon op 't Zand 101.", "'t Zand 101"),
            ("Laan van Meerdervoort 41, Den Haag", "Laan van Meerdervoort 41"),
            ("die gast van meidoornlaan 31", "meidoornlaan 31"),
            ("woon hoogstr 17 in", "hoogstr 17"),
            ("Klaas de Vries, Noordeinde 21, Ede", "Noordeinde 21"),
            ("naar Industrieweg 31 unit 14", "Industrieweg 31 unit 14"),
            ("Pijlslaan 7 rood", "Pijlslaan 7 rood"),
            ("hij zit in de Kerkstraat 12 vast", "Kerkstraat 12"),
            ("woonadres kerkstraat 12", "kerkstraat 12"),
            ("aan de Dorpsstraat nr. 12 te", "Dorpsstraat nr. 12"),
            ("'s-Gravenlandseweg 12", "'s-Gravenlandseweg 12"),
            ("Van Heuven Goedhartlaan 13D", "Van Heuven Goedhartlaan 13D"),
            ("Sint Jacobsstraat 423 - 1,", "Sint Jacobsstraat 423 - 1"),
            ("Jan Jansen, 2e Jan Steenstraat 5-hs, Amsterdam", "2e Jan Steenstraat 5-hs"),
        ] {
            assert_eq!(found(Kind::Address, text), vec![want.to_owned()], "{text}");
        }
        assert_eq!(seen(Kind::Address, "Molenpad 3, 1234 AB Ede"), vec!["Molenpad 3"]);
    }

    #[test]
    fn numbers_after_other_words() {
        for text in [
            "Artikel 12 van de wet",
            "In Januari 2024",
            "de snelweg 12 afgesloten",
            "Noordeinde 21 mensen",
            "Kamer 12",
            "Adres van Artikel 5",
            "de weg 3 km verder",
            "Tabel 3",
        ] {
            assert_eq!(all_found(text), vec![], "{text}");
        }
    }
}
