//! A vocabulary as a GGUF file's metadata describes it, and what its tokens are.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use crate::{Error, error::printable};

/// The `tokenizer.ggml.*` metadata of a GGUF file, field by field.
#[derive(Debug, Clone, Default)]
pub struct Vocabulary {
    /// `tokenizer.ggml.model`: `gpt2` (byte-level BPE) or `llama` (SentencePiece-style).
    pub model: String,
    /// `tokenizer.ggml.pre`: the pre-tokenizer of a byte-level BPE.
    pub pre: Option<String>,
    /// `tokenizer.ggml.tokens`, by id.
    pub tokens: Vec<String>,
    /// `tokenizer.ggml.scores`, by id; may be empty for BPE.
    pub scores: Vec<f32>,
    /// `tokenizer.ggml.token_type`, by id; empty means all normal.
    pub token_types: Vec<i32>,
    /// `tokenizer.ggml.merges`: `left right`, best first.
    pub merges: Vec<String>,
    /// `tokenizer.ggml.bos_token_id`.
    pub bos: Option<u32>,
    /// `tokenizer.ggml.eos_token_id`.
    pub eos: Option<u32>,
    /// `tokenizer.ggml.eot_token_id`.
    pub eot: Option<u32>,
    /// `tokenizer.ggml.unknown_token_id`.
    pub unk: Option<u32>,
    /// `tokenizer.ggml.padding_token_id`.
    pub pad: Option<u32>,
    /// `tokenizer.ggml.add_bos_token`.
    pub add_bos: Option<bool>,
    /// `tokenizer.ggml.add_eos_token`.
    pub add_eos: Option<bool>,
    /// `tokenizer.ggml.add_space_prefix`.
    pub add_space_prefix: Option<bool>,
}

/// What a token is. The numbers in [`Kind::from_gguf`] are those of `tokenizer.ggml.token_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Normal,
    Unknown,
    Control,
    UserDefined,
    Unused,
    Byte,
}

impl Kind {
    fn from_gguf(value: i32) -> Self {
        match value {
            2 => Self::Unknown,
            3 => Self::Control,
            4 => Self::UserDefined,
            5 => Self::Unused,
            6 => Self::Byte,
            _ => Self::Normal,
        }
    }

    /// Whether a text may never become this token.
    pub(crate) fn is_control(self) -> bool {
        matches!(self, Self::Control | Self::Unknown)
    }
}

/// Texts of tokens that end a turn, whatever a file says their type is (the list llama.cpp keeps).
const END_OF_TURN: &[&str] = &[
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<|flush|>",
    "<|calls|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "</s>",
    "<|eom_id|>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "[EOS]",
    "<|end_of_text|>",
    "<end_of_utterance>",
    "<eos>",
    "<turn|>",
    "<|tool_response>",
    "<｜end▁of▁sentence｜>",
    "[e~[",
];

/// Fill-in-the-middle tokens that end a generation: padding, repository, file separator. The first of each line counts.
const END_OF_FILL: &[&[&str]] = &[
    &["<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]"],
    &["<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"],
    &["<|file_sep|>"],
];

/// Other fill-in-the-middle tokens: control, whatever a file says their type is.
const FILL: &[&str] = &[
    "<|fim_prefix|>",
    "<fim-prefix>",
    "<fim_prefix>",
    "<｜fim▁begin｜>",
    "<PRE>",
    "▁<PRE>",
    "<|code_prefix|>",
    "<|prefix|>",
    "<|fim_suffix|>",
    "<fim-suffix>",
    "<fim_suffix>",
    "<｜fim▁hole｜>",
    "<SUF>",
    "▁<SUF>",
    "<|code_suffix|>",
    "<|suffix|>",
    "<|fim_middle|>",
    "<fim-middle>",
    "<fim_middle>",
    "<｜fim▁end｜>",
    "<MID>",
    "▁<MID>",
    "<|code_middle|>",
    "<|middle|>",
];

/// A vocabulary that holds together: one text and one kind for each id, no text twice.
pub(crate) struct Checked {
    pub texts: Vec<String>,
    pub kinds: Vec<Kind>,
    pub ids: HashMap<String, u32>,
}

