//! Headers that say whom a request is about. What they say becomes a pseudonym; no error repeats it.

use axum::http::HeaderMap;
use gateway::{DATA_SUBJECTS_MAX, DataSubject, DataSubjectType, data_subject};

use crate::error::ApiError;

const SUBJECT: &str = "X-Proeftuin-Data-Subject";
const TYPE: &str = "X-Proeftuin-Data-Subject-Type";

/// The data subjects of a request. Several stand in one header with commas between them, or in a header each (RFC 9110,
/// 5.3: the same thing); one type is that of all, several are theirs in order, none is `other`.
pub(crate) fn data_subjects(headers: &HeaderMap) -> Result<Vec<DataSubject>, ApiError> {
    let (ids, types) = (values(headers, SUBJECT)?, values(headers, TYPE)?);
    if ids.len() > DATA_SUBJECTS_MAX {
        let why = format!("names more than {DATA_SUBJECTS_MAX} persons; split the request");
        return Err(ApiError::invalid(SUBJECT, why));
    }
    let kinds: Option<Vec<_>> = types.iter().map(|text| DataSubjectType::parse(text)).collect();
    let kinds = kinds.ok_or_else(|| {
        let known = DataSubjectType::ALL.map(DataSubjectType::as_str).join(", ");
        ApiError::invalid(TYPE, format!("must be one of {known}"))
    })?;
    if (kinds.len() > 1 && kinds.len() != ids.len()) || (ids.is_empty() && !kinds.is_empty()) {
        return Err(ApiError::invalid(TYPE, format!("must have one type, or one for each {SUBJECT}")));
    }
    let kind = |at: usize| kinds.get(at).or(kinds.first()).copied().unwrap_or(DataSubjectType::Other);
    let one =
        |(at, id): (usize, &&str)| data_subject(kind(at), id).map_err(|why| ApiError::invalid(SUBJECT, why));
    ids.iter().enumerate().map(one).collect()
}

/// The members of a list in a header. One that is there and empty is a mistake of the caller, who meant somebody.
fn values<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<Vec<&'a str>, ApiError> {
    let mut all = Vec::new();
    for value in headers.get_all(name) {
        let text = value.to_str().map_err(|_| ApiError::invalid(name, "must be visible ASCII characters"))?;
        all.extend(text.split(',').map(str::trim));
    }
    if all.iter().any(|text| text.is_empty()) {
        return Err(ApiError::invalid(name, "has an empty value"));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(headers: &[(&'static str, &str)]) -> Result<Vec<(&'static str, String)>, String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let read = data_subjects(&map).map_err(|error| error.event(crate::error::Dialect::OpenAi))?;
        Ok(read.iter().map(|one| (one.kind().as_str(), one.id().to_owned())).collect())
    }

    const ID: &str = "x-proeftuin-data-subject";
    const KIND: &str = "x-proeftuin-data-subject-type";

    #[test]
    fn lists_and_types() {
        let of = |kind, id: &str| (kind, id.to_owned());
        assert_eq!(read(&[]), Ok(vec![]));
        assert_eq!(read(&[(ID, "K-12")]), Ok(vec![of("other", "K-12")]));
        let bsn = of("bsn", "111222333");
        assert_eq!(read(&[(ID, "1112.22.333"), (KIND, "BSN")]), Ok(vec![bsn.clone()]));
        let both = vec![bsn, of("klantnummer", "K-12")];
        assert_eq!(read(&[(ID, "111222333, K-12"), (KIND, "bsn,klantnummer")]), Ok(both.clone()));
        let apart = [(ID, "111222333"), (ID, "K-12"), (KIND, "bsn"), (KIND, "klantnummer")];
        assert_eq!(read(&apart), Ok(both));
        assert_eq!(read(&[(ID, "a,b"), (KIND, "other")]), Ok(vec![of("other", "a"), of("other", "b")]));
    }

    #[test]
    fn what_is_wrong_names_the_header_and_not_the_value() {
        let long = "q".repeat(129);
        for (header, headers) in [
            (SUBJECT, vec![(ID, "987654321"), (KIND, "bsn")]),
            (SUBJECT, vec![(ID, "98765432x"), (KIND, "bsn")]),
            (SUBJECT, vec![(ID, "")]),
            (SUBJECT, vec![(ID, "98765,,4321")]),
            (SUBJECT, vec![(ID, "98765 4321")]),
            (SUBJECT, vec![(ID, "98765\u{e9}4321")]),
            (SUBJECT, vec![(ID, long.as_str())]),
            (SUBJECT, vec![(ID, "98765,2,3,4,5,6,7,8,9")]),
            (TYPE, vec![(ID, "a"), (KIND, "98765")]),
            (TYPE, vec![(KIND, "bsn")]),
            (TYPE, vec![(ID, "a,b,c"), (KIND, "other,other")]),
        ] {
            let said = read(&headers).unwrap_err();
            assert!(said.contains(&format!("\"param\":\"{header}\"")), "{said}");
            assert!(!said.contains("98765") && !said.contains("qqq"), "{said}");
        }
    }
}
