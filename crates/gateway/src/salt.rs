//! What this run's secret makes of names: the engine and its cache are told these, and nobody can tell them back.

use sha2::{Digest as _, Sha256};

use crate::gateway::Gateway;

impl Gateway {
    /// Whether this run has drawn its secret.
    pub(crate) fn has_salt(&self) -> bool {
        self.salt().iter().any(|&byte| byte != 0)
    }

    /// Pages of the cache are shared within a use case and never beyond: the salt is this run's secret, not the
    /// client's.
    pub(crate) fn cache_salt(&self, use_case: &str) -> [u8; 32] {
        self.pseudonym("cache", use_case)
    }

    /// What the engine calls a use case when it is fair to them: it says nothing to whoever has not this run's secret.
    pub(crate) fn tenant(&self, use_case: &str) -> [u8; 32] {
        self.pseudonym("tenant", use_case)
    }

    fn pseudonym(&self, purpose: &str, use_case: &str) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.salt());
        hash.update(purpose.as_bytes());
        hash.update([0]);
        hash.update(use_case.as_bytes());
        hash.finalize().into()
    }
}
