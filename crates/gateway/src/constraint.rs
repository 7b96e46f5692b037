//! What an answer is held to: the caller's constraint, made ready for this model's vocabulary.

use std::sync::Arc;

use engine::{MaskFault, TokenMask};
use provenance::Stage;
use tokenizer::{Grammar, GrammarState, Tokenizer};

use crate::clear::Cleared;
use crate::deny;
use crate::gateway::Gateway;
use crate::refusal::Refusal;
use crate::request::{Constrained, Constraint};
use crate::tools::{CallGrammar, Tools, grammar};

/// A constraint that is ready.
pub(crate) struct Held {
    state: GrammarState,
    /// Every answer is one JSON value.
    pub(crate) json: bool,
}

impl Held {
    /// The grammar at its start, for one choice.
    pub(crate) fn mask(&self) -> Box<dyn TokenMask> {
        Box::new(Mask(self.state.clone()))
    }
}

/// Takes the request's constraint and makes it ready, off the threads that serve. One that cannot be held is refused, and
/// the refusal is sealed.
pub(crate) async fn compile(gateway: &Gateway, cleared: &mut Cleared) -> Result<Option<Held>, Refusal> {
    let held = match wanted(cleared) {
        Ok(None) => return Ok(None),
        Ok(Some(constrained)) => ready(gateway, cleared, constrained).await,
        Err(refusal) => Err(refusal),
    };
    match held {
        Ok(held) => Ok(Some(held)),
        Err(refusal) => {
            let record = cleared.entered().record.clone();
            Err(deny::seal_refusal(gateway, record, Stage::Submit, "constraint-unusable", refusal).await)
        }
    }
}

/// What the caller asks, or the call that the choice among tools forces: not both.
fn wanted(cleared: &mut Cleared) -> Result<Option<Constrained>, Refusal> {
    let asked = cleared.take_constraint();
    let offered = cleared.tools().is_some_and(Tools::offered);
    match asked {
        None => forced(cleared),
        Some(Constrained { field, .. }) if offered => Err(Refusal::Invalid {
            field: field.to_owned(),
            reason: "cannot hold an answer that may be a call of a tool; send tool_choice \"none\" with it, or leave out the tools"
                .to_owned(),
        }),
        asked => Ok(asked),
    }
}

async fn ready(gateway: &Gateway, cleared: &Cleared, constrained: Constrained) -> Result<Held, Refusal> {
    let Constrained { field, constraint } = constrained;
    if cleared.entered().request.params.ignore_eos {
        return Err(Refusal::Invalid {
            field: "ignore_eos".to_owned(),
            reason: "cannot be true where the answer is constrained: it ends where its grammar does"
                .to_owned(),
        });
    }
    let tokenizer = Arc::clone(&cleared.entered().serving.tokenizer);
    let json = constraint.is_json();
    let invalid = move |error: tokenizer::Error| Refusal::Invalid {
        field: field.to_owned(),
        reason: error.to_string(),
    };
    let state = gateway.blocking(move || state(&tokenizer, &constraint).map_err(invalid)).await?;
    Ok(Held { state, json })
}

/// The call that the request's choice among tools forces.
fn forced(cleared: &Cleared) -> Result<Option<Constrained>, Refusal> {
    let Some(tools) = cleared.tools() else { return Ok(None) };
    let serving = &cleared.entered().serving;
    let template = serving.template.as_ref().map_or("", tokenizer::ChatTemplate::source);
    let invalid = |(field, error): (String, tokenizer::Error)| Refusal::Invalid {
        field,
        reason: format!("{error}; a call that is required is held to it, one by choice (auto) is not"),
    };
    let made = grammar(tools, template, &serving.tokenizer).map_err(invalid)?;
    Ok(made.map(|CallGrammar { text, control }| Constrained {
        field: "tools",
        constraint: Constraint::TrustedLark { text, control },
    }))
}

fn state(tokenizer: &Tokenizer, constraint: &Constraint) -> Result<GrammarState, tokenizer::Error> {
    match constraint {
        Constraint::JsonObject => tokenizer.grammar(&Grammar::JsonObject),
        Constraint::JsonSchema(schema) => tokenizer.grammar(&Grammar::JsonSchema(schema)),
        Constraint::Regex(pattern) => tokenizer.grammar(&Grammar::Regex(pattern)),
        Constraint::Choice(choices) => tokenizer.grammar(&Grammar::Choice(choices)),
        Constraint::Lark(text) => tokenizer.grammar(&Grammar::Lark(text)),
        Constraint::TrustedLark { text, control } => {
            let control: Vec<u32> = control.iter().filter_map(|name| tokenizer.token_id(name)).collect();
            tokenizer.grammar(&Grammar::TrustedLark { text, control: &control })
        }
    }
}

/// A grammar as the engine takes it. Why it gave up is of no use to the engine, and no text.
struct Mask(GrammarState);

impl TokenMask for Mask {
    fn allow(&mut self, words: &mut [u32]) -> Result<(), MaskFault> {
        self.0.allow(words).map_err(|_| MaskFault)
    }

    fn accept(&mut self, id: u32) -> Result<bool, MaskFault> {
        self.0.accept(id).map_err(|_| MaskFault)
    }

    fn fork(&self) -> Box<dyn TokenMask> {
        Box::new(Self(self.0.clone()))
    }
}
