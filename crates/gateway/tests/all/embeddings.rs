//! Texts to vectors take the same path as prompts: gate, redaction, quota, intent and outcome.

use std::time::Duration;

use engine::Embedder;
use gateway::{Bound, Embed, Embedded, Embedding, EmbeddingRequest, Origin, Refusal, Trace};
use provenance::{EndReason, Leaf, Proven, Status};
use registry::{Registry, Role};
use testkit::tiny_encoder::{tiny_encoder, tokenizer_json};
use testkit::{House, NOW_MS, chat, until};
use tokenizer::EncoderTokenizer;
use zeroize::Zeroizing;

use crate::denied;

const MODEL: &str = "tiny-vectors";

fn request(texts: &[&str]) -> EmbeddingRequest {
    EmbeddingRequest {
        model: MODEL.to_owned(),
        inputs: texts.iter().map(|text| Zeroizing::new((*text).to_owned())).collect(),
        dimensions: None,
        scanned: Vec::new(),
        client_input: Zeroizing::new(texts.concat().into_bytes()),
        data_subjects: Vec::new(),
        trace: Trace::NONE,
        origin: Origin { loopback: true },
    }
}

async fn embed(house: &House, request: EmbeddingRequest) -> Result<Embedded, Refusal> {
    let caller = house.caller("pilot").await;
    house.gateway.embed(caller, request).await
}

/// Ids and vector of a text, by the tokenizer and the encoder themselves.
fn by_hand(text: &str) -> (Vec<u32>, Vec<f32>) {
    let store = tempfile::tempdir().unwrap();
    let entry = tiny_encoder(store.path(), MODEL, "embeddings", &[]);
    let other = entry.replace(MODEL, "other").replace("role = \"embeddings\"", "default = true");
    let registry = Registry::parse(&format!("{other}{entry}"), "models.toml").unwrap();
    let (files, json) = registry.encoder(MODEL, Role::Embeddings, store.path()).unwrap();
    let tokenizer = EncoderTokenizer::from_json(&json).unwrap();
    let ids = tokenizer.framed(&tokenizer.encode(text).unwrap().ids).to_vec();
    let vector = Embedder::load(&files).unwrap().embed(&ids).unwrap();
    (ids, vector)
}

#[tokio::test]
async fn vectors_are_those_of_the_encoder_and_the_receipt_commits_to_them() {
    let house = House::builder().embeddings().start().await;
    let texts = ["en belt in de", "woont."];
    let embedded = embed(&house, request(&texts)).await.unwrap();
    let wanted: Vec<_> = texts.iter().map(|text| by_hand(text)).collect();
    for (vector, (_, wanted)) in embedded.vectors.iter().zip(&wanted) {
        assert_eq!(vector, wanted);
        assert!((vector.iter().map(|x| x * x).sum::<f32>() - 1.0).abs() < 1e-5);
    }
    let Proven::Served { intent, outcome } = embedded.receipt.verify(&house.verifier).unwrap() else {
        panic!("a receipt of a denial")
    };
    let key = embedded.receipt.key().unwrap();
    let input = intent.request.input.unwrap();
    let ids: Vec<&[u32]> = wanted.iter().map(|(ids, _)| ids.as_slice()).collect();
    assert_eq!(input.client_commit, key.commit(texts.concat().as_bytes()));
    assert_eq!(input.token_commit.unwrap(), key.commit_prompts(&ids));
    assert_eq!((input.tokens, input.prompts), (embedded.usage.prompt_tokens, 2));
    assert_eq!(intent.request.action.as_str(), "embed");
    assert_eq!(intent.request.model.unwrap().id.as_str(), MODEL);
    let bytes: Vec<u8> = embedded.vectors.iter().flatten().flat_map(|x| x.to_le_bytes()).collect();
    assert_eq!(outcome.facts.choices[0].client_commit, key.commit(&bytes));
    assert_eq!(outcome.facts.status, Status::Completed);
    assert!(outcome.facts.joules_milli.is_some());
    house.stop_and_verify().await;
}

