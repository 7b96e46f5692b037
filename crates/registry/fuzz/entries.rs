//! What is fuzzed: the parsers of what comes with a model. Included by the fuzz target and by an ordinary test.

use registry::{PublicKey, signed_files, verify_signature};

const KEY: &str = include_str!("../tests/signatures/p256.pub");

/// A key, a bundle, and what lies inside one: whatever they hold, an answer; and no file of this hash was ever signed.
pub fn signature(data: &[u8]) {
    let key = PublicKey::from_pem(KEY).unwrap();
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(other) = PublicKey::from_pem(text)
    {
        assert_eq!(PublicKey::from_pem(other.pem()), Ok(other));
    }
    assert!(verify_signature(data, &key, &[("tulip.gguf", [0; 32])], "").is_err());
    if let Ok(files) = signed_files(data) {
        let names: std::collections::BTreeSet<_> = files.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), files.len());
    }
}
