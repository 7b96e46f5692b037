#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod allow;
mod blocks;
mod catalogue;
mod checks;
mod columns;
mod context;
mod csv;
mod cues;
mod custom;
mod cuts;
mod deep;
mod detect;
mod encoded;
mod error;
mod explain;
mod finder;
mod finding;
mod folding;
mod generalise;
mod json;
mod kind;
mod labels;
mod leaf;
mod marks;
pub mod names;
mod placeholder;
#[cfg(test)]
mod plain;
mod profile;
mod recognizers;
mod redactor;
mod restorer;
mod screen;
mod seams;
mod sentences;
mod special;
mod spelled;
mod trial;
mod vault;
mod view;
mod window;

pub use cues::CONTEXT_CHARS;
pub use error::Error;
pub use explain::{Explanation, Seen};
pub use finder::{Finder, Found};
pub use finding::{Finding, Reason};
pub use json::JSON_DEPTH_MAX;
pub use kind::{CustomKind, Group, Kind};
pub use profile::{Action, KindRule, Limits, Profile};
pub use redactor::{Input, Redaction, Redactor};
pub use restorer::{RestorePolicy, Restorer};
pub use screen::{SCREEN_HOLD_BYTES_MAX, SCREEN_HOLD_CHARS_MAX, Screen};
pub use seams::Turn;
pub use trial::{Trial, Trials};
pub use vault::Vault;
