//! Requests that the gate must refuse, each by the rule that is meant for it.

use serde::Deserialize;
use serde_json::{Value, json};

use super::Measured;
use super::gate::{Gate, Reply};
use super::suite::{Suite, Task};
use crate::Error;

/// Larger than any body that is taken, in bytes.
const OVER_SIZE_BYTES: usize = (4 << 20) + 1024;
/// Copies of what a model may take for control.
const COPIES: usize = 16;
/// Ends of a turn in the templates of the model families that this program runs.
const SPECIALS: [&str; 5] = ["<|im_end|>", "<|eot_id|>", "<end_of_turn>", "<|end|>", "</s>"];

macro_rules! cases {
    ($($(#[$doc:meta])* $variant:ident = $name:literal: $expected:tt,)*) => {
        /// A request that is to be refused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub(crate) enum Case { $($(#[$doc])* $variant,)* }

        impl Case {
            #[cfg(test)]
            const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name in suites.
            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Status and rule or code of what is meant for it: one, or one of several that stand one behind the other.
            fn expected(self) -> &'static [(u16, &'static str)] {
                match self { $(Self::$variant => &$expected,)* }
            }
        }
    };
}

cases! {
    /// No key at all.
    MissingKey = "missing-key": [(401, "missing-key")],
    /// A key that nobody issued.
    UnknownKey = "unknown-key": [(401, "unknown-key")],
    /// What has not the shape of a key.
    MalformedKey = "malformed-key": [(401, "unknown-key")],
    /// A key that was revoked.
    RevokedKey = "revoked-key": [(401, "key-revoked")],
    /// A key of a use case whose period is over.
    EndedWindow = "ended-window": [(403, "window-ended")],
    /// A model that the record does not name.
    OtherModel = "other-model": [(403, "model-not-allowed")],
    /// A field that is misspelt.
    UnknownField = "unknown-field": [(400, "invalid_value")],
    /// A body that is no JSON.
    BrokenJson = "broken-json": [(400, "invalid_value")],
    /// A conversation of no messages.
    NoMessages = "no-messages": [(400, "invalid_value")],
    /// A body of more than 4 MiB.
    OverSize = "over-size": [(413, "body_too_large")],
    /// An answer longer than any context, or than the record allows.
    OverContext = "over-context": [(400, "context_length_exceeded"), (403, "limit-tokens-per-request")],
    /// More answers at once than are given.
    TooManyChoices = "too-many-choices": [(400, "invalid_value")],
    /// A call of a tool that the request does not offer.
    UnknownTool = "unknown-tool": [(400, "invalid_value")],
    /// A conversation that is to be kept.
    StoredConversation = "stored-conversation": [(400, "invalid_value")],
    /// An endpoint that does not exist.
    UnknownEndpoint = "unknown-endpoint": [(404, "unknown_endpoint")],
    /// A national number in a field that is never rewritten.
    IdentifierInFixedField = "identifier-in-fixed-field": [(403, "personal-data-in-fixed-field")],
    /// Ends of turns, typed by a user: taken as text, not as control.
    SpecialTokensStayText = "special-tokens-stay-text": [],
}

/// Keys that a case may need beside the use case's own.
#[derive(Default)]
pub struct ExtraKeys {
    /// A key that was revoked.
    pub revoked: Option<String>,
    /// A key of a use case whose period is over.
    pub ended: Option<String>,
}

/// How a case came out.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Came {
    /// Refused by what is meant for it.
    Held(Option<String>),
    /// Refused by something else.
    OtherRule(String),
    /// Not refused.
    LetThrough,
}

