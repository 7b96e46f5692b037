//! Scores of tokens beside what the caller sees of them.
//!
//! The model's text is screened, restored and cut before it is shown, so a token's own text may be what must not be seen. A
//! score therefore carries what is shown in the token's place: its own text where that came through unchanged. Where it was
//! masked or a value was put back, the first of the tokens has all that stands there, the others have nothing, and what else
//! might have stood there is left out. All texts together are what is shown.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use engine::Scored;
use tokenizer::Tokenizer;
use zeroize::Zeroizing;

use crate::answer::{Alternative, TokenScore};
use crate::likely::Likely;

/// A stretch of the model's text, and what became of it.
struct Span {
    raw: Range<usize>,
    out: Range<usize>,
    /// The bytes are the same.
    same: bool,
}

impl Span {
    /// Whether something else is shown for a part of `raw`.
    fn changes(&self, raw: &Range<usize>) -> bool {
        !self.same && self.raw.start < raw.end && raw.start < self.raw.end
    }
}

/// A token whose place in what is shown is not settled.
struct Waiting {
    id: u32,
    start: usize,
    /// Not known while a character is not whole.
    end: Option<usize>,
    /// A character is made of this token and others.
    split: bool,
    scored: Option<Box<Scored>>,
    top: Vec<(u32, Alternative)>,
}

/// Follows the tokens of one stream of text to what is shown of them.
pub(crate) struct Scores {
    tokenizer: Arc<Tokenizer>,
    likely: Likely,
    tokens: VecDeque<Waiting>,
    spans: VecDeque<Span>,
    /// Bytes the model wrote, and of those the leading ones of which is known what became of them.
    written: usize,
    settled: usize,
    /// What the model wrote behind those, and what came out and is not known to stand for what.
    raw: Zeroizing<String>,
    piece: Zeroizing<String>,
    /// What came out, from `out_start` on; `chars` come before it.
    out: Zeroizing<String>,
    out_start: usize,
    chars: usize,
    /// Each with the end of its text in what came out.
    placed: VecDeque<(usize, TokenScore)>,
}

impl Scores {
    /// At the start of a text before which `chars` characters are shown.
    pub(crate) fn new(tokenizer: Arc<Tokenizer>, likely: Likely, chars: usize) -> Self {
        Self {
            tokenizer,
            likely,
            tokens: VecDeque::new(),
            spans: VecDeque::new(),
            written: 0,
            settled: 0,
            raw: Zeroizing::default(),
            piece: Zeroizing::default(),
            out: Zeroizing::default(),
            out_start: 0,
            chars,
            placed: VecDeque::new(),
        }
    }

    /// Takes the next token, its score and the text that it made certain, which goes the way of all text after this.
    pub(crate) fn take(&mut self, id: u32, scored: Option<Box<Scored>>, text: &str) {
        let top = scored.as_ref().map(|scored| self.likely.told(&self.tokenizer, scored)).unwrap_or_default();
        let silent = text.is_empty() && self.tokenizer.is_control(id);
        let split = self.close(text) || (text.is_empty() && !silent);
        let start = self.written;
        let end = start.saturating_add(text.len());
        let end = (!text.is_empty() || silent).then_some(end);
        self.tokens.push_back(Waiting { id, start, end, split, scored, top });
        self.write(text);
    }

    /// Takes text that no token came with: the rest of a character that was never whole.
    pub(crate) fn take_rest(&mut self, text: &str) {
        if !self.close(text) {
            self.tokens.iter_mut().for_each(|token| token.end = token.end.or(Some(token.start)));
        }
        self.write(text);
    }

    fn write(&mut self, text: &str) {
        self.likely.follow(text);
        self.raw.push_str(text);
        self.written = self.written.saturating_add(text.len());
    }

    /// The character that tokens were waiting for is the first of `text`; whether any was.
    fn close(&mut self, text: &str) -> bool {
        let Some(first) = text.chars().next() else { return false };
        let end = self.written.saturating_add(first.len_utf8());
        let open = self.tokens.iter_mut().filter(|token| token.end.is_none());
        open.map(|token| token.end = Some(end)).count() > 0
    }

    /// Takes what came out behind the stages; `held` bytes at the end of what was written are undecided, where that is known.
    pub(crate) fn settle(&mut self, piece: &str, held: Option<usize>) {
        self.out.push_str(piece);
        self.piece.push_str(piece);
        let Some(held) = held else { return };
        let until = self.written.saturating_sub(held);
        let decided = until.saturating_sub(self.settled);
        let Some(raw) = self.raw.get(..decided) else { return };
        let out_end = self.out_start.saturating_add(self.out.len());
        let out = out_end.saturating_sub(self.piece.len())..out_end;
        self.spans.extend(spans(raw, &self.piece, self.settled, out.start));
        self.raw = Zeroizing::new(self.raw.get(decided..).unwrap_or_default().to_owned());
        self.piece = Zeroizing::default();
        self.settled = self.settled.max(until);
        while self.place() {}
    }

