//! Admitted → Answer: tokens from the generator, text to the caller, and the outcome sealed before the end.
//!
//! The caller's own task drives it: nothing runs when nobody reads, and dropping the answer stops every sequence
//! within one step and seals what was made until then.

use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use engine::{BusyTime, FinishReason, SequenceRequest, TokenEvent, TokenMask};
use provenance::{EndReason, OpenRequest, OutcomeFacts, RequestKey, ScreenFacts, Status};
use redact::RestorePolicy;
use tokenizer::Detokenizer;
use tokio::sync::OwnedSemaphorePermit;
use zeroize::Zeroizing;

use crate::admit::Admitted;
use crate::allowance::Allowance;
use crate::answer::{AnswerEvent, Usage};
use crate::best::Best;
use crate::choice::{Choice, Fault, Mind, Progress, Shown, Shows};
use crate::echo::Echo;
use crate::encode::choice_seed;
use crate::energy::{Meter, Reading};
use crate::gateway::Gateway;
use crate::generate::Tokens;
use crate::lane::Lane;
use crate::likely::Likely;
use crate::metrics::Watched;
use crate::record;
use crate::refusal::{Bound, Refusal};
use crate::scores::Scores;
use crate::thoughts::Thoughts;
use crate::tools::{CallReader, Called, ToolOutput};

/// An answer being made. See [`Answer::next`].
pub struct Answer {
    receipt_id: String,
    model: String,
    demo: bool,
    created_s: i64,
    /// One a choice; gone when the choice has ended.
    streams: Vec<Option<Tokens>>,
    choices: Vec<Choice>,
    /// Which stream is asked first, so that no choice starves.
    turn: usize,
    ready: VecDeque<AnswerEvent>,
    /// What is told waits here where only the best choices are.
    best: Option<Best>,
    prompt_tokens: u32,
    key: RequestKey,
    /// Present until the outcome is sealed.
    open: Option<OpenRequest>,
    allowance: Allowance,
    started: Instant,
    first_token_ms: Option<u64>,
    watched: Watched,
    meter: Arc<Meter>,
    meter_at_start: Reading,
    busy: BusyTime,
    ended: bool,
    /// Its place in the queue comes free when the answer is gone.
    _place: OwnedSemaphorePermit,
}

/// Hands the prompts to the generator. If it takes one not, those before it are stopped and the outcome is sealed.
pub(crate) async fn submit(gateway: &Gateway, admitted: Admitted) -> Result<Answer, Refusal> {
    let policy = if admitted.restore { RestorePolicy::all() } else { RestorePolicy::none() };
    // All choices of the request together.
    let (busy, meter_at_start) = (BusyTime::default(), gateway.meter().read());
    let (mut streams, mut choices) = (Vec::new(), Vec::new());
    let mut refused = None;
    let reader = reader(&admitted, &policy);
    'submit: for (prompt, &max_tokens) in admitted.token_ids.iter().zip(&admitted.max_tokens) {
        for _ in 0..admitted.choices_each {
            let mut sampling = admitted.sampling.clone();
            sampling.seed = choice_seed(sampling.seed, streams.len());
            let request = SequenceRequest {
                prompt: prompt.clone(),
                sampling,
                max_tokens,
                stop_token_ids: stop_tokens(&admitted),
                cache_salt: gateway.cache_salt(&admitted.use_case),
                tenant: gateway.tenant(&admitted.use_case),
                draft_tokens_max: None,
                mask: mask(&admitted),
                busy: busy.clone(),
            };
            match admitted.serving.generator.submit(request) {
                Ok(tokens) => streams.push(Some(tokens)),
                Err(error) => {
                    refused = Some(error);
                    break 'submit;
                }
            }
            let reader = reader.as_ref().map(|reader| reader.choice(choices.len()));
            choices.push(choice(&admitted, prompt, &policy, reader));
        }
    }
    if let Some(error) = refused {
        drop(streams);
        admitted.open.abort(Status::Failed, EndReason::Engine);
        return Err(refusal(error));
    }
    let prompt_tokens = admitted.token_ids.iter().map(|ids| ids.len() as u64).sum::<u64>();
    let mut allowance = admitted.allowance;
    allowance.take(prompt_tokens);
    Ok(Answer {
        receipt_id: admitted.open.id().to_hex(),
        model: admitted.serving.facts.id.clone(),
        demo: admitted.demo,
        created_s: gateway.now_ms().div_euclid(1000),
        streams,
        best: (admitted.choices_each > admitted.told_each)
            .then(|| Best::new(admitted.told_each, admitted.choices_each, choices.len())),
        choices,
        turn: 0,
        ready: VecDeque::new(),
        prompt_tokens: u32::try_from(prompt_tokens).unwrap_or(u32::MAX),
        key: admitted.key,
        open: Some(admitted.open),
        allowance,
        started: admitted.started,
        first_token_ms: None,
        watched: gateway.metrics().let_in(&admitted.use_case, admitted.started),
        meter: Arc::clone(gateway.meter()),
        meter_at_start,
        busy,
        ended: false,
        _place: admitted.place,
    })
}

