//! A leaf of an input that has parts: a string of JSON, a field of CSV.

use zeroize::Zeroizing;

use crate::Input;

/// Where in an input a leaf stands.
pub(crate) struct Leaf<'a> {
    /// The key it stands under.
    pub(crate) label: Option<&'a str>,
    /// The raw bytes of the leaf, quotes included.
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Where its text begins in the input, if it stands there as it is.
    pub(crate) text_at: Option<usize>,
    /// Its JSON pointer; for CSV, row and column from 1.
    pub(crate) pointer: &'a dyn Fn() -> String,
}

impl<'a> Input<'a> {
    pub(crate) const fn text(&self) -> &'a str {
        let (Self::Text(text)
        | Self::Json(text)
        | Self::Data(text)
        | Self::Csv(text)
        | Self::Fixed { text, .. }) = self;
        text
    }
}

/// Where the text of a leaf stands in the input, whose raw bytes begin at `start`: where nothing in it is escaped or doubled, a
/// place in the text is one in the input.
pub(crate) fn verbatim(raw: &str, text: &str, start: usize) -> Option<usize> {
    let quotes = usize::from(raw.starts_with('"'));
    let same = raw.get(quotes..quotes.saturating_add(text.len())) == Some(text);
    same.then(|| start.saturating_add(quotes))
}

/// A place of a leaf's text as one of the input: exact where the text stands there as it is, else the whole leaf.
pub(crate) fn within(place: Option<&Leaf<'_>>, start: usize, end: usize) -> (usize, usize) {
    match place {
        None => (start, end),
        Some(Leaf { text_at: Some(at), .. }) => (at.saturating_add(start), at.saturating_add(end)),
        Some(leaf) => (leaf.start, leaf.end),
    }
}

/// Makes room without leaving an unwiped copy behind, as a plain reallocation would.
pub(crate) fn grow(text: &mut Zeroizing<String>, more: usize) {
    let needed = text.len().saturating_add(more);
    if needed > text.capacity() {
        let mut larger = Zeroizing::new(String::with_capacity(needed.saturating_add(needed / 2)));
        larger.push_str(text);
        *text = larger;
    }
}
