//! The log of a real server in the formats of others, and a month of it on a page.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};

use crate::harness::{Leaves, MODEL, Place};

const FORMATS: [&str; 6] = ["ldv", "adl", "otel", "csv", "prov-json", "jsonl"];
/// Words of a prompt, which no export may hold.
const CANARY: &str = "zonnebloemkanarie";
const REGISTER: [&str; 2] = ["--register", "https://register.example/"];

/// A server's day: two answers, one of them to a prompt with a number that redaction takes, and refusals of each sort.
fn day() -> Option<Place> {
    let place = Place::new()?;
    let server = place.serve();
    let key = place.key("pilot-test").secret;
    let wrong_role = place.key_with_role("pilot-test", "nobody").secret;
    let ask = |text: &str, stream: bool| {
        json!({"model": MODEL, "max_tokens": 6, "seed": 3, "ignore_eos": true, "stream": stream,
               "messages": [{"role": "user", "content": text}]})
    };
    server.chat(&key, &ask(&format!("{CANARY}: what grows here?"), false)).ok();
    let known = format!("{CANARY}. Mijn BSN is 111222333, mijn rekening NL91ABNA0417164300.");
    server.stream(&key, &ask(&known, true)).rest();
    // Refused after a look into the text: an address cannot be told for certain.
    let doubtful = format!("{CANARY}, BSN 111222333, mail an@example.org");
    assert_eq!(server.chat(&key, &ask(&doubtful, false)).status, 403);
    assert_eq!(server.chat(&wrong_role, &ask(CANARY, false)).status, 403);
    assert_eq!(server.chat("pt_no_such_key", &ask(CANARY, false)).status, 401);
    server.stop();
    Some(place)
}

fn export(place: &Place, format: &str, more: &[&str]) -> String {
    place.run(&[&["log", "export", "--format", format], &REGISTER[..], more].concat()).ok()
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect()
}

/// Attributes of the one span of an OTLP line.
fn span_attributes(line: &Value) -> BTreeMap<String, Value> {
    let attributes = &line["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"];
    let pair = |pair: &Value| (pair["key"].as_str().unwrap().to_owned(), pair["value"].clone());
    attributes.as_array().unwrap().iter().map(pair).collect()
}

fn sum<'a>(leaves: impl IntoIterator<Item = &'a &'a Value>, count: impl Fn(&Value) -> u64) -> u64 {
    leaves.into_iter().map(|leaf| count(leaf)).sum()
}

fn tokens_out(outcome: &Value) -> u64 {
    outcome["choices"].as_array().unwrap().iter().map(|choice| choice["tokens"].as_u64().unwrap()).sum()
}

fn same_numbers(place: &Place, leaves: &Leaves) {
    let (intents, outcomes, denied) = (leaves.of("intent"), leaves.of("outcome"), leaves.of("denied"));
    assert!(intents.len() >= 2 && outcomes.len() == intents.len() && !denied.is_empty());
    let spans = lines(&export(place, "otel", &[]));
    assert_eq!(spans.len(), outcomes.len() + denied.len());
    let out: u64 = spans
        .iter()
        .filter_map(|span| span_attributes(span).remove("gen_ai.usage.output_tokens"))
        .map(|value| value["intValue"].as_str().unwrap().parse::<u64>().unwrap())
        .sum();
    assert_eq!(out, sum(&outcomes, tokens_out));
    let decisions = lines(&export(place, "adl", &[]));
    assert_eq!(decisions.len(), intents.len() + denied.len());
    let refused = decisions.iter().filter(|event| event["body"]["adl.core.response"]["decision"] == false);
    assert_eq!(refused.count(), denied.len());
    let rows = lines(&export(place, "ldv", &[]));
    let stopped =
        denied.iter().filter(|leaf| ["enter", "key"].contains(&leaf["decision"]["stage"].as_str().unwrap()));
    assert_eq!(rows.len(), outcomes.len() + denied.len() - stopped.count());
    let prov: Value = serde_json::from_str(&export(place, "prov-json", &[])).unwrap();
    assert_eq!(prov["bundle"].as_object().unwrap().len(), outcomes.len() + denied.len());
    assert_eq!(export(place, "csv", &[]).matches("\r\n").count(), outcomes.len() + denied.len() + 1);
    // Each export before this one is a leaf that came later.
    assert_eq!(lines(&export(place, "jsonl", &[]))[..leaves.0.len()], leaves.0);
}

