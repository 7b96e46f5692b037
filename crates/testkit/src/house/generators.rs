//! Two generators for tests: one that remembers, one that follows a script.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use engine::{FinishReason, Scored, SequenceRequest, SubmitError, TokenEvent};
use futures_util::Stream;
use gateway::{Gauge, Generate, Tokens};
use tokio::sync::Semaphore;

/// Passes everything on to another generator and remembers what it was asked and what came out: the one place where
/// a test can see the token ids that the model is given.
pub struct RecordingGenerate {
    inner: Arc<dyn Generate>,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    requests: Mutex<Vec<SequenceRequest>>,
    emitted: Mutex<Vec<Vec<u32>>>,
    live: AtomicUsize,
}

impl RecordingGenerate {
    /// Remembers what passes to and from `inner`.
    pub fn new(inner: Arc<dyn Generate>) -> Self {
        Self { inner, seen: Arc::default() }
    }

    /// Everything that was submitted and taken, in order.
    pub fn requests(&self) -> Vec<SequenceRequest> {
        self.seen.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The token ids that each taken request gave so far, its stop token included, in the same order.
    pub fn emitted(&self) -> Vec<Vec<u32>> {
        self.seen.emitted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Streams that somebody still holds.
    pub fn live(&self) -> usize {
        self.seen.live.load(Ordering::SeqCst)
    }
}

impl Generate for RecordingGenerate {
    fn submit(&self, request: SequenceRequest) -> Result<Tokens, SubmitError> {
        let inner = self.inner.submit(request.clone())?;
        self.seen.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        let mut emitted = self.seen.emitted.lock().unwrap_or_else(PoisonError::into_inner);
        emitted.push(Vec::new());
        self.seen.live.fetch_add(1, Ordering::SeqCst);
        Ok(Box::pin(Recorded { inner, index: emitted.len() - 1, seen: Arc::clone(&self.seen) }))
    }

    fn context_tokens(&self) -> usize {
        self.inner.context_tokens()
    }

    fn isa(&self) -> String {
        self.inner.isa()
    }

    fn fault(&self) -> Option<String> {
        self.inner.fault()
    }

    fn gauges(&self) -> Vec<Gauge> {
        self.inner.gauges()
    }

    fn shutdown(&self) {
        self.inner.shutdown();
    }
}

struct Recorded {
    inner: Tokens,
    index: usize,
    seen: Arc<Seen>,
}

impl Stream for Recorded {
    type Item = TokenEvent;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<TokenEvent>> {
        let event = self.inner.as_mut().poll_next(context);
        let id = match event {
            Poll::Ready(Some(
                TokenEvent::Token { id } | TokenEvent::Finished(FinishReason::StopToken(id)),
            )) => Some(id),
            _ => None,
        };
        if let Some(id) = id {
            self.seen.emitted.lock().unwrap_or_else(PoisonError::into_inner)[self.index].push(id);
        }
        event
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        self.seen.live.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Something a script waits for. Clones are the same gate.
#[derive(Debug, Clone)]
pub struct Gate(Arc<Semaphore>);

impl Default for Gate {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }
}

impl Gate {
    /// Lets everyone through, now and later.
    pub fn open(&self) {
        self.0.close();
    }
}

/// One step of a scripted stream.
pub enum Act {
    /// Gives a token.
    Token(u32),
    /// Stalls until the gate is opened.
    Wait(Gate),
    /// Looks at the world at the moment the next token is asked for.
    See(Box<dyn FnOnce() + Send>),
    /// Ends the stream so.
    End(FinishReason),
    /// Ends the stream without a last word, as no generator may.
    Vanish,
    /// Panics in the middle of the stream.
    Panic,
}

type Script = dyn Fn(&SequenceRequest) -> Vec<Act> + Send + Sync;

/// Gives what its script says, at most `max_tokens` tokens; a script without an end ends with the first stop token.
pub struct ScriptedGenerate {
    script: Box<Script>,
    refusal: Mutex<Option<SubmitError>>,
    fault: Mutex<Option<String>>,
    alternatives: Vec<u32>,
}

/// A script that is being played.
struct Play {
    due: VecDeque<TokenEvent>,
    acts: VecDeque<Act>,
    left: u32,
    position: usize,
    end: FinishReason,
    scores: Scores,
}

/// What a script says of tokens where it is asked: each is half as likely as the one before it in the list.
struct Scores {
    answer: Option<u32>,
    alternatives: Vec<u32>,
}

impl Scores {
    fn of(&self, position: usize, id: u32, top: u32) -> TokenEvent {
        let others = self.alternatives.iter().copied().filter(|other| *other != id);
        let ids = std::iter::once(id).chain(others).take(top as usize);
        let logprob = |rank: usize| -(rank as f64 + 1.0) * std::f64::consts::LN_2;
        let top = ids.enumerate().map(|(rank, id)| (id, logprob(rank))).collect();
        TokenEvent::Scored(Box::new(Scored { position, id, logprob: logprob(0), rank: 1, top }))
    }
}

impl Play {
    async fn next(&mut self) -> Option<TokenEvent> {
        if let Some(event) = self.due.pop_front() {
            return Some(event);
        }
        if self.left == 0 {
            return Some(TokenEvent::Finished(FinishReason::Length));
        }
        loop {
            match self.acts.pop_front() {
                Some(Act::Token(id)) => {
                    self.left -= 1;
                    self.due.extend(self.scores.answer.map(|top| self.scores.of(self.position, id, top)));
                    self.due.push_back(TokenEvent::Token { id });
                    self.position += 1;
                    return self.due.pop_front();
                }
                // A closed semaphore is an open gate.
                Some(Act::Wait(gate)) => drop(gate.0.acquire().await),
                Some(Act::See(look)) => look(),
                Some(Act::End(reason)) => return Some(TokenEvent::Finished(reason)),
                Some(Act::Vanish) => return None,
                Some(Act::Panic) => panic!("the script says so"),
                None => return Some(TokenEvent::Finished(self.end)),
            }
        }
    }
}

impl ScriptedGenerate {
    /// With a script made anew for every request.
    pub fn new(script: impl Fn(&SequenceRequest) -> Vec<Act> + Send + Sync + 'static) -> Self {
        let (refusal, fault, alternatives) = (Mutex::default(), Mutex::default(), Vec::new());
        Self { script: Box::new(script), refusal, fault, alternatives }
    }

    /// One that gives `ids` to everybody.
    pub fn tokens(ids: &[u32]) -> Self {
        let ids = ids.to_vec();
        Self::new(move |_| ids.iter().copied().map(Act::Token).collect())
    }

    /// Tells these ids as less likely than whatever it says, where it is asked for scores.
    #[must_use]
    pub fn beside(mut self, ids: &[u32]) -> Self {
        self.alternatives = ids.to_vec();
        self
    }

    /// Refuses the next submission with this.
    pub fn refuse_next(&self, error: SubmitError) {
        *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    /// Is broken from now on, and says so.
    pub fn break_down(&self, why: &str) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(why.to_owned());
    }
}

impl Generate for ScriptedGenerate {
    fn submit(&self, request: SequenceRequest) -> Result<Tokens, SubmitError> {
        if let Some(error) = self.refusal.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(error);
        }
        let acts: VecDeque<Act> = (self.script)(&request).into();
        let end =
            request.stop_token_ids.first().map_or(FinishReason::Length, |&id| FinishReason::StopToken(id));
        let scores = Scores { answer: request.sampling.logprobs, alternatives: self.alternatives.clone() };
        let prompt = request.prompt.iter().enumerate().skip(1);
        let due = request.sampling.prompt_logprobs.map_or_else(VecDeque::new, |top| {
            prompt.map(|(position, id)| scores.of(position, *id, top)).collect()
        });
        let play = Play { due, acts, left: request.max_tokens, position: request.prompt.len(), end, scores };
        Ok(Box::pin(futures_util::stream::unfold(Some(play), |play| async move {
            let mut play = play?;
            let event = play.next().await?;
            let over = matches!(event, TokenEvent::Finished(_));
            Some((event, (!over).then_some(play)))
        })))
    }

    fn context_tokens(&self) -> usize {
        4096
    }

    fn isa(&self) -> String {
        "scripted".to_owned()
    }

    fn fault(&self) -> Option<String> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn gauges(&self) -> Vec<Gauge> {
        Vec::new()
    }

    fn shutdown(&self) {}
}
