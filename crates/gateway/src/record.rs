//! What the log says of a request, filled in stage by stage. Names are looked up, never taken from the client.

use std::collections::BTreeMap;
use std::time::Instant;

use policy::{DataClass, FindingFacts, PolicySet, SpecialCategoryAction, UseCase};
use provenance::{
    ChoiceFacts, Configuration, DecisionFacts, Digest, EngineRef, Finish, InputFacts, LIST_MAX, Name,
    OutcomeFacts, ReceiptId, RedactionFacts, RequestFacts, RequestKey, SamplingFacts, SpanId, Stage, Status,
    TraceId, UseCaseRef,
};
use redact::{Group, Kind, Redaction};

use crate::caller::Caller;
use crate::endpoint::EndpointId;
use crate::flow::ms_since;
use crate::gateway::Gateway;
use crate::refusal::Refusal;
use crate::request::{Params, Trace};
use crate::serving::{Serves, name};
use engine::SamplingParams;

/// The record of a request that has just come in, and the key of its commitments.
pub(crate) fn begin(
    gateway: &Gateway,
    policy: &PolicySet,
    caller: &Caller,
    endpoint: EndpointId,
    trace: &Trace,
    now_ms: i64,
) -> Result<(RequestFacts, RequestKey), Refusal> {
    let id = ReceiptId::random().map_err(Refusal::closed)?;
    let subject = gateway
        .ring()
        .actor(provenance::epoch_of(now_ms), &caller.principal.actor)
        .map_err(Refusal::closed)?;
    let use_case = policy.use_case(&caller.principal.use_case);
    let facts = RequestFacts {
        id,
        trace_id: Some(trace_id(trace, &id)),
        span_id: Some(SpanId(first_half(&id))),
        parent_span_id: trace.parent_span_id.map(SpanId),
        tenant: None,
        use_case: use_case.map(reference).transpose()?,
        demo: use_case.is_some_and(|record| record.kind == policy::Kind::Demo),
        processing_activity_id: use_case
            .and_then(|record| Name::new(record.processing_activity_id.clone()).ok()),
        action: name(&endpoint.to_string())?,
        key_id: Some(name(&caller.principal.key_id)?),
        actor_pseudonym: subject.pseudonym(),
        data_subject_pseudonym: None,
        data_subject_type: None,
        other_data_subjects: Vec::new(),
        key_epoch: subject.epoch,
        decision: DecisionFacts {
            verdict: provenance::Verdict::Permit,
            stage: Stage::Enter,
            rule: None,
            data_class: None,
            special_categories: Vec::new(),
            tokens_reserved: None,
            reserved_at_ms: None,
        },
        policy_pack_sha256: Digest(policy.digest()),
        determining: Vec::new(),
        model: None,
        engine: None,
        sampling: None,
        redaction: None,
        input: None,
    };
    let key = subject.request_key(&id);
    Ok((facts, key))
}

/// The outcome of a request that came to its end and generated nothing; `given` is what the caller gets.
pub(crate) fn outcome_without_text(key: &RequestKey, given: &[u8], started: Instant) -> OutcomeFacts {
    OutcomeFacts {
        status: Status::Completed,
        reason: None,
        choices: vec![ChoiceFacts {
            client_commit: key.commit(given),
            token_commit: key.commit_tokens(&[]),
            tokens: 0,
            finish: Finish::Stop,
            marked: false,
        }],
        screen: None,
        ms: ms_since(started),
        first_token_ms: None,
        joules_milli: None,
        energy_source: None,
    }
}

fn first_half(id: &ReceiptId) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = id.0;
    [a, b, c, d, e, f, g, h]
}

/// The caller's trace, or one of our own: the receipt's id serves, since both are 16 random bytes.
fn trace_id(trace: &Trace, id: &ReceiptId) -> TraceId {
    TraceId(if trace.trace_id == Trace::NONE.trace_id { id.0 } else { trace.trace_id })
}

/// A use case as the log names it.
pub(crate) fn reference(use_case: &policy::UseCase) -> Result<UseCaseRef, Refusal> {
    Ok(UseCaseRef { id: name(&use_case.id)?, rev: use_case.revision, sha256: Digest(use_case.sha256) })
}

/// The engine as the log names it.
pub(crate) fn engine(gateway: &Gateway, serving: &impl Serves) -> Result<EngineRef, Refusal> {
    let Configuration { build_sha256, config_sha256, .. } = gateway.configuration();
    Ok(EngineRef {
        build_sha256: *build_sha256,
        config_sha256: *config_sha256,
        isa: name(&serving.isa())?,
        context_tokens: u32::try_from(serving.context_tokens()).ok(),
        assurance: serving.assurance(),
    })
}

/// The client's input, before it is tokens.
pub(crate) fn input(key: &RequestKey, client_input: &[u8]) -> InputFacts {
    InputFacts {
        client_commit: key.commit(client_input),
        token_commit: None,
        tokens: 0,
        prompts: 0,
        rendered_at_ms: None,
    }
}

