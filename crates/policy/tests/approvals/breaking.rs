//! Every way to break a pilot that runs, and the rule that says so.

use super::*;

const CIO: &str = "use-cases/letters.signatures/cio.json";
const FG: &str = "use-cases/letters.signatures/fg.json";
const OWNER: &str = "use-cases/letters.signatures/owner-1.json";

type Break = (&'static str, &'static str, fn(&Signers, &mut Folder));

/// Rule, what is done, how. Each starts from a pilot that runs.
const BREAKS: &[Break] = &[
    ("roster-missing", "the roster is gone", |_, f| drop(f.remove("roster.toml"))),
    ("roster-not-signed", "its seal is gone", |_, f| f.retain(|path, _| !path.starts_with("roster.s"))),
    ("roster-not-signed", "an editor makes himself the FG", |s, f| {
        set_text(f, "roster.toml", &s.fg.public().to_string(), &stranger().public().to_string());
        s.advise(f, "letters", Role::Fg, positive());
    }),
    ("roster-not-signed", "a space in the roster", |_, f| f.get_mut("roster.toml").unwrap().push(' ')),
    ("roster-not-signed", "a stranger seals it", |_, f| {
        f.retain(|path, _| !path.starts_with("roster.s"));
        f.extend([policy::seal_roster(&files(f), &stranger()).unwrap()]);
    }),
    ("roster-not-signed", "a seal over another version", |_, f| {
        let seal = f.keys().find(|path| path.starts_with("roster.s")).unwrap().clone();
        set_text(f, &seal, "\"version\": 1", "\"version\": 2");
    }),
    ("roster-rolled-back", "signed under a newer roster", |s, f| {
        let act = Act::Advice(positive());
        forge(f, Role::Cio, act, &s.cio, |statement| statement.roster_version = 2);
    }),
    ("evidence-cio-advice-missing", "nobody of the CIO's", |s, f| only(s, f, &[Role::Fg])),
    ("evidence-fg-advice-missing", "nobody of the FG's", |s, f| only(s, f, &[Role::Cio])),
    ("evidence-owner-decision-missing", "no decision", |_, f| drop(f.remove(OWNER))),
    ("decision-advice-changed", "an advice is taken away", |_, f| drop(f.remove(FG))),
    ("decision-advice-changed", "an advice is given after the decision", |s, f| {
        s.advise(f, "letters", Role::Fg, advice(Outcome::Conditional, &[("x", Some(Check::LoopbackOnly))]));
    }),
    ("signature-not-genuine", "another verdict", |s, f| {
        s.advise(f, "letters", Role::Fg, advice(Outcome::Negative, &[]));
        set_text(f, FG, "negative", "positive");
    }),
    ("signature-not-genuine", "a bit of the signature", |_, f| {
        let text = f.get_mut(CIO).unwrap();
        let at = text.find("\"signature\": \"").unwrap() + 20;
        let digit = if &text[at..=at] == "0" { "1" } else { "0" };
        text.replace_range(at..=at, digit);
    }),
    ("signature-not-genuine", "another key is named", |s, f| {
        set_text(f, FG, &s.fg.public().to_string(), &s.cio.public().to_string());
    }),
    ("signature-key-unknown", "a stranger advises", |_, f| {
        forge(f, Role::Fg, Act::Advice(positive()), &stranger(), |_| ());
    }),
    ("signature-wrong-role", "the CIO advises as FG", |s, f| {
        forge(f, Role::Fg, Act::Advice(positive()), &s.cio, |_| ());
    }),
    ("signature-wrong-role", "a roster for another organisation", |s, f| {
        reseal(s, f, "organisation = \"Ministry of Examples\"", "organisation = \"Another\"");
    }),
    ("signature-wrong-role", "a roster for another use case", |s, f| {
        reseal(s, f, "role = \"fg\"\n", "role = \"fg\"\nuse_cases = [\"others\"]\n");
    }),
    ("signature-outside-term", "before the term began", |s, f| {
        forge(f, Role::Cio, Act::Advice(positive()), &s.cio, |statement| statement.date.0 -= DAY_MS);
    }),
    ("signature-outside-term", "after the term ended", |s, f| {
        let until = f["roster.toml"].lines().rfind(|line| line.starts_with("until")).unwrap().to_owned();
        reseal(s, f, &until, "until = 2026-01-15T00:00:00.001Z");
        forge(f, Role::Cio, Act::Advice(positive()), &s.cio, |statement| statement.date.0 += 1);
    }),
    ("signature-other-use-case", "a signature of another use case", |s, f| {
        forge(f, Role::Cio, Act::Advice(positive()), &s.cio, |statement| statement.use_case = "other".into());
    }),
    ("evidence-four-eyes", "one person is CIO and FG", |s, f| {
        let fg = s.fg.public().to_string();
        reseal(s, f, "person = \"f.g\"", "person = \"c.io\"");
        assert!(f["roster.toml"].contains(&fg));
    }),
    ("evidence-four-eyes", "the owner advises himself", |s, f| {
        reseal(s, f, "person = \"o.wner\"", "person = \"f.g\"");
    }),
    ("evidence-cio-advice-expired", "the advice of the CIO is over", |s, f| {
        short(s, f, Role::Cio);
    }),
    ("evidence-fg-advice-expired", "the advice of the FG is over", |s, f| short(s, f, Role::Fg)),
    ("evidence-owner-decision-expired", "the decision is over", |s, f| {
        short(s, f, Role::Owner);
    }),
    ("evidence-dated-ahead", "a decision of tomorrow", |s, f| {
        redecide(s, f, |statement| statement.date.0 = NOW_MS + 1);
    }),
    ("evidence-decision-before-advice", "an advice of tomorrow", |s, f| {
        forge(f, Role::Fg, Act::Advice(positive()), &s.fg, |statement| statement.date.0 = NOW_MS + 1);
        redecide(s, f, |_| ());
    }),
    ("evidence-cio-advice-negative", "the CIO says no, and nobody says why not to listen", |s, f| {
        s.advise(f, "letters", Role::Cio, advice(Outcome::Negative, &[]));
        redecide(s, f, |_| ());
    }),
    ("evidence-fg-advice-negative", "the FG says no, and the reason is blank", |s, f| {
        s.advise(f, "letters", Role::Fg, advice(Outcome::Negative, &[]));
        redecide(s, f, |statement| {
            let Act::Decision(decision) = &mut statement.act else { panic!("a decision") };
            decision.deviations.insert("fg".into(), " ".into());
        });
    }),
    ("condition-open", "a condition that nobody met", |s, f| {
        s.advise(f, "letters", Role::Cio, advice(Outcome::Conditional, &[("train", None)]));
        s.decide(f, "letters", Status::Pilot, &[]);
    }),
    ("condition-loopback-only", "a condition that is not so", |s, f| {
        s.advise(f, "letters", Role::Cio, advice(Outcome::Conditional, &[("x", Some(Check::LoopbackOnly))]));
        s.decide(f, "letters", Status::Pilot, &[]);
    }),
    ("signed-record-changed", "another purpose", |_, f| set_text(f, RECORD, "Plainer", "All")),
    ("signed-record-changed", "a wider role", |_, f| {
        set_text(f, RECORD, "[\"officer\"]", "[\"officer\", \"visitor\"]");
    }),
    ("signed-record-changed", "a later review", |_, f| set_text(f, RECORD, "2035-11-03", "2036-11-03")),
    ("signed-assessment-changed", "another DPIA", |_, f| {
        set_text(f, RECORD, &"1".repeat(64), &"2".repeat(64));
    }),
    ("signed-model-changed", "another model is pinned", |_, f| {
        set_text(f, RECORD, &"07".repeat(32), &"08".repeat(32));
    }),
    ("signed-model-changed", "another dossier is named", |_, f| {
        set_text(f, RECORD, &"0d".repeat(32), &"0e".repeat(32));
    }),
    ("signed-record-changed", "a reason for the model is added", |_, f| {
        f.get_mut(RECORD).unwrap().push_str("[model_motivation]\nopen-model = \"It is there.\"\n");
    }),
    ("signed-record-changed", "a signature of the model is demanded", |_, f| {
        set_text(f, RECORD, "kind = \"pilot\"", "kind = \"pilot\"\nmodel_signature_required = true");
    }),
    ("signed-redaction-changed", "another redaction profile", |_, f| {
        f.get_mut("redaction/default.toml").unwrap().push('\n');
    }),
    ("state-not-decided", "accepted by an editor", |_, f| {
        set_text(f, RECORD, "status = \"pilot\"", "status = \"accepted\"");
    }),
    ("transition-illegal", "accepted without a pilot", |s, f| {
        step(s, f, 1, Status::Advised, Status::Accepted)
    }),
    ("transition-illegal", "from a state it never had", |s, f| {
        step(s, f, 1, Status::Suspended, Status::Pilot)
    }),
    ("transition-illegal", "a decision is missing", |s, f| step(s, f, 3, Status::Pilot, Status::Pilot)),
    ("transition-illegal", "the chain does not join", |s, f| step(s, f, 2, Status::Suspended, Status::Pilot)),
    ("rules-not-approved", "a rule is taken away", |_, f| {
        let text = f.get_mut("rules/20-evidence.cedar").unwrap();
        *text = text.replace("@id(\"evidence-fg-advice-missing\")", "@id(\"nothing\")");
    }),
    ("rules-not-approved", "a rule is added", |_, f| {
        let rule = "@id(\"x\") @remedy(\"x\") @remedy_nl(\"x\")\npermit (principal, action, resource);\n";
        f.insert("rules/95-extra.cedar".into(), rule.into());
    }),
    ("demo-loopback-only", "it calls itself a demo", |_, f| {
        set_text(f, RECORD, "kind = \"pilot\"", "kind = \"demo\"");
        set_text(f, RECORD, "\"identifier\"", "\"none\"");
    }),
];

