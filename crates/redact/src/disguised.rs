//! Letters that stand for digits, digits and signs that stand for letters, and signs that stand for others.

use crate::deep::edit;
use crate::recognizers::Scan;
use crate::view::Edit;

/// Longest number in which letters stand for digits, with its signs, and its letters and digits.
const LOOKALIKE_BYTES_MAX: usize = 20;
const LOOKALIKE_MEMBERS: std::ops::RangeInclusive<usize> = 8..=14;
/// Longest word in which digits stand for letters, and fewest letters that it has.
const WORD_CHARS_MAX: usize = 24;
const WORD_LETTERS_MIN: usize = 3;

/// `O612345678`, `O6 4722 1183`, `l4-O2-195l`: letters that look like digits, in a number that is digits but for them.
pub(crate) fn digits(scan: &Scan<'_>, edits: &mut Vec<Edit>) {
    let mut done = 0;
    for group in scan.groups() {
        scan.step();
        let letter = |at: Option<u8>| at.is_some_and(|b| digit_like(b).is_some());
        if group.start < done || !letter(scan.byte_before(group.start)) && !letter(scan.byte(group.end)) {
            continue;
        }
        let bytes = scan.text.as_bytes();
        let head =
            bytes.get(group.start.saturating_sub(LOOKALIKE_BYTES_MAX)..group.start).unwrap_or_default();
        let stop = group.end.saturating_add(LOOKALIKE_BYTES_MAX).min(bytes.len());
        let tail = bytes.get(group.end..stop).unwrap_or_default();
        let mut start = group.start.saturating_sub(lookalikes(head.iter().rev()));
        let mut end = group.end.saturating_add(lookalikes(tail.iter()));
        // The last letters of the word before are not the number's: `tel O6`.
        if scan.attached_before(start) {
            let word = scan.slice(start, group.start);
            let own = word.find(|c: char| !c.is_ascii_alphanumeric());
            start = own.map_or(start, |at| start.saturating_add(at).saturating_add(1));
        }
        if scan.attached_after(end) {
            let word = scan.slice(group.end, end);
            end = word
                .rfind(|c: char| !c.is_ascii_alphanumeric())
                .map_or(end, |at| group.end.saturating_add(at));
        }
        done = end;
        let text = scan.slice(start, end);
        let letters = text.bytes().filter(u8::is_ascii_alphabetic).count();
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        // A word of letters alone is a word, or a Roman number.
        let mut parts = text.split(|c: char| !c.is_ascii_alphanumeric());
        let mixed = parts.all(|part| part.bytes().any(|b| b.is_ascii_digit()));
        let members = letters.saturating_add(digits);
        if !mixed
            || letters > digits.min(5)
            || !LOOKALIKE_MEMBERS.contains(&members)
            || scan.attached_before(start)
            || scan.attached_after(end)
        {
            continue;
        }
        for (at, byte) in text.bytes().enumerate() {
            if let Some(with) = digit_like(byte) {
                let start = start.saturating_add(at);
                edits.push(edit(start, start.saturating_add(1), with));
            }
        }
    }
}

/// The digit that a letter looks like.
const fn digit_like(byte: u8) -> Option<&'static str> {
    match byte {
        b'O' | b'o' => Some("0"),
        b'l' | b'I' => Some("1"),
        _ => None,
    }
}

/// How many bytes are digits, letters like them, and single signs between those; none of the signs is the last.
fn lookalikes<'b>(bytes: impl Iterator<Item = &'b u8>) -> usize {
    let (mut length, mut sign) = (0_usize, false);
    for (n, &byte) in bytes.enumerate() {
        if byte.is_ascii_digit() || digit_like(byte).is_some() {
            length = n.saturating_add(1);
            sign = false;
        } else if matches!(byte, b' ' | b'-' | b'.' | b'/' | b'~' | b'=') && !sign {
            sign = true;
        } else {
            break;
        }
    }
    length
}

