//! An organisation that signs: a root key, a CIO, a data-protection officer, an owner and an evaluator, with keys that anybody
//! knows.

use std::collections::BTreeMap;

use policy::Role;
use policy::{
    Advice, Dossier, EvaluationReport, Moment, Outcome, PolicyFiles, SignedReport, SigningKey, Status, Term,
    TrustRoot, seal_roster,
};

/// The questions a record answers in words, answered; and what its users read first.
pub const ACCOUNTABILITY: &str = r#"
[accountability]
alternatives = "By hand, with a style guide."
proportionality = "Drafts only; nothing is decided by it."
human_oversight = "The writer reads each letter before it goes out."
retention = "No text is kept; the log for six months."
exit_plan = "By hand again."
contact_email = "letters@example.org"
affected_groups = ["people who get a letter"]
data_categories = ["names", "addresses"]

[informed]
guidance = "ambtenaren"
"#;

/// Everything that lies in a policy folder, by path.
pub type Folder = BTreeMap<String, String>;

/// The signers, the moment at which they sign and until when it counts.
pub struct Signers {
    /// Vouches for the roster.
    pub root: SigningKey,
    /// `c.io`
    pub cio: SigningKey,
    /// `f.g`
    pub fg: SigningKey,
    /// `o.wner`
    pub owner: SigningKey,
    /// `e.valuator`
    pub evaluator: SigningKey,
    /// The organisation they sign for.
    pub organisation: String,
    /// When they sign, and until when it counts; the roster has the same term.
    pub term: Term,
}

impl Signers {
    /// Those of `organisation`, who sign at `date_ms` for five hundred years.
    pub fn new(organisation: &str, date_ms: i64) -> Self {
        let key = |byte| SigningKey::from_seed(&[byte; 32]);
        let expires = Moment(date_ms + 500 * 365 * 24 * 3_600_000);
        Self {
            root: key(1),
            cio: key(2),
            fg: key(3),
            owner: key(4),
            evaluator: key(5),
            organisation: organisation.to_owned(),
            term: Term { date: Moment(date_ms), expires },
        }
    }

    /// The file that pins the root key.
    pub fn trust_root_toml(&self) -> String {
        format!("threshold = 1\nkeys = [\"{}\"]\n", self.root.public())
    }

    /// The same, parsed.
    pub fn trust_root(&self) -> TrustRoot {
        TrustRoot::parse("trust-root.toml", &self.trust_root_toml()).expect("a trust root")
    }

    /// A roster with the four, which vouches for the rules of `folder`, and for its issuers of tokens.
    pub fn roster(&self, folder: &Folder) -> String {
        let rules = files(folder).rules_digest().map(|byte| format!("{byte:02x}")).concat();
        let time =
            |moment: Moment| serde_json::to_value(moment).expect("a moment").as_str().unwrap().to_owned();
        let (from, until) = (time(self.term.date), time(self.term.expires));
        let mut text =
            format!("version = 1\nissued = {from}\nexpires = {until}\nrules_sha256 = \"{rules}\"\n");
        if let Some(digest) = files(folder).identity_digest() {
            let digest = digest.map(|byte| format!("{byte:02x}")).concat();
            text.push_str(&format!("identity_sha256 = \"{digest}\"\n"));
        }
        let lines = [
            ("c.io", "cio", &self.cio),
            ("f.g", "fg", &self.fg),
            ("o.wner", "owner", &self.owner),
            ("e.valuator", "evaluator", &self.evaluator),
        ];
        for (person, role, key) in lines {
            text.push_str(&format!(
                "\n[[signer]]\nperson = \"{person}\"\nrole = \"{role}\"\nkey = \"{}\"\norganisation = \"{}\"\n\
                 from = {from}\nuntil = {until}\n",
                key.public(),
                self.organisation
            ));
        }
        text
    }

    /// Puts roster and seal into `folder`, and signs every pilot in it that can be signed: positive advice, and the
    /// decision that it is a pilot.
    pub fn sign_all(&self, folder: &mut Folder) {
        let roster = self.roster(folder);
        folder.insert(policy::ROSTER_PATH.into(), roster);
        let (path, text) = seal_roster(&files(folder), &self.root).expect("a roster");
        folder.insert(path, text);
        let ids: Vec<String> = folder
            .keys()
            .filter_map(|path| Some(path.strip_prefix("use-cases/")?.strip_suffix(".toml")?.to_owned()))
            .collect();
        for id in ids {
            // A record that is not complete has no signatures either.
            if Dossier::open(&files(folder), &id).is_ok() {
                self.advise(folder, &id, Role::Cio, positive());
                self.advise(folder, &id, Role::Fg, positive());
                self.decide(folder, &id, Status::Pilot, &[]);
            }
        }
    }

    /// Signs an advice of `role` in `folder`.
    pub fn advise(&self, folder: &mut Folder, id: &str, role: Role, advice: Advice) {
        let dossier = Dossier::open(&files(folder), id).expect("a record to sign");
        let key = if role == Role::Cio { &self.cio } else { &self.fg };
        folder.extend([dossier.advise(role, advice, self.term, key).expect("an advice")]);
    }

    /// Signs a report as the evaluator and puts it into `folder`.
    pub fn evaluate(&self, folder: &mut Folder, report: EvaluationReport) {
        let signed = SignedReport::new(report, self.term, &self.evaluator).expect("a report");
        folder.insert(signed.path(), signed.to_text().expect("a file"));
    }

    /// Signs the decision that `id` becomes `to`, with the reasons to deviate from advice.
    pub fn decide(&self, folder: &mut Folder, id: &str, to: Status, deviations: &[(&str, &str)]) {
        let dossier = Dossier::open(&files(folder), id).expect("a record to sign");
        let deviations = deviations.iter().map(|(role, why)| ((*role).into(), (*why).into())).collect();
        folder.extend([dossier.decide(to, deviations, self.term, &self.owner).expect("a decision")]);
    }
}

/// An advice without conditions.
pub fn positive() -> Advice {
    Advice { verdict: Outcome::Positive, conditions: Vec::new() }
}

/// The files of a folder, as the policy reads them.
pub fn files(folder: &Folder) -> PolicyFiles {
    let entries = folder.iter().map(|(path, text)| (path.as_str(), text.as_str()));
    PolicyFiles::from_entries(entries).expect("files the policy reads")
}
