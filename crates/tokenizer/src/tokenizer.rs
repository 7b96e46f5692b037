//! The tokenizer: text to ids and back.

use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use zeroize::Zeroizing;

use crate::{
    Error, Rendered, Vocabulary,
    bpe::{ByteLevelBpe, letter_bytes, letters_to_bytes},
    chat::Piece,
    error::printable,
    grammar::Grammars,
    json::JsonModel,
    special::{Fragment, Special, Specials},
    spm::Spm,
    vocabulary::{Checked, Kind, end_of_generation, wrong},
};

/// Text to token ids and back. Its caches are off: it keeps no prompt text.
pub struct Tokenizer {
    pub(crate) model: Model,
    /// Tokens that are found in any text: what a vocabulary calls user-defined. Their ids are text, not control.
    pub(crate) user_defined: Specials,
    /// The same, and the control tokens: for trusted text only.
    pub(crate) all_special: Specials,
    pub(crate) texts: Vec<String>,
    pub(crate) kinds: Vec<Kind>,
    /// What each token adds to a text; control tokens add nothing.
    pub(crate) bytes: Vec<Box<[u8]>>,
    pub(crate) ids: HashMap<String, u32>,
    pub(crate) leading_space: LeadingSpace,
    pub(crate) end_of_generation: Vec<u32>,
    pub(crate) bos: Option<u32>,
    pub(crate) eos: Option<u32>,
    pub(crate) add_bos: bool,
    pub(crate) digest: [u8; 32],
    /// What grammars are matched against; made when the first one is asked for.
    pub(crate) grammars: OnceLock<Option<Arc<Grammars>>>,
}

/// The algorithm behind a tokenizer.
pub(crate) enum Model {
    Bpe(Box<ByteLevelBpe>),
    Spm(Box<Spm>),
    Json(Box<JsonModel>),
}

/// Where encoding puts a space that the text does not have, and decoding takes it away again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LeadingSpace {
    Never,
    /// At the start of the text only.
    Start,
    /// At the start, and after every special token.
    AfterSpecial,
}

impl Tokenizer {
    /// Builds from GGUF metadata.
    ///
    /// # Errors
    /// [`Error::UnknownModel`] and [`Error::UnknownPreTokenizer`] name what is not known; [`Error::Vocabulary`] says what contradicts itself.
    pub fn from_vocabulary(mut vocabulary: Vocabulary) -> Result<Self, Error> {
        let spm = match vocabulary.model.as_str() {
            "gpt2" => false,
            "llama" => true,
            other => return Err(Error::UnknownModel { model: printable(other) }),
        };
        let digest = vocabulary.digest();
        let checked = vocabulary.check()?;
        let model = match spm {
            true => Model::Spm(Box::new(Spm::new(&vocabulary, &checked)?)),
            false => Model::Bpe(Box::new(ByteLevelBpe::new(&vocabulary, &checked)?)),
        };
        let family_adds_bos =
            || crate::pre_tokenizer::family(vocabulary.pre.as_deref()).is_ok_and(|f| f.add_bos);
        let add_bos = vocabulary.add_bos.unwrap_or_else(|| spm || family_adds_bos());
        // SentencePiece's own numbering, where a file leaves it out.
        let default = |id: u32| {
            let control = checked.kinds.get(id as usize).is_some_and(|kind| kind.is_control());
            (spm && control).then_some(id)
        };
        let (bos, eos) = (vocabulary.bos.or_else(|| default(1)), vocabulary.eos.or_else(|| default(2)));
        if add_bos && bos.is_none() {
            return Err(wrong("prompts shall start with bos, and there is no bos token".to_owned()));
        }
        let leading_space = match vocabulary.add_space_prefix.unwrap_or(spm) && spm {
            true => LeadingSpace::AfterSpecial,
            false => LeadingSpace::Never,
        };
        let ends = end_of_generation(&checked.ids, eos.into_iter().chain(vocabulary.eot));
        let bytes = token_bytes(&checked, spm)?;
        let Checked { texts, mut kinds, ids } = checked;
        for id in bos.iter().chain(&eos).chain(&vocabulary.eot) {
            if let Some(kind) = kinds.get_mut(*id as usize) {
                *kind = Kind::Control;
            }
        }
        let special = |wanted: fn(Kind) -> bool| {
            let rows = (0u32..).zip(&texts).zip(&kinds).filter(|(_, kind)| wanted(**kind));
            let token = |((id, text), _): ((u32, &String), _)| Special {
                id,
                text: text.clone(),
                lstrip: false,
                rstrip: false,
            };
            Specials::new(rows.map(token).collect())
        };
        Ok(Self {
            model,
            user_defined: special(|kind| kind == Kind::UserDefined)?,
            all_special: special(|kind| kind == Kind::UserDefined || kind.is_control())?,
            texts,
            kinds,
            bytes,
            ids,
            leading_space,
            end_of_generation: ends,
            bos,
            eos,
            add_bos,
            digest,
            grammars: OnceLock::new(),
        })
    }

