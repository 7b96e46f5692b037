//! International bank account numbers (ISO 13616): country, check digits, account; mod 97 = 1.

use super::{Candidate, Recognizer, Scan, because};
use crate::Kind;
use crate::vault::Secret;

/// Characters of an IBAN by country (SWIFT's IBAN registry).
const LENGTHS: &[(&str, usize)] = &[
    ("AD", 24),
    ("AE", 23),
    ("AL", 28),
    ("AT", 20),
    ("AZ", 28),
    ("BA", 20),
    ("BE", 16),
    ("BG", 22),
    ("BH", 22),
    ("BR", 29),
    ("BY", 28),
    ("CH", 21),
    ("CR", 22),
    ("CY", 28),
    ("CZ", 24),
    ("DE", 22),
    ("DK", 18),
    ("DO", 28),
    ("EE", 20),
    ("EG", 29),
    ("ES", 24),
    ("FI", 18),
    ("FO", 18),
    ("FR", 27),
    ("GB", 22),
    ("GE", 22),
    ("GI", 23),
    ("GL", 18),
    ("GR", 27),
    ("GT", 28),
    ("HR", 21),
    ("HU", 28),
    ("IE", 22),
    ("IL", 23),
    ("IQ", 23),
    ("IS", 26),
    ("IT", 27),
    ("JO", 30),
    ("KW", 30),
    ("KZ", 20),
    ("LB", 28),
    ("LC", 32),
    ("LI", 21),
    ("LT", 20),
    ("LU", 20),
    ("LV", 21),
    ("LY", 25),
    ("MC", 27),
    ("MD", 24),
    ("ME", 22),
    ("MK", 19),
    ("MR", 27),
    ("MT", 31),
    ("MU", 30),
    ("NL", 18),
    ("NO", 15),
    ("PK", 24),
    ("PL", 28),
    ("PS", 29),
    ("PT", 25),
    ("QA", 29),
    ("RO", 24),
    ("RS", 22),
    ("SA", 24),
    ("SC", 31),
    ("SE", 24),
    ("SI", 19),
    ("SK", 24),
    ("SM", 27),
    ("ST", 25),
    ("SV", 28),
    ("TL", 23),
    ("TN", 24),
    ("TR", 26),
    ("UA", 29),
    ("VA", 22),
    ("VG", 24),
    ("XK", 20),
];

/// Finds IBANs, in one run or grouped by single spaces, dots or hyphens, in either case.
pub(crate) struct IbanRecognizer;

/// How sure the check digits make it.
fn check(compact: &str) -> super::Reason {
    if compact.parse::<iban::Iban>().is_ok() {
        because("mod 97 and country format hold", 45)
    } else if compact.parse::<iban::BaseIban>().is_ok() {
        because("mod 97 holds", 35)
    } else if matches!(compact.get(2..4), Some("00" | "01" | "99")) {
        // 02 to 98 are given: others show how the number is written.
        because("check digits that do not occur", -45)
    } else {
        because("mod 97 fails", -10)
    }
}

impl Recognizer for IbanRecognizer {
    fn kinds(&self) -> Vec<Kind> {
        vec![Kind::Iban]
    }

    fn version(&self) -> u32 {
        3
    }

    fn candidates(&self, scan: &Scan<'_>, sink: &mut dyn FnMut(Candidate)) {
        for group in scan.groups() {
            scan.step();
            // The check digits open the number: `NL91`, or `NL 91`.
            let letters_end = match scan.byte_before(group.start) {
                Some(b' ' | b'-' | b'.') => group.start.saturating_sub(1),
                _ => group.start,
            };
            let Some(start) = letters_end.checked_sub(2) else { continue };
            let letters = scan.slice(start, letters_end);
            let &[one, two] = letters.as_bytes() else { continue };
            let country = [one.to_ascii_uppercase(), two.to_ascii_uppercase()];
            let Ok(at) = LENGTHS.binary_search_by(|(c, _)| c.as_bytes().cmp(&country)) else { continue };
            let Some(&(_, length)) = LENGTHS.get(at) else { continue };
            if let Some(candidate) = read(scan, start, length) {
                sink(candidate);
            }
        }
    }
}

