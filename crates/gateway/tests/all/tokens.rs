//! Tokens of an identity provider: who is let in by one, what is counted, what is sealed, and that nobody is named.

use gateway::{AdminCommand, Credentials, Denied, DeniedKind, EndpointId, GuidanceCommand, Origin, Refusal};
use provenance::{Leaf, Stage, UnauthenticatedReason};
use serde_json::{Value, json};
use testkit::tokens::{KEYS_PATH, Provider};
use testkit::{House, HouseBuilder, NOW_MS, chat, collect, house_signers};

use crate::denied;

const NOW_S: i64 = NOW_MS / 1000;

fn provider() -> Provider {
    Provider::new("key-1", 41)
}

/// A house that takes tokens for `pilot` and `other`, with one request a day for each user of `single`.
fn builder() -> HouseBuilder {
    let single = "tokens_per_day = 1_000_000 ";
    House::builder()
        .pilot("other", &[])
        .pilot("single", &[(single, "tokens_per_day = 1_000_000, user = { requests_per_day = 1 } ")])
        .after_signing(|signers, folder| {
            let grants = [("pilot", "writer"), ("other", "writer"), ("single", "writer"), ("gone", "writer")];
            folder.insert("identity.toml".into(), Provider::config(&grants));
            folder.insert(KEYS_PATH.into(), provider().jwks());
            signers.sign_all(folder);
        })
}

/// The same, whose users have read the guidance.
async fn house() -> House {
    let house = builder().start().await;
    for subject in ["jansen", "pietersen", "a", "b"] {
        let actor = identity::actor_of(testkit::tokens::ISSUER, subject);
        let given = GuidanceCommand::Acknowledge { actor, guidance: "ambtenaren".to_owned() };
        house.administer(AdminCommand::Guidance(given)).await;
    }
    house
}

fn token(subject: &str, groups: &[&str]) -> String {
    provider().sign(&Provider::claims(subject, groups, NOW_S))
}

async fn show(house: &House, token: &str, use_case: Option<&str>) -> Result<gateway::Caller, Refusal> {
    let shown = Credentials { bearer: Some(token), use_case };
    house.gateway.authenticate(shown, EndpointId::ChatCompletions, Origin { loopback: true }).await
}

fn with(mut claims: Value, name: &str, value: Value) -> Value {
    claims[name] = value;
    claims
}

#[tokio::test]
async fn a_user_is_let_in_and_is_a_pseudonym_in_the_log() {
    let house = house().await;
    for _ in 0..2 {
        let caller = show(&house, &token("jansen", &["pilot", "something-else"]), None).await.unwrap();
        assert!(collect(house.gateway.generate(caller, chat("Dag.")).await.unwrap()).await.receipt.is_some());
    }
    let caller = show(&house, &token("pietersen", &["pilot"]), Some("pilot")).await.unwrap();
    assert!(collect(house.gateway.generate(caller, chat("Dag.")).await.unwrap()).await.receipt.is_some());
    let intents: Vec<_> = house
        .leaves()
        .into_iter()
        .filter_map(|entry| if let Leaf::Intent(intent) = entry.leaf { Some(intent.request) } else { None })
        .collect();
    assert_eq!(intents.len(), 3);
    assert!(intents.iter().all(|request| request.key_id.as_ref().unwrap().as_str() == "oidc:login/key-1"));
    assert_eq!(intents[0].actor_pseudonym, intents[1].actor_pseudonym, "one person, one pseudonym");
    assert_ne!(intents[0].actor_pseudonym, intents[2].actor_pseudonym, "two persons, two");
    let log = house.leaves_text();
    let actor = identity::actor_of(testkit::tokens::ISSUER, "jansen");
    for personal in ["jansen", "pietersen", "example.org", actor.as_str(), &actor[5..]] {
        assert!(!log.contains(personal), "the log has {personal}");
    }
    house.stop_and_verify().await;
}

