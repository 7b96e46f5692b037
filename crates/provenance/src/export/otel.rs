//! OpenTelemetry: OTLP/JSON as its file exporter writes it, one `TracesData` a line; `gen_ai.*` attributes, no content.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Ended;
use crate::{ChoiceFacts, SamplingFacts, Status};

/// `SPAN_KIND_INTERNAL`: the model runs in the process that answers.
const INTERNAL: u8 = 1;

pub(super) fn line(ended: &Ended) -> Value {
    let request = &ended.request;
    let (trace_id, span_id) = ended.trace();
    let operation = operation(request.action.as_str());
    let model = request.model.as_ref().map(|model| model.id.as_str());
    let name = model.map_or_else(|| operation.to_owned(), |model| format!("{operation} {model}"));
    let mut span = json!({
        "traceId": trace_id,
        "spanId": span_id,
        "name": name,
        "kind": INTERNAL,
        "startTimeUnixNano": nanoseconds(ended.start_ms),
        "endTimeUnixNano": nanoseconds(ended.end_ms),
        "attributes": attributes(ended, operation),
        "status": status(ended),
    });
    if let (Some(parent), Some(span)) = (request.parent_span_id, span.as_object_mut()) {
        span.insert("parentSpanId".to_owned(), parent.to_hex().into());
    }
    let resource = super::resource(request);
    let named: BTreeMap<&String, &Value> = resource.as_object().into_iter().flatten().collect();
    let named = named.into_iter();
    let resource: Vec<Value> =
        named.map(|(key, value)| text(key, value.as_str().unwrap_or_default())).collect();
    json!({"resourceSpans": [{
        "resource": {"attributes": resource},
        "scopeSpans": [{"scope": {"name": "proeftuin.log"}, "spans": [span]}],
    }]})
}

/// The well-known name of an operation, where there is one.
fn operation(action: &str) -> &str {
    match action {
        "complete" => "text_completion",
        "messages" | "respond" => "chat",
        "embed" => "embeddings",
        other => other,
    }
}

/// 64-bit numbers are strings in OTLP/JSON.
fn nanoseconds(ms: i64) -> String {
    (i128::from(ms.max(0)) * 1_000_000).to_string()
}

fn status(ended: &Ended) -> Value {
    match ended.outcome.as_ref().map(|outcome| outcome.status) {
        Some(Status::Completed) => json!({"code": 1}),
        Some(Status::Failed) => json!({"code": 2}),
        // Denied, or given up by the client: nothing failed.
        Some(Status::Aborted) | None => json!({}),
    }
}

fn attributes(ended: &Ended, operation: &str) -> Vec<Value> {
    let request = &ended.request;
    let mut all = vec![
        text("gen_ai.operation.name", operation),
        text("gen_ai.provider.name", "proeftuin"),
        text("gen_ai.response.id", &request.id.to_hex()),
        text("proeftuin.policy_pack_sha256", &request.policy_pack_sha256.to_hex()),
    ];
    if let Some(model) = &request.model {
        all.push(text("gen_ai.request.model", model.id.as_str()));
        all.push(text("gen_ai.response.model", model.id.as_str()));
        all.push(text("proeftuin.model.manifest_sha256", &model.manifest_sha256.to_hex()));
    }
    if let Some(sampling) = &request.sampling {
        self::sampling(&mut all, sampling);
    }
    if let Some(input) = &request.input {
        all.push(integer("gen_ai.usage.input_tokens", input.tokens.into()));
    }
    if let Some(case) = &request.use_case {
        all.push(text("proeftuin.use_case.id", case.id.as_str()));
        all.push(integer("proeftuin.use_case.revision", case.rev.into()));
    }
    if let Some(rule) = ended.denied_by() {
        all.push(text("proeftuin.denied_by", rule));
    }
    if let Some(reason) = ended.reason() {
        all.push(text("error.type", &reason));
    }
    if let (Some(outcome), Some(tokens)) = (&ended.outcome, ended.tokens_out()) {
        all.push(integer("gen_ai.usage.output_tokens", tokens));
        if !outcome.choices.is_empty() {
            all.push(finish(&outcome.choices));
        }
        if let Some(ms) = outcome.first_token_ms {
            all.push(integer("proeftuin.time_to_first_token_ms", ms));
        }
        if let Some(millijoules) = outcome.joules_milli {
            all.push(integer("proeftuin.energy_mj", millijoules));
        }
    }
    all
}

fn sampling(all: &mut Vec<Value>, sampling: &SamplingFacts) {
    all.push(thousandths("gen_ai.request.temperature", sampling.temperature_milli.into()));
    all.push(thousandths("gen_ai.request.top_p", sampling.top_p_milli.into()));
    all.push(thousandths("gen_ai.request.frequency_penalty", sampling.frequency_penalty_milli.into()));
    all.push(thousandths("gen_ai.request.presence_penalty", sampling.presence_penalty_milli.into()));
    if sampling.top_k > 0 {
        all.push(integer("gen_ai.request.top_k", sampling.top_k.into()));
    }
    if sampling.max_tokens > 0 {
        all.push(integer("gen_ai.request.max_tokens", sampling.max_tokens.into()));
    }
    if sampling.n != 1 {
        all.push(integer("gen_ai.request.choice.count", sampling.n.into()));
    }
    // A seed may be beyond the signed 64 bits that an attribute has.
    all.push(match i64::try_from(sampling.seed) {
        Ok(seed) => json!({"key": "gen_ai.request.seed", "value": {"intValue": seed.to_string()}}),
        Err(_) => text("proeftuin.request.seed", &sampling.seed.to_string()),
    });
}

fn finish(choices: &[ChoiceFacts]) -> Value {
    let reasons = choices.iter().filter_map(|choice| super::word(&choice.finish));
    let values: Vec<Value> = reasons.map(|reason| json!({"stringValue": reason})).collect();
    json!({"key": "gen_ai.response.finish_reasons", "value": {"arrayValue": {"values": values}}})
}

fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

fn integer(key: &str, value: u64) -> Value {
    json!({"key": key, "value": {"intValue": value.to_string()}})
}

fn thousandths(key: &str, milli: i64) -> Value {
    #[expect(clippy::cast_precision_loss, reason = "sampling parameters have at most six digits")]
    let value = milli as f64 / 1000.0;
    json!({"key": key, "value": {"doubleValue": value}})
}