impl Vocabulary {
    /// Checks lengths, ids and uniqueness, and settles every token's kind.
    pub(crate) fn check(&mut self) -> Result<Checked, Error> {
        let len = self.tokens.len();
        if len == 0 || u32::try_from(len).is_err() {
            return Err(wrong(format!("{len} tokens; a vocabulary has at least one and fewer than 2^32")));
        }
        if !self.token_types.is_empty() && self.token_types.len() < len {
            return Err(wrong(format!("{} token types for {len} tokens", self.token_types.len())));
        }
        if !self.scores.is_empty() && self.scores.len() < len {
            return Err(wrong(format!("{} scores for {len} tokens", self.scores.len())));
        }
        if let Some(at) = self.scores.iter().position(|score| score.is_nan()) {
            return Err(wrong(format!("the score of token {at} is not a number")));
        }
        let named =
            [("bos", self.bos), ("eos", self.eos), ("eot", self.eot), ("unk", self.unk), ("pad", self.pad)];
        for (name, id) in named {
            if let Some(id) = id.filter(|id| *id as usize >= len) {
                return Err(wrong(format!("{name} token {id} is outside the {len} tokens")));
            }
        }
        let mut ids = HashMap::with_capacity(len);
        let mut texts = std::mem::take(&mut self.tokens);
        for (id, text) in (0u32..).zip(texts.iter_mut()) {
            if text.is_empty() {
                *text = format!("[EMPTY_{id}]");
            }
            if let Some(other) = ids.insert(text.clone(), id) {
                return Err(wrong(format!("tokens {other} and {id} have the same text")));
            }
        }
        let mut kinds: Vec<Kind> = self.token_types.iter().take(len).map(|t| Kind::from_gguf(*t)).collect();
        kinds.resize(len, Kind::Normal);
        let marked = END_OF_TURN.iter().chain(FILL).chain(END_OF_FILL.iter().flat_map(|names| names.iter()));
        for id in marked.filter_map(|text| ids.get(*text)) {
            if let Some(kind) = kinds.get_mut(*id as usize) {
                *kind = Kind::Control;
            }
        }
        Ok(Checked { texts, kinds, ids })
    }

    /// SHA-256 over everything that decides ids and text.
    pub(crate) fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        let mut field = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        field(b"proeftuin vocabulary 1");
        field(self.model.as_bytes());
        field(self.pre.as_deref().unwrap_or("").as_bytes());
        for list in [&self.tokens, &self.merges] {
            field(&(list.len() as u64).to_le_bytes());
            for text in list {
                field(text.as_bytes());
            }
        }
        field(&self.scores.iter().flat_map(|score| score.to_le_bytes()).collect::<Vec<u8>>());
        field(&self.token_types.iter().flat_map(|kind| kind.to_le_bytes()).collect::<Vec<u8>>());
        field(format!("{:?}", (self.bos, self.eos, self.eot, self.unk, self.pad)).as_bytes());
        field(format!("{:?}", (self.add_bos, self.add_eos, self.add_space_prefix)).as_bytes());
        hash.finalize().into()
    }
}

/// The ids that end a generation, ascending: `given` (eos, eot) and those known by their text.
pub(crate) fn end_of_generation(
    ids: &HashMap<String, u32>,
    given: impl IntoIterator<Item = u32>,
) -> Vec<u32> {
    let mut ends: Vec<u32> = END_OF_TURN.iter().filter_map(|text| ids.get(*text).copied()).collect();
    ends.extend(END_OF_FILL.iter().filter_map(|names| names.iter().find_map(|text| ids.get(*text).copied())));
    let has = |text: &str| ids.contains_key(text);
    let mut not_ends = Vec::new();
    // Harmony-style formats close every message with <|end|>, not every turn.
    if has("<|end|>") && ((has("<|return|>") && has("<|call|>")) || (has("<|calls|>") && has("<|flush|>"))) {
        not_ends.push("<|end|>");
    }
    // Where these exist, </s> is an HTML tag.
    if has("<|tool_response>") || has("<|plamo:eos|>") {
        not_ends.push("</s>");
    }
    ends.retain(|id| !not_ends.iter().any(|text| ids.get(*text) == Some(id)));
    ends.extend(given);
    ends.sort_unstable();
    ends.dedup();
    ends
}

pub(crate) fn wrong(what: String) -> Error {
    Error::Vocabulary { what: printable(&what) }
}
