//! Numbers of cases and files: by the way courts and registers write them, or after a label.

use super::{Candidate, Group, Recognizer, Scan, because, compact};
use crate::Kind;
use crate::finding::Reason;

/// Letters that open a case number of an administrative court, or of a registry, before `21/1234`.
const COURTS: &[&str] = &[
    "AWB", "AMS", "ROT", "UTR", "SGR", "BRE", "ARN", "LEE", "GRO", "ASS", "MAA", "ROE", "ZWO", "ALM", "HAA",
    "ALK", "DOR", "ZUT", "NHO", "OBR", "LIM", "GEL", "MNE", "NNE", "OVE", "DHA", "ZWB", "SHE", "BK", "BKDH",
    "NL", "REG",
];
/// Letters of a civil case, in two pairs: `HA ZA 20-123`.
const ROLLS: &[&str] = &["HA", "KG", "EJ", "FA", "JE", "KK", "OV", "VV", "CV", "EA", "HO", "JU", "BM"];
/// Capitals before the year and number of what is published, ordered, or kept by a helpdesk.
const PUBLISHED: &[&str] = &[
    "ISO", "NEN", "EN", "IEC", "DIN", "NPR", "NTA", "CVE", "RFC", "EU", "EG", "EEG", "COM", "SWD", "JOIN",
    "ECLI", "STB", "STCRT", "TRB", "PB", "ISBN", "ISSN", "COVID", "SARS", "UTF", "SHA", "PDF", "BIO", "GPT",
    "TK", "EK", "KST", "CELEX", "PO", "SO", "INC", "CHG", "RITM",
];
/// Numbers that are not somebody's file, by what stands before "nummer"; those with a kind of their own are among them.
const OTHER_NUMBERS: &[&str] = &[
    "telefoon",
    "tel",
    "mobiel",
    "fax",
    "huis",
    "kamer",
    "order",
    "bestel",
    "factuur",
    "artikel",
    "product",
    "model",
    "type",
    "serie",
    "versie",
    "volg",
    "pagina",
    "bladzijde",
    "regel",
    "lijn",
    "bus",
    "vlucht",
    "trein",
    "weg",
    "week",
    "batch",
    "partij",
    "onderdeel",
    "ticket",
    "rug",
    "spoor",
    "kvk",
    "btw",
    "bank",
    "rekening",
    "iban",
    "bsn",
    "sofi",
    "postcode",
    "isbn",
    "issn",
    "stuk",
    "item",
    "kolom",
    "rij",
    "paragraaf",
    "bijlage",
    "hoofdstuk",
    "gebouw",
    "zaal",
    "bord",
    "poort",
    "feit",
    "norm",
    "fase",
    "kavel",
    "route",
    "paal",
    "lantaarn",
    "container",
    "servicedesk",
    "service",
    "alarm",
    "nood",
    "bel",
    "contact",
    "door",
    "toestel",
    "zone",
    "punt",
    "tarief",
    "post",
    "grootboek",
    "kosten",
    "afdeling",
    "leverancier",
    "inkoop",
    "offerte",
    "project",
    "bestek",
    "licentie",
    "voorraad",
    "collo",
    "pakket",
    "mail",
    "burger",
    "burgerservice",
    "vestigings",
    "fiscaal",
    "rsin",
    "big",
    "uzi",
    "agb",
    "kenteken",
    "chassis",
    "frame",
    "meter",
    "ean",
    "vraag",
    "opdracht",
    "vacature",
];
/// Longest word for a number, with what parts it from the number.
const LABEL_BYTES_MAX: usize = 44;
const NUMBER_BYTES_MAX: usize = 40;
const NUMBER_BYTES_MIN: usize = 4;
/// Fewest digits of a number in short groups.
const GROUPED_DIGITS_MIN: usize = 7;
/// How far a label may stand before its number.
const LABEL_GAP_BYTES_MAX: usize = 18;

/// Finds case numbers. ECLI and Stb. name publications, not persons.
pub(crate) struct CaseNumber;

impl Recognizer for CaseNumber {
    fn kinds(&self) -> Vec<Kind> {
        vec![Kind::CaseNumber]
    }

    fn version(&self) -> u32 {
        3
    }

