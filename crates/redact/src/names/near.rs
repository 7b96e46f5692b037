//! What stands around a name on its line.

use super::Span;
use super::things::KEYS_OF_THINGS;

/// How much of a line before and after a name is looked at, in bytes.
const NEAR_BYTES: usize = 48;

/// A name with its line on either side.
pub(super) struct Near<'t> {
    pub(super) before: &'t str,
    pub(super) name: &'t str,
    pub(super) after: &'t str,
    /// Whether the line begins, and ends, within what is looked at.
    begins: bool,
    ends: bool,
}

impl<'t> Near<'t> {
    pub(super) fn of(text: &'t str, span: &Span) -> Option<Self> {
        let from = text.ceil_char_boundary(span.start.saturating_sub(NEAR_BYTES));
        let to = text.floor_char_boundary(span.end.saturating_add(NEAR_BYTES).min(text.len()));
        let (head, tail) = (text.get(from..span.start)?, text.get(span.end..to)?);
        let before = head.rsplit('\n').next().unwrap_or_default();
        let after = tail.split('\n').next().unwrap_or_default();
        let begins = from == 0 || before.len() < head.len();
        let ends = to == text.len() || after.len() < tail.len();
        Some(Self { before, name: text.get(span.start..span.end)?, after, begins, ends })
    }

    pub(super) fn opens_line(&self) -> bool {
        self.begins && !self.before.contains(char::is_alphanumeric)
    }

    /// Whether the name has a line of its own.
    pub(super) fn is_alone(&self) -> bool {
        self.opens_line() && self.ends && !self.after.contains(char::is_alphanumeric)
    }

    /// Whether it is what a form asks for, or a cell.
    pub(super) fn is_field(&self) -> bool {
        let head = self.before.trim_end_matches(' ');
        let gap = self.before.len().saturating_sub(head.len());
        head.ends_with([':', ';', '|', '"', '\t', '>'])
            || gap >= 2
            || self.opens_line() && self.after.starts_with(':')
    }

    pub(super) fn ends_field(&self) -> bool {
        matches!(self.after.chars().next(), None | Some('"' | ';' | '|' | '\t' | '\r'))
    }

    /// Whether it is all that stands behind what asks for a name: `Achternaam: Lengkeek`.
    pub(super) fn is_asked(&self) -> bool {
        let head = self.before.trim_end_matches([' ', ':', '=', '"', '.']);
        let asks = ["naam", "afgehandeld door", "behandeld door"];
        let signed =
            self.before.get(head.len()..).is_some_and(|gap| gap.contains([':', '=']) || gap.len() >= 2);
        let lower = head.to_lowercase();
        signed
            && asks.iter().any(|word| lower.ends_with(word))
            && !lower.ends_with("handelsnaam")
            && self.name.starts_with(char::is_uppercase)
            && self.ends_field()
            && self.ends
    }

    /// Whether a sentence stands behind a colon.
    pub(super) fn says_something(&self) -> bool {
        let said = self.after.trim_start_matches([' ', ':']);
        said.split(' ').filter(|word| word.chars().any(char::is_alphabetic)).count() >= 3
    }

    /// `taxateur Beekhuizen`: what somebody does comes before a name.
    pub(super) fn is_behind_role(&self) -> bool {
        const ENDS: &[&str] = &[
            "eur", "arts", "ier", "ist", "ant", "ent", "aar", "man", "vrouw", "ster", "loog", "coach",
            "baas", "ator",
        ];
        let behind =
            self.before.strip_suffix(' ').and_then(|head| head.rsplit(' ').next()).unwrap_or_default();
        behind.len() > 5
            && behind.chars().all(char::is_lowercase)
            && ENDS.iter().any(|end| behind.ends_with(end))
    }

    /// Whether a value stands behind it as behind the label of a form.
    pub(super) fn is_label(&self) -> bool {
        let rest = self.after.trim_start_matches([' ', '.', '_']);
        let gap = self.after.len().saturating_sub(rest.len());
        self.name.ends_with(':')
            || rest.starts_with([':', '='])
            || rest.starts_with("; ")
            || self.after.starts_with(['\t', '|'])
            || gap >= 2 && !rest.is_empty()
    }

    /// Whether it opens a line of its own with a comma behind, as a signature or an addressee does.
    pub(super) fn opens_line_as_name(&self) -> bool {
        self.is_alone() && self.name.contains(' ')
    }

    /// Whether the key that it is the value of asks for no person: `"instelling": "…"`, `Merk: …`.
    pub(super) fn is_things(&self) -> bool {
        let head = self.before.trim_end_matches([' ', '"', '\t']);
        let key = head.strip_suffix([':', '=']).unwrap_or_default().trim_end_matches([' ', '"', '.']);
        let key = key.rsplit(|c: char| !c.is_alphabetic()).next().unwrap_or_default().to_lowercase();
        KEYS_OF_THINGS.contains(&key.as_str())
    }

    /// The last words of the line before the name, in small letters, the last first.
    pub(super) fn last_words(&self, most: usize) -> impl Iterator<Item = String> {
        let words = self.before.split(|c: char| !c.is_alphanumeric()).rev().filter(|word| !word.is_empty());
        let words = words.map(str::to_lowercase);
        // "kantoor te", "balie in": the small word between says where.
        let small = |word: &String| matches!(word.as_str(), "te" | "in" | "van" | "de" | "het");
        let most = most
            .saturating_sub(usize::from(!words.clone().next().is_some_and(|word| small(&word)) && most > 1));
        words.take(most)
    }
}
