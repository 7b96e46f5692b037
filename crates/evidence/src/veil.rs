//! What must not leave the organisation is covered: what redaction recognises, e-mail addresses, and the names that the
//! record and the roster hold. A name that nobody recorded is not known here.

use crate::Error;

/// Names shorter than this are not looked for: they would cover half of any text.
const NAME_CHARS_MIN: usize = 3;

/// Covers texts for one bundle.
pub(crate) struct Veil<'a> {
    redact: &'a dyn Fn(&str) -> Result<String, String>,
    names: Vec<Name>,
}

/// A name, what stands in its place, and whether capitals must agree.
struct Name {
    letters: Vec<char>,
    mark: &'static str,
    exact: bool,
}

impl<'a> Veil<'a> {
    /// `redact` strips what it recognises from a text, or says, without content, why it could not.
    pub fn new(redact: &'a dyn Fn(&str) -> Result<String, String>) -> Self {
        Self { redact, names: Vec::new() }
    }

    /// Covers `name` wherever it stands as a whole.
    pub fn name(&mut self, name: &str, mark: &'static str) {
        self.push(name.trim(), mark, false);
    }

    /// Covers the name of a body, and its own parts where they are written with a capital: of `Municipality of
    /// Examples` also `Examples`.
    pub fn body(&mut self, name: &str, mark: &'static str) {
        self.name(name, mark);
        for part in parts(name).filter(|part| part.starts_with(char::is_uppercase)) {
            self.push(part, mark, true);
        }
    }

    /// Covers the name of a person, and its own parts: of `j.jansen` also `Jansen`. Parts of three letters are words
    /// too often to be covered without their capital.
    pub fn person(&mut self, name: &str, mark: &'static str) {
        self.name(name, mark);
        for part in parts(name) {
            if part.chars().count() > NAME_CHARS_MIN {
                self.push(part, mark, false);
            } else if part.starts_with(char::is_uppercase) {
                self.push(part, mark, true);
            }
        }
    }

    fn push(&mut self, name: &str, mark: &'static str, exact: bool) {
        let letters: Vec<char> = name.chars().collect();
        if letters.len() >= NAME_CHARS_MIN {
            self.names.push(Name { letters, mark, exact });
            // The longest first, so that a part does not break the whole.
            self.names.sort_by_key(|name| std::cmp::Reverse(name.letters.len()));
        }
    }

    /// The text of `key`, covered.
    pub fn text(&self, key: &'static str, text: &str) -> Result<String, Error> {
        let redacted = (self.redact)(text).map_err(|detail| Error::Redaction { key, detail })?;
        Ok(self.cover(&addresses(&redacted)))
    }

    /// Several texts of `key`.
    pub fn texts(&self, key: &'static str, texts: &[String]) -> Result<Vec<String>, Error> {
        texts.iter().map(|text| self.text(key, text)).collect()
    }

    fn cover(&self, text: &str) -> String {
        let mut covered = String::with_capacity(text.len());
        let mut rest = text;
        let mut before: Option<char> = None;
        while let Some(next) = rest.chars().next() {
            let begins = !before.is_some_and(char::is_alphanumeric);
            let found =
                self.names.iter().filter(|_| begins).find_map(|name| Some((name.ends(rest)?, name.mark)));
            let (taken, written) = match found {
                Some((end, mark)) => (end, Some(mark)),
                None => (next.len_utf8(), None),
            };
            let (head, tail) = rest.split_at_checked(taken).unwrap_or((rest, ""));
            covered.push_str(written.unwrap_or(head));
            before = head.chars().next_back();
            rest = tail;
        }
        covered
    }
}

fn parts(name: &str) -> impl Iterator<Item = &str> {
    name.split(|c: char| !c.is_alphanumeric() && c != '-')
}

impl Name {
    /// Where the name ends in `text`, if `text` begins with it as a whole word.
    fn ends(&self, text: &str) -> Option<usize> {
        let mut letters = text.chars();
        let mut end = 0;
        for wanted in &self.letters {
            let letter = letters.next()?;
            let same =
                if self.exact { letter == *wanted } else { letter.to_lowercase().eq(wanted.to_lowercase()) };
            if !same {
                return None;
            }
            end += letter.len_utf8();
        }
        (!letters.next().is_some_and(char::is_alphanumeric)).then_some(end)
    }
}

/// Whatever stands around an at sign is taken for an address, whatever the redaction profile allows.
fn addresses(text: &str) -> String {
    let mut covered = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('@') {
        let user = before.trim_end_matches(|c: char| c.is_alphanumeric() || "._%+-".contains(c));
        let host = after.trim_start_matches(|c: char| c.is_alphanumeric() || ".-".contains(c));
        if user.len() < before.len() && host.len() < after.len() {
            covered.push_str(user);
            covered.push_str("[e-mail]");
            // A full stop after an address ends the sentence.
            if after.strip_suffix(host).is_some_and(|host| host.ends_with('.')) {
                covered.push('.');
            }
            rest = host;
        } else {
            covered.push_str(before);
            covered.push('@');
            rest = after;
        }
    }
    covered.push_str(rest);
    covered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covered(text: &str) -> String {
        let keep = |text: &str| Ok(text.to_owned());
        let mut veil = Veil::new(&keep);
        veil.body("Ministry of Examples", "[organisation]");
        veil.person("j.jansen", "[person]");
        veil.person("Jan de Boer", "[person]");
        veil.name("letters-7", "[use case]");
        veil.text("purpose", text).unwrap_or_default()
    }

    #[test]
    fn names_and_their_parts_are_covered() {
        assert_eq!(covered("The MINISTRY of examples decides."), "The [organisation] decides.");
        assert_eq!(
            covered("Examples and J.Jansen, or jansen, or Jan."),
            "[organisation] and [person], or [person], or [person]."
        );
        assert_eq!(
            covered("see letters-7, letters-70 and letters"),
            "see [use case], letters-70 and letters"
        );
    }

    #[test]
    fn a_word_that_only_holds_a_name_is_left() {
        assert_eq!(covered("for examples, in jan, the Jansens"), "for examples, in jan, the Jansens");
    }

    #[test]
    fn addresses_are_covered_whatever_the_profile_says() {
        assert_eq!(covered("mail (a.b@c.nl), x@y.\n@ home"), "mail ([e-mail]), [e-mail].\n@ home");
    }

    #[test]
    fn a_redaction_that_fails_shares_nothing() {
        let fail = |_: &str| Err("too large".to_owned());
        let error = Veil::new(&fail).text("purpose", "secret").map_err(|error| error.to_string());
        assert_eq!(error, Err("purpose could not be redacted, so nothing is shared: too large".to_owned()));
    }
}
