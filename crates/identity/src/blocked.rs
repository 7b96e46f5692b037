//! `identity/blocked.toml`: persons whose tokens are refused, whatever the issuer says. Blocking takes effect with a reload
//! and needs nobody's signature: it only takes away.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::error::Error;

/// Name of the file inside the policy folder.
pub const BLOCKED_PATH: &str = "identity/blocked.toml";

/// The persons, by what [`crate::actor_of`] calls them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Blocked {
    actors: BTreeSet<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    blocked: Vec<toml::Spanned<String>>,
}

impl Blocked {
    /// Parses the file.
    ///
    /// # Errors
    /// [`Error::File`]: an entry that is not an actor would block nobody.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let file: File = toml::from_str(text).map_err(|error| Error::toml(BLOCKED_PATH, text, &error))?;
        let mut actors = BTreeSet::new();
        for entry in file.blocked {
            let digits = entry.get_ref().strip_prefix("oidc:");
            let lower = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
            if !digits.is_some_and(|digits| digits.len() == 32 && lower(digits)) {
                let detail =
                    "blocked: an entry is oidc: and 32 hexadecimal digits, as identity block writes it";
                return Err(Error::at(BLOCKED_PATH, text, entry.span().start, detail));
            }
            actors.insert(entry.into_inner());
        }
        Ok(Self { actors })
    }

    /// Adds a person; whether it was not there.
    pub fn add(&mut self, actor: &str) -> bool {
        self.actors.insert(actor.to_owned())
    }

    /// Takes a person out; whether it was there.
    pub fn remove(&mut self, actor: &str) -> bool {
        self.actors.remove(actor)
    }

    /// Whether a person is in it.
    #[must_use]
    pub fn has(&self, actor: &str) -> bool {
        self.actors.contains(actor)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.actors.len()
    }

    /// Whether there is nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.actors.is_empty()
    }

    /// The text of the file.
    #[must_use]
    pub fn to_text(&self) -> String {
        let lines: String = self.actors.iter().map(|actor| format!("    \"{actor}\",\n")).collect();
        format!(
            "# Written by proeftuin identity block and unblock; in force after proeftuin policy reload.\nblocked = [\n{lines}]\n"
        )
    }
}
