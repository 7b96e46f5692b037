//! Calls in the text of an answer, however it is cut into pieces.
//!
//! A call is held back until it is whole: what is no call after all is text, and nothing can be taken back from a client.
//! Other text goes on at once, but for what may become the beginning of a call, and white space before that.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::arguments::quoted;
use super::format::ToolFormat;
use crate::stop::live_prefix;

/// Longest call, in bytes. What is longer is text.
pub(crate) const CALL_BYTES_MAX: usize = 256 << 10;
/// Deepest nesting of a call.
const DEPTH_MAX: u32 = 64;
/// Closes a call in tags; some models leave it out.
const CLOSE: &str = "</tool_call>";

/// A part of an answer.
#[cfg_attr(test, derive(Debug, PartialEq, Eq))]
pub(crate) enum Part {
    /// Text; never empty.
    Text(String),
    /// A call of a tool that was offered.
    Call(Call),
}

/// A call as the model wrote it.
#[cfg_attr(test, derive(Debug, PartialEq, Eq))]
pub(crate) struct Call {
    pub(crate) name: String,
    /// A JSON object, in which placeholders may stand bare.
    pub(crate) arguments: Zeroizing<String>,
}

/// Reads one answer.
pub(crate) struct Parser {
    format: ToolFormat,
    names: Arc<[String]>,
    state: State,
    /// What is not decided yet.
    held: Zeroizing<String>,
}

enum State {
    /// Nothing but white space yet: the answer may be a bare call.
    Start,
    Text,
    /// A call was opened: it takes up `at` bytes of what is held so far.
    Opened {
        at: usize,
    },
    /// Within the JSON of a call, which begins at `from` and was read to `at`.
    Json {
        from: usize,
        at: usize,
        scan: Scan,
        name: Option<String>,
    },
    /// A call has ended.
    After {
        bare: bool,
    },
}

/// Reads an answer that comes in pieces as the path does, for a model with this chat template: its text, and its calls of the
/// tools in `names` as name and arguments. Nothing is masked or restored.
pub fn read_calls<'a>(
    template: &str,
    names: &[&str],
    pieces: impl IntoIterator<Item = &'a str>,
) -> (String, Vec<(String, String)>) {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut parser = Parser::new(ToolFormat::of(template), names.into());
    let mut parts: Vec<Part> = pieces.into_iter().flat_map(|piece| parser.push(piece)).collect();
    parts.extend(parser.finish());
    let (mut text, mut calls) = (String::new(), Vec::new());
    for part in parts {
        match part {
            Part::Text(piece) => text.push_str(&piece),
            Part::Call(call) => calls.push((call.name, call.arguments.as_str().to_owned())),
        }
    }
    (text, calls)
}

/// What to do next.
enum Next {
    /// Wait for more.
    Wait,
    /// Go on.
    Go,
}

impl Parser {
    pub(crate) fn new(format: ToolFormat, names: Arc<[String]>) -> Self {
        Self { format, names, state: State::Start, held: Zeroizing::default() }
    }

    /// Takes a piece of the answer; gives what is certain by now.
    pub(crate) fn push(&mut self, piece: &str) -> Vec<Part> {
        self.held.push_str(piece);
        let mut parts = Vec::new();
        while let Next::Go = self.step(&mut parts) {}
        parts
    }

    /// Ends the answer: a call that is not whole is text.
    pub(crate) fn finish(&mut self) -> Vec<Part> {
        let mut parts = Vec::new();
        // The beginning of the tag that closes the call before says nothing.
        if !matches!(self.state, State::After { .. }) || !CLOSE.starts_with(self.held.as_str()) {
            self.release(self.held.len(), &mut parts);
        }
        parts
    }

    fn step(&mut self, parts: &mut Vec<Part>) -> Next {
        if self.held.is_empty() {
            return Next::Wait;
        }
        match &mut self.state {
            State::Start => self.start(),
            State::Text => self.text(parts),
            State::Opened { at } => {
                let at = *at;
                self.opened(at, parts)
            }
            State::Json { .. } => self.json(parts),
            State::After { bare } => {
                let bare = *bare;
                self.after(bare)
            }
        }
    }

    fn start(&mut self) -> Next {
        self.state = match self.format.takes_bare().then(|| bare_start(&self.held)) {
            Some(Bare::Maybe) => return Next::Wait,
            Some(Bare::At(from)) => State::Json { from, at: from, scan: Scan::default(), name: None },
            Some(Bare::No) | None => State::Text,
        };
        Next::Go
    }