    fn candidates(&self, scan: &Scan<'_>, sink: &mut dyn FnMut(Candidate)) {
        let mut done = 0;
        for group in scan.groups() {
            scan.step();
            if group.start < done {
                continue;
            }
            let number = whole(scan, *group);
            if number.len() < NUMBER_BYTES_MIN && scan.byte(number.end) != Some(b' ') {
                continue;
            }
            let Some((start, end, reason)) = written(scan, number).or_else(|| labelled(scan, number)) else {
                continue;
            };
            if is_pattern(scan.slice(start, end)) || is_published(scan, Group { start, end }) {
                continue;
            }
            done = end;
            let canonical = compact(scan.slice(start, end));
            sink(Candidate {
                kind: Kind::CaseNumber,
                start,
                end,
                canonical,
                reasons: vec![reason],
                judged: false,
            });
        }
    }
}

const fn is_number(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'-' | b'/' | b'.' | b'_')
}

/// The letters, digits and marks around a group, without marks at the ends.
fn whole(scan: &Scan<'_>, group: Group) -> Group {
    let bytes = scan.text.as_bytes();
    let head = bytes.get(group.start.saturating_sub(NUMBER_BYTES_MAX)..group.start).unwrap_or_default();
    let tail =
        bytes.get(group.end..group.end.saturating_add(NUMBER_BYTES_MAX).min(bytes.len())).unwrap_or_default();
    let mut start = group.start.saturating_sub(head.iter().rev().take_while(|b| is_number(**b)).count());
    let mut end = group.end.saturating_add(tail.iter().take_while(|b| is_number(**b)).count());
    let mark = |at: Option<u8>| at.is_some_and(|b| !b.is_ascii_alphanumeric());
    while start < group.start && mark(scan.byte(start)) {
        start = start.saturating_add(1);
    }
    while end > group.end && mark(scan.byte_before(end)) {
        end = end.saturating_sub(1);
    }
    Group { start, end }
}

/// A number that shows by its writing what it is.
fn written(scan: &Scan<'_>, number: Group) -> Option<(usize, usize, Reason)> {
    let text = scan.slice(number.start, number.end);
    if !text.contains(['/', '-']) {
        return None;
    }
    let parts = || text.split(['/', '-']);
    let lens: [usize; 4] = {
        let mut lens = [0; 4];
        for (slot, part) in lens.iter_mut().zip(parts()) {
            *slot = part.len();
        }
        lens
    };
    let first = parts().next().unwrap_or_default();
    let digits =
        |at: usize| parts().nth(at).is_some_and(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()));
    // C/05/123456, and what follows it: / HA ZA 20-123.
    if text.starts_with("C/") && lens[1] == 2 && (5..=7).contains(&lens[2]) && digits(1) && digits(2) {
        let end = roll_after(scan, number.end).unwrap_or(number.end);
        return Some((number.start, end, because("a civil case", 75)));
    }
    let yearly = digits(0) && digits(1) && lens[0] == 2 && (1..=6).contains(&lens[1]);
    if yearly && let Some(start) = roll_before(scan, number.start) {
        return Some((start, number.end, because("a roll number", 66)));
    }
    if yearly && let Some(start) = court_before(scan, number.start) {
        return Some((start, number.end, because("a court and its number", 64)));
    }
    // PL0100-2025063377: a police force and its number; Z2025-0300817.
    let numbered = |letters: &str, count: usize| {
        let head = first.get(..letters.len()).filter(|head| head.eq_ignore_ascii_case(letters));
        let tail = head.and_then(|_| first.get(letters.len()..)).unwrap_or_default();
        tail.len() == count && tail.bytes().all(|b| b.is_ascii_digit())
    };
    let police = numbered("PL", 4) && digits(1) && lens[1] >= 8;
    let yearly = numbered("Z", 4) && first.get(1..3) == Some("20") && digits(1) && lens[1] >= 4;
    if police || yearly {
        return Some((number.start, number.end, because("a register's number with its year", 66)));
    }
    // Z-2024-1234, ZAAK-2024-1234, Z/24/123456.
    let prefix = matches!(
        first,
        "Z" | "ZAAK" | "ZK" | "DOS" | "BZ" | "WOO" | "WOB" | "BEZ" | "KL" | "VTH" | "OLO" | "UIT" | "INT"
    );
    let year =
        parts().nth(1).is_some_and(|p| (p.len() == 4 && p.starts_with("20")) || p.len() == 2) && digits(1);
    if prefix && year && digits(2) && lens[2] >= 3 || register(text) {
        return Some((number.start, number.end, because("a register's number with its year", 64)));
    }
    None
}

