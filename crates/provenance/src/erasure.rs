//! Erasing a person (GDPR art. 17): their keys are destroyed, so that pseudonyms and commitments become noise. The log stays
//! whole, and has a leaf that says so and not of whom.
//!
//! In this order, each step durable before the next: the plan, the keys, the leaf, the end of the plan. Whoever finds a plan
//! at start does the rest of it; every step may be done twice.

use serde::{Deserialize, Serialize};

use crate::{AdminRef, DataSubject, Error, KeyRing, Leaf, ReceiptId, Result, people::SubjectErased};

const PLAN: &str = "erasing";

/// An erasure that was decided. It holds names of key files, which say nothing without the look-up keys.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Erasure {
    v: u32,
    /// Drawn for this erasure; it stands in the leaf, so that one is not sealed twice.
    pub id: ReceiptId,
    /// Who asked for it.
    pub by: AdminRef,
    /// Requests in the log that named the person.
    pub records: u64,
    files: Vec<String>,
}

impl Erasure {
    /// Keys that it destroys.
    #[must_use]
    pub fn keys(&self) -> u64 {
        self.files.len() as u64
    }

    /// The leaf that says so.
    #[must_use]
    pub fn leaf(&self) -> Leaf {
        let (id, keys, records, by) = (self.id, self.keys(), self.records, self.by);
        Leaf::SubjectErased(SubjectErased { id, keys, records, by })
    }
}

impl KeyRing {
    /// Decides to destroy every key of a person. `None` when there is none. Does nothing else yet.
    ///
    /// # Errors
    /// When an earlier erasure is not finished, or the plan cannot be written. A plan that got to the disk all the same is
    /// carried out at the next start.
    pub fn plan_erasure(&self, who: &DataSubject, records: u64, by: AdminRef) -> Result<Option<Erasure>> {
        if self.planned_erasure()?.is_some() {
            return Err(
                self.plan_error("holds an erasure that is not finished; restart the server".to_owned())
            );
        }
        let files = self.files_of(who)?;
        if files.is_empty() {
            return Ok(None);
        }
        let plan = Erasure { v: 1, id: ReceiptId::random()?, by, records, files };
        let text = serde_json::to_vec(&plan).map_err(|e| self.plan_error(e.to_string()))?;
        // A crash leaves no plan, and nothing is erased; or the plan, and all of it is.
        self.subject_files().put(PLAN, &text)?;
        Ok(Some(plan))
    }

    /// The erasure that was decided and is not finished.
    ///
    /// # Errors
    /// When the plan cannot be read.
    pub fn planned_erasure(&self) -> Result<Option<Erasure>> {
        let Some(text) = self.subject_files().get(PLAN)? else { return Ok(None) };
        let plan: Erasure =
            serde_json::from_str(&text).map_err(|e| self.plan_error(format!("does not parse: {e}")))?;
        if plan.v != 1 {
            return Err(self.plan_error(format!("has version {}; this build reads 1", plan.v)));
        }
        Ok(Some(plan))
    }

    /// Destroys the keys.
    ///
    /// # Errors
    /// When a key may still be on the disk: call again, or restart.
    pub fn carry_out(&self, plan: &Erasure) -> Result<()> {
        let mut files = self.subject_files();
        // A crash leaves some of them; the plan still names all.
        plan.files.iter().try_for_each(|path| files.wipe(path))
    }

    /// Forgets the plan, once the leaf is durable.
    ///
    /// # Errors
    /// When the plan may still be there: it is then carried out again, which changes nothing but keys made since.
    pub fn end_erasure(&self) -> Result<()> {
        self.subject_files().wipe(PLAN)
    }

    fn plan_error(&self, why: String) -> Error {
        Error::KeyFile { path: self.subjects_dir().join(PLAN), why }
    }
}