/// `k3v1n`, `P@trick`, `H3lm0nd`: digits and signs between the letters of a word that look like letters.
pub(crate) fn words(scan: &Scan<'_>, edits: &mut Vec<Edit>) {
    let bytes = scan.text.as_bytes();
    let letter = |at: Option<usize>| {
        at.and_then(|i| bytes.get(i)).is_some_and(|b| b.is_ascii_alphabetic() || !b.is_ascii())
    };
    let beside = |start: usize, end: usize| letter(start.checked_sub(1)) || letter(Some(end));
    let groups = scan.groups().iter().filter(|g| g.len() <= 3).map(|g| (g.start, g.end));
    let signs =
        scan.marks.ats.iter().chain(scan.marks.codes.iter().filter(|&&at| bytes.get(at) == Some(&b'$')));
    let mut anchors: Vec<(usize, usize)> = groups
        .chain(signs.map(|&at| (at, at.saturating_add(1))))
        .filter(|&(start, end)| beside(start, end))
        .collect();
    anchors.sort_unstable();
    let mut done = 0;
    for (start, end) in anchors {
        scan.step();
        if start < done {
            continue;
        }
        let head = scan.text.get(done..start).unwrap_or_default().chars().rev().take(WORD_CHARS_MAX);
        let back: usize = head.take_while(|c| is_part(*c)).map(char::len_utf8).sum();
        let tail = scan.text.get(end..).unwrap_or_default().chars().take(WORD_CHARS_MAX);
        let forth: usize = tail.take_while(|c| is_part(*c)).map(char::len_utf8).sum();
        let (from, to) = (start.saturating_sub(back), end.saturating_add(forth));
        done = to;
        if is_disguised(scan, from, to) {
            reveal(scan, from, to, edits);
        }
    }
}

/// A letter, or what may stand for one.
fn is_part(c: char) -> bool {
    c.is_alphabetic() || sign_like(c).is_some() || u8::try_from(c).is_ok_and(|b| letter_like(b).is_some())
}

/// The letter that a digit looks like.
pub(crate) const fn letter_like(byte: u8) -> Option<&'static str> {
    match byte {
        b'0' => Some("o"),
        b'1' => Some("i"),
        b'3' => Some("e"),
        b'4' => Some("a"),
        b'5' => Some("s"),
        b'7' => Some("t"),
        b'8' => Some("b"),
        _ => None,
    }
}

/// The letter that a sign looks like.
const fn sign_like(c: char) -> Option<&'static str> {
    match c {
        '@' => Some("a"),
        '$' => Some("s"),
        '€' => Some("e"),
        '¥' => Some("y"),
        '†' => Some("t"),
        _ => None,
    }
}

/// Whether `from..to` is a word with other signs among its letters: not a code, an address or a handle.
fn is_disguised(scan: &Scan<'_>, from: usize, to: usize) -> bool {
    let word = scan.slice(from, to);
    let letters = word.chars().filter(|c| c.is_alphabetic()).count();
    let others = word.chars().count().saturating_sub(letters);
    let bare = word.trim_matches(|c: char| !c.is_alphabetic());
    let inside = bare.chars().any(|c| !c.is_alphabetic());
    let signed = word.chars().any(|c| sign_like(c).is_some());
    // `jan@ziggo.nl`.
    let address =
        word.contains('@') && scan.byte(to) == Some(b'.') && scan.attached_after(to.saturating_add(1));
    // `A@Kerkstraat`: a capital amid small letters begins a word of its own.
    let small = word.chars().any(char::is_lowercase);
    let mut pairs = word.chars().zip(word.chars().skip(1));
    let joined = small && pairs.any(|(c, next)| !c.is_alphabetic() && next.is_uppercase());
    letters >= WORD_LETTERS_MIN
        && !joined
        && others <= letters.saturating_add(1)
        && (inside || signed && !word.starts_with('@'))
        && !address
        && !matches!(scan.byte_before(from), Some(b'.' | b'@' | b'/' | b'\\' | b'_'))
        && !scan.attached_before(from)
        && !scan.attached_after(to)
}