/// The schema of the standard's attributes, where it is at hand.
fn rows_fit_the_official_schema(place: &Place) {
    let Some(shared) = testkit::shared_dir() else { return };
    let text = fs::read_to_string(shared.join("data/schemas/ldv-attributes.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&text).unwrap();
    let rows = lines(&export(place, "ldv", &[]));
    assert!(!rows.is_empty());
    for row in rows {
        for (key, value) in row["attributes"].as_object().unwrap() {
            // The standard itself has this one, for errors.
            let Some(property) = schema["properties"].get(key) else {
                assert_eq!(key, "exception.type");
                continue;
            };
            let text = value.as_str().expect("a text");
            assert_eq!(property["type"], "string");
            assert!(property["format"] != "uri" || text.starts_with("https://"), "{key}: {text}");
        }
    }
}

fn grouped(number: u64) -> String {
    let mut text = number.to_string();
    let mut at = text.len();
    while at > 3 {
        at -= 3;
        text.insert(at, '.');
    }
    text
}

fn the_page_has_the_numbers_of_the_leaves(place: &Place, leaves: &Leaves) {
    let ms: i64 = leaves.of("intent")[0]["ts_ms"].as_str().unwrap().parse().unwrap();
    let month = jiff::Timestamp::from_millisecond(ms).unwrap().strftime("%Y-%m").to_string();
    let file = place.root().join("report.html");
    let report = ["log", "report", "--month", &month, "--use-case", "pilot-test", "--out"];
    place.run(&[&report[..], &[file.to_str().unwrap()]].concat()).ok();
    let page = fs::read_to_string(&file).unwrap();
    let ours = |event: &str| -> Vec<&Value> {
        leaves.of(event).into_iter().filter(|leaf| leaf["use_case"]["id"] == "pilot-test").collect()
    };
    let (intents, denied) = (ours("intent"), ours("denied"));
    let outcomes: Vec<&Value> = leaves
        .of("outcome")
        .into_iter()
        .filter(|outcome| intents.iter().any(|intent| intent["seq"] == outcome["intent_seq"]))
        .collect();
    for (term, count) in [
        ("Verzoeken toegelaten", intents.len() as u64),
        ("Verzoeken geweigerd", denied.len() as u64),
        ("Tokens naar het model", sum(&intents, |leaf| leaf["in"]["tokens"].as_u64().unwrap())),
        ("Tokens van het model", sum(&outcomes, tokens_out)),
        ("Antwoorden voltooid", sum(&outcomes, |leaf| u64::from(leaf["status"] == "completed"))),
    ] {
        let wanted = format!("<dt>{term}</dt><dd>{}</dd>", grouped(count));
        assert!(page.contains(&wanted), "{wanted} is not on the page");
    }
    let mut found: BTreeMap<String, u64> = BTreeMap::new();
    for leaf in intents.iter().chain(&denied) {
        for (kind, count) in leaf["redaction"]["counts"].as_object().into_iter().flatten() {
            *found.entry(kind.clone()).or_default() += count.as_u64().unwrap();
        }
    }
    assert!(found.contains_key("bsn"), "{found:?}");
    for (kind, count) in &found {
        assert!(page.contains(&format!("<td>{kind}</td><td>{count}</td>")), "{kind} {count}");
    }
    let rule = denied[0]["decision"]["rule"].as_str().unwrap();
    assert!(
        page.contains(&format!("<td>{rule}</td>")) && !page.contains(CANARY) && !page.contains("<script")
    );
    // The longest of the completed ones is the hundredth percentile.
    let longest =
        outcomes.iter().map(|leaf| leaf["ms"].as_str().unwrap().parse::<u64>().unwrap()).max().unwrap();
    assert!(page.contains(&format!("<td>{}</td></tr>", grouped(longest))), "{longest} ms");
    // Another month, another language: nothing of this one.
    let empty = place.run(&["log", "report", "--month", "2001-02", "--language", "en"]).ok();
    assert!(empty.contains("no requests in this month") && !empty.contains("pilot-test"));
    assert_eq!(place.run(&["log", "report", "--month", "2026-13"]).code, 2);
    assert_eq!(place.run(&["log", "report", "--month", "november"]).code, 2);
}

#[test]
fn a_real_log_goes_out_in_every_format_and_a_broken_one_in_none() {
    let Some(place) = day() else { return };
    let leaves = place.leaves();
    same_numbers(&place, &leaves);
    rows_fit_the_official_schema(&place);
    for format in FORMATS {
        let text = export(&place, format, &[]);
        for content in [CANARY, "111222333", "NL91ABNA", "an@example.org", "what grows here"] {
            assert!(!text.contains(content), "{format} holds {content}");
        }
        let none = export(&place, format, &["--to", "2001-01-01"]);
        assert!(!none.contains("pilot-test"), "{format}: {none}");
    }
    let sealed = place.leaves();
    let sealed = sealed.of("log_exported");
    let last = sealed.last().unwrap();
    assert_eq!(
        (&last["format"], &last["rows"], &last["until_ms"]),
        (&"jsonl".into(), &"0".into(), &"978393600000".into())
    );
    assert!(sealed.len() >= 18 && last["from_ms"].is_null() && last["by"]["uid"].is_u64());
    // Without the register's address, an id that is no URI is no row, and the refusal says what to do.
    let file = place.root().join("export");
    let out = ["--out", file.to_str().unwrap()];
    let said = place.run(&[&["log", "export", "--format", "ldv"], &out[..]].concat()).refused();
    assert!(said.contains("--register") && !file.exists(), "{said}");
    let said = place.run(&["log", "export", "--format", "csv", "--from", "2026-02-02", "--to", "2026-02-01"]);
    assert!(said.refused().contains("nothing lies between"));

    the_page_has_the_numbers_of_the_leaves(&place, &leaves);

    place.run(&[&["log", "export", "--format", "csv"], &out[..]].concat()).ok();
    assert_eq!(fs::read_to_string(&file).unwrap(), export(&place, "csv", &[]));
    fs::remove_file(&file).unwrap();
    let journal = place.log().join("journal");
    let mut bytes = fs::read(&journal).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    fs::write(&journal, bytes).unwrap();
    for format in FORMATS {
        place.run(&[&["log", "export", "--format", format], &REGISTER[..], &out[..]].concat()).refused();
        let printed = place.run(&[&["log", "export", "--format", format], &REGISTER[..]].concat());
        assert!(printed.code == 1 && printed.out.is_empty(), "{format}: {}", printed.out);
    }
    place.run(&["log", "report", "--month", "2026-11"]).refused();
    let left: Vec<_> = fs::read_dir(place.root()).unwrap().map(|item| item.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_str().unwrap().starts_with("export")), "{left:?}");
}