fn stranger() -> SigningKey {
    SigningKey::from_seed(&[99; 32])
}

/// Only these have advised, and nobody has decided.
fn only(s: &Signers, folder: &mut Folder, roles: &[Role]) {
    folder.retain(|path, _| !path.contains("letters.signatures/"));
    roles.iter().for_each(|role| s.advise(folder, "letters", *role, positive()));
}

/// Changes the roster and seals it again: the root keys agree.
fn reseal(s: &Signers, folder: &mut Folder, from: &str, to: &str) {
    let text = folder.get_mut("roster.toml").unwrap();
    assert!(text.contains(from), "{from}");
    *text = text.replace(from, to);
    folder.extend([policy::seal_roster(&files(folder), &s.root).unwrap()]);
}

/// The first decision, as a dossier would write it, and then changed.
fn redecide(s: &Signers, folder: &mut Folder, change: impl FnOnce(&mut Statement)) {
    let hash = |path: &str| Signed::<Statement>::parse(path, &folder[path]).unwrap().statement_sha256();
    let decision = policy::OwnerDecision {
        number: 1,
        from: Status::Advised,
        to: Status::Pilot,
        advice: BTreeMap::from([("cio".into(), hash(CIO)), ("fg".into(), hash(FG))]),
        deviations: BTreeMap::new(),
    };
    forge(folder, Role::Owner, Act::Decision(decision), &s.owner, change);
}

