//! Scores of tokens: what the model said of each, and no more of its text than the answer shows.

use std::sync::{Arc, Mutex};

use gateway::{AnswerEvent, Finish, GenerationRequest, Input, TokenScore};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use testkit::{Act, Collected, House, HouseBuilder, ScriptedGenerate, chat, collect, complete, within};
use zeroize::Zeroizing;

/// A house that says whatever the cell holds, with these texts' first tokens as alternatives.
fn saying(cell: &Arc<Mutex<String>>, beside: &'static [&'static str]) -> HouseBuilder {
    let cell = Arc::clone(cell);
    House::builder().generator(move |tokenizer| {
        let others: Vec<u32> = beside.iter().map(|text| tokenizer.encode(text).unwrap()[0]).collect();
        let tokenizer = Arc::clone(tokenizer);
        let script = move |_: &engine::SequenceRequest| {
            let ids = tokenizer.encode(&cell.lock().unwrap()).unwrap();
            ids.iter().copied().map(Act::Token).collect()
        };
        Arc::new(ScriptedGenerate::new(script).beside(&others))
    })
}

fn scored(mut request: GenerationRequest, top: u32) -> GenerationRequest {
    request.params.logprobs = Some(top);
    request.params.max_tokens = None;
    request
}

fn joined(scores: &[TokenScore]) -> String {
    String::from_utf8(scores.iter().flat_map(|score| score.text.clone()).collect()).unwrap()
}

async fn ask(house: &House, request: GenerationRequest) -> Collected {
    collect(house.gateway.generate(house.caller("pilot").await, request).await.unwrap()).await
}

#[tokio::test]
async fn every_token_has_its_score_its_text_and_its_place() {
    let said = "Dag, \u{20ac} en wereld.";
    let house = saying(&Arc::new(Mutex::new(said.to_owned())), &["!"]).start().await;
    let all = ask(&house, scored(chat("Hallo."), 2)).await;
    assert_eq!(all.texts, [said]);
    let tokens = house.tokenizer.encode(said).unwrap();
    let scores = &all.scores[0];
    assert_eq!((joined(scores).as_str(), scores.len()), (said, tokens.len()));
    for (score, id) in scores.iter().zip(tokens.iter()) {
        assert_eq!(score.text, *house.tokenizer.token_bytes(*id), "also of a part of a character");
        assert_eq!(score.logprob, Some(-std::f64::consts::LN_2));
        assert_eq!(score.top[0].text, score.text);
        assert_eq!((score.top[1].text.as_slice(), score.top.len()), (b"!".as_slice(), 2));
    }
    assert!(scores.is_sorted_by_key(|score| score.offset));
    assert_eq!(scores.last().unwrap().offset, said.chars().count() - 1);
    // Without being asked nothing is told.
    assert!(ask(&house, chat("Hallo.")).await.scores[0].is_empty());
    house.stop_and_verify().await;
}

#[tokio::test]
async fn what_is_masked_is_masked_in_the_scores() {
    let said = "Zijn BSN is 123456782, noteer dat.";
    let house = saying(&Arc::new(Mutex::new(said.to_owned())), &["7", "x"]).start().await;
    let all = ask(&house, scored(chat("Hallo."), 3)).await;
    assert_eq!(all.texts, ["Zijn BSN is ⟦BSN⟧, noteer dat."]);
    let scores = &all.scores[0];
    assert_eq!(joined(scores), all.texts[0]);
    assert_eq!(scores.len(), house.tokenizer.encode(said).unwrap().len());
    let hidden: Vec<&TokenScore> = scores.iter().filter(|score| score.top.is_empty()).collect();
    assert_eq!(hidden.iter().filter(|score| !score.text.is_empty()).count(), 1);
    assert!(hidden.len() > 1 && hidden.iter().all(|score| score.logprob.is_some()));
    assert!(hidden[0].text.ends_with("⟦BSN⟧".as_bytes()));
    let told = scores.iter().filter(|score| !score.top.is_empty());
    assert!(told.clone().count() > 10 && told.clone().all(|score| score.top[0].text == score.text));
    assert!(told.clone().all(|score| !score.text.iter().any(u8::is_ascii_digit)));
    house.stop_and_verify().await;
}

