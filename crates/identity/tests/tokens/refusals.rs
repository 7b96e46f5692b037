//! Every way a token can be wrong, each with its own reason; and no byte of one that may be another.

use std::collections::BTreeSet;

use identity::{Jwks, Reason, TOKEN_BYTES_MAX, actor_of, looks_like_token};
use proptest::prelude::*;

use crate::{Golden, changed, identity, rule};

#[test]
fn tokens_of_another_program() {
    let golden = Golden::read();
    let identity = golden.identity();
    let mut met = BTreeSet::new();
    for case in &golden.cases {
        assert_eq!(rule(identity.verify(&case.token, golden.now_ms)), case.expect, "{}", case.name);
        met.insert(case.expect.clone());
    }
    let elsewhere = [Reason::NotApproved, Reason::KeysOutdated];
    for reason in Reason::ALL.iter().filter(|reason| !elsewhere.contains(reason)) {
        assert!(met.contains(reason.rule()), "no token for {}", reason.rule());
    }
    assert!(golden.cases.iter().filter(|case| case.expect == "good").count() >= 13);
}

#[test]
fn who_it_is_and_until_when() {
    let golden = Golden::read();
    let person = golden.identity().verify(golden.token("good ES256"), golden.now_ms).unwrap();
    assert_eq!(person.actor, actor_of("https://login.example.org/tenant", "7f1c2a90-jansen"));
    assert_eq!(person.key_id, "oidc:login/p256-1");
    assert_eq!(person.expires_ms, golden.now_ms + 3_540_000);
    assert_eq!(person.assigned(None).unwrap(), ("letters".to_owned(), vec!["writer".to_owned()]));
    let said = format!("{person:?}");
    for personal in ["jansen", "Jansen", "example.org", "7f1c2a90"] {
        assert!(!said.contains(personal), "{said}");
    }
    // The moment by itself: fractions are cut, and nothing is added.
    let person =
        golden.identity().verify(golden.token("good moments with fractions"), golden.now_ms).unwrap();
    assert_eq!(person.expires_ms, golden.now_ms + 100_250);
}

/// SHA-256 by another program: `printf 'proeftuin oidc actor v1\0\x20\0\0\0\0\0\0\0https://login.example.org/tenant7f1c2a90-jansen' | sha256sum`.
#[test]
fn the_name_of_a_person_is_what_it_was() {
    assert_eq!(
        actor_of("https://login.example.org/tenant", "7f1c2a90-jansen"),
        "oidc:f1dc39fef843dcc5bfec5a68820def60"
    );
    assert_ne!(actor_of("https://a", "bc"), actor_of("https://ab", "c"));
}

#[test]
fn the_moment_decides() {
    let golden = Golden::read();
    let identity = golden.identity();
    let token = golden.token("good ES256");
    let end = golden.now_ms + 3_540_000;
    assert_eq!(rule(identity.verify(token, end - 1)), "good");
    assert_eq!(rule(identity.verify(token, end)), "token-expired", "no grace at the end");
    // iat and nbf are a minute before now, and clocks may differ by a minute.
    assert_eq!(rule(identity.verify(token, golden.now_ms - 120_000)), "good");
    assert_eq!(rule(identity.verify(token, golden.now_ms - 120_001)), "token-not-yet-valid");
    for far in [i64::MIN, i64::MAX, 0] {
        assert_ne!(rule(identity.verify(token, far)), "good", "{far}");
    }
    let until = changed("keys_until = 2026-12-31", "keys_until = 2026-06-01");
    let outdated = crate::identity(&until, &golden.jwks, true);
    assert_eq!(rule(outdated.verify(token, golden.now_ms)), "token-keys-outdated");
}

#[test]
fn nobody_is_let_in_by_an_editor_alone() {
    let golden = Golden::read();
    let token = golden.token("good ES256");
    let unapproved = identity(crate::CONFIG, &golden.jwks, false);
    assert_eq!(rule(unapproved.verify(token, golden.now_ms)), "identity-not-approved");
    let nobody = identity::Identity::read([], true).unwrap();
    assert_eq!(rule(nobody.verify(token, golden.now_ms)), "token-issuer-unknown");
}

#[test]
fn only_what_the_entry_lists() {
    let golden = Golden::read();
    let judge = |from: &str, to: &str, name: &str| {
        rule(identity(&changed(from, to), &golden.jwks, true).verify(golden.token(name), golden.now_ms))
    };
    assert_eq!(judge("\"ES256\", ", "", "good ES256"), "token-algorithm-refused");
    assert_eq!(judge("\"EdDSA\"]", "\"Ed25519\"]", "good EdDSA"), "token-algorithm-refused");
    assert_eq!(judge("clock_skew_s", "types = [\"JWT\"]\nclock_skew_s", "an ID token"), "good");
    assert_eq!(judge("clock_skew_s", "types = [\"JWT\"]\nclock_skew_s", "good ES256"), "token-wrong-type");
    assert_eq!(
        judge("max_lifetime_s = 3600", "max_lifetime_s = 3599", "good ES256"),
        "token-lifetime-too-long"
    );
    assert_eq!(
        judge("clock_skew_s = 60", "clock_skew_s = 58", "good iat within the skew"),
        "token-not-yet-valid"
    );
    assert_eq!(
        judge("max_lifetime_s", "subject_claim = \"oid\"\nmax_lifetime_s", "good ES256"),
        "token-claims-incomplete"
    );
    let by_mail =
        identity(&changed("max_lifetime_s", "subject_claim = \"email\"\nmax_lifetime_s"), &golden.jwks, true);
    let person = by_mail.verify(golden.token("good ES256"), golden.now_ms).unwrap();
    assert_eq!(person.actor, actor_of("https://login.example.org/tenant", "j.jansen@example.org"));
}

