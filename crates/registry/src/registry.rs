//! The models there are, and where their files lie.

use std::path::{Path, PathBuf};

use crate::manifest::Text;
use crate::model::{Model, Role, TemplatePlace};
use crate::signature::{BUNDLE_BYTES_MAX, SignatureReport, verify_signature};
use crate::{Error, check};

/// The `models.toml` this binary was built with.
pub const EMBEDDED_MODELS_TOML: &str = include_str!("../../../models.toml");

/// Largest `models.toml` that is read.
const MANIFEST_BYTES_MAX: u64 = 4 << 20;

/// All models of one `models.toml`.
#[derive(Debug, Clone)]
pub struct Registry {
    origin: String,
    /// The folder of the file, where it is one: bundles lie beside it.
    folder: Option<PathBuf>,
    models: Vec<Model>,
}

/// What a look at every file of a model found.
#[derive(Debug)]
pub struct VerifyReport {
    /// Each pinned file: its name, and why it is refused if it is.
    pub files: Vec<(String, Result<(), weights::Error>)>,
    /// Files in the model's folder that nothing pins; they are never loaded.
    pub unpinned: Vec<String>,
    /// The signature over the pinned hashes, where the entry has one.
    pub signature: Option<Result<SignatureReport, Error>>,
}

impl VerifyReport {
    /// Whether every pinned file holds, and the signature where there is one.
    pub fn holds(&self) -> bool {
        let signed = self.signature.as_ref().is_none_or(Result::is_ok);
        signed && self.files.iter().all(|(_, outcome)| outcome.is_ok())
    }
}

impl Registry {
    /// The models this binary was built with.
    ///
    /// # Errors
    /// None in a released binary: a test parses it.
    pub fn embedded() -> Result<Self, Error> {
        Self::parse(EMBEDDED_MODELS_TOML, "models.toml (built in)")
    }