    fn text(&mut self, parts: &mut Vec<Part>) -> Next {
        let openers = self.format.openers();
        let first = openers.iter().filter_map(|open| self.held.find(open).map(|at| (at, open.len()))).min();
        let Some((at, length)) = first else {
            let live = openers.iter().map(|open| live_prefix(&self.held, open)).max().unwrap_or(0);
            let certain = self.held.len().saturating_sub(live);
            let certain = self.held.get(..certain).map_or(0, |text| text.trim_end().len());
            self.release(certain, parts);
            return Next::Wait;
        };
        // White space before a call belongs to it.
        let before = self.held.get(..at).map_or(0, |text| text.trim_end().len());
        self.release(before, parts);
        self.state = State::Opened { at: at.saturating_sub(before).saturating_add(length) };
        Next::Go
    }

    /// After what opens a call: JSON, or a name and then JSON.
    fn opened(&mut self, at: usize, parts: &mut Vec<Part>) -> Next {
        let Some(rest) = self.held.get(at..) else { return Next::Wait };
        let body = rest.trim_start();
        let from = at.saturating_add(rest.len().saturating_sub(body.len()));
        let named = match body.chars().next() {
            None if self.held.len() <= CALL_BYTES_MAX => return Next::Wait,
            Some('{' | '[') => Named::At(0, None),
            Some(_) if self.format == ToolFormat::Mistral => name_before(body),
            _ => Named::No,
        };
        match named {
            Named::Maybe => return Next::Wait,
            Named::No => {
                self.state = State::Text;
                self.release(at, parts);
            }
            Named::At(skip, name) => {
                let from = from.saturating_add(skip);
                self.state = State::Json { from, at: from, scan: Scan::default(), name };
            }
        }
        Next::Go
    }

    fn json(&mut self, parts: &mut Vec<Part>) -> Next {
        let State::Json { from, at, scan, name } = &mut self.state else { return Next::Go };
        let mut ended = None;
        for (offset, c) in self.held.get(*at..).unwrap_or_default().char_indices() {
            let place = at.saturating_add(offset);
            match scan.step(c) {
                Seen::More if place < CALL_BYTES_MAX => {}
                Seen::More => ended = Some((place.saturating_add(c.len_utf8()), false)),
                Seen::Done => ended = Some((place.saturating_add(c.len_utf8()), true)),
                // Whatever stands here may open a call of its own.
                Seen::Bad => ended = Some((place, false)),
            }
            if ended.is_some() {
                break;
            }
        }
        let Some((end, whole)) = ended else {
            *at = self.held.len();
            return Next::Wait;
        };
        let text = self.held.get(*from..end).filter(|_| whole).unwrap_or_default();
        let calls = match name.take() {
            Some(name) => one(name, text).map(|call| vec![call]),
            None => calls(text),
        };
        let known = |call: &Call| self.names.contains(&call.name);
        match calls.filter(|calls| !calls.is_empty() && calls.iter().all(known)) {
            Some(calls) => {
                // What follows a bare call may be one too, and whatever opened the first of Llama's.
                let bare = self.format == ToolFormat::Llama3
                    || self.held.get(..*from).is_some_and(|before| before.trim().is_empty());
                self.held.drain(..end);
                parts.extend(calls.into_iter().map(Part::Call));
                self.state = State::After { bare };
            }
            None => {
                self.state = State::Text;
                self.release(end, parts);
            }
        }
        Next::Go
    }

    /// After a call: what closes it, white space, and where calls stand bare, another.
    fn after(&mut self, bare: bool) -> Next {
        let skipped = |c: char| c.is_whitespace() || bare && matches!(c, ';' | ',');
        let blank = self.held.len().saturating_sub(self.held.trim_start_matches(skipped).len());
        self.held.drain(..blank);
        if self.held.is_empty() {
            return Next::Wait;
        }
        if self.held.starts_with(CLOSE) {
            self.held.drain(..CLOSE.len());
        } else if CLOSE.starts_with(self.held.as_str()) {
            return Next::Wait;
        } else if bare && let Bare::At(from) = bare_start(&self.held) {
            self.state = State::Json { from, at: from, scan: Scan::default(), name: None };
        } else if bare && matches!(bare_start(&self.held), Bare::Maybe) {
            return Next::Wait;
        } else {
            self.state = State::Text;
        }
        Next::Go
    }

    /// Gives the first `bytes` of what is held as text.
    fn release(&mut self, bytes: usize, parts: &mut Vec<Part>) {
        let text: String = self.held.drain(..bytes).collect();
        match parts.last_mut() {
            _ if text.is_empty() => {}
            Some(Part::Text(last)) => last.push_str(&text),
            _ => parts.push(Part::Text(text)),
        }
    }
}

/// Whether a text begins with a call that nothing opens.
enum Bare {
    At(usize),
    Maybe,
    No,
}

