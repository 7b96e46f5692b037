//! House numbers by themselves: who lives next to somebody is said by number alone.

use super::{Candidate, Scan, because};
use crate::Kind;
use crate::vault::Secret;

/// What a house number is called, longest first.
const LABELS: &[&str] = &["huisnummer", "nummer", "huisnr.", "huisnr", "nr.", "nr", "no."];
/// What may stand between somebody and the number of their house.
const BETWEEN: &[&str] = &[
    "", "(", "van", "op", "v", "v.", "uit", "aan", "(op", "(van", "(v", "(v.", ", van", ", op", ",", "-", "|",
];
/// What may stand between a number that opens a line and somebody.
const BEFORE: &[&str] = &["-", ":", ",", "=", "|", "", "is", "("];
/// Words that say that somebody lives there, close before.
const LIVING: &[&str] = &[
    "woon", "wonen", "wonend", "buur", "buren", "flat", "huis", "overbuur", "bewoner", "echtpaar", "familie",
    "fam",
];
/// How far before a number such a word, or somebody, may stand, in bytes.
const NEAR_BYTES: usize = 32;
/// Digits of a house number at most.
const DIGITS_MAX: usize = 4;

/// Numbers of houses beside the people of a text, who are ascending.
pub(super) fn beside_people(scan: &Scan<'_>, people: &[(usize, usize)], sink: &mut dyn FnMut(Candidate)) {
    if people.is_empty() {
        return;
    }
    for group in scan.groups() {
        scan.step();
        if group.len() > DIGITS_MAX || scan.byte(group.start) == Some(b'0') {
            continue;
        }
        let from = scan.text.ceil_char_boundary(group.start.saturating_sub(NEAR_BYTES));
        let head = scan.slice(from, group.start).trim_end_matches(' ');
        let lower = head.to_ascii_lowercase();
        let Some(label) = LABELS.iter().find(|label| {
            let before = lower.strip_suffix(**label);
            before.is_some_and(|rest| !rest.ends_with(|c: char| c.is_alphanumeric() || c == '-'))
        }) else {
            continue;
        };
        let end = house_end(scan, group.end);
        let start = from.saturating_add(head.len()).saturating_sub(label.len());
        if scan.attached_after(end)
            || scan.goes_on(group.end)
            || !(behind(scan, people, start) || opens(scan, people, start, end) || lives(&lower))
        {
            continue;
        }
        let canonical = Secret::new(&scan.slice(group.start, end).to_lowercase());
        let reasons = vec![because("a house number, with somebody named", 62)];
        sink(Candidate { kind: Kind::Address, start, end, canonical, reasons, judged: true });
    }
}

/// Words with a capital and a number behind them, before a town, that are no street.
const THINGS: &[&str] = &[
    "zaal",
    "kamer",
    "team",
    "groep",
    "klas",
    "bus",
    "tram",
    "lijn",
    "trein",
    "metro",
    "halte",
    "perron",
    "spoor",
    "unit",
    "locatie",
    "balie",
    "loket",
    "zone",
    "gebied",
    "cluster",
    "wijk",
    "ring",
    "afrit",
    "afslag",
    "top",
    "versie",
    "windows",
    "office",
    "artikel",
    "bijlage",
    "pagina",
    "hoofdstuk",
    "fase",
    "deel",
    "kavel",
    "blok",
    "gebouw",
    "toren",
    "station",
    "nummer",
    "nr",
    "postbus",
    "stadsdeel",
    "district",
    "regio",
    "eenheid",
    "kantoor",
    "route",
    "etappe",
    "avond",
    "week",
];

/// Streets without a word that shows them as such, by the town behind their number: `Buorren 33, Jirnsum`.
pub(super) fn before_towns(scan: &Scan<'_>, is_town: &dyn Fn(&str) -> bool) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for group in scan.groups() {
        scan.step();
        if group.len() > DIGITS_MAX
            || scan.byte_before(group.start) != Some(b' ')
            || scan.byte(group.start) == Some(b'0')
        {
            continue;
        }
        let end = house_end(scan, group.end);
        let rest = scan.text.get(end..).unwrap_or_default();
        let after =
            [", ", " in ", " te ", "\n"].iter().find_map(|gap| rest.strip_prefix(gap)).unwrap_or_default();
        let town: usize =
            after.chars().take(40).take_while(|&c| c.is_alphabetic() || c == '-').map(char::len_utf8).sum();
        let town = after.get(..town).unwrap_or_default();
        let start = super::street_start(scan.text, group.start);
        let name = scan.slice(start, group.start).trim_end_matches(' ');
        let last = name.rsplit(' ').next().unwrap_or_default();
        let street = name.starts_with(char::is_uppercase)
            && last.starts_with(char::is_uppercase)
            && last.chars().count() >= 4
            && last.chars().all(|c| c.is_alphabetic() || c == '-')
            && super::birth::month(last).is_none()
            && !THINGS.contains(&last.to_lowercase().as_str());
        if street && town.starts_with(char::is_uppercase) && is_town(town) {
            found.push((start, end));
        }
    }
    found
}

