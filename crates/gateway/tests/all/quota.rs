//! Quotas are exact, however many ask at once.

use std::sync::Arc;

use gateway::{AdminCommand, AdminOutcome, Answer, DeniedKind, QuotaOf, Refusal};
use testkit::{Act, Gate, House, ScriptedGenerate, collect, complete, within};

use crate::denied;

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
    at_once(house, 50).await
}

async fn at_once(house: &House, count: usize) -> (Vec<Answer>, Vec<String>) {
    let caller = house.caller("small").await;
    let tasks: Vec<_> = (0..count)
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

const LIMITS: &str = "tokens_per_day = 1_000_000 }";

/// Each of the twelve: whose, of what, over what time, as the record states it and the denial says it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_quota_of_every_subject_is_named_with_its_limit_and_its_end() {
    let day_left_s = 14 * 3600;
    for of in [QuotaOf::UseCase, QuotaOf::Key, QuotaOf::User] {
        for tokens in [false, true] {
            for daily in [false, true] {
                let what = if tokens { "tokens" } else { "requests" };
                let window = if daily { "day" } else { "minute" };
                let (prefix, subject) = match of {
                    QuotaOf::UseCase => ("", ""),
                    QuotaOf::Key => ("key.", "key-"),
                    QuotaOf::User => ("user.", "user-"),
                };
                let limit: u64 = if tokens { 20 } else { 1 };
                let stated = format!("{prefix}{what}_per_{window} = {limit}");
                let record = match (of, tokens, daily) {
                    (QuotaOf::UseCase, true, true) => format!("{stated} }}"),
                    (QuotaOf::UseCase, false, false) => LIMITS.to_owned(),
                    _ => format!("tokens_per_day = 1_000_000, {stated} }}"),
                };
                let mut changes = vec![(LIMITS, record.as_str())];
                if (of, tokens, daily) == (QuotaOf::UseCase, false, false) {
                    changes.push(("requests_per_minute = 1000", "requests_per_minute = 1"));
                }
                let house = House::builder().pilot("small", &changes).saying("Goedendag.").start().await;
                let caller = house.caller("small").await;
                // Too many tokens for one request alone, or one request more than there are.
                if !tokens {
                    collect(house.gateway.generate(caller.clone(), complete(&[PROMPT])).await.unwrap()).await;
                }
                let mut request = complete(&[PROMPT]);
                request.params.max_tokens = Some(30);
                let said = denied(house.gateway.generate(caller, request).await);
                assert_eq!(said.rule, format!("quota-{subject}{what}-per-{window}"));
                assert_eq!(said.kind, DeniedKind::Quota);
                let quota = said.quota.unwrap();
                assert_eq!((quota.of, quota.tokens, quota.daily, quota.limit), (of, tokens, daily, limit));
                assert!(said.remedy.contains(&format!("{limit} {what}")), "{}", said.remedy);
                let wait = if daily { day_left_s } else { 60 };
                assert_eq!(quota.retry_after_s, (!tokens).then_some(wait), "{}", said.rule);
                assert_eq!(house.denials().len(), 1);
                house.stop_and_verify().await;
            }
        }
    }
}

/// A user's quota is one over all of the user's keys, and no other user's.
#[tokio::test]
async fn a_user_has_one_quota_over_several_keys() {
    let limits = "tokens_per_day = 1_000_000, user.requests_per_day = 2 }";
    let house = House::builder().pilot("small", &[(LIMITS, limits)]).saying("Goedendag.").start().await;
    let mut keys = Vec::new();
    for actor in ["one", "one", "two"] {
        let command = AdminCommand::IssueKey {
            use_case: "small".to_owned(),
            actor: actor.to_owned(),
            roles: vec!["writer".to_owned()],
            expires_ms: None,
            label: String::new(),
        };
        let AdminOutcome::Issued { secret, .. } = house.administer(command).await else {
            panic!("not issued")
        };
        keys.push(house.authenticate(Some(&secret)).await.unwrap());
    }
    for key in &keys[..2] {
        collect(house.gateway.generate(key.clone(), complete(&[PROMPT])).await.unwrap()).await;
    }
    for key in &keys[..2] {
        let said = denied(house.gateway.generate(key.clone(), complete(&[PROMPT])).await);
        assert_eq!(said.rule, "quota-user-requests-per-day");
    }
    collect(house.gateway.generate(keys[2].clone(), complete(&[PROMPT])).await.unwrap()).await;
}

/// Two hundred at once; some are answered, some hang up, and the log alone gives the very counters that there are.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_clients_take_exactly_the_limit_and_the_log_counts_the_same() {
    let Crowd { house, gate, .. } =
        crowd(|_| (LIMITS, "tokens_per_day = 1_000_000, key.requests_per_day = 37 }".to_owned())).await;
    let (mut answers, rules) = at_once(&house, 200).await;
    assert_eq!((answers.len(), rules.len()), (37, 163));
    assert!(rules.iter().all(|rule| rule == "quota-key-requests-per-day"), "{rules:?}");
    // Some hang up before a token, some after one; the others come to their end.
    drop(answers.split_off(30));
    gate.open();
    for (number, mut answer) in answers.into_iter().enumerate() {
        if number % 3 == 0 {
            within(answer.next()).await.unwrap();
        } else {
            assert!(collect(answer).await.receipt.is_some());
        }
    }
    assert_eq!(house.denials().len(), 163);
    house.clock.advance_ms(61_000);
    assert_eq!(at_once(&house, 3).await.0.len(), 0, "the day's quota is used up in the next minute too");
    let (ledger, folder) = house.close().await;
    let standings = ledger.standings().unwrap();
    assert!(!ledger.recovered().any(), "everything was settled");
    assert_eq!(standings.len(), 12);
    assert_eq!(gateway::recount(&folder.path().join("log")).unwrap(), standings);
}
