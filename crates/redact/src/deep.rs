//! What a text says once it is decoded: entities, percent signs, escapes, numbers in words, digits set apart.
//!
//! Whole texts are read a second time with these changes made; a stream of output is not, since one change may depend on
//! much text. Each thing is decoded once.

use zeroize::Zeroizing;

use crate::recognizers::Scan;
use crate::spelled::numerals;
use crate::view::{Edit, fold_into};

/// Fewest characters set apart, and fewest digits among them.
const SINGLES_MIN: usize = 5;
const SINGLE_DIGITS_MIN: usize = 3;
/// Characters set apart that may come before the first digit, and before an `@`.
const SINGLES_BEFORE_MAX: usize = 4;
const NAME_BEFORE_MAX: usize = 40;
/// Fewest characters of an address that is set apart.
const NAME_MEMBERS_MIN: usize = 6;
/// Longest number in which letters stand for digits, with its signs, and its letters and digits.
const LOOKALIKE_BYTES_MAX: usize = 20;
const LOOKALIKE_MEMBERS: std::ops::RangeInclusive<usize> = 8..=14;
/// Longest thing between brackets that may stand for a sign.
const SIGN_BYTES_MAX: usize = 16;

/// The changes to make to the text of `scan`, ascending and disjoint.
pub(crate) fn edits(scan: &Scan<'_>) -> Vec<Edit> {
    let mut edits = Vec::new();
    codes(scan, &mut edits);
    numerals(scan, &mut edits);
    singles(scan, &mut edits);
    letters_for_digits(scan, &mut edits);
    edits.sort_by_key(|edit| edit.start);
    let mut end = 0;
    edits.retain(|edit| {
        let free = edit.start >= end && edit.with.len() <= edit.end.saturating_sub(edit.start);
        if free {
            end = edit.end;
        }
        free
    });
    edits
}

pub(crate) fn edit(start: usize, end: usize, with: &str) -> Edit {
    Edit { start, end, with: Zeroizing::new(with.to_owned()) }
}

/// Entities, percent signs, escapes and bracketed signs.
fn codes(scan: &Scan<'_>, edits: &mut Vec<Edit>) {
    let text = scan.text;
    let mut done = 0;
    for &at in &scan.marks.codes {
        scan.step();
        let (Some(byte), Some(rest)) = (scan.byte(at), text.get(at..)) else { continue };
        if at < done {
            continue;
        }
        let found = match byte {
            b'%' => percent(rest),
            b'&' => entity(rest),
            b'\\' => escape(rest),
            _ => bracketed(rest).map(|(length, with)| (length, with.to_owned())),
        };
        let Some((length, with)) = found else { continue };
        let mut end = at.saturating_add(length);
        let mut start = at;
        if matches!(byte, b'(' | b'[' | b'{' | b'<') {
            // `jan (at) ziggo`: the spaces belong to the sign.
            let space = |i: usize| text.as_bytes().get(i) == Some(&b' ');
            start = if at.checked_sub(1).is_some_and(space) { at.saturating_sub(1) } else { at };
            end = if space(end) { end.saturating_add(1) } else { end };
        }
        done = end;
        edits.push(edit(start, end, &with));
    }
}

fn hex(text: &str, from: usize, digits: usize) -> Option<u32> {
    let part = text.get(from..from.checked_add(digits)?)?;
    part.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u32::from_str_radix(part, 16).ok())?
}

/// The character of a code, as the view has it; controls other than white space stay as they are.
fn shown(code: u32) -> Option<String> {
    let c = char::from_u32(code).filter(|c| !c.is_control() || matches!(c, '\n' | '\t' | '\r'))?;
    let mut out = String::new();
    fold_into(c, &mut out);
    Some(out)
}

/// `%31`, or the two to four bytes of one character.
fn percent(rest: &str) -> Option<(usize, String)> {
    let first = hex(rest, 1, 2)?;
    let length = match first {
        0..=0x7F => 1,
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => return None,
    };
    let mut bytes = Vec::with_capacity(length);
    for n in 0..length {
        let at = n.saturating_mul(3);
        if rest.as_bytes().get(at) != Some(&b'%') {
            return None;
        }
        bytes.push(u8::try_from(hex(rest, at.saturating_add(1), 2)?).ok()?);
    }
    let c = std::str::from_utf8(&bytes).ok()?.chars().next()?;
    Some((length.saturating_mul(3), shown(u32::from(c))?))
}

