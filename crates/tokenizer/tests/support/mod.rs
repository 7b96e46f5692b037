//! Vocabularies for the tests: two tiny ones from `data/`, and whole ones out of GGUF files where there are any.
#![allow(dead_code, reason = "each test binary uses a part")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "test support: a broken file shall fail loudly"
)]
#![allow(clippy::print_stderr, clippy::panic, reason = "tests say what they skip")]

use std::{collections::HashMap, fs, path::PathBuf, sync::Arc};

use tokenizer::{Tokenizer, Vocabulary};

pub const TEXT: &str = include_str!("../golden/text.txt");

fn unhex(hex: &str) -> String {
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    String::from_utf8((0..hex.len()).step_by(2).map(byte).collect()).unwrap()
}

/// A byte-level BPE of about 1,400 tokens, trained on the golden text so that many tokens straddle the families' cuts. Bytes
/// 0x04 and 0x06 have no token.
pub fn tiny_bpe_vocabulary(pre: &str) -> Vocabulary {
    let mut vocabulary = Vocabulary {
        model: "gpt2".to_owned(),
        pre: Some(pre.to_owned()),
        bos: Some(1),
        eos: Some(2),
        add_bos: Some(false),
        ..Vocabulary::default()
    };
    for line in include_str!("../data/tiny_bpe.txt").lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        if fields[0] == "m" {
            vocabulary.merges.push(format!("{} {}", unhex(fields[1]), unhex(fields[2])));
        } else {
            vocabulary.token_types.push(fields[0].parse().unwrap());
            vocabulary.tokens.push(unhex(fields[1]));
        }
    }
    vocabulary
}

/// A SentencePiece-style vocabulary in which scores come in equal triples.
pub fn tiny_spm_vocabulary() -> Vocabulary {
    let mut vocabulary = Vocabulary {
        model: "llama".to_owned(),
        bos: Some(1),
        eos: Some(2),
        unk: Some(0),
        ..Vocabulary::default()
    };
    for line in include_str!("../data/tiny_spm.txt").lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        vocabulary.token_types.push(fields[0].parse().unwrap());
        vocabulary.tokens.push(unhex(fields[1]));
        vocabulary.scores.push(fields[2].parse().unwrap());
    }
    vocabulary
}

pub fn tiny_bpe(pre: &str) -> Arc<Tokenizer> {
    Arc::new(Tokenizer::from_vocabulary(tiny_bpe_vocabulary(pre)).unwrap())
}

pub fn tiny_spm(add_space_prefix: bool) -> Arc<Tokenizer> {
    let vocabulary = Vocabulary { add_space_prefix: Some(add_space_prefix), ..tiny_spm_vocabulary() };
    Arc::new(Tokenizer::from_vocabulary(vocabulary).unwrap())
}

/// The model the project runs by default, if it is here.
pub fn smollm2() -> Option<Gguf> {
    let path = match std::env::var_os("PROEFTUIN_TEST_MODEL") {
        Some(path) => PathBuf::from(path),
        None => {
            let target = std::env::current_exe().ok()?.ancestors().nth(3)?.to_owned();
            target.join("test-models/SmolLM2-135M-Instruct.Q4_1.gguf")
        }
    };
    read(path, "SmolLM2 (PROEFTUIN_TEST_MODEL)")
}

/// Gemma 3 270M, if `PROEFTUIN_TEST_GEMMA` says where it is.
pub fn gemma3() -> Option<Gguf> {
    read(
        std::env::var_os("PROEFTUIN_TEST_GEMMA").unwrap_or_default().into(),
        "Gemma 3 (PROEFTUIN_TEST_GEMMA)",
    )
}

fn read(path: PathBuf, name: &str) -> Option<Gguf> {
    if !path.is_file() {
        eprintln!("skipped: no {name}");
        return None;
    }
    use std::io::Read;
    // Metadata comes first; tensors are not needed.
    let mut bytes = Vec::new();
    fs::File::open(path).unwrap().take(48 << 20).read_to_end(&mut bytes).unwrap();
    Some(Gguf::parse(&bytes))
}