/// What reads calls of tools, where the model may make any.
fn reader(admitted: &Admitted, policy: &RestorePolicy) -> Option<CallReader> {
    admitted.tools.clone().map(|(names, parallel)| CallReader {
        format: admitted.serving.tool_format(),
        names,
        parallel,
        redactor: Arc::clone(&admitted.redactor),
        vault: Arc::clone(&admitted.vault),
        policy: policy.clone(),
        receipt_id: admitted.open.id().to_hex(),
    })
}

/// What holds a choice's tokens: the answer to its constraint, or a thought to its length.
fn mask(admitted: &Admitted) -> Option<Box<dyn TokenMask>> {
    match &admitted.held {
        Some(held) => Some(held.mask()),
        None => admitted.budget.as_ref().map(TokenMask::fork),
    }
}

/// Whatever follows a prompt goes on where it ended: the tokenizer knows whether its last token wants a space after it.
fn detokenizer(admitted: &Admitted, prompt: &[u32]) -> Detokenizer {
    let tokenizer = admitted.serving.tokenizer.clone();
    match prompt.last() {
        // The grammar has seen the very bytes that the tokens add.
        _ if admitted.held.is_some() => Detokenizer::verbatim(tokenizer),
        Some(&last) => Detokenizer::following(tokenizer, last),
        None => Detokenizer::new(tokenizer),
    }
}

/// The stages behind one sequence. An answer that a program reads has no room for a mark; the response has its own.
fn choice(
    admitted: &Admitted,
    prompt: &Zeroizing<Vec<u32>>,
    policy: &RestorePolicy,
    reader: Option<ToolOutput>,
) -> Choice {
    let tokenizer = &admitted.serving.tokenizer;
    let likely = || {
        let told = admitted.tells_scores;
        told.then(|| Likely::new(Arc::clone(&admitted.redactor), Arc::clone(&admitted.vault)))
    };
    let lane = |json, scores| {
        Lane::new(
            admitted.redactor.screen(&admitted.vault),
            admitted.vault.restorer(policy),
            json,
            admitted.stop.clone(),
            scores,
        )
    };
    let prompt_shown = admitted.echo.then(|| Shows {
        tokenizer: Arc::clone(tokenizer),
        echo: Echo::new(tokenizer, prompt.clone()),
        likely: likely(),
    });
    let chars = prompt_shown.as_ref().map_or(0, |shows| shows.echo.chars());
    let scores = likely().map(|likely| Scores::new(Arc::clone(tokenizer), likely, chars));
    let answer = lane(admitted.held.as_ref().is_some_and(|held| held.json), scores);
    let thinks = |thinking| Mind { thoughts: Thoughts::new(thinking), lane: lane(false, None) };
    let mind = admitted.thinking.map(thinks);
    let mark = admitted.visible_mark.clone().filter(|_| admitted.held.is_none());
    Choice::new(detokenizer(admitted, prompt), prompt_shown, mind, answer, mark, reader)
}

fn stop_tokens(admitted: &Admitted) -> Vec<u32> {
    if admitted.ignore_eos { Vec::new() } else { admitted.serving.tokenizer.end_of_generation().to_vec() }
}

