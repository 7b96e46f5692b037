//! What distinguishes the families. Everything else about a model stands in its file's metadata.

use kernels::{Activation, Pairing};

/// A family of decoders: pre-norm, rotary positions, grouped queries, gated feed-forward part.
#[derive(Debug, PartialEq)]
pub(crate) struct Family {
    /// `general.architecture`.
    pub(crate) architecture: &'static str,
    /// How RoPE pairs the numbers of a head.
    pub(crate) pairing: Pairing,
    /// Of the feed-forward part's gate.
    pub(crate) activation: Activation,
    /// Whether Q, K and V must have biases. In any family a bias is used where the file has one.
    pub(crate) biased: bool,
    /// Whether each head of Q and K is normed before RoPE.
    pub(crate) head_norms: bool,
    /// Whether what attention and feed-forward part give is normed before it is added.
    pub(crate) output_norms: bool,
    /// Whether embeddings are multiplied by the square root of their width.
    pub(crate) scaled_embedding: bool,
    /// Layers of the one size whose scores are divided by the root of `hidden / num_heads` instead of `head_dim`.
    pub(crate) blocks_scaled_by_width: Option<usize>,
    /// Period of the sliding windows' pattern where the file says none: the last layer of each period sees everything.
    /// `None` in a family without windows.
    pub(crate) window_period: Option<usize>,
}

/// Llama of every version, and what is shaped like it: SmolLM2, Mistral (Touvron et al. 2023, arXiv:2302.13971).
const LLAMA: Family = Family {
    architecture: "llama",
    // GGUF has the rows of Q and K permuted for neighbouring pairs.
    pairing: Pairing::Interleaved,
    activation: Activation::Silu,
    biased: false,
    head_norms: false,
    output_norms: false,
    scaled_embedding: false,
    blocks_scaled_by_width: None,
    window_period: None,
};

const FAMILIES: [Family; 5] = [
    LLAMA,
    Family { architecture: "mistral3", ..LLAMA },
    // Qwen2 and Qwen2.5 (Yang et al. 2024, arXiv:2407.10671).
    Family { architecture: "qwen2", pairing: Pairing::NeoX, biased: true, ..LLAMA },
    // Yang et al. 2025, arXiv:2505.09388.
    Family { architecture: "qwen3", pairing: Pairing::NeoX, head_norms: true, ..LLAMA },
    // Gemma Team 2025, arXiv:2503.19786. Its norms multiply by 1 + weight; the file's weights have the 1 in them.
    Family {
        architecture: "gemma3",
        pairing: Pairing::NeoX,
        activation: Activation::GeluTanh,
        biased: false,
        head_norms: true,
        output_norms: true,
        scaled_embedding: true,
        // Gemma 3 27B. No key says so.
        blocks_scaled_by_width: Some(62),
        window_period: Some(6),
    },
];

/// Values of `general.architecture` there is a family for.
pub(crate) const SUPPORTED: &str = "llama, mistral3, qwen2, qwen3, gemma3";

/// The family of a `general.architecture`.
pub(crate) fn family(architecture: &str) -> Option<&'static Family> {
    FAMILIES.iter().find(|family| family.architecture == architecture)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_to_be_supported_is() {
        assert_eq!(FAMILIES.map(|family| family.architecture).join(", "), SUPPORTED);
    }
}
