//! Text inside base64 and hexadecimal, which payloads of JSON web tokens are too. It is decoded once, and a finding in it
//! cuts the whole of it.

use zeroize::Zeroizing;

use crate::recognizers::Group;

/// Shortest run of base64 that can hold a number of nine digits, and of hexadecimal.
pub(crate) const RUN_BYTES_MIN: usize = 12;
const HEX_BYTES_MIN: usize = 16;
/// Longest run that is decoded: what is longer is a picture or a file, not a value.
pub(crate) const BLOB_BYTES_MAX: usize = 1 << 20;
/// Lines of at least this length go on in the next (RFC 2045 has 76).
const LINE_BYTES_MIN: usize = 60;

/// An encoded text and where it stands.
pub(crate) struct Blob {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) text: Zeroizing<String>,
}

/// Every run in `text` that decodes to readable text.
pub(crate) fn blobs(text: &str, runs: &[Group]) -> Vec<Blob> {
    let bytes = text.as_bytes();
    let mut blobs = Vec::new();
    let mut runs = runs.iter().peekable();
    while let Some(run) = runs.next() {
        // A long line goes on in the next (RFC 2045).
        let (mut line, mut end) = (*run, run.end);
        while let Some(next) = runs.next_if(|next| goes_on(bytes, line, **next)) {
            (line, end) = (*next, next.end);
        }
        let start = run.start;
        if end.saturating_sub(start) <= BLOB_BYTES_MAX {
            read(bytes, start, end, &mut blobs);
        }
    }
    blobs
}

/// Whether a run is the next line of one that is long and whole.
fn goes_on(bytes: &[u8], line: Group, next: Group) -> bool {
    line.len() >= LINE_BYTES_MIN
        && line.len().is_multiple_of(4)
        && matches!(bytes.get(line.end..next.start), Some(b"\n" | b"\r\n"))
}

/// Decodes a run; where that gives no text, the parts of it between slashes and hyphens.
fn read(bytes: &[u8], start: usize, end: usize, blobs: &mut Vec<Blob>) {
    let Some(run) = bytes.get(start..end) else { return };
    if let Some(text) = decode(run) {
        // The padding is part of what is cut.
        let padding = bytes.get(end..).unwrap_or_default().iter().take(2).take_while(|b| **b == b'=').count();
        blobs.push(Blob { start, end: end.saturating_add(padding), text });
        return;
    }
    let mut from = start;
    for part in run.split(|b| matches!(b, b'/' | b'-' | b'_')) {
        let to = from.saturating_add(part.len());
        if part.len() >= RUN_BYTES_MIN
            && part.len() < run.len()
            && let Some(text) = decode(part)
        {
            blobs.push(Blob { start: from, end: to, text });
        }
        from = to.saturating_add(1);
    }
}

/// The readable text that a run stands for.
fn decode(run: &[u8]) -> Option<Zeroizing<String>> {
    let any = |f: fn(&u8) -> bool| run.iter().any(f);
    if run.len() >= HEX_BYTES_MIN && run.len().is_multiple_of(2) && run.iter().all(u8::is_ascii_hexdigit) {
        let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
        let pairs = run.chunks_exact(2).map(|pair| match pair {
            [a, b] => Some(digit(*a)?.wrapping_shl(4) | digit(*b)?),
            _ => None,
        });
        if let Some(text) = readable(pairs) {
            return Some(text);
        }
    }
    // Words are not in mixed case throughout; what base64 makes of digits and letters is.
    if !any(u8::is_ascii_uppercase) || !any(|b| b.is_ascii_lowercase() || b.is_ascii_digit()) {
        return None;
    }
    let mut bits = 0_u32;
    let mut held = 0_u32;
    let mut out = Vec::new();
    for &byte in run {
        let value = match byte {
            b'A'..=b'Z' => byte.saturating_sub(b'A'),
            b'a'..=b'z' => byte.saturating_sub(b'a').saturating_add(26),
            b'0'..=b'9' => byte.saturating_sub(b'0').saturating_add(52),
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'\r' | b'\n' => continue,
            _ => return None,
        };
        held = (held << 6 | u32::from(value)) & 0xFFFF;
        bits = bits.saturating_add(6);
        if bits >= 8 {
            bits = bits.saturating_sub(8);
            let byte = u8::try_from(held >> bits & 0xFF).ok()?;
            // Most runs are no text, and show it at once.
            if is_control(byte) {
                return None;
            }
            out.push(Some(byte));
        }
    }
    readable(out.into_iter())
}

const fn is_control(byte: u8) -> bool {
    byte < 0x20 && !matches!(byte, b'\n' | b'\r' | b'\t') || byte == 0x7F
}

fn readable(bytes: impl Iterator<Item = Option<u8>>) -> Option<Zeroizing<String>> {
    let mut out = Zeroizing::new(Vec::with_capacity(bytes.size_hint().0));
    for byte in bytes {
        out.push(byte.filter(|b| !is_control(*b))?);
    }
    std::str::from_utf8(&out).ok().map(|text| Zeroizing::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::super::recognizers::tests::all_found;
    use super::*;
    use crate::Kind;

    #[test]
    fn what_is_encoded_is_cut_whole() {
        for (kind, text, want) in [
            (Kind::Bsn, "token QlNOIDExMTIyMjMzMw== en", "QlNOIDExMTIyMjMzMw=="),
            (Kind::Bsn, "bsn: MTExMjIyMzMz.", "MTExMjIyMzMz"),
            (Kind::Bsn, "bsn hex 313131323232333333", "313131323232333333"),
            (Kind::Email, "d=amFuQHppZ2dvLm5s", "amFuQHppZ2dvLm5s"),
            (Kind::Email, "https://x.nl/v/amFuQHppZ2dvLm5s/z", "amFuQHppZ2dvLm5s"),
            (
                Kind::Email,
                "Bearer eyJhbGciOiJub25lIn0.eyJtYWlsIjoiamFuQHppZ2dvLm5sIn0.c2ln",
                "eyJtYWlsIjoiamFuQHppZ2dvLm5sIn0",
            ),
        ] {
            assert_eq!(all_found(text), vec![(kind, want.to_owned())], "{text}");
        }
    }

    fn all(text: &str) -> Vec<Blob> {
        blobs(text, &crate::marks::Marks::of(text).runs)
    }

    #[test]
    fn words_and_hashes_are_no_text() {
        for text in [
            "d41d8cd98f00b204e9800998ecf8427e",
            "Arbeidsongeschiktheidsverzekering",
            "550e8400-e29b-41d4-a716-446655440000",
        ] {
            assert!(all(text).is_empty(), "{text}");
        }
        let long = "QUJj".repeat(BLOB_BYTES_MAX / 4 + 1);
        assert!(all(&long).is_empty());
        assert_eq!(all(&long[..BLOB_BYTES_MAX]).len(), 1);
        let lines = format!("{}\n{}", "QUJj".repeat(19), "QUJj".repeat(5));
        assert_eq!(all(&lines).len(), 1, "a line of 76 goes on");
    }
}
