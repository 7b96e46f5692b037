//! Nothing runs without evidence of who runs it: each supplier under a contract in force or a motivated exception, and under
//! a processing agreement where personal data may occur.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use policy::{Fault, PolicySet, SupplierFault};
use proptest::prelude::*;
use testkit::letters::{self, CONTRACT, CONTRACT_SHA256, CONTRACT_TEXT, NOW_MS, RECORD};
use testkit::signers::{Folder, files};

fn folder(record: &str) -> Folder {
    let mut folder = letters::built_in();
    folder.insert(RECORD.into(), record.to_owned());
    folder.insert(CONTRACT.into(), CONTRACT_TEXT.into());
    folder
}

fn rules(set: &PolicySet) -> Vec<String> {
    let decision = set.clear(&letters::request());
    if decision.is_permit() { Vec::new() } else { decision.determining().to_vec() }
}

/// A signed record of which suppliers run the use case.
fn supplied() -> String {
    letters::supplied(&letters::record("letters"))
}

#[test]
fn a_document_is_held_against_its_hash_and_signatures_stay() {
    let mut folder = folder(&supplied());
    letters::signers().sign_all(&mut folder);
    assert_eq!(rules(&letters::load(&folder)), [""; 0]);
    folder.insert(CONTRACT.into(), "Example Hosting hosts!\n".into());
    let set = letters::load(&folder);
    assert_eq!(rules(&set), ["supplier-document-changed"]);
    let finding = &set.suppliers("letters").unwrap().findings[0];
    assert_eq!(
        (finding.supplier.as_deref(), finding.fault),
        (Some("Example Hosting"), SupplierFault::DocumentChanged)
    );
    assert!(finding.detail.contains(CONTRACT), "{}", finding.detail);
    folder.remove(CONTRACT);
    assert_eq!(rules(&letters::load(&folder)), ["supplier-document-changed"]);
    // Elsewhere in the folder it is the same document.
    let moved = folder[RECORD].replace(CONTRACT, "contracts/2026-114.txt");
    folder.insert(RECORD.into(), moved);
    folder.insert("contracts/2026-114.txt".into(), CONTRACT_TEXT.into());
    assert_eq!(rules(&letters::load(&folder)), [""; 0]);
}

#[test]
fn every_other_change_voids_the_signatures() {
    let mut signed = folder(&supplied());
    letters::signers().sign_all(&mut signed);
    let changes = [
        ("operated_by = \"suppliers\"", "operated_by = \"organisation\""),
        ("name = \"Example Hosting\"", "name = \"Another\""),
        ("service = \"hosting\"", "service = \"model\""),
        ("reference = \"2026-114\"", "reference = \"2026-115\""),
        ("terms = \"arbit-2022\"", "terms = \"gibit\""),
        ("terms = \"arbit-2022\"", "terms = \"other\"\nterms_named = \"Ours\""),
        ("from = 2026-01-01", "from = 2026-01-02"),
        (
            "until = 2027-01-01T00:00:00Z\n[supplier.agreement]",
            "until = 2037-01-01T00:00:00Z\n[supplier.agreement]",
        ),
        ("until = 2027-01-01T00:00:00Z\n", "until = 2037-01-01T00:00:00Z\n"),
        ("[supplier.agreement]\nsha256 = \"3", "[supplier.agreement]\nsha256 = \"4"),
        ("[[supplier]]", "[[supplier]]\nname = \"More\"\nservice = \"operation\"\n[[supplier]]"),
    ];
    for (from, to) in changes {
        let mut changed = signed.clone();
        let record = &signed[RECORD];
        assert!(record.contains(from), "{from}");
        changed.insert(RECORD.into(), record.replacen(from, to, 1));
        let set = letters::load(&changed);
        let faults = &set.approvals("letters").unwrap().findings;
        assert!(
            faults.iter().any(|finding| finding.fault == Fault::RecordChanged),
            "{to} keeps its signatures"
        );
        assert!(rules(&set).contains(&"signed-record-changed".to_owned()), "{to} runs");
    }
    let mut other_hash = signed.clone();
    other_hash.insert(RECORD.into(), signed[RECORD].replace(CONTRACT_SHA256, &"5".repeat(64)));
    assert!(rules(&letters::load(&other_hash)).contains(&"signed-record-changed".to_owned()));
}

