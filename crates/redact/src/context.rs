//! The words around one place of a text, and what they say for a kind.

use std::borrow::Cow;

use crate::Kind;
use crate::blocks::BLOCK_BYTES;
use crate::columns::Columns;
use crate::cues::{CONTEXT_CHARS, Cues, Hit, Word, is_label};
use crate::finding::Reason;
use crate::kind::KindSet;

/// Points for a cue before (or a JSON key), and for one after.
pub(crate) const BEFORE_POINTS: i16 = 40;
pub(crate) const AFTER_POINTS: i16 = 30;
/// Points when a word of another kind stands nearer than the one that speaks for this kind.
const OTHER_KIND_POINTS: i16 = -10;
/// Fewest digits between a cue and a candidate that are a number of their own.
const NUMBER_DIGITS_MIN: usize = 6;
/// How far past a cue after the candidate we look for a number that the cue announces.
const ANNOUNCED_CHARS_MAX: usize = 20;

/// A text with its cues, and the words of the label (a JSON key, a column's head) that it stands under.
pub(crate) struct Spoken<'a> {
    pub(crate) cues: &'a Cues,
    text: &'a str,
    is_ascii: bool,
    hits: Vec<Hit>,
    /// For each block of the text, how many hits end before it.
    blocks: Vec<u32>,
    label: Vec<Hit>,
    pub(crate) columns: Columns,
}

impl<'a> Spoken<'a> {
    pub(crate) fn new(cues: &'a Cues, text: &'a str, label: Option<&str>) -> Self {
        let mut label = label.map(|l| cues.hits(l)).unwrap_or_default();
        label.reverse();
        let hits = cues.hits(text);
        let mut blocks = Vec::with_capacity(text.len() / BLOCK_BYTES + 2);
        for (n, hit) in (0_u32..).zip(&hits) {
            while blocks.len().saturating_mul(BLOCK_BYTES) <= hit.end as usize {
                blocks.push(n);
            }
        }
        Self { cues, text, is_ascii: text.is_ascii(), hits, blocks, label, columns: Columns::default() }
    }

    /// The same with the heads of its tables, for a whole text.
    #[must_use]
    pub(crate) fn with_columns(mut self) -> Self {
        self.columns = Columns::of(self.text, self.cues);
        self
    }

    /// How many hits end at or before `at`.
    fn ending_by(&self, at: usize) -> usize {
        let block = at / BLOCK_BYTES;
        let from = self.blocks.get(block).map_or(self.hits.len(), |&n| n as usize);
        let rest = self.hits.get(from..).unwrap_or_default();
        from.saturating_add(rest.iter().take_while(|h| h.end as usize <= at).count())
    }

    /// All cues of the text, by their end.
    pub(crate) fn hits(&self) -> &[Hit] {
        &self.hits
    }

    /// Cues that end at most `reach` bytes before `at`, the nearest first.
    pub(crate) fn before(&self, at: usize, reach: usize) -> impl Iterator<Item = &Hit> {
        let upto = self.ending_by(at);
        let head = self.hits.get(..upto).unwrap_or_default();
        head.iter().rev().take_while(move |h| at.saturating_sub(h.end as usize) <= reach)
    }

    /// Words that stand for digits, in order: where, and which digits.
    pub(crate) fn numerals(&self) -> impl Iterator<Item = (usize, usize, &str)> {
        self.hits.iter().filter_map(|h| {
            let digits = self.cues.word(*h)?.numeral.as_deref()?;
            Some((h.start as usize, h.end as usize, digits))
        })
    }

    /// Whether the label speaks for `kind`.
    pub(crate) fn label_says(&self, kind: Kind) -> bool {
        self.label.iter().any(|hit| self.cues.speaks_for(*hit, kind))
    }

    /// What stands around `start..end`.
    pub(crate) fn around(&self, start: usize, end: usize) -> Around<'_> {
        let from = if self.is_ascii { start.saturating_sub(CONTEXT_CHARS) } else { back(self.text, start) };
        let to = if self.is_ascii { end.saturating_add(CONTEXT_CHARS) } else { forward(self.text, end) };
        let upto = self.ending_by(start);
        let reached = |hit: &&Hit| hit.end as usize > from;
        let behind = self.hits.get(..upto).unwrap_or_default().iter().rev().take_while(reached).count();
        let near = upto.saturating_sub(behind);
        let ahead = self.hits.get(upto..).unwrap_or_default().iter();
        let first = upto.saturating_add(ahead.clone().take_while(|h| h.end as usize <= end).count());
        let last = upto.saturating_add(ahead.take_while(|h| h.end as usize <= to).count());
        let before = self.hits.get(near..upto).unwrap_or_default();
        let after = self.hits.get(first..last).unwrap_or_default();
        let head = self.columns.head(self.text, start, end);
        let (label, celled) = (head.unwrap_or(&self.label), head.is_some());
        Around { spoken: self, before, after, label, celled, from, start, end }
    }
}

