//! Puts a house together.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex};

use gateway::{
    ActivePolicy, Embedding, EngineSettings, Gateway, Generate, Meter, Parts, PolicySource, Serving,
};
use ledger::{Acknowledgement, Faults, Ledger, NewKey, QuotaStore};
use policy::{ModelFacts, PolicySet};
use provenance::note::NoteSigner;
use provenance::store::FolderStore;
use provenance::{Configuration, Digest, KeyRing, Log, LogOptions, Name, SubjectFolder};
use redact::{Finder, Profile, Redactor};
use registry::Registry;
use tokenizer::{ChatTemplate, Tokenizer};

use super::failing_store::{FailingStore, FailingSubjects, StoreFault};
use super::generators::{RecordingGenerate, ScriptedGenerate};
use super::records::{models_toml, pilot, tiny_in_store};
use super::{House, NOW_MS, TestClock};
use crate::signers::{Folder, Signers, files};

const ORIGIN: &str = "proeftuin.invalid/log/test";

/// When the records of a house were signed: 15 January 2026.
const SIGNED_MS: i64 = 1_768_435_200_000;

/// Whose use cases they are.
const ORGANISATION: &str = "Ministry of Examples";

/// A guidance that tests can read at a glance.
const GUIDANCE_NL: &str = "# Afspraken\n\n- Lees elk antwoord na.\n";
const GUIDANCE_EN: &str = "# Guidance\n\n- Check every answer.\n";

/// Those who signed the records of every house.
pub fn house_signers() -> Signers {
    Signers::new(ORGANISATION, SIGNED_MS)
}

type ChangeFolder = Box<dyn FnOnce(&Signers, &mut Folder)>;
type MakeEmbedding = Box<dyn FnOnce(&Registry, &Path) -> Embedding>;
type MakeTemplate = Box<dyn FnOnce(&str) -> String>;
type MakeGenerator = Box<dyn FnOnce(&Arc<Tokenizer>) -> Arc<dyn Generate>>;

/// What a [`House`] is to be.
pub struct HouseBuilder {
    places: usize,
    use_cases: Vec<(String, String)>,
    /// Keys of use cases that have no record.
    strays: Vec<String>,
    profiles: Vec<(String, String)>,
    changes: Vec<ChangeFolder>,
    finders: Vec<Arc<dyn Finder>>,
    embedding: Option<MakeEmbedding>,
    facts: Box<dyn FnOnce(&mut ModelFacts)>,
    generator: Option<MakeGenerator>,
    template: Option<MakeTemplate>,
    serve: bool,
    quota_store: QuotaStore,
    informed: bool,
    folder: Option<tempfile::TempDir>,
}

impl Default for HouseBuilder {
    fn default() -> Self {
        let demo = policy::EMBEDDED.iter().find(|(path, _)| *path == "use-cases/demo.toml").expect("a demo");
        let demo = demo.1.replace("smollm2-135m-instruct", "tiny");
        let default =
            policy::EMBEDDED.iter().find(|(path, _)| *path == "redaction/default.toml").expect("a profile");
        Self {
            places: 256,
            use_cases: vec![("pilot".to_owned(), pilot()), ("demo".to_owned(), demo)],
            strays: Vec::new(),
            profiles: vec![("default".to_owned(), default.1.to_owned())],
            changes: Vec::new(),
            finders: Vec::new(),
            embedding: None,
            facts: Box::new(|_| {}),
            generator: None,
            template: None,
            serve: true,
            quota_store: QuotaStore::Sqlite,
            informed: true,
            folder: None,
        }
    }
}

impl HouseBuilder {
    /// Choices that may run or wait.
    pub fn places(mut self, places: usize) -> Self {
        self.places = places;
        self
    }

    /// One more use case: the pilot's record with `from` replaced by `to` for each pair. A `from` that is not there
    /// fails the test.
    pub fn pilot(mut self, id: &str, changes: &[(&str, &str)]) -> Self {
        let mut record = pilot().replace("id = \"pilot\"\nkind", &format!("id = \"{id}\"\nkind"));
        for (from, to) in changes {
            assert!(record.contains(from), "the pilot's record has no {from}");
            record = record.replace(from, to);
        }
        self.use_cases.push((id.to_owned(), record));
        self
    }

    /// What happens to the policy folder after everything in it was signed.
    pub fn after_signing(mut self, change: impl FnOnce(&Signers, &mut Folder) + 'static) -> Self {
        self.changes.push(Box::new(change));
        self
    }

