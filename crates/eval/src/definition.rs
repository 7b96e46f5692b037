//! Definitions of workloads: TOML, every key known, every size bounded before anything runs.

use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use crate::Error;

/// Largest definition that is read, in bytes.
const DEFINITION_BYTES_MAX: u64 = 1 << 20;
/// Workloads in one set.
const WORKLOADS_MAX: usize = 256;

/// A workload that a definition can hold.
pub trait Workload: DeserializeOwned {
    /// What the definition's `suite` must say.
    const SUITE: &'static str;
    /// The set that is built in.
    const EMBEDDED: &'static str;
    /// Its name, unique in the set.
    fn name(&self) -> &str;
    /// Refuses what has no meaning or no bound.
    ///
    /// # Errors
    /// What is wrong, by key.
    fn check(&self) -> Result<(), String>;
}

/// Workloads with the seed that their tokens or words are drawn by.
#[derive(Debug, Clone)]
pub struct Definition<W> {
    /// In the order of the files.
    pub workloads: Vec<(u64, W)>,
    /// SHA-256 over the files' bytes, in order: what a record names the definition by.
    pub sha256: [u8; 32],
}

/// The shape of a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File<W> {
    suite: String,
    #[serde(default = "one")]
    seed: u64,
    workload: Vec<W>,
}

fn one<T: From<u8>>() -> T {
    T::from(1)
}

impl<W: Workload> Definition<W> {
    /// The given files as one set, or the built-in set when none is given.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Definition`] with the file and what is wrong in it.
    pub fn load<P: AsRef<Path>>(paths: &[P]) -> Result<Self, Error> {
        if paths.is_empty() {
            return Self::parse(&[("the built-in definition", W::EMBEDDED)]);
        }
        let mut texts = Vec::new();
        for path in paths {
            let path = path.as_ref();
            let size = std::fs::metadata(path).map_err(Error::io("read", path))?.len();
            if size > DEFINITION_BYTES_MAX {
                let reason = format!("more than {DEFINITION_BYTES_MAX} bytes");
                return Err(Error::Definition { origin: path.display().to_string(), reason });
            }
            let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
            texts.push((path.display().to_string(), text));
        }
        let named: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (&**name, &**text)).collect();
        Self::parse(&named)
    }

    /// Parses texts with their names in messages.
    ///
    /// # Errors
    /// [`Error::Definition`].
    pub fn parse(texts: &[(&str, &str)]) -> Result<Self, Error> {
        let mut definition: Self = Definition { workloads: Vec::new(), sha256: [0; 32] };
        let mut hash = Sha256::new();
        for (origin, text) in texts {
            hash.update(text.as_bytes());
            let refuse = |reason: String| Error::Definition { origin: (*origin).to_owned(), reason };
            let file: File<W> = toml::from_str(text).map_err(|error| refuse(error.to_string()))?;
            if file.suite != W::SUITE {
                let reason = format!("`suite` is {:?}, this command runs {:?}", file.suite, W::SUITE);
                return Err(refuse(reason));
            }
            for workload in file.workload {
                let name = workload.name().to_owned();
                let known = definition.workloads.iter().any(|(_, known)| known.name() == name);
                let printable = |c: char| c.is_ascii_graphic() || c == ' ';
                if known || name.is_empty() || name.len() > 60 || !name.chars().all(printable) {
                    let reason = "names are unique, of 1 to 60 printable ASCII characters";
                    return Err(refuse(format!("workload {name:?}: {reason}")));
                }
                workload.check().map_err(|reason| refuse(format!("workload {name:?}: {reason}")))?;
                definition.workloads.push((file.seed, workload));
            }
        }
        if definition.workloads.is_empty() || definition.workloads.len() > WORKLOADS_MAX {
            let origin = texts.last().map_or_else(String::new, |(origin, _)| (*origin).to_owned());
            let reason = format!("a set has 1 to {WORKLOADS_MAX} workloads");
            return Err(Error::Definition { origin, reason });
        }
        definition.sha256 = hash.finalize().into();
        Ok(definition)
    }

    /// Keeps the named workloads only; keeps all when no name is given.
    ///
    /// # Errors
    /// [`Error::Workload`] for a name that is not in the set; it lists those that are.
    pub fn keep(&mut self, names: &[String]) -> Result<(), Error> {
        let known = || self.workloads.iter().map(|(_, workload)| workload.name());
        if let Some(name) = names.iter().find(|name| !known().any(|known| known == **name)) {
            let reason =
                format!("is not in the definition; there are {}", known().collect::<Vec<_>>().join(", "));
            return Err(Error::Workload { name: name.clone(), reason });
        }
        self.workloads.retain(|(_, workload)| names.is_empty() || names.iter().any(|n| n == workload.name()));
        Ok(())
    }
}

