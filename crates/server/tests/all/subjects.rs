//! Headers that name whom a request is about: a pseudonym in the log, nothing in the reply, and a 400 that repeats nothing.

use std::sync::Arc;

use gateway::{
    AdminCommand, AdminOutcome, ENDPOINTS, EndpointId, Identifier, Method, SubjectAct, SubjectCommand,
    SubjectOutcome,
};
use serde_json::{Value, json};
use server::{AdminSocket, ask};
use testkit::{House, within};
use zeroize::Zeroizing;

use crate::http::{Reply, Site, chat};

const BSN: &str = "111222333";
const ID: &str = "x-proeftuin-data-subject";
const TYPE: &str = "X-Proeftuin-Data-Subject-Type";

/// The endpoints that take a text, each with a good body.
fn asking() -> Vec<(&'static str, Value)> {
    let body = |id| match id {
        EndpointId::ChatCompletions => Some(chat("Dag.")),
        EndpointId::Completions => Some(json!({"model": "tiny", "prompt": "Dag."})),
        EndpointId::Embeddings => Some(json!({"model": "tiny-vectors", "input": "Dag."})),
        EndpointId::Messages => {
            Some(json!({"model": "tiny", "max_tokens": 9, "messages": [{"role": "user", "content": "Dag."}]}))
        }
        EndpointId::CountTokens => {
            Some(json!({"model": "tiny", "messages": [{"role": "user", "content": "Dag."}]}))
        }
        EndpointId::Responses => Some(json!({"model": "tiny", "input": "Dag."})),
        EndpointId::Tokenize => Some(json!({"model": "tiny", "prompt": "Dag."})),
        EndpointId::Detokenize => Some(json!({"model": "tiny", "tokens": [1, 2]})),
        _ => None,
    };
    let rows = ENDPOINTS.iter().filter(|row| row.method == Method::Post && !row.text.is_empty());
    rows.map(|row| (row.path, body(row.id).unwrap_or_else(|| panic!("{} is new here", row.path)))).collect()
}

async fn post(site: &Site, path: &str, headers: &[(&str, &str)], body: &Value) -> Reply {
    let bearer = site.bearer("pilot");
    let headers = [&[("authorization", bearer.as_str())], headers].concat();
    site.send("POST", path, &headers, body.to_string().as_bytes()).await
}

#[tokio::test]
async fn every_endpoint_takes_the_headers_and_says_nothing_back() {
    let site = Site::start(House::builder().saying("Goedendag.").embeddings()).await;
    for (path, body) in asking() {
        let reply = post(&site, path, &[(ID, "1112.22.333, K-12"), (TYPE, "BSN, klantnummer")], &body).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.body);
        assert!(
            !reply.head.contains("222") && !reply.body.contains(BSN) && !reply.body.contains("K-12"),
            "{path}"
        );
        let request = site.house.intents().pop().unwrap().request;
        let types: Vec<_> = request.data_subjects().map(|(_, kind)| kind.unwrap().to_owned()).collect();
        assert_eq!(types, ["bsn", "klantnummer"], "{path}");
    }
    let mut streamed = chat("Dag.");
    streamed["stream"] = json!(true);
    let reply = post(&site, "/v1/chat/completions", &[(ID, BSN), (TYPE, "bsn")], &streamed).await;
    assert!(reply.body.contains("[DONE]") && !reply.body.contains(BSN));
    // A denial names the person as well; whoever has no key names nobody.
    let unknown = json!({"model": "huge", "prompt": "Dag."});
    let reply = post(&site, "/v1/completions", &[(ID, BSN), (TYPE, "bsn")], &unknown).await;
    assert!(reply.status == 403 && !reply.body.contains(BSN), "{}", reply.body);
    assert!(site.house.denials().pop().unwrap().request.data_subject_pseudonym.is_some());
    let people: std::collections::BTreeSet<_> =
        site.house.intents().iter().filter_map(|intent| intent.request.data_subject_pseudonym).collect();
    assert_eq!(people.len(), 1, "the number is one number however it was typed");
    assert!(!site.get("/metrics").await.body.contains(BSN));
    site.house.stop_and_verify().await;
    let log = site.house.leaves_text();
    assert!(!log.contains(BSN) && !log.contains("1112.22.333") && !log.contains("K-12"));
}

