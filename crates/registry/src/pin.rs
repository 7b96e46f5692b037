//! Writing an entry of `models.toml` for files that are there.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use sha2::Digest;

use crate::check::{safe_file_name, safe_id};
use crate::signature::{PublicKey, verify_signature};
use crate::{Error, Registry};

/// What to pin.
#[derive(Debug, Clone)]
pub struct PinRequest {
    /// The new model's id.
    pub id: String,
    /// Its files, in order; shards of one model together.
    pub paths: Vec<PathBuf>,
    /// A signature over them, that must hold.
    pub signature: Option<PinSignature>,
}

/// Where a signature and its key lie.
#[derive(Debug, Clone)]
pub struct PinSignature {
    /// The bundle; its file name becomes `bundle`, beside `models.toml`.
    pub bundle: PathBuf,
    /// The public key in PEM.
    pub key: PathBuf,
}

/// Hashes files and gives the TOML of an entry for them: status `proposed`, source `file`, and what the files say of
/// licence, languages and context. What nobody said is written as `unknown`, for a person to fill in.
///
/// # Errors
/// [`Error::Weights`] for files that cannot be read or parsed; [`Error::Source`] for unusable names.
pub fn pin(request: &PinRequest, progress: &mut dyn FnMut(u64, u64)) -> Result<String, Error> {
    let refuse = |reason: &str| Error::source(format!("pin {}", request.id.escape_debug()), reason);
    if !safe_id(&request.id) {
        return Err(refuse("the id may have lower-case letters, digits, dots, dashes and underscores"));
    }
    let Some(first) = request.paths.first() else { return Err(refuse("no file was given")) };
    let folder = std::path::absolute(first).map_err(Error::io("find", first))?;
    let folder = folder.parent().unwrap_or(Path::new("/")).to_owned();
    let (mut files, mut pins) = (String::new(), Vec::new());
    for path in &request.paths {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if !safe_file_name(name) {
            return Err(refuse("file names may have letters, digits, dots, dashes and underscores"));
        }
        let own = std::path::absolute(path).map_err(Error::io("find", path))?;
        if own.parent() != Some(folder.as_path()) {
            return Err(refuse("the files of one model must lie in one folder"));
        }
        let pin = weights::measure(path, progress)?;
        let _ = writeln!(
            files,
            "    {{ path = {}, sha256 = \"{}\", size_bytes = {} }},",
            quoted(name),
            hex::encode(pin.sha256),
            pin.size_bytes
        );
        pins.push((name, pin.sha256));
    }
    let signature = request.signature.as_ref().map(|signature| signed(signature, &pins)).transpose();
    let signature = signature.map_err(|why| refuse(&format!("the signature: {why}")))?;
    let known = Known::of(first)?;
    let source = match request.paths.as_slice() {
        [only] => std::path::absolute(only).map_err(Error::io("find", only))?.display().to_string(),
        _ => format!("{}/", folder.display()),
    };
    let mut entry = String::from("[[model]]\n");
    let _ = writeln!(entry, "id = {}", quoted(&request.id));
    entry.push_str("status = \"proposed\"\n");
    if pins.iter().any(|(name, _)| *name == "tokenizer.json") {
        entry.push_str("# role = \"token-classifier\" or \"embeddings\", if it is an encoder\n");
    }
    let _ = writeln!(entry, "source = {{ file = {} }}", quoted(&source));
    let _ = writeln!(entry, "files = [\n{files}]");
    if let Some(template) = &known.template {
        let hash = hex::encode(sha2::Sha256::digest(template.as_bytes()));
        let _ = writeln!(entry, "chat_template = {{ embedded = true, sha256 = \"{hash}\" }}");
    }
    let _ = writeln!(entry, "license = {} # as the file says: check it", quoted(&known.license));
    entry.push_str(&signature.unwrap_or_default());
    let languages: Vec<_> = known.languages.iter().map(|language| quoted(language)).collect();
    let _ = writeln!(
        entry,
        "limits = {{ context_tokens = {}, languages = [{}] }}",
        known.context_tokens,
        languages.join(", ")
    );
    entry.push_str(DOSSIER);
    Ok(entry)
}

