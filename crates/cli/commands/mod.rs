//! One file a command.

pub(crate) mod assess;
pub(crate) mod bench;
pub(crate) mod chat;
pub(crate) mod doctor;
pub(crate) mod eval;
pub(crate) mod evidence;
pub(crate) mod guidance;
pub(crate) mod identity;
pub(crate) mod keys;
pub(crate) mod log;
pub(crate) mod models;
pub(crate) mod policy;
pub(crate) mod quota;
pub(crate) mod receipt;
pub(crate) mod redact;
pub(crate) mod replay;
pub(crate) mod roster;
pub(crate) mod serve;
pub(crate) mod shell;
pub(crate) mod subject;
pub(crate) mod use_case;
pub(crate) mod use_case_new;
pub(crate) mod version;
