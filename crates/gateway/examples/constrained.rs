//! What a constraint costs: `cargo run --release -p gateway --example constrained -- FILE [TOKENS] [PAIRS]`.
//!
//! The same prompt, free and held to a schema, in turns on one engine; tokens a second from the first token to the last,
//! without drafts and with them, alone and eight at a time. A free answer does not stop before its length.
#![allow(clippy::print_stdout, reason = "a measuring tool prints what it measured")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use engine::{EngineOptions, LoadOptions, MaskFault, SamplingParams, SequenceRequest, TokenEvent, TokenMask};
use serde_json::json;
use tokenizer::{Grammar, GrammarState, Tokenizer};

struct Mask(GrammarState);

impl TokenMask for Mask {
    fn allow(&mut self, words: &mut [u32]) -> Result<(), MaskFault> {
        self.0.allow(words).map_err(|_| MaskFault)
    }
    fn accept(&mut self, id: u32) -> Result<bool, MaskFault> {
        self.0.accept(id).map_err(|_| MaskFault)
    }
    fn fork(&self) -> Box<dyn TokenMask> {
        Box::new(Self(self.0.clone()))
    }
}

/// Long enough for any number of tokens.
fn schema() -> serde_json::Value {
    let item = json!({
        "type": "object", "additionalProperties": false, "required": ["naam", "soort", "jaar", "bedrag", "tekst"],
        "properties": {
            "naam": {"type": "string", "minLength": 3, "maxLength": 30}, "soort": {"enum": ["klacht", "bezwaar", null]},
            "jaar": {"type": "integer", "minimum": 1990, "maximum": 2030},
            "bedrag": {"type": "number", "minimum": 0}, "tekst": {"type": "string", "minLength": 40, "maxLength": 200}
        }
    });
    json!({"type": "array", "items": {"$ref": "#/$defs/zaak"}, "minItems": 200, "$defs": {"zaak": item}})
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Tokens a second over all streams, the first token of each not counted.
fn speed(engine: &engine::Engine, requests: Vec<SequenceRequest>) -> Result<f64, Box<dyn std::error::Error>> {
    let mut streams =
        requests.into_iter().map(|request| engine.submit(request)).collect::<Result<Vec<_>, _>>()?;
    for stream in &mut streams {
        stream.blocking_next();
    }
    let (start, mut tokens) = (Instant::now(), 0.0);
    for stream in &mut streams {
        while let Some(event) = stream.blocking_next() {
            match event {
                TokenEvent::Token { .. } => tokens += 1.0,
                TokenEvent::Finished(engine::FinishReason::Length) | TokenEvent::Scored(_) => {}
                TokenEvent::Finished(reason) => return Err(format!("ended by {reason:?}").into()),
            }
        }
    }
    Ok(tokens / start.elapsed().as_secs_f64())
}

/// Times what a first and a later grammar take to be made ready; gives the state.
fn compile(tokenizer: &Tokenizer) -> Result<GrammarState, Box<dyn std::error::Error>> {
    let schema = schema();
    let start = Instant::now();
    tokenizer.grammar(&Grammar::Choice(&["a".to_owned()]))?;
    println!("first grammar of a vocabulary of {}: {:.1} ms", tokenizer.vocab_len(), ms(start.elapsed()));
    let mut times = Vec::new();
    for _ in 0..21 {
        let start = Instant::now();
        tokenizer.grammar(&Grammar::JsonSchema(&schema))?;
        times.push(ms(start.elapsed()));
    }
    times.sort_by(f64::total_cmp);
    println!("a schema: median {:.2} ms of {}", times.get(10).unwrap_or(&0.0), times.len());
    Ok(tokenizer.grammar(&Grammar::JsonSchema(&schema))?)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let path = PathBuf::from(arguments.next().ok_or("usage: constrained FILE [TOKENS] [PAIRS]")?);
    let mut number =
        |default: u32| arguments.next().map_or(Ok(default), |text| text.to_string_lossy().parse());
    let (max_tokens, pairs) = (number(256)?, number(5)?);
    let pinned = engine::measure(&path, &mut |_, _| {})?;
    let loaded = engine::load(&[pinned], &LoadOptions::default(), &mut |_, _| {})?;
    let tokenizer = gateway::tokenizer_of("model", &loaded.metadata)?;
    let engine = engine::start(loaded.model, EngineOptions::default())?;
    let state = compile(&tokenizer)?;
    let prompt = tokenizer.encode("Een lijst van zaken in de gemeente, met bedragen, als JSON:\n")?;
    for (name, drafts, beside) in [("without drafts", 0, 1), ("with drafts", 4, 1), ("eight at a time", 0, 8)]
    {
        let requests = |held: bool| {
            let request = |seed: u64| SequenceRequest {
                prompt: prompt.clone(),
                sampling: SamplingParams { temperature: 0.8, seed, ..SamplingParams::default() },
                max_tokens,
                stop_token_ids: Vec::new(),
                cache_salt: [0; 32],
                tenant: [0; 32],
                draft_tokens_max: Some(drafts),
                mask: held.then(|| Box::new(Mask(state.clone())) as Box<dyn TokenMask>),
                busy: Default::default(),
            };
            (0..beside).map(request).collect::<Vec<_>>()
        };
        let mut ratios = Vec::new();
        for pair in 0..pairs {
            let free = speed(&engine, requests(false))?;
            let held = speed(&engine, requests(true))?;
            println!(
                "{name}, pair {pair}: free {free:.1} tokens/s, held {held:.1} tokens/s, {:.3}",
                held / free
            );
            ratios.push(held / free);
        }
        ratios.sort_by(f64::total_cmp);
        println!("{name}: median {:.3}", ratios.get(ratios.len() / 2).unwrap_or(&0.0));
    }
    Ok(())
}
