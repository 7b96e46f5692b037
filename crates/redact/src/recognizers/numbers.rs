//! Reads the rows of `table.rs` in a text: in one run, in groups, or digit by digit.

use super::case::{Called, called};
use super::table::{ROWS, Row, fits, is_written};
use super::{CUED_CHARS_MAX, Candidate, Group, Recognizer, SCORE_MIN, Scan, because};
use crate::Kind;
use crate::context::Around;
use crate::finding::Reason;
use crate::kind::KindSet;

/// Letters and digits of a row at most.
const LENGTH_MAX: usize = 19;
/// Groups that a number is written in at most, unless digit by digit.
const GROUPS_MAX: usize = 8;
/// Points below which only words make a number a candidate.
const WEAK: i16 = 40;
/// What is taken off a number that is grouped like a date, and one in odd groups after a word for it.
const DATE_LIKE: i16 = -40;
const EASED: i16 = -10;
/// What the word for another number right before takes off where no word of the kind is near.
const OTHER_NUMBER: i16 = -20;
/// Letters and digits of one group at most.
const WORD_BYTES_MAX: usize = 24;

/// Finds every kind that is a row of the table.
///
/// Most checks let one number in ten or eleven pass, so a check alone is not enough: context decides. A labelled number
/// that fails its check is still found, since it is most likely right but for a typing error.
pub(crate) struct Numbers {
    /// Rows of digits alone, by length.
    digits: Vec<Vec<&'static Row>>,
    /// Rows with letters, by length.
    mixed: Vec<Vec<&'static Row>>,
}

impl Numbers {
    pub(crate) fn new() -> Self {
        let of = |wanted: bool| {
            let fits = |row: &&Row, length| {
                row.shape.len() == length && row.shape.bytes().all(|b| b == b'9') == wanted
            };
            (0..=LENGTH_MAX).map(|length| ROWS.iter().filter(|row| fits(row, length)).collect()).collect()
        };
        Self { digits: of(true), mixed: of(false) }
    }
}

impl Recognizer for Numbers {
    fn kinds(&self) -> Vec<Kind> {
        ROWS.iter().map(|row| row.kind).collect()
    }

    fn version(&self) -> u32 {
        4
    }

    fn candidates(&self, scan: &Scan<'_>, sink: &mut dyn FnMut(Candidate)) {
        for first in 0..scan.groups().len() {
            self.of_digits(scan, first, sink);
        }
        let mut done = 0;
        for group in scan.groups() {
            done = self.of_word(scan, *group, done, sink);
        }
    }
}

/// What may stand between two groups of one number. Digit by digit, groups may stand further apart than digits.
fn is_gap(gap: &str, singles: bool) -> bool {
    matches!(gap, " " | "." | "-" | "/" | "_") || singles && matches!(gap, "  " | "   ")
}

impl Numbers {
    /// The numbers of digits alone that begin with the group `first`.
    fn of_digits(&self, scan: &Scan<'_>, first: usize, sink: &mut dyn FnMut(Candidate)) {
        let Some(opening) = scan.groups().get(first) else { return };
        let mut length = 0_usize;
        let mut singles = true;
        let mut previous: Option<Group> = None;
        for (n, group) in scan.groups().iter().skip(first).take(LENGTH_MAX).enumerate() {
            scan.step();
            let both_single = group.len() == 1 && previous.is_none_or(|p| p.len() == 1);
            if previous.is_some_and(|p| !is_gap(scan.slice(p.end, group.start), both_single)) {
                break;
            }
            singles = singles && group.len() == 1;
            length = length.saturating_add(group.len());
            if length > LENGTH_MAX || (n >= GROUPS_MAX && !singles) {
                break;
            }
            previous = Some(*group);
            // Digit by digit, the number is the whole row of digits: none of its parts.
            if length < 8 || (n > 0 && singles && !whole_row(scan, first, first.saturating_add(n))) {
                continue;
            }
            if let Some(rows) = self.digits.get(length).filter(|rows| !rows.is_empty()) {
                let reading = Reading::new(scan, opening.start, group.end);
                reading.propose(rows, singles && n > 0, sink);
            }
        }
    }

