//! Then and now: what was recorded beside what came out, and which of the circumstances are others.

use std::fmt::Write;

use gateway::{ActivePolicy, Permitted, Replayed, Serving};
use provenance::{ChoiceFacts, Digest, Intent, ReceiptId, RequestFacts};
use serde_json::json;
use zeroize::Zeroizing;

/// Where lines begin.
const MARGIN: usize = 22;

/// What an answer depends on, by name: as it is here and as it was recorded. `None` where an older record does not say.
pub(super) struct Circumstances {
    here: Vec<(&'static str, Option<String>)>,
}

impl Circumstances {
    pub(super) fn new(
        serving: &Serving,
        policy: &ActivePolicy,
        intent: &Intent,
        build_sha256: Digest,
    ) -> Self {
        let id = intent.request.use_case.as_ref().map(|case| case.id.as_str()).unwrap_or_default();
        let case = policy.use_case(id).map(|case| Digest(case.sha256).to_hex());
        let model = &serving.reference;
        let here = vec![
            ("model files", Some(model.manifest_sha256.to_hex())),
            ("chat template", Some(model.template_sha256.to_hex())),
            ("tokenizer", Some(model.tokenizer_sha256.to_hex())),
            ("instruction set", Some(serving.generator.isa())),
            ("build", Some(build_sha256.to_hex())),
            ("context tokens", Some(serving.generator.context_tokens().to_string())),
            ("policy", Some(Digest(policy.digest()).to_hex())),
            ("use case", case),
        ];
        Self { here }
    }

    /// The same of a record.
    fn recorded(request: &RequestFacts, name: &str) -> Option<String> {
        let (model, engine) = (request.model.as_ref(), request.engine.as_ref());
        match name {
            "model files" => model.map(|model| model.manifest_sha256.to_hex()),
            "chat template" => model.map(|model| model.template_sha256.to_hex()),
            "tokenizer" => model.map(|model| model.tokenizer_sha256.to_hex()),
            "instruction set" => engine.map(|engine| engine.isa.to_string()),
            "build" => engine.map(|engine| engine.build_sha256.to_hex()),
            "context tokens" => {
                engine.and_then(|engine| engine.context_tokens).map(|tokens| tokens.to_string())
            }
            "policy" => Some(request.policy_pack_sha256.to_hex()),
            "use case" => request.use_case.as_ref().map(|case| case.sha256.to_hex()),
            _ => None,
        }
    }

    fn lines(&self, intent: &Intent) -> Vec<Line> {
        self.here
            .iter()
            .filter_map(|(name, here)| {
                let then = Self::recorded(&intent.request, name)?;
                Some(Line::new(name, then, here.clone().unwrap_or_else(|| "none".to_owned())))
            })
            .collect()
    }

    /// Those that are others here, in words.
    pub(super) fn differing(&self, intent: &Intent) -> Vec<String> {
        let lines = self.lines(intent).into_iter();
        lines.filter(|line| !line.equal).map(|line| format!("the {} is another", line.name)).collect()
    }
}

/// One thing, then and now.
struct Line {
    name: String,
    then: String,
    now: String,
    equal: bool,
    /// What more there is to say.
    note: String,
}

impl Line {
    fn new(name: &str, then: String, now: String) -> Self {
        Self { name: name.to_owned(), equal: then == now, then, now, note: String::new() }
    }