/// What the clock of an engine's workload covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// From the request to the first token of every stream; the prompts' tokens count.
    Prefill,
    /// From the first token to the last; the tokens after the first count.
    Decode,
    /// From the first request to the last token; the tokens of prompts and answers count.
    Total,
}

/// Streams of token ids through the engine.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngineWorkload {
    /// Unique in the set.
    pub name: String,
    /// What the peer's tool calls the same work; `None` when it has nothing like it.
    pub peer: Option<String>,
    /// What the clock covers.
    pub measure: Measure,
    /// Requests submitted together.
    #[serde(default = "one")]
    pub streams: u32,
    /// Tokens at the beginning of every prompt that are the same for all streams of a run.
    #[serde(default)]
    pub shared_tokens: u32,
    /// Tokens of each prompt after the shared ones.
    pub prompt_tokens: u32,
    /// The prompt's own tokens repeat a passage of this many; 0 repeats nothing.
    #[serde(default)]
    pub repeat_tokens: u32,
    /// Tokens generated by each stream, the first not counted where the clock starts at it.
    pub new_tokens: u32,
    /// Tokens a stream may guess from its own text in a step; 0 guesses nothing, as peers do.
    #[serde(default)]
    pub draft_tokens: u32,
}

impl EngineWorkload {
    /// Tokens of one stream at its end: prompt, first token, new tokens.
    pub fn stream_tokens(&self) -> u64 {
        u64::from(self.shared_tokens) + u64::from(self.prompt_tokens) + u64::from(self.new_tokens) + 1
    }
}

/// Says by key what is out of bounds.
pub(crate) fn within(key: &str, value: u32, least: u32, most: u32) -> Result<(), String> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(format!("`{key}` is {value}, and must be between {least} and {most}"))
}

impl Workload for EngineWorkload {
    const SUITE: &'static str = "engine";
    const EMBEDDED: &'static str = include_str!("../../../benches/engine.toml");

    fn name(&self) -> &str {
        &self.name
    }

    fn check(&self) -> Result<(), String> {
        within("streams", self.streams, 1, 1024)?;
        within("shared_tokens", self.shared_tokens, 0, 1 << 20)?;
        within("prompt_tokens", self.prompt_tokens, 1, 1 << 20)?;
        within("repeat_tokens", self.repeat_tokens, 0, self.prompt_tokens)?;
        within("draft_tokens", self.draft_tokens, 0, 15)?;
        within("new_tokens", self.new_tokens, 1, 1 << 16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = "suite = \"engine\"\n[[workload]]\nname = \"a\"\nmeasure = \"prefill\"\nprompt_tokens = 8\nnew_tokens = 1\n";

    fn refused(text: &str) -> String {
        Definition::<EngineWorkload>::parse(&[("x.toml", text)]).unwrap_err().to_string()
    }

    #[test]
    fn the_built_in_set_holds() {
        let set = Definition::<EngineWorkload>::load::<&Path>(&[]).unwrap();
        assert!(set.workloads.iter().any(|(_, workload)| workload.name == "pp512"));
        assert_eq!(set.sha256, <[u8; 32]>::from(Sha256::digest(EngineWorkload::EMBEDDED)));
    }

    #[test]
    fn what_is_not_known_is_refused_by_name() {
        assert!(refused(&format!("{PLAIN}promt_tokens = 3\n")).contains("promt_tokens"));
        assert!(refused(&PLAIN.replace("prefill", "speed")).contains("speed"));
        assert!(refused(&PLAIN.replace("\"engine\"", "\"server\"")).contains("`suite` is \"server\""));
        assert!(refused(&format!("colour = 1\n{PLAIN}")).contains("colour"));
        assert!(refused(&PLAIN.replace("new_tokens = 1\n", "")).contains("new_tokens"));
    }

    #[test]
    fn what_has_no_bound_is_refused() {
        assert!(refused(&PLAIN.replace("= 8", "= 0")).contains("`prompt_tokens` is 0"));
        assert!(refused(&PLAIN.replace("= 8", "= 2000000")).contains("must be between"));
        assert!(refused(&format!("{PLAIN}streams = 5000\n")).contains("`streams`"));
        assert!(refused(&format!("{PLAIN}repeat_tokens = 9\n")).contains("`repeat_tokens`"));
        let twice = format!("{PLAIN}{}", PLAIN.trim_start_matches("suite = \"engine\"\n"));
        assert!(refused(&twice).contains("unique"));
        assert!(refused("suite = \"engine\"\nworkload = []\n").contains("1 to 256"));
    }

    #[test]
    fn a_selection_keeps_what_it_names() {
        let mut set = Definition::<EngineWorkload>::parse(&[("x.toml", PLAIN)]).unwrap();
        assert!(set.keep(&["b".to_owned()]).unwrap_err().to_string().contains("there are a"));
        set.keep(&[]).unwrap();
        set.keep(&["a".to_owned()]).unwrap();
        assert_eq!(set.workloads.len(), 1);
    }
}
