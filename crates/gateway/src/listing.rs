//! Which models a caller may use.

use provenance::Stage;

use crate::caller::Caller;
use crate::controls::{self, Seen};
use crate::endpoint::EndpointId;
use crate::gateway::Gateway;
use crate::refusal::Refusal;
use crate::request::Trace;
use crate::serving::{ModelCard, Serves as _};
use crate::{deny, informed, record};

impl Gateway {
    /// The models that the caller's use case may use, judged by the policy.
    ///
    /// # Errors
    /// A denial, sealed, or a closed gate.
    pub async fn models(&self, caller: &Caller) -> Result<Vec<ModelCard>, Refusal> {
        let (policy, serving, now_ms) = (self.policy(), self.serving()?, self.now_ms());
        let counted = self.counts(caller.principal.use_case.clone(), now_ms).await;
        let known = match informed::known(self, &caller.principal) {
            Ok(known) => known,
            Err(closed) => {
                let (facts, _) =
                    record::begin(self, &policy, caller, EndpointId::Models, &Trace::NONE, now_ms)?;
                let rule = informed::STORE_FAILED;
                return Err(deny::seal_refusal(self, facts, Stage::Enter, rule, closed).await);
            }
        };
        let seen = Seen {
            policy: &policy,
            principal: &caller.principal,
            loopback: caller.origin.loopback,
            use_case: policy.use_case(&caller.principal.use_case),
            model: Some(&serving.facts),
            informed: &known,
            now_ms,
            counted,
        };
        let live = controls::live(self, &seen);
        let entry = policy::EntryRequest {
            principal: caller.principal.clone(),
            action: policy::Action::ListModels,
            model: None,
            now_ms,
            loopback: caller.origin.loopback,
            quota: policy::QuotaFacts::default(),
            live,
            informed: policy::Informed::Known(known),
        };
        if let policy::Decision::Deny(denial) = policy.enter(&entry) {
            let (mut facts, _) =
                record::begin(self, &policy, caller, EndpointId::Models, &Trace::NONE, now_ms)?;
            facts.determining =
                record::names(denial.reasons.iter().map(|reason| reason.rule.clone()).collect());
            let verdict = deny::Verdict::of(Stage::Enter, &denial);
            return Err(deny::seal(self, facts, verdict).await);
        }
        let use_case = policy.use_case(&caller.principal.use_case);
        let cards = [Some(serving.card()), self.embedding().map(|embedding| embedding.card())];
        let allowed = |card: &ModelCard| use_case.is_some_and(|record| record.models.contains(&card.id));
        Ok(cards.into_iter().flatten().filter(allowed).collect())
    }
}
