//! What a verified receipt proves, in lines for people and in JSON.

use std::collections::BTreeMap;
use std::fmt::Write;

use provenance::{ChoiceFacts, Finish, Name, Proven, Receipt, RequestFacts, Stage, Status, VerifierKey};
use serde_json::{Value, json};

use super::{Checked, Opens};

/// Where lines begin.
const MARGIN: usize = 12;

/// Lines for people.
pub(super) fn text(
    receipt: &Receipt,
    key: &VerifierKey,
    proven: &Proven,
    checked: &Checked,
) -> anyhow::Result<String> {
    let mut lines = Lines::default();
    lines.add("receipt", format!("verifies with the key of the log {key}"));
    lines.add("request", receipt.id.to_hex());
    for (leaf, what) in receipt.leaves.iter().zip(["taken in", "ended"]) {
        let (entry, checkpoint) = leaf.verify(key)?;
        let what = if matches!(proven, Proven::Denied(_)) { "denied" } else { what };
        lines.add(
            what,
            format!("{} (leaf {} of {} in the log)", when(entry.ts_ms), leaf.index, checkpoint.size),
        );
    }
    let request = facts(proven);
    about(&mut lines, request);
    lines.add("input", said(checked.input, "the body you gave", "--input FILE"));
    match proven {
        Proven::Denied(_) => {
            let decision = &request.decision;
            let rule = decision.rule.as_ref().map_or("?", Name::as_str);
            lines.add(
                "denied",
                format!("{}, by the rule {rule}; nothing was generated", stage(decision.stage)),
            );
        }
        Proven::Served { outcome, .. } => {
            for (at, choice) in outcome.facts.choices.iter().enumerate() {
                lines.add(&format!("choice {at}"), answered(choice, checked.choices.get(at), at, checked));
            }
            if let Some(screen) = &outcome.facts.screen {
                lines.add(
                    "screened",
                    format!("{}; {} placeholders restored", counts(&screen.counts), screen.restored),
                );
            }
            let status = match outcome.facts.status {
                Status::Completed => "completed",
                Status::Aborted => "broken off before its end",
                Status::Failed => "failed",
            };
            lines.add("outcome", format!("{status} after {} ms", outcome.facts.ms));
        }
    }
    lines.add(
        "not proven",
        "what was said, unless you gave it; who asked (a pseudonym stands for them)".to_owned(),
    );
    Ok(lines.0)
}

fn answered(choice: &ChoiceFacts, opens: Option<&Opens>, at: usize, checked: &Checked) -> String {
    let end = match choice.finish {
        Finish::Stop => "it ended by itself or at a stop string",
        Finish::Length => "its longest length was reached",
        Finish::ContentFilter => "screening of the output ended it",
        Finish::ToolCalls => "it called a tool",
        Finish::Aborted => "it was broken off",
        Finish::Failed => "the engine failed",
    };
    let text = match checked.answer {
        Some(Ok(found)) if found == at => "the text of --answer is the one that was sent".to_owned(),
        _ => {
            said(opens.copied().unwrap_or(Opens::NotGiven), "the text in the response", "the whole response")
        }
    };
    format!("{} tokens; {end}; {text}", choice.tokens)
}

