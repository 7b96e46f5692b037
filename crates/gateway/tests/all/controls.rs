//! A measure rests on a control: the request goes through while the control is seen to be in force, and not otherwise.

use gateway::{AdminCommand, AdminOutcome, DeniedKind, EndpointId, Origin};
use policy::{Control, Process};
use testkit::{House, HouseBuilder, chat, collect};

use crate::denied;

/// One use case for each control, with a measure that rests on it; `changes` are made to the records of all.
fn house(changes: &[(&str, &str)]) -> HouseBuilder {
    let builder =
        Control::ALL.iter().fold(House::builder(), |builder, control| builder.pilot(control.name(), changes));
    // The measures are among what is signed.
    builder.after_signing(|signers, folder| {
        for id in Control::ALL.map(Control::name) {
            let row = format!(
                "[[mitigation]]\nassessment = \"dpia\"\ntask = \"paragraph 1\"\ncontrol = \"{id}\"\n"
            );
            folder.insert(format!("use-cases/{id}.mitigations.toml"), row);
        }
        folder.retain(|path, _| !path.contains(".signatures/"));
        signers.sign_all(folder);
    })
}

/// Names of the controls whose use case is let in; the others are denied for the control, and for nothing else.
async fn in_force(house: &House, loopback: bool) -> Vec<&'static str> {
    let (origin, mut held) = (Origin { loopback }, Vec::new());
    for id in Control::ALL.map(Control::name) {
        let key = Some(house.key(id));
        let caller = house.gateway.authenticate(key, EndpointId::ChatCompletions, origin).await.unwrap();
        let mut request = chat("Hallo.");
        request.origin = origin;
        let listed = house.gateway.models(&caller).await;
        match house.gateway.generate(caller, request).await {
            Ok(answer) => {
                collect(answer).await;
                assert!(listed.is_ok(), "{id} may ask and not list");
                held.push(id);
            }
            refused => {
                for denial in [denied(refused), denied(listed)] {
                    assert_eq!(
                        (denial.kind, denial.rule.as_str()),
                        (DeniedKind::Forbidden, "control-off"),
                        "{id}"
                    );
                }
            }
        }
    }
    held
}

/// What holds whatever the process says.
const OF_THE_GATEWAY: [&str; 8] = [
    "redaction-profile-loaded",
    "special-categories-refused",
    "output-screened",
    "model-pinned",
    "prefix-cache-salted",
    "log-durable",
    "quota-in-force",
    "guidance-acknowledged",
];

#[tokio::test]
async fn what_nobody_found_of_the_process_does_not_hold() {
    let house = house(&[]).start().await;
    assert_eq!(in_force(&house, true).await, OF_THE_GATEWAY);
}

#[tokio::test]
async fn what_was_found_of_the_process_holds() {
    let house = house(&[]).start().await;
    let found = Some(true);
    let process =
        Process { core_files_off: found, dumps_off: found, listens_on_loopback: found, ..Process::default() };
    house.gateway.process_found(process);
    // A later finding cannot better the first.
    house.gateway.process_found(Process { egress_closed: found, ..process });
    let with = |more: &[&'static str]| {
        let order = Control::ALL.map(Control::name);
        order.into_iter().filter(|id| OF_THE_GATEWAY.contains(id) || more.contains(id)).collect::<Vec<_>>()
    };
    assert_eq!(in_force(&house, true).await, with(&["loopback-only", "no-core-dumps"]));
    assert_eq!(in_force(&house, false).await, with(&["no-core-dumps"]));
}

#[tokio::test]
async fn records_and_profiles_take_controls_down_and_up() {
    let kept = house(&[("restore_placeholders = true", "restore_placeholders = false")]).start().await;
    assert!(in_force(&kept, true).await.contains(&"placeholders-not-restored"));
    let open = house(&[("redaction_profile = \"default\"", "redaction_profile = \"open\"")]);
    let open = open.profile("open", "[kinds.email]\naction = \"allow\"\n").start().await;
    let held = in_force(&open, true).await;
    // The profile lets a kind through, and does not look for names and what is said of people.
    assert!(!held.contains(&"output-screened") && !held.contains(&"special-categories-refused"));
}

#[tokio::test]
async fn a_key_that_expires_is_told_from_one_that_does_not() {
    let house = house(&[]).start().await;
    assert_eq!(
        denied(house.gateway.generate(house.caller("keys-expire").await, chat("Hallo.")).await).rule,
        "control-off"
    );
    let issue = AdminCommand::IssueKey {
        use_case: "keys-expire".into(),
        actor: "somebody".into(),
        roles: vec!["writer".into()],
        expires_ms: Some(i64::MAX),
        label: String::new(),
    };
    let AdminOutcome::Issued { secret, .. } = house.administer(issue).await else { panic!() };
    let caller = house.authenticate(Some(&secret)).await.unwrap();
    assert!(house.gateway.generate(caller, chat("Hallo.")).await.is_ok());
}