    /// A key whose use case has no record.
    pub fn stray_key(mut self, use_case: &str) -> Self {
        self.strays.push(use_case.to_owned());
        self
    }

    /// One more redaction profile.
    pub fn profile(mut self, id: &str, toml: &str) -> Self {
        self.profiles.push((id.to_owned(), toml.to_owned()));
        self
    }

    /// A model of names that is loaded, for profiles that name it.
    pub fn finder(mut self, finder: impl Finder + 'static) -> Self {
        self.finders.push(Arc::new(finder));
        self
    }

    /// A tiny model of embeddings, `tiny-vectors`, which the pilot may use too.
    pub fn embeddings(self) -> Self {
        self.embeddings_by(|registry, store| {
            let limit = std::time::Duration::from_secs(20);
            Embedding::load(registry, VECTORS, store, limit, NOW_MS / 1000).expect("a model of embeddings")
        })
    }

    /// The same, loaded in another way.
    pub fn embeddings_by(mut self, make: impl FnOnce(&Registry, &Path) -> Embedding + 'static) -> Self {
        for (_, record) in self.use_cases.iter_mut().filter(|(id, _)| id == "pilot") {
            for (from, to) in [
                ("models = [\"tiny\"]", "models = [\"tiny\", \"tiny-vectors\"]"),
                ("tiny = \"PINNED\"", "tiny = \"PINNED\"\ntiny-vectors = \"VECTORS\""),
                ("tiny = \"DOSSIER\"", "tiny = \"DOSSIER\"\ntiny-vectors = \"THEIRS\""),
            ] {
                assert!(record.contains(from), "the pilot's record has no {from}");
                *record = record.replace(from, to);
            }
        }
        self.embedding = Some(Box::new(make));
        self
    }

    /// What the policy is told of the model.
    pub fn facts(mut self, change: impl FnOnce(&mut ModelFacts) + 'static) -> Self {
        self.facts = Box::new(change);
        self
    }

    /// Another generator than the tiny engine.
    pub fn generator(mut self, make: impl FnOnce(&Arc<Tokenizer>) -> Arc<dyn Generate> + 'static) -> Self {
        self.generator = Some(Box::new(make));
        self
    }

    /// Another chat template, made of the tiny model's.
    pub fn template(mut self, make: impl FnOnce(&str) -> String + 'static) -> Self {
        self.template = Some(Box::new(make));
        self
    }

    /// A script that says `text` to everybody, a byte a token where no merge applies.
    pub fn saying(self, text: &str) -> Self {
        let text = text.to_owned();
        self.generator(move |tokenizer| {
            Arc::new(ScriptedGenerate::tokens(&tokenizer.encode(&text).expect("a text of the vocabulary")))
        })
    }

    /// Counters in the database of a URL.
    pub fn quota_store(mut self, url: &str) -> Self {
        self.quota_store = QuotaStore::parse(url).expect("the address of a database");
        self
    }

    /// Nobody has read the guidance yet.
    pub fn uninformed(mut self) -> Self {
        self.informed = false;
        self
    }

    /// Starts again in the folder that a house left.
    pub fn in_folder(mut self, folder: tempfile::TempDir) -> Self {
        self.folder = Some(folder);
        self
    }

    /// The model is held back until [`House::serve`].
    pub fn still_loading(mut self) -> Self {
        self.serve = false;
        self
    }

