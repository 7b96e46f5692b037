//! What a profile lets through by value: the organisation's own address, its numbers, its officials.

use std::collections::{BTreeMap, BTreeSet};

use aho_corasick::AhoCorasick;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::detect::{Depth, Detector, Scored};
use crate::profile::{Action, Key, Profile};
use crate::view::View;
use crate::{Error, Kind};

/// Longest listed value, in characters: a stream has seen that much beyond a candidate when it judges it.
const VALUE_CHARS_MAX: usize = 64;
/// Most values over all lists of a profile.
const VALUES_MAX: usize = 10_000;

/// `[allow]`, as written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Lists {
    /// Of any kind: what lies within such a text is let through. Of a name, only where two words or more are listed.
    pub(crate) values: Vec<String>,
    /// Mail addresses at exactly these domains.
    pub(crate) domains: Vec<String>,
    /// Of one kind.
    pub(crate) kinds: BTreeMap<Key, Vec<String>>,
}

impl Lists {
    /// What is wrong with them, with a text of the profile to find the line by.
    pub(crate) fn fault(&self) -> Option<(&str, String)> {
        let mut number = 0_usize;
        for (kind, value) in self.entries() {
            number = number.saturating_add(1);
            let letters = value.chars().filter(|c| c.is_alphanumeric()).count();
            if value.chars().count() > VALUE_CHARS_MAX || letters < 2 {
                let said = format!(
                    "allow: a value must have 2 letters or digits, and at most {VALUE_CHARS_MAX} characters in all"
                );
                return Some((value, said));
            }
            if kind == Some(Kind::Person) && words(value) < 2 {
                let said = "allow.kinds.person: one word would let others of that name through; write the whole name";
                return Some((value, said.to_owned()));
            }
        }
        if number.saturating_add(self.domains.len()) > VALUES_MAX {
            return Some(("[allow", format!("allow: more than {VALUES_MAX} values")));
        }
        let wrong = |domain: &&String| domain.contains(['@', '*', ' ', '/']) || !domain.contains('.');
        self.domains.iter().find(wrong).map(|domain| {
            (domain.as_str(), "allow.domains: write a domain as in example.org, without @ or *".to_owned())
        })
    }

    /// Every value, with the kind that it is listed for.
    fn entries(&self) -> impl Iterator<Item = (Option<Kind>, &String)> {
        let by_kind = self.kinds.iter().flat_map(|(key, list)| list.iter().map(|value| (Some(key.0), value)));
        self.values.iter().map(|value| (None, value)).chain(by_kind)
    }

    /// One line per value, for the digest.
    pub(crate) fn canonical(&self) -> String {
        if *self == Self::default() { String::new() } else { format!("allow {self:?}\n") }
    }
}

fn words(value: &str) -> usize {
    value.split(|c: char| !c.is_alphanumeric()).filter(|word| word.chars().count() > 1).count()
}

/// The lists, ready to be compared with what was found.
pub(crate) struct Allowed {
    finder: Option<AhoCorasick>,
    /// For each pattern of the finder: the kind it is listed for, and whether it names more than one word.
    listed: Vec<(Option<Kind>, bool)>,
    canonical: BTreeSet<(Kind, String)>,
    domains: BTreeSet<String>,
}

impl Allowed {
    /// Folds the values as texts are folded, and has the recognizers say what they are in their own form: a telephone number
    /// matches in each of its spellings.
    pub(crate) fn new(lists: &Lists, detector: &Detector) -> Result<Self, Error> {
        let (mut patterns, mut listed, mut canonical) = (Vec::new(), Vec::new(), BTreeSet::new());
        for (kind, value) in lists.entries() {
            patterns.push(Plain::of(View::new(value)?.text()).text.to_string());
            listed.push((kind, words(value) > 1));
            for found in detector.detect(value, None, 1000, Depth::Piece)? {
                let whole = found.start == 0 && found.end == value.len();
                let same = kind.is_none_or(|kind| kind == found.kind);
                if whole && same && found.kind != Kind::Person {
                    canonical.insert((found.kind, found.canonical.as_str().to_lowercase()));
                }
            }
        }
        let finder = if patterns.is_empty() {
            None
        } else {
            Some(AhoCorasick::new(&patterns).map_err(|_| Error::Internal("allow-list"))?)
        };
        let domains = lists.domains.iter().map(|domain| domain.to_lowercase()).collect();
        Ok(Self { finder, listed, canonical, domains })
    }

    /// Parts what was found in `text` into what is listed and what is not.
    pub(crate) fn part(&self, text: &str, found: Vec<Scored>) -> Result<(Vec<Scored>, Vec<Scored>), Error> {
        if found.is_empty() || (self.finder.is_none() && self.domains.is_empty()) {
            return Ok((Vec::new(), found));
        }
        let places = self.places(text)?;
        Ok(found.into_iter().partition(|scored| self.lists(scored, &places)))
    }

