//! The tokenizer.

use std::borrow::Cow;

use zeroize::Zeroizing;

use crate::{Error, Rendered, Vocabulary};

/// Text to token ids and back. Keeps no prompt text.
pub struct Tokenizer {
    tokens: Vec<Vec<u8>>,
    end_of_generation: Vec<u32>,
    bos: Option<u32>,
    eos: Option<u32>,
    add_bos: bool,
    digest: [u8; 32],
}

impl Tokenizer {
    /// Builds from GGUF metadata.
    ///
    /// # Errors
    /// [`Error::UnknownModel`], [`Error::UnknownPreTokenizer`], [`Error::Vocabulary`].
    pub fn from_vocabulary(vocabulary: Vocabulary) -> Result<Self, Error> {
        Ok(Self {
            tokens: vocabulary.tokens.iter().map(|token| token.clone().into_bytes()).collect(),
            end_of_generation: vocabulary.eos.into_iter().collect(),
            bos: vocabulary.bos,
            eos: vocabulary.eos,
            add_bos: vocabulary.add_bos.unwrap_or(false),
            digest: [0; 32],
        })
    }
    /// Builds from a `tokenizer.json`.
    ///
    /// # Errors
    /// [`Error::Json`].
    pub fn from_json(json: &[u8]) -> Result<Self, Error> {
        let _ = json;
        Err(Error::Json { what: "not read yet".to_owned() })
    }
    /// Encodes text from anyone: special tokens in it are text. No BOS.
    ///
    /// # Errors
    /// [`Error::Encode`].
    pub fn encode(&self, text: &str) -> Result<Zeroizing<Vec<u32>>, Error> {
        let _ = text;
        Ok(Zeroizing::new(Vec::new()))
    }
    /// Encodes trusted text: special tokens in it become control tokens. No BOS.
    ///
    /// # Errors
    /// [`Error::Encode`].
    pub fn encode_with_specials(&self, text: &str) -> Result<Zeroizing<Vec<u32>>, Error> {
        self.encode(text)
    }
    /// Encodes a rendered conversation; BOS in front where the model wants one and the template wrote none.
    ///
    /// # Errors
    /// [`Error::Encode`], [`Error::ForeignRendering`].
    pub fn encode_rendered(&self, rendered: &Rendered) -> Result<Zeroizing<Vec<u32>>, Error> {
        let _ = rendered;
        Ok(Zeroizing::new(Vec::new()))
    }
    /// The text of `ids`; control tokens give nothing, bytes that are no UTF-8 give U+FFFD.
    pub fn decode(&self, ids: &[u32]) -> String {
        let bytes: Vec<u8> = ids.iter().flat_map(|id| self.token_bytes(*id).into_owned()).collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }
    /// The bytes token `id` stands for; nothing for an id outside the vocabulary.
    pub fn token_bytes(&self, id: u32) -> Cow<'_, [u8]> {
        Cow::Borrowed(self.tokens.get(id as usize).map_or(&[], Vec::as_slice))
    }
    /// Whether `id` is a control token.
    pub fn is_control(&self, id: u32) -> bool {
        Some(id) == self.bos
    }
    /// The ids that end a generation, ascending.
    pub fn end_of_generation(&self) -> &[u32] {
        &self.end_of_generation
    }
    /// The beginning-of-sequence token.
    pub fn bos(&self) -> Option<u32> {
        self.bos
    }
    /// The end-of-sequence token.
    pub fn eos(&self) -> Option<u32> {
        self.eos
    }
    /// Whether a prompt starts with BOS.
    pub fn add_bos(&self) -> bool {
        self.add_bos
    }
    /// How many tokens there are.
    pub fn vocab_len(&self) -> usize {
        self.tokens.len()
    }
    /// SHA-256 over everything that decides ids: vocabulary, merges, kinds, flags.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }
}
