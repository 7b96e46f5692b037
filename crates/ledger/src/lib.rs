#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod database;
mod error;
mod keys;
mod ledger;
mod quota;
mod secret;

pub use error::Error;
pub use keys::{IssuedKey, KeyRecord, KeyStatus, NewKey, SecretRecord};
pub use ledger::Ledger;
pub use quota::{Counter, Demand, Exceeded, Measure, Recovered, Reservation, Reserve, Scope, Usage, Window};
