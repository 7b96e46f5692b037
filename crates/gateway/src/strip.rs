//! Entered → Redacted: personal data leaves every text before the model could see it.

use provenance::{RedactionFacts, RequestFacts, Stage};
use redact::{Action, Redaction, Vault};
use zeroize::Zeroizing;

use crate::chat_texts;
use crate::deny::{self, Verdict};
use crate::endpoint::EndpointId;
use crate::enter::Entered;
use crate::gateway::Gateway;
use crate::record;
use crate::refusal::Refusal;
use crate::request::{GenerationRequest, Input};
use crate::serving::{Serves, Serving};

/// A request whose texts have been rewritten. What was taken out is in the vault and nowhere else.
pub(crate) struct Redacted<S = Serving> {
    pub(crate) entered: Entered<S>,
    pub(crate) findings: policy::FindingFacts,
    pub(crate) vault: Vault,
    /// What stands for the first thing that was cut, if anything was.
    pub(crate) placeholder: Option<String>,
    _stripped: Stripped,
}

/// Made by [`strip`] alone.
struct Stripped;

/// Rewrites the texts that reach the model and scans every other string. A detector that fails, or personal data
/// where nothing may be rewritten, ends the request; both are sealed.
pub(crate) async fn strip<S: Serves>(
    gateway: &Gateway,
    mut entered: Entered<S>,
) -> Result<Redacted<S>, Refusal> {
    let redactor = std::sync::Arc::clone(&entered.redactor);
    entered.record.redaction = Some(record::redaction(redactor.digest()));
    match scan_fixed(&redactor, &entered) {
        Ok(None) => {}
        Ok(Some((pointer, kind))) => {
            return Err(deny::seal(gateway, entered.record, in_fixed_field(&pointer, &kind)).await);
        }
        Err(error) => return Err(fail(gateway, entered, &error).await),
    }
    if let Err(refusal) = plain_tokens(&entered) {
        return Err(deny::seal_refusal(
            gateway,
            entered.record,
            Stage::Redact,
            "token-ids-unusable",
            refusal,
        )
        .await);
    }
    let (mut entered, read) = read(gateway, entered).await?;
    let redaction = match read {
        Ok(redaction) => redaction,
        // A key in the arguments of a call.
        Err(redact::Error::Fixed { input_index, pointer, kind }) => {
            let place = match &entered.request.input {
                Input::Chat(messages) => {
                    chat_texts::pointer(messages, entered.request.tools.as_ref(), input_index)
                }
                _ => "",
            };
            let verdict = in_fixed_field(&format!("{place}{pointer}"), &kind.to_string());
            return Err(deny::seal(gateway, entered.record, verdict).await);
        }
        Err(error) => return Err(fail(gateway, entered, &error).await),
    };
    let mut findings = record::findings(&redaction, &entered.use_case);
    if let Some(facts) = &mut entered.record.redaction {
        facts.counts = record::counts(&redaction.counts);
        facts.unresolved = record::total(&redaction.unresolved);
    }
    for (&kind, &count) in &redaction.counts {
        gateway.metrics().redacted(kind, count);
    }
    if let Input::Tokens(prompts) = &entered.request.input {
        if redactor.profile().public_benchmark() {
            // What is certain may pass, and so may what is not. Both are in the record.
            findings.unresolved = 0;
        } else if let Some(found) = redaction.findings.iter().find(|found| found.action != Action::Allow) {
            let field = ids_field(&entered);
            let several = prompts.len() > 1;
            let place = if several { format!("/{field}/{}", found.text_index) } else { format!("/{field}") };
            let verdict = in_token_ids(&place, found.kind);
            return Err(deny::seal(gateway, entered.record, verdict).await);
        }
    }
    let Redaction { texts, vault, first_placeholder: placeholder, .. } = redaction;
    replace(&mut entered.request, texts);
    Ok(Redacted { entered, findings, vault, placeholder, _stripped: Stripped })
}

/// The field of a body that has token ids.
fn ids_field<S: Serves>(entered: &Entered<S>) -> &'static str {
    if entered.request.endpoint == EndpointId::Detokenize { "tokens" } else { "prompt" }
}

fn in_fixed_field(pointer: &str, kind: &str) -> Verdict {
    Verdict::built_in(
        Stage::Redact,
        "personal-data-in-fixed-field",
        format!("{pointer} holds personal data ({kind}) and cannot be rewritten; remove it from the request"),
        format!("{pointer} bevat persoonsgegevens ({kind}) en kan niet worden herschreven; verwijder ze"),
    )
}

fn in_token_ids(place: &str, kind: redact::Kind) -> Verdict {
    Verdict::built_in(
        Stage::Redact,
        "personal-data-in-token-ids",
        format!(
            "{place} holds personal data ({kind}) as token ids, which cannot be rewritten; send it as text"
        ),
        format!(
            "{place} bevat persoonsgegevens ({kind}) als token-ids, die niet kunnen worden herschreven; stuur tekst"
        ),
    )
}

/// Reads the texts of the input, and strips them where they can be rewritten. Where a model reads them too, that is on a thread
/// that may wait for it. One that does not come back ends the request, sealed.
async fn read<S: Serves>(
    gateway: &Gateway,
    entered: Entered<S>,
) -> Result<(Entered<S>, Result<Redaction, redact::Error>), Refusal> {
    let redactor = std::sync::Arc::clone(&entered.redactor);
    if !redactor.has_finder() {
        let read = texts(&redactor, &entered);
        return Ok((entered, read));
    }
    let record = entered.record.clone();
    let work = move || {
        let read = texts(&redactor, &entered);
        Ok((entered, read))
    };
    match gateway.blocking(work).await {
        Ok(done) => Ok(done),
        Err(_) => Err(seal_failed(gateway, record, "reading the text was interrupted".to_owned()).await),
    }
}