/// An object whose first key is one of a call's.
fn bare_start(text: &str) -> Bare {
    const KEYS: [&str; 5] = ["name\"", "type\"", "function\"", "parameters\"", "arguments\""];
    let body = text.trim_start();
    let Some(inside) = body.strip_prefix('{') else {
        return if body.is_empty() { Bare::Maybe } else { Bare::No };
    };
    let inside = inside.trim_start();
    let Some(key) = inside.strip_prefix('"') else {
        return if inside.is_empty() { Bare::Maybe } else { Bare::No };
    };
    if KEYS.iter().any(|known| key.starts_with(known)) {
        Bare::At(text.len().saturating_sub(body.len()))
    } else if KEYS.iter().any(|known| known.starts_with(key)) {
        Bare::Maybe
    } else {
        Bare::No
    }
}

/// Whether a name stands before the JSON of a call, and where the JSON begins.
enum Named {
    At(usize, Option<String>),
    Maybe,
    No,
}

/// `name{…}`, `name[ARGS]{…}` or `name[CALL_ID]id[ARGS]{…}`.
fn name_before(body: &str) -> Named {
    const ID: &str = "[CALL_ID]";
    const ARGS: &str = "[ARGS]";
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let after = body.trim_start_matches(is_name);
    let name = body.get(..body.len().saturating_sub(after.len())).unwrap_or_default();
    if name.is_empty() || name.len() > 64 {
        return Named::No;
    }
    let after = after.strip_prefix(ID).map_or(after, |id| id.trim_start_matches(is_name));
    let json = after.strip_prefix(ARGS).unwrap_or(after).trim_start();
    let live = |mark: &str| mark.starts_with(after);
    if json.starts_with('{') {
        Named::At(body.len().saturating_sub(json.len()), Some(name.to_owned()))
    } else if (json.is_empty() || live(ID) || live(ARGS)) && body.len() < 256 {
        Named::Maybe
    } else {
        Named::No
    }
}

/// Where a JSON object or list ends.
#[derive(Default)]
struct Scan {
    depth: u32,
    string: bool,
    escape: bool,
    placeholder: bool,
}

enum Seen {
    More,
    Done,
    /// Nothing that begins so is JSON.
    Bad,
}

impl Scan {
    fn step(&mut self, c: char) -> Seen {
        if self.string {
            self.string = c != '"' || self.escape;
            self.escape = c == '\\' && !self.escape;
            return Seen::More;
        }
        if self.placeholder {
            self.placeholder = c != '⟧';
            return Seen::More;
        }
        match c {
            '"' => self.string = true,
            '⟦' => self.placeholder = true,
            '{' | '[' => self.depth = self.depth.saturating_add(1),
            '}' | ']' => {
                self.depth = self.depth.saturating_sub(1);
                if self.depth == 0 {
                    return Seen::Done;
                }
            }
            ',' | ':' | '+' | '-' | '.' => {}
            _ if c.is_ascii_alphanumeric() || matches!(c, ' ' | '\t' | '\n' | '\r') => {}
            _ => return Seen::Bad,
        }
        if self.depth > DEPTH_MAX { Seen::Bad } else { Seen::More }
    }
}

/// A call in JSON; `function` is OpenAI's own shape.
#[derive(Deserialize)]
struct Written<'a> {
    name: Option<String>,
    #[serde(borrow, alias = "parameters")]
    arguments: Option<&'a RawValue>,
    #[serde(borrow)]
    function: Option<Box<Written<'a>>>,
}

/// The calls in a JSON object or list; `None` when it is something else.
fn calls(text: &str) -> Option<Vec<Call>> {
    let text = quoted(text);
    if text.starts_with('[') {
        let list: Vec<Written<'_>> = serde_json::from_str(&text).ok()?;
        return list.into_iter().map(written).collect();
    }
    Some(vec![written(serde_json::from_str(&text).ok()?)?])
}

fn written(call: Written<'_>) -> Option<Call> {
    match call {
        Written { function: Some(function), name: None, arguments: None } => written(*function),
        Written { function: None, name: Some(name), arguments } => {
            one(name, arguments.map_or("{}", RawValue::get))
        }
        _ => None,
    }
}

/// A call whose arguments are an object, or a string that holds one.
fn one(name: String, arguments: &str) -> Option<Call> {
    let arguments = match serde_json::from_str::<String>(arguments) {
        Ok(inner) => quoted(inner.trim()),
        Err(_) => quoted(arguments.trim()),
    };
    let arguments = if arguments.as_str() == "null" { Zeroizing::new("{}".to_owned()) } else { arguments };
    serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&arguments).ok()?;
    Some(Call { name, arguments })
}

#[cfg(test)]
#[path = "parser_tests.rs"]
mod tests;
