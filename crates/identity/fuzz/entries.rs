//! What is fuzzed: every parser of bytes that a stranger or an issuer made, with what must hold of the result.
//! Included by the fuzz targets and by the ordinary tests.

use identity::{Blocked, Config, Identity, Jwks, looks_like_token};

/// Whose key nobody here has the secret of, so that no bytes make a token.
const CONFIG: &str = r#"
[[issuer]]
issuer = "https://login.example.org/tenant"
audience = ["https://proeftuin.example.org"]
jwks = "identity/login.jwks.json"
keys_until = 2099-12-31T00:00:00Z
algorithms = ["RS256", "ES256", "EdDSA"]
types = ["at+jwt", "JWT"]
max_lifetime_s = 86400
"#;
/// RFC 8037, A.2, and a key on P-256 that was drawn and thrown away.
const JWKS: &str = r#"{"keys":[
{"kty":"OKP","crv":"Ed25519","kid":"ed-1","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
{"kty":"EC","crv":"P-256","kid":"p256-1","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}
]}"#;

/// A token: whatever it is, it is refused with a reason and without a panic.
pub fn token(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let files = [("identity.toml", CONFIG), ("identity/login.jwks.json", JWKS)];
    let identity = Identity::read(files, true).unwrap();
    let _ = looks_like_token(text);
    assert!(identity.verify(text, 1_780_308_000_000).is_err());
}

/// A set of keys: what parses has a key that verifies, labels that the log takes, and says nothing of a secret.
pub fn jwks(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(set) = Jwks::parse("identity/x.jwks.json", text) {
        assert!(set.keys().any(|key| key.unfit().is_none()));
        for key in set.keys() {
            assert!((1..=64).contains(&key.label().len()) && key.label().is_ascii());
        }
    }
}

/// The configuration, and the list of who is blocked.
pub fn config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(config) = Config::parse(text) {
        for issuer in &config.issuers {
            assert!(!issuer.audience.is_empty() && !issuer.algorithms.is_empty());
            assert!(
                (1..=86_400_000).contains(&issuer.max_lifetime_ms)
                    && (0..=300_000).contains(&issuer.clock_skew_ms)
            );
        }
    }
    if let Ok(blocked) = Blocked::parse(text) {
        assert_eq!(Blocked::parse(&blocked.to_text()).unwrap(), blocked);
    }
}
