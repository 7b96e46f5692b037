//! Facts planted thousands of tokens back are recalled, and in the same words however the pages came to be: computed in one
//! step or in many, computed again after preemption, or taken over. llama.cpp recalls the same: `tests/golden/README.md`.

use crate::{collect, load_path};
use engine::{Device, Engine, EngineOptions, EngineStats, SamplingParams, SequenceRequest, start};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::path::Path;

/// As `golden/recall.py` wrote it.
#[derive(Deserialize)]
struct Recall {
    /// For each place in a sentence of filler the words to draw from.
    sentence: Vec<Vec<u32>>,
    facts: Vec<Fact>,
    prompts: Vec<Prompt>,
}

#[derive(Deserialize)]
struct Fact {
    statement: Vec<u32>,
    question: Vec<u32>,
    answer: Vec<u32>,
}

#[derive(Deserialize)]
struct Prompt {
    length: usize,
    /// Where the facts follow: before the first sentence that would begin there or later.
    places: Vec<usize>,
    sha256: String,
    /// One answer for each fact.
    llama_cpp: Vec<Peer>,
}

#[derive(Deserialize)]
struct Peer {
    greedy: Vec<u32>,
}

impl Recall {
    fn read() -> Recall {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/recall.json");
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    /// Filler with the facts in it; the generator is the one of `recall.py`.
    fn tokens(&self, prompt: &Prompt) -> Vec<u32> {
        let mut state = prompt.length as u64;
        let mut draw = |words: &Vec<u32>| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            words[(state >> 33) as usize % words.len()]
        };
        let mut planted = self.facts.iter().zip(&prompt.places).peekable();
        let mut tokens = Vec::new();
        while tokens.len() < prompt.length {
            if let Some((fact, _)) = planted.next_if(|(_, place)| tokens.len() >= **place) {
                tokens.extend_from_slice(&fact.statement);
            }
            tokens.extend(self.sentence.iter().map(&mut draw));
        }
        let raw: Vec<u8> = tokens.iter().flat_map(|token| token.to_le_bytes()).collect();
        let sha256: String = Sha256::digest(raw).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(sha256, prompt.sha256, "not the prompt that llama.cpp was asked");
        tokens
    }
}

/// A prompt of about so many tokens with its questions, or `None` without the model.
struct Exam {
    recall: Recall,
    prompt: usize,
    tokens: Vec<u32>,
    path: std::path::PathBuf,
    max_tokens: usize,
}

impl Exam {
    fn new(prompt: usize, max_tokens: usize) -> Option<Exam> {
        let path = testkit::model_path()?;
        let recall = Recall::read();
        let tokens = recall.tokens(&recall.prompts[prompt]);
        Some(Exam { recall, prompt, tokens, path, max_tokens })
    }

    /// Pages of a prompt with its question and the whole answer.
    fn pages(&self) -> usize {
        let questions = self.recall.facts.iter().map(|fact| fact.question.len());
        (self.tokens.len() + questions.max().unwrap() + self.max_tokens).div_ceil(32)
    }

    fn engine(&self, pages: usize, options: EngineOptions) -> Engine {
        let model = load_path(&self.path, Device::Cpu, 2).unwrap().model;
        let kv_bytes = pages * 32 * model.kv_bytes_per_token();
        start(model, EngineOptions { kv_bytes, max_running: 2, ..options }).unwrap()
    }

    /// The greedy answers to these questions, asked at once. Each begins with the fact, as llama.cpp's does.
    fn ask(&self, engine: &Engine, questions: &[usize]) -> Vec<Vec<u32>> {
        let submit = |&question: &usize| {
            let request = SequenceRequest {
                prompt: [&self.tokens[..], &self.recall.facts[question].question].concat().into(),
                sampling: SamplingParams::default(),
                max_tokens: self.max_tokens as u32,
                stop_token_ids: Vec::new(),
                cache_salt: [0; 32],
                tenant: [0; 32],
                draft_tokens_max: None,
                mask: None,
                busy: Default::default(),
            };
            engine.submit(request).unwrap()
        };
        let streams: Vec<_> = questions.iter().map(submit).collect();
        let answers: Vec<_> = streams.into_iter().map(|stream| collect(stream).0).collect();
        for (&question, answer) in questions.iter().zip(&answers) {
            let planted = &self.recall.facts[question].answer;
            assert_eq!(self.recall.prompts[self.prompt].llama_cpp[question].greedy, *planted);
            assert_eq!(answer[..planted.len()], **planted, "question {question} of {:?}", engine.stats());
        }
        answers
    }

    /// One question after the other to an engine that shares pages, guesses, and reads prompts `chunk` tokens at a time.
    fn ask_in_turn(&self, chunk: usize) -> (Vec<Vec<u32>>, EngineStats) {
        let options = EngineOptions { max_batch_tokens: chunk, ..EngineOptions::default() };
        let engine = self.engine(self.pages() + 16, options);
        let answers = (0..3).flat_map(|question| self.ask(&engine, &[question])).collect();
        let stats = engine.stats();
        assert_eq!(stats.shared_tokens_total as usize, 2 * (self.tokens.len() / 32 * 32), "{stats:?}");
        (answers, stats)
    }
}

/// Every prompt token in one step, nothing guessed and nothing shared.
fn whole() -> EngineOptions {
    EngineOptions {
        max_batch_tokens: 8192,
        prefix_sharing: false,
        speculation: 0,
        ..EngineOptions::default()
    }
}

#[test]
fn facts_are_recalled_from_four_thousand_tokens() {
    let Some(exam) = Exam::new(0, 100) else { return };
    let engine = exam.engine(exam.pages(), whole());
    let mut expected = exam.ask(&engine, &[0]);
    assert!(engine.stats().steps_total <= 100, "the prompt in one step: {:?}", engine.stats());
    // Both sequences start, and neither can end while the other keeps its pages.
    let engine = exam.engine(2 * (exam.pages() - 1), EngineOptions { max_batch_tokens: 512, ..whole() });
    let crowded = exam.ask(&engine, &[0, 1]);
    let stats = engine.stats();
    assert!(stats.preemptions_total > 0, "{stats:?}");
    assert_eq!(crowded[0], expected[0]);
    expected.push(crowded[1].clone());
    let (in_turn, stats) = exam.ask_in_turn(37);
    assert_eq!(in_turn[..2], expected);
    assert!(stats.steps_total as usize > exam.tokens.len() / 37, "{stats:?}");
}

#[test]
fn facts_are_recalled_from_eight_thousand_tokens() {
    let Some(exam) = Exam::new(1, 40) else { return };
    let expected = exam.ask(&exam.engine(exam.pages(), whole()), &[1]);
    assert_eq!(exam.ask_in_turn(173).0[1..2], expected);
}
