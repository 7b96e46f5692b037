//! What is true of this server and of one request, for the controls that stand behind the measures of a use case. Each
//! fact is read from what does the work: the loaded profile, the ledger, the log, the model in memory.

use policy::{Acknowledgement, InformedFacts, Live, ModelFacts, Principal, UseCase};
use redact::{Action, Redactor};

use crate::active::ActivePolicy;
use crate::gateway::Gateway;

/// A request as far as its controls are concerned.
pub(crate) struct Seen<'a> {
    pub(crate) policy: &'a ActivePolicy,
    pub(crate) principal: &'a Principal,
    pub(crate) loopback: bool,
    pub(crate) use_case: Option<&'a UseCase>,
    pub(crate) model: Option<&'a ModelFacts>,
    /// What is kept of whoever asks.
    pub(crate) informed: &'a InformedFacts,
    pub(crate) now_ms: i64,
    /// The counters of the use case were read for it.
    pub(crate) counted: bool,
}

/// Looks at everything now. What cannot be seen is `None`, and a measure that rests on it blocks.
pub(crate) fn live(gateway: &Gateway, seen: &Seen<'_>) -> Live {
    let redactor = seen.use_case.map(|case| seen.policy.redactor(case).ok());
    let loaded = redactor.as_ref().and_then(|redactor| redactor.as_deref());
    Live {
        process: gateway.process(),
        came_by_loopback: Some(seen.loopback),
        key_expires: Some(seen.principal.expires_ms.is_some()),
        redaction_profile_loaded: redactor.as_ref().map(Option::is_some),
        special_categories_detected: loaded.map(|redactor| redactor.profile().names()),
        special_categories_refused: seen
            .use_case
            .map(|case| case.special_category_action == policy::SpecialCategoryAction::Refuse),
        output_screened: loaded.map(screens),
        placeholders_restored: seen.use_case.map(|case| case.restore_placeholders),
        model_pinned: seen.model.map(pinned),
        prefix_cache_salted: Some(gateway.has_salt()),
        log_open: Some(log_open(gateway)),
        quota_counted: Some(seen.counted),
        guidance_acknowledged: acknowledged(seen),
    }
}

/// Whether the person has acknowledged the guidance of the use case as it now reads; not known where it names none.
fn acknowledged(seen: &Seen<'_>) -> Option<bool> {
    let standing = seen.policy.acknowledgement(&seen.principal.use_case, seen.informed, seen.now_ms)?;
    Some(matches!(standing, Acknowledgement::Current { .. }))
}

/// Whether the log takes records at this moment.
pub(crate) fn log_open(gateway: &Gateway) -> bool {
    gateway.log().closed().is_none()
}

/// An answer is searched for every kind, and what is found is masked, unless the profile lets a kind through.
fn screens(redactor: &Redactor) -> bool {
    let profile = redactor.profile();
    profile.kinds().all(|kind| profile.rule(kind).action != Action::Allow)
}

fn pinned(model: &ModelFacts) -> bool {
    model.pinned_sha256.is_some() && model.pinned_sha256 == model.loaded_sha256
}