#[test]
fn what_contradicts_itself_does_not_load() {
    let table = [
        ("operated_by = \"suppliers\"", "operated_by = \"somebody\"", "somebody"),
        ("name = \"Example Hosting\"", "name = \" \"", "supplier.name"),
        ("service = \"hosting\"", "service = \"cloud\"", "cloud"),
        ("service = \"hosting\"", "service = \"other\"", "supplier.service_named"),
        ("service = \"hosting\"", "service = \"hosting\"\nservice_named = \"x\"", "supplier.service_named"),
        ("terms = \"arbit-2022\"", "terms = \"arbit-2018\"", "arbit-2018"),
        ("terms = \"arbit-2022\"", "terms = \"other\"", "supplier.contract.terms_named"),
        ("reference = \"2026-114\"", "reference = \"\"", "supplier.contract.reference"),
        (CONTRACT_SHA256, "abc", "supplier.contract.sha256"),
        (CONTRACT, "../contracts/x", "supplier.contract.file"),
        (CONTRACT, "contracts/", "supplier.contract.file"),
        (CONTRACT, "contracts/.x", "supplier.contract.file"),
        (CONTRACT, "contracts/a/b", "supplier.contract.file"),
        (CONTRACT, "roster.toml", "supplier.contract.file"),
        ("from = 2026-01-01T00:00:00Z", "from = 2026-01-01", "supplier.contract.from"),
        ("from = 2026-01-01", "from = 2027-01-01", "supplier.contract.until"),
        (
            "[supplier.agreement]",
            "[supplier.exception]\nuntil = 2027-01-01T00:00:00Z\n[supplier.agreement]",
            "supplier.exception",
        ),
        (
            "service = \"hosting\"",
            "service = \"hosting\"\nno_personal_data = \"x\"",
            "supplier.no_personal_data",
        ),
        ("service = \"hosting\"", "service = \"hosting\"\ncontracts = 1", "contracts"),
    ];
    for (from, to, named) in table {
        let text = supplied();
        assert!(text.contains(from), "{from}");
        let error = PolicySet::load(&files(&folder(&text.replacen(from, to, 1)))).unwrap_err().to_string();
        assert!(error.contains("use-cases/letters.toml:") && error.contains(named), "{to}: {error}");
    }
    let many = supplied() + &"[[supplier]]\nname = \"x\"\nservice = \"model\"\n".repeat(32);
    let error = PolicySet::load(&files(&folder(&many))).unwrap_err().to_string();
    assert!(error.contains("at most 32"), "{error}");
}

#[test]
fn documents_of_any_kind_are_kept_by_their_hash() {
    let with = |path: &str, bytes: &[u8]| files(&letters::built_in()).with_document(path, bytes);
    let one = with("contracts/a.pdf", b"%PDF\xff\x00").unwrap();
    assert_ne!(one.digest(), files(&letters::built_in()).digest());
    assert_ne!(one.digest(), with("contracts/a.pdf", b"%PDF\xff\x01").unwrap().digest());
    assert_ne!(one.digest(), with("contracts/b.pdf", b"%PDF\xff\x00").unwrap().digest());
    assert_eq!(one.rules_digest(), files(&letters::built_in()).rules_digest());
    assert!(one.text("contracts/a.pdf").is_none() && one.document("contracts/a.pdf").is_some());
    for path in ["contracts/a/b.pdf", "contracts/", "contracts/.a", "rules/a.pdf", "a.pdf"] {
        assert!(with(path, b"").is_err(), "{path}");
    }
}

/// One supplier as the property makes it; what is `None` the record does not say.
#[derive(Debug, Clone)]
struct Made {
    contract: Option<(i64, i64, Lies)>,
    exception: Option<(bool, bool, i64)>,
    agreement: Option<(i64, Lies)>,
    /// Why it comes near no personal data; blank where `false`.
    no_personal_data: Option<bool>,
}

/// Where a document is: nowhere but by its hash; in the folder; there as another; named and not there.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Lies {
    Nowhere,
    There,
    Changed,
    Missing,
}

impl Lies {
    fn sound(self) -> bool {
        matches!(self, Self::Nowhere | Self::There)
    }

    fn line(self) -> &'static str {
        match self {
            Self::Nowhere => "",
            Self::There => "file = \"contracts/hosting.txt\"\n",
            Self::Changed => "file = \"contracts/changed.txt\"\n",
            Self::Missing => "file = \"contracts/missing.txt\"\n",
        }
    }
}

fn made() -> impl Strategy<Value = Made> {
    let lies = || prop_oneof![4 => Just(Lies::There), 4 => Just(Lies::Nowhere), 1 => Just(Lies::Changed), 1 => Just(Lies::Missing)];
    // Days around the moment of the request, the moment itself among them; mostly in force.
    let (past, future) =
        (|| prop_oneof![6 => -9i64..=0, 1 => 1i64..3], || prop_oneof![6 => 1i64..9, 1 => -3i64..=0]);
    let word = || prop::bool::weighted(0.85);
    let footing = prop_oneof![
        5 => (past(), future(), lies()).prop_map(|(from, until, lies)| (Some((from, from.max(until - 1) + 1, lies)), None)),
        3 => (word(), word(), future()).prop_map(|exception| (None, Some(exception))),
        1 => Just((None, None)),
    ];
    let processing = prop_oneof![
        5 => (future(), lies()).prop_map(|agreement| (Some(agreement), None)),
        3 => word().prop_map(|why| (None, Some(why))),
        1 => Just((None, None)),
    ];
    (footing, processing).prop_map(|((contract, exception), (agreement, no_personal_data))| Made {
        contract,
        exception,
        agreement,
        no_personal_data,
    })
}

