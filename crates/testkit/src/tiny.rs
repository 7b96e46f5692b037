//! Models of every family with random weights, small enough to run in any test.

use crate::Gguf;

pub(crate) const CHATML: &str = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] \
    + '<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

/// Special tokens, ids 0, 1 and 2; the 256 bytes follow, then what the merges make.
const SPECIALS: [&str; 3] = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];
const MERGES: [(&str, &str); 5] = [("h", "e"), ("Ġ", "t"), ("Ġt", "he"), ("e", "n"), ("i", "j")];

const F32: u32 = 0;
const Q4_1: u32 = 3;
const Q8_0: u32 = 8;

/// A family of models, as `general.architecture` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TinyFamily {
    /// Pairs of neighbours in RoPE, with factors of their own.
    Llama,
    /// The same with YaRN that leaves the scores alone, and a temperature.
    Mistral3,
    /// Biases of Q, K and V; halves of a head in RoPE.
    Qwen2,
    /// Norms of heads, and YaRN.
    Qwen3,
    /// Norms of heads and of what is added, GELU, scaled embeddings, sliding windows with a RoPE of their own.
    Gemma3,
}

impl TinyFamily {
    /// All of them.
    pub const ALL: [TinyFamily; 5] =
        [TinyFamily::Llama, TinyFamily::Mistral3, TinyFamily::Qwen2, TinyFamily::Qwen3, TinyFamily::Gemma3];

    /// `general.architecture`.
    pub fn architecture(self) -> &'static str {
        match self {
            TinyFamily::Llama => "llama",
            TinyFamily::Mistral3 => "mistral3",
            TinyFamily::Qwen2 => "qwen2",
            TinyFamily::Qwen3 => "qwen3",
            TinyFamily::Gemma3 => "gemma3",
        }
    }
}

/// The file of a tiny Llama with the given seed. The same seed gives the same bytes.
pub fn tiny_gguf(seed: u64) -> Vec<u8> {
    TinyModel { seed, ..TinyModel::default() }.build()
}

/// What a tiny model is made of. The default is a Llama with tied embeddings and two query heads to a KV head.
#[derive(Debug, Clone)]
pub struct TinyModel {
    /// What it is shaped like.
    pub family: TinyFamily,
    /// Of the weights.
    pub seed: u64,
    /// Layers.
    pub blocks: u32,
    /// Width of the hidden state; a multiple of 32.
    pub hidden: u32,
    /// Width of the feed-forward part; a multiple of 32.
    pub intermediate: u32,
    /// Query heads.
    pub num_heads: u32,
    /// Heads of keys and values.
    pub num_kv_heads: u32,
    /// Numbers in a head; with `num_heads` a multiple of 32.
    pub head_dim: u32,
    /// Positions it claims to be trained for.
    pub context: u32,
    /// Whether the head has a matrix of its own.
    pub untied: bool,
    /// For Gemma 3, which layers have a sliding window (of 20); `None` gives every third layer none.
    pub window_layers: Option<Vec<bool>>,
    /// Whether RoPE's frequencies are divided by factors of their own.
    pub rope_factors: bool,
    /// Whether every matrix is F32, so that activations are not quantized either.
    pub plain: bool,
    /// A tensor to leave out.
    pub without: Option<String>,
}

impl Default for TinyModel {
    fn default() -> Self {
        TinyModel {
            family: TinyFamily::Llama,
            seed: 0,
            blocks: 2,
            hidden: 64,
            intermediate: 96,
            num_heads: 4,
            num_kv_heads: 2,
            head_dim: 16,
            context: 512,
            untied: false,
            window_layers: None,
            rope_factors: false,
            plain: false,
            without: None,
        }
    }
}

impl TinyModel {
    /// A model of this family, with what distinguishes it large enough to matter.
    pub fn of(family: TinyFamily) -> Self {
        let plain = TinyModel { family, ..TinyModel::default() };
        match family {
            TinyFamily::Llama => TinyModel { rope_factors: true, ..plain },
            TinyFamily::Qwen2 => plain,
            TinyFamily::Mistral3 => TinyModel { untied: true, ..plain },
            TinyFamily::Qwen3 => TinyModel { head_dim: 32, untied: true, ..plain },
            TinyFamily::Gemma3 => TinyModel { head_dim: 32, num_kv_heads: 1, blocks: 4, ..plain },
        }
    }

    /// The models that golden logits are kept of, by the names of their files: one of each family, and the one size that
    /// is scaled otherwise. Their matrices are F32, so that nothing is quantized.
    pub fn golden() -> Vec<(&'static str, TinyModel)> {
        let one = |family: TinyFamily| (family.architecture(), TinyModel::of(family));
        let large = TinyModel { blocks: 62, ..TinyModel::of(TinyFamily::Gemma3) };
        let all = TinyFamily::ALL.map(one).into_iter().chain([("gemma3-62-blocks", large)]);
        all.map(|(name, model)| (name, TinyModel { plain: true, ..model })).collect()
    }

