//! The policy is replaced while requests come in: whole, sealed, and only by one that is fit.

use gateway::{AdminCommand, AdminOutcome, Refusal};
use provenance::Leaf;
use testkit::{House, chat, collect, until};

use crate::denied;

const RECORD: &str = "use-cases/pilot.toml";

fn edit(house: &House, from: &str, to: &str) {
    house.edit_policy(|folder| {
        let text = folder.get_mut(RECORD).expect("the pilot");
        assert!(text.contains(from), "the record has no {from}");
        *text = text.replace(from, to);
    });
}

async fn reload(house: &House) -> bool {
    let outcome = house.administer(AdminCommand::ReloadPolicy).await;
    let AdminOutcome::PolicyReloaded { changed, .. } = outcome else { panic!("not a reload") };
    changed
}

#[tokio::test]
async fn a_change_is_in_force_after_a_reload_and_not_before() {
    let house = House::new().await;
    assert!(!reload(&house).await, "nothing was changed");
    edit(&house, "status = \"pilot\"", "status = \"suspended\"");
    let caller = house.caller("pilot").await;
    assert!(collect(house.gateway.generate(caller, chat("Dag.")).await.unwrap()).await.receipt.is_some());

    assert!(reload(&house).await);
    let Leaf::PolicyLoaded(loaded) = house.last_leaf() else { panic!("the reload was not sealed") };
    assert_eq!(loaded.by.map(|by| by.uid), Some(1000));
    let caller = house.caller("pilot").await;
    let said = denied(house.gateway.generate(caller, chat("Dag.")).await);
    assert_eq!(said.rule, "use-case-suspended");
    let Leaf::Denied(leaf) = house.last_leaf() else { panic!("the denial was not sealed") };
    assert_eq!(leaf.request.policy_pack_sha256, loaded.policy_pack_sha256);
    house.stop_and_verify().await;
}

#[tokio::test]
async fn a_folder_that_is_not_fit_leaves_the_one_in_force() {
    let house = House::new().await;
    let breaks = [
        ("title =", "titel =", "titel"),
        ("redaction_profile = \"default\"", "redaction_profile = \"nowhere\"", "nowhere"),
    ];
    for (from, to, named) in breaks {
        edit(&house, from, to);
        let refused = house.gateway.administer(AdminCommand::ReloadPolicy, 1000).await;
        let Err(Refusal::Invalid { reason, .. }) = refused else { panic!("{to} was taken") };
        assert!(reason.contains(named) && reason.ends_with("the policy in force stays"), "{reason}");
        assert!(matches!(house.last_leaf(), Leaf::PolicyRefused(_)), "the refusal was not sealed");
        let caller = house.caller("pilot").await;
        assert!(collect(house.gateway.generate(caller, chat("Dag.")).await.unwrap()).await.receipt.is_some());
        edit(&house, to, from);
    }
    house.edit_policy(|folder| {
        folder.insert("rules/99-bad.cedar".into(), "permit (principal, action, resource);".into());
    });
    assert!(house.gateway.administer(AdminCommand::ReloadPolicy, 1000).await.is_err());
    house.stop_and_verify().await;
}

#[tokio::test]
async fn what_the_log_does_not_take_is_not_in_force() {
    let house = House::new().await;
    edit(&house, "status = \"pilot\"", "status = \"suspended\"");
    house.disk.strike();
    assert!(house.gateway.administer(AdminCommand::ReloadPolicy, 1000).await.is_err());
    // The writer closes the log on its own thread.
    until(|| house.gateway.ready().is_err()).await;
}

#[tokio::test]
async fn a_request_keeps_the_policy_it_entered_with() {
    let house = House::new().await;
    let before = house.leaves().iter().find_map(|entry| match &entry.leaf {
        Leaf::PolicyLoaded(loaded) => Some(loaded.policy_pack_sha256),
        _ => None,
    });
    let caller = house.caller("pilot").await;
    let answer = house.gateway.generate(caller, chat("Dag.")).await.unwrap();
    edit(&house, "status = \"pilot\"", "status = \"suspended\"");
    assert!(reload(&house).await);
    assert!(collect(answer).await.receipt.is_some());
    let mut intents = house.leaves().into_iter().filter_map(|entry| match entry.leaf {
        Leaf::Intent(intent) => Some(intent.request.policy_pack_sha256),
        _ => None,
    });
    assert_eq!(intents.next_back(), before);
    house.stop_and_verify().await;
}

#[tokio::test]
async fn a_rule_that_errs_and_rules_that_nobody_vouches_for_deny_and_are_sealed() {
    let errs = "@id(\"errs\") @remedy(\"x\") @remedy_nl(\"x\")\n\
                forbid (principal, action in Proeftuin::Action::\"generate\", resource)\n\
                when { context.tokens_today + 9223372036854775807 > context.tokens_reserved };\n";
    for (vouched, rule) in [(true, policy::POLICY_ERROR), (false, "rules-not-approved")] {
        let house = House::builder().saying("Goedendag.").start().await;
        let caller = house.caller("pilot").await;
        collect(house.gateway.generate(caller.clone(), chat("Dag.")).await.unwrap()).await;
        house.edit_policy(|folder| {
            folder.insert("rules/95-errs.cedar".into(), errs.to_owned());
            if vouched {
                folder.retain(|path, _| !path.contains(".signatures/"));
                testkit::house_signers().sign_all(folder);
            }
        });
        assert!(reload(&house).await);
        let said = denied(house.gateway.generate(caller, chat("Dag.")).await);
        assert_eq!(said.rule, rule);
        let Leaf::Denied(leaf) = house.last_leaf() else { panic!("not sealed") };
        assert_eq!(leaf.request.decision.rule.as_ref().unwrap().as_str(), rule);
        assert_eq!(house.generator.requests().len(), 1, "{rule} let something through");
        house.stop_and_verify().await;
    }
}
