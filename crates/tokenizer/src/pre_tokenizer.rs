//! Where byte-level BPE cuts a text before it merges: one regular expression (or a few, in turn) a family.
//!
//! The expressions are those of the families' own `tokenizer.json`. Contractions are spelled out in ASCII: `(?i:'s)`
//! would also match U+017F in this regex engine. Where llama.cpp only approximates a family's expression, the table says so.

use fancy_regex::Regex;
use tokenizers::{Offsets, tokenizer::pattern::Pattern};

use crate::{Error, error::printable};

const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
const LLAMA3: &str = r"'(?:[sS]|[tT]|[rR][eE]|[vV][eE]|[mM]|[lL][lL]|[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN2: &str = r"'(?:[sS]|[tT]|[rR][eE]|[vV][eE]|[mM]|[lL][lL]|[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN35: &str = r"'(?:[sS]|[tT]|[rR][eE]|[vV][eE]|[mM]|[lL][lL]|[dD])|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const DEEPSEEK3: &str = r#"[!"\#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#;
const DIGIT: &str = r"\p{N}";
const DIGITS3: &str = r"\p{N}{1,3}";
const HAN_KANA: &str = "[一-龥\u{3040}-\u{309F}\u{30A0}-\u{30FF}]+";

/// A family's cutting rules.
pub(crate) struct Family {
    names: &'static [&'static str],
    patterns: &'static [&'static str],
    /// A cut piece that is a token as it stands is that token, whatever the merges would make of it.
    pub ignore_merges: bool,
    /// Whether prompts start with BOS when the file does not say.
    pub add_bos: bool,
}

const FAMILIES: &[Family] = &[
    Family {
        names: &["gpt-2", "phi-2", "olmo", "mpt", "jais", "trillion", "exaone4", "granite-docling"],
        patterns: &[GPT2],
        ignore_merges: false,
        add_bos: false,
    },
    Family {
        names: &["smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"],
        patterns: &[DIGIT, GPT2],
        ignore_merges: false,
        add_bos: false,
    },
    Family {
        names: &["llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2"],
        patterns: &[LLAMA3],
        ignore_merges: true,
        add_bos: true,
    },
    Family { names: &["glm4", "glm5"], patterns: &[LLAMA3], ignore_merges: true, add_bos: false },
    Family {
        names: &["dbrx", "smaug-bpe", "chatglm-bpe"],
        patterns: &[LLAMA3],
        ignore_merges: false,
        add_bos: false,
    },
    Family {
        names: &["qwen2", "deepseek-r1-qwen", "stablelm2", "megrez", "hunyuan", "solar-open", "grok-2"],
        patterns: &[QWEN2],
        ignore_merges: false,
        add_bos: false,
    },
    Family { names: &["qwen35"], patterns: &[QWEN35], ignore_merges: false, add_bos: false },
    Family {
        names: &["deepseek-v3", "hunyuan-dense", "joyai-llm"],
        patterns: &[DIGITS3, HAN_KANA, DEEPSEEK3],
        ignore_merges: false,
        add_bos: false,
    },
    // llama.cpp knows upper and lower case in ASCII only here, and so cuts `CAFÉ` where Mistral's own tokenizer does not.
    // The model was trained with Mistral's, so that is what this is.
    Family { names: &["tekken"], patterns: &[TEKKEN], ignore_merges: true, add_bos: true },
];

/// The family of a `tokenizer.ggml.pre`.
pub(crate) fn family(pre: Option<&str>) -> Result<&'static Family, Error> {
    let pre = pre.unwrap_or("");
    FAMILIES
        .iter()
        .find(|family| family.names.contains(&pre))
        .ok_or_else(|| Error::UnknownPreTokenizer { pre: printable(pre) })
}

/// A regular expression whose failure is an error. (`tokenizers`' own wrapper ends the search in silence when the engine
/// gives up, and the rest of the text would get wrong ids.)
pub(crate) struct Cut(Regex);

impl Family {
    pub(crate) fn cuts(&self) -> Result<Vec<Cut>, Error> {
        let compile = |pattern: &&str| {
            Regex::new(pattern).map(Cut).map_err(|error| Error::Vocabulary { what: error.to_string() })
        };
        self.patterns.iter().map(compile).collect()
    }
}

impl Pattern for &Cut {
    fn find_matches(&self, inside: &str) -> tokenizers::Result<Vec<(Offsets, bool)>> {
        if inside.is_empty() {
            return Ok(vec![((0, 0), false)]);
        }
        let mut pieces = Vec::with_capacity(inside.len() / 4);
        let mut end = 0;
        for found in self.0.find_iter(inside) {
            let found = found?;
            if end < found.start() {
                pieces.push(((end, found.start()), false));
            }
            pieces.push(((found.start(), found.end()), true));
            end = found.end();
        }
        if end < inside.len() {
            pieces.push(((end, inside.len()), false));
        }
        Ok(pieces)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles_and_no_name_is_listed_twice() {
        let mut names: Vec<&str> = FAMILIES.iter().flat_map(|family| family.names.iter().copied()).collect();
        for family in FAMILIES {
            assert_eq!(family.cuts().unwrap().len(), family.patterns.len());
        }
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn tekken_knows_upper_and_lower_case_outside_ascii() {
        let cut = &family(Some("tekken")).unwrap().cuts().unwrap()[0];
        let text = "CAFÉ camelCase ÉÉN tweeËn";
        let pieces: Vec<&str> =
            cut.find_matches(text).unwrap().iter().map(|((from, to), _)| &text[*from..*to]).collect();
        assert_eq!(pieces, ["CAFÉ", " camel", "Case", " ÉÉN", " twee", "Ën"]);
    }

    #[test]
    fn a_pattern_that_gives_up_is_an_error() {
        let cut = Cut(fancy_regex::RegexBuilder::new(r"(?=(a+)+$)b").backtrack_limit(10).build().unwrap());
        assert!((&cut).find_matches("aaaaaaaaaaaaaaaaaaaaaaaa!").is_err());
    }

    #[test]
    fn an_unknown_name_is_refused_by_name() {
        let error = family(Some("klingon")).err().unwrap().to_string();
        assert!(error.contains("\"klingon\""), "{error}");
        assert!(family(None).is_err());
        assert!(family(Some("default")).is_err());
    }
}
