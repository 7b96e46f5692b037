//! The one entry of the fuzz target and of the test over its corpus.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failed expectation is the finding"
)]
#![allow(missing_docs, reason = "not a public interface")]

use std::sync::LazyLock;

use redact::{Error, Input, Profile, Redactor, RestorePolicy};

static REDACTOR: LazyLock<Redactor> = LazyLock::new(|| Redactor::new(Profile::default()).unwrap());
static NAMED: LazyLock<Redactor> = LazyLock::new(|| Redactor::new(Profile::default().with_names()).unwrap());

/// Reads `data` as text (lossily), as JSON, as a fixed name, as output in pieces, and as a profile.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    round_trip(&text);
    json(data);
    stream(data);
    let _ = Profile::from_toml(&text);
}

/// Reads `data` as a profile: what is accepted says the same each time, and strips a text.
pub fn profile(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok(first) = Profile::from_toml(&text) else { return };
    assert_eq!(first, Profile::from_toml(&text).unwrap());
    let redactor = Redactor::new(first.clone()).unwrap();
    assert_eq!(redactor.digest(), Redactor::new(first).unwrap().digest());
    let _ = redactor.redact(&["dossier JZ-2025-00123, BSN 111222333, 2511 CV 70"]);
}

/// Reads `data` as CSV: as many rows and fields come out as went in.
pub fn csv(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match REDACTOR.redact_inputs(&[Input::Csv(&text)]) {
        Ok(r) => {
            assert!(r.findings.iter().all(|f| text.get(f.start..f.end).is_some() && f.pointer.is_some()));
            if r.findings.is_empty() && r.look_alikes == 0 {
                assert_eq!(*r.texts[0], text);
            }
            let back = r.vault.restorer(&RestorePolicy::all()).restore_all(&r.texts[0]);
            assert_eq!(back.matches('\n').count(), text.matches('\n').count());
        }
        Err(Error::Csv { .. }) => {}
        Err(other) => panic!("{other}"),
    }
}

fn round_trip(text: &str) {
    let r = REDACTOR.redact(&[text, text]).expect("text within limits");
    assert_eq!(r.texts[0], r.texts[1], "the same text is stripped alike");
    assert_eq!(r.vault.restorer(&RestorePolicy::all()).restore_all(&r.texts[0]), text);
    for f in &r.findings {
        assert!(text.get(f.start..f.end).is_some_and(|t| !t.is_empty()), "offsets on boundaries");
    }
    for pair in r.findings.windows(2) {
        assert!(pair[0].text_index < pair[1].text_index || pair[0].end <= pair[1].start, "disjoint");
    }
}

/// Reads `data` as JSON: it stays JSON, and every byte but the cuts stays.
pub fn json(data: &[u8]) {
    let text = &*String::from_utf8_lossy(data);
    let valid = serde_json::from_str::<&serde_json::value::RawValue>(text).is_ok();
    match REDACTOR.redact_inputs(&[Input::Json(text)]) {
        Ok(r) => {
            assert!(valid);
            assert!(serde_json::from_str::<serde::de::IgnoredAny>(&r.texts[0]).is_ok(), "still JSON");
            assert!(r.findings.iter().all(|f| text.get(f.start..f.end).is_some() && f.pointer.is_some()));
            if r.findings.is_empty() && r.look_alikes == 0 {
                assert_eq!(*r.texts[0], text);
            }
        }
        Err(Error::Json { .. } | Error::JsonTooDeep { .. } | Error::Fixed { .. }) => {}
        Err(other) => panic!("{other}"),
    }
}

/// Reads `data` as output, screened and restored: the split of the stream changes nothing.
pub fn stream(data: &[u8]) {
    let text = &*String::from_utf8_lossy(data);
    streamed(&REDACTOR, text);
    streamed(&NAMED, text);
}

fn streamed(redactor: &Redactor, text: &str) {
    let r = redactor.redact(&["BSN 111222333, mail jan@ziggo.nl, ⟦BSN_1⟧"]).unwrap();
    let mut restored = Vec::new();
    // Once whole, once by character.
    for by_char in [false, true] {
        let (mut screen, mut restorer) = (redactor.screen(&r.vault), r.vault.restorer(&RestorePolicy::all()));
        let mut out = String::new();
        let mut pieces: Vec<&str> = vec![text];
        if by_char {
            // A stream is screened anew with each piece: long inputs go in fewer of them.
            let step = 1 + text.len() / 400;
            pieces = Vec::new();
            let mut rest = text;
            while !rest.is_empty() {
                let (head, tail) = rest.split_at(rest.ceil_char_boundary(step));
                pieces.push(head);
                rest = tail;
            }
        }
        let whole: Result<(), Error> = pieces.iter().try_for_each(|p| {
            out.push_str(&restorer.push(&screen.push(p)?));
            Ok(())
        });
        match whole.and_then(|()| screen.finish()) {
            Ok(rest) => {
                out.push_str(&restorer.push(&rest));
                out.push_str(&restorer.finish());
                restored.push(out);
            }
            Err(Error::ScreenHold { .. }) => return,
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(restored.first(), restored.last(), "whatever the split");
}
