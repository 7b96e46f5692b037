//! What a profile asks for: errors with their place, values that are let through, recognizers of its own.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failed expectation is the finding"
)]

use proptest::prelude::*;
use redact::{Action, Error, Profile, Redactor, RestorePolicy};

const CUSTOM: &str = r#"
[[custom]]
id = "dossiernummer"
label = "DOSSIERNR"
description = "File of the youth-care team"
pattern = 'JZ-20[0-9]{2}-[0-9]{5}'
examples = ["zie JZ-2025-00123"]
counter_examples = ["JZ-2025-1", "JZ-2025-001234"]
"#;

fn redactor(profile: &str) -> Redactor {
    Redactor::new(Profile::from_toml(profile).unwrap()).unwrap()
}

fn stripped(profile: &str, text: &str) -> String {
    redactor(profile).redact(&[text]).unwrap().texts[0].to_string()
}

/// A profile that is not fit, the line and a word of what is said about it.
#[test]
fn a_profile_that_is_not_fit_is_refused_with_its_place() {
    let custom = |from: &str, to: &str| {
        let changed = CUSTOM.replace(from, to);
        assert_ne!(changed, CUSTOM);
        changed
    };
    for (text, line, said) in [
        ("\n[kinds.email]\naction = \"generalise\"\n".to_owned(), 2, "postcode, ip, iban"),
        ("[allow]\nkinds.person = [\"Jansen\"]\n".to_owned(), 2, "whole name"),
        ("[allow]\nvalues = [\"x\"]\n".to_owned(), 2, "2 letters or digits"),
        ("[allow]\ndomains = [\"@x.nl\"]\n".to_owned(), 2, "without @"),
        ("[allow]\nkinds.sofi = [\"x\"]\n".to_owned(), 2, "sofi"),
        ("[alow]\n".to_owned(), 1, "alow"),
        (custom("label", "lable"), 4, "lable"),
        (custom("JZ-20[0-9]{2}-[0-9]{5}", "JZ-[0-9]+"), 2, "{1,8}"),
        (custom("JZ-20[0-9]{2}-[0-9]{5}", "^JZ-[0-9]{5}"), 2, "\\b"),
        (custom("JZ-20[0-9]{2}-[0-9]{5}", "[0-9]?"), 2, "at least 2 bytes"),
        (custom("JZ-20[0-9]{2}-[0-9]{5}", "JZ-("), 2, "regular expression"),
        (custom("zie JZ-2025-00123", "zie JZ-25"), 2, "`examples` is not found"),
        (custom("\"JZ-2025-1\"", "\"JZ-2025-00001\""), 2, "`counter_examples` is found"),
        (custom("dossiernummer", "bsn"), 2, "built-in"),
        (custom("DOSSIERNR", "BSN"), 2, "taken"),
        (custom("DOSSIERNR", "TEKST"), 2, "taken"),
        (custom("DOSSIERNR", "Dossier"), 2, "capitals"),
        (custom("\nexamples =", "\naction = \"generalise\"\nexamples ="), 2, "no harmless part"),
        (format!("{CUSTOM}{CUSTOM}"), 10, "another's"),
    ] {
        match Profile::from_toml(&text) {
            Err(Error::Profile { line: at, reason }) => {
                assert!(reason.contains(said), "{reason}");
                assert_eq!(at, line, "{reason}");
            }
            other => panic!("{text}: {:?}", other.is_ok()),
        }
    }
}

#[test]
fn a_kind_of_the_profile_goes_the_whole_way() {
    let redactor = redactor(CUSTOM);
    let text = "Zie JZ-2025-00123 en JZ-2024-99999, en nogmaals JZ‑2025‑00123.";
    let redaction = redactor.redact(&[text]).unwrap();
    assert_eq!(*redaction.texts[0], "Zie ⟦DOSSIERNR_1⟧ en ⟦DOSSIERNR_2⟧, en nogmaals ⟦DOSSIERNR_1b⟧.");
    let kind = *redaction.counts.keys().next().unwrap();
    assert_eq!((kind.id(), redaction.counts[&kind]), ("dossiernummer", 3));
    assert_eq!(redaction.vault.restorer(&RestorePolicy::all()).restore_all(&redaction.texts[0]), text);
    // A built-in kind is as sure: the administrator's own names it.
    let cue = stripped(
        &CUSTOM.replace("\nexamples =", "\ncues = [\"dossier*\"]\nexamples ="),
        "Zie dossier JZ-2025-00123.",
    );
    assert_eq!(cue, "Zie dossier ⟦DOSSIERNR_1⟧.");
    let only = redaction.vault.restorer(&RestorePolicy::only([kind])).restore_all("⟦DOSSIERNR_2⟧");
    assert_eq!(only, "JZ-2024-99999");
    // The model makes one up: it is masked; what it was given may come back.
    let mut screen = redactor.screen(&redaction.vault);
    let out = screen
        .push("⟦DOSSIERNR_1⟧, dat met een hele reeks andere stukken is meegestuurd, of JZ-2020-11111?")
        .unwrap()
        + &screen.finish().unwrap();
    assert_eq!(out, "⟦DOSSIERNR_1⟧, dat met een hele reeks andere stukken is meegestuurd, of ⟦DOSSIERNR⟧?");
    assert_ne!(redactor.digest(), self::redactor("").digest());
}

