//! Informed users: who has not read the guidance gets nowhere but to the guidance; what they acknowledge counts at once, is
//! sealed under their pseudonym, and stops counting when the text, the time or an administrator says so.

use gateway::{
    AdminCommand, AdminOutcome, Caller, Denied, GuidanceCommand, GuidanceOutcome, Language, PersonRow,
    Refusal, WithdrawnFrom,
};
use ledger::{Failure, Point};
use provenance::Leaf;
use testkit::{House, HouseBuilder, chat, collect};

use crate::denied;

const DAY_MS: i64 = 24 * 3_600_000;
const ACTOR: &str = "actor of pilot";

/// Nobody has read anything, and the use case `trained` asks for a training too.
fn builder() -> HouseBuilder {
    let asks = "guidance = \"ambtenaren\"\ntraining = [\"ai-basis\"]";
    House::builder()
        .saying("Goedendag.")
        .uninformed()
        .pilot("trained", &[("guidance = \"ambtenaren\"", asks)])
}

async fn refused(house: &House, use_case: &str) -> Denied {
    let said = denied(house.gateway.generate(house.caller(use_case).await, chat("Dag.")).await);
    let Leaf::Denied(leaf) = house.last_leaf() else { panic!("{} was not sealed", said.rule) };
    assert_eq!(leaf.request.decision.rule.unwrap().as_str(), said.rule);
    said
}

async fn answered(house: &House, use_case: &str) {
    let answer = house.gateway.generate(house.caller(use_case).await, chat("Dag.")).await;
    assert!(collect(answer.unwrap_or_else(|error| panic!("{error}"))).await.receipt.is_some());
}

fn current(house: &House, caller: &Caller) -> [u8; 32] {
    let page = house.gateway.guidance(caller, Language::Dutch).unwrap();
    let mut sha256 = [0; 32];
    hex::decode_to_slice(page.sha256, &mut sha256).unwrap();
    sha256
}

async fn acknowledge(house: &House, use_case: &str) {
    let caller = house.caller(use_case).await;
    house.gateway.acknowledge(&caller, current(house, &caller)).await.unwrap();
}

async fn change(house: &House, command: GuidanceCommand) -> GuidanceOutcome {
    match house.administer(AdminCommand::Guidance(command)).await {
        AdminOutcome::Guidance(outcome) => outcome,
        _ => panic!("another outcome"),
    }
}

fn attest(actor: &str, until_ms: i64) -> GuidanceCommand {
    let (actor, training) = (actor.to_owned(), "ai-basis".to_owned());
    GuidanceCommand::Attest { actor, training, given_by: "trainer".to_owned(), until_ms }
}

fn withdraw(from: WithdrawnFrom) -> GuidanceCommand {
    GuidanceCommand::Withdraw { actor: ACTOR.to_owned(), from }
}

async fn people(house: &House) -> Vec<PersonRow> {
    match change(house, GuidanceCommand::List).await {
        GuidanceOutcome::People(rows) => rows,
        _ => panic!("another outcome"),
    }
}

#[tokio::test]
async fn whoever_has_read_nothing_is_told_where_to_read_and_what_they_acknowledge_counts_at_once() {
    let house = builder().start().await;
    let said = refused(&house, "pilot").await;
    assert_eq!((said.rule.as_str(), said.link.as_deref()), ("guidance-not-acknowledged", Some("/guidance")));
    assert!(said.remedy.contains("/guidance") && said.remedy_nl.contains("/guidance"));
    let caller = house.caller("pilot").await;
    assert_eq!(house.gateway.models(&caller).await.unwrap().len(), 1, "a client can be set up first");
    let page = house.gateway.guidance(&caller, Language::English).unwrap();
    assert!(page.told.text.contains("Check every answer.") && !page.acknowledged());
    // What was not read is not acknowledged.
    let other = house.gateway.acknowledge(&caller, [7; 32]).await;
    assert!(matches!(other, Err(Refusal::OtherGuidance)));
    assert_eq!(refused(&house, "pilot").await.rule, "guidance-not-acknowledged");

    acknowledge(&house, "pilot").await;
    let Leaf::GuidanceAcknowledged(leaf) = house.last_leaf() else { panic!("not sealed") };
    assert_eq!((leaf.guidance.as_str(), leaf.version.as_str()), ("ambtenaren", "1"));
    assert!(leaf.key_id.is_some() && leaf.by.is_none());
    assert!(house.gateway.guidance(&caller, Language::Dutch).unwrap().acknowledged());
    answered(&house, "pilot").await;
    // The person, not the key: another key of the same person counts too, and nobody else's does.
    let issue = AdminCommand::IssueKey {
        use_case: "pilot".to_owned(),
        actor: ACTOR.to_owned(),
        roles: vec!["writer".to_owned()],
        expires_ms: None,
        label: String::new(),
    };
    let AdminOutcome::Issued { secret, .. } = house.administer(issue).await else { panic!("not issued") };
    let again = house.authenticate(Some(&secret)).await.unwrap();
    assert!(house.gateway.generate(again, chat("Dag.")).await.is_ok());
    assert_eq!(refused(&house, "trained").await.rule, "guidance-not-acknowledged");
    assert!(!house.leaves_text().contains(ACTOR), "a person is in the log by name");
    house.stop_and_verify().await;
}

