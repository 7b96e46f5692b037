//! Intent before the first token, outcome before the end, one outcome whatever happens.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};

use engine::FinishReason;
use gateway::{AnswerEvent, Finish, Refusal};
use provenance::{EndReason, Leaf, Status};
use testkit::{
    Act, Gate, House, RecordingGenerate, ScriptedGenerate, chat, collect, complete, until, within,
};

type Script = dyn Fn() -> Vec<Act> + Send + Sync;

async fn scripted(script: Box<Script>) -> House {
    House::builder().places(1).generator(|_| Arc::new(ScriptedGenerate::new(move |_| script()))).start().await
}

fn letters() -> Vec<Act> {
    (b'a'..=b'c').map(|byte| Act::Token(u32::from(byte) + 3)).collect()
}

fn events(dir: &std::path::Path) -> Vec<&'static str> {
    let mut events = Vec::new();
    provenance::show(dir, |shown| {
        events.push(shown.entry.leaf.event());
        true
    })
    .unwrap();
    events
}

#[tokio::test]
async fn the_intent_is_durable_before_the_first_token_is_asked() {
    let place: Arc<OnceLock<PathBuf>> = Arc::default();
    let seen: Arc<Mutex<Vec<&'static str>>> = Arc::default();
    let (there, then) = (Arc::clone(&place), Arc::clone(&seen));
    let house = scripted(Box::new(move || {
        let (there, then) = (Arc::clone(&there), Arc::clone(&then));
        // Made at submission: the intent has to be in the journal by now, not only when the stream is polled.
        then.lock().unwrap().extend(events(there.get().unwrap()).last());
        let look = move || then.lock().unwrap().extend(events(there.get().unwrap()).last());
        [Act::See(Box::new(look))].into_iter().chain(letters()).collect()
    }))
    .await;
    place.set(house.folder().join("log")).unwrap();
    let caller = house.caller("pilot").await;
    let mut answer = house.gateway.generate(caller, chat("Dag.")).await.unwrap();
    while let Some(event) = within(answer.next()).await {
        if matches!(event, AnswerEvent::Sealed { .. }) {
            let Leaf::Outcome(outcome) = house.last_leaf() else { panic!("sealed without an outcome") };
            assert_eq!(outcome.id.to_hex(), answer.receipt_id());
            assert_eq!((outcome.facts.status, outcome.facts.choices[0].tokens), (Status::Completed, 4));
        }
    }
    assert_eq!(*seen.lock().unwrap(), ["intent", "intent"]);
    assert_eq!(house.outcomes().len(), 1);
    drop(answer);
    house.stop_and_verify().await;
}

#[tokio::test]
async fn a_dropped_answer_is_aborted_counted_and_gives_everything_back() {
    let gate = Gate::default();
    let waiting = gate.clone();
    let prompt = "Er was eens";
    let room = {
        let house = House::new().await;
        house.tokenizer.encode(prompt).unwrap().len() as u64
    };
    // What the first took and what the second may take: it fits only if the rest of the first is given back.
    let tokens_per_day = (room + 3) + (room + 8);
    let house = House::builder()
        .places(1)
        .pilot("small", &[("tokens_per_day = 1_000_000", &format!("tokens_per_day = {tokens_per_day}"))])
        .generator(move |_| {
            Arc::new(ScriptedGenerate::new(move |_| {
                letters().into_iter().chain([Act::Wait(waiting.clone())]).collect()
            }))
        })
        .start()
        .await;
    let caller = house.caller("small").await;
    let mut answer = house.gateway.generate(caller.clone(), complete(&[prompt])).await.unwrap();
    tokio::select! {
        _ = answer.next() => panic!("text came through the screen too early"),
        () = until(|| house.generator.emitted()[0].len() == 3) => {}
    }
    assert!(matches!(
        house.gateway.generate(caller.clone(), complete(&[prompt])).await,
        Err(Refusal::Busy { .. })
    ));
    let id = answer.receipt_id().to_owned();
    drop(answer);
    assert_eq!(house.generator.live(), 0, "the sequence outlives its reader");
    until(|| house.outcomes().len() == 1).await;
    let outcome = house.outcomes().pop().unwrap();
    assert_eq!(outcome.id.to_hex(), id);
    assert_eq!((outcome.facts.status, outcome.facts.reason), (Status::Aborted, Some(EndReason::Dropped)));
    assert_eq!(outcome.facts.choices[0].tokens, 3);
    assert_eq!(outcome.facts.choices[0].finish, provenance::Finish::Aborted);

    gate.open();
    // Settling happens on another thread, so the allowance comes back a moment later.
    let second = within(async {
        loop {
            match house.gateway.generate(caller.clone(), complete(&[prompt])).await {
                Ok(answer) => break answer,
                Err(Refusal::Denied(denied)) => assert_eq!(denied.rule, "quota-tokens-per-day"),
                Err(other) => panic!("{other}"),
            }
        }
    })
    .await;
    assert!(collect(second).await.receipt.is_some());
    house.stop_and_verify().await;
}

