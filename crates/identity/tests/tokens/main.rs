//! Tokens of an independent program, files that are wrong, and bytes that are anything.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test code fails by panicking"
)]

mod files;
mod grants;
mod parsers;
mod refusals;

use identity::{Identity, Reason};
use serde_json::Value;

/// The issuer of `golden/make_tokens.py`.
const CONFIG: &str = r#"
[[issuer]]
issuer = "https://login.example.org/tenant"
audience = ["https://proeftuin.example.org"]
jwks = "identity/login.jwks.json"
keys_until = 2026-12-31T00:00:00Z
algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"]
clock_skew_s = 60
max_lifetime_s = 3600

[[issuer.grant]]
claim = "groups"
value = "pilot-letters"
use_case = "letters"
roles = ["writer"]
"#;

/// One token and what must become of it.
struct Case {
    name: String,
    expect: String,
    token: String,
}

/// What `golden/make_tokens.py` wrote.
struct Golden {
    now_ms: i64,
    jwks: String,
    cases: Vec<Case>,
}

impl Golden {
    fn read() -> Self {
        let file: Value = serde_json::from_str(include_str!("../golden/tokens.json")).unwrap();
        let text = |case: &Value, name: &str| case[name].as_str().unwrap().to_owned();
        let case = |case: &Value| Case {
            name: text(case, "name"),
            expect: text(case, "expect"),
            token: text(case, "token"),
        };
        Self {
            now_ms: file["now_ms"].as_i64().unwrap(),
            jwks: file["jwks"].to_string(),
            cases: file["cases"].as_array().unwrap().iter().map(case).collect(),
        }
    }

    fn token(&self, name: &str) -> &str {
        &self.cases.iter().find(|case| case.name == name).unwrap_or_else(|| panic!("no case {name}")).token
    }

    fn identity(&self) -> Identity {
        identity(CONFIG, &self.jwks, true)
    }
}

#[track_caller]
fn identity(config: &str, jwks: &str, approved: bool) -> Identity {
    let files =
        [("identity.toml", config), ("identity/login.jwks.json", jwks), ("README.md", "no file of ours")];
    Identity::read(files, approved).unwrap_or_else(|error| panic!("{error}"))
}

#[track_caller]
fn changed(from: &str, to: &str) -> String {
    assert!(CONFIG.contains(from), "no {from}");
    CONFIG.replace(from, to)
}

fn rule(outcome: Result<identity::Person, Reason>) -> &'static str {
    outcome.map_or_else(Reason::rule, |_| "good")
}
