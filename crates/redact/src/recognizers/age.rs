//! Ages of people: `57 jaar`, `34-jarige`, `(8)` behind a name, `leeftijd: 23`.

use super::{Candidate, Scan, because};
use crate::Kind;
use crate::number_words::ONES;
use crate::vault::Secret;

/// Nobody is older.
const YEARS_MAX: u32 = 120;
/// How far from a name an age may stand, in bytes.
const NEAR_BYTES: usize = 90;

/// Words after a number that make it an age, longest first; the second part says whether they do so by themselves.
const UNITS: &[(&str, bool)] = &[
    ("-jarige", true),
    (" jarige", true),
    ("jarige", true),
    (" jaar oud", true),
    (" jaren oud", true),
    (" jr oud", true),
    (" maanden oud", true),
    (" weken oud", true),
    (" years old", true),
    (" jaar", false),
    (" jr.", false),
    (" jr", false),
    ("jr", false),
    (" j.", false),
    (" maanden", false),
    (" mnd", false),
    ("mnd", false),
    (" mndn", false),
    (" weken", false),
    (" dagen oud", true),
    ("j", false),
];

/// Numbers in words that ages have beside those from one to nineteen.
const NUMBER_WORDS: &[&str] = &["één", "twintig", "anderhalf"];
/// Units of an age in words; the second part says whether they make one by themselves.
const WORD_UNITS: &[(&str, bool)] =
    &[(" jaar", false), (" jarige", true), (" maanden", false), (" weken", false), (" dagen oud", true)];

/// What makes a number behind it an age: somebody, and a form of "to be" or "to become".
const BEING: &[&str] = &[
    " is ",
    " ben ",
    " was ",
    " wordt ",
    " werd ",
    " is nu ",
    " ben nu ",
    " is pas ",
    " was toen ",
    " is net ",
    " nu ",
    " is al ",
    " ben al ",
    " is inmiddels ",
    " ben inmiddels ",
    " word ",
    " wordt bijna ",
    " wordt morgen ",
    " wordt binnenkort ",
    " wordt volgende week ",
    " wordt volgende maand ",
    " wordt dit jaar ",
    " werd gisteren ",
];
const WHO: &[&str] = &[
    "ik",
    "hij",
    "zij",
    "ze",
    "die",
    "moeder",
    "vader",
    "oma",
    "opa",
    "man",
    "vrouw",
    "zoon",
    "dochter",
    "broer",
    "zus",
    "oom",
    "tante",
    "kind",
    "baby",
    "cliënt",
    "client",
    "cl",
    "mw",
    "dhr",
    "mevrouw",
    "meneer",
    "betrokkene",
    "zusje",
    "broertje",
    "partner",
    "en",
    "ben",
];

/// What follows a span of time that is no age.
const SPANS: &[&str] = &[
    " geleden",
    " lang",
    " later",
    " eerder",
    " cel",
    " gevangenis",
    " ervaring",
    " garantie",
    " of ouder",
    " in dienst",
    " getrouwd",
    " tbs",
    " geldig",
    " na ",
    " per ",
    " voor ",
];
/// What stands before one.
const BEFORE: &[&str] = &[
    "binnen ",
    "over ",
    "sinds ",
    "al ",
    "na ",
    "elke ",
    "iedere ",
    "afgelopen ",
    "komende ",
    "per ",
    "minstens ",
    "tot ",
    "vanaf ",
];