/// `&#49;`, `&#x31;`, and the named ones that occur in addresses and numbers.
fn entity(rest: &str) -> Option<(usize, String)> {
    const NAMED: &[(&str, &str)] = &[
        ("nbsp", " "),
        ("amp", "&"),
        ("commat", "@"),
        ("period", "."),
        ("hyphen", "-"),
        ("dash", "-"),
        ("minus", "-"),
        ("sol", "/"),
        ("colon", ":"),
        ("lowbar", "_"),
        ("plus", "+"),
        ("lpar", "("),
        ("rpar", ")"),
        ("num", "#"),
        ("shy", ""),
        ("zwnj", ""),
        ("zwj", ""),
        ("ensp", " "),
        ("emsp", " "),
        ("thinsp", " "),
        ("quot", "\""),
        ("apos", "'"),
        ("lt", "<"),
        ("gt", ">"),
        ("comma", ","),
        ("ndash", "-"),
        ("mdash", "-"),
        ("eacute", "é"),
        ("euml", "ë"),
        ("iuml", "ï"),
        ("ouml", "ö"),
        ("uuml", "ü"),
        ("egrave", "è"),
    ];
    let body = rest.get(1..)?;
    let code = body.strip_prefix('#');
    if let Some(code) = code {
        let (radix, digits) = match code.strip_prefix(['x', 'X']) {
            Some(digits) => (16, digits),
            None => (10, code),
        };
        let length = digits.bytes().take(7).take_while(|b| char::from(*b).is_digit(radix)).count();
        let value = u32::from_str_radix(digits.get(..length)?, radix).ok()?;
        let semicolon = usize::from(digits.as_bytes().get(length) == Some(&b';'));
        let lead = rest.len().saturating_sub(digits.len());
        return Some((lead.saturating_add(length).saturating_add(semicolon), shown(value)?));
    }
    let length = body.bytes().take(8).take_while(u8::is_ascii_alphabetic).count();
    let name = body.get(..length)?;
    let with = NAMED.iter().find(|(n, _)| *n == name)?.1;
    (body.as_bytes().get(length) == Some(&b';')).then(|| (length.saturating_add(2), with.to_owned()))
}

/// `\u0031`, `\u{31}`, `\x31`.
fn escape(rest: &str) -> Option<(usize, String)> {
    match rest.as_bytes().get(1)? {
        b'u' if rest.as_bytes().get(2) == Some(&b'{') => {
            let length = rest.bytes().skip(3).take(6).take_while(u8::is_ascii_hexdigit).count();
            let closed = rest.as_bytes().get(length.saturating_add(3)) == Some(&b'}');
            let code = hex(rest, 3, length).filter(|_| closed && length > 0)?;
            Some((length.saturating_add(4), shown(code)?))
        }
        b'u' => Some((6, shown(hex(rest, 2, 4)?)?)),
        b'x' => Some((4, shown(hex(rest, 2, 2)?)?)),
        _ => None,
    }
}

/// `(at)`, `[apenstaartje]`, `{punt}`.
fn bracketed(rest: &str) -> Option<(usize, &'static str)> {
    let open = rest.as_bytes().first()?;
    let close = match open {
        b'(' => ')',
        b'[' => ']',
        b'{' => '}',
        _ => '>',
    };
    let end = rest.bytes().take(SIGN_BYTES_MAX).position(|b| char::from(b) == close)?;
    let word = rest.get(1..end)?.trim_matches(' ').to_ascii_lowercase();
    let sign = match word.as_str() {
        "at" | "apenstaart" | "apenstaartje" | "@" | "ad" => "@",
        "dot" | "punt" | "." => ".",
        "streepje" | "-" => "-",
        _ => return None,
    };
    Some((end.saturating_add(1), sign))
}

