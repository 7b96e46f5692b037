#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod algorithm;
mod blocked;
mod config;
mod error;
mod identity;
mod json;
mod jwk;
mod person;
mod reason;
mod token;

pub use algorithm::Algorithm;
pub use blocked::{BLOCKED_PATH, Blocked};
pub use config::{CONFIG_PATH, Config, Grant, Issuer};
pub use error::Error;
pub use identity::Identity;
pub use jwk::{Jwk, Jwks, Unfit};
pub use person::{Person, Unassigned, actor_of};
pub use reason::Reason;
pub use token::{TOKEN_BYTES_MAX, looks_like_token};
