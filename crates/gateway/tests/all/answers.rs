//! What an answer carries besides the text of the model: a mark that people see, and what it took.

use gateway::GenerationRequest;
use provenance::{EnergySource, Leaf};
use testkit::{House, chat, collect, complete, until};

#[tokio::test]
async fn the_mark_of_the_record_stands_under_every_answer_and_is_committed_to() {
    let mark = "Gemaakt met AI; lees het na.";
    let house = House::builder()
        .saying("Beste,")
        .pilot(
            "marked",
            &[(
                "restore_placeholders = true",
                &format!("restore_placeholders = true\nvisible_mark = \"{mark}\""),
            )],
        )
        .start()
        .await;
    let requests: [fn() -> GenerationRequest; 2] = [|| chat("Dag."), || complete(&["Dag."])];
    for request in requests {
        let caller = house.caller("marked").await;
        let marked = collect(house.gateway.generate(caller, request()).await.unwrap()).await;
        assert_eq!(marked.texts, [format!("Beste,\n\n{mark}")]);
        let receipt = marked.receipt.unwrap();
        let Leaf::Outcome(outcome) = house.last_leaf() else { panic!("no outcome") };
        let key = receipt.key().unwrap();
        assert_eq!(outcome.facts.choices[0].client_commit, key.commit(marked.texts[0].as_bytes()));
        let caller = house.caller("pilot").await;
        let plain = collect(house.gateway.generate(caller, request()).await.unwrap()).await;
        assert_eq!(plain.texts, ["Beste,"]);
    }
    house.stop_and_verify().await;
}

#[tokio::test]
async fn every_answer_says_what_it_took_also_one_that_was_dropped() {
    let house = House::new().await;
    for (index, drop_it) in [false, true].into_iter().enumerate() {
        let caller = house.caller("pilot").await;
        let mut answer = house.gateway.generate(caller, chat("Schrijf een lange brief.")).await.unwrap();
        if drop_it {
            // With the second token the time of the first has been counted.
            tokio::select! {
                _ = answer.next() => {}
                () = until(|| house.generator.emitted()[1].len() >= 2) => {}
            }
            until(|| house.generator.emitted()[1].len() >= 2).await;
            drop(answer);
            until(|| house.outcomes().len() == 2).await;
        } else {
            collect(answer).await;
        }
        let outcome = house.outcomes().swap_remove(index);
        assert_eq!(outcome.facts.energy_source, Some(EnergySource::Stated));
        // 20 watts, for at most the time that it ran.
        let millijoules = outcome.facts.joules_milli.unwrap();
        assert!(millijoules <= 20 * (outcome.facts.ms + 50), "{millijoules} mJ in {} ms", outcome.facts.ms);
    }
    let gauges = house.gateway.gauges();
    assert!(gauges.iter().any(|gauge| gauge.name == "energy_millijoules_total"));
    house.stop_and_verify().await;
}