    /// Bytes of K and V a position takes in binary16.
    pub fn kv_bytes_per_token(&self) -> usize {
        2 * 2 * (self.blocks * self.num_kv_heads * self.head_dim) as usize
    }

    /// Its vocabulary's length.
    pub fn vocab_len() -> usize {
        SPECIALS.len() + 256 + MERGES.len()
    }

    /// The file.
    pub fn build(&self) -> Vec<u8> {
        self.gguf().build()
    }

    /// The file, to add to.
    pub fn gguf(&self) -> Gguf {
        let mut file = vocabulary(self.metadata());
        let mut random = SplitMix64(self.seed);
        for (name, shape, type_id) in self.tensors() {
            let matrix = shape.len() == 2;
            let type_id = if self.plain { F32 } else { type_id };
            let raw = match type_id {
                F32 if matrix || name.ends_with(".bias") => plain(&mut random, &shape),
                Q8_0 => q8_0(&mut random, &shape),
                Q4_1 => q4_1(&mut random, &shape),
                _ => norm(&mut random, &shape),
            };
            if self.without.as_deref() != Some(&*name) {
                file = file.tensor(&name, &shape, type_id, &raw);
            }
        }
        if self.rope_factors {
            let factors = (0..self.head_dim / 2).map(|i| 1.0 + i as f32);
            let raw: Vec<u8> = factors.clone().flat_map(f32::to_le_bytes).collect();
            file = file.tensor("rope_freqs.weight", &[factors.count() as u64], F32, &raw);
        }
        file
    }

    fn metadata(&self) -> Gguf {
        let architecture = self.family.architecture();
        let key = |name: &str| format!("{architecture}.{name}");
        let file = Gguf::new()
            .string("general.architecture", architecture)
            .string("general.name", "tiny")
            .u32(&key("block_count"), self.blocks)
            .u32(&key("context_length"), self.context)
            .u32(&key("embedding_length"), self.hidden)
            .u32(&key("feed_forward_length"), self.intermediate)
            .u32(&key("attention.head_count"), self.num_heads)
            .u32(&key("attention.head_count_kv"), self.num_kv_heads)
            .f32(&key("attention.layer_norm_rms_epsilon"), 1e-5)
            .f32(&key("rope.freq_base"), 10000.0)
            .u32(&key("vocab_size"), Self::vocab_len() as u32);
        let with_head_dim = |file: Gguf| {
            file.u32(&key("attention.key_length"), self.head_dim)
                .u32(&key("attention.value_length"), self.head_dim)
        };
        match self.family {
            TinyFamily::Llama => file.u32("llama.rope.dimension_count", self.head_dim),
            TinyFamily::Qwen2 => file,
            TinyFamily::Qwen3 => with_head_dim(file)
                .string("qwen3.rope.scaling.type", "yarn")
                .f32("qwen3.rope.scaling.factor", 2.0)
                .u32("qwen3.rope.scaling.original_context_length", self.context / 8),
            TinyFamily::Mistral3 => with_head_dim(file)
                .u32("mistral3.rope.dimension_count", self.head_dim)
                .string("mistral3.rope.scaling.type", "yarn")
                .f32("mistral3.rope.scaling.factor", 4.0)
                .u32("mistral3.rope.scaling.original_context_length", self.context / 2)
                .f32("mistral3.rope.scaling.yarn_beta_fast", 16.0)
                .f32("mistral3.rope.scaling.yarn_beta_slow", 2.0)
                .f32("mistral3.rope.scaling.yarn_log_multiplier", 1.0)
                .f32("mistral3.attention.temperature_scale", 0.1),
            TinyFamily::Gemma3 => {
                let file = with_head_dim(file)
                    .string("gemma3.rope.scaling.type", "linear")
                    .f32("gemma3.rope.scaling.factor", 8.0)
                    .u32("gemma3.attention.sliding_window", 20);
                let pattern = "gemma3.attention.sliding_window_pattern";
                match &self.window_layers {
                    Some(layers) => file.bools(pattern, layers),
                    None => file.u32(pattern, 3),
                }
            }
        }
    }