/// Sampling as resolved. Every number was rounded to thousandths before, so nothing is lost here.
pub(crate) fn sampling(
    key: &RequestKey,
    sampling: &SamplingParams,
    params: &Params,
    stops: &[&str],
) -> SamplingFacts {
    let commit = |parts: Vec<u8>| (!parts.is_empty()).then(|| key.commit(&parts));
    // Each with its length, so that two lists never commit alike.
    let stops =
        stops.iter().flat_map(|s| (s.len() as u64).to_le_bytes().into_iter().chain(s.bytes())).collect();
    let biases = sampling
        .logit_bias
        .iter()
        .flat_map(|(id, bias)| id.to_le_bytes().into_iter().chain(bias.to_le_bytes()))
        .collect();
    SamplingFacts {
        seed: sampling.seed,
        temperature_milli: milli(sampling.temperature).unsigned_abs(),
        top_p_milli: milli(sampling.top_p).unsigned_abs(),
        min_p_milli: milli(sampling.min_p).unsigned_abs(),
        top_k: sampling.top_k,
        repetition_penalty_milli: milli(sampling.repetition_penalty),
        presence_penalty_milli: milli(sampling.presence_penalty),
        frequency_penalty_milli: milli(sampling.frequency_penalty),
        max_tokens: params.max_tokens.unwrap_or(0),
        n: params.n,
        stop_commit: commit(stops),
        logit_bias_commit: commit(biases),
        grammar_commit: None,
    }
}

fn milli(value: f32) -> i32 {
    #[expect(clippy::cast_possible_truncation, reason = "sampling parameters lie within ±100")]
    let milli = (value * 1000.0).round() as i32;
    milli
}

/// Redaction before it has found anything.
pub(crate) fn redaction(detector_sha256: [u8; 32]) -> RedactionFacts {
    RedactionFacts {
        detector_sha256: Digest(detector_sha256),
        counts: BTreeMap::new(),
        unresolved: 0,
        failed: false,
    }
}

/// Findings as the policy judges them.
pub(crate) fn findings(redaction: &Redaction, case: &UseCase) -> FindingFacts {
    let strips = case.special_category_action == SpecialCategoryAction::Strip;
    // What is stripped is not taken, so it needs no authorisation; it is still counted and named.
    let taken = redaction.counts.keys().filter(|kind| !(strips && kind.group() == Group::Special));
    FindingFacts {
        counts: redaction.counts.iter().map(|(kind, &count)| (kind.id().to_owned(), count.into())).collect(),
        data_class: taken.map(|&kind| class(kind)).max().unwrap_or(DataClass::None),
        special_categories: special(redaction),
        unresolved: total(&redaction.unresolved).into(),
        refused: total(&redaction.refused).into(),
        failed: false,
        profile: case.redaction_profile.clone(),
    }
}

/// The special categories (GDPR art. 9) among what was found, by kind.
fn special(redaction: &Redaction) -> Vec<String> {
    let special = redaction.counts.keys().filter(|kind| kind.group() == Group::Special);
    special.map(|kind| kind.id().to_owned()).collect()
}

/// How heavy a kind of data is. A number of the prosecution says that someone is suspected (GDPR art. 10).
pub(crate) fn class(kind: Kind) -> DataClass {
    match kind.group() {
        Group::National | Group::Document => DataClass::Identifier,
        Group::Special => DataClass::Special,
        Group::Criminal => DataClass::Criminal,
        _ => DataClass::Personal,
    }
}

/// All findings of a map together.
pub(crate) fn total(counts: &BTreeMap<Kind, u32>) -> u32 {
    counts.values().fold(0, |sum, &count| sum.saturating_add(count))
}

/// Counts by kind as the log takes them.
pub(crate) fn counts(counts: &BTreeMap<Kind, u32>) -> BTreeMap<Name, u32> {
    counts
        .iter()
        .filter_map(|(kind, &count)| Some((Name::new(kind.id()).ok()?, count)))
        .take(LIST_MAX)
        .collect()
}

/// Ids of the administrator's making; what the log cannot take as a name is named so.
pub(crate) fn names(ids: Vec<String>) -> Vec<Name> {
    ids.into_iter().take(LIST_MAX).map(|id| Name::new(id).unwrap_or_else(|_| unnamed())).collect()
}

/// Stands for an id with characters that the log does not take.
#[expect(clippy::expect_used, reason = "a constant of letters is a valid name; a unit test makes it")]
pub(crate) fn unnamed() -> Name {
    Name::new("unnamed").expect("letters are a name")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unnamed_is_a_name() {
        assert_eq!(unnamed().as_str(), "unnamed");
    }

    #[test]
    fn thousandths_are_exact() {
        for (value, wanted) in [(0.7_f32, 700), (-2.0, -2000), (1.1, 1100), (0.0, 0), (0.05, 50)] {
            assert_eq!(milli(value), wanted);
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            let back = wanted as f32 / 1000.0;
            assert_eq!((value * 1000.0).round() / 1000.0, back);
        }
    }
}
