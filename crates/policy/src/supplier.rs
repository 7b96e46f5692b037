//! Who runs a use case: the organisation itself, or suppliers, each under contract or under an exception that says why not.
//! The state secretary's letter allows applications without a contract in principle not at all.

use serde::Deserialize;

use crate::decision::Language;
use crate::set::PolicySet;
use crate::use_case::{DataClass, Kind, UseCase};

macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $code:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
        pub enum $name { $($(#[$variant_doc])* #[serde(rename = $code)] $variant,)* }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name in records, rules and tables.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }
        }
    };
}

named! {
    /// Who runs a use case.
    Operator {
        /// The organisation, on machines of its own; it may have suppliers all the same.
        Organisation = "organisation",
        /// Suppliers, for it.
        Suppliers = "suppliers",
    }
}

named! {
    /// What a supplier does.
    Service {
        /// Machines or a place for them.
        Hosting = "hosting",
        /// Running the program.
        Operation = "operation",
        /// Keeping it in order, with or without access to what goes through.
        Maintenance = "maintenance",
        /// A model under a licence of the supplier's own.
        Model = "model",
        /// What the record says in words.
        Other = "other",
    }
}

named! {
    /// The terms of a contract.
    Terms {
        /// General Government Terms for IT contracts (ARBIT), 2022.
        Arbit2022 = "arbit-2022",
        /// Terms of the department.
        Departmental = "departmental",
        /// Municipal IT terms (GIBIT).
        Gibit = "gibit",
        /// What the record says in words.
        Other = "other",
    }
}

named! {
    /// What is wrong with the suppliers of a use case. A rule speaks of each by its name.
    SupplierFault {
        /// Suppliers run it, and none is named.
        NotNamed = "not-named",
        /// There is neither a contract nor an exception.
        ContractMissing = "contract-missing",
        /// An exception does not say why, or who takes it.
        ExceptionUnmotivated = "exception-unmotivated",
        /// A file that the record names is not there, or not the one whose hash the record has.
        DocumentChanged = "document-changed",
        /// There is no processing agreement (GDPR art. 28), and nothing says why there need be none.
        AgreementMissing = "agreement-missing",
    }
}

/// A document by its digest; people judge what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// SHA-256, 64 lowercase hexadecimal digits.
    pub sha256: String,
    /// Where it lies in the policy folder, if it lies there: `contracts/NAME`. The file is held against the digest.
    pub file: Option<String>,
}

/// A contract with a supplier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contract {
    /// Its number or name at the organisation.
    pub reference: String,
    /// Its terms.
    pub terms: Terms,
    /// Which terms, in words; there where they are other ones.
    pub terms_named: Option<String>,
    /// The contract itself.
    pub document: Document,
    /// From when it is in force, milliseconds since 1970 UTC.
    pub from_ms: i64,
    /// First moment at which it is over, milliseconds since 1970 UTC.
    pub until_ms: i64,
}

/// Why a supplier is taken without a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SupplierException {
    /// Why.
    pub motivation: String,
    /// Who takes it.
    pub by: String,
    /// First moment at which it counts no longer, milliseconds since 1970 UTC.
    pub until_ms: i64,
}

/// On what footing a supplier works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Footing {
    /// None that the record says.
    Missing,
    /// Under contract.
    Contract(Contract),
    /// Without, for a reason and a time.
    Exception(SupplierException),
}

/// What binds a supplier as a processor of personal data (GDPR art. 28).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Processing {
    /// Nothing that the record says.
    NotSaid,
    /// The supplier comes near no personal data: why that is so.
    NoPersonalData(String),
    /// A processing agreement.
    Agreement {
        /// The agreement itself.
        document: Document,
        /// First moment at which it is over, milliseconds since 1970 UTC.
        until_ms: i64,
    },
}

/// A supplier of a use case, as the record has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Supplier {
    /// Name.
    pub name: String,
    /// What the supplier does.
    pub service: Service,
    /// What, in words; there where it is something else.
    pub service_named: Option<String>,
    /// On what footing.
    pub footing: Footing,
    /// What binds it as a processor.
    pub processing: Processing,
}

impl Supplier {
    /// The documents that the record names for it, each with what it is.
    pub fn documents(&self) -> impl Iterator<Item = (&'static str, &Document)> {
        let contract = match &self.footing {
            Footing::Contract(contract) => Some(("contract", &contract.document)),
            Footing::Missing | Footing::Exception(_) => None,
        };
        let agreement = match &self.processing {
            Processing::Agreement { document, .. } => Some(("processing agreement", document)),
            Processing::NotSaid | Processing::NoPersonalData(_) => None,
        };
        contract.into_iter().chain(agreement)
    }
}

/// A fault with the supplier it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SupplierFinding {
    /// Name of the supplier; none where there is none.
    pub supplier: Option<String>,
    /// What sort of fault.
    pub fault: SupplierFault,
    /// What, in words.
    pub detail: String,
}

impl SupplierFinding {
    /// Whether a rule denies on it in this use case: where no personal data may occur, none asks for an agreement.
    #[must_use]
    pub fn counts(&self, case: &UseCase) -> bool {
        self.fault != SupplierFault::AgreementMissing || case.max_data_class > DataClass::None
    }
}

