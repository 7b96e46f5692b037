//! What the model takes for a name and is none: what a form asks for, abbreviations, compounds, streets and organisations.
//!
//! A word that a list has as a name, or that stands behind "mevrouw" and the like, is never taken away by its looks.

use super::gazetteer::{COMMON, GIVEN, PARTICLE, PLACE, SURNAME, TITLE, hash_lower};
use super::near::Near;
use super::things::{
    COMPANIES, COUNTRIES, FOREIGN, LABELS, NOBODY, OFFICES, ORGANISATION_ENDS, ORGANISATIONS, STREETS,
};
use super::tokens::{self, Shape};
use super::{Label, SEGMENT_TOKENS_MAX, Span, Tagger, called};
use crate::recognizers::is_street_word;

/// Letters of an abbreviation in capitals at most.
const CAPITALS_MAX: usize = 5;
/// Letters of a compound at least, and of its parts.
const COMPOUND_MIN: usize = 7;
const FIRST_MIN: usize = 3;
const LAST_MIN: usize = 4;

/// Words of a name in a cell at most.
const CELL_WORDS_MAX: usize = 7;

/// The words of a name, with what the lists say of each.
struct Word<'t> {
    written: &'t str,
    shape: Shape,
    flags: u8,
}

impl Word<'_> {
    fn listed(&self) -> bool {
        self.flags & (GIVEN | SURNAME) != 0 && self.written.chars().nth(1).is_some()
    }

    const fn is_initials(&self) -> bool {
        matches!(self.shape, Shape::Initials | Shape::Letter)
    }
}

impl Tagger {
    /// What the model found, if it may well be that, seeing how it is written and what stands around it; a town that it took
    /// for a person is one, and a given name that it took for a town is somebody's.
    pub(super) fn plausible(&self, text: &str, span: Span) -> Option<Span> {
        let span = self.without_organisation(text, span);
        let near = Near::of(text, &span)?;
        let label = match span.label {
            Label::Person if self.may_be_person(&near) => Label::Person,
            Label::Person if self.is_known_place(&near) => Label::Place,
            Label::Place if self.is_given(near.name) && !self.is_town(near.name) => Label::Person,
            Label::Place if self.may_be_place(&near) => Label::Place,
            Label::Address if self.may_be_address(&near) => Label::Address,
            _ => return None,
        };
        Some(Span { label, ..span })
    }

