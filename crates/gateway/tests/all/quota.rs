//! Quotas are exact, however many ask at once.

use std::sync::Arc;

use gateway::{Answer, DeniedKind, Refusal};
use testkit::{Act, Gate, House, ScriptedGenerate, collect, complete, within};

const PROMPT: &str = "Er was eens";

struct Crowd {
    house: House,
    gate: Gate,
    /// What one request reserves.
    each: u64,
}

async fn crowd(change: impl Fn(u64) -> (&'static str, String)) -> Crowd {
    let each = House::new().await.tokenizer.encode(PROMPT).unwrap().len() as u64 + 8;
    let (from, to) = change(each);
    let gate = Gate::default();
    let waiting = gate.clone();
    let house = House::builder()
        .pilot("small", &[(from, &to)])
        .generator(move |_| {
            Arc::new(ScriptedGenerate::new(move |_| vec![Act::Token(100), Act::Wait(waiting.clone())]))
        })
        .start()
        .await;
    Crowd { house, gate, each }
}

/// Fifty at once: the answers of those let in, and the rules of those denied.
async fn fifty(house: &House) -> (Vec<Answer>, Vec<String>) {
    let caller = house.caller("small").await;
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let (gateway, caller) = (Arc::clone(&house.gateway), caller.clone());
            tokio::spawn(async move { gateway.generate(caller, complete(&[PROMPT])).await })
        })
        .collect();
    let (mut answers, mut rules) = (Vec::new(), Vec::new());
    for task in tasks {
        match within(task).await.unwrap() {
            Ok(answer) => answers.push(answer),
            Err(Refusal::Denied(denied)) => {
                assert_eq!(denied.kind, DeniedKind::Quota);
                rules.push(denied.rule);
            }
            Err(other) => panic!("{other}"),
        }
    }
    (answers, rules)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tokens_of_the_day() {
    let Crowd { house, gate, each } =
        crowd(|each| ("tokens_per_day = 1_000_000", format!("tokens_per_day = {}", 7 * each + each - 1)))
            .await;
    let (answers, rules) = fifty(&house).await;
    assert_eq!(answers.len(), 7);
    assert!(rules.iter().all(|rule| rule == "quota-tokens-per-day"), "{rules:?}");
    assert_eq!(house.denials().len(), 43);
    gate.open();
    let mut used = 0;
    for answer in answers {
        let usage = collect(answer).await.usage.unwrap();
        used += u64::from(usage.prompt_tokens) + u64::from(usage.completion_tokens);
    }
    // What was reserved and not taken is free again, to the token: the last one let in finds at least its own
    // reservation left, and the next one that is denied finds less.
    let limit = 7 * each + each - 1;
    let caller = house.caller("small").await;
    within(async {
        while used + each <= limit {
            match house.gateway.generate(caller.clone(), complete(&[PROMPT])).await {
                Ok(answer) => {
                    let usage = collect(answer).await.usage.unwrap();
                    used += u64::from(usage.prompt_tokens) + u64::from(usage.completion_tokens);
                }
                // Settling happens on another thread: not yet.
                Err(_) => tokio::task::yield_now().await,
            }
        }
    })
    .await;
    assert!(matches!(
        house.gateway.generate(caller, complete(&[PROMPT])).await,
        Err(Refusal::Denied(denied)) if denied.rule == "quota-tokens-per-day"
    ));
    house.stop_and_verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn requests_of_the_minute() {
    let Crowd { house, gate, .. } =
        crowd(|_| ("requests_per_minute = 1000", "requests_per_minute = 9".to_owned())).await;
    gate.open();
    for _ in 0..2 {
        let (answers, rules) = fifty(&house).await;
        assert_eq!(answers.len(), 9);
        assert!(rules.iter().all(|rule| rule == "quota-requests-per-minute"), "{rules:?}");
        for answer in answers {
            assert!(collect(answer).await.receipt.is_some());
        }
        assert!(fifty(&house).await.0.is_empty(), "requests that ended were given back");
        house.clock.advance_ms(60_000);
    }
    house.stop_and_verify().await;
}
