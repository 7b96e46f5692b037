//! A table for auditors (RFC 4180: commas, quotation marks where needed, lines end in CR LF), a row for each request.

use std::collections::BTreeMap;

use super::{Ended, rfc3339, word};
use crate::{Error, Name, Result};

pub(super) const COLUMNS: [&str; 36] = [
    "receipt_id",
    "log_leaf",
    "started",
    "ended",
    "decision",
    "denied_by",
    "stage",
    "determining",
    "use_case",
    "use_case_revision",
    "use_case_sha256",
    "demo",
    "processing_activity_id",
    "action",
    "key_id",
    "actor_pseudonym",
    "data_subject_pseudonym",
    "data_subject_type",
    "policy_pack_sha256",
    "model",
    "model_manifest_sha256",
    "data_class",
    "special_categories",
    "redacted",
    "redaction_unresolved",
    "found_in_answer",
    "tokens_in",
    "tokens_out",
    "status",
    "reason",
    "finish",
    "marked",
    "ms",
    "first_token_ms",
    "millijoules",
    "energy_source",
];

pub(super) fn row(ended: &Ended) -> Result<String> {
    let mut cells = asked(ended);
    cells.extend(became(ended));
    line(&cells)
}

/// What is known of a request whatever became of it.
fn asked(ended: &Ended) -> Vec<String> {
    let request = &ended.request;
    let (decision, case, model) = (&request.decision, request.use_case.as_ref(), request.model.as_ref());
    let redaction = request.redaction.as_ref();
    vec![
        request.id.to_hex(),
        ended.index.to_string(),
        rfc3339(ended.start_ms),
        rfc3339(ended.end_ms),
        word(&decision.verdict).unwrap_or_default(),
        maybe(decision.rule.as_ref()),
        word(&decision.stage).unwrap_or_default(),
        list(&request.determining),
        maybe(case.map(|case| &case.id)),
        maybe(case.map(|case| case.rev)),
        maybe(case.map(|case| case.sha256)),
        request.demo.to_string(),
        maybe(request.processing_activity_id.as_ref()),
        request.action.to_string(),
        maybe(request.key_id.as_ref()),
        request.actor_pseudonym.to_hex(),
        joined(request.data_subjects().map(|(one, _)| one.to_hex())),
        joined(request.data_subjects().filter_map(|(_, kind)| kind.map(str::to_owned))),
        request.policy_pack_sha256.to_hex(),
        maybe(model.map(|model| &model.id)),
        maybe(model.map(|model| model.manifest_sha256)),
        maybe(decision.data_class.as_ref()),
        list(&decision.special_categories),
        redaction.map(|redaction| counts(&redaction.counts)).unwrap_or_default(),
        maybe(redaction.map(|redaction| redaction.unresolved)),
    ]
}

/// How it ended; empty where it was denied.
fn became(ended: &Ended) -> Vec<String> {
    let outcome = ended.outcome.as_ref();
    let choices = outcome.map(|outcome| outcome.choices.as_slice()).unwrap_or_default();
    let finish: Vec<String> = choices.iter().filter_map(|choice| word(&choice.finish)).collect();
    let marked = outcome.map(|_| choices.iter().filter(|choice| choice.marked).count());
    vec![
        outcome
            .and_then(|outcome| outcome.screen.as_ref())
            .map(|screen| counts(&screen.counts))
            .unwrap_or_default(),
        maybe(ended.request.input.as_ref().map(|input| input.tokens)),
        maybe(ended.tokens_out()),
        outcome.and_then(|outcome| word(&outcome.status)).unwrap_or_default(),
        ended.reason().unwrap_or_default(),
        finish.join("; "),
        maybe(marked),
        maybe(outcome.map(|outcome| outcome.ms)),
        maybe(outcome.and_then(|outcome| outcome.first_token_ms)),
        maybe(outcome.and_then(|outcome| outcome.joules_milli)),
        outcome.and_then(|outcome| word(&outcome.energy_source)).unwrap_or_default(),
    ]
}

fn maybe<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn list(names: &[Name]) -> String {
    joined(names.iter().map(ToString::to_string))
}

fn counts(counts: &BTreeMap<Name, u32>) -> String {
    joined(counts.iter().map(|(kind, count)| format!("{kind} {count}")))
}

fn joined(texts: impl Iterator<Item = String>) -> String {
    texts.collect::<Vec<_>>().join("; ")
}

/// One line of the table.
pub(super) fn line(cells: &[impl AsRef<str>]) -> Result<String> {
    let failed = |why: String| Error::Export { what: "could not write a row".to_owned(), why };
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    writer
        .write_record(cells.iter().map(|cell| harmless(cell.as_ref())))
        .map_err(|e| failed(e.to_string()))?;
    let bytes = writer.into_inner().map_err(|e| failed(e.to_string()))?;
    String::from_utf8(bytes).map_err(|e| failed(e.to_string()))
}

/// A spreadsheet runs a cell that begins like a formula; behind an apostrophe it is text. Names may begin with
/// `+`, `-` and `@`.
fn harmless(cell: &str) -> String {
    let runs = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    if runs { format!("'{cell}") } else { cell.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_runs_as_a_formula() {
        let cells = ["=1+1", "+cmd", "-2", "@sum", "\tx", "plain", "a,b", "say \"x\"", "two\nlines", ""];
        let wanted = "'=1+1,'+cmd,'-2,'@sum,'\tx,plain,\"a,b\",\"say \"\"x\"\"\",\"two\nlines\",\r\n";
        assert_eq!(line(&cells).unwrap(), wanted);
    }
}