    /// Encodes text from anyone: special tokens in it are text. No BOS.
    ///
    /// # Errors
    /// [`Error::Encode`] when the text is too long or hard for the pattern that cuts it.
    pub fn encode(&self, text: &str) -> Result<Zeroizing<Vec<u32>>, Error> {
        let mut ids = Zeroizing::new(Vec::with_capacity(text.len() / 3 + 8));
        self.encode_plain(text, true, &mut ids)?;
        Ok(ids)
    }

    /// Encodes **trusted** text: special tokens in it become control tokens. No BOS.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub fn encode_with_specials(&self, text: &str) -> Result<Zeroizing<Vec<u32>>, Error> {
        let mut ids = Zeroizing::new(Vec::with_capacity(text.len() / 3 + 8));
        let mut after_special = true;
        for fragment in self.all_special.partition(text) {
            match fragment {
                Fragment::Text(text) => {
                    self.encode_plain(text, after_special, &mut ids)?;
                    after_special = false;
                }
                Fragment::Token(id) => {
                    ids.push(id);
                    after_special = true;
                }
            }
        }
        Ok(ids)
    }

    /// Encodes a rendered conversation, with BOS in front where the model wants one and the template wrote none.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`]; [`Error::ForeignRendering`] when the template was bound to another tokenizer.
    pub fn encode_rendered(&self, rendered: &Rendered) -> Result<Zeroizing<Vec<u32>>, Error> {
        if rendered.tokenizer != self.digest {
            return Err(Error::ForeignRendering);
        }
        let mut ids = Zeroizing::new(Vec::with_capacity(rendered.bytes() / 3 + 9));
        let mut after_special = true;
        for piece in &rendered.pieces {
            match piece {
                Piece::Text(text) => {
                    self.encode_plain(text, after_special, &mut ids)?;
                    after_special = false;
                }
                Piece::Control(id) => {
                    ids.push(*id);
                    after_special = true;
                }
            }
        }
        if let Some(bos) = self.bos.filter(|bos| self.add_bos && !rendered.starts_with(*bos)) {
            ids.insert(0, bos);
        }
        Ok(ids)
    }

    /// Encodes text in which nothing is control. `after_special`: it stands at the start, or after a special token.
    fn encode_plain(&self, text: &str, mut after_special: bool, ids: &mut Vec<u32>) -> Result<(), Error> {
        let from = ids.len();
        for fragment in self.user_defined.partition(text) {
            match fragment {
                Fragment::Text(part) => {
                    self.encode_fragment(part, after_special, ids)
                        .map_err(|what| Error::Encode { bytes: text.len(), what })?;
                    after_special = false;
                }
                Fragment::Token(id) => {
                    ids.push(id);
                    after_special = true;
                }
            }
        }
        // The models above hold no control tokens; a tokenizer.json's own model might.
        if ids.get(from..).is_some_and(|new| new.iter().any(|id| self.is_control(*id))) {
            ids.truncate(from);
            return Err(Error::Encode {
                bytes: text.len(),
                what: "its plain text would become a control token; the tokenizer's model holds control tokens",
            });
        }
        Ok(())
    }

    fn encode_fragment(
        &self,
        text: &str,
        after_special: bool,
        ids: &mut Vec<u32>,
    ) -> Result<(), &'static str> {
        match &self.model {
            Model::Bpe(bpe) => bpe
                .encode(text, ids)
                .map_err(|_| "the pattern that cuts it gave up; send it in smaller parts"),
            Model::Spm(spm) => {
                let prefix = after_special && self.leading_space != LeadingSpace::Never;
                let mut escaped = Zeroizing::new(String::with_capacity(text.len() * 2 + 3));
                for letter in prefix.then_some(' ').into_iter().chain(text.chars()) {
                    escaped.push(if letter == ' ' { '▁' } else { letter });
                }
                spm.encode(&escaped, ids);
                Ok(())
            }
            Model::Json(json) => json.encode(text, ids.is_empty(), ids),
        }
    }

    /// The text of `ids`: control tokens and ids outside the vocabulary give nothing, bytes that are no UTF-8 give U+FFFD.
    pub fn decode(&self, ids: &[u32]) -> String {
        let mut bytes = Zeroizing::new(Vec::with_capacity(ids.len() * 4));
        let mut after_special = true;
        for id in ids {
            bytes.extend_from_slice(self.bytes_after(*id, &mut after_special));
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// What token `id` adds to a text; `after_special` is the state between tokens, true at the start.
    pub(crate) fn bytes_after(&self, id: u32, after_special: &mut bool) -> &[u8] {
        let bytes: &[u8] = self.bytes.get(id as usize).map_or(&[], |bytes| bytes);
        let kind = self.kinds.get(id as usize).copied().unwrap_or(Kind::Unused);
        if kind.is_control() || kind == Kind::UserDefined {
            *after_special |= self.leading_space == LeadingSpace::AfterSpecial;
            return bytes;
        }
        let strip = std::mem::take(after_special) && self.leading_space != LeadingSpace::Never;
        bytes.strip_prefix(b" ").filter(|_| strip).unwrap_or(bytes)
    }

    /// The bytes token `id` adds to a text; nothing for a control token or an id outside the vocabulary.
    pub fn token_bytes(&self, id: u32) -> Cow<'_, [u8]> {
        Cow::Borrowed(self.bytes.get(id as usize).map_or(&[], |bytes| bytes))
    }

    /// The token's name in the vocabulary, control tokens too: `Ġhet`, `<|im_end|>`.
    pub fn token_text(&self, id: u32) -> Option<&str> {
        self.texts.get(id as usize).map(String::as_str)
    }

    /// The id of the token with this name.
    pub fn token_id(&self, text: &str) -> Option<u32> {
        self.ids.get(text).copied()
    }

    /// Whether `id` is a control token: one that no text from outside ever becomes.
    pub fn is_control(&self, id: u32) -> bool {
        self.kinds.get(id as usize).is_some_and(|kind| kind.is_control())
    }

    /// The ids that end a generation, ascending: eos, eot, and tokens whose text is a known end-of-turn marker.
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
        self.texts.len()
    }

    /// SHA-256 over everything that decides ids: vocabulary, merges, kinds, flags; or over the `tokenizer.json`.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// A rendered conversation as one text, control tokens by name: for tests and tools, not to be encoded again.
    pub fn rendered_text(&self, rendered: &Rendered) -> Zeroizing<String> {
        let text = rendered.pieces.iter().map(|piece| match piece {
            Piece::Text(text) => text.as_str(),
            Piece::Control(id) => self.token_text(*id).unwrap_or(""),
        });
        Zeroizing::new(text.collect())
    }

    /// The control tokens with their texts.
    pub(crate) fn controls(&self) -> impl Iterator<Item = (u32, &str)> {
        let rows = (0u32..).zip(&self.texts).zip(&self.kinds);
        rows.filter(|(_, kind)| kind.is_control()).map(|((id, text), _)| (id, text.as_str()))
    }
}

/// What each token adds to a text.
fn token_bytes(checked: &Checked, spm: bool) -> Result<Vec<Box<[u8]>>, Error> {
    let letters = letter_bytes();
    let rows = (0u32..).zip(&checked.texts).zip(&checked.kinds);
    rows.map(|((id, text), kind)| {
        let bytes = match kind {
            Kind::Control | Kind::Unknown => Vec::new(),
            Kind::UserDefined => text.clone().into_bytes(),
            Kind::Byte => match byte_token(text) {
                Some(byte) => vec![byte],
                None => return Err(wrong(format!("token {id} is a byte token and is not named <0xNN>"))),
            },
            Kind::Normal | Kind::Unused if spm => text.replace('▁', " ").into_bytes(),
            Kind::Normal | Kind::Unused => letters_to_bytes(text, &letters),
        };
        Ok(bytes.into_boxed_slice())
    })
    .collect()
}

/// The byte of `<0xNN>`.
pub(crate) fn byte_token(text: &str) -> Option<u8> {
    let hex = text.strip_prefix("<0x")?.strip_suffix('>')?;
    (hex.len() == 2).then(|| u8::from_str_radix(hex, 16).ok())?
}