fn texts<S: Serves>(redactor: &redact::Redactor, entered: &Entered<S>) -> Result<Redaction, redact::Error> {
    match &entered.request.input {
        Input::Chat(messages) => {
            let restores = entered.use_case.restore_placeholders;
            let turns = chat_texts::turns(messages, entered.request.tools.as_ref(), restores);
            redactor.redact_conversation(&turns)
        }
        Input::Text(texts) if entered.request.endpoint == EndpointId::Embeddings => each(redactor, texts),
        Input::Text(prompts) => {
            redactor.redact(&prompts.iter().map(|prompt| prompt.as_str()).collect::<Vec<_>>())
        }
        Input::Tokens(prompts) => {
            let tokenizer = entered.serving.text_tokenizer();
            let tokenizer = tokenizer.ok_or(redact::Error::Internal("token ids without a tokenizer"))?;
            let decoded = prompts.iter().map(|ids| Zeroizing::new(tokenizer.decode(ids)));
            let decoded: Vec<Zeroizing<String>> = decoded.collect();
            redactor.read(&decoded.iter().map(|text| text.as_str()).collect::<Vec<_>>())
        }
    }
}

/// Strips each text as if it were alone, so that its vector is its own: placeholders are numbered from 1 in each, whatever stands
/// beside it in the request. The vaults are of no use, as nothing is put back.
fn each(redactor: &redact::Redactor, texts: &[Zeroizing<String>]) -> Result<Redaction, redact::Error> {
    let mut all = redactor.redact(&[])?;
    for (index, text) in texts.iter().enumerate() {
        let one = redactor.redact(&[text.as_str()])?;
        all.texts.extend(one.texts);
        all.findings
            .extend(one.findings.into_iter().map(|found| redact::Finding { text_index: index, ..found }));
        all.look_alikes = all.look_alikes.saturating_add(one.look_alikes);
        all.first_placeholder = all.first_placeholder.or(one.first_placeholder);
        let counts = [
            (&mut all.counts, one.counts),
            (&mut all.refused, one.refused),
            (&mut all.unresolved, one.unresolved),
        ];
        for (sum, counts) in counts {
            for (kind, count) in counts {
                let total = sum.entry(kind).or_default();
                *total = total.saturating_add(count);
            }
        }
    }
    Ok(all)
}

/// Token ids are to be text of the vocabulary: no turn is opened or closed by them.
fn plain_tokens<S: Serves>(entered: &Entered<S>) -> Result<(), Refusal> {
    let Input::Tokens(prompts) = &entered.request.input else { return Ok(()) };
    let Some(tokenizer) = entered.serving.text_tokenizer() else {
        return Err(Refusal::Invalid { field: "input".to_owned(), reason: "must be text".to_owned() });
    };
    let opening = |at: usize, id: u32| at == 0 && tokenizer.bos() == Some(id);
    let text = |(at, &id): (usize, &u32)| {
        (id as usize) < tokenizer.vocab_len() && (opening(at, id) || !tokenizer.is_control(id))
    };
    if prompts.iter().all(|ids| ids.iter().enumerate().all(text)) {
        return Ok(());
    }
    Err(Refusal::Invalid {
        field: ids_field(entered).to_owned(),
        reason: "holds a token id that is a control token or is not in the vocabulary; send ids of text"
            .to_owned(),
    })
}

fn replace(request: &mut GenerationRequest, texts: Vec<Zeroizing<String>>) {
    match &mut request.input {
        Input::Chat(messages) => chat_texts::replace(messages, request.tools.as_mut(), texts),
        Input::Text(prompts) => *prompts = texts,
        Input::Tokens(_) => {}
    }
}

/// The first finding in a string that may not be rewritten: its pointer and kind.
fn scan_fixed<S>(
    redactor: &redact::Redactor,
    entered: &Entered<S>,
) -> Result<Option<(String, String)>, redact::Error> {
    let field = if entered.request.endpoint == EndpointId::Messages { "/stop_sequences" } else { "/stop" };
    let stops = entered.request.stop.iter().map(|text| (field, text));
    let fixed = entered.request.scanned.iter().map(|field| (field.pointer.as_str(), &field.text));
    for (pointer, text) in stops.chain(fixed) {
        if let Some(finding) = redactor.scan_fixed(text)?.first() {
            return Ok(Some((pointer.to_owned(), finding.kind.to_string())));
        }
    }
    Ok(None)
}

/// Detection failed: nothing is passed on.
async fn fail<S>(gateway: &Gateway, entered: Entered<S>, error: &redact::Error) -> Refusal {
    seal_failed(gateway, entered.record, error.to_string()).await
}

async fn seal_failed(gateway: &Gateway, mut record: RequestFacts, why: String) -> Refusal {
    if let Some(RedactionFacts { failed, .. }) = &mut record.redaction {
        *failed = true;
    }
    let verdict = Verdict::built_in(
        Stage::Redact,
        "redaction-failed",
        why,
        "de tekst kon niet volledig op persoonsgegevens worden onderzocht; er is niets aan het model gegeven",
    );
    deny::seal(gateway, record, verdict).await
}
