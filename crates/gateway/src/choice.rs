//! One choice of an answer: token → text → screened → restored → stopped, always in this order.

use engine::{FinishReason, TokenEvent};
use provenance::{ChoiceFacts, RequestKey};
use redact::{Restorer, Screen};
use tokenizer::Detokenizer;
use zeroize::Zeroizing;

use crate::answer::Finish;
use crate::json_text::JsonText;
use crate::stop::{Step, StopMatcher};
use crate::tools::{Called, Part, ToolOutput, commitment};

/// What the caller may see.
pub(crate) enum Shown {
    /// Text; never empty.
    Text(String),
    /// A whole call of a tool.
    Call(Called),
}

/// What a token came to.
pub(crate) enum Progress {
    /// Things to show; none while characters, placeholders, calls or stop strings are undecided.
    More(Vec<Shown>),
    /// The rest, and why the choice ended.
    End(Vec<Shown>, Finish),
    /// It cannot go on: the engine or the screen failed.
    Fail(Fault),
}

/// Which part failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Engine,
    /// The constraint of the answer.
    Grammar,
    Screen,
}

impl From<redact::Error> for Fault {
    fn from(_: redact::Error) -> Self {
        Self::Screen
    }
}

/// What the text of a choice ends as.
pub(crate) enum Ending {
    /// As the model left it; a mark, where there is one, stands under it.
    Text(Option<String>),
    /// As one whole JSON value, whatever was masked and restored in it.
    Json,
}

/// The state of one choice. It holds what was generated until it has been committed to, then wipes it.
pub(crate) struct Choice {
    detokenizer: Detokenizer,
    screen: Screen,
    json: Option<JsonText>,
    restorer: Option<Restorer>,
    stop: StopMatcher,
    /// Stands under the text of the model when that has ended.
    mark: Option<String>,
    /// Reads calls, where tools were offered.
    tools: Option<ToolOutput>,
    token_ids: Zeroizing<Vec<u32>>,
    shown: Zeroizing<String>,
    calls: Vec<Called>,
    finish: Option<provenance::Finish>,
    restored: u32,
}

impl Choice {
    pub(crate) fn new(
        detokenizer: Detokenizer,
        screen: Screen,
        restorer: Restorer,
        stops: Vec<Zeroizing<String>>,
        ending: Ending,
        tools: Option<ToolOutput>,
    ) -> Self {
        let (json, restorer, mark) = match ending {
            Ending::Text(mark) => (None, restorer, mark),
            Ending::Json => (Some(JsonText::default()), restorer.in_json(), None),
        };
        Self {
            json,
            detokenizer,
            screen,
            restorer: Some(restorer),
            stop: StopMatcher::new(stops),
            mark,
            tools,
            token_ids: Zeroizing::default(),
            shown: Zeroizing::default(),
            calls: Vec::new(),
            finish: None,
            restored: 0,
        }
    }

    /// Tokens generated so far, the one that ended the choice included.
    pub(crate) fn tokens(&self) -> u32 {
        u32::try_from(self.token_ids.len()).unwrap_or(u32::MAX)
    }

    /// Takes the next event of the engine.
    pub(crate) fn take(&mut self, event: TokenEvent) -> Progress {
        let mut shown = Vec::new();
        let ended = match event {
            TokenEvent::Token { id } => {
                self.token_ids.push(id);
                let text = self.text_of(id);
                self.read(&text, &mut shown)
            }
            TokenEvent::Finished(FinishReason::StopToken(id)) => {
                self.token_ids.push(id);
                self.end(Finish::Stop, &mut shown).map(Some)
            }
            TokenEvent::Finished(FinishReason::Complete) => self.end(Finish::Stop, &mut shown).map(Some),
            TokenEvent::Finished(FinishReason::Length) => self.end(Finish::Length, &mut shown).map(Some),
            TokenEvent::Finished(FinishReason::MaskFailed) => Err(Fault::Grammar),
            TokenEvent::Finished(FinishReason::Aborted | FinishReason::Failed) => Err(Fault::Engine),
        };
        let finish = match ended {
            Ok(None) => return Progress::More(shown),
            Ok(Some(finish)) => finish,
            Err(fault) => {
                self.finish = Some(provenance::Finish::Failed);
                return Progress::Fail(fault);
            }
        };
        let called = self.tools.as_ref().is_some_and(ToolOutput::has_called);
        // A call is read by a program, and marked beside it.
        if let Some(mark) = self.mark.take().filter(|_| !called || !self.shown.is_empty()) {
            self.show(format!("\n\n{mark}"), &mut shown);
        }
        let finish = if called && finish != Finish::Length { Finish::ToolCalls } else { finish };
        self.finish = Some(match finish {
            Finish::Stop | Finish::StopString(_) => provenance::Finish::Stop,
            Finish::Length => provenance::Finish::Length,
            Finish::ToolCalls => provenance::Finish::ToolCalls,
        });
        Progress::End(shown, finish)
    }

