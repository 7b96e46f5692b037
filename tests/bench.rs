//! The measuring instrument over the real program: the tiny model in the engine, and a load on a server of its own.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::{MODEL, Place, finish, proeftuin};

/// The tiny model in a folder of its own.
fn tiny() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tiny.gguf");
    std::fs::write(&path, testkit::tiny_gguf(1)).unwrap();
    (dir, path)
}

fn bench(args: &[&str]) -> crate::harness::Ran {
    finish(proeftuin().arg("bench").args(args), "")
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn a_file_is_measured_recorded_and_reported() {
    let (dir, model) = tiny();
    let (record, page) = (dir.path().join("record.json"), dir.path().join("page.html"));
    let ran = bench(&[
        "engine",
        "--file",
        model.to_str().unwrap(),
        "--threads",
        "1",
        "--runs",
        "2",
        "--workload",
        "tg128",
        "--workload",
        "tg128 x4",
        "--workload",
        "tg128 @ d8000",
        "--out",
        record.to_str().unwrap(),
    ]);
    assert!(
        ran.err.contains("approved by nobody") && ran.err.contains("tg128 @ d8000 was not run"),
        "{}",
        ran.err
    );
    let table = ran.ok();
    assert!(table.contains("tg128 x4") && table.contains("tokens/s"), "{table}");
    let kept = read(&record);
    assert_eq!(kept["model"]["name"], "tiny.gguf");
    assert_eq!(kept["figures"][1]["workload"], "tg128 x4");
    assert_eq!(kept["figures"][1]["runs"].as_array().unwrap().len(), 2);
    assert!(!kept.to_string().contains(dir.path().to_str().unwrap()), "a record names no folder");
    bench(&["report", record.to_str().unwrap(), "--html", page.to_str().unwrap()]).ok();
    assert!(std::fs::read_to_string(page).unwrap().contains("<svg"));
    let printed = bench(&[
        "engine",
        "--file",
        model.to_str().unwrap(),
        "--runs",
        "1",
        "--workload",
        "tg128",
        "--out",
        "-",
    ]);
    assert_eq!(serde_json::from_str::<Value>(&printed.ok()).unwrap()["suite"], "engine");
}

#[test]
fn a_peer_is_measured_in_turn() {
    let (dir, model) = tiny();
    let record = dir.path().join("record.json");
    let peer = r#"bench=echo '[{"n_prompt": 0, "n_gen": 128, "avg_ts": 0.001}]'"#;
    let ran = bench(&[
        "pair",
        "--file",
        model.to_str().unwrap(),
        "--threads",
        "1",
        "--rounds",
        "2",
        "--workload",
        "tg128",
        "--workload",
        "tg128 x2",
        "--peer-command",
        peer,
        "--peer-version",
        "bench=7",
        "--out",
        record.to_str().unwrap(),
    ]);
    assert!(
        ran.err.contains("round 2 of 2: bench") && ran.err.contains("tg128 x2 was left out"),
        "{}",
        ran.err
    );
    ran.ok();
    let kept = read(&record);
    assert_eq!(kept["systems"][1]["version"], "7");
    assert_eq!(kept["ratios"].as_array().unwrap().len(), 1);
    let ratios = kept["ratios"][0]["runs"].as_array().unwrap();
    assert!(ratios.len() == 2 && ratios.iter().all(|ratio| ratio.as_f64().unwrap() > 1.0), "{ratios:?}");
    let failed = bench(&[
        "pair",
        "--file",
        model.to_str().unwrap(),
        "--workload",
        "tg128",
        "--peer-command",
        "x=exit 4",
    ]);
    assert!(failed.refused().contains("x: ended with exit status: 4"));
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let (dir, model) = tiny();
    let model = model.to_str().unwrap();
    let bad = dir.path().join("bad");
    std::fs::write(&bad, "suite = \"engine\"\n[[workload]]\nspeed = 1\n").unwrap();
    let bad = bad.to_str().unwrap();
    assert!(bench(&["engine", "--file", model, "--definition", bad]).refused().contains("speed"));
    assert!(bench(&["engine", "--file", model, "--workload", "x"]).refused().contains("there are pp512"));
    assert!(bench(&["engine", "--file", bad]).refused().contains("bad"));
    assert!(bench(&["fidelity", "--file", model, "--base", bad]).refused().contains("--kl-divergence-base"));
    assert!(bench(&["report", bad, "--html", "x.html"]).refused().contains("is not a record"));
    assert_eq!(bench(&["engine"]).code, 2);
    assert_eq!(bench(&["server", "--target", "a=https://x"]).code, 2);
}

#[test]
fn a_server_is_put_under_load() {
    let Some(place) = Place::new() else { return };
    let server = place.serve();
    let key = place.key("pilot-test").secret;
    let (definition, record) = (place.root().join("load.toml"), place.root().join("record.json"));
    let text = "suite = \"server\"\n[[workload]]\nname = \"chat\"\nrequests = 4\nconcurrency = 2\nprompt_tokens = 30\n\
        max_tokens = 8\nignore_eos = true\n[[workload]]\nname = \"beside\"\nrequests = 1\nconcurrency = 1\nprompt_tokens = 10\n\
        max_tokens = 4\nbeside = { prompt_tokens = 300, lead_ms = 10 }\n";
    std::fs::write(&definition, text).unwrap();
    let url = format!("http://{}/v1", server.address);
    let (definition, out) = (definition.to_str().unwrap(), record.to_str().unwrap());
    let args = [
        "server",
        "--url",
        &url,
        "--key",
        &key,
        "--definition",
        definition,
        "--runs",
        "1",
        "--model",
        MODEL,
        "--out",
        out,
    ];
    bench(&args).ok();
    let kept = read(&record);
    assert_eq!(kept["notes"].as_array().unwrap().len(), 0, "{}", kept["notes"]);
    let of = |metric: &str| {
        let figures = kept["figures"].as_array().unwrap().iter();
        let mut found = figures.filter(|figure| figure["workload"] == "chat" && figure["metric"] == metric);
        found.next().unwrap_or_else(|| panic!("no {metric}"))["runs"][0].as_f64().unwrap()
    };
    assert_eq!((of("errors"), of("output tokens")), (0.0, 32.0));
    assert!(of("prompt tokens") >= 120.0 && of("TTFT p50") > 0.0);
    assert!(!kept.to_string().contains(&key), "a record holds no key");
    server.stop();
}
