//! Grammars over the vocabulary: which tokens may come next so that the text still matches.
//!
//! `llguidance` does the matching, over a trie of what each token adds to a text. Control tokens add nothing, so no text of
//! a grammar becomes one.

use std::{collections::HashMap, panic::AssertUnwindSafe, sync::Arc, sync::mpsc, time::Duration};

use llguidance::{
    Matcher, ParserFactory, api::TopLevelGrammar, earley::SlicedBiasComputer, panic_utils,
    toktrie::ApproximateTokEnv, toktrie::InferenceCapabilities, toktrie::TokEnv, toktrie::TokRxInfo,
    toktrie::TokTrie,
};
use serde_json::{Value, json};

use crate::{Error, Tokenizer, schema, vocabulary::Kind};

/// Longest grammar or regular expression, in bytes.
pub const GRAMMAR_BYTES_MAX: usize = 32 << 10;
/// Most choices of one list.
pub const CHOICES_MAX: usize = 1000;
/// Longest a grammar may take to be made ready: what bounds its size bounds this to far less.
const COMPILE_TIME_MAX: Duration = Duration::from_secs(5);
/// Stack of the thread that makes a grammar ready; `schema::DEPTH_MAX` is what it has to hold.
const COMPILE_STACK_BYTES: usize = 32 << 20;
/// Longest token that a grammar may use, in bytes: a trie is as deep as its longest word.
const TOKEN_BYTES_MAX: usize = 256;
/// Symbols in the rules of a grammar.
const SYMBOLS_MAX: usize = 100_000;
/// States of one grammar's lexer, of 1 to 2 KiB each.
const LEXER_STATES_MAX: usize = 50_000;
/// In front of a control token's name in the trie; in no UTF-8 text.
const CONTROL_MARK: u8 = 0xFF;

