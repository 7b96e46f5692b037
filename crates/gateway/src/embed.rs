//! Cleared → Embedded: texts to vectors, under the same records as an answer: an intent before, an outcome after.

use std::sync::Arc;
use std::time::Instant;

use provenance::{EndReason, Intent, OutcomeFacts, Receipt, RequestKey, Status};
use zeroize::Zeroizing;

use crate::admit::{bounded, count, opened, reserve};
use crate::answer::Usage;
use crate::clear::Cleared;
use crate::encoders::{Embedding, Vectors};
use crate::endpoint::EndpointId;
use crate::energy::Reading;
use crate::gateway::Gateway;
use crate::record;
use crate::refusal::{Bound, Refusal};
use crate::request::{EmbeddingRequest, GenerationRequest, Input, Params};

/// What a caller gets for texts.
pub struct Embedded {
    /// Proof of what happened. Its one commitment to what the caller is sent is over the numbers of all vectors, in the
    /// order of the texts, each as four bytes, little endian: what `encoding_format: "base64"` carries.
    pub receipt: Receipt,
    /// One for each text.
    pub vectors: Vec<Vec<f32>>,
    /// What to charge.
    pub usage: Usage,
    /// The model that made them.
    pub model: String,
    /// Whether the use case is the demonstration.
    pub demo: bool,
}

impl EmbeddingRequest {
    /// The same request in the form that the first stages take.
    pub(crate) fn into_parts(self) -> (Option<usize>, GenerationRequest) {
        let request = GenerationRequest {
            tools: None,
            constraint: None,
            endpoint: EndpointId::Embeddings,
            model: self.model,
            input: Input::Text(self.inputs),
            stop: Vec::new(),
            scanned: self.scanned,
            params: Params { n: 1, max_tokens: Some(0), ..Params::default() },
            client_input: self.client_input,
            data_subjects: self.data_subjects,
            trace: self.trace,
            origin: self.origin,
        };
        (self.dimensions, request)
    }
}

/// Encodes what was cleared, takes a place and a quota, writes the intent, has the vectors made and seals the outcome.
pub(crate) async fn embed(
    gateway: &Gateway,
    mut cleared: Cleared<Embedding>,
    dimensions: Option<usize>,
) -> Result<Embedded, Refusal> {
    let record = cleared.entered().record.clone();
    let input = cleared.take_input();
    let texts = match encode(&cleared, input, dimensions) {
        Ok(texts) => texts,
        Err(refusal) => return Err(bounded(gateway, record, "request-does-not-fit", refusal).await),
    };
    // Held until the answer is made.
    let _place = match gateway.place(1) {
        Ok(place) => place,
        Err(refusal) => return Err(bounded(gateway, record, "queue-full", refusal).await),
    };
    let tokens = texts.iter().fold(0, |sum: u64, ids| sum.saturating_add(ids.len() as u64));
    let mut allowance = reserve(gateway, cleared.entered(), tokens).await?;
    // Nothing is put back: an embedding has no text.
    let (entered, _vault) = cleared.into_parts();
    let (mut facts, key) = (entered.record, entered.key);
    if let Some(input) = &mut facts.input {
        let ids: Vec<&[u32]> = texts.iter().map(|ids| ids.as_slice()).collect();
        input.token_commit = Some(key.commit_prompts(&ids));
        input.tokens = u32::try_from(tokens).unwrap_or(u32::MAX);
        input.prompts = count(texts.len());
    }
    facts.decision.tokens_reserved = Some(tokens);
    facts.decision.reserved_at_ms = Some(entered.now_ms);
    let demo = facts.demo;
    // From the first poll on, the log's queue has the intent: a caller that goes away now has begun.
    allowance.begin();
    let admitted = gateway.log().admit(Intent { request: facts, prev_config_event: None }).await;
    let (open, mut allowance) = opened(admitted, allowance)?;
    allowance.take(tokens);
    let (serving, started) = (entered.serving, entered.started);
    let watched = gateway.metrics().let_in(&entered.use_case.id, started);
    let (worker, at_start) = (Arc::clone(serving.worker()), gateway.meter().read());
    let made = gateway.blocking(move || worker.ask(texts).map_err(Refusal::closed)).await;
    let made = match made {
        Ok(made) => made,
        Err(why) => {
            open.abort(Status::Failed, EndReason::Engine);
            watched.ended(Status::Failed, None, tokens, 0);
            return Err(why);
        }
    };
    let outcome = outcome(gateway, &key, &made, (started, at_start));
    watched.ended(Status::Completed, None, tokens, 0);
    let receipt = open.seal(outcome, &key).await.map_err(Refusal::closed)?;
    let prompt_tokens = u32::try_from(tokens).unwrap_or(u32::MAX);
    let usage = Usage { prompt_tokens, completion_tokens: 0 };
    Ok(Embedded { receipt, vectors: made.vectors, usage, model: entered.request.model, demo })
}

/// Token ids of every text. One that does not fit is refused with both numbers, never cut.
fn encode(
    cleared: &Cleared<Embedding>,
    input: Input,
    dimensions: Option<usize>,
) -> Result<Vec<Zeroizing<Vec<u32>>>, Refusal> {
    let serving = &cleared.entered().serving;
    let invalid = |field: &str, reason: String| Refusal::Invalid { field: field.to_owned(), reason };
    if let Some(other) = dimensions.filter(|&wanted| wanted != serving.dimensions()) {
        let made = serving.dimensions();
        let reason =
            format!("is {other}, and this model makes vectors of {made}; leave it out or give {made}");
        return Err(invalid("dimensions", reason));
    }
    let Input::Text(texts) = input else {
        return Err(invalid("input", "must be text".to_owned()));
    };
    let mut all = Vec::with_capacity(texts.len());
    let mut total = 0_usize;
    for (index, text) in texts.iter().enumerate() {
        let encoded = serving.tokenizer().encode(text);
        let encoded = encoded.map_err(|error| invalid("input", error.to_string()))?;
        let ids = serving.tokenizer().framed(&encoded.ids);
        let (tokens, tokens_max) = (ids.len(), serving.tokens_max());
        if tokens > tokens_max {
            return Err(Refusal::TextTooLong {
                index: Some(index),
                tokens,
                tokens_max,
                bound: Bound::Context,
            });
        }
        total = total.saturating_add(tokens);
        all.push(ids);
    }
    let limit = cleared.entered().use_case.limits.tokens_per_request;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if total > limit {
        let bound = Bound::UseCase;
        return Err(Refusal::TextTooLong { index: None, tokens: total, tokens_max: limit, bound });
    }
    Ok(all)
}

fn outcome(
    gateway: &Gateway,
    key: &RequestKey,
    made: &Vectors,
    (started, at_start): (Instant, Reading),
) -> OutcomeFacts {
    let numbers = made.vectors.iter().flatten();
    let bytes: Zeroizing<Vec<u8>> = Zeroizing::new(numbers.flat_map(|number| number.to_le_bytes()).collect());
    let (millijoules, source) = gateway.meter().charge(at_start, made.busy_ns);
    OutcomeFacts {
        joules_milli: Some(millijoules),
        energy_source: Some(source),
        ..record::outcome_without_text(key, &bytes, started)
    }
}
