//! Every row of the endpoint table: what a good request gets.

use gateway::{ENDPOINTS, EndpointId};
use serde_json::json;

use testkit::House;

use crate::http::{Reply, Site, chat};

pub async fn good(site: &Site, id: EndpointId, path: &str) -> Reply {
    match id {
        EndpointId::ChatCompletions => site.post(path, &chat("Dag.")).await,
        EndpointId::Completions => {
            site.post(path, &json!({"model": "tiny", "prompt": ["a", "b"], "n": 2})).await
        }
        EndpointId::Messages | EndpointId::CountTokens => {
            let mut body = chat("Dag.");
            if id == EndpointId::CountTokens {
                body.as_object_mut().unwrap().remove("max_tokens");
            }
            site.post(path, &body).await
        }
        EndpointId::Responses => site.post(path, &json!({"model": "tiny", "input": "Dag."})).await,
        EndpointId::Tokenize => site.post(path, &json!({"prompt": "Dag."})).await,
        EndpointId::Detokenize => {
            let tokens = site.house.tokenizer.encode("Dag.").unwrap().to_vec();
            site.post(path, &json!({"model": "tiny", "tokens": tokens})).await
        }
        EndpointId::Embeddings => {
            site.post(path, &json!({"model": "tiny-vectors", "input": ["en belt", "woont in de"]})).await
        }
        EndpointId::Acknowledge => {
            let sha256 = site.get("/v1/proeftuin/guidance").await.json()["sha256"].clone();
            site.post(path, &json!({"sha256": sha256})).await
        }
        EndpointId::Model => site.get(&path.replace("{model}", "tiny")).await,
        _ => site.get(path).await,
    }
}

#[tokio::test]
async fn every_endpoint_of_the_table() {
    let site = Site::start(House::builder().saying("Goedendag.").embeddings()).await;
    for row in ENDPOINTS {
        let reply = good(&site, row.id, row.path).await;
        assert_eq!(reply.status, 200, "{}: {}", row.path, reply.body);
        if row.id == EndpointId::OpenApi {
            // What it says is held against the API itself.
            continue;
        }
        let name = row.path.trim_matches('/').replace(['/', '{', '}'], "_");
        // Of the page its head: what it may do. The rest is its source.
        let shown = reply.shown();
        let shown = shown.split("<!doctype").next().unwrap_or_default();
        // Of the metrics which there are: how long something took is never the same.
        let sample = |line: &&str| row.id != EndpointId::Metrics || !line.starts_with("proeftuin_");
        let shown = shown.lines().filter(sample).collect::<Vec<_>>().join("\n");
        insta::assert_snapshot!(format!("endpoint_{name}"), shown);
    }
    site.house.stop_and_verify().await;
}

#[tokio::test]
async fn the_demo_is_marked_everywhere() {
    let site = Site::saying("Goedendag.").await;
    let bearer = site.bearer("demo");
    let body = chat("Dag.").to_string();
    let reply =
        site.send("POST", "/v1/chat/completions", &[("authorization", &bearer)], body.as_bytes()).await;
    assert_eq!(reply.header("x-proeftuin-demo"), Some("true"));
    assert_eq!(reply.json()["proeftuin"]["demo"], json!(true));
}

#[tokio::test]
async fn the_receipt_in_the_body_is_the_one_in_the_header_and_verifies() {
    let site = Site::saying("Goedendag.").await;
    let reply = site.chat(&chat("Dag.")).await;
    let receipt: gateway::Receipt =
        serde_json::from_value(reply.json()["proeftuin"]["receipt"].clone()).unwrap();
    receipt.verify(&site.house.verifier).unwrap();
    let id = reply.json()["proeftuin"]["receipt"]["id"].clone();
    assert_eq!(id.as_str(), reply.header("x-proeftuin-receipt"));
}

#[tokio::test]
async fn the_traceparent_lands_in_the_leaf() {
    let site = Site::saying("Goedendag.").await;
    let bearer = site.bearer("pilot");
    let headers = [
        ("authorization", &*bearer),
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    ];
    let body = chat("Dag.").to_string();
    assert_eq!(site.send("POST", "/v1/chat/completions", &headers, body.as_bytes()).await.status, 200);
    let leaves = site.house.leaves_text();
    assert!(leaves.contains("\"trace_id\":\"4bf92f3577b34da6a3ce929d0e0e4736\""));
    assert!(leaves.contains("\"parent_span_id\":\"00f067aa0ba902b7\""));
}
