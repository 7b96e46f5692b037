//! What operators see: every number there is, by use case, and a dashboard that names no other.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testkit::House;

use crate::http::{Site, chat};

const DASHBOARD: &str = include_str!("../../grafana.json");

fn value(text: &str, name: &str) -> f64 {
    let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    found.unwrap_or_else(|| panic!("no {name} in\n{text}")).parse().unwrap()
}

#[tokio::test]
async fn requests_are_counted_by_use_case_and_say_nothing_of_what_was_said() {
    let site = Site::start(House::builder().saying("Goedendag.").embeddings()).await;
    assert_eq!(site.chat(&chat("Mijn BSN is 123456782, kanarie.")).await.status, 200);
    let stream = json!({"model": "tiny", "prompt": "a", "stream": true, "n": 2});
    assert_eq!(site.post("/v1/completions", &stream).await.status, 200);
    let texts = json!({"model": "tiny-vectors", "input": ["en belt"]});
    assert_eq!(site.post("/v1/embeddings", &texts).await.status, 200);
    assert_eq!(site.send("GET", "/v1/models", &[("authorization", "Bearer kanarie")], b"").await.status, 401);
    assert_eq!(site.chat(&json!({"model": "tiny", "messages": [], "kanarie": 1})).await.status, 400);
    let text = site.get("/metrics").await.body;
    for (name, count) in [
        ("proeftuin_requests_total{use_case=\"pilot\",status=\"completed\"}", 3.0),
        ("proeftuin_redactions_total{kind=\"BSN\"}", 1.0),
        ("proeftuin_time_to_first_token_seconds_count{use_case=\"pilot\"}", 2.0),
        ("proeftuin_e2e_request_latency_seconds_count{use_case=\"pilot\"}", 3.0),
        ("proeftuin_responses_total{endpoint=\"chat\",status=\"400\"}", 1.0),
    ] {
        assert!((value(&text, name) - count).abs() < 0.5, "{name}: {text}");
    }
    assert!(value(&text, "proeftuin_prompt_tokens_total{use_case=\"pilot\"}") > 3.0);
    assert!(value(&text, "proeftuin_generation_tokens_total{use_case=\"pilot\"}") > 3.0);
    assert!(text.contains("proeftuin_denials_total{rule="), "{text}");
    assert!(!text.contains("kanarie") && !text.contains("123456782"), "{text}");
    assert_eq!(text.matches("# EOF").count(), 0, "the format is Prometheus' own");
}

/// Names of metrics in an expression, without what a histogram adds to its own.
fn named(expression: &str) -> BTreeSet<String> {
    let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words
        .filter(|word| word.starts_with("proeftuin_"))
        .map(|word| word.trim_end_matches("_bucket").to_owned())
        .collect()
}

#[tokio::test]
async fn the_dashboard_names_what_there_is() {
    let site = Site::start(House::builder()).await;
    assert_eq!(site.chat(&json!({"model": "tiny", "max_tokens": 4, "messages": [{"role": "user", "content": "BSN 123456782"}]})).await.status, 200);
    assert_eq!(site.send("GET", "/v1/models", &[], b"").await.status, 401);
    let text = site.get("/metrics").await.body;
    let there: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let expressions = targets.map(|target| target["expr"].as_str().unwrap());
    let shown: BTreeSet<String> = expressions.flat_map(named).collect();
    for name in &shown {
        // The type line of a counter has its name with or without the ending, by version of the format.
        assert!(
            there.contains(name.as_str()) || there.contains(name.trim_end_matches("_total")),
            "no {name} among {there:?}"
        );
    }
    assert!(shown.len() > 15);
}