    fn tensors(&self) -> Vec<(String, Vec<u64>, u32)> {
        let (hidden, intermediate) = (u64::from(self.hidden), u64::from(self.intermediate));
        let head_dim = u64::from(self.head_dim);
        let (q, kv) = (head_dim * u64::from(self.num_heads), head_dim * u64::from(self.num_kv_heads));
        let vocab = Self::vocab_len() as u64;
        let mut all = vec![("token_embd.weight".to_owned(), vec![vocab, hidden], Q8_0)];
        for i in 0..self.blocks {
            let mut tensor = |name: &str, shape: &[u64], type_id: u32| {
                all.push((format!("blk.{i}.{name}"), shape.to_vec(), type_id));
            };
            tensor("attn_norm.weight", &[hidden], F32);
            tensor("attn_q.weight", &[q, hidden], Q4_1);
            tensor("attn_k.weight", &[kv, hidden], Q4_1);
            tensor("attn_v.weight", &[kv, hidden], Q8_0);
            tensor("attn_output.weight", &[hidden, q], Q4_1);
            tensor("ffn_norm.weight", &[hidden], F32);
            tensor("ffn_gate.weight", &[intermediate, hidden], Q4_1);
            tensor("ffn_up.weight", &[intermediate, hidden], Q8_0);
            tensor("ffn_down.weight", &[hidden, intermediate], Q4_1);
            if self.family == TinyFamily::Qwen2 {
                tensor("attn_q.bias", &[q], F32);
                tensor("attn_k.bias", &[kv], F32);
                tensor("attn_v.bias", &[kv], F32);
            }
            if matches!(self.family, TinyFamily::Qwen3 | TinyFamily::Gemma3) {
                tensor("attn_q_norm.weight", &[head_dim], F32);
                tensor("attn_k_norm.weight", &[head_dim], F32);
            }
            if self.family == TinyFamily::Gemma3 {
                tensor("post_attention_norm.weight", &[hidden], F32);
                tensor("post_ffw_norm.weight", &[hidden], F32);
            }
        }
        all.push(("output_norm.weight".to_owned(), vec![hidden], F32));
        if self.untied {
            all.push(("output.weight".to_owned(), vec![vocab, hidden], Q8_0));
        }
        all
    }
}

/// The byte-level alphabet of GPT-2: printable bytes stand for themselves, the others for 256, 257, …
fn vocabulary(file: Gguf) -> Gguf {
    let printable =
        |byte: u32| (33..=126).contains(&byte) || (161..=172).contains(&byte) || (174..=255).contains(&byte);
    let mut next = 256;
    let mut tokens: Vec<String> = SPECIALS.iter().map(|token| (*token).to_owned()).collect();
    for byte in 0..256 {
        let code = if printable(byte) {
            byte
        } else {
            next += 1;
            next - 1
        };
        tokens.extend(char::from_u32(code).map(String::from));
    }
    tokens.extend(MERGES.iter().map(|(left, right)| format!("{left}{right}")));
    let types: Vec<i32> = (0..tokens.len()).map(|id| if id < SPECIALS.len() { 3 } else { 1 }).collect();
    let merges: Vec<String> = MERGES.iter().map(|(left, right)| format!("{left} {right}")).collect();
    file.string("tokenizer.ggml.model", "gpt2")
        .string("tokenizer.ggml.pre", "smollm")
        .strings("tokenizer.ggml.tokens", &tokens)
        .i32s("tokenizer.ggml.token_type", &types)
        .strings("tokenizer.ggml.merges", &merges)
        .u32("tokenizer.ggml.bos_token_id", 1)
        .u32("tokenizer.ggml.eos_token_id", 2)
        .u32("tokenizer.ggml.unknown_token_id", 0)
        .u32("tokenizer.ggml.padding_token_id", 2)
        .bool("tokenizer.ggml.add_bos_token", false)
        .bool("tokenizer.ggml.add_space_prefix", false)
        .string("tokenizer.chat_template", CHATML)
}

/// Steele, Lea and Flood 2014.
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// Binary16 of mantissa (0 to 1023) and a power of two, −14 to 15.
fn f16(mantissa: u64, exponent: i32) -> [u8; 2] {
    (((exponent + 15) as u16) << 10 | mantissa as u16).to_le_bytes()
}

fn blocks(shape: &[u64]) -> u64 {
    shape.iter().product::<u64>() / 32
}

/// Scale, then 32 signed bytes: weights to about ±0.25.
fn q8_0(random: &mut SplitMix64, shape: &[u64]) -> Vec<u8> {
    let mut raw = Vec::new();
    for _ in 0..blocks(shape) {
        raw.extend(f16(random.next() % 1024, -10));
        raw.extend((0..4).flat_map(|_| random.next().to_le_bytes()));
    }
    raw
}

/// Scale, minimum, then 32 times 4 bits: weights to about ±0.25, the minimum a little off the middle.
fn q4_1(random: &mut SplitMix64, shape: &[u64]) -> Vec<u8> {
    let mut raw = Vec::new();
    for _ in 0..blocks(shape) {
        raw.extend(f16(random.next() % 256, -6));
        let minimum = u16::from_le_bytes(f16(896 + random.next() % 128, -4)) | 0x8000;
        raw.extend(minimum.to_le_bytes());
        raw.extend((0..2).flat_map(|_| random.next().to_le_bytes()));
    }
    raw
}

/// Around 1, as norms are.
fn norm(random: &mut SplitMix64, shape: &[u64]) -> Vec<u8> {
    let len = shape.iter().product::<u64>();
    (0..len).flat_map(|_| (0.75 + (random.next() >> 40) as f32 / (1u64 << 25) as f32).to_le_bytes()).collect()
}

/// Weights to ±0.25.
fn plain(random: &mut SplitMix64, shape: &[u64]) -> Vec<u8> {
    let len = shape.iter().product::<u64>();
    (0..len).flat_map(|_| ((random.next() >> 40) as f32 / (1u64 << 25) as f32 - 0.25).to_le_bytes()).collect()
}