    /// Opens the durable parts in a new temporary folder and starts the gateway.
    pub async fn start(mut self) -> House {
        let folder = self.folder.take();
        let folder = folder.unwrap_or_else(|| tempfile::tempdir().expect("a temporary folder"));
        let clock = TestClock { now: Arc::new(AtomicI64::new(NOW_MS)), steady: Arc::default() };
        let disk = StoreFault::default();
        let log = open_log(&folder.path().join("log"), &clock, &disk);
        let verifier = log.verifier_key().clone();
        let (store, subjects) = (Faults::default(), StoreFault::default());
        let path = folder.path().join("ledger.sqlite");
        let ledger = Ledger::open_with(path, self.quota_store.clone(), store.clone()).expect("a new ledger");
        let keys = issue_keys(&ledger, &self);
        let mut serving = load(folder.path());
        let vectors = vectors(folder.path());
        let policy = policy_folder(&mut self, &serving.facts, &vectors);
        let active_policy = active(&policy.lock().expect("a folder"), &self.finders).expect("a policy");
        if self.informed {
            inform(&ledger, &active_policy, &self);
        }
        let parts = Parts {
            log,
            ring: open_ring(folder.path(), &subjects),
            ledger,
            policy: active_policy,
            policy_source: source(&policy, &self.finders),
            meter: Meter::in_folder(Path::new("/nowhere"), 20_000),
            places: self.places,
            configuration: Configuration {
                build_sha256: Digest([1; 32]),
                config_sha256: Digest([2; 32]),
                isa: Name::new("test").expect("a name"),
                prev_config_event: None,
            },
            clock: clock.clock(),
            log_dir: folder.path().join("log"),
        };
        let gateway = Gateway::start(parts).await.expect("an open log");
        if let Some(make) = self.embedding {
            let embedding = make(&vectors, &folder.path().join("models"));
            gateway.serve_embeddings(embedding).await.expect("an open log");
        }
        let tokenizer = Arc::clone(&serving.tokenizer);
        retemplate(&mut serving, self.template.take());
        let inner = match self.generator {
            Some(make) => make(&tokenizer),
            None => Arc::clone(&serving.generator),
        };
        let generator = Arc::new(RecordingGenerate::new(inner));
        serving.generator = Arc::clone(&generator) as Arc<dyn Generate>;
        (self.facts)(&mut serving.facts);
        let house = House {
            gateway: Arc::new(gateway),
            generator,
            tokenizer,
            clock,
            disk,
            subjects,
            store,
            verifier,
            policy,
            unserved: Mutex::new(Some(serving)),
            keys,
            quota_store: self.quota_store,
            folder,
        };
        if self.serve {
            house.serve().await;
        }
        house
    }
}

fn open_log(dir: &Path, clock: &TestClock, disk: &StoreFault) -> Log {
    let store = FolderStore::open(dir).expect("a new log");
    let signer = NoteSigner::from_seed(ORIGIN, &[7; 32]).expect("a key");
    let options = LogOptions { clock: clock.clock(), ..LogOptions::new(ORIGIN) };
    let store = Box::new(FailingStore::new(store, disk.clone()));
    Log::open_with(store, signer, options).expect("a new log").0
}

fn open_ring(dir: &Path, fault: &StoreFault) -> KeyRing {
    let files = FailingSubjects::new(SubjectFolder::new(dir.join("subject-keys.d")), fault.clone());
    KeyRing::open_with(&dir.join("subject-keys.json"), Box::new(files)).expect("a new ring")
}

/// Gives the model another chat template, made of its own.
fn retemplate(serving: &mut Serving, make: Option<MakeTemplate>) {
    if let Some(make) = make {
        let source = make(serving.template.as_ref().map_or("", ChatTemplate::source));
        serving.template = Some(ChatTemplate::new(&source, &serving.tokenizer).expect("a template"));
    }
}

fn issue_keys(ledger: &Ledger, house: &HouseBuilder) -> Vec<(String, String)> {
    let ids = house.use_cases.iter().map(|(id, _)| id).chain(&house.strays);
    ids.map(|id| {
        let role = if id == "demo" { "demo" } else { "writer" };
        let new = NewKey {
            use_case: id.clone(),
            actor: format!("actor of {id}"),
            roles: vec![role.to_owned()],
            expires_ms: None,
            label: "of the house".to_owned(),
        };
        let issued = ledger.issue_key(new, NOW_MS).expect("a new key");
        (id.clone(), issued.secret.as_str().to_owned())
    })
    .collect()
}

/// Has everybody with a key, and those whom tests issue keys to, acknowledge every guidance.
fn inform(ledger: &Ledger, policy: &PolicySet, house: &HouseBuilder) {
    let ids = house.use_cases.iter().map(|(id, _)| id).chain(&house.strays);
    let actors = ids.map(|id| format!("actor of {id}"));
    let tokens = ["jansen", "pietersen"].map(|subject| identity::actor_of(crate::tokens::ISSUER, subject));
    let others = ["someone", "somebody", "one", "two"].map(str::to_owned).into_iter().chain(tokens);
    for actor in actors.chain(others) {
        for guidance in policy.guidance() {
            let given =
                Acknowledgement { version: guidance.version.clone(), sha256: guidance.sha256, at_ms: NOW_MS };
            ledger.acknowledge(&actor, &guidance.id, given).expect("a new ledger");
        }
    }
}

