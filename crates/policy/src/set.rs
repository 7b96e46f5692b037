//! The set: everything an administrator decided, loaded whole or not at all, and the two questions to it.

use std::collections::BTreeMap;

use cedar_policy::{
    Authorizer, Context, Decision as CedarDecision, Entities, Entity, EntityUid, Request, Response, Schema,
};

use crate::Error;
use crate::approval::{Approvals, Trust, TrustRoot, approvals, trust};
use crate::assessment::{Assessments, Forms, Live, Probe, assessments};
use crate::decision::{Decision, Denial, Permit, Reason};
use crate::evaluation::{Evaluations, evaluations, signed_reports};
use crate::facts::{Beside, Fault, Judged, Names};
use crate::files::{FileKind, PolicyFiles, SCHEMA_PATH};
use crate::guidance::{self, Guidance};
use crate::informed::{Acknowledged, Acknowledgement, Asked, AskedGuidance, Informed, InformedFacts};
use crate::record;
use crate::request::{
    Action, ClearanceRequest, DossierFacts, EntryRequest, FindingFacts, ModelFacts, Principal, QuotaFacts,
};
use crate::rules::{Rules, parse_rules, parse_schema};
use crate::settled::{Ruling, settle};
use crate::supplier::{Suppliers, suppliers};
use crate::use_case::UseCase;

/// Name of the action that is judged after redaction.
const CLEAR: &str = "clear";

/// A use case with its entity, built once.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    case: UseCase,
    beside: Beside,
    entities: Entities,
    /// What the rules that look at the use case alone say of it.
    settled: Ruling,
}

/// A policy folder that was found sound. Immutable: a new one replaces it whole.
#[derive(Debug)]
pub struct PolicySet {
    names: Names,
    schema: Schema,
    pub(crate) rules: Rules,
    use_cases: BTreeMap<String, Loaded>,
    digest: [u8; 32],
    rules_approved: bool,
    identity_approved: bool,
    roster_version: Option<u32>,
    guidance: BTreeMap<String, Guidance>,
    files: PolicyFiles,
}

impl PolicySet {
    /// Loads a folder without a trust root: no use case that needs signatures runs.
    ///
    /// # Errors
    /// As [`PolicySet::load_trusting`].
    pub fn load(files: &PolicyFiles) -> Result<Self, Error> {
        Self::load_trusting(files, None)
    }

    /// Loads a folder: schema, rules, records, signatures; it is refused whole for the least thing that cannot be
    /// read. A signature that can be read and does not hold is a fact, and a rule denies on it.
    ///
    /// # Errors
    /// [`Error`], naming file and line.
    pub fn load_trusting(files: &PolicyFiles, root: Option<&TrustRoot>) -> Result<Self, Error> {
        let missing = |path: &str| Error::MissingFile { path: path.into() };
        let schema = parse_schema(files.text(SCHEMA_PATH).ok_or_else(|| missing(SCHEMA_PATH))?)?;
        let names = Names::new().map_err(misfit)?;
        let rules = parse_rules(files, &schema)?;
        if rules.by_id.is_empty() {
            return Err(missing("rules/*.cedar"));
        }
        let trust = trust(files, root)?;
        let mut set = Self {
            names,
            schema,
            rules,
            use_cases: BTreeMap::new(),
            digest: files.digest(),
            rules_approved: rules_approved(files, &trust)?,
            identity_approved: identity_approved(files, &trust),
            roster_version: match &trust {
                Trust::Roster(roster) => Some(roster.version),
                Trust::None(_) => None,
            },
            guidance: guidance::read(files)?,
            files: files.clone(),
        };
        set.probe()?;
        let forms = Forms::read(files.of_kind(FileKind::Form))?;
        let reports = signed_reports(files)?;
        for (path, text) in files.of_kind(FileKind::UseCase) {
            let case = record::parse(path, text)?;
            let approvals = approvals(&case, files, &trust)?;
            let beside = Beside {
                evaluations: evaluations(&case, files, &reports, &trust, &approvals)?,
                approvals,
                assessments: assessments(&case, files, &forms)?,
                asked: Asked::of(&case.informed, &set.guidance),
                suppliers: suppliers(&case, |path| files.document(path)),
            };
            let loaded = set.fit(case, beside)?;
            set.use_cases.insert(loaded.case.id.clone(), loaded);
        }
        set.no_strays()?;
        Ok(set)
    }

    /// SHA-256 over the canonical listing of all files, see [`PolicyFiles::digest`].
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// All use cases in order of id.
    pub fn use_cases(&self) -> impl Iterator<Item = &UseCase> {
        self.use_cases.values().map(|loaded| &loaded.case)
    }