/// Reads `length` letters and digits from `start` with at most one separator between them.
fn read(scan: &Scan<'_>, start: usize, length: usize) -> Option<Candidate> {
    let mut compact = zeroize::Zeroizing::new(String::with_capacity(length));
    let mut end = start;
    let mut separated = false;
    // Signs that part other things, and the end of a line: then the check digits have to say that it is one number.
    let mut odd = false;
    let mut at = start;
    while compact.len() < length {
        let byte = scan.byte(at)?;
        at = at.saturating_add(1);
        if byte.is_ascii_alphanumeric() {
            compact.push(char::from(byte.to_ascii_uppercase()));
            end = at;
            separated = false;
        } else if matches!(byte, b' ' | b'-' | b'.' | b'_' | b':' | b'/' | b'\n') && !separated {
            separated = true;
            odd = odd || matches!(byte, b':' | b'/' | b'\n');
        } else {
            return None;
        }
    }
    // The check digits are two digits; the account of every country has more.
    if !compact.get(2..4)?.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let digits = compact.bytes().filter(u8::is_ascii_digit).count();
    if (odd || digits < length / 2) && compact.parse::<iban::Iban>().is_err() {
        return None;
    }
    let mut reasons = vec![because("country and length of an IBAN", 35), check(&compact)];
    if scan.attached_before(start) || scan.attached_after(end) {
        reasons.push(because("letters attached", -15));
    }
    Some(Candidate { kind: Kind::Iban, start, end, canonical: Secret::new(&compact), reasons, judged: false })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{best, found};
    use super::*;

    #[test]
    fn the_table_is_sorted_for_search() {
        assert!(LENGTHS.is_sorted_by_key(|&(c, _)| c));
        assert!(LENGTHS.iter().all(|&(_, len)| len <= 34));
    }

    #[test]
    fn the_oracle_agrees() {
        let mut seen = 0;
        for (number, valid) in super::super::tests::golden("iban") {
            assert_eq!(check(number).points == 45, valid, "{number}");
            let length = LENGTHS.iter().find(|(c, _)| number.starts_with(c)).unwrap().1;
            assert_eq!(number.len(), length, "{number}");
            assert_eq!(best(Kind::Iban, number) >= 60, valid, "{number}");
            seen += 1;
        }
        assert_eq!(seen, 240);
    }

    #[test]
    fn ways_of_writing() {
        for text in [
            "NL91ABNA0417164300",
            "NL91 ABNA 0417 1643 00",
            "nl91abna0417164300",
            "NL91-ABNA-0417-1643-00",
            "NL91.ABNA.0417.1643.00",
            "NL91/ABNA/0417/1643/00",
            "NL91ABNA\n04171\n64300",
            "NL 91 ABNA 0417164300 t.n.v. iemand",
            "DE89 3704 0044 0532 0130 00",
            "GB29 NWBK 6016 1331 9268 19",
            "BE68 5390 0754 7034.",
            "MT84MALT011000012345MTLCAST001S",
        ] {
            assert_eq!(found(Kind::Iban, text).len(), 1, "{text}");
        }
    }

    #[test]
    fn a_failed_check_needs_a_label() {
        assert!(best(Kind::Iban, "NL92ABNA0417164300") < 60);
        assert!(best(Kind::Iban, "IBAN NL92ABNA0417164300") >= 60);
        assert!(best(Kind::Iban, "een IBAN is NL00 BANK 0123 4567 89") < 60);
        assert_eq!(best(Kind::Iban, "XX91ABNA0417164300"), 0);
        assert_eq!(best(Kind::Iban, "in de jaren 60 was dat anders dan nu het geval is"), 0);
    }
}
