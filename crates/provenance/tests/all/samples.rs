//! One of everything, always the same.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use provenance::{
    AdminRead, AdminRef, Assurance, ChoiceFacts, Clock, Commitment, Configuration, DecisionFacts, Denied,
    Digest, EndReason, EnergySource, EngineRef, FileRef, Finish, GuidanceAcknowledged, GuidanceWithdrawn,
    InputFacts, Intent, KeyIssued, KeyRevoked, KeyRing, Leaf, Log, LogOptions, ModelLoaded, ModelRef, Name,
    OutcomeFacts, PolicyLoaded, PolicyRefused, Pseudonym, ReceiptId, Recovered, Recovery, RedactionFacts,
    RequestFacts, SamplingFacts, ScreenFacts, ServerStarted, ServerStopped, SpanId, Stage, Status,
    SubjectErased, SubjectKey, TraceId, TrainingAttested, TrainingWithdrawn, UnauthenticatedDenials,
    UnauthenticatedReason, UseCaseRef, Verdict,
};

pub const ORIGIN: &str = "proeftuin.example/log";
pub const START_MS: i64 = 1_795_000_000_000;

pub fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub fn id(number: u128) -> ReceiptId {
    ReceiptId(number.to_be_bytes())
}

pub fn model() -> ModelRef {
    ModelRef {
        id: name("smollm2-135m-instruct"),
        manifest_sha256: Digest([1; 32]),
        template_sha256: Digest([2; 32]),
        tokenizer_sha256: Digest([3; 32]),
    }
}

fn use_case() -> UseCaseRef {
    UseCaseRef { id: name("demo"), rev: 3, sha256: Digest([4; 32]) }
}

pub fn request(id: ReceiptId) -> RequestFacts {
    RequestFacts {
        id,
        trace_id: Some(TraceId([5; 16])),
        span_id: Some(SpanId([6; 8])),
        parent_span_id: Some(SpanId([7; 8])),
        tenant: Some(name("ministry-a")),
        use_case: Some(use_case()),
        demo: true,
        processing_activity_id: Some(name("https://register.example/activities/12")),
        action: name("chat"),
        key_id: Some(name("k1")),
        actor_pseudonym: Pseudonym([8; 32]),
        data_subject_pseudonym: Some(Pseudonym([9; 32])),
        data_subject_type: Some(name("BSN")),
        other_data_subjects: Vec::new(),
        key_epoch: 692,
        decision: DecisionFacts {
            verdict: Verdict::Permit,
            stage: Stage::Clear,
            rule: None,
            data_class: Some(name("internal")),
            special_categories: vec![name("health")],
            tokens_reserved: Some(512),
            reserved_at_ms: None,
        },
        policy_pack_sha256: Digest([10; 32]),
        determining: vec![name("demo.permit")],
        model: Some(model()),
        engine: Some(EngineRef {
            context_tokens: None,
            build_sha256: Digest([11; 32]),
            config_sha256: Digest([12; 32]),
            isa: name("avx2"),
            assurance: Assurance::Verified,
        }),
        sampling: Some(SamplingFacts {
            seed: u64::MAX,
            temperature_milli: 700,
            top_p_milli: 950,
            min_p_milli: 50,
            top_k: 40,
            repetition_penalty_milli: 1100,
            presence_penalty_milli: -200,
            frequency_penalty_milli: 0,
            max_tokens: 256,
            n: 1,
            stop_commit: Some(Commitment([13; 32])),
            logit_bias_commit: None,
            grammar_commit: None,
        }),
        redaction: Some(RedactionFacts {
            detector_sha256: Digest([14; 32]),
            counts: BTreeMap::from([(name("BSN"), 1), (name("IBAN"), 2)]),
            unresolved: 0,
            failed: false,
        }),
        input: Some(InputFacts {
            client_commit: Commitment([15; 32]),
            token_commit: Some(Commitment([16; 32])),
            tokens: 42,
            prompts: 1,
            rendered_at_ms: Some(START_MS),
        }),
    }
}

pub fn intent(id: ReceiptId) -> Intent {
    Intent { request: request(id), prev_config_event: None }
}

pub fn denied(id: ReceiptId) -> Denied {
    let mut request = request(id);
    request.decision.verdict = Verdict::Deny;
    request.decision.stage = Stage::Enter;
    request.decision.rule = Some(name("model.not-allowed"));
    request.model = None;
    request.engine = None;
    request.sampling = None;
    request.redaction = None;
    request.input = None;
    request.data_subject_pseudonym = None;
    request.data_subject_type = None;
    Denied { request, prev_config_event: None }
}

pub fn outcome() -> OutcomeFacts {
    OutcomeFacts {
        status: Status::Completed,
        reason: None,
        choices: vec![ChoiceFacts {
            client_commit: Commitment([17; 32]),
            token_commit: Commitment([18; 32]),
            tokens: 64,
            finish: Finish::Length,
            marked: true,
        }],
        screen: Some(ScreenFacts { counts: BTreeMap::from([(name("PHONE"), 1)]), restored: 2 }),
        ms: 1234,
        first_token_ms: Some(56),
        joules_milli: Some(78_900),
        energy_source: Some(EnergySource::Rapl),
    }
}

