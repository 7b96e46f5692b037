//! Telephone numbers: the Dutch numbering plan, and international numbers (E.164).

use super::{Candidate, Recognizer, Scan, because};
use crate::Kind;
use crate::finding::Reason;
use crate::vault::Secret;

/// Most digits of a number, the international prefix `00` included.
const DIGITS_MAX: usize = 17;

/// Dutch area codes of three digits, without the leading zero.
const AREA_2: &[&str] = &[
    "10", "13", "15", "20", "23", "24", "26", "30", "33", "35", "36", "38", "40", "43", "45", "46", "50",
    "53", "55", "58", "70", "71", "72", "73", "74", "75", "76", "77", "78", "79",
];
/// Dutch area codes of four digits, without the leading zero (numbering plan of the ACM).
const AREA_3: &[&str] = &[
    "111", "113", "114", "115", "117", "118", "161", "162", "164", "165", "166", "167", "168", "172", "174",
    "180", "181", "182", "183", "184", "186", "187", "222", "223", "224", "226", "227", "228", "229", "251",
    "252", "255", "294", "297", "299", "313", "314", "315", "316", "317", "318", "320", "321", "341", "342",
    "343", "344", "345", "346", "347", "348", "411", "412", "413", "416", "418", "475", "478", "481", "485",
    "486", "487", "488", "492", "493", "495", "497", "499", "511", "512", "513", "514", "515", "516", "517",
    "518", "519", "521", "522", "523", "524", "525", "527", "528", "529", "541", "543", "544", "545", "546",
    "547", "548", "561", "562", "566", "570", "571", "572", "573", "575", "577", "578", "591", "592", "593",
    "594", "595", "596", "597", "598", "599",
];

/// Finds telephone numbers.
pub(crate) struct Phone;

/// What a Dutch national number (nine digits, without the leading zero) is, by its prefix.
fn dutch(national: &str) -> Option<&'static str> {
    if national.len() != 9 || !national.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (two, three) = (national.get(..2)?, national.get(..3)?);
    match two {
        "61" | "62" | "63" | "64" | "65" | "68" => Some("Dutch mobile number"),
        "66" | "69" | "60" | "67" => Some("Dutch number in the mobile range"),
        "85" | "88" | "84" | "87" | "91" => Some("Dutch non-geographic number"),
        _ if AREA_2.binary_search(&two).is_ok() || AREA_3.binary_search(&three).is_ok() => {
            Some("Dutch geographic number")
        }
        _ => None,
    }
}

/// Country calling codes that are in use, as one- and two-digit prefixes and the three-digit zones.
fn has_calling_code(digits: &str) -> bool {
    const TWO: &[&str] = &[
        "20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46", "47", "48",
        "49", "51", "52", "53", "54", "55", "56", "57", "58", "60", "61", "62", "63", "64", "65", "66", "81",
        "82", "84", "86", "90", "91", "92", "93", "94", "95", "98",
    ];
    const ZONES: &[&str] = &[
        "21", "22", "23", "24", "25", "26", "29", "35", "37", "38", "42", "50", "59", "67", "68", "85", "88",
        "96", "97", "99",
    ];
    let two = digits.get(..2).unwrap_or_default();
    digits.starts_with('1') || digits.starts_with('7') || TWO.contains(&two) || ZONES.contains(&two)
}

impl Recognizer for Phone {
    fn kinds(&self) -> Vec<Kind> {
        vec![Kind::Phone]
    }

    fn version(&self) -> u32 {
        3
    }

    fn candidates(&self, scan: &Scan<'_>, sink: &mut dyn FnMut(Candidate)) {
        for first in 0..scan.groups().len() {
            scan.step();
            if let Some(candidate) = read(scan, first) {
                sink(candidate);
            }
        }
    }
}

