#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod active;
mod admin;
mod admit;
mod allowance;
mod answer;
mod best;
mod caller;
mod chat_texts;
mod choice;
mod clear;
mod constraint;
mod controls;
mod count;
mod deny;
mod echo;
mod embed;
mod encode;
mod encoders;
mod endpoint;
mod energy;
mod enter;
mod flow;
mod gateway;
mod generate;
mod informed;
mod json_text;
mod lane;
mod likely;
mod listing;
mod load;
mod metrics;
mod model_facts;
mod notice;
mod quota;
mod record;
mod recount;
mod refusal;
mod replay;
mod request;
mod scores;
mod serving;
mod stop;
mod strip;
mod subjects;
mod thoughts;
mod token;
mod tools;
mod upkeep;
mod watch;

pub use ::engine::{Device, KvType, isa};
pub use active::{ActivePolicy, PolicySource, Reloaded};
pub use admin::{AdminCommand, AdminOutcome, KeyRow};
pub use answer::{Alternative, AnswerEvent, Finish, TokenScore, Usage};
pub use caller::{Caller, Credentials};
pub use count::{Counted, TokenizerFacts};
pub use embed::Embedded;
pub use encoders::{Classifier, Embed, Embedding, Tag};
pub use endpoint::{CallerClass, ENDPOINTS, Endpoint, EndpointId, Method, endpoint};
pub use energy::Meter;
pub use flow::Answer;
pub use gateway::{Gateway, Parts};
pub use generate::{Gauge, Generate, Tokens};
pub use informed::{
    GuidanceCommand, GuidanceOutcome, GuidancePage, GuidanceText, PersonRow, TrainingRow, WithdrawnFrom,
};
pub use load::{EngineSettings, LoadError, LoadReport, load, tokenizer_of};
pub use metrics::Metrics;
pub use model_facts::model_facts;
pub use policy::Language;
pub use provenance::{DataSubject, DataSubjectType, Receipt};
pub use quota::QuotaRow;
pub use recount::recount;
pub use refusal::{Bound, Denied, DeniedKind, Quota, QuotaOf, Refusal};
pub use replay::{Permitted, Replayed, Replayer};
pub use request::{
    Answered, Constrained, Constraint, EmbeddingRequest, GenerationRequest, Input, Message, Origin, Params,
    Role, Scanned, Trace,
};
pub use serving::{ModelCard, Serving};
pub use subjects::{
    DATA_SUBJECTS_MAX, FoundRow, Identifier, SubjectAct, SubjectCommand, SubjectOutcome, data_subject,
};
pub use tools::{ToolCall, ToolChoice, Tools, read_calls};
pub use upkeep::{ExportRange, PrunedLeaves};

/// A stage cannot be skipped, because its value can be neither named nor made out here. What may be named:
///
/// ```
/// use gateway::{Answer, Caller, Gateway, GenerationRequest, Refusal};
/// async fn the_one_path(gateway: &Gateway, caller: Caller, request: GenerationRequest) -> Result<Answer, Refusal> {
///     gateway.generate(caller, request).await
/// }
/// ```
///
/// Not a request that was let in:
///
/// ```compile_fail,E0603
/// use gateway::enter::Entered;
/// ```
///
/// Not a request that was stripped:
///
/// ```compile_fail,E0603
/// use gateway::strip::Redacted;
/// ```
///
/// Not a request that was cleared:
///
/// ```compile_fail,E0603
/// use gateway::clear::Cleared;
/// ```
///
/// Not prompts:
///
/// ```compile_fail,E0603
/// use gateway::encode::Prompts;
/// ```
///
/// Not an admitted request:
///
/// ```compile_fail,E0603
/// use gateway::admit::Admitted;
/// ```
///
/// A caller is found, not made:
///
/// ```compile_fail,E0451
/// fn anybody(caller: gateway::Caller) -> gateway::Caller {
///     gateway::Caller { origin: gateway::Origin { loopback: true }, ..caller }
/// }
/// ```
///
/// Nor is an answer:
///
/// ```compile_fail,E0451
/// fn another(answer: gateway::Answer) -> gateway::Answer {
///     gateway::Answer { model: String::new(), ..answer }
/// }
/// ```
#[cfg(doctest)]
struct NoStageIsSkipped;
