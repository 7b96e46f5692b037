//! Check digits: whether letters and digits, without separators and in capitals, can be a number of some kind.
//!
//! Every check takes what it is given: a wrong length or a stray letter is "no", never a fault.

pub(crate) mod dutch;
pub(crate) mod europe;
pub(crate) mod other;

/// The value of the digit at `at`; `None` when it is no digit.
fn digit(number: &str, at: usize) -> Option<u32> {
    number.as_bytes().get(at).filter(|b| b.is_ascii_digit()).map(|&b| u32::from(b.saturating_sub(b'0')))
}

/// Σ weight · digit over the first digits, one for each weight.
fn weighted(number: &str, weights: &[u32]) -> Option<u32> {
    let mut sum = 0_u32;
    for (at, weight) in weights.iter().enumerate() {
        sum = sum.saturating_add(weight.saturating_mul(digit(number, at)?));
    }
    Some(sum)
}

/// The number in `from..to`.
fn value(number: &str, from: usize, to: usize) -> Option<u32> {
    let part = number.get(from..to)?;
    if part.bytes().all(|b| b.is_ascii_digit()) { part.parse().ok() } else { None }
}

/// Whether the number is `length` digits, not all the same.
fn is_digits(number: &str, length: usize) -> bool {
    let first = number.bytes().next();
    number.len() == length
        && number.bytes().all(|b| b.is_ascii_digit())
        && number.bytes().any(|b| Some(b) != first)
}

/// Remainder of the decimal digits by a small modulus.
fn remainder(digits: &str, modulus: u32) -> Option<u32> {
    let mut rest = 0_u32;
    for at in 0..digits.len() {
        rest = rest.saturating_mul(10).saturating_add(digit(digits, at)?) % modulus;
    }
    Some(rest)
}

/// ISO 7064 mod 97-10 over letters (A = 10 … Z = 35) and digits: 1 when valid.
pub(crate) fn mod_97(text: impl Iterator<Item = u8>) -> Option<u32> {
    let mut rest = 0_u32;
    for byte in text {
        let value = char::from(byte).to_digit(36)?;
        let shift = if value > 9 { 100 } else { 10 };
        rest = rest.saturating_mul(shift).saturating_add(value) % 97;
    }
    Some(rest)
}

/// ISO 7064 mod 11,10 over all digits, the check digit last.
pub(crate) fn mod_11_10(number: &str) -> bool {
    let mut check = 5_u32;
    for at in 0..number.len() {
        let Some(digit) = digit(number, at) else { return false };
        let product = if check == 0 { 10 } else { check } * 2 % 11;
        check = product.saturating_add(digit) % 10;
    }
    check == 1
}

/// The Luhn formula (ISO/IEC 7812-1) over all digits, the check digit last.
pub(crate) fn luhn(number: &str) -> bool {
    let mut sum = 0_u32;
    for (at, byte) in number.bytes().rev().enumerate() {
        let Some(digit) = char::from(byte).to_digit(10) else { return false };
        let doubled = if at % 2 == 1 { digit.saturating_mul(2) } else { digit };
        sum = sum.saturating_add(if doubled > 9 { doubled.saturating_sub(9) } else { doubled });
    }
    sum.is_multiple_of(10)
}

/// Whether a day exists in the Gregorian calendar.
pub(crate) const fn is_date(year: u32, month: u32, day: u32) -> bool {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    day >= 1 && day <= days
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic() {
        assert!(luhn("4111111111111111") && !luhn("4111111111111112") && !luhn("4x"));
        assert!(
            is_date(2000, 2, 29) && !is_date(1900, 2, 29) && !is_date(2001, 13, 1) && !is_date(2001, 1, 0)
        );
        assert_eq!(mod_97("NL123456789B13".bytes()), mod_97("NL123456789B13".bytes()));
        assert!(mod_11_10("36574261809"));
        assert_eq!(remainder("1234567890123", 97), Some(u32::try_from(1_234_567_890_123_u64 % 97).unwrap()));
    }
}