pub fn configuration() -> Leaf {
    Leaf::Configuration(Configuration {
        build_sha256: Digest([11; 32]),
        config_sha256: Digest([12; 32]),
        isa: name("avx2"),
        prev_config_event: None,
    })
}

/// Every kind of leaf that [`Log::append`] takes.
pub fn leaves() -> Vec<Leaf> {
    let by = AdminRef { uid: 1000 };
    let mut leaves = vec![
        Leaf::ServerStarted(ServerStarted { build_sha256: Digest([11; 32]), version: name("0.1.0") }),
        configuration(),
        Leaf::ModelLoaded(ModelLoaded {
            model: model(),
            files: vec![FileRef { sha256: Digest([19; 32]), size_bytes: 98_362_432 }],
            file_count: 1,
            assurance: Assurance::Verified,
        }),
        Leaf::PolicyLoaded(PolicyLoaded {
            policy_pack_sha256: Digest([10; 32]),
            rules: 12,
            use_cases: 1,
            by: None,
        }),
        Leaf::PolicyRefused(PolicyRefused {
            in_force_sha256: Digest([10; 32]),
            by: Some(AdminRef { uid: 1000 }),
        }),
        Leaf::KeyIssued(KeyIssued {
            key_id: name("k1"),
            use_case: use_case(),
            actor_pseudonym: Pseudonym([8; 32]),
            key_epoch: 692,
            roles: vec![name("pilot")],
            expires_ms: Some(START_MS + 1),
            by: Some(by),
        }),
        Leaf::KeyRevoked(KeyRevoked { key_id: name("k1"), by: Some(by) }),
        Leaf::AdminRead(AdminRead { by, what: name("log_show"), records: 7, pseudonym: None }),
    ];
    leaves.extend(informed(by));
    leaves.extend([
        Leaf::UnauthenticatedDenials(UnauthenticatedDenials {
            from_ms: START_MS,
            to_ms: START_MS + 60_000,
            counts: BTreeMap::from([
                (UnauthenticatedReason::MissingKey, 3),
                (UnauthenticatedReason::UnknownKey, 1),
            ]),
        }),
        Leaf::Denied(Box::new(denied(id(1)))),
        Leaf::Recovery(Recovered { cut_bytes: 100, sealed_aborted: 2 }),
        Leaf::ServerStopped(ServerStopped { reason: name("signal") }),
        Leaf::SubjectErased(SubjectErased { id: id(4), keys: 3, records: 12, by }),
    ]);
    leaves
}

/// What people read and learnt.
fn informed(by: AdminRef) -> Vec<Leaf> {
    vec![
        Leaf::GuidanceAcknowledged(GuidanceAcknowledged {
            actor_pseudonym: Pseudonym([8; 32]),
            key_epoch: 692,
            guidance: name("staff"),
            version: name("1"),
            sha256: Digest([11; 32]),
            key_id: Some(name("k1")),
            by: None,
        }),
        Leaf::GuidanceWithdrawn(GuidanceWithdrawn {
            actor_pseudonym: Pseudonym([8; 32]),
            key_epoch: 692,
            guidance: name("staff"),
            by,
        }),
        Leaf::TrainingAttested(TrainingAttested {
            actor_pseudonym: Pseudonym([8; 32]),
            key_epoch: 692,
            training: name("basics"),
            until_ms: START_MS + 1,
            attested_by: Pseudonym([12; 32]),
            by,
        }),
        Leaf::TrainingWithdrawn(TrainingWithdrawn {
            actor_pseudonym: Pseudonym([8; 32]),
            key_epoch: 692,
            training: name("basics"),
            by,
        }),
    ]
}

/// A clock that is set by hand, and gains a millisecond each time it is read.
pub fn set_clock(now: &Arc<AtomicI64>) -> Clock {
    let now = Arc::clone(now);
    Clock::from_fn(move || now.fetch_add(1, Ordering::Relaxed))
}

pub fn options() -> LogOptions {
    let mut options = LogOptions::new(ORIGIN);
    options.clock = Clock::counting(START_MS);
    options.publish_every = Duration::ZERO;
    options
}

pub fn open(dir: &Path) -> (Log, Recovery) {
    Log::open(dir, options()).unwrap()
}

/// A folder that is gone after the test; in memory where there is one, because the tests sync thousands of times and
/// none of them cuts the power.
pub fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
}

pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

pub fn subject(dir: &Path) -> SubjectKey {
    KeyRing::open(&dir.join("epochs.json")).unwrap().actor(692, "someone").unwrap()
}

/// Writes `count` small leaves.
pub fn fill(log: &Log, count: u64) {
    let read = |records| {
        let by = AdminRef { uid: 1000 };
        Leaf::AdminRead(AdminRead { by, what: name("log_show"), records, pseudonym: None })
    };
    let tickets: Vec<_> = (0..count).map(|n| log.append(read(n)).unwrap()).collect();
    for ticket in tickets {
        ticket.blocking_wait().unwrap();
    }
}

pub fn aborted(reason: EndReason) -> OutcomeFacts {
    OutcomeFacts::ended(Status::Aborted, reason)
}
