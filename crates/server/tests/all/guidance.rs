//! Reading and acknowledging the guidance over HTTP: the denial leads there, nobody needs more than their key, and nothing
//! of the key is ever sent back.

use gateway::{AdminCommand, GuidanceCommand};
use serde_json::json;
use testkit::House;

use crate::http::{Reply, Site, chat};

const READ: &str = "/v1/proeftuin/guidance";
const ACKNOWLEDGE: &str = "/v1/proeftuin/guidance/acknowledge";

async fn site() -> Site {
    let asks = "guidance = \"ambtenaren\"\ntraining = [\"ai-basis\"]";
    let builder = House::builder().saying("Goedendag.").uninformed();
    Site::start(builder.pilot("trained", &[("guidance = \"ambtenaren\"", asks)])).await
}

async fn read(site: &Site, use_case: &str, path: &str, headers: &[(&str, &str)]) -> Reply {
    let bearer = site.bearer(use_case);
    let all: Vec<_> =
        [("authorization", bearer.as_str())].into_iter().chain(headers.iter().copied()).collect();
    site.send("GET", path, &all, b"").await
}

#[tokio::test]
async fn the_denial_leads_to_the_guidance_and_the_guidance_back_to_work() {
    let site = site().await;
    let denied = site.chat(&chat("Dag.")).await;
    insta::assert_snapshot!("guidance_denied", denied.shown());
    assert_eq!(denied.header("link"), Some("</guidance>; rel=\"help\""));
    let page = site.get(READ).await.json();
    assert_eq!((page["state"].as_str(), page["acknowledged"].as_bool()), (Some("never"), Some(false)));
    let reply = site.post(ACKNOWLEDGE, &json!({"sha256": page["sha256"]})).await;
    assert_eq!((reply.status, reply.json()["acknowledged"].as_bool()), (200, Some(true)));
    assert_eq!(site.chat(&chat("Dag.")).await.status, 200);
    site.house.stop_and_verify().await;
}

#[tokio::test]
async fn what_is_wrong_is_said_and_nothing_is_acknowledged_by_it() {
    let site = site().await;
    let sha256 = site.get(READ).await.json()["sha256"].clone();
    let cases = [
        (json!({}), 400, "invalid_value"),
        (json!({"sha256": 1}), 400, "invalid_value"),
        (json!({"sha256": "abc"}), 400, "invalid_value"),
        (json!({"sha256": sha256, "actor": "somebody"}), 400, "invalid_value"),
        (json!({"sha256": "7".repeat(64)}), 409, "guidance_not_current"),
        (json!([sha256]), 400, "invalid_value"),
    ];
    for (body, status, code) in cases {
        let reply = site.post(ACKNOWLEDGE, &body).await;
        assert_eq!((reply.status, reply.json()["error"]["code"].as_str()), (status, Some(code)), "{body}");
        assert_eq!(site.chat(&chat("Dag.")).await.status, 403, "{body}");
    }
    insta::assert_snapshot!(
        "guidance_not_current",
        site.post(ACKNOWLEDGE, &json!({"sha256": "7".repeat(64)})).await.shown()
    );
    insta::assert_snapshot!("guidance_of_the_demo", read(&site, "demo", READ, &[]).await.shown());
    assert_eq!(site.get(&format!("{READ}?lang=fr")).await.status, 400);
    assert_eq!(site.send("GET", READ, &[], b"").await.status, 401);
    assert_eq!(site.send("POST", ACKNOWLEDGE, &[], b"{}").await.status, 401);
    site.house.stop_and_verify().await;
}

