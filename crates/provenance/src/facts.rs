//! The parts of a record that describe a request: what was asked, by whom, of which model, under which policy.
//!
//! Integers only; 64-bit ones are strings; ratios are in thousandths; every list and map has a cap.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    Commitment, DataSubjectRef, Digest, Error, Name, Pseudonym, ReceiptId, Result, SpanId, TraceId,
    names::{decimal, decimal_option},
};

/// Most entries in a list or map of a record; lists of choices have [`CHOICES_MAX`].
pub const LIST_MAX: usize = 32;
/// Most choices of one outcome (OpenAI's `n`, or a batch of prompts).
pub const CHOICES_MAX: usize = 128;
/// Actions whose requests generate nothing: their texts become vectors or are counted in tokens.
const UNSAMPLED: &[&str] = &["embed", "count_tokens", "tokenize", "detokenize"];

/// The approved use case a request was made for, as it stood at that moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UseCaseRef {
    /// Its id.
    pub id: Name,
    /// Its revision.
    pub rev: u32,
    /// SHA-256 of its record.
    pub sha256: Digest,
}

/// The model, by what was actually hashed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelRef {
    /// Id in the registry (never the client's string).
    pub id: Name,
    /// SHA-256 over the list of its files and their hashes.
    pub manifest_sha256: Digest,
    /// SHA-256 of the chat template.
    pub template_sha256: Digest,
    /// SHA-256 of the tokenizer's data.
    pub tokenizer_sha256: Digest,
}

/// Who vouches for what is said about the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Assurance {
    /// This process hashed the weights and ran them.
    Verified,
    /// An operator attests for an upstream engine.
    OperatorAttested,
    /// The upstream engine says so.
    EngineClaimed,
}

/// The engine that ran (or would have run) the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineRef {
    /// SHA-256 of the running binary.
    pub build_sha256: Digest,
    /// SHA-256 of the resolved configuration.
    pub config_sha256: Digest,
    /// Instruction set tier, for replay.
    pub isa: Name,
    /// Tokens of prompt and answer together that it had room for, for replay: an answer whose length nobody bounded ends there.
    /// Absent in older records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_tokens: Option<u32>,
    /// Who vouches.
    pub assurance: Assurance,
}

/// Sampling as resolved by the server: all that replay needs. Ratios in thousandths.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SamplingFacts {
    /// Seed.
    #[serde(with = "decimal")]
    pub seed: u64,
    /// Temperature × 1000.
    pub temperature_milli: u32,
    /// Top-p × 1000.
    pub top_p_milli: u32,
    /// Min-p × 1000.
    pub min_p_milli: u32,
    /// Top-k; 0 is off.
    pub top_k: u32,
    /// Repetition penalty × 1000.
    pub repetition_penalty_milli: i32,
    /// Presence penalty × 1000.
    pub presence_penalty_milli: i32,
    /// Frequency penalty × 1000.
    pub frequency_penalty_milli: i32,
    /// Longest answer in tokens.
    pub max_tokens: u32,
    /// Number of choices asked for.
    pub n: u32,
    /// Commitment to the stop strings, when there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_commit: Option<Commitment>,
    /// Commitment to the logit bias, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logit_bias_commit: Option<Commitment>,
    /// Commitment to the grammar or response schema, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grammar_commit: Option<Commitment>,
}

/// What redaction did: counts by kind of data, never values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedactionFacts {
    /// SHA-256 of the detectors and profile.
    pub detector_sha256: Digest,
    /// Findings by kind; at most [`LIST_MAX`] kinds.
    pub counts: BTreeMap<Name, u32>,
    /// Findings that could not be resolved.
    pub unresolved: u32,
    /// A detector failed (and the request was refused).
    pub failed: bool,
}

/// The client's input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputFacts {
    /// Commitment to the bytes of the client's request body.
    pub client_commit: Commitment,
    /// [`crate::RequestKey::commit_prompts`] of the token ids given to the engine; absent when none were made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_commit: Option<Commitment>,
    /// Number of tokens given to the engine, over all prompts.
    pub tokens: u32,
    /// Number of prompts; the choices are those of the first prompt, then those of the next.
    pub prompts: u32,
    /// The instant the chat template was given as now, in ms since 1970, when it was given one.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "decimal_option")]
    pub rendered_at_ms: Option<i64>,
}

/// Permit or deny.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every gate permitted.
    Permit,
    /// A gate denied.
    Deny,
}

