//! Gateways that count in one database: exact together, and closed while the database is away.

use std::sync::Arc;

use gateway::{AdminCommand, AdminOutcome, Refusal};
use ledger::{Failure, Point};
use testkit::{CuttingProxy, House, PostgresServer, chat, collect, within};

const LIMITS: &str = "tokens_per_day = 1_000_000 }";

async fn house(url: &str, limits: &str) -> House {
    House::builder().pilot("small", &[(LIMITS, limits)]).saying("Goedendag.").quota_store(url).start().await
}

/// What the use case has taken today, of all gateways: requests and tokens, used and reserved.
async fn taken(house: &House) -> [(u64, u64); 2] {
    let AdminOutcome::Quota(rows) = house.administer(AdminCommand::ShowQuota).await else {
        panic!("no rows")
    };
    ["requests", "tokens"].map(|measure| {
        let of = |row: &&gateway::QuotaRow| {
            row.of == "use case" && row.id == "small" && row.measure == measure && row.window == "day"
        };
        rows.iter().find(of).map_or((0, 0), |row| (row.used, row.reserved))
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_gateways_and_two_hundred_clients_take_exactly_the_limit() {
    const LIMIT: usize = 37;
    let Some(server) = PostgresServer::shared() else { return };
    let url = server.database();
    let limits = format!("tokens_per_day = 1_000_000, requests_per_day = {LIMIT} }}");
    let houses = [house(&url, &limits).await, house(&url, &limits).await];
    let callers = [houses[0].caller("small").await, houses[1].caller("small").await];
    let tasks: Vec<_> = (0..200)
        .map(|number| {
            let (gateway, caller) = (Arc::clone(&houses[number % 2].gateway), callers[number % 2].clone());
            tokio::spawn(async move { gateway.generate(caller, chat("Dag.")).await })
        })
        .collect();
    let (mut answered, mut tokens) = (0, 0);
    for task in tasks {
        match within(task).await.unwrap() {
            Ok(answer) => {
                let usage = collect(answer).await.usage.unwrap();
                tokens += u64::from(usage.prompt_tokens) + u64::from(usage.completion_tokens);
                answered += 1;
            }
            Err(Refusal::Denied(denied)) => assert_eq!(denied.rule, "quota-requests-per-day"),
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(answered, LIMIT);
    let denials = houses[0].denials().len() + houses[1].denials().len();
    assert_eq!(denials, 200 - LIMIT);
    // What settles on another thread is there in a moment; either shows what both took.
    for house in &houses {
        within(async {
            while taken(house).await[1].1 > 0 {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        })
        .await;
        assert_eq!(taken(house).await, [(LIMIT as u64, 0), (tokens, 0)]);
    }
    // The log of each alone gives its part.
    let [first, second] = houses;
    let (ledger, folder) = first.close().await;
    let own = gateway::recount(&folder.path().join("log")).unwrap();
    assert_eq!(ledger.replace(own, testkit::NOW_MS).unwrap(), 0, "all as its log has it");
    second.stop_and_verify().await;
}

#[tokio::test]
async fn every_failure_of_a_shared_store_denies_and_is_sealed() {
    let Some(server) = PostgresServer::shared() else { return };
    let house = house(&server.database(), LIMITS).await;
    let caller = house.caller("small").await;
    let mut denials = 0;
    for point in [Point::Begin, Point::Step, Point::Commit, Point::Reserve] {
        for failure in [Failure::Full, Failure::InputOutput, Failure::Corrupt, Failure::Busy] {
            house.store.strike(point, failure);
            let refused = house.gateway.generate(caller.clone(), chat("Dag.")).await;
            house.store.heal();
            assert!(matches!(refused, Err(Refusal::Closed { .. })), "{point:?} {failure:?}");
            denials += 1;
            let sealed = house.denials();
            assert_eq!(sealed.len(), denials, "{point:?} {failure:?} was not sealed");
            let rule = sealed.last().unwrap().request.decision.rule.clone().unwrap();
            assert_eq!(rule.as_str(), "quota-store-failed", "{point:?} {failure:?}");
        }
    }
    assert!(house.generator.requests().is_empty(), "something was let through");
    assert!(
        collect(house.gateway.generate(caller.clone(), chat("Dag.")).await.unwrap()).await.receipt.is_some()
    );
    assert_eq!(taken(&house).await[0], (1, 0));
    house.store.strike(Point::Writer, Failure::InputOutput);
    for _ in 0..2 {
        assert!(house.gateway.generate(caller.clone(), chat("Dag.")).await.is_err());
        house.store.heal();
    }
    assert_eq!(house.denials().len(), denials + 2);
    house.stop_and_verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn while_the_database_is_away_nobody_gets_in_and_all_of_it_is_sealed() {
    let Some(server) = PostgresServer::shared() else { return };
    let proxy = CuttingProxy::to(server.port());
    let url = server.database().replace(&format!(":{}/", server.port()), &format!(":{}/", proxy.port()));
    let house = house(&url, LIMITS).await;
    let caller = house.caller("small").await;
    // Its answer comes to its end while the database is away.
    let answer = house.gateway.generate(caller.clone(), chat("Dag.")).await.unwrap();
    proxy.down();
    let receipt = collect(answer).await.receipt;
    assert!(receipt.is_some(), "what was let in is answered and sealed");
    for _ in 0..5 {
        let refused = house.gateway.generate(caller.clone(), chat("Dag.")).await;
        let Err(Refusal::Closed { why }) = refused else { panic!("not closed") };
        assert!(why.contains("quota store 127.0.0.1") && !why.contains("word"), "{why}");
    }
    let sealed = house.denials();
    assert_eq!(sealed.len(), 5);
    for denial in &sealed {
        assert_eq!(denial.request.decision.rule.as_ref().unwrap().as_str(), "quota-store-failed");
    }
    assert_eq!(house.generator.requests().len(), 1);
    proxy.mend();
    let mut answer = None;
    within(async {
        while answer.is_none() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            answer = house.gateway.generate(caller.clone(), chat("Dag.")).await.ok();
        }
    })
    .await;
    collect(answer.unwrap()).await;
    // What ended while it was away is settled, and what was refused took nothing.
    within(async {
        while taken(&house).await[0] != (2, 0) {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    })
    .await;
    assert_eq!(house.outcomes().len(), 2);
    house.stop_and_verify().await;
}