/// What nobody has said yet.
const DOSSIER: &str = r#"
[model.dossier] # fill in what is known; leave the rest unknown
weights = "unknown" # open, part, closed, unknown
code = "unknown"
training_data = "unknown"
developer = "unknown"
country = "unknown" # of the developer: two letters
packed_by = "unknown" # who converted or quantised these files
trained_on = "unknown"
trained_until = "unknown"
training_kwh = "unknown"
opt_outs = "unknown" # yes, no, unknown: were makers' reservations honoured
opt_outs_evidence = "unknown"
legal_review = "unknown" # { by = "Legal Affairs", date = "2026-01-31", review_by = "2027-01-31" }
lineage = "unknown" # [{ name = "owner/model", step = "quantised to Q4_1" }]
limitations = "unknown"
"#;

/// The line of a signature that holds for these files.
fn signed(signature: &PinSignature, pins: &[(&str, [u8; 32])]) -> Result<String, String> {
    let cannot = |error: std::io::Error| format!("cannot read {}: {error}", signature.key.display());
    let key = PublicKey::from_pem(&std::fs::read_to_string(&signature.key).map_err(cannot)?)?;
    let bundle = crate::registry::read_bundle(&signature.bundle)?;
    verify_signature(&bundle, &key, pins, "")?;
    let name = signature.bundle.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if !safe_file_name(name) {
        return Err("the bundle's name may have letters, digits, dots, dashes and underscores".to_owned());
    }
    // PEM has nothing to escape but the ends of its lines.
    let pem = key.pem().replace('\n', "\\n");
    Ok(format!("signature = {{ bundle = {}, key = \"{pem}\" }}\n", quoted(name)))
}

/// What a file says of itself.
struct Known {
    template: Option<String>,
    license: String,
    languages: Vec<String>,
    context_tokens: u64,
}

impl Known {
    fn of(path: &Path) -> Result<Self, Error> {
        let metadata = weights::inspect(path)?.metadata;
        let context = metadata.architecture().map(|name| format!("{name}.context_length"));
        let context_tokens =
            context.and_then(|key| metadata.u64(&key)).filter(|tokens| *tokens <= u32::MAX.into());
        let languages = metadata.strings("general.languages").unwrap_or_default();
        Ok(Self {
            template: metadata.string("tokenizer.chat_template").map(str::to_owned),
            license: crate::licence::of_file(metadata.string("general.license").unwrap_or("unknown")),
            // `und` is BCP 47 for a language nobody determined.
            languages: if languages.is_empty() { vec!["und".to_owned()] } else { languages.to_vec() },
            context_tokens: context_tokens.filter(|tokens| *tokens > 0).unwrap_or(2048),
        })
    }
}

/// A TOML string. Control characters are dropped: these texts come out of files.
fn quoted(text: &str) -> String {
    let clean: String = text.chars().filter(|character| !character.is_control()).take(300).collect();
    toml::Value::String(clean).to_string()
}

/// Adds an entry to a `models.toml`, if the whole then still holds; the file is replaced in one step.
///
/// # Errors
/// [`Error::Manifest`] when the entry does not fit, [`Error::Io`].
pub fn append_entry(manifest: &Path, entry: &str) -> Result<(), Error> {
    let mut text = std::fs::read_to_string(manifest).map_err(Error::io("read", manifest))?;
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text.push('\n');
    text.push_str(entry);
    Registry::parse(&text, &manifest.display().to_string())?;
    let temporary = manifest.with_extension("toml.new");
    let write = || {
        let mut file = std::fs::File::create(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&temporary, manifest)
    };
    write().map_err(Error::io("write", manifest))
}
