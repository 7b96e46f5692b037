//! Asking, and waiting for the answer.

use std::future::Future;
use std::time::Duration;

use gateway::{
    Answer, AnswerEvent, EndpointId, Finish, GenerationRequest, Input, Message, Origin, Params, Receipt,
    Role, TokenScore, Trace, Usage,
};
use zeroize::Zeroizing;

/// How long anything may take before a test calls it hung. No test measures it.
const HUNG: Duration = Duration::from_secs(60);

fn request(endpoint: EndpointId, input: Input, bytes: &[u8]) -> GenerationRequest {
    GenerationRequest {
        endpoint,
        model: "tiny".to_owned(),
        input,
        tools: None,
        constraint: None,
        stop: Vec::new(),
        scanned: Vec::new(),
        params: Params {
            n: 1,
            max_tokens: Some(8),
            temperature: Some(0.0),
            seed: Some(7),
            ..Params::default()
        },
        client_input: Zeroizing::new(bytes.to_vec()),
        data_subjects: Vec::new(),
        trace: Trace { trace_id: [0; 16], parent_span_id: None },
        origin: Origin { loopback: true },
    }
}

/// A chat of one message: greedy, 8 tokens, from this machine. The client's input is the text itself.
pub fn chat(text: &str) -> GenerationRequest {
    request(EndpointId::ChatCompletions, Input::Chat(vec![Message::new(Role::User, text)]), text.as_bytes())
}

/// Plain prompts, in the same way.
pub fn complete(prompts: &[&str]) -> GenerationRequest {
    let texts = prompts.iter().map(|prompt| Zeroizing::new((*prompt).to_owned())).collect();
    request(EndpointId::Completions, Input::Text(texts), prompts.concat().as_bytes())
}

/// An answer that has come to its end.
#[derive(Default)]
pub struct Collected {
    /// The text of each choice.
    pub texts: Vec<String>,
    /// The calls of each choice: id, name, arguments.
    pub calls: Vec<Vec<(String, String, String)>>,
    /// What was thought before each choice.
    pub thoughts: Vec<String>,
    /// The scores of the tokens of each choice, where they were asked for.
    pub scores: Vec<Vec<TokenScore>>,
    /// The pieces in which text came, over all choices.
    pub pieces: Vec<String>,
    /// Why each choice ended, if it did.
    pub finishes: Vec<Option<Finish>>,
    /// The proof, when it was sealed.
    pub receipt: Option<Box<Receipt>>,
    /// What to charge, when it was sealed.
    pub usage: Option<Usage>,
    /// Why it failed, if it did.
    pub failed: Option<String>,
}

/// Reads an answer to its end.
pub async fn collect(mut answer: Answer) -> Collected {
    let choices = answer.choices();
    let mut all = Collected {
        texts: vec![String::new(); choices],
        calls: vec![Vec::new(); choices],
        thoughts: vec![String::new(); choices],
        scores: vec![Vec::new(); choices],
        finishes: vec![None; choices],
        ..Collected::default()
    };
    while let Some(event) = within(answer.next()).await {
        match event {
            AnswerEvent::Thought { choice, text } => all.thoughts[choice].push_str(&text),
            AnswerEvent::Scores { choice, scores } => all.scores[choice].extend(scores),
            AnswerEvent::Delta { choice, text } => {
                all.texts[choice].push_str(&text);
                all.pieces.push(text);
            }
            AnswerEvent::ToolCall { choice, index, id, name } => {
                assert_eq!(index, all.calls[choice].len());
                all.calls[choice].push((id, name, String::new()));
            }
            AnswerEvent::Arguments { choice, index, text } => all.calls[choice][index].2.push_str(&text),
            AnswerEvent::Finished { choice, reason } => all.finishes[choice] = Some(reason),
            AnswerEvent::Sealed { receipt, usage } => (all.receipt, all.usage) = (Some(receipt), Some(usage)),
            AnswerEvent::Failed { why } => all.failed = Some(why),
        }
    }
    all
}

/// The same future, but one that never ends fails the test.
pub async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(HUNG, future).await.expect("it hangs")
}

/// Waits until something that happens on another thread has happened.
pub async fn until(mut happened: impl FnMut() -> bool) {
    within(async {
        while !happened() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}
