//! Numbers as reports have them: exact, with at most six decimals, and one way to write each. In RFC 8785 a number is a
//! double, which two programs may round differently; text they cannot.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Millionths in one.
const SCALE: i64 = 1_000_000;
const DIGITS: usize = 6;
/// Largest magnitude, in ones: far above any count of tokens, and safe in every sum of two.
const ONES_MAX: i64 = 1_000_000_000_000;

/// A number with at most six decimals, exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decimal {
    millionths: i64,
}

impl Decimal {
    fn new(millionths: i64) -> Option<Self> {
        (millionths.unsigned_abs() <= ONES_MAX.unsigned_abs().saturating_mul(SCALE.unsigned_abs()))
            .then_some(Self { millionths })
    }

    /// A count; `None` above 10¹².
    #[must_use]
    pub fn of_count(count: u64) -> Option<Self> {
        i64::try_from(count).ok()?.checked_mul(SCALE).and_then(Self::new)
    }

    /// The nearest to a measured value; `None` for one that is no number or has no place.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, reason = "the value was found to fit")]
    pub fn nearest(value: f64) -> Option<Self> {
        let millionths = (value * SCALE as f64).round();
        let fits = millionths.is_finite() && millionths.abs() <= (ONES_MAX as f64) * (SCALE as f64);
        if fits { Self::new(millionths as i64) } else { None }
    }

    /// A threshold as TOML has it: an integer, a number with at most six decimals, or the same as text.
    pub(crate) fn of_toml(value: &toml::Value) -> Option<Self> {
        match value {
            toml::Value::Integer(number) => number.checked_mul(SCALE).and_then(Self::new),
            toml::Value::Float(number) => number.to_string().parse().ok(),
            toml::Value::String(text) => text.parse().ok(),
            _ => None,
        }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.millionths / SCALE, (self.millionths % SCALE).unsigned_abs());
        let sign = if self.millionths < 0 { "-" } else { "" };
        write!(f, "{sign}{}", whole.unsigned_abs())?;
        if part == 0 {
            return Ok(());
        }
        let digits = format!("{part:0DIGITS$}");
        write!(f, ".{}", digits.trim_end_matches('0'))
    }
}

/// Why a text is no number of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no number of at most six decimals, written without exponent, plus sign or superfluous zeros")]
pub struct DecimalError;

impl FromStr for Decimal {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, DecimalError> {
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let digits = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let unsigned = whole.strip_prefix('-').unwrap_or(whole);
        if !digits(unsigned) || part.len() > DIGITS || (text.contains('.') && !digits(part)) {
            return Err(DecimalError);
        }
        let ones: i64 = unsigned.parse().map_err(|_| DecimalError)?;
        let part: i64 = format!("{part:0<DIGITS$}").parse().map_err(|_| DecimalError)?;
        let sum = ones.checked_mul(SCALE).and_then(|ones| ones.checked_add(part)).ok_or(DecimalError)?;
        let signed = if whole.starts_with('-') { sum.saturating_neg() } else { sum };
        // One number has one text: what is written another way is no number here.
        Self::new(signed).filter(|number| number.to_string() == text).ok_or(DecimalError)
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_has_one_text() {
        for text in ["0", "1", "-1", "0.5", "-0.000001", "12.34", "1000000000000", "0.000001"] {
            assert_eq!(text.parse::<Decimal>().unwrap().to_string(), text);
        }
        let others = [
            "",
            "-",
            ".5",
            "1.",
            "01",
            "-0",
            "0.0",
            "1.10",
            "+1",
            "1e3",
            "0.0000001",
            "1000000000001",
            " 1",
            "1,5",
            "--1",
            "0x1",
            "١",
            "1_0",
        ];
        for text in others {
            assert!(text.parse::<Decimal>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn order_is_that_of_the_numbers() {
        let number = |text: &str| text.parse::<Decimal>().unwrap();
        assert!(
            number("-2") < number("-1.5") && number("0.1") < number("0.11") && number("9") < number("10")
        );
    }

    #[test]
    fn what_is_measured_is_rounded_once() {
        assert_eq!(Decimal::nearest(1.000_000_4).unwrap().to_string(), "1");
        assert_eq!(Decimal::nearest(23.456_789_51).unwrap().to_string(), "23.45679");
        assert_eq!(Decimal::nearest(-0.000_000_1).unwrap().to_string(), "0");
        for none in [f64::NAN, f64::INFINITY, 1e13, -1e300] {
            assert_eq!(Decimal::nearest(none), None);
        }
        assert_eq!(Decimal::of_count(7).unwrap().to_string(), "7");
        assert_eq!(Decimal::of_count(u64::MAX), None);
    }

    #[test]
    fn thresholds_are_what_they_say() {
        let of =
            |text: &str| Decimal::of_toml(toml::from_str::<toml::Table>(text).unwrap().get("a").unwrap());
        assert_eq!(of("a = 0.02").unwrap().to_string(), "0.02");
        assert_eq!(of("a = 40").unwrap().to_string(), "40");
        assert_eq!(of("a = \"0.5\"").unwrap().to_string(), "0.5");
        assert_eq!(of("a = 1.0").unwrap().to_string(), "1");
        for none in ["a = nan", "a = inf", "a = 1e-9", "a = true", "a = \"much\""] {
            assert_eq!(of(none), None, "{none}");
        }
    }
}
