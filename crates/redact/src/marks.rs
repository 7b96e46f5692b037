//! One pass over the bytes of a view, for everyone who looks only where something stands: digits, signs, long runs.

use crate::blocks::{BLOCK_BYTES, blocks, places};
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
    /// Every sign that may open a code, or stand for another sign: `% & \\ ( [ { < ~ # $`, or a hyphen at the end of
    /// a line.
    pub(crate) codes: Vec<usize>,
    /// Every `:` right behind a quotation mark.
    pub(crate) keys: Vec<usize>,
    /// Every `_`.
    pub(crate) lows: Vec<usize>,
    /// Letters and digits with none beside them, where two more follow at the same distance of two or three bytes.
    pub(crate) apart: Vec<usize>,
    /// Runs of the letters, digits and signs of base64 that are long enough to hold something.
    pub(crate) runs: Vec<Group>,
}

impl Marks {
    pub(crate) fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut marks = Self::default();
        // Where the run of base64 that goes on before the block began.
        let mut run = 0_usize;
        let mut lone = Lone::default();
        for (base, block) in blocks(text) {
            let digits = block.digits();
            marks.digits(base, digits);
            let letters = block.letters() | digits;
            lone.take(base, letters, &mut marks.apart);
            let mut breaks = !letters;
            for at in places(!letters & !block.spaces()) {
                let place = base.saturating_add(at);
                let sign = bytes.get(place).copied().unwrap_or_default();
                if matches!(sign, b'+' | b'/' | b'_' | b'-') {
                    breaks &= !1_u64.wrapping_shl(u32::try_from(at).unwrap_or(0));
                }
                marks.sign(bytes, sign, place);
            }
            run = marks.runs(base, bytes.len(), run, breaks);
        }
        marks.run(run, bytes.len());
        lone.take(bytes.len().next_multiple_of(BLOCK_BYTES), 0, &mut marks.apart);
        marks
    }

    /// Takes up the digits of a block.
    fn digits(&mut self, base: usize, digits: u64) {
        let mut left = digits;
        while left != 0 {
            let first = left.trailing_zeros();
            let length = (left >> first).trailing_ones();
            left = left.checked_shr(first.saturating_add(length)).unwrap_or(0);
            left = left.checked_shl(first.saturating_add(length)).unwrap_or(0);
            let start = base.saturating_add(first as usize);
            let end = start.saturating_add(length as usize);
            match self.groups.last_mut() {
                Some(open) if open.end == start => open.end = end,
                _ => self.groups.push(Group { start, end }),
            }
        }
    }

    fn sign(&mut self, bytes: &[u8], sign: u8, at: usize) {
        match sign {
            b'@' => self.ats.push(at),
            b'_' => self.lows.push(at),
            b'<' => {
                self.angles.push(at);
                self.codes.push(at);
            }
            b'%' | b'&' | b'\\' | b'(' | b'[' | b'{' | b'~' | b'#' | b'$' => self.codes.push(at),
            // A word that is broken off at the end of a line.
            b'-' if bytes.get(at.saturating_add(1)) == Some(&b'\n') => self.codes.push(at),
            b':' if at.checked_sub(1).and_then(|i| bytes.get(i)) == Some(&b'"') => self.keys.push(at),
            b':' | b'.' | b'-' if joins(bytes, at) => self.joints.push(at),
            _ => {}
        }
    }

    /// Takes up the runs that end in a block of a text of `length` bytes; `run` is where the open one began. Returns where the
    /// one that is open now began.
    fn runs(&mut self, base: usize, length: usize, run: usize, breaks: u64) -> usize {
        let mut run = run;
        let last = u64::BITS.saturating_sub(breaks.leading_zeros()) as usize;
        // Words are shorter than a run: nearly every block has nothing.
        let inside = !breaks;
        let of_2 = inside & inside >> 1;
        let of_4 = of_2 & of_2 >> 2;
        let of_8 = of_4 & of_4 >> 4;
        let open = base.saturating_sub(run).saturating_add(breaks.trailing_zeros() as usize);
        if of_8 == 0 && open < RUN_BYTES_MIN && last > 0 {
            return base.saturating_add(last);
        }
        for at in places(breaks).map(|at| base.saturating_add(at)).filter(|&at| at < length) {
            self.run(run, at);
            run = at.saturating_add(1);
        }
        run
    }

    fn run(&mut self, start: usize, end: usize) {
        if end.saturating_sub(start) >= RUN_BYTES_MIN {
            self.runs.push(Group { start, end });
        }
    }
}

/// The letters and digits of the block before, whose rows go on in the next.
#[derive(Default)]
struct Lone {
    words: u64,
    /// Those with none beside them; of the last, what follows is not known.
    alone: u64,
    /// Whether the byte before that block is a letter or digit.
    before: u64,
}

impl Lone {
    /// Adds where rows begin in the block before the one at `base`, whose letters and digits are `words`.
    fn take(&mut self, base: usize, words: u64, apart: &mut Vec<usize>) {
        let before = self.words >> 63;
        let alone = words & !(words << 1 | before) & !(words >> 1);
        // A row has three; in nearly all text neither block has two.
        let many = |mask: u64| mask & mask.wrapping_sub(1) != 0;
        if many(self.alone) || many(alone) {
            let both = u128::from(words) << 64 | u128::from(self.words);
            let alone = both & !(both << 1 | u128::from(self.before)) & !(both >> 1);
            let of_3 = |distance: u32| alone & alone >> distance & alone >> distance.wrapping_mul(2);
            #[expect(clippy::cast_possible_truncation, reason = "the lower half is the block before")]
            let rows = (of_3(2) | of_3(3)) as u64;
            let from = base.saturating_sub(BLOCK_BYTES);
            apart.extend(places(rows).map(|at| from.saturating_add(at)));
        }
        *self = Self { words, alone, before };
    }
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
        assert_eq!(Marks::of(&format!("{}J a n, x y", "-".repeat(61))).apart, [61]);
        assert_eq!(of(&marks.runs), [(24, 40)]);
    }
}
