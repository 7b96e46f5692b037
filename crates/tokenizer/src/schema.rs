//! JSON schemas as far as an answer can be held to them.
//!
//! A schema is read keyword by keyword and written anew with those that are enforced: none is passed over in silence, and
//! a reference is followed before anything is compiled.

use std::collections::{BTreeSet, HashMap};

use llguidance::{derivre::RegexBuilder, regex_to_lark};
use serde_json::{Map, Value, json};

use crate::Error;

/// Longest schema, in bytes of compact JSON.
pub const SCHEMA_BYTES_MAX: usize = 128 << 10;
/// Most schemas within a schema.
const NODES_MAX: usize = 5000;
/// Deepest nesting, references followed: compilation recurses as deep.
const DEPTH_MAX: usize = 96;
/// Most values of one enum, and most alternatives.
const ALTERNATIVES_MAX: usize = 1000;
/// Most alternatives of a oneOf: every two are compared.
const ONE_OF_MAX: usize = 64;
/// Largest count in a bound on items, characters or properties.
const COUNT_MAX: u64 = 100_000;
/// Most patterns of properties: every two are compared.
const PATTERNS_MAX: usize = 16;
/// Longest regular expression, in bytes.
const PATTERN_BYTES_MAX: usize = 2048;

/// Keywords that assert nothing.
const ANNOTATIONS: &[&str] = &[
    "$schema",
    "$id",
    "id",
    "$anchor",
    "$comment",
    "$defs",
    "definitions",
    "title",
    "description",
    "default",
    "examples",
    "example",
    "deprecated",
    "readOnly",
    "writeOnly",
    "discriminator",
    "contentEncoding",
    "contentMediaType",
];
/// Values of `format` that are enforced.
const FORMATS: &[&str] =
    &["date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid", "uri"];
/// Types.
const TYPES: &[&str] = &["null", "boolean", "integer", "number", "string", "array", "object"];

/// The schema as it is compiled.
///
/// # Errors
/// [`Error::Schema`] with the place of what is not understood.
pub(crate) fn prepare(schema: &Value) -> Result<Value, Error> {
    let bytes = schema.to_string().len();
    if bytes > SCHEMA_BYTES_MAX {
        let what = format!("has {bytes} bytes, more than the {SCHEMA_BYTES_MAX} that are allowed");
        return Err(Error::Schema { pointer: String::new(), what });
    }
    if !schema.is_object() {
        return Err(Error::Schema { pointer: String::new(), what: "must be a JSON object".to_owned() });
    }
    let mut reader = Reader::new(schema);
    let mut place = Vec::new();
    let mut root = reader.schema(schema, &mut place)?;
    reader.refuse_circles()?;
    if let (Some(root), false) = (root.as_object_mut(), reader.defs.is_empty()) {
        root.insert("$defs".to_owned(), Value::Object(reader.defs));
    }
    Ok(plain(root))
}

/// With the way in which JSON is written: on one line, a space after each comma and colon. A model that may write white
/// space can go on writing it.
pub(crate) fn plain(mut schema: Value) -> Value {
    if let Some(schema) = schema.as_object_mut() {
        let options = json!({"whitespace_flexible": false, "item_separator": ", ", "key_separator": ": "});
        schema.insert("x-guidance".to_owned(), options);
    }
    schema
}

/// A schema as a value of llguidance's Lark, for a grammar of our own making: `%json {…}`.
///
/// Enforced: `type`, `enum`, `const`, `properties`, `required`, `additionalProperties`, `patternProperties`,
/// `minProperties`, `maxProperties`, `items`, `prefixItems`, `minItems`, `maxItems`, `minLength`, `maxLength`, `pattern`,
/// `format`, `minimum`, `maximum`, `exclusiveMinimum`, `exclusiveMaximum`, `multipleOf`, `anyOf`, `oneOf` (of alternatives
/// that exclude each other), `allOf`, and `$ref` within the schema. Annotations such as `title` assert nothing. Any other
/// keyword is refused.
///
/// # Errors
/// [`Error::Schema`] with the place of what is not understood.
pub fn schema_in_lark(schema: &Value) -> Result<String, Error> {
    Ok(format!("%json {}", prepare(schema)?))
}

/// Reads a schema, and everything that it refers to.
struct Reader<'a> {
    root: &'a Value,
    nodes: usize,
    depth: usize,
    /// Name of every place referred to.
    names: HashMap<String, usize>,
    defs: Map<String, Value>,
    /// Which definitions each definition is about without a value in between.
    direct: Vec<Vec<usize>>,
    /// The definition being read, while nothing but applicators stand between it and what is read.
    within: Option<usize>,
}

type Place = Vec<String>;

impl<'a> Reader<'a> {
    fn new(root: &'a Value) -> Self {
        let (names, defs, direct) = (HashMap::new(), Map::new(), Vec::new());
        Self { root, nodes: 0, depth: 0, names, defs, direct, within: None }
    }

