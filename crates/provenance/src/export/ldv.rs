//! Logboek Dataverwerkingen, a row for each processing (Logius, component Logboek, table of fields).
//!
//! Users do not stand in it, by that standard; no attribute of our own does either, because extensions must be laid down.

use std::iter;

use serde_json::{Map, Value, json};

use super::{Ended, Selection};
use crate::{DataSubjectType, EndReason, Error, Name, Pseudonym, Result, Status};

/// A row for each data subject, as the standard wants it (component Applicatie, behaviour), or one about nobody.
pub(super) fn rows(ended: &Ended, register: Option<&str>, wanted: &Selection) -> Result<Vec<Value>> {
    let wanted = |(one, _): &(Pseudonym, _)| wanted.is_about(iter::once(*one));
    let people: Vec<_> = ended.request.data_subjects().filter(wanted).map(Some).collect();
    let nobody = [None];
    let people = if people.is_empty() { nobody.as_slice() } else { people.as_slice() };
    people.iter().map(|person| row(ended, register, *person)).collect()
}

fn row(ended: &Ended, register: Option<&str>, person: Option<(Pseudonym, Option<&str>)>) -> Result<Value> {
    let request = &ended.request;
    let (trace_id, span_id) = ended.trace();
    let mut attributes = Map::new();
    let activity = activity(ended, register)?;
    attributes.insert("dpl.core.processing_activity_id".to_owned(), activity.into());
    if let Some((pseudonym, kind)) = person {
        attributes.insert("dpl.core.data_subject_id".to_owned(), pseudonym.to_hex().into());
        if let Some(kind) = kind {
            attributes.insert("dpl.core.data_subject_id_type".to_owned(), type_of(kind).into());
        }
    }
    let status = status(ended);
    if let Some(reason) = ended.reason().filter(|_| status == "Error") {
        attributes.insert("exception.type".to_owned(), reason.into());
    }
    let mut row = json!({
        "trace_id": trace_id,
        "span_id": span_id,
        "status": status,
        "name": request.action,
        "start_time": ended.start_ms,
        "end_time": ended.end_ms,
        "resource": {"attributes": super::resource(request)},
        "attributes": attributes,
    });
    if let (Some(parent), Some(row)) = (request.parent_span_id, row.as_object_mut()) {
        row.insert("parent_span_id".to_owned(), parent.to_hex().into());
    }
    check(&row).map_err(|why| Error::Export { what: format!("cannot say leaf {}", ended.index), why })?;
    Ok(row)
}

/// The standard writes abbreviations in capitals.
fn type_of(kind: &str) -> String {
    match DataSubjectType::parse(kind) {
        Some(DataSubjectType::Bsn | DataSubjectType::Kvk) => kind.to_ascii_uppercase(),
        _ => kind.to_owned(),
    }
}

/// `Error` is for what broke inside; a refusal was handled, and who stops a request did so on purpose.
fn status(ended: &Ended) -> &'static str {
    let Some(outcome) = &ended.outcome else { return "Unset" };
    match (outcome.status, outcome.reason) {
        (Status::Completed, _) | (Status::Aborted, Some(EndReason::Cancelled | EndReason::Dropped)) => "Ok",
        _ => "Error",
    }
}

fn activity(ended: &Ended, register: Option<&str>) -> Result<String> {
    let id = ended.request.processing_activity_id.as_ref().map_or("", Name::as_str);
    match register {
        _ if is_uri(id) => Ok(id.to_owned()),
        Some(register) if !id.is_empty() => Ok(format!("{register}{id}")),
        _ => {
            let case = ended.request.use_case.as_ref().map_or("unknown", |case| case.id.as_str());
            let why = format!(
                "its processing activity \"{id}\" (use case {case}) is no URI, as the standard asks; give the address of \
                 your register with --register https://…/, or write processing_activity_id as a URI"
            );
            Err(Error::Export { what: format!("cannot say leaf {}", ended.index), why })
        }
    }
}

/// A scheme and something after it (RFC 3986); the alphabet is that of [`Name`].
pub(super) fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let rest_fits = rest.bytes().all(|b| b.is_ascii_graphic() && !b"<>\"{}|\\^`".contains(&b));
    scheme.len() > 1
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
        && !rest.trim_start_matches('/').is_empty()
        && rest_fits
}

/// What the standard asks of every row, asked again of what was made.
fn check(row: &Value) -> std::result::Result<(), String> {
    let text = |field: &str| row.get(field).and_then(Value::as_str).unwrap_or_default();
    for (field, digits) in [("trace_id", 32), ("span_id", 16), ("parent_span_id", 16)] {
        let id = text(field);
        let lacks = field != "parent_span_id" || row.get(field).is_some();
        let hex = id.len() == digits && id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if lacks && (!hex || id.bytes().all(|b| b == b'0')) {
            return Err(format!("{field} is not {digits} hexadecimal digits, not all zero"));
        }
    }
    if !["Unset", "Ok", "Error"].contains(&text("status")) || text("name").is_empty() {
        return Err("status or name is not of the standard".to_owned());
    }
    let time = |field: &str| row.get(field).and_then(Value::as_i64);
    if time("start_time").is_none() || time("start_time") > time("end_time") {
        return Err("it ends before it starts".to_owned());
    }
    let attributes = row.get("attributes").and_then(Value::as_object);
    let uri = attributes.and_then(|all| all.get("dpl.core.processing_activity_id")).and_then(Value::as_str);
    if !uri.is_some_and(is_uri) {
        return Err("dpl.core.processing_activity_id is no URI".to_owned());
    }
    let known = |key: &String| key.starts_with("dpl.core.") || key == "exception.type";
    match attributes {
        Some(all) if all.keys().all(known) && all.values().all(Value::is_string) => Ok(()),
        _ => Err("an attribute is not of the standard".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_has_a_scheme_and_more() {
        for uri in ["https://register.example/12", "urn:nl:verwerking:12"] {
            assert!(is_uri(uri), "{uri}");
        }
        for other in ["letters-2026", "none", "", "https://", "c:/x", ":x", "1a:b", "https://a b", "ht tp:x"]
        {
            assert!(!is_uri(other), "{other}");
        }
    }

    #[test]
    fn the_check_refuses_what_the_standard_does() {
        let right = json!({
            "trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "b7ad6b7169203331", "status": "Ok", "name": "chat",
            "start_time": 1, "end_time": 2, "attributes": {"dpl.core.processing_activity_id": "urn:nl:12"},
        });
        assert_eq!(check(&right), Ok(()));
        for (pointer, wrong) in [
            ("/trace_id", json!("00000000000000000000000000000000")),
            ("/trace_id", json!("0AF7651916CD43DD8448EB211C80319C")),
            ("/span_id", json!("b7")),
            ("/status", json!("ok")),
            ("/name", json!("")),
            ("/start_time", json!(3)),
            ("/attributes/dpl.core.processing_activity_id", json!("letters")),
            ("/attributes", json!({"dpl.core.processing_activity_id": "urn:nl:12", "own.thing": "x"})),
        ] {
            let mut row = right.clone();
            *row.pointer_mut(pointer).unwrap() = wrong;
            check(&row).expect_err(pointer);
        }
    }
}