/// `MOR-2026-55120`, `WMO-M-26-90417`: capitals, a year and a number, as registers of cases have them.
fn register(text: &str) -> bool {
    let parts = || text.split(['-', '/', '.']);
    let capitals = |p: &str| (1..=5).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_uppercase());
    let digits = |p: &str| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit());
    let year = |p: &str| digits(p) && p.len() == 4 && p.starts_with("20");
    let short_year = |p: &str| digits(p) && p.len() == 2 && matches!(p.as_bytes().first(), Some(b'1'..=b'3'));
    let letters = parts().take_while(|p| capitals(p)).count();
    let first = parts().next().unwrap_or_default();
    let mut rest = parts().skip(letters);
    let when = rest.next().unwrap_or_default();
    let serial: usize = rest.clone().map(str::len).sum();
    // A year in two digits says little: the letters and the number have to say more.
    let enough = year(when) && serial >= 3 || short_year(when) && serial >= 4 && text.len() >= 10;
    (1..=2).contains(&letters) && enough && rest.all(digits) && !PUBLISHED.contains(&first)
}

/// `ZK-2026-000000` shows how the number is written.
fn is_pattern(number: &str) -> bool {
    let last = number.rsplit(['-', '/', '.', ' ']).next().unwrap_or_default();
    let first = last.bytes().next();
    last.len() >= 3
        && last.bytes().all(|b| Some(b) == first)
        && matches!(first, Some(b'0' | b'9' | b'X'))
        && number.len() > last.len()
}

/// Where ` / HA ZA 20-123` ends.
fn roll_after(scan: &Scan<'_>, end: usize) -> Option<usize> {
    let rest = scan.text.get(end..)?;
    let rolls = rest.trim_start_matches([' ', '/']);
    let lead = rest.len().saturating_sub(rolls.len());
    let pair = rolls.get(..2).filter(|p| ROLLS.contains(p))?;
    let after = rolls.get(pair.len()..)?.strip_prefix(' ')?;
    let length = after.bytes().take(5).take_while(u8::is_ascii_uppercase).count();
    let second = after.get(..length).filter(|p| (2..=4).contains(&p.len()))?;
    let number = after.get(second.len()..)?.strip_prefix(' ')?;
    let length =
        number.bytes().take(12).take_while(|b| b.is_ascii_digit() || matches!(b, b'-' | b'/')).count();
    let words = pair.len().saturating_add(second.len()).saturating_add(2);
    (lead <= 3 && length >= 4).then(|| end.saturating_add(lead).saturating_add(words).saturating_add(length))
}

/// Where `HA ZA ` before a number begins.
fn roll_before(scan: &Scan<'_>, start: usize) -> Option<usize> {
    let from = start.checked_sub(6)?;
    let pairs = scan.slice(from, start);
    let (first, second) = (pairs.get(..2)?, pairs.get(3..5)?);
    let spaced = pairs.as_bytes().get(2) == Some(&b' ') && pairs.ends_with(' ');
    let right = spaced && ROLLS.contains(&first) && second.bytes().all(|b| b.is_ascii_uppercase());
    (right && !scan.attached_before(from)).then_some(from)
}

/// Where `AWB ` before a number begins.
fn court_before(scan: &Scan<'_>, start: usize) -> Option<usize> {
    let end = start.checked_sub(1)?;
    let word = scan.word_around(end, end, 6);
    let letters = scan.slice(word.start, end);
    (scan.byte(end) == Some(b' ') && COURTS.contains(&letters) && !scan.attached_before(word.start))
        .then_some(word.start)
}