    /// The numbers with letters in or beside the word around `group`; `done` is where the last such word began.
    fn of_word(&self, scan: &Scan<'_>, group: Group, done: usize, sink: &mut dyn FnMut(Candidate)) -> usize {
        let word = scan.word_around(group.start, group.end, WORD_BYTES_MAX);
        if word.len() > LENGTH_MAX || scan.attached_before(word.start) {
            return done;
        }
        // Letters may stand apart before the digits: `NL 1234…`, `X-1234567-L`, `RSS MRA 85T10 A562S`.
        let mut starts = [word.start; 3];
        let mut first = word.start;
        for slot in starts.iter_mut().skip(1) {
            let Some(end) = first.checked_sub(1) else { break };
            let letters = scan.word_around(end, end, 4);
            let before = scan.slice(letters.start, end);
            if !is_gap(scan.slice(end, first), false)
                || !(1..=3).contains(&before.len())
                || !before.bytes().all(|b| b.is_ascii_alphabetic())
                || (scan.byte(end) == Some(b' ') && before.bytes().all(|b| b.is_ascii_lowercase()))
            {
                break;
            }
            first = letters.start;
            *slot = first;
        }
        for (i, &start) in starts.iter().enumerate() {
            if start >= done && !starts.iter().take(i).any(|&s| s == start) {
                self.at_start(scan, start, sink);
            }
        }
        word.start.saturating_add(1)
    }

    /// The numbers with letters that begin at `start`.
    fn at_start(&self, scan: &Scan<'_>, start: usize, sink: &mut dyn FnMut(Candidate)) {
        let mut length = 0_usize;
        let (mut letters, mut digits) = (false, false);
        let mut at = start;
        for n in 0..GROUPS_MAX {
            scan.step();
            let separator = scan.byte(at).unwrap_or(b'\n');
            if n > 0 {
                if !matches!(separator, b' ' | b'.' | b'-' | b'/' | b'_') {
                    break;
                }
                at = at.saturating_add(1);
            }
            let word = scan.word_around(at, at, WORD_BYTES_MAX);
            let part = scan.slice(at, word.end);
            length = length.saturating_add(part.len());
            // A small word after a space is prose, not a part of a number.
            let prose = n > 0 && separator == b' ' && part.bytes().all(|b| b.is_ascii_lowercase());
            if part.is_empty() || length > LENGTH_MAX || prose {
                break;
            }
            for byte in part.bytes() {
                letters = letters || byte.is_ascii_alphabetic();
                digits = digits || byte.is_ascii_digit();
            }
            at = word.end;
            if !letters || !digits {
                continue;
            }
            if let Some(rows) = self.mixed.get(length).filter(|rows| !rows.is_empty()) {
                Reading::new(scan, start, at).propose(rows, false, sink);
            }
        }
    }
}

/// Whether the single digits from group `first` to `last` are a whole row: none stands before or after.
fn whole_row(scan: &Scan<'_>, first: usize, last: usize) -> bool {
    let joined = |a: Option<&Group>, b: Option<&Group>| match (a, b) {
        (Some(a), Some(b)) => a.len() == 1 && b.len() == 1 && is_gap(scan.slice(a.end, b.start), true),
        _ => false,
    };
    let before = first.checked_sub(1).and_then(|i| scan.groups().get(i));
    !joined(before, scan.groups().get(first))
        && !joined(scan.groups().get(last), scan.groups().get(last.saturating_add(1)))
}

/// One stretch of text, read as a number.
struct Reading<'s, 'v> {
    scan: &'s Scan<'v>,
    start: usize,
    end: usize,
    raw: &'v str,
    compact: Compact,
}

/// The letters and digits of a number, in capitals, without an allocation; wiped like every copy of a value.
struct Compact {
    bytes: zeroize::Zeroizing<[u8; LENGTH_MAX]>,
    length: usize,
}

impl Compact {
    fn new(raw: &str) -> Self {
        let mut bytes = zeroize::Zeroizing::new([0_u8; LENGTH_MAX]);
        let mut length = 0_usize;
        for (slot, byte) in bytes.iter_mut().zip(raw.bytes().filter(u8::is_ascii_alphanumeric)) {
            *slot = byte.to_ascii_uppercase();
            length = length.saturating_add(1);
        }
        Self { bytes, length }
    }

    fn as_str(&self) -> &str {
        self.bytes.get(..self.length).and_then(|b| std::str::from_utf8(b).ok()).unwrap_or_default()
    }
}

impl<'s, 'v> Reading<'s, 'v> {
    fn new(scan: &'s Scan<'v>, start: usize, end: usize) -> Self {
        let raw = scan.slice(start, end);
        Self { scan, start, end, raw, compact: Compact::new(raw) }
    }

