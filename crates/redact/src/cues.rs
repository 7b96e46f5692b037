//! Context: words near a candidate that speak for or against it.
//!
//! The words of all kinds are looked up once, where a word begins; each candidate then looks at the words around it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::catalogue::{Entry, entries};
use crate::kind::KindSet;
use crate::marks::BLOCK_BYTES;
use crate::spelled::numeral_words;
use crate::{Error, Kind};

/// Characters of context on either side of a candidate.
pub const CONTEXT_CHARS: usize = 40;

/// The cues of all kinds. A cue begins at a word boundary, ends at one unless written with `*`, and ignores ASCII case.
pub(crate) struct Cues {
    words: Vec<Word>,
    /// Words by a hash of their first three bytes, and those of one or two bytes by their first.
    long: Vec<Vec<u32>>,
    short: Vec<Vec<u32>>,
    /// A bit for each bucket that is not empty.
    filled: Vec<u64>,
    /// What each byte is: [`OPENS`] when any word begins with it, and so on.
    opens: [u8; 256],
}

const OPENS: u8 = 1;
const WORD: u8 = 2;
const CAPITAL: u8 = 4;
const SMALL: u8 = 8;

/// What the bytes of a block are, a bit each.
#[derive(Default)]
struct Masks {
    opens: u64,
    word: u64,
    capital: u64,
    small: u64,
}

/// What each byte is, whatever the words.
fn classes() -> [u8; 256] {
    let mut classes = [0_u8; 256];
    for (byte, class) in (0_u8..=255).zip(classes.iter_mut()) {
        *class = match byte {
            b'0'..=b'9' => WORD,
            b'A'..=b'Z' => WORD | CAPITAL,
            b'a'..=b'z' => WORD | SMALL,
            _ => 0,
        };
    }
    classes
}

/// Buckets of words.
const BUCKETS: usize = 8192;

fn bucket(one: u8, two: u8, three: u8) -> usize {
    let [one, two, three] = [one, two, three].map(|b| usize::from(b.to_ascii_lowercase()));
    (one.wrapping_mul(961) ^ two.wrapping_mul(37) ^ three.wrapping_mul(1021)) % BUCKETS
}

pub(crate) struct Word {
    pub(crate) text: String,
    /// The digits that the word stands for.
    pub(crate) numeral: Option<String>,
    open_end: bool,
    pub(crate) positive: KindSet,
    pub(crate) negative: KindSet,
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
        words.extend(numeral_words().into_iter().map(|(word, digits)| Word {
            text: word,
            numeral: Some(digits),
            open_end: false,
            positive: KindSet::default(),
            negative: KindSet::default(),
        }));
        let mut cues = Self {
            words,
            long: vec![Vec::new(); BUCKETS],
            short: vec![Vec::new(); 256],
            filled: vec![0; BUCKETS / 64],
            opens: classes(),
        };
        for (at, word) in (0_u32..).zip(&cues.words) {
            let list = match word.text.as_bytes() {
                &[one, two, three, ..] => cues.long.get_mut(bucket(one, two, three)),
                &[one, ..] => cues.short.get_mut(usize::from(one)),
                [] => None,
            };
            list.ok_or(Error::Internal("cue table"))?.push(at);
            if let &[one, two, three, ..] = word.text.as_bytes() {
                let bucket = bucket(one, two, three);
                if let Some(filled) = cues.filled.get_mut(bucket / 64) {
                    *filled |= 1_u64.wrapping_shl(u32::try_from(bucket % 64).unwrap_or(0));
                }
            }
            let first = word.text.as_bytes().first().copied().unwrap_or_default();
            for byte in [first, first.to_ascii_uppercase()] {
                if let Some(opens) = cues.opens.get_mut(usize::from(byte)) {
                    *opens |= OPENS;
                }
            }
        }
        Ok(cues)
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
        let bytes = text.as_bytes();
        let mut hits = Vec::new();
        // Whether the byte before the block is a letter or digit, and a small letter.
        let (mut inside, mut small) = (0_u64, 0_u64);
        for (number, block) in bytes.chunks(BLOCK_BYTES).enumerate() {
            let base = number.saturating_mul(BLOCK_BYTES);
            let masks = self.masks(block);
            let goes_on =
                masks.word & (masks.word << 1 | inside) & !(masks.capital & (masks.small << 1 | small));
            (inside, small) = (masks.word >> 63, masks.small >> 63);
            let mut starts = masks.opens & !goes_on;
            while starts != 0 {
                let at = base.saturating_add(starts.trailing_zeros() as usize);
                starts &= starts.wrapping_sub(1);
                self.words_at(text, at, &mut hits);
            }
        }
        hits.sort_by_key(|hit| hit.end);
        hits
    }

    /// What the bytes of a block are, a bit each.
    fn masks(&self, block: &[u8]) -> Masks {
        let mut masks = Masks::default();
        for (bit, &byte) in (0_u32..).zip(block) {
            let class = self.opens.get(usize::from(byte)).copied().unwrap_or(0);
            let bit_of = |flag: u8| u64::from(class & flag != 0).wrapping_shl(bit);
            masks.opens |= bit_of(OPENS);
            masks.word |= bit_of(WORD);
            masks.capital |= bit_of(CAPITAL);
            masks.small |= bit_of(SMALL);
        }
        masks
    }

    /// Adds every word that begins at `at`.
    fn words_at(&self, text: &str, at: usize, hits: &mut Vec<Hit>) {
        let rest = text.as_bytes().get(at..).unwrap_or_default();
        if let Some(&[one, two, three]) = rest.first_chunk::<3>() {
            let bucket = bucket(one, two, three);
            let filled = self.filled.get(bucket / 64).is_some_and(|word| word >> (bucket % 64) & 1 != 0);
            if filled && let Some(numbers) = self.long.get(bucket) {
                for &number in numbers {
                    self.try_word(text, at, number, hits);
                }
            }
        }
        let first = rest.first().copied().unwrap_or_default();
        for &number in self.short.get(usize::from(first.to_ascii_lowercase())).into_iter().flatten() {
            self.try_word(text, at, number, hits);
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
    // As a key: `date_of_birth`, `dateOfBirth`.
    if word.contains(' ') {
        all.push(word.replace(' ', "_"));
        all.push(word.replace(' ', ""));
    }
    all
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