/// The gate that decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Authentication: the key was found, but is revoked or expired.
    Key,
    /// At the door.
    Enter,
    /// Redaction failed or refused.
    Redact,
    /// After redaction.
    Clear,
    /// Bounds of the engine: context, queue.
    Submit,
}

/// The decision, and what it rested on (an ADL record's request, response, policies and information).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionFacts {
    /// Permit or deny.
    pub verdict: Verdict,
    /// The gate that decided last.
    pub stage: Stage,
    /// The denying rule's id; absent on a permit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<Name>,
    /// The data class that was judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_class: Option<Name>,
    /// Special categories of personal data that were found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub special_categories: Vec<Name>,
    /// Tokens reserved from the quota; of a denied request an estimate.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "decimal_option")]
    pub tokens_reserved: Option<u64>,
    /// The moment whose minute and day they were reserved in, ms since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "decimal_option")]
    pub reserved_at_ms: Option<i64>,
}

/// What every record of a request holds, permitted or denied.
///
/// Fields that were not yet known when the request was denied are absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestFacts {
    /// Receipt id, as sent in `X-Proeftuin-Receipt`.
    pub id: ReceiptId,
    /// W3C trace id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<TraceId>,
    /// Span of this processing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span_id: Option<SpanId>,
    /// The caller's span.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_span_id: Option<SpanId>,
    /// Organisation whose data it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Name>,
    /// The use case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub use_case: Option<UseCaseRef>,
    /// The demo use case: marked everywhere.
    #[serde(default, skip_serializing_if = "is_false")]
    pub demo: bool,
    /// LDV `dpl.core.processing_activity_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processing_activity_id: Option<Name>,
    /// `chat`, `complete`, `list_models`…: the endpoint table's name.
    pub action: Name,
    /// Id of the API key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<Name>,
    /// Keyed pseudonym of the user of the key.
    pub actor_pseudonym: Pseudonym,
    /// Keyed pseudonym of the data subject, when the caller named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_subject_pseudonym: Option<Pseudonym>,
    /// LDV `dpl.core.data_subject_id_type`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_subject_type: Option<Name>,
    /// Other data subjects of the same request, when the caller named several; at most [`LIST_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_data_subjects: Vec<DataSubjectRef>,
    /// Epoch of the subject keys behind pseudonyms and commitments.
    pub key_epoch: u32,
    /// The decision.
    pub decision: DecisionFacts,
    /// SHA-256 of the policy pack that decided.
    pub policy_pack_sha256: Digest,
    /// Ids of the rules that determined the decision; at most [`LIST_MAX`].
    pub determining: Vec<Name>,
    /// The model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelRef>,
    /// The engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<EngineRef>,
    /// Sampling; none where texts are embedded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampling: Option<SamplingFacts>,
    /// Redaction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redaction: Option<RedactionFacts>,
    /// Input.
    #[serde(default, rename = "in", skip_serializing_if = "Option::is_none")]
    pub input: Option<InputFacts>,
}

/// Why generation of one choice ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// A stop token or stop string.
    Stop,
    /// The longest answer was reached.
    Length,
    /// Output screening ended it.
    ContentFilter,
    /// The model called a tool.
    ToolCalls,
    /// The stream was dropped.
    Aborted,
    /// The engine failed.
    Failed,
}

/// One generated answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChoiceFacts {
    /// Commitment to the bytes of the text the client was sent; for one that called tools, to canonical JSON (RFC 8785) of the
    /// `content` and `tool_calls` of its message.
    pub client_commit: Commitment,
    /// Commitment to the generated token ids.
    pub token_commit: Commitment,
    /// Number of generated tokens.
    pub tokens: u32,
    /// Why it ended.
    pub finish: Finish,
    /// The answer was marked as made by AI.
    pub marked: bool,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Every choice came to its end.
    Completed,
    /// The client left, the server stopped or crashed.
    Aborted,
    /// The engine or a later stage failed.
    Failed,
}

/// Why an aborted or failed request ended so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The guard was dropped: the client hung up, or a task was cancelled or panicked.
    Dropped,
    /// The client asked to stop.
    Cancelled,
    /// A time limit passed.
    Timeout,
    /// The server stopped while the request ran.
    Shutdown,
    /// The process died; sealed by recovery.
    Crash,
    /// The engine failed.
    Engine,
    /// Output screening failed or refused.
    Screen,
}

/// What output screening did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScreenFacts {
    /// Personal data found in the output by kind; at most [`LIST_MAX`] kinds.
    pub counts: BTreeMap<Name, u32>,
    /// Placeholders restored.
    pub restored: u32,
}

