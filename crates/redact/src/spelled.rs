//! Words that stand for digits and for the signs of an address.

use crate::deep::edit;
use crate::recognizers::Scan;
use crate::view::Edit;

/// Fewest words for digits in a row, and fewest digits that they make.
const WORDS_MIN: usize = 4;
const DIGITS_MIN: usize = 7;
/// Fewest words among them.
const SPOKEN_MIN: usize = 2;
/// How far from a spelled-out `@` a spelled-out point belongs to the address.
const SIGN_REACH_BYTES: usize = 40;

/// `nul zes, een twee drie …`: words for digits in a row become digits, without the spaces and commas between them.
pub(crate) fn numerals(scan: &Scan<'_>, edits: &mut Vec<Edit>) {
    let mut run: Vec<(usize, usize, &str)> = Vec::new();
    let mut signs: Vec<(usize, usize, &str)> = Vec::new();
    // Digits may stand between the words: `nul zes 12 34`.
    let short = scan.groups().iter().filter(|g| g.len() <= 2);
    let mut groups = short.map(|g| (g.start, g.end, scan.slice(g.start, g.end))).peekable();
    let mut words = scan.spoken.numerals().peekable();
    loop {
        let group_first = match (groups.peek(), words.peek()) {
            (Some(group), Some(word)) => group.0 < word.0,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (None, None) => break,
        };
        let next = if group_first { groups.next() } else { words.next() };
        let Some((start, end, digits)) = next else { break };
        scan.step();
        if matches!(digits, "@" | "@?" | ".") {
            signs.push((start, end, digits));
            continue;
        }
        let gap = run.last().map(|&(_, last, _)| scan.slice(last, start));
        if gap.is_some_and(|gap| !is_spoken_gap(gap)) {
            close(scan, &mut run, edits);
        }
        if !run.is_empty() || !group_first {
            run.push((start, end, digits));
        }
    }
    close(scan, &mut run, edits);
    spelled_signs(scan, &signs, edits);
}

/// `jan apenstaartje ziggo punt nl`: the sign, and the points within reach of it.
fn spelled_signs(scan: &Scan<'_>, signs: &[(usize, usize, &str)], edits: &mut Vec<Edit>) {
    let mut near = 0;
    for (n, &(start, end, sign)) in signs.iter().enumerate() {
        let soon = || {
            let next = signs.get(n.saturating_add(1)..).unwrap_or_default().iter().take(4);
            next.take_while(|s| s.0.saturating_sub(end) <= SIGN_REACH_BYTES)
        };
        // `at` is a word too: it stands for the sign only with one more word and a point after it.
        let host = soon().next().filter(|s| s.2 == "." && domain_follows(scan, s.1));
        let host = host.map(|s| scan.slice(end, s.0).trim_matches(' '));
        let at = sign == "@" || sign == "@?" && host.is_some_and(|h| h.len() > 1 && !h.contains(' '));
        if at {
            near = end.saturating_add(SIGN_REACH_BYTES);
        }
        let before = sign == "." && soon().any(|s| s.2 != ".");
        let spaced = scan.byte_before(start) == Some(b' ') && scan.byte(end) == Some(b' ');
        if spaced && (at || (sign == "." && (start <= near || before))) {
            edits.push(edit(start.saturating_sub(1), end.saturating_add(1), if at { "@" } else { "." }));
        }
    }
}

/// Whether a top-level domain that people have addresses in stands after ` punt `.
fn domain_follows(scan: &Scan<'_>, point: usize) -> bool {
    const TOPS: &[&str] =
        &["nl", "com", "org", "net", "eu", "be", "de", "fr", "uk", "info", "frl", "amsterdam", "gov"];
    let rest = scan.text.get(point..).unwrap_or_default();
    let word = rest.trim_start_matches(' ').split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    TOPS.iter().any(|top| word.eq_ignore_ascii_case(top))
}

fn is_spoken_gap(gap: &str) -> bool {
    !gap.is_empty()
        && gap.len() <= 3
        && gap.bytes().all(|b| matches!(b, b' ' | b',' | b'-' | b'.' | b'/' | b'\n' | b'\r'))
}

fn close(scan: &Scan<'_>, run: &mut Vec<(usize, usize, &str)>, edits: &mut Vec<Edit>) {
    let digits: usize = run.iter().map(|(_, _, digits)| digits.len()).sum();
    let is_word = |start: usize| scan.byte(start).is_some_and(|b| !b.is_ascii_digit());
    let spoken = run.iter().filter(|(start, _, _)| is_word(*start)).count();
    if spoken >= SPOKEN_MIN && run.len() >= WORDS_MIN && digits >= DIGITS_MIN {
        let mut last: Option<usize> = None;
        for &(start, end, digits) in run.iter() {
            if let Some(last) = last {
                let kept: String =
                    scan.slice(last, start).chars().filter(|c| matches!(c, '-' | '/')).collect();
                edits.push(edit(last, start, &kept));
            }
            edits.push(edit(start, end, digits));
            last = Some(end);
        }
    }
    run.clear();
}

/// Dutch words for 0 to 19.
pub(crate) const ONES: [&str; 20] = [
    "nul",
    "een",
    "twee",
    "drie",
    "vier",
    "vijf",
    "zes",
    "zeven",
    "acht",
    "negen",
    "tien",
    "elf",
    "twaalf",
    "dertien",
    "veertien",
    "vijftien",
    "zestien",
    "zeventien",
    "achttien",
    "negentien",
];

/// Dutch words for 0 to 99, English ones to 9, with their digits, and for the signs of an address.
pub(crate) fn numeral_words() -> Vec<(String, String)> {
    const TENS: [&str; 8] =
        ["twintig", "dertig", "veertig", "vijftig", "zestig", "zeventig", "tachtig", "negentig"];
    let mut words: Vec<(String, String)> =
        ONES.iter().enumerate().map(|(n, word)| ((*word).to_owned(), n.to_string())).collect();
    words.push(("één".to_owned(), "1".to_owned()));
    words.push(("eén".to_owned(), "1".to_owned()));
    const ENGLISH: [&str; 10] =
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    for (n, word) in ENGLISH.iter().enumerate() {
        words.push(((*word).to_owned(), n.to_string()));
    }
    for (word, sign) in
        [("apenstaart", "@"), ("apenstaartje", "@"), ("punt", "."), ("dot", "."), ("at", "@?")]
    {
        words.push((word.to_owned(), sign.to_owned()));
    }
    for (t, ten) in TENS.iter().enumerate() {
        let tens = t.saturating_add(2).saturating_mul(10);
        words.push(((*ten).to_owned(), tens.to_string()));
        for (n, one) in ONES.iter().enumerate().take(10).skip(1) {
            let value = tens.saturating_add(n).to_string();
            for link in if one.ends_with('e') { ["ën", "en"] } else { ["en", "en"] } {
                words.push((format!("{one}{link}{ten}"), value.clone()));
            }
        }
    }
    words.sort();
    words.dedup();
    words
}
