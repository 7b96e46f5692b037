//! Candidates and findings: places, scores and reasons, never content.

use std::borrow::Cow;

use crate::{Action, Kind};

/// Why a score is what it is: one addend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// What was seen, in words: `11-proef holds`, `cue "burgerservicenummer"`.
    pub what: Cow<'static, str>,
    /// What it added to the score, or took from it.
    pub points: i16,
}

/// Personal data found in one input. Offsets only: a finding holds no content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which input of the request.
    pub text_index: usize,
    /// First byte in the original input.
    pub start: usize,
    /// One past the last byte in the original input.
    pub end: usize,
    /// What it is; where findings overlapped, what the highest score says.
    pub kind: Kind,
    /// 0–100.
    pub score: u8,
    /// The profile's action for it.
    pub action: Action,
    /// What the score is made of.
    pub reasons: Vec<Reason>,
    /// For a JSON input: the pointer (RFC 6901) of the leaf, in which a key that itself looks like data cannot occur.
    pub pointer: Option<String>,
}