    /// `Stijn (school`, `Fokke v d kiescommissie`: the name without what it is of.
    fn without_organisation(&self, text: &str, span: Span) -> Span {
        let name = text.get(span.start..span.end).unwrap_or_default();
        if span.label != Label::Person || !name.contains(' ') {
            return span;
        }
        let mut words = self.words(name).into_iter();
        let first = words.next();
        if !first.is_some_and(|word| self.may_name(&word)) {
            return span;
        }
        let bracketed = name.split_once(" (").map_or("", |(_, inside)| inside);
        let is_thing = |word: &Word<'_>| {
            let beside = word.shape == Shape::Lower && bracketed.starts_with(word.written);
            beside || !word.listed() && is_organisation(&word.written.to_lowercase())
        };
        let Some(thing) = words.find(is_thing) else {
            return span;
        };
        let at = name.find(thing.written).unwrap_or(name.len());
        let mut kept = name.get(..at).unwrap_or_default().trim_end_matches([' ', '(', '/', ',']);
        while let Some((head, last)) = kept.rsplit_once(' ') {
            if self.gazetteer.flags(last, hash_lower(last)) & PARTICLE == 0 && last.len() > 1 && last != "v/d"
            {
                break;
            }
            kept = head.trim_end_matches([' ', '(', '/', ',']);
        }
        Span { end: span.start.saturating_add(kept.len()), ..span }
    }

    fn is_given(&self, name: &str) -> bool {
        let country = COUNTRIES.contains(&name.to_lowercase().as_str());
        !country
            && self.gazetteer.flags(name, hash_lower(name)) & GIVEN != 0
            && name.starts_with(char::is_uppercase)
    }

    fn is_known_place(&self, near: &Near<'_>) -> bool {
        let place = |word: &Word<'_>| word.flags & PLACE != 0 && word.shape != Shape::Lower;
        self.words(near.name).iter().any(place) && self.may_be_place(near)
    }

    fn may_be_person(&self, near: &Near<'_>) -> bool {
        let words = self.words(near.name);
        let foreign =
            words.first().is_some_and(|word| FOREIGN.contains(&word.written.to_lowercase().as_str()));
        if foreign || self.is_named_street(&words) || near.is_things() {
            return false;
        }
        let may_name = words.iter().any(|word| !word.is_initials() && self.may_name(word));
        match self.titled(near.before) {
            Some(true) => return !matches!(near.name, "X" | "X." | "Y" | "Y." | "N.N."),
            // "wethouder Financiën", "medewerker documentuitgifte": of what, and not who.
            Some(false) => return may_name || !words.iter().all(|word| self.is_thing(word)),
            None => {}
        }
        if near.is_asked() {
            return !of_organisation(near, &words);
        }
        let mut proper = words.iter().filter(|word| !word.is_initials() && word.flags & PARTICLE == 0);
        let Some(first) = proper.next() else { return initials_alone(near, &words) };
        let single = proper.next().is_none();
        if of_organisation(near, &words) || single && words.len() == 1 && near.before.ends_with("een ") {
            return false;
        }
        // `Fietslamp Roos`: a thing, with a name that is a word too.
        let capital = first.shape != Shape::Lower;
        let opens = words.first().is_some_and(|word| word.written == first.written);
        let thing = capital && opens && self.is_thing(first);
        if words.iter().any(|word| word.listed() && !(thing && word.flags & COMMON != 0)) {
            return true;
        }
        let rest_may_name = words
            .iter()
            .skip(1)
            .any(|word| word.flags & COMMON == 0 && !word.is_initials() && self.may_name(word));
        (!thing || single || rest_may_name) && self.unlisted_may_be_person(near, &words, first, single)
    }

    /// Whether what no list has may be a person.
    fn unlisted_may_be_person(
        &self,
        near: &Near<'_>,
        words: &[Word<'_>],
        first: &Word<'_>,
        single: bool,
    ) -> bool {
        if self.is_street(near, words) {
            return false;
        }
        // `Naarn:   Jansen`, `IBAN      NL91`, `opm ; komt later`.
        if near.opens_line() && (words.len() == 1 || near.name.ends_with(':')) && near.is_label() {
            return first.shape == Shape::Capital && near.says_something() && self.may_name(first);
        }
        let length = first.written.chars().count();
        let abbreviated = single && first.shape == Shape::Upper && length <= CAPITALS_MAX && !near.is_alone();
        let mixed = single && first.shape == Shape::Mixed && length <= LAST_MIN && !near.is_alone();
        let small = single && first.shape == Shape::Lower && length <= LAST_MIN;
        let all_small = words.len() > 2 && words.iter().all(|word| word.shape == Shape::Lower);
        if abbreviated && words.len() == 1 || mixed || small || all_small {
            return false;
        }
        // `E. Schadebedrag`: the heading of a part, with a letter; `Van Duin`: nobody writes a thing so.
        let initials = words.first().is_some_and(Word::is_initials);
        let particles = words.iter().any(|word| word.flags & PARTICLE != 0);
        let surname = initials && (particles || !near.opens_line() || near.is_alone()) || van(words);
        let capital = |word: &Word<'_>| matches!(word.shape, Shape::Capital | Shape::Upper | Shape::Mixed);
        let several =
            words.len() > 1 && words.iter().all(capital) && words.iter().any(|word| word.flags & COMMON == 0);
        surname && words.iter().any(capital)
            || several
            || single && capital(first) && near.is_behind_role()
            || words.iter().any(|word| !word.is_initials() && self.may_name(word))
    }

    /// Whether a word of some length is one of the language, whole or in parts, and in no list of names.
    fn is_thing(&self, word: &Word<'_>) -> bool {
        let long = word.written.chars().count() > CAPITALS_MAX;
        long && !word.listed() && (word.flags & COMMON != 0 || self.is_compound(word.written))
    }

    /// `Willem de Zwijgerpark`, `De Witlaan`: a street or a park by what it ends in, whoever it is named after.
    fn is_named_street(&self, words: &[Word<'_>]) -> bool {
        let Some(last) = words.last().filter(|word| !word.listed() && word.shape == Shape::Capital) else {
            return false;
        };
        let part = last.written.trim_end_matches("-buurt").to_lowercase();
        let initials = words.iter().any(Word::is_initials);
        !initials
            && STREETS
                .iter()
                .any(|end| part.strip_suffix(end).is_some_and(|name| name.chars().count() >= FIRST_MIN))
    }

    fn may_be_place(&self, near: &Near<'_>) -> bool {
        let lower = near.name.to_lowercase();
        if COUNTRIES.contains(&lower.as_str()) {
            return ["geboren", "afkomstig", "geboorteland"].iter().any(|word| near.before.contains(word));
        }
        let words = self.words(near.name);
        let first = words.first().map(|word| word.written.to_lowercase()).unwrap_or_default();
        let office = OFFICES.contains(&first.as_str())
            || near.last_words(2).any(|word| OFFICES.contains(&word.as_str()));
        let known = words.iter().any(|word| word.flags & PLACE != 0);
        let named =
            words.iter().any(|word| word.shape != Shape::Lower || word.flags & (COMMON | PARTICLE) == 0);
        !office && !of_organisation(near, &words) && (known || named && !self.is_street(near, &words))
    }

    /// A street goes with a number: `3B` is a template's, `A13` a road's, and a street alone is nobody's.
    fn may_be_address(&self, near: &Near<'_>) -> bool {
        let words = self.words(near.name);
        let numbered = |word: &Word<'_>| word.written.starts_with(|c: char| c.is_ascii_digit());
        let number = words.iter().any(numbered)
            || near.after.trim_start_matches([' ', ',']).starts_with(|c: char| c.is_ascii_digit());
        let street = words
            .iter()
            .any(|word| !numbered(word) && word.written.chars().filter(|c| c.is_alphabetic()).count() >= 3);
        let alone = !number
            && words.last().is_some_and(|word| {
                is_street_word(word.written) && word.written.chars().count() >= COMPOUND_MIN
            });
        street && !alone
    }

    /// Whether a word for somebody stands right before: `Some(true)` for "mevrouw" and the like, which names
    /// alone follow.
    fn titled(&self, before: &str) -> Option<bool> {
        let head = before.trim_end_matches(['.', ' ']);
        let gap = before.len().saturating_sub(head.len());
        let word = head.rsplit(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
        let title = (1..=2).contains(&gap) && self.gazetteer.flags(word, hash_lower(word)) & TITLE != 0;
        // An office is followed by what it is for as often as by who has it.
        title.then(|| !called::is_office(word))
    }

    /// Whether a cell under a head for people has somebody's name in it, rather than "leeg" or what a company is called.
    pub(crate) fn is_name(&self, cell: &str) -> bool {
        let signs =
            |c: char| c.is_alphabetic() || matches!(c, ' ' | '.' | ',' | '\'' | '’' | '-' | '/' | '(' | ')');
        let words = self.words(cell);
        let whole = Span { start: 0, end: cell.len(), label: Label::Person, confidence: 1.0 };
        let near = Near::of(cell, &whole);
        let initials = words.iter().all(|word| {
            word.is_initials()
                || word.flags & PARTICLE != 0
                || word.shape == Shape::Upper && word.written.len() <= 3
        });
        let single = words.len() == 1 && !NOBODY.contains(&cell.to_lowercase().as_str());
        let named = |word: &Word<'_>| {
            single && word.shape == Shape::Capital
                || word.listed()
                || word.shape == Shape::Capital && self.may_name(word)
        };
        (1..=CELL_WORDS_MAX).contains(&words.len())
            && cell.chars().all(signs)
            && !near.is_some_and(|near| of_organisation(&near, &words))
            && (initials || words.iter().any(named))
    }

    /// Whether a word with a capital may be a name by itself.
    pub(crate) fn may_be_somebody(&self, word: &str) -> bool {
        let common = self.gazetteer.flags(word, hash_lower(word)) & COMMON != 0;
        !common && self.may_name_word(word, Shape::Capital)
    }

    /// Whether a word may be a name by itself: listed, or in no dictionary, not even in parts.
    pub(super) fn may_name_word(&self, written: &str, shape: Shape) -> bool {
        let flags = self.gazetteer.flags(written, hash_lower(written));
        self.may_name(&Word { written, shape, flags })
    }

    fn may_name(&self, word: &Word<'_>) -> bool {
        let letters = matches!(word.shape, Shape::Lower | Shape::Capital | Shape::Upper | Shape::Mixed);
        word.listed()
            || letters
                && word.written.chars().nth(1).is_some()
                && word.flags & (COMMON | PARTICLE) == 0
                && !self.is_compound(word.written)
    }

    /// `zaakregistratie`, `instellingenkaart`: two words of the language written as one.
    fn is_compound(&self, word: &str) -> bool {
        let lower = word.to_lowercase();
        let lower = lower.trim_end_matches(['-', '\'']);
        let common = |part: &str| {
            let flags = self.gazetteer.flags(part, hash_lower(part));
            flags & COMMON != 0
        };
        if lower.contains('-') {
            // `Haverkamp-Dos` has two capitals, `Wit-regel` one.
            let names = word.split('-').skip(1).any(|part| part.starts_with(char::is_uppercase));
            return !names
                && lower.split('-').all(|part| part.len() > 1 && (common(part) || self.is_compound(part)));
        }
        let length = lower.chars().count();
        length >= COMPOUND_MIN
            && lower.char_indices().skip(FIRST_MIN).take(length.saturating_sub(FIRST_MIN + LAST_MIN - 1)).any(
                |(at, _)| {
                    let (first, last) = lower.split_at(at);
                    common(last)
                        && (common(first)
                            || first
                                .strip_suffix('s')
                                .is_some_and(|first| first.len() >= LAST_MIN && common(first)))
                },
            )
    }

    fn is_street(&self, near: &Near<'_>, words: &[Word<'_>]) -> bool {
        let Some(last) = words.last() else { return false };
        let part = last.written.trim_end_matches("-buurt");
        let initials = words.iter().any(Word::is_initials);
        let compound = part.chars().count() >= COMPOUND_MIN;
        let role = near.is_behind_role();
        !initials
            && compound
            && !role
            && last.flags & (SURNAME | GIVEN) == 0
            && is_street_word(part)
            && !near.opens_line_as_name()
    }

    fn words<'t>(&self, name: &'t str) -> Vec<Word<'t>> {
        let tokens = tokens::segments(name, SEGMENT_TOKENS_MAX).flatten();
        let written = tokens.filter_map(|token| Some((name.get(token.start..token.end)?, token.shape)));
        let is_word = |shape: Shape| !matches!(shape, Shape::Sign | Shape::Line);
        written
            .filter(|(_, shape)| is_word(*shape))
            .map(|(written, shape)| Word {
                written,
                shape,
                flags: self.gazetteer.flags(written, hash_lower(written)),
            })
            .collect()
    }
}

