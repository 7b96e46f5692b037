//! `/v1/models`.

use gateway::ModelCard;
use serde::Serialize;

/// A list of models.
#[derive(Serialize)]
pub(crate) struct ModelList {
    object: &'static str,
    data: Vec<Model>,
}

/// One model.
#[derive(Serialize)]
pub(crate) struct Model {
    id: String,
    object: &'static str,
    created: i64,
    owned_by: &'static str,
    /// The hash that was verified while the weights were read.
    sha256: String,
    context_tokens: usize,
    license: String,
}

impl From<ModelCard> for Model {
    fn from(card: ModelCard) -> Self {
        Self {
            id: card.id,
            object: "model",
            created: card.loaded_s,
            owned_by: "proeftuin",
            sha256: card.sha256,
            context_tokens: card.context_tokens,
            license: card.license,
        }
    }
}

impl FromIterator<ModelCard> for ModelList {
    fn from_iter<I: IntoIterator<Item = ModelCard>>(cards: I) -> Self {
        Self { object: "list", data: cards.into_iter().map(Model::from).collect() }
    }
}