    fn schema(&mut self, value: &Value, place: &mut Place) -> Result<Value, Error> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            return Err(wrong(
                place,
                format!("is one of more than {NODES_MAX} schemas; make the whole smaller"),
            ));
        }
        if self.depth == DEPTH_MAX {
            return Err(wrong(place, format!("is nested more than {DEPTH_MAX} deep, references followed")));
        }
        let map = match value {
            Value::Bool(_) => return Ok(value.clone()),
            Value::Object(map) => map,
            _ => return Err(wrong(place, "must be a schema: a JSON object, true or false")),
        };
        self.depth += 1;
        let mut read = Map::new();
        for (keyword, value) in map {
            place.push(keyword.clone());
            if let Some(value) = self.keyword(keyword, value, place)? {
                read.insert(keyword.clone(), value);
            }
            place.pop();
        }
        self.depth -= 1;
        Ok(Value::Object(read))
    }

    /// The keyword's value as it is compiled; `None` for one that asserts nothing.
    fn keyword(&mut self, keyword: &str, value: &Value, place: &mut Place) -> Result<Option<Value>, Error> {
        if ANNOTATIONS.contains(&keyword) {
            return Ok(None);
        }
        let kept = Ok(Some(value.clone()));
        match keyword {
            "type" => types(value, place).and(kept),
            "const" => kept,
            "enum" => list(value, ALTERNATIVES_MAX, place).and(kept),
            "required" => names(value, place).and(kept),
            "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties" | "maxProperties" => {
                count(value, place).and(kept)
            }
            "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" => number(value, place).and(kept),
            "multipleOf" => multiple(value, place).and(kept),
            "pattern" => pattern(value, place).and(kept),
            "format" => format(value, place).and(kept),
            "uniqueItems" if value == &Value::Bool(false) => Ok(None),
            "anyOf" | "allOf" => self.schemas(value, ALTERNATIVES_MAX, place).map(Some),
            "oneOf" => self.schemas(value, ONE_OF_MAX, place).map(Some),
            "$ref" => self.reference(value, place).map(Some),
            "items" if value.is_array() => {
                Err(wrong(place, "must be one schema; a list of them is prefixItems"))
            }
            "items" | "additionalProperties" => self.below(|reader| reader.schema(value, place)).map(Some),
            "prefixItems" => self.below(|reader| reader.schemas(value, ALTERNATIVES_MAX, place)).map(Some),
            "properties" => self.below(|reader| reader.properties(value, false, place)).map(Some),
            "patternProperties" => self.below(|reader| reader.properties(value, true, place)).map(Some),
            _ => Err(wrong(place, "is not a keyword that an answer can be held to; leave it out")),
        }
    }

    /// Reads what is about a value within the value.
    fn below<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        let within = self.within.take();
        let result = read(self);
        self.within = within;
        result
    }

    fn schemas(&mut self, value: &Value, most: usize, place: &mut Place) -> Result<Value, Error> {
        let mut read = Vec::new();
        for (index, item) in list(value, most, place)?.iter().enumerate() {
            place.push(index.to_string());
            read.push(self.schema(item, place)?);
            place.pop();
        }
        Ok(Value::Array(read))
    }

    fn properties(&mut self, value: &Value, patterns: bool, place: &mut Place) -> Result<Value, Error> {
        let Value::Object(map) = value else { return Err(wrong(place, "must be a JSON object")) };
        if patterns && map.len() > PATTERNS_MAX {
            return Err(wrong(place, format!("has more than {PATTERNS_MAX} patterns")));
        }
        let mut read = Map::new();
        for (name, value) in map {
            place.push(name.clone());
            if patterns {
                pattern(&Value::from(name.as_str()), place)?;
            }
            read.insert(name.clone(), self.schema(value, place)?);
            place.pop();
        }
        Ok(Value::Object(read))
    }

    /// A reference to a definition of its own name, read when it is first met.
    fn reference(&mut self, value: &Value, place: &mut Place) -> Result<Value, Error> {
        let pointer = value.as_str().and_then(|text| text.strip_prefix('#'));
        let target = pointer.filter(|pointer| pointer.is_empty() || pointer.starts_with('/'));
        let Some(target) = target else {
            return Err(wrong(place, "must be a reference within the schema, such as \"#/$defs/name\""));
        };
        let Some(referred) = self.root.pointer(target) else {
            return Err(wrong(place, "refers to a place that the schema does not have"));
        };
        let name = match self.names.get(target) {
            Some(name) => *name,
            None => self.define(target, referred)?,
        };
        if let Some(direct) = self.within.and_then(|within| self.direct.get_mut(within)) {
            direct.push(name);
        }
        Ok(Value::String(format!("#/$defs/{name}")))
    }

    fn define(&mut self, target: &str, referred: &Value) -> Result<usize, Error> {
        let name = self.names.len();
        self.names.insert(target.to_owned(), name);
        self.direct.push(Vec::new());
        let mut place: Place = target.split('/').skip(1).map(unescape).collect();
        let within = self.within.replace(name);
        let read = self.schema(referred, &mut place)?;
        self.within = within;
        self.defs.insert(name.to_string(), read);
        Ok(name)
    }

    /// A definition that is about itself, without a value in between, says nothing and ends nowhere.
    fn refuse_circles(&self) -> Result<(), Error> {
        let mut open: BTreeSet<usize> = (0..self.direct.len()).collect();
        loop {
            let before = open.len();
            let waits = |name: &usize| {
                self.direct.get(*name).is_some_and(|direct| direct.iter().any(|used| open.contains(used)))
            };
            open = open.iter().copied().filter(waits).collect();
            if open.len() == before {
                break;
            }
        }
        let Some(circle) = open.first() else { return Ok(()) };
        let target = self.names.iter().find(|(_, name)| *name == circle).map(|(target, _)| target.as_str());
        let place: Place = target.unwrap_or_default().split('/').skip(1).map(unescape).collect();
        Err(wrong(&place, "refers to itself, or to what does, with no property or item in between"))
    }
}

