//! One request: numbering, actions, limits, JSON, errors.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a failed expectation is the finding"
)]

use redact::{
    Action, Error, Input, JSON_DEPTH_MAX, Kind, KindRule, Limits, Profile, Redactor, RestorePolicy,
};

fn redactor() -> Redactor {
    Redactor::new(Profile::default()).unwrap()
}

fn with(kind: Kind, action: Action) -> Redactor {
    Redactor::new(Profile::default().with_rule(kind, KindRule { action, ..KindRule::default() })).unwrap()
}

#[test]
fn numbers_run_over_all_inputs() {
    let r = redactor()
        .redact_inputs(&[
            Input::Text("BSN 111222333 en BSN 123456782"),
            Input::Json("{\"bsn\": \"123456782\", \"oud\": {\"bsn\": [\"111222333\"]}}"),
            Input::Fixed { text: "zoek_burger", pointer: "/tools/0/function/name" },
            Input::Text("bsn 1112.22.333"),
        ])
        .unwrap();
    let texts: Vec<&str> = r.texts.iter().map(|t| t.as_str()).collect();
    assert_eq!(
        texts,
        [
            "BSN ⟦BSN_1⟧ en BSN ⟦BSN_2⟧",
            "{\"bsn\": \"⟦BSN_2⟧\", \"oud\": {\"bsn\": [\"⟦BSN_1⟧\"]}}",
            "zoek_burger",
            "bsn ⟦BSN_1b⟧"
        ]
    );
    assert_eq!(r.counts.get(&Kind::Bsn), Some(&5));
    let pointers: Vec<Option<&str>> = r.findings.iter().map(|f| f.pointer.as_deref()).collect();
    assert_eq!(pointers, [None, None, Some("/bsn"), Some("/oud/bsn/0"), None]);
    assert!(r.findings.iter().all(|f| !f.reasons.is_empty() && f.score >= 60));
}

#[test]
fn actions() {
    let text = "BSN 111222333, mail jan@ziggo.nl";
    let masked = with(Kind::Bsn, Action::Mask).redact(&[text]).unwrap();
    assert_eq!(*masked.texts[0], "BSN ⟦BSN⟧, mail ⟦E-MAIL_1⟧");
    let back = masked.vault.restorer(&RestorePolicy::all()).restore_all(&masked.texts[0]);
    assert_eq!(back, "BSN ⟦BSN⟧, mail jan@ziggo.nl", "a mask is irreversible");
    let refused = with(Kind::Bsn, Action::Refuse).redact(&[text]).unwrap();
    assert_eq!(refused.refused.get(&Kind::Bsn), Some(&1));
    assert!(!refused.texts[0].contains("111222333"));
    let allowed = with(Kind::Bsn, Action::Allow).redact(&[text]).unwrap();
    assert_eq!(*allowed.texts[0], "BSN 111222333, mail ⟦E-MAIL_1⟧");
    assert_eq!(allowed.counts.get(&Kind::Bsn), Some(&1), "allowed, and counted");
    let unsure = redactor().redact(&["het getal 111222333"]).unwrap();
    assert_eq!((unsure.unresolved.get(&Kind::Bsn), unsure.findings.len()), (Some(&1), 0));
}

#[test]
fn overlaps_are_cut_as_their_union() {
    // The telephone number begins inside the BSN that precedes it, digit by digit.
    let text = "BSN 1 1 1 2 2 2 3 3 3 en mail jan@06-12345678.nl";
    let r = redactor().redact(&[text]).unwrap();
    assert_eq!(*r.texts[0], "BSN ⟦BSN_1⟧ en mail ⟦E-MAIL_1⟧");
    for pair in r.findings.windows(2) {
        assert!(pair[0].end <= pair[1].start);
    }
    let inside = redactor().redact(&["⟦BSN_111222333⟧ is het BSN"]).unwrap();
    assert!(!inside.texts[0].contains("111222333"), "a look-alike is no hiding place");
    let back = inside.vault.restorer(&RestorePolicy::none()).restore_all(&inside.texts[0]);
    assert!(!back.contains("111222333"), "nor a way round the restore policy");
}

