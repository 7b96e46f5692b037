//! What a model thinks before it answers, where its template knows the tags for it: told apart from the answer.

use engine::{MaskFault, TokenMask};
use tokenizer::Tokenizer;
use zeroize::Zeroizing;

use crate::stop::live_prefix;

/// What begins and what ends a thought, in the templates of DeepSeek-R1, Qwen3, SmolLM3 and others.
const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";

/// How many of a prompt's last tokens may hold the tag that the template ended it with.
const TAIL_TOKENS: usize = 16;

/// How a conversation's answer begins, for a model that thinks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Thinking {
    /// It may begin with a thought.
    Possible,
    /// The prompt ends within one.
    Begun,
}

impl Thinking {
    /// As the template and the end of the prompt have it; `None` where there will be no thought.
    pub(crate) fn of(template: &str, tokenizer: &Tokenizer, prompt: &[u32]) -> Option<Self> {
        if !template.contains(CLOSE) {
            return None;
        }
        let tail = prompt.iter().skip(prompt.len().saturating_sub(TAIL_TOKENS));
        let mut text = Zeroizing::new(String::new());
        for &id in tail {
            match tokenizer.token_text(id).filter(|name| is_tag(name)) {
                Some(tag) => text.push_str(tag),
                None => text.push_str(&String::from_utf8_lossy(&tokenizer.token_bytes(id))),
            }
        }
        let text = text.trim_end();
        if text.ends_with(CLOSE) {
            return None;
        }
        Some(if text.ends_with(OPEN) { Self::Begun } else { Self::Possible })
    }
}

fn is_tag(name: &str) -> bool {
    name == OPEN || name == CLOSE
}

/// A piece of what was said.
#[derive(PartialEq, Eq)]
#[cfg_attr(test, derive(Debug, Clone))]
pub(crate) enum Said {
    Thought(String),
    Answer(String),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing but space has come.
    Start,
    /// A thought of which nothing but space has come.
    Begun,
    Thinking,
    /// Between a thought and the answer's first letter.
    After,
    Answering,
}

/// Tells thoughts from the answer in a stream that may be cut anywhere. Tags, and the space around them, are neither's.
pub(crate) struct Thoughts {
    state: State,
    held: Zeroizing<String>,
}

impl Thoughts {
    pub(crate) fn new(thinking: Thinking) -> Self {
        let state = match thinking {
            Thinking::Possible => State::Start,
            Thinking::Begun => State::Begun,
        };
        Self { state, held: Zeroizing::default() }
    }

    /// Whether all that comes is the answer's.
    pub(crate) fn is_over(&self) -> bool {
        self.state == State::Answering
    }

    /// The text of a control token that is a tag.
    pub(crate) fn mark(name: &str) -> Option<&str> {
        Some(name).filter(|name| is_tag(name))
    }

    /// Takes the next piece of text.
    pub(crate) fn push(&mut self, text: &str) -> Vec<Said> {
        self.held.push_str(text);
        let mut said = Vec::new();
        while self.step(&mut said) {}
        said
    }

    /// The end of the stream: a tag that was never whole is text.
    pub(crate) fn finish(&mut self) -> Vec<Said> {
        let rest = self.take(self.held.len());
        let said = match self.state {
            State::Thinking => Said::Thought(rest.trim_end().to_owned()),
            State::Start if !rest.trim().is_empty() => Said::Answer(rest),
            State::Begun if !rest.trim().is_empty() => Said::Thought(rest.trim().to_owned()),
            _ => return Vec::new(),
        };
        vec![said]
    }

    /// One change of state, as far as what is held decides it.
    fn step(&mut self, said: &mut Vec<Said>) -> bool {
        let space = self.held.len().saturating_sub(self.held.trim_start().len());
        let letters = self.held.trim_start();
        let before = self.state;
        match self.state {
            State::Start if letters.starts_with(OPEN) => {
                self.take(space.saturating_add(OPEN.len()));
                self.state = State::Begun;
            }
            State::Start if OPEN.starts_with(letters) => {}
            State::Begun if !letters.is_empty() => {
                self.take(space);
                self.state = State::Thinking;
            }
            State::Begun => {}
            State::Thinking => self.think(said),
            State::After if letters.is_empty() => {}
            State::Start | State::After | State::Answering => {
                if self.state == State::After {
                    self.take(space);
                }
                self.state = State::Answering;
                let text = self.take(self.held.len());
                said.extend((!text.is_empty()).then_some(Said::Answer(text)));
            }
        }
        self.state != before
    }

    /// Gives what is surely of the thought: not the space at its end, nor what may become the tag.
    fn think(&mut self, said: &mut Vec<Said>) {
        let (end, closed) = match self.held.find(CLOSE) {
            Some(at) => (at, true),
            None => (self.held.len().saturating_sub(live_prefix(&self.held, CLOSE)), false),
        };
        let sure = self.held.get(..end).unwrap_or_default().trim_end().len();
        let thought = self.take(sure);
        said.extend((!thought.is_empty()).then_some(Said::Thought(thought)));
        if closed {
            self.take(end.saturating_sub(sure).saturating_add(CLOSE.len()));
            self.state = State::After;
        }
    }

