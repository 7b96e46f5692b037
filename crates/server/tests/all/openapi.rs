//! The document of the API against the API: what comes back is what the document says, and every status is in it.

use gateway::{CallerClass, ENDPOINTS, Endpoint, Method};
use serde_json::{Value, json};
use testkit::House;

use crate::endpoints::good;
use crate::http::{Reply, Site};

/// Why `value` is not what `schema` says; nothing where it is.
fn misfit(document: &Value, schema: &Value, value: &Value, at: &str) -> Option<String> {
    if let Some(name) = schema["$ref"].as_str() {
        return misfit(document, document.pointer(&name[1..]).unwrap(), value, at);
    }
    if let Some(kinds) = schema["anyOf"].as_array() {
        let all: Option<Vec<String>> = kinds.iter().map(|kind| misfit(document, kind, value, at)).collect();
        return all.map(|all| all.join(" and "));
    }
    let word = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let is = |kind: &Value| kind == word || (kind == "number" && word == "integer");
    let typed = match &schema["type"] {
        Value::Null => true,
        Value::Array(kinds) => kinds.iter().any(is),
        kind => is(kind),
    };
    let constant = schema.get("const").is_none_or(|constant| constant == value);
    let listed = schema["enum"].as_array().is_none_or(|values| values.contains(value));
    if !(typed && constant && listed) {
        return Some(format!("{at} is a {word}, and should be {schema}"));
    }
    if let (Some(items), Some(schema)) = (value.as_array(), schema.get("items")) {
        return items
            .iter()
            .enumerate()
            .find_map(|(i, item)| misfit(document, schema, item, &format!("{at}[{i}]")));
    }
    let (Some(fields), Some(properties)) = (value.as_object(), schema["properties"].as_object()) else {
        return None;
    };
    let missing = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    if let Some(name) = missing.into_iter().find(|name| !fields.contains_key(*name)) {
        return Some(format!("{at}.{name} is missing"));
    }
    fields.iter().find_map(|(name, value)| match properties.get(name) {
        Some(schema) => misfit(document, schema, value, &format!("{at}.{name}")),
        None => Some(format!("{at}.{name} is not in the document")),
    })
}

/// What is not as the document has it, of one reply.
fn check(document: &Value, row: &Endpoint, reply: &Reply) {
    let method = if row.method == Method::Get { "get" } else { "post" };
    let said = &document["paths"][row.path][method]["responses"][reply.status.to_string()];
    assert!(said.is_object(), "{} gives {}, which the document has not", row.path, reply.status);
    let kind = reply.header("content-type").unwrap();
    let content = said["content"].get(kind).unwrap_or_else(|| panic!("{} gives {kind}: {said}", row.path));
    if kind == "application/json" {
        let wrong = misfit(document, &content["schema"], &reply.json(), "");
        assert!(wrong.is_none(), "{} {}: {wrong:?}", row.path, reply.status);
    }
}

#[tokio::test]
async fn what_comes_back_is_what_the_document_says() {
    let site = Site::start(House::builder().saying("Goedendag.").embeddings()).await;
    let document = site.get("/openapi.json").await.json();
    for row in ENDPOINTS {
        check(&document, row, &good(&site, row.id, row.path).await);
        let path = row.path.replace("{model}", "other");
        let method = if row.method == Method::Post { "POST" } else { "GET" };
        check(&document, row, &site.send(method, &path, &[], b"{}").await);
        if row.method == Method::Post {
            check(&document, row, &site.post(&path, &json!({})).await);
            let large = vec![b' '; (4 << 20) + 1];
            let bearer = site.bearer("pilot");
            let reply = site.send("POST", &path, &[("authorization", &bearer)], &large).await;
            assert_eq!(reply.status, 413, "{path}");
            check(&document, row, &reply);
        }
        if row.caller == CallerClass::KeyHolder {
            check(&document, row, &site.get(&path).await.or_post(&site, row, &path).await);
        }
    }
}

impl Reply {
    /// The same request as the row has it, where it is no `GET`.
    async fn or_post(self, site: &Site, row: &Endpoint, path: &str) -> Self {
        match row.method {
            Method::Get => self,
            Method::Post => {
                assert_eq!(self.status, 405, "{path}");
                assert_eq!(self.header("allow"), Some("POST"), "{path}");
                site.post(path, &json!({"model": "huge"})).await
            }
        }
    }
}

#[tokio::test]
async fn the_page_is_whole_and_asks_nothing_of_others() {
    let site = Site::saying("Goedendag.").await;
    let reply = site.send("GET", "/docs", &[], b"").await;
    assert_eq!(reply.status, 200);
    assert!(reply.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
    assert!(reply.body.ends_with("</html>\n") && !reply.body.contains("http"), "{}", reply.body);
}