    /// What a token adds: control tokens add nothing, but where they are part of a call.
    fn text_of(&mut self, id: u32) -> String {
        let mut text = self.detokenizer.push(id).unwrap_or_default();
        if let Some(tools) = &self.tools
            && let Some(mark) = self.detokenizer.control(id).and_then(|name| tools.mark(name))
        {
            text.push_str(mark);
        }
        text
    }

    /// Takes text of the model; gives why the choice ends, if it does.
    fn read(&mut self, text: &str, shown: &mut Vec<Shown>) -> Result<Option<Finish>, Fault> {
        let parts = match &mut self.tools {
            Some(tools) => tools.push(text),
            None => return self.say(text, shown),
        };
        self.take_parts(parts, shown)
    }

    fn take_parts(&mut self, parts: Vec<Part>, shown: &mut Vec<Shown>) -> Result<Option<Finish>, Fault> {
        for part in parts {
            let call = match part {
                Part::Call(call) => call,
                Part::Text(text) => match self.say(&text, shown)? {
                    None => continue,
                    ended => return Ok(ended),
                },
            };
            let Some(tools) = &mut self.tools else { continue };
            let called = tools.call(call)?;
            let full = tools.is_full();
            self.calls.push(called.clone());
            shown.push(Shown::Call(called));
            if full {
                return self.let_go(Finish::Stop, shown).map(Some);
            }
        }
        Ok(None)
    }

    /// Text that is no call: screened, restored, looked through for stop strings.
    fn say(&mut self, text: &str, shown: &mut Vec<Shown>) -> Result<Option<Finish>, Fault> {
        let mut screened = self.screen.push(text)?;
        if let Some(json) = &mut self.json {
            screened = json.push(&screened);
        }
        let restored = self.restorer.as_mut().map(|restorer| restorer.push(&screened)).unwrap_or_default();
        let (text, ended) = match self.stop.push(&restored) {
            Step::Show(text) => (text, None),
            Step::Stop(text, stop) => (text, Some(Finish::StopString(stop))),
        };
        self.show(text, shown);
        Ok(ended)
    }

    fn show(&mut self, text: String, shown: &mut Vec<Shown>) {
        if !text.is_empty() {
            self.shown.push_str(&text);
            shown.push(Shown::Text(text));
        }
    }

    /// The model has ended: what every stage still held goes on, in order.
    fn end(&mut self, finish: Finish, shown: &mut Vec<Shown>) -> Result<Finish, Fault> {
        let text = self.detokenizer.finish().unwrap_or_default();
        if let Some(ended) = self.read(&text, shown)? {
            return Ok(ended);
        }
        let parts = self.tools.as_mut().map(ToolOutput::finish).unwrap_or_default();
        if let Some(ended) = self.take_parts(parts, shown)? {
            return Ok(ended);
        }
        self.let_go(finish, shown)
    }

    /// Lets go of what the stages behind the calls still held.
    fn let_go(&mut self, finish: Finish, shown: &mut Vec<Shown>) -> Result<Finish, Fault> {
        let mut rest = self.screen.finish()?;
        if let Some(json) = &mut self.json {
            rest = json.push(&rest);
            rest.push_str(&json.finish());
        }
        let mut restored = String::new();
        if let Some(mut restorer) = self.restorer.take() {
            restored = restorer.push(&rest);
            self.restored = restorer.restored();
            restored.push_str(&restorer.finish());
        }
        let (text, finish) = match self.stop.push(&restored) {
            Step::Stop(text, stop) => (text, Finish::StopString(stop)),
            Step::Show(mut text) => {
                text.push_str(&self.stop.finish());
                if self.json.is_some() && finish == Finish::Stop && !self.is_json_with(&text) {
                    return Err(Fault::Screen);
                }
                (text, finish)
            }
        };
        self.show(text, shown);
        Ok(finish)
    }

    /// Whether what was shown, and `rest` after it, is one JSON value. What was masked over the end of a string may have
    /// broken it.
    fn is_json_with(&self, rest: &str) -> bool {
        let whole = Zeroizing::new([self.shown.as_str(), rest].concat());
        serde_json::from_str::<serde::de::IgnoredAny>(&whole).is_ok()
    }

    /// What the log says of the choice.
    pub(crate) fn facts(&self, key: &RequestKey) -> ChoiceFacts {
        let client_commit = if self.calls.is_empty() {
            key.commit(self.shown.as_bytes())
        } else {
            key.commit(&commitment(&self.shown, &self.calls))
        };
        ChoiceFacts {
            client_commit,
            token_commit: key.commit_tokens(&self.token_ids),
            tokens: self.tokens(),
            finish: self.finish.unwrap_or(provenance::Finish::Aborted),
            marked: true,
        }
    }

    /// Placeholders given back so far.
    pub(crate) fn restored(&self) -> u32 {
        let text = self.restorer.as_ref().map_or(self.restored, Restorer::restored);
        text.saturating_add(self.tools.as_ref().map_or(0, ToolOutput::restored))
    }

    /// Findings of the output screens, by kind.
    pub(crate) fn screened(&self) -> impl Iterator<Item = (redact::Kind, u32)> {
        let called = self.tools.iter().flat_map(ToolOutput::screened);
        self.screen.counts().iter().chain(called).map(|(&kind, &count)| (kind, count))
    }
}