/// `12a`, `12 b`: where a house number with its letter ends.
fn house_end(scan: &Scan<'_>, end: usize) -> usize {
    let letter = |at: usize| scan.byte(at).is_some_and(|b| b.is_ascii_alphabetic());
    let after = end.saturating_add(1);
    if letter(end) && !scan.attached_after(after) { after } else { end }
}

/// `Jan Jansen (nr. 17)`, `Jansen van nummer 60`.
fn behind(scan: &Scan<'_>, people: &[(usize, usize)], label: usize) -> bool {
    let next = people.partition_point(|&(_, end)| end <= label);
    let last = people.iter().take(next).map(|&(_, end)| end).max();
    last.is_some_and(|end| {
        label.saturating_sub(end) <= NEAR_BYTES && BETWEEN.contains(&scan.slice(end, label).trim_matches(' '))
    })
}

/// `Nr. 5 - Jan Jansen`, at the beginning of a line.
fn opens(scan: &Scan<'_>, people: &[(usize, usize)], label: usize, end: usize) -> bool {
    let from = scan.text.ceil_char_boundary(label.saturating_sub(NEAR_BYTES));
    let line = scan.slice(from, label).rsplit('\n').next().unwrap_or_default();
    let opens = line.len() < label.saturating_sub(from) || from == 0;
    let next = people.iter().map(|&(start, _)| start).find(|&start| start >= end);
    let said = next.is_some_and(|start| {
        let gap = scan.slice(end, start);
        let gap = gap.trim_matches([' ', '–']);
        let title = ["mw.", "dhr.", "mevrouw", "de heer", "mw", "dhr", "fam.", "familie"];
        let bare = title.iter().find_map(|title| gap.strip_suffix(title)).unwrap_or(gap);
        BEFORE.contains(&bare.trim_matches([' ', '–']))
    });
    opens && said && !line.contains(char::is_alphanumeric)
}

/// Whether a word right before says that somebody lives there.
fn lives(head: &str) -> bool {
    let clause = head.rsplit(['.', '\n', ';']).find(|part| part.contains(' ')).unwrap_or(head);
    clause.split(|c: char| !c.is_alphabetic()).any(|word| LIVING.contains(&word) || word.starts_with("woon"))
}

#[cfg(test)]
mod tests {
    use super::super::tests::named;
    use crate::Kind;

    #[test]
    fn a_number_says_where_somebody_lives() {
        for (text, want) in [
            ("De heer Willem Jansen (nr. 17) klaagt over lawaai.", "nr. 17"),
            ("Mevrouw Jansen van nummer 60a is bereid te verklaren.", "nummer 60a"),
            ("Nr. 5 - Willem Jansen, niets gezien.", "Nr. 5"),
            ("Willem Jansen woont in het huis ernaast, op nummer 64.", "nummer 64"),
            ("Insprekers: Willem Jansen, Buorren 33, Zwolle.", "Buorren 33"),
            ("Mevrouw Jansen zit aan Het Ravelijn 1 in Lelystad.", "Het Ravelijn 1"),
        ] {
            let found = named(text);
            assert!(found.contains(&(Kind::Address, want.to_owned())), "{text}: {found:?}");
        }
        for text in [
            "Willem Jansen trok nummer 17 bij de balie.",
            "Willem Jansen stelde vraag nr. 3 en kreeg antwoord.",
            "Willem Jansen zit in Zaal 3 in Utrecht.",
            "Willem Jansen, Groep 8, Zwolle.",
            "Mevrouw Jansen, zie bijlage nr. 2024 van het besluit.",
        ] {
            let found = named(text);
            assert!(found.iter().all(|(kind, _)| *kind != Kind::Address), "{text}: {found:?}");
        }
    }
}