#[tokio::test]
async fn what_is_put_back_is_put_back_in_the_scores() {
    let house = saying(&Arc::new(Mutex::new("Uw BSN is ⟦BSN_1⟧.".to_owned())), &["x"]).start().await;
    let all = ask(&house, scored(chat("Mijn BSN is 111222333."), 1)).await;
    assert_eq!(all.texts, ["Uw BSN is 111222333."]);
    let scores = &all.scores[0];
    assert_eq!(joined(scores), all.texts[0]);
    let put_back = scores.iter().find(|score| score.text.ends_with(b"111222333")).unwrap();
    assert!(put_back.top.is_empty());
    house.stop_and_verify().await;
}

#[tokio::test]
async fn an_alternative_that_would_have_been_masked_is_not_shown() {
    // With the digit that was not said, the number before it is a citizen service number.
    let said = "Zijn BSN is 12345678 of zo.";
    let house = saying(&Arc::new(Mutex::new(said.to_owned())), &["2", "!"]).start().await;
    let all = ask(&house, scored(chat("Hallo."), 3)).await;
    assert_eq!(all.texts, [said], "eight digits are none");
    let after = all.scores[0].iter().find(|score| score.offset == "Zijn BSN is 12345678".len()).unwrap();
    let told: Vec<_> = after.top.iter().map(|other| String::from_utf8_lossy(&other.text)).collect();
    assert_eq!(told[1..], ["⟦…⟧", "!"], "its score stays");
    assert!(after.top[1].logprob > after.top[2].logprob);
    let first = &all.scores[0][0].top;
    assert_eq!(first[1].text, b"2", "elsewhere it is a digit");
    house.stop_and_verify().await;
}

#[tokio::test]
async fn what_a_stop_string_cuts_has_no_score() {
    let house = saying(&Arc::new(Mutex::new("Een, twee, drie.".to_owned())), &[]).start().await;
    let mut request = scored(chat("Tel."), 0);
    request.stop = vec![Zeroizing::new("drie".to_owned())];
    let all = ask(&house, request).await;
    assert_eq!((all.texts[0].as_str(), all.finishes[0]), ("Een, twee, ", Some(Finish::StopString(0))));
    assert_eq!(joined(&all.scores[0]), "Een, twee, ");
    house.stop_and_verify().await;
}

#[tokio::test]
async fn the_prompt_comes_first_as_the_model_read_it() {
    let house = saying(&Arc::new(Mutex::new("Goed.".to_owned())), &["x"]).start().await;
    let prompts = ["Mijn BSN is 111222333.", "Dag \u{20ac}."];
    for (max_tokens, answer) in [(Some(0), ""), (None, "Goed.")] {
        let mut request = scored(complete(&prompts), 1);
        (request.params.echo, request.params.max_tokens) = (true, max_tokens);
        let all = ask(&house, request).await;
        let read = ["Mijn BSN is ⟦BSN_1⟧.", prompts[1]];
        let finish = if answer.is_empty() { Finish::Length } else { Finish::Stop };
        for (choice, read) in read.iter().enumerate() {
            assert_eq!(all.texts[choice], format!("{read}{answer}"));
            assert_eq!(joined(&all.scores[choice]), all.texts[choice]);
            let scores = &all.scores[choice];
            let tokens = [read, answer].map(|text| house.tokenizer.encode(text).unwrap().len());
            let bos = usize::from(house.tokenizer.add_bos());
            assert_eq!(scores.len(), bos + tokens[0] + tokens[1]);
            assert!(scores[0].logprob.is_none() && scores[1..].iter().all(|score| score.logprob.is_some()));
            assert_eq!(all.finishes[choice], Some(finish));
            assert!(scores.is_sorted_by_key(|score| score.offset));
        }
        // Committed to as it was shown.
        let receipt = all.receipt.unwrap();
        let facts = house.outcomes().pop().unwrap().facts;
        for (choice, text) in facts.choices.iter().zip(&all.texts) {
            assert_eq!(choice.client_commit, receipt.key().unwrap().commit(text.as_bytes()));
        }
        assert_eq!(all.usage.unwrap().completion_tokens == 0, max_tokens == Some(0));
    }
    // The prompt alone, without scores.
    let mut request = complete(&["Dag."]);
    (request.params.echo, request.params.max_tokens) = (true, Some(0));
    let all = ask(&house, request).await;
    assert_eq!((all.texts[0].as_str(), all.scores[0].len()), ("Dag.", 0));
    house.stop_and_verify().await;
}

