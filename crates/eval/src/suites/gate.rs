//! A running server as a client sees it: what it answers, what it refuses by, and what its receipt says ran.

use std::io::Read as _;
use std::time::Duration;

use policy::{EngineRef, EvaluatedModel, GateRef, PolicyFiles, PolicySet};
use serde_json::{Value, json};

use crate::Error;

/// Longest answer that is read, in bytes.
const BODY_BYTES_MAX: u64 = 4 << 20;

/// Where a server is, and how it is asked.
#[derive(Debug, Clone)]
pub struct GateAddress {
    /// Base URL, as in `http://127.0.0.1:8080/v1`.
    pub url: String,
    /// Key of a use case; not in any message.
    pub key: String,
    /// Longest that one request may take.
    pub patience: Duration,
}

/// A server that answered, with what it says of itself.
#[derive(Debug)]
pub struct Gate {
    agent: ureq::Agent,
    address: GateAddress,
    model: String,
    reference: GateRef,
    engine: EngineRef,
}

/// One reply.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Reply {
    /// What it was refused by: the rule, or the API's code.
    pub(crate) fn code(&self) -> Option<&str> {
        self.body.pointer("/error/code")?.as_str()
    }

    /// The text of the answer.
    pub(crate) fn text(&self) -> Option<&str> {
        self.body.pointer("/choices/0/message/content")?.as_str()
    }

    /// Whether something was generated.
    pub(crate) fn answered(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The record of the request that its receipt holds.
    pub(crate) fn leaf(&self) -> Option<Value> {
        let leaf = self.body.pointer("/proeftuin/receipt/leaves/0/leaf")?.as_str()?;
        serde_json::from_str(leaf).ok()
    }
}

impl Gate {
    /// Asks one good question, and reads from its receipt which policy, record, model and program answered. `files` is the
    /// policy that is said to be in force, and `model` the one that is pinned.
    ///
    /// # Errors
    /// [`Error::Server`] when there is no answer, or it comes from another policy or other files than these.
    pub fn open(address: GateAddress, model: &EvaluatedModel, files: &PolicyFiles) -> Result<Self, Error> {
        let url = address.url.trim_end_matches('/').to_owned();
        let wrong = |reason: String| Error::Server { url: url.clone(), reason };
        if !url.starts_with("http://") {
            return Err(wrong("the URL must begin with http://; evaluate a server of your own".to_owned()));
        }
        if address.key.is_empty() || !address.key.chars().all(|c| c.is_ascii_graphic()) {
            return Err(wrong("the key is empty, or has characters that no key has".to_owned()));
        }
        let config =
            ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).proxy(None).build();
        let agent = ureq::Agent::new_with_config(config);
        let none = || String::new();
        let mut gate = Self {
            agent,
            address: GateAddress { url: url.clone(), ..address },
            model: model.id.clone(),
            reference: GateRef {
                policy_sha256: none(),
                rules_sha256: hex(&files.rules_digest()),
                redaction_sha256: none(),
                use_case: none(),
                use_case_sha256: none(),
                restores_placeholders: false,
            },
            engine: EngineRef { build_sha256: none(), isa: none() },
        };
        let reply = gate.chat(&gate.question("Say one word about a garden.", 8))?;
        if !reply.answered() {
            let code = reply.code().unwrap_or("no code").to_owned();
            return Err(wrong(format!(
                "a good question was refused with {} ({code}); use the key of a use case that runs",
                reply.status
            )));
        }
        let leaf = reply.leaf().ok_or_else(|| {
            wrong("its answer carries no receipt; evaluate a server of this program".to_owned())
        })?;
        let said = |pointer: &str| {
            let text = leaf.pointer(pointer).and_then(Value::as_str);
            text.map(str::to_owned).ok_or_else(|| wrong(format!("its receipt has no {pointer}")))
        };
        gate.reference.policy_sha256 = said("/policy_pack_sha256")?;
        if gate.reference.policy_sha256 != hex(&files.digest()) {
            return Err(wrong(
                "another policy is in force there than the one given with --policy".to_owned(),
            ));
        }
        let manifest = said("/model/manifest_sha256")?;
        if manifest != model.manifest_sha256 {
            return Err(wrong(format!("it runs other files of {} than models.toml pins", model.id)));
        }
        gate.reference.use_case = said("/use_case/id")?;
        gate.reference.use_case_sha256 = said("/use_case/sha256")?;
        gate.engine = EngineRef { build_sha256: said("/engine/build_sha256")?, isa: said("/engine/isa")? };
        gate.read_record(files)
    }

    /// What the record of the key's use case says of redaction.
    fn read_record(mut self, files: &PolicyFiles) -> Result<Self, Error> {
        let wrong = |reason: String| Error::Server { url: self.address.url.clone(), reason };
        let set = PolicySet::load(files).map_err(|error| wrong(error.to_string()))?;
        let case = set
            .use_case(&self.reference.use_case)
            .ok_or_else(|| wrong(format!("the policy has no record of {}", self.reference.use_case)))?;
        self.reference.restores_placeholders = case.restore_placeholders;
        let path = format!("redaction/{}.toml", case.redaction_profile);
        let profile = files.text(&path).ok_or_else(|| wrong(format!("the policy has no {path}")))?;
        use sha2::Digest as _;
        self.reference.redaction_sha256 = hex(&sha2::Sha256::digest(profile.as_bytes()));
        Ok(self)
    }

    /// The gate, for the report.
    #[must_use]
    pub fn reference(&self) -> &GateRef {
        &self.reference
    }

    /// What computed, for the report.
    #[must_use]
    pub fn engine(&self) -> &EngineRef {
        &self.engine
    }

    /// A chat request, greedy.
    pub(crate) fn question(&self, text: &str, max_tokens: u32) -> Value {
        json!({
            "model": self.model,
            "messages": [{"role": "user", "content": text}],
            "max_tokens": max_tokens,
            "temperature": 0,
        })
    }

    /// Sends a chat request with the key of the use case.
    pub(crate) fn chat(&self, body: &Value) -> Result<Reply, Error> {
        self.post("/chat/completions", Some(&self.address.key), body.to_string().as_bytes())
    }

    /// Sends any bytes, with any key or none.
    pub(crate) fn post(&self, path: &str, key: Option<&str>, body: &[u8]) -> Result<Reply, Error> {
        let wrong = |reason: &str| Error::Server { url: self.address.url.clone(), reason: reason.to_owned() };
        let mut request = self.agent.post(format!("{}{path}", self.address.url));
        request = request.header("Content-Type", "application/json");
        if let Some(key) = key {
            request = request.header("Authorization", format!("Bearer {key}"));
        }
        let request = request.config().timeout_global(Some(self.address.patience)).build();
        let response = request.send(body).map_err(|error| match error {
            ureq::Error::Timeout(_) => wrong("no answer in time"),
            _ => wrong("no connection, or it broke off"),
        })?;
        let status = response.status().as_u16();
        let mut bytes = Vec::new();
        let read = response.into_body().into_reader().take(BODY_BYTES_MAX).read_to_end(&mut bytes);
        read.map_err(|_| wrong("its reply broke off"))?;
        Ok(Reply { status, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null) })
    }

    pub(crate) fn key(&self) -> &str {
        &self.address.key
    }
}

/// Lowercase hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