/// `0 6 - 1 2 3 4`: characters set apart by single spaces close up; wider spaces become one.
fn singles(scan: &Scan<'_>, edits: &mut Vec<Edit>) {
    let digits = scan.groups().iter().filter(|g| g.len() == 1).map(|g| (g.start, SINGLES_BEFORE_MAX));
    let signs = scan.marks.ats.iter().map(|&at| (at, NAME_BEFORE_MAX));
    let mut anchors: Vec<(usize, usize)> = digits.chain(signs).collect();
    anchors.sort_unstable();
    let mut done = 0;
    for (anchor, before_max) in anchors {
        scan.step();
        if anchor < done {
            continue;
        }
        // Letters and signs set apart before it belong to the row: `N L 9 1`, `j a n @`.
        let mut start = anchor;
        for _ in 0..before_max {
            match apart_before(scan, start) {
                Some(before) if before >= done => start = before,
                _ => break,
            }
        }
        if !is_apart(scan, start) {
            continue;
        }
        let mut members = vec![start];
        let mut at = start;
        while let Some(next) = apart_after(scan, at) {
            scan.step();
            members.push(next);
            at = next;
        }
        done = at.saturating_add(1);
        if !is_row(scan, &members) {
            continue;
        }
        for pair in members.windows(2) {
            let [one, two] = pair else { continue };
            let from = one.saturating_add(1);
            edits.push(edit(from, *two, if two.saturating_sub(from) > 1 { " " } else { "" }));
        }
    }
}

/// Whether characters set apart are a number or an address, rather than a row of letters.
fn is_row(scan: &Scan<'_>, members: &[usize]) -> bool {
    let of = |f: fn(&u8) -> bool| members.iter().filter(|&&m| scan.byte(m).as_ref().is_some_and(f)).count();
    let address = of(|b| *b == b'@') == 1 && members.len() >= NAME_MEMBERS_MIN;
    members.len() >= SINGLES_MIN && (of(u8::is_ascii_digit) >= SINGLE_DIGITS_MIN || address)
}

