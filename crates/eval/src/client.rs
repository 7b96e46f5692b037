//! One streaming chat request under the clock.

use std::io::{BufRead, BufReader, Read};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::server_workload::IN_FLIGHT_MAX;

/// Longest line of a stream, in bytes.
const LINE_BYTES_MAX: u64 = 1 << 20;
/// Longest answer that is read, in bytes.
const ANSWER_BYTES_MAX: u64 = 256 << 20;

/// A server under load.
#[derive(Debug, Clone)]
pub struct Target {
    /// What the record calls it.
    pub name: String,
    /// Base URL, as in `http://127.0.0.1:8080/v1`.
    pub url: String,
    /// Bearer key; empty sends none.
    pub key: String,
    /// Model to ask for; `None` asks the server for its first.
    pub model: Option<String>,
}

impl Target {
    /// `NAME=URL[,KEY[,MODEL]]`
    ///
    /// # Errors
    /// What is wrong with it, without the key.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (name, rest) = text.split_once('=').ok_or("must be NAME=URL[,KEY[,MODEL]]")?;
        let mut parts = rest.splitn(3, ',');
        let url = parts.next().unwrap_or_default();
        let key = parts.next().unwrap_or_default();
        let model = parts.next().map(str::to_owned).filter(|model| !model.is_empty());
        Self::new(name, url, key, model)
    }

    /// Checks what can be checked without asking.
    ///
    /// # Errors
    /// What is wrong with it, without the key.
    pub fn new(name: &str, url: &str, key: &str, model: Option<String>) -> Result<Self, String> {
        if name.is_empty() || name.len() > 40 || name.chars().any(char::is_control) {
            return Err("a target's name has 1 to 40 characters".to_owned());
        }
        if !url.starts_with("http://") {
            return Err(format!(
                "the URL of {name} must begin with http://; a load goes to a server of your own"
            ));
        }
        let printable = key.chars().all(|c| c.is_ascii_graphic());
        if !printable {
            return Err(format!("the key of {name} has characters that no key has"));
        }
        let url = url.trim_end_matches('/').to_owned();
        Ok(Target { name: name.to_owned(), url, key: key.to_owned(), model })
    }
}

/// How long an answer may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Length {
    pub(crate) max_tokens: u32,
    /// Not shorter either.
    pub(crate) exact: bool,
}

/// Why a request gave no whole answer. Counted by its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Failure {
    /// No connection, or it broke before the status.
    Connect,
    /// Not 2xx.
    Status(u16),
    /// Longer than allowed.
    Timeout,
    /// The stream ended before `[DONE]`.
    BrokeOff,
    /// An event that is not JSON, or a line without end.
    Malformed,
    /// An event that says an error.
    ErrorEvent,
    /// An open loop found as many requests under way as the client can have.
    ClientFull,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Failure::Connect => "no connection",
            Failure::Status(status) => return write!(f, "status {status}"),
            Failure::Timeout => "timeout",
            Failure::BrokeOff => "stream broke off",
            Failure::Malformed => "malformed event",
            Failure::ErrorEvent => "error in the stream",
            Failure::ClientFull => "client full",
        })
    }
}

/// What one request did, in seconds from its start.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outcome {
    /// Time to the first text.
    pub(crate) ttft_s: Option<f64>,
    /// Times between texts.
    pub(crate) gaps_s: Vec<f64>,
    /// Time to the end.
    pub(crate) latency_s: f64,
    /// As the server counted; `None` when it sent no usage.
    pub(crate) prompt_tokens: Option<u64>,
    /// As the server counted, else the texts that came.
    pub(crate) completion_tokens: u64,
    /// Why it is no answer, if it is none.
    pub(crate) failure: Option<Failure>,
}

/// A client of one server; clones share its connections.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    agent: ureq::Agent,
    url: String,
    key: String,
    model: String,
}

impl Client {
    /// Asks the server for its first model where none is named.
    pub(crate) fn new(target: &Target) -> Result<Self, String> {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .max_idle_connections(IN_FLIGHT_MAX as usize)
            .max_idle_connections_per_host(IN_FLIGHT_MAX as usize)
            .build();
        let agent = ureq::Agent::new_with_config(config);
        let (url, key) = (target.url.clone(), target.key.clone());
        let mut client = Client { agent, url, key, model: String::new() };
        client.model = match &target.model {
            Some(model) => model.clone(),
            None => client.first_model().ok_or_else(|| {
                format!("{} at {} names no model; say which with MODEL", target.name, target.url)
            })?,
        };
        Ok(client)
    }

    fn first_model(&self) -> Option<String> {
        let request = self.agent.get(format!("{}/models", self.url));
        let request = request.header("Authorization", format!("Bearer {}", self.key));
        let response = request.config().timeout_global(Some(Duration::from_secs(30))).build().call().ok()?;
        let body: Value =
            serde_json::from_reader(response.into_body().into_reader().take(LINE_BYTES_MAX)).ok()?;
        body.pointer("/data/0/id")?.as_str().map(str::to_owned)
    }

