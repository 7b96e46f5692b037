//! Dates of birth, numeric or with the month in words. A date is personal when words say that it is of a birth.

use super::{Candidate, Group, Recognizer, Scan, because};
use crate::Kind;
use crate::checks::is_date;
use crate::vault::Secret;

/// Months in Dutch, English and German, in small letters, and the number of each.
const MONTHS: &[(&str, u32)] = &[
    ("jan", 1),
    ("januari", 1),
    ("january", 1),
    ("januar", 1),
    ("feb", 2),
    ("febr", 2),
    ("februari", 2),
    ("february", 2),
    ("februar", 2),
    ("mrt", 3),
    ("maart", 3),
    ("mar", 3),
    ("march", 3),
    ("märz", 3),
    ("apr", 4),
    ("april", 4),
    ("mei", 5),
    ("may", 5),
    ("mai", 5),
    ("jun", 6),
    ("juni", 6),
    ("june", 6),
    ("jul", 7),
    ("juli", 7),
    ("july", 7),
    ("aug", 8),
    ("augustus", 8),
    ("august", 8),
    ("sep", 9),
    ("sept", 9),
    ("september", 9),
    ("okt", 10),
    ("oct", 10),
    ("oktober", 10),
    ("october", 10),
    ("nov", 11),
    ("november", 11),
    ("dec", 12),
    ("december", 12),
    ("dez", 12),
    ("dezember", 12),
];
/// Bytes before a date in which a name is looked for.
const NAME_BYTES_MAX: usize = 48;
/// What comes before a surname.
const TITLES: &[&str] = &[
    "mevrouw", "mevr", "mw", "meneer", "mijnheer", "heer", "dhr", "cliënt", "client", "patiënt", "moeder",
    "vader", "zoon", "dochter", "van", "de", "den", "der", "el", "al",
];
/// Capitalised words before a date that is a decision's or a letter's.
const OFFICES: &[&str] = &[
    "Rechtbank",
    "Raad",
    "Hof",
    "Gerechtshof",
    "Afdeling",
    "Wet",
    "Besluit",
    "Regeling",
    "Kamer",
    "Commissie",
    "Gemeente",
    "Den",
    "Hoge",
    "Centrale",
    "College",
    "State",
    "Staten",
    "Minister",
    "Staatssecretaris",
    "Beroep",
    "Provincie",
    "Nieuw",
    "Sint",
    "Versie",
    "Staatsblad",
    "Staatscourant",
];
/// How far a word of birth may stand before a date in bare numbers.
const ANNOUNCED_BYTES_MAX: usize = 12;
/// Letters of the longest month.
const MONTH_BYTES_MAX: usize = 10;

/// Finds dates near a word of birth.
pub(crate) struct BirthDate;

impl Recognizer for BirthDate {
    fn kinds(&self) -> Vec<Kind> {
        vec![Kind::BirthDate]
    }

    fn version(&self) -> u32 {
        3
    }

    fn candidates(&self, scan: &Scan<'_>, sink: &mut dyn FnMut(Candidate)) {
        for first in 0..scan.groups().len() {
            scan.step();
            let Some(date) =
                numeric(scan, first).or_else(|| in_words(scan, first)).or_else(|| in_one_run(scan, first))
            else {
                continue;
            };
            if scan.attached_before(date.start) || scan.attached_after(date.end) {
                continue;
            }
            let points = scan.around(date.start, date.end).points(Kind::BirthDate);
            let named = points == 0 && beside_name(scan, &date);
            let known = date.value.1 > 0 && date.value.2 > 0;
            if points <= 0 && !(named && known) {
                continue;
            }
            let (year, month, day) = date.value;
            let canonical = Secret::new(&format!("{year:04}{month:02}{day:02}"));
            let mut reasons = vec![because("a date", 32)];
            if named {
                reasons.push(because("right after what looks like a name", 30));
            }
            if scan.came_on(date.start) || scan.goes_on(date.end) {
                reasons.push(because("part of a longer number", -30));
            }
            sink(Candidate {
                kind: Kind::BirthDate,
                start: date.start,
                end: date.end,
                canonical,
                reasons,
                judged: false,
            });
        }
    }
}

/// Whether a date says of somebody when they were born: `Jan Jansen (03-02-2017)`, `mevrouw Jansen, 03-02-1938, Ede`.
fn beside_name(scan: &Scan<'_>, date: &Date) -> bool {
    let from = scan.text.ceil_char_boundary(date.start.saturating_sub(NAME_BYTES_MAX));
    let head = scan.slice(from, date.start);
    let written = scan.slice(date.start, date.end);
    let after = scan.byte(date.end);
    let bracketed = head.ends_with('(') && matches!(after, Some(b')' | b',' | b';'));
    let closed =
        matches!(after, Some(b')' | b',' | b';')) || !is_recent(date) && matches!(after, None | Some(b'\n'));
    let listed = head.ends_with(", ") && closed && !written.bytes().any(|b| b.is_ascii_alphabetic());
    let full = written.bytes().rev().take_while(u8::is_ascii_digit).count() == 4;
    if !full || !(bracketed || listed) {
        return false;
    }
    let words = head.trim_end_matches(['(', ' ', ',']);
    let mut words = words.rsplit(' ').take_while(|word| !word.is_empty());
    let (Some(last), Some(previous)) = (words.next(), words.next()) else { return false };
    let named = |word: &str| {
        word.starts_with(char::is_uppercase)
            && (word.ends_with('.') || word.chars().skip(1).any(char::is_lowercase))
            && word.chars().all(|c| c.is_alphabetic() || matches!(c, '.' | '-' | '\''))
            && !OFFICES.contains(&word)
    };
    let title = TITLES.contains(&previous.to_lowercase().trim_end_matches('.'));
    named(last) && (named(previous) || title) && !words.next().is_some_and(|word| OFFICES.contains(&word))
}

