//! Prompts → Admitted: quota is reserved, and the opening record is durable before the first token.

use std::sync::Arc;

use provenance::{Intent, OpenRequest, RequestKey, Stage};
use redact::Vault;
use tokio::sync::OwnedSemaphorePermit;
use zeroize::Zeroizing;

use crate::allowance::{self, Allowance};
use crate::clear::Cleared;
use crate::deny::{self, Verdict};
use crate::encode::{Prompts, encode};
use crate::gateway::Gateway;
use crate::record;
use crate::refusal::Refusal;
use crate::serving::Serving;

/// A request that the log knows of. Whatever happens now, the guard seals an outcome.
pub(crate) struct Admitted {
    pub(crate) open: OpenRequest,
    pub(crate) key: RequestKey,
    pub(crate) token_ids: Vec<Zeroizing<Vec<u32>>>,
    pub(crate) max_tokens: Vec<u32>,
    pub(crate) sampling: engine::SamplingParams,
    pub(crate) choices_each: usize,
    pub(crate) ignore_eos: bool,
    pub(crate) stop: Vec<Zeroizing<String>>,
    pub(crate) restore: bool,
    pub(crate) visible_mark: Option<String>,
    pub(crate) redactor: Arc<redact::Redactor>,
    pub(crate) vault: Vault,
    pub(crate) serving: Arc<Serving>,
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
pub(crate) async fn admit(gateway: &Gateway, cleared: Cleared) -> Result<Admitted, Refusal> {
    let record = cleared.entered().record.clone();
    let prompts = match encode(cleared) {
        Ok(prompts) => prompts,
        Err(refusal) => return Err(bounded(gateway, record, "request-does-not-fit", refusal).await),
    };
    let choices = prompts.token_ids.len().saturating_mul(prompts.cleared.entered().request.params.n as usize);
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
    let allowance = reserve(gateway, &prompts).await?;
    let Prompts { cleared, token_ids, sampling, max_tokens, rendered_at_ms, .. } = prompts;
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
    let demo = facts.demo;
    let open = gateway.open(Intent { request: facts, prev_config_event: None }).await?;
    Ok(Admitted {
        open,
        key,
        token_ids,
        max_tokens,
        sampling,
        choices_each: request.params.n as usize,
        ignore_eos: request.params.ignore_eos,
        stop: request.stop,
        restore: entered.use_case.restore_placeholders,
        visible_mark: entered.use_case.visible_mark,
        redactor: entered.redactor,
        vault,
        serving: entered.serving,
        use_case: entered.use_case.id,
        demo,
        allowance,
        place,
        started: entered.started,
        _admitted: Durable,
    })
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Seals a refusal that is no decision of the policy (too long, too busy), and gives it back to say.
async fn bounded(
    gateway: &Gateway,
    record: provenance::RequestFacts,
    rule: &str,
    refusal: Refusal,
) -> Refusal {
    match deny::seal(gateway, record, Verdict::built_in(Stage::Submit, rule, "", "")).await {
        Refusal::Denied(_) => refusal,
        closed => closed,
    }
}

/// Reserves what the request can take at most, or seals the denial.
async fn reserve(gateway: &Gateway, prompts: &Prompts) -> Result<Allowance, Refusal> {
    let entered = prompts.cleared.entered();
    let each = entered.request.params.n;
    let tokens = prompts.token_ids.iter().zip(&prompts.max_tokens).fold(0_u64, |sum, (ids, &max)| {
        sum.saturating_add(ids.len() as u64).saturating_add(u64::from(max).saturating_mul(each.into()))
    });
    let (ledger, use_case, now_ms) = (gateway.ledger().clone(), entered.use_case.clone(), gateway.now_ms());
    let outcome = gateway.blocking(move || allowance::reserve(&ledger, &use_case, tokens, now_ms)).await?;
    let exceeded = match outcome {
        Ok(allowance) => return Ok(allowance),
        Err(exceeded) => exceeded,
    };
    let verdict = match exceeded.demand.counter.measure {
        ledger::Measure::Requests => Verdict::built_in(
            Stage::Clear,
            "quota-requests-per-minute",
            "the use case has begun as many requests this minute as it may; try again in a minute",
            "de toepassing is deze minuut zoveel verzoeken begonnen als mag; probeer het over een minuut opnieuw",
        ),
        ledger::Measure::Tokens => Verdict::built_in(
            Stage::Clear,
            "quota-tokens-per-day",
            "the request could take more tokens than the use case has left today; lower max_tokens or ask its owner",
            "het verzoek kan meer tokens nemen dan de toepassing vandaag over heeft; verlaag max_tokens of vraag de eigenaar",
        ),
    };
    Err(deny::seal(gateway, entered.record.clone(), verdict.quota()).await)
}