/// How a request ends whose script goes wrong after three tokens.
async fn goes_wrong(last: impl Fn() -> Act + Send + Sync + 'static) -> (Option<String>, Status, EndReason) {
    let house = scripted(Box::new(move || letters().into_iter().chain([last()]).collect())).await;
    let caller = house.caller("pilot").await;
    let all = collect(house.gateway.generate(caller, chat("Dag.")).await.unwrap()).await;
    assert!(all.receipt.is_none() && all.usage.is_none() && all.finishes[0].is_none());
    until(|| house.outcomes().len() == 1).await;
    let outcome = house.outcomes().pop().unwrap().facts;
    assert_eq!((outcome.choices[0].tokens, outcome.choices[0].finish), (3, provenance::Finish::Failed));
    assert_eq!(house.generator.live(), 0);
    house.stop_and_verify().await;
    (all.failed, outcome.status, outcome.reason.unwrap())
}

#[tokio::test]
async fn an_engine_that_fails_or_falls_silent_seals_a_failure() {
    for last in [|| Act::End(FinishReason::Failed), || Act::End(FinishReason::Aborted), || Act::Vanish] {
        let (why, status, reason) = goes_wrong(last).await;
        assert_eq!(why.unwrap(), "the engine failed or was stopped; the answer is incomplete");
        assert_eq!((status, reason), (Status::Failed, EndReason::Engine));
    }
}

#[tokio::test]
async fn a_panic_in_the_stream_is_sealed_and_frees_the_place() {
    let house = scripted(Box::new(|| letters().into_iter().chain([Act::Panic]).collect())).await;
    for round in 1..=2 {
        let caller = house.caller("pilot").await;
        let answer = house.gateway.generate(caller, chat("Dag.")).await.unwrap();
        assert!(tokio::spawn(collect(answer)).await.is_err_and(|error| error.is_panic()));
        until(|| house.outcomes().len() == round).await;
        let outcome = house.outcomes().pop().unwrap().facts;
        assert_eq!((outcome.status, outcome.reason), (Status::Aborted, Some(EndReason::Dropped)));
        assert_eq!(outcome.choices[0].tokens, 3);
    }
    house.stop_and_verify().await;
}

#[tokio::test]
async fn an_answer_that_cannot_be_screened_is_stopped_and_sealed_as_failed() {
    let house = House::builder()
        .profile("narrow", "[limits]\nfindings_max = 2\n")
        .pilot("narrow", &[("redaction_profile = \"default\"", "redaction_profile = \"narrow\"")])
        .saying("BSN 111222333, BSN 123456782, BSN 111222333, BSN 123456782, BSN 111222333.")
        .start()
        .await;
    let caller = house.caller("narrow").await;
    let mut request = chat("Dag.");
    request.params.max_tokens = None;
    let all = collect(house.gateway.generate(caller, request).await.unwrap()).await;
    assert_eq!(all.failed.unwrap(), "the answer could not be screened for personal data and was stopped");
    assert!(!all.texts[0].contains("111222333") && !all.texts[0].contains("123456782"));
    until(|| house.outcomes().len() == 1).await;
    let outcome = house.outcomes().pop().unwrap().facts;
    assert_eq!((outcome.status, outcome.reason), (Status::Failed, Some(EndReason::Screen)));
    assert_eq!(house.generator.live(), 0);
    house.stop_and_verify().await;
}

