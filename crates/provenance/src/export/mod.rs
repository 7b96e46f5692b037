//! The log in the formats of others, a row at a time: what a leaf does not hold is left out, and nothing is content.
//!
//! | format | what a row is | what is not in it |
//! |---|---|---|
//! | LDV | a processing that ended, let in or refused after a look into the text; one for each data subject, as the standard says | users (the standard says so); a data subject that no caller named |
//! | ADL | a decision, at whatever gate; `Error` only where rules could not be evaluated | remedies; what was asked is counts and hashes |
//! | OTLP/JSON | a span for each request that ended, `gen_ai.*` | content; the caller |
//! | CSV, PROV-JSON | a request that ended; PROV has a bundle each, so that it can stream | texts: commitments stand for them |
//! | JSON lines | every leaf as it was hashed | nothing |
//!
//! `start` is the moment of the intent: what came before has no time in the record. No Parquet: CSV and JSON lines load anywhere.

mod adl;
mod csv;
mod ldv;
mod otel;
mod prov;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write},
    iter,
};

use serde_json::{Value, json};

use crate::{Error, Leaf, OutcomeFacts, Pseudonym, RequestFacts, Result, Shown, Stage, UseCaseRef, Verdict};

/// A format to export in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Logboek Dataverwerkingen (Logius): a JSON line for each processing that ended.
    Ldv,
    /// Authorization Decision Log (Logius): a JSON line for each decision.
    Adl,
    /// OpenTelemetry: OTLP/JSON lines, a span for each request, `gen_ai.*` attributes without content.
    Otel,
    /// A table for auditors (RFC 4180): a row for each request that ended.
    Csv,
    /// W3C PROV-JSON: a bundle for each request that ended.
    ProvJson,
    /// The leaves themselves, as they were hashed.
    Jsonl,
}

/// Which requests: those let in or denied in a span of time, for one use case, about one person.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// First moment, ms since 1970.
    pub from_ms: Option<i64>,
    /// First moment after, ms since 1970.
    pub until_ms: Option<i64>,
    /// Id of the use case; leaves about none are left out too.
    pub use_case: Option<String>,
    /// The pseudonyms of a data subject; leaves that name none of them are left out too, and of none it is everything.
    pub about: Option<BTreeSet<Pseudonym>>,
}

impl Selection {
    fn takes(
        &self,
        at_ms: i64,
        use_case: Option<&UseCaseRef>,
        people: impl Iterator<Item = Pseudonym>,
    ) -> bool {
        self.from_ms.is_none_or(|from| from <= at_ms)
            && self.until_ms.is_none_or(|until| at_ms < until)
            && self.use_case.as_deref().is_none_or(|id| use_case.is_some_and(|case| case.id.as_str() == id))
            && self.is_about(people)
    }

    fn takes_request(&self, at_ms: i64, request: &RequestFacts) -> bool {
        self.takes(at_ms, request.use_case.as_ref(), request.data_subjects().map(|(one, _)| one))
    }

    fn is_about(&self, mut people: impl Iterator<Item = Pseudonym>) -> bool {
        self.about.as_ref().is_none_or(|wanted| people.any(|one| wanted.contains(&one)))
    }
}

/// What an export holds, and what it does not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Rows, events, spans, bundles or leaves written.
    pub rows: u64,
    /// Selected requests without an outcome yet; written by [`Format::Adl`] and [`Format::Jsonl`] alone.
    pub unfinished: u64,
    /// Rows of [`Format::Ldv`] about no data subject, because the caller named none.
    pub without_data_subject: u64,
}

/// A request that ended: by an outcome, or by a denial.
struct Ended {
    /// Index of the intent or the denial.
    index: u64,
    start_ms: i64,
    end_ms: i64,
    request: RequestFacts,
    /// None where it was denied.
    outcome: Option<OutcomeFacts>,
}

impl Ended {
    /// Why it went wrong, in a word; a denial did not go wrong.
    fn reason(&self) -> Option<String> {
        word(&self.outcome.as_ref()?.reason)
    }

    fn denied_by(&self) -> Option<&str> {
        self.request.decision.rule.as_ref().map(crate::Name::as_str)
    }

    fn tokens_out(&self) -> Option<u64> {
        Some(self.outcome.as_ref()?.choices.iter().map(|choice| u64::from(choice.tokens)).sum())
    }

    /// Trace and span, hexadecimal. A leaf of another maker may lack them; the receipt's id stands in, as at the gateway.
    fn trace(&self) -> (String, String) {
        let (trace, span) =
            (self.request.trace_id.map(|t| t.to_hex()), self.request.span_id.map(|s| s.to_hex()));
        let own = self.request.id.to_hex();
        let half = own.chars().take(16).collect();
        (trace.unwrap_or(own), span.unwrap_or(half))
    }
}

/// Writes leaves as they come; memory is that of the requests that are under way.
pub struct Exporter<W> {
    format: Format,
    selection: Selection,
    register: Option<String>,
    out: W,
    open: BTreeMap<u64, (i64, RequestFacts)>,
    summary: Summary,
}

impl<W: Write> Exporter<W> {
    /// `register` is put before ids of processing activities that are no URI ([`Format::Ldv`]).
    ///
    /// # Errors
    /// [`Error::Export`] when the head cannot be written, or the register is no URI.
    pub fn new(format: Format, selection: Selection, register: Option<String>, out: W) -> Result<Self> {
        if let Some(register) = register.as_deref().filter(|text| !ldv::is_uri(text)) {
            let why = format!("the address of the register, {register}, is no URI; write it as https://…/");
            return Err(Error::Export { what: "cannot begin".to_owned(), why });
        }
        let (open, summary) = (BTreeMap::new(), Summary::default());
        let mut exporter = Self { format, selection, register, out, open, summary };
        let head = match format {
            Format::Csv => csv::line(&csv::COLUMNS)?,
            Format::ProvJson => prov::head()?,
            _ => String::new(),
        };
        exporter.write(&head)?;
        Ok(exporter)
    }

