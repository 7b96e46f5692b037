//! Who could do what: the survey says what the set decides, and a change of the folder is told as a change of that.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use policy::{Ability, Asker, DataClass, Language, ModelFacts, PolicySet, tell, tell_changes};
use testkit::letters::{self, NOW_MS};

fn load(record: &str) -> PolicySet {
    let mut folder = letters::built_in();
    folder.insert(letters::RECORD.into(), record.to_owned());
    letters::sign_and_load(folder)
}

fn models() -> Vec<ModelFacts> {
    let known = |id: &str, is_default, byte| ModelFacts {
        status: "approved".into(),
        pinned_sha256: Some([byte; 32]),
        loaded_sha256: Some([byte; 32]),
        is_default,
        dossier: Some(letters::dossier()),
        ..ModelFacts::unknown(id)
    };
    vec![known("open-model", false, 7), known("smollm2-135m-instruct", true, 8)]
}

fn asker(use_case: &str, role: Option<&str>, loopback: bool) -> Asker {
    Asker { use_case: use_case.into(), role: role.map(str::to_owned), loopback }
}

#[test]
fn a_pilot_and_the_demo() {
    let survey = load(&letters::record("letters")).survey(&models(), NOW_MS);
    let of = |use_case: &str, role, loopback, model: &str| {
        &survey[&(asker(use_case, role, loopback), model.to_owned())]
    };
    let Ability::May { actions, data, refused } = of("letters", Some("officer"), false, "open-model") else {
        panic!("the officer may not");
    };
    assert_eq!(actions.iter().copied().collect::<Vec<_>>(), ["chat", "complete", "embed"]);
    let classes = [DataClass::None, DataClass::Personal, DataClass::Identifier];
    assert_eq!(data.iter().copied().collect::<Vec<_>>(), classes);
    assert_eq!(refused[0].rule, "data-class-too-high");

    let denied = |ability: &Ability| match ability {
        Ability::MayNot(reasons) => reasons[0].rule.clone(),
        Ability::May { .. } => "permitted".to_owned(),
    };
    assert_eq!(denied(of("letters", None, true, "open-model")), "role-not-allowed");
    assert_eq!(denied(of("letters", Some("officer"), true, "smollm2-135m-instruct")), "model-not-allowed");
    assert_eq!(denied(of("demo", Some("demo"), false, "smollm2-135m-instruct")), "demo-loopback-only");
    let Ability::May { data, .. } = of("demo", Some("demo"), true, "smollm2-135m-instruct") else {
        panic!("the demo does not run");
    };
    assert_eq!(data.iter().copied().collect::<Vec<_>>(), [DataClass::None]);
}

#[test]
fn told_in_plain_words() {
    let survey = load(&letters::record("letters")).survey(&models(), NOW_MS);
    insta::assert_snapshot!("english", tell(&survey, Language::English));
    insta::assert_snapshot!("dutch", tell(&survey, Language::Dutch));
}

#[test]
fn a_change_is_told_as_what_it_changes() {
    let (before, suspended) = (
        load(&letters::record("letters")),
        load(&letters::record("letters").replace("\"pilot\"\nmodels", "\"suspended\"\nmodels")),
    );
    let wider = load(
        &letters::record("letters")
            .replace("max_data_class = \"identifier\"", "max_data_class = \"personal\""),
    );
    let survey = |set: &PolicySet| set.survey(&models(), NOW_MS);
    assert_eq!(tell_changes(&survey(&before), &survey(&before), Language::English), "");
    insta::assert_snapshot!(
        "suspended",
        tell_changes(&survey(&before), &survey(&suspended), Language::English)
    );
    insta::assert_snapshot!("narrower", tell_changes(&survey(&before), &survey(&wider), Language::Dutch));
}
