//! Files that are wrong are refused with their line and the key.

use identity::{Blocked, Config, Error, Identity};

use crate::{CONFIG, Golden, changed};

#[track_caller]
fn refused(config: &str) -> String {
    Config::parse(config).expect_err("taken").to_string()
}

#[test]
fn what_means_nothing_is_refused() {
    let cases = [
        ("issuer = \"https", "issuer = \"http", "identity.toml:3: issuer: must be an https://"),
        ("example.org/tenant\"", "example.org/tenant?x=1\"", "issuer: must be"),
        ("https://login.example.org/tenant", "https://", "issuer: must be"),
        ("https://login.example.org/tenant", "https:///tenant", "issuer: must be"),
        ("https://login.example.org/tenant", "https://login example.org", "issuer: must be"),
        ("[\"https://proeftuin.example.org\"]", "[]", "identity.toml:4: audience: name the audience"),
        ("[\"https://proeftuin.example.org\"]", "[\" \"]", "audience:"),
        (
            "identity/login.jwks.json",
            "login.jwks.json",
            "identity.toml:5: jwks: must be identity/NAME.jwks.json",
        ),
        ("identity/login.jwks.json", "identity/../login.jwks.json", "jwks:"),
        ("identity/login.jwks.json", "identity/Login.jwks.json", "jwks:"),
        ("identity/login.jwks.json", "identity/.jwks.json", "jwks:"),
        ("2026-12-31T00:00:00Z", "2026-12-31", "identity.toml:6: keys_until: is not a moment"),
        ("\"RS256\", ", "\"HS256\", ", "identity.toml:7: algorithms: name at least one"),
        ("\"RS256\", ", "\"none\", ", "algorithms:"),
        ("\"RS256\", ", "\"rs256\", ", "algorithms:"),
        ("clock_skew_s = 60", "clock_skew_s = 301", "identity.toml:8: clock_skew_s: must be 0 to 300"),
        ("clock_skew_s = 60", "types = []", "identity.toml:8: types: name at least one"),
        ("clock_skew_s = 60", "subject_claim = \"\"", "subject_claim: is empty"),
        (
            "max_lifetime_s = 3600",
            "max_lifetime_s = 0",
            "identity.toml:9: max_lifetime_s: must be 1 to 86400",
        ),
        ("max_lifetime_s = 3600", "max_lifetime_s = 86401", "max_lifetime_s:"),
        ("max_lifetime_s = 3600", "", "max_lifetime_s"),
        ("clock_skew_s = 60", "leeway = 60", "leeway"),
        ("claim = \"groups\"", "claim = \"\"", "identity.toml:12: claim: is empty"),
        ("claim = \"groups\"", "claim = []", "claim: is empty"),
        ("claim = \"groups\"", "claim = [\"a\", \"\"]", "claim: is empty"),
        ("claim = \"groups\"", "claim = 1", "identity.toml:12"),
        ("value = \"pilot-letters\"", "value = \"\"", "identity.toml:13: value: is empty"),
        ("use_case = \"letters\"", "use_case = \"../letters\"", "identity.toml:14: use_case: must be"),
        ("roles = [\"writer\"]", "roles = []", "identity.toml:15: roles: name at least one"),
        ("roles = [\"writer\"]", "roles = [\" \"]", "roles:"),
    ];
    for (from, to, said) in cases {
        let error = refused(&changed(from, to));
        assert!(error.contains(said), "{to}: {error}");
    }
    assert!(refused("[issuer]").starts_with("identity.toml:1: "));
    assert!(refused(&format!("{CONFIG}{CONFIG}")).contains("has an entry already"));
    let twice = format!("{CONFIG}{}", changed("example.org/tenant", "example.org/other"));
    assert!(refused(&twice).contains("another issuer's file"));
}

#[test]
fn what_is_left_out() {
    let config = Config::parse(&changed("clock_skew_s = 60", "")).unwrap();
    let issuer = &config.issuers[0];
    assert_eq!((issuer.clock_skew_ms, issuer.max_lifetime_ms), (60_000, 3_600_000));
    assert_eq!(issuer.types, ["at+jwt"]);
    assert_eq!((issuer.name.as_str(), issuer.subject_claim.as_str()), ("login", "sub"));
    let named =
        Config::parse(&changed("clock_skew_s = 60", "types = [\"application/at+JWT\", \"JWT\"]")).unwrap();
    assert_eq!(named.issuers[0].types, ["at+jwt", "jwt"]);
    assert_eq!(Config::parse("").unwrap(), Config::default());
}

#[test]
fn files_belong_together() {
    let golden = Golden::read();
    let keys = ("identity/login.jwks.json", golden.jwks.as_str());
    let read = |files: &[(&'static str, &'static str)], more: Option<(&'static str, &str)>| {
        let more = more.map(|(path, text)| (path, text.to_owned()));
        let files = files.iter().copied().chain(more.as_ref().map(|(path, text)| (*path, text.as_str())));
        Identity::read(files, true).map_err(|error: Error| error.to_string())
    };
    let missing = read(&[("identity.toml", CONFIG)], None).unwrap_err();
    assert!(missing.starts_with("identity/login.jwks.json: is not here"), "{missing}");
    let stray = read(&[], Some(keys)).unwrap_err();
    assert!(stray.contains("is named by no issuer"), "{stray}");
    let stray =
        read(&[("identity.toml", CONFIG), ("identity/other.jwks.json", "{}")], Some(keys)).unwrap_err();
    assert!(stray.starts_with("identity/other.jwks.json: is named by no issuer"), "{stray}");
    assert!(read(&[("identity.toml", CONFIG)], Some(("identity/login.jwks.json", "{}"))).is_err());
    assert!(read(&[("rules/10.cedar", "x"), ("identitys.toml", "x")], None).unwrap().is_empty());
}

#[test]
fn only_persons_are_blocked() {
    for wrong in [
        "blocked = [\"jansen\"]",
        "blocked = [\"oidc:\"]",
        "blocked = [\"oidc:F1DC39FEF843DCC5BFEC5A68820DEF60\"]",
        "",
        "blockd = []",
        "blocked = \"x\"",
    ] {
        assert!(Blocked::parse(wrong).is_err(), "{wrong}");
    }
    let text = "blocked = [\"oidc:f1dc39fef843dcc5bfec5a68820def60\"]";
    assert_eq!(Blocked::parse(text).unwrap().len(), 1);
}
