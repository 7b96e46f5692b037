//! What of a text is read once more because of the changes that decoding makes: what lies near them.

use crate::cues::CONTEXT_CHARS;
use crate::recognizers::{CANDIDATE_CHARS_MAX, REACH_CHARS, Scan};
use crate::view::Edit;

/// How far from a change a candidate may be that it makes or unmakes, and how much more is read for that to be whole.
const NEAR_CHARS: usize = REACH_CHARS + CONTEXT_CHARS;
const MARGIN_CHARS: usize = CANDIDATE_CHARS_MAX + NEAR_CHARS;

/// A stretch of a text that is read once more, with the changes in it made.
pub(crate) struct Window {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// The changes, in bytes of the stretch.
    pub(crate) edits: Vec<Edit>,
    /// Where what is found counts: near a change. In bytes of the text.
    near: Vec<(usize, usize)>,
}

impl Window {
    /// All of a text.
    pub(crate) fn whole(text: &str, edits: Vec<Edit>) -> Self {
        Self { start: 0, end: text.len(), edits, near: vec![(0, text.len())] }
    }

    /// Whether a change lies in `start..end` of the text.
    pub(crate) fn changes(&self, start: usize, end: usize) -> bool {
        let (start, end) = (start.saturating_sub(self.start), end.saturating_sub(self.start));
        let first = self.edits.partition_point(|edit| edit.end <= start);
        self.edits.get(first).is_some_and(|edit| edit.start < end)
    }

    /// Whether a candidate at `start..end` of the text may be there because of a change. Others were found without.
    pub(crate) fn counts(&self, start: usize, end: usize) -> bool {
        let first = self.near.partition_point(|near| near.1 < start);
        self.near.get(first).is_some_and(|near| near.0 <= end)
    }
}

/// What has to be read again for `edits`: what lies around each, and the whole of a table.
pub(crate) fn windows(scan: &Scan<'_>, edits: Vec<Edit>) -> Vec<Window> {
    let text = scan.text;
    let mut windows: Vec<Window> = Vec::new();
    for mut edit in edits {
        let mut near = (before(text, edit.start, NEAR_CHARS), after(text, edit.end, NEAR_CHARS));
        let (mut start, mut end) = (before(text, near.0, MARGIN_CHARS), after(text, near.1, MARGIN_CHARS));
        if let Some((head, stop, in_head)) = scan.spoken.columns.around(edit.start) {
            (start, end) = (start.min(head), end.max(stop));
            // The head speaks for every line under it.
            near.1 = if in_head { near.1.max(stop) } else { near.1 };
        }
        match windows.last_mut() {
            Some(last) if start <= last.end => last.end = last.end.max(end),
            _ => windows.push(Window { start, end, edits: Vec::new(), near: Vec::new() }),
        }
        let Some(window) = windows.last_mut() else { continue };
        (edit.start, edit.end) =
            (edit.start.saturating_sub(window.start), edit.end.saturating_sub(window.start));
        window.edits.push(edit);
        match window.near.last_mut() {
            Some(last) if near.0 <= last.1 => last.1 = last.1.max(near.1),
            _ => window.near.push(near),
        }
    }
    windows
}

/// The byte at least `chars` characters before `at`: exactly so many where all are ASCII.
fn before(text: &str, at: usize, chars: usize) -> usize {
    let near = at.saturating_sub(chars);
    let ascii = text.as_bytes().get(near..at).is_some_and(<[u8]>::is_ascii);
    if ascii { near } else { text.floor_char_boundary(at.saturating_sub(chars.saturating_mul(4))) }
}

/// The byte at least `chars` characters after `at`.
fn after(text: &str, at: usize, chars: usize) -> usize {
    let near = at.saturating_add(chars).min(text.len());
    let ascii = text.as_bytes().get(at..near).is_some_and(<[u8]>::is_ascii);
    if ascii { near } else { text.ceil_char_boundary(at.saturating_add(chars.saturating_mul(4))) }
}