#[tokio::test]
async fn personal_data_leaves_every_text_before_it_is_embedded() {
    let house = House::builder().embeddings().start().await;
    let embedded = embed(&house, request(&["bsn 123456782", "bsn 111222333"])).await.unwrap();
    assert_eq!(embedded.vectors[1], by_hand("bsn ⟦BSN_1⟧").1);
    // Whatever stands beside it, a text has its own vector.
    assert_eq!(embedded.vectors[0], embedded.vectors[1]);
    assert_ne!(embedded.vectors[1], by_hand("bsn 111222333").1);
    let redaction = house.intents().pop().unwrap().request.redaction.unwrap();
    assert_eq!(redaction.counts.values().sum::<u32>(), 2);
    assert!(!house.leaves_text().contains("111222333"));
    house.stop_and_verify().await;
}

#[tokio::test]
async fn what_does_not_fit_is_refused_with_both_numbers_and_sealed() {
    let house = House::builder().embeddings().start().await;
    let long = "en ".repeat(31);
    let refused = embed(&house, request(&["en", &long])).await.err();
    let Some(Refusal::TextTooLong { index: Some(1), tokens: 33, tokens_max: 32, bound: Bound::Context }) =
        refused
    else {
        panic!("{refused:?}")
    };
    let said = refused.unwrap().to_string();
    assert!(said.starts_with("input[1] has 33 tokens, more than the context of 32"), "{said}");
    assert!(matches!(house.last_leaf(), Leaf::Denied(_)), "not sealed");
    // The record allows 4096 tokens a request.
    let many = vec!["en ".repeat(30); 129];
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let refused = embed(&house, request(&many)).await.err();
    assert!(
        matches!(
            refused,
            Some(Refusal::TextTooLong { index: None, tokens: 4128, tokens_max: 4096, bound: Bound::UseCase })
        ),
        "{refused:?}"
    );
    let wanted = |dimensions| EmbeddingRequest { dimensions: Some(dimensions), ..request(&["en"]) };
    let refused = embed(&house, wanted(8)).await.err().unwrap();
    assert!(refused.to_string().contains("vectors of 16"), "{refused}");
    assert_eq!(house.denials().len(), 3);
    assert_eq!(embed(&house, wanted(16)).await.unwrap().vectors[0].len(), 16);
    house.stop_and_verify().await;
}

#[tokio::test]
async fn the_policy_has_to_allow_the_model_and_there_has_to_be_one() {
    let house = House::builder().embeddings().pilot("without", &[]).start().await;
    let caller = house.caller("demo").await;
    let said = denied(house.gateway.embed(caller, request(&["jan"])).await);
    assert!(["model-not-allowed", "demo-default-model-only"].contains(&said.rule.as_str()), "{}", said.rule);
    let caller = house.caller("without").await;
    let said = denied(house.gateway.embed(caller.clone(), request(&["jan"])).await);
    assert_eq!(said.rule, "model-not-allowed");
    // The model that generates embeds nothing, and that of embeddings generates nothing.
    let other = EmbeddingRequest { model: "tiny".to_owned(), ..request(&["jan"]) };
    denied(house.gateway.embed(caller.clone(), other).await);
    let caller = house.caller("pilot").await;
    let mut other = chat("jan");
    other.model = MODEL.to_owned();
    denied(house.gateway.generate(caller.clone(), other).await);
    let cards = house.gateway.models(&caller).await.unwrap();
    let cards: Vec<(&str, usize)> =
        cards.iter().map(|card| (card.id.as_str(), card.context_tokens)).collect();
    assert_eq!(cards, [("tiny", 4096), (MODEL, 32)]);
    assert_eq!(house.denials().len(), 4);
    house.stop_and_verify().await;

    let house = House::new().await;
    let refused = embed(&house, request(&["jan"])).await.err();
    assert!(matches!(refused, Some(Refusal::UnknownModel { .. })), "{refused:?}");
    let Leaf::Denied(leaf) = house.last_leaf() else { panic!("not sealed") };
    assert_eq!(leaf.request.decision.rule.unwrap().as_str(), "no-embeddings-model");
    house.stop_and_verify().await;
}

