//! Reports of suites that nobody ran, for tests of what becomes of them.

use policy::{
    Decimal, EngineRef, EvaluatedModel, EvaluationReport, GateRef, MachineClass, Metric, Moment, ReportFile,
    SuiteKind, SuiteRef, Threshold, Tool,
};

use crate::signers::{Folder, files};

/// The suite of [`report`], as records and reports name it.
pub const SUITE_SHA256: &str = "5555555555555555555555555555555555555555555555555555555555555555";

/// What a record demands: `perplexity`, from the pilot on.
pub const DEMAND: &str = "
[[evaluation]]
suite = \"perplexity\"
suite_sha256 = \"5555555555555555555555555555555555555555555555555555555555555555\"
max_age_days = 365
";

/// A report of the suite `perplexity` that passes, on a model, of a run that ended at `finished_ms`.
pub fn report(model: &str, manifest_sha256: &str, finished_ms: i64) -> EvaluationReport {
    let number = |text: &str| text.parse::<Decimal>().expect("a number");
    let threshold = Threshold { min: None, max: Some(number("60")) };
    let metrics = [
        ("perplexity".to_owned(), Metric::new(number("21.5"), threshold)),
        ("perplexity_se".to_owned(), Metric::new(number("0.25"), Threshold::default())),
    ];
    EvaluationReport {
        version: 1,
        suite: SuiteRef {
            name: "perplexity".into(),
            kind: SuiteKind::Perplexity,
            sha256: SUITE_SHA256.into(),
            seed: "1".into(),
        },
        model: EvaluatedModel {
            id: model.into(),
            manifest_sha256: manifest_sha256.into(),
            template_sha256: None,
            files: vec![ReportFile {
                name: "model.gguf".into(),
                sha256: "07".repeat(32),
                size_bytes: "1024".into(),
            }],
        },
        engine: EngineRef { build_sha256: "08".repeat(32), isa: "scalar".into() },
        tool: Tool { version: "0.1.0".into(), commit: "unknown".into() },
        machine: MachineClass {
            arch: "x86_64".into(),
            cpu: "a processor".into(),
            cores: 2,
            os: "an OS".into(),
        },
        gate: None,
        inputs: [("text".to_owned(), "09".repeat(32))].into(),
        parameters: [("chunk_tokens".to_owned(), number("512"))].into(),
        started: Moment(finished_ms - 60_000),
        finished: Moment(finished_ms),
        metrics: metrics.into(),
        refusals: Default::default(),
    }
}

/// The same, of a suite `leakage` that went through the gate of `folder`, with its default redaction profile.
pub fn through_the_gate(folder: &Folder, report: EvaluationReport) -> EvaluationReport {
    let files = files(folder);
    let hex = |bytes: [u8; 32]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    // By way of a signer, who sees the profile by its hash.
    let covers = policy::Dossier::open(&files, "letters").expect("a record to sign").covers().clone();
    let gate = GateRef {
        policy_sha256: hex(files.digest()),
        rules_sha256: hex(files.rules_digest()),
        redaction_sha256: covers.redaction,
        use_case: "letters".into(),
        use_case_sha256: "06".repeat(32),
        restores_placeholders: false,
    };
    let suite = SuiteRef { name: "leakage".into(), kind: SuiteKind::Leakage, ..report.suite };
    EvaluationReport { suite, gate: Some(gate), refusals: [("key-expired".to_owned(), 2)].into(), ..report }
}