fn unescape(step: &str) -> String {
    step.replace("~1", "/").replace("~0", "~")
}

fn list<'v>(value: &'v Value, most: usize, place: &Place) -> Result<&'v Vec<Value>, Error> {
    match value {
        Value::Array(items) if !items.is_empty() && items.len() <= most => Ok(items),
        _ => Err(wrong(place, format!("must be a list of 1 to {most}"))),
    }
}

fn types(value: &Value, place: &Place) -> Result<(), Error> {
    let known = |value: &Value| value.as_str().is_some_and(|name| TYPES.contains(&name));
    let fine = match value {
        Value::Array(items) => !items.is_empty() && items.iter().all(known),
        value => known(value),
    };
    if fine { Ok(()) } else { Err(wrong(place, format!("must be one or several of {}", TYPES.join(", ")))) }
}

fn names(value: &Value, place: &Place) -> Result<(), Error> {
    match value {
        Value::Array(items) if items.len() <= ALTERNATIVES_MAX && items.iter().all(Value::is_string) => {
            Ok(())
        }
        _ => Err(wrong(place, format!("must be a list of at most {ALTERNATIVES_MAX} names"))),
    }
}

fn count(value: &Value, place: &Place) -> Result<(), Error> {
    match value.as_u64() {
        Some(count) if count <= COUNT_MAX => Ok(()),
        _ => Err(wrong(place, format!("must be a whole number from 0 to {COUNT_MAX}"))),
    }
}

fn number(value: &Value, place: &Place) -> Result<(), Error> {
    match value.as_f64() {
        Some(number) if number.abs() <= 1e15 => Ok(()),
        _ => Err(wrong(place, "must be a number from -1e15 to 1e15")),
    }
}

fn multiple(value: &Value, place: &Place) -> Result<(), Error> {
    match value.as_f64() {
        Some(number) if (1e-6..=1e6).contains(&number) => Ok(()),
        _ => Err(wrong(place, "must be a number from 0.000001 to 1000000")),
    }
}

fn format(value: &Value, place: &Place) -> Result<(), Error> {
    match value.as_str() {
        Some(format) if FORMATS.contains(&format) => Ok(()),
        _ => Err(wrong(place, format!("must be one of {}", FORMATS.join(", ")))),
    }
}

fn pattern(value: &Value, place: &Place) -> Result<(), Error> {
    let pattern = value.as_str().filter(|pattern| pattern.len() <= PATTERN_BYTES_MAX);
    let read = pattern.map(|pattern| RegexBuilder::new().mk_regex_for_serach(&regex_to_lark(pattern, "dw")));
    match read {
        Some(Ok(_)) => Ok(()),
        _ => Err(wrong(
            place,
            format!(
                "must be a regular expression of at most {PATTERN_BYTES_MAX} bytes; look-around is not understood"
            ),
        )),
    }
}

/// Steps of a place that an error may show: names are the caller's own, so only plain short ones are repeated.
fn wrong(place: &[String], what: impl Into<String>) -> Error {
    let index = |step: &String| step.len() <= 4 && step.bytes().all(|b| b.is_ascii_digit());
    let word = |step: &String| step.bytes().all(|b| b.is_ascii_alphabetic() || b"_-$".contains(&b));
    let plain = |step: &String| match index(step) || (step.len() <= 40 && word(step)) {
        true => step.clone(),
        false => "(unprintable name)".to_owned(),
    };
    let pointer = place.iter().map(|step| format!("/{}", plain(step))).collect();
    Error::Schema { pointer, what: what.into() }
}
