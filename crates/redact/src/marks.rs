//! One pass over the bytes of a view, for everyone who looks only where something stands: digits, signs, long runs.

use crate::encoded::RUN_BYTES_MIN;
use crate::recognizers::Group;

/// Where things stand, in bytes of the view, each list ascending.
#[derive(Default)]
pub(crate) struct Marks {
    /// Maximal runs of ASCII digits.
    pub(crate) groups: Vec<Group>,
    /// Every `@`.
    pub(crate) ats: Vec<usize>,
    /// Every `<`.
    pub(crate) angles: Vec<usize>,
    /// Every `:`, `-` and `.` between hexadecimal digits or colons.
    pub(crate) joints: Vec<usize>,
    /// Every sign that may open a code: `% & \\ ( [ { <`.
    pub(crate) codes: Vec<usize>,
    /// Runs of the letters, digits and signs of base64 that are long enough to hold something.
    pub(crate) runs: Vec<Group>,
}

const LETTER: u8 = 0;
const DIGIT: u8 = 1;
/// Ends a run and is nothing else.
const BREAK: u8 = 2;
const AT: u8 = 3;
const ANGLE: u8 = 4;
const JOINT: u8 = 5;
const HYPHEN: u8 = 6;
const CODE: u8 = 7;

const fn classes() -> [u8; 256] {
    let mut table = [BREAK; 256];
    let mut at = 0_usize;
    while at < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "at most 255")]
        let byte = at as u8;
        let class = match byte {
            b'0'..=b'9' => DIGIT,
            b'A'..=b'Z' | b'a'..=b'z' | b'+' | b'/' | b'_' => LETTER,
            b'@' => AT,
            b'<' => ANGLE,
            b':' | b'.' => JOINT,
            b'-' => HYPHEN,
            b'%' | b'&' | b'\\' | b'(' | b'[' | b'{' => CODE,
            _ => BREAK,
        };
        if let Some(slot) = table.as_mut_slice().split_at_mut(at).1.first_mut() {
            *slot = class;
        }
        at += 1;
    }
    table
}

static CLASSES: [u8; 256] = classes();

/// Bytes looked at together: one for each bit of a word, so that letters cost no branch.
pub(crate) const BLOCK_BYTES: usize = 64;

impl Marks {
    pub(crate) fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut marks = Self::default();
        let mut open: Option<Group> = None;
        let mut run = 0_usize;
        for (number, block) in bytes.chunks(BLOCK_BYTES).enumerate() {
            let base = number.saturating_mul(BLOCK_BYTES);
            let mut others = others(block);
            while others != 0 {
                let at = base.saturating_add(others.trailing_zeros() as usize);
                others &= others.wrapping_sub(1);
                let byte = bytes.get(at).copied().unwrap_or_default();
                let class = CLASSES.get(usize::from(byte)).copied().unwrap_or(BREAK);
                if class == DIGIT {
                    open = match open {
                        Some(group) if group.end == at => {
                            Some(Group { start: group.start, end: at.saturating_add(1) })
                        }
                        closed => {
                            marks.groups.extend(closed);
                            Some(Group { start: at, end: at.saturating_add(1) })
                        }
                    };
                    continue;
                }
                match class {
                    AT => marks.ats.push(at),
                    ANGLE => {
                        marks.angles.push(at);
                        marks.codes.push(at);
                    }
                    CODE => marks.codes.push(at),
                    JOINT | HYPHEN if joins(bytes, at) => marks.joints.push(at),
                    _ => {}
                }
                if class != HYPHEN {
                    marks.run(run, at);
                    run = at.saturating_add(1);
                }
            }
        }
        marks.groups.extend(open);
        marks.run(run, bytes.len());
        marks
    }

    fn run(&mut self, start: usize, end: usize) {
        if end.saturating_sub(start) >= RUN_BYTES_MIN {
            self.runs.push(Group { start, end });
        }
    }
}

/// A bit for each byte of a block that is no letter.
fn others(block: &[u8]) -> u64 {
    let mut mask = 0_u64;
    for (bit, &byte) in (0_u32..).zip(block) {
        let other = CLASSES.get(usize::from(byte)).is_some_and(|&class| class != LETTER);
        mask |= u64::from(other).wrapping_shl(bit);
    }
    mask
}

/// Whether a sign stands between hexadecimal digits or colons.
fn joins(bytes: &[u8], at: usize) -> bool {
    let beside = |at: Option<usize>| {
        at.and_then(|i| bytes.get(i)).is_some_and(|b| b.is_ascii_hexdigit() || *b == b':')
    };
    let before = beside(at.checked_sub(1));
    let after = beside(at.checked_add(1));
    before && after || (bytes.get(at) == Some(&b':') && bytes.get(at.saturating_add(1)) == Some(&b':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_seen_once() {
        let marks = Marks::of("a1 22-x @ <b a:b 1.2 %( ABCDEFGHIJKLMNOP 7");
        let of = |groups: &[Group]| groups.iter().map(|g| (g.start, g.end)).collect::<Vec<_>>();
        assert_eq!(of(&marks.groups), [(1, 2), (3, 5), (17, 18), (19, 20), (41, 42)]);
        assert_eq!((marks.ats, marks.angles, marks.codes), (vec![8], vec![10], vec![10, 21, 22]));
        assert_eq!(marks.joints, [14, 18]);
        assert_eq!(of(&marks.runs), [(24, 40)]);
    }
}
