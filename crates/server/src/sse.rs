//! Streams: one server-sent event a piece of text, the receipt on the last chunk, then `[DONE]`.
//!
//! The last choice's finishing chunk waits until the outcome is durable in the log, so `[DONE]` is never sent for
//! a request that the log does not hold. An error in the middle is an event of its own and ends the stream
//! without `[DONE]`.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use gateway::{Answer, AnswerEvent, Finish, Receipt, Refusal, TokenScore, Usage};

use crate::error::{ApiError, Dialect};
use crate::shape::{Head, Piece, Shape};

/// Comment lines keep proxies from closing a stream whose prompt is still being read.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// Said where an answer breaks off, which it should not.
pub(crate) const WITHOUT_OUTCOME: &str = "the answer ended without an outcome";

struct Stream {
    answer: Answer,
    shape: Shape,
    head: Head,
    include_usage: bool,
    unfinished: usize,
    /// The finish of the last choice, held until the outcome is sealed.
    last: Option<(usize, Finish)>,
    /// Scores that go with the next text, by choice.
    scores: Vec<Vec<TokenScore>>,
    ready: VecDeque<String>,
    ended: bool,
}

/// The response that streams `answer`.
pub(crate) fn respond(answer: Answer, shape: Shape, include_usage: bool) -> Response {
    let head = Head::of(&answer, shape);
    let choices = answer.choices();
    let mut ready = VecDeque::new();
    if matches!(shape, Shape::Chat) {
        ready.extend((0..choices).map(|choice| shape.chunk(&head, &Piece::Start { choice })));
    }
    let scores = vec![Vec::new(); choices];
    let state = Stream {
        answer,
        shape,
        head,
        include_usage,
        unfinished: choices,
        last: None,
        scores,
        ready,
        ended: false,
    };
    let events = stream::unfold(state, |mut state| async move {
        let data = state.next().await?;
        Some((Ok::<_, Infallible>(Event::default().data(data)), state))
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response()
}

impl Stream {
    async fn next(&mut self) -> Option<String> {
        loop {
            if let Some(data) = self.ready.pop_front() {
                return Some(data);
            }
            if self.ended {
                return None;
            }
            match self.answer.next().await {
                Some(event) => self.take(event),
                None => self.fail(WITHOUT_OUTCOME),
            }
        }
    }

    fn take(&mut self, event: AnswerEvent) {
        match event {
            AnswerEvent::Scores { choice, scores } => {
                if let Some(waiting) = self.scores.get_mut(choice) {
                    waiting.extend(scores);
                }
            }
            AnswerEvent::Delta { choice, text } => self.text(choice, &text),
            AnswerEvent::Thought { choice, text } => self.push(&Piece::Thought { choice, text: &text }),
            AnswerEvent::ToolCall { choice, index, id, name } => {
                self.push(&Piece::Call { choice, index, id: &id, name: &name });
            }
            AnswerEvent::Arguments { choice, index, text } => {
                self.push(&Piece::Arguments { choice, index, text: &text });
            }
            AnswerEvent::Finished { choice, reason } => {
                if self.scores.get(choice).is_some_and(|scores| !scores.is_empty()) {
                    self.text(choice, "");
                }
                self.unfinished = self.unfinished.saturating_sub(1);
                if self.unfinished == 0 {
                    self.last = Some((choice, reason));
                } else {
                    self.push(&Piece::Finish { choice, reason, receipt: None });
                }
            }
            AnswerEvent::Sealed { receipt, usage } => self.seal(&receipt, usage),
            AnswerEvent::Failed { why } => self.fail(&why),
        }
    }

    fn text(&mut self, choice: usize, text: &str) {
        let scores = self.scores.get_mut(choice).map(std::mem::take).unwrap_or_default();
        self.push(&Piece::Text { choice, text, scores: &scores });
    }

    fn seal(&mut self, receipt: &Receipt, usage: Usage) {
        let on_finish = if self.include_usage { None } else { Some(receipt) };
        if let Some((choice, reason)) = self.last.take() {
            self.push(&Piece::Finish { choice, reason, receipt: on_finish });
        }
        if self.include_usage {
            self.push(&Piece::Usage { usage, receipt });
        }
        self.ready.push_back("[DONE]".to_owned());
        self.ended = true;
    }

    fn fail(&mut self, why: &str) {
        self.ready.push_back(ApiError::from(Refusal::closed(why)).event(Dialect::OpenAi));
        self.ended = true;
    }

    fn push(&mut self, piece: &Piece<'_>) {
        self.ready.push_back(self.shape.chunk(&self.head, piece));
    }
}