/// What an evaluation does: a greedy answer, then prompt and answer as token ids, read back.
#[tokio::test]
async fn a_greedy_answer_read_back_is_greedy_through_the_whole_house() {
    let house = House::new().await;
    let prompt = house.tokenizer.encode("Een gewone zin.").unwrap();
    let mut request = scored(complete(&[""]), 1);
    request.input = Input::Tokens(vec![prompt.clone()]);
    (request.params.max_tokens, request.params.ignore_eos) = (Some(12), true);
    let answer = ask(&house, request).await;
    let generated = house.generator.emitted().pop().unwrap();
    let plain = |id: &u32| !house.tokenizer.is_control(*id);
    let generated: Vec<u32> = generated.into_iter().take_while(plain).collect();
    assert!(generated.len() > 3);
    let mut request = scored(complete(&[""]), 1);
    request.input = Input::Tokens(vec![Zeroizing::new([prompt.as_slice(), &generated].concat())]);
    (request.params.echo, request.params.max_tokens) = (true, Some(1));
    let read = ask(&house, request).await;
    let read = &read.scores[0][prompt.len()..][..generated.len()];
    for (read, said) in read.iter().zip(&answer.scores[0]) {
        let bits = |score: &TokenScore| score.logprob.unwrap().to_bits();
        assert_eq!(bits(read), bits(said));
        assert_eq!(read.top[0].logprob.to_bits(), bits(read), "the likeliest");
    }
    house.stop_and_verify().await;
}

/// Texts with numbers that are masked, values that are put back, characters of several tokens, and marks of their own.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-z]{1,6} ",
        1 => Just("123456782".to_owned()),
        1 => Just("jan@voorbeeld.nl ".to_owned()),
        1 => Just("⟦BSN_1⟧".to_owned()),
        1 => Just("⟦".to_owned()),
        1 => Just("\u{20ac}\u{1f600}".to_owned()),
        1 => Just(", BSN ".to_owned()),
        1 => Just("De heer Piet Bakker belt. ".to_owned()),
        1 => "[0-9]{1,9}",
    ];
    prop::collection::vec(piece, 1..10).prop_map(|pieces| pieces.concat())
}

/// Whatever is masked and put back, and wherever a stream is cut: the texts of the scores are the text, and never run ahead.
#[tokio::test]
async fn scores_say_what_is_shown_and_never_before_it() {
    let cell = Arc::new(Mutex::new(String::new()));
    let house = saying(&cell, &["1", "a", "\u{20ac}"]).profile("named", "names = true\n");
    let profile = ("redaction_profile = \"default\"", "redaction_profile = \"named\"");
    let house = house.pilot("named", &[profile]).start().await;
    let mut runner = TestRunner::deterministic();
    for round in 0..80 {
        let said = text().new_tree(&mut runner).unwrap().current();
        *cell.lock().unwrap() = said.clone();
        let use_case = if round % 2 == 0 { "pilot" } else { "named" };
        let request = scored(chat("Mijn BSN is 111222333."), 3);
        let mut answer = house.gateway.generate(house.caller(use_case).await, request).await.unwrap();
        let (mut shown, mut told, mut count) = (String::new(), Vec::new(), 0);
        while let Some(event) = within(answer.next()).await {
            match event {
                AnswerEvent::Delta { text, .. } => {
                    shown.push_str(&text);
                    assert!(shown.as_bytes().starts_with(&told), "{said:?}: told before it was shown");
                }
                AnswerEvent::Scores { scores, .. } => {
                    count += scores.len();
                    told.extend(scores.iter().flat_map(|score| score.text.clone()));
                }
                _ => {}
            }
        }
        assert_eq!(String::from_utf8_lossy(&told), shown, "{said:?}");
        assert_eq!(count, house.tokenizer.encode(&said).unwrap().len(), "{said:?}");
    }
    house.stop_and_verify().await;
}