fn reveal(scan: &Scan<'_>, from: usize, to: usize, edits: &mut Vec<Edit>) {
    let word = scan.slice(from, to);
    let upper = !word.chars().any(char::is_lowercase);
    let vowel = |c: Option<char>| {
        c.is_some_and(|c| {
            matches!(c.to_ascii_lowercase(), 'a' | 'e' | 'i' | 'o' | 'u' | 'y' | '3' | '0' | '4')
        })
    };
    let mut before = None;
    let mut chars = word.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let after = chars.peek().map(|&(_, c)| c);
        let letter = match u8::try_from(c).ok().and_then(letter_like) {
            // Between vowels it is a consonant.
            Some("i") if vowel(before) && vowel(after) => Some("l"),
            Some(letter) => Some(letter),
            None => sign_like(c),
        };
        if let Some(letter) = letter {
            let start = from.saturating_add(at);
            let letter = if upper { letter.to_ascii_uppercase() } else { letter.to_owned() };
            edits.push(edit(start, start.saturating_add(c.len_utf8()), &letter));
        }
        before = Some(c);
    }
}

/// `62I1`, `2l`: letters that look like digits in a short word of digits, as scanners read postcodes and house numbers.
pub(crate) fn short_numbers(scan: &Scan<'_>, edits: &mut Vec<Edit>) {
    let mut done = 0;
    for group in scan.groups().iter().filter(|g| g.len() <= 4) {
        scan.step();
        let letter = |at: Option<u8>| at.is_some_and(|b| digit_like(b).is_some());
        if group.start < done || !letter(scan.byte_before(group.start)) && !letter(scan.byte(group.end)) {
            continue;
        }
        let word = scan.word_around(group.start, group.end, SHORT_BYTES_MAX);
        done = word.end;
        let text = scan.slice(word.start, word.end);
        if word.len() <= SHORT_BYTES_MAX
            && text.bytes().all(|b| b.is_ascii_digit() || digit_like(b).is_some())
            && !scan.attached_before(word.start)
            && !scan.attached_after(word.end)
        {
            for (at, byte) in text.bytes().enumerate() {
                if let Some(with) = digit_like(byte) {
                    let start = word.start.saturating_add(at);
                    edits.push(edit(start, start.saturating_add(1), with));
                }
            }
        }
    }
}

/// Most letters and digits of a short word.
const SHORT_BYTES_MAX: usize = 7;

#[cfg(test)]
mod tests {
    use super::super::recognizers::tests::{all_found, named};
    use crate::Kind;

    #[test]
    fn words_with_other_signs_for_letters() {
        for (kind, text, want) in [
            (Kind::Person, "Mevrouw W1llem1jn D3kker heeft gebeld.", "W1llem1jn D3kker"),
            (Kind::Person, "Meneer P@tr1ck Dekker heeft gebeld.", "P@tr1ck Dekker"),
            (Kind::Health, "Mevrouw Dekker heeft k@nker.", "heeft k@nker"),
        ] {
            let found = named(text);
            assert!(found.iter().any(|f| f.0 == kind && f.1.ends_with(want)), "{text}: {found:?}");
        }
        for text in ["de A4tjes en de W3C", "MP3 of H264", "het COVID19-loket", "Office365 en win32"] {
            assert_eq!(named(text), vec![], "{text}");
        }
    }

    #[test]
    fn letters_read_for_digits() {
        for (kind, text, want) in [
            (Kind::Postcode, "Lindenlaan 8, 73I4 KX Ede", "8, 73I4 KX"),
            (Kind::Phone, "mobiel O6-2l43 65O7.", "O6-2l43 65O7"),
            (Kind::Phone, "mijn tel O6~2143~6587", "O6~2143~6587"),
        ] {
            let found = all_found(text);
            assert!(found.iter().any(|f| f.0 == kind && f.1.ends_with(want)), "{text}: {found:?}");
        }
    }
}