/// `Willemijn de Vries BSN`: the name without what the number after it is. Taken for a surname, the label would be found again
/// wherever it stands.
pub(super) fn without_label(text: &str, mut span: Span) -> Span {
    while let Some((name, last)) =
        text.get(span.start..span.end).and_then(|name| name.rsplit_once([' ', ',']))
        && LABELS.contains(&last.trim_end_matches([':', '.']).to_lowercase().as_str())
    {
        span.end = span.start.saturating_add(name.trim_end_matches([' ', ',']).len());
    }
    span
}

/// `Van Duin`, `van der Beek`: such words and a surname.
fn van(words: &[Word<'_>]) -> bool {
    let first = words.first().map(|word| word.written.to_lowercase()).unwrap_or_default();
    let particles = words.iter().take_while(|word| word.flags & PARTICLE != 0).count();
    particles > 0
        && particles.saturating_add(1) == words.len()
        && matches!(first.as_str(), "van" | "ter" | "ten" | "von" | "vd")
}

/// Initials without a surname: a signature, or who speaks in a chat; no class of a driving licence, no abbreviation.
fn initials_alone(near: &Near<'_>, words: &[Word<'_>]) -> bool {
    let small =
        words.iter().all(|word| word.shape == Shape::Lower || word.written == word.written.to_lowercase());
    let named = near.before.strip_suffix(' ').is_some_and(|head| {
        let last = head.rsplit(' ').next().unwrap_or_default();
        last.ends_with(char::is_alphabetic) && last.starts_with(char::is_uppercase)
    });
    let mut next = near.after.strip_prefix(' ').unwrap_or_default().split(' ');
    let particle = |word: &&str| {
        matches!(
            *word,
            "in" | "van" | "de" | "den" | "der" | "'t" | "ter" | "te" | "el" | "op" | "v.d." | "vd"
        )
    };
    let goes_on = next
        .find(|word| !particle(word))
        .is_some_and(|word| word.trim_start_matches('(').starts_with(char::is_uppercase));
    let greeted = near
        .last_words(1)
        .any(|word| matches!(word.as_str(), "gr" | "groet" | "groeten" | "groetjes" | "mvg"));
    let beside = named || goes_on || greeted || near.is_alone() || near.is_field();
    let particles = words.iter().all(|word| word.flags & PARTICLE != 0);
    let nobody = ["L.S.", "B.V.", "N.V.", "P.S.", "N.B.", "V.O.F."].contains(&near.name);
    !nobody && if particles { near.is_field() && near.ends_field() } else { !small && beside }
}

