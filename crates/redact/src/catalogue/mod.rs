//! What is said of each kind: how it is written, how it is checked, and which words speak for or against it.
//!
//! `RECOGNIZERS.md` is made from these tables; a test holds it to them.

mod cases;
mod dutch;
mod europe;
mod general;
mod people;

use crate::Kind;

/// One kind.
#[derive(Clone, Copy)]
#[cfg_attr(not(test), expect(dead_code, reason = "the page is made of it, by a test"))]
pub(crate) struct Entry {
    pub(crate) kind: Kind,
    /// How it is written; `9` is a digit, `A` a letter, `*` either.
    pub(crate) format: &'static str,
    /// What is checked besides.
    pub(crate) check: &'static str,
    /// Lists of words that speak for it.
    pub(crate) positive: &'static [&'static [&'static str]],
    /// Lists of words that speak against it.
    pub(crate) negative: &'static [&'static [&'static str]],
}

#[cfg(test)]
impl Entry {
    /// A base for the tables: nothing said.
    pub(crate) const EMPTY: Self =
        Self { kind: Kind::Bsn, format: "", check: "", positive: &[], negative: &[] };
}

/// Words before numbers that name no person.
pub(crate) const COUNTS: &[&str] = &[
    "€",
    "eur",
    "euro",
    "isbn*",
    "issn*",
    "ean*",
    "gtin*",
    "order*",
    "bestel*",
    "factuur*",
    "ticket*",
    "artikelnummer*",
    "versie*",
    "version*",
    "serienummer*",
    "batch*",
    "build*",
    "telling*",
    "meting*",
    "begroting*",
    "bedrag*",
    "stb",
    "stb.",
    "staatsblad*",
    "stcrt*",
    "ecli*",
    "lot",
    "debiteur*",
    "invoice*",
    "uuid*",
    "guid*",
    "hash*",
    "sha*",
    "md5*",
    "commit*",
    "checksum*",
    "doi",
    "pagina*",
    "inwoners*",
    "bladzijde*",
    "aantal*",
    "totaal*",
    "pakket*",
    "track*",
    "celex*",
    "kamerstuk*",
    "inc",
    "change*",
    "release*",
    "sku",
    "barcode*",
    "transactie*",
    "nummerreeks*",
    "meterstand*",
];

/// All kinds, in their order.
pub(crate) fn entries() -> Vec<Entry> {
    let mut all: Vec<Entry> = [general::ENTRIES, dutch::ENTRIES, europe::ENTRIES, people::ENTRIES]
        .into_iter()
        .flatten()
        .copied()
        .collect();
    all.sort_by_key(|entry| entry.kind);
    all
}

/// The page that tells a reader what is recognized.
#[cfg(test)]
pub(crate) fn page() -> String {
    let mut out = String::from(
        "# What is recognized\n\n\
        Made from the tables in `src/catalogue/` (`UPDATE=1 cargo test -p redact page`). `9` is a digit, `A` a letter, `*` either.\n\
        A candidate needs words around it, its own check, or both; the score in a profile says how much of each.\n\n\
        | kind | placeholder | what | written | checked | words for it |\n|---|---|---|---|---|---|\n",
    );
    for entry in entries() {
        let words: Vec<&str> = entry.positive.iter().flat_map(|l| l.iter()).copied().take(5).collect();
        let kind = entry.kind;
        out.push_str(&format!(
            "| `{kind}` | `⟦{}⟧` | {:?} | {} | {} | {} |\n",
            kind.label(),
            kind.group(),
            entry.format,
            if entry.check.is_empty() { "words only" } else { entry.check },
            words.join(", ").replace('*', "…")
        ));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_described_once() {
        let kinds: Vec<Kind> = entries().iter().map(|e| e.kind).collect();
        assert_eq!(kinds, Kind::ALL);
        for entry in entries() {
            let by_sentence = matches!(entry.kind.group(), crate::Group::Name | crate::Group::Special);
            let by_sentence = by_sentence
                || matches!(entry.kind, Kind::Place | Kind::Organisation | Kind::Age | Kind::CriminalData);
            assert!(
                !entry.format.is_empty() && (by_sentence || !entry.positive.is_empty()),
                "{}",
                entry.kind
            );
            for word in entry.positive.iter().chain(entry.negative).flat_map(|l| l.iter()) {
                assert!(
                    !word.trim_matches('*').is_empty() && !word.contains(|c: char| c.is_ascii_uppercase()),
                    "{word}"
                );
                assert!(word.chars().count() <= crate::CONTEXT_CHARS, "{word}");
            }
        }
    }

    #[test]
    fn the_page_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/RECOGNIZERS.md");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(path, page()).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap(), page(), "UPDATE=1 cargo test -p redact page");
    }
}
