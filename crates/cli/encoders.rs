//! The models that redaction profiles name: loaded once, before anything is read with them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use gateway::{Classifier, Gateway};
use redact::{Profile, Redactor};
use registry::{FetchOptions, Role};

use crate::places::{Places, profiles};

/// The models of names that are loaded, by id.
#[derive(Clone, Default)]
pub(crate) struct Classifiers(BTreeMap<String, Arc<Classifier>>);

impl Classifiers {
    /// Those that the policy's profiles name, fetched where they are not here.
    pub(crate) fn of_policy(places: &Places, limit: Duration) -> anyhow::Result<Self> {
        Self::load(places, Self::named(places)?, limit)
    }

    /// The ids of those.
    pub(crate) fn named(places: &Places) -> anyhow::Result<BTreeSet<String>> {
        let files = places.policy_files()?;
        let mut named = BTreeSet::new();
        for (_, profile) in profiles(&files) {
            named.extend(profile?.names_model().map(str::to_owned));
        }
        Ok(named)
    }

    /// That of one profile, if it names one.
    pub(crate) fn of_profile(places: &Places, profile: &Profile, limit: Duration) -> anyhow::Result<Self> {
        Self::load(places, profile.names_model().map(str::to_owned), limit)
    }

    fn load(
        places: &Places,
        named: impl IntoIterator<Item = String>,
        limit: Duration,
    ) -> anyhow::Result<Self> {
        let mut loaded = BTreeMap::new();
        for id in named {
            let registry = places.registry()?;
            registry.entry(&id)?.approved_as(Role::TokenClassifier)?;
            if !registry.is_fetched(&id, &places.store) {
                crate::commands::models::fetch(&registry, &id, &places.store, &FetchOptions::from_env())?;
            }
            let classifier = Classifier::load(&registry, &id, &places.store, limit)?;
            tracing::info!(model = %id, "the model of names is verified and loaded");
            loaded.insert(id, Arc::new(classifier));
        }
        Ok(Self(loaded))
    }

    /// A redactor with the model that its profile names.
    pub(crate) fn redactor(&self, profile: Profile) -> anyhow::Result<Redactor> {
        let Some(id) = profile.names_model() else { return Ok(Redactor::new(profile)?) };
        let classifier = self.0.get(id).with_context(|| {
            format!("names_model = {id:?}, which was not loaded when this program started; restart it")
        })?;
        Ok(Redactor::with_finder(profile, Arc::clone(classifier) as Arc<dyn redact::Finder>)?)
    }

    /// Has the log say which were loaded, and from which files.
    pub(crate) async fn seal(&self, gateway: &Gateway) -> anyhow::Result<()> {
        for classifier in self.0.values() {
            gateway.classifier_loaded(classifier).await?;
        }
        Ok(())
    }
}