    /// Reads a `models.toml`.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Manifest`] with the line of the first thing that is wrong.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let size = std::fs::metadata(path).map_err(Error::io("read", path))?.len();
        if size > MANIFEST_BYTES_MAX {
            return Err(Error::io("read", path)(std::io::Error::other(format!("{size} bytes are too many"))));
        }
        let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
        let folder = path.parent().map(Path::to_owned);
        Ok(Self { folder, ..Self::parse(&text, &path.display().to_string())? })
    }

    /// Parses a `models.toml`; `origin` is its name in messages.
    ///
    /// # Errors
    /// [`Error::Manifest`] with the line of the first thing that is wrong.
    pub fn parse(text: &str, origin: &str) -> Result<Self, Error> {
        let models = check::models(&Text { origin, text })?;
        Ok(Self { origin: origin.to_owned(), folder: None, models })
    }

    /// All models, in the order of the file.
    pub fn models(&self) -> &[Model] {
        &self.models
    }

    /// A model of any status.
    ///
    /// # Errors
    /// [`Error::UnknownModel`], which lists the ids there are.
    pub fn entry(&self, id: &str) -> Result<&Model, Error> {
        self.models.iter().find(|model| model.id == id).ok_or_else(|| Error::UnknownModel {
            id: id.chars().take(80).flat_map(char::escape_debug).collect(),
            origin: self.origin.clone(),
            known: self.models.iter().map(|model| model.id.as_str()).collect::<Vec<_>>().join(", "),
        })
    }

    /// The one model with `default = true`.
    pub fn default_model(&self) -> Option<&Model> {
        self.models.iter().find(|model| model.is_default)
    }

    /// Whether the signature of a model holds for its pinned hashes, which are those of what is loaded: a load that
    /// finds other bytes fails. `None` where the entry has no signature.
    ///
    /// # Errors
    /// [`Error::UnknownModel`]; [`Error::Signature`] when it does not hold, or its bundle cannot be read.
    pub fn signature(&self, id: &str) -> Result<Option<SignatureReport>, Error> {
        let model = self.entry(id)?;
        let Some(pin) = &model.signature else { return Ok(None) };
        let refuse =
            |reason: String| Error::Signature { id: id.to_owned(), bundle: pin.bundle.clone(), reason };
        let folder = self.folder.as_ref().ok_or_else(|| {
            refuse("it lies beside a models.toml of its own; name that with --models FILE".to_owned())
        })?;
        let bundle = read_bundle(&folder.join(&pin.bundle)).map_err(refuse)?;
        let files: Vec<_> = model.files.iter().map(|file| (file.source_name(), file.sha256)).collect();
        verify_signature(&bundle, &pin.key, &files, model.signed_folder()).map(Some).map_err(refuse)
    }

    /// The files of an approved model, for [`weights::load_model`] to read and verify. Where its entry has a
    /// signature, that holds for the pinned hashes.
    ///
    /// # Errors
    /// [`Error::UnknownModel`], [`Error::NotApproved`], [`Error::Signature`], [`Error::NotFetched`].
    pub fn pinned(&self, id: &str, store_dir: &Path) -> Result<Vec<weights::PinnedFile>, Error> {
        self.entry(id)?.approved()?;
        self.to_evaluate(id, store_dir)
    }

    /// The files of an approved encoder, and the contents of its `tokenizer.json`, which is verified here.
    ///
    /// # Errors
    /// As [`Registry::pinned`]; [`Error::OtherRole`]; [`Error::Weights`] for the tokenizer's file.
    pub fn encoder(
        &self,
        id: &str,
        role: Role,
        store_dir: &Path,
    ) -> Result<(Vec<weights::PinnedFile>, Vec<u8>), Error> {
        self.entry(id)?.approved_as(role)?;
        let files = self.pinned(id, store_dir)?;
        let tokenizer = files.iter().find(|file| is_named(&file.path, "tokenizer.json"));
        let missing = || Error::NotFetched { id: id.to_owned(), path: "tokenizer.json".into() };
        let bytes = weights::read_pinned(tokenizer.ok_or_else(missing)?)?;
        Ok((files, bytes))
    }

    /// The files of a model of any status, to be evaluated, which comes before approval: it is served to nobody by that.
    ///
    /// # Errors
    /// [`Error::UnknownModel`], [`Error::NotFetched`].
    pub fn to_evaluate(&self, id: &str, store_dir: &Path) -> Result<Vec<weights::PinnedFile>, Error> {
        self.signature(id)?;
        let files = self.entry(id)?.places(store_dir);
        if let Some(missing) = files.iter().find(|file| std::fs::symlink_metadata(&file.path).is_err()) {
            return Err(Error::NotFetched { id: id.to_owned(), path: missing.path.clone() });
        }
        Ok(files)
    }

    /// Whether every file of a model is there with its pinned size. Says nothing about hashes.
    pub fn is_fetched(&self, id: &str, store_dir: &Path) -> bool {
        self.entry(id).is_ok_and(|model| {
            model.places(store_dir).iter().all(|file| {
                std::fs::symlink_metadata(&file.path)
                    .is_ok_and(|facts| facts.is_file() && facts.len() == file.size_bytes)
            })
        })
    }

    /// What the first file of a model says of itself. It is read as it lies there: not verified.
    ///
    /// # Errors
    /// [`Error::UnknownModel`]; [`Error::Weights`] when the file cannot be read or parsed.
    pub fn inspect(&self, id: &str, store_dir: &Path) -> Result<weights::Inspection, Error> {
        // An entry has at least one file: the parser sees to that.
        let first = self.entry(id)?.places(store_dir).into_iter().next();
        Ok(weights::inspect(&first.map(|file| file.path).unwrap_or_default())?)
    }

    /// Hashes every file of a model, whatever its status. `progress` is told bytes done and bytes in all.
    ///
    /// # Errors
    /// [`Error::UnknownModel`]; what is wrong with files is in the report.
    pub fn verify(
        &self,
        id: &str,
        store_dir: &Path,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<VerifyReport, Error> {
        let model = self.entry(id)?;
        let total = model.size_bytes();
        let mut done = 0u64;
        let mut files = Vec::new();
        for (pin, file) in model.files.iter().zip(model.places(store_dir)) {
            let outcome = weights::verify(&file, &mut |part, _| progress(done.saturating_add(part), total));
            done = done.saturating_add(file.size_bytes);
            files.push((pin.path.clone(), outcome.map(|_| ())));
        }
        let signature = self.signature(id).transpose();
        Ok(VerifyReport { files, unpinned: unpinned(model, &store_dir.join(id)), signature })
    }

    /// The chat template of a loaded model, if it has one, after comparing it with its pin.
    ///
    /// # Errors
    /// [`Error::Template`] when it is absent or another; [`Error::Weights`] for a template file.
    pub fn chat_template(
        &self,
        id: &str,
        store_dir: &Path,
        metadata: &weights::Metadata,
    ) -> Result<Option<String>, Error> {
        let model = self.entry(id)?;
        let Some(pin) = &model.chat_template else { return Ok(None) };
        let refuse = |reason: String| Error::Template { id: id.to_owned(), reason };
        let text = match &pin.place {
            TemplatePlace::Embedded => metadata
                .string("tokenizer.chat_template")
                .ok_or_else(|| refuse("none in the file's metadata, and one is pinned".to_owned()))?
                .to_owned(),
            TemplatePlace::File(name) => {
                let place = model.places(store_dir).into_iter().find(|file| is_named(&file.path, name));
                let place = place.ok_or_else(|| refuse(format!("{name} is not among the model's files")))?;
                String::from_utf8(weights::read_pinned(&place)?)
                    .map_err(|_| refuse(format!("{name} is not UTF-8")))?
            }
        };
        let found: [u8; 32] = sha2::Digest::finalize(sha2::Digest::chain_update(
            <sha2::Sha256 as sha2::Digest>::new(),
            text.as_bytes(),
        ))
        .into();
        if found != pin.sha256 {
            let (pinned, found) = (hex::encode(pin.sha256), hex::encode(found));
            return Err(refuse(format!(
                "sha256 pinned {pinned}, found {found}: this is not the approved template"
            )));
        }
        Ok(Some(text))
    }
}

/// Reads a bundle, but never more than one can have.
pub(crate) fn read_bundle(path: &Path) -> Result<Vec<u8>, String> {
    use std::io::Read;
    let cannot = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
    let mut bytes = Vec::new();
    let most = BUNDLE_BYTES_MAX as u64 + 1;
    std::fs::File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes)).map_err(cannot)?;
    Ok(bytes)
}

fn is_named(path: &Path, name: &str) -> bool {
    path.file_name().is_some_and(|own| own == name)
}

/// Names in a model's folder that are neither pinned nor a download under way, in order.
fn unpinned(model: &Model, folder: &PathBuf) -> Vec<String> {
    let names = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<_> = names
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !crate::store::is_temporary(name) && model.files.iter().all(|file| file.path != *name))
        .collect();
    names.sort();
    names
}