#[tokio::test]
async fn saying_it_again_at_once_fills_no_log_and_later_it_counts_anew() {
    let house = builder().start().await;
    acknowledge(&house, "pilot").await;
    let before = house.leaves().len();
    for _ in 0..20 {
        acknowledge(&house, "pilot").await;
    }
    assert_eq!(house.leaves().len(), before);
    house.clock.advance_ms(DAY_MS);
    acknowledge(&house, "pilot").await;
    assert_eq!(house.leaves().len(), before + 1);
    house.stop_and_verify().await;
}

#[tokio::test]
async fn another_text_asks_everybody_anew_and_so_does_time() {
    let house = builder().start().await;
    acknowledge(&house, "pilot").await;
    let old = current(&house, &house.caller("pilot").await);
    house.edit_policy(|folder| {
        folder.get_mut("guidance/ambtenaren.nl.md").unwrap().push_str("- En vraag het bij twijfel.\n");
    });
    answered(&house, "pilot").await;
    house.administer(AdminCommand::ReloadPolicy).await;
    let said = refused(&house, "pilot").await;
    assert_eq!((said.rule.as_str(), said.link.as_deref()), ("guidance-outdated", Some("/guidance")));
    let caller = house.caller("pilot").await;
    assert!(matches!(house.gateway.acknowledge(&caller, old).await, Err(Refusal::OtherGuidance)));
    assert_eq!(people(&house).await[0].state, "older");
    acknowledge(&house, "pilot").await;
    answered(&house, "pilot").await;

    // The guidance of the house counts for a year.
    house.clock.advance_ms(365 * DAY_MS - 1);
    assert!(house.gateway.guidance(&caller, Language::Dutch).unwrap().acknowledged());
    house.clock.advance_ms(1);
    assert!(!house.gateway.guidance(&caller, Language::Dutch).unwrap().acknowledged());
    assert_eq!(people(&house).await[0].state, "expired");
    let said = refused(&house, "pilot").await;
    // By then the period of the use case is over as well, which weighs more.
    assert_eq!(said.rule, "window-ended");
    let Leaf::Denied(leaf) = house.last_leaf() else { panic!() };
    let rules: Vec<_> = leaf.request.determining.iter().map(|rule| rule.as_str()).collect();
    assert!(rules.contains(&"guidance-acknowledgement-expired"), "{rules:?}");
    house.stop_and_verify().await;
}

#[tokio::test]
async fn a_guidance_that_counts_for_a_week_is_asked_again_after_a_week() {
    let house = builder()
        .after_signing(|_, folder| {
            let toml = folder.get_mut("guidance/ambtenaren.toml").unwrap();
            *toml = toml.replace("valid_days = 365", "valid_days = 7");
        })
        .start()
        .await;
    acknowledge(&house, "pilot").await;
    house.clock.advance_ms(7 * DAY_MS - 1);
    answered(&house, "pilot").await;
    house.clock.advance_ms(1);
    assert_eq!(refused(&house, "pilot").await.rule, "guidance-acknowledgement-expired");
    acknowledge(&house, "pilot").await;
    answered(&house, "pilot").await;
    house.stop_and_verify().await;
}

