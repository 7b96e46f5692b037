//! Models that think before they answer: thoughts are told apart, and go through the screen as the answer does.

use gateway::{Finish, Refusal};
use testkit::{House, HouseBuilder, ScriptedGenerate, chat, collect, complete};
use zeroize::Zeroizing;

/// A house whose template knows the tags, and that says `text`.
fn thinking(text: &str) -> HouseBuilder {
    House::builder().saying(text).template(|source| format!("{source}{{# <think></think> #}}"))
}

async fn ask(house: &House, mut request: gateway::GenerationRequest) -> testkit::Collected {
    request.params.max_tokens = None;
    collect(house.gateway.generate(house.caller("pilot").await, request).await.unwrap()).await
}

#[tokio::test]
async fn thoughts_are_told_apart_screened_restored_and_committed_to() {
    let said = "<think>\nEen BSN, 123456782, en ⟦BSN_1⟧.\n</think>\n\nUw nummer is ⟦BSN_1⟧, niet 123456782.";
    let house = thinking(said).start().await;
    let all = ask(&house, chat("Mijn BSN is 111222333.")).await;
    assert_eq!(all.thoughts, ["Een BSN, ⟦BSN⟧, en 111222333."]);
    assert_eq!(all.texts, ["Uw nummer is 111222333, niet ⟦BSN⟧."]);
    let facts = house.outcomes().pop().unwrap().facts;
    let screen = facts.screen.unwrap();
    assert_eq!((screen.restored, screen.counts.values().sum::<u32>()), (2, 2));
    let message = format!(r#"{{"content":"{}","reasoning_content":"{}"}}"#, all.texts[0], all.thoughts[0]);
    let key = all.receipt.unwrap().key().unwrap();
    assert_eq!(facts.choices[0].client_commit, key.commit(message.as_bytes()));
    // Whose prompt is no conversation gets what the model wrote.
    let plain = ask(&house, complete(&["Dag."])).await;
    assert!(plain.texts[0].starts_with("<think>") && plain.thoughts[0].is_empty());
    house.stop_and_verify().await;
}

#[tokio::test]
async fn stop_strings_end_a_thought_too_and_scores_are_of_the_answer() {
    let house = thinking("<think>Een. Twee.</think>Ja. Nee.").start().await;
    for (stop, thought, answer, finish) in [
        ("Twee", "Een. ", "", Finish::StopString(0)),
        ("Nee", "Een. Twee.", "Ja. ", Finish::StopString(0)),
        ("Drie", "Een. Twee.", "Ja. Nee.", Finish::Stop),
    ] {
        let mut request = chat("Tel.");
        request.stop = vec![Zeroizing::new(stop.to_owned())];
        request.params.logprobs = Some(0);
        let all = ask(&house, request).await;
        assert_eq!((all.thoughts[0].as_str(), all.texts[0].as_str()), (thought, answer), "{stop}");
        assert_eq!(all.finishes, [Some(finish)]);
        let told: Vec<u8> = all.scores[0].iter().flat_map(|score| score.text.clone()).collect();
        assert_eq!(told, answer.as_bytes(), "{stop}");
    }
    house.stop_and_verify().await;
}

#[tokio::test]
async fn a_model_without_tags_of_its_own_is_read_as_it_writes() {
    let said = "<think>Hm.</think>Ja.";
    let house = House::builder().saying(said).start().await;
    let all = ask(&house, chat("Dag.")).await;
    assert_eq!((all.texts[0].as_str(), all.thoughts[0].as_str()), (said, ""));
    // A budget would say that it holds something.
    let caller = house.caller("pilot").await;
    let mut request = chat("Dag.");
    request.params.thinking_tokens = Some(5);
    let Err(Refusal::Invalid { field, .. }) = house.gateway.generate(caller, request).await else {
        panic!("taken")
    };
    assert_eq!(field, "thinking_token_budget");
    let mut request = chat("Dag.");
    request.params.thinking_tokens = Some(0);
    assert_eq!(ask(&house, request).await.texts, [said], "none it does not take");
    house.stop_and_verify().await;
}

#[tokio::test]
async fn a_thought_that_the_template_began_and_nothing_ended_is_a_thought() {
    let begun = |source: &str| format!("{source}<think>\n{{# </think> #}}");
    let generator = |tokenizer: &std::sync::Arc<tokenizer::Tokenizer>| {
        let ids = tokenizer.encode("Hm, laat mij denken").unwrap();
        std::sync::Arc::new(ScriptedGenerate::tokens(&ids)) as std::sync::Arc<dyn gateway::Generate>
    };
    let house = House::builder().generator(generator).template(begun).start().await;
    let all = ask(&house, chat("Dag.")).await;
    assert_eq!((all.thoughts[0].as_str(), all.texts[0].as_str()), ("Hm, laat mij denken", ""));
    house.stop_and_verify().await;
}
