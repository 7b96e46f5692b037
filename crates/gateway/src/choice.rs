//! One choice of an answer: token → text → screened → restored → stopped, always in this order.

use std::sync::Arc;

use engine::{FinishReason, Scored, TokenEvent};
use provenance::{ChoiceFacts, RequestKey};
use tokenizer::{Detokenizer, Tokenizer};
use zeroize::Zeroizing;

use crate::answer::{Finish, TokenScore};
use crate::echo::Echo;
use crate::lane::{Lane, Out};
use crate::likely::Likely;
use crate::thoughts::{Said, Thoughts};
use crate::tools::{Called, Part, ToolOutput, commitment};

/// What the caller may see.
pub(crate) enum Shown {
    /// Scores of tokens, the last of which the next text ends with; never empty.
    Scores(Vec<TokenScore>),
    /// Text; never empty.
    Text(String),
    /// Text of a thought; never empty.
    Thought(String),
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

/// A token that adds text, with its score where that is wanted.
type Token = (u32, Option<Box<Scored>>);

/// What tells thoughts from the answer, and what becomes of them.
pub(crate) struct Mind {
    pub(crate) thoughts: Thoughts,
    pub(crate) lane: Lane,
}

/// A prompt to be shown first, and what judges the alternatives in it where it is scored.
pub(crate) struct Shows {
    pub(crate) tokenizer: Arc<Tokenizer>,
    pub(crate) echo: Echo,
    pub(crate) likely: Option<Likely>,
}

/// The state of one choice. It holds what was generated until it has been committed to, then wipes it.
pub(crate) struct Choice {
    detokenizer: Detokenizer,
    /// The prompt, until it has been shown.
    prompt: Option<Shows>,
    /// For a model that thinks before it answers.
    mind: Option<Mind>,
    lane: Lane,
    /// Stands under the text of the model when that has ended.
    mark: Option<String>,
    /// Reads calls, where tools were offered.
    tools: Option<ToolOutput>,
    /// Of the token that comes next.
    scored: Option<Box<Scored>>,
    /// The sum of what the model said of its tokens, and how many it said it of.
    logprobs: (f64, u32),
    token_ids: Zeroizing<Vec<u32>>,
    shown: Zeroizing<String>,
    thought: Zeroizing<String>,
    calls: Vec<Called>,
    finish: Option<provenance::Finish>,
}

impl Choice {
    pub(crate) fn new(
        detokenizer: Detokenizer,
        prompt: Option<Shows>,
        mind: Option<Mind>,
        lane: Lane,
        mark: Option<String>,
        tools: Option<ToolOutput>,
    ) -> Self {
        Self {
            detokenizer,
            prompt,
            mind,
            lane,
            mark,
            tools,
            scored: None,
            logprobs: (0.0, 0),
            token_ids: Zeroizing::default(),
            shown: Zeroizing::default(),
            thought: Zeroizing::default(),
            calls: Vec::new(),
            finish: None,
        }
    }

    /// Tokens generated so far, the one that ended the choice included.
    pub(crate) fn tokens(&self) -> u32 {
        u32::try_from(self.token_ids.len()).unwrap_or(u32::MAX)
    }

    /// The mean of its tokens' logprobs, the one that ended it included; 0 where nothing was scored.
    pub(crate) fn likelihood(&self) -> f64 {
        self.logprobs.0 / f64::from(self.logprobs.1.max(1))
    }

