//! Writes reference files as llama.cpp's tool writes them.

/// A reference file: `chunks` of tokens, each with the logits of its rows `[n_ctx - 1 - n_ctx / 2][n_vocab]`.
pub fn base_file(n_ctx: usize, n_vocab: usize, chunks: &[(Vec<u32>, Vec<Vec<f32>>)]) -> Vec<u8> {
    let mut file = b"_logits_".to_vec();
    for number in [n_ctx, n_vocab, chunks.len()] {
        file.extend((number as i32).to_le_bytes());
    }
    file.extend(chunks.iter().flat_map(|(tokens, _)| tokens).flat_map(|token| token.to_le_bytes()));
    for logits in chunks.iter().flat_map(|(_, rows)| rows) {
        file.extend(row(logits));
    }
    file
}

/// 16 bits a token between the greatest logit and 16 below it.
fn row(logits: &[f32]) -> Vec<u8> {
    let max = logits.iter().copied().fold(f32::MIN, f32::max);
    let min = logits.iter().copied().fold(f32::MAX, f32::min).max(max - 16.0);
    let sum: f64 = logits.iter().map(|logit| f64::from(logit - max).exp()).sum();
    let (scale, least) = ((max - min) / 65535.0, min - max - sum.ln() as f32);
    let mut row = [scale.to_le_bytes(), least.to_le_bytes()].concat();
    for logit in logits {
        let level = if scale > 0.0 { ((logit - min).max(0.0) / scale).round() } else { 0.0 };
        row.extend((level as u16).to_le_bytes());
    }
    row.resize(8 + 2 * logits.len().next_multiple_of(2), 0);
    row
}