/// What a generated text shall match from its first byte to its last.
#[derive(Debug, Clone, Copy)]
pub enum Grammar<'a> {
    /// Any JSON object.
    JsonObject,
    /// JSON by a schema; see [`schema_in_lark`](crate::schema_in_lark) for what is understood.
    JsonSchema(&'a Value),
    /// A regular expression (Rust's syntax; no look-around, no back-references).
    Regex(&'a str),
    /// One of these texts.
    Choice(&'a [String]),
    /// A grammar from anyone, in llguidance's Lark: rules, terminals, strings, regular expressions, `%import common`,
    /// `%ignore`. No token ids, no control tokens, no nested schemas.
    Lark(&'a str),
    /// A grammar of our own making, in all of llguidance's Lark.
    TrustedLark {
        /// The grammar.
        text: &'a str,
        /// Control tokens that it may use, written `<name>` or `<[id]>`.
        control: &'a [u32],
    },
}

/// What all grammars of one vocabulary share.
pub(crate) struct Grammars {
    factory: ParserFactory,
    words: Arc<Words>,
}

/// Token ids as a grammar knows them.
struct Words {
    /// Stands for the end of the text: the id after the last of the vocabulary.
    end: u32,
    /// Ids that end a generation, ascending.
    ends: Vec<u32>,
    /// Ids that add the same bytes as another, with that one, which stands for both; ascending.
    twins: Vec<(u32, u32)>,
    /// Bits of the ids that are text.
    text: Vec<u32>,
}

/// How far a text has come in a grammar. Clones go on independently, and share what was computed of the grammar.
#[derive(Clone)]
pub struct GrammarState {
    matcher: Matcher,
    words: Arc<Words>,
    /// Bits of the ids that the grammar may use.
    usable: Arc<Vec<u32>>,
}

impl Tokenizer {
    /// Makes a grammar ready. The first one of a tokenizer takes longer: the vocabulary is sorted for it.
    ///
    /// It takes up to five seconds of this thread's time (one that may block) and of another's.
    ///
    /// # Errors
    /// [`Error::Schema`] names the place in a schema; [`Error::Grammar`] says what is wrong with anything else: its syntax,
    /// its size, or that it takes too much to be followed.
    pub fn grammar(&self, grammar: &Grammar<'_>) -> Result<GrammarState, Error> {
        let grammars = self.grammars.get_or_init(|| Grammars::new(self).map(Arc::new));
        let unusable = || wrong("the model's vocabulary cannot be held to a grammar");
        grammars.as_ref().ok_or_else(unusable)?.compile(grammar)
    }
}

impl Grammars {
    fn new(tokenizer: &Tokenizer) -> Option<Self> {
        let (words, trie) = Words::new(tokenizer)?;
        let environment: TokEnv = Arc::new(ApproximateTokEnv::new(trie));
        let slices = SlicedBiasComputer::general_slices();
        let mut factory = ParserFactory::new(&environment, InferenceCapabilities::default(), &slices).ok()?;
        factory.quiet();
        let limits = factory.limits_mut();
        limits.max_grammar_size = SYMBOLS_MAX;
        limits.max_lexer_states = LEXER_STATES_MAX;
        limits.verbose_errors = false;
        Some(Self { factory, words: Arc::new(words) })
    }

    fn compile(self: &Arc<Self>, grammar: &Grammar<'_>) -> Result<GrammarState, Error> {
        let top = top_level(grammar)?;
        let mut usable = self.words.text.clone();
        if let Grammar::TrustedLark { control, .. } = grammar {
            control.iter().for_each(|id| set(&mut usable, *id));
        }
        let (sender, receiver) = mpsc::sync_channel(1);
        let grammars = Arc::clone(self);
        let work = move || {
            let made = panic_utils::catch_unwind(AssertUnwindSafe(|| grammars.factory.create_parser(top)));
            // Nobody waits any more when it took too long.
            let _ = sender.send(made.map(|parser| Matcher::new(Ok(parser))));
        };
        let thread = std::thread::Builder::new().name("grammar".to_owned()).stack_size(COMPILE_STACK_BYTES);
        thread.spawn(work).map_err(|_| wrong("cannot be compiled: the system gives no thread"))?;
        let matcher = match receiver.recv_timeout(COMPILE_TIME_MAX) {
            Ok(Ok(matcher)) => matcher,
            Ok(Err(error)) => return Err(refusal(grammar, &error.to_string())),
            Err(_) => return Err(wrong(TOO_COMPLEX)),
        };
        if matcher.is_error() {
            return Err(wrong(TOO_COMPLEX));
        }
        Ok(GrammarState { matcher, words: Arc::clone(&self.words), usable: Arc::new(usable) })
    }
}

impl Words {
    /// The trie has one word for each id, and one more for the end of the text.
    fn new(tokenizer: &Tokenizer) -> Option<(Self, TokTrie)> {
        let count = tokenizer.vocab_len();
        let end = u32::try_from(count).ok()?;
        let mut words: Vec<Vec<u8>> = Vec::with_capacity(count + 1);
        let mut text = vec![0; count.div_ceil(32)];
        let mut twins = Vec::new();
        let mut first: HashMap<&[u8], u32> = HashMap::with_capacity(count);
        // A byte that has a token of its own and is a piece as well is written as the piece.
        let is_byte = |id: &u32| tokenizer.kinds.get(*id as usize) == Some(&Kind::Byte);
        let (bytes, pieces): (Vec<u32>, Vec<u32>) = (0..end).partition(is_byte);
        words.resize(count, Vec::new());
        for id in pieces.into_iter().chain(bytes) {
            let (Some(word), Some(kind)) = (words.get_mut(id as usize), tokenizer.kinds.get(id as usize))
            else {
                continue;
            };
            if kind.is_control() {
                let name = tokenizer.token_text(id).unwrap_or_default();
                word.push(CONTROL_MARK);
                word.extend_from_slice(name.as_bytes());
                word.truncate(TOKEN_BYTES_MAX);
                continue;
            }
            let adds: &[u8] = tokenizer.bytes.get(id as usize).map_or(&[], |bytes| bytes);
            let fits = !adds.is_empty() && adds.len() <= TOKEN_BYTES_MAX && !adds.contains(&CONTROL_MARK);
            if !fits || *kind == Kind::Unused {
                continue;
            }
            set(&mut text, id);
            match first.get(adds) {
                Some(same) => twins.push((id, *same)),
                None => {
                    first.insert(adds, id);
                    word.extend_from_slice(adds);
                }
            }
        }
        words.push([&[CONTROL_MARK], b"<end of text>".as_slice()].concat());
        unique_controls(&mut words);
        twins.sort_unstable();
        let trie = TokTrie::from(&TokRxInfo::new(end.checked_add(1)?, end), &words);
        Some((Self { end, ends: tokenizer.end_of_generation.clone(), twins, text }, trie))
    }
}

/// Names cut to the same length may be the same; only the first keeps its place in the trie.
fn unique_controls(words: &mut [Vec<u8>]) {
    let mut seen = std::collections::HashSet::new();
    for word in words.iter_mut().filter(|word| word.first() == Some(&CONTROL_MARK)) {
        if !seen.insert(word.clone()) {
            word.clear();
        }
    }
}

impl GrammarState {
    /// Sets the bits of the ids that may come next: id `i` is bit `i % 32` of word `i / 32`; ids that have no word are left
    /// out. Where the text may end, the ids that end a generation are among them.
    ///
    /// # Errors
    /// [`Error::GrammarState`] when it takes more than is allowed.
    pub fn allow(&mut self, words: &mut [u32]) -> Result<(), Error> {
        let mask = self.matcher.compute_mask_or_eos().map_err(|_| Error::GrammarState)?;
        for ((word, allowed), usable) in words.iter_mut().zip(mask.as_slice()).zip(self.usable.iter()) {
            *word |= allowed & usable;
        }
        for (id, same) in &self.words.twins {
            if mask.get(*same as usize) {
                set(words, *id);
            }
        }
        if mask.get(self.words.end as usize) {
            self.words.ends.iter().for_each(|id| set(words, *id));
        }
        Ok(())
    }

    /// Takes the next token. True when nothing may follow it.
    ///
    /// # Errors
    /// [`Error::GrammarState`] when it is not allowed here; the state is of no use afterwards.
    pub fn accept(&mut self, id: u32) -> Result<bool, Error> {
        let twins = &self.words.twins;
        let same = twins.binary_search_by_key(&id, |(id, _)| *id).ok().and_then(|at| twins.get(at));
        let id = match (same, self.words.ends.binary_search(&id)) {
            (Some((_, same)), _) => *same,
            (None, Ok(_)) => self.words.end,
            (None, Err(_)) => id,
        };
        self.matcher.consume_token(id).map_err(|_| Error::GrammarState)?;
        Ok(self.matcher.is_stopped())
    }

    /// Whether the text may end here.
    ///
    /// # Errors
    /// As [`GrammarState::allow`].
    pub fn may_end(&mut self) -> Result<bool, Error> {
        self.matcher.is_accepting().map_err(|_| Error::GrammarState)
    }
}

fn set(words: &mut [u32], id: u32) {
    if let Some(word) = words.get_mut(id as usize / 32) {
        *word |= 1 << (id % 32);
    }
}

/// What llguidance compiles.
fn top_level(grammar: &Grammar<'_>) -> Result<TopLevelGrammar, Error> {
    let bounded = |text: &str| match text.len() {
        0 => Err(wrong("is empty")),
        bytes if bytes > GRAMMAR_BYTES_MAX => {
            Err(wrong(&format!("has {bytes} bytes, more than the {GRAMMAR_BYTES_MAX} that are allowed")))
        }
        _ => Ok(()),
    };
    match grammar {
        Grammar::JsonObject => {
            Ok(TopLevelGrammar::from_json_schema(schema::plain(json!({"type": "object"}))))
        }
        Grammar::JsonSchema(value) => Ok(TopLevelGrammar::from_json_schema(schema::prepare(value)?)),
        Grammar::Regex(pattern) => bounded(pattern).map(|()| TopLevelGrammar::from_regex(pattern)),
        Grammar::Choice(choices) => Ok(TopLevelGrammar::from_lark(one_of(choices)?)),
        Grammar::Lark(text) => {
            bounded(text)?;
            plain_lark(text)?;
            Ok(TopLevelGrammar::from_lark((*text).to_owned()))
        }
        Grammar::TrustedLark { text, .. } => Ok(TopLevelGrammar::from_lark((*text).to_owned())),
    }
}

/// A list of texts as a grammar; a string of Lark is written as one of JSON.
fn one_of(choices: &[String]) -> Result<String, Error> {
    let bytes: usize = choices.iter().map(String::len).sum();
    if choices.is_empty() || choices.len() > CHOICES_MAX || bytes > GRAMMAR_BYTES_MAX {
        return Err(wrong(&format!(
            "must hold 1 to {CHOICES_MAX} texts of together at most {GRAMMAR_BYTES_MAX} bytes"
        )));
    }
    if choices.iter().any(String::is_empty) {
        return Err(wrong("holds an empty text"));
    }
    let quoted = choices.iter().map(|choice| Value::from(choice.as_str()).to_string());
    Ok(format!("start: {}", quoted.collect::<Vec<_>>().join(" | ")))
}

/// A caller's grammar describes text and nothing else.
fn plain_lark(text: &str) -> Result<(), Error> {
    if text.contains("::=") {
        return Err(wrong("is in another notation (`::=`); write it in Lark: `start: …`"));
    }
    let known = ["%ignore", "%import common"];
    let directive =
        |line: &str| line.contains('%') && !known.iter().any(|known| line.trim_start().starts_with(known));
    if text.lines().any(|line| line.trim_start().starts_with('%') && directive(line))
        || ["%json", "%lark", "%llguidance", "%regex"].iter().any(|word| text.contains(word))
    {
        return Err(wrong("uses a directive other than `%ignore` and `%import common`; leave it out"));
    }
    Ok(())
}

const TOO_COMPLEX: &str = "is too complex to be followed; make it smaller, or less nested";

/// What llguidance says may hold text of the grammar; only what is known not to is passed on.
fn refusal(grammar: &Grammar<'_>, said: &str) -> Error {
    let has = |part: &str| said.contains(part);
    let in_schema = |what: &str| Error::Schema { pointer: String::new(), what: what.to_owned() };
    match grammar {
        Grammar::JsonObject | Grammar::JsonSchema(_) if has("oneOf") => in_schema(
            "the alternatives of a oneOf are not certain to exclude each other; give each a required property with \
             another const, or use anyOf",
        ),
        Grammar::JsonObject | Grammar::JsonSchema(_) if has("min/maxProperties") => in_schema(
            "minProperties and maxProperties are understood only where every property is required; leave them out",
        ),
        Grammar::JsonObject | Grammar::JsonSchema(_) if has("nsatisfiable") => {
            in_schema("no value can match it; look for bounds or types that contradict each other")
        }
        Grammar::JsonObject | Grammar::JsonSchema(_) => in_schema(TOO_COMPLEX),
        _ if has("fuel") || has("too large") || has("too many") || has("too complex") => wrong(TOO_COMPLEX),
        Grammar::Regex(_) => wrong("is no regular expression that is understood; look-around is not"),
        _ => wrong(&format!("is no Lark grammar that is understood{}", line_of(said))),
    }
}

/// ` (line 3)`, where the message begins with a place.
fn line_of(said: &str) -> String {
    let number = said.split(['(', ':']).find_map(|part| part.trim().parse::<u32>().ok());
    number.map(|line| format!(" (line {line})")).unwrap_or_default()
}

fn wrong(what: &str) -> Error {
    Error::Grammar { what: what.to_owned() }
}
