//! What the fuzz target and the ordinary test `fuzz_entries` run.
#![allow(clippy::panic, clippy::unwrap_used, reason = "an entry fails by panicking")]

/// Templates of the five ways to write calls.
const TEMPLATES: [&str; 5] = ["", "tools", "tools <tool_call>", "tools <|python_tag|>", "tools [TOOL_CALLS]"];

/// An answer of a model: its first byte says which template and where to cut. However it is cut, it reads the same, and
/// arguments are JSON objects.
pub fn tool_calls(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first() else { return };
    let answer = String::from_utf8_lossy(rest);
    let template = TEMPLATES.get(usize::from(first % 5)).copied().unwrap_or_default();
    let read = |pieces: &[&str]| gateway::read_calls(template, &["f", "zoek"], pieces.iter().copied());
    let whole = read(&[&answer]);
    let size = usize::from(first / 5 % 7).max(1);
    let mut pieces = Vec::new();
    let mut left = &*answer;
    while !left.is_empty() {
        let (piece, after) = left.split_at(left.ceil_char_boundary(size));
        pieces.push(piece);
        left = after;
    }
    assert_eq!(read(&pieces), whole, "the cuts changed something");
    for (_, arguments) in &whole.1 {
        serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(arguments).unwrap();
    }
    if whole.1.is_empty() {
        assert_eq!(whole.0, answer, "text was lost");
    }
}
