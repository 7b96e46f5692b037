//! Finding special tokens in a text.

use aho_corasick::AhoCorasick;

use crate::{Error, vocabulary::wrong};

/// A part of a text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fragment<'t> {
    Text(&'t str),
    Token(u32),
}

/// Tokens that are found in a text before anything else is done to it.
pub(crate) struct Specials {
    search: Option<AhoCorasick>,
    tokens: Vec<Special>,
}

/// A special token and the white space it swallows beside it.
pub(crate) struct Special {
    pub id: u32,
    pub text: String,
    pub lstrip: bool,
    pub rstrip: bool,
}

impl Specials {
    /// Longest first, then by id: the order in which they claim text.
    pub(crate) fn new(mut tokens: Vec<Special>) -> Result<Self, Error> {
        tokens.retain(|token| !token.text.is_empty());
        tokens.sort_by(|a, b| b.text.len().cmp(&a.text.len()).then(a.id.cmp(&b.id)));
        let search = match tokens.is_empty() {
            true => None,
            false => Some(
                AhoCorasick::new(tokens.iter().map(|token| &token.text))
                    .map_err(|error| wrong(error.to_string()))?,
            ),
        };
        Ok(Self { search, tokens })
    }

    /// Cuts `text` at the tokens in it. A longer token claims its place before any shorter one, wherever in the text; one
    /// token claims from left to right (llama.cpp's order).
    pub(crate) fn partition<'t>(&self, text: &'t str) -> Vec<Fragment<'t>> {
        let mut found: Vec<(usize, usize, usize)> = Vec::new();
        if let Some(search) = &self.search {
            found.extend(
                search.find_overlapping_iter(text).map(|m| (m.pattern().as_usize(), m.start(), m.end())),
            );
        }
        found.sort_unstable();
        let mut claimed: std::collections::BTreeMap<usize, (usize, usize)> =
            std::collections::BTreeMap::new();
        for (rank, start, end) in found {
            let before_free = claimed.range(..end).next_back().is_none_or(|(_, (_, taken))| *taken <= start);
            if before_free {
                claimed.insert(start, (rank, end));
            }
        }
        let mut fragments = Vec::with_capacity(claimed.len() * 2 + 1);
        let mut at = 0;
        let mut strip_next = false;
        for (start, (rank, end)) in claimed {
            let Some(token) = self.tokens.get(rank) else { continue };
            push_text(&mut fragments, text.get(at..start), strip_next, token.lstrip);
            fragments.push(Fragment::Token(token.id));
            (at, strip_next) = (end, token.rstrip);
        }
        push_text(&mut fragments, text.get(at..), strip_next, false);
        fragments
    }
}

fn push_text<'t>(
    fragments: &mut Vec<Fragment<'t>>,
    text: Option<&'t str>,
    strip_start: bool,
    strip_end: bool,
) {
    let mut text = text.unwrap_or("");
    if strip_start {
        text = text.trim_start();
    }
    if strip_end {
        text = text.trim_end();
    }
    if !text.is_empty() {
        fragments.push(Fragment::Text(text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn specials(texts: &[&str]) -> Specials {
        let token =
            |(id, text): (u32, &&str)| Special { id, text: (*text).to_owned(), lstrip: false, rstrip: false };
        Specials::new((0..).zip(texts).map(token).collect()).unwrap()
    }

    #[test]
    fn the_longest_claims_first_wherever_it_stands() {
        let specials = specials(&["ab", "bcde"]);
        assert_eq!(specials.partition("abcde"), vec![Fragment::Text("a"), Fragment::Token(1)]);
        assert_eq!(specials.partition("abab"), vec![Fragment::Token(0), Fragment::Token(0)]);
        assert_eq!(specials.partition("é"), vec![Fragment::Text("é")]);
        assert_eq!(specials.partition(""), vec![]);
    }

    #[test]
    fn stripping_swallows_white_space_beside_the_token() {
        let token = Special { id: 7, text: "<m>".to_owned(), lstrip: true, rstrip: true };
        let specials = Specials::new(vec![token]).unwrap();
        let cut = specials.partition("a  <m> \n b <m>");
        assert_eq!(
            cut,
            vec![Fragment::Text("a"), Fragment::Token(7), Fragment::Text("b"), Fragment::Token(7)]
        );
    }
}
