//! Tables in text: what stands in a column's head speaks for everything under it.
//!
//! Columns are parted by a sign (in a line with double quotes, by those outside of them), or by two spaces and more.

use crate::blocks::{blocks, places};
use crate::cues::{Cues, Hit};

const DELIMITERS: [u8; 4] = [b'\t', b';', b'|', b','];
/// Longest line that is read as a row, in bytes.
const ROW_BYTES_MAX: usize = 4096;
/// What parts columns that have no sign between them.
const GAP: &str = "  ";
/// Longest head of such a column, and the fewest of them.
const HEAD_BYTES_MAX: usize = 32;
const SPACED_COLUMNS_MIN: usize = 3;
/// How far left of its head a cell may begin.
const SLACK_CHARS: usize = 2;
/// Words for people in a head.
const PEOPLE: &[&str] = &[
    "naam",
    "namen",
    "achternaam",
    "voornaam",
    "voornamen",
    "roepnaam",
    "geslachtsnaam",
    "tussenvoegsel",
    "tussenvoegsels",
    "voorvoegsel",
    "voorvoegsels",
    "voorletters",
    "voorl",
    "initialen",
    "cliënt",
    "client",
    "cliënten",
    "clienten",
    "leerling",
    "kandidaat",
    "deelnemer",
    "werknemer",
    "medewerker",
    "belanghebbende",
    "schuldenaar",
    "houder",
    "kentekenhouder",
    "aanvrager",
    "bewoner",
    "huurder",
    "patiënt",
    "patient",
    "verdachte",
    "betrokkene",
    "bestuurder",
    "consulent",
    "behandelaar",
    "zorgverlener",
    "hulpverlener",
    "moeder",
    "vader",
    "voogd",
    "ouder",
    "kind",
    "beller",
    "melder",
    "klant",
    "burger",
    "contactpersoon",
    "partner",
    "gemachtigde",
    "voorwacht",
    "achterwacht",
    "hoofdbewoner",
    "pleegouder",
    "mentor",
    "bezoeker",
    "vreemdeling",
    "student",
    "name",
    "surname",
    "firstname",
    "lastname",
    "employee",
    "customer",
    "patiente",
    "eigenaar",
    "afhandelaar",
    "rekeninghouder",
    "begunstigde",
    "inwoner",
    "gezinslid",
    "chauffeur",
    "behandelend",
];
/// Words in a head that say what else has a name there.
const THINGS: &[&str] = &[
    "product",
    "bedrijf",
    "straat",
    "bestand",
    "handelsnaam",
    "school",
    "project",
    "document",
    "object",
    "organisatie",
    "nummer",
    "nr",
    "id",
    "code",
    "adres",
    "bsn",
    "datum",
    "geb",
    "tel",
    "telefoon",
    "email",
    "mail",
    "e-mail",
    "leeftijd",
    "plaats",
    "woonplaats",
    "postcode",
    "iban",
    "aantal",
    "file",
    "domain",
    "user",
    "host",
    "company",
    "street",
    "agb",
    "dossier",
    "instelling",
];

/// The tables of one text, in order.
#[derive(Default)]
pub(crate) struct Columns {
    tables: Vec<Table>,
}

/// What parts the cells of a row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Parting {
    Sign(u8),
    Spaces,
}

struct Table {
    /// Where the head begins, and the lines under it.
    head: usize,
    start: usize,
    end: usize,
    parting: Parting,
    heads: Vec<Head>,
}

/// What stands over a column.
struct Head {
    /// Its cues, the last first.
    hits: Vec<Hit>,
    /// Whether people are named under it.
    people: bool,
    /// How many characters before it, in its line.
    from: usize,
}

/// A line and how many of each delimiter it has, outside of quotes.
#[derive(Clone, Copy)]
struct Line {
    start: usize,
    end: usize,
    counts: [u32; 4],
    /// How many gaps of two spaces and more, about.
    gaps: u32,
}

impl Columns {
    /// Finds heads without digits over lines with as many delimiters, or with columns of spaces.
    pub(crate) fn of(text: &str, cues: &Cues) -> Self {
        let mut tables: Vec<Table> = Vec::new();
        let mut previous: Option<Line> = None;
        let mut open: Option<Open> = None;
        for line in lines(text) {
            let continues = open.is_some_and(|open| open.has(text, line));
            if continues && let Some(table) = tables.last_mut() {
                table.end = line.end;
            } else {
                open = None;
                if let Some((table, opened)) = previous.and_then(|head| Table::under(text, cues, head, line))
                {
                    tables.push(table);
                    open = Some(opened);
                }
            }
            previous = Some(line);
        }
        Self { tables }
    }