/// The longest telephone number that begins with the digit group `first`.
fn read(scan: &Scan<'_>, first: usize) -> Option<Candidate> {
    let opening = *scan.groups().get(first)?;
    let plus = plus_before(scan, opening.start);
    if plus.is_none() && scan.byte(opening.start) != Some(b'0') {
        return without_zero(scan, first);
    }
    let mut digits = zeroize::Zeroizing::new(String::with_capacity(DIGITS_MAX));
    let mut previous = opening.start;
    let mut best = None;
    for (n, group) in scan.groups().iter().skip(first).take(DIGITS_MAX).enumerate() {
        let gap = scan.slice(previous, group.start);
        if n > 0 && !is_gap(gap) {
            break;
        }
        // The (0) of `+31 (0)20` is not dialled.
        let closed = || scan.text.get(group.end..).is_some_and(|t| t.starts_with(')') || t.starts_with(" )"));
        let trunk = n > 0 && group.len() == 1 && gap.trim_end().ends_with('(') && closed();
        if !trunk {
            digits.push_str(scan.slice(group.start, group.end));
        }
        if digits.len() > DIGITS_MAX {
            break;
        }
        if let Some((canonical, reason)) = judge(&digits, plus.is_some(), n > 0) {
            best = Some((group.end, canonical, reason));
        }
        previous = group.end;
    }
    let (end, canonical, reason) = best?;
    let mut start = plus.unwrap_or(opening.start);
    if scan.byte_before(start) == Some(b'(') {
        start = start.saturating_sub(1);
    }
    let mut reasons = vec![reason];
    if scan.attached_before(start) || scan.attached_after(end) {
        reasons.push(because("letters or digits attached", -30));
    }
    if plus.is_none() && scan.came_on(opening.start) || scan.goes_on(end) {
        reasons.push(because("part of a longer number", -30));
    }
    if plus.is_none() && opens_with_date(scan, first) {
        reasons.push(because("begins with a date", -60));
    }
    Some(Candidate {
        kind: Kind::Phone,
        start,
        end,
        canonical: Secret::new(&canonical),
        reasons,
        judged: false,
    })
}

/// `tel 6 12345678`, `mobiel 31 612 345 678`: behind a word for it a mobile number does without its zero, or its `+`.
fn without_zero(scan: &Scan<'_>, first: usize) -> Option<Candidate> {
    let opening = *scan.groups().get(first)?;
    if !matches!(scan.byte(opening.start), Some(b'6' | b'3')) || scan.attached_before(opening.start) {
        return None;
    }
    let mut digits = zeroize::Zeroizing::new(String::with_capacity(DIGITS_MAX));
    let mut end = opening.start;
    for group in scan.groups().iter().skip(first).take(9) {
        if !digits.is_empty() && !is_gap(scan.slice(end, group.start))
            || digits.len() >= 9 && !digits.starts_with('3')
        {
            break;
        }
        digits.push_str(scan.slice(group.start, group.end));
        end = group.end;
        if digits.len() >= 11 {
            break;
        }
    }
    let national = if digits.len() == 11 { digits.strip_prefix("31")? } else { digits.as_str() };
    let mobile = national.starts_with('6') && dutch(national).is_some();
    if !mobile || scan.attached_after(end) || scan.goes_on(end) || scan.came_on(opening.start) {
        return None;
    }
    if scan.around(opening.start, end).points(Kind::Phone) <= 0 {
        return None;
    }
    let canonical = Secret::new(&format!("+31{national}"));
    let reasons = vec![because("a mobile number without its zero", 32)];
    Some(Candidate { kind: Kind::Phone, start: opening.start, end, canonical, reasons, judged: false })
}

/// Where the `+` of an international number stands, with at most one space after it.
fn plus_before(scan: &Scan<'_>, start: usize) -> Option<usize> {
    let before = scan.slice(start.saturating_sub(2), start);
    let plus = if before.ends_with('+') { 1 } else { 2 };
    (before.ends_with('+') || before == "+ ").then(|| start.saturating_sub(plus))
}

