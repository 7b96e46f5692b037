//! Where things lie on this machine: flags and environment resolved once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use gateway::ActivePolicy;
use ledger::{Connect, QuotaStore};
use policy::{PolicyFiles, PolicySet, TrustRoot};
use redact::{Profile, Redactor};
use registry::{Registry, Role};

use crate::args;
use crate::broker::Broker;

/// Largest file of a policy folder, in bytes.
const POLICY_FILE_BYTES_MAX: u64 = 4 << 20;
/// Largest contract or agreement in it, in bytes: these may be scans.
const DOCUMENT_BYTES_MAX: u64 = 64 << 20;

/// Resolved places.
#[derive(Clone)]
pub(crate) struct Places {
    /// Log, ledger and keys of the log.
    pub(crate) state: PathBuf,
    /// Model files.
    pub(crate) store: PathBuf,
    models: Option<PathBuf>,
    policy: Option<PathBuf>,
    trust_root: Option<PathBuf>,
    quota_store: Option<String>,
    broker: Option<Arc<Broker>>,
    past: bool,
}

impl Places {
    /// XDG folders (XDG Base Directory Specification 0.8) unless said otherwise.
    pub(crate) fn resolve(given: &args::Places) -> anyhow::Result<Self> {
        let state = match &given.state {
            Some(dir) => dir.clone(),
            None => xdg("XDG_STATE_HOME", ".local/state")?.join("proeftuin"),
        };
        let store = match (&given.store, &given.state) {
            (Some(dir), _) => dir.clone(),
            (None, Some(state)) => state.join("models"),
            (None, None) => xdg("XDG_DATA_HOME", ".local/share")?.join("proeftuin").join("models"),
        };
        Ok(Self {
            state,
            store,
            models: given.models.clone(),
            policy: given.policy.clone(),
            trust_root: given.trust_root.clone(),
            quota_store: given.quota_store.clone(),
            broker: None,
            past: false,
        })
    }

    /// Each place as it is used, by the name of its flag. No password: a quota store tells its host and database.
    pub(crate) fn shown(&self) -> anyhow::Result<Vec<(&'static str, String)>> {
        let or = |path: &Option<PathBuf>, none: &str| {
            path.as_ref().map_or_else(|| none.to_owned(), |path| path.display().to_string())
        };
        Ok(vec![
            ("state", self.state.display().to_string()),
            ("store", self.store.display().to_string()),
            ("models", or(&self.models, "built in")),
            ("policy", or(&self.policy, "built in, for the demonstration")),
            ("trust-root", or(&self.trust_root, "none: only the demonstration runs")),
            ("quota-store", self.quota_store()?.place()),
        ])
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.state.join("log")
    }

    /// # Errors
    /// When there is no log yet.
    pub(crate) fn expect_log(&self) -> anyhow::Result<()> {
        if !self.log().is_dir() {
            bail!("there is no log in {} yet; the first `proeftuin serve` makes one", self.state.display());
        }
        Ok(())
    }

    pub(crate) fn admin_socket(&self) -> PathBuf {
        self.state.join("admin.sock")
    }

    /// Where quotas are counted. No error repeats what was given, which may hold a password.
    pub(crate) fn quota_store(&self) -> anyhow::Result<QuotaStore> {
        let store = QuotaStore::parse(self.quota_store.as_deref().unwrap_or("sqlite"))
            .context("--quota-store (or PROEFTUIN_QUOTA_STORE)")?;
        let store = store.or_password(std::env::var("PGPASSWORD").ok().as_deref());
        Ok(match &self.broker {
            Some(broker) => store.through(Arc::clone(broker) as Arc<dyn Connect>),
            None => store,
        })
    }

    /// The same places with connections that a process of their own opens, where there is anything to connect to.
    pub(crate) fn with_broker(&self) -> anyhow::Result<Self> {
        let QuotaStore::Postgres(postgres) = self.quota_store()? else { return Ok(self.clone()) };
        let broker = Broker::start(&postgres.destinations())?;
        Ok(Self { broker: Some(Arc::new(broker)), ..self.clone() })
    }

