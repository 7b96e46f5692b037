//! Redacted → Cleared: the same policy set judges what was found.

use policy::{ClearanceRequest, Decision};
use provenance::{Name, Stage};
use redact::Vault;

use crate::controls;
use crate::deny::{self, Verdict};
use crate::enter::Entered;
use crate::gateway::Gateway;
use crate::record;
use crate::refusal::Refusal;
use crate::request::{Constrained, Input};
use crate::serving::Serving;
use crate::strip::Redacted;
use crate::tools::Tools;

/// A request that may be given to the model.
pub(crate) struct Cleared<S = Serving> {
    entered: Entered<S>,
    vault: Vault,
    placeholder: Option<String>,
}

impl<S> Cleared<S> {
    pub(crate) fn entered(&self) -> &Entered<S> {
        &self.entered
    }

    /// What stands for the first thing that was cut, if anything was.
    pub(crate) fn placeholder(&self) -> Option<&str> {
        self.placeholder.as_deref()
    }

    /// The texts, once; an empty prompt list stays behind.
    pub(crate) fn take_input(&mut self) -> Input {
        std::mem::replace(&mut self.entered.request.input, Input::Text(Vec::new()))
    }

    /// What the request says of tools.
    pub(crate) fn tools(&self) -> Option<&Tools> {
        self.entered.request.tools.as_ref()
    }

    /// What the answer must be, once.
    pub(crate) fn take_constraint(&mut self) -> Option<Constrained> {
        self.entered.request.constraint.take()
    }

    pub(crate) fn into_parts(self) -> (Entered<S>, Vault) {
        (self.entered, self.vault)
    }
}

/// Judges findings, and the door once more with the clock of now. A denial is sealed.
pub(crate) async fn clear<S>(gateway: &Gateway, redacted: Redacted<S>) -> Result<Cleared<S>, Refusal> {
    let Redacted { mut entered, findings, vault, placeholder, .. } = redacted;
    entered.entry.now_ms = match gateway.moment() {
        Ok(now_ms) => now_ms,
        Err(jumped) => {
            let closed = Refusal::closed(jumped);
            return Err(
                deny::seal_refusal(gateway, entered.record, Stage::Clear, "clock-jumped", closed).await
            );
        }
    };
    entered.entry.live.log_open = Some(controls::log_open(gateway));
    let class = findings.data_class;
    let special = findings.special_categories.clone();
    let request = ClearanceRequest { entry: entered.entry.clone(), findings };
    let decision = entered.policy.clear(&request);
    entered.record.determining = record::names(decision.determining());
    entered.record.decision.stage = Stage::Clear;
    entered.record.decision.data_class = Name::new(class.name()).ok();
    entered.record.decision.special_categories = record::names(special);
    match decision {
        Decision::Permit(_) => Ok(Cleared { entered, vault, placeholder }),
        Decision::Deny(denial) => {
            Err(deny::seal(gateway, entered.record, Verdict::of(Stage::Clear, &denial)).await)
        }
    }
}