/// Ages near the names in `people`, which are ascending.
pub(super) fn ages(scan: &Scan<'_>, people: &[(usize, usize)], sink: &mut dyn FnMut(Candidate)) {
    in_words(scan, people, sink);
    for group in scan.groups() {
        scan.step();
        let years: Option<u32> = scan.slice(group.start, group.end).parse().ok();
        if group.len() > 3
            || years.is_none_or(|years| years > YEARS_MAX)
            || scan.came_on(group.start)
            || scan.attached_before(group.start)
        {
            continue;
        }
        let rest = scan.text.get(group.end..).unwrap_or_default();
        let before = scan.text.get(..group.start).unwrap_or_default();
        let at = people.partition_point(|&(_, end)| end <= group.start);
        let named_before = at.checked_sub(1).and_then(|i| people.get(i)).map(|&(_, end)| end);
        let named_after = people.get(at).map(|&(start, _)| start);
        let near = |end: usize| {
            named_before.is_some_and(|name| group.start.saturating_sub(name) <= NEAR_BYTES)
                || named_after.is_some_and(|name| name.saturating_sub(end) <= NEAR_BYTES)
        };
        let unit = UNITS.iter().find(|(unit, _)| starts_with(rest, unit));
        let found = match unit {
            Some((unit, sure)) => {
                let end = group.end.saturating_add(unit.len());
                let tail = scan.text.get(end..).unwrap_or_default();
                let whole = !tail.chars().next().is_some_and(char::is_alphabetic);
                let span = SPANS.iter().any(|word| starts_with(tail, word))
                    || BEFORE.iter().any(|word| ends_with(before, word));
                (whole && (*sure || !span) && near(end)).then_some((end, "an age, with somebody named"))
            }
            // `Jan (8)`
            None => {
                let apart = named_before.map_or("", |name| scan.slice(name, group.start));
                let follows = (matches!(apart, " (" | " - ") && rest.starts_with([')', ',']))
                    || (apart == ", " && rest.starts_with(", "));
                let is_so = group.len() <= 2 && says_age(before, apart) && ends_there(rest);
                let labelled =
                    ["leeftijd:", "leeftijd", "age:", "lft", "lft.", "lft:", "lft ca.", "leeftijd ca."]
                        .iter()
                        .any(|label| {
                            ends_with(
                                before.trim_end_matches([' ', '\t', '"', '\'']).trim_end_matches("\":"),
                                label,
                            )
                        });
                let child =
                    matches!(apart, " " | ", ") && group.len() <= 2 && is_child(before) && ends_there(rest);
                // `van 4 en 7 jaar`.
                let first = ends_with(before, " van ")
                    && rest.strip_prefix(" en ").is_some_and(counts_years)
                    && near(group.end);
                let first =
                    first || group.len() <= 2 && of_somebody(before) && near(group.end) && !measures(rest);
                (follows || labelled || child || first || (is_so && near(group.end)))
                    .then_some((group.end, "an age, behind a name or its label"))
            }
        };
        if let Some((end, what)) = found {
            sink(age(scan, group.start, end, what));
        }
    }
}

fn age(scan: &Scan<'_>, start: usize, end: usize, what: &'static str) -> Candidate {
    // The number, so that an age is the same with its unit and without; in words where it has no digits.
    let written = scan.slice(start, end);
    let digits = written.bytes().take_while(u8::is_ascii_digit).count();
    let canonical = Secret::new(written.get(..digits).filter(|number| !number.is_empty()).unwrap_or(written));
    Candidate { kind: Kind::Age, start, end, canonical, reasons: vec![because(what, 65)], judged: true }
}

/// `vijf maanden`, near somebody named.
fn in_words(scan: &Scan<'_>, people: &[(usize, usize)], sink: &mut dyn FnMut(Candidate)) {
    if people.is_empty() {
        return;
    }
    for (unit, sure) in WORD_UNITS {
        for (at, _) in scan.text.match_indices(unit) {
            scan.step();
            let before = scan.text.get(..at).unwrap_or_default();
            let Some(word) = before.rsplit(|c: char| !c.is_alphabetic()).next().filter(|word| word.len() > 2)
            else {
                continue;
            };
            let (start, end) = (at.saturating_sub(word.len()), at.saturating_add(unit.len()));
            let (head, tail) =
                (scan.text.get(..start).unwrap_or_default(), scan.text.get(end..).unwrap_or_default());
            let said =
                [" is ", " ben ", " was ", " wordt ", ": ", "("].iter().any(|word| ends_with(head, word))
                    || of_somebody(head);
            let span = !said || SPANS.iter().any(|word| starts_with(tail, word));
            let whole = !tail.chars().next().is_some_and(char::is_alphabetic);
            let next = people.partition_point(|&(_, end)| end <= start);
            let near = next
                .checked_sub(1)
                .and_then(|i| people.get(i))
                .is_some_and(|&(_, name)| start.saturating_sub(name) <= NEAR_BYTES)
                || people.get(next).is_some_and(|&(name, _)| name.saturating_sub(end) <= NEAR_BYTES);
            let mut numbers = ONES.iter().skip(1).chain(NUMBER_WORDS);
            let number = numbers.any(|number| number.eq_ignore_ascii_case(word));
            if number && near && whole && (*sure || !span) {
                sink(age(scan, start, end, "an age in words, with somebody named"));
            }
        }
    }
}

