//! What operators see of requests: how many, how long, how much, by use case. Labels come from the policy, the table of endpoints
//! and this code, so there are few; nothing is from a request.

use std::time::Instant;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use provenance::Status;

/// Upper bounds in seconds: from a step of a small model on a fast machine to a long answer of a large one on a slow machine.
const SECONDS: [f64; 16] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    use_case: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    use_case: String,
    status: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct By {
    rule: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Sort {
    kind: &'static str,
}

type Times = Family<Of, Histogram, fn() -> Histogram>;

/// Counters and histograms of one gateway. Clones count together.
#[derive(Debug, Clone)]
pub struct Metrics {
    requests: Family<Ended, Counter>,
    denials: Family<By, Counter>,
    redactions: Family<Sort, Counter>,
    prompt_tokens: Family<Of, Counter>,
    generation_tokens: Family<Of, Counter>,
    queue: Times,
    first_token: Times,
    inter_token: Times,
    whole: Times,
}

impl Default for Metrics {
    fn default() -> Self {
        let times = || Family::new_with_constructor((|| Histogram::new(SECONDS)) as fn() -> Histogram);
        Self {
            requests: Family::default(),
            denials: Family::default(),
            redactions: Family::default(),
            prompt_tokens: Family::default(),
            generation_tokens: Family::default(),
            queue: times(),
            first_token: times(),
            inter_token: times(),
            whole: times(),
        }
    }
}

impl Metrics {
    /// Shows them in `registry`. The names are those of the field, so that known dashboards need little change.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("requests", "Requests that were let in, by how they ended", self.requests.clone());
        registry.register(
            "denials",
            "Requests that were not answered, by the rule that said so",
            self.denials.clone(),
        );
        let kinds = "Values that were taken out of prompts, by what they are";
        registry.register("redactions", kinds, self.redactions.clone());
        registry.register("prompt_tokens", "Tokens of prompts", self.prompt_tokens.clone());
        registry.register("generation_tokens", "Tokens of answers", self.generation_tokens.clone());
        for (name, help, times) in [
            ("request_queue_time", "From the intent in the log to the first step of the engine", &self.queue),
            ("time_to_first_token", "From the request's entry to its first token", &self.first_token),
            ("inter_token_latency", "Between two tokens of one choice", &self.inter_token),
            ("e2e_request_latency", "From the request's entry to its sealed end", &self.whole),
        ] {
            registry.register_with_unit(name, help, Unit::Seconds, times.clone());
        }
    }

    /// A request was refused by `rule`.
    pub(crate) fn denied(&self, rule: &str) {
        self.denials.get_or_create(&By { rule: rule.to_owned() }).inc();
    }

    /// `count` values of `kind` were taken out.
    pub(crate) fn redacted(&self, kind: redact::Kind, count: u32) {
        self.redactions.get_or_create(&Sort { kind: kind.label() }).inc_by(count.into());
    }

    /// A request of `use_case` was let in, which entered at `entered`.
    pub(crate) fn let_in(&self, use_case: &str, entered: Instant) -> Watched {
        let of = Of { use_case: use_case.to_owned() };
        Watched {
            queue: self.queue.get_or_create_owned(&of),
            first_token: self.first_token.get_or_create_owned(&of),
            inter_token: self.inter_token.get_or_create_owned(&of),
            whole: self.whole.get_or_create_owned(&of),
            prompt_tokens: self.prompt_tokens.get_or_create_owned(&of),
            generation_tokens: self.generation_tokens.get_or_create_owned(&of),
            requests: self.requests.clone(),
            use_case: of.use_case,
            entered,
            submitted: Instant::now(),
            last: Vec::new(),
        }
    }
}

/// One request as it goes on.
pub(crate) struct Watched {
    queue: Histogram,
    first_token: Histogram,
    inter_token: Histogram,
    whole: Histogram,
    prompt_tokens: Counter,
    generation_tokens: Counter,
    requests: Family<Ended, Counter>,
    use_case: String,
    entered: Instant,
    submitted: Instant,
    /// When each choice had its last token.
    last: Vec<Option<Instant>>,
}

impl Watched {
    /// A token of `choice` has come, the first of all if `first`.
    pub(crate) fn token(&mut self, choice: usize, first: bool) {
        let now = Instant::now();
        if first {
            self.first_token.observe(now.duration_since(self.entered).as_secs_f64());
        }
        if self.last.len() <= choice {
            self.last.resize(choice.saturating_add(1), None);
        }
        if let Some(before) = self.last.get_mut(choice).and_then(|last| last.replace(now)) {
            self.inter_token.observe(now.duration_since(before).as_secs_f64());
        }
    }

    /// It has ended; `begun` is when the engine took its first step for it, if it did.
    pub(crate) fn ended(&self, status: Status, begun: Option<Instant>, prompt_tokens: u64, tokens: u64) {
        let status = match status {
            Status::Completed => "completed",
            Status::Aborted => "aborted",
            Status::Failed => "failed",
        };
        self.requests.get_or_create(&Ended { use_case: self.use_case.clone(), status }).inc();
        if let Some(begun) = begun {
            self.queue.observe(begun.saturating_duration_since(self.submitted).as_secs_f64());
        }
        self.prompt_tokens.inc_by(prompt_tokens);
        self.generation_tokens.inc_by(tokens);
        self.whole.observe(self.entered.elapsed().as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::prometheus_text::encode;

    use super::*;

    #[test]
    fn a_request_is_counted_once_and_its_tokens_are_timed() {
        let (metrics, mut registry) = (Metrics::default(), Registry::with_prefix("p"));
        metrics.register(&mut registry);
        let entered = Instant::now();
        let mut watched = metrics.let_in("letters", entered);
        for (choice, first) in [(1, true), (0, false), (1, false), (1, false)] {
            watched.token(choice, first);
        }
        watched.ended(Status::Aborted, Some(Instant::now()), 7, 4);
        metrics.denied("missing-key");
        metrics.redacted(redact::Kind::Bsn, 2);
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        for line in [
            "p_requests_total{use_case=\"letters\",status=\"aborted\"} 1",
            "p_denials_total{rule=\"missing-key\"} 1",
            "p_redactions_total{kind=\"BSN\"} 2",
            "p_prompt_tokens_total{use_case=\"letters\"} 7",
            "p_generation_tokens_total{use_case=\"letters\"} 4",
            "p_time_to_first_token_seconds_count{use_case=\"letters\"} 1",
            "p_inter_token_latency_seconds_count{use_case=\"letters\"} 2",
            "p_request_queue_time_seconds_count{use_case=\"letters\"} 1",
            "p_e2e_request_latency_seconds_count{use_case=\"letters\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "no {line} in\n{text}");
        }
    }
}