/// Whoever signs in with a token acknowledges for themselves, and for all their tokens.
#[tokio::test]
async fn a_user_who_has_not_read_the_guidance_reads_it_first() {
    let house = builder().start().await;
    let caller = show(&house, &token("jansen", &["pilot"]), None).await.unwrap();
    let said = denied(house.gateway.generate(caller.clone(), chat("Dag.")).await);
    assert_eq!((said.rule.as_str(), said.kind), ("guidance-not-acknowledged", DeniedKind::Forbidden));
    let page = house.gateway.guidance(&caller, gateway::Language::Dutch).unwrap();
    let mut sha256 = [0; 32];
    hex::decode_to_slice(&page.sha256, &mut sha256).unwrap();
    house.gateway.acknowledge(&caller, sha256).await.unwrap();
    for subject in ["jansen", "pietersen"] {
        let caller = show(&house, &token(subject, &["pilot"]), None).await.unwrap();
        let outcome = house.gateway.generate(caller, chat("Dag.")).await;
        assert_eq!(outcome.is_ok(), subject == "jansen", "{subject}");
    }
    assert!(!house.leaves_text().contains("jansen"));
}

#[tokio::test]
async fn each_user_has_a_quota() {
    let house = house().await;
    for (subject, granted) in [("a", true), ("a", false), ("b", true), ("b", false), ("a", false)] {
        let caller = show(&house, &token(subject, &["single"]), None).await.unwrap();
        match house.gateway.generate(caller, chat("Dag.")).await {
            Ok(answer) => {
                assert!(granted, "{subject} had more than one");
                collect(answer).await;
            }
            refused => {
                let said = denied(refused);
                assert!(!granted, "{subject}: {}", said.rule);
                assert_eq!(
                    (said.rule.as_str(), said.kind),
                    ("quota-user-requests-per-day", DeniedKind::Quota)
                );
            }
        }
    }
    house.stop_and_verify().await;
}

/// Tokens that do not hold, by rule and by what they are counted as.
fn bad() -> Vec<(&'static str, UnauthenticatedReason, String)> {
    use UnauthenticatedReason as Counted;
    let (provider, claims) = (provider(), Provider::claims("jansen", &["pilot"], NOW_S));
    let header = json!({"alg": "EdDSA", "typ": "at+jwt", "kid": "key-1"});
    let sign = |name: &str, value: Value| provider.sign(&with(claims.clone(), name, value));
    let under = |name: &str, value: Value| provider.sign_under(&with(header.clone(), name, value), &claims);
    let good = token("jansen", &["pilot"]);
    vec![
        ("token-expired", Counted::TokenExpired, sign("exp", json!(NOW_S))),
        ("token-not-yet-valid", Counted::TokenNotYetValid, sign("nbf", json!(NOW_S + 61))),
        ("token-lifetime-too-long", Counted::TokenLifetimeTooLong, sign("exp", json!(NOW_S + 3601))),
        ("token-audience-wrong", Counted::TokenAudienceWrong, sign("aud", json!("https://else.example.org"))),
        ("token-issuer-unknown", Counted::TokenIssuerUnknown, sign("iss", json!("https://else.example.org"))),
        ("token-claims-incomplete", Counted::TokenClaimsIncomplete, sign("sub", json!(null))),
        ("token-wrong-type", Counted::TokenWrongType, under("typ", json!("JWT"))),
        ("token-algorithm-refused", Counted::TokenAlgorithmRefused, under("alg", json!("none"))),
        (
            "token-header-refused",
            Counted::TokenHeaderRefused,
            under("jku", json!("https://else.example.org")),
        ),
        ("token-key-unknown", Counted::TokenKeyUnknown, under("kid", json!("key-2"))),
        ("token-signature-wrong", Counted::TokenSignatureWrong, Provider::new("key-1", 42).sign(&claims)),
        ("token-malformed", Counted::TokenMalformed, format!("{good}.AAAA")),
        ("token-too-long", Counted::TokenTooLong, format!("{good}{}", "A".repeat(8192))),
    ]
}