    /// Hands on every row that the stretch can be, and that words or its own check speak for.
    fn propose(&self, rows: &[&'static Row], spelled: bool, sink: &mut dyn FnMut(Candidate)) {
        if self.raw.len() > CUED_CHARS_MAX {
            return;
        }
        let number = self.compact.as_str();
        // Rows of digits are found by their length alone.
        let all_digits = number.bytes().all(|b| b.is_ascii_digit());
        let mut surroundings: Option<Vec<Reason>> = None;
        let mut around: Option<(Around<'_>, KindSet)> = None;
        for row in rows {
            if !all_digits && !fits(row.shape, number) {
                continue;
            }
            let (around, spoken_for) = around.get_or_insert_with(|| {
                let around = self.scan.around(self.start, self.end);
                let spoken_for = around.spoken_for();
                (around, spoken_for)
            });
            // A number that has no check, or a weak one, is nothing without a word for it.
            if row.plain.max(row.usual) < WEAK && !spoken_for.has(row.kind) {
                continue;
            }
            let Some(own) = self.own(row, number) else { continue };
            if own.points < WEAK && !spoken_for.has(row.kind) {
                continue;
            }
            let cues = around.points(row.kind);
            if own.points.saturating_add(cues) < SCORE_MIN {
                continue;
            }
            let writing = surroundings.get_or_insert_with(|| self.writing(spelled));
            // Where a word announces it, people write a number as they like.
            let labelled = cues > 0 && own.holds;
            let eased = |r: &Reason| if labelled && r.points > DATE_LIKE { EASED } else { r.points };
            let writing = || writing.iter().map(|r| Reason { what: r.what.clone(), points: eased(r) });
            let penalty: i16 = if own.usual { 0 } else { writing().map(|r| r.points).sum() };
            let weak = own.points < WEAK && cues <= 0;
            if own.points.saturating_add(cues).saturating_add(penalty) < SCORE_MIN || weak {
                continue;
            }
            let mut reasons = vec![Reason { what: own.what.into(), points: own.points }];
            if !own.usual {
                reasons.extend(writing());
            }
            reasons.extend(self.edges());
            if row.kind == Kind::Bsn && cues == 0 && called(self.scan, self.start) == Some(Called::Other) {
                reasons.push(because("called another number", OTHER_NUMBER));
            }
            let canonical = crate::vault::Secret::new(&match row.kind {
                Kind::Bsn => format!("{number:0>9}"),
                _ => number.to_owned(),
            });
            reasons.extend(around.reasons(row.kind));
            let (start, end) = (self.start, self.end);
            sink(Candidate { kind: row.kind, start, end, canonical, reasons, judged: true });
        }
    }

    /// What the number itself says for a row; `None` when it cannot be one.
    fn own(&self, row: &Row, number: &str) -> Option<Own> {
        self.scan.step();
        let holds = (row.check)(number);
        let separated = self.raw.len() > row.shape.len();
        let usual = separated && row.written.iter().any(|w| is_written(w, self.raw));
        let what = match (holds, usual) {
            (true, true) => "format and check hold, in its usual writing",
            (true, false) => "format and check hold",
            (false, _) => "format holds, check fails",
        };
        let points = match (holds, usual) {
            (true, true) => row.usual,
            (true, false) => row.plain,
            (false, _) => row.failed?,
        };
        Some(Own { what, points, usual, holds })
    }

    /// What an unusual way of writing takes off.
    fn writing(&self, spelled: bool) -> Vec<Reason> {
        let mut lens = [0_usize; GROUPS_MAX];
        let mut separators = self.raw.bytes().filter(|b| !b.is_ascii_alphanumeric());
        let first = separators.next();
        if first.is_none() || spelled {
            return Vec::new();
        }
        let uniform = separators.all(|b| Some(b) == first);
        for (slot, part) in lens.iter_mut().zip(self.raw.split(|c: char| !c.is_ascii_alphanumeric())) {
            *slot = part.len();
        }
        let used = lens.iter().take_while(|&&l| l > 0).count();
        let lens = lens.get(..used).unwrap_or_default();
        if matches!(
            lens,
            [2, 2, 4] | [4, 2, 2] | [1, 2, 4] | [2, 1, 4] | [1, 1, 4] | [2, 2, 4, ..] | [4, 2, 2, ..]
        ) {
            return vec![because("grouped like a date", DATE_LIKE)];
        }
        let even = lens.len() <= 5 && lens.iter().all(|len| (2..=5).contains(len));
        match (uniform, even) {
            (true, true) => Vec::new(),
            (true, false) => vec![because("unusual grouping", -20)],
            (false, _) => vec![because("mixed separators", -25)],
        }
    }

    /// What stands right before and after.
    fn edges(&self) -> Vec<Reason> {
        let scan = self.scan;
        let mut reasons = Vec::new();
        if scan.attached_before(self.start) || scan.attached_after(self.end) {
            reasons.push(because("letters attached", -15));
        }
        let spaced = self.raw.contains(' ') && scan.in_longer_row(self.start, self.end);
        if scan.came_on(self.start) || scan.goes_on(self.end) || spaced {
            reasons.push(because("part of a longer number", -30));
        }
        reasons
    }
}

/// What a number itself says for a row.
struct Own {
    what: &'static str,
    points: i16,
    usual: bool,
    holds: bool,
}

/// Every row in a usual way of writing that needs no words, by trying each at each place.
#[cfg(test)]
pub(crate) fn plain_rows(text: &str) -> Vec<(usize, usize, Kind)> {
    let mut found = Vec::new();
    // A letter or digit beside it, or a digit after a sign, takes off points.
    let part = |near: &[char]| {
        near.first().is_some_and(|c| c.is_alphanumeric()) || near.iter().any(char::is_ascii_digit)
    };
    for (start, _) in text.char_indices() {
        for row in ROWS.iter().filter(|row| row.usual >= 60) {
            for written in row.written {
                let end = start + written.len();
                let Some(raw) = text.get(start..end) else { continue };
                let compact: String =
                    raw.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_uppercase();
                let before: Vec<char> = text[..start].chars().rev().take(2).collect();
                let after: Vec<char> = text[end..].chars().take(2).collect();
                let alone = !part(&before) && !part(&after);
                let right = is_written(written, raw) && fits(row.shape, &compact) && (row.check)(&compact);
                if alone && right && compact.len() >= 8 {
                    found.push((start, end, row.kind));
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::tests::{all_found, best, found};
    use super::*;

    #[test]
    fn ways_of_writing_a_bsn() {
        for text in [
            "BSN: 111222333",
            "bsn=111 222 333",
            "BSN 1112.22.333",
            "BSN 111-222-333",
            "Burgerservicenummer 1 1 1 2 2 2 3 3 3",
            "\"bsn\": \"111222333\"",
            "BSN111222333",
            "Mijn nummer is 111222333 (bsn)",
            "bsn: 10000008",
            "BSN 1112/22/333",
            "BSN 1 1 1   2 2 2   3 3 3",
        ] {
            assert_eq!(found(Kind::Bsn, text).len(), 1, "{text}");
        }
    }

    #[test]
    fn context_decides() {
        assert!(best(Kind::Bsn, "het getal 111222333") < 60);
        assert!(best(Kind::Bsn, "ordernummer 111222333") < 30);
        assert!(best(Kind::Bsn, "tekort van 111222333 euro") < 30);
        assert!(best(Kind::Bsn, "€ 111.222.333,00") < 30);
        assert!(best(Kind::Bsn, "BSN 123456789") >= 60, "labelled, one digit wrong");
        assert!(best(Kind::Bsn, "dossier 2023, bsn 111222333") >= 80);
        assert!(best(Kind::Bsn, "bsn-controle op 12-03-2024 gedaan") < 60);
        assert!(best(Kind::Bsn, "bsn-controle op 20240312 gedaan") < 60);
        assert_eq!(best(Kind::Bsn, "BSN 1112223334445"), 0, "thirteen digits are no BSN");
    }

    #[test]
    fn dutch_numbers_are_cut_whole() {
        for (kind, text, want) in [
            (Kind::ANummer, "A-nummer 1745105604 klopt", "1745105604"),
            (Kind::VNummer, "V-nummer: 2640871356", "2640871356"),
            (Kind::DrivingLicence, "rijbewijsnummer 5767621282", "5767621282"),
            (Kind::TravelDocument, "paspoort NW1B2C3D4 verlopen", "NW1B2C3D4"),
            (Kind::Kvk, "KvK 12345678", "12345678"),
            (Kind::Kvk, "12345678 (KvK)", "12345678"),
            (Kind::Vestigingsnummer, "vestigingsnummer 000012345678", "000012345678"),
            (Kind::Btw, "btw-id NL409288782B91", "NL409288782B91"),
            (Kind::Btw, "btw NL 4092.88.782.B.91", "NL 4092.88.782.B.91"),
            (Kind::Big, "BIG-nummer 19059236216", "19059236216"),
            (Kind::Agb, "AGB-code: 02979013", "02979013"),
            (Kind::Uzi, "UZI-nummer 900012345", "900012345"),
            (Kind::Ura, "URA 90001234", "90001234"),
            (Kind::Parketnummer, "in zaak 06/344272-18 is", "06/344272-18"),
            (Kind::Parketnummer, "parketnummer 13-615875-24", "13-615875-24"),
            (Kind::NumberPlate, "kenteken BD-123-F stond", "BD-123-F"),
            (Kind::NumberPlate, "kenteken: bd123f", "bd123f"),
            (Kind::NumberPlate, "een Opel, 12-BDF-3, grijs", "12-BDF-3"),
            (Kind::Rsin, "RSIN 560700118", "560700118"),
            (Kind::Onderwijsnummer, "onderwijsnummer 101222331", "101222331"),
            (Kind::Card, "kaart 4111 1111 1111 1111 tot", "4111 1111 1111 1111"),
            (Kind::Imei, "IMEI 49-015420-323751-8", "49-015420-323751-8"),
        ] {
            assert_eq!(found(kind, text), vec![want.to_owned()], "{text}");
        }
    }

    #[test]
    fn european_numbers_are_cut_whole() {
        for (kind, text, want) in [
            (Kind::BeRrn, "nr. 85.07.30-033.28 in België", "85.07.30-033.28"),
            (Kind::DeIdnr, "Steuer-ID 36 574 261 809", "36 574 261 809"),
            (Kind::FrNir, "NIR 2 95 10 99 126 111 93", "2 95 10 99 126 111 93"),
            (Kind::EsDni, "DNI 54362315-K", "54362315-K"),
            (Kind::EsDni, "NIE X-2482300-W", "X-2482300-W"),
            (Kind::ItCf, "codice fiscale RCCMNL83S18D969H", "RCCMNL83S18D969H"),
            (Kind::PtNif, "NIF 501964843", "501964843"),
            (Kind::PlPesel, "PESEL 44051401359", "44051401359"),
            (Kind::SePnr, "personnummer 880320-0016", "880320-0016"),
            (Kind::DkCpr, "CPR 211062-5629", "211062-5629"),
            (Kind::FiHetu, "hetu 131052-308T", "131052-308T"),
            (Kind::IePps, "PPS 6433435F", "6433435F"),
            (Kind::AtSvnr, "SVNR 1237 010180", "1237 010180"),
            (Kind::RoCnp, "CNP 1630615123457", "1630615123457"),
            (Kind::BgEgn, "EGN 7523169263", "7523169263"),
            (Kind::HrOib, "OIB 33392005961", "33392005961"),
            (Kind::CzRc, "rodné číslo 710319/2745", "710319/2745"),
            (Kind::SiEmso, "EMŠO 0101006500006", "0101006500006"),
            (Kind::EeIk, "isikukood 36805280109", "36805280109"),
            (Kind::LvPk, "personas kods 161175-19997", "161175-19997"),
            (Kind::LtAk, "asmens kodas 38703181745", "38703181745"),
            (Kind::LuMatricule, "matricule 1893120105732", "1893120105732"),
            (Kind::MtId, "Maltese id card 0123456M", "0123456M"),
            (Kind::CyTic, "Cyprus TIC 90259033P", "90259033P"),
            (Kind::GrAmka, "AMKA 01013099997", "01013099997"),
            (Kind::NoFnr, "fødselsnummer 151086 95088", "151086 95088"),
            (Kind::ChAhv, "756.9217.0769.85", "756.9217.0769.85"),
            (Kind::HuSzemelyi, "adóazonosító 8071592153", "8071592153"),
        ] {
            let cut: Vec<String> = all_found(text).into_iter().map(|(_, cut)| cut).collect();
            assert_eq!(cut, vec![want.to_owned()], "{text}");
            assert!(best(kind, text) >= 60, "{kind}: {text}");
        }
    }

    #[test]
    fn numbers_that_name_nobody() {
        for text in [
            "ordernummer 12345678",
            "de begroting van 12345678 euro",
            "UUID 550e8400-e29b-41d4-a716-446655440000",
            "hash d41d8cd98f00b204e9800998ecf8427e",
            "ISBN 978-90-274-3964-2",
            "versie 10.2.3.4 op SRV-NL-0042",
            "ECLI:NL:HR:2019:1234",
            "in 2023, 2024 en 2025 waren er 1200, 1300 en 1400",
            "tabel 1 2 3 4 5 6 7 8 9 10 11 12",
        ] {
            assert_eq!(all_found(text), vec![], "{text}");
        }
    }
}
