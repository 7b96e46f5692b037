//! One pilot, as most tests of the policy need it: its record, the folder around it, and a request that it permits.

use policy::{
    Action, ClearanceRequest, DossierFacts, EntryRequest, FindingFacts, Informed, Live, ModelFacts,
    ModelSignature, PolicySet, Principal, QuotaFacts,
};

use crate::signers::{ACCOUNTABILITY, Folder, Signers, files};

/// When everybody signed: 2026-01-15T00:00:00Z.
pub const SIGNED_MS: i64 = 1_768_435_200_000;
/// When somebody asks: 2026-06-01T00:00:00Z.
pub const NOW_MS: i64 = 1_780_272_000_000;
/// Where its record lies.
pub const RECORD: &str = "use-cases/letters.toml";

/// The record, under an id of one's own. Tests change it by replacing a piece of its text.
pub fn record(id: &str) -> String {
    let (dpia, iama) = ("1".repeat(64), "2".repeat(64));
    let (pinned, dossier) = ("07".repeat(32), "0d".repeat(32));
    format!(
        r#"
id = "{id}"
kind = "pilot"
revision = 1
title = "Letters"
purpose = "Plainer letters."
legal_basis = "GDPR art. 6(1)(e)"
organisation = "Ministry of Examples"
owner = "Head of Correspondence"
operated_by = "organisation"
status = "pilot"
models = ["open-model"]
allowed_roles = ["officer"]
max_data_class = "identifier"
redaction_profile = "default"
special_category_action = "refuse"
restore_placeholders = true
processing_activity_id = "letters"
window = {{ not_before = 2026-02-01T00:00:00Z, not_after = 2026-12-01T00:00:00Z }}
limits = {{ tokens_per_request = 4096, requests_per_minute = 30, tokens_per_day = 500_000 }}
[evidence]
dpia = {{ sha256 = "{dpia}", date = 2025-11-03T09:00:00Z, review_by = 2027-11-03T09:00:00Z }}
iama = {{ sha256 = "{iama}", date = 2025-11-10T09:00:00Z, review_by = 2027-11-10T09:00:00Z }}
[model_sha256]
open-model = "{pinned}"
[model_dossier_sha256]
open-model = "{dossier}"
{ACCOUNTABILITY}"#
    )
}

/// The dossier of its model, in which everything is known.
pub fn dossier() -> DossierFacts {
    DossierFacts { sha256: [0x0d; 32], open_points: Vec::new(), review_lapses_ms: None }
}

/// The built-in folder.
pub fn built_in() -> Folder {
    policy::EMBEDDED.iter().map(|&(path, text)| (path.to_owned(), text.to_owned())).collect()
}

/// Those who sign it.
pub fn signers() -> Signers {
    Signers::new("Ministry of Examples", SIGNED_MS)
}

/// The set of a folder, by the root of these signers.
pub fn load(folder: &Folder) -> PolicySet {
    let set = PolicySet::load_trusting(&files(folder), Some(&signers().trust_root()));
    set.unwrap_or_else(|error| panic!("{error}"))
}

/// The set of a folder that everybody signs first.
pub fn sign_and_load(mut folder: Folder) -> PolicySet {
    signers().sign_all(&mut folder);
    load(&folder)
}

/// A request that the pilot permits: its officer, from the network, with its model, and nothing found.
pub fn request() -> ClearanceRequest {
    ClearanceRequest {
        entry: EntryRequest {
            principal: Principal {
                key_id: "key".into(),
                use_case: "letters".into(),
                actor: "actor".into(),
                roles: vec!["officer".into()],
                expires_ms: None,
            },
            action: Action::Chat,
            model: Some(ModelFacts {
                id: "open-model".into(),
                status: "approved".into(),
                pinned_sha256: Some([7; 32]),
                loaded_sha256: Some([7; 32]),
                is_default: false,
                dossier: Some(dossier()),
                signature: ModelSignature::Absent,
            }),
            now_ms: NOW_MS,
            loopback: false,
            quota: QuotaFacts { tokens_reserved: 100, tokens_today: 1000, requests_this_minute: 1 },
            live: Live::in_force(),
            informed: Informed::Supposed,
        },
        findings: FindingFacts { profile: "default".into(), ..FindingFacts::default() },
    }
}

/// Where the contract of [`supplied`] lies.
pub const CONTRACT: &str = "contracts/hosting.txt";
/// What it says.
pub const CONTRACT_TEXT: &str = "Example Hosting hosts.\n";

/// Its SHA-256.
pub const CONTRACT_SHA256: &str = "2921db8f3bf7871475388551219de1ba195c50ee06ae41021e6d035893d89008";

/// A record of which suppliers run the use case: one, under contract and with a processing agreement, both until the end of
/// 2026. The contract lies in the folder, see [`CONTRACT`].
pub fn supplied(record: &str) -> String {
    let agreement = "3".repeat(64);
    let suppliers = format!(
        r#"
[[supplier]]
name = "Example Hosting"
service = "hosting"
[supplier.contract]
reference = "2026-114"
terms = "arbit-2022"
sha256 = "{CONTRACT_SHA256}"
file = "{CONTRACT}"
from = 2026-01-01T00:00:00Z
until = 2027-01-01T00:00:00Z
[supplier.agreement]
sha256 = "{agreement}"
until = 2027-01-01T00:00:00Z
"#
    );
    record.replace("operated_by = \"organisation\"", "operated_by = \"suppliers\"") + &suppliers
}