/// Runs the suite. `progress` is told requests done and requests in all.
///
/// # Errors
/// [`Error::Suite`] for another suite, or a case that needs a key that was not given; [`Error::Server`].
pub fn refusals(
    suite: &Suite,
    gate: &Gate,
    keys: &ExtraKeys,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Measured, Error> {
    let wrong = |reason: String| Error::Suite { name: suite.name.clone(), reason };
    let Task::GateRefusal(task) = &suite.task else { return Err(wrong("asks for no refusal".to_owned())) };
    let given = |case: &Case| match case {
        Case::RevokedKey => keys.revoked.is_some(),
        Case::EndedWindow => keys.ended.is_some(),
        _ => true,
    };
    if let Some(case) = task.cases.iter().find(|case| !given(case)) {
        let reason = format!("its case {} needs a key: --revoked-key-env or --ended-key-env", case.name());
        return Err(wrong(reason));
    }
    let optional = || task.optional_cases.iter().filter(|case| given(case));
    let cases: Vec<Case> = task.cases.iter().chain(optional()).copied().collect();
    let skipped = task.optional_cases.len() - optional().count();
    let mut measured = Measured::default();
    let (mut held, mut other, mut through) = (0_u64, 0_u64, 0_u64);
    for (done, case) in cases.iter().enumerate() {
        let came = judge(*case, gate, keys)?;
        let code = match &came {
            Came::Held(code) => code.clone(),
            Came::OtherRule(code) => Some(code.clone()),
            Came::LetThrough => None,
        };
        if let Some(code) = code {
            let count = measured.refusals.entry(code).or_default();
            *count = count.saturating_add(1);
        }
        held += u64::from(matches!(came, Came::Held(_)));
        other += u64::from(matches!(came, Came::OtherRule(_)));
        through += u64::from(came == Came::LetThrough);
        progress(done + 1, cases.len());
    }
    let control = gate.chat(&gate.question("Say one word about a garden.", 8))?;
    measured.count("expected", cases.len() as u64)?;
    measured.count("held", held)?;
    measured.count("other_rule", other)?;
    measured.count("let_through", through)?;
    measured.count("skipped", skipped as u64)?;
    measured.count("control_answered", u64::from(control.answered()))?;
    Ok(measured)
}

fn judge(case: Case, gate: &Gate, keys: &ExtraKeys) -> Result<Came, Error> {
    if case == Case::SpecialTokensStayText {
        return specials(gate);
    }
    Ok(compare(case, &send(case, gate, keys)?))
}

fn compare(case: Case, reply: &Reply) -> Came {
    let code = reply.code().unwrap_or_default();
    let id = |code: &str| if code.is_empty() { format!("status-{}", reply.status) } else { code.to_owned() };
    if reply.answered() || reply.body.get("choices").is_some() {
        Came::LetThrough
    } else if case.expected().contains(&(reply.status, code)) {
        Came::Held(Some(id(code)))
    } else {
        Came::OtherRule(id(code))
    }
}

/// Sends the request of a case.
fn send(case: Case, gate: &Gate, keys: &ExtraKeys) -> Result<Reply, Error> {
    let good = || gate.question("What is a tulip?", 4);
    let with = |field: &str, value: Value| {
        let mut body = good();
        if let Some(fields) = body.as_object_mut() {
            fields.insert(field.to_owned(), value);
        }
        body
    };
    let by = |key: Option<&str>| gate.post("/chat/completions", key, good().to_string().as_bytes());
    match case {
        Case::MissingKey => by(None),
        Case::UnknownKey => by(Some("ptk_aaaaaaaa_bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb")),
        Case::MalformedKey => by(Some("sk-no-key-of-this-house")),
        Case::RevokedKey => by(keys.revoked.as_deref()),
        Case::EndedWindow => by(keys.ended.as_deref()),
        Case::OtherModel => gate.chat(&with("model", json!("no-model-of-this-house"))),
        Case::UnknownField => gate.chat(&with("temprature", json!(1))),
        Case::BrokenJson => gate.post("/chat/completions", Some(gate.key()), b"{\"model\": "),
        Case::NoMessages => gate.chat(&with("messages", json!([]))),
        Case::OverSize => gate.post("/chat/completions", Some(gate.key()), &vec![b' '; OVER_SIZE_BYTES]),
        Case::OverContext => gate.chat(&with("max_tokens", json!(1 << 24))),
        Case::TooManyChoices => gate.chat(&with("n", json!(1000))),
        Case::UnknownTool => {
            gate.chat(&with("tool_choice", json!({"type": "function", "function": {"name": "f"}})))
        }
        Case::StoredConversation => gate.chat(&with("store", json!(true))),
        Case::UnknownEndpoint => {
            gate.post("/fine_tuning/jobs", Some(gate.key()), good().to_string().as_bytes())
        }
        // Of the range for tests; it passes the 11-proef.
        Case::IdentifierInFixedField => gate.chat(&with("user", json!("BSN 999990019"))),
        Case::SpecialTokensStayText => gate.chat(&good()),
    }
}

/// A mark of control is one token; typed by a user it is spelt out, in several.
fn specials(gate: &Gate) -> Result<Came, Error> {
    let tokens = |text: &str| {
        let reply = gate.chat(&gate.question(text, 1))?;
        Ok::<_, Error>(reply.body.pointer("/usage/prompt_tokens").and_then(Value::as_u64))
    };
    let Some(without) = tokens("A")? else { return Ok(Came::OtherRule("no-usage".to_owned())) };
    for special in SPECIALS {
        let Some(with) = tokens(&format!("A{}", special.repeat(COPIES)))? else {
            return Ok(Came::OtherRule("no-usage".to_owned()));
        };
        if with.saturating_sub(without) < 2 * COPIES as u64 {
            return Ok(Came::LetThrough);
        }
    }
    Ok(Came::Held(None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_in_a_suite_is_the_name_of_the_case() {
        for case in Case::ALL {
            assert_eq!(serde_json::from_value::<Case>(json!(case.name())).unwrap(), *case);
        }
    }

    #[test]
    fn a_refusal_counts_by_what_is_meant_for_it() {
        let reply = |status: u16, body: Value| Reply { status, body };
        let denied = |status: u16, code: &str| {
            compare(Case::OtherModel, &reply(status, json!({"error": {"code": code}})))
        };
        assert_eq!(denied(403, "model-not-allowed"), Came::Held(Some("model-not-allowed".into())));
        assert_eq!(denied(400, "model-not-allowed"), Came::OtherRule("model-not-allowed".into()));
        assert_eq!(denied(403, "policy-error"), Came::OtherRule("policy-error".into()));
        assert_eq!(compare(Case::OtherModel, &reply(500, Value::Null)), Came::OtherRule("status-500".into()));
        let answered = json!({"choices": [{"message": {"content": "Yes."}}]});
        assert_eq!(compare(Case::OtherModel, &reply(200, answered.clone())), Came::LetThrough);
        assert_eq!(compare(Case::OtherModel, &reply(403, answered)), Came::LetThrough);
        assert_eq!(compare(Case::OtherModel, &reply(204, Value::Null)), Came::LetThrough);
    }
}
