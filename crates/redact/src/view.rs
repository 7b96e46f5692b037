//! The normalised view: what recognizers read, with the way back to the original bytes.

use zeroize::Zeroizing;

use crate::Error;
use crate::folding::{FEW, ONE};

/// Text as recognizers see it: digits and separators folded to ASCII, invisible characters gone.
///
/// Text that nothing is folded in is its own view. The folding looks at one character at a time, so the view of a
/// piece of text is a piece of its view: screening a stream relies on that.
pub(crate) struct View<'t> {
    original: &'t str,
    folded: Option<Folded>,
}

struct Folded {
    text: Zeroizing<String>,
    pieces: Vec<Piece>,
}

/// A stretch of the view: copied from the original, or put in the place of something there.
#[derive(Clone, Copy)]
struct Piece {
    /// Where it begins in the view.
    at: u32,
    /// Where it came from.
    origin: u32,
    /// For a replacement, how many bytes it stands for; 0 for a copy.
    replaced: u32,
}

impl<'t> View<'t> {
    /// Builds the view of `original`.
    pub(crate) fn new(original: &'t str) -> Result<Self, Error> {
        let mut building: Option<Builder<'t>> = None;
        let mut at = 0_usize;
        while let Some(next) = next_beyond_ascii(original, at) {
            let Some(c) = original.get(next..).and_then(|rest| rest.chars().next()) else { break };
            at = next.saturating_add(c.len_utf8());
            let mut buffer = [0_u8; 4];
            let with = match fold(c) {
                Fold::Same => continue,
                Fold::Gone => "",
                Fold::One(to) => to.encode_utf8(&mut buffer),
                Fold::Few(to) => to,
            };
            if building.is_none() {
                building = Some(Builder::new(original)?);
            }
            if let Some(builder) = &mut building {
                builder.replace(next, at, with)?;
            }
        }
        let folded = building.map(Builder::finish).transpose()?;
        Ok(Self { original, folded })
    }

    /// `original` with `edits` made: each puts a text in the place of `start..end`. They ascend and do not overlap;
    /// `None` without any.
    pub(crate) fn edited(original: &'t str, edits: &[Edit]) -> Result<Option<Self>, Error> {
        if edits.is_empty() {
            return Ok(None);
        }
        let mut builder = Builder::new(original)?;
        for edit in edits {
            builder.replace(edit.start, edit.end, &edit.with)?;
        }
        Ok(Some(Self { original, folded: Some(builder.finish()?) }))
    }

    /// The view itself.
    pub(crate) fn text(&self) -> &str {
        self.folded.as_ref().map_or(self.original, |f| f.text.as_str())
    }

    /// The original bytes of the view's bytes `start..end`: from the first character to the last, with whatever
    /// the view dropped between them. An empty or impossible range is a fault.
    pub(crate) fn to_original(&self, start: usize, end: usize) -> Result<(usize, usize), Error> {
        let fault = Error::Internal("view range");
        if start >= end || end > self.text().len() {
            return Err(fault);
        }
        let Some(folded) = &self.folded else { return Ok((start, end)) };
        let (Some(first), Some(last)) = (folded.piece(start), folded.piece(end.saturating_sub(1))) else {
            return Err(fault);
        };
        let end = match last.replaced {
            0 => last.of(end),
            length => (last.origin as usize).saturating_add(length as usize),
        };
        Ok((first.of(start), end))
    }

    /// Where in the original the view's byte `at` begins; the end of the original for the end of the view.
    pub(crate) fn origin(&self, at: usize) -> usize {
        match &self.folded {
            None => at.min(self.original.len()),
            Some(f) if at >= f.text.len() => self.original.len(),
            Some(f) => f.piece(at).map_or(self.original.len(), |piece| piece.of(at)),
        }
    }
}

impl Folded {
    /// The piece that the byte `at` lies in.
    fn piece(&self, at: usize) -> Option<Piece> {
        let after = self.pieces.partition_point(|piece| piece.at as usize <= at);
        self.pieces.get(after.checked_sub(1)?).copied()
    }
}

impl Piece {
    /// The original byte of the view's byte `at`; a replacement begins where what it replaced began.
    fn of(self, at: usize) -> usize {
        let into = if self.replaced == 0 { at.saturating_sub(self.at as usize) } else { 0 };
        (self.origin as usize).saturating_add(into)
    }
}

/// One change of a text.
pub(crate) struct Edit {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) with: Zeroizing<String>,
}

struct Builder<'t> {
    original: &'t str,
    text: Zeroizing<String>,
    pieces: Vec<Piece>,
    /// How much of the original is in `text`.
    copied: usize,
}

impl<'t> Builder<'t> {
    fn new(original: &'t str) -> Result<Self, Error> {
        if u32::try_from(original.len()).is_err() {
            return Err(Error::TooLarge { bytes: original.len(), limit_bytes: u32::MAX as usize });
        }
        let text = Zeroizing::new(String::with_capacity(original.len()));
        Ok(Self { original, text, pieces: Vec::new(), copied: 0 })
    }

