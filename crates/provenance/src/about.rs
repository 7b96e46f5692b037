//! What the log has about somebody: found by pseudonym, so only while there is a key that gives it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use crate::{Entry, Error, Leaf, OutcomeFacts, Pseudonym, ReceiptId, RequestFacts, Result, show::walk};

/// A leaf that names somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Index in the log.
    pub index: u64,
    /// The entry: an intent or a denial, or an administrator's reading of records.
    pub entry: Entry,
    /// When and how the request ended, of an intent that did.
    pub outcome: Option<(i64, OutcomeFacts)>,
}

impl About {
    /// The request, if it is about one.
    #[must_use]
    pub fn request(&self) -> Option<&RequestFacts> {
        match &self.entry.leaf {
            Leaf::Intent(intent) => Some(&intent.request),
            Leaf::Denied(denied) => Some(&denied.request),
            _ => None,
        }
    }
}

/// Every leaf of a log folder or export that names one of these data subjects, oldest first, with the outcomes.
///
/// It trusts the files: verify first where that matters.
///
/// # Errors
/// As [`crate::show`].
pub fn about(dir: &Path, who: &BTreeSet<Pseudonym>) -> Result<Vec<About>> {
    let needles: Vec<String> = who.iter().map(Pseudonym::to_hex).collect();
    let mut found: Vec<About> = Vec::new();
    // Requests without an outcome yet → their place in `found`.
    let mut open: BTreeMap<u64, usize> = BTreeMap::new();
    walk(dir, |index, bytes| {
        let text = std::str::from_utf8(bytes).unwrap_or_default();
        let named = needles.iter().any(|needle| text.contains(needle.as_str()));
        // Reading a leaf costs far more than finding out that it is about somebody else.
        if !named && (open.is_empty() || !text.contains("\"event\":\"outcome\"")) {
            return Ok(true);
        }
        let entry = Entry::parse(bytes).map_err(|e| Error::BrokenLeaf { index, why: e.to_string() })?;
        match &entry.leaf {
            Leaf::Outcome(outcome) => {
                let of = open.remove(&outcome.intent_seq).and_then(|at| found.get_mut(at));
                if let Some(about) = of {
                    about.outcome = Some((entry.ts_ms, outcome.facts.clone()));
                }
            }
            leaf if names(leaf, who) => {
                if matches!(leaf, Leaf::Intent(_)) {
                    open.insert(index, found.len());
                }
                found.push(About { index, entry, outcome: None });
            }
            _ => {}
        }
        Ok(true)
    })?;
    Ok(found)
}

fn names(leaf: &Leaf, who: &BTreeSet<Pseudonym>) -> bool {
    match leaf {
        Leaf::Intent(intent) => intent.request.data_subjects().any(|(one, _)| who.contains(&one)),
        Leaf::Denied(denied) => denied.request.data_subjects().any(|(one, _)| who.contains(&one)),
        Leaf::AdminRead(read) => read.pseudonym.is_some_and(|one| who.contains(&one)),
        _ => false,
    }
}

/// Whether the log has the leaf of an erasure.
///
/// # Errors
/// As [`crate::show`].
pub fn erasure_sealed(dir: &Path, id: &ReceiptId) -> Result<bool> {
    let (needle, mut sealed) = (id.to_hex(), false);
    walk(dir, |index, bytes| {
        if std::str::from_utf8(bytes).unwrap_or_default().contains(&needle) {
            let entry = Entry::parse(bytes).map_err(|e| Error::BrokenLeaf { index, why: e.to_string() })?;
            sealed = matches!(&entry.leaf, Leaf::SubjectErased(erased) if erased.id == *id);
        }
        Ok(!sealed)
    })?;
    Ok(sealed)
}
