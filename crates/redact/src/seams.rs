//! Numbers that were split over the texts of a conversation.
//!
//! The end of one text and the beginning of the next may together be what neither is alone. Only kinds with a check of
//! their own count here: of other kinds, what two people wrote one after the other would make too many.

use crate::detect::{Depth, Detector, Scored};
use crate::finding::Reason;
use crate::recognizers::because;
use crate::vault::Secret;
use crate::{Error, Group, Input, Kind};
use zeroize::Zeroizing;

/// One text of a conversation.
#[derive(Clone, Copy)]
pub struct Turn<'a> {
    /// The text.
    pub text: &'a str,
    /// Bytes of `text` at which a part of it begins that the caller sent apart from the one before, ascending.
    pub parts: &'a [usize],
    /// Whoever wrote it: what one author wrote is also read without the others in between.
    pub author: u8,
    /// It is an earlier answer of the model: a placeholder of this request in it is that, and no look-alike. Only where
    /// values are never put back; elsewhere the model's own words may not come to stand for a value.
    pub quotes: bool,
    /// It is JSON data, such as the arguments of a tool call: its leaves are rewritten, see [`crate::Input::Data`]. Not read
    /// joined with other texts.
    pub data: bool,
}

impl<'a> Turn<'a> {
    pub(crate) fn input(&self) -> Input<'a> {
        if self.data { Input::Data(self.text) } else { Input::Text(self.text) }
    }
}

/// How much of the beginning and of the end of a text is read, in bytes: a number, and the words that speak for it.
const EDGE_BYTES: usize = 160;

/// Stands between the beginning and the end of a long text: no number goes on over it.
const GAP: &str = "\n\n---\n\n";

/// The pieces of text that belong to one finding, by text.
pub(crate) struct Pieces {
    by_turn: Vec<Vec<Piece>>,
    quotes: Vec<bool>,
}

struct Piece {
    start: usize,
    end: usize,
    kind: Kind,
    score: u8,
    canonical: Zeroizing<String>,
}

/// A stretch of a text, and where it stands among what is read joined.
struct Stretch {
    turn: usize,
    start: usize,
    end: usize,
    joined: usize,
}

impl Pieces {
    /// Nothing was split.
    pub(crate) const fn none() -> Self {
        Self { by_turn: Vec::new(), quotes: Vec::new() }
    }

    /// Every number that is split over `turns`.
    ///
    /// # Errors
    /// As [`Detector::detect`].
    pub(crate) fn find(turns: &[Turn<'_>], detector: &Detector, limit: usize) -> Result<Self, Error> {
        let by_turn = turns.iter().map(|_| Vec::new()).collect();
        let mut found = Self { by_turn, quotes: turns.iter().map(|turn| turn.quotes).collect() };
        let all: Vec<usize> = (0..turns.len()).collect();
        let mut orders = vec![all];
        let mut authors: Vec<u8> = turns.iter().map(|turn| turn.author).collect();
        authors.sort_unstable();
        authors.dedup();
        for author in authors.iter().filter(|_| authors.len() > 1) {
            let own = turns.iter().enumerate().filter(|(_, turn)| turn.author == *author);
            orders.push(own.map(|(at, _)| at).collect());
        }
        for order in orders {
            for between in ["", " "] {
                let (text, stretches) = join(turns, &order, between);
                if stretches.len() < 2 {
                    break;
                }
                for scored in detector.detect(&text, None, limit, Depth::Piece)? {
                    found.keep(&scored, &stretches, turns);
                }
            }
        }
        Ok(found)
    }

    /// What to add to the candidates of text `index`.
    pub(crate) fn of(&self, index: usize) -> impl Iterator<Item = Scored> + '_ {
        self.by_turn.get(index).into_iter().flatten().map(|piece| Scored {
            by_finder: false,
            start: piece.start,
            end: piece.end,
            kind: piece.kind,
            score: piece.score,
            reasons: vec![split_over_texts(piece.score)],
            canonical: Secret::new(&piece.canonical),
        })
    }

    /// Whether text `index` is an earlier answer whose placeholders stand.
    pub(crate) fn quotes(&self, index: usize) -> bool {
        self.quotes.get(index).copied().unwrap_or(false)
    }

    fn keep(&mut self, scored: &Scored, stretches: &[Stretch], turns: &[Turn<'_>]) {
        // A number with a typing error is still cut where it stands whole; here it is two texts that met.
        let failed = scored.reasons.iter().any(|reason| reason.what.ends_with("fails"));
        if failed {
            return;
        }
        let parts: Vec<(usize, usize, usize)> = stretches
            .iter()
            .filter_map(|stretch| {
                let len = stretch.end.saturating_sub(stretch.start);
                let from = scored.start.max(stretch.joined);
                let to = scored.end.min(stretch.joined.saturating_add(len));
                let origin = |at: usize| at.saturating_sub(stretch.joined).saturating_add(stretch.start);
                (from < to).then(|| (stretch.turn, origin(from), origin(to)))
            })
            .collect();
        // Without a check of its own, a number goes on where a text is nothing but the rest of it.
        let rest_only = |&(turn, start, end): &(usize, usize, usize)| {
            turns.get(turn).is_some_and(|t| t.text.trim() == t.text.get(start..end).unwrap_or_default())
        };
        let goes_on = scored.score >= SPLIT_SCORE_MIN
            && is_written_in_digits(scored.kind)
            && parts.iter().skip(1).all(rest_only);
        if parts.len() < 2 || !(has_a_check(scored.kind) || goes_on) {
            return;
        }
        for (turn, start, end) in parts {
            let Some(pieces) = self.by_turn.get_mut(turn) else { continue };
            let new = Piece { start, end, kind: scored.kind, score: scored.score, canonical: copy(scored) };
            match pieces.iter_mut().find(|p| (p.start, p.end, p.kind) == (start, end, scored.kind)) {
                // Another order of the texts may have shown the same piece, and less sure.
                Some(old) if old.score < new.score => *old = new,
                Some(_) => {}
                None => pieces.push(new),
            }
        }
    }
}

fn copy(scored: &Scored) -> Zeroizing<String> {
    Zeroizing::new(scored.canonical.as_str().to_owned())
}

fn split_over_texts(score: u8) -> Reason {
    because("split over texts of the conversation; read joined", i16::from(score))
}

/// How sure a number without a check has to be.
const SPLIT_SCORE_MIN: u8 = 70;

/// Whether a kind without a check of its own is a number that people send in pieces.
const fn is_written_in_digits(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Phone
            | Kind::DrivingLicence
            | Kind::VNummer
            | Kind::Kvk
            | Kind::Agb
            | Kind::Uzi
            | Kind::TravelDocument
    )
}