fn step(s: &Signers, folder: &mut Folder, number: u32, from: Status, to: Status) {
    let hash = |path: &str| Signed::<Statement>::parse(path, &folder[path]).unwrap().statement_sha256();
    let advice = BTreeMap::from([("cio".into(), hash(CIO)), ("fg".into(), hash(FG))]);
    let decision = policy::OwnerDecision { number, from, to, advice, deviations: BTreeMap::new() };
    forge(folder, Role::Owner, Act::Decision(decision), &s.owner, |_| ());
}

/// What `role` signed is over at this very millisecond.
fn short(s: &Signers, folder: &mut Folder, role: Role) {
    let until_now = |statement: &mut Statement| statement.expires.0 = NOW_MS;
    match role {
        Role::Owner => return redecide(s, folder, until_now),
        Role::Cio => forge(folder, role, Act::Advice(positive()), &s.cio, until_now),
        Role::Fg => forge(folder, role, Act::Advice(positive()), &s.fg, until_now),
        Role::Evaluator => panic!("an evaluator signs no statement"),
    }
    redecide(s, folder, |_| ());
}

#[test]
fn every_break_is_denied_by_its_own_rule() {
    assert_eq!(outcome(&signed()), "permit");
    for (rule, what, change) in BREAKS {
        let mut folder = signed();
        change(&signers(), &mut folder);
        let decision = decide(&load(&folder), &request());
        assert_eq!(headline(&decision), *rule, "{what}: {:?}", decision.determining());
        let denial = decision.denial().unwrap();
        assert!(!denial.remedy.is_empty() && !denial.remedy_nl.is_empty());
    }
}

