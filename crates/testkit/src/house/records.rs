//! Policy records of the test houses.

use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::TinyModel;
use crate::signers::ACCOUNTABILITY;

/// A pilot with its assessments, under the id `pilot`. The house writes the tiny model's hash where it says PINNED, that of
/// its dossier where it says DOSSIER, and has it signed.
const PILOT: &str = r#"
id = "pilot"
kind = "pilot"
revision = 1
title = "Plain language in letters"
purpose = "Suggest plainer wording for draft letters."
legal_basis = "GDPR art. 6(1)(e)"
organisation = "Ministry of Examples"
owner = "Head of Correspondence"
operated_by = "organisation"
status = "pilot"
models = ["tiny"]
allowed_roles = ["writer"]
max_data_class = "identifier"
redaction_profile = "default"
special_category_action = "refuse"
restore_placeholders = true
processing_activity_id = "letters-2026"
window = { not_before = 2026-02-01T00:00:00+01:00, not_after = 2026-12-01T00:00:00+01:00 }
limits = { tokens_per_request = 4096, requests_per_minute = 1000, tokens_per_day = 1_000_000 }

[evidence]
dpia = { sha256 = "1111111111111111111111111111111111111111111111111111111111111111", date = 2025-11-03T09:00:00+01:00, review_by = 2027-11-03T09:00:00+01:00 }
iama = { sha256 = "2222222222222222222222222222222222222222222222222222222222222222", date = 2025-11-10T09:00:00+01:00, review_by = 2027-11-10T09:00:00+01:00 }

[model_sha256]
tiny = "PINNED"
[model_dossier_sha256]
tiny = "DOSSIER"
"#;

/// The pilot's record, with its questions answered.
pub(super) fn pilot() -> String {
    format!("{PILOT}{ACCOUNTABILITY}")
}

/// Puts the tiny model into a store, as `tiny`, and gives a `models.toml` that approves it and nothing else.
pub fn tiny_in_store(store: &Path) -> String {
    let bytes = TinyModel { context: 4096, ..TinyModel::default() }.build();
    std::fs::create_dir_all(store.join("tiny")).expect("a folder of a test");
    std::fs::write(store.join("tiny").join("tiny.gguf"), &bytes).expect("a folder of a test");
    let hash = |bytes: &[u8]| hex::encode(Sha256::digest(bytes));
    models_toml(&hash(&bytes), bytes.len(), &hash(crate::tiny::CHATML.as_bytes()))
}

/// An approved `models.toml` with the tiny model alone.
pub(super) fn models_toml(sha256: &str, size_bytes: usize, template_sha256: &str) -> String {
    format!(
        r#"[[model]]
id = "tiny"
default = true
status = "approved"
source = {{ file = "/nowhere/tiny.gguf" }}
files = [{{ path = "tiny.gguf", sha256 = "{sha256}", size_bytes = {size_bytes} }}]
chat_template = {{ embedded = true, sha256 = "{template_sha256}" }}
license = "CC0-1.0"
limits = {{ context_tokens = 4096, languages = ["nl"] }}
[model.dossier]
weights = "open"
code = "open"
training_data = "open"
developer = "the tests"
country = "NL"
packed_by = "the tests"
trained_on = "none: random weights"
trained_until = "never"
training_kwh = 0
opt_outs = "yes"
opt_outs_evidence = "nothing was used"
legal_review = {{ by = "the tests", date = "2026-01-01", review_by = "2099-01-01" }}
lineage = []
limitations = "makes no sense"
"#
    )
}