/// What the suppliers of a use case come to: judged at load, without a clock.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Suppliers {
    /// What does not hold.
    pub findings: Vec<SupplierFinding>,
    /// When the last of the contracts begins, milliseconds since 1970 UTC.
    pub begins_ms: Option<i64>,
    /// When the first of the contracts is over, milliseconds since 1970 UTC.
    pub ends_ms: Option<i64>,
    /// When the first of the processing agreements is over, milliseconds since 1970 UTC.
    pub agreement_ends_ms: Option<i64>,
    /// When the first of the exceptions is over, milliseconds since 1970 UTC.
    pub exception_ends_ms: Option<i64>,
}

/// Judges the suppliers of a record; `document` gives the SHA-256 of a document that lies in the folder.
pub(crate) fn suppliers(case: &UseCase, document: impl Fn(&str) -> Option<[u8; 32]>) -> Suppliers {
    let mut judged = Suppliers::default();
    if case.operated_by == Some(Operator::Suppliers) && case.suppliers.is_empty() {
        judged.find(None, SupplierFault::NotNamed, "suppliers run it, and [[supplier]] names none".into());
    }
    for supplier in &case.suppliers {
        judged.judge(supplier);
        for (what, named) in supplier.documents() {
            let Some(file) = &named.file else { continue };
            let detail = match document(file).map(hex::encode) {
                None => format!("the {what} is not there: {file}"),
                Some(sha256) if sha256 != named.sha256 => {
                    format!("the {what} is not the one whose sha256 the record has: {file}")
                }
                Some(_) => continue,
            };
            judged.find(Some(supplier), SupplierFault::DocumentChanged, detail);
        }
    }
    judged
}

impl Suppliers {
    fn find(&mut self, supplier: Option<&Supplier>, fault: SupplierFault, detail: String) {
        let supplier = supplier.map(|supplier| supplier.name.clone());
        self.findings.push(SupplierFinding { supplier, fault, detail });
    }

    fn judge(&mut self, supplier: &Supplier) {
        let blank = |text: &str| text.trim().is_empty();
        match &supplier.footing {
            Footing::Missing => {
                let detail = "there is neither a contract nor an exception".to_owned();
                self.find(Some(supplier), SupplierFault::ContractMissing, detail);
            }
            Footing::Contract(contract) => {
                self.begins_ms = self.begins_ms.max(Some(contract.from_ms));
                earliest(&mut self.ends_ms, contract.until_ms);
            }
            Footing::Exception(exception) => {
                earliest(&mut self.exception_ends_ms, exception.until_ms);
                if blank(&exception.motivation) || blank(&exception.by) {
                    let detail = "the exception does not say why, or who takes it".to_owned();
                    self.find(Some(supplier), SupplierFault::ExceptionUnmotivated, detail);
                }
            }
        }
        match &supplier.processing {
            Processing::Agreement { until_ms, .. } => earliest(&mut self.agreement_ends_ms, *until_ms),
            Processing::NoPersonalData(why) if !blank(why) => {}
            Processing::NoPersonalData(_) | Processing::NotSaid => {
                let detail = "there is no processing agreement".to_owned();
                self.find(Some(supplier), SupplierFault::AgreementMissing, detail);
            }
        }
    }

    /// The names of all faults.
    pub(crate) fn faults(&self) -> impl Iterator<Item = &'static str> {
        self.findings.iter().map(|finding| finding.fault.name())
    }
}

impl PolicySet {
    /// Who runs a use case, or each pilot, in plain words, and its suppliers with their contracts; one line for each.
    #[must_use]
    pub fn tell_suppliers(&self, id: Option<&str>, language: Language) -> String {
        let asked = |case: &&UseCase| case.kind == Kind::Pilot && id.is_none_or(|id| case.id == id);
        self.use_cases()
            .filter(asked)
            .map(|case| format!("{}: {}\n", case.id, told(case, language)))
            .collect()
    }
}

fn told(case: &UseCase, language: Language) -> String {
    let dutch = language == Language::Dutch;
    let operator = match (case.operated_by, dutch) {
        (None, false) => "nobody says who runs it",
        (None, true) => "niemand zegt wie haar draait",
        (Some(Operator::Organisation), false) => "run by the organisation itself",
        (Some(Operator::Organisation), true) => "gedraaid door de organisatie zelf",
        (Some(Operator::Suppliers), false) => "run by suppliers",
        (Some(Operator::Suppliers), true) => "gedraaid door leveranciers",
    };
    let day =
        |ms: i64| jiff::Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |at| at.to_string());
    let until = if dutch { "tot" } else { "until" };
    let mut said = operator.to_owned();
    for supplier in &case.suppliers {
        let footing = match (&supplier.footing, dutch) {
            (Footing::Missing, false) => "no contract".to_owned(),
            (Footing::Missing, true) => "geen contract".to_owned(),
            (Footing::Contract(contract), _) => {
                format!("contract {} {until} {}", contract.reference, day(contract.until_ms))
            }
            (Footing::Exception(exception), false) => {
                format!("no contract, by exception until {}", day(exception.until_ms))
            }
            (Footing::Exception(exception), true) => {
                format!("geen contract, bij uitzondering tot {}", day(exception.until_ms))
            }
        };
        said.push_str(&format!("; {} ({}): {footing}", supplier.name, supplier.service.name()));
    }
    said
}

fn earliest(known: &mut Option<i64>, ms: i64) {
    *known = Some(known.map_or(ms, |known| known.min(ms)));
}
