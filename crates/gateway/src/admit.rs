//! Prompts → Admitted: quota is reserved, and the opening record is durable before the first token.

use std::sync::Arc;

use provenance::{Intent, OpenRequest, RequestKey, Stage};
use redact::Vault;
use tokio::sync::OwnedSemaphorePermit;
use zeroize::Zeroizing;

use crate::allowance::{self, Allowance, Taker};
use crate::clear::Cleared;
use crate::constraint::{self, Held};
use crate::deny::{self, Verdict};
use crate::encode::{Prompts, encode};
use crate::enter::{Entered, QUOTA_STORE_FAILED};
use crate::gateway::Gateway;
use crate::record;
use crate::refusal::Refusal;
use crate::serving::Serving;
use crate::thoughts::{Budget, Thinking};
use crate::tools::Tools;

/// A request that the log knows of. Whatever happens now, the guard seals an outcome.
pub(crate) struct Admitted {
    pub(crate) open: OpenRequest,
    pub(crate) key: RequestKey,
    pub(crate) token_ids: Vec<Zeroizing<Vec<u32>>>,
    pub(crate) max_tokens: Vec<u32>,
    pub(crate) sampling: engine::SamplingParams,
    /// What every choice is held to.
    pub(crate) held: Option<Held>,
    /// Choices made for each prompt, and of those told.
    pub(crate) choices_each: usize,
    pub(crate) told_each: usize,
    pub(crate) ignore_eos: bool,
    /// The prompt is shown before each answer.
    pub(crate) echo: bool,
    /// The caller is told the scores of tokens.
    pub(crate) tells_scores: bool,
    /// How the answer of a model that thinks begins, and how long it may think.
    pub(crate) thinking: Option<Thinking>,
    pub(crate) budget: Option<Budget>,
    pub(crate) stop: Vec<Zeroizing<String>>,
    pub(crate) restore: bool,
    pub(crate) visible_mark: Option<String>,
    pub(crate) redactor: Arc<redact::Redactor>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) serving: Arc<Serving>,
    /// Names of the tools that may be called, and whether several may in one answer.
    pub(crate) tools: Option<(Arc<[String]>, bool)>,
    pub(crate) use_case: String,
    pub(crate) demo: bool,
    pub(crate) allowance: Allowance,
    pub(crate) place: OwnedSemaphorePermit,
    pub(crate) started: std::time::Instant,
    _admitted: Durable,
}

/// Made by [`admit`] alone, after the intent is durable.
struct Durable;