/// A number right after a word that announces a case.
fn labelled(scan: &Scan<'_>, number: Group) -> Option<(usize, usize, Reason)> {
    let number = Group { start: number.start, end: grouped_end(scan, number) };
    let text = scan.slice(number.start, number.end);
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let plain = text.bytes().all(|b| b.is_ascii_digit());
    let enough = digits >= 5
        || (digits >= 4 && !plain)
        || (digits >= 3 && text.bytes().any(|b| b.is_ascii_uppercase()) && text.contains(['-', '/']));
    if !enough || is_date_like(text) || scan.attached_before(number.start) {
        return None;
    }
    let around = scan.around(number.start, number.end);
    let mut near = scan
        .spoken
        .before(number.start, LABEL_GAP_BYTES_MAX)
        .filter(|hit| scan.spoken.cues.speaks_for(**hit, Kind::CaseNumber));
    let said = match near.next() {
        Some(hit) => {
            let between = scan.slice(hit.end as usize, number.start);
            !between.contains([';', '\n'])
                && !between.trim_start_matches('.').contains(". ")
                && !between.bytes().any(|b| b.is_ascii_digit())
        }
        None => around.labels_all_of(number.start, number.end, Kind::CaseNumber),
    };
    if !said && around.points(Kind::CaseNumber) >= 0 && called(scan, number.start) == Some(Called::Somebodys)
    {
        return Some((number.start, number.end, because("a number after a word for one", 62)));
    }
    if !said || around.points(Kind::CaseNumber) <= 0 {
        return None;
    }
    let end = roll_after(scan, number.end).unwrap_or(number.end);
    Some((letters_before(scan, number.start), end, because("a number after its label", 32)))
}

/// What the word before a number calls it: `toevoegingsnummer: …`, `subjectnr. …`, `opdrachtnummer …`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Called {
    /// A number that somebody is given.
    Somebodys,
    /// That of a thing, or one that has a kind of its own.
    Other,
}

/// What the word before `start` calls the number there; `None` where it is no word for a number.
pub(super) fn called(scan: &Scan<'_>, start: usize) -> Option<Called> {
    let from = scan.text.ceil_char_boundary(start.saturating_sub(LABEL_BYTES_MAX));
    let head = scan.slice(from, start);
    let word = head.trim_end_matches([' ', ':', '=', '"', '\t']);
    let gap = head.len().saturating_sub(word.len());
    let word = word.trim_end_matches('.');
    let word =
        word.rsplit(|c: char| !c.is_alphabetic() && !matches!(c, '-' | '.')).next().unwrap_or_default();
    let lower = word.to_lowercase();
    let stem = ["nummer", "nummers", "nr", "kenmerk"].iter().find_map(|end| lower.strip_suffix(end))?;
    let stem = stem.trim_end_matches(['-', '.']);
    if !(1..=LABEL_GAP_BYTES_MAX).contains(&gap) || stem.len() < 3 {
        return None;
    }
    let other = OTHER_NUMBERS.iter().any(|other| stem.ends_with(other));
    Some(if other { Called::Other } else { Called::Somebodys })
}

/// Whether a number is that of a text: `Kenmerk van dit bericht: …`, `pagina 3 van 8; referentie …`, `referentie COM-1234`.
fn is_published(scan: &Scan<'_>, number: Group) -> bool {
    const OF_TEXTS: &[&str] = &[
        "van dit bericht",
        "van deze publicatie",
        "van dit document",
        "van deze brochure",
        "van deze nieuwsbrief",
        "van deze regeling",
        "van dit besluit",
        "van dit rapport",
        "van deze folder",
        "van het formulier",
        "van dit formulier",
        "van deze pagina",
        "van de publicatie",
        "van het rapport",
    ];
    let from = scan.text.ceil_char_boundary(number.start.saturating_sub(OF_TEXT_BYTES_MAX));
    let line = scan.slice(from, number.start).rsplit('\n').next().unwrap_or_default().to_lowercase();
    let first = scan.slice(number.start, number.end).split(['-', '/', '.']).next().unwrap_or_default();
    let weak = ["kenmerk", "referentie", "ref"].iter().any(|word| line.contains(word));
    OF_TEXTS.iter().any(|of| line.contains(of))
        || (line.contains("pagina ") || line.contains("versie ") || PUBLISHED.contains(&first)) && weak
}

/// How much before a number may say that it is a text's.
const OF_TEXT_BYTES_MAX: usize = 64;

/// Where the letters before a number begin that belong to it: `OLO 7710043`.
fn letters_before(scan: &Scan<'_>, start: usize) -> usize {
    let Some(end) = start.checked_sub(1).filter(|&at| scan.byte(at) == Some(b' ')) else { return start };
    let word = scan.word_around(end, end, 6);
    let letters = scan.slice(word.start, end);
    let right = (2..=4).contains(&letters.len()) && letters.bytes().all(|b| b.is_ascii_uppercase());
    if right && !scan.attached_before(word.start) { word.start } else { start }
}