/// Whether children are spoken of close before: `onze kinderen Saar 6 en Pelle 4`.
fn is_child(before: &str) -> bool {
    const CHILDREN: &[&str] =
        &["kind", "zoon", "zoons", "dochter", "jongens", "meisjes", "broer", "zus", "tweeling", "kleinzoon"];
    let from = before.ceil_char_boundary(before.len().saturating_sub(NEAR_BYTES));
    let head = before.get(from..).unwrap_or_default().to_lowercase();
    head.split(|c: char| !c.is_alphabetic()).any(|word| CHILDREN.iter().any(|child| word.starts_with(child)))
}

/// Whether a word for somebody stands before a number, with "van": `een vrouw van 58`.
fn of_somebody(before: &str) -> bool {
    const SOMEBODY: &[&str] = &[
        "man", "vrouw", "jongen", "meisje", "baby", "dochter", "zoon", "kind", "vader", "moeder", "oma",
        "opa",
    ];
    let Some(head) = before.strip_suffix(" van ") else { return false };
    let word = head.rsplit(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
    SOMEBODY.iter().any(|somebody| somebody.eq_ignore_ascii_case(word))
}

/// Whether a number is counted or measured by what follows it: `van 58 kilo`, `van 5.000`.
fn measures(rest: &str) -> bool {
    const GOING_ON: &[&str] =
        &["uit", "die", "en", "met", "in", "op", "woont", "heeft", "is", "was", "zonder", "te", "wordt"];
    let mut chars = rest.chars();
    match chars.next() {
        None => false,
        Some(' ') => !GOING_ON
            .contains(&rest.trim_start().split(|c: char| !c.is_alphabetic()).next().unwrap_or_default()),
        Some(c) => {
            !matches!(c, '.' | ',' | ')' | ';' | '\n') || chars.next().is_some_and(|c| c.is_ascii_digit())
        }
    }
}

/// Whether a number of years follows: `7 jaar`.
fn counts_years(rest: &str) -> bool {
    let digits = rest.bytes().take(3).take_while(u8::is_ascii_digit).count();
    (1..=2).contains(&digits) && rest.get(digits..).is_some_and(|tail| tail.starts_with(" jaar"))
}

/// Ages in the columns for them, and in the value of a key: `naam;leeftijd`.
pub(super) fn in_fields(scan: &Scan<'_>, sink: &mut dyn FnMut(Candidate)) {
    let says =
        |hits: &[crate::cues::Hit]| hits.iter().any(|hit| scan.spoken.cues.speaks_for(*hit, Kind::Age));
    let mut cells = scan.spoken.columns.cells(scan.text, &says);
    if scan.spoken.label_says(Kind::Age) {
        cells.push((0, scan.text.len()));
    }
    for (start, end) in cells {
        scan.step();
        let cell = scan.slice(start, end);
        let digits = cell.bytes().take_while(u8::is_ascii_digit).count();
        let years = cell.get(..digits).and_then(|years| years.parse::<u32>().ok());
        let unit = cell.get(digits..).unwrap_or_default().trim_start_matches(' ');
        // `8 en 6`: of two children.
        let both = unit.strip_prefix("en ").unwrap_or_default();
        let both = !both.is_empty() && both.len() <= 2 && both.bytes().all(|b| b.is_ascii_digit());
        if years.is_some_and(|years| years <= YEARS_MAX)
            && (both || matches!(unit, "" | "jaar" | "jr" | "j" | "jr."))
        {
            sink(age(scan, start, end, "in a field for an age"));
        }
    }
}

/// Whether what stands before a number says that somebody is so old; `apart` is what stands between the last name and it.
fn says_age(before: &str, apart: &str) -> bool {
    let before = without_day(before);
    let apart = without_day(apart);
    let Some(verb) = BEING.iter().find(|verb| ends_with(before, verb)) else { return false };
    let head = before.get(..before.len().saturating_sub(verb.len())).unwrap_or_default();
    let who = head.rsplit(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
    // ", wordt 85": of whom the sentence is about.
    let continued = head.ends_with(',') || matches!(who, "maar" | "die");
    apart == *verb || continued || WHO.iter().any(|word| word.eq_ignore_ascii_case(who))
}

/// `wordt op 2 mei `: the same without the day.
fn without_day(before: &str) -> &str {
    let mut words = before.trim_end_matches(' ').rsplitn(4, ' ');
    let (month, day, on) = (words.next(), words.next(), words.next());
    let is_month = month.is_some_and(|word| super::birth::month(word).is_some());
    let is_day = day.is_some_and(|day| !day.is_empty() && day.bytes().all(|b| b.is_ascii_digit()));
    let length = words.next().filter(|_| is_month && is_day && on == Some("op")).map(str::len);
    length.and_then(|length| before.get(..length.saturating_add(1))).unwrap_or(before)
}

/// Whether nothing is counted by the number before.
fn ends_there(rest: &str) -> bool {
    let clause = rest.starts_with(['.', ',', ';', '!', '?', '\n', ')'])
        && !rest.chars().nth(1).is_some_and(|c| c.is_ascii_digit());
    rest.is_empty()
        || clause
        || [" en ", " maar ", " , ", " . ", ", ", " bijna ", " geworden"]
            .iter()
            .any(|word| rest.starts_with(word))
}

fn starts_with(text: &str, word: &str) -> bool {
    text.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word))
}