/// Dates right behind the names in `people`: `Jan (3 mei 2015)`, `Roos 3-3-1991, Wim 4-4-1988`. Where the year is a recent one, a
/// letter's or a meeting's date is as likely, so there brackets have to say it.
pub(super) fn beside_people(scan: &Scan<'_>, people: &[(usize, usize)], sink: &mut dyn FnMut(Candidate)) {
    for &(_, end) in people {
        scan.step();
        let first = scan.groups().partition_point(|group| group.start < end);
        let Some(group) = scan.groups().get(first).filter(|g| g.start.saturating_sub(end) <= GAP_BYTES_MAX)
        else {
            continue;
        };
        let gap = scan.slice(end, group.start);
        let bracketed = matches!(gap.trim_matches([' ', ',']), "(");
        let listed = matches!(gap, " " | ", " | " , " | " - " | "; " | ";" | " | ");
        let Some(date) = numeric(scan, first).or_else(|| in_words(scan, first)) else { continue };
        let rest = scan.text.get(date.end..).unwrap_or_default().trim_start_matches(' ');
        let over = rest.is_empty() || rest.starts_with([',', ')', ';', '\n', '(', '|', '.']);
        let known = date.value.1 > 0 && date.value.2 > 0;
        if !known || !(bracketed || listed && !is_recent(&date)) || !over || scan.attached_after(date.end) {
            continue;
        }
        let (year, month, day) = date.value;
        sink(Candidate {
            kind: Kind::BirthDate,
            start: date.start,
            end: date.end,
            canonical: Secret::new(&format!("{year:04}{month:02}{day:02}")),
            reasons: vec![because("a date behind somebody's name", 62)],
            judged: true,
        });
    }
}

/// How far behind a name a date may begin.
const GAP_BYTES_MAX: usize = 3;

/// Whether a letter or a meeting may well have that date.
const fn is_recent(date: &Date) -> bool {
    date.value.0 >= RECENT_FROM
}

/// Texts that are redacted are of this year or later.
const RECENT_FROM: u32 = 2020;

struct Date {
    start: usize,
    end: usize,
    value: (u32, u32, u32),
}

fn number(scan: &Scan<'_>, group: Group) -> u32 {
    scan.slice(group.start, group.end).parse().unwrap_or(0)
}

/// A year as written, in two or four digits, if someone alive or remembered can be born in it.
fn year(written: u32, digits: usize) -> Option<u32> {
    match digits {
        4 => (1880..2100).contains(&written).then_some(written),
        // Which century does not matter: it is the same date in the text.
        2 => Some(written.saturating_add(1900)),
        _ => None,
    }
}

/// `31-12-1999`, `31/12/99`, `31.12.1999`, `31 12 1999`, `1999-12-31`.
fn numeric(scan: &Scan<'_>, first: usize) -> Option<Date> {
    let [a, b, c] = scan.groups().get(first..first.saturating_add(3))? else { return None };
    let gap = scan.slice(a.end, b.start);
    let bare = gap.trim_matches(' ');
    let spaced = gap.len() <= 3 && (matches!(bare, "-" | "/" | "." | "|") || gap == " ");
    // `11-3-'74`, `4/ 8/2000`.
    let second = scan.slice(b.end, c.start).trim_end_matches('\'');
    let alike = second == gap || (second.len() <= 3 && second.trim_matches(' ') == bare && !bare.is_empty());
    if !spaced || !alike || b.len() > 2 {
        return None;
    }
    let (one, month, three) = (number(scan, *a), number(scan, *b), number(scan, *c));
    let (y, m, d) = if a.len() == 4 && c.len() <= 2 {
        (year(one, 4)?, month, three)
    } else if a.len() <= 2 && (gap != " " || c.len() == 4 || announced(scan, a.start)) {
        (year(three, c.len())?, month, one)
    } else {
        return None;
    };
    // An American puts the month first. Of whom the day of birth is not known, the day is written as zero.
    let value = if is_date(y, m, d) { (y, m, d) } else { (y, d, m) };
    let unknown = m <= 12 && d <= 31 && (m == 0 || d == 0) && (a.len() == 4 || c.len() == 4);
    (is_date(value.0, value.1, value.2) || unknown).then_some(Date { start: a.start, end: c.end, value })
}

