//! W3C PROV-JSON: a bundle for each request, so that it is written as it is read. Prompts and answers are entities by
//! commitment, people agents by pseudonym.

use serde_json::{Map, Value, json};

use super::{Ended, canonical, rfc3339, word};
use crate::Result;

/// Begins the document; bundles follow, with commas between them.
pub(super) fn head() -> Result<String> {
    let prefix = json!({"pt": "urn:x-proeftuin:", "xsd": "http://www.w3.org/2001/XMLSchema#"});
    Ok(format!("{{\"prefix\":{},\"bundle\":{{", canonical(&prefix)?))
}

pub(super) const FOOT: &str = "\n}}\n";

/// A member of the document's `bundle`.
pub(super) fn bundle(ended: &Ended, first: bool) -> Result<String> {
    let id = ended.request.id.to_hex();
    let comma = if first { "" } else { "," };
    Ok(format!("{comma}\n\"pt:bundle-{id}\":{}", canonical(&Statements::of(ended).value())?))
}

/// The statements of one bundle.
struct Statements {
    activity_id: String,
    entity: Map<String, Value>,
    activity: Map<String, Value>,
    agent: Map<String, Value>,
    used: Map<String, Value>,
    generated: Map<String, Value>,
    derived: Map<String, Value>,
    associated: Map<String, Value>,
}

impl Statements {
    fn of(ended: &Ended) -> Self {
        let mut all = Self {
            activity_id: format!("pt:request-{}", ended.request.id.to_hex()),
            entity: Map::new(),
            activity: Map::new(),
            agent: Map::new(),
            used: Map::new(),
            generated: Map::new(),
            derived: Map::new(),
            associated: Map::new(),
        };
        all.activity(ended);
        all.sources(ended);
        all.prompt_and_answers(ended);
        all
    }

    fn activity(&mut self, ended: &Ended) {
        let request = &ended.request;
        let mut activity = json!({
            "prov:startTime": rfc3339(ended.start_ms),
            "prov:endTime": rfc3339(ended.end_ms),
            "prov:type": typed("pt:Request"),
            "pt:action": request.action,
            "pt:decision": word(&request.decision.verdict),
            "pt:log_leaf": ended.index.to_string(),
        });
        if let Some(activity) = activity.as_object_mut() {
            if request.demo {
                activity.insert("pt:demo".to_owned(), "true".into());
            }
            if let Some(rule) = ended.denied_by() {
                activity.insert("pt:denied_by".to_owned(), rule.into());
            }
            if let Some(status) = ended.outcome.as_ref().and_then(|outcome| word(&outcome.status)) {
                activity.insert("pt:status".to_owned(), status.into());
            }
        }
        self.activity.insert(self.activity_id.clone(), activity);
        let actor = format!("pt:actor-{}", request.actor_pseudonym);
        self.agent.insert(actor.clone(), json!({"prov:type": typed("prov:Person")}));
        let policy = format!("pt:policy-{}", request.policy_pack_sha256);
        self.entity.insert(
            policy.clone(),
            json!({"prov:type": typed("prov:Plan"), "pt:sha256": request.policy_pack_sha256}),
        );
        self.associated.insert(
            "_:associated".to_owned(),
            json!({"prov:activity": self.activity_id, "prov:agent": actor, "prov:plan": policy}),
        );
    }

    /// What it was made with.
    fn sources(&mut self, ended: &Ended) {
        if let Some(model) = &ended.request.model {
            let facts = json!({
                "prov:type": typed("pt:Model"),
                "prov:label": model.id,
                "pt:manifest_sha256": model.manifest_sha256,
                "pt:template_sha256": model.template_sha256,
                "pt:tokenizer_sha256": model.tokenizer_sha256,
            });
            self.use_entity(format!("pt:model-{}", model.manifest_sha256), "model", facts);
        }
        if let Some(case) = &ended.request.use_case {
            let facts = json!({
                "prov:type": typed("pt:UseCase"),
                "prov:label": case.id,
                "pt:revision": case.rev.to_string(),
                "pt:sha256": case.sha256,
            });
            self.use_entity(format!("pt:use-case-{}", case.sha256), "use_case", facts);
        }
    }

    fn prompt_and_answers(&mut self, ended: &Ended) {
        let id = ended.request.id.to_hex();
        let prompt = format!("pt:prompt-{id}");
        if let Some(input) = &ended.request.input {
            let facts = json!({
                "prov:type": typed("pt:Prompt"),
                "pt:commitment": input.client_commit,
                "pt:tokens": input.tokens.to_string(),
            });
            self.use_entity(prompt.clone(), "prompt", facts);
        }
        let choices = ended.outcome.iter().flat_map(|outcome| &outcome.choices);
        for (at, choice) in choices.enumerate() {
            let answer = format!("pt:answer-{id}-{at}");
            let facts = json!({
                "prov:type": typed("pt:Answer"),
                "pt:commitment": choice.client_commit,
                "pt:tokens": choice.tokens.to_string(),
                "pt:finish": word(&choice.finish),
                "pt:marked_as_made_by_ai": choice.marked.to_string(),
            });
            self.entity.insert(answer.clone(), facts);
            let made = json!({"prov:entity": answer, "prov:activity": self.activity_id});
            self.generated.insert(format!("_:generated-{at}"), made);
            if ended.request.input.is_some() {
                let from = json!({"prov:generatedEntity": answer, "prov:usedEntity": prompt});
                self.derived.insert(format!("_:derived-{at}"), from);
            }
        }
    }

    fn use_entity(&mut self, id: String, name: &str, facts: Value) {
        let used = json!({"prov:activity": self.activity_id, "prov:entity": id});
        self.used.insert(format!("_:used-{name}"), used);
        self.entity.insert(id, facts);
    }

    fn value(self) -> Value {
        let mut bundle = Map::new();
        for (kind, statements) in [
            ("entity", self.entity),
            ("activity", self.activity),
            ("agent", self.agent),
            ("used", self.used),
            ("wasGeneratedBy", self.generated),
            ("wasDerivedFrom", self.derived),
            ("wasAssociatedWith", self.associated),
        ] {
            if !statements.is_empty() {
                bundle.insert(kind.to_owned(), Value::Object(statements));
            }
        }
        Value::Object(bundle)
    }
}

fn typed(name: &str) -> Value {
    json!({"$": name, "type": "prov:QUALIFIED_NAME"})
}
