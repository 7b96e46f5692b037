//! Strings that may not be rewritten must hold no personal data. (That the server hands every one of them in is
//! tested there.)

use gateway::{GenerationRequest, Scanned};
use testkit::{House, chat, collect};
use zeroize::Zeroizing;

use crate::denied;

/// One of each kind, as a client might put it into any field.
const DATA: &[(&str, &str)] = &[
    ("bsn", "BSN 111222333"),
    ("iban", "NL91ABNA0417164300"),
    ("email", "jan.jansen@voorbeeld.nl"),
    ("phone", "bel 06-12345678"),
    ("postcode", "1234 AB 12"),
];

fn with_field(pointer: &str, text: &str) -> GenerationRequest {
    let mut request = chat("Dag.");
    request.scanned.push(Scanned { pointer: "/model".to_owned(), text: Zeroizing::new("tiny".to_owned()) });
    request.scanned.push(Scanned { pointer: pointer.to_owned(), text: Zeroizing::new(text.to_owned()) });
    request
}

#[tokio::test]
async fn each_kind_in_any_field_is_refused_by_pointer_and_never_quoted() {
    let house = House::new().await;
    let caller = house.caller("pilot").await;
    for (kind, text) in DATA {
        let mut stop = chat("Dag.");
        stop.stop = vec![Zeroizing::new("einde".to_owned()), Zeroizing::new((*text).to_owned())];
        let requests = [
            ("/stop", stop),
            ("/user", with_field("/user", text)),
            ("/metadata (a key)", with_field("/metadata (a key)", text)),
        ];
        for (pointer, request) in requests {
            let said = denied(house.gateway.generate(caller.clone(), request).await);
            assert_eq!(said.rule, "personal-data-in-fixed-field");
            for remedy in [&said.remedy, &said.remedy_nl] {
                assert!(remedy.starts_with(pointer) && remedy.contains(kind), "{remedy}");
                assert!(!remedy.contains(text));
            }
            let leaf = house.denials().pop().unwrap();
            assert_eq!(leaf.request.decision.stage, provenance::Stage::Redact);
        }
        assert!(!house.leaves_text().contains(text));
    }
    assert!(house.generator.requests().is_empty());
    house.stop_and_verify().await;
}

#[tokio::test]
async fn harmless_fields_pass() {
    let house = House::new().await;
    let caller = house.caller("pilot").await;
    let mut request = with_field("/user", "afdeling 12");
    request.stop = vec![Zeroizing::new("\n\nUser:".to_owned())];
    assert!(collect(house.gateway.generate(caller, request).await.unwrap()).await.receipt.is_some());
}
