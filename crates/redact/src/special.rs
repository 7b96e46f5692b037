//! Special categories of personal data (GDPR article 9) and criminal data (article 10).
//!
//! A word alone is noise: "de griep heerst" is about nobody. It counts where somebody is identified close by, or where the
//! text identifies somebody and the words around speak of a person. The words are in `data/special.txt`.

use aho_corasick::{AhoCorasick, MatchKind};

use crate::{Error, phrases};

/// What kind of fact a word tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Category {
    Health,
    Religion,
    Ethnic,
    Political,
    Union,
    Sexual,
    Criminal,
}

impl Category {
    fn of_name(name: &str) -> Option<Self> {
        Some(match name {
            "health" => Self::Health,
            "religion" => Self::Religion,
            "ethnic" => Self::Ethnic,
            "political" => Self::Political,
            "union" => Self::Union,
            "sexual" => Self::Sexual,
            "criminal" => Self::Criminal,
            _ => return None,
        })
    }
}

/// How close somebody has to be identified, in bytes, within the same paragraph.
const NEAR_BYTES: usize = 240;
/// How close a word that stands for a person has to be.
const POINTER_BYTES: usize = 100;

/// Fewest bytes before an ending for it to count: "inbreuk" is no fracture.
const OPEN_START_BYTES_MIN: usize = 3;

/// Points: the word by itself, somebody identified near it, a word for a person near it.
pub(crate) const WORD_POINTS: u8 = 25;
const NEAR_POINTS: u8 = 50;
const POINTER_POINTS: u8 = 40;

/// Words that stand for a person whom the text has named.
const POINTERS: &[&str] = &[
    "hij",
    "zij",
    "ze",
    "hem",
    "haar",
    "zijn",
    "ik",
    "mij",
    "me",
    "mijn",
    "mn",
    "betrokkene",
    "cliënt",
    "cliënte",
    "client",
    "patiënt",
    "patiënte",
    "patient",
    "verdachte",
    "meneer",
    "mevrouw",
    "dhr",
    "mw",
    "mevr",
    "jongen",
    "meisje",
    "kind",
    "leerling",
    "moeder",
    "vader",
    "zoon",
    "dochter",
    "man",
    "vrouw",
    "bewoner",
    "bewoonster",
    "werknemer",
    "werkneemster",
    "aanvrager",
    "verzoeker",
    "eiser",
    "eiseres",
    "cl",
    "oma",
    "opa",
    "oom",
    "tante",
    "broer",
    "zus",
    "zusje",
    "broertje",
    "partner",
    "ex",
    "bewoner",
    "deelnemer",
    "pleegkind",
    "pleegzoon",
    "pleegdochter",
    "baby",
    "buurman",
    "buurvrouw",
    "u",
    "uw",
    "je",
    "jij",
    "jouw",
    "medische",
    "medisch",
    "bijzonderheden",
    "toelichting",
    "diagnose",
    "heeft",
    "slikt",
    "lijdt",
];

struct Word {
    open_start: bool,
    /// Whether it counts where a word begins with it too.
    begins: bool,
    open_end: bool,
    exact: bool,
    category: Option<Category>,
}

/// A fact about somebody, in bytes of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fact {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) category: Category,
    /// 0–100.
    pub(crate) score: u8,
}

/// Finds such facts.
pub(crate) struct SpecialCategories {
    automaton: AhoCorasick,
    words: Vec<Word>,
}

impl SpecialCategories {
    pub(crate) fn new() -> Result<Self, Error> {
        let mut words = Vec::new();
        let mut texts: Vec<&str> = Vec::new();
        let mut add = |text: &'static str, category: Option<Category>| {
            let bare = text.trim_matches('*');
            let (open_start, open_end) = (text.starts_with('*'), text.ends_with('*'));
            // The automaton tells one of equal texts only, so `*kanker` and `kanker*` are one word.
            if let Some(word) = texts.iter().position(|other| *other == bare).and_then(|at| words.get_mut(at))
            {
                let word: &mut Word = word;
                word.open_start |= open_start;
                word.open_end |= open_end;
                word.begins |= !open_start;
                return;
            }
            texts.push(bare);
            let exact = bare.chars().all(|c| !c.is_lowercase());
            words.push(Word { open_start, begins: !open_start, open_end, exact, category });
        };
        for line in include_str!("../data/special.txt").lines().filter(|line| !line.starts_with('#')) {
            let (name, list) = line.split_once(": ").ok_or(Error::Internal("special categories"))?;
            let category = Category::of_name(name).ok_or(Error::Internal("special categories"))?;
            list.split("; ").for_each(|word| add(word, Some(category)));
        }
        POINTERS.iter().for_each(|word| add(word, None));
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::LeftmostLongest)
            .build(&texts)
            .map_err(|_| Error::Internal("special categories"))?;
        Ok(Self { automaton, words })
    }

    /// Every fact in `text`; `people` are where somebody is named, ascending; `identified` is whether
    /// somebody is by a number.
    pub(crate) fn find(&self, text: &str, people: &[(usize, usize)], identified: bool) -> Vec<Fact> {
        let mut facts: Vec<Fact> = Vec::new();
        let mut pointers: Vec<usize> = Vec::new();
        for found in self.automaton.find_iter(text) {
            let Some(word) = self.words.get(found.pattern().as_usize()) else { continue };
            let start = if word.open_start { word_start(text, found.start()) } else { found.start() };
            let end = whole_word(text, found.end(), word.open_end);
            let attached =
                text.get(..start).and_then(|t| t.chars().next_back()).is_some_and(char::is_alphanumeric)
                    || text.get(end..).and_then(|t| t.chars().next()).is_some_and(char::is_alphanumeric);
            let written = text.get(found.start()..found.end()).unwrap_or_default();
            let headless = !word.begins && found.start().saturating_sub(start) < OPEN_START_BYTES_MIN;
            if attached || headless || (word.exact && written.chars().any(char::is_lowercase)) {
                continue;
            }
            match word.category {
                Some(category) => facts.push(Fact { start, end, category, score: WORD_POINTS }),
                None => pointers.push(start),
            }
        }
        for fact in &mut facts {
            let apart = |at: usize| {
                text.get(at.min(fact.start)..at.max(fact.start)).is_some_and(|t| t.contains("\n\n"))
            };
            let within = |at: usize, reach: usize| at.abs_diff(fact.start) <= reach && !apart(at);
            if near(people, fact.start).any(|(at, _)| within(at, NEAR_BYTES)) {
                fact.score = fact.score.saturating_add(NEAR_POINTS);
            } else if (identified || !people.is_empty())
                && pointers.iter().any(|&at| within(at, POINTER_BYTES))
            {
                fact.score = fact.score.saturating_add(POINTER_POINTS);
            }
        }
        phrases::widen(text, people, &mut facts);
        joined(text, facts)
    }
}

