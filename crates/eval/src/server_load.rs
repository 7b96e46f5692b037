//! The load generator: closed and open loops of streaming requests, servers measured in turn by the same client.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::Error;
use crate::client::{Client, Failure, Length, Outcome, Target};
use crate::definition::Definition;
use crate::record::{Better, Figure};
use crate::server_workload::{IN_FLIGHT_MAX, ServerWorkload};
use crate::statistics::quantile;

/// Bounds of a load.
#[derive(Debug, Clone, Copy)]
pub struct LoadLimits {
    /// Runs of each workload on each server.
    pub runs: u32,
    /// Longest that one request may take.
    pub request: Duration,
    /// Longest that one run may take: nothing begins after it, and what is under way is cut off.
    pub run: Duration,
}

/// What a quantity is called, in what, and which way is better.
type Metric = (&'static str, &'static str, Better);

/// Every metric of a run, in the order of the report.
const METRICS: [Metric; 14] = [
    ("TTFT p50", "ms", Better::Lower),
    ("TTFT p90", "ms", Better::Lower),
    ("TTFT p99", "ms", Better::Lower),
    ("ITL p50", "ms", Better::Lower),
    ("ITL p90", "ms", Better::Lower),
    ("ITL p99", "ms", Better::Lower),
    ("latency p50", "ms", Better::Lower),
    ("latency p90", "ms", Better::Lower),
    ("latency p99", "ms", Better::Lower),
    ("output", "tokens/s", Better::Higher),
    ("total time", "s", Better::Lower),
    ("prompt tokens", "tokens", Better::Lower),
    ("output tokens", "tokens", Better::Higher),
    ("errors", "requests", Better::Lower),
];

/// Measures every workload on every target, `limits.runs` times: A B, A B, workload by workload.
/// `say` is told what happens; it goes to the terminal. Gives figures and notes.
///
/// # Errors
/// [`Error::Workload`] when a target cannot be reached or names no model. A failed request is a figure, not an error.
pub fn run_server(
    targets: &[Target],
    definition: &Definition<ServerWorkload>,
    limits: LoadLimits,
    say: &mut dyn FnMut(&str),
) -> Result<(Vec<Figure>, Vec<String>), Error> {
    let mut clients = Vec::new();
    for target in targets {
        let refuse = |reason| Error::Workload { name: "warm-up".to_owned(), reason };
        let client = Client::new(target).map_err(refuse)?;
        let outcome = client.ask(
            "Say one word about a garden.",
            Length { max_tokens: 8, exact: false },
            limits.request,
        );
        if let Some(failure) = outcome.failure {
            return Err(refuse(format!("{} at {}: {failure}", target.name, target.url)));
        }
        clients.push((target.name.as_str(), client));
    }
    let mut values: BTreeMap<(usize, usize, usize), Vec<f64>> = BTreeMap::new();
    let mut failures: BTreeMap<String, u64> = BTreeMap::new();
    for run in 0..limits.runs {
        for (place, (seed, workload)) in definition.workloads.iter().enumerate() {
            for (side, (name, client)) in clients.iter().enumerate() {
                let began = Instant::now();
                let outcomes = drive(client, *seed, workload, run, limits);
                let elapsed = began.elapsed();
                for failure in outcomes.iter().filter_map(|outcome| outcome.failure.as_ref()) {
                    *failures.entry(format!("{}, {name}: {failure}", workload.name)).or_default() += 1;
                }
                let found = metrics(&outcomes, elapsed);
                say(&line(run, limits.runs, &workload.name, name, &found));
                for (metric, value) in found.into_iter().enumerate() {
                    values.entry((place, metric, side)).or_default().extend(value);
                }
            }
        }
    }
    let figures = values.into_iter().filter_map(|((place, metric, side), runs)| {
        let ((_, workload), (name, unit, better), (target, _)) =
            (definition.workloads.get(place)?, *METRICS.get(metric)?, clients.get(side)?);
        Some(Figure::new(&workload.name, name, unit, better, target, runs))
    });
    let notes = failures.into_iter().map(|(what, count)| format!("{what}: {count} requests"));
    Ok((figures.collect(), notes.collect()))
}

/// One run of one workload on one server.
fn drive(
    client: &Client,
    seed: u64,
    workload: &ServerWorkload,
    run: u32,
    limits: LoadLimits,
) -> Vec<Outcome> {
    let prompts = workload.prompts(seed, run);
    let length = Length { max_tokens: workload.max_tokens, exact: workload.ignore_eos };
    let deadline = Instant::now() + limits.run;
    let left = || limits.request.min(deadline.saturating_duration_since(Instant::now()));
    let ask = |prompt: &str, length: Length| match left() {
        Duration::ZERO => Outcome { failure: Some(Failure::Timeout), ..Outcome::default() },
        patience => client.ask(prompt, length, patience),
    };
    match (workload.arrivals_per_s, &workload.beside) {
        (Some(rate), _) => {
            let arrivals = workload.arrivals_s(seed, run, rate);
            open_loop(&prompts, &arrivals, deadline, &|prompt| ask(prompt, length))
        }
        (None, Some(beside)) => {
            let lead = Duration::from_millis(u64::from(beside.lead_ms));
            let long = workload.long_prompts(seed, run);
            let pairs = prompts.iter().zip(&long);
            let pair = |(short, long): (&String, &String)| {
                std::thread::scope(|scope| {
                    // One token is asked of it: all of its work is the prompt.
                    let beside = scope.spawn(|| ask(long, Length { max_tokens: 1, exact: false }));
                    std::thread::sleep(lead);
                    let mut outcome = ask(short, length);
                    // A long request that failed was not beside the short one.
                    let failure = beside.join().map_or(Some(Failure::BrokeOff), |long| long.failure);
                    outcome.failure = outcome.failure.or(failure);
                    outcome
                })
            };
            pairs.map(pair).collect()
        }
        (None, None) => {
            let concurrency = workload.concurrency.unwrap_or(1) as usize;
            closed_loop(&prompts, concurrency, &|prompt| ask(prompt, length))
        }
    }
}

