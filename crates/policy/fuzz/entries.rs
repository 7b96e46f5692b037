//! What is fuzzed: every parser of files that signers and root keys hand over, with what must hold of the result.
//! Included by the fuzz targets and by the ordinary tests.

use policy::{
    PolicyFiles, PolicySet, PublicKey, ROSTER_PATH, RosterSeal, Signed, SigningKey, Statement, TrustRoot,
};

/// A signature: what parses writes the same statement again, and is genuine or not without a panic.
pub fn signature(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(signed) = Signed::<Statement>::parse("signature", text) {
        let again = Signed::<Statement>::parse("signature", &signed.to_text().unwrap()).unwrap();
        assert_eq!(again, signed);
        assert_eq!(again.is_genuine(), signed.is_genuine());
        assert_eq!(again.statement_sha256(), signed.statement_sha256());
        assert!(!signed.statement.file_name().contains('/'));
    }
    if let Ok(seal) = Signed::<RosterSeal>::parse("seal", text) {
        let _ = seal.is_genuine();
    }
    let _ = SigningKey::parse(text);
    if let Ok(key) = text.parse::<PublicKey>() {
        assert_eq!(key.to_string(), text.to_lowercase());
    }
}

/// A roster, and the file that pins the root keys. A folder with this roster and no seal trusts nobody.
pub fn roster(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = TrustRoot::parse("trust-root.toml", text);
    let key = SigningKey::from_seed(&[1; 32]);
    let root = format!("threshold = 1\nkeys = [\"{}\"]\n", key.public());
    let root = TrustRoot::parse("trust-root.toml", &root).unwrap();
    let embedded = PolicyFiles::embedded().unwrap();
    let files = embedded.iter().chain([(ROSTER_PATH, text)]);
    if let Ok(set) = PolicySet::load_trusting(&PolicyFiles::from_entries(files).unwrap(), Some(&root)) {
        assert!(set.use_cases().all(|case| set.approvals(&case.id).unwrap().roster.is_none()));
    }
}

/// What a guidance says of itself. A folder with it loads or is refused, and other words are another text to acknowledge.
pub fn guidance(data: &[u8]) {
    const PATH: &str = "guidance/ambtenaren.toml";
    let Ok(text) = std::str::from_utf8(data) else { return };
    let embedded = PolicyFiles::embedded().unwrap();
    let files = PolicyFiles::from_entries(others_of(&embedded, PATH).chain([(PATH, text)])).unwrap();
    let Ok(set) = PolicySet::load(&files) else { return };
    let guidance = set.guidance().find(|guidance| guidance.id == "ambtenaren").unwrap();
    let title = guidance.title(policy::Language::Dutch);
    let changed = text.replacen(title, &format!("{title}."), 1);
    let files =
        PolicyFiles::from_entries(others_of(&embedded, PATH).chain([(PATH, changed.as_str())])).unwrap();
    if let Ok(other) = PolicySet::load(&files) {
        let other = other.guidance().find(|guidance| guidance.id == "ambtenaren").unwrap();
        assert!(other.title(policy::Language::Dutch) == title || other.sha256 != guidance.sha256);
    }
}

fn others_of<'a>(files: &'a PolicyFiles, path: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
    files.iter().filter(move |(other, _)| *other != path)
}
