//! One stream of a model's text to what is shown of it: screened → restored → looked through for stop strings.

use redact::{Restorer, Screen};
use zeroize::Zeroizing;

use crate::json_text::JsonText;
use crate::scores::Scores;
use crate::stop::{Step, StopMatcher};

/// The stages of one stream.
pub(crate) struct Lane {
    screen: Screen,
    json: Option<JsonText>,
    restorer: Option<Restorer>,
    restored: u32,
    stop: StopMatcher,
    scores: Option<Scores>,
    /// Bytes that were shown.
    shown: usize,
}

/// What a lane lets out.
pub(crate) struct Out {
    pub(crate) text: String,
    /// The stop string that ended it, by its place in the request.
    pub(crate) stopped: Option<usize>,
    /// Scores of the tokens that are shown whole by now.
    pub(crate) scores: Vec<crate::answer::TokenScore>,
}

impl Lane {
    pub(crate) fn new(
        screen: Screen,
        restorer: Restorer,
        json: bool,
        stops: Vec<Zeroizing<String>>,
        scores: Option<Scores>,
    ) -> Self {
        let restorer = if json { restorer.in_json() } else { restorer };
        Self {
            screen,
            json: json.then(JsonText::default),
            restorer: Some(restorer),
            restored: 0,
            stop: StopMatcher::new(stops),
            scores,
            shown: 0,
        }
    }

    /// What follows the tokens to what is shown of them, where scores are wanted.
    pub(crate) fn scores(&mut self) -> Option<&mut Scores> {
        self.scores.as_mut()
    }

    /// Takes text and gives what is certain.
    pub(crate) fn push(&mut self, text: &str) -> Result<Out, redact::Error> {
        let mut screened = self.screen.push(text)?;
        if let Some(json) = &mut self.json {
            screened = json.push(&screened);
        }
        let restored = self.restorer.as_mut().map(|restorer| restorer.push(&screened)).unwrap_or_default();
        let held = self.held();
        if let Some(scores) = &mut self.scores {
            scores.settle(&restored, held);
        }
        Ok(match self.stop.push(&restored) {
            Step::Show(text) => self.out(text, None),
            Step::Stop(text, stop) => self.out(text, Some(stop)),
        })
    }

    /// Gives what the stages still held.
    pub(crate) fn finish(&mut self) -> Result<Out, redact::Error> {
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
        if let Some(scores) = &mut self.scores {
            scores.settle(&restored, Some(0));
        }
        Ok(match self.stop.push(&restored) {
            Step::Stop(text, stop) => self.out(text, Some(stop)),
            Step::Show(mut text) => {
                text.push_str(&self.stop.finish());
                self.out(text, None)
            }
        })
    }

    fn out(&mut self, text: String, stopped: Option<usize>) -> Out {
        self.shown = self.shown.saturating_add(text.len());
        let shown = self.shown;
        let scores = self.scores.as_mut().map(|scores| scores.release(shown)).unwrap_or_default();
        Out { text, stopped, scores }
    }

    /// Bytes at the end of what came in of which nothing came out; `None` where that cannot be told.
    fn held(&self) -> Option<usize> {
        let screen = self.screen.held_as_written()?;
        let json = self.json.as_ref().map_or(Some(0), JsonText::held_as_written)?;
        let restorer = self.restorer.as_ref().map_or(0, Restorer::held_bytes);
        Some(screen.saturating_add(json).saturating_add(restorer))
    }

    /// Whether it gave what it held, and takes no more.
    pub(crate) fn is_over(&self) -> bool {
        self.restorer.is_none()
    }

    /// Whether everything comes out as one JSON value.
    pub(crate) fn is_json(&self) -> bool {
        self.json.is_some()
    }

    /// Placeholders given back so far.
    pub(crate) fn restored(&self) -> u32 {
        self.restorer.as_ref().map_or(self.restored, Restorer::restored)
    }

    /// Findings of the screen, by kind.
    pub(crate) fn screened(&self) -> impl Iterator<Item = (redact::Kind, u32)> {
        self.screen.counts().iter().map(|(&kind, &count)| (kind, count))
    }
}
