//! `tokenizer.json`, the format of the `tokenizers` crate.

use std::collections::HashMap;

use serde_json::Value;
use sha2::{Digest, Sha256};
use tokenizers::{
    DecoderWrapper, ModelWrapper, PostProcessorWrapper, PreTokenizerWrapper,
    pre_tokenizers::metaspace::PrependScheme,
};

use crate::{
    Error, Tokenizer,
    bpe::{letter_bytes, letters_to_bytes},
    error::printable,
    special::{Special, Specials},
    tokenizer::{LeadingSpace, Model, byte_token},
    vocabulary::{Kind, end_of_generation},
};

/// The largest `tokenizer.json` that is read, in bytes.
const JSON_BYTES_MAX: usize = 128 << 20;
/// The largest id a `tokenizer.json` may give a token.
const TOKENS_MAX: usize = 1 << 22;

/// A tokenizer as the `tokenizers` crate runs it, with special tokens taken as text and caches off.
pub(crate) struct JsonModel {
    start: tokenizers::Tokenizer,
    /// For text that does not stand at the start, where the two differ.
    rest: Option<tokenizers::Tokenizer>,
}

impl JsonModel {
    /// Appends the ids of `text`; `start`: nothing stands before it.
    pub(crate) fn encode(&self, text: &str, start: bool, ids: &mut Vec<u32>) -> Result<(), &'static str> {
        let model = self.rest.as_ref().filter(|_| !start).unwrap_or(&self.start);
        let encoding = model.encode_fast(text, false).map_err(|_| "the tokenizer's own steps refused it")?;
        ids.extend_from_slice(encoding.get_ids());
        Ok(())
    }
}

impl Tokenizer {
    /// Builds from a `tokenizer.json` whose decoder is byte-level, or replaces U+2581 with byte fallback.
    ///
    /// Which tokens are BOS and EOS stands in another file; they are guessed from the post-processor and from well-known
    /// texts, and [`Tokenizer::with_bos_eos`] sets them.
    ///
    /// # Errors
    /// [`Error::Json`] says what could not be read or is not supported.
    pub fn from_json(json: &[u8]) -> Result<Self, Error> {
        let raw = checked_json(json)?;
        let mut start =
            tokenizers::Tokenizer::from_bytes(json).map_err(|error| refused(error.to_string()))?;
        start.set_encode_special_tokens(true);
        start.with_post_processor(None::<PostProcessorWrapper>);
        start.with_padding(None);
        start.with_truncation(None).map_err(|error| refused(error.to_string()))?;
        let mut model = start.get_model().clone();
        match &mut model {
            ModelWrapper::BPE(bpe) => bpe.resize_cache(0),
            ModelWrapper::Unigram(unigram) => unigram.resize_cache(0),
            ModelWrapper::WordPiece(_) | ModelWrapper::WordLevel(_) => {
                return Err(refused("WordPiece and WordLevel models are not supported".to_owned()));
            }
        }
        start.with_model(model);
        let leading_space = leading_space(&raw);
        let rest = rest_of_text(&start);
        build(start, rest, &raw, leading_space, Sha256::digest(json).into())
    }

    /// Sets BOS and EOS by their texts (`tokenizer_config.json` names them), and whether prompts start with BOS.
    ///
    /// # Errors
    /// [`Error::Json`] when a text is no token.
    pub fn with_bos_eos(
        mut self,
        bos: Option<&str>,
        eos: Option<&str>,
        add_bos: bool,
    ) -> Result<Self, Error> {
        let id = |text: &str| {
            self.token_id(text)
                .ok_or_else(|| refused(format!("\"{text}\" is not a token of this vocabulary")))
        };
        let (bos, eos) = (bos.map(id).transpose()?, eos.map(id).transpose()?);
        if add_bos && bos.is_none() {
            return Err(refused("prompts shall start with bos, and no bos was named".to_owned()));
        }
        self.end_of_generation.extend(eos);
        self.end_of_generation.sort_unstable();
        self.end_of_generation.dedup();
        (self.bos, self.eos, self.add_bos) = (bos, eos, add_bos);
        Ok(self)
    }
}

fn build(
    start: tokenizers::Tokenizer,
    rest: Option<tokenizers::Tokenizer>,
    raw: &Value,
    leading_space: LeadingSpace,
    digest: [u8; 32],
) -> Result<Tokenizer, Error> {
    let byte_level = match start.get_decoder() {
        Some(decoder) => decodes_bytes(decoder)?,
        None => return Err(refused("it has no decoder".to_owned())),
    };
    let ids: HashMap<String, u32> = start.get_vocab(true).into_iter().collect();
    let len = ids.values().max().map_or(0, |id| *id as usize + 1);
    let mut texts = vec![String::new(); len];
    for (text, id) in &ids {
        if let Some(slot) = texts.get_mut(*id as usize) {
            slot.clone_from(text);
        }
    }
    let mut kinds = vec![Kind::Normal; len];
    let mut specials = Vec::new();
    for (id, token) in start.get_added_tokens_decoder() {
        if let Some(kind) = kinds.get_mut(id as usize) {
            *kind = if token.special { Kind::Control } else { Kind::UserDefined };
        }
        if token.special {
            specials.push(Special { id, text: token.content, lstrip: token.lstrip, rstrip: token.rstrip });
        }
    }
    let letters = letter_bytes();
    let bytes = texts.iter().zip(&mut kinds).map(|(text, kind)| {
        let bytes = match kind {
            Kind::Control => Vec::new(),
            Kind::UserDefined => text.clone().into_bytes(),
            _ if byte_level => letters_to_bytes(text, &letters),
            _ => match byte_token(text) {
                Some(byte) => vec![byte],
                None => text.replace('▁', " ").into_bytes(),
            },
        };
        bytes.into_boxed_slice()
    });
    let bytes = bytes.collect();
    let control = |text: &&str| ids.get(*text).copied();
    let first = first_special(raw).and_then(|text| ids.get(&text).copied());
    let bos =
        first.or_else(|| ["<s>", "<bos>", "<|begin_of_text|>", "<|startoftext|>"].iter().find_map(control));
    let eos = ["<|im_end|>", "<|eot_id|>", "</s>", "<eos>", "<|end_of_text|>", "<|endoftext|>"]
        .iter()
        .find_map(control);
    Ok(Tokenizer {
        end_of_generation: end_of_generation(&ids, eos),
        model: Model::Json(Box::new(JsonModel { start, rest })),
        user_defined: Specials::new(Vec::new())?,
        all_special: Specials::new(specials)?,
        texts,
        kinds,
        bytes,
        ids,
        leading_space,
        bos,
        eos,
        add_bos: first.is_some(),
        digest,
        grammars: std::sync::OnceLock::new(),
    })
}

