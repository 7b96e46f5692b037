//! Numbers that belong to no country: cards, devices, banks, machine-readable lines.

use super::{digit, is_digits, luhn, value};

/// Payment card: an issuer's range that is in use, its length, and Luhn.
pub(crate) fn card(number: &str) -> bool {
    let in_range =
        |from: usize, low: u32, high: u32| value(number, 0, from).is_some_and(|v| (low..=high).contains(&v));
    let issued = match number.len() {
        14 => in_range(3, 300, 305) || in_range(2, 36, 36) || in_range(2, 38, 39),
        15 => in_range(2, 34, 34) || in_range(2, 37, 37),
        13 => in_range(1, 4, 4),
        16 => {
            in_range(1, 4, 4)
                || in_range(2, 51, 55)
                || in_range(4, 2221, 2720)
                || in_range(4, 3528, 3589)
                || in_range(4, 6011, 6011)
                || in_range(2, 62, 65)
                || in_range(2, 50, 50)
                || in_range(2, 56, 58)
                || in_range(2, 67, 67)
        }
        17..=19 => in_range(1, 4, 4) || in_range(2, 50, 50) || in_range(2, 56, 58) || in_range(1, 6, 6),
        _ => false,
    };
    issued && is_digits(number, number.len()) && luhn(number)
}

/// IMEI: fifteen digits with Luhn, the first eight naming the type.
pub(crate) fn imei(number: &str) -> bool {
    is_digits(number, 15) && !number.starts_with("00") && luhn(number)
}

/// BIC: four letters of the bank, a country, two of the place, and three of the branch or none.
pub(crate) fn bic(number: &str) -> bool {
    /// ISO 3166-1 codes of Europe, and of what its residents pay to most.
    const COUNTRIES: &[&str] = &[
        "AD", "AE", "AL", "AT", "AU", "BA", "BE", "BG", "BR", "CA", "CH", "CN", "CW", "CY", "CZ", "DE", "DK",
        "EE", "ES", "FI", "FR", "GB", "GE", "GI", "GR", "HK", "HR", "HU", "IE", "IL", "IN", "IS", "IT", "JP",
        "LI", "LT", "LU", "LV", "MA", "MC", "MD", "ME", "MK", "MT", "NL", "NO", "PL", "PT", "RO", "RS", "SE",
        "SG", "SI", "SK", "SM", "SR", "TN", "TR", "UA", "US", "VA", "XK", "ZA",
    ];
    matches!(number.len(), 8 | 11)
        && number.get(..4).is_some_and(|bank| bank.bytes().all(|b| b.is_ascii_uppercase()))
        && number.get(4..6).is_some_and(|country| COUNTRIES.binary_search(&country).is_ok())
        && number.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// The check digit of a machine-readable field (ICAO 9303, part 3): weights 7 3 1, letters from 10, `<` as 0.
pub(crate) fn mrz_digit(field: &str) -> Option<u32> {
    let mut sum = 0_u32;
    for (at, byte) in field.bytes().enumerate() {
        let value = if byte == b'<' { 0 } else { char::from(byte).to_digit(36)? };
        let weight = [7_u32, 3, 1].get(at % 3)?;
        sum = sum.saturating_add(value.saturating_mul(*weight));
    }
    Some(sum % 10)
}

/// Whether a line of 30, 36 or 44 capitals, digits and `<` is machine-readable data of a travel document: a name line
/// by its fillers, a data line by a check digit that holds.
pub(crate) fn mrz_line(line: &str) -> bool {
    if !matches!(line.len(), 30 | 36 | 44)
        || !line.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'<')
    {
        return false;
    }
    let holds = |from: usize, to: usize| {
        line.get(from..to).and_then(mrz_digit).is_some_and(|check| digit(line, to) == Some(check))
    };
    let name = line.contains("<<") && line.bytes().next().is_some_and(|b| b"PIACV".contains(&b));
    match line.len() {
        30 => name || holds(5, 14) || (holds(0, 6) && holds(8, 14)) || line.contains("<<"),
        _ => name || (holds(0, 9) && holds(13, 19)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oracle_agrees() {
        crate::recognizers::tests::agrees("imei", imei);
    }

    #[test]
    fn cards() {
        for right in
            ["4111111111111111", "5500005555555559", "378282246310005", "30569309025904", "6011111111111117"]
        {
            assert!(card(right), "{right}");
        }
        for wrong in ["4111111111111112", "0000000000000000", "9111111111111111", "411111111111111"] {
            assert!(!card(wrong), "{wrong}");
        }
    }

    /// The specimens of ICAO 9303, parts 4 and 5.
    #[test]
    fn machine_readable_lines() {
        assert_eq!(mrz_digit("L898902C3"), Some(6));
        assert_eq!(mrz_digit("740812"), Some(2));
        for right in [
            "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
            "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
            "I<UTOD231458907<<<<<<<<<<<<<<<",
            "7408122F1204159UTO<<<<<<<<<<<6",
        ] {
            assert!(mrz_line(right), "{right}");
        }
        assert!(!mrz_line("L898902C37UTO7408123F1204159ZE184226BCCCCC10"));
        assert!(!mrz_line("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123"));
    }
}
