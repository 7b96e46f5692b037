//! OpenAI's Responses API: shapes whole and streamed, functions, and that nothing is kept.

use std::sync::Arc;

use serde_json::{Value, json};
use testkit::{Act, House, ScriptedGenerate};

use crate::http::Site;

const PATH: &str = "/v1/responses";
const CALL: &str =
    "Ik kijk.\n<tool_call>\n{\"name\": \"zoek\", \"arguments\": {\"nummer\": \"12\"}}\n</tool_call>";

fn asking(more: Value) -> Value {
    let mut body = json!({"model": "tiny", "max_output_tokens": 256, "input": "Zoek nummer 12."});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn tools() -> Value {
    let schema =
        json!({"type": "object", "properties": {"nummer": {"type": "string"}}, "required": ["nummer"]});
    json!([{"type": "function", "name": "zoek", "description": "Zoekt.", "parameters": schema, "strict": true}])
}

#[tokio::test]
async fn a_response_whole_is_the_same_as_streamed() {
    let site = Site::saying("Dag, Jan.").await;
    let whole = site.post(PATH, &asking(json!({"instructions": "Kort."}))).await;
    assert_eq!(whole.status, 200, "{}", whole.body);
    insta::assert_snapshot!("response_whole", whole.shown());
    let body = whole.json();
    assert_eq!(body["output"][0]["content"][0]["text"], "Dag, Jan.");
    let receipt: gateway::Receipt = serde_json::from_value(body["proeftuin"]["receipt"].clone()).unwrap();
    receipt.verify(&site.house.verifier).unwrap();
    assert!(site.house.leaves_text().contains("\"action\":\"respond\""));
    let streamed = site.post(PATH, &asking(json!({"instructions": "Kort.", "stream": true}))).await;
    let told = streamed.told();
    assert!(
        told.iter()
            .enumerate()
            .all(|(at, (name, data))| { data["type"] == **name && data["sequence_number"] == json!(at) })
    );
    let text: String = told.iter().filter_map(|(_, data)| data["delta"].as_str()).collect();
    assert_eq!(text, "Dag, Jan.");
    let (name, last) = told.last().unwrap();
    assert_eq!(name, "response.completed");
    assert_eq!(last["response"]["output"][0]["content"], body["output"][0]["content"]);
    assert_eq!(last["response"]["usage"], body["usage"]);
    assert!(streamed.body.ends_with("data: [DONE]\n\n"), "{}", streamed.body);
    insta::assert_snapshot!("response_streamed", streamed.story());
    site.house.stop_and_verify().await;
}

#[tokio::test]
async fn a_call_whole_and_streamed_and_its_output() {
    let site = Site::saying(CALL).await;
    let whole = site.post(PATH, &asking(json!({"tools": tools()}))).await;
    assert_eq!(whole.status, 200, "{}", whole.body);
    insta::assert_snapshot!("response_call_whole", whole.shown());
    let streamed = site.post(PATH, &asking(json!({"tools": tools(), "stream": true}))).await;
    let story = streamed.story();
    let calls: Vec<&str> = story.lines().filter(|line| line.contains("function_call")).collect();
    insta::assert_snapshot!("response_call_streamed", calls.join("\n"));
    let mut input = vec![json!({"role": "user", "content": "Zoek nummer 12."})];
    input.extend(whole.json()["output"].as_array().unwrap().clone());
    let id = input.last().unwrap()["call_id"].clone();
    input.push(json!({"type": "function_call_output", "call_id": id, "output": "Gevonden: niets."}));
    let reply = site.post(PATH, &asking(json!({"input": input, "tools": tools()}))).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let prompt = site.house.tokenizer.decode(&site.house.generator.requests().pop().unwrap().prompt);
    assert!(prompt.contains("Gevonden: niets.") && prompt.contains("\"nummer\": \"12\""), "{prompt}");
}

#[tokio::test]
async fn an_answer_that_is_cut_off_says_so() {
    let site = Site::saying("een twee drie").await;
    let body = site.post(PATH, &asking(json!({"max_output_tokens": 2}))).await.json();
    assert_eq!(
        (&body["status"], &body["incomplete_details"]["reason"]),
        (&json!("incomplete"), &json!("max_output_tokens"))
    );
    assert_eq!(body["output"][0]["status"], "incomplete");
    let told = site.post(PATH, &asking(json!({"max_output_tokens": 2, "stream": true}))).await.told();
    assert_eq!(told.last().unwrap().0, "response.incomplete");
    assert_eq!(told[told.len() - 2].1["item"]["status"], "incomplete");
}

#[tokio::test]
async fn a_failure_in_the_middle_is_said_and_nothing_follows() {
    let builder = House::builder()
        .generator(|_| Arc::new(ScriptedGenerate::new(|_| vec![Act::Token(100), Act::Vanish])));
    let site = Site::start(builder).await;
    let reply = site.post(PATH, &asking(json!({"stream": true}))).await;
    let (name, data) = reply.told().pop().unwrap();
    assert_eq!(
        (name.as_str(), &data["response"]["error"]["code"]),
        ("response.failed", &json!("server_error"))
    );
    assert!(!reply.body.contains("[DONE]") && !reply.body.contains("\"receipt\""));
}

#[tokio::test]
async fn what_is_wrong_is_named_by_its_place() {
    let site = Site::saying("Ja.").await;
    let item = |item: Value| json!({"input": [item]});
    for (more, field) in [
        (json!({"store": true}), "store"),
        (json!({"previous_response_id": "resp_1"}), "previous_response_id"),
        (json!({"conversation": "conv_1"}), "conversation"),
        (json!({"prompt": {"id": "p"}}), "prompt"),
        (json!({"background": true}), "background"),
        (json!({"include": ["reasoning.encrypted_content"]}), "include"),
        (json!({"reasoning": {"effort": "low"}}), "reasoning"),
        (json!({"truncation": "auto"}), "truncation"),
        (json!({"max_tokens": 1}), "max_tokens"),
        (json!({"n": 2}), "n"),
        (json!({"stop": "a"}), "stop"),
        (json!({"input": null}), "input"),
        (json!({"input": []}), "input"),
        (item(json!({"role": "tool", "content": "a"})), "input[0].role"),
        (
            item(json!({"role": "user", "content": [{"type": "input_image", "image_url": "x"}]})),
            "input[0].content[0].type",
        ),
        (item(json!({"type": "item_reference", "id": "msg_1"})), "input[0].type"),
        (item(json!({"type": "reasoning", "summary": []})), "input[0].type"),
        (item(json!({"type": "function_call", "call_id": "a", "name": "f"})), "input[0].arguments"),
        (item(json!({"type": "function_call_output", "call_id": "a", "output": "b"})), "input[0].call_id"),
        (json!({"tools": [{"type": "web_search"}]}), "tools[0].type"),
        (json!({"tools": [{"type": "function", "function": {"name": "f"}}]}), "tools[0].name"),
        (json!({"tool_choice": "required"}), "tool_choice"),
        (json!({"tools": tools(), "tool_choice": {"type": "function", "name": "g"}}), "tool_choice.name"),
        (json!({"text": {"verbosity": "low"}}), "text.verbosity"),
        (json!({"text": {"format": {"type": "yaml"}}}), "text.format.type"),
        (json!({"text": {"format": {"type": "json_schema", "schema": {}}}}), "text.format.name"),
        (json!({"response_format": {"type": "text"}}), "response_format"),
    ] {
        let reply = site.post(PATH, &asking(more.clone())).await;
        assert_eq!(reply.status, 400, "{more}: {}", reply.body);
        assert_eq!(reply.json()["error"]["param"], field, "{more}: {}", reply.body);
    }
    let kept = site.post(PATH, &asking(json!({"store": true}))).await;
    assert!(kept.body.contains("keeps no responses"), "{}", kept.body);
    assert!(site.house.generator.requests().is_empty());
    for more in [
        json!({"store": false, "previous_response_id": null, "include": [], "truncation": "disabled"}),
        json!({"metadata": {"a": "b"}, "user": "u", "temperature": 0, "top_p": 0.5, "seed": 1}),
        json!({"text": {"format": {"type": "text"}, "verbosity": "medium"}}),
    ] {
        let reply = site.post(PATH, &asking(more.clone())).await;
        assert_eq!(reply.status, 200, "{more}: {}", reply.body);
    }
}