    fn take(&mut self, bytes: usize) -> String {
        let rest = Zeroizing::new(self.held.get(bytes..).unwrap_or_default().to_owned());
        let taken = self.held.get(..bytes).unwrap_or_default().to_owned();
        self.held = rest;
        taken
    }
}

/// Ends a thought after so many tokens: then nothing but the tag that closes it may come. It holds the answer to nothing.
#[derive(Clone)]
pub(crate) struct Budget {
    open: u32,
    close: u32,
    left: u32,
    thinking: bool,
}

impl Budget {
    /// `None` where the vocabulary has no token for each tag.
    pub(crate) fn new(tokenizer: &Tokenizer, thinking: Thinking, tokens: u32) -> Option<Self> {
        let (open, close) = (tokenizer.token_id(OPEN)?, tokenizer.token_id(CLOSE)?);
        Some(Self { open, close, left: tokens, thinking: thinking == Thinking::Begun })
    }
}

impl TokenMask for Budget {
    fn allow(&mut self, words: &mut [u32]) -> Result<(), MaskFault> {
        if !(self.thinking && self.left == 0) {
            words.fill(u32::MAX);
            return Ok(());
        }
        let word = words.get_mut(self.close as usize / 32).ok_or(MaskFault)?;
        *word |= 1 << (self.close % 32);
        Ok(())
    }

    fn accept(&mut self, id: u32) -> Result<bool, MaskFault> {
        if !self.thinking {
            self.thinking = id == self.open;
        } else if id == self.close {
            self.thinking = false;
        } else {
            self.left = self.left.saturating_sub(1);
        }
        Ok(false)
    }

    fn fork(&self) -> Box<dyn TokenMask> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn whole(thinking: Thinking, pieces: &[&str]) -> (String, String) {
        let mut thoughts = Thoughts::new(thinking);
        let mut all: Vec<Said> = pieces.iter().flat_map(|piece| thoughts.push(piece)).collect();
        all.extend(thoughts.finish());
        let (mut thought, mut answer) = (String::new(), String::new());
        for said in all {
            match said {
                Said::Thought(text) => {
                    assert!(answer.is_empty(), "a thought after the answer has begun");
                    thought.push_str(&text);
                }
                Said::Answer(text) => answer.push_str(&text),
            }
        }
        (thought, answer)
    }

    #[test]
    fn thoughts_stand_before_the_answer_and_without_their_tags() {
        use Thinking::{Begun, Possible};
        for (thinking, text, thought, answer) in [
            (Possible, "<think>\nHm.\n\nJa.\n</think>\n\nAntwoord.\n", "Hm.\n\nJa.", "Antwoord.\n"),
            (Possible, "\n<think>\n\n</think>\n\nAntwoord.", "", "Antwoord."),
            (Possible, " Antwoord met <think> erin</think>.", "", " Antwoord met <think> erin</think>."),
            (Possible, "<thin ijs", "", "<thin ijs"),
            (Possible, "<thi", "", "<thi"),
            (Begun, "\nHm.</think>Antwoord <think>.", "Hm.", "Antwoord <think>."),
            (Begun, "Hm, nooit uit </thin", "Hm, nooit uit </thin", ""),
            (Begun, "</think>\n", "", ""),
            (Possible, "  ", "", ""),
        ] {
            assert_eq!(whole(thinking, &[text]), (thought.to_owned(), answer.to_owned()), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn where_a_stream_is_cut_changes_nothing(
            pieces in prop::collection::vec(
                prop_oneof![Just("<think>"), Just("</think>"), Just("<"), Just("/think>"), Just("\n"), Just(" "), Just("é"), Just("a")],
                0..12,
            ),
            begun in any::<bool>(),
        ) {
            let thinking = if begun { Thinking::Begun } else { Thinking::Possible };
            let text = pieces.concat();
            let letters: Vec<String> = text.chars().map(String::from).collect();
            let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
            prop_assert_eq!(whole(thinking, &letters), whole(thinking, &[&text]));
        }
    }

    #[test]
    fn a_budget_that_is_spent_leaves_the_closing_tag_alone() {
        let mut budget = Budget { open: 3, close: 40, left: 2, thinking: false };
        let allowed = |budget: &mut Budget| {
            let mut words = [0; 2];
            budget.allow(&mut words).unwrap();
            words
        };
        for id in [3, 9, 9] {
            assert_eq!(allowed(&mut budget), [u32::MAX; 2]);
            assert_eq!(budget.accept(id), Ok(false));
        }
        assert_eq!(allowed(&mut budget), [0, 1 << 8]);
        budget.accept(40).unwrap();
        assert_eq!(allowed(&mut budget), [u32::MAX; 2]);
    }
}
