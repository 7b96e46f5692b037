//! Text → words, numbers and signs, by lines.

/// A word, a number or a sign, in bytes of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub start: usize,
    pub end: usize,
    pub shape: Shape,
}

/// How a token is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(crate) enum Shape {
    /// `jansen`
    Lower,
    /// `Jansen`
    Capital,
    /// `JANSEN`
    Upper,
    /// `McDonald`, `iPhone`
    Mixed,
    /// `J.`, `J.P.`, `Chr.`: letters that stand for names
    Initials,
    /// A lone capital letter without a dot.
    Letter,
    /// `'t`, `'s`
    Clitic,
    /// Digits only, by their number.
    Digit1,
    Digit2,
    Digit3,
    Digit4,
    Digits,
    /// Digits and letters: `12a`, `2e`.
    Alphanumeric,
    /// The end of a line.
    Line,
    /// Anything else, one character.
    Sign,
}

/// The tokens of `text` in stretches that end where a line or a sentence does, each of at most `max` tokens.
pub(crate) fn segments(text: &str, max: usize) -> impl Iterator<Item = Vec<Token>> {
    let mut tokens = Tokens { text, at: 0 };
    let mut next = tokens.next();
    std::iter::from_fn(move || {
        let mut segment: Vec<Token> = Vec::with_capacity(32);
        while let Some(token) = next {
            segment.push(token);
            next = tokens.next();
            let full = segment.len() >= max;
            let over = match next {
                Some(following) => ends(text, &segment, following),
                None => true,
            };
            if full || over {
                break;
            }
        }
        (!segment.is_empty()).then_some(segment)
    })
}

/// Whether a sentence ends between these tokens and the next, or a paragraph does.
fn ends(text: &str, segment: &[Token], next: Token) -> bool {
    let [.., before, last] = segment else { return false };
    if last.shape == Shape::Line {
        return before.shape == Shape::Line || segment.len() > 40;
    }
    let stop = matches!(text.get(last.start..last.end), Some("." | "!" | "?"));
    let apart = next.start > last.end;
    let capital = matches!(next.shape, Shape::Capital | Shape::Upper | Shape::Clitic);
    // "dhr. Jansen", "nr. 5": a short word before the stop is an abbreviation.
    let abbreviated = before.end.saturating_sub(before.start) <= 4 && before.end == last.start;
    stop && apart && capital && !abbreviated
}

struct Tokens<'t> {
    text: &'t str,
    at: usize,
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        let bytes = self.text.as_bytes();
        loop {
            match bytes.get(self.at) {
                Some(b' ' | b'\t' | b'\r') => self.at = self.at.saturating_add(1),
                Some(_) => break,
                None => return None,
            }
        }
        let start = self.at;
        let rest = self.text.get(start..).unwrap_or_default();
        let first = rest.chars().next()?;
        let (length, shape) = match first {
            '\n' => (1, Shape::Line),
            '0'..='9' => number(rest),
            '\'' | '’' | '‘' | '`' => clitic(rest, first),
            _ if is_letter(first) => word(rest),
            _ => (first.len_utf8(), Shape::Sign),
        };
        self.at = start.saturating_add(length.max(1));
        // Blank characters beyond ASCII are no tokens.
        if first.is_whitespace() && first != '\n' {
            return self.next();
        }
        Some(Token { start, end: self.at, shape })
    }
}

fn is_letter(c: char) -> bool {
    c.is_ascii_alphabetic() || (!c.is_ascii() && (c.is_alphabetic() || is_mark(c)))
}

/// A mark that combines with the letter before it.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}')
}

fn number(rest: &str) -> (usize, Shape) {
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let letters: usize = rest
        .get(digits..)
        .unwrap_or_default()
        .chars()
        .take_while(|&c| is_letter(c))
        .map(char::len_utf8)
        .sum();
    let shape = match (letters, digits) {
        (0, 1) => Shape::Digit1,
        (0, 2) => Shape::Digit2,
        (0, 3) => Shape::Digit3,
        (0, 4) => Shape::Digit4,
        (0, _) => Shape::Digits,
        _ => Shape::Alphanumeric,
    };
    (digits.saturating_add(letters), shape)
}

/// `'t`, `'s`, `'n` before a blank or a hyphen; else the sign alone.
fn clitic(rest: &str, quote: char) -> (usize, Shape) {
    let after = rest.get(quote.len_utf8()..).unwrap_or_default();
    let mut chars = after.chars();
    let letter = chars.next().filter(|c| matches!(c, 't' | 's' | 'n' | 'T' | 'S' | 'k' | 'm'));
    let apart = chars.next().is_none_or(|c| c == ' ' || c == '-');
    match letter {
        Some(letter) if apart => (quote.len_utf8().saturating_add(letter.len_utf8()), Shape::Clitic),
        _ => (quote.len_utf8(), Shape::Sign),
    }
}

