//! JSON text: leaves are rewritten in place, everything else keeps its bytes.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::Error;
use crate::leaf::{Leaf, grow, verbatim};
use crate::redactor::Work;

/// Deepest nesting of a JSON input.
pub const JSON_DEPTH_MAX: usize = 64;

/// Keys under which every string is fixed: JSON Schema compares them, or resolves them.
const FIXED_UNDER: &[&str] = &["enum", "const", "required", "$ref", "pattern"];

/// Rewrites the leaves of `text`. Object order, white space, duplicate keys and numbers keep their bytes. In a `schema` some keys
/// make fixed what stands under them.
pub(crate) fn redact(
    text: &str,
    index: usize,
    schema: bool,
    work: &mut Work<'_>,
) -> Result<Zeroizing<String>, Error> {
    let root: &RawValue = serde_json::from_str(text).map_err(|e| bad_json(&e, index))?;
    let mut walk =
        Walk { text, index, schema, work, out: Zeroizing::new(String::with_capacity(text.len())), copied: 0 };
    walk.value(root.get(), &Place { parent: None, step: Step::Root, depth: 0, fixed: false })?;
    walk.copy_to(text.len())?;
    Ok(walk.out)
}

fn bad_json(e: &serde_json::Error, input_index: usize) -> Error {
    Error::Json { input_index, line: e.line(), column: e.column() }
}

enum Step<'a> {
    Root,
    Key(&'a str),
    /// A key that is itself personal data, or is being judged: named by its position.
    Member(usize),
    Item(usize),
}

struct Place<'a> {
    parent: Option<&'a Place<'a>>,
    step: Step<'a>,
    depth: usize,
    fixed: bool,
}

impl Place<'_> {
    fn pointer(&self) -> String {
        let mut out = self.parent.map(Place::pointer).unwrap_or_default();
        match self.step {
            Step::Root => {}
            Step::Key(key) => {
                out.push('/');
                out.push_str(&key.replace('~', "~0").replace('/', "~1"));
            }
            Step::Member(n) => out.push_str(&format!("/{{member {n}}}")),
            Step::Item(n) => out.push_str(&format!("/{n}")),
        }
        out
    }

    /// The nearest key: an array's items stand under the array's.
    fn label(&self) -> Option<&str> {
        match self.step {
            Step::Key(key) => Some(key),
            _ => self.parent.and_then(Place::label),
        }
    }
}

struct Walk<'t, 'w, 'r> {
    text: &'t str,
    index: usize,
    schema: bool,
    work: &'w mut Work<'r>,
    out: Zeroizing<String>,
    /// How much of `text` is in `out`.
    copied: usize,
}

impl Walk<'_, '_, '_> {
    fn value(&mut self, raw: &str, place: &Place<'_>) -> Result<(), Error> {
        if place.depth > JSON_DEPTH_MAX {
            return Err(Error::JsonTooDeep { input_index: self.index, limit: JSON_DEPTH_MAX });
        }
        match raw.as_bytes().first() {
            Some(b'{') => self.object(raw, place),
            Some(b'[') => self.array(raw, place),
            Some(b'"') => {
                let text: Zeroizing<String> =
                    Zeroizing::new(serde_json::from_str(raw).map_err(|e| bad_json(&e, self.index))?);
                self.leaf(raw, &text, place)
            }
            Some(b'-' | b'0'..=b'9') => self.leaf(raw, raw, place),
            _ => Ok(()),
        }
    }

    fn object(&mut self, raw: &str, place: &Place<'_>) -> Result<(), Error> {
        let members = parse(raw, Members).map_err(|e| bad_json(&e, self.index))?;
        let depth = place.depth.saturating_add(1);
        for (n, (key, value)) in members.iter().enumerate() {
            let at = Place { parent: Some(place), step: Step::Member(n), depth, fixed: true };
            self.work.fixed(self.index, key, None, &|| at.pointer())?;
            let fixed = place.fixed || self.schema && FIXED_UNDER.contains(&key.as_str());
            self.value(value.get(), &Place { parent: Some(place), step: Step::Key(key), depth, fixed })?;
        }
        Ok(())
    }

    fn array(&mut self, raw: &str, place: &Place<'_>) -> Result<(), Error> {
        let items = parse(raw, Items).map_err(|e| bad_json(&e, self.index))?;
        let depth = place.depth.saturating_add(1);
        for (n, value) in items.iter().enumerate() {
            self.value(
                value.get(),
                &Place { parent: Some(place), step: Step::Item(n), depth, fixed: place.fixed },
            )?;
        }
        Ok(())
    }

    /// A string or number. A number that is cut becomes a string, since a placeholder is no number.
    fn leaf(&mut self, raw: &str, text: &str, place: &Place<'_>) -> Result<(), Error> {
        let pointer = || place.pointer();
        if place.fixed {
            return self.work.fixed(self.index, text, place.label(), &pointer);
        }
        let (start, end) = self.range_of(raw)?;
        let text_at = verbatim(raw, text, start);
        let leaf = Leaf { label: place.label(), start, end, text_at, pointer: &pointer };
        let new = self.work.text(self.index, text, Some(&leaf))?;
        if *new == *text {
            return Ok(());
        }
        self.copy_to(start)?;
        grow(&mut self.out, new.len().saturating_mul(6).saturating_add(2));
        self.out.push('"');
        push_escaped(&mut self.out, &new);
        self.out.push('"');
        self.copied = end;
        Ok(())
    }

    /// Where `raw`, a part of the input, stands in it.
    fn range_of(&self, raw: &str) -> Result<(usize, usize), Error> {
        let fault = Error::Internal("json offset");
        let Some(start) = raw.as_ptr().addr().checked_sub(self.text.as_ptr().addr()) else {
            return Err(fault);
        };
        let end = start.saturating_add(raw.len());
        if self.text.get(start..end) == Some(raw) { Ok((start, end)) } else { Err(fault) }
    }

    fn copy_to(&mut self, end: usize) -> Result<(), Error> {
        let piece = self.text.get(self.copied..end).ok_or(Error::Internal("json offset"))?;
        grow(&mut self.out, piece.len());
        self.out.push_str(piece);
        self.copied = end;
        Ok(())
    }
}

/// Writes `text` as the inside of a JSON string (RFC 8259, section 7).
pub(crate) fn push_escaped(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if u32::from(c) < 0x20 => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
}

fn parse<'t, S: DeserializeSeed<'t>>(raw: &'t str, seed: S) -> Result<S::Value, serde_json::Error> {
    let mut de = serde_json::Deserializer::from_str(raw);
    let value = seed.deserialize(&mut de)?;
    de.end()?;
    Ok(value)
}

/// The members of an object in their order, duplicates too.
struct Members;

impl<'de> DeserializeSeed<'de> for Members {
    type Value = Vec<(String, &'de RawValue)>;
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<Self::Value, D::Error> {
        d.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(String, &'de RawValue)>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(members)
    }
}

/// The items of an array.
struct Items;

impl<'de> DeserializeSeed<'de> for Items {
    type Value = Vec<&'de RawValue>;
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<Self::Value, D::Error> {
        d.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Items {
    type Value = Vec<&'de RawValue>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(items)
    }
}
