//! Context: words near a candidate that speak for or against it.
//!
//! The words of all kinds are looked up once, where a word begins; each candidate then looks at the words around it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::blocks::{blocks, load_small, places};
use crate::catalogue::{Entry, entries};
use crate::kind::KindSet;
use crate::number_words::{numeral_words, round_words};
use crate::{Error, Kind};

/// Characters of context on either side of a candidate.
pub const CONTEXT_CHARS: usize = 40;

/// The cues of all kinds. A cue begins at a word boundary, ends at one unless written with `*`, and ignores ASCII case.
pub(crate) struct Cues {
    words: Vec<Word>,
    /// The words of four bytes and more by a hash of the first four, one bucket after another, and where each bucket begins.
    long: Vec<Opening>,
    buckets: Vec<u16>,
    /// Those of one to three bytes by the first.
    short: Vec<Vec<Opening>>,
}

/// The first bytes of a word, as [`load_small`] has them.
#[derive(Clone, Copy)]
struct Opening {
    bytes: u64,
    /// All ones where `bytes` says something.
    mask: u64,
    word: u32,
}

/// Buckets of words, a power of two.
const BUCKETS: usize = 1 << 13;

/// The bucket of the four lowest bytes.
const fn bucket(bytes: u64) -> usize {
    ((bytes & 0xFFFF_FFFF).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 51) as usize
}

pub(crate) struct Word {
    pub(crate) text: String,
    /// The digits that the word stands for.
    pub(crate) numeral: Option<String>,
    open_end: bool,
    pub(crate) positive: KindSet,
    pub(crate) negative: KindSet,
}

/// What a placeholder begins with, and the bytes of a label at most.
const OPEN: char = '⟦';
const LABEL_BYTES_MAX: usize = 32;