    fn piece(&mut self, origin: usize, replaced: usize) -> Result<(), Error> {
        let narrow = |n: usize| u32::try_from(n).map_err(|_| Error::Internal("view offset"));
        let piece =
            Piece { at: narrow(self.text.len())?, origin: narrow(origin)?, replaced: narrow(replaced)? };
        self.pieces.push(piece);
        Ok(())
    }

    fn copy_to(&mut self, end: usize) -> Result<(), Error> {
        let part = self.original.get(self.copied..end).ok_or(Error::Internal("view offset"))?;
        if !part.is_empty() {
            self.piece(self.copied, 0)?;
            self.text.push_str(part);
            self.copied = end;
        }
        Ok(())
    }

    /// Puts `with`, which has no more bytes, in the place of `start..end`.
    fn replace(&mut self, start: usize, end: usize, with: &str) -> Result<(), Error> {
        if start < self.copied || end <= start || with.len() > end.saturating_sub(start) {
            return Err(Error::Internal("view edit"));
        }
        self.copy_to(start)?;
        if !with.is_empty() {
            self.piece(start, end.saturating_sub(start))?;
            self.text.push_str(with);
        }
        self.copied = end;
        Ok(())
    }

    fn finish(mut self) -> Result<Folded, Error> {
        self.copy_to(self.original.len())?;
        Ok(Folded { text: self.text, pieces: self.pieces })
    }
}

/// The first byte from `at` on that is not ASCII.
fn next_beyond_ascii(text: &str, at: usize) -> Option<usize> {
    const STEP: usize = 64;
    let bytes = text.as_bytes();
    let mut at = at;
    loop {
        let rest = bytes.get(at..)?;
        if rest.is_empty() {
            return None;
        }
        let chunk = rest.get(..STEP).unwrap_or(rest);
        if !chunk.is_ascii() {
            return chunk.iter().position(|b| !b.is_ascii()).map(|i| at.saturating_add(i));
        }
        at = at.saturating_add(chunk.len());
    }
}

