//! What is harmless to keep of a value: the decade of an age, the year of a birth, the network of an address.

use crate::Kind;

/// The kinds that a profile may generalise.
pub(crate) const POSSIBLE: &[Kind] =
    &[Kind::Age, Kind::BirthDate, Kind::Postcode, Kind::Ip, Kind::Iban, Kind::Coordinates];

/// What is kept of a value; `None` where it is not certain, and the value is then masked.
///
/// `canonical` is the recognizer's own form of it, `original` how it stands in the text. What is kept is never itself found as
/// personal data: an IPv4 network is `192.0.2.x` and not `192.0.2.0/24`.
pub(crate) fn keep(kind: Kind, canonical: &str, original: &str) -> Option<String> {
    match kind {
        Kind::Age => age(canonical, original),
        Kind::BirthDate => year(canonical),
        Kind::Postcode => digits(canonical, 4, |after| after.is_ascii_alphabetic()),
        Kind::Ip => network(canonical),
        Kind::Iban => canonical
            .get(..2)
            .filter(|country| country.bytes().all(|b| b.is_ascii_uppercase()))
            .map(str::to_owned),
        Kind::Coordinates => coordinates(original),
        _ => None,
    }
}

/// The decade; an age in weeks or months is under ten.
fn age(canonical: &str, original: &str) -> Option<String> {
    let young = ["maand", "mnd", "week", "weken", "month"];
    let written = original.to_lowercase();
    let years: u32 = canonical.parse().ok().filter(|years| *years <= 120)?;
    let from = if young.iter().any(|unit| written.contains(unit)) { 0 } else { years / 10 * 10 };
    // The oldest are few, and a decade of them says who they are.
    Some(if from >= 90 { "90+".to_owned() } else { format!("{from}-{}", from.saturating_add(9)) })
}

/// Of `YYYYMMDD`.
fn year(canonical: &str) -> Option<String> {
    let whole = canonical.len() == 8 && canonical.bytes().all(|b| b.is_ascii_digit());
    canonical.get(..4).filter(|_| whole).map(str::to_owned)
}

/// The first `count` digits, where what follows is of the shape that it should have.
fn digits(canonical: &str, count: usize, after: fn(&u8) -> bool) -> Option<String> {
    let head = canonical.get(..count).filter(|head| head.bytes().all(|b| b.is_ascii_digit()))?;
    canonical.as_bytes().get(count).filter(|byte| after(byte)).map(|_| head.to_owned())
}

/// `192.0.2.x`, or the first 48 bits of an IPv6 address.
fn network(canonical: &str) -> Option<String> {
    match canonical.parse().ok()? {
        core::net::IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            Some(format!("{a}.{b}.{c}.x"))
        }
        core::net::IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            // A mapped IPv4 address says all in its last bits, and nothing in its first.
            if a == 0 { None } else { Some(format!("{a:x}-{b:x}-{c:x}-x")) }
        }
    }
}

/// One decimal: some eleven kilometres. Two decimal numbers and nothing else, or it is not certain what they are.
fn coordinates(original: &str) -> Option<String> {
    let parts: Vec<&str> = original
        .split(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '-'))
        .filter(|part| !part.is_empty())
        .collect();
    let round = |part: &str| part.parse().ok().filter(|n: &f64| n.abs() <= 180.0).map(|n| format!("{n:.1}"));
    match parts.as_slice() {
        [one, two] if one.contains('.') && two.contains('.') && !original.contains(['°', '\'', '"']) => {
            Some(format!("{}, {}", round(one)?, round(two)?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Action, KindRule, Profile, Redactor};

    #[test]
    fn what_is_kept_of_each_kind() {
        let keep = |kind, canonical, original| keep(kind, canonical, original);
        for (kind, canonical, original, kept) in [
            (Kind::Age, "57", "57 jaar", Some("50-59")),
            (Kind::Age, "9", "9 jaar", Some("0-9")),
            (Kind::Age, "18", "18 maanden", Some("0-9")),
            (Kind::Age, "103", "103 jaar", Some("90+")),
            (Kind::Age, "achttien", "achttien jaar", None),
            (Kind::BirthDate, "19851203", "3 december 1985", Some("1985")),
            (Kind::BirthDate, "1985", "1985", None),
            (Kind::Postcode, "2511CV 70", "2511 CV 70", Some("2511")),
            (Kind::Postcode, "25111 70", "25111 70", None),
            (Kind::Ip, "203.0.113.77", "203.0.113.77", Some("203.0.113.x")),
            (Kind::Ip, "2001:db8:12:34::1", "2001:db8:12:34::1", Some("2001-db8-12-x")),
            (Kind::Ip, "::ffff:203.0.113.77", "::ffff:203.0.113.77", None),
            (Kind::Iban, "NL91ABNA0417164300", "NL91 ABNA 0417 1643 00", Some("NL")),
            (Kind::Coordinates, "", "52.46510, 4.80420", Some("52.5, 4.8")),
            (Kind::Coordinates, "", "52°27'54.4\"N", None),
            (Kind::Bsn, "111222333", "111222333", None),
        ] {
            assert_eq!(keep(kind, canonical, original).as_deref(), kept, "{kind} {original}");
        }
    }

    /// What is kept holds nothing that would be found again, so a text can be stripped twice, and an answer may repeat it.
    #[test]
    fn what_is_kept_is_not_found_again() {
        let rule = KindRule { action: Action::Generalise, ..KindRule::default() };
        let profile =
            POSSIBLE.iter().fold(Profile::default().with_names(), |p, &kind| p.with_rule(kind, rule));
        let redactor = Redactor::new(profile).unwrap();
        let text = "Geboren op 3 december 1985, woont op 2511 CV 70. Mijn IBAN is NL91 ABNA 0417 1643 00. \
                    Vanaf IP-adres 145.7.191.24 en 2a02:a45f:12:34::1. Locatie: 52.46510, 4.80420. \
                    Mevrouw Fatima de Vries is 57 jaar oud.";
        let once = redactor.redact(&[text]).unwrap();
        for kept in ["⟦GEBOORTEDATUM=1985⟧", "⟦POSTCODE=2511⟧", "⟦IBAN=NL⟧", "⟦IP-ADRES=145.7.191.x⟧"]
        {
            assert!(once.texts[0].contains(kept), "{kept} in {}", *once.texts[0]);
        }
        for kept in ["⟦IP-ADRES=2a02-a45f-12-x⟧", "⟦COORDINATEN=52.5, 4.8⟧", "⟦LEEFTIJD=50-59⟧"] {
            assert!(once.texts[0].contains(kept), "{kept} in {}", *once.texts[0]);
        }
        let twice = redactor.redact(&[once.texts[0].as_str()]).unwrap();
        let again: Vec<_> = twice.findings.iter().filter(|f| POSSIBLE.contains(&f.kind)).collect();
        assert!(again.is_empty(), "{again:?}");
        let mut screen = redactor.screen(&once.vault);
        let out = screen.push(&once.texts[0]).unwrap() + &screen.finish().unwrap();
        assert_eq!(out, *once.texts[0]);
    }
}