fn ends_with(text: &str, word: &str) -> bool {
    let at = text.len().checked_sub(word.len());
    at.and_then(|at| text.get(at..)).is_some_and(|tail| tail.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::super::tests::named;
    use crate::Kind;

    fn found(kind: Kind, text: &str) -> Vec<String> {
        let of_kind = named(text).into_iter().filter(|(found, _)| *found == kind);
        of_kind.map(|(_, text)| text).collect()
    }

    #[test]
    fn ages_are_somebodys() {
        for (text, want) in [
            ("Mevrouw Jansen is 57 jaar en woont alleen.", "57 jaar"),
            ("De 34-jarige Piet de Vries is aangehouden.", "34-jarige"),
            ("Jan de Boer (8) gaat naar school.", "8"),
            ("Jan de Boer wordt volgende week 67, dus feest.", "67"),
            ("naam;leeftijd\nJan de Boer;67\n", "67"),
            ("Jan de Boer wordt op 2 mei 18, dus feest.", "18"),
            ("Jan de Boer zorgt voor zijn vader van 88 die ziek is.", "88"),
            ("Jan de Boer heeft een baby van vijf maanden.", "vijf maanden"),
            ("De kinderen Willemijn 6 en Pieter (wordt 9) gaan mee.", "6"),
        ] {
            assert_eq!(found(Kind::Age, text), [want], "{text}");
        }
        for text in [
            "Wie 65 jaar of ouder is krijgt korting.",
            "Mevrouw Jansen werkt er al 12 jaar.",
            "Jan de Boer kreeg 3 jaar cel.",
            "Jan de Boer had een zoon van 58 kilo.",
        ] {
            assert_eq!(found(Kind::Age, text), [""; 0], "{text}");
        }
    }
}
