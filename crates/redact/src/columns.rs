//! Tables in text: what stands in a column's head speaks for every number under it.

use crate::blocks::{blocks, places};
use crate::cues::{Cues, Hit};

const DELIMITERS: [u8; 4] = [b'\t', b';', b'|', b','];
/// Longest head that is read, in bytes.
const HEAD_BYTES_MAX: usize = 4096;

/// The tables of one text, in order.
#[derive(Default)]
pub(crate) struct Columns {
    tables: Vec<Table>,
}

struct Table {
    /// Where the head begins, and the lines under it.
    head: usize,
    start: usize,
    end: usize,
    delimiter: u8,
    /// The cues of each head, the last first.
    heads: Vec<Vec<Hit>>,
}

/// A line and how many of each delimiter it has.
#[derive(Clone, Copy)]
struct Line {
    start: usize,
    end: usize,
    counts: [u32; 4],
}

impl Columns {
    /// Finds heads without digits over lines with as many delimiters.
    pub(crate) fn of(text: &str, cues: &Cues) -> Self {
        let mut tables: Vec<Table> = Vec::new();
        let mut previous: Option<Line> = None;
        let mut open: Option<(usize, u32)> = None;
        for line in lines(text) {
            let continues = open.is_some_and(|(at, count)| line.counts.get(at).copied() == Some(count));
            if continues && let Some(table) = tables.last_mut() {
                table.end = line.end;
            } else {
                open = None;
                if let Some(head) = previous {
                    let same = |at: &usize| {
                        let count = |line: &Line| line.counts.get(*at).copied().unwrap_or(0);
                        count(&head) > 0 && count(&head) == count(&line)
                    };
                    let found = (0..DELIMITERS.len())
                        .find(same)
                        .and_then(|at| Some((at, head.counts.get(at).copied()?)));
                    let table = found.and_then(|(at, _)| Table::under(text, cues, head, line, at));
                    if let Some(table) = table {
                        tables.push(table);
                        open = found;
                    }
                }
            }
            previous = Some(line);
        }
        Self { tables }
    }

    /// Whether writing `text` somewhere else, or nothing there, can make or unmake a table.
    pub(crate) fn shapes(text: &str) -> bool {
        text.bytes().any(|b| b == b'\n' || DELIMITERS.contains(&b))
    }

    /// The table that the byte `at` lies in, its head too: where that begins and ends, and whether `at` is in the head.
    pub(crate) fn around(&self, at: usize) -> Option<(usize, usize, bool)> {
        let after = self.tables.partition_point(|table| table.head <= at);
        let table = self.tables.get(after.checked_sub(1)?).filter(|table| at < table.end)?;
        Some((table.head, table.end, at < table.start))
    }

    /// Whether the byte `at` lies in a table whose cells `delimiter` parts.
    pub(crate) fn parts_by(&self, at: usize, delimiter: u8) -> bool {
        let after = self.tables.partition_point(|table| table.start <= at);
        let table = after.checked_sub(1).and_then(|n| self.tables.get(n));
        table.is_some_and(|table| at < table.end && table.delimiter == delimiter)
    }

    /// The cells, in bytes and without quotes and spaces around, under every head whose cues `say` so.
    pub(crate) fn cells<'t>(
        &'t self,
        text: &'t str,
        say: &'t dyn Fn(&[Hit]) -> bool,
    ) -> impl Iterator<Item = (usize, usize)> + 't {
        self.tables.iter().flat_map(move |table| {
            let wanted: Vec<bool> = table.heads.iter().map(|hits| say(hits)).collect();
            let any = wanted.contains(&true);
            let body = text.get(table.start..table.end).filter(|_| any).unwrap_or_default();
            let mut at = table.start;
            let cells = body.split('\n').flat_map(move |line| {
                let mut from = at;
                at = at.saturating_add(line.len()).saturating_add(1);
                line.split(char::from(table.delimiter))
                    .map(move |cell| {
                        let start = from;
                        from = from.saturating_add(cell.len()).saturating_add(1);
                        (start, cell)
                    })
                    .enumerate()
            });
            cells.filter(move |(n, _)| wanted.get(*n) == Some(&true)).map(|(_, (start, cell))| {
                let bare = cell.trim_start_matches([' ', '"', '\'']);
                let start = start.saturating_add(cell.len().saturating_sub(bare.len()));
                (start, start.saturating_add(bare.trim_end_matches([' ', '"', '\'', '\r']).len()))
            })
        })
    }

    /// The cues of the head over the bytes `start..end`; `None` outside every table, and for what is not within one cell.
    pub(crate) fn head(&self, text: &str, start: usize, end: usize) -> Option<&[Hit]> {
        let after = self.tables.partition_point(|table| table.start <= start);
        let table = self.tables.get(after.checked_sub(1)?).filter(|table| start < table.end)?;
        let parts = |b: &u8| *b == table.delimiter || *b == b'\n';
        if text.as_bytes().get(start..end)?.iter().any(parts) {
            return None;
        }
        let body = text.as_bytes().get(table.start..start)?;
        let row = body.iter().rev().take(HEAD_BYTES_MAX).take_while(|b| **b != b'\n');
        let cell = row.filter(|b| **b == table.delimiter).count();
        table.heads.get(cell).map(Vec::as_slice)
    }
}

impl Table {
    /// The table of `head` that begins with `line`; `None` when no column's head says anything.
    fn under(text: &str, cues: &Cues, head: Line, line: Line, at: usize) -> Option<Self> {
        let delimiter = *DELIMITERS.get(at)?;
        let written = text.get(head.start..head.end).filter(|t| t.len() <= HEAD_BYTES_MAX)?;
        if written.bytes().any(|b| b.is_ascii_digit()) {
            return None;
        }
        let heads: Vec<Vec<Hit>> = written
            .split(char::from(delimiter))
            .map(|cell| {
                let mut hits = cues.hits(cell);
                hits.reverse();
                hits
            })
            .collect();
        let says = heads.iter().any(|hits| !hits.is_empty());
        says.then_some(Self { head: head.start, start: line.start, end: line.end, delimiter, heads })
    }
}

/// The lines of a text with their delimiters.
fn lines(text: &str) -> impl Iterator<Item = Line> {
    const SIGNS: [u8; 5] = [b'\n', b'\t', b';', b'|', b','];
    let bytes = text.as_bytes();
    let signs = blocks(text)
        .flat_map(|(base, block)| places(block.any(SIGNS)).map(move |at| base.saturating_add(at)))
        .map(|at| (at, bytes.get(at).copied().unwrap_or(b'\n')));
    let mut line = Line { start: 0, end: 0, counts: [0; 4] };
    signs.chain([(bytes.len(), b'\n')]).filter_map(move |(at, sign)| {
        match DELIMITERS.iter().position(|delimiter| *delimiter == sign) {
            Some(which) => {
                if let Some(count) = line.counts.get_mut(which) {
                    *count = count.saturating_add(1);
                }
                None
            }
            None => {
                let next = Line { start: at.saturating_add(1), end: at, counts: [0; 4] };
                Some(Line { end: at, ..std::mem::replace(&mut line, next) })
            }
        }
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
            "over two cells there is no head"
        );
    }
}
