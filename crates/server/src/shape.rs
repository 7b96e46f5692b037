//! The two JSON shapes of an answer, chat and text, whole or in chunks.

use gateway::{Answer, AnswerEvent, Finish, Receipt, Refusal, TokenScore, Usage};
use serde::Serialize;

use crate::error::ApiError;
use crate::sse::WITHOUT_OUTCOME;
use crate::wire::logprobs::{ChatLogprobs, TextLogprobs};
use crate::wire::tools::WireCall;
use crate::wire::{Marks, WireUsage, chat, completion, finish_reason};

/// Which of the two shapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Chat,
    Text,
}

/// What all chunks of one answer have in common.
pub(crate) struct Head {
    id: String,
    created_s: i64,
    model: String,
    demo: bool,
}

/// One step of a stream.
pub(crate) enum Piece<'a> {
    Start { choice: usize },
    Text { choice: usize, text: &'a str, scores: &'a [TokenScore] },
    Thought { choice: usize, text: &'a str },
    Call { choice: usize, index: usize, id: &'a str, name: &'a str },
    Arguments { choice: usize, index: usize, text: &'a str },
    Finish { choice: usize, reason: Finish, receipt: Option<&'a Receipt> },
    Usage { usage: Usage, receipt: &'a Receipt },
}

/// One choice, while it is collected.
#[derive(Default)]
struct Whole {
    text: String,
    thought: String,
    calls: Vec<WireCall>,
    scores: Vec<TokenScore>,
    end: Option<Finish>,
}

impl Head {
    pub(crate) fn of(answer: &Answer, shape: Shape) -> Self {
        let prefix = match shape {
            Shape::Chat => "chatcmpl",
            Shape::Text => "cmpl",
        };
        Self {
            id: format!("{prefix}-{}", answer.receipt_id()),
            created_s: answer.created_s(),
            model: answer.model().to_owned(),
            demo: answer.demo(),
        }
    }

    /// Marks stand on the first chunk of a choice and, with the receipt, on the last chunk of all.
    fn marks<'a>(&self, piece: &Piece<'a>) -> Option<Marks<'a>> {
        match piece {
            Piece::Start { .. } => Some(Marks::new(self.demo, None)),
            Piece::Text { .. }
            | Piece::Thought { .. }
            | Piece::Call { .. }
            | Piece::Arguments { .. }
            | Piece::Finish { receipt: None, .. } => None,
            Piece::Finish { receipt: Some(receipt), .. } | Piece::Usage { receipt, .. } => {
                Some(Marks::new(self.demo, Some(receipt)))
            }
        }
    }
}

impl Shape {
    /// One event's data.
    pub(crate) fn chunk(self, head: &Head, piece: &Piece<'_>) -> String {
        let usage = match piece {
            Piece::Usage { usage, .. } => Some(WireUsage::from(*usage)),
            _ => None,
        };
        let marks = head.marks(piece);
        match self {
            Self::Chat => json(&chat::Chunk {
                id: &head.id,
                object: "chat.completion.chunk",
                created: head.created_s,
                model: &head.model,
                choices: chat_delta(piece).into_iter().collect(),
                usage,
                proeftuin: marks,
            }),
            Self::Text => json(&completion::Completion {
                id: &head.id,
                object: "text_completion",
                created: head.created_s,
                model: &head.model,
                choices: text_delta(piece).into_iter().collect(),
                usage,
                proeftuin: marks,
            }),
        }
    }

    /// Waits for the end and gives the whole body.
    pub(crate) async fn whole(self, mut answer: Answer) -> Result<String, ApiError> {
        let head = Head::of(&answer, self);
        let mut choices: Vec<Whole> = (0..answer.choices()).map(|_| Whole::default()).collect();
        loop {
            match answer.next().await {
                Some(AnswerEvent::Scores { choice, scores }) => {
                    if let Some(whole) = choices.get_mut(choice) {
                        whole.scores.extend(scores);
                    }
                }
                Some(AnswerEvent::Delta { choice, text }) => {
                    if let Some(whole) = choices.get_mut(choice) {
                        whole.text.push_str(&text);
                    }
                }
                Some(AnswerEvent::Thought { choice, text }) => {
                    if let Some(whole) = choices.get_mut(choice) {
                        whole.thought.push_str(&text);
                    }
                }
                Some(AnswerEvent::ToolCall { choice, id, name, .. }) => {
                    if let Some(whole) = choices.get_mut(choice) {
                        whole.calls.push(WireCall::begun(&id, &name));
                    }
                }
                Some(AnswerEvent::Arguments { choice, index, text }) => {
                    if let Some(call) = choices.get_mut(choice).and_then(|whole| whole.calls.get_mut(index)) {
                        call.push(&text);
                    }
                }
                Some(AnswerEvent::Finished { choice, reason }) => {
                    if let Some(whole) = choices.get_mut(choice) {
                        whole.end = Some(reason);
                    }
                }
                Some(AnswerEvent::Sealed { receipt, usage }) => {
                    return Ok(self.body(&head, choices, &receipt, usage));
                }
                Some(AnswerEvent::Failed { why }) => return Err(Refusal::closed(why).into()),
                None => return Err(Refusal::closed(WITHOUT_OUTCOME).into()),
            }
        }
    }

    fn body(self, head: &Head, choices: Vec<Whole>, receipt: &Receipt, usage: Usage) -> String {
        let marks = Marks::new(head.demo, Some(receipt));
        match self {
            Self::Chat => json(&chat::Completion {
                id: &head.id,
                object: "chat.completion",
                created: head.created_s,
                model: &head.model,
                choices: choices
                    .into_iter()
                    .enumerate()
                    .map(|(index, Whole { text, thought, calls, scores, end })| {
                        let logprobs = ChatLogprobs::of(&scores);
                        let end = end.unwrap_or(Finish::Stop);
                        chat::Choice::new(index, text, thought, calls, logprobs, end)
                    })
                    .collect(),
                usage: usage.into(),
                proeftuin: marks,
            }),
            Self::Text => json(&completion::Completion {
                id: &head.id,
                object: "text_completion",
                created: head.created_s,
                model: &head.model,
                choices: choices
                    .iter()
                    .enumerate()
                    .map(|(index, whole)| {
                        let (logprobs, end) = (TextLogprobs::of(&whole.scores), whole.end);
                        completion::Choice::new(
                            index,
                            &whole.text,
                            logprobs,
                            Some(end.unwrap_or(Finish::Stop)),
                        )
                    })
                    .collect(),
                usage: Some(usage.into()),
                proeftuin: Some(marks),
            }),
        }
    }
}

fn chat_delta<'a>(piece: &Piece<'a>) -> Option<chat::DeltaChoice<'a>> {
    let logprobs = match piece {
        Piece::Text { scores, .. } => ChatLogprobs::of(scores),
        _ => None,
    };
    let (index, delta, end) = match piece {
        Piece::Start { choice } => (
            *choice,
            chat::Delta { role: Some("assistant"), content: Some(""), ..chat::Delta::default() },
            None,
        ),
        Piece::Text { choice, text, .. } => {
            (*choice, chat::Delta { content: Some(text), ..chat::Delta::default() }, None)
        }
        Piece::Thought { choice, text } => {
            (*choice, chat::Delta { reasoning_content: Some(text), ..chat::Delta::default() }, None)
        }
        Piece::Call { choice, index, id, name } => {
            (*choice, called(WireCall::begun(id, name).at(*index)), None)
        }
        Piece::Arguments { choice, index, text } => (*choice, called(WireCall::more(text).at(*index)), None),
        Piece::Finish { choice, reason, .. } => {
            (*choice, chat::Delta::default(), Some(finish_reason(*reason)))
        }
        Piece::Usage { .. } => return None,
    };
    Some(chat::DeltaChoice { index, delta, logprobs, finish_reason: end })
}

fn called(call: WireCall) -> chat::Delta<'static> {
    chat::Delta { tool_calls: Some([call]), ..chat::Delta::default() }
}

fn text_delta<'a>(piece: &Piece<'a>) -> Option<completion::Choice<'a>> {
    match piece {
        Piece::Start { choice } => Some(completion::Choice::new(*choice, "", None, None)),
        Piece::Text { choice, text, scores } => {
            Some(completion::Choice::new(*choice, text, TextLogprobs::of(scores), None))
        }
        Piece::Finish { choice, reason, .. } => {
            Some(completion::Choice::new(*choice, "", None, Some(*reason)))
        }
        // Tools are offered by chats alone, and thoughts told apart.
        Piece::Thought { .. } | Piece::Call { .. } | Piece::Arguments { .. } | Piece::Usage { .. } => None,
    }
}

/// These types serialise by construction: strings, numbers and lists.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
