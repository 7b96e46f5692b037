//! From a token to a caller. A token that does not hold is counted by its reason, and nothing of it is kept; a person whose
//! token holds and opens nothing is sealed by pseudonym.

use identity::{Person, Reason, Unassigned};
use policy::Principal;
use provenance::{Stage, UnauthenticatedReason};

use crate::caller::{Caller, stranger};
use crate::deny::{self, Verdict};
use crate::endpoint::EndpointId;
use crate::gateway::Gateway;
use crate::record;
use crate::refusal::Refusal;
use crate::request::{Origin, Trace};

/// Finds whose token it is, and for which use case. The pinned keys are those of the policy in force now.
pub(crate) async fn caller(
    gateway: &Gateway,
    token: &str,
    use_case: Option<&str>,
    endpoint: EndpointId,
    origin: Origin,
    now_ms: i64,
) -> Result<Caller, Refusal> {
    let policy = gateway.policy();
    let person = policy.identity().verify(token, now_ms).map_err(|reason| {
        stranger(gateway, counted(reason), reason.rule(), reason.remedy(), reason.remedy_nl())
    })?;
    match person.assigned(use_case) {
        Ok((use_case, roles)) => Ok(of(person, use_case, roles, origin)),
        Err(why) => {
            // No use case: what the request named is the client's own text, which the log does not take.
            let caller = of(person, String::new(), Vec::new(), origin);
            let (facts, _) = record::begin(gateway, &policy, &caller, endpoint, &Trace::NONE, now_ms)?;
            Err(deny::seal(gateway, facts, verdict(&why)).await)
        }
    }
}

fn of(person: Person, use_case: String, roles: Vec<String>, origin: Origin) -> Caller {
    let Person { actor, key_id, expires_ms, .. } = person;
    let principal = Principal { key_id, use_case, actor, roles, expires_ms: Some(expires_ms) };
    Caller { principal, origin }
}

fn verdict(why: &Unassigned) -> Verdict {
    let verdict = Verdict::built_in(Stage::Key, why.rule(), why.remedy(), why.remedy_nl());
    match why {
        // The token itself no longer opens anything, as a key that was revoked.
        Unassigned::Blocked => verdict.unauthenticated(),
        _ => verdict,
    }
}

/// What a refused token is counted as.
fn counted(reason: Reason) -> UnauthenticatedReason {
    use UnauthenticatedReason as Counted;
    match reason {
        Reason::NotApproved => Counted::IdentityNotApproved,
        Reason::TooLong => Counted::TokenTooLong,
        Reason::HeaderRefused => Counted::TokenHeaderRefused,
        Reason::WrongType => Counted::TokenWrongType,
        Reason::AlgorithmRefused => Counted::TokenAlgorithmRefused,
        Reason::IssuerUnknown => Counted::TokenIssuerUnknown,
        Reason::KeyUnknown => Counted::TokenKeyUnknown,
        Reason::KeyMismatch => Counted::TokenKeyMismatch,
        Reason::SignatureWrong => Counted::TokenSignatureWrong,
        Reason::ClaimsIncomplete => Counted::TokenClaimsIncomplete,
        Reason::AudienceWrong => Counted::TokenAudienceWrong,
        Reason::Expired => Counted::TokenExpired,
        Reason::NotYetValid => Counted::TokenNotYetValid,
        Reason::LifetimeTooLong => Counted::TokenLifetimeTooLong,
        Reason::KeysOutdated => Counted::TokenKeysOutdated,
        // The list is another crate's and may grow; a test holds that each reason has its own.
        _ => Counted::TokenMalformed,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_reason_is_counted_by_itself() {
        let kinds: BTreeSet<_> = Reason::ALL.iter().map(|&reason| counted(reason)).collect();
        assert_eq!(kinds.len(), Reason::ALL.len());
    }
}
