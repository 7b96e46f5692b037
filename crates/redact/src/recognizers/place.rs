//! Coordinates precise enough to name a house.

use super::{Candidate, Recognizer, Scan, because};
use crate::Kind;
use crate::vault::Secret;

/// Four decimals of a degree are some eleven metres.
const DECIMALS_MIN: usize = 4;

/// Finds pairs of decimal degrees, one after its label, and degrees with minutes and seconds.
pub(crate) struct Coordinates;

impl Recognizer for Coordinates {
    fn kinds(&self) -> Vec<Kind> {
        vec![Kind::Coordinates]
    }

    fn version(&self) -> u32 {
        1
    }

    fn candidates(&self, scan: &Scan<'_>, sink: &mut dyn FnMut(Candidate)) {
        let mut done = 0;
        for first in 0..scan.groups().len() {
            scan.step();
            if scan.groups().get(first).is_some_and(|g| g.start < done) {
                continue;
            }
            let Some((start, end, reason)) =
                pair(scan, first).or_else(|| single(scan, first)).or_else(|| sexagesimal(scan, first))
            else {
                continue;
            };
            done = end;
            let mut reasons = vec![reason];
            if scan.attached_before(start) || scan.came_on(start) || scan.goes_on(end) {
                reasons.push(because("part of something longer", -30));
            }
            let canonical: String = scan
                .slice(start, end)
                .chars()
                .filter(|c| c.is_ascii_digit() || matches!(c, '.' | ',' | '-'))
                .collect();
            sink(Candidate {
                kind: Kind::Coordinates,
                start,
                end,
                canonical: Secret::new(&canonical),
                reasons,
                judged: false,
            });
        }
    }
}

/// A decimal number from group `first`: where it starts (with its sign) and ends, and its whole part; `mark` is the point.
fn decimal(scan: &Scan<'_>, first: usize, mark: &str, whole_max: u32) -> Option<(usize, usize)> {
    let [whole, part] = scan.groups().get(first..first.saturating_add(2))? else { return None };
    if part.len() < DECIMALS_MIN || scan.slice(whole.end, part.start) != mark {
        return None;
    }
    let value: u32 = scan.slice(whole.start, whole.end).parse().ok()?;
    let right = whole.len() <= 3
        && value <= whole_max
        && scan.slice(whole.end, part.start) == mark
        && part.len() >= DECIMALS_MIN
        && part.len() <= 15;
    let signed = scan.byte_before(whole.start) == Some(b'-');
    let start = if signed { whole.start.saturating_sub(1) } else { whole.start };
    right.then_some((start, part.end))
}

fn pair(scan: &Scan<'_>, first: usize) -> Option<(usize, usize, crate::finding::Reason)> {
    for (mark, points) in [(".", 64), (",", 30)] {
        let Some((start, middle)) = decimal(scan, first, mark, 90) else { continue };
        let Some((second, end)) = decimal(scan, first.saturating_add(2), mark, 180) else { continue };
        let between = scan.slice(middle, second);
        let fits = !between.is_empty()
            && between.len() <= 12
            && between.chars().all(|c| {
                matches!(
                    c,
                    ' ' | ',' | ';' | '/' | '|' | '\t' | '°' | 'N' | 'S' | 'O' | 'E' | 'W' | '(' | ')' | '\n'
                )
            });
        if fits {
            // Outside Europe, two numbers are more often a measurement.
            let near = mark == "." && in_europe(scan.slice(start, middle), scan.slice(second, end));
            let end = with_quarter(scan, end);
            return match (near, scan.around(start, end).points(Kind::Coordinates) > 0) {
                (true, _) => Some((start, end, because("two coordinates in Europe", points))),
                (false, true) => Some((start, end, because("two coordinates", 30))),
                (false, false) => None,
            };
        }
    }
    None
}

/// Whether degrees lie between Iceland and Cyprus.
fn in_europe(latitude: &str, longitude: &str) -> bool {
    let whole = |text: &str| text.split('.').next().and_then(|w| w.parse::<i32>().ok());
    matches!((whole(latitude), whole(longitude)), (Some(34..=71), Some(-25..=40)))
}

/// The end with the letter of its quarter, as in `4.8952° E`.
fn with_quarter(scan: &Scan<'_>, end: usize) -> usize {
    let rest = scan.text.get(end..).unwrap_or_default();
    let letter = rest.trim_start_matches(['°', ' ', '"', '\'']);
    let skipped = rest.len().saturating_sub(letter.len());
    let alone = letter.starts_with(['N', 'S', 'E', 'O', 'W'])
        && !letter.chars().nth(1).is_some_and(char::is_alphanumeric);
    if skipped <= 3 && alone { end.saturating_add(skipped).saturating_add(1) } else { end }
}

/// One coordinate, after a word for it.
fn single(scan: &Scan<'_>, first: usize) -> Option<(usize, usize, crate::finding::Reason)> {
    let (start, end) = decimal(scan, first, ".", 180)?;
    (scan.around(start, end).points(Kind::Coordinates) > 0).then(|| (start, end, because("a coordinate", 30)))
}

/// `52°22'12"N`, and `4°53'42.5"E` after it in a candidate of its own.
fn sexagesimal(scan: &Scan<'_>, first: usize) -> Option<(usize, usize, crate::finding::Reason)> {
    let [degrees, minutes, seconds] = scan.groups().get(first..first.saturating_add(3))? else { return None };
    let value: u32 = scan.slice(degrees.start, degrees.end).parse().ok()?;
    let mark = |from: usize, to: usize, sign: char| {
        let text = scan.slice(from, to);
        text.len() <= 4 && text.trim_matches(' ').starts_with(sign)
    };
    if value > 180
        || degrees.len() > 3
        || !mark(degrees.end, minutes.start, '°')
        || !mark(minutes.end, seconds.start, '\'')
    {
        return None;
    }
    let rest = scan.text.get(seconds.end..)?;
    let fraction = if rest.starts_with(['.', ',']) {
        rest.bytes().skip(1).take(6).take_while(u8::is_ascii_digit).count().saturating_add(1)
    } else {
        0
    };
    Some((
        degrees.start,
        seconds.end.saturating_add(if fraction > 1 { fraction } else { 0 }),
        because("degrees, minutes and seconds", 64),
    ))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{all_found, found};
    use super::*;

    #[test]
    fn coordinates() {
        for (text, want) in [
            ("op 52.46510, 5.61539 gezien", "52.46510, 5.61539"),
            ("(52.37021;4.89517)", "52.37021;4.89517"),
            ("52.370216N 4.895168E.", "52.370216N 4.895168E"),
            ("lat: 52.37021", "52.37021"),
            ("52°22'12\" N", "52°22'12"),
            ("locatie 52,46510 5,61539", "52,46510 5,61539"),
        ] {
            assert_eq!(found(Kind::Coordinates, text), vec![want.to_owned()], "{text}");
        }
        for text in ["52.3, 4.9", "pi is 3.14159", "koers 1.0823", "0.1234, 0.5678", "1.2345.6789"] {
            assert_eq!(all_found(text), vec![], "{text}");
        }
    }
}