/// Reads it as JSON, unless it is too large or its ids are.
pub(crate) fn checked_json(json: &[u8]) -> Result<Value, Error> {
    if json.len() > JSON_BYTES_MAX {
        return Err(refused(format!("{} bytes; at most {JSON_BYTES_MAX} are read", json.len())));
    }
    let raw: Value = serde_json::from_slice(json).map_err(|error| refused(error.to_string()))?;
    check_ids(&raw)?;
    Ok(raw)
}

/// Refuses ids that would make a table the file's size does not justify.
fn check_ids(raw: &Value) -> Result<(), Error> {
    let of_model = raw.pointer("/model/vocab").and_then(Value::as_object).into_iter().flatten();
    let of_added = raw.get("added_tokens").and_then(Value::as_array).into_iter().flatten();
    let ids = of_model.map(|(_, id)| id).chain(of_added.filter_map(|token| token.get("id")));
    match ids.filter_map(Value::as_u64).find(|id| *id >= TOKENS_MAX as u64) {
        Some(id) => Err(refused(format!("token id {id}; ids are below {TOKENS_MAX}"))),
        None => Ok(()),
    }
}

/// True for byte-level decoders, false for those that put spaces for U+2581.
fn decodes_bytes(decoder: &DecoderWrapper) -> Result<bool, Error> {
    let decoders = match decoder {
        DecoderWrapper::Sequence(sequence) => sequence.get_decoders(),
        single => std::slice::from_ref(single),
    };
    let byte_level = decoders.iter().any(|decoder| matches!(decoder, DecoderWrapper::ByteLevel(_)));
    let spaces = decoders
        .iter()
        .any(|decoder| matches!(decoder, DecoderWrapper::Metaspace(_) | DecoderWrapper::Replace(_)));
    match (byte_level, spaces) {
        (true, _) => Ok(true),
        (false, true) => Ok(false),
        _ => Err(refused("its decoder is neither byte-level nor one that replaces ▁".to_owned())),
    }
}

/// Where this tokenizer puts spaces that the text does not have.
fn leading_space(raw: &Value) -> LeadingSpace {
    let scheme = |step: &Value| match (
        step.get("type").and_then(Value::as_str),
        step.get("prepend_scheme").and_then(Value::as_str),
    ) {
        (Some("Metaspace"), Some("never")) => LeadingSpace::Never,
        (Some("Metaspace"), Some("first")) => LeadingSpace::Start,
        (Some("Metaspace" | "Prepend"), _) => LeadingSpace::AfterSpecial,
        (Some("ByteLevel"), _) if step.get("add_prefix_space") == Some(&Value::Bool(true)) => {
            LeadingSpace::AfterSpecial
        }
        _ => LeadingSpace::Never,
    };
    let steps = ["/normalizer", "/normalizer/normalizers", "/pre_tokenizer", "/pre_tokenizer/pretokenizers"];
    let mut found = steps.iter().filter_map(|pointer| raw.pointer(pointer)).flat_map(|step| match step {
        Value::Array(steps) => steps.iter().map(scheme).collect::<Vec<_>>(),
        single => vec![scheme(single)],
    });
    found.rfind(|space| *space != LeadingSpace::Never).unwrap_or(LeadingSpace::Never)
}

/// The same tokenizer for text that does not stand at the start, if its pre-tokenizer cares.
fn rest_of_text(start: &tokenizers::Tokenizer) -> Option<tokenizers::Tokenizer> {
    let mut pre_tokenizer = start.get_pre_tokenizer()?.clone();
    let mut changed = false;
    let mut never = |step: &mut PreTokenizerWrapper| {
        if let PreTokenizerWrapper::Metaspace(metaspace) = step
            && metaspace.get_prepend_scheme() == PrependScheme::First
        {
            metaspace.set_prepend_scheme(PrependScheme::Never);
            changed = true;
        }
    };
    match &mut pre_tokenizer {
        PreTokenizerWrapper::Sequence(sequence) => sequence.as_mut().iter_mut().for_each(never),
        single => never(single),
    }
    changed.then(|| {
        let mut rest = start.clone();
        rest.with_pre_tokenizer(Some(pre_tokenizer));
        rest
    })
}

/// The special token the post-processor puts in front of a single text.
fn first_special(raw: &Value) -> Option<String> {
    let post = raw.get("post_processor")?;
    let steps = match post.get("processors").and_then(Value::as_array) {
        Some(steps) => steps.iter().collect(),
        None => vec![post],
    };
    steps
        .iter()
        .find_map(|step| step.pointer("/single/0/SpecialToken/id").and_then(Value::as_str).map(str::to_owned))
}

pub(crate) fn refused(what: String) -> Error {
    Error::Json { what: printable(&what) }
}
