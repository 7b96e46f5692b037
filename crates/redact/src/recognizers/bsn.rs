//! Burgerservicenummer: 9 digits, or 8 without the leading zero, that pass the 11-proef.

use super::{Candidate, Group, Recognizer, Scan, because};
use crate::cues::Cues;
use crate::vault::Secret;
use crate::{Error, Kind};

const POSITIVE: &[&str] = &[
    "bsn*",
    "burgerservice*",
    "burger service*",
    "sofi*",
    "sofinummer*",
    "persoonsnummer*",
    "citizen service number*",
    "identificatienummer*",
];
const NEGATIVE: &[&str] = &[
    "€",
    "eur",
    "euro",
    "isbn*",
    "issn*",
    "ean*",
    "order*",
    "bestel*",
    "factuur*",
    "ticket*",
    "artikel*",
    "kvk*",
    "rsin*",
    "versie*",
    "serienummer*",
    "debiteur*",
    "batch*",
    "build*",
    "telling*",
    "meting*",
    "begroting*",
    "bedrag*",
    "stb*",
    "ecli*",
    "kenmerk*",
    "zaaknummer*",
    "dossier*",
    "klantnummer*",
    "telefoon*",
    "tel",
    "fax*",
    "fiscaal nummer*",
    "vestigingsnummer*",
    "polis*",
];

/// Digits of a candidate at most.
const DIGITS_MAX: usize = 9;

/// Finds BSNs: in one run, as 1234.56.789, in threes, or digit by digit.
///
/// One number in eleven passes the 11-proef, so that alone is not enough: context decides. A labelled number that
/// fails the 11-proef is still found, since it is most likely a BSN with a typing error.
pub(crate) struct Bsn {
    cues: Cues,
}

impl Bsn {
    pub(crate) fn new() -> Result<Self, Error> {
        Ok(Self { cues: Cues::new(POSITIVE, NEGATIVE)? })
    }
}

/// Whether 8 or 9 ASCII digits are a valid BSN: Σ (9..2)·d − d₉ ≡ 0 mod 11, not all zero.
pub(crate) fn is_valid(digits: &str) -> bool {
    if !(8..=DIGITS_MAX).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return false;
    }
    let weights = (2..=9).rev().chain([-1_i32]);
    let pad = DIGITS_MAX.saturating_sub(digits.len());
    let sum: i32 = weights
        .skip(pad)
        .zip(digits.bytes())
        .map(|(w, b)| w.saturating_mul(i32::from(b.saturating_sub(b'0'))))
        .sum();
    sum % 11 == 0 && digits.bytes().any(|b| b != b'0')
}

impl Recognizer for Bsn {
    fn kind(&self) -> Kind {
        Kind::Bsn
    }

    fn version(&self) -> u32 {
        1
    }

    fn cues(&self) -> &Cues {
        &self.cues
    }

    fn candidates(&self, scan: &Scan<'_>, sink: &mut dyn FnMut(Candidate)) {
        for (i, first) in scan.groups.iter().enumerate() {
            let mut digits = 0_usize;
            let mut separator = None;
            let mut previous: Option<Group> = None;
            for (n, group) in scan.groups.iter().skip(i).take(DIGITS_MAX).enumerate() {
                if let Some(previous) = previous {
                    // Spelled digit by digit, the groups may stand further apart than the digits.
                    let gap = match scan.slice(previous.end, group.start) {
                        "  " | "   " => " ",
                        gap => gap,
                    };
                    if !matches!(gap, " " | "." | "-" | "/" | "_") || separator.is_some_and(|s| s != gap) {
                        break;
                    }
                    separator = Some(gap);
                }
                digits = digits.saturating_add(group.len());
                if digits > DIGITS_MAX {
                    break;
                }
                if digits >= 8 {
                    let groups = scan.groups.get(i..=i.saturating_add(n)).unwrap_or_default();
                    sink(candidate(scan, groups, first.start, group.end, separator));
                }
                previous = Some(*group);
            }
        }
    }
}

