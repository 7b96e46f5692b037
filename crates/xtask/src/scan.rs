//! Rust source with its comments and literals blanked out, so that a word found is a word of code.

/// Replaces comments, strings and character literals by spaces. Lines and columns (in characters) stay where they are.
pub(crate) fn mask(source: &str) -> String {
    let chars: Vec<char> = source.chars().collect();
    let mut masked = String::with_capacity(source.len());
    let mut rest = chars.as_slice();
    let mut in_word = false;
    while let Some(&first) = rest.first() {
        let hidden = hidden_length(rest, in_word);
        let (piece, after) = rest.split_at(hidden.max(1).min(rest.len()));
        if hidden == 0 {
            masked.push(first);
        } else {
            masked.extend(piece.iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
        }
        in_word = hidden == 0 && is_word(first);
        rest = after;
    }
    masked
}

/// Whether `needle` stands in `line` as whole words: no letter, digit or `_` touches it.
pub(crate) fn has_word(line: &str, needle: &str) -> bool {
    line.match_indices(needle).any(|(start, found)| {
        let before = line.get(..start).and_then(|text| text.chars().next_back());
        let after = line.get(start + found.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// How many characters at the start of `rest` are a comment or a literal; 0 for code.
fn hidden_length(rest: &[char], in_word: bool) -> usize {
    match rest {
        ['/', '/', ..] => rest.iter().position(|c| *c == '\n').unwrap_or(rest.len()),
        ['/', '*', ..] => block_comment(rest),
        ['"', ..] => quoted(rest, '"'),
        ['\'', '\\', ..] => quoted(rest, '\''),
        ['\'', _, '\'', ..] => 3,
        ['r', ..] if !in_word => raw(rest, 1),
        ['b' | 'c', 'r', ..] if !in_word => raw(rest, 2),
        _ => 0,
    }
}

/// A block comment; they nest.
fn block_comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(pair) = rest.get(at..at + 2) {
        match pair {
            ['/', '*'] => (depth, at) = (depth + 1, at + 2),
            ['*', '/'] => (depth, at) = (depth.saturating_sub(1), at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// A literal between quotes with backslash escapes.
fn quoted(rest: &[char], quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.iter().enumerate().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if *c == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// A raw string, or a raw identifier (`r#name` is a name, whatever the word); `letters` long is the prefix before the `#`.
fn raw(rest: &[char], letters: usize) -> usize {
    let hashes = rest.iter().skip(letters).take_while(|c| **c == '#').count();
    let body = letters + hashes;
    match rest.get(body) {
        Some('"') => {
            let closes = |at: &usize| {
                rest.get(*at) == Some(&'"')
                    && rest.get(at + 1..at + 1 + hashes).is_some_and(|tail| tail.iter().all(|c| *c == '#'))
            };
            (body + 1..rest.len()).find(closes).map_or(rest.len(), |at| at + 1 + hashes)
        }
        Some(c) if hashes == 1 && letters == 1 && is_word(*c) => {
            body + rest.iter().skip(body).take_while(|c| is_word(**c)).count()
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The `x`s that are code survive; those in comments and literals do not.
    fn check(source: &str, code_x: usize) {
        let masked = mask(source);
        assert_eq!(masked.matches('x').count(), code_x, "{source}\n{masked}");
        check_shape(source);
    }

    #[test]
    fn comments_are_hidden() {
        check("x // x\nx /// x\n", 2);
        check("x /* x /* x */ x */ x", 2);
        check("x /* x", 1);
        check("//! x\n/** x */ x", 1);
    }

    #[test]
    fn literals_are_hidden() {
        check(r#"x "x \" x" x"#, 2);
        check(r##"x r"x\" x r#"x " x"# x br"x" cr#"x"# b"x""##, 3);
        check("let s = \"x\nx\"; x", 1);
        check(r"'x' x '\'' x '\u{78}' b'x'", 2);
        check("\"é\" x 'é' \"x", 1);
    }

    #[test]
    fn code_is_kept() {
        check("fn f<'x>(a: &'x str) -> &'x str", 3);
        check("r#x; r * x; var\"x\"", 1);
        check("'r: loop { break 'r; } x", 1);
        check("a / x // x", 1);
    }

    #[test]
    fn source_cut_off_anywhere_keeps_its_shape() {
        let source = "r#\"a\"# /* /* */ */ 'x' '\\'' b\"\\\"\" br##\"\n\"## r#fn 'life // é\n\"open";
        for (end, _) in source.char_indices() {
            check_shape(&source[..end]);
        }
    }

    fn check_shape(source: &str) {
        let masked = mask(source);
        assert_eq!(masked.chars().count(), source.chars().count(), "{source}");
        assert_eq!(masked.matches('\n').count(), source.matches('\n').count(), "{source}");
    }

    #[test]
    fn words_are_whole() {
        assert!(has_word("a b(c)", "b"));
        assert!(has_word("use std::fs::File", "std::fs"));
        assert!(!has_word("b_c cb bc", "b"));
        assert!(has_word("bb b", "b"));
    }
}