/// What stands between two facts that are said in one breath.
const LINKS: &[&str] = &[
    " en ", ", ", " of ", " met ", " door ", " als ", "/", " + ", " & ", " en een ", ", een ", " (", ", en ",
];

/// `COPD en artrose`: facts of one sort with such a word between them are one.
fn joined(text: &str, facts: Vec<Fact>) -> Vec<Fact> {
    let mut all: Vec<Fact> = Vec::with_capacity(facts.len());
    for fact in facts {
        let linked = |last: &&mut Fact| {
            let gap = text.get(last.end..fact.start).unwrap_or_default();
            last.category == fact.category && LINKS.contains(&gap)
        };
        match all.last_mut().filter(linked) {
            Some(last) => {
                last.end = last.end.max(fact.end);
                last.score = last.score.max(fact.score);
            }
            None => all.push(fact),
        }
    }
    all
}

/// The start of the word that `at` lies in.
fn word_start(text: &str, at: usize) -> usize {
    let before = text.get(..at).unwrap_or_default();
    let more: usize = before.chars().rev().take_while(|c| c.is_alphabetic()).map(char::len_utf8).sum();
    at.saturating_sub(more)
}

/// The two people around a place, so that a long text takes no longer than its length.
fn near(people: &[(usize, usize)], at: usize) -> impl Iterator<Item = (usize, usize)> {
    let next = people.partition_point(|&(start, _)| start < at);
    let before = next.checked_sub(1).and_then(|i| people.get(i));
    before.into_iter().chain(people.get(next)).copied()
}

/// The end of the word that goes on after an open ending.
fn whole_word(text: &str, end: usize, open: bool) -> usize {
    let rest = text.get(end..).filter(|_| open).unwrap_or_default();
    let more: usize = rest.chars().take_while(|c| c.is_alphabetic()).map(char::len_utf8).sum();
    end.saturating_add(more)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(text: &str) -> Vec<(&str, Category, u8)> {
        let people: Vec<(usize, usize)> =
            text.match_indices("Jansen").map(|(at, name)| (at, at + name.len())).collect();
        let finder = SpecialCategories::new().unwrap();
        finder
            .find(text, &people, false)
            .into_iter()
            .map(|f| (&text[f.start..f.end], f.category, f.score))
            .collect()
    }

    #[test]
    fn a_word_counts_with_a_person() {
        assert_eq!(facts("Mevrouw Jansen heeft kanker."), [("heeft kanker", Category::Health, 75)]);
        assert_eq!(facts("Mevrouw Jansen heeft huidkanker."), [("heeft huidkanker", Category::Health, 75)]);
        let both = facts("Mevrouw Jansen heeft COPD en artrose.");
        assert_eq!(both, [("heeft COPD en artrose", Category::Health, 75)]);
        assert_eq!(facts("Kanker komt vaak voor."), [("Kanker", Category::Health, 25)]);
        let far = format!("Jansen belde.\n\n{}Zij is veroordeeld.", "De lucht is blauw. ".repeat(30));
        assert_eq!(facts(&far), [("is veroordeeld", Category::Criminal, 65)]);
        let nobody = format!("Jansen belde.\n\n{}Er is een veroordeling.", "De lucht is blauw. ".repeat(30));
        assert_eq!(facts(&nobody), [("veroordeling", Category::Criminal, 25)]);
    }

    #[test]
    fn words_are_whole_and_capitals_count() {
        assert_eq!(facts("Jansen heeft MS."), [("heeft MS", Category::Health, 75)]);
        assert_eq!(facts("Jansen wacht 20 ms."), []);
        assert_eq!(facts("Jansen was gedetineerde."), [("was gedetineerde", Category::Criminal, 75)]);
        assert_eq!(facts("Jansen las een homogene tekst."), []);
    }
}
