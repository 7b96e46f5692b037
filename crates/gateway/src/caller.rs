//! From a key or a token to a caller. A missing or unknown key is counted; a revoked or expired one is sealed by its id.

use ledger::{KeyRecord, KeyStatus};
use policy::Principal;
use provenance::{Stage, UnauthenticatedReason};

use crate::deny::{self, Verdict};
use crate::endpoint::EndpointId;
use crate::gateway::Gateway;
use crate::record;
use crate::refusal::{Denied, DeniedKind, Refusal};
use crate::request::{Origin, Trace};
use crate::token;
use crate::watch::Jumped;

/// Someone whose key or token was found good. Only [`Gateway::authenticate`] makes one.
#[derive(Clone)]
pub struct Caller {
    pub(crate) principal: Principal,
    pub(crate) origin: Origin,
}

/// What a request shows of who makes it.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    /// A key of this program, or a token of an identity provider.
    pub bearer: Option<&'a str>,
    /// The use case that the request is for, where a token opens several; it gives nothing that the token does not. A key
    /// is for one use case, whatever stands here.
    pub use_case: Option<&'a str>,
}

impl<'a> From<Option<&'a str>> for Credentials<'a> {
    fn from(bearer: Option<&'a str>) -> Self {
        Self { bearer, use_case: None }
    }
}

impl Caller {
    fn new(key: KeyRecord, origin: Origin) -> Self {
        let principal = Principal {
            key_id: key.id,
            use_case: key.use_case,
            actor: key.actor,
            roles: key.roles,
            expires_ms: key.expires_ms,
        };
        Self { principal, origin }
    }
}

/// Finds who holds the key or the token.
pub(crate) async fn authenticate(
    gateway: &Gateway,
    shown: Credentials<'_>,
    endpoint: EndpointId,
    origin: Origin,
) -> Result<Caller, Refusal> {
    let Some(key) = shown.bearer else {
        return Err(stranger(
            gateway,
            UnauthenticatedReason::MissingKey,
            "missing-key",
            "send the key of your use case as 'Authorization: Bearer ptk_…'",
            "stuur de sleutel van uw toepassing mee als 'Authorization: Bearer ptk_…'",
        ));
    };
    let clock = gateway.moment();
    let now_ms = clock.as_ref().copied().unwrap_or_else(|jumped| jumped.expected_ms);
    if identity::looks_like_token(key) {
        let caller = token::caller(gateway, key, shown.use_case, endpoint, origin, now_ms).await?;
        return in_time(gateway, caller, endpoint, clock).await;
    }
    // Keys are held in memory, so this touches no disk.
    let status = gateway.ledger().find_key(key, now_ms).map_err(|error| {
        gateway.strangers().count(UnauthenticatedReason::KeyStoreFailed);
        Refusal::closed(error)
    })?;
    let (record, rule, remedy, remedy_nl) = match status {
        KeyStatus::Valid(record) => {
            let caller = Caller::new(record, origin);
            return in_time(gateway, caller, endpoint, clock).await;
        }
        KeyStatus::Revoked(record) => (
            record,
            "key-revoked",
            "this key was revoked; ask the administrator for another",
            "deze sleutel is ingetrokken; vraag de beheerder om een andere",
        ),
        KeyStatus::Expired(record) => (
            record,
            "key-expired",
            "this key has expired; ask the administrator for another",
            "deze sleutel is verlopen; vraag de beheerder om een andere",
        ),
        KeyStatus::Unknown => {
            return Err(stranger(
                gateway,
                UnauthenticatedReason::UnknownKey,
                "unknown-key",
                "this key is not known here; check that it was copied whole, or ask the administrator for one",
                "deze sleutel is hier niet bekend; controleer of hij volledig is, of vraag de beheerder om een sleutel",
            ));
        }
    };
    let caller = Caller::new(record, origin);
    let (facts, _) = record::begin(gateway, &gateway.policy(), &caller, endpoint, &Trace::NONE, now_ms)?;
    let verdict = Verdict::built_in(Stage::Key, rule, remedy, remedy_nl).unauthenticated();
    Err(deny::seal(gateway, facts, verdict).await)
}

/// The caller, unless the clock was set.
async fn in_time(
    gateway: &Gateway,
    caller: Caller,
    endpoint: EndpointId,
    clock: Result<i64, Jumped>,
) -> Result<Caller, Refusal> {
    match clock {
        Ok(_) => Ok(caller),
        Err(jumped) => Err(out_of_time(gateway, &caller, endpoint, jumped).await),
    }
}

/// The clock was set: nothing that depends on the time can be judged.
async fn out_of_time(gateway: &Gateway, caller: &Caller, endpoint: EndpointId, jumped: Jumped) -> Refusal {
    let at_ms = jumped.expected_ms;
    match record::begin(gateway, &gateway.policy(), caller, endpoint, &Trace::NONE, at_ms) {
        Ok((facts, _)) => {
            deny::seal_refusal(gateway, facts, Stage::Key, "clock-jumped", Refusal::closed(jumped)).await
        }
        Err(closed) => closed,
    }
}

/// Nobody we know: counted, and the count is sealed at the end of the interval.
pub(crate) fn stranger(
    gateway: &Gateway,
    reason: UnauthenticatedReason,
    rule: &str,
    remedy: &str,
    remedy_nl: &str,
) -> Refusal {
    gateway.strangers().count(reason);
    gateway.metrics().denied(rule);
    Refusal::Denied(Box::new(Denied {
        kind: DeniedKind::Unauthenticated,
        rule: rule.to_owned(),
        remedy: remedy.to_owned(),
        remedy_nl: remedy_nl.to_owned(),
        receipt_id: None,
        link: None,
        quota: None,
    }))
}