    /// The next leaf of a log.
    ///
    /// # Errors
    /// [`Error::Export`] when it cannot be said in this format, or not be written.
    pub fn take(&mut self, leaf: &Shown) -> Result<()> {
        if self.format == Format::Jsonl && self.is_kept(leaf) {
            self.row(&format!("{}\n", leaf.json))?;
        }
        let at_ms = leaf.entry.ts_ms;
        match &leaf.entry.leaf {
            Leaf::Intent(intent) if self.selection.takes_request(at_ms, &intent.request) => {
                self.open.insert(leaf.index, (at_ms, intent.request.clone()));
                self.decision(leaf.index, at_ms, &intent.request, intent.prev_config_event)
            }
            Leaf::Denied(denied) if self.selection.takes_request(at_ms, &denied.request) => {
                self.decision(leaf.index, at_ms, &denied.request, denied.prev_config_event)?;
                let request = denied.request.clone();
                self.ended(&Ended {
                    index: leaf.index,
                    start_ms: at_ms,
                    end_ms: at_ms,
                    request,
                    outcome: None,
                })
            }
            Leaf::Outcome(outcome) => match self.open.remove(&outcome.intent_seq) {
                Some((start_ms, request)) => self.ended(&Ended {
                    index: outcome.intent_seq,
                    start_ms,
                    // The clock may have been set back in between.
                    end_ms: at_ms.max(start_ms),
                    request,
                    outcome: Some(outcome.facts.clone()),
                }),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// Ends the export.
    ///
    /// # Errors
    /// [`Error::Export`] when the end cannot be written.
    pub fn finish(mut self) -> Result<Summary> {
        if self.format == Format::ProvJson {
            self.write(prov::FOOT)?;
        }
        self.out.flush().map_err(|e| unwritten(&e))?;
        self.summary.unfinished = self.open.len() as u64;
        Ok(self.summary)
    }

    /// An outcome goes where its intent went.
    fn is_kept(&self, leaf: &Shown) -> bool {
        let (at_ms, wanted) = (leaf.entry.ts_ms, &self.selection);
        match &leaf.entry.leaf {
            Leaf::Outcome(outcome) => self.open.contains_key(&outcome.intent_seq),
            Leaf::Intent(intent) => wanted.takes_request(at_ms, &intent.request),
            Leaf::Denied(denied) => wanted.takes_request(at_ms, &denied.request),
            Leaf::KeyIssued(issued) => wanted.takes(at_ms, Some(&issued.use_case), iter::empty()),
            Leaf::AdminRead(read) => wanted.takes(at_ms, None, read.pseudonym.into_iter()),
            _ => wanted.takes(at_ms, None, iter::empty()),
        }
    }

    fn decision(
        &mut self,
        index: u64,
        at_ms: i64,
        request: &RequestFacts,
        config: Option<u64>,
    ) -> Result<()> {
        if self.format != Format::Adl {
            return Ok(());
        }
        self.json(&adl::event(index, at_ms, request, config)?)
    }

    fn ended(&mut self, ended: &Ended) -> Result<()> {
        match self.format {
            Format::Ldv if is_processing(&ended.request) => {
                for row in ldv::rows(ended, self.register.as_deref(), &self.selection)? {
                    self.json(&row)?;
                }
                self.summary.without_data_subject +=
                    u64::from(ended.request.data_subject_pseudonym.is_none());
                Ok(())
            }
            Format::Otel => self.json(&otel::line(ended)),
            Format::Csv => self.row(&csv::row(ended)?),
            Format::ProvJson => {
                let bundle = prov::bundle(ended, self.summary.rows == 0)?;
                self.row(&bundle)
            }
            Format::Ldv | Format::Adl | Format::Jsonl => Ok(()),
        }
    }

    fn json(&mut self, value: &Value) -> Result<()> {
        self.row(&format!("{}\n", canonical(value)?))
    }

    fn row(&mut self, text: &str) -> Result<()> {
        self.summary.rows += 1;
        self.write(text)
    }

    fn write(&mut self, text: &str) -> Result<()> {
        self.out.write_all(text.as_bytes()).map_err(|e| unwritten(&e))
    }
}

/// Data were processed where the gate looked into the text; who was stopped at the door had nothing looked at.
fn is_processing(request: &RequestFacts) -> bool {
    request.decision.verdict == Verdict::Permit
        || matches!(request.decision.stage, Stage::Redact | Stage::Clear | Stage::Submit)
}

fn unwritten(error: &io::Error) -> Error {
    let why = format!("{error}; make room, or choose another file");
    Error::Export { what: "could not be written".to_owned(), why }
}

/// Keys in one order (RFC 8785), whatever features of the JSON library another crate turns on.
fn canonical(value: &Value) -> Result<String> {
    serde_json_canonicalizer::to_string(value)
        .map_err(|e| Error::Export { what: "could not write a row".to_owned(), why: e.to_string() })
}

/// Attributes of the system, by OpenTelemetry's names: a demonstration is told apart everywhere.
fn resource(request: &RequestFacts) -> Value {
    if request.demo {
        json!({"service.name": "proeftuin", "deployment.environment.name": "demo"})
    } else {
        json!({"service.name": "proeftuin"})
    }
}

/// What a value of the record is called in it.
fn word<T: serde::Serialize>(value: &T) -> Option<String> {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => Some(word),
        _ => None,
    }
}

/// `2026-11-27T17:00:00.123Z` (RFC 3339).
fn rfc3339(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |at| format!("{at:.3}"))
}
