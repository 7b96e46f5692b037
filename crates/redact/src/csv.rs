//! CSV: fields are rewritten in place, everything else keeps its bytes.
//!
//! The `csv` crate says which fields there are; a walk over the same bytes says where each stands, and both must agree.

use csv::{ByteRecord, ReaderBuilder};
use zeroize::Zeroizing;

use crate::Error;
use crate::leaf::{Leaf, grow, verbatim};
use crate::redactor::Work;

/// Rewrites the fields of `text`. The first row is read as any other; what it says of a column counts as a word before each field of
/// it, unless it is itself personal data.
pub(crate) fn redact(text: &str, index: usize, work: &mut Work<'_>) -> Result<Zeroizing<String>, Error> {
    let delimiter = delimiter(text);
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(text.as_bytes());
    let mut walk =
        Walk { text, index, work, delimiter, out: Zeroizing::new(String::new()), copied: 0, at: 0 };
    let mut heads: Vec<Option<String>> = Vec::new();
    let mut record = ByteRecord::new();
    let mut row = 0_usize;
    while reader.read_byte_record(&mut record).map_err(|_| walk.wrong(row))? {
        let first = row == 0;
        row = row.saturating_add(1);
        walk.skip_empty_lines();
        for (column, field) in record.iter().enumerate() {
            let head = if first { None } else { heads.get(column).and_then(Option::as_deref) };
            let last = column.saturating_add(1) == record.len();
            let kept = walk.field(field, head, (row, column.saturating_add(1)), last)?;
            if first {
                heads.push(kept.then(|| String::from_utf8_lossy(field).into_owned()));
            }
        }
    }
    walk.copy_to(text.len())?;
    Ok(walk.out)
}

/// The separator that the first line has most of; a comma when it has none.
fn delimiter(text: &str) -> u8 {
    let line = text.lines().find(|line| !line.is_empty()).unwrap_or_default();
    let count = |byte: u8| line.bytes().filter(|b| *b == byte).count();
    [b',', b';', b'\t', b'|'].into_iter().rev().max_by_key(|byte| count(*byte)).unwrap_or(b',')
}

struct Walk<'t, 'w, 'r> {
    text: &'t str,
    index: usize,
    work: &'w mut Work<'r>,
    delimiter: u8,
    out: Zeroizing<String>,
    /// How much of `text` is in `out`.
    copied: usize,
    /// The first byte of the next field.
    at: usize,
}

impl Walk<'_, '_, '_> {
    fn wrong(&self, row: usize) -> Error {
        Error::Csv { input_index: self.index, row }
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    /// The reader passes over empty lines, and so does this.
    fn skip_empty_lines(&mut self) {
        if self.at == 0 && self.text.starts_with('\u{feff}') {
            self.at = '\u{feff}'.len_utf8();
        }
        while matches!(self.byte(self.at), Some(b'\r' | b'\n')) {
            self.at = self.at.saturating_add(1);
        }
    }

    /// Rewrites one field; whether it was left as it is.
    fn field(
        &mut self,
        field: &[u8],
        head: Option<&str>,
        (row, column): (usize, usize),
        last: bool,
    ) -> Result<bool, Error> {
        let (start, end) = (self.at, self.end_of(self.at));
        let raw = self.text.get(start..end).ok_or_else(|| self.wrong(row))?;
        let value = Zeroizing::new(unquoted(raw));
        let ended = !matches!(self.byte(end), Some(byte) if byte == self.delimiter);
        if value.as_bytes() != field || ended != last {
            return Err(self.wrong(row));
        }
        self.at = end.saturating_add(usize::from(!ended));
        let pointer = || format!("/{row}/{column}");
        let text_at = verbatim(raw, &value, start);
        let leaf = Leaf { label: head, start, end, text_at, pointer: &pointer };
        let new = self.work.text(self.index, &value, Some(&leaf))?;
        if *new == *value {
            return Ok(true);
        }
        self.copy_to(start)?;
        let special = |c: char| matches!(c, '"' | '\r' | '\n') || u32::from(c) == u32::from(self.delimiter);
        let quote = raw.starts_with('"') || new.contains(special);
        grow(&mut self.out, new.len().saturating_mul(2).saturating_add(2));
        if quote {
            self.out.push('"');
            self.out.push_str(&Zeroizing::new(new.replace('"', "\"\"")));
            self.out.push('"');
        } else {
            self.out.push_str(&new);
        }
        self.copied = end;
        Ok(false)
    }

    /// One past the last byte of the field that begins at `start`.
    fn end_of(&self, start: usize) -> usize {
        let mut at = start;
        let mut inside = self.byte(at) == Some(b'"');
        at = at.saturating_add(usize::from(inside));
        while let Some(byte) = self.byte(at) {
            if inside {
                if byte == b'"' {
                    let doubled = self.byte(at.saturating_add(1)) == Some(b'"');
                    inside = doubled;
                    at = at.saturating_add(usize::from(doubled));
                }
            } else if byte == self.delimiter || matches!(byte, b'\r' | b'\n') {
                break;
            }
            at = at.saturating_add(1);
        }
        at
    }

    fn copy_to(&mut self, end: usize) -> Result<(), Error> {
        let piece = self.text.get(self.copied..end).ok_or(Error::Internal("csv offset"))?;
        grow(&mut self.out, piece.len());
        self.out.push_str(piece);
        self.copied = end;
        Ok(())
    }
}