    /// Takes the next event of the engine.
    pub(crate) fn take(&mut self, event: TokenEvent) -> Progress {
        let mut shown = Vec::new();
        let event = match (event, &mut self.prompt) {
            (TokenEvent::Scored(scored), Some(prompt)) => match prompt.echo.take(scored) {
                Some(scored) => TokenEvent::Scored(scored),
                None => return Progress::More(shown),
            },
            (event, _) => event,
        };
        self.show_prompt(&mut shown);
        let ended = match event {
            TokenEvent::Scored(scored) => {
                self.logprobs = (self.logprobs.0 + scored.logprob, self.logprobs.1.saturating_add(1));
                self.scored = Some(scored);
                Ok(None)
            }
            TokenEvent::Token { id } => {
                self.token_ids.push(id);
                let text = self.text_of(id);
                let token = (id, self.scored.take());
                self.read(Some(token), &text, &mut shown)
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
            self.show(format!("\n\n{mark}"), Vec::new(), &mut shown);
        }
        let finish = if called && finish != Finish::Length { Finish::ToolCalls } else { finish };
        self.finish = Some(match finish {
            Finish::Stop | Finish::StopString(_) => provenance::Finish::Stop,
            Finish::Length => provenance::Finish::Length,
            Finish::ToolCalls => provenance::Finish::ToolCalls,
        });
        Progress::End(shown, finish)
    }

    /// The prompt comes before everything else.
    fn show_prompt(&mut self, shown: &mut Vec<Shown>) {
        if let Some(Shows { tokenizer, echo, likely }) = self.prompt.take() {
            let (text, scores) = echo.finish(&tokenizer, likely);
            self.show(text, scores, shown);
        }
    }

    /// What a token adds: control tokens add nothing, but where they are part of a call or begin or end a thought.
    fn text_of(&mut self, id: u32) -> String {
        let mut text = self.detokenizer.push(id).unwrap_or_default();
        let name = self.detokenizer.control(id);
        let tag = name.filter(|_| self.mind.as_ref().is_some_and(|mind| !mind.thoughts.is_over()));
        let tag = tag.and_then(Thoughts::mark);
        let mark = tag.or_else(|| self.tools.as_ref().zip(name).and_then(|(tools, name)| tools.mark(name)));
        text.push_str(mark.unwrap_or_default());
        text
    }

    /// Takes text of the model; gives why the choice ends, if it does.
    fn read(
        &mut self,
        token: Option<Token>,
        text: &str,
        shown: &mut Vec<Shown>,
    ) -> Result<Option<Finish>, Fault> {
        let said = match &mut self.mind {
            Some(mind) if !mind.thoughts.is_over() => mind.thoughts.push(text),
            _ => return self.read_answer(token, text, shown),
        };
        self.take_said(token, said, shown)
    }

    /// Thoughts go a way of their own, which ends before the answer begins.
    fn take_said(
        &mut self,
        mut token: Option<Token>,
        said: Vec<Said>,
        shown: &mut Vec<Shown>,
    ) -> Result<Option<Finish>, Fault> {
        for said in said {
            let ended = match said {
                Said::Thought(text) => self.think(Some(&text), shown)?,
                Said::Answer(text) => match self.think(None, shown)? {
                    None => self.read_answer(token.take(), &text, shown)?,
                    ended => ended,
                },
            };
            if ended.is_some() {
                return Ok(ended);
            }
        }
        Ok(None)
    }

    /// Takes text of a thought; `None` is its end, after which nothing comes.
    fn think(&mut self, text: Option<&str>, shown: &mut Vec<Shown>) -> Result<Option<Finish>, Fault> {
        let Some(mind) = &mut self.mind else { return Ok(None) };
        let Out { text, stopped, .. } = match text {
            Some(text) => mind.lane.push(text)?,
            None if mind.lane.is_over() => return Ok(None),
            None => mind.lane.finish()?,
        };
        if !text.is_empty() {
            self.thought.push_str(&text);
            shown.push(Shown::Thought(text));
        }
        Ok(stopped.map(Finish::StopString))
    }

    /// Takes text of the answer.
    fn read_answer(
        &mut self,
        token: Option<Token>,
        text: &str,
        shown: &mut Vec<Shown>,
    ) -> Result<Option<Finish>, Fault> {
        match (self.lane.scores(), token) {
            (Some(scores), Some((id, scored))) => scores.take(id, scored, text),
            (Some(scores), None) => scores.take_rest(text),
            (None, _) => {}
        }
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

    /// Text that is no call.
    fn say(&mut self, text: &str, shown: &mut Vec<Shown>) -> Result<Option<Finish>, Fault> {
        let Out { text, stopped, scores } = self.lane.push(text)?;
        self.show(text, scores, shown);
        Ok(stopped.map(Finish::StopString))
    }

    fn show(&mut self, text: String, scores: Vec<TokenScore>, shown: &mut Vec<Shown>) {
        if !scores.is_empty() {
            shown.push(Shown::Scores(scores));
        }
        if !text.is_empty() {
            self.shown.push_str(&text);
            shown.push(Shown::Text(text));
        }
    }

    /// The model has ended: what every stage still held goes on, in order.
    fn end(&mut self, finish: Finish, shown: &mut Vec<Shown>) -> Result<Finish, Fault> {
        let text = self.detokenizer.finish().unwrap_or_default();
        if let Some(ended) = self.read(None, &text, shown)? {
            return Ok(ended);
        }
        let said = self.mind.as_mut().map(|mind| mind.thoughts.finish()).unwrap_or_default();
        if let Some(ended) = self.take_said(None, said, shown)? {
            return Ok(ended);
        }
        if let Some(ended) = self.think(None, shown)? {
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
        let Out { text, stopped, scores } = self.lane.finish()?;
        if stopped.is_none() && self.lane.is_json() && finish == Finish::Stop && !self.is_json_with(&text) {
            return Err(Fault::Screen);
        }
        self.show(text, scores, shown);
        Ok(stopped.map_or(finish, Finish::StopString))
    }

    /// Whether what was shown, and `rest` after it, is one JSON value. What was masked over the end of a string may have
    /// broken it.
    fn is_json_with(&self, rest: &str) -> bool {
        let whole = Zeroizing::new([self.shown.as_str(), rest].concat());
        serde_json::from_str::<serde::de::IgnoredAny>(&whole).is_ok()
    }

    /// What the log says of the choice.
    pub(crate) fn facts(&self, key: &RequestKey) -> ChoiceFacts {
        let client_commit = if self.calls.is_empty() && self.thought.is_empty() {
            key.commit(self.shown.as_bytes())
        } else {
            key.commit(&commitment(&self.shown, &self.thought, &self.calls))
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
        let thought = self.mind.as_ref().map_or(0, |mind| mind.lane.restored());
        let called = self.tools.as_ref().map_or(0, ToolOutput::restored);
        self.lane.restored().saturating_add(thought).saturating_add(called)
    }

    /// Findings of the output screens, by kind.
    pub(crate) fn screened(&self) -> impl Iterator<Item = (redact::Kind, u32)> {
        let called = self.tools.iter().flat_map(ToolOutput::screened).map(|(&kind, &count)| (kind, count));
        let thought = self.mind.iter().flat_map(|mind| mind.lane.screened());
        self.lane.screened().chain(thought).chain(called)
    }
}
