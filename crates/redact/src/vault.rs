//! What was taken out of a request, for as long as the request lives.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::names::hash_lower;
use crate::placeholder;
use crate::restorer::{RestorePolicy, Restorer};
use crate::{Error, Kind};

/// A string that is wiped when dropped and cannot be printed.
#[derive(PartialEq, Eq, Hash, PartialOrd, Ord, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a placeholder stands for.
pub(crate) struct Entry {
    /// `None`: the user's own text that looked like a placeholder, always given back.
    pub(crate) kind: Option<Kind>,
    pub(crate) value: Secret,
}

/// The contents, shared with the restorers of this request; wiped when the last of them is dropped.
#[derive(Default)]
pub(crate) struct Contents {
    /// Token → value. Ordered, so that "is this the beginning of a token?" is one range query.
    pub(crate) tokens: BTreeMap<String, Entry>,
    /// Canonical values of the candidates that were left in the text: too uncertain to cut, or allowed.
    pub(crate) left: BTreeSet<(Kind, Secret)>,
    /// Words of the texts as the model is given them, by hash: where names are looked for.
    words: HashSet<u64>,
}

impl Contents {
    /// Whether every word of `name` stood in what the model was given.
    pub(crate) fn has_words(&self, name: &str) -> bool {
        words(name).all(|word| self.words.contains(&word))
    }
}

fn words(text: &str) -> impl Iterator<Item = u64> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(hash_lower)
}

/// The values behind the placeholders of one request.
///
/// Wiped when dropped. It cannot be printed, serialised or copied:
///
/// ```compile_fail
/// fn print(v: &redact::Vault) { println!("{v:?}"); }
/// ```
/// ```compile_fail
/// fn copy(v: &redact::Vault) -> redact::Vault { v.clone() }
/// ```
/// ```compile_fail
/// fn send(v: &redact::Vault) -> String { serde_json::to_string(v).unwrap_or_default() }
/// ```
pub struct Vault {
    contents: Arc<Contents>,
}

impl Vault {
    /// A restorer for one stream of output: one per choice and per tool call. It gives back the values of the
    /// kinds that `policy` allows, and the user's own look-alikes; every other placeholder stays as it is.
    pub fn restorer(&self, policy: &RestorePolicy) -> Restorer {
        Restorer::new(Arc::clone(&self.contents), policy)
    }

    /// How many placeholders were issued, escaped look-alikes included.
    pub fn len(&self) -> usize {
        self.contents.tokens.len()
    }

    /// Whether nothing was taken out.
    pub fn is_empty(&self) -> bool {
        self.contents.tokens.is_empty()
    }

    pub(crate) fn contents(&self) -> Arc<Contents> {
        Arc::clone(&self.contents)
    }
}

/// Numbers of one value: its own, and its spellings in order of appearance.
struct Numbered {
    number: u32,
    spellings: HashMap<Secret, u32>,
}

/// A vault being filled: numbers by first appearance, per kind.
#[derive(Default)]
pub(crate) struct VaultBuilder {
    contents: Contents,
    numbers: HashMap<(Option<Kind>, Secret), Numbered>,
    last: BTreeMap<Option<Kind>, u32>,
}

impl VaultBuilder {
    /// The placeholder for `original`, whose canonical form is `canonical`; the same canonical value has the same
    /// number, and each way of writing it has its own suffix, so that restoring is byte-exact.
    pub(crate) fn issue(
        &mut self,
        kind: Option<Kind>,
        canonical: &str,
        original: &str,
    ) -> Result<String, Error> {
        let label = kind.map_or(placeholder::LITERAL_LABEL, Kind::label);
        let key = (kind, Secret::new(canonical));
        if !self.numbers.contains_key(&key) {
            let last = self.last.entry(kind).or_default();
            *last = last.checked_add(1).ok_or(Error::Internal("placeholder numbers ran out"))?;
        }
        let number = self.last.get(&kind).copied().unwrap_or(1);
        let numbered =
            self.numbers.entry(key).or_insert_with(|| Numbered { number, spellings: HashMap::new() });
        let next = u32::try_from(numbered.spellings.len().saturating_add(1))
            .map_err(|_| Error::Internal("placeholder spellings ran out"))?;
        let spelling = *numbered.spellings.entry(Secret::new(original)).or_insert(next);
        let token = placeholder::token(label, numbered.number, spelling);
        if spelling == next {
            let entry = Entry { kind, value: Secret::new(original) };
            self.contents.tokens.insert(token.clone(), entry);
        }
        Ok(token)
    }

    /// Remembers that a value stood in the input, so that the output may repeat it.
    pub(crate) fn left(&mut self, kind: Kind, canonical: &str) {
        self.contents.left.insert((kind, Secret::new(canonical)));
    }

    /// Whether `token` was issued.
    pub(crate) fn issued(&self, token: &str) -> bool {
        self.contents.tokens.contains_key(token)
    }

    /// Remembers the words of a text as the model is given it, so that the output may repeat them.
    pub(crate) fn given(&mut self, text: &str) {
        self.contents.words.extend(words(text));
    }

    pub(crate) fn finish(self) -> Vault {
        Vault { contents: Arc::new(self.contents) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Does not compile if `$t` implements `$bound`: the call is then ambiguous between the two impls.
    macro_rules! assert_not_impl {
        ($t:ty: $($bound:path),+) => {$(
            const _: fn() = || {
                trait Ambiguous<A> {
                    fn here() {}
                }
                impl<T: ?Sized> Ambiguous<()> for T {}
                #[allow(dead_code, reason = "the type only makes the impl ambiguous")]
                struct Invalid;
                impl<T: ?Sized + $bound> Ambiguous<Invalid> for T {}
                let _ = <$t as Ambiguous<_>>::here;
            };
        )+};
    }
    assert_not_impl!(Vault: std::fmt::Debug, std::fmt::Display, Clone, serde::Serialize, ToString);
    assert_not_impl!(Secret: std::fmt::Debug, std::fmt::Display, Clone, serde::Serialize);
    assert_not_impl!(Restorer: std::fmt::Debug, Clone, serde::Serialize);

    #[test]
    fn a_secret_is_wiped_on_drop_by_type() {
        fn wiped<T: ZeroizeOnDrop>() {}
        wiped::<Secret>();
        let mut secret = Secret::new("123456782");
        secret.zeroize();
        assert_eq!(secret.as_str(), "");
    }

    #[test]
    fn one_number_per_value_one_suffix_per_spelling() {
        let mut b = VaultBuilder::default();
        let mut issue = |c: &str, o: &str| b.issue(Some(Kind::Bsn), c, o).unwrap();
        assert_eq!(issue("1", "1"), "⟦BSN_1⟧");
        assert_eq!(issue("2", "2"), "⟦BSN_2⟧");
        assert_eq!(issue("1", "1."), "⟦BSN_1b⟧");
        assert_eq!(issue("1", "1"), "⟦BSN_1⟧");
        assert_eq!(issue("1", "1."), "⟦BSN_1b⟧");
        assert_eq!(b.issue(None, "x", "x").unwrap(), "⟦TEKST_1⟧");
        assert_eq!(b.finish().len(), 4);
    }
}
