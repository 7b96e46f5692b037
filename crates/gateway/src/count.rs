//! Cleared → Counted: a text or a chat as the tokens that the model would be given, or tokens as text, under the same records as
//! an answer. Nothing is given to the engine and no tokens are charged; it counts as a request.

use std::time::Instant;

use provenance::{Intent, OutcomeFacts, Receipt, RequestKey};
use zeroize::Zeroizing;

use crate::admit::{bounded, count, opened, reserve};
use crate::caller::Caller;
use crate::clear::{Cleared, clear};
use crate::encode::token_ids;
use crate::endpoint::EndpointId;
use crate::enter::{Inbound, enter};
use crate::gateway::Gateway;
use crate::record;
use crate::refusal::Refusal;
use crate::request::GenerationRequest;
use crate::strip::strip;

/// What a caller gets for a text, a chat or token ids.
pub struct Counted {
    /// Proof of what happened. Its one commitment to what the caller is sent is over the text, for token ids that were made
    /// one, and else over the token ids, each as four bytes, little endian.
    pub receipt: Receipt,
    /// The tokens, after redaction.
    pub token_ids: Zeroizing<Vec<u32>>,
    /// The text of token ids; empty for everything else.
    pub text: Zeroizing<String>,
    /// Prompt and answer together, in tokens.
    pub context_tokens: usize,
    /// The model whose tokens they are.
    pub model: String,
    /// Whether the use case is the demonstration.
    pub demo: bool,
}

/// What a client needs to know of the tokenizer of the model that answers.
#[derive(Debug, Clone)]
pub struct TokenizerFacts {
    /// The model.
    pub model: String,
    /// SHA-256 of the tokenizer's data, in hexadecimal.
    pub sha256: String,
    /// How many token ids there are.
    pub vocab_size: usize,
    /// Prompt and answer together, in tokens.
    pub context_tokens: usize,
    /// The name of the token that opens a text.
    pub bos_token: Option<String>,
    /// The name of the token that ends a turn.
    pub eos_token: Option<String>,
    /// Whether a plain prompt begins with the opening token.
    pub add_bos_token: bool,
    /// The chat template, in Jinja.
    pub chat_template: Option<String>,
}

impl Gateway {
    /// The same path as for an answer, for what is only counted in tokens or made text of them: enter, strip, clear, count.
    /// `opening`: whether a plain prompt begins with the model's opening token, if it wants one.
    ///
    /// # Errors
    /// Whatever stage refuses, sealed.
    pub async fn count(
        &self,
        caller: Caller,
        request: GenerationRequest,
        opening: bool,
    ) -> Result<Counted, Refusal> {
        self.ready()?;
        let entered = enter(self, self.serving()?, Inbound { caller, request }).await?;
        let redacted = strip(self, entered).await?;
        let cleared = clear(self, redacted).await?;
        count_tokens(self, cleared, opening).await
    }

    /// Id of the model that answers, for requests that may leave it out.
    ///
    /// # Errors
    /// `Closed` until it is loaded.
    pub fn answering(&self) -> Result<String, Refusal> {
        Ok(self.serving()?.facts.id.clone())
    }

    /// The tokenizer of the model that answers, where the caller's use case may use that model.
    ///
    /// # Errors
    /// A denial, sealed; `UnknownModel`; or a closed gate.
    pub async fn tokenizer_facts(&self, caller: &Caller) -> Result<TokenizerFacts, Refusal> {
        let (serving, cards) = (self.serving()?, self.models(caller).await?);
        let model = serving.facts.id.clone();
        if !cards.iter().any(|card| card.id == model) {
            return Err(Refusal::UnknownModel { model });
        }
        let tokenizer = &serving.tokenizer;
        let named = |id: u32| tokenizer.token_text(id).map(str::to_owned);
        Ok(TokenizerFacts {
            model,
            sha256: hex::encode(tokenizer.digest()),
            vocab_size: tokenizer.vocab_len(),
            context_tokens: serving.generator.context_tokens(),
            bos_token: tokenizer.bos().and_then(named),
            eos_token: tokenizer.eos().and_then(named),
            add_bos_token: tokenizer.add_bos(),
            chat_template: serving.template.as_ref().map(|template| template.source().to_owned()),
        })
    }
}

/// Encodes what was cleared, counts the request, writes the intent and seals the outcome. `opening`: whether a plain prompt
/// begins with the model's opening token, if it wants one.
async fn count_tokens(gateway: &Gateway, mut cleared: Cleared, opening: bool) -> Result<Counted, Refusal> {
    let record = cleared.entered().record.clone();
    let (prompts, rendered_at_ms) = match token_ids(&mut cleared, opening) {
        Ok(encoded) => encoded,
        Err(refusal) => return Err(bounded(gateway, record, "request-does-not-fit", refusal).await),
    };
    let token_ids = Zeroizing::new(prompts.iter().flat_map(|ids| ids.iter().copied()).collect::<Vec<u32>>());
    let mut allowance = reserve(gateway, cleared.entered(), 0).await?;
    // Nothing is put back: what is counted is what the model would read.
    let (entered, _vault) = cleared.into_parts();
    let (mut facts, key, serving) = (entered.record, entered.key, entered.serving);
    if let Some(input) = &mut facts.input {
        let ids: Vec<&[u32]> = prompts.iter().map(|ids| ids.as_slice()).collect();
        input.token_commit = Some(key.commit_prompts(&ids));
        input.tokens = count(token_ids.len());
        input.prompts = count(prompts.len());
        input.rendered_at_ms = rendered_at_ms;
    }
    facts.decision.tokens_reserved = Some(0);
    facts.decision.reserved_at_ms = Some(entered.now_ms);
    let demo = facts.demo;
    // From the first poll on, the log's queue has the intent: a caller that goes away now has begun.
    allowance.begin();
    let admitted = gateway.log().admit(Intent { request: facts, prev_config_event: None }).await;
    let (open, _allowance) = opened(admitted, allowance)?;
    let text = match entered.request.endpoint {
        EndpointId::Detokenize => Zeroizing::new(serving.tokenizer.decode(&token_ids)),
        _ => Zeroizing::default(),
    };
    let receipt = open.seal(outcome(&key, &token_ids, &text, entered.started), &key).await;
    Ok(Counted {
        receipt: receipt.map_err(Refusal::closed)?,
        token_ids,
        text,
        context_tokens: serving.generator.context_tokens(),
        model: serving.facts.id.clone(),
        demo,
    })
}

fn outcome(key: &RequestKey, token_ids: &[u32], text: &str, started: Instant) -> OutcomeFacts {
    let bytes: Zeroizing<Vec<u8>> = Zeroizing::new(match text {
        "" => token_ids.iter().flat_map(|id| id.to_le_bytes()).collect(),
        text => text.as_bytes().to_vec(),
    });
    record::outcome_without_text(key, &bytes, started)
}