/// The outcome as the gateway knows it; [`crate::OpenRequest`] adds the id and the intent's index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeFacts {
    /// How it ended.
    pub status: Status,
    /// Why, unless completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<EndReason>,
    /// The answers; at most [`CHOICES_MAX`].
    pub choices: Vec<ChoiceFacts>,
    /// Output screening.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub screen: Option<ScreenFacts>,
    /// Milliseconds from intent to outcome.
    #[serde(with = "decimal")]
    pub ms: u64,
    /// Milliseconds from intent to first token.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "decimal_option")]
    pub first_token_ms: Option<u64>,
    /// Energy in millijoules.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "decimal_option")]
    pub joules_milli: Option<u64>,
    /// Where the power comes from that the energy was reckoned with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub energy_source: Option<EnergySource>,
}

/// Where a figure of power comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnergySource {
    /// The processor's own meter, of processor and memory.
    Rapl,
    /// A number that the administrator, or this program, states.
    Stated,
}

impl OutcomeFacts {
    /// An outcome without answers.
    #[must_use]
    pub fn ended(status: Status, reason: EndReason) -> Self {
        Self {
            status,
            reason: Some(reason),
            choices: Vec::new(),
            screen: None,
            ms: 0,
            first_token_ms: None,
            joules_milli: None,
            energy_source: None,
        }
    }

    pub(crate) fn check(&self) -> Result<()> {
        cap("choices", self.choices.len(), CHOICES_MAX)?;
        if let Some(screen) = &self.screen {
            cap("screen.counts", screen.counts.len(), LIST_MAX)?;
        }
        let completed = self.status == Status::Completed;
        if completed != self.reason.is_none() {
            let why = "is needed unless the request completed".to_owned();
            return Err(Error::Leaf { field: "reason", why });
        }
        Ok(())
    }
}

impl RequestFacts {
    /// Everybody whom the request was said to be about, with the type of their identifier.
    pub fn data_subjects(&self) -> impl Iterator<Item = (Pseudonym, Option<&str>)> {
        let kind = self.data_subject_type.as_ref().map(Name::as_str);
        let first = self.data_subject_pseudonym.map(|one| (one, kind));
        let others = self.other_data_subjects.iter().map(|one| (one.pseudonym, Some(one.r#type.as_str())));
        first.into_iter().chain(others)
    }

    pub(crate) fn check(&self, verdict: Verdict) -> Result<()> {
        cap("other_data_subjects", self.other_data_subjects.len(), LIST_MAX)?;
        if self.data_subject_pseudonym.is_none() && !self.other_data_subjects.is_empty() {
            let why = "are named only after the first".to_owned();
            return Err(Error::Leaf { field: "other_data_subjects", why });
        }
        cap("determining", self.determining.len(), LIST_MAX)?;
        cap("decision.special_categories", self.decision.special_categories.len(), LIST_MAX)?;
        if let Some(redaction) = &self.redaction {
            cap("redaction.counts", redaction.counts.len(), LIST_MAX)?;
        }
        if self.decision.verdict != verdict {
            let why = "an intent carries a permit and a denial a deny".to_owned();
            return Err(Error::Leaf { field: "decision.verdict", why });
        }
        if (verdict == Verdict::Deny) != self.decision.rule.is_some() {
            let why = "a denial names its rule, a permit has none".to_owned();
            return Err(Error::Leaf { field: "decision.rule", why });
        }
        if verdict == Verdict::Permit {
            require("use_case", self.use_case.is_some())?;
            require("model", self.model.is_some())?;
            require("engine", self.engine.is_some())?;
            let unsampled = UNSAMPLED.contains(&self.action.as_str());
            require("sampling", self.sampling.is_some() || unsampled)?;
            require("redaction", self.redaction.is_some())?;
            require("in.token_commit", self.input.as_ref().is_some_and(|i| i.token_commit.is_some()))?;
        }
        Ok(())
    }
}

pub(crate) fn cap(field: &'static str, len: usize, max: usize) -> Result<()> {
    if len > max {
        return Err(Error::Leaf { field, why: format!("has {len} entries; at most {max}") });
    }
    Ok(())
}

fn require(field: &'static str, present: bool) -> Result<()> {
    if present { Ok(()) } else { Err(Error::Leaf { field, why: "is needed in an intent".to_owned() }) }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if takes a reference")]
fn is_false(value: &bool) -> bool {
    !value
}
