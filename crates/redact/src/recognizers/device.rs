//! Addresses of devices on a network: IPv4, IPv6, MAC.

use core::net::{Ipv4Addr, Ipv6Addr};

use super::{Candidate, Recognizer, Scan, because, compact};
use crate::Kind;
use crate::vault::Secret;

/// The longest address in words of 16 bits, with a dotted end.
const ADDRESS_BYTES_MAX: usize = 46;

/// Finds network addresses.
pub(crate) struct Device;

impl Recognizer for Device {
    fn kinds(&self) -> Vec<Kind> {
        vec![Kind::Ip, Kind::Mac]
    }

    fn version(&self) -> u32 {
        1
    }

    fn candidates(&self, scan: &Scan<'_>, sink: &mut dyn FnMut(Candidate)) {
        for first in 0..scan.groups().len() {
            scan.step();
            if let Some(candidate) = version_4(scan, first) {
                sink(candidate);
            }
        }
        let mut done = 0;
        for &at in &scan.marks.joints {
            scan.step();
            if at >= done {
                done = hexadecimal(scan, at, sink);
            }
        }
    }
}

/// Four numbers to 255, with points.
fn version_4(scan: &Scan<'_>, first: usize) -> Option<Candidate> {
    let [a, b, c, d] = scan.groups().get(first..first.saturating_add(4))? else { return None };
    if [(a, b), (b, c), (c, d)].iter().any(|(x, y)| scan.slice(x.end, y.start) != ".") || a.len() > 3 {
        return None;
    }
    let text = scan.slice(a.start, d.end);
    let address: Ipv4Addr = text.parse().ok()?;
    let octets = address.octets();
    if address.is_documentation()
        || address.is_loopback()
        || address.is_unspecified()
        || address.is_multicast()
        || octets[0] >= 224
        || octets[0] == 0
    {
        return None;
    }
    let mut reasons = vec![because("four numbers to 255", 62)];
    // Versions have small numbers; addresses seldom have four of them.
    if octets.iter().all(|&octet| octet < 30) {
        reasons.push(because("may be a version", -17));
    }
    let continued = scan.came_on(a.start) || (scan.goes_on(d.end) && scan.byte(d.end) != Some(b'/'));
    if scan.attached_before(a.start) || scan.attached_after(d.end) || continued {
        reasons.push(because("part of something longer", -35));
    }
    Some(Candidate {
        kind: Kind::Ip,
        start: a.start,
        end: d.end,
        canonical: Secret::new(text),
        reasons,
        judged: false,
    })
}

/// Reads the hexadecimal digits and marks around `at`; returns where they end.
fn hexadecimal(scan: &Scan<'_>, at: usize, sink: &mut dyn FnMut(Candidate)) -> usize {
    let bytes = scan.text.as_bytes();
    let belongs = |b: &u8| b.is_ascii_hexdigit() || matches!(b, b':' | b'-' | b'.');
    let head = bytes.get(at.saturating_sub(ADDRESS_BYTES_MAX)..at).unwrap_or_default();
    let tail = bytes.get(at..at.saturating_add(ADDRESS_BYTES_MAX).min(bytes.len())).unwrap_or_default();
    let start = at.saturating_sub(head.iter().rev().take_while(|b| belongs(b)).count());
    let stop = at.saturating_add(tail.iter().take_while(|b| belongs(b)).count());
    let text = scan.slice(start, stop);
    let trimmed = text.trim_end_matches(['.', '-']);
    let trimmed = if trimmed.ends_with("::") { trimmed } else { trimmed.trim_end_matches(':') };
    let text = if trimmed.starts_with("::") { trimmed } else { trimmed.trim_start_matches([':', '.', '-']) };
    let skipped = if trimmed.len() == text.len() { 0 } else { trimmed.len().saturating_sub(text.len()) };
    let start = start.saturating_add(skipped);
    let end = start.saturating_add(text.len());
    let attached = scan.attached_before(start) || scan.attached_after(end);
    if is_mac(text) && !attached {
        let reasons = vec![because("octets of a hardware address", 75)];
        sink(Candidate { kind: Kind::Mac, start, end, canonical: compact(text), reasons, judged: false });
    } else if is_version_6(text) && !attached {
        let reasons = vec![because("an address of 128 bits", 75)];
        let canonical = Secret::new(&text.to_ascii_lowercase());
        sink(Candidate { kind: Kind::Ip, start, end, canonical, reasons, judged: false });
    }
    stop.max(at.saturating_add(1))
}

/// Six or eight pairs, or three fours with points (IEEE 802).
fn is_mac(text: &str) -> bool {
    let of = |separator: char, length: usize, counts: &[usize]| {
        counts.contains(&text.split(separator).count())
            && text
                .split(separator)
                .all(|part| part.len() == length && part.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    let hex = text.bytes().filter(u8::is_ascii_hexdigit);
    let first = text.bytes().next();
    (of(':', 2, &[6, 8]) || of('-', 2, &[6, 8]) || of('.', 4, &[3]))
        && hex.clone().any(|b| Some(b) != first)
        && (text.contains(':') || hex.clone().any(|b| b.is_ascii_alphabetic()))
}

fn is_version_6(text: &str) -> bool {
    let hex = text.bytes().filter(u8::is_ascii_hexdigit).count();
    let Ok(address) = text.parse::<Ipv6Addr>() else { return false };
    let [first, second, ..] = address.segments();
    hex >= 4
        && text.bytes().any(|b| b.is_ascii_digit())
        && !address.is_loopback()
        && !address.is_unspecified()
        // RFC 3849 and RFC 9637: for documentation.
        && !(first == 0x2001 && second == 0xDB8)
        && first & 0xFFF0 != 0x3FF0
}

#[cfg(test)]
mod tests {
    use super::super::tests::{all_found, found};
    use super::*;

    #[test]
    fn addresses() {
        for (kind, text, want) in [
            (Kind::Ip, "vanaf 79.167.88.112.", "79.167.88.112"),
            (Kind::Ip, "IP-adres: 10.2.3.4", "10.2.3.4"),
            (
                Kind::Ip,
                "van 2a02:a4f2:741d:1:cab5:da65:94e3:8107 met",
                "2a02:a4f2:741d:1:cab5:da65:94e3:8107",
            ),
            (Kind::Ip, "fe80::1ff:fe23:4567:890a", "fe80::1ff:fe23:4567:890a"),
            (Kind::Ip, "client=79.167.88.112:443", "79.167.88.112"),
            (Kind::Mac, "B2:79:DD:31:B8:D6", "B2:79:DD:31:B8:D6"),
            (Kind::Mac, "apparaat b2-79-dd-31-b8-d6,", "b2-79-dd-31-b8-d6"),
            (Kind::Mac, "0011.22aa.44bb", "0011.22aa.44bb"),
            (Kind::Mac, "FE:DC:BA:AA:BB:CC", "FE:DC:BA:AA:BB:CC"),
        ] {
            assert_eq!(found(kind, text), vec![want.to_owned()], "{text}");
        }
        for text in [
            "192.0.2.1",
            "127.0.0.1",
            "255.255.255.255",
            "2001:db8::1",
            "::1",
            "versie 10.2.3.4",
            "om 12:30:45 uur",
            "std::fmt",
            "1.2.3.4.5",
            "00:00:00:00:00:00",
            "550e8400-e29b-41d4-a716-446655440000",
            "SHA:aa:bb:cc:dd:ee:ff:00:11:22:33",
        ] {
            assert_eq!(all_found(text), vec![], "{text}");
        }
    }
}
