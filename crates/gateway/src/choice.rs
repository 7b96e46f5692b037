//! One choice of an answer: token → text → screened → restored → stopped, always in this order.

use engine::{FinishReason, TokenEvent};
use provenance::{ChoiceFacts, RequestKey};
use redact::{Restorer, Screen};
use tokenizer::Detokenizer;
use zeroize::Zeroizing;

use crate::answer::Finish;
use crate::json_text::JsonText;
use crate::stop::{Step, StopMatcher};

/// What a token came to.
pub(crate) enum Progress {
    /// Text to show; may be empty while characters, placeholders or stop strings are undecided.
    Text(String),
    /// The rest of the text, and why the choice ended.
    End(String, Finish),
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
    token_ids: Zeroizing<Vec<u32>>,
    shown: Zeroizing<String>,
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
            token_ids: Zeroizing::default(),
            shown: Zeroizing::default(),
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
        let mut progress = match event {
            TokenEvent::Token { id } => {
                self.token_ids.push(id);
                let text = self.detokenizer.push(id).unwrap_or_default();
                self.show(&text)
            }
            TokenEvent::Finished(FinishReason::StopToken(id)) => {
                self.token_ids.push(id);
                self.end(Finish::Stop)
            }
            TokenEvent::Finished(FinishReason::Complete) => self.end(Finish::Stop),
            TokenEvent::Finished(FinishReason::Length) => self.end(Finish::Length),
            TokenEvent::Finished(FinishReason::MaskFailed) => Progress::Fail(Fault::Grammar),
            TokenEvent::Finished(FinishReason::Aborted | FinishReason::Failed) => {
                Progress::Fail(Fault::Engine)
            }
        };
        if let (Progress::End(text, _), Some(mark)) = (&mut progress, &self.mark) {
            text.push_str(&format!("\n\n{mark}"));
        }
        match &progress {
            Progress::Text(text) => self.shown.push_str(text),
            Progress::End(text, finish) => {
                self.shown.push_str(text);
                self.finish = Some(match finish {
                    Finish::Stop => provenance::Finish::Stop,
                    Finish::Length => provenance::Finish::Length,
                });
            }
            Progress::Fail(_) => self.finish = Some(provenance::Finish::Failed),
        }
        progress
    }

    fn show(&mut self, text: &str) -> Progress {
        let Ok(mut screened) = self.screen.push(text) else { return Progress::Fail(Fault::Screen) };
        if let Some(json) = &mut self.json {
            screened = json.push(&screened);
        }
        let restored = self.restorer.as_mut().map(|restorer| restorer.push(&screened)).unwrap_or_default();
        match self.stop.push(&restored) {
            Step::Show(text) => Progress::Text(text),
            Step::Stop(text) => Progress::End(text, Finish::Stop),
        }
    }

    /// Lets go of what every stage still held, in order.
    fn end(&mut self, finish: Finish) -> Progress {
        let text = self.detokenizer.finish().unwrap_or_default();
        let mut screened = match self.screen.push(&text) {
            Ok(screened) => screened,
            Err(_) => return Progress::Fail(Fault::Screen),
        };
        match self.screen.finish() {
            Ok(rest) => screened.push_str(&rest),
            Err(_) => return Progress::Fail(Fault::Screen),
        }
        if let Some(json) = &mut self.json {
            screened = json.push(&screened);
            screened.push_str(&json.finish());
        }
        let mut restored = String::new();
        if let Some(mut restorer) = self.restorer.take() {
            restored = restorer.push(&screened);
            self.restored = restorer.restored();
            restored.push_str(&restorer.finish());
        }
        match self.stop.push(&restored) {
            Step::Stop(text) => Progress::End(text, Finish::Stop),
            Step::Show(mut text) => {
                text.push_str(&self.stop.finish());
                if self.json.is_some() && finish == Finish::Stop && !self.is_json_with(&text) {
                    return Progress::Fail(Fault::Screen);
                }
                Progress::End(text, finish)
            }
        }
    }

    /// Whether what was shown, and `rest` after it, is one JSON value. What was masked over the end of a string may have
    /// broken it.
    fn is_json_with(&self, rest: &str) -> bool {
        let whole = Zeroizing::new([self.shown.as_str(), rest].concat());
        serde_json::from_str::<serde::de::IgnoredAny>(&whole).is_ok()
    }

    /// What the log says of the choice.
    pub(crate) fn facts(&self, key: &RequestKey) -> ChoiceFacts {
        ChoiceFacts {
            client_commit: key.commit(self.shown.as_bytes()),
            token_commit: key.commit_tokens(&self.token_ids),
            tokens: self.tokens(),
            finish: self.finish.unwrap_or(provenance::Finish::Aborted),
            marked: true,
        }
    }

    /// Placeholders given back so far.
    pub(crate) fn restored(&self) -> u32 {
        self.restorer.as_ref().map_or(self.restored, redact::Restorer::restored)
    }

    /// Findings of the output screen, by kind.
    pub(crate) fn screened(&self) -> &std::collections::BTreeMap<redact::Kind, u32> {
        self.screen.counts()
    }
}
