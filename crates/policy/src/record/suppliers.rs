//! `[[supplier]]` → [`Supplier`].

use serde::Deserialize;
use toml::Spanned;
use toml::value::Datetime;

use super::Source;
use crate::Error;
use crate::files::CONTRACTS;
use crate::supplier::{Contract, Document, Footing, Processing, Service, Supplier, SupplierException, Terms};

/// Most suppliers that a record may name.
const SUPPLIERS_MAX: usize = 32;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SupplierRecord {
    name: Spanned<String>,
    service: Spanned<Service>,
    service_named: Option<Spanned<String>>,
    contract: Option<ContractRecord>,
    exception: Option<Spanned<ExceptionRecord>>,
    agreement: Option<AgreementRecord>,
    no_personal_data: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ContractRecord {
    reference: Spanned<String>,
    terms: Spanned<Terms>,
    terms_named: Option<Spanned<String>>,
    sha256: Spanned<String>,
    file: Option<Spanned<String>>,
    from: Spanned<Datetime>,
    until: Spanned<Datetime>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExceptionRecord {
    #[serde(default)]
    motivation: String,
    #[serde(default)]
    by: String,
    until: Spanned<Datetime>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AgreementRecord {
    sha256: Spanned<String>,
    file: Option<Spanned<String>>,
    until: Spanned<Datetime>,
}

impl Source<'_> {
    pub(super) fn suppliers(&self, records: &[SupplierRecord]) -> Result<Vec<Supplier>, Error> {
        let mut suppliers: Vec<Supplier> = Vec::new();
        for record in records {
            if suppliers.len() == SUPPLIERS_MAX {
                let detail = format!("is one too many; a record names at most {SUPPLIERS_MAX} suppliers");
                return Err(self.wrong("supplier.name", &record.name, detail));
            }
            suppliers.push(self.supplier(record)?);
        }
        Ok(suppliers)
    }

    fn supplier(&self, record: &SupplierRecord) -> Result<Supplier, Error> {
        let service = *record.service.get_ref();
        let other = (service == Service::Other).then_some(&record.service);
        let footing = match (&record.contract, &record.exception) {
            (None, None) => Footing::Missing,
            (Some(contract), None) => Footing::Contract(self.contract(contract)?),
            (None, Some(exception)) => Footing::Exception(self.exception(exception.get_ref())?),
            (Some(_), Some(exception)) => {
                let detail = "stands beside a contract; an exception is for a supplier without one";
                return Err(self.wrong("supplier.exception", exception, detail));
            }
        };
        let processing = match (&record.agreement, &record.no_personal_data) {
            (None, None) => Processing::NotSaid,
            (None, Some(why)) => Processing::NoPersonalData(why.get_ref().clone()),
            (Some(agreement), None) => Processing::Agreement {
                document: self.document("supplier.agreement", &agreement.sha256, agreement.file.as_ref())?,
                until_ms: self.time("supplier.agreement.until", &agreement.until)?,
            },
            (Some(_), Some(why)) => {
                let detail = "stands beside a processing agreement; keep the one that is true";
                return Err(self.wrong("supplier.no_personal_data", why, detail));
            }
        };
        Ok(Supplier {
            name: self.text("supplier.name", &record.name)?,
            service,
            service_named: self.named("supplier.service", other, record.service_named.as_ref())?,
            footing,
            processing,
        })
    }

    fn contract(&self, record: &ContractRecord) -> Result<Contract, Error> {
        let terms = *record.terms.get_ref();
        let other = (terms == Terms::Other).then_some(&record.terms);
        let contract = Contract {
            reference: self.text("supplier.contract.reference", &record.reference)?,
            terms,
            terms_named: self.named("supplier.contract.terms", other, record.terms_named.as_ref())?,
            document: self.document("supplier.contract", &record.sha256, record.file.as_ref())?,
            from_ms: self.time("supplier.contract.from", &record.from)?,
            until_ms: self.time("supplier.contract.until", &record.until)?,
        };
        if contract.until_ms <= contract.from_ms {
            return Err(self.wrong("supplier.contract.until", &record.until, "must be later than from"));
        }
        Ok(contract)
    }

    /// What it does not say in words is blank, and a rule denies on that.
    fn exception(&self, record: &ExceptionRecord) -> Result<SupplierException, Error> {
        let until_ms = self.time("supplier.exception.until", &record.until)?;
        Ok(SupplierException { motivation: record.motivation.clone(), by: record.by.clone(), until_ms })
    }

    fn document(
        &self,
        table: &str,
        sha256: &Spanned<String>,
        file: Option<&Spanned<String>>,
    ) -> Result<Document, Error> {
        if let Some(file) = file {
            let name = file.get_ref().strip_prefix(CONTRACTS);
            if !name.is_some_and(crate::files::is_document) {
                let detail = "is not a file of policy/contracts; write contracts/NAME, or leave it out and keep the hash";
                return Err(self.wrong(&format!("{table}.file"), file, detail));
            }
        }
        let sha256 = self.sha256(&format!("{table}.sha256"), sha256)?;
        Ok(Document { sha256, file: file.map(|file| file.get_ref().clone()) })
    }

    /// The words for what a closed list does not have: there when `other` was chosen, and then only.
    fn named<T>(
        &self,
        key: &str,
        other: Option<&Spanned<T>>,
        words: Option<&Spanned<String>>,
    ) -> Result<Option<String>, Error> {
        let named = format!("{key}_named");
        match (other, words) {
            (None, None) => Ok(None),
            (Some(_), Some(words)) => self.text(&named, words).map(Some),
            (Some(other), None) => {
                Err(self.wrong(key, other, format!("is \"other\"; say which under {named}")))
            }
            (None, Some(words)) => {
                Err(self.wrong(&named, words, format!("is for {key} = \"other\"; take it out")))
            }
        }
    }
}
