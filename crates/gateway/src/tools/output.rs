//! The calls of one choice of an answer: read, masked, restored, numbered.

use std::collections::BTreeMap;
use std::sync::Arc;

use redact::{Kind, Redactor, RestorePolicy, Vault};
use serde::Serialize;
use zeroize::Zeroizing;

use super::arguments;
use super::format::{ToolFormat, letters};
use super::parser::{Call, Parser, Part};

/// A call as the client is given it.
#[derive(Clone)]
pub(crate) struct Called {
    /// Which call of the choice, from 0.
    pub(crate) index: usize,
    pub(crate) id: String,
    pub(crate) name: String,
    /// A JSON object.
    pub(crate) arguments: Zeroizing<String>,
}

/// Reads the calls of one choice.
pub(crate) struct ToolOutput {
    parser: Parser,
    format: ToolFormat,
    parallel: bool,
    redactor: Arc<Redactor>,
    vault: Arc<Vault>,
    policy: RestorePolicy,
    /// The receipt's id and the choice, which ids are made of.
    receipt_id: String,
    choice: usize,
    made: usize,
    counts: BTreeMap<Kind, u32>,
    restored: u32,
}

/// What all choices of an answer read calls with.
#[derive(Clone)]
pub(crate) struct CallReader {
    pub(crate) format: ToolFormat,
    pub(crate) names: Arc<[String]>,
    pub(crate) parallel: bool,
    pub(crate) redactor: Arc<Redactor>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) policy: RestorePolicy,
    pub(crate) receipt_id: String,
}

impl CallReader {
    /// For one choice, by number.
    pub(crate) fn choice(&self, choice: usize) -> ToolOutput {
        let Self { format, names, parallel, redactor, vault, policy, receipt_id } = self.clone();
        ToolOutput {
            parser: Parser::new(format, names),
            format,
            parallel,
            redactor,
            vault,
            policy,
            receipt_id,
            choice,
            made: 0,
            counts: BTreeMap::new(),
            restored: 0,
        }
    }
}

impl ToolOutput {
    /// Text that a control token of this name stands for: those that are part of a call are read.
    pub(crate) fn mark(&self, name: &str) -> Option<&'static str> {
        self.format.marks().iter().copied().find(|mark| *mark == name)
    }

    /// Takes a piece of the answer.
    pub(crate) fn push(&mut self, text: &str) -> Vec<Part> {
        self.parser.push(text)
    }

    /// Ends the answer.
    pub(crate) fn finish(&mut self) -> Vec<Part> {
        self.parser.finish()
    }

    /// Whether the answer ends with the call that was just made.
    pub(crate) fn is_full(&self) -> bool {
        self.made > 0 && !self.parallel
    }

    pub(crate) fn has_called(&self) -> bool {
        self.made > 0
    }

    /// The call with new personal data masked and values put back, each leaf on its own.
    ///
    /// # Errors
    /// A screen that fails closes the answer.
    pub(crate) fn call(&mut self, call: Call) -> Result<Called, redact::Error> {
        let (redactor, vault, policy) = (&self.redactor, &self.vault, &self.policy);
        let (counts, restored) = (&mut self.counts, &mut self.restored);
        let arguments = arguments::rewrite(&call.arguments, &mut |key, text| {
            let mut screen = redactor.screen(vault);
            if let Some(key) = key {
                screen = screen.under(key);
            }
            let mut screened = screen.push(text)?;
            screened.push_str(&screen.finish()?);
            let screened = Zeroizing::new(screened);
            for (&kind, &count) in screen.counts() {
                let total = counts.entry(kind).or_default();
                *total = total.saturating_add(count);
            }
            let mut restorer = vault.restorer(policy);
            let mut text = Zeroizing::new(restorer.push(&screened));
            *restored = restored.saturating_add(restorer.restored());
            text.push_str(&restorer.finish());
            Ok(text)
        })?;
        let (choice, index) = (self.choice as u64, self.made as u64);
        let parts = [self.receipt_id.as_bytes(), &choice.to_le_bytes(), &index.to_le_bytes()];
        let id = format!("call_{}", letters(&parts, 24));
        let called = Called { index: self.made, id, name: call.name, arguments };
        self.made = self.made.saturating_add(1);
        Ok(called)
    }

    /// What was masked, by kind.
    pub(crate) fn screened(&self) -> &BTreeMap<Kind, u32> {
        &self.counts
    }

    /// Placeholders given back.
    pub(crate) fn restored(&self) -> u32 {
        self.restored
    }
}

/// The bytes that a receipt commits to for a choice with calls or a thought: its message as canonical JSON (RFC 8785), with the
/// fields that hold what was generated: `content`, and of the others those that are not empty.
pub(crate) fn commitment(content: &str, thought: &str, calls: &[Called]) -> Zeroizing<Vec<u8>> {
    // In the order of their names, as RFC 8785 has it; serde_json writes strings as it asks.
    #[derive(Serialize)]
    struct Function<'a> {
        arguments: &'a str,
        name: &'a str,
    }
    #[derive(Serialize)]
    struct Call<'a> {
        function: Function<'a>,
        id: &'a str,
        r#type: &'static str,
    }
    #[derive(Serialize)]
    struct Message<'a> {
        content: Option<&'a str>,
        #[serde(skip_serializing_if = "str::is_empty")]
        reasoning_content: &'a str,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        tool_calls: Vec<Call<'a>>,
    }
    let tool_calls = calls
        .iter()
        .map(|call| Call {
            function: Function { arguments: &call.arguments, name: &call.name },
            id: &call.id,
            r#type: "function",
        })
        .collect();
    let content = Some(content).filter(|text| !text.is_empty());
    let message = Message { content, reasoning_content: thought, tool_calls };
    Zeroizing::new(serde_json::to_vec(&message).unwrap_or_default())
}
