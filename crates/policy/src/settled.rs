//! Rules whose outcome no request can change, because they look at the use case alone: judged once, when it is loaded.
//!
//! Cedar judges each rule by itself and joins the outcomes, so which rules are asked together changes nothing; half of
//! them not being asked again halves the time of a decision. Only rules that forbid are settled: where one holds, or errs,
//! the request is denied whatever the rest say.

use cedar_policy::{
    AuthorizationError, Authorizer, Context, Effect, Entities, EntityUid, Policy, PolicySet as CedarSet,
    Request, Response,
};
use serde_json::Value;

use crate::facts::Fault;

/// What some of the rules say, by id.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ruling {
    /// Those that decided.
    pub reasons: Vec<String>,
    /// Those that could not be evaluated.
    pub erring: Vec<String>,
}

impl Ruling {
    pub(crate) fn of(response: &Response) -> Self {
        let diagnostics = response.diagnostics();
        let erring = diagnostics.errors().map(|error| match error {
            AuthorizationError::PolicyEvaluationError(error) => error.policy_id().to_string(),
        });
        Self { reasons: diagnostics.reason().map(ToString::to_string).collect(), erring: erring.collect() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.reasons.is_empty() && self.erring.is_empty()
    }
}

/// Whether a rule can be judged knowing the use case alone: it forbids whatever is asked by whomever, and its conditions
/// name neither the asker, the action nor the circumstances, nor an entity of its own that only a request would bring.
pub(crate) fn looks_at_use_case_alone(policy: &Policy) -> bool {
    let Ok(json) = policy.to_json() else { return false };
    let open = |part: &str| json.get(part).and_then(|part| part.get("op")) == Some(&Value::from("All"));
    policy.effect() == Effect::Forbid
        && ["principal", "action", "resource"].iter().all(|part| open(part))
        && json.get("conditions").is_some_and(names_use_case_alone)
}

/// Looks through an expression in Cedar's JSON policy format for variables and entities.
fn names_use_case_alone(expression: &Value) -> bool {
    match expression {
        Value::Object(parts) => parts.iter().all(|(key, value)| match key.as_str() {
            "Var" => value == "resource",
            "__entity" | "Slot" => false,
            _ => names_use_case_alone(value),
        }),
        Value::Array(items) => items.iter().all(names_use_case_alone),
        _ => true,
    }
}

/// Judges such rules for one use case. Who asks for what makes no difference to them; the use case itself stands in.
pub(crate) fn settle(rules: &CedarSet, use_case: &EntityUid, entities: &Entities) -> Result<Ruling, Fault> {
    let anyone = || use_case.clone();
    let question = Request::new(anyone(), anyone(), anyone(), Context::empty(), None).map_err(Fault::of)?;
    Ok(Ruling::of(&Authorizer::new().is_authorized(&question, rules, entities)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Beside;
    use crate::{EntryRequest, ModelFacts, PolicyFiles, PolicySet, record};

    fn alone(text: &str) -> bool {
        looks_at_use_case_alone(&Policy::parse(None, text).unwrap())
    }

    #[test]
    fn rules_about_the_use_case_alone_are_told_from_the_others() {
        assert!(alone(r#"forbid (principal, action, resource) when { resource.status == "draft" };"#));
        assert!(alone(
            r#"forbid (principal, action, resource) when { resource.a } unless { resource.b has c };"#
        ));
        for asked in [
            r#"permit (principal, action, resource) when { resource.status == "draft" };"#,
            r#"forbid (principal, action == Action::"clear", resource) when { resource.a };"#,
            r#"forbid (principal is Key, action, resource) when { resource.a };"#,
            r#"forbid (principal, action, resource is UseCase) when { resource.a };"#,
            r#"forbid (principal, action, resource) when { resource.a < context.now_ms };"#,
            r#"forbid (principal, action, resource) when { resource.a } unless { principal in resource.roles };"#,
            r#"forbid (principal, action, resource) when { action == Action::"chat" };"#,
            r#"forbid (principal, action, resource) when { Model::"m".status == "revoked" };"#,
            r#"forbid (principal, action, resource) when { resource.models.contains(Model::"m") };"#,
            r#"forbid (principal, action, resource) when { [{a: context.x}].contains({a: 1}) };"#,
        ] {
            assert!(!alone(asked), "{asked}");
        }
    }

    /// Half of the rules asked beforehand, or all of them at once: the same rules decide.
    #[test]
    fn settling_changes_no_decision() {
        let mut set = PolicySet::load(&PolicyFiles::embedded().unwrap()).unwrap();
        let demo = set.files().text("use-cases/demo.toml").unwrap().to_owned();
        let changes = [
            ("", ""),
            ("status = \"pilot\"", "status = \"draft\""),
            ("kind = \"demo\"", "kind = \"pilot\""),
            ("2036-01-01", "2026-01-02"),
            ("tokens_per_request = 65_536", "tokens_per_request = 1"),
        ];
        let requests = [1, 100_000].map(|tokens_reserved| {
            let mut request = EntryRequest::supposed("demo", ["demo".to_owned()], 1_780_272_000_000);
            request.model = Some(ModelFacts::unknown("smollm2-135m-instruct"));
            request.quota.tokens_reserved = tokens_reserved;
            request
        });
        let parts = set.rules.clone();
        assert!(parts.settled.num_of_policies() > 30 && parts.asked.num_of_policies() > 30);
        let mut whole = parts.clone();
        for policy in parts.settled.policies() {
            whole.asked.add(policy.clone()).unwrap();
        }
        whole.settled = CedarSet::new();
        for (from, to) in changes {
            for request in &requests {
                let [split, at_once] = [&parts, &whole].map(|rules| {
                    set.rules = rules.clone();
                    let case = record::parse("demo.toml", &demo.replace(from, to)).unwrap();
                    let loaded = set.fit(case, Beside::default()).unwrap();
                    set.enter_as(Some(&loaded), request)
                });
                assert_eq!(split, at_once, "{to}");
                assert!(from.is_empty() || split.denial().is_some());
            }
        }
    }
}
