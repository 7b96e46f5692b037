#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod decision;
mod error;
mod facts;
mod files;
mod record;
mod request;
mod rules;
mod set;
mod table;
mod use_case;

pub use decision::{
    Decision, Denial, DenialClass, Language, NO_RULE_PERMITS, POLICY_ERROR, Permit, Reason, USE_CASE_UNKNOWN,
};
pub use error::{Error, Place};
pub use files::{EMBEDDED, PolicyFiles, SCHEMA_PATH};
pub use request::{Action, ClearanceRequest, EntryRequest, FindingFacts, ModelFacts, Principal, QuotaFacts};
pub use set::PolicySet;
pub use use_case::{
    Assessment, DataClass, Evidence, Exemption, Kind, Limits, Outcome, Share, SpecialCategoryAction, Status,
    UseCase, Verdict, Window,
};