/// Whether a word of birth stands right before: `geb 12 3 58`.
fn announced(scan: &Scan<'_>, at: usize) -> bool {
    let says = |hit: &&crate::cues::Hit| scan.spoken.cues.speaks_for(**hit, Kind::BirthDate);
    scan.spoken
        .before(at, ANNOUNCED_BYTES_MAX)
        .find(says)
        .is_some_and(|hit| !scan.slice(hit.end as usize, at).bytes().any(|b| b.is_ascii_digit()))
}

/// `6 juli 1999`, `6 juli '99`, `6e juli 1999`, `6-jul-1999`.
fn in_words(scan: &Scan<'_>, first: usize) -> Option<Date> {
    let [a, b] = scan.groups().get(first..first.saturating_add(2))? else { return None };
    let between = scan.slice(a.end, b.start);
    if a.len() > 2 || between.len() > MONTH_BYTES_MAX + 8 {
        return None;
    }
    let word = between
        .trim_start_matches("ste")
        .trim_start_matches("de")
        .trim_start_matches('e')
        .trim_start_matches("th");
    let word = word.trim_matches([' ', '.', '-', '\'', ',', '/']);
    let month = month(word)?;
    let value = (year(number(scan, *b), b.len())?, month, number(scan, *a));
    is_date(value.0, value.1, value.2).then_some(Date { start: a.start, end: b.end, value })
}

/// The number of a month by its name.
pub(crate) fn month(word: &str) -> Option<u32> {
    if word.is_empty() || word.len() > MONTH_BYTES_MAX {
        return None;
    }
    let lower = word.to_lowercase();
    MONTHS.iter().find(|(name, _)| *name == lower).map(|&(_, number)| number)
}

/// `31121999` or `19991231`.
fn in_one_run(scan: &Scan<'_>, first: usize) -> Option<Date> {
    let group = *scan.groups().get(first)?;
    if group.len() == 6 {
        return short_run(scan, group);
    }
    if group.len() != 8 {
        return None;
    }
    let part = |from: usize, to: usize| {
        let (from, to) = (group.start.saturating_add(from), group.start.saturating_add(to));
        scan.slice(from, to).parse::<u32>().ok()
    };
    let forms = [(part(0, 4)?, part(4, 6)?, part(6, 8)?), (part(4, 8)?, part(2, 4)?, part(0, 2)?)];
    let value = forms.into_iter().find(|&(y, m, d)| (1880..2100).contains(&y) && is_date(y, m, d))?;
    Some(Date { start: group.start, end: group.end, value })
}

/// `120688`, in a cell or a value that a word of birth stands over.
fn short_run(scan: &Scan<'_>, group: Group) -> Option<Date> {
    if !scan.around(group.start, group.end).labels_all_of(group.start, group.end, Kind::BirthDate) {
        return None;
    }
    let part = |from: usize| {
        let from = group.start.saturating_add(from);
        scan.slice(from, from.saturating_add(2)).parse::<u32>().ok()
    };
    let value = (year(part(4)?, 2)?, part(2)?, part(0)?);
    is_date(value.0, value.1, value.2).then_some(Date { start: group.start, end: group.end, value })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{all_found, found};
    use super::*;

    #[test]
    fn dates_of_birth() {
        for (text, want) in [
            ("geboren op 06-07-1999 te Ede", "06-07-1999"),
            ("Geboortedatum: 28/4/1984", "28/4/1984"),
            ("geb. 1.2.84", "1.2.84"),
            ("geboren 6 juli 1999", "6 juli 1999"),
            ("geboren te Breda, 26 sept. 1994", "26 sept. 1994"),
            ("geb.dat.: 1960-10-09", "1960-10-09"),
            ("DOB 19601009", "19601009"),
            ("dat Jayden Felomina (03/02/2017) niet", "03/02/2017"),
            ("Mevrouw Aukje Nauta, 19-02-1935, Harkema", "19-02-1935"),
            ("geb 12 3 58", "12 3 58"),
            ("geboren 11-3-'74;", "11-3-'74"),
            ("geb. 4/ 8/2000", "4/ 8/2000"),
            ("geboren op 00-00-1979 te Basra", "00-00-1979"),
            ("naam|gebdat|zaal\nJansen|120688|b\n", "120688"),
            ("born on 1st? no: born 3 March 1970", "3 March 1970"),
            ("06-07-1999 (geboren)", "06-07-1999"),
        ] {
            assert_eq!(found(Kind::BirthDate, text), vec![want.to_owned()], "{text}");
        }
    }

    #[test]
    fn other_dates_stay() {
        for text in [
            "besluit van 06-07-1999",
            "geboren in 1999",
            "besluit van 00-00-1999",
            "geboren 120688 mensen",
            "geboren op 31-02-1999",
            "vergadering 6 juli 2024",
            "versie 1.2.84",
            "kamer 12 3 58",
            "de Hoge Raad (12-03-2004), en",
            "Den Haag, 12-03-2024",
            "zie Rechtbank Utrecht, 12-03-2014, en",
            "het Besluit Zorg (12 maart 2014)",
        ] {
            assert_eq!(all_found(text), vec![], "{text}");
        }
    }
}
