//! What chat templates expect of Python: `json.dumps`, `strftime`, an exception.

use minijinja::{Error, ErrorKind, Value, value::Kwargs};
use serde_json::Value as Json;

/// What a template said when it refused.
#[derive(Debug, thiserror::Error)]
#[error("the template raised an exception")]
pub(crate) struct Raised(pub String);

/// `raise_exception(message)`.
pub(crate) fn raise_exception(message: String) -> Result<String, Error> {
    Err(Error::new(ErrorKind::InvalidOperation, "raise_exception").with_source(Raised(message)))
}

/// `strftime_now(format)`.
pub(crate) fn strftime(format: &str, now: jiff::civil::DateTime) -> Result<String, Error> {
    let refused = |_| Error::new(ErrorKind::InvalidOperation, "strftime_now does not know this format");
    jiff::fmt::strtime::format(format, now).map_err(refused)
}

/// `value | tojson(indent=…, sort_keys=…, separators=…)`, as Python's `json.dumps` with `ensure_ascii=False`.
pub(crate) fn tojson(value: Value, arguments: Kwargs) -> Result<String, Error> {
    let failed = |_| Error::new(ErrorKind::BadSerialization, "tojson");
    let json = serde_json::to_value(&value).map_err(failed)?;
    let indent = arguments.get::<Option<usize>>("indent")?.map(|indent| indent.min(16));
    let sort_keys = arguments.get::<Option<bool>>("sort_keys")?.unwrap_or(false);
    let separators = arguments.get::<Option<Vec<String>>>("separators")?;
    let _ = arguments.get::<Option<bool>>("ensure_ascii")?;
    arguments.assert_all_used()?;
    let default = if indent.is_some() { "," } else { ", " };
    let (item, key) = match separators.as_deref() {
        Some([item, key]) => (item.as_str(), key.as_str()),
        _ => (default, ": "),
    };
    let mut out = String::new();
    Dump { item, key, indent, sort_keys }.write(&json, 0, &mut out);
    Ok(out)
}

struct Dump<'a> {
    item: &'a str,
    key: &'a str,
    indent: Option<usize>,
    sort_keys: bool,
}

impl Dump<'_> {
    fn write(&self, value: &Json, depth: usize, out: &mut String) {
        match value {
            Json::String(text) => write_string(text, out),
            Json::Array(items) => {
                let write = |index: usize, out: &mut String| {
                    if let Some(item) = items.get(index) {
                        self.write(item, depth + 1, out);
                    }
                };
                self.list(('[', ']'), items.len(), depth, out, write);
            }
            Json::Object(fields) => {
                let mut fields: Vec<(&String, &Json)> = fields.iter().collect();
                if self.sort_keys {
                    fields.sort_by_key(|(key, _)| *key);
                }
                let write = |index: usize, out: &mut String| {
                    if let Some((key, value)) = fields.get(index) {
                        write_string(key, out);
                        out.push_str(self.key);
                        self.write(value, depth + 1, out);
                    }
                };
                self.list(('{', '}'), fields.len(), depth, out, write);
            }
            other => out.push_str(&other.to_string()),
        }
    }

    fn list(
        &self,
        (open, close): (char, char),
        len: usize,
        depth: usize,
        out: &mut String,
        write: impl Fn(usize, &mut String),
    ) {
        out.push(open);
        for index in 0..len {
            if index > 0 {
                out.push_str(self.item);
            }
            self.line(depth + 1, out);
            write(index, out);
        }
        if len > 0 {
            self.line(depth, out);
        }
        out.push(close);
    }

    fn line(&self, depth: usize, out: &mut String) {
        if let Some(indent) = self.indent {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent * depth));
        }
    }
}

fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            letter if u32::from(letter) < 0x20 => out.push_str(&format!("\\u{:04x}", u32::from(letter))),
            letter => out.push(letter),
        }
    }
    out.push('"');
}