    /// One use case.
    #[must_use]
    pub fn use_case(&self, id: &str) -> Option<&UseCase> {
        self.use_cases.get(id).map(|loaded| &loaded.case)
    }

    /// What holds of the signatures of a use case.
    #[must_use]
    pub fn approvals(&self, id: &str) -> Option<&Approvals> {
        self.use_cases.get(id).map(|loaded| &loaded.beside.approvals)
    }

    /// What the assessments and measures of a use case come to.
    #[must_use]
    pub fn assessments(&self, id: &str) -> Option<&Assessments> {
        self.use_cases.get(id).map(|loaded| &loaded.beside.assessments)
    }

    /// Every guidance of the folder in order of id.
    pub fn guidance(&self) -> impl Iterator<Item = &Guidance> {
        self.guidance.values()
    }

    /// The guidance that a use case names, as the folder has it.
    #[must_use]
    pub fn guidance_of(&self, use_case: &str) -> Option<&Guidance> {
        self.guidance.get(self.use_case(use_case)?.informed.guidance.as_ref()?)
    }

    /// Where somebody stands towards the guidance of a use case at `now_ms` (milliseconds since 1970 UTC); `None` where
    /// it names none.
    #[must_use]
    pub fn acknowledgement(
        &self,
        use_case: &str,
        known: &InformedFacts,
        now_ms: i64,
    ) -> Option<Acknowledgement> {
        let named = self.use_case(use_case)?.informed.guidance.as_ref()?;
        Some(match self.guidance.get(named) {
            None => Acknowledgement::NoGuidance,
            Some(guidance) => Acknowledgement::of(guidance, known.acknowledged.get(named), now_ms),
        })
    }

    /// What became of the evaluations that a use case demands.
    #[must_use]
    pub fn evaluations(&self, id: &str) -> Option<&Evaluations> {
        self.use_cases.get(id).map(|loaded| &loaded.beside.evaluations)
    }

    /// What the suppliers of a use case come to.
    #[must_use]
    pub fn suppliers(&self, id: &str) -> Option<&Suppliers> {
        self.use_cases.get(id).map(|loaded| &loaded.beside.suppliers)
    }

    /// Version of the roster, if the root keys vouch for it.
    #[must_use]
    pub fn roster_version(&self) -> Option<u32> {
        self.roster_version
    }

    /// Whether the rules are the ones the roster names or, where none is trusted that names any, the built-in ones.
    /// Where they are not, every request is denied: whoever edits rules could edit the gate away.
    #[must_use]
    pub fn rules_approved(&self) -> bool {
        self.rules_approved
    }

    /// Whether the root keys vouch for whose tokens are taken: the roster names the digest of the issuers and keys that are
    /// here. Where it does not, no token may be taken: whoever edits the folder could make himself a user.
    #[must_use]
    pub fn identity_approved(&self) -> bool {
        self.identity_approved
    }

    /// Signatures, assessments or measures beside which no record lies: perhaps one was renamed.
    fn no_strays(&self) -> Result<(), Error> {
        let kinds = [
            (FileKind::Signature, ".signatures/"),
            (FileKind::Assessment, ".assessments/"),
            (FileKind::Mitigations, ".mitigations.toml"),
        ];
        for (kind, after_id) in kinds {
            for (path, _) in self.files.of_kind(kind) {
                let id = path.strip_prefix("use-cases/").and_then(|rest| rest.split_once(after_id));
                if !id.is_some_and(|(id, _)| self.use_cases.contains_key(id)) {
                    return Err(Error::UnknownFile { path: path.into() });
                }
            }
        }
        Ok(())
    }

    /// Ids of all rules, heaviest first, and whether each forbids.
    pub fn rules(&self) -> impl Iterator<Item = (&str, bool)> {
        let mut rules: Vec<_> = self.rules.by_id.iter().collect();
        rules.sort_by_key(|(_, rule)| rule.precedence);
        rules.into_iter().map(|(id, rule)| (id.as_str(), rule.forbids))
    }

    /// The text of a rule, annotations included.
    #[must_use]
    pub fn rule_text(&self, id: &str) -> Option<&str> {
        self.rules.by_id.get(id).map(|rule| rule.text.as_str())
    }

    /// What each forbidding rule tells whom it stops, heaviest first.
    pub fn reasons(&self) -> impl Iterator<Item = &Reason> {
        let mut rules: Vec<_> = self.rules.by_id.values().filter(|rule| rule.forbids).collect();
        rules.sort_by_key(|rule| rule.precedence);
        rules.into_iter().map(|rule| &rule.reason)
    }

    /// Judges a request at the door.
    pub fn enter(&self, request: &EntryRequest) -> Decision {
        self.by_approved_rules(|| self.enter_as(self.use_cases.get(&request.principal.use_case), request))
    }