/// Encodes what was cleared, takes a place and a quota, and writes the intent.
pub(crate) async fn admit(gateway: &Gateway, mut cleared: Cleared) -> Result<Admitted, Refusal> {
    let record = cleared.entered().record.clone();
    let held = constraint::compile(gateway, &mut cleared).await?;
    let prompts = match encode(cleared, held.is_some()) {
        Ok(prompts) => prompts,
        Err(refusal) => return Err(bounded(gateway, record, "request-does-not-fit", refusal).await),
    };
    let choices =
        prompts.token_ids.len().saturating_mul(prompts.cleared.entered().request.params.made() as usize);
    if choices == 0 {
        let nothing = Refusal::Invalid { field: "n".to_owned(), reason: "must be at least 1".to_owned() };
        return Err(bounded(gateway, record, "no-choices", nothing).await);
    }
    let place = match gateway.place(choices) {
        Ok(place) => place,
        Err(refusal @ Refusal::Busy { .. }) => {
            return Err(bounded(gateway, record, "queue-full", refusal).await);
        }
        Err(refusal) => return Err(bounded(gateway, record, "too-many-choices", refusal).await),
    };
    let tokens_reserved = tokens(&prompts);
    let mut allowance = reserve(gateway, prompts.cleared.entered(), tokens_reserved).await?;
    let Prompts { cleared, token_ids, sampling, max_tokens, rendered_at_ms, thinking, budget, .. } = prompts;
    let (entered, vault) = cleared.into_parts();
    let (mut facts, key, request) = (entered.record, entered.key, entered.request);
    let stops: Vec<&str> = request.stop.iter().map(|stop| stop.as_str()).collect();
    facts.sampling = Some(record::sampling(&key, &sampling, &request.params, &stops));
    if let Some(input) = &mut facts.input {
        let prompts: Vec<&[u32]> = token_ids.iter().map(|ids| ids.as_slice()).collect();
        input.token_commit = Some(key.commit_prompts(&prompts));
        input.tokens = token_ids.iter().fold(0, |sum, ids| sum.saturating_add(count(ids.len())));
        input.prompts = count(token_ids.len());
        input.rendered_at_ms = rendered_at_ms;
    }
    facts.decision.tokens_reserved = Some(tokens_reserved);
    facts.decision.reserved_at_ms = Some(entered.now_ms);
    let demo = facts.demo;
    // From the first poll on, the log's queue has the intent: a caller that goes away now has begun.
    allowance.begin();
    let admitted = gateway.log().admit(Intent { request: facts, prev_config_event: None }).await;
    let (open, allowance) = opened(admitted, allowance)?;
    Ok(Admitted {
        open,
        key,
        token_ids,
        max_tokens,
        sampling,
        held,
        choices_each: request.params.made() as usize,
        told_each: request.params.n as usize,
        ignore_eos: request.params.ignore_eos,
        echo: request.params.echo,
        thinking,
        budget,
        tells_scores: request.params.logprobs.is_some(),
        tools: request.tools.as_ref().and_then(Tools::callable),
        stop: request.stop,
        restore: entered.use_case.restore_placeholders,
        visible_mark: entered.use_case.visible_mark,
        redactor: entered.redactor,
        vault: Arc::new(vault),
        serving: entered.serving,
        use_case: entered.use_case.id,
        demo,
        allowance,
        place,
        started: entered.started,
        _admitted: Durable,
    })
}

/// The open request with its allowance, or what becomes of that: a log that closed on the way may have the intent or not; one
/// that refused it has not.
pub(crate) fn opened(
    admitted: Result<OpenRequest, provenance::Error>,
    allowance: Allowance,
) -> Result<(OpenRequest, Allowance), Refusal> {
    match admitted {
        Ok(open) => Ok((open, allowance)),
        Err(error) => {
            match error {
                provenance::Error::LogClosed { .. } => allowance.leave(),
                _ => allowance.cancel(),
            }
            Err(Refusal::closed(error))
        }
    }
}

pub(crate) fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Seals a refusal by a bound of the engine.
pub(crate) async fn bounded(
    gateway: &Gateway,
    record: provenance::RequestFacts,
    rule: &str,
    refusal: Refusal,
) -> Refusal {
    deny::seal_refusal(gateway, record, Stage::Submit, rule, refusal).await
}

/// What the request can take at most.
fn tokens(prompts: &Prompts) -> u64 {
    let each = prompts.cleared.entered().request.params.made();
    prompts.token_ids.iter().zip(&prompts.max_tokens).fold(0_u64, |sum, (ids, &max)| {
        sum.saturating_add(ids.len() as u64).saturating_add(u64::from(max).saturating_mul(each.into()))
    })
}

/// Reserves so much, in the minute and day the request came in, or seals the denial.
pub(crate) async fn reserve<S>(
    gateway: &Gateway,
    entered: &Entered<S>,
    tokens: u64,
) -> Result<Allowance, Refusal> {
    let (ledger, use_case, now_ms) = (gateway.ledger().clone(), entered.use_case.clone(), entered.now_ms);
    let (key_id, user) = (entered.entry.principal.key_id.clone(), entered.record.actor_pseudonym);
    let outcome = gateway
        .blocking(move || {
            let taker = Taker { use_case: &use_case.id, key_id: &key_id, user };
            allowance::reserve(&ledger, &taker, &use_case, tokens, now_ms).map_err(Refusal::closed)
        })
        .await;
    let record = entered.record.clone();
    match outcome {
        Ok(Ok(allowance)) => Ok(allowance),
        Ok(Err(exceeded)) => {
            Err(deny::seal(gateway, record, Verdict::exceeded(Stage::Clear, &exceeded)).await)
        }
        Err(closed) => {
            Err(deny::seal_refusal(gateway, record, Stage::Clear, QUOTA_STORE_FAILED, closed).await)
        }
    }
}