fn policy_folder(house: &mut HouseBuilder, model: &ModelFacts, vectors: &Registry) -> Arc<Mutex<Folder>> {
    let built_in = policy::EMBEDDED.iter().filter(|(path, _)| !path.starts_with("use-cases/"));
    let mut folder: Folder = built_in.map(|&(path, text)| (path.to_owned(), text.to_owned())).collect();
    for (language, text) in [("nl", GUIDANCE_NL), ("en", GUIDANCE_EN)] {
        folder.insert(format!("guidance/ambtenaren.{language}.md"), text.to_owned());
    }
    for (id, text) in &house.profiles {
        folder.insert(format!("redaction/{id}.toml"), text.clone());
    }
    for (id, text) in &house.use_cases {
        let pinned = hex::encode(model.pinned_sha256.expect("a pinned model"));
        let dossier = hex::encode(model.dossier.as_ref().expect("a dossier").sha256);
        let theirs = vectors.entry(VECTORS).expect("an entry");
        let theirs = [theirs.sha256(), theirs.dossier_sha256().expect("a dossier")].map(hex::encode);
        let text = text.replace("PINNED", &pinned).replace("DOSSIER", &dossier);
        let text = text.replace("VECTORS", &theirs[0]).replace("THEIRS", &theirs[1]);
        folder.insert(format!("use-cases/{id}.toml"), text);
    }
    let signers = house_signers();
    signers.sign_all(&mut folder);
    std::mem::take(&mut house.changes).into_iter().for_each(|change| change(&signers, &mut folder));
    Arc::new(Mutex::new(folder))
}

/// The policy of a folder; the error as an administrator reads it.
fn active(folder: &Folder, finders: &[Arc<dyn Finder>]) -> Result<ActivePolicy, String> {
    let root = house_signers().trust_root();
    let set = PolicySet::load_trusting(&files(folder), Some(&root)).map_err(|error| error.to_string())?;
    ActivePolicy::new(set, redactors(folder, finders)?)
}

fn source(folder: &Arc<Mutex<Folder>>, finders: &[Arc<dyn Finder>]) -> PolicySource {
    let (folder, finders) = (Arc::clone(folder), finders.to_vec());
    Box::new(move || active(&folder.lock().expect("a folder"), &finders))
}

fn redactors(
    folder: &Folder,
    finders: &[Arc<dyn Finder>],
) -> Result<BTreeMap<String, Arc<Redactor>>, String> {
    let profiles = folder.iter().filter_map(|(path, text)| {
        let id = path.strip_prefix("redaction/")?.strip_suffix(".toml")?;
        (!id.contains('/')).then_some((id, text))
    });
    let made = profiles.map(|(id, text)| {
        let profile = Profile::from_toml(text)?;
        let finder = finders.iter().find(|finder| profile.names_model() == Some(finder.model()));
        let redactor = match finder {
            Some(finder) => Redactor::with_finder(profile, Arc::clone(finder)),
            None => Redactor::new(profile),
        };
        redactor.map(|redactor| (id.to_owned(), Arc::new(redactor)))
    });
    made.collect::<Result<_, _>>().map_err(|error: redact::Error| error.to_string())
}

/// The model of embeddings of every house.
const VECTORS: &str = "tiny-vectors";

/// Its files and its entry, beside that of the model that generates.
fn vectors(folder: &Path) -> Registry {
    let store = folder.join("models");
    let entry = crate::tiny_encoder::tiny_encoder(&store, VECTORS, "embeddings", &[]);
    let other = models_toml(&"0".repeat(64), 1, &"0".repeat(64));
    Registry::parse(&format!("{other}{entry}"), "models.toml").unwrap_or_else(|error| panic!("{error}"))
}

/// Through the same door as any model: pinned, hashed, packed.
fn load(folder: &Path) -> Serving {
    let store = folder.join("models");
    let models = tiny_in_store(&store);
    let registry = Registry::parse(&models, "models.toml").unwrap_or_else(|error| panic!("{error}"));
    let settings = EngineSettings {
        threads: Some(1),
        kv_bytes: 16 << 20,
        kv_type: gateway::KvType::F16,
        max_running: 32,
        max_batch_tokens: 256,
        speculation: 4,
        max_queued: 256,
        device: gateway::Device::Cpu,
    };
    let loaded = gateway::load(&registry, "tiny", &store, &settings, NOW_MS / 1000, &mut |_, _| {});
    loaded.unwrap_or_else(|error| panic!("{error}")).0
}
