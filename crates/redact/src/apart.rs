//! Letters and digits that are set apart: `0 6 - 1 2 3 4`, `J a n`, `Z.w.o.l.l.e`.

use crate::deep::edit;
use crate::recognizers::Scan;
use crate::view::Edit;

/// Fewest characters set apart, and fewest digits among them.
const SINGLES_MIN: usize = 5;
const SINGLE_DIGITS_MIN: usize = 3;
/// Characters set apart that may come before the first digit, and before an `@`.
const SINGLES_BEFORE_MAX: usize = 4;
const NAME_BEFORE_MAX: usize = 40;
/// Fewest characters of an address that is set apart.
const NAME_MEMBERS_MIN: usize = 6;
/// Fewest letters of a word that is set apart, and most.
const LETTERS_MIN: usize = 4;
const LETTERS_MAX: usize = 60;

/// `0 6 - 1 2 3 4`: characters set apart by single spaces close up; wider spaces become one.
pub(crate) fn singles(scan: &Scan<'_>, edits: &mut Vec<Edit>) {
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

/// `5412 - 7534 - 5678 - 9010`: groups as long as each other with the same sign and spaces between them.
pub(crate) fn groups(scan: &Scan<'_>, edits: &mut Vec<Edit>) {
    let all = scan.groups();
    let apart = |n: usize| {
        let [one, two] = all.get(n..n.saturating_add(2))? else { return None };
        let gap = scan.slice(one.end, two.start);
        let alike = (3..=4).contains(&one.len()) && one.len() == two.len();
        (alike && matches!(gap, " - " | " . " | " / " | " * " | " _ " | ".." | "..." | " ... " | "…" | " … "))
            .then_some((one.end, two.start, gap))
    };
    let mut n = 0;
    while n < all.len() {
        scan.step();
        let Some((_, _, sign)) = apart(n) else {
            n = n.saturating_add(1);
            continue;
        };
        let row: Vec<_> = (n..).map_while(apart).take_while(|(_, _, gap)| *gap == sign).collect();
        if row.len() > 1 {
            edits.extend(row.iter().map(|&(from, to, _)| edit(from, to, " ")));
        }
        n = n.saturating_add(row.len());
    }
}

/// `J a n t i n e   B o s`, `Z-w-o-l-l-e`, `T, I, N, E`: letters with the same sign between them close up to a word.
pub(crate) fn letters(scan: &Scan<'_>, edits: &mut Vec<Edit>) {
    let mut done = 0;
    for &first in &scan.marks.apart {
        scan.step();
        if first < done {
            continue;
        }
        let Some(sign) = sign_after(scan, first) else { continue };
        let members = row_of(scan, first, done, sign);
        done = members.last().map_or(done, |last| last.1);
        if !is_word(scan, &members, sign) {
            continue;
        }
        for pair in members.windows(2) {
            let [one, two] = pair else { continue };
            let wide = two.0.saturating_sub(one.1) > sign.len();
            edits.push(edit(one.1, two.0, if wide { " " } else { "" }));
        }
        for &(start, end) in &members {
            if let Some(letter) = scan.byte(start).and_then(crate::disguised::letter_like) {
                edits.push(edit(start, end, letter));
            }
        }
    }
}

/// What stands between the letters of a row that begins with the one at `first`.
fn sign_after<'v>(scan: &Scan<'v>, first: usize) -> Option<&'v str> {
    let from = first.saturating_add(1);
    let rest = scan.text.as_bytes().get(from..)?;
    let length = rest.iter().take(3).take_while(|b| !b.is_ascii_alphanumeric()).count();
    let sign = scan.text.get(from..from.saturating_add(length))?;
    let bare = sign.trim_matches(' ');
    let one = bare.is_empty() && sign == " "
        || matches!(bare, "." | "-" | "_" | "/" | "*" | "~" | "=" | "+" | ":" | "," | ";");
    one.then_some(sign)
}

/// The characters of the row that `first` stands in, in bytes, none of them before `floor`.
fn row_of(scan: &Scan<'_>, first: usize, floor: usize, sign: &str) -> Vec<(usize, usize)> {
    let mut members = vec![(first, first.saturating_add(1))];
    // A letter beyond ASCII may come before.
    let mut start = first;
    while let Some(head) = scan.text.get(floor..start).and_then(|head| head.strip_suffix(sign)) {
        let Some(c) = head.chars().next_back().filter(|c| c.is_alphabetic()) else { break };
        let at = floor.saturating_add(head.len()).saturating_sub(c.len_utf8());
        if scan.attached_before(at) || members.len() >= LETTERS_MAX {
            break;
        }
        members.insert(0, (at, at.saturating_add(c.len_utf8())));
        start = at;
    }
    let mut end = first.saturating_add(1);
    while members.len() < LETTERS_MAX {
        scan.step();
        let rest = scan.text.get(end..).unwrap_or_default();
        let Some(mut after) = rest.strip_prefix(sign) else { break };
        if sign == " " {
            let more = after.bytes().take(2).take_while(|b| *b == b' ').count();
            after = after.get(more..).unwrap_or_default();
        }
        let mut chars = after.chars();
        let Some(c) = chars.next().filter(|c| c.is_alphanumeric()) else { break };
        if chars.next().is_some_and(char::is_alphanumeric) {
            break;
        }
        let at = end.saturating_add(rest.len().saturating_sub(after.len()));
        end = at.saturating_add(c.len_utf8());
        members.push((at, end));
    }
    members
}

/// Whether characters set apart are a word, rather than initials, a list or a number.
fn is_word(scan: &Scan<'_>, members: &[(usize, usize)], sign: &str) -> bool {
    let chars = || members.iter().filter_map(|&(start, end)| scan.slice(start, end).chars().next());
    let letters = chars().filter(|c| c.is_alphabetic()).count();
    let small = chars().filter(|c| c.is_lowercase()).count();
    let digits = members.len().saturating_sub(letters);
    letters >= LETTERS_MIN
        && digits.saturating_mul(2) < letters
        && (!sign.starts_with('.') || small.saturating_mul(2) >= letters)
        && chars()
            .filter(char::is_ascii_digit)
            .all(|c| u8::try_from(c).is_ok_and(|byte| crate::disguised::letter_like(byte).is_some()))
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
    use super::super::recognizers::tests::named;
    use crate::Kind;

    /// Whatever sign is put between the letters of a name, it is cut whole.
    #[test]
    fn names_letter_by_letter() {
        for (text, want) in [
            ("Mevrouw W i l l e m i j n   D e k k e r heeft gebeld.", "W i l l e m i j n   D e k k e r"),
            ("Meneer K-e-e-s Dekker heeft gebeld.", "K-e-e-s Dekker"),
            ("Mijn naam is P.i.e.t.e.r Dekker.", "P.i.e.t.e.r Dekker"),
            ("Mevrouw R_e_n_é_e Dekker belde.", "R_e_n_é_e Dekker"),
        ] {
            let people: Vec<String> =
                named(text).into_iter().filter(|f| f.0 == Kind::Person).map(|f| f.1).collect();
            assert!(people.iter().any(|p| p.ends_with(want)), "{text}: {people:?}");
        }
        for text in ["keuze a / b / c / d", "x x x x", "1 a 2 b 3 c"] {
            assert_eq!(named(text), vec![], "{text}");
        }
    }
}
