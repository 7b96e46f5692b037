//! YAML text → a tree in which every value knows its line. Of YAML only what forms need: one document of mappings, lists
//! and scalars; no aliases (a few lines of them can stand for gigabytes), no tags, no key twice.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle};

use crate::Error;

/// Most nested a document may be.
const DEPTH_MAX: usize = 48;
/// Most values a document may hold.
const NODES_MAX: usize = 100_000;

/// A value and where it begins.
#[derive(Debug)]
pub(super) struct Node {
    /// Line, counted from 1.
    pub(super) line: usize,
    pub(super) value: Value,
}

#[derive(Debug)]
pub(super) enum Value {
    /// A scalar; `plain` when it was not quoted, so that `true` can be told from `"true"`.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    Map(BTreeMap<String, Node>),
}

/// A collection that is not closed yet.
enum Open {
    List(usize, Vec<Node>),
    Map(usize, BTreeMap<String, Node>, Option<String>),
}

/// The one document in `text`; `path` is for messages.
///
/// # Errors
/// [`Error::Assessment`] naming the line.
pub(super) fn read(path: &str, text: &str) -> Result<Node, Error> {
    let mut builder = Builder { path, open: Vec::new(), root: None, nodes: 0 };
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) =
            event.map_err(|error| wrong(path, error.marker().line(), "is not YAML: ", error.info()))?;
        builder.take(event, span.start.line())?;
    }
    builder.root.ok_or_else(|| wrong(path, 1, "", "is empty; put the form's definition here"))
}

fn wrong(path: &str, line: usize, what: &str, detail: &str) -> Error {
    let place = format!("{path}:{line}");
    Error::Assessment { place, key: "form".into(), detail: format!("{what}{detail}") }
}

struct Builder<'p> {
    path: &'p str,
    open: Vec<Open>,
    root: Option<Node>,
    nodes: usize,
}

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, line: usize) -> Result<(), Error> {
        match event {
            Event::Alias(_) => self.refuse(line, "uses an alias (*name); write it out"),
            Event::Scalar(_, _, _, Some(_))
            | Event::SequenceStart(_, Some(_))
            | Event::MappingStart(_, Some(_)) => self.refuse(line, "uses a tag (!name); leave it out"),
            Event::Scalar(text, style, _, None) => {
                let plain = style == ScalarStyle::Plain;
                self.add(Node { line, value: Value::Scalar { text: text.into_owned(), plain } })
            }
            Event::SequenceStart(_, None) => self.begin(line, Open::List(line, Vec::new())),
            Event::MappingStart(_, None) => self.begin(line, Open::Map(line, BTreeMap::new(), None)),
            Event::SequenceEnd | Event::MappingEnd => self.end(line),
            Event::DocumentStart(_) if self.root.is_some() => {
                self.refuse(line, "holds a second document; one file is one form")
            }
            _ => Ok(()),
        }
    }

    fn refuse(&self, line: usize, detail: &str) -> Result<(), Error> {
        Err(wrong(self.path, line, "", detail))
    }

    fn begin(&mut self, line: usize, open: Open) -> Result<(), Error> {
        if self.open.len() >= DEPTH_MAX {
            return self.refuse(line, "is nested too deeply for a form");
        }
        self.open.push(open);
        Ok(())
    }

    fn end(&mut self, line: usize) -> Result<(), Error> {
        match self.open.pop() {
            Some(Open::List(line, list)) => self.add(Node { line, value: Value::List(list) }),
            Some(Open::Map(line, map, _)) => self.add(Node { line, value: Value::Map(map) }),
            None => self.refuse(line, "closes what it did not open"),
        }
    }

    /// Puts a finished value where it belongs: the list, the key or the value of a mapping, or the document.
    fn add(&mut self, node: Node) -> Result<(), Error> {
        let line = node.line;
        self.nodes = self.nodes.saturating_add(1);
        if self.nodes > NODES_MAX {
            return self.refuse(line, "holds more values than any form");
        }
        match (self.open.last_mut(), node.value) {
            (None, value) => self.root = Some(Node { line, value }),
            (Some(Open::List(_, list)), value) => list.push(Node { line, value }),
            (Some(Open::Map(_, _, key @ None)), Value::Scalar { text, .. }) => *key = Some(text),
            (Some(Open::Map(_, _, None)), _) => return self.refuse(line, "has a key that is not a word"),
            (Some(Open::Map(_, map, key @ Some(_))), value) => {
                let name = key.take().unwrap_or_default();
                if map.contains_key(&name) {
                    return self.refuse(line, &format!("gives {name} twice; keep one of the two"));
                }
                map.insert(name, Node { line, value });
            }
        }
        Ok(())
    }
}

impl Node {
    /// The value of a key, if this is a mapping that has it.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(map) => map.get(key),
            Value::Scalar { .. } | Value::List(_) => None,
        }
    }

    /// The scalar's text.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } => Some(text),
            Value::List(_) | Value::Map(_) => None,
        }
    }

    /// The items of a list.
    pub(super) fn list(&self) -> Option<&[Node]> {
        match &self.value {
            Value::List(list) => Some(list),
            Value::Scalar { .. } | Value::Map(_) => None,
        }
    }

    /// A boolean of YAML's core schema (YAML 1.2.2, 10.3.2).
    pub(super) fn boolean(&self) -> Option<bool> {
        match &self.value {
            Value::Scalar { text, plain: true } => match text.as_str() {
                "true" | "True" | "TRUE" => Some(true),
                "false" | "False" | "FALSE" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether this is null in YAML's core schema.
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, plain: true }
            if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }
}
