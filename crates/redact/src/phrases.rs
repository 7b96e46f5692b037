//! How far what is said of somebody goes: from the word that tells it to the phrase around it.

use crate::special::{Fact, WORD_POINTS};

/// Most words that a phrase goes on to either side.
const PHRASE_WORDS_MAX: usize = 6;

/// Words that a phrase about somebody does not go over: who it is about, and what joins clauses.
const CLAUSE_WORDS: &[&str] = &[
    "dat",
    "die",
    "omdat",
    "want",
    "maar",
    "of",
    "als",
    "dus",
    "terwijl",
    "waardoor",
    "waarbij",
    "wie",
    "doordat",
    "zodat",
    "ik",
    "hij",
    "zij",
    "ze",
    "je",
    "jij",
    "u",
    "wij",
    "we",
    "jullie",
    "hem",
    "ie",
    "mw",
    "dhr",
    "mevr",
    "mevrouw",
    "meneer",
    "heer",
    "cl",
    "cliënt",
    "client",
    "betrokkene",
    "patiënt",
    "verdachte",
    "moeder",
    "vader",
    "zoon",
    "dochter",
    "man",
    "vrouw",
    "broer",
    "zus",
    "kind",
    "oma",
    "opa",
    "ook",
    "zegt",
    "volgens",
    "vertelt",
    "geeft",
    "nu",
];

/// Makes a finding of a fact the phrase that tells it: "heeft een zeldzame ziekte", not "ziekte" alone. What is nobody's stays
/// as it is. Phrases that touch become one of the first's category.
pub(crate) fn widen(text: &str, people: &[(usize, usize)], facts: &mut Vec<Fact>) {
    let mut done: Vec<Fact> = Vec::with_capacity(facts.len());
    for mut fact in facts.drain(..) {
        if fact.score > WORD_POINTS {
            let next = people.partition_point(|&(start, _)| start < fact.end);
            let from =
                next.checked_sub(1).and_then(|at| people.get(at)).map_or(0, |&(_, end)| end.min(fact.start));
            let to = people.get(next).map_or(text.len(), |&(start, _)| start.max(fact.end));
            let floor = done.last().map_or(0, |last| last.end.min(fact.start));
            let (from, word) = (from.max(floor), (fact.start, fact.end));
            fact.start = phrase_start(text, from, fact.start);
            fact.end = phrase_end(text, fact.end, to);
            if let Some((start, end)) =
                field(text, word.0, word.1).filter(|&(start, end)| from <= start && end <= to)
            {
                (fact.start, fact.end) = (fact.start.min(start), fact.end.max(end));
            }
        }
        match done.last_mut() {
            Some(last) if last.end >= fact.start && last.score > WORD_POINTS && fact.score > WORD_POINTS => {
                last.end = last.end.max(fact.end);
                last.score = last.score.max(fact.score);
            }
            _ => done.push(fact),
        }
    }
    *facts = done;
}

/// Whether a phrase may go over a word: one of the language, or a short number, and none that begins a clause.
fn goes_over(word: &str) -> bool {
    let letters = word.chars().all(|c| c.is_alphabetic() || c == '-' || c == '\'' || c == '’');
    let number = word.len() <= 4 && word.chars().all(|c| c.is_ascii_digit() || c == ',');
    let clause = CLAUSE_WORDS.iter().any(|clause| clause.eq_ignore_ascii_case(word));
    !word.is_empty() && (letters || number) && !clause
}

fn phrase_start(text: &str, from: usize, start: usize) -> usize {
    let mut at = start;
    for _ in 0..PHRASE_WORDS_MAX {
        let Some(before) = text.get(from..at).and_then(|before| before.strip_suffix(' ')) else { break };
        let word = before.rsplit([' ', '\n', '\t']).next().unwrap_or_default();
        if !goes_over(word) || word.starts_with(char::is_uppercase) {
            break;
        }
        // "en" joins what is said of one person to what is not, unless the verb says that it goes on.
        if word.eq_ignore_ascii_case("en") && !goes_on(text.get(at..).unwrap_or_default()) {
            break;
        }
        at = from.saturating_add(before.len()).saturating_sub(word.len());
    }
    at
}

fn phrase_end(text: &str, end: usize, to: usize) -> usize {
    let mut at = end;
    for _ in 0..PHRASE_WORDS_MAX {
        let Some(after) = text.get(at..to).and_then(|after| after.strip_prefix(' ')) else { break };
        let whole = after.find([' ', '\n', '\t']).and_then(|length| after.get(..length)).unwrap_or(after);
        let word = whole.trim_end_matches(['.', ',', ';', ':', ')', '"', '!', '?']);
        let joins = word.eq_ignore_ascii_case("en");
        if !goes_over(word) || joins && !(goes_on(after.get(3..).unwrap_or_default()) || ends_soon(after)) {
            break;
        }
        at = at.saturating_add(1).saturating_add(word.len());
        if word.len() < whole.len() {
            break;
        }
    }
    at
}

/// What somebody has, does or is, where a second thing is said of them: "heeft reuma en slikt …".
const GOING_ON: &[&str] = &[
    "heeft", "heb", "hebt", "had", "is", "ben", "bent", "was", "slikt", "slik", "gebruikt", "gebruik", "kan",
    "kon", "moet", "moest", "mag", "krijgt", "kreeg", "lijdt", "draagt", "wordt", "werd", "ligt", "zit",
    "loopt", "stopt", "een", "ook", "geen", "daardoor", "daarom", "daarbij",
];

