//! Takes a JSON object apart field by field, so that every error names its field and never quotes its value.

use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::error::ApiError;

/// What is said of a field that means nothing here.
const UNKNOWN: &str = "is not a field this server knows; remove it";

/// The fields of one object that have not been taken yet. `null` counts as absent, as OpenAI has it.
pub(crate) struct Fields {
    map: Map<String, Value>,
    /// Where the object stands, such as `messages[2].`; empty for the body.
    path: String,
}

impl Fields {
    pub(crate) fn new(value: Value, path: impl Into<String>) -> Result<Self, ApiError> {
        let path = path.into();
        match value {
            Value::Object(map) => Ok(Self { map, path }),
            _ => Err(ApiError::invalid(path.trim_end_matches('.'), "must be a JSON object")),
        }
    }

    pub(crate) fn take(&mut self, name: &str) -> Option<Value> {
        #[cfg(test)]
        note(&self.path(name));
        self.map.remove(name).filter(|value| !value.is_null())
    }

    /// Whether a field is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.map.get(name).is_some_and(|value| !value.is_null())
    }

    /// Fields that other endpoints have and this one has not.
    pub(crate) fn lack(&self, names: &[&str]) -> Result<(), ApiError> {
        match names.iter().find(|name| self.has(name)) {
            Some(name) => Err(self.error(name, UNKNOWN)),
            None => {
                #[cfg(test)]
                names.iter().for_each(|name| forget(&self.path(name)));
                Ok(())
            }
        }
    }

    /// The place of a field.
    pub(crate) fn path(&self, name: &str) -> String {
        format!("{}{name}", self.path)
    }

    /// The same as a JSON pointer (RFC 6901).
    pub(crate) fn pointer(&self, name: &str) -> String {
        format!("/{}", self.path(name).replace('[', "/").replace("].", "/").replace('.', "/"))
    }

    pub(crate) fn error(&self, name: &str, reason: impl Into<String>) -> ApiError {
        ApiError::invalid(self.path(name), reason)
    }

    pub(crate) fn required(&mut self, name: &str) -> Result<Value, ApiError> {
        self.take(name).ok_or_else(|| self.error(name, "is required"))
    }

    pub(crate) fn text(&mut self, name: &str) -> Result<Option<Zeroizing<String>>, ApiError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(Zeroizing::new(text))),
            Some(_) => Err(self.error(name, "must be a string")),
        }
    }

    pub(crate) fn boolean(&mut self, name: &str) -> Result<bool, ApiError> {
        match self.take(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(_) => Err(self.error(name, "must be true or false")),
        }
    }

    /// An integer in `low..=high`.
    pub(crate) fn integer(&mut self, name: &str, low: i64, high: i64) -> Result<Option<i64>, ApiError> {
        let Some(value) = self.take(name) else { return Ok(None) };
        match value.as_i64().filter(|number| (low..=high).contains(number)) {
            Some(number) => Ok(Some(number)),
            None => Err(self.error(name, format!("must be an integer from {low} to {high}"))),
        }
    }

    /// A 32-bit count in `low..=high`.
    pub(crate) fn count(&mut self, name: &str, low: u32, high: u32) -> Result<Option<u32>, ApiError> {
        let number = self.integer(name, low.into(), high.into())?;
        Ok(number.and_then(|number| u32::try_from(number).ok()))
    }

    /// A finite number in `low..=high`.
    pub(crate) fn number(&mut self, name: &str, low: f32, high: f32) -> Result<Option<f32>, ApiError> {
        let Some(value) = self.take(name) else { return Ok(None) };
        #[expect(
            clippy::cast_possible_truncation,
            reason = "sampling parameters are f32; the range is checked after"
        )]
        match value.as_f64().map(|number| number as f32).filter(|number| (low..=high).contains(number)) {
            Some(number) => Ok(Some(number)),
            None => Err(self.error(name, format!("must be a number from {low} to {high}"))),
        }
    }

    /// A field of the API whose only value that works here is one of `allowed`: anything else is refused, never
    /// ignored.
    pub(crate) fn only(&mut self, name: &str, allowed: &[Value], reason: &str) -> Result<(), ApiError> {
        #[cfg(test)]
        if !allowed.is_empty() {
            note(&self.path(name));
        }
        match self.map.remove(name).filter(|value| !value.is_null()) {
            Some(value) if !allowed.contains(&value) => Err(self.error(name, reason)),
            _ => Ok(()),
        }
    }

    /// A field that informs the provider and changes nothing here. It has been scanned like every other.
    pub(crate) fn skip(&mut self, names: &[&str]) {
        for name in names {
            #[cfg(test)]
            note(&self.path(name));
            self.map.remove(*name);
        }
    }

    /// Nothing may be left: a field that is not known is refused, not ignored.
    pub(crate) fn finish(self) -> Result<(), ApiError> {
        match self.map.into_iter().find(|(_, value)| !value.is_null()) {
            None => Ok(()),
            Some((name, _)) => Err(ApiError::invalid(format!("{}{}", self.path, shown(&name)), UNKNOWN)),
        }
    }
}

/// A field's name as an error may show it: names are the client's own, so only plain short ones are repeated.
fn shown(name: &str) -> &str {
    let plain = name.len() <= 40 && name.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_');
    if plain { name } else { "(unprintable name)" }
}

#[cfg(test)]
thread_local! {
    /// Places that were read since somebody asked.
    static SEEN: std::cell::RefCell<std::collections::BTreeSet<String>> = const { std::cell::RefCell::new(std::collections::BTreeSet::new()) };
}

#[cfg(test)]
thread_local! {
    /// Places that were found to have nothing, whatever looks there.
    static LACKING: std::cell::RefCell<std::collections::BTreeSet<String>> = const { std::cell::RefCell::new(std::collections::BTreeSet::new()) };
}

#[cfg(test)]
fn forget(path: &str) {
    LACKING.with_borrow_mut(|lacking| lacking.insert(path.to_owned()));
}

#[cfg(test)]
fn note(path: &str) {
    if LACKING.with_borrow(|lacking| lacking.contains(path)) {
        return;
    }

    let digits = |c: char| c.is_ascii_digit();
    let place: String = path.split('[').enumerate().fold(String::new(), |place, (at, step)| {
        if at == 0 { step.to_owned() } else { format!("{place}[{}", step.trim_start_matches(digits)) }
    });
    SEEN.with_borrow_mut(|seen| seen.insert(place));
}

/// Places that `work` reads, `[]` for any index, and what it gives.
#[cfg(test)]
pub(crate) fn recorded<T>(work: impl FnOnce() -> T) -> (std::collections::BTreeSet<String>, T) {
    SEEN.with_borrow_mut(std::collections::BTreeSet::clear);
    LACKING.with_borrow_mut(std::collections::BTreeSet::clear);
    let given = work();
    (SEEN.with_borrow_mut(std::mem::take), given)
}