#[tokio::test]
async fn it_comes_in_the_language_and_form_that_is_asked_for() {
    let site = site().await;
    let text = async |path: &str, headers: &[(&str, &str)]| {
        let reply = read(&site, "trained", path, headers).await;
        (reply.header("content-language").unwrap().to_owned(), reply.body)
    };
    let english = format!("{READ}?lang=en");
    assert!(text(READ, &[]).await.1.contains("Lees elk antwoord na."), "Dutch first");
    assert_eq!(text(READ, &[("accept-language", "en-GB, nl;q=0.5")]).await.0, "en");
    assert_eq!(
        text(&english, &[("accept-language", "nl")]).await.0,
        "en",
        "what was asked outright counts first"
    );
    let (_, markdown) = text(&english, &[("accept", "text/markdown")]).await;
    assert_eq!(markdown, "# Guidance\n\n- Check every answer.\n");
    let json: serde_json::Value = serde_json::from_str(&text(&english, &[]).await.1).unwrap();
    assert_eq!(json["training"][0]["state"], "missing");
    assert!(json["training"][0]["about"].as_str().unwrap().starts_with("Basic training"));
    let attest = GuidanceCommand::Attest {
        actor: "actor of trained".to_owned(),
        training: "ai-basis".to_owned(),
        given_by: "trainer".to_owned(),
        until_ms: testkit::NOW_MS + 5000,
    };
    site.house.administer(AdminCommand::Guidance(attest)).await;
    let json: serde_json::Value = serde_json::from_str(&text(&english, &[]).await.1).unwrap();
    assert_eq!(json["training"][0]["state"], "current");
    assert_eq!(json["training"][0]["valid_until"], testkit::NOW_MS / 1000 + 5);
    site.house.stop_and_verify().await;
}

#[tokio::test]
async fn the_page_is_the_same_for_everybody_and_knows_no_key() {
    let site = site().await;
    let (with, without) =
        (site.get("/guidance?key=ptk_geheim").await, site.send("GET", "/guidance", &[], b"").await);
    assert_eq!((with.status, &with.body), (200, &without.body));
    assert!(!with.body.contains("ptk_"));
    for (name, value) in
        [("cache-control", "no-store"), ("referrer-policy", "no-referrer"), ("x-frame-options", "DENY")]
    {
        assert_eq!(with.header(name), Some(value));
    }
    assert!(
        with.header("content-security-policy")
            .unwrap()
            .starts_with("default-src 'none'; script-src 'sha256-")
    );
}

/// A token of an identity provider opens two use cases: the request says which, here as everywhere.
#[tokio::test]
async fn a_user_who_signs_in_with_a_token_names_the_use_case() {
    let provider = testkit::tokens::Provider::new("key-1", 61);
    let keys = provider.jwks();
    let builder = House::builder().saying("Goedendag.").uninformed().pilot("other", &[]);
    let site = Site::start(builder.after_signing(move |signers, folder| {
        let grants = [("pilot", "writer"), ("other", "writer")];
        folder.insert("identity.toml".into(), testkit::tokens::Provider::config(&grants));
        folder.insert(testkit::tokens::KEYS_PATH.into(), keys);
        signers.sign_all(folder);
    }))
    .await;
    let now_s = testkit::NOW_MS / 1000;
    let claims = testkit::tokens::Provider::claims("jansen", &["pilot", "other"], now_s);
    let bearer = format!("Bearer {}", provider.sign(&claims));
    let ask = async |method: &str, path: &str, project: Option<&str>, body: &str| {
        let mut headers = vec![("authorization", bearer.as_str()), ("content-type", "application/json")];
        headers.extend(project.map(|id| ("OpenAI-Project", id)));
        site.send(method, path, &headers, body.as_bytes()).await
    };
    let unnamed = ask("GET", READ, None, "").await;
    assert_eq!(
        (unnamed.status, unnamed.json()["error"]["code"].as_str()),
        (403, Some("token-use-case-ambiguous"))
    );
    assert_eq!(unnamed.header("www-authenticate"), Some("Bearer error=\"insufficient_scope\""));
    assert_eq!(ask("GET", READ, Some(""), "").await.status, 403, "an empty name names none");
    let page = ask("GET", READ, Some("pilot"), "").await.json();
    assert_eq!(page["state"].as_str(), Some("never"));
    let body = json!({"sha256": page["sha256"]}).to_string();
    assert_eq!(ask("POST", ACKNOWLEDGE, Some("pilot"), &body).await.status, 200);
    let chat = chat("Dag.").to_string();
    assert_eq!(ask("POST", "/v1/chat/completions", Some("pilot"), &chat).await.status, 200);
    assert_eq!(
        ask("POST", "/v1/chat/completions", Some("nowhere"), &chat).await.json()["error"]["code"],
        "token-not-granted"
    );
    assert!(!site.house.leaves_text().contains("jansen"));
    site.house.stop_and_verify().await;
}