    /// Whether writing `text` somewhere else, or nothing there, can make or unmake a table.
    pub(crate) fn shapes(text: &str) -> bool {
        text.bytes().any(|b| b == b'\n' || b == b'"' || DELIMITERS.contains(&b)) || text.contains(GAP)
    }

    /// The table that the byte `at` lies in, its head too: where that begins and ends, and whether `at` is in the head.
    pub(crate) fn around(&self, at: usize) -> Option<(usize, usize, bool)> {
        let after = self.tables.partition_point(|table| table.head <= at);
        let table = self.tables.get(after.checked_sub(1)?).filter(|table| at < table.end)?;
        Some((table.head, table.end, at < table.start))
    }

    /// The table whose rows the byte `at` lies in.
    fn table(&self, at: usize) -> Option<&Table> {
        let after = self.tables.partition_point(|table| table.start <= at);
        self.tables.get(after.checked_sub(1)?).filter(|table| at < table.end)
    }

    /// Whether the byte `at` lies in a table whose cells `delimiter` parts.
    pub(crate) fn parts_by(&self, at: usize, delimiter: u8) -> bool {
        self.table(at).is_some_and(|table| table.parting == Parting::Sign(delimiter))
    }

    /// The cells, in bytes and without quotes and spaces around, under every head whose cues `say` so.
    pub(crate) fn cells(&self, text: &str, say: &dyn Fn(&[Hit]) -> bool) -> Vec<(usize, usize)> {
        self.under(text, &|head| say(&head.hits))
    }

    /// The cells under every head that names people.
    pub(crate) fn people(&self, text: &str) -> Vec<(usize, usize)> {
        self.under(text, &|head| head.people)
    }

    fn under(&self, text: &str, wanted: &dyn Fn(&Head) -> bool) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        for table in &self.tables {
            let wanted: Vec<bool> = table.heads.iter().map(wanted).collect();
            if !wanted.contains(&true) {
                continue;
            }
            let mut at = table.start;
            for line in text.get(table.start..table.end).unwrap_or_default().split('\n') {
                for (column, start, end) in table.row(line) {
                    let cell = line.get(start..end).unwrap_or_default();
                    let bare = cell.trim_start_matches([' ', '"', '\'']);
                    let from = at.saturating_add(end).saturating_sub(bare.len());
                    let bare = bare.trim_end_matches([' ', '"', '\'', '\r']);
                    if wanted.get(column) == Some(&true) && !bare.is_empty() {
                        found.push((from, from.saturating_add(bare.len())));
                    }
                }
                at = at.saturating_add(line.len()).saturating_add(1);
            }
        }
        found
    }

    /// The cues of the head over the bytes `start..end`; `None` outside every table, and for what goes over lines. What
    /// began in the cell before is judged by the last: `Kerkstraat 6;1234 AB`.
    pub(crate) fn head(&self, text: &str, start: usize, end: usize) -> Option<&[Hit]> {
        let table = self.table(start)?;
        let body = text.get(table.start..table.end)?;
        let value = text.as_bytes().get(start..end)?;
        if value.contains(&b'\n') {
            return None;
        }
        let parts = |b: u8| matches!(table.parting, Parting::Sign(sign) if b == sign);
        let at = if outside(value).any(parts) { end } else { start }.saturating_sub(table.start);
        let before = body.as_bytes().get(..at)?.iter().rev().take(ROW_BYTES_MAX);
        let line = at.saturating_sub(before.take_while(|b| **b != b'\n').count());
        let column = match table.parting {
            Parting::Sign(sign) => outside(body.as_bytes().get(line..at)?).filter(|b| *b == sign).count(),
            Parting::Spaces => {
                let row = body.get(line..)?.split('\n').next()?;
                let within = at.saturating_sub(line);
                table.row(row).into_iter().find(|&(_, from, to)| from <= within && within < to)?.0
            }
        };
        table.heads.get(column).map(|head| head.hits.as_slice())
    }
}

/// How the lines of a table go on.
#[derive(Clone, Copy)]
enum Open {
    /// With so many of this delimiter.
    Signs(usize, u32),
    Spaces,
}

impl Open {
    fn has(self, text: &str, line: Line) -> bool {
        match self {
            Self::Signs(at, count) => line.counts.get(at).copied() == Some(count),
            Self::Spaces => {
                let row = text.get(line.start..line.end).unwrap_or_default();
                line.gaps > 0 && row.len() <= ROW_BYTES_MAX && spaced(row).take(2).count() == 2
            }
        }
    }
}

