//! What a text says once it is decoded: entities, percent signs, escapes, numbers in words, digits set apart.
//!
//! Whole texts are read a second time with these changes made; a stream of output is not, since one change may depend on
//! much text. Each thing is decoded once.

use zeroize::Zeroizing;

use crate::recognizers::Scan;
use crate::spelled::numerals;
use crate::view::{Edit, fold_into};
use crate::{apart, disguised, parts};

/// Longest thing between brackets that may stand for a sign.
const SIGN_BYTES_MAX: usize = 16;

/// The changes to make to the text of `scan`, ascending and disjoint.
pub(crate) fn edits(scan: &Scan<'_>) -> Vec<Edit> {
    let mut edits = Vec::new();
    codes(scan, &mut edits);
    numerals(scan, &mut edits);
    apart::singles(scan, &mut edits);
    apart::letters(scan, &mut edits);
    apart::groups(scan, &mut edits);
    disguised::digits(scan, &mut edits);
    disguised::short_numbers(scan, &mut edits);
    disguised::words(scan, &mut edits);
    parts::joined(scan, &mut edits);
    broken_lines(scan, &mut edits);
    // Of changes that begin together the longest says most.
    edits.sort_by_key(|edit| (edit.start, std::cmp::Reverse(edit.end)));
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
            b'%' => percent(rest).map(|found| again(found, rest, "%", percent)),
            b'&' => entity(rest).map(|found| again(found, rest, "&", entity)),
            b'\\' => escape(rest),
            b'~' | b'#' => other_sign(scan, at, byte),
            b'-' => hyphen(scan, at),
            b'$' => None,
            _ => bracketed(rest)
                .map(|(length, with)| (length, with.to_owned()))
                .or_else(|| between(scan, at, rest)),
        };
        let Some((length, with)) = found else { continue };
        let mut end = at.saturating_add(length);
        let mut start = at;
        if matches!(byte, b'(' | b'[' | b'{' | b'<') && matches!(with.as_str(), "@" | "." | "-") {
            // `jan (at) ziggo`: the spaces belong to the sign.
            let space = |i: usize| text.as_bytes().get(i) == Some(&b' ');
            start = if at.checked_sub(1).is_some_and(space) { at.saturating_sub(1) } else { at };
            end = if space(end) { end.saturating_add(1) } else { end };
        }
        done = end;
        edits.push(edit(start, end, &with));
    }
}