fn moment(days: i64) -> String {
    // 2026-06-01 is the moment of the request.
    let day = 31 + days;
    if day > 31 {
        format!("2026-06-{:02}T00:00:00Z", day - 31 + 1)
    } else if day == 31 {
        "2026-06-01T00:00:00Z".to_owned()
    } else {
        format!("2026-05-{:02}T00:00:00Z", day + 1)
    }
}

impl Made {
    fn toml(&self, number: usize) -> String {
        let mut text = format!("[[supplier]]\nname = \"Supplier {number}\"\nservice = \"operation\"\n");
        if let Some(why) = self.no_personal_data {
            text.push_str(&format!("no_personal_data = \"{}\"\n", if why { "No access." } else { " " }));
        }
        if let Some((from, until, lies)) = self.contract {
            text.push_str(&format!(
                "[supplier.contract]\nreference = \"1\"\nterms = \"gibit\"\nsha256 = \"{CONTRACT_SHA256}\"\n{}from = {}\nuntil = {}\n",
                lies.line(),
                moment(from),
                moment(until)
            ));
        }
        if let Some((why, by, until)) = self.exception {
            let word = |there: bool| if there { "x" } else { "" };
            text.push_str(&format!(
                "[supplier.exception]\nmotivation = \"{}\"\nby = \"{}\"\nuntil = {}\n",
                word(why),
                word(by),
                moment(until)
            ));
        }
        if let Some((until, lies)) = self.agreement {
            text.push_str(&format!(
                "[supplier.agreement]\nsha256 = \"{CONTRACT_SHA256}\"\n{}until = {}\n",
                lies.line(),
                moment(until)
            ));
        }
        text
    }

    /// What the letter asks, said once more: not by the code or the rules under test.
    fn evidenced(&self, personal_data: bool) -> bool {
        let contract = self.contract.is_some_and(|(from, until, _)| from <= 0 && 0 < until);
        let exception = self.exception.is_some_and(|(why, by, until)| why && by && 0 < until);
        let agreement = self.agreement.is_some_and(|(until, _)| 0 < until);
        let documents = self.contract.is_none_or(|(_, _, lies)| lies.sound())
            && self.agreement.is_none_or(|(_, lies)| lies.sound());
        (contract || exception)
            && documents
            && (!personal_data || agreement || self.no_personal_data == Some(true))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn nothing_is_permitted_without_evidence_of_who_runs_it(
        operator in prop_oneof![1 => Just(None), 3 => Just(Some("organisation")), 6 => Just(Some("suppliers"))],
        suppliers in prop::collection::vec(made(), 0..4),
        personal_data in any::<bool>(),
    ) {
        let line = operator.map_or_else(String::new, |operator| format!("operated_by = \"{operator}\""));
        let mut record = letters::record("letters").replace("operated_by = \"organisation\"", &line);
        if !personal_data {
            record = record.replace("max_data_class = \"identifier\"", "max_data_class = \"none\"");
        }
        for (number, supplier) in suppliers.iter().enumerate() {
            record.push_str(&supplier.toml(number));
        }
        let mut folder = folder(&record);
        folder.insert("contracts/changed.txt".into(), "something else".into());
        let set = letters::sign_and_load(folder);
        let evidenced = operator.is_some()
            && !(operator == Some("suppliers") && suppliers.is_empty())
            && suppliers.iter().all(|supplier| supplier.evidenced(personal_data));
        let decision = set.clear(&letters::request());
        prop_assert_eq!(decision.is_permit(), evidenced, "{:?}\n{}", decision.determining(), record);
        let of_suppliers = |rule: &String| rule.starts_with("supplier-") || rule == "operator-not-stated";
        prop_assert!(evidenced || decision.determining().iter().all(of_suppliers), "{:?}", decision.determining());
    }
}

#[test]
fn the_moment_of_the_property_is_that_of_the_request() {
    assert_eq!(jiff::Timestamp::from_millisecond(NOW_MS).unwrap().to_string(), moment(0));
    assert_eq!(
        (moment(-3), moment(2)),
        ("2026-05-29T00:00:00Z".to_owned(), "2026-06-03T00:00:00Z".to_owned())
    );
}
