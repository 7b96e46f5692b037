//! The page of records, whole, as a snapshot.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use eval::{Better, Build, Figure, Machine, ModelFacts, OURS, Record, System};

/// A record in which nothing is of this machine.
fn record() -> Record {
    let mut record = Record::new("pair", "avx2");
    record.taken = "2026-01-02T03:04:05Z".into();
    record.machine = Machine {
        cpu: "Some <CPU> & more".into(),
        cores: 2,
        memory_bytes: 25 << 30,
        os: "Linux".into(),
        kernel: "6.1".into(),
        arch: "x86_64".into(),
    };
    record.build = Build {
        version: "0.1.0".into(),
        commit: "abc".into(),
        profile: "release".into(),
        isa: "avx2".into(),
    };
    record.model = Some(ModelFacts { name: "m.gguf".into(), sha256: "00ff".into(), size_bytes: 1234 });
    record.threads = Some(2);
    record.systems = vec![
        System { name: OURS.into(), version: "0.1.0 (abc)".into(), command: None },
        System { name: "peer".into(), version: "b1".into(), command: Some("bench -m m.gguf".into()) },
    ];
    let speed = |workload: &str, system: &str, runs: &[f64]| {
        Figure::new(workload, "throughput", "tokens/s", Better::Higher, system, runs.to_vec())
    };
    record.figures = vec![
        speed("pp512", OURS, &[900.0, 1000.0, 950.0]),
        speed("pp512", "peer", &[300.0, 310.0, 305.0]),
        speed("tg128", OURS, &[100.0, 120.0]),
        speed("tg128", "peer", &[110.0, 110.0]),
        Figure::new("load", "time", "s", Better::Lower, OURS, vec![0.25]),
        Figure::new("nothing", "time", "s", Better::Lower, OURS, vec![]),
    ];
    record.ratios = eval::ratios(OURS, &record.figures);
    record.notes = vec!["a \"note\"".into()];
    record
}

#[test]
fn a_page_holds_table_and_plot() {
    insta::assert_snapshot!("page", eval::html(&[record()]));
}

#[test]
fn plots_stand_one_under_the_other() {
    let svg = eval::svg(&[record(), record()]);
    assert_eq!(svg.matches("<svg").count(), 1);
    assert_eq!(svg.matches("translate(0 ").count(), 2);
    assert!(svg.ends_with("</svg>\n"));
    assert!(!eval::html(&[record()]).contains("<CPU>"), "text is escaped");
}