#[test]
fn cues_and_checks_of_a_profile_decide() {
    let profile = r#"
[[custom]]
id = "pasnummer"
label = "PAS"
description = "Number of a city pass"
pattern = '[0-9]{8}'
cues = ["stadspas*"]
cues_required = true
check = "luhn"
score = 50
boost = 30
examples = ["stadspas 12345674", "stadspasnummer: 12345674"]
counter_examples = ["12345674", "stadspas 12345675", "pas 12345674", "stadspas 123456740"]
"#;
    assert_eq!(stripped(profile, "Mijn stadspas is 12345674."), "Mijn stadspas is ⟦PAS_1⟧.");
    for (check, right, wrong) in [
        ("mod11", "111222333", "111222334"),
        ("mod11-10", "36574261809", "36574261808"),
        ("mod97", "NL123456789B13", "NL123456789B14"),
    ] {
        let profile = format!(
            "[[custom]]\nid = \"k-{check}\"\nlabel = \"KK\"\ndescription = \"d\"\npattern = '[A-Z]{{0,2}}[0-9]{{9,11}}([A-Z][0-9]{{2}})?'\n\
             check = \"{check}\"\nscore = 90\nexamples = [\"{right}\"]\ncounter_examples = [\"{wrong}\"]\n"
        );
        if check != "mod97" {
            Profile::from_toml(&profile).unwrap();
        }
    }
}

const ALLOW: &str = r#"
names = true
[allow]
values = ["Stadhuisplein 1, 1234 AB Voorbeeldstad", "NL91ABNA0417164300"]
domains = ["voorbeeldstad.example"]
kinds.phone = ["020-1234567"]
kinds.person = ["Fatima de Vries"]
"#;

#[test]
fn listed_values_pass_in_each_spelling_and_others_do_not() {
    for (text, wanted) in [
        ("Bel 020-1234567.", "Bel 020-1234567."),
        ("Bel (020) 123 45 67.", "Bel (020) 123 45 67."),
        // A name that a listed value holds goes with it.
        ("Mail jan.de.vries@voorbeeldstad.example.", "Mail jan.de.vries@voorbeeldstad.example."),
        ("Bel +31 20 1234567.", "Bel +31 20 1234567."),
        ("Bel 020-1234568.", "Bel ⟦TELEFOON_1⟧."),
        ("Rekening NL91 ABNA 0417 1643 00.", "Rekening NL91 ABNA 0417 1643 00."),
        ("Mail info@Voorbeeldstad.example.", "Mail info@Voorbeeldstad.example."),
        ("Mail jan@niet-voorbeeldstad.example.", "Mail ⟦E-MAIL_1⟧."),
        (
            "Kom naar STADHUISPLEIN 1,  1234 AB  Voorbeeldstad.",
            "Kom naar STADHUISPLEIN 1,  1234 AB  Voorbeeldstad.",
        ),
    ] {
        assert_eq!(stripped(ALLOW, text), wanted);
    }
    let other = stripped(ALLOW, "Kom naar Stadhuisplein 12, 1234 AB Voorbeeldstad.");
    assert!(!other.contains("Stadhuisplein 12"), "{other}");
}

#[test]
fn a_listed_official_passes_and_another_of_that_name_does_not() {
    let text = "Wethouder Fatima de Vries sprak met mevrouw Johanna de Vries uit Utrecht.";
    let redaction = redactor(ALLOW).redact(&[text]).unwrap();
    let out = redaction.texts[0].as_str();
    assert!(out.contains("Fatima de Vries"), "{out}");
    assert!(!out.contains("Johanna"), "{out}");
    let allowed = redaction.findings.iter().filter(|finding| finding.action == Action::Allow);
    assert_eq!(allowed.count(), 1, "a hit is counted as allowed");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Wherever it stands and however the stream is cut, a kind of the profile is found, and a listed value is let through.
    #[test]
    fn streams_are_screened_alike_however_they_are_cut(
        number in 0_u32..100_000,
        parts in prop::collection::vec(prop_oneof![
            Just("de brief ".to_owned()), Just("JZ-2025-".to_owned()), Just("020-1234567 ".to_owned()),
            Just("Stadhuisplein 1, 1234 AB Voorbeeldstad ".to_owned()), "[a-z0-9 -]{1,12}",
        ], 0..12),
        cut in 1_usize..40,
    ) {
        let redactor = redactor(&format!("{}{CUSTOM}", ALLOW.replace("names = true", "")));
        let text = format!("{} JZ-2025-{number:05} {}", parts.concat(), parts.concat());
        let vault = redactor.redact(&[""]).unwrap().vault;
        let mut screen = redactor.screen(&vault);
        let whole = screen.push(&text).unwrap() + &screen.finish().unwrap();
        let code = format!("JZ-2025-{number:05}");
        prop_assert!(!whole.contains(&code), "{}", whole);
        let mut screen = redactor.screen(&vault);
        let mut pieces = String::new();
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let (head, tail) = rest.split_at(rest.ceil_char_boundary(cut));
            pieces.push_str(&screen.push(head).unwrap());
            rest = tail;
        }
        pieces.push_str(&screen.finish().unwrap());
        prop_assert_eq!(pieces, whole);
    }
}