fn of_organisation(near: &Near<'_>, words: &[Word<'_>]) -> bool {
    let within = words.iter().any(|word| !word.listed() && is_organisation(&word.written.to_lowercase()));
    let first = words.first().map(|word| word.written.to_lowercase()).unwrap_or_default();
    let behind = near.before.strip_suffix(' ').unwrap_or_default().ends_with(char::is_alphanumeric);
    let before = behind && near.last_words(1).any(|word| is_organisation(&word));
    let after = near.after.trim_start_matches([' ', ',']);
    within
        || before
        || words.len() > 1 && OFFICES.contains(&first.as_str())
        || of_partners(near)
        || COMPANIES.iter().any(|company| near.name.ends_with(company) || after.starts_with(company))
}

/// `Deurwaarderskantoor Brouwer, Smit & Van der Ploeg`: the partners after whom an office is called.
fn of_partners(near: &Near<'_>) -> bool {
    if !near.before.ends_with("& ") && !near.after.contains(" & ") {
        return false;
    }
    let mut words = near.before.split([' ', ',']).rev().filter(|word| !word.is_empty());
    let partner = |word: &&str| {
        word.starts_with(char::is_uppercase)
            || matches!(*word, "&" | "van" | "de" | "der" | "den" | "ter" | "en")
    };
    let not_office = |word: &&str| partner(word) && !is_organisation(&word.to_lowercase());
    words.find(|word| !not_office(word)).is_some_and(|word| is_organisation(&word.to_lowercase()))
}

/// Whether a word in small letters is one for an organisation or a building.
fn is_organisation(word: &str) -> bool {
    ORGANISATIONS.contains(&word) || ORGANISATION_ENDS.iter().any(|end| word.ends_with(end))
}