impl Table {
    /// The table of `head` that begins with `line`; `None` when no column's head says anything.
    fn under(text: &str, cues: &Cues, head: Line, line: Line) -> Option<(Self, Open)> {
        let written = text.get(head.start..head.end).filter(|t| t.len() <= ROW_BYTES_MAX)?;
        let count = |line: &Line, at: usize| line.counts.get(at).copied().unwrap_or(0);
        let same = |at: &usize| count(&head, *at) > 0 && count(&head, *at) == count(&line, *at);
        let (parting, open) = match (0..DELIMITERS.len()).find(same) {
            Some(at) => (Parting::Sign(*DELIMITERS.get(at)?), Open::Signs(at, count(&head, at))),
            None if head.gaps == 0 || line.gaps == 0 => return None,
            None => {
                let columns = spaced(written);
                let short = columns.clone().all(|(from, to)| to.saturating_sub(from) <= HEAD_BYTES_MAX);
                let many = columns.take(SPACED_COLUMNS_MIN).count() == SPACED_COLUMNS_MIN;
                if !many || !short || written.contains(':') || !Open::Spaces.has(text, line) {
                    return None;
                }
                (Parting::Spaces, Open::Spaces)
            }
        };
        if written.bytes().any(|b| b.is_ascii_digit()) {
            return None;
        }
        let heads: Vec<Head> =
            parted(written, parting).map(|(from, to)| Head::new(cues, written, from, to)).collect();
        let says = heads.iter().any(|head| !head.hits.is_empty() || head.people);
        says.then_some((Self { head: head.start, start: line.start, end: line.end, parting, heads }, open))
    }

    /// The cells of a row: under which head each stands, and where it begins and ends in the line.
    fn row(&self, line: &str) -> Vec<(usize, usize, usize)> {
        let line = line.get(..line.floor_char_boundary(ROW_BYTES_MAX)).unwrap_or_default();
        let cells: Vec<(usize, usize)> = parted(line, self.parting).collect();
        let by_place = self.parting == Parting::Spaces && cells.len() != self.heads.len();
        let column = |n: usize, from: usize| {
            if !by_place {
                return Some(n);
            }
            let chars = line.get(..from).unwrap_or_default().chars().count().saturating_add(SLACK_CHARS);
            self.heads.iter().rposition(|head| head.from <= chars)
        };
        cells
            .into_iter()
            .enumerate()
            .filter_map(|(n, (from, to))| Some((column(n, from)?, from, to)))
            .collect()
    }
}

impl Head {
    fn new(cues: &Cues, line: &str, from: usize, to: usize) -> Self {
        let written = line.get(from..to).unwrap_or_default();
        let mut hits = cues.hits(written);
        hits.reverse();
        let lower = written.to_lowercase();
        let has = |list: &[&str]| lower.split(|c: char| !c.is_alphabetic()).any(|word| list.contains(&word));
        let people = has(PEOPLE) && !has(THINGS);
        Self { hits, people, from: line.get(..from).unwrap_or_default().chars().count() }
    }
}

/// The bytes of a row that stand outside of double quotes.
fn outside(row: &[u8]) -> impl Iterator<Item = u8> {
    let mut quoted = false;
    row.iter().copied().filter(move |&byte| {
        quoted ^= byte == b'"';
        !quoted
    })
}

/// Where the cells of a line begin and end.
fn parted(line: &str, parting: Parting) -> Box<dyn Iterator<Item = (usize, usize)> + '_> {
    match parting {
        Parting::Spaces => Box::new(spaced(line)),
        Parting::Sign(sign) => {
            let mut quoted = false;
            let mut from = 0_usize;
            let is_end = move |byte: u8| {
                quoted ^= byte == b'"';
                byte == sign && !quoted
            };
            let ends =
                line.bytes().enumerate().scan(is_end, |is_end, (at, byte)| Some(is_end(byte).then_some(at)));
            Box::new(ends.flatten().chain([line.len()]).map(move |to| {
                let start = from;
                from = to.saturating_add(1);
                (start, to)
            }))
        }
    }
}

/// The cells of a line whose columns two spaces and more part.
fn spaced(line: &str) -> impl Iterator<Item = (usize, usize)> + Clone {
    let mut at = 0_usize;
    line.split(GAP).filter_map(move |cell| {
        let from = at;
        at = at.saturating_add(cell.len()).saturating_add(GAP.len());
        let bare = cell.trim_start_matches([' ', '\r']);
        let start = from.saturating_add(cell.len().saturating_sub(bare.len()));
        let bare = bare.trim_end_matches([' ', '\r']);
        (!bare.is_empty()).then(|| (start, start.saturating_add(bare.len())))
    })
}

