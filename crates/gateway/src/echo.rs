//! The prompt as the model read it, before the answer: placeholders stand where something was taken out, and stay.

use std::sync::Arc;

use engine::Scored;
use tokenizer::{Detokenizer, Tokenizer};
use zeroize::Zeroizing;

use crate::answer::TokenScore;
use crate::likely::Likely;
use crate::scores::Scores;

/// A prompt that is to be shown, while its scores come in.
pub(crate) struct Echo {
    ids: Zeroizing<Vec<u32>>,
    text: Zeroizing<String>,
    /// Of the second token, the third and so on.
    scores: Vec<Scored>,
}

impl Echo {
    pub(crate) fn new(tokenizer: &Tokenizer, ids: Zeroizing<Vec<u32>>) -> Self {
        let text = Zeroizing::new(tokenizer.decode(&ids));
        Self { ids, text, scores: Vec::new() }
    }

    /// Characters of the text.
    pub(crate) fn chars(&self) -> usize {
        self.text.chars().count()
    }

    /// Takes a score that is of the prompt, and gives back any other.
    pub(crate) fn take(&mut self, scored: Box<Scored>) -> Option<Box<Scored>> {
        if scored.position >= self.ids.len() {
            return Some(scored);
        }
        self.scores.push(*scored);
        None
    }

    /// The text, and the score of every token where there are any: nothing is said of the first.
    pub(crate) fn finish(
        self,
        tokenizer: &Arc<Tokenizer>,
        likely: Option<Likely>,
    ) -> (String, Vec<TokenScore>) {
        let text = self.text.as_str().to_owned();
        let Some(likely) = likely else { return (text, Vec::new()) };
        let mut scores = Scores::new(Arc::clone(tokenizer), likely, 0);
        let mut detokenizer = Detokenizer::new(Arc::clone(tokenizer));
        let scored =
            std::iter::once(None).chain(self.scores.into_iter().map(|scored| Some(Box::new(scored))));
        for (&id, scored) in self.ids.iter().zip(scored) {
            let piece = detokenizer.push(id).unwrap_or_default();
            scores.take(id, scored, &piece);
            scores.settle(&piece, Some(0));
        }
        let rest = detokenizer.finish().unwrap_or_default();
        scores.take_rest(&rest);
        scores.settle(&rest, Some(0));
        let all = scores.release(text.len());
        (text, all)
    }
}
