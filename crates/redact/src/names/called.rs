//! People by what they are called: a title or a word of kinship before a name makes one of what the model leaves in doubt.

use super::gazetteer::{COMMON, GIVEN, PARTICLE, PLACE, SURNAME, TITLE, hash_lower};
use super::tokens::{Shape, Token};
use super::{Label, Span, Tagger, crf};

/// Words before a surname, and before little else.
const HONORIFICS: &[&str] = &[
    "heer", "dhr", "hr", "meneer", "mijnheer", "mevrouw", "mevr", "mw", "mvr", "mevrw", "mnr", "mej", "mr",
    "dr", "drs", "ds", "juffrouw", "fam", "familie",
];
/// Words before the name of somebody of whom the speaker knows who it is.
const KIN: &[&str] = &[
    "zoon",
    "dochter",
    "broer",
    "broertje",
    "zus",
    "zusje",
    "neef",
    "nicht",
    "oom",
    "tante",
    "opa",
    "oma",
    "vader",
    "moeder",
    "stiefvader",
    "stiefmoeder",
    "zwager",
    "schoonzus",
    "kleinzoon",
    "kleindochter",
    "buurman",
    "buurvrouw",
    "collega",
    "partner",
    "ex",
    "baby",
    "vriend",
    "vriendin",
    "voogd",
    "chauffeur",
    "voorman",
    "juf",
    "meester",
    "medewerkster",
    "verpleegkundige",
    "ene",
    "genaamd",
    "heet",
    "heette",
    "kapper",
    "wijkagent",
    "voornaam",
    "achternaam",
    "roepnaam",
];
/// Offices that are spoken to as people are: "mevrouw de voorzitter".
const ROLES: &[&str] = &[
    "voorzitter",
    "minister",
    "staatssecretaris",
    "directeur",
    "raadslid",
    "griffier",
    "secretaris",
    "president",
    "officier",
    "advocaat",
    "rechter",
    "wethouder",
    "burgemeester",
    "notaris",
];
/// Longest of these words.
const TITLE_BYTES_MAX: usize = 15;
/// Offices that have a department rather than a name behind them.
const OFFICES: &[&str] =
    &["medewerker", "ambtenaar", "agent", "arts", "dag", "leerling", "bewoner", "student"];
/// Words of a name at most, and how sure such a name is.
const WORDS_MAX: usize = 4;
const SURE: f32 = 0.62;
/// What the model must say at least of a word of the language in small letters.
const DOUBT_MIN: f32 = 0.35;

impl Tagger {
    /// The names in a segment that a word before them makes one, beside those in `found`.
    pub(super) fn called(
        &self,
        text: &str,
        segment: &[Token],
        scratch: &crf::Scratch,
        found: &mut Vec<Span>,
    ) {
        let mut more: Vec<Span> = Vec::new();
        for (at, token) in segment.iter().enumerate() {
            let short = token.end.saturating_sub(token.start) <= TITLE_BYTES_MAX;
            if !short || !matches!(token.shape, Shape::Lower | Shape::Capital | Shape::Upper) {
                continue;
            }
            let lower = text.get(token.start..token.end).unwrap_or_default().to_lowercase();
            let title = HONORIFICS.contains(&lower.as_str());
            if !title && !KIN.contains(&lower.as_str()) {
                continue;
            }
            more.extend(self.behind(text, segment, at, title, scratch));
        }
        for span in more {
            join(found, span);
        }
    }