/// What depends on the program or the moment and not on the folder.
#[test]
fn the_root_the_clock_and_the_model() {
    let folder = signed();
    let without = PolicySet::load(&files(&folder)).unwrap();
    assert_eq!(headline(&decide(&without, &request())), "trust-root-missing");
    let newer = signers().trust_root().at_least(2);
    let newer = PolicySet::load_trusting(&files(&folder), Some(&newer)).unwrap();
    assert_eq!(headline(&decide(&newer, &request())), "roster-rolled-back");
    let set = load(&folder);
    let at = |now_ms: i64| {
        let mut request = request();
        request.entry.now_ms = now_ms;
        decide(&set, &request).determining()
    };
    assert_eq!(at(SIGNED_MS - 1)[..2], ["window-not-begun", "roster-dated-ahead"]);
    assert!(at(signers().term.expires.0).contains(&"roster-expired".to_owned()));
    let mut other = request();
    let model = other.entry.model.as_mut().unwrap();
    (model.pinned_sha256, model.loaded_sha256) = (Some([8; 32]), Some([8; 32]));
    assert_eq!(headline(&decide(&set, &other)), "model-not-as-signed");
    let mut other = request();
    other.entry.model.as_mut().unwrap().dossier.as_mut().unwrap().sha256 = [8; 32];
    assert_eq!(headline(&decide(&set, &other)), "model-dossier-not-as-signed");
}

/// A record that does not name the dossier of its model takes no signature.
#[test]
fn a_dossier_must_be_named_to_be_signed() {
    let mut folder = signed();
    let table = format!("[model_dossier_sha256]\nopen-model = \"{}\"\n", "0d".repeat(32));
    set_text(&mut folder, RECORD, &table, "");
    let Err(error) = policy::Dossier::open(&files(&folder), "letters") else { panic!("opened") };
    let said = error.to_string();
    assert!(said.contains("open-model") && said.contains("[model_dossier_sha256]"), "{said}");
}

/// Files that cannot be read, or lie where they cannot belong, refuse the whole folder by name.
#[test]
fn what_cannot_be_read_is_named() {
    let complaint = |change: fn(&mut Folder)| {
        let mut folder = signed();
        change(&mut folder);
        PolicySet::load_trusting(&files(&folder), Some(&signers().trust_root())).unwrap_err().to_string()
    };
    let message = complaint(|f| drop(f.insert(CIO.into(), "{".into())));
    assert!(
        message.contains("letters.signatures/cio.json") && message.contains("use-case sign"),
        "{message}"
    );
    let message = complaint(|f| {
        let text = f[CIO].clone();
        f.insert(FG.into(), text);
    });
    assert!(message.contains("its name must be cio.json"), "{message}");
    let message = complaint(|f| {
        let record = f.remove(RECORD).unwrap();
        f.insert("use-cases/renamed.toml".into(), record.replace("\"letters\"", "\"renamed\""));
    });
    assert!(message.contains("letters.signatures"), "{message}");
    let message = complaint(|f| set_text(f, "roster.toml", "role = \"fg\"", "role = \"king\""));
    assert!(message.contains("roster.toml:") && message.contains("king"), "{message}");
    let message = complaint(|f| {
        let s = signers();
        set_text(f, "roster.toml", &s.fg.public().to_string(), &s.cio.public().to_string());
    });
    assert!(message.contains("roster.toml:") && message.contains("one person"), "{message}");
    let message = complaint(|f| {
        set_text(f, CIO, "\"conditions\": []", "\"conditions\": [{\"id\": \"a\", \"check\": \"believe-me\"}]")
    });
    assert!(message.contains("believe-me") && message.contains("loopback-only"), "{message}");
}
