//! The policy in force: a set and the redactors that its records name, replaced whole or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::sync::Arc;

use identity::Identity;
use policy::{PolicySet, SpecialCategoryAction, UseCase};
use provenance::{AdminRef, Digest, Leaf, PolicyLoaded, PolicyRefused};
use redact::Redactor;

use crate::gateway::Gateway;
use crate::refusal::Refusal;

/// A set with a redactor for each of its use cases, and with whose tokens are taken.
pub struct ActivePolicy {
    set: PolicySet,
    identity: Identity,
    redactors: BTreeMap<String, Arc<Redactor>>,
    /// The same for use cases that do not allow special categories: these are masked whatever the profile says.
    stripping: BTreeMap<String, Arc<Redactor>>,
}

/// Reads the policy anew, wherever it lies; the error is for an administrator.
pub type PolicySource = Box<dyn Fn() -> Result<ActivePolicy, String> + Send + Sync>;

impl ActivePolicy {
    /// Joins a set with redactors by profile.
    ///
    /// # Errors
    /// The use case and the profile that it names, when there is no such redactor; what is wrong with the files that say
    /// whose tokens are taken.
    pub fn new(set: PolicySet, redactors: BTreeMap<String, Arc<Redactor>>) -> Result<Self, String> {
        let identity =
            Identity::read(set.files().iter(), set.identity_approved()).map_err(|error| error.to_string())?;
        let bare = set.use_cases().find(|case| !redactors.contains_key(&case.redaction_profile));
        match bare {
            None => {
                let masking = set.use_cases().filter(|case| masks_special(case));
                // Many use cases share a profile.
                let masking: BTreeSet<&str> = masking.map(|case| case.redaction_profile.as_str()).collect();
                let stripping = masking
                    .into_iter()
                    .filter_map(|id| redactors.get_key_value(id))
                    .map(|(id, redactor)| (id.clone(), Arc::new(redactor.stripping_special())))
                    .collect();
                Ok(Self { set, identity, redactors, stripping })
            }
            Some(case) => Err(format!(
                "use case {} names the redaction profile {:?}, and there is no policy/redaction/{}.toml",
                case.id, case.redaction_profile, case.redaction_profile
            )),
        }
    }

    /// Whose tokens are taken.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The redactor of a use case's profile, which masks special categories unless the use case allows them.
    pub(crate) fn redactor(&self, case: &UseCase) -> Result<Arc<Redactor>, Refusal> {
        let redactors = if masks_special(case) { &self.stripping } else { &self.redactors };
        redactors.get(&case.redaction_profile).cloned().ok_or_else(|| {
            Refusal::closed("the use case names a redaction profile that is not in policy/redaction")
        })
    }

    fn leaf(&self, by: Option<AdminRef>) -> Leaf {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Leaf::PolicyLoaded(PolicyLoaded {
            policy_pack_sha256: Digest(self.set.digest()),
            rules: count(self.set.rules().count()),
            use_cases: count(self.set.use_cases().count()),
            by,
        })
    }
}

/// A question with one is refused before it matters, or goes on without; an answer does not show one either.
fn masks_special(case: &UseCase) -> bool {
    case.special_category_action != SpecialCategoryAction::Allow
}

impl Deref for ActivePolicy {
    type Target = PolicySet;

    fn deref(&self) -> &PolicySet {
        &self.set
    }
}

/// What a reload came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reloaded {
    /// SHA-256 of the policy in force.
    pub sha256: [u8; 32],
    /// Whether it is another than before.
    pub changed: bool,
}

impl Gateway {
    /// Seals which policy is in force.
    pub(crate) async fn seal_policy(&self, by: Option<AdminRef>) -> Result<(), Refusal> {
        let leaf = self.policy().leaf(by);
        self.append(leaf).await.map(drop)
    }

    /// Reads the policy anew and puts it in force: sealed first, then for every request that comes in from here on.
    /// A request that is under way keeps the policy it entered with. Whatever is wrong with the new one, the one in
    /// force stays, and that it was refused is sealed.
    ///
    /// # Errors
    /// `Invalid`, saying what is wrong with the new policy; a closed log.
    pub async fn reload_policy(&self, by: Option<AdminRef>) -> Result<Reloaded, Refusal> {
        let source = Arc::clone(self.policy_source());
        let before = self.policy().digest();
        let read = self.blocking(move || Ok(source())).await?;
        let new = match read {
            Ok(new) => Arc::new(new),
            Err(reason) => {
                self.append(Leaf::PolicyRefused(PolicyRefused { in_force_sha256: Digest(before), by }))
                    .await?;
                let reason = format!("{reason}; the policy in force stays");
                return Err(Refusal::Invalid { field: "policy".to_owned(), reason });
            }
        };
        self.append(new.leaf(by)).await?;
        let sha256 = new.digest();
        self.put_in_force(new);
        Ok(Reloaded { sha256, changed: sha256 != before })
    }
}