/// `concurrency` requests are always under way until all were sent.
fn closed_loop(
    prompts: &[String],
    concurrency: usize,
    ask: &(dyn Fn(&str) -> Outcome + Sync),
) -> Vec<Outcome> {
    let next = AtomicUsize::new(0);
    let outcomes = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..concurrency {
            scope.spawn(|| {
                while let Some(prompt) = prompts.get(next.fetch_add(1, Relaxed)) {
                    let outcome = ask(prompt);
                    keep(&outcomes, outcome);
                }
            });
        }
    });
    outcomes.into_inner().unwrap_or_default()
}

/// Each request begins when it arrives, whatever became of those before it. One that finds the client full is a failure
/// of the measurement and counted as one, not sent late.
fn open_loop(
    prompts: &[String],
    arrivals_s: &[f64],
    deadline: Instant,
    ask: &(dyn Fn(&str) -> Outcome + Sync),
) -> Vec<Outcome> {
    let began = Instant::now();
    let under_way = AtomicUsize::new(0);
    let outcomes = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for (prompt, arrival_s) in prompts.iter().zip(arrivals_s) {
            let arrives = began + Duration::from_secs_f64(*arrival_s);
            std::thread::sleep(arrives.min(deadline).saturating_duration_since(Instant::now()));
            if under_way.load(Relaxed) >= IN_FLIGHT_MAX as usize {
                keep(&outcomes, Outcome { failure: Some(Failure::ClientFull), ..Outcome::default() });
                continue;
            }
            under_way.fetch_add(1, Relaxed);
            scope.spawn(|| {
                let outcome = ask(prompt);
                under_way.fetch_sub(1, Relaxed);
                keep(&outcomes, outcome);
            });
        }
    });
    outcomes.into_inner().unwrap_or_default()
}

fn keep(outcomes: &Mutex<Vec<Outcome>>, outcome: Outcome) {
    // Poisoned means that another thread ended while it pushed; what is there is still whole.
    outcomes.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(outcome);
}

/// The values of [`METRICS`], in order; `None` where there is nothing to say.
fn metrics(outcomes: &[Outcome], elapsed: Duration) -> [Option<f64>; 14] {
    let whole = || outcomes.iter().filter(|outcome| outcome.failure.is_none());
    let ttft: Vec<f64> = whole().filter_map(|outcome| outcome.ttft_s).collect();
    let gaps: Vec<f64> = whole().flat_map(|outcome| outcome.gaps_s.iter().copied()).collect();
    let latency: Vec<f64> = whole().map(|outcome| outcome.latency_s).collect();
    let ms = |values: &[f64], q| quantile(values, q).map(|seconds| seconds * 1e3);
    let answered = whole().count();
    let output: u64 = whole().map(|outcome| outcome.completion_tokens).sum();
    let prompt: u64 = whole().filter_map(|outcome| outcome.prompt_tokens).sum();
    let seconds = elapsed.as_secs_f64().max(1e-9);
    let of_answers = |value: f64| (answered > 0).then_some(value);
    [
        ms(&ttft, 0.5),
        ms(&ttft, 0.9),
        ms(&ttft, 0.99),
        ms(&gaps, 0.5),
        ms(&gaps, 0.9),
        ms(&gaps, 0.99),
        ms(&latency, 0.5),
        ms(&latency, 0.9),
        ms(&latency, 0.99),
        of_answers(output as f64 / seconds),
        // A run in which requests failed did less: its time is not comparable.
        (answered == outcomes.len()).then_some(seconds),
        of_answers(prompt as f64),
        of_answers(output as f64),
        Some((outcomes.len() - answered) as f64),
    ]
}

/// One run on one line.
fn line(run: u32, runs: u32, workload: &str, target: &str, found: &[Option<f64>; 14]) -> String {
    let show = |index: usize| {
        found.get(index).copied().flatten().map_or_else(|| "-".to_owned(), |value| format!("{value:.1}"))
    };
    format!(
        "run {} of {runs}: {workload:<18} {target:<14} TTFT {:>8} ms  ITL {:>7} ms  output {:>8} tokens/s  errors {}",
        run + 1,
        show(0),
        show(3),
        show(9),
        show(13)
    )
}
