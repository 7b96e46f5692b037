//! Authorization Decision Log (Logius): a record for each decision, request and response shaped as AuthZEN has them.
//!
//! What decided is in `attributes` as references by hash; the caller is a pseudonym, and what was asked is not here.

use serde_json::{Value, json};

use super::word;
use crate::{Error, Name, RequestFacts, Result, Verdict};

/// The rule that stands for rules that could not be evaluated.
const POLICY_ERROR: &str = "policy-error";

pub(super) fn event(index: u64, at_ms: i64, request: &RequestFacts, config: Option<u64>) -> Result<Value> {
    let timestamp = u64::try_from(at_ms).map_err(|_| Error::Export {
        what: format!("cannot say leaf {index}"),
        why: "it is from before 1970; the clock of the server was wrong".to_owned(),
    })?;
    let failed = request.decision.rule.as_ref().is_some_and(|rule| rule.as_str() == POLICY_ERROR);
    let own = request.id.to_hex();
    let half: String = own.chars().take(16).collect();
    let mut event = json!({
        "trace_id": request.trace_id.map_or(own, |id| id.to_hex()),
        "span_id": request.span_id.map_or(half, |id| id.to_hex()),
        "event_name": "adl.access_evaluation",
        "timestamp": timestamp,
        "status": if failed { "Error" } else { "Ok" },
        "resource": super::resource(request),
        "attributes": attributes(index, request, config),
        "body": {"adl.core.request": asked(request), "adl.core.response": answered(request)},
    });
    if let (Some(parent), Some(event)) = (request.parent_span_id, event.as_object_mut()) {
        event.insert("parent_span_id".to_owned(), parent.to_hex().into());
    }
    Ok(event)
}

fn attributes(index: u64, request: &RequestFacts, config: Option<u64>) -> Value {
    let mut attributes = json!({
        "adl.core.policies": {
            "policy_pack_sha256": request.policy_pack_sha256,
            "determining": request.determining,
        },
        "adl.core.information": {"log_leaf": index.to_string(), "receipt_id": request.id},
        "adl.core.configuration": {},
    });
    let mut put = |pointer: &str, value: Value| {
        let (object, key) = pointer.split_once('/').unwrap_or((pointer, ""));
        if let Some(object) = attributes.get_mut(object).and_then(Value::as_object_mut) {
            object.insert(key.to_owned(), value);
        }
    };
    if let Some(case) = &request.use_case {
        put("adl.core.information/use_case", json!(case));
    }
    if let Some(redaction) = &request.redaction {
        put("adl.core.information/detector_sha256", json!(redaction.detector_sha256));
    }
    if let Some(leaf) = config {
        put("adl.core.configuration/log_leaf", leaf.to_string().into());
    }
    if let Some(engine) = &request.engine {
        put("adl.core.configuration/config_sha256", json!(engine.config_sha256));
        put("adl.core.configuration/build_sha256", json!(engine.build_sha256));
    }
    attributes
}

fn asked(request: &RequestFacts) -> Value {
    let decision = &request.decision;
    let case = request.use_case.as_ref().map_or("unknown", |case| case.id.as_str());
    let mut context = json!({
        "data_class": decision.data_class,
        "special_categories": decision.special_categories,
        "model": request.model.as_ref().map(|model| &model.id),
        "model_manifest_sha256": request.model.as_ref().map(|model| model.manifest_sha256),
        "findings": request.redaction.as_ref().map(|redaction| &redaction.counts),
        "unresolved": request.redaction.as_ref().map(|redaction| redaction.unresolved),
        "tokens_reserved": decision.tokens_reserved.map(|tokens| tokens.to_string()),
    });
    if let Some(context) = context.as_object_mut() {
        context.retain(|_, value| !value.is_null());
    }
    json!({
        "subject": {
            "type": "pseudonym",
            "id": request.actor_pseudonym,
            "properties": {"key_epoch": request.key_epoch},
        },
        "action": {"name": request.action},
        "resource": {"type": "use_case", "id": case},
        "context": context,
    })
}

fn answered(request: &RequestFacts) -> Value {
    let decision = &request.decision;
    let permitted = decision.verdict == Verdict::Permit;
    let mut context = json!({"stage": word(&decision.stage)});
    if let (Some(rule), Some(context)) = (&decision.rule, context.as_object_mut()) {
        context.insert("reason_admin".to_owned(), json!({"en": Name::as_str(rule)}));
    }
    json!({"decision": permitted, "context": context})
}
