//! Answers of the APIs that tell them part by part: texts and calls, one after the other, whole or as named events.
//!
//! The end is told when the outcome is durable in the log, and not before. A failure is an event of its own and ends the stream.

mod messages;
mod responses;

use std::collections::VecDeque;
use std::convert::Infallible;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use gateway::{Answer, AnswerEvent, Finish, Params, Receipt, Refusal, Usage};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::error::ApiError;
use crate::sse::{KEEP_ALIVE, WITHOUT_OUTCOME};

/// One part of an answer.
pub(crate) enum Part {
    /// What the model says.
    Text(Zeroizing<String>),
    /// A tool that it calls; all pieces of its arguments together are a JSON object.
    Call { id: String, name: String, arguments: Zeroizing<String> },
}

/// What all of an answer has in common.
pub(crate) struct Head {
    /// The receipt's id, of which ids are made.
    id: String,
    model: String,
    created_s: i64,
    prompt_tokens: u32,
    demo: bool,
}

/// An answer that has come to its end.
pub(crate) struct End<'a> {
    parts: &'a [Part],
    finish: Finish,
    usage: Usage,
    receipt: &'a Receipt,
}

/// In whose words an answer is told.
pub(crate) enum Voice {
    /// Anthropic's messages, with the stop strings of the request.
    Messages { stops: Vec<Zeroizing<String>> },
    /// OpenAI's responses, with what the request says of sampling.
    Responses { params: Params },
}

/// Events that have not been sent yet.
type Events = VecDeque<Event>;

