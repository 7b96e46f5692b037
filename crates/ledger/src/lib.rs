#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod counters;
mod database;
mod error;
mod fault;
mod informed;
mod keys;
mod ledger;
mod postgres;
mod quota;
mod secret;
mod sqlite;
mod store;
mod writer;

pub use counters::{Recovered, Standing};
pub use error::Error;
pub use fault::{Failure, Faults, Point};
pub use informed::{Acknowledgement, Attestation, Person};
pub use keys::{IssuedKey, KeyRecord, KeyStatus, NewKey, SecretRecord};
pub use ledger::Ledger;
pub use postgres::{Connect, Postgres};
pub use quota::{Counter, Demand, Exceeded, Measure, Reservation, Reserve, Scope, Usage, Window};
pub use store::QuotaStore;