/// The engine's refusal in the caller's words.
fn refusal(error: engine::SubmitError) -> Refusal {
    use engine::SubmitError as E;
    match error {
        E::QueueFull { retry_after_s, .. } => Refusal::Busy { retry_after_s },
        E::ContextOverflow { prompt_tokens, max_tokens, context_tokens } => {
            Refusal::ContextOverflow { prompt_tokens, max_tokens, context_tokens, bound: Bound::Context }
        }
        E::InvalidSampling { field, reason } => {
            Refusal::Invalid { field: field.to_owned(), reason: reason.to_owned() }
        }
        E::InvalidToken => Refusal::Invalid {
            field: "logit_bias".to_owned(),
            reason: "a token id is outside the vocabulary".to_owned(),
        },
        E::EmptyPrompt => {
            Refusal::Invalid { field: "prompt".to_owned(), reason: "must not be empty".to_owned() }
        }
        other => Refusal::closed(other),
    }
}

impl Answer {
    /// The receipt's id, known from the start.
    #[must_use]
    pub fn receipt_id(&self) -> &str {
        &self.receipt_id
    }

    /// The model that answers.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Whether the use case is the demonstration.
    #[must_use]
    pub fn demo(&self) -> bool {
        self.demo
    }

    /// When it began, seconds since 1970.
    #[must_use]
    pub fn created_s(&self) -> i64 {
        self.created_s
    }

    /// Tokens of all prompts.
    #[must_use]
    pub fn prompt_tokens(&self) -> u32 {
        self.prompt_tokens
    }

    /// How many choices are told.
    #[must_use]
    pub fn choices(&self) -> usize {
        self.best.as_ref().map_or(self.choices.len(), Best::told)
    }