#[tokio::test]
async fn a_training_counts_from_when_it_is_attested_until_it_lapses() {
    let house = builder().start().await;
    acknowledge(&house, "trained").await;
    let said = refused(&house, "trained").await;
    assert_eq!((said.rule.as_str(), said.link.as_deref()), ("training-missing", Some("/guidance")));
    let actor = "actor of trained";
    let until_ms = testkit::NOW_MS + 10 * DAY_MS;
    change(&house, attest(actor, until_ms)).await;
    let Leaf::TrainingAttested(leaf) = house.last_leaf() else { panic!("not sealed") };
    assert_eq!((leaf.training.as_str(), leaf.until_ms, leaf.by.uid), ("ai-basis", until_ms, 1000));
    assert_ne!(leaf.attested_by, leaf.actor_pseudonym);
    answered(&house, "trained").await;
    house.clock.advance_ms(10 * DAY_MS - 1);
    answered(&house, "trained").await;
    house.clock.advance_ms(1);
    assert_eq!(refused(&house, "trained").await.rule, "training-expired");
    let caller = house.caller("trained").await;
    let page = house.gateway.guidance(&caller, Language::Dutch).unwrap();
    assert_eq!((page.training[0].id.as_str(), page.training[0].state), ("ai-basis", "expired"));
    assert!(page.training[0].about.as_ref().unwrap().contains("Basistraining"));
    change(&house, attest(actor, until_ms + DAY_MS)).await;
    answered(&house, "trained").await;
    let text = house.leaves_text();
    assert!(!text.contains(actor) && !text.contains("trainer"), "a person is in the log by name");
    house.stop_and_verify().await;
}