/// What both kinds of records say.
fn about(lines: &mut Lines, request: &RequestFacts) {
    lines.add("endpoint", request.action.to_string());
    if let Some(case) = &request.use_case {
        let demo = if request.demo { ", a demonstration" } else { "" };
        lines.add("use case", format!("{}, revision {}{demo} (record {})", case.id, case.rev, case.sha256));
    }
    let rules: Vec<&str> = request.determining.iter().map(Name::as_str).collect();
    let by = if rules.is_empty() { String::new() } else { format!("; decided by {}", rules.join(", ")) };
    lines.add("policy", format!("{}{by}", request.policy_pack_sha256));
    if let Some(model) = &request.model {
        lines.add("model", format!("{} (files {})", model.id, model.manifest_sha256));
        lines.add("", format!("template {}", model.template_sha256));
        lines.add("", format!("tokenizer {}", model.tokenizer_sha256));
    }
    if let Some(engine) = &request.engine {
        lines.add("engine", format!("build {} on {}", engine.build_sha256, engine.isa));
    }
    if let Some(redaction) = &request.redaction {
        let more = match (redaction.failed, redaction.unresolved) {
            (true, _) => "; a detector failed",
            (false, 0) => "",
            (false, _) => "; some findings were not certain",
        };
        lines.add(
            "redaction",
            format!("{}{more} (detectors {})", counts(&redaction.counts), redaction.detector_sha256),
        );
    }
    if let Some(sampling) = &request.sampling {
        lines.add(
            "sampling",
            format!(
                "seed {}, temperature {}, top-p {}, top-k {}",
                sampling.seed,
                thousandths(sampling.temperature_milli),
                thousandths(sampling.top_p_milli),
                sampling.top_k
            ),
        );
    }
    if let Some(input) = request.input.as_ref().filter(|input| input.tokens > 0) {
        lines.add("prompt", format!("{} tokens in {} prompts", input.tokens, input.prompts));
    }
}

/// The same for programs.
pub(super) fn json(
    receipt: &Receipt,
    key: &VerifierKey,
    proven: &Proven,
    checked: &Checked,
) -> anyhow::Result<String> {
    let mut leaves = Vec::new();
    for leaf in &receipt.leaves {
        let (entry, checkpoint) = leaf.verify(key)?;
        leaves.push(json!({
            "index": leaf.index, "at": when(entry.ts_ms), "log_size": checkpoint.size,
            "record": serde_json::from_str::<Value>(&leaf.leaf)?,
        }));
    }
    let (outcome, status) = match proven {
        Proven::Served { outcome, .. } => ("served", serde_json::to_value(outcome.facts.status)?),
        Proven::Denied(_) => ("denied", Value::Null),
    };
    let choices: Vec<&str> = checked.choices.iter().copied().map(word).collect();
    let value = json!({
        "verified": true,
        "belongs": checked.wrong().is_none(),
        "id": receipt.id.to_hex(),
        "log_key": key.to_string(),
        "proves": outcome,
        "status": status,
        "leaves": leaves,
        "checked": {
            "input": word(checked.input),
            "choices": choices,
            "answer_is_of_choice": checked.answer.and_then(Result::ok),
        },
    });
    Ok(format!("{}\n", serde_json::to_string_pretty(&value)?))
}

fn word(opens: Opens) -> &'static str {
    match opens {
        Opens::Equal => "equal",
        Opens::Differs => "differs",
        Opens::NotGiven => "not_given",
    }
}

fn said(opens: Opens, what: &str, how: &str) -> String {
    match opens {
        Opens::Equal => format!("{what} is the one that was sent"),
        Opens::Differs => format!("NOT PROVEN: {what} is not the one that was sent"),
        Opens::NotGiven => format!("committed to; give {how} to check it"),
    }
}

fn facts(proven: &Proven) -> &RequestFacts {
    match proven {
        Proven::Served { intent, .. } => &intent.request,
        Proven::Denied(denied) => &denied.request,
    }
}

fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Key => "at the key",
        Stage::Enter => "at the door",
        Stage::Redact => "while personal data were looked for",
        Stage::Clear => "after personal data were looked for",
        Stage::Submit => "at the bounds of the engine",
    }
}

fn counts(counts: &BTreeMap<Name, u32>) -> String {
    if counts.is_empty() {
        return "no personal data found".to_owned();
    }
    let each: Vec<String> = counts.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    format!("found {}", each.join(", "))
}

fn thousandths(milli: u32) -> String {
    format!("{}.{:03}", milli / 1000, milli % 1000)
}

fn when(ts_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ts_ms).map_or_else(|_| format!("{ts_ms} ms"), |time| time.to_string())
}

/// Lines with a name in the margin.
#[derive(Default)]
struct Lines(String);

impl Lines {
    fn add(&mut self, name: &str, text: String) {
        // Writing into a string does not fail.
        let _ = writeln!(self.0, "{name:<MARGIN$} {text}");
    }
}