    fn lists(&self, scored: &Scored, places: &[Place]) -> bool {
        let canonical = scored.canonical.as_str().to_lowercase();
        let domain = || canonical.rsplit_once('@').is_some_and(|(_, domain)| self.domains.contains(domain));
        if scored.kind == Kind::Email && domain() {
            return true;
        }
        // Places are by their start, and none is longer than a value may be.
        let until = places.partition_point(|place| place.start <= scored.start);
        let before = places.get(..until).unwrap_or_default();
        let covers = |place: &&Place| {
            let whole_name = scored.kind != Kind::Person || place.words;
            place.end >= scored.end && place.kind.is_none_or(|kind| kind == scored.kind) && whole_name
        };
        before.iter().rev().take_while(|place| place.reach > scored.start).any(|place| covers(&place))
            || self.canonical.contains(&(scored.kind, canonical))
    }

    /// Where listed values stand in `text`, as words of their own.
    fn places(&self, text: &str) -> Result<Vec<Place>, Error> {
        let Some(finder) = &self.finder else { return Ok(Vec::new()) };
        let view = View::new(text)?;
        let plain = Plain::of(view.text());
        let mut places = Vec::new();
        for hit in finder.find_overlapping_iter(plain.text.as_str()) {
            let Some(&(kind, words)) = self.listed.get(hit.pattern().as_usize()) else { continue };
            let before = plain.text.get(..hit.start()).and_then(|t| t.chars().next_back());
            let after = plain.text.get(hit.end()..).and_then(|t| t.chars().next());
            if [before, after].into_iter().flatten().any(char::is_alphanumeric) {
                continue;
            }
            let (start, end) = view.to_original(plain.origin(hit.start()), plain.origin(hit.end()))?;
            places.push(Place { start, end, reach: end, kind, words });
        }
        places.sort_by_key(|place| (place.start, place.end));
        // The farthest end so far: going back from a candidate can stop where nothing reaches it any more.
        let mut reach = 0;
        for place in &mut places {
            reach = place.end.max(reach);
            place.reach = reach;
        }
        Ok(places)
    }
}

/// Where a listed value stands.
struct Place {
    start: usize,
    end: usize,
    /// The farthest end of this and earlier places.
    reach: usize,
    kind: Option<Kind>,
    words: bool,
}

/// A view in small letters with single spaces, with the way back.
struct Plain {
    text: Zeroizing<String>,
    /// For each byte, and for the end, the byte of the view.
    origin: Vec<u32>,
}

impl Plain {
    fn of(view: &str) -> Self {
        let mut text = Zeroizing::new(String::with_capacity(view.len().saturating_mul(2)));
        let mut origin = Vec::with_capacity(view.len());
        let mut space = true;
        for (at, c) in view.char_indices() {
            // A view is made of at most 4 GiB.
            let at = u32::try_from(at).unwrap_or(u32::MAX);
            if c.is_whitespace() {
                if !space {
                    text.push(' ');
                    origin.push(at);
                }
                space = true;
                continue;
            }
            space = false;
            for small in c.to_lowercase() {
                text.push(small);
            }
            origin.resize(text.len(), at);
        }
        if text.ends_with(' ') {
            text.pop();
            origin.pop();
        }
        origin.push(u32::try_from(view.trim_end().len()).unwrap_or(u32::MAX));
        Self { text, origin }
    }

    fn origin(&self, at: usize) -> usize {
        self.origin.get(at).map_or(0, |&origin| origin as usize)
    }
}

/// A name within a number or an address that may pass is no name: it goes with what it is part of. `listed` are findings that
/// a list lets through, whatever the profile says of their kind.
pub(crate) fn pass_inside(listed: &[Scored], scored: &mut Vec<Scored>, profile: &Profile) {
    let passes = |s: &&Scored| profile.rule(s.kind).action == Action::Allow;
    let said = listed.iter().chain(scored.iter().filter(passes));
    let said = said.filter(|s| !s.kind.is_told_by_sentences() && s.score >= profile.rule(s.kind).threshold);
    let mut reach: Vec<(usize, usize)> = said.map(|s| (s.start, s.end)).collect();
    reach.sort_unstable();
    let mut farthest = 0;
    for (_, end) in &mut reach {
        farthest = farthest.max(*end);
        *end = farthest;
    }
    scored.retain(|s| {
        let before = reach.partition_point(|&(start, _)| start <= s.start);
        let end = before.checked_sub(1).and_then(|at| reach.get(at)).map_or(0, |&(_, end)| end);
        !s.kind.is_told_by_sentences() || end < s.end
    });
}