fn unauthenticated(said: &Denied, rule: &str) {
    assert_eq!((said.rule.as_str(), said.kind), (rule, DeniedKind::Unauthenticated));
    assert!(said.receipt_id.is_none() && !said.remedy.is_empty() && !said.remedy_nl.is_empty(), "{rule}");
}

#[tokio::test]
async fn tokens_that_do_not_hold_are_counted_by_reason_and_leave_nothing() {
    let house = house().await;
    let before = house.leaves().len();
    for (rule, _, token) in bad() {
        let said = denied(show(&house, &token, None).await);
        unauthenticated(&said, rule);
        for part in token.split('.').filter(|part| part.len() > 8) {
            assert!(!said.remedy.contains(part) && !said.remedy_nl.contains(part), "{rule} quotes the token");
        }
    }
    assert_eq!(house.leaves().len(), before, "strangers fill the log");
    house.clock.advance_ms(60_000);
    house.gateway.seal_strangers().await.unwrap();
    let Leaf::UnauthenticatedDenials(leaf) = house.last_leaf() else { panic!("not counted") };
    for (rule, counted, _) in bad() {
        assert_eq!(leaf.counts.get(&counted), Some(&1), "{rule}");
    }
    assert_eq!(leaf.counts.len(), bad().len());
    let log = house.leaves_text();
    assert!(log.contains("\"token_expired\":1") && !log.contains("jansen"));
    assert!(house.generator.requests().is_empty());
}

#[tokio::test]
async fn a_person_without_a_grant_is_sealed_by_pseudonym() {
    let house = house().await;
    for (groups, named, rule) in [
        (vec!["nothing"], None, "token-not-granted"),
        (vec!["pilot"], Some("other"), "token-not-granted"),
        (vec!["pilot"], Some("geheim-project"), "token-not-granted"),
        (vec!["pilot", "other"], None, "token-use-case-ambiguous"),
    ] {
        let said = denied(show(&house, &token("jansen", &groups), named).await);
        assert_eq!((said.rule.as_str(), said.kind), (rule, DeniedKind::Forbidden));
        let Leaf::Denied(leaf) = house.last_leaf() else { panic!("{rule} was not sealed") };
        assert_eq!(Some(leaf.request.id.to_hex()), said.receipt_id);
        assert_eq!(leaf.request.decision.stage, Stage::Key);
        assert_eq!(leaf.request.decision.rule.unwrap().as_str(), rule);
        assert_eq!(leaf.request.key_id.unwrap().as_str(), "oidc:login/key-1");
        assert!(leaf.request.use_case.is_none());
        assert_eq!(
            said.remedy.contains("other, pilot"),
            rule == "token-use-case-ambiguous",
            "{}",
            said.remedy
        );
    }
    // The request says which of the two.
    for named in ["pilot", "other"] {
        let caller = show(&house, &token("jansen", &["pilot", "other"]), Some(named)).await.unwrap();
        collect(house.gateway.generate(caller, chat("Dag.")).await.unwrap()).await;
    }
    // A grant of a use case that has no record is the policy's to deny, by its own rule.
    let caller = show(&house, &token("jansen", &["gone"]), None).await.unwrap();
    assert_eq!(denied(house.gateway.generate(caller, chat("Dag.")).await).rule, "use-case-unknown");
    let log = house.leaves_text();
    assert!(!log.contains("geheim-project") && !log.contains("jansen"));
    house.stop_and_verify().await;
}

#[tokio::test]
async fn a_token_that_ends_while_the_request_is_made_is_judged_by_the_rules() {
    let house = house().await;
    let caller = show(&house, &token("jansen", &["pilot"]), None).await.unwrap();
    house.clock.advance_ms(600_000);
    assert_eq!(denied(house.gateway.generate(caller, chat("Dag.")).await).rule, "key-expired");
    unauthenticated(&denied(show(&house, &token("jansen", &["pilot"]), None).await), "token-expired");
}