/// The lines of a text with their delimiters.
fn lines(text: &str) -> impl Iterator<Item = Line> {
    const SIGNS: [u8; 6] = [b'\n', b'\t', b';', b'|', b',', b'"'];
    let bytes = text.as_bytes();
    // Whether the block before ended in a space.
    let mut carried = 0_u64;
    let signs = blocks(text)
        .flat_map(move |(base, block)| {
            let spaces = block.spaces();
            let pairs = spaces & (spaces << 1 | carried);
            carried = spaces >> 63;
            places(block.any(SIGNS) | (pairs & !(pairs << 1))).map(move |at| base.saturating_add(at))
        })
        .filter_map(|at| Some((at, bytes.get(at).copied()?)));
    let mut line = Line { start: 0, end: 0, counts: [0; 4], gaps: 0 };
    let mut quoted = false;
    signs.chain([(bytes.len(), b'\n')]).filter_map(move |(at, sign)| {
        if sign == b'\n' {
            quoted = false;
            let next = Line { start: at.saturating_add(1), end: at, counts: [0; 4], gaps: 0 };
            return Some(Line { end: at, ..std::mem::replace(&mut line, next) });
        }
        line.gaps = line.gaps.saturating_add(u32::from(sign == b' '));
        quoted ^= sign == b'"';
        let which = DELIMITERS.iter().position(|delimiter| *delimiter == sign && !quoted);
        if let Some(count) = which.and_then(|which| line.counts.get_mut(which)) {
            *count = count.saturating_add(1);
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use crate::Kind;
    use crate::recognizers::tests::{all_found, found};

    #[test]
    fn a_head_speaks_for_its_column() {
        let row = "Jansen met een lange naam en een omschrijving;123456782;12345678;1984-05-12\n";
        let text = format!("naam;bsn;kvk-nummer;geboortedatum\n{}", row.repeat(3));
        for (kind, number) in
            [(Kind::Bsn, "123456782"), (Kind::Kvk, "12345678"), (Kind::BirthDate, "1984-05-12")]
        {
            assert_eq!(found(kind, &text), vec![number; 3], "{kind}");
        }
        let commas = "naam,bsn,bedrag\nJansen,111222333,12\nBakker,123456782,14\n";
        assert_eq!(found(Kind::Bsn, commas), vec!["111222333", "123456782"]);
        let table = "| wie en wat en waarom dan ook maar weer | ordernummer |\n|---|---|\n| Jansen | 123456782 |\n| Pietersen en anderen | 123456782 |\n";
        assert_eq!(all_found(table), vec![]);
        let letter = "ordernummer en wat u verder nog van ons wilde weten over de gang van zaken,\nKerkstraat 12-3, 1234 AB Utrecht";
        assert_eq!(
            found(Kind::Postcode, letter),
            vec!["Kerkstraat 12-3, 1234 AB"],
            "the last cell has no head"
        );
    }

    #[test]
    fn over_two_cells_the_last_head_speaks() {
        let text = "ordernummer;postcode\nLinnaeuslaan 6A;2015 CC\n";
        assert!(
            found(Kind::Postcode, text).iter().any(|part| part.ends_with("2015 CC")),
            "{:?}",
            all_found(text)
        );
    }

    #[test]
    fn a_comma_in_quotes_parts_nothing() {
        let text = "rol,naam,bsn\neiser,\"Jansen, Jan\",111222333\n";
        assert_eq!(found(Kind::Bsn, text), vec!["111222333"]);
        let number = "naam,ordernummer,bsn\n\"Jansen, Jan\",123456782,nvt\n";
        assert_eq!(found(Kind::Bsn, number), vec![""; 0]);
    }

    #[test]
    fn columns_of_spaces() {
        let text = "Zorgverlener            AGB            BSN cliënt     Prestatie\n\
                    Zoë van der Meulen      91048273       084619272      1002\n\
                    Zoë van der Meulen      91048273       084619272\n";
        assert_eq!(found(Kind::Bsn, text), vec!["084619272"; 2]);
        assert_eq!(found(Kind::Agb, text), vec!["91048273"; 2]);
        let orders = "Artikel       Ordernummer    Prijs\nstoel         123456782      12,00\n";
        assert_eq!(all_found(orders), vec![]);
    }
}
