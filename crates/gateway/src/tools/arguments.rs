//! The arguments of a call that a model wrote: its strings and numbers, one by one.
//!
//! The text is JSON already. Everything but its leaves keeps its bytes, so that no number loses a digit on the way.

use zeroize::Zeroizing;

/// Stands before a placeholder in quotes that stood bare. No character of a text (Unicode, 23.7).
const BARE: char = '\u{FDD0}';

/// What a leaf is to become.
pub(crate) type Rewrite<'a> = dyn FnMut(Option<&str>, &str) -> Result<Zeroizing<String>, redact::Error> + 'a;

/// Rewrites the leaves of `json`: `rewrite` gets the nearest key and the leaf's text. A number that becomes something else
/// is written as a string, unless that is a number too. Keys are rewritten as strings without a key.
pub(crate) fn rewrite(json: &str, rewrite: &mut Rewrite<'_>) -> Result<Zeroizing<String>, redact::Error> {
    let mut out = Zeroizing::new(String::with_capacity(json.len().saturating_mul(2)));
    let mut keys: Vec<Option<String>> = Vec::new();
    let mut rest = json;
    while let Some(first) = rest.chars().next() {
        let length = leaf_length(rest);
        let (leaf, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        rest = after;
        match first {
            '{' | '[' => {
                keys.push(keys.last().cloned().flatten());
                out.push_str(leaf);
            }
            '}' | ']' => {
                keys.pop();
                out.push_str(leaf);
            }
            '"' => {
                let text = Zeroizing::new(serde_json::from_str::<String>(leaf).unwrap_or_default());
                let is_key = rest.trim_start().starts_with(':');
                let label = if is_key { None } else { keys.last().and_then(Option::as_deref) };
                let bare = text.strip_prefix(BARE);
                let new = rewrite(label, bare.unwrap_or(&text))?;
                if bare.is_some() && !is_key && is_number(&new) {
                    out.push_str(&new);
                } else if *new == *text {
                    out.push_str(leaf);
                } else {
                    push_string(&mut out, &new);
                }
                if let (true, Some(key)) = (is_key, keys.last_mut()) {
                    *key = Some(text.as_str().to_owned());
                }
            }
            '-' | '0'..='9' => {
                let new = rewrite(keys.last().and_then(Option::as_deref), leaf)?;
                if *new == *leaf || is_number(&new) {
                    out.push_str(&new)
                } else {
                    push_string(&mut out, &new)
                }
            }
            _ => out.push_str(leaf),
        }
    }
    Ok(out)
}

/// The bytes of the leaf that `rest` begins with, or of one character that is no part of one.
fn leaf_length(rest: &str) -> usize {
    let mut chars = rest.char_indices();
    let Some((_, first)) = chars.next() else { return 0 };
    let end = match first {
        '"' => {
            let mut escaped = false;
            chars
                .find(|(_, c)| {
                    let ends = *c == '"' && !escaped;
                    escaped = *c == '\\' && !escaped;
                    ends
                })
                .map(|(at, _)| at.saturating_add(1))
        }
        '⟦' => chars.find(|(_, c)| *c == '⟧').map(|(at, c)| at.saturating_add(c.len_utf8())),
        '-' | '0'..='9' => {
            chars.find(|(_, c)| !matches!(c, '0'..='9' | '+' | '-' | '.' | 'e' | 'E')).map(|(at, _)| at)
        }
        _ => Some(first.len_utf8()),
    };
    end.unwrap_or(rest.len())
}

/// With every placeholder that stands bare in quotes, so that it is JSON: models write one so for a number.
pub(crate) fn quoted(json: &str) -> Zeroizing<String> {
    let mut out = Zeroizing::new(String::with_capacity(json.len().saturating_add(16)));
    let mut rest = json;
    while let Some(first) = rest.chars().next() {
        let (leaf, after) = rest.split_at_checked(leaf_length(rest)).unwrap_or((rest, ""));
        rest = after;
        if first == '⟦' { push_string(&mut out, &format!("{BARE}{leaf}")) } else { out.push_str(leaf) }
    }
    out
}

/// A number as JSON writes it, of which no digit gets lost: no leading zero, as in many a BSN.
fn is_number(text: &str) -> bool {
    serde_json::from_str::<serde_json::Number>(text).is_ok()
}

/// Writes `text` as a JSON string (RFC 8259, section 7).
fn push_string(out: &mut String, text: &str) {
    out.push_str(&Zeroizing::new(serde_json::to_string(text).unwrap_or_default()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upper(json: &str) -> (String, Vec<(Option<String>, String)>) {
        let mut seen = Vec::new();
        let out = rewrite(json, &mut |key, text| {
            seen.push((key.map(str::to_owned), text.to_owned()));
            Ok(Zeroizing::new(text.replace("geheim", "⟦\"⟧").replace("123", "⟦N⟧").replace("⟦B⟧", "456")))
        });
        (out.unwrap().to_string(), seen)
    }

    #[test]
    fn leaves_are_rewritten_under_their_key_and_the_rest_keeps_its_bytes() {
        let json =
            r#"{ "a" : ["x geheim", {"b\n":1.50}], "n":123, "big":100000000000000000000000001,"t":true}"#;
        let (out, seen) = upper(json);
        assert_eq!(
            out,
            r#"{ "a" : ["x ⟦\"⟧", {"b\n":1.50}], "n":"⟦N⟧", "big":100000000000000000000000001,"t":true}"#
        );
        let of = |text: &str| seen.iter().find(|(_, seen)| seen == text).unwrap().0.clone();
        assert_eq!(of("x geheim").as_deref(), Some("a"));
        assert_eq!(of("1.50").as_deref(), Some("b\n"));
        assert_eq!(of("a"), None);
        assert!(serde_json::from_str::<serde_json::Value>(&out).is_ok());
    }

    #[test]
    fn a_bare_placeholder_becomes_a_number_or_a_string() {
        let json = quoted(r#"{"a":⟦B⟧,"b":"⟦B⟧","c":⟦C⟧,"d":"⟦C⟧ \" ⟦D⟧"}"#);
        assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok());
        assert_eq!(upper(&json).0, r#"{"a":456,"b":"456","c":"⟦C⟧","d":"⟦C⟧ \" ⟦D⟧"}"#);
    }
}
