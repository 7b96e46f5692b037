//! Keys and values of JSON inside a text: a block in a message, a line of a log, a string that holds an object.
//!
//! The text need not parse: a key in quotes with a colon behind it has a value.

/// Longest key, and longest value that is a value rather than a text.
const KEY_BYTES_MAX: usize = 40;
const VALUE_BYTES_MAX: usize = 200;

/// A value and its key; where it stands, in bytes, without its quotes.
pub(crate) struct Value<'t> {
    pub(crate) key: &'t str,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// The values behind the colons at `colons`, each of which stands right behind a quotation mark.
pub(crate) fn values<'t>(text: &'t str, colons: &'t [usize]) -> impl Iterator<Item = Value<'t>> + 't {
    colons.iter().filter_map(move |&colon| value(text, colon))
}

fn value(text: &str, colon: usize) -> Option<Value<'_>> {
    let close = colon.checked_sub(1)?;
    let floor = text.ceil_char_boundary(close.saturating_sub(KEY_BYTES_MAX));
    let head = text.get(floor..close)?;
    let key = head.rsplit('"').next().filter(|key| key.len() < head.len() && !key.contains('\n'))?;
    let after = colon.saturating_add(1);
    let rest = text.get(after..)?;
    let bare = rest.trim_start_matches([' ', '\t', '\n']);
    let start = after.saturating_add(rest.len().saturating_sub(bare.len()));
    let Some(string) = bare.strip_prefix('"') else {
        let length = bare
            .bytes()
            .take(VALUE_BYTES_MAX)
            .take_while(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-'))
            .count();
        return (length > 0).then(|| Value { key, start, end: start.saturating_add(length) });
    };
    let bytes = string.as_bytes();
    let ends = |at: &usize| {
        bytes.get(*at) == Some(&b'"') && at.checked_sub(1).and_then(|i| bytes.get(i)) != Some(&b'\\')
    };
    let length = (0..bytes.len().min(VALUE_BYTES_MAX)).find(ends).filter(|length| *length > 0)?;
    let start = start.saturating_add(1);
    Some(Value { key, start, end: start.saturating_add(length) })
}

#[cfg(test)]
mod tests {
    use super::super::recognizers::tests::named;
    use super::*;
    use crate::Kind;

    #[test]
    fn a_key_has_a_value() {
        let text = "x {\"naam\": \"de wit\", \"jaar\":12} \"los\": en \"a\\\"b\":\"c\"";
        let colons = crate::marks::Marks::of(text).keys;
        let all: Vec<(&str, &str)> = values(text, &colons).map(|v| (v.key, &text[v.start..v.end])).collect();
        assert_eq!(all, [("naam", "de wit"), ("jaar", "12"), ("b", "c")]);
    }

    #[test]
    fn keys_say_what_their_values_are() {
        let text = "Controleer dit:\n```json\n{\"achternaam\": \"dekker\", \"leeftijd\": \"67\"}\n```\n";
        let found = named(text);
        assert!(found.contains(&(Kind::Person, "dekker".to_owned())), "{found:?}");
        assert!(found.contains(&(Kind::Age, "67".to_owned())), "{found:?}");
    }
}