#[tokio::test]
async fn a_malformed_header_is_named_and_not_repeated_and_nothing_is_generated() {
    let site = Site::start(House::builder().saying("Goedendag.").embeddings()).await;
    let many = ["geheim7"; 9].join(",");
    for (path, body) in asking() {
        for (named, headers) in [
            ("X-Proeftuin-Data-Subject", vec![(ID, "geheim7"), (TYPE, "bsn")]),
            ("X-Proeftuin-Data-Subject", vec![(ID, "987654321"), (TYPE, "bsn")]),
            ("X-Proeftuin-Data-Subject", vec![(ID, "geheim7 geheim7")]),
            ("X-Proeftuin-Data-Subject", vec![(ID, "geheim7\u{e9}")]),
            ("X-Proeftuin-Data-Subject", vec![(ID, "geheim7,,x")]),
            ("X-Proeftuin-Data-Subject", vec![(ID, "")]),
            ("X-Proeftuin-Data-Subject", vec![(ID, &*many)]),
            (TYPE, vec![(ID, "x"), (TYPE, "geheim7")]),
            (TYPE, vec![(TYPE, "bsn")]),
        ] {
            let reply = post(&site, path, &headers, &body).await;
            assert_eq!(reply.status, 400, "{path} {headers:?}");
            let error = reply.json()["error"].clone();
            assert_eq!(
                (error["param"].as_str(), error["code"].as_str()),
                (Some(named), Some("invalid_value"))
            );
            let said = format!("{}{}", reply.head, reply.body);
            assert!(!said.contains("geheim7") && !said.contains("987654321"), "{said}");
        }
    }
    assert!(site.house.generator.requests().is_empty() && site.house.intents().is_empty());
    site.house.stop_and_verify().await;
    assert!(!site.house.leaves_text().contains("geheim7"));
}

#[tokio::test]
async fn a_person_is_found_and_erased_through_the_socket() {
    let site = Site::saying("Goedendag.").await;
    let path = site.house.folder().join("admin.sock");
    let _task = tokio::spawn(AdminSocket::bind(&path).unwrap().serve(Arc::clone(&site.house.gateway)));
    let send = async |act, id: &str| {
        let (path, id) = (path.clone(), Identifier(Zeroizing::new(id.to_owned())));
        let command = AdminCommand::Subject(SubjectCommand { act, id, kind: None });
        match within(tokio::task::spawn_blocking(move || ask(&path, &command))).await.unwrap() {
            Ok(Some(AdminOutcome::Subject(outcome))) => Ok(outcome),
            Err(error) => Err(error.to_string()),
            Ok(_) => panic!("another outcome"),
        }
    };
    for _ in 0..2 {
        post(&site, "/v1/chat/completions", &[(ID, BSN), (TYPE, "bsn")], &chat("Dag.")).await;
    }
    let Ok(SubjectOutcome::Found(rows)) = send(SubjectAct::Find, BSN).await else { panic!("not found") };
    assert_eq!(rows.iter().map(|row| row.records).collect::<Vec<_>>(), [2]);
    let erased = send(SubjectAct::Erase, BSN).await;
    assert!(matches!(erased, Ok(SubjectOutcome::Erased { keys: 1, records: 2 })), "{erased:?}");
    let Ok(SubjectOutcome::Found(rows)) = send(SubjectAct::Find, BSN).await else { panic!("no answer") };
    assert!(rows.is_empty());
    let refused = send(SubjectAct::Find, "geheim7 geheim7").await.unwrap_err();
    assert!(refused.contains("the identifier: must be") && !refused.contains("geheim7"), "{refused}");
    site.house.stop_and_verify().await;
}
