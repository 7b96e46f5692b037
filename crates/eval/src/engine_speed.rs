//! Speed of the engine alone: token ids in, token ids out, and a clock beside it.

use std::time::Instant;

use engine::{
    Engine, EngineOptions, FinishReason, LoadOptions, LoadReport, PinnedFile, SamplingParams,
    SequenceRequest, TokenEvent, TokenStream,
};

use crate::Error;
use crate::definition::{Definition, EngineWorkload, Measure, Workload as _};
use crate::random::SplitMix64;
use crate::record::Figure;

/// Least memory for keys and values, in bytes, as a server takes by default.
const KV_BYTES_MIN: usize = 512 << 20;
/// Tokens of the pages that a sequence fills only in part.
const PAGE_SLACK_TOKENS: u64 = 64;

/// An engine under the clock.
pub struct EngineBench {
    engine: Engine,
    /// What was loaded.
    pub report: LoadReport,
    /// Reading, hashing and packing, in seconds.
    pub load_s: f64,
    max_batch_tokens: usize,
}

impl EngineBench {
    /// Loads a model with room for the largest of the workloads.
    ///
    /// # Errors
    /// [`Error::Engine`].
    pub fn load(
        files: &[PinnedFile],
        options: &LoadOptions,
        definition: &Definition<EngineWorkload>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Self, Error> {
        let began = Instant::now();
        let loaded = engine::load(files, options, progress)?;
        let load_s = began.elapsed().as_secs_f64();
        let trained = loaded.model.trained_context() as u64;
        let tokens = definition.workloads.iter().map(|(_, workload)| {
            let own = workload.stream_tokens().min(trained) - u64::from(workload.shared_tokens).min(trained);
            u64::from(workload.shared_tokens) + u64::from(workload.streams) * (own + PAGE_SLACK_TOKENS)
        });
        let tokens = tokens.max().unwrap_or_default().max(trained.min(4096)) + 512;
        let wanted =
            usize::try_from(tokens).unwrap_or(usize::MAX).saturating_mul(loaded.model.kv_bytes_per_token());
        let defaults = EngineOptions::default();
        let streams = definition.workloads.iter().map(|(_, workload)| workload.streams as usize).max();
        let drafts = definition.workloads.iter().map(|(_, workload)| workload.draft_tokens).max();
        let options = EngineOptions {
            kv_bytes: wanted.max(KV_BYTES_MIN),
            // Peers' tools warm up with a run of the same size; here every run takes pages of its own.
            resident: true,
            speculation: drafts.unwrap_or_default() as usize,
            max_queued: defaults.max_queued.max(streams.unwrap_or_default().saturating_add(1)),
            ..defaults
        };
        let max_batch_tokens = options.max_batch_tokens;
        let engine = engine::start(loaded.model, options)?;
        Ok(EngineBench { engine, report: loaded.report, load_s, max_batch_tokens })
    }

    /// Why a workload cannot run on this model; `None` when it can.
    pub fn unfit(&self, workload: &EngineWorkload) -> Option<String> {
        let context = self.engine.context_tokens();
        if workload.stream_tokens() > context as u64 {
            return Some(format!("needs {} tokens, the context is {context}", workload.stream_tokens()));
        }
        // Streams that begin in different steps do not decode together, and the sum would claim too much.
        let first_step =
            u64::from(workload.streams) * u64::from(workload.shared_tokens + workload.prompt_tokens);
        if workload.measure == Measure::Decode
            && workload.streams > 1
            && first_step > self.max_batch_tokens as u64
        {
            let most = self.max_batch_tokens;
            return Some(format!("its prompts have {first_step} tokens, and one step takes {most}"));
        }
        None
    }

    /// Work that nobody times, so that the first run finds warm threads and mapped memory.
    ///
    /// # Errors
    /// [`Error::Submit`], [`Error::Workload`].
    pub fn warm_up(&self) -> Result<(), Error> {
        let name = "warm-up";
        let prompt = self.tokens(&mut SplitMix64::new(0, 0), 8);
        let mut stream = self.submit(name, prompt, 2, [0; 32], 0)?;
        drain(name, &mut stream).map(|_| ())
    }

    /// One run: tokens a second. `run` numbers it, and gives prefilled prompts tokens of their own.
    ///
    /// # Errors
    /// [`Error::Submit`], [`Error::Workload`].
    pub fn run(&self, seed: u64, workload: &EngineWorkload, run: u32) -> Result<f64, Error> {
        let name = workload.name();
        // What is decoded from may come out of the cache: it is not on the clock. What is prefilled may not.
        let part = if workload.measure == Measure::Decode { 0 } else { u64::from(run) + 1 };
        let salt = salt(workload, part);
        let mut random = SplitMix64::new(seed, part);
        let shared = self.tokens(&mut random, workload.shared_tokens);
        let prompts: Vec<Vec<u32>> =
            (0..workload.streams).map(|_| self.prompt(&mut random, &shared, workload)).collect();
        let max_tokens =
            if workload.measure == Measure::Decode { workload.new_tokens + 1 } else { workload.new_tokens };
        let together = workload.measure == Measure::Decode && workload.streams > 1;
        // While this one is computed the others arrive, and all of them begin in the step after it.
        let mut gathering = if together { Some(self.gather(name, run)?) } else { None };
        let began = Instant::now();
        let mut streams = prompts
            .into_iter()
            .map(|prompt| self.submit(name, prompt, max_tokens, salt, workload.draft_tokens))
            .collect::<Result<Vec<_>, _>>()?;
        if let Some(stream) = &mut gathering {
            drain(name, stream)?;
        }
        let started = first_tokens(name, &mut streams, began)?;
        let mut generated = u64::from(workload.streams);
        for stream in &mut streams {
            generated += drain(name, stream)?;
        }
        let ended = Instant::now();
        let prompt_tokens =
            u64::from(workload.streams) * u64::from(workload.shared_tokens + workload.prompt_tokens);
        let (tokens, clock) = match workload.measure {
            Measure::Prefill => (prompt_tokens, started - began),
            Measure::Decode => (generated - u64::from(workload.streams), ended - started),
            Measure::Total => (prompt_tokens + generated, ended - began),
        };
        Ok(tokens as f64 / clock.as_secs_f64().max(1e-9))
    }

    /// Tokens of one prompt: the shared ones, then its own.
    fn prompt(&self, random: &mut SplitMix64, shared: &[u32], workload: &EngineWorkload) -> Vec<u32> {
        let period =
            if workload.repeat_tokens == 0 { workload.prompt_tokens } else { workload.repeat_tokens };
        let passage = self.tokens(random, period);
        let own = passage.iter().cycle().take(workload.prompt_tokens as usize);
        shared.iter().chain(own).copied().collect()
    }

    fn tokens(&self, random: &mut SplitMix64, len: u32) -> Vec<u32> {
        let vocab_len = u32::try_from(self.engine.vocab_len()).unwrap_or(u32::MAX);
        (0..len).map(|_| random.below(vocab_len)).collect()
    }

    /// Keeps the engine busy for one step.
    fn gather(&self, name: &str, run: u32) -> Result<TokenStream, Error> {
        let len = u32::try_from(self.max_batch_tokens.min(self.engine.context_tokens() - 1)).unwrap_or(1);
        let prompt = self.tokens(&mut SplitMix64::new(u64::MAX, u64::from(run)), len);
        let mut salt = [255; 32];
        salt.iter_mut().zip(run.to_le_bytes()).for_each(|(to, from)| *to = from);
        self.submit(name, prompt, 1, salt, 0)
    }

    fn submit(
        &self,
        name: &str,
        prompt: Vec<u32>,
        max_tokens: u32,
        cache_salt: [u8; 32],
        draft_tokens: u32,
    ) -> Result<TokenStream, Error> {
        let sampling = SamplingParams::default();
        let request = SequenceRequest {
            prompt: prompt.into(),
            sampling,
            max_tokens,
            stop_token_ids: Vec::new(),
            cache_salt,
            tenant: [0; 32],
            draft_tokens_max: Some(draft_tokens as usize),
            mask: None,
            busy: Default::default(),
        };
        self.engine.submit(request).map_err(|source| Error::Submit { name: name.to_owned(), source })
    }
}

/// Runs every workload that fits, `runs` times in turn: a b c, a b c, so that a slow minute touches all of them.
///
/// `say` is told what happens; it goes to the terminal.
///
/// # Errors
/// [`Error::Submit`], [`Error::Workload`].
pub fn run_engine(
    bench: &EngineBench,
    definition: &Definition<EngineWorkload>,
    runs: u32,
    say: &mut dyn FnMut(&str),
) -> Result<(Vec<Figure>, Vec<String>), Error> {
    let mut notes = Vec::new();
    let mut fit: Vec<(u64, &EngineWorkload, Vec<f64>)> = Vec::new();
    for (seed, workload) in &definition.workloads {
        match bench.unfit(workload) {
            Some(reason) => notes.push(format!("{} was not run: {reason}", workload.name)),
            None => fit.push((*seed, workload, Vec::new())),
        }
    }
    notes.iter().for_each(|note| say(note));
    bench.warm_up()?;
    for run in 0..runs {
        for (seed, workload, values) in &mut fit {
            let value = bench.run(*seed, workload, run)?;
            say(&format!("run {} of {runs}: {:<20} {value:>10.2} tokens/s", run + 1, workload.name));
            values.push(value);
        }
    }
    let figures = fit.into_iter().map(|(_, workload, values)| Figure::throughput(&workload.name, values));
    Ok((figures.collect(), notes))
}

/// One tenant for each workload and part: pages are shared inside a run, and between runs only where `part` stays.
fn salt(workload: &EngineWorkload, part: u64) -> [u8; 32] {
    let mut salt = [0; 32];
    let bytes = part.to_le_bytes().into_iter().chain(workload.name.bytes());
    salt.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
    salt
}

/// Waits for the first token of every stream; when the last of them came.
fn first_tokens(name: &str, streams: &mut [TokenStream], began: Instant) -> Result<Instant, Error> {
    let mut last = began;
    for stream in streams {
        match stream.blocking_next() {
            Some(TokenEvent::Token { .. }) => last = Instant::now(),
            other => return Err(broken(name, other)),
        }
    }
    Ok(last)
}

/// Reads a stream to its end; how many tokens came.
fn drain(name: &str, stream: &mut TokenStream) -> Result<u64, Error> {
    let mut tokens = 0;
    loop {
        match stream.blocking_next() {
            Some(TokenEvent::Token { .. }) => tokens += 1,
            Some(TokenEvent::Finished(FinishReason::Length)) => return Ok(tokens),
            other => return Err(broken(name, other)),
        }
    }
}

fn broken(name: &str, event: Option<TokenEvent>) -> Error {
    let reason = match event {
        Some(TokenEvent::Finished(reason)) => format!("a stream ended early: {reason:?}"),
        _ => "a stream broke off".to_owned(),
    };
    Error::Workload { name: name.to_owned(), reason }
}
