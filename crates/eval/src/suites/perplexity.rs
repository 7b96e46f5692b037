//! Perplexity of a text: the mean surprise at each of its tokens, given those before it in its chunk.

use policy::Decimal;
use sha2::{Digest as _, Sha256};

use super::suite::{Suite, Task, Windows};
use super::{Measured, gate};
use crate::Error;
use crate::fidelity::{Estimate, exponential, mean, surprise};

/// What was found over all scored tokens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PerplexityEstimate {
    /// Tokens of the text.
    pub text_tokens: usize,
    /// Tokens that were scored.
    pub scored: usize,
    /// Surprise a token, in nats; the error takes tokens as independent.
    pub nll: Estimate,
    /// e to that.
    pub ppl: Estimate,
}

/// Runs the suite. `progress` is told chunks done and chunks in all.
///
/// # Errors
/// [`Error::Suite`] for another suite or another text than the one it names; [`Error::Engine`].
pub fn perplexity(
    suite: &Suite,
    loaded: &mut engine::Loaded,
    text: &str,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Measured, Error> {
    let wrong = |reason: String| Error::Suite { name: suite.name.clone(), reason };
    let Task::Perplexity(windows) = &suite.task else {
        return Err(wrong("does not measure perplexity".to_owned()));
    };
    let sha256 = gate::hex(&Sha256::digest(text.as_bytes()));
    if sha256 != windows.text_sha256 {
        let wanted = &windows.text_sha256;
        return Err(wrong(format!(
            "is about the text with sha256 {wanted}, and this one has {sha256}; --text FILE"
        )));
    }
    let found = score_text(loaded, text, windows, progress)?;
    let mut measured = Measured::default();
    measured.count("tokens_text", found.text_tokens as u64)?;
    measured.count("tokens_scored", found.scored as u64)?;
    measured.estimate("nats_per_token", found.nll.value)?;
    measured.estimate("nats_per_token_se", found.nll.error)?;
    measured.estimate("perplexity", found.ppl.value)?;
    measured.estimate("perplexity_se", found.ppl.error)?;
    measured.inputs.insert("text".to_owned(), sha256);
    let stated = [
        ("chunk_tokens", windows.chunk_tokens),
        ("stride_tokens", windows.stride_tokens),
        ("context_tokens", windows.context_tokens),
    ];
    for (name, number) in stated {
        measured.parameters.extend(Decimal::of_count(number.into()).map(|number| (name.to_owned(), number)));
    }
    Ok(measured)
}

/// Scores a text, chunk by chunk; a last chunk that is not whole is left out, as llama.cpp's `llama-perplexity` does, and so
/// is nothing of a text that is shorter than one chunk: that is an error.
///
/// # Errors
/// [`Error::Suite`] for a text of less than a chunk, or a logit that is not a number; [`Error::Engine`].
pub fn score_text(
    loaded: &mut engine::Loaded,
    text: &str,
    windows: &Windows,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<PerplexityEstimate, Error> {
    const NAME: &str = "perplexity";
    let wrong = |reason: &str| Error::Suite { name: NAME.to_owned(), reason: reason.to_owned() };
    let tokenizer = gateway::tokenizer_of(NAME, &loaded.metadata)?;
    let bos = tokenizer.bos().filter(|_| tokenizer.add_bos());
    let encoded = tokenizer.encode(text).map_err(gateway::LoadError::from)?;
    // The text begins as a served prompt of the model does.
    let tokens: Vec<u32> = bos.into_iter().chain(encoded.iter().copied()).collect();
    let [chunk, stride, from] =
        [windows.chunk_tokens, windows.stride_tokens, windows.context_tokens].map(|count| count as usize);
    let chunks = tokens.len().checked_sub(chunk).map(|rest| rest / stride.max(1) + 1);
    let chunks = chunks.ok_or_else(|| wrong("the text has fewer tokens than one chunk"))?;
    let vocab_len = loaded.model.vocab_len();
    let mut nll = Vec::new();
    for number in 0..chunks {
        let tokens: Vec<u32> = tokens.iter().skip(number * stride).take(chunk).copied().collect();
        let mut prompt: Vec<u32> = tokens.iter().take(chunk - 1).copied().collect();
        if let (Some(bos), Some(first)) = (bos, prompt.first_mut()) {
            *first = bos;
        }
        let logits = loaded.model.logits(&prompt, from, prompt.len())?;
        for (logits, next) in logits.chunks_exact(vocab_len).zip(tokens.iter().skip(from + 1)) {
            let one = surprise(logits, *next)
                .ok_or_else(|| wrong("the model gave a logit that is not a number"))?;
            nll.push(one);
        }
        progress(number + 1, chunks);
    }
    let found = mean(&nll).ok_or_else(|| wrong("fewer than two tokens were scored"))?;
    let (text_tokens, scored) = (encoded.len(), nll.len());
    Ok(PerplexityEstimate { text_tokens, scored, nll: found, ppl: exponential(found) })
}
