//! The normalised view: what recognizers read, with the way back to the original bytes.

use zeroize::Zeroizing;

use crate::Error;

/// Text as recognizers see it: digits and separators folded to ASCII, invisible characters gone.
///
/// Pure ASCII is its own view. The folding is one character to one or none, without context, so the view of a
/// piece of text is a piece of its view: screening a stream relies on that.
pub(crate) struct View<'t> {
    original: &'t str,
    folded: Option<Folded>,
}

struct Folded {
    text: Zeroizing<String>,
    /// For each view byte, where the original character begins that it came from.
    origins: Vec<u32>,
}

impl<'t> View<'t> {
    /// Builds the view of `original`.
    pub(crate) fn new(original: &'t str) -> Result<Self, Error> {
        if original.is_ascii() {
            return Ok(Self { original, folded: None });
        }
        if u32::try_from(original.len()).is_err() {
            return Err(Error::TooLarge { bytes: original.len(), limit_bytes: u32::MAX as usize });
        }
        let mut text = Zeroizing::new(String::with_capacity(original.len()));
        let mut origins = Vec::with_capacity(original.len());
        for (at, c) in original.char_indices() {
            let Some(folded) = fold(c) else { continue };
            text.push(folded);
            let at = u32::try_from(at).map_err(|_| Error::Internal("view offset"))?;
            origins.resize(text.len(), at);
        }
        Ok(Self { original, folded: Some(Folded { text, origins }) })
    }

    /// The view itself. Never longer than the original: a character folds to one that is no longer.
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
        let last = end.saturating_sub(1);
        let (Some(&first), Some(&last)) = (folded.origins.get(start), folded.origins.get(last)) else {
            return Err(fault);
        };
        let (first, last) = (first as usize, last as usize);
        let Some(c) = self.original.get(last..).and_then(|rest| rest.chars().next()) else {
            return Err(fault);
        };
        Ok((first, last.saturating_add(c.len_utf8())))
    }

    /// Where in the original the view's byte `at` begins; the end of the original for the end of the view.
    pub(crate) fn origin(&self, at: usize) -> usize {
        match &self.folded {
            None => at.min(self.original.len()),
            Some(f) => f.origins.get(at).map_or(self.original.len(), |&o| o as usize),
        }
    }
}

/// The view's character for an original one; `None` when the view drops it.
fn fold(c: char) -> Option<char> {
    if c.is_ascii() {
        return Some(c);
    }
    let u = u32::from(c);
    match u {
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
        | 0xE0000..=0xE0FFF => None,
        0xA0 | 0x1680 | 0x2000..=0x200A | 0x2028 | 0x2029 | 0x202F | 0x205F | 0x3000 => Some(' '),
        0x2010..=0x2015 | 0x2043 | 0x2212 | 0x2E3A | 0x2E3B | 0xFE58 | 0xFE63 => Some('-'),
        0xB7 | 0x2022 | 0x2024 | 0x2027 | 0x2219 | 0x22C5 | 0x3002 | 0xFF61 => Some('.'),
        0x2044 | 0x2215 => Some('/'),
        0xFE6B => Some('@'),
        0xFF01..=0xFF5E => char::from_u32(u.saturating_sub(0xFEE0)),
        0x1D400..=0x1D6A3 => {
            let letter = u8::try_from(u.saturating_sub(0x1D400) % 52).unwrap_or(0);
            let base = if letter < 26 {
                b'A'.saturating_add(letter)
            } else {
                b'a'.saturating_add(letter).saturating_sub(26)
            };
            Some(char::from(base))
        }
        _ => Some(digit(u).or_else(|| confusable(c)).unwrap_or(c)),
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

/// Cyrillic and Greek letters that look like Latin ones.
fn confusable(c: char) -> Option<char> {
    const FROM: &str = "АВЕЅІЈКМНОРСТУХаеоросухѕіјԁһΑΒΕΖΗΙΚΜΝΟΡΤΥΧονƖɩоոսցԛԝ";
    const TO: &str = "ABESIJKMHOPCTYXaeopocyxsijdhABEZHIKMNOPTYXovIionugqw";
    if !('\u{180}'..='\u{5FF}').contains(&c) {
        return None;
    }
    FROM.chars().zip(TO.chars()).find_map(|(from, to)| (from == c).then_some(to))
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
    fn the_confusable_table_is_aligned() {
        for (c, want) in [('А', 'A'), ('Х', 'X'), ('е', 'e'), ('р', 'p'), ('Ν', 'N'), ('ԝ', 'w'), ('о', 'o')]
        {
            assert_eq!(fold(c), Some(want), "{c}");
        }
        assert_eq!(fold('７'), Some('7'));
        assert_eq!(fold('𝟗'), Some('9'));
        assert_eq!(fold('𝐁'), Some('B'));
        assert_eq!(fold('𝐛'), Some('b'));
        assert_eq!(fold('²'), Some('2'));
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
                    prop_assert_eq!(again.text(), text.get(a..b).unwrap());
                }
            }
        }
    }
}