/// Whether the groups from `first` are a day, a month and a year: `06-12-2024 10:15` is no telephone number.
fn opens_with_date(scan: &Scan<'_>, first: usize) -> bool {
    let Some([day, month, year]) = scan.groups().get(first..first.saturating_add(3)) else { return false };
    let value = |g: &super::Group| scan.slice(g.start, g.end).parse::<u32>().unwrap_or(0);
    let gap = scan.slice(day.end, month.start);
    matches!(gap, "-" | "/" | ".")
        && scan.slice(month.end, year.start) == gap
        && (day.len(), month.len(), year.len()) == (2, 2, 4)
        && (1..=31).contains(&value(day))
        && (1..=12).contains(&value(month))
        && (1900..=2099).contains(&value(year))
}

/// What may stand between the digits of one number.
fn is_gap(gap: &str) -> bool {
    !gap.is_empty()
        && gap.len() <= 5
        && gap.bytes().all(|b| matches!(b, b' ' | b'-' | b'.' | b'/' | b'(' | b')' | b'~' | b'='))
}

/// The number in international form, and what it is worth.
fn judge(digits: &str, plus: bool, separated: bool) -> Option<(String, Reason)> {
    let international = if plus { Some(digits) } else { digits.strip_prefix("00") };
    if let Some(number) = international {
        if let Some(national) = number.strip_prefix("31") {
            let national = national.strip_prefix('0').unwrap_or(national);
            let what = dutch(national)?;
            return Some((format!("+31{national}"), because(what, if plus { 80 } else { 70 })));
        }
        let fits = (8..=15).contains(&number.len()) && has_calling_code(number);
        return fits
            .then(|| (format!("+{number}"), because("international number", if plus { 65 } else { 35 })));
    }
    let national = digits.strip_prefix('0')?;
    let what = dutch(national)?;
    let points = match (what, separated) {
        ("Dutch mobile number" | "Dutch number in the mobile range", false) => 62,
        (_, true) => 65,
        _ => 50,
    };
    Some((format!("+31{national}"), because(what, points)))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{best, found};
    use super::*;

    #[test]
    fn the_tables_are_sorted_for_search() {
        assert!(AREA_2.is_sorted() && AREA_3.is_sorted());
        // No four-digit area code begins with a three-digit one.
        assert!(AREA_3.iter().all(|a| !AREA_2.iter().any(|b| a.starts_with(b))));
    }

    #[test]
    fn numbers_are_cut_whole() {
        for (text, want) in [
            ("bel 06-12345678 nu", "06-12345678"),
            ("0612345678", "0612345678"),
            ("06 12 34 56 78", "06 12 34 56 78"),
            ("+31 6 12345678.", "+31 6 12345678"),
            ("+31 (0)30 359 38 22)", "+31 (0)30 359 38 22"),
            ("(020) 400 0497", "(020) 400 0497"),
            ("0031 612345678", "0031 612345678"),
            ("0182-316871, ", "0182-316871"),
            ("tel. 0703948215", "0703948215"),
            ("088 - 123 45 67", "088 - 123 45 67"),
            ("+32 475 12 34 56", "+32 475 12 34 56"),
            ("0 6 1 2 3 4 5 6 7 8", "0 6 1 2 3 4 5 6 7 8"),
            ("+ 3 1   ( 0 ) 3 0   4 2 4 2 2 5 5.", "+ 3 1   ( 0 ) 3 0   4 2 4 2 2 5 5"),
            ("tel 00 49 30 901820", "00 49 30 901820"),
            ("tel: 6 12345678", "6 12345678"),
            ("mobiel 31 612 345 678", "31 612 345 678"),
        ] {
            assert_eq!(found(Kind::Phone, text), vec![want.to_owned()], "{text}");
        }
    }

    #[test]
    fn what_is_no_telephone_number() {
        for text in [
            "1400",
            "112",
            "0800-1234",
            "0900 1234567",
            "0990123456",
            "2024-01-12",
            "+123",
            "op 06-12-2024 10:15 uur",
            "01.02.2023 11.30",
            "06-1234567",
            "00000000000",
        ] {
            assert!(best(Kind::Phone, text) < 60, "{text}");
        }
        assert!(best(Kind::Phone, "ordernummer 0612345678") < 60);
        assert!(best(Kind::Phone, "het waren er 612345678") < 60);
        assert!(best(Kind::Phone, "BSN 612345678") < 60);
    }
}