    pub(crate) fn registry(&self) -> anyhow::Result<Registry> {
        Ok(match &self.models {
            Some(path) => Registry::load(path)?,
            None => Registry::embedded()?,
        })
    }

    /// The file that `--models` names, if it does.
    pub(crate) fn models_file(&self) -> Option<&Path> {
        self.models.as_deref()
    }

    pub(crate) fn policy_files(&self) -> anyhow::Result<PolicyFiles> {
        match &self.policy {
            None => Ok(PolicyFiles::embedded()?),
            Some(dir) => read_folder(dir, dir, PolicyFiles::default()),
        }
    }

    /// The folder that `--policy` names, for commands that write into it.
    pub(crate) fn policy_dir(&self) -> anyhow::Result<&Path> {
        self.policy
            .as_deref()
            .context("name the policy folder with --policy DIR; the built-in one takes no signatures")
    }

    /// The same places with a policy folder of the past, to compare with: its roster may be older than one that was
    /// seen since.
    pub(crate) fn of_the_past(&self, dir: &Path) -> Self {
        Self { policy: Some(dir.to_owned()), ..self.in_the_past() }
    }

    /// The same places as they may have been, for whoever repeats what was.
    pub(crate) fn in_the_past(&self) -> Self {
        Self { past: true, ..self.clone() }
    }

    /// The pinned root keys with the text that pins them, if there are any.
    ///
    /// Whoever edits the policy folder must not be able to edit them, so a file inside it is refused.
    pub(crate) fn trust_root(&self) -> anyhow::Result<Option<(TrustRoot, String)>> {
        let Some(path) = &self.trust_root else { return Ok(None) };
        let said = || format!("the trust root {}", path.display());
        if let Some(policy) = &self.policy {
            let (real, policy) = (path.canonicalize().with_context(said)?, policy.canonicalize()?);
            if real.starts_with(&policy) {
                bail!(
                    "{} lies inside the policy folder; keep it where editors of the policy cannot write",
                    said()
                );
            }
        }
        let text = std::fs::read_to_string(path).with_context(said)?;
        let root = TrustRoot::parse(&path.display().to_string(), &text)?;
        Ok(Some((root.at_least(self.roster_seen()?), text)))
    }