    fn compared<T: PartialEq>(name: &str, then: &T, now: &T, say: impl Fn(&T) -> String) -> Self {
        Self { equal: then == now, ..Self::new(name, say(then), say(now)) }
    }
}

/// What a replay found.
pub(super) struct Report {
    circumstances: Vec<Line>,
    results: Vec<Line>,
}

impl Report {
    /// `kept` is what the client says it was sent, where it kept that.
    pub(super) fn of(
        here: &Circumstances,
        permitted: &Permitted,
        replayed: &Replayed,
        kept: &[Zeroizing<Vec<u8>>],
    ) -> Self {
        let (then, now) = (&permitted.intent().request, &replayed.intent.request);
        let mut circumstances = here.lines(permitted.intent());
        let detectors = |request: &RequestFacts| {
            request
                .redaction
                .as_ref()
                .map_or_else(String::new, |redaction| redaction.detector_sha256.to_hex())
        };
        circumstances.push(Line::new("detectors", detectors(then), detectors(now)));
        let mut results = vec![
            Line::compared(
                "redaction",
                &then.redaction.as_ref().map(|r| &r.counts),
                &now.redaction.as_ref().map(|r| &r.counts),
                |counts| {
                    format!(
                        "{} findings",
                        counts.map_or(0, |counts| counts.values().map(|&n| u64::from(n)).sum::<u64>())
                    )
                },
            ),
            Line::compared("prompt", &then.input, &now.input, |input| {
                format!("{} tokens", input.as_ref().map_or(0, |input| input.tokens))
            }),
            Line::compared("sampling", &then.sampling, &now.sampling, |sampling| {
                sampling.as_ref().map_or_else(String::new, |sampling| format!("seed {}", sampling.seed))
            }),
        ];
        let (was, is) = (&permitted.outcome().facts.choices, &replayed.outcome.facts.choices);
        let count = |choices: &Vec<ChoiceFacts>| format!("{} choices", choices.len());
        results.push(Line { equal: was.len() == is.len(), ..Line::new("answer", count(was), count(is)) });
        for (at, (was, is)) in was.iter().zip(is).enumerate() {
            let tokens = |choice: &ChoiceFacts| format!("{} tokens", choice.tokens);
            results.push(Line {
                equal: (was.token_commit, was.tokens) == (is.token_commit, is.tokens),
                ..Line::new(&format!("choice {at}, token ids"), tokens(was), tokens(is))
            });
            let finish = |choice: &ChoiceFacts| format!("ended: {:?}", choice.finish).to_lowercase();
            let equal = (was.client_commit, was.finish) == (is.client_commit, is.finish);
            let note = match (equal, kept.get(at), replayed.texts.get(at)) {
                (false, Some(kept), Some(text)) => first_difference(kept, text.as_bytes()),
                _ => String::new(),
            };
            results.push(Line {
                equal,
                note,
                ..Line::new(&format!("choice {at}, output"), finish(was), finish(is))
            });
        }
        Self { circumstances, results }
    }

    /// Whether all that was committed to came out again.
    pub(super) fn equal(&self) -> bool {
        self.results.iter().all(|line| line.equal)
    }

    pub(super) fn text(&self, id: &ReceiptId) -> String {
        let mut text = format!("{:<MARGIN$} {id}\n", "request");
        for line in self.circumstances.iter().chain(&self.results) {
            let said = if line.equal {
                format!("equal      {}", line.now)
            } else if line.then == line.now {
                format!("DIFFERS    {}, not the same ones{}", line.now, line.note)
            } else {
                format!("DIFFERS    then {}, here {}{}", line.then, line.now, line.note)
            };
            // Writing into a string does not fail.
            let _ = writeln!(text, "{:<MARGIN$} {said}", line.name);
        }
        text.push_str(&self.verdict());
        text.push('\n');
        text
    }

    fn verdict(&self) -> String {
        let others: Vec<&str> =
            self.circumstances.iter().filter(|line| !line.equal).map(|line| line.name.as_str()).collect();
        match (self.equal(), others.is_empty()) {
            (true, true) => "replayed: every byte is equal".to_owned(),
            (true, false) => format!("replayed: every byte is equal, although other: {}", others.join(", ")),
            (false, false) => format!("NOT equal; what is other here and may be why: {}", others.join(", ")),
            (false, true) => "NOT equal, although nothing that is recorded is other here: the record does not say what this \
                              program did, or this machine computes something else"
                .to_owned(),
        }
    }

    pub(super) fn json(&self, id: &ReceiptId) -> anyhow::Result<String> {
        let list = |lines: &[Line]| -> Vec<serde_json::Value> {
            let one = |line: &Line| json!({"name": line.name, "equal": line.equal, "then": line.then, "here": line.now});
            lines.iter().map(one).collect()
        };
        let value = json!({
            "id": id.to_hex(), "equal": self.equal(), "verdict": self.verdict(),
            "circumstances": list(&self.circumstances), "results": list(&self.results),
        });
        Ok(format!("{}\n", serde_json::to_string(&value)?))
    }
}

/// Where two texts part.
fn first_difference(then: &[u8], now: &[u8]) -> String {
    let at = then.iter().zip(now).take_while(|(then, now)| then == now).count();
    format!("; the texts part at byte {at}")
}
