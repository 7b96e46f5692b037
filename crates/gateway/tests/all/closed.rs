//! Without a log, a model or an engine there is no service.

use std::sync::Arc;

use gateway::{AdminCommand, Refusal};
use testkit::{Act, Gate, House, ScriptedGenerate, chat, collect, until};

fn closed<T>(outcome: Result<T, Refusal>) -> String {
    match outcome {
        Err(Refusal::Closed { why }) => why,
        Err(other) => panic!("refused otherwise: {other}"),
        Ok(_) => panic!("let through"),
    }
}

#[tokio::test]
async fn a_log_that_cannot_be_written_closes_the_gate() {
    let house = House::new().await;
    let caller = house.caller("pilot").await;
    assert!(
        collect(house.gateway.generate(caller.clone(), chat("Dag.")).await.unwrap()).await.receipt.is_some()
    );
    let leaves = house.leaves().len();
    house.disk.strike();
    closed(house.gateway.generate(caller.clone(), chat("Dag.")).await);
    // The writer's thread tells whoever waits first, and closes the log a moment later.
    until(|| house.gateway.ready().is_err()).await;
    for _ in 0..3 {
        assert!(
            closed(house.gateway.generate(caller.clone(), chat("Dag.")).await)
                .starts_with("the log is closed")
        );
        closed(house.authenticate(Some(house.key("pilot"))).await);
        closed(house.authenticate(None).await);
        closed(house.gateway.ready());
    }
    closed(house.gateway.administer(AdminCommand::ListKeys, 1000).await);
    assert_eq!(house.generator.requests().len(), 1, "something was generated without a log");
    assert_eq!(house.leaves().len(), leaves);
    let gauges = house.gateway.gauges();
    for name in ["ready", "log_open"] {
        assert_eq!(gauges.iter().find(|gauge| gauge.name == name).unwrap().value, 0);
    }
}

#[tokio::test]
async fn a_denial_that_cannot_be_sealed_is_not_told_as_one() {
    let house = House::new().await;
    let caller = house.caller("demo").await;
    house.disk.strike();
    closed(house.gateway.generate(caller, chat("Mail mij: jan@voorbeeld.nl")).await);
}

#[tokio::test]
async fn an_answer_whose_outcome_cannot_be_sealed_fails() {
    let gate = Gate::default();
    let waiting = gate.clone();
    let house = House::builder()
        .generator(move |_| {
            Arc::new(ScriptedGenerate::new(move |_| vec![Act::Token(100), Act::Wait(waiting.clone())]))
        })
        .start()
        .await;
    let caller = house.caller("pilot").await;
    let answer = house.gateway.generate(caller, chat("Dag.")).await.unwrap();
    house.disk.strike();
    gate.open();
    let all = collect(answer).await;
    assert!(all.receipt.is_none(), "a receipt for what is not in the log");
    assert!(all.failed.is_some());
    assert!(house.outcomes().is_empty());
}

#[tokio::test]
async fn nothing_is_served_while_the_model_loads() {
    let house = House::builder().still_loading().start().await;
    let caller = house.caller("pilot").await;
    let loading = "the model is being loaded; try again shortly";
    assert_eq!(closed(house.gateway.generate(caller.clone(), chat("Dag.")).await), loading);
    assert_eq!(closed(house.gateway.ready()), loading);
    assert_eq!(closed(house.gateway.models(&caller).await), loading);
    house.serve().await;
    house.gateway.ready().unwrap();
    assert_eq!(house.gateway.models(&caller).await.unwrap()[0].id, "tiny");
    assert!(collect(house.gateway.generate(caller, chat("Dag.")).await.unwrap()).await.receipt.is_some());
}

#[tokio::test]
async fn a_broken_engine_closes_the_gate_before_anything_is_sealed() {
    let scripted = Arc::new(ScriptedGenerate::tokens(&[100]));
    let generator = Arc::clone(&scripted);
    let house = House::builder().generator(move |_| generator).start().await;
    let caller = house.caller("pilot").await;
    let leaves = house.leaves().len();
    scripted.break_down("the engine has stopped after a fault");
    assert_eq!(
        closed(house.gateway.generate(caller, chat("Dag.")).await),
        "the engine has stopped after a fault"
    );
    closed(house.gateway.ready());
    assert_eq!(house.leaves().len(), leaves);
}
