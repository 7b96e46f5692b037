//! A sealed permit → the answer once more: the same stages, without a caller and with a log that is thrown away.
//!
//! The door is not judged again: it was, and the receipt proves how. Everything after it runs as it did, with the key of the
//! receipt, so that commitments can be compared: they are equal where the bytes are.

use provenance::{Intent, Outcome, Proven, Receipt, RequestKey, VerifierKey};
use zeroize::Zeroizing;

use crate::admit::admit;
use crate::answer::AnswerEvent;
use crate::clear::clear;
use crate::enter::again;
use crate::flow;
use crate::gateway::{Gateway, Parts};
use crate::refusal::Refusal;
use crate::request::GenerationRequest;
use crate::serving::Serving;
use crate::strip::strip;

/// A request that was permitted and answered, by a receipt that verified. Only [`Permitted::of`] makes one.
pub struct Permitted {
    pub(crate) intent: Intent,
    pub(crate) key: RequestKey,
    outcome: Outcome,
    at_ms: i64,
}

impl Permitted {
    /// Verifies a receipt against the key of its log.
    ///
    /// # Errors
    /// What does not hold; [`provenance::Error::Receipt`] for a denial, after which there is nothing to answer again.
    pub fn of(receipt: &Receipt, log: &VerifierKey) -> Result<Self, provenance::Error> {
        let Proven::Served { intent, outcome } = receipt.verify(log)? else {
            let why =
                "is of a denied request: nothing was generated, so there is nothing to replay".to_owned();
            return Err(provenance::Error::Receipt { why });
        };
        let sealed_ms = match receipt.leaves.first() {
            Some(leaf) => leaf.verify(log)?.0.ts_ms,
            None => 0,
        };
        let at_ms = intent.request.input.as_ref().and_then(|input| input.rendered_at_ms);
        Ok(Self {
            intent: *intent,
            key: receipt.key()?,
            outcome: *outcome,
            at_ms: at_ms.unwrap_or(sealed_ms),
        })
    }

    /// What was permitted.
    #[must_use]
    pub fn intent(&self) -> &Intent {
        &self.intent
    }

    /// How it ended.
    #[must_use]
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// The moment that the chat template was given, or else that of the record, in ms since 1970: the clock of a replay stands
    /// still there.
    #[must_use]
    pub fn at_ms(&self) -> i64 {
        self.at_ms
    }

    /// Whether this body is the one that was sent.
    #[must_use]
    pub fn is_of(&self, request: &GenerationRequest) -> bool {
        let sent = self.intent.request.input.as_ref().map(|input| input.client_commit);
        sent == Some(self.key.commit(&request.client_input))
    }
}

/// What came out of it this time, in the terms of the record.
pub struct Replayed {
    /// The request as it would be recorded here.
    pub intent: Intent,
    /// The outcome.
    pub outcome: Outcome,
    /// The text of each choice, without calls of tools.
    pub texts: Vec<Zeroizing<String>>,
}

/// A gateway that answers again what was permitted before, and nothing else.
pub struct Replayer(Gateway);

impl Replayer {
    /// Puts the parts together. Their log and ledger must be new ones, and their clock one that stands at [`Permitted::at_ms`].
    ///
    /// # Errors
    /// As [`Gateway::start`] and [`Gateway::serve`].
    pub async fn start(parts: Parts, serving: Serving) -> Result<Self, Refusal> {
        let gateway = Gateway::start(parts).await?;
        gateway.serve(serving).await?;
        Ok(Self(gateway))
    }

    /// Answers again, with the seed that was recorded.
    ///
    /// # Errors
    /// The stage that now refuses: the policy, the files or the settings are then others than they were. `Closed` when the
    /// engine fails.
    pub async fn replay(
        &self,
        permitted: &Permitted,
        request: GenerationRequest,
    ) -> Result<Replayed, Refusal> {
        let gateway = &self.0;
        let entered = again(gateway, gateway.serving()?, permitted, request)?;
        let redacted = strip(gateway, entered).await?;
        let cleared = clear(gateway, redacted).await?;
        let admitted = admit(gateway, cleared).await?;
        let mut answer = flow::submit(gateway, admitted).await?;
        let mut texts: Vec<Zeroizing<String>> = (0..answer.choices()).map(|_| Zeroizing::default()).collect();
        let receipt = loop {
            match answer.next().await {
                Some(AnswerEvent::Delta { choice, text }) => {
                    if let Some(whole) = texts.get_mut(choice) {
                        whole.push_str(&text);
                    }
                }
                Some(AnswerEvent::Sealed { receipt, .. }) => break receipt,
                Some(AnswerEvent::Failed { why }) => return Err(Refusal::closed(why)),
                Some(_) => {}
                None => return Err(Refusal::closed("the answer ended without an outcome")),
            }
        };
        match receipt.verify(gateway.log().verifier_key()).map_err(Refusal::closed)? {
            Proven::Served { intent, outcome } => Ok(Replayed { intent: *intent, outcome: *outcome, texts }),
            Proven::Denied(_) => Err(Refusal::closed("the answer was sealed as a denial")),
        }
    }

    /// Ends in order.
    pub async fn stop(self) {
        self.0.stop("replay").await;
    }
}