    /// The newest version of a roster that this state folder has served with; 0 at first.
    fn roster_seen(&self) -> anyhow::Result<u32> {
        if self.past {
            return Ok(0);
        }
        let path = self.roster_seen_file();
        match std::fs::read_to_string(&path) {
            Ok(text) => text.trim().parse().with_context(|| {
                format!("{} must hold a roster's version; restore it from a backup", path.display())
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error).with_context(|| path.display().to_string()),
        }
    }

    /// Remembers the version of the roster, so that an older one that was also signed cannot come back.
    /// A crash leaves the old number or the new one.
    pub(crate) fn remember_roster(&self, version: u32) -> anyhow::Result<()> {
        if version <= self.roster_seen()? {
            return Ok(());
        }
        write_whole(&self.roster_seen_file(), &format!("{version}\n"))
    }

    fn roster_seen_file(&self) -> PathBuf {
        self.state.join("roster.seen")
    }

    /// The policy, to look at: a profile that names a model refuses every text.
    pub(crate) fn policy(&self) -> anyhow::Result<ActivePolicy> {
        self.policy_with(&|profile| {
            if let Some(id) = profile.names_model() {
                self.registry()?.entry(id)?.approved_as(Role::TokenClassifier)?;
            }
            Ok(Redactor::for_show(profile)?)
        })
    }

    /// The policy that is to be in force, and that its roster was served with.
    pub(crate) fn policy_with(&self, redactor: Make<'_>) -> anyhow::Result<ActivePolicy> {
        let files = self.policy_files()?;
        let redactors = redactors(&files, redactor)?;
        let root = self.trust_root()?.map(|(root, _)| root);
        let set = PolicySet::load_trusting(&files, root.as_ref()).context("the policy cannot be used")?;
        ActivePolicy::new(set, redactors).map_err(anyhow::Error::msg)
    }
}

/// Writes a file whole or not at all, and its folder where it is not there. What a crash leaves beside it is hidden, and hidden
/// files are no policy.
pub(crate) fn write_whole(path: &Path, text: &str) -> anyhow::Result<()> {
    let folder = path.parent().context("a file lies in a folder")?;
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let temporary = folder.join(".proeftuin.new");
    std::fs::write(&temporary, text).with_context(|| temporary.display().to_string())?;
    std::fs::rename(&temporary, path).with_context(|| path.display().to_string())
}

/// Makes a redactor of a profile, with the model that it names.
pub(crate) type Make<'a> = &'a dyn Fn(Profile) -> anyhow::Result<Redactor>;

/// Every `redaction/NAME.toml` of the policy, by name.
pub(crate) fn profiles(files: &PolicyFiles) -> impl Iterator<Item = (&str, anyhow::Result<Profile>)> {
    let texts = files.iter().filter_map(|(path, text)| {
        // What lies in a folder below, such as `tests/`, is no profile.
        let name = path.strip_prefix("redaction/")?.strip_suffix(".toml")?;
        (!name.contains('/')).then_some((name, path, text))
    });
    texts.map(|(name, path, text)| (name, Profile::from_toml(text).with_context(|| format!("policy/{path}"))))
}

/// A redactor for each of them.
fn redactors(files: &PolicyFiles, make: Make<'_>) -> anyhow::Result<BTreeMap<String, Arc<Redactor>>> {
    profiles(files)
        .map(|(name, profile)| {
            let redactor = make(profile?).with_context(|| format!("policy/redaction/{name}.toml"))?;
            Ok((name.to_owned(), Arc::new(redactor)))
        })
        .collect()
}

/// Adds the files below `dir`: texts, and of documents the hash. Hidden files (editors, git) are not policy.
fn read_folder(root: &Path, dir: &Path, mut files: PolicyFiles) -> anyhow::Result<PolicyFiles> {
    let listing = std::fs::read_dir(dir).with_context(|| format!("the policy folder {}", dir.display()))?;
    for entry in listing {
        let entry = entry?;
        let path = entry.path();
        if entry.file_name().as_encoded_bytes().first() == Some(&b'.') {
            continue;
        }
        let kind = entry.file_type()?;
        if kind.is_dir() {
            files = read_folder(root, &path, files)?;
        } else if kind.is_file() {
            let name = path.strip_prefix(root)?.to_str().context("a policy file's name is not UTF-8")?;
            let document = PolicyFiles::is_document(name);
            let bytes_max = if document { DOCUMENT_BYTES_MAX } else { POLICY_FILE_BYTES_MAX };
            if entry.metadata()?.len() > bytes_max {
                bail!("{} has more than {bytes_max} bytes", path.display());
            }
            let said = || path.display().to_string();
            files = if document {
                files.with_document(name, &std::fs::read(&path).with_context(said)?)?
            } else {
                files.with(name, &std::fs::read_to_string(&path).with_context(said)?)?
            };
        } else {
            bail!("{} is neither file nor folder; the policy folder may hold nothing else", path.display());
        }
    }
    Ok(files)
}

fn xdg(variable: &str, below_home: &str) -> anyhow::Result<PathBuf> {
    // The specification has relative values ignored.
    if let Some(dir) = std::env::var_os(variable).map(PathBuf::from).filter(|dir| dir.is_absolute()) {
        return Ok(dir);
    }
    let home = std::env::home_dir().filter(|dir| dir.is_absolute());
    Ok(home.context("no home folder is known; name the folders with --state and --store")?.join(below_home))
}