/// What a field says: without its quotes, and doubled ones single.
fn unquoted(raw: &str) -> String {
    let Some(inner) = raw.strip_prefix('"') else { return raw.to_owned() };
    // Spreadsheets write nothing behind the closing quote; where something stands there, the reader's word is compared with this.
    let mut out = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(c) = characters.next() {
        if c == '"' {
            match characters.next() {
                Some('"') => out.push('"'),
                Some(other) => {
                    out.push(other);
                    out.extend(characters.by_ref());
                }
                None => {}
            }
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use crate::{Error, Input, Profile, Redactor};

    fn strip(text: &str) -> Result<String, Error> {
        let redactor = Redactor::new(Profile::default()).unwrap();
        let redaction = redactor.redact_inputs(&[Input::Csv(text)])?;
        for finding in &redaction.findings {
            assert!(text.get(finding.start..finding.end).is_some(), "offsets are of the input");
        }
        Ok(redaction.texts[0].to_string())
    }

    #[test]
    fn fields_are_rewritten_and_nothing_else() {
        for (text, wanted) in [
            ("bsn,naam\r\n111222333,x\r\n", "bsn,naam\r\n⟦BSN_1⟧,x\r\n"),
            // The head speaks for its column; without it a bare number is not enough.
            ("bsn;bedrag\n111222333;111222333\n", "bsn;bedrag\n⟦BSN_1⟧;111222333\n"),
            (
                "id;opmerking\n1;\"belde; \"\"dringend\"\", BSN 111222333\"\n\n2;\"\"\n",
                "id;opmerking\n1;\"belde; \"\"dringend\"\", BSN ⟦BSN_1⟧\"\n\n2;\"\"\n",
            ),
            ("mail\n\"jan@ziggo.nl\"\n", "mail\n\"⟦E-MAIL_1⟧\"\n"),
            // A first row that is data is stripped too, and is no head.
            ("jan@ziggo.nl,1\njan@ziggo.nl,2", "⟦E-MAIL_1⟧,1\n⟦E-MAIL_1⟧,2"),
            ("a,b,c\n1,2\n1,2,3,4\n", "a,b,c\n1,2\n1,2,3,4\n"),
            ("\u{feff}bsn\n111222333\n", "\u{feff}bsn\n⟦BSN_1⟧\n"),
            ("", ""),
            ("\n\n", "\n\n"),
        ] {
            assert_eq!(strip(text).unwrap(), wanted, "{text:?}");
        }
    }

    #[test]
    fn a_finding_knows_its_place() {
        let redactor = Redactor::new(Profile::default()).unwrap();
        let text = "id,opmerking\n1,\"zijn BSN is 111222333\"\n";
        let found = redactor.redact_inputs(&[Input::Csv(text)]).unwrap().findings;
        assert_eq!(&text[found[0].start..found[0].end], "111222333");
        assert_eq!(found[0].pointer.as_deref(), Some("/2/2"));
    }
}