/// Where a number in short groups ends, as in `1234 5678 1234 5678`; its own end when it is none.
fn grouped_end(scan: &Scan<'_>, number: Group) -> usize {
    let is_short = |text: &str| (1..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    let mut end = number.end;
    while is_short(scan.slice(number.start, number.end))
        && end.saturating_sub(number.start) < NUMBER_BYTES_MAX
    {
        let next = scan.word_around(end.saturating_add(1), end.saturating_add(1), 5);
        if scan.byte(end) != Some(b' ') || !is_short(scan.slice(end.saturating_add(1), next.end)) {
            break;
        }
        end = next.end;
    }
    let digits = scan.slice(number.start, end).bytes().filter(u8::is_ascii_digit).count();
    if digits >= GROUPED_DIGITS_MIN { end } else { number.end }
}

/// `12-03-2024`, `2024-03-12`, `12/3/24`, `2020-2024`.
fn is_date_like(text: &str) -> bool {
    let mut lens = [0_usize; 4];
    for (slot, part) in lens.iter_mut().zip(text.split(['-', '/', '.'])) {
        if !part.bytes().all(|b| b.is_ascii_digit()) {
            return false;
        }
        *slot = part.len();
    }
    let year = |part: &str| part.starts_with("19") || part.starts_with("20");
    match lens {
        [1..=2, 1..=2, 4 | 2, 0] | [4, 1..=2, 1..=2, 0] => true,
        [4, 4, 0, 0] => text.split('-').count() == 2 && text.split('-').all(year),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{all_found, found};
    use super::*;

    #[test]
    fn cases() {
        for (text, want) in [
            ("in zaak C/05/123456 / HA ZA 20-123 is", "C/05/123456 / HA ZA 20-123"),
            ("rolnummer HA ZA 23-394 van", "HA ZA 23-394"),
            ("de uitspraak AWB 21/1234 is", "AWB 21/1234"),
            ("SGR 20/567", "SGR 20/567"),
            ("zie Z-2024-118273.", "Z-2024-118273"),
            ("met kenmerk 2022/570178 is", "2022/570178"),
            ("aangifte PL0100-2025063377 van", "PL0100-2025063377"),
            ("zie Z2025-0300817 nog", "Z2025-0300817"),
            ("ons kenmerk: VTH-24-0193", "VTH-24-0193"),
            ("onder MOR-2026-55120 en", "MOR-2026-55120"),
            ("Wmo-melding (WMO-M-26-90417)", "WMO-M-26-90417"),
            ("klacht 2026-KL-0418 is", "2026-KL-0418"),
            ("aanvraag OLO 7710043 van", "OLO 7710043"),
            ("zaaknummer 10884213 BM VERZ 26-412.", "10884213 BM VERZ 26-412"),
            ("uw klantnummer PGB 4418-2200-7?", "PGB 4418-2200-7"),
            ("CJIB-nummer 1234 5678 1234 5678 betaald", "1234 5678 1234 5678"),
            ("zaaknummer 10234567", "10234567"),
            ("met toevoegingsnummer: 2LD8830 en", "2LD8830"),
            ("onder subjectnr. 1002938475 staat", "1002938475"),
            ("kenmerk CJIB 2 4012 3456 7890 12.", "CJIB 2 4012 3456 7890 12"),
        ] {
            assert_eq!(found(Kind::CaseNumber, text), vec![want.to_owned()], "{text}");
        }
        for text in [
            "bestelnummer 1002938 en artikelnr. 88120-4",
            "ECLI:NL:RBDHA:2020:12345",
            "Stb. 2018, 144",
            "kenmerk van 12-03-2024",
            "zaak van 2024",
            "kenmerk € 12345",
            "volgens ISO-2022-12345",
            "CVE-2024-12345",
            "COM-2021-206",
            "bijvoorbeeld ZK-2026-000000",
            "model SM-24-A1",
            "Kenmerk van deze brochure: VL-2026-0031",
            "versie 3; pagina 2 van 8; referentie BRO-118822",
        ] {
            assert_eq!(all_found(text), vec![], "{text}");
        }
    }
}
