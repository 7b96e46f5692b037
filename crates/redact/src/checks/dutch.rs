//! Dutch numbers.

use super::{digit, is_digits, mod_97, weighted};

/// What Σ n·d … 2·d − d over all digits, the last one last, leaves by 11 (−1 is 10 there); `None` for zeros alone.
pub(crate) fn eleven(number: &str) -> Option<u32> {
    let mut sum = 0_u32;
    for (at, weight) in (0..number.len()).rev().zip([10].into_iter().chain(2..)) {
        sum = sum.saturating_add(u32::saturating_mul(weight, digit(number, at)?)) % 11;
    }
    number.bytes().any(|b| b != b'0').then_some(sum)
}

/// BSN and RSIN: the 11-proef, over 8 or 9 digits.
#[must_use]
pub fn bsn(number: &str) -> bool {
    (8..=9).contains(&number.len()) && eleven(number) == Some(0)
}

/// Account number of before IBAN: Σ (9..1)·d ≡ 0 mod 11.
pub(crate) fn account(number: &str) -> bool {
    is_digits(number, 9) && weighted(number, &[9, 8, 7, 6, 5, 4, 3, 2, 1]).is_some_and(|sum| sum % 11 == 0)
}

/// Onderwijsnummer: begins with 10, and the sum of the 11-proef leaves 5.
pub(crate) fn onderwijsnummer(number: &str) -> bool {
    number.len() == 9 && number.starts_with("10") && eleven(number) == Some(5)
}

/// A-nummer: no zero first, no equal neighbours; Σd mod 11 is 0 or 5; Σ 2^i·d ≡ 0 mod 11 (Logisch Ontwerp BRP).
pub(crate) fn a_nummer(number: &str) -> bool {
    let neighbours = number.as_bytes().windows(2).any(|pair| matches!(pair, [a, b] if a == b));
    if !is_digits(number, 10) || number.starts_with('0') || neighbours {
        return false;
    }
    let plain = weighted(number, &[1; 10]).map(|sum| sum % 11);
    let powers = weighted(number, &[1, 2, 4, 8, 16, 32, 64, 128, 256, 512]).map(|sum| sum % 11);
    matches!(plain, Some(0 | 5)) && powers == Some(0)
}

/// Passport or identity card: two letters, six letters or digits, a digit; no O, and no 0 but the last.
pub(crate) fn travel_document(number: &str) -> bool {
    let bytes = number.as_bytes();
    let (Some(letters), Some(middle), Some(last)) = (bytes.get(..2), bytes.get(2..8), bytes.get(8)) else {
        return false;
    };
    bytes.len() == 9
        && letters.iter().all(u8::is_ascii_uppercase)
        && letters.first().is_some_and(|b| b"NIDSARBPXTVZ".contains(b))
        && middle.iter().all(u8::is_ascii_alphanumeric)
        && last.is_ascii_digit()
        && !bytes.contains(&b'O')
}

/// A passport of another country, or a residence permit: four digits at least.
pub(crate) fn foreign_document(number: &str) -> bool {
    number.bytes().filter(u8::is_ascii_digit).count() >= 4
}

/// btw-id: mod 97-10 over the whole; omzetbelastingnummer: the nine digits pass the 11-proef.
pub(crate) fn btw(number: &str) -> bool {
    let Some(body) = number.strip_prefix("NL").or(Some(number)).filter(|b| b.len() == 12) else {
        return false;
    };
    let (Some(nine), Some(suffix)) = (body.get(..9), body.get(10..)) else { return false };
    body.as_bytes().get(9) == Some(&b'B')
        && suffix != "00"
        && suffix.bytes().all(|b| b.is_ascii_digit())
        && nine.bytes().any(|b| b != b'0')
        && (bsn(nine) || mod_97("NL".bytes().chain(body.bytes())) == Some(1))
}

/// BIG number: eleven digits, of which the second is a 9; the first is the profession.
pub(crate) fn big(number: &str) -> bool {
    is_digits(number, 11) && number.as_bytes().get(1) == Some(&b'9')
}

/// Parketnummer: two digits of the office, six of the case, two of the year.
pub(crate) fn parket(number: &str) -> bool {
    is_digits(number, 10) && super::value(number, 0, 2).is_some_and(|office| (1..=99).contains(&office))
}

/// Number plate: one of the sidecodes of the RDW, without the letter pairs that were never given out.
pub(crate) fn plate(number: &str) -> bool {
    sidecode(number).is_some() && !is_pattern(number)
}

