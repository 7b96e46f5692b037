//! The grammar of placeholders: `⟦LABEL_N⟧`, and `⟦LABEL_Nb⟧` for the second spelling of a value.

/// First character of a placeholder.
pub(crate) const OPEN: char = '⟦';
/// Last character of a placeholder.
pub(crate) const CLOSE: char = '⟧';
/// Label of a piece of the input that only looked like a placeholder.
pub(crate) const LITERAL_LABEL: &str = "TEKST";
/// Longest label, number and spelling suffix that count as a placeholder, in bytes.
const BODY_BYTES_MAX: usize = 48;

/// The placeholder of the `number`th value under `label`, in its `spelling`th way of writing (both from 1).
pub(crate) fn token(label: &str, number: u32, spelling: u32) -> String {
    format!("{OPEN}{label}_{number}{}{CLOSE}", suffix(spelling))
}

/// The irreversible mark of a label.
pub(crate) fn mask(label: &str) -> String {
    format!("{OPEN}{label}{CLOSE}")
}

/// The irreversible mark of a label, with what is harmless to keep. A colon would make `LEEFTIJD: 50` an age again.
pub(crate) fn general(label: &str, kept: &str) -> String {
    format!("{OPEN}{label}={kept}{CLOSE}")
}

/// Letters for a spelling: none for the first, then b, c, … z, aa, ab, … (bijective base 26).
fn suffix(spelling: u32) -> String {
    if spelling <= 1 {
        return String::new();
    }
    let mut n = spelling;
    let mut letters = Vec::new();
    while n > 0 {
        n = n.saturating_sub(1);
        letters.push(b'a'.saturating_add(u8::try_from(n % 26).unwrap_or(0)));
        n /= 26;
    }
    letters.iter().rev().map(|&b| char::from(b)).collect()
}

/// Byte ranges of everything in `text` that has the shape of a placeholder that could be restored.
///
/// Wider than what is ever issued: any label of letters and hyphens in either case, any digits, any letters after.
pub(crate) fn look_alikes(text: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for (start, open) in text.match_indices(OPEN) {
        let body_start = start.saturating_add(open.len());
        let Some(rest) = text.get(body_start..) else { continue };
        let Some(close) = rest.bytes().take(BODY_BYTES_MAX).position(|b| !is_body(b)) else { continue };
        let (Some(body), Some(tail)) = (rest.get(..close), rest.get(close..)) else { continue };
        if tail.starts_with(CLOSE) && is_look_alike(body) {
            found.push((start, body_start.saturating_add(close).saturating_add(CLOSE.len_utf8())));
        }
    }
    found
}

/// Byte ranges of the placeholders of persons in `text`.
pub(crate) fn people(text: &str) -> impl Iterator<Item = (usize, usize)> {
    look_alikes(text).into_iter().filter(|&(start, end)| {
        let body = text.get(start..end).and_then(|token| token.strip_prefix(OPEN));
        body.and_then(|body| body.strip_prefix(crate::Kind::Person.label()))
            .is_some_and(|n| n.starts_with('_'))
    })
}

const fn is_body(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'-' || b == b'_'
}

fn is_look_alike(body: &str) -> bool {
    body.rsplit_once('_').is_some_and(|(label, number)| {
        let digits = number.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        !label.is_empty() && !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_count_in_letters() {
        assert_eq!(token("BSN", 1, 1), "⟦BSN_1⟧");
        assert_eq!(token("BSN", 12, 2), "⟦BSN_12b⟧");
        assert_eq!(token("BSN", 1, 26), "⟦BSN_1z⟧");
        assert_eq!(token("BSN", 1, 27), "⟦BSN_1aa⟧");
    }

    #[test]
    fn every_token_looks_like_one_and_other_brackets_do_not() {
        for spelling in 1..60 {
            let t = token("E-MAIL", 4_000_000_000, spelling);
            assert_eq!(look_alikes(&t), vec![(0, t.len())]);
        }
        for plain in ["⟦x⟧", "⟦BSN⟧", "⟦BSN_⟧", "⟦_1⟧", "⟦BSN_1", "BSN_1⟧", "⟦BSN 1⟧", "⟦"]
        {
            assert_eq!(look_alikes(plain), vec![], "{plain}");
        }
        assert_eq!(look_alikes("a⟦⟦bsn_1⟧⟧"), vec![(4, 15)]);
    }
}