fn candidate(
    scan: &Scan<'_>,
    groups: &[Group],
    start: usize,
    end: usize,
    separator: Option<&str>,
) -> Candidate {
    let digits: String = scan.slice(start, end).chars().filter(char::is_ascii_digit).collect();
    let mut reasons = vec![because("8 or 9 digits", 25)];
    if is_valid(&digits) {
        reasons.push(because("11-proef holds", 25));
    }
    if digits.len() == 8 {
        reasons.push(because("8 digits only", -10));
    }
    let lens: Vec<usize> = groups.iter().map(|g| g.len()).collect();
    let usual = matches!(
        lens.as_slice(),
        [_] | [4, 2, 3] | [3, 3, 3] | [2, 3, 3] | [3, 2, 3] | [3, 2, 4] | [4, 4] | [4, 5]
    ) || lens.iter().all(|&len| len == 1);
    if matches!(lens.as_slice(), [2, 2, 4] | [4, 2, 2] | [1, 2, 4] | [2, 1, 4]) {
        reasons.push(because("grouped like a date", -40));
    } else if !usual {
        reasons.push(because("unusual grouping", -20));
    }
    if scan.attached_before(start) || scan.attached_after(end) {
        reasons.push(because("letters attached", -15));
    }
    let runs_on =
        scan.came_on(start) || scan.goes_on(end) || separator == Some(" ") && in_longer_row(scan, start, end);
    if runs_on {
        reasons.push(because("part of a longer number", -30));
    }
    let canonical = Secret::new(&format!("{digits:0>9}"));
    Candidate { kind: Kind::Bsn, start, end, canonical, reasons }
}

/// Whether a spaced number stands in a longer row of spaced digits.
fn in_longer_row(scan: &Scan<'_>, start: usize, end: usize) -> bool {
    let digit = |at: Option<usize>| at.and_then(|i| scan.byte(i)).is_some_and(|b| b.is_ascii_digit());
    let before = scan.byte_before(start) == Some(b' ') && digit(start.checked_sub(2));
    let after = scan.byte(end) == Some(b' ') && digit(end.checked_add(1));
    before || after
}

#[cfg(test)]
mod tests {
    use super::super::tests::{best, found};
    use super::*;

    #[test]
    fn the_11_proef() {
        for valid in ["111222333", "123456782", "11122233 3".replace(' ', "").as_str(), "10000008"] {
            assert!(is_valid(valid), "{valid}");
        }
        for invalid in ["111222334", "123456789", "000000000", "1112223", "1112223330", "11122233a"] {
            assert!(!is_valid(invalid), "{invalid}");
        }
    }

    #[test]
    fn the_oracle_agrees() {
        let mut seen = 0;
        for (number, valid) in super::super::tests::golden("bsn") {
            assert_eq!(is_valid(number), valid, "{number}");
            seen += 1;
        }
        assert_eq!(seen, 606);
    }

    #[test]
    fn ways_of_writing() {
        for text in [
            "BSN: 111222333",
            "bsn=111 222 333",
            "BSN 1112.22.333",
            "BSN 111-222-333",
            "Burgerservicenummer 1 1 1 2 2 2 3 3 3",
            "\"bsn\": \"111222333\"",
            "BSN111222333",
            "Mijn nummer is 111222333 (bsn)",
            "bsn: 10000008",
            "BSN 1112/22/333",
            "BSN 1 1 1   2 2 2   3 3 3",
        ] {
            assert_eq!(found(Kind::Bsn, text).len(), 1, "{text}");
        }
    }

    #[test]
    fn context_decides() {
        assert!(best(Kind::Bsn, "het getal 111222333") < 60);
        assert!(best(Kind::Bsn, "ordernummer 111222333") < 30);
        assert!(best(Kind::Bsn, "tekort van 111222333 euro") < 30);
        assert!(best(Kind::Bsn, "€ 111.222.333,00") < 30);
        assert!(best(Kind::Bsn, "BSN 123456789") >= 60, "labelled, one digit wrong");
        assert!(best(Kind::Bsn, "dossier 2023, bsn 111222333") >= 80);
        assert!(best(Kind::Bsn, "bsn-controle op 12-03-2024 gedaan") < 60);
        assert!(best(Kind::Bsn, "bsn-controle op 20240312 gedaan") < 60);
        assert_eq!(best(Kind::Bsn, "BSN 1112223334445"), 0, "thirteen digits are no BSN");
    }
}