/// `%2531`, `&amp;#49;`: what opens a code is itself encoded. Once more, and no further.
fn again(
    found: (usize, String),
    rest: &str,
    opens: &str,
    decode: fn(&str) -> Option<(usize, String)>,
) -> (usize, String) {
    if found.1 != opens {
        return found;
    }
    // The code after it, with the sign that opens it: at most so long.
    let tail = rest.get(found.0..).unwrap_or_default();
    let tail = tail.get(..tail.floor_char_boundary(12)).unwrap_or_default();
    match decode(&format!("{opens}{tail}")) {
        Some((length, with)) => (found.0.saturating_add(length).saturating_sub(opens.len()), with),
        None => found,
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

/// `S(t)een`, `[0][6]`, `12<b></b>34`: brackets around one character of a word, and tags inside one.
fn between(scan: &Scan<'_>, at: usize, rest: &str) -> Option<(usize, String)> {
    const TAGS: &[&str] =
        &["b", "i", "u", "s", "em", "strong", "span", "font", "wbr", "small", "sub", "sup", "br"];
    let bytes = rest.as_bytes();
    let open = *bytes.first()?;
    let close = match open {
        b'(' => b')',
        b'[' => b']',
        b'{' => b'}',
        _ => b'>',
    };
    let joined = |byte: Option<u8>, sign: u8| {
        byte.is_some_and(|b| b.is_ascii_alphanumeric() || b == sign || !b.is_ascii())
    };
    if open == b'<' {
        let end = bytes.iter().take(SIGN_BYTES_MAX).position(|b| *b == b'>')?;
        let name = rest.get(1..end)?.trim_matches('/');
        let inside =
            joined(scan.byte_before(at), b'>') && joined(bytes.get(end.saturating_add(1)).copied(), b'<');
        return (inside && TAGS.contains(&name)).then(|| (end.saturating_add(1), String::new()));
    }
    let (letter, after) = (*bytes.get(1)?, bytes.get(3).copied());
    let one = letter.is_ascii_alphanumeric() && bytes.get(2) == Some(&close);
    // A citation stands behind a word; a letter of one has some on both sides.
    let row = scan.byte_before(at) == Some(close) || after == Some(open);
    let inside = joined(scan.byte_before(at), close) && joined(after, open);
    (one && (row || inside)).then(|| (3, char::from(letter).to_string()))
}

/// `Mar-\ngriet`: a word that goes on in the next line.
fn hyphen(scan: &Scan<'_>, at: usize) -> Option<(usize, String)> {
    let small = |byte: Option<u8>| byte.is_some_and(|b| b.is_ascii_lowercase());
    (small(scan.byte_before(at)) && small(scan.byte(at.saturating_add(2)))).then(|| (2, String::new()))
}

/// `jan#ziggo.nl` and `O6~1234`: a sign in the place of an `@`, or of a space.
fn other_sign(scan: &Scan<'_>, at: usize, sign: u8) -> Option<(usize, String)> {
    let beside = |byte: Option<u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || !b.is_ascii());
    let next = at.saturating_add(1);
    if !beside(scan.byte_before(at)) || !beside(scan.byte(next)) {
        return None;
    }
    if sign == b'~' {
        return Some((1, " ".to_owned()));
    }
    let rest = scan.text.get(next..)?;
    let host = rest.as_bytes().iter().take(HOST_BYTES_MAX);
    let length = host.take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-')).count();
    let host = rest.get(..length)?.trim_end_matches('.');
    let (name, top) = host.rsplit_once('.')?;
    // A place in a page: `pagina.html#kop`.
    const PAGES: &[&str] = &[".html", ".htm", ".php", ".aspx", ".md", ".pdf", ".json", ".xml", ".svg", "/"];
    let page = PAGES.iter().any(|end| scan.text.get(..at).is_some_and(|head| head.ends_with(end)));
    (is_top(top) && name.len() > 1 && !page).then(|| (1, "@".to_owned()))
}

/// Longest host after a sign that stands for an `@`.
const HOST_BYTES_MAX: usize = 64;

/// Whether people have addresses under this top-level domain, those made up in examples too.
pub(crate) fn is_top(word: &str) -> bool {
    const TOPS: &[&str] = &[
        "nl",
        "com",
        "org",
        "net",
        "eu",
        "be",
        "de",
        "fr",
        "uk",
        "info",
        "frl",
        "amsterdam",
        "gov",
        "example",
    ];
    TOPS.iter().any(|top| word.eq_ignore_ascii_case(top))
}

/// `Mar-\ngriet`, `NL91ABNA\n04171\n64300`: a word or a number that goes on in the next line.
fn broken_lines(scan: &Scan<'_>, edits: &mut Vec<Edit>) {
    let bytes = scan.text.as_bytes();
    let at = |i: Option<usize>| i.and_then(|i| bytes.get(i)).copied().unwrap_or(b' ');
    for group in scan.groups() {
        scan.step();
        let (end, next) = (group.end, group.end.saturating_add(1));
        if at(Some(end)) != b'\n' || !at(Some(next)).is_ascii_digit() {
            continue;
        }
        let rest = bytes.get(next..).unwrap_or_default().iter().take(GROUP_BYTES_MAX);
        let digits = rest.take_while(|b| b.is_ascii_digit()).count();
        let after = next.saturating_add(digits);
        // The rest of a number and no more: not a postcode under a street, nor one of a list of numbers.
        let over = after >= bytes.len()
            || at(Some(after)) == b'\n'
            || matches!(at(Some(after)), b'.' | b',' | b')')
                && !at(Some(after.saturating_add(1))).is_ascii_digit();
        let opens = group.start == 0 || at(group.start.checked_sub(1)) == b'\n';
        let listed = opens && digits == group.len();
        if over && !listed && BROKEN_DIGITS.contains(&digits.saturating_add(group.len())) {
            edits.push(edit(end, next, ""));
        }
    }
}

/// Digits of a number that goes on in the next line, and most of them there.
const BROKEN_DIGITS: std::ops::RangeInclusive<usize> = 8..=16;
const GROUP_BYTES_MAX: usize = 13;

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
        "at" | "apenstaart" | "apenstaartje" | "apestaartje" | "krulletje" | "slingeraap" | "@" | "ad" => "@",
        "dot" | "punt" | "." => ".",
        "streepje" | "-" => "-",
        _ => return None,
    };
    Some((end.saturating_add(1), sign))
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
    fn what_is_broken_up_or_spelled_is_found_and_cut_whole() {
        for (kind, text, want) in [
            (Kind::Bsn, "het nummer is 11122\n2333, BSN dus", "11122\n2333"),
            (Kind::Bsn, "BSN &amp;#49;11222333", "&amp;#49;11222333"),
            (Kind::Bsn, "BSN 1<b></b>1122<i></i>2333", "1<b></b>1122<i></i>2333"),
            (Kind::Bsn, "BSN 111-tweeëntwintig-2333", "111-tweeëntwintig-2333"),
            (Kind::Phone, "mobiel [0][6][1][2] [3][4][5][6][7][8]", "[0][6][1][2] [3][4][5][6][7][8]"),
            (Kind::Phone, "bel 06 twaalf 34 56 acht en zeventig", "06 twaalf 34 56 acht en zeventig"),
            (Kind::Email, "mail jan#ziggo.nl", "jan#ziggo.nl"),
            (Kind::Email, "jan~at~ziggo~dot~nl", "jan~at~ziggo~dot~nl"),
            (Kind::Email, "jan【at】ziggo。nl", "jan【at】ziggo。nl"),
            (Kind::Ip, "ip 79 punt 167 punt 88 punt 112", "79 punt 167 punt 88 punt 112"),
            (
                Kind::BirthDate,
                "geboren op drie april negentienhonderd vijftig te Ede",
                "drie april negentienhonderd vijftig",
            ),
            (
                Kind::BirthDate,
                "geb. een / vier / negentien zesenzestig",
                "een / vier / negentien zesenzestig",
            ),
            (
                Kind::BirthDate,
                "geboren de zevende van de derde maand, jaar 1971.",
                "zevende van de derde maand, jaar 1971",
            ),
            (Kind::Address, "woont Dorpsstraat tweehonderdvijf.", "Dorpsstraat tweehonderdvijf"),
            (Kind::Address, "woont Dorpsstraat nr. een-nul-zes", "Dorpsstraat nr. een-nul-zes"),
            (
                Kind::NumberPlate,
                "kenteken B streepje een twee drie streepje K D",
                "B streepje een twee drie streepje K D",
            ),
            (
                Kind::NumberPlate,
                "auto karel een nul negen victor zacharias",
                "karel een nul negen victor zacharias",
            ),
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
            "de eerste van de derde week, om tien uur",
            "in de straat staan twee honderd bomen",
            "de som is twaalf\n2024 kwam daarna\n2025 ook",
            "pagina.html#kop.nl en ~/map",
        ] {
            assert_eq!(all_found(text), vec![], "{text}");
        }
    }
}