    /// What is whole within the first `shown` bytes that came out.
    pub(crate) fn release(&mut self, shown: usize) -> Vec<TokenScore> {
        let whole = self.placed.iter().take_while(|(end, _)| *end <= shown).count();
        self.placed.drain(..whole).map(|(_, score)| score).collect()
    }

    /// Places the first token, with those that share what became of it; false while it is undecided.
    fn place(&mut self) -> bool {
        let Some((raw, count)) = self.group() else { return false };
        let changed = self.spans.iter().any(|span| span.changes(&raw));
        let out = self.shown(&raw);
        self.forget(out.start);
        for index in 0..count {
            let Some(token) = self.tokens.pop_front() else { return false };
            let text = match (changed, index) {
                (true, 1..) => Vec::new(),
                (false, _) if token.split => self.tokenizer.token_bytes(token.id).into_owned(),
                _ => self.text(&out).as_bytes().to_vec(),
            };
            let offset = if index == 0 { self.chars } else { self.chars_at(out.end) };
            self.placed.push_back((out.end, score(token, text, changed, offset)));
        }
        let next = self.tokens.front().map_or(self.settled, |token| token.start);
        while self.spans.front().is_some_and(|span| span.raw.end < next) {
            self.spans.pop_front();
        }
        true
    }

    /// The bytes of the model's text that the first token is part of, and how many tokens are. More than one only where
    /// something else is shown for them.
    fn group(&self) -> Option<(Range<usize>, usize)> {
        let settled = |token: &Waiting| token.end.filter(|end| *end <= self.settled);
        let first = self.tokens.front()?;
        let mut raw = first.start..settled(first)?;
        let mut count = 1;
        loop {
            let changes = self.spans.iter().filter(|span| span.changes(&raw));
            let Some(until) = changes.map(|span| span.raw.end).max() else { return Some((raw, count)) };
            raw.end = raw.end.max(until);
            match self.tokens.get(count) {
                Some(next) if next.start < raw.end => raw.end = raw.end.max(settled(next)?),
                _ => return Some((raw, count)),
            }
            count = count.saturating_add(1);
        }
    }

    /// Where that which stands for these bytes came out.
    fn shown(&self, raw: &Range<usize>) -> Range<usize> {
        let end = self.out_start.saturating_add(self.out.len()).saturating_sub(self.piece.len());
        let shift = |span: &Span, at: usize| span.out.start.saturating_add(at.saturating_sub(span.raw.start));
        let first = self.spans.iter().find(|span| span.raw.contains(&raw.start));
        let start = first.map_or(end, |span| if span.same { shift(span, raw.start) } else { span.out.start });
        if raw.is_empty() {
            return start..start;
        }
        let last = self.spans.iter().find(|span| span.raw.start < raw.end && raw.end <= span.raw.end);
        start..last.map_or(end, |span| if span.same { shift(span, raw.end) } else { span.out.end }).max(start)
    }

    fn text(&self, out: &Range<usize>) -> &str {
        let [start, end] = [out.start, out.end].map(|at| at.saturating_sub(self.out_start));
        self.out.get(start..end).unwrap_or_default()
    }

    fn chars_at(&self, at: usize) -> usize {
        self.chars.saturating_add(self.text(&(self.out_start..at)).chars().count())
    }

    /// Drops what came out before `at`.
    fn forget(&mut self, at: usize) {
        self.chars = self.chars_at(at);
        let rest = self.out.get(at.saturating_sub(self.out_start)..).unwrap_or_default().to_owned();
        self.out = Zeroizing::new(rest);
        self.out_start = self.out_start.max(at);
    }
}

fn score(token: Waiting, text: Vec<u8>, changed: bool, offset: usize) -> TokenScore {
    let own = |(id, alternative): (u32, Alternative)| match id == token.id {
        true => Alternative { text: text.clone(), ..alternative },
        false => alternative,
    };
    let top = if changed { Vec::new() } else { token.top.into_iter().map(own).collect() };
    TokenScore { logprob: token.scored.map(|scored| scored.logprob), text, offset, top }
}

/// What became of `raw`: the same at both ends as far as it goes, and something else between.
fn spans(raw: &str, out: &str, raw_at: usize, out_at: usize) -> Vec<Span> {
    let len = |(a, b): (char, char)| (a == b).then(|| a.len_utf8());
    let before: usize = raw.chars().zip(out.chars()).map_while(len).sum();
    let rest = |text: &'_ str| text.get(before..).unwrap_or_default().to_owned();
    let (raw_rest, out_rest) = (Zeroizing::new(rest(raw)), Zeroizing::new(rest(out)));
    let after: usize = raw_rest.chars().rev().zip(out_rest.chars().rev()).map_while(len).sum();
    let cuts = |length: usize, at: usize| {
        [0, before, length.saturating_sub(after), length].map(|cut| cut.saturating_add(at))
    };
    let ([a, b, c, d], [e, f, g, h]) = (cuts(raw.len(), raw_at), cuts(out.len(), out_at));
    let spans = [(a..b, e..f, true), (b..c, f..g, false), (c..d, g..h, true)];
    let spans = spans.into_iter().map(|(raw, out, same)| Span { raw, out, same });
    spans.filter(|span| !(span.raw.is_empty() && span.out.is_empty())).collect()
}
