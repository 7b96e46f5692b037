//! A place with tiny models, which start at once and need nothing from elsewhere.

use testkit::tiny_encoder::tiny_encoder;

use super::{MODEL, Place, policy};

/// The tiny model of embeddings.
pub const VECTORS: &str = "tiny-vectors";

impl Place {
    /// A place whose pilot has the tiny model, `tiny`, and the tiny model of embeddings.
    pub fn tiny() -> Self {
        let mut place = Self::without_model();
        let models = testkit::tiny_in_store(place.store());
        let models = models + &tiny_encoder(place.store(), VECTORS, "embeddings", &[]);
        let registry = registry::Registry::parse(&models, "models.toml").expect("a list of models");
        let path = place.root().join("models.toml");
        std::fs::write(&path, models).expect("the list is written");
        place.models = Some(path);
        let record = place.policy().join("use-cases/pilot-test.toml");
        let mut text = std::fs::read_to_string(&record).expect("a record");
        let [pinned, dossier] = policy::pinned(MODEL);
        let lines = |id: &str| {
            let entry = registry.entry(id).expect("a model");
            [entry.sha256(), entry.dossier_sha256().expect("a dossier")]
                .map(|sha256| (id.to_owned(), hex::encode(sha256)))
        };
        let [tiny, vectors] = ["tiny", VECTORS].map(lines);
        let both = |at: usize| {
            let line = |(id, sha256): &(String, String)| format!("{id} = \"{sha256}\"");
            format!("{}\n{}", line(&tiny[at]), line(&vectors[at]))
        };
        for (from, to) in [
            (format!("models = [\"{MODEL}\"]"), format!("models = [\"tiny\", \"{VECTORS}\"]")),
            (format!("{MODEL} = \"{pinned}\""), both(0)),
            (format!("{MODEL} = \"{dossier}\""), both(1)),
            (format!("{MODEL} = \""), "tiny = \"".to_owned()),
        ] {
            assert!(text.contains(&from), "the record has no {from}");
            text = text.replace(&from, &to);
        }
        std::fs::write(&record, text).expect("the record is written");
        policy::sign_again(&place.policy());
        place
    }
}