    /// Sends one prompt and reads the answer to its end, or for `patience` at most.
    pub(crate) fn ask(&self, prompt: &str, length: Length, patience: Duration) -> Outcome {
        let began = Instant::now();
        let mut outcome = Outcome::default();
        outcome.failure = self.stream(prompt, length, patience, began, &mut outcome).err();
        outcome.latency_s = began.elapsed().as_secs_f64();
        outcome
    }

    fn stream(
        &self,
        prompt: &str,
        length: Length,
        patience: Duration,
        began: Instant,
        outcome: &mut Outcome,
    ) -> Result<(), Failure> {
        let mut body = json!({
            "model": self.model,
            "messages": [{"role": "user", "content": prompt}],
            "max_tokens": length.max_tokens,
            "temperature": 0,
            "stream": true,
            "stream_options": {"include_usage": true},
        });
        if let Some(fields) = body.as_object_mut().filter(|_| length.exact) {
            fields.insert("ignore_eos".to_owned(), Value::Bool(true));
        }
        let mut request = self.agent.post(format!("{}/chat/completions", self.url));
        request = request.header("Content-Type", "application/json");
        if !self.key.is_empty() {
            request = request.header("Authorization", format!("Bearer {}", self.key));
        }
        let request = request.config().timeout_global(Some(patience)).build();
        let response = request.send(body.to_string()).map_err(|error| match error {
            ureq::Error::Timeout(_) => Failure::Timeout,
            _ => Failure::Connect,
        })?;
        let status = response.status().as_u16();
        let mut reader = BufReader::new(response.into_body().into_reader().take(ANSWER_BYTES_MAX));
        if !(200..300).contains(&status) {
            // Read what is said, so that the connection can be used again; it is not kept.
            let _ = std::io::copy(&mut reader.take(LINE_BYTES_MAX), &mut std::io::sink());
            return Err(Failure::Status(status));
        }
        read_events(&mut reader, began, outcome)
    }
}

/// Server-sent events (WHATWG HTML, 9.2) as OpenAI's API uses them: one JSON object a `data` line, then `[DONE]`.
pub(crate) fn read_events(
    reader: &mut impl BufRead,
    began: Instant,
    outcome: &mut Outcome,
) -> Result<(), Failure> {
    let mut line = Vec::new();
    let mut last_text: Option<Instant> = None;
    let mut texts = 0;
    loop {
        line.clear();
        let read = reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line);
        match read {
            Ok(0) => return Err(Failure::BrokeOff),
            Ok(_) => {}
            Err(error) if is_timeout(&error) => return Err(Failure::Timeout),
            Err(_) => return Err(Failure::BrokeOff),
        }
        if line.last() != Some(&b'\n') {
            return Err(if line.len() as u64 == LINE_BYTES_MAX {
                Failure::Malformed
            } else {
                Failure::BrokeOff
            });
        }
        // Comments, blank lines and other fields carry nothing that is measured.
        let Some(data) = line.strip_prefix(b"data:").map(<[u8]>::trim_ascii) else { continue };
        if data == b"[DONE]" {
            return Ok(());
        }
        let event: Value = serde_json::from_slice(data).map_err(|_| Failure::Malformed)?;
        if !event.is_object() {
            return Err(Failure::Malformed);
        }
        if event.get("error").is_some_and(|error| !error.is_null()) {
            return Err(Failure::ErrorEvent);
        }
        if has_text(&event) {
            let now = Instant::now();
            match last_text {
                None => outcome.ttft_s = Some((now - began).as_secs_f64()),
                Some(before) => outcome.gaps_s.push((now - before).as_secs_f64()),
            }
            last_text = Some(now);
            texts += 1;
            outcome.completion_tokens = outcome.completion_tokens.max(texts);
        }
        let usage = |key: &str| event.pointer(&format!("/usage/{key}")).and_then(Value::as_u64);
        if let Some(tokens) = usage("completion_tokens") {
            outcome.completion_tokens = tokens;
        }
        outcome.prompt_tokens = usage("prompt_tokens").or(outcome.prompt_tokens);
    }
}

/// Whether the client's own clock ended the reading.
fn is_timeout(error: &std::io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>());
    matches!(inner, Some(ureq::Error::Timeout(_)))
}

/// Whether an event brings text, thought aloud or said.
fn has_text(event: &Value) -> bool {
    let delta = event.pointer("/choices/0/delta");
    let text = |key: &str| delta.and_then(|delta| delta.get(key)).and_then(Value::as_str);
    ["content", "reasoning_content"].iter().any(|key| text(key).is_some_and(|text| !text.is_empty()))
}
