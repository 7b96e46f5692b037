//! The document as a page: static, without a script, and with nothing that another host would have to give.

use std::fmt::Write as _;

use serde_json::Value;

/// What the page may do: show its own style, by its hash. A test keeps the hash true.
pub(crate) const PAGE_MAY: &str = "default-src 'none'; style-src 'sha256-oEKDPTPI+5bXSBSWCdkuHgGWUMkWjRAGStfo3419dYw='; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'";

const STYLE: &str = include_str!("page.css");

/// Deepest field that has a row of its own.
const DEPTH_MAX: usize = 6;

/// The page, whole.
pub(crate) fn page(document: &Value) -> String {
    let mut html = String::from(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>Proeftuin: the API</title><style>",
    );
    html.push_str(STYLE);
    html.push_str("</style></head><body><main><h1>Proeftuin: the API</h1>\n");
    let text = |pointer: &str| escaped(document.pointer(pointer).and_then(Value::as_str).unwrap_or_default());
    let _ = writeln!(html, "<p>Version {}. {}</p>", text("/info/version"), text("/info/description"));
    html.push_str(
        "<p>The same for machines: <a href=\"/openapi.json\">/openapi.json</a> (OpenAPI 3.1).</p>\n",
    );
    for (path, methods) in document.get("paths").and_then(Value::as_object).into_iter().flatten() {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            section(&mut html, document, (method, path), operation);
        }
    }
    html.push_str("</main></body></html>\n");
    html
}

fn section(html: &mut String, document: &Value, (method, path): (&str, &str), operation: &Value) {
    let text = |name: &str| escaped(operation.get(name).and_then(Value::as_str).unwrap_or_default());
    let _ = writeln!(html, "<h2><code>{} {}</code></h2>", method.to_uppercase(), escaped(path));
    let _ = writeln!(html, "<p><b>{}.</b> {}</p>", text("summary"), text("description"));
    if operation.get("security").is_none() {
        html.push_str("<p>Needs no key.</p>\n");
    }
    if let Some(schema) = operation.pointer("/requestBody/content/application~1json/schema") {
        html.push_str("<table><tr><th>Field of the body</th><th>Type</th><th></th></tr>\n");
        let mut seen = Vec::new();
        rows(html, schema, "", 0, &mut seen);
        html.push_str("</table>\n");
    }
    html.push_str("<ul>");
    for (status, response) in operation.get("responses").and_then(Value::as_object).into_iter().flatten() {
        let meaning = escaped(response.get("description").and_then(Value::as_str).unwrap_or_default());
        let kinds = response
            .get("content")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .map(|(kind, _)| kind.as_str());
        let _ = write!(
            html,
            "<li><code>{status}</code> {meaning} <span class=\"soft\">{}</span></li>",
            kinds.collect::<Vec<_>>().join(", ")
        );
    }
    html.push_str("</ul>\n");
    let schema =
        operation.pointer("/responses/200/content/application~1json/schema/$ref").and_then(Value::as_str);
    if let Some(schema) = schema.and_then(|name| document.pointer(name.trim_start_matches('#'))) {
        html.push_str("<table><tr><th>Field of the answer</th><th>Type</th><th></th></tr>\n");
        let mut seen = Vec::new();
        rows(html, schema, "", 0, &mut seen);
        html.push_str("</table>\n");
    }
}

/// A row for each field, in the order of the document. Alternatives that have a field in common share its row.
fn rows(html: &mut String, schema: &Value, path: &str, depth: usize, seen: &mut Vec<String>) {
    if depth > DEPTH_MAX {
        return;
    }
    for kind in schema.get("anyOf").and_then(Value::as_array).into_iter().flatten() {
        rows(html, kind, path, depth, seen);
    }
    if let Some(items) = schema.get("items") {
        rows(html, items, &format!("{path}[]"), depth.saturating_add(1), seen);
    }
    let required = schema.get("required").and_then(Value::as_array);
    for (name, field) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let place = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        if !seen.contains(&place) {
            let needed = required.is_some_and(|names| names.iter().any(|needed| needed == name));
            let about = field.get("description").and_then(Value::as_str).unwrap_or_default();
            let needed = if needed { "<b>required</b> " } else { "" };
            let _ = writeln!(
                html,
                "<tr><td><code>{}</code></td><td>{}</td><td>{needed}{}</td></tr>",
                escaped(&place),
                escaped(&kind(field)),
                escaped(about)
            );
            seen.push(place.clone());
        }
        rows(html, field, &place, depth.saturating_add(1), seen);
    }
}

/// A type in words.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
        return name.rsplit('/').next().unwrap_or_default().to_owned();
    }
    if let Some(constant) = schema.get("const") {
        return constant.to_string();
    }
    let list = |key: &str| schema.get(key).and_then(Value::as_array);
    let known = |words: Vec<String>| {
        let mut words: Vec<String> = words.into_iter().filter(|word| word != "null").collect();
        words.dedup();
        words.join(" or ")
    };
    if let Some(values) = list("enum") {
        return known(values.iter().map(Value::to_string).collect());
    }
    if let Some(kinds) = list("anyOf") {
        return known(kinds.iter().map(kind).collect());
    }
    let words = match schema.get("type") {
        Some(Value::String(word)) => word.clone(),
        Some(Value::Array(words)) => {
            known(words.iter().filter_map(Value::as_str).map(str::to_owned).collect())
        }
        _ => "anything".to_owned(),
    };
    let bound = |key: &str| schema.get(key).map(Value::to_string);
    match (bound("minimum"), bound("maximum")) {
        (Some(low), Some(high)) => format!("{words} from {low} to {high}"),
        _ => words,
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use sha2::{Digest as _, Sha256};

    use super::*;

    #[test]
    fn the_page_shows_its_own_style_and_loads_nothing() {
        let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(STYLE));
        assert!(PAGE_MAY.contains(&format!("style-src 'sha256-{hash}'")), "{hash}");
        let html = page(&super::super::document());
        assert_eq!(html.matches("<style>").count(), 1);
        for bad in ["<script", "src=", "http://", "https://", "@import", "url("] {
            assert!(!html.contains(bad), "{bad}");
        }
        for row in gateway::ENDPOINTS {
            assert!(html.contains(&format!(" {}</code></h2>", row.path)), "{}", row.path);
        }
        for field in ["messages[].content[].text", "stop_sequences", "proeftuin", "tools[].input_schema"] {
            assert!(html.contains(&format!("<code>{field}</code>")), "{field}");
        }
    }
}