/// What becomes of a character in the view.
#[derive(Debug, PartialEq, Eq)]
enum Fold {
    Same,
    Gone,
    One(char),
    Few(&'static str),
}

/// Appends what the view has for any character.
pub(crate) fn fold_into(c: char, out: &mut String) {
    match if c.is_ascii() { Fold::Same } else { fold(c) } {
        Fold::Same => out.push(c),
        Fold::Gone => {}
        Fold::One(to) => out.push(to),
        Fold::Few(to) => out.push_str(to),
    }
}

/// The view's character for one that is not ASCII. None becomes longer.
fn fold(c: char) -> Fold {
    let u = u32::from(c);
    match u {
        // Letters of western Europe: nearly all that Dutch text has.
        0xBF..=0xFF => Fold::Same,
        // Soft hyphen, joiners, bidi, variation selectors, tags, byte order mark, combining marks and keycaps.
        0xAD
        | 0x0300..=0x036F
        | 0x061C
        | 0x115F
        | 0x1160
        | 0x17B4
        | 0x17B5
        | 0x180B..=0x180F
        | 0x200B..=0x200F
        | 0x202A..=0x202E
        | 0x2060..=0x206F
        | 0x20D0..=0x20FF
        | 0x3164
        | 0xFE00..=0xFE0F
        | 0xFEFF
        | 0xFFA0
        | 0xFFF9..=0xFFFB
        | 0x1D159
        | 0x1D173..=0x1D17A
        | 0xE0000..=0xE0FFF => Fold::Gone,
        0xA0 | 0x1680 | 0x2000..=0x200A | 0x2028 | 0x2029 | 0x202F | 0x205F | 0x2800 | 0x3000 => {
            Fold::One(' ')
        }
        0xFF01..=0xFF5E => char::from_u32(u.saturating_sub(0xFEE0)).map_or(Fold::Same, Fold::One),
        0x1D400..=0x1D6A3 => {
            let letter = u8::try_from(u.saturating_sub(0x1D400) % 52).unwrap_or(0);
            let base = if letter < 26 {
                b'A'.saturating_add(letter)
            } else {
                b'a'.saturating_add(letter).saturating_sub(26)
            };
            Fold::One(char::from(base))
        }
        _ => {
            if let Some(digit) = digit(u) {
                return Fold::One(digit);
            }
            if let Ok(at) = ONE.binary_search_by_key(&c, |&(from, _)| from) {
                return ONE.get(at).map_or(Fold::Same, |&(_, to)| Fold::One(to));
            }
            match FEW.binary_search_by_key(&c, |&(from, _)| from) {
                Ok(at) => FEW.get(at).map_or(Fold::Same, |&(_, to)| Fold::Few(to)),
                Err(_) => Fold::Same,
            }
        }
    }
}

/// Where each run of ten decimal digits of Unicode (Nd) begins, ASCII and mathematical ones aside.
const DIGIT_ZEROS: &[u32] = &[
    0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xDE6, 0xE50, 0xED0,
    0xF20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50,
    0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0x104A0, 0x11066, 0x1E950, 0x1FBF0,
];

fn digit(u: u32) -> Option<char> {
    let value = match u {
        0xB9 => 1,
        0xB2 | 0xB3 => u.saturating_sub(0xB0),
        0x2070 | 0x2074..=0x2079 => u.saturating_sub(0x2070),
        0x2080..=0x2089 => u.saturating_sub(0x2080),
        0x2460..=0x2468 => u.saturating_sub(0x245F),
        0x24EA => 0,
        0x1D7CE..=0x1D7FF => u.saturating_sub(0x1D7CE) % 10,
        _ if u < 0x660 => return None,
        _ => {
            let after = DIGIT_ZEROS.partition_point(|&zero| zero <= u);
            let zero = DIGIT_ZEROS.get(after.checked_sub(1)?)?;
            u.saturating_sub(*zero)
        }
    };
    char::from_digit(value, 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_view_folds_and_leads_back() {
        let original = "１２\u{200b}3\u{2011}٤ é";
        let view = View::new(original).unwrap();
        assert_eq!(view.text(), "123-4 é");
        let (s, e) = view.to_original(1, 3).unwrap();
        assert_eq!(&original[s..e], "２\u{200b}3");
        assert!(view.to_original(3, 3).is_err());
        assert!(view.to_original(0, 99).is_err());
    }

    #[test]
    fn ascii_is_its_own_view() {
        let view = View::new("a 1").unwrap();
        assert!(view.folded.is_none());
        assert_eq!(view.to_original(0, 3).unwrap(), (0, 3));
    }

    #[test]
    fn look_alikes_fold() {
        for (c, want) in [
            ('А', 'A'),
            ('Х', 'X'),
            ('е', 'e'),
            ('р', 'p'),
            ('Ν', 'N'),
            ('ԝ', 'w'),
            ('о', 'o'),
            ('ⓑ', 'b'),
            ('ℝ', 'R'),
            ('Ꭺ', 'A'),
        ] {
            assert_eq!(fold(c), Fold::One(want), "{c}");
        }
        assert_eq!(fold('７'), Fold::One('7'));
        assert_eq!(fold('𝟗'), Fold::One('9'));
        assert_eq!(fold('𝐁'), Fold::One('B'));
        assert_eq!(fold('𝐛'), Fold::One('b'));
        assert_eq!(fold('²'), Fold::One('2'));
    }

    #[test]
    fn the_tables_are_sorted_and_nothing_grows() {
        assert!(ONE.is_sorted_by_key(|&(from, _)| from) && FEW.is_sorted_by_key(|&(from, _)| from));
        assert!(ONE.iter().all(|(from, to)| !from.is_ascii() && to.is_ascii()));
        assert!(FEW.iter().all(|(from, to)| to.len() <= from.len_utf8()));
        assert_eq!(fold('⑳'), Fold::Few("20"));
        assert_eq!(fold('é'), Fold::Same);
        assert!(View::new("René woont in Curaçao").unwrap().folded.is_none(), "accents cost no copy");
    }

    #[test]
    fn edits_lead_back_to_all_they_stand_for() {
        let edit = |start, end, with: &str| Edit { start, end, with: Zeroizing::new(with.to_owned()) };
        let view = View::edited("a nul zes b", &[edit(2, 5, "0"), edit(5, 6, ""), edit(6, 9, "6")])
            .unwrap()
            .unwrap();
        assert_eq!(view.text(), "a 06 b");
        assert_eq!(view.to_original(2, 4).unwrap(), (2, 9));
        assert_eq!(view.to_original(3, 4).unwrap(), (6, 9));
        assert_eq!(view.to_original(0, 6).unwrap(), (0, 11));
        assert!(View::edited("ab", &[edit(0, 1, "xy")]).is_err());
        assert!(View::edited("ab", &[]).unwrap().is_none());
    }

    proptest! {
        #[test]
        fn every_range_leads_to_character_boundaries(s in "\\PC{0,20}|[a１\u{200b}é😀\u{300}]{0,12}") {
            let view = View::new(&s).unwrap();
            let text = view.text();
            prop_assert!(text.len() <= s.len());
            let bounds: Vec<usize> = text.char_indices().map(|(i, _)| i).chain([text.len()]).collect();
            for &a in &bounds {
                for &b in bounds.iter().filter(|&&b| b > a) {
                    let (start, end) = view.to_original(a, b).unwrap();
                    let cut = s.get(start..end).expect("boundaries");
                    let again = View::new(cut).unwrap();
                    // A ligature is two characters of the view and one of the original.
                    prop_assert!(again.text().contains(text.get(a..b).unwrap()) && again.text().len() <= b - a + 2);
                }
            }
        }
    }
}