/// The cues around one place.
pub(crate) struct Around<'a> {
    spoken: &'a Spoken<'a>,
    before: &'a [Hit],
    after: &'a [Hit],
    /// Cues of the label or the column's head, the last first.
    label: &'a [Hit],
    /// Whether the label is a column's head.
    celled: bool,
    from: usize,
    start: usize,
    end: usize,
}

impl Around<'_> {
    /// Points for `kind`, and why. The head of its column decides; then the nearest cue before; then the label; then the nearest cue after.
    fn verdict(&self, kind: Kind) -> (i16, Option<(&Word, &'static str)>, bool) {
        let cues = self.spoken.cues;
        let labelled = || cues.nearest(kind, self.label.iter().copied(), |h| h.end).0;
        // In a table the column's own head says more than the cell or the head beside it.
        if let Some(word) = labelled().filter(|_| self.celled) {
            return (signed(word, kind, BEFORE_POINTS), Some((word, "as key")), false);
        }
        let speaks = |h: &Hit| cues.speaks_for(*h, kind) || !self.spent(h);
        let before = self.before.iter().rev().copied();
        let before = before.filter(|h| h.start as usize >= self.from && speaks(h));
        let (word, other) = cues.nearest(kind, before, |h| h.end);
        let foreign = if other { OTHER_KIND_POINTS } else { 0 };
        if let Some(word) = word {
            return (
                signed(word, kind, BEFORE_POINTS).saturating_add(foreign),
                Some((word, "before")),
                other,
            );
        }
        if let Some(word) = labelled() {
            return (signed(word, kind, BEFORE_POINTS), Some((word, "as key")), false);
        }
        if self.after.is_empty() {
            return (0, None, false);
        }
        let mut after: Vec<Hit> = self
            .after
            .iter()
            .copied()
            .filter(|h| {
                let said = |w: &Word| {
                    w.positive.has(kind)
                        || (w.negative.has(kind)
                            && !self.sentence_ends(h)
                            && !is_label(self.spoken.text, h.start as usize))
                };
                h.start as usize >= self.end && cues.word(*h).is_some_and(said)
            })
            .collect();
        after.sort_by_key(|h| h.start);
        let (word, _) = cues.nearest(kind, after.into_iter().filter(|h| !self.announces(*h)), |h| h.start);
        match word {
            Some(word) => (signed(word, kind, AFTER_POINTS), Some((word, "after")), false),
            None => (0, None, false),
        }
    }

    /// Whether a cue before the candidate has a number of its own, between the two or as the label of a placeholder: what that
    /// one is called takes nothing from this one.
    fn spent(&self, hit: &Hit) -> bool {
        let between = self.spoken.text.get(hit.end as usize..self.start).unwrap_or_default();
        between.bytes().filter(u8::is_ascii_digit).count() >= NUMBER_DIGITS_MIN
            || is_label(self.spoken.text, hit.start as usize)
    }

    /// Whether another sentence or line begins between the candidate and a cue after it: what that one is about takes nothing from
    /// this number.
    fn sentence_ends(&self, hit: &Hit) -> bool {
        let between = self.spoken.text.get(self.end..hit.start as usize).unwrap_or_default();
        between.contains('\n') || [". ", "! ", "? ", "; "].iter().any(|stop| between.contains(stop))
    }

    /// Whether a cue after the candidate is the label of a number that follows it: `12345678 en KvK: 87654321`.
    fn announces(&self, hit: Hit) -> bool {
        let rest = self.spoken.text.get(hit.end as usize..).unwrap_or_default();
        let (mut word, mut value) = (true, false);
        for c in rest.chars().take(ANNOUNCED_CHARS_MAX) {
            if c.is_ascii_digit() {
                return true;
            }
            word = word && (c.is_alphabetic() || c == '-');
            // `polis ZV-30.118`: letters of the number stand before its digits.
            value = !word && (c.is_ascii_uppercase() || value && matches!(c, '-' | '/' | '.'));
            if !word && !value && !matches!(c, ':' | '=' | ' ' | '"' | '\'' | '#' | '\t') {
                return false;
            }
        }
        false
    }

    /// Whether `start..end` is a whole value, or stands in a table's cell, under a label that speaks for `kind`.
    pub(crate) fn labels_all_of(&self, start: usize, end: usize, kind: Kind) -> bool {
        let whole = start == 0 && end == self.spoken.text.len();
        let celled = self.spoken.columns.head(self.spoken.text, start, end).is_some();
        (whole || celled) && self.label.iter().any(|hit| self.spoken.cues.speaks_for(*hit, kind))
    }

    /// Every kind that some word around speaks for.
    pub(crate) fn spoken_for(&self) -> KindSet {
        let cues = self.spoken.cues;
        let all = self.before.iter().chain(self.after).chain(self.label);
        all.filter_map(|h| cues.word(*h)).fold(KindSet::default(), |set, word| set.with(word.positive))
    }

    /// Points for `kind`.
    pub(crate) fn points(&self, kind: Kind) -> i16 {
        self.verdict(kind).0
    }

    /// The points as reasons, for a person to read.
    pub(crate) fn reasons(&self, kind: Kind) -> Vec<Reason> {
        let (points, word, other) = self.verdict(kind);
        let foreign = if other { OTHER_KIND_POINTS } else { 0 };
        let mut reasons = Vec::with_capacity(2);
        if let Some((word, place)) = word {
            let sign = if word.positive.has(kind) { "cue" } else { "counter-cue" };
            let what = Cow::Owned(format!("{sign} \"{}\" {place}", word.text));
            reasons.push(Reason { what, points: points.saturating_sub(foreign) });
        }
        if other {
            reasons.push(Reason {
                what: Cow::Borrowed("a word of another kind stands nearer"),
                points: foreign,
            });
        }
        reasons
    }
}