/// `O612345678`, `O6 4722 1183`, `l4-O2-195l`: letters that look like digits, in a number that is digits but for them.
fn letters_for_digits(scan: &Scan<'_>, edits: &mut Vec<Edit>) {
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
        let start = group.start.saturating_sub(lookalikes(head.iter().rev()));
        let end = group.end.saturating_add(lookalikes(tail.iter()));
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

/// Whether nothing but a space, a mark or an end stands before the character at `at`.
fn is_apart(scan: &Scan<'_>, at: usize) -> bool {
    scan.byte_before(at).is_none_or(|b| b.is_ascii() && !b.is_ascii_alphanumeric())
}

/// What stands between characters that are set apart, besides a space.
const fn is_sign(byte: u8) -> bool {
    matches!(byte, b'-' | b'_' | b'.' | b'/' | b'|' | b'*' | b'~')
}

/// The one character before `at` and a space.
fn apart_before(scan: &Scan<'_>, at: usize) -> Option<usize> {
    let before = at.checked_sub(2)?;
    let between = scan.byte_before(at)?;
    let single = match between {
        b' ' => scan.byte(before)?.is_ascii_graphic(),
        _ => is_sign(between) && scan.byte(before)?.is_ascii_alphanumeric(),
    };
    (single && scan.byte_before(before).is_none_or(|b| b == b' ' || is_sign(b))).then_some(before)
}

/// The one character after `at` and one to three spaces.
fn apart_after(scan: &Scan<'_>, at: usize) -> Option<usize> {
    let sign = at.saturating_add(1);
    if scan.byte(sign).is_some_and(is_sign) {
        let next = sign.saturating_add(1);
        let alone = |b: u8| b.is_ascii() && !b.is_ascii_alphanumeric();
        let single =
            scan.byte(next)?.is_ascii_alphanumeric() && scan.byte(sign.saturating_add(2)).is_none_or(alone);
        return single.then_some(next);
    }
    let spaces = (1..=3).take_while(|n| scan.byte(at.saturating_add(*n)) == Some(b' ')).count();
    let next = at.saturating_add(spaces).saturating_add(1);
    let byte = scan.byte(next).filter(|b| spaces > 0 && b.is_ascii_graphic())?;
    let after = scan.byte(next.saturating_add(1));
    let alone = if byte.is_ascii_alphanumeric() {
        after.is_none_or(|b| b.is_ascii() && !b.is_ascii_alphanumeric())
    } else {
        after == Some(b' ')
    };
    alone.then_some(next)
}

#[cfg(test)]
mod tests {
    use super::super::recognizers::tests::all_found;
    use crate::Kind;

    #[test]
    fn what_is_decoded_is_found_and_cut_whole() {
        for (kind, text, want) in [
            (
                Kind::Phone,
                "bel nul zes een twee drie vier vijf zes zeven acht nu",
                "nul zes een twee drie vier vijf zes zeven acht",
            ),
            (
                Kind::Phone,
                "nul zes, twaalf vierendertig zesenvijftig achtenzeventig.",
                "nul zes, twaalf vierendertig zesenvijftig achtenzeventig",
            ),
            (Kind::Bsn, "BSN &#49;&#x31;&#49;222333.", "&#49;&#x31;&#49;222333"),
            (Kind::Bsn, "bsn=%31%31%31222333&x", "%31%31%31222333"),
            (Kind::Bsn, "BSN \\u0031\\x31\\u{31}222333", "\\u0031\\x31\\u{31}222333"),
            (Kind::Email, "mail jan&commat;ziggo&period;nl", "jan&commat;ziggo&period;nl"),
            (Kind::Email, "jan%40ziggo.nl", "jan%40ziggo.nl"),
            (Kind::Email, "jan (at) ziggo (punt) nl,", "jan (at) ziggo (punt) nl"),
            (Kind::Email, "piet apenstaartje ziggo punt nl graag", "piet apenstaartje ziggo punt nl"),
            (
                Kind::Card,
                "kaart 4 1 1 1   1 1 1 1   1 1 1 1   1 1 1 1 op",
                "4 1 1 1   1 1 1 1   1 1 1 1   1 1 1 1",
            ),
            (Kind::BirthDate, "geboren 1 6 - 0 7 - 1 9 8 2 te Ede", "1 6 - 0 7 - 1 9 8 2"),
            (Kind::Phone, "bel nul zes 12 34 56 78", "nul zes 12 34 56 78"),
            (
                Kind::Phone,
                "nul six one two three four five six seven eight",
                "nul six one two three four five six seven eight",
            ),
            (Kind::Email, "j.d.vries at ziggo dot nl", "j.d.vries at ziggo dot nl"),
            (Kind::Email, "aan j a n @ z i g g o . n l", "j a n @ z i g g o . n l"),
            (Kind::Bsn, "BSN l11222333", "l11222333"),
            (Kind::Phone, "tel O6 1234 567B. nee: O6 12 34 56 78", "O6 12 34 56 78"),
            (Kind::BirthDate, "geboren O3-O4-195l te", "O3-O4-195l"),
            (Kind::Bsn, "bsn 1_1-1_2-2_2-3_3-3", "1_1-1_2-2_2-3_3-3"),
            (
                Kind::Bsn,
                "een een een twee twee twee drie drie drie",
                "een een een twee twee twee drie drie drie",
            ),
            (Kind::Iban, "N L 9 1 A B N A 0 4 1 7 1 6 4 3 0 0", "N L 9 1 A B N A 0 4 1 7 1 6 4 3 0 0"),
        ] {
            assert_eq!(all_found(text), vec![(kind, want.to_owned())], "{text}");
        }
    }

    #[test]
    fn plain_text_is_left_as_it_is() {
        for text in [
            "een twee drie vier, hoedje van papier",
            "hij at een punt taart",
            "1 2 3 een 4",
            "5% van 100%20",
            "R&D en A&B",
            "a b c d e",
            "C:\\users\\x",
            "(zie bijlage) [1] 2 3",
        ] {
            assert_eq!(all_found(text), vec![], "{text}");
        }
    }
}