#[tokio::test]
async fn what_an_administrator_withdraws_no_longer_counts_and_what_they_enter_does() {
    let house = builder().start().await;
    let enter = GuidanceCommand::Acknowledge { actor: ACTOR.to_owned(), guidance: "ambtenaren".to_owned() };
    let GuidanceOutcome::Kept { until_ms } = change(&house, enter).await else { panic!("not kept") };
    assert_eq!(until_ms, Some(testkit::NOW_MS + 365 * DAY_MS));
    let Leaf::GuidanceAcknowledged(leaf) = house.last_leaf() else { panic!("not sealed") };
    assert!(leaf.key_id.is_none() && leaf.by.unwrap().uid == 1000);
    answered(&house, "pilot").await;
    change(&house, attest(ACTOR, testkit::NOW_MS + DAY_MS)).await;
    let rows = people(&house).await;
    let shown: Vec<_> =
        rows.iter().map(|row| (row.id.as_str(), row.detail.as_str(), row.state.as_str())).collect();
    assert_eq!(shown, [("ambtenaren", "1", "current"), ("ai-basis", "trainer", "current")]);
    assert!(matches!(house.last_leaf(), Leaf::AdminRead(read) if read.what.as_str() == "guidance_list"));
    change(&house, withdraw(WithdrawnFrom::Guidance("ambtenaren".to_owned()))).await;
    assert!(matches!(house.last_leaf(), Leaf::GuidanceWithdrawn(_)));
    assert_eq!(refused(&house, "pilot").await.rule, "guidance-not-acknowledged");
    change(&house, withdraw(WithdrawnFrom::Training("ai-basis".to_owned()))).await;
    assert!(matches!(house.last_leaf(), Leaf::TrainingWithdrawn(_)));
    assert!(people(&house).await.is_empty());
    house.stop_and_verify().await;
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_and_not_sealed() {
    let house = builder().start().await;
    let before = house.leaves().len();
    let field = async |command| match house.gateway.administer(AdminCommand::Guidance(command), 1000).await {
        Err(Refusal::Invalid { field, .. }) => field,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("taken"),
    };
    let later = testkit::NOW_MS + DAY_MS;
    let enter = |actor: &str, guidance: &str| GuidanceCommand::Acknowledge {
        actor: actor.to_owned(),
        guidance: guidance.to_owned(),
    };
    assert_eq!(field(enter(ACTOR, "nobodys")).await, "guidance");
    assert_eq!(field(enter(" ", "ambtenaren")).await, "actor");
    assert_eq!(field(attest(ACTOR, testkit::NOW_MS)).await, "until");
    assert_eq!(field(attest("trainer", later)).await, "by", "nobody attests their own training");
    let GuidanceCommand::Attest { actor, given_by, until_ms, .. } = attest(ACTOR, later) else { panic!() };
    let unknown = GuidanceCommand::Attest { actor, given_by, until_ms, training: "ai-basics".to_owned() };
    assert_eq!(field(unknown).await, "training");
    assert_eq!(field(withdraw(WithdrawnFrom::Training("ai-basis".to_owned()))).await, "actor");
    assert_eq!(house.leaves().len(), before);
    house.stop_and_verify().await;
}

/// Whatever the ledger does wrong, nobody gets in by it, and the log says so.
#[tokio::test]
async fn a_failing_ledger_denies_and_is_sealed() {
    let house = builder().start().await;
    acknowledge(&house, "pilot").await;
    answered(&house, "pilot").await;
    let asked = house.generator.requests().len();
    let caller = house.caller("pilot").await;
    for failure in [Failure::Full, Failure::InputOutput, Failure::Corrupt, Failure::Busy] {
        house.store.strike(Point::Informed, failure);
        let outcome = house.gateway.generate(caller.clone(), chat("Dag.")).await;
        assert!(matches!(outcome, Err(Refusal::Closed { .. })), "{failure:?} let something through");
        let Leaf::Denied(leaf) = house.last_leaf() else { panic!("{failure:?} was not sealed") };
        assert_eq!(leaf.request.decision.rule.unwrap().as_str(), "informed-store-failed");
        assert!(matches!(house.gateway.models(&caller).await, Err(Refusal::Closed { .. })));
        assert!(house.gateway.guidance(&caller, Language::Dutch).is_err());
        house.store.heal();
    }
    assert_eq!(house.generator.requests().len(), asked);
    // What could not be kept does not count, though the log has that it was said; said again, it does.
    assert_eq!(refused(&house, "trained").await.rule, "guidance-not-acknowledged");
    let other = house.caller("trained").await;
    house.store.strike(Point::Commit, Failure::Full);
    assert!(house.gateway.acknowledge(&other, current(&house, &other)).await.is_err());
    assert!(
        house
            .gateway
            .administer(AdminCommand::Guidance(attest("actor of trained", i64::MAX)), 0)
            .await
            .is_err()
    );
    // What could not be withdrawn on disk no longer counts all the same, and is sealed.
    let taken = AdminCommand::Guidance(withdraw(WithdrawnFrom::Guidance("ambtenaren".to_owned())));
    assert!(house.gateway.administer(taken, 1000).await.is_err());
    assert!(matches!(house.last_leaf(), Leaf::GuidanceWithdrawn(_)));
    house.store.heal();
    assert_eq!(refused(&house, "trained").await.rule, "guidance-not-acknowledged");
    assert_eq!(refused(&house, "pilot").await.rule, "guidance-not-acknowledged");
    acknowledge(&house, "pilot").await;
    answered(&house, "pilot").await;
    house.stop_and_verify().await;
}

#[tokio::test]
async fn a_log_that_is_closed_takes_no_acknowledgement() {
    let house = builder().start().await;
    let caller = house.caller("pilot").await;
    let sha256 = current(&house, &caller);
    house.disk.strike();
    assert!(house.gateway.acknowledge(&caller, sha256).await.is_err());
    assert!(!house.gateway.guidance(&caller, Language::Dutch).unwrap().acknowledged(), "kept and not sealed");
}

#[tokio::test]
async fn a_use_case_that_asks_nothing_has_nothing_to_read() {
    let house = builder().start().await;
    let demo = house.caller("demo").await;
    assert!(matches!(house.gateway.guidance(&demo, Language::Dutch), Err(Refusal::NoGuidance)));
    assert!(matches!(house.gateway.acknowledge(&demo, [0; 32]).await, Err(Refusal::NoGuidance)));
    answered(&house, "demo").await;
    // One whose guidance is not in the folder is closed, not open.
    let lost = House::builder().pilot("lost", &[("guidance = \"ambtenaren\"", "guidance = \"nobodys\"")]);
    let lost = lost.start().await;
    let caller = lost.caller("lost").await;
    assert!(matches!(lost.gateway.guidance(&caller, Language::Dutch), Err(Refusal::Closed { .. })));
}
