//! Every string and key outside the text fields is scanned; personal data there refuses the request by pointer.

use serde_json::{Value, json};

use crate::http::{Site, chat};

const MAIL: &str = "jan.jansen@voorbeeld.nl";

#[tokio::test]
async fn personal_data_in_each_field_that_is_let_through_is_refused_by_pointer() {
    let site = Site::saying("Goedendag.").await;
    let fields: [(&str, Value, &str); 11] = [
        ("user", json!(MAIL), "/user"),
        ("safety_identifier", json!(MAIL), "/safety_identifier"),
        ("prompt_cache_key", json!(MAIL), "/prompt_cache_key"),
        ("stop", json!(MAIL), "/stop"),
        ("stop", json!(["a", MAIL]), "/stop"),
        ("metadata", json!({"dossier": MAIL}), "/metadata/dossier"),
        ("metadata", json!({MAIL: "dossier"}), "/metadata (a key)"),
        ("metadata", json!({"a/b": [{"c~d": MAIL}]}), "/metadata/a~1b/0/c~0d"),
        ("user", json!("NL91ABNA0417164300"), "/user"),
        ("user", json!("BSN 111222333"), "/user"),
        ("metadata", json!({"rekening": "NL91 ABNA 0417 1643 00"}), "/metadata/rekening"),
    ];
    for (field, value, pointer) in fields {
        let mut body = chat("Dag.");
        body[field] = value.clone();
        let reply = site.chat(&body).await;
        let error = &reply.json()["error"];
        assert_eq!(
            (reply.status, &error["code"]),
            (403, &json!("personal-data-in-fixed-field")),
            "{field} {value}"
        );
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(&format!(": {pointer} holds personal data")), "{message}");
        assert!(!reply.body.contains(MAIL) && !reply.body.contains("0417164300"));
    }
    let message = |extra: Value| {
        let mut body = chat("Dag.");
        body["messages"][0]["annotations"] = extra;
        body
    };
    let reply = site.chat(&message(json!([{"bron": MAIL}]))).await;
    assert!(reply.body.contains("/messages/0/annotations/0/bron holds"), "{}", reply.body);
    assert!(site.house.generator.requests().is_empty());
    assert!(!site.house.leaves_text().contains(MAIL));
}

#[tokio::test]
async fn text_fields_are_rewritten_instead() {
    let site = Site::saying("Goedendag.").await;
    let parts = json!([{"type": "text", "text": "Mail"}, {"type": "text", "text": MAIL}]);
    let chat = json!({"model": "tiny", "messages": [{"role": "user", "content": parts}]});
    assert_eq!(site.chat(&chat).await.status, 200);
    for prompt in [json!(MAIL), json!(["a", MAIL])] {
        let body = json!({"model": "tiny", "prompt": prompt});
        assert_eq!(site.post("/v1/completions", &body).await.status, 200);
    }
    let prompts: Vec<String> =
        site.house.generator.requests().iter().map(|r| site.house.tokenizer.decode(&r.prompt)).collect();
    assert!(prompts[0].contains("Mail\n⟦E-MAIL_1⟧"), "{}", prompts[0]);
    assert_eq!(prompts[1], "⟦E-MAIL_1⟧");
    assert_eq!(prompts[3], "⟦E-MAIL_1⟧");
    assert!(prompts.iter().all(|prompt| !prompt.contains(MAIL)));
}