/// Whether the word at `start` stands in the label of a placeholder, or of what looks like one: `⟦BSN_1⟧` has its number, and says
/// nothing against the next.
pub(crate) fn is_label(text: &str, start: usize) -> bool {
    let before = text.get(text.floor_char_boundary(start.saturating_sub(LABEL_BYTES_MAX))..start);
    let label = before.and_then(|before| before.rsplit_once(OPEN));
    label.is_some_and(|(_, label)| label.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_')))
}

/// A cue in a text, in bytes.
#[derive(Clone, Copy)]
pub(crate) struct Hit {
    pub(crate) start: u32,
    pub(crate) end: u32,
    word: u32,
}

/// The cues of the catalogue, which are the same for every profile and dear to build: made once.
static ALL: LazyLock<Option<Cues>> = LazyLock::new(|| Cues::new(&entries()).ok());

impl Cues {
    /// The cues of the catalogue.
    pub(crate) fn all() -> Result<&'static Self, Error> {
        ALL.as_ref().ok_or(Error::Internal("cue table"))
    }

    pub(crate) fn new(entries: &[Entry]) -> Result<Self, Error> {
        let mut sets: BTreeMap<String, (KindSet, KindSet)> = BTreeMap::new();
        for entry in entries {
            let only = KindSet::only(entry.kind);
            for word in entry.positive.iter().flat_map(|list| list.iter()).flat_map(|word| spellings(word)) {
                let set = &mut sets.entry(word).or_default().0;
                *set = set.with(only);
            }
            for word in entry.negative.iter().flat_map(|list| list.iter()).flat_map(|word| spellings(word)) {
                let set = &mut sets.entry(word).or_default().1;
                *set = set.with(only);
            }
        }
        let mut words: Vec<Word> = sets
            .into_iter()
            .map(|(written, (positive, negative))| Word {
                text: written.trim_matches('*').to_owned(),
                numeral: None,
                open_end: written.ends_with('*'),
                positive,
                negative,
            })
            .collect();
        let numerals = numeral_words().into_iter().map(|numeral| (numeral, false));
        let numerals = numerals.chain(round_words().into_iter().map(|numeral| (numeral, true)));
        words.extend(numerals.map(|((text, digits), open_end)| Word {
            text,
            numeral: Some(digits),
            open_end,
            positive: KindSet::default(),
            negative: KindSet::default(),
        }));
        Self::of_words(words)
    }

    fn of_words(words: Vec<Word>) -> Result<Self, Error> {
        let fault = || Error::Internal("cue table");
        let mut short = vec![Vec::new(); 256];
        let mut long = Vec::new();
        for (number, word) in (0_u32..).zip(&words) {
            let text = word.text.as_bytes();
            let first = usize::from(*text.first().ok_or_else(fault)?);
            let known = u32::try_from(text.len().saturating_mul(8)).map_err(|_| fault())?;
            let mask = 1_u64.checked_shl(known).map_or(u64::MAX, |bit| bit.wrapping_sub(1));
            let opening = Opening { bytes: load_small(text) & mask, mask, word: number };
            if text.len() < 4 {
                short.get_mut(first).ok_or_else(fault)?.push(opening);
            } else {
                long.push(opening);
            }
        }
        long.sort_by_key(|opening| bucket(opening.bytes));
        let begins = |at| u16::try_from(long.partition_point(|opening| bucket(opening.bytes) < at));
        let buckets = (0..=BUCKETS).map(begins).collect::<Result<_, _>>().map_err(|_| fault())?;
        Ok(Self { words, long, buckets, short })
    }

    /// Every cue, for the detector digest.
    pub(crate) fn canonical(&self) -> String {
        let line = |w: &Word| {
            let end = if w.open_end { "*" } else { "" };
            format!("{}{end} {:?} {:?} {:?}\n", w.text, w.positive, w.negative, w.numeral)
        };
        self.words.iter().map(line).collect()
    }

    /// Every cue in `text`, by its end.
    pub(crate) fn hits(&self, text: &str) -> Vec<Hit> {
        let mut hits = Vec::new();
        // Whether the byte before the block is a letter or digit, and a small letter.
        let (mut inside, mut small) = (0_u64, 0_u64);
        for (base, block) in blocks(text) {
            let (letters, capitals) = (block.letters(), block.capitals());
            let word = letters | block.digits();
            let smalls = letters & !capitals;
            let goes_on = word << 1 | inside;
            let after_small = smalls << 1 | small;
            (inside, small) = (word >> 63, smalls >> 63);
            let starts = word & !(goes_on & !(capitals & after_small));
            let signs = !word & !block.spaces();
            for at in places(starts | signs).map(|at| base.saturating_add(at)) {
                self.words_at(text, at, &mut hits);
            }
        }
        hits.sort_by_key(|hit| hit.end);
        hits
    }

    /// Adds every word that begins at `at`.
    fn words_at(&self, text: &str, at: usize, hits: &mut Vec<Hit>) {
        let rest = text.as_bytes().get(at..).unwrap_or_default();
        let bytes = load_small(rest);
        let number = bucket(bytes);
        let begins = |number: usize| self.buckets.get(number).copied().map(usize::from);
        if let (Some(from), Some(to)) = (begins(number), begins(number.wrapping_add(1))) {
            for opening in self.long.get(from..to).unwrap_or_default() {
                if bytes & opening.mask == opening.bytes {
                    self.try_word(text, at, opening.word, hits);
                }
            }
        }
        let first = rest.first().map_or(0, u8::to_ascii_lowercase);
        for opening in self.short.get(usize::from(first)).into_iter().flatten() {
            if bytes & opening.mask == opening.bytes {
                self.try_word(text, at, opening.word, hits);
            }
        }
    }

    /// Adds the word `number` if it stands at `at`.
    fn try_word(&self, text: &str, at: usize, number: u32, hits: &mut Vec<Hit>) {
        let Some(word) = self.words.get(number as usize) else { return };
        let stop = at.saturating_add(word.text.len());
        let stands =
            text.as_bytes().get(at..stop).is_some_and(|t| t.eq_ignore_ascii_case(word.text.as_bytes()));
        if stands
            && bounded(text, at, stop, word)
            && let (Ok(start), Ok(end)) = (u32::try_from(at), u32::try_from(stop))
        {
            hits.push(Hit { start, end, word: number });
        }
    }

    /// Every word tried at every place: what [`Cues::hits`] has to find.
    #[cfg(test)]
    pub(crate) fn plain_hits(&self, text: &str) -> Vec<(u32, u32, String)> {
        let mut hits = Vec::new();
        for (at, _) in text.char_indices() {
            for word in 0..u32::try_from(self.words.len()).unwrap() {
                self.try_word(text, at, word, &mut hits);
            }
        }
        hits.iter().map(|hit| (hit.end, hit.start, self.word(*hit).unwrap().text.clone())).collect()
    }

    /// Whether a hit speaks for `kind`.
    pub(crate) fn speaks_for(&self, hit: Hit, kind: Kind) -> bool {
        self.word(hit).is_some_and(|w| w.positive.has(kind))
    }

    pub(crate) fn word(&self, hit: Hit) -> Option<&Word> {
        self.words.get(hit.word as usize)
    }

    /// The nearest word of `kind` among hits by distance, and whether a word of another kind stands nearer.
    pub(crate) fn nearest(
        &self,
        kind: Kind,
        hits: impl Iterator<Item = Hit>,
        edge: fn(Hit) -> u32,
    ) -> (Option<&Word>, bool) {
        let mut best: Option<(&Word, u32)> = None;
        let mut other = false;
        for hit in hits {
            let Some(word) = self.word(hit) else { continue };
            let own = word.positive.has(kind) || word.negative.has(kind);
            match best {
                Some((_, at)) if edge(hit) != at => break,
                Some((nearest, at)) if own && word.text.len() > nearest.text.len() => best = Some((word, at)),
                Some(_) => {}
                None if own => best = Some((word, edge(hit))),
                None => other = other || !word.positive.is_empty(),
            }
        }
        (best.map(|(word, _)| word), other)
    }
}

