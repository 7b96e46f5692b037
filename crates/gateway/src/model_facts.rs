//! What the policy is told of a model: `models.toml` in the words of the rules.

use policy::{DossierFacts, ModelFacts, ModelSignature};
use registry::{LegalReview, Model, Registry};

/// The facts of an entry. `loaded_sha256` is computed over what is in memory; a caller that loads nothing gives the
/// pinned hash, as if it had been.
pub fn model_facts(registry: &Registry, model: &Model, loaded_sha256: Option<[u8; 32]>) -> ModelFacts {
    let dossier = model.dossier.as_ref().zip(model.dossier_sha256());
    ModelFacts {
        id: model.id.clone(),
        status: model.status.name().to_owned(),
        pinned_sha256: Some(model.sha256()),
        loaded_sha256,
        is_default: model.is_default,
        dossier: dossier.map(|(dossier, sha256)| DossierFacts {
            sha256,
            open_points: model.open_points(),
            review_lapses_ms: dossier.legal_review.as_ref().map(LegalReview::lapses_ms),
        }),
        signature: match registry.signature(&model.id) {
            Ok(None) => ModelSignature::Absent,
            Ok(Some(_)) => ModelSignature::Genuine,
            Err(_) => ModelSignature::NotGenuine,
        },
    }
}
