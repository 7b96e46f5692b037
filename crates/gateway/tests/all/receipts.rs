//! A receipt proves what happened to whoever holds the text.

use provenance::{Intent, Outcome, Proven, Receipt};
use testkit::{Collected, House, chat, collect, complete};
use zeroize::Zeroizing;

fn served(house: &House, receipt: &Receipt) -> (Intent, Outcome) {
    match receipt.verify(&house.verifier).unwrap() {
        Proven::Served { intent, outcome } => (*intent, *outcome),
        Proven::Denied(_) => panic!("a receipt of a denial"),
    }
}

/// Every commitment in the receipt, computed again from what the caller and the engine saw.
fn check(house: &House, all: &Collected, first: usize, client_input: &[u8]) {
    let receipt = all.receipt.as_ref().unwrap();
    let (intent, outcome) = served(house, receipt);
    let key = receipt.key().unwrap();
    let requests = house.generator.requests();
    let emitted = house.generator.emitted();

    let input = intent.request.input.unwrap();
    assert_eq!(input.client_commit, key.commit(client_input));
    let n = intent.request.sampling.as_ref().unwrap().n as usize;
    let prompts: Vec<&[u32]> = requests[first..].iter().step_by(n).map(|r| r.prompt.as_slice()).collect();
    assert_eq!(input.token_commit.unwrap(), key.commit_prompts(&prompts));
    assert_eq!(input.tokens as usize, prompts.iter().map(|prompt| prompt.len()).sum::<usize>());
    assert_eq!(input.prompts as usize, prompts.len());

    assert_eq!(outcome.facts.choices.len(), all.texts.len());
    for (choice, facts) in outcome.facts.choices.iter().enumerate() {
        assert_eq!(facts.client_commit, key.commit(all.texts[choice].as_bytes()));
        assert_eq!(facts.token_commit, key.commit_tokens(&emitted[first + choice]));
        assert_eq!(facts.tokens as usize, emitted[first + choice].len());
        assert!(facts.marked);
    }
    let usage = all.usage.unwrap();
    assert_eq!((usage.prompt_tokens, intent.request.demo), (input.tokens, false));
}

#[tokio::test]
async fn commitments_recompute_from_input_tokens_and_shown_text() {
    let house = House::new().await;
    let caller = house.caller("pilot").await;
    let text = "Mijn BSN is 111222333; schrijf een brief.";
    let all = collect(house.gateway.generate(caller.clone(), chat(text)).await.unwrap()).await;
    check(&house, &all, 0, text.as_bytes());

    let mut request = complete(&["een", "twee"]);
    request.params.n = 2;
    request.params.temperature = Some(1.0);
    let all = collect(house.gateway.generate(caller, request).await.unwrap()).await;
    check(&house, &all, 1, b"eentwee");
    house.stop_and_verify().await;
}

#[tokio::test]
async fn the_text_committed_to_is_the_text_shown_after_restoring_and_stopping() {
    let house = House::builder().saying("BSN ⟦BSN_1⟧. Einde! En meer.").start().await;
    let caller = house.caller("pilot").await;
    let mut request = chat("Mijn BSN is 111222333.");
    request.params.max_tokens = None;
    request.stop = vec![Zeroizing::new("Einde!".to_owned())];
    let all = collect(house.gateway.generate(caller, request).await.unwrap()).await;
    assert_eq!(all.texts[0], "BSN 111222333. ");
    check(&house, &all, 0, "Mijn BSN is 111222333.".as_bytes());
}

#[tokio::test]
async fn a_receipt_that_was_touched_does_not_verify() {
    let house = House::new().await;
    let caller = house.caller("pilot").await;
    let mut receipts = Vec::new();
    for _ in 0..2 {
        let answer = house.gateway.generate(caller.clone(), chat("Dag.")).await.unwrap();
        let id = answer.receipt_id().to_owned();
        let receipt = collect(answer).await.receipt.unwrap();
        assert_eq!(receipt.id.to_hex(), id);
        receipts.push(receipt);
    }
    let copy = |receipt: &Receipt| Receipt {
        v: receipt.v,
        id: receipt.id,
        log: receipt.log.clone(),
        leaves: receipt
            .leaves
            .iter()
            .map(|leaf| provenance::ReceiptLeaf {
                index: leaf.index,
                leaf: leaf.leaf.clone(),
                proof: leaf.proof.clone(),
            })
            .collect(),
        request_key: receipt.request_key.clone(),
    };
    assert!(copy(&receipts[0]).verify(&house.verifier).is_ok());
    let mut other = copy(&receipts[0]);
    other.id = receipts[1].id;
    assert!(other.verify(&house.verifier).is_err(), "another id");
    let mut mixed = copy(&receipts[0]);
    mixed.leaves[1] = copy(&receipts[1]).leaves.remove(1);
    assert!(mixed.verify(&house.verifier).is_err(), "the outcome of another request");
    let mut edited = copy(&receipts[0]);
    edited.leaves[0].leaf = edited.leaves[0].leaf.replace("\"chat\"", "\"talk\"");
    assert!(edited.verify(&house.verifier).is_err(), "an edited leaf");
    let stranger = provenance::note::NoteSigner::from_seed(house.verifier.name(), &[8; 32]).unwrap();
    assert!(receipts[0].verify(&stranger.verifier()).is_err(), "another log's key");
}