/// Letters, with single hyphens and apostrophes inside; or initials with their dots.
fn word(rest: &str) -> (usize, Shape) {
    if let Some(length) = initials(rest) {
        return (length, Shape::Initials);
    }
    let (mut end, mut letters, mut uppers, mut first_upper) = (0_usize, 0_usize, 0_usize, false);
    let mut chars = rest.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if is_letter(c) {
            letters = letters.saturating_add(1);
            if c.is_uppercase() {
                uppers = uppers.saturating_add(1);
                first_upper |= at == 0;
            }
        } else if c.is_ascii_digit() {
            let tail: usize = rest
                .get(at..)
                .unwrap_or_default()
                .chars()
                .take_while(|c| c.is_alphanumeric())
                .map(char::len_utf8)
                .sum();
            return (at.saturating_add(tail), Shape::Alphanumeric);
        } else if !joins(c, rest, at, chars.peek().map(|&(_, c)| c)) {
            break;
        }
        end = at.saturating_add(c.len_utf8());
    }
    let shape = match (letters, uppers) {
        (1, 1) => Shape::Letter,
        (_, 0) => Shape::Lower,
        (all, upper) if all == upper => Shape::Upper,
        (_, 1) if first_upper => Shape::Capital,
        _ if first_upper && capitals_begin_parts(rest.get(..end).unwrap_or_default()) => Shape::Capital,
        _ => Shape::Mixed,
    };
    (end, shape)
}

/// `Van-Dijk`: each part of a hyphenated word begins with its only capital.
fn capitals_begin_parts(word: &str) -> bool {
    word.contains('-')
        && word.split('-').all(|part| {
            let mut chars = part.chars();
            chars.next().is_some() && !chars.any(char::is_uppercase)
        })
}

/// Whether a sign at `at` goes on with the word: between letters, and no genitive.
fn joins(c: char, rest: &str, at: usize, next: Option<char>) -> bool {
    let after = next.is_some_and(is_letter);
    match c {
        '-' => at > 0 && after,
        '\'' | '’' => {
            let tail = rest.get(at.saturating_add(c.len_utf8())..).unwrap_or_default();
            let mut tail = tail.chars();
            let genitive =
                tail.next().is_some_and(|c| c == 's' || c == 'S') && !tail.next().is_some_and(is_letter);
            at > 0 && after && !genitive
        }
        _ => false,
    }
}

/// `J.`, `J.P.`, `A.-M.`, `Th.`, `Chr.`, `IJ.`: bytes of a run of them. A lone one at the end of a sentence is one too.
fn initials(rest: &str) -> Option<usize> {
    let mut end = 0_usize;
    loop {
        let part = rest.get(end..).unwrap_or_default();
        let part = if end > 0 { part.strip_prefix('-').unwrap_or(part) } else { part };
        let begin = rest.len().saturating_sub(part.len());
        let mut chars = part.chars();
        let Some(letter) = chars.next().filter(|c| c.is_uppercase()) else { break };
        let digraph = ["IJ.", "Th.", "Chr.", "Ch.", "Fr.", "Ph.", "Tj.", "Jac.", "Joh.", "St."];
        let length = match digraph.iter().find(|d| part.starts_with(**d)) {
            Some(digraph) => digraph.len(),
            None if chars.next() == Some('.') => letter.len_utf8().saturating_add(1),
            None => break,
        };
        end = begin.saturating_add(length);
    }
    (end > 0).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<&str> {
        segments(text, 100).flatten().map(|token| &text[token.start..token.end]).collect()
    }

    #[test]
    fn words_names_and_signs() {
        assert_eq!(
            words("Dhr. J.P. van 't Hoff-Bakker (34)"),
            ["Dhr", ".", "J.P.", "van", "'t", "Hoff-Bakker", "(", "34", ")"]
        );
        assert_eq!(words("Jan's fiets, Kerkstraat 12a"), ["Jan", "'s", "fiets", ",", "Kerkstraat", "12a"]);
        assert_eq!(words("'s-Gravenhage D'Souza\n"), ["'s", "-", "Gravenhage", "D'Souza", "\n"]);
        assert_eq!(words("é\u{a0}x"), ["é", "x"]);
        assert_eq!(words("Th. A.-M. de Wit"), ["Th.", "A.-M.", "de", "Wit"]);
    }

    #[test]
    fn sentences_are_apart_and_abbreviations_are_not() {
        let count = |text| segments(text, 100).count();
        assert_eq!(count("Het regent vandaag. Jan loopt."), 2);
        assert_eq!(count("De heer dr. Jansen loopt."), 1);
        assert_eq!(count("Naam: Jan\nAdres: Kerkstraat 1"), 1);
        assert_eq!(count("Naam: Jan\n\nAdres: Kerkstraat 1"), 2);
        assert_eq!(segments("a b c d e", 2).map(|s| s.len()).collect::<Vec<_>>(), [2, 2, 1]);
    }

    #[test]
    fn shapes() {
        let shape = |text| segments(text, 100).flatten().next().unwrap().shape;
        assert_eq!(shape("Jansen-Bakker"), Shape::Capital);
        assert_eq!(shape("McDonald"), Shape::Mixed);
        assert_eq!(shape("JANSEN"), Shape::Upper);
        assert_eq!(shape("J"), Shape::Letter);
        assert_eq!(shape("12bis"), Shape::Alphanumeric);
        assert_eq!(shape("'t huis"), Shape::Clitic);
    }
}