/// The words themselves. A part is opened, grows and is closed before the next is opened.
trait Tell: Send {
    fn begun(&mut self, head: &Head, out: &mut Events);
    fn opened(&mut self, at: usize, part: &Part, out: &mut Events);
    fn grown(&mut self, at: usize, part: &Part, piece: &str, out: &mut Events);
    /// `cut`: the answer's longest length ended it.
    fn closed(&mut self, at: usize, part: &Part, cut: bool, out: &mut Events);
    fn ended(&mut self, head: &Head, end: &End<'_>, out: &mut Events);
    fn failed(&mut self, head: &Head, error: &ApiError, out: &mut Events);
    /// The whole body.
    fn whole(&self, head: &Head, end: &End<'_>) -> Result<Vec<u8>, ApiError>;
    /// What says that the stream still lives.
    fn keep_alive(&self) -> Event;
}

impl Voice {
    fn tell(self) -> Box<dyn Tell> {
        match self {
            Self::Messages { stops } => Box::new(messages::Told::new(stops)),
            Self::Responses { params } => Box::new(responses::Told::new(params)),
        }
    }

    /// Waits for the end and gives the whole body.
    pub(crate) async fn whole(self, answer: Answer) -> Result<Vec<u8>, ApiError> {
        let (tell, head) = (self.tell(), Head::of(&answer));
        let mut parts = Parts::default();
        let mut answer = answer;
        loop {
            match answer.next().await {
                Some(AnswerEvent::Sealed { receipt, usage }) => {
                    return tell.whole(&head, &parts.end(&receipt, usage));
                }
                Some(AnswerEvent::Failed { why }) => return Err(Refusal::closed(why).into()),
                Some(event) => drop(parts.take(event)),
                None => return Err(Refusal::closed(WITHOUT_OUTCOME).into()),
            }
        }
    }

    /// The response that streams `answer`.
    pub(crate) fn stream(self, answer: Answer) -> Response {
        let (mut tell, head) = (self.tell(), Head::of(&answer));
        let mut ready = Events::new();
        tell.begun(&head, &mut ready);
        let keep_alive = KeepAlive::new().interval(KEEP_ALIVE).event(tell.keep_alive());
        let state = Stream { answer, tell, head, parts: Parts::default(), ready, ended: false };
        let events = stream::unfold(state, |mut state| async move {
            let event = state.next().await?;
            Some((Ok::<_, Infallible>(event), state))
        });
        Sse::new(events).keep_alive(keep_alive).into_response()
    }
}

impl Head {
    fn of(answer: &Answer) -> Self {
        Self {
            id: answer.receipt_id().to_owned(),
            model: answer.model().to_owned(),
            created_s: answer.created_s(),
            prompt_tokens: answer.prompt_tokens(),
            demo: answer.demo(),
        }
    }
}

/// The parts so far: what the model says, then the tools that it calls. Screens hold text back, and let it go behind a call that
/// came after it; so calls, which come out whole, wait for the end of the text.
#[derive(Default)]
struct Parts {
    list: Vec<Part>,
    calls: Vec<AnswerEvent>,
    /// Whether the last of them may still grow.
    open: bool,
    finish: Option<Finish>,
}

/// What an event changed.
enum Change {
    Closed(usize),
    Opened(usize),
    Grown(usize, Zeroizing<String>),
}

impl Parts {
    fn take(&mut self, event: AnswerEvent) -> Vec<Change> {
        let mut changes = Vec::new();
        match event {
            AnswerEvent::Delta { text, .. } => {
                if !(self.open && matches!(self.list.last(), Some(Part::Text(_)))) {
                    self.begin(Part::Text(Zeroizing::default()), &mut changes);
                }
                self.grow(text, &mut changes);
            }
            AnswerEvent::ToolCall { .. } | AnswerEvent::Arguments { .. } => self.calls.push(event),
            AnswerEvent::Finished { reason, .. } => {
                self.finish = Some(reason);
                self.close(&mut changes);
                self.call(&mut changes);
            }
            // Neither is asked for in these shapes.
            AnswerEvent::Scores { .. } | AnswerEvent::Thought { .. } => {}
            AnswerEvent::Sealed { .. } | AnswerEvent::Failed { .. } => {}
        }
        changes
    }

    /// Lets the calls go.
    fn call(&mut self, changes: &mut Vec<Change>) {
        for event in std::mem::take(&mut self.calls) {
            match event {
                AnswerEvent::ToolCall { id, name, .. } => {
                    self.begin(Part::Call { id, name, arguments: Zeroizing::default() }, changes);
                }
                AnswerEvent::Arguments { text, .. } => self.grow(text, changes),
                _ => {}
            }
        }
        self.close(changes);
    }

    fn begin(&mut self, part: Part, changes: &mut Vec<Change>) {
        self.close(changes);
        changes.push(Change::Opened(self.list.len()));
        self.list.push(part);
        self.open = true;
    }

    fn close(&mut self, changes: &mut Vec<Change>) {
        if std::mem::take(&mut self.open) {
            changes.push(Change::Closed(self.list.len().saturating_sub(1)));
        }
    }

    fn grow(&mut self, text: String, changes: &mut Vec<Change>) {
        let at = self.list.len().saturating_sub(1);
        if let Some(Part::Text(whole) | Part::Call { arguments: whole, .. }) = self.list.last_mut() {
            whole.push_str(&text);
            changes.push(Change::Grown(at, Zeroizing::new(text)));
        }
    }

    fn end<'a>(&'a self, receipt: &'a Receipt, usage: Usage) -> End<'a> {
        End { parts: &self.list, finish: self.finish.unwrap_or(Finish::Stop), usage, receipt }
    }
}

struct Stream {
    answer: Answer,
    tell: Box<dyn Tell>,
    head: Head,
    parts: Parts,
    ready: Events,
    ended: bool,
}

impl Stream {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.ended {
                return None;
            }
            match self.answer.next().await {
                Some(AnswerEvent::Sealed { receipt, usage }) => {
                    let end = self.parts.end(&receipt, usage);
                    self.tell.ended(&self.head, &end, &mut self.ready);
                    self.ended = true;
                }
                Some(AnswerEvent::Failed { why }) => self.fail(&why),
                Some(event) => self.take(event),
                None => self.fail(WITHOUT_OUTCOME),
            }
        }
    }

    fn take(&mut self, event: AnswerEvent) {
        for change in self.parts.take(event) {
            let at = match change {
                Change::Closed(at) | Change::Opened(at) | Change::Grown(at, _) => at,
            };
            let Some(part) = self.parts.list.get(at) else { continue };
            match change {
                Change::Closed(_) => {
                    let cut = self.parts.finish == Some(Finish::Length);
                    self.tell.closed(at, part, cut, &mut self.ready);
                }
                Change::Opened(_) => self.tell.opened(at, part, &mut self.ready),
                Change::Grown(_, piece) => self.tell.grown(at, part, &piece, &mut self.ready),
            }
        }
    }

    fn fail(&mut self, why: &str) {
        let error = ApiError::from(Refusal::closed(why));
        self.tell.failed(&self.head, &error, &mut self.ready);
        self.ended = true;
    }
}

/// An event with its name. What is told serialises by construction: strings, numbers and lists.
fn event(name: &'static str, data: &impl Serialize) -> Event {
    Event::default().event(name).data(serde_json::to_string(data).unwrap_or_default())
}
