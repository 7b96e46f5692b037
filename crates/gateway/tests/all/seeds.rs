//! The same seed gives the same answer, whatever runs beside it; the choices of one request differ.

use std::sync::Arc;

use gateway::{Generate as _, GenerationRequest};
use testkit::{Collected, House, collect, complete, within};

fn drawn(prompt: &str, seed: u64) -> GenerationRequest {
    let mut request = complete(&[prompt]);
    request.params.seed = Some(seed);
    request.params.temperature = Some(1.0);
    request.params.max_tokens = Some(24);
    request.params.ignore_eos = true;
    request
}

async fn answer(house: &House, request: GenerationRequest) -> Collected {
    let caller = house.caller("pilot").await;
    collect(house.gateway.generate(caller, request).await.unwrap()).await
}

const PROMPTS: [&str; 8] = ["de kat", "de hond", "een", "de kat zat", "nu", "en toen", "ijs", "waarom"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_seed_gives_the_same_tokens_beside_seven_others() {
    let house = House::new().await;
    let mut alone = Vec::new();
    for (seed, prompt) in (0..).zip(PROMPTS) {
        alone.push(answer(&house, drawn(prompt, seed)).await.texts.remove(0));
    }
    let alone_ids = house.generator.emitted();

    // Another house: nothing is cached, and all eight run at once.
    let house = Arc::new(House::new().await);
    let tasks: Vec<_> = (0..)
        .zip(PROMPTS)
        .map(|(seed, prompt)| {
            let house = Arc::clone(&house);
            tokio::spawn(async move { answer(&house, drawn(prompt, seed)).await.texts.remove(0) })
        })
        .collect();
    for (task, alone) in tasks.into_iter().zip(&alone) {
        assert_eq!(&within(task).await.unwrap(), alone);
    }
    // By token ids too, in whatever order they were submitted.
    let (mut together, mut alone_ids) = (house.generator.emitted(), alone_ids);
    together.sort();
    alone_ids.sort();
    assert_eq!(together, alone_ids);
    assert!(alone_ids.iter().all(|ids| ids.len() == 24));
    alone_ids.dedup();
    assert_eq!(alone_ids.len(), 8, "seeds and prompts make no difference");
}

#[tokio::test]
async fn choices_have_their_own_seeds_and_each_can_be_replayed_alone() {
    let house = House::new().await;
    let mut request = drawn("de kat", 40);
    request.params.n = 3;
    let all = answer(&house, request).await;
    let seeds: Vec<u64> = house.generator.requests().iter().map(|request| request.sampling.seed).collect();
    assert_eq!(seeds, [40, 41, 42]);
    let together = house.generator.emitted();
    assert!(together[0] != together[1] && together[1] != together[2] && together[0] != together[2]);
    for (choice, seed) in (40..43).enumerate() {
        let alone = answer(&house, drawn("de kat", seed)).await;
        assert_eq!(alone.texts[0], all.texts[choice]);
        assert_eq!(house.generator.emitted()[3 + choice], together[choice]);
    }
    let outcome = &house.outcomes()[0];
    assert_eq!(outcome.facts.choices.len(), 3);
}

#[tokio::test]
async fn a_seed_that_was_not_given_is_drawn_and_recorded() {
    let house = House::new().await;
    let mut seeds = Vec::new();
    for _ in 0..2 {
        let mut request = drawn("de kat", 0);
        request.params.seed = None;
        let receipt = answer(&house, request).await.receipt.unwrap();
        let provenance::Proven::Served { intent, .. } = receipt.verify(&house.verifier).unwrap() else {
            panic!()
        };
        seeds.push(intent.request.sampling.unwrap().seed);
    }
    assert_ne!(seeds[0], seeds[1]);
    let given: Vec<u64> = house.generator.requests().iter().map(|request| request.sampling.seed).collect();
    assert_eq!(seeds, given);
}

#[tokio::test]
async fn use_cases_share_neither_the_cache_nor_a_line() {
    let house = House::builder().pilot("other", &[]).start().await;
    for use_case in ["pilot", "other", "pilot"] {
        let caller = house.caller(use_case).await;
        collect(house.gateway.generate(caller, complete(&["de kat"])).await.unwrap()).await;
    }
    let salts: Vec<_> = house.generator.requests().iter().map(|request| request.cache_salt).collect();
    assert_eq!(salts[0], salts[2]);
    assert_ne!(salts[0], salts[1]);
    let tenants: Vec<_> = house.generator.requests().iter().map(|request| request.tenant).collect();
    assert_eq!(tenants[0], tenants[2]);
    assert_ne!(tenants[0], tenants[1]);
    assert_ne!(tenants[0], salts[0], "the salt is told to nobody");
}

/// What the engine is told is what it does: pages are taken over from a colleague's request, and from nobody else's.
#[tokio::test]
async fn pages_are_taken_over_within_a_use_case_alone() {
    let house = House::builder().pilot("other", &[]).start().await;
    let prompt = "de kat zit op de mat en kijkt naar de vogels in de tuin ".repeat(4);
    let mut shared = Vec::new();
    for use_case in ["pilot", "other", "pilot", "other"] {
        let caller = house.caller(use_case).await;
        let before = taken_over(&house);
        collect(house.gateway.generate(caller, complete(&[&prompt])).await.unwrap()).await;
        shared.push(taken_over(&house) - before);
    }
    // Whole pages of 32 tokens, but for the last position, which is always computed.
    let tokens = house.generator.requests()[0].prompt.len() as u64;
    let whole = (tokens - 1) / 32 * 32;
    assert!(whole > 64, "{tokens} tokens");
    assert_eq!(shared, [0, 0, whole, whole]);
}

fn taken_over(house: &House) -> u64 {
    let gauges = house.generator.gauges();
    gauges.iter().find(|gauge| gauge.name == "shared_tokens_total").unwrap().value
}