    /// The name behind the title at `at`.
    fn behind(
        &self,
        text: &str,
        segment: &[Token],
        at: usize,
        title: bool,
        scratch: &crf::Scratch,
    ) -> Option<Span> {
        let written = |token: &Token| text.get(token.start..token.end).unwrap_or_default();
        let mut rest = segment.iter().enumerate().skip(at.saturating_add(1)).peekable();
        let mut end = segment.get(at)?.end;
        let sign = rest.next_if(|(_, token)| matches!(written(token), "." | ":") && token.start == end);
        end = sign.map_or(end, |(_, token)| token.end);
        // `Chauffeur: Ab van Ommen`: what a form asks for, where the lists have the first word of the answer.
        let asked = sign.is_some_and(|(_, token)| written(token) == ":");
        let mut start = None;
        let mut last = None;
        let mut named = 0_usize;
        for (n, token) in rest {
            // `mw.Jansen`, and initials before a surname, are written closed up too.
            let gap = text.get(end..token.start)?;
            if gap != " " && !(gap.is_empty() && text.get(..end)?.ends_with('.')) {
                break;
            }
            let word = written(token);
            let flags = self.gazetteer.flags(word, hash_lower(word));
            let particle = flags & PARTICLE != 0 || token.shape == Shape::Clitic;
            let initials = matches!(token.shape, Shape::Initials | Shape::Letter);
            // `mevrouw X.` of an example is nobody.
            let nobody = matches!(word, "X" | "X." | "Y" | "Y." | "N.N.");
            if nobody || named == 0 && !initials && flags & TITLE != 0 && flags & SURNAME == 0 {
                return None;
            }
            let sure =
                scratch.sure.get(n).and_then(|sure| sure.get(1..7)).map_or(0.0, |s| s.iter().sum::<f32>());
            let given = asked && named == 0 && flags & GIVEN != 0 && token.shape == Shape::Capital;
            let name = (!particle || given)
                && !initials
                && self.is_called(word, token.shape, flags, title, named > 0, sure);
            let opens = title || start.is_some() || token.shape == Shape::Capital;
            let doubtful = asked && named == 0 && !(name && flags & (GIVEN | SURNAME) != 0);
            if !(name || particle && opens || initials) || named >= WORDS_MAX || doubtful {
                break;
            }
            start = start.or(Some(token.start));
            end = token.end;
            if name || initials && title && token.shape == Shape::Initials {
                last = Some(token.end);
                named = named.saturating_add(1);
            }
        }
        Some(Span { start: start?, end: last?, label: Label::Person, confidence: SURE })
    }

    /// Whether a word behind a title is a name.
    fn is_called(&self, word: &str, shape: Shape, flags: u8, title: bool, onward: bool, sure: f32) -> bool {
        let listed = flags & (GIVEN | SURNAME) != 0;
        let common = flags & COMMON != 0;
        let known = self.may_name_word(word, shape);
        match shape {
            _ if ROLES.contains(&word.to_lowercase().as_str()) => false,
            Shape::Capital | Shape::Upper | Shape::Mixed if onward => listed || known && flags & PLACE == 0,
            Shape::Capital => title || listed || known && flags & PLACE == 0,
            Shape::Upper | Shape::Mixed => listed || title && known,
            Shape::Lower if onward => listed && !common,
            Shape::Lower if word.chars().nth(2).is_none() => false,
            Shape::Lower if common => listed && title && sure >= DOUBT_MIN,
            Shape::Lower => listed || title && known,
            _ => false,
        }
    }
}

/// Whether a word is one for an office, behind which another word may say what it is for: "wethouder Financiën".
pub(super) fn is_office(word: &str) -> bool {
    let lower = word.to_lowercase();
    OFFICES.contains(&lower.as_str()) || ROLES.contains(&lower.as_str())
}

/// Takes up a name among the others, which are ascending and disjoint; it joins a person's name that it overlaps.
pub(crate) fn join(found: &mut Vec<Span>, span: Span) {
    let at = found.partition_point(|other| other.end <= span.start);
    match found.get_mut(at).filter(|other| other.start < span.end) {
        Some(other) if other.label == Label::Person => {
            other.start = other.start.min(span.start);
            other.end = other.end.max(span.end);
            let end = other.end;
            // It may reach into the next one.
            let next = at.saturating_add(1);
            while found.get(next).is_some_and(|other| other.start < end) {
                let removed = found.remove(next);
                if let Some(other) = found.get_mut(at) {
                    other.end = other.end.max(removed.end);
                }
            }
        }
        Some(_) => {}
        None => found.insert(at, span),
    }
}