/// A word and what it is shortened to: `zaaknummer*` is `zaaknr*` and `zaak nr*` too.
fn spellings(word: &str) -> Vec<String> {
    let mut all = vec![word.to_owned()];
    if let Some(stem) = word.strip_suffix("nummer*").filter(|stem| stem.len() > 1) {
        all.push(format!("{stem}nr*"));
        all.push(format!("{} nr*", stem.trim_end_matches([' ', '-'])));
    }
    all.extend(typed(word));
    // As a key: `date_of_birth`, `dateOfBirth`.
    if word.contains(' ') {
        all.push(word.replace(' ', "_"));
        all.push(word.replace(' ', ""));
    }
    all
}

/// Words for numbers that are often typed in haste: with one letter left out, or two in the wrong order.
fn typed(word: &str) -> Vec<String> {
    const HASTY: &[&str] =
        &["kenteken*", "postcode*", "telefoon*", "geboorte*", "burgerservice*", "paspoort*"];
    if !HASTY.contains(&word) {
        return Vec::new();
    }
    let letters: Vec<char> = word.chars().collect();
    let inner = 1..letters.len().saturating_sub(1);
    let without = inner
        .clone()
        .map(|at| letters.iter().enumerate().filter(|&(n, _)| n != at).map(|(_, c)| *c).collect::<String>());
    let swapped = inner.filter_map(|at| {
        let mut other = letters.clone();
        let next = at.checked_add(1).filter(|&next| next < letters.len().saturating_sub(1))?;
        other.swap(at, next);
        Some(other.into_iter().collect())
    });
    without.chain(swapped).collect()
}

/// Whether a match is a word of its own. A capital after a small letter begins a word, as in `clientBsn`.
fn bounded(text: &str, start: usize, end: usize, word: &Word) -> bool {
    let left = || text.get(..start).and_then(|t| t.chars().next_back());
    let right = || text.get(end..).and_then(|t| t.chars().next());
    let at = |i: usize| text.as_bytes().get(i).copied().unwrap_or(b' ');
    let left_ok = !word.text.starts_with(char::is_alphanumeric)
        || !left()
            .is_some_and(|c| c.is_alphanumeric() && !(c.is_lowercase() && at(start).is_ascii_uppercase()));
    let right_ok = word.open_end
        || !word.text.ends_with(char::is_alphanumeric)
        || !right().is_some_and(|c| {
            c.is_alphanumeric()
                && !c.is_ascii_digit()
                && !(c.is_uppercase() && at(end.saturating_sub(1)).is_ascii_lowercase())
        });
    left_ok && right_ok
}
