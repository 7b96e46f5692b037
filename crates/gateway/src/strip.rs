//! Entered → Redacted: personal data leaves every text before the model could see it.

use provenance::{RedactionFacts, Stage};
use redact::Vault;
use zeroize::Zeroizing;

use crate::deny::{self, Verdict};
use crate::enter::Entered;
use crate::gateway::Gateway;
use crate::record;
use crate::refusal::Refusal;
use crate::request::Input;

/// A request whose texts have been rewritten. What was taken out is in the vault and nowhere else.
pub(crate) struct Redacted {
    pub(crate) entered: Entered,
    pub(crate) findings: policy::FindingFacts,
    pub(crate) vault: Vault,
    _stripped: Stripped,
}

/// Made by [`strip`] alone.
struct Stripped;

/// Rewrites the texts that reach the model and scans every other string. A detector that fails, or personal data
/// where nothing may be rewritten, ends the request; both are sealed.
pub(crate) async fn strip(gateway: &Gateway, mut entered: Entered) -> Result<Redacted, Refusal> {
    let redactor = std::sync::Arc::clone(&entered.redactor);
    entered.record.redaction = Some(record::redaction(redactor.digest()));
    match scan_fixed(&redactor, &entered) {
        Ok(None) => {}
        Ok(Some((pointer, kind))) => {
            let verdict = Verdict::built_in(
                Stage::Redact,
                "personal-data-in-fixed-field",
                format!(
                    "{pointer} holds personal data ({kind}) and cannot be rewritten; remove it from the request"
                ),
                format!(
                    "{pointer} bevat persoonsgegevens ({kind}) en kan niet worden herschreven; verwijder ze"
                ),
            );
            return Err(deny::seal(gateway, entered.record, verdict).await);
        }
        Err(error) => return Err(fail(gateway, entered, &error).await),
    }
    let redaction = match redactor.redact(&texts(&entered.request.input)) {
        Ok(redaction) => redaction,
        Err(error) => return Err(fail(gateway, entered, &error).await),
    };
    let findings = record::findings(&redaction, &entered.use_case.redaction_profile);
    if let Some(facts) = &mut entered.record.redaction {
        facts.counts = record::counts(&redaction.counts);
        facts.unresolved = record::total(&redaction.unresolved);
    }
    replace(&mut entered.request.input, redaction.texts);
    Ok(Redacted { entered, findings, vault: redaction.vault, _stripped: Stripped })
}

fn texts(input: &Input) -> Vec<&str> {
    match input {
        Input::Chat(messages) => messages.iter().map(|message| message.content.as_str()).collect(),
        Input::Text(prompts) => prompts.iter().map(|prompt| prompt.as_str()).collect(),
    }
}

fn replace(input: &mut Input, texts: Vec<Zeroizing<String>>) {
    match input {
        Input::Chat(messages) => {
            for (message, text) in messages.iter_mut().zip(texts) {
                message.content = text;
            }
        }
        Input::Text(prompts) => *prompts = texts,
    }
}

/// The first finding in a string that may not be rewritten: its pointer and kind.
fn scan_fixed(
    redactor: &redact::Redactor,
    entered: &Entered,
) -> Result<Option<(String, String)>, redact::Error> {
    let stops = entered.request.stop.iter().map(|text| ("/stop", text));
    let fixed = entered.request.scanned.iter().map(|field| (field.pointer.as_str(), &field.text));
    for (pointer, text) in stops.chain(fixed) {
        if let Some(finding) = redactor.scan_fixed(text)?.first() {
            return Ok(Some((pointer.to_owned(), finding.kind.to_string())));
        }
    }
    Ok(None)
}

/// Detection failed: nothing is passed on.
async fn fail(gateway: &Gateway, mut entered: Entered, error: &redact::Error) -> Refusal {
    if let Some(RedactionFacts { failed, .. }) = &mut entered.record.redaction {
        *failed = true;
    }
    let verdict = Verdict::built_in(
        Stage::Redact,
        "redaction-failed",
        error.to_string(),
        "de tekst kon niet volledig op persoonsgegevens worden onderzocht; er is niets aan het model gegeven",
    );
    deny::seal(gateway, entered.record, verdict).await
}
