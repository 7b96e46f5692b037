//! What a claim opens, and that a request is for one use case.

use identity::{Person, Unassigned};

use crate::{CONFIG, Golden, identity};

const MORE: &str = r#"
[[issuer.grant]]
claim = "groups"
value = "pilot-letters"
use_case = "summaries"
roles = ["reader", "editor", "reader"]

[[issuer.grant]]
claim = "email"
value = "j.jansen@example.org"
use_case = "summaries"
roles = ["admin"]

[[issuer.grant]]
claim = "groups"
value = "pilot"
use_case = "prefix"
roles = ["writer"]

[[issuer.grant]]
claim = ["groups", "pilot-letters"]
value = "pilot-letters"
use_case = "nowhere"
roles = ["writer"]

[[issuer.grant]]
claim = "exp"
value = "1780311540"
use_case = "numbers"
roles = ["writer"]
"#;

fn person(config: &str) -> Person {
    let golden = Golden::read();
    identity(config, &golden.jwks, true).verify(golden.token("good ES256"), golden.now_ms).unwrap()
}

#[test]
fn one_grant_needs_no_word_of_the_request() {
    let person = person(CONFIG);
    let letters = ("letters".to_owned(), vec!["writer".to_owned()]);
    assert_eq!(person.assigned(None).unwrap(), letters);
    assert_eq!(person.assigned(Some("letters")).unwrap(), letters);
    for other in ["summaries", "Letters", "letters ", ""] {
        assert_eq!(person.assigned(Some(other)).unwrap_err(), Unassigned::NotGranted, "{other}");
    }
}

#[test]
fn several_need_one() {
    let person = person(&format!("{CONFIG}{MORE}"));
    let Unassigned::Ambiguous(ids) = person.assigned(None).unwrap_err() else { panic!("chosen for him") };
    assert_eq!(ids, ["letters", "summaries"], "what only resembles a grant opens nothing");
    assert_eq!(person.assigned(Some("letters")).unwrap().1, ["writer"]);
    assert_eq!(person.assigned(Some("summaries")).unwrap().1, ["admin", "editor", "reader"]);
    for other in ["prefix", "nowhere", "numbers"] {
        assert_eq!(person.assigned(Some(other)).unwrap_err(), Unassigned::NotGranted, "{other}");
    }
    let said = Unassigned::Ambiguous(ids).remedy();
    assert!(said.contains("letters, summaries") && said.contains("OpenAI-Project"), "{said}");
}

#[test]
fn without_a_grant_a_person_is_known_and_opens_nothing() {
    let person = person(&CONFIG.replace("pilot-letters", "others"));
    assert!(person.actor.starts_with("oidc:"));
    assert_eq!(person.assigned(None).unwrap_err(), Unassigned::NotGranted);
    assert_eq!(person.assigned(Some("letters")).unwrap_err(), Unassigned::NotGranted);
}

#[test]
fn a_blocked_person_is_let_in_nowhere() {
    let golden = Golden::read();
    let actor = person(CONFIG).actor;
    let mut blocked = identity::Blocked::default();
    assert!(blocked.add(&actor) && !blocked.add(&actor));
    let read = |blocked: &str| {
        let files = [
            ("identity.toml", CONFIG),
            ("identity/login.jwks.json", golden.jwks.as_str()),
            ("identity/blocked.toml", blocked),
        ];
        identity::Identity::read(files, true).unwrap()
    };
    let outcome = read(&blocked.to_text()).verify(golden.token("good ES256"), golden.now_ms).unwrap();
    assert_eq!(outcome.assigned(Some("letters")).unwrap_err(), Unassigned::Blocked);
    assert!(blocked.remove(&actor) && blocked.is_empty());
    let outcome = read(&blocked.to_text()).verify(golden.token("good ES256"), golden.now_ms).unwrap();
    assert!(outcome.assigned(Some("letters")).is_ok());
}