fn signed(word: &Word, kind: Kind, points: i16) -> i16 {
    if word.positive.has(kind) { points } else { points.saturating_neg() }
}

/// The byte [`CONTEXT_CHARS`] characters before `at`.
pub(crate) fn back(text: &str, at: usize) -> usize {
    let head = text.get(..at).unwrap_or_default();
    head.char_indices().rev().nth(CONTEXT_CHARS.saturating_sub(1)).map_or(0, |(i, _)| i)
}

/// The byte [`CONTEXT_CHARS`] characters after `at`.
pub(crate) fn forward(text: &str, at: usize) -> usize {
    let tail = text.get(at..).unwrap_or_default();
    tail.char_indices().nth(CONTEXT_CHARS).map_or(text.len(), |(i, _)| at.saturating_add(i))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Entry;

    fn cues() -> Cues {
        let entry = |kind, positive, negative| Entry { kind, positive, negative, ..Entry::EMPTY };
        Cues::new(&[
            entry(Kind::Bsn, &[&["bsn", "burgerservice*"]], &[&["order*", "€"]]),
            entry(Kind::Kvk, &[&["kvk*"]], &[]),
        ])
        .unwrap()
    }

    fn points(text: &str, label: Option<&str>) -> i16 {
        let cues = cues();
        let start = text.find('#').unwrap();
        let spoken = Spoken::new(&cues, text, label);
        let around = spoken.around(start, start + 1);
        let points = around.points(Kind::Bsn);
        assert_eq!(around.reasons(Kind::Bsn).iter().map(|r| r.points).sum::<i16>(), points, "{text}");
        points
    }

    #[test]
    fn the_nearest_cue_before_decides() {
        assert_eq!(points("BSN: #", None), 40);
        assert_eq!(points("BSN of ordernummer #", None), -40);
        assert_eq!(points("order, BSN #", None), 40);
        assert_eq!(points("burgerservicenummer #", None), 40);
        assert_eq!(points("absn #", None), 0);
        assert_eq!(points("bsns #", None), 0);
        assert_eq!(points("clientBsn #", None), 40);
        assert_eq!(points("# is mijn bsn", None), 30);
        assert_eq!(points("€ #", None), -40);
        assert_eq!(points("# is mijn ordernummer", None), -30);
        assert_eq!(points("#. Mijn order is weg", None), 0, "that is another sentence");
        assert_eq!(points("order 12345678 of #", None), 0, "that word has its number");
        assert_eq!(points("order 12 en #", None), -40);
        assert_eq!(points("#", Some("bsn")), 40);
        assert_eq!(points("#", Some("bsnNummer")), 40);
        assert_eq!(points(&format!("BSN {} #", "x ".repeat(20)), None), 0);
        assert_eq!(points(&format!("{} BSN #", "é".repeat(60)), None), 40);
    }

    #[test]
    fn a_word_of_another_kind_counts_a_little() {
        assert_eq!(points("KvK #", None), 0);
        assert_eq!(points("BSN en KvK: #", None), 30);
        assert_eq!(points("KvK, BSN #", None), 40);
        assert_eq!(points("# en BSN 123", None), 0, "that cue announces the next number");
        assert_eq!(points("# (bsn) van 12", None), 30);
        assert_eq!(points("#, order ZV-30.118", None), 0);
        assert_eq!(points("# is mijn order Van 12", None), -30);
    }
}