#[test]
fn a_key_that_is_taken_out_signs_nobody_in() {
    let golden = Golden::read();
    let without = golden.jwks.replace("p256-1", "p256-0");
    let identity = identity(crate::CONFIG, &without, true);
    assert_eq!(rule(identity.verify(golden.token("good ES256"), golden.now_ms)), "token-key-unknown");
    assert_eq!(rule(identity.verify(golden.token("good RS256"), golden.now_ms)), "good");
    // With one key left that verifies, a token need not name it.
    let set: serde_json::Value = serde_json::from_str(&golden.jwks).unwrap();
    let alone = serde_json::json!({"keys": [set["keys"][1], set["keys"][4]]}).to_string();
    assert_eq!(Jwks::parse("x", &alone).unwrap().keys().count(), 2);
    let identity = crate::identity(crate::CONFIG, &alone, true);
    assert_eq!(rule(identity.verify(golden.token("no kid and several keys"), golden.now_ms)), "good");
}

/// Every character of a token, replaced by each of a few others: none of them is that token or another.
#[test]
fn no_character_of_a_token_may_differ() {
    let golden = Golden::read();
    let identity = golden.identity();
    for name in ["good ES256", "good EdDSA", "good RS256"] {
        let token = golden.token(name);
        for at in 0..token.len() {
            let mut bytes = token.as_bytes().to_vec();
            let own = bytes[at];
            // One bit, the neighbour in the alphabet, and what is not in it.
            for other in [own ^ 1, own ^ 0x20, if own == b'A' { b'B' } else { b'A' }, b'.', b'='] {
                if other == own || !other.is_ascii() {
                    continue;
                }
                bytes[at] = other;
                let changed = std::str::from_utf8(&bytes).unwrap();
                assert!(
                    identity.verify(changed, golden.now_ms).is_err(),
                    "{name}: {other} for {own} at {at}"
                );
            }
        }
        for end in 0..token.len() {
            assert!(identity.verify(&token[..end], golden.now_ms).is_err(), "{name} cut at {end}");
        }
        for tail in ["A", "=", ".", " ", "\n", "\0"] {
            assert!(
                identity.verify(&format!("{token}{tail}"), golden.now_ms).is_err(),
                "{name} and {tail:?}"
            );
        }
    }
}

#[test]
fn a_token_is_told_from_a_key() {
    let golden = Golden::read();
    for case in golden.cases.iter().filter(|case| case.name != "two parts" && case.name != "padding") {
        assert!(looks_like_token(&case.token), "{}", case.name);
    }
    for key in ["ptk_abcdefgh_0123456789", "", "geheim", "a.b", "ptk_a.b.c d", "ptk_é.b.c"] {
        assert!(!looks_like_token(key), "{key}");
    }
    let long = format!("a.b.{}", "c".repeat(TOKEN_BYTES_MAX - 3));
    assert_eq!(rule(golden.identity().verify(&long, golden.now_ms)), "token-too-long");
}

#[test]
fn each_reason_has_a_rule_and_two_remedies_of_its_own() {
    let rules: BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.rule()).collect();
    assert_eq!(rules.len(), Reason::ALL.len());
    for reason in Reason::ALL {
        assert!(reason.remedy().len() > 20 && reason.remedy_nl().len() > 20);
        assert_ne!(reason.remedy(), reason.remedy_nl());
        assert!(!reason.remedy().contains('{') && !reason.remedy().contains("  "), "{}", reason.remedy());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Bytes of one token put into another do not add up to a third.
    #[test]
    fn no_mixture_of_tokens_holds(first in 0_usize..100, second in 0_usize..100, cut in 0.0_f64..1.0) {
        let golden = Golden::read();
        let (first, second) = (&golden.cases[first % golden.cases.len()], &golden.cases[second % golden.cases.len()]);
        let at = (first.token.len() as f64 * cut) as usize;
        let mixed = format!("{}{}", &first.token[..at], second.token.get(at..).unwrap_or_default());
        if golden.identity().verify(&mixed, golden.now_ms).is_ok() {
            // ECDSA draws at random, so one text may have several signatures that hold; it is the text that counts.
            let text = |token: &str| token.rsplit_once('.').unwrap().0.to_owned();
            let known = golden.cases.iter().any(|case| case.expect == "good" && text(&case.token) == text(&mixed));
            prop_assert!(known, "{} and {}", first.name, second.name);
        }
    }
}