    /// The next event. After `Sealed` or `Failed` there is none. Cancel-safe: a call that is dropped loses nothing.
    pub async fn next(&mut self) -> Option<AnswerEvent> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.ended {
                return None;
            }
            match self.next_token().await {
                Some((choice, event)) => self.take(choice, event),
                None if self.best.is_some() => self.choose(),
                None => {
                    let event = self.seal().await;
                    self.ended = true;
                    return Some(event);
                }
            }
            tokio::task::coop::consume_budget().await;
        }
    }

    /// The next event of any choice that has not ended; `None` when all have.
    async fn next_token(&mut self) -> Option<(usize, TokenEvent)> {
        poll_fn(|context| {
            let count = self.streams.len();
            let mut open = false;
            for step in 0..count {
                let at = self.turn.wrapping_add(step) % count;
                let Some(slot) = self.streams.get_mut(at) else { continue };
                let Some(stream) = slot else { continue };
                match stream.as_mut().poll_next(context) {
                    Poll::Ready(Some(event)) => {
                        self.turn = at.wrapping_add(1);
                        return Poll::Ready(Some((at, event)));
                    }
                    // A stream that ended in order is gone from its slot: this one broke off without a last word.
                    Poll::Ready(None) => {
                        *slot = None;
                        return Poll::Ready(Some((at, TokenEvent::Finished(FinishReason::Failed))));
                    }
                    Poll::Pending => open = true,
                }
            }
            if open { Poll::Pending } else { Poll::Ready(None) }
        })
        .await
    }

    fn take(&mut self, at: usize, event: TokenEvent) {
        let Some(choice) = self.choices.get_mut(at) else { return };
        let before = choice.tokens();
        let progress = choice.take(event);
        self.allowance.take(choice.tokens().saturating_sub(before).into());
        if choice.tokens() > before {
            self.watched.token(at, self.first_token_ms.is_none());
            self.first_token_ms.get_or_insert_with(|| ms_since(self.started));
        }
        match progress {
            Progress::More(shown) => self.tell(at, told(at, shown)),
            Progress::End(shown, reason) => {
                self.tell(at, told(at, shown).chain([AnswerEvent::Finished { choice: at, reason }]));
                self.close(at);
            }
            Progress::Fail(fault) => self.fail(fault),
        }
    }

    fn tell(&mut self, choice: usize, events: impl Iterator<Item = AnswerEvent>) {
        match &mut self.best {
            Some(best) => best.hold(choice, events),
            None => self.ready.extend(events),
        }
    }

    /// All choices have ended: the best are told, and stand first in the record.
    fn choose(&mut self) {
        let Some(best) = self.best.take() else { return };
        let likelihood: Vec<f64> = self.choices.iter().map(Choice::likelihood).collect();
        let (order, events) = best.choose(&likelihood);
        let mut made: Vec<Option<Choice>> = self.choices.drain(..).map(Some).collect();
        let chosen = order.into_iter().filter_map(|at| made.get_mut(at).and_then(Option::take));
        self.choices = chosen.collect();
        self.ready.extend(events);
    }

    /// Stops a choice's sequence: its place in the batch comes free within one step.
    fn close(&mut self, at: usize) {
        if let Some(slot) = self.streams.get_mut(at) {
            *slot = None;
        }
    }

    /// One choice that fails ends them all: half an answer is no answer.
    fn fail(&mut self, fault: Fault) {
        self.streams.iter_mut().for_each(|slot| *slot = None);
        let (reason, why) = match fault {
            Fault::Engine => {
                (EndReason::Engine, "the engine failed or was stopped; the answer is incomplete")
            }
            Fault::Grammar => (
                EndReason::Engine,
                "the answer could not be held to its schema or grammar any further; make that simpler",
            ),
            Fault::Screen => {
                (EndReason::Screen, "the answer could not be screened for personal data and was stopped")
            }
        };
        self.end(Status::Failed, reason);
        self.ready.push_back(AnswerEvent::Failed { why: why.to_owned() });
        self.ended = true;
    }

    /// Every choice has come to its end: the outcome is made durable, and the receipt proves it.
    async fn seal(&mut self) -> AnswerEvent {
        let Some(open) = self.open.take() else {
            return AnswerEvent::Failed { why: "the outcome was sealed before".to_owned() };
        };
        let facts = self.outcome(Status::Completed, None);
        let completion_tokens = self.choices.iter().map(Choice::tokens).fold(0_u32, u32::saturating_add);
        let usage = Usage { prompt_tokens: self.prompt_tokens, completion_tokens };
        match open.seal(facts, &self.key).await {
            Ok(receipt) => AnswerEvent::Sealed { receipt: Box::new(receipt), usage },
            Err(error) => AnswerEvent::Failed { why: error.to_string() },
        }
    }

    /// Seals an answer that did not come to its end, without waiting: the log's writer has it from here.
    fn end(&mut self, status: Status, reason: EndReason) {
        if let Some(mut open) = self.open.take() {
            let facts = self.outcome(status, Some(reason));
            if let Some(draft) = open.draft() {
                *draft = facts;
            }
            open.abort(status, reason);
        }
    }

    fn outcome(&self, status: Status, reason: Option<EndReason>) -> OutcomeFacts {
        let mut counts: BTreeMap<redact::Kind, u32> = BTreeMap::new();
        for (kind, count) in self.choices.iter().flat_map(Choice::screened) {
            let total = counts.entry(kind).or_default();
            *total = total.saturating_add(count);
        }
        let tokens = self.choices.iter().map(|choice| u64::from(choice.tokens())).sum();
        self.watched.ended(status, self.busy.begun(), self.prompt_tokens.into(), tokens);
        let busy_ns = self.busy.nanoseconds();
        let energy = (busy_ns > 0).then(|| self.meter.charge(self.meter_at_start, busy_ns));
        OutcomeFacts {
            status,
            reason,
            choices: self.choices.iter().map(|choice| choice.facts(&self.key)).collect(),
            screen: Some(ScreenFacts {
                counts: record::counts(&counts),
                restored: self.choices.iter().map(Choice::restored).fold(0, u32::saturating_add),
            }),
            ms: ms_since(self.started),
            first_token_ms: self.first_token_ms,
            joules_milli: energy.map(|(millijoules, _)| millijoules),
            energy_source: energy.map(|(_, source)| source),
        }
    }
}

/// What is shown of a choice, as it is told.
fn told(choice: usize, shown: Vec<Shown>) -> impl Iterator<Item = AnswerEvent> {
    shown.into_iter().flat_map(move |shown| match shown {
        Shown::Scores(scores) => vec![AnswerEvent::Scores { choice, scores }],
        Shown::Text(text) => vec![AnswerEvent::Delta { choice, text }],
        Shown::Thought(text) => vec![AnswerEvent::Thought { choice, text }],
        Shown::Call(Called { index, id, name, arguments }) => {
            let text = arguments.as_str().to_owned();
            vec![
                AnswerEvent::ToolCall { choice, index, id, name },
                AnswerEvent::Arguments { choice, index, text },
            ]
        }
    })
}

impl Drop for Answer {
    fn drop(&mut self) {
        // The caller hung up: the sequences stop with their streams, and the log says how far it came.
        self.end(Status::Aborted, EndReason::Dropped);
    }
}

pub(crate) fn ms_since(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX)
}
