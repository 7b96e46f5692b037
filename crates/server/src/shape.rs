//! The two JSON shapes of an answer, chat and text, whole or in chunks.

use gateway::{Answer, AnswerEvent, Finish, Receipt, Refusal, Usage};
use serde::Serialize;

use crate::error::ApiError;
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
    Text { choice: usize, text: &'a str },
    Finish { choice: usize, reason: Finish, receipt: Option<&'a Receipt> },
    Usage { usage: Usage, receipt: &'a Receipt },
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
            Piece::Text { .. } | Piece::Finish { receipt: None, .. } => None,
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
        let mut choices = vec![(String::new(), None); answer.choices()];
        loop {
            match answer.next().await {
                Some(AnswerEvent::Delta { choice, text }) => {
                    if let Some((so_far, _)) = choices.get_mut(choice) {
                        so_far.push_str(&text);
                    }
                }
                Some(AnswerEvent::Finished { choice, reason }) => {
                    if let Some((_, end)) = choices.get_mut(choice) {
                        *end = Some(reason);
                    }
                }
                Some(AnswerEvent::Sealed { receipt, usage }) => {
                    return Ok(self.body(&head, choices, &receipt, usage));
                }
                Some(AnswerEvent::Failed { why }) => return Err(Refusal::closed(why).into()),
                None => return Err(Refusal::closed("the answer ended without an outcome").into()),
            }
        }
    }

    fn body(
        self,
        head: &Head,
        choices: Vec<(String, Option<Finish>)>,
        receipt: &Receipt,
        usage: Usage,
    ) -> String {
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
                    .map(|(index, (text, end))| chat::Choice::new(index, text, end.unwrap_or(Finish::Stop)))
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
                    .map(|(index, (text, end))| {
                        completion::Choice::new(index, text, Some(end.unwrap_or(Finish::Stop)))
                    })
                    .collect(),
                usage: Some(usage.into()),
                proeftuin: Some(marks),
            }),
        }
    }
}

fn chat_delta<'a>(piece: &Piece<'a>) -> Option<chat::DeltaChoice<'a>> {
    let (index, delta, end) = match piece {
        Piece::Start { choice } => {
            (*choice, chat::Delta { role: Some("assistant"), content: Some("") }, None)
        }
        Piece::Text { choice, text } => (*choice, chat::Delta { role: None, content: Some(text) }, None),
        Piece::Finish { choice, reason, .. } => {
            (*choice, chat::Delta::default(), Some(finish_reason(*reason)))
        }
        Piece::Usage { .. } => return None,
    };
    Some(chat::DeltaChoice { index, delta, logprobs: None, finish_reason: end })
}

fn text_delta<'a>(piece: &Piece<'a>) -> Option<completion::Choice<'a>> {
    match piece {
        Piece::Start { choice } => Some(completion::Choice::new(*choice, "", None)),
        Piece::Text { choice, text } => Some(completion::Choice::new(*choice, text, None)),
        Piece::Finish { choice, reason, .. } => Some(completion::Choice::new(*choice, "", Some(*reason))),
        Piece::Usage { .. } => None,
    }
}

/// These types serialise by construction: strings, numbers and lists.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