#[test]
fn json_keeps_every_other_byte() {
    let json = "{ \"b\" : 1.50e3 ,\t\"a\":[true,null, \"x\\u00e9\\/\"], \"a\": \"tel 06-12345678\\n\\\"\", \"bsn\": 111222333,\r\n\"z\":{} }";
    let r = redactor().redact_json(json).unwrap();
    assert_eq!(
        *r.texts[0],
        "{ \"b\" : 1.50e3 ,\t\"a\":[true,null, \"x\\u00e9\\/\"], \"a\": \"tel ⟦TELEFOON_1⟧\\n\\\"\", \"bsn\": \"⟦BSN_1⟧\",\r\n\"z\":{} }"
    );
    let same = "[ 1, \"niets hier\" , {\"k\":-0.0} ]";
    assert_eq!(*redactor().redact_json(same).unwrap().texts[0], same);
    // An escape does not hide a number.
    let hidden = redactor().redact_json("{\"bsn\":\"\\u0031\\u00311222333\"}").unwrap();
    assert_eq!(*hidden.texts[0], "{\"bsn\":\"⟦BSN_1⟧\"}");
}

#[test]
fn what_may_not_be_rewritten_refuses_and_names_its_place() {
    let fixed = |json: &str| match redactor().redact_json(json) {
        Err(Error::Fixed { pointer, kind, .. }) => (pointer, kind),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("passed"),
    };
    assert_eq!(fixed("{\"a\":[{\"x\":1,\"jan@ziggo.nl\":2}]}"), ("/a/0/{member 1}".to_owned(), Kind::Email));
    let schema = "{\"properties\":{\"e/mail~\":{\"enum\":[\"x\",\"jan@ziggo.nl\"]}}}";
    assert_eq!(fixed(schema), ("/properties/e~1mail~0/enum/1".to_owned(), Kind::Email));
    assert_eq!(fixed("{\"const\":{\"deep\":\"jan@ziggo.nl\"}}").0, "/const/deep");
    let named =
        redactor().redact_inputs(&[Input::Fixed { text: "mail_jan@ziggo.nl", pointer: "/tools/2/name" }]);
    let message = named.err().unwrap().to_string();
    assert!(message.contains("/tools/2/name") && !message.contains("jan"), "{message}");
}

#[test]
fn limits_and_faults_close_the_request() {
    let small = Redactor::new(Profile::default().with_limits(Limits { text_bytes_max: 10, findings_max: 2 }))
        .unwrap();
    let too_large = small.redact(&["123456", "12345"]).err().unwrap();
    assert!(matches!(too_large, Error::TooLarge { bytes: 11, limit_bytes: 10 }));
    assert!(matches!(small.redact(&["a@b.nl", "@"]).map(|r| r.counts.len()), Ok(1)));
    let few = Redactor::new(Profile::default().with_limits(Limits { findings_max: 2, ..Limits::default() }))
        .unwrap();
    let many = few.redact(&["a@b.nl c@d.nl", "e@f.nl"]).err().unwrap();
    assert!(matches!(many, Error::TooManyFindings { limit: 2 }));
    let many = few.redact(&["⟦A_1⟧⟦A_2⟧⟦A_3⟧"]).err().unwrap();
    assert!(matches!(many, Error::TooManyFindings { limit: 2 }));
    for bad in ["", "{", "{\"a\":}", "[1,]", "{} {}", "\"\\ud800\"", "nul"] {
        let e = redactor().redact_json(bad).err().unwrap();
        assert!(matches!(e, Error::Json { input_index: 0, .. }), "{bad}: {e}");
    }
    let deep = format!("{}{}", "[".repeat(JSON_DEPTH_MAX + 1), "]".repeat(JSON_DEPTH_MAX + 1));
    assert!(redactor().redact_json(&deep).is_ok());
    let deep = format!("[{deep}]");
    assert!(matches!(redactor().redact_json(&deep), Err(Error::JsonTooDeep { .. })));
    assert!(redactor().redact_json(&"[".repeat(100_000)).is_err());
}

#[test]
fn the_digest_follows_the_profile_and_nothing_else() {
    assert_eq!(redactor().digest(), redactor().digest());
    assert_ne!(redactor().digest(), with(Kind::Iban, Action::Mask).digest());
}

#[test]
fn an_explanation_shows_what_was_not_cut_too() {
    let e = redactor().explain("ordernummer 111222333, mail jan@ziggo.nl").unwrap();
    let order = e.seen.iter().find(|s| s.kind == Kind::Bsn).unwrap();
    assert_eq!((order.action, order.threshold), (None, 60));
    assert!(order.reasons.iter().any(|r| r.what.contains("order") && r.points < 0));
    assert_eq!(e.findings.len(), 1);
    assert_eq!(*e.texts[0], "ordernummer 111222333, mail ⟦E-MAIL_1⟧");
}
