//! Whatever key store, quota store and clock can do wrong: nobody gets through, and the log says so.

use gateway::{AdminCommand, AdminOutcome, Refusal};
use ledger::{Failure, Point};
use provenance::{Leaf, UnauthenticatedReason};
use testkit::{House, chat, collect};

fn closed<T>(outcome: Result<T, Refusal>) -> String {
    match outcome {
        Err(Refusal::Closed { why }) => why,
        Err(other) => panic!("refused otherwise: {other}"),
        Ok(_) => panic!("let through"),
    }
}

const FAILURES: [Failure; 4] = [Failure::Full, Failure::InputOutput, Failure::Corrupt, Failure::Busy];

#[tokio::test]
async fn every_failure_of_the_quota_store_denies_and_is_sealed() {
    let house = House::builder().saying("Goedendag.").start().await;
    let caller = house.caller("pilot").await;
    let mut denials = 0;
    let mut fail = async |point, failure| {
        house.store.strike(point, failure);
        closed(house.gateway.generate(caller.clone(), chat("Dag.")).await);
        house.store.heal();
        denials += 1;
        let sealed = house.denials();
        assert_eq!(sealed.len(), denials, "{point:?} {failure:?} was not sealed");
        let decision = &sealed.last().unwrap().request.decision;
        assert_eq!(decision.rule.as_ref().unwrap().as_str(), "quota-store-failed", "{point:?} {failure:?}");
        assert!(house.generator.requests().is_empty(), "{point:?} {failure:?} let something through");
    };
    for point in [Point::Begin, Point::Step, Point::Commit, Point::Reserve] {
        for failure in FAILURES {
            fail(point, failure).await;
        }
    }
    // It goes on when the store does, and nothing that failed was counted.
    assert!(
        collect(house.gateway.generate(caller.clone(), chat("Dag.")).await.unwrap()).await.receipt.is_some()
    );
    let AdminOutcome::Quota(rows) = house.administer(AdminCommand::ShowQuota).await else {
        panic!("no rows")
    };
    let requests: Vec<u64> =
        rows.iter().filter(|row| row.measure == "requests").map(|row| row.used + row.reserved).collect();
    assert_eq!(requests, [1; 6]);
    // A writer that ended stays ended.
    house.store.strike(Point::Writer, Failure::InputOutput);
    for _ in 0..2 {
        closed(house.gateway.generate(caller.clone(), chat("Dag.")).await);
        house.store.heal();
    }
    assert_eq!(house.denials().len(), denials + 2);
    assert_eq!(house.generator.requests().len(), 1);
    house.stop_and_verify().await;
}

#[tokio::test]
async fn every_failure_of_the_key_store_denies_and_is_counted_in_the_log() {
    let house = House::new().await;
    for failure in FAILURES {
        house.store.strike(Point::Keys, failure);
        closed(house.authenticate(Some(house.key("pilot"))).await);
        house.store.heal();
    }
    assert!(house.authenticate(Some(house.key("pilot"))).await.is_ok());
    house.gateway.seal_strangers().await.unwrap();
    let Leaf::UnauthenticatedDenials(leaf) = house.last_leaf() else { panic!("not sealed") };
    assert_eq!(leaf.counts[&UnauthenticatedReason::KeyStoreFailed], 4);
    // A key that could not be stored is none, and one that could not be revoked on disk is refused all the same.
    let key = house.key("pilot").split('_').nth(1).unwrap().to_owned();
    house.store.strike(Point::Commit, Failure::Full);
    closed(house.gateway.administer(AdminCommand::RevokeKey { key }, 1000).await);
    house.store.heal();
    assert_eq!(crate::denied(house.authenticate(Some(house.key("pilot"))).await).rule, "key-revoked");
    house.stop_and_verify().await;
}

#[tokio::test]
async fn a_clock_that_is_set_denies_until_it_is_set_right_or_accepted() {
    const HOUR_MS: i64 = 3_600_000;
    let house = House::builder().saying("Goedendag.").start().await;
    let caller = house.caller("pilot").await;
    let mut denials = 0;
    for jump_ms in [-6_000, 6_000, -HOUR_MS, HOUR_MS, -400 * 24 * HOUR_MS, 400 * 24 * HOUR_MS] {
        house.clock.jump_ms(jump_ms);
        let why = closed(house.authenticate(Some(house.key("pilot"))).await);
        assert!(why.contains("accept-clock"), "{why}");
        closed(house.gateway.generate(caller.clone(), chat("Dag.")).await);
        denials += 2;
        let sealed = house.denials();
        assert_eq!(sealed.len(), denials, "{jump_ms}");
        assert_eq!(sealed.last().unwrap().request.decision.rule.as_ref().unwrap().as_str(), "clock-jumped");
        house.gateway.forget_old_quota().await.unwrap();
        house.clock.jump_ms(-jump_ms);
        assert!(house.authenticate(Some(house.key("pilot"))).await.is_ok(), "set right");
    }
    assert!(house.generator.requests().is_empty());
    house.clock.jump_ms(HOUR_MS);
    closed(house.authenticate(Some(house.key("pilot"))).await);
    let AdminOutcome::ClockAccepted { expected_ms, accepted_ms } =
        house.administer(AdminCommand::AcceptClock).await
    else {
        panic!("not accepted")
    };
    assert_eq!(accepted_ms - expected_ms, HOUR_MS);
    assert!(matches!(house.last_leaf(), Leaf::ClockAccepted(_)));
    assert!(collect(house.gateway.generate(caller, chat("Dag.")).await.unwrap()).await.receipt.is_some());
    // Not under running requests.
    let rebuild = house.gateway.administer(AdminCommand::RebuildQuota, 1000).await;
    assert!(matches!(rebuild, Err(Refusal::Invalid { .. })));
    house.stop_and_verify().await;
}