#[tokio::test]
async fn tokens_count_against_the_quota() {
    let house = House::builder()
        .embeddings()
        .after_signing(|signers, folder| {
            let record = folder.get_mut("use-cases/pilot.toml").expect("the pilot");
            *record = record.replace("tokens_per_day = 1_000_000", "tokens_per_day = 10");
            folder.retain(|path, _| !path.contains(".signatures/"));
            signers.sign_all(folder);
        })
        .start()
        .await;
    assert_eq!(embed(&house, request(&["en belt"])).await.unwrap().usage.prompt_tokens, 4);
    assert_eq!(embed(&house, request(&["en belt"])).await.unwrap().usage.prompt_tokens, 4);
    let said = denied(embed(&house, request(&["en belt"])).await);
    assert_eq!(said.rule, "quota-tokens-per-day");
    house.stop_and_verify().await;
}

/// An encoder that is told what to do wrong.
#[derive(Clone, Copy)]
enum Broken {
    Panics,
    Errs,
    OtherWidth,
    NoNumbers,
    Sleeps,
}

impl Embed for Broken {
    fn dimensions(&self) -> usize {
        2
    }

    fn tokens_max(&self) -> usize {
        32
    }

    fn sha256(&self) -> [u8; 32] {
        // What the policy compares with the pin.
        let store = tempfile::tempdir().unwrap();
        let entry = tiny_encoder(store.path(), MODEL, "embeddings", &[]);
        let entry =
            entry.replace("status =", "default = true\nstatus =").replace("role = \"embeddings\"\n", "");
        Registry::parse(&entry, "models.toml").unwrap().entry(MODEL).unwrap().sha256()
    }

    fn embed(&self, _: &[u32]) -> Result<Vec<f32>, engine::Error> {
        match self {
            Self::Panics => panic!("jan"),
            Self::Errs => Err(engine::Error::Fault("the weights are gone".to_owned())),
            Self::OtherWidth => Ok(vec![0.0; 3]),
            Self::NoNumbers => Ok(vec![f32::NAN, 0.0]),
            Self::Sleeps => {
                std::thread::sleep(Duration::from_millis(900));
                Ok(vec![0.0, 1.0])
            }
        }
    }
}

#[tokio::test]
async fn an_encoder_that_fails_is_an_error_with_an_outcome() {
    for (how, why) in [
        (Broken::Panics, "panicked"),
        (Broken::Errs, "the weights are gone"),
        (Broken::OtherWidth, "no vector"),
        (Broken::NoNumbers, "no vector"),
        (Broken::Sleeps, "not done within"),
    ] {
        let limit = Duration::from_millis(if matches!(how, Broken::Sleeps) { 200 } else { 20_000 });
        let house = House::builder()
            .embeddings_by(move |registry, store| {
                Embedding::of(registry, MODEL, store, how, limit, NOW_MS / 1000).unwrap()
            })
            .start()
            .await;
        let Err(Refusal::Closed { why: said }) = embed(&house, request(&["jan"])).await else {
            panic!("{why}: let through")
        };
        assert!(said.contains(why) && !said.contains("jan"), "{said}");
        until(|| !house.outcomes().is_empty()).await;
        let outcome = house.outcomes().pop().unwrap();
        assert_eq!((outcome.facts.status, outcome.facts.reason), (Status::Failed, Some(EndReason::Engine)));
        assert!(!house.leaves_text().contains("jan\""));
        house.stop_and_verify().await;
    }
}

#[test]
fn a_tokenizer_that_frames_nothing_is_no_encoders() {
    let json = tokenizer_json().replace("\"post_processor\":{", "\"was\":{");
    assert!(EncoderTokenizer::from_json(json.as_bytes()).is_err());
}