#[tokio::test]
async fn a_submission_the_engine_refuses_is_sealed_as_failed() {
    let scripted = Arc::new(ScriptedGenerate::tokens(&[100]));
    let generator = Arc::clone(&scripted);
    let house = House::builder().places(1).generator(move |_| generator).start().await;
    let caller = house.caller("pilot").await;
    scripted.refuse_next(engine::SubmitError::QueueFull { queued: 3, retry_after_s: 9 });
    let refused = house.gateway.generate(caller.clone(), chat("Dag.")).await;
    assert!(matches!(refused, Err(Refusal::Busy { retry_after_s: 9 })));
    until(|| house.outcomes().len() == 1).await;
    let outcome = house.outcomes().pop().unwrap().facts;
    assert_eq!((outcome.status, outcome.reason), (Status::Failed, Some(EndReason::Engine)));
    let all = collect(house.gateway.generate(caller, chat("Dag.")).await.unwrap()).await;
    assert_eq!(all.finishes, [Some(Finish::Stop)]);
    house.stop_and_verify().await;
}

#[tokio::test]
async fn one_choice_that_fails_ends_them_all() {
    let house = House::builder()
        .generator(|_| {
            Arc::new(ScriptedGenerate::new(|request| {
                let bad = request.sampling.seed == 8;
                let last = if bad { Act::End(FinishReason::Failed) } else { Act::Wait(Gate::default()) };
                letters().into_iter().chain([last]).collect()
            }))
        })
        .start()
        .await;
    let caller = house.caller("pilot").await;
    let mut request = chat("Dag.");
    request.params.n = 3;
    let all = collect(house.gateway.generate(caller, request).await.unwrap()).await;
    assert!(all.failed.is_some());
    assert_eq!(house.generator.live(), 0);
    until(|| house.outcomes().len() == 1).await;
    assert_eq!(house.outcomes()[0].facts.choices.len(), 3);
    house.stop_and_verify().await;
}

#[tokio::test]
async fn stopping_seals_what_still_runs() {
    let gate = Gate::default();
    let waiting = gate.clone();
    let house = scripted(Box::new(move || vec![Act::Wait(waiting.clone())])).await;
    let caller = house.caller("pilot").await;
    let answer = house.gateway.generate(caller, chat("Dag.")).await.unwrap();
    house.stop_and_verify().await;
    let outcome = house.outcomes().pop().unwrap().facts;
    assert_eq!((outcome.status, outcome.reason), (Status::Aborted, Some(EndReason::Shutdown)));
    gate.open();
    let all = collect(answer).await;
    assert!(all.receipt.is_none() && all.failed.is_some(), "an answer ended as if it were sealed");
}

/// The recorder is only a recorder: what it passes on is what the script gave.
#[tokio::test]
async fn the_recorder_counts_the_stop_token() {
    let generator = RecordingGenerate::new(Arc::new(ScriptedGenerate::tokens(&[5, 6])));
    let generator = Arc::new(generator);
    let inner = Arc::clone(&generator);
    let house = House::builder().generator(move |_| inner).start().await;
    let caller = house.caller("pilot").await;
    let all = collect(house.gateway.generate(caller, chat("Dag.")).await.unwrap()).await;
    let stop = house.tokenizer.end_of_generation()[0];
    assert_eq!(generator.emitted(), [[5, 6, stop]]);
    assert_eq!(all.usage.unwrap().completion_tokens, 3);
}
