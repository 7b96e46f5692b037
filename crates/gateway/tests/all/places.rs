//! Places: as many choices as there are, busy beyond, and all of them come back.

use std::sync::Arc;

use gateway::Refusal;
use provenance::{Leaf, Stage};
use testkit::{Act, Gate, House, ScriptedGenerate, chat, collect, complete};

async fn held(places: usize) -> (House, Gate) {
    let gate = Gate::default();
    let waiting = gate.clone();
    let house = House::builder()
        .places(places)
        .generator(move |_| {
            Arc::new(ScriptedGenerate::new(move |_| vec![Act::Token(100), Act::Wait(waiting.clone())]))
        })
        .start()
        .await;
    (house, gate)
}

fn taken(house: &House) -> u64 {
    house.gateway.gauges().iter().find(|gauge| gauge.name == "places_taken").unwrap().value
}

#[tokio::test]
async fn beyond_the_places_it_is_busy_and_places_come_back() {
    let (house, gate) = held(3).await;
    let caller = house.caller("pilot").await;
    let first = house.gateway.generate(caller.clone(), chat("Een.")).await.unwrap();
    let mut two = chat("Twee.");
    two.params.n = 2;
    let second = house.gateway.generate(caller.clone(), two).await.unwrap();
    assert_eq!(taken(&house), 3);
    let Err(Refusal::Busy { retry_after_s: 1 }) = house.gateway.generate(caller.clone(), chat("Drie.")).await
    else {
        panic!("a fourth place");
    };
    let Leaf::Denied(leaf) = house.last_leaf() else { panic!("busy was not sealed") };
    assert_eq!(leaf.request.decision.rule.unwrap().as_str(), "queue-full");
    assert_eq!(leaf.request.decision.stage, Stage::Submit);
    drop(first);
    assert_eq!(taken(&house), 2);
    let third = house.gateway.generate(caller.clone(), chat("Drie.")).await.unwrap();
    gate.open();
    for answer in [second, third] {
        assert!(collect(answer).await.receipt.is_some());
    }
    assert_eq!(taken(&house), 0);
    house.stop_and_verify().await;
}

#[tokio::test]
async fn more_choices_than_there_are_places_can_never_be_served() {
    let (house, _gate) = held(3).await;
    let caller = house.caller("pilot").await;
    let prompts = ["a", "b"];
    let mut request = complete(&prompts);
    request.params.n = 2;
    let Err(Refusal::Invalid { field, reason }) = house.gateway.generate(caller, request).await else {
        panic!("four choices in three places");
    };
    assert_eq!((field.as_str(), reason.as_str()), ("n", "asks for 4 choices at once; this server takes 3"));
    assert_eq!(taken(&house), 0);
}