    /// Judges a request after redaction, and the door once more with the clock of now.
    /// A request that generates nothing has nothing to clear and is denied as `policy-error`.
    pub fn clear(&self, request: &ClearanceRequest) -> Decision {
        self.by_approved_rules(|| {
            self.clear_as(self.use_cases.get(&request.entry.principal.use_case), request)
        })
    }

    fn by_approved_rules(&self, decide: impl FnOnce() -> Decision) -> Decision {
        if self.rules_approved { decide() } else { Decision::Deny(Denial::one(Reason::rules_not_approved())) }
    }

    pub(crate) fn enter_as(&self, loaded: Option<&Loaded>, request: &EntryRequest) -> Decision {
        let context = self.names.entry_context(request, &judged(loaded, request));
        self.decide(loaded, request, request.action.name(), context)
    }

    pub(crate) fn clear_as(&self, loaded: Option<&Loaded>, request: &ClearanceRequest) -> Decision {
        let context = self.names.clearance_context(request, &judged(loaded, &request.entry));
        self.decide(loaded, &request.entry, CLEAR, context)
    }

    fn decide(
        &self,
        loaded: Option<&Loaded>,
        request: &EntryRequest,
        action: &str,
        context: Result<Context, Fault>,
    ) -> Decision {
        let Some(loaded) = loaded else { return Decision::Deny(Denial::one(Reason::use_case_unknown())) };
        let response = context.and_then(|context| self.ask(loaded, request, action, context));
        match response {
            Ok(response) => self.translate(&loaded.settled, &response),
            Err(Fault(_)) => Decision::Deny(Denial::one(Reason::policy_error())),
        }
    }

    fn ask(
        &self,
        loaded: &Loaded,
        request: &EntryRequest,
        action: &str,
        context: Context,
    ) -> Result<Response, Fault> {
        let mut asking = self.names.key_entities(&request.principal)?;
        if let (true, Some(model)) = (request.action.generates(), &request.model) {
            asking.push(self.names.model_entity(model)?);
        }
        // The use case was checked against the schema when it was loaded, and keys and models have the same shape
        // each time, which `probe` checked: to check them again would take most of a decision's time.
        let entities = loaded.entities.clone().add_entities(asking, None).map_err(Fault::of)?;
        let key = self.names.key(&request.principal.key_id);
        let resource = self.names.use_case(&loaded.case.id);
        let question = Request::new(key, self.names.action(action), resource, context, Some(&self.schema));
        Ok(Authorizer::new().is_authorized(&question.map_err(Fault::of)?, &self.rules.asked, &entities))
    }

    /// A request and its entities, both checked against the schema.
    fn question(
        &self,
        principal: EntityUid,
        action: EntityUid,
        resource: EntityUid,
        context: Context,
        entities: Vec<Entity>,
    ) -> Result<(Request, Entities), Fault> {
        let entities = Entities::from_entities(entities, Some(&self.schema)).map_err(Fault::of)?;
        let request =
            Request::new(principal, action, resource, context, Some(&self.schema)).map_err(Fault::of)?;
        Ok((request, entities))
    }

    /// Cedar's answer and what was settled before → ours. Cedar skips a rule that errs, so a forbid that errs would not
    /// forbid: any error denies.
    fn translate(&self, settled: &Ruling, response: &Response) -> Decision {
        let mut asked = Ruling::of(response);
        if response.decision() == CedarDecision::Allow && asked.erring.is_empty() && settled.is_empty() {
            self.sort(&mut asked.reasons);
            return Decision::Permit(Permit { determining: asked.reasons });
        }
        let mut ids: Vec<String> = settled.reasons.iter().cloned().chain(asked.reasons).collect();
        let mut erring: Vec<String> = settled.erring.iter().cloned().chain(asked.erring).collect();
        self.sort(&mut ids);
        erring.sort();
        let forbids = ids.iter().filter_map(|id| self.rules.by_id.get(id)).filter(|rule| rule.forbids);
        let reasons = forbids.map(|rule| rule.reason.clone()).collect();
        Decision::Deny(Denial::from_reasons(reasons, erring))
    }

    fn sort(&self, ids: &mut [String]) {
        ids.sort_by_key(|id| self.rules.by_id.get(id).map(|rule| rule.precedence));
    }

    /// The files the set was loaded from.
    #[must_use]
    pub fn files(&self) -> &PolicyFiles {
        &self.files
    }