/// `XX-99-XX` shows how a plate is written.
fn is_pattern(number: &str) -> bool {
    let mut digits = number.bytes().filter(u8::is_ascii_digit);
    let first = digits.next();
    digits.all(|b| Some(b) == first) && number.bytes().all(|b| b.is_ascii_digit() || b == b'X')
}

/// Whether `number`, in capitals, is a plate whose letters and digits are grouped by `lengths`.
pub(crate) fn plate_in_groups(number: &str, lengths: &[usize]) -> bool {
    // Without a sign between them two groups of letters, or of digits, are one.
    let fits = |groups: [usize; 3]| match lengths {
        [a, b] => groups == [2, 2, 2] && (*a == 2 && *b == 4 || *a == 4 && *b == 2),
        _ => lengths == groups.as_slice(),
    };
    sidecode(number).is_some_and(fits) && !is_pattern(number)
}

/// The sidecodes, by the lengths of their groups.
const SIDECODES: &[(&str, [usize; 3])] = &[
    ("AA9999", [2, 2, 2]),
    ("9999AA", [2, 2, 2]),
    ("99AA99", [2, 2, 2]),
    ("AA99AA", [2, 2, 2]),
    ("AAAA99", [2, 2, 2]),
    ("99AAAA", [2, 2, 2]),
    ("99AAA9", [2, 3, 1]),
    ("9AAA99", [1, 3, 2]),
    ("AA999A", [2, 3, 1]),
    ("A999AA", [1, 3, 2]),
    ("AAA99A", [3, 2, 1]),
    ("A99AAA", [1, 2, 3]),
    ("9AA999", [1, 2, 3]),
    ("999AA9", [3, 2, 1]),
];

/// Groups of letters that are not given out.
const EXCLUDED: &[&str] =
    &["GVD", "KKK", "NSB", "PKK", "PSV", "TBS", "PVV", "SGP", "VVD", "KVT", "LPF", "SA", "SD", "SS"];

/// The lengths of the groups of a number plate of six letters and digits.
pub(crate) fn sidecode(number: &str) -> Option<[usize; 3]> {
    let shape: String = number.bytes().map(|b| if b.is_ascii_digit() { '9' } else { 'A' }).collect();
    let at = SIDECODES.iter().position(|(code, _)| *code == shape)?;
    let (_, groups) = SIDECODES.get(at)?;
    let letters = number.split(|c: char| c.is_ascii_digit()).filter(|part| !part.is_empty());
    for part in letters {
        if EXCLUDED.contains(&part) {
            return None;
        }
        // From sidecode 4 on there are no vowels, so that no words arise.
        if at >= 3 && part.bytes().any(|b| b"AEIOUQ".contains(&b)) {
            return None;
        }
    }
    Some(*groups)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oracle_agrees() {
        let checks: &[(&str, crate::recognizers::tests::Check)] =
            &[("bsn", bsn), ("onderwijsnummer", onderwijsnummer), ("btw", btw)];
        for &(kind, check) in checks {
            crate::recognizers::tests::agrees(kind, check);
        }
    }

    #[test]
    fn an_administration_number() {
        assert!(a_nummer("1745105604"));
        for wrong in ["7159878731", "1745105605", "0745105604", "174510560", "1145105604"] {
            assert!(!a_nummer(wrong), "{wrong}");
        }
    }

    #[test]
    fn documents() {
        assert!(travel_document("NW1B2C3D4") && travel_document("IGXHYA8N9"));
        for wrong in ["NO1B2C3D4", "N11B2C3D4", "NW1B2C3DX", "NW1B2C3D", "CW1B2C3D4"] {
            assert!(!travel_document(wrong), "{wrong}");
        }
    }

    #[test]
    fn plates() {
        for right in [
            "AB1234", "1234AB", "12AB34", "BD12FG", "BDFG12", "12BDFG", "12BDF3", "1BDF23", "BD123F",
            "B123DF",
        ] {
            assert!(plate(right), "{right}");
        }
        for wrong in ["AB12CD", "12PVV3", "GVD12X", "ABC123", "123456", "BDFGHJ", "12BD34F", "SS1234"] {
            assert!(!plate(wrong), "{wrong}");
        }
        assert!(big("19059236216") && !big("18059236216") && parket("0634427218") && !parket("0034427218"));
    }
}
