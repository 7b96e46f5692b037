//! Inbound → Entered: at the door. Who asks, for which use case, which model, when, and how much.

use std::sync::Arc;
use std::time::Instant;

use ledger::Exceeded;
use policy::{Decision, EntryRequest, Informed, InformedFacts, ModelFacts, QuotaFacts, UseCase};
use provenance::{Digest, RequestFacts, RequestKey, Stage};

use crate::active::ActivePolicy;
use crate::allowance::{self, Taker};
use crate::caller::Caller;
use crate::controls::{self, Seen};
use crate::deny::{self, Verdict};
use crate::endpoint::EndpointId;
use crate::gateway::Gateway;
use crate::informed;
use crate::record;
use crate::refusal::Refusal;
use crate::replay::Permitted;
use crate::request::{GenerationRequest, Input};
use crate::serving::{Serves, Serving};
use crate::subjects;

/// The rule of a request that the ledger failed.
pub(crate) const QUOTA_STORE_FAILED: &str = "quota-store-failed";

/// A request with the caller it was made by. Consumed at the door.
pub(crate) struct Inbound {
    pub(crate) caller: Caller,
    pub(crate) request: GenerationRequest,
}

/// A request that was let in.
pub(crate) struct Entered<S = Serving> {
    pub(crate) request: GenerationRequest,
    /// What the log will say of the request, filled in as it is learned.
    pub(crate) record: RequestFacts,
    pub(crate) key: RequestKey,
    pub(crate) entry: EntryRequest,
    pub(crate) use_case: UseCase,
    pub(crate) policy: Arc<ActivePolicy>,
    pub(crate) redactor: Arc<redact::Redactor>,
    pub(crate) serving: Arc<S>,
    pub(crate) started: Instant,
    pub(crate) now_ms: i64,
    _let_in: LetIn,
}

/// Made by [`enter`] alone.
struct LetIn;

/// Judges the request as it stands at the door. A denial is durable in the log before it is returned.
pub(crate) async fn enter<S: Serves>(
    gateway: &Gateway,
    serving: Arc<S>,
    inbound: Inbound,
) -> Result<Entered<S>, Refusal> {
    let Inbound { caller, mut request } = inbound;
    let policy = gateway.policy();
    let clock = gateway.moment();
    let now_ms = clock.as_ref().copied().unwrap_or_else(|jumped| jumped.expected_ms);
    let started = Instant::now();
    let (record, key) = record::begin(gateway, &policy, &caller, request.endpoint, &request.trace, now_ms)?;
    let people = std::mem::take(&mut request.data_subjects);
    let (mut record, key) = subjects::name_in(gateway, record, key, people).await?;
    if let Err(jumped) = clock {
        let why = Refusal::closed(jumped);
        return Err(deny::seal_refusal(gateway, record, Stage::Enter, "clock-jumped", why).await);
    }
    let known = request.model == serving.facts().id;
    let model = if known { serving.facts().clone() } else { ModelFacts::unknown(request.model.clone()) };
    if known {
        record.model = Some(serving.reference().clone());
    }
    record.engine = Some(record::engine(gateway, serving.as_ref())?);
    record.input = Some(record::input(&key, &request.client_input));
    let Stored { quota, exceeded, known } = match stored(gateway, &policy, &record, &request, &caller, now_ms)
        .await
    {
        Ok(stored) => stored,
        Err((rule, why)) => return Err(deny::seal_refusal(gateway, record, Stage::Enter, rule, why).await),
    };
    let seen = Seen {
        policy: &policy,
        principal: &caller.principal,
        loopback: request.origin.loopback,
        use_case: policy.use_case(&caller.principal.use_case),
        model: Some(&model),
        informed: &known,
        now_ms,
        // Counters that cannot be read have ended the request by now.
        counted: true,
    };
    let entry = EntryRequest {
        live: controls::live(gateway, &seen),
        principal: caller.principal,
        action: action(request.endpoint),
        model: Some(model),
        now_ms,
        loopback: request.origin.loopback,
        quota,
        informed: Informed::Known(known),
    };
    record.decision.tokens_reserved = Some(entry.quota.tokens_reserved);
    let decision = policy.enter(&entry);
    record.determining = record::names(decision.determining());
    if let Decision::Deny(denial) = decision {
        let verdict = Verdict::of(Stage::Enter, &denial).explained(&exceeded);
        return Err(deny::seal(gateway, record, verdict).await);
    }
    // The set permits only use cases that it knows.
    let unknown = || Refusal::closed("the policy permitted a use case it does not hold");
    let use_case = policy.use_case(&entry.principal.use_case).cloned().ok_or_else(unknown)?;
    let redactor = policy.redactor(&use_case)?;
    Ok(Entered {
        request,
        record,
        key,
        entry,
        use_case,
        policy,
        redactor,
        serving,
        started,
        now_ms,
        _let_in: LetIn,
    })
}

