//! Number plates behind a word for them, written as people do: `kenteken vx 921 h`, `auto 1 - zkb - 44`, `4=RTP=81`.

use super::{CUED_CHARS_MAX, Candidate, Recognizer, Scan, because};
use crate::Kind;
use crate::checks::dutch;
use crate::vault::Secret;

/// How far behind the word a plate begins, in bytes.
const REACH_BYTES_MAX: usize = 32;
/// Letters and digits of a plate, and its groups.
const MEMBERS: usize = 6;
const GROUPS: usize = 3;

/// Finds plates that only their word shows; those in their usual writing are a row of the table.
pub(crate) struct SaidPlate;

impl Recognizer for SaidPlate {
    fn kinds(&self) -> Vec<Kind> {
        vec![Kind::NumberPlate]
    }

    fn version(&self) -> u32 {
        1
    }

    fn candidates(&self, scan: &Scan<'_>, sink: &mut dyn FnMut(Candidate)) {
        let mut done = 0;
        for hit in scan.spoken.hits() {
            if !scan.spoken.cues.speaks_for(*hit, Kind::NumberPlate) {
                continue;
            }
            let from = done.max(hit.end as usize);
            let to = (hit.end as usize).saturating_add(REACH_BYTES_MAX);
            // Between the words: a plate begins where another word or sign ends.
            let begins = |&at: &usize| {
                scan.byte(at).is_some_and(|b| b.is_ascii_alphanumeric()) && !scan.attached_before(at)
            };
            let read = (from..to).filter(begins).find_map(|at| {
                scan.step();
                read(scan, at)
            });
            let Some((start, end, canonical)) = read else { continue };
            done = end;
            sink(Candidate {
                kind: Kind::NumberPlate,
                start,
                end,
                canonical: Secret::new(&canonical),
                reasons: vec![because("a sidecode in groups, behind its word", 30)],
                judged: false,
            });
        }
    }
}

/// The plate that begins at `start`: its groups are letters or digits alone, with at most one sign and spaces between them.
fn read(scan: &Scan<'_>, start: usize) -> Option<(usize, usize, zeroize::Zeroizing<String>)> {
    let mut compact = zeroize::Zeroizing::new(String::with_capacity(MEMBERS));
    let mut lengths = Vec::with_capacity(GROUPS);
    let mut at = start;
    while compact.len() < MEMBERS {
        let first = scan.byte(at)?;
        let alike = |b: &u8| b.is_ascii_alphanumeric() && b.is_ascii_digit() == first.is_ascii_digit();
        let length = scan.text.as_bytes().get(at..)?.iter().take(MEMBERS).take_while(|b| alike(b)).count();
        if length == 0 || lengths.len() == GROUPS {
            return None;
        }
        compact.push_str(&scan.slice(at, at.saturating_add(length)).to_ascii_uppercase());
        // A pair of pairs may stand without a sign: `AB 12 CD` and `BDFG 12`.
        lengths.push(length);
        at = at.saturating_add(length);
        if compact.len() < MEMBERS {
            let gap =
                scan.text.as_bytes().get(at..)?.iter().take(3).take_while(|b| b" -.=/_".contains(b)).count();
            let signs = scan.slice(at, at.saturating_add(gap)).bytes().filter(|b| *b != b' ').count();
            if signs > 1 {
                return None;
            }
            at = at.saturating_add(gap);
        }
    }
    // `12 mrt 3`: short for a month or a stretch of time.
    let time = ["MRT", "MND", "DGN"].iter().any(|word| compact.contains(word));
    let time = time && scan.slice(start, at).contains(' ');
    let fits = !time
        && compact.len() == MEMBERS
        && dutch::plate_in_groups(&compact, &lengths)
        && !scan.attached_after(at);
    (fits && at.saturating_sub(start) <= CUED_CHARS_MAX).then_some((start, at, compact))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{all_found, found};
    use crate::Kind;

    #[test]
    fn plates_as_people_write_them() {
        for (text, want) in [
            ("kenteken kv 304 d stond er weer", "kv 304 d"),
            ("auto 4 - tgb - 81 wit", "4 - tgb - 81"),
            ("kentken GV51RB", "GV51RB"),
            ("auto|kleur\n4=TGB=81|wit\n", "4=TGB=81"),
        ] {
            assert_eq!(found(Kind::NumberPlate, text), [want], "{text}");
        }
        for text in ["auto 12 van 34", "mijn auto is 8 jaar oud en 12 k", "auto op 12 mrt 3 keer gezien"] {
            assert_eq!(all_found(text), vec![], "{text}");
        }
    }
}