/// The metadata of a GGUF file. For tests alone: it trusts the file.
pub struct Gguf(HashMap<String, Field>);

#[derive(Debug, Clone)]
enum Field {
    Number(f64),
    Bool(bool),
    Text(String),
    List(Vec<Field>),
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take(&mut self, len: usize) -> &[u8] {
        let (taken, rest) = self.0.split_at(len);
        self.0 = rest;
        taken
    }
    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take(4).try_into().unwrap())
    }
    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take(8).try_into().unwrap())
    }
    fn text(&mut self) -> String {
        let len = self.u64() as usize;
        String::from_utf8(self.take(len).to_vec()).unwrap()
    }
    fn field(&mut self, kind: u32) -> Field {
        match kind {
            0 | 1 => Field::Number(f64::from(self.take(1)[0])),
            2 | 3 => Field::Number(f64::from(u16::from_le_bytes(self.take(2).try_into().unwrap()))),
            4 => Field::Number(f64::from(self.u32())),
            5 => Field::Number(f64::from(self.u32() as i32)),
            6 => Field::Number(f64::from(f32::from_bits(self.u32()))),
            7 => Field::Bool(self.take(1)[0] != 0),
            8 => Field::Text(self.text()),
            9 => {
                let kind = self.u32();
                let len = self.u64();
                Field::List((0..len).map(|_| self.field(kind)).collect())
            }
            10 | 11 => Field::Number(self.u64() as f64),
            12 => Field::Number(f64::from_bits(self.u64())),
            other => panic!("GGUF type {other}"),
        }
    }
}

impl Gguf {
    fn parse(bytes: &[u8]) -> Self {
        let mut reader = Reader(bytes);
        assert_eq!(reader.take(4), b"GGUF");
        let (_version, _tensors, count) = (reader.u32(), reader.u64(), reader.u64());
        let field = |_| {
            let key = reader.text();
            let kind = reader.u32();
            (key, reader.field(kind))
        };
        Self((0..count).map(field).collect())
    }

    pub fn text(&self, key: &str) -> Option<String> {
        if let Field::Text(text) = self.0.get(key)? { Some(text.clone()) } else { None }
    }

    fn list(&self, key: &str) -> Vec<Field> {
        if let Some(Field::List(list)) = self.0.get(key) { list.clone() } else { Vec::new() }
    }

    fn number(&self, key: &str) -> Option<u32> {
        if let Field::Number(number) = self.0.get(key)? { Some(*number as u32) } else { None }
    }

    fn flag(&self, key: &str) -> Option<bool> {
        if let Field::Bool(flag) = self.0.get(key)? { Some(*flag) } else { None }
    }

    pub fn vocabulary(&self) -> Vocabulary {
        let texts = |key: &str| {
            let text = |field| if let Field::Text(text) = field { text } else { panic!("{key}") };
            self.list(key).into_iter().map(text).collect()
        };
        let numbers = |key: &str| {
            let number = |field| if let Field::Number(number) = field { number } else { panic!("{key}") };
            self.list(key).into_iter().map(number).collect::<Vec<f64>>()
        };
        let key = |name: &str| format!("tokenizer.ggml.{name}");
        Vocabulary {
            model: self.text(&key("model")).unwrap(),
            pre: self.text(&key("pre")),
            tokens: texts(&key("tokens")),
            scores: numbers(&key("scores")).into_iter().map(|score| score as f32).collect(),
            token_types: numbers(&key("token_type")).into_iter().map(|kind| kind as i32).collect(),
            merges: texts(&key("merges")),
            bos: self.number(&key("bos_token_id")),
            eos: self.number(&key("eos_token_id")),
            eot: self.number(&key("eot_token_id")),
            unk: self.number(&key("unknown_token_id")),
            pad: self.number(&key("padding_token_id")),
            add_bos: self.flag(&key("add_bos_token")),
            add_eos: self.flag(&key("add_eos_token")),
            add_space_prefix: self.flag(&key("add_space_prefix")),
        }
    }

    pub fn tokenizer(&self) -> Arc<Tokenizer> {
        Arc::new(Tokenizer::from_vocabulary(self.vocabulary()).unwrap())
    }
}