/// Lets in once more what a verified receipt says was let in: for a gateway that replays. What the log will say of it is found
/// anew, so that it can be compared.
pub(crate) fn again(
    gateway: &Gateway,
    serving: Arc<Serving>,
    permitted: &Permitted,
    mut request: GenerationRequest,
) -> Result<Entered, Refusal> {
    let (policy, now_ms) = (gateway.policy(), gateway.now_ms());
    let recorded = &permitted.intent.request;
    let missing = |what: &str| Refusal::Invalid {
        field: "receipt".to_owned(),
        reason: format!("its record has no {what}, which a replay needs"),
    };
    let id = recorded.use_case.as_ref().ok_or_else(|| missing("use case"))?.id.as_str().to_owned();
    let use_case = policy.use_case(&id).cloned().ok_or_else(|| Refusal::Invalid {
        field: "policy".to_owned(),
        reason: format!("has no use case {id}; name the policy folder as it stood then with --policy DIR"),
    })?;
    let redactor = policy.redactor(&use_case)?;
    request.params.seed = Some(recorded.sampling.as_ref().ok_or_else(|| missing("sampling"))?.seed);
    let record = RequestFacts {
        use_case: Some(record::reference(&use_case)?),
        policy_pack_sha256: Digest(policy.digest()),
        determining: Vec::new(),
        model: Some(serving.reference().clone()),
        engine: Some(record::engine(gateway, serving.as_ref())?),
        sampling: None,
        redaction: None,
        input: Some(record::input(&permitted.key, &request.client_input)),
        ..recorded.clone()
    };
    let mut entry = EntryRequest {
        action: action(request.endpoint),
        model: Some(serving.facts().clone()),
        ..EntryRequest::supposed(&use_case.id, use_case.allowed_roles.iter().cloned(), now_ms)
    };
    // Allowances are counted by key.
    if let Some(key_id) = &recorded.key_id {
        entry.principal.key_id = key_id.to_string();
    }
    let (key, started) = (permitted.key.clone(), Instant::now());
    let _let_in = LetIn;
    Ok(Entered { request, record, key, entry, use_case, policy, redactor, serving, started, now_ms, _let_in })
}

/// What the ledger knows of a request.
struct Stored {
    quota: QuotaFacts,
    exceeded: Vec<Exceeded>,
    known: InformedFacts,
}

/// Reads it. A part that fails is named by its rule.
async fn stored(
    gateway: &Gateway,
    policy: &policy::PolicySet,
    record: &RequestFacts,
    request: &GenerationRequest,
    caller: &Caller,
    now_ms: i64,
) -> Result<Stored, (&'static str, Refusal)> {
    let looked = quota(gateway, policy, record, request, now_ms).await;
    let (quota, exceeded) = looked.map_err(|closed| (QUOTA_STORE_FAILED, closed))?;
    let known = informed::known(gateway, &caller.principal);
    let known = known.map_err(|closed| (informed::STORE_FAILED, closed))?;
    Ok(Stored { quota, exceeded, known })
}

/// What an endpoint is called in the policy's schema.
pub(crate) fn action(endpoint: EndpointId) -> policy::Action {
    match endpoint {
        EndpointId::ChatCompletions
        | EndpointId::Messages
        | EndpointId::Responses
        | EndpointId::CountTokens => policy::Action::Chat,
        EndpointId::Completions | EndpointId::Tokenize | EndpointId::Detokenize => policy::Action::Complete,
        EndpointId::Embeddings => policy::Action::Embed,
        _ => policy::Action::ListModels,
    }
}

/// The allowance as it stands. What this request takes is an estimate here, because its text is not yet tokens;
/// the exact number is reserved in the ledger before anything is generated.
async fn quota(
    gateway: &Gateway,
    policy: &policy::PolicySet,
    record: &RequestFacts,
    request: &GenerationRequest,
    now_ms: i64,
) -> Result<(QuotaFacts, Vec<Exceeded>), Refusal> {
    let Some(use_case) =
        record.use_case.as_ref().and_then(|reference| policy.use_case(reference.id.as_str()))
    else {
        return Ok((QuotaFacts::default(), Vec::new()));
    };
    let (ledger, tokens) = (Arc::clone(gateway.ledger()), tokens_estimate(request));
    let (limits, use_case, user) = (use_case.limits, use_case.id.clone(), record.actor_pseudonym);
    let key_id = record.key_id.as_ref().map(|id| id.as_str().to_owned()).unwrap_or_default();
    let used = gateway
        .blocking(move || {
            let taker = Taker { use_case: &use_case, key_id: &key_id, user };
            allowance::used(&ledger, &taker, &limits, tokens, now_ms).map_err(Refusal::closed)
        })
        .await?;
    let facts = QuotaFacts {
        tokens_reserved: tokens,
        tokens_today: used.tokens_today,
        requests_this_minute: used.requests_this_minute,
    };
    Ok((facts, used.exceeded))
}

/// A low estimate: four bytes a token, and what was asked for.
fn tokens_estimate(request: &GenerationRequest) -> u64 {
    if request.endpoint.counts() {
        return 0;
    }
    let (bytes, prompts) = match &request.input {
        Input::Chat(messages) => (messages.iter().map(|m| m.content.len()).sum::<usize>(), 1),
        Input::Text(prompts) => (prompts.iter().map(|p| p.len()).sum::<usize>(), prompts.len()),
        Input::Tokens(prompts) => (prompts.iter().map(|p| p.len().saturating_mul(4)).sum(), prompts.len()),
    };
    let choices = (prompts as u64).saturating_mul(request.params.n.into());
    let wished = u64::from(request.params.max_tokens.unwrap_or(1)).saturating_mul(choices);
    (bytes as u64 / 4).saturating_add(wished)
}
