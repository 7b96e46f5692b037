//! The guard of an admitted request: it is sealed once, whatever happens to the task that holds it.

use std::sync::{Arc, PoisonError};

use crate::{
    EndReason, Error, OutcomeFacts, Receipt, ReceiptId, ReceiptLeaf, RequestKey, Result, Status,
    checkpoint::InclusionProof,
    queue::{Appended, Shared},
};

/// An admitted request whose intent is durable. [`OpenRequest::seal`] consumes it; dropping it seals `aborted`.
///
/// Its outcome's place in the writer's queue is reserved, so neither way can find the queue full, and dropping never
/// waits. Only the end of the process can lose the outcome; the next start then seals it.
#[must_use = "dropping it seals the request as aborted"]
pub struct OpenRequest {
    place: Place,
    intent: Appended,
}

/// The reserved place. Exists before the intent is durable, so that a cancelled admission is sealed as well.
pub(crate) struct Place {
    pub(crate) shared: Arc<Shared>,
    pub(crate) guard: u64,
    pub(crate) id: ReceiptId,
    pub(crate) opened_ms: i64,
    /// What is sealed on drop; `None` once sealed.
    pub(crate) draft: Option<OutcomeFacts>,
}

impl Place {
    pub(crate) fn new(shared: Arc<Shared>, guard: u64, id: ReceiptId) -> Self {
        let draft = Some(OutcomeFacts::ended(Status::Aborted, EndReason::Dropped));
        let opened_ms = shared.clock.now_ms();
        Self { shared, guard, id, opened_ms, draft }
    }

    /// Gives the place back: the intent did not become a leaf.
    pub(crate) fn give_back(mut self) {
        self.draft = None;
        self.shared.release();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(mut facts) = self.draft.take() {
            let ts_ms = self.shared.clock.now_ms();
            facts.ms = u64::try_from(ts_ms.saturating_sub(self.opened_ms)).unwrap_or(0);
            // Fails only when the log is closed; the next start seals the request then.
            let _ = self.shared.push_outcome(self.guard, self.id, ts_ms, facts);
        }
    }
}

impl OpenRequest {
    pub(crate) fn new(place: Place, intent: Appended) -> Self {
        Self { place, intent }
    }

    /// The receipt's id.
    #[must_use]
    pub fn id(&self) -> ReceiptId {
        self.place.id
    }

    /// The durable intent.
    #[must_use]
    pub fn intent(&self) -> &Appended {
        &self.intent
    }

    /// What will be sealed if the guard is dropped: keep counts of tokens or a better reason here as they become
    /// known. `None` never happens while the guard exists.
    pub fn draft(&mut self) -> Option<&mut OutcomeFacts> {
        self.place.draft.as_mut()
    }

    /// Seals without waiting, with the draft and this status and reason.
    pub fn abort(mut self, status: Status, reason: EndReason) {
        if let Some(draft) = &mut self.place.draft {
            draft.status = status;
            draft.reason = Some(reason);
        }
    }

    /// Seals the outcome, waits until it is durable, and gives the receipt.
    ///
    /// # Errors
    /// [`Error::Leaf`] when the outcome breaks a limit: then it is sealed as aborted. [`Error::LogClosed`] when the
    /// outcome may not be durable: the response must not end as if it were.
    pub async fn seal(mut self, facts: OutcomeFacts, key: &RequestKey) -> Result<Receipt> {
        facts.check()?;
        self.place.draft = None;
        let shared = &self.place.shared;
        let ticket = shared.push_outcome(self.place.guard, self.place.id, shared.clock.now_ms(), facts)?;
        let outcome = ticket.wait().await?;
        receipt(shared, self.place.id, &[&self.intent, &outcome], key)
    }
}

/// Proves leaves against the newest signed checkpoint.
pub(crate) fn receipt(
    shared: &Shared,
    id: ReceiptId,
    appended: &[&Appended],
    key: &RequestKey,
) -> Result<Receipt> {
    let head = shared.head.read().unwrap_or_else(PoisonError::into_inner);
    let size = head.size;
    let mut leaves = Vec::new();
    for leaf in appended {
        let path = head.tree.inclusion_proof(leaf.index, size);
        let Some(path) = path else {
            return Err(Error::Receipt { why: format!("leaf {} is not in the log", leaf.index) });
        };
        let proof = InclusionProof { index: leaf.index, path, checkpoint: head.checkpoint.clone() };
        leaves.push(ReceiptLeaf { index: leaf.index, leaf: leaf.entry.clone(), proof: proof.to_text() });
    }
    Ok(Receipt::new(id, &shared.verifier, leaves, key))
}