/// Whether what stands after "en" goes on about the same person.
fn goes_on(rest: &str) -> bool {
    let word = rest.split(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
    GOING_ON.iter().any(|verb| verb.eq_ignore_ascii_case(word))
}

/// Whether a clause is over after "en" and one word more: "reuma en staar."
fn ends_soon(rest: &str) -> bool {
    let more = rest.strip_prefix("en ").unwrap_or_default();
    let length = more.find(|c: char| !c.is_alphabetic() && c != '-').unwrap_or(more.len());
    let after = more.get(length..).unwrap_or_default();
    let small = more.starts_with(char::is_lowercase);
    small && length > 2 && (after.is_empty() || after.starts_with(['.', ',', ';', '\n', ')', '"', '|']))
}

/// Longest field that is one thing, in bytes.
const FIELD_BYTES_MAX: usize = 80;

/// What is written in a field that has nothing in it.
const NOTHING: &[&str] = &["geen", "nee", "-", "n.v.t.", "nvt", "onbekend", "geen bekend", "ja"];

/// The field of a form, a table or a list that `start..end` lies in, where that is one thing: `Allergie: noten en latex\n`,
/// `| ADHD, onrust |`, `"vermoeden van astma"`.
fn field(text: &str, start: usize, end: usize) -> Option<(usize, usize)> {
    let ceiling = text.floor_char_boundary(end.saturating_add(FIELD_BYTES_MAX).min(text.len()));
    let tail = text.get(end..ceiling)?;
    if let Some(value) = tail.trim_start_matches(' ').strip_prefix(": ") {
        // The fact names the field: `Allergie: pinda`.
        let stops = ["\n", "|", "\t", "\"", ";", "  ", ". "];
        let length = stops.iter().filter_map(|sign| value.find(sign)).min().unwrap_or(value.len());
        let value = value.get(..length)?;
        let told =
            !value.trim().is_empty() && !NOTHING.iter().any(|word| value.trim().eq_ignore_ascii_case(word));
        let value_at = tail.len().saturating_sub(tail.trim_start_matches(' ').len()).saturating_add(2);
        return told.then(|| (start, end.saturating_add(value_at).saturating_add(value.trim_end().len())));
    }
    let floor = text.ceil_char_boundary(start.saturating_sub(FIELD_BYTES_MAX));
    let head = text.get(floor..start)?;
    let ends = ["\n", "|", "\t", "\"", ": ", " ; ", ";", "  ", "· ", " - "];
    let open = ends.iter().filter_map(|sign| Some(head.rfind(sign)?.saturating_add(sign.len()))).max()?;
    let opening = head.get(..open)?;
    // What is quoted in a sentence is a title, or somebody's words.
    let quoted = opening
        .strip_suffix('"')
        .is_some_and(|before| !before.trim_end().ends_with([':', ';', ',', '|', '=', '[']));
    let trimmed = head.get(open..)?.trim_start_matches(' ');
    let from = start.checked_sub(trimmed.len())?;
    let stops = ["\n", "|", "\t", "\"", ";", "  ", " · ", ". ", " – "];
    let close = stops.iter().filter_map(|sign| tail.find(sign)).min();
    let close = close.or_else(|| (ceiling == text.len()).then_some(tail.len()))?;
    let to = end.saturating_add(tail.get(..close)?.trim_end_matches([' ', '.', ',']).len());
    let inner = text.get(from..to)?;
    // A line of its own is a sentence; a field has something before it that says what it is.
    let labelled = !opening.ends_with('\n');
    let sentence = inner.contains(['?', '!', ':', '(']) || inner.contains(". ") || inner.contains('⟦');
    let about = inner.split(' ').any(|word| CLAUSE_WORDS.iter().any(|c| c.eq_ignore_ascii_case(word)));
    let fits = to.saturating_sub(from) <= FIELD_BYTES_MAX && labelled && !quoted && !sentence && !about;
    fits.then_some((from, to))
}

#[cfg(test)]
mod tests {
    use super::super::recognizers::tests::named;
    use crate::Kind;

    fn health(text: &str) -> Vec<String> {
        named(text).into_iter().filter(|found| found.0 == Kind::Health).map(|found| found.1).collect()
    }

    #[test]
    fn a_field_is_one_thing() {
        for (text, want) in [
            (
                "Naam: Piet Dekker\nAllergie: pinda en latex, pen in de tas\n",
                "Allergie: pinda en latex, pen in de tas",
            ),
            ("Naam: Piet Dekker\nReden: slechtziend, hond\n", "slechtziend, hond"),
            ("| Piet Dekker | astma, onrustig | ja |", "astma, onrustig"),
            ("{\"naam\":\"Piet Dekker\",\"klacht\":\"vermoeden van astma\"}", "vermoeden van astma"),
        ] {
            assert!(health(text).iter().any(|found| found == want), "{text}: {:?}", health(text));
        }
    }

    #[test]
    fn a_second_thing_is_said_with_the_first() {
        for (text, want) in [
            ("Piet Dekker heeft astma en staar.", "heeft astma en staar"),
            ("Piet Dekker heeft astma en moet geopereerd worden.", "heeft astma en moet geopereerd worden"),
            ("Piet Dekker heeft astma en woont in Ede.", "heeft astma"),
        ] {
            assert_eq!(health(text), [want], "{text}");
        }
    }
}