#[tokio::test]
async fn what_is_taken_out_is_out_after_a_reload() {
    let house = house().await;
    let good = token("jansen", &["pilot"]);
    let reload = || house.administer(AdminCommand::ReloadPolicy);
    assert!(show(&house, &good, None).await.is_ok());
    // A block needs nobody's signature.
    let mut blocked = identity::Blocked::default();
    blocked.add(&identity::actor_of(testkit::tokens::ISSUER, "jansen"));
    house.edit_policy(|folder| drop(folder.insert("identity/blocked.toml".into(), blocked.to_text())));
    assert!(show(&house, &good, None).await.is_ok(), "not before the reload");
    reload().await;
    let said = denied(show(&house, &good, None).await);
    assert_eq!((said.rule.as_str(), said.kind), ("token-person-blocked", DeniedKind::Unauthenticated));
    assert!(said.receipt_id.is_some(), "sealed by pseudonym");
    assert!(show(&house, &token("pietersen", &["pilot"]), None).await.is_ok());
    house.edit_policy(|folder| drop(folder.remove("identity/blocked.toml")));

    // Whoever edits the folder without the root keys ends all tokens, and makes none.
    house.edit_policy(|folder| drop(folder.insert(KEYS_PATH.into(), Provider::new("key-1", 43).jwks())));
    reload().await;
    let forged = Provider::new("key-1", 43).sign(&Provider::claims("jansen", &["pilot"], NOW_S));
    for token in [&good, &forged] {
        unauthenticated(&denied(show(&house, token, None).await), "identity-not-approved");
    }
    house.edit_policy(|folder| {
        folder.insert(KEYS_PATH.into(), Provider::new("key-2", 43).jwks());
        house_signers().sign_all(folder);
    });
    reload().await;
    unauthenticated(&denied(show(&house, &good, None).await), "token-key-unknown");
    let next = Provider::new("key-2", 43).sign(&Provider::claims("jansen", &["pilot"], NOW_S));
    assert!(show(&house, &next, None).await.is_ok());

    // A grant that goes.
    house.edit_policy(|folder| {
        folder.insert("identity.toml".into(), Provider::config(&[("other", "writer")]));
        house_signers().sign_all(folder);
    });
    reload().await;
    assert_eq!(denied(show(&house, &next, None).await).rule, "token-not-granted");
    // What cannot be read leaves the policy in force.
    house.edit_policy(|folder| drop(folder.insert("identity.toml".into(), "[[issuer]]\nx = 1\n".into())));
    let refused = house.gateway.administer(AdminCommand::ReloadPolicy, 1000).await;
    let Err(Refusal::Invalid { reason, .. }) = refused else { panic!("taken") };
    assert!(reason.starts_with("identity.toml:"), "{reason}");
    assert_eq!(denied(show(&house, &next, None).await).rule, "token-not-granted");
    house.stop_and_verify().await;
}

#[tokio::test]
async fn a_clock_that_was_set_closes_the_gate_to_tokens_too() {
    let house = house().await;
    let good = token("jansen", &["pilot"]);
    house.clock.jump_ms(-3_600_000);
    let Err(Refusal::Closed { .. }) = show(&house, &good, None).await else { panic!("let in") };
    let Leaf::Denied(leaf) = house.last_leaf() else { panic!("not sealed") };
    assert_eq!(leaf.request.decision.rule.unwrap().as_str(), "clock-jumped");
}

#[tokio::test]
async fn without_issuers_a_token_is_a_stranger() {
    let house = House::new().await;
    let good = token("jansen", &["pilot"]);
    unauthenticated(&denied(show(&house, &good, None).await), "token-issuer-unknown");
    // A key is for one use case, whatever the request names.
    assert!(show(&house, house.key("pilot"), Some("other")).await.is_ok());
}
