//! Machine-readable lines of travel documents (ICAO 9303).

use super::{Candidate, Recognizer, Scan, because, compact};
use crate::Kind;
use crate::checks::other::mrz_line;

/// The longest line, that of a passport.
const LINE_BYTES_MAX: usize = 44;

/// Finds lines of 30, 36 or 44 characters with fillers.
pub(crate) struct MachineReadable;

impl Recognizer for MachineReadable {
    fn kinds(&self) -> Vec<Kind> {
        vec![Kind::TravelDocument]
    }

    fn version(&self) -> u32 {
        1
    }

    fn candidates(&self, scan: &Scan<'_>, sink: &mut dyn FnMut(Candidate)) {
        let bytes = scan.text.as_bytes();
        let belongs = |b: &u8| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'<';
        let mut done = 0;
        for &at in &scan.marks.angles {
            scan.step();
            if at < done {
                continue;
            }
            let head = bytes.get(at.saturating_sub(LINE_BYTES_MAX)..at).unwrap_or_default();
            let tail = bytes.get(at..at.saturating_add(LINE_BYTES_MAX).min(bytes.len())).unwrap_or_default();
            let start = at.saturating_sub(head.iter().rev().take_while(|b| belongs(b)).count());
            let end = at.saturating_add(tail.iter().take_while(|b| belongs(b)).count());
            done = end;
            if mrz_line(scan.slice(start, end)) && !scan.attached_before(start) && !scan.attached_after(end) {
                let reasons = vec![because("a machine-readable line", 85)];
                let canonical = compact(scan.slice(start, end));
                sink(Candidate { kind: Kind::TravelDocument, start, end, canonical, reasons, judged: false });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use super::*;

    #[test]
    fn lines_are_cut() {
        let text =
            "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10";
        assert_eq!(found(Kind::TravelDocument, text).len(), 2);
        assert!(found(Kind::TravelDocument, "als a << b en c << d, dan <<<<<<<<").is_empty());
    }
}