    /// A record with its entity, checked against the schema.
    pub(crate) fn fit(&self, case: UseCase, beside: Beside) -> Result<Loaded, Error> {
        let entity = self.names.use_case_entity(&case, &beside).map_err(misfit)?;
        let entities = Entities::from_entities([entity], Some(&self.schema));
        let entities = entities.map_err(|error| misfit(Fault::of(error)))?;
        let settled =
            settle(&self.rules.settled, &self.names.use_case(&case.id), &entities).map_err(misfit)?;
        Ok(Loaded { case, beside, entities, settled })
    }

    /// Asks one question of each kind, with every optional fact given, so that a schema that does not fit
    /// this program fails at load and not at the first request.
    fn probe(&self) -> Result<(), Error> {
        let guidance = AskedGuidance { id: "probe".into(), found: Some(([0; 32], Some(0))) };
        let asked = Asked { guidance: Some(guidance), training: ["probe".to_owned()].into() };
        let judged = Judged { asked: Some(&asked), ..Judged::default() };
        let known = InformedFacts {
            acknowledged: [("probe".to_owned(), Acknowledged { sha256: [0; 32], at_ms: 0 })].into(),
            training: [("probe".to_owned(), 0)].into(),
        };
        let entry = EntryRequest {
            principal: Principal {
                key_id: "probe".into(),
                use_case: "probe".into(),
                actor: "probe".into(),
                roles: vec!["probe".into()],
                expires_ms: Some(0),
            },
            action: Action::Chat,
            model: Some(ModelFacts {
                pinned_sha256: Some([0; 32]),
                loaded_sha256: Some([0; 32]),
                dossier: Some(DossierFacts {
                    sha256: [0; 32],
                    open_points: vec!["probe".into()],
                    review_lapses_ms: Some(0),
                }),
                ..ModelFacts::unknown("probe")
            }),
            now_ms: 0,
            loopback: true,
            quota: QuotaFacts::default(),
            live: Live::default(),
            informed: Informed::Known(known),
        };
        for action in [Action::Chat, Action::Complete, Action::Embed, Action::ListModels] {
            let entry = EntryRequest { action, ..entry.clone() };
            let context = self.names.entry_context(&entry, &judged);
            self.probe_one(&entry, action.name(), context).map_err(misfit)?;
        }
        let request = ClearanceRequest { entry, findings: FindingFacts::default() };
        let context = self.names.clearance_context(&request, &judged);
        self.probe_one(&request.entry, CLEAR, context).map_err(misfit)
    }

    fn probe_one(
        &self,
        entry: &EntryRequest,
        action: &str,
        context: Result<Context, Fault>,
    ) -> Result<(), Fault> {
        let mut entities = self.names.key_entities(&entry.principal)?;
        if let Some(model) = &entry.model {
            entities.push(self.names.model_entity(model)?);
        }
        let key = self.names.key(&entry.principal.key_id);
        let resource = self.names.use_case(&entry.principal.use_case);
        self.question(key, self.names.action(action), resource, context?, entities).map(|_| ())
    }
}

/// What was judged beforehand of the use case, as far as it concerns this request.
fn judged<'a>(loaded: Option<&'a Loaded>, request: &EntryRequest) -> Judged<'a> {
    let model = request.model.as_ref().map_or("", |model| model.id.as_str());
    let facts = loaded.map(|loaded| loaded.beside.evaluations.facts(loaded.case.status, model));
    Judged {
        controls_off: off(loaded, request),
        evaluations: facts.unwrap_or_default(),
        asked: loaded.map(|loaded| &loaded.beside.asked),
    }
}

/// The controls behind measures of the use case that are not in force for this request.
fn off(loaded: Option<&Loaded>, request: &EntryRequest) -> Vec<&'static str> {
    let controls = loaded.map(|loaded| &loaded.beside.assessments.measures.controls).into_iter().flatten();
    let off = controls.filter(|control| control.holds(&request.live) != Probe::Holds);
    off.map(|control| control.name()).collect()
}

/// What the roster names counts; where no trusted roster names any rules, the built-in ones do.
fn rules_approved(files: &PolicyFiles, trust: &Trust) -> Result<bool, Error> {
    let digest = hex::encode(files.rules_digest());
    let named = match trust {
        Trust::Roster(roster) => roster.rules_sha256.clone(),
        Trust::None(_) => None,
    };
    Ok(match named {
        Some(named) => named == digest,
        None => hex::encode(PolicyFiles::embedded()?.rules_digest()) == digest,
    })
}

/// Unlike rules, issuers and keys have no built-in form that could stand in where nobody is trusted.
fn identity_approved(files: &PolicyFiles, trust: &Trust) -> bool {
    let Trust::Roster(roster) = trust else { return false };
    let digest = files.identity_digest().map(hex::encode);
    digest.is_some() && digest == roster.identity_sha256
}

fn misfit(fault: Fault) -> Error {
    Error::SchemaMisfit { detail: fault.0 }
}