/// The question that each text may answer, by text: the last sentence of another's text before it, for a short answer.
pub(crate) fn questions(turns: &[Turn<'_>]) -> Vec<Option<String>> {
    let mut all = Vec::with_capacity(turns.len());
    let mut before: Option<&Turn<'_>> = None;
    for turn in turns {
        let asked =
            before.filter(|before| before.author != turn.author && turn.text.len() <= ANSWER_BYTES_MAX);
        all.push(asked.and_then(|before| question(before.text)));
        before = Some(turn);
    }
    all
}

/// The last sentence of a text that asks for something.
fn question(text: &str) -> Option<String> {
    let text = text.trim_end();
    let from = text.ceil_char_boundary(text.len().saturating_sub(EDGE_BYTES));
    let tail = text.get(from..)?;
    let asks = tail.strip_suffix(['?', ':']).or_else(|| {
        let asking = ["graag", "geef", "noem", "typ", "vul", "wat is"]
            .iter()
            .any(|word| tail.to_lowercase().contains(word));
        tail.strip_suffix('.').filter(|_| asking)
    })?;
    let start = asks.rfind(['.', '?', '!', '\n']).map_or(0, |at| at.saturating_add(1));
    asks.get(start..).map(str::to_owned)
}

/// Longest text that is the answer to a question and no more.
const ANSWER_BYTES_MAX: usize = 80;

/// Whether a kind has a check that few numbers pass by chance, given the words around it.
const fn has_a_check(kind: Kind) -> bool {
    match kind.group() {
        Group::National => !matches!(kind, Kind::VNummer),
        _ => matches!(kind, Kind::Iban | Kind::Card | Kind::Imei | Kind::Btw | Kind::Big | Kind::Rsin),
    }
}

/// The texts one after the other, and where each stretch of them stands.
fn join(turns: &[Turn<'_>], order: &[usize], between: &str) -> (Zeroizing<String>, Vec<Stretch>) {
    let mut stretches = Vec::new();
    let mut pieces: Vec<&str> = Vec::new();
    let mut length = 0_usize;
    let mut add = |piece, pieces: &mut Vec<_>| {
        let at = length;
        length = length.saturating_add(str::len(piece));
        pieces.push(piece);
        at
    };
    for &turn in order {
        let Some(whole) = turns.get(turn) else { continue };
        for (start, end) in parts(whole) {
            let part = whole.text.get(start..end).unwrap_or_default();
            let edges = edges(part);
            for (n, &(from, to)) in edges.iter().enumerate() {
                if n > 0 {
                    add(GAP, &mut pieces);
                } else if !pieces.is_empty() {
                    add(between, &mut pieces);
                }
                let joined = add(part.get(from..to).unwrap_or_default(), &mut pieces);
                let place = |at: usize| start.saturating_add(at);
                stretches.push(Stretch { turn, start: place(from), end: place(to), joined });
            }
        }
    }
    let mut text = Zeroizing::new(String::with_capacity(length));
    pieces.iter().for_each(|piece| text.push_str(piece));
    (text, stretches)
}

/// The parts of a text that were sent apart, without the white space around them.
fn parts<'t>(turn: &'t Turn<'_>) -> impl Iterator<Item = (usize, usize)> + 't {
    // A leaf of JSON is cut by its own bytes, not by those of the whole.
    let starts = (!turn.data).then_some(0).into_iter().chain(turn.parts.iter().copied());
    let ends = turn.parts.iter().copied().chain([turn.text.len()]);
    starts.zip(ends).filter_map(|(start, end)| {
        let part = turn.text.get(start..end)?;
        let first = start.saturating_add(part.len().saturating_sub(part.trim_start().len()));
        let last = first.saturating_add(part.trim().len());
        (first < last).then_some((first, last))
    })
}

/// The beginning and the end of a part, or all of a short one.
fn edges(part: &str) -> Vec<(usize, usize)> {
    if part.len() <= EDGE_BYTES.saturating_mul(2) {
        return vec![(0, part.len())];
    }
    let head = part.floor_char_boundary(EDGE_BYTES);
    let tail = part.ceil_char_boundary(part.len().saturating_sub(EDGE_BYTES));
    vec![(0, head), (tail, part.len())]
}
