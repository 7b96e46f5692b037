//! An identity provider for tests: a key that anybody knows, and tokens by it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};

/// Its `iss`.
pub const ISSUER: &str = "https://login.example.org/tenant";
/// The audience that its tokens are for.
pub const AUDIENCE: &str = "https://proeftuin.example.org";
/// Path of its keys in the policy folder.
pub const KEYS_PATH: &str = "identity/login.jwks.json";

/// Signs in whomever a test names.
pub struct Provider {
    key: SigningKey,
    kid: String,
}

impl Provider {
    /// One whose key has this `kid` and this byte as its seed.
    pub fn new(kid: &str, seed: u8) -> Self {
        Self { key: SigningKey::from_bytes(&[seed; 32]), kid: kid.to_owned() }
    }

    /// Its public keys.
    pub fn jwks(&self) -> String {
        let x = URL_SAFE_NO_PAD.encode(self.key.verifying_key().as_bytes());
        json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": self.kid, "use": "sig", "x": x}]}).to_string()
    }

    /// `identity.toml`, with a grant for each use case and role: whoever has it as a group.
    pub fn config(grants: &[(&str, &str)]) -> String {
        let mut text = format!(
            "[[issuer]]\nissuer = \"{ISSUER}\"\naudience = [\"{AUDIENCE}\"]\njwks = \"{KEYS_PATH}\"\n\
             keys_until = 2099-12-31T00:00:00Z\nalgorithms = [\"EdDSA\"]\nmax_lifetime_s = 3600\n"
        );
        for (use_case, role) in grants {
            text.push_str(&format!(
                "\n[[issuer.grant]]\nclaim = \"groups\"\nvalue = \"{use_case}\"\nuse_case = \"{use_case}\"\nroles = [\"{role}\"]\n"
            ));
        }
        text
    }

    /// The claims of `subject` in `groups`, issued at `now_s` for ten minutes.
    pub fn claims(subject: &str, groups: &[&str], now_s: i64) -> Value {
        json!({
            "iss": ISSUER, "sub": subject, "aud": AUDIENCE, "iat": now_s, "exp": now_s + 600, "groups": groups,
            "email": format!("{subject}@example.org"),
        })
    }

    /// A token of these claims.
    pub fn sign(&self, claims: &Value) -> String {
        self.sign_under(&json!({"alg": "EdDSA", "typ": "at+jwt", "kid": self.kid}), claims)
    }

    /// The same under another header.
    pub fn sign_under(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(claims));
        let signature = self.key.sign(message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    }
}
